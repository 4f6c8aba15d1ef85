"""helpers.images: the sets from each source, and a reader's picture in whatever state it is."""

from __future__ import annotations

import datetime
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw

from helpers import images, sources
from helpers.tables import DataError

MIRROR = os.environ.get("COURSE_DATA", "")
SMALL, LARGE = (8, 8, 1), (28, 28, 1)


def as_file(image, kind="PNG", **how):
    buffer = io.BytesIO()
    image.save(buffer, kind, **how)
    return buffer.getvalue()


def seven(ink=0, ground=255, size=(120, 160), mode="L"):
    image = Image.new(mode, size, ground)
    line = [(30, 30), (90, 30), (55, 130)]
    ImageDraw.Draw(image).line(line, fill=ink, width=12)
    return image


def photo(size=(240, 200)):
    values = np.random.default_rng(0).integers(0, 255, (5, 6, 3), np.uint8)
    return Image.fromarray(values).resize(size, Image.BICUBIC)


def idx(array):
    shape = b"".join(int(n).to_bytes(4, "big") for n in array.shape)
    return b"\0\0\x08" + bytes([array.ndim]) + shape + array.tobytes()


# --- the sets


def test_the_digits_are_scikit_learns():
    from sklearn.datasets import load_digits

    x, _ = images.digits("sample")
    assert x.shape == (1797, 8, 8, 1) and x.dtype == np.uint8 and x.max() == 255
    assert np.array_equal(np.round(x[..., 0] * (16 / 255)), load_digits().images)
    x[:] = 0  # what a reader does to it reaches nobody else
    assert images.digits("sample").x.any()


@pytest.mark.parametrize("load", [images.mnist, images.fashion_mnist, images.cifar10])
def test_no_sample_is_said_with_a_way_out(load):
    with pytest.raises(sources.Unavailable, match=r"no sample of it ships.*images.digits"):
        load("sample")


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """Twenty pictures to train and ten to test, in the layouts of all three sets."""
    rng, sets = np.random.default_rng(0), []
    for name in ("mnist", "fashion_mnist"):
        (tmp_path / name).mkdir()
        files = []
        for part, rows in (("train", 20), ("t10k", 10)):
            for kind, array in (
                ("images-idx3", rng.integers(0, 256, (rows, 28, 28), np.uint8)),
                ("labels-idx1", np.arange(rows, dtype=np.uint8) % 10),
            ):
                file = tmp_path / name / f"{part}-{kind}-ubyte.gz"
                file.write_bytes(gzip.compress(idx(array)))
                files.append(entry(file, tmp_path))
        sets.append({"name": name, "files": files})
    (tmp_path / "cifar10_jpeg").mkdir()
    files = []
    for part, rows in (("train", 20), ("test", 10)):
        file = tmp_path / "cifar10_jpeg" / f"{part}.parquet"
        colour_table("jpeg", rows).to_parquet(file)
        files.append(entry(file, tmp_path))
    sets.append({"name": "cifar10_jpeg", "files": files})
    (tmp_path / "manifest.json").write_text(json.dumps({"datasets": sets}))
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    return tmp_path


def entry(file, folder):
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return {"path": file.relative_to(folder).as_posix(), "sha256": digest}


def colour_table(column, rows):
    cells = [as_file(photo((32, 32)), "JPEG") for _ in range(rows)]
    cells = [{"bytes": cell} for cell in cells] if column != "jpeg" else cells
    return pd.DataFrame({column: cells, "label": np.arange(rows) % 10})


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
def test_from_a_mirror(mirror, name, capsys):
    found = getattr(images, name)("mirror")
    train, val, test = found
    assert [len(part) for part in (train, val, test)] == [18, 2, 10]
    assert found.test_opened == 1
    assert train.x.dtype == np.uint8 and train.x.ndim == 4
    said = capsys.readouterr().out
    assert "from the mirror (sha256 verified)" in said
    assert found.lossy == (name == "cifar10") == ("loses detail" in said)


