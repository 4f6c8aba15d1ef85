"""fit(): the numbers of `model.fit`, and runs that go on exactly where they were broken off."""

from __future__ import annotations

import collections
import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from helpers import batches, checkpoints, state, training

SCRIPT = Path(__file__).with_name("train_and_die.py")
ROOT = SCRIPT.parent.parent
DATA = np.random.default_rng(0)
X = DATA.normal(size=(150, 6)).astype("float32")
Y = (X[:, 0] + 0.3 * DATA.normal(size=150) > 0).astype("int64")
BATCH, STEPS = 16, 10  # the last step of an epoch has 6 examples
EAGER = {"run_eagerly": True}  # where the arithmetic is not the matter: nothing to compile


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Every test starts with no checkpoints, and with models that are told apart."""
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    monkeypatch.setattr(training, "LOOK_EVERY", 0.0)
    monkeypatch.setattr(training, "SAVING_SHARE", 1e9)  # a checkpoint at every step
    monkeypatch.setattr(os, "fsync", lambda file: None)  # no test cuts the power
    return tmp_path


def build(seed=1, optimizer=None, **about):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(2),
        ]
    )
    rate = keras.optimizers.schedules.ExponentialDecay(0.03, 10, 0.9)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    about = {"loss": loss, "metrics": ["accuracy"], **about}
    model.compile(optimizer or keras.optimizers.Adam(rate), **about)
    return model


def shared():
    """Always the same model, as it was when it was built: TensorFlow compiles its step once."""
    if not hasattr(shared, "model"):
        shared.model = build()
        shared.model.optimizer.build(shared.model.trainable_variables)
        shared.built = state.of(shared.model)
    training._LEFT.pop(shared.model, None)
    metrics = state.values(shared.model.metrics_variables)
    state.restore(shared.model, {**shared.built, "metrics": metrics})
    return shared.model


def fit(model, x=X, y=Y, **about):
    about = {"epochs": 3, "batch_size": BATCH, "validation_data": (X[:40], Y[:40]), **about}
    keras.utils.set_random_seed(5)  # PyTorch's dropout draws from a state that all models share
    return training.fit(model, x, y, save_every_seconds=0, progress=False, **about)


def everything(model):
    return state.values([*model.variables, *model.optimizer.variables])


def same(a, b):
    return len(a) == len(b) and all(map(np.array_equal, a, b))


def told(history):
    """The history but for its times."""
    return [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in history.epochs]


class Interrupt(keras.callbacks.Callback):
    """The reader presses the stop button while step `at` of a call runs, or a validation batch.

    What it counts lies in a function, where no checkpoint holds it and no fingerprint sees it.
    """

    def __init__(self, at=0, where="train", how=signal.SIGINT):
        super().__init__()
        seen = collections.Counter()

        def step(here):
            seen[here] += 1
            if here == where and seen[here] == at:
                if how is None:
                    raise RuntimeError("a crash")
                signal.raise_signal(how)

        self.step = step

    def on_train_batch_end(self, batch, logs=None):
        self.step("train")

    def on_test_batch_end(self, batch, logs=None):
        self.step("test")


def broken_off(model, at, name="run", where="train", **about):
    """A run that is interrupted; what it said is left to capsys."""
    with pytest.raises(KeyboardInterrupt):
        fit(model, name=name, callbacks=[Interrupt(at, where)], **about)


# What it computes


def test_history_tells_what_was_done():
    history = fit(shared())
    assert [epoch["epoch"] for epoch in history.epochs] == [1, 2, 3]
    assert set(history.epochs[0]) == {
        "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds"}  # fmt: skip
    assert history.steps == 3 * STEPS
    assert history.resumed_from is None and history.best_epoch is None
    assert 0 < sum(epoch["seconds"] for epoch in history.epochs) <= history.seconds + 1e-9
    assert history.examples_per_second > 150 * 3 / history.seconds  # compiling is left out
    assert history.epochs[-1]["loss"] < history.epochs[0]["loss"]


def test_history_is_shown_as_a_short_table():
    epochs = [{"epoch": i + 1, "loss": 1 / (i + 1), "a<b": 0.5, "seconds": 1.0} for i in range(30)]
    history = training.History(epochs, 12.34, 3000, 1234.5, best_epoch=7, resumed_from=120)
    lines = repr(history).splitlines()
    assert lines[0].split() == ["epoch", "loss", "a<b", "seconds"]
    assert lines[1].split() == ["1", "1", "0.5", "1"] and lines[6].split() == ["..."] * 4
    assert lines[-1] == (
        "30 epochs, 3,000 steps, 12.3 s, 1,234 examples a second, weights of epoch 7, the best, "
        "went on from step 120"
    )
    assert len(lines) == 13
    page = history._repr_html_()
    assert page.count("<tr>") == 12 and "a&lt;b" in page and "1,234 examples a second" in page


def test_history_as_a_frame():
    pytest.importorskip("pandas")
    frame = fit(shared(), epochs=2).frame()
    assert frame.index.tolist() == [1, 2] and frame.index.name == "epoch"
    assert frame.loc[2, "val_loss"] > 0


def test_equal_to_keras_on_the_same_order():
    ours, theirs = build(), build()
    order = batches.Arrays((X, Y), BATCH, 5).order(0)
    history = fit(ours, epochs=1, seed=5)
    keras.utils.set_random_seed(5)
    expected = theirs.fit(
        X[order], Y[order], BATCH, 1, verbose=0, shuffle=False, validation_data=(X[:40], Y[:40])
    ).history
    assert same(everything(ours), everything(theirs))
    names = ("loss", "accuracy", "val_loss", "val_accuracy")
    assert [history.epochs[0][n] for n in names] == [expected[n][0] for n in names]


def test_averaged_weights_are_moved_in_once_as_keras_does():
    def model():
        return build(optimizer=keras.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.9))

    ours, theirs = model(), model()
    one_epoch = np.concatenate([batches.Arrays((X, Y), 15, 0).order(e) for e in range(3)])
    fit(ours, batch_size=15, validation_data=None)
    keras.utils.set_random_seed(5)
    theirs.fit(X[one_epoch], Y[one_epoch], 15, 1, verbose=0, shuffle=False)
    if keras.backend.backend() != "torch":  # there, every pass over the data draws a number
        assert same(everything(ours), everything(theirs))
    resumed = model()
    about = {"batch_size": 15, "validation_data": None}
    broken_off(resumed, 17, **about)
    fit(resumed, name="run", callbacks=[Interrupt()], **about)
    assert same(everything(resumed), everything(ours))


def test_seed_decides_the_order():
    results = []
    for seed in (0, 0, 1):
        model = build(**EAGER)
        fit(model, epochs=1, seed=seed)
        results.append(everything(model))
    assert same(results[0], results[1]) and not same(results[0], results[2])


@pytest.mark.parametrize("kind", ["dict", "tuple", "no y", "subclass"])
def test_models_of_other_forms(kind):
    if kind == "subclass":

        class Own(keras.Model):  # not built before it sees data
            def __init__(self):
                super().__init__()
                self.dense = keras.layers.Dense(1)

            def call(self, x):
                return self.dense(x)

        model, x, y = Own(), X, Y
    elif kind == "no y":

        class Coder(keras.Model):
            def __init__(self):
                super().__init__()
                self.dense = keras.layers.Dense(6)

            def call(self, x):
                self.add_loss(keras.ops.mean((self.dense(x) - x) ** 2))
                return x

        model, x, y = Coder(), X, None
    else:
        a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
        both = {"a": a, "b": b} if kind == "dict" else (a, b)
        model = keras.Model(both, keras.layers.Dense(1)(a * b))
        x, y = ({"a": X, "b": -X} if kind == "dict" else (X, -X)), Y
    model.compile("adam", "mse" if y is not None else None)
    with contextlib.suppress(KeyboardInterrupt):
        fit(model, x, y, validation_data=None, name="run", callbacks=[Interrupt(12)])
    history = fit(model, x, y, validation_data=None, name="run", callbacks=[Interrupt()])
    assert history.resumed_from == 12 and history.steps == 3 * STEPS


# Going on


@pytest.fixture(scope="module")
def undisturbed():
    model = shared()
    history = fit(model, keep_best="val_loss")
    return everything(model), told(history), history.best_epoch


AT = [("train", 1, 1, 1), ("train", 7, 7, 1), ("train", 10, 10, 1), ("train", 11, 11, 2),
      ("train", 25, 25, 3), ("test", 2, 10, 1), ("test", 4, 20, 2)]  # fmt: skip


@pytest.mark.parametrize("where, at, step, epoch", AT)
@pytest.mark.parametrize("again", ["same model", "built again"])
def test_interrupted_it_goes_on_exactly(where, at, step, epoch, again, undisturbed, capsys):
    place = f"step {step} of 30 (epoch {epoch})"
    model = shared()
    broken_off(model, at, where=where, keep_best="val_loss")
    told_so = f"Interrupted at {place}: saved; run this cell again to go on from there.\n"
    assert capsys.readouterr().out == told_so
    if again == "built again":
        model = shared()
    history = fit(model, name="run", keep_best="val_loss", callbacks=[Interrupt()])
    assert re.fullmatch(
        rf"Going on from {re.escape(place)}, saved \d s ago.\n", capsys.readouterr().out
    )
    assert history.resumed_from == step and history.steps == 30
    assert history.seconds + 1e-9 >= sum(epoch["seconds"] for epoch in history.epochs)
    assert (everything(model), told(history), history.best_epoch) == Same(undisturbed)


class Same:
    """Equal arrays, which `==` alone does not tell."""

    def __init__(self, expected):
        self.expected = expected

    def __eq__(self, found):
        return same(found[0], self.expected[0]) and found[1:] == tuple(self.expected[1:])


def test_a_crash_loses_only_what_was_not_saved(undisturbed):
    model = shared()
    with pytest.raises(RuntimeError, match="a crash"):
        fit(model, name="run", keep_best="val_loss", callbacks=[Interrupt(17, how=None)])
    # The model in memory may stand at a step that no checkpoint holds; it is known all the same.
    history = fit(model, name="run", keep_best="val_loss", callbacks=[Interrupt()])
    assert 0 < history.resumed_from <= 16
    assert (everything(model), told(history), history.best_epoch) == Same(undisturbed)


@pytest.mark.parametrize("optimizer", ["scaled", "momentum", "accumulated", "clipped"])
def test_other_optimizers_go_on_exactly(optimizer):
    def model():
        return build(optimizer={
            "scaled": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01),
                                                                  dynamic_growth_steps=4),
            "momentum": lambda: keras.optimizers.SGD(0.01, momentum=0.9),
            "accumulated": lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=3),
            "clipped": lambda: keras.optimizers.AdamW(0.01, global_clipnorm=0.1),
        }[optimizer]())  # fmt: skip

    whole, parts = model(), model()
    about = {"epochs": 2, "validation_data": None}
    expected = fit(whole, **about)
    broken_off(parts, 14, **about)
    found = fit(parts, name="run", callbacks=[Interrupt()], **about)
    assert found.resumed_from == 14 and told(found) == told(expected)
    assert same(everything(parts), everything(whole))


def test_several_steps_an_execution_go_on_exactly():
    if keras.backend.backend() == "torch":
        pytest.skip("PyTorch runs one step at a time")
    whole, parts = build(steps_per_execution=4), build(steps_per_execution=4)
    expected = fit(whole)
    broken_off(parts, 5)  # in the fifth execution: steps 15 to 18 of the run
    history = fit(parts, name="run", callbacks=[Interrupt()])
    assert history.resumed_from == 18
    assert same(everything(parts), everything(whole)) and told(history) == told(expected)


def test_random_states_go_on_exactly():
    class Draw(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.drawn = []

        def on_train_batch_begin(self, batch, logs=None):
            noise = keras.random.uniform(()) if keras.backend.backend() != "jax" else 0.0
            self.drawn.append([random.random(), np.random.rand(), float(noise)])

    whole, parts = Draw(), Draw()
    fit(shared(), callbacks=[whole, Interrupt()])
    broken = shared()
    with pytest.raises(KeyboardInterrupt):
        fit(broken, name="run", callbacks=[parts, Interrupt(13)])
    parts = Draw()
    random.seed(99), np.random.seed(99)
    fit(broken, name="run", callbacks=[parts, Interrupt()])
    assert len(parts.drawn) == 30 and parts.drawn == whole.drawn


def test_a_model_that_draws_in_its_validation_goes_on_exactly():
    class Noise(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.seed = keras.random.SeedGenerator(3)

        def call(self, x):
            return x + keras.random.normal(keras.ops.shape(x), seed=self.seed)

    def noisy():
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((6,)), Noise(), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        return model

    whole, parts = noisy(), noisy()
    expected = fit(whole)
    broken_off(parts, 5, where="test")  # the second batch of the second epoch's validation
    found = fit(parts, name="run", callbacks=[Interrupt()])
    assert found.resumed_from == 20
    assert told(found) == told(expected) and same(everything(parts), everything(whole))


def test_callbacks_go_on_counting():
    def stopper():
        return keras.callbacks.EarlyStopping("loss", patience=2, mode="max", min_delta=-9.0)

    whole = stopper()
    expected = fit(shared(), epochs=9, callbacks=[whole])
    assert len(expected.epochs) == 3 and expected.steps == 30
    model = shared()
    with pytest.raises(KeyboardInterrupt):
        fit(model, epochs=9, name="run", callbacks=[stopper(), Interrupt(14)])
    found = fit(model, epochs=9, name="run", callbacks=[stopper(), Interrupt()])
    assert found.resumed_from == 14 and told(found) == told(expected)


def test_keep_best_restores_the_weights_of_the_best_epoch():
    class Weights(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.each = []

        def on_epoch_end(self, epoch, logs=None):
            self.each.append((logs["val_loss"], self.model.get_weights()))

    # Asked for the opposite of what it was taught, it is at its best when it knows least.
    about = {"epochs": 4, "validation_data": (X[:40], 1 - Y[:40])}
    seen, model = Weights(), shared()
    history = fit(model, keep_best="val_loss", callbacks=[seen], **about)
    best = int(np.argmin([loss for loss, _ in seen.each]))
    assert history.best_epoch == best + 1 and best < 3
    assert same(model.get_weights(), seen.each[best][1])
    with pytest.raises(KeyboardInterrupt):
        fit(shared(), keep_best="val_loss", name="run", callbacks=[seen, Interrupt(33)], **about)
    again = [Weights(), Interrupt()]
    resumed = fit(shared.model, keep_best="val_loss", name="run", callbacks=again, **about)
    assert resumed.resumed_from == 33 and resumed.best_epoch == best + 1
    assert same(shared.model.get_weights(), seen.each[best][1])
    for metric, choose in (("max:val_loss", np.argmax), ("val_accuracy", np.argmax)):
        history = fit(shared(), keep_best=metric, **about)
        values = [epoch[metric.removeprefix("max:")] for epoch in history.epochs]
        assert history.best_epoch == int(choose(values)) + 1


# Data that comes in batches


def data_set(**about):
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(BATCH, **about)


class Rows(keras.utils.PyDataset):
    def __len__(self):
        return STEPS

    def __getitem__(self, i):
        return X[i * BATCH : (i + 1) * BATCH], Y[i * BATCH : (i + 1) * BATCH]


def shuffled(epoch):
    order = np.random.default_rng(epoch).permutation(150)
    return [(X[order[i : i + BATCH]], Y[order[i : i + BATCH]]) for i in range(0, 150, BATCH)]


@pytest.mark.filterwarnings("error:Your input")
@pytest.mark.parametrize("kind", ["tf.data", "unknown length", "PyDataset", "function"])
def test_batched_data_goes_on_exactly(kind):
    about = {"y": None, "batch_size": None}
    about["x"] = {
        "tf.data": data_set,
        "unknown length": lambda: data_set().filter(lambda x, y: True),
        "PyDataset": Rows,
        "function": lambda: lambda epoch: iter(shuffled(epoch)),
    }[kind]()
    expected = fit(shared(), **about)
    end = everything(shared.model)
    assert expected.steps == 30
    with pytest.raises(KeyboardInterrupt):
        fit(shared(), name="run", callbacks=[Interrupt(14)], **about)
    found = fit(shared.model, name="run", callbacks=[Interrupt()], **about)
    assert found.resumed_from == 14
    assert same(everything(shared.model), end) and told(found) == told(expected)


def test_an_unbatched_set_is_refused():
    with pytest.raises(ValueError, match="single examples"):
        fit(build(), x=data_set().unbatch(), y=None, batch_size=None)
    only_x = data_set().unbatch().map(lambda x, y: (x, keras.ops.ones(6)))
    with pytest.raises(ValueError, match="single examples"):
        fit(build(), x=only_x, y=None, batch_size=None)


def test_validation_data_in_batches():
    validation = data_set()
    expected = fit(shared(), epochs=1, validation_data=(X, Y))
    assert told(fit(shared(), epochs=1, validation_data=validation)) == told(expected)


# Starting afresh


def own_loss(factor):
    def loss(y, p):
        return factor * keras.losses.sparse_categorical_crossentropy(y, p, from_logits=True)

    return loss


OTHER = X.copy()
OTHER[-1, -1] += 1e-6
CHANGES = [
    ({}, {"x": OTHER}, "the data (training data) has"),
    ({}, {"validation_data": (X[:39], Y[:39])}, "the data (validation data) has"),
    ({}, {"epochs": 4}, "the configuration (epochs 3 -> 4) has"),
    ({}, {"batch_size": 8}, "the configuration (batch_size 16 -> 8) has"),
    ({}, {"seed": 1}, "the configuration (seed 0 -> 1) has"),
    ({}, {"keep_best": "loss"}, "the configuration (keep_best None -> -1 loss) has"),
    ({}, {"optimizer": keras.optimizers.Adam(0.1)}, "the configuration (learning_rate) has"),
    ({}, {"metrics": []}, "the configuration (loss and metrics) has"),
    ({"loss": own_loss(1)}, {"loss": own_loss(2)},
     "the code (test_training.own_loss.<locals>.loss) has"),
    ({}, {"model_seed": 2}, "the starting weights have"),
    ({}, {"batch_size": 8, "model_seed": 2},
     "the configuration (batch_size 16 -> 8) and the starting weights have"),
]  # fmt: skip


@pytest.mark.parametrize("before, after, words", CHANGES)
def test_a_run_that_changed_starts_afresh_and_says_what_changed(before, after, words, capsys):
    def run(about):
        about = {**about}
        own = {k: about.pop(k) for k in ("loss", "metrics") if k in about}
        model = build(about.pop("model_seed", 1), about.pop("optimizer", None), **own, **EAGER)
        broken_off(model, 2, **about)
        return capsys.readouterr().out.splitlines()[0]

    run(before)
    assert run(before).startswith("Going on")  # the same thing built again is no change
    said = run({**before, **after})
    assert said == f"Run 'run' starts afresh: {words} changed since it was saved."


def test_a_model_trained_on_in_memory_is_another_start(capsys):
    model = build(**EAGER)
    broken_off(model, 2)
    model.layers[0].kernel.assign(model.layers[0].kernel * 2)
    capsys.readouterr()
    broken_off(model, 2)
    assert capsys.readouterr().out.startswith(
        "Run 'run' starts afresh from the weights that the model has now: the starting weights have"
    )


def test_a_learning_rate_that_a_callback_lowered_is_no_change(capsys):
    class Lower(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.optimizer.learning_rate = self.model.optimizer.learning_rate * 0.5

    model = build(optimizer=keras.optimizers.Adam(0.1), **EAGER)
    whole = build(optimizer=keras.optimizers.Adam(0.1), **EAGER)
    fit(whole, epochs=1, callbacks=[Lower(), Interrupt()])
    with pytest.raises(KeyboardInterrupt):
        fit(model, epochs=1, name="run", callbacks=[Lower(), Interrupt(5)])
    assert fit(model, epochs=1, name="run", callbacks=[Lower(), Interrupt()]).resumed_from == 5
    assert same(everything(model), everything(whole))
    with pytest.raises(KeyboardInterrupt):
        fit(whole, epochs=1, name="two", callbacks=[Lower(), Interrupt(5)])
    whole.optimizer.learning_rate = 0.3
    capsys.readouterr()
    with pytest.raises(KeyboardInterrupt):
        fit(whole, epochs=1, name="two", callbacks=[Lower(), Interrupt(2)])
    assert "learning_rate" in capsys.readouterr().out


def test_of_a_run_that_changed_the_old_checkpoints_go_with_the_first_new_one(home):
    broken_off(build(**EAGER), 5)
    folder = home / "checkpoints" / "run"
    assert len(list(folder.iterdir())) == 2
    broken_off(build(seed=2, **EAGER), 1)
    assert len(list(folder.iterdir())) == 1


def test_a_changed_run_that_is_changed_back_goes_on(capsys):
    broken_off(build(**EAGER), 5)
    with pytest.raises(KeyboardInterrupt):  # stopped in the first step, before a new checkpoint
        fit(build(**EAGER), epochs=9, name="run", callbacks=[Crash()])
    assert "starts afresh" in capsys.readouterr().out
    broken_off(build(**EAGER), 1)
    assert "Going on from step 5 of 30" in capsys.readouterr().out


class Crash(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        raise KeyboardInterrupt


def test_a_finished_run_starts_afresh(capsys):
    fit(shared(), name="run", epochs=1)
    assert capsys.readouterr().out == ""
    model = shared()
    assert fit(model, name="run", epochs=1).resumed_from is None
    assert capsys.readouterr().out == "Run 'run' has finished before; it starts afresh.\n"
    fit(model, name="run", epochs=1)
    assert "starts afresh from the weights that the model has now" in capsys.readouterr().out


def test_forget_removes_the_checkpoints(home, capsys):
    broken_off(build(**EAGER), 5)
    training.forget("run")
    assert list((home / "checkpoints" / "run").iterdir()) == []
    capsys.readouterr()
    broken_off(build(**EAGER), 1)
    assert capsys.readouterr().out.startswith("Interrupted at step 1 of 30")


def test_without_a_name_nothing_is_saved(home, capsys):
    with pytest.raises(KeyboardInterrupt):
        fit(build(**EAGER), callbacks=[Interrupt(5)])
    assert list(home.iterdir()) == []
    assert "nothing was saved, because the run has no name" in capsys.readouterr().out


def test_of_a_damaged_checkpoint_the_one_before_is_used(home, undisturbed, capsys):
    broken_off(shared(), 14, keep_best="val_loss")
    folder = home / "checkpoints" / "run"
    _, newest = sorted(folder.glob("*.checkpoint"))
    newest.write_bytes(newest.read_bytes()[:-1])
    capsys.readouterr()
    model = shared()
    history = fit(model, name="run", keep_best="val_loss", callbacks=[Interrupt()])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and "damaged" in lines[0] and "the one before it" in lines[0]
    assert history.resumed_from == 13
    assert (everything(model), told(history), history.best_epoch) == Same(undisturbed)


# Refusals and mishaps


@pytest.mark.parametrize(
    "about, words",
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"epochs": 2.0}, "epochs is 2.0"),
        ({"seed": -1}, "seed is -1"),
        ({"save_every_seconds": -1}, "save_every_seconds is -1"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"y": Y[:-1]}, "different lengths"),
        ({"x": X[:0], "y": Y[:0]}, "x is empty"),
        ({"name": "../up"}, "name is '../up'"),
        ({"keep_best": "val_f1"}, "no metric 'val_f1'; there are accuracy, loss, val_accuracy"),
        ({"keep_best": "val_shine"}, "write 'max:val_shine' or 'min:val_shine'"),
        ({"keep_best": "val_loss", "validation_data": None}, "needs validation_data"),
    ],
)
def test_what_cannot_be_is_refused_before_the_first_step(about, words):
    model = build(**EAGER)
    before = everything(model)[:8]
    with pytest.raises(ValueError, match=words):
        training.fit(model, **{"x": X, "y": Y, "epochs": 1, "progress": False,
                               "validation_data": (X, Y), **about})  # fmt: skip
    assert same(everything(model)[:8], before)


def test_a_model_that_is_not_compiled_is_refused():
    with pytest.raises(ValueError, match=r"call model.compile\(optimizer"):
        training.fit(keras.Sequential([keras.layers.Dense(1)]), X, Y, epochs=1)


class Poison(keras.callbacks.Callback):
    """From step `at` on the weights are no numbers."""

    def __init__(self, at):
        super().__init__()
        self.at, self.seen = at, 0

    def on_train_batch_end(self, batch, logs=None):
        self.seen += 1
        if self.seen == self.at:
            self.model.layers[-1].bias.assign([np.nan, 0.0])


@pytest.mark.parametrize("name, step", [("run", 13), (None, 14)])
def test_a_loss_that_is_no_number_is_told_with_its_step(name, step):
    """A checkpoint looks at the weights, which are lost a step before the loss shows it."""
    model = build(**EAGER)
    with pytest.raises(FloatingPointError, match=f"at step {step} of 30 .epoch 2.; try a smaller"):
        fit(model, name=name, callbacks=[Poison(13)])
    if name:
        newest, _ = checkpoints.Checkpoints("run").newest()
        assert newest["epoch"] * STEPS + newest["step"] == 12
        assert state.finite(newest["model"])
    with pytest.raises(ValueError, match="build the model again"):
        fit(model, name=name)


def test_the_step_is_known_though_the_loss_is_looked_at_rarely(monkeypatch):
    monkeypatch.setattr(training, "LOOK_EVERY", 1e9)
    with pytest.raises(FloatingPointError, match="The loss is nan at step 14 of 30"):
        fit(build(**EAGER), callbacks=[Poison(13)])


def test_numbers_in_batches_that_are_none_are_told():
    x = X.copy()
    x[5, 3] = np.nan
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", **EAGER)
    given = [(x[i : i + 30], Y[i : i + 30]) for i in range(0, 150, 30)]
    with pytest.raises(FloatingPointError, match="1 number in the data is not finite: mend that"):
        fit(model, x=lambda epoch: iter(given), y=None, batch_size=None)


def test_weights_that_are_no_numbers_are_told_though_the_loss_hides_it():
    class Hidden(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.layers[0].set_weights([np.full((6, 1), np.nan), np.zeros(1)])

    model = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(1), keras.layers.Rescaling(0), keras.layers.ReLU()]
    )
    model.compile("sgd", "mse", **EAGER)
    with pytest.raises(FloatingPointError, match=r"not a number|is nan"):
        fit(model, callbacks=[Hidden()])


def test_a_full_disk_is_told_once_and_training_goes_on(monkeypatch, capsys, undisturbed):
    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "write", full)
    model = shared()
    history = fit(model, name="run", keep_best="val_loss")
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "No space left on device" in said and "it goes on" in said
    assert (everything(model), told(history), history.best_epoch) == Same(undisturbed)


def test_a_folder_that_cannot_be_written_is_told_before_the_first_step(home):
    (home / "checkpoints").write_text("in the way")
    model = build()
    before = model.get_weights()
    with pytest.raises(OSError, match="Set COURSE_HOME"):
        fit(model, name="run")
    assert same(model.get_weights(), before)


@pytest.mark.clock
def test_saving_takes_a_twentieth_of_the_time_at_most(monkeypatch):
    saves = []

    def slow(path, content):
        saves.append(time.perf_counter())
        time.sleep(0.02)

    monkeypatch.setattr(checkpoints, "write", slow)
    monkeypatch.setattr(training, "SAVING_SHARE", 0.05)
    history = fit(shared(), epochs=8, name="run")
    assert 1 <= len(saves) <= 1 + history.seconds / (0.02 / training.SAVING_SHARE)


def test_the_handler_of_interrupts_is_put_back():
    before = signal.getsignal(signal.SIGINT)
    fit(shared(), epochs=1)
    assert signal.getsignal(signal.SIGINT) is before
    broken_off(shared(), 2)
    assert signal.getsignal(signal.SIGINT) is before


def test_one_bar_an_epoch(capsys):
    training.fit(shared(), X, Y, epochs=2, batch_size=BATCH, validation_data=(X, Y))
    printed = capsys.readouterr()
    last = [line.rsplit("\r", 1)[-1] for line in printed.err.strip().split("\n")]
    assert len(last) == 2 and printed.out == ""
    assert last[0].startswith("Epoch 1/2: 100%") and last[1].startswith("Epoch 2/2: 100%")
    for part in ("10/10", "val_loss", "accuracy", "examples/s"):
        assert part in last[1]


# Killed


class Processes:
    """Real processes that train; the next one imports TensorFlow while this one runs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out = folder, folder / "end.npz"
        self.spare = self.spawn()

    def spawn(self) -> subprocess.Popen:
        about = {"COURSE_HOME": str(self.folder), "TQDM_DISABLE": "1", "PYTHONPATH": str(ROOT)}
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        command = [sys.executable, str(SCRIPT), str(self.out)]
        return subprocess.Popen(command, env={**os.environ, **about}, text=True, **pipes)

    def begin(self) -> subprocess.Popen:
        """A process whose training begins now."""
        process, self.spare = self.spare, self.spawn()
        process.stdin.write("go\n")
        process.stdin.flush()
        assert process.stdout.readline() == "training\n", process.stderr.read()
        return process

    def end(self, process: subprocess.Popen) -> dict[str, np.ndarray]:
        """What it wrote down at its end."""
        said, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        assert "Epoch" not in errors + said  # TQDM_DISABLE leaves no trace of bars
        with np.load(self.out) as found:
            return {name: found[name] for name in found.files}


