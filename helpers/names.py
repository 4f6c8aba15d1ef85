"""Names of people in running text: lists, capital letters, and the words around them.

No model is asked. Latin names are capitalised words that a list knows, or that no list of words and
places knows and that stand where names stand: after "Dear", before an address in angle brackets, as
the signature. Chinese names are a surname and one or two characters that given names are made of, or a
given name that is common. What misses: rare names where nothing around them says so. What is found
too much: firms and places that no list has.
"""

# ruff: noqa: E501, RUF001 (patterns read better unbroken, and name the characters that they mean)

from __future__ import annotations

import functools
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from helpers import sources

LETTER = r"[^\W\d_\u2e80-\u9fff\u3040-\u30ff\uac00-\ud7af]"  # of an alphabet
WORD = re.compile(rf"[A-Z]\.-{LETTER}(?=\.)|{LETTER}(?:{LETTER}|['-](?={LETTER}))*")
PARTICLES = set(
    [
        "de",
        "la",
        "las",
        "los",
        "del",
        "da",
        "das",
        "do",
        "dos",
        "di",
        "du",
        "des",
        "le",
        "van",
        "von",
        "der",
        "den",
        "ter",
        "ten",
        "zu",
        "zur",
        "zum",
        "af",
        "av",
        "el",
        "al",
        "bin",
        "ibn",
        "bint",
        "abu",
        "ben",
        "y",
        "e",
        "ní",
        "nic",
        "mac",
        "mc",
        "ó",
        "st",
        "dela",
    ]
)
COMPANY = re.compile(
    r"\s+(?:&|and Sons|GmbH|Ltd|Limited|Inc|Corp|Co\b|LLC|AG\b|SE\b|SA\b|BV|Group|Bank|Hotel|Partners|"
    r"Optik|Holdings?|Logistics|Systems|Software|Labs?|Clinic|Hospital|Center|Centre|School|University|"
    r"College|Institute|Foundation|Museum|Library|Street|St\b\.?(?= \d|,|$)|Avenue|Ave|Road|Rd|Lane|Drive|Square|"
    r"Boulevard|Blvd|Court|Park|Bridge|Airport|Station|Stadium|Theatre|Theorem|Prize|Award|Act|Law|"
    r"effect|theorem|distribution|Islands?|Bay|Beach|Valley|County|City|Cup|Gold|Motors?|Pharma|Foods|"
    r"Brothers|Bros|Consulting|Solutions|Media|Press|Records|Studios?|Cafe|Café|Restaurant|Bakery|Airlines|"
    r"AB\b|AS\b|Oy\b|KG\b|Sons)"
)
TITLE = re.compile(
    r"\b(?:mr|mrs|ms|miss|mx|dr|prof|professor|sir|madam|dame|lord|lady|herr|frau|hr|fr|monsieur|madame|mme|"
    r"mlle|se[ñn]ora?|sr|sra|dear|hi|hello|hey|hiya|ciao|hallo|liebe|lieber|cher|ch[èe]re|estimad[oa]|aunt|uncle|"
    r"captain|sergeant|officer|judge|nurse|coach|father|sister|brother|son|daughter|wife|husband|cousin|friend|"
    r"colleague|boss|nephew|niece|mother|mum|mom|dad|grandma|grandpa|late)\b\.?,?\s*$",
    re.I,
)
CUE = re.compile(
    r"(?:\b(?:name|surname|last name|first name|full name|employee|patient|customer|client|guest|tenant|visitor|host|"
    r"holder|cardholder|bearer|payee|payer|beneficiary|account holder|applicant|candidate|contact|attn|attention|"
    r"from|to|cc|bcc|by|with|author|reviewer|cashier|driver|manager|doctor|physician|teacher|student|pupil|"
    r"primary|backup|on[- ]call|assignee|assigned to|owner|owned by|reporter|signed|signature|witness|next of kin|"
    r"emergency contact|bill to|ship to|remit to|sold to|deliver to|pay to|payable to|attended by|present|"
    r"attendees|participants|members?|absent|chair|minutes by|apologies|recipient|sender|passenger|driver|"
    r"insured|deceased|plaintiff|defendant|landlord|nurse|ask|tell|told|call|called|calls (?:him|her)self|"
    r"email|mail|ping|text|met|meet|invite|invited|thank|thanks|cheers|regards|sincerely|yours|interview w/|w/|"
    r"interview with|behalf of|in the name of|care of|c/o|i am|i'm|my name is|this is|it's|named|says|said|write to|"
    r"spoke to|spoke with|talk to|talked to|gave it to|sent to|for|and|between|via|lost to|won against|"
    r"birthday of|married|phoned|emailed|asked|thanked|let|user|username|display name|introduce|i\. ?a\.|p\.?p\.|"
    r"omg|lol|yo|poor|thx|ty|who is|where is|whos|wheres|is|has|saw|if|until|since|because|that|when|but|did|does|"
    r"dont tell|remind|chase|help|join|joins|joined|see|hi)\b['\"]?\s*[:=.…*|]*['\"]?\s*[.…]*\s*['\"*`]*$"
    r"|[\"'](?:name|employee|customer|author|user|owner|contact|full_?name|holder|guest|sender|recipient|patient|"
    r"first(?:_?name)?|last(?:_?name)?|assignee|reporter|ship_?to|bill_?to|to|from|by|signed_?by|manager)[\"']\s*:\s*[\"']$)",
    re.I,
)
FIELD = re.compile(
    r"(?:^|[\n/|;]|\s{2,}|[*-] )\W*(?:[A-Za-z ]{0,20}\b)?(?:name|surname|employee|patient|customer|client|guest|tenant|visitor|"
    r"host|holder|cardholder|payee|beneficiary|applicant|contact|attn|attention|cashier|primary|backup|assignee|owner|"
    r"reporter|author|witness|next of kin|bill to|ship to|remit to|sold to|deliver to|recipient|sender|passenger|"
    r"insured|landlord|nurse|from|to|cc|by|served by|driver|signed|present|attendees|participants|physician|doctor|"
    r"teacher|student|absent|chair|speaker|subscriber|member|donor|payer|account holder|manager)"
    r"\b[^\w\n]{0,4}(?:\([^)\n]*\))?\s*[:.…=]+[\s*`\"'.…:]*$"
    r"|\b(?:PATIENT|NAME|NEXT OF KIN|GUEST|TENANT|INSURED|DRIVER|CUSTOMER|HOLDER|PASSENGER|WITNESS|EMPLOYEE)\s+$"
    r"|[\"'](?:\w*name|employee|customer|author|owner|contact|holder|guest|sender|recipient|patient|assignee|"
    r"reporter|manager|member|driver|tenant|student|teacher|signed_?by|first|last|payee|payer)[\"']\s*:\s*[\"']$",
)
CLOSING = re.compile(
    r"\b(?:regards|sincerely|cheers|thanks|thank you|yours|faithfully|truly|wishes|best|love|hugs|"
    r"grüßen|gruß|grüße|cordially|cordialement|saludos|xo+|thx|ciao)\b[\s,.!]*$",
    re.I,
)
SAINTS = ("san", "santa", "santo", "sao", "saint", "los", "las", "el", "new")
VERB = re.compile(
    r"\s+(?:has|had|is|was|isn't|wasn't|says|said|wrote|asked|asks|called|calls|told|wants|wanted|will|won't|would|can|"
    r"could|did|didn't|does|doesn't|never|still|just|and I|and me|from (?:the|our|your|my)|here|speaking|again|told|"
    r"sent|sends|gave|took|lost|found|knows|thinks|needs|broke|left|forgot|promised|lives|works|bought|paid|owes)\b"
)
NAME_COLUMN = re.compile(
    r"^[\s\"*`]*(?:(?:full |first |last |given |family |sur)?_?names?|first|last|surname|forename|employee|customer|client|guest|"
    r"tenant|patient|student|teacher|member|driver|passenger|contact|contact person|owner|author|holder|visitor|"
    r"player|attendee|participant|who|person|cardholder|payee|donor|staff|speaker|applicant|resident|nurse|doctor|"
    r"(?:first|last|full|given|family)[ _-]?name|vorname|nachname|姓\s?名|名字|联系人|客户|收件人|员工|学生|户名|患者|住户|乘客|"
    r"持卡人|负责人|经手人|司机|老师|教师|家长)[\s\"*`]*$",
    re.I,
)
MONTHS = {"may", "april", "june", "august", "march", "jan", "summer", "winter", "autumn"}


