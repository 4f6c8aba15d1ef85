"""Notebook 10's own functions: against references written another way, and by their properties."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.cells import namespace

pytest.importorskip("keras")


@pytest.fixture(scope="module")
def nb():
    return namespace("10")


@pytest.fixture
def rng():
    return np.random.default_rng(10)


def nucleus(probabilities, top_p):
    """The tokens of the nucleus, one at a time and in exact sums."""
    kept, total = [], []
    for token in sorted(range(len(probabilities)), key=lambda t: -probabilities[t]):
        if math.fsum(total) >= top_p:
            break
        kept.append(token)
        total.append(probabilities[token])
    return sorted(kept)


@pytest.mark.parametrize("top_p", [0.01, 0.3, 0.9, 0.999, 1.0])
def test_the_nucleus_is_the_smallest_that_reaches_top_p(nb, rng, top_p):
    for _ in range(20):
        probabilities = rng.dirichlet(np.full(30, 0.3))
        found = nb.keep_top_p(probabilities, top_p)
        kept = nucleus(probabilities, top_p)
        assert np.flatnonzero(found).tolist() == kept
        assert np.allclose(found[kept], probabilities[kept] / probabilities[kept].sum())


def test_the_wrong_nucleus_misses_the_token_that_crosses(nb, rng):
    probabilities = rng.dirichlet(np.ones(30))
    wrong = np.count_nonzero(nb.keep_top_p_wrongly(probabilities, 0.8))
    assert wrong == len(nucleus(probabilities, 0.8)) - 1


@pytest.mark.parametrize("k", [1, 4, 30, 99])
def test_top_k_keeps_the_k_likeliest_and_their_proportions(nb, rng, k):
    probabilities = rng.dirichlet(np.ones(30))
    found = nb.keep_top_k(probabilities, k)
    kept = np.flatnonzero(found)
    assert len(kept) == min(k, 30) and math.isclose(found.sum(), 1)
    assert sorted(probabilities[kept]) == sorted(probabilities)[-len(kept) :]
    assert np.ptp(found[kept] / probabilities[kept]) < 1e-12


def test_top_k_keeps_k_of_equals(nb):
    assert np.count_nonzero(nb.keep_top_k(np.full(8, 1 / 8), 3)) == 3


def test_temperature_raises_probabilities_to_a_power(nb, rng):
    logits = rng.normal(size=20)
    plain, cold = nb.with_temperature(logits, 1.0), nb.with_temperature(logits, 0.25)
    assert np.allclose(cold, plain**4 / (plain**4).sum())
    assert np.allclose(nb.with_temperature(logits + 7, 0.25), cold), "only differences count"


def test_a_draw_falls_on_the_rung_at_its_height(nb):
    rungs = np.array([0.0, 0.25, 0.0, 0.5, 0.25, 0.0])
    heights = {0.0: 1, 0.24: 1, 0.25: 3, 0.74: 3, 0.75: 4, 1 - 1e-12: 4}
    assert {height: nb.draw(rungs, height) for height in heights} == heights


def test_the_penalty_lowers_each_seen_token_and_no_other(nb, rng):
    logits, seen = rng.normal(size=50), rng.random(50) < 0.5
    right, wrong = nb.penalise(logits, seen, 1.5), nb.penalise_wrongly(logits, seen, 1.5)
    assert (right[seen] < logits[seen]).all() and (right[~seen] == logits[~seen]).all()
    raised = wrong > logits
    assert raised.any() and (raised == (seen & (logits < 0))).all()
    assert (nb.penalise(logits, seen, 1.0) == logits).all()


@pytest.mark.parametrize(
    ("text", "n", "share"),
    [("abcdefgh", 3, 0), ("aaaaaaaa", 3, 5 / 6), ("abcabcabc", 3, 4 / 7), ("abab", 1, 0.5)],
)
def test_repeated_share_by_hand(nb, text, n, share):
    assert math.isclose(nb.repeated_share(text, n), share, abs_tol=1e-12)


def test_measure_counts_repetition_within_and_diversity_across(nb):
    nb.measure.__globals__["known"] = {"banana", "apple"}
    texts = ["banana apple", "banana apple"]
    found = nb.measure(texts, n=4)
    assert found == {"repetition": 0, "diversity": 0.5, "real words": 1}
    found = nb.measure(["aaaaaaaa", "an Apple plum"], n=4)
    assert found["real words"] == 1 / 3, "three words of four letters or more, one known"
    assert math.isclose(found["repetition"], (4 / 5 + 0) / 2)


def brute_force(text, corpus):
    """The longest match by trying all pieces."""
    text = text.encode()
    pieces = (text[a:b] for a in range(len(text)) for b in range(a + 1, len(text) + 1))
    return max((len(piece) for piece in pieces if piece in corpus), default=0)


def test_longest_match_finds_what_trying_all_pieces_finds(nb, rng):
    def letters(length):
        return "".join(rng.choice(list("abä"), size=length))

    for _ in range(50):
        text, corpus = letters(12), letters(30).encode()
        assert nb.longest_match(text, corpus) == brute_force(text, corpus)
    assert nb.longest_match("xyz", b"abc") == 0
    assert nb.longest_match("abc", b"zabcz") == 3, "a match that ends with the text"


@pytest.mark.parametrize("length", [1, 2, 17])
def test_steps_with_the_cache_give_what_all_at_once_gives(nb, rng, length):
    x, matrices = rng.normal(size=(length, 12)), rng.normal(size=(3, 12, 12))
    cache = nb.empty_cache(20, 12)
    steps = [nb.attention_step(row, cache, i, *matrices) for i, row in enumerate(x)]
    whole, keys = nb.attention_anew(x, *matrices)
    assert np.allclose(steps, whole, rtol=1e-12, atol=1e-12)
    assert np.allclose(cache["keys"][:length], keys) and not cache["keys"][length:].any()


def test_attention_anew_looks_back_only(nb, rng):
    x, matrices = rng.normal(size=(9, 12)), rng.normal(size=(3, 12, 12))
    before = nb.attention_anew(x, *matrices)[0]
    x[5] += 1
    moved = np.abs(nb.attention_anew(x, *matrices)[0] - before).max(axis=1)
    assert not moved[:5].any() and moved[5:].min() > 1e-6


def test_cache_bytes_is_the_size_of_the_real_cache(nb):
    config = nb.gpt.GPTConfig.of("nano", vocab_size=10, style="llama")
    cache = nb.gpt.GPT(config).empty_cache(3)
    size = sum(np.asarray(tensor).nbytes for pair in cache for tensor in pair)
    assert nb.cache_bytes(config, 3, bytes_a_number=4) == size


def test_labels_can_be_read(nb):
    assert [nb.label(t) for t in (32, 10, 65, 39, 0)] == ["space", "\\n", "A", "'", "\\x00"]
