"""What lab 6 checks, and the hints it gives."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from helpers import labs
from helpers.attempts import shown
from helpers.labs import Attempt, task

BUDGET = 128  # tokens of the challenge
SHARE = 0.995  # of what byte-pair encoding needs: the pass mark


# --- what comes in and goes out


def _is_whole(value: Any) -> bool:
    if isinstance(value, bool | np.bool_):
        return False
    try:
        return int(value) == value and not isinstance(value, str | bytes)
    except (TypeError, ValueError, OverflowError):
        return False


def _rows(got: Any) -> list | None:
    """A sequence as a list, or None for what is none."""
    if isinstance(got, str | bytes | dict | set | frozenset):
        return None
    try:
        return list(got)
    except TypeError:
        return None


def _ids(attempt: Attempt, got: Any, about: str) -> list[int]:
    attempt.require(got is not None, "empty", f"None came {about}.")
    rows = _rows(got)
    wanted = f"A list of whole numbers was expected {about}, and this came: {shown(got)}"
    attempt.require(rows is not None and all(map(_is_whole, rows)), "type", wanted)
    return [int(one) for one in rows]


def _pair(value: Any) -> tuple[int, int] | None:
    rows = _rows(value)
    if rows is None or len(rows) != 2 or not all(map(_is_whole, rows)):
        return None
    return int(rows[0]), int(rows[1])


def _compare(attempt: Attempt, got: Any, want: Any, mistakes: Mapping[str, Any], saw: str) -> None:
    """Like `agrees`, for values that are no arrays; what follows a dot in a key is left out."""
    if got == want:
        return
    key = next((k for k, value in mistakes.items() if value == got), "values")
    attempt.require(False, key.partition(".")[0], saw)


def _distinct(draw: Callable[[], tuple], ways: Sequence[Callable], tries: int = 400) -> tuple:
    """A drawn case on which the ways, the right one first, all give different results.

    Where none is found, the one with the most different results.
    """
    best, most = (), 0
    for _ in range(tries):
        case = draw()
        number = len({repr(way(*case)) for way in ways})
        if number > most:
            best, most = case, number
        if number == len(ways):
            break
    return best


# --- task 1


def _merge(ids: Sequence[int], pair: tuple[int, int], new: int) -> list[int]:
    out, i = [], 0
    while i < len(ids):
        found = tuple(ids[i : i + 2]) == pair
        out.append(new if found else ids[i])
        i += 2 if found else 1
    return out


def _overlapping(ids, pair, new):
    out = []
    for i, one in enumerate(ids):
        if tuple(ids[i : i + 2]) == pair:
            out.append(new)
        elif i == 0 or tuple(ids[i - 1 : i + 1]) != pair:
            out.append(one)
    return out


def _stays(ids, pair, new):
    """The new token is written, and the second half of the pair stays."""
    return [new if tuple(ids[i : i + 2]) == pair else one for i, one in enumerate(ids)]


def _first_only(ids, pair, new):
    for i in range(len(ids) - 1):
        if tuple(ids[i : i + 2]) == pair:
            return [*ids[:i], new, *ids[i + 2 :]]
    return list(ids)


def _from_right(ids, pair, new):
    return _merge(list(ids)[::-1], pair[::-1], new)[::-1]


def _loses_last(ids, pair, new):
    out, i = [], 0
    while i < len(ids) - 1:
        found = tuple(ids[i : i + 2]) == pair
        out.append(new if found else ids[i])
        i += 2 if found else 1
    return out


def _turned(ids, pair, new):
    out, i = [], 0
    while i < len(ids):
        found = tuple(ids[i : i + 2]) in (pair, pair[::-1])
        out.append(new if found else ids[i])
        i += 2 if found else 1
    return out


def _as_text(ids, pair, new):
    """The ids joined to a text and replaced there: digits of one id can meet those of another."""
    joined = " ".join(map(str, ids)).replace(" ".join(map(str, pair)), str(new))
    return [int(one) for one in joined.split()]


@task(
    points=1,
    digits=("Part of an id is taken for a whole one.",
            "As text, 1 2 stands inside 11 23. Compare numbers, not their digits."),
    overlap=("In a row of three equal tokens, the one in the middle was used twice.",
             "After a merge, where does the search go on: one place further, or two?"),
    stays=("The new token stands there, and the second half of the pair is still beside it.",
           "A merge takes two tokens away and puts one in their place: how much shorter must the "
           "list be?"),
    first=("Not every occurrence of the pair is merged.",
           "The search goes on after the first find, to the end of the list."),
    right=("With an odd number of equal tokens, the one left over is at the wrong end.",
           "Work through the list from its beginning: which two of three equal tokens are met first?"),
    last=("The last token can get lost.",
          "A token that has none after it is no pair; it still belongs to the result. Try a list "
          "that does not end in the pair, and one that holds a single token."),
    turned=("The two tokens were merged in the other order, too.",
            "A pair has a left and a right half: (1, 2) and (2, 1) are two pairs."),
)  # fmt: skip
def merge(attempt: Attempt) -> None:
    """One merge, from left to right."""
    rng = attempt.rng

    def draw(low: int, high: int) -> tuple:
        ids = [int(n) for n in rng.integers(97, 99 + high, rng.integers(low, low + 8))]
        pair = tuple(int(n) for n in rng.integers(97, 99 + high, 2))
        return ids, pair, 256 + int(rng.integers(50))

    wrong = {"overlap": _overlapping, "stays": _stays, "first": _first_only,
             "right": _from_right, "last": _loses_last, "turned": _turned,
             "digits": _as_text}  # fmt: skip
    plain = [_merge, _stays, _first_only, _loses_last, _turned]
    cases = [
        _distinct(lambda: draw(6, 1), plain),
        _distinct(lambda: draw(7, 0), [_merge, _overlapping, _stays, _first_only, _from_right]),
        _distinct(lambda: draw(9, 1), plain),
        ([11, 23, 1, 2, 112, 2], (1, 2), 256 + int(rng.integers(50))),
        ([197, 98, 97, 98, 97, 981], (97, 98), 1000 + int(rng.integers(50))),
        ([97] * 5, (97, 97), 300), ([97], (97, 98), 256), ([], (97, 98), 256),
    ]  # fmt: skip
    for case in cases:
        ids, pair, new = case
        about = f"for ids={ids}, pair={pair}, new_id={new}"
        got = _ids(attempt, attempt.call(ids, pair, new), about)
        mistakes = {key: way(*case) for key, way in wrong.items()}
        _compare(attempt, got, _merge(*case), mistakes, f"This came {about}: {shown(got)}")
    attempt.passed(f"{len(cases)} lists, among them an empty one and one of equal tokens")


# --- task 2


def _count(words: Mapping[tuple, int], overlap=False, weighted=True, once=False) -> Counter:
    pairs: Counter = Counter()
    for ids, count in words.items():
        own: Counter = Counter()
        last: dict[tuple, int] = {}
        for i, pair in enumerate(itertools.pairwise(ids)):
            if overlap or last.get(pair, -2) < i - 1 or pair[0] != pair[1]:
                own[pair] += 1
                last[pair] = i
        for pair, times in own.items():
            pairs[pair] += (1 if once else times) * (count if weighted else 1)
    return pairs


def _rounded(words: Mapping[tuple, int]) -> Counter:
    """Half of the neighbours that are equal, counted in the whole word instead of run by run."""
    pairs: Counter = Counter()
    for ids, count in words.items():
        for pair, times in Counter(itertools.pairwise(ids)).items():
            pairs[pair] += ((times + 1) // 2 if pair[0] == pair[1] else times) * count
    return pairs


def _crossing(words: Mapping[tuple, int]) -> Counter:
    return _count({tuple(one for ids in words for one in ids): 1})


def _crossing_weighted(words: Mapping[tuple, int]) -> Counter:
    return _count({tuple(n for ids, count in words.items() for n in ids * count): 1})


@task(
    points=1,
    overlap=("Pairs that overlap are counted, although only one of them can be merged.",
             "In (7, 7, 7) two pairs begin. How many new tokens would a merge make there? Does a run "
             "of four equal tokens give you two?"),
    unweighted=("A word counts once, however often it occurs.",
                "The dictionary's value says how often the word occurs: each of its pairs occurs as "
                "often."),
    runs=("Two runs of the same token in one word are counted as if they were one.",
          "How many merges of (7, 7) can be made in (7, 7, 8, 7, 7)? And in a run of three or four?"),
    once=("A pair that a word has twice counts once for that word.",
          "Look at a word like (1, 2, 1, 2): how many merges can be made?"),
    crossing=("Pairs are counted that reach from one word into the next.",
              "Where one word ends and another begins, there is no pair. Count word by word."),
)  # fmt: skip
def count_pairs(attempt: Attempt) -> None:
    """How many merges each pair would give."""
    rng = attempt.rng
    ways = {
        "unweighted": lambda w: _count(w, weighted=False),
        "once": lambda w: _count(w, once=True),
        "overlap": lambda w: _count(w, overlap=True),
        "runs": _rounded,
        "crossing": _crossing,
        "crossing.1": _crossing_weighted,
    }

    def draw() -> tuple:
        words = {}
        for _ in range(5):
            ids = tuple(int(n) for n in rng.integers(97, 101, rng.integers(2, 8)))
            words[ids] = int(rng.integers(2, 9))
        return (words,)

    run = tuple([int(rng.integers(97, 123))] * int(rng.integers(3, 6)))
    cases = [{(97, 98, 99): 3, (98, 99): int(rng.integers(2, 50))},
             *(_distinct(draw, [_count, *ways.values()])[0] for _ in range(3)),
             {run: 2, (97,): 4}, {(5, 5, 5, 5, 6): 1}, {(97,): 9}, {},
             {(97, 97, 98, 97, 97): int(rng.integers(2, 50))},
             {(256, 300, 256, 300): int(rng.integers(2, 50)), (97, 256, 97): 3}]  # fmt: skip
    for words in cases:
        about = f"for words={shown(words)}"
        got = _counted(attempt, attempt.call(words), about)
        mistakes = {key: dict(way(words)) for key, way in ways.items()}
        saw = f"This came {about}: {shown(got)}"
        _compare(attempt, got, dict(_count(words)), mistakes, saw)
    attempt.passed(f"{len(cases)} sets of words, some with runs of equal tokens")


def _counted(attempt: Attempt, got: Any, about: str) -> dict[tuple[int, int], int]:
    attempt.require(got is not None, "empty", f"None came {about}.")
    wanted = f"A dictionary of pairs and their counts was expected {about}; this came: {shown(got)}"
    attempt.require(isinstance(got, Mapping), "type", wanted)
    found = {}
    for key, value in got.items():
        pair = _pair(key)
        attempt.require(pair is not None and _is_whole(value), "type", wanted)
        if value:
            found[pair] = int(value)
    return found


# --- task 3


def _train(
    words: Mapping[bytes, int],
    num_merges: int,
    least: int = 2,
    tie: Callable[[tuple, list[int]], Any] | None = None,
    first: int = 256,
    stale: bool = False,
    by_bytes: bool = False,
    **how: Any,
) -> list[tuple[int, int]]:
    """Merges learnt from counted words. The defaults are the task's rule, the others its mistakes."""
    counted: Counter = Counter()
    for word, count in words.items():
        counted[tuple(word)] += count
    sizes, merges = dict.fromkeys(range(256), 1), []
    pieces = {n: bytes([n]) for n in range(256)}
    tie = tie or (lambda pair, sizes: (sizes[pair[0]] + sizes[pair[1]], pair))
    if by_bytes:  # the last tie by the bytes of the halves instead of their ids

        def tie(pair, sizes):
            return sizes[pair[0]] + sizes[pair[1]], pieces[pair[0]], pieces[pair[1]]

    pairs = _count(counted, **how)
    while len(merges) < num_merges:
        if not stale:
            pairs = _count(counted, **how)
        left = {p: n for p, n in pairs.items() if n >= least and not (stale and p in merges)}
        if not left:
            break
        pair = min(left, key=lambda p: (-left[p], tie(p, sizes)))
        new = first + len(merges)
        merges.append(pair)
        sizes[new] = sizes[pair[0]] + sizes[pair[1]]
        pieces[new] = pieces[pair[0]] + pieces[pair[1]]
        merged: Counter = Counter()
        for ids, count in counted.items():
            merged[tuple(_merge(ids, pair, new))] += count
        counted = merged
    return merges


