"""Notebook 08's own functions: against references written another way, and by their properties."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from tests.cells import namespace

keras = pytest.importorskip("keras")
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def nb():
    return namespace("08")


@pytest.fixture
def rng():
    return np.random.default_rng(8)


def attention_by_loops(q, k, v, mask=None):
    """Attention of one head, float64, a number at a time: no code shared with the notebook."""
    out = np.zeros((len(q), v.shape[1]))
    for i, query in enumerate(q):
        allowed = [j for j in range(len(k)) if mask is None or mask[i][j]]
        score = {j: math.fsum(query * k[j]) / math.sqrt(len(query)) for j in allowed}
        top = max(score.values())
        total = math.fsum(math.exp(score[j] - top) for j in allowed)
        for j in allowed:
            out[i] += math.exp(score[j] - top) / total * v[j]
    return out


def heads_by_loops(x, params, num_heads, mask, num_kv_heads=None, turn=lambda x: x):
    """Attention of several heads, one after the other, on columns of the projections."""
    q, k, v = (x @ params[name][0] + params[name][1] for name in ("query", "key", "value"))
    size, found = x.shape[1] // num_heads, []
    for head in range(num_heads):
        own = slice(head * size, (head + 1) * size)
        kv = head * (num_kv_heads or num_heads) // num_heads
        shared = slice(kv * size, (kv + 1) * size)
        found.append(attention_by_loops(turn(q[:, own]), turn(k[:, shared]), v[:, shared], mask))
    return np.hstack(found) @ params["output"][0] + params["output"][1]


def turned_by_complex_numbers(x, base=10_000.0):
    """Rotary positions 0, 1, ... as products of complex numbers; x (T, head_dim)."""
    half = x.shape[1] // 2
    out = np.empty_like(x)
    for position, pair in itertools.product(range(len(x)), range(half)):
        z = complex(x[position, pair], x[position, half + pair])
        z *= complex(math.cos(a := position / base ** (pair / half)), math.sin(a))
        out[position, pair], out[position, half + pair] = z.real, z.imag
    return out


def shaken_block(nb, rng, embed_dim=24, hidden_dim=40):
    """A block's parameters with gains that are not 1 and biases that are not 0."""
    params = nb.random_block(embed_dim, hidden_dim, rng, bias=0.5)
    for name in ("norm_1", "norm_2"):
        params[name] = (rng.uniform(0.5, 1.5, embed_dim), rng.normal(size=embed_dim))
    return params


@pytest.mark.parametrize("length", [1, 2, 9])
@pytest.mark.parametrize("causal", [False, True])
def test_attend_is_attention(nb, rng, length, causal):
    q, k, v = rng.normal(size=(3, length, 6))
    mask = np.tril(np.ones((length, length))) > 0 if causal else None
    expected = attention_by_loops(q, k, v, mask)
    assert np.allclose(nb.attend(q, k, v, mask), expected, rtol=1e-12, atol=1e-13)
    if length > 2:
        assert not np.allclose(nb.attend(2 * q, k, v, mask), expected), "a wrong scale would show"


def test_attend_works_head_by_head(nb, rng):
    q, k, v = rng.normal(size=(3, 2, 3, 7, 4))
    together = nb.attend(q, k, v, nb.causal_mask(7))
    for index in np.ndindex(2, 3):
        alone = nb.attend(q[index], k[index], v[index], nb.causal_mask(7))
        assert np.allclose(together[index], alone)


@pytest.mark.parametrize("scale", [1e-3, 1, 1e3])
def test_weights_are_positive_and_add_up_to_one(nb, rng, scale):
    q, k = scale * rng.normal(size=(2, 12, 8))
    weights = nb.attend(q, k, np.eye(12), nb.causal_mask(12))
    assert np.isfinite(weights).all() and (weights >= 0).all()
    assert np.allclose(weights.sum(axis=1), 1)
    assert not np.triu(weights, 1).any()
    late = nb.attend_masked_late(q, k, np.eye(12), nb.causal_mask(12))
    assert not np.allclose(late.sum(axis=1), 1), "the late mask loses weight"


