"""DP-SGD: clipping against a naive loop, the sampling, and the accounting against others."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import gammaln, logsumexp

from helpers import dp

keras = pytest.importorskip("keras")
DELTA = 1e-5


# --- the accounting


def renyi(sigma, rate, order):
    """Rényi divergence of one step at a whole order, by the binomial sum of Mironov et al. (2019)."""
    k = np.arange(order + 1)
    chosen = gammaln(order + 1) - gammaln(k + 1) - gammaln(order - k + 1)
    weights = chosen + k * np.log(rate) + (order - k) * np.log1p(-rate)
    return logsumexp(weights + k * (k - 1) / (2 * sigma**2)) / (order - 1)


def by_renyi(sigma, rate, steps, delta, old):
    """Epsilon by our own sum, with the conversion of 2017 (old) or that of Canonne et al. (2020)."""
    found = []
    for order in range(2, 257):
        cost = steps * renyi(sigma, rate, order)
        if old:
            found.append(cost + math.log(1 / delta) / (order - 1))
        else:
            extra = math.log((order - 1) / order) - math.log(delta * order) / (order - 1)
            found.append(cost + extra)
    return min(found)


# What was published, and with which accountant; (sigma, rate, steps), epsilon.
PUBLISHED = {
    "Abadi et al. (2016), section 3.2, moments accountant": ((4, 0.01, 10_000), 1.26),
    "TensorFlow Privacy, README of its first release, RDP": ((1.1, 256 / 60_000, 14_062), 3.01),
    "TensorFlow Privacy, README of its tutorials, RDP": ((1.12, 256 / 60_000, 14_062), 2.92),
    "the same, ten epochs": ((1.2, 256 / 60_000, 2_343), 1.20),
}


@pytest.mark.parametrize("source", PUBLISHED)
def test_epsilon_agrees_with_published_examples(source):
    (sigma, rate, steps), published = PUBLISHED[source]
    assert by_renyi(sigma, rate, steps, DELTA, old=True) == pytest.approx(published, abs=0.035)
    now = dp.epsilon(sigma, rate, steps, DELTA, accountant="rdp")
    # The same curve of divergences; since then the step from it to epsilon has become tighter.
    assert now == pytest.approx(by_renyi(sigma, rate, steps, DELTA, old=False), rel=0.01)
    assert 0.75 * published < now < published


def gaussian_epsilon(mu, delta):
    """Exact: the Gaussian mechanism with sensitivity mu and noise 1 (Balle and Wang 2018)."""
    low, high = 0.0, 100.0
    for _ in range(80):
        e = (low + high) / 2
        profile = stats.norm.cdf(mu / 2 - e / mu)
        profile -= math.exp(e) * stats.norm.cdf(-mu / 2 - e / mu)
        low, high = (e, high) if profile > delta else (low, e)
    return low


@pytest.mark.parametrize(("sigma", "steps"), [(1.0, 1), (4.0, 10), (7.3, 30), (0.8, 2)])
def test_without_sampling_it_is_the_exact_one(sigma, steps):
    exact = gaussian_epsilon(math.sqrt(steps) / sigma, DELTA)
    assert exact - 1e-6 <= dp.epsilon(sigma, 1.0, steps, DELTA) <= exact * 1.01
    assert dp.epsilon(sigma, 1.0, steps, DELTA, accountant="rdp") >= exact


def lower_bound(sigma, rate, steps, delta, grid=2e-3):
    """A bound below the true epsilon, by nobody's library.

    The privacy loss of one step (an example removed), rounded *down* to a grid and added up over the
    steps by Fourier transform: whatever is lost makes the bound smaller, never larger.
    """
    z = np.linspace(-12 * sigma, 1 + 12 * sigma, 400_001)
    loss = np.logaddexp(math.log1p(-rate), math.log(rate) + (2 * z - 1) / (2 * sigma**2))
    mass = np.diff((1 - rate) * stats.norm.cdf(z, 0, sigma) + rate * stats.norm.cdf(z, 1, sigma))
    index = np.floor(loss[:-1] / grid).astype(int)  # the loss grows with z: its lower end
    first = index.min()
    once = np.bincount(index - first, weights=mass)
    size = 1 << int(np.ceil(np.log2(len(once) * steps + 1)))
    total = np.fft.irfft(np.fft.rfft(once, size) ** steps, size).clip(0)
    values = (np.arange(size) + first * steps) * grid
    low, high = 0.0, 50.0
    for _ in range(40):
        e = (low + high) / 2
        above = values > e
        profile = (total[above] * -np.expm1(e - values[above])).sum() - 1e-9
        low, high = (e, high) if profile > delta else (low, e)
    return low


SETTINGS = [(1.3, 0.125, 24), (0.8, 0.02, 50), (2.0, 0.5, 10), (5.0, 0.2, 40), (0.6, 0.1, 3)]


@pytest.mark.parametrize(("sigma", "rate", "steps"), SETTINGS)
def test_it_never_understates_and_is_tight(sigma, rate, steps):
    below, above = (
        lower_bound(sigma, rate, steps, DELTA),
        by_renyi(sigma, rate, steps, DELTA, False),
    )
    ours = dp.epsilon(sigma, rate, steps, DELTA)
    assert 0 < below <= ours <= above * 1.001
    assert ours <= below * 1.05 + 0.1, "and yet it is not far above"


@pytest.mark.parametrize("accountant", ["pld", "rdp"])
def test_epsilon_moves_the_right_way(accountant):
    one = dp.epsilon(1.5, 0.1, 20, DELTA, accountant)
    assert dp.epsilon(2.0, 0.1, 20, DELTA, accountant) < one
    assert dp.epsilon(1.5, 0.2, 20, DELTA, accountant) > one
    assert dp.epsilon(1.5, 0.1, 40, DELTA, accountant) > one
    assert dp.epsilon(1.5, 0.1, 20, 1e-3, accountant) < one
    assert dp.epsilon(0.0, 0.1, 20, DELTA, accountant) == math.inf


@pytest.mark.parametrize(("target", "rate", "steps"), [(3.0, 0.125, 24), (0.5, 0.5, 10)])
def test_noise_for_reaches_its_target_and_wastes_little(target, rate, steps):
    sigma = dp.noise_for(target, rate, steps, DELTA)
    assert 0.97 * target < dp.epsilon(sigma, rate, steps, DELTA) <= target


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"noise_multiplier": -1}, "noise_multiplier"), ({"noise_multiplier": math.nan}, "noise"),
        ({"rate": 0}, "rate"), ({"rate": 1.5}, "rate"), ({"steps": 0}, "steps"),
        ({"steps": 2.5}, "steps"), ({"delta": 0}, "delta"), ({"delta": 1}, "delta"),
        ({"accountant": "mine"}, "accountant"),
    ],
)  # fmt: skip
def test_numbers_that_cannot_be(wrong, said):
    right = {"noise_multiplier": 1.0, "rate": 0.1, "steps": 5, "delta": DELTA}
    with pytest.raises(ValueError, match=said):
        dp.epsilon(**{**right, **wrong})


def test_targets_that_cannot_be():
    for target in (0, -1, math.inf, None):
        with pytest.raises(ValueError, match="target"):
            dp.noise_for(target, 0.1, 5, DELTA)


# --- the sampling


def test_poisson_sampling_is_what_it_says():
    rng = np.random.default_rng(0)
    draws = [dp.poisson(200, 0.1, rng) for _ in range(2000)]
    sizes = np.array([len(rows) for rows in draws])
    assert sizes.mean() == pytest.approx(20, abs=0.5)
    assert sizes.var() == pytest.approx(18, rel=0.15), "a fixed batch would have none"
    counts = np.bincount(np.concatenate(draws), minlength=200)
    assert counts.min() > 130 and counts.max() < 270
    assert all(len(set(rows)) == len(rows) for rows in draws)


# --- the gradients


def loss(model, x, y):
    return keras.ops.mean((model(x)[:, 0] - y) ** 2)


def small_model():
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(7, activation="tanh"), keras.layers.Dense(1)]
    )


@functools.cache
def fours():
    return dp.Trainer(small_model(), loss, microbatch=4)


def naive_sum(model, x, y, clip, loss=loss):
    """One example after the other, in the plainest way."""
    import tensorflow as tf

    total, lengths = [0.0] * len(model.trainable_variables), []
    for i in range(len(x)):
        with tf.GradientTape() as tape:
            value = loss(model, x[i : i + 1], None if y is None else y[i : i + 1])
        grads = tape.gradient(value, [v.value for v in model.trainable_variables])
        grads = [tf.convert_to_tensor(g).numpy().astype("float64") for g in grads]
        length = math.sqrt(sum((g**2).sum() for g in grads))
        lengths.append(length)
        total = [t + g * min(1.0, clip / length) for t, g in zip(total, grads, strict=True)]
    return total, np.array(lengths)


@pytest.mark.parametrize("clip", [0.5, 2.0, math.inf])
@pytest.mark.parametrize("num", [1, 4, 11])
def test_gradients_equal_a_naive_loop(clip, num):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(num, 5)).astype("float32"), rng.normal(size=num).astype("float32")
    trainer = fours()
    model = trainer.model
    ours, lengths = trainer.clipped_sum(x, y, clip)
    theirs, expected = naive_sum(model, x, y, clip)
    assert np.abs(lengths - expected).max() < 1e-5
    assert max(np.abs(a - b).max() for a, b in zip(ours, theirs, strict=True)) < 1e-5


def test_gradients_of_a_gpt_equal_a_naive_loop():
    from helpers import gpt

    keras.utils.set_random_seed(0)
    model = gpt.GPT(gpt.GPTConfig(50, 12, 1, 2, 16, style="llama", activation="relu2"))

    def of_windows(model, x, y):
        return gpt.mean_nats(model(x)[:, :-1], x[:, 1:])

    x = np.random.default_rng(0).integers(0, 50, (5, 12)).astype("int32")
    ours, _ = dp.Trainer(model, of_windows, microbatch=4).clipped_sum(x, clip=0.3)
    theirs, _ = naive_sum(model, x, None, 0.3, of_windows)
    assert max(np.abs(a - b).max() for a, b in zip(ours, theirs, strict=True)) < 1e-5


def test_no_example_weighs_more_than_the_clip():
    rng = np.random.default_rng(0)
    x, y = 100 * rng.normal(size=(6, 5)).astype("float32"), np.full(6, 1e4, "float32")
    trainer = fours()
    whole, lengths = trainer.clipped_sum(x, y, 1.0)
    assert lengths.min() > 1
    for i in range(6):
        rest, _ = trainer.clipped_sum(np.delete(x, i, 0), np.delete(y, i), 1.0)
        moved = math.sqrt(sum(((a - b) ** 2).sum() for a, b in zip(whole, rest, strict=True)))
        assert moved == pytest.approx(1.0, rel=1e-3)


def test_an_empty_step_is_noise_alone():
    model = small_model()
    sums, lengths = dp.Trainer(model, loss).clipped_sum(
        np.zeros((0, 5), "float32"), np.zeros(0, "float32"), 1.0
    )
    assert len(lengths) == 0 and all((s == 0).all() for s in sums)


@functools.cache
def shared():
    """A trainer, compiled once, and the weights it began with."""
    model = small_model()
    return dp.Trainer(model, loss), [np.array(w) for w in model.get_weights()]


def run(noise, seed=0, steps=4, clip=0.5, lr=1.0, num=40):
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(num, 5)).astype("float32"), rng.normal(size=num).astype("float32")
    trainer, before = shared()
    trainer.model.set_weights(before)
    spent = trainer.fit(
        x, y, steps=steps, rate=0.5, clip=clip, noise_multiplier=noise, delta=1e-3,
        optimizer=keras.optimizers.SGD(lr), seed=seed,
    )  # fmt: skip
    moved = np.concatenate(
        [(a - b).ravel() for a, b in zip(trainer.model.get_weights(), before, strict=True)]
    )
    return spent, moved


def test_the_noise_has_the_stated_size():
    _, quiet = run(0.0, steps=1)
    noisy = np.concatenate([run(20.0, seed=s, steps=1)[1] - quiet for s in range(8)])
    # sigma x clip over the expected number of examples; the sampled ones add a little
    assert noisy.std() == pytest.approx(20 * 0.5 / 20, rel=0.12)
    assert abs(noisy.mean()) < 0.1


def test_what_was_spent_is_said_and_a_seed_repeats_a_run():
    spent, moved = run(1.0)
    assert spent.epsilon == pytest.approx(dp.epsilon(1.0, 0.5, 4, 1e-3))
    assert 0 < spent.clipped <= 1
    assert np.array_equal(moved, run(1.0)[1])
    assert not np.array_equal(moved, run(1.0, seed=1)[1])
    assert not np.array_equal(run(1.0, seed=None)[1], run(1.0, seed=None)[1])
    assert run(0.0)[0].epsilon == math.inf


def test_what_is_refused():
    model = small_model()
    trainer = dp.Trainer(model, loss)
    x, y = np.zeros((3, 5), "float32"), np.zeros(3, "float32")
    right = {"steps": 1, "rate": 0.5, "clip": 1.0, "noise_multiplier": 1.0, "delta": 1e-3,
             "optimizer": keras.optimizers.SGD(0.1)}  # fmt: skip
    for wrong, said in (
        ({"clip": math.inf}, "clip"), ({"clip": 0}, "clip"), ({"rate": 2}, "rate"),
        ({"steps": 0}, "steps"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            trainer.fit(x, y, **{**right, **wrong})
    with pytest.raises(ValueError, match="no examples"):
        trainer.fit(x[:0], y[:0], **right)
    with pytest.raises(ValueError, match="targets"):
        trainer.clipped_sum(x, y[:2])
    with pytest.raises(ValueError, match="finite"):
        trainer.clipped_sum(np.full_like(x, np.nan), y)
    mixed = keras.Sequential([keras.Input((5,)), keras.layers.BatchNormalization()])
    with pytest.raises(ValueError, match="normalises over the batch"):
        dp.Trainer(mixed, loss)
    with pytest.raises(ValueError, match="variables"):
        dp.Trainer(keras.Sequential([keras.layers.Dense(1)]), loss)
