"""helpers.versions: written whole or not at all, read back with checksums, compared row by row."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers import data, sources, tables, versions

CARD = versions.Card(
    title="Reviews of a test", licence="cc-by-4.0", origin="Made up.", purpose="To test.",
    known_problems="None known.", contact="The maintainers.",
)  # fmt: skip


def frame(*rows: tuple[str, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["text", "label"])


PARTS = {
    "train": frame(("good café", 1), ("bad", 0), ("bad", 0), ("both", 1)),
    "test": frame(("fine", 1), ("both", 1)),
}


def write(root, number="1.0.0", parts=PARTS, changes=("first version",), card=CARD):
    return versions.write(root, "imdb", number, parts, card, changes)


def everything(folder) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*"))


# --- writing and reading


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"number": 1.0}, "no version"), ({"number": "\uff11.0.0"}, "no version"),
     ({"number": "1.00.0"}, "no version"), ({"parts": [PARTS["train"]]}, "list is no mapping"),
     ({"parts": PARTS["train"]}, "DataFrame is no mapping"),
     ({"parts": {"train": None}}, "imdb, train: NoneType is no table"),
     ({"parts": {1.5: PARTS["train"]}}, "a name may hold"),
     ({"changes": None}, "say what changed"), ({"changes": [1]}, "say what changed")],
)  # fmt: skip
def test_what_cannot_be_a_version_is_refused_and_nothing_is_written(wrong, message, tmp_path):
    with pytest.raises(tables.DataError, match=message):
        write(**{"root": tmp_path / "r", **wrong})
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    "files", [[], [{"path": 5, "sha256": "0"}], [{"path": "../x.parquet", "sha256": "0"}], 7]
)
def test_a_manifest_that_is_none_is_told(files, tmp_path):
    folder = write(tmp_path)
    about = {"datasets": [{"name": "imdb", "files": files}]}
    (folder / "manifest.json").write_text(json.dumps(about))
    with pytest.raises((tables.DataError, sources.SourceError), match=r"manifest\.json"):
        versions.read(folder)


def test_what_is_written_is_read_back(tmp_path):
    folder = write(tmp_path / "reviews")
    assert everything(folder) == [
        "CHANGELOG.md", "README.md", "imdb", "imdb/test.parquet", "imdb/train.parquet",
        "manifest.json",
    ]  # fmt: skip
    found = versions.read(folder)
    assert (found.name, found.number) == ("imdb", "1.0.0")
    for split, part in PARTS.items():
        pd.testing.assert_frame_equal(found.parts[split], tables.check(part, split))


def test_the_manifest_tells_checksums_and_rows(tmp_path):
    folder = write(tmp_path)
    [about] = json.loads((folder / "manifest.json").read_text())["datasets"]
    assert about["version"] == "1.0.0" and about["licence"] == "cc-by-4.0"
    for file in about["files"]:
        path = folder / file["path"]
        assert file["sha256"] == sources.sha256(path) and file["bytes"] == path.stat().st_size
        assert file["rows"] == len(pd.read_parquet(path))


def test_a_version_is_a_mirror(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DATA", str(write(tmp_path)))
    found = data.imdb("mirror")
    assert "4 train, 2 test, from the mirror (sha256 verified)" in capsys.readouterr().out
    assert sorted(found.train["text"]) == sorted(PARTS["train"]["text"])


def test_the_hub_library_reads_it_by_its_card(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    folder = write(tmp_path / "reviews")
    loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert {split: part["text"][:] for split, part in loaded.items()} == {
        split: part["text"].tolist() for split, part in PARTS.items()
    }


def test_the_card_counts(tmp_path):
    text = (write(tmp_path) / "README.md").read_text("utf-8")
    head = yaml.safe_load(text.split("---")[1])
    assert head["license"] == "cc-by-4.0" and head["version"] == "1.0.0"
    assert head["configs"][0]["data_files"][1] == {"split": "test", "path": "imdb/test.parquet"}
    assert "| train | 4 | 2 | 2 | 1, 2 | 1 |" in text and "| test | 2 | 0 | 2 | 1, 1 | 0 |" in text
    assert "Texts in every part: 1." in text
    for statement in ("Made up.", "To test.", "None known.", "The maintainers."):
        assert statement in text


def test_the_changelog_grows(tmp_path):
    write(tmp_path, "1.9.0")
    folder = write(tmp_path, "1.10.0", changes=["a label put right", " "])
    text = (folder / "CHANGELOG.md").read_text()
    assert re.findall(r"^## (.+)$", text, re.M) == ["1.10.0", "1.9.0"]
    assert "- a label put right\n" in text and text.count("- ") == 2
    assert versions.versions(tmp_path) == ["1.9.0", "1.10.0"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"number": "1.0.0"}, "version 1.0.0 is there already; 1.0.0 must be higher"),
        ({"number": "0.9.9"}, "must be higher"),
        ({"number": "two"}, "three numbers"),
        ({"parts": {}}, "no part to write"),
        ({"parts": {"../train": PARTS["train"]}}, "letters, digits and _ only"),
        ({"parts": {"train": PARTS["train"][["text"]]}}, "imdb, train: no column 'label'"),
        (
            {"parts": {**PARTS, "val": frame(("a", 1), ("b", 5))}},
            "imdb, val, row 2: the label is 5",
        ),
        ({"changes": []}, "say what changed"),
        ({"changes": "new"}, "in a list of lines"),
        ({"card": versions.Card("a", " ", "b", "c", "d", "e")}, "nothing under 'licence'"),
    ],
)
def test_what_is_refused_leaves_nothing(change, message, tmp_path):
    write(tmp_path)
    before = everything(tmp_path)
    with pytest.raises(versions.DataError, match=re.escape(message)):
        write(tmp_path, **{"number": "2.0.0", **change})
    assert everything(tmp_path) == before


def test_a_disk_that_fails_in_the_middle_leaves_nothing(tmp_path, monkeypatch):
    def full(file):
        if file.name == "test.parquet":
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(versions, "_to_disk", full)
    with pytest.raises(versions.DataError, match=r"1\.0\.0: could not be written \(No space left"):
        write(tmp_path)
    assert everything(tmp_path) == []


def test_a_stop_by_the_reader_leaves_nothing(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(versions, "card_text", stop)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path)
    assert everything(tmp_path) == []


def test_two_writers_of_one_version_keep_one_of_them_whole(tmp_path, monkeypatch):
    original = versions.card_text

    def meanwhile(*given):
        monkeypatch.setattr(versions, "card_text", original)
        write(tmp_path, changes=["the other"])
        return original(*given)

    monkeypatch.setattr(versions, "card_text", meanwhile)
    with pytest.raises(versions.DataError, match="could not be written"):
        write(tmp_path)
    assert "the other" in (tmp_path / "1.0.0" / "CHANGELOG.md").read_text()
    assert [p.name for p in tmp_path.iterdir()] == ["1.0.0"]


def test_a_file_that_changed_is_noticed(tmp_path):
    folder = write(tmp_path)
    file = folder / "imdb" / "test.parquet"
    file.write_bytes(file.read_bytes().replace(b"fine", b"dull", 1) + b"\0")
    with pytest.raises(sources.ChecksumError, match=r"test\.parquet: wrong checksum"):
        versions.read(folder)


def test_a_folder_without_a_version_is_told(tmp_path):
    write(tmp_path)
    with pytest.raises(versions.DataError, match=r"no manifest\.json\)\. In it: 1\.0\.0; name one"):
        versions.read(tmp_path)
    with pytest.raises(versions.DataError, match="no version of a data set"):
        versions.read(tmp_path / "nowhere")
    (tmp_path / "manifest.json").write_text('{"datasets": []}')
    with pytest.raises(versions.DataError, match="lists 0 sets"):
        versions.read(tmp_path)


# --- comparing

LONG = (
    "A film about a lighthouse keeper who learns the cello and forgets to light the lamp at night."
)


def test_each_kind_of_change_is_told_apart():
    old = {
        "train": frame(("same", 1), ("wrong label", 1), ("twice", 0), ("twice", 0), (LONG, 1)),
        "test": frame(("moves over", 0), ("goes", 0)),
    }
    new = {
        "train": frame(("moves over", 0), (LONG + " Lovely.", 1), ("wrong label", 0), ("twice", 0),
                       ("same", 1)),
        "test": frame(("comes", 1)),
    }  # fmt: skip
    found = versions.diff(old, new)
    assert found.counts() == {
        "same": 2, "moved": 1, "relabelled": 1, "edited": 1, "removed": 2, "added": 1,
    }  # fmt: skip
    assert found.moved == [("moves over", "test", "train")]
    assert found.relabelled == [("wrong label", 1, 0)]
    assert found.edited[0][:2] == (LONG, LONG + " Lovely.") and found.edited[0][2] > 0.8
    assert found.removed == [("test", "goes", 0), ("train", "twice", 0)]
    assert found.added == [("test", "comes", 1)]
    assert found.lines() == [
        "rows moved to another part: 1", "rows given another label: 1", "rows edited: 1",
        "rows removed: 2", "rows added: 1",
    ]  # fmt: skip


def test_the_order_of_rows_is_no_change():
    shuffled = {split: part.iloc[::-1] for split, part in PARTS.items()}
    found = versions.diff(PARTS, shuffled)
    assert found.counts() == {
        "same": 6, "moved": 0, "relabelled": 0, "edited": 0, "removed": 0, "added": 0,
    }  # fmt: skip
    assert found.lines() == ["no row changed"]


ROWS = st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 1)), min_size=1, max_size=6)


@settings(max_examples=100, deadline=None)
@given(ROWS, ROWS, ROWS, ROWS)
def test_every_row_is_in_one_list(a, b, c, d):
    old, new = {"train": frame(*a), "test": frame(*b)}, {"train": frame(*c), "test": frame(*d)}
    counts = versions.diff(old, new).counts()
    changed = counts["moved"] + counts["relabelled"] + counts["edited"]
    assert counts["same"] + changed + counts["removed"] == len(a) + len(b)
    assert counts["same"] + changed + counts["added"] == len(c) + len(d)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=ROWS)
def test_any_table_is_read_back(rows, tmp_path_factory):
    folder = write(tmp_path_factory.mktemp("any"), parts={"train": frame(*rows)})
    found = versions.read(folder).parts["train"]
    assert list(zip(found["text"], found["label"], strict=True)) == rows
