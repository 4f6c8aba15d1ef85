"""The doctor: each check on machines that we do not have, and the whole of it in odd places."""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections import namedtuple
from pathlib import Path

import pytest

from helpers import doctor

ROOT = Path(__file__).resolve().parent.parent
NAMES = ["Python", "packages", "kernel", "framework", "GPU", "memory", "disk", "network",
         "data mirror"]  # fmt: skip
T4 = "Tesla T4, 15360 MiB, 535.104.05"
ON_CPU = {"backend": "tensorflow", "version": "2.21.0", "keras": "3.15.1", "kinds": [],
          "seconds": 4.2}  # fmt: skip
ON_GPU = {**ON_CPU, "kinds": ["gpu"]}


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    """No setting of the machine that runs the tests, and no call to the network."""
    for name in ("COURSE_DATA", "COURSE_SOURCE", "CUDA_VISIBLE_DEVICES", "KERAS_BACKEND"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def made_by(monkeypatch, how):
    monkeypatch.setattr(doctor, "made_by", lambda: how)


# A line


def test_a_line_says_ok_or_fail_with_the_mend():
    assert str(doctor.Check("disk", "9 GB free")) == "[ok] disk: 9 GB free"
    line = str(doctor.Check("disk", "no\nroom", "delete something"))
    assert line == "[fail] disk: no room. To mend it: delete something"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/home/ada/data", "~/data"),
        ("/media/ada/stick", "/media/(user)/stick"),
        ("/work/x/.venv/bin/python", "(course)/.venv/bin/python"),
        ("/home/adam/data", "/home/adam/data"),
    ],
)
def test_no_line_shows_whose_machine_it_is(monkeypatch, path, shown):
    monkeypatch.setattr(doctor, "ROOT", Path("/work/x"))
    monkeypatch.setattr(Path, "home", lambda: Path("/home/ada"))
    assert str(doctor.Check("disk", path)) == f"[ok] disk: {shown}"


# Python


def version(text):
    return namedtuple("version_info", "major minor micro")(*map(int, text.split(".")))


@pytest.mark.parametrize(
    ("text", "ok"), [("3.10.9", False), ("3.11.0", True), ("3.13.9", True), ("3.14.0", False)]
)
def test_python_is_checked_against_what_tensorflow_has_builds_for(monkeypatch, text, ok):
    monkeypatch.setattr(doctor.sys, "version_info", version(text))
    monkeypatch.setattr(doctor.platform, "python_version", lambda: text)
    check = doctor.check_python()
    assert check.ok is ok and text in check.found
    assert ok or "PYTHON=python3.12" in check.mend


def test_an_intel_mac_is_sent_to_colab(monkeypatch):
    monkeypatch.setattr(doctor.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(doctor.platform, "machine", lambda: "x86_64")
    assert "Colab" in doctor.check_python().mend


# Packages


LOCK = """\
# a comment
one==1.0 \\
    --hash=sha256:00
two-words==2.0 ; python_full_version >= '3.11' \\
    --hash=sha256:00
windows-only==3.0 ; sys_platform == 'nothing' \\
    --hash=sha256:00
"""


def test_a_lock_asks_only_for_what_this_machine_needs():
    assert doctor.locked(LOCK) == {"one": "1.0", "two-words": "2.0"}


@pytest.mark.parametrize(
    ("have", "told"),
    [
        ({"one": "1.0", "two-words": "2.0", "other": "9"}, "2 as in requirements.lock"),
        ({"one": "1.1", "two-words": "2.0"}, "1 of 2 differ from requirements.lock: one 1.1 (lock"),
        ({"one": "1.0"}, "two-words is missing (lock: 2.0)"),
    ],
)
def test_packages_are_compared_with_the_lock(monkeypatch, tmp_path, have, told):
    (tmp_path / "requirements.lock").write_text(LOCK)
    monkeypatch.setattr(doctor, "installed", lambda: have)
    made_by(monkeypatch, "make")
    check = doctor.check_packages(tmp_path / "requirements.lock")
    assert told in check.found
    assert check.mend == ("" if "as in" in told else "make clean lab")


def needs(monkeypatch, lines, have):
    monkeypatch.setattr(doctor.importlib.metadata, "requires", lambda name: lines)
    monkeypatch.setattr(doctor, "installed", lambda: have)
    made_by(monkeypatch, "colab")
    return doctor.check_packages(Path("/there/is/no/lock"))


def test_without_a_lock_the_bounds_count(monkeypatch):
    lines = ["keras>=3.13", "papermill>=2", "jax>=9; extra == 'jax'"]
    fine = needs(monkeypatch, lines, {"keras": "3.13.2"})
    assert fine.ok and "no lock here" in fine.found
    old = needs(monkeypatch, lines, {"keras": "3.5.0"})
    assert "keras 3.5.0 (needed: >=3.13)" in old.found and "Runtime" in old.mend
    assert "keras is missing" in needs(monkeypatch, lines, {}).found


def test_without_a_lock_and_an_installed_course_nothing_is_claimed(monkeypatch):
    def unknown(name):
        raise doctor.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.importlib.metadata, "requires", unknown)
    check = doctor.check_packages(Path("/there/is/no/lock"))
    assert check.ok and "no lock here to compare with" in check.found


