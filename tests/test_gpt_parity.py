"""Our GPT against an independent one in float64, and against itself on three backends.

Each backend does everything in one process (start-up is dear): for every case below it fills a
model with the same weights and returns what the tests here compare.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import backends
import numpy as np
import pytest
import reference_gpt

CASES = {
    "gpt2": {"style": "gpt2"},
    "gpt2, untied, one head": {"style": "gpt2", "num_heads": 1, "embed_dim": 12, "tied": False},
    "gpt2, 600 tokens, narrow": {"style": "gpt2", "vocab_size": 600, "mlp_dim": 20,
                                 "num_layers": 1},
    "llama": {"style": "llama"},
    "llama, all heads, untied": {"style": "llama", "num_kv_heads": 4, "tied": False},
    "llama, one head of keys": {"style": "llama", "num_kv_heads": 1, "embed_dim": 24},
    "llama, squared ReLU": {"style": "llama", "activation": "relu2", "num_layers": 3},
}  # fmt: skip
BOTH = ("gpt2", "llama")  # the two of them that are compared in more ways
SIZES = {"vocab_size": 23, "context_length": 12, "num_layers": 2, "num_heads": 4, "embed_dim": 32}
CLOSE = 2e-5  # of float32 to float64, relative to the largest number
CHANGED = (1, 4, 11)  # positions whose token is exchanged
PROMPTS = [[3, 1, 4, 1, 5], [9], [2, 6, 5, 3, 5, 8, 9, 7]]
LONG = 16  # new tokens: more than the context holds
WAYS = {
    "greedy": {"temperature": 0},
    "drawn": {"temperature": 1.5, "top_k": 15, "top_p": 0.95, "repetition_penalty": 1.2, "seed": 3},
}


def tokens_of(case: str) -> np.ndarray:
    """A batch of three texts, as long as the context."""
    sizes = SIZES | CASES[case]
    random = np.random.default_rng(1)
    return random.integers(sizes["vocab_size"], size=(3, sizes["context_length"]))


def features_of(case: str) -> np.ndarray:
    """What could come out of an embedding, (batch, time, width), shorter than the context."""
    return np.random.default_rng(2).normal(size=(2, 9, (SIZES | CASES[case])["embed_dim"]))


# On the other side


def everything(**saved: np.ndarray) -> dict[str, np.ndarray]:
    """Runs on one backend; keys are "case/what"."""
    from helpers import gpt

    found = {}
    for case in CASES:
        model = reference_gpt.fill(gpt.GPT(gpt.GPTConfig(**SIZES | CASES[case])))
        about = _numbers(model, case)
        if case in BOTH:
            about |= _past(model, case) | _written(model) | _kept(model, case, saved.get(case))
            about |= {"losses": _trained(model)}
        found |= {f"{case}/{key}": value for key, value in about.items()}
    return found


def _numbers(model, case: str) -> dict[str, np.ndarray]:
    x, block = features_of(case).astype("float32"), model.blocks[0]
    weights = reference_gpt.of(model).weights
    return {
        "logits": _called(model, tokens_of(case)),
        "attention": _called(block.attention, x),
        "block": _called(block, x),
        **{f"weights/{name}": value for name, value in weights.items()},
    }


def _past(model, case: str) -> dict[str, np.ndarray]:
    """The logits of texts that differ in one token, and through the cache."""
    tokens = tokens_of(case)
    about = {"step by step": _called(lambda t: _by_steps(model, t), tokens)}
    for t in CHANGED:
        other = tokens.copy()
        other[:, t] = (other[:, t] + 1) % SIZES["vocab_size"]
        about[f"changed {t}"] = _called(model, other)
    return about


def _by_steps(model, tokens):
    """A piece of five positions first, then one position at a time."""
    from keras import ops

    cache, logits = model.empty_cache(len(tokens)), []
    for start, end in [(0, 5), *((t, t + 1) for t in range(5, tokens.shape[1]))]:
        found, cache = model.step(tokens[:, start:end], cache, start)
        logits.append(found)
    return ops.concatenate(logits, axis=1)


def _written(model) -> dict[str, np.ndarray]:
    """New tokens with the cache and without; (prompts, tokens)."""
    from helpers import generate

    return {
        f"{name}, {'' if cached else 'no '}cache": np.array(
            generate.generate(model, PROMPTS, LONG, use_cache=cached, **how)
        )
        for name, how in WAYS.items()
        for cached in (True, False)
    }


def _kept(model, case: str, saved: np.ndarray | None) -> dict[str, np.ndarray]:
    """A saved model, and what it computes once loaded: this one, and one of TensorFlow's."""
    tokens = tokens_of(case)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        about = {"file": np.fromfile(path, "uint8"), "loaded": _loaded(path, tokens)}
        if saved is not None:
            saved.tofile(path)
            about["loaded from TensorFlow"] = _loaded(path, tokens)
    return about


