"""Labs: a check that answers at once with a hint, and the learner's progress.

    labs.check("lab07.mask", causal_mask)    what passed, what failed, a hint
    labs.hint("lab07.mask")                  a second hint, on request
    labs.progress()                          what is done, what is next

What a lab checks, and the hints it gives, stand in the lab's folder (`labs/07_attention/checks.py`).
"""

from __future__ import annotations

import contextlib
import datetime
import difflib
import functools
import html
import importlib.util
import inspect
import json
import math
import numbers
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from helpers import runtime
from helpers.attempts import (
    Failed,
    TimeUp,
    arguments_kept,
    bounded_output,
    limited,
    line_of,
    shown,
)  # fmt: skip

SECONDS = 10.0  # how long a check may take before the learner's code is stopped
VISIBLE, HIDDEN = 0, 9973  # the seeds of the cases that a check draws

# Mistakes that every task shares: a first hint, and one more on request.
COMMON = {
    "empty": ("Your answer is still empty: it gives None.",
              "Replace the line 'Your code here', and mind that a function gives back what follows "
              "`return`: one that only prints or assigns gives None."),
    "type": ("What you hand over is of another kind than the task asks for.",
             "Read the line of the task that says what comes in and what goes out. A function is "
             "handed over by its name, without brackets: `f`, not `f(x)`."),
    "shape": ("The result has another shape than the task asks for.",
              "Print the shape after every step, and say for each axis what it counts."),
    "nan": ("There are values that are not finite numbers (NaN or infinity) in your result.",
            "They come from a division by zero, the logarithm of zero, or an exponential of a large "
            "number. Find the first line whose result has one."),
    "values": ("The values are not what the task asks for.",
               "Take the smallest example that you can work out on paper, and compare step by step."),
    "raised": ("Your code stopped with an error.",
               "Call it yourself with small values in a cell of its own: the full error then shows "
               "the way that led there."),
    "signature": ("Your function does not take the arguments that the task names.",
                  "Compare your `def` line with the one in the task, name by name."),
    "time": ("Your code did not come to an end.",
             "Does every `while` come nearer to its end in each round? Print the value that its "
             "condition looks at."),
    "changed": ("Your function changed a value that was handed to it.",
                "`x += 1`, `x[...] = 0` and `x.sort()` work on the caller's own object. Make a new "
                "one (`x = x + 1`), or copy first."),
}  # fmt: skip


class NotPassed(AssertionError):
    """Raised for a check that failed while a class is graded (COURSE_GRADING=1)."""


@dataclass(frozen=True)
class Task:
    """One checked task. `hints` maps the name of a mistake to a first and a second hint."""

    lab: str  # "lab07"
    name: str
    title: str
    points: float
    seconds: float
    hints: Mapping[str, tuple[str, str]]
    function: Callable[..., None]

    @property
    def full_name(self) -> str:
        """The name that `check` knows: "lab07.mask"."""
        return f"{self.lab}.{self.name}"


@dataclass(frozen=True)
class Report:
    """What a check found. True when it passed; shows itself in a notebook and in a terminal."""

    task: str
    title: str
    passed: bool
    done: tuple[str, ...] = ()  # what was checked and is right
    key: str = ""  # the name of the mistake
    saw: str = ""
    hint: str = ""
    printed: str = ""
    metric: str = ""
    note: str = ""

    def __bool__(self) -> bool:
        return self.passed

    def rows(self) -> list[tuple[str, str]]:
        """(what kind of line, text) from top to bottom."""
        rows = [("passed", text) for text in self.done]
        if not self.passed:
            rows += [("not yet", self.saw)] if self.saw else []
            rows += [("hint", self.hint)]
            rows += [("more", f'labs.hint("{self.task}") gives a second hint.')]
        rows += [("metric", self.metric)] if self.metric else []
        rows += [("printed", self.printed)] if self.printed else []
        return rows + ([("note", self.note)] if self.note else [])

    def __repr__(self) -> str:
        head = f"{self.task} ({self.title}): {'PASSED' if self.passed else 'NOT YET'}"
        return "\n".join([head, *(f"  {kind:8} {text}" for kind, text in self.rows())])

    def _repr_html_(self) -> str:
        colour, word = ("#009e73", "Passed") if self.passed else ("#d55e00", "Not yet")
        cell = "style='text-align:left;vertical-align:top;white-space:pre-wrap'"
        rows = "".join(
            f"<tr><th {cell}>{kind}</th><td {cell}>{html.escape(text)}</td></tr>"
            for kind, text in self.rows()
        )
        title = html.escape(self.title)
        return (
            f"<div style='border-left:4px solid {colour};padding:4px 10px'>"
            f"<b>{word}.</b> {title}<table>{rows}</table></div>"
        )


