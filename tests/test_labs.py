"""A check answers whatever a learner hands over; progress is kept and never in the way."""

from __future__ import annotations

import json
import re
import sys
import threading
import time

import numpy as np
import pytest

from helpers import attempts, labs

TOY = '''"""A lab to test with."""
from helpers.labs import Attempt, task


@task(points=2, seconds=0.5, double=("It is doubled.", "Look at the factor: is it two or one half?"))
def half(attempt: Attempt) -> None:
    """Half of it."""
    for n in attempt.rng.normal(size=3):
        got = attempt.number(attempt.call(n))
        attempt.agrees(got, n / 2, {"double": 2 * n}, about=f"for {n:.2f}")
    attempt.score("1.5 points", 1.5 + attempt.seed)
    attempt.passed("three numbers")


@task(points=1)
def rows(attempt: Attempt) -> None:
    """Three rows."""
    attempt.array(attempt.call([3.0, 1.0, 2.0]), (3, 2))
    attempt.passed("the shape")
'''


@pytest.fixture(autouse=True)
def toy(tmp_path, monkeypatch):
    folder = tmp_path / "labs" / "99_toy"
    folder.mkdir(parents=True)
    (folder / "checks.py").write_text(TOY)
    monkeypatch.setattr(labs, "_root", lambda: tmp_path / "labs")
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    for name in ("COURSE_GRADING", "COURSE_HIDDEN_SEED"):
        monkeypatch.delenv(name, raising=False)
    index = tmp_path / "labs.json"
    about = {"number": "99", "name": "99_toy", "title": "Lab 99. A toy", "minutes": 45,
             "notebooks": ["08"], "tasks": ["half", "rows"]}  # fmt: skip
    index.write_text(json.dumps([about]))
    monkeypatch.setattr(labs, "index", lambda: index)
    labs._LAST.clear()
    return tmp_path


def half(answer, **more):
    return labs.check("lab99.half", answer, **more)


def right(n):
    return n / 2


# --- what learners hand over


def test_a_right_answer_passes_and_says_what_is_right():
    report = half(right)
    assert report and report.done == ("three numbers",) and report.metric == "1.5 points"
    assert "PASSED" in repr(report) and "Passed" in report._repr_html_()


@pytest.mark.parametrize(
    "answer, key",
    [
        (None, "empty"),
        (lambda n: None, "empty"),
        (3.5, "type"),
        ("half", "type"),
        (lambda n: "half", "type"),
        (lambda n: True, "type"),
        (lambda n: [1, 2], "type"),
        (lambda n: {}, "type"),
        (lambda n: right, "type"),
        (lambda: 1, "signature"),
        (lambda a, b: 1, "signature"),
        (lambda n: float("nan"), "nan"),
        (lambda n: np.inf, "nan"),
        (lambda n: 2 * n, "double"),
        (lambda n: 0.0, "values"),
        (lambda n: n / 0, "raised"),
        (lambda n: sys.exit(), "raised"),
    ],
)
def test_a_mistake_gets_its_hint(answer, key):
    if key == "raised" and answer.__code__.co_names == ():
        answer = lambda n: 1 // 0  # noqa: E731  NumPy's division by zero does not raise
    report = half(answer)
    assert not report and report.key == key, report
    assert report.hint == labs.find("lab99.half").hints[key][0]
    assert "NOT YET" in repr(report)


@pytest.mark.parametrize(
    "got, key",
    [
        (np.ones((2, 3)), "shape"),
        ([[1, 2], [3]], "type"),
        ([["a", "b"]] * 3, "type"),
        (np.full((3, 2), np.nan), "nan"),
        (None, "empty"),
        (object(), "type"),
    ],
)
def test_arrays_are_looked_at_before_their_values(got, key):
    assert labs.check("lab99.rows", lambda x: got).key == key


def test_an_argument_that_was_changed_is_seen():
    def sorts(x):
        x.sort()
        return np.ones((3, 2))

    assert labs.check("lab99.rows", sorts).key == "changed"


