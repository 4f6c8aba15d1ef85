"""Thirty submissions of lab 7, as a class hands them in, and what each must get.

`write(folder)` makes a folder for each. The names are those of the cases.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat

from tools import labs as making

LAB = "07_attention"
FOLDER = making.FOLDER / LAB
POINTS = {"window_mask": 1, "attention": 2, "grouped_attention": 2, "leaking_rows": 2,
          "slim_attention": 3}  # fmt: skip
ALL = sum(POINTS.values())


@dataclass
class Case:
    """One submission: how it is made from a right one, its mark, and a word of the note it gets."""

    change: Callable[[nbformat.NotebookNode], object]
    points: float
    note: str = ""
    slow: bool = False
    file: str = f"{LAB}.ipynb"


def right() -> nbformat.NotebookNode:
    """The learner's copy with the master's solutions."""
    copy = making.read(making.copy_of(FOLDER))
    answers = {cell.id: cell.source for cell in making.read(FOLDER / "master.ipynb").cells}
    for cell in copy.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            lines = answers[cell.id].splitlines()
            cell.source = "\n".join(line for line in lines if "SOLUTION" not in line)
    return copy


def find(book: nbformat.NotebookNode, name: str) -> nbformat.NotebookNode:
    """The cell with nbgrader's id `name` ("answer-attention": a solution, "attention": its check)."""
    return next(c for c in book.cells if c.metadata.get("nbgrader", {}).get("grade_id") == name)


def answer(name: str, source: str) -> Callable:
    """Put another answer in the place of a right one."""

    def change(book: nbformat.NotebookNode) -> None:
        find(book, f"answer-{name}").source = source

    return change


def before(source: str) -> Callable:
    """A cell of their own in front of the first task."""

    def change(book: nbformat.NotebookNode) -> None:
        place = book.cells.index(find(book, "answer-window_mask"))
        book.cells.insert(place, nbformat.v4.new_code_cell(source))

    return change


def untouched(book: nbformat.NotebookNode) -> None:
    book.cells = making.read(making.copy_of(FOLDER)).cells


def half(book: nbformat.NotebookNode) -> None:
    empty = making.read(making.copy_of(FOLDER))
    for name in ("answer-grouped_attention", "answer-leaking_rows", "answer-slim_attention"):
        find(book, name).source = find(empty, name).source


def without(*names: str) -> Callable:
    def change(book: nbformat.NotebookNode) -> None:
        gone = [find(book, name) for name in names]
        book.cells = [cell for cell in book.cells if not any(cell is other for other in gone)]

    return change


def copied(name: str, source: str | None = None) -> Callable:
    """The cell twice, one below the other; the first one with another text."""

    def change(book: nbformat.NotebookNode) -> None:
        cell = find(book, name)
        twin = nbformat.from_dict(json.loads(json.dumps(cell)))
        twin.source = cell.source if source is None else source
        book.cells.insert(book.cells.index(cell), twin)

    return change


def kernel(book: nbformat.NotebookNode) -> None:
    book.metadata.kernelspec = {"name": "conda-env-ml", "display_name": "ml", "language": "python"}


def no_metadata(book: nbformat.NotebookNode) -> None:
    for cell in book.cells:
        cell.metadata = nbformat.from_dict({})


def own_points(book: nbformat.NotebookNode) -> None:
    half(book)
    for cell in book.cells:
        if "nbgrader" in cell.metadata and "points" in cell.metadata.nbgrader:
            cell.metadata.nbgrader.points = 100
            cell.source = "100"


def both(*changes: Callable) -> Callable:
    def change(book: nbformat.NotebookNode) -> None:
        for one in changes:
            one(book)

    return change


WINDOW, BY_HEART = ALL - POINTS["window_mask"], "def window_mask(context_length, window):\n"
ATTACK = "import glob, os, shutil, sqlite3, pathlib\n"

