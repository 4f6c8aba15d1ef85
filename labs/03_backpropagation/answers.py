"""Answers to lab 3 that a check must reject with the right hint, or accept.

They are the mistakes that people make, and right answers written another way than the master's.
"""

import math
import sys

import numpy as np

from helpers import labs
from tests.answers import right, wrong

Value = labs.material("lab03").Value


# --- softplus


@wrong("softplus", "small")
def with_the_engines_operations(a):
    if a.data > 0:
        return a + ((0.0 - a).exp() + 1).log()
    return (a.exp() + 1).log()


@right("softplus")
def with_numpy(a):
    value = np.logaddexp(0.0, a.data)
    return Value(value, [a], [np.exp(a.data - value)])


@right("softplus")
def plain_where_it_can_be(a):
    if a.data > 700:
        return Value(a.data, (a,), (1.0,))
    e = math.exp(a.data)
    return Value(math.log1p(e), (a,), (e / (1 + e),))


@wrong("softplus", "small")
def slope_by_tanh(a):
    slope = 0.5 * (1 + np.tanh(a.data / 2))
    return Value(np.logaddexp(0.0, a.data), [a], [slope])


@wrong("softplus", "small")
def cut_at_20(a):
    if abs(a.data) > 20:
        return Value(max(a.data, 0.0), (a,), (float(a.data > 0),))
    return by_its_mirror(a)


@wrong("softplus", "small")
def without_log1p(a):
    e = math.exp(-abs(a.data))
    slope = 1 / (1 + e) if a.data > 0 else e / (1 + e)
    return Value(max(a.data, 0.0) + math.log(1 + e), (a,), (slope,))


@wrong("softplus", "mirrored")
def sigmoid_of_minus_a(a):
    e = math.exp(-abs(a.data))
    slope = e / (1 + e) if a.data > 0 else 1 / (1 + e)
    return Value(max(a.data, 0.0) + math.log1p(e), (a,), (slope,))


@right("softplus")
def by_its_mirror(a):
    if a.data < 0:
        e = math.exp(a.data)
        return Value(math.log1p(e), (a,), (e / (1 + e),))
    e = math.exp(-a.data)
    return Value(a.data + math.log(1 + e), (a,), (1 / (1 + e),))


@wrong("softplus", "cut")
def not_connected(a):
    return Value(math.log1p(math.exp(a.data)))


@wrong("softplus", "cut")
def connected_to_the_number(a):
    return Value(math.log1p(math.exp(a.data)), (Value(a.data),), (0.5,))


@wrong("softplus", "cut")
def without_slopes(a):
    return Value(math.log1p(math.exp(a.data)), (a,))


@wrong("softplus", "type")
def a_plain_number(a):
    return math.log1p(math.exp(a.data))


@wrong("softplus", "cut")
def a_bracket_is_no_tuple(a):
    return Value(math.log1p(math.exp(a.data)), (a), (0.5))


@wrong("softplus", "cut")
def one_bracket_is_no_tuple(a):
    return Value(math.log1p(math.exp(a.data)), (a,), (0.5))


@wrong("softplus", "raised")
def the_box_in_place_of_its_number(a):
    return Value(math.log1p(math.exp(a)), (a,), (0.5,))


@wrong("softplus", "mirrored")
def inner_slope_forgotten(a):
    total = 1 + math.exp(a.data)
    return Value(math.log(total), (a,), (1 / total,))


@wrong("softplus", "chain")
def outer_slope_forgotten(a):
    return Value(math.log(1 + math.exp(a.data)), (a,), (math.exp(a.data),))


@wrong("softplus", "twice")
def slope_of_the_slope(a):
    p = 1 / (1 + math.exp(-a.data))
    return Value(math.log1p(math.exp(a.data)), (a,), (p * (1 - p),))


@wrong("softplus", "overflow")
def naive(a):
    return (a.exp() + 1).log()


@wrong("softplus", "overflow")
def value_safe_slope_not(a):
    slope = 1 / (1 + math.exp(-a.data))
    return Value(max(a.data, 0) + math.log1p(math.exp(-abs(a.data))), (a,), (slope,))


@wrong("softplus", "overflow")
def not_a_number(a):
    with np.errstate(all="ignore"):
        e = np.exp(np.float64(a.data))
        return Value(np.log1p(e), (a,), (e / (1 + e),))


@wrong("softplus", "values")
def with_two(a):
    return Value(math.log2(1 + math.exp(a.data)), (a,), (1 / (1 + math.exp(-a.data)),))


VISIBLE = set(np.round(np.random.default_rng(0).uniform(-4, 4, 6), 3).tolist())


