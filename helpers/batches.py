"""What a model is fed, step by step, in an order that seed, epoch and step alone decide.

So a run that is taken up again at step 120 sees what it would have seen had it never stopped.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from helpers import identity

PLAIN = list | tuple | Mapping | str | bytes
LARGEST_ON_DEVICE = 2**31  # bytes; larger data is fed batch by batch
Batch = tuple  # (x,), (x, y) or (x, y, sample_weight), as Keras takes it


class Arrays:
    """Arrays whose first axis counts the examples, in a new order every epoch.

    Args:
        parts: (x,), (x, y) or (x, y, sample_weight); each an array, or a tuple or dict of arrays.
            A SciPy sparse matrix is fed as dense batches.
        batch_size: examples a step; the last step of an epoch may have fewer.
        seed: with the epoch, it decides the order; None keeps the arrays' own order.
    """

    def __init__(self, parts: Batch, batch_size: int, seed: int | None) -> None:
        self.parts, self.batch_size, self.seed = parts, batch_size, seed
        self.examples = next(leaves(parts)).shape[0]
        self.steps = math.ceil(self.examples / batch_size)
        self._tensors: Batch | None = None

    def whole(self) -> Batch:
        """All examples, as one batch."""
        return self.parts

    def order(self, epoch: int) -> np.ndarray:
        """The examples' numbers in the order of this epoch, (examples,)."""
        if self.seed is None:
            return np.arange(self.examples)
        return np.random.default_rng([self.seed, epoch]).permutation(self.examples)

    def first(self) -> Batch:
        """One batch, to build a model with."""
        return mapped(lambda array: _dense(array[: self.batch_size]), self.parts)

    def batches(self, epoch: int, first: int = 0) -> Any:
        """The batches of an epoch from step `first` on, as `model.fit` takes them."""
        import keras

        sparse = any(_is_sparse(array) for array in leaves(self.parts))
        tensorflow = keras.backend.backend() == "tensorflow" and not sparse
        make = _in_tensorflow if tensorflow else _in_numpy
        return make(self, self.order(epoch), first)

    def fingerprint(self) -> str:
        """Every byte of the data."""
        return identity.of_arrays(stored for leaf in leaves(self.parts) for stored in _stored(leaf))

    def not_finite(self) -> int:
        """How many of the numbers are infinite or not a number."""
        stored = (array.data if _is_sparse(array) else array for array in leaves(self.parts))
        floats = (array for array in stored if array.dtype.kind == "f")
        return sum(int(array.size - np.isfinite(array).sum()) for array in floats)

    def on_device(self) -> bool:
        """Whether a compiled program can cut batches from it: plain numbers, not too many."""
        arrays = list(leaves(self.parts))
        plain = all(not _is_sparse(array) and array.dtype.kind in "biuf" for array in arrays)
        return plain and sum(array.nbytes for array in arrays) <= LARGEST_ON_DEVICE

    def groups(self, epoch: int) -> list[tuple[int, Any]]:
        """The epoch's steps as (first step, rows (steps, batch_size)), those of one size together."""
        order, size = self.order(epoch).astype("int32"), self.batch_size
        full = self.examples // size
        found = [(0, order[: full * size].reshape(full, size))] if full else []
        rest = order[full * size :]
        return [*found, (full, rest[None])] if len(rest) else found

    @staticmethod
    def cut(tensors: Batch, rows: Any) -> Batch:
        """The batch of these rows, of TensorFlow's tensors."""
        import tensorflow as tf

        return mapped(lambda tensor: tf.gather(tensor, rows), tensors)

    def tensors(self) -> Batch:
        """The arrays as TensorFlow's tensors in main memory, made once."""
        import tensorflow as tf

        if self._tensors is None:
            with tf.device("CPU"):
                self._tensors = mapped(tf.convert_to_tensor, self.parts)
        return self._tensors


