"""To watch a training while it runs: a live loss curve, and samples of what the model writes.

Both are Keras callbacks, for `training.fit` and for Keras's own `model.fit`:

    training.fit(model, x, y, epochs=5, callbacks=[watch.Curve(), watch.Samples(write)])
"""

from __future__ import annotations

import math
import os
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np

from helpers import finders, state

LOOK_EVERY = 0.2  # seconds between two points of a curve, which may make a GPU wait
DRAWING_SHARE = 0.05  # of the time at most goes into drawing
MOST_POINTS = 1000  # of a curve; more are merged by twos


class _Watcher(keras.callbacks.Callback):
    """What both have in common: where the training stands, at no cost a step.

    On JAX and PyTorch, Keras calls `on_train_batch_end` of callbacks that are `async_safe` in a
    thread of its own, and the training waits for no number. So it only notes what came; `look` is
    called in the thread of the training.

    Attributes that are plain are kept in checkpoints, and `training.fit` takes them up again.
    """

    async_safe = True
    works_in_programs = True  # it can do without a call before each step; read by `programs`

    def __init__(self) -> None:
        super().__init__()
        self._start()

    def look(self) -> None:
        """Called between two steps, and at the end of an epoch."""

    def _start(self) -> None:
        self.steps_before = 0  # in the epochs behind us
        self.epochs_before = 0
        self.latest: list | None = None  # [steps of this epoch so far, the metrics over them]
        self._thread = SimpleNamespace(id=threading.get_ident())

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """From the start."""
        self._start()

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """An epoch's metrics begin anew."""
        self.latest = None

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Look at what the steps before left."""
        self.look()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Note where we are; steps may come out of order."""
        if self.latest is None or batch + 1 > self.latest[0]:
            self.latest = [batch + 1, dict(logs or {})]
        if threading.get_ident() == self._thread.id:
            self.look()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """One epoch more lies behind us."""
        known = (self.params or {}).get("steps")
        steps = self.latest[0] if self.latest else known or 0
        self.steps_before += int(steps)
        self.epochs_before, self.latest = epoch + 1, None

    @property
    def step(self) -> int:
        """Steps made since the start."""
        return self.steps_before + (self.latest[0] if self.latest else 0)


