"""Notebook 16: its own functions against the packages' and the helpers', and what was recorded."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from helpers import phrases, results, seq2seq
from tests.cells import namespace

keras = pytest.importorskip("keras")
sacrebleu = pytest.importorskip("sacrebleu")


@pytest.fixture(scope="module")
def nb():
    return namespace("16")


def test_bleu_by_hand_is_the_package_s(nb):
    rng, words = (
        np.random.default_rng(0),
        ["ein", "kleiner", "Hund", "läuft", ",", "schnell", "durch", "das", "Gras", "."],
    )
    for _ in range(30):
        found, references = (
            [" ".join(rng.choice(words, rng.integers(6, 14))) for _ in range(40)] for _ in range(2)
        )
        expected = sacrebleu.corpus_bleu(found, [references], smooth_method="none").score
        assert nb.bleu(found, references) == pytest.approx(expected)
    assert nb.bleu(["short"], ["a long reference of words"]) == 0.0


def test_a_short_text_is_punished_as_in_the_package(nb):
    found, references = ["ein kleiner Hund läuft"], ["ein kleiner Hund läuft durch das Gras"]
    assert nb.bleu(found, references) == pytest.approx(
        sacrebleu.corpus_bleu(found, [references]).score
    )
    assert nb.bleu(found, references) < nb.bleu(references, references) == pytest.approx(100)


def test_the_word_table_finds_which_word_goes_with_which(nb):
    pairs = {"red": "rot", "blue": "blau", "house": "Haus", "car": "Auto", "the": "das"}
    rows = [
        (f"the {a} {b}", f"das {pairs[a]} {pairs[b]}")
        for a, b in itertools.product(("red", "blue"), ("house", "car"))
    ]
    table = nb.word_table(pd.DataFrame(rows, columns=["source", "target"]), rounds=30)
    assert table == pairs
    assert nb.word_for_word(table, ["Red car, 12 trees"]) == ["rot Auto, 12 trees"]


def test_the_nearest_phrase_is_found(nb):
    train = pd.DataFrame(
        {"source": ["red house", "12 kilometers"], "target": ["rotes Haus", "12 km"]}
    )
    assert nb.most_alike(train, ["13 kilometers", "red houses"]) == ["12 km", "rotes Haus"]


def test_digits_stay_alone_only_where_that_is_asked(nb):
    frame = pd.DataFrame({"source": ["in 1987"] * 50, "target": ["1987"] * 50})
    alone, together = (nb.tokenizer(frame, 300, digits) for digits in (False, True))
    assert len(alone.encode("1987")) == 4 and len(together.encode("1987")) == 1
    assert alone.decode(alone.encode("am 1. März")) == "am 1. März"


def test_one_beam_is_greedy_and_more_find_the_best(nb):
    greedy = nb.beam_search(nb.after, 1, 4)
    assert [words for words, _ in greedy] == [("ein", "kleiner", "Mann", "<end>")]
    words, score = nb.beam_search(nb.after, 9, 4)[0]
    assert words == ("der", "Hund", "<end>") and np.exp(score) == pytest.approx(0.36)


def test_search_by_hand_is_the_helper_s(nb):
    keras.utils.set_random_seed(3)
    model = seq2seq.Seq2Seq(
        {"vocab_size": 12, "embed_dim": 16, "num_heads": 2, "num_layers": 1, "dropout": 0.0}
    )
    rng = np.random.default_rng(0)
    model.set_weights([w + rng.normal(0, 0.3, w.shape) for w in model.get_weights()])
    sources = [rng.integers(3, 12, 5).tolist() for _ in range(4)]
    # so long that none is cut
    fast = seq2seq.translate(model, sources, 30, beams=2, length_penalty=0.0)
    for tokens, found in zip(sources, fast, strict=True):
        by_hand = nb.beam_search(nb.after_tokens(model, tokens), 2, 29, seq2seq.END)[0][0]
        if by_hand[-1] == seq2seq.END:
            assert [token for token in by_hand if token > seq2seq.END] == found


def test_errors_are_sorted_by_the_first_kind_that_fits(nb):
    kinds = [
        ("14. März", "14. März", "right"),
        ("14.März", "14. März", "form: spaces, marks or capitals"),
        ("13. März", "14. März", "a wrong number"),
        ("14. Mai", "14. März", "a wrong name or word"),
        ("14. März und Mai", "14. März", "left out or added"),
    ]
    for found, reference, kind in kinds:
        assert nb.kind_of_error(found, reference) == kind


def test_days_and_months_are_read_from_the_texts(nb):
    frame = pd.DataFrame({"source": ["Monday, May 4, 1998", "Sep 12, 2001", "3 kg"]})
    assert nb.days_and_months(frame) == {("May", "4"), ("Sep", "12")}


def test_recorded_results_meet_what_is_promised():
    found = phrases.recorded()
    systems = found["systems"]
    best = max(row["bleu"] for row in systems.values())
    assert best >= 31 and best > systems["word for word"]["bleu_high"] + 10
    chosen = max(systems["5 minutes"]["validation"].items(), key=lambda each: each[1])[0]
    assert int(chosen.split()[0]) == systems["5 minutes"]["beams"], "validation chose"
    assert "case:mixed" in found["signature"] and "tok:13a" in found["signature"]
    for row in systems.values():
        for name in ("exact", "bleu", "chrf"):
            assert row[f"{name}_low"] <= row[name] + 0.5 and row[name] - 0.5 <= row[f"{name}_high"]
    assert results.recall("16.phrases_exact").value >= 0.9
