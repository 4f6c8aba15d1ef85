"""Predictions with intervals that hold what they promise; figures that are missing or old stop it."""

import json
import shutil

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from benchmarks import recipes
from helpers import course, results, runtime
from tests.cells import namespace
from tools import notebooks


@pytest.fixture(scope="module")
def nb():
    return namespace("25")


@pytest.fixture(scope="module")
def book():
    return nbformat.read(notebooks.find("25")[0], as_version=4)


def made(count, seed, slope=0.4, spread=0.5):
    """A made table of models whose truth is known."""
    rng = np.random.default_rng(seed)
    year = rng.uniform(2016, 2026, count)
    value = 10 ** (20 + slope * (year - 2016) + rng.normal(scale=spread, size=count))
    return pd.DataFrame({"year": year, "flop": value})


def test_a_fit_finds_the_line_it_was_made_from(nb):
    line = nb.fit(made(4000, 1), "flop")
    assert abs(line.slope - 0.4) < 0.01 and abs(line.spread - 0.5) < 0.02
    assert line.count == 4000


def test_rows_without_the_column_are_left_out(nb):
    table = made(50, 2)
    table.loc[:9, "flop"] = np.nan
    assert nb.fit(table, "flop").count == 40


@pytest.fixture(scope="module")
def drawn(nb):
    """Lines fitted to twelve models, with a new model's year, its value, and the truth there."""
    rng, found = np.random.default_rng(1), []
    for _ in range(1500):
        line, new = nb.fit(made(12, rng), "flop"), made(1, rng)
        year = new["year"].to_numpy()
        found.append((line, year, new["flop"].to_numpy(), 10 ** (20 + 0.4 * (year - 2016))))
    return found


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_each_interval_holds_what_it_promises(nb, drawn, share):
    """The prediction interval of a new model; the confidence interval of the line itself."""
    held = {"a model": [], "the line": []}
    for line, year, value, truth in drawn:
        for of, wanted in (("a model", value), ("the line", truth)):
            _, low, high = nb.interval(line, year, share, of)
            held[of].append(bool(low[0] <= wanted[0] <= high[0]))
    for of, inside in held.items():
        assert abs(np.mean(inside) - share) < 0.04, of


def test_more_rows_do_not_shrink_the_interval_of_a_model(nb):
    wide = [nb.interval(nb.fit(made(n, 5), "flop"), [2024.0]) for n in (50, 5000)]
    width = [float(np.log10(high / low)[0]) for _, low, high in wide]
    assert width[1] > 0.8 * width[0]


def quoting(book):
    """The cells that quote and check, without the training and the figures between them."""
    kept = []
    for cell in book.cells:
        if cell.cell_type == "code" and (
            "quote(" in cell.source or "course.outdated" in cell.source
        ):
            kept.append(cell.source)
    start = (
        "import numpy as np\nfrom IPython.display import Markdown\n"
        "from helpers import course, results\n"
    )
    new = nbformat.v4.new_notebook()
    new.cells = [nbformat.v4.new_code_cell(source) for source in [start, *kept]]
    return new


@pytest.fixture
def shipped(tmp_path):
    """A copy of what ships, for a kernel of its own to read: `data` beside a copy of the package."""
    (tmp_path / "data").mkdir()
    for path in runtime.shipped().glob("*.json"):
        shutil.copy(path, tmp_path / "data")
    shutil.copytree(notebooks.ROOT / "helpers", tmp_path / "helpers")
    shutil.copytree(notebooks.FOLDER, tmp_path / "notebooks")
    return tmp_path


def run(book, folder, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(folder / "home"))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    notebook = quoting(book)
    NotebookClient(notebook, timeout=120, kernel_name="python3",
                   resources={"metadata": {"path": str(folder)}}).execute()  # fmt: skip
    return notebook


def change(path, edit):
    table = json.loads(path.read_text("utf-8"))
    edit(table)
    path.write_text(json.dumps(table), "utf-8")


def test_as_it_ships_the_checkpoint_passes(book, shipped, monkeypatch):
    run(book, shipped, monkeypatch)


def test_a_missing_figure_stops_it(book, shipped, monkeypatch):
    change(shipped / "data" / "results.json", lambda table: table.pop("15.nb_svm_accuracy"))
    with pytest.raises(CellExecutionError, match=r"no result '15\.nb_svm_accuracy'"):
        run(book, shipped, monkeypatch)


def test_a_notebook_changed_since_it_was_recorded_stops_it(book, shipped, monkeypatch):
    path = shipped / "notebooks" / notebooks.find("21")[0].name
    other = nbformat.read(path, as_version=4)
    next(c for c in other.cells if c.cell_type == "code").source += "\n# changed"
    nbformat.write(other, path)
    with pytest.raises(CellExecutionError, match="older than 21"):
        run(book, shipped, monkeypatch)


def test_an_own_figure_of_an_older_version_stops_it(book, shipped, monkeypatch):
    home = shipped / "home"
    home.mkdir()
    own = {"15.nb_svm_accuracy": {"value": 0.9, "notebook": "an older one"}}
    (home / "results.json").write_text(json.dumps(own))
    with pytest.raises(CellExecutionError, match="run notebook 15 again"):
        run(book, shipped, monkeypatch)


def test_the_recorded_trainings_are_of_the_recipes_that_the_page_shows(nb):
    recorded = json.loads((runtime.shipped() / "recipes.json").read_text("utf-8"))
    assert recorded["cells"] == recipes.digest(), "run python benchmarks/recipes.py again"
    for name, (_, _, peaks) in nb.RECIPES.items():
        runs = [run for run in recorded["runs"] if run["recipe"] == name]
        assert [run["peak"] for run in runs] == list(peaks)
        assert all(len(run["choose"]) == len(run["judge"]) == nb.ROUNDS for run in runs)
        chosen = min(range(len(runs)), key=lambda i: runs[i]["choose"][-1])
        assert 0 < chosen < len(runs) - 1, f"{name}: the best peak may lie outside"


@pytest.mark.slow
def test_a_recipe_trains_and_is_judged_on_each_part(nb, monkeypatch):
    style, optimizer, peaks = nb.RECIPES["2025"]
    monkeypatch.setitem(nb.trained.__globals__, "ROUNDS", 2)
    tokens = np.tile(np.arange(50, 90), 200)
    rows = tokens[: 4 * 65].reshape(4, 65)
    bits = np.array(nb.trained(style, optimizer(peaks[1]), tokens, (rows[:1], rows[1:])))
    assert bits.shape == (2, 2) and (bits[1] < bits[0]).all() and bits[0].max() < 8


def test_every_earlier_part_is_quoted(book):
    text = "\n".join(cell.source for cell in book.cells)
    quoted = {number for number in (f"{n:02d}" for n in range(25)) if f'"{number}.' in text}
    assert len(quoted) >= 8, quoted
    for name in results._load(results.shipped()):
        if name.startswith("25."):
            assert course.outdated(results.recall(name)) is None