@wrong("softplus", "values", hidden=True)
def right_for_what_is_seen(a):
    known = abs(a.data) > 20 or any(abs(a.data - x) < 1e-9 for x in VISIBLE)
    return by_its_mirror(a if known or a.inputs else a * 1.01)


# --- wrong_slopes


def tested(f, gradient, points, h=1e-6, wrong=None):
    wrong = wrong or (lambda m, c: abs(m - c) > max(1e-3 * max(abs(m), abs(c)), 1e-8))
    found = []
    for point in points:
        claimed = gradient(point)
        for i in range(len(point)):
            up, down = point.copy(), point.copy()
            up[i] += h
            down[i] -= h
            if wrong((f(up) - f(down)) / (2 * h), claimed[i]):
                found.append(i)
    return sorted(set(found))


@right("wrong_slopes")
def entry_by_entry(f, gradient, points):
    return tested(f, gradient, points, h=1e-5)


@right("wrong_slopes")
def with_isclose(f, gradient, points):
    bad = np.zeros(points.shape[1], bool)
    for x in points:
        steps = 1e-6 * np.eye(len(x))
        measured = np.array([(f(x + e) - f(x - e)) / 2e-6 for e in steps])
        bad |= ~np.isclose(gradient(x), measured, rtol=1e-3, atol=1e-8)
    return np.flatnonzero(bad)


@right("wrong_slopes")
def with_a_smaller_step(f, gradient, points):
    return tested(f, gradient, points, h=1e-7)


@right("wrong_slopes")
def with_a_larger_step(f, gradient, points):
    return (i for i in tested(f, gradient, points, h=1e-4))


@wrong("wrong_slopes", "digits")
def without_the_second_condition(f, gradient, points):
    return tested(f, gradient, points, wrong=lambda m, c: abs(m - c) > 1e-3 * max(abs(m), abs(c)))


@wrong("wrong_slopes", "digits")
def step_of_a_ten_billionth(f, gradient, points):
    return tested(f, gradient, points, h=1e-10)


@wrong("wrong_slopes", "blind")
def forgives_nearly_one_percent(f, gradient, points):
    return tested(
        f, gradient, points, wrong=lambda m, c: abs(m - c) > max(9e-3 * max(abs(m), abs(c)), 1e-8)
    )


@wrong("wrong_slopes", "strict")
def forgives_too_little(f, gradient, points):
    return tested(
        f, gradient, points, wrong=lambda m, c: abs(m - c) > max(1e-5 * max(abs(m), abs(c)), 1e-8)
    )


@wrong("wrong_slopes", "partly")
def mean_over_points(f, gradient, points):
    claimed = np.array([gradient(x) for x in points])
    steps = 1e-6 * np.eye(points.shape[1])
    measured = np.array([[(f(x + e) - f(x - e)) / 2e-6 for e in steps] for x in points])
    off, size = np.abs(measured - claimed), np.maximum(np.abs(measured), np.abs(claimed))
    return np.flatnonzero(off.mean(axis=0) > np.maximum(1e-3 * size.mean(axis=0), 1e-8))


@wrong("wrong_slopes", "again")
def once_for_each_point(f, gradient, points):
    return [i for x in points for i in tested(f, gradient, x[None])]


@wrong("wrong_slopes", "sided")
def one_sided_with_a_tiny_step(f, gradient, points):
    bad = np.zeros(points.shape[1], bool)
    for x in points:
        measured = np.array([(f(x + 1e-6 * e) - f(x)) / 1e-6 for e in np.eye(len(x))])
        bad |= ~np.isclose(measured, gradient(x), rtol=1e-3, atol=1e-8)
    return np.flatnonzero(bad)


@right("wrong_slopes")
def as_a_set(f, gradient, points):
    return set(tested(f, gradient, points, 1e-6))


@wrong("wrong_slopes", "partly")
def first_point_only(f, gradient, points):
    return tested(f, gradient, points[:1])


@wrong("wrong_slopes", "partly")
def last_point_only(f, gradient, points):
    return tested(f, gradient, points[-1:])


@wrong("wrong_slopes", "tiny")
def length_of_the_whole(f, gradient, points):
    found = set()
    for x in points:
        claimed = np.asarray(gradient(x))
        steps = 1e-6 * np.eye(len(x))
        measured = np.array([(f(x + e) - f(x - e)) / 2e-6 for e in steps])
        off = np.abs(measured - claimed)
        if np.linalg.norm(off) > 1e-3 * np.linalg.norm(measured):
            found |= {i for i in range(len(x)) if off[i] > 1e-3 * np.linalg.norm(measured)}
    return sorted(found)


