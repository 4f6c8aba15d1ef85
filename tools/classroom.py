"""A class and its labs: hand out, collect, grade, give back, and a table of marks (`make class`).

python -m tools.classroom all --class ~/class --from ~/submissions     everything below, in order
python -m tools.classroom release --class ~/class [--labs 07,09]       the copies to hand out
python -m tools.classroom collect --class ~/class --from ~/submissions find, mend, put in place
python -m tools.classroom grade --class ~/class [--student NAME]       run each in its sandbox
python -m tools.classroom feedback --class ~/class                     a page for each submission
python -m tools.classroom marks --class ~/class                        marks.csv and a table
python -m tools.classroom formgrader --class ~/class                   nbgrader's pages in JupyterLab

The folder of submissions has a folder for each student; the notebooks lie anywhere in it, under any
name. nbgrader keeps the books (gradebook.db); see workshop/README.md.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import sysconfig
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor

from helpers import labs, runtime
from tools import labs as making
from tools import mending, sandbox

ROOT = making.ROOT
HIDDEN_FROM_SUBMISSIONS = tuple(ROOT / name for name in ("labs", "tests", ".git"))
NAME = re.compile(r"[^\w.@-]+")
# Fresh for every check: a submission may have put something of its own in the place of helpers.labs.
FRESH = (
    "import sys as _sys; [_sys.modules.pop(_name) for _name in list(_sys.modules) if _name in "
    "('helpers.labs', 'helpers.attempts') or _name.startswith(('checks_', 'material_'))]; "
    "labs = __import__('importlib').import_module('helpers.labs')"
)


class Trouble(Exception):
    """What a teacher must know and do; shown without a traceback."""


# --- the folder of a class


def config_of(folder: Path) -> Any:
    """nbgrader's configuration for this class.

    Raises:
        Trouble: the folder holds no class.
    """
    from traitlets.config.loader import PyFileConfigLoader

    if not (folder / "nbgrader_config.py").exists():
        raise Trouble(
            f"{folder} holds no class yet: begin with  make class DO=release CLASS={folder}"
        )
    scripts = sysconfig.get_path("scripts")  # nbgrader calls alembic by its name
    if scripts not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([scripts, os.environ["PATH"]])
    config = PyFileConfigLoader("nbgrader_config.py", str(folder)).load_config()
    config.CourseDirectory.root = str(folder)
    return config


def api_of(folder: Path) -> Any:
    """nbgrader itself, for this class."""
    from nbgrader.apps.api import NbGraderAPI
    from nbgrader.coursedir import CourseDirectory
    from sqlalchemy.exc import SAWarning

    config = config_of(folder)
    warnings.filterwarnings("ignore", category=SAWarning)  # nbgrader's own, not for a teacher
    return NbGraderAPI(CourseDirectory(config=config), config=config)


def chosen(numbers: str | None) -> list[Path]:
    """The folders of the labs whose numbers are given ("07,09"), or of all.

    Raises:
        Trouble: there is no such lab.
    """
    every = making.find()
    if not numbers:
        return every
    wanted = [number.strip().zfill(2) for number in numbers.split(",")]
    unknown = set(wanted) - {path.name[:2] for path in every}
    if unknown:
        raise Trouble(f"there is no lab {', '.join(sorted(unknown))}")
    return [path for path in every if path.name[:2] in wanted]


def release(folder: Path, numbers: str | None = None, say: Callable[[str], None] = print) -> None:
    """Make the class's folder, and in `release/` the copies to hand out."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    lines = [
        '"""This class: what nbgrader needs to know. The rest stands in the course\'s own file."""',
        "", "c = get_config()", f"load_subconfig({str(making.CONFIG)!r})",
        f"c.CourseDirectory.root = {str(folder.resolve())!r}",
    ]  # fmt: skip
    (folder / "nbgrader_config.py").write_text("\n".join(lines) + "\n", encoding="utf-8")
    if not (folder / "seed.txt").exists():  # this class's hidden cases, the same at each grading
        (folder / "seed.txt").write_text(f"{secrets.randbelow(9000) + 1000}\n")
    api = api_of(folder)
    for lab in chosen(numbers):
        source = folder / "source" / lab.name / f"{lab.name}.ipynb"
        source.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(lab / "master.ipynb", source)
        _done(api.generate_assignment(lab.name, force=True), f"release {lab.name}")
        _sound(folder, source)
        say(f"released: {folder / 'release' / lab.name / source.name}")


