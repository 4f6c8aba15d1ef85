"""What lab 5 checks, and the hints it gives."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Sequence

import numpy as np

from helpers import labs
from helpers.attempts import shown
from helpers.labs import Attempt, task

CLEAR = (0.68, 0.76, 0.92)  # how clearly the reviews of the challenge's data sets speak


@functools.cache
def _reviews(*args, **kwargs):
    return labs.material("lab05").reviews(*args, **kwargs)


def _numbered(keys: Sequence) -> np.ndarray:
    """The same keys, the same whole number, in the order of their first appearance."""
    numbers: dict = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=int)


def _linked(*columns: Sequence) -> np.ndarray:
    """Rows that share a value in any column, directly or by a chain, get the same number."""
    groups = np.arange(len(columns[0]))
    for _ in range(len(groups)):
        before = groups.copy()
        for column in columns:
            keys = _numbered(column)
            least = np.full(keys.max() + 1, len(keys))
            np.minimum.at(least, keys, groups)
            groups = least[keys]
        if np.array_equal(before, groups):
            break
    return _numbered(groups.tolist())


def _once(films: Sequence, texts: Sequence) -> np.ndarray:
    """The mistake of taking for each text its first film, without following the chain."""
    first: dict = {}
    return _numbered([first.setdefault(t, f) for f, t in zip(films, texts, strict=True)])


def _plain(texts: Sequence[str]) -> list[str]:
    return [" ".join(text.lower().split()) for text in texts]


def _half_plain(texts: Sequence[str]) -> list[list[str]]:
    """Texts as they come, and with a part only of what does not count taken out."""
    forms = (str, str.strip, str.lower, lambda t: t.lower().strip(), lambda t: " ".join(t.split()),
             lambda t: re.sub(" +", " ", t.lower()), lambda t: re.sub(" +", " ", t.lower()).strip(),
             lambda t: re.sub(" +", " ", t.lower().strip()))  # fmt: skip
    return [[form(text) for text in texts] for form in forms]


def _few(rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Reviews of few films, with copies that differ in capitals and spaces, and a chain."""
    made = _reviews(7, int(rng.integers(10**6)))
    rows = list(zip(made.films, made.texts, strict=True))
    names = list(dict.fromkeys(made.films))
    for here, there in ((0, 1), (1, 2), (4, 5)):
        text = next(text for film, text in rows if film == names[here])
        copy = text.upper().replace(" ", "  ", 2) if here else f"\n{text} "
        rows.append((names[there], copy))
    rows.append(rows[3])
    mixed = [rows[i] for i in rng.permutation(len(rows))]
    return [film for film, _ in mixed], [text for _, text in mixed]