class Windows:
    """Windows cut from one long row of tokens, each from a place drawn anew.

    A batch is (tokens, the tokens after each), both (batch_size, context_length).

    Args:
        tokens: (length,), whole numbers.
        context_length: tokens a window.
        batch_size: windows a step.
        steps: steps that are called an epoch; with random places there is no pass over the data.
        seed: with the epoch, it decides the places.
        what: its name in messages.

    Raises:
        ValueError: the text is shorter than one window and the token after it, or a size below 1.
    """

    def __init__(
        self,
        tokens: Any,
        context_length: int,
        batch_size: int,
        steps: int,
        seed: int = 0,
        what: str = "tokens",
    ) -> None:
        self.tokens = _one_row(tokens, what)
        sizes = {"context_length": context_length, "batch_size": batch_size, "steps": steps}
        for name, size in sizes.items():
            if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
                raise ValueError(f"{name} is {size!r}; it must be a whole number, 1 or more")
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
            raise ValueError(f"seed is {seed!r}; it must be a whole number, 0 or more")
        if len(self.tokens) <= context_length:
            raise ValueError(
                f"{what}: {len(self.tokens)} tokens are too few for a window of {context_length} "
                "and the token after it: take a longer text or a smaller context_length"
            )
        self.context_length, self.batch_size, self.steps = context_length, batch_size, steps
        self.seed, self.what, self.examples = seed, what, batch_size * steps

    def places(self, epoch: int) -> np.ndarray:
        """Where the windows of an epoch begin, (steps, batch_size)."""
        draw = np.random.default_rng([self.seed, epoch])
        last = len(self.tokens) - self.context_length
        return draw.integers(0, last, (self.steps, self.batch_size), dtype="int32")

    def groups(self, epoch: int) -> list[tuple[int, Any]]:
        """As of `Arrays`."""
        return [(0, self.places(epoch))]

    def on_device(self) -> bool:
        """As of `Arrays`."""
        return self.tokens.nbytes <= LARGEST_ON_DEVICE

    def tensors(self) -> Any:
        """All tokens as one of TensorFlow's tensors."""
        import tensorflow as tf

        return tf.constant(self.tokens)

    def cut(self, tokens: Any, places: Any) -> Batch:
        """The windows that begin at these places, of NumPy's or TensorFlow's tokens."""
        inside = places[:, None] + np.arange(self.context_length + 1, dtype="int32")
        if isinstance(tokens, np.ndarray):
            windows = tokens[inside]
        else:
            import tensorflow as tf

            windows = tf.gather(tokens, inside)
        return windows[:, :-1], windows[:, 1:]

    def first(self) -> Batch:
        """One batch, to build a model with."""
        return self.cut(self.tokens, self.places(0)[0])

    def batches(self, epoch: int, first: int = 0) -> Any:
        """The batches of an epoch from step `first` on, as `model.fit` takes them."""
        import keras

        places, source = self.places(epoch)[first:], self

        class Batches(keras.utils.PyDataset):
            def __len__(self) -> int:
                return len(places)

            def __getitem__(self, step: int) -> Batch:
                return source.cut(source.tokens, places[step])

        return Batches()

    def whole(self) -> Batch:
        """All tokens, as the first of one batch."""
        return (self.tokens[None],)

    def fingerprint(self) -> str:
        """Every token, and how windows are cut."""
        sizes = (self.context_length, self.batch_size, self.steps, self.seed)
        return identity.of_text(f"{sizes} {identity.of_arrays([self.tokens])}")

    def not_finite(self) -> int:
        """Whole numbers always are."""
        return 0


def _one_row(tokens: Any, what: str) -> np.ndarray:
    """Tokens as one row of whole numbers."""
    row = _to_numpy(tokens)
    if row.dtype.kind not in "iu":
        raise ValueError(
            f"{what} holds {row.dtype} values; tokens are whole numbers: encode the text first"
        )
    if row.ndim != 1:
        raise ValueError(
            f"{what} has the shape {row.shape}; give one long row of tokens, from which the windows "
            "are cut. Windows that are cut already go into fit as they are"
        )
    return np.ascontiguousarray(row, dtype="int32")


