"""Packages as a graph, licences, plug-ins, cards, logs: made-up ones, and what is installed."""

from __future__ import annotations

import contextlib
import http.server
import subprocess
import sys
import threading
import time

import networkx as nx
import pytest
from packaging.requirements import Requirement

from helpers import ecosystem, plots

LINUX = {"sys_platform": "linux", "python_version": "3.12", "platform_system": "Linux"}


@pytest.fixture
def world(tmp_path):
    """Write made-up distributions; the result installs one into a folder of its own."""

    def add(name, *requires, about="", entry_points="", record=None, folder="", version="1.0"):
        info = tmp_path / (folder or f"{name}-{version}.dist-info")
        info.mkdir(exist_ok=True)
        lines = [f"Name: {name}", f"Version: {version}", about.strip("\n")]
        lines += [f"Requires-Dist: {requirement}" for requirement in requires]
        text = "\n".join(["Metadata-Version: 2.1", *filter(None, lines)]) + "\n"
        (info / "METADATA").write_text(text, encoding="utf-8")
        if entry_points:
            (info / "entry_points.txt").write_text(entry_points, encoding="utf-8")
        if record is not None:
            (info / "RECORD").write_text(record, encoding="utf-8")
        return info

    add.path = tmp_path
    add.read = lambda: ecosystem.installed([tmp_path])
    add.graph = lambda **about: ecosystem.dependency_graph(add.read(), **about)
    return add


def arrows(graph):
    return set(graph.edges())


# --- what is installed


def test_importing_it_loads_nothing_heavy():
    code = (
        "import sys; from helpers import ecosystem; print([m for m in ('networkx', 'pandas', "
        "'matplotlib', 'yaml', 'numpy', 'tensorflow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_names_are_canonical_however_they_are_written(world):
    world("Zope.Interface_Thing", "Some_Other>=1")
    world("some-other")
    assert arrows(world.graph()) == {("zope-interface-thing", "some-other")}


def test_the_first_of_two_with_one_name_counts(tmp_path):
    for place, version in (("near", "2.0"), ("far", "1.0")):
        info = tmp_path / place / f"twin-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: twin\nVersion: {version}\n")
    found = ecosystem.installed([tmp_path / "near", tmp_path / "far"])
    assert found.packages["twin"].version == "2.0" and found.problems == ()


def test_a_distribution_without_a_name_is_skipped_and_reported(world):
    world("fine")
    nameless = world.path / "ghost-1.0.dist-info"
    nameless.mkdir()
    (nameless / "METADATA").write_text("Metadata-Version: 2.1\n")
    (world.path / "hollow-1.0.dist-info").mkdir()
    found = world.read()
    assert list(found.packages) == ["fine"]
    assert len(found.problems) == 2
    assert any("ghost-1.0.dist-info" in line and "no name" in line for line in found.problems)
    assert not any(str(world.path) in line for line in found.problems), "a path would be stored"


def test_one_bad_requirement_does_not_cost_the_others(world):
    world("a", "b", "this is >> no requirement", "c")
    world("b")
    world("c")
    found = world.read()
    assert arrows(ecosystem.dependency_graph(found)) == {("a", "b"), ("a", "c")}
    [problem] = found.problems
    assert problem.startswith("a:") and "this is >> no requirement" in problem


def test_bytes_that_are_no_text_and_entry_points_that_are_none(world):
    (world("latin") / "METADATA").write_bytes(b"Metadata-Version: 2.1\nName: caf\xe9\nVersion: 1\n")
    world("odd", entry_points="[group\nno = sense")
    world("fine")
    found = world.read()
    assert {"fine", "odd"} <= set(found.packages)
    assert found.packages["odd"].entry_points == ()
    assert found.problems, "one of the two should be reported"


def test_modules_and_sizes_come_from_the_list_of_files(world):
    record = "pic/__init__.py,sha256=x,120\npic/_core.so,,9000\npic_one.py,,30\npic.libs/z.so,,1\n"
    world("picture", record=record)
    world("bare")
    packages = world.read().packages
    assert ecosystem.import_names(packages["picture"]) == ["pic", "pic_one"]
    assert ecosystem.source_bytes(packages["picture"]) == 150
    assert ecosystem.import_names(packages["bare"]) == []
    assert ecosystem.source_bytes(packages["bare"]) == 0


