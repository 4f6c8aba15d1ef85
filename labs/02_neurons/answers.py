"""Answers to lab 2 that a check must reject with the right hint, or accept.

They are the mistakes that people make, and right answers written another way than the master's.
"""

import itertools

import numpy as np

from tests.answers import right, wrong

# --- dense


@right("dense")
def by_einsum(x, weights, bias):
    return np.einsum("...i,ui->...u", x, weights) + bias


@right("dense")
def unit_by_unit(x, weights, bias):
    sums = [np.sum(x * w, axis=-1) + b for w, b in zip(weights, bias, strict=True)]
    return np.stack(sums, axis=-1).tolist()


@right("dense")
def flat_and_back(x, weights, bias):
    flat = x.reshape(-1, x.shape[-1])
    return (flat.dot(weights.T) + bias).reshape(*x.shape[:-1], len(bias)).astype("float32")


@wrong("dense", "transposed")
def as_in_the_notebook(x, weights, bias):
    return x @ weights + bias


@wrong("dense", "transposed")
def whatever_fits(x, weights, bias):
    return x @ (weights if len(weights) == x.shape[-1] else weights.T) + bias


@wrong("dense", "bias")
def bias_for_each_row(x, weights, bias):
    sums = x @ weights.T
    if len(sums) == len(bias):
        return sums + bias[:, None]
    return sums + bias


@wrong("dense", "no_bias")
def weights_only(x, weights, bias):
    return x @ weights.T


@wrong("dense", "axes")
def batches_only(x, weights, bias):
    return (weights @ x.T + bias[:, None]).T if x.ndim > 1 else weights @ x + bias


@wrong("dense", "axes")
def one_example_at_a_time(x, weights, bias):
    return np.array([weights @ row + bias for row in x])


@wrong("dense", "shape")
def units_first(x, weights, bias):
    return (x @ weights.T + bias).T


@wrong("dense", "changed")
def adds_in_place(x, weights, bias):
    bias += 1
    return x @ weights.T + bias - 1


# --- widest


def total(num_inputs, width, num_hidden, num_outputs):
    sizes = [num_inputs] + [width] * num_hidden + [num_outputs]
    return sum((a + 1) * b for a, b in itertools.pairwise(sizes))


def search(count, budget):
    width = 0
    while count(width + 1) <= budget:
        width += 1
    return width


@right("widest")
def one_by_one(num_inputs, num_outputs, num_hidden, budget):
    return search(lambda w: total(num_inputs, w, num_hidden, num_outputs), budget)


@right("widest")
def by_the_formula(num_inputs, num_outputs, num_hidden, budget):
    """The root of a quadratic, then a step or two to be exact."""
    if budget < total(num_inputs, 1, num_hidden, num_outputs):
        return 0
    a, b, c = num_hidden - 1, num_inputs + num_hidden + num_outputs, num_outputs - budget
    width = -c / b if a == 0 else (-b + np.sqrt(b * b - 4 * a * c)) / (2 * a)
    width = int(width) + 2
    while total(num_inputs, width, num_hidden, num_outputs) > budget:
        width -= 1
    return np.int64(width)


@wrong("widest", "bias")
def weights_alone(num_inputs, num_outputs, num_hidden, budget):
    def count(w):
        return num_inputs * w + (num_hidden - 1) * w * w + w * num_outputs

    return search(count, budget)


@wrong("widest", "output")
def hidden_layers_alone(num_inputs, num_outputs, num_hidden, budget):
    return search(lambda w: (num_inputs + 1) * w + (num_hidden - 1) * (w + 1) * w, budget)


@wrong("widest", "layers")
def one_matrix_too_many(num_inputs, num_outputs, num_hidden, budget):
    def count(w):
        between = num_hidden if num_hidden > 1 else 0
        return (num_inputs + 1) * w + between * (w + 1) * w + (w + 1) * num_outputs

    return search(count, budget)


@wrong("widest", "layers")
def as_many_matrices_as_layers(num_inputs, num_outputs, num_hidden, budget):
    def count(w):
        return (num_inputs + 1) * w + num_hidden * (w + 1) * w + (w + 1) * num_outputs

    return search(count, budget)


@wrong("widest", "type")
def a_float(num_inputs, num_outputs, num_hidden, budget):
    return float(one_by_one(num_inputs, num_outputs, num_hidden, budget))


