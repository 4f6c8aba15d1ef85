"""Notebook 19: its spectrogram, its CTC and its search against definitions written here; its models."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from helpers import sounds, speech
from tests import backends
from tests.cells import namespace
from tests.test_sounds import reference, waves

keras = pytest.importorskip("keras")
ops = keras.ops


@pytest.fixture(scope="module")
def nb():
    return namespace("19")


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


# --- spectrograms


def test_the_spectrogram_by_hand_equals_the_definition_and_the_framework(nb):
    framework = ops.convert_to_numpy(sounds.log_mel(waves().astype("float32")))
    for wave, other in zip(waves(), framework, strict=True):
        by_hand = nb.log_mel(wave)
        assert np.abs(by_hand - reference(wave)).max() < 1e-4
        assert np.abs(by_hand - other).max() < 1e-4


def test_pictures_do_not_depend_on_loudness_or_on_other_sounds(nb):
    rng = np.random.default_rng(0)
    wave, other = (rng.normal(size=3000).astype("float32") for _ in range(2))
    alone = nb.pictures([wave])[0]
    assert alone.shape == (72, 40) and alone.min() == -1 and alone.max() == 1
    assert np.allclose(nb.pictures([other, 0.3 * wave])[1], alone, atol=1e-3)


def test_what_is_too_long_is_cut_to_its_loudest_stretch(nb):
    picture = -np.ones((100, 40))
    picture[60:80] = 1
    assert nb.sized(picture, 30).sum() == 20 * 40 - 10 * 40
    short = nb.sized(np.ones((3, 40)), 8)
    assert short.shape == (8, 40) and np.array_equal(np.flatnonzero(short[:, 0] > 0), [2, 3, 4])


def test_nearest_finds_the_nearest(nb):
    import pandas as pd

    known = np.random.default_rng(0).normal(size=(6, 4, 3))
    labels = pd.Series([5, 6, 7, 8, 9, 1])
    assert nb.nearest(known[::-1] + 0.01, known, labels).tolist() == labels[::-1].tolist()


# --- variations


def test_stretching_by_one_changes_nothing_and_by_two_halves(nb):
    x = np.random.default_rng(0).normal(size=(2, 9, 3)).astype("float32")
    places = np.tile(np.arange(9, dtype="float32"), (2, 1))
    assert np.allclose(ops.convert_to_numpy(nb.stretched(x, places)), x, atol=1e-6)
    half = ops.convert_to_numpy(nb.stretched(x, places * 2))
    assert np.allclose(half[:, :5], x[:, ::2], atol=1e-6) and np.all(half[:, 5:] == -1)
    edge = ops.convert_to_numpy(nb.stretched(x, places * 2, edge=True))
    assert np.allclose(edge[:, 5:], x[:, -1:])
    between = ops.convert_to_numpy(nb.stretched(x, places + 0.5))
    assert np.allclose(between[:, :8], (x[:, 1:] + x[:, :-1]) / 2, atol=1e-6)


def test_variations_only_in_training_and_each_its_own(nb):
    x = nb.pictures([0.3 * np.random.default_rng(0).normal(size=4000).astype("float32")] * 3)
    vary = nb.Vary(seed=1)
    assert np.array_equal(ops.convert_to_numpy(vary(x)), x)
    found = ops.convert_to_numpy(vary(x, training=True))
    assert found.shape == x.shape and found.min() >= -1 and found.max() == pytest.approx(1)
    assert np.abs(found[0] - found[1]).max() > 0.1


# --- CTC


def aligned(chances, wanted):
    """Probability of a string of symbols, by listing all alignments; blank is 0."""
    total = 0.0
    for path in itertools.product(range(chances.shape[1]), repeat=len(chances)):
        kept = [s for i, s in enumerate(path) if s and (i == 0 or path[i - 1] != s)]
        if kept == list(wanted):
            total += math.prod(chances[t, s] for t, s in enumerate(path))
    return total


CASES = [(4, [1, 2]), (5, [1, 1]), (5, [2, 1, 2]), (6, [1]), (3, [2, 2])]


@pytest.mark.parametrize(("moments", "wanted"), CASES)
def test_the_loss_is_the_sum_over_alignments(nb, moments, wanted):
    logits = np.random.default_rng(moments).normal(size=(moments, 3)).astype("float32")
    chances = softmax(logits)
    expected = aligned(chances, wanted)
    by_hand, number = nb.brute_force(chances, "".join(map(str, wanted)))
    assert by_hand == pytest.approx(expected) and number > 0
    loss = ops.ctc_loss(
        np.array([wanted]), logits[None], np.array([len(wanted)]), np.array([moments]), mask_index=0
    )
    assert float(loss[0]) == pytest.approx(-math.log(expected), abs=1e-4)


def test_the_loss_used_in_training_does_not_count_what_fills_up(nb):
    logits = np.random.default_rng(0).normal(size=(1, 5, 3)).astype("float32")
    loss = keras.losses.CTC(reduction=None)(np.array([[1, 2, 0, 0]]), logits)
    assert float(loss[0]) == pytest.approx(-math.log(aligned(softmax(logits[0]), [1, 2])), abs=1e-4)


@pytest.mark.parametrize(
    ("alignment", "said"),
    [("--44--7-22", "472"), ("", ""), ("---", ""), ("2-2", "22"), ("222", "2"), ("1-11-1", "111")],
)
def test_collapse(nb, alignment, said):
    assert nb.collapse(alignment) == said


def cases(count=40, moments=6, symbols=4, sharp=1.0):
    rng = np.random.default_rng(int(10 * sharp))
    return [softmax(sharp * rng.normal(size=(moments, symbols))) for _ in range(count)]


@pytest.mark.parametrize("sharp", [0.1, 1.0, 5.0])
def test_a_beam_of_one_is_greedy(nb, sharp):
    for chances in cases(sharp=sharp):
        (found,) = nb.beam_search(chances, 1)
        path = "".join("-123456789"[s] for s in chances.argmax(axis=1))
        assert found == nb.greedy(chances)
        assert "".join(str(d + 1) for d in found) == nb.collapse(path)


def test_a_beam_that_keeps_all_is_exact(nb):
    for chances in cases(count=6, moments=4, symbols=3):
        found = nb.beam_search(chances, 10_000)
        assert sum(found.values()) == pytest.approx(1)
        for digits, p in found.items():
            assert p == pytest.approx(aligned(chances, [d + 1 for d in digits]))
        assert list(found.values()) == sorted(found.values(), reverse=True)


def test_a_wider_beam_finds_likelier_strings(nb):
    better, worse = 0, 0  # it may find a worse one, for a wider beam is cut at other places
    for chances in cases(sharp=0.5):
        best = {}
        for width in (1, 16):
            digits = next(iter(nb.beam_search(chances, width)))
            best[width] = aligned(chances, [d + 1 for d in digits])
        better += best[16] > best[1] + 1e-9
        worse += best[16] < best[1] - 1e-9
    assert better > 3 and worse <= better / 4, "where nothing is sure, the beam should matter"


def test_greedy_is_keras_s(nb):
    chances = np.stack(cases(symbols=11, sharp=3.0)).astype("float32")
    found, _ = ops.ctc_decode(
        np.log(chances), np.full(len(chances), 6), strategy="greedy", mask_index=0
    )
    theirs = [tuple(int(s) - 1 for s in row if s >= 0) for row in ops.convert_to_numpy(found)[0]]
    assert [nb.greedy(each) for each in chances] == theirs


def test_the_check_digit_chooses_the_likeliest_that_fits(nb):
    chances = np.full((3, 11), 1e-3)
    chances[0, [4, 5]] = 0.45, 0.54  # 3 or 4
    chances[1, 0] = chances[2, 8] = 0.99  # then 7
    assert nb.greedy(chances) == (4, 7) and nb.first_that_fits(chances) == (3, 7)
    sure = np.full((2, 11), 1e-9)
    sure[0, 5] = sure[1, 0] = 1.0
    assert sum(nb.first_that_fits(sure, 1)) == 4  # none fits: the likeliest


# --- models


def test_the_models_shapes_and_the_shared_encoder(nb):
    encoder = nb.make_encoder()
    classifier = nb.make_classifier(encoder, nb.Vary())
    recognizer = nb.make_recognizer(encoder, nb.Vary())
    assert classifier(np.zeros((2, 72, 40), "float32")).shape == (2, 10)
    assert recognizer(np.zeros((2, 320, 40), "float32")).shape == (2, 80, 11)
    kept = {id(weight) for weight in encoder.weights}
    assert kept <= {id(w) for w in classifier.weights} & {id(w) for w in recognizer.weights}


def test_string_arrays(nb):
    wave = np.random.default_rng(0).normal(size=9000).astype("float32")
    x, answers = nb.string_arrays(speech.Strings([wave], [(0, 9, 1)], ["one"]))
    assert x.shape == (1, 320, 40) and answers.tolist() == [[1, 10, 2, 0, 0]]


@pytest.mark.slow
@pytest.mark.clock
def test_the_classifier_learns_in_epochs_and_in_seconds(nb, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    x = -np.ones((512, 72, 40), "float32")
    labels = np.arange(512) % 2
    x[labels == 0, :, 5:10] = x[labels == 1, :, 25:30] = 1
    for how in ({"epochs": 5}, {"seconds": 12.0}):
        model, _ = nb.trained_classifier(x, labels, **how, tempo=0.1, throat=0.05)
        assert np.mean(nb.said(model, x) == labels) > 0.9


SHAPES = """
import keras, numpy as np
from tests.cells import namespace
nb = namespace("19")
keras.utils.set_random_seed(0)
encoder = nb.make_encoder()
model = nb.make_recognizer(encoder, nb.Vary(seed=0))
x = inputs["x"]
varied = nb.Vary(seed=0)(x, training=True)
model.compile("adam", keras.losses.CTC())
first = float(model.train_on_batch(x, inputs["y"]))
results["varied"] = keras.ops.convert_to_numpy(varied)
results["loss"] = np.array(first)
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", backends.BACKENDS)
def test_the_same_code_trains_on_every_backend(nb, backend):
    wave = 0.3 * np.random.default_rng(0).normal(size=(2, 12_000)).astype("float32")
    x = nb.pictures(list(wave), nb.STRING_FRAMES)
    y = np.array([[1, 2, 3, 0, 0], [4, 5, 0, 0, 0]], "int32")
    found = backends.run(backend, SHAPES, x=x, y=y)
    assert found["varied"].shape == x.shape and np.isfinite(found["varied"]).all()
    assert found["varied"].max() == pytest.approx(1, abs=1e-5)
    assert math.isfinite(float(found["loss"]))