@dataclass(frozen=True)
class Lists:
    """What is known beforehand, from `names.json`."""

    given: frozenset
    family: frozenset
    places: frozenset
    other: frozenset
    words: frozenset
    also_words: frozenset
    zh_family: frozenset
    zh_compound: tuple
    zh_given: frozenset
    zh_characters: frozenset
    zh_not: frozenset
    zh_titles: tuple
    zh_places: tuple


@functools.cache
def lists() -> Lists:
    """The lists, read once."""
    table = json.loads(sources.path("names.json").read_text("utf-8"))

    def several(key: str) -> list[str]:
        return " ".join(table[key]).split()

    fold = lambda key: frozenset(folded(word) for word in several(key))  # noqa: E731
    return Lists(
        given=fold("given"), family=fold("family"), places=fold("places"), other=fold("other"),
        words=frozenset(several("words")), also_words=fold("also_words"),
        zh_family=frozenset(table["zh_family"]), zh_compound=tuple(several("zh_compound")),
        zh_given=frozenset(several("zh_given")), zh_characters=frozenset(table["zh_characters"]),
        zh_not=frozenset(several("zh_not")),
        zh_titles=tuple(sorted(several("zh_titles"), key=len, reverse=True)),
        zh_places=tuple(several("zh_places")),
    )  # fmt: skip


