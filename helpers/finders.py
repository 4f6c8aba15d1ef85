"""The settings that a machine and a model decide: learning rate, batch size, gradient accumulation.

Both finders try a setting in real training steps, and put the model back as it was before them.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import math
import signal
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from helpers import batches, state

WIDTH = 2.0  # steps; the standard deviation of the window that smooths a loss
TENTH = 10.0  # the suggested rate is this many times smaller than the best one
MEASURED = 5  # steps at most that are timed of a batch size
NEAR_BEST = 0.9  # of the best throughput is as good as the best
OUT_OF_MEMORY = (
    "resource_exhausted", "out of memory", "oom when allocating", "can't allocate memory",
    "not enough memory", "alloc_failed", "failed to allocate", "out_of_memory",
)  # fmt: skip


@dataclass(frozen=True)
class Rates:
    """What a learning-rate range test saw.

    Attributes:
        rates: the learning rate of each step, growing.
        losses: the loss of the step's batch, before its update.
        smoothed: the same, each averaged with its neighbours.
        suggested: the learning rate to train with, or None where no rate lowers the loss.
        blew_up_at: the rate at which the test ended, or None if it reached the end.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    suggested: float | None
    blew_up_at: float | None = None

    @property
    def finding(self) -> str:
        """What it comes to, in a sentence."""
        if self.suggested is None and self.blew_up_at and len(self.rates) < 10:
            return f"The loss explodes at once, at {self.blew_up_at:.1g}: try a smaller `low`"
        if self.suggested is None:
            return f"No rate from {self.rates[0]:.1g} to {self.rates[-1]:.1g} lowers the loss"
        best = self.rates[int(np.argmin(self.smoothed))]
        if self.blew_up_at is None and best > 0.8 * self.rates[-1]:
            return f"Train at {self.suggested:g}; the loss still falls at the largest rate tried"
        end = f" and explodes at {self.blew_up_at:.1g}" if self.blew_up_at else ""
        return f"Train at {self.suggested:g}: the loss is lowest at {best:.1g}{end}"

    def frame(self) -> Any:
        """A row a step: rate, loss, smoothed."""
        import pandas as pd

        columns = {"rate": self.rates, "loss": self.losses, "smoothed": self.smoothed}
        return pd.DataFrame(columns).rename_axis("step")

    def plot(self) -> None:
        """Draw loss against learning rate, with the suggestion marked."""
        from helpers import plots

        fig, ax = plots.figure()
        low, high = _range_of(self.smoothed)
        ax.plot(self.rates, self.losses, ".", color=plots.COLOURS[4], label="each step")
        ax.plot(self.rates, self.smoothed, color=plots.COLOURS[0], label="smoothed")
        if self.suggested is not None:
            ax.axvline(self.suggested, color=plots.COLOURS[1], linestyle="--", label="suggested")
        ax.set(xscale="log", xlabel="learning rate", ylabel="loss", ylim=(low, high))
        ax.set_title(textwrap.fill(self.finding, 64))
        ax.legend()
        plots.show(fig, alt=self._in_words())

    def _in_words(self) -> str:
        best = int(np.argmin(self.smoothed))
        return (
            "Loss of single training steps against the learning rate, which grows from step to "
            f"step from {self.rates[0]:.1g} to {self.rates[-1]:.1g}. The smoothed loss begins at "
            f"{self.smoothed[0]:.3g} and is lowest, {self.smoothed[best]:.3g}, at a rate of "
            f"{self.rates[best]:.1g}. {self.finding}."
        )

    def __repr__(self) -> str:
        return f"{self.finding} ({len(self.rates)} steps; .plot() draws them)."