def _sound(folder: Path, source: Path) -> None:
    """The master's own answers must pass this class's hidden cases before anybody is held to them."""
    book = nbformat.read(source, as_version=4)
    trouble = run(book, folder, source.stem)
    failed = [
        cell.metadata["nbgrader"]["grade_id"] for cell in book.cells
        if cell.metadata.get("nbgrader", {}).get("grade")
        and any(output.output_type == "error" for output in cell.outputs)
    ]  # fmt: skip
    if trouble or failed:
        what = ", ".join([*failed, trouble]).strip(", ")
        raise Trouble(f"{source.stem}: with this class's hidden cases the master's own answers do not "
                      f"pass ({what}). Remove {folder / 'seed.txt'} and release again.")  # fmt: skip


def _done(result: dict, what: str) -> None:
    if not result["success"]:
        said = (result.get("error") or result.get("log") or "").strip().splitlines()
        raise Trouble(f"{what}: nbgrader failed. {' '.join(said[-2:])}")


def released(folder: Path) -> dict[str, NotebookNode]:
    """The copies that this class was handed, by the names of their labs."""
    paths = sorted((folder / "release").glob("*/*.ipynb"))
    return {path.stem: nbformat.read(path, as_version=4) for path in paths}


# --- collect


def collect(folder: Path, source: Path, say: Callable[[str], None] = print) -> dict[str, dict]:
    """Find every student's labs, mend them, and put them where nbgrader looks.

    Returns:
        For each student and lab, the notes on what was found.

    Raises:
        Trouble: there is no such folder, or it has no folder for any student.
    """
    if not source.is_dir():
        raise Trouble(f"there is no folder of submissions {source}")
    students = sorted(p for p in source.iterdir() if p.is_dir() and not p.is_symlink())
    students = [path for path in students if not path.name.startswith(".")]
    if not students:
        raise Trouble(f"{source} has no folder for any student")
    config_of(folder)
    copies = released(folder)
    (folder / "from.txt").write_text(f"{source}\n", encoding="utf-8")
    shutil.rmtree(folder / "submitted", ignore_errors=True)
    notes: dict[str, dict] = {}
    for path in students:
        name = _student(path.name, notes)
        notes[name] = _collect_one(folder, path, name, copies)
        for lab, said in notes[name].items():
            for line in said:
                say(f"{name}, {lab or 'all'}: {line}")
    _write_json(folder / "notes.json", notes)
    return notes


def _student(name: str, taken: dict) -> str:
    """A name that may be a folder's and that no other student has."""
    safe = NAME.sub("_", name).strip("._") or "student"
    number, free = 2, safe
    while free in taken:
        free, number = f"{safe}_{number}", number + 1
    return free


def _collect_one(
    folder: Path, path: Path, student: str, copies: dict[str, NotebookNode]
) -> dict[str, list[str]]:
    notes: dict[str, list[str]] = {}
    for file in mending.notebooks_in(path):
        try:
            book = mending.read(file)
        except (mending.Unreadable, OSError) as error:
            lab = next((name for name in copies if name in file.name), "")
            notes.setdefault(lab, []).append(f"{file.name}: {error}")
            continue
        lab = mending.lab_of(book, copies, file.name)
        if lab is None:
            notes.setdefault("", []).append(f"{file.name} is none of the class's labs; left out")
            continue
        target = folder / "submitted" / student / lab / f"{lab}.ipynb"
        said = notes.setdefault(lab, [])
        if target.exists():
            said.append(f"a second notebook of this lab, {file.name}, was left out")
            continue
        mended = mending.mend(copies[lab], book)
        said += mended.notes
        target.parent.mkdir(parents=True)
        nbformat.write(mended.book, target)
    if not (folder / "submitted" / student).exists():
        notes.setdefault("", []).append("no lab that can be graded was found")
    return notes


def _write_json(path: Path, content: object) -> None:
    with runtime.write_atomically(path) as part:
        part.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _read_json(path: Path) -> dict:
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


# --- grade


