"""GPTConfig and GPT: what they are made of, what they refuse, how they are judged and saved."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys

import keras
import numpy as np
import pytest

from helpers import cost, gpt, layers, training

TINY = {"context_length": 8, "num_layers": 2, "num_heads": 4, "embed_dim": 16}
RNG = np.random.default_rng(0)


def build(style="gpt2", vocab_size=11, **about):
    keras.utils.set_random_seed(3)
    model = gpt.GPT(gpt.GPTConfig(vocab_size, **{**TINY, "style": style, **about}))
    for weight in model.trainable_variables:  # larger than at the start, so that logits differ
        weight.assign(weight * 5)
    return model


def rows(count=12, vocab_size=11):
    return RNG.integers(0, vocab_size, (count, 8), dtype="int32")


def numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


# Configuration


@pytest.mark.parametrize("size", ["nano", "micro", "mini"])  # the larger ones take seconds to make
def test_parameters_are_those_of_the_formula(size):
    config = gpt.GPTConfig.of(size, vocab_size=100)
    expected = cost.parameters(100, config.context_length, config.num_layers, config.embed_dim)
    assert gpt.GPT(config).count_params() == expected


def test_gpt2_has_the_published_size():
    config = gpt.GPTConfig.of("gpt2", vocab_size=50257)
    count = cost.parameters(50257, config.context_length, config.num_layers, config.embed_dim)
    assert count == 124_439_808  # Radford et al. (2019), as published on the Hub


def test_the_style_decides_what_is_not_said():
    ours, theirs = gpt.GPTConfig(10), gpt.GPTConfig(10, style="llama")
    assert (ours.positions, ours.norm, ours.activation) == ("learned", "layer", "gelu")
    assert (theirs.positions, theirs.norm, theirs.activation) == ("rotary", "rms", "swiglu")
    assert ours.num_kv_heads == 4 and theirs.num_kv_heads == 2
    assert ours.bias and not theirs.bias
    assert gpt.GPTConfig(10, style="llama", activation="relu2").mlp_dim == 4 * 128


def test_it_is_frozen_and_changes_by_a_copy():
    config = gpt.GPTConfig(10)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.vocab_size = 11
    assert gpt.sized(config, vocab_size=12).vocab_size == 12
    assert gpt.sized(config, style="llama").norm == "rms"


@pytest.mark.parametrize(
    "about, words",
    [
        ({"num_heads": 3}, "num_heads=3 does not divide embed_dim=128"),
        ({"num_kv_heads": 3}, "num_kv_heads=3 does not divide num_heads=4"),
        ({"vocab_size": 0}, "vocab_size is 0"),
        ({"num_layers": 1.5}, "num_layers is 1.5"),
        ({"context_length": True}, "context_length is True"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"dropout": float("nan")}, "dropout is nan"),
        ({"style": "bert"}, "there are gpt2 and llama"),
        ({"norm": "batch"}, "norm is 'batch'"),
        ({"positions": "none"}, "positions is 'none'"),
        ({"embed_dim": 20, "style": "llama"}, "is even"),
        ({"bytes_per_token": 0}, "bytes_per_token is 0"),
        ({"dropout": "0.1"}, "dropout is '0.1'"),
        ({"bias": "yes"}, "bias is 'yes'"),
        ({"tied": None}, "tied is None"),
    ],
)
def test_what_cannot_be_is_refused(about, words):
    with pytest.raises(ValueError, match=words):
        gpt.GPTConfig(**{"vocab_size": 10, **about})


def test_a_size_that_is_none_is_refused():
    with pytest.raises(ValueError, match="nano, micro"):
        gpt.GPTConfig.of("huge", vocab_size=10)


# The model


@pytest.mark.parametrize(
    "tokens, words",
    [
        (np.zeros(8, "int32"), r"batch of one \(tokens\[None, :\]\)"),
        (np.zeros((1, 9), "int32"), "9 tokens are longer than the context of 8"),
    ],
)
def test_tokens_of_a_wrong_shape_are_refused(tokens, words):
    with pytest.raises(ValueError, match=words):
        build()(tokens)


@pytest.mark.parametrize("tokens, words", [
    (np.full((2, 8), 11), "the token 11"),
    (np.full((2, 8), -1), "the token -1"),
    (np.zeros((2, 8)), "encode the text first"),
    (np.zeros((0, 8), "int32"), "shorter than one window"),
    (np.zeros((2, 1), "int32"), "nothing to predict"),
])  # fmt: skip
def test_windows_that_cannot_be_are_refused_by_fit(tokens, words):
    model = build()
    model.compile(run_eagerly=True)
    with pytest.raises(ValueError, match=words):
        model.fit(tokens, verbose=0)


@pytest.mark.parametrize("vocab_size", [11, layers.ONE_HOT_UP_TO + 1])
def test_the_loss_without_targets_is_that_of_the_shifted_tokens(vocab_size):
    model = build(vocab_size=vocab_size, bytes_per_token=1.0)
    model.compile(run_eagerly=True)
    tokens = rows(vocab_size=vocab_size)
    logits = numpy(model(tokens)).astype("float64")[:, :-1]
    chosen = np.take_along_axis(logits, tokens[:, 1:, None], -1)[..., 0]
    expected = (np.log(np.exp(logits).sum(-1)) - chosen).mean()
    found = model.evaluate(tokens, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(expected, rel=1e-5)
    assert found["bits_per_byte"] == pytest.approx(expected / math.log(2), rel=1e-5)
    assert expected > 0.5


def test_bits_are_not_told_where_the_size_of_a_token_is_not_known():
    model = build()
    model.compile(run_eagerly=True)
    assert set(model.evaluate(rows(), verbose=0, return_dict=True)) == {"loss"}


@pytest.mark.parametrize("overlap", [-1, 1.0, 2])
def test_an_overlap_that_would_not_judge_the_text_is_refused(overlap):
    with pytest.raises(ValueError, match="below 1"):
        gpt.bits_per_byte(build(), np.arange(20) % 11, 20, overlap=overlap)


@pytest.mark.parametrize("style", gpt.STYLES)
def test_it_has_a_summary(style):
    lines = []
    build(style).summary(print_fn=lambda line, **about: lines.append(line))
    assert "block_1" in "\n".join(lines)


TABLE = {"input_ids": rows(), "attention_mask": rows()}
WRONG_DATA = [
    (lambda: (rows() + 5,), "knows 0 to 10"),
    (lambda: (rows() * 0.5,), "encode the text first"),
    (lambda: (rows(), rows() + 5), "y holds the token"),
    (lambda: (rows(), rows()[:, :4]), r"targets have the shape \(12, 4\)"),
    (lambda: (TABLE["input_ids"], TABLE["input_ids"]), "learn to copy"),
    (lambda: (TABLE,), r"select_columns\('input_ids'\)"),
]


@pytest.mark.parametrize("make, words", WRONG_DATA)
def test_data_that_cannot_be_tokens_is_refused_by_our_fit(make, words):
    model = build()
    model.compile(run_eagerly=True)
    with pytest.raises(ValueError, match=words):
        training.fit(model, *make(), epochs=1, progress=False)


@pytest.mark.parametrize("make, words", WRONG_DATA[:-1])
def test_data_that_cannot_be_tokens_is_refused_by_kerass_fit(make, words):
    model = build()
    model.compile(run_eagerly=True)
    with pytest.raises(ValueError, match=words):
        model.fit(*make(), verbose=0)


def test_windows_out_of_range_are_refused():
    model = build()
    model.compile(run_eagerly=True)
    with pytest.raises(ValueError, match="the token 99"):
        training.fit(model, training.windows(np.arange(100), 8, 4), epochs=1, progress=False)
    tokens = np.arange(100) % 11
    with pytest.raises(ValueError, match="the token -"):
        training.fit(model, training.windows(tokens, 8, 4), epochs=1, progress=False,
                     validation_data=rows() - 5)  # fmt: skip


def test_what_is_no_configuration_is_refused():
    with pytest.raises(TypeError, match=r"GPTConfig.of\('nano'"):
        gpt.GPT("nano")


def test_weights_say_which_targets_count():
    model, tokens = build(), rows()
    weights = np.zeros(tokens.shape, "float32")
    weights[:, 3] = 1
    targets = np.roll(tokens, -1, axis=1)
    model.compile(run_eagerly=True)
    found = model.evaluate(tokens, targets, sample_weight=weights, verbose=0, batch_size=12)
    each = numpy(gpt.nats(model(tokens), targets))
    loss = found[0] if isinstance(found, list) else found
    assert loss == pytest.approx(each[:, 3].mean(), rel=1e-5)
    assert each[:, 3].mean() != pytest.approx(each.mean(), rel=1e-3)


def test_bytes_per_token_makes_the_bits():
    model = build(bytes_per_token=4.0)
    model.compile(run_eagerly=True)
    found = model.evaluate(rows(), verbose=0, return_dict=True)
    assert found["bits_per_byte"] == pytest.approx(found["loss"] / math.log(2) / 4, rel=1e-6)


@pytest.mark.parametrize("length", [1, 2, 7, 8, 9, 10, 40])
def test_bits_per_byte_counts_every_token_once(length):
    """A model that knows nothing needs log2(vocabulary) bits for each token, whatever the length."""
    model = build()
    for weight in model.trainable_variables:
        weight.assign(weight * 0)
    tokens = np.arange(length) % 11
    found = gpt.bits_per_byte(model, tokens, length, batch_size=3)
    assert found == pytest.approx(math.log2(11), rel=1e-5)


def test_bits_per_byte_of_a_text_within_one_window_is_the_plain_sum():
    model, tokens = build(), rows(1)[0]
    each = numpy(gpt.nats(model(tokens[None, :-1]), tokens[None, 1:]))
    expected = (each.sum() + math.log(11)) / math.log(2) / 20
    assert gpt.bits_per_byte(model, tokens, 20) == pytest.approx(expected, rel=1e-5)


def test_bits_per_byte_sees_trained_weights():
    """The compiled judge must not keep the weights of the first call."""
    model, tokens = build(), rows(1)[0]
    before = gpt.bits_per_byte(model, tokens, 8)
    model.token_embedding.embeddings.assign(model.token_embedding.embeddings * 1.5)
    assert gpt.bits_per_byte(model, tokens, 8) != pytest.approx(before, rel=1e-3)


def test_nothing_to_judge_is_refused():
    with pytest.raises(ValueError, match="nothing to judge"):
        gpt.bits_per_byte(build(), [], 0)


# Saving


@pytest.mark.parametrize("style", gpt.STYLES)
def test_a_saved_model_loads_compiled_and_trains_on(style, tmp_path):
    model, tokens = build(style, dropout=0.1), rows(64)
    model.compile(keras.optimizers.AdamW(1e-3), jit_compile=False)
    model.fit(tokens, batch_size=32, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(numpy(loaded(tokens)), numpy(model(tokens)))
    assert loaded.config == model.config
    ours, theirs = ([numpy(v) for v in m.optimizer.variables] for m in (model, loaded))
    assert len(ours) > 5 and all(map(np.array_equal, ours, theirs))
    assert loaded.jit_compile is False  # as it was compiled
    loaded.fit(tokens, batch_size=32, verbose=0)
    assert int(loaded.optimizer.iterations) == 4


def test_a_model_saved_with_a_fresh_optimizer_loads_without_a_word(tmp_path, recwarn):
    model = build()
    model.compile("adamw")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.compiled and not [w for w in recwarn if "optimizer" in str(w.message)]


LINES = """
import keras, helpers.gpt, numpy as np
model = keras.models.load_model({path!r})
train_data = np.arange(640).reshape(80, 8) % 11
history = model.fit(train_data, epochs=10, batch_size=32, verbose=0)
print(history.history["loss"][-1] < history.history["loss"][0])
"""


def test_the_lines_that_overviews_print_just_work(tmp_path):
    model = build()
    model.compile(keras.optimizers.AdamW(1e-3))
    model.save(tmp_path / "model.keras")
    code = LINES.format(path=str(tmp_path / "model.keras"))
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.stdout.strip() == "True", found.stderr


# Layers


@pytest.mark.parametrize("about", [{}, {"num_kv_heads": 1}, {"rotary": True}, {"causal": True}])
def test_attention_over_a_context_hides_its_padding(about):
    keras.utils.set_random_seed(1)
    layer = layers.Attention(4, **about)
    x, context = (RNG.normal(size=(2, n, 16)).astype("float32") for n in (5, 5))
    keep = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], bool)
    before = numpy(layer(x, context, mask=keep))
    changed = context.copy()
    changed[0, 3:] += RNG.normal(size=(2, 16))
    after = numpy(layer(x, changed, mask=keep))
    np.testing.assert_array_equal(before, after)
    assert np.abs(numpy(layer(x, changed)) - numpy(layer(x, context))).max() > 0


def test_a_row_that_may_look_nowhere_gives_numbers():
    layer = layers.Attention(2)
    found = numpy(layer(np.ones((1, 3, 8), "float32"), mask=np.zeros((1, 3), bool)))
    assert np.isfinite(found).all()


@pytest.mark.parametrize("activation", layers.ACTIVATIONS)
def test_a_block_in_a_functional_model_is_saved(activation, tmp_path):
    inputs = keras.Input((5, 16))
    block = layers.Block(2, mlp_dim=8, activation=activation, norm="rms", dropout=0.1)
    model = keras.Model(inputs, block(inputs))
    model.save(tmp_path / "block.keras")
    x = RNG.normal(size=(2, 5, 16)).astype("float32")
    loaded = keras.models.load_model(tmp_path / "block.keras")
    np.testing.assert_array_equal(numpy(loaded(x)), numpy(model(x)))


def test_mixed_precision_goes_through():
    model = gpt.GPT(gpt.GPTConfig(11, **TINY, style="llama"), dtype="mixed_bfloat16")
    logits = model(rows(2))
    assert keras.backend.standardize_dtype(logits.dtype) == "bfloat16"
    assert all(v.dtype == "float32" for v in model.trainable_variables)


@pytest.mark.parametrize("make, words", [
    (lambda: layers.MLP(8, "tanh"), "activation is 'tanh'"),
    (lambda: layers.Block(2, norm="none"), "norm is 'none'"),
    (lambda: layers.Attention(0), "1 or more"),
])  # fmt: skip
def test_layers_that_cannot_be_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