TRAINED = {  # mistakes of `train`, by hint; a number after a dot tells two ways of one mistake apart
    "stale": {"stale": True},
    "unweighted": {"weighted": False},
    "numbers": {"first": 257},
    "numbers.1": {"first": 255},
    "rare": {"least": 1},
    "rare.1": {"least": 3},
    "tie": {"tie": lambda pair, sizes: 0},
    "tie.1": {"tie": lambda pair, sizes: pair},
    "tie.2": {"tie": lambda pair, sizes: (sizes[pair[0]] + sizes[pair[1]], -pair[0], -pair[1])},
    "tie.3": {"tie": lambda pair, sizes: (-sizes[pair[0]] - sizes[pair[1]], pair)},
    "tie.4": {"tie": lambda pair, sizes: (-pair[0], -pair[1])},
    "tie.5": {"tie": lambda pair, sizes: sizes[pair[0]] + sizes[pair[1]]},
    "tie.6": {"tie": lambda pair, sizes: (sizes[pair[0]] + sizes[pair[1]], pair[::-1])},
    "tie.7": {"by_bytes": True},
    "overlap": {"overlap": True},
}


@task(
    points=2,
    seconds=20,
    stale=("The pairs are counted once, and not again after a merge.",
           "A merge makes new pairs and takes others away: if 'th' has become one token, what is "
           "left of the pair 'he'?"),
    unweighted=("A word counts once, however often it occurs.",
                "Pass the counts of the words on to count_pairs."),
    numbers=("The ids of the new tokens are not the ones that the task names.",
             "There are 256 bytes, numbered from 0. Which number is free for the first merge?"),
    rare=("The training does not stop where it should.",
          "A pair that is counted once is not merged, one that is counted twice is. What happens "
          "when no such pair is left?"),
    tie=("Where several pairs are equally frequent, another one is taken than the rule says.",
         "First the count, then the number of bytes of the token that the pair would make, then the "
         "ids. How many bytes does token 256 stand for?"),
    overlap=("The counts are not those of task 2.",
             "A run of equal tokens is counted too high. Use your count_pairs."),
    many=("There are more merges than were asked for.",
          "num_merges is the length of the list; the 256 bytes do not count."),
)  # fmt: skip
def train(attempt: Attempt) -> None:
    """Learn the merges of a text."""
    rng = attempt.rng
    kinds = [{}, *TRAINED.values()]
    toy = {b"rain": 4, b" train": 5, b" training": 3, b" brain": 2}
    cases: list[tuple[dict, int]] = [(toy, 3)]

    def draw(letters: str, top: int) -> tuple:
        words = {}
        for _ in range(6):
            picked = rng.choice(list(letters), rng.integers(3, 8))
            words["".join(picked).encode()] = int(rng.integers(1, top))
        return words, int(rng.integers(5, 9))

    ways = [lambda w, n, how=how: _train(w, n, **how) for how in kinds]
    cases += [_distinct(lambda: draw("abcd", 9), ways, 12),
              _distinct(lambda: draw("abc", 4), ways, 12)]  # fmt: skip
    # After (99, 100) and (97, 98) the ids no longer follow the bytes that they stand for.
    cases.append(({b"cd": 9, b"ab": 8, b"cdxz": 4, b"abxz": 4}, 5))
    cases.append(_by_bytes_differ(lambda: draw("abcd", 4)))
    cases += [(draw("abé🙂", 5)[0], 6), (draw("ab", 3)[0], 200),
              ({b"abab": 1, b"ba": 1}, 50), ({b"xyz": 1, b"q": 7}, 4), ({}, 3), (toy, 0)]  # fmt: skip
    for words, number in cases:
        about = f"for words={shown(words)}, num_merges={number}"
        got = _pairs(attempt, attempt.call(words, number), about)
        want = _train(words, number)
        saw = f"This came {about}: {shown(got)}"
        attempt.require(len(got) <= number, "many", saw)
        same = sum(
            1 for _ in itertools.takewhile(lambda ab: ab[0] == ab[1], zip(got, want, strict=False))
        )
        saw += f"\nThe first merges that are right: {same}."
        if got != want:
            found = next((k for k, how in TRAINED.items() if _train(words, number, **how) == got),
                         "values")  # fmt: skip
            attempt.require(False, found.partition(".")[0], saw)
    attempt.passed(f"{len(cases)} sets of words, with ties, with few pairs, with none")


