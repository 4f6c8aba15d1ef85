"""What it takes to compare classifiers of reviews fairly: films kept together, each test taken once.

Reviews are texts; labels are 0 (unfavourable) and 1 (favourable); what a classifier says is a
probability of 1. Words are lower case, and punctuation marks count as words.
"""

from __future__ import annotations

import itertools
import json
import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from helpers import sources

if TYPE_CHECKING:
    import pandas as pd
    from scipy.sparse import csr_matrix

WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?|[^\w\s]")
NAME = re.compile(r"[A-Za-z][A-Za-z'\-]+")
NAME_SHARE = 0.9  # a word is a name if it is written with a capital in so much of its reviews
ALIKE = 0.3  # cosine of two reviews' names from which they are taken to be of one film
SELDOM = 60  # a name in more reviews than this (an actor's, a city's) says little about the film
LARGEST = 100  # reviews that a group may have; without it, chains of actors join all films
PAD, UNKNOWN = 0, 1  # tokens: nothing, and a word that is not in the vocabulary


class AlreadyScored(RuntimeError):
    """A rung was to be measured on the test part a second time."""


def words(text: str) -> list[str]:
    """The words and punctuation marks of a review, in lower case, without marks of the web page."""
    return WORD.findall(text.replace("<br />", " ").lower())


# --- which reviews are of one film


def names(texts: Iterable[str]) -> list[list[str]]:
    """The names in each review: words nearly always written with a capital, and pairs of them.

    Whether a word is a name is told from all the texts together. A word that only ever begins
    sentences passes for one, too; being rare in the right way, it does little harm.
    """
    found = [NAME.findall(text.replace("<br />", " ")) for text in texts]
    capital, small = Counter(), Counter()
    for review in found:
        for word in set(review):
            (capital if word[0].isupper() else small)[word.lower()] += 1
    share = NAME_SHARE / (1 - NAME_SHARE)
    known = {word for word, n in capital.items() if n > share * small[word]}
    return [list(_names_in(review, known)) for review in found]


def _names_in(review: Sequence[str], known: set[str]) -> Iterator[str]:
    before = None
    for word in review:
        name = word.lower() if word[0].isupper() and word.lower() in known else None
        if name:
            yield name
        if name and before:
            yield f"{before} {name}"
        before = name


def name_vectors(texts: Iterable[str]) -> csr_matrix:
    """Reviews by the rare names in them, tf-idf, rows of length 1 (or 0): (reviews, names)."""
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import TfidfVectorizer

    lists = names(texts)
    seen = Counter(itertools.chain.from_iterable(set(review) for review in lists))
    if not any(2 <= n <= SELDOM for n in seen.values()):
        return csr_matrix((len(lists), 1), dtype=np.float32)
    vectorizer = TfidfVectorizer(
        analyzer=lambda review: review, min_df=2, max_df=SELDOM, sublinear_tf=True,
        dtype=np.float32,
    )  # fmt: skip
    return vectorizer.fit_transform(lists)


def films(texts: Iterable[str], alike: float = ALIKE, largest: int = LARGEST) -> np.ndarray:
    """A guess at which reviews are of the same film, from the names that they share.

    Pairs of reviews are joined in the order of their likeness, as long as no group grows beyond
    `largest`. Films of one series, or with the same actors, often end in one group: for a split
    that is to share nothing, that is the safe side.

    Args:
        texts: the reviews.
        alike: cosine of the name vectors from which a pair is joined.
        largest: reviews in a group, at most.

    Returns:
        (reviews,) the number of each review's group, from 0.
    """
    vectors = name_vectors(texts)
    first, second, likeness = _alike(vectors, alike)
    order = np.argsort(-likeness, kind="stable")
    parent, size = list(range(vectors.shape[0])), [1] * vectors.shape[0]
    for a, b in zip(first[order].tolist(), second[order].tolist(), strict=True):
        a, b = _root(parent, a), _root(parent, b)
        if a != b and size[a] + size[b] <= largest:
            parent[a] = b
            size[b] += size[a]
    roots = [_root(parent, i) for i in range(len(parent))]
    return np.unique(roots, return_inverse=True)[1].reshape(-1)


def _alike(vectors: csr_matrix, least: float, rows: int = 2000) -> tuple[np.ndarray, ...]:
    """Pairs (first < second) with a cosine of `least` or more, some rows at a time."""
    found = []
    for start in range(0, vectors.shape[0], rows):
        likeness = (vectors[start : start + rows] @ vectors.T).tocoo()
        kept = (likeness.data >= least) & (likeness.row + start < likeness.col)
        found.append((likeness.row[kept] + start, likeness.col[kept], likeness.data[kept]))
    return tuple(np.concatenate(part) for part in zip(*found, strict=True))