def test_what_is_loaded_grows_by_an_import_and_counts_no_file_twice():
    before = ecosystem.loaded_bytes()
    assert 0 < before == ecosystem.loaded_bytes()


# --- the graph


def test_markers_are_evaluated_for_the_machine(world):
    world("a", 'win; sys_platform == "win32"', 'lin; sys_platform == "linux"',
          'old; python_version < "3.9"', "all")  # fmt: skip
    for name in ("win", "lin", "old", "all"):
        world(name)
    assert arrows(world.graph(environment=LINUX)) == {("a", "lin"), ("a", "all")}
    windows = {**LINUX, "sys_platform": "win32"}
    assert arrows(world.graph(environment=windows)) == {("a", "win"), ("a", "all")}


def test_a_marker_that_cannot_be_compared_asks_for_nothing(world):
    world("a", 'b; platform_release >= "6.1.0-custom"', "c")
    world("b")
    world("c")
    graph = world.graph(environment={**LINUX, "platform_release": "not-a-version"})
    assert ("a", "c") in arrows(graph)


def test_an_extra_nobody_asks_for_adds_nothing(world):
    world("lib", "core", 'tester; extra == "test"')
    world("core")
    world("tester")
    assert arrows(world.graph()) == {("lib", "core")}


def test_an_extra_counts_for_the_one_who_asked_for_it(world):
    world("app", "lib[Fast_Mode]")
    world("plain", "lib")
    world("lib", "core", 'speed; extra == "fast-mode"')
    world("core")
    world("speed")
    graph = world.graph()
    assert ("app", "speed") in arrows(graph) and ("lib", "speed") not in arrows(graph)
    assert graph.edges["app", "speed"]["extra"] == "lib[fast-mode]"
    assert graph.edges["app", "lib"]["extra"] == ""
    assert ecosystem.breaks_without(graph, "speed") == {"app"}
    assert ecosystem.breaks_without(graph, "core") == {"app", "plain", "lib"}


def test_extras_that_ask_for_extras_of_themselves_come_to_an_end(world):
    world("app", "lib[all]")
    world("lib", 'lib[a,b]; extra == "all"', 'x; extra == "a"', 'lib[all]; extra == "b"')
    world("x")
    assert arrows(world.graph()) == {("app", "lib"), ("app", "x")}


def test_what_is_needed_and_not_there_is_listed(world):
    world("a", "nowhere>=2", "b")
    world("b")
    graph = world.graph()
    assert graph.graph["missing"] == [("a", "nowhere")] and "nowhere" not in graph


def test_a_circle_is_no_trouble(world):
    world("a", "b")
    world("b", "c")
    world("c", "a", "d")
    world("d")
    graph = world.graph()
    assert ecosystem.breaks_without(graph, "d") == {"a", "b", "c"}
    assert ecosystem.breaks_without(graph, "a") == {"b", "c"}
    assert ecosystem.only_through(graph, "a", "b") == {"b", "c", "d"}


def test_only_through_counts_what_would_leave_with_it(world):
    world("root", "a", "b")
    world("a", "own", "both")
    world("b", "both")
    world("own")
    world("both")
    graph = world.graph()
    assert ecosystem.only_through(graph, "root", "a") == {"a", "own"}
    assert ecosystem.only_through(graph, "root", "both") == {"both"}


def test_an_unknown_name_is_answered_with_the_nearest(world):
    world("numpy")
    with pytest.raises(ValueError, match="did you mean 'numpy'"):
        ecosystem.breaks_without(world.graph(), "numpi")


def test_the_course_is_there_even_where_it_is_not_installed(world):
    world("numpy")
    graph = world.graph(course=[Requirement("numpy>=2"), Requirement("absent")])
    assert arrows(graph) == {(ecosystem.COURSE, "numpy")}
    assert graph.nodes[ecosystem.COURSE]["group"] == "other or unknown"


# --- storeys


