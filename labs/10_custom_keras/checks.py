"""What lab 10 checks, and the hints it gives."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from helpers.attempts import Failed, shown
from helpers.labs import Attempt, material, task

PADDING = -1


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    logits = logits - logits.max(-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def _target(labels: np.ndarray, size: int, smoothing: float) -> np.ndarray:
    return (1 - smoothing) * np.eye(size)[np.maximum(labels, 0)] + smoothing / size


def _each(labels: np.ndarray, logits: np.ndarray, smoothing: float) -> np.ndarray:
    return -(_target(labels, logits.shape[-1], smoothing) * _log_softmax(logits)).sum(-1)


def _loss_mistakes(labels, logits, smoothing) -> dict[str, Any]:
    each, real, size = _each(labels, logits, smoothing), labels != PADDING, logits.shape[-1]
    other = -(((1 - smoothing) * np.eye(size)[np.maximum(labels, 0)]
               + smoothing / (size - 1) * (1 - np.eye(size)[np.maximum(labels, 0)]))
              * _log_softmax(logits)).sum(-1)  # fmt: skip
    rows = [row[seen].mean() for row, seen in zip(each, real, strict=True) if seen.any()]
    twice = _each(labels, np.exp(_log_softmax(logits)), smoothing)
    return {
        "positions": each[real].sum() / each.size,
        "padded": each.mean(),
        "means": np.mean(rows),
        "sum": each[real].sum(),
        "sign": -each[real].mean(),
        "logits": twice[real].mean(),
        "smoothing": _each(labels, logits, 0.0)[real].mean(),
        "spread": other[real].mean(),
    }


@task(
    points=2,
    positions=("The sum is right, and divided by too many: padding counts in the divisor.",
               "How many labels are not -1? That many losses were added up."),
    padded=("Padding counts as if it were text.",
            "A label of -1 has no loss. Which entries of the sum must become 0, and which must not "
            "be counted?"),
    means=("This is the mean of the rows' means: a token of a short row counts for more than "
           "one of a long row.",
           "Add up over all rows first, then divide once."),
    sum=("The losses are added up, and not divided.",
         "A mean over the real tokens: with twice as much text it stays as large."),
    sign=("The sign is wrong: this loss falls when the right token becomes less likely.",
          "The logarithm of a probability is never above 0."),
    logits=("Softmax is missing, or applied twice: the last axis holds logits.",
            "Logits are any numbers; their softmax adds up to 1. Which of the two does the function "
            "that you call expect?"),
    smoothing=("The smoothing has no effect, or another strength than was asked for.",
               "With smoothing=0.2 and 4 tokens, the target of the right one is 0.85, of each other "
               "0.05. What is yours?"),
    spread=("The smoothing is shared among the wrong tokens alone.",
            "Among which tokens does the task deal it out?"),
    nothing=("A batch of padding alone does not give 0.",
             "What do you divide by when there is no real token?"),
    cut=("The value is right, and no gradient flows back to the logits, or a wrong one.",
         "A gradient needs every step to be one of the framework (keras.ops or tf): NumPy, float() and "
         "stop_gradient cut it."),
)  # fmt: skip
def masked_loss(attempt: Attempt) -> None:
    """Cross-entropy of real tokens, with smoothed labels."""
    import tensorflow as tf

    cases = [(2, 3, 4, 0.0), (3, 5, 6, 0.0), (3, 4, 5, 0.1), (2, 6, 3, 0.3)]
    if attempt.seed:
        cases += [(2, 5, 7, 0.05), (4, 3, 4, round(float(attempt.rng.uniform(0.2, 0.5)), 2))]
    for batch, time, size, smoothing in cases:
        labels, logits = _tokens(attempt.rng, batch, time, size)
        about = f"for {batch} rows of {time} tokens, smoothing={smoothing}"
        got, slopes = _with_slopes(attempt, labels, logits, smoothing)
        value = attempt.number(got, about)
        real = labels != PADDING
        want = _each(labels, logits, smoothing)[real].mean()
        mistakes = _loss_mistakes(labels, logits, smoothing)
        if smoothing == 0:
            mistakes = {k: v for k, v in mistakes.items() if k not in ("smoothing", "spread")}
        otherwise = "smoothing" if smoothing else "values"
        attempt.agrees(value, want, mistakes, otherwise, about, tolerance=1e-4)
        attempt.require(slopes is not None, "cut", f"There is no gradient {about}.")
        there = np.exp(_log_softmax(logits)) - _target(labels, size, smoothing)
        wanted = there * real[..., None] / real.sum()
        attempt.agrees(slopes, wanted, {}, "cut", f"as gradient {about}", tolerance=1e-3)
        attempt.passed(f"{batch} rows of {time} tokens, smoothing={smoothing}")
    labels, logits = _tokens(attempt.rng, 2, 3, 4)
    got, _ = _with_slopes(attempt, np.full_like(labels, PADDING), logits, 0.1)
    value = attempt.number(got, "for padding alone", finite=False)
    attempt.require(value == 0, "nothing", f"{value:g} came for a batch of padding alone.")
    attempt.passed("a batch of padding alone")
    large = 500 * logits
    got = attempt.call(tf.constant(labels), tf.constant(large), 0.0)
    attempt.agrees(attempt.number(got, "for logits in the hundreds"),
                   _each(labels, large, 0.0)[labels != PADDING].mean(), {}, "logits",
                   "for logits in the hundreds", tolerance=1e-4)  # fmt: skip
    attempt.passed("logits in the hundreds")


def _tokens(rng, batch: int, time: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels with padding at the end, of different length in each row, and logits."""
    labels = rng.integers(0, size, (batch, time)).astype("int32")
    labels[0, 1:] = PADDING
    labels[1, time - 1] = PADDING
    return labels, (2 * rng.normal(size=(batch, time, size))).astype("float32")


