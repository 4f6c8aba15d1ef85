"""Call a function in a process of its own on another of Keras's backends.

    found = backends.run("jax", logits, tokens=tokens)

`logits` is a function at the top of a test file; it takes arrays by name and returns a dict of
arrays. What it needs of the frameworks it imports itself. Without that backend the test is skipped;
with COURSE_BACKENDS=required (CI) it fails.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BACKENDS = ("tensorflow", "jax", "torch")
ROOT = Path(__file__).resolve().parent.parent


def need(*packages: str) -> None:
    """Skip the test that runs if one of them is not installed; fail it where all are required."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if not missing:
        return
    reason = f"{' and '.join(missing)} not installed here (see tests/backends.txt)"
    if os.environ.get("COURSE_BACKENDS") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


def run(backend: str, function: Callable | str, *, timeout: float = 400, **inputs: Any) -> dict:
    """What the function returns on that backend, as NumPy arrays.

    Args:
        backend: "tensorflow", "jax" or "torch".
        function: of a file's top level; or the text of a program that fills the dict `results`
            and finds its arrays in the dict `inputs`.
        timeout: seconds; after them the process is ended and the test fails.
        **inputs: arrays, by the names of the function's arguments.
    """
    need(backend)
    text = function if isinstance(function, str) else ""
    where = ["", ""] if text else [inspect.getsourcefile(function), function.__name__]
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "given.npz", Path(folder) / "found.npz"
        np.savez(given, **inputs)
        command = [sys.executable, __file__, *where, str(given), str(found)]
        try:
            done = subprocess.run(command, input=text, env=_environment(backend), cwd=ROOT,
                                  capture_output=True, text=True, timeout=timeout)  # fmt: skip
        except subprocess.TimeoutExpired:
            pytest.fail(f"on {backend} it took more than {timeout:.0f} seconds")
        if done.returncode:
            pytest.fail(f"on {backend}:\n{done.stdout[-1000:]}\n{done.stderr[-4000:]}")
        return dict(np.load(found))


def _environment(backend: str) -> dict[str, str]:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    # On the processor, whatever there is: a GPU's products in short formats are another comparison.
    # One thread each: at these sizes more of them only wait for each other.
    processor = {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": "-1", "OMP_NUM_THREADS": "1"}
    own = {"KERAS_BACKEND": backend, "PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3"}
    return os.environ | processor | own


def _main(file: str, name: str, given: str, found: str) -> None:
    inputs = dict(np.load(given))
    if name:
        spec = importlib.util.spec_from_file_location("called", file)
        module = importlib.util.module_from_spec(spec)
        sys.modules["called"] = module
        spec.loader.exec_module(module)
        results = getattr(module, name)(**inputs)
    else:
        results = {}
        exec(compile(sys.stdin.read(), "program", "exec"), {"inputs": inputs, "results": results})
    np.savez(found, **results)


if __name__ == "__main__":
    _main(*sys.argv[1:])