def test_an_error_is_shown_as_theirs_with_its_line():
    def broken(n):
        values = []
        return values[3]

    report = half(broken)
    assert report.saw.startswith("IndexError: list index out of range")
    assert "return values[3]" in report.saw and "line" in report.saw


def test_an_error_whose_text_raises_is_survived():
    class Odd(Exception):
        def __str__(self):
            raise ValueError

    def broken(n):
        raise Odd

    assert half(broken).key == "raised"


def test_a_value_that_cannot_be_printed_is_survived():
    class Odd:
        def __repr__(self):
            raise ValueError

    assert half(lambda n: Odd()).key == "type"


def test_fifty_megabytes_of_output_are_counted_not_shown():
    def loud(n):
        for _ in range(50):
            print("x" * 1_000_000)
            print("y" * 10, file=sys.stderr)
        return n / 2

    report = half(loud)
    assert report and "150,001,800 characters" in report.printed
    assert len(repr(report)) < 2_000


def endless(n):
    while True:
        n += 1


def endless_in_spite_of_everything(n):
    while True:
        try:  # noqa: SIM105
            n += 1
        except:  # noqa: E722
            pass


def sleeping(n):
    time.sleep(60)


@pytest.mark.clock
@pytest.mark.parametrize("answer", [endless, endless_in_spite_of_everything, sleeping])
def test_what_does_not_end_is_stopped(answer):
    began = time.monotonic()
    report = half(answer)
    assert report.key == "time" and time.monotonic() - began < 5, report
    assert "stopped after 0.5 s, at line" in report.saw
    time.sleep(0.1)  # nothing rings afterwards
    assert half(right)


@pytest.mark.clock
@pytest.mark.parametrize("answer", [endless, endless_in_spite_of_everything])
def test_where_there_is_no_signal_it_is_stopped_too(answer):
    """In a thread, as on Windows."""
    reports = []
    thread = threading.Thread(target=lambda: reports.extend([half(answer), half(right)]))
    thread.start()
    thread.join(10)
    assert [report.key for report in reports] == ["time", ""]


def test_the_clock_gives_back_what_the_code_returns_and_raises():
    for by in (attempts._by_signal, attempts._by_thread):
        assert by(lambda: 7, 5) == 7
        with pytest.raises(ZeroDivisionError):
            by(lambda: 1 / 0, 5)


def test_the_readers_own_interrupt_is_not_swallowed():
    def stopped(n):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half(stopped)


@pytest.mark.parametrize(
    "name, word",
    [
        ("lab99.hlaf", "did you mean 'lab99.half'"),
        ("lab99.zzz", "there are half, rows"),
        ("lab98.half", "no lab 'lab98'"),
        ("half", "looks like 'lab07.mask'"),
        (None, "looks like"),
    ],
)
def test_an_unknown_task_is_answered_with_the_nearest(name, word):
    for call in (labs.check, labs.hint, labs.passed):
        with pytest.raises(KeyError, match=word.replace(".", r"\.")):
            call(name, right) if call is labs.check else call(name)


def test_an_answer_is_asked_for():
    with pytest.raises(TypeError, match="hand over your answer"):
        labs.check("lab99.half")


def test_a_hint_that_takes_a_settings_name_is_refused():
    with pytest.raises(TypeError, match="another name"):
        labs.task(seconds=("first", "second"))


# --- hints


def test_the_second_hint_is_given_on_request(capsys):
    labs.hint("lab99.half")
    half(lambda n: 2 * n)
    labs.hint("lab99.half")
    half(right)
    labs.hint("lab99.half")
    lines = capsys.readouterr().out.splitlines()
    assert (
        "first" in lines[0] and lines[1].startswith("Look at the factor") and "passed" in lines[2]
    )


def test_passed_is_of_this_session():
    assert not labs.passed("lab99.half")
    half(right)
    assert labs.passed("lab99.half")
    half(None)
    assert not labs.passed("lab99.half")


# --- grading


