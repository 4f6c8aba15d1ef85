"""Documents and their summaries: docstrings of installed packages, SciTLDR and DialogSum.

A docstring is a summary that its author wrote: by PEP 257 the first line says in short what the
lines below it explain. So every reader has thousands of pairs, installed. The two other sets are
the field's own, from the mirror or the Hub. All three come in one shape.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from helpers import data, sources
from helpers.tables import DataError

if TYPE_CHECKING:
    import pandas as pd

# Whole packages on one side, by the name under which they are imported. Those that copy each
# other's documentation (Keras and TensorFlow; NumPy, SciPy and pandas) are on the same side.
PACKAGES = {
    "train": """tensorflow keras numpy scipy pandas sklearn nltk babel anyio bs4 narwhals
        prompt_toolkit urllib3 absl click filelock jinja2 fsspec zmq jupyter_client jupyter_server
        requests h5py traitlets optree dateutil rich psutil nbconvert httpx attr ipywidgets""",
    "val": "IPython tornado huggingface_hub fontTools joblib",
    "test": "networkx matplotlib PIL datasets packaging",
}
MOST_OF_ONE = {"train": 1000, "val": 120, "test": 220}  # of a package, so that none speaks for all
MOST_OF_A_FILE = {"train": 60, "val": 20, "test": 30}
SKIPPED = {
    "__pycache__", "_examples", "_extern", "_vendor", "externals", "keras_ops", "test", "testing",
    "tests", "vendored",
}  # fmt: skip
SUMMARY_WORDS = 3, 25  # fewest and most
DOCUMENT_WORDS = 15, 150  # fewest; what is more is cut off at the end of a sentence
LONGEST_SIGNATURE = 8  # argument names shown

# Where the prose ends: a heading of NumPy's style, one of Google's, or a list of fields.
HEADING = re.compile(r"^[ \t]*\w[\w ]*:?\n[ \t]*[-=~]{3,}[ \t]*$", re.M)
SECTION = re.compile(
    r"^[ \t]*(?:Call )?(?:Args?|Arguments?|Params?|Parameters?|Returns?|Raises?|Yields?|Usage|"
    r"Examples?|Example usage|References?|Notes?|See also|Input shape|Output shape|Attributes?|"
    r"Keyword args?)[ \t]*(?:<[^>]*>[ \t]*)?:+[ \t]*$",
    re.M | re.I,
)
FIELD = re.compile(r"^[ \t]*(?::\w+[^:\n]*:|@\w+|- \*\*)", re.M)
NO_PROSE = (">>>", "```", "..", "#", "|", "+--", "- ", "* ", "[", "$", "<", "=")
ROLE = re.compile(r":[a-z:]+:`~?(?:[^`<]*<)?([^`<>]+)>?`")
SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[`]?[A-Z0-9#])")
ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|etc|vs|cf|et al|Mr|Mrs|Ms|Dr|Fig|Eq|resp)\.$", re.I)


@dataclass(eq=False, repr=False)
class Pairs:
    """Documents with their summaries, in three parts. Unpacks: `train, val, test = ...`.

    Attributes:
        train: to learn from. Columns `document` and `summary` (str), and `summaries` (tuple of
            str), all that people wrote on it, of which `summary` is the first; docstrings have
            `package`, `name` and `signature` besides.
        val: to choose by.
        test: to measure on, once.
        test_opened: how often `test` was taken.
        source: "installed", "mirror" or "hub".
        note: one line: what, how many, from where.
    """

    train: pd.DataFrame
    val: pd.DataFrame
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
        return iter((self.train, self.val, self.test))

    def __repr__(self) -> str:
        return f"Pairs(train, val, test): {self.note}"


class Docstring(NamedTuple):
    """What a public function or class is called, and what its docstring says."""

    package: str
    name: str
    signature: str
    document: str
    summary: str


def docstrings(source: str = "auto") -> Pairs:
    """Docstrings of the installed packages: the first paragraph is the summary, the rest the document.

    The packages' source files are read and never run. Only prose counts as document: what comes
    before the list of parameters, without code. The three parts share no package. Of the pairs with
    the same summary or the same document one is kept; a pair that has its summary, or ten words in
    a row, in common with a later part (train before val before test) is left out of the earlier.

    Args:
        source: as everywhere; these texts are real and installed, so all settings give the same.

    Returns:
        Pairs. The line on where they come from is printed.

    Raises:
        sources.SourceError: `source` is none.
        sources.Unavailable: too few of the packages are installed with their source files.
    """
    sources.wanted(source)
    found = _docstrings()
    print(found.note)
    return found


def scitldr(source: str = "auto") -> Pairs:
    """Abstracts of papers on machine learning, each summed up in one sentence (Cachola et al. 2020).

    SciTLDR-A: 1,992 to train, 619 to validate, 618 to test. The first summary is by an author; val
    and test have others, made of reviewers' comments.

    Args:
        source: "auto", "real", "mirror" or "hub"; see `sources.find`. There is no sample.

    Raises:
        sources.Unavailable: neither mirror nor Hub has it here, or only the sample is allowed.
        sources.SourceError: a setting is wrong.
        DataError: a file is not as it should be.
    """
    return _real(SCITLDR, source)


def dialogsum(source: str = "auto") -> Pairs:
    """Talks between two people, and who said what in one or two sentences (Chen et al. 2021).

    500 to validate and 500 to test, these with three summaries each. To train there are 12,460 on
    the Hub; a mirror may hold the first 601 only. Arguments, result and errors as `scitldr`.
    """
    return _real(DIALOGSUM, source)


def sentences(text: str) -> list[str]:
    """The sentences of a text, cut after ". ", "! " and "? " before a capital, and at line ends.

    Abbreviations such as "e.g." end none. The course's own rule, good enough for plain prose.
    """
    found: list[str] = []
    for line in text.splitlines():
        for part in SENTENCE_END.split(line.strip()):
            if found and ABBREVIATION.search(found[-1]) and part:
                found[-1] += f" {part}"
            elif part:
                found.append(part)
    return found


def in_words(name: str) -> str:
    """A name of a program as words: "KMeans.fit_predict" is "K Means fit predict"."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    return " ".join(parts) or name


