"""The notebook's loop in two real processes: equal to one, killed and taken up; its wrong versions."""

from __future__ import annotations

import json
import os
import re

import nbformat
import numpy as np
import pytest

from helpers import cluster, results
from tests.cells import namespace, texts
from tools import notebooks

STEPS = 12
BATCH = 8


@pytest.fixture(scope="module")
def nb():
    return namespace("22")


@pytest.fixture(scope="module")
def book():
    return nbformat.read(notebooks.find("22")[0], as_version=4)


@pytest.fixture(scope="module")
def text():
    return texts("22")


@pytest.fixture(scope="module")
def given(nb):
    tokens = nb.tokens_of_topics()[:20_000]
    return {"tokens": tokens, "seed": 3, "hidden": 16, "num_steps": STEPS, "batch_size": BATCH}


def loop(text, *last):
    names = ("language_model", "batch", "losses_of", "prepare", "compiled_step", *last)
    return [text[name] for name in names]


def weights(found):
    return [found[f"w{i}"] for i in range(5)]


@pytest.fixture(scope="module")
def one(nb, given):
    import tensorflow as tf

    processor = tf.distribute.OneDeviceStrategy("CPU:0")
    return lambda **more: nb.train(
        processor, **{"rank": 0, "num_workers": 1, "divide_by": BATCH, **given, **more}
    )


# By hand


@pytest.mark.parametrize("workers, length", [(1, 5), (2, 7), (3, 9), (5, 3), (8, 64)])
def test_a_ring_gives_every_worker_the_sum(nb, workers, length):
    vectors = np.random.default_rng(workers).normal(size=(workers, length))
    given = vectors.copy()
    sums, sent, stages = nb.ring(vectors)
    np.testing.assert_allclose(sums, np.tile(given.sum(axis=0), (workers, 1)), atol=1e-12)
    np.testing.assert_array_equal(vectors, given)
    assert len(stages) == 2 * (workers - 1) + 1
    assert sent.sum() == 2 * (workers - 1) * length, "all chunks but one, twice"
    if length % workers == 0:
        np.testing.assert_allclose(sent, nb.formula(workers, length))


def test_half_way_each_worker_holds_one_chunk_that_is_complete(nb):
    _, _, stages = nb.ring(np.ones((4, 4)))
    counts = np.array([[chunk[0] for chunk in own] for own in stages[3]])
    assert (np.sort(counts, axis=1)[:, -1] == 4).all() and (counts == 4).sum() == 4


def test_a_batch_follows_from_seed_and_step_alone(nb, given):
    tokens = given["tokens"]
    x, y = nb.batch(tokens, 1, 7, 32)
    again = nb.batch(tokens, 1, 7, 32)
    np.testing.assert_array_equal(x, again[0])
    assert x.shape == (32, 16) and y.shape == (32,)
    assert not np.array_equal(x, nb.batch(tokens, 1, 8, 32)[0])
    assert not np.array_equal(x, nb.batch(tokens, 2, 7, 32)[0])
    whole = tokens[:17]
    x, y = nb.batch(whole, 0, 0, 4)
    assert (x == whole[:16]).all() and (y == whole[16]).all(), "the byte after the sixteen"


def test_clipping_shortens_what_is_too_long_and_only_that(nb):
    found = [np.array([3.0, 0.0]), np.array([[4.0]])]
    short = nb.clipped(found, 1.0)
    assert np.sqrt(sum(np.sum(g**2) for g in short)) == pytest.approx(1.0)
    np.testing.assert_allclose(short[0] / 3.0, [0.2, 0.0])
    for a, b in zip(nb.clipped(found, 6.0), found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_amdahl(nb):
    sizes, alone = [1, 16], np.array([1.0, 16.0])
    np.testing.assert_allclose(nb.speedup(16, sizes, alone, 0.0), nb.LARGEST)
    slow = nb.speedup(16, sizes, alone, 8.0)
    assert slow[0] == 1.0 and slow.max() < 16 / 8
    assert slow[1] == pytest.approx(16 / (8 + 8)), "half of the batch, and one message"
    # A step that takes 4 ms however small its batch is: no part takes less.
    flat = nb.speedup(16, sizes, np.array([4.0, 16.0]), 0.0)
    assert flat[-1] == pytest.approx(4.0)


def test_the_error_of_fit_is_cut_at_words(nb):
    """A long message keeps its beginning and its end, and no template of TensorFlow's."""

    import keras

    def fit(self, *args, **kwargs):
        raise ValueError("{{function_node x}} begins here " + "word " * 90 + "and ends there")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.Model, "fit", fit)
        patch.setattr(keras.Sequential, "fit", fit)
        import tensorflow as tf

        said = nb.try_fit(tf.distribute.OneDeviceStrategy("CPU:0"), np.arange(99), 4)
    (message,) = said.values()
    assert message.startswith("ValueError: begins here word") and message.endswith("and ends there")
    assert " ... " in message and len(message) < 200


# In two processes


