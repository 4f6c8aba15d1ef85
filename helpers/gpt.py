"""GPT: a Transformer that predicts the next token, in two styles and any size.

`GPTConfig` says what a model is, `GPT` is one. After `import helpers.gpt` a saved model loads with
`keras.models.load_model`, and `model.fit(train_data, epochs=10, batch_size=32)` trains it on an
array of token windows: without targets, the model predicts each window's tokens from those before.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import keras
import numpy as np
from keras import ops

from helpers import layers

STYLES = {
    "gpt2": {"positions": "learned", "norm": "layer", "activation": "gelu", "bias": True},
    "llama": {"positions": "rotary", "norm": "rms", "activation": "swiglu", "bias": False},
}
SIZES = {
    "nano": {"num_layers": 2, "num_heads": 2, "embed_dim": 64, "context_length": 64},
    "micro": {"num_layers": 4, "num_heads": 4, "embed_dim": 128, "context_length": 64},
    "mini": {"num_layers": 6, "num_heads": 6, "embed_dim": 192, "context_length": 256},
    "small": {"num_layers": 8, "num_heads": 8, "embed_dim": 512, "context_length": 512},
    "gpt2": {"num_layers": 12, "num_heads": 12, "embed_dim": 768, "context_length": 1024},
}


@dataclass(frozen=True)
class GPTConfig:
    """What a GPT is. Fields that are None follow from the style.

    Attributes:
        vocab_size: tokens that the model knows; they are numbered from 0.
        context_length: positions that it can look at, itself included.
        num_layers: blocks, one after the other.
        num_heads: heads of attention in each; they divide embed_dim.
        embed_dim: width: the numbers that stand for one position between blocks.
        dropout: share of activations dropped in training.
        style: "gpt2" (learned positions, LayerNorm, GELU, biases; Radford et al. 2019) or "llama"
            (rotary positions, RMSNorm, SwiGLU, no biases; Touvron et al. 2023).
        num_kv_heads: heads of keys and values; fewer than num_heads make the cache smaller. All
            of them in style "gpt2", half in style "llama" where that divides, unless given.
        mlp_dim: width inside the MLP; 4 x embed_dim, or 8/3 of it with swiglu's third matrix.
        positions: "learned" or "rotary".
        norm: "layer" or "rms".
        activation: "gelu", "relu2" or "swiglu".
        bias: whether the matrices have biases.
        tied: the output reuses the token embeddings.
        bytes_per_token: text bytes that a token stands for on average (1.0 if tokens are bytes). With
            it the loss is told in bits per byte, too, which compares models of different tokenizers.

    Raises:
        ValueError: a size that cannot be; the message names the field.
    """

    vocab_size: int
    context_length: int = 64
    num_layers: int = 4
    num_heads: int = 4
    embed_dim: int = 128
    dropout: float = 0.0
    style: str = "gpt2"
    num_kv_heads: int | None = None
    mlp_dim: int | None = None
    positions: str | None = None
    norm: str | None = None
    activation: str | None = None
    bias: bool | None = None
    tied: bool = True
    bytes_per_token: float | None = None

    def __post_init__(self) -> None:
        if self.style not in STYLES:
            raise ValueError(f"style is {self.style!r}; there are {' and '.join(STYLES)}")
        self._check_numbers()
        for name, value in {**STYLES[self.style], **self._sizes()}.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)  # the dataclass is frozen only afterwards
        self._check_shape()

    @classmethod
    def of(cls, size: str, *, vocab_size: int, **changes: Any) -> GPTConfig:
        """A size by name: "nano", "micro", "mini", "small" or "gpt2" (124 million parameters).

        Args:
            size: the name.
            vocab_size: of the tokenizer.
            **changes: any field, instead of what the size says.
        """
        if size not in SIZES:
            raise ValueError(f"size is {size!r}; there are {', '.join(SIZES)}")
        return cls(**{"vocab_size": vocab_size, **SIZES[size], **changes})

    @property
    def head_dim(self) -> int:
        """Width of one head."""
        return self.embed_dim // self.num_heads

    def _sizes(self) -> dict[str, int]:
        swiglu = (self.activation or STYLES[self.style]["activation"]) == "swiglu"
        # The third matrix is paid for by a narrower middle, rounded up to a multiple of 32.
        wide = math.ceil(8 * self.embed_dim / 3 / 32) * 32 if swiglu else 4 * self.embed_dim
        halves = self.style == "llama" and self.num_heads % 2 == 0
        return {"mlp_dim": wide, "num_kv_heads": self.num_heads // (2 if halves else 1)}

    def _check_numbers(self) -> None:
        sizes = ("vocab_size", "context_length", "num_layers", "num_heads", "embed_dim",
                 "num_kv_heads", "mlp_dim")  # fmt: skip
        for name in sizes:
            value = getattr(self, name)
            optional = value is None and name in ("num_kv_heads", "mlp_dim")
            whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
            if not optional and not (whole and value >= 1):
                raise ValueError(f"{name} is {value!r}; it must be a whole number, 1 or more")
        if not _is_number(self.dropout) or not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout!r}; it must be at least 0 and below 1")
        size = self.bytes_per_token
        if size is not None and not (_is_number(size) and 0 < size < math.inf):
            raise ValueError(f"bytes_per_token is {size!r}; it must be above 0")
        for name in ("bias", "tied"):
            if getattr(self, name) not in (
                (None, True, False) if name == "bias" else (True, False)
            ):
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be True or False")

    def _check_shape(self) -> None:
        layers.check_heads(self.num_heads, self.num_kv_heads)
        layers.check_width(self.embed_dim, self.num_heads, self.positions == "rotary")
        choices = {
            "positions": ("learned", "rotary"), "norm": layers.NORMS,
            "activation": layers.ACTIVATIONS,
        }  # fmt: skip
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}; there are {', '.join(allowed)}"
                )


@keras.saving.register_keras_serializable("helpers")
class GPT(keras.Model):
    """A decoder-only Transformer (Radford et al. 2018).

    Called with tokens (batch, time) it gives logits (batch, time, vocab_size): row t holds the
    scores of the token at t + 1, made from the tokens up to t.

    Args:
        config: a `GPTConfig`, or its fields as a dict.

    Raises:
        TypeError: the configuration is none.
        ValueError: tokens without a batch axis, or longer than the context. That they are in range
            is seen to by `fit`, `training.fit` and `generate`, which have them as numbers.
    """

    def __init__(self, config: GPTConfig | dict, **kwargs) -> None:
        super().__init__(**kwargs)
        if not isinstance(config, GPTConfig | dict):
            raise TypeError(
                f"config is {config!r}; give a GPTConfig, for instance "
                "GPT(GPTConfig.of('nano', vocab_size=256))"
            )
        self.config = config = GPTConfig(**config) if isinstance(config, dict) else config
        policy = self.dtype_policy
        # What writes to the running sum starts smaller, the more layers there are (GPT-2).
        deep = 0.02 / math.sqrt(2 * config.num_layers)
        self.token_embedding = layers.Embedding(
            config.vocab_size, config.embed_dim, name="token_embedding", dtype=policy
        )
        self.position_embedding = None
        if config.positions == "learned":
            self.position_embedding = layers.Embedding(
                config.context_length, config.embed_dim, name="position_embedding", dtype=policy
            )
        self.dropout = None
        if config.dropout:
            self.dropout = keras.layers.Dropout(config.dropout, dtype=policy)
        self.blocks = [
            layers.Block(
                config.num_heads, config.num_kv_heads, mlp_dim=config.mlp_dim,
                activation=config.activation, norm=config.norm, causal=True,
                rotary=config.positions == "rotary", bias=config.bias, dropout=config.dropout,
                output_stddev=deep, name=f"block_{i}", dtype=policy,
            )
            for i in range(config.num_layers)
        ]  # fmt: skip
        self.final_norm = layers.norm_layer(config.norm, "final_norm", policy)
        self.output_layer = None
        if not config.tied:
            self.output_layer = keras.layers.Dense(
                config.vocab_size, use_bias=False, name="output", dtype=policy,
                kernel_initializer=keras.initializers.RandomNormal(stddev=0.02),
            )  # fmt: skip
        self.build()

    def build(self, input_shape: Any = None) -> None:
        """All weights at once: a model that was made can be counted, saved and filled."""
        width = (None, None, self.config.embed_dim)
        self.token_embedding.build()
        if self.position_embedding is not None:
            self.position_embedding.build()
        for part in (*self.blocks, self.final_norm, self.output_layer):
            if part is not None:
                part.build(width)
        self.built = True

    def call(self, tokens: Any, training: Any = None) -> Any:
        """Logits (batch, time, vocab_size) of the tokens after each of (batch, time)."""
        time = self._check_shape(tokens)
        x = self.token_embedding(tokens)
        if self.position_embedding is not None:
            x = x + self._positions(0, time)
        if self.dropout is not None:
            x = self.dropout(x, training=training)
        for block in self.blocks:
            x = block(x, training=training)
        return self._logits(x)

    def step(self, tokens: Any, cache: list, position: Any) -> tuple[Any, list]:
        """The same with a key-value cache, for generation: the past is not computed again.

        Args:
            tokens: (batch, n), those of the positions from `position` on.
            cache: as `empty_cache` and this method give it.
            position: a whole number, or a tensor of one.

        Returns:
            logits (batch, n, vocab_size), and the cache with these positions in it.
        """
        x = self.token_embedding(tokens)
        if self.position_embedding is not None:
            x = x + self._positions(position, tokens.shape[1])
        new = []
        for block, (keys, values) in zip(self.blocks, cache, strict=True):
            x, keys, values = block.step(x, keys, values, position)
            new.append((keys, values))
        return self._logits(x), new

    def empty_cache(self, batch_size: int) -> list:
        """Keys and values of no token yet: a pair a layer, of fixed shape."""
        config = self.config
        shape = (batch_size, config.num_kv_heads, config.context_length, config.head_dim)
        kind = self.compute_dtype
        return [(ops.zeros(shape, kind), ops.zeros(shape, kind)) for _ in self.blocks]

    def _positions(self, start: Any, length: Any) -> Any:
        table = ops.cast(self.position_embedding.embeddings, self.compute_dtype)
        return ops.slice(table, (start, 0), (length, self.config.embed_dim))

    def _logits(self, x: Any) -> Any:
        x = self.final_norm(x)
        tied = self.output_layer is None
        return self.token_embedding.logits(x) if tied else self.output_layer(x)

    def _check_shape(self, tokens: Any) -> Any:
        _refuse_columns(tokens)
        shape = tuple(tokens.shape)
        if len(shape) != 2:
            raise ValueError(
                f"tokens have the shape {shape}; a GPT takes (batch, time). Of one text make a "
                "batch of one (tokens[None, :]); a tf.data set of single windows needs .batch(32)"
            )
        if shape[1] is not None and shape[1] > self.config.context_length:
            raise ValueError(
                f"{shape[1]} tokens are longer than the context of {self.config.context_length}: "
                "cut them into windows of at most that length"
            )
        return shape[1] if shape[1] is not None else ops.shape(tokens)[1]

    @classmethod
    def from_hub(cls, name: Any, source: str = "auto") -> GPT:
        """A GPT-2 with its published weights, by its name on the Hub or from a local folder.

        Args:
            name: "openai-community/gpt2", a folder in the Hub's layout, or what `hub.find` gave.
            source: as everywhere; see `helpers.hub.load_gpt2`, which does it.
        """
        from helpers import hub

        return hub.load_gpt2(name, source=source)

    # Training

    def compile(self, optimizer: Any = "adamw", loss: Any = None, **kwargs: Any) -> None:
        """As `keras.Model.compile`, and no loss is needed: it is that of the next token.

        On TensorFlow the step is compiled by XLA unless jit_compile=False says otherwise.
        """
        if keras.backend.backend() == "tensorflow" and not kwargs.get("run_eagerly"):
            kwargs.setdefault("jit_compile", True)
        super().compile(optimizer=optimizer, loss=loss, **kwargs)

    def get_compile_config(self) -> dict | None:
        """What the model was compiled with, and whether its optimizer has begun."""
        config = super().get_compile_config() if self.compiled else None
        if not config:
            return config
        return {**config, "begun": self.optimizer.built, "plain": self.jit_compile is False}

    def compile_from_config(self, config: dict) -> None:
        """As the saved model was compiled, by what this backend compiles with."""
        config = dict(config)
        begun, plain = config.pop("begun", False), config.pop("plain", False)
        settings = keras.saving.deserialize_keras_object(config)
        settings.pop("jit_compile", None)
        # A reader who switched compiling off on TensorFlow, where it is on, meant it.
        off = plain and keras.backend.backend() == "tensorflow"
        self.compile(**settings, **({"jit_compile": False} if off else {}))
        if begun:
            self.optimizer.build(self.trainable_variables)

    def fit(self, x: Any = None, *args: Any, **kwargs: Any) -> Any:
        """As `keras.Model.fit`; windows of tokens (N, time) need no targets."""
        y = args[0] if args else kwargs.get("y")
        if hasattr(x, "shape"):
            self.check_data(x, y)
        _refuse_single_windows(x)
        return super().fit(x, *args, **kwargs)

    def check_data(self, x: Any, y: Any = None, sample_weight: Any = None) -> None:
        """Whether these can be tokens and targets of this model, before the first step.

        Raises:
            ValueError: the message names what is wrong and what to do.
        """
        _refuse_columns(x)
        check_tokens(x, self.config.vocab_size)
        if y is None or self.loss is not None:
            return
        check_tokens(y, self.config.vocab_size, "y")
        if tuple(y.shape) != tuple(x.shape):
            raise ValueError(
                f"the targets have the shape {tuple(y.shape)}, and the tokens {tuple(x.shape)}: a "
                "GPT has one target for each token. Leave them out to predict the next token"
            )
        if x.shape[-1] > 1 and np.array_equal(_array(x), _array(y)):
            raise ValueError(
                "the targets are the inputs themselves, so the model would learn to copy: leave y "
                "(or the column labels) out; it shifts the tokens by itself"
            )

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Mean cross-entropy of the next token, in nats; without targets they are x, shifted.

        Args:
            x: tokens (batch, time).
            y: the tokens that follow each, (batch, time), or None.
            y_pred: logits (batch, time, vocab_size).
            sample_weight: how much each target counts, (batch, time) or (batch,).
            training: not used.
        """
        if self.loss is not None:
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        if y is None:
            if x.shape[1] == 1:
                raise ValueError("windows of 1 token have nothing to predict: make them longer")
            y, y_pred = x[:, 1:], y_pred[:, :-1]
            if sample_weight is not None and len(sample_weight.shape) == 2:
                sample_weight = sample_weight[:, 1:]
        return mean_nats(y_pred, y, sample_weight)

    def get_metrics_result(self) -> dict:
        """Keras's own, and the loss in bits per byte where the tokens' size is known."""
        found = super().get_metrics_result()
        size = self.config.bytes_per_token
        if self.loss is None and size is not None and "loss" in found:
            found["bits_per_byte"] = found["loss"] / (math.log(2) * size)
        return found

    # Saving

    def get_config(self) -> dict:
        """What is needed to make the model again."""
        policy = keras.saving.serialize_keras_object(self.dtype_policy)
        return {"config": asdict(self.config), "name": self.name, "dtype": policy}

    @classmethod
    def from_config(cls, config: dict, custom_objects: Any = None) -> GPT:
        """The model of such a configuration, with new weights."""
        return cls(**config)