def find_learning_rate(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    batch_size: int | None = None,
    low: float = 1e-6,
    high: float = 1.0,
    steps: int = 100,
    seed: int = 0,
) -> Rates:
    """The learning-rate range test (Smith 2017, arXiv:1506.01186): one short training, ever faster.

    Every step's learning rate is the same factor larger than the one before. The test ends early
    where the loss explodes: above its start by half of it, and by more than it fell before. The
    suggestion is a tenth of the rate at which the smoothed loss was lowest, because a rate that
    still lowers the loss for a few steps is too large for many. There is none where the loss does
    not fall by more than its noise.

    Weights, optimizer, metrics and random states are afterwards as they were, also after an
    interrupt or an error. A model that was not built yet is built.

    Args:
        model: compiled, with a number as learning rate; on any of Keras's backends.
        x: the inputs, as `training.fit` takes them: arrays (examples, ...) or a batched dataset.
        y: the targets (examples, ...); None where x brings them, or the model needs none.
        batch_size: examples a step, 32 unless given; the rate found holds for this size.
        low: the first learning rate.
        high: the last.
        steps: how many, 10 or more. With gradient accumulation each takes several batches.
        seed: decides the order of the examples.

    Raises:
        ValueError: the model is not compiled, its learning rate follows a schedule, `low` is not
            below `high`, the data have fewer examples than one batch, or the loss is not a number
            from the start.
    """
    _check_compiled(model)
    _check_rates(low, high, steps)
    _check_schedule(model.optimizer)
    data = _data(x, y, batch_size, seed)
    _build(model, data)
    with _kept(model):
        rates, losses, blew_up_at = _range_test(model, data, low, high, steps)
    if not losses:
        raise ValueError(_no_number(data))
    smoothed = smooth(np.minimum(losses, _ceiling(losses)))
    suggested = _suggestion(rates, losses, smoothed)
    return Rates(tuple(rates), tuple(losses), tuple(smoothed.tolist()), suggested, blew_up_at)


