"""Personal data in text: found, masked, or replaced by pseudonyms that only a key can make again.

Structured identifiers are found by their form and proved by their check digits; names by lists, capital
letters and the words around them (`helpers.names`). Text is compared in a normal form (full-width
digits, odd spaces and dashes, look-alike letters), and what is found is given in the places of the text
as it was.

Not found: numbers in words, local telephone numbers without a word that says so, cards joined by
underscores or slashes, encoded addresses, mailboxes outside Latin letters, unknown names in lower case,
names in scripts other than Latin and Chinese, and whatever has no type here (passports, birth dates,
streets).
"""

# ruff: noqa: E501, RUF001 (patterns read better unbroken, and name the characters that they mean)

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

from helpers import names

TYPES = ("email", "iban", "cn_id", "card", "us_ssn", "cn_mobile", "ip", "phone", "name")


@dataclass(frozen=True)
class Match:
    """Where something personal stands. The words themselves are not in it, so that a log is safe.

    Attributes:
        type: one of `TYPES`.
        start, end: in characters of the text, end exclusive.
        confidence: 1.0 if check digits prove it, less where form or words around it speak for it.
    """

    type: str
    start: int
    end: int
    confidence: float

    def of(self, text: str) -> str:
        """What stands there in the text. This is the secret: do not print it."""
        return text[self.start : self.end]


def find(text: str, types: Iterable[str] = TYPES) -> list[Match]:
    """What is personal in a text, in its order; matches do not overlap.

    Args:
        text: any string.
        types: which of `TYPES` to look for.

    Raises:
        TypeError: the text is no string.
        ValueError: no such type.
    """
    wanted = _wanted(text, types)
    plain, places = _normal(text)
    taken, found = bytearray(len(plain)), []
    for kind in TYPES:  # the surest first: what is proved is not taken apart by a guess
        for start, end, confidence in FINDERS[kind](plain, taken):
            if start < end and not any(taken[start:end]):
                taken[start:end] = b"\1" * (end - start)
                if kind in wanted:
                    found.append(Match(kind, places[start], places[end - 1] + 1, confidence))
    return sorted(found, key=lambda match: match.start)


def mask(
    text: str,
    types: Iterable[str] = TYPES,
    replace: Callable[[str, str], str] | None = None,
) -> str:
    """The text with what is personal replaced.

    Args:
        text: any string.
        types: which of `TYPES`.
        replace: `replace(type, secret)` gives what is put there, for instance `Pseudonyms(key)`; the
            type in brackets, [EMAIL], unless given.

    Raises:
        TypeError: the text is no string.
        ValueError: no such type.
    """
    replace = replace or (lambda kind, secret: f"[{kind.upper()}]")
    parts, last = [], 0
    for match in find(text, types):
        parts += [text[last : match.start], replace(match.type, match.of(text))]
        last = match.end
    return "".join([*parts, text[last:]])


@dataclass(frozen=True)
class Pseudonyms:
    """Replaces a secret by a pseudonym: the same for the same secret, another with another key.

    HMAC-SHA256 (Krawczyk et al. 1997): without the key, guesses cannot be tried out. Whoever has the
    key can try them, so it stays apart from the data. Spelling is levelled first (`level`), so that
    joins hold; initials, nicknames, typing errors and a number with and without its country code do
    not join.

    Args:
        key: 16 bytes or more, from `Pseudonyms.new_key()`. It is not shown when printed.
        letters: hexadecimal digits of a pseudonym, 8 to 64; 16 do for a hundred million people.

    Raises:
        ValueError: a short key, or a number that cannot be.
    """

    key: bytes = field(repr=False)
    letters: int = 16

    def __post_init__(self) -> None:
        if not isinstance(self.key, bytes) or len(self.key) < 16:
            raise ValueError("the key must be 16 bytes or more; make one with Pseudonyms.new_key()")
        if not 8 <= self.letters <= 64:
            raise ValueError(f"letters is {self.letters!r}; a pseudonym has 8 to 64")

    @staticmethod
    def new_key() -> bytes:
        """A key from the system's source of randomness, 32 bytes."""
        return secrets.token_bytes(32)

    def __call__(self, kind: str, secret: str) -> str:
        """The pseudonym of a secret: "name-3f9a...". Kinds do not mix."""
        message = f"{kind}:{level(kind, secret)}".encode()
        return f"{kind}-{hmac.new(self.key, message, hashlib.sha256).hexdigest()[: self.letters]}"


