"""Texts in two languages: phrases from Unicode CLDR, Multi30K, Tatoeba.

CLDR is the table by which programs write dates, amounts and lists in hundreds of languages; Babel
brings it, and JupyterLab brings Babel. So every reader has a parallel text that people made, as long
as one likes: the same date or list, written in English and in another language. Multi30K and
Tatoeba are the field's own, from the mirror or the Hub. All come in one shape.
"""

from __future__ import annotations

import datetime
import functools
import hashlib
import html
import itertools
import json
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from helpers import runtime, sources, summaries
from helpers.tables import DataError

if TYPE_CHECKING:
    import pandas as pd

LANGUAGES = {"de": "German", "fr": "French", "zh": "Chinese"}
COUNTRIES = """AR AT AU BD BE BG BO BR CA CH CL CM CN CO CR CU CY CZ DE DK DO DZ EC EE EG ES ET FI
    FJ FR GB GE GH GR GT HN HR HU ID IE IL IN IQ IR IS IT JM JO JP KE KH KR KW LA LB LK LT LU LV LY
    MA MG ML MN MT MX MY MZ NA NE NG NI NL NO NP NZ OM PA PE PG PH PK PL PT PY QA RO RS RU RW SA SD
    SE SG SI SK SN SO SV SY TD TH TN TR TZ UA UG US UY UZ VE VN YE ZA ZM ZW"""
TONGUES = """af am ar az be bg bn bs ca cs cy da de el en eo es et eu fa fi fr ga gl gu he hi hr hu hy
    id is it ja ka kk km kn ko la lo lt lv mk ml mn mr ms mt my ne nl no pa pl pt ro ru si sk sl so
    sq sr sv sw ta te th tr uk ur uz vi zh zu"""
CURRENCIES = """AUD BRL CAD CHF CLP CNY CZK DKK EGP EUR GBP HUF ILS INR JPY KRW MXN NOK NZD PLN RON
    RUB SEK THB TRY USD ZAR"""
UNITS = """length-kilometer length-meter length-centimeter length-millimeter length-mile length-foot
    length-inch mass-tonne mass-kilogram mass-gram mass-milligram mass-pound mass-ounce area-hectare
    area-square-kilometer area-square-meter volume-liter volume-milliliter volume-cubic-meter
    volume-gallon temperature-celsius temperature-fahrenheit speed-kilometer-per-hour
    speed-meter-per-second speed-mile-per-hour digital-byte digital-megabyte digital-gigabyte
    electric-volt electric-ampere power-watt power-kilowatt energy-kilowatt-hour frequency-hertz
    frequency-megahertz pressure-bar pressure-hectopascal energy-kilocalorie"""
PERIODS = {"second": 59, "minute": 59, "hour": 23, "day": 6, "week": 3}
COUNTS = {  # phrases drawn of each kind
    "date": 2300, "time": 1500, "duration": 2000, "relative": 1400, "quantity": 2100,
    "currency": 1700, "countries": 3100, "languages": 2100,
}  # fmt: skip
HELD_OUT = 0.08  # of the combinations, to validate; as many to test
MOST_CHARACTERS = 200  # of a typed text; what is more is not read
SPACES = re.compile(r"[\u00a0\u2000-\u200a\u202f\u3000]")


@dataclass(eq=False, repr=False)
class Phrases:
    """Texts with their translations, in three parts. Unpacks: `train, val, test = ...`.

    Attributes:
        train: to learn from. Columns `source` (English) and `target` (str); CLDR's have `kind`.
        val: to choose by.
        test: to measure on, once.
        test_opened: how often `test` was taken.
        language: of the targets.
        source: where they come from: "installed", "mirror" or "hub".
        note: one line: what, how many, from where.
    """

    train: pd.DataFrame
    val: pd.DataFrame
    _test: pd.DataFrame
    language: str
    source: str
    note: str
    test_opened: int = 0

    @property
    def test(self) -> pd.DataFrame:
        """The test part; each time it is taken is counted in `test_opened`."""
        self.test_opened += 1
        return self._test

    def __iter__(self) -> Iterator[pd.DataFrame]:
        return iter((self.train, self.val, self.test))

    def __repr__(self) -> str:
        return f"Phrases(train, val, test): {self.note}"


class Phrase(NamedTuple):
    """The same thing said in two languages, and the combinations that it is made of."""

    kind: str
    source: str
    target: str
    pairs: frozenset[tuple[str, str]]


