"""A figure is quoted only from the notebook as it is now: an older one is told, with the mend."""

import json

import nbformat
import pytest

from helpers import course, results, runtime


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A course of one notebook that measured one figure, in a folder of its own."""
    data, books = tmp_path / "data", tmp_path / "notebooks"
    data.mkdir(), books.mkdir()
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("accuracy = 0.9")])
    nbformat.write(book, books / "06_workflow.ipynb")
    figures = {"06.accuracy": {"value": 0.9}, "06.seconds": {"value": 3}}
    (data / "results.json").write_text(json.dumps(figures))
    row = {"number": "06", "name": "06_workflow", "title": "Seven steps", "part": "Begin",
           "seconds": 1, "memory_mb": 1, "cores": 2, "source": "sample", "needs": [],
           "fingerprint": course.fingerprint(book), "results": course.digest(figures)}  # fmt: skip
    (data / "course.json").write_text(json.dumps([row]))
    monkeypatch.setattr(runtime, "shipped", lambda: data)
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    return tmp_path


def change(path, edit):
    table = json.loads(path.read_text())
    edit(table)
    path.write_text(json.dumps(table))


def test_a_figure_as_recorded_may_be_quoted(checkout):
    assert course.outdated(results.recall("06.accuracy")) is None


def test_without_the_notebooks_the_digest_decides(checkout):
    (checkout / "notebooks" / "06_workflow.ipynb").unlink()
    assert course.outdated(results.recall("06.accuracy")) is None
    change(checkout / "data" / "results.json", lambda t: t["06.seconds"].update(value=4))
    assert "make record NB=06" in course.outdated(results.recall("06.accuracy"))


def test_a_notebook_changed_since_makes_its_figures_old(checkout):
    path = checkout / "notebooks" / "06_workflow.ipynb"
    book = nbformat.read(path, as_version=4)
    book.cells[0].source = "accuracy = 0.91"
    nbformat.write(book, path)
    assert "older than 06_workflow" in course.outdated(results.recall("06.accuracy"))


def test_a_figure_edited_by_hand_is_found(checkout):
    change(checkout / "data" / "results.json", lambda t: t["06.accuracy"].update(value=0.99))
    assert "make record NB=06" in course.outdated(results.recall("06.accuracy"))


def test_the_readers_own_figure_is_new_until_the_notebook_changes(checkout):
    results.record("06.accuracy", 0.8)
    own = results.recall("06.accuracy")
    assert own.origin == "you" and course.outdated(own) is None
    change(checkout / "data" / "course.json", lambda rows: rows[0].update(fingerprint="another"))
    assert "run notebook 06 again" in course.outdated(results.recall("06.accuracy"))


def test_an_own_figure_without_a_stamp_is_old(checkout):
    results.record("06.accuracy", 0.8)
    own = results._own()
    change(own, lambda t: t["06.accuracy"].pop("notebook"))
    assert "run notebook 06 again" in course.outdated(results.recall("06.accuracy"))


def test_a_figure_of_no_notebook_is_told(checkout):
    found = results.record("77.accuracy", 0.8)
    assert "no notebook 77" in course.outdated(found)


def test_the_figures_that_ship_are_not_outdated():
    for name in results._load(results.shipped()):
        entry = results._load(results.shipped())[name]
        assert course.outdated(results.Result(name, origin="course", **entry)) is None
