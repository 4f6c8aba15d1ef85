"""What lab 11 checks, and the hints it gives."""

from __future__ import annotations

import functools
import itertools
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from helpers.attempts import shown
from helpers.labs import Attempt, task

END = 0  # the token that ends a hypothesis
LESS = 0.85  # of the first-best errors: the pass mark of the challenge
TEXT = "the a small old dog cat man child sees finds takes red green house ball in under near"
WORDS = TEXT.split()


def _rows(got: Any) -> list | None:
    """A sequence as a list, or None for what is none."""
    if isinstance(got, str | bytes | dict | set | frozenset):
        return None
    try:
        return list(got)
    except TypeError:
        return None


def _is_whole(value: Any) -> bool:
    if isinstance(value, bool | np.bool_ | str | bytes):
        return False
    try:
        return int(value) == value
    except (TypeError, ValueError, OverflowError):
        return False


# --- task 1


def _segments(path: Sequence[int], blank: int) -> list[tuple[int, int, int]]:
    out, start = [], 0
    for token, group in itertools.groupby(path):
        end = start + len(list(group))
        if token != blank:
            out.append((token, start, end))
        start = end
    return out


def _blanks_first(path: Sequence[int], blank: int) -> list[tuple[int, int, int]]:
    out: list[tuple[int, int, int]] = []
    for place, token in enumerate(path):
        if token == blank:
            continue
        if out and out[-1][0] == token:
            out[-1] = (token, out[-1][1], place + 1)
        else:
            out.append((token, place, place + 1))
    return out


@task(
    points=1,
    doubles=("A token that is said twice in a row has become one.",
             "What stands between the two in the path? The order matters: first repeats are merged, "
             "then blanks taken out."),
    blanks=("The blank is in the result.",
            "The blank says that nothing is said. And its number is handed over: it need not be 0."),
    repeats=("A token that lasts several frames comes several times.",
             "A token ends where the path changes. How do you know, at a frame, that it is the same "
             "token as at the frame before?"),
    inclusive=("The tokens are right, and their ends are not.",
               "The end is the first frame that no longer belongs to the token, as in a slice: "
               "path[start:end] holds nothing else."),
    frames=("The tokens are right, and their places are not.",
            "Frames are counted in the whole path, from 0, blanks included."),
)  # fmt: skip
def ctc_segments(attempt: Attempt) -> None:
    """A path of frames, read as tokens with their times."""
    rng = attempt.rng
    cases = [([0, 4, 4, 0, 0, 4, 7, 7, 7, 0], 0), ([], 3), ([3, 3, 3], 3), ([5], 0), ([2, 2, 2], 9)]
    for length in (8, 14, 20):
        blank = int(rng.integers(0, 5))
        tokens = rng.integers(0, 5, length)
        tokens[1:3], tokens[4], tokens[3] = (blank + 1) % 5, (blank + 1) % 5, blank
        cases.append(([int(n) for n in np.repeat(tokens, rng.integers(1, 4, length))], blank))
    for path, blank in cases:
        about = f"for path={shown(path)}, blank={blank}"
        got = attempt.call(path, blank)
        attempt.require(got is not None, "empty", f"None came {about}.")
        rows = _rows(got)
        saw = f"This came {about}: {shown(got)}"
        inner = [_rows(row) for row in rows or []]
        fits = rows is not None and all(
            row is not None and len(row) == 3 and all(map(_is_whole, row)) for row in inner
        )
        attempt.require(fits, "type", saw)
        found = [tuple(map(int, row)) for row in inner]
        want = _segments(path, blank)
        if found == want:
            continue
        names = [row[0] for row in found]
        said = [row[0] for row in want]
        key = "values"
        if blank in names:
            key = "blanks"
        elif names == [row[0] for row in _blanks_first(path, blank)] and names != said:
            key = "doubles"
        elif names == [token for token in path if token != blank] and names != said:
            key = "repeats"
        elif names == said:
            key = "inclusive" if found == [(t, s, e - 1) for t, s, e in want] else "frames"
        attempt.require(False, key, saw)
    attempt.passed(
        f"{len(cases)} paths, with doubled tokens, with other blanks than 0, with nothing"
    )


# --- task 2


