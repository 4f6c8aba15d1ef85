"""Plans of a training: sums made by hand, sources for every constant, refusals in words."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from helpers import budget, cost

SMALL = (124_000_000, 2_480_000_000)


def test_a_plan_counted_by_hand():
    plan = budget.plan(
        1e9, 2e10, device="mine", num_devices=4, precision="float32", utilisation=0.5,
        peak_flops=1e14, device_memory=80e9, price_per_hour=(2, 3), watts=500, pue=1.2, carbon=400,
    )  # fmt: skip
    hours = 6 * 1e9 * 2e10 / (1e14 * 0.5) / 3600
    assert plan.flop == 1.2e20
    assert plan.device_hours == pytest.approx(hours)
    assert plan.hours == pytest.approx(hours / 4)
    assert plan.memory == pytest.approx(16e9 / 4)
    assert plan.money == pytest.approx((2 * hours, 3 * hours))
    assert plan.energy_kwh == pytest.approx(hours * 500 * 1.2 / 1000)
    assert plan.co2_kg == pytest.approx(plan.energy_kwh * 0.4)
    assert plan.constants == ()


def test_the_files_constants_are_used_and_named():
    plan = budget.plan(*SMALL, device="T4", place="France")
    assert plan.precision == "float16"
    used = {(one.name, one.device) for one in plan.constants}
    assert ("peak_float16", "T4") in used and ("carbon", "France") in used
    assert ("pue_average", "") in used
    hours = cost.hours(plan.flop, budget.constant("peak_float16", "T4").value, 0.3)
    assert plan.device_hours == pytest.approx(hours)
    assert list(plan.sources()["source"].str.len() > 3) == [True] * len(plan.constants)


def test_an_argument_takes_the_place_of_a_constant():
    usual = budget.plan(*SMALL, device="T4")
    changed = budget.plan(*SMALL, device="T4", watts=140, price_per_hour=1.0, pue=1.58)
    assert changed.energy_kwh == pytest.approx(2 * usual.energy_kwh)
    assert changed.money == (changed.device_hours, changed.device_hours)
    assert "watts" not in {one.name for one in changed.constants}


def test_more_devices_share_memory_and_clock_and_cost_the_same():
    one, four = (budget.plan(*SMALL, device="A100", num_devices=n) for n in (1, 4))
    assert four.hours == pytest.approx(one.hours / 4)
    assert four.memory == pytest.approx(one.memory / 4)
    assert four.money == one.money and four.co2_kg == one.co2_kg


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"num_devices": 0}, "num_devices is 0; a training needs at least 1"),
        ({"num_devices": -2}, "num_devices is -2"),
        ({"num_devices": 1.5}, "num_devices is 1.5; it must be a whole number"),
        ({"num_devices": True}, "num_devices is True"),
        ({"parameters": -1e9}, "parameters is -1e"),
        ({"tokens": 0}, "tokens is 0; it must be above 0"),
        ({"utilisation": 1.2}, "utilisation is 1.2"),
        ({"utilisation": 40}, "for 40% write 0.4"),
        ({"utilisation": 0}, "utilisation is 0"),
        ({"price_per_hour": -1}, "price_per_hour is -1"),
        ({"watts": -5}, "watts is -5"),
        ({"pue": 0.5}, "pue is 0.5"),
        ({"carbon": -1}, "carbon is -1"),
        ({"activations": -1}, "activations is -1"),
        ({"flop": -1e20}, "flop is -1e"),
        ({"peak_flops": 0}, "peak_flops is 0"),
        ({"device_memory": -1}, "device_memory is -1"),
        ({"place": "Atlantis"}, "no carbon of 'Atlantis' is known; there is one of Australia"),
        ({"device": "abacus"}, "device is 'abacus'; there are A100"),
        ({"precision": "int8"}, "precision is 'int8'; models are trained in float32"),
        (
            {"device": "T4", "precision": "bfloat16"},
            "no peak of T4 in bfloat16 is known; there is one in float16 and float32",
        ),
        ({"device": "laptop", "precision": "float16"}, "no peak of laptop in float16 is known"),
        ({"price_per_hour": [1, 2]}, r"price_per_hour is \[1, 2\]; give one number, or a pair"),
        ({"price_per_hour": np.array([1.0, 2.0])}, "give one number, or a pair"),
        ({"price_per_hour": ()}, r"price_per_hour is \(\); give"),
        ({"price_per_hour": (1,)}, r"price_per_hour is \(1,\); give"),
        ({"price_per_hour": (1, 2, 3)}, r"price_per_hour is \(1, 2, 3\); give"),
        ({"price_per_hour": (1, "two")}, "price_per_hour is 'two'; it must be a number"),
        ({"price_per_hour": (1, None)}, "price_per_hour is None; it must be a number"),
        ({"price_per_hour": "much"}, "price_per_hour is 'much'; it must be a number"),
        ({"utilisation": np.array([0.2, 0.3])}, "utilisation is array.* so give one number"),
        ({"parameters": np.array([1e8, 1e9])}, "parameters is array.* so give one number"),
        ({"watts": [1, [2]]}, "watts is .* so give one number"),
        ({"parameters": 0.5}, "parameters is 0.5; a model has at least 1"),
        ({"optimizer": "magic"}, "optimizer is 'magic'"),
    ],
)
def test_what_cannot_be_is_refused_in_words(wish, words):
    wish = {"parameters": 1e8, "tokens": 2e9, **wish}
    with pytest.raises(budget.BudgetError, match=words):
        budget.plan(**wish)


def test_more_memory_than_there_is_says_what_would_fit():
    with pytest.raises(
        budget.BudgetError, match="needs 112 GB without activations, and one T4"
    ) as found:
        budget.plan(7e9, 1e12, device="T4")
    said = str(found.value)
    assert "at least 7 devices, and more for the activations" in said
    assert "1 billion parameters at the very most" in said
    budget.plan(7e9, 1e12, device="T4", num_devices=7)
    budget.plan(1e9, 1e12, device="T4")
    with pytest.raises(budget.BudgetError):
        budget.plan(7e9, 1e12, device="T4", num_devices=6)
    with pytest.raises(budget.BudgetError, match="smaller batches"):
        budget.plan(1e8, 1e9, device="T4", activations=17e9)
    with pytest.raises(budget.BudgetError, match="nearly all of it: take smaller") as found:
        budget.plan(7e9, 1e12, device="T4", activations=15.9e9)
    assert "devices" not in str(found.value)
    with pytest.raises(budget.BudgetError, match=r"needs 116 GB, and .* at least 10 devices;"):
        budget.plan(7e9, 1e12, device="T4", activations=4e9)


def test_a_plan_is_readable():
    plan = budget.plan(*SMALL, device="H100")
    assert "hours on the clock" in repr(plan) and "<table>" in plan._repr_html_()
    rows = dict(plan.rows())
    assert rows["on"].startswith("1 x H100 in bfloat16")
    assert "memory of a device, no activations" in rows
    more = budget.plan(*SMALL, device="H100", activations=1e9)
    assert more.memory == plan.memory + 1e9 and "memory of a device" in dict(more.rows())


def test_a_laptop_pays_for_its_electricity_and_cools_no_building():
    plan = budget.plan(*SMALL, device="laptop")
    assert plan.energy_kwh == pytest.approx(plan.device_hours * 65 / 1000)
    low, high = plan.money
    assert 0.1 < low / plan.energy_kwh < high / plan.energy_kwh < 0.5
    mended = budget.plan(*SMALL, device="laptop", pue=2)
    assert mended.energy_kwh == pytest.approx(2 * plan.energy_kwh)


# --- the constants


def test_every_constant_has_a_source_and_a_date():
    known = budget.read()
    assert len(known) > 30
    names = [(one.name, one.device) for one in known]
    assert len(names) == len(set(names)), "a constant stands there twice"
    for one in known:
        assert len(one.source) > 8, one
        assert one.date[:4].isdigit() and 2015 <= int(one.date[:4]) <= 2026, one
        assert one.unit or one.name.startswith(("pue", "utilisation")), one
    for device in budget.devices():
        low, high = (budget.constant(f"price_{end}", device).value for end in ("low", "high"))
        assert low <= high and budget.constant("watts", device).value > 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"source": " "}, "row 2 has no source"),
        ({"date": ""}, "row 2 has no date"),
        ({"name": ""}, "row 2 has no name"),
        ({"value": "many"}, "'many', not a number"),
        ({"value": "-1"}, "'-1', not a number"),
        ({"value": "nan"}, "not a number"),
    ],
)
def test_a_constant_without_one_is_refused(tmp_path, changes, words):
    row = {"name": "watts", "value": "5", "unit": "W", "device": "x", "source": "a datasheet",
           "date": "2026", "note": "", **changes}  # fmt: skip
    file = tmp_path / "own.csv"
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, row)
        writer.writeheader()
        writer.writerow(row)
    with pytest.raises(budget.BudgetError, match=words):
        budget.read(file)


def test_a_file_without_a_column_is_refused(tmp_path):
    file = tmp_path / "own.csv"
    file.write_text("name,value\nwatts,5\n")
    with pytest.raises(budget.BudgetError, match=r"own\.csv lacks the columns unit"):
        budget.read(file)


def test_an_unknown_constant_says_which_there_are():
    with pytest.raises(budget.BudgetError, match="no constant is called 'luck'; there are carbon"):
        budget.constant("luck")