def house(world):
    """root asks for a, b, c, n; a and b share s; a, b and c need n; p is a's alone."""
    world("root", "a", "b", "c", "n")
    world("a", "s", "n", "p")
    world("b", "s", "t", "n")
    world("c", "n")
    world("s", "t")
    for name in ("t", "n", "p"):
        world(name)
    return world.graph()


def test_storeys_hold_each_package_once(world):
    own, boxes = ecosystem.storeys(house(world), "root")
    assert own == {"a": 1, "b": 0, "c": 0}
    assert [(box.names, sorted(box.users), box.asked) for box in boxes] == [
        (("n",), ["a", "b", "c"], True),
        (("s", "t"), ["a", "b"], False),
    ]


def test_the_drawing_shows_every_name_and_no_text_on_another(world, monkeypatch):
    plots.use_style()
    graph = house(world)
    seen = {}
    monkeypatch.setattr(plots, "show", lambda fig, alt: seen.update(fig=fig, alt=alt))
    ecosystem.draw_storeys(graph, "root", title="A house", alt="four words of alt")
    assert "s, t  (2)" in words(seen["fig"]) and "a  + 1 of its own" in words(seen["fig"])
    assert overlaps(seen["fig"]) == []


def test_the_drawing_of_this_environment_can_be_read(monkeypatch):
    plots.use_style()
    found = ecosystem.installed()
    graph = ecosystem.dependency_graph(found, course=ecosystem.course_requirements())
    seen = {}
    monkeypatch.setattr(plots, "show", lambda fig, alt: seen.update(fig=fig))
    ecosystem.draw_storeys(graph, ecosystem.COURSE, title="Real", alt="four words of alt", most=12)
    assert overlaps(seen["fig"]) == []
    assert any("that fewer share" in text for text in words(seen["fig"])) or len(
        ecosystem.storeys(graph, ecosystem.COURSE)[1]
    ) <= 12  # fmt: skip


def words(fig):
    return [text.get_text() for text in fig.axes[0].texts]


def overlaps(fig):
    """Pairs of texts that lie on each other, and texts that leave the figure."""
    fig.canvas.draw()
    boxes = [(t.get_text(), t.get_window_extent()) for t in fig.axes[0].texts if t.get_text()]
    pairs = [
        (a, b) for i, (a, one) in enumerate(boxes) for b, two in boxes[:i] if one.overlaps(two)
    ]
    width = fig.bbox.width
    return pairs + [a for a, box in boxes if box.x0 < 0 or box.x1 > width]


# --- licences


@pytest.mark.parametrize(
    "about, licence, group",
    [
        ("License-Expression: MIT", "MIT", "permissive"),
        ("License-Expression: mit or gpl-3.0-only", "MIT OR GPL-3.0-only", "permissive"),
        ("License-Expression: MIT AND GPL-3.0-only", "MIT AND GPL-3.0-only", "strong copyleft"),
        ("License: BSD 3-Clause License", "BSD-3-Clause", "permissive"),
        ("License: 3-Clause BSD License", "BSD-3-Clause", "permissive"),
        ("License: Apache License, Version 2.0", "Apache-2.0", "permissive"),
        ("License: Apache 2.0", "Apache-2.0", "permissive"),
        ("License: Apache Software License", "Apache", "permissive"),
        ("License: MPL-2.0 AND MIT", "MPL-2.0 AND MIT", "weak copyleft"),
        ("License: GNU LGPL", "LGPL", "weak copyleft"),
        ("License: GPLv3", "GPL", "strong copyleft"),
        ("License: PSFL", "PSF-2.0", "permissive"),
        ("License: UNKNOWN", "unknown", "other or unknown"),
        ("License: ask my lawyer", "unknown", "other or unknown"),
        ("", "unknown", "other or unknown"),
        ("Classifier: License :: OSI Approved :: BSD License", "BSD", "permissive"),
        ("Classifier: License :: OSI Approved", "unknown", "other or unknown"),
        ("Classifier: License :: Other/Proprietary License", "LicenseRef-Proprietary",
         "other or unknown"),
        ("Classifier: License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)", "MPL-2.0",
         "weak copyleft"),
        ("License: Permission is hereby granted, free of charge, to any person", "MIT",
         "permissive"),
        ("License: Dual License\nClassifier: License :: OSI Approved :: BSD License\n"
         "Classifier: License :: OSI Approved :: Apache Software License", "Apache AND BSD",
         "permissive"),
    ],
)  # fmt: skip
def test_licences_are_tidied_and_grouped(world, about, licence, group):
    world("thing", about=about)
    package = world.read().packages["thing"]
    assert (package.licence, package.group) == (licence, group)


