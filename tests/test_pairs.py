"""helpers.pairs: what counts as a pair, what is kept apart, and the real sets from each source."""

from __future__ import annotations

import hashlib
import json
import os

import pandas as pd
import pytest

from helpers import data, pairs, sources
from helpers.tables import DataError

MIRROR = os.environ.get("COURSE_DATA", "")
PROSE = "It walks over the nodes of the graph one by one and adds up what it finds on the way."


@pytest.fixture(scope="module")
def docs():
    return pairs.docstrings("sample")


# --- one docstring


def test_first_paragraph_and_the_prose_below_it():
    doc = f"Sum up a graph.\n\n{PROSE}\n\nParameters\n----------\ngraph : Graph\n    To sum up."
    assert pairs.divide(doc) == (PROSE, "Sum up a graph.")


@pytest.mark.parametrize("section", ["Args:\n    x: a number", "Returns:\n    it", ":param x: it"])
def test_other_styles_of_sections_end_the_prose(section):
    assert pairs.divide(f"Sum up a graph.\n\n{PROSE}\n\n{section}") == (PROSE, "Sum up a graph.")


def test_code_lists_and_marks_are_no_prose():
    body = f">>> f(1)\n2\n\n- a list\n\n    indented = code\n\n{PROSE} See :func:`~a.b.walk` and ``x``."
    assert pairs.divide(f"Sum up.\nA graph.\n\n{body}") is None  # two sentences
    document, _ = pairs.divide(f"Sum up a graph.\n\n{body}")
    assert document == f"{PROSE} See walk and x."


@pytest.mark.parametrize(
    "doc",
    ["", "Sum up a graph.", f"Sum up\n\n{PROSE}", f"Too short.\n\n{PROSE}", f"No.\n\n{PROSE}",
     "Sum up a graph.\n\nToo short a body.", f"Größe des Graphen nennen.\n\n{PROSE}"],
)  # fmt: skip
def test_what_is_no_pair(doc):
    assert pairs.divide(doc) is None


def test_long_documents_are_cut_at_the_end_of_a_sentence():
    document, _ = pairs.divide("Sum up a graph.\n\n" + " ".join([PROSE] * 20))
    assert document.endswith("way.")
    assert 120 <= len(document.split()) <= 150


def test_sentences():
    found = pairs.sentences("One, e.g. This. Two (2.5)! Is it? (Yes.)\nlast line")
    assert found == ["One, e.g. This.", "Two (2.5)!", "Is it?", "(Yes.)", "last line"]
    assert pairs.sentences("") == []


def test_names_in_words():
    assert pairs.in_words("KMeans.fit_predict") == "K Means fit predict"
    assert pairs.in_words("HTTPError") == "HTTP Error"
    assert pairs.in_words("_") == "_"


# --- the set of docstrings


def test_three_parts_without_a_package_a_summary_or_ten_words_in_common(docs):
    assert len(docs.train) > 1000
    assert min(len(docs.val), len(docs._test)) >= 100
    frames = {"train": docs.train, "val": docs.val, "test": docs._test}
    for one, other in (("train", "val"), ("train", "test"), ("val", "test")):
        a, b = frames[one], frames[other]
        assert not set(a["package"]) & set(b["package"])
        assert not set(a["summary"].str.lower()) & set(b["summary"].str.lower())
        runs = [
            {run for text in frame["document"] for run in data._runs(pairs._key(text))}
            for frame in (a, b)
        ]
        assert not runs[0] & runs[1]


def test_no_duplicates_and_the_promised_columns(docs):
    for frame in (docs.train, docs.val, docs._test):
        assert not frame["summary"].duplicated().any()
        assert not frame["document"].duplicated().any()
        assert [*frame.columns] == [
            "package", "name", "signature", "document", "summary", "summaries"
        ]  # fmt: skip
        assert (frame["summaries"].str[0] == frame["summary"]).all()


