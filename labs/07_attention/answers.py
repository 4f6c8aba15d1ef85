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
    other = np.vstack([x[:-1], x[-1:] + 1])
    return np.flatnonzero(np.any(function(x) != function(other), axis=1)[:-1])


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
