"""Text to pretrain on: the installed documentation, Tiny Shakespeare, splits and windows."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from helpers import data, sources
from helpers.text import Bytes

MIRROR = os.environ.get("COURSE_DATA", "")


@pytest.fixture(scope="module")
def docs():
    return data.python_docs()


def small(train="abcdefghij", val="xyz"):
    return data.Corpus("small", (("a", train),), (("b", val),), "installed", "none", 0, "a note")


# --- the documentation of the installed Python


def test_it_is_english_of_about_two_megabytes(docs):
    text = " ".join(docs.texts())
    assert 1.2e6 < len(text.encode()) < 3e6
    words = text.split()
    assert words.count("the") / len(words) > 0.03
    val = len(" ".join(docs.texts("val")).encode())
    assert 0.04 < val / len(text.encode()) < 0.2


def test_topics_and_modules_are_documents(docs):
    names = [name for name, _ in (*docs.train, *docs.val)]
    assert {"topic assert", "module json", "module json.decoder", "module ssl"} <= set(names)
    assert len(names) == len(set(names)) and not any("__init__" in name for name in names)
    left_out = ("module test", "module idlelib", "module lib2to3", "module encodings")
    assert not any(name.startswith(left_out) for name in names)
    json = dict((*docs.train, *docs.val))["module json"]
    assert "JavaScript Object Notation" in json and "def dumps" not in json


def test_each_document_has_one_side_whatever_the_machine(docs):
    """Worked out once; a change of the rule would move documents between machines and versions."""
    train, val = data.split_by_name((name, "") for name, _ in (*docs.train, *docs.val))
    assert {name for name, _ in docs.train} <= {name for name, _ in train}
    assert {name for name, _ in docs.val} == {name for name, _ in val}
    known = data.split_by_name((f"module {n}", "") for n in KNOWN)
    sides = {name.removeprefix("module "): side for side in (0, 1) for name, _ in known[side]}
    assert sides == KNOWN


def test_the_split_does_not_depend_on_the_other_documents():
    names = [f"document {i}" for i in range(2000)]
    _, val = data.split_by_name((name, "") for name in names)
    assert 150 < len(val) < 250
    _, again = data.split_by_name((name, "other text") for name in reversed(names[:1000]))
    assert {n for n, _ in again} == {n for n, _ in val} & set(names[:1000])


def test_nothing_of_val_stands_in_train(docs):
    train, val = docs.texts(), docs.texts("val")
    paragraphs = {" ".join(p.split()) for text in train for p in text.split("\n\n")}
    inside = [p for text in val for p in text.split("\n\n") if " ".join(p.split()) in paragraphs]
    assert not [p for p in inside if p.strip()]
    held = "\n\n".join(train)
    known = {hash(held[i : i + 96]) for i in range(len(held) - 95)}
    text = "\n\n".join(val)
    shared = sum(hash(text[i : i + 96]) in known for i in range(0, len(text) - 95, 7))
    assert shared <= 5, "pieces of 96 characters are on both sides"
    assert docs.dropped > 50 and f"{docs.dropped} paragraphs" in docs.note


def test_shared_paragraphs_are_dropped_from_train_and_counted():
    shared = "one two three four five six seven eight nine ten"
    val = [("v", f"Usage.\n\n  {shared}\n   eleven\n\nonly here")]
    train = [
        ("a", f"Usage.\n\nkept as it is\n\n> {shared} <"),
        ("b", "Usage.\n \n\n"),
        ("c", "one two three four five six seven eight nine"),
    ]
    kept, dropped = data.without_shared(train, val)
    assert kept == [("a", "kept as it is"), ("c", train[2][1])]
    assert dropped == 3


def test_identical_documents_are_kept_once():
    assert data._distinct([("b", "same"), ("a", "same"), ("c", "other")]) == [
        ("a", "same"), ("c", "other"),
    ]  # fmt: skip


def test_modules_are_read_and_not_run(tmp_path):
    ran = tmp_path / "ran"
    source = (
        f'"""What it does."""\nopen({str(ran)!r}, "w")\nif 1:\n    def f():\n        """Deep."""\n'
    )
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text(source, "utf-8")
    (tmp_path / "bad.py").write_text('"""Never closed', "utf-8")
    (tmp_path / "no-module.py").write_text('"""Not importable."""', "utf-8")
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "other.py").write_text('"""Not of Python."""', "utf-8")
    found = [(parts, data._documentation(file)) for file, parts in data._modules(tmp_path)]
    assert sorted(found) == [(("bad",), ""), (("package", "__init__"), "What it does.\n\nDeep.")]
    assert not ran.exists()


def test_the_note_tells_source_size_and_licence(docs, capsys):
    assert data.python_docs() is docs
    printed = capsys.readouterr().out
    assert printed == docs.note + "\n" and "\n" not in docs.note
    for words in (f"{len(docs.train)} documents", "MB", "Python Software Foundation License",
                  "Copyright", "installed here"):  # fmt: skip
        assert words in docs.note
    assert docs.licence in docs.note and repr(docs).endswith(docs.note)


def test_every_source_gives_the_same_and_a_wrong_one_is_refused(docs):
    for source in sources.ORDER:
        assert data.python_docs(source) is docs
    with pytest.raises(sources.SourceError, match="not a source"):
        data.python_docs("web")


def test_a_python_without_sources_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(data.sysconfig, "get_path", lambda name: str(tmp_path))
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(sources.Unavailable, match="neither help topics nor source files"):
        data._python_docs.__wrapped__()