def _root(parent: list[int], i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


# --- reviews as numbers


class NGrams:
    """Which runs of words occur in a review.

    Gives what scikit-learn's `CountVectorizer(binary=True)` would, in a fraction of its time: n-grams
    are whole numbers here, and are counted by sorting them.

    Args:
        longest: words in the longest n-gram, 1 to 3; all shorter ones are taken as well.
        min_df: reviews that an n-gram must occur in.

    Raises:
        ValueError: an argument cannot be, or `transform` comes before `fit`.
    """

    def __init__(self, longest: int = 3, *, min_df: int = 2) -> None:
        if longest not in (1, 2, 3) or min_df < 1:
            raise ValueError("longest is 1, 2 or 3, and min_df at least 1")
        self.longest, self.min_df = longest, min_df

    def fit(self, texts: Iterable[str]) -> NGrams:
        """Learn the n-grams of these reviews."""
        self.fit_transform(texts)
        return self

    def fit_transform(self, texts: Iterable[str]) -> csr_matrix:
        """Learn them, and give the matrix of these reviews: (reviews, n-grams), ones and zeros."""
        split = [words(text) for text in texts]
        counted = Counter(itertools.chain.from_iterable(split))
        self.ids = {word: i for i, word in enumerate(sorted(counted), start=1)}  # 0: unknown
        self.keys = []
        return self._matrix(split, learn=True)

    def transform(self, texts: Iterable[str]) -> csr_matrix:
        """The matrix of other reviews; what `fit` did not see is left out."""
        if not hasattr(self, "keys"):
            raise ValueError("call fit first: it learns which n-grams there are")
        return self._matrix([words(text) for text in texts], learn=False)

    def get_feature_names_out(self) -> np.ndarray:
        """The n-gram of each column."""
        known = np.array(["?", *self.ids], dtype=object)
        found = []
        for size, keys in enumerate(self.keys, start=1):
            parts = [known[keys // self._base**k % self._base] for k in reversed(range(size))]
            found += [" ".join(ngram) for ngram in zip(*parts, strict=True)]
        return np.array(found, dtype=object)

    @property
    def _base(self) -> int:
        return len(self.ids) + 1

    def _matrix(self, split: list[list[str]], learn: bool) -> csr_matrix:
        from scipy.sparse import hstack

        rows = [np.array([self.ids.get(w, 0) for w in review], dtype=np.int64) for review in split]
        blocks = []
        for size in range(1, self.longest + 1):
            keys, where = _ngrams(rows, size, self._base)
            if learn:
                self.keys.append(_frequent(keys, where, self.min_df))
            blocks.append(_ones(keys, where, self.keys[size - 1], len(rows)))
        return hstack(blocks, format="csr")


def _ngrams(rows: list[np.ndarray], size: int, base: int) -> tuple[np.ndarray, np.ndarray]:
    """All n-grams as numbers, and the review of each; those with an unknown word are left out."""
    flat = np.concatenate([np.zeros(0, np.int64), *rows])
    review = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    count = max(0, len(flat) - size + 1)
    keys, known = np.zeros(count, np.int64), np.ones(count, bool)
    for offset in range(size):
        part = flat[offset : offset + count]
        keys = keys * base + part
        known &= part > 0
    known &= review[:count] == review[len(flat) - count :]
    return keys[known], review[:count][known]


def _frequent(keys: np.ndarray, review: np.ndarray, min_df: int) -> np.ndarray:
    """The n-grams that occur in enough reviews, sorted."""
    kinds, at = np.unique(keys, return_inverse=True)
    pairs = np.unique(review * max(1, len(kinds)) + at.reshape(-1))
    return kinds[np.bincount(pairs % max(1, len(kinds)), minlength=len(kinds)) >= min_df]


def _ones(keys: np.ndarray, review: np.ndarray, kept: np.ndarray, num_reviews: int) -> csr_matrix:
    """A one where a kept n-gram occurs in a review: (num_reviews, len(kept)), float32."""
    from scipy.sparse import csr_matrix

    if not len(kept):
        return csr_matrix((num_reviews, 0), dtype=np.float32)
    at = np.minimum(np.searchsorted(kept, keys), len(kept) - 1)
    found = kept[at] == keys
    pairs = np.unique(review[found] * len(kept) + at[found])
    rows, columns = pairs // len(kept), pairs % len(kept)
    ones = np.ones(len(pairs), np.float32)
    return csr_matrix((ones, (rows, columns)), shape=(num_reviews, len(kept)))


class Vocabulary:
    """The most frequent words, numbered from 2; 0 pads, 1 stands for every other word.

    Args:
        texts: reviews to learn it from: the training part only.
        size: how many tokens there are, the two special ones included.
    """

    def __init__(self, texts: Iterable[str], size: int) -> None:
        counted = Counter(itertools.chain.from_iterable(map(words, texts)))
        frequent = sorted(counted, key=lambda word: (-counted[word], word))[: size - 2]
        self.ids = {word: i for i, word in enumerate(frequent, start=2)}

    def __len__(self) -> int:
        return len(self.ids) + 2

    def encode(self, texts: Sequence[str], length: int, start: int | None = None) -> np.ndarray:
        """Reviews as rows of tokens: (reviews, length), int32, padded with 0 at the end.

        Of a review that is too long, the first `start` words and the last `length - start` are
        kept; a quarter and three quarters unless given. Verdicts stand at the end.
        """
        start = length // 4 if start is None else start
        rows = np.full((len(texts), length), PAD, np.int32)
        for row, text in zip(rows, texts, strict=True):
            ids = [self.ids.get(word, UNKNOWN) for word in words(text)]
            if len(ids) > length:
                ids = ids[:start] + ids[len(ids) - (length - start) :]
            row[: len(ids)] = ids
        return rows


def id_rows(ones: csr_matrix, length: int, seed: int = 0) -> np.ndarray:
    """The columns that hold a one, as rows of tokens: (reviews, length), int32, padded with 0.

    A column's token is its number plus 1. Of a row with more ones than fit, some are left out at
    random.
    """
    rng = np.random.default_rng(seed)
    rows = np.full((ones.shape[0], length), PAD, np.int32)
    for row, start, end in zip(rows, ones.indptr, ones.indptr[1:], strict=False):
        columns = ones.indices[start:end]
        if len(columns) > length:
            columns = rng.choice(columns, length, replace=False)
        row[: len(columns)] = columns + 1
    return rows


# --- networks


@dataclass(frozen=True)
class Fitted:
    """A network that was trained by `fit_network`.

    Attributes:
        model: it gives a logit a review.
        val_said: probabilities on the validation part.
        val_accuracy: share of it that they got right.
        epochs: passes that the weights have seen.
        history: of the run in which they were chosen, a `training.History`.
        seconds: all of it, validation included.
    """

    model: Any
    val_said: np.ndarray
    val_accuracy: float
    epochs: int
    history: Any
    seconds: float

    def said(self, x: Any) -> np.ndarray:
        """Probabilities of other reviews: (reviews,)."""
        return _said(self.model, x)

    @property
    def parameters(self) -> int:
        """Numbers that were learned."""
        return self.model.count_params()


def fit_network(
    build: Callable[[], Any], x: np.ndarray, y: np.ndarray, fit_rows: np.ndarray,
    val_rows: np.ndarray, *, epochs: int, learning_rate: float = 1e-3, batch_size: int = 32,
    seed: int = 0,
) -> Fitted:  # fmt: skip
    """Train a network; the epoch that validates best is kept.

    Adam; the learning rate rises in a twentieth of the steps and then falls along a cosine to 0;
    gradients are clipped at a global norm of 1.

    Args:
        build: makes the network: tokens in, a logit (batch, 1) out.
        x, y: all of train: tokens (reviews, length) and labels (reviews,).
        fit_rows, val_rows: which of them to fit, and to choose the epoch by.
        epochs, learning_rate, batch_size, seed: of the run.
    """
    import keras

    from helpers import training

    started = time.perf_counter()
    y = np.asarray(y, np.float32)
    keras.utils.set_random_seed(seed)
    model = build()
    steps = -(-len(fit_rows) // batch_size) * epochs
    model.compile(
        keras.optimizers.Adam(_rise_and_fall(learning_rate, steps), beta_2=0.98, global_clipnorm=1),
        keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy(threshold=0.0, name="accuracy")],
        jit_compile=False,  # XLA draws the random numbers of dropout many times more slowly
    )
    history = training.fit(
        model, x[fit_rows], y[fit_rows], epochs=epochs, batch_size=batch_size, seed=seed,
        validation_data=(x[val_rows], y[val_rows]), keep_best="val_accuracy", progress=False,
    )  # fmt: skip
    val_said = _said(model, x[val_rows])
    accuracy = float(np.mean((val_said > 0.5) == y[val_rows]))
    seconds = time.perf_counter() - started
    return Fitted(model, val_said, accuracy, history.best_epoch, history, seconds)


def _rise_and_fall(peak: float, steps: int) -> Any:
    import keras

    rising = max(1, steps // 20)
    return keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - rising), warmup_target=peak, warmup_steps=rising
    )


def _said(model: Any, x: Any) -> np.ndarray:
    from scipy.special import expit

    log = logging.getLogger("tensorflow")
    level = log.level
    log.setLevel(logging.ERROR)  # it takes models one after the other for one traced too often
    try:
        logits = model.predict(x, batch_size=256, verbose=0)
    finally:
        log.setLevel(level)
    return expit(np.asarray(logits, np.float64).ravel())


# --- the ladder


@dataclass(frozen=True)
class Rung:
    """How one classifier did on the test part.

    Attributes:
        name: of the classifier.
        accuracy: share of the test reviews that it got right, with its 95% interval (Wilson 1927).
        low, high: the ends of that interval.
        seconds: what it cost: all of it, from texts to a fitted model.
        parameters: numbers that were learned.
        about: anything else.
    """

    name: str
    accuracy: float
    low: float
    high: float
    seconds: float
    parameters: int
    about: dict = field(default_factory=dict)


class Ladder:
    """The test part, kept shut: each classifier is measured on it once, and what it said is kept.

    Args:
        labels: of the test reviews, 0 or 1.

    Attributes:
        rungs: name and `Rung`, in the order in which they were scored.
        said: name and probabilities, (reviews,).
    """

    def __init__(self, labels: Sequence[int]) -> None:
        self.labels = np.asarray(labels).astype(int)
        self.rungs: dict[str, Rung] = {}
        self.said: dict[str, np.ndarray] = {}

    def score(
        self, name: str, said: Any, *, seconds: float = 0.0, parameters: int = 0, **about: Any
    ) -> Rung:
        """Measure a classifier, once.

        Args:
            name: of the classifier.
            said: (reviews,) the probability that each review is favourable.
            seconds, parameters, about: as in `Rung`.

        Raises:
            AlreadyScored: it was measured before, and choosing by the test part is not measuring.
            ValueError: there are more or fewer probabilities than reviews, or they are none.
        """
        if name in self.rungs:
            raise AlreadyScored(
                f"{name!r} was measured on the test part already. Choose between versions on the "
                "validation part; a new model needs a new name."
            )
        said = _probabilities(said, len(self.labels))
        hits = (said > 0.5) == (self.labels == 1)
        low, high = interval(hits)
        rung = Rung(name, float(hits.mean()), low, high, float(seconds), int(parameters), about)
        self.rungs[name], self.said[name] = rung, said
        return rung

    def hits(self, name: str) -> np.ndarray:
        """Which test reviews a classifier got right: (reviews,), True or False."""
        return (self.said[name] > 0.5) == (self.labels == 1)

    def table(self) -> pd.DataFrame:
        """Accuracy with its interval, seconds and parameters, a row each, as a reader wants it."""
        return table(self.rungs.values())


def interval(hits: np.ndarray) -> tuple[float, float]:
    """The 95% interval of a share (Wilson 1927): (hits,) True or False."""
    from scipy.stats import binomtest

    found = binomtest(int(np.sum(hits)), len(hits)).proportion_ci(0.95, "wilson")
    return float(found.low), float(found.high)


def table(rungs: Iterable[Rung]) -> pd.DataFrame:
    """Rungs as a table of texts."""
    import pandas as pd

    rows = [
        {
            "rung": rung.name,
            "accuracy": f"{rung.accuracy:.2%}",
            "95% interval": f"{rung.low:.1%} to {rung.high:.1%}",
            "seconds": f"{rung.seconds:,.1f}" if rung.seconds < 10 else f"{rung.seconds:,.0f}",
            "parameters": f"{rung.parameters:,}",
        }
        for rung in rungs
    ]
    return pd.DataFrame(rows).set_index("rung")


def in_words(rung: Rung) -> str:
    """One line on a rung: accuracy, its seeds, seconds, parameters."""
    seeds = rung.about.get("accuracies", [])
    spread = f" ({len(seeds)} seeds: {min(seeds):.1%} to {max(seeds):.1%})" if seeds else ""
    return (
        f"**{rung.accuracy:.1%}** on test{spread}, {rung.seconds:,.0f} s, "
        f"{rung.parameters:,} parameters."
    )


def draw(rungs: Iterable[Rung], *, title: str, alt: str) -> None:
    """Accuracy with its interval against seconds, a point a rung."""
    from matplotlib.ticker import MaxNLocator

    from helpers import plots

    fig, ax = plots.figure(size=(7.2, 5.0))
    rungs = [rung for rung in rungs if rung.seconds]  # what costs nothing has no place on the axis
    for rung, colour in zip(rungs, itertools.cycle(plots.COLOURS), strict=False):
        whiskers = [[rung.accuracy - rung.low], [rung.high - rung.accuracy]]
        ax.errorbar(rung.seconds, rung.accuracy, whiskers, fmt="o", capsize=3, color=colour)
    ax.set_xscale("log")
    ax.margins(x=0.2)
    ax.yaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10]))  # whole per cents, and no 2.5
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    ax.set(title=title, xlabel="seconds to fit, all told", ylabel="accuracy on the test part")
    _label(fig, ax, rungs)
    plots.show(fig, alt)


