"""Many steps in one compiled program: the numbers of single steps, exact resume, a time budget."""

from __future__ import annotations

import os
import signal
import time

import datasets
import keras
import numpy as np
import pytest

from helpers import batches, gpt, programs, state, training

TOKENS = np.cumsum(np.random.default_rng(0).integers(0, 3, 3000)) % 12
SIZES = {"context_length": 8, "num_layers": 1, "num_heads": 2, "embed_dim": 16}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """No checkpoints yet, and none waits for the disk."""
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    monkeypatch.setattr(training, "SAVING_SHARE", 1e9)
    monkeypatch.setattr(programs, "WISHED", 0.002)  # several calls an epoch
    monkeypatch.setattr(os, "fsync", lambda file: None)
    return tmp_path


def build(rate=3e-3, jit_compile=True, **about):
    keras.utils.set_random_seed(1)
    model = gpt.GPT(gpt.GPTConfig(12, **{**SIZES, **about}))
    model.compile(keras.optimizers.AdamW(rate), jit_compile=jit_compile)
    return model


def sampled(steps=30):
    return training.windows(TOKENS, 8, 4, steps=steps)


def fit(model, data=None, **about):
    data = sampled() if data is None else data
    if "seconds" not in about:
        about = {"epochs": 2, **about}
    return training.fit(model, data, progress=False, save_every_seconds=0, **about)


def weights(model):
    return np.concatenate([w.ravel() for w in model.get_weights()])


class Calls(keras.callbacks.Callback):
    """Counts how often Python is asked, and notes the learning rate then."""

    def __init__(self, interrupt_at=None):
        super().__init__()
        rates, box = [], {"interrupt_at": interrupt_at}
        self.rates = lambda: rates
        self._note = lambda rate: rates.append(rate)
        self._box = lambda: box

    def on_train_batch_end(self, batch, logs=None):
        self._note(float(self.model.optimizer.learning_rate))
        if len(self.rates()) == self._box()["interrupt_at"]:
            signal.raise_signal(signal.SIGINT)


class Before(keras.callbacks.Callback):
    """Must be asked before every step."""

    def on_train_batch_begin(self, batch, logs=None): ...


@pytest.mark.parametrize("kind", ["windows", "arrays", "uneven"])
def test_equal_to_single_steps(kind):
    rows = TOKENS[: 8 * (52 if kind == "uneven" else 48)].reshape(-1, 8).astype("int32")
    data, about = (sampled(12), {}) if kind == "windows" else (rows, {"batch_size": 16})
    together, alone = build(), build(jit_compile=False)
    first, second = fit(together, data, **about), fit(alone, data, **about)
    assert first.steps == second.steps == {"windows": 24, "arrays": 6, "uneven": 8}[kind]
    np.testing.assert_allclose(weights(together), weights(alone), atol=2e-5)
    for one, other in zip(first.epochs, second.epochs, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-4)
    assert np.abs(weights(together) - weights(build())).max() > 1e-3  # it did train


def test_python_is_asked_less_often_than_there_are_steps(monkeypatch):
    monkeypatch.setattr(programs, "WISHED", 5.0)
    calls = Calls()
    assert fit(build(), sampled(200), epochs=1, callbacks=[calls]).steps == 200
    assert 2 <= len(calls.rates()) < 20


def test_a_callback_before_every_step_is_asked_before_every_step():
    model = build()
    assert programs.usable(model, sampled(), [Calls()])
    assert not programs.usable(model, sampled(), [Before()])
    assert not programs.usable(build(jit_compile=False), sampled(), [])


def test_a_callback_made_of_functions_is_asked_before_every_step():
    seen = []
    calls = keras.callbacks.LambdaCallback(on_train_batch_begin=lambda batch, logs: seen.append(1))
    fit(build(jit_compile=False), sampled(5), epochs=1, callbacks=[calls])
    assert len(seen) == 5 and not programs.usable(build(), sampled(), [calls])


def test_a_model_compiled_as_keras_does_by_default_is_left_to_keras():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    data = batches.of(np.zeros((4, 3)), np.zeros((4, 1)), 2, 0, "x")
    assert not programs.usable(model, data, [])


def test_interrupted_it_goes_on_exactly(capsys):
    whole = build(dropout=0.1)
    expected = fit(whole, sampled(60), name="run", validation_data=TOKENS[:80].reshape(10, 8))
    training.forget("run")
    for again in ("same model", "built again"):
        model = build(dropout=0.1)
        about = {"name": again, "validation_data": TOKENS[:80].reshape(10, 8)}
        with pytest.raises(KeyboardInterrupt):
            fit(model, sampled(60), callbacks=[Calls(4)], **about)
        assert "run this cell again" in capsys.readouterr().out
        model = model if again == "same model" else build(dropout=0.1)
        found = fit(model, sampled(60), callbacks=[Calls()], **about)
        assert 0 < found.resumed_from < 120
        assert weights(model).tobytes() == weights(whole).tobytes()
        ours, theirs = (state.values(m.optimizer.variables) for m in (model, whole))
        assert all(map(np.array_equal, ours, theirs))
        assert [e["val_loss"] for e in found.epochs] == [e["val_loss"] for e in expected.epochs]


def test_a_loss_that_is_no_number_is_told():
    with pytest.raises(FloatingPointError, match="smaller learning rate"):
        fit(build(rate=1e30), sampled(300), epochs=3)


# A time budget


@pytest.mark.clock
def test_it_trains_for_the_time_given_and_ends_with_the_rate_near_zero():
    model, calls = build(rate=5e-3), Calls()
    found = fit(model, sampled(20), seconds=10, callbacks=[calls])
    assert found.steps > 20 and len(found.epochs) > 1
    assert 8 < found.seconds < 25  # a busy machine may compile for long
    rates = calls.rates()
    assert max(rates) > 0.5 * 5e-3 and rates[-1] < 0.2 * 5e-3 and rates[0] < max(rates)
    assert float(model.optimizer.learning_rate) == pytest.approx(5e-3)


