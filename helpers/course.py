"""The course itself: which notebooks there are, what each promises and costs, and a map of them."""

from __future__ import annotations

import hashlib
import json
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from helpers import plots, results, runtime

if TYPE_CHECKING:
    import nbformat
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Chapter:
    """One notebook. `seconds` and `memory_mb` were measured on `cores` processor cores."""

    number: str
    name: str  # the file's name without its ending
    title: str
    part: str  # the part of the course that it belongs to
    seconds: float
    memory_mb: float
    cores: int
    source: str  # the data it was measured on
    needs: tuple[str, ...] = ()  # numbers of the notebooks that come before it
    fingerprint: str = ""  # of its code and stored outputs, see `fingerprint`
    results: str = ""  # digest of the figures that it measured and that ship


def chapters() -> tuple[Chapter, ...]:
    """The notebooks that exist, in reading order, from the index that `make record` writes."""
    rows = json.loads(index().read_text(encoding="utf-8"))
    return tuple(Chapter(**{**row, "needs": tuple(row["needs"])}) for row in rows)


def index() -> Path:
    """The list of notebooks that ships with the course."""
    return runtime.shipped() / "course.json"


def fingerprint(book: nbformat.NotebookNode) -> str:
    """A hash of all code and all stored outputs: an edit by hand to either shows."""
    kept = ("output_type", "name", "text", "data", "metadata")
    parts = [
        [cell.source, [{k: out[k] for k in kept if k in out} for out in cell.outputs]]
        for cell in book.cells
        if cell.cell_type == "code"
    ]
    return digest(parts)


def digest(content: object) -> str:
    """A short hash of anything that JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def outdated(result: results.Result) -> str | None:
    """Why a figure must not be quoted: it is older than the notebook that measures it.

    A figure of the reader's own carries the fingerprint of the notebook that made it. One that ships
    is sound if the notebook's recorded digest is that of its figures and, where the notebook itself
    is there, if nothing in it was changed since it was recorded.

    Args:
        result: what `results.recall` returned.

    Returns:
        None, or a sentence that names the figure, the notebook and what to do.
    """
    number = result.name[:2]
    chapter = next((c for c in chapters() if c.number == number), None)
    if chapter is None:
        return f"{result.name}: there is no notebook {number}"
    if result.origin == "you":
        fresh, mend = result.notebook == chapter.fingerprint, f"run notebook {number} again"
    else:
        fresh, mend = _as_recorded(chapter), f"run `make record NB={number}`"
    return None if fresh else f"{result.name} is older than {chapter.name}: {mend}"


def _as_recorded(chapter: Chapter) -> bool:
    """Whether the figures that ship, and the notebook where it is there, are those recorded."""
    if chapter.results != digest(results.of_notebook(chapter.number)):
        return False
    path = runtime.shipped().parent / "notebooks" / f"{chapter.name}.ipynb"
    if not path.exists():  # installed without the notebooks, as in Colab
        return True
    import nbformat

    return fingerprint(nbformat.read(path, as_version=4)) == chapter.fingerprint


def minutes(seconds: float) -> str:
    """A time as a reader would say it: '20 s', '3 min'."""
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"


def draw_map() -> None:
    """Show the course as a map, with the measured time of each notebook."""
    fig, alt = map_figure()
    plots.show(fig, alt)


def map_figure(times: bool = True) -> tuple[Figure, str]:
    """The map and its alt text: a column a part of the course, notebooks in reading order."""
    found = chapters()
    parts = list(dict.fromkeys(chapter.part for chapter in found))
    columns = {part: [c for c in found if c.part == part] for part in parts}
    tallest = max(len(column) for column in columns.values())
    fig, ax = plots.figure(size=(max(6.4, 3.4 * len(parts)), 1.2 + 0.95 * tallest))
    for x, (part, column) in enumerate(columns.items()):
        colour = plots.COLOURS[x % len(plots.COLOURS)]
        ax.text(x, 0.75, part, ha="center", weight="bold", color=colour)
        for y, chapter in enumerate(column):
            text = textwrap.fill(f"{chapter.number}  {chapter.title.split(':')[0]}", 36)
            text += f"\n{minutes(chapter.seconds)}" if times else ""
            ax.text(x, -y, text, ha="center", va="center", fontsize=8.5, linespacing=1.4,
                    bbox={"boxstyle": "round,pad=0.5", "facecolor": "white",
                          "edgecolor": colour, "linewidth": 1.5})  # fmt: skip
            if y:
                ax.annotate("", (x, -y + 0.36), (x, -y + 0.64), zorder=0,
                            arrowprops={"arrowstyle": "->", "color": "#888888"})  # fmt: skip
    ax.set(xlim=(-0.55, len(parts) - 0.45), ylim=(-tallest + 0.4, 1.05))
    ax.set_axis_off()
    fig.suptitle("The course so far" + ", with the time each notebook takes" * times,
                 x=0.01, ha="left", fontsize=11)  # fmt: skip
    listed = "; ".join(f"{c.number} {c.title}" + f" ({minutes(c.seconds)})" * times for c in found)
    return fig, f"A map of the notebooks in reading order: {listed}."
