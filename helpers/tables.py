"""Tables of labelled texts: read them from files of all kinds, check them, clean them, find doubles.

A file is read correctly or refused; there is no third way. What is refused is named with its file,
its row (1 is the first after the header), its line as an editor counts it, and what to do. Nothing
is guessed that cannot be known: a delimiter shows in the header and UTF-16 by its mark, but an old
encoding such as Windows-1252 has to be named.
"""

from __future__ import annotations

import contextlib
import csv
import difflib
import errno
import gzip
import html
import io
import os
import re
import reprlib
import stat
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

# What readers' files call the two columns, the commonest first.
ALSO_CALLED = {
    "text": ("review", "sentence", "content", "comment", "body", "document"),
    "label": ("sentiment", "target", "class", "category", "polarity", "rating", "y"),
}
WEB_PAGE = "a web page, not the file behind it. Download it again by its 'raw' link"
COMPRESSED = "compressed in a way that is not read here. Decompress it, or compress it with gzip"
PICTURE = "a picture. Give the file of the table that names it"
PICKLE = "a pickle, which runs code when it is opened. Ask for CSV or Parquet"
ARROW = "an Arrow file. Open its folder with datasets.load_from_disk"
TAR = "an archive of several files (tar). Unpack it, and give one of them"
JSON = "JSON. Convert it with pandas.read_json, or look in it: it may be an error message"
NOT_TABLES = {  # first bytes of what is taken for a CSV file, and what it is
    b"PK\x03\x04": "an Excel or zip file. Save the sheet as 'CSV UTF-8'",
    b"\xd0\xcf\x11\xe0": "an old Excel file. Save the sheet as 'CSV UTF-8'",
    b"\x1f\x8b": "compressed twice. Decompress it once",
    b"BZh": COMPRESSED,
    b"\xfd7zXZ": COMPRESSED,
    b"\x28\xb5\x2f\xfd": COMPRESSED,
    b"7z\xbc\xaf": COMPRESSED,
    b"\x04\x22\x4d\x18": COMPRESSED,
    b"\x1f\x9d": COMPRESSED,
    b"%PDF-": "a PDF file. Ask for the table itself, as CSV",
    b"{\\rtf": "a document of a word processor (RTF). Export the table as CSV",
    b"ARROW1": ARROW,
    b"FEA1\0": ARROW,
    b"\xff\xff\xff\xff": ARROW,
    b"PARE": "an encrypted Parquet file. Ask its owner for one that is not",
    b"\x80\x02": PICKLE,
    b"\x80\x03": PICKLE,
    b"\x80\x04": PICKLE,
    b"\x80\x05": PICKLE,
    b"\x93NUMPY": "an array of NumPy. Load it with numpy.load, and save the table as CSV",
    b"\x89HDF": "an HDF5 file. Open it with pandas.read_hdf, and save the table as CSV",
    b"\x89PNG": PICTURE,
    b"\xff\xd8\xff": PICTURE,
    b"GIF8": PICTURE,
    b"\x7fELF": "a program. Give the name of the table",
    b"SQLite format 3": "a database. Export the table as CSV",
    b"version https://git-lfs": "a pointer of Git LFS, not the file. Fetch it with 'git lfs pull'",
    b"<<<<<<< ": "a file that Git could not merge. Take one side of each conflict",
}
PAGE = re.compile(  # the first mark of a web page, or of a server's error
    rb"<(!doctype|!--|\?xml|\?php|(html|head|body|title|meta|script|div|table|error|svg|rss)[\s/>])",
    re.I,
)
LIST_OR_OBJECT = re.compile(rb"[\[{]\s*[\"\[{]")  # how JSON begins
MARKS = {  # byte-order marks, the longer first
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
    b"\xef\xbb\xbf": "utf-8-sig",
}
DELIMITERS = ",;\t|"
MISSING = ("", "none", "nan", "<na>", "nat")  # what the ways of writing "nothing" print as
LARGEST = 2_000_000_000  # bytes, also of what comes out of a compressed file
ON_DISK = "Read it with datasets.load_dataset, which holds it on disk."
CORRECT = "Correct it, or leave the row out."
CLASSES = "Correct it, leave the row out, or name your own classes in a tables.Schema."