def _by_bytes_differ(draw: Callable[[], tuple]) -> tuple:
    ways = [_train, lambda w, n: _train(w, n, by_bytes=True)]
    return _distinct(lambda: (draw()[0], 9), ways, 60)


def _pairs(attempt: Attempt, got: Any, about: str) -> list[tuple[int, int]]:
    attempt.require(got is not None, "empty", f"None came {about}.")
    rows = _rows(got)
    wanted = f"A list of pairs of ids was expected {about}, and this came: {shown(got)}"
    attempt.require(rows is not None, "type", wanted)
    pairs = [_pair(row) for row in rows]
    attempt.require(None not in pairs, "type", wanted)
    return pairs


# --- tasks 4 and 5


def _table(merges: Sequence[tuple[int, int]]) -> list[bytes]:
    table = [bytes([byte]) for byte in range(256)]
    for left, right in merges:
        table.append(table[left] + table[right])
    return table


def _decode(ids: Sequence[int], merges: Sequence[tuple[int, int]], errors: str = "replace") -> str:
    table = _table(merges)
    return b"".join(table[i] for i in ids).decode(errors=errors)


TEXTS = (
    "the café\nthe cafés",
    "naïve 🙂🙂 façade",
    "北京 and 👩‍👩‍👧",
    "",
    "a\x00b\r\n\tc",
    "aaaaaaa",
)