def cldr(target: str = "de", source: str = "auto") -> Phrases:
    """Phrases from Unicode CLDR, English and another language, made of parts in new combinations.

    Dates, times of day, durations, times from now, quantities, amounts of money, lists of countries
    and of languages. A phrase combines parts: a day with a month, a number with a unit, a country
    with another. Each *pair of parts* belongs to train, validation or test for good; a phrase whose
    pairs are not all of training is not trained on. So every phrase held out has a pair that
    training never shows, and every part of it is one that training shows in other pairs.

    Args:
        target: "de" (German), "fr" (French) or "zh" (Chinese).
        source: as everywhere; CLDR is real and installed, so all settings give the same.

    Returns:
        Phrases, the same on every machine with the same Babel. The line on them is printed.

    Raises:
        ValueError: another target.
        sources.SourceError: `source` is none.
    """
    sources.wanted(source)
    if target not in LANGUAGES:
        raise ValueError(f"target is {target!r}; there are {', '.join(map(repr, LANGUAGES))}")
    found = _cldr(target)
    print(found.note)
    return Phrases(found.train, found.val, found._test, found.language, found.source, found.note)


def multi30k(source: str = "auto") -> Phrases:
    """Descriptions of photographs, English and German (Elliott et al. 2016), as they were written.

    29,000 to train, 1,014 to validate, and the 1,000 of test 2016.

    Args:
        source: "auto", "real", "mirror" or "hub"; see `sources.find`. There is no sample.

    Raises:
        sources.Unavailable: neither mirror nor Hub has it here, or only the sample is allowed.
        sources.SourceError: a setting is wrong.
        DataError: a file is not as it should be.
    """
    return _real(MULTI30K, "German", source, lambda parts: parts)


def tatoeba(source: str = "auto") -> Phrases:
    """Sentences that volunteers wrote and translated, English and Chinese (tatoeba.org).

    They come without parts, so they are split here by the English sentence: all translations of one
    are on the same side, 1,000 sentences to validate and 1,000 to test. Arguments and errors as
    `multi30k`; the set is in mirrors only.
    """
    return _real(TATOEBA, "Chinese", source, _split_by_sentence)


# --- CLDR


@functools.cache
def _cldr(target: str) -> Phrases:
    import pandas as pd

    rng = np.random.default_rng(0)
    parts: dict[str, list[Phrase]] = {"train": [], "val": [], "test": []}
    seen: set[str] = set()
    for kind, count in COUNTS.items():
        for phrase in itertools.islice(MAKERS[kind](rng, _Writer("en"), _Writer(target)), count):
            part = _part(phrase.pairs)
            if part and phrase.source not in seen:
                seen.add(phrase.source)
                parts[part].append(phrase)
    frames = {}
    for part, phrases in parts.items():
        frame = pd.DataFrame(
            [phrase[:3] for phrase in phrases], columns=["kind", "source", "target"]
        )
        frames[part] = frame.iloc[rng.permutation(len(frame))].reset_index(drop=True)
    rows = ", ".join(f"{len(frame):,} {part}" for part, frame in frames.items())
    note = f"Unicode CLDR through Babel, English to {LANGUAGES[target]}: {rows}; installed here."
    return Phrases(*frames.values(), LANGUAGES[target], "installed", note)


def _part(pairs: Iterable[tuple[str, str]]) -> str:
    """Where a phrase with these pairs of parts belongs; "" where validation and test would mix."""
    found = {_part_of_pair(pair) for pair in pairs}
    if {"val", "test"} <= found:
        return ""
    return "test" if "test" in found else "val" if "val" in found else "train"


def _part_of_pair(pair: tuple[str, str]) -> str:
    digest = hashlib.blake2b("|".join(sorted(pair)).encode(), digest_size=4).digest()
    share = int.from_bytes(digest, "big") / 2**32
    return "test" if share < HELD_OUT else "val" if share < 2 * HELD_OUT else "train"


