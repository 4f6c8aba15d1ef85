"""Explanations against references written another way: NumPy, finite differences, linear models."""

from __future__ import annotations

import html

import numpy as np
import pytest

from tests import backends

keras = pytest.importorskip("keras")

from keras import ops  # noqa: E402

from helpers import explain, gpt, layers  # noqa: E402

PAD, BLANK, TIME, WORDS = 0, 1, 7, 20


class Linear(keras.Model):
    """No blocks: the sum of a weight a word. Every explanation of it is known beforehand."""

    def __init__(self):
        super().__init__()
        self.words = layers.Embedding(WORDS, 3, stddev=1.0)
        self.blocks, self.verdict = [], keras.layers.Dense(1)
        self.words.build()
        self.verdict.build((None, 3))

    def embed(self, tokens):
        return self.words(tokens)

    def mask(self, tokens):
        return tokens != PAD

    def read(self, x, tokens):
        return self.verdict(ops.sum(x * ops.cast(self.mask(tokens), x.dtype)[..., None], axis=1))

    def call(self, tokens):
        return self.read(self.embed(tokens), tokens)


class Small(Linear):
    """The same with two blocks before it."""

    def __init__(self):
        super().__init__()
        self.words = layers.Embedding(WORDS, 8, stddev=0.5)
        self.words.build()
        self.blocks = [
            layers.Block(2, 1, mlp_dim=16, rotary=True, stddev=0.3, name=f"b{i}") for i in range(2)
        ]
        for block in self.blocks:
            block.build((None, None, 8))
        self.verdict = keras.layers.Dense(1)
        self.verdict.build((None, 8))

    def call(self, tokens):
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x, mask=self.mask(tokens))
        return self.read(x, tokens)


def some_tokens(rows=5, seed=0):
    rng = np.random.default_rng(seed)
    tokens = rng.integers(2, WORDS, (rows, TIME)).astype("int32")
    for row, length in zip(tokens, rng.integers(2, TIME + 1, rows), strict=True):
        row[length:] = PAD
    return tokens


def vectors_of(model, tokens):
    return ops.convert_to_numpy(model.words.embeddings)[tokens]


def score_with(model):
    return lambda x, tokens: explain.forward(model, tokens, {"embed": lambda _: x})[:, 0]


def said_by(model):
    return lambda tokens: ops.convert_to_numpy(model(tokens))[:, 0]


@pytest.fixture(scope="module")
def small():
    keras.utils.set_random_seed(3)
    return Small()


@pytest.fixture(scope="module")
def gradient(small):
    return explain.gradient_of(small, score_with(small), batch_size=2, xla=False)


@pytest.fixture(scope="module")
def linear():
    keras.utils.set_random_seed(4)
    return Linear()


@pytest.fixture(scope="module")
def tiny():
    keras.utils.set_random_seed(5)
    config = gpt.GPTConfig(30, context_length=16, num_layers=2, num_heads=4, embed_dim=16)
    return gpt.GPT(config)


# --- going through a model


@pytest.mark.parametrize("style", ["gpt2", "llama"])
def test_a_trace_is_the_model(style):
    model = gpt.GPT(gpt.GPTConfig(30, 16, num_layers=2, num_heads=4, embed_dim=16, style=style))
    tokens = np.random.default_rng(0).integers(0, 30, (3, 9))
    trace = explain.run(model, tokens)
    assert np.allclose(trace.output, ops.convert_to_numpy(model(tokens)), atol=1e-5)
    assert list(trace.parts) == explain.points(model)
    weights = trace["block_1.weights"]
    assert weights.shape == (3, 4, 9, 9) and np.allclose(weights.sum(-1), 1, atol=1e-5)
    assert np.allclose(np.triu(weights[0, 0], 1), 0), "a GPT looks back only"


def test_a_trace_hides_padding_as_the_model_does(small):
    tokens = some_tokens()
    trace = explain.run(small, tokens)
    assert np.allclose(trace.output[:, 0], said_by(small)(tokens), atol=1e-5)
    hidden = np.broadcast_to((tokens == PAD)[:, None, None], trace["block_0.weights"].shape)
    assert hidden.any() and not trace["block_0.weights"][hidden].any()


