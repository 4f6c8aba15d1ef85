"""What lab 7 checks, and the hints it gives."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np

from helpers.attempts import shown
from helpers.labs import Attempt, task


def _softmax(scores: np.ndarray, axis: int = -1) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def _window(length: int, window: int) -> np.ndarray:
    back = np.arange(length)[:, None] - np.arange(length)
    return (back >= 0) & (back < window)


def _attend(q, k, v, mask, axis: int = -1, divisor: float | None = None) -> np.ndarray:
    scores = q @ k.swapaxes(-1, -2) / (divisor or np.sqrt(q.shape[-1]))
    return _softmax(np.where(mask, scores, -1e30), axis) @ v


def _late(q, k, v, mask) -> np.ndarray:
    return np.where(mask, _softmax(q @ k.T / np.sqrt(q.shape[-1])), 0.0) @ v


@task(
    points=1,
    ahead=("Some words see words that come after them.",
           "Row i says what word i may look at. Which sign has i - j for a word j after it?"),
    inverted=("The mask says the opposite: True stands where a word may not look.",
              "Some libraries mark what is hidden; this task marks what is seen. What should stand on "
              "the diagonal?"),
    transposed=("Rows and columns have changed places.",
                "A row belongs to the word that looks, a column to the word that is looked at."),
    itself=("A word does not see itself.",
            "The window holds the word itself and the words before it: how large is i - j for the "
            "word itself?"),
    width=("The window is one word too wide.",
           "With window=1 a word sees itself only. Write the row of the fifth word for window=2 on "
           "paper."),
    narrow=("The window is one word too narrow.",
            "With window=1 a word still sees itself. Write the row of the fifth word for window=2 on "
            "paper."),
    unlimited=("Words see further back than the window reaches.",
               "Looking back is one condition, being near is a second. Both must hold."),
)  # fmt: skip
def window_mask(attempt: Attempt) -> None:
    """A causal mask with a window."""
    sizes = [
        (6, 3),
        (5, 1),
        (4, 9),
        *((int(n), int(w)) for n, w in attempt.rng.integers(2, 9, (4, 2))),
    ]
    for length, window in sizes:
        about = f"for context_length={length}, window={window}"
        got = attempt.array(attempt.call(length, window), (length, length), "b", about=about)
        back = np.arange(length)[:, None] - np.arange(length)
        mistakes = {
            "transposed": _window(length, window).T,
            "itself": (back > 0) & (back < window),
            "width": (back >= 0) & (back <= window),
            "narrow": _window(length, window - 1),
            "unlimited": back >= 0,
        }
        # What else is wrong is told by what holds for it, not by being the one known mistake.
        opposite = got[back < 0].all() and not got.diagonal().any()
        ahead = "inverted" if opposite else "ahead" if (got & (back < 0)).any() else ""
        alone = "itself" if not got.diagonal().all() else ""
        far = "unlimited" if (got & (back > window)).any() else "values"
        attempt.agrees(got, _window(length, window), mistakes, ahead or alone or far, about)
    attempt.passed(f"{len(sizes)} masks, from one word's window to one wider than the text")


@task(
    points=2,
    unscaled=("The scores are not divided by the root of the width.",
              "How does the spread of a sum of D products grow with D? The notebook's figure with "
              "the slider shows what happens without."),
    divisor=("The scores are divided, and by another number than the root of the width.",
             "Which axis of q counts the numbers of one word? Its length goes under the root."),
    axis=("Softmax runs along the wrong axis.",
          "The weights of one word over all words it may look at add up to 1: along rows or "
          "columns of the (T, T) table?"),
    late=("The mask comes too late: what is masked has already taken part in the division.",
          "Change the last word and watch the first row of the result. Softmax divides by a sum; who "
          "is in that sum?"),
    inverted=("The words that may be seen are hidden, and the others seen.",
              "The mask is True where a word may look. In np.where(mask, a, b), where goes a?"),
    zeroed=("What is masked has been made a score of 0, and still has a weight.",
            "Which score must a word have for its weight to become 0? Work out np.exp(0)."),
    weak=("Words that are masked still have a say.",
          "The first word may look at itself only: its row must be its own value, however small its "
          "own score and however large the others. Is what you put for a masked score below all?"),
    ignored=("The mask changes nothing.", "Print the (T, T) table of weights: where are its zeros?"),
    overflow=("With large scores the result is not a number.",
              "np.exp(1000) is infinite. Softmax does not change when the same number is taken from "
              "all scores of a row: which one would be safe?"),
)  # fmt: skip
def attention(attempt: Attempt) -> None:
    """Masked attention that cannot see ahead."""
    for length, width in ((4, 3), (6, 8), (3, 5)):
        q, k, v = attempt.rng.normal(size=(3, length, width)) * [[[2]], [[2]], [[1]]]
        mask = _window(length, length - 1)
        about = f"for {length} words of {width} numbers"
        got = attempt.array(attempt.call(q, k, v, mask), (length, width), "f", about=about)
        attempt.agrees(got, _attend(q, k, v, mask), {
            "unscaled": _attend(q, k, v, mask, divisor=1.0),
            "late": _late(q, k, v, mask),
            "axis": _attend(q, k, v, mask, axis=0),
            "ignored": _attend(q, k, v, np.ones_like(mask)),
            "inverted": _attend(q, k, v, ~mask),
            "zeroed": _softmax(q @ k.T / np.sqrt(width) * mask) @ v,
            "divisor": _divided(q, k, v, mask, got),
        }, _weighted(got[0], v[0]), about)  # fmt: skip
        attempt.passed(f"{length} words of {width} numbers each")
    q, k, v = 60 * attempt.rng.normal(size=(3, 5, 16))
    k[0], k[1] = -q[0], 2 * q[0]  # the one score that counts is low, a masked one is high
    got = attempt.array(attempt.call(q, k, v, _window(5, 5)), (5, 16), "f", finite=False)
    attempt.require(np.isfinite(got).all(), "overflow", "Scores in the thousands give NaN.")
    otherwise = _weighted(got[0], v[0])
    about = "for scores in the thousands"
    attempt.agrees(got, _attend(q, k, v, _window(5, 5)), {}, otherwise, about)
    attempt.passed("scores in the thousands")


def _divided(q, k, v, mask, got) -> np.ndarray:
    """Of the results of several wrong divisors, the one that came; else the right result."""
    wrong = (q.shape[1], q.shape[0], np.sqrt(q.shape[0]))
    found = [_attend(q, k, v, mask, divisor=d) for d in wrong]
    return next((f for f in found if np.allclose(f, got, rtol=1e-5)), _attend(q, k, v, mask))


def _weighted(row: np.ndarray, own: np.ndarray) -> str:
    """The mistake in the row of the first word, which sees nothing but its own value."""
    if np.allclose(row, own, rtol=1e-5):
        return "values"
    factors = row / own
    share = factors.mean()
    return "late" if np.allclose(factors, share) and 0 <= share < 1 else "weak"


def _grouped(q, k, v, mask, heads) -> np.ndarray:
    return np.stack([_attend(q[h], k[g], v[g], mask) for h, g in enumerate(heads)])


@task(
    points=2,
    striped=("Each query head meets the keys of another group than it should.",
             "With 4 query heads and 2 groups the heads go 0, 0, 1, 1. np.tile and np.repeat order "
             "their copies differently: print both for [0, 1]."),
    first=("All query heads use the same keys and values.",
           "Is there one group, or several? The first axis of k counts them."),
    merged=("The keys and values of the groups have been mixed.",
            "Nothing is averaged: each query head uses the keys and values of one group as they are."),
)  # fmt: skip
def grouped_attention(attempt: Attempt) -> None:
    """Several query heads that share keys and values."""
    for heads, groups in ((4, 2), (6, 3), (3, 3), (4, 1)):
        q = attempt.rng.normal(size=(heads, 5, 4))
        k, v = attempt.rng.normal(size=(2, groups, 5, 4))
        mask, each = _window(5, 5), heads // groups
        about = f"for {heads} query heads and {groups} groups"
        got = attempt.array(attempt.call(q, k, v, mask), q.shape, "f", about=about)
        own = [h // each for h in range(heads)]
        mean = [np.repeat(part.mean(0, keepdims=True), groups, 0) for part in (k, v)]
        attempt.agrees(got, _grouped(q, k, v, mask, own), {
            "striped": _grouped(q, k, v, mask, [h % groups for h in range(heads)]),
            "first": _grouped(q, k, v, mask, [0] * heads),
            "merged": _grouped(q, *mean, mask, own),
        }, "values", about)  # fmt: skip
        attempt.passed(
            f"{heads} query heads, {groups} group{'s' * (groups > 1)} of keys and values"
        )


def _suspects(length: int, seed: int) -> dict[str, tuple[Callable, list[int], str]]:
    """Functions from (T, D) to (T, D): the rows before the last that leak, what missing them shows."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(3, 8, 8)) / 3
    column = int(rng.integers(1, 7))
    every, none, causal = list(range(length - 1)), [], _window(length, length)

    def masked(x: np.ndarray, late: bool = False) -> np.ndarray:
        return (_late if late else _attend)(*(x @ w for w in weights), causal)

    def normed(x: np.ndarray) -> np.ndarray:
        spread = x.std(axis=1, keepdims=True)
        return (x - x.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1)

    def one_row(x: np.ndarray) -> np.ndarray:
        out = masked(x)
        out[1] += 1e-7 * x[-1]
        return out

    def falling(x: np.ndarray) -> np.ndarray:
        out = masked(x)
        out[0] -= np.abs(x[-1])
        return out

    def into_one(x: np.ndarray) -> np.ndarray:
        out = masked(x)
        out[1, column] += x[-1] @ weights[0, 0]
        return out

    def from_one(x: np.ndarray) -> np.ndarray:
        out = masked(x)
        out[2] += x[-1, column]
        return out

    return {
        "attention masked before the softmax": (masked, none, ""),
        "attention masked after the softmax": (lambda x: masked(x, True), every, "blind"),
        # Over the words: it should be over the numbers of a word.
        "a norm over the words": (lambda x: x - x.mean(axis=0), every, "blind"),
        "a leak into one row, a ten-millionth": (one_row, [1], "blind"),
        "a leak that only lowers the first row": (falling, [0], "blind"),
        "a layer that mixes no words": (lambda x: np.tanh(x @ weights[0]), none, ""),
        "a leak into one number of a row": (into_one, [1], "whole"),
        "a leak from one number of the last word": (from_one, [2], "part"),
        "a norm of each word, then a causal layer": (lambda x: masked(normed(x)), none, ""),
        "a norm of each word, then a leak": (lambda x: masked(normed(x), True), every, "normed"),
    }