def _lesson(rng: np.random.Generator) -> list[tuple[int, int]]:
    """Merges learnt from words in which accents and emoji are frequent."""
    words = {" café": 9, "cafés": 5, "naïve": 7, "🙂": 8, "🙂🙂": 3, " façade": 4, "北京": 6, "the": 9,
             "👩‍👩‍👧": 2, "aaaa": 3}  # fmt: skip
    drawn = {word: count + int(rng.integers(9)) for word, count in words.items()}
    return _train({word.encode(): count for word, count in drawn.items()}, 40)


@task(
    points=1,
    piecewise=("Each token is made a text by itself, and half a character is none.",
               "A character of several bytes can be spread over several tokens. When do all its "
               "bytes stand together?"),
    strict=("Some rows of ids are no valid UTF-8, and your code stops there.",
            "A model may write half a character. bytes.decode has an argument that says what is to "
            "happen then."),
    dropped=("Bytes that are no valid UTF-8 have vanished without a sign.",
             "Which setting of `errors` leaves the mark U+FFFD where something could not be read?"),
    characters=("Bytes are shown as if each were a character.",
                "chr(195) is not half an é. Collect bytes, and let UTF-8 make characters of them."),
    shallow=("Tokens that are made of merged tokens do not come out whole.",
             "The halves of a pair can be merged tokens themselves. Which tokens are already known "
             "when a merge is read, if they are read in their order?"),
)  # fmt: skip
def decode(attempt: Attempt) -> None:
    """From ids back to a text, whatever the ids."""
    rng = attempt.rng
    merges = _lesson(rng)
    size = 256 + len(merges)
    whole = [(f"the tokens of {text!r}", _encode(text, merges)) for text in TEXTS]
    smile = "🙂".encode()
    cases = [
        *whole,
        *((f"{what} without the last", ids[:-1]) for what, ids in whole[:3]),
        ("the first three bytes of 🙂 and an exclamation mark", [*smile[:3], 33]),
        ("half of an é", list("é".encode()[:1])),
        *((f"the ids {row}", row) for row in rng.integers(0, size, (4, 5)).tolist()),
    ]
    for what, ids in cases:
        about = f"for {what}"
        try:
            got = attempt.call(ids, merges)
        except UnicodeDecodeError as error:
            attempt.require(False, "strict", f"{error} ({about})")
        except (ValueError, OverflowError) as error:  # bytes([256]), bytearray.append(256)
            attempt.require("range(0, 256)" not in str(error), "shallow", f"{error} ({about})")
            raise
        attempt.require(got is not None, "empty", f"None came {about}.")
        wanted = f"A str was expected {about}, and this came: {shown(got)}"
        attempt.require(isinstance(got, str), "type", wanted)
        table = _table(merges)
        _compare(attempt, got, _decode(ids, merges), {
            "piecewise": "".join(table[i].decode(errors="replace") for i in ids),
            "dropped": _decode(ids, merges, "ignore"),
            "characters": "".join(chr(byte) for i in ids for byte in table[i]),
            "shallow": _shallow(ids, merges),
        }, f"This came {about}: {shown(got)}")  # fmt: skip
    attempt.passed(f"{len(TEXTS)} texts with accents, emoji and none at all")
    attempt.passed(f"{len(cases) - len(TEXTS)} rows of ids that are no whole text")


