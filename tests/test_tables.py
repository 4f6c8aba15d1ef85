"""helpers.tables: files of all kinds are read right or refused in words; cleaning; near duplicates."""

from __future__ import annotations

import csv
import gzip
import io
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers import data, sources, tables

MIRROR = os.environ.get("COURSE_DATA", "")
GOOD = "text,label\ngood,1\nbad,0\n"
EXPECTED = {"text": ["good", "bad"], "label": [1, 0]}
ONE = {"text": ["good"], "label": [1]}


def parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


# The kinds of broken input: the bytes of a file, and either what is read or what is told.
READ = {
    "as it should be": (GOOD, EXPECTED),
    "one row": ("text,label\ngood,1\n", ONE),
    "no line end": ("text,label\ngood,1", ONE),
    "Windows line ends": (GOOD.replace("\n", "\r\n"), EXPECTED),
    "old Macintosh line ends": (GOOD.replace("\n", "\r"), EXPECTED),
    "blank lines": ("\n\ntext,label\n\ngood,1\n  \nbad,0\n\n", EXPECTED),
    "semicolons": (GOOD.replace(",", ";"), EXPECTED),
    "tabs": (GOOD.replace(",", "\t"), EXPECTED),
    "bars": (GOOD.replace(",", "|"), EXPECTED),
    "Excel's line sep=": ("sep=;\r\n" + GOOD.replace(",", ";"), EXPECTED),
    "byte-order mark": (b"\xef\xbb\xbf" + GOOD.encode(), EXPECTED),
    "UTF-16": (GOOD.encode("utf-16"), EXPECTED),
    "UTF-16, big end first": (b"\xfe\xff" + GOOD.encode("utf-16-be"), EXPECTED),
    "UTF-32": (GOOD.encode("utf-32"), EXPECTED),
    "gzip under a false name": (gzip.compress(GOOD.encode()), EXPECTED),
    "Parquet under a false name": (parquet(pd.DataFrame(EXPECTED)), EXPECTED),
    "Parquet inside gzip": (gzip.compress(parquet(pd.DataFrame(EXPECTED))), EXPECTED),
    "labels as words": ("text,label\ngood,Positive\nbad,neg\n", EXPECTED),
    "labels as the names": ("text,label\ngood,favourable\nbad,unfavourable\n", EXPECTED),
    "labels as floats": ("text,label\ngood,1.0\nbad,0.00\n", EXPECTED),
    "labels between blanks": ("text,label\ngood, 1 \nbad,\t0\n", EXPECTED),
    "an index column of pandas": (",text,label\n0,good,1\n1,bad,0\n", EXPECTED),
    "quoted header": ('"text";"label"\n"good";"1"\nbad;0\n', EXPECTED),
    "commas, quotes and lines in a text": (
        'text,label\n"a, ""b""\nc",1\n', {"text": ['a, "b"\nc'], "label": [1]}
    ),
    "a quote inside a word": ('text,label\n5" screen,1\n', {"text": ['5" screen'], "label": [1]}),
    "Chinese, accents and emoji": (
        "text,label\n好看 café \U0001f600,1\n", {"text": ["好看 café \U0001f600"], "label": [1]}
    ),
    "a field of 10 MB": (
        "text,label\n" + "word " * 2_000_000 + ",1\n", {"text": ["word " * 2_000_000], "label": [1]}
    ),
}  # fmt: skip
TOLD = {
    "empty": (b"", ": the file is empty. Its first line must be: text,label"),
    "a mark alone": (b"\xef\xbb\xbf", ": the file is empty."),
    "nothing inside gzip": (gzip.compress(b""), ": the file is empty."),
    "header only": ("text,label\n", ": the file has a header and no rows."),
    "no header": ("good,1\nbad,0\n", ": there is no header: the first line is a row already."),
    "other names": ("review,sentiment\ngood,1\n", ": no column 'text'. There is: 'review', 'sent"),
    "duplicated columns": ("text,label,label\ngood,1,0\n", ": column 'label' is there more than"),
    "wrong delimiter below": ("text,label\ngood;1\n", ", row 1 (line 2): 1 fields, but the header"),
    "a comma without quotes": ("text,label\ngood, long,1\n", ", row 1 (line 2): 3 fields, but"),
    "a semicolon without quotes": ("text;label\na;b;1\n", ", row 1 (line 2): 3 fields, but the"),
    "unbalanced quotes": (
        'text,label\ngood,1\n"bad,0\n',
        ", row 2 (line 3): not valid CSV: a doub",
    ),
    "a quote closed too early": (
        'text,label\n"a"b,1\n',
        ", row 1 (line 2): not valid CSV: ',' exp",
    ),
    "Latin-1": (
        "text,label\ncafé,1\n".encode("latin-1"),
        ", row 1 (line 2): the encoding is wrong",
    ),
    "UTF-16 without its mark": (GOOD.encode("utf-16-le"), " (line 1): a null byte, which no text"),
    "UTF-16 cut short": (GOOD.encode("utf-16")[:-1], ": this is not utf-16: truncated data at"),
    "null bytes": ("text,label\ngood,1\nb\0d,0\n", ", row 2 (line 3): a null byte, which no text"),
    "labels as other words": ("text,label\ngood,fine\n", ", row 1 (line 2): the label is 'fine';"),
    "labels as fractions": ("text,label\ngood,0.5\n", ", row 1 (line 2): the label is '0.5'; it"),
    "labels missing": ("text,label\ngood,\n", ", row 1 (line 2): the label is missing; it must be"),
    "three classes": ("text,label\na,0\nb,1\nc,2\n", ", row 3 (line 4): the label is '2'; it must"),
    "classes -1 and 1": ("text,label\ngood,-1\n", ", row 1 (line 2): the label is '-1'; it must"),
    "text missing": ("text,label\n ,1\n", ", row 1 (line 2): the text is missing."),
    "gzip cut short": (gzip.compress(GOOD.encode())[:-9], ": compressed (gzip) and damaged or cut"),
    "gzip of gzip": (gzip.compress(gzip.compress(b"x")), ": this is compressed twice."),
    "zip or Excel": (b"PK\x03\x04....", ": this is an Excel or zip file."),
    "bzip2": (b"BZh91AY&SY", ": this is compressed in a way that is not read here."),
    "an HTML error page": ("\n <!DOCTYPE html><title>404</title>", ": this is a web page, not the"),
    "JSON": ('{"error": "not found"}', ": this is JSON."),
    "a pointer of Git LFS": (
        "version https://git-lfs.github.com/spec/v1\n",
        ": this is a pointer of",
    ),
    "a pickle": (b"\x80\x04\x95\x0b\0\0", ": this is a pickle, which runs code when it is opened."),
    "an Arrow file": (b"ARROW1\0\0", ": this is an Arrow file."),
    "Parquet cut short": (parquet(pd.DataFrame(EXPECTED))[:-7], ": a Parquet file that is damaged"),
    "Parquet, a list as text": (
        parquet(pd.DataFrame({"text": [["a"]], "label": [1]})),
        ", row 1: the text is no text but ['a']",
    ),
    "Parquet, a date as label": (
        parquet(pd.DataFrame({"text": ["a"], "label": [pd.Timestamp("2026-01-01")]})),
        ", row 1: the label is ",
    ),
}


