"""Text from a GPT: sampling with a key-value cache, in one compiled loop.

The loop stands at the same position in all rows of a batch. While it is inside a row's prompt it
takes the prompt's own token, so that prompts of different lengths need no padding and no mask.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from helpers import gpt

SMALLEST_PREFILL = 32  # prompts are read at once in lengths 32, 64, 128, ...: few programs


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen from the logits.

    Attributes:
        temperature: logits are divided by it; 0, or below a ten-thousandth, always takes the
            likeliest token (greedy).
        top_k: only so many of the likeliest tokens (Fan et al. 2018).
        top_p: only the likeliest tokens that together reach this probability (Holtzman et al. 2020).
        repetition_penalty: above 1, tokens that stand in the text already lose logits (Keskar et
            al. 2019).

    Raises:
        ValueError: a value that cannot be; the message names it.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    repetition_penalty: float = 1.0

    def __post_init__(self) -> None:
        if not (_is_number(self.temperature) and 0 <= self.temperature < math.inf):
            raise ValueError(
                f"temperature is {self.temperature!r}; it must be 0 (always the likeliest token) "
                "or above"
            )
        if self.top_k is not None and not (_is_whole(self.top_k) and self.top_k >= 1):
            raise ValueError(f"top_k is {self.top_k!r}; it must be a whole number, 1 or more")
        if self.top_p is not None and not (_is_number(self.top_p) and 0 < self.top_p <= 1):
            raise ValueError(f"top_p is {self.top_p!r}; it must be above 0 and at most 1")
        penalty = self.repetition_penalty
        if not (_is_number(penalty) and 0 < penalty < math.inf):
            raise ValueError(
                f"repetition_penalty is {self.repetition_penalty!r}; it must be above 0 (1: none)"
            )

    @property
    def greedy(self) -> bool:
        """Whether nothing is drawn."""
        return self.temperature < 1e-4


def generate(
    model: gpt.GPT,
    prompts: Sequence,
    max_new_tokens: int = 100,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    repetition_penalty: float = 1.0,
    stop: Sequence[int] | int = (),
    seed: int = 0,
    use_cache: bool = True,
) -> list:
    """Continue prompts.

    When the context is full, the last half of it becomes the new prompt and writing goes on.

    Args:
        model: a GPT.
        prompts: lists of tokens, which may differ in length; or one list of tokens.
        max_new_tokens: for each prompt.
        temperature, top_k, top_p, repetition_penalty: as in `Sampling`.
        stop: tokens that end a text; they are not part of it.
        seed: decides, with the number of the prompt, what is drawn; the same on every backend.
        use_cache: False computes the whole context anew for each token; only to compare.

    Returns:
        the new tokens of each prompt; of one prompt, its new tokens.

    Raises:
        ValueError: an empty prompt, one longer than the context, a token out of range, or a
            setting that cannot be.
    """
    how = Sampling(temperature, top_k, top_p, repetition_penalty)
    prompts = ops.convert_to_numpy(prompts) if ops.is_tensor(prompts) else prompts
    single = len(prompts) > 0 and not isinstance(prompts, str) and np.ndim(prompts[0]) == 0
    single = single and not isinstance(prompts[0], str)
    writer = _Writer(model, [prompts] if single else prompts, how, stop, seed, use_cache)
    writer.write(_checked_length(max_new_tokens))
    return writer.new[0] if single else writer.new


def stream(
    model: gpt.GPT,
    prompt: Sequence[int],
    max_new_tokens: int = 100,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    repetition_penalty: float = 1.0,
    stop: Sequence[int] | int = (),
    seed: int = 0,
) -> Iterator[int]:
    """The tokens that `generate` gives for one prompt, one by one as they come.

    Arguments and errors are those of `generate`.
    """
    how = Sampling(temperature, top_k, top_p, repetition_penalty)
    writer = _Writer(model, [prompt], how, stop, seed, use_cache=True)
    return _one_by_one(writer, _checked_length(max_new_tokens))


def _one_by_one(writer: _Writer, max_new_tokens: int) -> Iterator[int]:
    for number in range(max_new_tokens):
        writer.write(number + 1)
        if len(writer.new[0]) <= number:
            return
        yield writer.new[0][number]


def pick(logits: Any, uniform: Any, how: Sampling, temperature: Any, top_p: Any) -> Any:
    """The next token of each row.

    Args:
        logits: (batch, vocab_size).
        uniform: a number from [0, 1) for each row: where on the ladder of summed probabilities
            the draw falls.
        how: which of the steps are needed.
        temperature, top_p: their values, which may be tensors.

    Returns:
        (batch,), int32
    """
    logits = ops.cast(logits, "float32")
    if how.greedy or how.top_k == 1:
        return ops.cast(ops.argmax(logits, axis=-1), "int32")
    logits, order = logits / temperature, None
    if how.top_k is not None or how.top_p is not None:
        size = logits.shape[-1]
        logits, order = ops.top_k(logits, min(how.top_k or size, size))
    probabilities = ops.softmax(logits, axis=-1)
    if how.top_p is not None:
        before = ops.cumsum(probabilities, axis=-1) - probabilities
        probabilities = ops.where(before < top_p, probabilities, 0.0)
    ladder = ops.cumsum(probabilities, axis=-1)
    # A hair less than 1, so that rounding never lands past the last token that may be chosen.
    height = uniform[:, None] * (1 - 1e-6) * ladder[:, -1:]
    rung = ops.sum(ops.cast(ladder <= height, "int32"), axis=-1)
    rung = ops.minimum(rung, logits.shape[-1] - 1)
    if order is not None:
        rung = ops.take_along_axis(order, rung[:, None], axis=-1)[:, 0]
    return ops.cast(rung, "int32")


class _Writer:
    """Texts in the making: tokens so far, and the cache of the part that the model has read."""

    def __init__(
        self,
        model: gpt.GPT,
        prompts: Sequence,
        how: Sampling,
        stop: Sequence[int] | int,
        seed: int,
        use_cache: bool,
    ) -> None:
        if not isinstance(model, gpt.GPT):
            raise TypeError(f"the model is a {type(model).__name__}; only a GPT can write")
        self.model, self.how, self.use_cache = model, how, use_cache
        self.length = model.config.context_length
        self.texts = [_checked(prompt, i, model) for i, prompt in enumerate(prompts)]
        if not self.texts:
            raise ValueError("there is no prompt: give at least one list of tokens")
        stop = np.atleast_1d(np.asarray(stop)) if np.size(stop) else np.zeros(0, "int32")
        if stop.size:
            gpt.check_tokens(stop, model.config.vocab_size, "stop")
        self.stop = [int(token) for token in stop]
        if not _is_whole(seed) or seed < 0:
            raise ValueError(f"seed is {seed!r}; it must be a whole number, 0 or more")
        self.new: list[list[int]] = [[] for _ in self.texts]
        self.ended = np.zeros(len(self.texts), bool)
        self._random = [np.random.default_rng([seed, i]) for i in range(len(self.texts))]
        self._drawn: list[list[float]] = [[] for _ in self.texts]
        self._start()

    def write(self, wanted: int) -> None:
        """Until each text has so many new tokens, or has ended."""
        while not (self.ended | (self._counts() >= wanted)).all():
            if self.position >= self.length:
                self._start()
            before = self.position
            self._advance(wanted)
            if self.position == before:  # pragma: no cover - would be an endless loop
                raise RuntimeError("generation does not advance")

    def _start(self) -> None:
        """Read the texts, or where the context is full their last half, into a new cache."""
        half = max(1, self.length // 2)
        full = any(len(text) > self.length for text in self.texts)
        self.read = [text[-half:] if full else list(text) for text in self.texts]
        self.lengths = np.array([len(text) for text in self.read], "int32")
        self.made = self._counts()  # new tokens that `read` already holds
        self.tokens = np.zeros((len(self.texts), self.length + 1), "int32")
        for row, text in zip(self.tokens, self.read, strict=True):
            row[: len(text)] = text
        self.position = int(self.lengths.min()) - 1
        self.cache = self._prefilled() if self.use_cache else []

    def _prefilled(self) -> Any:
        """The cache after the tokens that all prompts have, up to the last but one of the shortest.

        They are read in a few fixed lengths: what is read too far is overwritten before it is seen.
        """
        batch, width = len(self.texts), SMALLEST_PREFILL
        if self.position == 0:
            return self.model.empty_cache(batch)
        while width < self.position:
            width *= 2
        width = min(width, self.length)

        tokens = ops.convert_to_tensor(self.tokens[:, :width])
        return _program(self.model, ("read", batch, width), _reader(self.model, batch))(tokens)

    def _advance(self, wanted: int) -> None:
        stop_at = int((self.lengths + (wanted - self.made)).max()) - 1
        stop_at = min(max(stop_at, self.position + 1), self.length)
        how = self.how
        drawn = None if how.greedy else (how.top_k, how.top_p is None)
        key = ("write", len(self.texts), self.use_cache, drawn, how.repetition_penalty == 1,
               len(self.stop))  # fmt: skip
        program = _program(self.model, key, _loop(self.model, self.how))
        limits = self.lengths + (wanted - self.made)
        inputs = [
            self.tokens, self._uniforms(stop_at), self._seen(), self.ended, self.lengths,
            limits.astype("int32"), np.array(self.stop or [-1], "int32"),
            np.int32(self.position), np.int32(stop_at), np.float32(self.how.temperature or 1),
            np.float32(self.how.top_p or 1), np.float32(self.how.repetition_penalty),
        ]  # fmt: skip
        found = program(self.cache, *map(ops.convert_to_tensor, inputs))
        self.cache, position, tokens, ended = found
        self.position = int(position)
        self.tokens = np.array(ops.convert_to_numpy(tokens))
        self._take(np.array(ops.convert_to_numpy(ended)), wanted)

    def _take(self, ended: np.ndarray, wanted: int) -> None:
        """Move what was written from the loop's tokens to the texts."""
        for i, row in enumerate(self.tokens):
            if self.ended[i]:
                continue
            first = int(self.lengths[i]) + len(self.new[i]) - int(self.made[i])
            fresh = row[first : self.position + 1].tolist()[: wanted - len(self.new[i])]
            stops = [at for at, token in enumerate(fresh) if token in self.stop]
            if stops:
                fresh, self.ended[i] = fresh[: stops[0]], True
            self.new[i] += fresh
            self.texts[i] += fresh

    def _counts(self) -> np.ndarray:
        return np.array([len(new) for new in self.new], "int32")

    def _uniforms(self, stop_at: int) -> np.ndarray:
        """The draw for each row and position, by the number of the new token it is for."""
        found = np.zeros((len(self.texts), self.length), "float32")
        if self.how.greedy:
            return found
        for i, (length, made) in enumerate(zip(self.lengths, self.made, strict=True)):
            first, last = int(made), int(made) + stop_at - int(length) + 1
            missing = max(0, last - len(self._drawn[i]))
            self._drawn[i] += self._random[i].random(missing, "float32").tolist()
            found[i, length - 1 : length - 1 + last - first] = self._drawn[i][first:last]
        return found

    def _seen(self) -> np.ndarray:
        """1 for tokens that stand in the text, (batch, vocab_size), where that is needed."""
        if self.how.repetition_penalty == 1:
            return np.zeros((len(self.texts), 1), "float32")
        found = np.zeros((len(self.texts), self.model.config.vocab_size), "float32")
        for row, text in zip(found, self.texts, strict=True):
            row[text] = 1
        return found