def _shallow(ids: Sequence[int], merges: Sequence[tuple[int, int]]) -> str:
    def one(i: int) -> bytes:
        halves = (i,) if i < 256 else merges[i - 256]
        return bytes(half for half in halves if half < 256)

    return b"".join(map(one, ids)).decode(errors="replace")


def _by_pairs(ids: list[int], merges: Sequence[tuple[int, int]], choose: Callable) -> list[int]:
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    while True:
        found = [(i, ranks[p]) for i, p in enumerate(itertools.pairwise(ids)) if p in ranks]
        if not found:
            return ids
        i, rank = choose(found)
        ids = [*ids[:i], 256 + rank, *ids[i + 2 :]]


def _encode(text: str, merges: Sequence[tuple[int, int]]) -> list[int]:
    return _by_pairs(list(text.encode()), merges, lambda found: min(found, key=lambda f: f[::-1]))


def _leftmost(text: str, merges: Sequence[tuple[int, int]]) -> list[int]:
    return _by_pairs(list(text.encode()), merges, lambda found: found[0])


def _latest(text: str, merges: Sequence[tuple[int, int]]) -> list[int]:
    return _by_pairs(list(text.encode()), merges, lambda found: max(found, key=lambda f: f[1]))


def _longest(text: str, merges: Sequence[tuple[int, int]]) -> list[int]:
    ids = {}
    for i, token in enumerate(_table(merges)):
        ids.setdefault(token, i)
    data, out, i = text.encode(), [], 0
    while i < len(data):
        end = next(end for end in range(len(data), i, -1) if data[i:end] in ids)
        out.append(ids[data[i:end]])
        i = end
    return out


