"""The machinery that executes notebooks: papermill with parameters, nbval that catches edits.

The notebooks themselves are executed by nbval, as pytest collects them from notebooks/.
"""

from __future__ import annotations

import os
import subprocess
import sys

import nbformat
import pytest

from helpers import course
from tools import notebooks


def small(*sources, tags=()):
    """A notebook of code cells; `tags` go to each."""
    book = nbformat.v4.new_notebook()
    for source in sources:
        cell = nbformat.v4.new_code_cell(source)
        cell.metadata["tags"] = list(tags)
        book.cells.append(cell)
    return book


def write(book, path):
    nbformat.write(book, path)
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A course of its own: notebooks and their outputs in a temporary folder."""
    monkeypatch.setattr(notebooks, "FOLDER", tmp_path)
    monkeypatch.setattr(notebooks, "OUT", tmp_path / "run")
    return tmp_path


def test_run_goes_on_after_a_failure_and_says_where(folder, capsys):
    write(small("1 + 1", "raise ValueError('the salt is missing')"), folder / "01_bad.ipynb")
    write(small("print('fine')"), folder / "02_good.ipynb")
    assert notebooks.main(["run"]) == 1
    table = capsys.readouterr().out
    assert "cell 2: ValueError: the salt is missing" in table
    assert "1 passed, 1 failed" in table
    kept = nbformat.read(folder / "run" / "02_good.ipynb", as_version=4)
    assert kept.cells[0].outputs[0].text == "fine\n"


def test_a_kernel_that_dies_is_a_failure_not_the_end(folder, capsys):
    write(small("import os; os._exit(3)"), folder / "01_dies.ipynb")
    write(small("1"), folder / "02_good.ipynb")
    assert notebooks.main(["run"]) == 1
    assert "1 passed, 1 failed" in capsys.readouterr().out


def test_run_measures_memory_and_hands_over_the_profile(folder):
    write(small("PROFILE = None", tags=["parameters"]), folder / "01_a.ipynb")
    book = nbformat.read(folder / "01_a.ipynb", as_version=4)
    book.cells.append(
        nbformat.v4.new_code_cell("import time; b = b'1' * 300_000_000; time.sleep(1)")
    )
    book.cells.append(nbformat.v4.new_code_cell("print(PROFILE)"))
    write(book, folder / "01_a.ipynb")
    [run] = notebooks.run(notebooks.find("01"), {"PROFILE": "gpu"})
    assert run.passed and run.memory_mb > 300
    out = nbformat.read(folder / "run" / "01_a.ipynb", as_version=4)
    assert out.cells[-1].outputs[0].text == "gpu\n"


def test_an_unknown_number_is_answered_with_those_there_are(folder):
    write(small("1"), folder / "01_a.ipynb")
    with pytest.raises(SystemExit, match="there are 01"):
        notebooks.find("07")


def test_the_fingerprint_sees_code_and_outputs(folder):
    book = small("print('measured: 0.91')")
    book.cells[0].outputs = [nbformat.v4.new_output("stream", text="measured: 0.91\n")]
    before = course.fingerprint(book)
    book.cells[0].outputs[0].text = "measured: 0.99\n"
    edited = course.fingerprint(book)
    book.cells[0].source += "  # better"
    assert len({before, edited, course.fingerprint(book)}) == 3


@pytest.mark.slow
def test_a_compared_output_edited_by_hand_fails(tmp_path):
    """The cell of 06 that is compared, in a small notebook; nbval must see a changed number."""
    book = nbformat.read(notebooks.find("06")[0], as_version=4)
    compared = [c for c in book.cells if "nbval-check-output" in c.metadata.get("tags", [])]
    assert compared, "06 has no compared cell: this test would check nothing"
    right = write(book_with(book, compared[0]), tmp_path / "right.ipynb")
    assert nbval(right).returncode == 0
    edited = nbformat.read(right, as_version=4)
    output = edited.cells[-1].outputs[0]
    assert "320016" in output.data["text/plain"]
    output.data["text/plain"] = output.data["text/plain"].replace("320016", "320017")
    done = nbval(write(edited, tmp_path / "wrong.ipynb"))
    assert done.returncode == 1 and "320017" in done.stdout


def book_with(book, compared):
    """The imports of 06, the functions that the compared cell needs, and that cell."""
    kept = [c for c in book.cells if c.cell_type == "code" and c.source.startswith("def build(")]
    imports = nbformat.v4.new_code_cell("import keras\nimport pandas as pd", execution_count=1)
    new = nbformat.v4.new_notebook()
    new.cells = [imports, *kept, compared]
    return new


def nbval(path):
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", os.devnull,
               "--nbval-lax", "--nbval-current-env", f"--rootdir={path.parent}", str(path)]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
@pytest.mark.parametrize("number, parameters", [("00", {"SEED": 3}), ("06", {"SEED": 1})])
def test_other_parameters_run_too(number, parameters, tmp_path):
    path = notebooks.find(number)[0]
    out = tmp_path / path.name
    done = notebooks.execute(path, out, {**parameters, "SOURCE": "sample"})
    assert done.passed, done.result
    injected = [c for c in nbformat.read(out, as_version=4).cells
                if "injected-parameters" in c.metadata.get("tags", [])]  # fmt: skip
    assert f"SEED = {parameters['SEED']}" in injected[0].source