def test_softmax_survives_large_scores_and_forbidden_ones(nb):
    weights = nb.softmax(np.array([[1e4, 0, -np.inf], [-1e4, -1e4, -np.inf]]))
    assert np.allclose(weights, [[1, 0, 0], [0.5, 0.5, 0]])


def test_softmax_slopes_are_its_derivatives(nb, rng):
    scores, step = rng.normal(size=5), 1e-6
    columns = [
        (nb.softmax(scores + step * axis) - nb.softmax(scores - step * axis)) / (2 * step)
        for axis in np.eye(5)
    ]
    assert np.allclose(nb.softmax_slopes(nb.softmax(scores)), np.stack(columns, axis=1), atol=1e-9)


def test_without_the_root_softmax_saturates_and_with_it_does_not(nb):
    forgotten = np.array([nb.typical(width, 0.0) for width in (4, 64, 1_024)])
    scaled = np.array([nb.typical(width, 0.5) for width in (4, 64, 1_024)])
    assert (np.diff(forgotten[:, 0]) > 0).all() and (np.diff(forgotten[:, 1]) < 0).all()
    assert forgotten[-1, 1] < 1e-3 * scaled[-1, 1]
    assert np.ptp(scaled, axis=0).max() < 0.1


def causal_functions(nb, rng):
    """Every causal function of the notebook on x (T, 24), by name."""
    params, mask = shaken_block(nb, rng), nb.causal_mask(10)
    full = params["attention"]
    llama = full | {name: tuple(p[..., :12] for p in full[name]) for name in ("key", "value")}
    return {
        "attend": lambda x: nb.attend(x, x, x, mask),
        "multi_head": lambda x: nb.multi_head(x, full, 4, mask),
        "attention": lambda x: nb.attention(x, llama, 4, 2, mask, rotary=True),
        "block": lambda x: nb.block(x, params, 4, mask),
        "stack": lambda x: nb.through(x, [params] * 3, nb.WAYS["pre-norm"])[-1],
    }


@pytest.mark.parametrize("position", [0, 4, 9])
def test_no_word_sees_ahead(nb, rng, position):
    x = rng.normal(size=(10, 24))
    for name, function in causal_functions(nb, rng).items():
        moved = nb.moved_rows(function, x, position)
        assert not moved[:position].any(), name
        assert (moved[position:] > 1e-6).all(), f"{name}: later words should see the change"


def test_adding_a_constant_would_hide_a_leak_behind_layer_norm(nb, rng):
    """Why moved_rows does not do so: without a mask every row moves, and that test saw none."""
    params, x = shaken_block(nb, rng), rng.normal(size=(10, 24))
    added = x.copy()
    added[-1] += 1.0
    seen = np.abs(nb.block(added, params, 4) - nb.block(x, params, 4))[:-1]
    assert seen.max() < 1e-9
    assert nb.moved_rows(lambda x: nb.block(x, params, 4), x)[:-1].min() > 1e-6


def test_the_perturbation_test_finds_a_leak(nb, rng):
    q, k, v = rng.normal(size=(3, 10, 6))
    mask = nb.causal_mask(10)
    moved = nb.moved_rows(lambda k: nb.attend_masked_late(q, k, v, mask), k)
    assert (moved[:-1] > 0).all()
    assert not nb.moved_rows(lambda k: nb.attend(q, k, v, mask), k)[:-1].any()


def test_splitting_cuts_words_and_merging_undoes_it(nb, rng):
    x = rng.normal(size=(7, 12))
    parts = nb.split_heads(x, 3)
    assert parts.shape == (3, 7, 4)
    for head in range(3):
        assert np.array_equal(parts[head], x[:, 4 * head : 4 * head + 4])
    assert np.array_equal(nb.merge_heads(parts), x)
    careless = nb.split_carelessly(x, 3)
    assert careless.shape == parts.shape and not np.array_equal(careless, parts)
    assert np.array_equal(nb.merge_carelessly(careless), x), "it undoes itself: no error shows"


