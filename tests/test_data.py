"""helpers.data: the IMDB reviews from each source, and what a reader is told about a broken file."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from pathlib import Path

import pandas as pd
import pytest

from helpers import data, sources, tables

# Before the tests change it: the mirror of the one who runs them, if there is one.
MIRROR = os.environ.get("COURSE_DATA", "")
needs_mirror = [
    pytest.mark.real_data,
    pytest.mark.skipif(not MIRROR, reason="COURSE_DATA is not set"),
]


@pytest.fixture(autouse=True)
def settings(monkeypatch, tmp_path):
    for name in ("COURSE_DATA", "COURSE_HUB", "COURSE_SOURCE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


def reviews(count: int, word: str) -> pd.DataFrame:
    """Half of them favourable, in the order of their label, as files of this set often are."""
    texts = [
        f'{word} number {i}, with a comma,\na line and a "quote": caf\u00e9' for i in range(count)
    ]
    return pd.DataFrame({"text": texts, "label": [int(i >= count // 2) for i in range(count)]})


def write_mirror(folder: Path, train: pd.DataFrame, test: pd.DataFrame) -> Path:
    (folder / "imdb").mkdir(parents=True)
    files = []
    for split, frame in {"train": train, "test": test}.items():
        file = folder / "imdb" / f"{split}.parquet"
        frame.to_parquet(file, index=False)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        files.append({"path": f"imdb/{split}.parquet", "sha256": digest})
    manifest = {"datasets": [{"name": "imdb", "files": files}]}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def write_hub(root: Path, train: pd.DataFrame, test: pd.DataFrame) -> Path:
    folder = root / "stanfordnlp" / "imdb" / "plain_text"
    folder.mkdir(parents=True)
    for split, frame in {"train": train, "test": test}.items():
        frame.to_parquet(folder / f"{split}-00000-of-00001.parquet", index=False)
    return root


def write(folder: Path, content: str | bytes, name: str = "mine.csv") -> Path:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return file


def told(file: Path) -> str:
    with pytest.raises(data.DataError) as error:
        data.read_reviews(file)
    assert error.value.file == str(file)
    assert str(error.value).startswith(str(file))
    return str(error.value).removeprefix(str(file))


def assert_shape(frame: pd.DataFrame) -> None:
    assert list(frame.columns) == ["text", "label"]
    assert frame["label"].dtype == "int64"
    assert set(frame["label"]) == {0, 1}
    assert all(type(text) is str for text in frame["text"])
    assert list(frame.index) == list(range(len(frame)))


# --- the set


def test_the_sample(capsys):
    train, test = data.imdb("sample")
    assert_shape(train)
    assert_shape(test)
    assert len(train) + len(test) == len(data.read_reviews(sources.path("imdb.csv")))
    assert capsys.readouterr().out == (
        f"IMDB reviews: {len(train)} train, {len(test)} test, from the SAMPLE, not the real set "
        "(original reviews written for this course).\n"
    )


def test_the_parts_of_the_sample_are_balanced_and_apart():
    train, test = data.imdb("sample")
    assert 0.15 < len(test) / (len(train) + len(test)) < 0.35
    for part in (train, test):
        assert 0.4 < part["label"].mean() < 0.6
    assert not set(train["text"]) & set(test["text"])
    assert 0.2 < train["label"].head(50).mean() < 0.8  # a slice holds both classes


def test_rows_added_to_the_sample_move_no_other(tmp_path, monkeypatch):
    old, new = reviews(60, "old"), reviews(40, "new")
    for name, frame in {"old": old, "both": pd.concat([new, old])}.items():
        (tmp_path / name).mkdir()
        frame.to_csv(tmp_path / name / "imdb.csv", index=False)

    def part(name: str) -> list[pd.DataFrame]:
        monkeypatch.setattr(sources.runtime, "shipped", lambda: tmp_path / name)
        return list(data.imdb("sample"))

    for before, after in zip(part("old"), part("both"), strict=True):
        still = after[after["text"].isin(old["text"])].reset_index(drop=True)
        assert len(after) > len(before) > 0
        pd.testing.assert_frame_equal(before, still)


def test_mirror_and_hub_give_equal_frames(tmp_path, monkeypatch, capsys):
    """Real `datasets`, a local folder in the Hub's layout; the Hub's files have another order."""
    train, test = reviews(60, "train"), reviews(30, "test")
    mirror = write_mirror(tmp_path / "mirror", train, test)
    hub = write_hub(tmp_path / "hub", train.sample(frac=1, random_state=1), test.iloc[::-1])
    monkeypatch.setenv("COURSE_DATA", str(mirror))
    monkeypatch.setenv("COURSE_HUB", str(hub))
    first, second = data.imdb(), data.imdb("hub")
    assert (first.source, second.source) == ("mirror", "hub")
    for ours, theirs in zip(first, second, strict=True):
        assert_shape(ours)
        pd.testing.assert_frame_equal(ours, theirs)
    assert sorted(first.train["text"]) == sorted(train["text"])
    assert capsys.readouterr().out.splitlines() == [
        "IMDB reviews: 60 train, 30 test, from the mirror (sha256 verified).",
        "IMDB reviews: 60 train, 30 test, from a local copy of the Hub (stanfordnlp/imdb).",
    ]


def test_rows_are_mixed_and_keep_their_label(tmp_path, monkeypatch):
    train = reviews(200, "train")
    monkeypatch.setenv("COURSE_DATA", str(write_mirror(tmp_path, train, reviews(20, "test"))))
    found = data.imdb("mirror").train
    assert 0.3 < found["label"].head(50).mean() < 0.7
    assert dict(zip(found["text"], found["label"], strict=True)) == dict(
        zip(train["text"], train["label"], strict=True)
    )


def test_a_local_hub_that_changes_is_read_anew(tmp_path, monkeypatch):
    hub = write_hub(tmp_path / "hub", reviews(10, "train"), reviews(4, "test"))
    monkeypatch.setenv("COURSE_HUB", str(hub))
    assert len(data.imdb("hub").train) == 10
    reviews(12, "train").to_parquet(
        hub / "stanfordnlp/imdb/plain_text/train-00000-of-00001.parquet", index=False
    )
    assert len(data.imdb("hub").train) == 12


def test_what_the_hub_gives_is_checked(tmp_path, monkeypatch):
    hub = write_hub(tmp_path / "a", reviews(6, "train"), reviews(4, "test").assign(label=-1))
    monkeypatch.setenv("COURSE_HUB", str(hub))
    with pytest.raises(data.DataError) as error:
        data.imdb("hub")
    assert str(error.value) == (
        "stanfordnlp/imdb, split test, row 1: the label is -1; it must be 0 (unfavourable) or 1 "
        "(favourable). Correct it, leave the row out, or name your own classes in a tables.Schema."
    )
    lacking = reviews(6, "train").rename(columns={"text": "review"})
    monkeypatch.setenv("COURSE_HUB", str(write_hub(tmp_path / "b", reviews(4, "test"), lacking)))
    with pytest.raises(
        data.DataError, match=r"imdb, split test: no column 'text'\. There is: 'rev"
    ):
        data.imdb("hub")


def test_a_local_hub_with_a_damaged_file(tmp_path, monkeypatch):
    hub = write_hub(tmp_path, reviews(6, "train"), reviews(4, "test"))
    (hub / "stanfordnlp/imdb/plain_text/test-00000-of-00001.parquet").write_bytes(
        b"PAR1 and no more"
    )
    monkeypatch.setenv("COURSE_HUB", str(hub))
    with pytest.raises(
        sources.SourceError, match=r"COURSE_HUB: .*test-00000.* cannot be loaded, so"
    ):
        data.imdb("auto")


def test_a_mirror_whose_file_has_a_bad_label(tmp_path, monkeypatch):
    bad = reviews(6, "test")
    bad.loc[3, "label"] = 7
    monkeypatch.setenv("COURSE_DATA", str(write_mirror(tmp_path, reviews(6, "train"), bad)))
    with pytest.raises(data.DataError, match=r"test\.parquet, row 4: the label is 7; it must be 0"):
        data.imdb()  # not passed over, though the sample would do


def test_splits_show_their_line_and_no_path(tmp_path, monkeypatch):
    mirror = write_mirror(tmp_path, reviews(6, "train"), reviews(4, "test"))
    monkeypatch.setenv("COURSE_DATA", str(mirror))
    found = data.imdb()
    assert repr(found) == f"Splits(train, test): {found.note}"
    assert str(tmp_path) not in found.note


# --- files of the reader's own


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".csv.gz", ".parquet"])
def test_own_files_give_what_the_mirror_gives(ending, tmp_path, monkeypatch, capsys):
    train, test = reviews(60, "train"), reviews(30, "test")
    monkeypatch.setenv("COURSE_DATA", str(write_mirror(tmp_path / "mirror", train, test)))
    own = tmp_path / "own"
    own.mkdir()
    for split, frame in {"train": train, "test": test.iloc[::-1]}.items():
        if ending == ".parquet":
            frame.to_parquet(own / f"{split}{ending}", index=False)
        else:  # with a column more, and in Excel's encoding
            frame.assign(stars=3).to_csv(own / f"{split}{ending}", index=False,
                                         sep="\t" if ending == ".tsv" else ",",
                                         encoding="utf-8-sig")  # fmt: skip
    mirrored, found = data.imdb("mirror"), data.imdb(own)
    assert found.source == "own"
    for ours, theirs in zip(mirrored, found, strict=True):
        assert_shape(theirs)
        pd.testing.assert_frame_equal(ours, theirs)
    assert capsys.readouterr().out.splitlines()[1] == (
        f"IMDB reviews: 60 train, 30 test, from files of your own (train{ending}, test{ending})."
    )


def test_one_file_of_ones_own_is_divided_like_the_sample(capsys):
    own, sample = data.imdb(str(sources.path("imdb.csv"))), data.imdb("sample")
    for ours, theirs in zip(own, sample, strict=True):
        pd.testing.assert_frame_equal(ours, theirs)
    assert "from a file of your own (imdb.csv), divided by a hash" in capsys.readouterr().out


def test_the_name_of_a_source_comes_before_a_folder_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sample").mkdir()
    assert data.imdb("sample").source == "sample"
    with pytest.raises(sources.SourceError, match="'mirorr' is not a source"):
        data.imdb("mirorr")


@pytest.mark.parametrize("place", ["plain_text", "data", "."])
def test_a_folder_of_ones_own_in_the_layout_of_the_hub(place, tmp_path, monkeypatch, capsys):
    train, test = reviews(60, "train"), reviews(30, "test")
    monkeypatch.setenv("COURSE_DATA", str(write_mirror(tmp_path / "mirror", train, test)))
    own = tmp_path / "own" / place
    own.mkdir(parents=True)
    mixed = train.sample(frac=1, random_state=1)
    for i, part in enumerate([mixed[:20], mixed[20:]]):
        part.to_parquet(own / f"train-{i:05}-of-00002.parquet", index=False)
    test.to_parquet(own / "test-00000-of-00001.parquet", index=False)
    test.to_parquet(own / "unsupervised-00000-of-00001.parquet", index=False)
    mirrored, found = data.imdb("mirror"), data.imdb(tmp_path / "own")
    assert found.source == "own"
    for ours, theirs in zip(mirrored, found, strict=True):
        assert_shape(theirs)
        pd.testing.assert_frame_equal(ours, theirs)
    assert "from a folder of your own in the Hub's layout (" in capsys.readouterr().out
    (own / "train-00001-of-00002.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(sources.SourceError, match="cannot be loaded, so it is damaged"):
        data.imdb(tmp_path / "own")
    (own / "train-00001-of-00002.parquet").unlink()
    with pytest.raises(data.DataError, match=r"1 of 2 pieces are there .*Get the rest\."):
        data.imdb(tmp_path / "own")


def test_what_a_folder_of_ones_own_in_the_layout_of_the_hub_holds_is_checked(tmp_path):
    for split, label in {"train": 1, "test": 4}.items():
        frame = reviews(4, split).assign(label=label)
        frame.to_parquet(tmp_path / f"{split}-00000-of-00001.parquet", index=False)
    with pytest.raises(data.DataError, match=r"split test, row 1: the label is 4; it must be 0"):
        data.imdb(tmp_path)


def test_a_mirror_may_be_given_as_a_folder(tmp_path, monkeypatch):
    mirror = write_mirror(tmp_path, reviews(12, "train"), reviews(8, "test"))
    own = data.imdb(mirror)
    monkeypatch.setenv("COURSE_DATA", str(mirror))
    for ours, theirs in zip(data.imdb("mirror"), own, strict=True):
        pd.testing.assert_frame_equal(ours, theirs)
    file = mirror / "imdb" / "test.parquet"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(sources.ChecksumError):
        data.imdb(mirror)
    (mirror / "manifest.json").write_text('{"datasets": [{"name": "other", "files": []}]}')
    with pytest.raises(data.DataError, match=r"manifest\.json lists other, and no imdb"):
        data.imdb(mirror)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("https://example.org/reviews.csv", "this is an address. Download"),
        ("reviews.csv", "there is no such file"),
        ("~nobody-here/reviews.csv", "not the name of a file"),
        ("x" * 5000 + "/reviews.csv", "cannot be read"),
        ("a\0/reviews.csv", "cannot be read"),
        (3, "not the name of a file"),
        (None, "not the name of a file"),
    ],
)
def test_own_files_that_are_not_there(given, message):
    with pytest.raises(data.DataError, match=message):
        data.imdb(given)


def test_a_folder_of_ones_own_that_lacks_a_part_or_has_it_twice(tmp_path):
    reviews(6, "train").to_csv(tmp_path / "train.csv", index=False)
    with pytest.raises(data.DataError, match=r"holds no test\.csv or test\.parquet\. One file for"):
        data.imdb(tmp_path)
    for ending in ("csv", "tsv"):
        reviews(6, "test").to_csv(tmp_path / f"test.{ending}", index=False)
    with pytest.raises(data.DataError, match=r"holds test\.csv and test\.tsv\. One file for test"):
        data.imdb(tmp_path)


def test_a_file_of_ones_own_that_is_too_short_to_divide(tmp_path):
    file = write(tmp_path, "text,label\ngood,1\n")
    with pytest.raises(data.DataError, match="1 rows are too few to divide: none is left for t"):
        data.imdb(file)


# --- the real set


@pytest.fixture
def real(monkeypatch) -> data.Splits:
    monkeypatch.setenv("COURSE_DATA", MIRROR)
    return data.imdb("real")


class TestRealSet:
    pytestmark = needs_mirror

    def test_its_size_and_its_classes(self, real):
        assert (
            real.note
            == "IMDB reviews: 25,000 train, 25,000 test, from the mirror (sha256 verified)."
        )
        for part in real:
            assert_shape(part)
            assert len(part) == 25_000
            assert part["label"].sum() == 12_500
            assert 450 < part["label"].head(1000).sum() < 550

    def test_its_texts(self, real):
        assert len(set(real.train["text"]) & set(real.test["text"])) == 123
        assert real.train["text"].duplicated().sum() == 96
        assert real.train["text"].str.encode("utf-8").str.len().sum() == 33_132_823
        assert 230 < real.train["text"].str.split().str.len().mean() < 240

    def test_equal_through_the_layout_of_the_hub(self, real, tmp_path, monkeypatch):
        folder = tmp_path / "stanfordnlp" / "imdb" / "plain_text"
        folder.mkdir(parents=True)
        for split in ("train", "test"):
            target = Path(MIRROR).resolve() / "imdb" / f"{split}.parquet"
            (folder / f"{split}-00000-of-00001.parquet").write_bytes(target.read_bytes())
        monkeypatch.setenv("COURSE_HUB", str(tmp_path))
        for ours, theirs in zip(real, data.imdb("hub"), strict=True):
            pd.testing.assert_frame_equal(ours, theirs)

    def test_equal_from_csv_files_of_ones_own(self, real, tmp_path, monkeypatch):
        for split in ("train", "test"):
            frame = pd.read_parquet(Path(MIRROR) / "imdb" / f"{split}.parquet")
            frame.to_csv(tmp_path / f"{split}.csv", index=False)
        for ours, theirs in zip(real, data.imdb(tmp_path), strict=True):
            pd.testing.assert_frame_equal(ours, theirs)


# --- a file of one's own: what works


def test_csv_and_parquet_give_the_same(tmp_path):
    frame = reviews(8, "mine")
    frame.to_csv(tmp_path / "mine.csv", index=False)
    frame.to_parquet(tmp_path / "mine.parquet", index=False)
    from_csv = data.read_reviews(tmp_path / "mine.csv")
    from_parquet = data.read_reviews(str(tmp_path / "mine.parquet"))
    assert_shape(from_csv)
    pd.testing.assert_frame_equal(from_csv, from_parquet)
    assert from_csv["text"].tolist() == frame["text"].tolist()  # in the order of the file


@pytest.mark.parametrize(
    "content",
    [
        b"text,label\ngood,1\nbad,0\n",
        b"\xef\xbb\xbftext,label\r\ngood,1\r\nbad,0\r\n",  # as Excel writes it
        b"id,label,text\n7, 1 ,good\n8,0,bad\n",
        b"text , label\ngood,1.0\n\nbad,0.0\n   \n",
        b"text;label\ngood;positive\nbad;neg\n",
        gzip.compress(b"text,label\ngood,1\nbad,0\n", mtime=0),
        "text,label\ngood,1\nbad,0\n".encode("utf-16"),
    ],
)
def test_ways_of_writing_the_same_table(content, tmp_path):
    frame = data.read_reviews(write(tmp_path, content))
    assert frame["text"].tolist() == ["good", "bad"]
    assert frame["label"].tolist() == [1, 0]
    assert_shape(frame)


def test_long_and_many_lined_texts(tmp_path):
    text = "word " * 100_000 + "\r\nlast"
    file = write(tmp_path, f'text,label\n"{text}",1\nbad,0\n')
    assert data.read_reviews(file)["text"][0] == text.replace("\r\n", "\n")


def test_a_suffix_does_not_matter(tmp_path):
    reviews(4, "mine").to_parquet(tmp_path / "mine.csv", index=False)
    assert len(data.read_reviews(tmp_path / "mine.csv")) == 4


@pytest.mark.parametrize("kind", ["Int64", "Float64", "bool", "int8", "string"])
def test_parquet_with_other_types_of_label(kind, tmp_path):
    frame = reviews(4, "mine")
    kept = frame["label"].tolist()
    frame["label"] = frame["label"].astype(kind)
    frame.to_parquet(tmp_path / "mine.parquet", index=False)
    found = data.read_reviews(tmp_path / "mine.parquet")
    assert_shape(found)
    assert found["label"].tolist() == kept


# --- a file of one's own: what does not


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (
            "text,lable",
            ": no column 'label'. There is: 'text', 'lable'. Did you mean 'lable'? "
            "Rename it to 'label'.",
        ),
        (
            "Text,label",
            ": no column 'text'. There is: 'Text', 'label'. Did you mean 'Text'? "
            "Rename it to 'text'.",
        ),
        (
            "review,sentiment",
            ": no column 'text'. There is: 'review', 'sentiment'. Did you mean 'review'? "
            "Rename it to 'text'.",
        ),
        (
            "text,xyz",
            ": no column 'label'. There is: 'text', 'xyz'. Two are needed: text and label.",
        ),
        (
            "text/label",
            ": no column 'text'. There is: 'text/label'. Is '/' between the columns? "
            "Give delimiter='/'.",
        ),
        ("text,label,text", ": column 'text' is there more than once. Rename all but one."),
    ],
)
def test_a_missing_column(header, message, tmp_path):
    assert told(write(tmp_path, f"{header}\ngood,1\n")) == message


def test_a_missing_column_in_parquet(tmp_path):
    frame = reviews(4, "mine").rename(columns={"label": "target"})
    frame.to_parquet(tmp_path / "mine.parquet", index=False)
    assert told(tmp_path / "mine.parquet") == (
        ": no column 'label'. There is: 'text', 'target'. Did you mean 'target'? "
        "Rename it to 'label'."
    )


@pytest.mark.parametrize("content", [b"", b"\n\n", b"   \n", b"\xef\xbb\xbf"])
def test_an_empty_file(content, tmp_path):
    message = ": the file is empty. Its first line must be: text,label"
    assert told(write(tmp_path, content)) == message


def test_a_header_and_no_rows(tmp_path):
    message = ": the file has a header and no rows. Get it again, or fill it."
    assert told(write(tmp_path, "text,label\n")) == message
    reviews(0, "").astype({"text": str}).to_parquet(tmp_path / "mine.parquet", index=False)
    assert told(tmp_path / "mine.parquet") == message


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        *(("2", "'2'"), ("-1", "'-1'"), ("0.5", "'0.5'"), ("good", "'good'"), ("True", "'True'")),
        *(("", "missing"), (" ", "missing"), ("nan", "missing"), ("inf", "'inf'")),
        ("x" * 500, "'xxxxxxxxxxxx...xxxxxxxxxxxxx'"),
    ],
)
def test_a_label_that_is_not_0_or_1(label, shown, tmp_path):
    file = write(tmp_path, f'text,label\n"two\nlines",1\nbad,0\nodd,{label}\n')
    assert told(file) == (
        f", row 3 (line 5): the label is {shown}; it must be 0 (unfavourable) or 1 (favourable). "
        f"{tables.CORRECT if shown == 'missing' else tables.CLASSES}"
    )


@pytest.mark.parametrize("label", [2, -1, 0.5, None])
def test_a_label_that_is_not_0_or_1_in_parquet(label, tmp_path):
    frame = pd.DataFrame({"text": ["a", "b"], "label": [1, label]})
    frame.to_parquet(tmp_path / "mine.parquet", index=False)
    message = told(tmp_path / "mine.parquet")
    assert message.startswith(", row 2: the label is ")
    assert ("missing" in message) == (label is None)


def test_a_missing_text(tmp_path):
    assert told(write(tmp_path, "text,label\ngood,1\n,0\n")) == (
        ", row 2 (line 3): the text is missing. Correct it, or leave the row out."
    )
    assert told(write(tmp_path, "text,label\ngood,1\n,\n")) == (
        ", row 2 (line 3): the text is missing. Correct it, or leave the row out."
    )
    frame = pd.DataFrame({"text": ["a", None], "label": [1, 0]})
    frame.to_parquet(tmp_path / "mine.parquet", index=False)
    assert told(tmp_path / "mine.parquet") == f", row 2: the text is missing. {tables.CORRECT}"
    frame = pd.DataFrame({"text": [1.5, 2.5], "label": [1, 0]})
    frame.to_parquet(tmp_path / "mine.parquet", index=False)
    assert (
        told(tmp_path / "mine.parquet") == f", row 1: the text is no text but 1.5. {tables.CORRECT}"
    )


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_wrong_encoding(mark, tmp_path):
    content = mark + 'text,label\n"two\nlines",1\nun café,0\n'.encode("windows-1252")
    at = content.index(b"\xe9")
    file = write(tmp_path, content)
    assert told(file) == (
        f", row 2 (line 4): the encoding is wrong: byte 0xe9 at position {at} is not UTF-8 "
        "(Windows-1252, perhaps; then give encoding='windows-1252'). Save the file as UTF-8; in "
        "Excel: 'CSV UTF-8'."
    )


def test_a_wrong_encoding_in_the_header(tmp_path):
    message = told(write(tmp_path, "text,label,année\n".encode("latin-1")))
    assert message.startswith(" (line 1): the encoding is wrong: byte 0xe9 at position 14")


def test_utf_16_without_its_mark(tmp_path):
    assert told(write(tmp_path, "text,label\ngood,1\n".encode("utf-16-le"))).startswith(
        " (line 1): a null byte, which no text has: UTF-16 without its mark"
    )


def test_commas_that_stand_in_no_quotes(tmp_path):
    message = told(write(tmp_path, "text,label\ngood,1\nlong, and dull,0\n"))
    assert message.startswith(", row 2 (line 3): 3 fields, but the header has 2. A text that")
    message = told(write(tmp_path, "text,label\ngood,1\ncut sh"))
    assert message.startswith(", row 2 (line 3): 1 fields, but the header has 2.")


def test_a_quote_that_is_never_closed(tmp_path):
    file = write(tmp_path, 'text,label\ngood,1\n"bad,0\nworse,0\n')
    assert told(file) == (
        ", row 2 (line 3): not valid CSV: a double quote is opened and never closed. "
        'Double ("") each quote that belongs to a text.'
    )


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PK\x03\x04....", "this is an Excel or zip file. Save the sheet as 'CSV UTF-8'."),
        (
            gzip.compress(b"text,label\n", mtime=0)[:-9],
            "compressed (gzip) and damaged or cut short. Get",
        ),
        (
            b"<!DOCTYPE html>",
            "this is a web page, not the file behind it. Download it again by its",
        ),
        (b"PAR1 and then nothing", "a Parquet file that is damaged or cut short. Get it again."),
    ],
)
def test_what_is_no_table(content, what, tmp_path):
    assert told(write(tmp_path, content)).startswith(f": {what}")


def test_a_file_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "text,label\n", "reviews.csv")
    assert told(tmp_path / "review.csv") == (
        f": there is no such file. Did you mean 'reviews.csv'? The working folder is {Path.cwd()}."
    )
    assert told(tmp_path / "nowhere" / "reviews.csv") == (
        f": there is no folder {tmp_path / 'nowhere'}. Check the name from {Path.cwd()} on."
    )


def test_a_folder_in_place_of_a_file(tmp_path):
    write(tmp_path, "text,label\n", "reviews.csv")
    assert told(tmp_path) == (": this is a folder. Give the name of a file. In it: reviews.csv.")


def test_errors_say_where_to_a_program_too(tmp_path):
    file = write(tmp_path, "text,label\ngood,1\n\nodd,5\n")
    with pytest.raises(ValueError) as error:
        data.read_reviews(file)
    assert (error.value.file, error.value.row, error.value.line) == (str(file), 2, 4)


def test_every_look_at_the_test_part_is_counted():
    splits = data.imdb("sample")
    assert splits.test_opened == 0
    splits.train.head(), repr(splits)
    assert splits.test_opened == 0
    assert len(splits.test) and splits.test_opened == 1
    _, _ = splits
    assert splits.test_opened == 2


def test_a_reader_that_is_left_half_read_lowers_no_limit(tmp_path):
    import csv

    before = csv.field_size_limit()
    rows = tables.csv_rows("text,label\ngood,1\nbad,0\n", tmp_path / "a.csv")
    next(rows)
    assert csv.field_size_limit() >= before
    rows.close()
    assert csv.field_size_limit() == before
