"""A submission set right before it is graded: cells that were copied, deleted or damaged.

What counts is what a learner wrote: the solutions, found by their nbgrader id, else by the name that
they define, and cells of the learner's own. Everything else comes from the master's copy, at its
place. So a deleted check is there again, a second copy of one is gone, and points, ids and kernel are
those of the master, whatever happened to the metadata. Each change is named.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode

LARGEST = 64 * 2**20  # bytes of a submitted file
LAB = re.compile(r"labs\.check\(\s*[\"']lab(\d\d)\.")
DEFINED = re.compile(r"^(?:def|class) (\w+)|^(\w+)\s*=", re.M)


class Unreadable(ValueError):
    """A submission that is no notebook; the message says why, for its author."""


@dataclass
class Mended:
    """A notebook that can be graded, and what had to be done for it."""

    book: NotebookNode
    notes: list[str] = field(default_factory=list)


def read(path: Path) -> NotebookNode:
    """A submitted file as a notebook in today's format.

    Raises:
        Unreadable: it is too large, no text, no JSON, or no notebook.
    """
    size = path.stat().st_size
    if size > LARGEST:
        raise Unreadable(f"the file is larger than {LARGEST >> 20} MiB ({size >> 20} MiB)")
    try:
        raw = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"the file is no notebook ({type(error).__name__}: it cannot be read as "
                         "JSON; was it cut off, or saved in another format?)") from None  # fmt: skip
    if not isinstance(raw, dict) or not isinstance(raw.get("cells"), list):
        raise Unreadable("the file is no notebook of a format from 2015 or later: it has no cells")
    cells = [cell for cell in map(_cell, raw["cells"]) if cell is not None]
    return nbformat.from_dict({"cells": cells, "metadata": raw.get("metadata", {})})


def _cell(raw: object) -> dict | None:
    """What is of use in a cell: its kind, text, id and metadata; None for what is no cell."""
    if not isinstance(raw, dict):
        return None
    source = raw.get("source", "")
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    if not isinstance(source, str):
        return None
    about = raw.get("metadata")
    return {
        "cell_type": raw.get("cell_type"),
        "source": source,
        "id": raw.get("id") if isinstance(raw.get("id"), str) else "",
        "metadata": about if isinstance(about, dict) else {},
    }


def lab_of(book: NotebookNode, copies: Mapping[str, NotebookNode], file: str = "") -> str | None:
    """Which of the labs a notebook is of: by its checks, by its answers, or by the file's name.

    Args:
        copies: the copies that were handed out, by the names of their labs ("07_attention").
    """
    found = [number for cell in book.cells for number in LAB.findall(cell.source)]
    for number in sorted(set(found), key=found.count, reverse=True):
        for name in copies:
            if name.startswith(number):
                return name
    if found:
        return None
    shared = {name: _shared(book, copy) for name, copy in copies.items()}
    best = max(shared, key=shared.get, default=None)
    if best is not None and shared[best]:
        return best
    return next((name for name in copies if name in file), None)


def _shared(book: NotebookNode, copy: NotebookNode) -> int:
    """How many cells of a notebook are answers or checks of this lab."""
    places = [_place(cell, copy) for cell in book.cells if cell.cell_type == "code"]
    return sum(place is not None and bool(_grade_id(copy.cells[place])) for place in places)


def mend(copy: NotebookNode, submitted: NotebookNode) -> Mended:
    """The learner's work in the form of the learner's copy.

    Args:
        copy: the copy that was handed out, made from the master; it is not changed.
        submitted: what came back, from `read`.
    """
    notes: list[str] = []
    made = nbformat.reads(nbformat.writes(copy), as_version=4)
    theirs = [cell for cell in submitted.cells if cell.cell_type == "code"]
    places = [_place(cell, made) for cell in theirs]
    _report_checks(made, theirs, places, notes)
    after: dict[int, list[NotebookNode]] = {}
    last = -1
    candidates: dict[int, list[str]] = {}
    for cell, place in zip(theirs, places, strict=True):
        if place is None:
            if cell.source.strip():
                after.setdefault(last, []).append(_own(cell.source))
            continue
        last = max(last, place)
        candidates.setdefault(place, []).append(cell.source)
    for place, cell in enumerate(made.cells):
        if cell.cell_type == "code" and not _graded(cell):
            extra = _fill(cell, candidates.get(place, []), notes)
            after.setdefault(place - 1, []).extend(map(_own, extra))
    deleted = [_task(c) for n, c in enumerate(made.cells) if _solution(c) and n not in candidates]
    if deleted:
        notes.append(f"answer deleted, its empty form put back: {', '.join(deleted)}")
    _report_kernel(submitted, notes)
    cells = list(after.get(-1, []))
    for place, cell in enumerate(made.cells):
        cells += [cell, *after.get(place, [])]
    for number, cell in enumerate(cells):
        if cell.metadata.get("own"):
            cell.metadata, cell.id = nbformat.from_dict({}), f"own-{number}"
    made.cells = cells
    return Mended(made, notes)


def _own(source: str) -> NotebookNode:
    """A cell of the learner's own; its place in the notebook gives it its id later."""
    cell = nbformat.v4.new_code_cell(source)
    cell.metadata["own"] = True
    return cell