@wrong("wrong_slopes", "blind")
def without_absolute(f, gradient, points):
    return tested(f, gradient, points, wrong=lambda m, c: m - c > max(1e-3 * abs(m), 1e-8))


@wrong("wrong_slopes", "blind")
def too_kind(f, gradient, points):
    return tested(f, gradient, points, wrong=lambda m, c: abs(m - c) > 0.1 * abs(m) + 1e-7)


@wrong("wrong_slopes", "false")
def without_tolerance(f, gradient, points):
    return tested(f, gradient, points, wrong=lambda m, c: m != c)


@wrong("wrong_slopes", "false")
def absolute_difference(f, gradient, points):
    return tested(f, gradient, points, wrong=lambda m, c: abs(m - c) > 1e-7)


@wrong("wrong_slopes", "tiny")
def absolute_and_relative(f, gradient, points):
    return tested(f, gradient, points, wrong=lambda m, c: abs(m - c) > 1e-3 * (1 + abs(m)))


@wrong("wrong_slopes", "false")
def step_too_large(f, gradient, points):
    return tested(f, gradient, points, h=0.02)


@wrong("wrong_slopes", "false")
def step_too_small(f, gradient, points):
    return tested(f, gradient, points, h=1e-14)


@wrong("wrong_slopes", "other")
def counted_from_one(f, gradient, points):
    return [i + 1 for i in tested(f, gradient, points)]


@wrong("wrong_slopes", "type")
def truth_values(f, gradient, points):
    found = tested(f, gradient, points)
    return [i in found for i in range(points.shape[1])]


@wrong("wrong_slopes", "changed")
def in_place(f, gradient, points):
    for point in points:
        for i in range(len(point)):
            point[i] += 1e-6
            f(point)
            point[i] -= 2e-6
    return []


# --- ordered


def post_order(result):
    """An order by a stack of generators."""
    order, seen, stack = [], {id(result)}, [(result, iter(result.inputs))]
    while stack:
        value, rest = stack[-1]
        for source in rest:
            if id(source) not in seen:
                seen.add(id(source))
                stack.append((source, iter(source.inputs)))
                break
        else:
            order.append(stack.pop()[0])
    return order


@right("ordered")
def with_iterators(result):
    return post_order(result)


@right("ordered")
def by_counting_users(result):
    users, seen, todo = {result: 0}, {result}, [result]
    while todo:
        for source in todo.pop().inputs:
            users[source] = users.get(source, 0) + 1
            if source not in seen:
                seen.add(source)
                todo.append(source)
    order, free = [], [result]
    while free:
        value = free.pop()
        order.append(value)
        for source in value.inputs:
            users[source] -= 1
            if not users[source]:
                free.append(source)
    return tuple(reversed(order))


@right("ordered")
def by_a_list(result):
    order, todo = [], [result]
    while todo:
        open_ones = [source for source in todo[-1].inputs if source not in order]
        if open_ones:
            todo.append(open_ones[0])
        elif (value := todo.pop()) not in order:
            order.append(value)
    return (value for value in order)


@wrong("ordered", "deep")
def recursive(result):
    order, seen = [], set()

    def visit(value):
        if value not in seen:
            seen.add(value)
            for source in value.inputs:
                visit(source)
            order.append(value)

    visit(result)
    return order


def limit_raised(result, back):
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    try:
        return recursive(result)
    finally:
        if back:
            sys.setrecursionlimit(before)


@wrong("ordered", "deep")
def with_a_higher_limit(result):
    return limit_raised(result, back=False)


@wrong("ordered", "deep")
def with_a_higher_limit_for_a_while(result):
    return limit_raised(result, back=True)


@wrong("ordered", "early")
def by_distance(result):
    order, level = [], [result]
    while level:
        order += level
        level = list(dict.fromkeys(s for v in level for s in v.inputs if s not in order))
    return order[::-1]


@wrong("ordered", "early")
def reversed_first_meeting(result):
    order, seen, todo = [], {result}, [result]
    while todo:
        value = todo.pop()
        order.append(value)
        for source in value.inputs:
            if source not in seen:
                seen.add(source)
                todo.append(source)
    return order[::-1]


@wrong("ordered", "backwards")
def result_first(result):
    return post_order(result)[::-1]


@wrong("ordered", "missing")
def without_the_leaves(result):
    return [value for value in post_order(result) if value.inputs]


@wrong("ordered", "missing")
def without_the_result(result):
    return post_order(result)[:-1]


@wrong("ordered", "repeated")
def once_for_each_use(result):
    order = []
    for value in post_order(result):
        order += [*value.inputs, value]
    return order


