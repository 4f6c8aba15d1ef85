"""The labelled texts with personal data are what their card says."""

import collections
import importlib.util
import ipaddress
import itertools
import json
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "data" / "personal_data.jsonl"
SCRIPT = ROOT / "data" / "make_personal_data.py"
ROWS = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
STRUCTURED = {"email", "phone", "card", "iban", "us_ssn", "cn_mobile", "cn_id", "ip"}
PARTICLES = {
    "al",
    "ben",
    "bin",
    "da",
    "de",
    "del",
    "dos",
    "el",
    "der",
    "ibn",
    "la",
    "le",
    "von",
    "zu",
}
PARTS = ("dev", "test")


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_personal_data", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made(script):
    return script.make()


def spans(rows, *types):
    """(type, marked text) of the entities of these types."""
    return [
        (e["type"], row["text"][e["start"] : e["end"]])
        for row in rows
        for e in row["entities"]
        if e["type"] in types
    ]


def part(split):
    return [row for row in ROWS if row["split"] == split]


def numerals(text):
    return "".join(str(unicodedata.digit(c)) for c in text if c.isdigit())


# Independent of the script: sums written out, not a table.
def luhn_valid(text):
    total = 0
    for place, digit in enumerate(reversed(numerals(text)), 1):
        total += sum(divmod(int(digit) * 2, 10)) if place % 2 == 0 else int(digit)
    return total % 10 == 0


def iban_valid(text):
    text = text.replace(" ", "").upper()
    rest = 0
    for char in text[4:] + text[:4]:
        for digit in char if char.isdigit() else str(ord(char) - 55):
            rest = (rest * 10 + int(digit)) % 97
    return rest == 1


def cn_valid(text):
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(w * int(d) for w, d in zip(weights, text[:17], strict=True))
    return (12 - total % 11) % 11 == (10 if text[17] in "Xx" else int(text[17]))


def test_the_script_makes_the_file_again_byte_for_byte(tmp_path):
    target = tmp_path / "again.jsonl"
    subprocess.run([sys.executable, str(SCRIPT), str(target)], check=True, timeout=120)
    assert target.read_bytes() == FILE.read_bytes()
    assert FILE.stat().st_size <= 400_000


def test_another_seed_makes_other_texts(script, made):
    texts = {row["text"] for row in made}
    others = [row["text"] for row in script.make(seed=1)]
    assert sum(text in texts for text in others) < 50


def test_rows_have_the_fields_and_are_in_order():
    assert [row["id"] for row in ROWS] == [f"p{i:04d}" for i in range(1, 701)]
    for row in ROWS:
        assert list(row) == ["id", "split", "lang", "kind_of_text", "text", "entities"]
        assert row["split"] in PARTS and row["lang"] in ("en", "zh")
        assert not re.search("[«»⟦⟧]", row["text"]), row["id"]
        if row["kind_of_text"] == "json":
            json.loads(row["text"])
    assert len({row["text"] for row in ROWS}) == len(ROWS)


def test_spans_are_sorted_disjoint_and_tight():
    for row in ROWS:
        last = 0
        for e in row["entities"]:
            assert set(e) == {"start", "end", "type"} and e["type"] in STRUCTURED | {"name"}
            assert last <= e["start"] < e["end"] <= len(row["text"]), row["id"]
            marked = row["text"][e["start"] : e["end"]]
            tight = marked.strip(" ,;:<>()[]\"'\n")
            assert marked == tight or e["type"] in ("phone", "cn_mobile"), row["id"]
            assert marked == marked.strip()
            last = e["end"]
        names = [e for e in row["entities"] if e["type"] == "name"]
        for a, b in itertools.pairwise(names):
            between = row["text"][a["end"] : b["start"]]
            assert between.strip(" "), f"one name in two pieces: {row['id']}"


@pytest.mark.parametrize("split", PARTS)
def test_counts(split):
    rows = part(split)
    counts = collections.Counter(kind for kind, _ in spans(rows, *STRUCTURED, "name"))
    assert len(rows) == 350
    assert counts["name"] >= 200
    assert all(counts[kind] >= 25 for kind in STRUCTURED), counts
    assert sum(counts[kind] for kind in STRUCTURED) >= 300
    assert 55 <= sum(not row["entities"] for row in rows) <= 75
    assert sum(row["lang"] == "zh" for row in rows) >= 80
    assert len({row["kind_of_text"] for row in rows}) >= 15


@pytest.mark.parametrize("split", PARTS)
def test_decoys(made, split):
    rows = [row for row in made if row["split"] == split]
    decoys = [row["text"][a:b] for row in rows for a, b, _ in row["decoys"]]
    assert len(decoys) >= len(spans(rows, *STRUCTURED))
    assert sum(bool(row["decoys"]) for row in rows) >= len(rows) / 3
    kinds = collections.defaultdict(list)
    for row in rows:
        for a, b, kind in row["decoys"]:
            kinds[kind].append(row["text"][a:b])
            assert all(b <= e["start"] or e["end"] <= a for e in row["entities"]), row["id"]
            if 13 <= len(numerals(row["text"][a:b])) <= 19:
                assert not luhn_valid(row["text"][a:b]), row["id"]
    assert len(kinds["badcard"]) >= 10 and all(len(numerals(x)) == 16 for x in kinds["badcard"])
    assert len(kinds["badcnid"]) >= 10 and all(len(x) == 18 for x in kinds["badcnid"])
    assert not any(map(cn_valid, kinds["badcnid"]))
    assert len(kinds["badiban"]) >= 5 and not any(map(iban_valid, kinds["badiban"]))
    assert len(kinds["badssn"]) >= 3
    for text in kinds["badssn"]:
        assert not ssn_possible(text), text
    for text in kinds["num11"]:
        assert len(text) == 11 and not re.fullmatch("1[3-9].*", text)