def write(folder: Path, content: str | bytes, name: str = "mine.csv") -> Path:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def told(given: object, **options) -> str:
    """The message for an input that is refused, without the file that it must begin with."""
    with pytest.raises(tables.DataError) as error:
        tables.read(given, **options)
    assert str(error.value).startswith(error.value.file)
    return str(error.value).removeprefix(str(given))


# --- the kinds, one by one


def test_the_kinds_are_many():
    assert len(READ) + len(TOLD) >= 30 and len(TOLD) >= 25


@pytest.mark.parametrize("kind", READ)
def test_read_right(kind, tmp_path):
    content, expected = READ[kind]
    frame = tables.read(write(tmp_path, content))
    pd.testing.assert_frame_equal(frame, tables.make(expected["text"], expected["label"], "here"))
    assert list(frame.columns) == ["text", "label"] and frame["label"].dtype == "int64"


@pytest.mark.parametrize("kind", TOLD)
def test_refused_in_words(kind, tmp_path):
    content, message = TOLD[kind]
    assert told(write(tmp_path, content)).startswith(message)


def test_what_a_file_is_like_is_told(tmp_path):
    _, look = tables.read_and_look(write(tmp_path, gzip.compress(GOOD.replace(",", ";").encode())))
    assert look == tables.Look("csv", compressed=True, encoding="utf-8", delimiter=";")
    _, look = tables.read_and_look(write(tmp_path, READ["Parquet under a false name"][0]))
    assert look == tables.Look("parquet")