def _loaded(path: Path, tokens: np.ndarray) -> np.ndarray:
    import keras

    return _called(keras.models.load_model(path), tokens)


def _trained(model) -> np.ndarray:
    """Losses of three epochs on a text that repeats itself."""
    import keras

    text = np.tile(np.arange(SIZES["vocab_size"]), 40)
    windows = np.lib.stride_tricks.sliding_window_view(text, SIZES["context_length"])[:768]
    model.compile(optimizer=keras.optimizers.Adam(3e-3))
    return np.array(model.fit(windows, epochs=3, batch_size=64, verbose=0).history["loss"])


def _called(function, x: np.ndarray) -> np.ndarray:
    """function(x); compiled by JAX, which would compile each operation by itself otherwise."""
    import keras
    from keras import ops

    if keras.backend.backend() == "jax":
        import jax

        function = jax.jit(function)
    return ops.convert_to_numpy(function(ops.convert_to_tensor(x)))


# Here


@pytest.fixture(scope="session")
def on():
    """on(backend): what it found; each backend runs once, also where it fails."""
    found, failed = {}, {}

    def results(backend: str) -> dict[str, np.ndarray]:
        if backend in failed:
            raise failed[backend]
        if backend not in found:
            first = results("tensorflow") if backend != "tensorflow" else {}
            files = {case: first[f"{case}/file"] for case in BOTH if first}
            try:
                found[backend] = backends.run(backend, everything, **files)
            except (pytest.fail.Exception, pytest.skip.Exception) as error:
                failed[backend] = error
                raise
        return found[backend]

    return results


def reference(found: dict, case: str) -> reference_gpt.Reference:
    start = f"{case}/weights/"
    weights = {key.removeprefix(start): v for key, v in found.items() if key.startswith(start)}
    sizes = {"num_kv_heads": 2 if "llama" in case else SIZES["num_heads"]} | SIZES | CASES[case]
    kv_heads = min(sizes["num_kv_heads"], sizes["num_heads"])
    relu2 = sizes.get("activation") == "relu2"
    return reference_gpt.Reference(sizes["style"], sizes["num_heads"], kv_heads, weights, relu2)


def close(found, wanted, within=CLOSE):
    """Within a share of the largest number."""
    assert found.shape == wanted.shape
    error = np.abs(found - wanted).max() / np.abs(wanted).max()
    assert error < within, f"off by {error:.1e} of the largest number"


