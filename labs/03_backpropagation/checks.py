"""What lab 3 checks, and the hints it gives."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from helpers import labs
from helpers.attempts import Failed, shown
from helpers.labs import Attempt, task

given = labs.material("lab03")
Value = given.Value


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))


def _reachable(result: Value) -> list[Value]:
    """Every value that `result` depends on, each after those it was made from, without recursion."""
    order, seen, stack = [], set(), [(result, False)]
    while stack:
        value, ready = stack.pop()
        if ready:
            order.append(value)
        elif id(value) not in seen:
            seen.add(id(value))
            stack.append((value, True))
            stack += [(source, False) for source in value.inputs]
    return order


def _slopes(result: Value, leaves: list[Value]) -> list[float]:
    """The slope of `result` for each of `leaves`, which no attribute `grad` can have changed."""
    order = _reachable(result)
    slopes = {id(value): 0.0 for value in [*leaves, *order]}
    slopes[id(result)] = 1.0
    for value in reversed(order):
        for source, slope in zip(value.inputs, value.slopes, strict=True):
            slopes[id(source)] += slopes[id(value)] * float(slope)
    return [slopes[id(leaf)] for leaf in leaves]


def _made(attempt: Attempt, value: Value, about: str) -> Value:
    """What the learner's operation makes of a Value."""
    try:
        got = attempt.call(value, keep=False)
    except TypeError as error:
        if "not iterable" not in str(error):
            raise
        raise Failed("cut", f"{error} {about}.") from None
    except (OverflowError, ValueError, ZeroDivisionError) as error:
        if abs(value.data) < 100:
            raise
        raise Failed("overflow", f"{type(error).__name__} {about}.") from None
    attempt.require(got is not None, "empty", f"None came {about}.")
    fields = all(hasattr(got, name) for name in ("data", "inputs", "slopes"))
    wanted = f"A Value was expected {about}, and this came: {shown(got)}"
    attempt.require(fields and not isinstance(got, type), "type", wanted)
    parts = [value for value in _reachable(got) if len(value.inputs) != len(value.slopes)]
    attempt.require(not parts, "cut", f"A box has inputs without slopes {about}.")
    known = any(part is value for part in _reachable(got))
    attempt.require(known, "cut", f"The result does not lead back to the input {about}.")
    return got


