"""Looking into a model: what each part holds, what happens if it is changed, what an input was worth.

`run` goes through a model block by block, keeps what lies between, and lets any of it be edited. It
works on a `gpt.GPT`, and on any model with `blocks` (of `layers.Block`) and three methods:
`embed(tokens)`, `mask(tokens)` (True where there is a word, or None) and `read(x, tokens)`, which
makes the output of the last block's. Between them it taps, for block i,

    embed             (batch, time, embed_dim)            the vectors that go into the first block
    block_i.values    (batch, kv_heads, time, head_dim)   what attention can fetch
    block_i.weights   (batch, heads, time, time)          who looks at whom; rows sum to 1
    block_i.heads     (batch, heads, time, head_dim)      what each head fetched
    block_i.attention (batch, time, embed_dim)            what attention adds to the sum
    block_i.mlp       (batch, time, embed_dim)            what the MLP adds to the sum
    block_i           (batch, time, embed_dim)            the running sum after the block

An attribution is an array (texts, time): what each word of a text was worth to one number that the
model said. None of them is a cause, let alone a reason; `deletion` and `scrambled` test them.
"""

from __future__ import annotations

import contextlib
import difflib
import html
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Edits = Mapping[str, Callable[[Any], Any]]
MARKS = (0.1, 0.4, 0.7)  # of the strongest word: from here on one, two and three marks
INK = {1: "0, 114, 178", -1: "213, 94, 0"}  # Okabe and Ito's blue (for) and vermilion (against)


# --- going through a model


@dataclass(frozen=True)
class Trace:
    """One pass through a model, as NumPy arrays.

    Attributes:
        output: what the model said: logits (batch, time, vocab_size) of a GPT.
        parts: what was tapped, by the names in the module's text; `trace["block_0"]` for short.
    """

    output: np.ndarray
    parts: dict[str, np.ndarray]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.parts[name]


def points(model: Any) -> list[str]:
    """The names of all that can be seen and edited in a model, in the order of the computation.

    Raises:
        TypeError: it is neither a GPT nor has the parts that `run` needs.
    """
    _check_model(model)
    inner = ("values", "weights", "heads", "attention", "mlp")
    names = ["embed"]
    for i in range(len(model.blocks)):
        names += [*(f"block_{i}.{part}" for part in inner), f"block_{i}"]
    return names


def run(model: Any, tokens: Any, edit: Edits | None = None) -> Trace:
    """Go through a model, editing on the way; all that was tapped is kept, as it went on.

    Args:
        model: see the module's text.
        tokens: (batch, time), whole numbers.
        edit: functions by the name of what they change. Each gets a NumPy array and returns one of
            the same shape; what follows is computed from that.

    Raises:
        ValueError: no part has such a name, or an edit gave another shape.
        TypeError: the model has other parts than needed.
    """
    from keras import ops

    parts: dict[str, np.ndarray] = {}

    def tap(name: str, x: Any) -> Any:
        parts[name] = ops.convert_to_numpy(x)
        if edit and name in edit:
            changed = edit[name](parts[name].copy())
            _check_edit(name, changed, parts[name].shape)
            changed = np.asarray(changed, parts[name].dtype)
            parts[name], x = changed, ops.convert_to_tensor(changed)
        return x

    _check_names(model, edit or {})
    with _no_gradients():
        output = ops.convert_to_numpy(_through(model, _tokens(tokens), tap))
    return Trace(output, parts)


def forward(model: Any, tokens: Any, edit: Edits | None = None) -> Any:
    """The same on tensors, for gradients and compiled programs: the output alone, not as NumPy.

    The functions in `edit` get tensors and return tensors. Raises as `run` does.
    """
    edit = edit or {}
    _check_names(model, edit)

    def tap(name: str, x: Any) -> Any:
        if name not in edit:
            return x
        changed = edit[name](x)
        _check_edit(name, changed, x.shape)
        return changed

    return _through(model, tokens, tap)


def _through(model: Any, tokens: Any, tap: Callable[[str, Any], Any]) -> Any:
    is_gpt = _is_gpt(model)
    mask = None if is_gpt else model.mask(tokens)
    x = tap("embed", _gpt_embed(model, tokens) if is_gpt else model.embed(tokens))
    for i, block in enumerate(model.blocks):
        name = f"block_{i}"
        found = _attention(block.attention, block.norm_1(x), mask, tap, name)
        x = x + tap(f"{name}.attention", found)
        x = tap(name, x + tap(f"{name}.mlp", block.mlp(block.norm_2(x))))
    return model._logits(x) if is_gpt else model.read(x, tokens)


