"""Notebook 17: its own functions against the packages', its model, and what was recorded."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers import summaries
from tests.cells import namespace

keras = pytest.importorskip("keras")
ops = keras.ops


@pytest.fixture(scope="module")
def nb():
    return namespace("17")


@pytest.fixture(scope="module")
def model(nb):
    keras.utils.set_random_seed(1)
    model = nb.Writer(40, width=16, num_heads=2, dropout=0.0)
    model((ops.ones((1, 6), "int32"), ops.ones((1, 5), "int32")))
    return model


def numbers(shape, seed=0):
    return np.random.default_rng(seed).integers(4, 40, shape).astype("int32")


def frame(*documents):
    return pd.DataFrame({"document": documents, "name": ["p.f"] * len(documents)})


def test_rouge_l_by_hand_is_the_package_s(nb):
    rng, words = np.random.default_rng(0), ["return", "the", "size", "of", "graphs", "tests"]
    for _ in range(50):
        a, b = (" ".join(rng.choice(words, rng.integers(1, 9))) for _ in range(2))
        package = summaries.rouge([a], [b])["rougeL"][0]
        assert nb.rouge_l(a, b) == pytest.approx(package)
    assert nb.rouge_l("", "a word") == 0.0


def test_textrank_takes_the_sentence_that_shares_most(nb):
    text = "Lunch is at noon. Graphs have nodes and edges. Nodes of graphs are numbered."
    text += " Edges of graphs tie nodes together."
    assert nb.textrank(frame(text))[0] != "Lunch is at noon."
    assert nb.textrank(frame("Only one sentence here.")) == ["Only one sentence here."]


def test_the_picker_learns_which_sentence(nb):
    rng = np.random.default_rng(0)
    rows = []
    for i in range(60):
        parts = [f"It has number {i} and some noise.", f"We propose method {i} here.",
                 f"There is more noise {i} below."]  # fmt: skip
        order = rng.permutation(3)
        rows.append((" ".join(parts[j] for j in order), (f"We propose method {i}.",), "p.f"))
    data = pd.DataFrame(rows, columns=["document", "summaries", "name"])
    picker = nb.Picker(data.head(40), c=1.0)
    assert all("propose" in found for found in picker(data.tail(20)))


def test_log_probabilities_sum_to_one(model):
    logs = model((numbers((3, 6)), numbers((3, 5), 1)))
    total = ops.convert_to_numpy(ops.sum(ops.exp(logs), axis=-1))
    assert np.allclose(total, 1, atol=1e-4)


def test_a_summary_never_sees_its_future(model):
    source, target = numbers((2, 6)), numbers((2, 5), 1)
    before = ops.convert_to_numpy(model((source, target)))
    target[:, 3:] = 7
    after = ops.convert_to_numpy(model((source, target)))
    assert np.allclose(before[:, :3], after[:, :3], atol=1e-5)
    assert not np.allclose(before[:, 3:], after[:, 3:], atol=1e-3)


def test_padding_never_changes_a_result(model):
    source, target = numbers((2, 6)), numbers((2, 5), 1)
    padded = np.concatenate([source, np.zeros((2, 9), "int32")], axis=1)
    short, long = (ops.convert_to_numpy(model((s, target))) for s in (source, padded))
    assert np.allclose(short, long, atol=1e-4)


def test_copying_reaches_words_that_writing_does_not(nb, model):
    copier = model.copier
    source, read, y = (
        numbers((1, 6)),
        np.ones((1, 6, 16), "float32"),
        np.ones((1, 1, 16), "float32"),
    )
    logits = np.full((1, 1, 40), -50.0, "float32")
    logits[..., 5] = 0.0
    logs = ops.convert_to_numpy(copier(source, read, y, logits))[0, 0]
    gate = float(ops.convert_to_numpy(copier.gate(y))[0, 0, 0])
    word = int(source[0, 0])
    times = int((source == word).sum())
    expected = (1 - gate) * times / 6 + gate * (word == 5)
    assert np.exp(logs[word]) == pytest.approx(expected, abs=1e-4)


def test_following_is_the_row_of_the_whole(model):
    source, target = numbers((2, 6)), numbers((2, 5), 1)
    whole = ops.convert_to_numpy(model((source, target)))
    one = model.following(source, model.encode(source), target, ops.convert_to_tensor(2))
    assert np.allclose(ops.convert_to_numpy(one), whole[:, 2], atol=1e-5)


def test_recorded_results_beat_lead():
    found = summaries.recorded()
    assert found["scitldr"]["table"]["classifier"]["from"] > 0
    assert found["dialogsum"]["table"]["classifier"]["from"] > 0
    assert len(found["scitldr"]["seeds"]) == 3 and found["scitldr"]["table"]["writer"]["from"] > 0
