"""TensorFlow's profiler: what was recorded is what the table says."""

from __future__ import annotations

import time

import pytest
import tensorflow as tf

from helpers import traces


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Three spans of known order and length, one inside another, and a pipeline in Python."""
    folder = tmp_path_factory.mktemp("trace")
    slow = tf.data.Dataset.range(3).map(lambda n: tf.py_function(lambda m: m + 1, [n], tf.int64))
    with traces.recording(folder):
        with traces.span("first"):
            time.sleep(0.05)
            with traces.span("inside"):
                time.sleep(0.02)
        with traces.span("second"):
            list(slow)
    return folder, traces.read(folder)


def test_spans_are_there_in_their_order_and_length(recorded):
    _, table = recorded
    assert list(table.columns) == ["thread", "name", "start", "duration"]
    spans = table[table["name"].isin(["first", "inside", "second"])].set_index("name")
    assert list(spans.index) == ["first", "inside", "second"]
    assert spans.loc["first", "duration"] >= 70 and spans.loc["inside", "duration"] >= 20
    assert spans.loc["inside", "duration"] < spans.loc["first", "duration"]
    assert spans.loc["inside", "start"] >= spans.loc["first", "start"] + 50
    assert spans["thread"].nunique() == 1
    assert table["start"].min() == 0 and table["start"].is_monotonic_increasing


def test_what_other_threads_did_is_there_too(recorded):
    _, table = recorded
    elsewhere = table[table["thread"] != table.loc[table["name"] == "first", "thread"].iloc[0]]
    assert elsewhere["name"].str.contains("PyFunc").sum() >= 3


def test_the_newest_recording_counts(tmp_path):
    for name in ("old", "new"):
        with traces.recording(tmp_path, level=1), traces.span(name):
            pass
        time.sleep(1.1)  # a recording's folder is named by the second
    names = set(traces.read(tmp_path)["name"])
    assert "new" in names and "old" not in names


def test_a_failing_block_ends_the_recording(tmp_path):
    with pytest.raises(ZeroDivisionError), traces.recording(tmp_path / "a"):
        1 / 0  # noqa: B018
    with traces.recording(tmp_path / "b"), traces.span("works again"):
        pass
    assert "works again" in set(traces.read(tmp_path / "b")["name"])


def test_no_recording_and_wrong_levels_are_told(tmp_path):
    with pytest.raises(ValueError, match="no recording"):
        traces.read(tmp_path)
    with pytest.raises(ValueError, match="level is 4"), traces.recording(tmp_path, level=4):
        pass


def test_where_nothing_can_read_it_it_says_what_to_install(recorded, monkeypatch):
    folder, _ = recorded
    monkeypatch.setattr(traces, "MESSAGES", "no.such.module")
    with pytest.raises(ImportError, match="pip install xprof"):
        traces.read(folder)
