"""Generation, against a loop in NumPy that reads the whole text for each token.

All on this process's backend; the three backends are compared elsewhere. Compiling takes most of the
time, so the tests share models, batch sizes and settings.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from helpers import generate, gpt, training  # noqa: E402

VOCAB, CONTEXT, NEW = 23, 24, 60  # NEW: past the end of the context, more than once
STYLES = ("gpt2", "llama")
PROMPTS = ([5, 1, 9], [2, 7, 1, 8, 2, 8, 1, 8, 2], [*range(20), 3, 1, 4, 1])
SAMPLED = {"temperature": 0.8, "seed": 3}
GREEDY = {"temperature": 0.0}


def made(style, **changes):
    """A small model with weights so wide that its logits are far apart."""
    sizes = {"context_length": CONTEXT, "num_layers": 2, "num_heads": 4, "embed_dim": 16}
    model = gpt.GPT(gpt.GPTConfig(vocab_size=VOCAB, style=style, **{**sizes, **changes}))
    rng = np.random.default_rng(4)
    for weight in model.weights:
        gain = weight.path.endswith(("gamma", "scale"))
        weight.assign(rng.normal(float(gain), 0.5, tuple(weight.shape)))
    return model


@pytest.fixture(scope="module")
def models():
    return {style: made(style) for style in STYLES}


@pytest.fixture(scope="module")
def model(models):
    return models["llama"]


@pytest.fixture(scope="module")
def greedy(model):
    """What greedy writes after the prompts."""
    return generate.generate(model, PROMPTS, NEW, **GREEDY)


def last_logits(model, tokens):
    """Of the token after these, (vocab,), float64, without cache or compiled program."""
    tokens = np.array([tokens], "int32")
    return np.array(model(tokens, training=False))[0, -1].astype("float64")


def plain_greedy(model, prompt, count, penalty=1.0):
    """The new tokens, each from the whole text in the context; full, it goes on with half."""
    text, start = list(prompt), 0
    for _ in range(count):
        if len(text) - start > CONTEXT:
            start = len(text) - CONTEXT // 2
        logits = last_logits(model, text[start:])
        seen = sorted(set(text))
        lower = [min(logits[t] / penalty, logits[t] * penalty) for t in seen]
        logits[seen] = lower
        text.append(int(logits.argmax()))
    return text[len(prompt) :]


def softmax(x):
    powers = np.exp(x - x.max())
    return powers / powers.sum()


def expected(logits, temperature=1.0, top_k=None, top_p=None):
    """The distribution that settings ask for, a token at a time."""
    probabilities = softmax(np.asarray(logits, "float64") / temperature)
    order = sorted(range(len(logits)), key=lambda t: -probabilities[t])[:top_k]
    whole, kept = math.fsum(probabilities[order]), []
    for token in order:
        if math.fsum(probabilities[kept]) / whole >= (top_p or 1):
            break
        kept.append(token)
    found = np.zeros(len(logits))
    found[kept] = probabilities[kept] / math.fsum(probabilities[kept])
    return found


def picked(logits, heights, **settings):
    """What `pick` takes at these heights, all from the same logits."""
    how = generate.Sampling(**settings)
    rows = np.repeat(np.asarray(logits, "float32")[None], len(heights), axis=0)
    heights = np.asarray(heights, "float32")
    return np.array(generate.pick(rows, heights, how, how.temperature, how.top_p))


def far_from_chance(counts, shares):
    """How many standard deviations chi-squared lies above its mean."""
    possible = shares > 0
    wanted = shares[possible] * counts.sum()
    squares = ((counts[possible] - wanted) ** 2 / wanted).sum()
    free = possible.sum() - 1
    return (squares - free) / math.sqrt(2 * max(free, 1))


# --- the cache


@pytest.mark.parametrize("style", STYLES)
def test_greedy_is_what_a_plain_loop_writes(models, style):
    found = generate.generate(models[style], PROMPTS, NEW, **GREEDY)
    assert found == [plain_greedy(models[style], prompt, NEW) for prompt in PROMPTS]
    pairs = {pair for text in found for pair in itertools.pairwise(text)}
    follows = [len({b for a, b in pairs if a == token}) for token in range(VOCAB)]
    assert max(follows) > 1, "these weights see the last token only: the test shows nothing"


@pytest.mark.parametrize("style", STYLES)
def test_the_cache_changes_nothing(models, style):
    cached = generate.generate(models[style], PROMPTS, NEW, **SAMPLED)
    assert cached == generate.generate(models[style], PROMPTS, NEW, use_cache=False, **SAMPLED)
    assert [len(new) for new in cached] == [NEW] * 3
    assert len({*map(tuple, cached)}) == 3


@pytest.mark.parametrize("style", STYLES)
def test_steps_give_the_logits_of_the_whole(models, style):
    model, tokens = models[style], np.array(PROMPTS[2:])
    whole = np.array(model(tokens, training=False))
    cache, rows = model.empty_cache(1), []
    for first, last in ((0, 5), (5, 6), (6, 7), (7, CONTEXT)):
        logits, cache = model.step(tokens[:, first:last], cache, first)
        rows.append(np.array(logits))
    assert np.abs(np.concatenate(rows, axis=1) - whole).max() < 1e-5 * np.abs(whole).max()


def test_a_batch_writes_what_its_rows_write_alone(model, greedy):
    assert [generate.generate(model, prompt, NEW, **GREEDY) for prompt in PROMPTS] == greedy


def test_the_first_row_is_drawn_as_if_alone(model):
    together = generate.generate(model, PROMPTS, NEW, **SAMPLED)
    assert generate.generate(model, PROMPTS[:1], NEW, **SAMPLED) == together[:1]


def test_a_shorter_text_is_the_beginning_of_a_longer_one(model):
    longer = generate.generate(model, PROMPTS, NEW, **SAMPLED)
    for count in (0, 1, 20, 21, 22):
        shorter = generate.generate(model, PROMPTS, count, **SAMPLED)
        assert shorter == [text[:count] for text in longer], count


def test_prompts_in_other_clothes(model, greedy):
    as_arrays = [np.array(prompt, "int64") for prompt in PROMPTS]
    assert generate.generate(model, as_arrays, NEW, **GREEDY) == greedy
    assert generate.generate(model, np.array(PROMPTS[1]), 5, **GREEDY) == greedy[1][:5]
    assert all(type(token) is int for text in greedy for token in text), "plain numbers"


def test_the_prompts_stay_as_they_were(model):
    prompts = [list(prompt) for prompt in PROMPTS]
    generate.generate(model, prompts, 5, **GREEDY)
    assert prompts == list(PROMPTS)


# --- streaming


def test_a_stream_gives_what_generate_gives(model):
    whole = generate.generate(model, PROMPTS[1], NEW, **SAMPLED)
    stream = generate.stream(model, PROMPTS[1], NEW, **SAMPLED)
    first = next(stream)
    assert [first, *stream] == whole


def test_a_stream_ends_at_a_stop(model, greedy):
    stop = [greedy[1][4]]
    at = greedy[1].index(stop[0])
    assert list(generate.stream(model, PROMPTS[1], NEW, stop=stop, **GREEDY)) == greedy[1][:at]


# --- stop tokens


def test_each_row_ends_at_its_own_stop(model, greedy):
    for token in (greedy[0][3], greedy[1][10], greedy[2][30]):
        cut = [text[: text.index(token)] if token in text else text for text in greedy]
        assert generate.generate(model, PROMPTS, NEW, stop=[token], **GREEDY) == cut


def test_one_stop_needs_no_list(model, greedy):
    token = greedy[1][10]
    listed = generate.generate(model, PROMPTS, NEW, stop=[token], **GREEDY)
    assert generate.generate(model, PROMPTS, NEW, stop=token, **GREEDY) == listed != greedy


def test_a_stop_inside_a_prompt_does_not_count(model, greedy):
    unused = [t for t in PROMPTS[2][1:] if all(t not in text for text in greedy)]
    assert unused, "every token of the prompt is written as well: choose other weights"
    assert generate.generate(model, PROMPTS, NEW, stop=unused[:1], **GREEDY) == greedy


# --- choosing


def test_the_only_one_of_top_k_is_the_greedy_one(model, greedy):
    assert generate.generate(model, PROMPTS, NEW, top_k=1, temperature=5.0) == greedy


SETTINGS = [
    {},
    {"temperature": 0.5},
    {"temperature": 3.0},
    {"top_k": 1},
    {"top_k": 5},
    {"top_k": 1000},
    {"top_p": 1e-6},
    {"top_p": 0.5},
    {"top_p": 0.95},
    {"top_p": 1.0},
    {"temperature": 0.7, "top_k": 6, "top_p": 0.8},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_20_000_draws_follow_the_distribution(settings):
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, VOCAB)
    shares = expected(logits, **settings)
    counts = np.bincount(picked(logits, rng.random(20_000), **settings), minlength=VOCAB)
    assert not counts[shares == 0].any(), "a token that was excluded was chosen"
    assert far_from_chance(counts, shares) < 4
    if (shares > 0).sum() > 1:
        moved = np.where(shares > 0, np.roll(shares, 1) + 1e-3, 0)
        assert far_from_chance(counts, moved / moved.sum()) > 4, "this test sees nothing"


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_no_excluded_token_at_the_ends_of_the_ladder(settings):
    rng = np.random.default_rng(2)
    heights = [0.0, 1e-12, 0.5, np.nextafter(np.float32(1), np.float32(0))]
    for spread in (0.1, 3.0, 30.0):
        for _ in range(20):
            logits = rng.normal(0, spread, 50).astype("float32")
            shares = expected(logits, **settings)
            # A cut that falls within rounding of a sum may keep one token more or less.
            chosen = picked(logits, heights, **settings)
            fewest = expected(logits, **{**settings, "top_p": settings.get("top_p", 1) * 1.001})
            assert (np.maximum(shares, fewest)[chosen] > 0).all(), (spread, chosen)


def test_a_forbidden_token_is_never_chosen():
    logits = np.where(np.arange(VOCAB) % 2, 0.0, -np.inf)
    heights = np.linspace(0, np.nextafter(np.float32(1), np.float32(0)), 1000)
    for settings in SETTINGS:
        assert (picked(logits, heights, **settings) % 2 == 1).all(), settings
    assert picked(logits, [0.5], temperature=0) % 2 == 1


def test_rows_and_steps_are_drawn_independently():
    """Of a model to which all tokens are alike: pairs in the text, and pairs of rows."""
    model = made("llama", num_layers=1)
    model.set_weights([np.zeros(weight.shape) for weight in model.weights])
    texts = np.array(generate.generate(model, [[0]] * 40, 500, seed=5))
    pairs = np.bincount((texts[:, :-1] * VOCAB + texts[:, 1:]).ravel(), minlength=VOCAB**2)
    rows = np.bincount((texts[:-1] * VOCAB + texts[1:]).ravel(), minlength=VOCAB**2)
    for counts in (pairs, rows):
        assert abs(far_from_chance(counts, np.full(VOCAB**2, VOCAB**-2.0))) < 4
    later = texts[:, CONTEXT // 2 :]
    assert (texts[:, : later.shape[1]] != later).any(), "draws are used again after the end"


def test_a_seed_decides_the_text(model):
    one = generate.generate(model, PROMPTS, 30, **SAMPLED)
    assert generate.generate(model, PROMPTS, 30, **SAMPLED) == one
    other = generate.generate(model, PROMPTS, 30, **{**SAMPLED, "seed": 4})
    assert all(a != b for a, b in zip(one, other, strict=True))
    same = generate.generate(model, [PROMPTS[1]] * 3, 30, **SAMPLED)
    assert len({*map(tuple, same)}) == 3, "rows of one prompt differ"


def test_new_weights_write_another_text(model, greedy):
    """The compiled programs hold no copy of the weights."""
    weights = model.get_weights()
    try:
        model.set_weights([-weight for weight in weights])
        changed = generate.generate(model, PROMPTS, 8, **GREEDY)
        assert changed == [plain_greedy(model, prompt, 8) for prompt in PROMPTS]
    finally:
        model.set_weights(weights)
    assert changed != [text[:8] for text in greedy]
    assert generate.generate(model, PROMPTS, NEW, **GREEDY) == greedy


# --- repetition penalty


def test_the_penalty_is_what_a_plain_loop_does(model, greedy):
    found = generate.generate(model, PROMPTS, 40, repetition_penalty=1.4, **GREEDY)
    assert found == [plain_greedy(model, prompt, 40, 1.4) for prompt in PROMPTS]
    assert found != [text[:40] for text in greedy]


# --- bad calls


@pytest.mark.parametrize(
    ("prompts", "changes", "words"),
    [
        ([[1] * (CONTEXT + 1)], {}, "prompt 0 has 25 tokens, and the context holds 24"),
        ([[1], []], {}, "prompt 1 is empty"),
        ([], {}, "there is no prompt"),
        ([[1], [2, VOCAB]], {}, "prompt 1 holds the token 23 .* the model knows 0 to 22"),
        ([3, -1], {}, "holds the token -1"),
        ([[0.5]], {}, "tokens are whole numbers"),
        ([[[1, 2]]], {}, r"prompt 0 has the shape \(1, 2\)"),
        ([1], {"temperature": -0.5}, "temperature is -0.5"),
        ([1], {"temperature": math.nan}, "temperature is nan"),
        ([1], {"temperature": math.inf}, "temperature is inf"),
        ([1], {"temperature": "warm"}, "temperature is 'warm'"),
        ([1], {"seed": -1}, "seed is -1"),
        ([1], {"seed": 0.5}, "seed is 0.5"),
        ([1], {"stop": [1.7]}, "stop holds float64 numbers"),
        ([1], {"top_k": 0}, "top_k is 0"),
        ([1], {"top_k": 2.5}, "top_k is 2.5"),
        ([1], {"top_p": 0.0}, "top_p is 0.0"),
        ([1], {"top_p": 1.5}, "top_p is 1.5"),
        ([1], {"repetition_penalty": 0}, "repetition_penalty is 0"),
        ([1], {"repetition_penalty": -1.2}, "repetition_penalty is -1.2"),
        ([1], {"stop": [VOCAB]}, "stop holds the token 23"),
        ([1], {"max_new_tokens": -1}, "max_new_tokens is -1"),
        ([1], {"max_new_tokens": 1.5}, "max_new_tokens is 1.5"),
    ],
)
def test_bad_calls_are_told_in_words(model, prompts, changes, words):
    with pytest.raises(ValueError, match=words):
        generate.generate(model, prompts, **{"max_new_tokens": 4, **changes})


@pytest.mark.parametrize("prompts", ["Return", ["Return", "Set"]])
def test_a_text_is_no_prompt(model, prompts):
    with pytest.raises(TypeError, match="encode the text"):
        generate.generate(model, prompts, 4)


@pytest.mark.parametrize(
    ("prompt", "changes", "words"),
    [
        ([], {}, "empty"),
        ([1] * 25, {}, "context holds 24"),
        ([1], {"top_p": 2.0}, "top_p is 2"),
        ([1], {"max_new_tokens": -1}, "max_new_tokens is -1"),
    ],
)
def test_a_stream_refuses_at_once(model, prompt, changes, words):
    with pytest.raises(ValueError, match=words):
        generate.stream(model, prompt, **{"max_new_tokens": 4, **changes})


def test_only_a_gpt_can_write():
    with pytest.raises(TypeError, match="only a GPT"):
        generate.generate(keras.Sequential(), [1], 4)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_heads": 3}, "num_heads|heads"),
        ({"num_heads": 4, "num_kv_heads": 3}, "heads"),
        ({"num_heads": 16, "style": "llama"}, "rotary|even|odd"),
        ({"vocab_size": 0}, "vocab_size is 0"),
        ({"context_length": 2.5}, "context_length is 2.5"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"style": "bert"}, "style is 'bert'"),
        ({"bytes_per_token": 0}, "bytes_per_token is 0"),
    ],
)
def test_a_model_that_cannot_be_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        gpt.GPTConfig(**{"vocab_size": VOCAB, "embed_dim": 16, **changes})


@pytest.mark.parametrize(
    ("tokens", "words"),
    [(np.zeros(5, "int32"), "batch of one"), (np.zeros((1, 25), "int32"), "longer than the con")],
)
def test_tokens_of_a_wrong_shape_are_refused(model, tokens, words):
    with pytest.raises(ValueError, match=words):
        model(tokens)


def test_a_corpus_shorter_than_one_window_is_refused():
    with pytest.raises(ValueError, match="window"):
        training.windows(np.arange(10), 32, 4)
