"""Execute every notebook (`make run`), or execute and re-record them in place (`make record`).

python -m tools.notebooks run    [--nb 06,00] [--profile gpu] [--source sample]
python -m tools.notebooks record [--nb 06,00]
python -m tools.notebooks pages            the generated lines only: headers, README's table

Each notebook runs alone, in a kernel of this environment, in papermill. `record` runs it twice: once
on the sample, which is measured and thrown away, and once on the real data where the mirror has them
(COURSE_DATA), whose outputs are kept.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import sys
import tempfile
import threading
import time
import tomllib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import nbformat
import psutil
from tqdm import tqdm

from helpers import course, labs, plots, results, runtime

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks"
OUT = ROOT / "build" / "run"
HEADER = re.compile(r"<!-- measured -->.*?<!-- end -->", re.S)
NEXT = re.compile(r"<!-- next -->.*?<!-- end -->", re.S)
README = ROOT / "README.md"
README_MAP = re.compile(r"<!-- map -->.*?<!-- end -->", re.S)
README_TABLE = re.compile(r"<!-- course -->.*?<!-- end -->", re.S)


@dataclass(frozen=True)
class Run:
    """How one execution went. `memory_mb` is the peak of the kernel and its children (resident)."""

    notebook: str
    result: str
    seconds: float
    memory_mb: float

    @property
    def passed(self) -> bool:
        """Whether it ran to its end."""
        return self.result == "ok"


def find(numbers: str | None = None) -> list[Path]:
    """The notebooks in reading order, or those whose numbers are given ("06" or "00,06")."""
    every = sorted(FOLDER.glob("[0-9][0-9]_*.ipynb"))
    if not numbers:
        return every
    chosen = []
    for number in re.split(r"[,\s]+", numbers.strip()):
        hits = [path for path in every if path.name.startswith(number)]
        if not hits:
            there = ", ".join(path.name[:2] for path in every)
            raise SystemExit(f"no notebook begins with {number!r}; there are {there}")
        chosen += hits
    return chosen


def execute(path: Path, out: Path, parameters: dict | None = None, **environment: str) -> Run:
    """Run one notebook from `path` to `out`; never raises for what happens inside it."""
    import papermill

    out.parent.mkdir(parents=True, exist_ok=True)
    began, result = time.perf_counter(), "ok"
    environment = {"JUPYTER_PREFER_ENV_PATH": "1", **environment}
    with (
        _environment(**environment),
        _peak_memory() as peak,
        runtime.quiet_stderr(),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        try:
            papermill.execute_notebook(
                str(path), str(out), parameters or {}, kernel_name="python3", language="python",
                progress_bar=False, log_output=False, cwd=str(path.parent),
            )  # fmt: skip
        except papermill.PapermillExecutionError as error:
            said = error.evalue.partition("\n")[0][:60]  # an assert may say nothing
            result = f"cell {error.exec_count}: {error.ename}: {said}"
        except Exception as error:  # a kernel that died, a notebook that does not parse, ...
            result = f"{type(error).__name__}: {str(error).partition(chr(10))[0][:60]}"
    return Run(path.stem, result, time.perf_counter() - began, peak[0] / 2**20)


def run(paths: Sequence[Path], parameters: dict, **environment: str) -> list[Run]:
    """Execute notebooks one after the other into build/run/, going on after a failure."""
    done = []
    with tqdm(paths, unit="notebook") as bar:
        for path in bar:
            bar.set_postfix_str(path.stem)
            done.append(execute(path, OUT / path.name, parameters, **environment))
    return done


def table(runs: Sequence[Run]) -> str:
    """The closing table: notebook, result, seconds, peak memory."""
    width = max(len("notebook"), *(len(r.notebook) for r in runs))
    lines = [f"{'notebook':{width}}  {'seconds':>7}  {'peak MB':>7}  result"]
    lines += [
        f"{r.notebook:{width}}  {r.seconds:7.1f}  {r.memory_mb:7.0f}  {r.result}" for r in runs
    ]
    passed = sum(r.passed for r in runs)
    return "\n".join([*lines, f"{passed} passed, {len(runs) - passed} failed"])


def record(paths: Sequence[Path]) -> list[Run]:
    """Execute and keep: outputs, seconds, memory, results; a failed notebook keeps what it had."""
    if not os.environ.get("COURSE_DATA"):
        raise SystemExit("make record needs COURSE_DATA: the stored outputs are made on real data")
    done = []
    # 00 draws a map of the others' measurements, so it comes last.
    with tqdm(sorted(paths, key=lambda path: path.name.startswith("00")), unit="notebook") as bar:
        for path in bar:
            bar.set_postfix_str(path.stem)
            done.append(_record_one(path))
            pages()
    return done


def _record_one(path: Path) -> Run:
    with tempfile.TemporaryDirectory() as scratch:
        out, still = Path(scratch, path.name), {"TQDM_DISABLE": "1", "COURSE_STILL": "1"}
        first, home = Path(scratch, "sample"), Path(scratch, "home")
        sample = execute(path, out, COURSE_SOURCE="sample", COURSE_HOME=str(first), **still)
        if not sample.passed:
            return sample
        # A home of its own: what the first run left there must not show in the stored outputs.
        final = execute(path, out, COURSE_SOURCE="auto", COURSE_HOME=str(home), **still)
        if not final.passed:
            return final
        book = nbformat.read(out, as_version=4)
        measured = {
            "seconds": round(final.seconds, 1),
            "memory_mb": round(final.memory_mb),
            "sample_seconds": round(sample.seconds, 1),
            "sample_memory_mb": round(sample.memory_mb),
            "cores": runtime.cores(),
            "source": _source(book),
        }
        found = _own_results(home / "results.json")
        measured["results"] = course.digest(found)
        _write(path, clean(book, measured))
        _merge_results(path.name[:2], found)
    return final


def clean(book: nbformat.NotebookNode, measured: dict) -> nbformat.NotebookNode:
    """Drop what papermill and the front ends leave behind, and put in what was measured."""
    about = book.metadata.get("course", {})
    book.metadata = nbformat.from_dict(
        {
            "course": {**{k: about[k] for k in ("part", "needs") if k in about}, **measured},
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for cell in book.cells:
        tags = cell.metadata.get("tags", [])
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
    book.metadata.course["fingerprint"] = course.fingerprint(book)
    return book


def pages() -> None:
    """Write the generated lines: the index, each notebook's header, the README's table."""
    paths = [path for path in find() if "seconds" in nbformat.read(path, 4).metadata.course]
    chapters = [chapter(path) for path in paths]
    index = json.dumps([asdict(chapter) for chapter in chapters], indent=1, ensure_ascii=False)
    with runtime.write_atomically(ROOT / "data" / "course.json") as part:
        part.write_text(index + "\n", encoding="utf-8")
    for path in paths:
        book = nbformat.read(path, as_version=4)
        first, last = book.cells[0].source, book.cells[-1].source
        book.cells[0].source = HEADER.sub(lambda _, p=path: header(p, chapters), first)
        book.cells[-1].source = NEXT.sub(lambda _, p=path: next_line(p, chapters), last)
        if (first, last) != (book.cells[0].source, book.cells[-1].source):
            _write(path, book)
    text = README.read_text("utf-8")
    for pattern, made in ((README_TABLE, readme_table(chapters)), (README_MAP, readme_map())):
        text = pattern.sub(lambda _, made=made: made, text)
    with runtime.write_atomically(README) as part:
        part.write_text(text, encoding="utf-8")


def header(path: Path, chapters: Sequence[course.Chapter]) -> str:
    """The measured line below a notebook's title: time, memory, what comes before, Colab."""
    own = next(chapter for chapter in chapters if chapter.name == path.stem)
    names = {chapter.number: chapter.name for chapter in chapters}
    # A needed notebook that is not written yet is not linked: a reader could not open it.
    before = ", ".join(f"[{n}]({names[n]}.ipynb)" for n in own.needs if n in names)
    return (
        "<!-- measured -->\n"
        f"*Takes {course.minutes(own.seconds)} and {own.memory_mb / 1000:.1f} GB of memory on "
        f"{own.cores} processor cores. Before it: {before or 'nothing'}. "
        f"[Open in Colab]({colab(path)})*\n"
        "<!-- end -->"
    )


