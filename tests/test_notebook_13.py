"""The dialects agree, wrong ones do not, and the extensions are right on every backend."""

from __future__ import annotations

import ast

import backends
import nbformat
import numpy as np
import pytest

from helpers import frameworks
from tests.cells import namespace
from tools import notebooks

NATIVE = {"tensorflow": "tensorflow_steps", "jax": "jax_steps", "torch": "torch_steps"}


@pytest.fixture(scope="module")
def nb():
    return namespace("13")


@pytest.fixture(scope="module")
def text():
    """The text of each function in the notebook, by its name."""
    book = nbformat.read(notebooks.find("13")[0], as_version=4)
    found = {}
    for cell in book.cells:
        if cell.cell_type == "code" and not cell.source.lstrip("# ").startswith("Only Colab"):
            for node in ast.parse(cell.source).body:
                if isinstance(node, ast.FunctionDef):
                    found[node.name] = ast.get_source_segment(cell.source, node)
    return found


@pytest.fixture(scope="module")
def start():
    rng = np.random.default_rng(1)
    return {
        "w1": rng.normal(scale=0.1, size=(64, 128)).astype("float32"),
        "b1": np.zeros(128, "float32"),
        "w2": rng.normal(scale=0.1, size=(128, 10)).astype("float32"),
        "b2": np.zeros(10, "float32"),
        "x": rng.random((10, 128, 64)).astype("float32"),
        "y": rng.integers(0, 10, (10, 128)),
    }


@pytest.fixture(scope="module")
def exact(nb, start):
    double = {k: v.astype("float64") if v.dtype == "float32" else v for k, v in start.items()}
    return nb.numpy_steps(**double, num_steps=frameworks.FEW)


def apart(found, exact):
    return np.abs(found["after"] - exact["after"]).max() / np.abs(exact["after"]).max()


@pytest.mark.parametrize("backend", backends.BACKENDS)
def test_three_ways_to_write_it_agree_on_each_backend(backend, text, start, exact):
    backends.need(backend)
    own = [text[f"{backend}_model"], f"own_model = {backend}_model", text["own_steps"]]
    forgets = text["torch_steps"].replace("w.grad = None", "pass")
    jobs = {"by hand": text[NATIVE[backend]], "Keras": text["keras_steps"],
            "own": "\n".join(own)}  # fmt: skip
    if backend == "torch":
        jobs["forgets to clear"] = forgets
    found = frameworks.run(backend, jobs, **start)
    assert not found.problem
    results = {name: run.results for name, run in found.runs.items()}
    for name in ("by hand", "Keras", "own"):
        assert apart(results[name], exact) < 1e-4, name
    assert results["own"]["norm"] == pytest.approx(last_norm(start), rel=1e-3)
    if backend == "torch":
        assert forgets != text["torch_steps"]
        assert apart(results["forgets to clear"], exact) > 1e-2, "the checkpoint would not see it"


def last_norm(start):
    """Norm of the gradient in the last of the steps, by differences of the weights."""
    nb = namespace("13")
    weights = ("w1", "b1", "w2", "b2")
    at = {k: v.astype("float64") if v.dtype == "float32" else v for k, v in start.items()}
    for step in range(frameworks.FEW - 1):
        at |= one_step(nb, at, step)
    after = one_step(nb, at, frameworks.FEW - 1)
    return np.sqrt(sum(((at[w] - after[w]) ** 2).sum() for w in weights)) / 0.1


def one_step(nb, at, step):
    """The weights after a step on one batch, from the logits' own formula."""
    x, y = at["x"][step % 10], at["y"][step % 10]
    hidden = np.maximum(x @ at["w1"] + at["b1"], 0)
    z = hidden @ at["w2"] + at["b2"]
    p = np.exp(z - z.max(axis=1, keepdims=True))
    dz = (p / p.sum(axis=1, keepdims=True) - np.eye(10)[y]) / len(y)
    dh = dz @ at["w2"].T * (hidden > 0)
    slopes = {"w1": x.T @ dh, "b1": dh.sum(axis=0), "w2": hidden.T @ dz, "b2": dz.sum(axis=0)}
    return {name: at[name] - 0.1 * slope for name, slope in slopes.items()}