def smooth(values: Sequence[float], width: float = WIDTH) -> np.ndarray:
    """Each value averaged with its neighbours on both sides, so that no bend moves sideways.

    The weights are a Gaussian's; `width` is its standard deviation, in values.
    """
    numbers = np.asarray(values, "float64")
    reach = min(math.ceil(3 * width), (len(numbers) - 1) // 2)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    known = np.isfinite(numbers)
    total = np.convolve(np.where(known, numbers, 0.0), weights, "same")
    count = np.convolve(known.astype("float64"), weights, "same")
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


@dataclass(frozen=True)
class Sizes:
    """What batch sizes a machine can train with, and how fast.

    Attributes:
        sizes: the batch sizes that were tried and fit, growing.
        examples_per_second: the throughput of each.
        largest: the largest that fits.
        suggested: the smallest within a tenth of the best throughput.
        limit: what ended the search: "memory" (the next larger size ran out of it), "memory_limit"
            (it would exceed the limit), "high", "data" (all examples are in one batch) or "time".
    """

    sizes: tuple[int, ...]
    examples_per_second: tuple[float, ...]
    largest: int
    suggested: int
    limit: str

    @property
    def finding(self) -> str:
        """What it comes to, in a sentence."""
        ends = {
            "memory": f"{self.largest} is the largest that fits in memory",
            "memory_limit": f"{self.largest} is the largest within the memory limit",
            "high": f"{self.largest}, the largest tried, fits too",
            "data": f"{self.largest}, all examples at once, fits too",
            "time": f"{self.largest} fits too; time ended the search",
        }
        return f"Train with batches of {self.suggested}; {ends[self.limit]}"

    def frame(self) -> Any:
        """Examples a second, indexed by batch size."""
        import pandas as pd

        rates = pd.Series(self.examples_per_second, index=self.sizes, name="examples_per_second")
        return rates.rename_axis("batch_size").to_frame()

    def plot(self) -> None:
        """Draw throughput against batch size, with the suggestion marked."""
        from helpers import plots

        fig, ax = plots.figure()
        ax.plot(self.sizes, self.examples_per_second, "o-", color=plots.COLOURS[0])
        ax.axvline(self.suggested, color=plots.COLOURS[1], linestyle="--", label="suggested")
        ax.set_xscale("log", base=2)
        ax.xaxis.set_major_formatter(lambda size, _: f"{size:g}")
        ax.set(xlabel="batch size (examples)", ylabel="examples a second")
        ax.set_ylim(bottom=0)
        ax.set_title(textwrap.fill(self.finding, 64))
        ax.legend()
        plots.show(fig, alt=self._in_words())

    def _in_words(self) -> str:
        rate = dict(zip(self.sizes, self.examples_per_second, strict=True))
        named = sorted({self.sizes[0], self.suggested, self.largest})
        rates = ", ".join(f"{rate[size]:,.0f} with batches of {size}" for size in named)
        return f"Examples a second in training, by batch size: {rates}. {self.finding}."

    def __repr__(self) -> str:
        return f"{self.finding} ({len(self.sizes)} sizes measured; .plot() draws them)."


def find_batch_size(
    model: Any,
    x: Any = None,
    y: Any = None,
    *,
    low: int = 1,
    high: int = 4096,
    memory_limit: int | None = None,
    seconds: float = 60.0,
) -> Sizes:
    """The largest batch size whose training step fits in memory, and the fastest sensible one.

    Doubles the size until a step runs out of memory, then halves the gap; what ran out is caught,
    and the search goes on. A model is afterwards as it was, as with `find_learning_rate`. Each new
    size is compiled once, which is not counted in the throughput.

    Where the processor's own memory is used, no error comes: the system ends the whole process.
    There the search watches the memory that the process takes, foresees that of the next size from
    the last two, and keeps below `memory_limit`.

    Args:
        model: a compiled model; or a function of the batch size that makes one training step.
        x: the inputs, as `training.fit` takes them. Of a batched dataset the first batch is used,
            its examples repeated as needed.
        y: the targets, or None. With a function leave x and y out.
        low: the first size tried.
        high: the last.
        memory_limit: bytes that this process may take in all. For a model on a processor it is,
            unless given, what it has now and 80% of what is free; otherwise there is none.
        seconds: after this time no larger size is begun.

    Raises:
        MemoryError: not even `low` fits.
        ValueError: a size or limit that cannot be.
    """
    _check_sizes(low, high, memory_limit, seconds)
    about = {"low": low, "high": high, "seconds": seconds}
    if not hasattr(model, "train_on_batch"):
        if not callable(model) or x is not None:
            raise TypeError("give find_batch_size a model and x, or one function of the batch size")
        return _Search(model, memory_limit=memory_limit, **about).go()
    _check_compiled(model)
    data = _data(x, y, None, None)
    _build(model, data)
    if memory_limit is None and not _accelerated():
        memory_limit = _memory() + int(0.8 * _free_memory())
    with _kept(model) as restore:
        step = _step_of(model, data)
        search = _Search(step, memory_limit=memory_limit, restore=restore, **about)
        return search.go(examples=getattr(data, "examples", None))


def accumulate(optimizer: Any, steps: int) -> Any:
    """The same optimizer, which updates the weights once in `steps` batches, by their mean gradient.

    So 4 steps of 8 examples do what one step of 32 does, in the memory of 8: the way to a batch
    that does not fit. It uses Keras's own `gradient_accumulation_steps`. A schedule counts updates;
    batches left over at the end of an epoch count into the next one. Batches must be equally large,
    and batch norm still sees each of them alone.

    Args:
        optimizer: one that has not been used yet, or its name.
        steps: batches an update; 1 changes nothing.

    Raises:
        ValueError: steps below 1, or an optimizer that has been used.
    """
    import keras

    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise ValueError(f"steps is {steps!r}; it must be a whole number of batches, 1 or more")
    whole = keras.optimizers.get(optimizer)
    own = getattr(whole, "inner_optimizer", whole)
    if own.built:
        raise ValueError(
            "this optimizer has been used, and what it remembers would be lost: accumulate a new "
            "one, before model.compile(optimizer=...)"
        )
    made = type(own).from_config(
        {**own.get_config(), "gradient_accumulation_steps": steps if steps > 1 else None}
    )
    if own is whole:
        return made
    return type(whole)(
        made, initial_scale=whole.initial_scale, dynamic_growth_steps=whole.dynamic_growth_steps
    )


# The range test


def _range_test(
    model: Any, data: Any, low: float, high: float, steps: int
) -> tuple[list[float], list[float], float | None]:
    """Rates, the loss at each, and the rate at which it exploded, if it did."""
    rates: list[float] = []
    losses: list[float] = []
    feed = _endless(data)
    several = _accumulated(model.optimizer)
    for rate in np.geomspace(low, high, steps).tolist():
        model.optimizer.learning_rate = rate
        loss = sum(_step(model, next(feed)) for _ in range(several)) / several
        if not math.isfinite(loss):
            return rates, losses, rate
        rates.append(rate)
        losses.append(loss)
        if np.mean(losses[-3:]) > _ceiling(losses):
            return rates, losses, rate
    return rates, losses, None


def _ceiling(losses: Sequence[float]) -> float:
    """Above this the loss has exploded: over its start by half of it, or by what it fell."""
    start = float(np.mean(losses[:3]))
    fallen = start - min(losses)
    return start + max(0.5 * abs(start), min(fallen, abs(start)))


def _suggestion(
    rates: Sequence[float], losses: Sequence[float], smoothed: np.ndarray
) -> float | None:
    """A tenth of the rate of the lowest loss, to two digits, if the loss fell at all."""
    early = max(3, len(losses) // 4)  # the rates here are too small to move the loss much
    numbers = np.asarray(losses)
    noise = float(np.std((numbers - smoothed)[: 2 * early]))
    start, best = float(np.mean(numbers[:early])), int(np.argmin(smoothed))
    fell = start - float(smoothed[best]) > max(1.9 * noise, 1e-3 * abs(start))
    if len(losses) < 10 or not fell:
        return None
    return float(f"{rates[best] / TENTH:.1e}")


def _step(model: Any, batch: batches.Batch) -> float:
    """One step of training; the loss before its update."""
    logs = model.train_on_batch(*batch, return_dict=True)
    if "loss" not in logs:
        raise ValueError(
            f"the model's train_step gives no 'loss' (it gives {', '.join(sorted(logs))}), "
            "and this test has nothing to look at"
        )
    return float(logs["loss"])


def _endless(data: Any) -> Iterator[batches.Batch]:
    """Full batches, epoch after epoch: a smaller one would have a noisier loss."""
    for epoch in itertools.count():
        given = 0
        for batch in _in_turn(data.batches(epoch)):
            arrays = batches.mapped(_as_array, tuple(batch))
            if len(next(batches.leaves(arrays))) >= data.batch_size:
                given += 1
                yield arrays
        if not given:
            raise ValueError(f"epoch {epoch + 1} of the data is empty: nothing to learn from")


def _in_turn(data: Any) -> Iterator[Any]:
    import keras

    if isinstance(data, keras.utils.PyDataset):  # which never says that it is at its end
        return (data[i] for i in range(data.num_batches))
    return (batch if isinstance(batch, tuple | list) else (batch,) for batch in data)


def _as_array(value: Any) -> Any:
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    return np.asarray(value) if hasattr(value, "__array__") else value


def _accumulated(optimizer: Any) -> int:
    return getattr(_own(optimizer), "gradient_accumulation_steps", None) or 1


def _range_of(values: Sequence[float]) -> tuple[float, float]:
    """Room for the fall of a curve, and a little for its rise at the end."""
    start, low = values[0], min(values)
    room = max(start - low, 1e-3 * abs(start), 1e-9)
    return low - 0.15 * room, min(max(values), start + 0.5 * room) + 0.1 * room


# The search for a size


class _Search:
    """One search: the sizes that fit so far with their throughput and memory."""

    def __init__(
        self,
        try_step: Callable[[int], Any],
        low: int,
        high: int,
        seconds: float,
        memory_limit: int | None = None,
        restore: Callable[[], None] = lambda: None,
    ) -> None:
        self.try_step, self.low, self.high = try_step, low, high
        self.memory_limit, self.restore = memory_limit, restore
        self.until = time.perf_counter() + seconds
        self.rates: dict[int, float] = {}
        self.peaks: dict[int, int] = {}
        self.limit = "high"
        self.took = 0.0  # seconds, for the last size

    def go(self, examples: int | None = None) -> Sizes:
        """The whole search; a batch has no more than so many examples."""
        last = self.high if examples is None else max(self.low, min(self.high, examples))
        too_large = self._double(last)
        if too_large is None and self.limit == "high" and last < self.high:
            self.limit = "data"
        if not self.rates:
            raise MemoryError(_nothing_fits(self.low, self.limit))
        while too_large and too_large - max(self.rates) > 1 and self._in_time():
            middle = (too_large + max(self.rates)) // 2
            if not self._fits(middle):
                too_large = middle
        if too_large and too_large - max(self.rates) > 1:
            self.limit = "time"
        return self._result()

    def _double(self, last: int) -> int | None:
        """Twice the size until one does not fit, which is returned, or there is no larger one."""
        size = self.low
        while self._fits(size):
            if size >= last:
                return None
            if not self._in_time(twice=True):
                self.limit = "time"
                return None
            size = min(2 * size, last)
        return size

    def _in_time(self, twice: bool = False) -> bool:
        """Whether the next size is likely to be done in time; compiling takes what it took."""
        size = max(self.rates)
        longer = MEASURED * size / self.rates[size] if twice else 0.0
        return time.perf_counter() + self.took + longer < self.until

    def _fits(self, size: int) -> bool:
        if self.memory_limit is not None and self._foreseen(size) > self.memory_limit:
            self.limit = "memory_limit"
            return False
        started = time.perf_counter()
        if not self._runs(size):
            self.limit = "memory"
            _clear_memory()
            self.restore()  # JAX gives a step the weights' own memory, and they are gone with it
            return False
        self.took = time.perf_counter() - started
        if self.memory_limit is not None and self.peaks[size] > self.memory_limit:
            self.limit = "memory_limit"
            _clear_memory()
            return False
        self.rates[size] = self._rate
        return True

    def _runs(self, size: int) -> bool:
        """Whether some steps of this size end well; notes their speed and memory."""
        try:
            with _Peak(self.memory_limit is not None) as peak:
                self.try_step(size)  # compiles, and warms up
                self._rate = size / _seconds_of(lambda: self.try_step(size))
        except Exception as error:
            if not _is_out_of_memory(error):
                raise
            return False  # and lets go of the error, which holds on to the step's arrays
        self.peaks[size] = peak.bytes
        return True

    def _foreseen(self, size: int) -> int:
        """Memory that a step of this size will take: on along the line of the last two sizes."""
        known = sorted(s for s in self.rates if s < size)[-2:]
        if len(known) < 2:
            return 0
        a, b = known
        slope = max(0.0, (self.peaks[b] - self.peaks[a]) / (b - a))
        return int(self.peaks[b] + slope * (size - b))

    def _result(self) -> Sizes:
        sizes = sorted(self.rates)
        rates = [self.rates[size] for size in sizes]
        good = (s for s, r in zip(sizes, rates, strict=True) if r >= NEAR_BEST * max(rates))
        return Sizes(tuple(sizes), tuple(rates), sizes[-1], next(good), self.limit)


class _Peak:
    """The most memory, in bytes, that this process took in the block, looked at 200 times a second."""

    def __init__(self, wanted: bool) -> None:
        self.bytes, self._wanted, self._done = 0, wanted, threading.Event()

    def __enter__(self) -> _Peak:
        if self._wanted:
            self._thread = threading.Thread(target=self._watch, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._wanted:
            self._done.set()
            self._thread.join()

    def _watch(self) -> None:
        while True:
            self.bytes = max(self.bytes, _memory())
            if self._done.wait(0.005):
                break
        self.bytes = max(self.bytes, _memory())


def _seconds_of(step: Callable[[], Any]) -> float:
    """Seconds that a step takes: the median of a few, or of fewer if they are long."""
    times: list[float] = []
    while len(times) < MEASURED and sum(times) < 0.3:
        started = time.perf_counter()
        step()
        times.append(max(time.perf_counter() - started, 1e-9))
    return float(np.median(times))


def _step_of(model: Any, data: Any) -> Callable[[int], float]:
    """A training step on so many of the examples, each as often as it takes."""
    parts = getattr(data, "parts", None) or data.first()
    examples = next(batches.leaves(parts)).shape[0]

    def rows(array: Any, size: int) -> Any:
        picked = array[np.arange(size) % examples]
        return picked.toarray() if hasattr(picked, "toarray") else picked

    return lambda size: _step(model, batches.mapped(lambda array: rows(array, size), parts))


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, in the words of any of the frameworks."""
    if isinstance(error, MemoryError):
        return True
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if kinds & {"ResourceExhaustedError", "OutOfMemoryError"}:
        return True
    # The rest say it in the message only: torch on a processor, XLA, cuDNN.
    text = str(error).lower()
    return bool(kinds & {"RuntimeError", "OpError"}) and any(w in text for w in OUT_OF_MEMORY)


def _clear_memory() -> None:
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "cuda") and torch.cuda.is_available():
        torch.cuda.empty_cache()


def _memory() -> int:
    import psutil

    return psutil.Process().memory_info().rss


def _free_memory() -> int:
    """Bytes that this process may still take, a container's limit included."""
    import psutil

    from helpers import runtime

    allowed = int(runtime.memory_gb() * 2**30) - _memory()
    return max(0, min(psutil.virtual_memory().available, allowed))


def _accelerated() -> bool:
    import keras

    from helpers import runtime

    return bool(runtime.probe(keras.backend.backend()).devices)


# What both need


@contextlib.contextmanager
def _kept(model: Any) -> Iterator[Callable[[], None]]:
    """Whatever training does in the block, the model is afterwards as it was.

    Yields a function that puts it back at once.
    """
    saved, metrics = state.of(model), list(model.metrics_variables)

    def restore() -> None:
        before = {id(v): value for v, value in zip(metrics, saved["metrics"], strict=True)}
        model.reset_metrics()  # those that only the first step made
        now = [before.get(id(v), v) for v in model.metrics_variables]
        values = [v if isinstance(v, np.ndarray) else state.values([v])[0] for v in now]
        state.restore(model, {**saved, "metrics": values})

    try:
        yield restore
    finally:
        with _uninterrupted():
            restore()
            if _forget_generator(saved["random"]):
                model.train_function = None  # whose compiled form draws from that generator


@contextlib.contextmanager
def random_kept() -> Iterator[None]:
    """What the block draws at random is drawn again after it: all random states are put back."""
    before = state.random_states()
    try:
        yield
    finally:
        state.restore_random_states(before)
        _forget_generator(before)


def _forget_generator(before: dict) -> bool:
    """Drop Keras's global generator if it came into being since: it is to be made anew."""
    from keras.src.backend.common import global_state

    name = "global_seed_generator"
    if before["keras"] is not None or global_state.get_global_attribute(name) is None:
        return False
    global_state.set_global_attribute(name, None)
    return True


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """An interrupt waits for the end of the block."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    came: list[Any] = []
    signal.signal(signal.SIGINT, lambda *about: came.append(about))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            before(*came[0])


def _build(model: Any, data: Any) -> None:
    """Make all variables of model and optimizer, as the first step of a training does."""
    import keras

    layers = list(model._flatten_layers()) if hasattr(model, "_flatten_layers") else model.layers
    if not all(layer.built for layer in layers):
        x = batches.mapped(keras.ops.convert_to_tensor, data.first())[0]
        model(x, training=False)
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)


def _data(x: Any, y: Any, batch_size: int | None, seed: int | None) -> Any:
    with random_kept():  # reading the first batch may draw
        data = batches.of(x, y, batch_size, seed, "x")
    examples = getattr(data, "examples", None)
    if seed is not None and examples is not None and examples < data.batch_size:
        raise ValueError(
            f"x has {examples} examples, too few for one batch of {data.batch_size}: "
            f"pass batch_size={max(1, examples // 4)} or so, or more data"
        )
    return data


def _own(optimizer: Any) -> Any:
    """The optimizer itself, where loss scaling is wrapped around it."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def _check_compiled(model: Any) -> None:
    if not getattr(model, "compiled", False) or getattr(model, "optimizer", None) is None:
        raise ValueError(
            "the model is not compiled: call model.compile(optimizer=..., loss=...) before this"
        )


def _check_rates(low: float, high: float, steps: int) -> None:
    if not (low > 0 and math.isfinite(high) and low < high):
        raise ValueError(
            f"low is {low!r} and high is {high!r}; low must be above 0 and below high, because the "
            "learning rate grows from one to the other"
        )
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 10:
        raise ValueError(f"steps is {steps!r}; it must be a whole number, 10 or more")


def _check_schedule(optimizer: Any) -> None:
    rate = _own(optimizer).get_config().get("learning_rate")
    if not isinstance(rate, int | float):
        raise ValueError(
            "the optimizer's learning rate follows a schedule, and this test sets it itself: "
            "compile the model with a number (learning_rate=1e-3) for the test, and then with a "
            "schedule whose highest rate is the one that was found"
        )


def _check_sizes(low: int, high: int, memory_limit: int | None, seconds: float) -> None:
    for name, value in (("low", low), ("high", high)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(
                f"{name} is {value!r}; it must be a whole number of examples, 1 or more"
            )
    if low > high:
        raise ValueError(f"low is {low} and high is {high}; low must not be above high")
    if memory_limit is not None and not memory_limit > 0:
        raise ValueError(f"memory_limit is {memory_limit!r}; it must be a number of bytes above 0")
    if not seconds > 0:
        raise ValueError(f"seconds is {seconds!r}; it must be above 0")


def _nothing_fits(low: int, limit: str) -> str:
    if limit == "memory_limit":
        return f"a batch of {low} already exceeds the memory limit: raise memory_limit"
    smaller = "a smaller `low`, " if low > 1 else ""
    return (
        f"not even a batch of {low} fits in memory: try {smaller}a smaller model, shorter examples "
        "or bfloat16, or end what else uses the memory"
    )


def _no_number(data: Any) -> str:
    bad = data.not_finite()
    cause = f"{bad:,} of the numbers in the data are not finite: mend that first" if bad else (
        "look at the data, the loss and the model's weights, or try a smaller `low`"
    )  # fmt: skip
    return f"the loss is not a number at the first step already; {cause}"