class Run(NbGraderPreprocessor):
    """Runs a submission in its sandbox, in the place of nbgrader's own execution.

    A check counts as passed when it ran to its end and the line after it was reached: that no error
    came back is not enough, because a submission may have switched errors off.
    """

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Execute, and leave in each graded cell what nbgrader reads as a pass or a failure."""
        about = resources["nbgrader"]
        folder = Path(about["db_url"].removeprefix("sqlite:///")).parent
        hide = (folder, _handed_in(folder), *HIDDEN_FROM_SUBMISSIONS)
        trouble = run(nb, folder, about["assignment"], hide)
        if trouble:
            _note(folder, about["student"], about["assignment"], f"the run ended early: {trouble}")
        return nb, resources


def run(nb: NotebookNode, folder: Path, lab: str, hide: Sequence[Path] = ()) -> str:
    """Run a notebook of a lab with this class's hidden cases; its graded cells get their verdicts.

    Returns:
        "" when all cells ran, else why they did not.
    """
    os.environ["COURSE_HIDDEN_SEED"] = (folder / "seed.txt").read_text().strip()
    proven, proofs = _with_proofs(nb)
    trouble = sandbox.execute(proven, limits_for(lab), hide=hide)
    for cell, ran, proof in zip(nb.cells, proven.cells, proofs, strict=True):
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = ran.outputs, ran.execution_count
            if proof:
                _judge(cell, proof)
    return trouble


def _handed_in(folder: Path) -> Path:
    """Where the submissions came from, which no submission may see; this folder if that is unknown."""
    file = folder / "from.txt"
    return Path(file.read_text("utf-8").strip()) if file.exists() else folder


def _with_proofs(nb: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """A copy whose graded cells begin with fresh checks and end by saying a word made up for it."""
    run, proofs = nbformat.reads(nbformat.writes(nb), as_version=4), []
    for cell in run.cells:
        graded = cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade")
        proofs.append(secrets.token_hex(16) if graded else "")
        if graded:
            cell.source = f"{FRESH}\n{cell.source}\nprint('{proofs[-1]}')"
    return run, proofs


def _judge(cell: NotebookNode, proof: str) -> None:
    proven, kept = False, []
    for output in cell.outputs:
        if output.output_type == "stream":
            proven = proven or proof in output.text
            # nbgrader takes any word on stderr for a failure, a warning too.
            text = output.text.replace(proof, "").strip()
            if text:
                kept.append(nbformat.v4.new_output("stream", name="stdout", text=text + "\n"))
        elif output.output_type == "error":
            kept.append(output)
        # Results are left out: nbgrader would take a number for a mark.
    failed = any(output.output_type == "error" for output in kept)
    if not proven and not failed:
        text = "The check did not come to its end."
        kept.append(
            nbformat.v4.new_output("error", ename="NotPassed", evalue=text, traceback=[text])
        )
    cell.outputs = kept


def limits_for(lab: str) -> sandbox.Limits:
    """What a submission of "07_attention" may use: its slowest check sets the time of a cell."""
    tasks = labs.tasks(f"lab{lab[:2]}").values()
    slowest = [2 * task.seconds for task in tasks]  # visible, then hidden
    return sandbox.Limits(cell_seconds=max(slowest) + 20, seconds=2 * sum(slowest) + 60)


def _note(folder: Path, student: str, lab: str, text: str) -> None:
    notes = _read_json(folder / "notes.json")
    said = notes.setdefault(student, {}).setdefault(lab, [])
    if text not in said:
        said.append(text)
    _write_json(folder / "notes.json", notes)


def grade(folder: Path, student: str | None = None, say: Callable[[str], None] = print) -> None:
    """Grade every submission that was collected, or one student's; goes on after a failure."""
    if os.name == "nt":
        raise Trouble("grading needs Linux, macOS or WSL: Windows alone can hold no code to limits")
    for sentence in sandbox.missing():
        say(f"NOT HAD HERE: {sentence}")
    api = api_of(folder)
    found = sorted(p for p in (folder / "submitted").glob(f"{student or '*'}/*") if p.is_dir())
    if not found:
        raise Trouble("nothing to grade: collect first" + (f" (no {student})" if student else ""))
    for lab in sorted({path.name for path in found}):
        limits = "; ".join(f"{what}: {value}" for what, value in limits_for(lab).rows())
        say(f"limits of {lab}: {limits}")
    for path in found:
        name, lab = path.parent.name, path.name
        result = api.autograde(lab, name, force=True)
        if not result["success"]:
            said = (result.get("error") or "").strip().splitlines()[-1:]
            _note(folder, name, lab, f"could not be graded: {' '.join(said)}")
        say(f"graded: {name}, {lab}{'' if result['success'] else ' FAILED'}")


