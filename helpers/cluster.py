"""A small cluster on this machine: processes that find each other over loopback, and are all ended.

    with cluster.Workers(2) as workers:
        first, second = workers.run(train, num_steps=20)

Each worker is a process of its own with a TF_CONFIG, as on a real cluster. What works here works there;
what is missing here is the network between machines. `launch` starts a whole script in the same way.

Whatever happens (an error, a death, a time limit, Ctrl-C, the end of this process), no worker stays.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from helpers import runtime

HOST = "127.0.0.1"
POLL = 0.02  # seconds between two looks at the workers
TAIL = 15  # lines of a failed worker's log that the error shows
ONE_WORKER = "import sys; from helpers import cluster; cluster.work(sys.argv[1])"
ONE_SCRIPT = "import sys; from helpers import cluster; cluster.work_script(*sys.argv[1:])"
GIVEN = ("rank", "num_workers", "folder", "strategy")  # what a function gets if it asks for it
# Keras looks whether these are there, and loads them whole; no worker needs them for that.
NOT_NEEDED = ("matplotlib", "pandas", "sklearn")


class WorkerFailed(RuntimeError):
    """A worker died, raised, or did not answer in time; the message ends with its last lines.

    Attributes:
        rank: which one, from 0.
        exit_status: as `subprocess` gives it: -9 is SIGKILL; None if it was still running.
    """

    def __init__(self, message: str, rank: int, exit_status: int | None = None) -> None:
        super().__init__(message)
        self.rank, self.exit_status = rank, exit_status


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on at this moment, all different."""
    with contextlib.ExitStack() as held:
        found = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in found:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in found]


def tf_config(ports: Sequence[int], rank: int) -> str:
    """What TensorFlow reads from TF_CONFIG: all workers' addresses, and which of them this one is."""
    addresses = [f"{HOST}:{port}" for port in ports]
    return json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": rank}})