class DataError(ValueError):
    """Data that cannot be used as they are. The message names file, row, problem and mend.

    Attributes:
        file: the file, as it was given.
        row: the row, 1 for the first after the header; None where the whole file is meant.
        line: the line of the file on which that row begins, 1 for the header; None if unknown.
    """

    def __init__(self, file: object, problem: str, row: int | None = None, line: int | None = None):
        place = f"{file}, row {row}" if row else str(file)
        super().__init__(f"{place}{f' (line {line})' if line else ''}: {problem}")
        self.file, self.row, self.line = str(file), row, line


@dataclass(frozen=True)
class Schema:
    """What a table of labelled texts promises: two columns, and the values that a label may have.

    Attributes:
        names: what label 0, 1, ... means.
        words: other ways of writing a label; the names count too. Case does not matter.
    """

    names: tuple[str, ...]
    words: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.names:
            raise ValueError("a schema needs the names of its classes, such as ('no', 'yes')")

    def number(self, label: object) -> int | None:
        """The label as a number, from 1, "1", "1.0", 1.0, True or a word; None if it is none."""
        if isinstance(label, str):
            word = label.strip().casefold()
            found = self._words().get(word)
            if found is not None or not re.fullmatch(r"[0-9]{1,9}(\.0*)?", word):
                return found
            label = float(word)
        try:
            value = int(label)
            return value if value == label and 0 <= value < len(self.names) else None
        except (TypeError, ValueError, OverflowError, ArithmeticError):
            return None

    def _words(self) -> dict[str, int]:
        own = {name.casefold(): number for number, name in enumerate(self.names)}
        return own | {word.casefold(): number for word, number in self.words.items()}

    def __str__(self) -> str:
        values = [f"{number} ({name})" for number, name in enumerate(self.names)]
        return f"{', '.join(values[:-1])} or {values[-1]}" if values[1:] else values[0]


REVIEWS = Schema(
    names=("unfavourable", "favourable"), words={"neg": 0, "negative": 0, "pos": 1, "positive": 1}
)


@dataclass(frozen=True)
class Look:
    """How a file is written: `kind` ("csv" or "parquet"), and for CSV encoding and delimiter."""

    kind: str
    compressed: bool = False
    encoding: str = ""
    delimiter: str = ""


# --- reading


def read(
    path: str | os.PathLike,
    schema: Schema = REVIEWS,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
) -> pd.DataFrame:
    """Read labelled texts from a CSV or Parquet file, rows in the order of the file.

    Args:
        path: a file with columns `text` and `label`; others are left out. CSV may be separated by
            commas, semicolons, tabs or bars, be compressed with gzip, and begin with a mark.
        schema: the labels allowed, and how they may be written.
        encoding: for CSV that is neither UTF-8 nor marked.
        delimiter: for CSV whose header leaves it open.

    Returns:
        a frame with columns `text` (str) and `label` (int64), at least one row.

    Raises:
        DataError: the file cannot be read, is no such table, or a value is not as promised.
    """
    frame, _ = read_and_look(path, schema, encoding=encoding, delimiter=delimiter)
    return frame


def read_and_look(
    path: str | os.PathLike,
    schema: Schema = REVIEWS,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
) -> tuple[pd.DataFrame, Look]:
    """As `read`, and how the file was found to be written."""
    file = as_path(path)
    try:
        content = _content(file)
        compressed = content.startswith(b"\x1f\x8b")
        if compressed:
            content = _decompressed(content, file)
        if content.startswith(b"PAR1"):
            return _parquet(content, file, schema), Look("parquet", compressed)
        _refuse_others(content, file)
        text, encoding = _decoded(content, file, encoding, delimiter)
        _refuse_others(text[:200].encode("utf-8", "replace"), file)  # a page in UTF-16, say
        text, delimiter = _delimited(text, file, delimiter)
        return _csv(text, file, schema, delimiter), Look("csv", compressed, encoding, delimiter)
    except MemoryError as error:
        problem = f"the memory here does not hold it. {ON_DISK}"
        raise DataError(file, problem) from error


def read_text(path: str | os.PathLike) -> str:
    """The text of a file in UTF-8, or in what its mark says.

    Raises:
        DataError: it cannot be read, or is in another encoding.
    """
    file = as_path(path)
    return _decoded(_content(file), file, None)[0]


