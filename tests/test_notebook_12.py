"""12_open_weights: what its own functions and lists claim."""

from __future__ import annotations

import json
import pickle

import cells
import numpy as np
import pytest

from helpers import hub, sources


@pytest.fixture(scope="module")
def book():
    pytest.importorskip("keras")
    return cells.namespace("12")


@pytest.fixture
def content(tmp_path) -> bytes:
    """A safetensors file by the library that defines the format."""
    save_file = pytest.importorskip("safetensors.numpy").save_file
    random = np.random.default_rng(0)
    save_file({f"t{n}": random.normal(size=(n, 3)).astype("float32") for n in (1, 4, 9)},
              tmp_path / "x.safetensors", metadata={"format": "pt"})  # fmt: skip
    return (tmp_path / "x.safetensors").read_bytes()


def test_ten_lines_read_what_the_library_wrote(book, content):
    load = pytest.importorskip("safetensors.numpy").load
    expected = load(content)
    assert len(expected) == 3
    for name, array in expected.items():
        assert np.array_equal(book.read(content, name), array)


def test_a_download_that_broke_off(book, content):
    found = {name: book.attempt(content[:-5], name) for name in ("t1", "t4", "t9")}
    assert sum("fine" in words for words in found.values()) == 2
    assert sum("ValueError" in words for words in found.values()) == 1


def test_the_two_ways_to_split(book):
    """Each undoes its own way of packing, and not the other's."""
    random = np.random.default_rng(0)
    parts = [random.normal(size=(8, 8)) for _ in range(3)]
    beside = np.concatenate(parts, axis=1)
    heads = np.stack([p.reshape(8, 2, 4) for p in parts], axis=2).reshape(8, 24)
    for split, right, wrong in (
        (book.side_by_side, beside, heads),
        (book.head_by_head, heads, beside),
    ):
        assert all(np.array_equal(a, b) for a, b in zip(split(right), parts, strict=True))
        assert not np.allclose(split(wrong)[0], parts[0])
        assert [part.shape for part in split(wrong)] == [(8, 8)] * 3


def test_the_pickle_runs_and_the_loader_does_not_run_it(book, tmp_path, monkeypatch):
    import __main__

    # Pickles name a function by its module; the notebook's own is __main__.
    for thing in (book.sign, book.LooksLikeWeights):
        monkeypatch.setattr(thing, "__module__", "__main__")
        monkeypatch.setattr(__main__, thing.__name__, thing, raising=False)
    raw = pickle.dumps(book.LooksLikeWeights())
    pickle.loads(raw)
    assert len(book.VISITORS) == 1
    (tmp_path / "config.json").write_text(json.dumps(dict.fromkeys(hub.SIZES, 2) | hub.FIXED))
    (tmp_path / "pytorch_model.bin").write_bytes(raw)
    with pytest.raises(hub.BrokenModel, match="any code"):
        hub.load_gpt2(tmp_path)
    assert len(book.VISITORS) == 1


def test_the_models_that_it_names_are_in_the_table(book):
    import pandas as pd

    table = pd.read_csv(sources.path("large_models.csv")).set_index("name")
    named = {*book.GPTS, *book.EXAMPLES, *book.VERDICTS}
    assert named <= set(table.index)
    assert set(table["weights"]) == set(book.LANES)
    released = table.loc[list(book.VERDICTS), "weights"]
    assert (released != "no").all(), "what was not released could not be examined"
