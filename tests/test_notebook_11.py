"""Notebook 11's own functions: against references written another way, and by their properties."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from tests.cells import namespace

keras = pytest.importorskip("keras")


@pytest.fixture(scope="module")
def nb():
    return namespace("11")


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def small_gpt(seed, style="llama", **changes):
    """A random GPT whose weights are large enough for its numbers to differ."""
    from helpers import gpt

    keras.utils.set_random_seed(seed)
    sizes = {"context_length": 16, "num_layers": 2, "num_heads": 2, "embed_dim": 16}
    model = gpt.GPT(gpt.GPTConfig(40, style=style, **{**sizes, **changes}))
    rng = np.random.default_rng(seed)
    model.set_weights([w + rng.normal(0, 0.1, w.shape) for w in model.get_weights()])
    return model


def random_pairs(rng, num_pairs, time=9):
    """Tokens, targets and weights of pairs, with answers of different lengths."""
    tokens = rng.integers(0, 40, (num_pairs, 2, time + 1)).astype("int32")
    start = rng.integers(1, time, (num_pairs, 2, 1))
    end = start + rng.integers(1, 4, (num_pairs, 2, 1))
    places = np.arange(time)
    weights = ((places >= start) & (places < end)).astype("float32")
    return {"x": tokens[..., :-1], "y": tokens[..., 1:], "w": weights}


def answer_log_prob(logits, targets, weights):
    """Of one answer: float64, a token at a time, no code shared with notebook or helpers."""
    total = 0.0
    for row, target, weight in zip(logits.astype("float64"), targets, weights, strict=True):
        top = row.max()
        log_sum = top + math.log(math.fsum(math.exp(value - top) for value in row))
        total += weight * (row[target] - log_sum)
    return total


def log_probs_by_numpy(model, pairs):
    num_pairs = len(pairs["x"])
    out = np.zeros((num_pairs, 2))
    for i in range(num_pairs):
        for side in range(2):
            logits = keras.ops.convert_to_numpy(model(pairs["x"][i, side][None]))[0]
            out[i, side] = answer_log_prob(logits, pairs["y"][i, side], pairs["w"][i, side])
    return out


def dpo_by_numpy(policy, reference, beta):
    """Equation 7 of Rafailov et al. (2023), a pair at a time."""
    losses = []
    for (chosen, rejected), (chosen_0, rejected_0) in zip(policy, reference, strict=True):
        inside = beta * (chosen - chosen_0) - beta * (rejected - rejected_0)
        losses.append(-math.log(1 / (1 + math.exp(-inside))))
    return np.array(losses)


# --- scores


def test_wilson_against_its_definition(nb):
    """Its ends are the shares p for which the hits lie z standard errors away."""
    for hits, n in ((0, 7), (3, 10), (40, 120), (120, 120)):
        low, high = nb.wilson(np.arange(n) < hits)
        for end in (low, high):
            if 0 < end < 1:
                z = abs(hits / n - end) / math.sqrt(end * (1 - end) / n)
                assert z == pytest.approx(1.96, rel=1e-6)
        assert low <= hits / n <= high
    assert nb.wilson(np.zeros(50, bool))[0] == 0 and nb.wilson(np.ones(50, bool))[1] == 1


def test_the_bootstrap_covers_the_truth_as_often_as_it_says(nb, rng):
    nb.interval.__globals__["SEED"] = 0
    held = 0
    for _ in range(200):
        change = rng.normal(0.3, 1.0, 80)
        mean, low, high = nb.interval(change, times=400)
        assert low <= mean <= high and mean == pytest.approx(change.mean())
        held += low <= 0.3 <= high
    assert 178 <= held <= 200


def test_a_difference_is_paired(nb):
    nb.interval.__globals__["SEED"] = 0
    before = np.array([True, False] * 30)
    assert nb.difference(before, before) == (0, 0, 0), "the same answers differ by nothing"
    mean, low, high = nb.difference(np.ones(60, bool), before)
    assert mean == 0.5 and 0.3 < low < 0.5 < high < 0.7


@pytest.mark.parametrize(
    ("text", "ended", "right", "formed"),
    [(" src", True, True, True), (" src", False, True, False), (" src\nQ: more", True, True, False),
     (" srcs", True, False, True), ("", True, False, False), ("src", True, True, True),
     (" the src", True, False, True)],
)  # fmt: skip
def test_right_and_formed(nb, text, ended, right, formed):
    reply = SimpleNamespace(text=text, ended=ended)
    assert nb.is_right(reply, SimpleNamespace(answer="src")) is right
    assert nb.is_formed(reply) is formed


def test_the_rate_rises_in_ten_steps_and_falls_to_nearly_nothing(nb):
    schedule = nb.RiseAndFall(2.0, 100)
    optimizer = SimpleNamespace(learning_rate=None)
    schedule.set_model(SimpleNamespace(optimizer=optimizer))
    rates = []
    for batch in [*range(50), *range(50)]:  # two epochs: Keras numbers the batches anew
        schedule.on_train_batch_begin(batch)
        rates.append(optimizer.learning_rate)
    assert rates[0] == pytest.approx(0.2) and 1.7 < max(rates) <= 2.0
    assert 8 <= int(np.argmax(rates)) <= 10 and rates[-1] == pytest.approx(0.02)
    assert np.all(np.diff(rates[10:]) < 0) and np.all(np.diff(rates[:9]) > 0)


# --- LoRA


def test_lora_starts_as_the_layer_it_stands_beside(nb, rng):
    dense = keras.layers.Dense(6)
    x = rng.normal(size=(3, 5)).astype("float32")
    before = keras.ops.convert_to_numpy(dense(x))
    assert np.array_equal(keras.ops.convert_to_numpy(nb.LoRA(dense)(x)), before)


@pytest.mark.parametrize(("rank", "alpha"), [(1, 1.0), (4, 16.0), (8, 4.0)])
def test_lora_is_its_formula(nb, rng, rank, alpha):
    dense = keras.layers.Dense(6)
    x = rng.normal(size=(3, 5)).astype("float32")
    dense(x)
    lora = nb.LoRA(dense, rank=rank, alpha=alpha)
    lora.b.assign(rng.normal(size=(rank, 6)))
    kernel, bias, a, b = (
        np.asarray(keras.ops.convert_to_numpy(v), "float64")
        for v in (dense.kernel, dense.bias, lora.a, lora.b)
    )
    expected = x @ (kernel + alpha / rank * a @ b) + bias
    assert np.abs(keras.ops.convert_to_numpy(lora(x)) - expected).max() < 1e-5
    assert np.abs(keras.ops.convert_to_numpy(lora.merge()(x)) - expected).max() < 1e-5


def test_lora_is_that_of_keras(nb, rng):
    ours, theirs = keras.layers.Dense(6), keras.layers.Dense(6)
    x = rng.normal(size=(3, 5)).astype("float32")
    ours(x), theirs(x)
    theirs.set_weights(ours.get_weights())
    theirs.enable_lora(rank=3, lora_alpha=6)
    lora = nb.LoRA(ours, rank=3, alpha=6.0)
    a, b = rng.normal(size=(5, 3)), rng.normal(size=(3, 6))
    lora.a.assign(a), lora.b.assign(b)
    theirs.lora_kernel_a.assign(a), theirs.lora_kernel_b.assign(b)
    gap = keras.ops.convert_to_numpy(lora(x)) - keras.ops.convert_to_numpy(theirs(x))
    assert np.abs(gap).max() < 1e-5


@pytest.mark.parametrize("targets", ["QUERY_VALUE", "EVERY_MATRIX"])
@pytest.mark.parametrize("style", ["gpt2", "llama"])
def test_a_gpt_with_lora_trains_only_it_and_merges(nb, rng, targets, style):
    targets, model = getattr(nb, targets), small_gpt(1, style, activation="gelu")
    frozen, start = list(model.variables), model.get_weights()
    x = rng.integers(0, 40, (8, 16)).astype("int32")
    before = keras.ops.convert_to_numpy(model(x))
    nb.add_lora(model, targets, rank=2)
    assert np.array_equal(keras.ops.convert_to_numpy(model(x)), before), "B is zero at first"
    assert len(model.trainable_variables) == 2 * len(targets) * model.config.num_layers
    assert not any(v is f for v in model.trainable_variables for f in frozen)
    model.compile(keras.optimizers.Adam(0.05), jit_compile=False)
    model.fit(x, epochs=2, batch_size=4, verbose=0)
    for variable, value in zip(frozen, start, strict=True):
        assert np.array_equal(keras.ops.convert_to_numpy(variable), value), variable.path
    apart = keras.ops.convert_to_numpy(model(x))
    assert np.abs(apart - before).max() > 1e-3, "training changed nothing"
    nb.merge_lora(model, targets)
    plain = nb.fresh_copy(model, [keras.ops.convert_to_numpy(v) for v in frozen])
    assert np.abs(keras.ops.convert_to_numpy(plain(x)) - apart).max() < 1e-5
    changed = sum(
        not np.array_equal(keras.ops.convert_to_numpy(v), w)
        for v, w in zip(frozen, start, strict=True)
    )
    assert changed == len(targets) * model.config.num_layers


def test_lora_counts_its_weights(nb):
    model = small_gpt(2)
    nb.add_lora(model, nb.QUERY_VALUE, rank=3)
    trained = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    kv_width = model.config.num_kv_heads * model.config.head_dim
    assert trained == 2 * 3 * (16 + 16 + 16 + kv_width)


# --- DPO


def test_dpo_of_a_case_worked_out_by_hand(nb):
    """Gains of 1 and -1 at beta 0.5: sigmoid(1) = 0.7310586, whose -log is 0.3132617."""
    reference, now = np.array([[-3.0, -4.0]]), np.array([[-2.0, -5.0]])
    loss = keras.ops.convert_to_numpy(nb.dpo_loss(reference, now, beta=0.5))
    assert loss == pytest.approx([0.3132617], abs=1e-6)
    start = keras.ops.convert_to_numpy(nb.dpo_loss(reference, reference))
    assert start == pytest.approx([math.log(2)], abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("beta", [0.05, 0.1, 1.0])
def test_dpo_on_small_random_models_against_numpy(nb, seed, beta):
    rng = np.random.default_rng(seed)
    style = ("gpt2", "llama")[seed % 2]
    policy, reference = small_gpt(seed, style), small_gpt(seed + 50, style)
    pairs = random_pairs(rng, 5)
    ours = [keras.ops.convert_to_numpy(nb.Judge(m)(pairs)) for m in (policy, reference)]
    theirs = [log_probs_by_numpy(m, pairs) for m in (policy, reference)]
    assert np.abs(np.array(ours) - theirs).max() < 1e-4
    loss = keras.ops.convert_to_numpy(nb.dpo_loss(ours[1], ours[0], beta=beta))
    expected = dpo_by_numpy(theirs[0], theirs[1], beta)
    assert np.ptp(expected) > 1e-3, "pairs that are all alike would prove nothing"
    assert np.abs(loss - expected).max() < 1e-5


def test_dpo_does_not_overflow(nb):
    far = np.array([[0.0, -1e6], [-1e6, 0.0]], "float32")
    loss = keras.ops.convert_to_numpy(nb.dpo_loss(np.zeros((2, 2), "float32"), far))
    assert loss[0] == pytest.approx(0) and loss[1] == pytest.approx(1e5, rel=1e-4)


def test_dpo_training_moves_probability_to_the_chosen(nb, rng):
    model = small_gpt(5)
    pairs = random_pairs(rng, 8)
    judge = nb.Judge(model)
    judge.compile(keras.optimizers.Adam(0.003), loss=nb.dpo_loss, jit_compile=False)
    before = nb.log_probs(judge, pairs)
    first = judge.evaluate(pairs, before, verbose=0)
    assert first == pytest.approx(math.log(2), abs=1e-5), "at the start nothing has been gained"
    judge.fit(pairs, before, epochs=8, batch_size=8, verbose=0)
    gained = nb.log_probs(judge, pairs) - before
    assert (gained[:, 0] > gained[:, 1]).mean() > 0.8


def test_preferences_are_encoded_side_by_side(nb):
    from helpers import instructions, sources
    from helpers.text import Tokenizer

    tokenizer = Tokenizer.load(sources.path("gpt_mini_tokenizer.json"))
    liked = [
        instructions.Preference("Q: a?\nA:", "Returns it.", "Return it."),
        instructions.Preference("Q: and b?\nA:", "Sets a longer one.", "Set a longer one."),
    ]
    pairs = nb.encode_preferences(liked, tokenizer)
    for i, one in enumerate(liked):
        for side, answer in enumerate((one.chosen, one.rejected)):
            counted = pairs["y"][i, side][pairs["w"][i, side] > 0]
            assert tokenizer.decode(counted[:-1]) == f" {answer}"
            assert counted[-1] == tokenizer.end