@pytest.mark.parametrize(
    "expression, group",
    [
        ("(MIT OR GPL-2.0-only) AND MPL-2.0", "weak copyleft"),
        ("MIT OR (GPL-2.0-only AND MPL-2.0)", "permissive"),
        ("GPL-3.0-or-later WITH GCC-exception-3.1", "weak copyleft"),
        ("Apache-2.0 WITH LLVM-exception", "permissive"),
        ("AGPL-3.0-only", "strong copyleft"),
        ("LGPL-2.1-or-later", "weak copyleft"),
        ("CC-BY-NC-4.0", "other or unknown"),
        ("BUSL-1.1", "other or unknown"),
        ("Llama 3.1 Community License", "other or unknown"),
        ("", "other or unknown"),
        ("((MIT", "permissive"),
        ("AND OR )", "other or unknown"),
    ],
)
def test_expressions_are_read_with_their_brackets(expression, group):
    assert ecosystem.licence_group(expression) == group


def test_every_group_says_what_it_asks():
    assert all(len(text.split()) > 3 for text in ecosystem.OBLIGATIONS.values())


def test_contradictions_are_seen_and_agreement_is_not(world):
    mit = "License-Expression: MIT\nClassifier: License :: OSI Approved :: "
    world("odd", about=mit + "Apache Software License")
    world("even", about="License: BSD-3-Clause\nClassifier: License :: OSI Approved :: BSD License")
    world("silent")
    packages = world.read().packages
    assert [name for name in packages if ecosystem.contradictory(packages[name])] == ["odd"]


# --- plug-ins


def test_groups_name_their_guests_and_their_host(world):
    world("nbconvert", entry_points="[nbconvert.exporters]\nhtml = n:H\npdf = n:P\n")
    world("guest", entry_points="[nbconvert.exporters]\nmine = g:M\n[pytest11]\ng = g\n")
    world("pytest")
    world("py")
    found = world.read()
    groups = ecosystem.plugin_groups(found)
    assert groups["nbconvert.exporters"] == {"guest": 1, "nbconvert": 2}
    assert ecosystem.host_of("nbconvert.exporters", found) == "nbconvert"
    assert ecosystem.host_of("pytest11", found) == "pytest"
    assert ecosystem.host_of("console_scripts", found) == ""


# --- cards


CARD = """---
license: mit
tags: [a, b]
---
# name
## Uses
### Direct Use
Reading.
## Training Data
<!-- Say where they come from -->
[More Information Needed]
## Caveats
- **Known faults:** [More Information Needed]
```
# Metrics
not a heading
```
## Evaluation data ##
A thousand reviews.
"""


def test_a_card_is_taken_apart():
    card = ecosystem.read_card(CARD)
    assert card.front == {"license": "mit", "tags": ["a", "b"]}
    assert card.headings == (
        "name", "Uses", "Direct Use", "Training Data", "Caveats", "Evaluation data",
    )  # fmt: skip
    assert card.answers["Evaluation data"].strip() == "A thousand reviews."


def test_placeholders_comments_and_code_are_no_answers():
    open_ones = ecosystem.missing(ecosystem.read_card(CARD), ecosystem.MODEL_CARD)
    assert "intended use" not in open_ones and "evaluation data" not in open_ones
    assert {"training data", "caveats and recommendations", "metrics"} <= set(open_ones)


def test_small_headings_count_where_nothing_fits_better():
    questions = {"factors": r"\bfactors\b", "uses": r"\buses\b"}
    both = "## Factors & Metrics\n### Factors\nTODO\n### Metrics\nF1.\n## Uses\n### Who\nAll."
    assert ecosystem.missing(ecosystem.read_card(both), questions) == ["factors"]