def _nucleus(rows: np.ndarray, top_p: float, ties=True, scale=True, short=False) -> np.ndarray:
    out = np.zeros_like(rows)
    for row, made in zip(rows, out, strict=True):
        order = np.argsort(-row, kind="stable")
        sums = np.cumsum(row[order])
        reached = sums - 1e-9 > top_p if short else sums - row[order] >= top_p - 1e-9
        keep = order[~reached]
        if ties and len(keep) and not short:
            keep = np.flatnonzero(row >= row[keep[-1]])
        made[keep] = row[keep]
        if scale and made.sum():
            made /= made.sum()
    return out


def _flat(rows: np.ndarray, top_p: float) -> np.ndarray:
    flat = _nucleus(rows.reshape(1, -1) / len(rows), top_p, scale=False).reshape(rows.shape)
    return flat / np.maximum(flat.sum(axis=1, keepdims=True), 1e-12)


@task(
    points=1,
    short=("The token that crosses the line is missing.",
           "Ask what the sum was *before* a token, not with it. What is left of [0.95, 0.05] with "
           "top_p=0.9?"),
    over=("A token is kept although the sum was reached without it.",
          "'At least': is one more token needed when the sum is exactly top_p?"),
    ties=("Of tokens with one probability, some were kept and some were not.",
          "What is the smallest probability that is kept? Every token that has it is kept, too."),
    scale=("The rows no longer add up to 1.",
           "What was taken away is missing in the sum. Each row is divided by what is left of it."),
    rows=("The rows of the batch are mixed up.",
          "Each row is a distribution of its own: sort, sum and divide along the last axis."),
)  # fmt: skip
def nucleus(attempt: Attempt) -> None:
    """The nucleus of each distribution, ties kept."""
    rng = attempt.rng
    fixed = np.array([[0.02, 0.95, 0.03], [0.2, 0.2, 0.6]])
    cases = [(fixed, 0.9), (np.full((2, 8), 0.125), 0.3), (np.array([[1.0, 0.0, 0.0]]), 0.5)]
    for size in (5, 7, 9):
        counts = rng.permuted(np.tile([8, 5, 5, 3, 3, 3, 2, 1, 1][:size], (3, 1)), axis=1)
        counts = counts + rng.integers(0, 2, (3, 1)) * (counts > 7)
        total = counts.sum(axis=1, keepdims=True)
        cases.append((counts / total, float(rng.uniform(0.3, 0.9))))
    spread = rng.dirichlet(np.ones(12) / 3, size=4)
    cases = [_clear(*case) for case in (*cases, (spread, 0.85), (spread, 1.0))]
    exact = rng.permuted(np.tile([0.5, 0.25, 0.125, 0.125], (2, 1)), axis=1)  # without rounding
    cases += [(np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]]), 0.5), (exact, 0.75)]
    for rows, top_p in cases:
        about = f"for probabilities={shown(rows)}, top_p={top_p:.3g}"
        got = attempt.array(attempt.call(rows, top_p), rows.shape, "f", about=about)
        attempt.agrees(got, _nucleus(rows, top_p), _nucleus_mistakes(rows, top_p), "values", about)
    attempt.passed(
        f"{len(cases)} batches, with ties, with one sure token, with a sum that is top_p"
    )


def _nucleus_mistakes(rows: np.ndarray, top_p: float) -> dict[str, Any]:
    right = _nucleus(rows, top_p)

    def one_of(*wrong: np.ndarray) -> np.ndarray:
        return next((w for w in wrong if not np.allclose(w, right)), right)

    bare = _nucleus(rows, top_p, scale=False)
    return {
        "over": one_of(_nucleus(rows, top_p + 1e-6)),
        "short": one_of(_nucleus(rows, top_p, short=True)),
        "scale": bare,
        "ties": one_of(_nucleus(rows, top_p, ties=False)),
        "rows": one_of(_flat(rows, top_p)),
    }


def _clear(rows: np.ndarray, top_p: float) -> tuple[np.ndarray, float]:
    """A top_p that no sum of the likeliest comes so near that rounding would decide."""
    while top_p < 1:
        sums = np.cumsum(-np.sort(-rows, axis=1), axis=1)
        if np.abs(sums - top_p).min() > 1e-3:
            break
        top_p += 0.0031
    return rows, min(top_p, 1.0)


# --- task 3


def _edits(a: Sequence, b: Sequence, swap: int = 1) -> int:
    """The fewest insertions, deletions and substitutions (each of these costs `swap`)."""
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, right in enumerate(b, 1):
            change = before + (swap if left != right else 0)
            before = row[j]
            row[j] = min(change, row[j] + 1, row[j - 1] + 1)
    return row[-1]


