"""What a model is fed: an order that seed, epoch and step alone decide, and clear refusals."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest

from helpers import batches

ROWS = 70
X = np.arange(ROWS * 3, dtype="float32").reshape(ROWS, 3)
Y = np.arange(ROWS)


def joined(found):
    return list(itertools.chain.from_iterable(found))


def tf():
    return pytest.importorskip("tensorflow")


def rows(data):
    """The examples' numbers in each batch, and a check that x and y stayed together."""
    found = []
    count = data.num_batches if isinstance(data, keras.utils.PyDataset) else None
    for batch in data if count is None else (data[i] for i in range(count)):
        x, y = (np.asarray(part) for part in batch)
        assert np.array_equal(x[:, 0], y * 3)
        found.append(y.tolist())
    return found


def source(**about):
    return batches.of(X, Y, about.get("batch_size", 16), about.get("seed", 0), "x")


@pytest.mark.parametrize("make", [batches._in_numpy, batches._in_tensorflow])
def test_every_epoch_gives_every_example_once_in_an_order_of_its_own(make):
    if make is batches._in_tensorflow:
        tf()
    data = source()
    orders = []
    for epoch in range(3):
        found = rows(make(data, data.order(epoch), 0))
        assert [len(batch) for batch in found] == [16, 16, 16, 16, 6]
        orders.append(joined(found))
        assert sorted(orders[-1]) == list(range(ROWS))
    assert orders[0] != orders[1] != orders[2] != list(range(ROWS))


@pytest.mark.parametrize("first", [0, 1, 3, 4])
def test_the_order_depends_on_seed_epoch_and_step_only(first):
    tf()
    whole = rows(batches._in_numpy(source(), source().order(5), 0))
    again = source()
    again.batches(2)  # nothing is left over from another epoch
    for make in (batches._in_numpy, batches._in_tensorflow):
        assert rows(make(again, again.order(5), first)) == whole[first:]
    other = source(seed=1)
    assert rows(batches._in_numpy(other, other.order(5), 0)) != whole


def test_validation_keeps_its_order():
    data = batches.for_validation((X, Y), 32)
    assert joined(rows(data.batches(0))) == list(range(ROWS))


def test_dicts_tuples_lists_tables_and_float64():
    pd = pytest.importorskip("pandas")
    data = batches.of({"a": X.astype("float64"), "b": (Y, Y)}, pd.Series(Y), None, 0, "x")
    (x, y) = data.first()
    assert data.batch_size == 32 and data.steps == 3
    assert x["a"].dtype == "float32" and x["b"][1].shape == (32,) and y.shape == (32,)
    assert batches.of([1.0, 2.0], [0, 1], 1, 0, "x").first()[0].shape == (1,)
    assert batches.of(X, None, None, 0, "x").first()[0].shape == (32, 3)
    assert batches.of(keras.ops.convert_to_tensor(X), None, None, 0, "x").examples == ROWS


@pytest.mark.parametrize(
    "x, y, size, words",
    [
        (X, Y[:-1], 16, "different lengths .70, 69 examples."),
        ({"a": X, "b": X[:5]}, None, 16, "different lengths"),
        (X[:0], Y[:0], 16, "x is empty"),
        (X, Y, 0, "batch_size is 0"),
        (X, Y, 2.5, "batch_size is 2.5"),
        (3.0, None, 16, "x is a float"),
        ([[1], [1, 2]], None, 16, "lengths|inhomogeneous"),
        ((row for row in X), None, None, "a generator can be read only once"),
        ("text", None, None, "x is a str"),
        (X, 7, None, "y is a int"),
    ],
)
def test_what_cannot_be_is_refused_in_words(x, y, size, words):
    with pytest.raises((ValueError, TypeError), match=words):
        batches.of(x, y, size, 0, "x")


@pytest.mark.parametrize("data", [(X, Y[:3]), (X[:0], Y[:0]), (X,), 5])
def test_validation_data_that_cannot_be_is_refused(data):
    with pytest.raises((ValueError, TypeError), match="validation_data"):
        batches.for_validation(data, 16)


def tf_set(n=ROWS):
    return tf().data.Dataset.from_tensor_slices((X[:n], Y[:n]))


@pytest.mark.parametrize("first", [0, 2, 4])
def test_a_batched_set_goes_on_from_any_step(first):
    data = batches.of(tf_set().batch(16), None, None, 0, "x")
    assert data.steps == 5 and data.batch_size == 16
    assert joined(rows(data.batches(1, first))) == list(range(first * 16, ROWS))


