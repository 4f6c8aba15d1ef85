"""slurm/train.sbatch: clean by shellcheck, and run as it is behind a stand-in for Slurm.

`scontrol` and `srun` on the PATH are small scripts that do what the real ones do for two tasks on this
machine; the workers, their TF_CONFIG, the signal and the going on are real.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from helpers import checkpoints, cluster
from tools import notebooks

SCRIPT = notebooks.ROOT / "slurm" / "train.sbatch"
PROGRAM = notebooks.ROOT / "slurm" / "train.py"
SMALL = ["--size", "nano", "--batch-size", "4"]

pytestmark = pytest.mark.skipif(
    os.name != "posix" or not shutil.which("bash"), reason="a script for bash"
)

SCONTROL = """#!/bin/bash
echo "$*" >> "$FAKE/scontrol.txt"
if [[ $1 == show ]]; then printf '%s\\n' $FAKE_HOSTS; fi
"""
# Like srun: the command once a task, each with its number; all are ended when one fails, or by TERM.
SRUN = """#!/bin/bash
while [[ $1 == --* ]]; do shift; done
pids=()
trap 'kill -KILL "${pids[@]}" 2>/dev/null; exit 143' TERM
for ((task = 0; task < SLURM_NTASKS; task++)); do
    SLURM_PROCID=$task "$@" > "$FAKE/task-$task.txt" 2>&1 &
    pids+=($!)
