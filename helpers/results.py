"""What a run measured: written down where it is measured, quoted where it is needed.

A notebook records a figure under a name (`record("06.test_accuracy", 0.91)`); a later one quotes it
(`recall("06.test_accuracy")`). The reader's own figure comes first; a reader who did not run the
earlier notebook gets the one that ships, and the text can say which it is.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import math
import os
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

from helpers import runtime

NAME = re.compile(r"\d\d\.[a-z0-9_]+")


@dataclass(frozen=True)
class Result:
    """One measured figure. `low` and `high` bound its 95% interval where one was computed."""

    name: str
    value: float | int | str
    low: float | None = None
    high: float | None = None
    unit: str = ""
    source: str = ""  # the data it was measured on: "mirror", "hub" or "sample"
    about: dict = field(default_factory=dict)
    origin: str = "you"  # "you": measured on this machine; "course": the figure that ships
    notebook: str = ""  # of the reader's own: fingerprint of the notebook that measured it

    def __str__(self) -> str:
        return f"{self._shape(self.value)}{self._interval()}{' ' + self.unit if self.unit else ''}"

    def _interval(self) -> str:
        if self.low is None or self.high is None:
            return ""
        return f" (95% interval {self._shape(self.low)} to {self._shape(self.high)})"

    @staticmethod
    def _shape(value: float | int | str) -> str:
        return f"{value:.4g}" if isinstance(value, float) else str(value)


def record(
    name: str,
    value: float | int | str,
    *,
    low: float | None = None,
    high: float | None = None,
    unit: str = "",
    source: str = "",
    **about: float | int | str,
) -> Result:
    """Keep a measured figure for later notebooks, in the reader's own folder.

    Args:
        name: notebook number, a dot, a name in lower case: "06.test_accuracy".
        value: a number, or a short text.
        low, high: its 95% interval, both or neither.
        unit: "s", "bits per byte", ...; empty for a share.
        source: the data it was measured on.
        about: anything else worth keeping (seed=0, parameters=12_000).

    Raises:
        ValueError: the name has another form, a number is not finite, or its interval misses it.
        TypeError: the value is neither a number nor a text.
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(f"a result's name looks like '06.test_accuracy', not {name!r}")
    result = Result(name, _plain(value), _plain(low), _plain(high), unit, source,
                    {key: _plain(v) for key, v in about.items()},
                    notebook=_notebook(name[:2]))  # fmt: skip
    _check(result)
    table = _load(_own())
    entry = asdict(result)
    entry.pop("name"), entry.pop("origin")
    table[name] = entry
    save(table, _own())
    return result


def recall(name: str) -> Result:
    """The figure kept under `name`: the reader's own, or else the one that ships with the course.

    Raises:
        KeyError: neither has it; the message names the nearest and the notebook that measures it.
    """
    for origin, path in (("you", _own()), ("course", shipped())):
        entry = _load(path).get(name)
        if entry is not None:
            return Result(name, origin=origin, **entry)
    known = sorted(set(_load(_own())) | set(_load(shipped())))
    near = difflib.get_close_matches(name, known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    where = (
        f" If notebook {name[:2]} measures it, run that one first." if name[:2].isdigit() else ""
    )
    raise KeyError(f"no result {name!r}{hint}{where}")


def save(table: dict[str, dict], path: Path) -> None:
    """Write a table of results, sorted by name, whole or not at all."""
    with runtime.write_atomically(path) as part:
        text = json.dumps(
            dict(sorted(table.items())), indent=1, ensure_ascii=False, allow_nan=False
        )
        part.write_text(text + "\n", encoding="utf-8")


def shipped() -> Path:
    """The recorded table that ships with the course."""
    return runtime.shipped() / "results.json"


def of_notebook(number: str) -> dict[str, dict]:
    """The figures of one notebook ("06") in the table that ships."""
    return {n: entry for n, entry in _load(shipped()).items() if n.startswith(f"{number}.")}


def _notebook(number: str) -> str:
    """The fingerprint of the notebook that is measuring: the one of this version of the course."""
    try:
        rows = json.loads((runtime.shipped() / "course.json").read_text("utf-8"))
    except (OSError, ValueError):
        return ""
    return next((row.get("fingerprint", "") for row in rows if row["number"] == number), "")


def _own() -> Path:
    return runtime.home() / "results.json"


def _load(path: Path) -> dict[str, dict]:
    """A damaged table of the reader's own is set aside, not fatal: results can be measured again."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(table, dict):
            return table
    except FileNotFoundError:
        return {}
    except ValueError:
        pass
    aside = path.with_suffix(".damaged.json")
    with contextlib.suppress(OSError):
        os.replace(path, aside)
    print(f"The table of results could not be read; it was set aside as {aside.name}.")
    return {}


def _plain(value: object) -> float | int | str | None:
    """NumPy's and the frameworks' scalars as plain Python, so that they can be written as JSON."""
    if isinstance(value, str) or value is None:
        return value
    item = getattr(value, "item", None)
    return item() if callable(item) else value


def _check(result: Result) -> None:
    for what, value in {"value": result.value, **result.about}.items():
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise TypeError(
                f"{result.name}: {what} is {value!r}; a result is a number or a short text"
            )
    if not isinstance(result.unit, str) or not isinstance(result.source, str):
        raise TypeError(f"{result.name}: unit and source are texts, for instance unit='s'")
    if isinstance(result.value, str) and result.low is not None:
        raise TypeError(f"{result.name}: a text has no interval; leave low and high out")
    numbers = [result.value, result.low, result.high, *result.about.values()]
    numbers = [value for value in numbers if isinstance(value, int | float)]
    if any(not math.isfinite(v) for v in numbers):
        raise ValueError(f"{result.name}: {result.value} is not a finite number; nothing recorded")
    if (result.low is None) != (result.high is None):
        raise ValueError(f"{result.name}: give both ends of the interval, or neither")
    if result.low is not None and not result.low <= result.value <= result.high:
        raise ValueError(
            f"{result.name}: {result.value} lies outside its interval {result.low} to {result.high}"
        )
