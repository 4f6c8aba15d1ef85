"""Notebook 07's byte-pair encoding against the library, merge for merge, and its arithmetic."""

from __future__ import annotations

import argparse
import inspect
import itertools
import random
import string

import numpy as np
import pytest

from helpers import text
from tests.cells import namespace

pytest.importorskip("keras")
topics = pytest.importorskip("pydoc_data.topics").topics

CHINESE = "今天天气很好 我们去公园散步 昨天他们去河边看书 今天下午我们在家里吃饭 河边有很多人"


@pytest.fixture(scope="module")
def nb():
    return namespace("07")


def noise(seed, letters):
    """Words of a few letters: ties, runs of one letter, and pairs that overlap."""
    rng = random.Random(seed)
    lengths = [rng.randint(1, 12) for _ in range(rng.randint(5, 200))]
    return " ".join("".join(rng.choices(letters, k=length)) for length in lengths)


def manual():
    return "\n\n".join(topics[name] for name in sorted(topics))


CORPORA = {
    "manual": ([manual()[:100_000]], 700),
    "another part, in pieces": (manual()[100_000:160_000].split("\n\n"), 250),
    "source code": ([inspect.getsource(argparse)], 400),
    "Chinese": ([CHINESE], 100),
    "runs": (["aaaa aaaaa aaaaaaa a aa\n---- ------- --- ===== ======\n        x\n    y"], 60),
    "one word": (["abcabcabc"], 60),
    "nothing to merge": (["a b c"], 10),
}


@pytest.mark.parametrize("name", CORPORA)
def test_the_merges_are_those_of_the_library(nb, name):
    corpus, num_merges = CORPORA[name]
    ours = nb.train_bpe(corpus, num_merges, choose=nb.smallest_ids)
    assert ours == nb.train_with_library(corpus, num_merges)
    if name in ("manual", "source code", "another part, in pieces"):
        assert len(ours) == num_merges
        assert text.BPE.train(corpus, 257 + num_merges).merges == ours


def test_the_merges_are_those_of_the_library_on_noise(nb):
    compared = 0
    for seed in range(60):
        corpus = [noise(seed, string.ascii_lowercase[: 2 + seed % 9])]
        ours = nb.train_bpe(corpus, 80, choose=nb.smallest_ids)
        assert ours == nb.train_with_library(corpus, 80), seed
        compared += len(ours)
    assert compared > 2_000


def test_a_wrong_trainer_would_be_noticed(nb):
    """Other rules for ties, and counting each kind of word once."""

    def largest_ids(pairs, ids):
        return max(pairs, key=lambda pair: (pairs[pair], ids[pair[0]], ids[pair[1]]))

    def right_first(pairs, ids):
        return min(pairs, key=lambda pair: (-pairs[pair], ids[pair[1]], ids[pair[0]]))

    def alphabetical(pairs, ids):
        return min(pairs, key=lambda pair: (-pairs[pair], "".join(pair)))

    corpus, num_merges = [manual()[:30_000]], 150
    theirs = nb.train_with_library(corpus, num_merges)
    for wrong in (nb.first_met, largest_ids, right_first, alphabetical):
        assert nb.train_bpe(corpus, num_merges, choose=wrong) != theirs, wrong.__name__


def test_the_first_difference(nb):
    assert nb.first_difference([1, 2, 3], [1, 2, 3]) is None
    assert nb.first_difference([1, 2, 3], [1, 3, 2]) == 1
    with pytest.raises(ValueError, match="shorter"):
        nb.first_difference([1, 2], [1])


def test_merge_goes_from_the_left(nb):
    assert nb.merge(tuple("aaa"), ("a", "a")) == ("aa", "a")
    assert nb.merge(tuple("aaaab"), ("a", "a")) == ("aa", "aa", "b")
    assert nb.merge(("ab", "c"), ("a", "b")) == ("ab", "c")
    assert nb.merge((), ("a", "b")) == ()


def test_pairs_are_counted_with_their_words(nb):
    pairs = nb.count_pairs({tuple("aab"): 3, tuple("ab"): 2})
    assert pairs == {("a", "b"): 5, ("a", "a"): 3}


def test_encoding_by_hand_is_that_of_the_library(nb):
    """On new text: what was learnt first is merged first, wherever it stands in the word."""
    corpus = [noise(1, "abc"), manual()[:30_000]]
    bpe = text.BPE.train(corpus, 600)
    ranks = {pair: number for number, pair in enumerate(bpe.merges)}
    for new in (noise(2, "abc"), noise(3, "abcde"), manual()[200_000:210_000], CHINESE):
        for word, _ in nb.CUT.pre_tokenize_str(new):
            original = bytes(map(text.byte_characters().index, word)).decode()
            tokens = nb.encode_word(word, ranks)
            found = [bpe.token_bytes(i) for i in bpe.encode(original)]
            assert [bytes(map(text.byte_characters().index, t)) for t in tokens] == found


def test_bits_per_byte(nb):
    """A model that knows nothing needs 8 bits for a byte, whatever its tokens are called."""
    assert nb.bits_per_byte(np.log(256), 1.0) == pytest.approx(8)
    assert nb.bits_per_byte(2 * np.log(256), 2.0) == pytest.approx(8)
    assert nb.bits_per_byte(np.log(2), 4.0) == pytest.approx(0.25)


def test_the_frequency_model(nb):
    """Its loss against one that is counted on the fingers."""
    held_out = nb.frequency_model_loss.__globals__
    held_out["held_out"] = "ab"
    loss = nb.frequency_model_loss(text.Bytes(), [list(b"aab")])
    # 256 ids with one added to each, and three seen: a is 3 of 259, b is 2 of 259
    assert loss == pytest.approx(-(np.log(3 / 259) + np.log(2 / 259)) / 2)
    del held_out["held_out"]


def test_no_paragraph_is_on_both_sides(nb):
    pages = nb.unique_paragraphs(topics)
    parts = {True: set(), False: set()}
    for name, page in pages.items():
        parts[nb.is_held_out(name)].update(page.split("\n\n") if page else [])
    assert parts[True] and parts[False] and not parts[True] & parts[False]
    assert parts[True] | parts[False] == {p for page in topics.values() for p in page.split("\n\n")}
    # The repair repairs something: as they come, pages share paragraphs.
    every = list(itertools.chain(*(page.split("\n\n") for page in topics.values())))
    assert len(every) > 1.05 * len(set(every))
