"""TensorBoard as a server of this process: on loopback, with no child, closed when told to.

    with boards.Board(folder) as board:
        board.show()                    # a frame in the notebook; left out of recorded ones
        board.ask("/data/runs")         # what it serves, as its own page asks for it

It ends with the kernel at the latest. What it shows it reads from the log files alone.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import logging
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from helpers import runtime

RELOAD_SECONDS = 1
HEIGHT = 620  # of the frame, in pixels


class Board:
    """TensorBoard on a folder of logs.

    Args:
        folder: where the event files lie, in subfolders a run each.

    Attributes:
        url: its address, on this machine alone; "" once it is closed.

    Raises:
        ValueError: there is no such folder.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        if not Path(folder).is_dir():
            raise ValueError(f"no folder {str(folder)!r}: log something first, then open the board")
        from tensorboard import program

        servers = []

        class Server(program.WerkzeugServer):
            """The usual server, which tells where it is, so that it can be closed."""

            def __init__(self, *args: Any) -> None:
                super().__init__(*args)
                servers.append(self)

        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request
        board = program.TensorBoard(server_class=Server)
        board.configure(logdir=str(folder), host="127.0.0.1", port=0, load_fast="false",
                        reload_interval=RELOAD_SECONDS)  # fmt: skip
        with runtime.quiet_stderr():  # what the plugins say when they are loaded
            self.url = board.launch()
        self._server = servers[0]

    def ask(self, path: str, **query: str) -> Any:
        """What the server answers to a path ("/data/plugin/scalars/tags"): JSON, or else text.

        Raises:
            ValueError: the board is closed.
            urllib.error.HTTPError: it has no such thing.
        """
        if not self.url:
            raise ValueError("this board is closed: open another on the same folder")
        address = (
            self.url + path.lstrip("/") + ("?" + urllib.parse.urlencode(query) if query else "")
        )
        straight = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback
        with straight.open(address, timeout=20) as answer:
            body = answer.read()
        text = (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body).decode("utf-8")
        try:
            return json.loads(text)
        except ValueError:
            return text

    def wait_for(self, path: str, seconds: float = 30, at_least: int = 1, **query: str) -> Any:
        """`ask`, again and again until there is enough: the server reads in the background.

        Args:
            path: as for `ask`.
            seconds: to wait at most.
            at_least: the length that the answer must have.
            query: as for `ask`.

        Raises:
            TimeoutError: nothing came in time.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(urllib.error.HTTPError):
                found = self.ask(path, **query)
                if len(found) >= at_least:
                    return found
            time.sleep(0.1)
        few = "nothing" if at_least == 1 else f"fewer than {at_least} entries"
        raise TimeoutError(f"TensorBoard has {few} at {path!r} after {seconds:g} s")

    def show(self, height: int = HEIGHT) -> None:
        """The board in a frame, where the browser runs on this machine, or in Colab.

        A page that is not running could not fill the frame: recorded notebooks (COURSE_STILL) leave
        it out. On a JupyterHub, whose browser is elsewhere, it says which address to open.
        """
        if os.environ.get("COURSE_STILL"):
            return
        if "google.colab" in sys.modules:
            from google.colab import output

            output.serve_kernel_port_as_iframe(urllib.parse.urlsplit(self.url).port, height=height)
            return
        if hub := os.environ.get("JUPYTERHUB_SERVICE_PREFIX"):
            port = urllib.parse.urlsplit(self.url).port
            print(f"TensorBoard runs where this kernel does. On a JupyterHub that has "
                  f"jupyter-server-proxy, open {hub}proxy/{port}/ on the hub's address.")  # fmt: skip
            return
        from IPython.display import IFrame, display

        display(IFrame(self.url, width="100%", height=height))

    def close(self) -> None:
        """Stop the server; closing twice does no harm."""
        if self.url:
            self.url = ""
            self._server.shutdown()
            self._server.server_close()

    def __enter__(self) -> Board:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
