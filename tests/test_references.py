"""Every source that a notebook cites stands in REFERENCES.md, and the classics come first."""

import re

import nbformat
import pytest

from tools import labs, notebooks

REFERENCES = (notebooks.ROOT / "REFERENCES.md").read_text("utf-8")
ENTRIES = [" ".join(entry.split()) for entry in re.split(r"^- ", REFERENCES, flags=re.M)[1:]]
# Maas et al. 2011), Glorot and Bengio (2010), Goodfellow, Bengio and Courville (2016)
CITED = re.compile(
    r"\b([A-Z][\w'-]+)(?:(?:, [A-Z][\w'-]+)* and [A-Z][\w'-]+| et al\.)?,? \(?((?:19|20)\d\d)[a-z]?\)"
)
NOT_NAMES = {"In", "Since", "From", "By", "Until", "Before", "May", "June", "July"}


def citations(path):
    book = nbformat.read(path, as_version=4)
    text = "\n".join(cell.source for cell in book.cells if cell.cell_type == "markdown")
    return [(name, year) for name, year in CITED.findall(text) if name not in NOT_NAMES]


def is_by(entry, name, year):
    """Whether it is of a person of this name, or of a body whose name ends so."""
    person = entry.startswith(f"{name}, ") and f"({year})" in entry
    return person or re.match(rf"[\w ]*\b{name} \({year}\)", entry)


PATHS = notebooks.find() + [labs.copy_of(folder) for folder in labs.find()]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_every_citation_is_listed(path):
    found = citations(path)
    assert found, "a notebook cites at least one source under Read on"
    missing = [
        f"{name} {year}"
        for name, year in found
        if not any(is_by(entry, name, year) for entry in ENTRIES)
    ]
    assert not missing, f"not in REFERENCES.md: {missing}"


def test_the_classics_come_first_with_their_authors_spelled_right():
    first = [line for line in REFERENCES.splitlines() if line.startswith("- ")][:3]
    assert [re.match(r"- (\w+)", line).group(1) for line in first] == [
        "Goodfellow",
        "LeCun",
        "Vaswani",
    ]
    for name in ("Vaswani, A.", "Shazeer, N.", "Parmar, N.", "Uszkoreit, J.", "Jones, L.",
                 "Gomez, A. N.", "Kaiser, Ł.", "Polosukhin, I."):  # fmt: skip
        assert name in REFERENCES