def test_an_old_encoding_is_read_when_it_is_named(tmp_path):
    file = write(tmp_path, "text,label\ncafé,1\n".encode("windows-1252"))
    assert tables.read(file, encoding="windows-1252")["text"].tolist() == ["café"]
    assert told(file, encoding="klingon").startswith(": encoding='klingon' is none that Python")
    assert told(file, encoding="ascii").startswith(": this is not ascii: ordinal not in range")


def test_a_delimiter_is_taken_when_it_is_named(tmp_path):
    file = write(tmp_path, "text^label\ngood^1\n")
    assert tables.read(file, delimiter="^")["text"].tolist() == ["good"]
    for wrong in ('"', "\n", "::"):
        assert "is not one character" in told(file, delimiter=wrong)


def test_lines_are_counted_as_an_editor_does(tmp_path):
    file = write(tmp_path, 'sep=;\n\ntext;label\n"two\nlines";1\nbad;7\n')
    assert told(file).startswith(", row 2 (line 6): the label is '7'")


def test_more_classes_when_the_schema_has_them(tmp_path):
    file = write(tmp_path, "text,label\na,World\nb,2\nc,sport\n")
    news = tables.Schema(names=("world", "sport", "business"))
    assert tables.read(file, news)["label"].tolist() == [0, 2, 1]
    file = write(tmp_path, "text,label\na,3\n")
    assert told(file, schema=news) == (
        ", row 1 (line 2): the label is '3'; it must be 0 (world), 1 (sport) or 2 (business)."
    )


# --- what is no file


def test_a_folder_a_missing_file_and_a_name_that_is_none(tmp_path):
    write(tmp_path, GOOD)
    assert told(tmp_path) == (": this is a folder; the name of a file is needed. In it: mine.csv.")
    assert "Did you mean 'mine.csv'?" in told(tmp_path / "mina.csv")
    assert "there is no folder" in told(tmp_path / "no" / "mine.csv")
    for wrong in (None, 3, b"a.csv", "~nobody-here/a.csv"):
        assert "not the name of a file" in told(wrong)
    assert "cannot be read" in told("a\0b.csv")
    assert "cannot be read" in told(tmp_path / ("x" * 5000))
    assert told(tmp_path / "mine.csv" / "x.csv").startswith(": ")


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes are made otherwise there")
def test_links_and_pipes(tmp_path):
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    assert told(tmp_path / "loop.csv").startswith(": a symbolic link that leads back to itself.")
    (tmp_path / "lost.csv").symlink_to(tmp_path / "gone.csv")
    assert "gone.csv, which is not there" in told(tmp_path / "lost.csv")
    (tmp_path / "good.csv").symlink_to(write(tmp_path, GOOD))
    assert len(tables.read(tmp_path / "good.csv")) == 2
    os.mkfifo(tmp_path / "pipe.csv")
    assert told(tmp_path / "pipe.csv").startswith(": this is a device or a pipe.")
    assert told("/dev/zero").startswith(": this is a device or a pipe.")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read anything")
def test_a_file_that_one_may_not_read(tmp_path):
    file = write(tmp_path, GOOD)
    file.chmod(0)
    assert told(file).startswith(": you may not read this file.")


def test_a_file_too_large_and_one_that_unpacks_to_more(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "LARGEST", 1000)
    assert "datasets.load_dataset" in told(write(tmp_path, "text,label\n" + "a,1\n" * 500))
    small = gzip.compress(b"text,label\n" + b"a,1\n" * 500)
    assert len(small) < 1000 and "datasets.load_dataset" in told(write(tmp_path, small))


# --- any bytes, any table


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda t: f"text,label\n{t}".encode())
       | st.tuples(st.sampled_from([c for c, _ in TOLD.values()] + [GOOD]), st.binary(max_size=8),
                   st.integers(0, 60)).map(lambda t: spliced(*t)))  # fmt: skip
def test_any_bytes_are_read_or_refused_in_words(tmp_path, content):
    file = write(tmp_path, content)
    try:
        frame = tables.read(file)
    except tables.DataError as error:
        assert str(error).startswith(str(file)) and len(str(error)) > len(str(file)) + 15
    else:
        assert len(frame) and set(frame["label"]) <= {0, 1}
        assert all(type(text) is str and text.strip() for text in frame["text"])
    assert [p.name for p in tmp_path.iterdir()] == ["mine.csv"]