def feedback(folder: Path, say: Callable[[str], None] = print) -> None:
    """Write a page for each graded submission into `feedback/`."""
    api = api_of(folder)
    for path in sorted((folder / "autograded").glob("*/*")):
        result = api.generate_feedback(path.name, path.parent.name, force=True)
        said = "" if result["success"] else " FAILED"
        say(f"feedback: {folder / 'feedback' / path.parent.name / path.name}{said}")


# --- marks


def marks(folder: Path, say: Callable[[str], None] = print) -> list[dict]:
    """The table of marks, a row for each student, written to marks.csv and shown.

    Returns:
        The rows: student, points for each lab ("" where nothing came), total, most, notes.
    """
    notes = _read_json(folder / "notes.json")
    names = list(released(folder))
    rows = []
    with api_of(folder).gradebook as book:
        most = {a.name: a.max_score for a in book.assignments}
        scores = {(s.student.id, a.name): s.score for a in book.assignments for s in a.submissions}
        graded = {student for student, _ in scores}
        for student in sorted(graded | set(notes)):
            own = {name: scores.get((student, name), "") for name in names}
            said = [
                f"{lab or 'all'}: {'; '.join(lines)}"
                for lab, lines in notes.get(student, {}).items() if lines
            ]  # fmt: skip
            total = sum(value for value in own.values() if value != "")
            rows.append({"student": student, **own, "total": total,
                         "most": sum(most.get(name, 0) for name in names),
                         "notes": " | ".join(said)})  # fmt: skip
    if rows:
        with runtime.write_atomically(folder / "marks.csv") as part:
            _write_csv(part, rows)
    for row in rows:
        say(f"{row['student']:24} {row['total']:g} of {row['most']:g}  {row['notes']}")
    return rows


def _write_csv(path: Path, rows: Sequence[dict]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({key: _plain(value) for key, value in row.items()} for row in rows)


def _plain(value: object) -> object:
    """A spreadsheet must not take a student's text for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value


def formgrader(folder: Path, arguments: Sequence[str] = ()) -> int:
    """Open nbgrader's pages for this class in JupyterLab, until it is stopped."""
    config_of(folder)
    command = [sys.executable, "-m", "jupyterlab", "--ServerApp.ip=127.0.0.1", "--allow-root",
               f"--ServerApp.root_dir={folder}", *arguments]  # fmt: skip
    # Not the course's own settings: they keep nbgrader's panels out of a learner's JupyterLab.
    environment = {key: v for key, v in os.environ.items() if key != "JUPYTER_CONFIG_PATH"}
    return subprocess.run(command, cwd=folder, env=environment, check=False).returncode


def everything(folder: Path, source: Path, numbers: str | None = None) -> list[dict]:
    """From the masters and a folder of submissions to a table of marks."""
    release(folder, numbers)
    collect(folder, source)
    grade(folder)
    feedback(folder)
    return marks(folder)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line; exit status 2 for what a teacher must set right first."""
    parser = argparse.ArgumentParser(
        prog="tools.classroom", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    steps = ("all", "release", "collect", "grade", "feedback", "marks", "formgrader")
    parser.add_argument("do", choices=steps)
    parser.add_argument(
        "--class", dest="folder", type=Path, required=True, help="the class's folder"
    )
    parser.add_argument("--from", dest="source", type=Path, help="the folder of submissions")
    parser.add_argument("--labs", help="numbers of the labs, for instance 07 or 06,07 (all)")
    parser.add_argument("--student", help="grade only this one")
    options, rest = parser.parse_known_args(arguments)
    folder = options.folder.expanduser().resolve()
    try:
        if options.do in ("all", "collect") and not options.source:
            raise Trouble("say where the submissions are: FROM=folder, or --from folder")
        source = options.source.expanduser().resolve() if options.source else folder
        if options.do == "formgrader":
            return formgrader(folder, rest)
        {
            "all": lambda: everything(folder, source, options.labs),
            "release": lambda: release(folder, options.labs),
            "collect": lambda: collect(folder, source),
            "grade": lambda: grade(folder, options.student),
            "feedback": lambda: feedback(folder),
            "marks": lambda: marks(folder),
        }[options.do]()
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