class _Writer:
    """CLDR's ways to write things in one language, with plain spaces."""

    def __init__(self, language: str) -> None:
        from babel import Locale

        self.language, self.locale = language, Locale.parse(language)

    def date(self, day: datetime.date, style: str) -> str:
        """A day in "full", "long" or "medium" style."""
        from babel.dates import format_date

        return _plain(format_date(day, style, locale=self.locale))

    def time(self, hour: int, minute: int) -> str:
        """A time of day."""
        from babel.dates import format_time

        return _plain(format_time(datetime.time(hour, minute), "short", locale=self.locale))

    def period(self, number: int, unit: str, relative: bool = False) -> str:
        """A length of time; `relative`: from now, the past below zero."""
        from babel.dates import format_timedelta

        delta = datetime.timedelta(**{f"{unit}s": number})
        text = format_timedelta(
            delta, granularity=unit, threshold=1000, add_direction=relative, locale=self.locale
        )
        return _plain(text)

    def quantity(self, number: float, unit: str) -> str:
        """A number with its unit written out, or short where CLDR has no other."""
        from babel.units import format_unit

        text = format_unit(number, unit, "long", locale=self.locale)
        if unit in text:
            text = format_unit(number, unit, "short", locale=self.locale)
        return _plain(text)

    def money(self, amount: float, code: str, style: str) -> str:
        """An amount with the currency's name ("name") or its sign ("standard")."""
        from babel.numbers import format_currency

        return _plain(format_currency(amount, code, format_type=style, locale=self.locale))

    def listed(self, parts: Sequence[str], style: str) -> str:
        """Parts joined as a list: all of them, one of them ("or"), or amounts ("unit")."""
        from babel.lists import format_list

        return _plain(format_list(parts, style=style, locale=self.locale))


def _plain(text: str) -> str:
    """Spaces of every width as plain ones."""
    return SPACES.sub(" ", text)


def _dates(rng: np.random.Generator, *writers: _Writer) -> Iterator[Phrase]:
    while True:
        day = datetime.date(1930, 1, 1) + datetime.timedelta(days=int(rng.integers(45_000)))
        style = ("full", "long", "medium")[rng.integers(3)]
        if style == "medium" and day.month == 5:
            continue  # "May 5, 1987" is both medium and long in English
        texts = (writer.date(day, style) for writer in writers)
        yield Phrase("date", *texts, frozenset({(f"day {day.day}", f"month {day.month}")}))


def _times(rng: np.random.Generator, *writers: _Writer) -> Iterator[Phrase]:
    while True:
        hour, minute = int(rng.integers(24)), int(rng.integers(60))
        texts = (writer.time(hour, minute) for writer in writers)
        yield Phrase("time", *texts, frozenset({(f"hour {hour}", f"minute {minute}")}))


def _durations(rng: np.random.Generator, *writers: _Writer) -> Iterator[Phrase]:
    names = list(PERIODS)
    while True:
        first = int(rng.integers(1, len(names)))
        parts = [
            (int(rng.integers(1, PERIODS[u] + 1)), u) for u in (names[first], names[first - 1])
        ]
        texts = (w.listed([w.period(*part) for part in parts], "unit") for w in writers)
        pairs = {(f"number {number}", f"period {unit}") for number, unit in parts}
        yield Phrase("duration", *texts, frozenset(pairs))


def _relative(rng: np.random.Generator, *writers: _Writer) -> Iterator[Phrase]:
    while True:
        unit = list(PERIODS)[rng.integers(len(PERIODS))]
        number, sign = int(rng.integers(1, 1 + PERIODS[unit])), int(rng.choice((-1, 1)))
        texts = (writer.period(sign * number, unit, relative=True) for writer in writers)
        yield Phrase("relative", *texts, frozenset({(f"number {number}", f"period {unit}")}))


def _quantities(rng: np.random.Generator, *writers: _Writer) -> Iterator[Phrase]:
    while True:
        number, unit = _number(rng, 1), _one_of(rng, UNITS)
        texts = (writer.quantity(number, unit) for writer in writers)
        yield Phrase("quantity", *texts, frozenset({(f"number {number}", unit)}))


def _money(rng: np.random.Generator, *writers: _Writer) -> Iterator[Phrase]:
    while True:
        code = _one_of(rng, CURRENCIES)
        amount, style = _number(rng, 2), ("name", "standard")[rng.integers(2)]
        texts = (writer.money(amount, code, style) for writer in writers)
        yield Phrase("currency", *texts, frozenset({(f"amount {amount}", code)}))


def _number(rng: np.random.Generator, digits: int) -> float | int:
    """Small and large numbers, about half of them whole."""
    number = float(10 ** rng.uniform(0, 4))
    return round(number) if rng.random() < 0.5 else round(number, digits)


def _one_of(rng: np.random.Generator, names: str) -> str:
    return names.split()[rng.integers(len(names.split()))]