def extensions(x, y):
    """Runs on one backend: the notebook's own classes against what Keras has."""
    import tempfile

    import keras
    import numpy as np

    from tests.cells import namespace

    nb = namespace("13")
    layer = nb.LowRank(4, rank=2)
    model = keras.Sequential([keras.Input((x.shape[1],)), layer, keras.layers.Dense(3)])
    model.compile(nb.OwnLion(1e-2), nb.SparseFocal(1.5), metrics=[nb.BalancedAccuracy(3)])
    model.fit(x, y, epochs=2, verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/m.keras")
        again = keras.models.load_model(f"{folder}/m.keras")
    found = {"saved": model.predict(x, verbose=0), "loaded": again.predict(x, verbose=0)}
    found["kept"] = [again.optimizer.beta_2, again.loss.gamma, again.layers[0].rank]
    for name, optimizer in {"own": nb.OwnLion(1e-2), "keras": keras.optimizers.Lion(1e-2)}.items():
        keras.utils.set_random_seed(3)
        other = keras.Sequential([keras.layers.Dense(5, "tanh"), keras.layers.Dense(3)])
        other.compile(optimizer, nb.SparseFocal())
        other.fit(x, y, epochs=3, shuffle=False, verbose=0)
        found[name] = np.concatenate([w.ravel() for w in other.get_weights()])
    logits = x[:, :3]
    library = keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=2.0, from_logits=True)
    found["focal"] = float(nb.SparseFocal()(y, logits)), float(library(np.eye(3)[y], logits))
    metric = nb.BalancedAccuracy(3)
    for part in (slice(0, 7), slice(7, 40), slice(40, None)):
        metric.update_state(y[part], logits[part])
    found["balanced"] = float(metric.result())
    metric.reset_state()
    found["reset"] = float(keras.ops.sum(metric.seen))
    return found


@pytest.mark.parametrize("backend", backends.BACKENDS)
def test_the_extensions_are_right_on_each_backend(backend):
    from sklearn.metrics import balanced_accuracy_score

    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(96, 6)).astype("float32"), rng.integers(0, 3, 96)
    found = backends.run(backend, extensions, x=x, y=y)
    assert np.allclose(found["saved"], found["loaded"], atol=1e-6)
    assert found["kept"] == pytest.approx([0.99, 1.5, 2])
    assert np.allclose(found["own"], found["keras"], atol=1e-6)
    assert found["focal"][0] == pytest.approx(found["focal"][1], rel=1e-5)
    expected = balanced_accuracy_score(y, x[:, :3].argmax(axis=1))
    assert found["balanced"] == pytest.approx(expected, abs=1e-6) and found["reset"] == 0


def test_the_classic_is_as_it_is_printed(nb):
    model = nb.MyModel()
    out = np.asarray(model(np.random.default_rng(0).normal(size=(20, 64)).astype("float32")))
    assert out.shape == (20, 10) and out.min() == 0 and model.dense.activation.__name__ == "relu"


def test_a_missing_framework_is_a_row_of_the_table(nb):
    missing = frameworks.Outcome("jax", problem="not installed: pip install jax")
    assert nb.rows(missing, {}) == [{"framework": "jax", "note": "not installed: pip install jax"}]


@pytest.mark.parametrize(
    ("needs", "names"),
    [(("a phone",), ["TensorFlow"]), (("open weights", "code from papers"), ["PyTorch"]),
     (("tables of numbers", "odd derivatives"), ["scikit-learn", "JAX"])],
)  # fmt: skip
def test_the_advice_names_a_framework_and_the_reason(nb, needs, names):
    said = nb.advise(*needs)
    assert all(f"**{name}**" in said for name in names)
    assert all(nb.NEEDS[need][1] in said for need in needs)


@pytest.mark.parametrize("needs", [(), ("a pony",), ("a phone", "")])
def test_needs_that_are_not_known_get_the_list(nb, needs):
    assert nb.advise(*needs).startswith("Say what you need") and "a phone" in nb.advise(*needs)


def test_the_callback_starts_anew_at_each_training(nb):
    callback = nb.StopWhenFlat(patience=1)
    assert nb.stops_at(callback, [1.0, 2.0, 0.5]) == 1
    assert nb.stops_at(callback, [3.0, 2.0, 1.0]) is None
