"""What is measured on summaries, and the plumbing of the chapter on them.

ROUGE is that of the `rouge-score` package (Google's, with its stemmer), in points from 0 to 100;
intervals are bootstrapped over documents. What is taught, the summarizers, stands in notebook 17.
"""

from __future__ import annotations

import functools
import html
import json
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from helpers import runtime, sources

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

KINDS = ("rouge1", "rouge2", "rougeL")
DRAWS = 2000
MOST_CHARACTERS = 10_000  # of a pasted text; what is more is not read
FEWEST_WORDS = 8
NAMES_OF_SCRIPTS = {
    "CJK": "Chinese", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean",
    "CYRILLIC": "Cyrillic", "GREEK": "Greek", "ARABIC": "Arabic", "HEBREW": "Hebrew",
    "DEVANAGARI": "Devanagari", "THAI": "Thai",
}  # fmt: skip


# --- ROUGE


def rouge(
    summaries: Sequence[str],
    references: Sequence[str | Sequence[str]],
    kinds: Sequence[str] = KINDS,
) -> pd.DataFrame:
    """F-measures in points (0 to 100), a row a document; the `rouge-score` package's, stemmed.

    Args:
        summaries: one of each document.
        references: what people wrote on it; where there are several, that which fits best counts.
        kinds: "rouge1" and "rouge2" count words and pairs of words in common, "rougeL" the longest
            row of words that both have in this order.

    Raises:
        ValueError: not as many summaries as references, or a document without a reference.
    """
    import pandas as pd

    if len(summaries) != len(references):
        raise ValueError(f"{len(summaries)} summaries, and references for {len(references)}")
    scorer = _scorer(tuple(kinds))
    rows = []
    for row, (summary, found) in enumerate(zip(summaries, references, strict=True)):
        found = [found] if isinstance(found, str) else list(found)
        if not found:
            raise ValueError(f"document {row} has no reference")
        score = scorer.score_multi(found, summary)
        rows.append([100 * score[kind].fmeasure for kind in kinds])
    return pd.DataFrame(rows, columns=list(kinds))


@functools.cache
def _scorer(kinds: tuple[str, ...]) -> Any:
    from rouge_score import rouge_scorer

    return rouge_scorer.RougeScorer(list(kinds), use_stemmer=True)