def _with_slopes(attempt: Attempt, labels, logits, smoothing) -> tuple[Any, np.ndarray | None]:
    import tensorflow as tf

    logits = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        got = attempt.call(tf.constant(labels), logits, smoothing)
    if not tf.is_tensor(got) or not got.dtype.is_floating:
        return got, None
    found = tape.gradient(got, logits)
    return got, None if found is None else tf.convert_to_tensor(found).numpy()


def _normed(x: np.ndarray, groups: int, epsilon: float) -> np.ndarray:
    parts = x.reshape(*x.shape[:-1], groups, -1).astype("float64")
    root = np.sqrt((parts**2).mean(-1, keepdims=True) + epsilon)
    return (parts / root).reshape(x.shape)


def _norm_mistakes(x: np.ndarray, groups: int, epsilon: float) -> dict[str, Any]:
    x = x.astype("float64")
    parts = x.reshape(*x.shape[:-1], groups, -1)
    turned = x.reshape(*x.shape[:-1], -1, groups)
    square, striped = parts**2, turned**2
    centred = parts - parts.mean(-1, keepdims=True)
    over = tuple(range(x.ndim - 1))
    return {
        "whole": _normed(x, 1, epsilon),
        "striped": (turned / np.sqrt(striped.mean(-2, keepdims=True) + epsilon)).reshape(x.shape),
        "centred": (centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon)).reshape(x.shape),
        "sum": (parts / np.sqrt(square.sum(-1, keepdims=True) + epsilon)).reshape(x.shape),
        "root": (parts / (square.mean(-1, keepdims=True) + epsilon)).reshape(x.shape),
        "epsilon": (parts / (np.sqrt(square.mean(-1, keepdims=True)) + epsilon)).reshape(x.shape),
        "batch": x / np.sqrt((x**2).mean(over, keepdims=True) + epsilon),
    }  # fmt: skip


