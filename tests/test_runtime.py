"""The machine as start() sees it: every branch on faked reports, the real one on this machine."""

from __future__ import annotations

import gc
import importlib
import subprocess
import sys
import textwrap

import pytest

from helpers import runtime
from helpers.runtime import Device, Report

T4 = Device("gpu", "Tesla T4", 15.0, (7, 5))
A100 = Device("gpu", "NVIDIA A100", 40.0, (8, 0))
P100 = Device("gpu", "Tesla P100", 16.0, (6, 0))
UNKNOWN = Device("gpu", "gfx90a")
TPU = Device("tpu", "TPU v4")


def report(*devices, backend="tensorflow", **more):
    return Report(backend, "2.21.0", tuple(devices), cores=2, memory_gb=16.0, **more)


def decided(*devices, profile=None, precision="auto", **more):
    return runtime.decide(report(*devices, **more), profile, precision, 0)


@pytest.mark.parametrize(
    "devices, policy, word",
    [
        ((), "float32", "no accelerator"),
        ((T4,), "mixed_float16", "scaled"),
        ((A100,), "mixed_bfloat16", "8.0"),
        ((P100,), "float32", "6.0"),
        ((TPU,), "mixed_bfloat16", "TPU"),
        ((UNKNOWN,), "float32", "does not tell"),
        ((A100, T4), "mixed_float16", "7.5"),
        ((A100, A100), "mixed_bfloat16", "8.0"),
    ],
)
def test_precision_follows_the_hardware_and_says_why(devices, policy, word):
    machine = decided(*devices)
    assert machine.precision == policy
    assert word in machine.reason
    assert machine.profile == ("gpu" if devices else "cpu")
    assert machine.num_devices == len(devices)


@pytest.mark.parametrize("asked, policy", [("float32", "float32"), ("bfloat16", "mixed_bfloat16"),
                                           ("float16", "mixed_float16")])  # fmt: skip
def test_what_is_asked_for_is_done(asked, policy):
    machine = decided(A100, precision=asked)
    assert machine.precision == policy and "asked" in machine.reason


def test_float16_on_a_cpu_is_warned_of():
    assert "float16" in decided(precision="float16").warnings[0]


def test_the_gpu_profile_without_a_gpu_is_warned_of():
    machine = decided(profile="gpu")
    assert machine.profile == "gpu" and "slow" in machine.warnings[0]


def test_the_cpu_profile_on_a_gpu_is_allowed():
    machine = decided(A100, profile="cpu")
    assert machine.profile == "cpu" and not machine.warnings


@pytest.mark.parametrize(
    "backend, platform, mend",
    [
        ("tensorflow", "linux", "make gpu"),
        ("tensorflow", "win32", "WSL 2"),
        ("jax", "linux", "jax[cuda13]"),
        ("torch", "linux", "GPU build of torch"),
    ],
)
def test_a_gpu_that_is_not_used_is_said_loudly(backend, platform, mend):
    machine = decided(backend=backend, platform=platform, driver_gpus=("NVIDIA T4",))
    [warning] = machine.warnings
    assert "NVIDIA T4" in warning and mend in warning
    assert "WARNING" in repr(machine) and "NVIDIA T4" in machine._repr_html_()


def test_a_gpu_hidden_on_purpose_is_told_apart():
    [warning] = decided(driver_gpus=("NVIDIA T4",), hidden=True).warnings
    assert "CUDA_VISIBLE_DEVICES" in warning and "make gpu" not in warning


def test_a_gpu_in_use_needs_no_warning():
    assert not decided(T4, driver_gpus=("Tesla T4",)).warnings


def test_the_table_shows_every_row_and_is_escaped():
    machine = decided(Device("gpu", "<b>GPU</b>", 24.0, (8, 9)))
    text, table = repr(machine), machine._repr_html_()
    for name, value in machine.rows():
        assert name in text and value in text and f">{name}<" in table
    assert "<b>GPU</b>" not in table
    assert "24 GB" in text


def test_a_machine_cannot_be_changed():
    with pytest.raises(AttributeError):
        decided().profile = "gpu"


@pytest.mark.parametrize(
    "arguments, word",
    [
        ({"profile": "tpu"}, "profile is 'tpu'"),
        ({"precision": "float8"}, "precision is 'float8'"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**32}, "seed is"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"seed": True}, "seed is True"),
    ],
)
def test_bad_arguments_are_named(arguments, word):
    with pytest.raises(ValueError, match=word):
        runtime.start(**arguments)


def test_the_driver_is_asked_and_may_be_absent_broken_or_silent(tmp_path):
    assert runtime.driver_gpus("no-such-command-here") == ()
    if sys.platform != "win32":
        smi = tmp_path / "smi"
        smi.write_text("#!/bin/sh\necho 'NVIDIA T4'\necho 'NVIDIA T4'\n")
        smi.chmod(0o755)
        assert runtime.driver_gpus(str(smi)) == ("NVIDIA T4", "NVIDIA T4")
        smi.write_text("#!/bin/sh\necho 'no devices were found'\nexit 9\n")
        assert runtime.driver_gpus(str(smi)) == ()


def test_capability_is_read_from_text():
    assert runtime._capability("9.0") == (9, 0)
    assert runtime._capability("gfx90a") is None
    assert runtime._capability(None) is None


class FakeJaxDevice:
    platform, device_kind, compute_capability = "gpu", "NVIDIA H200", "9.0"

    def memory_stats(self):
        return {"bytes_limit": 100 * 2**30}