@task(
    points=2,
    last=("The last row is reported, and it may move: it is the word that was changed.",
          "Look at the rows before it only."),
    blind=("A leak was missed.",
           "How large a difference do you still count? What must not move does not move at all. And "
           "does your difference see rows that go down as well as rows that go up?"),
    whole=("A leak was missed that reaches one number of a row only.",
           "When has a row moved: when all its numbers have, or sooner?"),
    part=("A leak was missed that comes from one number of the last word only.",
          "How many numbers of the last word do you change?"),
    normed=("A leak was missed behind a norm of each word: it takes your change away.",
            "Norm the last word before your change and after it, and print both. What does a norm "
            "make of a word whose numbers are all doubled, or all raised by the same amount?"),
    false=("A leak was reported where there is none.",
           "Change one word, the last, and nothing else; and compare two runs of the same function."),
    other=("Leaks are found, in other rows than they are in.",
           "The positions are counted from 0, in the order of the words. Compare row by row."),
)  # fmt: skip
def leaking_rows(attempt: Attempt) -> None:
    """A test that finds leaks from the future."""
    length = 6 if not attempt.seed else 4 + attempt.seed % 5
    for what, (function, rows, missed) in _suspects(length, attempt.seed).items():
        x = attempt.rng.normal(size=(length, 8))
        got = attempt.call(function, x)
        about = f"for {what}"
        attempt.require(got is not None, "empty", f"None came {about}.")
        wanted = f"A list of positions was expected {about}, and this came: {shown(got)}"
        attempt.require(_are_positions(got), "type", wanted)
        found = sorted({int(n) for n in got})
        saw = f"Rows {found} were reported {about}."
        attempt.require(not rows or found != [n + 1 for n in rows], "other", saw)
        attempt.require(not {length - 1, -1} & set(found), "last", saw)
        attempt.require(found or not rows, missed, saw)
        attempt.require(rows or not found, "false", saw)
        attempt.require(not set(rows) - set(found) or set(found) - set(rows), missed, saw)
        attempt.require(found == rows, "other", saw)
        attempt.passed(what)


