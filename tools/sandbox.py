"""A kernel for strangers' code: a user, a network, processes and folders of its own, and limits.

`execute(book)` runs the code cells of a notebook in such a kernel and fills in their outputs. It never
raises for what the code does. What this system cannot give is named by `missing()`.

Started as root on Linux, each kernel runs as an unprivileged user, sees no network, no process but its
own and no file of the class, and can write to one folder that is thrown away. Otherwise the limits
that any user may set hold: time, memory, processes, size of files, output.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty

import nbformat
import psutil
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
FIRST_USER, USERS = 61000, 1000  # numbers above those that systems give away by themselves
NAMESPACES = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc"]
GIB = 2**30


@dataclass(frozen=True)
class Limits:
    """What one submission may use."""

    cell_seconds: float = 120.0  # for a cell, after which it is interrupted
    seconds: float = 420.0  # for the whole notebook
    start_seconds: float = 60.0  # for the kernel to come up
    memory_gib: float = 3.0  # resident, all its processes together
    address_gib: float = 24.0  # addresses that one process may ask for
    processes: int = 160  # processes and threads
    file_mib: int = 64  # a file
    folder_mib: int = 256  # all files together
    output_kib: int = 256  # kept of a cell's output

    def rows(self) -> list[tuple[str, str]]:
        """What is limited, and to how much, in words."""
        return [
            ("time", f"{self.cell_seconds:g} s a cell, {self.seconds:g} s a notebook"),
            ("memory", f"{self.memory_gib:g} GiB, all its processes together"),
            ("processes", f"{self.processes} processes and threads"),
            ("files", f"{self.file_mib} MiB a file, {self.folder_mib} MiB in all"),
            ("output", f"{self.output_kib} KiB a cell"),
        ]


def is_root() -> bool:
    """Whether this process may become another user."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


@functools.cache
def has_namespaces() -> bool:
    """Whether processes and network of one's own can be had here: Linux, root, util-linux."""
    if not is_root() or not shutil.which("unshare") or not shutil.which("mount"):
        return False
    done = subprocess.run([*NAMESPACES, "true"], capture_output=True, check=False)
    return done.returncode == 0


def missing() -> list[str]:
    """What this system does not give, each as a sentence that says what follows from it."""
    if has_namespaces():
        return []
    lost = []
    if not is_root():
        lost.append("no user of its own (not started as root): a submission can read and change "
                    "whatever you can")  # fmt: skip
    lost.append("no namespaces (Linux, root and util-linux's unshare): a submission sees the network "
                "and other processes")  # fmt: skip
    return lost


def _allowed(limits: Limits) -> dict:
    """The limits as the system counts them: processes of one user, whoever started them."""
    allowed = dict(vars(limits))
    if not is_root():
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.uids().real == os.getuid():
                    allowed["processes"] += process.num_threads()
    return allowed


