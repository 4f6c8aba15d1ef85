"""Answers to lab 7 that a check must reject with the right hint, or accept.

They are the mistakes that people make, and right answers written another way than the master's.
"""

import numpy as np

from tests.answers import right, wrong


def softmax(scores, axis=-1):
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def causal(length):
    return np.tri(length, dtype=bool)


# --- window_mask


@right("window_mask")
def by_loops(context_length, window):
    rows = range(context_length)
    return [[max(0, i - window + 1) <= j <= i for j in rows] for i in rows]


@right("window_mask")
def two_triangles(context_length, window):
    ones = np.ones((context_length, context_length), dtype=bool)
    return np.tril(ones) & ~np.tril(ones, -window)


@wrong("window_mask", "ahead")
def both_sides(context_length, window):
    i = np.arange(context_length)
    return np.abs(i[:, None] - i) < window


@wrong("window_mask", "transposed")
def transposed(context_length, window):
    return np.array(by_loops(context_length, window)).T


@wrong("window_mask", "itself")
def not_itself(context_length, window):
    back = np.arange(context_length)[:, None] - np.arange(context_length)
    return (back > 0) & (back < window)


@wrong("window_mask", "width")
def one_too_wide(context_length, window):
    back = np.arange(context_length)[:, None] - np.arange(context_length)
    return (back >= 0) & (back <= window)


@wrong("window_mask", "narrow")
def one_too_narrow(context_length, window):
    ones = np.ones((context_length, context_length), dtype=bool)
    return np.tril(ones) & ~np.tril(ones, 1 - window)


@wrong("window_mask", "ahead")
def near_or_before(context_length, window):
    i, j = np.indices((context_length, context_length))
    return i - j < window


@wrong("window_mask", "unlimited")
def no_window(context_length, window):
    return causal(context_length)


@wrong("window_mask", "inverted")
def what_is_hidden(context_length, window):
    return ~two_triangles(context_length, window)


@wrong("window_mask", "inverted")
def true_above_the_diagonal(context_length, window):
    return ~causal(context_length)


@wrong("window_mask", "raised")
def diagonal_by_diagonal(context_length, window):
    diagonals = [np.diag(np.ones(context_length - k), -k) for k in range(window)]
    return sum(diagonals) > 0


@wrong("window_mask", "type")
def zeros_and_ones(context_length, window):
    return np.array(by_loops(context_length, window)).astype(float)


# --- attention