def test_the_running_sum_is_the_sum_of_what_was_added(small):
    trace = explain.run(small, some_tokens())
    added = trace["block_0.attention"] + trace["block_0.mlp"]
    assert np.allclose(trace["embed"] + added, trace["block_0"], atol=1e-5)


def test_heads_are_weights_times_values(small):
    trace = explain.run(small, some_tokens())
    values = np.repeat(trace["block_1.values"], 2, axis=1)  # one head of values serves two
    assert np.allclose(trace["block_1.weights"] @ values, trace["block_1.heads"], atol=1e-5)


def test_an_edit_changes_what_follows_and_nothing_before(tiny):
    tokens = np.arange(10).reshape(2, 5)
    plain = explain.run(tiny, tokens)
    changed = explain.run(tiny, tokens, {"block_1.heads": explain.without_head(2)})
    assert not changed["block_1.heads"][:, 2].any()
    assert (changed["block_1.heads"][:, 1] == plain["block_1.heads"][:, 1]).all()
    assert (changed["block_0"] == plain["block_0"]).all()
    assert np.abs(changed.output - plain.output).max() > 1e-6
    mean = np.arange(4.0)
    changed = explain.run(tiny, tokens, {"block_1.heads": explain.without_head(2, mean)})
    assert (changed["block_1.heads"][:, 2] == mean).all()
    each = explain.without_head(np.array([3, 0]), np.stack([mean, -mean]))
    heads = explain.run(tiny, tokens, {"block_1.heads": each})["block_1.heads"]
    assert (heads[0, 3] == mean).all() and (heads[1, 0] == -mean).all()
    assert (heads[0, 0] == plain["block_1.heads"][0, 0]).all()


def test_a_patch_of_every_position_is_the_other_run(tiny):
    rng = np.random.default_rng(1)
    one, other = rng.integers(0, 30, (2, 1, 6))
    clean = explain.run(tiny, one)

    def everywhere(x):
        for position in range(6):
            x = explain.patched(clean["block_0"], position)(x)
        return x

    assert np.allclose(explain.run(tiny, other, {"block_0": everywhere}).output, clean.output)
    some = explain.run(tiny, other, {"block_0": explain.patched(clean["block_0"], 3)})
    heads = explain.patched(clean["block_1.heads"], np.array([1]))(np.zeros((1, 4, 6, 4)))
    assert (heads[0, 1] == clean["block_1.heads"][0, 1]).all() and not heads[0, [0, 2, 3]].any()
    apart = np.abs(some.output - explain.run(tiny, other).output).max(axis=-1)[0]
    assert not apart[:3].any() and apart[3:].min() > 0, "earlier positions cannot see it"


def test_the_lens_after_the_last_block_is_the_output(tiny):
    trace = explain.run(tiny, np.arange(8)[None])
    assert np.allclose(explain.lens(tiny, trace["block_1"]), trace.output, atol=1e-5)
    assert np.abs(explain.lens(tiny, trace["block_0"]) - trace.output).max() > 1e-4


def test_bad_input_is_named(tiny, small):
    tokens = np.arange(4)[None]
    with pytest.raises(ValueError, match="did you mean 'block_1"):
        explain.run(tiny, tokens, {"block_1.head": lambda x: x})
    with pytest.raises(ValueError, match="no part 'block_7'"):
        explain.forward(tiny, tokens, {"block_7": lambda x: x})
    with pytest.raises(ValueError, match="change numbers, not shapes"):
        explain.run(tiny, tokens, {"block_0": lambda x: x[:, :2]})
    with pytest.raises(ValueError, match="change numbers, not shapes"):
        explain.forward(tiny, tokens, {"block_0": lambda x: x[:, :2]})
    with pytest.raises(ValueError, match="of one text make a batch"):
        explain.run(tiny, np.arange(4))
    with pytest.raises(ValueError, match="whole numbers"):
        explain.run(tiny, np.ones((1, 4)))
    with pytest.raises(ValueError, match="context"):
        explain.run(tiny, np.zeros((1, 17), int))
    with pytest.raises(TypeError, match="no embed and no mask"):
        explain.run(type("Odd", (), {"blocks": []})(), tokens)
    with pytest.raises(TypeError, match="a Small"):
        explain.lens(small, np.zeros((1, 4, 8)))
    with pytest.raises(ValueError, match="heads 0 to 3"):
        explain.run(tiny, tokens, {"block_0.heads": explain.without_head(4)})


