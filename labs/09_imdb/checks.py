"""What lab 9 checks, and the hints it gives."""

from __future__ import annotations

import functools
import html
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from helpers import labs
from helpers.attempts import shown
from helpers.labs import Attempt, task

FORMS = {1: ("1", "1.0", "pos", "positive"), 0: ("0", "0.0", "neg", "negative")}
NEITHER = ("", "   ", "?", "n/a", "nan", "posh", "negligible", "10", "2", "-1", "0.5", "none")


@functools.cache
def _sample() -> tuple[list[str], list[int]]:
    texts, labels = labs.material("lab09").reviews()
    return [" ".join(text.split()) for text in texts], list(labels)


@task(
    points=1,
    zero=("An unfavourable label that is a number comes out as none.",
          "0 and 0.0 count as false in Python, just like an empty text: `if not value` cannot tell "
          "them apart."),
    forms=("Capitals or white space around a label lead astray.",
           "Bring the value into one form first: str(value), then without white space at the ends, "
           "then in small letters."),
    decimal=("A label written as a decimal number is not understood.",
             "One missing value in a column makes pandas turn 1 into 1.0."),
    guessed=("A value that is no label got one.",
             "None, NaN, '?', 'posh', 10: what is in neither list is None. Does your code look "
             "at the first letters only, or take everything else for unfavourable?"),
    swapped=("Favourable and unfavourable have changed places.", "1 is favourable, 0 is not."),
    unknown=("A proper label comes out as none.", "Go through the two lists in the task once more."),
)  # fmt: skip
def normal_label(attempt: Attempt) -> None:
    """One label for many ways of writing it."""
    rng, cases = attempt.rng, []
    for label, forms in FORMS.items():
        cases += [(form, label) for form in forms]
        cases += [(_dressed(form, rng), label) for form in forms for _ in range(3)]
        cases += [(label, label), (float(label), label), (np.int64(label), label)]
    cases += [(value, None) for value in (None, math.nan, 2, -1, *NEITHER)]
    cases += [("x" * int(rng.integers(2, 50)), None)]
    for value, want in cases:
        about = f"for the value {value!r}"
        got = attempt.call(value)
        if got is None:
            key = (
                "forms" if isinstance(value, str) and value != value.strip().lower() else "unknown"
            )
            key = "decimal" if str(value).strip() in ("1.0", "0.0") else key
            key = "zero" if not isinstance(value, str) and value == 0 else key
            attempt.require(want is None, key, f"None came {about}.")
            continue
        number = attempt.number(got, about, finite=False)
        saw = f"{shown(got)} came {about}."
        attempt.require(want is not None, "guessed", saw)
        attempt.require(number != 1 - want, "swapped" if value == 1 - want or str(value) in FORMS[want]
                        else "forms", saw)  # fmt: skip
        attempt.require(number == want, "values", saw)
    attempt.passed(
        f"{len(cases)} values, {sum(want is None for _, want in cases)} of them no label"
    )


def _dressed(form: str, rng: np.random.Generator) -> str:
    letters = [c.upper() if rng.random() < 0.5 else c for c in form]
    blanks = ("", " ", "\t", "\n", "  ")
    return blanks[rng.integers(5)] + "".join(letters) + blanks[rng.integers(5)]


def _sentence(rng: np.random.Generator) -> str:
    """The first words of a review; ASCII, so that what a case adds is the only fault."""
    texts, _ = _sample()
    while True:
        words = texts[rng.integers(len(texts))].split()[:12]
        text = " ".join(words)
        if text.isascii() and len(words) > 6 and not set("<>&") & set(text):
            return text


def _mojibake(text: str) -> str:
    return text.encode("utf-8").decode("cp1252")