def test_grading_raises_and_keeps_no_progress(toy, monkeypatch):
    monkeypatch.setenv("COURSE_GRADING", "1")
    assert half(right)
    with pytest.raises(labs.NotPassed, match="It is doubled"):
        half(lambda n: 2 * n)
    assert not (toy / "home" / "progress.json").exists()


def test_hidden_cases_are_others_and_can_be_set(monkeypatch):
    seen = []
    for seed in (None, "5"):
        if seed:
            monkeypatch.setenv("COURSE_HIDDEN_SEED", seed)
        for hidden in (False, True):
            drawn = []
            half(lambda n, drawn=drawn: drawn.append(n) or n / 2, hidden=hidden)
            seen.append(tuple(drawn))
    assert seen[0] == seen[2] and len(set(seen)) == 3


# --- progress


def kept(toy):
    return json.loads((toy / "home" / "progress.json").read_text())


def test_progress_is_kept_and_what_is_next_is_shown(toy):
    assert (
        labs.progress().summary().startswith("0 of 2 tasks done. Next: Lab 99. A toy, task 'half'")
    )
    half(None)
    half(right)
    half(None)  # what was passed stays passed
    assert kept(toy)["lab99.half"]["tries"] == 3 and kept(toy)["lab99.half"]["passed"]
    shown = labs.progress()
    assert shown.next[1] == "rows" and "1.5 points" in repr(shown)
    assert "../labs/99_toy/99_toy.ipynb" in shown._repr_html_()
    labs.check("lab99.rows", lambda x: np.ones((3, 2)))
    assert "Everything is done" in labs.progress().summary()


@pytest.mark.parametrize("here", ["notebooks", "labs/07_attention"])
def test_the_links_lead_to_the_labs_from_wherever_they_are_shown(toy, monkeypatch, here):
    target = toy / "labs" / "99_toy" / "99_toy.ipynb"
    target.touch()
    (toy / here).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(toy / here)
    [link] = re.findall("href='(.+?)'", labs.progress()._repr_html_())
    assert (toy / here / link).resolve() == target


def test_the_best_result_is_kept(toy):
    half(right, hidden=True)
    half(right)
    assert kept(toy)["lab99.half"]["best"] == 1.5 + labs.HIDDEN


def test_it_can_be_reset(toy, capsys):
    half(right)
    labs.check("lab99.rows", lambda x: np.ones((3, 2)))
    labs.reset("lab99.half")
    assert list(kept(toy)) == ["lab99.rows"]
    labs.reset("lab99")
    assert kept(toy) == {}
    half(right)
    labs.reset()
    assert kept(toy) == {}
    with pytest.raises(KeyError):
        labs.reset("lab99.zzz")


@pytest.mark.parametrize("content", ["{", "[1]", "\x00\x01", "[" * 5000, "7", ""])
def test_a_damaged_file_is_set_aside_and_nothing_is_lost(toy, content, capsys):
    path = toy / "home" / "progress.json"
    path.parent.mkdir()
    path.write_text(content)
    assert half(right)
    assert kept(toy)["lab99.half"]["tries"] == 1
    aside = list(path.parent.glob("progress.damaged-*.json"))
    assert len(aside) == 1 and aside[0].read_text() == content
    assert "set aside" in capsys.readouterr().out


@pytest.mark.parametrize("entry", [7, None, {"tries": "many"}, {"best": [1]}, {"passed": 3}])
def test_an_entry_that_makes_no_sense_is_left_out(toy, entry):
    (toy / "home").mkdir()
    (toy / "home" / "progress.json").write_text(json.dumps({"lab99.half": entry}))
    assert labs.progress().summary().startswith("0 of 2")
    assert half(right)


def test_a_folder_that_cannot_be_written_does_not_stop_the_check(toy, monkeypatch):
    (toy / "file").write_text("")
    monkeypatch.setenv("COURSE_HOME", str(toy / "file"))
    report = half(right)
    assert report and "could not be kept" in report.note


def test_two_notebooks_at_once_lose_nothing(toy):
    threads = [threading.Thread(target=half, args=(right,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kept(toy)["lab99.half"]["tries"] == 8