@task(
    points=1,
    cut=("The new box does not know what it was made from, or not its slope for it.",
         "Value(data, inputs, slopes): a box with one input needs a tuple of one Value and a tuple of "
         "one number. (a,) is a tuple, (a) is not; and it is the Value that goes in, not its data."),
    chain=("The value is right. Its slope lacks a factor of the chain rule.",
           "There is an exponential inside a logarithm. What is the slope of each, and which number "
           "goes into the outer one?"),
    mirrored=("The value is right. Its slope falls where it should grow.",
              "Far to the left the curve is flat, far to the right it climbs like ReLU: what does "
              "yours say there? Look at the sign inside the exponential, and count the factors of the "
              "chain rule."),
    twice=("The value is right, and the slope is one derivative too far.",
           "The slope of softplus lies between 0 and 1 and only grows. What you have is small on both "
           "sides: it is the slope of that curve."),
    overflow=("For numbers of large size it breaks.",
              "math.exp(800) is too large for a float, math.exp(-800) is just 0. Write the same curve "
              "so that no exponential of a large positive number is ever taken; the slope as well."),
    small=("Where value or slope is tiny, its digits are lost.",
           "1 + 1e-17 is 1 in floats, and 1 - 0.9999... leaves only the digits that differ. Which "
           "function of math is made for log(1 + x) with a small x? And how do you write a small "
           "slope with no difference in it?"),
)  # fmt: skip
def softplus(attempt: Attempt) -> None:
    """A new operation with its slope."""
    for x in np.round(attempt.rng.uniform(-4, 4, 6), 3).tolist():
        about, a = f"for an input of {x}", Value(x)
        got = _made(attempt, a, about)
        attempt.agrees(attempt.number(got.data, about), math.log1p(math.exp(x)), about=about)
        slope, p = _slopes(got, [a])[0], _sigmoid(x)
        mistakes = {"mirrored": 1 - p, "twice": p * (1 - p)}
        if abs(slope - math.exp(x)) < 1e-6:
            mistakes["chain"] = slope
        attempt.agrees(slope, p, mistakes, about=f"as the slope, {about}")
    attempt.passed("six numbers of ordinary size, value and slope")
    a, b = map(Value, np.round(attempt.rng.uniform(0.5, 2, 2), 3).tolist())
    inner = a * b
    result = _made(attempt, inner, "in the middle of a formula") * a + b
    p = _sigmoid(inner.data)
    want = [b.data * p * a.data + math.log1p(math.exp(inner.data)), a.data * p * a.data + 1]
    attempt.agrees(_slopes(result, [a, b]), want, about="as slopes of a formula around it")
    attempt.passed("a formula around it")
    for x in (800.0, -800.0, float(np.round(attempt.rng.uniform(900, 5000)))):
        about, a = f"for an input of {x:g}", Value(x)
        got = _made(attempt, a, about)
        value, slope = float(got.data), _slopes(got, [a])[0]
        saw = f"Value {value}, slope {slope} {about}."
        attempt.require(math.isfinite(value) and math.isfinite(slope), "overflow", saw)
        attempt.agrees([value, slope], [max(x, 0.0), float(x > 0)], {}, "overflow", about)
    attempt.passed("numbers far from zero")
    for x in np.round(attempt.rng.uniform([28, 38, -32, -42], [32, 42, -28, -38]), 2).tolist():
        about, a = f"for an input of {x:g}", Value(x)
        got = _made(attempt, a, about)
        value, slope = attempt.number(got.data, about), _slopes(got, [a])[0]
        wanted = max(x, 0.0) + math.log1p(math.exp(-abs(x)))
        pairs = ((value, wanted), (slope, _sigmoid(x)))
        right = all(math.isclose(*pair, rel_tol=1e-5) for pair in pairs)
        attempt.require(right, "small", f"Value {value}, slope {slope} {about}.")
    attempt.passed("numbers about 30 and 40 and their negatives, to the digit")


