"""Make the learners' copies of the labs from their masters (`make labs`).

python -m tools.labs            metadata of the masters, copies, index, links in the notebooks
python -m tools.labs --check    change nothing; exit 1 where something is stale

A master holds text, solutions, visible checks and hidden tests. What nbgrader wants to know of each
cell is written here from what stands in it: a cell with BEGIN SOLUTION is a solution, a cell that
calls labs.check is graded with the points of its task.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from helpers import labs, runtime
from tools import notebooks

ROOT = notebooks.ROOT
FOLDER = ROOT / "labs"
CONFIG = ROOT / "workshop" / "nbgrader_config.py"
HEADER = re.compile(r"<!-- lab -->.*?<!-- end -->", re.S)
README_TABLE = re.compile(r"<!-- labs -->.*?<!-- end -->", re.S)
CHECK = re.compile(r'labs\.check\(\s*"(lab\d\d)\.([a-z0-9_]+)"')
SOLUTION = re.compile(r"^\s*### BEGIN SOLUTION", re.M)
NAME = re.compile(r"^(?:def|class) (\w+)|^(\w+)\s*(?::[^=]+)?=", re.M)


def find() -> list[Path]:
    """The folders of the labs, in their order."""
    return sorted(path.parent for path in FOLDER.glob("[0-9][0-9]_*/master.ipynb"))


def copy_of(folder: Path) -> Path:
    """The learner's copy in a lab's folder."""
    return folder / f"{folder.name}.ipynb"


def read(path: Path) -> NotebookNode:
    """A notebook with its cells' ids and metadata as they are."""
    return nbformat.read(path, as_version=4)


def described(folder: Path, master: NotebookNode) -> NotebookNode:
    """The master with the metadata that nbgrader needs, its header line, and no outputs.

    Raises:
        ValueError: a cell mixes solution and check, a task has no graded cell or two, or a name that
            the copy needs is missing.
    """
    number = folder.name[:2]
    tasks = labs.tasks(f"lab{number}")
    graded: list[str] = []
    for cell in master.cells:
        tags = cell.metadata.get("tags", [])
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        if cell.cell_type != "code":
            continue
        cell.outputs, cell.execution_count = [], None
        found, solution = CHECK.findall(cell.source), SOLUTION.search(cell.source)
        if found and solution:
            raise ValueError(f"{folder.name}: a cell holds both a solution and labs.check")
        if found:
            names = {name for _, name in found}
            unknown = [n for lab, n in found if lab != f"lab{number}" or n not in tasks]
            if len(names) != 1 or unknown:
                raise ValueError(f"{folder.name}: a graded cell checks one task of its own lab")
            graded += names
            cell.metadata["nbgrader"] = _about(found[0][1], points=tasks[found[0][1]].points)
        elif solution:
            cell.metadata["nbgrader"] = _about(f"answer-{_defined(folder, cell.source)}")
    if sorted(graded) != sorted(tasks):
        raise ValueError(f"{folder.name}: graded cells {graded}, tasks {list(tasks)}")
    about = master.metadata.get("course", {})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    master.metadata = nbformat.from_dict(
        {"course": about, "kernelspec": kernel, "language_info": {"name": "python"}}
    )
    master.cells[0].source = HEADER.sub(lambda _: header(folder, about), master.cells[0].source)
    return master


def _about(name: str, points: float | None = None) -> dict:
    graded = points is not None
    about = {"grade": graded, "grade_id": name, "locked": graded, "schema_version": 3,
             "solution": not graded, "task": False}  # fmt: skip
    return {**about, "points": points} if graded else about


def _defined(folder: Path, source: str) -> str:
    found = NAME.search(source)
    if not found:
        raise ValueError(f"{folder.name}: this solution defines nothing:\n{source[:200]}")
    return found.group(1) or found.group(2)


def header(folder: Path, about: dict) -> str:
    """The generated line below a lab's title."""
    every = labs.tasks(f"lab{folder.name[:2]}").values()
    names = {path.name[:2]: path.name for path in notebooks.find()}
    linked = ", ".join(f"[{n}](../../notebooks/{names[n]})" for n in about["notebooks"])
    return (
        "<!-- lab -->\n"
        f"*About {about['minutes']} minutes; {len(every)} tasks, "
        f"{sum(task.points for task in every):g} points. Belongs to: {linked}. "
        f"Code that does not end is stopped after {_stopped_after(list(every))}. "
        f"[Open in Colab]({notebooks.colab(copy_of(folder))})*\n"
        "<!-- end -->"
    )