def folded(word: str) -> str:
    """Lower case without accents: "Łukasz" is "lukasz"."""
    word = unicodedata.normalize("NFKD", word.casefold()).replace("ł", "l").replace("đ", "d")
    word = word.replace("ø", "o").replace("ı", "i")
    return "".join(c for c in word if not unicodedata.combining(c))


def find(text: str, taken: bytearray) -> Iterator[tuple[int, int, float]]:
    """Names in a text in normal form: (start, end, confidence). `taken` marks what is something else."""
    found = {}
    for start, end, sure in (
        *_cells(text, taken), *_latin(text, taken), *_chinese(text, taken)
    ):  # fmt: skip
        if start not in found or found[start][0] < end:
            found[start] = (end, sure)
    for start, (end, sure) in sorted(found.items(), key=lambda item: item[0] - item[1][0]):
        yield start, end, sure


# --- columns of tables whose head says that names stand there


def _cells(text: str, taken: bytearray) -> Iterator[tuple[int, int, float]]:
    lines = list(re.finditer(r"[^\n]+", text))
    for delimiter in "|\t;,/":
        head = next((m for m in lines if delimiter in m[0]), None)
        columns = head[0].split(delimiter) if head else []
        wanted = {k for k, cell in enumerate(columns) if NAME_COLUMN.match(cell)}
        if not wanted or len(columns) < 2:
            continue
        for line in lines[lines.index(head) + 1 :]:
            at = line.start()
            cells = line[0].split(delimiter)
            for k, cell in enumerate(cells):
                name = cell.strip(' \r"*`')
                start = at + len(cell) - len(cell.lstrip(' \r"*`'))
                at += len(cell) + 1
                fits = re.fullmatch(rf"(?:{LETTER}|[\u4e00-\u9fff]|[ '.,·-]){{2,40}}", name)
                aligned = k in wanted and abs(len(cells) - len(columns)) <= 1
                free = not any(taken[start : start + len(name)])
                if aligned and fits and free and name[0] != "-" and _may_be(name):
                    yield start, start + len(name), 0.8


def _may_be(name: str) -> bool:
    """Whether a cell may hold a name: not only common words, as "none" or "total" are."""
    known = lists()
    words = [folded(w) for w in WORD.findall(name)]
    return not words or any(
        w in known.given or w in known.family or not (w in known.words or w in known.other)
        for w in words
    )


# --- names in an alphabet


@dataclass
class _Token:
    start: int
    end: int
    word: str
    plain: str  # folded
    kind: str  # "name", "maybe" (also a word), "place", "word", "particle", "initial", "new"
    capital: bool


