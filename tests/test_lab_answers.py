"""The checks of every lab against the bank of answers beside its master, all in this process."""

from __future__ import annotations

import functools
import re

import nbformat
import numpy as np
import pytest

from helpers import labs
from tests import answers
from tools import labs as making

FOLDERS = making.find()
BANKS = {folder.name: answers.bank(folder) for folder in FOLDERS}
TASKS = [(f.name, t) for f in FOLDERS for t in labs.tasks(f"lab{f.name[:2]}").values()]
WRONG = [(name, a) for name, bank in BANKS.items() for a in bank if a.hint is not None]
RIGHT = [(name, a) for name, bank in BANKS.items() for a in bank if a.hint is None]


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    monkeypatch.delenv("COURSE_GRADING", raising=False)


def named(pairs):
    return [pytest.param(name, a, id=f"{name[:2]}.{a.task}.{a.name}") for name, a in pairs]


def tried(folder, answer, hidden=False):
    return labs.check(f"lab{folder[:2]}.{answer.task}", answer.function, hidden=hidden)


@pytest.mark.parametrize("folder, answer", named(WRONG))
def test_a_wrong_answer_is_rejected_with_its_hint(folder, answer):
    if answer.hidden:
        assert tried(folder, answer).passed, "it should pass what a learner sees"
    report = tried(folder, answer, hidden=answer.hidden)
    assert not report.passed and report.key == answer.hint, report
    task = labs.find(report.task)
    assert report.hint == task.hints[answer.hint][0]


@pytest.mark.parametrize("folder, answer", named(RIGHT))
def test_a_right_answer_is_accepted(folder, answer):
    for hidden in (False, True):
        report = tried(folder, answer, hidden)
        assert report.passed, report
        assert report.done, "a report says what is right"


@pytest.mark.parametrize("folder, task", [pytest.param(f, t, id=t.full_name) for f, t in TASKS])
def test_every_task_has_its_bank(folder, task):
    own = [a for a in BANKS[folder] if a.task == task.name]
    wrong = [a for a in own if a.hint is not None]
    assert len(wrong) >= 3, f"{task.full_name}: {len(wrong)} wrong answers"
    assert any(a.hint is None for a in own), "a right answer written another way"
    assert len({a.hint for a in wrong}) >= 2, "different mistakes get different hints"
    unmet = set(task.hints) - set(labs.COMMON) - {a.hint for a in wrong}
    assert not unmet, f"{task.full_name}: no answer in the bank gets the hints {unmet}"
    assert all(
        len(pair) == 2 and all(len(hint) > 15 for hint in pair) for pair in task.hints.values()
    )


@functools.cache
def solutions(folder):
    """What the master defines: its code without the checks and what follows from them."""
    path = making.FOLDER / folder / "master.ipynb"
    found = {"__name__": f"master_{folder[:2]}"}
    for cell in nbformat.read(path, as_version=4).cells:
        wanted = making.SOLUTION.search(cell.source) or re.search(
            r"^(import|from|def|class) ", cell.source, re.M
        )
        if cell.cell_type == "code" and wanted and "labs.check" not in cell.source:
            source = re.sub(r"^(\s*)[%!].*", r"\1pass", cell.source, flags=re.M)
            exec(compile(source, f"<master {folder}>", "exec"), found)
    return found


def key(value):
    """Something that two equal arguments share, and different ones do not."""
    if isinstance(value, np.ndarray):
        return value.shape, str(value.dtype), value.tobytes()
    if isinstance(value, dict):
        return tuple((k, key(v)) for k, v in value.items())
    if isinstance(value, list | tuple):
        return tuple(map(key, value))
    return getattr(value, "__qualname__", None) or repr(value)


def memorised(function, seen, learning):
    def answer(*args, **kwargs):
        what = key((args, kwargs))
        if learning:
            seen[what] = function(*args, **kwargs)
        return seen.get(what)

    return answer


@pytest.mark.parametrize("folder, task", [pytest.param(f, t, id=t.full_name) for f, t in TASKS])
def test_what_only_knows_the_visible_cases_fails_the_hidden_ones(folder, task):
    """An answer that has all visible results by heart, and None for everything else."""
    if any(a.hidden for a in BANKS[folder] if a.task == task.name):
        return  # the bank has one of its own, tested above
    function = solutions(folder).get(task.name)
    if not callable(function) or isinstance(function, type):
        pytest.fail(f"{task.full_name} is no plain function: mark an answer with hidden=True")
    seen = {}
    assert labs.check(task.full_name, memorised(function, seen, learning=True)).passed
    again = memorised(function, seen, learning=False)
    assert seen and labs.check(task.full_name, again).passed, "it knows every visible case"
    assert not labs.check(task.full_name, again, hidden=True).passed


HOSTILE = {
    "none": None,
    "a text": "np.tril",
    "an array of NaN": np.full((3, 3), np.nan),
    "a function that returns None": lambda *_, **__: None,
    "a function that returns NaN": lambda *_, **__: float("nan"),
    "a function that returns itself": lambda *_, **__: labs.check,
    "a function that returns an empty list": lambda *_, **__: [],
    "a function that leaves": lambda *_, **__: exit(),
    "a function that raises": lambda *_, **__: 1 / 0,
    "a class": int,
}


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize("folder, task", [pytest.param(f, t, id=t.full_name) for f, t in TASKS])
def test_whatever_is_handed_over_gets_a_report(folder, task, what):
    report = labs.check(task.full_name, HOSTILE[what])
    assert not report.passed and report.hint and repr(report) and report._repr_html_()