def _label(fig: Any, ax: Any, rungs: Sequence[Rung]) -> None:
    """Write each name beside its point, in the first of some places where it covers nothing."""
    places = [
        (8 * x, y, side) for y in (3, -10, 14, -21) for x, side in ((1, "left"), (-1, "right"))
    ]
    fig.canvas.draw()
    points = [_whiskers(ax, rung) for rung in rungs]
    names = []
    for rung, own in zip(rungs, points, strict=True):
        taken = [*names, *(point for point in points if point is not own)]
        for x, y, side in places:
            text = ax.annotate(rung.name, (rung.seconds, rung.accuracy), (x, y), fontsize=8,
                               textcoords="offset points", ha=side)  # fmt: skip
            box = text.get_window_extent()
            if (x, y, side) == places[-1] or not any(box.overlaps(other) for other in taken):
                break
            text.remove()
        names.append(box)


def _whiskers(ax: Any, rung: Rung, margin: float = 4.0) -> Any:
    """The box of a point and its whiskers, in pixels."""
    from matplotlib.transforms import Bbox

    ends = [(rung.seconds, rung.low), (rung.seconds, rung.high)]
    (x, low), (_, high) = ax.transData.transform(ends)
    return Bbox.from_extents(x - margin, low - margin, x + margin, high + margin)