def _suspects(seed: int) -> list[tuple[str, str, Callable, Callable, np.ndarray, list[int]]]:
    """(what, hint, f, its gradient, points, the positions at which the gradient is wrong)."""
    rng = np.random.default_rng(seed)
    n = 4 + seed % 3
    c = rng.uniform(0.5, 2, n)
    j, k = (int(i) for i in rng.choice(np.arange(1, n), 2, replace=False))
    mixed = rng.uniform(0.2, 1.2, (5, n)) * [[1], [1], [-1], [1], [1]]

    def points():  # other ones for each suspect
        return rng.uniform(0.2, 1.2, (5, n))

    def f(x):
        return float(np.sum(c * np.tanh(x)) + x[0] * x[j])

    def right(x):
        slopes = c * (1 - np.tanh(x) ** 2)
        slopes[0] += x[j]
        slopes[j] += x[0]
        return slopes

    def but(gradient, change):
        def changed(x):
            slopes = np.array(gradient(x), dtype=float)
            change(slopes, x)
            return slopes

        return changed

    def last_only(s, x):  # what comes of = in place of +=
        s[0] = x[j]

    def sign(s, x):
        s[k] = -s[k]

    def factor(s, x):
        s[j] *= 1.01

    def slightly(s, x):
        s[j] *= 1.003

    def hardly(s, x):
        s[:] *= 1.0005

    once = points()

    def at_one_point(s, x):
        if abs(x[0] - once[2, 0]) < 1e-9:
            s[k] *= 1.0025

    def doubled(s, x):
        s[k] *= 2

    def squares(x):
        return float(np.sum(c * x**2))

    def square_slopes(x):
        return 2 * c * x

    def positive_only(s, x):
        s[k] = abs(s[k])

    def unused(x):
        return float(np.sum(c[1:] * np.sin(x[1:])))

    def unused_slopes(x):
        return np.concatenate([[0.0], c[1:] * np.cos(x[1:])])

    flat = rng.uniform(2e-5, 1e-4, (5, n)) * rng.choice([-1, 1], (5, n))

    def one(x):
        return float(np.exp(x.sum()) * np.exp(-x.sum()))

    def waves(x):
        return float(np.sum(np.sin(20 * x)))

    steep = np.pi / 20 * rng.integers(0, 6, (5, n)) + rng.uniform(-0.05, 0.05, (5, n))

    def uneven(x):
        return float(100 * np.sum(np.tanh(x)) - 100 * np.tanh(x[k]) + 0.01 * x[k])

    def uneven_slopes(x):
        slopes = 100 * (1 - np.tanh(x) ** 2)
        slopes[k] = 0.01
        return slopes

    def small(x):
        return 1e-5 * f(x)

    def small_slopes(x):
        return 1e-5 * right(x)

    return [
        ("a right gradient", "false", f, right, points(), []),
        ("a gradient that forgets one of two uses", "blind", f, but(right, last_only), points(), [0]),
        ("a gradient with a wrong sign", "blind", f, but(right, sign), points(), [k]),
        ("a slope that is 1% too large", "blind", f, but(right, factor), points(), [j]),
        ("a slope that is wrong for negative inputs only", "partly", squares,
         but(square_slopes, positive_only), mixed, [k]),
        ("two wrong slopes", "blind", f, but(but(right, sign), last_only), points(), [0, k]),
        ("a right gradient, one input of which is not used", "false", unused, unused_slopes,
         points(), []),
        ("a right gradient with large slopes", "false", lambda x: 1e5 * float(np.sum(x**3)),
         lambda x: 3e5 * x**2, points(), []),
        ("a right gradient of a curve that bends a lot", "false", waves,
         lambda x: 20 * np.cos(20 * x), steep, []),
        ("a wrong slope among slopes of a hundred-thousandth", "tiny", small,
         but(small_slopes, doubled), points(), [k]),
        ("a small wrong slope among large right ones", "tiny", uneven,
         but(uneven_slopes, doubled), points(), [k]),
        ("a slope that is 0.3% too large", "blind", f, but(right, slightly), points(), [j]),
        ("slopes that are 0.05% too large", "strict", f, but(right, hardly), points(), []),
        ("a slope that is 0.25% too large at a single point", "partly", f,
         but(right, at_one_point), once, [k]),
        ("a right gradient near the bottom of a bowl", "sided", squares, square_slopes, flat, []),
        ("a right gradient of a function that is always 1", "digits", one, np.zeros_like,
         rng.uniform(0.2, 1.2, (12, n)), []),
    ]  # fmt: skip


@task(
    points=2,
    blind=("A wrong slope was missed.",
           "How large a difference do you still forgive? The task names it. And does your comparison "
           "see a slope that is too small as well as one that is too large?"),
    partly=("A slope that is wrong at some of the points only was missed.",
            "Every point has to be looked at; a single one at which a slope is wrong is enough."),
    false=("A right slope was reported as wrong.",
           "Either the step is too large (then the bends of the curve count) or too small (then the "
           "digits run out), or the difference is not seen relative to the slopes."),
    tiny=("A small slope that is wrong was missed.",
          "A slope of 0.00001 in place of 0.00002 is off by half. Relative to what do you measure the "
          "difference, and for each slope by itself?"),
    strict=("A slope was reported that is off by less than the task forgives.",
            "The task says how large a difference must be, relative to the larger of the two slopes."),
    sided=("Near the bottom of a bowl, right slopes were reported.",
           "There a slope is small, and changes much from one side of a nudge to the other. Between "
           "which two points do you measure? The task says what a slope is compared with."),
    digits=("Rounding was taken for a wrong slope.",
            "The task has two conditions, and a wrong slope meets both. The smaller your step, the "
            "more the last digits of f count."),
    again=("A position stands in the list more than once.",
           "A slope that is wrong at several points is still one wrong slope."),
    other=("Slopes are reported, and not the ones that are wrong.",
           "The positions of the inputs are counted from 0. Nudge one input at a time, and keep the "
           "others still."),
)  # fmt: skip
def wrong_slopes(attempt: Attempt) -> None:
    """A gradient check that finds wrong slopes."""
    for what, key, f, gradient, points, wanted in _suspects(attempt.seed):
        about = f"for {what}"
        got = attempt.call(f, gradient, points)
        attempt.require(got is not None, "empty", f"None came {about}.")
        said = f"A list of positions was expected {about}, and this came: {shown(got)}"
        got = list(got) if isinstance(got, Iterable) and not isinstance(got, str | dict) else got
        attempt.require(_are_positions(got), "type", said)
        found = sorted({int(n) for n in got})
        saw = f"Positions {found} were reported {about}."
        if found != wanted:
            if set(found) - set(wanted) and wanted:
                key = "other" if set(wanted) - set(found) else "false"
            raise Failed(key, saw)
        attempt.require(len(found) == len(got), "again", f"This came {about}: {shown(got)}")
        attempt.passed(what)