# Kernel and framework


def test_a_kernel_of_another_python_is_seen(monkeypatch):
    made_by(monkeypatch, "pip")
    own = {"prefix": sys.prefix, "own": sys.prefix}
    assert doctor.check_kernel(lambda code, seconds: (own, "")).ok
    other = doctor.check_kernel(lambda code, seconds: ({**own, "prefix": "/usr"}, ""))
    assert "another Python, in /usr" in other.found and "ipykernel install" in other.mend
    dead = doctor.check_kernel(lambda code, seconds: ({}, "no answer in 60 seconds"))
    assert not dead.ok and "no answer in 60 seconds" in dead.found


@pytest.mark.clock
def test_a_process_that_hangs_crashes_or_babbles_is_told_of(tmp_path):
    start = time.monotonic()
    assert doctor.ask_python("import time; time.sleep(60)", 0.5) == ({}, "no answer in 0 seconds")
    assert time.monotonic() - start < 10
    assert doctor.ask_python("import nothing_of_the_kind", 20)[1].startswith("ModuleNotFoundError")
    assert doctor.ask_python("import os; os._exit(9)", 20) == ({}, "it ended with status 9")
    assert "says nothing" in doctor.ask_python("print('hello')", 20)[1]
    assert doctor.ask_python("print('noise'); print('{\"a\": 1}')", 20) == ({"a": 1}, "")


def test_a_framework_that_does_not_start_names_its_error_and_the_mend(monkeypatch):
    made_by(monkeypatch, "make")
    assert "TensorFlow 2.21.0" in doctor.check_framework(ON_CPU, "").found
    broken = doctor.check_framework({}, "ImportError: libcuda")
    assert "ImportError: libcuda" in broken.found and broken.mend == "make clean lab"
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    missing = doctor.check_framework({}, "ModuleNotFoundError: No module named 'jax'")
    assert "KERAS_BACKEND=jax" in missing.found and missing.mend == "make jax"


# GPU: reports of machines that we do not have


def gpu(monkeypatch, gpus, complaint="", answer=ON_CPU, how="make", system="linux"):
    made_by(monkeypatch, how)
    return doctor.check_gpu(gpus, complaint, answer, system)


def test_no_gpu_is_no_failure(monkeypatch):
    assert "none" in gpu(monkeypatch, []).found
    assert gpu(monkeypatch, [], "No devices were found").ok
    assert gpu(monkeypatch, [], "nvidia-smi has failed because it cannot talk to the driver").ok


def test_a_gpu_in_use_is_named(monkeypatch):
    check = gpu(monkeypatch, [T4], answer=ON_GPU)
    assert check.ok and "TensorFlow uses 1" in check.found and "Tesla T4" in check.found


