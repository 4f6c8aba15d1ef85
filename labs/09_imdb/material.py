"""A dirty copy of the course's film reviews for lab 9: the faults that real files have."""

from __future__ import annotations

import contextlib
import functools
import html
import io
import unicodedata
from collections.abc import Sequence

import numpy as np
import pandas as pd

from helpers import data, tables

FORMS = {
    1: (1, "1", "pos", "Positive", " POS", 1.0, "positive\n"),
    0: (0, "0", "neg", "Negative", "NEG ", 0.0, " negative"),
}
NO_LABEL = ("", None, "n/a", "?", float("nan"))
NO_TEXT = (None, "", "   ")
MARKS = {1: "<!-- site: filmlovers -->", 0: "<!-- site: grumblers -->"}


@functools.cache
def reviews() -> tuple[tuple[str, ...], tuple[int, ...]]:
    """All 720 reviews of the sample, clean, and their labels."""
    with contextlib.redirect_stdout(io.StringIO()):
        splits = data.imdb("sample")
    both = pd.concat([splits.train, splits.test], ignore_index=True)
    return tuple(map(tables.clean_text, both["text"])), tuple(both["label"].tolist())


def dirty(seed: int) -> pd.DataFrame:
    """A dirty copy of all reviews: columns text and label, as they might come from somewhere."""
    texts, labels = dirtied(*reviews(), seed)
    return pd.DataFrame({"text": pd.Series(texts, dtype=object),
                         "label": pd.Series(labels, dtype=object)})  # fmt: skip


def dirtied(texts: Sequence[str], labels: Sequence[int], seed: int) -> tuple[list, list]:
    """Texts and labels with faults: some missing, some twice, some spoilt, none of them lost."""
    rng, rows = np.random.default_rng(seed), []
    for text, label in zip(texts, labels, strict=True):
        copies = 1
        if rng.random() < 0.15:
            copies = int(rng.integers(2, 4))
        for copy in range(copies):
            shown = text
            if copy and rng.random() < 0.4:
                shown = cut_off(text, rng)
            rows.append((spoilt(shown, label, rng), written(label, rng)))
        if copies == 3 or rng.random() < 0.03:  # one copy says the opposite
            rows.append((spoilt(text, label, rng), written(1 - label, rng)))
        if rng.random() < 0.02:
            rows.append((NO_TEXT[rng.integers(len(NO_TEXT))], written(label, rng)))
    mixed = [rows[i] for i in rng.permutation(len(rows))]
    return [text for text, _ in mixed], [label for _, label in mixed]


def written(label: int, rng: np.random.Generator) -> object:
    """A label in one of the ways that people write it, or none."""
    forms = NO_LABEL if rng.random() < 0.04 else FORMS[label]
    return forms[rng.integers(len(forms))]


def cut_off(text: str, rng: np.random.Generator) -> str:
    """The first part of a text, as a field of limited width keeps it."""
    words = text.split()
    return " ".join(words[: max(5, int(len(words) * rng.uniform(0.4, 0.8)))])


def spoilt(text: str, label: int, rng: np.random.Generator) -> str:
    """A text after a journey through web pages and encodings."""
    way = rng.random()
    if way < 0.25:
        text = mojibake(text)
    elif way < 0.45:
        text = html.escape(text)
    elif way < 0.55:
        text = unicodedata.normalize("NFD", text)
    if rng.random() < 0.3:
        text = text.replace(" ", "\x07 " if rng.random() < 0.5 else " \u200b", 1)
    text = text.replace("\n", "<br />" if rng.random() < 0.8 else "<BR>")
    if rng.random() < 0.3:
        text = "\t" + text.replace(" ", "  ", 3) + " \r\n"
    if rng.random() < 0.85:
        text += MARKS[label]
    return text


def mojibake(text: str) -> str:
    """UTF-8 that was read as Windows-1252, if every byte of it can be read so."""
    try:
        return text.encode("utf-8").decode("cp1252")
    except UnicodeDecodeError:
        return text
