"""Notebook 17: its own functions against the packages', its model, and what was recorded."""

from __future__ import annotations

import os

import backends
import numpy as np
import pandas as pd
import pytest

from helpers import pairs, summaries
from tests.cells import namespace

keras = pytest.importorskip("keras")
ops = keras.ops
MIRROR = os.environ.get("COURSE_DATA", "")


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


# --- search with this model


@pytest.fixture(scope="module")
def coder():
    return summaries.Words(["a b c d e f g h i j k l m n o p q r s t u v w x y z"], 40, slots=10)


def by_hand(model, coder, source, length):
    """The likeliest word each time, from the whole model, one document, nothing kept."""
    target = np.zeros((1, length), "int32")
    target[0, 0] = coder.start
    for place in range(length - 2):
        logs = np.array(ops.convert_to_numpy(model((source, target)))[0, place])
        logs[[coder.pad, coder.start, coder.unknown]] = -np.inf
        target[0, place + 1] = logs.argmax()
        if target[0, place + 1] == coder.end:
            break
    return [int(i) for i in target[0] if i > coder.end]


@pytest.fixture(scope="module")
def sources_of_many_lengths():
    source = numbers((7, 9), 4)
    for row, length in enumerate((9, 3, 5, 1, 8, 2, 6)):
        source[row, length:] = 0
    return source


def test_a_beam_of_one_is_greedy_decoding_of_the_whole_model(model, coder, sources_of_many_lengths):
    assert len(coder) == 40
    found = summaries.search(model, sources_of_many_lengths, coder, 8, beams=1, batch_size=4)
    rows = sources_of_many_lengths[:, None]
    assert found == [by_hand(model, coder, row, 8) for row in rows]
    assert len({tuple(row) for row in found}) > 1, "they differ, so a mix-up would show"


@pytest.mark.parametrize("beams", [1, 3])
def test_batched_equals_one_by_one(model, coder, sources_of_many_lengths, beams):
    how = {"beams": beams, "length_penalty": 0.5}
    together = summaries.search(model, sources_of_many_lengths, coder, 8, batch_size=7, **how)
    alone = [
        summaries.search(model, row[None], coder, 8, batch_size=1, **how)[0]
        for row in sources_of_many_lengths
    ]
    assert together == alone


def test_search_does_not_see_padding(model, coder, sources_of_many_lengths):
    longer = np.pad(sources_of_many_lengths, ((0, 0), (0, 6)))
    short, long = (
        summaries.search(model, source, coder, 8, beams=2, batch_size=7)
        for source in (sources_of_many_lengths, longer)
    )
    assert short == long


def test_a_model_trained_further_is_searched_as_it_is_now(nb, coder):
    """A program compiled before must not keep the weights of then."""
    model = nb.Writer(40, width=16, num_heads=2, dropout=0.0)
    source = numbers((4, 6), 2)
    before = summaries.search(model, source, coder, 8, batch_size=4)
    for weight in model.trainable_weights:
        weight.assign(np.random.default_rng(3).normal(size=weight.shape))
    after = summaries.search(model, source, coder, 8, batch_size=4)
    assert after != before
    assert after == [by_hand(model, coder, row[None], 8) for row in source]


# --- one code on three backends


def log_probabilities(source, target):
    """What a writer with weights made from their names gives; run on each backend."""
    import keras
    import numpy as np

    from tests.cells import namespace

    model = namespace("17").Writer(40, width=16, num_heads=2, dropout=0.0)
    model((source, target))
    for number, weight in enumerate(model.weights):
        weight.assign(np.random.default_rng(number).normal(size=weight.shape) * 0.1)
    return {"logs": keras.ops.convert_to_numpy(model((source, target)))}


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_give_the_same(backend):
    given = {"source": numbers((3, 6)), "target": numbers((3, 5), 1)}
    here = log_probabilities(**given)["logs"]
    there = backends.run(backend, log_probabilities, **given)["logs"]
    assert np.abs(here - there).max() < 1e-4


# --- what was recorded


def test_recorded_results_beat_lead():
    found = summaries.recorded()
    assert found["scitldr"]["table"]["classifier"]["from"] > 0
    assert found["dialogsum"]["table"]["classifier"]["from"] > 0
    assert len(found["scitldr"]["seeds"]) == 3 and found["scitldr"]["table"]["writer"]["from"] > 0


def test_recorded_tables_have_the_rows_that_the_text_speaks_of():
    rows = {"lead", "lead, two sentences", "TextRank", "classifier", "best sentence there is"}
    found = summaries.recorded()
    assert set(found["scitldr"]["table"]) == rows | {"writer"}
    assert set(found["dialogsum"]["table"]) == rows
    for about in found.values():
        for row in about["table"].values():
            assert row["from"] <= row["above lead"] <= row["to"]
    seeds, writer = found["scitldr"]["seeds"], found["scitldr"]["table"]["writer"]
    assert np.mean(seeds) == pytest.approx(writer["rougeL"], abs=0.01)


@pytest.mark.real_data
@pytest.mark.skipif(not MIRROR, reason="COURSE_DATA is not set")
def test_the_real_abstracts_give_the_recorded_scores(nb, monkeypatch):
    """Lead and TextRank need no training: their rows are measured again."""
    monkeypatch.setenv("COURSE_DATA", MIRROR)
    test = pairs.scitldr("mirror").test
    table = summaries.recorded()["scitldr"]["table"]
    answers = {
        "lead": nb.lead(test),
        "lead, two sentences": nb.lead(test, 2),
        "TextRank": nb.textrank(test),
    }
    for name, found in answers.items():
        mean = summaries.rouge(found, test["summaries"]).mean()
        assert mean["rougeL"] == pytest.approx(table[name]["rougeL"], abs=0.01)
