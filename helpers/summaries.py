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
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from helpers import runtime, sources

if TYPE_CHECKING:
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
    return "\n".join(" ".join(line.split()) for line in shown.strip().splitlines()), cut


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
        text = json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False, sort_keys=True)
        part.write_text(text + "\n", encoding="utf-8")