def _attention(attention: Any, x: Any, mask: Any, tap: Callable, name: str) -> Any:
    """As `layers.Attention.call` outside training, with taps."""
    from keras import ops

    from helpers import layers

    q, k, v = attention._project(x, x, 0)
    v = tap(f"{name}.values", v)
    if mask is not None and len(mask.shape) == 2:
        mask = mask[:, None, None, :]
    if attention.causal:
        past = layers.causal_mask(x.shape[1])
        mask = past if mask is None else ops.logical_and(mask, past)
    heads = layers.attend(q, k, v, mask, lambda weights: tap(f"{name}.weights", weights))
    return attention._merge(tap(f"{name}.heads", heads))


def _gpt_embed(model: Any, tokens: Any) -> Any:
    time = model._check_shape(tokens)
    x = model.token_embedding(tokens)
    return x if model.position_embedding is None else x + model._positions(0, time)


def lens(model: Any, x: Any) -> np.ndarray:
    """Logit lens: what a GPT would say if the sum x (batch, time, embed_dim) were its last.

    Returns:
        logits (batch, time, vocab_size)

    Raises:
        TypeError: the model is not a GPT.
        ValueError: x is not of the GPT's width.

    Source: nostalgebraist (2020).
    """
    from keras import ops

    if not _is_gpt(model):
        raise TypeError(f"the logit lens reads a GPT, not a {type(model).__name__}")
    width, shape = model.config.embed_dim, tuple(x.shape)
    if len(shape) != 3 or shape[-1] != width:
        raise ValueError(
            f"x has the shape {shape}; the lens reads the sum after a block, "
            f"(batch, time, {width}), as in run(model, tokens)['block_0']"
        )
    with _no_gradients():
        return ops.convert_to_numpy(model._logits(ops.convert_to_tensor(x)))


def without_head(head: Any, mean: Any = 0.0) -> Callable[[np.ndarray], np.ndarray]:
    """An edit of "block_i.heads": a head fetches nothing, or its mean instead.

    Args:
        head: number of the head, from 0; or (batch,), another one for each text.
        mean: what the head fetches on average: (head_dim,), or (batch, head_dim).
    """

    def edit(heads: np.ndarray) -> np.ndarray:
        last = heads.shape[1] - 1
        if np.min(head) < 0 or np.max(head) > last:
            raise ValueError(f"head is {head}; this block has the heads 0 to {last}")
        heads[np.arange(len(heads)), head] = (
            np.asarray(mean)[..., None, :] if np.ndim(mean) else mean
        )
        return heads

    return edit


def patched(other: np.ndarray, place: Any) -> Callable[[np.ndarray], np.ndarray]:
    """An edit: at one place of the second axis, what another run had there.

    Args:
        other: what the other run had, in the shape of what is edited: positions (batch, time,
            embed_dim), or heads (batch, heads, time, head_dim).
        place: a position or a head, from 0; or (batch,), another one for each text.

    Raises (when it edits):
        ValueError: the other run has another shape, or there is no such place.
    """

    def edit(x: np.ndarray) -> np.ndarray:
        if np.shape(other) != x.shape:
            raise ValueError(
                f"the other run has the shape {np.shape(other)} there, this one {x.shape}: take "
                "the same part of a run on as many texts of the same length"
            )
        if np.min(place) < 0 or np.max(place) >= x.shape[1]:
            raise ValueError(f"place is {place}; there are the places 0 to {x.shape[1] - 1}")
        rows = np.arange(len(x))
        x[rows, place] = other[rows, place]
        return x

    return edit


def induction_scores(weights: np.ndarray, period: int) -> np.ndarray:
    """How much each head looks at what followed the last time, on text that repeats itself.

    Args:
        weights: (batch, heads, time, time) of texts whose second `period` tokens are the first.
        period: tokens before the text repeats.

    Returns:
        (heads,) mean weight, from 0 to 1, from a token's second occurrence to the token after its
        first.

    Source: the prefix-matching score of Olsson et al. (2022).
    """
    time = weights.shape[-1]
    if not 1 < period < time:
        raise ValueError(f"period is {period}; texts of {time} tokens repeat after 2 to {time - 1}")
    # The first pair would look at position 1 from the very start of the copy: it counts, too.
    query = np.arange(period, min(time, 2 * period - 1))
    return weights[:, :, query, query - period + 1].mean(axis=(0, 2))