@pytest.mark.parametrize(
    ("how", "system", "backend", "mend"),
    [
        ("make", "linux", "tensorflow", "make gpu"),
        ("pip", "linux", "tensorflow", 'python -m pip install "tensorflow[and-cuda]==2.21.0"'),
        ("conda", "linux", "jax", 'python -m pip install "jax[cuda13]==2.21.0"'),
        ("pip", "win32", "tensorflow", "wsl --install"),
    ],
)
def test_a_gpu_that_the_framework_does_not_use_is_a_failure(
    monkeypatch, how, system, backend, mend
):
    check = gpu(monkeypatch, [T4], "", {**ON_CPU, "backend": backend}, how, system)
    assert not check.ok and "does not use it" in check.found and mend in check.mend


def test_a_gpu_hidden_on_purpose_is_said_to_be_hidden(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert gpu(monkeypatch, [T4]).mend == "unset CUDA_VISIBLE_DEVICES"


def test_a_driver_that_was_updated_under_our_feet_asks_for_a_restart(monkeypatch):
    complaint = "Failed to initialize NVML: Driver/library version mismatch"
    assert gpu(monkeypatch, [], complaint).mend == "restart the machine"


def test_without_the_frameworks_answer_the_gpu_check_does_not_guess(monkeypatch):
    check = gpu(monkeypatch, [T4], answer={})
    assert check.ok and "mend the framework first" in check.found


@pytest.mark.skipif(os.name != "posix", reason="the stand-in is a shell script")
@pytest.mark.parametrize(
    ("script", "answer"),
    [
        (f"echo '{T4}'; echo '{T4}'", ([T4, T4], "")),
        ("echo 'No devices were found'; exit 6", ([], "No devices were found")),
        ("echo 'Driver/library version mismatch' >&2; exit 18",
         ([], "Driver/library version mismatch")),
    ],
)  # fmt: skip
def test_the_driver_is_asked_and_its_complaints_are_heard(tmp_path, script, answer):
    smi = tmp_path / "nvidia-smi"
    smi.write_text(f"#!/bin/sh\n{script}\n")
    smi.chmod(0o755)
    assert doctor.ask_driver(str(smi)) == answer


def test_a_machine_without_a_driver_has_no_complaint():
    assert doctor.ask_driver("no-such-command-here") == ([], "")


# Memory, disk, network


@pytest.mark.parametrize(
    ("total", "free", "mend"),
    [(16.0, 8.0, ""), (2.0, 1.9, "Colab"), (16.0, 0.4, "Shut Down All Kernels")],
)
def test_memory_in_all_and_free(total, free, mend):
    check = doctor.check_memory(lambda: (total, free))
    assert mend in check.mend and check.ok is (not mend)


def test_memory_of_this_machine_is_measured():
    total, free = doctor.memory_gb()
    assert 0.2 < free <= total < 10_000


def test_a_full_disk_and_a_folder_that_cannot_be_written(monkeypatch):
    usage = namedtuple("usage", "free")
    assert doctor.check_disk(lambda path: usage(50e9)).ok
    full = doctor.check_disk(lambda path: usage(0.2e9))
    assert not full.ok and "0.2 GB free" in full.found
    monkeypatch.setattr(doctor, "_writable", lambda folder: False)
    assert "no file can be written" in doctor.check_disk(lambda path: usage(50e9)).found


def test_the_doctor_does_not_make_the_readers_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "new" / "home"))
    assert doctor.check_disk().ok
    assert not (tmp_path / "new").exists()


def test_no_network_is_no_failure(monkeypatch):
    assert doctor.check_network().ok  # HF_HUB_OFFLINE
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert "works without" in doctor.check_network(lambda: False).found
    assert "answers" in doctor.check_network(lambda: True).found


