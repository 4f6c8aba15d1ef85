"""The data sets of the course, one function each, and a reader for CSV files of your own.

Whatever the source, a set comes in one shape: the same columns, the same types, the same order of
rows. Errors name the file, the row (1 is the first after the header) and the line as an editor
counts it. Text to pretrain on comes as a `Corpus`, whole documents in two parts, and from there as
windows of tokens. How a file becomes a table, and what is refused, stands in `tables`.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import functools
import gc
import hashlib
import json
import os
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers import sources, tables
from helpers.tables import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

TEST_SHARE = 4  # one review in so many goes to the test part of the sample
VAL_SHARE = 10  # one document in so many goes to the validation part of a corpus
RUN_OF_WORDS = 10  # train may not have so many words in a row in common with val
BETWEEN = "\n\n"  # what stands between two paragraphs, and between two documents

# Parts of the standard library that hold no prose (encodings), are taken out or moved by some
# systems (tkinter, distutils), or are about Python's own development.
NOT_READ = {
    "__pycache__", "dist-packages", "distutils", "encodings", "ensurepip", "idlelib", "lib2to3",
    "pydoc_data", "site-packages", "test", "tests", "tkinter", "turtledemo",
}  # fmt: skip


@dataclass(eq=False, repr=False)
class Splits:
    """A data set in two parts. Unpacks: `train, test = data.imdb()`.

    Attributes:
        train: to learn from.
        test: to measure on, once, and for nothing else.
        test_opened: how often `test` was taken, so that a notebook can show that it was once.
        source: "mirror", "hub", "sample" or "own". Put it into the titles of figures and tables.
        note: one line: what, how many rows, from where, checked how.
    """

    train: pd.DataFrame
    _test: pd.DataFrame
    source: str
    note: str
    test_opened: int = 0

    @property
    def test(self) -> pd.DataFrame:
        """The test part; each time it is taken is counted in `test_opened`."""
        self.test_opened += 1
        return self._test

    def __iter__(self) -> Iterator[pd.DataFrame]:
        return iter((self.train, self.test))

    def __repr__(self) -> str:
        return f"Splits(train, test): {self.note}"


def imdb(source: str | os.PathLike = "auto") -> Splits:
    """Film reviews and whether they are favourable (Maas et al. 2011, ACL).

    The real set has 25,000 reviews to train on and 25,000 to test, half of them favourable; 123
    texts are in both parts. The sample is `imdb.csv`, written for this course, divided by a hash of
    the text: about a quarter of each class is the test part, and a review that is added later moves
    no other. Rows come in an order made from a hash of their text, so that a slice holds both
    classes, and is the same slice from the mirror as from the Hub, and from your own files.

    Args:
        source: "auto", "real", "mirror", "hub" or "sample"; see `sources.find`. Or files of your
            own with columns `text` and `label`: a folder that holds train.csv and test.csv (or
            .tsv, .csv.gz, .parquet), a folder in the Hub's layout, a folder that is a mirror or
            a version (see `versions`), or one file, which is then divided as the sample is.

    Returns:
        Splits, with columns `text` (str) and `label` (int64; 0 unfavourable, 1 favourable). The
        line on where they come from is printed.

    Raises:
        sources.SourceError: no source allowed has the set, or a setting is wrong.
        DataError: a file of the set is not as it should be.
    """
    found = _own_reviews(source) if _names_files(source) else sources.find(IMDB, str(source))
    print(found.note)
    return Splits(found.parts["train"], found.parts["test"], found.source, found.note)


def read_reviews(path: str | os.PathLike) -> pd.DataFrame:
    """Reviews from one file, in its order: `tables.read` with labels 0 and 1.

    Raises:
        DataError: naming file, row, problem and mend.
    """
    return tables.read(path, tables.REVIEWS)


def check_reviews(frame: pd.DataFrame, where: object) -> pd.DataFrame:
    """Reviews with exactly the columns, types and values promised; `where` names them in errors.

    Raises:
        DataError: naming `where` and the row.
    """
    return tables.check(frame, where, tables.REVIEWS)


# --- the IMDB reviews in files of the reader's own

ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet")
SPLITS = ("train", "test")


def _names_files(source: object) -> bool:
    """Whether `source` is meant as a path. A misspelt "mirror" is not, and is told so."""
    if not isinstance(source, str):
        return True
    if source in sources.ORDER:
        return False
    written_as_path = "/" in source or "\\" in source or source.lower().endswith(ENDINGS)
    return written_as_path or os.path.exists(source)


def _own_reviews(named: str | os.PathLike) -> sources.Found:
    place = tables.as_path(named)
    if not os.path.isdir(place):
        parts = _divided(_ordered(read_reviews(place)), place)
        about = f"from a file of your own ({place.name}), divided by a hash of the text"
    elif os.path.isfile(place / "manifest.json"):
        parts, about = _own_mirror(place), "from a mirror of your own (sha256 verified)"
    elif pieces := _hub_pieces(place):
        names = ", ".join(name for files in pieces.values() for name in files)
        frames = sources.from_folder(place, pieces)
        parts = {s: _ordered(check_reviews(f, f"{place}, split {s}")) for s, f in frames.items()}
        about = f"from a folder of your own in the Hub's layout ({names})"
    else:
        files = {split: _part_in(place, split) for split in SPLITS}
        parts = {split: _ordered(read_reviews(file)) for split, file in files.items()}
        about = f"from files of your own ({', '.join(file.name for file in files.values())})"
    rows = ", ".join(f"{len(part):,} {split}" for split, part in parts.items())
    return sources.Found(parts, "own", f"{IMDB.title}: {rows}, {about}.")


def _own_mirror(folder: Path) -> dict[str, pd.DataFrame]:
    """From a folder with a manifest, each file compared with its checksum."""
    sets = sources.manifest(folder)
    if IMDB.name not in sets:
        there = ", ".join(sorted(map(str, sets))) or "nothing"
        raise DataError(folder, f"its manifest.json lists {there}, and no {IMDB.name}. Name it so.")
    files = {s: sources.verified(folder, n, sets[IMDB.name]) for s, n in IMDB.mirror.items()}
    return {split: IMDB.read(file) for split, file in files.items()}


def _hub_pieces(folder: Path) -> dict[str, list[str]]:
    """The files of each split in a folder laid out as on the Hub; {} where it is not.

    Raises:
        DataError: a piece of a split is not there.
    """
    found: dict[str, list[str]] = {split: [] for split in SPLITS}
    for file in sorted(folder.glob("*.parquet")) or sorted(folder.glob("*/*.parquet")):
        piece = re.fullmatch(r"(\w+)-\d{5}-of-(\d{5})\.parquet", file.name)
        if piece and piece[1] in found:
            found[piece[1]].append(file.relative_to(folder).as_posix())
    for names in found.values():
        count = int(names[0].removesuffix(".parquet")[-5:]) if names else 0
        if len(names) != count:
            problem = (
                f"{len(names)} of {count} pieces are there ({', '.join(names)}). Get the rest."
            )
            raise DataError(folder, problem)
    return found if all(found.values()) else {}


def _part_in(folder: Path, split: str) -> Path:
    """The one file in a folder that holds a split."""
    found = [folder / f"{split}{ending}" for ending in ENDINGS]
    found = [file for file in found if os.path.lexists(file)]
    if len(found) == 1:
        return found[0]
    there = " and ".join(file.name for file in found) or f"no {split}.csv or {split}.parquet"
    raise DataError(folder, f"the folder holds {there}. One file for {split} is needed.")


def _divided(frame: pd.DataFrame, where: object) -> dict[str, pd.DataFrame]:
    # By text alone: two copies of a text are never on both sides.
    test = frame["text"].map(lambda text: _hash("split", text)[0] % TEST_SHARE == 0)
    parts = {"train": frame[~test], "test": frame[test]}
    for split, part in parts.items():
        if part.empty:
            problem = f"{len(frame)} rows are too few to divide: none is left for {split}."
            raise DataError(where, f"{problem} Give a folder with train.csv and test.csv.")
    return {split: part.reset_index(drop=True) for split, part in parts.items()}


# --- the IMDB reviews


def _ordered(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows in the order of a hash of their text: mixed, and the same whatever the source."""
    pairs = zip(frame["text"], frame["label"], strict=True)
    keys = [(_hash("order", text), label) for text, label in pairs]
    return frame.take(sorted(range(len(keys)), key=keys.__getitem__)).reset_index(drop=True)