def ssn_possible(text):
    area, group, serial = re.fullmatch(r"(\d{3})[- ]?(\d\d)[- ]?(\d{4})", text).groups()
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def test_numbers_are_valid():
    for kind, text in spans(ROWS, *STRUCTURED):
        if kind == "card":
            assert 14 <= len(numerals(text)) <= 16 and luhn_valid(text), text
        elif kind == "iban":
            assert iban_valid(text), text
        elif kind == "cn_id":
            plain = text.replace(" ", "")
            assert len(plain) == 18 and cn_valid(plain), text
        elif kind == "us_ssn":
            assert ssn_possible(text), text
        elif kind == "cn_mobile":
            assert re.fullmatch(r"(0?086|86)?1[3-9]\d{9}", numerals(text)), text
        elif kind == "ip":
            ipaddress.ip_address(text)
        elif kind == "phone":
            assert 7 <= len(numerals(text)) <= 15, text
            assert re.fullmatch(r"[\d+(). /x\-ext]+", text), text
        elif kind == "email" and "@" in text:
            assert re.fullmatch(
                r"[\w.+-]+@([\w-]+\.)+(example|test|com|net|org)", text, re.IGNORECASE
            )
            if not re.search(r"\.(example|test)$", text, re.IGNORECASE):
                assert re.search(r"\bexample\.(com|net|org)$", text, re.IGNORECASE), text


def test_forms_vary():
    cards = [t for _, t in spans(ROWS, "card")]
    assert all(any(mark in t for t in cards) for mark in (" ", "-", "\n"))
    assert any(t.isdigit() for t in cards)
    assert any(t[17:18] == "X" for _, t in spans(ROWS, "cn_id"))
    assert any(t.endswith("x") for _, t in spans(ROWS, "cn_id"))
    assert any("１" in t for _, t in spans(ROWS, "cn_mobile"))  # noqa: RUF001
    assert {4, 6} == {ipaddress.ip_address(t).version for _, t in spans(ROWS, "ip")}
    names = [t for _, t in spans(ROWS, "name")]
    assert sum(t.islower() for t in names) >= 10 and sum(t.isupper() for t in names) >= 10


def test_identifiers_never_repeat():
    found = [re.sub(r"\W", "", t).lower() for _, t in spans(ROWS, *STRUCTURED)]
    assert len(set(found)) == len(found)


def test_frames_are_many_and_disjoint(script):
    keys = list(itertools.product(("en", "zh"), (True, False)))
    texts = {s: [f for lang, full in keys for _, f in script.frames(s, lang, full)] for s in PARTS}
    for lang, least in (("en", 120), ("zh", 40)):
        assert sum(len(script.frames(s, lang, f)) for s in PARTS for f in (True, False)) >= least
    every = texts["dev"] + texts["test"]
    assert len(set(every)) == len(every)

    def runs(frame):
        """Runs of six words, or of eight Chinese characters, between two slots."""
        for piece in re.split("«[^»]*»", frame.lower()):
            words = re.findall(r"[a-z']+", piece)
            yield from (tuple(words[i : i + 6]) for i in range(len(words) - 5))
            han = "".join(re.findall("[一-龥]", piece))
            yield from (han[i : i + 8] for i in range(len(han) - 7))

    dev, test = ({r for frame in texts[s] for r in runs(frame)} for s in PARTS)
    assert len(dev) > 100 and len(test) > 100
    assert not dev & test


def test_names_and_domains_are_disjoint():
    seen = {}
    for split in PARTS:
        whole = [t.casefold() for _, t in spans(part(split), "name")]
        tokens = {w for t in whole for w in re.findall(r"\w{2,}", t)} | set(whole)
        seen[split] = tokens - PARTICLES
    assert len(seen["dev"]) > 150 and len(seen["test"]) > 150
    assert not seen["dev"] & seen["test"]
    domains = [
        {t.lower().split("@")[1] for _, t in spans(part(s), "email") if "@" in t} for s in PARTS
    ]
    assert all(domains) and not domains[0] & domains[1]


def test_nothing_plain_was_left_unmarked(made):
    """Outside entities and decoys no address, long number or valid identifier stands."""
    for row in made:
        rest = list(row["text"])
        for a, b in [(e["start"], e["end"]) for e in row["entities"]] + [
            d[:2] for d in row["decoys"]
        ]:
            rest[a:b] = "\0" * (b - a)
        rest = "".join(rest)
        assert not re.search(r"\w@\w|(\d[ -]?){9}|\d+\.\d+\.\d+\.\d+|[0-9a-f]::", rest), row["id"]


def test_the_card_has_the_counts():
    card = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    card = card.split("## personal_data.jsonl")[1].split("\n## ")[0]
    for kind in sorted(STRUCTURED | {"name"}):
        counts = [len(spans(part(split), kind)) for split in PARTS]
        assert f"| {kind} | {counts[0]} | {counts[1]} |" in card, (kind, counts)
    empty = [sum(not row["entities"] for row in part(split)) for split in PARTS]
    assert f"| texts without any | {empty[0]} | {empty[1]} |" in card