def next_line(path: Path, chapters: Sequence[course.Chapter]) -> str:
    """The lines at a notebook's end that lead to its labs and to the next one."""
    names = [chapter.name for chapter in chapters]
    after = chapters[names.index(path.stem) + 1 :]
    lines = [
        f"**Do now**: [{lab.title}]({lab.path}) ({lab.minutes} min)\n"
        for lab in labs.every()
        if path.name[:2] in lab.notebooks
    ]
    line = "This is the last notebook so far."
    if after:
        line = f"**Next**: [{after[0].number}. {after[0].title}]({after[0].name}.ipynb)"
    return "\n".join(["<!-- next -->", *lines, line, "<!-- end -->"])


def readme_table(chapters: Sequence[course.Chapter]) -> str:
    """The map of the course in the README: every notebook with its measured cost."""
    rows = [
        f"| [{c.number}](notebooks/{c.name}.ipynb) | {c.title} | {course.minutes(c.seconds)} | "
        f"{c.memory_mb / 1000:.1f} GB | [open]({colab(FOLDER / f'{c.name}.ipynb')}) |"
        for c in chapters
    ]
    head = "| | notebook | time | memory | Colab |\n|---|---|---|---|---|"
    return "\n".join(["<!-- course -->", head, *rows, "<!-- end -->"])