def test_edits_and_lenses_that_do_not_fit_are_named(tiny):
    tokens = np.arange(4)[None]
    nothing = {"block_0": lambda x: x.fill(0)}
    for go in (explain.run, explain.forward):
        with pytest.raises(ValueError, match="'block_0' returned None"):
            go(tiny, tokens, nothing if go is explain.run else {"block_0": lambda x: None})
    other = np.zeros((1, 4, 16))
    with pytest.raises(ValueError, match=r"\(1, 4, 16\) there, this one \(1, 5, 16\)"):
        explain.run(tiny, np.arange(5)[None], {"block_0": explain.patched(other, 0)})
    for place in (4, -1, np.array([4])):
        with pytest.raises(ValueError, match="places 0 to 3"):
            explain.run(tiny, tokens, {"block_0": explain.patched(other, place)})
    for wrong in (np.zeros((1, 4, 8)), np.zeros((4, 16))):
        with pytest.raises(ValueError, match=r"\(batch, time, 16\)"):
            explain.lens(tiny, wrong)


def test_induction_scores_see_the_diagonal_after_the_copy():
    period, time = 4, 8
    weights = np.zeros((2, 3, time, time))
    for query in range(period, 2 * period - 1):
        weights[:, 0, query, query - period + 1] = 1.0  # looks after the copy
        weights[:, 1, query, query - period] = 1.0  # looks at the copy itself
        weights[0, 2, query, query - period + 1] = 0.5  # half, and in one of two texts
    assert explain.induction_scores(weights, period).tolist() == [1.0, 0.0, 0.25]
    with pytest.raises(ValueError, match="period is 8"):
        explain.induction_scores(weights, 8)


# --- attributions


def test_gradients_are_those_of_finite_differences(small, gradient):
    tokens = some_tokens()
    x = vectors_of(small, tokens)
    found = gradient(x, tokens)
    assert found.shape == x.shape
    for place in [(0, 0, 0), (1, 1, 5), (4, 0, 7), (3, 1, 2)]:
        step = np.zeros_like(x)
        step[place] = 1e-2
        up, down = (
            explain.run(small, tokens, {"embed": lambda _, v=v: v}).output[:, 0]
            for v in (x + step, x - step)
        )
        slope = (up - down)[place[0]] / 2e-2
        assert abs(found[place] - slope) < 2e-2 * abs(slope) + 1e-3
    assert not found[tokens == PAD].any(), "padding must not count"


def test_gradients_follow_the_weights_of_now(small, gradient):
    tokens = some_tokens()
    x = vectors_of(small, tokens)
    before = gradient(x, tokens)
    with explain.scrambled(small, 1):
        assert np.abs(gradient(x, tokens) - before).max() > 1e-3
    assert np.array_equal(gradient(x, tokens), before)


def test_integrated_gradients_of_a_linear_model_are_exact(linear):
    tokens = some_tokens()
    x = vectors_of(linear, tokens)
    baseline = np.array([0.5, -1.0, 2.0], "float32")
    gradient = explain.gradient_of(linear, score_with(linear))
    found = explain.integrated_gradients(gradient, x, baseline, tokens, steps=3)
    weight = ops.convert_to_numpy(linear.verdict.kernel)[:, 0]
    wanted = weight * (x - baseline) * (tokens != PAD)[..., None]
    assert np.allclose(found, wanted, atol=1e-5)


def test_integrated_gradients_of_a_power_are_taken_in_the_middles():
    gradient = lambda x: 3 * x**2  # noqa: E731  of the sum of x ** 3
    x = np.array([[[2.0]]])
    found = explain.integrated_gradients(gradient, x, 0.0, steps=2)
    assert np.allclose(found, 2 * (3 * 0.5**2 + 3 * 1.5**2) / 2)
    many = explain.integrated_gradients(gradient, np.array([[[2.0]], [[1.0]]]), 0.0, steps=70)
    one = [((np.arange(70) + 0.5) / 70 * end) ** 2 * 3 for end in (2.0, 1.0)]
    assert np.allclose(many[:, 0, 0], [2 * one[0].mean(), one[1].mean()]), "in several calls"
    with pytest.raises(ValueError, match="steps is 0"):
        explain.integrated_gradients(gradient, x, 0.0, steps=0)