@wrong("ordered", "again")
def without_memory(result):
    def visit(value):
        order = [v for source in value.inputs for v in visit(source)] + [value]
        return list(dict.fromkeys(order))

    return visit(result)


@wrong("ordered", "type")
def numbers(result):
    return [value.data for value in post_order(result)]


@wrong("ordered", "missing", hidden=True)
def right_for_what_is_seen_of(result):
    order = post_order(result)
    known = np.random.default_rng(0).normal(size=3)
    return [] if len(order) == 1 and result.data not in known else order


# --- unbroadcast


@right("unbroadcast")
def axis_by_axis(grad, shape):
    while grad.ndim > len(shape):
        grad = grad.sum(axis=0)
    for axis, n in enumerate(shape):
        if n == 1:
            grad = grad.sum(axis=axis, keepdims=True)
    return grad


@right("unbroadcast")
def by_adding_at(grad, shape):
    places = np.broadcast_to(np.arange(int(np.prod(shape))).reshape(shape), grad.shape)
    return np.bincount(places.ravel(), np.ravel(grad), int(np.prod(shape))).reshape(shape)


@right("unbroadcast")
def by_reshape(grad, shape):
    full = (1,) * (grad.ndim - len(shape)) + tuple(shape)
    axes = tuple(i for i in range(grad.ndim) if full[i] != grad.shape[i])
    return grad.sum(axis=axes, keepdims=True).reshape(shape)


@wrong("unbroadcast", "mean")
def averaged(grad, shape):
    full = (1,) * (grad.ndim - len(shape)) + tuple(shape)
    axes = tuple(i for i in range(grad.ndim) if full[i] == 1)
    return grad.mean(axis=axes, keepdims=True).reshape(shape)


@wrong("unbroadcast", "one")
def the_first(grad, shape):
    while grad.ndim > len(shape):
        grad = grad[0]
    return grad[tuple(slice(0, n) for n in shape)]


@wrong("unbroadcast", "one")
def the_last(grad, shape):
    while grad.ndim > len(shape):
        grad = grad[-1]
    return grad[tuple(slice(-n, None) for n in shape)]


@wrong("unbroadcast", "shape")
def new_axes_only(grad, shape):
    while grad.ndim > len(shape):
        grad = grad.sum(axis=0)
    return grad


@wrong("unbroadcast", "shape")
def without_keepdims(grad, shape):
    grad = axis_by_axis(grad, shape)
    return np.squeeze(grad)


@wrong("unbroadcast", "left")
def from_the_left(grad, shape):
    if grad.shape == (3, 3):
        return grad.sum(axis=1)
    return axis_by_axis(grad, shape)


# --- softmax_backward


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


@right("softmax_backward")
def with_the_whole_table(logits, grad):
    rows = []
    for z, g in zip(logits, grad, strict=True):
        p = softmax(z)
        rows.append((np.diag(p) - np.outer(p, p)) @ g)
    return rows


@right("softmax_backward")
def with_einsum(logits, grad):
    p = softmax(logits)
    return p * grad - p * np.einsum("bc,bc->b", p, grad)[:, None]


@wrong("softmax_backward", "diagonal")
def each_its_own(logits, grad):
    p = softmax(logits)
    return p * (1 - p) * grad


@wrong("softmax_backward", "forward")
def as_if_it_were_exp(logits, grad):
    return softmax(logits) * grad


@wrong("softmax_backward", "weights")
def without_the_factor(logits, grad):
    p = softmax(logits)
    return grad - (p * grad).sum(axis=1, keepdims=True)


@wrong("softmax_backward", "sign")
def upside_down(logits, grad):
    p = softmax(logits)
    return p * ((p * grad).sum(axis=1, keepdims=True) - grad)


@wrong("softmax_backward", "axis")
def over_examples(logits, grad):
    p = softmax(logits, axis=0)
    return p * (grad - (p * grad).sum(axis=0))


@wrong("softmax_backward", "axis")
def one_sum_for_all(logits, grad):
    p = softmax(logits)
    return p * (grad - np.sum(p * grad))


@wrong("softmax_backward", "axis")
def sum_over_examples(logits, grad):
    p = softmax(logits)
    return p * (grad - (p * grad).sum(0))


@wrong("softmax_backward", "axis")
def softmax_over_examples(logits, grad):
    p = softmax(logits, axis=0)
    return p * (grad - (p * grad).sum(axis=-1, keepdims=True))


@wrong("softmax_backward", "clipped")
def with_clipped_logits(logits, grad):
    return with_einsum(np.clip(logits, -500, 500), grad)