def readme_map() -> str:
    """Draw the map of the course beside the README; returns the line that shows it."""
    plots.use_style()
    fig, alt = course.map_figure(times=False)
    with runtime.write_atomically(ROOT / "docs" / "map.png") as part:
        part.write_bytes(plots.png(fig))
    return f"<!-- map -->\n![{alt}](docs/map.png)\n<!-- end -->"


def repository() -> str:
    """The address of the repository, from the one place that holds it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return project["project"]["urls"]["Repository"]


def colab(path: Path) -> str:
    """The address that opens a notebook in Colab."""
    owner_and_name = repository().split("github.com/")[1]
    inside = path.relative_to(ROOT).as_posix()
    return f"https://colab.research.google.com/github/{owner_and_name}/blob/main/{inside}"


def bootstrap() -> str:
    """The bootstrap cell, the same in every notebook."""
    return (
        "# Only Colab needs this: it installs the helpers and replaces nothing there.\n"
        "import sys\n\n"
        'if "google.colab" in sys.modules:\n'
        f'    %pip install -q --no-deps "git+{repository()}"'
    )


def chapter(path: Path) -> course.Chapter:
    """What a notebook says of itself: its title, and what its metadata measured."""
    book = nbformat.read(path, as_version=4)
    about = book.metadata.get("course", {})
    missing = [key for key in ("part", "needs", "seconds") if key not in about]
    if missing:
        raise SystemExit(f"{path.name}: metadata.course has no {missing[0]!r}; record it first")
    return course.Chapter(
        number=path.name[:2],
        name=path.stem,
        title=book.cells[0].source.splitlines()[0].removeprefix("# ").strip(),
        part=about["part"],
        seconds=about["seconds"],
        memory_mb=about["memory_mb"],
        cores=about["cores"],
        source=about["source"],
        needs=tuple(about["needs"]),
        fingerprint=about["fingerprint"],
        results=about["results"],
    )


def _source(book: nbformat.NotebookNode) -> str:
    """Which data a run used, read from the lines that the loaders print."""
    printed = " ".join(
        output.text for cell in book.cells if cell.cell_type == "code"
        for output in cell.outputs if output.output_type == "stream"
    )  # fmt: skip
    found = re.search(r"from the (mirror|Hub|SAMPLE)", printed)
    return found.group(1).lower() if found else "sample"


def _own_results(file: Path) -> dict[str, dict]:
    """What a run measured; which notebook did is told for what ships by that notebook's metadata."""
    table = json.loads(file.read_text("utf-8")) if file.exists() else {}
    for entry in table.values():
        entry.pop("notebook", None)
    return table


def _merge_results(number: str, new: dict[str, dict]) -> None:
    """Replace what this notebook measured before by what it measured now."""
    path = results.shipped()
    kept = {n: entry for n, entry in _own_results(path).items() if not n.startswith(f"{number}.")}
    results.save({**kept, **new}, path)


def _write(path: Path, book: nbformat.NotebookNode) -> None:
    with runtime.write_atomically(path) as part:
        nbformat.write(book, part)


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _peak_memory(every: float = 0.2) -> Iterator[list[int]]:
    """The largest resident memory of this process's children, in bytes, looked at `every` seconds."""
    peak, stop, own = [0], threading.Event(), psutil.Process()

    def watch() -> None:
        while not stop.wait(every):
            total = 0
            for child in own.children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    total += child.memory_info().rss
            peak[0] = max(peak[0], total)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        stop.set()
        watcher.join()


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line; exit status 1 when a notebook failed."""
    parser = argparse.ArgumentParser(prog="tools.notebooks", description=__doc__)
    parser.add_argument("what", choices=("run", "record", "pages"))
    parser.add_argument("--nb", help="numbers of the notebooks, for instance 06 or 00,06")
    parser.add_argument("--profile", choices=runtime.PROFILES)
    parser.add_argument("--source", choices=("auto", "mirror", "hub", "sample", "real"))
    options = parser.parse_args(arguments)
    if options.what == "pages":
        pages()
        return 0
    given = {"PROFILE": options.profile, "SOURCE": options.source}
    parameters = {name: value for name, value in given.items() if value}
    paths = find(options.nb)
    done = record(paths) if options.what == "record" else run(paths, parameters)
    print(table(done))
    return 0 if all(r.passed for r in done) else 1


if __name__ == "__main__":
    sys.exit(main())