class Curve(_Watcher):
    """A live curve of the loss beside the progress bar, and a still figure of it at the end.

    Keras tells the mean of each metric over the epoch so far. Drawn is its mean over the steps
    between two looks, five looks a second, thin, and smoothed, thick; with it the validation at the
    end of each epoch. A metric that is no mean (an area under a curve) has a point an epoch.

    In Jupyter the figure is redrawn as the training goes on. With COURSE_STILL=1 there is only the
    last one; in a terminal there is none.

    Args:
        metrics: what to draw, a panel each: "loss", "accuracy", ... or one name.
        every: seconds between two drawings at least; more where drawing would take over a
            twentieth of the time.

    Raises:
        ValueError: no metric, or a time below 0.
    """

    def __init__(self, metrics: str | Iterable[str] = ("loss",), every: float = 1.0) -> None:
        names = (metrics,) if isinstance(metrics, str) else tuple(metrics)
        if not names or not all(isinstance(name, str) and name for name in names):
            raise ValueError(
                f"metrics is {metrics!r}; it must be names, as in ('loss', 'accuracy')"
            )
        _check_every(every)
        # Held in an object that no checkpoint takes up, since what is shown may change in between.
        self._wish = SimpleNamespace(metrics=names, every=every)
        super().__init__()

    def _start(self) -> None:
        super()._start()
        self.training: dict[str, list] = {name: [] for name in self._wish.metrics}
        self.held_out: dict[str, list] = {name: [] for name in self._wish.metrics}
        self.seen: list = [0, {}]  # the `latest` of the last look
        self._screen = _Screen(self._wish.every)
        self._told: set[str] = set()

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """The means begin anew."""
        super().on_epoch_begin(epoch, logs)
        self.seen = [0, {}]

    def look(self) -> None:
        """A point, if it is time for one; and a drawing."""
        now = time.perf_counter()
        if self.latest and now >= self._screen.next_look:
            self._screen.next_look = now + LOOK_EVERY
            if self._add():
                self._draw(now)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """The last steps of the epoch, and its validation."""
        logs, averaged = logs or {}, self._averaged()
        if self.latest:
            self._add()
        in_steps = bool(self.latest)
        super().on_epoch_end(epoch, logs)
        place = self.steps_before or self.epochs_before
        for name in self._wish.metrics:
            if name in logs and not (in_steps and name in averaged):
                self.training[name].append([place, float(logs[name])])
            if f"val_{name}" in logs:
                self.held_out[name].append([place, float(logs[f"val_{name}"])])
            if name not in logs:
                self._say_missing(name, logs)
        self._draw(time.perf_counter())

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """The figure that stays."""
        if any(self.training.values()) and _in_notebook():
            from helpers import plots

            self._screen.clear()
            plots.show(self.figure(), alt=self.in_words())

    def _say_missing(self, name: str, logs: Mapping[str, Any]) -> None:
        if name not in self._told:
            there = ", ".join(n for n in logs if not n.startswith("val_"))
            print(f"Curve: there is no metric {name!r} to draw, only {there}.", flush=True)
        self._told.add(name)

    def _draw(self, now: float) -> None:
        if now >= self._screen.next_drawing and any(self.training.values()):
            self._screen.show(self.figure)

    def _add(self) -> bool:
        """A point a metric: its mean over the steps since the last look, if there were any."""
        (steps, logs), (steps_seen, seen) = self.latest, self.seen
        if steps <= steps_seen:
            return False
        means = {name: float(logs[name]) for name in self._averaged() & {*logs} & {*self.training}}
        for name, mean in means.items():
            total = mean * steps - seen.get(name, 0.0) * steps_seen
            points = self.training[name]
            points.append([self.steps_before + steps, total / (steps - steps_seen)])
            if len(points) > MOST_POINTS:
                self.training[name] = _merged(points)
        self.seen = [steps, means]
        return True

    def _averaged(self) -> set[str]:
        """The metrics that are means over the steps, so that a part of them can be told."""
        metrics = [inner for m in self.model.metrics for inner in getattr(m, "metrics", [m])]
        return {"loss"} | {m.name for m in metrics if isinstance(m, keras.metrics.Mean)}

    def figure(self) -> Any:
        """The curves so far, as a Matplotlib figure."""
        from helpers import plots

        names = [name for name, points in self.training.items() if points]
        fig, panels = plots.figure(columns=len(names), squeeze=False)
        for ax, name in zip(panels[0], names, strict=True):
            x, raw, even = _curve(self.training[name])
            few = "o" if len(x) <= 20 else None
            if len(x) > 20:
                ax.plot(x, raw, color=plots.COLOURS[4], linewidth=0.8, label="a few steps")
            ax.plot(x, even, color=plots.COLOURS[0], marker=few, markersize=4, label="training")
            if self.held_out[name]:
                ax.plot(*zip(*self.held_out[name], strict=True), "o-", markersize=4,
                        color=plots.COLOURS[1], label="validation")  # fmt: skip
            ax.set(xlabel="step" if self.steps_before or self.latest else "epoch", ylabel=name)
            ax.set_title(textwrap.fill(self._finding(name), 64 if len(names) == 1 else 38))
            ax.legend()
        return fig

    def _finding(self, name: str) -> str:
        _, _, even = _curve(self.training[name])
        if len(even) == 1:
            return f"{name.capitalize()} is {even[0]:.3g} so far"
        verb = "falls" if even[-1] < even[0] else "goes"
        held = self.held_out[name]
        tail = f" (validation {held[-1][1]:.3g})" if held else ""
        return f"{name.capitalize()} {verb} from {even[0]:.3g} to {even[-1]:.3g}{tail}"

    def in_words(self) -> str:
        """The figure's alt text."""
        what = f"{self.step:,} steps" if self.step else f"{self.epochs_before} epochs"
        lines = []
        for name, points in self.training.items():
            if points:
                lines.append(f"Curve of {name} over {what} of training: {self._finding(name)}.")
            if len(self.held_out[name]) > 1:
                first, last = self.held_out[name][0][1], self.held_out[name][-1][1]
                lines.append(f"In validation it goes from {first:.3g} to {last:.3g}.")
        return " ".join(lines)