def test_tables_and_bold_sentences_answer_too():
    text = (
        "## x.csv\n\n| | |\n|---|---|\n| licence | CC BY 4.0 |\n\n**What it is for.** To\ntest.\n"
    )
    card = ecosystem.read_card(text)
    assert card.answers["licence"] == "CC BY 4.0"
    assert card.answers["What it is for"] == "To test."
    assert "maintenance" in ecosystem.missing(card, ecosystem.DATA_CARD)
    assert "distribution" not in ecosystem.missing(card, ecosystem.DATA_CARD)


def test_a_card_without_anything_misses_everything():
    card = ecosystem.read_card("")
    assert ecosystem.missing(card, ecosystem.MODEL_CARD) == list(ecosystem.MODEL_CARD)


@pytest.mark.parametrize(
    "text, word", [("---\na: [1\n---\n", "not YAML"), ("---\n- a\n- b\n---\n", "no mapping")]
)
def test_front_matter_that_is_none_is_named(text, word):
    with pytest.raises(ValueError, match=word):
        ecosystem.read_card(text)


def test_windows_line_ends_and_a_byte_order_mark():
    card = ecosystem.read_card("\ufeff" + CARD.replace("\n", "\r\n"))
    assert card.front["license"] == "mit" and "Uses" in card.headings