@task(
    points=2,
    film=("Reviews of one film are together, and copies of a text under another film are not.",
          "Two things tie reviews together. What does your code do with the texts?"),
    text=("Copies are together, and reviews of one film are not.",
          "Two things tie reviews together. What does your code do with the films?"),
    exact=("Copies that differ in capitals or spaces are taken for different texts.",
           "Bring each text into one plain form before you compare: print repr() of two that should "
           "be equal. `split()` without an argument cuts at white space of any kind and length."),
    chain=("Some chains are cut.",
           "If a belongs to b, and b to c, then a belongs to c, even if they share nothing. A single "
           "pass over the reviews does not find that out: what must happen to a whole group when it "
           "turns out to be part of another?"),
    merged=("Reviews are together that nothing ties.",
            "Are you comparing parts of texts, or films without their full name? Only capitals and "
            "white space do not count, and in texts only: punctuation and the borders of words do."),
)  # fmt: skip
def belongs_together(attempt: Attempt) -> None:
    """Which reviews must stay on one side."""
    one, two, three = attempt.rng.permutation(["Fine film", "So so, then", "Not at all"]).tolist()
    cases = [
        ("for copies in other capitals and white space, without a chain", list("abcdefgh"),
         [one, one.upper(), two, f"\t{two}\n", three, three.replace(" ", "\n"), "Fine", "Fine"]),
        ("for texts that differ in more than capitals and white space", list("abcdefg"),
         [one, f"{one}.", one.replace(" ", ""), two, two.replace(",", ""), three, f"{three}!"]),
        ("for films whose names differ in capitals", ["Up", "up", "UP", "Up"],
         [one, two, three, "Fine"]),
        ("for six reviews, one chain among them", list("babcdd"),
         ["poor", "fine film", "fine film", "Poor ", "so so", "endless"]),
        ("for two reviews with nothing in common", ["a", "b"], ["one", "two"]),
    ]  # fmt: skip
    cases += [("for reviews of seven films with copies", *_few(attempt.rng)) for _ in range(3)]
    for about, films, texts in cases:
        got = attempt.call(list(films), list(texts))
        attempt.require(got is not None, "empty", f"None came {about}.")
        wanted = f"One group for each of {len(films)} reviews was expected {about}; this came: "
        attempt.require(_is_row(got), "type", wanted + shown(got))
        attempt.require(len(got) == len(films), "shape", wanted + f"{len(got)} groups.")
        found = _numbered([_key(g) for g in got])
        want = _linked(films, _plain(texts))
        how = "exact" if "without a chain" in about else "chain"
        halves = [_linked(films, form) for form in _half_plain(texts)]
        attempt.agrees(found, want, {
            "film": _numbered(films),
            "text": _numbered(_plain(texts)),
            "exact": next((half for half in halves if np.array_equal(found, half)), halves[0]),
            "chain": _once(films, _plain(texts)),
        }, _how(found, want, how), about)  # fmt: skip
        attempt.passed(about.removeprefix("for "))


def _is_row(got: object) -> bool:
    if isinstance(got, str | dict | set) or not hasattr(got, "__len__"):
        return False
    try:
        return all(_key(g) is not None for g in got)
    except TypeError:
        return False


def _key(value: object) -> object:
    """A group's name as something that can be compared; None where it is no name."""
    if isinstance(value, float | np.floating) and not math.isfinite(value):
        return None
    shape = getattr(value, "shape", ())
    if shape == () and hasattr(value, "item"):
        value = value.item()
    return value if isinstance(value, str | int | float | tuple) else None


def _how(found: np.ndarray, want: np.ndarray, cut: str) -> str:
    """Whether something is together that nothing ties, or (the hint `cut`) a tie is missed."""
    together = found[:, None] == found
    return "merged" if (together & (want[:, None] != want)).any() else cut


def _lumps(rng: np.random.Generator, number: int) -> tuple[list[int], list[int]]:
    """Groups of one to nine rows, most with one label only; a quarter of them liked."""
    groups, labels = [], []
    names = rng.permutation(10 * number)[:number]
    for group in names:
        size = int(rng.integers(1, 10))
        label = int(rng.random() < 0.25)
        groups += [int(group)] * size
        labels += [int(label if rng.random() < 0.95 else 1 - label) for _ in range(size)]
    order = rng.permutation(len(groups))
    return [groups[i] for i in order], [labels[i] for i in order]