done
status=0
for pid in "${pids[@]}"; do wait "$pid" || status=$?; done
exit $status
"""
TELL = """
import json, os, sys
config = json.loads(os.environ["TF_CONFIG"])
print(json.dumps([config, sys.argv[1:]]))
sys.exit(int(os.environ.get("FAKE_STATUS", 0)))
"""
WAIT = "import time\nprint('waiting', flush=True)\ntime.sleep(600)\n"


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Run the script as sbatch would: a function of arguments and further variables."""
    for name, text in {"scontrol": SCONTROL, "srun": SRUN}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)

    def start(*arguments, **variables):
        (number,) = cluster.free_ports(1)  # another one each time
        own = {
            "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "FAKE": str(tmp_path),
            "FAKE_HOSTS": "127.0.0.1", "SLURM_JOB_ID": str(number), "SLURM_NTASKS": "2",
            "SLURM_JOB_NODELIST": "node[1-2]", "SLURM_NTASKS_PER_NODE": "2", "PYTHON": sys.executable,
            "CUDA_VISIBLE_DEVICES": "-1", "OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1",
        }  # fmt: skip
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SLURM")}
        environment = environment | own | variables
        environment = {k: v for k, v in environment.items() if v is not None}
        return subprocess.Popen(
            ["bash", str(SCRIPT), *map(str, arguments)], env=environment, cwd=notebooks.ROOT,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    start.folder = tmp_path
    return start


def finished(process, timeout=300):
    out, _ = process.communicate(timeout=timeout)
    return process.returncode, out


def test_shellcheck_finds_nothing():
    command = shutil.which("shellcheck") or os.path.join(
        os.path.dirname(sys.executable), "shellcheck"
    )
    if not os.path.exists(command):
        pytest.skip("shellcheck is not installed")
    for file in SCRIPT.parent.glob("*.sbatch"):
        done = subprocess.run([command, str(file)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
    # Would it find anything?
    wrong = subprocess.run(
        [command, "-s", "bash", "-"], input="cd $1\n", capture_output=True, text=True
    )
    assert wrong.returncode == 1


def test_slurm_is_asked_for_what_the_text_says():
    options = dict(re.findall(r"^#SBATCH --([\w-]+)(?:=(\S+))?$", SCRIPT.read_text(), re.M))
    assert options["nodes"] == "2" and options["ntasks-per-node"] == "1"
    assert "requeue" in options and options["open-mode"] == "append"
    assert re.fullmatch(r"B:USR1@\d+", options["signal"])


@pytest.mark.parametrize("hosts, tasks", [("gpu01 gpu02 gpu03", 1), ("gpu01 gpu02", 2)])
def test_every_task_learns_all_addresses_and_its_number(slurm, hosts, tasks):
    program = slurm.folder / "tell.py"
    program.write_text(TELL)
    names = [name for name in hosts.split() for _ in range(tasks)]
    status, out = finished(
        slurm(
            program,
            "one two",
            "3",
            FAKE_HOSTS=hosts,
            SLURM_NTASKS=str(len(names)),
            SLURM_NTASKS_PER_NODE=str(tasks),
            SLURM_JOB_ID="20123",
        )
    )
    assert status == 0, out
    told = [json.loads((slurm.folder / f"task-{i}.txt").read_text()) for i in range(len(names))]
    base = 20000 + 16 * (20123 % 750)
    expected = [f"{name}:{base + i % tasks}" for i, name in enumerate(names)]
    for rank, (config, arguments) in enumerate(told):
        assert config["cluster"]["worker"] == expected
        assert config["task"] == {"type": "worker", "index": rank}
        assert arguments == ["one two", "3"], "arguments arrive whole"
    assert (slurm.folder / "scontrol.txt").read_text() == "show hostnames node[1-2]\n"


def test_a_program_that_fails_fails_the_job(slurm):
    program = slurm.folder / "tell.py"
    program.write_text(TELL)
    assert finished(slurm(program, FAKE_STATUS="5"))[0] == 5
    assert "requeue" not in (slurm.folder / "scontrol.txt").read_text()


@pytest.mark.parametrize(
    "arguments, variables, words",
    [
        ((), {}, "usage"),
        (("no_such_program.py",), {}, "no_such_program.py"),
        ((PROGRAM,), {"SLURM_JOB_NODELIST": None}, "not for a shell"),
        ((PROGRAM,), {"FAKE_HOSTS": ""}, "named no machines"),
        ((PROGRAM,), {"SLURM_NTASKS_PER_NODE": "17"}, "16 at most"),
    ],
)
def test_what_is_missing_is_said(slurm, arguments, variables, words):
    status, out = finished(slurm(*arguments, **variables))
    assert status == 2 and words in out


def test_before_its_time_is_over_the_job_goes_back_into_the_queue(slurm):
    program = slurm.folder / "wait.py"
    program.write_text(WAIT)
    process = slurm(program, SLURM_JOB_ID="77")
    until(lambda: all(says(slurm.folder, task, "waiting") for task in (0, 1)))
    process.send_signal(signal.SIGUSR1)
    status, out = finished(process)
    assert status == 0 and "requeueing job 77" in out
    assert (slurm.folder / "scontrol.txt").read_text().splitlines()[-1] == "requeue 77"


@pytest.mark.slow
def test_two_real_workers_train_are_stopped_and_go_on(slurm, tmp_path):
    """The end is that of one process that was never stopped; the loss of its last step, too."""
    place = tmp_path / "run"
    options = [*SMALL, "--steps", "12", "--save-every", "4", "--place", str(place)]
    stopped = slurm(
        PROGRAM, *options[:-4], "--save-every", "4", "--place", place, "--steps", "100000"
    )
    until(lambda: (place / "checkpoint").exists() or stopped.poll() is not None)
    stopped.send_signal(signal.SIGUSR1)
    status, out = finished(stopped)
    assert status == 0 and "requeueing" in out, tail(slurm.folder)
    first = checkpoints.read(place / "checkpoint")["step"]
    last = str(first + 4)
    again = [*SMALL, "--save-every", "4", "--place", place, "--steps", last]
    status, out = finished(slurm(PROGRAM, *again))
    assert status == 0, tail(slurm.folder)
    assert f"going on from step {first}" in (slurm.folder / "task-1.txt").read_text()
    whole = tmp_path / "whole"
    alone = {k: v for k, v in os.environ.items() if k != "TF_CONFIG"} | {
        "CUDA_VISIBLE_DEVICES": "-1"
    }
    command = [
        sys.executable,
        PROGRAM,
        *SMALL,
        "--save-every",
        "4",
        "--place",
        whole,
        "--steps",
        last,
    ]
    subprocess.run(command, env=alone, check=True, cwd=notebooks.ROOT, capture_output=True)
    two, one = (checkpoints.read(folder / "checkpoint") for folder in (place, whole))
    assert two["step"] == one["step"] == first + 4
    assert abs(two["loss"] - one["loss"]) < 1e-4
    for a, b in zip(two["values"], one["values"], strict=True):
        np.testing.assert_allclose(a, b, atol=2e-3)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--steps", "0"], "--steps is 0"),
        (["--batch-size", "-2"], "--batch-size is -2"),
        (["--text", "no_such_text.txt"], "no text"),
    ],
)
def test_the_program_refuses_what_cannot_be(arguments, words):
    done = subprocess.run([sys.executable, PROGRAM, *arguments], capture_output=True, text=True)
    assert done.returncode == 2 and words in done.stderr


def test_the_program_wants_equal_parts():
    config = {"cluster": {"worker": ["a:1", "b:2", "c:3"]}, "task": {"type": "worker", "index": 0}}
    environment = os.environ | {"TF_CONFIG": json.dumps(config)}
    command = [sys.executable, PROGRAM, "--batch-size", "32"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and "not a multiple of 3 workers" in done.stderr


@pytest.mark.parametrize("job", [1, 749, 123_456])
def test_jobs_that_follow_each_other_share_no_port(slurm, job):
    program = slurm.folder / "tell.py"
    program.write_text(TELL)
    ports = []
    for number in (job, job + 1):
        assert finished(slurm(program, SLURM_JOB_ID=str(number)))[0] == 0
        config, _ = json.loads((slurm.folder / "task-0.txt").read_text())
        ports += [int(address.split(":")[1]) for address in config["cluster"]["worker"]]
    assert len(set(ports)) == 4 and min(ports) >= 20000 and max(ports) < 32768


def until(holds, timeout=300):
    end = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def says(folder, task, text):
    file = folder / f"task-{task}.txt"
    return file.exists() and text in file.read_text()


def tail(folder):
    return "\n".join(file.read_text()[-1500:] for file in folder.glob("task-*.txt"))