def _are_positions(got: object) -> bool:
    if isinstance(got, str | dict):
        return False
    try:
        return all(not isinstance(n, bool | np.bool_) and int(n) == n for n in got)
    except (TypeError, ValueError):
        return False


@contextlib.contextmanager
def _usual_depth() -> Iterator[None]:
    """Within the block, Python's limit on nested calls is no higher than usual, and stays there."""
    before, change = sys.getrecursionlimit(), sys.setrecursionlimit

    def refuse(_limit: int) -> None:
        raise Failed("deep", "Your function changes Python's limit on nested calls.")

    change(min(before, 3_000))
    sys.setrecursionlimit = refuse
    try:
        yield
    finally:
        sys.setrecursionlimit = change
        after = sys.getrecursionlimit()
        change(before)
    if after != min(before, 3_000):
        refuse(after)


class _Counted(Value):
    """A value that counts how many times its inputs are asked for."""

    asked = 0

    @property
    def inputs(self) -> tuple:
        """What it was made from."""
        _Counted.asked += 1
        if _Counted.asked > 20_000:
            raise Failed("again", "For a graph of 41 values, inputs were asked for 20,000 times.")
        return self._inputs

    @inputs.setter
    def inputs(self, inputs: Iterable) -> None:
        self._inputs = tuple(inputs)


def _graphs(rng: np.random.Generator) -> dict[str, Value]:
    a, b = map(Value, rng.normal(size=2).tolist())
    long = a
    for _ in range(5):
        long = long.tanh()
    side = a * b
    graphs = {
        "a single value": Value(float(rng.normal())),
        "a * a": a * a,
        "a diamond": (side + 1) * side.tanh(),
        "a short way and a long one": a + long,
        "a long way and a short one": long + a,
        "the longer way by another value": (b + long.exp()) * (a + b),
    }
    for number in range(3):
        made = list(map(Value, rng.normal(size=3).tolist()))
        for _ in range(int(rng.integers(8, 25))):
            first, second = (made[i] for i in rng.integers(0, len(made), 2))
            made.append([first + second, first * second, first.tanh()][rng.integers(3)])
        graphs[f"a random graph, number {number + 1}"] = made[-1] * made[-2] + made[-3]
    ladder = _Counted(1.0)
    for _ in range(40):
        ladder = _Counted(1.0, (ladder, ladder), (1.0, 1.0))
    graphs["a ladder of 40 doublings"] = ladder
    chain = Value(1.0)
    for _ in range(6_000):
        chain = Value(chain.data, (chain,), (1.0,))
    graphs["a chain of 6,000 values"] = chain
    return graphs


