"""Notebook 20: its shrinker, its reader of tracebacks, its pipelines, its table."""

from __future__ import annotations

import re

import nbformat
import numpy as np
import pytest

from tests.cells import namespace
from tools import notebooks

tf = pytest.importorskip("tensorflow")


@pytest.fixture(scope="module")
def nb():
    return namespace("20")


@pytest.fixture(scope="module")
def book():
    return nbformat.read(notebooks.find("20")[0], as_version=4)


def lines_needed(*needed):
    return lambda lines: all(line in lines for line in needed)


@pytest.mark.parametrize(
    "needed", [(), ("3",), ("0", "19"), ("4", "5", "11"), tuple(map(str, range(20)))]
)
def test_shrink_keeps_what_is_needed_and_nothing_else(nb, needed):
    lines = [str(i) for i in range(20)]
    assert nb.shrink(lines, lines_needed(*needed)) == list(needed)
    assert len(lines) == 20, "the caller's list is left alone"


def test_shrink_goes_on_until_no_single_line_can_go(nb):
    """Line 1 is needed as long as line 2 is there, which is itself not needed."""

    def fails(lines):
        return "bug" in lines and ("user" not in lines or "maker" in lines)

    assert nb.shrink(["maker", "user", "bug"], fails) == ["bug"]


def test_failures_are_told_by_kind_and_words_without_numbers(nb):
    assert nb.failure(["x = 1"]) is None
    assert nb.failure(["1 / 0"]) == "ZeroDivisionError: division by zero"
    first = nb.failure(["raise ValueError('layer dense_12 has 3 axes')"])
    assert first == nb.failure(["raise ValueError('layer dense has 45 axes')"])
    assert first != nb.failure(["raise TypeError('layer dense has 45 axes')"])
    assert nb.failure(["raise ValueError('dense_12')"], whole=True) == "ValueError: dense_12"
    assert nb.failure(["print('quiet')", "this is no Python"]).startswith("SyntaxError")


def test_the_debugger_answers_at_the_place_of_the_error(nb):
    def inner(number):
        secret = number + 1
        return secret / 0

    try:
        inner(41)
    except ZeroDivisionError as error:
        said = nb.post_mortem(error, ["p secret", "up", "p secret"])
    assert "? 42\n" in said and "NameError" in said


def picture(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (8, 8, 1)).astype("float32")


def test_both_ways_of_decoding_are_the_same_and_are_the_mean(nb):
    file = nb.as_png(picture())
    ours, theirs = nb.shrunk_in_python(file), nb.shrunk(file, 7)
    assert ours.shape == (16, 16, 1) and np.abs(ours - theirs[0].numpy()).max() < 1e-5
    assert theirs[1] == 7
    wide = np.asarray(nb.Image.open(nb.io.BytesIO(file)), "float64") / 255
    assert wide.shape == (128, 128)
    assert np.isclose(ours[2, 3, 0], wide[16:24, 24:32].mean(), atol=1e-6)


def piped(nb, files=10, batch=4):
    """The pipelines' own world: ten files, batches of four."""
    for function in (nb.one_by_one, nb.slow_pipeline, nb.parallel_pipeline):
        function.__globals__.update(
            NUM_FILES=files, BATCH_SIZE=batch, files=[nb.as_png(picture(i)) for i in range(files)],
            labels=np.arange(files, dtype="int32"),
        )  # fmt: skip


@pytest.mark.parametrize("which", ["slow", "parallel", "cached"])
def test_pipelines_deliver_each_picture_with_its_label(nb, which):
    piped(nb)
    make = {
        "slow": nb.slow_pipeline,
        "parallel": nb.parallel_pipeline,
        "cached": lambda: nb.parallel_pipeline(cache=True),
    }[which]
    seen = [batch for _, batch in zip(range(6), make(), strict=False)]
    orders = []
    for x, y in seen:
        assert x.shape == (4, 16, 16, 1) and y.shape == (4,)
        orders.append(tuple(y.numpy()))
        for pixels, label in zip(x.numpy(), y.numpy(), strict=True):
            expected = nb.shrunk_in_python(nb.as_png(picture(int(label))))
            assert np.abs(pixels - expected).max() < 1e-5
    first_pass = [label for order in orders[:2] for label in order]
    assert len(set(first_pass)) == 8, "no picture twice in a pass"
    assert len(set(orders)) > 2, "another order in each pass, cached or not"