@task(
    points=2,
    seconds=30,
    whole=("All numbers of a position are divided by the same root: the groups play no part.",
           "Split the last axis in two, (groups, width / groups), and put it together at the end."),
    striped=("The groups take every n-th number. They should take neighbours.",
             "Reshape np.arange(6) to (2, 3) and to (3, 2): which of them has 0, 1, 2 in one row?"),
    centred=("The mean is taken away first. That is LayerNorm; here only the size is brought to 1.",
             "A group of equal numbers, all 3: what should come out?"),
    sum=("The squares are added up, and not divided by how many they are.",
         "A group of ones should stay a group of ones."),
    root=("The square root is missing.", "Ten times the input should give the same output."),
    batch=("The mean runs over other positions.",
           "Each position is normed by itself: change another row, and this one must stay."),
    epsilon=("Epsilon is not the one that was given, or stands outside of the root.",
             "Which value does your layer keep in __init__, and is it added before or after the root?"),
    scale=("The learned scale is missing, has another shape, or is not trained.",
           "One trainable weight with as many numbers as the last axis, made in build."),
    start=("The scale does not start at 1.",
           "Which initializer does add_weight take unless it is told?"),
    unscaled=("The scale is there, and the output does not depend on it as it should.",
              "Number i of the result is multiplied by number i of the scale, at the very end."),
    cut=("The values are right, and no gradient flows back through the layer, or a wrong one.",
         "A gradient needs every step to be one of keras.ops or tf: NumPy, float() and stop_gradient "
         "cut it."),
    config=("Saved and loaded, the layer is another one.",
            "What does get_config give? It must hold all arguments of __init__ by their names, and "
            "what super().get_config() has."),
)  # fmt: skip
def group_norm(attempt: Attempt) -> None:
    """A layer that norms groups of numbers."""
    import keras

    cases = [(1, (3, 8), 1e-6), (2, (4, 6), 1e-2), (4, (2, 3, 8), 1e-6), (3, (2, 2, 3, 6), 1e-3)]
    if attempt.seed:
        cases += [(5, (3, 2, 10), 0.3), (2, (2, 3, 12), float(attempt.rng.uniform(0.05, 0.2)))]
    for groups, shape, epsilon in cases:
        x = (0.3 * attempt.rng.normal(size=shape) + 0.1).astype("float32")
        about = f"for groups={groups}, epsilon={epsilon:.3g}, an input of shape {shape}"
        layer = attempt.call(groups, epsilon=epsilon)
        attempt.require(layer is not None, "empty", f"None came {about}.")
        wanted = f"A layer was expected {about}, and this came: {shown(layer)}"
        attempt.require(isinstance(layer, keras.layers.Layer), "type", wanted)
        got = attempt.array(_put_in(layer, x), shape, "f", about=about)
        right, mistakes = _normed(x, groups, epsilon), _norm_mistakes(x, groups, epsilon)
        stays = layer.trainable_weights
        shapes = [tuple(weight.shape) for weight in stays]
        if shapes == [shape[-1:]] and not np.allclose(stays[0], 1):
            attempt.require(False, "start", f"The scale starts at {shown(np.asarray(stays[0]))}.")
        otherwise = "epsilon" if _is_another_epsilon(got, x, groups) else "values"
        attempt.agrees(got, right, mistakes, otherwise, about, tolerance=1e-4)
        attempt.require(shapes == [shape[-1:]], "scale",
                        f"The trainable weights have the shapes {shapes} {about}.")  # fmt: skip
        scale = attempt.rng.uniform(0.5, 2, shape[-1:]).astype("float32")
        stays[0].assign(scale)
        got = attempt.array(_put_in(layer, x), shape, "f", about=about)
        attempt.agrees(got, right * scale, {}, "unscaled", f"{about}, with another scale", 1e-4)
        _check_slopes(attempt, layer, x, groups, epsilon, about)
        attempt.passed(f"{groups} group{'s' * (groups > 1)} in an input of shape {shape}")
        if len(shape) > 2:
            _round_trip(attempt, layer, x, right * scale)
    attempt.passed("saved and loaded")