def _are_positions(got: object) -> bool:
    if isinstance(got, str | dict):
        return False
    try:
        return all(not isinstance(n, bool | np.bool_) and int(n) == n for n in got)
    except (TypeError, ValueError):
        return False


@task(
    points=3,
    seconds=30,
    hungry=("The result is right, and the memory it takes is not below a quarter.",
            "Which is the largest array that you hold at one time? A slice of queries is a start; its "
            "scores with all keys are then (block, T). The rest of the memory is the result itself."),
    rest=("The words of the last block, which is smaller than the others, are not right.",
          "Ten words in blocks of 3: how many blocks are there, and where does the last one end? And "
          "one block can be larger than the text."),
    own=("Words see the keys of their own block only.",
         "The sixth word, in blocks of 4, looks at the first word too. What becomes of what was found "
         "in the blocks of keys before?"),
    offset=("Some words do not see all the words before them.",
            "The mask counts from the beginning of the text, a slice from the beginning of its block. "
            "Print, for each block, the positions that its rows and columns stand for."),
    forgets=("The result is right as long as one block holds everything.",
             "When a block with a larger maximum comes, what was added up before was scaled by the old "
             "maximum: the numerator and the denominator must both be scaled anew."),
    ahead=("Words see words that come after them.",
           "A block of queries begins at position `start`: its rows are start, start + 1, ..."),
    overflow=("With large scores the result is not a number.",
              "np.exp(1000) is infinite. What did you take from the scores in attention? Here it is "
              "taken block by block."),
)  # fmt: skip
def slim_attention(attempt: Attempt) -> None:
    """Challenge: causal attention in little memory."""
    for length, block in ((8, 8), (12, 4), (10, 3), (7, 64)):
        q, k, v = attempt.rng.normal(size=(3, length, 4)) * 4
        about = f"for {length} words in blocks of {block}"
        came = attempt.call(q, k, v, block)
        saw = f"A NumPy array was expected {about}, and this came: {shown(came)}"
        attempt.require(not _of_a_framework(came), "type", saw)
        got = attempt.array(came, (length, 4), "f", about=about)
        full = np.ones((length, length), bool)
        want = _attend(q, k, v, _window(length, length))
        if not np.allclose(got, want, rtol=1e-5):
            otherwise = _blocked(attempt, length, block)
            attempt.agrees(got, want, {"ahead": _attend(q, k, v, full)}, otherwise, about)
        attempt.passed(f"{length} words in blocks of {block}")
    q, k, v = 60 * attempt.rng.normal(size=(3, 9, 16))
    got = attempt.array(attempt.call(q, k, v, 4), (9, 16), "f", finite=False)
    attempt.require(np.isfinite(got).all(), "overflow", "Scores in the thousands give NaN.")
    about = "for scores in the thousands"
    attempt.agrees(got, _attend(q, k, v, _window(9, 9)), {}, "forgets", about)
    attempt.passed("scores in the thousands")
    q, k, v = attempt.rng.normal(size=(3, 768, 16))
    plain = _peak(lambda: _attend(q, k, v, np.tri(768, dtype=bool)))
    got, own = None, 0

    def run() -> None:
        nonlocal got
        got = attempt.call(q, k, v, 32)

    own = _peak(run)
    attempt.agrees(attempt.array(got, (768, 16), "f"), _attend(q, k, v, np.tri(768, dtype=bool)),
                   otherwise="forgets", about="for 768 words")  # fmt: skip
    share = own / plain
    attempt.score(f"{share:.1%} of the plain way's peak memory, for 768 words", -share)
    attempt.require(share < 0.25, "hungry", f"It takes {share:.0%} of the plain way's memory.")
    attempt.passed("768 words in less than a quarter of the memory")


def _of_a_framework(got: object) -> bool:
    """Whether this is, or shows the memory of, a tensor: memory that Python does not trace."""
    if isinstance(got, list | tuple):
        return any(map(_of_a_framework, got))
    while isinstance(got, np.ndarray):
        got = got.base
    return hasattr(got, "__array__") and not isinstance(got, np.generic)


def _blocked(attempt: Attempt, length: int, block: int) -> str:
    """The mistake, read off the weights themselves: what attention makes of one-hot values."""
    q, k = attempt.rng.normal(size=(2, length, length))
    mask, one = _window(length, length), np.arange(length) // block
    got = np.asarray(attempt.call(q, k, np.eye(length), block), dtype=float)
    if got.shape != mask.shape:
        return "values"
    odd = ~np.isclose(got, _attend(q, k, np.eye(length), mask)).all(axis=1)
    rest = length - length % block
    if odd[rest:].any() and not odd[:rest].any():
        return "rest"
    seen = np.abs(got) > 1e-12
    if (seen & ~mask).any():
        return "ahead"
    if block >= length:
        return "values"
    if not seen[one[:, None] > one].any():
        return "own"
    return "forgets" if seen[mask].all() else "offset"


def _peak(call: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