def level(kind: str, secret: str) -> str:
    """A secret in one spelling: case, width, unseen characters, spaces, separators do not count.

    Addresses spelt out (at, dot) are written with their signs, mobile numbers without +86, telephone
    numbers with + for 00 and without (0), network addresses in their short form.
    """
    plain = _normal(unicodedata.normalize("NFKC", secret))[0].casefold()
    if kind == "email":
        plain = re.sub(r"\s*[\[({<]\s*at\s*[\])}>]\s*|\s+at\s+", "@", plain)
        plain = re.sub(r"\s*[\[({<]\s*dot\s*[\])}>]\s*|\s+dot\s+", ".", plain)
    if kind in ("email", "ip"):
        plain = re.sub(r"\s+", "", plain)
        return _short(plain) if kind == "ip" else plain
    if kind == "name":
        last, comma, first = plain.partition(",")
        return " ".join((f"{first} {last}" if comma else plain).split())
    if kind == "phone":
        plain = plain.replace("(0)", "")
    plain = re.sub(r"[^0-9a-z+]", "", plain)
    if kind == "cn_mobile":
        return re.sub(r"^(?:\+|00)?86(?=1\d{10}$)", "", plain)
    return re.sub(r"^00(?=[1-9])", "+", plain) if kind == "phone" else plain


def _short(address: str) -> str:
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return address


def measure(rows: Iterable[dict]) -> dict[str, dict[str, int]]:
    """How well `find` does on labelled texts, by type.

    An entity counts as found if all its letters and digits lie in matches of its type: what is left
    standing of it would still be there after masking. A match counts as right if it touches an entity
    of its type, however little: precision says nothing of matches that are too long.

    Args:
        rows: as in personal_data.jsonl: `text`, and `entities` with `start`, `end`, `type`.

    Returns:
        for each type the numbers `entities`, `found`, `hidden` (found as whatever type: a mask covers
        them), `matches` and `right`.
    """
    table = {
        kind: dict.fromkeys(("entities", "found", "hidden", "matches", "right"), 0)
        for kind in TYPES
    }
    for row in rows:
        text, entities, matches = row["text"], row["entities"], find(row["text"])
        covered = {i for m in matches for i in range(m.start, m.end)}
        for entity in entities:
            kind = entity["type"]
            inside = {i for m in matches if m.type == kind for i in range(m.start, m.end)}
            solid = [i for i in range(entity["start"], entity["end"]) if text[i].isalnum()]
            table[kind]["entities"] += 1
            table[kind]["found"] += inside.issuperset(solid)
            table[kind]["hidden"] += covered.issuperset(solid)
        for m in matches:
            own = [e for e in entities if e["type"] == m.type]
            table[m.type]["matches"] += 1
            table[m.type]["right"] += any(e["start"] < m.end and m.start < e["end"] for e in own)
    return table


def labelled(split: str) -> list[dict]:
    """Texts with personal data marked, from personal_data.jsonl: "dev" to tune on, "test" to measure."""
    import json

    from helpers import sources

    if split not in ("dev", "test"):
        raise ValueError(f"split is {split!r}; there are 'dev' and 'test'")
    lines = sources.path("personal_data.jsonl").read_text("utf-8").splitlines()
    return [row for row in map(json.loads, lines) if row["split"] == split]


# --- text in a normal form, character by character