class Kernel:
    """One kernel in its throw-away folder; use it in a `with` block.

    Args:
        limits: what it may use.
        hide: folders that must not be seen from inside.
    """

    def __init__(self, limits: Limits, hide: Sequence[Path] = ()):
        self.limits = limits
        self.user = FIRST_USER + os.getpid() % USERS  # two that grade at one time have two
        self.hide = [str(path) for path in hide if path.exists()]
        self.killed = ""  # why, if it was

    def __enter__(self) -> Kernel:
        from jupyter_client.blocking import BlockingKernelClient
        from jupyter_client.connect import write_connection_file

        self.base = Path(tempfile.mkdtemp(prefix="class-"))
        self.base.chmod(0o755)
        for name in ("work", "link"):
            (self.base / name).mkdir(mode=0o700)
        file = self.base / "link" / "kernel.json"
        write_connection_file(str(file), transport="ipc", ip=str(self.base / "link" / "k"))
        lay_out(self.base)
        if is_root():
            for path in (self.base / "work", self.base / "link", file):
                os.chown(path, self.user, self.user)
        self.process = self._start(file)
        self.client = BlockingKernelClient(connection_file=str(file))
        self.client.load_connection_file()
        self.client.start_channels(hb=False)  # whether it lives, its process says
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def _start(self, file: Path) -> subprocess.Popen:
        about = {"user": self.user if is_root() else None, "base": str(self.base), "hide": self.hide,
                 "mounts": has_namespaces(), "limits": _allowed(self.limits), "file": str(file),
                 "python": sys.base_prefix, "packages": sysconfig.get_path("purelib")}  # fmt: skip
        (self.base / "about.json").write_text(json.dumps(about))
        inner = [sys.executable, str(Path(__file__).with_name("sandboxed.py")), str(self.base)]
        command = [*NAMESPACES, *inner] if has_namespaces() else inner
        with open(self.base / "log.txt", "w") as log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                    env=environment(self.base), cwd=self.base / "work",
                                    start_new_session=True)  # fmt: skip

    def _watch(self) -> None:
        while not self._done.wait(0.3):
            if self._memory() > self.limits.memory_gib * GIB:
                return self.kill(f"it used more than {self.limits.memory_gib:g} GiB of memory")
            if _size(self.base / "work") > self.limits.folder_mib * 2**20:
                return self.kill(f"it wrote more than {self.limits.folder_mib} MiB of files")

    def _memory(self) -> int:
        """Resident bytes of all its processes; what forked processes share counts once."""
        with contextlib.suppress(psutil.Error):
            top = psutil.Process(self.process.pid)
            family = [top, *top.children(recursive=True)]
            resident = sum(_bytes(process, "memory_info", "rss") for process in family)
            if resident <= self.limits.memory_gib * GIB or not psutil.LINUX:
                return resident
            return sum(_bytes(process, "memory_full_info", "pss") for process in family)
        return 0

    def kill(self, why: str) -> None:
        """End it and everything that it started."""
        self.killed = self.killed or why
        family = []
        with contextlib.suppress(psutil.Error):
            family = psutil.Process(self.process.pid).children(recursive=True)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, 9)
        for process in family:  # those that made a session of their own
            with contextlib.suppress(psutil.Error):
                process.kill()
        self.process.wait()
        psutil.wait_procs(family, timeout=10)  # the system takes a moment to end them

    def interrupt(self) -> None:
        """As the stop button does."""
        with contextlib.suppress(psutil.Error):
            family = psutil.Process(self.process.pid).children(recursive=True)
            inner = family[0] if has_namespaces() and family else psutil.Process(self.process.pid)
            inner.send_signal(2)

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._watcher.join()
        self.kill("it came to its end")
        self.client.stop_channels()
        shutil.rmtree(self.base, ignore_errors=True)


def lay_out(base: Path) -> None:
    """Put beside the work folder what a lab needs: helpers, data and the checks, no solution."""
    site = base / "site"
    skip = shutil.ignore_patterns("__pycache__", "*.ipynb", "answers.py")
    for name in ("helpers", "data", "labs"):
        shutil.copytree(ROOT / name, site / name, ignore=skip)
    for path in [site, *site.rglob("*")]:  # whatever the teacher's umask was
        path.chmod(0o755 if path.is_dir() else 0o644)


def environment(base: Path) -> dict[str, str]:
    """What the kernel's environment holds, and nothing of the teacher's."""
    kept = {k: os.environ[k] for k in ("PATH", "LANG", "LC_ALL", "SYSTEMROOT") if k in os.environ}
    seed = os.environ.get("COURSE_HIDDEN_SEED")
    work = str(base / "work")
    return {
        **kept, "HOME": work, "TMPDIR": work, "IPYTHONDIR": work, "MPLCONFIGDIR": work,
        "JUPYTER_DATA_DIR": work, "JUPYTER_RUNTIME_DIR": work, "JUPYTER_CONFIG_DIR": work,
        "COURSE_HOME": work, "COURSE_SOURCE": "sample", "COURSE_GRADING": "1",
        "PYTHONPATH": str(base / "site"), "PYTHONDONTWRITEBYTECODE": "1", "TQDM_DISABLE": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
        **({"COURSE_HIDDEN_SEED": seed} if seed else {}),
    }  # fmt: skip