@pytest.mark.parametrize("num_heads", [1, 2, 6])
def test_many_heads_agree_with_one_at_a_time(nb, rng, num_heads):
    x, params = rng.normal(size=(9, 24)), shaken_block(nb, rng)["attention"]
    mask = nb.causal_mask(9)
    expected = heads_by_loops(x, params, num_heads, mask)
    assert np.allclose(nb.multi_head(x, params, num_heads, mask), expected, atol=1e-12)
    assert np.allclose(nb.attention(x, params, num_heads, mask=mask), expected, atol=1e-12)


@pytest.mark.parametrize("num_kv_heads", [1, 2, 4])
def test_grouped_queries_and_rotary_positions_agree(nb, rng, num_kv_heads):
    x, params = rng.normal(size=(9, 32)), nb.random_block(32, 64, rng, bias=0.5)["attention"]
    width = 8 * num_kv_heads
    params |= {name: tuple(p[..., :width] for p in params[name]) for name in ("key", "value")}
    mask = nb.causal_mask(9)
    ours = nb.attention(x, params, 4, num_kv_heads, mask, rotary=True)
    expected = heads_by_loops(x, params, 4, mask, num_kv_heads, turned_by_complex_numbers)
    assert np.allclose(ours, expected, atol=1e-12)
    plain = heads_by_loops(x, params, 4, mask, num_kv_heads)
    assert not np.allclose(ours, plain), "without the turns it would be noticed"


def test_the_block_agrees_with_one_written_another_way(nb, rng):
    params, x, mask = shaken_block(nb, rng), rng.normal(size=(9, 24)), nb.causal_mask(9)

    def normed(x, gain, bias):
        rows = [(row - np.mean(row)) / math.sqrt(np.var(row) + 1e-5) for row in x]
        return np.array(rows) * gain + bias

    y = x + heads_by_loops(normed(x, *params["norm_1"]), params["attention"], 4, mask)
    (up, up_bias), (down, down_bias) = params["mlp"].values()
    hidden = normed(y, *params["norm_2"]) @ up + up_bias
    cubic = math.sqrt(2 / math.pi) * (hidden + 0.044715 * hidden**3)
    y = y + (hidden / (1 + np.exp(-2 * cubic))) @ down + down_bias
    assert np.allclose(nb.block(x, params, 4, mask), y, atol=1e-12)


@pytest.mark.parametrize("name", ["layer_norm", "rms_norm", "gelu"])
def test_norms_and_gelu_are_those_of_keras(nb, rng, name):
    x = (3 * rng.normal(size=(5, 16)) + 1).astype("float32")
    theirs = {
        "layer_norm": keras.layers.LayerNormalization(epsilon=1e-5),
        "rms_norm": keras.layers.RMSNormalization(epsilon=1e-5),
        "gelu": lambda x: keras.ops.gelu(x, approximate=True),
    }[name]
    expected = keras.ops.convert_to_numpy(theirs(keras.ops.convert_to_tensor(x)))
    assert np.allclose(getattr(nb, name)(x), expected, atol=TOLERANCE)


def keras_block(nb):
    layer = nb.layers.Block(4, mlp_dim=40, causal=True, dtype="float32")
    layer.build((1, 9, 24))
    return layer


def test_the_block_is_that_of_the_helpers(nb, rng):
    """With gains and biases that count, which the notebook's own comparison leaves at one."""
    params, x, mask = shaken_block(nb, rng), rng.normal(size=(9, 24)), nb.causal_mask(9)
    assert nb.difference(nb.block(x, params, 4, mask), keras_block(nb), params, x) < TOLERANCE