@task(
    points=2,
    seconds=30,
    missing=("Values that the result depends on are missing.",
             "The values that were made from nothing belong to it, and so does the result itself."),
    repeated=("A value stands in the list more than once.",
              "A value that is used twice is still one value. When do you note that you have seen it?"),
    backwards=("The order runs the other way round: every value stands before those it was made from.",
               "Inputs first, the result last."),
    early=("A value stands before one that it was made from.",
           "It is not enough to list values by their distance from the result, or when they are first "
           "met. When may a value be put down? When all its inputs have been."),
    deep=("A deep graph exceeds Python's limit on nested calls.",
          "A function that calls itself needs a place on Python's stack for each level. Keep a list of "
          "your own instead: what is to be done, and for each entry whether its inputs have been "
          "put on the list already."),
    again=("The same values are visited again and again, twice as many at each level.",
           "What was visited once need not be visited by another way: look at your memory of what was "
           "seen before you go further down."),
)  # fmt: skip
def ordered(attempt: Attempt) -> None:
    """An order for the backward pass that no depth upsets."""
    for what, result in _graphs(attempt.rng).items():
        about = f"for {what}"
        _Counted.asked = 0
        try:
            with _usual_depth():
                got = attempt.call(result, keep=False)
                got = list(got) if isinstance(got, Iterator) else got
            _Counted.asked = 0
        except RecursionError:
            raise Failed("deep", f"RecursionError {about}.") from None
        attempt.require(got is not None, "empty", f"None came {about}.")
        said = f"A list of Values was expected {about}, and this came: {shown(got)}"
        attempt.require(isinstance(got, Iterable) and not isinstance(got, str | dict), "type", said)
        got, wanted = list(got), {id(value) for value in _reachable(result)}
        attempt.require(all(id(value) in wanted for value in got), "type", said)
        saw = f"{len(got)} values came {about}."
        attempt.require({id(value) for value in got} == wanted, "missing", saw)
        attempt.require(len(got) == len(wanted), "repeated", saw)
        place = {id(value): i for i, value in enumerate(got)}
        later = [place[id(s)] < place[id(v)] for v in got for s in v.inputs]
        attempt.require(any(later) or not later, "backwards", f"The result comes first {about}.")
        attempt.require(all(later), "early", f"{later.count(False)} inputs come too late {about}.")
        attempt.passed(what)


def _summed(grad: np.ndarray, shape: tuple, how: Callable = np.sum) -> np.ndarray:
    front = grad.ndim - len(shape)
    grad = how(grad, axis=tuple(range(front)))
    ones = tuple(i for i, n in enumerate(shape) if n == 1)
    return how(grad, axis=ones, keepdims=True)


def _from_the_left(grad: np.ndarray, shape: tuple) -> np.ndarray | None:
    try:
        for _ in range(grad.ndim - len(shape)):
            grad = grad.sum(axis=-1)
        return _summed(grad, shape) if grad.ndim == len(shape) else None
    except Exception:
        return None


def _shapes(rng: np.random.Generator) -> list[tuple[tuple, tuple]]:
    """(shape of the gradient, shape of what was broadcast)."""
    pairs = [((4, 3), (3,)), ((3, 3), (3,)), ((4, 3), (4, 1)), ((2, 4, 3), (4, 1)), ((5,), ()),
             ((4, 3), ()), ((4, 3), (1,)), ((2, 1, 3), (1, 3)), ((4, 3), (4, 3)),
             ((2, 3), (1, 1))]  # fmt: skip
    for _ in range(6):
        whole = tuple(int(n) for n in rng.integers(2, 5, int(rng.integers(1, 5))))
        part = [1 if rng.random() < 0.4 else n for n in whole][int(rng.integers(len(whole))) :]
        pairs.append((whole, tuple(part)))
    return pairs


