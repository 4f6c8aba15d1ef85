"""Character n-grams with Witten-Bell smoothing: the language model to beat before a network counts.

A model of order n tells the next character from the n - 1 before it, by counting. What it has seen
too rarely it leaves to order n - 1, and so on down to order 0, where every character that Unicode
has is equally likely. How much it leaves is the idea of Witten and Bell (1991): a context that was
followed by many *different* characters is likely to be followed by another new one,

    P(c | h) = (count(h c) + kinds(h) * P(c | shorter h)) / (count(h) + kinds(h))

with kinds(h) the number of different characters seen after h. Chen and Goodman (1999) compare it
with other ways of smoothing.

All counting is by sorting whole arrays: a text of 2 MB takes seconds, where a loop takes minutes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

# Characters that a text may hold: Unicode's code points, less those that only build pairs.
CODE_POINTS = 0x110000 - 0x800
START = 0  # stands before the first character of every text; never predicted


@dataclass(frozen=True)
class _Table:
    """What was counted of one order. Row k is the k-th distinct n-gram, in sorted order.

    Attributes:
        keys: (rows,) int64, sorted: row of the n-gram without its last character in the table of
            the order below, times the alphabet's size, plus the last character.
        counts: (rows,) how often the n-gram's last character was seen there.
        totals: (rows of the order below,) how often that context was followed by anything.
        kinds: likewise, by how many different characters.
    """

    keys: np.ndarray
    counts: np.ndarray
    totals: np.ndarray
    kinds: np.ndarray

    def rows(self, keys: np.ndarray) -> np.ndarray:
        """The row of each key, or -1 where it was never seen."""
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where((self.keys[at] == keys) & (keys >= 0), at, -1)


class NGrams:
    """A character n-gram model with interpolated Witten-Bell smoothing, for its order and all below.

    Args:
        order: characters in the longest n-gram, 1 or more; 3 is a trigram model.

    Raises:
        ValueError: the order cannot be.
    """

    def __init__(self, order: int) -> None:
        if isinstance(order, bool) or not isinstance(order, int | np.integer) or order < 1:
            raise ValueError(f"order is {order!r}; it must be a whole number, 1 or more")
        self.order = int(order)
        self.alphabet = ""
        self._tables: list[_Table] = []

    def fit(self, texts: str | Iterable[str]) -> NGrams:
        """Count the n-grams of texts, each from its own start; what was counted before is dropped.

        Raises:
            ValueError: there is no character to count.
        """
        texts = _listed(texts)
        self.alphabet = "".join(sorted(set().union(*texts))) if texts else ""
        if not self.alphabet:
            raise ValueError("there is no text to count: pass one text, or a list of texts")
        ids, real = self._encode(texts)
        grams = np.zeros(len(ids), np.int64)  # row of the n-gram that ends here; order 0 has one
        self._tables, rows = [], 1
        for _ in range(self.order):
            keys = _before(grams) * self._base + ids
            table, grams = _count(keys, real, self._base, rows)
            self._tables.append(table)
            rows = len(table.keys)
        return self

    def bits_per_character(self, texts: str | Iterable[str], order: int | None = None) -> float:
        """Bits that the model needs for a character of these texts, on average; every one counts.

        Args:
            texts: one text or several. A character never seen in training costs many bits, and is
                allowed.
            order: use n-grams of at most this order; None: of all.

        Raises:
            ValueError: not fitted, no text, or an order that was not counted.
        """
        texts = _listed(texts)
        return self._bits(texts, order) / sum(map(len, texts))

    def bits_per_byte(self, texts: str | Iterable[str], order: int | None = None) -> float:
        """The same for a byte of the texts in UTF-8, which compares with any other tokens."""
        texts = _listed(texts)
        num_bytes = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
        return self._bits(texts, order) / num_bytes

    def probabilities(self, context: str, order: int | None = None) -> np.ndarray:
        """Of the next character after a context: (characters in `alphabet` + 1,), sums to 1.

        The last number is the share of all characters that training never saw, together.
        """
        base, found = self._base, np.full(self._base, 1 / CODE_POINTS)
        found[START] = 1 - len(self.alphabet) / CODE_POINTS  # the place of the unseen ones
        for table, row in zip(self._chosen(order), self._contexts(context, order), strict=False):
            if row < 0 or not table.totals[row]:
                break  # nor was any longer context seen
            low, high = np.searchsorted(table.keys, (row * base, (row + 1) * base))
            counts = np.zeros(base)
            counts[table.keys[low:high] % base] = table.counts[low:high]
            found = counts + table.kinds[row] * found
            found /= table.totals[row] + table.kinds[row]
        return np.append(found[1:], found[START])

    def sample(self, prompt: str, n: int, seed: int = 0, order: int | None = None) -> str:
        """Draw n characters that go on from the prompt, which is not repeated; "" is a text's start.

        Characters never seen in training are not drawn.

        Raises:
            ValueError: n is negative.
        """
        if n < 0:
            raise ValueError(f"n is {n}; it must be 0 or more characters")
        random, text = np.random.default_rng(seed), prompt
        for _ in range(n):
            known = self.probabilities(text, order)[:-1].cumsum()
            place = np.searchsorted(known, random.random() * known[-1], side="right")
            text += self.alphabet[min(place, len(known) - 1)]
        return text[len(prompt) :]

    # Inside

    @property
    def _base(self) -> int:
        """Ids in use: START, then the alphabet from 1."""
        return len(self.alphabet) + 1

    def _chosen(self, order: int | None) -> list[_Table]:
        if not self._tables:
            raise ValueError("the model has counted nothing yet: call fit(texts) first")
        if order is not None and not 1 <= order <= self.order:
            raise ValueError(f"order is {order}; this model counted orders 1 to {self.order}")
        return self._tables[:order]

    def _bits(self, texts: list[str], order: int | None) -> float:
        tables = self._chosen(order)
        if not any(texts):
            raise ValueError("there is no text to judge: its bits per character do not exist")
        ids, real = self._encode(texts)
        share = np.full(len(ids), 1 / CODE_POINTS)
        grams = np.zeros(len(ids), np.int64)
        for table in tables:
            context = _before(grams)
            seen = (context >= 0) & (ids >= 0)
            grams = table.rows(np.where(seen, context * self._base + ids, -1))
            share = _mixed(table, context, grams, share)
        return float(-np.log2(share[real]).sum())

    def _encode(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """All texts as ids, START before each as often as contexts are long; which are characters.

        A character that is not in the alphabet is -1.
        """
        pad = np.full(self.order, -2)  # no code point
        parts = [part for text in texts for part in (pad, _code_points(text))]
        codes = np.concatenate(parts)
        known = _code_points(self.alphabet)
        at = np.minimum(np.searchsorted(known, codes), len(known) - 1)
        ids = np.where(known[at] == codes, at + 1, -1)
        ids[codes == -2] = START
        return ids, codes != -2

    def _contexts(self, context: str, order: int | None) -> list[int]:
        """The row of the last 0, 1, 2, ... characters, each in the table that counted them."""
        ids, _ = self._encode([context[-self.order :]])
        rows = [0]
        grams = np.zeros(len(ids), np.int64)
        for table in self._chosen(order):
            before = _before(grams)
            known = (before >= 0) & (ids >= 0)
            grams = table.rows(np.where(known, before * self._base + ids, -1))
            rows.append(int(grams[-1]))
        return rows


def _count(
    keys: np.ndarray, real: np.ndarray, base: int, contexts: int
) -> tuple[_Table, np.ndarray]:
    """The table of one order, and for each place the row of the n-gram that ends there."""
    distinct, grams = np.unique(keys, return_inverse=True)
    counts = np.bincount(grams[real], minlength=len(distinct))  # START itself is not predicted
    owner = distinct // base
    totals = np.bincount(owner, weights=counts, minlength=contexts)
    kinds = np.bincount(owner, weights=counts > 0, minlength=contexts)
    return _Table(distinct, counts, totals, kinds), grams.astype(np.int64)


def _mixed(table: _Table, context: np.ndarray, grams: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Probabilities of one order from those of the order below; (places,)."""
    totals = np.where(context >= 0, table.totals[context], 0)
    kinds = np.where(context >= 0, table.kinds[context], 0)
    counts = np.where(grams >= 0, table.counts[grams], 0)
    weight = np.maximum(totals + kinds, 1)
    return np.where(totals > 0, (counts + kinds * lower) / weight, lower)


def _before(grams: np.ndarray) -> np.ndarray:
    """For each place what ended at the place before it; the first place has START all around."""
    return np.concatenate([grams[:1], grams[:-1]])


def _code_points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.int64)


def _listed(texts: str | Iterable[str]) -> list[str]:
    texts = [texts] if isinstance(texts, str) else list(texts)
    for text in texts:
        if not isinstance(text, str):
            raise ValueError(f"texts must be strings, and one is {type(text).__name__}")
    return texts