class Stream:
    """Batches made elsewhere: a `tf.data.Dataset`, a `keras.utils.PyDataset`, a `DataLoader`, ...

    Args:
        make: the batches of an epoch, given its number.
        what: its name in messages.
    """

    def __init__(self, make: Callable[[int], Any], what: str) -> None:
        self._make, self.what = make, what
        data = make(0)
        _refuse_unbatched(data, what)
        self.steps = _length(data, what)
        self._sample = _first_of(data, what)
        self.batch_size = len(next(leaves(self._sample)))

    def first(self) -> Batch:
        """One batch, to build a model with."""
        return self._sample

    def batches(self, epoch: int, first: int = 0) -> Any:
        """The batches of an epoch from step `first` on: those before it are made and dropped."""
        return _skip(self._make(epoch), first)

    def whole(self) -> Batch:
        """The first batch: more of it is not at hand."""
        return self._sample

    def count(self) -> None:
        """Find out by a pass how many batches there are, where the data does not tell."""
        if self.steps is None:
            self.steps = sum(1 for _ in self._make(0))

    def fingerprint(self) -> str:
        """The kind, number, shapes and types of the batches, and the bytes of the first one.

        Raises:
            ValueError: a second pass starts with another batch: no run on it can be taken up again.
        """
        self.count()
        again = list(leaves(_first_of(self._make(0), self.what)))
        before = list(leaves(self._sample))
        if identity.of_arrays(again) != identity.of_arrays(before):
            raise ValueError(
                f"{self.what} gives other batches at each pass, so that a run on it cannot go on "
                "exactly. Shuffle with shuffle(..., seed=0, reshuffle_each_iteration=False), or "
                "pass a function of the epoch that makes the batches (lambda epoch: ...), or "
                "leave `name` out to train without checkpoints."
            )
        return identity.of_text(f"{self.steps} {identity.of_arrays(before)}")

    def not_finite(self) -> int:
        """How many numbers of the first batch are infinite or not a number."""
        floats = (array for array in leaves(self._sample) if array.dtype.kind == "f")
        return sum(int(array.size - np.isfinite(array).sum()) for array in floats)


def of(
    x: Any, y: Any, batch_size: int | None, seed: int | None, what: str
) -> Arrays | Windows | Stream:
    """Arrays or batches, whatever `x` is, checked.

    Raises:
        ValueError: lengths that differ, nothing in it, a batch size below 1, batches of batches.
        TypeError: something that cannot be fed to a model, or not a second time.
    """
    if isinstance(x, Windows):
        if y is not None or batch_size is not None:
            raise ValueError(
                "windows bring their targets and batch size: leave y and batch_size out"
            )
        return x
    if hasattr(x, "column_names") and hasattr(x, "features"):
        x, y = _from_datasets(x, y, what)
    if _is_stream(x):
        if y is not None:
            raise ValueError(f"{what} already gives batches of inputs and targets: leave y out")
        if batch_size is not None:
            raise ValueError(f"{what} is already batched: leave batch_size out, or batch it so")
        return Stream(x if _is_function(x) else lambda epoch: x, what)
    batch_size = 32 if batch_size is None else batch_size
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(f"batch_size is {batch_size!r}; it must be a whole number, 1 or more")
    parts = (arrays(x, what),) if y is None else (arrays(x, what), arrays(y, "y"))
    check_lengths(parts, what)
    for part, name in zip(parts, (what, "y"), strict=False):
        check_finite(part, name)
    return Arrays(parts, batch_size, seed)


def _from_datasets(table: Any, y: Any, what: str) -> tuple[Any, Any]:
    """The numeric columns of a `datasets.Dataset`: inputs, and the column "labels" as targets.

    Raises:
        TypeError: a streaming set, or no column of numbers.
    """
    if not hasattr(table, "__len__"):
        raise TypeError(f"{what} is a streaming dataset: take a part of it first (.take(n))")
    plain = table.with_format("numpy")
    columns = {name: plain[name][:] for name in table.column_names}
    numbers = {
        k: v for k, v in columns.items() if getattr(v, "dtype", np.dtype("O")).kind in "biuf"
    }
    targets = [name for name in ("labels", "label") if name in numbers]
    if targets and y is None:
        y = numbers.pop(targets[0])
    if not numbers:
        raise TypeError(
            f"{what} has no column of equally long numbers (columns: {', '.join(columns)}): encode "
            "the text and cut it into windows first"
        )
    return (next(iter(numbers.values())) if len(numbers) == 1 else numbers), y


def for_validation(data: Any, batch_size: int | None) -> Arrays | Stream:
    """`validation_data`: (x, y), (x, y, sample_weight) or batches; always in its own order."""
    what = "validation_data"
    if isinstance(data, tuple | list) and len(data) in (2, 3):
        parts = tuple(arrays(part, f"{what}[{i}]") for i, part in enumerate(data))
        check_lengths(parts, what)
        return Arrays(parts, batch_size or 32, None)
    if isinstance(data, Windows) or hasattr(data, "column_names"):
        return of(data, None, None, None, what)
    if _is_array(data):
        return Arrays((arrays(data, what),), batch_size or 32, None)
    if not _is_stream(data):
        raise TypeError(f"{what} is a {type(data).__name__}; give (x, y) or a batched dataset")
    return of(data, None, None, None, what)


