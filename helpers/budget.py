"""A training planned: hours, money, energy and CO2 before it begins, with every constant named.

    budget.plan(124_000_000, 2_500_000_000, device="T4")

What is counted is worked out in `helpers.cost`; what changes with time and place (speeds, prices,
watts, grids) stands in `data/compute_constants.csv`, a row each with its source and its date. All of
it can be replaced by an argument.
"""

from __future__ import annotations

import csv
import functools
import html
import math
import numbers
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from helpers import cost, sources

FILE = "compute_constants.csv"
LEAST_FREE = 0.1  # share of the memory: below, smaller batches are advised, not more devices
COLUMNS = ("name", "value", "unit", "device", "source", "date", "note")


class BudgetError(ValueError):
    """What was asked for cannot be; the message says what to change."""


@dataclass(frozen=True)
class Constant:
    """A number from outside, with where and when it was said.

    Attributes:
        name: what it is ("peak_float32", "price_low", "carbon", ...).
        value, unit: the number and its unit; no unit for a share or ratio.
        device: what it is of: a device, a country, or nothing.
        source, date: who says so, and when (a year, a month or a day).
        note: what to know about it.
    """

    name: str
    value: float
    unit: str
    device: str
    source: str
    date: str
    note: str


def read(path: Path | str | None = None) -> list[Constant]:
    """All constants: those that ship, or those of your own file with the same columns.

    Raises:
        BudgetError: a column is missing, or a row has no number, no source or no date.
    """
    path = sources.path(FILE) if path is None else Path(path)
    return list(_read(str(path), path.stat().st_mtime_ns))


