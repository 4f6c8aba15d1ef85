"""What lab 2 checks, and the hints it gives."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from helpers.attempts import Failed, shown
from helpers.labs import Attempt, task

# --- dense


@task(
    points=1,
    transposed=("The weights are used the wrong way round.",
                "In this lab a row of `weights` belongs to a unit, as PyTorch stores it; in the "
                "notebook a column did. A square matrix hides the mistake."),
    bias=("Each bias is added to another axis than that of its unit.",
          "bias has one number for each unit, and the units are the last axis of the result. NumPy "
          "lines shapes up from the right: which shape does yours have when it is added?"),
    no_bias=("The bias is missing.", "Each unit adds a number of its own to its weighted sum."),
    axes=("With more axes in front, or with none, the result is not what it should be.",
          "All that stands in front of the last axis stays as it is. Does your product treat a text "
          "(batch, words, features) as it treats a batch, and one single example as well?"),
)  # fmt: skip
def dense(attempt: Attempt) -> None:
    """A dense layer for any number of axes."""
    cases = [("a batch of 4", (4,), 3, 5), ("a batch of 3 with 3 inputs and 3 units", (3,), 3, 3),
             ("a batch as large as the layer is wide", (5,), 2, 5), ("one unit", (6,), 4, 1),
             ("a batch of 2 texts of 5 words", (2, 5), 4, 3),
             ("two axes in front, all of one size", (3, 3), 3, 3), ("a single example", (), 4, 3),
             ("three axes in front", (2, 1, 3), 2, 2)]  # fmt: skip
    for what, front, num_inputs, num_units in cases:
        x = attempt.rng.normal(size=(*front, num_inputs))
        weights = attempt.rng.normal(size=(num_units, num_inputs))
        bias = attempt.rng.normal(size=num_units) + 1
        about = f"for {what}"
        try:
            got = attempt.call(x, weights, bias)
        except ValueError as error:
            key = "transposed" if len(front) == 1 else "axes"
            raise Failed(key, f"NumPy said {about}: {error}") from None
        want = x @ weights.T + bias
        made = attempt.array(got, want.shape, "f", about=about)
        mistakes = {"no_bias": x @ weights.T}
        if num_inputs == num_units:
            mistakes["transposed"] = x @ weights + bias
        if len(front) == 1 and front[0] == num_units:
            mistakes["bias"] = x @ weights.T + bias[:, None]
        attempt.agrees(made, want, mistakes, "axes" if len(front) != 1 else "values", about)
        attempt.passed(what)


# --- widest


def _count(num_inputs: int, width: int, depth: int, num_outputs: int, bias: bool = True) -> int:
    sizes = [num_inputs, *[width] * depth, num_outputs]
    return sum(a * b + (b if bias else 0) for a, b in itertools.pairwise(sizes))


def _widest(count: Callable[[int], int], budget: int) -> int:
    low, high = 0, 1
    while count(high) <= budget:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) <= budget else (low, middle)
    return low


@task(
    points=1,
    bias=("The biases are not counted.", "Each unit has a weight for each input, and what else?"),
    output=("The output layer is not counted as it should be.",
            "From the last hidden layer to the outputs there are weights and biases, too."),
    layers=("The number of weights between two hidden layers is not what it should be.",
            "n hidden layers have n - 1 gaps between them. How many matrices are that, and how large "
            "is each?"),
    over=("The network has more parameters than the budget allows.",
          "The count of your width must not exceed the budget: compute it once more at the end. A "
          "square root is rounded, and may be one too large."),
    under=("A wider network would still be within the budget.",
           "Take your width plus one and count. May the count be equal to the budget?"),
)  # fmt: skip
def widest(attempt: Attempt) -> None:
    """The widest network that a budget of parameters allows."""
    rng = attempt.rng
    cases = [
        (2, 3, 1, int(rng.integers(5_000, 9_000))),
        (2, 3, 3, int(rng.integers(40_000, 90_000))),
    ]
    for depth in (1, 2, 3, 6):
        num_inputs, num_outputs, width = (int(n) for n in rng.integers(2, 60, 3))
        exact = _count(num_inputs, width, depth, num_outputs)
        after = _count(num_inputs, width + 1, depth, num_outputs)
        budgets = (exact, exact - 1, int(rng.integers(exact, after)))
        cases += [(num_inputs, num_outputs, depth, budget) for budget in budgets]
    cases += [(784, 10, 2, int(rng.integers(10**6, 5 * 10**6))), (5, 3, 2, 4)]
    for i, (num_inputs, num_outputs, depth, budget) in enumerate(cases):
        about = (
            f"for {num_inputs} inputs, {num_outputs} outputs, {depth} hidden "
            f"layer{'s' * (depth > 1)} and {budget:,} parameters"
        )
        made = attempt.call(num_inputs, num_outputs, depth, budget)
        attempt.number(made, about)
        told = f"An int was expected {about}, and this came: {shown(made)}"
        attempt.require(np.asarray(made).dtype.kind in "iu", "type", told)
        got = int(made)
        want = _best(num_inputs, num_outputs, depth, budget)
        mistakes: dict[str, float] = {}
        if i == 0:  # here each mistake gives another width
            mistakes["bias"] = _best(num_inputs, num_outputs, depth, budget, bias=False)
            mistakes["output"] = _best(num_inputs, 0, depth, budget)
        if i < 2:
            wrong = (1, 2) if i == 0 else (-1, 1, 2)
            other = [_best(num_inputs, num_outputs, depth + n, budget) for n in wrong]
            mistakes["layers"] = got if got in other else -1
        attempt.agrees(got, want, mistakes, "over" if got > want else "under", about, 1e-9)
    attempt.passed(f"{len(cases)} budgets, some met to the last parameter")


def _best(num_inputs: int, num_outputs: int, depth: int, budget: int, bias: bool = True) -> int:
    return _widest(lambda width: _count(num_inputs, width, depth, num_outputs, bias), budget)


# --- log_sigmoid


def _log_sigmoid(z: np.ndarray) -> np.ndarray:
    return np.minimum(z, 0) - np.log1p(np.exp(-np.abs(z)))


@task(
    points=2,
    sign=("The sign of z or of the result is wrong.",
          "The logarithm of a number between 0 and 1 is negative, and for a large z it is near 0."),
    base=("The logarithm has another base.", "In this field log is the natural one: np.log."),
    plain=("This is the sigmoid, not its logarithm.", "What is the logarithm of your result?"),
    low=("For a very negative z the result is infinite or not a number.",
         "There the sigmoid is smaller than the smallest float, and its logarithm is still a plain "
         "number, nearly z itself. For z < 0, take exp(z) out of the fraction, and the exponential "
         "that is left is a small one."),
    cut=("For a very negative z the result stops falling.",
         "A clipped z, or a small number added inside the logarithm, puts a floor under it. How wrong "
         "a badly wrong answer is would be lost."),
    high=("For a large z the result is not what it should be.",
          "It is about -exp(-z): small, but a number. 1 + 1e-20 is 1 in floats; NumPy has a function "
          "for log(1 + x) that knows this."),
)  # fmt: skip
def log_sigmoid(attempt: Attempt) -> None:
    """The logarithm of the sigmoid, for every z."""
    for shape in ((7,), (3, 4), ()):
        z = np.asarray(attempt.rng.normal(size=shape) * 2)
        want, about = _log_sigmoid(z), f"for z of shape {shape}"
        given = z if shape else float(z)
        got = attempt.array(attempt.call(given), shape, "f", finite=False, about=about)
        flipped = got if np.allclose(got, _log_sigmoid(-z)) else -want
        attempt.agrees(got, want, {
            "sign": flipped, "plain": np.exp(want), "base": _other_base(got, want),
        }, about=about)  # fmt: skip
    attempt.passed("ordinary numbers, in any shape")
    low = -np.sort(attempt.rng.uniform([30, 50, 800, 5_000], [40, 90, 1_000, 9_000]))
    got = attempt.array(attempt.call(low), (4,), "f", finite=False)
    saw = f"For z = {np.round(low, 1).tolist()} this came: {shown(got)}"
    attempt.require(np.isfinite(got).all(), "low", saw)
    attempt.require(np.allclose(got, _log_sigmoid(low), rtol=1e-5, atol=0), "cut", saw)
    attempt.passed("very negative numbers, down to the thousands")
    high = attempt.rng.uniform([15, 37, 60, 800], [20, 40, 80, 9_000])
    got = attempt.array(attempt.call(high), (4,), "f", finite=False)
    saw = f"For z = {np.round(high, 1).tolist()} this came: {shown(got)}"
    right = np.allclose(got, _log_sigmoid(high), rtol=1e-5, atol=0)
    attempt.require(right, "high", saw)
    attempt.passed("large numbers, to the last digit")


def _other_base(got: np.ndarray, want: np.ndarray) -> np.ndarray:
    return next((want / np.log(b) for b in (2, 10) if np.allclose(got, want / np.log(b))), want)


# --- weights_for


def relu(z):
    """What is negative becomes 0."""
    return np.maximum(z, 0)


def absolute(z):
    """Folded at 0."""
    return np.abs(z)


def tanh(z):
    """An S from -1 to 1."""
    return np.tanh(z)


def linear(z):
    """No activation."""
    return z


def sigmoid(z):
    """An S from 0 to 1."""
    return 1 / (1 + np.exp(-np.clip(z, -700, 700)))


def leaky(z):
    """A tenth of what is negative."""
    return np.where(z > 0, z, 0.1 * z)


def wave(z):
    """One that is in no book."""
    return 1.5 * np.sin(2 * z)


def _mean(values: Callable) -> float:
    """The mean of values(z), for z standard normal."""
    z = np.linspace(-8, 8, 20_001)
    density = np.exp(-(z**2) / 2)
    return float(np.sum(density * values(z)) / density.sum())


@task(
    points=2,
    seconds=30,  # some draw large batches to measure with
    no_scale=("The weights have the same spread whatever the number of inputs.",
              "How does the spread of a sum of n products grow with n?"),
    units=("The spread depends on the number of units instead of the number of inputs.",
           "How many products go into one sum? It is not the number of sums."),
    root=("The spread is the variance that it should have, or its root once too often.",
          "Normal numbers times s have the standard deviation s and the variance s**2. Which of the "
          "two has your formula?"),
    he=("The factor for ReLU comes for other activations, too.",
        "He et al. derived it for a function that lets half of all through. Measure what this one "
        "does: draw many standard normal z, and look at the squares of activation(z)."),
    ignored=("The activation is not taken into account.",
             "ReLU halves the mean of the squares. After ten layers, what is left of it?"),
    centred=("The spread of the activation's outputs was measured about their mean.",
             "Does it matter to the next sum whether an input is always 1, or 1 and -1 in turn? The "
             "squares of a sum with random weights grow with the squares of its inputs, mean and all."),
    inverse=("The activation changes the spread the wrong way round.",
             "An activation that makes its outputs small needs larger weights after it."),
    alike=("All units get the same weights, or all inputs do.",
           "Then they compute the same, and training never parts them. Draw each weight anew."),
    spread=("The spread of the weights is not what keeps the sums at a spread of 1.",
            "Draw a large batch of inputs, activation and all, send it through your weights, and "
            "measure the sums. By which factor are they off, and is it the same for all activations?"),
    seed=("Another seed gives the same weights, or the same seed gives others.",
          "np.random.default_rng(seed) makes a source of random numbers that depends on the seed "
          "alone."),
)  # fmt: skip
def weights_for(attempt: Attempt) -> None:
    """Weights that keep the spread, for any activation."""
    cases = [("ReLU", relu), ("no activation", linear), ("tanh", tanh),
             ("the absolute value", absolute), ("the sigmoid", sigmoid), ("a leaky ReLU", leaky),
             ("1.5 sin(2z)", wave)]  # fmt: skip
    for what, activation in cases:
        num_inputs = int(attempt.rng.integers(150, 180))  # so that no two mistakes agree
        num_units, seed = int(attempt.rng.integers(800, 880)), int(attempt.rng.integers(1000))
        about = f"for {num_inputs} inputs, {num_units} units and {what}"
        got = attempt.array(attempt.call(num_inputs, num_units, activation, seed),
                            (num_inputs, num_units), "f", about=about)  # fmt: skip
        _judge(attempt, got, activation, about)
        attempt.passed(what)
    first, again, other = (
        attempt.array(attempt.call(30, 20, relu, seed), (30, 20), "f") for seed in (1, 1, 2)
    )
    attempt.require(np.array_equal(first, again), "seed", "Seed 1 gave other weights again.")
    attempt.require(not np.array_equal(first, other), "seed", "Seeds 1 and 2 gave the same.")
    for what, activation in (("ReLU", relu), ("tanh", tanh), ("1.5 sin(2z)", wave)):
        sums = attempt.rng.normal(size=(200, 300))
        for layer in range(10):
            got = attempt.call(300, 300, activation, layer + 100)
            sums = activation(sums) @ attempt.array(got, (300, 300), "f")
        spread = float(np.sqrt(np.mean(sums**2)))
        saw = f"After ten layers of 300 units with {what}, the sums have a spread of {spread:.3g}."
        attempt.require(1 / 2 < spread < 2, "spread", saw)
        attempt.passed(f"ten layers with {what}: the spread went from 1 to {spread:.2f}")


def _judge(attempt: Attempt, got: np.ndarray, activation: Callable, about: str) -> None:
    (num_inputs, num_units), spread = got.shape, float(np.sqrt(np.mean(got**2)))
    squares = _mean(lambda z: activation(z) ** 2)
    variance = squares - _mean(activation) ** 2
    want = (num_inputs * squares) ** -0.5
    saw = f"The weights have a spread of {spread:.4g} {about}."
    same = np.allclose(got, got[:, :1]) or np.allclose(got, got[:1])
    attempt.require(not same, "alike", f"Whole rows or columns are the same {about}.")
    sums = activation(attempt.rng.normal(size=(1_000, num_inputs))) @ got
    close = [abs(spread / want - 1), abs(float(np.sqrt(np.mean(sums**2))) - 1)]
    if min(close) < 0.06:  # some scale each unit by its sums: then the weights say less
        attempt.require(abs(got.mean()) < 0.1 * want, "spread", f"{saw} Their mean is not 0.")
        return
    mistakes = [
        ("he", (2 / num_inputs) ** 0.5), ("ignored", num_inputs**-0.5),
        ("ignored", (2 / (num_inputs + num_units)) ** 0.5), ("root", want**2), ("root", want**0.5),
        ("units", (num_units * squares) ** -0.5), ("units", num_units**-0.5),
        ("units", (2 / num_units) ** 0.5), ("no_scale", 1.0), ("no_scale", squares**-0.5),
        ("no_scale", 0.1), ("no_scale", 0.01), ("no_scale", 0.05),
        ("centred", (num_inputs * variance) ** -0.5), ("inverse", (squares / num_inputs) ** 0.5),
    ]  # fmt: skip
    for key, value in mistakes:
        if abs(spread / value - 1) < 0.03:
            raise Failed(key, saw)
    raise Failed("spread", saw)


# --- folded

Layer = tuple[np.ndarray, np.ndarray, str]
BENDS: dict[str, Callable] = {"linear": linear, "relu": relu, "tanh": tanh, "sigmoid": sigmoid}


def _forward(x: np.ndarray, layers: Sequence[Layer]) -> np.ndarray:
    for weights, bias, activation in layers:
        x = BENDS[activation](x @ weights + bias)
    return x


def _fold(layers: Sequence[Layer], bias: str = "right", order: bool = False,
          which: str = "second") -> list[Layer]:  # fmt: skip
    """The right list, or with another setting what a common mistake leads to."""
    out: list[Layer] = []
    for layer in layers:
        if not out or out[-1][2] != "linear":
            out.append(layer)
            continue
        (w1, b1, g1), (w2, b2, g2) = out.pop(), layer
        product = w2 @ w1 if order else w1 @ w2
        sums = {"right": b1 @ w2 + b2, "added": b1 + b2 if b1.shape == b2.shape else b2,
                "second": b2, "first": b1 @ w2}  # fmt: skip
        out.append((product, sums[bias], g2 if which == "second" else g1))
    return out


@task(
    points=2,
    bias=("The network computes something else: the biases are not folded rightly.",
          "The first bias passes through the second layer's weights like any other number."),
    order=("The matrices are multiplied in the wrong order.",
           "In x @ first @ second the inputs come first. With square matrices the wrong order has the "
           "right shape."),
    bent=("A layer was folded that bends.",
          "relu(x) @ W is no weighted sum of x. Which activation must the first of two layers have, "
          "so that they are one?"),
    activation=("A folded layer has the wrong activation.",
                "The bend of the second layer comes after its sum; what came before was linear."),
    left=("There are still two neighbours that could be one.",
          "Three linear layers in a row become one. Does what you have just folded get another look? "
          "And may a layer that bends be the second of two?"),
    outputs=("The shorter network does not compute the same as the long one.",
             "Send one example through both by hand: after which layer do they differ?"),
)  # fmt: skip
def folded(attempt: Attempt) -> None:
    """Layers folded into one, where that is allowed."""
    rng = attempt.rng
    cases = [
        ("two linear layers", (3, 3, 3), ("linear", "linear")),
        ("a linear layer before a ReLU", (4, 6, 2), ("linear", "relu")),
        ("a ReLU before a linear layer", (4, 5, 2), ("relu", "linear")),
        ("three linear layers in a row", (3, 4, 2, 5), ("linear",) * 3),
        ("a mixed network", (2, 3, 4, 3, 5, 2, 3),
         ("linear", "relu", "linear", "linear", "tanh", "linear")),
        ("layers that all bend", (3, 3, 3, 3), ("relu", "relu", "sigmoid")),
        ("one layer", (3, 2), ("linear",)),
    ]  # fmt: skip
    for i in range(4):
        number = int(rng.integers(4, 9))
        kinds = rng.choice(["linear", "linear", "relu", "tanh", "sigmoid"], number)
        sizes = tuple(int(n) for n in rng.integers(2, 6, number + 1))
        cases.append((f"drawn network {i + 1}", sizes, tuple(map(str, kinds))))
    for what, sizes, kinds in cases:
        layers = [(rng.normal(size=pair), rng.normal(size=pair[1]), kind)
                  for pair, kind in zip(itertools.pairwise(sizes), kinds, strict=True)]  # fmt: skip
        x = rng.normal(size=(50, sizes[0])) * 2
        about = f"for {what} ({', '.join(kinds)})"
        _same(attempt, _layers(attempt.call(layers), sizes, about), layers, x, about)
        attempt.passed(what)


def _layers(got: Any, sizes: Sequence[int], about: str) -> list[Layer]:
    if got is None:
        raise Failed("empty", f"None came {about}.")
    wanted = f"A list of layers (weights, bias, activation) was expected {about}, and this came: "
    if not isinstance(got, list | tuple) or not got:
        raise Failed("type", wanted + shown(got))
    layers = []
    for layer in got:
        if not isinstance(layer, list | tuple) or len(layer) != 3 or not isinstance(layer[2], str):
            raise Failed("type", wanted + shown(got))
        try:
            weights, bias = (np.asarray(part, dtype=float) for part in layer[:2])
        except (TypeError, ValueError):
            raise Failed("type", wanted + shown(got)) from None
        if layer[2] not in BENDS:
            raise Failed("type", f"There is no activation {layer[2]!r} {about}.")
        layers.append((weights, bias, layer[2]))
    width = sizes[0]
    for weights, bias, _ in layers:
        fits = weights.ndim == 2 and len(weights) == width
        if not fits or bias.shape not in (weights.shape[1:], (1, weights.shape[1])):
            raise Failed("shape", f"The layers do not fit together {about}: weights {weights.shape} "
                                  f"and bias {bias.shape} for {width} inputs.")  # fmt: skip
        width = weights.shape[1]
    if width != sizes[-1]:
        raise Failed("shape", f"{sizes[-1]} outputs were expected {about}, and {width} came.")
    return layers


def _near(out: np.ndarray, want: np.ndarray) -> bool:
    return np.allclose(out, want, rtol=1e-4, atol=1e-5 * float(np.abs(want).max()))


def _same(attempt: Attempt, got: list[Layer], layers: list[Layer], x: np.ndarray, about: str):
    want, out = _fold(layers), _forward(x, got)
    kinds = f"Activations of your layers {about}: {', '.join(kind for _, _, kind in got)}."
    if _near(out, _forward(x, layers)):
        attempt.require(len(got) <= len(want), "left", kinds)
        return
    attempt.require(len(got) >= len(want), "bent", kinds)
    known = {"bias": [_fold(layers, bias=way) for way in ("added", "second", "first")],
             "activation": [_fold(layers, which="first")]}  # fmt: skip
    if all(w.shape[0] == w.shape[1] for w, _, _ in layers):
        known["order"] = [_fold(layers, order=True)]
    for key, networks in known.items():
        if any(_near(out, _forward(x, network)) for network in networks):
            raise Failed(key, kinds)
    ends = [kind for _, _, kind in want] != [kind for _, _, kind in got]
    raise Failed("activation" if ends and len(got) == len(want) else "outputs", kinds)


# --- target

MOST = 12  # hidden units of a pass
ZONES = {"disc": (0.0, 1.0), "ring": (2.0, 3.0), "rim": (4.0, 5.0)}


def _points(rng: np.random.Generator, centre: Sequence[float], unit: float, number: int = 800):
    """Points of each zone, its two edges among them."""
    found = {}
    for name, (low, high) in ZONES.items():
        angle = rng.uniform(0, 2 * np.pi, number)
        radius = np.sqrt(rng.uniform(low**2, high**2, number))
        radius[: number // 4], radius[number // 4 : number // 2] = low, high
        around = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        found[name] = np.asarray(centre) + unit * radius[:, None] * around
    return found


@task(
    points=3,
    sign=("The network says the opposite of what it should, everywhere.",
          "Its answer is 1 where the output is above 0. Is your output above 0 in the disc, and which "
          "parts decide that?"),
    disc=("Points of the inner disc are taken for the ring.",
          "In the middle the output must be above 0. Which units are at work there, and what do they "
          "and the output's bias add up to?"),
    ring=("Points of the ring are taken for the disc or the rim.",
          "Look at the output along a line from the centre outwards: it has to fall below 0 before 2 "
          "units, and stay there up to 3, in every direction. In which direction does it fail?"),
    rim=("Points of the outer rim are taken for the ring.",
         "Units that begin only beyond the ring must push the output up again, more steeply than the "
         "others push it down, and in every direction."),
    centre=("It works about the origin, and not about another centre.",
            "A unit computes w @ x + b. For it to see x - centre, what must be in b?"),
    unit=("It works for unit = 1, and not for another size of the pattern.",
          "A hinge at distance c lies at c times unit. What must be multiplied, the weights or the "
          "bias? And what becomes of the output's bias?"),
    many=("Every point is right, and there are more than 12 hidden units.",
          "How many straight lines does it take to enclose the disc so that none of it is cut and no "
          "point of the ring is inside? And need a unit's hinge lie on the boundary?"),
)  # fmt: skip
def target(attempt: Attempt) -> None:
    """Challenge: a bull's eye with few hidden units."""
    rng = attempt.rng
    place = [tuple(rng.uniform(-scale, scale, 2).tolist()) for scale in (6, 20)]
    cases = [("about the origin, with unit 1", (0.0, 0.0), 1.0, ""),
             ("about another centre", place[0], 1.0, "centre"),
             ("of a smaller size", (0.0, 0.0), float(rng.uniform(0.05, 0.4)), "unit"),
             ("of a larger size", (0.0, 0.0), float(rng.uniform(5, 40)), "unit"),
             ("of another size about another centre", place[1], float(rng.uniform(2, 5)), "centre"),
            ]  # fmt: skip
    widths = []
    for what, centre, unit, moved in cases:
        about = f"for a pattern {what}"
        network = _network(attempt, attempt.call(np.array(centre), unit), about)
        widths.append(len(network[1]))
        wrong, total, opposite = {}, 0, True
        for name, x in _points(rng, centre, unit).items():
            output = np.maximum(x @ network[0] + network[1], 0) @ network[2] + network[3]
            missed = int(np.sum((output > 0) != (name != "ring")))
            wrong |= {name: missed} if missed else {}
            opposite = opposite and missed == len(x)
            total += len(x)
        if wrong:
            told = ", ".join(f"{number} of the {name}" for name, number in wrong.items())
            saw = f"Of {total} points {about}, these are wrong: {told}. Units: {widths[-1]}."
            attempt.require(not opposite, "sign", saw)
            raise Failed(moved or max(wrong, key=lambda name: wrong[name]), saw)
        attempt.passed(what)
    most = max(widths)
    attempt.score(f"{most} hidden units, every point right", -most)
    attempt.require(most <= MOST, "many", f"There are {most} hidden units.")
    attempt.passed(f"{most} hidden units")


def _network(attempt: Attempt, got: Any, about: str) -> tuple:
    if got is None:
        raise Failed("empty", f"None came {about}.")
    if not isinstance(got, list | tuple) or len(got) != 4:
        raise Failed("type", f"Four parts were expected {about}, and this came: {shown(got)}")
    weights = attempt.array(got[0], (2, None), "iuf", about=f"as hidden weights {about}")
    number = weights.shape[1]
    bias = attempt.array(got[1], (number,), "iuf", about=f"as hidden biases {about}")
    last = attempt.array(got[2], None, "iuf", about=f"as output weights {about}")
    wanted = f"Output weights of shape ({number},) were expected {about}, and {last.shape} came."
    attempt.require(last.shape in ((number,), (number, 1)), "shape", wanted)
    return weights, bias, last.reshape(-1), attempt.number(got[3], f"as output bias {about}")