def _hash(purpose: str, text: str) -> bytes:
    return hashlib.sha256(f"{purpose}\n{text}".encode("utf-8", "surrogatepass")).digest()


def _read_imdb(file: Path) -> pd.DataFrame:
    return _ordered(read_reviews(file))


def _imdb_from_hub(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    return _ordered(check_reviews(frame, where))


def _imdb_sample() -> dict[str, pd.DataFrame]:
    file = sources.path("imdb.csv")
    return _divided(_ordered(read_reviews(file)), file)


IMDB = sources.DataSet(
    name="imdb",
    title="IMDB reviews",
    mirror={"train": "imdb/train.parquet", "test": "imdb/test.parquet"},
    read=_read_imdb,
    sample=_imdb_sample,
    hub=sources.Hub(
        id="stanfordnlp/imdb",
        config="plain_text",
        files={
            "train": "plain_text/train-00000-of-00001.parquet",
            "test": "plain_text/test-00000-of-00001.parquet",
        },
    ),
    from_hub=_imdb_from_hub,
    about_sample="original reviews written for this course",
)


# --- text to pretrain on


@dataclass(frozen=True, repr=False)
class Corpus:
    """Documents to train a language model on, and others to validate it.

    Attributes:
        name: as `windows` takes it.
        train: pairs (name of the document, its text).
        val: likewise. No document, and no passage of ten words, is on both sides.
        source: "installed", "mirror" or "hub".
        licence: under which the text may be used, with its notice.
        dropped: paragraphs left out of train because they stand in val, word for word or nearly.
        note: one line: what, how many documents and bytes, from where, under which licence.
    """

    name: str
    train: tuple[tuple[str, str], ...]
    val: tuple[tuple[str, str], ...]
    source: str
    licence: str
    dropped: int
    note: str

    def texts(self, split: str = "train") -> list[str]:
        """The texts of a split, "train" or "val", without their names.

        Raises:
            DataError: there is no such split.
        """
        if split not in ("train", "val"):
            raise DataError(self.name, f"there is no split {split!r}; it is 'train' or 'val'.")
        return [text for _, text in getattr(self, split)]

    def __repr__(self) -> str:
        return f"Corpus(train, val): {self.note}"


def python_docs(source: str = "auto") -> Corpus:
    """The documentation of the Python that runs this: its help topics and its docstrings.

    About 2 MB of English that every reader has, on any system: the topics of `help()`, and the
    docstrings of each module of the standard library, read from its source without importing it.
    One topic or module is one document. A hash of its name says on which side it stands, so that it
    stands there on every machine and in every version of Python. Paragraphs of train that are in
    val as well (modules are copied, and so is their documentation) are left out of train.

    Args:
        source: as everywhere; this text is real and installed, so all settings give the same.

    Returns:
        Corpus. The line on where it comes from is printed.

    Raises:
        sources.SourceError: `source` is none.
        sources.Unavailable: this Python has no source files (an embedded one, for example).
    """
    sources.wanted(source)
    corpus = _python_docs()
    print(corpus.note)
    return corpus


def tiny_shakespeare(source: str = "auto") -> Corpus:
    """A million characters of Shakespeare's plays (Karpathy 2015), from the mirror or the Hub.

    One long text, so its split is the usual one and not by a hash: the first 90% of the characters
    are train, the rest val.

    Args:
        source: "auto", "real", "mirror" or "hub"; see `sources.find`. There is no sample.

    Returns:
        Corpus. The line on where it comes from is printed.

    Raises:
        sources.Unavailable: neither mirror nor Hub has it here, or only the sample is allowed.
        sources.SourceError: a setting is wrong.
        DataError: what was found is not that text.
    """
    asked, by = sources.wanted(source)
    try:
        found = sources.find(SHAKESPEARE, source)
    except _NoSample as error:
        tried = "" if asked == "sample" else "neither the mirror nor the Hub has it here, and "
        raise sources.Unavailable(
            f"Tiny Shakespeare ({by}): {tried}no sample of it ships. What to do: "
            f"{sources.REAL_SET}, or take data.python_docs(), which every reader has."
        ) from error
    text = _whole(found)
    cut = int(len(text) * (1 - 1 / VAL_SHARE))
    licence = "MIT (char-rnn, Andrej Karpathy); Shakespeare's text is in the public domain"
    note = f"{found.note} The first 90% are train, the rest val. Licence: {licence}."
    print(note)
    parts = (("the first 90%", text[:cut]),), (("the last 10%", text[cut:]),)
    return Corpus("tiny_shakespeare", *parts, found.source, licence, 0, note)


def tokens(
    corpus: str | Corpus = "python_docs",
    *,
    tokenizer: Any = None,
    split: str = "train",
    source: str = "auto",
) -> np.ndarray:
    """All documents of a split, one after the other, as one row of token ids: (tokens,), int32.

    Args:
        corpus: "python_docs", "tiny_shakespeare", or a Corpus.
        tokenizer: anything whose `encode(text)` gives ids; None takes the bytes of the text (0-255).
        split: "train" or "val".
        source: where a corpus given by name comes from.

    Raises:
        DataError: no corpus or no split of that name.
    """
    import numpy as np

    text = BETWEEN.join(_corpus(corpus, source).texts(split))
    if tokenizer is None:
        return np.frombuffer(text.encode("utf-8"), np.uint8).astype(np.int32)
    found = tokenizer.encode(text)
    return np.asarray(getattr(found, "ids", found), dtype=np.int32)


def windows(
    corpus: str | Corpus = "python_docs",
    *,
    tokenizer: Any = None,
    context_length: int | None = None,
    split: str = "train",
    source: str = "auto",
) -> np.ndarray:
    """Windows of tokens to train a GPT on, end to end: (windows, context_length), int32.

    `model.fit(data.windows("python_docs"))` needs no targets: the model shifts the windows itself.
    The tokens after the last full window are left out.

    Args:
        corpus: "python_docs", "tiny_shakespeare", or a Corpus.
        tokenizer: anything whose `encode(text)` gives ids; None takes that of the model that ships
            (gpt_mini.keras).
        context_length: tokens a window, 2 or more; None takes that of the model that ships.
        split: "train" or "val".
        source: where a corpus given by name comes from.

    Raises:
        DataError: no such corpus or split, or its text is shorter than one window.
    """
    corpus = _corpus(corpus, source)
    tokenizer = _shipped_tokenizer() if tokenizer is None else tokenizer
    context_length = _shipped_context_length() if context_length is None else context_length
    if context_length < 2:
        problem = f"context_length={context_length}: a window needs a token to see and one to tell."
        raise DataError(corpus.name, problem)
    ids = tokens(corpus, tokenizer=tokenizer, split=split)
    count = len(ids) // context_length
    if not count:
        raise DataError(
            corpus.name,
            f"split {split!r} is shorter than one window: {len(ids)} tokens, and context_length is "
            f"{context_length}. Take more text or a shorter window.",
        )
    return ids[: count * context_length].reshape(count, context_length)


def _shipped_tokenizer() -> Any:
    from helpers import text

    return text.Tokenizer.load(sources.path("gpt_mini_tokenizer.json"))


def _shipped_context_length() -> int:
    return json.loads(sources.path("gpt_mini.json").read_text())["config"]["context_length"]


def _corpus(corpus: str | Corpus, source: str) -> Corpus:
    if isinstance(corpus, Corpus):
        return corpus
    if corpus not in CORPORA:
        meant = difflib.get_close_matches(str(corpus), CORPORA, n=1)
        hint = f" Did you mean {meant[0]!r}?" if meant else ""
        there = " and ".join(map(repr, CORPORA))
        raise DataError("corpus", f"there is none called {corpus!r}.{hint} There is {there}.")
    return CORPORA[corpus](source)


def split_by_name(
    documents: Iterable[tuple[str, str]],
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Documents (name, text) in train and val, by a hash of the name and nothing else.

    About one in ten goes to val. A document that is added later moves no other, and its text may
    change: it stays on its side.
    """
    sides: tuple[list, list] = ([], [])
    for name, text in documents:
        digest = hashlib.blake2b(name.encode("utf-8"), digest_size=8).digest()
        sides[int.from_bytes(digest, "big") % VAL_SHARE == 0].append((name, text))
    return sides


def without_shared(
    train: Iterable[tuple[str, str]], val: Iterable[tuple[str, str]]
) -> tuple[list[tuple[str, str]], int]:
    """Train without the paragraphs that it shares with val, and how many were left out.

    A paragraph is shared if val has it word for word, or has ten of its words in a row. (Brown et
    al. 2020 cleaned GPT-3's training data of its tests like this, with 13 words.) Val stays whole,
    so that it is measured on documents as they were written.
    """
    known: set[tuple[str, ...]] = set()
    for _, text in val:
        for paragraph in _paragraphs(text):
            words = tuple(paragraph.split())
            known.add(words)
            known.update(_runs(words))
    kept, dropped = [], 0
    for name, text in train:
        paragraphs = _paragraphs(text)
        own = [p for p in paragraphs if not _is_shared(tuple(p.split()), known)]
        dropped += len(paragraphs) - len(own)
        if own:
            kept.append((name, BETWEEN.join(own)))
    return kept, dropped


def _paragraphs(text: str) -> list[str]:
    return [part for part in re.split(r"\n[ \t]*(?:\n[ \t]*)+(?=\S|[ \t])", text) if part.strip()]


def _runs(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    return (words[i : i + RUN_OF_WORDS] for i in range(len(words) - RUN_OF_WORDS + 1))


def _is_shared(words: tuple[str, ...], known: set[tuple[str, ...]]) -> bool:
    return words in known or any(run in known for run in _runs(words))


@functools.cache
def _python_docs() -> Corpus:
    documents = _distinct([*_topics(), *_docstrings()])
    if not documents:
        raise sources.Unavailable(
            "This Python has neither help topics nor source files of its standard library (some "
            "that are embedded in another program have none). Install one from python.org or conda."
        )
    train, val = split_by_name(documents)
    train, dropped = without_shared(train, val)
    version = ".".join(map(str, sys.version_info[:3]))
    notice = sys.copyright.splitlines()[0]
    licence = f"Python Software Foundation License Version 2; {notice}"
    note = (
        f"Documentation of Python {version}, installed here: {_size(train)} train, {_size(val)} val "
        f"({dropped} paragraphs of train that val has as well are left out). Licence: {licence}"
    )
    return Corpus("python_docs", tuple(train), tuple(val), "installed", licence, dropped, note)


def _size(documents: Sequence[tuple[str, str]]) -> str:
    megabytes = sum(len(text.encode("utf-8")) for _, text in documents) / 1e6
    return f"{len(documents)} documents ({megabytes:.2f} MB)"


def _distinct(documents: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """In the order of their names; of documents with the same text the first."""
    first: dict[str, str] = {}
    for name, text in sorted(documents):
        first.setdefault(text, name)
    return [(name, text) for text, name in first.items()]


def _topics() -> Iterator[tuple[str, str]]:
    """What `help("assert")` and its like print."""
    try:
        from pydoc_data.topics import topics
    except ImportError:  # some systems leave it out; the docstrings are most of the text
        return
    for name, text in topics.items():
        yield f"topic {name}", text.strip()


def _docstrings() -> Iterator[tuple[str, str]]:
    """The docstrings of each module, read and never run."""
    with _no_collecting():
        for file, parts in _modules(Path(sysconfig.get_path("stdlib"))):
            text = _documentation(file)
            if text:
                yield f"module {'.'.join(parts).removesuffix('.__init__')}", text


def _modules(library: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """The source files of the standard library, each with the parts of its module's name."""
    for folder, below, files in os.walk(library):
        below[:] = [name for name in below if name.isidentifier() and name not in NOT_READ]
        for name in files:
            file = Path(folder, name)
            if file.suffix == ".py" and file.stem.isidentifier():  # others cannot be imported
                yield file, file.relative_to(library).with_suffix("").parts


@contextlib.contextmanager
def _no_collecting() -> Iterator[None]:
    """Without the cyclic garbage collector, which costs a third of the time of parsing."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _documentation(file: Path) -> str:
    """All docstrings of a source file, in its order; "" where there are none or it is no Python."""
    try:
        content = file.read_bytes()
        if b'"""' not in content:  # parsing takes nearly all of the time
            return ""
        tree = ast.parse(content)
    except (OSError, SyntaxError, ValueError):  # a file of bad syntax is there to be tested with
        return ""
    return BETWEEN.join(_docstrings_of(tree))


def _docstrings_of(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        text = ast.get_docstring(node)
        if text and text.strip():
            yield text.strip()
    for block in ("body", "handlers", "orelse", "finalbody"):
        for statement in getattr(node, block, ()):
            if hasattr(statement, "body"):  # others hold no definitions
                yield from _docstrings_of(statement)


class _NoSample(Exception):
    """Tiny Shakespeare has none: raised past `sources.find`, which would name it as a way out."""


def _no_sample() -> dict[str, Any]:
    raise _NoSample


def _whole(found: sources.Found) -> str:
    """The text put together from what a source gave; known by its checksum."""
    text = "".join(found.parts.values())
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
    if digest != SHAKESPEARE_SHA256:
        raise DataError(
            f"Tiny Shakespeare, {found.source}",
            f"this is another text: its sha256 is {digest[:12]}..., not "
            f"{SHAKESPEARE_SHA256[:12]}... Delete it and get it again.",
        )
    return text


def _read_shakespeare(file: Path) -> str:
    return tables.read_text(file).replace("\r\n", "\n")


def _shakespeare_from_hub(frame: pd.DataFrame, where: str) -> str:
    if "text" not in frame.columns:
        raise DataError(where, f"no column 'text'. There is: {', '.join(frame.columns)}.")
    return "".join(frame["text"]).replace("\r\n", "\n")


SHAKESPEARE = sources.DataSet(
    name="tiny_shakespeare",
    title="Tiny Shakespeare",
    mirror={"characters": "tiny_shakespeare/input.txt"},
    read=_read_shakespeare,
    sample=_no_sample,
    hub=sources.Hub(
        id="karpathy/tiny_shakespeare",
        config="default",
        files={
            split: f"data/{split}-00000-of-00001.parquet"
            for split in ("train", "validation", "test")
        },
    ),
    from_hub=_shakespeare_from_hub,
)
SHAKESPEARE_SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
CORPORA = {"python_docs": python_docs, "tiny_shakespeare": tiny_shakespeare}