@wrong("widest", "over")
def rounded_up(num_inputs, num_outputs, num_hidden, budget):
    return one_by_one(num_inputs, num_outputs, num_hidden, budget) + 1


@wrong("widest", "under")
def below_the_budget(num_inputs, num_outputs, num_hidden, budget):
    return one_by_one(num_inputs, num_outputs, num_hidden, budget - 1)


@wrong("widest", "type")
def not_whole(num_inputs, num_outputs, num_hidden, budget):
    return one_by_one(num_inputs, num_outputs, num_hidden, budget) + 0.5


@wrong("widest", "time")
def never_too_many(num_inputs, num_outputs, num_hidden, budget):
    width = 1
    while total(num_inputs, width, num_hidden, num_outputs) > 0:
        width += 1
    return width


# --- log_sigmoid


@right("log_sigmoid")
def by_logaddexp(z):
    return -np.logaddexp(0, -np.asarray(z))


@right("log_sigmoid")
def two_cases(z):
    z = np.asarray(z, dtype=float)
    with np.errstate(all="ignore"):
        return np.where(z < 0, z - np.log1p(np.exp(z)), -np.log1p(np.exp(-z)))


@right("log_sigmoid")
def in_float32(z):
    return -np.logaddexp(np.float32(0), -np.asarray(z, dtype="float32"))


@wrong("log_sigmoid", "low")
def as_it_is_read(z):
    return np.log(1 / (1 + np.exp(-z)))


@wrong("log_sigmoid", "low")
def log_of_a_safe_sigmoid(z):
    z = np.asarray(z, dtype=float)
    small = np.exp(-np.abs(z))
    return np.log(np.where(z >= 0, 1, small) / (1 + small))


@wrong("log_sigmoid", "cut")
def clipped(z):
    return -np.log1p(np.exp(-np.clip(z, -500, 500)))


@wrong("log_sigmoid", "cut")
def with_a_small_number(z):
    return np.log(1 / (1 + np.exp(-np.clip(z, -700, 700))) + 1e-12)


@wrong("log_sigmoid", "high")
def without_log1p(z):
    return np.minimum(z, 0) - np.log(1 + np.exp(-np.abs(z)))


@wrong("log_sigmoid", "sign")
def softplus(z):
    return np.logaddexp(0, -np.asarray(z))


@wrong("log_sigmoid", "sign")
def of_minus_z(z):
    return -np.logaddexp(0, np.asarray(z))


@wrong("log_sigmoid", "plain")
def the_sigmoid(z):
    return np.exp(by_logaddexp(z))


@wrong("log_sigmoid", "base")
def base_two(z):
    return by_logaddexp(z) / np.log(2)


@wrong("log_sigmoid", "raised")
def for_one_number(z):
    return z - np.log1p(np.exp(z)) if z < 0 else -np.log1p(np.exp(-z))


# --- weights_for


def drawn(spread, num_inputs, num_units, seed):
    return np.random.default_rng(seed).normal(scale=spread, size=(num_inputs, num_units))


def squares(activation):
    return np.mean(activation(np.random.default_rng(5).normal(size=200_000)) ** 2)


@right("weights_for")
def by_integration(num_inputs, num_units, activation, seed):
    z = np.linspace(-6, 6, 5_001)
    mean = np.average(activation(z) ** 2, weights=np.exp(-(z**2) / 2))
    return drawn((num_inputs * mean) ** -0.5, num_inputs, num_units, seed)


@right("weights_for")
def uniform(num_inputs, num_units, activation, seed):
    edge = np.sqrt(3 / (num_inputs * squares(activation)))
    shape = (num_inputs, num_units)
    return np.random.default_rng(seed).uniform(-edge, edge, shape).astype("float32")


@right("weights_for")
def by_trying(num_inputs, num_units, activation, seed):
    """Send a batch through, and divide by the spread that comes out."""
    weights = drawn(1.0, num_inputs, num_units, seed)
    x = activation(np.random.default_rng(seed + 1).normal(size=(400, num_inputs)))
    return weights / np.sqrt(np.mean((x @ weights) ** 2))