def _by_characters(text: str, merges: Sequence[tuple[int, int]]) -> list[int]:
    return _by_pairs([*map(ord, text)], merges, lambda found: min(found, key=lambda f: f[::-1]))


def _one_pass(text: str, merges: Sequence[tuple[int, int]]) -> list[int]:
    """One walk from left to right, without going back to what has been merged."""
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    ids, out, i = list(text.encode()), [], 0
    while i < len(ids):
        rank = ranks.get(tuple(ids[i : i + 2]))
        out.append(ids[i] if rank is None else 256 + rank)
        i += 1 if rank is None else 2
    return out


@task(
    points=2,
    longest=("The longest token that fits is taken each time. Training did not work like that.",
             "Encoding repeats the merges in the order in which they were learnt, even where a "
             "longer token would fit."),
    order=("The merges are made in the order in which they are met in the text.",
           "Of all pairs that could be merged now, which was learnt first? It may stand far to the "
           "right."),
    latest=("Of the possible merges, the one that was learnt last is made first.",
            "The list begins with the merge that was learnt first: a small number is an early one."),
    single=("The text is gone through once, and new tokens are not merged any further.",
            "After a merge, the new token and its neighbour can be a pair that is in the list."),
    characters=("The text was not turned into bytes.",
                "ord('é') is 233, and UTF-8 stores two bytes. Which method of str makes bytes?"),
)  # fmt: skip
def encode(attempt: Attempt) -> None:
    """From a text to ids, by the order of the merges."""
    rng = attempt.rng

    def draw() -> tuple:
        merges: list[tuple[int, int]] = []
        while len(merges) < 9:
            left, right = (
                int(n) for n in rng.choice([97, 98, 99, *range(256, 256 + len(merges))], 2)
            )
            if (left, right) not in merges and len(_table([*merges, (left, right)])[-1]) < 5:
                merges.append((left, right))
        return "".join(rng.choice(list("abc"), int(rng.integers(9, 15)))), merges

    ways = [_encode, _leftmost, _latest, _longest, _one_pass]
    lesson = _lesson(rng)
    cases = [*(_distinct(draw, ways, n) for n in (200, 60, 20)), ("abcab", [(98, 99), (97, 98)]),
             *((text, lesson) for text in TEXTS), ("no merges: é", []), ("aaaaa", [(97, 97)]),
             ("aaaaaaaa", [(97, 97), (256, 256)])]  # fmt: skip
    for text, merges in cases:
        about = f"for text={text!r}, merges={merges if len(merges) < 9 else 'of some words'}"
        got = _ids(attempt, attempt.call(text, merges), about)
        _compare(attempt, got, _encode(text, merges), {
            "longest": _longest(text, merges),
            "order": _leftmost(text, merges),
            "latest": _latest(text, merges),
            "single": _one_pass(text, merges),
            "characters": _by_characters(text, merges),
        }, f"This came {about}: {shown(got)}")  # fmt: skip
    attempt.passed(f"{len(cases)} texts, among them emoji, accents and the empty text")