def test_a_changed_file_of_labels_is_found(mirror):
    (mirror / "mnist" / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"changed"))
    with pytest.raises(sources.ChecksumError, match="t10k-labels"):
        images.mnist("mirror")


def test_mirror_and_hub_give_equal_pictures():
    shape = (32, 32, 3)
    ours = images._from_table(shape, colour_table("jpeg", 3), "m")
    hub = images._from_table(shape, colour_table("img", 3), "h")
    assert np.array_equal(ours.x, hub.x) and np.array_equal(ours.y, hub.y)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="label"), "no column 'label'"),
        (lambda t: t.rename(columns={"jpeg": "photo"}), "no column 'image'"),
        (lambda t: t.assign(label=[0, 11, 1]), "label 11"),
        (lambda t: t.assign(jpeg=[t["jpeg"][0], b"text", t["jpeg"][0]]), "row 2"),
        (lambda t: t.assign(jpeg=[as_file(photo((31, 32)))] * 3), "31 x 32"),
    ],
)
def test_a_broken_table_is_named(change, message):
    with pytest.raises(DataError, match=message):
        images._from_table((32, 32, 3), change(colour_table("jpeg", 3)), "the file")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no idx file"),
        (b"hello world, this is text", "no idx file"),
        (gzip.compress(idx(np.zeros((3, 4), np.uint8)), mtime=0)[:-9], "cannot be unpacked"),
        (idx(np.zeros((3, 4), np.uint8))[:-1], "promises 12 bytes, has 11"),
    ],
)
def test_a_broken_idx_file_is_named(tmp_path, content, message):
    file = tmp_path / "images.gz"
    file.write_bytes(content)
    with pytest.raises(DataError, match=message):
        images.read_idx(file)


