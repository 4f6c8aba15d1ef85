"""A data set prepared and kept: the recipe's losses are real, the finders find, versions hold."""

from __future__ import annotations

import os
import re
import wave

import nbformat
import numpy as np
import pandas as pd
import pytest

from helpers import tables
from tests.cells import namespace
from tools import notebooks

PATH = notebooks.find("14")[0]
pytest.importorskip("datasketch")


@pytest.fixture(scope="module")
def own():
    return namespace("14")


@pytest.fixture(scope="module")
def book():
    return nbformat.read(PATH, as_version=4)


def test_the_recipe_stands_as_it_is_usually_printed(book):
    code = "\n".join(cell.source for cell in book.cells if cell.cell_type == "code")
    for line in ("pd.read_csv(", ".str.lower()", "frac=0.8, random_state=42", ".drop("):
        assert line in code, line
    first = next(i for i, c in enumerate(book.cells) if "random_state=42" in c.source)
    cleaning = next(i for i, c in enumerate(book.cells) if "tables.clean(" in c.source)
    assert first < cleaning, "the familiar recipe comes first"


def test_the_recipe_divides_and_forgets_the_labels(own, tmp_path):
    frame = pd.DataFrame({"text": [f"Review {i}!" for i in range(50)], "label": [0, 1] * 25})
    frame.to_csv(tmp_path / "reviews.csv", index=False)
    train, test = own.recipe(tmp_path / "reviews.csv")
    assert (len(train), len(test)) == (40, 10) and train.ndim == test.ndim == 1
    assert not set(train.index) & set(test.index)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Don't! 9/10", "dont "),
        ("Café", "caf"),
        ("好看", ""),
        ("a<br />b", "abr b"),
        ("No. No", "no no"),
    ],
)
def test_what_the_recipe_leaves(own, text, left):
    assert own.strip_text(pd.Series([text]))[0] == left


def test_sketches_estimate_the_similarity(own):
    rng = np.random.default_rng(1)
    text = " ".join(f"word{i}" for i in range(300))
    for share in (0.0, 0.1, 0.5):
        other = own.drop_words(text, share, rng)
        exact = tables.jaccard(tables.shingles(text), tables.shingles(other))
        estimate = own.sketch(text).jaccard(own.sketch(other))
        assert abs(exact - estimate) < 4 * np.sqrt(0.25 / 128)
    assert own.drop_words(text, 0.0, rng) == text and own.drop_words(text, 1.0, rng) == ""


def test_side_features_see_no_word(own):
    texts = pd.Series(["good\nfilm ", "evil\ncity "])
    features = own.side_features(texts, np.array([0, 0]))
    assert features.shape == (2, 4) and (features[0] == features[1]).all()


def test_faults_of_a_recording_are_seen(own, tmp_path):
    seen = {}
    for name, how in {"good": {}, "rate": {"rate": 44100}, "loud": {"loudness": 3}}.items():
        own.record_tone(tmp_path / name, **how)
        seen[name] = own.look_at_sound(tmp_path / name)
    assert seen["good"]["rate (Hz)"] == 8000 and seen["rate"]["rate (Hz)"] == 44100
    assert seen["good"]["seconds"] == seen["rate"]["seconds"] == 0.5
    assert seen["good"]["at the limit"] == "0%" != seen["loud"]["at the limit"]


def test_a_recording_that_is_none_or_of_another_kind_is_refused_in_words(own, tmp_path):
    file = tmp_path / "a.wav"
    for content in (b"", b"RIFF", b"no sound at all, but some text"):
        file.write_bytes(content)
        with pytest.raises(tables.DataError, match=r"a\.wav: no WAV file .*Convert it\."):
            own.look_at_sound(file)
    for channels, width in ((2, 2), (1, 3)):
        with wave.open(str(file), "wb") as stream:
            stream.setparams((channels, width, 8000, 0, "NONE", ""))
            stream.writeframes(bytes(6 * 100))
        with pytest.raises(tables.DataError, match="not mono of 16 bits"):
            own.look_at_sound(file)


def test_the_numbers_of_the_real_set_are_asserted(book):
    checkpoint = "\n".join(c.source for c in book.cells if "assert " in c.source)
    assert {96, 199, 123} <= set(map(int, re.findall(r"\b\d+\b", checkpoint)))


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("COURSE_DATA"), reason="COURSE_DATA is not set")
def test_it_holds_on_the_real_reviews(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    run = notebooks.execute(PATH, tmp_path / PATH.name, {"SOURCE": "mirror"})
    assert run.passed, run.result
    assert run.seconds <= 180