@dataclass
class Attempt:
    """What a check works with: the learner's answers, cases drawn from a seed, and ways to fail."""

    answers: tuple[Any, ...]
    seed: int
    rng: np.random.Generator = field(init=False)
    done: list[str] = field(default_factory=list)
    metric: str = ""
    best: float | None = None

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    @property
    def answer(self) -> Any:
        """The first of the learner's answers."""
        return self.answers[0]

    def passed(self, what: str) -> None:
        """Note something that is right, in the past tense of a reader: "four lengths of text"."""
        self.done.append(what)

    def require(self, holds: Any, key: str, saw: str = "") -> None:
        """Fail with the hint `key` unless `holds`."""
        if not holds:
            raise Failed(key, saw)

    def call(self, *args: Any, answer: Any = None, keep: bool = True, **kwargs: Any) -> Any:
        """Call the learner's function (or another `answer`) as the learner's code would be called.

        Args:
            keep: the arguments must come back unchanged; False where changing them is the task.

        Raises:
            Failed: it is no function, does not take these arguments, or changed one of them.
        """
        function = self.answer if answer is None else answer
        if not callable(function):
            key = "empty" if function is None else "type"
            raise Failed(key, f"A function was expected, and this came: {shown(function)}")
        _check_signature(function, args, kwargs)
        if not keep:
            return function(*args, **kwargs)
        got, changed = arguments_kept(function, args, kwargs)
        if changed:
            raise Failed("changed", f"After the call, {changed} was another than before.")
        return got

    def array(self, got: Any, shape: Sequence[int] | None = None, kind: str = "iuf",
              finite: bool = True, about: str = "") -> np.ndarray:  # fmt: skip
        """`got` as an array, if it can be one; a framework's tensor is one too.

        Args:
            shape: what it must have; None in it leaves an axis free.
            kind: the NumPy kinds that are right: "b" truth values, "iu" whole numbers, "f" floats.
            about: for the message: "for context_length=3".

        Raises:
            Failed: with "empty", "type", "shape" or "nan".
        """
        made = _as_array(got, about)
        if made.dtype.kind not in kind:
            wanted = " or ".join(dict.fromkeys(_KINDS[k] for k in kind))
            raise Failed("type", f"{wanted} expected{_for(about)}, and this came: {shown(got)}")
        if shape is not None and not _fits(made.shape, shape):
            axes = ["any" if n is None else str(n) for n in shape]
            wanted = f"({axes[0]},)" if len(axes) == 1 else f"({', '.join(axes)})"
            raise Failed("shape", f"Shape {wanted} expected{_for(about)}, and {made.shape} came.")
        if finite and made.dtype.kind in "fc" and not np.isfinite(made).all():
            raise Failed("nan", f"This came{_for(about)}: {shown(made)}")
        return made

    def number(self, got: Any, about: str = "", finite: bool = True) -> float:
        """`got` as a float, if it is one number.

        Raises:
            Failed: with "empty", "type" or "nan".
        """
        if got is None:
            raise Failed("empty", f"None came{_for(about)}.")
        if isinstance(got, str | bool | np.bool_):
            raise Failed("type", f"A number was expected{_for(about)}, and this came: {shown(got)}")
        try:
            value = float(np.asarray(got).reshape(()).item())
        except Exception:
            message = f"A number was expected{_for(about)}, and this came: {shown(got)}"
            raise Failed("type", message) from None
        if finite and not math.isfinite(value):
            raise Failed("nan", f"This came{_for(about)}: {value}")
        return value

    def agrees(
        self,
        got: Any,
        want: Any,
        mistakes: Mapping[str, Any] | None = None,
        otherwise: str = "values",
        about: str = "",
        tolerance: float = 1e-5,
    ) -> None:
        """Fail unless the numbers of `got` are those of `want`, up to a relative tolerance.

        Args:
            mistakes: for each hint, the result (or a function that gives it) which that mistake leads
                to; the first that agrees gives its hint. One that agrees with `want` says nothing.
            otherwise: the hint when no known mistake gives this result.
        """
        if _close(got, want, tolerance):
            return
        for key, value in (mistakes or {}).items():
            if _close(got, value() if callable(value) else value, tolerance):
                raise Failed(key, f"This came{_for(about)}: {shown(got)}")
        raise Failed(otherwise, f"This came{_for(about)}: {shown(got)}")

    def score(self, text: str, value: float) -> None:
        """Note the metric of a challenge: how it reads, and the number (the higher the better)."""
        self.metric, self.best = text, float(value)