class Workers:
    """Processes that wait for functions and run them, all at the same time.

    They start at once and in the background: the first `run` waits until all are there.

    Args:
        num_workers: how many.
        threads: processor threads of each; None shares out the cores. Where the system can (Linux),
            a worker is kept on cores of its own.
        connect: give each a TF_CONFIG and a `MultiWorkerMirroredStrategy`, which a function gets if
            it has an argument `strategy`. Without it, they know nothing of each other.
        ports: one a worker; None takes free ones.
        environment: further environment variables, for instance {"KERAS_BACKEND": "jax"}.
        start_timeout: seconds within which all must have started.
        cpu: keep to the processor. With False, each worker sees the GPU of its own number.

    Raises:
        ValueError: no worker, no thread, or a port that is taken.
    """

    def __init__(
        self,
        num_workers: int = 2,
        *,
        threads: int | None = None,
        connect: bool = True,
        ports: Sequence[int] | None = None,
        environment: Mapping[str, str] | None = None,
        start_timeout: float = 300,
        cpu: bool = True,
    ) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="cluster-"))
        self._jobs, self._job, self._limit = 0, None, 0.0
        self._started, self.start_timeout = time.monotonic(), start_timeout
        try:
            self._group = _Group(
                [sys.executable, "-c", ONE_WORKER, str(self._folder)], num_workers, self._folder,
                threads=threads, connect=connect, ports=ports, cpu=cpu,
                environment={**(environment or {}), "COURSE_CONNECT": str(int(connect))},
            )  # fmt: skip
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self._written = [0] * num_workers  # characters in each log before the running job
        self._end = weakref.finalize(self, _end, self._group, self._folder)

    @property
    def num_workers(self) -> int:
        """How many there are."""
        return len(self._group.processes)

    @property
    def pids(self) -> list[int]:
        """Their process ids, in the order of their ranks."""
        return [process.pid for process in self._group.processes]

    def run(self, *functions: Callable | str, timeout: float = 300, **inputs: Any) -> list[dict]:
        """Call the last function on every worker, and wait for all.

        Args:
            *functions: functions or their text; all are defined, the last one is called. What they
                import, they import inside. It returns a dict of arrays and numbers, or None.
            timeout: seconds, from when the workers have started.
            **inputs: arrays, and whatever JSON can hold, by the names of its arguments. It gets
                `rank`, `num_workers`, `strategy` and `folder` (shared) if it has such arguments.

        Returns:
            what it returned on each, by rank, as NumPy arrays.

        Raises:
            ValueError: no function, one without a text of its own (a lambda, a built-in one), or
                inputs that it does not take, lacks, or that cannot be sent.
            WorkerFailed: one raised, died or took too long. All are ended then.
            RuntimeError: the workers were ended before.
        """
        self.start(*functions, timeout=timeout, **inputs)
        return self.wait()

    def start(self, *functions: Callable | str, timeout: float = 300, **inputs: Any) -> None:
        """As `run`, and come back at once; `wait` gets the answers."""
        import numpy as np

        self._check_alive()
        if self._job is not None:
            raise RuntimeError("the workers are busy: call wait() first")
        if not functions:
            raise ValueError("run() and start() need a function to call; they got none")
        texts = [_source(function) for function in functions]
        _check_inputs(texts[-1], inputs)
        arrays = {n: _checked_array(n, v) for n, v in inputs.items() if hasattr(v, "dtype")}
        plain = {name: value for name, value in inputs.items() if name not in arrays}
        for name, value in plain.items():
            try:
                json.dumps(value)
            except (TypeError, ValueError) as error:
                raise ValueError(
                    f"the input {name!r} cannot be sent to a worker ({error}): give an array, or"
                    " numbers, texts, lists and dicts of them"
                ) from None
        self._jobs += 1
        job = self._folder / f"job-{self._jobs}"
        job.mkdir()
        np.savez(job / "inputs.npz", **arrays)
        (job / "job.json").write_text(json.dumps({"texts": texts, "inputs": plain}))
        self._written = [len(self.log(rank)) for rank in range(self.num_workers)]
        for process in self._group.processes:
            with contextlib.suppress(OSError):  # died already: wait() says so
                process.stdin.write(f"{job.name}\n".encode())
                process.stdin.flush()
        self._job, self._limit = job, timeout

    def wait(self) -> list[dict]:
        """The answers to what `start` asked, by rank; see `run`."""
        import numpy as np

        self._check_alive()
        if self._job is None:
            raise RuntimeError("nothing was started: call start(), or run()")
        try:
            self._wait_for("ready", self._folder, self._started + self.start_timeout, "start")
            self._wait_for("done", self._job, time.monotonic() + self._limit, "answer")
            found = []
            for rank in range(self.num_workers):
                with np.load(self._job / f"results-{rank}.npz") as arrays:
                    found.append({name: arrays[name] for name in arrays.files})
        except BaseException:
            self.close()  # Ctrl-C, too: a worker that waits for a dead one would wait forever
            raise
        shutil.rmtree(self._job, ignore_errors=True)
        self._job = None
        return found

    def wait_for_line(self, text: str, rank: int = 0, timeout: float = 300) -> str:
        """Wait until a worker has printed a whole line that holds `text`, and return the line.

        Only what it printed since `start` counts.

        Raises:
            WorkerFailed: a worker died, or the time is over.
        """
        self._check_alive()
        deadline = time.monotonic() + timeout
        try:
            while True:
                written = self.log(rank)[self._written[rank] :]
                for line in written.rpartition("\n")[0].splitlines():
                    if text in line:
                        return line
                self._group.check(deadline, f"print {text!r}", [rank])
                time.sleep(POLL)
        except BaseException:
            self.close()
            raise

    def log(self, rank: int) -> str:
        """All that a worker has written so far, errors included."""
        return self._group.log(rank)

    def kill(self, rank: int) -> None:
        """End one worker with SIGKILL, as a machine that loses power: it can save nothing.

        Raises:
            RuntimeError: it had ended before, so that there is nothing to kill.
        """
        self._check_alive()
        process = self._group.processes[rank]
        if process.poll() is not None:
            raise RuntimeError(f"worker {rank} had ended before it was killed")
        process.kill()
        process.wait()

    def close(self) -> None:
        """End all workers and remove their folder; a second call does nothing."""
        self._end()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_alive(self) -> None:
        if not self._end.alive:
            raise RuntimeError("these workers were ended: make new ones with cluster.Workers(...)")

    def _wait_for(self, what: str, folder: Path, deadline: float, verb: str) -> None:
        left = set(range(self.num_workers))
        while True:
            for rank in sorted(left):
                if (folder / f"failed-{rank}.txt").exists():
                    said = (folder / f"failed-{rank}.txt").read_text("utf-8")
                    raise WorkerFailed(f"worker {rank} raised an error:\n{said}", rank)
                if (folder / f"{what}-{rank}").exists():
                    left.discard(rank)
            if not left:
                return
            self._group.check(deadline, verb, sorted(left))
            time.sleep(POLL)


