"""Run the same work on several frameworks, each in a process of its own, and measure what it costs.

    found = frameworks.run("jax", {"by hand": frameworks.source(jax_steps)}, w=w, x=x)

A framework that is not installed, fails or hangs is an `Outcome` that says so, never an exception:
a table over frameworks has a row for it.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

INSTALL = {
    "numpy": "pip install numpy",
    "tensorflow": "pip install tensorflow",
    "jax": "pip install jax",
    "torch": "pip install torch",
}
FEW = 20  # steps of a short call: importing, tracing and compiling are most of it
MORE, MOST = 400, 6_400  # steps of the long call; four times as many until they take long enough
LONG_ENOUGH = 0.2  # seconds that the long call must take beyond the short one
ONE_PROCESS = """
import sys
from helpers import frameworks
frameworks.work(sys.argv[1])
"""


@dataclass(frozen=True)
class Run:
    """What one function did in a process.

    Attributes:
        results: the arrays that its first call returned, by name.
        start_seconds: what had to be imported before it, from an empty Python process on.
        first_seconds: its first call, of `FEW` steps; compiling is in it.
        steps_per_second: in the steady state, without start and compiling.
        peak_mb: most memory that the process had held by the end of it.
    """

    results: dict[str, Any]
    start_seconds: float
    first_seconds: float
    steps_per_second: float
    peak_mb: float


@dataclass(frozen=True)
class Outcome:
    """What became of one framework: its version and runs, or what was in the way.

    Attributes:
        framework: "numpy", "tensorflow", "jax" or "torch".
        version: its version; empty if it is not there.
        problem: one line, empty if all went well.
        runs: a `Run` for each function, by name.
    """

    framework: str
    version: str = ""
    problem: str = ""
    runs: dict[str, Run] = field(default_factory=dict)


def source(function: Callable) -> str:
    """The text of a function, as it stands in the notebook, without common indentation."""
    return textwrap.dedent(inspect.getsource(function))


def lines(text: str) -> int:
    """Lines of code in a text: blank lines and the docstring's do not count."""
    kept = [line.strip() for line in text.splitlines() if line.strip()]
    return len([line for line in kept if not line.startswith(('"""', "#"))])


def ask(needs: Iterable[str], answer: Callable[..., str]) -> None:
    """A list to tick, and what `answer(*ticked)` says below it, as Markdown.

    A page that is not running shows the list's first entry answered; the list itself is left out
    of recorded notebooks (COURSE_STILL).
    """
    import ipywidgets
    from IPython.display import Markdown, display

    chosen = ipywidgets.SelectMultiple(
        options=list(needs), value=[next(iter(needs))], rows=min(len(needs), 12),
        description="I need", layout={"width": "32em"},
    )  # fmt: skip
    if not os.environ.get("COURSE_STILL"):
        display(chosen)
    shown = display(Markdown(answer(*chosen.value)), display_id=True)
    chosen.observe(lambda _: shown.update(Markdown(answer(*chosen.value))), names="value")