def _tokens(text: str, taken: bytearray) -> list[_Token]:
    known, found = lists(), []
    for m in WORD.finditer(text):
        before, after = text[m.start() - 1 : m.start()], text[m.end() : m.end() + 1]
        inside = before in ("@", "_", "/", "\\", "#", "$", "=", "~") and before != ""
        inside |= bool(re.match(r"[\d_@\\(=]|[.:/][A-Za-z0-9_/]|://", text[m.end() : m.end() + 3]))
        inside |= before.isdigit() or (
            before == "." and text[m.start() - 2 : m.start() - 1].islower()
        )
        inside |= before == "-" and text[m.start() - 2 : m.start() - 1].isalnum()
        inside |= after == "-" and text[m.end() + 1 : m.end() + 2].isdigit()
        speaker = after == ":" and text[m.end() + 1 : m.end() + 2] in (" ", "")
        if any(taken[m.start() : m.end()]) or (inside and not speaker):
            continue
        found.append(_token(m, text, known))
    return found


def _token(m: re.Match, text: str, known: Lists) -> _Token:
    word, end = m[0], m.end()
    possessive = len(word) > 2 and word[-2:].lower() == "'s"
    if possessive:
        word, end = word[:-2], end - 2
    plain = folded(word)
    parts = [part for part in re.split(r"[-']", plain) if part]

    def listed(group: frozenset) -> bool:
        several = len(parts) > 1
        own = several and any(len(p) > 2 and p in group and p not in known.words for p in parts)
        return plain in group or own

    capital = word[0].isupper()
    if (len(word) == 1 and capital and text[end : end + 1] == ".") or (
        re.fullmatch(r"[A-Z]\.?-[a-zA-Z]", word) and text[end : end + 1] == "."
    ):
        kind, end = "initial", end + 1
    elif plain in PARTICLES and (not capital or plain not in known.family | known.given):
        kind = "particle"
    elif listed(known.given) or listed(known.family):
        unsure = plain in known.also_words or plain in known.places or plain in known.other
        kind = "maybe" if unsure else "name"
    elif plain in known.places:
        kind = "place"
    elif plain in known.words or plain in known.other or _is_form(plain, known.words):
        kind = "word"
    else:
        kind = "new"
    return _Token(m.start(), end, word, plain, kind, capital)


def _is_form(plain: str, words: frozenset) -> bool:
    """Whether it is a form of a known word: plural, -ing, -ed, -ly, or words joined by a hyphen."""
    if "-" in plain:
        return all(p in words or _is_form(p, words) for p in plain.split("-") if p)
    for ending, instead in (
        ("s", ""), ("es", ""), ("ies", "y"), ("ed", ""), ("ed", "e"), ("ing", ""), ("ing", "e"),
        ("ly", ""), ("er", ""), ("er", "e"), ("ers", ""), ("able", ""), ("ness", ""), ("n't", ""),
        ("'ll", ""), ("'re", ""), ("'ve", ""), ("'d", ""), ("'m", ""), ("'s", ""), ("al", ""),
    ):  # fmt: skip
        if plain.endswith(ending) and plain[: -len(ending)] + instead in words:
            return len(plain) - len(ending) >= 2
    return False


def _latin(text: str, taken: bytearray) -> list[tuple[int, int, float]]:
    tokens = _tokens(text, taken)
    found: list[tuple[int, int, float]] = []
    sure_words: set[str] = set()
    runs = list(_runs(text, tokens))
    for run in runs:
        for start, end, sure, words in _judge(text, run):
            found.append((start, end, sure))
            if sure >= 0.5:
                sure_words.update(words)
    found += _speakers(text, tokens)
    small_words = {
        folded(w)
        for start, end, _ in found
        for w in WORD.findall(text[start:end])
        if w.islower() and len(w) > 2
    }
    covered = [(start, end) for start, end, _ in found]
    for token in tokens:  # what was a name once is one everywhere in this text
        free = not any(start <= token.start < end for start, end in covered)
        again = token.plain in (sure_words if token.capital else small_words)
        if free and again and _stands_as_name(token, text):
            found.append((token.start, token.end, 0.6))
    return found


def _stands_as_name(token: _Token, text: str) -> bool:
    if token.kind in ("word", "particle", "place"):
        return False
    if not token.capital:
        return token.kind in ("name", "new")
    return token.kind != "maybe" or not _is_month(token, text)


