"""`fit()`: training with one bar an epoch, its throughput, and runs that go on where they stopped.

The steps themselves are Keras's own `model.fit`, an epoch at a time; where TensorFlow is to compile
(`jit_compile=True`), many steps are one program (module `programs`). What is added: the order of the
data is a function of seed, epoch and step; everything that a step depends on is saved together
(weights, optimizer, metrics, random states); and a run is taken up again only if it is the same.
"""

from __future__ import annotations

import contextlib
import html
import math
import os
import platform
import signal
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from helpers import batches, checkpoints, identity, programs, state

LOOK_EVERY = 0.2  # seconds between two looks at the loss, which may make a GPU wait
WARM_UP = 0.05  # of a time budget
SAVING_SHARE = 0.05  # of the time at most goes into saving, however large the model
SMALLER_IS_BETTER = ("loss", "error", "mse", "mae", "perplexity", "entropy", "divergence", "bits")
LARGER_IS_BETTER = ("acc", "auc", "precision", "recall", "f1", "iou", "bleu", "rouge", "score")

# Models that a fit() of this process left half-trained: what they and their run looked like then.
_LEFT: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class History:
    """What a training run did.

    Attributes:
        epochs: a dict an epoch: "epoch" (from 1), "loss", the metrics, "val_...", "seconds".
        seconds: time spent training, validating and saving, over all the parts of a resumed run.
        steps: optimizer steps made.
        examples_per_second: examples trained on in a second; compiling, validating and saving
            are left out.
        best_epoch: the epoch whose weights the model has, where `keep_best` was given.
        resumed_from: the step that this call went on from, or None.
    """

    epochs: list[dict[str, float]]
    seconds: float
    steps: int
    examples_per_second: float
    best_epoch: int | None = None
    resumed_from: int | None = None

    def frame(self) -> Any:
        """The epochs as a pandas DataFrame, indexed by epoch."""
        import pandas as pd

        return pd.DataFrame(self.epochs).set_index("epoch")

    def __repr__(self) -> str:
        rows = [list(row) for row in self._rows()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        table = ["  ".join(c.rjust(w) for c, w in zip(r, widths, strict=True)) for r in rows]
        return "\n".join([*table, self._line()])

    def _repr_html_(self) -> str:
        head, *rows = self._rows()
        cell = "<{0} style='text-align:right'>{1}</{0}>"
        lines = [
            "<tr>" + "".join(cell.format(tag, html.escape(text)) for text in row) + "</tr>"
            for tag, row in [("th", head), *(("td", row) for row in rows)]
        ]
        return f"<table>{''.join(lines)}</table><p>{html.escape(self._line())}</p>"

    def _rows(self) -> Iterator[Sequence[str]]:
        """The table as text; of a long run its first and last epochs."""
        names = list(dict.fromkeys(name for epoch in self.epochs for name in epoch))
        yield names
        for number, epoch in enumerate(self.epochs):
            if len(self.epochs) <= 12 or number < 5 or number >= len(self.epochs) - 5:
                yield [_short(epoch[name]) if name in epoch else "" for name in names]
            elif number == 5:
                yield ["..." for _ in names]

    def _line(self) -> str:
        parts = [
            _count(len(self.epochs), "epoch"),
            _count(self.steps, "step"),
            f"{self.seconds:.1f} s",
            f"{self.examples_per_second:,.0f} examples a second",
        ]
        if self.best_epoch is not None:
            parts.append(f"weights of epoch {self.best_epoch}, the best")
        if self.resumed_from is not None:
            parts.append(f"went on from step {self.resumed_from}")
        return ", ".join(parts)


def fit(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    epochs: int | None = None,
    seconds: float | None = None,
    anneal: bool = True,
    batch_size: int | None = None,
    validation_data: Any = None,
    name: str | None = None,
    seed: int = 0,
    save_every_seconds: float = 15.0,
    keep_best: str | None = None,
    callbacks: Iterable[Any] = (),
    progress: bool = True,
) -> History:
    """Train a compiled Keras model; with a name, go on exactly where an interrupted run stopped.

    A run has one name and is known by its data, configuration, code and starting weights. Calling
    `fit` again with the same ones, in this process or after it was killed, goes on from the last
    checkpoint and ends with the weights of a run that never stopped. If one of them changed, or
    the run had finished, it starts afresh and says so.

    Args:
        model: compiled; on any of Keras's backends.
        x: the inputs: an array (examples, ...), a tuple or dict of arrays, or a batched dataset
            (`tf.data.Dataset`, `keras.utils.PyDataset`, `DataLoader`), whose first steps are
            skipped when a run goes on. A function of the epoch (from 0) that returns such a
            dataset is how one shuffles differently each epoch. Also `windows(...)`, and a
            `datasets.Dataset` whose columns are numbers ("labels" are the targets).
        y: the targets, (examples, ...); None where x brings them, or the model needs none.
        epochs: passes over the data, 1 or more.
        seconds: instead of epochs: train as long on any machine, compiling and validation
            included, and end within an epoch. How far it got is in the history.
        anneal: with seconds, and a learning rate that is a plain number: it is the peak, reached
            after a twentieth of the time; from there it falls evenly to 0 at the end.
        batch_size: examples a step, 32 unless given; for a batched dataset leave it out.
        validation_data: (x, y), (x, y, sample_weight) or a batched dataset; once an epoch.
        name: the run's name, also that of its folder of checkpoints; None saves nothing.
        seed: decides, with the epoch, the order of the examples.
        save_every_seconds: time between checkpoints; longer where saving would take more than a
            twentieth of the time.
        keep_best: a metric ("val_loss"); the model ends with the weights of the epoch where it was
            best. "max:..." or "min:..." says which way, where the name does not tell.
        callbacks: Keras callbacks. Their plain attributes (a patience count) are saved, too. Where
            many steps are one program, `on_train_batch_end` is called once for all of them, as
            with Keras's steps_per_execution.
        progress: whether to show a bar an epoch. TQDM_DISABLE=1 hides all bars.

    Raises:
        ValueError, TypeError: an argument cannot be; the message says what to do.
        FloatingPointError: the loss or a weight is no longer a number.
        OSError: no checkpoint can be written, found out before the first step.
        KeyboardInterrupt: the kernel was interrupted; the step at work was finished and saved.
    """
    _check(model, epochs, seconds, seed, save_every_seconds)
    data = batches.of(x, y, batch_size, seed, "x")
    _check_rank(model, data)
    held_out = None if validation_data is None else batches.for_validation(
        validation_data, batch_size
    )  # fmt: skip
    best = None if keep_best is None else _Best.of(keep_best, held_out is not None)
    for part in (data, held_out):
        if part is not None and hasattr(model, "check_data"):
            model.check_data(*part.whole())
    run = _Run(model, data, held_out, epochs, best, list(callbacks), progress)
    if seconds is not None:
        run.budget = _Budget.of(model.optimizer, seconds, anneal)
    if name is not None:
        keeper = checkpoints.Checkpoints(name)
        about = _identity(run, seed, [x] if callable(x) else [])
        run.keep(keeper, about, save_every_seconds)
    return run.go()


def windows(
    tokens: Any, context_length: int, batch_size: int, *, steps: int = 100, seed: int = 0
) -> batches.Windows:
    """Data for `fit`: windows of tokens from places drawn anew in each epoch, with their targets.

    Args:
        tokens: one long text, (length,) whole numbers.
        context_length: tokens a window.
        batch_size: windows a step.
        steps: steps that count as an epoch.
        seed: decides, with the epoch, where the windows begin.

    Raises:
        ValueError: the text is shorter than one window, or a size is below 1.
    """
    return batches.Windows(tokens, context_length, batch_size, steps, seed)


def forget(name: str) -> None:
    """Remove the checkpoints of a run, so that the next `fit` of that name starts afresh."""
    checkpoints.Checkpoints(name).clear()


@dataclass
class _Clock:
    """Time spent, kept over the parts of a resumed run."""

    seconds: float = 0.0  # in all
    epoch: float = 0.0  # in the epoch at work
    training: float = 0.0  # in steps whose time is typical of a step
    examples: float = 0.0  # in those steps
    _since: float = field(default_factory=time.perf_counter)

    def tick(self) -> float:
        """Count the time since the last tick; returns it."""
        now = time.perf_counter()
        passed, self._since = now - self._since, now
        self.seconds += passed
        self.epoch += passed
        return passed

    def state(self) -> dict:
        """What a checkpoint keeps of it."""
        self.tick()
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    def restore(self, saved: dict) -> None:
        """Go on counting from there."""
        vars(self).update(saved)
        self._since = time.perf_counter()

    def rate(self) -> float:
        """Examples a second, 0 where it is not known."""
        return self.examples / self.training if self.training else 0.0


@dataclass
class _Budget:
    """Seconds to train for, and what the learning rate does meanwhile."""

    seconds: float
    peak: float | None  # the learning rate that it rises to; None leaves it alone
    ready: float | None = None  # seconds when the first step, which compiles, was done
    validation: float = 0.0  # seconds that validation and callbacks take at the end of an epoch

    @classmethod
    def of(cls, optimizer: Any, seconds: float, anneal: bool) -> _Budget:
        """For an optimizer; a schedule of its own is left alone."""
        own = getattr(optimizer, "inner_optimizer", optimizer)
        plain = isinstance(own.get_config()["learning_rate"], int | float)
        return cls(seconds, float(own.learning_rate) if anneal and plain else None)

    def left(self, spent: float) -> float:
        """Seconds for further steps, when so many have been spent."""
        return self.seconds - self.validation - spent

    def rate(self, spent: float) -> float | None:
        """The learning rate of now."""
        if self.peak is None:
            return None
        start = self.ready or 0.0
        share = (spent - start) / max(self.seconds - self.validation - start, 1e-9)
        share = min(max(share, 0.0), 1.0)
        # Never quite 0, where a step would be for nothing.
        return self.peak * max(min(share / WARM_UP, 1.0) * (1 - share), 1e-3)


@dataclass
class _Best:
    """The best epoch so far by one metric, with its weights."""

    metric: str
    sign: int  # +1: larger is better
    epoch: int | None = None
    value: float = math.nan
    weights: list[np.ndarray] = field(default_factory=list)

    @classmethod
    def of(cls, keep_best: str, validated: bool) -> _Best:
        """From the name of a metric, which may say which way is better."""
        way, _, metric = keep_best.rpartition(":")
        if metric.startswith("val_") and not validated:
            raise ValueError(f"keep_best={keep_best!r} needs validation_data, and there is none")
        small = way == "min" or (not way and any(w in metric for w in SMALLER_IS_BETTER))
        large = way == "max" or (not way and any(w in metric for w in LARGER_IS_BETTER))
        if small == large:
            raise ValueError(
                f"keep_best={keep_best!r} does not tell whether larger or smaller is better: "
                f"write 'max:{metric}' or 'min:{metric}'"
            )
        return cls(metric, 1 if large else -1)

    def look(self, epoch: int, logs: Mapping[str, float], model: Any) -> None:
        """Keep the model's weights if this epoch is better than those before it."""
        if self.metric not in logs:
            raise ValueError(_no_metric(self.metric, logs))
        value = logs[self.metric]
        if self.epoch is None or self.sign * value > self.sign * self.value:
            self.epoch, self.value = epoch, value
            self.weights = [np.array(weight) for weight in model.get_weights()]


class _Run:
    """One call of `fit`: where it stands, and what a checkpoint of it holds."""

    def __init__(self, model, data, held_out, epochs, best, callbacks, progress) -> None:
        self.model, self.data, self.held_out = model, data, held_out
        self.epochs = sys.maxsize if epochs is None else epochs
        self.best, self.callbacks, self.progress = best, callbacks, progress
        self.budget: _Budget | None = None
        self.compiled = programs.usable(model, data, callbacks)
        self._program: programs.Program | None = None
        self.steps = data.steps  # an epoch; None until a pass has told
        self.epoch = 0  # epochs behind us
        self.step = 0  # steps done in the one at work
        self.logs: dict[str, float] | None = None  # of its training, once its steps are done
        self.done: list[dict[str, float]] = []  # what the epochs behind us came to
        self.clock = _Clock()
        self.stopped = self.interrupted = False
        self.resumed_from: int | None = None
        self.keeper: checkpoints.Checkpoints | None = None
        self._restored: dict | None = None  # the checkpoint that is being taken up
        self._same_run = False  # whether what lies in the folder is of this run
        self._told = False  # that a checkpoint could not be saved
        self._held_out_batches: Any = None
        self._bar: _Bar | _NoBar = _NoBar()
        self._prepare()

    # Before the first step

    def _prepare(self) -> None:
        """Everything that a checkpoint holds must exist before one is compared or restored."""
        model = self.model
        if not all(layer.built for layer in _layers(model)):
            model(_tensors(self.data.first())[0], training=False)
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        if not state.finite(model.trainable_variables):
            raise ValueError(
                "some of the model's weights are not numbers, perhaps from a run that went wrong: "
                "build the model again before you train it"
            )
        known = type(model).train_step.__module__.startswith("keras.")
        if self.best and known:
            self._check_metric()
        elif self.compiled and known:
            self._metric_names()  # inside a compiled loop no variable can be made

    def _check_metric(self) -> None:
        """A metric that does not exist should be found out before an epoch, not after it."""
        names = {"loss", *self._metric_names()}
        if self.held_out is not None:
            names |= {f"val_{name}" for name in names}
        if self.best.metric not in names:
            raise ValueError(_no_metric(self.best.metric, names))

    def _metric_names(self) -> list[str]:
        """Builds the metrics on one batch, which leaves no trace in them."""
        model = self.model
        x, y, weight = (*_tensors(self.data.first()), None, None)[:3]
        prediction = model(x, training=False)
        model.compute_loss(x=x, y=y, y_pred=prediction, sample_weight=weight, training=False)
        names = list(model.compute_metrics(x, y, prediction, sample_weight=weight))
        model.reset_metrics()
        return names

    def keep(self, keeper: checkpoints.Checkpoints, about: dict, every: float) -> None:
        """Save checkpoints from now on, and take up what an earlier call left if it is this run."""
        self.keeper, self.about, self.every = keeper, about, every
        self.steps = self.data.steps  # which the fingerprint may have counted
        self._next_save = time.perf_counter() + every
        if keeper.finished() is not None:
            _say(f"Run {keeper.name!r} has finished before; it starts afresh{self._from_where()}.")
            keeper.clear()
            return
        saved, lines = keeper.newest()
        for line in lines:
            _say(line)
        if saved is None and lines:
            _say(f"No checkpoint of {keeper.name!r} is left whole; it starts afresh.")
        if saved is not None:
            self._compare(saved)

    def _compare(self, saved: dict) -> None:
        changed = identity.differences(saved["identity"], self._recognised(saved["identity"]))
        if not changed:
            self.about, self._same_run = saved["identity"], True
            self._take_up(saved)
            return
        verb = "have" if len(changed) > 1 or changed[0].endswith("weights") else "has"
        _say(
            f"Run {self.keeper.name!r} starts afresh{self._from_where()}: "
            f"{_and(changed)} {verb} changed since it was saved."
        )

    def _recognised(self, saved: dict) -> dict:
        """Who we are; for a model that this very run left half-trained, as it started."""
        left = _LEFT.get(self.model)
        if not left or left != {"run": saved, "now": _moving(self.about)}:
            return self.about
        started = {**self.about["configuration"], **_moving(saved)["configuration"]}
        return {**self.about, "configuration": started, "weights": saved["weights"]}

    def _from_where(self) -> str:
        return " from the weights that the model has now" if self.model in _LEFT else ""

    def _take_up(self, saved: dict) -> None:
        self._restored = saved
        self.steps, self.done = saved["steps"], saved["done"]
        self.epoch, self.step, self.logs = saved["epoch"], saved["step"], saved["logs"]
        self.resumed_from = self._total()
        _say(f"Going on from {self._place()}, saved {_ago(time.time() - saved['saved_at'])} ago.")

    # The epochs

    def go(self) -> History:
        """All epochs that are left; the history of the whole run."""
        import keras

        self.user = keras.callbacks.CallbackList(
            self.callbacks, add_history=True, model=self.model,
            epochs=self.epochs, steps=self.steps, verbose=0,
        )  # fmt: skip
        self.hooks = _hooks(self)
        with _interruptible(self):
            try:
                self._all_epochs()
            except BaseException as error:
                self._leave()
                if self.interrupted and isinstance(error, KeyboardInterrupt):
                    raise KeyboardInterrupt from None  # without Keras's many frames
                raise
            finally:
                self._bar.close()
        return self._finish()

    def _all_epochs(self) -> None:
        self.clock.tick()
        self.user.on_train_begin()
        if self._restored:
            self._restore(self._restored)
        if self.step == 0 or self.logs is not None:
            self._restored = None  # else it is put back once more, after Keras has reset metrics
        while self.epoch < self.epochs and not self.stopped:
            if self.budget is None or isinstance(self._bar, _NoBar):
                self._bar = _bar(self)
            if self.logs is None:
                self._train()
            self._close()
            if self.budget is None:
                self._bar.close()
        self._bar.close()

    def _train(self) -> None:
        """The steps of an epoch that are still to do."""
        self._first, self._next_look, self._typical_from = self.step, 0.0, None
        self._unseen: list[tuple[int, Any]] = []
        self._set_rate()
        if self.compiled:
            self._train_in_programs()
        else:
            data = self.data.batches(self.epoch, self.step)
            with _quiet():
                self.model.fit(data, initial_epoch=self.epoch, epochs=self.epoch + 1,
                               verbose=0, shuffle=False, callbacks=self.hooks)  # fmt: skip
        if self.step == 0:
            raise ValueError(f"epoch {self.epoch + 1} of the data is empty: nothing to learn from")
        self.stopped = bool(self.model.stop_training)
        self.steps = self.steps or self.step
        self._undo_averaging()
        self._look(self.logs)
        # A loss can hide it: on TensorFlow's CPU, relu turns what is not a number into 0.
        if not state.finite(self.model.trainable_variables):
            raise FloatingPointError(self._lost("A weight is not a number", self.step))
        self._heed()
        self._save_if_due()

    def _train_in_programs(self) -> None:
        """As `model.fit` does it, many steps at a time."""
        model = self.model
        if self._program is None:
            self._program = programs.Program(model, self.data)
        model.stop_training = False
        model.reset_metrics()
        self.hooks.on_epoch_begin(self.epoch)
        self.before_step()
        while self.step < self.steps and not model.stop_training:
            limit = self.budget.left(self.clock.seconds) if self.budget else math.inf
            took = self.data.batch_size / self.clock.rate() if self.clock.rate() else None
            made = self._program.steps(self.epoch, self.step, limit, took)
            last, logs = self.step + made - self._first - 1, model.get_metrics_result()
            float(logs["loss"])  # waits until the steps are done
            self.hooks.on_train_batch_end(last, logs)
        self.after_training(model.get_metrics_result())

    def _set_rate(self) -> None:
        """With a time budget, the learning rate of this moment."""
        rate = self.budget.rate(self.clock.seconds) if self.budget else None
        if rate is not None:
            self.model.optimizer.learning_rate.assign(rate)

    def _heed_budget(self) -> None:
        """Whether the time is up, and else the learning rate for what comes."""
        if self.budget is None:
            return
        if self.budget.ready is None:
            self.clock.tick()
            self.budget.ready = self.clock.seconds
            if self.budget.ready > self.budget.seconds / 2:
                _say(
                    f"Compiling took {self.budget.ready:.0f} of {self.budget.seconds:g} s, so little "
                    "is left to train in: give more seconds."
                )
        self._set_rate()
        if self.budget.left(self.clock.seconds) <= 0:
            self.model.stop_training = True

    def before_step(self) -> None:
        """Before the first step of a resumed epoch, put back what beginning an epoch changes.

        Keras has reset the metrics, and PyTorch drew a random number to read the data.
        """
        if self._restored:
            self._restore(self._restored)
        self._restored = None

    def after_step(self, last: int, logs: Mapping[str, Any]) -> None:
        """Called after every step (every so many, with `steps_per_execution`)."""
        self.step = min(self._first + last + 1, self.steps or sys.maxsize)
        self._unseen.append((self.step, logs.get("loss")))
        if self.compiled or time.perf_counter() >= self._next_look or self.interrupted:
            self._look(logs)
            self._heed_budget()
            if self.step != self.steps:  # else the epoch is done in a moment, and saved as such
                self._heed()
                self._save_if_due()

    def after_training(self, logs: Mapping[str, Any]) -> None:
        """All steps of the epoch are done; validation comes next."""
        self.logs = {name: float(value) for name, value in logs.items()}
        if _averages(self.model.optimizer):
            self._own_weights = state.values(self.model.trainable_variables)

    def _undo_averaging(self) -> None:
        """Keras ends every `fit` by moving the average of the weights in; ours is not at its end."""
        own = self.__dict__.pop("_own_weights", None)
        if own is not None:
            state.assign(self.model.trainable_variables, own)

    def _look(self, logs: Mapping[str, Any]) -> None:
        """Show where we are, and see that the loss is a number."""
        self._count_time()
        for step, loss in self._unseen:
            if loss is not None and not math.isfinite(float(loss)):
                raise FloatingPointError(self._lost(f"The loss is {float(loss)}", step))
        self._unseen.clear()
        self._bar.show(self.step, logs, self.clock.rate())
        self._next_look = time.perf_counter() + LOOK_EVERY

    def _count_time(self) -> None:
        """Into the throughput goes all but the first step of a part, which compiles."""
        passed = self.clock.tick()
        if self._typical_from is not None:
            self.clock.training += passed
            self.clock.examples += self._examples(self.step) - self._examples(self._typical_from)
        self._typical_from = self.step

    def _examples(self, steps: int) -> int:
        """How many examples the first so many steps of an epoch take."""
        return min(steps * self.data.batch_size, getattr(self.data, "examples", sys.maxsize))

    def _close(self) -> None:
        """Validate, note the epoch, and stand at the start of the next one."""
        logs = dict(self.logs)
        if self.held_out is not None:
            self.clock.tick()
            logs |= {f"val_{name}": value for name, value in self._validate().items()}
            took = self.clock.tick()
            if self.budget is not None and self.done:  # the first one compiles, too
                self.budget.validation = took
        elif self.budget is not None:
            self.budget.validation = 0.0
        self.clock.tick()
        if self.best is not None:
            self.best.look(self.epoch + 1, logs, self.model)
        self._bar.show(self.step, logs, self.clock.rate())
        self.done.append({"epoch": self.epoch + 1, **logs, "seconds": self.clock.epoch})
        self.user.on_epoch_end(self.epoch, logs)
        self._count_callbacks()
        self.stopped = self.stopped or bool(self.model.stop_training)
        self.made = self._total()
        self.epoch, self.step, self.logs, self.clock.epoch = self.epoch + 1, 0, None, 0.0
        if self.epoch < self.epochs and not self.stopped:
            self._heed()
            self._save_if_due()

    def _count_callbacks(self) -> None:
        """What the callbacks took belongs to the epoch, and comes out of the time budget, too."""
        took = self.clock.tick()
        self.done[-1]["seconds"] = self.clock.epoch
        if self.budget is not None:
            self.budget.validation += took if len(self.done) > 1 else 0.0
            if self.budget.left(self.clock.seconds) <= 0:
                self.stopped = True

    def _validate(self) -> dict[str, float]:
        """As `model.evaluate` does; if it is interrupted, the run still stands before it."""
        model, stopping = self.model, self.model.stop_training
        small = [*model.non_trainable_variables, *model.metrics_variables]
        before = (state.values(small), state.random_states()) if self.keeper else None
        if self._held_out_batches is None:
            self._held_out_batches = self.held_out.batches(0)
        try:
            with _quiet():
                found = model.evaluate(self._held_out_batches, verbose=0, return_dict=True,
                                       callbacks=self.hooks)  # fmt: skip
        except _Interrupted:
            state.sync(model)
            if before is not None:
                state.assign(small, before[0])
                state.restore_random_states(before[1])
            self._heed()
        model.stop_training = stopping
        return {name: float(value) for name, value in found.items()}

    # Saving and stopping

    def _state(self) -> dict:
        best = self.best and {
            "epoch": self.best.epoch, "value": self.best.value, "weights": self.best.weights,
        }  # fmt: skip
        return {
            "identity": self.about,
            "saved_at": time.time(),
            "epoch": self.epoch,
            "step": self.step,
            "steps": self.steps,
            "logs": self.logs,
            "done": self.done,
            "clock": self.clock.state(),
            "best": best,
            "callbacks": state.of_callbacks(self.callbacks),
            "budget": self.budget and vars(self.budget),
            **state.of(self.model),
        }

    def _restore(self, saved: dict) -> None:
        if len(self.model.metrics_variables) != len(saved["metrics"]):
            self._metric_names()
        state.restore(self.model, saved)
        state.restore_callbacks(self.callbacks, saved["callbacks"])
        self.clock.restore(saved["clock"])
        if self.budget is not None:
            vars(self.budget).update(saved["budget"])
        if self.best is not None:
            vars(self.best).update(saved["best"])

    def _save_if_due(self) -> None:
        due = self.keeper is not None and time.perf_counter() >= self._next_save
        if due and not self.stopped and not self.model.stop_training:
            self._save()

    def _save(self) -> bool:
        """Whether it was possible; a full disk is told once, and does not end the training."""
        started, ok = time.perf_counter(), True
        holding = self._state()
        if not state.finite(holding["model"]):
            raise FloatingPointError(self._lost("A weight is not a number", self.step))
        try:
            self.keeper.save(holding, keep=2 if self._same_run else 1)
            self._same_run = True
        except OSError as error:
            ok = False
            if not self._told:
                _say(f"No checkpoint could be saved at {self._place()} ({error}); it goes on.")
            self._told = True
        self.clock.tick()
        now = time.perf_counter()
        self._next_save = now + max(self.every, (now - started) / SAVING_SHARE)
        return ok

    def _heed(self) -> None:
        """If the kernel was interrupted: save, say how to go on, and end the cell."""
        if not self.interrupted or self.stopped:
            return
        if self.keeper is None:
            how = "nothing was saved, because the run has no name (fit(..., name='my run'))"
        elif self._save():
            how = "saved; run this cell again to go on from there"
        else:
            how = "it could not be saved"
        self._bar.close()
        _say(f"Interrupted at {self._place()}: {how}.")
        raise _Interrupted

    def _restore_peak(self) -> None:
        """The learning rate that the model came with, for whatever is trained next."""
        if self.budget is not None and self.budget.peak is not None:
            self.model.optimizer.learning_rate.assign(self.budget.peak)

    def _leave(self) -> None:
        """Remember a model that stays half-trained in memory, to know it again."""
        self._restore_peak()
        if self.keeper is not None:
            with contextlib.suppress(Exception):
                _LEFT[self.model] = {"run": self.about, "now": _moving(_model_identity(self.model))}

    def _finish(self) -> History:
        self._restore_peak()
        if _averages(self.model.optimizer):
            self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        if self.best is not None and self.best.epoch is not None:
            self.model.set_weights(self.best.weights)
        self.user.on_train_end(self.done[-1])
        self.clock.tick()
        if self.keeper is not None:
            _LEFT[self.model] = {}
            with contextlib.suppress(OSError):
                self.keeper.finish({"steps": self.made})
        examples = self.made * self.data.batch_size
        return History(
            epochs=self.done,
            seconds=self.clock.seconds,
            steps=self.made,
            examples_per_second=self.clock.rate() or examples / self.clock.seconds,
            best_epoch=self.best.epoch if self.best else None,
            resumed_from=self.resumed_from,
        )

    # In words

    def _total(self) -> int:
        """Steps since the start of the run."""
        return self.epoch * (self.steps or 0) + self.step

    def _place(self) -> str:
        if self.budget is not None:
            return f"step {self._total()} ({self.clock.seconds:.0f} of {self.budget.seconds:g} s)"
        of = f" of {self.epochs * self.steps}" if self.steps else ""
        return f"step {self._total()}{of} (epoch {min(self.epoch + 1, self.epochs)})"

    def _lost(self, what: str, step: int) -> str:
        self.step = step
        state.sync(self.model)
        bad = self.data.not_finite()
        rate = float(self.model.optimizer.learning_rate)
        if bad:
            are = "is" if bad == 1 else "are"
            cause = f"{_count(bad, 'number')} in the data {are} not finite: mend that first"
        else:
            cause = (
                f"try a smaller learning rate (it is {rate:.3g}) or clip the gradients "
                "(clipnorm=1.0 in the optimizer)"
            )
        return f"{what} at {self._place()}; {cause}. Build the model again before the next try."


class _Interrupted(KeyboardInterrupt):
    """Raised between two steps after the kernel was interrupted."""


class _NoBar:
    """Where no bar is wanted."""

    def show(self, step: int, logs: Mapping[str, Any], rate: float) -> None: ...

    def close(self) -> None: ...


class _Bar:
    """One epoch's progress bar."""

    def __init__(self, run: _Run) -> None:
        from tqdm.auto import tqdm

        title = f"Epoch {run.epoch + 1}/{run.epochs}"
        self._bar = tqdm(total=run.steps, initial=run.step, desc=title, unit="step")

    def show(self, step: int, logs: Mapping[str, Any], rate: float) -> None:
        """Move on to `step`, with the metrics so far and examples a second beside it."""
        texts = [f"{name} {_short(float(value))}" for name, value in logs.items()]
        texts += [f"{rate:,.0f} examples/s"] if rate else []
        self._bar.set_postfix_str(", ".join(texts), refresh=False)
        self._bar.update(step - self._bar.n)

    def close(self) -> None:
        """The bar stays as it is now."""
        self._bar.close()


class _TimeBar:
    """The progress bar of a time budget, one for all epochs."""

    def __init__(self, run: _Run) -> None:
        from tqdm.auto import tqdm

        self._run, total = run, round(run.budget.seconds)
        shape = "{percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} s {postfix}"
        self._bar = tqdm(total=total, initial=0, unit="s", bar_format=shape)

    def show(self, step: int, logs: Mapping[str, Any], rate: float) -> None:
        """Move on to now, with the step, the metrics so far and examples a second beside it."""
        texts = [f"step {self._run._total():,}"]
        texts += [f"{name} {_short(float(value))}" for name, value in logs.items()]
        texts += [f"{rate:,.0f} examples/s"] if rate else []
        self._bar.set_postfix_str(", ".join(texts), refresh=False)
        self._bar.update(min(self._run.clock.seconds, self._bar.total) - self._bar.n)

    def close(self) -> None:
        """The bar stays as it is now."""
        self._bar.close()


def _bar(run: _Run) -> _Bar | _TimeBar | _NoBar:
    # tqdm heeds the variable in a terminal only; a disabled bar in a notebook would still show.
    hidden = os.environ.get("TQDM_DISABLE", "").lower() not in ("", "0", "false")
    if hidden or not run.progress:
        return _NoBar()
    return _Bar(run) if run.budget is None else _TimeBar(run)


def _hooks(run: _Run) -> Any:
    """What Keras calls. A whole list of callbacks, because a list is given the logs as they are.

    A single callback would be given them as Python floats, and a GPU would wait at every step.
    """
    import keras

    class Hooks(keras.callbacks.CallbackList):
        def on_train_begin(self, logs: Any = None) -> None: ...

        def on_train_end(self, logs: Any = None) -> None: ...

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            run.user.on_epoch_begin(epoch)

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            run.after_training(logs or {})

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            run.before_step()
            if run.callbacks:
                run.user.on_train_batch_begin(run._first + batch)

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if run.callbacks:
                run.user.on_train_batch_end(run._first + batch, logs)
            run.after_step(batch, logs or {})

        def on_test_begin(self, logs: Any = None) -> None:
            run.user.on_test_begin()

        def on_test_end(self, logs: Any = None) -> None:
            run.user.on_test_end(logs)

        def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
            if run.callbacks:
                run.user.on_test_batch_begin(batch)

        def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
            if run.callbacks:
                run.user.on_test_batch_end(batch, logs)
            if run.interrupted and not run.stopped:
                raise _Interrupted

    return Hooks()


@contextlib.contextmanager
def _interruptible(run: _Run) -> Iterator[None]:
    """An interrupt waits for the end of the step at work; a second one does not wait."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return

    def note(number: int, frame: Any) -> None:
        if run.interrupted:
            before(number, frame)
        run.interrupted = True

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keras warns of every pass over data whose length it does not know."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Your input ran out of data")
        yield


# What makes it the same run


def _identity(run: _Run, seed: int, functions: list) -> dict[str, dict[str, str]]:
    """Data, configuration, code and starting weights, each as named fingerprints or values."""
    about = _model_identity(run.model)
    about["data"] = {"training data": run.data.fingerprint()}
    if run.held_out is not None:
        about["data"]["validation data"] = run.held_out.fingerprint()
    about["configuration"] |= {
        "epochs": str(run.epochs) if run.budget is None else "as many as fit",
        "seconds": f"{run.budget.seconds:g}" if run.budget else "None",
        "compiled": str(run.compiled),
        "batch_size": str(run.data.batch_size),
        "seed": str(seed),
        "keep_best": f"{run.best.sign} {run.best.metric}" if run.best else "None",
        "callbacks": str([(type(c).__name__, state.settings(c)) for c in run.callbacks]),
    }
    roots = [*_code_of_model(run.model), *run.callbacks, *functions]
    ours = (sys.modules[__name__], batches, checkpoints, identity, programs, state)
    about["code"] = {**identity.of_code(roots), **identity.of_modules(*ours)}
    return {part: about[part] for part in ("data", "configuration", "code", "weights")}


def _model_identity(model: Any) -> dict[str, dict[str, str]]:
    import keras

    backend = keras.backend.backend()
    framework = getattr(sys.modules.get(backend), "__version__", "")
    weights = [v for v in model.optimizer.variables if v.name != "learning_rate"]
    config = {
        "model": identity.of_config(_config_of_model(model)),
        "optimizer": identity.of_config(_config_of_optimizer(model.optimizer)),
        "loss and metrics": identity.of_config(_compile_config(model)),
        "learning_rate": _learning_rate(model.optimizer),
        "precision": f"{keras.config.floatx()} {_policy(model)}",
        "versions": f"python {platform.python_version()}, keras {keras.__version__}, "
        f"{backend} {framework}, numpy {np.__version__}",
    }
    now = identity.of_arrays(state.values([*model.weights, *weights]))
    return {"configuration": config, "weights": {"weights": now}}


def _moving(about: dict) -> dict:
    """The parts of an identity that training changes."""
    rate = about["configuration"]["learning_rate"]
    return {"weights": about["weights"], "configuration": {"learning_rate": rate}}


def _config_of_model(model: Any) -> list:
    shapes = [(list(v.shape), str(v.dtype), v.trainable) for v in model.variables]
    try:
        config = model.get_config()
    except Exception:  # a model of the reader's own need not have one: its code and shapes count
        config = None
    return [type(model).__qualname__, config, shapes]


def _config_of_optimizer(optimizer: Any) -> list:
    own = getattr(optimizer, "inner_optimizer", optimizer)
    config = {k: v for k, v in own.get_config().items() if k not in ("name", "learning_rate")}
    return [type(optimizer).__qualname__, type(own).__qualname__, config]


def _learning_rate(optimizer: Any) -> str:
    """A number if it is one (training may change it), else the schedule's fingerprint."""
    rate = getattr(optimizer, "inner_optimizer", optimizer).get_config()["learning_rate"]
    return f"{rate:.6g}" if isinstance(rate, int | float) else identity.of_config(rate)


def _compile_config(model: Any) -> object:
    try:
        config = dict(model.get_compile_config())
    except Exception:  # a loss that cannot be written down: its code counts
        return {"loss": model.loss, "jit_compile": model.jit_compile}
    config.pop("optimizer", None)
    return config


def _policy(model: Any) -> str:
    return str(getattr(getattr(model, "dtype_policy", None), "name", ""))


def _code_of_model(model: Any) -> Iterator[Any]:
    """The classes and functions that a model is made of and compiled with."""
    for owner in [model, *_layers(model), model.optimizer]:
        yield type(owner)
        yield from (value for value in vars(owner).values() if callable(value))
    compiled = getattr(getattr(model, "_compile_config", None), "config", {"loss": model.loss})
    yield from (thing for thing in batches.leaves(compiled) if callable(thing))


# Small things


def _check(
    model: Any, epochs: int | None, seconds: float | None, seed: int, save_every_seconds: float
) -> None:
    if not getattr(model, "compiled", False) or getattr(model, "optimizer", None) is None:
        raise ValueError(
            "the model is not compiled: call model.compile(optimizer=..., loss=...) before fit"
        )
    if (epochs is None) == (seconds is None):
        raise ValueError("say how long to train: either epochs=... or seconds=...")
    number = isinstance(seconds, int | float | np.number) and not isinstance(seconds, bool)
    if seconds is not None and not (number and 0 < seconds < math.inf):
        raise ValueError(f"seconds is {seconds!r}; it must be a number above 0")
    whole = isinstance(epochs, int | np.integer) and not isinstance(epochs, bool)
    if epochs is not None and not (whole and epochs >= 1):
        raise ValueError(f"epochs is {epochs!r}; it must be a whole number, 1 or more")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(f"seed is {seed!r}; it must be a whole number, 0 or more")
    if not save_every_seconds >= 0:
        raise ValueError(f"save_every_seconds is {save_every_seconds!r}; it must be 0 or more")


def _check_rank(model: Any, data: batches.Arrays | batches.Stream) -> None:
    """Single examples where batches should be: one axis is missing, and Keras fails late."""
    inputs = getattr(model, "inputs", None) if getattr(model, "built", False) else None
    given = list(batches.leaves(data.first()[0]))
    if not inputs or len(inputs) != len(given) or not isinstance(data, batches.Stream):
        return
    ranks = zip((array.ndim for array in given), (len(i.shape) for i in inputs), strict=True)
    if any(rank == wanted - 1 for rank, wanted in ranks):
        raise ValueError(
            f"{data.what} gives single examples of shape {given[0].shape}, not batches: "
            "add .batch(32)"
        )


def _layers(model: Any) -> list[Any]:
    flatten = getattr(model, "_flatten_layers", None)
    return list(flatten()) if flatten else list(model.layers)


def _tensors(batch: batches.Batch) -> batches.Batch:
    import keras

    return batches.mapped(keras.ops.convert_to_tensor, batch)


def _averages(optimizer: Any) -> bool:
    return bool(getattr(getattr(optimizer, "inner_optimizer", optimizer), "use_ema", False))


def _no_metric(metric: str, names: Iterable[str]) -> str:
    return f"keep_best: there is no metric {metric!r}; there are {', '.join(sorted(names))}"


def _say(line: str) -> None:
    print(line, flush=True)


def _ago(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _short(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4g}"