@task(
    points=2,
    seconds=30,
    rows=("Some rows are missing, or stand twice.",
          "The two lists together hold each of the positions 0 to len(groups) - 1 exactly once. "
          "They hold positions, not groups and not labels."),
    divided=("A group stands on both sides.",
             "Do not draw rows: draw groups, and let all their rows follow."),
    lopsided=("The share of liked reviews differs too much between the two sides.",
              "Groups are lumps; a single draw is often unlucky. You may draw many times from one "
              "generator, without looking at any model, and keep the draw that is nearest."),
    share=("The test side is too large or too small.",
           "Count rows, not groups: groups differ in size. And which of your two lists is the test?"),
    unseeded=("The same seed gave two different splits.",
              "Where do your random numbers come from? Make one generator from the seed, inside the "
              "function. The order of a set of strings is random as well."),
    constant=("Different seeds give the same split.",
              "Who uses `seed`? Without it nobody can see how much a figure owes to one split."),
    everybody=("Your function re-seeds the random numbers of the whole program.",
               "np.random.seed and random.seed set a state that all other code shares. "
               "np.random.default_rng(seed) is a generator of your own."),
)  # fmt: skip
def split(attempt: Attempt) -> None:
    """A split that keeps groups whole, and can be repeated."""
    import random

    for number, test_share in ((60, 0.25), (80, 0.2), (50, 0.3)):
        groups, labels = _lumps(attempt.rng, number)
        seeds = [int(s) for s in attempt.rng.choice(1000, 2, replace=False)]
        about = f"for {len(groups)} rows in {number} groups, test_share={test_share}"
        before = np.random.get_state()[1].copy(), np.random.get_state()[2], random.getstate()
        parts = [_two_lists(attempt, attempt.call(groups, labels, test_share, seed), about)
                 for seed in seeds]  # fmt: skip
        after = np.random.get_state()[1], np.random.get_state()[2], random.getstate()
        for train, test in parts:
            _fair(attempt, train, test, groups, labels, test_share, about)
        again = _two_lists(attempt, attempt.call(groups, labels, test_share, seeds[0]), about)
        same = sorted(again[1]) == sorted(parts[0][1])
        attempt.require(same, "unseeded", f"Two calls with seed={seeds[0]} {about} differ.")
        different = {tuple(sorted(test)) for _, test in parts}
        attempt.require(
            len(different) > 1, "constant", f"The seeds {seeds} {about} give one split."
        )
        kept = all(np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b
                   for a, b in zip(before, after, strict=True))  # fmt: skip
        attempt.require(kept, "everybody", f"The program's shared state was changed {about}.")
        attempt.passed(about.removeprefix("for "))


def _two_lists(attempt: Attempt, got: object, about: str) -> tuple[list[int], list[int]]:
    attempt.require(got is not None, "empty", f"None came {about}.")
    wanted = f"Two lists of positions were expected {about}, and this came: {shown(got)}"
    pair = hasattr(got, "__len__") and not isinstance(got, str | dict) and len(got) == 2
    attempt.require(pair, "type", wanted)
    parts = []
    for part in got:
        made = attempt.array(part, (None,), "iufb", about=about)
        whole = made.dtype.kind in "iu" or made.size == 0
        attempt.require(whole, "type", wanted)
        parts.append([int(n) for n in made])
    return parts[0], parts[1]


def _fair(attempt, train, test, groups, labels, test_share, about) -> None:
    every = sorted(train + test) == list(range(len(groups)))
    attempt.require(every, "rows", f"{len(train)} and {len(test)} positions came {about}.")
    both = {groups[i] for i in train} & {groups[i] for i in test}
    attempt.require(not both, "divided", f"{len(both)} groups stand on both sides {about}.")
    share = len(test) / len(groups)
    saw = f"The test side holds {share:.0%} of the rows {about}."
    attempt.require(abs(share - test_share) <= 0.05, "share", saw)
    liked = [float(np.mean([labels[i] for i in part])) for part in (train, test)]
    saw = f"Liked: {liked[0]:.0%} of train, {liked[1]:.0%} of test, {about}."
    attempt.require(abs(liked[0] - liked[1]) <= 0.06, "lopsided", saw)


def _stop(losses, patience, min_delta, *, equal=False, total=False, wait=0, delta=True):
    """(last epoch trained, epoch whose weights are kept), with the ways to get it wrong."""
    best, kept, waited = math.inf, None, 0
    for epoch, loss in enumerate(losses):
        limit = best - (min_delta if delta else 0.0)
        if loss < limit or (equal and loss <= limit):
            best, kept, waited = loss, epoch, waited if total else 0
        else:
            waited += 1
            if waited >= patience + wait:
                return epoch, kept
    return len(losses) - 1, kept