def _runs(text: str, tokens: list[_Token]) -> Iterator[list[_Token]]:
    """Rows of capitalised words, initials and particles, with nothing but a space between them."""
    run: list[_Token] = []
    for token in tokens:
        begins = bool(
            re.search(r"(?:^|[\n|;:\"\t])[ ]*$", text[max(0, token.start - 4) : token.start])
        )
        fits = token.capital or (token.kind == "particle" and (bool(run) or begins))
        gap = text[run[-1].end : token.start] if run else ""
        joined = gap == " " or (gap == ", " and _inverted(text, run, token)) or gap == "\n\0"
        if run and not (fits and joined):
            yield run
            run = []
        if fits:
            run = [*run, token]
    if run:
        yield run


def _inverted(text: str, run: list[_Token], token: _Token) -> bool:
    """Whether "Last, First" stands here as one name: all capitals, or alone in its cell or field."""
    while any(t.kind in ("word", "place") for t in run):
        run = run[1:]
    if not run or token.kind in ("word", "place"):
        return False
    if "," in text[run[0].start : run[-1].end] or len(run) > 4:
        return False
    before = text[max(0, run[0].start - 40) : run[0].start]
    shouted = run[-1].word.isupper() and token.word.isupper() and len(token.word) > 1
    if sum(t.kind not in ("particle", "initial") for t in run) > 1 and not shouted:
        return bool(re.search(r"(?:\|\s*|\t|;)$", before))
    cell = bool(re.search(r"(?:\|\s*|\t|;|\"|\d\s*[.)]\s)$", before))
    return shouted or cell or bool(FIELD.search(before))


def _judge(text: str, run: list[_Token]) -> Iterator[tuple[int, int, float, list[str]]]:
    """The name in a run of capitalised words, if there is one."""
    # Common words and places at its ends do not belong to it.
    pieces, piece = [], []
    for token in run:
        if token.kind == "word" and _must_be(text, token, run):
            token.kind = "maybe"
        if token.kind == "word" or (token.kind == "place" and not _amid_names(token, run)):
            if piece:
                pieces.append(piece)
            piece = []
        else:
            piece.append(token)
    pieces.append(piece)
    for piece in pieces:
        while piece and piece[-1].kind == "particle":
            piece = piece[:-1]
        solid = [t for t in piece if t.kind not in ("initial", "particle")]
        place = solid and len(solid) == 1 and solid[0].plain in lists().places
        if place and run.index(solid[0]) and run[run.index(solid[0]) - 1].plain in SAINTS:
            continue
        if solid:
            sure = _evidence(text, run, piece, solid)
            if sure:
                words = [t.plain for t in solid if len(t.plain) > 1]
                yield piece[0].start, piece[-1].end, sure, words


HONORIFIC = re.compile(r"\b(?:mr|mrs|ms|miss|mx|dr|prof|herr|frau|mme|sra?|señora?)\b\.? $", re.I)
NOBODY = set(
    [
        "customer",
        "client",
        "user",
        "nobody",
        "nice",
        "right",
        "wrong",
        "president",
        "chairman",
        "speaker",
    ]
)


def _must_be(text: str, token: _Token, run: list[_Token]) -> bool:
    """Whether a common word is a surname here: after "Mr", or at the end of a name's field."""
    if token.plain in NOBODY or not token.capital or token.plain in lists().other:
        return False
    if HONORIFIC.search(text[max(0, token.start - 9) : token.start]):
        return True
    i, start = run.index(token), run[0].start
    after_name = i > 0 and run[i - 1].kind in ("name", "maybe", "initial")
    ends = re.match(r"[ \t]*(?:\n|[,|;<(\"]|$|  )", text[token.end : token.end + 4])
    alone = re.search(r"(?:^|\n)[ >*-]*$", text[max(0, start - 6) : start])
    return bool(after_name and ends and (alone or FIELD.search(text[max(0, start - 60) : start])))


def _amid_names(token: _Token, run: list[_Token]) -> bool:
    """A place between a name's words is part of it: "Ana Sofia London" is no trip."""
    i = run.index(token)
    return i > 0 and run[i - 1].kind in ("name", "initial") and len(run) > 1