def interval(values: Sequence[float], seed: int = 0, draws: int = DRAWS) -> tuple[float, float]:
    """The 95% bootstrap interval of a mean: documents drawn anew, with repetition, many times.

    For a difference of two systems give the difference document by document.

    Raises:
        ValueError: there are fewer than two values.
    """
    import numpy as np

    values = np.asarray(values, float)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError("an interval needs the values of two documents or more")
    rng = np.random.default_rng(seed)
    means = [values[rng.integers(len(values), size=len(values))].mean() for _ in range(draws)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def table(scores: Mapping[str, pd.DataFrame], baseline: str, seed: int = 0) -> pd.DataFrame:
    """Means of each system's ROUGE, and how much its ROUGE-L is above the baseline's, with interval.

    Args:
        scores: for each system what `rouge` gave, on the same documents.
        baseline: one of them.

    Raises:
        KeyError: the baseline is none of them.
    """
    import pandas as pd

    base = scores[baseline]["rougeL"].to_numpy()
    rows = {}
    for name, found in scores.items():
        above = found["rougeL"].to_numpy() - base
        low, high = interval(above, seed)
        rows[name] = {**found.mean(), f"above {baseline}": above.mean(), "from": low, "to": high}
    return pd.DataFrame(rows).T


# --- sentences


def best_sentence(parts: Sequence[str], references: Sequence[str]) -> int:
    """Which sentence has the highest ROUGE-L with a reference: what no extraction of one can beat."""
    scorer = _scorer(("rougeL",))
    found = [scorer.score_multi(list(references), part)["rougeL"].fmeasure for part in parts]
    return max(range(len(found)), key=found.__getitem__)


def words(text: str) -> list[str]:
    """The words and numbers of a text in lower case, without apostrophes and hyphens."""
    return re.findall(r"[^\W_]+", text.lower())


@functools.cache
def stem(word: str) -> str:
    """A word without its ending, by Porter's rules, as ROUGE compares: "returned" is "return"."""
    return _stemmer().stem(word)


@functools.cache
def _stemmer() -> Any:
    from nltk.stem.porter import PorterStemmer

    return PorterStemmer()


@functools.cache
def common_words() -> frozenset[str]:
    """English words that say little ("the", "of"), as scikit-learn lists them."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset(ENGLISH_STOP_WORDS)


def content(text: str) -> list[str]:
    """The words of a text that carry its content, stemmed, in order."""
    return [stem(word) for word in words(text) if word not in common_words()]


def novel(summary: str, document: str) -> list[str]:
    """The content words of a summary that are nowhere in the document, whatever their ending."""
    there = {stem(word) for word in words(document)}
    kept = (word for word in words(summary) if word not in common_words())
    return [word for word in kept if stem(word) not in there]


def novelty(summaries: Iterable[str], documents: Iterable[str]) -> tuple[int, int]:
    """How many content words of all summaries are nowhere in their document, and how many there are."""
    new = total = 0
    for summary, document in zip(summaries, documents, strict=True):
        new += len(novel(summary, document))
        total += sum(word not in common_words() for word in words(summary))
    return new, total


# --- words with slots


class Words:
    """Words as numbers, where a word that is not known takes the number of a slot of its document.

    See et al. (2017) let a model copy words that it has never met. Here a document's first unknown
    word becomes slot 0, the next slot 1, and so on, in the document and in its summary alike; to
    read a summary back, the document's own words are put into the slots.

    Args:
        texts: to learn the vocabulary from; the most frequent words are kept.
        vocab_size: how many numbers there are, marks and slots included.
        slots: how many unknown words of a document have a number of their own.

    Attributes:
        vocabulary: for each number its word: <pad>, <start>, <end>, <unknown>, the slots, the rest.

    Raises:
        ValueError: the vocabulary has no room for words.
    """

    pad, start, end, unknown = range(4)

    def __init__(self, texts: Iterable[str], vocab_size: int, slots: int = 24) -> None:
        marks = ["<pad>", "<start>", "<end>", "<unknown>", *(f"<{i}>" for i in range(slots))]
        room = vocab_size - len(marks)
        if room < 1:
            raise ValueError(f"vocab_size is {vocab_size}, and {len(marks)} go to marks and slots")
        counts = Counter(word for text in texts for word in set(self.split(text)))
        ordered = sorted(counts, key=lambda word: (-counts[word], word))
        self.slots = slots
        self.vocabulary = [*marks, *ordered[:room]]
        self.ids = {word: i for i, word in enumerate(self.vocabulary)}

    def __len__(self) -> int:
        return len(self.vocabulary)

    @staticmethod
    def split(text: str) -> list[str]:
        """Words and single marks of punctuation, in lower case."""
        return re.findall(r"[^\W_]+|[^\w\s]", text.lower())

    def encode(self, document: str, length: int) -> tuple[list[int], list[str]]:
        """A document's numbers, at most `length`, and the words in its slots."""
        found: list[int] = []
        slots: list[str] = []
        for word in self.split(document)[:length]:
            if word not in self.ids and word not in slots and len(slots) < self.slots:
                slots.append(word)
            found.append(self._id(word, slots))
        return found, slots

    def encode_summary(self, summary: str, slots: Sequence[str]) -> list[int]:
        """A summary's numbers, with its document's slots, without the full stop at its end."""
        return [self._id(word, slots) for word in self.split(summary.rstrip(". "))]

    def decode(self, ids: Iterable[int], slots: Sequence[str]) -> str:
        """The text of a summary, up to its end mark; marks are left out."""
        shown = []
        for i in map(int, ids):
            if i == self.end:
                break
            if 4 <= i < 4 + self.slots:
                shown += slots[i - 4 : i - 3]
            elif i > self.unknown:
                shown.append(self.vocabulary[i])
        text = re.sub(r" (?=[.,;:!?%)\]}])|(?<=[(\[{]) ", "", " ".join(shown))
        return re.sub(r"(?<=\w) ([-'/]) (?=\w)", r"\1", text)

    def _id(self, word: str, slots: Sequence[str]) -> int:
        if word in self.ids:
            return self.ids[word]
        return 4 + slots.index(word) if word in slots else self.unknown


class Arrays(NamedTuple):
    """Documents and summaries as arrays of one length each, filled up with <pad>.

    Attributes:
        source: (documents, source length), int32.
        target: (documents, target length), int32: each summary from <start> to <end>.
        slots: for each document the words in its slots.
    """

    source: np.ndarray
    target: np.ndarray
    slots: list[list[str]]


def arrays(
    coder: Words,
    documents: Sequence[str],
    summaries: Sequence[str] | None,
    source_length: int,
    target_length: int,
) -> Arrays:
    """Documents, and their summaries if there are any, cut to the lengths and as numbers.

    A summary that is too long is cut, and then has no <end>.

    Raises:
        ValueError: not as many summaries as documents.
    """
    import numpy as np

    written = [""] * len(documents) if summaries is None else summaries
    source = np.full((len(documents), source_length), coder.pad, "int32")
    target = np.full((len(documents), target_length), coder.pad, "int32")
    slots = []
    for row, (document, summary) in enumerate(zip(documents, written, strict=True)):
        ids, found = coder.encode(document, source_length)
        whole = [coder.start, *coder.encode_summary(summary, found), coder.end][:target_length]
        source[row, : len(ids)] = ids
        target[row, : len(whole)] = whole
        slots.append(found)
    return Arrays(source, target, slots)


# --- search


def search(
    model: Any,
    source: np.ndarray,
    coder: Words,
    length: int,
    *,
    beams: int = 1,
    length_penalty: float = 0.0,
    once: Sequence[int] = (),
    batch_size: int = 128,
) -> list[list[int]]:
    """The likeliest summaries: greedy with one beam, else beam search; whole batches at once.

    Args:
        model: its `encode(source)` reads documents (n, source length), and its
            `following(source, read, target, place)` gives the log-probabilities of what follows
            that place in summaries so far (n, length): (n, vocabulary).
        source: documents as numbers, (documents, source length).
        coder: whose marks these are; <pad>, <start> and <unknown> are never written.
        length: places of a summary, <start> and <end> included.
        beams: how many unfinished summaries are kept for each document.
        length_penalty: a summary's score is its log-probability over its length to this power.
        once: numbers that a summary may have only once.
        batch_size: documents searched at once; always as many, so that one program serves all.

    Returns:
        for each document the numbers of its summary, without <start> and <end>.

    Raises:
        ValueError: there is no document, or `beams` is below 1.
    """
    import numpy as np

    if len(source) == 0 or beams < 1:
        raise ValueError("search needs a document or more, and one beam or more")
    encode, following = compiled(model.encode), compiled(model.following)
    found: list[list[int]] = []
    for first in range(0, len(source), batch_size):
        part = source[first : first + batch_size]
        filled = np.concatenate([part, np.repeat(part[:1], batch_size - len(part), axis=0)])
        beam = _Beam(encode, following, filled, coder, length, beams, once)
        found += beam.best(length_penalty)[: len(part)]
    return found


@functools.lru_cache(maxsize=8)
def compiled(function: Callable) -> Callable:
    """A function of tensors as one program, where the backend has such; without gradients.

    The last few are kept, so that a model that is searched again is not compiled again.
    """
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function, autograph=False)
    if keras.backend.backend() == "torch":
        import torch

        return torch.no_grad()(function)
    return function