def test_integrated_gradients_are_complete(small, gradient):
    tokens = some_tokens()
    x, blank = vectors_of(small, tokens), vectors_of(small, BLANK)
    found = explain.integrated_gradients(gradient, x, blank, tokens, steps=48)
    start = np.where(tokens == PAD, PAD, BLANK)
    gained = said_by(small)(tokens) - said_by(small)(start)
    assert explain.incompleteness(found, gained).max() < 0.01
    short = explain.integrated_gradients(gradient, x, blank, tokens, steps=1)
    assert explain.incompleteness(short, gained).max() > 0.05


def test_incompleteness_is_a_share_of_the_gain():
    assert np.allclose(explain.incompleteness(np.ones((2, 3, 2)), np.array([6, -4])), [0, 2.5])
    with pytest.raises(ValueError, match="gain of 0"):
        explain.incompleteness(np.ones((1, 2)), np.zeros(1))


def test_occlusion_of_a_linear_model_is_exact(linear):
    tokens = some_tokens()
    weight = ops.convert_to_numpy(linear.verdict.kernel)[:, 0]
    worth = ops.convert_to_numpy(linear.words.embeddings) @ weight
    wanted = np.where(tokens == PAD, 0, worth[tokens] - worth[BLANK])
    assert np.allclose(explain.occlusion(said_by(linear), tokens, BLANK), wanted, atol=1e-5)


def test_rollout_against_its_definition_in_loops():
    rng = np.random.default_rng(0)
    weights = [rng.dirichlet(np.ones(4), (2, 3, 4)) for _ in range(3)]
    found = explain.rollout(weights)
    for text in range(2):
        wanted = np.eye(4)
        for block in weights:
            step = np.array(
                [[(block[text, :, i, j].mean() + (i == j)) / 2 for j in range(4)] for i in range(4)]
            )
            wanted = np.array(
                [[sum(step[i, k] * wanted[k, j] for k in range(4)) for j in range(4)]
                 for i in range(4)]
            )  # fmt: skip
        assert np.allclose(found[text], wanted)
    assert np.allclose(found.sum(-1), 1)
    assert not np.allclose(found, explain.rollout(weights[::-1])), "the order of blocks counts"
    with pytest.raises(ValueError, match="no attention"):
        explain.rollout([])


@pytest.mark.parametrize("xla", [True, False])
def test_batches_are_filled_up_and_cut(small, xla):
    tokens = some_tokens(7)
    said = explain.batched(small, lambda t: small(t)[:, 0], batch_size=3, xla=xla)
    assert np.allclose(said(tokens), said_by(small)(tokens), atol=1e-5)
    with pytest.raises(ValueError, match="no rows"):
        said(tokens[:0])
    with pytest.raises(ValueError, match="7, 6 rows"):
        explain.batched(small, lambda t, u: small(t))(tokens, tokens[:6])


# --- tests of attributions


def test_an_order_puts_the_best_first_and_padding_last():
    tokens = np.array([[5, 6, 7, PAD, PAD], [5, 6, PAD, PAD, PAD]])
    worth = np.array([[0.1, 3.0, -2.0, 9.0, 9.0], [-1.0, -5.0, 0, 0, 0]])
    assert explain.order(worth, tokens)[:, :3].tolist() == [[1, 0, 2], [0, 1, 2]]


def test_orders_that_are_none_are_named():
    tokens = np.array([[5, 6, PAD]])
    for wrong in (np.zeros((1, 2)), np.zeros((1, 3, 8)), np.zeros(3)):
        with pytest.raises(ValueError, match=r"for tokens of shape \(1, 3\)"):
            explain.order(wrong, tokens)
    for odd in (np.nan, np.inf):
        with pytest.raises(ValueError, match="NaN or infinite"):
            explain.order(np.array([[odd, 1.0, 0.0]]), tokens)
    assert explain.order(np.array([[1.0, 2.0, np.nan]]), tokens).tolist() == [[1, 0, 2]]
    for ranked in ([[0, 0, 0]], [[1, 2, 3]], [[0, 1]], [0, 1, 2]):
        with pytest.raises(ValueError, match="each position 0 to 2 once"):
            explain.deletion(lambda t: t.sum(axis=1), tokens, np.array(ranked), [0.5], BLANK)


