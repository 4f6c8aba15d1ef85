"""Every figure style of the course: one look, colours that all can tell apart, alt text always.

`show` is the only way a figure is shown. It refuses one without a title, axis labels or alt text, so
that no notebook can forget them.
"""

from __future__ import annotations

import html
import io
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito (2008), "Color Universal Design": eight colours told apart with any colour vision.
# The yellow of the original is left out: it is too faint for lines on white.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
SEQUENTIAL = "viridis"
DIVERGING = "RdBu_r"
SIZE = (6.4, 3.4)


_styled = False  # whether this session has the course's style


def use_style() -> None:
    """Set Matplotlib's defaults for the session; `start()` and the first figure call it."""
    global _styled
    import matplotlib as mpl

    _styled = True

    mpl.rcParams.update(
        {
            "figure.figsize": SIZE,
            "figure.dpi": 100,
            "figure.constrained_layout.use": True,
            "axes.prop_cycle": mpl.cycler(color=COLOURS),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.titlelocation": "left",
            "axes.titlesize": 11,
            "grid.color": "#e6e6e6",
            "grid.linewidth": 0.8,
            "lines.linewidth": 1.8,
            "legend.frameon": False,
            "image.cmap": SEQUENTIAL,
            "svg.hashsalt": "large-models-in-the-open",
        }
    )


def figure(rows: int = 1, columns: int = 1, size: tuple[float, float] | None = None, **about):
    """A new figure and its axes, as `matplotlib.pyplot.subplots`, in the course's size (inches)."""
    import matplotlib.pyplot as plt

    if not _styled:  # a lab that needs no framework does not call start()
        use_style()
    default = (SIZE[0] if columns == 1 else 4.2 * columns, SIZE[1] * rows)
    return plt.subplots(rows, columns, figsize=size or default, **about)


def show(fig: Figure, alt: str) -> None:
    """Show a finished figure with its alt text, and close it.

    Args:
        fig: the figure. Each visible axes needs a title (or the figure a suptitle) and, unless its
            axis is switched off, labels on both axes.
        alt: what a reader who cannot see it should know: the kind of figure, and the finding.

    Raises:
        ValueError: alt text, title or a label is missing; the message says which.
    """
    from IPython.display import display

    words = " ".join(alt.split())
    display(_Picture(_finished(fig, alt), words))
    display(_InWords(words))
    _close(fig)


def png(fig: Figure) -> bytes:
    """The figure as PNG, byte-equal across runs: no date and no version inside."""
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", metadata={"Software": None}, pil_kwargs={"optimize": True})
    return buffer.getvalue()


def sliders(
    draw: Callable[..., Figure], alt: str, **ranges: tuple[float, float, float, float]
) -> None:
    """A figure that sliders redraw; a static page shows it as it is at the start.

    `draw` gets the sliders' values by name and returns a finished figure; it is called once here and
    at each move. Each range is (from, to, step, start). `make record` leaves the sliders themselves
    out (COURSE_STILL), because a page that is not running cannot move them.
    """
    import ipywidgets
    from IPython.display import display

    def picture(**values: float) -> _Picture:
        fig = draw(**values)
        try:
            return _Picture(_finished(fig, alt), " ".join(alt.split()))
        finally:
            _close(fig)

    widgets = {
        name: ipywidgets.FloatSlider(
            value=start, min=low, max=high, step=step, readout_format=".3g",
            description=name.replace("_", " "), continuous_update=False,
            style={"description_width": "9em"}, layout={"width": "32em"},
        )
        for name, (low, high, step, start) in ranges.items()
    }  # fmt: skip
    if not os.environ.get("COURSE_STILL"):
        display(ipywidgets.VBox(list(widgets.values())))
    first = picture(**{name: widget.value for name, widget in widgets.items()})
    shown = display(first, display_id=True)
    display(_InWords(first.alt))

    def redraw(_: object) -> None:
        shown.update(picture(**{name: widget.value for name, widget in widgets.items()}))

    for widget in widgets.values():
        widget.observe(redraw, names="value")


class _InWords:
    """The alt text as a fold below the figure: JupyterLab and GitHub give a PNG output no alt text."""

    def __init__(self, alt: str) -> None:
        self.alt = alt

    def __repr__(self) -> str:
        return f"Figure in words: {self.alt}"

    def _repr_html_(self) -> str:
        return f"<details><summary>Figure in words</summary>{html.escape(self.alt)}</details>"


class _Picture:
    """A PNG with alt text in its metadata, where nbconvert and some front ends look for it."""

    def __init__(self, data: bytes, alt: str) -> None:
        self.data, self.alt = data, alt

    def _repr_mimebundle_(self, include=None, exclude=None):
        import base64

        encoded = base64.b64encode(self.data).decode("ascii")
        return {"image/png": encoded, "text/plain": self.alt}, {"image/png": {"alt": self.alt}}