@pytest.mark.slow
def test_two_processes_compute_what_one_does_and_the_wrong_ones_do_not(text, given, one, tmp_path):
    """One pool for all of it: equality, both traps, a SIGKILL; then a second pool that goes on."""
    settings = {**given, "divide_by": BATCH}
    right = one()
    with cluster.Workers(2) as workers:
        two = workers.run(*loop(text, "train"), **settings)
        assert np.abs(two[0]["losses"] - right["losses"]).max() < 1e-4
        assert len(two[0]["losses"]) == STEPS and two[0]["losses"][-1] < two[0]["losses"][0]
        for a, b, c in zip(*map(weights, two), weights(right), strict=True):
            np.testing.assert_array_equal(a, b)
            np.testing.assert_allclose(a, c, atol=1e-4)
        own_mean = workers.run(*loop(text, "train"), **{**settings, "divide_by": BATCH // 2})[0]
        assert np.abs(own_mean["losses"] - one(divide_by=BATCH // 2)["losses"]).max() < 1e-4
        assert np.abs(own_mean["losses"] - right["losses"]).max() > 1e-2
        same = workers.run(*loop(text, "train", "read_the_same"), **settings)[0]
        half = one(num_workers=2, divide_by=BATCH // 2)
        assert np.abs(same["losses"] - half["losses"]).max() < 1e-4
        assert np.abs(same["losses"] - right["losses"]).max() > 1e-2

        saving = loop(text, "tell", "train_saving")
        undisturbed = workers.run(*loop(text, "train"), **{**settings, "num_steps": 40})[0]
        long = {**given, "num_steps": 40, "place": str(tmp_path)}
        workers.start(*saving, wait_at=25, **long)
        workers.wait_for_line("step 25", rank=1)
        workers.kill(1)
        with pytest.raises(cluster.WorkerFailed, match="worker 1 was killed by signal 9"):
            workers.wait()
    with cluster.Workers(2) as again:
        resumed = again.run(*saving, **long)
    assert all(found["first"] == 20 for found in resumed), "it went on, from one checkpoint"
    for found in resumed:
        for a, b in zip(weights(undisturbed), weights(found), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_sharded_weights_learn_the_same_and_lie_where_the_text_says(text, given):
    import backends

    backends.need("jax")
    names = ("language_model", "batch", "distribution_of", "sharded")
    environment = {
        "KERAS_BACKEND": "jax",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=4",
    }
    found = {}
    with cluster.Workers(1, connect=False, environment=environment) as workers:
        for kind in ("one device", "data", "model"):
            call = [text[name] for name in names]
            (found[kind],) = workers.run(*call, kind=kind, **given)
    for kind in ("data", "model"):
        assert np.abs(found[kind]["losses"] - found["one device"]["losses"]).max() < 1e-4
    assert {tuple(piece[1:]) for piece in found["data"]["hidden"]} == {(0, 512, 0, 16)}
    assert len(found["data"]["hidden"]) == 4
    columns = sorted(tuple(piece[3:]) for piece in found["model"]["hidden"])
    assert columns == [(0, 4), (4, 8), (8, 12), (12, 16)]
    rows = sorted(tuple(piece[1:3]) for piece in found["model"]["logits"])
    assert rows == [(0, 4), (4, 8), (8, 12), (12, 16)]


# What it says


def test_the_recorded_figures_meet_the_bars():
    table = json.loads(results.shipped().read_text("utf-8"))
    assert table["22.loss_difference"]["value"] < 1e-4
    assert table["22.resume_difference"]["value"] == 0
    assert table["22.sharded_loss_difference"]["value"] < 1e-4
    assert 0.95 < table["22.traffic_ratio"]["value"] < 1.5


def test_the_lines_quoted_from_the_slurm_script_are_in_it(book):
    script = (notebooks.ROOT / "slurm" / "train.sbatch").read_text("utf-8").splitlines()
    prose = "\n".join(cell.source for cell in book.cells if cell.cell_type == "markdown")
    quoted = re.findall(r"^#SBATCH .*$", prose, re.M)
    assert len(quoted) >= 4 and set(quoted) <= set(script)
    for name in re.findall(r"slurm/[\w.]+", prose):
        assert (notebooks.ROOT / name).is_file(), name


@pytest.mark.skipif(not hasattr(os, "fork"), reason="loopback is named lo or lo0")
def test_loopback_is_counted_or_said_to_be_unknown(nb, monkeypatch):
    import socket

    before = nb.loopback_bytes()
    if before is None:
        pytest.skip("this system does not tell")
    with socket.socket() as server, socket.socket() as client:
        server.bind((cluster.HOST, 0))
        server.listen()
        client.connect(server.getsockname())
        end, _ = server.accept()
        with end:
            for _ in range(40):
                client.sendall(bytes(25_000))
                left = 25_000
                while left:
                    left -= len(end.recv(left))
    assert nb.loopback_bytes() - before >= 1_000_000
    monkeypatch.setattr("psutil.net_io_counters", lambda pernic: {})
    assert nb.loopback_bytes() is None
