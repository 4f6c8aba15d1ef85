"""Masters and learners' copies: what they look like, and what happens when they run."""

from __future__ import annotations

import ast
import os
import re

import nbformat
import pytest

from helpers import labs
from tools import labs as making
from tools import notebooks

FOLDERS = making.find()
pytestmark = pytest.mark.slow


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name, scope="module")
def folder(request):
    return request.param


@pytest.fixture(scope="module")
def master(folder):
    return making.read(folder / "master.ipynb")


@pytest.fixture(scope="module")
def copy(folder):
    return making.read(making.copy_of(folder))


def code(book):
    return [cell for cell in book.cells if cell.cell_type == "code"]


def source(cell):
    return re.sub(r"^(\s*)[%!].*", r"\1pass", cell.source, flags=re.M)


def graded(book):
    return [cell for cell in code(book) if cell.metadata.get("nbgrader", {}).get("grade")]


def test_there_are_twelve():
    assert [folder.name[:2] for folder in FOLDERS] == [f"{n:02}" for n in range(1, 13)]


def test_nothing_generated_is_stale():
    assert making.stale(making.made(FOLDERS)) == [], "run `make labs`"


def test_a_stale_copy_is_seen(tmp_path):
    files = making.made(FOLDERS[:1])
    path = making.copy_of(FOLDERS[0])
    assert making.stale({path: files[path] + " "}) == [path]
    assert making.stale({tmp_path / "missing": ""}) == [tmp_path / "missing"]


def test_the_copy_holds_no_solution_and_no_hidden_test(copy):
    for cell in copy.cells:
        assert "SOLUTION" not in cell.source and "HIDDEN" not in cell.source, cell.source
        assert "hidden=True" not in cell.source


def test_the_copy_parses_and_has_its_stubs(master, copy):
    for cell in code(copy):
        ast.parse(source(cell))
        lines = [line for line in cell.source.splitlines() if line.strip()]
        assert len(lines) <= 30 and max(map(len, lines), default=0) <= 88, cell.source[:200]
    wanted = sum(bool(making.SOLUTION.search(cell.source)) for cell in master.cells)
    assert wanted and sum("# Your code here." in cell.source for cell in copy.cells) == wanted


def test_it_is_laid_out_as_a_lab(folder, master):
    markdown = [cell.source for cell in master.cells if cell.cell_type == "markdown"]
    headings = re.findall(r"^## (.+)$", "\n".join(markdown), re.M)
    number = int(folder.name[:2])
    assert markdown[0].startswith(f"# Lab {number}. ") and "You will be able to" in markdown[0]
    assert code(master)[0].source == notebooks.bootstrap()
    tasks = labs.tasks(f"lab{number:02}")
    steps = [heading for heading in headings if heading.startswith(("Task", "Challenge"))]
    assert headings[0] == "How a lab works" and headings[-1] == "When you are done"
    assert [h.split(".")[0] for h in steps] == [f"Task {i}" for i in range(1, len(steps))] + [
        "Challenge"
    ]
    assert len(steps) == len(tasks) and 4 <= len(tasks) <= 7
    assert code(master)[-1].source == "labs.progress()" and "**Read on**" in markdown[-1]
    about = master.metadata["course"]
    assert 45 <= about["minutes"] <= 90 and about["notebooks"]


def test_each_graded_cell_checks_visibly_and_hidden(master):
    for cell in graded(master):
        visible, _, hidden = cell.source.partition("### BEGIN HIDDEN TESTS")
        assert "labs.check(" in visible and "hidden=True" in hidden, cell.source


def test_nothing_is_stored_in_either(master, copy):
    for cell in code(master) + code(copy):
        assert not cell.outputs and cell.execution_count is None


def test_every_notebook_links_a_lab():
    linked = {number for lab in labs.every() for number in lab.notebooks}
    assert linked == {path.name[:2] for path in notebooks.find()} - {"00"}


def test_the_master_passes_under_papermill(folder, tmp_path):
    done = notebooks.execute(
        folder / "master.ipynb", tmp_path / "master.ipynb", COURSE_GRADING="1",
        COURSE_HOME=str(tmp_path / "home"), COURSE_SOURCE="sample",
    )  # fmt: skip
    assert done.passed, done.result
    assert not (tmp_path / "home" / "progress.json").exists(), "grading keeps no progress"


def test_the_untouched_copy_runs_to_its_end_and_scores_nothing(copy, tmp_path, monkeypatch):
    """First as a learner, without an error; then its graded cells as in grading, each worth 0."""
    from nbclient import NotebookClient
    from nbgrader.utils import determine_grade

    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("COURSE_GRADING", raising=False)
    book = making.read_again(copy)
    switch = nbformat.v4.new_code_cell('import os\n\nos.environ["COURSE_GRADING"] = "1"')
    again = making.read_again(copy)
    marked = graded(again)
    for number, cell in enumerate(marked):
        cell.id, cell.metadata["tags"] = f"again-{number}", ["raises-exception"]
    book.cells += [switch, *marked]
    NotebookClient(book, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute(
        env={**os.environ, "JUPYTER_PREFER_ENV_PATH": "1"}
    )
    for cell in graded(copy_part(book, len(copy.cells))):
        shown = [output.data["text/plain"] for output in cell.outputs if "data" in output]
        assert any("NOT YET" in text for text in shown), cell.outputs
    for cell in code(copy_part(book, len(copy.cells))):
        errors = [o for o in cell.outputs if o.get("name") == "stderr"]
        assert not errors, f"a learner is met by {errors[0].text[:200]}"
    for cell in marked:
        assert determine_grade(cell)[0] == 0, cell.source
        assert cell.outputs[-1].ename == "NotPassed", cell.outputs


def copy_part(book, number):
    return nbformat.from_dict({**book, "cells": book.cells[:number]})