def _nan_lost(losses, patience, min_delta):
    """The mistake of `if best - loss <= min_delta: wait`, which lets NaN in as the best."""
    best, kept, waited = losses[0], 0, 0
    for epoch, loss in enumerate(losses[1:], 1):
        if best - loss <= min_delta:
            waited += 1
            if waited >= patience:
                return epoch, kept
        else:
            best, kept, waited = loss, epoch, 0
    return len(losses) - 1, kept


@task(
    points=2,
    last=("The weights of the last epoch are kept, not those of the best.",
          "Training goes on for some epochs after the best one. The second number is where the loss "
          "was best so far, not where training stopped."),
    late=("Training stops an epoch too late or too early.",
          "With patience=1 it stops at the first epoch that is no improvement. Write the count beside "
          "each epoch of [3, 2, 2, 2] on paper."),
    total=("Training stops too early when the loss goes up and down.",
           "Patience counts epochs in a row. What happens to the count at an improvement?"),
    delta=("Very small improvements are counted, or min_delta is used in another way.",
           "An epoch improves if its loss is lower than the best so far by MORE than min_delta. And "
           "'the best so far' is that of the last improvement, not of the epoch before."),
    ties=("An epoch as good as the best is taken for an improvement.",
          "With min_delta=0 an equal loss does not improve: the first of two equal epochs is kept."),
    diverged=("A loss of NaN leads astray.",
              "Every comparison with NaN is False: nan < 1 is, and 1 <= nan is as well. Which branch "
              "does your `if` take then? NaN is no improvement, and never the best, not even first."),
    future=("Epochs are looked at that were never trained.",
            "Training ends where it stops; a lower loss further on has not been seen."),
    one=("The epochs are counted from one.", "Count from 0, as Python does."),
    before=("An epoch is compared with the one before it.",
            "Compare it with the best so far. Otherwise a loss that rises, and then falls a little, "
            "counts as progress."),
)  # fmt: skip
def early_stopping(attempt: Attempt) -> None:
    """Stop in time, and keep the best weights."""
    nan, rng = math.nan, attempt.rng
    base = round(float(rng.uniform(0.5, 0.9)), 3)
    down = [base + d for d in (0.3, 0.1, 0.0, 0.05, 0.02, 0.04, 0.2, -0.3)]
    ties = [base + 0.25, base, base, base, base + 0.5]
    wave = [base + d for d in (0.8, 0.5, 0.6, 0.3, 0.4, 0.1, 0.2, 0.15)]
    slow = [base + d for d in (0.8, 0.5, 0.495, 0.498, 0.3, 0.4)]
    sink = [base + d for d in (0.5, 0.494, 0.488, 0.482, 0.476, 0.470, 0.9)]
    cases = [
        ("the loss falls and rises", down, 3, 0.0),
        ("patience=1", down, 1, 0.0),
        ("it falls to the end", sorted(down, reverse=True), 2, 0.0),
        ("it goes up and down", wave, 2, 0.0),
        ("two epochs are equal", ties, 3, 0.0),
        ("small improvements and min_delta=0.01", slow, 2, 0.01),
        ("many small steps and min_delta=0.01", sink, 4, 0.01),
        ("NaN in the middle", [base + 0.2, nan, base, nan, nan, base - 0.1], 2, 0.0),
        ("NaN at first", [nan, base + 0.1, base, base + 0.3, base + 0.3], 2, 0.0),
        ("nothing but NaN", [nan, nan, nan, nan], 2, 0.0),
    ]
    for n in range(4):
        noisy = base + rng.normal(0, 0.05, 20) + 0.02 * np.abs(np.arange(20) - rng.integers(4, 12))
        cases.append(
            (f"a noisy curve, the {n + 1}.", noisy.tolist(), int(rng.integers(1, 5)), 0.005)
        )
    for about, losses, patience, min_delta in cases:
        about = f"for: {about} (patience={patience})"
        _stopped(attempt, attempt.call(list(losses), patience, min_delta), losses, patience,
                 min_delta, about)  # fmt: skip
    attempt.passed(f"{len(cases)} curves, with NaN, equal losses and small steps among them")