def bars(
    heights: Mapping[str, float] | Sequence[float],
    *,
    title: str,
    xlabel: str,
    ylabel: str,
    alt: str,
    low: Sequence[float] | None = None,
    high: Sequence[float] | None = None,
    horizontal: bool = False,
) -> None:
    """A bar each; a mapping names them, a sequence numbers them from 0.

    `low` and `high` are the ends of intervals, drawn as whiskers. `xlabel` always names the bars and
    `ylabel` the heights, also when `horizontal` lays them down.
    """
    names = list(heights) if isinstance(heights, Mapping) else [str(i) for i in range(len(heights))]
    values = list(heights.values()) if isinstance(heights, Mapping) else list(heights)
    fig, ax = figure()
    error = None
    if low is not None and high is not None:
        error = [[v - a for v, a in zip(values, low, strict=True)],
                 [b - v for v, b in zip(values, high, strict=True)]]  # fmt: skip
    if horizontal:
        ax.barh(names, values, xerr=error, color=COLOURS[0], capsize=3)
        ax.invert_yaxis()
        ax.set(ylabel=xlabel, xlabel=ylabel)
        fig.suptitle(title, x=0.01, ha="left", fontsize=11)  # the names push the axes far right
    else:
        ax.bar(names, values, yerr=error, color=COLOURS[0], capsize=3)
        ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
    show(fig, alt)


def lines(
    curves: Mapping[str, Sequence[float]],
    *,
    title: str,
    xlabel: str,
    ylabel: str,
    alt: str,
    x: Sequence[float] | None = None,
    log: str = "",
) -> None:
    """A line each, with markers where points are few; `log` is "x", "y" or "xy"."""
    fig, ax = figure()
    for name, values in curves.items():
        steps = range(1, len(values) + 1) if x is None else x
        ax.plot(steps, values, label=name, marker="o" if len(values) <= 20 else None, markersize=4)
    if "x" in log:
        ax.set_xscale("log")
    if "y" in log:
        ax.set_yscale("log")
    if x is None and max(len(values) for values in curves.values()) <= 20:
        ax.xaxis.get_major_locator().set_params(integer=True)
    if len(curves) > 1:
        ax.legend()
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
    show(fig, alt)


def matrix(
    values: np.ndarray,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
    xlabel: str,
    ylabel: str,
    alt: str,
    shape: str = "{}",
) -> None:
    """A table of numbers as coloured squares with the numbers in them: confusion, attention, ...

    values: (len(rows), len(columns)); `shape` formats a number ("{:.2f}").
    """
    fig, ax = figure(size=(1.6 + 1.1 * len(columns), 1.4 + 0.8 * len(rows)))
    ax.imshow(values, cmap="Blues", vmin=0, aspect="auto")
    ax.grid(False)
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    middle = values.max() / 2
    for i in range(len(rows)):
        for j in range(len(columns)):
            colour = "white" if values[i, j] > middle else "black"
            ax.text(j, i, shape.format(values[i, j]), ha="center", va="center", color=colour)
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
    show(fig, alt)


def _finished(fig: Figure, alt: str) -> bytes:
    missing = list(_missing(fig, alt))
    if missing:
        raise ValueError("this figure is not finished: " + "; ".join(missing))
    return png(fig)


def _close(fig: Figure) -> None:
    import matplotlib.pyplot as plt

    plt.close(fig)


def _missing(fig: Figure, alt: str):
    if len(alt.split()) < 4:
        yield "alt text (say in a sentence what the figure shows)"
    drawn = [ax for ax in fig.axes if ax.get_visible() and not _is_colorbar(ax)]
    if not drawn:
        yield "axes"
    elif _cut_off(fig):
        yield "a shorter title (or one with a line break): it runs past the edge"
    titled = bool(fig.get_suptitle())
    for number, ax in enumerate(drawn, start=1):
        where = f" of axes {number}" if len(drawn) > 1 else ""
        if not titled and not any(ax.get_title(loc) for loc in ("left", "center", "right")):
            yield f"a title{where}"
        if not ax.axison:
            continue
        if not (ax.get_xlabel() or _shared(fig, "x")):
            yield f"a label on the x axis{where}"
        if not (ax.get_ylabel() or _shared(fig, "y")):
            yield f"a label on the y axis{where}"


def _cut_off(fig: Figure) -> bool:
    """Whether a title runs past the right edge of the figure."""
    titles = [ax.title for ax in fig.axes] + [ax._left_title for ax in fig.axes]
    titles += [fig._suptitle] if fig.get_suptitle() else []
    fig.draw_without_rendering()
    return any(t.get_text() and t.get_window_extent().x1 > fig.bbox.x1 for t in titles)


def _shared(fig: Figure, which: str) -> bool:
    return bool(getattr(fig, f"get_sup{which}label")())


def _is_colorbar(ax: Axes) -> bool:
    return hasattr(ax, "_colorbar")
