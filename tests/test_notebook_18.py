"""Notebook 18: its own functions, its models, and what it changes in pictures."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import correlate2d

from tests.cells import namespace

keras = pytest.importorskip("keras")
ops = keras.ops
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def nb():
    return namespace("18")


def pictures(num=4, shape=(8, 8, 1)):
    return RNG.integers(0, 256, (num, *shape)).astype("float32")


def test_convolution_by_hand_is_scipys_and_keras(nb):
    x, kernel = RNG.normal(size=(7, 9)), RNG.normal(size=(3, 3))
    ours = nb.convolve(x, kernel)
    assert np.allclose(ours, correlate2d(x, kernel, mode="same"))
    tensor = ops.conv(
        ops.convert_to_tensor(x[None, :, :, None].astype("float32")),
        ops.convert_to_tensor(kernel[:, :, None, None].astype("float32")),
        padding="same",
    )
    assert np.allclose(ours, ops.convert_to_numpy(tensor)[0, :, :, 0], atol=1e-5)


@pytest.mark.parametrize(("down", "right"), [(0, 0), (1, 0), (0, -2), (-1, 3), (8, 0)])
def test_shifted_brings_in_nothing_but_zeros(nb, down, right):
    x = pictures()
    moved = nb.shifted(x, down, right)
    for i, j in np.ndindex(8, 8):
        inside = 0 <= i - down < 8 and 0 <= j - right < 8
        expected = x[:, i - down, j - right] if inside else np.zeros((4, 1))
        assert np.array_equal(moved[:, i, j], expected)


def test_wobble_leaves_pictures_alone_outside_training(nb):
    x = pictures()
    assert np.array_equal(ops.convert_to_numpy(nb.Wobble()(x)), x)
    still = nb.Wobble(degrees=0, stretch=0.0, shift=0)
    assert np.allclose(ops.convert_to_numpy(still(x, training=True)), x, atol=1e-3)


def test_wobble_changes_each_picture_in_its_own_way_and_keeps_its_ink(nb):
    x = np.zeros((64, 28, 28, 1), "float32")
    x[:, 8:20, 10:16] = 255
    layer = nb.Wobble(degrees=10, stretch=0.1, shift=2)
    y = ops.convert_to_numpy(layer(x, training=True))
    assert len({picture.tobytes() for picture in y}) == 64
    mass = y.sum(axis=(1, 2, 3)) / x[0].sum()
    assert mass.min() > 0.7 and mass.max() < 1.4
    rows = (y.sum(axis=(2, 3)) * np.arange(28)).sum(axis=1) / y.sum(axis=(1, 2, 3))
    assert 0.5 < rows.std() < 2 and abs(rows.mean() - 13.5) < 0.6


def test_wobble_turns_about_the_middle(nb):
    x = np.zeros((50, 9, 9, 1), "float32")
    x[:, 4, 4] = 1
    y = ops.convert_to_numpy(nb.Wobble(degrees=45, stretch=0.0, shift=0)(x, training=True))
    assert np.allclose(y[:, 4, 4, 0], 1, atol=1e-4)


@pytest.mark.parametrize("build", ["convolutional", "residual", "vision_transformer"])
def test_models_learn_some_digits(nb, build):
    keras.utils.set_random_seed(0)
    x, y = nb.images.digits("sample")
    model = getattr(nb, build)((8, 8, 1))
    assert model.output_shape == (None, 10)
    read = nb.trained(model, x[:300], y[:300], epochs=8, batch_size=32)
    said = read(x[:300])
    assert said.shape == (300, 10) and np.allclose(said.sum(axis=1), 1, atol=1e-5)
    assert np.mean(said.argmax(axis=1) == y[:300]) > 0.6


def test_the_pooled_network_does_not_care_where(nb):
    """Far from the edge, a moved picture gives the same answer to the bit or so."""
    model = nb.convolutional((40, 40, 1))
    x = np.zeros((1, 40, 40, 1), "float32")
    x[:, 14:22, 16:22] = pictures(1, (8, 6, 1))
    moved = nb.shifted(x, 4, -2)  # an even number of pixels: the pooling's grid
    a, b = (ops.convert_to_numpy(model(z)) for z in (x, moved))
    assert np.allclose(a, b, atol=1e-4)


def test_a_residual_block_of_zeros_is_the_identity(nb):
    inputs = keras.Input((6, 6, 5))
    model = keras.Model(inputs, nb.residual_block(inputs, 5))
    model.set_weights(
        [np.zeros_like(w) if "kernel" in v.path else w
         for v, w in zip(model.weights, model.get_weights(), strict=True)]
    )  # fmt: skip
    x = np.abs(pictures(2, (6, 6, 5)))
    assert np.allclose(ops.convert_to_numpy(model(x)), x, atol=1e-4)


def test_a_transformer_without_places_does_not_know_the_order(nb):
    model = nb.vision_transformer((8, 8, 1))
    x = pictures(2)
    mirrored = x.reshape(2, 2, 4, 8, 1)[:, ::-1].reshape(2, 8, 8, 1)  # patches keep whole
    places = next(layer for layer in model.layers if isinstance(layer, nb.AddPlace))
    with_places = [ops.convert_to_numpy(model(z)) for z in (x, mirrored)]
    places.places.assign(0 * places.places)
    without = [ops.convert_to_numpy(model(z)) for z in (x, mirrored)]
    assert np.allclose(*without, atol=1e-4) and not np.allclose(*with_places, atol=1e-4)


def test_models_can_be_saved(nb, tmp_path):
    model = nb.vision_transformer((8, 8, 1), nb.Wobble())
    x = pictures(2)
    expected = ops.convert_to_numpy(model(x))
    model.save_weights(tmp_path / "a.weights.h5")
    other = nb.vision_transformer((8, 8, 1), nb.Wobble())
    other.load_weights(tmp_path / "a.weights.h5")
    assert np.allclose(ops.convert_to_numpy(other(x)), expected, atol=1e-5)


def test_every_digit_is_answered_by_a_model_that_has_not_seen_it(nb):
    nb.digits_y = np.arange(50) % 10
    space = nb.by_folds.__globals__
    space.update(digits_y=np.arange(50) % 10, flat=np.arange(50.0)[:, None])
    seen = []

    class Spy:
        def fit(self, x, y):
            self.known = set(x.ravel())
            return self

        def predict(self, x):
            assert not self.known & set(x.ravel())
            seen.extend(x.ravel())
            return x.ravel().astype(int) % 10

    assert np.array_equal(nb.by_folds(Spy), space["digits_y"]) and len(set(seen)) == 50
    assert nb.Majority().fit(None, np.array([3, 3, 1])).predict(np.zeros((2, 1))).tolist() == [3, 3]


def test_each_fold_starts_afresh(nb, monkeypatch):
    """Every training begins with the same weights, whatever the fold before has learned."""
    x, y = nb.images.digits("sample")
    starts, fit = [], nb.training.fit

    def spy(model, *data, **options):
        starts.append(np.concatenate([np.ravel(w) for w in model.get_weights()]))
        starts.append(np.array([float(model.optimizer.iterations)]))
        return fit(model, *data, **options)

    monkeypatch.setattr(nb.training, "fit", spy)
    said = nb.network_by_folds(x[:120], y[:120], epochs=1, batch_size=32)
    assert np.allclose(said.sum(axis=1), 1, atol=1e-5)
    assert len(starts) == 10
    assert all(np.array_equal(starts[i], starts[i % 2]) for i in range(10))


def test_intervals_hold_the_share_and_shrink(nb):
    few, many = np.arange(20) < 15, np.arange(2000) < 1500
    assert nb.interval(few)[0] < 0.75 < nb.interval(few)[1]
    assert np.diff(nb.interval(many)) < np.diff(nb.interval(few)) / 5
    gain, low, high = nb.difference(many, many[::-1])
    assert low < gain == 0 < high
    assert nb.difference(many, ~many)[1] > 0.4


def test_calibration_of_a_liar_and_of_an_honest_one(nb):
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1, 20_000)
    honest = rng.random(20_000) < sure
    assert nb.calibration_error(sure, honest) < 0.02
    assert nb.calibration_error(np.full(20_000, 0.99), honest) > 0.2


def test_features_of_a_pretrained_network_have_a_row_each(nb):
    inputs = keras.Input((96, 96, 3))
    network = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))
    x = np.zeros((130, 32, 32, 3), np.uint8)
    x[1] = 255
    features = nb.describe(network, x)
    assert features.shape == (130, 3)
    assert np.allclose(features[0], -1, atol=1e-3) and np.allclose(features[1], 1, atol=1e-3)


def test_models_of_the_real_sets_have_their_sizes(nb):
    for build in (nb.mnist_network, nb.fashion_network):
        model = build()
        assert model.input_shape == (None, 28, 28, 1) and model.output_shape == (None, 10)
        assert 50_000 < model.count_params() < 200_000
        first = pictures(2, (28, 28, 1))
        assert np.isfinite(ops.convert_to_numpy(model(first, training=True))).all()
