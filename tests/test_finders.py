"""Finders: what they suggest, what ends them, and that they leave everything as it was."""

from __future__ import annotations

import contextlib
import functools
import random
import signal
import subprocess
import sys
from types import SimpleNamespace

import backends
import keras
import numpy as np
import pytest

from helpers import batches, finders, gpt, plots, state

DATA = np.random.default_rng(0)
X = DATA.normal(size=(200, 6)).astype("float32")
Y = (X[:, 0] + X[:, 1] > 0).astype("int64")
OTHERS = ("jax", "torch")


def build(optimizer=None, **about):
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(2),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    about = {"loss": loss, "metrics": ["accuracy"], **about}
    model.compile(optimizer or keras.optimizers.Adam(0.01), **about)
    return model


def line(optimizer, inputs=3):
    """Linear regression: its curvature, and so the largest rate, is known."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(optimizer, loss="mse")
    return model


def everything(model):
    """All that training changes, random states included."""
    now = state.of(model)
    drawn = [np.asarray(part) for part in keras.tree.flatten(now["random"])]
    return [*now["model"], *now["optimizer"], *now["metrics"], *drawn]


def same(a, b):
    return len(a) == len(b) and all(map(np.array_equal, a, b))


class Trouble(keras.utils.PyDataset):
    """Batches that draw from what all share; from the eighth on, an error."""

    def __init__(self, error):
        super().__init__()
        self.error, self.given = error, 0

    def __len__(self):
        return 20

    def __getitem__(self, step):
        self.given += 1
        random.random()
        np.random.rand()
        if self.given > 8:
            raise self.error
        return X[:50] + step, Y[:50]


# Every backend does these in a process of its own; the tests below ask for what they found.


def in_all():
    lost = lost_weights() if keras.backend.backend() == "jax" else {}
    return {**left_alone(), **accumulated(), **without_targets(), **lost}


def left_alone():
    """Whether model, optimizer, metrics and random states are as before, however it ended."""
    found, model = {}, build()
    model.fit(X, Y, batch_size=50, verbose=0)  # so that nothing is at its start
    before = everything(model)
    rates = finders.find_learning_rate(model, X, Y, batch_size=50, steps=40)
    found["suggested"] = np.array(rates.suggested or np.nan)
    found["after a test"] = same(before, everything(model))
    for error in (RuntimeError("broken"), KeyboardInterrupt()):
        with contextlib.suppress(type(error)):
            finders.find_learning_rate(model, Trouble(error))
            found["after nothing"] = False
        found[f"after a {type(error).__name__}"] = same(before, everything(model))
    out_of_memory(model, above=2)
    sizes = finders.find_batch_size(model, X, Y, memory_limit=2**60)
    found |= {"sizes": np.array(sizes.sizes), "limit": np.array(sizes.limit)}
    found["after no memory"] = same(before, everything(model))
    return found


def out_of_memory(model, above):
    """From now on the framework itself runs out of it in the middle of a larger step."""
    step = model.train_on_batch

    def train_on_batch(x, *rest, **about):
        logs = step(x[:above], *(part[:above] for part in rest), **about)
        if len(x) > above and keras.backend.backend() == "tensorflow":
            raise no_memory()  # which TensorFlow says only after it has tried for 10 seconds
        if len(x) > above:
            keras.ops.ones((2**45, len(x)))  # more than any machine has
        return logs

    model.train_on_batch = train_on_batch


def no_memory():
    import tensorflow as tf

    return tf.errors.ResourceExhaustedError(None, None, "failed to allocate memory")


def lost_weights():
    """JAX gives a step the weights' own memory; when it fails, they are gone, and must come back."""
    model = build()
    model.train_on_batch(X[:1], Y[:1])
    before, gone, step = everything(model), [], model.train_on_batch

    def train_on_batch(x, *rest, **about):
        if len(x) > 1:
            for variable in [*model.variables, *model.optimizer.variables]:
                variable.value.delete()
            gone.append(model.variables[0].value.is_deleted())
            model._jax_state_synced = False
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate")
        return step(x, *rest, **about)

    model.train_on_batch = train_on_batch
    finders.find_batch_size(model, X, Y, memory_limit=2**60)
    return {"gone": np.array(gone), "after a loss": same(before, everything(model))}