def _reader(model: gpt.GPT, batch_size: int) -> Callable:
    """Tokens (batch, n) to the cache after them."""
    return lambda tokens: model.step(tokens, model.empty_cache(batch_size), 0)[1]


def _loop(model: gpt.GPT, how: Sampling) -> Callable:
    """The part to compile: from one position to another, or until all rows have ended."""

    def loop(cache: list, *inputs: Any) -> tuple:
        (tokens, uniforms, seen, ended, lengths, limits, stop, start, stop_at, temperature,
         top_p, penalty) = inputs  # fmt: skip

        def go_on(position: Any, tokens: Any, ended: Any, *rest: Any) -> Any:
            return ops.logical_and(position < stop_at, ops.logical_not(ops.all(ended)))

        def one(position: Any, tokens: Any, ended: Any, seen: Any, *cache: Any) -> tuple:
            if cache:
                now = ops.slice(tokens, (0, position), (tokens.shape[0], 1))
                logits, cache = model.step(now, _pairs(cache), position)
                logits = logits[:, 0]
            else:
                logits = ops.take(model(tokens[:, :-1], training=False), position, axis=1)
            if how.repetition_penalty != 1:
                logits = _penalised(logits, seen, penalty)
            drawn = ops.take(uniforms, position, axis=1)
            chosen = pick(logits, drawn, how, temperature, top_p)
            # Inside a prompt, its own next token.
            given = ops.take(tokens, position + 1, axis=1)
            chosen = ops.where(position + 1 < lengths, given, chosen)
            if how.repetition_penalty != 1:
                seen = ops.maximum(seen, ops.one_hot(chosen, seen.shape[-1]))
            at_end = ops.any(chosen[:, None] == stop[None, :], axis=-1)
            at_end = ops.logical_and(at_end, position + 1 >= lengths)
            ended = ops.logical_or(ended, ops.logical_or(at_end, position + 2 >= limits))
            tokens = ops.slice_update(tokens, (0, position + 1), chosen[:, None])
            return (position + 1, tokens, ended, seen, *_flat(cache))

        start = (start, tokens, ended, seen, *_flat(cache))
        position, tokens, ended, _, *cache = ops.while_loop(go_on, one, start)
        return _pairs(cache), position, tokens, ended

    return loop


