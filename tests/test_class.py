"""A class graded by nbgrader: what is mended before, what a submission may not do, and its mark.

A few cases run here; all thirty, twice, in `make soak`.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

from helpers import labs
from tests import class_of_thirty as thirty
from tools import classroom, mending, sandbox
from tools import labs as making

pytest.importorskip("nbgrader")
COPY = making.read(making.copy_of(thirty.FOLDER))
FEW = ["right", "half_right", "untouched", "copied_check", "replaces_the_check",
       "reads_tests_and_other_submissions", "writes_its_own_marks", "opens_the_network",
       "deleted_nearly_everything", "cut_off_file"]  # fmt: skip
needs_namespaces = pytest.mark.skipif(
    not sandbox.has_namespaces(), reason="no root or no namespaces here: sandbox.missing() says so"
)


# --- mending


def mended(tmp_path, name):
    thirty.write(tmp_path / "in", tmp_path, 1, [name])
    [path] = mending.notebooks_in(tmp_path / "in")
    return mending.mend(COPY, mending.read(path))


def graded(book):
    return [c for c in book.cells if c.metadata.get("nbgrader", {}).get("grade")]


READABLE = [name for name in thirty.CASES if name != "cut_off_file"]


@pytest.mark.parametrize("name", READABLE)
def test_whatever_came_its_checks_are_those_of_the_master(tmp_path, name):
    done = mended(tmp_path, name)
    nbformat.validate(done.book)
    assert [(c.source, c.metadata) for c in graded(done.book)] == [
        (c.source, c.metadata) for c in graded(COPY)
    ]
    assert done.book.metadata.kernelspec.name == "python3"


@pytest.mark.parametrize("name", READABLE)
def test_what_was_mended_is_told_and_nothing_else(tmp_path, name):
    case, notes = thirty.CASES[name], " | ".join(mended(tmp_path, name).notes)
    before_the_run = "check", "answer", "metadata", "put back", "conda"
    if case.note and any(word in case.note for word in before_the_run) and "died" not in case.note:
        assert case.note in notes, notes
    else:
        assert not notes, notes


@pytest.mark.parametrize("name", READABLE)
def test_its_lab_is_found(tmp_path, name):
    thirty.write(tmp_path / "in", tmp_path, 1, [name])
    [path] = mending.notebooks_in(tmp_path / "in")
    copies = {folder.name: making.read(making.copy_of(folder)) for folder in making.find()}
    assert mending.lab_of(mending.read(path), copies, "some file.ipynb") == thirty.LAB


def test_what_is_no_lab_is_none_and_an_empty_one_goes_by_its_name():
    empty = nbformat.v4.new_notebook()
    copies = {thirty.LAB: COPY}
    assert mending.lab_of(empty, copies, "poem.ipynb") is None
    assert mending.lab_of(empty, copies, f"Copy of {thirty.LAB}.ipynb") == thirty.LAB
    other = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell('labs.check("lab03.x", y)')])
    assert mending.lab_of(other, copies, "") is None


def test_a_mended_notebook_is_mended_to_itself(tmp_path):
    once = mended(tmp_path, "metadata_lost")
    path = tmp_path / "again.ipynb"
    nbformat.write(once.book, path)
    again = mending.mend(COPY, mending.read(path))
    assert not again.notes
    assert [c.source for c in again.book.cells] == [c.source for c in once.book.cells]


def test_their_own_cells_stay_where_they_were(tmp_path):
    book = mended(tmp_path, "right_with_cells_of_their_own").book
    sources = [c.source for c in book.cells if c.cell_type == "code"]
    own = sources.index("def three():\n    return 3")
    assert "def window_mask" in sources[own + 1]


@pytest.mark.parametrize(
    "content, word",
    [
        (b"", "as JSON"),
        (b"{", "as JSON"),
        (b"\xff\xfe\x00", "as JSON"),
        (b"[" * 100_000, "as JSON"),
        (b"[]", "no cells"),
        (b'{"cells": 7}', "no cells"),
        (b'{"worksheets": []}', "no cells"),
    ],
)
def test_what_is_no_notebook_is_refused_with_a_reason(tmp_path, content, word):
    path = tmp_path / "x.ipynb"
    path.write_bytes(content)
    with pytest.raises(mending.Unreadable, match=word):
        mending.read(path)


@pytest.mark.parametrize(
    "cell",
    [7, None, {}, {"source": 7}, {"source": [1, "x"]},
     {"cell_type": "code", "source": "x", "metadata": 7},
     {"cell_type": "code", "source": "x", "metadata": {"nbgrader": "no"}},
     {"cell_type": "code", "source": "x", "metadata": {"nbgrader": {"grade_id": ["a"]}}},
     {"cell_type": "poem", "source": "x"}],
)  # fmt: skip
def test_odd_cells_are_survived(tmp_path, cell):
    path = tmp_path / "x.ipynb"
    path.write_text(json.dumps({"cells": [cell, cell], "metadata": 7}))
    done = mending.mend(COPY, mending.read(path))
    assert len(graded(done.book)) == len(graded(COPY))


def test_a_file_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(mending, "LARGEST", 10)
    path = tmp_path / "x.ipynb"
    path.write_text("x" * 11)
    with pytest.raises(mending.Unreadable, match="larger than"):
        mending.read(path)


def test_links_are_not_followed(tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "a.ipynb").write_text("{}")
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "b.ipynb").symlink_to(tmp_path / "secret" / "a.ipynb")
    (inside / "folder").symlink_to(tmp_path / "secret")
    (inside / ".ipynb_checkpoints").mkdir()
    (inside / ".ipynb_checkpoints" / "c.ipynb").write_text("{}")
    assert list(mending.notebooks_in(inside)) == []


# --- the sandbox


def run(*sources, **limits):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    book = nbformat.v4.new_notebook(cells=cells)
    trouble = sandbox.execute(book, sandbox.Limits(**limits))
    return trouble, [" ".join(map(said, cell.outputs)) for cell in book.cells]


def said(output):
    return output.get("text") or output.get("evalue") or str(output.get("data", ""))


@pytest.mark.slow
def test_it_runs_as_nobody_and_leaves_nothing():
    folders = set(Path("/tmp").glob("class-*"))
    trouble, (who, env, home, end) = run(
        "import os; print(os.getuid() if hasattr(os, 'getuid') else -1)",
        "print(sorted(os.environ))",
        "open('file', 'w').write('x' * 10); print(os.listdir('.'))",
        "print('end')",
    )
    assert trouble == "" and end == "end\n" and "file" in home
    assert not sandbox.is_root() or int(who) >= sandbox.FIRST_USER
    assert "COURSE_GRADING" in env and "COURSE_DATA" not in env
    assert set(Path("/tmp").glob("class-*")) <= folders


@pytest.mark.slow
def test_a_kernel_that_dies_says_so_for_every_cell_left():
    trouble, (first, second) = run("import os; os._exit(3)", "print(1)")
    assert trouble == "its kernel died" and "died" in first and "not run" in second


@pytest.mark.slow
@pytest.mark.clock
def test_cells_and_files_have_limits():
    trouble, (loop, after, loud, full) = run(
        "while True: pass",
        "print('next')",
        "for _ in range(20): print('x' * 1_000_000)",
        "import time\nfor n in range(9): open(f'{n}', 'wb').write(bytes(2 ** 20))\ntime.sleep(9)",
        cell_seconds=5,
        output_kib=64,
        folder_mib=5,
    )
    assert "Interrupted after 5 s" in loop and after == "next\n"
    assert "left out" in loud and len(loud) < 70_000
    assert "5 MiB of files" in trouble and "5 MiB of files" in full


def test_what_is_missing_is_said(monkeypatch):
    monkeypatch.setattr(sandbox, "is_root", lambda: False)
    monkeypatch.setattr(sandbox, "has_namespaces", lambda: False)
    lines = " ".join(sandbox.missing())
    assert "not started as root" in lines and "sees the network" in lines


@pytest.mark.slow
def test_without_root_and_namespaces_it_still_runs(monkeypatch):
    """As on a laptop: the limits that any user may set."""
    monkeypatch.setattr(sandbox, "is_root", lambda: False)
    monkeypatch.setattr(sandbox, "has_namespaces", lambda: False)
    trouble, (first,) = run("from helpers import labs\nprint(labs.tasks('lab07').keys())")
    assert trouble == "" and "window_mask" in first


# --- a class


@contextlib.contextmanager
def listening():
    """A port that answers, and the list of those who called."""
    calls = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    calls.append(server.accept()[1])

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1], calls


def grade_class(base, names):
    """Hand in, and everything that `make class` does; returns rows by student and who called."""
    folder = base / "class"
    with listening() as (port, calls):
        thirty.write(base / "submissions", folder, port, names)
        rows = classroom.everything(folder, base / "submissions", "07")
    return {row["student"]: row for row in rows}, calls


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    base = tmp_path_factory.mktemp("few")
    return base, *grade_class(base, FEW)


@pytest.mark.slow
@pytest.mark.clock
@pytest.mark.parametrize("name", FEW)
@needs_namespaces
def test_each_gets_a_fair_mark(few, name):
    _, rows, calls = few
    fair(rows[name], name)
    assert calls == [], "a submission reached the network"


def fair(row, name):
    case = thirty.CASES[name]
    assert row["total"] == case.points, row
    assert case.note in row["notes"], row


def asked(url, method="GET", seconds=120):
    request = urllib.request.Request(url, method=method, headers={"Authorization": "token abc"})
    with urllib.request.urlopen(request, timeout=seconds) as answer:
        return json.load(answer)


@pytest.mark.slow
def test_a_master_that_fails_the_classs_cases_is_not_released(tmp_path, monkeypatch):
    folder = tmp_path / "class"
    master = making.read(thirty.FOLDER / "master.ipynb")
    cell = thirty.find(master, "answer-window_mask")
    cell.source = cell.source.replace("back < window", "back <= window")
    wrong = tmp_path / "labs" / thirty.LAB
    wrong.mkdir(parents=True)
    nbformat.write(master, wrong / "master.ipynb")
    monkeypatch.setattr(classroom, "chosen", lambda numbers: [wrong])
    with pytest.raises(classroom.Trouble, match=r"answers do not pass \(window_mask\)"):
        classroom.release(folder)


@pytest.mark.slow
@pytest.mark.clock
@needs_namespaces
def test_the_formgrader_shows_the_class_and_grades_in_the_same_sandbox(few, tmp_path):
    folder = few[0] / "class"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tools.classroom", "formgrader", "--class", str(folder),
               "--no-browser", f"--ServerApp.port={port}", "--IdentityProvider.token=abc"]  # fmt: skip
    home = {f"JUPYTER_{kind}_DIR": str(tmp_path / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    with open(tmp_path / "log", "w") as log:
        server = subprocess.Popen(command, cwd=making.ROOT, env={**os.environ, **home}, stdout=log,
                                  stderr=log, start_new_session=True)  # fmt: skip
    pages = f"http://127.0.0.1:{port}/formgrader/api"
    try:
        end, assignments = time.monotonic() + 90, None
        while assignments is None and time.monotonic() < end:
            with contextlib.suppress(OSError):
                assignments = asked(f"{pages}/assignments")
            time.sleep(0.5)
        assert assignments, (tmp_path / "log").read_text()
        assert assignments[0]["name"] == thirty.LAB and assignments[0]["max_score"] == thirty.ALL
        name = "replaces_the_check"
        done = asked(f"{pages}/submission/{thirty.LAB}/{name}/autograde", "POST")
        assert done["success"], done
        scores = {
            row["student"]: row["score"] for row in asked(f"{pages}/submissions/{thirty.LAB}")
        }
        assert scores[name] == 3 and scores["right"] == thirty.ALL
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(20)


@pytest.mark.slow
@needs_namespaces
def test_the_class_is_left_in_order(few):
    base, _, _ = few
    folder = base / "class"
    assert (folder.stat().st_mode & 0o777) == 0o700, "only the teacher may enter"
    released = folder / "release" / thirty.LAB / f"{thirty.LAB}.ipynb"
    assert making.read(released).cells == COPY.cells, "what is handed out is the learner's copy"
    with open(folder / "marks.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["student"] for row in table] == sorted(FEW)
    assert float(table[sorted(FEW).index("right")]["total"]) == thirty.ALL
    pages = list((folder / "feedback").glob("*/*/*.html"))
    assert len(pages) == len(FEW) - 1, "all but the file that could not be read"
    page = (folder / "feedback" / "untouched" / thirty.LAB / f"{thirty.LAB}.html").read_text()
    assert "still empty" in page, "the feedback holds the hint"


def test_a_teachers_mistakes_are_answered_in_a_line(tmp_path, capsys):
    for arguments, word in (
        (["grade"], "holds no class yet"),
        (["collect"], "say where the submissions are"),
        (["collect", "--from", str(tmp_path / "no")], "no folder of submissions"),
        (["release", "--labs", "77"], "no lab 77"),
    ):
        status = classroom.main([*arguments, "--class", str(tmp_path / "class")])
        assert status == 2 and word in capsys.readouterr().err


def test_names_of_students_are_made_safe_and_stay_apart():
    taken = {}
    for name in ("Zoë Ünal", "../up", "a b", "a_b", "=cmd", "..."):
        taken[classroom._student(name, taken)] = name
    assert len(taken) == 6 and all("/" not in n and not n.startswith(".") for n in taken)
    assert classroom._plain("=1+1") == "'=1+1" and classroom._plain(3) == 3


def test_the_guide_states_the_limits_that_hold():
    guide = " ".join((making.ROOT / "workshop" / "README.md").read_text("utf-8").split())
    for what, value in sandbox.Limits().rows():
        assert what == "time" or value in guide, f"workshop/README.md: {what}, {value}"


def test_a_cell_has_the_time_of_its_slowest_check():
    limits = classroom.limits_for(thirty.LAB)
    assert limits.cell_seconds > 2 * max(t.seconds for t in labs.tasks("lab07").values())


@pytest.mark.soak
@needs_namespaces
def test_thirty_are_graded_in_ten_minutes_twice_with_the_same_marks(tmp_path):
    began = time.monotonic()
    rows, calls = grade_class(tmp_path, None)
    seconds = time.monotonic() - began
    for name in thirty.CASES:
        fair(rows[name], name)
    assert "no lab that can be graded" in rows["empty_folder"]["notes"]
    assert calls == [] and seconds < 600, f"{seconds:.0f} s"
    print(f"{len(rows)} submissions in {seconds:.0f} s")
    first = {name: (row["total"], row[thirty.LAB]) for name, row in rows.items()}
    classroom.grade(tmp_path / "class")
    again = {r["student"]: (r["total"], r[thirty.LAB]) for r in classroom.marks(tmp_path / "class")}
    assert again == first
    own = range(sandbox.FIRST_USER, sandbox.FIRST_USER + sandbox.USERS)
    assert not [p for p in os.listdir("/proc") if p.isdigit() and _user(p) in own]
    shutil.rmtree(tmp_path, ignore_errors=True)


def _user(process):
    with contextlib.suppress(OSError):
        return os.stat(f"/proc/{process}").st_uid
    return 0