def _stopped(attempt, got, losses, patience, min_delta, about) -> None:
    attempt.require(got is not None, "empty", f"None came {about}.")
    pair = hasattr(got, "__len__") and not isinstance(got, str | dict) and len(got) == 2
    saw = f"A pair of epochs was expected {about}, and this came: {shown(got)}"
    attempt.require(pair, "type", saw)
    got = list(got)
    want = _stop(losses, patience, min_delta)
    stopped = int(attempt.number(got[0], about))
    kept = None if got[1] is None else int(attempt.number(got[1], about))
    found, saw = (stopped, kept), f"{stopped, kept} came {about}."
    if found == want:
        return
    finite = [loss for loss in losses if loss == loss]
    lowest = losses.index(min(finite)) if finite else None
    seen = [loss for loss in losses[: want[0] + 1] if loss == loss]
    nearest = losses.index(min(seen)) if seen else None
    mistakes = {
        "one": (want[0] + 1, None if want[1] is None else want[1] + 1),
        "last": (want[0], want[0]),
        "ties": _stop(losses, patience, min_delta, equal=True),
        "delta": _stop(losses, patience, min_delta, delta=False),
        "total": _stop(losses, patience, min_delta, total=True),
        "before": _steps(losses, patience, min_delta),
        "late": _stop(losses, patience, min_delta, wait=1),
        "future": (want[0], lowest),
    }
    attempt.require(len(finite) == len(losses), "diverged", saw)
    for key, value in mistakes.items():
        attempt.require(found != value, key, saw)
    early = _stop(losses, patience, min_delta, wait=-1)
    attempt.require(found != early, "late", saw)
    attempt.require(found != (want[0], nearest), "delta", saw)
    attempt.require(stopped == want[0] or kept != want[1], "late", saw)
    attempt.require(False, "values", saw)


def _steps(losses, patience, min_delta):
    kept, waited = 0, 0
    for epoch in range(1, len(losses)):
        if losses[epoch] < losses[epoch - 1] - min_delta:
            kept, waited = epoch, 0
        else:
            waited += 1
            if waited >= patience:
                return epoch, kept
    return len(losses) - 1, kept


