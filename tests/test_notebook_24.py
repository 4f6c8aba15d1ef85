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
    edits = nb.edits_of([(1, 0), (1, 2), (0, 1)], "heads", nb.off)
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
    won, after = nb.raised(["embed", "block_0"], run, low)
    assert won.shape == (3,) and np.isclose(won[0], high - low, atol=1e-5)
    assert np.allclose(won[1:], 0, atol=1e-5), "those places held the same in both runs"
    assert np.isclose(after[-1], high - low, atol=1e-5)
    assert np.allclose(nb.raised(["block_0"], run, low)[0], after, atol=1e-5), "one at a time"


def test_an_edit_on_rows_leaves_the_others(nb):
    edit = nb.on_rows(np.array([True, False, True]), lambda x: x + 1)
    assert edit(np.zeros((3, 2))).tolist() == [[1, 1], [0, 0], [1, 1]]


def test_even_attention_is_an_average_over_the_words(nb):
    is_word = np.array([[True, True, True], [True, True, False]])
    put(nb, is_word=is_word, count=is_word.sum(axis=1))
    even = nb.made_even(np.zeros((2, 4, 3, 3)))
    assert even.shape == (2, 4, 3, 3) and np.allclose(even[0], 1 / 3)
    assert np.allclose(even[1], [0.5, 0.5, 0.0])
    assert np.allclose(nb.evenness(even), 1)
    alone = np.broadcast_to(np.eye(3)[0], even.shape)
    assert np.allclose(nb.evenness(alone), 0, atol=1e-5)


def test_attention_is_dealt_in_the_past_and_to_the_heads_named(nb):
    put(nb, rng=np.random.default_rng(0))
    weights = np.tril(np.random.default_rng(1).random((2, 3, 6, 6)))
    dealt = nb.dealt_in_the_past(weights.copy(), 0, [0, 2])
    assert np.allclose(np.sort(dealt, axis=-1), np.sort(weights, axis=-1))
    assert not np.triu(dealt, 1).any() and (dealt[:, 1] == weights[:, 1]).all()
    assert (dealt[:, 0] != weights[:, 0]).any() and (dealt[:, 2] != weights[:, 2]).any()


def test_an_interval_of_rows_is_wider_than_one_of_tokens(nb):
    row = np.repeat(np.arange(10), 20)
    put(nb, row=row, unseen_rows=np.arange(10))
    each = (row % 2).astype(float)  # the tokens of a row are all alike
    low, high = nb.rows_anew(each)
    assert low < 0.3 and high > 0.7, "10 independent rows, not 200 tokens"
    assert np.allclose(nb.rows_anew(np.ones(200)), 1)
