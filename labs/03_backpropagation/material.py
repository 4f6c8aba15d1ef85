"""What lab 3 hands to the learner: notebook 04's engine, and a chain of layers that counts.

The engine is notebook 04's, except that a backward pass can be handed the order of the values.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np


class Value:
    """A number that remembers which values it was made from, and its slope for each."""

    def __init__(self, data: float, inputs: Iterable = (), slopes: Iterable = (), name: str = ""):
        self.data, self.name = data, name
        self.inputs, self.slopes = tuple(inputs), tuple(slopes)
        self.grad = 0.0

    def __repr__(self):
        return f"Value({self.data!r})"

    def __add__(self, other):
        other = as_value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0), "+")

    def __mul__(self, other):
        other = as_value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data), "*")

    def __sub__(self, other):
        other = as_value(other)
        return Value(self.data - other.data, (self, other), (1.0, -1.0), "-")

    def __pow__(self, power):
        slope = power * self.data ** (power - 1)
        return Value(self.data**power, (self,), (slope,), f"power {power}")

    def __truediv__(self, other):
        return self * as_value(other) ** -1.0

    def __rsub__(self, other):
        return as_value(other) - self

    def __rtruediv__(self, other):
        return as_value(other) / self

    def __neg__(self):
        return 0.0 - self

    __radd__, __rmul__ = __add__, __mul__

    def exp(self) -> Value:
        """The exponential."""
        result = math.exp(self.data)
        return Value(result, (self,), (result,), "exp")

    def log(self) -> Value:
        """The natural logarithm."""
        return Value(math.log(self.data), (self,), (1 / self.data,), "log")

    def tanh(self) -> Value:
        """The hyperbolic tangent."""
        result = math.tanh(self.data)
        return Value(result, (self,), (1 - result**2,), "tanh")

    def relu(self) -> Value:
        """Keep a positive number, make any other 0."""
        return Value(max(0.0, self.data), (self,), (float(self.data > 0),), "relu")

    def backward(self, order: list[Value] | None = None) -> None:
        """Set `grad` of every value that this one depends on.

        Args:
            order: the values, each after those it was made from. Left out, notebook 04's recursive
                way finds them, which fails when the graph is deep.
        """
        order = _by_recursion(self) if order is None else list(order)
        for value in order:
            value.grad = 0.0
        self.grad = 1.0
        for value in reversed(order):
            for source, slope in zip(value.inputs, value.slopes, strict=True):
                source.grad += value.grad * slope


def as_value(x: float | Value) -> Value:
    """A plain number becomes a Value; a Value stays what it is."""
    return Value(x, name=f"{x:g}") if isinstance(x, int | float) else x


def _by_recursion(result: Value) -> list[Value]:
    order, seen = [], set()

    def visit(value: Value) -> None:
        if value not in seen:
            seen.add(value)
            for source in value.inputs:
                visit(source)
            order.append(value)

    visit(result)
    return order


class WrongUse(ValueError):
    """Raised by a layer that is called with what does not belong to it. `key` names the mistake."""

    def __init__(self, key: str, text: str):
        super().__init__(text)
        self.key = key


class Activation:
    """A value between two layers. It cannot be looked into, and its chain counts it while it lives."""

    def __init__(self, chain: Chain, place: int, data: np.ndarray):
        self._chain, self._place, self._data = chain, place, data
        chain._held += 1
        chain.most_held = max(chain.most_held, chain.held)

    def __del__(self):
        self._chain._held -= 1

    def __copy__(self):
        return Activation(self._chain, self._place, self._data)

    def __deepcopy__(self, _memo):
        return self.__copy__()

    def __repr__(self):
        return f"<the value before layer {self._place} of {self._chain!r}>"


class Layer:
    """One layer of a chain: `forward(x)`, and `backward(x, grad)` with the x of its forward pass."""

    def __init__(self, chain: Chain, place: int, weights: np.ndarray):
        self._chain, self._place, self._weights = chain, place, weights

    def __repr__(self):
        return f"<layer {self._place} of {self._chain!r}>"

    def forward(self, x: Activation) -> Activation:
        """The value after this layer, from the one before it."""
        self._belongs(x, "forward")
        self._chain.forward_calls += 1
        data = x._data + 0.1 * np.tanh(self._weights @ x._data)
        made = Activation(self._chain, self._place + 1, data)
        self._chain.history.append(self._chain.held)
        return made

    def backward(self, x: Activation, grad: np.ndarray) -> np.ndarray:
        """The gradient for the value before this layer, from the one for the value after it.

        Args:
            x: the value before this layer.
            grad: the gradient of the loss for the value after this layer.
        """
        self._belongs(x, "backward")
        self._chain.history.append(self._chain.held)
        inner = np.asarray(grad) * (1 - np.tanh(self._weights @ x._data) ** 2)
        return grad + 0.1 * inner @ self._weights

    def _belongs(self, x: Activation, way: str) -> None:
        if not isinstance(x, Activation):
            raise WrongUse("type", f"Layer {self._place} was handed {type(x).__name__}, no value.")
        if x._place != self._place:
            after = way == "backward" and x._place == self._place + 1
            text = f"{way} of layer {self._place} was handed the value before layer {x._place}."
            raise WrongUse("output" if after else "place", text)


class Chain:
    """Layers in a row, which count the values that are held and the forward calls.

    Attributes:
        layers: the layers, first to last.
        x: the value before the first layer. It is not counted, for the caller holds it anyway.
        most_held: the most values that lived at one time, so far.
        forward_calls: how many times a layer was called forward, so far.
        history: how many values lived at each call, forward or backward.
    """

    def __init__(self, num_layers: int, seed: int = 0, width: int = 4):
        rng = np.random.default_rng(seed)
        self._about = f"a chain of {num_layers} (seed {seed})"
        self._held, self.most_held, self.forward_calls, self.history = -1, 0, 0, []
        self.x = Activation(self, 0, rng.normal(size=width))
        weights = rng.normal(size=(num_layers, width, width))
        self.layers = [Layer(self, place, w) for place, w in enumerate(weights)]

    def __repr__(self):
        return self._about

    @property
    def held(self) -> int:
        """How many values live now."""
        return self._held
