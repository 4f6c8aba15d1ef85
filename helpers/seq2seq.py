"""A Transformer that reads one text and writes another: encoder, decoder, and the search for words.

Texts are rows of tokens. A source ends with `end`; a target begins with `start` and ends with
`end`; `pad` fills rows up and changes nothing. A row may hold several pairs one after another
(`pack`): what the nth `end` closes is read by what the nth `start` opens, and by nothing else. So
training wastes little on padding, and all batches have one shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from helpers import gpt, layers

PAD, START, END = 0, 1, 2
SPECIAL = ("<pad>", "<start>", "<end>")  # in the order of their ids, as `text.BPE` takes them
LENGTHS = 32, 64, 128, 256, 512, 1024  # sources are read in few lengths: few programs
NEVER = -1e30  # as in `layers.attend`


@dataclass(frozen=True)
class Seq2SeqConfig:
    """Sizes of a `Seq2Seq`.

    Attributes:
        vocab_size: tokens of both languages together.
        embed_dim: width of what flows between layers.
        num_heads: of every attention; they divide the width.
        num_layers: of the encoder, and again of the decoder.
        mlp_dim: width inside the MLPs; four times `embed_dim` unless given.
        dropout: share of attention weights, and of each part's output, dropped in training.
        label_smoothing: share of the target's probability that is spread over all tokens.
        norm, activation, bias: as in `layers.Block`.

    Raises:
        ValueError: a size that cannot be; the message names it.
    """

    vocab_size: int
    embed_dim: int = 128
    num_heads: int = 4
    num_layers: int = 3
    mlp_dim: int | None = None
    dropout: float = 0.1
    label_smoothing: float = 0.1
    norm: str = "rms"
    activation: str = "relu2"
    bias: bool = False

    def __post_init__(self) -> None:
        for name in ("vocab_size", "embed_dim", "num_heads", "num_layers"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise ValueError(f"{name} is {value!r}; it must be a whole number, 1 or more")
        if self.vocab_size <= len(SPECIAL):
            raise ValueError(f"vocab_size is {self.vocab_size}, and {len(SPECIAL)} go to marks")
        for name in ("dropout", "label_smoothing"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise ValueError(f"{name} is {value!r}; it must be at least 0 and below 1")
        layers.check_width(self.embed_dim, self.num_heads, rotary=True)


@keras.saving.register_keras_serializable("helpers")
class CrossAttention(layers.Attention):
    """Attention from what is written to what was read; keys and values can be made beforehand."""

    def read(self, context: Any) -> tuple[Any, Any]:
        """Keys and values of a context (batch, time, width): (batch, kv_heads, time, head_dim)."""
        keys = self._split(self.key(context), self.num_kv_heads)
        return keys, self._split(self.value(context), self.num_kv_heads)

    def look(self, x: Any, keys: Any, values: Any, mask: Any = None) -> Any:
        """The same as `call` with the context that `read` was given."""
        q = self._split(self.query(x), self.num_heads)
        return self._merge(layers.attend(q, keys, values, mask))

    def weights_on(self, x: Any, keys: Any, mask: Any = None) -> Any:
        """Where each head looks: (batch, heads, time, keys); they sum to one over the keys."""
        q = self._split(self.query(x), self.num_heads)
        scores = ops.matmul(q * q.shape[-1] ** -0.5, ops.swapaxes(keys, -1, -2))
        scores = ops.cast(scores, "float32")
        return ops.softmax(scores if mask is None else ops.where(mask, scores, NEVER), axis=-1)


@keras.saving.register_keras_serializable("helpers")
class DecoderBlock(keras.layers.Layer):
    """Attention to what is written, attention to what was read, an MLP; each added to what came in.

    Args:
        num_heads, mlp_dim, activation, norm, bias, dropout: as in `layers.Block`.
        stddev, output_stddev: the same.
    """

    def __init__(
        self,
        num_heads: int,
        *,
        mlp_dim: int,
        activation: str = "relu2",
        norm: str = "rms",
        bias: bool = False,
        dropout: float = 0.0,
        stddev: float = 0.02,
        output_stddev: float | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.config = {
            "num_heads": num_heads, "mlp_dim": mlp_dim, "activation": activation, "norm": norm,
            "bias": bias, "dropout": dropout, "stddev": stddev, "output_stddev": output_stddev,
        }  # fmt: skip
        self.supports_masking = True
        policy = self.dtype_policy
        sizes = {"stddev": stddev, "output_stddev": output_stddev}
        start = {"bias": bias, "dtype": policy, **sizes}
        self.norms = [layers.norm_layer(norm, f"norm_{i}", policy) for i in range(3)]
        self.past = layers.Attention(
            num_heads, causal=True, rotary=True, dropout=dropout, name="past", **start
        )
        self.source = CrossAttention(num_heads, dropout=dropout, name="source", **start)
        self.mlp = layers.MLP(mlp_dim, activation, name="mlp", **start)
        self.dropout = keras.layers.Dropout(dropout, dtype=policy) if dropout else None

    def build(self, x_shape: Any, *args: Any) -> None:
        """All parts of the input's width."""
        for part in (*self.norms, self.past, self.source, self.mlp):
            part.build(tuple(x_shape))
        self.built = True

    def call(
        self, y: Any, read: Any, past: Any = None, seen: Any = None, training: Any = None
    ) -> Any:
        """What is written (batch, time, width) to the same shape.

        Args:
            y: what is written so far.
            read: what the encoder made of the source, (batch, source time, width).
            past: True where a place may look at a place of `y`; later ones are hidden anyway.
            seen: True where a place may look at one of `read`, (batch, 1, time, source time).
            training: whether to drop.
        """
        # By position, not by name: Keras would hang a named mask on to what comes out.
        mask = () if past is None else (None, past)
        y = y + self._drop(self.past(self.norms[0](y), *mask, training=training), training)
        mask = () if seen is None else (seen,)
        found = self.source(self.norms[1](y), read, *mask, training=training)
        y = y + self._drop(found, training)
        return y + self._drop(self.mlp(self.norms[2](y)), training)

    def step(self, y: Any, cache: Sequence[Any], position: Any, seen: Any) -> tuple[Any, list]:
        """The same for one place, from a cache: keys and values of the past and of the source."""
        past_keys, past_values, keys, values = cache
        found, past_keys, past_values = self.past.step(
            self.norms[0](y), past_keys, past_values, position
        )
        y = y + found
        y = y + self.source.look(self.norms[1](y), keys, values, seen)
        return y + self.mlp(self.norms[2](y)), [past_keys, past_values, keys, values]

    def _drop(self, x: Any, training: Any) -> Any:
        return x if self.dropout is None else self.dropout(x, training=training)

    def compute_output_shape(self, x_shape: Any, *args: Any, **kwargs: Any) -> Any:
        """As the input."""
        return x_shape

    def get_config(self) -> dict:
        """What is needed to make the layer again."""
        return {**super().get_config(), **self.config}