def test_a_wrong_block_would_be_noticed(nb, rng):
    params, x, mask = shaken_block(nb, rng), rng.normal(size=(9, 24)), nb.causal_mask(9)

    def post_norm(x):
        x = nb.layer_norm(x + nb.multi_head(x, params["attention"], 4, mask), *params["norm_1"])
        return nb.layer_norm(x + nb.mlp(x, params["mlp"]), *params["norm_2"])

    wrong = {
        "no mask": nb.block(x, params, 4),
        "other heads": nb.block(x, params, 2, mask),
        "post-norm": post_norm(x),
        "gains left out": nb.block(x, params | {"norm_1": (1.0, 0.0)}, 4, mask),
    }
    for name, result in wrong.items():
        assert nb.difference(result, keras_block(nb), params, x) > 100 * TOLERANCE, name


def test_keras_attention_agrees(nb, rng):
    x, params = rng.normal(size=(9, 24)), shaken_block(nb, rng)["attention"]
    layer = keras.layers.MultiHeadAttention(4, 6, dtype="float32")
    ours = nb.multi_head(x, params, 4, nb.causal_mask(9))
    assert nb.difference(ours, layer, params, x, 2, use_causal_mask=True) < TOLERANCE
    assert nb.difference(ours, layer, params, x, 2) > 100 * TOLERANCE, "without the mask it differs"


def test_the_bare_operation_agrees(nb, rng):
    q, k, v = rng.normal(size=(3, 2, 9, 6)).astype("float32")
    parts = [keras.ops.convert_to_tensor(part.swapaxes(0, 1)[None]) for part in (q, k, v)]
    theirs = keras.ops.dot_product_attention(*parts, is_causal=True)
    theirs = keras.ops.convert_to_numpy(theirs)[0].swapaxes(0, 1)
    assert np.allclose(nb.attend(q, k, v, nb.causal_mask(9)), theirs, atol=TOLERANCE)


def test_without_positions_order_does_not_count(nb, rng):
    x, params, order = rng.normal(size=(9, 24)), shaken_block(nb, rng), rng.permutation(9)
    plain = nb.block(x, params, 4)
    assert np.allclose(nb.block(x[order], params, 4), plain[order], atol=1e-12)
    mask, attention = nb.causal_mask(9), params["attention"]
    for with_order in (
        lambda x: nb.block(x, params, 4, mask),
        lambda x: nb.attention(x, attention, 4, rotary=True),
    ):
        assert not np.allclose(with_order(x[order]), with_order(x)[order], atol=1e-3)


def test_rotary_turns_by_position_and_keeps_lengths(nb, rng):
    x = rng.normal(size=(11, 8))
    turned = nb.rotate(x, np.arange(11))
    assert np.allclose(turned, turned_by_complex_numbers(x), atol=1e-12)
    assert np.allclose(np.linalg.norm(turned, axis=1), np.linalg.norm(x, axis=1))
    assert np.array_equal(turned[0], x[0])


@pytest.mark.parametrize("shift", [1, 20, 5_000])
def test_rotary_scores_depend_on_the_distance_only(nb, rng, shift):
    q, k = rng.normal(size=(2, 11, 8))
    scores = nb.rotate(q, np.arange(11)) @ nb.rotate(k, np.arange(11)).T
    further = nb.rotate(q, np.arange(11) + shift) @ nb.rotate(k, np.arange(11) + shift).T
    assert np.allclose(scores, further, atol=1e-9)
    uneven = nb.rotate(q, np.arange(11) + shift) @ nb.rotate(k, np.arange(11)).T
    assert not np.allclose(scores, uneven, atol=1e-3)


def test_diagonal_spread(nb):
    distances = np.subtract.outer(np.arange(4), np.arange(4)).astype(float)
    assert nb.diagonal_spread(distances) == 0
    distances[2, 0] += 3
    assert nb.diagonal_spread(distances) == 3