ALIKE = dict(zip("‐‑‒–—―−﹣－", "-" * 9, strict=True))
ALIKE |= dict(zip("аеорсхуАВЕКМНОРСТХ", "aeopcxyABEKMHOPCTX", strict=True))
ALIKE |= {"’": "'", "‘": "'", "`": "`"}
UNSEEN = {"\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad"}


def _wanted(text: str, types: Iterable[str]) -> set[str]:
    if not isinstance(text, str):
        raise TypeError(f"the text is a {type(text).__name__}; give a str")
    wanted = {types} if isinstance(types, str) else set(types)
    if wanted - set(TYPES):
        raise ValueError(f"no type {sorted(map(str, wanted - set(TYPES)))}; there are {TYPES}")
    return wanted


def _normal(text: str) -> tuple[str, list[int]]:
    """The text in normal form, and for each of its characters the place it came from.

    Cyrillic letters are taken for the Latin ones that they look like only beside Latin letters.
    """
    letters, places = [], []
    for i, c in enumerate(text):
        if c < "\x7f":
            letters.append(c)
            places.append(i)
        elif c not in UNSEEN:
            for one in _one(c, text, i):
                letters.append(one)
                places.append(i)
    return "".join(letters), places


def _one(c: str, text: str, i: int) -> str:
    if c in ALIKE:
        near = text[max(0, i - 1) : i] + text[i + 1 : i + 2]
        return ALIKE[c] if not c.isalpha() or re.search(r"[A-Za-z0-9@]", near) else c
    if unicodedata.decimal(c, None) is not None:
        return str(unicodedata.decimal(c))
    plain = unicodedata.normalize("NFKC", c)
    # A character that becomes several, or a space, is kept short: places stay true.
    return " " if c.isspace() and c not in "\n\r" else plain if len(plain) <= 3 else c


# --- check digits


def luhn(digits: str) -> bool:
    """Whether a card number's check digit fits (ISO/IEC 7812)."""
    total = 0
    for i, c in enumerate(reversed(digits)):
        n = int(c) * (1 + i % 2)
        total += n - 9 * (n > 9)
    return total % 10 == 0


def mod97(iban: str) -> bool:
    """Whether an IBAN's check digits fit (ISO 13616, ISO 7064 MOD 97-10)."""
    moved = iban[4:] + iban[:4]
    return int("".join(str(int(c, 36)) for c in moved)) % 97 == 1


def mod11_2(identity: str) -> bool:
    """Whether a Chinese identity number's check character fits (GB 11643, ISO 7064 MOD 11-2)."""
    weights = [2 ** (17 - i) % 11 for i in range(17)]
    rest = sum(int(c) * w for c, w in zip(identity[:17], weights, strict=True)) % 11
    return identity[17].upper() == "10X98765432"[rest]


# --- one finder a type: (start, end, confidence) in the normal form

Found = Iterator[tuple[int, int, float]]
MAILBOX = r"[A-Za-z0-9À-ɏ][\w.%+'-]{0,63}"
EMAIL = re.compile(
    rf"(?<![\w.+-])({MAILBOX})@([A-Za-z0-9À-ɏ-]+(?:\.[A-Za-z0-9À-ɏ-]+)*\.[A-Za-z]{{2,24}})"
    r"(?![A-Za-z0-9_-]|\.[A-Za-z0-9])", re.ASCII
)  # fmt: skip
AT, DOT = (
    r"(?:@|[\[({<]\s?(?:at|AT)\s?[\])}>]|at|AT)",
    r"(?:\.|[\[({<]\s?(?:dot|DOT)\s?[\])}>]|dot|DOT)",
)
SPELT = re.compile(
    rf"(?<![\w.+-])([A-Za-z0-9][\w.+-]*(?:\s{DOT}\s\w+)?)(\s?{AT}\s?)"
    rf"([A-Za-z0-9-]+)((?:\s?{DOT}\s?[A-Za-z0-9-]+)+)(?![\w-])", re.ASCII
)  # fmt: skip