def as_path(path: object) -> Path:
    """A path from what a reader gave.

    Raises:
        DataError: it can be none.
    """
    if isinstance(path, str) and re.match(r"[a-z0-9]{2,9}://", path):
        problem = "this is an address. Download the file, and give the name you saved it under."
        raise DataError(path, problem)
    try:
        return Path(path).expanduser()
    except (TypeError, RuntimeError) as error:  # not a name; or "~nobody"
        problem = f"this is not the name of a file ({error}). Give it as text, or as a Path."
        raise DataError(reprlib.repr(path), problem) from error


def _content(file: Path) -> bytes:
    """The bytes of a file that is there, is a file, holds something, and is not too large."""
    try:
        about = os.stat(file)
        if stat.S_ISDIR(about.st_mode):
            within = sorted(p.name for p in file.iterdir() if p.suffix in (".csv", ".parquet"))
            hint = f" In it: {', '.join(within[:5])}." if within else ""
            problem = f"this is a folder. Give the name of a file.{hint}"
            raise DataError(file, problem)
        if not stat.S_ISREG(about.st_mode):  # a device or a pipe would never end
            raise DataError(file, "this is a device or a pipe. Save it as a file first.")
        if about.st_size > LARGEST:
            raise DataError(file, _too_large(about.st_size))
        return file.read_bytes()
    except FileNotFoundError as error:
        raise DataError(file, _not_there(file)) from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        if isinstance(error, DataError):
            raise
        raise DataError(file, _unreadable(error)) from error


def _too_large(size: int) -> str:
    return f"{size / 1e9:.1f} GB are more than this reader takes ({LARGEST / 1e9:g} GB). {ON_DISK}"


def _unreadable(error: Exception) -> str:
    if getattr(error, "errno", None) == errno.ELOOP:
        return "a symbolic link that leads back to itself. Point it at the file, or give that."
    if isinstance(error, PermissionError):
        return "you may not read this file. Ask its owner, or copy it to a folder of your own."
    why = getattr(error, "strerror", None) or error
    return f"cannot be read ({why}). Check the name and the drive."


def _not_there(file: Path) -> str:
    if file.is_symlink():
        return f"a symbolic link to {os.readlink(file)}, which is not there. Make the link anew."
    if not file.parent.is_dir():
        return f"there is no folder {file.parent}. Check the name from {Path.cwd()} on."
    near = difflib.get_close_matches(file.name, [p.name for p in file.parent.iterdir()], n=1)
    hint = f"Did you mean {near[0]!r}?" if near else "Check the name."
    return f"there is no such file. {hint} The working folder is {Path.cwd()}."


def _decompressed(content: bytes, file: Path) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            found = stream.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            file, "compressed (gzip) and damaged or cut short. Get it again."
        ) from error
    if len(found) > LARGEST:  # a small file can unpack to any size
        raise DataError(file, _too_large(len(found)))
    return found


def _refuse_others(content: bytes, file: Path) -> None:
    start = content[:200].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for magic, what in NOT_TABLES.items():
        if content.startswith(magic) or start.startswith(magic.lower()):
            raise DataError(file, f"this is {what}.")
    textual = {PAGE: WEB_PAGE, LIST_OR_OBJECT: JSON}
    what = next((what for pattern, what in textual.items() if pattern.match(start)), None)
    what = TAR if content[257:262] == b"ustar" else what
    if what:
        raise DataError(file, f"this is {what}.")


def _parquet(content: bytes, file: Path, schema: Schema) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(io.BytesIO(content))
        _require(table.schema_arrow.names, file)
        table = table.read(columns=["text", "label"])
        texts, labels = table["text"].to_pylist(), table["label"].to_pylist()
    except UnicodeDecodeError as error:
        problem = "the column 'text' holds bytes that are not UTF-8. Write the file again."
        raise DataError(file, problem) from error
    except (pa.ArrowException, OSError) as error:
        problem = "a Parquet file that is damaged or cut short. Get it again."
        raise DataError(file, problem) from error
    return make(texts, labels, file, schema)


def _csv(text: str, file: Path, schema: Schema, delimiter: str) -> pd.DataFrame:
    rows = csv_rows(text, file, delimiter)
    header = [name.strip() for name in next(rows, (0, []))[1]]
    if not header:
        raise DataError(file, "the file is empty. Its first line must be: text,label")
    _require(header, file, schema, _elsewhere(text, header))
    at_text, at_label = header.index("text"), header.index("label")
    texts, labels, lines = [], [], []
    for row, (line, fields) in enumerate(rows, start=1):
        if len(fields) != len(header):
            raise DataError(file, _wrong_count(fields, header, delimiter), row, line)
        texts.append(fields[at_text])
        labels.append(fields[at_label])
        lines.append(line)
    return make(texts, labels, file, schema, lines)