class Samples(_Watcher):
    """Prints a text while the model trains: what it writes by now.

    All random states are afterwards as they were, so that the training is the same with and without
    it. An error in `make` is shown, and the training goes on.

    Args:
        make: gives the text; no arguments.
        every: seconds between two samples at least.
        within_epochs: whether to sample between steps too, and not only where an epoch ends. On
            TensorFlow with `jit_compile=True` that is where a program of many steps ends.

    Raises:
        ValueError: a time below 0.
        TypeError: `make` is not a function.
    """

    def __init__(
        self, make: Callable[[], str], every: float = 10.0, within_epochs: bool = False
    ) -> None:
        if not callable(make):
            raise TypeError(f"make is a {type(make).__name__}; give a function that returns a text")
        _check_every(every)
        self._wish = SimpleNamespace(make=make, every=every, within_epochs=within_epochs)
        super().__init__()

    def _start(self) -> None:
        super()._start()
        self._clock = SimpleNamespace(next=time.perf_counter() + self._wish.every, last=None)

    def look(self) -> None:
        """Between two steps: a sample, if it is time and one is wanted."""
        if self._wish.within_epochs and self.latest:
            self._sample_if_due()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """A sample, if it is time for one; at the very end there comes another."""
        super().on_epoch_end(epoch, logs)
        if epoch + 1 != (self.params or {}).get("epochs"):
            self._sample_if_due()

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """What it writes now."""
        self._sample("At the end")

    def _sample_if_due(self) -> None:
        if time.perf_counter() >= self._clock.next:
            epoch = self.epochs_before + (self.latest is not None)
            steps = f", step {self.step:,}" if self.step else ""
            self._sample(f"{'In' if self.latest else 'After'} epoch {epoch}{steps}")

    def _sample(self, where: str) -> None:
        state.sync(self.model)
        try:
            with finders.random_kept():
                text = str(self._wish.make())
        except Exception as error:
            text = f"no sample, because it ended with {type(error).__name__}: {error}"
        if (self.step, text) != self._clock.last:
            _print(f"{where}:\n{textwrap.indent(text, '    ')}")
        self._clock.last = (self.step, text)
        self._clock.next = time.perf_counter() + self._wish.every


class _Screen:
    """Where a curve is shown while it grows; nothing in a terminal."""

    def __init__(self, every: float) -> None:
        self.every, self.next_look, self.next_drawing = every, 0.0, 0.0
        self.live = _in_notebook() and not os.environ.get("COURSE_STILL")
        self._handle: Any = None

    def show(self, draw: Callable[[], Any]) -> None:
        """The figure that `draw` makes, in the place of the one before."""
        if not self.live:
            self.next_drawing = math.inf
            return
        from IPython.display import Image, display

        started = time.perf_counter()
        picture = Image(data=_png(draw()), format="png")
        if self._handle is None:
            self._handle = display(picture, display_id=True)
        else:
            self._handle.update(picture)
        now = time.perf_counter()
        self.next_drawing = now + max(self.every, (now - started) / DRAWING_SHARE)

    def clear(self) -> None:
        """Make room for the figure that stays."""
        if self._handle is not None:
            from IPython.display import HTML

            self._handle.update(HTML(""))
            self._handle = None


def _png(fig: Any) -> bytes:
    import matplotlib.pyplot as plt

    from helpers import plots

    try:
        return plots.png(fig)
    finally:
        plt.close(fig)


def _curve(points: Sequence[Sequence[float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places, values, and the values smoothed, where they are many."""
    x, raw = np.asarray(points, "float64").T
    if len(x) <= 20:
        return x, raw, raw
    return x, raw, finders.smooth(raw, width=max(2.0, len(x) / 50))


def _merged(points: Sequence[Sequence[float]]) -> list[list[float]]:
    """Half as many points: of two neighbours the later place and the mean value."""
    pairs = zip(points[::2], points[1::2], strict=False)
    merged = [[late[0], (early[1] + late[1]) / 2] for early, late in pairs]
    return merged + [list(points[-1])] * (len(points) % 2)


def _in_notebook() -> bool:
    """Whether there is a kernel that shows figures, and not a terminal."""
    ipython = sys.modules.get("IPython")
    return hasattr(ipython.get_ipython() if ipython else None, "kernel")


def _print(text: str) -> None:
    from tqdm import tqdm

    tqdm.write(text)  # which keeps clear of a bar in a terminal
    sys.stdout.flush()


def _check_every(every: float) -> None:
    if not every >= 0:
        raise ValueError(f"every is {every!r}; it must be seconds, 0 or more")