_KINDS = {"b": "truth values", "i": "whole numbers", "u": "whole numbers", "f": "numbers",
          "c": "complex numbers", "U": "texts"}  # fmt: skip


def _for(about: str) -> str:
    return f" {about}" if about else ""


def _as_array(got: Any, about: str) -> np.ndarray:
    if got is None:
        raise Failed("empty", f"None came{_for(about)}.")
    if callable(got) and not hasattr(got, "__array__"):
        raise Failed("type", f"Values were expected{_for(about)}, and this came: {shown(got)}")
    try:
        made = np.asarray(got)
    except Exception as error:  # rows of different lengths, a tensor that has no values
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise Failed("type", f"This cannot be an array{_for(about)} ({reason})") from None
    if made.dtype.kind == "V" or str(made.dtype) in ("bfloat16", "float16"):
        made = made.astype("float32")
    return made


def _fits(shape: tuple[int, ...], wanted: Sequence[int | None]) -> bool:
    return len(shape) == len(wanted) and all(
        w is None or n == w for n, w in zip(shape, wanted, strict=True)
    )


def _close(got: Any, want: Any, tolerance: float) -> bool:
    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape:
        return False
    if got.dtype.kind in "bOUS" or want.dtype.kind in "bOUS":
        return np.array_equal(got, want)
    size = float(np.max(np.abs(want[np.isfinite(want)]), initial=0.0))
    return np.allclose(got, want, rtol=tolerance, atol=tolerance * max(size, 1e-12), equal_nan=True)


def _check_signature(function: Callable, args: tuple, kwargs: dict) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return  # a function of C does not say
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        name = getattr(function, "__name__", "your function")
        raise Failed("signature", f"{name}{signature}: {error}") from None


def task(points: float = 1, seconds: float = SECONDS, **hints: tuple[str, str]) -> Callable:
    """Mark a function of a lab's checks.py as the check of the task with its name.

    The first line of its docstring is the task's title. It is called with an `Attempt` and returns
    when everything is right; it fails by `Attempt.require` and its sisters.

    Args:
        points: what the task is worth.
        seconds: after which the learner's code is stopped.
        hints: for each mistake, the first hint and the second; none may give the answer away.

    Raises:
        TypeError: a hint is called `points` or `seconds`, which are taken.
    """
    if not all(isinstance(value, int | float) for value in (points, seconds)):
        raise TypeError("points and seconds are numbers: give a hint another name than these")

    def register(function: Callable[[Attempt], None]) -> Task:
        lab, title = f"lab{function.__module__[-2:]}", function.__doc__.partition("\n")[0]
        return Task(lab, function.__name__, title.rstrip("."), points, seconds,
                    {**COMMON, **hints}, function)  # fmt: skip

    return register


