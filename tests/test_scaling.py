"""The scaling law: fits that find a known law, bands that hold, and the order of what was recorded."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path

import numpy as np
import pytest

from helpers import scaling

ROOT = Path(__file__).resolve().parents[1]
TRUE = scaling.Law(1.2, 40.0, 0.4, 300.0, 0.45)
FILE = ROOT / "data" / "scaling_law.json"


def runs_of(law=TRUE, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    return [
        {"parameters": n, "tokens": d, "bits_per_byte": law(n, d) * math.exp(noise * rng.normal())}
        for n in np.geomspace(4e3, 4e5, 6)
        for d in (1e5, 4e5, 16e5)
    ]


def test_a_law_without_noise_is_found_again():
    found = scaling.fit(runs_of())
    for name in ("e", "alpha", "beta"):
        assert getattr(found, name) == pytest.approx(getattr(TRUE, name), rel=0.02), name
    assert found(1e6, 1e7) == pytest.approx(TRUE(1e6, 1e7), rel=1e-3)
    assert np.abs(scaling.residuals(found, runs_of())).max() < 1e-3


def test_one_wild_run_does_not_bend_the_law():
    runs = runs_of(noise=0.002)
    runs[4] = {**runs[4], "bits_per_byte": 2 * runs[4]["bits_per_byte"]}
    assert scaling.fit(runs, near=TRUE)(4e5, 1.6e6) == pytest.approx(TRUE(4e5, 1.6e6), rel=0.02)


def test_the_law_falls_with_both_and_levels_off():
    assert TRUE(1e4, 1e5) > TRUE(1e5, 1e5) > TRUE(1e5, 1e6) > TRUE.e
    assert TRUE(1e30, 1e30) == pytest.approx(TRUE.e)
    assert TRUE(np.array([1e4, 1e5]), 1e5).shape == (2,)


def test_best_divides_the_compute_where_nothing_else_is_better():
    n, d = TRUE.best(1e15)
    assert 6 * n * d == pytest.approx(1e15)
    around = [TRUE(n * f, d / f) for f in (0.8, 0.95, 1.05, 1.25)]
    assert min(around) > TRUE(n, d)
    with pytest.raises(ValueError, match="flop is 0"):
        TRUE.best(0)


def test_a_band_holds_the_run_to_come_and_widens_with_noise():
    quiet = scaling.prediction_band(runs_of(noise=0.003), 1e6, 4e6, draws=60, near=TRUE)
    loud = scaling.prediction_band(runs_of(noise=0.03), 1e6, 4e6, draws=60, near=TRUE)
    for low, middle, high in (quiet, loud):
        assert low < middle < high
        assert low < TRUE(1e6, 4e6) < high
    assert loud[2] - loud[0] > 2 * (quiet[2] - quiet[0])


def test_a_band_is_the_same_for_the_same_seed():
    runs = runs_of(noise=0.01)
    first = scaling.prediction_band(runs, 1e6, 4e6, draws=4, near=TRUE)
    assert first == scaling.prediction_band(runs, 1e6, 4e6, draws=4, near=TRUE)
    assert first != scaling.prediction_band(runs, 1e6, 4e6, draws=4, seed=5, near=TRUE)


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ([], "0 runs; a law of five numbers needs at least 6"),
        ([{"parameters": 1, "tokens": 1}] * 8, "lacks bits_per_byte"),
        ([{**row, "tokens": -1} for row in runs_of()], "tokens of a run is not a number above 0"),
        ([{**row, "bits_per_byte": math.nan} for row in runs_of()], "bits_per_byte of a run"),
        ([{**row, "tokens": 5} for row in runs_of()], "1 different tokens"),
    ],
)
def test_what_cannot_be_fitted_is_said(runs, words):
    with pytest.raises(ValueError, match=words):
        scaling.fit(runs)


@pytest.mark.parametrize("level", [0, 1, 90, -0.5])
def test_a_level_is_a_share(level):
    with pytest.raises(ValueError, match="level is"):
        scaling.prediction_band(runs_of(), 1e6, 1e6, level=level)


# --- what was recorded


@pytest.fixture(scope="module")
def table():
    return json.loads(FILE.read_text("utf-8"))


def test_a_digest_knows_another_content_and_not_another_order():
    assert scaling.digest({"a": 1, "b": [2]}) == scaling.digest({"b": [2], "a": 1})
    assert scaling.digest({"a": 1}) != scaling.digest({"a": 1.5})
    assert len(scaling.digest([])) == 32


def test_there_are_enough_runs_and_none_draws_more_bytes_than_there_are(table):
    """Not that no byte comes twice: windows are drawn with replacement."""
    runs = table["runs"]
    assert len({row["parameters"] for row in runs}) >= 8
    assert len({row["tokens"] for row in runs}) >= 3
    assert max(row["tokens"] for row in [*runs, table["larger"]]) < table["train_bytes"]


def test_the_band_rests_on_the_small_runs_and_the_larger_run_on_the_band(table):
    assert table["band"]["runs_digest"] == scaling.digest(table["runs"])
    assert table["larger"]["band_digest"] == scaling.digest(table["band"])
    assert table["date"] <= table["band"]["date"] <= table["larger"]["began"]
    assert table["larger"]["parameters"] == table["band"]["parameters"]
    assert table["larger"]["parameters"] > 2 * max(row["parameters"] for row in table["runs"])
    inside = table["band"]["low"] <= table["larger"]["bits_per_byte"] <= table["band"]["high"]
    assert table["larger"]["held"] is inside
    assert all(row["date"] > table["larger"]["date"] for row in table["after"])


def test_the_recorded_law_is_the_one_that_the_runs_give(table):
    law = scaling.Law(**table["law"])
    found = scaling.fit(table["runs"], near=law)
    at = table["band"]["parameters"], table["band"]["tokens"]
    assert found(*at) == pytest.approx(law(*at), rel=2e-3)
    assert law(*at) == pytest.approx(table["band"]["middle"], rel=1e-3)
    assert table["band"]["low"] < table["band"]["middle"] < table["band"]["high"]


@pytest.fixture
def script(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location(
        "scaling_law", ROOT / "benchmarks" / "scaling_law.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "FILE", tmp_path / "law.json")
    monkeypatch.setattr(module, "OUT", tmp_path / "runs")
    return module


def test_the_script_keeps_the_order(script, table):
    """No band without runs, none after the larger run; no larger run without the band, and only one."""
    for stage, before, words in (
        (script.band, {}, "no small runs"),
        (script.larger, {"runs": table["runs"]}, "fix the band first"),
        (script.after, {"runs": table["runs"]}, "comes after"),
        (script.band, {k: table[k] for k in ("runs", "band", "larger")}, "no prediction"),
        (script.larger, {k: table[k] for k in ("runs", "band", "larger")}, "made once"),
        (script.larger, {"runs": table["runs"][1:], "band": table["band"]}, "are not those"),
        (script.small, {"band": table["band"]}, "has a band already"),
    ):
        script.FILE.write_text(json.dumps(before))
        with pytest.raises(SystemExit, match=words):
            stage()
        assert json.loads(script.FILE.read_text()) == before


class FakeTrainer:
    """Answers like a run, at once."""

    def __init__(self, width):
        self.width = width

    def run(self, tokens, seed, peak=None):
        return {"embed_dim": self.width, "tokens": tokens, "seed": seed, "learning_rate": peak,
                "bits_per_byte": 2.25}  # fmt: skip


def test_what_is_tried_afterwards_replaces_what_was_and_nothing_else(script, table, monkeypatch):
    monkeypatch.setattr(script, "Trainer", FakeTrainer)
    script.FILE.write_text(json.dumps(table))
    script.after()
    found = json.loads(script.FILE.read_text())
    (row,) = found["after"]
    assert row["bits_per_byte"] == 2.25 and row["learning_rate"] == script.AFTER[0]
    assert (row["embed_dim"], row["tokens"]) == script.LARGER
    assert row["date"] > table["larger"]["date"]
    assert {**found, "after": None} == {**table, "after": None}


def test_the_intervals_hold_the_law_and_are_of_these_runs(script, table, monkeypatch):
    law = scaling.Law(**table["law"])
    flop = 6 * table["larger"]["parameters"] * table["larger"]["tokens"]
    values = {name: getattr(law, name) for name in ("e", "alpha", "beta")}
    values |= dict(zip(("best_parameters", "best_tokens"), law.best(flop), strict=True))
    for name, value in values.items():
        low, high = table["intervals"][name]
        assert low < value < high, name
    monkeypatch.setattr(script, "DRAWS", 2)
    script.FILE.write_text(json.dumps(table))
    script.intervals()
    found = json.loads(script.FILE.read_text())
    assert found["intervals"]["draws"] == 2
    for name in values:
        low, high = found["intervals"][name]
        widest = table["intervals"][name]
        assert widest[0] / 2 < low <= high < widest[1] * 2, name
    assert {**found, "intervals": None} == {**table, "intervals": None}


def test_the_size_of_the_larger_model_is_known_before_it_exists(script, table):
    widths = {row["embed_dim"]: row["parameters"] for row in table["runs"]}
    assert {width: script.parameters_of(width) for width in widths} == widths