@right("weights_for")
def each_unit_by_itself(num_inputs, num_units, activation, seed):
    """Each unit is scaled by itself; for ReLU the weights' own spread is then another."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(num_inputs, num_units))
    x = activation(rng.normal(size=(1_000, num_inputs)))
    return weights / np.sqrt(np.mean((x @ weights) ** 2, axis=0))


@wrong("weights_for", "he")
def always_he(num_inputs, num_units, activation, seed):
    return drawn((2 / num_inputs) ** 0.5, num_inputs, num_units, seed)


@wrong("weights_for", "ignored")
def always_lecun(num_inputs, num_units, activation, seed):
    return drawn(num_inputs**-0.5, num_inputs, num_units, seed)


@wrong("weights_for", "ignored")
def always_glorot(num_inputs, num_units, activation, seed):
    return drawn((2 / (num_inputs + num_units)) ** 0.5, num_inputs, num_units, seed)


@wrong("weights_for", "root")
def variance_for_spread(num_inputs, num_units, activation, seed):
    return drawn(1 / (num_inputs * squares(activation)), num_inputs, num_units, seed)


@wrong("weights_for", "units")
def by_the_units(num_inputs, num_units, activation, seed):
    return drawn((num_units * squares(activation)) ** -0.5, num_inputs, num_units, seed)


@wrong("weights_for", "no_scale")
def as_they_come(num_inputs, num_units, activation, seed):
    return drawn(1.0, num_inputs, num_units, seed)


@wrong("weights_for", "centred")
def about_their_mean(num_inputs, num_units, activation, seed):
    out = activation(np.random.default_rng(5).normal(size=200_000))
    return drawn(1 / (np.sqrt(num_inputs) * out.std()), num_inputs, num_units, seed)


@wrong("weights_for", "inverse")
def times_the_squares(num_inputs, num_units, activation, seed):
    return drawn(np.sqrt(squares(activation) / num_inputs), num_inputs, num_units, seed)


@wrong("weights_for", "alike")
def one_unit_copied(num_inputs, num_units, activation, seed):
    column = drawn((num_inputs * squares(activation)) ** -0.5, num_inputs, 1, seed)
    return np.tile(column, (1, num_units))


@wrong("weights_for", "spread")
def only_positive(num_inputs, num_units, activation, seed):
    return np.abs(by_integration(num_inputs, num_units, activation, seed))


@wrong("weights_for", "spread")
def a_tenth_too_large(num_inputs, num_units, activation, seed):
    return 1.1 * by_integration(num_inputs, num_units, activation, seed)


@wrong("weights_for", "seed")
def always_seed_0(num_inputs, num_units, activation, seed):
    return by_integration(num_inputs, num_units, activation, 0)


@wrong("weights_for", "shape")
def a_row_for_each_unit(num_inputs, num_units, activation, seed):
    return by_integration(num_inputs, num_units, activation, seed).T


# --- folded


def joined(first, second):
    (w1, b1, _), (w2, b2, bend) = first, second
    return w1 @ w2, b1 @ w2 + b2, bend


def with_rule(layers, may, join=joined):
    out = list(layers)
    i = 0
    while i + 1 < len(out):
        if may(out[i], out[i + 1]):
            out[i : i + 2] = [join(out[i], out[i + 1])]
        else:
            i += 1
    return out


def is_linear(first, second):
    return first[2] == "linear"


@right("folded")
def from_the_end(layers):
    out = []
    for layer in reversed(layers):
        out = [joined(layer, out[0]), *out[1:]] if out and layer[2] == "linear" else [layer, *out]
    return out


@right("folded")
def by_basis(layers):
    """Find weights and bias by sending 0 and the unit vectors through each straight run."""
    out, run = [], []
    for layer in layers:
        run.append(layer)
        if layer[2] != "linear" or layer is layers[-1]:
            probe = np.vstack([np.zeros(len(run[0][0])), np.eye(len(run[0][0]))])
            for weights, bias, _ in run:
                probe = probe @ weights + bias
            out.append([probe[1:] - probe[0], probe[0], layer[2]])
            run = []
    return tuple(out)


@right("folded")
def folded_in_float32(layers):
    out = from_the_end(layers)
    return [(w.astype("float32"), b.astype("float32"), bend) for w, b, bend in out]


@wrong("folded", "bias")
def biases_added(layers):
    def join(first, second):
        bias = first[1] + second[1] if first[1].shape == second[1].shape else second[1]
        return first[0] @ second[0], bias, second[2]

    return with_rule(layers, is_linear, join)


@wrong("folded", "bias")
def second_bias_only(layers):
    return with_rule(layers, is_linear, lambda a, b: (a[0] @ b[0], b[1], b[2]))


@wrong("folded", "order")
def wrong_order(layers):
    return with_rule(layers, is_linear, lambda a, b: (b[0] @ a[0], a[1] @ b[0] + b[1], b[2]))


@wrong("folded", "bent")
def second_is_linear(layers):
    return with_rule(layers, lambda a, b: b[2] == "linear" or a[2] == "linear")


@wrong("folded", "bent")
def all_in_one(layers):
    return with_rule(layers, lambda a, b: True)


@wrong("folded", "activation")
def keeps_the_first(layers):
    return with_rule(layers, is_linear, lambda a, b: (*joined(a, b)[:2], a[2]))


@wrong("folded", "left")
def both_must_be_linear(layers):
    return with_rule(layers, lambda a, b: a[2] == b[2] == "linear")


@wrong("folded", "left")
def pairs_once(layers):
    out, i = [], 0
    while i < len(layers):
        if i + 1 < len(layers) and layers[i][2] == "linear":
            out.append(joined(layers[i], layers[i + 1]))
            i += 2
        else:
            out.append(layers[i])
            i += 1
    return out


@wrong("folded", "left")
def nothing_folded(layers):
    return list(layers)


@wrong("folded", "outputs")
def first_bias_doubled(layers):
    return with_rule(layers, is_linear, lambda a, b: (a[0] @ b[0], 2 * a[1] @ b[0] + b[1], b[2]))


@wrong("folded", "changed")
def in_place(layers):
    layers[:] = with_rule(layers, is_linear)
    return layers


@wrong("folded", "type")
def only_the_weights(layers):
    return [layer[0] for layer in from_the_end(layers)]


# --- target


def around(number, start=0.0):
    angles = start + 2 * np.pi * np.arange(number) / number
    return np.array([np.cos(angles), np.sin(angles)])


def rings(centre, unit, inner, outer, inner_at, outer_at, push, level):
    """`inner` hinges push the output down from `inner_at` on, `outer` ones up again."""
    weights = np.hstack([around(inner), around(outer, np.pi / 2)])
    at = np.array([inner_at] * inner + [outer_at] * outer)
    out = np.array([-1.0] * inner + [push] * outer)
    return weights, -(centre @ weights) - unit * at, out, level * unit


@right("target")
def six_and_six(centre, unit):
    return rings(centre, unit, 6, 6, 1.0, 3.0, 12.0, 0.2)


@right("target")
def scaled_weights(centre, unit):
    """The weights are divided by the unit instead; column vectors for the output."""
    weights, bias, out, level = rings(np.zeros(2), 1.0, 3, 6, 0.0, 3.0, 8.0, 1.37)
    weights = weights / unit
    return weights, bias - centre @ weights, out[:, None], np.float32(level)


@wrong("target", "centre")
def about_the_origin(centre, unit):
    return six_and_six(np.zeros(2), unit)


@wrong("target", "unit")
def only_for_unit_1(centre, unit):
    return six_and_six(centre, 1.0)


@wrong("target", "ring")
def no_units(centre, unit):
    return rings(centre, unit, 3, 5, 9.0, 9.0, 1.0, 1.0)


@wrong("target", "rim")
def disc_only(centre, unit):
    return rings(centre, unit, 3, 0, 0.0, 0.0, 0.0, 1.37)


@wrong("target", "disc")
def output_bias_too_low(centre, unit):
    return rings(centre, unit, 6, 6, 1.0, 3.0, 12.0, -0.2)


@wrong("target", "sign")
def upside_down(centre, unit):
    weights, bias, out, level = six_and_six(centre, unit)
    return weights, bias, -out, -level


@wrong("target", "many")
def sixteen(centre, unit):
    return rings(centre, unit, 8, 8, 1.0, 3.0, 12.0, 0.2)


@wrong("target", "shape")
def a_row_a_unit(centre, unit):
    weights, bias, out, level = six_and_six(centre, unit)
    return weights.T, bias, out, level


@wrong("target", "type")
def without_the_last(centre, unit):
    return six_and_six(centre, unit)[:3]