def _evidence(text: str, run: list[_Token], piece: list[_Token], solid: list[_Token]) -> float:
    start, end = piece[0].start, piece[-1].end
    before, after = text[max(0, start - 60) : start], text[end : end + 40]
    if re.search(r"\b(?:company|firm|employer|bank|street|model|product)\W{1,3}$", before, re.I):
        return 0.0
    if re.match(r"\s+(?:to\s*:|(?:Curie|Newton|Gauss|Einstein|Darwin)\b)", after):
        return 0.0
    if piece[0].plain in SAINTS and solid[-1].plain in lists().places:
        return 0.0
    if COMPANY.match(after) or re.match(r"\s*&\s", after) or re.search(r"&\s*$", before):
        return 0.0
    field = bool(FIELD.search(before) or TITLE.search(before))
    cued = field or bool(CUE.search(before))
    mailed = bool(re.match(r"\s*[<(\[]?\s?[^\s<>@]{1,40}@", after)) or bool(
        re.match(r"'s\b", after)
    )
    closing = bool(CLOSING.search(before)) and bool(re.match(r"\s*(?:[,.(|]|$|\n)", after))
    names = sum(t.kind == "name" for t in solid)
    maybe = sum(t.kind == "maybe" for t in solid)
    new = sum(t.kind == "new" for t in solid)
    only = solid[0]
    acronym = all(t.word.isupper() and len(t.word) <= 5 for t in solid)
    if len(solid) == 1 and only.kind in ("maybe", "place") and _is_month(only, text):
        return 0.0
    if len(solid) == 1 and only.plain in lists().places and _as_place(before, after):
        return 0.0
    if names:
        if acronym and len(solid) == 1 and not (field or closing):
            return 0.0
        return 0.9 if len(solid) > 1 or cued or mailed or closing else 0.7
    if field or closing or mailed:
        return 0.7 if not (acronym and new) else (0.5 if field and len(piece) > 1 else 0.0)
    initials = any(t.kind == "initial" for t in piece)
    if len(solid) >= 2 or initials:  # two words that no list of words has
        return 0.6 if (new + maybe) >= 1 and not acronym else 0.0
    alone = bool(re.search(r"(?:^|\n)\s*$", before)) and bool(re.match(r"\s*(?:\n|$)", after))
    last = bool(re.search(r"[.!?]\s+$", before)) and not after.strip()
    starts = bool(re.search(r"(?:^|[.!?:\n>])\W*$", before)) and bool(VERB.match(after))
    bare = _mid_sentence(before)
    if maybe:
        acts = starts and bool(re.match(r"\s+(?:has|had|says|said|wrote|asked|told)\b", after))
        return 0.6 if cued or last or acts or (bare and only.plain in lists().given) else 0.0
    accented = any(ord(c) > 127 for c in only.word)
    if acronym or any(c.isupper() for c in only.word[1:] if not only.word.isupper()):
        return 0.0
    return 0.5 if cued or accented or last or starts or (alone and accented) or bare else 0.0


def _mid_sentence(before: str) -> bool:
    """Whether a capital here is not that of a sentence, a cell or a line."""
    return bool(re.search(r"[a-z0-9,;]\s$", before))


def _as_place(before: str, after: str) -> bool:
    return bool(
        re.search(
            r"\b(?:in|from|to|at|near|of|for|residing in|office:?|city:?|and|or|via|the)\s+$",
            before,
            re.I,
        )
        or re.search(r",\s*$", before)
        or re.match(r"\s+(?:on|in|beat|was|centre|center|trip|office)\b|\s+[A-Z]{2}\b", after)
    )


def _is_month(token: _Token, text: str) -> bool:
    if token.plain not in MONTHS:
        return False
    before, after = text[max(0, token.start - 16) : token.start], text[token.end : token.end + 8]
    return bool(
        re.search(
            r"(?:\d(?:st|nd|rd|th)?|\b(?:in|by|of|since|until|till|last|next|end of|this|from|early|late|mid))[\s-]+$",
            before,
            re.I,
        )
        or re.match(r"\s*\d|,? \d{4}|\s+edition", after)
    )