def accumulated():
    """Weights after three updates: by 32 examples, by 4 x 8 accumulated, by 4 x 8 one by one."""
    makers = {"sgd": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
              "adam": lambda: keras.optimizers.Adam(0.01)}  # fmt: skip
    found: dict = {}
    x = np.random.default_rng(1).normal(size=(96, 3)).astype("float32")
    y = x @ np.array([[1.0], [-2.0], [0.5]], "float32") + 1
    for name, make in makers.items():
        for how, optimizer, size in (
            ("at once", make(), 32),
            ("accumulated", finders.accumulate(make(), 4), 8),
            ("one by one", make(), 8),
        )[: 3 if name == "sgd" else 2]:
            model = line(optimizer)
            model.set_weights([np.array([[0.3], [0.2], [-0.4]])])
            model.fit(x, y, batch_size=size, shuffle=False, verbose=0)
            found[f"{name} {how}"] = model.get_weights()[0]
    return found


def without_targets():
    """A GPT makes its targets itself."""
    keras.utils.set_random_seed(1)
    model = gpt.GPT(gpt.GPTConfig(vocab_size=7, context_length=8, num_layers=1, num_heads=1,
                                  embed_dim=8))  # fmt: skip
    model.compile(optimizer=keras.optimizers.Adam(1e-3), jit_compile="auto")
    tokens = np.tile(np.arange(8) % 7, (40, 1)).astype("int32")
    rates = finders.find_learning_rate(model, tokens, batch_size=20, steps=20, high=0.3)
    return {"gpt": np.array(rates.suggested or np.nan)}


def check(found):
    left = {name: bool(value) for name, value in found.items() if name.startswith("after")}
    assert len(left) == 4 and all(left.values()), left
    assert found["sizes"].tolist() == [1, 2] and found["limit"] == "memory"
    assert 1e-4 < found["suggested"] < 1 and 1e-4 < found["gpt"] < 0.3
    for name in ("sgd", "adam"):
        once = found[f"{name} at once"]
        np.testing.assert_allclose(found[f"{name} accumulated"], once, rtol=2e-6, atol=2e-6)
    assert np.abs(found["sgd one by one"] - found["sgd at once"]).max() > 1e-2


@pytest.mark.slow
def test_on_tensorflow():
    check({name: np.array(value) for name, value in in_all().items()})


@pytest.mark.slow
@pytest.mark.parametrize("backend", OTHERS)
def test_on_other_backends(backend):
    found = backends.run(backend, in_all)
    assert backend != "jax" or (found["gone"].all() and found.pop("after a loss"))
    check(found)


# The learning rate


def test_rates_grow_evenly_and_the_suggestion_is_a_tenth_of_the_best():
    rates = finders.find_learning_rate(shared(), X, Y, low=1e-5, high=0.1, steps=41)
    assert rates.rates[0] == pytest.approx(1e-5) and rates.rates[-1] == pytest.approx(0.1)
    np.testing.assert_allclose(np.diff(np.log(rates.rates)), np.log(1e4) / 40, rtol=1e-6)
    best = rates.rates[int(np.argmin(rates.smoothed))]
    assert rates.suggested == pytest.approx(best / 10, rel=0.05)
    assert rates.blew_up_at is None and len(rates.losses) == 41


@functools.cache
def shared():
    """One model for all tests that do not change it (which the tests above prove)."""
    return build()


def test_it_ends_where_the_loss_explodes_and_suggests_less_than_that():
    """Gradient descent on a parabola of curvature L is stable up to a rate of 2 / L."""
    x = np.random.default_rng(2).normal(size=(320, 3)).astype("float32") * [1.0, 2.0, 3.0]
    y = x.sum(1, keepdims=True)
    largest = 2 / np.linalg.eigvalsh(2 * x.T @ x / len(x)).max()
    model = line(keras.optimizers.SGD(0.01))
    rates = finders.find_learning_rate(model, x, y, low=1e-5, high=1e4, steps=120)
    assert len(rates.rates) < 110 and largest < rates.blew_up_at < 20 * largest
    assert largest / 50 < rates.suggested < largest
    assert "explodes" in rates.finding


