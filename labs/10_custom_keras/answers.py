"""Answers to lab 10 that a check must reject with the right hint, or accept.

They are the mistakes that people make, and right answers written another way than the master's.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tests.answers import right, wrong

# --- masked_loss


def each_token(labels, logits, smoothing):
    size = logits.shape[-1]
    target = tf.one_hot(tf.maximum(labels, 0), size) * (1 - smoothing) + smoothing / size
    return tf.nn.softmax_cross_entropy_with_logits(target, logits)


@right("masked_loss")
def by_boolean_mask(labels, logits, smoothing):
    real = labels >= 0
    each = each_token(tf.boolean_mask(labels, real), tf.boolean_mask(logits, real), smoothing)
    return tf.math.divide_no_nan(tf.reduce_sum(each), tf.cast(tf.size(each), "float32"))


@right("masked_loss")
def by_weights(labels, logits, smoothing):
    entropy = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=smoothing, reduction="sum"
    )
    real = tf.cast(labels != -1, tf.float32)
    target = tf.one_hot(labels, logits.shape[-1])
    total = entropy(target, logits, sample_weight=real)
    return total / tf.maximum(tf.reduce_sum(real), 1)


@wrong("masked_loss", "positions")
def over_all_positions(labels, logits, smoothing):
    real = tf.cast(labels >= 0, tf.float32)
    return tf.reduce_mean(each_token(labels, logits, smoothing) * real)


@wrong("masked_loss", "padded")
def unmasked(labels, logits, smoothing):
    return tf.reduce_mean(each_token(labels, logits, smoothing))


@wrong("masked_loss", "means")
def mean_of_rows(labels, logits, smoothing):
    real = tf.cast(labels >= 0, tf.float32)
    total = tf.reduce_sum(each_token(labels, logits, smoothing) * real, axis=1)
    return tf.reduce_mean(total / tf.maximum(tf.reduce_sum(real, axis=1), 1))


@wrong("masked_loss", "sum")
def added_up(labels, logits, smoothing):
    real = tf.cast(labels >= 0, tf.float32)
    return tf.reduce_sum(each_token(labels, logits, smoothing) * real)


@wrong("masked_loss", "sign")
def without_minus(labels, logits, smoothing):
    return -by_boolean_mask(labels, logits, smoothing)


@wrong("masked_loss", "logits")
def softmax_twice(labels, logits, smoothing):
    return by_boolean_mask(labels, tf.nn.softmax(logits), smoothing)


@wrong("masked_loss", "logits")
def logarithm_of_softmax(labels, logits, smoothing):
    target = tf.one_hot(tf.maximum(labels, 0), logits.shape[-1]) * (1 - smoothing)
    target = target + smoothing / logits.shape[-1]
    each = -tf.reduce_sum(target * tf.math.log(tf.nn.softmax(logits) + 1e-9), axis=-1)
    real = tf.cast(labels >= 0, tf.float32)
    return tf.reduce_sum(each * real) / tf.maximum(tf.reduce_sum(real), 1)


@wrong("masked_loss", "smoothing")
def not_smoothed(labels, logits, smoothing):
    return by_boolean_mask(labels, logits, 0.0)


@wrong("masked_loss", "smoothing", hidden=True)
def smoothed_by_heart(labels, logits, smoothing):
    known = 0.0 if smoothing == 0 else 0.1 if smoothing < 0.2 else 0.3
    return by_boolean_mask(labels, logits, known)


@wrong("masked_loss", "spread")
def among_the_wrong(labels, logits, smoothing):
    size = logits.shape[-1]
    own = tf.one_hot(tf.maximum(labels, 0), size)
    target = own * (1 - smoothing) + (1 - own) * smoothing / (size - 1)
    each = tf.nn.softmax_cross_entropy_with_logits(target, logits)
    real = tf.cast(labels >= 0, tf.float32)
    return tf.reduce_sum(each * real) / tf.maximum(tf.reduce_sum(real), 1)


@wrong("masked_loss", "nothing")
def divided_by_none(labels, logits, smoothing):
    real = tf.cast(labels >= 0, tf.float32)
    return tf.reduce_sum(each_token(labels, logits, smoothing) * real) / tf.reduce_sum(real)


@wrong("masked_loss", "cut")
def as_a_float(labels, logits, smoothing):
    return float(by_boolean_mask(labels, logits, smoothing))


@wrong("masked_loss", "cut")
def by_numpy(labels, logits, smoothing):
    return tf.constant(by_boolean_mask(labels, tf.constant(np.array(logits)), smoothing).numpy())


@wrong("masked_loss", "type")
def one_a_token(labels, logits, smoothing):
    return each_token(labels, logits, smoothing)


# --- group_norm


class Base(keras.layers.Layer):
    def __init__(self, groups, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.groups, self.epsilon = groups, epsilon

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")

    def split(self, x):
        return ops.reshape(x, (*ops.shape(x)[:-1], self.groups, x.shape[-1] // self.groups))

    def call(self, x):
        parts = self.split(x)
        return ops.reshape(self.normed(parts), ops.shape(x)) * self.scale

    def normed(self, parts):
        return parts * ops.rsqrt(ops.mean(parts * parts, axis=-1, keepdims=True) + self.epsilon)

    def get_config(self):
        return {**super().get_config(), "groups": self.groups, "epsilon": self.epsilon}


@right("group_norm")
class BySplitting(Base):
    def call(self, x):
        parts = ops.split(x, self.groups, axis=-1)
        return ops.concatenate([self.normed(part) for part in parts], axis=-1) * self.scale


@right("group_norm")
@keras.saving.register_keras_serializable("answers_10")
class ScaledInItsGroups(Base):
    def call(self, x):
        scale = ops.reshape(self.scale, (self.groups, -1))
        return ops.reshape(self.normed(self.split(x)) * scale, ops.shape(x))


@right("group_norm")
class WithoutConfig(keras.layers.Layer):
    """Keras notes plain arguments by itself."""

    def __init__(self, groups, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.groups, self.epsilon = groups, epsilon

    def build(self, input_shape):
        self.s = self.add_weight(shape=input_shape[-1:], initializer=keras.initializers.Ones())

    def call(self, x):
        return Base.call(self, x)

    split, normed = Base.split, Base.normed

    @property
    def scale(self):
        return self.s


@wrong("group_norm", "whole")
class WithoutGroups(Base):
    def call(self, x):
        return self.normed(x) * self.scale


@wrong("group_norm", "striped")
class Striped(Base):
    def call(self, x):
        parts = ops.reshape(x, (*ops.shape(x)[:-1], -1, self.groups))
        square = ops.mean(parts**2, axis=-2, keepdims=True)
        return ops.reshape(parts / ops.sqrt(square + self.epsilon), ops.shape(x)) * self.scale


@wrong("group_norm", "centred")
class LikeLayerNorm(Base):
    def normed(self, parts):
        return super().normed(parts - ops.mean(parts, axis=-1, keepdims=True))


@wrong("group_norm", "sum")
class SumOfSquares(Base):
    def normed(self, parts):
        return parts / ops.sqrt(ops.sum(parts**2, axis=-1, keepdims=True) + self.epsilon)


@wrong("group_norm", "root")
class WithoutRoot(Base):
    def normed(self, parts):
        return parts / (ops.mean(parts**2, axis=-1, keepdims=True) + self.epsilon)


@wrong("group_norm", "batch")
class OverTheBatch(Base):
    def call(self, x):
        over = list(range(len(x.shape) - 1))
        square = ops.mean(x**2, axis=over, keepdims=True)
        return x / ops.sqrt(square + self.epsilon) * self.scale


@wrong("group_norm", "epsilon")
class EpsilonOutside(Base):
    def normed(self, parts):
        return parts / (ops.sqrt(ops.mean(parts**2, axis=-1, keepdims=True)) + self.epsilon)


@wrong("group_norm", "epsilon", hidden=True)
class EpsilonByHeart(Base):
    def __init__(self, groups, epsilon=1e-6, **kwargs):
        known = min((1e-6, 1e-3, 1e-2), key=lambda e: abs(e - epsilon))
        super().__init__(groups, known, **kwargs)


@wrong("group_norm", "scale")
class WithoutScale(Base):
    def build(self, input_shape):
        self.scale = 1.0


@wrong("group_norm", "scale")
class OneScaleAGroup(Base):
    def build(self, input_shape):
        self.scale = self.add_weight(shape=(self.groups, 1), initializer="ones")

    def call(self, x):
        return ops.reshape(self.normed(self.split(x)) * self.scale, ops.shape(x))


@wrong("group_norm", "start")
class StartsByChance(Base):
    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="random_normal")


@wrong("group_norm", "raised")
class NewEachTime(Base):
    def call(self, x):
        self.unused = keras.Variable(ops.ones(x.shape[-1:]), trainable=False)
        self.others = [*getattr(self, "others", []), self.unused]
        return super().call(x)


@wrong("group_norm", "unscaled")
class ScaleForgotten(Base):
    def call(self, x):
        return ops.reshape(self.normed(self.split(x)), ops.shape(x))


@wrong("group_norm", "config")
class HalfAConfig(Base):
    def get_config(self):
        return {**keras.layers.Layer.get_config(self), "groups": self.groups}


@wrong("group_norm", "config")
class NameAndTrainableLost(Base):
    def get_config(self):
        return {"groups": self.groups, "epsilon": self.epsilon}


@wrong("group_norm", "cut")
class RootWithoutGradient(Base):
    def normed(self, parts):
        square = ops.mean(parts**2, axis=-1, keepdims=True)
        return parts / ops.stop_gradient(ops.sqrt(square + self.epsilon))


@wrong("group_norm", "cut")
class ByNumPy(Base):
    def call(self, x):
        if not tf.is_tensor(x) or not hasattr(x, "numpy"):
            return super().call(x)
        return ops.convert_to_tensor(np.array(super().call(x)))


@wrong("group_norm", "config")
class NoConfigOfItsParent(Base):
    def get_config(self):
        return {"units": self.groups}


@wrong("group_norm", "raised")
class TwoAxesOnly(Base):
    def call(self, x):
        rows, width = x.shape
        parts = ops.reshape(x, (rows, self.groups, width // self.groups))
        return ops.reshape(self.normed(parts), (rows, width)) * self.scale


# --- train_step


def loss_of(model, x, y, training=True):
    each = tf.nn.sparse_softmax_cross_entropy_with_logits(y, model(x, training=training))
    return tf.reduce_mean(each)


def stepped(model, optimizer, x, y, clipped, training=True, variables=None):
    """One step, with the gradients as `clipped` makes them of the gradients and their norm."""
    variables = model.trainable_variables if variables is None else variables
    with tf.GradientTape() as tape:
        loss = loss_of(model, x, y, training)
    gradients = tape.gradient(loss, variables)
    norm = tf.linalg.global_norm(gradients)
    optimizer.apply_gradients(zip(clipped(gradients, norm), variables, strict=True))
    return {"loss": loss, "norm": norm}


@right("train_step")
def by_tensorflow(model, optimizer, x, y, clip):
    return stepped(model, optimizer, x, y, lambda g, norm: tf.clip_by_global_norm(g, clip, norm)[0])


@right("train_step")
def by_hand(model, optimizer, x, y, clip):
    weights = model.trainable_weights
    with tf.GradientTape() as tape:
        loss = keras.ops.mean(
            keras.losses.sparse_categorical_crossentropy(
                y, model(x, training=True), from_logits=True
            )
        )
    gradients = [np.array(g) for g in tape.gradient(loss, weights)]
    norm = np.sqrt(sum((g**2).sum() for g in gradients))
    if norm > clip:
        gradients = [g * clip / norm for g in gradients]
    optimizer.apply([tf.constant(g) for g in gradients], weights)
    return {"norm": norm, "loss": np.float64(loss), "seen": len(x)}


@wrong("train_step", "frozen")
def all_weights(model, optimizer, x, y, clip):
    variables = [v for v in model.weights if "moving" not in v.path]
    with tf.GradientTape() as tape:
        for v in variables:
            tape.watch(v.value)
        loss = loss_of(model, x, y)
    gradients, norm = tf.clip_by_global_norm(tape.gradient(loss, variables), clip)
    for g, v in zip(gradients, variables, strict=True):
        v.assign_sub(0.5 * g)
    return {"loss": loss, "norm": norm}


@wrong("train_step", "frozen")
def thawed(model, optimizer, x, y, clip):
    model.trainable = True
    for layer in model.layers:
        layer.trainable = True
    return by_tensorflow(model, optimizer, x, y, clip)


@wrong("train_step", "unmoved", hidden=True)
def all_but_the_first(model, optimizer, x, y, clip):
    variables = [v for layer in model.layers[1:] for v in layer.trainable_variables]
    return stepped(
        model, optimizer, x, y,
        lambda g, norm: tf.clip_by_global_norm(g, clip, norm)[0], variables=variables,
    )  # fmt: skip


@wrong("train_step", "unmoved")
def the_last_layer(model, optimizer, x, y, clip):
    return stepped(
        model, optimizer, x, y, lambda g, norm: tf.clip_by_global_norm(g, clip, norm)[0],
        variables=model.layers[-1].trainable_variables,
    )  # fmt: skip


@wrong("train_step", "inference")
def as_after_training(model, optimizer, x, y, clip):
    return stepped(
        model, optimizer, x, y, lambda g, n: tf.clip_by_global_norm(g, clip)[0], training=False
    )


def stepped_by(loss, model, optimizer, x, y, clip):
    variables = model.trainable_variables
    with tf.GradientTape() as tape:
        value = loss(y, model(x, training=True))
    gradients, norm = tf.clip_by_global_norm(tape.gradient(value, variables), clip)
    optimizer.apply_gradients(zip(gradients, variables, strict=True))
    return {"loss": value, "norm": norm}


@wrong("train_step", "logits")
def softmax_and_again(model, optimizer, x, y, clip):
    def loss(y, z):
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(y, tf.nn.softmax(z))
        return tf.reduce_mean(each)

    return stepped_by(loss, model, optimizer, x, y, clip)


@wrong("train_step", "logits")
def logits_as_probabilities(model, optimizer, x, y, clip):
    loss = keras.losses.SparseCategoricalCrossentropy()
    return stepped_by(loss, model, optimizer, x, y, clip)


@wrong("train_step", "summed")
def sum_of_losses(model, optimizer, x, y, clip):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    return stepped_by(loss, model, optimizer, x, y, clip)


@wrong("train_step", "unclipped")
def without_clipping(model, optimizer, x, y, clip):
    return stepped(model, optimizer, x, y, lambda g, norm: g)


@wrong("train_step", "each")
def one_by_one(model, optimizer, x, y, clip):
    return stepped(model, optimizer, x, y, lambda g, n: [tf.clip_by_norm(part, clip) for part in g])


@wrong("train_step", "value")
def by_value(model, optimizer, x, y, clip):
    return stepped(
        model, optimizer, x, y, lambda g, n: [tf.clip_by_value(part, -clip, clip) for part in g]
    )


@wrong("train_step", "stretched")
def always_as_long(model, optimizer, x, y, clip):
    return stepped(model, optimizer, x, y, lambda g, norm: [part * clip / norm for part in g])


@wrong("train_step", "after")
def short_norm(model, optimizer, x, y, clip):
    report = by_tensorflow(model, optimizer, x, y, clip)
    return {**report, "norm": min(float(report["norm"]), clip)}


@wrong("train_step", "late")
def loss_after(model, optimizer, x, y, clip):
    report = by_tensorflow(model, optimizer, x, y, clip)
    return {**report, "loss": loss_of(model, x, y)}


@wrong("train_step", "twice")
def loss_by_a_second_pass(model, optimizer, x, y, clip):
    loss = loss_of(model, x, y)
    return {**by_tensorflow(model, optimizer, x, y, clip), "loss": loss}


@wrong("train_step", "still")
def not_applied(model, optimizer, x, y, clip):
    return stepped(model, optimizer, x, y, lambda g, norm: [0 * part for part in g])


@wrong("train_step", "report")
def as_a_pair(model, optimizer, x, y, clip):
    return tuple(by_tensorflow(model, optimizer, x, y, clip).values())


# --- accumulated_step


def tokens_of(y):
    return tf.reduce_sum(tf.cast(y >= 0, tf.float32))


def sum_of(model, x, y):
    each = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(y, 0), model(x, training=True))
    return tf.reduce_sum(each * tf.cast(y >= 0, tf.float32))


def gathered(model, x, y, starts, micro, divided):
    """Loss and gradients, added up over slices; `divided` makes of a sum what is differentiated."""
    variables, total, loss = model.trainable_variables, None, 0.0
    for s in starts:
        part = y[s : s + micro]
        with tf.GradientTape() as tape:
            mine = divided(sum_of(model, x[s : s + micro], part), part)
        found, loss = tape.gradient(mine, variables), loss + mine
        total = found if total is None else [a + b for a, b in zip(total, found, strict=True)]
    return loss, total


@right("accumulated_step")
def divided_at_the_end(model, optimizer, x, y, micro):
    loss, total = gathered(model, x, y, range(0, len(x), micro), micro, lambda s, part: s)
    real = tokens_of(y)
    optimizer.apply([g / real for g in total], model.trainable_variables)
    return loss / real


@right("accumulated_step")
def under_one_tape_each(model, optimizer, x, y, micro):
    real, variables = tokens_of(y), model.trainable_variables
    store = [tf.Variable(tf.zeros(v.shape)) for v in variables]
    losses = []
    for xb, yb in tf.data.Dataset.from_tensor_slices((x, y)).batch(micro):
        with tf.GradientTape() as tape:
            losses.append(sum_of(model, xb, yb) / real)
        for s, g in zip(store, tape.gradient(losses[-1], variables), strict=True):
            s.assign_add(g)
    optimizer.apply_gradients(zip([s.value() for s in store], variables, strict=True))
    return np.float32(sum(float(loss) for loss in losses))


@right("accumulated_step")
def without_slices_of_padding(model, optimizer, x, y, micro):
    starts = [s for s in range(0, len(x), micro) if tokens_of(y[s : s + micro]) > 0]
    loss, total = gathered(model, x, y, starts, micro, lambda s, part: s)
    optimizer.apply([g / tokens_of(y) for g in total], model.trainable_variables)
    return loss / tokens_of(y)


@wrong("accumulated_step", "large")
def all_at_once(model, optimizer, x, y, micro):
    return divided_at_the_end(model, optimizer, x, y, len(x))


@wrong("accumulated_step", "often")
def a_step_each(model, optimizer, x, y, micro):
    starts = range(0, len(x), micro)
    parts = [(x[s : s + micro], y[s : s + micro]) for s in starts]
    return sum(divided_at_the_end(model, optimizer, *part, micro) for part in parts)


@wrong("accumulated_step", "still")
def never_applied(model, optimizer, x, y, micro):
    loss, _ = gathered(model, x, y, range(0, len(x), micro), micro, lambda s, part: s)
    return loss / tokens_of(y)


@wrong("accumulated_step", "means")
def mean_of_means(model, optimizer, x, y, micro):
    starts = range(0, len(x), micro)
    loss, total = gathered(
        model, x, y, starts, micro, lambda s, part: s / tf.maximum(tokens_of(part), 1) / len(starts)
    )
    optimizer.apply(total, model.trainable_variables)
    return loss


@wrong("accumulated_step", "sum")
def sum_of_means(model, optimizer, x, y, micro):
    starts = range(0, len(x), micro)
    loss, total = gathered(
        model, x, y, starts, micro, lambda s, part: s / tf.maximum(tokens_of(part), 1)
    )
    optimizer.apply(total, model.trainable_variables)
    return loss


@wrong("accumulated_step", "last")
def the_last_slice(model, optimizer, x, y, micro):
    real = tokens_of(y)
    for s in range(0, len(x), micro):
        loss, total = gathered(model, x, y, [s], micro, lambda s, part: s / real)
    optimizer.apply(total, model.trainable_variables)
    return loss


@wrong("accumulated_step", "dropped")
def whole_slices(model, optimizer, x, y, micro):
    real = tokens_of(y)
    starts = range(0, len(x) // micro * micro, micro) or [0]
    loss, total = gathered(model, x, y, starts, micro, lambda s, part: s / real)
    optimizer.apply(total, model.trainable_variables)
    return loss


@wrong("accumulated_step", "dropped", hidden=True)
def three_slices(model, optimizer, x, y, micro):
    real = tokens_of(y)
    starts = list(range(0, len(x), micro))[:3]
    loss, total = gathered(model, x, y, starts, micro, lambda s, part: s / real)
    optimizer.apply(total, model.trainable_variables)
    return loss


@wrong("accumulated_step", "padded")
def over_positions(model, optimizer, x, y, micro):
    every = float(tf.size(y))
    loss, total = gathered(model, x, y, range(0, len(x), micro), micro, lambda s, part: s / every)
    optimizer.apply(total, model.trainable_variables)
    return loss


@wrong("accumulated_step", "nan")
def empty_slice(model, optimizer, x, y, micro):
    real = tokens_of(y)
    loss, total = gathered(
        model, x, y, range(0, len(x), micro), micro,
        lambda s, part: s / tokens_of(part) * (tokens_of(part) / real),
    )  # fmt: skip
    optimizer.apply(total, model.trainable_variables)
    return loss


@wrong("accumulated_step", "loss")
def loss_of_the_last(model, optimizer, x, y, micro):
    divided_at_the_end(model, optimizer, x, y, micro)
    return sum_of(model, x[-micro:], y[-micro:]) / tf.maximum(tokens_of(y[-micro:]), 1)


# --- adapt


class Beside(keras.layers.Layer):
    def __init__(self, dense, rank):
        super().__init__()
        self.dense, self.rank = dense, rank

    def build(self, shape):
        start = keras.initializers.RandomNormal(stddev=shape[-1] ** -0.5, seed=2)
        self.a = self.add_weight(shape=(shape[-1], self.rank), initializer=start)
        self.b = self.add_weight(shape=(self.rank, self.dense.units), initializer="zeros")

    def call(self, x):
        z = ops.matmul(x, self.dense.kernel) + self.dense.bias
        return self.dense.activation(z + ops.matmul(ops.matmul(x, self.a), self.b))


def fitted(model, x, y, steps=200, rate=0.01):
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
    entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(
        keras.optimizers.Adam(schedule), entropy, jit_compile=False, steps_per_execution=20
    )
    order = np.random.default_rng(1).integers(0, len(x), steps * 128)
    model.fit(x[order], y[order], batch_size=128, shuffle=False, verbose=0)
    return model


@right("adapt")
def beside_the_first_layer(model, x, y):
    model.trainable = False
    first, *others = model.layers
    return fitted(keras.Sequential([keras.Input((64,)), Beside(first, 1), *others]), x, y)


@wrong("adapt", "frozen")
def everything_trained(model, x, y):
    return fitted(model, x, y, steps=20)


@wrong("adapt", "costly")
def a_new_last_layer(model, x, y):
    model.trainable = False
    inputs = keras.Input((64,))
    hidden = model.layers[1](model.layers[0](inputs))
    new = keras.layers.Dense(10, kernel_initializer="zeros")(hidden)
    return fitted(keras.Model(inputs, new + model.layers[2](hidden)), x, y)


@wrong("adapt", "frozen")
def without_the_last_layer(model, x, y):
    model.trainable = False
    return keras.Sequential([keras.Input((64,)), *model.layers[:2], keras.layers.Dense(10)])


@wrong("adapt", "weak")
def as_it_is(model, x, y):
    return model


@wrong("adapt", "output")
def probabilities_of_one(model, x, y):
    return keras.Sequential([model, keras.layers.Dense(1)])


class Apart(keras.Model):
    """It holds a network, and asks another one, whose numbers are constants."""

    def __init__(self, reader, weights, biases):
        super().__init__()
        self.reader, self.both = reader, (weights, biases)

    def call(self, x):
        weights, biases = (tf.constant(part, "float32") for part in self.both)
        return ops.matmul(x, weights) + biases


@wrong("adapt", "unused")
def another_one_as_constants(model, x, y):
    from sklearn.linear_model import LogisticRegression

    found = LogisticRegression(C=30, max_iter=3000).fit(x, y)
    return Apart(model, found.coef_.T, found.intercept_)
