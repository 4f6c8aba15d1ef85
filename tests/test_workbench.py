"""The table of frameworks, data sets, tools and communities: each row complete, with a source."""

from __future__ import annotations

import csv
import re
from collections import Counter

import pytest

from helpers import sources
from tools import notebooks

COLUMNS = [
    "kind",
    "name",
    "year",
    "needs",
    "good_at",
    "bad_at",
    "terms",
    "since",
    "source",
    "checked",
]
KINDS = ["framework", "data set", "tool", "community"]
NEEDS = {
    "learn the basics", "train networks", "train at scale", "deploy a model", "follow research",
    "tables and baselines", "classify texts", "use a trained model", "fine-tune a model",
    "recognise images", "recognise speech", "translate", "test a language model",
    "pretrain a language model", "write and share notebooks", "find data and models",
    "watch training", "profile code", "run experiments", "keep versions", "help with an error",
    "report a bug", "discuss ideas",
}  # fmt: skip
ASKED_FOR = {
    "IMDB reviews", "CIFAR-10", "MNIST", "GitHub issues", "Stack Overflow", "Hugging Face forums",
    "TensorFlow", "Keras", "PyTorch", "JAX", "TensorBoard", "papermill",
}  # fmt: skip
CHECKED = re.compile(r"20\d\d-\d\d: (stored copy|general knowledge)")


def read():
    with open(sources.path("workbench.csv"), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def complaints(rows):
    """Whatever is wrong with a table, in words."""
    for row in rows:
        name = row["name"]
        if list(row) != COLUMNS:
            yield f"{name}: columns {list(row)}"
        for column in set(COLUMNS) - {"since", "year"}:
            if not row[column] or row[column] != row[column].strip():
                yield f"{name}: {column} is {row[column]!r}"
        if row["kind"] not in KINDS:
            yield f"{name}: kind {row['kind']!r}"
        if row["year"] and not 1990 <= int(row["year"]) <= 2026:
            yield f"{name}: year {row['year']}"
        for need in row["needs"].split("; "):
            if need not in NEEDS:
                yield f"{name}: need {need!r}"
        if not re.fullmatch(r"https://[\w.-]+\.\w+(/\S*)?", row["source"]):
            yield f"{name}: source {row['source']!r}"
        if not CHECKED.fullmatch(row["checked"]):
            yield f"{name}: checked {row['checked']!r}"
        if "|" in "".join(row.values()):
            yield f"{name}: a bar would break the table of the notebook"
    for name, count in Counter(row["name"].casefold() for row in rows).items():
        if count > 1:
            yield f"{name} twice"


def test_every_row_is_complete():
    assert list(complaints(read())) == []


@pytest.mark.parametrize(
    "column, value",
    [("bad_at", ""), ("kind", "thing"), ("year", "1066"), ("needs", "learn the basics; fame"),
     ("source", "example.org"), ("checked", "yes"), ("good_at", "a | b"), ("name", "keras"),
     ("terms", " MIT")],
)  # fmt: skip
def test_a_broken_row_is_found(column, value):
    rows = read()
    rows[0][column] = value
    assert any(True for _ in complaints(rows))


def test_it_holds_what_the_course_names_and_serves_every_need():
    rows = read()
    assert {row["name"] for row in rows} >= ASKED_FOR
    assert Counter(row["kind"] for row in rows).keys() == set(KINDS)
    assert {need for row in rows for need in row["needs"].split("; ")} == NEEDS
    reddit = [row for row in rows if "Reddit" in row["name"] or "Mailing" in row["name"]]
    assert len(reddit) == 2 and {row["kind"] for row in reddit} == {"community"}


SINCE = re.compile(r"(?P<name>[^;()]+) \((?P<year>\d{4})\)")


def too_old(rows):
    """Sets that are said to have come since and are no younger, or have no year."""
    for row in rows:
        for entry in filter(None, row["since"].split("; ")):
            found = SINCE.fullmatch(entry)
            if not found or int(found["year"]) <= int(row["year"]):
                yield f"{row['name']} ({row['year']}): {entry}"


def test_what_has_come_since_is_younger():
    rows = read()
    assert list(too_old(rows)) == []
    years = {row["name"]: row["year"] for row in rows}
    for row in rows:
        for found in SINCE.finditer(row["since"]):
            name = found["name"].removeprefix("; ").strip()
            assert years.get(name, found["year"]) == found["year"], f"two years for {name}"
    rows[0].update(name="New", year="2017", since="Old (2009)")
    rows[1].update(name="New", year="2017", since="Undated")
    assert len(list(too_old(rows))) == 2


def test_the_classic_sets_name_what_has_come_since():
    rows = {row["name"]: row for row in read()}
    for name in ("IMDB reviews", "CIFAR-10", "MNIST", "GLUE", "MMLU", "The Pile"):
        assert rows[name]["since"], name


def test_the_card_tells_its_size_and_how_it_was_checked():
    card = (notebooks.ROOT / "data" / "README.md").read_text("utf-8")
    section = card.partition("## workbench.csv")[2].partition("\n## ")[0]
    rows = read()
    kinds = Counter(row["kind"] for row in rows)
    assert f"{len(rows)} rows" in section
    for kind, words in zip(KINDS, ("frameworks", "data sets", "tools", "communities"), strict=True):
        assert f"{kinds[kind]} {words}" in section
    looked = sum("stored copy" in row["checked"] for row in rows)
    assert f"for {looked} rows" in section
    for column in COLUMNS:
        assert f"`{column}`" in section