def check(name: str, *answers: Any, hidden: bool = False) -> Report:
    """Try the learner's answer and say at once what passed, what failed, and what the mistake may be.

    Args:
        name: lab and task: "lab07.mask".
        answers: what the task asks for: mostly one function, handed over by its name.
        hidden: draw other cases, which an answer made for the visible ones does not know. Grading
            may set their seed by COURSE_HIDDEN_SEED.

    Returns:
        A report that is true when everything passed. Code that runs longer than the task's limit
        (10 seconds where nothing else is said) is stopped.

    Raises:
        KeyError: there is no such task; the message names the nearest.
        TypeError: no answer was handed over.
        NotPassed: the check failed and COURSE_GRADING is 1. A learner gets a report instead.
    """
    found = find(name)
    if not answers:
        raise TypeError(f'hand over your answer: labs.check("{name}", your_function)')
    grading = os.environ.get("COURSE_GRADING") == "1"
    seed = int(os.environ.get("COURSE_HIDDEN_SEED", HIDDEN)) if hidden else VISIBLE
    with runtime.quiet_stderr() if grading else contextlib.nullcontext():
        report, best = _try(found, Attempt(answers, seed))
    if grading:
        if not report.passed:
            raise NotPassed(f"{report.saw}\nHint: {report.hint}".strip())
        return report
    _LAST[name] = report
    return _keep(report, best)


_LAST: dict[str, Report] = {}


def _try(found: Task, attempt: Attempt) -> tuple[Report, float | None]:
    key = saw = ""
    with bounded_output() as output:
        try:
            limited(lambda: found.function(attempt), found.seconds)
        except Failed as failed:
            key, saw = failed.key, failed.saw
        except TimeUp as stopped:
            where = line_of(stopped.__traceback__, _checks_of(found))
            key = "time"
            saw = f"It was stopped after {found.seconds:g} s" + (f", at {where}" if where else "")
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # theirs: a check of ours fails by Failed alone
            where = line_of(error.__traceback__, _checks_of(found))
            said = f"{type(error).__name__}: {_text(error)}".strip()
            # Not below a line of theirs: what they gave could not be worked with.
            key, saw = ("raised", f"{said}\n({where})") if where else ("type", said)
    printed = output.kept
    if output.written > len(printed):
        printed += f"... ({output.written:,} characters in all)"
    if key and key not in found.hints:
        raise KeyError(f"{found.full_name} has no hint {key!r}")
    report = Report(found.full_name, found.title, not key, tuple(attempt.done), key, saw,
                    found.hints[key][0] if key else "", printed, attempt.metric)  # fmt: skip
    return report, attempt.best


def _text(error: BaseException) -> str:
    try:
        return str(error)[:300]
    except Exception:
        return ""


def passed(name: str) -> bool:
    """Whether the task's last check in this session passed, for a cell that uses the answer.

    Raises:
        KeyError: there is no such task.
    """
    find(name)
    return name in _LAST and _LAST[name].passed


def hint(name: str) -> None:
    """Print the second hint to what the last check of a task found.

    Raises:
        KeyError: there is no such task.
    """
    found, last = find(name), _LAST.get(name)
    if last is None:
        print(f'Run the cell with labs.check("{name}", ...) first: the hint is to what it finds.')
    elif last.passed:
        print("Nothing to hint at: the last check passed.")
    else:
        print(found.hints[last.key][1])


# --- what there is ---------------------------------------------------------------------------------