def test_a_loss_that_never_falls_gives_no_suggestion():
    x = np.ones((64, 3), "float32")
    model = line(keras.optimizers.SGD(0.01))
    y = model.predict(x, verbose=0)  # it is perfect already
    rates = finders.find_learning_rate(model, x, y, high=1e-2, steps=20)
    assert rates.suggested is None and "lowers the loss" in repr(rates)
    rates = finders.find_learning_rate(model, x, y + 1, low=1e3, high=1e9, steps=20)
    assert rates.suggested is None and "smaller `low`" in repr(rates)


def test_noise_is_not_taken_for_a_fall():
    draw, rates = np.random.default_rng(3), np.geomspace(1e-6, 1, 100)

    def suggested(losses):
        return finders._suggestion(rates, losses, finders.smooth(losses))

    noise = draw.normal(2.3, 0.1, size=(300, 100))
    assert np.mean([suggested(row) is not None for row in noise]) < 0.05
    fall = 0.5 / (1 + np.exp(-(np.arange(100) - 60) / 5))
    assert np.mean([suggested(row - fall) is not None for row in noise]) > 0.95


def test_smooth_moves_no_bend_and_keeps_the_mean():
    values = np.r_[np.zeros(20), 1.0, np.zeros(20)]
    even = finders.smooth(values)
    assert even.argmax() == 20 and even[20] < 0.3
    assert even.sum() == pytest.approx(1) and np.allclose(even, even[::-1])
    assert np.allclose(finders.smooth(np.full(9, 3.0)), 3)
    assert len(finders.smooth([1.0])) == 1
    assert finders.smooth([1.0, np.nan, 1.0])[1] == 1  # of its neighbours only


def test_training_afterwards_is_the_same_as_without_the_test():
    results = []
    for test in (True, False):
        model = build(run_eagerly=True)
        if test:
            finders.find_learning_rate(model, X[:64], Y[:64], steps=10)
        model.fit(X[:96], Y[:96], verbose=0)
        results.append(everything(model))
    assert same(*results)


def test_a_model_that_is_not_built_and_data_of_all_kinds():
    import tensorflow as tf

    x = X[:64]
    for data in (
        tf.data.Dataset.from_tensor_slices((x, Y[:64])).batch(16),
        lambda epoch: [(x[i : i + 16], Y[i : i + 16]) for i in range(0, 64, 16)],
    ):
        model = keras.Sequential([keras.layers.Dense(2)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("sgd", loss=loss, run_eagerly=True)
        assert finders.find_learning_rate(model, data, steps=12, high=10.0).rates
    assert model.built


def test_windows_of_tokens():
    data = batches.Windows(np.arange(100) % 7, 8, batch_size=4, steps=3)
    feed = finders._endless(data)
    given = [next(feed) for _ in range(7)]  # goes on into further epochs
    assert {x.shape for x, _ in given} == {(4, 8)}
    assert not np.array_equal(given[0][0], given[3][0])


def test_only_full_batches_are_fed():
    feed = finders._endless(batches.of(X[:50], Y[:50], 16, 0, "x"))
    assert {len(next(feed)[0]) for _ in range(10)} == {16}


def test_accumulating_takes_several_batches_a_rate(monkeypatch):
    model, seen = build(finders.accumulate("adam", 3), run_eagerly=True), []
    monkeypatch.setattr(
        model, "train_on_batch", lambda x, *rest, **about: seen.append(len(x)) or {"loss": 1.0}
    )
    rates = finders.find_learning_rate(model, X, Y, steps=10)
    assert len(seen) == 30 and len(rates.rates) == 10


def test_scaled_losses_too():
    model = build(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01)), run_eagerly=True)
    model.fit(X[:32], Y[:32], verbose=0)
    before = everything(model)
    assert finders.find_learning_rate(model, X, Y, steps=10).rates[-1] == pytest.approx(1)
    assert same(before, everything(model))


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"low": 0.1, "high": 0.1}, "low must be above 0 and below high"),
        ({"low": 0.0}, "low must be above 0"),
        ({"steps": 9}, "10 or more"),
        ({"batch_size": 500}, "too few for one batch of 500"),
        ({"x": np.full((64, 6), np.nan, "float32"), "y": Y[:64]}, "not finite"),
    ],
)
def test_what_cannot_be_is_told(about, words):
    with pytest.raises(ValueError, match=words):
        finders.find_learning_rate(shared(), **{"x": X, "y": Y, **about})