def _graded(cell: NotebookNode) -> bool:
    return bool(cell.metadata.get("nbgrader", {}).get("grade"))


def _solution(cell: NotebookNode) -> bool:
    return bool(cell.metadata.get("nbgrader", {}).get("solution"))


def _grade_id(cell: NotebookNode) -> str:
    about = cell.metadata.get("nbgrader")
    name = about.get("grade_id") if isinstance(about, dict) else None
    return name if isinstance(name, str) else ""


def _task(cell: NotebookNode) -> str:
    """The task that a solution's cell answers."""
    return _grade_id(cell).removeprefix("answer-")


def _place(cell: NotebookNode, made: NotebookNode) -> int | None:
    """Which cell of the copy this one is: by nbgrader's id, by what it checks or defines, by its id."""
    code = [(n, c) for n, c in enumerate(made.cells) if c.cell_type == "code"]
    marked = [(n, c) for n, c in code if _grade_id(c)]
    names = {a or b for a, b in DEFINED.findall(cell.source)}
    answers = {_task(c) for _, c in marked if _solution(c)}
    for n, c in marked:
        # An answer typed into the cell of a check is an answer.
        if _grade_id(cell) == _grade_id(c) and (_solution(c) or not names & answers):
            return n
    for n, c in marked:
        if cell.source.strip() == c.source.strip():
            return n
    for n, c in marked:
        if _solution(c) and _task(c) in names:
            return n
    for n, c in code:
        same = cell.source.strip() == c.source.strip()
        if not _grade_id(c) and (same or (cell.id and cell.id == c.id)):
            return n
    return None


def _report_checks(
    made: NotebookNode, theirs: list, places: list[int | None], notes: list[str]
) -> None:
    """Note which checks were missing, copied, edited or damaged; the copy has them as they were."""
    seen: dict[str, list[str]] = {}
    for n, cell in enumerate(made.cells):
        if not _graded(cell):
            continue
        found = [c for c, place in zip(theirs, places, strict=True) if place == n]
        for what in _wrong_with(cell, found):
            seen.setdefault(what, []).append(_grade_id(cell))
    for what, names in seen.items():
        notes.append(f"check {what}, put back: {', '.join(names)}")


def _wrong_with(cell: NotebookNode, found: list) -> Iterator[str]:
    if not found:
        yield "missing"
    if len(found) > 1:
        yield "copied"
    if any(other.source.strip() != cell.source.strip() for other in found):
        yield "edited"
    if any(_lost(other.metadata.get("nbgrader"), cell.metadata["nbgrader"]) for other in found):
        yield "with damaged metadata"


def _lost(about: object, wanted: dict) -> bool:
    keys = ("grade", "grade_id", "points", "solution", "locked")
    return not isinstance(about, dict) or any(about.get(key) != wanted.get(key) for key in keys)


def _fill(cell: NotebookNode, sources: list[str], notes: list[str]) -> list[str]:
    """Put the learner's version into a cell of the copy; returns earlier versions to keep before it."""
    written = [source for source in sources if source.strip() != cell.source.strip()]
    if _solution(cell) and len(sources) > 1:
        notes.append(
            f"{len(sources)} cells answer {_task(cell)}; the last that is filled in counts"
        )
    if written:
        cell.source = written[-1]
    return written[:-1]


def _report_kernel(submitted: NotebookNode, notes: list[str]) -> None:
    about = submitted.metadata if isinstance(submitted.metadata, dict) else {}
    kernel = about.get("kernelspec")
    name = kernel.get("name") if isinstance(kernel, dict) else None
    if name != "python3":
        notes.append(f"the kernel was {str(name)[:40]!r}; graded with python3")


def notebooks_in(folder: Path) -> Iterator[Path]:
    """Files that may be submitted labs; links are not followed: they may lead anywhere."""
    for path in sorted(folder.rglob("*.ipynb")):
        inside = [p for p in path.parents if p.is_relative_to(folder) and p != folder]
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        if not path.is_symlink() and path.is_file() and not any(p.is_symlink() for p in inside):
            yield path