def alone(
    *functions: Callable | str,
    timeout: float = 300,
    environment: Mapping[str, str] | None = None,
    **inputs: Any,
) -> dict:
    """Call a function in one process of its own, which knows of no cluster; see `Workers.run`."""
    threads = runtime.cores()
    with Workers(1, threads=threads, connect=False, environment=environment) as workers:
        return workers.run(*functions, timeout=timeout, **inputs)[0]


def launch(
    script: str | os.PathLike,
    *arguments: str,
    num_workers: int = 2,
    threads: int | None = None,
    ports: Sequence[int] | None = None,
    timeout: float = 600,
    environment: Mapping[str, str] | None = None,
    cpu: bool = True,
) -> list[str]:
    """Run a script in several processes, each with its TF_CONFIG, until all have ended well.

    Args:
        script: a Python file.
        *arguments: of the script, the same for each.
        num_workers, threads, ports, environment, cpu: as of `Workers`.
        timeout: seconds for all of it.

    Returns:
        what each wrote, by rank.

    Raises:
        FileNotFoundError: there is no such script.
        ValueError: no worker, no thread, or a port that is taken.
        WorkerFailed: one ended with an error, or too late. The others are ended, too.
    """
    file = Path(script)
    if not file.is_file():
        raise FileNotFoundError(f"there is no script {file.name!r} in {file.parent.name or '.'!r}")
    folder = Path(tempfile.mkdtemp(prefix="cluster-"))
    group = None
    try:
        command = [sys.executable, "-c", ONE_SCRIPT, str(folder), str(file.resolve()), *arguments]
        group = _Group(
            command, num_workers, folder,
            threads=threads, connect=True, ports=ports, cpu=cpu, environment=environment or {},
        )  # fmt: skip
        deadline = time.monotonic() + timeout
        while running := [r for r, p in enumerate(group.processes) if p.poll() is None]:
            group.check(deadline, "end", running, ended_well=True)
            time.sleep(POLL)
        group.check(deadline, "end", [], ended_well=True)
        return [group.log(rank) for rank in range(num_workers)]
    finally:
        _end(group, folder)


