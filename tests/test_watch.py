"""Watching a training: what is drawn and printed, when, and that the training does not notice."""

from __future__ import annotations

import random
import threading
from types import SimpleNamespace

import backends
import keras
import numpy as np
import pytest

from helpers import batches, plots, state, training, watch

DATA = np.random.default_rng(0)
X = DATA.normal(size=(40, 3)).astype("float32")
Y = DATA.normal(size=(40, 1)).astype("float32")
EAGER = {"run_eagerly": True}  # where the arithmetic is not the matter: nothing to compile


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    monkeypatch.setattr(watch, "LOOK_EVERY", 0.0)
    return tmp_path


def build(rate=0.0, **about):
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dropout(0.5), keras.layers.Dense(1)]
        if rate
        else [keras.Input((3,)), keras.layers.Dense(1)]
    )
    model.compile(keras.optimizers.SGD(rate), loss="mse", metrics=["mae"], **about)
    return model


def losses(model):
    """Of batches of 8, in order; with a learning rate of 0 they stay so."""
    error = model.predict(X, verbose=0) - Y
    return [float((error[i : i + 8] ** 2).mean()) for i in range(0, 40, 8)]


def values(points):
    return [value for _, value in points]


# Curve


def test_each_point_is_the_mean_of_the_steps_since_the_last():
    model, curve = build(**EAGER), watch.Curve(("loss", "mae"))
    model.fit(X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0, callbacks=[curve],
              validation_data=(X[:8], Y[:8]))  # fmt: skip
    np.testing.assert_allclose(values(curve.training["loss"]), losses(model) * 2, rtol=1e-4)
    assert [step for step, _ in curve.training["mae"]] == list(range(1, 11))
    assert [step for step, _ in curve.held_out["loss"]] == [5, 10]
    np.testing.assert_allclose(values(curve.held_out["loss"]), losses(model)[:1] * 2, rtol=1e-4)


def test_looks_that_are_far_apart_lose_no_step(monkeypatch):
    monkeypatch.setattr(watch, "LOOK_EVERY", 1e9)  # one look, and one as each epoch ends
    model, curve = build(**EAGER), watch.Curve()
    model.fit(X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0, callbacks=[curve])
    assert [step for step, _ in curve.training["loss"]] == [1, 5, 10]
    first, *rest = losses(model)
    wanted = [first, np.mean(rest), np.mean([first, *rest])]
    np.testing.assert_allclose(values(curve.training["loss"]), wanted, rtol=1e-4)


def test_with_epochs_alone_there_is_a_point_an_epoch():
    curve = watch.Curve("accuracy")
    curve.set_model(SimpleNamespace(metrics=[]))
    curve.on_train_begin()
    for epoch, accuracy in enumerate((0.5, 0.75)):
        curve.on_epoch_begin(epoch)
        curve.on_epoch_end(epoch, {"accuracy": accuracy, "val_accuracy": accuracy / 2})
    assert curve.training["accuracy"] == [[1, 0.5], [2, 0.75]]
    assert curve.held_out["accuracy"] == [[1, 0.25], [2, 0.375]]
    assert curve.figure().axes[0].get_xlabel() == "epoch"


def test_a_metric_that_is_no_mean_has_a_point_an_epoch():
    model, curve = build(**EAGER), watch.Curve(("loss", "auc"))
    model.compile("sgd", loss="mse", metrics=[keras.metrics.AUC(name="auc")], run_eagerly=True)
    history = model.fit(X, (Y > 0) * 1.0, epochs=3, verbose=0, callbacks=[curve])
    assert values(curve.training["auc"]) == pytest.approx(history.history["auc"])
    assert len(curve.training["loss"]) == 6


def test_a_metric_that_is_not_there_is_told_once(capsys):
    build(**EAGER).fit(X, Y, epochs=2, verbose=0, callbacks=[watch.Curve(("loss", "acuracy"))])
    told = capsys.readouterr().out
    assert told.count("no metric 'acuracy' to draw, only loss, mae.") == 1