class _Beam:
    """The search for a batch of documents: (documents, beams, length) numbers and their scores."""

    def __init__(self, encode, following, source, coder, length, beams, once) -> None:
        import numpy as np
        from keras import ops

        count = len(source)
        self.following, self.coder = following, coder
        self.length, self.beams = length, beams
        self.source = ops.convert_to_tensor(np.repeat(source, beams, axis=0))
        self.read = ops.repeat(encode(ops.convert_to_tensor(source)), beams, axis=0)
        self.target = np.full((count, beams, length), coder.pad, "int32")
        self.target[:, :, 0] = coder.start
        self.scores = np.full((count, beams), -np.inf)
        self.scores[:, 0] = 0.0  # all beams are the same at first, and one is enough
        self.once = np.zeros(len(coder), bool)
        self.once[list(once)] = True
        for place in range(length - 1):
            self._grow(place)
            if self._ended().all():
                break

    def _ended(self) -> Any:
        return (self.target == self.coder.end).any(axis=2)

    def _grow(self, place: int) -> None:
        import numpy as np
        from keras import ops

        count, vocabulary, coder = len(self.target), len(self.coder), self.coder
        rows = self.target.reshape(-1, self.length)
        target, here = ops.convert_to_tensor(rows), ops.convert_to_tensor(place, "int32")
        following = self.following(self.source, self.read, target, here)
        following = np.array(ops.convert_to_numpy(following), float)
        following[:, [coder.pad, coder.start, coder.unknown]] = -np.inf
        used = np.zeros((len(rows), vocabulary), bool)
        used[np.arange(len(rows))[:, None], rows] = True
        following[used & self.once] = -np.inf
        if place == self.length - 2:  # the last place is for the end
            following[:, np.arange(vocabulary) != coder.end] = -np.inf
        ended = self._ended().reshape(-1)
        following[ended] = -np.inf
        following[ended, coder.pad] = 0.0  # a summary that has ended stays as it is
        total = self.scores[:, :, None] + following.reshape(count, self.beams, vocabulary)
        flat = total.reshape(count, -1)
        chosen = _highest(flat, self.beams)
        beam, word = np.divmod(chosen, vocabulary)
        self.target = np.take_along_axis(self.target, beam[:, :, None], axis=1)
        self.target[:, :, place + 1] = word
        self.scores = np.take_along_axis(flat, chosen, axis=1)

    def best(self, length_penalty: float) -> list[list[int]]:
        """Of each document the beam with the highest score."""
        import numpy as np

        written = (self.target > self.coder.end).sum(axis=2)
        scores = self.scores / np.maximum(written + 1, 1) ** length_penalty
        rows = self.target[np.arange(len(scores)), scores.argmax(axis=1)]
        return [[int(i) for i in row if i > self.coder.end] for row in rows]