class _Group:
    """Processes that are started, watched and ended together."""

    def __init__(
        self,
        command: Sequence[str],
        num_workers: int,
        folder: Path,
        *,
        threads: int | None,
        connect: bool,
        ports: Sequence[int] | None,
        environment: Mapping[str, str],
        cpu: bool,
    ) -> None:
        _check_count(num_workers, "num_workers")
        threads = max(1, runtime.cores() // num_workers) if threads is None else threads
        _check_count(threads, "threads")
        self.folder, self.processes = folder, []
        ports = free_ports(num_workers) if ports is None else _checked(ports, num_workers)
        places = _places(num_workers, threads)
        try:
            for rank in range(num_workers):
                own = _environment(threads, cpu, rank) | {"COURSE_RANK": str(rank)} | environment
                own["COURSE_NUM_WORKERS"] = str(num_workers)
                if connect:
                    own["TF_CONFIG"] = tf_config(ports, rank)
                with open(self._log(rank), "wb") as log:
                    process = subprocess.Popen(
                        command, env=own, stdin=subprocess.PIPE, stdout=log,
                        stderr=subprocess.STDOUT, start_new_session=True,
                    )  # fmt: skip
                self.processes.append(process)
                if places:
                    with contextlib.suppress(OSError):
                        os.sched_setaffinity(process.pid, places[rank])
        except BaseException:
            self.end()
            raise

    def log(self, rank: int) -> str:
        """What a worker has written."""
        try:
            return self._log(rank).read_text("utf-8", errors="replace")
        except OSError:
            return ""

    def check(
        self, deadline: float, verb: str, waited_for: Sequence[int], ended_well: bool = False
    ) -> None:
        """Raise if one has ended (with an error, if `ended_well`), or the time is over."""
        dead = [
            (rank, process.returncode)
            for rank, process in enumerate(self.processes)
            if process.poll() is not None and not (ended_well and process.returncode == 0)
        ]
        if dead:
            # One that was killed comes first: the others may have died of it.
            rank, status = min(dead, key=lambda found: (found[1] != -9, found[0]))
            how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
            raise WorkerFailed(f"worker {rank} {how}.{self._tail(rank)}", rank, status)
        if waited_for and time.monotonic() > deadline:
            names = " and ".join(map(str, waited_for))
            tail = self._tail(waited_for[0])
            raise WorkerFailed(f"worker {names} did not {verb} in time.{tail}", waited_for[0])

    def end(self) -> None:
        """Kill every process and what it may have started; wait until they are gone."""
        for process in self.processes:
            with contextlib.suppress(OSError):
                if hasattr(os, "killpg"):  # its group, also when it has ended and left a child
                    os.killpg(process.pid, signal.SIGKILL)
                else:
                    process.kill()
        for process in self.processes:
            process.wait()
            with contextlib.suppress(OSError):
                process.stdin.close()

    def _log(self, rank: int) -> Path:
        return self.folder / f"log-{rank}.txt"

    def _tail(self, rank: int) -> str:
        lines = [line for line in self.log(rank).splitlines() if line.strip()][-TAIL:]
        return " Its last lines:\n" + "\n".join(lines) if lines else " It had written nothing."


def _end(group: _Group | None, folder: Path) -> None:
    if group is not None:
        group.end()
    shutil.rmtree(folder, ignore_errors=True)


def _check_count(value: Any, name: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} is {value!r}; it must be a whole number, 1 or more")


def _checked(ports: Sequence[int], num_workers: int) -> list[int]:
    """The ports asked for, if each worker can have one of its own."""
    if len(set(ports)) != num_workers or len(ports) != num_workers:
        raise ValueError(f"{num_workers} workers need as many different ports, not {list(ports)}")
    for port in ports:
        with socket.socket() as probe:
            if os.name == "posix":  # or a port that was used a moment ago would count as taken
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except (OSError, OverflowError) as error:
                raise ValueError(
                    f"port {port} cannot be had ({error}): choose another, or leave `ports` out"
                ) from None
    return list(ports)


def _places(num_workers: int, threads: int) -> list[set[int]]:
    """The cores of each worker; nothing where they cannot be set or are too few."""
    if not hasattr(os, "sched_setaffinity"):
        return []
    cores = sorted(os.sched_getaffinity(0))
    if num_workers * threads > len(cores):
        return []
    return [set(cores[i * threads : (i + 1) * threads]) for i in range(num_workers)]


def _environment(threads: int, cpu: bool, rank: int) -> dict[str, str]:
    package = str(Path(__file__).resolve().parent.parent)
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    own = {
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_NUM_INTRAOP_THREADS": str(threads),
        # Operations that wait for other workers hold a thread each: with few, all may wait forever.
        "TF_NUM_INTEROP_THREADS": str(max(8, threads)),
        "OMP_NUM_THREADS": str(threads),
        "CUDA_VISIBLE_DEVICES": "-1" if cpu else str(rank),
        "KERAS_BACKEND": "tensorflow",
    }
    own |= {"JAX_PLATFORMS": "cpu"} if cpu else {}
    return {k: v for k, v in os.environ.items() if k != "TF_CONFIG"} | own


def _source(function: Callable | str) -> str:
    """The text of a function; a ValueError says what has none that a worker could run."""
    if isinstance(function, str):
        return function
    name = getattr(function, "__name__", None)
    if not inspect.isfunction(function) or name == "<lambda>":
        what = "a lambda" if name == "<lambda>" else repr(function)
        raise ValueError(f"workers run functions made with `def`, or their text, not {what}")
    try:
        return textwrap.dedent(inspect.getsource(function))
    except OSError:
        raise ValueError(f"the text of {name}() is not known: give it as a string") from None


def _check_inputs(text: str, inputs: Mapping[str, Any]) -> None:
    """Raise a ValueError if the last function of the text cannot be called with these."""
    try:
        found = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    except SyntaxError as error:
        raise ValueError(f"the function's text is no Python: {error}") from None
    if not found:
        raise ValueError(f"there is no `def` in the text {text[:40]!r}")
    name, takes = found[-1].name, found[-1].args
    plain, named = [*takes.posonlyargs, *takes.args], takes.kwonlyargs
    allowed = [argument.arg for argument in (*plain, *named)]
    for given in inputs:
        if given not in allowed and not takes.kwarg:
            raise ValueError(f"{name}() has no argument {given!r}; it has {', '.join(allowed)}")
        if given in allowed and given in GIVEN:
            raise ValueError(f"{name}() gets {given!r} from the worker: leave it out")
    needed = [a.arg for a in plain[: len(plain) - len(takes.defaults)]]
    needed += [a.arg for a, value in zip(named, takes.kw_defaults, strict=True) if value is None]
    if missing := [a for a in needed if a not in inputs and a not in GIVEN]:
        raise ValueError(f"{name}() also needs {', '.join(missing)}")


def _checked_array(name: str, value: Any) -> Any:
    """As a NumPy array that can be sent as it is."""
    import numpy as np

    found = np.asarray(value)
    if found.dtype == object:
        raise ValueError(f"{name!r} is no array of numbers or texts: give each part a name")
    return found


# --- inside a worker


def work(folder: str) -> None:
    """Run the jobs whose folders' names come on standard input, until it is closed."""
    place, rank = Path(folder), int(os.environ["COURSE_RANK"])
    names = _names(folder)
    about = {"rank": rank, "num_workers": int(os.environ["COURSE_NUM_WORKERS"]), "folder": folder}
    if os.environ["COURSE_CONNECT"] == "1":
        with (
            runtime.uncollected(),
            runtime.without("jax", *NOT_NEEDED),
        ):  # TensorFlow would load JAX
            import keras
            import tensorflow as tf

        about["strategy"] = tf.distribute.MultiWorkerMirroredStrategy()
    elif os.environ["KERAS_BACKEND"] != "tensorflow":  # asked for, so it will be used
        hidden = runtime.without("tensorflow", *NOT_NEEDED)
        with runtime.uncollected(), hidden, contextlib.suppress(ImportError):
            import keras

            # It looks for TensorFlow, to set its seed, and would load it, for seconds. Now it knows.
            keras.utils.set_random_seed(0)
    (place / f"ready-{rank}").touch()
    while True:
        job = place / names.get()
        try:
            results = _call(job, about)
            _save(job / f"results-{rank}.npz", results)
            (job / f"done-{rank}").touch()
        except BaseException:
            text = traceback.format_exc()
            with runtime.write_atomically(job / f"failed-{rank}.txt") as part:
                part.write_text("\n".join(text.splitlines()[-TAIL:]), encoding="utf-8")


def work_script(folder: str, script: str, *arguments: str) -> None:
    """Run a script as `python script` does, and end when the process that started it is gone."""
    import runpy

    def listen() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 1024):
                pass
        _leave(folder)

    threading.Thread(target=listen, daemon=True).start()
    sys.argv = [script, *arguments]
    sys.path[0] = str(Path(script).parent)
    runpy.run_path(script, run_name="__main__")