@task(
    points=1,
    peeked=("The test part was looked at more than once.",
            "Which loop calls `score(..., \"test\")`? Choose first, by validation alone; open the "
            "test part after that, for the one setting that was chosen."),
    untested=("The figure is not the accuracy on the test part.",
              "The validation accuracy of a winner is flattered: it was chosen because it was high. "
              "The second number is what the test part says about the chosen setting."),
    trained=("The setting was chosen by its accuracy on train.",
             "On train the most flexible setting wins, always. Which part has the fit not seen?"),
    tie=("Of equally good settings another than the first was chosen.",
         "The settings come with the simplest first. What does your comparison do when both sides are "
         "equal?"),
    diverged=("A setting was chosen whose validation accuracy is NaN.",
              "max() and np.argmax do strange things with NaN. Leave such settings out first."),
    worst=("Another than the best setting was chosen.",
           "`score` gives an accuracy: is more of it better or worse?"),
    zero=("A setting with the validation accuracy 0 counts as none.",
          "0 is an accuracy like any other, and NaN is not 0. What does your comparison begin with?"),
)  # fmt: skip
def tuned(attempt: Attempt) -> None:
    """Choose on validation, open the test part once."""
    for round_ in range(8):
        number = int(attempt.rng.integers(5, 9))
        settings = np.sort(attempt.rng.uniform(0.001, 10, number)).round(4).tolist()
        if round_ % 2:
            settings.reverse()
        table = {part: _curve(attempt.rng, number, part) for part in ("train", "val", "test")}
        if round_ == 1:
            table["val"][2] = table["val"][3] = max(table["val"]) + 0.01
        if round_ in (2, 3):
            table["val"][0 if round_ == 2 else 1] = math.nan
        _plain_last(table["val"])
        if round_ > 5:  # nothing but failures and zeros, or a failure and one zero
            none = range(number) if round_ == 7 else range(2)
            table["val"] = [math.nan if i in none and i != 2 else 0.0 for i in range(number)]
        val = np.array(table["val"])
        best = int(np.flatnonzero(val == np.nanmax(val))[0])
        table["test"][best] -= 0.005  # not the best on test: another is
        looks, strange = [], []

        def score(setting, part, settings=settings, table=table, looks=looks, strange=strange):
            looks.append(part)
            if setting not in settings:
                strange.append(setting)
                return math.nan
            return table[part][settings.index(setting)]

        about = f"for {number} settings, the {round_ + 1}. time"
        got = attempt.call(list(settings), score)
        opened = looks.count("test")
        attempt.require(opened < 2, "peeked", f"It was looked at {opened} times {about}.")
        saw = f"The accuracy of {shown(strange[-1:])}, which is no setting, was asked for {about}."
        attempt.require(not strange, "zero" if round_ > 5 else "values", saw)
        attempt.require(got is not None, "empty", f"None came {about}.")
        pair = hasattr(got, "__len__") and not isinstance(got, str | dict) and len(got) == 2
        saw = f"A setting and its accuracy were expected {about}, and this came: {shown(got)}"
        attempt.require(pair, "type", saw)
        setting, figure = list(got)
        attempt.require(setting is not None or round_ < 6, "zero", saw)
        setting = attempt.number(setting, about)
        known = [i for i, s in enumerate(settings) if math.isclose(s, setting, rel_tol=1e-6)]
        attempt.require(known, "values", f"{setting} was chosen {about}; it is none of them.")
        _choice(attempt, known[0], best, table, about)
        figure = attempt.number(figure, about)
        right = math.isclose(figure, table["test"][best], abs_tol=1e-9)
        attempt.require(right, "untested", f"The figure {figure:.4f} came {about}.")
    attempt.passed(
        "8 choices, with equal ones and diverged ones, and one look at the test part each"
    )


def _curve(rng: np.random.Generator, number: int, part: str) -> list[float]:
    if part == "train":
        return (0.8 + np.sort(rng.uniform(0, 0.2, number))).tolist()
    return (0.7 + rng.permutation(number) / 50 + rng.uniform(0, 0.005)).tolist()


def _plain_last(val: list[float]) -> None:
    """The last setting, which is the best on train, is neither the best nor the worst on val."""
    order = sorted((v, i) for i, v in enumerate(val) if not math.isnan(v))
    middle = order[1][1]
    if val[-1] in (order[0][0], order[-1][0]):
        val[-1], val[middle] = val[middle], val[-1]


def _choice(attempt, found, best, table, about) -> None:
    saw = f"Setting number {found} (counted from 0) was chosen {about}."
    val = table["val"]
    zeros = np.nanmax(val) == 0
    attempt.require(not math.isnan(val[found]), "zero" if zeros else "diverged", saw)
    attempt.require(found == best or val[found] != val[best], "tie", saw)
    trained = int(np.argmax(table["train"]))
    attempt.require(found != trained, "trained", saw)
    # NaN upsets max(): what follows a NaN that came first, or what came before one.
    upset = any(math.isnan(v) for v in val) and max(range(len(val)), key=val.__getitem__) == found
    attempt.require(found == best or not upset, "diverged", saw)
    attempt.require(found == best, "worst", saw)


def _wilson(right: float, number: float, z: float = 1.959964) -> tuple[float, float]:
    share, z2 = right / number, z * z
    middle = (share + z2 / (2 * number)) / (1 + z2 / number)
    half = z * math.sqrt(share * (1 - share) / number + z2 / (4 * number**2)) / (1 + z2 / number)
    return middle - half, middle + half


def _wald(right: float, number: float) -> tuple[float, float]:
    share = right / number
    half = 1.959964 * math.sqrt(share * (1 - share) / number)
    return share - half, share + half