def run(
    framework: str, functions: Mapping[str, str], *, timeout: float = 180, **inputs: Any
) -> Outcome:
    """Run functions on one framework in a new process, one after the other.

    Args:
        framework: a key of `INSTALL`. Where it is one of Keras's backends, `import keras` in a
            function gives Keras on it.
        functions: a text each, by name; the last function in it is called. It takes the inputs
            by name, and `num_steps`, and returns a dict of arrays. What it imports, it imports
            inside.
        timeout: seconds after which the process is ended.
        **inputs: arrays.

    Raises:
        ValueError: the framework is none of those known here.
    """
    import numpy as np

    if framework not in INSTALL:
        raise ValueError(f"{framework!r} is none of {', '.join(INSTALL)}")
    with tempfile.TemporaryDirectory(prefix="framework-") as name:
        folder = Path(name)
        np.savez(folder / "inputs.npz", **inputs)
        job = {"framework": framework, "functions": dict(functions)}
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        command = [sys.executable, "-c", ONE_PROCESS, name]
        try:
            done = subprocess.run(
                command, env=_environment(framework), timeout=timeout, check=False,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                text=True, errors="replace",
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Outcome(framework, problem=f"did not end within {timeout:.0f} s")
        return _outcome(framework, folder, done)


def _environment(framework: str) -> dict[str, str]:
    package = str(Path(__file__).resolve().parent.parent)
    paths = [*filter(None, [os.environ.get("PYTHONPATH")]), package]
    own = {
        "PYTHONPATH": os.pathsep.join(paths),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        # On a GPU: products in full float32, and no framework takes all memory for itself.
        "NVIDIA_TF32_OVERRIDE": "0",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }
    backend = {} if framework == "numpy" else {"KERAS_BACKEND": framework}
    return os.environ | own | backend


def _outcome(framework: str, folder: Path, done: subprocess.CompletedProcess) -> Outcome:
    import numpy as np

    report = folder / "report.json"
    if not report.exists():
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        last = said[-1] if said else f"exit status {done.returncode}"
        return Outcome(framework, problem=f"the process failed: {last[:200]}")
    found = json.loads(report.read_text("utf-8"))
    if found["problem"]:
        return Outcome(framework, found["version"], found["problem"])
    runs = {}
    for number, (name, measured) in enumerate(found["runs"].items()):
        with np.load(folder / f"results-{number}.npz") as arrays:
            runs[name] = Run({key: arrays[key] for key in arrays.files}, **measured)
    return Outcome(framework, found["version"], "", runs)


# --- inside the new process


def work(folder: str) -> None:
    """Do the job that lies in a folder, and leave a report there."""
    place = Path(folder)
    job = json.loads((place / "job.json").read_text("utf-8"))
    framework = job["framework"]
    report = {"version": "", "problem": "", "runs": {}}
    try:
        started = time.perf_counter()
        importlib.import_module(framework)
        start_seconds = time.perf_counter() - started
        report["version"] = importlib.metadata.version(framework)
        for number, (name, text) in enumerate(job["functions"].items()):
            if "import keras" in text:
                started = time.perf_counter()
                importlib.import_module("keras")
                start_seconds += time.perf_counter() - started
            measured, results = _measure(text, place / "inputs.npz")
            report["runs"][name] = {"start_seconds": start_seconds, **measured}
            _save(place / f"results-{number}.npz", results)
    except ModuleNotFoundError as error:
        missing = error.name or framework
        hint = INSTALL.get(missing, f"pip install {missing}")
        report["problem"] = f"not installed: {hint}"
    except Exception as error:
        report["problem"] = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    (place / "report.json").write_text(json.dumps(report), encoding="utf-8")


def _measure(text: str, inputs: Path) -> tuple[dict[str, float], dict[str, Any]]:
    import numpy as np

    with np.load(inputs) as arrays:
        given = {name: arrays[name] for name in arrays.files}
    found: dict[str, Any] = {}
    exec(compile(text, "<function>", "exec"), found)
    function = [value for value in found.values() if inspect.isfunction(value)][-1]
    results, first = _timed(function, given, FEW)
    base = _timed(function, given, FEW)[1]  # what is compiled again at every call
    num_steps, beyond = MORE, 0.0
    while True:
        beyond = _timed(function, given, num_steps)[1] - base
        if beyond >= LONG_ENOUGH or num_steps >= MOST:
            break
        num_steps *= 4
    speed = (num_steps - FEW) / max(beyond, 1e-6)
    return {"first_seconds": first, "steps_per_second": speed, "peak_mb": _peak_mb()}, results


def _timed(function: Callable, given: Mapping[str, Any], num_steps: int) -> tuple[Any, float]:
    import numpy as np

    started = time.perf_counter()
    results = function(**given, num_steps=num_steps)
    # Inside the time: JAX gives back arrays that are still being computed.
    arrays = {name: np.asarray(value) for name, value in results.items()}
    return arrays, time.perf_counter() - started


def _save(path: Path, results: Mapping[str, Any]) -> None:
    import numpy as np

    np.savez(path, **results)


def _peak_mb() -> float:
    """Most memory this process has held; what it holds now where the system does not say."""
    status = Path("/proc/self/status")
    if status.exists():  # not getrusage: on Linux, that includes the process that started this one
        (line,) = [x for x in status.read_text().splitlines() if x.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024 / 1e6
    import psutil

    memory = psutil.Process().memory_info()
    return getattr(memory, "peak_wset", memory.rss) / 1e6
