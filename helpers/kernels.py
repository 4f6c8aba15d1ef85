"""A second Jupyter kernel, started from the first: to restart it, to kill it, to debug in it.

    with kernels.Kernel() as other:
        other.run("x = 2")
        other.restart()
        print(other.run("x"))           # NameError: name 'x' is not defined

It is a process of its own, of this Python, as the one behind a notebook is.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from helpers.runtime import without as without  # what a notebook imports beside kernels

SECONDS = 60.0  # to wait for a kernel that starts, or for a cell


@dataclass(frozen=True)
class Reply:
    """What came back from a cell.

    Attributes:
        text: all that it printed, and the value of its last line.
        error: "NameError: name 'x' is not defined", or "".
        count: the number in the brackets beside the cell.
    """

    text: str
    error: str
    count: int

    def __str__(self) -> str:
        return "\n".join(part for part in (self.text.rstrip(), self.error) if part)


@dataclass(frozen=True)
class Stop:
    """Where a debugger stopped: the line, and some names with their values as text."""

    line: int
    values: dict[str, str]
    text: str  # what the cell printed, before the stop and once it was let go
    error: str = ""  # how it failed after the stop, if it did


class Died(RuntimeError):
    """The kernel's process is no longer there."""


class _Refused(RuntimeError):
    """The debugger did not do what it was asked for."""


class _Heard:
    """What has been heard of one cell, message by message."""

    def __init__(self, number: str) -> None:
        self.number, self.text, self.error, self.count, self.ended = number, "", "", 0, False

    def take(self, message: dict) -> None:
        """Add what a message says, if it is about this cell."""
        if message["parent_header"].get("msg_id") != self.number:
            return
        kind, content = message["msg_type"], message["content"]
        self.count = content.get("execution_count") or self.count
        if kind == "stream":
            self.text += content["text"]
        elif kind in ("execute_result", "display_data"):
            self.text += content["data"].get("text/plain", "") + "\n"
        elif kind == "error":
            self.error = f"{content['ename']}: {content['evalue']}"
        elif kind == "status":
            self.ended = content["execution_state"] == "idle"

    def reply(self) -> Reply:
        """All of it."""
        return Reply(self.text, self.error, self.count)


