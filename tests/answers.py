"""The bank of answers to a lab: wrong ones, each with the hint that it must get, and right ones.

`labs/NN_name/answers.py` marks them:

    @wrong("mask", "late")      rejected, with the hint "late"
    @right("mask")              accepted
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Answer:
    """One answer: the function (or class) that is handed over."""

    task: str
    name: str
    function: Callable
    hint: str | None = None  # None: right
    hidden: bool = False  # passes the visible check, fails the hidden one


_FOUND: list[Answer] = []  # by the file of answers that is being read


def wrong(task: str, hint: str, hidden: bool = False) -> Callable:
    """Mark a function (or class) as a wrong answer that gets this hint.

    Args:
        hidden: it is wrong only beyond the visible cases.
    """
    return _marked(task, hint, hidden)


def right(task: str) -> Callable:
    """Mark a function (or class) as a right answer."""
    return _marked(task, None, False)


def _marked(task: str, hint: str | None, hidden: bool) -> Callable:
    def mark(function: Callable) -> Callable:
        _FOUND.append(Answer(task, function.__name__, function, hint, hidden))
        return function

    return mark


def bank(folder: Path) -> list[Answer]:
    """The answers that stand beside a lab's master; none while the file is not written."""
    _FOUND.clear()
    if (folder / "answers.py").exists():
        spec = importlib.util.spec_from_file_location(
            f"answers_{folder.name}", folder / "answers.py"
        )
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    return list(_FOUND)
