"""The parts of a Transformer in Keras 3, shared by GPT, encoder-decoder and classifier.

Shapes are written (batch, time, embed_dim) for what flows between layers and (batch, heads, time,
head_dim) inside attention. All classes are registered, so that a saved model loads once this module
is imported.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

ACTIVATIONS = ("gelu", "relu2", "swiglu")
NORMS = ("layer", "rms")
EPSILON = 1e-5  # as in GPT-2 and Llama 2
ROTARY_BASE = 10_000.0
ONE_HOT_UP_TO = 512  # tokens; so far a product with one-hot rows is faster than looking rows up


def causal_mask(length: int) -> Any:
    """Who may look at whom, (length, length): True where the key is not after the query."""
    positions = ops.arange(length)
    return positions[:, None] >= positions[None, :]


def rotate(x: Any, positions: Any, base: float = ROTARY_BASE) -> Any:
    """Rotary positions: turn pairs of features by angles that grow with the position.

    The product of two rotated vectors depends on the distance of their positions only. A pair is
    made of feature i of the first half and feature i of the second, as in Llama.

    Args:
        x: (batch, heads, time, head_dim), head_dim even.
        positions: (time,), whole numbers.
        base: the slowest pair turns once in about 2 pi x base positions.

    Source: Su et al. (2021).
    """
    half = x.shape[-1] // 2
    frequencies = base ** (-ops.arange(half, dtype="float32") / half)
    angles = ops.cast(positions, "float32")[:, None] * frequencies[None, :]
    cos, sin = (ops.cast(f(angles), x.dtype) for f in (ops.cos, ops.sin))
    first, second = x[..., :half], x[..., half:]
    return ops.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)


def attend(q: Any, k: Any, v: Any, mask: Any = None, dropout: Any = None) -> Any:
    """Scaled dot-product attention (Vaswani et al. 2017, equation 1).

    Args:
        q: (batch, heads, time, head_dim).
        k, v: (batch, kv_heads, keys, head_dim); each serves heads / kv_heads heads of q
            (grouped queries, Ainslie et al. 2023).
        mask: True where a query may look at a key; broadcast to (batch, heads, time, keys).
        dropout: a function of the weights, in training.

    Returns:
        (batch, heads, time, head_dim)
    """
    groups = q.shape[1] // k.shape[1]
    if groups > 1:
        k, v = ops.repeat(k, groups, axis=1), ops.repeat(v, groups, axis=1)
    scores = ops.matmul(q * q.shape[-1] ** -0.5, ops.swapaxes(k, -1, -2))
    scores = ops.cast(scores, "float32")  # a softmax in 16 bits loses too much
    if mask is not None:
        # Not infinity: a row that may look nowhere (padding) should give numbers, not NaN.
        scores = ops.where(mask, scores, -1e30)
    weights = ops.cast(ops.softmax(scores, axis=-1), v.dtype)
    return ops.matmul(weights if dropout is None else dropout(weights), v)


@keras.saving.register_keras_serializable("helpers")
class Embedding(keras.layers.Layer):
    """A vector for each token, and the way back: how well each token's vector fits an output.

    Args:
        vocab_size: rows of the table.
        embed_dim: its columns.
        stddev: of the starting values.
    """

    def __init__(self, vocab_size: int, embed_dim: int, stddev: float = 0.02, **kwargs) -> None:
        super().__init__(**kwargs)
        self.vocab_size, self.embed_dim, self.stddev = vocab_size, embed_dim, stddev

    def build(self, input_shape: Any = None) -> None:
        """One matrix, (vocab_size, embed_dim)."""
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.vocab_size, self.embed_dim),
            initializer=keras.initializers.RandomNormal(stddev=self.stddev),
        )
        self.built = True

    def call(self, tokens: Any) -> Any:
        """Tokens (...) to vectors (..., embed_dim)."""
        if self.vocab_size > ONE_HOT_UP_TO:
            return ops.take(self.embeddings, tokens, axis=0)
        return ops.matmul(
            ops.one_hot(tokens, self.vocab_size, dtype=self.compute_dtype), self.embeddings
        )

    def logits(self, x: Any) -> Any:
        """Outputs (..., embed_dim) to logits (..., vocab_size), by the same matrix."""
        return ops.matmul(x, ops.cast(ops.transpose(self.embeddings), x.dtype))

    def get_config(self) -> dict:
        """What is needed to make the layer again."""
        sizes = {"vocab_size": self.vocab_size, "embed_dim": self.embed_dim}
        return {**super().get_config(), **sizes, "stddev": self.stddev}


@keras.saving.register_keras_serializable("helpers")
class Attention(keras.layers.Layer):
    """Attention with many heads: over the input itself, or over a context.

    Args:
        num_heads: heads of the queries; they divide the width.
        num_kv_heads: heads of keys and values; as many, unless given; divides num_heads.
        causal: no position looks at a later one.
        rotary: turn queries and keys by their positions.
        bias: whether the four projections have one.
        dropout: share of attention weights dropped in training.
        stddev: of the starting weights.
        output_stddev: of those of the output projection; stddev unless given.

    Raises:
        ValueError: heads that do not divide the width, or each other; an odd head with rotary.
    """

    def __init__(
        self,
        num_heads: int,
        num_kv_heads: int | None = None,
        *,
        causal: bool = False,
        rotary: bool = False,
        bias: bool = True,
        dropout: float = 0.0,
        stddev: float = 0.02,
        output_stddev: float | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.num_heads, self.num_kv_heads = num_heads, num_kv_heads or num_heads
        self.causal, self.rotary, self.bias, self.rate = causal, rotary, bias, dropout
        self.stddev, self.output_stddev = stddev, output_stddev or stddev
        self.supports_masking = True
        check_heads(self.num_heads, self.num_kv_heads)

    def build(self, x_shape: Any, context_shape: Any = None, mask_shape: Any = None) -> None:
        """Four projections; the width is that of the input."""
        width = x_shape[-1]
        self.head_dim = check_width(width, self.num_heads, self.rotary)
        kv_width = self.num_kv_heads * self.head_dim
        self.query = _dense("query", width, self.bias, self.stddev, self.dtype_policy)
        self.key = _dense("key", kv_width, self.bias, self.stddev, self.dtype_policy)
        self.value = _dense("value", kv_width, self.bias, self.stddev, self.dtype_policy)
        self.output_projection = _dense(
            "output", width, self.bias, self.output_stddev, self.dtype_policy
        )
        self.dropout = None
        if self.rate:
            self.dropout = keras.layers.Dropout(self.rate, dtype=self.dtype_policy)
        for projection in (self.query, self.output_projection):
            projection.build((None, None, width))
        for projection in (self.key, self.value):
            projection.build((None, None, (context_shape or x_shape)[-1]))
        self.built = True

    def call(self, x: Any, context: Any = None, mask: Any = None, training: Any = None) -> Any:
        """Attend from x to context, or to x itself where there is none.

        Args:
            x: (batch, time, embed_dim).
            context: (batch, keys, width of the context).
            mask: True where a key may be looked at: (batch, keys), which hides padding, or
                broadcastable to (batch, heads, time, keys).
            training: whether to drop weights.

        Returns:
            (batch, time, embed_dim)
        """
        q, k, v = self._project(x, x if context is None else context, 0)
        if mask is not None and len(mask.shape) == 2:
            mask = mask[:, None, None, :]
        if self.causal:
            past = causal_mask(x.shape[1] or ops.shape(x)[1])
            mask = past if mask is None else ops.logical_and(mask, past)
        drop = None
        if self.dropout is not None:
            drop = lambda weights: self.dropout(weights, training=training)  # noqa: E731
        return self._merge(attend(q, k, v, mask, drop))

    def step(self, x: Any, keys: Any, values: Any, position: Any) -> tuple[Any, Any, Any]:
        """Causal attention with a key-value cache: the same numbers as `call`, without the past.

        Args:
            x: (batch, n, embed_dim), the n positions from `position` on.
            keys, values: the cache, (batch, kv_heads, context_length, head_dim).
            position: a whole number, or a tensor of one.

        Returns:
            the output (batch, n, embed_dim), and the cache with these positions in it.
        """
        q, k, v = self._project(x, x, position)
        start = (0, 0, position, 0)
        keys = ops.slice_update(keys, start, ops.cast(k, keys.dtype))
        values = ops.slice_update(values, start, ops.cast(v, values.dtype))
        places = ops.arange(keys.shape[2])
        now = position + ops.arange(x.shape[1])
        past = places[None, :] <= now[:, None]
        return self._merge(attend(q, keys, values, past)), keys, values

    def _project(self, x: Any, context: Any, position: Any) -> tuple[Any, Any, Any]:
        """Queries, keys and values by heads, turned by their positions where that is wanted."""
        q = self._split(self.query(x), self.num_heads)
        k = self._split(self.key(context), self.num_kv_heads)
        v = self._split(self.value(context), self.num_kv_heads)
        if self.rotary:
            q, k = (rotate(t, position + ops.arange(ops.shape(t)[2])) for t in (q, k))
        return q, k, v

    def _split(self, x: Any, heads: int) -> Any:
        """(batch, time, heads x head_dim) to (batch, heads, time, head_dim)."""
        shape = ops.shape(x)
        x = ops.reshape(x, (shape[0], shape[1], heads, self.head_dim))
        return ops.transpose(x, (0, 2, 1, 3))

    def _merge(self, x: Any) -> Any:
        """The way back, through the output projection."""
        shape = ops.shape(x)
        x = ops.reshape(
            ops.transpose(x, (0, 2, 1, 3)), (shape[0], shape[2], self.num_heads * self.head_dim)
        )
        return self.output_projection(x)

    def compute_output_shape(self, x_shape: Any, *args: Any, **kwargs: Any) -> Any:
        """As the input."""
        return x_shape

    def get_config(self) -> dict:
        """What is needed to make the layer again."""
        names = ("num_heads", "num_kv_heads", "causal", "rotary", "bias", "stddev", "output_stddev")
        own = {name: getattr(self, name) for name in names}
        return {**super().get_config(), **own, "dropout": self.rate}


@keras.saving.register_keras_serializable("helpers")
class MLP(keras.layers.Layer):
    """Two layers that work on each position by itself.

    Args:
        hidden_dim: width in the middle.
        activation: "gelu" (its tanh form, as in GPT-2), "relu2" (the square of ReLU, So et al.
            2021) or "swiglu" (a third matrix gates the middle, Shazeer 2020).
        bias, stddev, output_stddev: as in `Attention`.
    """

    def __init__(
        self,
        hidden_dim: int,
        activation: str = "gelu",
        *,
        bias: bool = True,
        stddev: float = 0.02,
        output_stddev: float | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation is {activation!r}; there are {', '.join(ACTIVATIONS)}")
        self.hidden_dim, self.activation, self.bias = hidden_dim, activation, bias
        self.stddev, self.output_stddev = stddev, output_stddev or stddev

    def build(self, input_shape: Any) -> None:
        """Up, down, and with swiglu the gate."""
        width, policy = input_shape[-1], self.dtype_policy
        self.up = _dense("up", self.hidden_dim, self.bias, self.stddev, policy)
        self.down = _dense("down", width, self.bias, self.output_stddev, policy)
        self.up.build((None, None, width))
        self.down.build((None, None, self.hidden_dim))
        if self.activation == "swiglu":
            self.gate = _dense("gate", self.hidden_dim, self.bias, self.stddev, policy)
            self.gate.build((None, None, width))
        self.built = True

    def call(self, x: Any) -> Any:
        """(batch, time, embed_dim) to the same shape."""
        hidden = self.up(x)
        if self.activation == "swiglu":
            hidden = ops.silu(self.gate(x)) * hidden
        elif self.activation == "relu2":
            hidden = ops.square(ops.relu(hidden))
        else:
            hidden = ops.gelu(hidden, approximate=True)
        return self.down(hidden)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """As the input."""
        return input_shape

    def get_config(self) -> dict:
        """What is needed to make the layer again."""
        names = ("hidden_dim", "activation", "bias", "stddev", "output_stddev")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable("helpers")
class Block(keras.layers.Layer):
    """Attention, then an MLP; each normalised before and added to what came in.

    Args:
        num_heads, num_kv_heads, causal, rotary: as in `Attention`.
        mlp_dim: width inside the MLP; four times the input's unless given.
        activation: as in `MLP`.
        norm: "layer" (Ba et al. 2016) or "rms" (Zhang and Sennrich 2019).
        bias: whether the projections have one.
        dropout: share of attention weights, and of each part's output, dropped in training.
        stddev, output_stddev: of the starting weights, and of those that write to the sum.
    """

    def __init__(
        self,
        num_heads: int,
        num_kv_heads: int | None = None,
        *,
        mlp_dim: int | None = None,
        activation: str = "gelu",
        norm: str = "layer",
        causal: bool = False,
        rotary: bool = False,
        bias: bool = True,
        dropout: float = 0.0,
        stddev: float = 0.02,
        output_stddev: float | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.config = {
            "num_heads": num_heads, "num_kv_heads": num_kv_heads, "mlp_dim": mlp_dim,
            "activation": activation, "norm": norm, "causal": causal, "rotary": rotary,
            "bias": bias, "dropout": dropout, "stddev": stddev, "output_stddev": output_stddev,
        }  # fmt: skip
        self.supports_masking = True
        policy = self.dtype_policy
        start = {"bias": bias, "stddev": stddev, "output_stddev": output_stddev, "dtype": policy}
        self.norm_1 = norm_layer(norm, "norm_1", policy)
        self.norm_2 = norm_layer(norm, "norm_2", policy)
        self.attention = Attention(
            num_heads, num_kv_heads, causal=causal, rotary=rotary, dropout=dropout,
            name="attention", **start,
        )  # fmt: skip
        self.mlp = None if mlp_dim is None else MLP(mlp_dim, activation, name="mlp", **start)
        self._start = start
        self.dropout = keras.layers.Dropout(dropout, dtype=policy) if dropout else None

    def build(self, x_shape: Any, mask_shape: Any = None) -> None:
        """Norms, attention and MLP of the input's width."""
        if self.mlp is None:
            wide = 4 * x_shape[-1]
            self.mlp = MLP(wide, self.config["activation"], name="mlp", **self._start)
        for part in (self.norm_1, self.attention, self.norm_2, self.mlp):
            part.build(tuple(x_shape))
        self.built = True

    def call(self, x: Any, mask: Any = None, training: Any = None) -> Any:
        """(batch, time, embed_dim) to the same shape; mask as in `Attention.call`."""
        x = x + self._drop(self.attention(self.norm_1(x), mask=mask, training=training), training)
        return x + self._drop(self.mlp(self.norm_2(x)), training)

    def step(self, x: Any, keys: Any, values: Any, position: Any) -> tuple[Any, Any, Any]:
        """The same with a key-value cache, as `Attention.step`."""
        found, keys, values = self.attention.step(self.norm_1(x), keys, values, position)
        x = x + found
        return x + self.mlp(self.norm_2(x)), keys, values

    def _drop(self, x: Any, training: Any) -> Any:
        return x if self.dropout is None else self.dropout(x, training=training)

    def compute_output_shape(self, x_shape: Any, *args: Any, **kwargs: Any) -> Any:
        """As the input."""
        return x_shape

    def get_config(self) -> dict:
        """What is needed to make the layer again."""
        return {**super().get_config(), **self.config}