# --- docstrings


@functools.cache
def _docstrings() -> Pairs:
    import pandas as pd

    rows = {split: _distinct(_of_packages(split)) for split in PACKAGES}
    rows["val"], dropped_val = _without_shared(rows["val"], rows["test"])
    rows["train"], dropped = _without_shared(rows["train"], [*rows["val"], *rows["test"]])
    if min(len(part) for part in rows.values()) < 100:
        raise sources.Unavailable(
            "Too few of the packages whose docstrings are read are installed here. Install the "
            "course as its README says; `python -m helpers.doctor` names what is missing."
        )
    frames = {split: pd.DataFrame(part) for split, part in rows.items()}
    for frame in frames.values():
        frame["summaries"] = [(summary,) for summary in frame["summary"]]
    count = {split: frame["package"].nunique() for split, frame in frames.items()}
    parts = ", ".join(f"{len(frames[s]):,} {s} ({count[s]} packages)" for s in frames)
    note = (
        f"Docstrings of packages installed here: {parts}; {dropped + dropped_val} left out that a "
        "later part has as well."
    )
    return Pairs(*frames.values(), "installed", note)


def _of_packages(split: str) -> Iterator[Docstring]:
    """Pairs of the packages of a split, at most so many of each, in an order made from names."""
    most, of_a_file = MOST_OF_ONE[split], MOST_OF_A_FILE[split]
    with data._no_collecting():
        for package in PACKAGES[split].split():
            count = 0
            for file, module in sorted(_files(package), key=lambda each: _digest(each[1])):
                found = sorted(_of_file(file, package, module), key=lambda d: _digest(d.name))
                yield from found[: min(of_a_file, most - count)]
                count += len(found[:of_a_file])
                if count >= most:
                    break


def _files(package: str) -> Iterator[tuple[Path, str]]:
    """The source files of an installed package, found without importing it."""
    import importlib.util

    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return
    for place in getattr(spec, "submodule_search_locations", None) or ():
        for folder, below, files in os.walk(place):
            below[:] = [name for name in below if name not in SKIPPED]
            for name in files:
                if name.endswith(".py") and "test" not in name:
                    file = Path(folder, name)
                    yield file, file.relative_to(place).as_posix()


def _of_file(file: Path, package: str, module: str) -> Iterator[Docstring]:
    try:
        content = file.read_bytes()
        tree = ast.parse(content) if b'"""' in content else None
    except (OSError, SyntaxError, ValueError):
        return
    for owner, node in _definitions(tree):
        pair = divide(ast.get_docstring(node) or "")
        if pair:
            name = f"{owner}.{node.name}" if owner else node.name
            yield Docstring(package, f"{package}.{name}", _signature(name, node), *pair)