def test_what_keras_has_left_is_used(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setenv("COURSE_SOURCE", "real")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "datasets").mkdir()
    x, y = np.zeros((20, 28, 28), np.uint8), np.arange(20, dtype=np.uint8) % 10
    np.savez(tmp_path / "datasets" / "mnist.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    keras = pytest.importorskip("keras")
    monkeypatch.setattr(keras.datasets.mnist, "load_data", lambda: ((x, y), (x, y)))
    found = images.mnist("real")
    assert found.source == "keras" and found.train.x.shape == (18, 28, 28, 1)
    assert "from keras.datasets" in capsys.readouterr().out


def test_validation_never_changes_and_is_no_part_of_train():
    part = images.Part(np.arange(200, dtype=np.uint8).reshape(200, 1, 1, 1), np.arange(200) % 10)
    train, val = images._divided(part, 50)
    again = images._divided(part, 50)
    assert np.array_equal(val.x, again[1].x) and len(val) == 20
    assert not set(train.x.ravel()) & set(val.x.ravel())


@pytest.mark.real_data
@pytest.mark.skipif(not MIRROR, reason="COURSE_DATA is not set")
def test_the_real_sets(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", MIRROR)
    for load, shape in (
        (images.mnist, (28, 28, 1)),
        (images.fashion_mnist, (28, 28, 1)),
        (images.cifar10, (32, 32, 3)),
    ):
        found = load("mirror")
        assert len(found.train) + len(found.val) in (50_000, 60_000) and len(found.test) == 10_000
        assert found.train.x.shape[1:] == shape and set(found.val.y) == set(range(10))


# --- a picture of one's own


@pytest.mark.parametrize("shape", [SMALL, LARGE])
def test_ink_is_bright_fills_its_box_and_lies_in_the_middle(shape):
    own = images.read(as_file(seven()), shape)
    assert own.x.shape == shape and own.x.dtype == np.uint8 and own.x.max() == 255
    rows, _ = np.nonzero(own.x[..., 0] > 40)
    tall = 8 if shape == SMALL else 20
    assert rows.max() - rows.min() + 1 == tall
    if shape == LARGE:
        mass = own.x[..., 0].astype(float)
        middle = (mass.sum(1) * (np.arange(28) + 0.5)).sum() / mass.sum()
        assert abs(middle - 14) < 1, "the centre of mass is in the middle, as in MNIST"
    assert any("turned to bright on dark" in note for note in own.notes)


def test_colours_sizes_and_kinds_of_file_do_not_matter():
    expected = images.read(as_file(seven()), LARGE).x.astype(int)
    for other in (
        as_file(seven(255, 0)),  # inverted
        as_file(seven("navy", "lightyellow", mode="RGB")),
        as_file(seven(), "JPEG", quality=90),
        as_file(seven(), "GIF"),
        np.asarray(seven()),
        np.asarray(seven(), np.float32) / 255,
        np.asarray(seven(), np.uint16) * 257,  # 16 bits
    ):
        assert np.abs(images.read(other, LARGE).x - expected).mean() < 8


def test_transparent_palette_is_put_on_white():
    clear = Image.new("RGBA", (120, 160), (0, 0, 0, 0))
    ImageDraw.Draw(clear).line([(30, 30), (90, 30), (55, 130)], fill="black", width=12)
    palette = clear.quantize(8)
    assert palette.mode == "P"
    own = images.read(as_file(palette), LARGE)
    assert any("transparent" in note for note in own.notes)
    expected = images.read(as_file(seven()), LARGE).x.astype(int)
    assert np.abs(own.x - expected).mean() < 8


def test_a_colour_photo_is_answered_with_a_warning():
    notes = " ".join(images.read(as_file(photo(), "JPEG"), LARGE).notes)
    assert "looks like a photo" in notes and "colours were dropped" in notes
    assert "photo" not in " ".join(images.read(as_file(seven()), LARGE).notes)


def test_colour_models_get_the_middle_square():
    own = images.read(as_file(photo((300, 100))), (32, 32, 3))
    assert own.x.shape == (32, 32, 3) and not own.notes


def test_a_phone_held_upright():
    lying = seven().rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn by 90 degrees clockwise to see it upright"
    own = images.read(as_file(lying, "JPEG", quality=95, exif=exif), LARGE)
    assert np.abs(own.x.astype(int) - images.read(as_file(seven()), LARGE).x).mean() < 8


BAD = {
    "empty": (b"", "empty"),
    "text": (b"Dear model, please read this.", "is text, whatever its name"),
    "drawing": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    "rubbish": (b"\xff\x00\x9d\x12" * 50, "not a picture"),
    "truncated": (as_file(photo())[:3000], "breaks off"),
    "truncated JPEG": (as_file(photo(), "JPEG")[:1200], "breaks off"),
    "huge": (as_file(Image.new("1", (8000, 5000), 1)), "40 megapixels.*smaller"),
    "absurd": (as_file(Image.new("1", (20_000, 10_000), 1)), "megapixels.*smaller"),
    "tiny": (as_file(Image.new("L", (3, 3))), "only 3 x 3"),
    "blank": (as_file(Image.new("L", (100, 100), 255)), "blank"),
    "black": (as_file(Image.new("L", (100, 100), 0)), "blank"),
    "array of rows": (np.zeros(7), "is no picture"),
    "array not finite": (np.full((20, 20), np.nan), "NaN"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_a_sentence(name):
    picture, words = BAD[name]
    with pytest.raises(images.PictureError, match=words):
        images.read(picture, LARGE)
    said = images.answer(lambda x: np.eye(10)[[0]], picture, images.DIGITS, LARGE)
    assert "\n" not in said and said.endswith(".")
    assert ("damaged" in said) == name.startswith("truncated"), "only that is said which is wrong"


def test_files_are_named_and_folders_refused(tmp_path):
    file = tmp_path / "seven.png"
    file.write_bytes(as_file(seven()))
    assert images.read(file).x.shape == LARGE and images.read(str(file)).x.any()
    with pytest.raises(images.PictureError, match=r"no file eight\.png"):
        images.read(tmp_path / "eight.png")
    with pytest.raises(images.PictureError, match="is a folder"):
        images.read(tmp_path)
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(images.PictureError, match=r"text\.png is text"):
        images.read(tmp_path / "text.png")


def test_the_answer_says_when_it_is_unsure():
    sure = images.answer(lambda x: np.eye(10)[[7]], as_file(seven()), images.DIGITS, LARGE)
    assert sure.startswith("7 (100%)")
    even = images.answer(lambda x: np.full((1, 10), 0.1), as_file(seven()), images.DIGITS, LARGE)
    assert even.startswith("Not sure")


def test_the_page_has_a_picture_with_words_or_a_sentence():
    classify = lambda x: np.eye(10)[[7]]  # noqa: E731
    page = images.page(classify, as_file(seven()), images.DIGITS, LARGE)
    assert 'alt="The picture as the model sees it' in page and "7 (100%)" in page
    assert "<img" not in images.page(classify, b"<b>", images.DIGITS, LARGE)


def test_the_box_draws_uploads_and_clears(monkeypatch):
    widgets = pytest.importorskip("ipywidgets")
    from IPython import display as shown

    pages, seen = [], []

    class Handle:
        def update(self, page):
            pages.append(page.data)

    def display(thing, display_id=False):
        seen.append(thing)
        return Handle() if display_id else None

    monkeypatch.setattr(shown, "display", display)
    monkeypatch.delenv("COURSE_STILL", raising=False)
    images.box(lambda x: np.eye(10)[[7]], as_file(seven()), images.DIGITS, LARGE)
    paper, row = seen[0].children
    read_it, clear, upload = row.children
    read_it.click()
    assert "blank" in pages[-1]
    for i in range(30, 140, 12):
        paper.children[i].value = True
    read_it.click()
    assert "7 (100%)" in pages[-1]
    clear.click()
    assert not any(pen.value for pen in paper.children)
    assert isinstance(upload, widgets.FileUpload)
    file = {"name": "a.png", "type": "image/png", "size": 4, "content": memoryview(b"text")}
    upload.set_trait("value", ({**file, "last_modified": datetime.datetime.now(datetime.UTC)},))
    assert "is text" in pages[-1]
    seen.clear()
    monkeypatch.setenv("COURSE_STILL", "1")
    images.box(lambda x: np.eye(10)[[7]], as_file(seven()), images.DIGITS, LARGE)
    assert len(seen) == 1, "a page that is not running shows the answer only"


# --- pretrained weights, and what was recorded


def test_weights_that_cannot_be_had_are_told_at_once(monkeypatch):
    def reach(address, seconds):
        raise sources.Unavailable("no network")

    monkeypatch.setattr(sources, "reach", reach)
    with pytest.raises(sources.Unavailable, match="could not be had"):
        images.pretrained(lambda: 1 / 0)


def test_weights_that_never_come_are_given_up(monkeypatch):
    import threading

    monkeypatch.setattr(sources, "reach", lambda address, seconds: None)
    never = threading.Event()
    with pytest.raises(sources.Unavailable, match=r"not there within"):
        images.pretrained(never.wait, seconds=0.2)
    never.set()
    with pytest.raises(sources.Unavailable, match="ZeroDivisionError"):
        images.pretrained(lambda: 1 / 0)
    assert images.pretrained(lambda: "a model") == "a model"


def test_recorded_results_hold_what_is_promised():
    found = images.recorded()
    assert set(found) == {"mnist", "fashion_mnist", "cifar10"} and found["cifar10"]["lossy"]
    for one in found.values():
        for system in one["systems"].values():
            assert system["from"] <= system["accuracy"] <= system["to"]
            assert system["seeds"] >= 1 and system["core_seconds"] >= 0
    for name, least in (("mnist", 0.994), ("fashion_mnist", 0.915)):
        systems = found[name]["systems"]
        ours = systems.pop("convolutional")
        assert ours["accuracy"] > max(least, *(s["accuracy"] for s in systems.values()))
        assert np.sum(found[name]["confusion"]) == 10_000


def test_importing_it_is_light():
    code = "import sys, helpers.images; print({'keras', 'PIL', 'sklearn', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "set()", done.stdout + done.stderr