def nats(logits: Any, targets: Any) -> Any:
    """Cross-entropy of each target, in nats: minus the logarithm of its probability.

    Args:
        logits: (..., vocab_size).
        targets: (...), whole numbers.

    Returns:
        (...), float32
    """
    logits = ops.cast(logits, "float32")
    vocab_size = logits.shape[-1]
    if vocab_size <= layers.ONE_HOT_UP_TO:
        chosen = ops.sum(logits * ops.one_hot(targets, vocab_size), axis=-1)
    else:
        chosen = ops.take_along_axis(logits, ops.cast(targets, "int32")[..., None], axis=-1)[..., 0]
    return ops.logsumexp(logits, axis=-1) - chosen


def mean_nats(logits: Any, targets: Any, weights: Any = None) -> Any:
    """The mean of `nats`, or the mean weighted by (batch, time) or (batch,)."""
    each = nats(logits, targets)
    if weights is None:
        return ops.mean(each)
    weights = ops.cast(weights, each.dtype)
    if len(weights.shape) == 1:
        weights = weights[:, None]
    weights = ops.broadcast_to(weights, ops.shape(each))
    return ops.sum(each * weights) / ops.maximum(ops.sum(weights), 1e-9)


def bits_per_byte(
    model: GPT, tokens: Any, num_bytes: int, *, overlap: float = 0.5, batch_size: int = 32
) -> float:
    """Bits that the model needs for each byte of a text, every token of it counted once.

    The text is cut into windows that overlap, so that but at the very start a token is judged with
    a good part of the context before it. The first token, which nothing precedes, counts as if
    all tokens were equally likely.

    Args:
        model: a GPT.
        tokens: the whole text as token ids, (length,).
        num_bytes: length of the text in bytes of UTF-8.
        overlap: share of each window that was judged before and serves as context only; 0 or more
            and below 1.
        batch_size: windows judged at once.

    Raises:
        ValueError: no tokens, a token out of range, or a number that cannot be.
    """
    if not 0 <= overlap < 1 or batch_size < 1:
        raise ValueError(
            f"overlap is {overlap!r} and batch_size {batch_size!r}; an overlap is at least 0 and "
            "below 1, a batch at least 1"
        )
    tokens = np.asarray(tokens).reshape(-1)
    if not len(tokens) or num_bytes < 1:
        raise ValueError(f"{len(tokens)} tokens of {num_bytes} bytes: there is nothing to judge")
    check_tokens(tokens, model.config.vocab_size, "the text")
    tokens = tokens.astype("int32")
    total = math.log(model.config.vocab_size)
    for windows, counted in _judged(tokens, model.config.context_length, overlap, batch_size):
        each = ops.convert_to_numpy(_window_nats(model, windows))
        total += float(each[counted].sum(dtype="float64"))
    return total / math.log(2) / num_bytes