def _emails(text: str, taken: bytearray) -> Found:
    for m in EMAIL.finditer(text):
        path = m[1] == "git" and text[m.end() : m.end() + 1] == ":"  # git@host:team/site
        if not path:
            yield m.start(), m.end(), 1.0
    for m in SPELT.finditer(text):
        at, dots = m[2].strip(), m[4]
        hidden = at != "@" or not re.fullmatch(r"(?:\.[\w-]+)+", dots)
        bare = at in ("at", "AT")  # "look at example.org" is none
        if hidden and (not bare or re.search(r"[\[({< ]dot|DOT", dots)) and m[2] != at.strip("@"):
            yield m.start(), m.end(), 0.8


COUNTRIES = """
    AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29
    ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20
    LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25
    QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20
"""
IBAN_LENGTHS = {word[:2]: int(word[2:]) for word in COUNTRIES.split()}
IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[ -]?\d{2}(?=[\s-]?[A-Za-z0-9])")


def _ibans(text: str, taken: bytearray) -> Found:
    for m in IBAN.finditer(text):
        length = IBAN_LENGTHS.get(m[0][:2].upper())
        end, letters = _run(text, m.start(), length or 0, "alnum")
        if length and len(letters) == length and mod97(letters.upper()):
            yield m.start(), end, 1.0


def _run(text: str, start: int, length: int, kind: str) -> tuple[int, str]:
    """So many ASCII letters or digits from a place on, single separators left out; end and them."""
    letters, i, gap = [], start, 0
    while i < len(text) and len(letters) < length and gap < 3:
        if text[i].isascii() and getattr(text[i], f"is{kind}")():
            letters.append(text[i])
            gap = 0
        elif letters and text[i] in " -.\n\r":
            gap += 1
        else:
            break
        i += 1
    whole = not (i < len(text) and text[i].isascii() and text[i].isalnum())
    return i, "".join(letters) if whole else ""


IDENTITY = re.compile(r"(?<![A-Za-z0-9])[1-8]\d{5}[\s-]?(?=\d)")


def _identities(text: str, taken: bytearray) -> Found:
    for m in IDENTITY.finditer(text):
        end, letters = _run(text, m.start(), 18, "alnum")
        if re.fullmatch(r"\d{17}[\dXx]", letters) and _is_date(letters[6:14]) and mod11_2(letters):
            yield m.start(), end, 1.0


def _is_date(digits: str) -> bool:
    try:
        return 1900 <= date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).year <= 2099
    except ValueError:
        return False


NUMBERS = re.compile(r"(?<![A-Za-z0-9_.])\d(?:[ \-.\n\r]{0,2}\d){11,24}(?![A-Za-z0-9_])")
CARD = re.compile(r"4|5|6|3[04-9]|2[2-7]|1800|2131")


def _cards(text: str, taken: bytearray) -> Found:
    for m in NUMBERS.finditer(text):
        groups = list(re.finditer(r"\d+", m[0]))
        sizes = [len(group[0]) for group in groups]
        for i, first in enumerate(groups):
            for j in range(len(groups) - 1, i - 1, -1):
                digits = "".join(group[0] for group in groups[i : j + 1])
                # Not four groups out of a longer row of fours, as tracking numbers have.
                cut = (i and sizes[i - 1] == 4) or (j + 1 < len(groups) and sizes[j + 1] == 4)
                shaped = j == i or min(sizes[i:j] or [4]) >= 3
                if (
                    13 <= len(digits) <= 19 and shaped and not (cut and len(groups) > 4)
                    and CARD.match(digits) and len(set(digits)) > 1 and luhn(digits)
                ):  # fmt: skip
                    yield m.start() + first.start(), m.start() + groups[j].end(), 1.0