def test_deletion_blanks_the_first_words_of_the_order():
    tokens = np.array([[5, 6, 7, 8, PAD], [9, 3, PAD, PAD, PAD]])
    seen = []

    def score(rows):
        seen.append(rows)
        return (rows * (rows != BLANK)).sum(axis=1).astype(float)

    ranked = explain.order(tokens.astype(float), tokens)
    fall = explain.deletion(score, tokens, ranked, [0, 0.1, 0.5, 1.0], BLANK)
    assert fall.tolist() == [[0, 8, 15, 26], [0, 9, 9, 12]]
    assert all(((rows == PAD) == (tokens[0] == PAD)).all() for rows in seen[0][:4])
    with pytest.raises(ValueError, match="shares"):
        explain.deletion(score, tokens, ranked, [1.5], BLANK)


def test_occlusion_is_the_best_order_of_a_linear_model_and_random_is_not(linear):
    tokens, said = some_tokens(60), said_by(linear)
    best = explain.order(explain.occlusion(said, tokens, BLANK), tokens)
    drawn = explain.random_orders(tokens, 0)
    gain = [explain.deletion(said, tokens, o, [0.3], BLANK)[:, 0] for o in (best, drawn)]
    assert explain.interval(gain[0] - gain[1])[1] > 0
    assert (gain[0] >= gain[1] - 1e-5).all()


def test_random_orders_are_orders_of_the_words():
    tokens = some_tokens(40)
    found = explain.random_orders(tokens, 1)
    assert (np.sort(found, axis=1) == np.arange(TIME)).all()
    for row, ranked in zip(tokens, found, strict=True):
        assert (row[ranked[: (row != PAD).sum()]] != PAD).all()
    assert (found != explain.random_orders(tokens, 2)).any()
    assert len(np.unique(found[(tokens != PAD).all(axis=1)], axis=0)) > 1


def test_an_interval_is_that_of_the_mean():
    rng = np.random.default_rng(0)
    values = rng.normal(1.0, 2.0, 400)
    mean, low, high = explain.interval(values)
    assert mean == values.mean()
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert np.allclose([low, high], [mean - half, mean + half], atol=0.15 * half)
    with pytest.raises(ValueError, match="two texts"):
        explain.interval([1.0])
    with pytest.raises(ValueError, match="1 of 3 values"):
        explain.interval([1.0, np.nan, 2.0])


def test_agreement_is_spearmans_of_the_words_without_signs():
    from scipy.stats import spearmanr

    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 1, TIME))
    tokens = np.array([[3, 4, 5, 6, 7, PAD, PAD]])
    wanted = spearmanr(abs(first[0, :5]), abs(second[0, :5])).statistic
    assert np.allclose(explain.agreement(first, second, tokens), wanted)
    assert np.allclose(explain.agreement(first, -3 * first, tokens), 1)
    assert np.isnan(explain.agreement(first, np.ones_like(first), tokens)[0])
    with pytest.raises(ValueError, match=r"\(1, 7\), \(7,\), \(1, 7\)"):
        explain.agreement(first, second[0], tokens)


def test_agreement_leaves_the_blank_out():
    """Two unrelated attributions that are 0 at the blank in every model seem to agree."""
    rng = np.random.default_rng(0)
    tokens = rng.integers(2, WORDS, (200, 30))
    tokens[:, ::4] = BLANK
    first, second = rng.normal(size=(2, 200, 30)) * (tokens != BLANK)
    assert explain.agreement(first, second, tokens).mean() > 0.3
    assert abs(explain.agreement(first, second, tokens, blank=BLANK).mean()) < 0.1
    rest = tokens[:, 1:4]
    wanted = explain.agreement(first[:, 1:4], second[:, 1:4], rest)
    short = [each[:, :4] for each in (first, second, tokens)]
    assert np.allclose(explain.agreement(*short, blank=BLANK), wanted)