def test_a_loss_that_is_no_number_from_the_start():
    model = build(loss=lambda y, p: keras.ops.mean(p) * float("nan"), run_eagerly=True)
    with pytest.raises(ValueError, match="not a number at the first step"):
        finders.find_learning_rate(model, X, Y)


def test_models_that_are_not_ready_are_told():
    with pytest.raises(ValueError, match="not compiled"):
        finders.find_learning_rate(keras.Sequential([keras.layers.Dense(1)]), X, Y)
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
    with pytest.raises(ValueError, match="compile the model with a number"):
        finders.find_learning_rate(build(keras.optimizers.Adam(schedule)), X, Y)


def test_an_interrupt_while_the_model_is_put_back_waits():
    done = []
    with pytest.raises(KeyboardInterrupt), finders._uninterrupted():
        signal.raise_signal(signal.SIGINT)
        done.append("put back")
    assert done and signal.getsignal(signal.SIGINT) == signal.default_int_handler


def test_a_generator_that_the_block_made_is_forgotten():
    keras.utils.set_random_seed(3)
    first = keras.ops.convert_to_numpy(keras.random.uniform((3,)))
    keras.utils.set_random_seed(3)
    with finders.random_kept():
        keras.random.uniform((5,))
        np.random.rand()
    assert np.array_equal(keras.ops.convert_to_numpy(keras.random.uniform((3,))), first)


# The batch size


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(finders, "_clear_memory", lambda: None)  # takes a while, 3,000 times


def fits(largest, error=MemoryError):
    """A step that runs out of memory above a size, and notes what it was asked for."""

    def step(size):
        step.asked.append(size)
        if size > largest:
            raise error("out of memory") if isinstance(error, type) else error

    step.asked = []
    return step


def test_every_size_from_1_to_300_is_found_exactly(quick):
    for largest in range(1, 301):
        sizes = finders.find_batch_size(fits(largest))
        assert sizes.largest == largest and sizes.limit == "memory"
        assert sizes.sizes == tuple(sorted(set(sizes.sizes))) and max(sizes.sizes) == largest
        assert len(sizes.sizes) == len(sizes.examples_per_second) <= 18


def test_other_bounds_are_held(quick):
    for low, high, largest in ((3, 100, 50), (3, 100, 100), (7, 7, 9), (5, 97, 96), (1, 1, 1)):
        step = fits(largest)
        sizes = finders.find_batch_size(step, low=low, high=high)
        assert sizes.largest == min(largest, high)
        assert sizes.limit == ("high" if largest >= high else "memory")
        assert min(step.asked) == low and max(step.asked) <= high


def test_no_memory_for_one_example_is_told():
    with pytest.raises(MemoryError, match="not even a batch of 1 fits in memory"):
        finders.find_batch_size(fits(0))
    with pytest.raises(MemoryError, match="a smaller `low`"):
        finders.find_batch_size(fits(3), low=4)