SSN = re.compile(r"(?<![\w.+-])(\d{3})([- .]?)(\d{2})\2(\d{4})(?![\w]|[-.]\w)")
SSN_WORDS = re.compile(
    r"\bssn?\b|\bs\.s\.n?|\bsoc(?:ial|\.)|\btax(?:payer)?(?: id|'s id| number)|\bi?tin\b|社会安全|社安号",
    re.I,
)
OTHER_WORDS = re.compile(
    r"\b(?:ticket|order|ref(?:erence)?|badge|policy|invoice|serial|voucher|phone|tel|case|account)\b",
    re.I,
)


def _ssns(text: str, taken: bytearray) -> Found:
    for m in SSN.finditer(text):
        area, _, group, serial = m.groups()
        issued = area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"
        before, after = text[max(0, m.start() - 120) : m.start()], text[m.end() : m.end() + 40]
        other = [cue.end() for cue in OTHER_WORDS.finditer(before)]
        named = bool(other) and len(before) - other[-1] < 12  # "ticket is 486716267"
        told = SSN_WORDS.search(before) or SSN_WORDS.search(after.partition("\n")[0])
        # Two separators are a shape of their own; nine digits in a row are not.
        shaped = m[2] == "-" or (m[2] and SSN_WORDS.search(text))
        if issued and not named and (told or shaped):
            yield m.start(), m.end(), 0.9 if told else 0.7


MOBILE = re.compile(
    r"(?<![A-Za-z0-9_.+])(?:\(?(?:\+|00)?86\)?[ -]?)?1[3-9]\d[ -]?(?:\d{4}[ -]?\d{4}|\d{2}[ -]\d{3}[ -]\d{3})"
    r"(?![A-Za-z0-9_]|[.-]\d)"
)


def _mobiles(text: str, taken: bytearray) -> Found:
    for m in MOBILE.finditer(text):
        yield m.start(), m.end(), 0.9


V4 = re.compile(r"(?<![\w.+/-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d|/\d)", re.ASCII)
V6 = re.compile(
    r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:%\w+)?(?![\w:]|/\d)", re.ASCII
)
VERSION = re.compile(
    r"(?:\bv|version|ver\.?|builds?(?: such as)?|release|revision|firmware|update(?:d)? to|section|§|"
    r"chap ?ter|clause|figure|table|mask|->|→|==|[A-Za-z]/|版本号?|构建|固件|升级到|更新到|掩码|章|节)"
    r"[\s:=vV为是至到]*$",
    re.I,
)


def _ips(text: str, taken: bytearray) -> Found:
    for pattern in (V4, V6):
        for m in pattern.finditer(text):
            before = text[max(0, m.start() - 24) : m.start()]
            if VERSION.search(before) or re.match(r"\s*(?:->|→)", text[m.end() : m.end() + 4]):
                continue
            try:
                found = ipaddress.ip_address(m[0].partition("%")[0])
            except ValueError:
                continue
            named = found.is_loopback or found.is_unspecified or m[0].startswith("255.")
            if not named:
                yield m.start(), m.end(), 0.9


TELEPHONE = re.compile(
    r"(?<![A-Za-z0-9_./+#=-])(?<!\d[,:])(?:\+|\(\+)?[\d(](?:[ \-./()\u2011]{0,2}\d){5,17}"
    r"(?:[ ,]{0,2}(?:ext\.?|extension|x|durchwahl|app\.|poste|转|分机)[ :]?\d{1,5})?(?![A-Za-z_])",
    re.I,
)
PHONE_WORDS = re.compile(
    r"(?:\b(?:tel(?:ephone|efon|\.)?|t[ée]l|phone|fon|ph|call(?: me)?(?: on| at)?|ring(?: me)?(?: on| at)?|"
    r"mobile|mob|cell|handy|text(?: me)?(?: on| at)?|fax|hotline|whatsapp|signal|number(?: is| at)?|dial|"
    r"contact|landline|line is|desk|direct|office|home|work|reach(?:ed)?(?: me| us| him| her)?(?: at| on| "
    r"under)?|[tmfpcdhw])|电话|手机|传真|致电|拨打|座机|联系方式|热线|打给我?|号码|分机|来电)"
    r"[^\w\n]{0,4}(?:\([^)\n]{0,12}\)|day|evening|is|no\.?|number|nr\.?|to|at|on|:|是|为|号|号码)?"
    r"[^\w\n+(]{0,14}$",
    re.I,
)
NO_PHONE = re.compile(
    r"(?:\b(?:order|ref(?:erence)?|ticket|serial|isbn|tracking|invoice|policy|po|id|sku|part|voucher|"
    r"version|build|mandate|model|student|case|account|item|port|pid|card|code)\b|编号|学号|单号|流水号|订单|序列号|"
    r"货号|券号|合同号|工号|运单|卡号|证号|账号)[\s:.#=号]*(?:no|number|nr|is|为|是)?[\s:.#=]*$",
    re.I,
)