@pytest.mark.clock
def test_a_server_that_never_answers_costs_the_seconds_it_is_given(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and says nothing
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        start = time.monotonic()
        assert doctor.hub_answers(seconds=0.5) is False
        assert time.monotonic() - start < 2


def test_a_server_that_refuses_is_there_all_the_same(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        threading.Thread(target=refuse, args=(server,), daemon=True).start()
        assert doctor.hub_answers(seconds=5) is True


def refuse(server):
    caller, _ = server.accept()
    caller.recv(1000)
    caller.sendall(b"HTTP/1.0 403 Forbidden\r\n\r\n")
    caller.close()


# The mirror


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A mirror of one set with two files."""
    about = []
    for name, content in (("a/one.txt", b"one"), ("a/two.txt", b"twice")):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        about.append({"path": name, "bytes": len(content), "sha256": digest})
    manifest = {"datasets": [{"name": "a", "files": about}]}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    return tmp_path


def test_no_mirror_and_a_whole_one_are_fine(mirror, monkeypatch):
    assert "2 files, sizes right" in doctor.check_mirror().found
    assert "checksums right" in doctor.check_mirror(checksums=True).found
    monkeypatch.delenv("COURSE_DATA")
    assert doctor.check_mirror().ok


def test_a_file_missing_cut_short_or_changed_is_named(mirror):
    (mirror / "a/one.txt").write_bytes(b"eno")
    assert doctor.check_mirror().ok
    assert "a/one.txt has another checksum" in doctor.check_mirror(checksums=True).found
    (mirror / "a/one.txt").write_bytes(b"o")
    assert "a/one.txt has 1 bytes and not 3" in doctor.check_mirror().found
    (mirror / "a/one.txt").unlink()
    check = doctor.check_mirror()
    assert not check.ok and "1 of 2 files" in check.found and "a/one.txt is missing" in check.found


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"datasets": 3}'])
def test_a_manifest_that_is_none_is_told_of(mirror, broken):
    (mirror / "manifest.json").write_text(broken)
    check = doctor.check_mirror()
    assert not check.ok and "manifest.json" in check.found and "COURSE_DATA" in check.mend


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COURSE_DATA", "/no/such/folder"),
        ("COURSE_DATA", "relative/folder"),
        ("COURSE_DATA", "."),
        ("COURSE_SOURCE", "reel"),
    ],
)
def test_settings_that_cannot_be_meant(mirror, monkeypatch, name, value):
    monkeypatch.chdir(mirror)
    monkeypatch.setenv(name, value)
    check = doctor.check_mirror()
    assert not check.ok and value in check.found and name in check.mend


# The whole of it


def test_a_check_that_breaks_is_a_line_like_any_other(monkeypatch, capsys):
    def broken():
        raise KeyError("boom")

    for name in ("check_python", "check_memory", "check_disk"):
        monkeypatch.setattr(doctor, name, broken)
    monkeypatch.setattr(doctor, "ask_python", lambda code, seconds: ({}, "not asked"))
    assert doctor.main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert names(lines) == NAMES
    assert "the check itself failed with KeyError" in lines[0]


def names(lines):
    return [re.match(r"\[(?:ok|fail)\] ([^:]+): ", line)[1] for line in lines]


def run_doctor(python, *arguments, **settings):
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", **settings}
    command = [python, *arguments, "-m", "helpers.doctor"]
    return subprocess.run(command, capture_output=True, text=True, env=env, cwd=ROOT / "tests")


@pytest.mark.slow
def test_here_every_check_passes():
    run = run_doctor(sys.executable)
    lines = run.stdout.splitlines()
    assert run.stderr == "" and len(lines) == len(NAMES)
    for line, name in zip(lines, NAMES, strict=True):
        assert re.match(rf"\[ok\] {name}: \S", line), line
    assert run.returncode == 0
    assert str(ROOT) not in run.stdout and str(Path.home()) not in run.stdout


@pytest.mark.slow
def test_a_python_with_nothing_in_it_gets_its_lines_too():
    """As before `make lab`: no packages, which -S and -I take away here."""
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c",
         f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
         "from helpers import doctor\nraise SystemExit(doctor.main([]))"],
        capture_output=True, text=True, env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    lines = run.stdout.splitlines()
    assert run.returncode == 1 and run.stderr == ""
    assert names(lines) == NAMES
    assert lines[1] == "[fail] packages: nothing is installed in this Python. To mend it: make lab"


def test_quick_starts_neither_kernel_nor_framework(monkeypatch):
    def started(*_):
        raise AssertionError("a process was started")

    monkeypatch.setattr(doctor, "ask_python", started)
    names = [check.name for check in doctor.checks(quick=True)]
    assert "packages" in names and not {"kernel", "framework", "GPU"} & set(names)
