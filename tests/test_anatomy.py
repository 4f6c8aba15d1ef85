"""What every notebook must look like: the anatomy of the course, without running anything."""

from __future__ import annotations

import ast
import itertools
import json
import re

import nbformat
import pytest

from helpers import course, results
from tools import notebooks

PATHS = notebooks.find()
MACHINE = re.compile(
    r"(?<![\w.:/])/(?:work|root|tmp|home|Users|opt|mnt|var)/[\w./-]+|[A-Z]:\\Users|site-packages/"
)
PROCESSOR = re.compile(r"\b(Xeon|EPYC|Ryzen|Core\(TM\)|Apple M\d)\b")
LONGEST_CELL, LONGEST_LINE, LARGEST = 25, 88, 1_000_000


@pytest.fixture(params=PATHS, ids=lambda path: path.stem, scope="module")
def path(request):
    return request.param


@pytest.fixture(scope="module")
def book(path):
    return nbformat.read(path, as_version=4)


def code(book):
    return [cell for cell in book.cells if cell.cell_type == "code"]


def outputs(book):
    return [(i, output) for i, cell in enumerate(book.cells) for output in cell.get("outputs", [])]


def words_of(output):
    """All text of an output that a reader may see."""
    data = output.get("data", {})
    texts = [output.get("text", "")] + [data[k] for k in data if k.startswith("text/")]
    return "\n".join("".join(text) for text in texts)


def test_there_are_notebooks():
    assert PATHS, "no notebook found: the other tests here would pass without checking anything"


def test_it_is_a_valid_notebook(book):
    nbformat.validate(book)


def test_title_first_and_only_one(book):
    assert book.cells[0].cell_type == "markdown"
    assert book.cells[0].source.startswith("# ")
    markdown = "\n".join(cell.source for cell in book.cells if cell.cell_type == "markdown")
    assert len(re.findall(r"^# ", markdown, re.M)) == 1
    assert "you will" in book.cells[0].source.lower(), "say what the reader will be able to do"


def test_headings_skip_no_level(book):
    levels = [
        len(found)
        for cell in book.cells
        if cell.cell_type == "markdown"
        for found in re.findall(r"^(#+) ", re.sub(r"```.*?```", "", cell.source, flags=re.S), re.M)
    ]
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels)), levels


def test_bootstrap_is_the_first_code_cell_and_the_same_everywhere(book):
    assert code(book)[0].source == notebooks.bootstrap()


def test_parameters_come_next_then_start(book):
    parameters, first = code(book)[1:3]
    assert "parameters" in parameters.metadata.get("tags", [])
    names = {node.targets[0].id for node in ast.parse(parameters.source).body}
    assert {"PROFILE", "SOURCE", "SEED"} <= names
    assert re.search(r"\bstart\(", first.source), "the cell after the parameters calls start()"


def test_code_parses_and_fits_a_screen(book):
    for cell in code(book)[1:]:
        ast.parse(re.sub(r"^(\s*)[%!].*", r"\1pass", cell.source, flags=re.M))
        lines = [line for line in cell.source.splitlines() if line.strip()]
        assert len(lines) <= LONGEST_CELL, f"{len(lines)} lines:\n{cell.source[:200]}"
        assert max(map(len, lines), default=0) <= LONGEST_LINE, cell.source[:200]


def test_it_ran_top_to_bottom(book):
    counts = [cell.execution_count for cell in code(book)]
    assert counts == list(range(1, len(counts) + 1))


def test_no_stored_error_and_nothing_on_stderr(book):
    for i, output in outputs(book):
        assert output.output_type != "error", f"cell {i} stored {output.get('ename')}"
        assert output.get("name") != "stderr", f"cell {i}: {output.get('text', '')[:200]}"


def test_no_widget_is_stored(book):
    """A bar or slider that is not running shows nothing but its beginning."""
    for i, output in outputs(book):
        assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {}), i


def test_the_results_that_ship_are_those_it_measured(path, book):
    table = json.loads(results.shipped().read_text("utf-8"))
    own = {name: entry for name, entry in table.items() if name.startswith(f"{path.name[:2]}.")}
    assert book.metadata.course.results == course.digest(own), "results.json was edited by hand"


def test_outputs_name_no_machine(book):
    for i, output in outputs(book):
        text = words_of(output)
        found = MACHINE.search(text) or PROCESSOR.search(text)
        assert not found, f"cell {i} stored {found.group(0)!r}"


def test_every_picture_has_words(book):
    for i, output in outputs(book):
        if any(kind.startswith("image/") for kind in output.get("data", {})):
            alt = output.metadata.get("image/png", {}).get("alt", "")
            assert len(alt.split()) >= 4, f"the figure of cell {i} has no alt text: use plots.show"
    for cell in book.cells:
        assert not re.search(r"!\[\s*\]\(", cell.source), "an image in the text without alt text"
        assert not re.search(r"!\[[^]]*\]\(http", cell.source), "an image that needs the network"


def test_it_ends_with_a_checkpoint_and_a_recap(book):
    headings = re.findall(r"^## (.+)$", "\n".join(c.source for c in book.cells), re.M)
    assert headings[-2:] == ["Checkpoint", "Recap"], headings[-3:]
    asserts = [
        node
        for cell in code(book)
        for node in ast.walk(ast.parse(re.sub(r"^(\s*)[%!].*", r"\1pass", cell.source, flags=re.M)))
        if isinstance(node, ast.Assert)
    ]
    assert len(asserts) >= 3, "the text's claims are held by asserts"
    assert "**Read on**" in book.cells[-1].source


def test_no_relative_data_path(book):
    for cell in code(book):
        assert not re.search(r"""["'](\.\.?/|data/)""", cell.source), cell.source[:200]


def test_its_size_is_bounded(path):
    assert path.stat().st_size <= LARGEST


def test_budgets_were_met_when_it_was_recorded(book):
    about = book.metadata.course
    assert about.sample_seconds <= 60, "at most 60 s on the sample"
    assert about.seconds <= 180, "at most 3 minutes on real data"


def test_nothing_was_edited_after_recording(book):
    assert book.metadata.course.fingerprint == course.fingerprint(book), (
        "code or outputs differ from what was recorded: run `make record` for this notebook"
    )


def test_generated_lines_are_those_of_the_measurements(path, book):
    chapters = course.chapters()
    assert notebooks.HEADER.search(book.cells[0].source).group(0) == notebooks.header(
        path, chapters
    )
    last = book.cells[-1].source
    assert notebooks.NEXT.search(last).group(0) == notebooks.next_line(path, chapters)


def test_the_index_and_the_readme_are_those_of_the_notebooks():
    chapters = [notebooks.chapter(path) for path in PATHS]
    assert list(course.chapters()) == chapters
    readme = notebooks.README.read_text("utf-8")
    for chapter in chapters:
        assert chapter.title in notebooks.README_MAP.search(readme).group(0)
    assert notebooks.README_TABLE.search(readme).group(0) == notebooks.readme_table(chapters)


def test_the_map_names_every_notebook(monkeypatch):
    from helpers import plots

    seen = {}
    monkeypatch.setattr(plots, "show", lambda fig, alt: seen.update(fig=fig, alt=alt))
    course.draw_map()
    drawn = " ".join(text.get_text() for text in seen["fig"].axes[0].texts)
    for chapter in course.chapters():
        assert chapter.number in drawn and chapter.title in seen["alt"]
