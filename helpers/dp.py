"""Differentially private training: clipped gradients of single examples, noise, and what it spends.

DP-SGD (Abadi et al. 2016) with Poisson sampling, as its accounting assumes: each example is in a step
with the same probability, whatever the others are, so that a step may have many or none. The
accounting is that of Google's dp-accounting. Per-example gradients need TensorFlow.

For teaching, not for real secrets: the noise is drawn by NumPy's PCG64, which is no cryptographic
generator, and added in floating point, whose gaps give a little of it away (Mironov 2012). The epsilon
is that of one training; choosing its settings or a vocabulary on the same data is not in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

MICROBATCH = 64  # examples whose gradients are in memory at once
INTERVAL = 1e-3  # of the privacy loss, on whose grid the accountant rounds up


@dataclass(frozen=True)
class Spent:
    """What a private training cost, and of what it was made.

    Attributes:
        epsilon: of (epsilon, delta)-differential privacy for adding or removing one example; infinite
            without noise.
        delta: probability that is left out of the promise.
        noise_multiplier: standard deviation of the noise, in units of the clip.
        rate: probability with which an example takes part in a step.
        steps: number of steps.
        clipped: share of the gradients that were longer than the clip.
        seconds: of the training, without the accounting.
    """

    epsilon: float
    delta: float
    noise_multiplier: float
    rate: float
    steps: int
    clipped: float
    seconds: float


def epsilon(
    noise_multiplier: float, rate: float, steps: int, delta: float, accountant: str = "pld"
) -> float:
    """The epsilon that so many steps of the Gaussian mechanism with Poisson sampling spend.

    For neighbours that differ by one example more or less. Rounding is always upwards.

    Args:
        noise_multiplier: standard deviation of the noise over the clip.
        rate: probability with which an example takes part in a step.
        steps: number of steps.
        delta: above 0, below 1; usually below one over the number of examples.
        accountant: "pld" (privacy loss distributions, Doroshenko et al. 2022: tight) or "rdp" (Rényi
            differential privacy, Mironov et al. 2019: quicker for many steps, and up to a fifth
            larger).

    Raises:
        ValueError: a number that cannot be, or no accountant of that name.
    """
    _check_accounting(noise_multiplier, rate, steps, delta)
    if accountant not in ("pld", "rdp"):
        raise ValueError(f"accountant is {accountant!r}; there are 'pld' and 'rdp'")
    if noise_multiplier == 0:
        return math.inf
    import dp_accounting as accounting

    if accountant == "pld":
        counter = accounting.pld.PLDAccountant(value_discretization_interval=INTERVAL)
    else:  # whole orders: fractional ones may not converge
        counter = accounting.rdp.RdpAccountant(orders=[*range(2, 65), 80, 96, 128, 192, 256])
    event = accounting.GaussianDpEvent(noise_multiplier)
    if rate < 1:
        event = accounting.PoissonSampledDpEvent(rate, event)
    counter.compose(event, steps)
    return float(counter.get_epsilon(delta))


def noise_for(
    target: float, rate: float, steps: int, delta: float, tolerance: float = 0.005
) -> float:
    """The smallest noise multiplier, to a relative `tolerance`, that spends at most `target`.

    Raises:
        ValueError: a number that cannot be, or a target that no noise up to 1,000 reaches.
    """
    if not (_number(target) and 0 < target < math.inf):
        raise ValueError(f"target is {target!r}; an epsilon to aim at is above 0 and finite")
    low, high = 0.3, 1.0
    while epsilon(high, rate, steps, delta) > target:
        low, high = high, 2 * high
        if high > 1000:
            raise ValueError(f"no noise up to 1,000 brings epsilon down to {target}")
    if epsilon(low, rate, steps, delta) <= target:
        return low
    while high / low > 1 + tolerance:
        middle = math.sqrt(low * high)
        low, high = (
            (low, middle) if epsilon(middle, rate, steps, delta) <= target else (middle, high)
        )
    return high


def poisson(num_examples: int, rate: float, rng: np.random.Generator) -> np.ndarray:
    """Which examples take part in a step, each with probability `rate` by itself: (n,), n varies."""
    return np.flatnonzero(rng.random(num_examples) < rate)


class Trainer:
    """Trains a Keras model with gradients clipped one by one. TensorFlow only.

    Args:
        model: a built model whose examples do not see each other: no batch normalisation.
        loss: `loss(model, x, y)` gives the loss of a batch of one example, a scalar; it must draw
            nothing at random (no dropout). y is None if `fit` gets none.
        microbatch: examples whose gradients are in memory at once.

    Raises:
        ValueError: the model mixes its examples, or has nothing to train.
        RuntimeError: the backend is not TensorFlow.
    """

    def __init__(self, model: Any, loss: Callable, microbatch: int = MICROBATCH) -> None:
        import keras

        if keras.backend.backend() != "tensorflow":
            raise RuntimeError(
                f"per-example gradients need TensorFlow, and Keras runs on "
                f"{keras.backend.backend()} here: set KERAS_BACKEND=tensorflow"
            )
        if not model.trainable_variables:
            raise ValueError("the model has no variables yet: call it once, or build it")
        mixing = [
            layer.name
            for layer in model._flatten_layers()
            if isinstance(layer, keras.layers.BatchNormalization)
        ]
        if mixing:
            raise ValueError(
                f"{mixing[0]} normalises over the batch, so that examples see each other and "
                "clipping one by one means nothing: use LayerNormalization or GroupNormalization"
            )
        if microbatch < 1:
            raise ValueError(f"microbatch is {microbatch!r}; it is at least 1")
        self.model, self.loss, self.microbatch = model, loss, microbatch
        self._clipped = _per_example(model, loss)

    def clipped_sum(
        self, x: np.ndarray, y: np.ndarray | None = None, clip: float = math.inf
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """The sum of the examples' gradients, each shortened to the length `clip` if it is longer.

        Args:
            x, y: examples (n, ...) and their targets (n, ...); n may be 0.
            clip: the greatest length of a gradient over all variables together.

        Returns:
            the sum, an array a variable; and the lengths before clipping, (n,)

        Raises:
            ValueError: x and y differ in length, or a gradient is not finite.
        """
        if y is not None and len(x) != len(y):
            raise ValueError(f"{len(x)} examples and {len(y)} targets: give one target each")
        total = [np.zeros(tuple(v.shape), "float64") for v in self.model.trainable_variables]
        lengths = [np.zeros(0)]
        limit = np.float32(min(clip, np.finfo("float32").max))
        for start in range(0, len(x), self.microbatch):
            part = slice(start, start + self.microbatch)
            inside = len(x[part])
            pad = self.microbatch - inside  # a fixed shape is compiled once; padding counts 0
            counts = np.r_[np.ones(inside, "float32"), np.zeros(pad, "float32")]
            targets = None if y is None else _padded(y[part], pad)
            sums, found = self._clipped(_padded(x[part], pad), targets, counts, limit)
            total = [a + np.asarray(b, "float64") for a, b in zip(total, sums, strict=True)]
            lengths.append(np.asarray(found)[:inside])
        lengths = np.concatenate(lengths)
        if not np.isfinite(lengths).all():
            raise ValueError("the gradient of an example is not finite: lower the learning rate")
        return total, lengths

    def fit(
        self, x: np.ndarray, y: np.ndarray | None = None, *, steps: int, rate: float,
        clip: float, noise_multiplier: float, optimizer: Any, delta: float,
        seed: int | None = None,
    ) -> Spent:  # fmt: skip
        """Train privately, and say what it spent.

        Args:
            x, y: the private examples, of which one more or less is to make no difference.
            steps: how many.
            rate: probability with which an example takes part in a step.
            clip: the greatest length of one example's gradient.
            noise_multiplier: standard deviation of the noise, in units of the clip. 0 is not private.
            optimizer: a Keras optimizer. It sees noisy gradients only.
            delta: see `epsilon`.
            seed: None draws sampling and noise from the system's entropy. With a number a run can be
                repeated, and whoever knows it can subtract the noise: for teaching only.

        Raises:
            ValueError: a number that cannot be, or noise without a finite clip.
        """
        import time

        _check_accounting(noise_multiplier, rate, steps, delta)
        if not len(x):
            raise ValueError("there are no examples to train on")
        if not (_number(clip) and clip > 0) or (noise_multiplier and clip == math.inf):
            raise ValueError(f"clip is {clip!r}; it is above 0, and finite if there is noise")
        started = time.perf_counter()
        rng = np.random.default_rng(seed)
        variables = self.model.trainable_variables
        num_clipped = num_seen = 0
        for _ in range(steps):
            rows = poisson(len(x), rate, rng)
            total, lengths = self.clipped_sum(x[rows], None if y is None else y[rows], clip)
            num_clipped, num_seen = num_clipped + (lengths > clip).sum(), num_seen + len(rows)
            # The expected number of examples, not the number drawn, which is private as well.
            mean = [
                (part + _noise(part.shape, noise_multiplier, clip, rng)) / (rate * len(x))
                for part in total
            ]
            optimizer.apply_gradients(
                [(part.astype("float32"), v) for part, v in zip(mean, variables, strict=True)]
            )
        seconds = time.perf_counter() - started
        return Spent(
            epsilon(noise_multiplier, rate, steps, delta), delta, noise_multiplier, rate, steps,
            float(num_clipped / max(1, num_seen)), seconds,
        )  # fmt: skip


def _noise(
    shape: Sequence[int], multiplier: float, clip: float, rng: np.random.Generator
) -> np.ndarray | float:
    return rng.normal(0.0, multiplier * clip, shape) if multiplier else 0.0


def _per_example(model: Any, loss: Callable) -> Callable:
    """A compiled function: padded examples in, the sum of clipped gradients and lengths out."""
    import tensorflow as tf

    variables = [v.value for v in model.trainable_variables]

    def one(x, y, counts, clip):
        batch = None if y is None else y[None]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            value = loss(model, x[None], batch)
        found = tape.gradient(value, variables, unconnected_gradients="zero")
        found = [tf.convert_to_tensor(g) for g in found]  # sparse gradients of embeddings
        length = tf.sqrt(tf.add_n([tf.reduce_sum(tf.square(g)) for g in found]))
        shorten = counts * tf.minimum(1.0, clip / tf.maximum(length, 1e-12))
        return [g * shorten for g in found], length

    @tf.function
    def clipped(x, y, counts, clip):
        if y is None:
            grads, lengths = tf.vectorized_map(lambda e: one(e[0], None, e[1], clip), (x, counts))
        else:
            grads, lengths = tf.vectorized_map(lambda e: one(*e, clip), (x, y, counts))
        return [tf.reduce_sum(g, axis=0) for g in grads], lengths

    return clipped


def _padded(part: np.ndarray, pad: int) -> np.ndarray:
    part = np.asarray(part)
    return np.concatenate([part, np.repeat(part[:1], pad, axis=0)]) if pad else part


def _check_accounting(noise_multiplier: float, rate: float, steps: int, delta: float) -> None:
    if not (_number(noise_multiplier) and 0 <= noise_multiplier < math.inf):
        raise ValueError(f"noise_multiplier is {noise_multiplier!r}; it is 0 or more, and finite")
    if not (_number(rate) and 0 < rate <= 1):
        raise ValueError(f"rate is {rate!r}; a probability of taking part is above 0, at most 1")
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 1:
        raise ValueError(f"steps is {steps!r}; it must be a whole number, 1 or more")
    if not (_number(delta) and 0 < delta < 1):
        raise ValueError(f"delta is {delta!r}; it is above 0 and below 1, for instance 1e-5")


def _number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)
