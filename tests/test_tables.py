"""helpers.tables: files of all kinds are read right or refused in words; cleaning; near duplicates."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import pickle
import re
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
    "JSON over several lines": ('[\n  {"text": "good"}\n]', ": this is JSON."),
    "an error page in XML": ("<Error><Code>AccessDenied</Code>", ": this is a web page, not the"),
    "a web page saved by a browser": ("<!-- saved from -->\n<html>", ": this is a web page, not"),
    "a web page in UTF-16": ("<!DOCTYPE html>".encode("utf-16"), ": this is a web page, not the"),
    "another pickle": (b"\x80\x05\x95\x0b\0\0", ": this is a pickle, which runs code when it is"),
    "a picture": (b"\x89PNG\r\n\x1a\n\0", ": this is a picture. Give the file of the table"),
    "an array": (b"\x93NUMPY\x01\0", ": this is an array of NumPy. Load it with numpy.load"),
    "an archive": (b"a.csv".ljust(257, b"\0") + b"ustar\0", ": this is an archive of several"),
    "a file Git could not merge": ("<<<<<<< HEAD\n" + GOOD, ": this is a file that Git could not"),
    "a title above the header": ("My reviews\n\n" + GOOD, ": no column 'text'. There is: 'My rev"),
    "the header twice": (GOOD + GOOD, ", row 3 (line 4): the header stands here once more."),
    "another delimiter": (GOOD.replace(",", "~"), ": no column 'text'. There is: 'text~label'."),
    "the wrong line sep=": ("sep=;\n" + GOOD, ": no column 'text'. There is: 'text,label'. Its co"),
    "a line sep= that is none": ('sep="\n' + GOOD, ": delimiter='\"' cannot be one."),
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


# How each message ends: with what to do. ("It must be text,label" is what to do, too.)
MEND = re.compile(
    r"\b(Ask|Close|Convert|Copy|Correct|Decompress|Double|Download|Export|Fetch|Fill|Get|Give|give|"
    r"Leave|Load|Make|Open|Point|Put|Read|Rename|Save|Set|Take|Try|Check|take out|"
    r"Unpack|Two are needed|Did you mean|must stand in double quotes|first line must be)\b"
)


def write(folder: Path, content: str | bytes, name: str = "mine.csv") -> Path:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def told(given: object, **options) -> str:
    """The message for an input that is refused, without the file that it must begin with."""
    with pytest.raises(tables.DataError) as error:
        tables.read(given, **options)
    assert str(error.value).startswith(error.value.file)
    assert MEND.search(str(error.value).removeprefix(str(given))), f"no mend: {error.value}"
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
    for wrong in ("klingon", 3, "utf-8\0", "hex"):
        assert told(file, encoding=wrong).startswith(f": encoding={wrong!r} is none that Python")
    assert told(file, encoding="ascii").startswith(": this is not ascii: ordinal not in range")


def test_a_delimiter_is_taken_when_it_is_named(tmp_path):
    file = write(tmp_path, "text^label\ngood^1\n")
    assert tables.read(file, delimiter="^")["text"].tolist() == ["good"]
    for wrong in ('"', "\n", "::", "\0", 3, b";"):
        assert told(file, delimiter=wrong).startswith(f": delimiter={wrong!r} cannot be one.")
    assert "separated by '^'" not in told(file) and "Give delimiter='^'." in told(file)
    assert "separated by ','" in told(write(tmp_path, GOOD), delimiter=";")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_a_mark_is_no_part_of_a_name_when_the_encoding_is_named(encoding, tmp_path):
    file = write(tmp_path, ("\ufeff" + GOOD).encode(encoding))
    assert tables.read(file, encoding=encoding)["text"].tolist() == ["good", "bad"]


def test_where_a_wrong_byte_is_found_in_every_way_of_writing(tmp_path):
    for before in ('sep=;\n\ntext;label\n"two\nlines";1\n', "text\tlabel\r\r\r\rgood\t1\r"):
        file = write(tmp_path, before.encode() + "café;0\n".encode("latin-1"))
        assert told(file).startswith(", row 2 (line 6): the encoding is wrong: byte 0xe9")


def test_an_address_is_no_file():
    for wrong in ("https://example.org/a.csv", "hf://datasets/imdb/a.parquet"):
        assert told(wrong).startswith(": this is an address. Download the file,")


def test_a_file_that_the_memory_does_not_hold(tmp_path, monkeypatch):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr(tables, "_csv", full)
    assert told(write(tmp_path, GOOD)).startswith(": the memory here does not hold it. Read it")


def test_a_schema_has_classes():
    with pytest.raises(ValueError, match="needs the names of its classes"):
        tables.Schema(names=())


def test_lines_are_counted_as_an_editor_does(tmp_path):
    file = write(tmp_path, 'sep=;\n\ntext;label\n"two\nlines";1\nbad;7\n')
    assert told(file).startswith(", row 2 (line 6): the label is '7'")


def test_more_classes_when_the_schema_has_them(tmp_path):
    file = write(tmp_path, "text,label\na,World\nb,2\nc,sport\n")
    news = tables.Schema(names=("world", "sport", "business"))
    assert tables.read(file, news)["label"].tolist() == [0, 2, 1]
    file = write(tmp_path, "text,label\na,3\n")
    assert told(file, schema=news) == (
        ", row 1 (line 2): the label is '3'; it must be 0 (world), 1 (sport) or 2 (business). "
        "Correct it, leave the row out, or name your own classes in a tables.Schema."
    )


# --- what is no file


def test_a_folder_a_missing_file_and_a_name_that_is_none(tmp_path):
    write(tmp_path, GOOD)
    assert told(tmp_path) == (": this is a folder. Give the name of a file. In it: mine.csv.")
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


# --- each kind, on any table

LETTERS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1)
WORDS = LETTERS.map(lambda text: f"a {text}")  # no label, no column's name
PLAIN = st.lists(st.tuples(WORDS, st.integers(0, 1)), min_size=1, max_size=6)


def lined(rows, delimiter=",", ending="\n", header=("text", "label"), quoting=csv.QUOTE_ALL) -> str:
    """Rows as a CSV file."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator=ending, quoting=quoting)
    writer.writerows([header, *rows] if header else rows)
    return buffer.getvalue()