def kinds_of_error():
    import tensorflow as tf

    torch = type("OutOfMemoryError", (RuntimeError,), {})
    xla = type("XlaRuntimeError", (RuntimeError,), {})
    return [
        (MemoryError(), True),
        (no_memory(), True),
        (tf.errors.InternalError(None, None, "CUDA_ERROR_OUT_OF_MEMORY: out of memory"), True),
        (torch("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (xla("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8 bytes."), True),
        (RuntimeError("shapes do not match"), False),
        (tf.errors.InvalidArgumentError(None, None, "indices out of range"), False),
        (ValueError("out of memory"), False),
        (KeyError("RESOURCE_EXHAUSTED"), False),
    ]


def test_only_want_of_memory_is_taken_for_it(quick):
    for error, memory in kinds_of_error():
        step = fits(5, error)
        if memory:
            assert finders.find_batch_size(step).largest == 5, error
        else:
            with pytest.raises(type(error)):
                finders.find_batch_size(step)


class Clock:
    """Time that only a step spends; stands for the module `time`."""

    now = 0.0

    def perf_counter(self):
        return self.now


def timed(monkeypatch, seconds):
    clock = Clock()
    monkeypatch.setattr(finders, "time", clock)

    def step(size):
        clock.now += seconds(size)

    return step


def test_the_smallest_of_nearly_the_best_throughput_is_suggested(monkeypatch):
    step = timed(monkeypatch, lambda size: 0.001 * (1 + size / 64))
    sizes = finders.find_batch_size(step)
    speed = {size: 1000 * size / (1 + size / 64) for size in sizes.sizes}
    assert sizes.sizes == tuple(2**i for i in range(13))
    np.testing.assert_allclose(sizes.examples_per_second, list(speed.values()), rtol=1e-6)
    # 512 reaches 56.9 examples a millisecond, 256 only 51.2, and 4096 reaches 63.
    assert sizes.suggested == 512 and sizes.largest == 4096


def test_time_ends_the_search(monkeypatch):
    step = timed(monkeypatch, lambda size: 1.0 * size)
    sizes = finders.find_batch_size(step, seconds=100)
    assert sizes.limit == "time" and 8 <= sizes.largest <= 32
    assert "time ended the search" in repr(sizes)


def test_on_a_processor_it_stops_before_the_limit(monkeypatch):
    memory = SimpleNamespace(now=100)
    monkeypatch.setattr(finders, "_memory", lambda: memory.now)
    asked = []

    def step(size):
        asked.append(size)
        memory.now = 100 + 10 * size

    sizes = finders.find_batch_size(step, memory_limit=1000)
    assert sizes.largest == max(asked) == 90  # the system would have ended us at 91
    assert sizes.limit == "memory_limit" and "memory limit" in repr(sizes)


def test_memory_that_no_one_foresaw_counts_too(monkeypatch):
    memory = SimpleNamespace(now=0)
    monkeypatch.setattr(finders, "_memory", lambda: memory.now)

    def step(size):
        memory.now = 100 if size < 20 else 5000

    monkeypatch.setattr(finders, "_clear_memory", lambda: step(1))
    sizes = finders.find_batch_size(step, memory_limit=1000)
    assert sizes.largest == 19 and sizes.limit == "memory_limit"
    with pytest.raises(MemoryError, match="raise memory_limit"):
        finders.find_batch_size(step, low=30, memory_limit=1000)


def test_the_memory_of_a_step_is_seen_though_it_is_given_back():
    size = 200 * 2**20
    with finders._Peak(True) as peak:
        before = finders._memory()
        held = np.ones(size, "uint8")
        finders.time.sleep(0.05)
        del held
    assert 0.9 * size < peak.bytes - before < 2 * size


def test_of_a_model_no_batch_is_larger_than_the_data(monkeypatch):
    model, seen = build(run_eagerly=True), []
    monkeypatch.setattr(
        model, "train_on_batch", lambda x, *rest, **about: seen.append(len(x)) or {"loss": 1.0}
    )
    sizes = finders.find_batch_size(model, X[:20], Y[:20])
    assert max(seen) == sizes.largest == 20 and sizes.limit == "data"
    given = [(X[:5], Y[:5])] * 3
    sizes = finders.find_batch_size(
        model, lambda epoch: given, high=30
    )  # repeats what the first batch has
    assert max(seen) == sizes.largest == 30 and sizes.limit == "high"


def test_another_error_leaves_the_model_as_it_was(monkeypatch):
    model = build(run_eagerly=True)
    model.fit(X[:32], Y[:32], verbose=0)
    before, step = everything(model), model.train_on_batch

    def train_on_batch(x, *rest, **about):
        step(x, *rest, **about)
        raise ValueError("shapes")

    monkeypatch.setattr(model, "train_on_batch", train_on_batch)
    with pytest.raises(ValueError, match="shapes"):
        finders.find_batch_size(model, X, Y)
    assert same(before, everything(model))


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"low": 0}, "low is 0"),
        ({"high": 2.5}, "high is 2.5"),
        ({"low": 8, "high": 4}, "must not be above high"),
        ({"memory_limit": 0}, "number of bytes above 0"),
        ({"seconds": 0}, "seconds is 0"),
    ],
)
def test_sizes_that_cannot_be_are_told(about, words):
    with pytest.raises(ValueError, match=words):
        finders.find_batch_size(fits(5), **about)