def arrays(value: Any, what: str) -> Any:
    """One array, or a tuple or dict of arrays, from arrays, tensors, tables or plain numbers."""
    if isinstance(value, Mapping):
        return {key: arrays(item, f"{what}[{key!r}]") for key, item in value.items()}
    several = isinstance(value, list) and value and getattr(value[0], "ndim", 0) > 0
    if isinstance(value, tuple) or several:
        return tuple(arrays(item, f"{what}[{i}]") for i, item in enumerate(value))
    if _is_sparse(value):
        return value.tocsr().astype("float32", copy=False)
    array = value.to_numpy() if hasattr(value, "to_numpy") else _to_numpy(value)
    if array.ndim == 0:
        raise TypeError(f"{what} is a {type(value).__name__}; give an array, one row an example")
    if array.dtype.hasobject and not all(isinstance(v, str | bytes) for v in array.ravel()[:1000]):
        raise TypeError(f"{what} holds Python objects (rows of different lengths?), not numbers")
    return _floatx(array)


def check_lengths(parts: Batch, what: str) -> None:
    """Whether all arrays have as many rows, and one at least."""
    lengths = [array.shape[0] for array in leaves(parts)]
    if not lengths or lengths[0] == 0:
        raise ValueError(f"{what} is empty: there is nothing to learn from")
    if len(set(lengths)) > 1:
        raise ValueError(
            f"{what} and what goes with it have different lengths ({', '.join(map(str, lengths))} "
            "examples): row i of one belongs to row i of the other"
        )


def check_finite(tree: Any, what: str) -> None:
    """Whether all numbers are numbers: one NaN in a batch spoils every weight it touches.

    Raises:
        ValueError: the message names the array and the first row that is not finite.
    """
    for array in leaves(tree):
        values = array.data if _is_sparse(array) else array
        if values.dtype.kind != "f" or np.isfinite(values.sum(dtype="float64")):
            continue
        bad = np.argwhere(~np.isfinite(array.toarray() if _is_sparse(array) else array))
        count = f"{len(bad)} numbers that are" if len(bad) > 1 else "a number that is"
        raise ValueError(
            f"{what} holds {count} not finite (NaN or infinite), the first in row {bad[0][0]}: "
            "mend or drop these rows before training"
        )


def leaves(tree: Any) -> Iterator[np.ndarray]:
    """The arrays of a nest of tuples, lists and dicts; None is left out."""
    if isinstance(tree, Mapping):
        tree = [tree[key] for key in sorted(tree)]
    if isinstance(tree, tuple | list):
        for item in tree:
            yield from leaves(item)
    elif tree is not None:
        yield tree


def mapped(function: Callable, tree: Any) -> Any:
    """The same nest, with the function applied to every array; lists become tuples."""
    if isinstance(tree, Mapping):
        return {key: mapped(function, item) for key, item in tree.items()}
    if isinstance(tree, tuple | list):
        return tuple(mapped(function, item) for item in tree)
    return None if tree is None else function(tree)


# Arrays


def _in_tensorflow(source: Arrays, order: np.ndarray, first: int) -> Any:
    """A tf.data pipeline that gathers each batch by its rows' numbers, ahead of time."""
    import tensorflow as tf

    data, size = source.tensors(), source.batch_size
    even = source.examples % size == 0  # then TensorFlow can know the size of every batch
    numbers = tf.constant(order.reshape(-1, size) if even else order)

    def batch(step: Any) -> Batch:
        rows = numbers[step] if even else numbers[step * size : (step + 1) * size]
        return mapped(lambda tensor: tf.gather(tensor, rows), data)

    options = tf.data.Options()
    # There is nothing in it to optimise, and looking for it takes longer than a step.
    options.experimental_optimization.apply_default_optimizations = False
    pipeline = tf.data.Dataset.range(first, source.steps)
    pipeline = pipeline.map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return pipeline.with_options(options).prefetch(tf.data.AUTOTUNE)


def _in_numpy(source: Arrays, order: np.ndarray, first: int) -> Any:
    """The same for JAX and PyTorch, which copy to the device by themselves."""
    import keras

    size = source.batch_size

    class Batches(keras.utils.PyDataset):
        def __len__(self) -> int:
            return source.steps - first

        def __getitem__(self, step: int) -> Batch:
            rows = order[(first + step) * size : (first + step + 1) * size]
            return mapped(lambda array: _dense(array[rows]), source.parts)

    return Batches()


