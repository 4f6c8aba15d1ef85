"""A second kernel: what it keeps, what a restart and a kill take away, where its debugger stops."""

from __future__ import annotations

import os
import signal

import psutil
import pytest

from helpers import kernels


@pytest.fixture(scope="module")
def kernel():
    with kernels.Kernel(COURSE_TEST="seen") as made:
        yield made


def test_it_keeps_names_and_counts_cells_in_the_order_they_came(kernel):
    first = kernel.run("a = 1")
    again = kernel.run("a = a + 1")
    assert kernel.run("a").text.strip() == "2"
    assert again.count == first.count + 1
    assert kernel.run("print('one'); print('two')\n3").text == "one\ntwo\n3\n"


def test_it_is_another_process_of_this_python(kernel):
    code = "import os, sys; print(os.getpid(), sys.prefix, os.environ['COURSE_TEST'])"
    number, _, rest = kernel.run(code).text.partition(" ")
    import sys

    assert int(number) == kernel.pid != os.getpid()
    assert rest.split() == [sys.prefix, "seen"]


def test_magics_work_and_errors_are_told_in_one_line(kernel):
    assert "loop" in kernel.run("%timeit -n 1 -r 1 1 + 1").text
    reply = kernel.run("print('before')\n1 / 0")
    assert reply.error == "ZeroDivisionError: division by zero"
    assert str(reply) == "before\nZeroDivisionError: division by zero"


def test_what_another_cell_prints_is_not_taken_for_this_ones(kernel):
    slow = (
        "import time\nfor i in range(40):\n    print('tick', i, flush=True)\n    time.sleep(0.02)"
    )
    seen = kernel.run(slow, until=lambda text: "tick 2" in text)
    assert "tick 2" in seen.text and "tick 39" not in seen.text
    assert kernel.run("print('mine')").text == "mine\n"


def test_a_cell_that_takes_too_long_is_told(kernel):
    with pytest.raises(TimeoutError, match=r"0\.2 s"):
        kernel.run("import time; time.sleep(1)", seconds=0.2)
    assert kernel.run("1").text == "1\n"


def test_the_debugger_stops_and_looks_and_goes_on(kernel):
    code = (
        "def f(n):\n    s = 0\n    for i in range(n):\n        s += i\n    return s\n\nprint(f(5))"
    )
    stop = kernel.stop_at(code, 5, ["s", "i", "n - 1"])
    assert stop.line == 5 and stop.values == {"s": "10", "i": "4", "n - 1": "4"}
    assert stop.text == "10\n"
    assert kernel.stop_at("x = 1\ny = 2\nprint(x + y)", 3, ["x", "y"]).values == {
        "x": "1",
        "y": "2",
    }
    assert kernel.run("y").text == "2\n", "after the debugger it is a kernel as before"


def test_what_is_printed_before_the_stop_and_an_error_after_it_are_told(kernel):
    stop = kernel.stop_at("print('early')\nx = 1\nprint('late')\nx / 0", 3, ["x"])
    assert (stop.line, stop.values, stop.text) == (3, {"x": "1"}, "early\nlate\n")
    assert stop.error == "ZeroDivisionError: division by zero"


def test_a_loop_is_stopped_once(kernel):
    stop = kernel.stop_at("for i in range(3):\n    j = i\nprint(j)", 2, ["i"])
    assert stop.values == {"i": "0"} and stop.text == "2\n"


def test_a_name_that_is_not_there_is_told_and_the_cell_goes_on(kernel):
    with pytest.raises(ValueError, match=r"'nosuch' cannot be worked out at line 2"):
        kernel.stop_at("gone_on = 1\ngone_on += 1", 2, ["gone_on", "nosuch"])
    assert kernel.run("gone_on").text == "2\n"


@pytest.mark.parametrize(
    "code, how",
    [("1 / 0\nx = 1", r"failed \(ZeroDivisionError"), ("for i in []:\n    x = 1", "ended")],
)
def test_a_cell_that_never_comes_to_the_line_is_told_at_once(kernel, code, how):
    with pytest.raises(ValueError, match=f"the cell {how}.* line 2"):
        kernel.stop_at(code, 2, [])
    assert kernel.run("1").text == "1\n"


@pytest.mark.parametrize("line", [0, 3])
def test_a_breakpoint_outside_the_cell_is_refused(kernel, line):
    with pytest.raises(ValueError, match=f"lines 1 to 2, not {line}"):
        kernel.stop_at("x = 1\nx", line, [])


def test_a_restart_is_another_process_without_the_names(kernel):
    kernel.run("kept = 1")
    before = kernel.pid
    kernel.restart()
    assert kernel.run("kept").error == "NameError: name 'kept' is not defined"
    assert kernel.pid != before and not psutil.pid_exists(before)


def test_a_kill_is_a_kill_and_a_restart_brings_another(kernel):
    code = "import time\nprint('at work', flush=True)\ntime.sleep(60)"
    kernel.run(code, until=lambda text: "at work" in text)
    process = psutil.Process(kernel.pid)
    kernel.kill()
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    if os.name == "posix":
        assert kernel._manager.provisioner.process.returncode == -signal.SIGKILL
    with pytest.raises(kernels.Died, match="restart"):
        kernel.run("1")
    kernel.restart()
    assert kernel.run("1 + 1").text == "2\n"


def test_a_kernel_that_dies_under_a_cell_is_told(kernel):
    with pytest.raises(kernels.Died):
        kernel.run("import os; os._exit(1)")
    kernel.restart()


def test_nothing_is_left_when_it_is_closed():
    with kernels.Kernel() as made:
        process = psutil.Process(made.pid)
        assert process in psutil.Process().children()
    assert not process.is_running()
    made.close()
    for use in (lambda: made.run("1"), made.restart, made.kill, lambda: made.stop_at("1", 1, [])):
        with pytest.raises(ValueError, match=r"closed: start another"):
            use()
