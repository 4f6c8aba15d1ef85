"""The bank of answers to a lab: wrong ones, each with the hint that it must get, and right ones.

`labs/NN_name/answers.py` marks them:

    @wrong("mask", "late")      rejected, with the hint "late"
    @right("mask")              accepted
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Answer:
    """One answer: the function itself, or for tasks that ask for something else, what `given` holds."""

    task: str
    name: str
    given: tuple[Any, ...]
    hint: str | None = None  # None: right
    hidden: bool = False  # passes the visible check, fails the hidden one


@dataclass
class Bank:
    """The answers of one lab, in the order of its file."""

    answers: list[Answer] = field(default_factory=list)


_OPEN = Bank()


def wrong(task: str, hint: str, hidden: bool = False) -> Callable:
    """Mark a function (or class) as a wrong answer that gets this hint.

    Args:
        hidden: it is wrong only beyond the visible cases.
    """
    return _marked(task, hint, hidden)


def right(task: str) -> Callable:
    """Mark a function (or class) as a right answer."""
    return _marked(task, None, False)


def value(task: str, name: str, *given: Any, hint: str | None = None) -> None:
    """Add an answer that is no single function; without a hint it is a right one."""
    _OPEN.answers.append(Answer(task, name, given, hint))


def _marked(task: str, hint: str | None, hidden: bool) -> Callable:
    def mark(function: Callable) -> Callable:
        _OPEN.answers.append(Answer(task, function.__name__, (function,), hint, hidden))
        return function

    return mark


def bank(folder: Path) -> Bank:
    """The answers that stand beside a lab's master."""
    global _OPEN
    _OPEN = Bank()
    if not (folder / "answers.py").exists():  # the tests of its tasks say what is missing
        return _OPEN
    spec = importlib.util.spec_from_file_location(f"answers_{folder.name}", folder / "answers.py")
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    return _OPEN
