"""Real processes on loopback: what they compute, how they end, and that nothing of them stays."""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from helpers import cluster
from tools import notebooks

PROGRAM = notebooks.ROOT / "slurm" / "train.py"

pytestmark = pytest.mark.slow
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals as on Linux and macOS")


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """Temporary folders of the launcher lie in a place of the test's own, and must be gone."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    assert list(tmp_path.glob("cluster-*")) == []


def gone(pids):
    """Whether these processes have all ended; given a moment."""
    for _ in range(250):
        if not any(psutil.pid_exists(p) and psutil.Process(p).status() != "zombie" for p in pids):
            return True
        time.sleep(0.02)
    return False


def light(number=2, **more):
    """Workers that import no TensorFlow: quick to start."""
    return cluster.Workers(number, connect=False, **more)


def double(values, rank, num_workers, by=2):
    print("doubling", rank)
    return {"twice": by * values + rank, "of": num_workers}


def test_each_worker_runs_the_function_with_its_rank():
    with light(3) as workers:
        found = workers.run(double, values=np.arange(3))
        assert [list(one["twice"]) for one in found] == [[0, 2, 4], [1, 3, 5], [2, 4, 6]]
        assert {int(one["of"]) for one in found} == {3}
        assert workers.run(double, values=np.arange(1), by=5)[0]["twice"] == [0]
        assert workers.log(1).count("doubling 1") == 2
        pids = workers.pids
        assert len(set(pids)) == 3 and os.getpid() not in pids
    assert gone(pids)


def test_texts_come_before_the_function_that_uses_them():
    with light(1) as workers:
        text = "def base():\n    return 7\n"
        (found,) = workers.run(text, "def use(x):\n    return {'y': base() + x}\n", x=1)
        assert found["y"] == 8
        assert workers.run("def nothing():\n    pass\n") == [{}]


def test_an_error_comes_back_with_its_words_and_ends_all():
    def breaks(rank):
        if rank == 1:
            raise KeyError("no such thing")
        import time

        time.sleep(600)

    workers = light()
    pids = workers.pids
    with pytest.raises(cluster.WorkerFailed, match=r"worker 1 raised.*\n[\s\S]*no such thing") as e:
        workers.run(breaks)
    assert e.value.rank == 1 and gone(pids)
    with pytest.raises(RuntimeError, match="were ended"):
        workers.run(double, values=np.arange(2))


def waits(rank):
    import time

    print("waiting", flush=True)
    time.sleep(600)


@POSIX
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_worker_is_named_and_the_other_one_ended(victim):
    workers = light()
    pids = workers.pids
    workers.start(waits)
    assert workers.wait_for_line("waiting", rank=victim) == "waiting"
    workers.kill(victim)
    with pytest.raises(cluster.WorkerFailed, match=f"worker {victim} was killed by signal 9") as e:
        workers.wait()
    assert (e.value.rank, e.value.exit_status) == (victim, -signal.SIGKILL)
    assert "waiting" in str(e.value) and gone(pids)


def test_a_worker_that_ends_by_itself_is_noticed():
    def leaves(rank):
        import os

        if rank == 0:
            os._exit(3)
        waits(rank)

    workers = light()
    with pytest.raises(cluster.WorkerFailed, match="worker 0 ended with status 3"):
        workers.run(waits, leaves)


def test_a_dead_worker_cannot_be_killed_again():
    with light() as workers:
        workers.start(waits)
        workers.wait_for_line("waiting", rank=1)
        workers.kill(1)
        with pytest.raises(RuntimeError, match="worker 1 had ended"):
            workers.kill(1)
        with pytest.raises(cluster.WorkerFailed):
            workers.wait_for_line("never", rank=0)


def test_too_slow_is_an_error_that_names_who():
    workers = light()
    pids = workers.pids
    with pytest.raises(cluster.WorkerFailed, match="worker 0 and 1 did not answer in time"):
        workers.run(waits, timeout=0.3)
    assert gone(pids)
    workers = light(1, start_timeout=0.0)
    with pytest.raises(cluster.WorkerFailed, match="worker 0 did not start in time"):
        workers.run(waits)
    with light(1) as workers:
        workers.start(waits)
        with pytest.raises(cluster.WorkerFailed, match="did not print 'nothing' in time"):
            workers.wait_for_line("nothing", timeout=0.2)


def test_only_what_was_printed_since_the_start_counts():
    with light(1) as workers:
        workers.run(double, values=np.arange(2))
        workers.start(waits)
        assert workers.wait_for_line("a", timeout=60) == "waiting"


def test_busy_and_idle_workers_say_so():
    with light(1) as workers:
        with pytest.raises(RuntimeError, match="nothing was started"):
            workers.wait()
        workers.start(waits)
        with pytest.raises(RuntimeError, match="busy"):
            workers.start(waits)


@pytest.mark.parametrize("number", [0, -1, 1.5, "2", True])
def test_a_number_of_workers_that_cannot_be(number):
    with pytest.raises(ValueError, match="num_workers is"):
        cluster.Workers(number)
    with pytest.raises(ValueError, match="threads is"):
        cluster.Workers(1, threads=number)


def test_a_port_that_is_taken_is_named():
    with socket.socket() as other:
        other.bind((cluster.HOST, 0))
        other.listen()
        taken = other.getsockname()[1]
        free = cluster.free_ports(1)
        with pytest.raises(ValueError, match=f"port {taken} cannot be had"):
            cluster.Workers(2, ports=[*free, taken])
    for ports in ([taken], [taken, taken], [taken, 99999]):
        with pytest.raises(ValueError, match="port"):
            cluster.Workers(2, ports=ports)


def test_free_ports_are_free_and_different():
    ports = cluster.free_ports(20)
    assert len(set(ports)) == 20
    for port in ports:
        with socket.socket() as probe:
            probe.bind((cluster.HOST, port))


def test_each_gets_the_same_addresses_and_its_own_number():
    first, second = (json.loads(cluster.tf_config([11, 22], rank)) for rank in (0, 1))
    assert first["cluster"] == second["cluster"] == {"worker": ["127.0.0.1:11", "127.0.0.1:22"]}
    assert [c["task"] for c in (first, second)] == [
        {"type": "worker", "index": 0},
        {"type": "worker", "index": 1},
    ]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores are set on Linux")
def test_workers_have_cores_of_their_own():
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        pytest.skip("one core")

    def own():
        import os

        return {"cores": sorted(os.sched_getaffinity(0)), "omp": os.environ["OMP_NUM_THREADS"]}

    with light(2, threads=1) as workers:
        found = workers.run(own)
    assert [list(one["cores"]) for one in found] == [[cores[0]], [cores[1]]]
    assert [str(one["omp"]) for one in found] == ["1", "1"]
    assert cluster._places(len(cores) + 1, 1) == []


def test_a_function_alone_knows_of_no_cluster(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "something of the caller's")

    def look():
        import os

        return {"config": "TF_CONFIG" in os.environ, "more": os.environ["MORE"]}

    found = cluster.alone(look, environment={"MORE": "yes"})
    assert not found["config"] and str(found["more"]) == "yes"


# Scripts


SCRIPT = """
import json, os, sys, time
task = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
print("script", task, *sys.argv[1:], flush=True)
if sys.argv[1] == "fail" and task == 1:
    sys.exit("it went wrong")