@right("attention")
def written_out(q, k, v, mask):
    scores = np.where(mask, q @ k.T / q.shape[-1] ** 0.5, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return (weights / weights.sum(-1, keepdims=True)) @ v


@right("attention")
def word_by_word(q, k, v, mask):
    rows = []
    for i in range(len(q)):
        seen = np.flatnonzero(mask[i])
        scores = k[seen] @ q[i] / np.sqrt(len(q[i]))
        powers = np.exp(scores - max(scores))
        rows.append(powers @ v[seen] / sum(powers))
    return np.array(rows)


@wrong("attention", "unscaled")
def no_root(q, k, v, mask):
    return softmax(np.where(mask, q @ k.T, -np.inf)) @ v


@wrong("attention", "divisor")
def by_the_width(q, k, v, mask):
    return softmax(np.where(mask, q @ k.T / q.shape[-1], -np.inf)) @ v


@wrong("attention", "divisor")
def by_the_root_of_the_length(q, k, v, mask):
    return softmax(np.where(mask, q @ k.T / np.sqrt(len(q)), -np.inf)) @ v


@wrong("attention", "zeroed")
def scores_times_mask(q, k, v, mask):
    return softmax(q @ k.T / np.sqrt(q.shape[-1]) * mask) @ v


@wrong("attention", "weak")
def minus_a_thousand(q, k, v, mask):
    return softmax(np.where(mask, q @ k.T / np.sqrt(q.shape[-1]), -1000)) @ v


@wrong("attention", "weak")
def ten_thousand_less(q, k, v, mask):
    return softmax(q @ k.T / np.sqrt(q.shape[-1]) + np.where(mask, 0, -1e4)) @ v


@wrong("attention", "weak")
def minus_one(q, k, v, mask):
    return softmax(np.where(mask, q @ k.T / np.sqrt(q.shape[-1]), -1)) @ v


@wrong("attention", "late")
def late_and_unscaled(q, k, v, mask):
    return np.where(mask, softmax(q @ k.T), 0) @ v


@right("attention")
def a_thousand_million_less(q, k, v, mask):
    return softmax(q @ k.T / np.sqrt(q.shape[-1]) + np.where(mask, 0, -1e9)) @ v


@wrong("attention", "axis")
def over_columns(q, k, v, mask):
    return softmax(np.where(mask, q @ k.T / np.sqrt(q.shape[-1]), -1e9), axis=0) @ v


@wrong("attention", "late")
def masked_late(q, k, v, mask):
    return np.where(mask, softmax(q @ k.T / np.sqrt(q.shape[-1])), 0) @ v


@wrong("attention", "inverted")
def upside_down(q, k, v, mask):
    return softmax(np.where(mask, -1e30, q @ k.T / np.sqrt(q.shape[-1]))) @ v


@wrong("attention", "ignored")
def no_mask(q, k, v, mask):
    return softmax(q @ k.T / np.sqrt(q.shape[-1])) @ v


@wrong("attention", "overflow")
def bare_exponential(q, k, v, mask):
    powers = np.exp(q @ k.T / np.sqrt(q.shape[-1])) * mask
    return powers / powers.sum(-1, keepdims=True) @ v


@wrong("attention", "changed")
def in_place(q, k, v, mask):
    q /= np.sqrt(q.shape[-1])
    return softmax(np.where(mask, q @ k.T, -np.inf)) @ v


# --- grouped_attention


def attend(q, k, v, mask):
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    return softmax(np.where(mask, scores, -np.inf)) @ v


@right("grouped_attention")
def by_index(q, k, v, mask):
    group = np.arange(len(q)) // (len(q) // len(k))
    return attend(q, k[group], v[group], mask)


@right("grouped_attention")
def by_reshape(q, k, v, mask):
    heads, length, width = q.shape
    folded = q.reshape(len(k), -1, length, width)
    return attend(folded, k[:, None], v[:, None], mask).reshape(q.shape)


@wrong("grouped_attention", "striped")
def tiled(q, k, v, mask):
    times = len(q) // len(k)
    return attend(q, np.tile(k, (times, 1, 1)), np.tile(v, (times, 1, 1)), mask)


@wrong("grouped_attention", "first")
def first_group(q, k, v, mask):
    return attend(q, k[:1], v[:1], mask)


@wrong("grouped_attention", "merged")
def mean_of_groups(q, k, v, mask):
    return attend(q, k.mean(0), v.mean(0), mask)


@wrong("grouped_attention", "raised")
def no_groups(q, k, v, mask):
    return attend(q, k, v, mask)


# --- leaking_rows


@right("leaking_rows")
def row_by_row(function, x):
    other = np.array(x)
    other[-1] = 7.0
    a, b = function(x.copy()), function(other)
    return [i for i in range(len(x) - 1) if not np.array_equal(a[i], b[i])]


@right("leaking_rows")
def as_array(function, x):
    other = np.vstack([x[:-1], x[-1:] + np.random.default_rng(3).normal(size=x.shape[1])])
    return np.flatnonzero(np.any(function(x) != function(other), axis=1)[:-1])


@right("leaking_rows")
def several_changes(function, x):
    moved = np.zeros(len(x), dtype=bool)
    for column in range(x.shape[1]):
        other = x.copy()
        other[-1, column] -= 2.5
        moved |= (function(x) != function(other)).any(axis=1)
    return [i for i in range(len(x) - 1) if moved[i]]


@wrong("leaking_rows", "normed")
def doubled(function, x):
    other = x.copy()
    other[-1] *= 2
    return np.flatnonzero(np.any(function(x) != function(other), axis=1)[:-1])


@wrong("leaking_rows", "normed")
def all_raised_by_one(function, x):
    other = np.vstack([x[:-1], x[-1:] + 1])
    return np.flatnonzero(np.abs(function(x) - function(other)).max(axis=1)[:-1] > 1e-12)


@wrong("leaking_rows", "part")
def one_number_changed(function, x):
    other = x.copy()
    other[-1, 0] += 1
    moved = [np.abs(a - b).max() > 0 for a, b in zip(function(x), function(other), strict=True)]
    return np.flatnonzero(moved[:-1])


@wrong("leaking_rows", "whole")
def all_numbers_of_a_row(function, x):
    other = x.copy()
    other[-1] += np.linspace(1, 2, x.shape[1]) ** 2
    return np.flatnonzero(np.all(function(x) != function(other), axis=1)[:-1])


@wrong("leaking_rows", "last")
def with_the_last(function, x):
    other = np.vstack([x[:-1], x[-1:] + 1])
    return np.flatnonzero(np.any(function(x) != function(other), axis=1))


@wrong("leaking_rows", "blind")
def too_coarse(function, x):
    other = np.vstack([x[:-1], x[-1:] + 1])
    return np.flatnonzero(np.abs(function(x) - function(other)).max(1)[:-1] > 0.01)


@wrong("leaking_rows", "blind")
def without_absolute(function, x):
    other = np.vstack([x[:-1], x[-1:] + 1])
    return np.flatnonzero((function(other) - function(x)).max(1)[:-1] > 0)


@wrong("leaking_rows", "false")
def all_words_changed(function, x):
    return np.flatnonzero(np.any(function(x) != function(x + 1), axis=1)[:-1])


@wrong("leaking_rows", "changed")
def in_its_place(function, x):
    before = function(x)
    x[-1] += 1
    return np.flatnonzero(np.any(before != function(x), axis=1)[:-1])


@wrong("leaking_rows", "other")
def counted_from_one(function, x):
    other = np.vstack([x[:-1], x[-1:] + 1])
    return 1 + np.flatnonzero(np.any(function(x) != function(other), axis=1)[:-1])


@wrong("leaking_rows", "type")
def truth_values(function, x):
    other = np.vstack([x[:-1], x[-1:] + 1])
    return list(np.any(function(x) != function(other), axis=1)[:-1])


# --- slim_attention


@right("slim_attention")
def slices_of_queries(q, k, v, block):
    out = np.empty_like(q)
    for start in range(0, len(q), block):
        end = min(start + block, len(q))
        mask = np.arange(start, end)[:, None] >= np.arange(end)
        out[start:end] = attend(q[start:end], k[:end], v[:end], mask)
    return out


@wrong("slim_attention", "hungry")
def plain(q, k, v, block):
    return attend(q, k, v, causal(len(q)))


@wrong("slim_attention", "ahead")
def without_mask(q, k, v, block):
    starts = range(0, len(q), block)
    return np.concatenate([attend(q[s : s + block], k, v, True) for s in starts])


@wrong("slim_attention", "forgets")
def mean_of_blocks(q, k, v, block):
    out = np.zeros_like(q)
    for i in range(len(q)):
        starts = range(0, i + 1, block)
        for s in starts:
            end = min(s + block, i + 1)
            out[i] += attend(q[i : i + 1], k[s:end], v[s:end], True)[0] / len(starts)
    return out


@wrong("slim_attention", "overflow")
def bare_exponential_in_blocks(q, k, v, block):
    out = np.zeros_like(v)
    for start in range(0, len(q), block):
        end = min(start + block, len(q))
        mask = np.arange(start, end)[:, None] >= np.arange(end)
        powers = np.exp(q[start:end] @ k[:end].T / np.sqrt(q.shape[-1])) * mask
        out[start:end] = powers @ v[:end] / powers.sum(axis=1, keepdims=True)
    return out


class Tensor:
    """Stands for a framework's tensor, whose memory nobody here can see."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return self.values


@wrong("slim_attention", "type")
def tensor(q, k, v, block):
    return Tensor(slices_of_queries(q, k, v, block))


@wrong("slim_attention", "rest")
def whole_blocks_only(q, k, v, block):
    out = np.zeros_like(v)
    whole = len(q) // block * block
    out[:whole] = slices_of_queries(q, k, v, block)[:whole]
    return out


@wrong("slim_attention", "offset")
def mask_of_the_first_block(q, k, v, block):
    out = np.zeros_like(v)
    for start in range(0, len(q), block):
        rows = q[start : start + block]
        out[start : start + block] = attend(rows, k, v, np.tri(len(rows), len(k), dtype=bool))
    return out


@wrong("slim_attention", "own")
def each_block_for_itself(q, k, v, block):
    cut = [slice(s, s + block) for s in range(0, len(q), block)]
    return np.concatenate([attend(q[c], k[c], v[c], causal(len(q[c]))) for c in cut])


@wrong("slim_attention", "forgets")
def never_scaled_anew(q, k, v, block):
    out, length = np.zeros_like(v), len(q)
    for start in range(0, length, block):
        rows = np.arange(start, min(start + block, length))
        total, mean = 0.0, 0.0
        for first in range(0, rows[-1] + 1, block):
            columns = np.arange(first, min(first + block, length))
            scores = q[rows] @ k[columns].T / np.sqrt(q.shape[1])
            powers = np.exp(scores - scores.max(1, keepdims=True))
            powers *= rows[:, None] >= columns
            total, mean = total + powers.sum(1, keepdims=True), mean + powers @ v[columns]
        out[rows] = mean / np.maximum(total, 1e-300)
    return out


@wrong("slim_attention", "ahead")
def one_word_ahead(q, k, v, block):
    out = np.zeros_like(v)
    for start in range(0, len(q), block):
        rows = np.arange(start, min(start + block, len(q)))
        out[rows] = attend(q[rows], k, v, rows[:, None] + 1 >= np.arange(len(k)))
    return out