@task(
    points=2,
    means=("Each batch counts the same, however many examples it holds.",
           "One example of a last batch of three counts as much as ten of a batch of thirty. Add up "
           "what is right and what there is; divide once."),
    wald=("The interval is the simple one: share plus and minus 1.96 standard errors.",
          "With everything right it has the width zero, as if nothing could ever go wrong. The task "
          "gives Wilson's."),
    batches=("The interval takes the number of batches for the number of examples.",
             "The n of the formula counts independent answers."),
    narrow=("The interval is too narrow or too wide.",
            "z = 1.96 belongs to 95% of both sides together. Work out the formula for n = 4 and "
            "p = 1 on paper: it gives about 0.51 to 1."),
    own=("The baseline looks at the test labels to find its answer.",
         "Which label is most frequent must be known beforehand: it is learned from the training "
         "labels. How often is that answer right on test?"),
    share=("The baseline is the share in train, not the accuracy on test.",
           "The answer comes from train; how often it is right is counted on test."),
    percent=("The figures are in percent.", "Give shares between 0 and 1."),
    empty_batch=("A batch without examples upsets the figure.",
                 "The mean of nothing is NaN, or an error. In sums over examples it does no harm."),
)  # fmt: skip
def honest_figure(attempt: Attempt) -> None:
    """The figure, its interval, and a baseline."""
    cases = [((32, 32, 32, 3), 0.8, 0.4), ((50, 50, 7), 0.7, 0.7), ((16, 0, 5), 0.9, 0.6),
             ((4,), 1.0, 0.5), ((40, 2), 1.0, 0.3)]  # fmt: skip
    for sizes, accuracy, liked in cases:
        about = f"for batches of {', '.join(map(str, sizes))} examples"
        batches, train_labels = _batches(attempt.rng, sizes, accuracy, liked)
        try:
            got = attempt.call(batches, train_labels)
        except (ZeroDivisionError, ValueError, IndexError):
            attempt.require(0 not in sizes, "empty_batch", f"An error came {about}.")
            raise
        attempt.require(got is not None, "empty", f"None came {about}.")
        empty = 0 in sizes and np.shape(got) == (4,) and np.isnan(np.asarray(got, float)).any()
        attempt.require(not empty, "empty_batch", f"This came {about}: {shown(got)}")
        got = attempt.array(got, (4,), about=about)
        _figures(attempt, got, batches, train_labels, about)
        attempt.passed(about.removeprefix("for "))


def _batches(rng, sizes, accuracy, liked):
    """Batches of (answers, labels); the last batch is all wrong if any may be."""
    batches = []
    for n, size in enumerate(sizes):
        labels = (rng.random(size) < liked).astype(int)
        hits = rng.random(size) < accuracy
        if n == len(sizes) - 1 and accuracy < 1 and len(sizes) > 1:
            hits[:] = False
            hits[:1] = True
        batches.append((np.where(hits, labels, 1 - labels), labels))
    labels = np.concatenate([labels for _, labels in batches])
    answer = int(labels.mean() <= 0.5)  # in train the other label is the more frequent
    train = rng.permutation(np.where(np.arange(41) < 27, answer, 1 - answer))
    return batches, train