# --- the challenge


def _fast_train(words: Mapping[bytes, int], num_merges: int) -> list[bytes]:
    """The tokens of plain byte-pair encoding, by an index from pairs to words."""
    ids = [list(word) for word in words]
    counts = list(words.values())
    pairs: Counter = Counter()
    where: dict[tuple, set[int]] = {}
    for n, word in enumerate(ids):
        for pair in itertools.pairwise(word):
            pairs[pair] += counts[n]
            where.setdefault(pair, set()).add(n)
    table = [bytes([byte]) for byte in range(256)]
    while len(table) < 256 + num_merges:
        pair = min(pairs, key=lambda p: (-pairs[p], p), default=None)
        if pair is None or pairs[pair] < 2:
            break
        for n in where[pair]:
            for old in itertools.pairwise(ids[n]):
                pairs[old] -= counts[n]
            ids[n] = _merge(ids[n], pair, len(table))
            for made in itertools.pairwise(ids[n]):
                pairs[made] += counts[n]
                where.setdefault(made, set()).add(n)
        del pairs[pair]
        table.append(table[pair[0]] + table[pair[1]])
    return table[256:]


def _needed(words: Mapping[bytes, int], tokens: set[bytes]) -> int:
    cut = labs.material("lab06").cut
    return sum(count * len(cut(word, tokens)) for word, count in words.items())