def folder(lab: str) -> Path:
    """The folder of a lab ("lab07"): in a checkout, or what an installed package has of it.

    Raises:
        KeyError: there is no such lab.
    """
    number = lab.removeprefix("lab")
    found = sorted(_root().glob(f"{number}_*/checks.py")) if number.isdigit() else []
    if not found:
        known = ", ".join(f"lab{path.name[:2]}" for path in _folders())
        raise KeyError(f"no lab {lab!r}; there are {known}")
    return found[0].parent


def _root() -> Path:
    inside = runtime.shipped() / "labs"
    return inside if inside.is_dir() else runtime.shipped().parent / "labs"


def _folders() -> list[Path]:
    return sorted(path.parent for path in _root().glob("[0-9][0-9]_*/checks.py"))


def material(lab: str) -> ModuleType:
    """What a lab hands to the learner beside its text: the module material.py of its folder.

    Raises:
        KeyError: there is no such lab.
        FileNotFoundError: the lab has none.
    """
    return _module(folder(lab) / "material.py", f"material_{lab[-2:]}")


def tasks(lab: str) -> dict[str, Task]:
    """The tasks of a lab by name, in their order.

    Raises:
        KeyError: there is no such lab.
    """
    module = _module(folder(lab) / "checks.py", f"checks_{lab[-2:]}")
    return {t.name: t for t in vars(module).values() if isinstance(t, Task)}


@functools.cache
def _module(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look there
    spec.loader.exec_module(module)
    return module


def _checks_of(found: Task) -> str:
    return found.function.__code__.co_filename


def find(name: str) -> Task:
    """The task called "lab07.mask".

    Raises:
        KeyError: there is no such task; the message names the nearest.
    """
    if not isinstance(name, str) or not re.fullmatch(r"lab\d\d\.[a-z0-9_]+", name):
        raise KeyError(f"a task's name looks like 'lab07.mask', not {name!r}")
    lab, _, short = name.partition(".")
    known = tasks(lab)
    if short not in known:
        near = difflib.get_close_matches(short, known, 1)
        hint = f"did you mean '{lab}.{near[0]}'?" if near else f"there are {', '.join(known)}"
        raise KeyError(f"{lab} has no task {short!r}; {hint}")
    return known[short]


# --- the learner's progress --------------------------------------------------------------------------


def _keep(report: Report, best: float | None) -> Report:
    """Write the result down; where that cannot be done, the report says so and nothing else fails."""
    try:
        with _locked():
            table = _load()
            entry = table.get(report.task, {})
            entry["tries"] = entry.get("tries", 0) + 1
            if report.passed:
                entry.setdefault("passed", datetime.date.today().isoformat())
            if best is not None and best >= entry.get("best", -math.inf):
                entry["best"], entry["metric"] = best, report.metric
            _save({**table, report.task: entry})
    except Exception as error:
        why = f"Your progress could not be kept ({type(error).__name__}: {error})."
        return replace(report, note=why)
    return report


def _file() -> Path:
    return runtime.home() / "progress.json"


def _locked() -> Any:
    """Two notebooks may check at the same time."""
    import filelock

    return filelock.FileLock(_file().with_suffix(".lock"), timeout=5)


def _load() -> dict[str, dict]:
    """A damaged file is set aside, not fatal; entries that make no sense are left out."""
    path = _file()
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(table, dict):
            return {k: entry for k, entry in table.items() if _is_entry(entry)}
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError):
        pass
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S-%f")
    aside = path.with_name(f"progress.damaged-{stamp}.json")
    with contextlib.suppress(OSError):
        os.replace(path, aside)
    print(f"Your progress could not be read; the file was set aside as {aside.name}.")
    return {}


def _is_entry(entry: object) -> bool:
    if not isinstance(entry, dict):
        return False
    kinds = {"tries": numbers.Real, "best": numbers.Real, "passed": str, "metric": str}
    return all(isinstance(value, kinds.get(key, object)) for key, value in entry.items())


def _save(table: dict[str, dict]) -> None:
    with runtime.write_atomically(_file()) as part:
        part.write_text(json.dumps(dict(sorted(table.items())), indent=1) + "\n", encoding="utf-8")