def _elsewhere(text: str, header: Sequence[str]) -> str:
    """What to do where the columns' names are there, but not as the fields of the header."""
    if {"text", "label"} & set(header):
        return ""
    own = True  # the first line that is not blank is the header
    for line, content in enumerate(text[:10_000].splitlines()[:20], start=1):
        for mark in DELIMITERS:
            if {"text", "label"} <= {name.strip(' "') for name in content.split(mark)}:
                above = f" Line {line} looks like the header: take out what stands above it."
                return f" Its columns are separated by {mark!r}: give that." if own else above
        own = own and not content.strip()
    between = re.search(r"\b(?:text|label)\b([^\w\s]|\W+)\b(?:text|label)\b", " ".join(header))
    if not between or header[1:]:
        return ""
    mend = f"Give delimiter={between[1]!r}." if len(between[1]) == 1 else "Put commas there."
    return f" Is {between[1]!r} between the columns? {mend}"


def _wrong_count(fields: list[str], header: list[str], delimiter: str) -> str:
    mark = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}.get(delimiter, delimiter)
    return (
        f"{len(fields)} fields, but the header has {len(header)}. A text that contains a "
        f'{mark} or a line break must stand in double quotes ("), a quote in it doubled ("").'
    )


# --- encodings and delimiters


def _decoded(
    content: bytes, file: Path, encoding: str | None, delimiter: str | None = None
) -> tuple[str, str]:
    """The text of a file and its encoding: the one named, the one marked, or UTF-8."""
    marked = next((name for mark, name in MARKS.items() if content.startswith(mark)), None)
    chosen = encoding or marked or "utf-8"
    try:
        text = content.decode(chosen).lstrip("\ufeff")  # the mark, if its encoding was named
    except UnicodeError as error:
        raise _wrong_encoding(content, file, chosen, delimiter, error) from error
    except (LookupError, TypeError, ValueError) as error:
        problem = f"encoding={encoding!r} is none that Python knows. Try 'utf-8' or 'windows-1252'."
        raise DataError(file, problem) from error
    if "\0" in text:
        row, line = _row_of(text[: text.index("\0")], file, delimiter)
        problem = (
            "a null byte, which no text has: UTF-16 without its mark (then give "
            "encoding='utf-16-le'), or no text at all. Save it as UTF-8."
        )
        raise DataError(file, problem, row, line)
    return text, chosen


def _wrong_encoding(
    content: bytes, file: Path, chosen: str, delimiter: str | None, error: UnicodeError
) -> DataError:
    at = getattr(error, "start", 0)
    if chosen not in ("utf-8", "utf-8-sig"):
        problem = f"this is not {chosen}: {getattr(error, 'reason', error)} at position {at:,}."
        return DataError(file, f"{problem} Save it as UTF-8, or get it again.")
    at += 3 * (chosen == "utf-8-sig")  # the mark is not counted
    row, line = _row_of(content[:at].decode("utf-8-sig"), file, delimiter)
    problem = (
        f"the encoding is wrong: byte 0x{content[at]:02x} at position {at:,} is not UTF-8 "
        "(Windows-1252, perhaps; then give encoding='windows-1252'). Save the file as UTF-8; in "
        "Excel: 'CSV UTF-8'."
    )
    return DataError(file, problem, row, line)


def _row_of(before: str, file: Path, delimiter: str | None) -> tuple[int | None, int]:
    """The row (None in the header) in which a text ends that is the beginning of a file; its line."""
    before, delimiter = _delimited(before, file, delimiter)
    with _long_fields(before):
        reader = csv.reader(io.StringIO(before + "x", newline=""), delimiter=delimiter)
        rows = sum(1 for fields in reader if _filled(fields))
    return (rows - 1) or None, len(re.findall("\r\n|\r|\n", before)) + 1