def _probabilities(said: Any, count: int) -> np.ndarray:
    said = np.asarray(said, dtype=np.float64).reshape(-1)
    if len(said) != count:
        raise ValueError(f"{len(said)} probabilities for {count} reviews")
    if not np.all((said >= 0) & (said <= 1)):
        raise ValueError("a probability lies between 0 and 1; of a logit, take the sigmoid first")
    return said


# --- the ladder on the real reviews, measured once and shipped


def recorded() -> dict[str, Rung]:
    """The rungs measured on the real IMDB set with `benchmarks/imdb_classifiers.py`, by name.

    `about` holds the accuracy and seconds of each seed, and the command.
    """
    content = json.loads(sources.path("imdb_ladder.json").read_text("utf-8"))
    return {name: Rung(name=name, **entry) for name, entry in content["rungs"].items()}


def recorded_answers() -> pd.DataFrame:
    """What those rungs said of the 25,000 test reviews, in the order of `data.imdb`.

    Columns: `label`, and a rung each: its probability in steps of 1/255, of the first seed.
    """
    import pandas as pd

    frame = pd.read_parquet(sources.path("imdb_answers.parquet"))
    rungs = [column for column in frame.columns if column != "label"]
    return frame.assign(**{name: frame[name] / 255 for name in rungs})


def save_recorded(rungs: Mapping[str, Rung], said: Mapping[str, np.ndarray], labels: Any) -> None:
    """Keep measured rungs for `recorded`, beside those kept before; `said` as in `Ladder`."""
    import pandas as pd

    from helpers import runtime

    folder = runtime.shipped()
    kept, answers = {}, pd.DataFrame({"label": np.asarray(labels).astype(np.uint8)})
    if (folder / "imdb_ladder.json").exists():
        kept = json.loads((folder / "imdb_ladder.json").read_text("utf-8"))["rungs"]
        answers = pd.read_parquet(folder / "imdb_answers.parquet")
    for name, rung in rungs.items():
        kept[name] = {key: value for key, value in asdict(rung).items() if key != "name"}
        answers[name] = np.round(255 * said[name]).astype(np.uint8)
    with runtime.write_atomically(folder / "imdb_ladder.json") as part:
        part.write_text(json.dumps({"rungs": kept}, indent=1) + "\n", encoding="utf-8")
    with runtime.write_atomically(folder / "imdb_answers.parquet") as part:
        answers.to_parquet(part, compression="zstd", index=False)