# --- git and logs


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Two commits of a made-up project, the settings of whoever runs this made useless."""
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody Real")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    folder = tmp_path / "project"
    for name in ("tests/test_a.py", "helpers/a.py", "requirements.lock", "README.md"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("one\ntwo\n", newline="\n")
    ecosystem.git(folder, "init", "--quiet", "--initial-branch=main")
    ecosystem.git(folder, "config", "user.name", "A learner")
    ecosystem.git(folder, "config", "user.email", "learner@example.org")
    commit(folder, "First, with a\ttab", "2026-03-02T09:00:00+00:00")
    (folder / "helpers" / "a.py").write_text("one\nthree\nfour\n", newline="\n")
    (folder / "helpers" / "picture.png").write_bytes(bytes(range(256)))
    commit(folder, "Second", "2026-03-03T09:00:00+00:00")
    return folder


def commit(folder, subject, when):
    ecosystem.git(folder, "add", "--all")
    ecosystem.git(folder, "commit", "--quiet", "--message", subject, when=when)


def test_the_same_commits_have_the_same_hashes_everywhere(repository):
    hashes = ecosystem.git(repository, "log", "--format=%h").split()
    assert hashes == ["6f705e1", "68f40d0"]
    assert "Somebody" not in ecosystem.git(repository, "log", "--format=%an %cn")


def test_history_counts_lines_by_area_and_names_nobody(repository):
    rows = ecosystem.history(repository)
    assert all(tuple(row) == ecosystem.LOG for row in rows)
    newest = {row["area"]: row for row in rows if row["subject"] == "Second"}
    assert list(newest) == ["helpers"]
    assert (newest["helpers"]["insertions"], newest["helpers"]["deletions"]) == ("2", "1")
    assert newest["helpers"]["files"] == "2", "a binary file counts as a file, without lines"
    first = {row["area"] for row in rows if row["subject"].startswith("First")}
    assert first == {"tests", "helpers", "copied or generated", "documents"}
    assert "learner" not in str(rows)


def test_a_folder_inside_somebody_elses_repository_has_no_history(repository, tmp_path):
    assert ecosystem.history(repository / "helpers") == []
    assert ecosystem.history(tmp_path) == []


def test_without_git_there_is_no_history_and_an_error_with_words(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ecosystem.history(tmp_path) == []
    with pytest.raises(ecosystem.GitError, match="could not be run"):
        ecosystem.git(tmp_path, "status")


def test_what_git_refuses_is_told_in_its_words(tmp_path):
    with pytest.raises(ecosystem.GitError, match="not a git repository"):
        ecosystem.git(tmp_path, "log")


def test_the_longer_log_is_taken(monkeypatch):
    many = [dict.fromkeys(ecosystem.LOG, str(i)) for i in range(1_000)]
    monkeypatch.setattr(ecosystem, "history", lambda folder: many)
    assert ecosystem.course_log() == (many, "git log of this checkout")
    monkeypatch.setattr(ecosystem, "history", lambda folder: [])
    rows, origin = ecosystem.course_log()
    assert rows and "recorded" in origin and tuple(rows[0]) == ecosystem.LOG


def test_tests_are_really_run(tmp_path):
    head = "import unittest\nclass T(unittest.TestCase):\n    def test_it(self):\n        "
    (tmp_path / "test_it.py").write_text(head + "self.assertEqual('a', 'b')\n")
    assert ecosystem.run_tests(tmp_path).splitlines() == [
        "FAIL: test_it", "AssertionError: 'a' != 'b'", "Ran 1 test", "FAILED (failures=1)",
    ]  # fmt: skip
    (tmp_path / "test_it.py").write_text(head + "pass\n")
    assert ecosystem.run_tests(tmp_path).splitlines() == ["Ran 1 test", "OK"]
    (tmp_path / "test_it.py").write_text("import no_such_module_at_all\n")
    assert "ModuleNotFoundError" in ecosystem.run_tests(tmp_path)


# --- live figures


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/slow":
            time.sleep(3)
        with contextlib.suppress(OSError):
            self.send_response(500 if self.path == "/error" else 200)
            self.end_headers()
        bodies = {"/good": b'{"stars": 3}', "/list": b"[1]"}
        with contextlib.suppress(OSError):  # the slow one's caller has gone
            self.wfile.write(bodies.get(self.path, b"<html>please log in</html>"))

    def log_message(self, *about):
        pass


@pytest.fixture
def server():
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()


@pytest.mark.clock
def test_live_takes_what_answers_and_waits_for_nobody(server):
    addresses = {name: f"{server}/{name}" for name in ("good", "list", "page", "error", "slow")}
    addresses["closed"] = "http://127.0.0.1:9/"
    began = time.monotonic()
    answers = ecosystem.live(addresses, seconds=1.0)
    assert time.monotonic() - began < 2
    assert answers.pop("good") == {"stars": 3}
    assert list(answers) == ["list", "page", "error", "slow", "closed"]
    assert set(answers.values()) == {None}


# --- this very environment


@pytest.fixture(scope="module")
def here():
    found = ecosystem.installed()
    return found, ecosystem.dependency_graph(found, course=ecosystem.course_requirements())


def test_the_real_environment_is_read(here):
    found, graph = here
    assert {"numpy", "networkx", "matplotlib", "keras"} <= set(found.packages)
    assert graph.has_edge("matplotlib", "numpy") and graph.has_edge(ecosystem.COURSE, "numpy")
    assert "matplotlib" in ecosystem.breaks_without(graph, "numpy")
    assert ecosystem.breaks_without(graph, ecosystem.COURSE) == set()
    assert not any(name == other for name, other in graph.edges)


def test_what_the_course_asks_for_is_all_here(here):
    _, graph = here
    assert [pair for pair in graph.graph["missing"] if pair[0] == ecosystem.COURSE] == []
    asked = {requirement.name for requirement in ecosystem.course_requirements()}
    assert asked == set(graph.successors(ecosystem.COURSE))


def test_most_licences_are_understood(here):
    found, _ = here
    known = [package.licence != ecosystem.UNKNOWN for package in found.packages.values()]
    assert sum(known) / len(known) > 0.95
    assert found.packages["numpy"].group == "permissive"


def test_modules_of_real_packages(here):
    packages = here[0].packages
    assert "PIL" in ecosystem.import_names(packages["pillow"])
    assert "dateutil" in ecosystem.import_names(packages["python-dateutil"])
    assert ecosystem.source_bytes(packages["networkx"]) > 1e6


def test_storeys_hold_all_that_the_course_needs(here):
    _, graph = here
    own, boxes = ecosystem.storeys(graph, ecosystem.COURSE)
    drawn = len(own) + sum(own.values()) + sum(len(box.names) for box in boxes)
    assert drawn == len(nx.descendants(graph, ecosystem.COURSE))