@task(
    points=2,
    damaged=("A text that was right is damaged.",
             "Capitals, punctuation, apostrophes, numbers and letters with accents belong to the text. "
             "\"No. Good film!\" and \"no good film\" say the opposite."),
    entities=("Entities such as &quot; or &eacute; are still there.",
              "The standard library's module html knows all of them: read about html.unescape."),
    twice=("What was escaped twice is still escaped once.",
           "&amp;quot; becomes &quot; and that is an entity again. When can you stop?"),
    marks=("Marks of the web page are still there, or left a trace.",
           "A mark begins with < and a letter, a slash or a '!', and ends with the next >. "
           "It may come in capitals, with attributes, as a comment, or escaped (&lt;br&gt;): what "
           "comes first, marks or entities?"),
    glued=("Words are glued together where a mark stood.",
           "A line break separates two words. What do you put in its place?"),
    less=("A sign that is no mark was taken for one.",
          "In 'I <3 it' and 'a < b' nothing is a mark: what follows the < there?"),
    mojibake=("Letters are garbled still.",
              "'cafÃ©' is UTF-8 that was read as Windows-1252. Go back with encode('cp1252') and "
              "decode('utf-8'). Some garbled letters hold a no-break space (voilÃ and such a space): "
              "when may white space be cleared away?"),
    upset=("A text that needs no repair stops your code, or is spoilt by it.",
           "Not every text can be encoded in Windows-1252, and not every result is UTF-8: "
           "UnicodeError says that the text was never garbled. errors='ignore' throws letters away."),
    controls=("Control characters are still there, or left a hole.",
              "They stand inside words, and are nothing: put nothing in their place. "
              "unicodedata.category(c) is 'Cc' for them (and for line breaks, which are white space); "
              "the zero-width space and the byte-order mark are '\\u200b' and '\\ufeff'."),
    composed=("Letters made of two characters are not composed.",
              "'e' and a combining accent look like 'é' and are not equal to it. unicodedata.normalize "
              "has a form that composes: NFC."),
    blanks=("White space is not as it should be.",
            "One blank between words, none at the ends: split() without an argument, and join. Tabs, "
            "line ends and no-break spaces separate words, too."),
    compat=("Letters and signs have been replaced that are right as they are.",
            "NFKC does more than compose: it makes 1/2 of ½ and plain letters of wide ones. Which "
            "form does the task name?"),
    formats=("More characters are gone than those that the task names.",
             "Of the category Cf only U+200B and U+FEFF go: others hold signs and letters together."),
    again=("What was repaired once is repaired once more.",
           "A text may speak of garbled letters. Decode once, and leave the result."),
)  # fmt: skip
def clean(attempt: Attempt) -> None:
    """A text without the traces of its journey."""
    cases = _texts(attempt.rng)
    for about, dirty, want, key in cases:
        about = f"for {about}: {dirty[:140]!r}"
        try:
            got = attempt.call(dirty)
        except UnicodeError as error:
            attempt.require(False, "upset", f"{type(error).__name__} came {about}")
        attempt.require(got is not None, "empty", f"None came {about}.")
        attempt.require(isinstance(got, str), "type", f"This came {about}: {shown(got)}")
        saw = f"{got[:160]!r} came {about}."
        lost = [want.lower(), re.sub(r"[^\w\s]", "", want), re.sub(r"[^a-z ]", "", want.lower()),
                re.sub(r"[^\w\s]", "", want.lower())]  # fmt: skip
        bare = unicodedata.normalize("NFKD", want)
        lost += [text.encode("ascii", "ignore").decode() for text in (want, bare)]
        lost += [" ".join(text.split()) for text in lost]
        attempt.require(got == want or got not in lost, "damaged", saw)
        compat = unicodedata.normalize("NFKC", want)
        attempt.require(got == want or got != compat, "compat", saw)
        kept = "".join(c for c in want if unicodedata.category(c) != "Cf")
        attempt.require(got == want or got != kept, "formats", saw)
        attempt.require(got == want or got != _repaired(want), "again", saw)
        apart = unicodedata.normalize("NFD", want)
        attempt.require(got == want or got != apart, "composed", saw)
        spaced = "".join(got.split()) == "".join(want.split())
        blank = " ".join(got.split()) == want or (key == "blanks" and spaced)
        attempt.require(got == want or not blank, "blanks", saw)
        near = key == "marks" and got.replace(" ", "") == want.replace(" ", "")
        attempt.require(got == want or not near, "glued", saw)
        attempt.require(got == want, key, saw)
    attempt.passed(f"{len(cases)} texts, from one that needs nothing to one with every fault")