class Numbered(keras.utils.PyDataset):
    def __len__(self):
        return 4

    def __getitem__(self, i):
        return X[i * 8 : i * 8 + 8], Y[i * 8 : i * 8 + 8]


class Loader:
    """Like PyTorch's DataLoader: lists, and a new iterator at every pass."""

    def __iter__(self):
        return ([X[i * 8 : i * 8 + 8], Y[i * 8 : i * 8 + 8]] for i in range(4))


@pytest.mark.parametrize("x", [Numbered(), Loader()])
@pytest.mark.parametrize("first", [0, 3])
def test_other_batched_sets_go_on_from_any_step(x, first):
    data = batches.of(x, None, None, 0, "x")
    data.count()
    assert data.steps == 4 and data.batch_size == 8
    assert joined(rows(data.batches(0, first))) == list(range(first * 8, 32))
    assert data.fingerprint() == batches.of(x, None, None, 0, "x").fingerprint()


def test_a_function_of_the_epoch_shuffles_as_it_likes():
    def make(epoch):
        return tf_set().shuffle(ROWS, seed=epoch).batch(16)

    data = batches.of(make, None, None, 0, "x")
    first = rows(data.batches(0))
    assert rows(data.batches(1)) != first == rows(data.batches(0))
    assert rows(data.batches(1, 2)) == rows(data.batches(1))[2:]
    assert data.fingerprint() == batches.of(make, None, None, 0, "x").fingerprint()


def test_a_length_that_only_a_pass_tells():
    data = batches.of(tf_set().filter(lambda x, y: y < 40).batch(16), None, None, 0, "x")
    assert data.steps is None
    data.fingerprint()
    assert data.steps == 3


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda d: d, "single examples, not batches .*add .batch"),
        (lambda d: d.map(lambda x, y: x), None),
        (lambda d: d.batch(16).repeat(), "never ends"),
        (lambda d: d.take(0).batch(16), "x is empty"),
    ],
)
def test_sets_that_cannot_be_fed_are_refused(change, words):
    if words is None:  # rank 1 alone could be batches of numbers: only a model can tell
        batches.of(change(tf_set()), None, None, 0, "x")
        return
    with pytest.raises(ValueError, match=words):
        batches.of(change(tf_set()), None, None, 0, "x")


def test_a_set_that_shuffles_anew_has_no_fingerprint():
    data = batches.of(tf_set().shuffle(ROWS, seed=0).batch(16), None, None, 0, "x")
    with pytest.raises(ValueError, match="reshuffle_each_iteration=False"):
        data.fingerprint()


def test_y_and_batch_size_are_refused_beside_batches():
    with pytest.raises(ValueError, match="leave y out"):
        batches.of(tf_set().batch(4), Y, None, 0, "x")
    with pytest.raises(ValueError, match="leave batch_size out"):
        batches.of(tf_set().batch(4), None, 8, 0, "x")


def test_fingerprints_see_one_changed_number():
    other = X.copy()
    other[-1, -1] += 1
    prints = {batches.of(x, Y, 16, 0, "x").fingerprint() for x in (X, X.copy(), other)}
    assert len(prints) == 2


def test_numbers_that_are_not_finite_are_refused_with_their_row():
    x = X.copy()
    x[3, 1], x[4, 2] = np.nan, np.inf
    with pytest.raises(ValueError, match=r"x holds 2 numbers .* the first in row 3"):
        batches.of(x, Y, 16, 0, "x")
    with pytest.raises(ValueError, match=r"x holds a number that is not finite"):
        batches.of({"a": X, "b": x[:, 2]}, Y, 16, 0, "x")
    with pytest.raises(ValueError, match="y holds"):
        batches.of(X, x[:, 1], 16, 0, "x")


@pytest.mark.parametrize("first", [0, 2])
def test_a_sparse_matrix_is_fed_as_dense_batches(first):
    sparse = pytest.importorskip("scipy.sparse")
    data = batches.of(sparse.csc_matrix(X), Y, 16, 0, "x")
    assert rows(data.batches(1, first)) == rows(
        batches._in_numpy(source(), source().order(1), first)
    )
    assert data.first()[0].shape == (16, 3)
    other = X.copy()
    other[-1, -1] += 1
    made = (sparse.csr_matrix(X), sparse.csr_matrix(other))
    prints = {batches.of(x, Y, 16, 0, "x").fingerprint() for x in made}
    assert len(prints | {data.fingerprint()}) == 2
    with pytest.raises(ValueError, match="different lengths"):
        batches.of(sparse.csr_matrix(X), Y[:-1], 16, 0, "x")