# --- attributions


def batched(
    model: Any, function: Callable, batch_size: int = 64, *, xla: bool = True
) -> Callable[..., np.ndarray]:
    """A function of tensors, compiled where the backend can, that takes whole arrays.

    Args:
        model: whose weights the function uses, as they are at each call.
        function: of tensors with a batch axis; gives one tensor with a batch axis.
        batch_size: rows at once; the last batch is filled up, so that shapes stay the same.
        xla: on TensorFlow, compile with XLA: seconds at the first call, and half the time in all
            that follow. Without it, it is a plain graph, which is right for few calls.

    Returns:
        a function of NumPy arrays with the same number of rows, that gives a NumPy array.
    """
    from keras import ops

    from helpers import gpt

    program = gpt.compiled(model, function) if xla else _graph(model, function)

    def call(*arrays: Any) -> np.ndarray:
        arrays = tuple(np.asarray(array) for array in arrays)
        count = len(arrays[0])
        if any(len(array) != count for array in arrays):
            raise ValueError(f"arrays of {', '.join(str(len(a)) for a in arrays)} rows: not as one")
        if not count:
            raise ValueError("no rows: there is nothing to compute")
        found = []
        for start in range(0, count, batch_size):
            rows = np.minimum(np.arange(start, start + batch_size), count - 1)
            batch = [ops.convert_to_tensor(array[rows]) for array in arrays]
            found.append(ops.convert_to_numpy(program(*batch))[: count - start])
        return np.concatenate(found)

    return call


def _graph(model: Any, function: Callable) -> Callable:
    """As `gpt.compiled`, without XLA on TensorFlow."""
    import keras

    from helpers import gpt

    if keras.backend.backend() != "tensorflow":
        return gpt.compiled(model, function)
    import tensorflow as tf

    return tf.function(function, autograph=False)


def gradient_of(
    model: Any, score: Callable, batch_size: int = 64, *, xla: bool = True
) -> Callable[..., np.ndarray]:
    """The gradient of a score with respect to its first argument, on any backend.

    Args:
        model: whose weights the score uses.
        score: (x, *others) to (batch,), a row's score depending on that row only.
        batch_size, xla: as in `batched`.

    Returns:
        a function of NumPy arrays (x, *others) that gives d score / d x, in the shape of x.
    """
    return batched(model, lambda x, *others: _gradient(score, x, *others), batch_size, xla=xla)


def _gradient(score: Callable, x: Any, *others: Any) -> Any:
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(score(x, *others))
        return tape.gradient(total, x)
    if backend == "jax":
        import jax

        return jax.grad(lambda x: score(x, *others).sum())(x)
    import torch

    with torch.enable_grad():
        x = x.detach().requires_grad_(True)
        return torch.autograd.grad(score(x, *others).sum(), x)[0]