SPEAKER = re.compile(
    rf"^(?:>\s*)*(?:\[[\d:. APMapm]+\]\s*|\d\d:\d\d(?::\d\d)?\s*[-|]?\s*|<)?"
    rf"({LETTER}[\w'.-]*(?: {LETTER}[\w'.-]*){{0,3}})\s?(?:>|:(?=\s))", re.M
)  # fmt: skip
NEXT = re.compile(
    r"\b(?:ask|tell|told|omg|hey|hi|thx|thanks|ty|call|text|ping|with|dont tell|from|cc|yo|and|to|by|for|miss|saw)\s$"
)

ASKED = re.compile(r"\b(?:ask|tell|told|omg|hey|thx|thanks|ty|cheers|miss|poor|where is|wheres)\s$")


def _speakers(text: str, tokens: list[_Token]) -> list[tuple[int, int, float]]:
    """Names in small letters, as chats write them: who speaks, and whom they speak of."""
    known, found = lists(), []
    lines = list(SPEAKER.finditer(text))
    by_start = {token.start: token for token in tokens}
    for m in lines:
        words = [folded(w) for w in WORD.findall(m[1])]
        timed = m[0].lstrip("> ")[:1] in "[0123456789<" and m[0].lstrip("> ")[:1] != ""
        listed = [w for w in words if w in known.given or w in known.family]
        common = [w for w in words if w not in listed and (w in known.words or w in known.other)]
        at = by_start.get(m.start(1))
        chat = timed or len(lines) > 1
        if at is None or common or not words or m[1] != m[1].lower():
            continue
        if listed or chat:
            found.append((m.start(1), m.end(1), 0.7 if listed else 0.5))
    run: list[_Token] = []
    for token in [*tokens, None]:
        small = token is not None and not token.capital and token.kind in ("name", "new", "maybe")
        small = small and not (
            token.kind == "maybe" and not run and not NEXT.search(text[: token.start][-12:])
        )
        small = small or (
            token is not None and run and token.kind == "particle" and not token.capital
        )
        if small and (not run or text[run[-1].end : token.start] == " "):
            run.append(token)
            continue
        if run:
            found += _small(text, run)
        run = [token] if small and token.kind != "particle" else []
    return found


def _small(text: str, run: list[_Token]) -> Iterator[tuple[int, int, float]]:
    while run and run[-1].kind == "particle":
        run = run[:-1]
    before = text[max(0, run[0].start - 40) : run[0].start]
    names = [t for t in run if t.kind == "name" and len(t.word) > 2]
    quoted = bool(FIELD.search(before))
    cued = bool(NEXT.search(before[-14:]))
    if (
        quoted
        or len(names) > 1
        or (names and cued)
        or (names and any(ord(c) > 127 for t in run for c in t.word))
    ):
        yield run[0].start, run[-1].end, 0.6
    elif (
        (len(run) == 1 and run[0].kind == "new" and ASKED.search(before) and len(run[0].word) > 3)
        or (cued and len(run) == 1 and run[0].kind == "maybe" and ASKED.search(before))
        or (names and len(run) == 1 and len(run[0].word) > 4)
    ):
        yield run[0].start, run[0].end, 0.4


# --- Chinese names

HAN = re.compile(r"[\u4e00-\u9fff]+")
ZH_FIELD = re.compile(
    r"(?:姓\s?名|收件人|寄件人|联系人|开户人|持卡人|户名|患者|病人|申请人|经办人|经手人|负责人|收款人|付款人|投保人|被保险人|"
    r"客户|顾客|员工|学生|家长|乘客|旅客|签字|签名|司机|作者|记者|店长|医生|护士|老师|用户名?|名字|本人|证明|收到|联系|"
    r"我是|我叫|叫|找|问|让|请|给|和|与|跟|同|由|对|楼主|感谢|谢谢|通知|转告|告诉|经理|主任|同事|朋友|房东|房客|租客|周[一二三四五六日天])"
    r"\s*[:：\"“」|,，]*\s*[\"“|]*\s*$"
)
ZH_END = re.compile(r"\s*(?:\Z|[\n,，。.!！?？;；:：、|\t/()（）\"”】\]<>《》\s0-9A-Za-z+@-])")
ZH_AFTER = re.compile(
    r"(?:的|说|写道|先生|女士|小姐|老师|同学|在|是|和|与|您|你|已|来|将|把|被|给|从|向|请|到|让|去|确认|核对|也|都|又|就|收|付|转|签|还|交|负责|发|要|有)"
)


