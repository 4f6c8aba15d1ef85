"""One process a framework: what it measures, and that nothing wrong in it becomes an exception."""

from __future__ import annotations

import os

import numpy as np
import pytest

from helpers import frameworks

DOUBLE = "def double(x, num_steps):\n    return {'twice': 2 * x, 'steps': num_steps}\n"
ONES = np.ones(3, "float32")


def test_a_function_runs_in_a_process_of_its_own_and_is_measured():
    text = (
        "import os\n\ndef f(x, num_steps):\n    return {'x': x + num_steps, 'pid': os.getpid()}\n"
    )
    found = frameworks.run("numpy", {"f": text}, x=ONES)
    assert not found.problem and found.version == np.__version__
    run = found.runs["f"]
    assert run.results["x"].tolist() == [1 + frameworks.FEW] * 3
    assert run.results["pid"] != os.getpid(), "it must not be this process"
    assert 0 < run.start_seconds < 60 and run.steps_per_second > 0
    assert 5 < run.peak_mb < 400, "the memory of NumPy's process, not of the one that started it"


def test_the_speed_is_that_of_the_steps_without_what_is_paid_once():
    text = (
        "import time\n\ndef f(num_steps):\n    time.sleep(0.2 + 0.001 * num_steps)\n    return {}\n"
    )
    run = frameworks.run("numpy", {"f": text}).runs["f"]
    assert 500 < run.steps_per_second <= 1010 and run.first_seconds >= 0.2


def test_results_that_are_still_being_computed_are_waited_for_inside_the_time():
    """As arrays of JAX are: they are there when they are asked for."""
    text = (
        "import time\nimport numpy as np\n\nclass Later:\n"
        "    def __array__(self, dtype=None, copy=None):\n"
        "        time.sleep(0.3)\n        return np.arange(3)\n\n"
        "def f(num_steps):\n    return {'x': Later()}\n"
    )
    run = frameworks.run("numpy", {"f": text}).runs["f"]
    assert run.first_seconds >= 0.3 and run.results["x"].tolist() == [0, 1, 2]


def test_the_last_function_of_a_text_is_called():
    found = frameworks.run("numpy", {"f": "def g():\n    raise OSError\n\n" + DOUBLE}, x=ONES)
    assert found.runs["f"].results["twice"].tolist() == [2, 2, 2]


def test_what_is_not_installed_is_a_row_that_says_how_to_install_it(tmp_path, monkeypatch):
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError(name='torch')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = frameworks.run("torch", {"f": DOUBLE}, x=ONES)
    assert found.problem == "not installed: pip install torch" and not found.runs


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("def f(x, num_steps):\n    raise KeyError('w1')\n", "KeyError: 'w1'"),
        ("def f(x, num_steps):\n    import os\n    os._exit(3)\n", "exit status 3"),
        ("def f(y, num_steps):\n    return {}\n", "TypeError"),
        ("def f(x, num_steps)\n", "SyntaxError"),
        ("import no_such_package\n", "not installed: pip install no_such_package"),
        ("def f(x, num_steps):\n    import time\n    time.sleep(60)\n", "did not end within 2 s"),
    ],
)
@pytest.mark.clock
def test_what_goes_wrong_is_named_and_not_raised(text, problem):
    found = frameworks.run("numpy", {"f": text}, timeout=2, x=ONES)
    assert problem in found.problem and not found.runs


def test_an_unknown_framework_is_refused():
    with pytest.raises(ValueError, match="'theano' is none of numpy, tensorflow, jax, torch"):
        frameworks.run("theano", {"f": DOUBLE}, x=ONES)


def test_lines_of_code_are_counted_without_blanks_comments_and_docstring():
    text = 'def f(x):\n    """One line."""\n\n    # why\n    return x\n'
    assert frameworks.lines(text) == 2
    assert frameworks.source(test_an_unknown_framework_is_refused).startswith("def test_an_unknown")


def test_the_list_answers_what_is_ticked(monkeypatch):
    import ipywidgets
    from IPython import display as shown

    monkeypatch.delenv("COURSE_STILL", raising=False)
    seen, handles = [], []

    class Handle:
        def update(self, content):
            seen.append(content.data)

    def display(content, **how):
        handles.append(content)
        return Handle()

    monkeypatch.setattr(shown, "display", display)
    frameworks.ask(["a", "b"], lambda *ticked: " and ".join(ticked))
    chosen, first = handles
    assert isinstance(chosen, ipywidgets.SelectMultiple) and first.data == "a"
    chosen.value = ("a", "b")
    assert seen == ["a and b"]