class Kernel:
    """A kernel of this Python, idle until it is given code.

    Args:
        environment: variables that it has besides those of this process.

    Attributes:
        pid: the number of its process.
    """

    def __init__(self, **environment: str) -> None:
        from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
        from jupyter_client.manager import KernelManager

        class ThisPython(KernelSpecManager):
            """This very Python, whatever kernels are installed under which names."""

            def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
                argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
                return KernelSpec(argv=argv, display_name=kernel_name, language="python")

        self._manager = KernelManager(kernel_spec_manager=ThisPython())
        self._closed = False
        self._environment = {**os.environ, "PYDEVD_DISABLE_FILE_VALIDATION": "1", **environment}
        self._client: Any = None
        self._start()

    def _start(self) -> None:
        # What it logs would show up in the notebook; what its cells print comes by messages.
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._manager.start_kernel(env=self._environment, **quiet)
        self._connect()

    def _connect(self) -> None:
        if self._client is not None:
            self._client.stop_channels()
        self._client = self._manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=SECONDS)
        ask = {"pid": "__import__('os').getpid()"}
        reply = self._client.execute(
            "", store_history=False, user_expressions=ask, reply=True, timeout=SECONDS
        )
        self.pid = int(reply["content"]["user_expressions"]["pid"]["data"]["text/plain"])

    def run(
        self, code: str, *, seconds: float = SECONDS, until: Callable[[str], bool] | None = None
    ) -> Reply:
        """Run a cell and wait for its end.

        Args:
            code: as it would stand in the cell; magics work.
            seconds: to wait at most.
            until: given all the text so far, says whether to stop waiting; the cell goes on.

        Raises:
            Died: the kernel ended meanwhile, or before.
            TimeoutError: the cell takes longer.
            ValueError: it was closed.
        """
        self._alive()
        heard = _Heard(self._client.execute(code))
        for message in self._messages(seconds):
            heard.take(message)
            if heard.ended or (until is not None and until(heard.text)):
                break
        return heard.reply()

    def _messages(self, seconds: float) -> Iterator[dict]:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                yield self._client.get_iopub_msg(timeout=0.5)
            except queue.Empty:
                self._alive()
        raise TimeoutError(f"the cell did not end in {seconds:g} s")

    def _open(self) -> None:
        if self._closed:
            raise ValueError("this kernel is closed: start another with kernels.Kernel()")

    def _alive(self) -> None:
        self._open()
        if not self._manager.is_alive():
            raise Died("the kernel has died; restart() gives another, without its variables")

    def restart(self) -> None:
        """What the button with the round arrow does: another process, and nothing is left.

        Raises:
            ValueError: it was closed.
        """
        self._open()
        if self._manager.is_alive():
            self._manager.restart_kernel(now=True)
            self._connect()
        else:
            self._start()

    def kill(self) -> None:
        """End its process at once (SIGKILL, where there are signals), with no chance to save.

        Raises:
            Died: it had ended already.
            ValueError: it was closed.
        """
        import psutil

        self._alive()
        psutil.Process(self.pid).kill()
        end = time.monotonic() + SECONDS
        while self._manager.is_alive() and time.monotonic() < end:
            time.sleep(0.02)

    def close(self) -> None:
        """End it; closing twice does no harm."""
        self._closed = True
        if self._manager.has_kernel:
            self._client.stop_channels()
            self._manager.shutdown_kernel(now=True)

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The debugger: the messages that JupyterLab sends when you click beside a line.

    @contextmanager
    def _attached(self) -> Iterator[None]:
        self._debug("initialize", clientID="course", adapterID="", pathFormat="path",
                    linesStartAt1=True, columnsStartAt1=True)  # fmt: skip
        self._debug("attach")
        try:
            yield
        finally:
            self._debug("disconnect", restart=False, terminateDebuggee=False)

    def _debug(self, command: str, **arguments: Any) -> dict:
        content = {"type": "request", "command": command, "seq": 1, "arguments": arguments}
        message = self._client.session.msg("debug_request", content)
        self._client.control_channel.send(message)
        while True:
            reply = self._client.get_control_msg(timeout=SECONDS)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                break
        answer = reply["content"]
        if not answer.get("success", True):
            raise _Refused(f"the debugger refused {command}: {answer.get('message')}")
        return answer.get("body") or {}

    def stop_at(self, code: str, line: int, names: Sequence[str]) -> Stop:
        """Run a cell with a breakpoint, look at some names where it stops, and let it go on.

        Args:
            code: the cell.
            line: where to stop, counted from 1.
            names: expressions to work out there.

        Raises:
            ValueError: the cell has no such line, ends before it, or an expression cannot be
                worked out there (the cell has run to its end then).
            Died: the kernel ended meanwhile, or before.
            TimeoutError: the cell takes longer than a minute.
        """
        if not 1 <= line <= len(code.splitlines()):
            raise ValueError(f"the cell has lines 1 to {len(code.splitlines())}, not {line}")
        self._alive()
        values, failed = {}, ""
        with self._attached():
            path = self._debug("dumpCell", code=code)["sourcePath"]
            self._debug("setBreakpoints", source={"path": path}, sourceModified=False,
                        breakpoints=[{"line": line}])  # fmt: skip
            self._debug("configurationDone")
            heard = _Heard(self._client.execute(code))
            thread = self._stopped(heard, line)
            frames = self._debug("stackTrace", threadId=thread, startFrame=0, levels=1)
            frame = frames["stackFrames"][0]
            for name in names:
                try:
                    values[name] = self._debug("evaluate", expression=name, frameId=frame["id"],
                                               context="repl")["result"]  # fmt: skip
                except _Refused as problem:
                    failed = failed or f"{name!r} cannot be worked out at line {line}: {problem}"
            # Without breakpoints, so that a line in a loop does not stop it again.
            self._debug("setBreakpoints", source={"path": path}, sourceModified=False,
                        breakpoints=[])  # fmt: skip
            self._debug("continue", threadId=thread)
            for message in self._messages(SECONDS):
                heard.take(message)
                if heard.ended:
                    break
        if failed:
            raise ValueError(failed)
        return Stop(frame["line"], values, heard.text, heard.error)

    def _stopped(self, heard: _Heard, line: int) -> int:
        """The thread that stopped."""
        for message in self._messages(SECONDS):
            heard.take(message)
            content = message["content"]
            if message["msg_type"] == "debug_event" and content.get("event") == "stopped":
                return content["body"]["threadId"]
            if heard.ended:
                how = f"failed ({heard.error})" if heard.error else "ended"
                raise ValueError(f"the cell {how} without coming to line {line}")
        raise AssertionError("unreachable: _messages raises TimeoutError")