@functools.lru_cache(maxsize=4)
def _read(path: str, _changed: int) -> tuple[Constant, ...]:
    with open(path, encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
        if missing:
            raise BudgetError(f"{Path(path).name} lacks the columns {', '.join(missing)}")
        return tuple(_constant(row, f"{Path(path).name}, row {i}") for i, row in enumerate(rows, 2))


def _constant(row: dict[str, str], where: str) -> Constant:
    for name in ("name", "source", "date"):
        if not (row[name] or "").strip():
            raise BudgetError(f"{where} has no {name}: a constant says who says so, and when")
    try:
        value = float(row["value"])
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise BudgetError(f"{where}: the value of {row['name']} is {row['value']!r}, not a number")
    return Constant(**{**{name: row[name] or "" for name in COLUMNS}, "value": value})


def constant(name: str, device: str = "") -> Constant:
    """One constant by its name and what it is of.

    Raises:
        BudgetError: there is none; the message says which there are.
    """
    known = read()
    for one in known:
        if (one.name, one.device) == (name, device):
            return one
    of = sorted({one.device for one in known if one.name == name})
    if of:
        raise BudgetError(f"no {name} of {device!r} is known; there is one of {', '.join(of)}")
    names = ", ".join(sorted({one.name for one in known}))
    raise BudgetError(f"no constant is called {name!r}; there are {names}")


def devices() -> list[str]:
    """Devices that a plan can name."""
    return sorted({one.device for one in read() if one.name == "memory"})


@dataclass(frozen=True)
class Plan:
    """What a training will take. Amounts of money and CO2 are ranges, because prices are.

    Attributes:
        parameters, tokens, flop: size of the model, tokens seen, operations (6ND unless given).
        device, num_devices, precision, utilisation: what it runs on, and how well.
        device_hours, hours: of all devices together; on the clock.
        memory, device_memory: bytes that one device must hold, and that it has. Without the
            activations unless they were given, and then a lower bound.
        activations: bytes of them on each device, as given.
        money: (lowest, highest), US dollars.
        energy_kwh, co2_kg: of the devices, with what their building draws besides.
        constants: what was taken from the file.
    """

    parameters: float
    tokens: float
    flop: float
    device: str
    num_devices: int
    precision: str
    utilisation: float
    device_hours: float
    hours: float
    memory: float
    device_memory: float
    activations: float
    money: tuple[float, float]
    energy_kwh: float
    co2_kg: float
    constants: tuple[Constant, ...]

    def rows(self) -> list[tuple[str, str]]:
        """What and how much, in words, a pair a line."""
        low, high = (_short(value) for value in self.money)
        return [
            ("operations", f"{self.flop:.2e} FLOP"),
            ("on", f"{self.num_devices} x {self.device} in {self.precision}, "
                   f"{self.utilisation:.0%} of the peak"),
            ("hours on the clock", _short(self.hours)),
            ("device-hours", _short(self.device_hours)),
            ("memory of a device" + ("" if self.activations else ", no activations"),
             f"{_short(self.memory / 1e9)} of {_short(self.device_memory / 1e9)} GB"),
            ("US dollars", low if low == high else f"{low} to {high}"),
            ("energy", f"{_short(self.energy_kwh)} kWh"),
            ("CO2", f"{_short(self.co2_kg)} kg"),
        ]  # fmt: skip

    def sources(self) -> Any:
        """The constants that it rests on, as a pandas DataFrame."""
        import pandas as pd

        rows = [{name: getattr(one, name) for name in COLUMNS} for one in self.constants]
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def __repr__(self) -> str:
        return "\n".join(f"{name:>34}  {value}" for name, value in self.rows())

    def _repr_html_(self) -> str:
        lines = "".join(
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
            for name, value in self.rows()
        )
        return f"<table>{lines}</table>"


def plan(
    parameters: float,
    tokens: float,
    *,
    device: str = "H100",
    num_devices: int = 1,
    precision: str | None = None,
    utilisation: float = 0.3,
    optimizer: str = "adam",
    activations: float = 0.0,
    place: str = "World",
    flop: float | None = None,
    peak_flops: float | None = None,
    device_memory: float | None = None,
    price_per_hour: float | tuple[float, float] | None = None,
    watts: float | None = None,
    pue: float | None = None,
    carbon: float | None = None,
) -> Plan:
    """What it takes to train a model of so many parameters on so many tokens.

    Weights, gradients and the optimizer's numbers are taken to be shared out evenly among the
    devices (Rajbhandari et al. 2020), the best case. Activations are not counted unless you give
    them, so the memory is a lower bound: `cost.step_memory` estimates them for the course's GPT.
    Attention over the context is not in 6ND either. Energy is that of the devices at their largest
    draw, without the computers around them; the making of the devices is not counted.

    Args:
        parameters, tokens: of the model (at least 1), and seen in training.
        device: as in the file of constants ("T4", "A100", "H100", "laptop"), or a name of your own
            if peak_flops, device_memory, price_per_hour and watts are all given.
        num_devices: of them, working together.
        precision: "float32", "bfloat16" or "float16"; None takes the fastest that the device has.
        utilisation: share of the peak that is reached, above 0 and at most 1.
        optimizer: "adam", "momentum" or "sgd".
        activations: bytes on each device besides weights, gradients and optimizer; 0 leaves them out.
        place: whose grid, for CO2.
        flop: operations, instead of 6 x parameters x tokens.
        peak_flops, device_memory, price_per_hour, watts, pue, carbon: instead of the file's
            (FLOP a second, bytes, US dollars or (lowest, highest), watts, ratio, grams a kWh).
            Without a pue, that of the device counts (a laptop heats a room that is there anyway), or
            else the average data center's.

    Raises:
        BudgetError: an amount that cannot be or is not one number, a device or place not known, a
            precision without a known peak, or more memory than there is; the message says what would
            do.
    """
    used: list[Constant] = []

    def take(given: float | None, name: str, of: str = "") -> float:
        """The caller's number, or else the file's."""
        if given is not None:
            return given
        found = constant(name, of)
        used.append(found)
        return found.value

    if isinstance(num_devices, bool) or not isinstance(num_devices, numbers.Integral):
        raise BudgetError(f"num_devices is {num_devices!r}; it must be a whole number")
    if num_devices < 1:
        raise BudgetError(f"num_devices is {num_devices}; a training needs at least 1 device")
    single = {
        "parameters": parameters, "tokens": tokens, "utilisation": utilisation, "flop": flop,
        "activations": activations, "peak_flops": peak_flops, "device_memory": device_memory,
        "watts": watts, "pue": pue, "carbon": carbon,
    }  # fmt: skip
    for name, value in single.items():
        if value is not None and not isinstance(value, str) and _dimensions(value):
            raise BudgetError(f"{name} is {value!r}; a plan is of one training, so give one number")
    prices = _prices(price_per_hour)
    known = devices()
    own = (peak_flops, device_memory, price_per_hour, watts)
    if device not in known and None in own:
        raise BudgetError(
            f"device is {device!r}; there are {', '.join(known)}. For another one give peak_flops, "
            "device_memory, price_per_hour and watts"
        )
    precision = precision or _fastest(device)
    _check_precision(precision, device, peak_flops)
    peak = take(peak_flops, f"peak_{precision}", device)
    room = take(device_memory, "memory", device)
    if prices is None:
        prices = take(None, "price_low", device), take(None, "price_high", device)
    at_home = any((one.name, one.device) == ("pue_average", device) for one in read())
    watts = take(watts, "watts", device)
    pue = take(pue, "pue_average", device if at_home else "")
    carbon = take(carbon, "carbon", place)
    try:
        if 0 < cost._number("parameters", parameters) < 1:
            raise ValueError(f"parameters is {parameters}; a model has at least 1 (0.5e9 is half a "
                             "billion)")  # fmt: skip
        flop = cost.training_flops(parameters, tokens) if flop is None else flop
        device_hours = cost.hours(flop, peak, utilisation)
        money = tuple(cost.money(device_hours, price) for price in sorted(prices))
        energy = cost.energy_kwh(device_hours, watts, pue)
        for name, value in {"activations": activations, "carbon": carbon}.items():
            if cost._number(name, value) < 0:
                raise ValueError(f"{name} is {value}; it cannot be below 0")
        cost._positive(device_memory=room)
        need = cost.memory(parameters, precision, training=True, optimizer=optimizer)
    except ValueError as error:
        raise BudgetError(str(error)) from None
    held = need / num_devices + activations
    if held > room:
        raise BudgetError(_too_large(need, activations, room, num_devices, device, optimizer,
                                     parameters, precision))  # fmt: skip
    return Plan(
        parameters, tokens, float(flop), device, int(num_devices), precision, utilisation,
        float(device_hours), float(device_hours / num_devices), float(held), float(room),
        float(activations), money, float(energy), float(energy * carbon / 1000), tuple(used),
    )  # fmt: skip


def _dimensions(value: Any) -> int:
    """0 for one number; a list, an array and what is uneven count as more."""
    try:
        return np.ndim(value)
    except ValueError:
        return 1


def _prices(given: Any) -> tuple[Any, Any] | None:
    """Lowest and highest price of one given, or of a pair."""
    if given is None or (not isinstance(given, tuple) and not _dimensions(given)):
        return None if given is None else (given, given)
    if not isinstance(given, tuple) or len(given) != 2 or any(map(_dimensions, given)):
        raise BudgetError(
            f"price_per_hour is {given!r}; give one number, or a pair (lowest, highest)"
        )
    for price in given:
        try:
            cost._number("price_per_hour", price)
        except ValueError as error:
            raise BudgetError(str(error)) from None
    return given


def _fastest(device: str) -> str:
    """The precision in which the device is fastest, bfloat16 where it is as fast as float16."""
    peaks = {one.name.removeprefix("peak_"): one.value for one in read()
             if one.device == device and one.name.startswith("peak_")}  # fmt: skip
    if not peaks:
        return "float32"
    return max(sorted(peaks), key=lambda name: peaks[name])


def _check_precision(precision: str, device: str, peak: float | None) -> None:
    if precision not in cost.TRAINED_IN:
        raise BudgetError(
            f"precision is {precision!r}; models are trained in {', '.join(cost.TRAINED_IN)}"
        )
    has = {one.name.removeprefix("peak_") for one in read()
           if one.device == device and one.name.startswith("peak_")}  # fmt: skip
    if peak is None and precision not in has:
        there = f"there is one in {' and '.join(sorted(has))}" if has else "there is none at all"
        raise BudgetError(
            f"no peak of {device} in {precision} is known; {there}, or give peak_flops"
        )


def _too_large(
    need: float, activations: float, room: float, num_devices: int, device: str,
    optimizer: str, parameters: float, precision: str,
) -> str:  # fmt: skip
    """Why it does not fit, and what would."""
    share = f" on each of {num_devices} devices" if num_devices > 1 else ""
    held, free = need / num_devices + activations, room - activations
    beside = "" if activations else " without activations"
    words = [
        f"training {_short(parameters)} parameters in {precision} with {optimizer} needs "
        f"{_short(held / 1e9)} GB{share}{beside}, and one {device} has {_short(room / 1e9)} GB"
    ]
    if free <= 0:
        words.append("the activations alone do not fit: take smaller batches")
    elif free < LEAST_FREE * room:
        words.append("the activations take nearly all of it: take smaller batches")
    else:
        more = "" if activations else ", and more for the activations"
        words.append(f"take at least {math.ceil(need / free)} devices{more}")
        largest = free * num_devices / (need / parameters)
        if largest >= 1:
            words.append(f"or a model of {_short(largest)} parameters at the very most")
    small = cost.memory(parameters, precision) / num_devices + activations
    if small <= room:
        words.append("or tune only a few weights beside frozen ones (LoRA)")
    return "; ".join(words)


def _short(value: float) -> str:
    """Three digits and a word for thousands of millions."""
    for size, word in ((1e12, " trillion"), (1e9, " billion"), (1e6, " million")):
        if abs(value) >= size:
            return f"{value / size:.3g}{word}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