def test_neither_model_nor_function_is_told():
    with pytest.raises(TypeError, match="one function of the batch size"):
        finders.find_batch_size(fits(5), X)
    with pytest.raises(ValueError, match="not compiled"):
        finders.find_batch_size(keras.Sequential([keras.layers.Dense(1)]), X, Y)


# Accumulating


def test_clipping_is_of_the_mean_gradient():
    weights = []
    x = np.random.default_rng(1).normal(size=(32, 3)).astype("float32")
    for steps, size in ((1, 32), (4, 8)):
        model = line(finders.accumulate(keras.optimizers.SGD(0.1, global_clipnorm=0.5), steps))
        model.fit(x, x.sum(1), batch_size=size, shuffle=False, verbose=0)
        weights.append(model.get_weights()[0])
    np.testing.assert_allclose(*weights, rtol=2e-6)


def test_accumulate_keeps_the_settings():
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
    made = finders.accumulate(keras.optimizers.AdamW(schedule, weight_decay=0.2, beta_1=0.7), 4)
    assert (made.beta_1, made.weight_decay, made.gradient_accumulation_steps) == (0.7, 0.2, 4)
    assert made._learning_rate.get_config() == schedule.get_config()
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(), initial_scale=8.0)
    made = finders.accumulate(scaled, 2)
    assert made.inner_optimizer.gradient_accumulation_steps == 2 and made.initial_scale == 8
    assert finders.accumulate("adam", 1).gradient_accumulation_steps is None


def test_what_cannot_be_accumulated_is_told():
    for steps in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match="1 or more"):
            finders.accumulate("sgd", steps)
    model = line(keras.optimizers.SGD())
    model.optimizer.build(model.trainable_variables)
    with pytest.raises(ValueError, match="has been used"):
        finders.accumulate(model.optimizer, 2)


# How they are shown


@pytest.fixture
def shown(monkeypatch):
    """Figures that were shown, as (title, alt text); `plots.show` refuses unfinished ones."""
    figures, show = [], plots.show

    def look(fig, alt):
        figures.append((fig.axes[0].get_title(loc="left") or fig.axes[0].get_title(), alt))
        show(fig, alt)

    monkeypatch.setattr(plots, "show", look)
    monkeypatch.setattr("IPython.display.display", lambda *things, **about: None)
    plots.use_style()
    return figures


def test_rates_are_drawn_with_their_finding(shown):
    losses = (2.0,) * 50 + tuple(np.linspace(2, 1, 40)) + (1.5, 3.0, 9.0)
    rates = tuple(np.geomspace(1e-6, 1, 93).tolist())
    for suggested, blew_up_at in ((0.003, 1.0), (0.003, None), (None, 1.0), (None, None)):
        found = finders.Rates(rates, losses, losses, suggested, blew_up_at)
        found.plot()
        title, alt = shown[-1]
        assert " ".join(title.split()) == found.finding and found.finding in alt
        assert ("0.003" in title) == (suggested is not None)
    assert list(found.frame().columns) == ["rate", "loss", "smoothed"] and len(found.frame()) == 93


def test_sizes_are_drawn_with_their_finding(shown):
    for limit in ("memory", "memory_limit", "high", "data", "time"):
        found = finders.Sizes((1, 2, 4, 6), (10.0, 19.0, 30.0, 31.0), 6, 4, limit)
        found.plot()
        title, alt = shown[-1]
        assert " ".join(title.split()) == found.finding and "30 with batches of 4" in alt
    assert found.frame()["examples_per_second"].to_dict() == {1: 10, 2: 19, 4: 30, 6: 31}


def test_nothing_heavy_is_imported_with_the_module():
    heavy = "{'tensorflow', 'keras', 'pandas', 'matplotlib', 'sklearn', 'jax', 'torch'}"
    code = f"import sys, helpers.finders; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