def _is_another_epsilon(got: np.ndarray, x: np.ndarray, groups: int) -> bool:
    """Whether a result is right but for its epsilon."""
    parts, out = (a.astype("float64").reshape(-1, groups, a.shape[-1] // groups) for a in (x, got))
    square = (parts**2).mean(-1)
    with np.errstate(all="ignore"):
        epsilons = square / (out**2).mean(-1) - square
    epsilon = float(np.median(epsilons))
    return np.isfinite(epsilon) and np.allclose(got, _normed(x, groups, epsilon), rtol=1e-2)


def _check_slopes(attempt: Attempt, layer: Any, x, groups: int, epsilon: float, about: str) -> None:
    """Hold the gradients for the input and for the scale against those of the formula."""
    import tensorflow as tf

    weights = attempt.rng.normal(size=x.shape).astype("float32")
    given, scale = tf.constant(x), layer.trainable_weights[0]
    with tf.GradientTape() as tape:
        tape.watch(given)
        total = tf.reduce_sum(tf.cast(layer(given), tf.float32) * weights)
    found = tape.gradient(total, [given, scale.value])
    there = all(slopes is not None for slopes in found)
    attempt.require(there, "cut", f"There is no gradient {about}.")
    cut = (*x.shape[:-1], groups, -1)
    parts, back = (a.astype("float64").reshape(cut) for a in (x, weights * np.array(scale)))
    root = np.sqrt((parts**2).mean(-1, keepdims=True) + epsilon)
    inner = (parts * back).mean(-1, keepdims=True)
    wanted = (back / root - parts * inner / root**3).reshape(x.shape)
    own = (weights * _normed(x, groups, epsilon)).reshape(-1, x.shape[-1]).sum(0)
    for what, slopes, right in zip(("input", "scale"), found, (wanted, own), strict=True):
        got = tf.convert_to_tensor(slopes).numpy()
        attempt.agrees(got, right, {}, "cut", f"as gradient of the {what} {about}", 1e-3)


def _put_in(layer: Any, x: np.ndarray) -> Any:
    import tensorflow as tf

    return layer(tf.constant(x))


def _round_trip(attempt: Attempt, layer: Any, x: np.ndarray, want: np.ndarray) -> None:
    import keras

    kind = type(layer)
    known = {kind.__name__: kind, keras.saving.get_registered_name(kind): kind}
    layer.trainable = False
    model = keras.Sequential([keras.Input(x.shape[1:]), layer])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layer.keras"
        try:
            model.save(path)
            again = keras.models.load_model(path, custom_objects=known)
            got, other = np.asarray(again(x)), again.layers[-1]
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            raise Failed("config", f"Saving and loading ended with {said[:200]}") from None
    attempt.agrees(got, want, {}, "config", "from the layer that was saved and loaded", 1e-4)
    names = f"The layer {layer.name!r} came back as {other.name!r}."
    attempt.require(other.name == layer.name, "config", names)
    attempt.require(not other.trainable, "config", "The layer was frozen, and came back thawed.")


# --- training steps


def _network(rng: np.random.Generator, frozen: int) -> Any:
    """6 numbers to 3 logits, with a batch norm; one of its three dense layers is frozen."""
    import keras

    layers = keras.layers
    model = keras.Sequential([
        keras.Input((6,)), layers.Dense(8, "tanh"), layers.BatchNormalization(),
        layers.Dense(5, "tanh"), layers.Dense(3),
    ])  # fmt: skip
    model.set_weights([w + 0.3 * rng.normal(size=w.shape) * (w.ndim > 1) for w in _arrays(model)])
    [part for part in model.layers if isinstance(part, layers.Dense)][frozen].trainable = False
    return model


def _arrays(model: Any) -> list[np.ndarray]:
    return [np.array(weight) for weight in model.get_weights()]


def _gradients(model: Any, loss_of: Callable[[], Any]) -> tuple[float, list[np.ndarray]]:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = loss_of()
    found = tape.gradient(loss, model.trainable_variables)
    return float(loss), [tf.convert_to_tensor(g).numpy() for g in found]


def _entropy(model: Any, x, y, training: bool = True) -> Callable[[], Any]:
    import tensorflow as tf

    each = tf.nn.sparse_softmax_cross_entropy_with_logits
    return lambda: tf.reduce_mean(each(tf.constant(y), model(tf.constant(x), training=training)))


def _size(parts: list[np.ndarray]) -> float:
    return float(np.sqrt(sum((part.astype("float64") ** 2).sum() for part in parts)))


def _shortened(part: np.ndarray, clip: float) -> np.ndarray:
    return part * min(1, clip / max(_size([part]), 1e-12))


def _flat(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.ravel(part) for part in parts])


@task(
    points=2,
    seconds=60,
    report=("The step does not give back what the task asks for.",
            "A dict with the two names 'loss' and 'norm', and a number for each."),
    still=("Nothing has moved.",
           "Compute gradients within the tape's reach, and hand them to the optimizer together with "
           "the weights."),
    frozen=("A frozen weight has moved.",
            "model.weights holds all. Which list leaves out the layers with trainable=False?"),
    unmoved=("A weight that should be trained has not moved, and others have.",
             "Which layers are frozen differs from model to model: ask the model, do not count."),
    inference=("The step runs the model as it is used after training.",
               "Batch normalization and dropout work in another way in training: how is a model "
               "told?"),
    summed=("The losses of the batch are added up, and not averaged.",
            "Would a batch of twice as many rows make a step twice as long?"),
    logits=("The loss is not the cross-entropy of these logits: softmax is missing, or done twice.",
            "The model gives logits. What does the loss that you use expect, and what does it do by "
            "itself?"),
    unclipped=("A long gradient is not clipped.",
               "Which factor makes a vector of length `clip` out of a longer one?"),
    each=("Every gradient is clipped by itself. That turns the direction of the step.",
          "The norm is that of all gradients taken as one long vector."),
    value=("The numbers of the gradient are cut off one by one. That turns the direction.",
           "To clip by the global norm is to shorten one long vector, all parts alike."),
    stretched=("A gradient shorter than `clip` was made longer.",
               "Clipping only shortens. What is the factor when norm < clip?"),
    after=("The norm is reported after clipping.", "It should show how long the gradient was."),
    twice=("The batch goes through the model twice, and batch normalization counts it twice.",
           "The tape's own pass gives the loss as well: keep it."),
    late=("The loss is reported after the step.",
          "The loss of the batch as the tape saw it; no second pass is needed."),
)  # fmt: skip
def train_step(attempt: Attempt) -> None:
    """A training step with clipped gradients."""
    import keras

    cases = [("a gradient that is short enough", 50.0, 0), ("a long gradient", 0.1, 0)]
    if attempt.seed:
        cases += [("another frozen layer", 0.05, 2), ("the middle layer frozen", 50.0, 1)]
    for what, clip, frozen in cases:
        model, rate = _network(attempt.rng, frozen), 0.5
        x = attempt.rng.normal(size=(16, 6)).astype("float32")
        y = attempt.rng.integers(0, 3, 16).astype("int32")
        start, about = _arrays(model), f"for {what} (clip={clip:g})"
        plain = _gradients(model, _entropy(model, x, y, False))
        model.set_weights(start)
        loss, slopes = _gradients(model, _entropy(model, x, y))
        moved = _arrays(model)  # batch norm has seen a batch
        others = _other_losses(model, start, x, y)
        model.set_weights(start)
        optimizer, places, own = keras.optimizers.SGD(rate), _places(model), list(model.weights)
        got = attempt.call(model, optimizer, *map(_tensor, (x, y)), clip, keep=False)
        end = [np.array(weight) for weight in own]
        slopes_seen = (slopes, plain[1], [found for _, found in others])
        _check_moves(attempt, model, places, (start, end), slopes_seen, rate, clip, about)
        report = _reported(attempt, got, ("loss", "norm"))
        late = float(_entropy(model, x, y)())
        attempt.agrees(report["loss"], loss, {
            "late": late, "inference": plain[0], "summed": loss * len(x),
            "logits": min((value for value, _ in others), key=lambda v: abs(v - report["loss"])),
        }, "values", f"as loss {about}", 1e-4)  # fmt: skip
        norm = _size(slopes)
        attempt.agrees(report["norm"], norm, {"after": min(norm, clip), "summed": norm * len(x)},
                       "values", f"as norm {about}", 1e-3)  # fmt: skip
        averages = _averages(model)
        new = any(not np.array_equal(start[i], end[i]) for i in averages)
        attempt.require(new, "inference", f"Batch normalization has not seen the batch {about}.")
        once = all(np.allclose(moved[i], end[i], atol=1e-5) for i in averages)
        attempt.require(once, "twice", f"Its averages are other than after one batch {about}.")
        attempt.passed(what)


def _other_losses(
    model: Any, start: list[np.ndarray], x, y
) -> list[tuple[float, list[np.ndarray]]]:
    """Losses and gradients with a softmax too many, and with one too few."""
    import keras
    import tensorflow as tf

    def loss(twice: bool) -> Any:
        logits = model(tf.constant(x), training=True)
        given = tf.nn.softmax(logits) if twice else logits
        entropy = keras.losses.sparse_categorical_crossentropy
        return tf.reduce_mean(entropy(tf.constant(y), given, from_logits=twice))

    found = []
    for twice in (True, False):
        model.set_weights(start)
        found.append(_gradients(model, lambda twice=twice: loss(twice)))
    model.set_weights(start)
    return found


def _tensor(array: np.ndarray) -> Any:
    import tensorflow as tf

    return tf.constant(array)


def _reported(attempt: Attempt, got: Any, names: tuple[str, ...]) -> dict[str, float]:
    attempt.require(got is not None, "empty", "The weights are right, and None came.")
    fine = isinstance(got, Mapping) and set(names) <= set(got)
    attempt.require(fine, "report", f"This came: {shown(got)}")
    return {name: attempt.number(got[name], f"as {name}") for name in names}


def _check_moves(attempt: Attempt, model, places, weights, slopes, rate, clip, about: str) -> None:
    """Hold the weights after a step against those that it, or a known mistake, leads to."""
    start, end = weights
    right, plain, others = slopes
    same = [np.array_equal(a, b) for a, b in zip(start, end, strict=True)]
    averages = _averages(model)
    stays = [i for i in range(len(start)) if i not in places and i not in averages]
    attempt.require(all(same[i] for i in stays), "frozen", f"A frozen weight has moved {about}.")
    still = [same[i] for i in places]
    attempt.require(not all(still), "still", f"No weight has moved {about}.")
    should = [np.abs(g).max() > 1e-6 for g in right]
    missed = any(s and w for s, w in zip(still, should, strict=True))
    saw = f"{sum(still)} of {len(places)} weights stood still {about}."
    attempt.require(not missed, "unmoved", saw)
    norm, short = _size(right), _size(plain)
    found = _flat([(start[i] - end[i]) / rate for i in places])
    attempt.require(np.isfinite(found).all(), "nan", f"There are weights that are NaN {about}.")
    wrong = (_flat(other) * min(1, clip / max(_size(other), 1e-12)) for other in others)
    attempt.agrees(found, _flat(right) * min(1, clip / norm), {
        "unclipped": _flat(right),
        "inference": _flat(plain) * min(1, clip / short),
        "stretched": _flat(right) * clip / norm,
        "each": _flat([_shortened(g, clip) for g in right]),
        "value": np.clip(_flat(right), -clip, clip),
        "summed": 16 * _flat(right) * min(1, clip / norm / 16),
        "logits": min(wrong, key=lambda way: float(np.abs(way - found).max())),
    }, "values", f"as step of the weights {about}", 1e-3)  # fmt: skip


def _averages(model: Any) -> list[int]:
    """Where the running averages of a batch norm stand among a model's weights."""
    return [i for i, weight in enumerate(model.weights) if "moving" in weight.path]


def _places(model: Any) -> list[int]:
    """Where the weights that may be trained stand among all."""
    own = {id(weight) for weight in model.trainable_variables}
    return [i for i, weight in enumerate(model.weights) if id(weight) in own]


def _reader(rng: np.random.Generator, seen: list[int]) -> Any:
    """(batch, time, 4) to 5 logits a position; `seen` notes how many rows come at a time."""
    import keras

    class Watched(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            seen.append(int(x.shape[0] or 0))
            return x

    dense = keras.layers.Dense
    model = keras.Sequential([Watched(), dense(6, "tanh"), dense(5)])
    model(np.zeros((1, 2, 4), "float32"))
    model.set_weights([w + 0.3 * rng.normal(size=w.shape) for w in _arrays(model)])
    seen.clear()
    return model


def _token_loss(model: Any, x, y, divisor: float | None = None) -> Callable[[], Any]:
    import tensorflow as tf

    def loss() -> Any:
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(
            tf.maximum(tf.constant(y), 0), model(tf.constant(x), training=True)
        )
        real = tf.constant((y != PADDING).astype("float32"))
        total = max(1.0, float((y != PADDING).sum())) if divisor is None else divisor
        return tf.reduce_sum(each * real) / total

    return loss


@task(
    points=2,
    seconds=60,
    large=("More rows than `micro` go through the model at one time.",
           "The memory of a step grows with the rows of a call: slice x before you call the model."),
    often=("The optimizer takes more than one step.",
           "Add up the gradients of all slices, and hand them over once, after the loop."),
    still=("Nothing has moved.", "After the loop, what does the optimizer get?"),
    means=("This is the mean of the slices' means: the tokens of a slice with little text count for "
           "more.",
           "How many real tokens has the whole batch? Each slice's sum is divided by that number."),
    sum=("The gradients are added up, and not divided.",
         "The loss is a mean over the real tokens of the whole batch."),
    last=("Only the gradient of one slice is left.",
          "Does each round add to what the rounds before have found, or replace it?"),
    dropped=("Some rows of the batch never reach the model.",
             "len(x) need not be a multiple of micro: how many rows has the last slice?"),
    padded=("Padding counts: in the sum, or in what it is divided by.",
            "A label of -1 has no loss and is no token. Count what is not -1."),
    loss=("The weights are right, and the loss is another one than that of the whole batch.",
          "The same divisor as for the gradients, all slices added up, and before the step."),
)  # fmt: skip
def accumulated_step(attempt: Attempt) -> None:
    """A large batch in small pieces."""
    import keras

    cases = [(4, 2), (5, 2), (6, 4), (3, 8)] + [(7, 1), (8, 3)] * bool(attempt.seed)
    for rows, micro in cases:
        seen: list[int] = []
        model, about = _reader(attempt.rng, seen), f"for {rows} rows, micro={micro}"
        x = attempt.rng.normal(size=(rows, 4, 4)).astype("float32")
        y = attempt.rng.integers(0, 5, (rows, 4)).astype("int32")
        y[0, 1:], y[1, :3] = PADDING, PADDING
        if (rows, micro) == (6, 4):
            y[4:] = PADDING  # a slice without any text
        start, rate = _arrays(model), 0.5
        loss, slopes = _gradients(model, _token_loss(model, x, y))
        parts = [slice(i, i + micro) for i in range(0, rows, micro)]
        seen.clear()
        optimizer = keras.optimizers.SGD(rate)
        got = attempt.call(model, optimizer, _tensor(x), _tensor(y), micro, keep=False)
        attempt.require(max(seen, default=0) <= micro, "large",
                        f"{max(seen, default=0)} rows went in at one time {about}.")  # fmt: skip
        moves = [(a - b) / rate for a, b in zip(start, _arrays(model), strict=True)]
        if got is None and not any(np.any(m) for m in moves):
            raise Failed("empty", f"None came {about}, and nothing has moved.")
        filled = int((y != PADDING).any(axis=1).sum())  # a row of padding alone may be left out
        attempt.require(sum(seen) >= filled, "dropped", f"{sum(seen)} rows went in {about}.")
        times = int(optimizer.iterations)
        attempt.require(times <= 1, "often", f"The optimizer took {times} steps {about}.")
        found = _flat(moves)
        attempt.require(np.any(found), "still", f"No weight has moved {about}.")
        attempt.require(np.isfinite(found).all(), "nan", f"There are weights that are NaN {about}.")
        end, wrong = _arrays(model), {}
        if not np.allclose(found, _flat(slopes), rtol=1e-3, atol=1e-4):
            model.set_weights(start)
            wrong = _nearest(found, _other_slopes(model, x, y, parts))
            model.set_weights(end)
        attempt.agrees(found, _flat(slopes), wrong, "values",
                       f"as step of the weights {about}", 1e-3)  # fmt: skip
        value = attempt.number(got, f"as loss {about}")
        attempt.agrees(value, loss, {}, "loss", f"as loss {about}", 1e-3)
        attempt.passed(f"{rows} rows, {micro} at a time")


def _other_slopes(model: Any, x, y, parts: list[slice]) -> dict[str, list[np.ndarray]]:
    """The gradients that known mistakes lead to; some can be made in more than one way."""

    def of(part: slice, divisor: float | None = None) -> np.ndarray:
        return _flat(_gradients(model, _token_loss(model, x[part], y[part], divisor))[1])

    whole, real = slice(None), float((y != PADDING).sum())
    each = [of(part) for part in parts]
    full = [of(part, real) for part in parts if part.stop <= len(x)]
    return {
        "means": [np.mean(each, axis=0), np.mean([e for e in each if e.any()], axis=0)],
        "sum": [of(whole, 1.0), np.sum(each, axis=0)],
        "last": [each[-1], of(parts[-1], real), each[0], of(parts[0], real)],
        "padded": [of(whole, float(y.size))],
        "dropped": [np.sum(full, axis=0)] * bool(full),
    }


def _nearest(found: np.ndarray, ways: Mapping[str, list[np.ndarray]]) -> dict[str, np.ndarray]:
    return {
        key: min(several, key=lambda way: float(np.abs(way - found).max()))
        for key, several in ways.items()
        if several
    }


# --- the challenge

ACCURACY, ALLOWED = 0.92, 165
NEEDED = 0.8  # without the given weights, fewer than that are read


@task(
    points=3,
    seconds=120,
    frozen=("The weights of the given model are not all what they were.",
            "Train only what you added. Which layers are frozen by trainable=False, and did you set "
            "it before you listed the trainable weights?"),
    costly=("It reads the digits, with too many new numbers.",
            "A new last layer has 330. What is added to its logits could be a product of two thin "
            "matrices; or change something narrower than a layer."),
    weak=("It does not read enough of the digits.",
          "Does the loss fall to the end? A rank of 1 with a bias can be enough. Look where in the "
          "network you adapt, how A and B start, and how long and how fast you train."),
    unused=("The given network plays no part in what your model reads.",
            "Numbers that are held as constants are new ones as well. What does your model read when "
            "all weights of the given one are 0?"),
    output=("The model does not give ten finite logits for each image.",
            "Call it with x[:5] and look at the shape of what comes."),
)  # fmt: skip
def adapt(attempt: Attempt) -> None:
    """Challenge: adapt a frozen model with few new numbers."""
    import keras

    scene = material("lab10").scene(attempt.seed or 1)
    start = _arrays(scene.model)
    got = attempt.call(scene.model, scene.x_train.copy(), scene.y_train.copy(), keep=False)
    attempt.require(got is not None, "empty", "None came.")
    is_model = isinstance(got, keras.Model)
    attempt.require(is_model, "type", f"A keras.Model was expected, and this came: {shown(got)}")
    logits = np.asarray(got(scene.x_val, training=False))
    right = logits.shape == (len(scene.x_val), 10)
    attempt.require(right, "output", f"For {len(scene.x_val)} images, shape {logits.shape} came.")
    attempt.require(np.isfinite(logits).all(), "output", "There are logits that are NaN.")
    kept, numbers = _kept_and_new(start, _arrays(got))
    same = kept and all(map(np.array_equal, start, _arrays(scene.model)))
    attempt.require(same, "frozen", "The model that you give back does not hold all weights of "
                    "the given one, unchanged.")  # fmt: skip
    attempt.passed("the weights of the given model as they were")
    accuracy = float(np.mean(logits.argmax(-1) == scene.y_val))
    saw = f"{numbers} new numbers, {accuracy:.1%} of {len(scene.y_val)} unseen digits read."
    attempt.require(accuracy >= ACCURACY, "weak", saw)
    attempt.passed(f"{accuracy:.1%} of {len(scene.y_val)} unseen digits read")
    without = _read_without(got, start, scene)
    saw_more = f"With all weights of the given model at 0, {without:.1%} are read."
    attempt.require(without < NEEDED, "unused", saw_more)
    attempt.score(f"{numbers} new numbers for {accuracy:.1%} of the digits", -numbers)
    attempt.require(numbers <= ALLOWED, "costly", saw)
    attempt.passed(f"{numbers} new numbers, {ALLOWED} are allowed")


def _read_without(model: Any, start: list[np.ndarray], scene: Any) -> float:
    """The share of digits that are read when the given weights are 0."""
    before, given = _arrays(model), list(start)
    bare = []
    for array in before:
        place = next((i for i, other in enumerate(given) if np.array_equal(array, other)), None)
        bare.append(array if place is None else np.zeros_like(given.pop(place)))
    model.set_weights(bare)
    logits = np.asarray(model(scene.x_val, training=False))
    model.set_weights(before)
    return float(np.mean(logits.argmax(-1) == scene.y_val))


def _kept_and_new(start: list[np.ndarray], end: list[np.ndarray]) -> tuple[bool, int]:
    """Whether every array of the first list stands in the second, and the size of what else does."""
    others = list(end)
    for array in start:
        place = next((i for i, other in enumerate(others) if np.array_equal(array, other)), None)
        if place is None:
            return False, 0
        others.pop(place)
    return True, sum(array.size for array in others)
