"""What TensorFlow's profiler wrote down, as a table: which thread did what, from when, for how long.

    with traces.recording(folder):
        with traces.span("wait for input"):
            batch = next(batches)
    traces.read(folder)                 # a row an event

TensorBoard shows the same file in its tab Profile, where `xprof` is installed (`make profile`).
"""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MESSAGES = "tensorflow.tsl.profiler.protobuf.xplane_pb2"  # what the file is made of
HOST = "/host:CPU"


@contextlib.contextmanager
def recording(folder: str | os.PathLike, level: int = 2) -> Iterator[None]:
    """Profile what runs in the block into a folder, a file a recording.

    Args:
        folder: becomes a run of TensorBoard.
        level: 1 writes the spans down that you name, 2 TensorFlow's operations too, 3 all details.

    Raises:
        ValueError: another level.
        tf.errors.AlreadyExistsError: a recording is at work in this process already.
    """
    if level not in (1, 2, 3):
        raise ValueError(f"level is {level!r}; it must be 1, 2 or 3")
    import tensorflow as tf

    options = tf.profiler.experimental.ProfilerOptions(host_tracer_level=level)
    tf.profiler.experimental.start(str(folder), options=options)
    try:
        yield
    finally:
        tf.profiler.experimental.stop()


def span(name: str, **about: Any) -> Any:
    """A stretch of the program under a name of yours, for `with`."""
    import tensorflow as tf

    return tf.profiler.experimental.Trace(name, **about)


def read(folder: str | os.PathLike) -> Any:
    """The newest recording below a folder: a DataFrame, a row an event on the processor.

    Columns: `thread` (its name), `name`, `start` and `duration` (milliseconds, from the first
    event on), in order of `start`.

    Raises:
        ValueError: there is no recording, or it has no event.
        ImportError: this TensorFlow has moved what reads the format.
    """
    import pandas as pd

    found = sorted(Path(folder).rglob("*.xplane.pb"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise ValueError(f"no recording (*.xplane.pb) below {Path(folder).name!r}")
    space = _messages().XSpace()
    space.ParseFromString(found[-1].read_bytes())
    rows = [
        (line.name or str(line.id), plane.event_metadata[event.metadata_id].name,
         line.timestamp_ns / 1e6 + event.offset_ps / 1e9, event.duration_ps / 1e9)
        for plane in space.planes if plane.name == HOST
        for line in plane.lines
        for event in line.events
    ]  # fmt: skip
    if not rows:
        raise ValueError(f"the recording below {Path(folder).name!r} has no event")
    table = pd.DataFrame(rows, columns=["thread", "name", "start", "duration"])
    table["start"] -= table["start"].min()
    return table.sort_values("start", ignore_index=True)


def _messages() -> Any:
    try:
        return importlib.import_module(MESSAGES)
    except ImportError as error:
        raise ImportError(
            "this TensorFlow keeps the format of its recordings elsewhere; TensorBoard's tab "
            "Profile reads them (make profile, or: pip install xprof)"
        ) from error