@task(
    points=1,
    mean=("The uses are averaged.",
          "Each copy of the number has its own effect on the loss. Does moving them all at once have "
          "the mean effect of them, or all effects together?"),
    one=("The gradient of a single copy is taken, and the others are lost.",
         "A number that was copied along an axis is used once for each position of it. Notebook 04's "
         "first try lost uses in the same way."),
    left=("The new axes are looked for at the wrong end.",
          "NumPy lines up two shapes at their last axes. Where does (3,) get its new axis when it "
          "meets (3, 3)?"),
)  # fmt: skip
def unbroadcast(attempt: Attempt) -> None:
    """The gradient of what was broadcast."""
    for whole, part in _shapes(attempt.rng):
        grad = attempt.rng.normal(size=whole)
        about = f"for a gradient of shape {whole} and shape={part}"
        got = attempt.array(attempt.call(grad, part), part, "f", about=about)
        first = grad[(0,) * (len(whole) - len(part))] if whole != part else grad
        taken = first[tuple(slice(0, 1) if n == 1 else slice(None) for n in part)]
        final = grad[(-1,) * (len(whole) - len(part))]
        last = final[tuple(slice(-1, None) if n == 1 else slice(None) for n in part)]
        mistakes = {"mean": _summed(grad, part, np.mean), "one": taken}
        if np.shape(got) == np.shape(last) and np.allclose(got, last):
            mistakes["one"] = last
        other = _from_the_left(grad, part)
        if other is not None and other.shape == part:
            mistakes["left"] = other
        attempt.agrees(got, _summed(grad, part), mistakes, "values", about)
        attempt.passed(f"{whole} to {part}")


def _softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


@task(
    points=2,
    diagonal=("Each logit is held responsible for its own probability only.",
              "When one logit grows, its own probability grows and all the others shrink. Add up what "
              "each of these does to the loss."),
    forward=("The probabilities' sum of 1 has been forgotten.",
             "Were all incoming slopes the same, nothing could change the loss, for the sum of the "
             "probabilities is fixed. What does your function give for a gradient of ones?"),
    weights=("A factor is missing: a class of probability 0 cannot react.",
             "Write the slope of p_i for the logit z_j with two cases, i = j and i different from j. "
             "Which factor stands in both?"),
    sign=("The gradient points the other way.",
          "When a logit grows, its own probability grows. Which sign has the effect on a loss whose "
          "slope for that probability is positive, and 0 for all others?"),
    axis=("Examples of a batch are mixed.",
          "Each row is an example of its own: sums run over its classes, axis -1, and keep their axis "
          "(keepdims=True)."),
    overflow=("With logits in the hundreds the result is not a number.",
              "np.exp(1000) is infinite. Which number may be taken from all logits of a row without "
              "changing their softmax?"),
    clipped=("With logits in the hundreds the result is a number, and a wrong one.",
             "Logits of 900 and 910 belong to different probabilities. Do you clip them, or add a "
             "small number somewhere? What may be taken from all logits of a row without changing "
             "their softmax?"),
)  # fmt: skip
def softmax_backward(attempt: Attempt) -> None:
    """A gradient sent back through softmax."""
    sizes = [(3, 4), (5, 5), (1, 2), *attempt.rng.integers(2, 7, (3, 2)).tolist()]
    for batch, classes in sizes:
        logits, grad = attempt.rng.normal(size=(2, batch, classes)) * 2
        examples = f"{batch} example{'s' * (batch > 1)}"
        about = f"for {examples} and {classes} classes"
        with np.errstate(all="ignore"):
            got = attempt.call(logits, grad)
        got = attempt.array(got, (batch, classes), "f", about=about)
        attempt.agrees(got, _through(logits, grad), _gone_wrong(got, logits, grad), about=about)
        attempt.passed(f"{examples}, {classes} classes")
    logits, grad = attempt.rng.normal(size=(2, 3, 4))
    logits = logits * 10 + attempt.rng.permutation([[-900], [0], [900]])
    with np.errstate(all="ignore"):
        got = attempt.array(attempt.call(logits, grad), (3, 4), "f", finite=False)
    saw = f"Logits in the hundreds give {shown(got)}"
    attempt.require(np.isfinite(got).all(), "overflow", saw)
    attempt.agrees(got, _through(logits, grad), {}, "clipped", "for logits in the hundreds")
    attempt.passed("logits in the hundreds")


