"""Notebook 24's own functions: by hand, and against references written another way."""

from __future__ import annotations

import numpy as np
import pytest

from tests.cells import namespace

pytest.importorskip("keras")


@pytest.fixture(scope="module")
def nb():
    return namespace("24")


def put(nb, **names):
    """What the notebook's cells would have defined before its functions are called."""
    nb.received.__globals__.update(names)


def test_words_receive_attention_from_words_only(nb):
    tokens = np.array([[5, 6, nb.PAD]])
    looks = np.array([[[0.9, 0.1, 0.0], [0.3, 0.7, 0.0], [0.0, 1.0, 0.0]]])
    assert np.allclose(nb.received(looks, tokens), [[0.6, 0.4, 0.0]])


def test_reviews_are_counted_once_a_word(nb):
    put(nb, NUM_WORDS=6)
    rows = np.array([[3, 3, 3, 0], [3, 4, 0, 0]])
    assert nb.reviews_with(rows).tolist() == [2, 0, 0, 2, 1, 0]


class Spelled:
    """A tokenizer whose tokens are letters."""

    def decode(self, ids):
        return "".join(chr(i) for i in ids)


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("a(b)c", "00110"),
        ("(a(b)c)d", "01111110"),
        ("a)b(c", "00001"),
        ("(" + "x" * 70, "0" + "1" * 60 + "0" * 10),
    ],
)
def test_inside_brackets_by_hand(nb, text, inside):
    put(nb, tokenizer=Spelled())
    found = nb.inside_brackets([ord(letter) for letter in text])
    assert "".join(str(int(each)) for each in found) == inside


def test_pieces_are_runs_of_the_text(nb):
    found = nb.pieces_of(np.arange(100), 5, 7)
    assert found.shape == (5, 7) and (np.diff(found, axis=1) == 1).all()
    assert found[0, 0] == 0 and found.max() < 100 and len(np.unique(found[:, 0])) == 5


def test_attention_is_dealt_among_the_words(nb):
    asked = np.array([[5, 6, 7, 8, 9, nb.PAD], [5, 6, nb.PAD, nb.PAD, nb.PAD, nb.PAD]])
    put(nb, asked=asked, rng=np.random.default_rng(1))
    looks = np.random.default_rng(0).random((2, 3, 6, 6)) * (asked != nb.PAD)[:, None, None]
    dealt = nb.dealt_wrongly(looks.copy())
    assert np.allclose(np.sort(dealt, axis=-1), np.sort(looks, axis=-1))
    assert not dealt[1, :, :, 2:].any() and (dealt[0] != looks[0]).any()


def test_the_critic_does_not_read_padding(nb):
    nb.keras.utils.set_random_seed(0)
    critic = nb.Critic(12, 8)
    short, long = np.array([[3, 4, 5]]), np.array([[3, 4, 5, nb.PAD, nb.PAD]])
    assert np.allclose(critic(short), critic(long), atol=1e-5)
    assert np.abs(critic(short) - critic(np.array([[3, 4, 6]]))).max() > 1e-6
    seen = [np.asarray(critic(short, training=True)) for _ in range(8)]
    assert np.ptp(seen, axis=0).max() > 0, "words are hidden in training"
    assert np.allclose(nb.explain.run(critic, long).output, critic(long), atol=1e-5)


def test_switching_several_heads_off_gives_their_averages(nb):
    average = np.arange(12.0).reshape(3, 4)
    put(nb, averages=[average, -average])
    edits = nb.all_off([(1, 0), (1, 2), (0, 1)])
    changed = edits["block_1.heads"](np.full((2, 3, 5, 4), 7.0))
    assert (changed[:, 0] == -average[0]).all() and (changed[:, 2] == -average[2]).all()
    assert (changed[:, 1] == 7).all()
    assert (edits["block_0.heads"](np.zeros((1, 3, 5, 4)))[:, 1] == average[1]).all()


def test_numbers_are_mixed_within_each_word(nb):
    put(nb, EMBED_DIM=6)
    vectors = np.random.default_rng(0).random((2, 3, 6))
    found = nb.mixed(vectors)
    assert np.array_equal(np.sort(found), np.sort(vectors)) and (found != vectors).any()


def test_always_the_more_frequent_label_of_unseen_rows(nb):
    put(nb, learn=np.array([True, True, False, False, False, False]))
    assert nb.always(np.array([1, 1, 1, 0, 0, 0])) == 0.75
    assert nb.always(np.array([0, 0, 1, 1, 1, 1])) == 1.0


def test_a_patch_wins_what_the_place_carries(nb):
    """All comes in at the changed word, and only the last place is read."""
    config = nb.gpt.GPTConfig(12, context_length=4, num_layers=1, num_heads=2, embed_dim=8)
    nb.keras.utils.set_random_seed(1)
    model = nb.gpt.GPT(config)
    clean, corrupt = np.array([[5, 1, 2]]), np.array([[6, 1, 2]])
    put(nb, model=model, clean=clean, corrupt=corrupt, pairs=[0], wanted=[5], unwanted=[6])
    high, low, run = nb.preferences()
    assert np.isclose(high, np.subtract(*model(clean)[0, -1].numpy()[[5, 6]]), atol=1e-5)
    won = nb.raised("embed", run, low)
    assert won.shape == (3,) and np.isclose(won[0], high - low, atol=1e-5)
    assert np.allclose(won[1:], 0, atol=1e-5), "those places held the same in both runs"
    assert np.isclose(nb.raised("block_0", run, low)[-1], high - low, atol=1e-5)