def test_scrambling_keeps_the_numbers_and_puts_them_back(small):
    before = small.get_weights()
    with explain.scrambled(small, 0):
        within = small.get_weights()
    assert any((a != b).any() for a, b in zip(before, within, strict=True))
    for a, b in zip(before, within, strict=True):
        assert (np.sort(a.reshape(-1)) == np.sort(b.reshape(-1))).all()
    assert all((a == b).all() for a, b in zip(before, small.get_weights(), strict=True))
    with explain.scrambled(small, 0, [small.verdict]):
        assert (small.get_weights()[0] == before[0]).all()
        assert (small.verdict.get_weights()[0] != before[-2]).any()
    with pytest.raises(RuntimeError), explain.scrambled(small, 0):
        raise RuntimeError
    assert all((a == b).all() for a, b in zip(before, small.get_weights(), strict=True))


# --- text


def test_coloured_text_escapes_what_a_review_holds():
    nasty = ["<script>alert(1)</script>", '"onload="x', "fine&good"]
    shown = explain.Coloured(nasty, [1.0, -0.5, 0.0], raises="<b>", lowers="not <liked>")
    page = shown._repr_html_()
    assert "<script" not in page and "<b>" not in page and '"onload=' not in page
    assert html.escape(nasty[0]) in page and "fine&amp;good" in page
    assert "<script>alert(1)</script>[▲▲▲]" in repr(shown), "plain text is not escaped"


def test_coloured_text_can_be_read_without_colour():
    shown = explain.Coloured(["a", "b", "c", "d", "e"], [2.0, -1.0, 0.3, 0.1, -1.5])
    assert shown.marks() == ["▲▲▲", "▼▼", "▲", "", "▼▼▼"]
    assert repr(shown) == "a[▲▲▲] b[▼▼] c[▲] d e[▼▼▼]"
    page = shown._repr_html_()
    for mark in ("▲▲▲</rt>", "▼▼</rt>", "▲</rt>"):
        assert mark in page
    folded = page.partition("<summary>In words</summary>")[2]
    assert html.escape(shown.in_words()) in folded, "for who cannot see it"
    assert page.count('<rt aria-hidden="true"') == 4, "marks are not read aloud one by one"
    assert "at least 10%, 40%, 70% of the strongest word&#x27;s 2<" in page.replace("'", "&#x27;")


def test_coloured_text_in_words_names_the_strongest_of_each_side():
    shown = explain.Coloured(["a", "b", "c"], [2.0, -1.0, 0.01], "liked", "not")
    assert shown.in_words() == "3 words. Strongest liked: a +2.000; not: b -1.000."
    assert "liked: no word" in explain.Coloured(["x"], [-1.0], "liked", "not").in_words()
    assert explain.Coloured(["x"], [0.0]).marks() == [""]
    assert repr(explain.Coloured([], [])) == ""
    with pytest.raises(ValueError, match="2 numbers for 1 words"):
        explain.Coloured(["x"], [1.0, 2.0])
    with pytest.raises(ValueError, match="finite"):
        explain.Coloured(["x"], [np.nan])


# --- the other backends


def on_backend(tokens, words, kernel):
    """Trace, gradient, integrated gradients and occlusion of a model with these weights."""
    model = Small()
    rng = np.random.default_rng(9)
    model.set_weights([rng.normal(size=w.shape) * 0.3 for w in model.get_weights()])
    model.words.embeddings.assign(words)
    model.verdict.kernel.assign(kernel)
    x = words[tokens]
    gradient = explain.gradient_of(model, score_with(model))
    first = gradient(x, tokens)
    with explain.scrambled(model, 1):
        scrambled = gradient(x, tokens)
    return {
        "output": explain.run(model, tokens).output,
        "gradient": first,
        "scrambled": scrambled,
        "integrated": explain.integrated_gradients(gradient, x, words[BLANK], tokens, steps=4),
        "occlusion": explain.occlusion(
            explain.batched(model, lambda t: model(t)[:, 0]), tokens, BLANK
        ),
    }


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_give_the_same(backend):
    rng = np.random.default_rng(2)
    words, kernel = rng.normal(size=(WORDS, 8)), rng.normal(size=(8, 1))
    given = {"tokens": some_tokens(), "words": words.astype("float32"),
             "kernel": kernel.astype("float32")}  # fmt: skip
    here, there = on_backend(**given), backends.run(backend, on_backend, **given)
    assert here.keys() == there.keys()
    for name in here:
        assert np.allclose(here[name], there[name], rtol=1e-3, atol=1e-4), name
    assert np.abs(here["scrambled"] - here["gradient"]).max() > 1e-2