def _repaired(text: str) -> str:
    try:
        return text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return text


def _texts(rng: np.random.Generator) -> list[tuple[str, str, str, str]]:
    """(what, dirty, clean, the hint) of texts with one fault each, and of some with several."""
    a, b, c = (_sentence(rng) for _ in range(3))
    accents = "An étude in naïveté: café, cliché, Zoë"
    quoted = f'Don\'t miss "{a}" & its sequel'
    both, typed = f"{a} {b}", f"It\u2019s \u201c{a} \u2013 no less"
    return [
        ("a text that is right", f"No. Good film! I don't regret 9/10. {a}",
         f"No. Good film! I don't regret 9/10. {a}", "damaged"),
        ("blanks", f"  {a}\t\n {b} ", both, "blanks"),
        ("a line break", f"{a}<br />{b}<BR>{c}", f"{both} {c}", "marks"),
        ("other marks", f"<p class=\"x\">{a}</p><!-- page 3 -->{b}<i>.</i>", f"{both} .", "marks"),
        ("signs that are no marks", f"I <3 it: 2 < 3 and 5 > 4. {a}",
         f"I <3 it: 2 < 3 and 5 > 4. {a}", "less"),
        ("entities", html.escape(quoted) + " caf&eacute;", quoted + " café", "entities"),
        ("what was escaped twice", html.escape(html.escape(quoted)), quoted, "twice"),
        ("marks that are escaped", f"{a}&lt;br /&gt;&lt;br /&gt;{b}", both, "marks"),
        ("accents that are right", f"{accents}. {a}", f"{accents}. {a}", "upset"),
        ("a text beyond Windows-1252", f"São Paulo, 9/10. 好看 → {a}", f"São Paulo, 9/10. 好看 → {a}",
         "upset"),
        ("garbled letters", _mojibake(f"{accents}. {a}"), f"{accents}. {a}", "mojibake"),
        ("garbled punctuation", _mojibake(typed),
         typed, "mojibake"),
        ("a garbled letter with a blank in it", _mojibake(f"Et voilà, {b}"), f"Et voilà, {b}",
         "mojibake"),
        ("control characters", f"A ter\x07rible\x00 film\x7f, \u200bno{chr(0xFEFF)} less. {a}",
         f"A terrible film, no less. {a}", "controls"),
        ("letters of two characters", unicodedata.normalize("NFD", f"{accents}. {a}"),
         f"{accents}. {a}", "composed"),
        ("white space of other kinds", f"{a}\t{b}\n{c}\r\n{a}\u00a0{b}",
         f"{both} {c} {both}", "blanks"),
        ("signs that look like others", f"½ of it: №5, ﬁne, x² … {a}", f"½ of it: №5, ﬁne, x² … {a}",
         "damaged"),
        ("signs that hold others together", f"👨\u200d👩\u200d👧 می\u200cرسم {a}",
         f"👨\u200d👩\u200d👧 می\u200cرسم {a}", "damaged"),
        ("letters that were garbled twice", _mojibake(_mojibake(f"Zoë: {a}")), _mojibake(f"Zoë: {a}"),
         "mojibake"),
        ("several faults", f"\t{_mojibake('Très naïf')}.<br />{html.escape(quoted)}\u200b \x07\r\n",
         f"Très naïf. {quoted}", "mojibake"),
        ("nothing but marks", "<br /> <hr>\n", "", "marks"),
    ]  # fmt: skip


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + 3]) for i in range(max(1, len(words) - 2))} if words else set()


def _pairs(texts: Sequence[str], threshold: float, below=min, runs=_shingles, strict=False) -> set:
    sets, found = [runs(text) for text in texts], set()
    for j in range(len(texts)):
        for i in range(j):
            if sets[i] and sets[j]:
                share = len(sets[i] & sets[j]) / below(len(sets[i]), len(sets[j]))
                if share > threshold or (share == threshold and not strict):
                    found.add((i, j))
    return found


def _jaccard(texts: Sequence[str], threshold: float) -> set:
    sets = [_shingles(text) for text in texts]
    return {(i, j) for j in range(len(sets)) for i in range(j) if sets[i] and sets[j]
            and len(sets[i] & sets[j]) / len(sets[i] | sets[j]) >= threshold}  # fmt: skip