def _wer(references: Sequence[str], hypotheses: Sequence[str], swap: int = 1) -> float:
    pairs = [(r.split(), h.split()) for r, h in zip(references, hypotheses, strict=True)]
    return sum(_edits(r, h, swap) for r, h in pairs) / sum(len(r) for r, _ in pairs)


def _spaced(text: str) -> str:
    """A text whose `split()` is what `split(" ")` makes of the given one."""
    return " ".join(word or "_" for word in text.split(" "))


def _noisy(rng: np.random.Generator, words: Sequence[str], rate: float) -> list[str]:
    """Words with some left out, put in or replaced."""
    out: list[str] = []
    for word in words:
        draw = rng.random()
        if draw < 0.4 * rate:
            continue
        out.append(str(rng.choice(WORDS)) if draw < rate else word)
        if rng.random() < 0.4 * rate:
            out.append(str(rng.choice(WORDS)))
    return out


def _wer_mistakes(references: Sequence[str], hypotheses: Sequence[str]) -> dict[str, Callable]:
    pairs = [(r.split(), h.split()) for r, h in zip(references, hypotheses, strict=True)]
    edits = [_edits(r, h) for r, h in pairs]
    words = sum(len(r) for r, _ in pairs)

    def by_place(r: list[str], h: list[str]) -> int:
        return sum(a != b for a, b in itertools.zip_longest(r, h))

    def cut(r: list[str], h: list[str]) -> int:
        return sum(a != b for a, b in zip(r, h, strict=False))

    def bags(r: list[str], h: list[str]) -> int:
        return (Counter(r) - Counter(h)).total()

    letters = sum(map(len, references)) or 1
    spelled = sum(map(_edits, references, hypotheses))
    return {
        "letters": lambda: spelled / letters,
        "letters.1": lambda: spelled / words,
        "letters.2": lambda: spelled / max(sum(len(word) for r, _ in pairs for word in r), 1),
        "words": lambda: _wer(*([t.lower() for t in texts] for texts in (references, hypotheses))),
        "words.1": lambda: _wer(
            *([_spaced(t) for t in texts] for texts in (references, hypotheses))
        ),
        "mean": lambda: np.mean(
            [e / max(len(r), 1) for e, (r, _) in zip(edits, pairs, strict=True)]
        ),
        "hypothesis": lambda: sum(edits) / max(sum(len(h) for _, h in pairs), 1),
        "longer": lambda: sum(edits) / max(sum(max(len(r), len(h)) for r, h in pairs), 1),
        "swap": lambda: _wer(references, hypotheses, 2),
        "capped": lambda: min(1.0, sum(edits) / words),
        "place": lambda: sum(by_place(*pair) for pair in pairs) / words,
        "place.1": lambda: sum(cut(*pair) for pair in pairs) / words,
        "bags": lambda: sum(bags(*pair) for pair in pairs) / words,
        "percent": lambda: 100 * sum(edits) / words,
    }


def _agrees(attempt: Attempt, got: float, want: float, mistakes: Mapping, about: str) -> None:
    """As `Attempt.agrees`; several ways to one mistake have keys that differ after a dot."""
    if math.isclose(got, want, rel_tol=1e-5, abs_tol=1e-7):
        return
    found = (
        k for k, way in mistakes.items() if math.isclose(got, way(), rel_tol=1e-5, abs_tol=1e-7)
    )
    key = next(found, "values").partition(".")[0]
    attempt.require(False, key, f"This came {about}: {shown(got)}")


def _a_float(
    attempt: Attempt, call: Callable[[], Any], about: str, key: str, finite: bool = True
) -> float:
    try:
        return attempt.number(call(), about=about, finite=finite)
    except (ZeroDivisionError, ValueError) as error:
        if "math domain" in str(error) or isinstance(error, ZeroDivisionError):
            attempt.require(False, key, f"{type(error).__name__}: {error} ({about})")
        raise