def survive(kills: int, seed: int, folder: Path) -> None:
    """Kill the same call so often, at random moments; it must end where it would have ended."""
    processes, moments = Processes(folder), random.Random(seed)
    begun, since = processes.begin(), time.perf_counter()
    expected = processes.end(begun)
    whole = time.perf_counter() - since
    resumed, finished = 0, False
    while kills or not finished:
        process = processes.begin()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(moments.uniform(0, whole) if kills else None)
        finished = process.poll() is not None
        if finished:
            found = processes.end(process)
            assert {name: array.tobytes() for name, array in found.items()} == {
                name: array.tobytes() for name, array in expected.items()
            }
        else:
            process.kill()
            process.communicate()
            kills -= 1
            resumed += bool(list(folder.rglob("*.checkpoint")))
    processes.spare.kill()
    processes.spare.communicate()
    assert resumed, "no kill came after a checkpoint"


@pytest.mark.parametrize("what", ["dense", "gpt"])
def test_killed_three_times_it_ends_bit_for_bit_equal(what, tmp_path, monkeypatch):
    monkeypatch.setenv("TRAIN", what)
    survive(3, 11, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(4))
def test_killed_twenty_times_in_all_it_ends_bit_for_bit_equal(seed, tmp_path):
    survive(5, 100 + seed, tmp_path)


def test_nothing_heavy_is_imported_with_the_module():
    heavy = "tensorflow keras torch jax pandas matplotlib tqdm sklearn"
    code = f"import sys; from helpers import training; print(set('{heavy}'.split()) & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert found.stdout.strip() == "set()", found.stderr