def _cased(text: str) -> set:
    words = re.findall(r"\w+", text)
    return {tuple(words[i : i + 3]) for i in range(max(1, len(words) - 2))} if words else set()


def _bag(text: str) -> set:
    return set(re.findall(r"\w+", text.lower()))


def _by_blanks(text: str) -> set:
    words = text.lower().split()
    return {tuple(words[i : i + 3]) for i in range(max(1, len(words) - 2))} if words else set()


def _long(text: str) -> set:
    return {run for run in _shingles(text) if len(run) == 3}


def _but_the_last(text: str) -> set:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + 3]) for i in range(max(1, len(words) - 3))} if words else set()


def _bagged(texts: Sequence[str], threshold: float) -> list[set]:
    """The pairs where a run counts as often as it stands there, in three ways."""
    lists = [re.findall(r"\w+", text.lower()) for text in texts]
    bags = [Counter(tuple(w[i : i + 3]) for i in range(max(1, len(w) - 2))) if w else Counter()
            for w in lists]  # fmt: skip
    found: list[set] = [set(), set(), set()]
    for j, b in enumerate(bags):
        for i, a in enumerate(bags[:j]):
            small, large = sorted((a, b), key=Counter.total)
            shared = (
                (a & b).total(),
                len(set(a) & set(b)),
                sum(n for r, n in small.items() if r in large),
            )
            for pairs, common in zip(found, shared, strict=True):
                if small and common / small.total() >= threshold:
                    pairs.add((i, j))
    return found


def _other_lengths() -> list[Callable[[str], set]]:
    """Runs of two and four words, with and without texts that are shorter."""

    def made(number, short):
        def runs(text):
            words = re.findall(r"\w+", text.lower())
            starts = range(max(int(short), len(words) - number + 1)) if words else ()
            return {tuple(words[i : i + number]) for i in starts}

        return runs

    return [made(number, short) for number in (2, 4) for short in (True, False)]