def _chinese(text: str, taken: bytearray) -> Iterator[tuple[int, int, float]]:
    known = lists()
    for m in HAN.finditer(text):
        i = m.start()
        while i < m.end():
            hit = None if taken[i] else _chinese_at(text, i, m.end(), known)
            if hit:
                yield i, hit[0], hit[1]
                i = hit[0]
            else:
                i += 1


def _chinese_at(text: str, i: int, stop: int, known: Lists) -> tuple[int, float] | None:
    before, compound = text[max(0, i - 10) : i], text[i : i + 2] in known.zh_compound
    surname = 2 if compound else 1 if text[i] in known.zh_family else 0
    field = bool(ZH_FIELD.search(before))
    edge = i == 0 or not HAN.match(text[i - 1])
    blocked = (text[i : i + 2] in known.zh_not or text[i : i + 3] in known.zh_not) and not compound
    if (
        surname == 1
        and not edge
        and text[i] in "张方万于章单"
        and text[i - 1] in "一二三四五六七八九十百千两几每这那"
    ):
        return None  # 一张 is a sheet
    if surname:
        whole = _whole(text, i, surname, stop, known, field or edge, blocked)
        if whole:
            return whole
        title = next((t for t in known.zh_titles if text.startswith(t, i + surname)), None)
        if title and not blocked and not _is_word_with(text, i + surname, title):
            return i + surname, 0.7
        if re.search(r"(?:姓|免贵)$", before) and ZH_END.match(text, i + surname):
            return i + surname, 0.9
    if text[i : i + 2] in known.zh_given and (field or edge or _given_after(text, i + 2)):
        fits = not _tail(text, i + 2, known) and (
            not blocked or (field and _given_after(text, i + 2))
        )
        loose = text[i : i + 2] not in known.zh_not
        if fits and loose and (field or ZH_END.match(text, i + 2) or _given_after(text, i + 2)):
            return i + 2, 0.5
    pair = text[i : i + 2]
    if field and not blocked and len(pair) == 2 and i + 2 <= stop and not _tail(text, i + 2, known):
        made = all(c in known.zh_characters for c in pair) and pair not in known.zh_not
        said = re.match(
            r"的(?:新|电话|手机|号|说|车|账)|说|写道|确认|核对|你|在吗", text[i + 2 : i + 6]
        )
        if made and said:
            return i + 2, 0.4
    return None


def _whole(
    text: str, i: int, surname: int, stop: int, known: Lists, cued: bool, blocked: bool
) -> tuple[int, float] | None:
    """A surname and a given name of two characters, or of one."""
    for length in (2, 1):
        end = i + surname + length
        given = text[i + surname : end]
        if end > stop or len(given) < length:
            continue
        fits = given in known.zh_given or all(c in known.zh_characters for c in given)
        closed = bool(ZH_END.match(text, end))
        opened = closed or bool(ZH_AFTER.match(text, end)) or _titled(text, end, known)
        alone = cued and closed  # a cell or a line by itself: any character may be in a name
        if _tail(text, end, known) and not (cued and closed):
            continue
        if blocked and not (length == 2 and given in known.zh_given) and not alone:
            continue
        if blocked and alone and text[i:end] in known.zh_not:
            continue
        if fits and (cued or opened) and (length == 2 or opened):
            return end, 0.9 if cued and closed else 0.6
        if (
            alone
            and not blocked
            and (length == 2 or cued)
            and ZH_FIELD.search(text[max(0, i - 10) : i])
        ):
            return end, 0.5
        if length == 2 and given in known.zh_given and not blocked:
            return end, 0.6
    return None


def _titled(text: str, end: int, known: Lists) -> bool:
    return text.startswith(known.zh_titles, end)


def _given_after(text: str, end: int) -> bool:
    return bool(ZH_AFTER.match(text, end))


def _tail(text: str, end: int, known: Lists) -> bool:
    """Whether a firm or a place goes on here: 建国饭店, 海燕电器."""
    return text.startswith(known.zh_places, end)


def _is_word_with(text: str, i: int, title: str) -> bool:
    """Whether the title begins another word: 高工 is a person before a comma, 高工资 is not."""
    return title in ("工", "董", "姐", "哥", "总") and not ZH_END.match(text, i + len(title))