def test_no_package_speaks_for_all(docs):
    assert docs._test["package"].value_counts().max() <= pairs.MOST_OF_ONE["test"]
    assert docs.train["package"].value_counts().max() <= pairs.MOST_OF_ONE["train"]


def test_leaks_are_found():
    one = pairs.Docstring("a", "a.f", "f()", PROSE, "Sum up a graph.")
    same_summary = pairs.Docstring("b", "b.f", "f()", "Quite another text.", "Sum up a GRAPH.")
    same_run = pairs.Docstring("b", "b.g", "g()", f"And {PROSE.lower()}", "Walk.")
    free = pairs.Docstring("b", "b.h", "h()", "Nothing in common.", "Another line.")
    kept, dropped = pairs._without_shared([same_summary, same_run, free], [one])
    assert (kept, dropped) == ([free], 2)


def test_opening_the_test_part_is_counted(docs):
    before = docs.test_opened
    assert len(docs.test) and docs.test_opened == before + 1


def test_too_few_packages_is_said(monkeypatch):
    monkeypatch.setattr(pairs, "PACKAGES", {"train": "no_such", "val": "no_such", "test": "none_"})
    pairs._docstrings.cache_clear()
    with pytest.raises(sources.Unavailable, match="Too few"):
        pairs.docstrings("sample")
    pairs._docstrings.cache_clear()


# --- SciTLDR and DialogSum


@pytest.mark.parametrize("load", [pairs.scitldr, pairs.dialogsum])
def test_no_sample_is_said_with_a_way_out(load):
    with pytest.raises(sources.Unavailable, match=r"no sample .*docstrings"):
        load("sample")


def test_mirror_and_hub_give_equal_frames():
    mirror = pd.DataFrame({"document": ["A b. C d."], "summaries": [["one", "two"]]})
    hub = pd.DataFrame({"source": [["A b.", "C d."]], "target": [["one", "two"]]})
    pd.testing.assert_frame_equal(pairs._scitldr(mirror, "m"), pairs._scitldr(hub, "h"))
    wide = pd.DataFrame({"dialogue": ["x"], "summary": ["1"], "summary2": ["2"], "summary3": ["3"]})
    long = pd.DataFrame({"dialogue": ["x"] * 3, "summary": ["1", "2", "3"]})
    pd.testing.assert_frame_equal(pairs._dialogsum(wide, "m"), pairs._dialogsum(long, "h"))
    assert pairs._dialogsum(wide, "m")["summaries"][0] == ("1", "2", "3")


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"text": ["x"]}, "no column 'target'"),
        ({"source": [[""]], "target": [["t"]]}, "row 1.*document is empty"),
        ({"source": [["s"]], "target": [[]]}, "row 1.*no summary"),
    ],
)
def test_a_broken_file_is_named(frame, message):
    with pytest.raises(DataError, match=message):
        pairs._scitldr(pd.DataFrame(frame), "the file")


def test_from_a_mirror_with_checksums(tmp_path, monkeypatch):
    (tmp_path / "scitldr").mkdir()
    files = []
    for name in pairs.SCITLDR.mirror.values():
        file = tmp_path / name
        pd.DataFrame({"document": ["A b."], "summaries": [["one"]]}).to_parquet(file)
        files.append({"path": name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()})
    manifest = {"datasets": [{"name": "scitldr", "files": files}]}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    found = pairs.scitldr("mirror")
    assert [len(part) for part in found] == [1, 1, 1]
    file.write_bytes(b"changed")
    with pytest.raises(sources.ChecksumError):
        pairs.scitldr("mirror")


@pytest.mark.real_data
@pytest.mark.skipif(not MIRROR, reason="COURSE_DATA is not set")
def test_the_real_sets(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", MIRROR)
    assert [len(part) for part in pairs.scitldr("mirror")] == [1992, 619, 618]
    talks = pairs.dialogsum("mirror")
    assert len(talks.val) == len(talks.test) == 500
    assert set(talks.test["summaries"].map(len)) == {3}
