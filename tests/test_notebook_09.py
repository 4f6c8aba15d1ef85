"""Notebook 09: its split, its schedule, its lines that cross, and a GPT that beats the trigram."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import nbformat
import numpy as np
import pytest

from helpers import data, training
from tests import cells
from tools import notebooks

PATH = notebooks.find("09")[0]


@pytest.fixture(scope="module")
def own():
    return cells.namespace("09")


def test_its_side_is_that_of_the_corpus(own):
    names = [f"module {i}" for i in range(500)]
    _, val = data.split_by_name((name, "") for name in names)
    assert {name for name in names if own.side(name) == "val"} == {name for name, _ in val}


def test_shares_seen_are_counted(own):
    alphabet = "".join(map(chr, range(0x4E00, 0x4E00 + 2000)))
    assert own.share_seen([alphabet], [alphabet[300:900]]) == 1.0
    assert own.share_seen([alphabet[:1000]], [alphabet[1000:]]) == 0.0
    assert 0.3 < own.share_seen([alphabet[:1000]], [alphabet]) < 0.65


def test_the_schedule_drawn_is_the_one_that_fit_follows(own):
    budget = training._Budget(seconds=20.0, peak=3e-3, ready=0.0)
    for spent in (0.2, 0.5, 1.0, 1.1, 7.0, 19.0):
        assert own.schedule(spent / 20) == pytest.approx(budget.rate(spent), rel=1e-6), spent
    shares = np.linspace(0, 1, 1001)
    rates = own.schedule(shares)
    assert rates[0] == rates[-1] == 0 and abs(shares[rates.argmax()] - 0.05) < 2e-3


def test_crossings_lie_where_the_line_crosses(own):
    own.crossing.__globals__.update(bits=[4.0, 3.0, 2.0], clock=[0.0, 10.0, 30.0])
    assert own.crossing(3.5) == pytest.approx(5)
    assert own.crossing(3.0) == pytest.approx(10)
    assert own.crossing(2.5) == pytest.approx(20)
    assert own.crossing(1.9) is None and own.crossing(4.5) == 0.0


def test_stop_is_pressed_once_in_the_fifth_epoch(own, monkeypatch):
    pressed = []
    monkeypatch.setattr(signal, "raise_signal", pressed.append)
    callback = own.PressStop()
    for epoch in range(8):
        callback.on_epoch_begin(epoch)
        for batch in range(3):
            callback.on_train_batch_end(batch)
            assert len(pressed) == (epoch >= 4)
    assert pressed == [signal.SIGINT]


def test_nothing_is_learned_from_the_validation_text():
    book = nbformat.read(PATH, as_version=4)
    code = "\n".join(cell.source for cell in book.cells if cell.cell_type == "code")
    fitted = re.findall(r"\.(?:fit|train)\(\s*(\w+)", code) + re.findall(r"windows\(\s*(\w+)", code)
    assert {"train_text", "train_texts", "train_tokens", "little"} <= set(fitted)
    assert not [name for name in fitted if "val" in name.split("_")]


@pytest.mark.slow
def test_five_hundred_steps_beat_the_trigram(own):
    """By steps and not by time, so that a busy machine gets the same answer."""
    from helpers import gpt
    from helpers.ngrams import NGrams
    from helpers.text import BPE

    corpus = data.python_docs()
    train, val = ("\n\n".join(corpus.texts(split)) for split in ("train", "val"))
    tokenizer = BPE.train(corpus.texts(), 1024)
    tokens, held_out = (np.array(tokenizer.encode(text), "int32") for text in (train, val))
    own.build.__globals__.update(tokenizer=tokenizer, bytes_per_token=len(train) / len(tokens))
    model = own.build("nano")
    windows = training.windows(tokens, 64, 16, steps=500, seed=0)
    training.fit(model, windows, epochs=1, progress=False)
    found = gpt.bits_per_byte(model, held_out, len(val.encode()))
    trigram = NGrams(3).fit(train).bits_per_byte(val)
    assert 2.5 < trigram < 3.3
    assert found < trigram - 0.2


@pytest.mark.real_data
def test_it_runs_on_shakespeare_too(tmp_path, monkeypatch):
    home = tmp_path / "home"
    monkeypatch.setenv("COURSE_HOME", str(home))
    settings = {"SOURCE": "mirror", "CORPUS": "tiny_shakespeare"}
    run = notebooks.execute(PATH, tmp_path / PATH.name, settings)
    assert run.passed, run.result
    measured = json.loads(Path(home, "results.json").read_text("utf-8"))
    assert measured["09.bits_per_byte"]["source"] == "mirror"
    assert measured["09.bits_per_byte"]["value"] < measured["09.trigram_bits_per_byte"]["value"]
