"""What lab 10 hands to the learner: handwritten digits, and a network that saw them in good light."""

from __future__ import annotations

import functools
import warnings
from typing import Any, NamedTuple

import numpy as np

SIDE, CLASSES, TRAIN = 8, 10, 1300


class Scene(NamedTuple):
    """A network made for good light, and images (N, 64) in another light with their digits (N,)."""

    model: Any
    x_train: np.ndarray
    y_train: np.ndarray
    x_val: np.ndarray
    y_val: np.ndarray


def scene(seed: int = 0) -> Scene:
    """The task of the challenge: the same digits, photographed under a lamp at one side.

    Args:
        seed: from where the lamp shines. The check draws other seeds.
    """
    images, labels = _digits()
    lit = under_lamp(images, seed)
    return Scene(network(), lit[:TRAIN], labels[:TRAIN], lit[TRAIN:], labels[TRAIN:])


def under_lamp(images: np.ndarray, seed: int) -> np.ndarray:
    """Images (N, 64) with less contrast, and brighter towards one side."""
    angle = np.random.default_rng([seed, 10]).uniform(0, 2 * np.pi)
    place = np.arange(SIDE) / (SIDE - 1) - 0.5
    field = (np.cos(angle) * place[:, None] + np.sin(angle) * place).ravel()
    return (0.4 * images * (1 + 0.8 * field) + 0.5 + 0.6 * field).astype("float32")


def network() -> Any:
    """The network, which reads 98% of the digits in good light: 64, 32, 32, 10 logits; not frozen."""
    import keras

    layers = keras.layers
    model = keras.Sequential([
        keras.Input((SIDE * SIDE,)),
        layers.Dense(32, "relu", name="hidden_1"),
        layers.Dense(32, "relu", name="hidden_2"),
        layers.Dense(CLASSES, name="logits"),
    ], name="reader")  # fmt: skip
    model.set_weights(_weights())
    return model


@functools.cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    found = load_digits()
    order = np.random.default_rng(0).permutation(len(found.target))
    return (found.data[order] / 16).astype("float32"), found.target[order].astype("int32")


@functools.cache
def _weights() -> tuple[np.ndarray, ...]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    images, labels = _digits()
    known = MLPClassifier((32, 32), random_state=0, max_iter=80, learning_rate_init=5e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        known.fit(images[:TRAIN], labels[:TRAIN])
    pairs = zip(known.coefs_, known.intercepts_, strict=True)
    return tuple(w.astype("float32") for pair in pairs for w in pair)