@keras.saving.register_keras_serializable("helpers")
class Seq2Seq(keras.Model):
    """An encoder-decoder Transformer (Vaswani et al. 2017), one table of tokens for all its ends.

    Called with (source, target) it gives logits (batch, target time, vocab_size): row t holds the
    scores of the token after `target[t]`, made from the source and the target up to t. As in Press
    and Wolf (2017), the same matrix reads sources, reads targets and scores words; places are told
    by rotary positions.

    Args:
        config: a `Seq2SeqConfig`, or its fields as a dict.
    """

    def __init__(self, config: Seq2SeqConfig | dict, **kwargs) -> None:
        super().__init__(**kwargs)
        self.config = config = Seq2SeqConfig(**config) if isinstance(config, dict) else config
        policy, width = self.dtype_policy, config.embed_dim
        inside = config.mlp_dim or 4 * width
        # What is read stays as large as it is, at any width; what writes to the running sum starts
        # smaller, the more layers there are (GPT-2).
        stddev = width**-0.5
        about = {
            "mlp_dim": inside, "activation": config.activation, "norm": config.norm,
            "bias": config.bias, "dropout": config.dropout, "dtype": policy,
            "stddev": stddev, "output_stddev": stddev / (2 * config.num_layers) ** 0.5,
        }  # fmt: skip
        self.token_embedding = layers.Embedding(
            config.vocab_size, width, name="token_embedding", dtype=policy
        )
        self.encoder = [
            layers.Block(config.num_heads, rotary=True, name=f"encoder_{i}", **about)
            for i in range(config.num_layers)
        ]
        self.decoder = [
            DecoderBlock(config.num_heads, name=f"decoder_{i}", **about)
            for i in range(config.num_layers)
        ]
        names = ("source_norm", "read_norm", "target_norm", "final_norm")
        self.norms = {name: layers.norm_layer(config.norm, name, policy) for name in names}
        self.dropout = keras.layers.Dropout(config.dropout, dtype=policy)
        self.build()

    def build(self, input_shape: Any = None) -> None:
        """All weights at once: a model that was made can be counted, saved and filled."""
        width = (None, None, self.config.embed_dim)
        self.token_embedding.build()
        for part in (*self.encoder, *self.decoder, *self.norms.values()):
            part.build(width)
        self.built = True

    def encode(self, source: Any, training: Any = None) -> Any:
        """Sources (batch, time) to what was read of each token, (batch, time, embed_dim)."""
        segment = _closed_by(source, END)
        mask = _same(segment, segment, source)
        x = self.norms["source_norm"](self.token_embedding(source))
        x = self.dropout(x, training=training)
        for block in self.encoder:
            x = block(x, mask, training=training)
        return self.norms["read_norm"](x)

    def decode(self, source: Any, read: Any, target: Any, training: Any = None) -> Any:
        """Targets so far (batch, time) to what comes out at each place, (batch, time, embed_dim)."""
        opened = _opened_by(target, START)
        past = _same(opened, opened, target)
        seen = _same(opened, _closed_by(source, END) + 1, source)
        y = self.norms["target_norm"](self.token_embedding(target))
        y = self.dropout(y, training=training)
        for block in self.decoder:
            y = block(y, read, past, seen, training=training)
        return self.norms["final_norm"](y)

    def call(self, inputs: tuple[Any, Any], training: Any = None) -> Any:
        """Logits (batch, target time, vocab_size) of the tokens after each of the target."""
        source, target = inputs
        read = self.encode(source, training=training)
        return self.token_embedding.logits(self.decode(source, read, target, training=training))

    # Writing, one token at a time

    def begin(self, source: Any, length: int) -> list:
        """The state before the first word: all that `step` needs of sources (rows, time).

        A state is a list of tensors whose first axis counts rows: which source tokens count, and
        for each layer keys and values of the past, empty yet, and of the source.

        Args:
            source: one text a row.
            length: the most tokens that a target may have.
        """
        read, config = self.encode(source), self.config
        shape = (source.shape[0], config.num_heads, length, config.embed_dim // config.num_heads)
        state = [(source != PAD)[:, None, None, :]]
        for block in self.decoder:
            empty = ops.zeros(shape, read.dtype)
            state += [empty, empty, *block.source.read(read)]
        return state

    def step(self, tokens: Any, position: Any, state: list) -> tuple[Any, list]:
        """What follows `tokens` (rows,), which stand at `position`: logits (rows, vocab_size)."""
        seen, *caches = state
        y = self.norms["target_norm"](self.token_embedding(tokens[:, None]))
        new = [seen]
        for i, block in enumerate(self.decoder):
            y, cache = block.step(y, caches[4 * i : 4 * i + 4], position, seen)
            new += cache
        return self.token_embedding.logits(self.norms["final_norm"](y))[:, 0], new

    def alignment(self, source: Any, target: Any) -> Any:
        """Where each written place looks: (layers, batch, heads, target time, source time)."""
        read = self.encode(source)
        opened = _opened_by(target, START)
        past = _same(opened, opened, target)
        seen = _same(opened, _closed_by(source, END) + 1, source)
        y, found = self.norms["target_norm"](self.token_embedding(target)), []
        for block in self.decoder:
            mid = y + block.past(block.norms[0](y), None, past)
            keys, _ = block.source.read(read)
            found.append(block.source.weights_on(block.norms[1](mid), keys, seen))
            y = block(y, read, past, seen)
        return ops.stack(found)

    # Training

    def compile(self, optimizer: Any = "adamw", loss: Any = None, **kwargs: Any) -> None:
        """As `keras.Model.compile`, and no loss is needed: it is that of the next token.

        On TensorFlow the step is compiled by XLA unless jit_compile=False says otherwise.
        """
        if keras.backend.backend() == "tensorflow" and not kwargs.get("run_eagerly"):
            kwargs.setdefault("jit_compile", True)
        super().compile(optimizer=optimizer, loss=loss, **kwargs)

    def get_compile_config(self) -> dict | None:
        """What the model was compiled with, if it was."""
        return super().get_compile_config() if self.compiled else None

    def compile_from_config(self, config: dict) -> None:
        """As the saved model was compiled, by what this backend compiles with."""
        settings = keras.saving.deserialize_keras_object(dict(config))
        settings.pop("jit_compile", None)
        self.compile(**settings)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Mean cross-entropy of the targets that are not padding, in nats.

        In training with label smoothing (Szegedy et al. 2016), in validation without it.
        """
        if self.loss is not None:
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        return mean_nats(y_pred, y, self.config.label_smoothing if training else 0.0)

    def get_config(self) -> dict:
        """What is needed to make the model again."""
        policy = keras.saving.serialize_keras_object(self.dtype_policy)
        return {"config": asdict(self.config), "name": self.name, "dtype": policy}

    @classmethod
    def from_config(cls, config: dict, custom_objects: Any = None) -> Seq2Seq:
        """The model of such a configuration, with new weights."""
        return cls(**config)


def mean_nats(logits: Any, targets: Any, label_smoothing: float = 0.0) -> Any:
    """Mean cross-entropy over the targets that are not padding.

    Args:
        logits: (batch, time, vocab_size).
        targets: (batch, time).
        label_smoothing: so much of the target's probability is spread evenly over all tokens.
    """
    logits, targets = ops.cast(logits, "float32"), ops.cast(targets, "int32")
    # The frameworks' own functions, which go over these large arrays fewest times.
    if label_smoothing:
        size = logits.shape[-1]
        wanted = ops.one_hot(targets, size, dtype="float32") * (1 - label_smoothing)
        wanted = wanted + label_smoothing / size
        nats = ops.categorical_crossentropy(wanted, logits, from_logits=True)
    else:
        nats = ops.sparse_categorical_crossentropy(targets, logits, from_logits=True)
    counts = ops.cast(targets != PAD, "float32")
    return ops.sum(nats * counts) / ops.maximum(ops.sum(counts), 1.0)


def _closed_by(tokens: Any, mark: int) -> Any:
    """The number of marks before each place: tokens up to the first mark are 0, ..."""
    marks = ops.cast(tokens == mark, "int32")
    return ops.cumsum(marks, axis=-1) - marks


def _opened_by(tokens: Any, mark: int) -> Any:
    """The number of marks up to each place: tokens from the first mark on are 1, ..."""
    return ops.cumsum(ops.cast(tokens == mark, "int32"), axis=-1)


def _same(queries: Any, keys: Any, tokens: Any) -> Any:
    """Where a query may look: at what has its own number and is no padding, (batch, 1, q, k)."""
    same = queries[:, :, None] == keys[:, None, :]
    return ops.logical_and(same, (tokens != PAD)[:, None, :])[:, None]


# --- rows of tokens


class Arrays(NamedTuple):
    """Pairs of texts as rows of one length each.

    Attributes:
        source: (rows, source length), int32.
        target: (rows, target length), int32: what the decoder is given, from `start` on.
        labels: (rows, target length), int32: what it is to say, up to `end`.
        left_out: pairs that were too long for a row.
    """

    source: np.ndarray
    target: np.ndarray
    labels: np.ndarray
    left_out: int


def pack(
    sources: Sequence[Sequence[int]],
    targets: Sequence[Sequence[int]],
    source_length: int,
    target_length: int | None = None,
    seed: int = 0,
) -> Arrays:
    """Put pairs of token lists into rows, as many one after another as fit.

    Args:
        sources, targets: without marks; these are added.
        source_length, target_length: tokens of a row; the same for both unless given.
        seed: decides the order in which pairs are put in.

    Raises:
        ValueError: not as many targets as sources, or no pair fits.
    """
    target_length = target_length or source_length
    if len(sources) != len(targets):
        raise ValueError(f"{len(sources)} sources, and {len(targets)} targets")
    rows: list[tuple[list[int], list[int], list[int]]] = []
    open_rows: list[int] = []
    fits = [
        i
        for i, (s, t) in enumerate(zip(sources, targets, strict=True))
        if len(s) + 1 <= source_length and len(t) + 1 <= target_length
    ]
    if not fits:
        raise ValueError(f"no pair fits into rows of {source_length} and {target_length} tokens")
    for i in np.random.default_rng(seed).permutation(fits):
        source, target = [*sources[i], END], list(targets[i])
        for row in open_rows:
            if (
                len(rows[row][0]) + len(source) <= source_length
                and len(rows[row][1]) + len(target) + 1 <= target_length
            ):
                break
        else:
            row = len(rows)
            rows.append(([], [], []))
            open_rows = [*open_rows[-30:], row]
        for part, more in zip(rows[row], (source, [START, *target], [*target, END]), strict=True):
            part += more
    parts = [
        _filled([row[part] for row in rows], length)
        for part, length in enumerate((source_length, target_length, target_length))
    ]
    return Arrays(*parts, left_out=len(sources) - len(fits))


def _filled(rows: Sequence[Sequence[int]], length: int) -> np.ndarray:
    """Rows of one length, (rows, length), int32."""
    found = np.full((len(rows), length), PAD, "int32")
    for row, tokens in zip(found, rows, strict=True):
        row[: len(tokens)] = tokens
    return found


# --- search


def search(
    step: Callable,
    state: list,
    count: int,
    length: int,
    *,
    beams: int = 1,
    length_penalty: Any = 0.0,
    never: Sequence[int] = (PAD, START),
) -> tuple[Any, Any]:
    """The likeliest rows of tokens: greedy with one beam, else beam search. One loop, for a program.

    It needs of a model nothing but a step and a state, so that it serves any that writes.

    Args:
        step: `step(tokens, position, state)` gives logits (or log-probabilities) of what follows
            `tokens` (rows,), (rows, vocab_size), and the new state.
        state: tensors whose first axis has count x beams rows, those of one text together.
        count: texts.
        length: places of a row, `start` and `end` included.
        beams: unfinished rows kept for each text.
        length_penalty: a row's score is its log-probability over its number of tokens to this power.
        never: tokens that are not written.

    Returns:
        rows (count, length) from `start` on, `pad` after `end`, the best of each text; and their
        log-probabilities (count,).
    """
    rows = ops.full((count, beams, length), PAD, dtype="int32")
    rows = ops.slice_update(rows, (0, 0, 0), ops.full((count, beams, 1), START, dtype="int32"))
    # All beams are the same at first, and one is enough.
    scores = ops.concatenate([ops.zeros((count, 1)), ops.full((count, beams - 1), NEVER)], axis=1)
    ended = ops.zeros((count, beams), "bool")
    offsets = ops.arange(count, dtype="int32")[:, None] * beams

    def go_on(position: Any, rows: Any, scores: Any, ended: Any, *state: Any) -> Any:
        return ops.logical_and(position < length - 1, ops.logical_not(ops.all(ended)))

    def one(position: Any, rows: Any, scores: Any, ended: Any, *state: Any) -> tuple:
        now = ops.reshape(ops.take(rows, position, axis=2), (count * beams,))
        logits, state = step(now, position, list(state))
        logs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
        vocab_size = logs.shape[-1]
        logs = ops.reshape(logs, (count, beams, vocab_size))
        places = ops.arange(vocab_size)
        for token in never:
            logs = ops.where(places == token, NEVER, logs)
        # The last place is for the end; a row that has ended stays as it is.
        last = position == length - 2
        logs = ops.where(ops.logical_and(last, places != END), NEVER, logs)
        stay = ops.where(places == PAD, 0.0, NEVER)
        logs = ops.where(ended[..., None], stay, logs)
        total = ops.reshape(scores[..., None] + logs, (count, beams * vocab_size))
        scores, chosen = _highest(total, beams)
        token = ops.cast(chosen % vocab_size, "int32")
        if beams > 1:
            beam = ops.cast(chosen // vocab_size, "int32")
            flat = ops.reshape(beam + offsets, (-1,))
            rows = ops.take_along_axis(rows, beam[..., None], axis=1)
            ended = ops.take_along_axis(ended, beam, axis=1)
            state = [ops.take(part, flat, axis=0) for part in state]
        rows = ops.slice_update(rows, (0, 0, position + 1), token[..., None])
        ended = ops.logical_or(ended, token == END)
        return (position + 1, rows, scores, ended, *state)

    start = (ops.convert_to_tensor(0, "int32"), rows, scores, ended, *state)
    _, rows, scores, _, *_ = ops.while_loop(go_on, one, start)
    written = ops.cast(ops.sum(rows > START, axis=-1), "float32")
    ranked = scores / ops.maximum(written, 1.0) ** length_penalty
    best = ops.argmax(ranked, axis=1)[:, None]
    rows = ops.take_along_axis(rows, best[..., None], axis=1)[:, 0]
    return rows, ops.take_along_axis(scores, best, axis=1)[:, 0]


def _highest(scores: Any, count: int) -> tuple[Any, Any]:
    """The highest scores of each row and their columns, (rows, count) each; of equals the first."""
    if count > 1:
        return ops.top_k(scores, count)
    chosen = ops.argmax(scores, axis=-1)[:, None]
    return ops.take_along_axis(scores, chosen, axis=-1), chosen


def translate(
    model: Seq2Seq,
    sources: Sequence[Sequence[int]],
    length: int = 64,
    *,
    beams: int = 1,
    length_penalty: float = 1.0,
    batch_size: int = 64,
) -> list[list[int]]:
    """The likeliest targets of token lists, without marks; whole batches at once, with a cache.

    Texts of like length are read together, each length filled up to one of `LENGTHS`; batches are
    filled up, too. So a few programs serve all, and are kept with the model.

    Args:
        model: with its weights of now.
        sources: token lists without marks.
        length: the most tokens of a target, its marks included.
        beams, length_penalty: as in `search`.
        batch_size: texts searched at once.

    Raises:
        ValueError: no tokens, tokens that the model does not know, a source longer than the longest
            of `LENGTHS`, or a setting that cannot be.
    """
    _check_search(model, sources, length, beams, batch_size)
    found: list[list[int]] = [[] for _ in sources]
    order = sorted(range(len(sources)), key=lambda i: len(sources[i]))
    for first in range(0, len(order), batch_size):
        part = order[first : first + batch_size]
        longest = len(sources[part[-1]]) + 1
        width = next(size for size in LENGTHS if size >= longest)
        rows = [[*sources[i], END] for i in part]
        rows += rows[:1] * (batch_size - len(rows))
        program = _program(model, length, beams)
        made, _ = program(
            ops.convert_to_tensor(_filled(rows, width)),
            ops.convert_to_tensor(length_penalty, "float32"),
        )
        for i, row in zip(part, ops.convert_to_numpy(made).tolist(), strict=False):
            found[i] = [token for token in row if token > END]
    return found


def _program(model: Seq2Seq, length: int, beams: int) -> Callable:
    """The search of a model, compiled once for these settings."""
    programs = model.__dict__.setdefault("_programs", {})

    def run(source: Any, length_penalty: Any) -> tuple[Any, Any]:
        state = model.begin(source, length)
        if beams > 1:
            state = [ops.repeat(part, beams, axis=0) for part in state]
        return search(
            model.step, state, source.shape[0], length, beams=beams, length_penalty=length_penalty
        )

    if (length, beams) not in programs:
        programs[length, beams] = _compiled(model, run)
    return programs[length, beams]


def _compiled(model: Seq2Seq, run: Callable) -> Callable:
    """One program; on TensorFlow's CPU without XLA, which would compile for longer than it saves."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if not tf.config.list_physical_devices("GPU"):
            program = tf.function(run, autograph=False, reduce_retracing=False)
            program._omit_frequent_tracing_warning = True
            return program
    return gpt.compiled(model, run)


def _check_search(
    model: Seq2Seq, sources: Sequence, length: int, beams: int, batch_size: int
) -> None:
    if not len(sources):
        raise ValueError("there is nothing to translate: give at least one list of tokens")
    for name, value, least in (
        ("length", length, 2),
        ("beams", beams, 1),
        ("batch_size", batch_size, 1),
    ):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise ValueError(f"{name} is {value!r}; it must be a whole number, {least} or more")
    if beams > model.config.vocab_size:
        raise ValueError(f"beams is {beams}, more than the {model.config.vocab_size} tokens")
    for i, tokens in enumerate(sources):
        if not len(tokens):
            raise ValueError(f"text {i} has no tokens")
        if len(tokens) + 1 > LENGTHS[-1]:
            raise ValueError(
                f"text {i} has {len(tokens)} tokens; at most {LENGTHS[-1] - 1} are read"
            )
        gpt.check_tokens(np.asarray(tokens), model.config.vocab_size, f"text {i}")