def _penalised(logits: Any, seen: Any, penalty: Any) -> Any:
    """Seen tokens lose logits: positive ones are divided, negative ones multiplied."""
    logits = ops.cast(logits, "float32")
    lower = ops.where(logits > 0, logits / penalty, logits * penalty)
    return ops.where(seen > 0, lower, logits)


def _program(model: gpt.GPT, key: tuple, function: Callable) -> Callable:
    """The compiled function, made once for a model and what is fixed in it."""
    programs = model.__dict__.setdefault("_programs", {})
    if key not in programs:
        programs[key] = gpt.compiled(model, function)
    return programs[key]


def _flat(cache: Sequence) -> list:
    return [tensor for pair in cache for tensor in pair]


def _pairs(tensors: Sequence) -> list:
    return list(zip(tensors[::2], tensors[1::2], strict=True))


def _checked(prompt: Any, number: int, model: gpt.GPT) -> list[int]:
    """The prompt as plain numbers.

    Raises:
        ValueError, TypeError: it cannot be continued; the message says why.
    """
    if isinstance(prompt, str):
        raise TypeError("a prompt is a list of tokens: encode the text with the model's tokenizer")
    try:
        prompt = np.asarray(prompt)
    except ValueError:
        raise ValueError(f"prompt {number} is no plain list of tokens: {prompt!r}") from None
    if prompt.size == 0:
        raise ValueError(
            f"prompt {number} is empty: give it at least one token, for instance a line break"
        )
    if prompt.ndim != 1:
        raise ValueError(f"prompt {number} has the shape {prompt.shape}; give a list of tokens")
    length = model.config.context_length
    if len(prompt) > length:
        raise ValueError(
            f"prompt {number} has {len(prompt)} tokens, and the context holds {length}: shorten "
            f"it, for instance to its last {length} tokens (prompt[-{length}:])"
        )
    gpt.check_tokens(prompt, model.config.vocab_size, f"prompt {number}")
    return prompt.tolist()


def _checked_length(max_new_tokens: Any) -> int:
    if not _is_whole(max_new_tokens) or max_new_tokens < 0:
        raise ValueError(
            f"max_new_tokens is {max_new_tokens!r}; it must be a whole number, 0 or more"
        )
    return int(max_new_tokens)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