def integrated_gradients(
    gradient: Callable[..., np.ndarray],
    x: np.ndarray,
    baseline: np.ndarray,
    *others: np.ndarray,
    steps: int = 32,
) -> np.ndarray:
    """The gradient, averaged on the straight way from the baseline to x, times the way.

    Args:
        gradient: as `gradient_of` gives it.
        x: (texts, time, embed_dim).
        baseline: broadcastable to x.
        *others: what else the gradient takes.
        steps: places on the way, in the middle of equal parts.

    Returns:
        (texts, time, embed_dim). Its sum is what the score gained on the way (completeness), up to
        an error that shrinks as there are more steps.

    Source: Sundararajan et al. (2017).
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}; it must be 1 or more")
    way = x - np.broadcast_to(np.asarray(baseline, x.dtype), x.shape)
    total = np.zeros(x.shape, "float64")
    together = max(1, 60 // len(x))  # steps in one call: few texts would leave batches half empty
    for start in range(0, steps, together):
        share = (np.arange(start, min(start + together, steps)) + 0.5) / steps
        at = x - way * share.reshape(-1, *[1] * x.ndim)  # (steps together, texts, ...)
        rows = [np.concatenate([other] * len(share)) for other in others]
        slopes = gradient(at.reshape(-1, *x.shape[1:]).astype(x.dtype), *rows)
        total += slopes.reshape(at.shape).sum(axis=0)
    return way * (total / steps)


def incompleteness(attributions: np.ndarray, gained: np.ndarray) -> np.ndarray:
    """What attributions miss of the gain that they should sum to, as a share of it: (texts,).

    Args:
        attributions: (texts, ...).
        gained: (texts,) score at x less score at the baseline; not 0.
    """
    gained = np.asarray(gained, "float64")
    if not np.all(gained):
        raise ValueError("a gain of 0 has no shares; leave these texts out")
    summed = attributions.reshape(len(attributions), -1).sum(axis=1, dtype="float64")
    return np.abs(summed - gained) / np.abs(gained)


def occlusion(
    score: Callable[[np.ndarray], np.ndarray], tokens: np.ndarray, blank: int, pad: int = 0
) -> np.ndarray:
    """What the score loses when one word is blanked out, for each word: (texts, time).

    Args:
        score: tokens (any, time) to scores (any,).
        tokens: (texts, time).
        blank: the token that stands for nothing.
        pad: the token of padding, which is worth 0.

    Source: Zeiler and Fergus (2014), there with patches of pictures.
    """
    text, place = np.nonzero(tokens != pad)
    changed = tokens[text]
    changed[np.arange(len(text)), place] = blank
    found = np.zeros(tokens.shape)
    found[text, place] = score(tokens)[text] - score(changed)
    return found


def rollout(weights: Sequence[np.ndarray]) -> np.ndarray:
    """Attention followed through the blocks, half of each step staying where it is.

    Args:
        weights: of each block, first to last: (batch, heads, time, time).

    Returns:
        (batch, time, time): how much of each input is said to be in each output; rows sum to 1.

    Source: Abnar and Zuidema (2020).
    """
    if not len(weights):
        raise ValueError("no attention weights: give those of each block, first to last")
    total = np.eye(weights[0].shape[-1])
    for block in weights:
        total = (block.mean(axis=1) + np.eye(block.shape[-1])) / 2 @ total
    return total


# --- tests of attributions


def order(attributions: np.ndarray, tokens: np.ndarray, pad: int = 0) -> np.ndarray:
    """Positions from the word worth most to the one worth least, padding last: (texts, time).

    Args:
        attributions: (texts, time).
        tokens: (texts, time).
        pad: the token of padding; what it is worth is not looked at.

    Raises:
        ValueError: the two differ in shape, or a word's worth is not a finite number.
    """
    attributions, tokens = np.asarray(attributions), np.asarray(tokens)
    if tokens.ndim != 2 or attributions.shape != tokens.shape:
        raise ValueError(
            f"attributions of shape {attributions.shape} for tokens of shape {tokens.shape}; give "
            "both as (texts, time): sum over the numbers of a vector first"
        )
    if not np.isfinite(attributions[tokens != pad]).all():
        raise ValueError("a word's worth is NaN or infinite: it has no place in an order")
    worth = np.where(tokens == pad, -np.inf, attributions)
    return np.argsort(-worth, axis=1, kind="stable")


def deletion(
    score: Callable[[np.ndarray], np.ndarray],
    tokens: np.ndarray,
    ranked: np.ndarray,
    shares: Sequence[float],
    blank: int,
    pad: int = 0,
) -> np.ndarray:
    """What the score loses as the first words of an order are blanked out: (texts, shares).

    Args:
        score: tokens (any, time) to scores (any,).
        tokens: (texts, time).
        ranked: (texts, time) positions, words before padding, as `order` gives them.
        shares: of a text's words, from 0 to 1; at least one word for each share above 0.
        blank, pad: as in `occlusion`.

    Raises:
        ValueError: a share is not from 0 to 1, or a row of `ranked` is not an order of the text's
            positions.
    """
    ranked = np.asarray(ranked)
    every = np.arange(tokens.shape[1])
    if ranked.shape != tokens.shape or (np.sort(ranked, axis=1) != every).any():
        raise ValueError(
            f"ranked has the shape {ranked.shape}; it must hold each position 0 to {every[-1]} once "
            f"a text, in the shape {tokens.shape} of the tokens, as `order` gives it"
        )
    shares = np.asarray(shares, "float64")
    if not np.all((shares >= 0) & (shares <= 1)):
        raise ValueError(f"shares are {shares.tolist()}; each is a share of the words, from 0 to 1")
    length = (tokens != pad).sum(axis=1)
    counts = np.ceil(np.round(shares * length[:, None], 9)).astype(int)  # (texts, shares)
    place = np.argsort(ranked, axis=1, kind="stable")  # of each position, its rank
    gone = (place[:, None] < counts[..., None]) & (tokens != pad)[:, None]
    changed = np.where(gone, blank, tokens[:, None]).astype(tokens.dtype)
    after = score(changed.reshape(-1, tokens.shape[1])).reshape(counts.shape)
    return score(tokens)[:, None] - after


def random_orders(tokens: np.ndarray, seed: int, pad: int = 0) -> np.ndarray:
    """An order of the words drawn at random for each text, padding last: (texts, time)."""
    return order(np.random.default_rng(seed).random(tokens.shape), tokens, pad)


def interval(values: Any, seed: int = 0, draws: int = 2000) -> tuple[float, float, float]:
    """The mean of values, one a text, and its 95% interval, by drawing the texts anew.

    Source: Efron and Tibshirani (1993).
    """
    values = np.asarray(values, "float64").reshape(-1)
    if len(values) < 2:
        raise ValueError(f"{len(values)} values: an interval needs at least two texts")
    if not np.isfinite(values).all():
        odd = int((~np.isfinite(values)).sum())
        raise ValueError(f"{odd} of {len(values)} values are NaN or infinite: leave them out")
    rows = np.random.default_rng(seed).integers(len(values), size=(draws, len(values)))
    low, high = np.quantile(values[rows].mean(axis=1), [0.025, 0.975])
    return float(values.mean()), float(low), float(high)


def agreement(
    first: np.ndarray,
    second: np.ndarray,
    tokens: np.ndarray,
    pad: int = 0,
    blank: int | None = None,
) -> np.ndarray:
    """Rank correlation (Spearman) of two attributions of each text, signs left out: (texts,).

    1 is the same order of words, 0 none in common. Where all words of a text are equal in one of
    them, or it has a single word, there is no order to compare: NaN.

    Args:
        first, second: (texts, time).
        tokens: (texts, time).
        pad: the token of padding, which is left out.
        blank: the token that stands for nothing, to be left out as well. Methods that measure from
            the blank give it exactly 0 in every model, which looks like agreement and is none.

    Raises:
        ValueError: the three differ in shape.
    """
    import pandas as pd

    found = np.full(len(tokens), np.nan)
    shapes = [np.shape(each) for each in (first, second, tokens)]
    if len(set(shapes)) > 1 or len(shapes[0]) != 2:
        raise ValueError(f"shapes {', '.join(map(str, shapes))}: give all three as (texts, time)")
    for i, words in enumerate((tokens != pad) & (tokens != (pad if blank is None else blank))):
        ranks = [pd.Series(np.abs(values[i][words])).rank() for values in (first, second)]
        if words.sum() > 1 and all(np.ptp(rank) > 0 for rank in ranks):
            found[i] = np.corrcoef(*ranks)[0, 1]
    return found


@contextlib.contextmanager
def scrambled(model: Any, seed: int = 0, parts: Sequence[Any] | None = None) -> Iterator[None]:
    """Within this, a model's weights are shuffled, each matrix in itself; afterwards as before.

    What the model learned is gone, and the sizes of its numbers are the same. An explanation that
    stays what it was did not explain the model.

    Args:
        model: built.
        seed: of the shuffling.
        parts: the layers to shuffle; all unless given.

    Source: Adebayo et al. (2018), who draw new weights instead.
    """
    kept = model.get_weights()
    rng = np.random.default_rng(seed)
    try:
        for part in [model] if parts is None else parts:
            part.set_weights(
                [rng.permuted(w.reshape(-1)).reshape(w.shape) for w in part.get_weights()]
            )
        yield
    finally:
        model.set_weights(kept)


# --- text with its attributions


class Coloured:
    """Words with what each was worth: on a page by colour and marks, as plain text by marks alone.

    Blue and a mark ▲ stand for what raised the score, vermilion and ▼ for what lowered it; three
    marks for the strongest words. It can be read without colour, and without seeing.

    Args:
        words: of the text.
        worth: (words,) numbers; only their sizes relative to the largest are shown.
        raises, lowers: what a positive and a negative number speak for, for the legend.

    Raises:
        ValueError: there are more or fewer numbers than words, or one is not finite.
    """

    def __init__(
        self, words: Sequence[str], worth: Any, raises: str = "for", lowers: str = "against"
    ) -> None:
        self.words = [str(word) for word in words]
        self.worth = np.asarray(worth, "float64").reshape(-1)
        self.raises, self.lowers = raises, lowers
        if len(self.words) != len(self.worth):
            raise ValueError(f"{len(self.worth)} numbers for {len(self.words)} words")
        if not np.isfinite(self.worth).all():
            raise ValueError("a word's worth is not a finite number")
        self.largest = float(np.abs(self.worth).max(initial=0.0))
        self.share = self.worth / self.largest if self.largest else self.worth

    def marks(self) -> list[str]:
        """The marks of each word: up to three ▲ or ▼, or none."""
        counts = [sum(abs(share) >= least for least in MARKS) for share in self.share]
        return [
            ("▲" if share > 0 else "▼") * count
            for share, count in zip(self.share, counts, strict=True)
        ]

    def in_words(self, count: int = 5) -> str:
        """The strongest words of each side with their numbers: the text for who cannot see it."""
        parts = []
        for sign, name in ((1, self.raises), (-1, self.lowers)):
            ranked = np.argsort(-sign * self.worth, kind="stable")[:count]
            found = [f"{self.words[i]} {self.worth[i]:+.3f}" for i in ranked
                     if sign * self.share[i] >= MARKS[0]]  # fmt: skip
            parts.append(f"{name}: {', '.join(found) or 'no word'}")
        return f"{len(self.words)} words. Strongest {'; '.join(parts)}."

    def __repr__(self) -> str:
        marked = zip(self.words, self.marks(), strict=True)
        return " ".join(f"{word}[{mark}]" if mark else word for word, mark in marked)

    def _repr_html_(self) -> str:
        spans = [
            self._span(*each) for each in zip(self.words, self.marks(), self.share, strict=True)
        ]
        legend = f"▲ {html.escape(self.raises)} &nbsp; ▼ {html.escape(self.lowers)}"
        return (
            f'<div style="line-height:2.6;max-width:46em">{" ".join(spans)}<br>'
            f"<small>{legend} &nbsp; one, two, three marks: at least"
            f" {', '.join(f'{least:.0%}' for least in MARKS)} of the strongest word's"
            f" {self.largest:.2g}</small></div>"
            f"<details><summary>In words</summary>{html.escape(self.in_words())}</details>"
        )

    @staticmethod
    def _span(word: str, mark: str, share: float) -> str:
        word = html.escape(word)
        if not mark:
            return f"<span>{word}</span>"
        colour = f"rgba({INK[1 if share > 0 else -1]}, {0.15 + 0.4 * min(1, math.fabs(share)):.2f})"
        return (
            f'<ruby style="ruby-position:under;background:{colour};padding:0 0.15em">'
            f'{word}<rt aria-hidden="true" style="font-size:65%">{mark}</rt></ruby>'
        )


# --- checks


def _is_gpt(model: Any) -> bool:
    from helpers import gpt

    return isinstance(model, gpt.GPT)


def _check_model(model: Any) -> None:
    needed = ("blocks",) if _is_gpt(model) else ("blocks", "embed", "mask", "read")
    missing = [name for name in needed if not hasattr(model, name)]
    if missing:
        raise TypeError(
            f"a {type(model).__name__} has no {' and no '.join(missing)}: give a gpt.GPT, or a model "
            "with blocks of layers.Block and the methods embed(tokens), mask(tokens), "
            "read(x, tokens)"
        )


def _check_names(model: Any, edit: Edits) -> None:
    known = points(model)
    for name in edit:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"there is no part {name!r} to edit{hint} (blocks are 0 to {len(model.blocks) - 1})"
            )


def _check_edit(name: str, changed: Any, wanted: Any) -> None:
    if changed is None:
        raise ValueError(f"the edit of {name!r} returned None: end it with a return of the array")
    got = tuple(changed.shape) if hasattr(changed, "shape") else np.shape(changed)
    if got != tuple(wanted):
        raise ValueError(
            f"the edit of {name!r} gave the shape {got}; what it was given had "
            f"{tuple(wanted)}: change numbers, not shapes"
        )


def _tokens(tokens: Any) -> Any:
    from keras import ops

    tokens = np.asarray(tokens)
    if tokens.ndim != 2 or tokens.dtype.kind not in "iu" or not tokens.size:
        raise ValueError(
            f"tokens are {tokens.dtype} numbers of shape {tokens.shape}; give whole numbers of shape "
            "(batch, time): of one text make a batch of one, np.array([ids])"
        )
    return ops.convert_to_tensor(tokens.astype("int32"))


def _no_gradients() -> Any:
    import keras

    if keras.backend.backend() == "torch":
        import torch

        return torch.no_grad()
    return contextlib.nullcontext()