def with_row(rows, at, row, **how) -> str:
    """As `lined`, with another row in the place of row `at`."""
    return lined([row if i == at - 1 else old for i, old in enumerate(rows)], **how)


def parquet_of(rows) -> bytes:
    return parquet(pd.DataFrame(rows, columns=["text", "label"]))


# For each kind: a file made of any rows, in which row `at` is the one that is broken.
STILL_READ = {
    "one row": lambda rows, at: lined(rows),
    "semicolons": lambda rows, at: lined(rows, ";"),
    "tabs": lambda rows, at: lined(rows, "\t"),
    "bars": lambda rows, at: lined(rows, "|"),
    "Excel's line": lambda rows, at: "sep=;\n" + lined(rows, ";"),
    "byte-order mark": lambda rows, at: lined(rows).encode("utf-8-sig"),
    "two marks": lambda rows, at: b"\xef\xbb\xbf" + lined(rows).encode("utf-8-sig"),
    "UTF-16": lambda rows, at: lined(rows).encode("utf-16"),
    "UTF-32": lambda rows, at: lined(rows).encode("utf-32"),
    "Windows line ends": lambda rows, at: lined(rows, ending="\r\n"),
    "Macintosh line ends": lambda rows, at: lined(rows, ending="\r"),
    "blank lines": lambda rows, at: "\n\n" + lined(rows, ending="\n\n"),
    "gzip under a false name": lambda rows, at: gzip.compress(lined(rows).encode()),
    "Parquet under a false name": lambda rows, at: parquet_of(rows),
    "labels as words": lambda rows, at: lined((t, ("neg", "Positive")[n]) for t, n in rows),
    "labels as floats": lambda rows, at: lined((t, f"{n}.{'0' * at}") for t, n in rows),
    "the other order": lambda rows, at: lined([r[::-1] for r in rows], header=("label", "text")),
    "more columns": lambda rows, at: lined(
        ((i, *r, "") for i, r in enumerate(rows)), header=("", "text", "label", "more")
    ),
    "a long field": lambda rows, at: lined([*rows, ("long " * 40_000, 1)]),
}
STILL_TOLD = {  # and what is said of it
    "empty": (lambda rows, at: "\n" * at, None, "the file is empty"),
    "a header only": (lambda rows, at: lined([]), None, "a header and no rows"),
    "no header": (lambda rows, at: lined(rows, header=None), None, "there is no header"),
    "a title above": (lambda rows, at: "mine\n" * at + lined(rows), None, "looks like the header"),
    "another delimiter": (lambda rows, at: lined(rows, "~", quoting=csv.QUOTE_MINIMAL), None, "'~'"),
    "another delimiter below": (
        lambda rows, at: "text,label\n" + lined(rows, ";", header=None, quoting=csv.QUOTE_MINIMAL),
        1, "1 fields, but the header has 2",
    ),
    "duplicated columns": (
        lambda rows, at: lined(((*r, 1) for r in rows), header=("text", "label", "label")),
        None, "more than once",
    ),
    "other names": (lambda rows, at: lined(rows, header=("review", "label")), None, "mean 'review'"),
    "Latin-1": (
        lambda rows, at: with_row(rows, at, ("caf\u00e9", 1)).encode("latin-1"), "at",
        "the encoding is wrong",
    ),
    "Latin-1 after semicolons and lines": (
        lambda rows, at: with_row([("a\nb", n) for _, n in rows], at, ("\u00e9", 1), delimiter=";")
        .encode("latin-1"), "at", "the encoding is wrong",
    ),
    "null bytes": (lambda rows, at: with_row(rows, at, ("a\0b", 1)), "at", "a null byte"),
    "UTF-16 without its mark": (lambda rows, at: lined(rows).encode("utf-16-le"), None, "a null byte"),
    "UTF-16 cut short": (lambda rows, at: lined(rows).encode("utf-16")[:-1], None, "not utf-16"),
    "a quote never closed": (
        lambda rows, at: lined(rows[: at - 1]) + '"open,1\n', "at", "never closed"
    ),
    "a quote closed too early": (
        lambda rows, at: lined(rows[: at - 1]) + '"a" b,1\n', "at", "not valid CSV"
    ),
    "a comma without quotes": (
        lambda rows, at: lined(rows[: at - 1]) + "a, b,1\n", "at", "3 fields, but the header has 2"
    ),
    "a text missing": (lambda rows, at: with_row(rows, at, (" ", 1)), "at", "the text is missing"),
    "a label missing": (lambda rows, at: with_row(rows, at, ("a", "")), "at", "the label is missing"),
    "a third class": (lambda rows, at: with_row(rows, at, ("a", 2)), "at", "the label is '2'"),
    "a fraction": (lambda rows, at: with_row(rows, at, ("a", 0.5)), "at", "the label is '0.5'"),
    "a class of -1": (lambda rows, at: with_row(rows, at, ("a", -1)), "at", "the label is '-1'"),
    "another word": (lambda rows, at: with_row(rows, at, ("a", "ok")), "at", "the label is 'ok'"),
    "the header again": (
        lambda rows, at: with_row(rows, at, ("text", "label")), "at", "the header stands here"
    ),
    "gzip cut short": (lambda rows, at: gzip.compress(lined(rows).encode())[:-at], None, "damaged"),
    "gzip twice": (lambda rows, at: gzip.compress(gzip.compress(lined(rows).encode())), None, "twice"),
    "Parquet cut short": (lambda rows, at: parquet_of(rows)[:-at], None, "a Parquet file that is"),
    "a web page": (lambda rows, at: "<!DOCTYPE html>\n" + lined(rows), None, "a web page"),
    "JSON": (lambda rows, at: json.dumps([{"text": t} for t, _ in rows]), None, "this is JSON"),
    "JSON, indented": (lambda rows, at: json.dumps(rows, indent=at), None, "this is JSON"),
    "an Excel file": (lambda rows, at: b"PK\x03\x04" + lined(rows).encode(), None, "an Excel or zip"),
    "a pickle": (lambda rows, at: pickle.dumps(rows, protocol=2 + at % 4), None, "this is a pickle"),
}  # fmt: skip
ON_ANY_TABLE = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def test_the_kinds_that_are_tested_on_any_table_are_many():
    assert len(STILL_READ) + len(STILL_TOLD) >= 45 and len(STILL_TOLD) >= 30