def _leave(folder: str) -> None:
    """End this worker and what it has started; the folder goes, too."""
    shutil.rmtree(folder, ignore_errors=True)
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(0)


def _names(folder: str) -> Any:
    """What comes on standard input, line by line. When it is closed, this process ends.

    A thread looks, because the main one may hang in TensorFlow, waiting for a worker that died. The
    one who holds the other end may have been killed, too: then nobody else removes the folder.
    """
    import queue

    names: queue.Queue = queue.Queue()

    def listen() -> None:
        for line in sys.stdin:
            names.put(line.strip())
        _leave(folder)

    threading.Thread(target=listen, daemon=True).start()
    return names


def _call(job: Path, about: dict[str, Any]) -> Any:
    import numpy as np

    task = json.loads((job / "job.json").read_text("utf-8"))
    with np.load(job / "inputs.npz") as arrays:
        given = task["inputs"] | {name: arrays[name] for name in arrays.files}
    found: dict[str, Any] = {"__name__": "cluster_job"}
    for text in task["texts"]:
        before = set(found)
        exec(compile(text, "<function>", "exec"), found)
        called = [v for k, v in found.items() if k not in before and inspect.isfunction(v)][-1]
    wanted = inspect.signature(called).parameters
    return called(**given, **{name: about[name] for name in about if name in wanted})


def _save(path: Path, results: Mapping[str, Any] | None) -> None:
    import numpy as np

    if results is not None and not isinstance(results, Mapping):
        kind = type(results).__name__
        raise ValueError(f"it returned a {kind}; it must be a dict of arrays and numbers, or None")
    arrays = {}
    for name, value in (results or {}).items():
        try:
            arrays[name] = _checked_array(name, value)
        except ValueError as error:
            raise ValueError(f"the result {name!r} cannot be sent back: {error}") from None
    np.savez(path, **arrays)
