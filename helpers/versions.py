"""Versions of a data set: written whole or not at all, each with its card, checksums and changes.

    reviews/
      1.0.0/
        imdb/train.parquet, imdb/test.parquet
        manifest.json    files with sha256 and rows, in the layout of a mirror
        README.md        the data card; its head is what the Hub of Hugging Face reads
        CHANGELOG.md     what each version changed, the newest first

A version is never written over. Its folder is a mirror: COURSE_DATA may name it, and every notebook
then works with that version.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import reprlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from helpers import sources, tables
from helpers.tables import DataError

if TYPE_CHECKING:
    import pandas as pd

Parts = Mapping[str, "pd.DataFrame"]


@dataclass(frozen=True)
class Card:
    """What only a person knows about a data set. The numbers of its card are counted, not typed.

    Attributes:
        title: the set's name in words.
        licence: its identifier as the Hub and SPDX write it, such as "cc-by-4.0".
        origin: where the data come from, who collected them, when.
        purpose: what they are for, and what they are not for.
        known_problems: what a user must know; "none known" is an answer, silence is none.
        contact: whom to tell of an error.
        language: its identifier, such as "en".
    """

    title: str
    licence: str
    origin: str
    purpose: str
    known_problems: str
    contact: str
    language: str = "en"


@dataclass(frozen=True, eq=False)
class Version:
    """A version that was read back: its parts, each equal to what its checksum stands for."""

    name: str
    number: str
    parts: Parts
    folder: Path


def write(
    root: str | os.PathLike,
    name: str,
    number: str,
    parts: Parts,
    card: Card,
    changes: Sequence[str],
    schema: tables.Schema = tables.REVIEWS,
) -> Path:
    """Write a version of a data set, all of it or nothing, and return its folder.

    Args:
        root: the folder that holds all versions.
        name: the set's short name, such as "imdb"; its files lie in a folder of that name.
        number: three numbers, such as "1.2.0", higher than any version there.
        parts: for each split a frame with columns `text` and `label`.
        card: what the data card says.
        changes: what is new against the version before, a line each.
        schema: what every part is checked against.

    Raises:
        DataError: a part is no such table, the number is not new, or a statement is missing.
    """
    root = tables.as_path(root)
    _check_names(root, name, number, parts, changes, card)
    checked = {
        split: tables.check(part, f"{name}, {split}", schema) for split, part in parts.items()
    }
    with _whole_folder(root / number) as folder:
        files = [_write_part(folder, name, split, part) for split, part in checked.items()]
        about = {"name": name, "version": number, "licence": card.licence, "files": files}
        _write_text(folder / "manifest.json", json.dumps({"datasets": [about]}, indent=1))
        _write_text(folder / "README.md", card_text(card, name, number, checked, schema))
        _write_text(folder / "CHANGELOG.md", _changelog(root, number, changes))
    return root / number


def read(folder: str | os.PathLike, schema: tables.Schema = tables.REVIEWS) -> Version:
    """Read a version back, every file compared with its checksum.

    Raises:
        DataError: the folder holds no version, or a part is not as promised.
        sources.ChecksumError: a file has changed since it was written.
    """
    folder = tables.as_path(folder)
    if not (folder / "manifest.json").is_file():
        there = ", ".join(versions(folder)) if folder.is_dir() else ""
        hint = f" In it: {there}; name one of these." if there else ""
        raise DataError(folder, f"no version of a data set lies here (no manifest.json).{hint}")
    [(name, files)] = _one_set(folder).items()
    if not files:
        raise DataError(folder, "manifest.json lists no file. Copy the version again.")
    parts = {
        Path(path).stem: tables.read(sources.verified(folder, path, files), schema)
        for path in files
    }
    return Version(name, folder.resolve().name, parts, folder)


def versions(root: str | os.PathLike) -> list[str]:
    """The numbers of the versions in a folder, the oldest first."""
    root = Path(root)
    names = [p.name for p in root.iterdir()] if root.is_dir() else []
    return sorted(filter(_as_numbers, names), key=_as_numbers)


def _one_set(folder: Path) -> dict[str, dict]:
    found = sources.manifest(folder)
    if len(found) != 1:
        problem = f"manifest.json lists {len(found)} sets; a version holds one."
        raise DataError(folder, problem)
    return found


def _as_numbers(number: str) -> tuple[int, ...]:
    """(1, 10, 0) for "1.10.0", so that it comes after "1.9.0"; () for what is no version."""
    part = "(0|[1-9][0-9]{0,8})"  # "1.00.0" would be "1.0.0" under another name
    good = re.fullmatch(rf"{part}\.{part}\.{part}", str(number))
    return tuple(map(int, good.groups())) if good else ()


def _check_names(
    root: Path, name: str, number: str, parts: Parts, changes: Sequence[str], card: Card
) -> None:
    if not isinstance(parts, Mapping):
        problem = f"{type(parts).__name__} is no mapping. Give the parts as {{'train': frame}}."
        raise DataError(name, problem)
    for word in (name, *parts):
        if not re.fullmatch(r"[A-Za-z0-9_]+", str(word)):
            raise DataError(reprlib.repr(word), "a name may hold letters, digits and _ only.")
    if not parts:
        raise DataError(name, "there is no part to write. Give at least train.")
    if not _as_numbers(number):
        raise DataError(number, 'no version. Give three numbers, such as "1.0.0".')
    newest = versions(root)[-1:]
    if newest and _as_numbers(number) <= _as_numbers(newest[0]):
        raise DataError(root, f"version {newest[0]} is there already; {number} must be higher.")
    lines = [] if isinstance(changes, str) else list(changes or [])
    if not any(isinstance(line, str) and line.strip() for line in lines):
        raise DataError(name, "say what changed, in a list of lines; the first: 'first version'.")
    for statement, content in vars(card).items():
        if not isinstance(content, str) or not content.strip():
            problem = f"the card says nothing under {statement!r}. Write it; 'none known' will do."
            raise DataError(name, problem)


@contextlib.contextmanager
def _whole_folder(target: Path) -> Iterator[Path]:
    """Yield a folder beside `target` that takes its name at the end, or vanishes on an error."""
    part = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
        yield part
        part.chmod(0o755)  # mkdtemp makes it for its owner alone
        os.rename(part, target)  # refused if another has written this version meanwhile
    except OSError as error:
        problem = f"could not be written ({error.strerror or error}), and nothing of it was kept."
        raise DataError(
            target, f"{problem} Look at the disk and the folder, then again."
        ) from error
    finally:
        if part:
            shutil.rmtree(part, ignore_errors=True)


def _write_part(folder: Path, name: str, split: str, part: pd.DataFrame) -> dict:
    file = folder / name / f"{split}.parquet"
    file.parent.mkdir(exist_ok=True)
    part.to_parquet(file, index=False, compression="zstd")
    _to_disk(file)
    about = {"path": f"{name}/{split}.parquet", "rows": len(part), "bytes": file.stat().st_size}
    return about | {"sha256": sources.sha256(file)}


def _write_text(file: Path, text: str) -> None:
    file.write_text(text.rstrip() + "\n", encoding="utf-8", newline="\n")
    _to_disk(file)


def _to_disk(file: Path) -> None:
    """Wait until the file is on the disk: the folder takes its name only after that."""
    with open(file, "rb+") as stream:
        os.fsync(stream.fileno())


def _changelog(root: Path, number: str, changes: Sequence[str]) -> str:
    entry = "\n".join(f"- {change.strip()}" for change in changes if change.strip())
    newest = versions(root)[-1:]
    old = root / newest[0] / "CHANGELOG.md" if newest else None
    before = old.read_text(encoding="utf-8") if old and old.is_file() else "# Changes\n"
    return before.replace("# Changes\n", f"# Changes\n\n## {number}\n{entry}\n", 1)


# --- the card


def card_text(
    card: Card,
    name: str,
    number: str,
    parts: Parts,
    schema: tables.Schema = tables.REVIEWS,
) -> str:
    """The data card in Markdown: its head in YAML, what was said, and what was counted."""
    import yaml

    paths = [{"split": split, "path": f"{name}/{split}.parquet"} for split in parts]
    head = {
        "pretty_name": card.title,
        "license": card.licence,
        "language": [card.language],
        "version": number,
        "configs": [{"config_name": "default", "data_files": paths}],
    }
    titles = {"Origin": card.origin, "Purpose": card.purpose,
              "Known problems": card.known_problems, "Contact": card.contact}  # fmt: skip
    said = "\n\n".join(f"## {title}\n{text}" for title, text in titles.items())
    yaml_head = yaml.safe_dump(head, sort_keys=False, allow_unicode=True)
    return (
        f"---\n{yaml_head}---\n\n# {card.title}, version {number}\n\n{_counted(parts, schema)}\n\n"
        f"Columns: `text` (string), `label` (int64: {schema}).\n\n{said}\n"
    )


def _counted(parts: Parts, schema: tables.Schema) -> str:
    """A table of what can be counted, so that no one has to keep it true by hand."""
    classes = " | ".join(schema.names)
    lines = [
        f"| part | rows | {classes} | words (median, longest) | texts that occur before |",
        "|" + "---|" * (4 + len(schema.names)),
    ]
    for split, part in parts.items():
        counts = part["label"].value_counts()
        each = " | ".join(f"{counts.get(number, 0):,}" for number in range(len(schema.names)))
        words = part["text"].str.split().str.len()
        doubles = int(part["text"].duplicated().sum())
        lines.append(
            f"| {split} | {len(part):,} | {each} | {words.median():.0f}, {words.max():,} | {doubles} |"
        )
    shared = len(set.intersection(*(set(part["text"]) for part in parts.values())))
    known = f"\n\nTexts in every part: {shared}." if len(parts) > 1 else ""
    return "\n".join(lines) + known


# --- what two versions differ in


@dataclass
class Diff:
    """What a new version has done to the rows of an old one; each row is in one list.

    Attributes:
        same: how many rows are in both, in the same part and with the same label.
        moved: (text, from, to): the same row in another part.
        relabelled: (text, old label, new label).
        edited: (old text, new text, similarity): near duplicates with one label.
        removed, added: (part, text, label) without a counterpart.
    """

    same: int = 0
    moved: list[tuple[str, str, str]] = field(default_factory=list)
    relabelled: list[tuple[str, int, int]] = field(default_factory=list)
    edited: list[tuple[str, str, float]] = field(default_factory=list)
    removed: list[tuple[str, str, int]] = field(default_factory=list)
    added: list[tuple[str, str, int]] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """How many rows of each kind."""
        kinds = ("moved", "relabelled", "edited", "removed", "added")
        return {"same": self.same} | {kind: len(getattr(self, kind)) for kind in kinds}

    def lines(self) -> list[str]:
        """What changed, for the changelog: a line for each kind that there is."""
        words = {"moved": "moved to another part", "relabelled": "given another label"}
        counts = {kind: count for kind, count in self.counts().items() if count and kind != "same"}
        told = [f"rows {words.get(kind, kind)}: {count:,}" for kind, count in counts.items()]
        return told or ["no row changed"]


def diff(old: Parts, new: Parts, threshold: float = 0.5) -> Diff:
    """Compare two versions row by row. The order of rows does not count, how often they occur does.

    A row has no name in these tables: its text is what it is known by. So a text that was edited
    looks like one removed and one added; such pairs are found as near duplicates with
    `tables.near_duplicates` at `threshold`.

    Raises:
        DataError: a part lacks a column.
    """
    before, after = _rows(old), _rows(new)
    gone, come = before - after, after - before
    found = Diff(same=(before & after).total())
    for row, other in _matched(gone, come, lambda row: row[1:]):
        found.moved.append((row[1], row[0], other[0]))
    for row, other in _matched(gone, come, lambda row: row[:2]):
        found.relabelled.append((row[1], row[2], other[2]))
    for row, other, similarity in _edited(gone, come, threshold):
        found.edited.append((row[1], other[1], similarity))
    found.removed, found.added = sorted(gone.elements()), sorted(come.elements())
    return found


def _rows(parts: Parts) -> Counter:
    rows: Counter = Counter()
    for split, part in parts.items():
        part = tables.check(part, split)
        rows.update(zip([split] * len(part), part["text"], part["label"].tolist(), strict=True))
    return rows


def _matched(
    gone: Counter, come: Counter, key: Callable[[tuple], tuple]
) -> list[tuple[tuple, tuple]]:
    """Pairs with an equal key, taken out of both."""
    waiting: dict[tuple, list] = {}
    for row in sorted(come.elements(), reverse=True):
        waiting.setdefault(key(row), []).append(row)
    rows = sorted(gone.elements())
    pairs = [(row, waiting[key(row)].pop()) for row in rows if waiting.get(key(row))]
    gone -= Counter(row for row, _ in pairs)
    come -= Counter(row for _, row in pairs)
    return pairs


def _edited(gone: Counter, come: Counter, threshold: float) -> list[tuple[tuple, tuple, float]]:
    """Near duplicates across the two with one label, the most similar first, taken out of both."""
    old, new = sorted(gone.elements()), sorted(come.elements())
    if not old or not new:
        return []
    rows, used, pairs = old + new, set(), []
    alike = tables.near_duplicates([row[1] for row in rows], threshold)
    for i, j, similarity in alike.itertuples(index=False):
        across = i < len(old) <= j
        if across and not {i, j} & used and rows[i][2] == rows[j][2]:
            used |= {i, j}
            pairs.append((rows[i], rows[j], float(similarity)))
    gone -= Counter(row for row, *_ in pairs)
    come -= Counter(row for _, row, _ in pairs)
    return pairs