def test_a_long_training_keeps_few_points():
    curve = watch.Curve()
    curve.set_model(SimpleNamespace(metrics=[]))
    curve.on_train_begin()
    total = 0.0
    for step in range(10_000):
        total += step % 7
        curve.on_train_batch_end(step, {"loss": total / (step + 1)})
    points = curve.training["loss"]
    assert len(points) <= watch.MOST_POINTS and points[-1][0] == 10_000
    assert np.mean(values(points[:-1])) == pytest.approx(3, abs=0.1)
    assert watch._merged([[1, 1.0], [2, 3.0], [3, 5.0]]) == [[2, 2.0], [3, 5.0]]


@pytest.fixture
def display(monkeypatch):
    """A notebook: what was shown, and what was put in its place afterwards."""
    seen = SimpleNamespace(things=[], updates=[], threads=set())

    def update(thing):
        seen.updates.append(thing)
        seen.threads.add(threading.get_ident())

    def show(thing, **about):
        seen.things.append(thing)
        return SimpleNamespace(update=update)

    monkeypatch.setattr("IPython.display.display", show)
    monkeypatch.setattr(watch, "_in_notebook", lambda: True)
    monkeypatch.delenv("COURSE_STILL", raising=False)
    plots.use_style()
    return seen


def kinds(things):
    return [type(thing).__name__ for thing in things]


def test_in_a_notebook_it_is_redrawn_and_ends_as_a_still_figure(display, monkeypatch):
    monkeypatch.setattr(watch, "DRAWING_SHARE", 1e9)
    about = {"batch_size": 20, "epochs": 2, "verbose": 0, "validation_data": (X, Y)}
    build(**EAGER).fit(X, Y, callbacks=[watch.Curve(("loss", "mae"), every=0)], **about)
    assert kinds(display.things) == ["Image", "_Picture", "_InWords"]
    assert kinds(display.updates) == ["Image"] * 5 + ["HTML"]  # 4 steps, 2 epochs, and gone
    assert display.updates[-2].data != display.updates[0].data
    alt = display.things[1].alt
    assert "Curve of loss over 4 steps" in alt and "In validation it goes from" in alt


def test_it_is_redrawn_as_rarely_as_wished(display):
    build(**EAGER).fit(X, Y, batch_size=8, epochs=3, verbose=0, callbacks=[watch.Curve(every=1e9)])
    assert kinds(display.things) == ["Image", "_Picture", "_InWords"]
    assert kinds(display.updates) == ["HTML"]