def _through(logits: np.ndarray, grad: np.ndarray) -> np.ndarray:
    p = _softmax(logits)
    return p * (grad - (p * grad).sum(axis=-1, keepdims=True))


def _gone_wrong(got: np.ndarray, logits: np.ndarray, grad: np.ndarray) -> dict[str, np.ndarray]:
    p, q = _softmax(logits), _softmax(logits, axis=0)
    return {
        "diagonal": _nearest(got, [p * (1 - p) * grad, q * (1 - q) * grad]),
        "forward": p * grad,
        "weights": grad - (p * grad).sum(axis=-1, keepdims=True),
        "sign": -_through(logits, grad),
        "axis": _nearest(got, [q * (grad - (q * grad).sum(axis=0)),
                               q * (grad - (q * grad).sum(axis=-1, keepdims=True)),
                               p * (grad - (p * grad).sum(axis=0)), p * (grad - (p * grad).sum())]),
    }  # fmt: skip


def _nearest(got: np.ndarray, found: list[np.ndarray]) -> np.ndarray:
    """Of several ways to one mistake, the one that comes nearest to what came."""
    return min(found, key=lambda result: float(np.abs(result - got).max()))


@task(
    points=3,
    output=("backward was handed the value after the layer.",
            "A layer's backward pass needs what came into its forward pass: the value before it."),
    place=("A layer was handed a value that belongs to another layer.",
           "Which value does the first layer of a stretch start from? The one you kept before it. "
           "Count the layers of each stretch: the last one may be shorter than the others."),
    hungry=("The gradient is right, and too many values are held at once.",
            "A value lives as long as a name or a list leads to it. Keep every k-th only; when their "
            "turn comes, from the end, compute the ones between anew and let them go one by one. "
            "Which k makes the sum of both smallest?"),
    costly=("The gradient is right, and the layers were called forward too many times.",
            "Starting from x for every layer holds next to nothing and costs about n*n/2 calls. The "
            "budget allows each value to be computed four times: keep some of them on the way."),
)  # fmt: skip
def checkpointed(attempt: Attempt) -> None:
    """Challenge: a long way back with few values."""
    sizes = [1, 2, 3, 7, 10, int(attempt.rng.integers(11, 40)),
             100 if not attempt.seed else int(attempt.rng.integers(90, 121))]  # fmt: skip
    for size in sizes:
        chain = given.Chain(size, seed=attempt.seed + size)
        grad = attempt.rng.normal(size=4)
        about = f"for {size} layer{'s' * (size > 1)}"
        try:
            handed = list(chain.layers), grad.copy()
            got = attempt.call(handed[0], chain.x, handed[1], keep=False)
        except given.WrongUse as error:
            raise Failed(error.key, str(error)) from None
        held, calls = chain.most_held, chain.forward_calls
        for name, left, before in (("layers", handed[0], chain.layers), ("grad", handed[1], grad)):
            kept = len(left) == len(before)
            kept = kept and all(a is b or np.all(a == b) for a, b in zip(left, before, strict=True))
            attempt.require(kept, "changed", f"After the call, {name} was another than before.")
        got = attempt.array(got, (4,), "f", about=about)
        attempt.agrees(got, _plain(given.Chain(size, seed=attempt.seed + size), grad), about=about)
        if size < 50:
            attempt.passed(f"{size} layer{'s' * (size > 1)}")
            continue
        attempt.require(calls <= 4 * size, "costly", f"{calls} forward calls {about}.")
        saw = f"{held} values were held at once {about}."
        text = f"{held} values held at once for {size} layers, {calls} forward calls"
        attempt.score(text, -held / size)
        attempt.require(4 * held <= size, "hungry", saw)
        attempt.passed(f"{size} layers, with no more than a quarter of their values held at once")


def _plain(chain: given.Chain, grad: np.ndarray) -> np.ndarray:
    values = [chain.x]
    for layer in chain.layers[:-1]:
        values.append(layer.forward(values[-1]))
    for layer, value in zip(reversed(chain.layers), reversed(values), strict=True):
        grad = layer.backward(value, grad)
    return grad