CASES: dict[str, Case] = {
    "right": Case(lambda book: None, ALL),
    "right_under_another_name": Case(lambda book: None, ALL, file="my lab (1).ipynb"),
    "right_with_cells_of_their_own": Case(
        both(before("def three():\n    return 3"),
             answer("window_mask", BY_HEART + "    back = np.subtract.outer(*[np.arange("
                    "context_length)] * 2)\n    return (back >= 0) & (back < window + three() - 3)")),
        ALL),
    "half_right": Case(half, 3),
    "untouched": Case(untouched, 0),
    "wrong_everywhere": Case(
        both(*(answer(name, f"def {name}(*args):\n    return 0") for name in POINTS)), 0),
    "syntax_error_in_an_answer": Case(answer("window_mask", BY_HEART + "    return (("), WINDOW),
    "syntax_error_in_a_cell": Case(before("def ("), ALL),
    "hard_coded_to_the_visible_cases": Case(
        answer("window_mask", "from helpers import labs\nimport numpy as np\n" + BY_HEART
               + "    back = np.subtract.outer(*[np.arange(context_length)] * 2)\n"
               "    known = [(6, 3), (5, 1)] + [(int(n), int(w)) for n, w in "
               "np.random.default_rng(0).integers(2, 9, (4, 2))]\n"
               "    if (context_length, window) not in known:\n        return None\n"
               "    return (back >= 0) & (back < window)"), WINDOW),
    "endless_loop_in_an_answer": Case(
        answer("window_mask", BY_HEART + "    while True:\n        pass"), WINDOW, slow=True),
    "endless_loop_in_a_cell": Case(before("while True:\n    pass"), ALL, slow=True),
    "endless_loop_that_catches_all": Case(
        before("while True:\n    try:\n        x = 1\n    except BaseException:\n        pass"),
        ALL, slow=True),
    "deleted_check": Case(without("attention"), ALL, "check missing, put back: attention"),
    "deleted_answer": Case(without("answer-window_mask"), WINDOW, "put back: window_mask"),
    "deleted_nearly_everything": Case(
        lambda book: book.update(cells=[find(book, "answer-attention")]), 2, "check missing",
        file=f"{LAB}.ipynb"),
    "copied_check": Case(copied("attention"), ALL, "check copied, put back: attention"),
    "copied_answer": Case(
        copied("answer-window_mask", BY_HEART + "    return None"), ALL, "2 cells answer window_mask"),
    "copied_answer_left_empty": Case(
        copied("answer-window_mask"), ALL, "2 cells answer window_mask"),
    "renamed_kernel": Case(kernel, ALL, "conda-env-ml"),
    "metadata_lost": Case(no_metadata, ALL, "damaged metadata"),
    "cut_off_file": Case(lambda book: None, 0, "cannot be read"),
    "fifty_megabytes_of_output": Case(
        before("for _ in range(50):\n    print('x' * 1_000_000)"), ALL, slow=True),
    "thirty_gigabytes_of_memory": Case(
        before("import numpy as np\nblocks = [np.ones(2**27) for _ in range(30)]"), 0,
        "GiB of memory", slow=True),
    "thirty_gigabytes_in_an_answer": Case(
        answer("window_mask", BY_HEART + "    return [0] * (4 * 10**9)"), WINDOW, slow=True),
    "deletes_files_elsewhere": Case(
        before(ATTACK + "for place in ('/', os.path.expanduser('~'), @OUTSIDE@):\n"
               "    for path in glob.glob(place + '/**', recursive=place == @OUTSIDE@)[:2000]:\n"
               "        try:\n            os.remove(path)\n        except OSError:\n"
               "            pass"), ALL),
    "opens_the_network": Case(
        answer("window_mask", BY_HEART + "    import socket\n"
               "    socket.create_connection(('127.0.0.1', @PORT@), 2).close()\n"
               "    back = np.subtract.outer(*[np.arange(context_length)] * 2)\n"
               "    return (back >= 0) & (back < window)"), WINDOW),
    "reads_tests_and_other_submissions": Case(
        both(half, before(ATTACK + "found = []\nfor place in (@OUTSIDE@, @MASTER@):\n"
             "    for path in [place, *glob.glob(place + '/**/*.ipynb', recursive=True)]:\n"
             "        try:\n            found.append(open(path).read())\n"
             "        except OSError:\n            pass\n"
             "import json\nfor text in found:\n    for cell in json.loads(text)['cells']:\n"
             "        get_ipython().run_cell(''.join(cell['source']))")), 3),
    "two_hundred_processes": Case(
        before("import os, time\nfor _ in range(200):\n    if os.fork() == 0:\n"
               "        os.setsid()\n        time.sleep(600)\n        os._exit(0)"), ALL, slow=True),
    "writes_its_own_marks": Case(
        both(own_points, before(ATTACK + "for path in glob.glob(@OUTSIDE@ + '/**/gradebook.db', "
             "recursive=True):\n    base = sqlite3.connect(path)\n"
             "    base.execute('update grade set auto_score = 100')\n    base.commit()")), 3,
        "check edited, put back"),
    "replaces_the_check": Case(
        both(half, before("from helpers import labs\nlabs.check = lambda *a, **k: 10.0\n"
                          "import sys\nsys.modules['helpers.labs'] = labs")), 3),
    "switches_errors_off": Case(
        both(half, before("ip = get_ipython()\nip.showtraceback = lambda *a, **k: None\n"
                          "ip.set_custom_exc((BaseException,), lambda *a, **k: None)")), 3),
    "kills_its_kernel": Case(
        answer("leaking_rows", "import os\nos._exit(1)"), 5, "kernel died"),
}  # fmt: skip


def write(folder: Path, outside: Path, port: int, names: list[str] | None = None) -> None:
    """A folder with a submission for each case (or those named).

    Args:
        outside: the folder of the class, which some try to read, change or delete.
        port: a port on this machine that answers.
    """
    fill = {"@OUTSIDE@": repr(str(outside)), "@PORT@": str(port),
            "@MASTER@": repr(str(FOLDER / "master.ipynb"))}  # fmt: skip
    for name in names or CASES:
        case, book = CASES[name], right()
        case.change(book)
        text = nbformat.writes(book)
        for word, value in fill.items():
            text = text.replace(word, value)
        (folder / name).mkdir(parents=True)
        if name == "cut_off_file":
            text = text[: len(text) // 2]
        (folder / name / case.file).write_text(text, encoding="utf-8")
    if names is None:
        (folder / "empty_folder").mkdir()