def spliced(content: str | bytes, more: bytes, at: int) -> bytes:
    """Bytes put into the middle of a file."""
    content = content if isinstance(content, bytes) else content.encode()
    return content[:at] + more + content[at:]


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), min_size=1)
ROWS = st.lists(st.tuples(TEXTS.filter(str.strip), st.integers(0, 1)), min_size=1, max_size=8)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ROWS, st.sampled_from(",;\t|"), st.sampled_from(["\n", "\r\n"]),
       st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]), st.booleans(),
       st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))  # fmt: skip
def test_what_csv_writes_is_read_back(tmp_path, rows, delimiter, ending, encoding, zipped, quoting):
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator=ending, quoting=quoting)
    writer.writerows([("text", "label"), *rows])
    content = buffer.getvalue().encode(encoding)
    frame = tables.read(write(tmp_path, gzip.compress(content) if zipped else content))
    assert list(zip(frame["text"], frame["label"], strict=True)) == rows


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ROWS, st.data())
def test_a_bad_label_is_named_with_its_row(tmp_path, rows, draw):
    bad = draw.draw(st.integers(1, len(rows)))
    frame = pd.DataFrame(rows, columns=["text", "label"]).astype({"label": object})
    frame.loc[bad - 1, "label"] = "?"
    with pytest.raises(tables.DataError) as error:
        tables.read(write(tmp_path, frame.to_csv(index=False)))
    assert error.value.row == bad and "the label is '?'" in str(error.value)


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
       | st.decimals() | st.dates() | st.lists(st.integers()) | st.just(pd.NA) | st.just(pd.NaT)
       | st.integers(-5, 5).map(np.int8) | st.floats(width=32).map(np.float32))  # fmt: skip
def test_any_value_is_a_label_or_none(value):
    number = tables.REVIEWS.number(value)
    assert number in (None, 0, 1)
    if number is not None and not isinstance(value, str):
        assert value == number


# --- checking and cleaning


def test_a_frame_is_checked():
    frame = pd.DataFrame({"label": ["pos", "0"], "text": ["a", "b"], "more": [1, 2]})
    pd.testing.assert_frame_equal(
        tables.check(frame, "mine"), pd.DataFrame({"text": ["a", "b"], "label": [1, 0]})
    )
    for broken, message in {
        "no column": frame[["text"]],
        "more than once": pd.DataFrame([["a", "b", 1]], columns=["text", "text", "label"]),
        "a header and no rows": frame[:0],
        "row 1: the text is no text but 3": frame.assign(text=3),
        "row 2: the text is missing": frame.assign(text=["a", None]),
        "row 2: the text holds a null": frame.assign(text=["a", "b\0"]),
        "row 2: the text holds half a character": frame.assign(
            text=pd.Series(["a", "b\ud800"], dtype=object)
        ),
        "row 1: the label is": frame.assign(label=9),
    }.items():
        with pytest.raises(tables.DataError, match=f"^mine.*{broken}"):
            tables.check(message, "mine")


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("Great.<br /><br />See it!", "Great.\n\nSee it!"),
        ("<I>Never</I> dull<BR>at all", "Never dull\nat all"),
        ("Tom &amp; Jerry &quot;live&quot;", 'Tom & Jerry "live"'),
        ("&amp;lt;br /&amp;gt;twice", "twice"),
        ("caf\x92s\x85", "caf\u2019s\u2026"),
        ("cafe\u0301", "caf\u00e9"),
        ("  a \t b\u00a0c \n\n\n\n d ", "a b c\n\nd"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("I don't love it: 2/10, 5 < 7 > 3", "I don't love it: 2/10, 5 < 7 > 3"),
        ("这部电影很好 café", "这部电影很好 café"),
        ("a <3 for the cast and <nothing> more", "a <3 for the cast and <nothing> more"),
        ("half \ud800 a character", "half ? a character"),
    ],
)
def test_a_text_is_cleaned_and_keeps_its_words(dirty, clean):
    assert tables.clean_text(dirty) == clean


@settings(max_examples=300, deadline=None)
@given(st.text() | st.lists(st.sampled_from(
    ["<br />", "&amp;", "&lt;", "br", ">", "<", "\x85", "\x81", " ", "\n", "e\u0301", "a", "&#0;"]
)).map("".join))  # fmt: skip
def test_cleaning_twice_is_cleaning_once(text):
    once = tables.clean_text(text)
    assert tables.clean_text(once) == once or "&" in once
    assert "\0" not in once and "<br />" not in once and once == once.strip()