def _bytes(process: psutil.Process, ask: str, which: str) -> int:
    with contextlib.suppress(psutil.Error):
        return getattr(getattr(process, ask)(), which)
    return 0


def _size(folder: Path) -> int:
    total = 0
    with contextlib.suppress(OSError):
        for path in folder.rglob("*"):
            with contextlib.suppress(OSError):
                total += path.lstat().st_size
    return total


def execute(book: NotebookNode, limits: Limits | None = None, hide: Sequence[Path] = ()) -> str:
    """Run the code cells of a notebook in order and fill in their outputs, in place.

    After an error the next cell runs, as in grading it should. When the kernel is gone, every cell
    left gets an error that says why.

    Returns:
        "" when all cells ran, else why they did not.
    """
    limits = limits or Limits()
    end = time.monotonic() + limits.seconds
    with Kernel(limits, hide) as kernel:
        trouble = _wait_for(kernel, limits.start_seconds)
        for cell in book.cells:
            if cell.cell_type != "code":
                continue
            cell.outputs, cell.execution_count = [], None
            if not trouble and time.monotonic() > end:
                trouble = f"it ran longer than {limits.seconds:g} s"
            if trouble:
                cell.outputs = [_error("NotRun", f"This cell was not run: {trouble}.")]
            else:
                trouble = _run(kernel, cell, min(limits.cell_seconds, end - time.monotonic()))
    return trouble


def _wait_for(kernel: Kernel, seconds: float) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end and kernel.process.poll() is None:
        with contextlib.suppress(RuntimeError):
            kernel.client.wait_for_ready(timeout=1)
            return ""
    log = (kernel.base / "log.txt").read_text(errors="replace").strip().splitlines()
    return kernel.killed or " ".join(["the kernel did not start.", *log[-1:]])


def _run(kernel: Kernel, cell: NotebookNode, seconds: float) -> str:
    """Run one cell; returns why the kernel is gone, or ""."""
    client, left = kernel.client, kernel.limits.output_kib * 1024
    message = client.execute(cell.source, allow_stdin=False, store_history=True)
    end, interrupted, idle = time.monotonic() + seconds, False, False
    while not idle:
        if kernel.killed or kernel.process.poll() is not None:
            why = kernel.killed or "its kernel died"
            cell.outputs.append(_error("KernelDied", f"The run ended here: {why}."))
            return why
        if time.monotonic() > end:
            if interrupted:
                kernel.kill(f"it did not stop after {seconds:.0f} s, nor when it was interrupted")
                continue
            kernel.interrupt()
            interrupted, end = True, time.monotonic() + 10
        try:
            reply = client.get_iopub_msg(timeout=0.2)
        except Empty:
            continue
        if reply["parent_header"].get("msg_id") != message:
            continue
        if reply["msg_type"] == "status":
            idle = reply["content"]["execution_state"] == "idle"
        elif reply["msg_type"] in ("stream", "display_data", "execute_result", "error"):
            size = len(json.dumps(reply["content"], default=str))
            if left > 0 >= left - size:
                cell.outputs.append(_note(kernel.limits.output_kib))
            left -= size
            if left > 0 or reply["msg_type"] == "error":
                cell.outputs.append(nbformat.v4.output_from_msg(reply))
    if interrupted:
        cell.outputs.append(_error("TimeUp", f"Interrupted after {seconds:.0f} s."))
    return ""


def _error(name: str, text: str) -> NotebookNode:
    return nbformat.v4.new_output("error", ename=name, evalue=text, traceback=[f"{name}: {text}"])


def _note(kib: int) -> NotebookNode:
    return nbformat.v4.new_output(
        "stream", name="stdout", text=f"[output over {kib} KiB left out]\n"
    )