@task(
    points=1,
    mean=("The rates of the sentences are averaged.",
          "A sentence of two words then counts as much as one of twenty. Add up all edits and all "
          "words, and divide once, at the end."),
    hypothesis=("The divisor counts the words of the hypotheses.",
                "Whoever writes more words would be punished less. How many words were *said*?"),
    longer=("The divisor is the longer of the two sentences.",
            "A word error rate can be above 1. Divide by the words that were said, and no others."),
    swap=("A replaced word costs two edits.",
          "Replacing is one edit, as are inserting and deleting. Which three neighbours does a cell "
          "of the table look at?"),
    place=("The words are compared place by place.",
           "When one word is left out, all after it stand one place earlier: is each of them wrong? "
           "Find the cheapest way from one sentence to the other with a table of edits."),
    bags=("The order of the words, or what was put in, is ignored.",
          "'dog bites man' and 'man bites dog' have the same words. Count edits along an alignment."),
    words=("Words are others than `split()` makes of a sentence.",
           "What becomes of two spaces in a row, and is 'The' the word 'the'?"),
    letters=("Letters are counted, not words.", "What does `split` make of a sentence?"),
    percent=("The rate is a percentage.", "It is asked for as a share: 1 error in 4 words is 0.25."),
    capped=("A rate above 1 is cut to 1.",
            "Put in enough words, and there are more edits than words said. The rate says so."),
    nothing=("A sentence in which nothing was said upsets the rate.",
             "An empty reference has no words, and what was heard there are insertions. Do you divide "
             "for each sentence?"),
)  # fmt: skip
def word_error_rate(attempt: Attempt) -> None:
    """The word error rate of a whole set."""
    rng = attempt.rng
    cases = [(["the old dog sees the red man"], ["the old dog the red man"])]
    for number, rate in ((4, 0.3), (6, 0.5), (5, 0.2)):
        references = [" ".join(rng.choice(WORDS, n)) for n in rng.integers(2, 12, number)]
        heard = [" ".join(_noisy(rng, text.split(), rate)) for text in references]
        heard[0] = f"{heard[0]} {rng.choice(WORDS)}".strip()
        heard[1] = " ".join(references[1].split()[1:])
        cases.append((references, heard))
    cases += [(["a cat"], ["the dog finds a red red cat near"]), (["a cat", "the dog"], ["", "dog"]),
              (["a  cat ", "a dog"], [" a cat", "a dog"]),
              (["The old man sees", "a Cat"], ["the old man", "a Cat"])]  # fmt: skip
    for references, heard in cases:
        about = f"for references={shown(references)}, hypotheses={shown(heard)}"
        got = attempt.number(attempt.call(references, heard), about=about)
        mistakes = _wer_mistakes(references, heard)
        _agrees(attempt, got, _wer(references, heard), mistakes, about)
    attempt.passed(f"{len(cases)} sets, with words left out, put in and replaced")
    references, heard = ["", " ".join(rng.choice(WORDS, 3))], [str(rng.choice(WORDS)), ""]
    about = f"for references={references}, hypotheses={heard}"
    got = _a_float(attempt, lambda: attempt.call(references, heard), about, "nothing")
    _agrees(attempt, got, _wer(references, heard), {"nothing": lambda: got}, about)
    attempt.passed("a silence in which a word was heard")


# --- task 4


class _Model:
    """A language model of five tokens that notes what it is asked."""

    def __init__(self, table: Mapping[tuple, np.ndarray] | None, seed: int, end: float):
        self.table, self.seed, self.bias = table or {}, seed, end
        self.asked: list[tuple] = []
        self.__qualname__ = f"step_{seed}_{end}"  # the same model has the same name

    def __call__(self, prefix: Any) -> np.ndarray:
        prefix = tuple(int(token) for token in prefix)
        self.asked.append(prefix)
        return self.logs(prefix)

    def logs(self, prefix: tuple) -> np.ndarray:
        if prefix in self.table:
            return self.table[prefix]
        scores = np.random.default_rng([self.seed, 7, *prefix]).normal(size=5) * 1.6
        scores[END] += self.bias
        return scores - np.log(np.exp(scores).sum())


def _search(
    logs: Callable, width: int, max_length: int, mean: bool = True, early: bool = False,
    kept_open: bool = True, done_kept: bool = True, aside: str = "kept", slots: str = "free",
) -> tuple[int, ...]:  # fmt: skip
    """Beam search, or with a mistake.

    Args:
        aside: which endings are set aside: the "kept", or "every" one that is seen; with "full" the
            beam is then filled up with others.
        slots: whether finished hypotheses leave a place in the beam "free", "shrink" it, or "stay"
            in it until better ones come.
    """
    rows, ended = [(0.0, ())], []
    for _ in range(max_length):
        new = [(total + log, (*prefix, token)) for total, prefix in rows
               for token, log in enumerate(logs(prefix))]  # fmt: skip
        seen = [row for row in new if row[1][-1] == END]
        if aside == "full":
            new = [row for row in new if row[1][-1] != END]
        if slots == "stay":
            new, ended = new + ended, []
        new = sorted(new, reverse=True)[: width - len(ended) * (slots == "shrink")]
        ended += [row for row in new if row[1][-1] == END] if aside == "kept" else seen
        rows = [row for row in new if row[1][-1] != END]
        if not rows or (early and ended):
            break
    pool = (ended if done_kept else []) + (rows if kept_open else [])
    pool = pool or ended or rows
    return max(pool, key=lambda row: row[0] / len(row[1]) if mean else row[0])[1]