def _delimited(text: str, file: Path, delimiter: str | None) -> tuple[str, str]:
    """The text without Excel's line `sep=;`, and the delimiter: named, or seen in the header."""
    named = re.match(r"sep=([^\r\n])\r?\n", text)
    if named:  # the line stays, empty, so that lines are counted as an editor does
        text = "\n" + text[named.end() :]
        delimiter = delimiter or named.group(1)
    if delimiter:
        if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '\0\r\n"':
            raise DataError(file, f"delimiter={delimiter!r} cannot be one. Give one such as ';'.")
        return text, delimiter
    header = next((line for line in text[:10_000].splitlines() if line.strip()), "")
    for mark in DELIMITERS:
        names = [name.strip().strip('"') for name in header.split(mark)]
        if "text" in names and "label" in names:
            return text, mark
    return text, ","


def _filled(fields: list[str]) -> bool:
    """Not a blank line. A line of commas alone is a row, with its text missing."""
    return len(fields) > 1 or bool("".join(fields).strip())


@contextlib.contextmanager
def _long_fields(text: str) -> Iterator[None]:
    """Let the `csv` module accept fields as long as `text`; its own limit is 131,072."""
    # Never lower it: a generator that is left half-read gives it back late, and others read CSV too.
    limit = csv.field_size_limit()
    csv.field_size_limit(max(limit, len(text) + 2))
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def csv_rows(text: str, file: Path, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, each with the line on which it begins; the header is the first.

    Raises:
        DataError: naming the row that is not valid CSV.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    count = line = 0
    try:
        with _long_fields(text):
            for fields in reader:
                if _filled(fields):
                    yield line + 1, fields
                    count += 1
                line = reader.line_num
    except csv.Error as error:
        ending = "unexpected end" in str(error)
        what = "a double quote is opened and never closed" if ending else str(error)
        problem = f'not valid CSV: {what}. Double ("") each quote that belongs to a text.'
        raise DataError(file, problem, count or None, line + 1) from error


# --- checking


def check(frame: pd.DataFrame, where: object, schema: Schema = REVIEWS) -> pd.DataFrame:
    """A frame with exactly the columns, types and values promised; `where` names it in errors.

    Raises:
        DataError: naming `where` and the row.
    """
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        problem = f"{type(frame).__name__} is no table. Give a frame with columns text and label."
        raise DataError(where, problem)
    _require([str(name) for name in frame.columns], where)
    return make(frame["text"].tolist(), frame["label"].tolist(), where, schema)


def make(
    texts: list[Any],
    labels: list[Any],
    file: object,
    schema: Schema = REVIEWS,
    lines: list[int] | None = None,
) -> pd.DataFrame:
    """The frame, made from plain Python so that its types are the same in pandas 2 and 3.

    Args:
        texts, labels: a value a row; both are checked.
        file: what errors name.
        schema: the labels allowed.
        lines: the line of the file on which each row begins, if known.

    Raises:
        DataError: no rows, a text missing or no text, a label that is none of the schema's.
    """
    import pandas as pd

    if not texts:
        raise DataError(file, "the file has a header and no rows. Get it again, or fill it.")
    for row, text in enumerate(texts, start=1):
        problem = _text_problem(text)
        if problem:
            raise DataError(file, f"the text {problem}. {CORRECT}", row, lines and lines[row - 1])
    numbers = _numbers(labels, file, schema, lines)
    texts = [text.replace("\r\n", "\n") for text in texts]  # as on systems other than Windows
    return pd.DataFrame({"text": texts, "label": pd.Series(numbers, dtype="int64")})


def _text_problem(text: object) -> str:
    if not isinstance(text, str):
        nothing = str(text).lower() in MISSING
        return "is missing" if nothing else f"is no text but {reprlib.repr(text)}"
    if not text.strip():
        return "is missing"
    if "\0" in text:
        return "holds a null character"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "holds half a character (a lone surrogate)"
    return ""


def _numbers(
    labels: Iterable[Any], file: object, schema: Schema, lines: list[int] | None
) -> list[int]:
    numbers = []
    for row, label in enumerate(labels, start=1):
        number = schema.number(label)
        if number is None:
            missing = str(label).strip().lower() in MISSING
            shown, mend = ("missing", CORRECT) if missing else (reprlib.repr(label), CLASSES)
            problem = f"the label is {shown}; it must be {schema}. {mend}"
            if label == "label":
                problem = "the header stands here once more. Take this line out."
            raise DataError(file, problem, row, lines and lines[row - 1])
        numbers.append(number)
    return numbers


def _require(
    columns: Sequence[str], file: object, schema: Schema | None = None, elsewhere: str = ""
) -> None:
    """Columns `text` and `label` are both there, once; `elsewhere` says where they were seen."""
    if schema and not {"text", "label"} & set(columns) and _is_row(columns, schema):
        problem = "there is no header: the first line is a row already. Put above it: text,label"
        raise DataError(file, problem)
    for name in ALSO_CALLED:
        if list(columns).count(name) > 1:
            raise DataError(file, f"column {name!r} is there more than once. Rename all but one.")
        if name not in columns:
            there = reprlib.repr(list(columns))[1:-1] or "none"
            hint = elsewhere or _meant(name, columns) or " Two are needed: text and label."
            raise DataError(file, f"no column {name!r}. There is: {there}.{hint}")


def _is_row(fields: Sequence[str], schema: Schema) -> bool:
    """Some field is a label, and some is none: so these are values, and not names."""
    labels = [schema.number(field) is not None for field in fields]
    return any(labels) and not all(labels)


def _meant(name: str, columns: Sequence[str]) -> str:
    """What to do about a column that is missing."""
    lower = {column.lower(): column for column in reversed(columns)}
    alike = difflib.get_close_matches(name, lower, n=1)
    alike += [other for other in ALSO_CALLED[name] if other in lower]
    return f" Did you mean {lower[alike[0]]!r}? Rename it to {name!r}." if alike else ""


# --- cleaning

TAGS = re.compile(r"</?(?:br|p|i|b|u|em|strong|hr|span|div|a)(?:\s[^<>]*)?/?>", re.I)
LATE_CONTROLS = re.compile(r"[\x80-\x9f]+")  # Windows-1252 that was read as Latin-1
NO_WIDTH = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b\u2060\ufeff]")
PASSES = 5  # marks inside marks, such as &amp;lt;br&gt;, are undone so many times over