def _is_sparse(value: Any) -> bool:
    return hasattr(value, "tocsr") and hasattr(value, "nnz")


def _dense(batch: Any) -> Any:
    return batch.toarray() if _is_sparse(batch) else batch


def _stored(array: Any) -> list[np.ndarray]:
    """The arrays that an array, or a sparse matrix, is kept in."""
    return [array.data, array.indices, array.indptr] if _is_sparse(array) else [array]


def _to_numpy(value: Any) -> np.ndarray:
    import keras

    if keras.ops.is_tensor(value):
        return keras.ops.convert_to_numpy(value)
    try:
        return np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise TypeError(f"this is no array: do its rows have different lengths? {error}") from None


def _floatx(array: np.ndarray) -> np.ndarray:
    """Float64, which NumPy makes by default, becomes what Keras works in, as in `model.fit`."""
    import keras

    wanted = keras.config.floatx()
    if array.dtype.kind == "f" and array.dtype.name != wanted and wanted != "bfloat16":
        return array.astype(wanted)
    return array


# Batches made elsewhere


def _is_function(x: Any) -> bool:
    return callable(x) and not hasattr(x, "__iter__")


def _is_array(x: Any) -> bool:
    return hasattr(x, "shape") and hasattr(x, "dtype")


def _is_stream(x: Any) -> bool:
    if hasattr(x, "__next__"):
        raise TypeError(
            "a generator can be read only once, and each epoch reads the data again: pass arrays, "
            "a batched tf.data.Dataset, or a function of the epoch that makes the generator"
        )
    array = hasattr(x, "shape") or hasattr(x, "to_numpy") or isinstance(x, PLAIN)
    return not array and (_is_function(x) or isinstance(x, Iterable) or _is_pydataset(x))


def _is_pydataset(data: Any) -> bool:
    import keras

    return isinstance(data, keras.utils.PyDataset)


def _is_tf_dataset(data: Any) -> bool:
    return hasattr(data, "element_spec") and hasattr(data, "cardinality")


def _refuse_unbatched(data: Any, what: str) -> None:
    """An unbatched tf.data set would train on single examples, or fail much later."""
    if not _is_tf_dataset(data):
        return
    shapes = [spec.shape for spec in leaves(data.element_spec) if hasattr(spec, "shape")]
    known = [shape for shape in shapes if shape.rank is not None]
    firsts = {shape[0] for shape in known if shape.rank} - {None}
    if any(shape.rank == 0 for shape in known) or len(firsts) > 1:
        raise ValueError(
            f"{what} gives single examples, not batches (shapes "
            f"{', '.join(str(tuple(shape)) for shape in known)}): add .batch(32)"
        )


def _length(data: Any, what: str) -> int | None:
    """Batches in a pass, or None where only a pass can tell."""
    if _is_pydataset(data):
        return data.num_batches
    if not _is_tf_dataset(data):
        return len(data) if hasattr(data, "__len__") else None
    length = int(data.cardinality())
    if length == -1:  # tf.data.INFINITE_CARDINALITY
        raise ValueError(f"{what} never ends: say how many batches an epoch has with .take(...)")
    return length if length >= 0 else None


def _first_of(data: Any, what: str) -> Batch:
    indexed = _is_pydataset(data) and data.num_batches
    batch = data[0] if indexed else next(iter(data), None)
    if batch is None:
        raise ValueError(f"{what} is empty: there is nothing to learn from")
    batch = batch if isinstance(batch, tuple | list) else (batch,)
    return mapped(_to_numpy, tuple(batch))


def _skip(data: Any, first: int) -> Any:
    if _is_tf_dataset(data):
        return data.skip(first) if first else data
    if _is_pydataset(data):
        return _later(data, first) if first else data
    rest = itertools.islice(iter(data), first, None)
    return (tuple(batch) if isinstance(batch, list) else batch for batch in rest)


def _later(data: Any, first: int) -> Any:
    """A PyDataset without its first batches, which are not even made."""
    import keras

    class Rest(keras.utils.PyDataset):
        def __len__(self) -> int:
            return data.num_batches - first

        def __getitem__(self, step: int) -> Batch:
            return data[first + step]

        def on_epoch_begin(self) -> None:
            data.on_epoch_begin()

        def on_epoch_end(self) -> None:
            data.on_epoch_end()

    return Rest(
        workers=data.workers,
        use_multiprocessing=data.use_multiprocessing,
        max_queue_size=data.max_queue_size,
    )