def _in_code(pages: Sequence[str], rng: np.random.Generator) -> list[str]:
    """The pages with their letters exchanged, so that no list made beforehand fits them."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    other = "".join(rng.permutation(list(letters)))
    code = str.maketrans(letters + letters.upper(), other + other.upper())
    return [page.translate(code) for page in pages]


@task(
    points=3,
    seconds=120,
    many=("There are more tokens than the budget allows.",
          "Sort them by what they are worth, and give back the first `budget`."),
    texts=("The tokens are no bytes.",
           "A token is a value of the type bytes, such as b' the'. What is the type of the keys of "
           "`words`? Slices of a key are bytes, too."),
    absent=("Many of the tokens stand in none of the words that were handed over.",
            "In the check the letters have changed places: a list made beforehand does not fit. Take "
            "the tokens from `words`."),
    poor=("This needs more tokens than plain byte-pair encoding.",
          "Two tokens that are both frequent can be of use in the same places: once the one is "
          "there, the other is worth little. Begin with what your train makes, and improve it."),
    stones=("This is about as good as byte-pair encoding, and not better.",
            "Which tokens does material.cut hardly ever use, once the longer ones are there? They "
            "cost a place each. Who could have it instead?"),
)  # fmt: skip
def choose_tokens(attempt: Attempt) -> None:
    """Challenge: the best tokens for a text not yet seen."""
    material = labs.material("lab06")
    pages = _in_code(material.pages(), attempt.rng)
    order = attempt.rng.permutation(len(pages))
    known, unseen = order[len(pages) // 4 :], order[: len(pages) // 4]
    words = material.words_of((pages[i] for i in known), least=12)
    got = attempt.call(words, BUDGET)
    attempt.require(got is not None, "empty", "None came.")
    wanted = f"A list of bytes was expected, and this came: {shown(got)}"
    attempt.require(not isinstance(got, str | bytes), "type", wanted)
    try:
        rows = list(got)
    except TypeError:
        attempt.require(False, "type", wanted)
    odd = [row for row in rows if not isinstance(row, bytes)]
    attempt.require(not odd, "texts", f"Among the tokens is this: {shown(odd[0] if odd else '')}")
    tokens = {row for row in rows if len(row) > 1}
    attempt.require(len(tokens) <= BUDGET, "many", f"{len(tokens)} tokens, {BUDGET} allowed.")
    attempt.passed(f"{len(tokens)} tokens, no more than {BUDGET}")
    new = material.words_of(pages[i] for i in unseen)
    num_bytes = sum(len(word) * count for word, count in new.items())
    plain = _needed(new, set(_fast_train(words, BUDGET)))
    own = _needed(new, tokens)
    per = f"{1000 * own / num_bytes:.0f} tokens per 1,000 unseen bytes"
    share = own / plain
    attempt.score(f"{per}, {share:.1%} of byte-pair encoding's", -share)
    saw = f"{per}; with the tokens of byte-pair encoding it takes {1000 * plain / num_bytes:.0f}."
    text = b"\x00".join(words)
    absent = [token for token in tokens if token not in text]
    many = share >= SHARE and len(absent) > BUDGET // 4
    attempt.require(not many, "absent", f"{saw} {len(absent)} tokens stand in no word.")
    attempt.require(share < 1.02, "poor", saw)
    attempt.require(share < SHARE, "stones", saw)
    attempt.passed("fewer tokens than byte-pair encoding needs on pages not seen")