def test_the_share_of_waiting_is_that_of_the_spans(nb):
    rows = [("wait for input", 3.0), ("train step", 1.0), ("something else", 50.0)]
    events = nb.pd.DataFrame(rows * 2, columns=["name", "duration"])
    assert nb.waiting(events) == pytest.approx(0.75)


def test_dead_units_are_counted(nb):
    nb.share_dead.__globals__["x_train"] = np.ones((3, 64), "float32")
    model = nb.classifier()
    layer = model.get_layer("features")
    kernel = layer.get_weights()[0]
    layer.set_weights([0 * kernel, np.r_[-np.ones(4), np.ones(12)]])
    assert nb.share_dead(model) == pytest.approx(4 / 16)


def test_the_table_is_filtered_by_all_needs(nb):
    nb.serves.__globals__["bench"] = nb.pd.read_csv(
        nb.sources.path("workbench.csv"), keep_default_na=False
    )
    one, two = nb.serves("recognise images"), nb.serves("recognise images", "learn the basics")
    assert "[ImageNet" in one and "[MNIST](https://" in one and "PyTorch" not in one
    assert "[MNIST]" in two and "[ImageNet" not in two
    assert all(line.count("|") == 7 for line in one.splitlines())
    assert "Tick fewer" in nb.serves("translate", "report a bug")


def test_the_swept_notebook_learns_and_reports(nb, tmp_path, monkeypatch):
    """What papermill runs, run here: accuracy far above guessing, written where it is told."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    np.savez(tmp_path / "digits.npz", x=digits.data / 16, y=digits.target)
    monkeypatch.chdir(tmp_path)
    found = {}
    for text in (nb.SETTINGS, nb.TRAIN, nb.REPORT):
        exec(text, found)
    assert 0.6 < found["accuracy"] < 0.97
    assert (tmp_path / "result.json").exists() and "learning_rate" in nb.SETTINGS


@pytest.mark.slow
def test_the_long_training_of_the_notebook_resumes_after_a_kill(book, tmp_path, monkeypatch):
    """The file as it stands in its cell: killed (SIGKILL) in another kernel, ended in a third."""
    from helpers import kernels

    for name in ("counting.py", "long_training.py"):
        [cell] = [c for c in book.cells if c.source.startswith(f"%%writefile {name}")]
        (tmp_path / name).write_text(cell.source.partition("\n")[2], "utf-8")
    whole = int(re.search(r"epochs=(\d+)", (tmp_path / "long_training.py").read_text("utf-8"))[1])
    start = (
        f"import os, sys; os.chdir({str(tmp_path)!r}); sys.path.insert(0, '')\n"
        "os.environ['PAUSE'] = '0.005'; import long_training\n"
    )
    call = "model, history = long_training.train('test-killed', 'cpu')\n"
    with kernels.Kernel(COURSE_HOME=str(tmp_path / "home")) as kernel:
        seen = kernel.run(start + call, seconds=240, until=lambda text: "epoch 2 is" in text)
        assert f"epoch {whole} is done" not in seen.text
        kernel.kill()
        passed = (tmp_path / "test-killed.passed").stat().st_size
        kernel.restart()
        told = "print(history.resumed_from, history.steps, len(history.epochs))"
        reply = kernel.run(start + call + told, seconds=240)
    assert not reply.error
    resumed, steps, epochs = map(int, reply.text.splitlines()[-1].split())
    assert 0 < resumed < steps and epochs == whole
    assert steps // whole * 2 - 1 <= passed < steps and resumed <= passed + 1
    counted = (tmp_path / "test-killed.passed").stat().st_size
    assert counted == passed + steps - resumed, "a byte for each step of both runs"
    again = reply.text.count("is done")
    # Saved on the last step of an epoch, its end is told once more.
    assert again in (whole - resumed * whole // steps, whole - (resumed - 1) * whole // steps)


def test_the_stored_page_names_no_server(book):
    """A frame or an address of a server that is gone must not be stored."""
    for cell in book.cells:
        for output in cell.get("outputs", []):
            text = str(output)
            assert "iframe" not in text.lower() and not re.search(
                r"127\.0\.0\.1|localhost:\d", text
            )


def test_in_colab_it_brings_papermill_without_touching_the_rest(book):
    [cell] = [c for c in book.cells if "papermill ansicolors" in c.source]
    assert "google.colab" in cell.source and "--no-deps" in cell.source