def test_jax_devices_are_read(monkeypatch):
    jax = type(sys)("jax")
    cpu = type("Cpu", (), {"platform": "cpu"})()
    jax.devices = lambda: [cpu, FakeJaxDevice()]
    monkeypatch.setitem(sys.modules, "jax", jax)
    assert list(runtime._jax_devices()) == [Device("gpu", "NVIDIA H200", 100.0, (9, 0))]


def test_torch_devices_are_read(monkeypatch):
    torch = type(sys)("torch")
    about = type("P", (), {"name": "NVIDIA L4", "total_memory": 24 * 2**30, "major": 8, "minor": 9})
    torch.cuda = type("C", (), {})
    torch.cuda.device_count = lambda: 2
    torch.cuda.get_device_properties = lambda index: about
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert list(runtime._torch_devices()) == [Device("gpu", "NVIDIA L4", 24.0, (8, 9))] * 2


def test_tensorflow_devices_are_read_and_memory_grows(monkeypatch):
    import tensorflow as tf

    gpu = type("G", (), {"name": "/physical_device:GPU:0"})()
    grown = []
    monkeypatch.setattr(
        tf.config, "list_physical_devices", lambda kind: [gpu] if kind == "GPU" else []
    )
    experimental = tf.config.experimental
    monkeypatch.setattr(experimental, "set_memory_growth", lambda g, on: grown.append((g, on)))
    monkeypatch.setattr(
        experimental,
        "get_device_details",
        lambda g: {"device_name": "Tesla T4", "compute_capability": (7, 5)},
    )
    assert list(runtime._tensorflow_devices()) == [
        Device("gpu", "Tesla T4", compute_capability=(7, 5))
    ]
    assert grown == [(gpu, True)]


def test_start_sets_seeds_and_precision_of_this_machine():
    import keras
    import numpy as np

    runtime.start(precision="bfloat16", seed=7)
    try:
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
        first = np.random.rand(), float(keras.random.uniform(()))
    finally:
        machine = runtime.start(precision="float32", seed=7)
    assert first == (np.random.rand(), float(keras.random.uniform(())))
    assert keras.config.dtype_policy().name == "float32"
    assert machine.backend == keras.backend.backend() and machine.cores >= 1
    assert 0.5 < machine.memory_gb < 4_000


def fresh(code, **more):
    return subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True,
                          text=True, timeout=120, check=False, **more)  # fmt: skip


def test_importing_helpers_imports_no_framework():
    done = fresh("""
        import pkgutil, importlib, sys, helpers
        classes = {"layers", "gpt", "generate", "seq2seq", "watch"}  # importing them registers them
        for name in {module.name for module in pkgutil.iter_modules(helpers.__path__)} - classes:
            importlib.import_module(f"helpers.{name}")
        heavy = {"tensorflow", "keras", "datasets", "sklearn", "pandas", "matplotlib", "jax", "torch"}
        print(sorted(heavy & set(sys.modules)))
    """)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_start_is_quiet():
    done = fresh("from helpers import runtime; print(runtime.start().profile)")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("cpu", "gpu")
    warned = "WARNING:" in done.stderr and "driver shows a GPU" in done.stderr
    assert done.stderr == "" or warned, done.stderr


def test_what_was_held_back_is_shown_when_the_start_fails():
    done = fresh("""
        import os
        from helpers import runtime
        with runtime.quiet_stderr():
            os.write(2, b"the library said why")
            raise ImportError("no framework")
    """)
    assert "the library said why" in done.stderr and "no framework" in done.stderr


def test_what_the_framework_made_is_left_out_of_garbage_collection_and_garbage_is_not():
    done = fresh("""
        import gc
        from helpers import runtime
        runtime.start()
        frozen = gc.get_freeze_count()
        class Node: pass
        node = Node(); node.me = node
        runtime.start()
        del node
        print(frozen > 100_000, gc.isenabled(), gc.get_freeze_count() <= frozen, gc.collect() > 0)
    """)
    assert done.stdout.strip() == "True True True True", done.stdout + done.stderr


def test_packages_are_hidden_only_while_it_lasts(monkeypatch):
    monkeypatch.delitem(sys.modules, "wave", raising=False)  # another test may have loaded it
    with runtime.without("wave", "gc"):
        assert sys.modules["wave"] is None and sys.modules["gc"] is gc
        with pytest.raises(ImportError):
            importlib.import_module("wave")
    assert importlib.import_module("wave").__name__ == "wave"


def test_the_collector_stays_off_where_it_was_off():
    gc.disable()
    try:
        with runtime.uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()
    with pytest.raises(ImportError), runtime.uncollected():
        raise ImportError("none")
    assert gc.isenabled()


@pytest.mark.clock
def test_start_costs_little_beyond_the_framework():
    done = fresh("""
        import os, time
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        import keras, matplotlib
        began = time.perf_counter()
        from helpers import runtime
        runtime.start()
        print(time.perf_counter() - began)
    """)
    # A loose bound: benchmarks hold the measured figure, this catches a second framework's import.
    assert float(done.stdout) < 3


def test_home_is_where_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "mine"))
    assert runtime.home() == tmp_path / "mine" and runtime.home().is_dir()
    monkeypatch.delenv("COURSE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    assert runtime.home().name == "large-models-in-the-open"


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    target = tmp_path / "table.json"
    with runtime.write_atomically(target) as part:
        part.write_text("first")
        assert not target.exists()
    assert target.read_text() == "first"
    with pytest.raises(RuntimeError), runtime.write_atomically(target) as part:
        part.write_text("half")
        raise RuntimeError
    assert target.read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["table.json"], "a temporary file stays behind"
