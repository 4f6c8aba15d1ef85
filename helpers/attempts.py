"""A learner's code, run with care: a time limit, a bounded output, arguments that must not change.

Everything here happens in the learner's own kernel, so that an answer comes at once and a debugger can
follow. It guards against mistakes, not against malice: grading a stranger's work runs the whole
notebook in a process of its own.
"""

from __future__ import annotations

import contextlib
import copy
import ctypes
import io
import linecache
import reprlib
import signal
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import numpy as np

SHOWN = 300  # characters of a value, or of what was printed, that a message shows
AGAIN = 0.01  # seconds between two attempts to stop code that catches every exception


class TimeUp(BaseException):
    """Raised inside code that ran too long. Not an Exception, so that `except Exception` lets it go."""


class Failed(Exception):
    """One check failed. `key` names the likely mistake, `saw` says what was seen."""

    def __init__(self, key: str, saw: str = ""):
        super().__init__(key, saw)
        self.key, self.saw = key, saw


class Bounded(io.TextIOBase):
    """A stream that keeps the first characters and only counts the rest."""

    def __init__(self) -> None:
        self.kept, self.written = "", 0

    def writable(self) -> bool:
        """It takes everything."""
        return True

    def write(self, text: str) -> int:
        """Keep what fits. Raises TypeError for what is not a text, as every text stream does."""
        if not isinstance(text, str):
            raise TypeError(f"write() takes a text, not {type(text).__name__}")
        if len(self.kept) < SHOWN:
            self.kept += text[: SHOWN - len(self.kept)]
        self.written += len(text)
        return len(text)


@contextlib.contextmanager
def bounded_output() -> Iterator[Bounded]:
    """Catch what the block prints, to either stream, and keep little of it."""
    caught = Bounded()
    with contextlib.redirect_stdout(caught), contextlib.redirect_stderr(caught):
        yield caught


def limited(call: Callable[[], Any], seconds: float) -> Any:
    """What `call()` returns, or TimeUp after so many seconds.

    In the main thread of Linux and macOS a signal stops even a sleep. Elsewhere Python is asked to
    raise in the running thread, which it does between two lines of Python. Neither ends a loop inside
    compiled code. Code that catches everything is asked again, until it is caught outside its `try`.

    Raises:
        TimeUp: `call` took longer.
    """
    main = threading.current_thread() is threading.main_thread()
    by = _by_signal if main and hasattr(signal, "SIGALRM") else _by_thread
    return by(call, seconds)


def _by_signal(call: Callable[[], Any], seconds: float) -> Any:
    def ring(_number: int, frame: FrameType | None) -> None:
        if _running(frame):
            raise TimeUp

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        return _inside(call)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _by_thread(call: Callable[[], Any], seconds: float) -> Any:
    own, done = threading.get_ident(), threading.Event()
    stop = ctypes.pythonapi.PyThreadState_SetAsyncExc

    def watch() -> None:
        if done.wait(seconds):
            return
        while not done.wait(AGAIN):
            if _running(sys._current_frames().get(own)):
                stop(ctypes.c_ulong(own), ctypes.py_object(TimeUp))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        return _inside(call)
    finally:
        with contextlib.suppress(TimeUp):
            done.set()
            watcher.join()
            stop(ctypes.c_ulong(own), None)  # one that was asked for and not yet raised


def _inside(call: Callable[[], Any]) -> Any:
    """The frame below which TimeUp may be raised: never in the code that stops the clock."""
    return call()


def _running(frame: FrameType | None) -> bool:
    if frame is None or frame.f_code is _inside.__code__:
        return False
    while frame is not None:
        if frame.f_code is _inside.__code__:
            return True
        frame = frame.f_back
    return False


def line_of(traceback: TracebackType | None, own: str = "") -> str:
    """The innermost line of the learner's own code in a traceback: "line 3: x = y / 0", or "".

    Args:
        traceback: where an exception passed.
        own: a folder whose files are not the learner's either (the lab's checks).
    """
    found = ""
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        if _is_learners(name, own):
            text = linecache.getline(name, traceback.tb_lineno).strip()
            found = f"line {traceback.tb_lineno}: {text}" if text else f"line {traceback.tb_lineno}"
        traceback = traceback.tb_next
    return found


def _is_learners(name: str, own: str) -> bool:
    path = Path(name)
    if (own and name == own) or path.parent == Path(__file__).parent or name.startswith("<frozen"):
        return False
    libraries = [sysconfig.get_path(kind) for kind in ("stdlib", "purelib", "platlib")]
    return not any(path.is_relative_to(library) for library in libraries)


def arguments_kept(call: Callable, args: tuple, kwargs: dict) -> tuple[Any, str]:
    """Call with copies of the arguments; returns the result and the name of one that was changed."""
    try:
        given = copy.deepcopy((args, kwargs))
    except Exception:  # a model, a generator: handed over as it is
        return call(*args, **kwargs), ""
    got = call(*given[0], **given[1])
    names = [f"argument {i + 1}" for i in range(len(args))] + [f"argument {k!r}" for k in kwargs]
    pairs = zip([*given[0], *given[1].values()], [*args, *kwargs.values()], strict=True)
    return got, next((n for n, (a, b) in zip(names, pairs, strict=True) if not same(a, b)), "")


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal, arrays element by element and NaN with NaN."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        if type(a) is not type(b) or a.shape != b.shape or a.dtype != b.dtype:
            return False
        return np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple) and type(a) is type(b):
        return len(a) == len(b) and all(map(same, a, b))
    if type(a).__eq__ is object.__eq__:
        return True  # an object that cannot be compared: a copy is never the same one
    try:
        return bool(a == b) or (a != a and b != b)
    except Exception:
        return True  # nor can one whose comparison is no plain yes or no


def shown(value: Any) -> str:
    """A value in a few characters, whatever it is; one that cannot be printed is named by its type."""
    try:
        with np.printoptions(precision=4, threshold=64, edgeitems=2, linewidth=100):
            text = repr(value) if isinstance(value, np.ndarray | np.generic) else _REPR.repr(value)
    except Exception:
        text = f"<{type(value).__name__} that cannot be printed>"
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 200
_REPR.maxlist = _REPR.maxtuple = _REPR.maxdict = _REPR.maxset = 12