def reset(name: str | None = None) -> None:
    """Forget the progress: of everything, of one lab ("lab07") or of one task ("lab07.mask").

    Raises:
        KeyError: there is no such lab or task.
    """
    if name is not None:
        find(name) if "." in name else tasks(name)
    with _locked():
        table = _load()
        kept = {k: e for k, e in table.items()
                if name is not None and k != name and not k.startswith(f"{name}.")}  # fmt: skip
        _save(kept)
    print(f"Forgotten: {len(table) - len(kept)} of {len(table)} entries.")


@dataclass(frozen=True)
class Lab:
    """One lab as the index knows it, written by `make labs`."""

    number: str
    name: str  # of its folder and notebook
    title: str
    minutes: int
    notebooks: tuple[str, ...]  # numbers of the notebooks that it belongs to
    tasks: tuple[str, ...]

    @property
    def path(self) -> str:
        """The learner's copy, seen from the folder `notebooks`."""
        return f"../labs/{self.name}/{self.name}.ipynb"

    @property
    def link(self) -> str:
        """The learner's copy, seen from the notebook that runs: one of the course, or a lab."""
        return (
            self.path.replace("/labs/", "/", 1) if Path.cwd().parent.name == "labs" else self.path
        )


def every() -> tuple[Lab, ...]:
    """All labs in their order, from the index that ships."""
    rows = json.loads(index().read_text(encoding="utf-8"))
    tuples = ("notebooks", "tasks")
    return tuple(Lab(**{k: tuple(v) if k in tuples else v for k, v in r.items()}) for r in rows)


def index() -> Path:
    """The list of labs that ships with the course."""
    return runtime.shipped() / "labs.json"


class Progress:
    """What is done and what is next; shows itself as a table."""

    def __init__(self, labs: Sequence[Lab], table: Mapping[str, Mapping]):
        self.rows = [(lab, [t for t in lab.tasks if "passed" in table.get(f"lab{lab.number}.{t}", {})],
                      _metric(lab, table)) for lab in labs]  # fmt: skip

    @property
    def next(self) -> tuple[Lab, str] | None:
        """The first task that is not done, or None when all are."""
        for lab, done, _ in self.rows:
            for name in lab.tasks:
                if name not in done:
                    return lab, name
        return None

    def summary(self) -> str:
        """One sentence: how many tasks are done, and which is next."""
        done = sum(len(names) for _, names, _ in self.rows)
        total = sum(len(lab.tasks) for lab, _, _ in self.rows)
        after = self.next
        then = f"Next: {after[0].title}, task '{after[1]}'." if after else "Everything is done."
        return f"{done} of {total} tasks done. {then}"

    def __repr__(self) -> str:
        lines = [f"{lab.number}  {len(done)}/{len(lab.tasks)}  {lab.title}{'  ' * bool(m)}{m}"
                 for lab, done, m in self.rows]  # fmt: skip
        return "\n".join([self.summary(), *lines])

    def _repr_html_(self) -> str:
        cell = "<td style='text-align:left'>"
        rows = "".join(
            f"<tr>{cell}<a href='{lab.link}'>{html.escape(lab.title)}</a></td>"
            f"{cell}{len(done)} of {len(lab.tasks)}</td>{cell}{lab.minutes} min</td>"
            f"{cell}{html.escape(metric)}</td></tr>"
            for lab, done, metric in self.rows
        )
        head = "<tr><th>lab</th><th>done</th><th>takes</th><th>best result</th></tr>"
        return f"<p>{html.escape(self.summary())}</p><table>{head}{rows}</table>"


def _metric(lab: Lab, table: Mapping[str, Mapping]) -> str:
    found = [table.get(f"lab{lab.number}.{name}", {}).get("metric", "") for name in lab.tasks]
    return next((text for text in found if text), "")


def progress() -> Progress:
    """What is done in the labs and what is next, from the learner's own folder."""
    return Progress(every(), _load())