def _definitions(tree: ast.AST | None, owner: str = "") -> Iterator[tuple[str, Any]]:
    """Public functions and classes, and what is public in these."""
    for node in getattr(tree, "body", ()):
        if isinstance(node, ast.If | ast.Try):
            yield from _definitions(node, owner)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield owner, node
            if isinstance(node, ast.ClassDef):
                yield from _definitions(node, f"{owner}.{node.name}" if owner else node.name)


def _signature(name: str, node: ast.FunctionDef | ast.ClassDef) -> str:
    """The name with the names of its arguments; of a class those of `__init__`."""
    if isinstance(node, ast.ClassDef):
        found = (n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__")
        node = next(found, None)
    names = [] if node is None else [a.arg for a in (*node.args.args, *node.args.kwonlyargs)]
    shown = [name for name in names if name not in ("self", "cls")]
    more = ["..."] if len(shown) > LONGEST_SIGNATURE else []
    return f"{name}({', '.join(shown[:LONGEST_SIGNATURE] + more)})"


def divide(docstring: str) -> tuple[str, str] | None:
    """A docstring as (document, summary), or None where it has no fit one.

    The summary is the first paragraph: one sentence of 3 to 25 words. The document is the prose
    below it, of 15 words or more.
    """
    first, _, rest = docstring.strip().partition("\n\n")
    summary = _plain(first)
    fewest, most = SUMMARY_WORDS
    if not (fewest <= len(summary.split()) <= most and summary.isascii()):
        return None
    one_sentence = summary.endswith(".") and len(sentences(summary)) == 1
    if (
        not one_sentence
        or not summary[0].isupper()
        or re.search(r"TODO|[\[{]|::|---|\(\w+ alias", summary)
    ):
        return None
    document = _cut(_prose(rest), DOCUMENT_WORDS[1])
    return (document, summary) if len(document.split()) >= DOCUMENT_WORDS[0] else None


def _prose(text: str) -> str:
    """The paragraphs of prose before the first list of parameters."""
    ends = [found.start() for found in (p.search(text) for p in (HEADING, SECTION, FIELD)) if found]
    kept = []
    for paragraph in re.split(r"\n[ \t]*\n", text[: min(ends, default=len(text))]):
        code = paragraph.lstrip().startswith(NO_PROSE) or re.match(r"\n*(?: {4}|\t)", paragraph)
        if paragraph.strip() and not code:
            kept.append(_plain(paragraph))
    return " ".join(kept)


def _plain(text: str) -> str:
    """One line without the marks of reStructuredText and Markdown."""
    text = ROLE.sub(lambda found: found[1].rpartition(".")[2], " ".join(text.split()))
    text = re.sub(
        r"`+|\*\*|(?<!\w)\*(?=\w)|(?<=\w)\*(?!\w)|(?<=\w)_(?=\s)|\|(?=\w)|(?<=\w)\|", "", text
    )
    text = re.sub(r"\s*\[\d+\]_|<[^<>]*>_*", "", text)
    return re.sub(r"::$", ":", text.strip())


def _cut(text: str, words: int) -> str:
    """Whole sentences from the beginning, of at most so many words; at least the first."""
    kept: list[str] = []
    for sentence in sentences(text):
        if kept and len(" ".join([*kept, sentence]).split()) > words:
            break
        kept.append(sentence)
    return " ".join(kept)


def _distinct(found: Iterable[Docstring]) -> list[Docstring]:
    """Without those whose summary or document came before, in an order made from their text."""
    seen: set[tuple[str, ...]] = set()
    kept = []
    for pair in found:
        keys = _key(pair.summary), _key(pair.document)
        if not seen.intersection(keys):
            kept.append(pair)
        seen.update(keys)
    return sorted(kept, key=lambda pair: _digest(pair.document))


def _without_shared(
    earlier: Sequence[Docstring], later: Iterable[Docstring]
) -> tuple[list[Docstring], int]:
    """`earlier` without pairs that share a summary or ten words in a row; how many were left out."""
    known: set[tuple[str, ...]] = set()
    for pair in later:
        known.add(_key(pair.summary))
        known.update(data._runs(_key(f"{pair.summary} {pair.document}")))
    kept = [
        pair
        for pair in earlier
        if _key(pair.summary) not in known
        and not any(run in known for run in data._runs(_key(f"{pair.summary} {pair.document}")))
    ]
    return kept, len(earlier) - len(kept)


def _key(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[a-z0-9]+", text.lower()))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()


# --- SciTLDR and DialogSum


class _NoSample(Exception):
    """These sets have none: raised past `sources.find`, which would name it as a way out."""


def _no_sample() -> dict[str, Any]:
    raise _NoSample


def _real(spec: sources.DataSet, source: str) -> Pairs:
    asked, by = sources.wanted(source)
    try:
        found = sources.find(spec, source)
    except _NoSample as error:
        tried = "" if asked == "sample" else "neither the mirror nor the Hub has it here, and "
        raise sources.Unavailable(
            f"{spec.title} ({by}): {tried}no sample of it ships. What to do: {sources.REAL_SET}, "
            "or take pairs.docstrings(), which every reader has."
        ) from error
    print(found.note)
    parts = found.parts
    return Pairs(parts["train"], parts["val"], parts["test"], found.source, found.note)


def _table(frame: pd.DataFrame, where: object, document: str, summaries: Callable) -> pd.DataFrame:
    """The columns promised, from a column of documents and a function that gives the summaries."""
    import pandas as pd

    if document not in frame.columns:
        there = ", ".join(map(str, frame.columns))
        raise DataError(where, f"no column {document!r}. There is: {there}.")
    rows = []
    for row, record in enumerate(frame.to_dict("records"), start=1):
        found = [s.strip() for s in summaries(record) if isinstance(s, str) and s.strip()]
        text = record[document]
        text = " ".join(text) if not isinstance(text, str) and hasattr(text, "__iter__") else text
        if not isinstance(text, str) or not text.strip():
            raise DataError(where, "the document is empty. Get the file again.", row)
        if not found:
            raise DataError(where, "the row has no summary. Get the file again.", row)
        rows.append((text.strip(), found[0], tuple(found)))
    return pd.DataFrame(rows, columns=["document", "summary", "summaries"])


def _scitldr(frame: pd.DataFrame, where: object) -> pd.DataFrame:
    """The mirror's columns are document and summaries, the Hub's source and target."""
    ours = "document" in frame.columns
    document, column = ("document", "summaries") if ours else ("source", "target")
    if column not in frame.columns:
        raise DataError(where, f"no column {column!r}. There is: {', '.join(frame.columns)}.")
    return _table(frame, where, document, lambda record: list(record[column]))


def _dialogsum(frame: pd.DataFrame, where: object) -> pd.DataFrame:
    """A dialogue a row; the Hub gives one with three summaries three rows."""
    names = [n for n in ("summary", "summary1", "summary2", "summary3") if n in frame.columns]
    if not names or "dialogue" not in frame.columns:
        missing = "dialogue" if names else "summary"
        raise DataError(where, f"no column {missing!r}. There is: {', '.join(frame.columns)}.")
    table = _table(frame, where, "dialogue", lambda record: [record[n] for n in names])
    joined = table.groupby("document", sort=False)["summaries"].agg(lambda each: sum(each, ()))
    found = joined.reset_index()
    found["summary"] = [summaries[0] for summaries in found["summaries"]]
    return found[["document", "summary", "summaries"]]


def _read(file: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_parquet(file)
    except Exception as error:
        raise DataError(file, f"cannot be read ({error}). Copy it again.") from error


SCITLDR = sources.DataSet(
    name="scitldr",
    title="SciTLDR",
    mirror={
        "train": "scitldr/train.parquet",
        "val": "scitldr/validation.parquet",
        "test": "scitldr/test.parquet",
    },
    read=lambda file: _scitldr(_read(file), file),
    sample=_no_sample,
    hub=sources.Hub(
        id="allenai/scitldr",
        config="Abstract",
        files={
            "train": "Abstract/train/0000.parquet",
            "val": "Abstract/validation/0000.parquet",
            "test": "Abstract/test/0000.parquet",
        },
    ),
    from_hub=_scitldr,
)
DIALOGSUM = sources.DataSet(
    name="dialogsum",
    title="DialogSum",
    mirror={
        "train": "dialogsum/train_small.parquet",
        "val": "dialogsum/validation.parquet",
        "test": "dialogsum/test.parquet",
    },
    read=lambda file: _dialogsum(_read(file), file),
    sample=_no_sample,
    hub=sources.Hub(
        id="knkarthick/dialogsum",
        config="default",
        files={"train": "train.csv", "val": "validation.csv", "test": "test.csv"},
    ),
    from_hub=_dialogsum,
)