time.sleep(600 if sys.argv[1] in ("fail", "hang") else 0)
"""


@pytest.fixture
def script(tmp_path):
    file = tmp_path / "script.py"
    file.write_text(SCRIPT)
    return file


def test_a_script_runs_in_every_process(script):
    found = cluster.launch(script, "go", "on", num_workers=2, timeout=60)
    assert found == ["script 0 go on\n", "script 1 go on\n"]


def test_a_script_that_fails_ends_the_others(script):
    began = time.monotonic()
    with pytest.raises(cluster.WorkerFailed, match=r"worker 1 ended with status 1[\s\S]*wrong"):
        cluster.launch(script, "fail")
    assert time.monotonic() - began < 300, "it did not wait for the one that sleeps"
    with pytest.raises(cluster.WorkerFailed, match="worker 0 and 1 did not end in time"):
        cluster.launch(script, "hang", timeout=0.5)


def test_a_script_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no script 'missing.py'"):
        cluster.launch(tmp_path / "missing.py")
    with pytest.raises(ValueError, match="num_workers"):
        cluster.launch(Path(__file__), num_workers=0)


# What cannot be asked


def plain(x, y=1):
    return {"z": x + y}


@pytest.mark.parametrize(
    "functions, inputs, words",
    [
        ((), {}, "need a function"),
        ((lambda x: {"y": x},), {"x": 1}, "not a lambda"),
        ((print,), {}, "made with `def`"),
        ((3,), {}, "made with `def`"),
        (("x = 1",), {}, "no `def`"),
        (("def f(:",), {}, "no Python"),
        ((plain,), {"z": 1}, r"plain\(\) has no argument 'z'; it has x, y"),
        ((plain,), {"y": 1}, r"plain\(\) also needs x"),
        ((plain,), {"x": {1, 2}}, "'x' cannot be sent"),
        ((plain,), {"x": np.array([{}, {}])}, "'x' is no array"),
        ((waits,), {"rank": 1}, "gets 'rank' from the worker"),
    ],
)
def test_what_no_worker_could_run_is_refused_before_they_are_asked(functions, inputs, words, idle):
    with pytest.raises(ValueError, match=words):
        idle.start(*functions, **inputs)
    assert [float(one["z"]) for one in idle.run(plain, x=1)] == [2.0], "they are still there"


@pytest.fixture(scope="module")
def idle(tmp_path_factory):
    workers = cluster.Workers(1, connect=False)
    yield workers
    workers.close()


@pytest.mark.parametrize(
    "text, words",
    [
        ("def f():\n    return 3\n", "returned a int; it must be a dict"),
        ("def f():\n    return {'a': {'b': 1}}\n", "result 'a' cannot be sent back"),
        ("def f():\n    return {'a': [[1], [1, 2]]}\n", "result 'a' cannot be sent back"),
    ],
)
def test_a_result_that_cannot_be_sent_back_is_named(text, words):
    with light(1) as workers, pytest.raises(cluster.WorkerFailed, match=words):
        workers.run(text)


@POSIX
def test_a_child_of_a_worker_that_left_is_ended_too():
    def leaves_a_child():
        import os
        import subprocess
        import sys

        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print("child", child.pid, flush=True)
        os._exit(3)

    workers = light(1)
    workers.start(leaves_a_child)
    with pytest.raises(cluster.WorkerFailed, match="status 3") as error:
        workers.wait()
    child = int(str(error.value).split("child")[1].split()[0])
    assert gone([child])


# The caller's own end

LAUNCHER = """
import sys, tempfile
tempfile.tempdir = sys.argv[1]
from helpers import cluster
cluster.launch(sys.argv[2], sys.argv[1], num_workers=2)
"""
SLEEPER = """
import os, pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path(sys.argv[1], f"pids-{os.getpid()}.txt").write_text(f"{os.getpid()} {child.pid} end")
time.sleep(600)
"""


@POSIX
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_scripts_and_their_children_end_with_the_launcher(how, tmp_path):
    script = tmp_path / "sleeper.py"
    script.write_text(SLEEPER)
    command = [sys.executable, "-c", LAUNCHER, str(tmp_path), str(script)]
    caller = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    pids = []
    try:
        deadline = time.monotonic() + 120
        while len(pids) < 4 and time.monotonic() < deadline:
            told = [file.read_text().split() for file in tmp_path.glob("pids-*.txt")]
            pids = [int(p) for one in told if one[-1:] == ["end"] for p in one[:2]]
            time.sleep(0.05)
        assert len(pids) == 4 and not gone_now(pids)
        caller.send_signal(how)
        caller.wait(60)
    finally:
        caller.kill()
        caller.wait()
    assert gone(pids)
    for _ in range(250):
        if not list(tmp_path.glob("cluster-*")):
            break
        time.sleep(0.02)


CALLER = """
import sys, tempfile
tempfile.tempdir = sys.argv[1]
from helpers import cluster
workers = cluster.Workers(2, connect=False)
workers.start("def f():\\n    import time\\n    print('here', flush=True)\\n    time.sleep(600)\\n")
for rank in (0, 1):
    workers.wait_for_line("here", rank)