@pytest.mark.parametrize("kind", STILL_READ)
@ON_ANY_TABLE
@given(rows=ROWS, at=st.integers(1, 5))
def test_each_kind_of_any_table_is_read_right(kind, tmp_path, rows, at):
    rows = rows[:1] if kind == "one row" else rows
    frame = tables.read(write(tmp_path, STILL_READ[kind](rows, at)))
    expected = [*rows, ("long " * 40_000, 1)] if kind == "a long field" else rows
    assert list(zip(frame["text"], frame["label"], strict=True)) == expected


@pytest.mark.parametrize("kind", STILL_TOLD)
@ON_ANY_TABLE
@given(rows=PLAIN, draw=st.data())
def test_each_kind_of_any_table_is_refused_with_its_row_and_a_mend(kind, tmp_path, rows, draw):
    made, row, phrase = STILL_TOLD[kind]
    at = draw.draw(st.integers(1, len(rows)))
    file = write(tmp_path, made(rows, at))
    with pytest.raises(tables.DataError) as error:
        tables.read(file)
    assert error.value.file == str(file) and phrase in str(error.value), str(error.value)
    assert error.value.row == (at if row == "at" else row)
    assert MEND.search(str(error.value).removeprefix(str(file)))
    assert [p.name for p in tmp_path.iterdir()] == ["mine.csv"]