def _figures(attempt, got, batches, train_labels, about) -> None:
    hits = np.concatenate([a == b for a, b in batches])
    labels = np.concatenate([b for _, b in batches])
    right, number = float(hits.sum()), len(hits)
    share, answer = right / number, int(train_labels.mean() > 0.5)
    low, high = _wilson(right, number)
    baseline = float(np.mean(labels == answer))
    saw = f"This came {about}: {shown(got)}"
    means = np.mean([np.mean(a == b) for a, b in batches if len(a)])
    attempt.require(not np.allclose(got, 100 * np.array([share, low, high, baseline]), rtol=0.01),
                    "percent", saw)  # fmt: skip
    attempt.agrees(got[0], share, {"means": means, "percent": 100 * share}, "values",
                   f"as accuracy {about}", 1e-4)  # fmt: skip
    near = np.allclose(got[1:3], (low, high), atol=2e-3)
    for key, wrong in {
        "wald": _wald(right, number),
        "batches": _wilson(share * len(batches), len(batches)),
    }.items():
        clipped = np.clip(wrong, 0, 1)
        like = np.allclose(got[1:3], wrong, atol=2e-3) or np.allclose(got[1:3], clipped, atol=2e-3)
        attempt.require(near or not like, key, saw)
    attempt.require(near, "narrow", saw)
    most = max(labels.mean(), 1 - labels.mean())
    trained = max(train_labels.mean(), 1 - train_labels.mean())
    attempt.agrees(got[3], baseline, {"own": most, "share": trained}, "values",
                   f"as baseline {about}", 1e-4)  # fmt: skip


@task(
    points=3,
    seconds=90,
    flattered=("You claim more than your classifier keeps on films that it has not seen.",
               "Measure as it will be used: no film, and no copy of a text, both in what is fitted "
               "and in what is measured. You have belongs_together for that."),
    modest=("You claim less than your classifier keeps.",
            "A measure with a few films only is a matter of luck: let each film be the held-out one in "
            "turn, and take the mean over all reviews."),
    unsteady=("Your claims miss, sometimes above and sometimes below.",
              "The three data sets differ in difficulty. Does your claim follow from the reviews that "
              "were handed over, and from enough of them?"),
    weak=("On new films the classifier is hardly better than none.",
          "A bag of words and logistic regression do better. Which C does validation with whole films "
          "prefer?"),
    length=("`predict` does not give one answer a text.",
            "It takes a list of texts, of any length, and returns as many labels, 0 or 1."),
)  # fmt: skip
def rescued(attempt: Attempt) -> None:
    """Challenge: the workflow, rescued."""
    gaps, true = [], []
    for clear in attempt.rng.permutation(CLEAR).tolist():
        seeds = [int(s) for s in attempt.rng.integers(10**6, 10**8, 2)]
        given = _reviews(180, seeds[0], copies=0.15, clear=clear)
        fresh = _reviews(300, seeds[1], clear=clear)
        about = f"for {len(given.texts)} reviews"
        got = attempt.call(*(list(column) for column in given))
        attempt.require(got is not None, "empty", f"None came {about}.")
        pair = isinstance(got, tuple | list) and len(got) == 2 and callable(got[0])
        saw = f"A function and a number were expected {about}, and this came: {shown(got)}"
        attempt.require(pair, "type", saw)
        claimed = attempt.number(got[1], f"as the claim {about}")
        said = _answers(attempt, got[0], fresh.texts)
        true.append(float(np.mean(said == np.array(fresh.labels))))
        gaps.append(claimed - true[-1])
    keeps, gap, off = (float(np.mean(values)) for values in (true, gaps, np.abs(gaps)))
    each = ", ".join(f"{t + g:.1%} and {t:.1%}" for t, g in zip(true, gaps, strict=True))
    saw = f"Claimed, and right on new films, for each of three data sets: {each}."
    value = keeps - off
    attempt.score(f"{value:.1%}: {keeps:.1%} on new films, less a gap of {off:.1%}", value)
    attempt.require(keeps >= 0.75, "weak", saw)
    attempt.require(gap <= 0.05, "flattered", saw)
    attempt.require(gap >= -0.05, "modest", saw)
    attempt.require(off <= 0.05, "unsteady", saw)
    attempt.passed(saw)


def _answers(attempt: Attempt, predict: Callable, texts: list[str]) -> np.ndarray:
    got = attempt.call(list(texts), answer=predict)
    saw = f"For {len(texts)} texts this came: {shown(got)}"
    made = attempt.array(got, kind="iufb", about="from predict")
    attempt.require(made.shape == (len(texts),), "length", saw)
    attempt.require(np.isin(made, (0, 1)).all(), "length", saw)
    return made.astype(int)