print(*workers.pids, flush=True)
workers.wait()
"""


@POSIX
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_the_process_that_made_them(how, tmp_path):
    """Ctrl-C, a polite end and a kill: by the launcher, or by the workers themselves."""
    command = [sys.executable, "-c", textwrap.dedent(CALLER), str(tmp_path)]
    caller = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        pids = [int(pid) for pid in caller.stdout.readline().split()]
        assert len(pids) == 2 and not gone_now(pids)
        caller.send_signal(how)
        caller.wait(60)
    finally:
        caller.kill()
        caller.stdout.close()
    assert gone(pids)
    for _ in range(250):
        if not list(tmp_path.glob("cluster-*")):
            break
        time.sleep(0.02)


def gone_now(pids):
    return not any(psutil.pid_exists(pid) for pid in pids)


# TensorFlow, in two real processes


def averages(strategy, rank):
    """Both give a number and get the mean of them."""
    import tensorflow as tf

    def one():
        context = tf.distribute.get_replica_context()
        return context.all_reduce(tf.distribute.ReduceOp.MEAN, tf.constant([1.0 + 2 * rank]))

    return {"mean": strategy.run(tf.function(one)), "replicas": strategy.num_replicas_in_sync}


def begins(strategy, rank, num_workers):
    """Of slurm/train.py: the workers have read checkpoints of different steps."""
    return {"firsts": every_first(strategy, rank, num_workers, 50 * rank)}  # noqa: F821


def test_two_processes_add_up_and_leave_no_port_behind():
    ports = cluster.free_ports(2)
    spec = importlib.util.spec_from_file_location("slurm_train", PROGRAM)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    with cluster.Workers(2, threads=1, ports=ports) as workers:
        found = workers.run(inspect.getsource(program.every_first), begins)
        assert [list(one["firsts"]) for one in found] == [[0, 50], [0, 50]]
        found = workers.run(averages)
        assert [float(one["mean"][0]) for one in found] == [2.0, 2.0]
        assert {int(one["replicas"]) for one in found} == {2}
        with pytest.raises(ValueError, match="cannot be had"):
            cluster.Workers(2, ports=ports)
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((cluster.HOST, port))