def test_drawing_takes_a_small_share_of_the_time(monkeypatch, display):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(watch, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    screen = watch._Screen(1.0)

    def draw():
        clock.now += 0.5
        return plots.figure()[0]

    screen.show(draw)
    assert screen.next_drawing == pytest.approx(0.5 + 0.5 / watch.DRAWING_SHARE)


def test_a_recorded_page_shows_the_last_figure_alone(display, monkeypatch):
    monkeypatch.setenv("COURSE_STILL", "1")
    build(**EAGER).fit(X, Y, epochs=2, verbose=0, callbacks=[watch.Curve(every=0)])
    assert kinds(display.things) == ["_Picture", "_InWords"] and not display.updates


def test_a_terminal_shows_nothing(display, monkeypatch):
    monkeypatch.setattr(watch, "_in_notebook", lambda: False)
    curve = watch.Curve(every=0)
    build(**EAGER).fit(X, Y, epochs=2, verbose=0, callbacks=[curve])
    assert not display.things and curve.training["loss"]


def test_a_terminal_is_no_notebook(monkeypatch):
    shell = SimpleNamespace()
    monkeypatch.setitem(watch.sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert not watch._in_notebook()
    shell.kernel = object()
    assert watch._in_notebook()


def test_every_curve_can_be_finished(display):
    """Titles fit, whatever the numbers: `plots.show` refuses what is not finished."""
    for points, held in (
        ([[1, 2.0]], []),
        ([[i, 1234.5678 / i] for i in range(1, 60)], [[30, 12.345678], [59, 0.000123456]]),
        ([[1, 2.0], [2, float("nan")]], [[1, float("nan")], [2, float("nan")]]),
        ([[i, 1e-9 * i] for i in range(1, 1000)], []),
    ):
        names = ("loss", "sparse_categorical_accuracy", "bits_per_byte")[: 3 if held else 1]
        curve = watch.Curve(names)
        curve.training = {name: points for name in names}
        curve.held_out = {name: held for name in names}
        curve.on_train_end()
    assert kinds(display.things) == ["_Picture", "_InWords"] * 4


def test_a_curve_goes_on_where_the_training_does(monkeypatch):
    monkeypatch.setattr(training, "LOOK_EVERY", 0.0)
    monkeypatch.setattr(training, "SAVING_SHARE", 1e9)  # a checkpoint at every step
    about = {"epochs": 2, "batch_size": 8, "name": "run", "save_every_seconds": 0}

    made = []  # in a list that no fingerprint of the code looks into

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            made.append(batch)
            if len(made) == 8:
                raise RuntimeError

    model = build(**EAGER)
    with pytest.raises(RuntimeError):
        training.fit(model, X, Y, progress=False, callbacks=[watch.Curve(), Stop()], **about)
    curve = watch.Curve()
    history = training.fit(model, X, Y, progress=False, callbacks=[curve, Stop()], **about)
    assert history.resumed_from == 7
    assert [step for step, _ in curve.training["loss"]] == list(range(1, 11))
    total = np.mean(values(curve.training["loss"])[5:])
    assert total == pytest.approx(history.epochs[-1]["loss"], rel=1e-4)


def test_it_leaves_many_steps_one_program():
    """Neither must be called before every step, so that `fit` may compile them together."""
    from helpers import programs

    model, curve = build(jit_compile=True), watch.Curve()
    callbacks = [curve, watch.Samples(lambda: "", within_epochs=True)]
    data = batches.of(X, Y, 8, 0, "x")
    assert programs.usable(model, data, callbacks)
    assert not programs.usable(model, data, [*callbacks, keras.callbacks.Callback(), EachStep()])
    history = training.fit(model, X, Y, epochs=3, batch_size=8, progress=False, callbacks=[curve])
    points = curve.training["loss"]
    assert points[-1][0] == 15 and 3 <= len(points) <= 15
    assert points[-1][1] == pytest.approx(history.epochs[-1]["loss"], rel=0.5)


class EachStep(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None): ...


# Samples


def run(make, epochs=3, every=0.0, within_epochs=False, **about):
    watcher = watch.Samples(make, every=every, within_epochs=within_epochs)
    build(**EAGER).fit(X, Y, batch_size=8, epochs=epochs, verbose=0, callbacks=[watcher], **about)


def counting():
    """A text that differs each time."""
    made = []

    def make():
        made.append(f"text {len(made) + 1}\nin two lines")
        return made[-1]

    return make


def test_samples_come_as_epochs_end(capsys):
    run(counting())
    assert capsys.readouterr().out.splitlines() == [
        "After epoch 1, step 5:", "    text 1", "    in two lines",
        "After epoch 2, step 10:", "    text 2", "    in two lines",
        "At the end:", "    text 3", "    in two lines",
    ]  # fmt: skip


def test_samples_come_within_epochs_if_wished(capsys):
    run(counting(), epochs=1, within_epochs=True)
    places = [line for line in capsys.readouterr().out.splitlines() if line.endswith(":")]
    assert "In epoch 1, step 3:" in places and places[-1] == "At the end:"
    assert len(places) >= 5


def test_samples_come_as_rarely_as_wished(capsys):
    run(counting(), every=1e9, within_epochs=True)
    assert capsys.readouterr().out.count("text") == 1  # at the end, always


def test_the_same_text_is_not_printed_twice_at_one_step(capsys):
    watcher = watch.Samples(lambda: "same", every=0)
    watcher.set_model(build(**EAGER))
    watcher.on_train_begin()
    watcher.on_epoch_end(0)
    watcher.on_train_end()
    assert capsys.readouterr().out.count("same") == 1


def test_an_error_in_a_sample_is_told_and_training_goes_on(capsys):
    def make():
        raise LookupError("no such token")

    run(make, epochs=2)
    told = capsys.readouterr().out
    assert told.count("no sample, because it ended with LookupError: no such token") == 2


def test_an_interrupt_in_a_sample_ends_the_training():
    def make():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(make)


def test_what_cannot_be_is_told():
    for make in (lambda: watch.Curve(every=-1), lambda: watch.Samples(print, every=-1)):
        with pytest.raises(ValueError, match="every is -1"):
            make()
    for metrics in ((), (1,), ""):
        with pytest.raises(ValueError, match="it must be names"):
            watch.Curve(metrics)
    with pytest.raises(TypeError, match="give a function"):
        watch.Samples("text")


# On every backend


def in_all():
    """A training that is watched and one that is not, in Keras's `fit` and in ours."""
    watch.LOOK_EVERY, found = 0.0, {}
    for name, fit in (("keras", in_keras), ("ours", in_ours)):
        weights, drawn = [], []
        for watched in (True, False):
            model, threads, seen = build(0.1), set(), []
            curve = watch.Curve(("loss", "mae"), every=0)
            curve.look = noting(curve.look, threads)
            samples = watch.Samples(writer(model, seen), every=0, within_epochs=True)
            fit(model, [curve, samples] if watched else [AfterSteps(model, after := [])])
            weights.append(np.concatenate([w.ravel() for w in model.get_weights()]))
            drawn.append((random.random(), np.random.rand(), float(keras.random.uniform(()))))
            if watched:
                written, points = seen, curve.training["loss"]
                found[f"{name} steps"] = np.array([step for step, _ in points])
                found[f"{name} finite"] = np.isfinite(values(points)).all()
                found[f"{name} own thread"] = threads == {threading.get_ident()}
        found[f"{name} written"], found[f"{name} after steps"] = written, after
        found[f"{name} same"] = np.array_equal(*weights) and drawn[0] == drawn[1]
    return found


def in_keras(model, callbacks):
    model.fit(X, Y, batch_size=8, epochs=3, verbose=0, callbacks=callbacks)


def in_ours(model, callbacks):
    training.fit(model, X, Y, batch_size=8, epochs=3, progress=False, callbacks=callbacks)


def noting(look, threads):
    def noted():
        threads.add(threading.get_ident())
        look()

    return noted


class AfterSteps(keras.callbacks.Callback):
    """What a sample could see: a number for the weights after each step."""

    def __init__(self, model, after):
        super().__init__()
        self.note = writer(model, after, draw=False)

    def on_train_batch_end(self, batch, logs=None):
        state.sync(self.model)
        self.note()


def writer(model, seen, draw=True):
    """Looks at the weights of now, and draws from all random states."""

    def make():
        if draw:
            random.random(), np.random.rand(), keras.random.uniform(())
        now = state.values(model.weights)
        seen.append(float(np.concatenate([w.ravel() for w in now]).sum()))
        return "text"

    return make


def check(found):
    for name in ("keras", "ours"):
        steps = found[f"{name} steps"]
        assert steps[-1] == 15 and len(steps) > 3 and (np.diff(steps) > 0).all()
        assert found[f"{name} own thread"] and found[f"{name} finite"] and found[f"{name} same"]
        after, written = found[f"{name} after steps"], found[f"{name} written"]
        assert len(set(after)) == 15 and len(set(written)) > 3
        assert set(written) <= set(after) and written[-1] == after[-1]


def test_on_tensorflow():
    check(in_all())


@pytest.mark.slow
@pytest.mark.parametrize("backend", ("jax", "torch"))
def test_on_other_backends(backend):
    check(backends.run(backend, in_all))