def _telephones(text: str, taken: bytearray) -> Found:
    for m in TELEPHONE.finditer(text):
        start, end = m.start(), m.end()
        number = text[start:end]
        before = text[max(0, start - 40) : start]
        after = text[end : end + 2]
        coded = re.match(r"-?[A-Za-z0-9]", after) or re.match(r"[.:]\d", after)
        inside = re.search(r"\b[A-Z]{2}\d\d(?: ?[A-Z0-9]{4}){1,7} ?$", before)  # of a wrong IBAN
        if any(taken[start:end]) or coded or inside or NO_PHONE.search(before):
            continue
        while number.count("(") < number.count(")") or number.count("(") > number.count(")"):
            cut = number.rfind("(") if number.count("(") > number.count(")") else number.rfind(")")
            if cut == 0:
                number, start = number[1:], start + 1
            else:
                number = number[:cut].rstrip(" -./(")
        sure = _telephone(number, bool(PHONE_WORDS.search(before)))
        if sure:
            yield start, start + len(number), sure


NATIONAL = re.compile(
    r"(?:1[ .-]?)?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])\d{3}[ .-]\d{4}"  # North America
    r"|\(0\d{1,4}\)[ -]?\d{3,5}(?:[ -]?\d{2,5}){0,2}"  # (0755) 55500401, (02) 5550 0638
    r"|0\d{1,5}[ /-]\d{3,8}(?:[ -]\d{1,6}){0,2}"  # 020 7946 0927, 069/90009700, 010-55508405
    r"|0\d(?:[ .-]?\d\d){4}"  # 02 61 91 29 36
    r"|1[38]00[ -]?\d{3}[ -]?\d{3}"  # Australia
    r"|(?:400|800)[ -]?\d{3,4}[ -]?\d{3,4}"  # Chinese service numbers
)


def _telephone(number: str, told: bool) -> float:
    """How sure it is that a run of digits can be called; 0 if it cannot."""
    bare = re.sub(r"[ ,]*(?:ext|x|dur|app|poste|转|分机).*$", "", number, flags=re.I)
    digits = re.sub(r"\D", "", bare)
    abroad = bare.startswith(("+", "(+")) or bool(re.match(r"00[1-9]\d{0,2}[ -]", bare))
    dated = re.fullmatch(r"(?:\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{2,4})", bare)
    book = len(digits) == 13 and digits.startswith(("978", "979"))
    if dated or book or not 7 <= len(digits) <= 15 or len(set(digits)) == 1:
        return 0.0
    if abroad and len(digits) >= 8:
        return 0.9
    if NATIONAL.fullmatch(bare) and len(digits) >= 9:
        return 0.9 if told else 0.7
    return 0.6 if told and not re.search(r"\d[.]\d{1,2}$", bare) else 0.0


FINDERS = {
    "email": _emails, "iban": _ibans, "cn_id": _identities, "card": _cards, "us_ssn": _ssns,
    "cn_mobile": _mobiles, "ip": _ips, "phone": _telephones, "name": names.find,
}  # fmt: skip