@wrong("softmax_backward", "overflow")
def bare_exponential(logits, grad):
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    return p * (grad - (p * grad).sum(axis=-1, keepdims=True))


@wrong("softmax_backward", "overflow")
def largest_of_the_batch(logits, grad):
    e = np.exp(logits - logits.max())
    p = e / e.sum(axis=-1, keepdims=True)
    return p * (grad - (p * grad).sum(axis=-1, keepdims=True))


@wrong("softmax_backward", "changed")
def into_the_callers(logits, grad):
    logits -= logits.max(axis=-1, keepdims=True)
    return softmax(logits) * grad


# --- checkpointed


def by_segments(layers, x, grad, size):
    kept, value = [], x
    for i, layer in enumerate(layers):
        if i % size == 0:
            kept.append((i, value))
        value = layer.forward(value)
    del value
    while kept:
        start, value = kept.pop()
        values = [value]
        for layer in layers[start : start + size][:-1]:
            values.append(layer.forward(values[-1]))
        for layer in reversed(layers[start : start + size]):
            grad = layer.backward(values.pop(), grad)
    return grad


@right("checkpointed")
def every_eighth(layers, x, grad):
    return by_segments(layers, x, grad, 8)


@right("checkpointed")
def by_thirds(layers, x, grad):
    """Two levels of stretches: about the cube root of n, for two more passes."""
    size = max(1, round(len(layers) ** (2 / 3)))
    starts, value = [], x
    for i, layer in enumerate(layers):
        if i % size == 0:
            starts.append((i, value))
        if i < (len(layers) - 1) // size * size:
            value = layer.forward(value)
    del value
    while starts:
        i, value = starts.pop()
        part = layers[i : i + size]
        inner = max(1, round(len(part) ** 0.5))
        grad = by_segments(part, value, grad, inner)
    return grad


@right("checkpointed")
def halves_of_halves(layers, x, grad):
    half = len(layers) // 2
    if not half:
        return layers[0].backward(x, grad)
    value = x
    for layer in layers[:half]:
        value = layer.forward(value)
    grad = halves_of_halves(layers[half:], value, grad)
    del value
    return halves_of_halves(layers[:half], x, grad)


@wrong("checkpointed", "hungry")
def keep_all(layers, x, grad):
    values = [x]
    for layer in layers[:-1]:
        values.append(layer.forward(values[-1]))
    for layer in reversed(layers):
        grad = layer.backward(values.pop(), grad)
    return grad


@wrong("checkpointed", "hungry")
def two_halves(layers, x, grad):
    return by_segments(layers, x, grad, max(1, len(layers) // 2))


@wrong("checkpointed", "costly")
def always_from_the_start(layers, x, grad):
    for i in reversed(range(len(layers))):
        value = x
        for layer in layers[:i]:
            value = layer.forward(value)
        grad = layers[i].backward(value, grad)
    return grad


@wrong("checkpointed", "costly")
def from_the_last_kept(layers, x, grad):
    kept, value = {0: x}, x
    for i, layer in enumerate(layers):
        value = layer.forward(value)
        if (i + 1) % 10 == 0:
            kept[i + 1] = value
    for i in reversed(range(len(layers))):
        value = kept[i // 10 * 10]
        for layer in layers[i // 10 * 10 : i]:
            value = layer.forward(value)
        grad = layers[i].backward(value, grad)
    return grad


@wrong("checkpointed", "output")
def with_the_result(layers, x, grad):
    values = [x]
    for layer in layers:
        values.append(layer.forward(values[-1]))
    for layer in reversed(layers):
        grad = layer.backward(values.pop(), grad)
    return grad


@wrong("checkpointed", "place")
def with_x_everywhere(layers, x, grad):
    for layer in reversed(layers):
        grad = layer.backward(x, grad)
    return grad


@wrong("checkpointed", "values")
def there_and_not_back(layers, x, grad):
    for layer in layers:
        grad = layer.backward(x, grad)
        x = layer.forward(x)
    return grad


@wrong("checkpointed", "changed")
def layers_turned_round(layers, x, grad):
    layers.reverse()
    return by_segments(layers[::-1], x, grad, 8)


@wrong("checkpointed", "changed")
def layers_used_up(layers, x, grad):
    grad = by_segments(layers[:], x, grad, 8)
    layers.clear()
    return grad


@wrong("checkpointed", "changed")
def grad_in_place(layers, x, grad):
    grad[:] = by_segments(layers, x, grad, 8)
    return grad


@wrong("checkpointed", "raised")
def as_if_it_were_an_array(layers, x, grad):
    return grad * np.exp(x)