def norm_layer(norm: str, name: str, policy: Any = None) -> keras.layers.Layer:
    """The normalisation of that kind ("layer" or "rms"), over the last axis."""
    if norm not in NORMS:
        raise ValueError(f"norm is {norm!r}; there are {', '.join(NORMS)}")
    kinds = {"layer": keras.layers.LayerNormalization, "rms": keras.layers.RMSNormalization}
    return kinds[norm](epsilon=EPSILON, name=name, dtype=policy)


def check_heads(num_heads: int, num_kv_heads: int) -> None:
    """Whether keys and values can be shared out among the heads.

    Raises:
        ValueError: fewer than one, or they do not divide each other.
    """
    if num_heads < 1 or num_kv_heads < 1:
        raise ValueError(f"num_heads is {num_heads}, num_kv_heads {num_kv_heads}; 1 or more each")
    if num_heads % num_kv_heads:
        raise ValueError(
            f"num_kv_heads={num_kv_heads} does not divide num_heads={num_heads}: each head of keys "
            "serves the same number of query heads"
        )


def check_width(width: int, num_heads: int, rotary: bool) -> int:
    """The width of a head.

    Raises:
        ValueError: the heads do not divide the width, or rotary positions find an odd one.
    """
    if width % num_heads:
        fits = [n for n in range(1, width + 1) if width % n == 0 and n <= 4 * num_heads]
        raise ValueError(
            f"num_heads={num_heads} does not divide embed_dim={width}: the width is shared out "
            f"evenly; {', '.join(map(str, fits))} would do"
        )
    head_dim = width // num_heads
    if rotary and head_dim % 2:
        raise ValueError(
            f"rotary positions turn pairs of features, and a head has {head_dim}: choose embed_dim "
            f"({width}) and num_heads ({num_heads}) so that their quotient is even"
        )
    return head_dim


def _dense(name: str, units: int, bias: bool, stddev: float, policy: Any) -> keras.layers.Dense:
    start = keras.initializers.RandomNormal(stddev=stddev)
    return keras.layers.Dense(
        units, use_bias=bias, kernel_initializer=start, name=name, dtype=policy
    )