def _lists(kind: str, names: str, listed: str) -> Callable:
    codes = listed.split()

    def make(rng: np.random.Generator, *writers: _Writer) -> Iterator[Phrase]:
        while True:
            chosen = [codes[i] for i in rng.choice(len(codes), rng.integers(2, 4), replace=False)]
            style = ("standard", "or")[rng.integers(2)]
            texts = (
                writer.listed([getattr(writer.locale, names)[c] for c in chosen], style)
                for writer in writers
            )
            yield Phrase(kind, *texts, frozenset(itertools.combinations(sorted(chosen), 2)))

    return make


MAKERS: dict[str, Callable] = {
    "date": _dates, "time": _times, "duration": _durations, "relative": _relative,
    "quantity": _quantities, "currency": _money,
    "countries": _lists("countries", "territories", COUNTRIES),
    "languages": _lists("languages", "languages", TONGUES),
}  # fmt: skip


# --- Multi30K and Tatoeba


class _NoSample(Exception):
    """These sets have none: raised past `sources.find`, which would name it as a way out."""


def _no_sample() -> dict[str, Any]:
    raise _NoSample


def _real(spec: sources.DataSet, language: str, source: str, split: Callable) -> Phrases:
    asked, by = sources.wanted(source)
    try:
        found = sources.find(spec, source)
    except _NoSample as error:
        tried = "" if asked == "sample" else "neither the mirror nor the Hub has it here, and "
        raise sources.Unavailable(
            f"{spec.title} ({by}): {tried}no sample of it ships. What to do: {sources.REAL_SET}, "
            "or take phrases.cldr(), which every reader has."
        ) from error
    print(found.note)
    parts = split(found.parts)
    return Phrases(parts["train"], parts["val"], parts["test"], language, found.source, found.note)