def clean_text(text: str) -> str:
    """A text without the traces of the web page and the encodings that it came through.

    Marks such as `<br />` become line breaks, `&amp;` becomes `&`, characters are composed (NFC),
    Windows-1252 read as Latin-1 is put right, runs of blanks become one. Words, case, punctuation,
    numbers, accents and every script stay as they are.
    """
    if not isinstance(text, str):
        raise DataError("clean_text", f"{reprlib.repr(text)} is no text. {CORRECT}")
    for _ in range(PASSES):
        cleaner = _clean_once(text)
        if cleaner == text:
            break
        text = cleaner
    return text


def _clean_once(text: str) -> str:
    text = LATE_CONTROLS.sub(_windows, text.encode("utf-8", "replace").decode("utf-8"))
    text = html.unescape(TAGS.sub(_line_break, text))
    text = NO_WIDTH.sub("", unicodedata.normalize("NFC", text))
    lines = (" ".join(line.split()) for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _windows(found: re.Match[str]) -> str:
    return found.group().encode("latin-1").decode("windows-1252", "ignore")


def _line_break(found: re.Match[str]) -> str:
    block = re.match(r"</?(?:br|p|hr|div)\b", found.group(), re.I)
    return "\n" if block else ""


@dataclass(frozen=True, eq=False)
class Cleaned:
    """What `clean` made: the frame, how many rows each step touched, and what it left out.

    Attributes:
        frame: columns `text` and `label`, rows in their order.
        counts: rows "rewritten", "empty", "contradictory" and "doubles".
        dropped: the rows left out (of the frame as it came), with the reason in column `why`.
    """

    frame: pd.DataFrame
    counts: Mapping[str, int]
    dropped: pd.DataFrame


def clean(frame: pd.DataFrame, where: object = "the table", schema: Schema = REVIEWS) -> Cleaned:
    """Clean each text; leave out what is then empty, a double, or labelled both ways.

    Of rows with the same text the first stays. Where such rows disagree on the label, none stays:
    one of them is wrong, and the text does not say which. The frame given is not changed.

    Raises:
        DataError: the frame is no table of labelled texts, or nothing is left of it.
    """
    checked = check(frame, where, schema)
    texts = checked["text"].map(clean_text)
    both_ways = checked.assign(text=texts).groupby("text")["label"].transform("nunique") > 1
    why = checked["label"].map(lambda _: "")
    why[texts.duplicated()] = "doubles"
    why[both_ways] = "contradictory"
    why[texts == ""] = "empty"
    kept = checked.assign(text=texts)[why == ""].reset_index(drop=True)
    if kept.empty:
        raise DataError(where, "no row is left: each is empty or contradicts another.")
    counts = {"rewritten": int((texts != checked["text"]).sum())}
    counts |= {name: int((why == name).sum()) for name in ("empty", "contradictory", "doubles")}
    dropped = checked[why != ""].assign(why=why[why != ""])
    return Cleaned(kept, counts, dropped)


# --- near duplicates

WORD = re.compile(r"\w+")


def shingles(text: str, words: int = 3) -> set[str]:
    """All runs of so many neighbouring words: what is left of a text when two are compared."""
    found = WORD.findall(text.lower())
    return {" ".join(found[i : i + words]) for i in range(max(1, len(found) - words + 1))}


def jaccard(first: set[str], second: set[str]) -> float:
    """The share of what two sets have in common in all that they have: 0 to 1."""
    return len(first & second) / max(1, len(first | second))


def near_duplicates(
    texts: Sequence[str], threshold: float = 0.5, words: int = 3, num_perm: int = 128
) -> pd.DataFrame:
    """Pairs of texts that share at least `threshold` of their runs of words, equal ones included.

    MinHash and locality-sensitive hashing (Broder 1997; the library `datasketch`) propose pairs
    without comparing all with all; what is proposed is then measured exactly, so that no pair
    returned is below the threshold. A pair just above it may be missed.

    Args:
        texts: any number, a list or a column; 50,000 reviews take about 20 seconds.
        threshold: least Jaccard similarity, above 0 and at most 1.
        words: how many words a run has.
        num_perm: hashes a text; more find more, and take longer.

    Returns:
        a frame with columns `first` and `second` (positions in `texts`, first < second) and
        `similarity`, the most similar pairs first.

    Raises:
        DataError: the threshold is out of range, a text is none, or `datasketch` is not installed.
    """
    import pandas as pd

    if not isinstance(threshold, int | float) or not 0 < threshold <= 1:
        problem = f"threshold={threshold!r} is no share. Give one above 0 and up to 1, such as 0.5."
        raise DataError("near_duplicates", problem)
    texts = list(texts)  # a column of a frame may be numbered otherwise
    for row, text in enumerate(texts, start=1):
        if not isinstance(text, str):
            raise DataError("near_duplicates", f"{reprlib.repr(text)} is no text. {CORRECT}", row)
    rows = []
    for i, j in sorted(_candidates(texts, threshold, words, num_perm)):
        similarity = jaccard(shingles(texts[i], words), shingles(texts[j], words))
        if similarity >= threshold:
            rows.append((i, j, similarity))
    rows.sort(key=lambda row: (-row[2], row[:2]))
    frame = pd.DataFrame(rows, columns=["first", "second", "similarity"])
    return frame.astype({"first": "int64", "second": "int64", "similarity": "float64"})


def _candidates(
    texts: Sequence[str], threshold: float, words: int, num_perm: int
) -> set[tuple[int, int]]:
    try:
        from datasketch import MinHash, MinHashLSH
    except ImportError as error:
        problem = "the library datasketch is not installed. Type: pip install datasketch"
        raise DataError("near_duplicates", problem) from error
    # Missed pairs cost more than those proposed in vain, which are measured and dropped.
    index = MinHashLSH(threshold=min(threshold, 0.9), num_perm=num_perm, weights=(0.2, 0.8))
    found = set()
    empty = MinHash(num_perm=num_perm, hashfunc=zlib.crc32)
    for number, text in enumerate(texts):
        sketch = empty.copy()
        sketch.update_batch([run.encode("utf-8", "replace") for run in shingles(text, words)])
        found.update((other, number) for other in index.query(sketch))
        index.insert(number, sketch, check_duplication=False)
    return found


def clusters(pairs: pd.DataFrame, count: int) -> np.ndarray:
    """A group number for each of `count` rows: rows linked by pairs, however far, share one.

    Returns:
        (count,) int64; give it as `groups` to scikit-learn's grouped splits.
    """
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(pairs), dtype=np.int8)
    links = coo_array((ones, (pairs["first"], pairs["second"])), shape=(count, count))
    return connected_components(links, directed=False)[1].astype(np.int64)