def _highest(scores: np.ndarray, count: int) -> np.ndarray:
    """The columns of the highest scores of each row, the highest first: (rows, count)."""
    import numpy as np

    if count == 1:
        return scores.argmax(axis=1)[:, None]
    some = np.argpartition(-scores, count - 1, axis=1)[:, :count]
    order = np.argsort(-np.take_along_axis(scores, some, axis=1), axis=1, kind="stable")
    return np.take_along_axis(some, order, axis=1)


# --- a text of the reader's own


def readable(text: object) -> tuple[str, str]:
    """A pasted text made fit to be summed up, and a sentence on what was wrong with it.

    One of the two is empty unless the text was too long and only its beginning is used.
    """
    if not isinstance(text, str) or not text.strip():
        return "", "There is no text. Paste one of some sentences, in English."
    cut = "" if len(text) <= MOST_CHARACTERS else (
        f"Only the first {MOST_CHARACTERS:,} of {len(text):,} characters were read."
    )  # fmt: skip
    text = text[:MOST_CHARACTERS]
    shown = "".join(c if c in "\n\t" or unicodedata.category(c)[0] != "C" else " " for c in text)
    letters = [c for c in shown if c.isalpha()]
    if not letters:
        return "", "This text has no words, so there is nothing to sum up."
    script = _other_script(letters)
    if script:
        return "", f"This text is in {script} writing; the models here have learned English only."
    if len(words(shown)) < FEWEST_WORDS:
        return "", f"A text of fewer than {FEWEST_WORDS} words is a summary already. Paste more."
    if len(words(shown)) < len(letters) / 25:
        return "", "This does not look like words: there are hardly any spaces in it."
    whole = re.sub(
        r"(?<![.!?:\s])[ \t]*\n(?=[ \t]*\S)", " ", shown.strip()
    )  # lines cut in mid-sentence
    return "\n".join(" ".join(line.split()) for line in whole.splitlines()), cut


def _other_script(letters: Sequence[str]) -> str:
    """The name of the writing that most letters are in, unless it is the Latin one."""
    names = [unicodedata.name(c, "another").split()[0] for c in letters[:500]]
    if names.count("LATIN") * 2 >= len(names):
        return ""
    most = max(set(names), key=names.count)
    return NAMES_OF_SCRIPTS.get(most, most.capitalize())


def answer(summarise: Callable[[str], str], text: object) -> str:
    """What `summarise` says of a text, or a sentence that says why there is no summary of it."""
    clean, problem = readable(text)
    if not clean:
        return problem
    found = summarise(clean).strip() or "The model wrote nothing on this text."
    return f"{found} ({problem})" if problem else found


def box(summarise: Mapping[str, Callable[[str], str]], text: str) -> None:
    """A field to paste a text into, and under it what each summarizer makes of it.

    A static page shows the summaries of `text`; `make record` leaves the field out (COURSE_STILL).
    """
    import ipywidgets
    from IPython.display import HTML, display

    def page(given: str) -> HTML:
        lines = [
            f"<b>{name}</b>: {html.escape(answer(how, given))}" for name, how in summarise.items()
        ]
        return HTML("<br>".join(lines))

    field = ipywidgets.Textarea(value=text, layout={"width": "95%", "height": "9em"})
    button = ipywidgets.Button(description="Sum it up")
    if not os.environ.get("COURSE_STILL"):
        display(ipywidgets.VBox([field, button]))
    shown = display(page(text), display_id=True)
    button.on_click(lambda _: shown.update(page(field.value)))


# --- what was recorded


def recorded() -> dict[str, Any]:
    """What the long trainings gave: `summaries.json`, by data set and system.

    Raises:
        sources.SourceError: it does not ship.
    """
    return json.loads(sources.path("summaries.json").read_text(encoding="utf-8"))


def save_recorded(found: Mapping[str, Any]) -> None:
    """Write `summaries.json`, whole or not at all."""
    with runtime.write_atomically(runtime.shipped() / "summaries.json") as part:
        text = json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False)
        part.write_text(text + "\n", encoding="utf-8")