@pytest.mark.parametrize("seed", range(5))
def test_the_four_ways_do_what_the_text_says_on_any_seed(nb, seed):
    rng = np.random.default_rng(seed)
    blocks = [nb.random_block(32, 128, rng) for _ in range(24)]
    x = rng.normal(size=(32, 32))
    last = {name: nb.through(x, blocks, way)[-1] for name, way in nb.WAYS.items()}
    size = {name: np.sqrt((y**2).mean()) for name, y in last.items()}
    alike = {name: nb.sameness(y) for name, y in last.items()}
    assert size["bare"] < 1e-3 and size["residual"] > 1e3
    assert 0.9 < size["post-norm"] < 1.1 and 1 < size["pre-norm"] < 20
    assert alike["bare"] > 0.99 and alike["pre-norm"] < 0.9 < alike["post-norm"]


def test_sameness(nb):
    assert nb.sameness(np.array([[1.0, 0], [5, 0], [2, 0]])) == pytest.approx(1)
    assert nb.sameness(np.array([[1.0, 0], [0, 3]])) == pytest.approx(0)


@pytest.mark.parametrize("length", [1, 64, 150])
def test_slices_change_no_number_and_save_memory(nb, rng, length):
    q, k, v = rng.normal(size=(3, 2, length, 8))
    assert np.allclose(nb.attend_in_slices(q, k, v), nb.attend(q, k, v), atol=1e-12)
    assert np.allclose(nb.attend_in_slices(q, k, v, rows=7), nb.attend(q, k, v), atol=1e-12)


def test_memory_grows_with_the_square_unless_sliced(nb):
    (_, small), (_, large) = nb.cost(nb.attend, 256), nb.cost(nb.attend, 1_024)
    assert 14 < large / small < 18
    (_, small), (_, large) = (nb.cost(nb.attend_in_slices, n) for n in (256, 1_024))
    assert large / small < 5


def test_the_cache_is_what_keys_and_values_take(nb, rng):
    params, x = nb.random_block(32, 64, rng)["attention"], rng.normal(size=(9, 32))
    k, v = (nb.split_heads(nb.linear(x, params[name]), 4) for name in ("key", "value"))
    assert nb.cache_numbers(3, 4, 8, 9) == 3 * (k.size + v.size)


def test_the_costs_meet_at_six_times_the_width(nb):
    assert nb.attention_share(6 * 128, 128) == pytest.approx(0.5)
    assert nb.attention_share(64, 128) < 0.1 < 0.8 < nb.attention_share(131_072, 4_096)


def test_two_heads_tell_apart_what_one_head_mixes(nb):
    first, second = "dog bites man .", "man bites dog ."
    both = nb.FIRST + nb.BEFORE
    assert np.allclose(nb.collected(first, both), nb.collected(second, both))
    apart = [nb.collected(s, nb.FIRST, nb.BEFORE) for s in (first, second)]
    assert np.abs(apart[0] - apart[1]).max() > 0.99


def test_context_moves_the_word_with_two_meanings(nb):
    river, money = (
        nb.attend_plainly(nb.look_up(s))[2]
        for s in ("the river bank flooded", "the savings bank closed")
    )
    assert river[0] > 2 * river[1] and money[1] > 2 * money[0]


def test_each_slider_changes_the_bars(nb):
    import matplotlib.pyplot as plt

    start = {name: values[3] for name, values in nb.RANGES.items()}
    moved = [{**start, name: end} for name, values in nb.RANGES.items() for end in values[:2]]
    moved = [values for values in moved if values != start]
    drawn = []
    for values in (start, *moved):
        [ax] = nb.draw_weights(**values).axes
        drawn.append([bar.get_height() for bar in ax.patches])
    plt.close("all")
    assert len(drawn) == 4, "the exponent starts at one of its ends"
    for a, b in itertools.combinations(drawn, 2):
        assert sum(a) == pytest.approx(1) and not np.allclose(a, b, atol=1e-3)