@pytest.mark.slow
@pytest.mark.parametrize("backend", backends.BACKENDS)
@pytest.mark.parametrize("case", CASES)
def test_model_block_and_attention_are_those_of_the_reference(on, backend, case):
    found = on(backend)
    wanted = reference(found, case)
    close(found[f"{case}/logits"], wanted.logits(tokens_of(case)))
    for part, name in ((wanted.attention, "attention"), (wanted.block, "block")):
        at = "block_0/attention/" if name == "attention" else "block_0/"
        rows = [part(x.astype("float32").astype("float64"), at) for x in features_of(case)]
        close(found[f"{case}/{name}"], np.stack(rows))


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize("case", CASES)
def test_the_backends_agree_on_the_same_weights(on, backend, case):
    ours, theirs = on("tensorflow"), on(backend)
    names = {key for key in ours if key.startswith(f"{case}/weights/")}
    assert names == {key for key in theirs if key.startswith(f"{case}/weights/")}
    assert all(np.array_equal(ours[name], theirs[name]) for name in names)
    close(theirs[f"{case}/logits"], ours[f"{case}/logits"], within=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("backend", backends.BACKENDS)
@pytest.mark.parametrize("case", BOTH)
@pytest.mark.parametrize("t", CHANGED)
def test_a_future_token_changes_no_past_logit(on, backend, case, t):
    before, after = on(backend)[f"{case}/logits"], on(backend)[f"{case}/changed {t}"]
    assert np.abs(after[:, :t] - before[:, :t]).max() < 1e-6
    # And the change is seen where it may be: else nothing was tested.
    assert (np.abs(after[:, t:] - before[:, t:]).max(axis=(0, 2)) > 1e-2).all()


@pytest.mark.slow
@pytest.mark.parametrize("backend", backends.BACKENDS)
@pytest.mark.parametrize("case", BOTH)
def test_the_cache_gives_the_logits_of_the_whole_model(on, backend, case):
    found = on(backend)
    close(found[f"{case}/step by step"], found[f"{case}/logits"], within=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("backend", backends.BACKENDS)
@pytest.mark.parametrize("case", BOTH)
@pytest.mark.parametrize("way", WAYS)
def test_with_and_without_the_cache_the_same_is_written(on, backend, case, way):
    found = on(backend)
    written = found[f"{case}/{way}, cache"]
    assert written.shape == (len(PROMPTS), LONG)
    assert np.array_equal(written, found[f"{case}/{way}, no cache"])
    assert np.array_equal(written, on("tensorflow")[f"{case}/{way}, cache"])


@pytest.mark.slow
@pytest.mark.parametrize("case", BOTH)
def test_greedy_writing_takes_the_likeliest_token_of_the_reference(on, case):
    found = on("tensorflow")
    wanted, written = reference(found, case), found[f"{case}/greedy, cache"]
    for prompt, new in zip(PROMPTS, written, strict=True):
        text = list(prompt)
        for token in new[: SIZES["context_length"] - len(max(PROMPTS, key=len))]:
            assert token == wanted.logits([text])[0, -1].argmax()
            text.append(token)


@pytest.mark.slow
@pytest.mark.parametrize("backend", backends.BACKENDS)
@pytest.mark.parametrize("case", BOTH)
def test_a_saved_model_computes_the_same(on, backend, case):
    found = on(backend)
    assert np.array_equal(found[f"{case}/loaded"], found[f"{case}/logits"])


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize("case", BOTH)
def test_a_model_saved_on_one_backend_loads_on_another(on, backend, case):
    found = on(backend)[f"{case}/loaded from TensorFlow"]
    close(found, on("tensorflow")[f"{case}/logits"], within=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("backend", backends.BACKENDS)
@pytest.mark.parametrize("case", BOTH)
def test_fit_on_an_array_of_windows_learns(on, backend, case):
    losses = on(backend)[f"{case}/losses"]
    assert len(losses) == 3 and losses[-1] < 0.3 * losses[0]


@pytest.mark.parametrize("case", BOTH)
def test_the_model_is_the_reference_here_too(case):
    """Quick, in this process: the two minutes of `make test-fast` should notice a broken model."""
    import keras

    from helpers import gpt

    with keras.device("cpu"):
        model = reference_gpt.fill(gpt.GPT(gpt.GPTConfig(**SIZES | CASES[case])))
        found = _called(model, tokens_of(case))
    close(found, reference_gpt.of(model).logits(tokens_of(case)))


# The reference itself: it must notice what people get wrong


class Interleaved(reference_gpt.Reference):
    """Rotary pairs of neighbours, as in the paper's drawing, in place of halves."""

    def turn(self, vector, position):
        order = np.arange(len(vector)).reshape(2, -1).T.ravel()
        turned = super().turn(vector[np.argsort(order)], position)
        return turned[order]


class OtherGroups(reference_gpt.Reference):
    """Heads that take turns at the heads of keys."""

    def attention(self, x, at=""):
        weights = dict(self.weights)
        size = x.shape[1] // self.heads
        for name in ("key", "value"):
            kernel = weights[f"{at}{name}/kernel"].reshape(len(x[0]), self.kv_heads, size)
            order = np.arange(self.heads) % self.kv_heads
            weights[f"{at}{name}/kernel"] = kernel[:, order].reshape(len(x[0]), -1)
        other = reference_gpt.Reference(self.style, self.heads, self.heads, weights)
        return other.attention(x, at)


class OtherEpsilon(reference_gpt.Reference):
    """A norm with 1e-3, which is what Keras takes unless told."""

    def norm(self, x, at):
        right = super().norm(x, at)
        if self.style == "llama":
            return right * np.sqrt(((x**2).mean(1) + 1e-5) / ((x**2).mean(1) + 1e-3))[:, None]
        shift = self.weights[at + "beta"]
        spread = x.var(axis=1)
        return (right - shift) * np.sqrt((spread + 1e-5) / (spread + 1e-3))[:, None] + shift


class ExactGelu(reference_gpt.Reference):
    """GELU by the error function."""

    def mlp(self, x, at=""):
        from scipy.special import erf

        up = self.linear(x, at + "up/")
        return self.linear(up / 2 * (1 + erf(up / np.sqrt(2))), at + "down/")


class GateAndUp(reference_gpt.Reference):
    """SwiGLU with its two matrices exchanged."""

    def mlp(self, x, at=""):
        up, gate = self.linear(x, at + "up/"), self.linear(x, at + "gate/")
        return self.linear(up / (1 + np.exp(-up)) * gate, at + "down/")


class NormAfter(reference_gpt.Reference):
    """Normalised after the sum, as in the first Transformer."""

    def block(self, x, at=""):
        x = self.norm(x + self.attention(x, at + "attention/"), at + "norm_1/")
        return self.norm(x + self.mlp(x, at + "mlp/"), at + "norm_2/")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "mistake"),
    [("llama", Interleaved), ("llama", OtherGroups), ("llama", GateAndUp), ("gpt2", ExactGelu)]
    + [(case, mistake) for case in BOTH for mistake in (OtherEpsilon, NormAfter)],
)  # fmt: skip
def test_a_mistake_in_the_model_would_be_seen(on, case, mistake):
    right = reference(on("tensorflow"), case)
    wrong = mistake(right.style, right.heads, right.kv_heads, right.weights)
    with pytest.raises(AssertionError, match="off by"):
        close(on("tensorflow")[f"{case}/logits"], wrong.logits(tokens_of(case)))