def _noted(table: Any, seed: int, bias: float, *sizes: int, **how: Any) -> tuple[tuple, set]:
    """What such a search finds, and which prefixes it asks about."""
    model = _Model(table, seed, bias)
    return _search(model, *sizes, **how), set(model.asked)


SEARCHES: dict[str, dict] = {
    "total": {"mean": False},
    "early": {"early": True},
    "open": {"kept_open": False},
    "done": {"done_kept": False},
    "aside": {"aside": "every"},
    "aside.1": {"aside": "full"},
    "slots": {"slots": "shrink"},
    "slots.1": {"slots": "stay"},
}


def _garden(rng: np.random.Generator) -> dict[tuple, np.ndarray]:
    """The likeliest first token leads nowhere: whoever takes it must go on unsurely."""
    good, bad = (int(n) for n in rng.choice([1, 2, 3, 4], 2, replace=False))
    start = np.full(5, 0.05)
    start[bad], start[good] = 0.5, 0.35
    sure = np.full(5, 0.01)
    sure[END] = 0.96
    return {(): np.log(start), (good,): np.log(sure), (bad,): np.log(np.full(5, 0.2))}


def _short(rng: np.random.Generator) -> dict[tuple, np.ndarray]:
    """To end at once is the second likeliest, and any other way is unsure."""
    start, unsure = np.full(5, 0.02), rng.permutation([0.16, 0.18, 0.2, 0.22, 0.24])
    first = int(rng.integers(1, 5))
    start[first], start[END] = 0.5, 0.44
    return {(): np.log(start), (first,): np.log(unsure)}