def test_the_topics_may_be_missing(monkeypatch, docs):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    corpus = data._python_docs.__wrapped__()
    assert 0 < len(corpus.val) < len(docs.val)
    assert not any(name.startswith("topic") for name, _ in corpus.train)


@pytest.mark.clock
def test_it_is_fast_and_imports_no_module_of_the_library():
    code = (
        "import time, sys; from helpers import data; start = time.perf_counter(); "
        "data.python_docs(); print(time.perf_counter() - start); "
        "print('ssl' in sys.modules, 'tensorflow' in sys.modules)"
    )
    start = time.process_time()
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, imported = run.stdout.splitlines()[1:]
    assert float(seconds) < 3 or time.process_time() - start < 3
    assert imported == "False False"


# --- Tiny Shakespeare


def test_shakespeare_has_no_sample():
    with pytest.raises(sources.Unavailable, match=r"no sample of it ships.*python_docs"):
        data.tiny_shakespeare()  # COURSE_SOURCE is "sample" in every test
    with pytest.raises(sources.SourceError, match="not a source"):
        data.tiny_shakespeare("web")


def test_shakespeare_that_no_source_has_is_unavailable_in_words(monkeypatch):
    monkeypatch.setenv("COURSE_SOURCE", "auto")
    monkeypatch.setenv("COURSE_DATA", "")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(sources.Unavailable, match="neither the mirror nor the Hub has it here"):
        data.tiny_shakespeare()


def test_another_text_in_its_place_is_refused():
    found = sources.Found({"characters": "To be"}, "hub", "a note")
    with pytest.raises(data.DataError, match="another text"):
        data._whole(found)


@pytest.mark.real_data
@pytest.mark.skipif(not MIRROR, reason="COURSE_DATA is not set")
def test_shakespeare_from_the_mirror_and_as_the_hub_lays_it(monkeypatch, tmp_path, capsys):
    import pandas as pd

    corpus = data.tiny_shakespeare("mirror")
    (_, train), (_, val) = corpus.train[0], corpus.val[0]
    assert (len(train), len(val)) == (1_003_854, 111_540) and train.startswith("First Citizen:")
    assert "1,115,394 characters" in corpus.note and capsys.readouterr().out.count("\n") == 1
    folder = tmp_path / "karpathy" / "tiny_shakespeare" / "data"
    folder.mkdir(parents=True)
    for split, text in {"train": train, "validation": val[:55_770], "test": val[55_770:]}.items():
        frame = pd.DataFrame({"text": [text]})
        frame.to_parquet(folder / f"{split}-00000-of-00001.parquet")
    monkeypatch.setenv("COURSE_HUB", str(tmp_path))
    again = data.tiny_shakespeare("hub")
    assert again.source == "hub" and again.train == corpus.train and again.val == corpus.val


# --- windows


def test_windows_of_bytes_end_to_end(docs):
    windows = data.windows(docs, tokenizer=Bytes(), context_length=64)
    assert windows.dtype == np.int32 and windows.shape[1] == 64
    text = "\n\n".join(docs.texts()).encode()
    assert len(windows) == len(text) // 64
    assert bytes(windows[:3].ravel().astype(np.uint8)) == text[: 3 * 64]


def test_windows_by_name_of_the_val_part(docs, capsys):
    windows = data.windows("python_docs", tokenizer=Bytes(), split="val", context_length=128)
    assert len(windows) == len("\n\n".join(docs.texts("val")).encode()) // 128
    assert capsys.readouterr().out == docs.note + "\n"


def test_windows_with_tokenizers_of_both_kinds():
    class Plain:
        def encode(self, text):
            return [ord(c) - ord("a") for c in text]

    @dataclasses.dataclass
    class Encoding:
        ids: list

    class Library:
        def encode(self, text):
            return Encoding(Plain().encode(text))

    expected = np.arange(8).reshape(2, 4)
    for tokenizer in (Plain(), Library()):
        found = data.windows(small(), tokenizer=tokenizer, context_length=4)
        assert found.dtype == np.int32 and np.array_equal(found, expected)
    with_bytes = data.windows(small("naïve é"), tokenizer=Bytes(), context_length=3)
    assert with_bytes.tolist() == np.frombuffer("naïve é".encode(), "u1").reshape(3, 3).tolist()


def test_too_little_text_and_other_bad_calls_are_told(docs):
    with pytest.raises(data.DataError, match=r"'val' is shorter than one window: 3 tokens.*4"):
        data.windows(small(), tokenizer=Bytes(), split="val", context_length=4)
    assert data.windows(small(), tokenizer=Bytes(), split="val", context_length=3).shape == (1, 3)
    with pytest.raises(data.DataError, match="context_length=1"):
        data.windows(small(), context_length=1)
    with pytest.raises(data.DataError, match="no split 'test'"):
        data.windows(small(), split="test")
    with pytest.raises(data.DataError, match="Did you mean 'python_docs'"):
        data.windows("python_doc")


def test_the_corpus_cannot_be_changed_by_accident(docs):
    with pytest.raises(dataclasses.FrozenInstanceError):
        docs.train = ()
    assert isinstance(docs.train, tuple) and isinstance(docs.train[0], tuple)


KNOWN = {  # 0 is train, 1 is val
    **dict.fromkeys(("ssl", "json", "socket", "argparse", "os", "wave", "aifc", "random"), 0),
    **dict.fromkeys(("datetime", "hmac"), 1),
}