def _with_copies(rng: np.random.Generator, number: int = 5) -> list[str]:
    """Reviews, cut copies of some, a copy in capitals, one with other punctuation, and odd ones."""
    texts = [text for text in _sample()[0] if len(text.split()) > 30]
    own = [texts[i] for i in rng.permutation(len(texts))[:number]]
    words = own[0].split()
    copies = [" ".join(words[: len(words) // 3]), own[1].upper(), re.sub(r"[^\w\s]", " ; ", own[2])]
    words = own[3].split()
    copies += [" ".join(words[: len(words) // 2] + own[4].split()[::-1][:20])]
    every = [*own, *copies, " ".join(sorted(own[0].split())), "Superb.", "superb", "!!!", "..."]
    return [every[i] for i in rng.permutation(len(every))]


@task(
    points=2,
    jaccard=("A text that was cut off is not found beside its whole.",
             "The Jaccard similarity divides by all runs of both texts, and a long text has many that "
             "its beginning cannot have. What does the task divide by?"),
    larger=("You divide by the runs of the longer text, or of the first.",
            "A beginning shares all of ITS runs with the whole: divide by the smaller number."),
    case=("Copies in capitals are missed.", "Compare in small letters."),
    words=("You compare single words, not runs.",
           "Sorted in another order, the same words are another text."),
    length=("Your runs have another length than the task's.",
            "How many words has a run? 'one two three four' has two of them; a text of three "
            "words has one."),
    bag=("A run that stands twice in a text counts twice.",
         "The runs are a set: how often one stands there does not matter, for either number."),
    last=("A run at the end of a text is missing.",
          "Count the runs of a text of five words on paper. Where does the last one begin?"),
    punctuation=("Punctuation tells copies apart.",
                 "What is a word? The task names the pattern; split() leaves commas on the words."),
    threshold=("Pairs exactly at the threshold are missed.", "'At least' includes equality."),
    selves=("A text is reported with itself, or a pair twice.",
            "Each pair once, as (i, j) with i smaller than j."),
    short=("Texts of one or two words are lost.",
           "Such a text has one run: all its words. Two texts 'Superb.' and 'superb' are doubles."),
    nothing=("Texts without any word are reported.",
             "'!!!' has no words and no runs. It is no double of anything; and mind the division."),
)  # fmt: skip
def near_doubles(attempt: Attempt) -> None:
    """Doubles, near doubles and texts that were cut off."""
    cases = [
        ("for texts that differ in their last word", ["what a good film", "what a good book"], 0.3),
        ("for a text twice, with a run that stands there again", ["ha ha ha ha so"] * 2, 0.9),
        ("for seven short texts", ["One two three four five", "one two three four six", "Well made",
                                  "well made", "one two three, four five six",
                                  "seven eight nine ten", "seven eight nine ten eleven twelve"], 2 / 3),
        ("for a text and a longer one", ["a b c d e f g h", "a b c d"], 1.0),
        ("for texts that share a run at their end", ["red blue green", "why not red blue green",
                                  "grey red blue green"], 0.5),
        ("for texts of three words and of two", ["a good film", "A good film!", "a good", "good film",
                                  "film a good", "what a good film"], 1.0),
        ("for texts that share two words in a row and never three",
         ["my old red cat sat down", "my old blue cat sat up", "an old red dog sat down"], 0.3),
        ("for texts with a run that stands there again", ["ha ha ha ha ha ha so it ended",
                                  "ha ha ha ha but it went on", "ha ha ha ha ha"], 0.9),
    ]  # fmt: skip
    words = attempt.rng.permutation(["tea", "sun", "owl", "sea", "oak", "ice", "fog"]).tolist()
    cases += [
        ("for texts with the same end", [" ".join(words[i:]) for i in range(6)], 1.0),
        ("for a chorus", [" ".join(words[:3] * 3 + words[3:]), " ".join(words[:3] * 2 + words[5:]),
                          " ".join(words[4:] * 2)], 0.6),
    ]  # fmt: skip
    cases += [(f"for 13 reviews and copies, threshold {t}", _with_copies(attempt.rng), t)
              for t in (0.5, 0.8)]  # fmt: skip
    for about, texts, threshold in cases:
        try:
            got = attempt.call(list(texts), threshold)
        except ZeroDivisionError:
            attempt.require(False, "nothing", f"ZeroDivisionError came {about}.")
        found = _found_pairs(attempt, got, about)
        want = _pairs(texts, threshold)
        saw = f"{len(found)} pairs came {about}: {shown(sorted(found))}"
        proper = len(found) == len(set(found)) and all(i < j for i, j in found)
        attempt.require(proper, "selves", saw)
        found = set(found)
        for key, value in {
            "larger": _pairs(texts, threshold, max),
            "jaccard": _jaccard(texts, threshold),
            "case": _pairs(texts, threshold, runs=_cased),
            "words": _pairs(texts, threshold, runs=_bag),
            "punctuation": _pairs(texts, threshold, runs=_by_blanks),
            "threshold": _pairs(texts, threshold, strict=True),
            "short": _pairs(texts, threshold, runs=_long),
            "last": _pairs(texts, threshold, runs=_but_the_last),
        }.items():
            attempt.require(found == want or found != value, key, saw)
        lengths = [_pairs(texts, threshold, runs=runs) for runs in _other_lengths()]
        attempt.require(found == want or found not in lengths, "length", saw)
        attempt.require(found == want or found not in _bagged(texts, threshold), "bag", saw)
        wordless = {i for i, text in enumerate(texts) if not _shingles(text)}
        bad = [pair for pair in found if set(pair) & wordless]
        attempt.require(not bad, "nothing", saw)
        attempt.require(found == want, "values", saw)
        attempt.passed(about.removeprefix("for "))


def _found_pairs(attempt: Attempt, got: object, about: str) -> list[tuple[int, int]]:
    attempt.require(got is not None, "empty", f"None came {about}.")
    saw = f"A list of pairs of positions was expected {about}, and this came: {shown(got)}"
    try:
        pairs = [tuple(int(n) for n in pair) for pair in got]
        right = all(len(pair) == 2 for pair in pairs) and not isinstance(got, str)
    except (TypeError, ValueError):
        right = False
    attempt.require(right, "type", saw)
    return pairs


def _settled(texts, labels, key=lambda t: " ".join(t.lower().split()), way="majority"):
    """(position, label) of each text that is kept, with the ways to get it wrong."""
    rows: dict[str, list[int]] = {}
    for position, text in enumerate(texts):
        rows.setdefault(key(text), []).append(position)
    kept = []
    for own in rows.values():
        said = [labels[i] for i in own if labels[i] is not None]
        if way == "zero":
            said = [labels[i] or 0 for i in own]
        if way == "first":
            kept += [(own[0], said[0])] if said else []
            continue
        if way == "last":
            kept += [(own[0], said[-1])] if said else []
            continue
        if way == "unanimous" and len(set(said)) != 1:
            continue
        if not said:
            continue
        if way == "labelled":
            own = [i for i in own if labels[i] is not None]
        ones, share = sum(said), len(said)
        if 2 * ones == share:
            kept += [(own[0], 1)] if way == "up" else [(own[0], 0)] if way == "down" else []
        else:
            kept.append((own[0], int(2 * ones > share)))
    return kept


def _spaced(text: str, rng: np.random.Generator) -> str:
    """A copy in capitals, with white space of all kinds at its ends and between its words."""
    blanks = (" ", "  ", "\t", "\n", " \n ")
    return "  " + "".join(blanks[rng.integers(5)] if c == " " else c for c in text.upper()) + "\n"


# Texts as they come, and with a part only of what does not count taken out; and with more.
LESS = (str, str.lower, str.strip, lambda t: t.lower().strip(), lambda t: " ".join(t.split()),
        lambda t: re.sub(" +", " ", t.lower()), lambda t: re.sub(" +", " ", t.lower()).strip(),
        lambda t: re.sub(" +", " ", t.lower().strip()))  # fmt: skip
MORE = (lambda t: "".join(t.lower().split()), lambda t: re.sub(r"\W", "", t.lower()),
        lambda t: " ".join(re.sub(r"[^\w\s]", "", t.lower()).split()),
        lambda t: " ".join(re.findall(r"\w+", t.lower())), lambda t: t.lower().replace(" ", ""),
        lambda t: re.sub(r"[^a-z]", "", t.lower()))  # fmt: skip


@task(
    points=2,
    first=("The first label is taken, or the last, whatever the others say.",
           "Three copies, labels 1, 0, 0: which label is more frequent?"),
    tie=("A text with as many labels of one kind as of the other is kept.",
         "Nobody can say which of the two is right. It is left out."),
    unanimous=("A text whose copies disagree is left out, even where most agree.",
               "It is left out only where the two labels are equally frequent."),
    zero=("A missing label counts as unfavourable.",
          "None says nothing: leave it out before you count. (`label or 0` makes a 0 of it.)"),
    exact=("Copies that differ in capitals or white space are taken for different texts.",
           "Compare the texts in small letters, split and joined anew. Tabs and line ends are white "
           "space as well, and it may stand between any two words."),
    merged=("Texts are taken for copies that are none.",
            "Only capitals and the kind and length of white space do not count. Punctuation does, "
            "and so do the borders between words."),
    position=("The position is not that of the first copy.",
              "It is the first row with that text, with or without a label."),
    order=("The right pairs, in another order.", "In the order of their positions."),
)  # fmt: skip
def settled(attempt: Attempt) -> None:
    """One label for each text."""
    cases = [
        (["Good", "bad", "good", "so so", " GOOD"], [0, 0, 1, None, 1]),
        (["an open end", "an\topen  end", "An open\n end", "\tan open end "], [0, 1, 1, 1]),
        (["too long", "Too  long", "too\tlong"], [1, 0, 0]),
        (
            ["now here", "nowhere", "Nowhere", "now here!", "nowhere", "now, here"],
            [1, 0, 0, 0, 1, 0],
        ),
        (list("abcbaddddd"), [None, 1, 0, 0, 1, 0, 1, 1, 1, 0]),
    ]
    for number in (4, 6, 8):
        texts = [t[:25] for t in (_sample()[0][i] for i in attempt.rng.integers(0, 720, number))]
        rows = []
        for text in texts:
            for _ in range(int(attempt.rng.integers(1, 6))):
                form = text if attempt.rng.random() < 0.5 else _spaced(text, attempt.rng)
                rows.append((form, (0, 1, 0, 1, None)[attempt.rng.integers(5)]))
        rows = [rows[i] for i in attempt.rng.permutation(len(rows))]
        cases.append(([text for text, _ in rows], [label for _, label in rows]))
    for texts, labels in cases:
        about = f"for {len(texts)} rows with the labels {labels}"
        found = _found_pairs(attempt, attempt.call(list(texts), list(labels)), about)
        want, saw = _settled(texts, labels), f"This came {about}: {shown(found)}"
        for key, value in {
            "first": _settled(texts, labels, way="first"),
            "zero": _settled(texts, labels, way="zero"),
            "unanimous": _settled(texts, labels, way="unanimous"),
            "position": _settled(texts, labels, way="labelled"),
        }.items():
            attempt.require(found == want or found != value, key, saw)
        attempt.require(found == want or found != _settled(texts, labels, way="last"), "first", saw)
        for key, forms in (("exact", LESS), ("merged", MORE)):
            like = any(found == _settled(texts, labels, key=form) for form in forms)
            attempt.require(found == want or not like, key, saw)
        extra = {i for i, _ in found} - {i for i, _ in want}
        tied = {i for i, _ in _settled(texts, labels, way="up")} - {i for i, _ in want}
        attempt.require(not extra & tied, "tie", saw)
        attempt.require(found == want or sorted(found) != sorted(want), "order", saw)
        places = Counter(i for i, _ in found) == Counter(i for i, _ in want)
        attempt.require(places or len(found) != len(want), "position", saw)
        attempt.require(found == want, "values", saw)
    attempt.passed(f"{len(cases)} tables, with copies that agree, disagree, and say nothing")


@task(
    points=1,
    leaks=("A text to train on has a near double in test.",
           "Each text to train on meets each to test, and the shorter one may stand on either side."),
    inside=("Texts are left out that are doubles within train only.",
            "Only what meets the test part has to go. Which position of a pair is in train, "
              "which in test?"),
    threshold=("A text exactly at the threshold is kept.",
               "Kept is what is BELOW the threshold. What does your comparison do with equality?"),
    positions=("The positions do not belong to train.",
               "If you put both lists into one, where does the second begin? Return what is KEPT."),
)  # fmt: skip
def purged(attempt: Attempt) -> None:
    """Nothing in train that test knows."""
    cases = [
        (["One two three four five", "A b c d", "one two three four five", "A b c d", "x y z",
          "One two three four six?"],
         ["one two three four six", "seven eight nine"], 2 / 3),
        (["red blue green", "Why not?", "red blue green"], ["so red blue green", "why"], 0.5),
    ]  # fmt: skip
    for threshold in (0.5, 0.8, 0.5):
        texts = _with_copies(attempt.rng, 8)
        twin = next(text for text in texts if len(text.split()) > 30)
        cut = int(attempt.rng.integers(6, len(texts) - 4))
        train, test = [*texts[:cut], _sample()[0][3], _sample()[0][3] + " Twice."], texts[cut:]
        train += [_sample()[0][3], " ".join(test[0].split()[:9]) or twin]
        cases.append((train, test, threshold))
    for train, test, threshold in cases:
        about = f"for {len(train)} texts to train on and {len(test)} to test, threshold {threshold}"
        pairs = _pairs([*train, *test], threshold)
        across = {i for i, j in pairs if i < len(train) <= j}
        inside = {i for pair in pairs for i in pair if i < len(train)}
        want = [i for i in range(len(train)) if i not in across]
        got = attempt.call(train, test, threshold)
        made = attempt.array(
            [] if isinstance(got, list) and not got else got, (None,), "iuf", about=about
        )
        found = sorted(int(i) for i in made)
        saw = f"Kept: {shown(found)}, {about}."
        attempt.require(found != sorted(across) or found == want, "positions", saw)
        attempt.require(set(found) <= set(range(len(train))), "positions", saw)
        attempt.require(len(found) == len(set(found)), "positions", saw)
        strictly = {i for i, j in _pairs([*train, *test], threshold, strict=True)
                    if i < len(train) <= j}  # fmt: skip
        at = set(range(len(train))) - set(found) == strictly != across
        attempt.require(not at, "threshold", saw)
        attempt.require(not set(found) & across, "leaks", saw)
        missing = set(want) - set(found)
        attempt.require(not missing or not missing <= inside, "inside", saw)
        attempt.require(not missing, "values", saw)
    attempt.passed(f"{len(cases)} pairs of train and test, with doubles across and doubles within")


@functools.cache
def _films() -> np.ndarray:
    from helpers import classifiers

    return classifiers.films(labs.material("lab09").reviews()[0])


@functools.cache
def _halves(seed: int) -> list[tuple[list, list, list[str], np.ndarray]]:
    """Twice: dirty texts and labels to train on, clean texts of other films, and their labels."""
    material, films = labs.material("lab09"), _films()
    texts, labels = material.reviews()
    rng, side, size = np.random.default_rng(seed), {}, [0, 0]
    for film in rng.permutation(films.max() + 1):
        side[int(film)] = int(size[0] > size[1])
        size[side[int(film)]] += int((films == film).sum())
    half = np.array([side[int(film)] for film in films])
    made = []
    for number in (0, 1):
        train, held = np.flatnonzero(half != number), np.flatnonzero(half == number)
        dirty = material.dirtied(
            [texts[i] for i in train], [labels[i] for i in train], seed + number
        )
        made.append((*dirty, [texts[i] for i in held], np.array([labels[i] for i in held])))
    return made


def _label(value: object) -> int | None:
    form = str(value).strip().lower()
    return next((label for label, forms in FORMS.items() if form in forms), None)


@functools.cache
def _baseline(seed: int) -> float:
    """A bag of words of the texts as they come; only the labels are brought into one form."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    hits: list[bool] = []
    for texts, given, held, truth in _halves(seed):
        rows = [
            (t or "", _label(g)) for t, g in zip(texts, given, strict=True) if _label(g) is not None
        ]
        bag, model = CountVectorizer(), LogisticRegression(solver="liblinear")
        model.fit(bag.fit_transform([t for t, _ in rows]), [g for _, g in rows])
        hits += (model.predict(bag.transform(held)) == truth).tolist()
    return float(np.mean(hits))


@task(
    points=3,
    seconds=120,
    worse=("It is no better than the baseline that cleans nothing.",
           "Look at the ends of the dirty texts of either label, comments included: what could a model "
           "learn there that the clean texts do not have? You have all the functions to remove it."),
    near_baseline=("It is better than the baseline, by less than five points.",
                   "Clean, settle the doubles, and then look at the model: weights for rare words "
                   "(TF-IDF), pairs of words, a stronger or weaker C."),
    upside_down=("It is right far less often than chance.",
                 "Are your labels 1 for favourable? Is the order of the answers that of `texts`?"),
    length=("Another number of answers came than there are texts.",
            "One label, 0 or 1, for each of `texts`, in their order."),
)  # fmt: skip
def predict(attempt: Attempt) -> None:
    """Challenge: train on dirt, answer on clean texts."""
    hits: list[bool] = []
    for texts, given, held, truth in _halves(attempt.seed):
        about = f"for {len(texts)} dirty rows and {len(held)} clean texts"
        got = attempt.array(attempt.call(texts, given, held), kind="iufb", about=about)
        saw = f"Shape {got.shape} came {about}."
        attempt.require(got.shape == (len(held),), "length", saw)
        values = f"Other values than 0 and 1 came {about}: {shown(got)}"
        attempt.require(np.isin(got, (0, 1)).all(), "length", values)
        hits += (got.astype(int) == truth).tolist()
    accuracy, baseline = float(np.mean(hits)), _baseline(attempt.seed)
    saw = f"{accuracy:.1%} of {len(hits)} clean reviews right; the baseline: {baseline:.1%}."
    attempt.score(f"accuracy {accuracy:.1%} (baseline {baseline:.1%})", accuracy)
    attempt.require(accuracy >= 0.4, "upside_down", saw)
    attempt.require(accuracy > baseline, "worse", saw)
    attempt.require(accuracy >= baseline + 0.05, "near_baseline", saw)
    attempt.passed(saw)