def _stopped_after(tasks: Sequence[labs.Task]) -> str:
    """The time limits of a lab's checks: "10 s (task 3: 30 s, challenge: 60 s)"."""
    other = [
        f"{f'task {number}' if number < len(tasks) else 'challenge'}: {task.seconds:g} s"
        for number, task in enumerate(tasks, start=1) if task.seconds != labs.SECONDS
    ]  # fmt: skip
    return f"{labs.SECONDS:g} s" + (f" ({', '.join(other)})" if other else "")


def copy(master: NotebookNode) -> NotebookNode:
    """The learner's copy, by nbgrader's own preprocessors."""
    from nbgrader import preprocessors as steps
    from traitlets.config.loader import PyFileConfigLoader

    config = PyFileConfigLoader(CONFIG.name, str(CONFIG.parent)).load_config()
    made, resources = nbformat.from_dict(master), {"nbgrader": {}}
    for step in (
        steps.LockCells, steps.ClearSolutions, steps.ClearOutput, steps.CheckCellMetadata,
        steps.ClearHiddenTests, steps.ComputeChecksums, steps.CheckCellMetadata,
    ):  # fmt: skip
        made, resources = step(config=config).preprocess(made, resources)
    return made


def lab(folder: Path, master: NotebookNode) -> labs.Lab:
    """What the index says of a lab."""
    about = master.metadata["course"]
    return labs.Lab(
        number=folder.name[:2],
        name=folder.name,
        title=master.cells[0].source.splitlines()[0].removeprefix("# ").strip(),
        minutes=about["minutes"],
        notebooks=tuple(about["notebooks"]),
        tasks=tuple(labs.tasks(f"lab{folder.name[:2]}")),
    )


def text(book: NotebookNode) -> str:
    """A notebook as it is written to a file."""
    return nbformat.writes(book) + "\n"


def made(folders: Sequence[Path]) -> dict[Path, str]:
    """Every generated file with what should stand in it."""
    files, index = {}, []
    for folder in folders:
        master = described(folder, read(folder / "master.ipynb"))
        nbformat.validate(master)
        files[folder / "master.ipynb"] = text(master)
        files[copy_of(folder)] = text(copy(read_again(master)))
        index.append(asdict(lab(folder, master)))
    table = readme_table(folders, index)
    readme = notebooks.README.read_text("utf-8")
    files[notebooks.README] = README_TABLE.sub(lambda _: table, readme)
    files[labs.index()] = json.dumps(index, indent=1, ensure_ascii=False) + "\n"
    return files


def readme_table(folders: Sequence[Path], index: Sequence[dict]) -> str:
    """The table of the labs in the README."""
    rows = [
        f"| [{row['number']}](labs/{row['name']}/{row['name']}.ipynb) | "
        f"{row['title'].partition('. ')[2]} | {len(row['tasks'])} | {row['minutes']} min | "
        f"{', '.join(row['notebooks'])} | [open]({notebooks.colab(copy_of(folder))}) |"
        for folder, row in zip(folders, index, strict=True)
    ]
    head = "| | lab | tasks | takes | after | Colab |\n|---|---|---|---|---|---|"
    return "\n".join(["<!-- labs -->", head, *rows, "<!-- end -->"])


def read_again(book: NotebookNode) -> NotebookNode:
    """A copy that shares nothing with the notebook."""
    return nbformat.reads(text(book), as_version=4)


def stale(files: dict[Path, str]) -> list[Path]:
    """Those that are missing or hold something else."""
    return [p for p, t in files.items() if not p.exists() or p.read_text("utf-8") != t]


def main(arguments: Sequence[str] | None = None, say: Callable[[str], None] = print) -> int:
    """Read the command line; exit status 1 when --check finds something stale."""
    parser = argparse.ArgumentParser(prog="tools.labs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing")
    options = parser.parse_args(arguments)
    try:
        files = made(find())
    except ValueError as error:
        say(str(error))
        return 1
    changed = stale(files)
    for path in changed:
        say(f"{'stale' if options.check else 'written'}: {path.relative_to(ROOT)}")
        if not options.check:
            with runtime.write_atomically(path) as part:
                part.write_text(files[path], encoding="utf-8")
    if options.check:
        return 1 if changed else 0
    notebooks.pages()
    return 0


if __name__ == "__main__":
    sys.exit(main())
