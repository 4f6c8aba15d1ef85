"""The n-gram model against a slow one of dicts, and against sums worked by hand."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.ngrams import CODE_POINTS, NGrams

TEXTS = ["the cat sat on the mat", "the hat", "", "a naïve 猫 sat", "aaaa"]


class Slow:
    """The same model as the formula reads, one character at a time."""

    def __init__(self, order, texts):
        self.order = order
        self.counts = defaultdict(lambda: defaultdict(int))
        for text in texts:
            for i, character in enumerate(text):
                for n in range(order):
                    self.counts[self.context(text, i, n)][character] += 1

    @staticmethod
    def context(text, i, n):
        return tuple(text[j] if j >= 0 else None for j in range(i - n, i))

    def probability(self, text, i):
        found = 1 / CODE_POINTS
        for n in range(self.order):
            seen = self.counts.get(self.context(text, i, n), {})
            total, kinds = sum(seen.values()), len(seen)
            if total:
                found = (seen.get(text[i], 0) + kinds * found) / (total + kinds)
        return found

    def bits(self, texts):
        each = [math.log2(self.probability(t, i)) for t in texts for i in range(len(t))]
        return -sum(each)


@pytest.mark.parametrize("order", [1, 2, 3, 6])
def test_it_is_the_slow_model(order):
    held_out = ["the cat has a mat", "", "猫 on a ship!", "zz"]
    fast, slow = NGrams(order).fit(TEXTS), Slow(order, TEXTS)
    bits, characters = slow.bits(held_out), sum(map(len, held_out))
    assert fast.bits_per_character(held_out) == pytest.approx(bits / characters, rel=1e-12)
    num_bytes = len("".join(held_out).encode())
    assert num_bytes > characters
    assert fast.bits_per_byte(held_out) == pytest.approx(bits / num_bytes, rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text("ab猫", max_size=12), min_size=1, max_size=4).filter(any),
    st.lists(st.text("abc猫", max_size=12), min_size=1, max_size=3).filter(any),
    st.integers(1, 5),
)
def test_it_is_the_slow_model_on_any_text(train, held_out, order):
    bits = Slow(order, train).bits(held_out)
    found = NGrams(order).fit(train).bits_per_character(held_out)
    assert found == pytest.approx(bits / sum(map(len, held_out)), rel=1e-12)


@pytest.mark.parametrize("context", ["", "t", "the ", "e c", "never seen zq", "猫", "x" * 50, "?"])
@pytest.mark.parametrize("order", [1, 2, 6])
def test_probabilities_sum_to_one_and_are_those_that_judge(context, order):
    model, slow = NGrams(order).fit(TEXTS), Slow(order, TEXTS)
    found = model.probabilities(context)
    assert found.shape == (len(model.alphabet) + 1,)
    assert found.sum() == pytest.approx(1, abs=1e-12) and (found > 0).all()
    for character, probability in zip(model.alphabet, found, strict=False):
        text = context + character
        assert probability == pytest.approx(slow.probability(text, len(context)), rel=1e-12)
    unseen = slow.probability(context + "\u0416", len(context))
    assert found[-1] == pytest.approx(unseen * (CODE_POINTS - len(model.alphabet)), rel=1e-12)


def test_a_sum_worked_by_hand():
    """ "abab": after a came b, twice; so P(b | a) = (2 + 1 * P(b)) / (2 + 1)."""
    model = NGrams(2).fit("abab")
    one = (2 + 2 / CODE_POINTS) / (4 + 2)  # of a or b, with order 1
    after_a = dict(zip(model.alphabet, model.probabilities("a"), strict=False))
    assert after_a["b"] == pytest.approx((2 + one) / 3, rel=1e-12)
    assert after_a["a"] == pytest.approx(one / 3, rel=1e-12)


def test_lower_orders_are_inside():
    model = NGrams(5).fit(TEXTS)
    for order in (1, 2, 3):
        alone = NGrams(order).fit(TEXTS).bits_per_byte("the mat sat")
        assert model.bits_per_byte("the mat sat", order=order) == pytest.approx(alone, rel=1e-12)
    with pytest.raises(ValueError, match="counted orders 1 to 5"):
        model.bits_per_byte("a", order=6)


def test_texts_do_not_run_into_each_other():
    apart = NGrams(3).fit(["ab", "cd"])
    joined = NGrams(3).fit("abcd")
    assert apart.probabilities("ab")[2] < 0.4 < joined.probabilities("ab")[2]
    # A text's start is a context of its own, that of the texts judged included.
    assert apart.probabilities("")[0] > apart.probabilities("b")[0]


def test_many_characters_and_a_high_order_do_not_overflow():
    random = np.random.default_rng(0)
    text = "".join(map(chr, random.integers(0x4E00, 0x9000, 20_000))) * 2
    model = NGrams(7).fit(text)
    assert model.bits_per_character(text[:5000]) < 3
    assert model.probabilities(text[:10]).sum() == pytest.approx(1)


def test_samples_follow_the_text_and_the_seed():
    model = NGrams(4).fit("abcabcabc" * 50)
    drawn = model.sample("a", 300, seed=1)
    assert len(drawn) == 300 and drawn == model.sample("a", 300, seed=1)
    assert drawn != model.sample("a", 300, seed=2) or set(drawn) == set("abc")
    assert drawn.startswith("bca") and set(drawn) <= set("abc")
    assert model.sample("", 0) == ""
    mixed = NGrams(1).fit("aaab" * 100).sample("", 2000, seed=0)
    assert 0.70 < mixed.count("a") / 2000 < 0.80


def test_sampling_draws_from_the_probabilities():
    model = NGrams(3).fit(TEXTS)
    known = model.probabilities("th")[:-1]
    drawn = [model.sample("th", 1, seed=seed) for seed in range(1500)]
    assert drawn.count("e") / 1500 == pytest.approx(
        known[model.alphabet.index("e")] / known.sum(), abs=0.04
    )


@pytest.mark.parametrize("order", [0, -1, 2.5, True, "3", None])
def test_an_order_that_cannot_be_is_refused(order):
    with pytest.raises(ValueError, match="whole number, 1 or more"):
        NGrams(order)


@pytest.mark.parametrize("texts", ["", [], ["", ""]])
def test_no_text_is_refused_in_words(texts):
    with pytest.raises(ValueError, match="no text to count"):
        NGrams(2).fit(texts)
    with pytest.raises(ValueError, match="no text to judge"):
        NGrams(2).fit("abc").bits_per_character(texts)


def test_other_bad_calls_are_refused_in_words():
    with pytest.raises(ValueError, match="call fit"):
        NGrams(2).bits_per_byte("abc")
    with pytest.raises(ValueError, match="one is int"):
        NGrams(2).fit(["abc", 3])
    with pytest.raises(ValueError, match="0 or more characters"):
        NGrams(2).fit("abc").sample("a", -1)