def _judged(tokens: np.ndarray, length: int, overlap: float, batch_size: int) -> Any:
    """Batches of windows (batch, length + 1), and which of their targets to count."""
    stride = max(1, round(length * (1 - overlap)))
    starts = np.arange(0, max(1, len(tokens) - 1), stride)
    # Past the end there is padding, whose targets are not counted.
    padded = np.concatenate([tokens, np.zeros(length + 1, "int32")])
    for group in np.array_split(starts, math.ceil(len(starts) / batch_size)):
        rows = np.zeros(batch_size, "int64")
        rows[: len(group)] = group
        places = rows[:, None] + np.arange(length + 1)
        targets = places[:, 1:]
        seen = (rows > 0)[:, None] & (np.arange(length) < length - stride)[None, :]
        counted = ~seen & (targets < len(tokens))
        counted[len(group) :] = False
        yield padded[places], counted


def _window_nats(model: GPT, windows: np.ndarray) -> Any:
    """Nats of each window's targets, (batch, length)."""
    programs = model.__dict__.setdefault("_programs", {})
    if "nats" not in programs:
        programs["nats"] = compiled(
            model, lambda w: nats(model(w[:, :-1], training=False), w[:, 1:])
        )
    return programs["nats"](ops.convert_to_tensor(windows, "int32"))