def test_a_table_is_cleaned_and_what_was_dropped_is_told():
    frame = pd.DataFrame(
        {
            "text": ["fine", "fine<br />", "<br />", "so so", "so so ", "dull"],
            "label": [1, 1, 0, 0, 1, 0],
        }
    )
    before = frame.copy()
    found = tables.clean(frame)
    assert found.frame.to_dict("list") == {"text": ["fine", "dull"], "label": [1, 0]}
    assert found.counts == {"rewritten": 3, "empty": 1, "contradictory": 2, "doubles": 1}
    assert found.dropped["why"].to_dict() == {1: "doubles", 2: "empty", 3: "contradictory",
                                              4: "contradictory"}  # fmt: skip
    pd.testing.assert_frame_equal(frame, before)
    with pytest.raises(tables.DataError, match="no row is left"):
        tables.clean(pd.DataFrame({"text": ["<br>"], "label": [1]}))
    with pytest.raises(tables.DataError, match="the table, row 1: the text is missing"):
        tables.clean(pd.DataFrame({"text": [None], "label": [1]}))


@settings(max_examples=100, deadline=None)
@given(ROWS)
def test_cleaning_any_table_leaves_a_sound_one_or_says_why(rows):
    frame = pd.DataFrame(rows, columns=["text", "label"])
    try:
        found = tables.clean(frame)
    except tables.DataError as error:
        assert "no row is left" in str(error)
    else:
        assert not found.frame["text"].duplicated().any()
        assert len(found.frame) + len(found.dropped) == len(frame)
        pd.testing.assert_frame_equal(tables.check(found.frame, "again"), found.frame)


# --- near duplicates

pytest.importorskip("datasketch")


def test_planted_near_duplicates_are_found_and_no_others():
    texts = data.read_reviews(sources.path("imdb.csv"))["text"].tolist()
    assert tables.near_duplicates(texts).empty
    long = [text for text in texts if len(text.split()) > 60][:20]
    edited = [" ".join(text.split()[2:-1]) + " Really." for text in long]
    pairs = tables.near_duplicates(texts + edited)
    assert {(texts.index(text), len(texts) + i) for i, text in enumerate(long)} == set(
        zip(pairs["first"], pairs["second"], strict=True)
    )
    assert pairs["similarity"].between(0.5, 0.999).all()
    assert pairs["similarity"].is_monotonic_decreasing


def test_similarity_is_measured_and_case_and_marks_do_not_count():
    texts = ["One two three four.", "one TWO, three: four!", "one two three five", "", ""]
    pairs = tables.near_duplicates(texts, threshold=0.3)
    assert pairs.to_dict("split")["data"] == [
        [0, 1, 1.0], [3, 4, 1.0], [0, 2, 1 / 3], [1, 2, 1 / 3]
    ]  # fmt: skip
    assert tables.near_duplicates([], 0.5).empty and tables.near_duplicates(["a"], 1).empty
    for wrong in (0, -1, 1.1):
        with pytest.raises(tables.DataError, match="is no share"):
            tables.near_duplicates(texts, wrong)


def test_without_the_library_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasketch", None)
    with pytest.raises(tables.DataError, match="pip install datasketch"):
        tables.near_duplicates(["a", "b"])


def test_rows_linked_by_pairs_share_a_group():
    pairs = pd.DataFrame({"first": [0, 1, 4], "second": [1, 3, 5], "similarity": 1.0})
    groups = tables.clusters(pairs, 6)
    assert groups[0] == groups[1] == groups[3] and groups[4] == groups[5]
    assert len(set(groups)) == 3 and groups.dtype == np.int64
    assert len(set(tables.clusters(pairs[:0], 3))) == 3


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.skipif(not MIRROR, reason="COURSE_DATA is not set")
def test_the_real_set_has_the_doubles_that_are_known(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", MIRROR)
    train, test = data.imdb("mirror")
    pairs = tables.near_duplicates([*train["text"], *test["text"]])
    across = pairs[(pairs["first"] < 25_000) & (pairs["second"] >= 25_000)]
    equal = {train["text"][i] for i, j in zip(across["first"], across["second"], strict=True)
             if train["text"][i] == test["text"][j - 25_000]}  # fmt: skip
    assert len(equal) == 123 and len(across) > 123