@task(
    points=2,
    greedy=("Only the likeliest next token is followed.",
            "That is width 1. Keep as many hypotheses as `width` says, and extend each of them by "
            "every token, before you choose."),
    extended=("A finished hypothesis is extended.",
              "What ends with token 0 is a whole sentence. Set it aside, and go on with the others."),
    wide=("More than `width` hypotheses are followed.",
          "First put the extensions of all hypotheses into one list, then keep the best `width` of "
          "the list, not of each hypothesis."),
    total=("The winner has the highest sum, and short hypotheses have an advantage by that.",
           "Every token makes the sum smaller. At the end, the mean per token is compared."),
    early=("The search ends with the first finished hypothesis.",
           "A better one may still be open. Go on until none is open or max_length is reached."),
    aside=("An ending is set aside that is not among the `width` best of its round.",
           "First all extensions are ordered and cut to `width`. Which of them are finished is asked "
           "after that."),
    slots=("Finished hypotheses take places in the beam from those that are open.",
           "Each round keeps `width` extensions of the open ones, however many are finished."),
    open=("What is not finished at max_length is forgotten.",
          "Open hypotheses take part in the comparison at the end, as they are."),
    done=("Finished hypotheses get lost.",
          "When a hypothesis ends, keep it with its sum in a list of its own, until the end."),
    long=("There are more tokens than max_length allows.",
          "The end token counts. In how many rounds is one token added?"),
    end=("The end token is missing at the end, or tokens follow it.",
         "A finished hypothesis is given back with its 0 as the last token."),
)  # fmt: skip
def beam_search(attempt: Attempt) -> None:
    """Beam search over any model."""
    rng = attempt.rng
    seeds = [int(n) for n in rng.integers(1, 1_000_000, 90)]
    cases: list[tuple] = [(_garden(rng), seeds[0], -3.0, 2, 4), (_short(rng), seeds[1], 0.4, 1, 2)]
    for name in [
        *(how for how in SEARCHES if how != "aside"),
        "",
    ]:  # a case for each mistake, on which it leads to another result
        spare = None
        for seed, width in itertools.product(seeds, (3, 2)):
            logs = functools.cache(_Model(None, seed, 0.4).logs)
            want = _search(logs, width, 5)
            own = _search(logs, width, 5, **SEARCHES[name]) if name else _search(logs, 1, 5)
            if own == want:
                continue
            spare = spare or (
                None,
                seed,
                0.4,
                width,
                5,
            )  # if no other case tells the mistakes apart
            others = [_search(logs, width, 5, **SEARCHES[k]) for k in SEARCHES if k[:5] != name[:5]]
            if own not in others:
                spare = (None, seed, 0.4, width, 5)
                break
        cases += [spare] * bool(spare)
    cases += [
        (None, seeds[1], 0.0, 1, 6),
        (None, seeds[2], -9.0, 3, 3),
        (None, seeds[3], 0.0, 4, 1),
    ]
    for table, seed, bias, width, max_length in cases:
        model = _Model(table, seed, bias)
        about = f"for width={width}, max_length={max_length}"
        got = attempt.call(model, width, max_length, keep=False)
        attempt.require(got is not None, "empty", f"None came {about}.")
        rows = _rows(got)
        saw = f"This came {about}: {shown(got)}"
        attempt.require(rows is not None and all(map(_is_whole, rows)), "type", saw)
        found = tuple(map(int, rows))
        attempt.require(len(found) <= max_length, "long", saw)
        beyond = next((p for p in model.asked if END in p), None)
        attempt.require(beyond is None, "extended", f"step was called with {beyond} {about}.")
        most = Counter(map(len, set(model.asked)))
        over = next((n for n, asked in most.items() if asked > width), None)
        attempt.require(over is None, "wide",
                        f"{most.get(over)} of length {over} were extended {about}.")  # fmt: skip
        want = _search(model.logs, width, max_length)
        if found == want:
            continue
        ways = {**SEARCHES, "total.1": {"mean": False, "early": True}}
        asked, setting = set(model.asked), (table, seed, bias, width, max_length)
        noted = {k: _noted(*setting, **how) for k, how in ways.items()}
        same = [k for k, (tokens, _) in noted.items() if tokens == found]
        alike = [k for k in same if noted[k][1] == asked]  # by its questions, too
        key = (*alike, *same, "values")[0]
        if found == tuple(t for t in want if t != END) or END in found[:-1]:
            key = "end"
        elif (
            width > 1 and not alike and len(asked) == len(most) > 1
        ):  # one hypothesis of each length
            key = "greedy"
        attempt.require(False, key.partition(".")[0], saw)
    attempt.passed(f"{len(cases)} searches, among them one in which greedy decoding is led astray")


# --- task 5


def _runs(words: Sequence[str], n: int) -> Counter:
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def _nearest(length: int, lengths: Sequence[int]) -> int:
    return min(lengths, key=lambda one: (abs(one - length), one))


def _bleu(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]], clip: str = "max",
    length: Callable = _nearest, brevity: str = "one-sided", mean: str = "geometric",
) -> float:  # fmt: skip
    hits, made, ours, theirs = [0] * 4, [0] * 4, 0, 0
    for hypothesis, several in zip(hypotheses, references, strict=True):
        words, others = hypothesis.split(), [reference.split() for reference in several]
        ours += len(words)
        theirs += length(len(words), [len(other) for other in others])
        for n in range(4):
            own = _runs(words, n + 1)
            made[n] += own.total()
            limits: Counter = Counter()
            for other in others:
                counts = _runs(other, n + 1)
                limits = limits + counts if clip == "sum" else limits | counts
            if clip == "first":
                limits = _runs(others[0], n + 1)
            hits[n] += sum(min(c, limits[r]) if clip != "none" else c * (r in limits)
                           for r, c in own.items())  # fmt: skip
    shares = [h / m if m else 0.0 for h, m in zip(hits, made, strict=True)]
    if mean == "geometric":
        score = math.exp(sum(map(math.log, shares)) / 4) if all(shares) else 0.0
    else:
        score = sum(shares) / 4
    factor = math.exp(1 - theirs / ours) if ours else 0.0
    return 100 * score * {"one-sided": min(1.0, factor), "none": 1.0, "both": factor}[brevity]