def _split_by_sentence(parts: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """One table as three, by the English sentence, whatever its case and punctuation."""
    frame = parts["all"]
    keys = frame["source"].str.lower().str.replace(r"[\W_]+", " ", regex=True).str.strip()
    digests = {key: hashlib.blake2b(key.encode(), digest_size=8).digest() for key in set(keys)}
    order = sorted(digests, key=digests.get)
    test, val = set(order[:1000]), set(order[1000:2000])
    held_out = keys.isin(test), keys.isin(val)
    rest = ~(held_out[0] | held_out[1])
    rows = dict(zip(("test", "val", "train"), (*held_out, rest), strict=True))
    return {part: frame[rows[part]].reset_index(drop=True) for part in ("train", "val", "test")}


def _table(frame: pd.DataFrame, where: object, source: str, target: str) -> pd.DataFrame:
    """The two columns promised, each text of one line."""
    import pandas as pd

    for name in (source, target):
        if name not in frame.columns:
            there = ", ".join(map(str, frame.columns))
            raise DataError(where, f"no column {name!r}. There is: {there}.")
    columns = {}
    for ours, name in (("source", source), ("target", target)):
        texts = []
        for row, text in enumerate(frame[name], start=1):
            if not isinstance(text, str) or not text.strip():
                raise DataError(where, f"the column {name!r} is empty. Get the file again.", row)
            texts.append(" ".join(text.split()))
        columns[ours] = texts
    return pd.DataFrame(columns)


def _read(file: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_parquet(file)
    except Exception as error:
        raise DataError(file, f"cannot be read ({error}). Copy it again.") from error


MULTI30K = sources.DataSet(
    name="multi30k",
    title="Multi30K",
    mirror={
        "train": "multi30k/train.parquet",
        "val": "multi30k/validation.parquet",
        "test": "multi30k/test_2016_flickr.parquet",
    },
    read=lambda file: _table(_read(file), file, "en", "de"),
    sample=_no_sample,
    hub=sources.Hub(
        id="bentrevett/multi30k",
        config="default",
        files={"train": "train.jsonl", "val": "val.jsonl", "test": "test.jsonl"},
    ),
    from_hub=lambda frame, where: _table(frame, where, "en", "de"),
)
TATOEBA = sources.DataSet(
    name="tatoeba_en_zh",
    title="Tatoeba",
    mirror={"all": "tatoeba_en_zh/all.parquet"},
    read=lambda file: _table(_read(file), file, "en", "zh"),
    sample=_no_sample,
)


# --- measures


def scores(
    found: Sequence[str], references: Sequence[str], language: str = "German", draws: int = 1000
) -> dict[str, Any]:
    """Exact matches, BLEU and chrF of translations, with 95% bootstrap intervals over texts.

    BLEU (Papineni et al. 2002) and chrF (Popovic 2015) are those of the `sacrebleu` package, in
    points from 0 to 100, and so are their intervals.

    Args:
        found: translations.
        references: what people wrote, one of each.
        language: of both; Chinese is cut into characters.
        draws: of the bootstrap.

    Returns:
        "exact", "bleu" and "chrf", each with "..._low" and "..._high", and the "signature" by which
        others can repeat the BLEU.

    Raises:
        ValueError: there are not as many references as translations, or fewer than two.
    """
    from sacrebleu.metrics import BLEU, CHRF

    if len(found) != len(references) or len(found) < 2:
        raise ValueError(f"{len(found)} translations and {len(references)} references")
    hits = [float(a == b) for a, b in zip(found, references, strict=True)]
    low, high = summaries.interval(hits, draws=draws)
    made = {"exact": 100 * np.mean(hits), "exact_low": 100 * low, "exact_high": 100 * high}
    bleu = BLEU(tokenize="zh" if language == "Chinese" else "13a")
    for name, metric in (("bleu", bleu), ("chrf", CHRF())):
        score = metric.corpus_score(list(found), [list(references)], n_bootstrap=draws)
        made[name] = score.score
        made |= {f"{name}_low": score._mean - score._ci, f"{name}_high": score._mean + score._ci}
    made = {name: float(value) for name, value in made.items()}
    return made | {"signature": str(bleu.get_signature())}


def table(systems: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """What `scores` gave for some systems, a row each, ends of intervals in brackets."""
    import pandas as pd

    def cell(row: Mapping[str, Any], name: str) -> str:
        return f"{row[name]:.1f} ({row[f'{name}_low']:.1f} to {row[f'{name}_high']:.1f})"

    columns = {"exact": "exact (%)", "bleu": "BLEU", "chrf": "chrF"}
    rows = {s: {shown: cell(row, n) for n, shown in columns.items()} for s, row in systems.items()}
    return pd.DataFrame(rows).T


# --- a text of the reader's own


def readable(text: object) -> tuple[str, str]:
    """A typed text made fit to be translated, and a sentence on what was wrong with it.

    One of the two is empty unless the text was too long and only its beginning is used.
    """
    if not isinstance(text, str) or not text.strip():
        return "", "There is no text. Type a short phrase in English."
    seen = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text[:MOST_CHARACTERS])
    seen = " ".join(seen.encode("utf-8", "ignore").decode().split())
    if not any(c.isalnum() for c in seen):
        return "", "There are no words or numbers in this, so there is nothing to translate."
    letters = [c for c in seen if c.isalpha()]
    script = summaries._other_script(letters) if letters else ""
    if script:
        return "", f"This is in {script} writing; the model here has read English only."
    if len(text) <= MOST_CHARACTERS:
        return seen, ""
    return seen, f"Only the first {MOST_CHARACTERS} of {len(text):,} characters were read."


def answer(translate: Callable[[str], str], text: object) -> str:
    """What `translate` makes of a text, or a sentence that says why there is no translation."""
    clean, problem = readable(text)
    if not clean:
        return problem
    found = translate(clean).strip() or "The model wrote nothing for this text."
    return f"{found} ({problem})" if problem else found


def box(translate: Mapping[str, Callable[[str], str]], text: str) -> None:
    """A field to type a phrase into, and under it what each translator makes of it.

    A static page shows the translations of `text`; `make record` leaves the field out (COURSE_STILL).
    """
    import ipywidgets
    from IPython.display import HTML, display

    def page(given: str) -> HTML:
        shown = html.escape(given[:MOST_CHARACTERS])
        rows = [f"<b>{n}</b>: {html.escape(answer(how, given))}" for n, how in translate.items()]
        return HTML("<br>".join([f"<b>English</b>: {shown}", *rows]))

    field = ipywidgets.Text(value=text, layout={"width": "80%"}, continuous_update=False)
    button = ipywidgets.Button(description="Translate")
    if not os.environ.get("COURSE_STILL"):
        display(ipywidgets.HBox([field, button]))
    shown = display(page(text), display_id=True)
    button.on_click(lambda _: shown.update(page(field.value)))
    field.observe(lambda _: shown.update(page(field.value)), names="value")


# --- what was recorded


def recorded() -> dict[str, Any]:
    """What the long trainings gave: `translation.json`, by system.

    Raises:
        sources.SourceError: it does not ship.
    """
    return json.loads(sources.path("translation.json").read_text(encoding="utf-8"))


def save_recorded(found: Mapping[str, Any]) -> None:
    """Write `translation.json`, whole or not at all."""
    with runtime.write_atomically(runtime.shipped() / "translation.json") as part:
        text = json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False)
        part.write_text(text + "\n", encoding="utf-8")