def compiled(model: keras.Model, function: Any) -> Any:
    """The function of tensors, compiled on TensorFlow and JAX, with the model's weights of now.

    On PyTorch it runs as it is, without keeping what gradients would need.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        # Without AutoGraph, which would read the source file anew, as it is by then.
        program = tf.function(function, jit_compile=True, autograph=False)
        # Each program of a loop is another function; TensorFlow takes them for one, made again.
        program._omit_frequent_tracing_warning = True
        return program
    if backend == "jax":
        import jax

        def stateless(weights: list, *inputs: Any) -> Any:
            # Else the weights would be built into the program, and stay as they are today.
            with keras.StatelessScope(zip(model.variables, weights, strict=True)):
                return function(*inputs)

        program = jax.jit(stateless)
        return lambda *inputs: program([v.value for v in model.variables], *inputs)
    import torch

    return torch.no_grad()(function)


def check_tokens(tokens: Any, vocab_size: int, what: str = "x") -> None:
    """Whether all tokens of an array are ones that the model knows.

    Raises:
        ValueError: one is not a whole number, below 0, or as large as the vocabulary.
    """
    tokens = _array(tokens)
    if tokens.dtype.kind not in "iu":
        raise ValueError(
            f"{what} holds {tokens.dtype} numbers; tokens are whole numbers: encode the text first"
        )
    if not tokens.size:
        raise ValueError(
            f"{what} is empty (shape {tokens.shape}): is the text shorter than one window?"
        )
    low, high = int(tokens.min()), int(tokens.max())
    if low < 0 or high >= vocab_size:
        wrong = low if low < 0 else high
        place = tuple(int(i) for i in np.argwhere(tokens == wrong)[0])
        raise ValueError(
            f"{what} holds the token {wrong} (at {place}), and the model knows 0 to "
            f"{vocab_size - 1}: was the text encoded by the model's own tokenizer?"
        )


def _array(tokens: Any) -> np.ndarray:
    return ops.convert_to_numpy(tokens) if ops.is_tensor(tokens) else np.asarray(tokens)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _refuse_columns(tokens: Any) -> None:
    """A tokenised set of the Hub has several columns, of which a GPT takes one."""
    if isinstance(tokens, dict):
        raise ValueError(
            f"a GPT takes one array of tokens, and got the columns {', '.join(tokens)}: select one "
            "of them, for instance dataset.select_columns('input_ids')"
        )


def _refuse_single_windows(x: Any) -> None:
    """A tf.data set without batches would be taken for one window a batch, and fail much later."""
    spec = getattr(x, "element_spec", None)
    first = spec[0] if isinstance(spec, tuple) else spec
    rank = getattr(getattr(first, "shape", None), "rank", None)
    if rank == 1:
        raise ValueError(
            f"the dataset gives single windows of shape {tuple(first.shape)}, not batches: "
            "add .batch(32)"
        )


def sized(config: GPTConfig, **changes: Any) -> GPTConfig:
    """The same configuration with other fields; what follows from the style is worked out anew."""
    derived = ("num_kv_heads", "mlp_dim", "positions", "norm", "activation", "bias")
    fresh = {**dict.fromkeys(derived), **changes} if "style" in changes else changes
    return replace(config, **fresh)