def _sentences(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    each = [_bleu([h], [r]) for h, r in zip(hypotheses, references, strict=True)]
    return sum(each) / len(each)


BLEU_MISTAKES: dict[str, Callable] = {
    "mean": _sentences,
    "clip": lambda h, r: _bleu(h, r, clip="none"),
    "added": lambda h, r: _bleu(h, r, clip="sum"),
    "first": lambda h, r: _bleu(h, [[several[0]] for several in r]),
    "first.1": lambda h, r: _bleu(h, r, clip="first"),
    "brevity": lambda h, r: _bleu(h, r, brevity="none"),
    "both": lambda h, r: _bleu(h, r, brevity="both"),
    "length": lambda h, r: _bleu(h, r, length=lambda _, lengths: min(lengths)),
    "length.1": lambda h, r: _bleu(h, r, length=lambda _, lengths: max(lengths)),
    "length.2": lambda h, r: _bleu(h, r, length=lambda _, lengths: sum(lengths) / len(lengths)),
    "length.3": lambda h, r: _bleu(h, r, length=lambda _, lengths: lengths[0]),
    "length.4": lambda h, r: _bleu(
        h, r, length=lambda own, lengths: min(lengths, key=lambda n: (abs(n - own), -n))
    ),
    "words": lambda h, r: _bleu(
        [t.lower() for t in h], [[t.lower() for t in several] for several in r]
    ),
    "words.1": lambda h, r: _bleu(
        [_spaced(t) for t in h], [[_spaced(t) for t in several] for several in r]
    ),
    "arithmetic": lambda h, r: _bleu(h, r, mean="arithmetic"),
    "scale": lambda h, r: _bleu(h, r) / 100,
}


@task(
    points=2,
    mean=("The scores of single sentences are averaged.",
          "BLEU adds up hits and runs over all sentences first, for each n, and makes one score of "
          "the sums."),
    clip=("A run counts more often than any reference has it.",
          "'the the the the' would be perfect. How often may a run count at most?"),
    added=("The references are added up, so that a run may count once for each.",
           "The limit is how often the run stands in the reference that has it most."),
    first=("Only the first reference is used.",
           "A run that stands in any of the references of the sentence is a hit."),
    brevity=("What is too short is not punished.",
             "Compare two lengths over the whole set: the words of the hypotheses, and of the "
             "references. What factor belongs to a set that is half as long?"),
    both=("What is too long is rewarded: the factor is above 1.",
          "The brevity penalty only ever lowers the score."),
    length=("The length of the references is another than asked for.",
            "For each sentence, it is the reference nearest in length to the hypothesis; of two that "
            "are equally near, the shorter."),
    words=("Words are others than `split()` makes of a sentence.",
           "What becomes of two spaces in a row, and is 'The' the word 'the'?"),
    arithmetic=("The four precisions are averaged by their sum.",
                "The geometric mean is asked for: the fourth root of the product, or the exponential "
                "of the mean logarithm."),
    scale=("The score is a share.", "It is asked for in points, from 0 to 100."),
    zero=("Where no run of some length is a hit, your code stops.",
          "The logarithm of 0 does not exist. What is a product with a factor 0? And a sentence of "
          "three words has no run of four."),
)  # fmt: skip
def corpus_bleu(attempt: Attempt) -> None:
    """BLEU of a whole set, with several references."""
    rng = attempt.rng

    def draw(number: int, rate: float, shorter: int) -> tuple[list[str], list[list[str]]]:
        hypotheses, references = [], []
        for _ in range(number):
            words = list(rng.choice(WORDS[:8], int(rng.integers(7, 14))))
            several = [_noisy(rng, words, rate) for _ in range(int(rng.integers(2, 4)))]
            hypothesis = _noisy(rng, words, rate)
            hypothesis = hypothesis[: max(4, len(hypothesis) - shorter)] + words[:3] * (shorter < 0)
            hypotheses.append(" ".join(hypothesis))
            references.append([" ".join(one) for one in several])
        return hypotheses, references

    plain = ([" ".join(WORDS[:9])], [[" ".join(WORDS[:8])]])
    cases = [plain]
    for number, rate, shorter in ((4, 0.3, 2), (5, 0.25, 1), (4, 0.2, -3)):
        names = ["clip", "added", "first", "mean"] + ["length", "brevity"] * (shorter > 0)
        main = [BLEU_MISTAKES[key] for key in names]
        best, most = plain, 0
        for _ in range(40):  # a set on which the main mistakes lead to different scores
            case = draw(number, rate, shorter)
            seen = {round(_bleu(*case), 6)} - {0.0}
            for way in main if seen else ():
                seen.add(round(way(*case), 6))
            if len(seen) > most:
                best, most = case, len(seen)
            if most == 1 + len(main):
                break
        cases.append(best)
    again = " ".join(["the"] * 6)
    cases += [([again, "a small dog sees the old cat"],
               [["the cat"], ["a small dog sees the old man"]])]  # fmt: skip
    words = [str(word) for word in rng.permutation(WORDS)[:8]]  # two references equally near
    cases += [([" ".join(words[:6])], [[" ".join(words[:5] + words[6:]), " ".join(words[1:6])]]),
              (["The old man sees a small  dog"], [["the old man sees a small dog"]])]  # fmt: skip
    for hypotheses, references in cases:
        about = f"for hypotheses={shown(hypotheses)}, references={shown(references)}"
        call = lambda h=hypotheses, r=references: attempt.call(h, r)  # noqa: E731
        got = _a_float(attempt, call, about, "zero")
        mistakes = {k: lambda h=hypotheses, r=references, way=way: way(h, r)
                    for k, way in BLEU_MISTAKES.items()}  # fmt: skip
        _agrees(attempt, got, _bleu(hypotheses, references), mistakes, about)
    attempt.passed(f"{len(cases)} sets, too short and too long, with one to three references")
    for hypotheses, references in (
        (["the dog", "a cat"], [["the dog"], ["a man"]]),
        (["red ball", "green house near"], [["the old man sees"], ["a child in the house"]]),
    ):
        about = f"for hypotheses={hypotheses}, references={references}"
        call = lambda h=hypotheses, r=references: attempt.call(h, r)  # noqa: E731
        with np.errstate(all="ignore"):
            got = _a_float(attempt, call, about, "zero", finite=False)
        attempt.require(got == 0, "zero", f"This came {about}: {got}")
    attempt.passed("sets in which no run of four words is a hit")


# --- the challenge


def _lists(
    rng: np.random.Generator, number: int
) -> tuple[list[str], list[list[tuple[str, float]]]]:
    """Sentences, and for each a list of guesses with log probabilities, the likeliest first."""
    said, lists = [], []
    for _ in range(number):
        words = [str(w) for w in rng.choice(WORDS, int(rng.integers(6, 11)))]
        guesses: dict[str, float] = {}
        while len(guesses) < 12:
            heard = _noisy(rng, words, float(rng.uniform(0.15, 0.6)))
            if heard:
                text = " ".join(heard)
                wrong = _edits(words, heard)
                guesses.setdefault(text, float(-3 - 0.35 * wrong + rng.normal() * 0.8))
        said.append(" ".join(words))
        lists.append(sorted(guesses.items(), key=lambda one: -one[1]))
    return said, lists


@task(
    points=3,
    seconds=60,
    first=("The likeliest guess is taken.",
           "It is one guess among twelve, and hardly likelier than the next. What do the others "
           "agree on?"),
    worse=("There are more errors than in the likeliest guesses.",
           "A guess is good if the others are near it, in edits. Do you take the smallest expected "
           "number of errors, or the largest? And do likely guesses count more?"),
    little=("There are fewer errors, and not yet few enough.",
            "Take each guess in turn as if it were the answer, and count the edits to every other: "
            "which answer would have the fewest errors, if any of them might be what was said?"),
)  # fmt: skip
def choose(attempt: Attempt) -> None:
    """Challenge: the best answer from a list of guesses."""
    said, lists = _lists(attempt.rng, 40)
    answers = []
    for n, guesses in enumerate(lists):
        got = attempt.call(guesses)
        attempt.require(got is not None, "empty", f"None came for list {n}.")
        wanted = f"A str was expected for list {n}, and this came: {shown(got)}"
        attempt.require(isinstance(got, str), "type", wanted)
        answers.append(str(got))
    attempt.passed(f"a text for each of {len(lists)} lists")
    best = [guesses[0][0] for guesses in lists]
    own, plain = _wer(said, answers), _wer(said, best)
    attempt.score(
        f"word error rate {own:.1%}; the likeliest guesses have {plain:.1%}", -own / plain
    )
    saw = f"The word error rate is {own:.1%}; the likeliest guesses have {plain:.1%}."
    attempt.require(answers != best, "first", saw)
    attempt.require(own <= plain, "worse", saw)
    attempt.require(own < LESS * plain, "little", saw)
    attempt.passed(f"at least {1 - LESS:.0%} fewer errors than the likeliest guesses have")