@pytest.mark.skipif(sys.platform == "win32", reason="links are made otherwise there")
@ON_ANY_TABLE
@given(LETTERS.map(lambda text: text[:20]), st.integers(1, 6))
def test_a_folder_and_a_loop_of_any_name(tmp_path_factory, name, length):
    folder = tmp_path_factory.mktemp("kinds")
    assert told(folder).startswith(": this is a folder. Give the name of a file.")
    for i in range(length):
        (folder / f"{name}{i}").symlink_to(folder / f"{name}{(i + 1) % length}")
    assert told(folder / f"{name}0").startswith(": a symbolic link that leads back to itself.")


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


@pytest.mark.parametrize("wrong", [None, ["a"], pd.Series(["a"]), {"text": ["a"], "label": [1]}])
def test_what_is_no_table_is_told(wrong):
    with pytest.raises(tables.DataError, match=r"the table: .* is no table\. Give a frame with"):
        tables.clean(wrong)
    with pytest.raises(tables.DataError, match="is no text"):
        tables.clean_text(wrong)


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
    for wrong in (0, -1, 1.1, "half", float("nan")):
        with pytest.raises(tables.DataError, match="is no share"):
            tables.near_duplicates(texts, wrong)
    with pytest.raises(tables.DataError, match="row 2: None is no text"):
        tables.near_duplicates(["a", None])


def test_a_column_is_taken_by_position_whatever_its_index():
    column = pd.Series(["a b c d", "x", "a b c d"], index=[7, 5, 9]).drop(5)
    assert tables.near_duplicates(column).to_dict("split")["data"] == [[0, 1, 1.0]]


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