def test_slow_callbacks_come_out_of_the_time():
    class Slow(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            time.sleep(3)

    found = fit(build(jit_compile=False), sampled(3), seconds=5, callbacks=[Slow()])
    assert len(found.epochs) <= 2 and found.epochs[-1]["seconds"] >= 3


def test_a_budget_that_compiling_uses_up_is_told(capsys):
    found = fit(build(), sampled(20), seconds=0.5)
    assert found.steps >= 1 and "give more seconds" in capsys.readouterr().out


def test_a_schedule_of_ones_own_is_left_alone():
    schedule = keras.optimizers.schedules.ExponentialDecay(1e-2, 1000, 0.5)
    calls = Calls()
    found = fit(build(rate=schedule), sampled(20), seconds=5, callbacks=[calls])
    assert calls.rates()[-1] == pytest.approx(1e-2 * 0.5 ** (found.steps / 1000), rel=1e-3)


@pytest.mark.clock
def test_interrupted_a_time_budget_goes_on_with_the_time_that_is_left(capsys):
    about = {"seconds": 10, "name": "timed", "validation_data": TOKENS[:80].reshape(10, 8)}
    model = build(rate=4e-3)
    with pytest.raises(KeyboardInterrupt):
        fit(model, sampled(50), callbacks=[Calls(3)], **about)
    assert "of 10 s" in capsys.readouterr().out
    assert float(model.optimizer.learning_rate) == pytest.approx(4e-3)
    found = fit(model, sampled(50), callbacks=[Calls()], **about)
    assert found.resumed_from and found.steps > found.resumed_from
    assert found.seconds < 22


@pytest.mark.parametrize(
    "about, words",
    [
        ({}, "either epochs=... or seconds="),
        ({"epochs": 1, "seconds": 1}, "either epochs=... or seconds="),
        ({"seconds": 0}, "above 0"),
        ({"seconds": float("nan")}, "above 0"),
    ],
)
def test_how_long_must_be_said_once(about, words):
    with pytest.raises(ValueError, match=words):
        training.fit(build(), sampled(), **about)


# Windows


def test_windows_are_cut_where_the_seed_says_with_the_next_tokens_as_targets():
    data = training.windows(np.arange(100), 8, 4, steps=3, seed=5)
    x, y = data.cut(data.tokens, data.places(0)[1])
    assert x.shape == y.shape == (4, 8)
    np.testing.assert_array_equal(y, x + 1)
    again = training.windows(np.arange(100), 8, 4, steps=3, seed=5)
    np.testing.assert_array_equal(data.places(2), again.places(2))
    assert not np.array_equal(data.places(0), data.places(1))


def test_the_last_window_can_be_drawn_and_no_later_one():
    data = training.windows(np.arange(10), 8, 50, steps=20)
    assert set(data.places(0).ravel()) == {0, 1}


@pytest.mark.parametrize(
    "about, words",
    [
        ({"tokens": np.arange(8)}, "8 tokens are too few for a window of 8"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"tokens": TOKENS * 0.5}, "encode the text first"),
        ({"tokens": TOKENS[:800].reshape(100, 8)}, "one long row of tokens"),
        ({"tokens": "text"}, "encode the text first"),
        ({"context_length": -1}, "context_length is -1"),
    ],
)
def test_windows_that_cannot_be_are_refused(about, words):
    about = {"tokens": TOKENS, "context_length": 8, "batch_size": 4, **about}
    with pytest.raises(ValueError, match=words):
        training.windows(about["tokens"], about["context_length"], about["batch_size"])


def test_windows_bring_their_own_targets():
    with pytest.raises(ValueError, match="leave y and batch_size out"):
        training.fit(build(), sampled(), epochs=1, batch_size=4)


# datasets


def test_a_hub_dataset_is_trained_on():
    rows = TOKENS[:160].reshape(20, 8)
    table = datasets.Dataset.from_dict({"text": ["x"] * 20, "tokens": rows.tolist()})
    ours, theirs = build(jit_compile=False), build(jit_compile=False)
    fit(ours, table, batch_size=5)
    fit(theirs, rows, batch_size=5)
    np.testing.assert_array_equal(weights(ours), weights(theirs))


def test_labels_of_a_hub_dataset_are_the_targets():
    table = datasets.Dataset.from_dict({"x": [[1.0, 2.0]] * 6, "label": [0, 1] * 3})
    data = batches.of(table, None, 2, 0, "x")
    assert data.parts[0].shape == (6, 2) and data.parts[1].tolist() == [0, 1] * 3


def test_a_hub_dataset_without_numbers_is_refused():
    table = datasets.Dataset.from_dict({"text": ["a", "b"]})
    with pytest.raises(TypeError, match="no column of equally long numbers"):
        training.fit(build(), table, epochs=1)


# What Keras takes badly


def test_keras_fit_takes_windows_and_refuses_single_ones():
    import tensorflow as tf

    model = build(jit_compile=False)
    rows = TOKENS[:160].reshape(20, 8).astype("int32")
    data = tf.data.Dataset.from_tensor_slices(rows)
    with pytest.raises(ValueError, match=r"batch\(32\)"):
        model.fit(data, verbose=0)
    with pytest.raises(ValueError, match=r"batch\(32\)"):
        training.fit(model, data, epochs=1)
    losses = model.fit(data.batch(4), epochs=2, verbose=0).history["loss"]
    assert losses[1] < losses[0]
    with pytest.raises(ValueError, match="the token 12"):
        model.fit(rows + 1, verbose=0)
