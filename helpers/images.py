"""Pictures and their labels: digits, MNIST, Fashion-MNIST, CIFAR-10; and a picture of one's own.

All sets come in one shape: whole numbers from 0 to 255, (pictures, height, width, channels), so that
a model that begins by dividing by 255 takes what a camera gives. scikit-learn's digits are real and
installed; the others come from the mirror, from what `keras.datasets` or the Hub have left here, or
by the network. `read` turns a reader's own file into the same shape, or says what is wrong with it.
"""

from __future__ import annotations

import functools
import gzip
import html
import io
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from helpers import runtime, sources
from helpers.tables import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from PIL import Image

DIGITS = tuple("0123456789")
CLOTHES = (
    "T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot",
)  # fmt: skip
THINGS = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
VAL = {"mnist": 5000, "fashion_mnist": 5000, "cifar10": 5000}  # cut from the end of train, mixed
LOSSY = (
    "The mirror's CIFAR-10 is a copy saved as JPEG, which loses detail: figures on it do not compare "
    "with published ones."
)
MOST_PIXELS = 25_000_000  # of a reader's picture; decoded, that is 100 MB
FEWEST_PIXELS = 8  # on a side
KERAS_SECONDS = 1.5  # to reach the server of keras.datasets, once the Hub could not be had


@dataclass(frozen=True, eq=False)
class Part:
    """Pictures with their labels. Unpacks: `x, y = part`.

    Attributes:
        x: (pictures, height, width, channels), uint8, 0 to 255.
        y: (pictures,), int32.
    """

    x: np.ndarray
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.y)

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter((self.x, self.y))


@dataclass(eq=False, repr=False)
class Pictures:
    """A set of pictures in three parts.

    Attributes:
        train: to learn from.
        val: to choose by; cut from train in an order that never changes.
        test: to measure on, once.
        test_opened: how often `test` was taken.
        names: what label 0, 1, ... means.
        source: "installed", "mirror", "keras" or "hub".
        note: one line: what, how many, from where.
        lossy: whether the pictures are a copy that lost detail.
    """

    train: Part
    val: Part
    _test: Part
    names: tuple[str, ...]
    source: str
    note: str
    lossy: bool = False
    test_opened: int = 0

    @property
    def test(self) -> Part:
        """The test part; each time it is taken is counted in `test_opened`."""
        self.test_opened += 1
        return self._test

    def __iter__(self) -> Iterator[Part]:
        return iter((self.train, self.val, self.test))

    def __repr__(self) -> str:
        return f"Pictures(train, val, test): {self.note}"


def digits(source: str = "auto") -> Part:
    """scikit-learn's handwritten digits, all 1,797, in the file's order (Alpaydin and Kaynak 1998).

    8 by 8 pixels; the original's 17 shades from 0 to 16 are spread over 0 to 255. 13 people wrote
    them, one after the other; who wrote which is not recorded.

    Args:
        source: as everywhere; this set is real and installed, so all settings give the same.

    Raises:
        sources.SourceError: `source` is none.
    """
    import numpy as np

    sources.wanted(source)
    found = _digits()
    print(f"Handwritten digits: {len(found.y):,} pictures of 8 x 8, installed with scikit-learn.")
    return Part(found.x.copy(), found.y.astype(np.int32))


@functools.cache
def _digits() -> Part:
    import numpy as np
    from sklearn.datasets import load_digits

    found = load_digits()
    return Part(np.round(found.images * 255 / 16).astype(np.uint8)[..., None], found.target)


def mnist(source: str = "auto") -> Pictures:
    """Handwritten digits, 28 by 28: 60,000 to train and validate, 10,000 to test (LeCun et al. 1998).

    Args:
        source: "auto", "real", "mirror" or "hub"; see `sources.find`. There is no sample.

    Raises:
        sources.Unavailable: nobody has it here, or only the sample is allowed.
        sources.SourceError: a setting is wrong.
        DataError: a file is not as it should be.
    """
    return _real("mnist", source)


def fashion_mnist(source: str = "auto") -> Pictures:
    """Clothes, 28 by 28 in grey, in the layout of MNIST (Xiao et al. 2017). As `mnist`."""
    return _real("fashion_mnist", source)


def cifar10(source: str = "auto") -> Pictures:
    """Ten kinds of animals and vehicles, 32 by 32 in colour (Krizhevsky 2009). As `mnist`.

    50,000 to train and validate, 10,000 to test. The mirror holds a lossy copy: see `lossy`.
    """
    return _real("cifar10", source)


# --- the real sets


class _NoSample(Exception):
    """These sets have none: raised past `sources.find`, which would name it as a way out."""


def _no_sample() -> dict[str, Any]:
    raise _NoSample


def _real(name: str, source: str) -> Pictures:
    spec, names = SETS[name]
    asked, by = sources.wanted(source)
    parts, origin, note = _from_keras_cache(name, asked) or _found(name, asked, by, source)
    print(note)
    train, val = _divided(parts["train"], VAL[name])
    lossy = origin == "mirror" and spec.name.endswith("_jpeg")
    if lossy:
        print(LOSSY)
    return Pictures(train, val, parts["test"], names, origin, note, lossy)


def _found(name: str, asked: str, by: str, source: str) -> tuple[Mapping[str, Part], str, str]:
    spec, _ = SETS[name]
    try:
        found = sources.find(spec, source)
    except (_NoSample, sources.Unavailable) as error:
        if asked == "auto" and (fetched := _by_keras(name)) is not None:
            return fetched
        places = "the mirror, the Hub and keras.datasets do not have it here, and "
        tried = "" if asked == "sample" else places
        raise sources.Unavailable(
            f"{spec.title} ({by}): {tried}no sample of it ships. What to do: {sources.REAL_SET}, "
            "or stay with images.digits(), which every reader has."
        ) from error
    return found.parts, found.source, found.note


def _divided(part: Part, num_val: int) -> tuple[Part, Part]:
    """Train and validation; small sets (in tests) give a tenth."""
    import numpy as np

    num_val = min(num_val, len(part.y) // 10)
    order = np.random.default_rng(0).permutation(len(part.y))
    rows = np.sort(order[num_val:]), np.sort(order[:num_val])
    train, val = (Part(part.x[kept], part.y[kept]) for kept in rows)
    return train, val


# --- files in the layout of MNIST


def read_idx(file: Path) -> np.ndarray:
    """An array from a file in the idx layout, gzipped or not: uint8, in the shape the file gives.

    Raises:
        DataError: it cannot be unpacked, is of another layout, or is shorter than it says.
    """
    import numpy as np

    try:
        content = file.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
    except (OSError, EOFError, ValueError) as error:
        raise DataError(file, f"cannot be unpacked ({error}). Copy it again.") from error
    if len(content) < 8 or content[:3] != b"\0\0\x08":
        raise DataError(
            file, "is no idx file of bytes (it must begin with 00 00 08). Get it again."
        )
    ends = 4 + 4 * content[3]
    shape = tuple(np.frombuffer(content[4:ends], ">u4").astype(int))
    if len(content) - ends != np.prod(shape):
        raise DataError(file, f"promises {np.prod(shape):,} bytes, has {len(content) - ends:,}.")
    return np.frombuffer(content, np.uint8, offset=ends).reshape(shape)


def _read_mnist(file: Path) -> Part:
    """The pictures, and their labels, which lie beside them and are verified by the same manifest."""
    folder, name = file.parent.parent, file.parent.name
    beside = f"{name}/{file.name.replace('images-idx3', 'labels-idx1')}"
    labels = sources.verified(folder, beside, sources.manifest(folder)[name])
    return _part(read_idx(file)[..., None], read_idx(labels), file)


def _part(x: np.ndarray, y: np.ndarray, where: object, num_classes: int = 10) -> Part:
    import numpy as np

    if len(x) != len(y) or not len(y):
        raise DataError(where, f"{len(x):,} pictures and {len(y):,} labels. Get both files again.")
    wrong = np.flatnonzero((np.asarray(y) < 0) | (np.asarray(y) >= num_classes))
    if len(wrong):
        raise DataError(where, f"label {y[wrong[0]]} is none of 0 to 9.", int(wrong[0]) + 1)
    return Part(np.ascontiguousarray(x, np.uint8), np.asarray(y).astype(np.int32))


# --- tables with a picture a row


def _from_table(shape: tuple[int, int, int], frame: pd.DataFrame, where: object) -> Part:
    """The mirror's CIFAR-10 has columns jpeg and label, the Hub's sets image or img and label."""
    import numpy as np

    column = next((c for c in ("jpeg", "image", "img") if c in frame.columns), None)
    if column is None or "label" not in frame.columns:
        there = ", ".join(map(str, frame.columns))
        missing = "label" if column else "image"
        raise DataError(where, f"no column {missing!r}. There is: {there}.")
    x = np.empty((len(frame), *shape), np.uint8)
    for row, cell in enumerate(frame[column]):
        x[row] = _decoded(cell, shape, where, row + 1)
    return _part(x, frame["label"].to_numpy(), where)


def _decoded(cell: Any, shape: tuple[int, int, int], where: object, row: int) -> np.ndarray:
    import numpy as np
    from PIL import Image

    content = cell.get("bytes") if isinstance(cell, Mapping) else cell
    try:
        with Image.open(io.BytesIO(content)) as picture:
            found = np.asarray(picture.convert("L" if shape[-1] == 1 else "RGB"))
    except (OSError, TypeError, SyntaxError) as error:
        raise DataError(
            where, f"the picture cannot be read ({error}). Get it again.", row
        ) from error
    if found.shape[:2] != shape[:2]:
        raise DataError(where, f"the picture is {found.shape[1]} x {found.shape[0]} pixels.", row)
    return found.reshape(shape)


def _read_table(shape: tuple[int, int, int], file: Path) -> Part:
    import pandas as pd

    try:
        frame = pd.read_parquet(file)
    except Exception as error:
        raise DataError(file, f"cannot be read ({error}). Copy it again.") from error
    return _from_table(shape, frame, file)


def _spec(name: str, title: str, hub: sources.Hub) -> sources.DataSet:
    gray = {
        s: f"{name}/{f}-images-idx3-ubyte.gz" for s, f in (("train", "train"), ("test", "t10k"))
    }
    colour = {s: f"cifar10_jpeg/{s}.parquet" for s in ("train", "test")}
    small = name != "cifar10"
    shape = (28, 28, 1) if small else (32, 32, 3)
    return sources.DataSet(
        name=name if small else "cifar10_jpeg",
        title=title,
        mirror=gray if small else colour,
        read=_read_mnist if small else functools.partial(_read_table, shape),
        sample=_no_sample,
        hub=hub,
        from_hub=functools.partial(_from_table, shape),
    )


def _hub(name: str, config: str) -> sources.Hub:
    files = {s: f"{config}/{s}-00000-of-00001.parquet" for s in ("train", "test")}
    return sources.Hub(id=name, config=config, files=files)


SETS = {
    "mnist": (_spec("mnist", "MNIST", _hub("ylecun/mnist", "mnist")), DIGITS),
    "fashion_mnist": (
        _spec(
            "fashion_mnist",
            "Fashion-MNIST",
            _hub("zalando-datasets/fashion_mnist", "fashion_mnist"),
        ),
        CLOTHES,
    ),
    "cifar10": (_spec("cifar10", "CIFAR-10", _hub("uoft-cs/cifar10", "plain_text")), THINGS),
}  # fmt: skip


# --- keras.datasets


# What it leaves in its folder, and what it fetches first.
KERAS_LEAVES = {
    "mnist": "mnist.npz",
    "fashion_mnist": "fashion-mnist/t10k-images-idx3-ubyte.gz",
    "cifar10": "cifar-10-batches-py-target/cifar-10-batches-py/test_batch",
}
KERAS_SERVER = {
    "mnist": "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
    "fashion_mnist": "https://storage.googleapis.com/tensorflow/tf-keras-datasets/t10k-labels-idx1-ubyte.gz",
    "cifar10": "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
}


def _from_keras_cache(name: str, asked: str) -> tuple[Mapping[str, Part], str, str] | None:
    """What earlier work with keras.datasets has left, where no mirror is set."""
    mirrored = os.environ.get("COURSE_DATA", "").strip() or os.environ.get("COURSE_HUB", "").strip()
    home = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()
    if (
        asked not in ("auto", "real")
        or mirrored
        or not (home / "datasets" / KERAS_LEAVES[name]).exists()
    ):
        return None
    return _load_keras(name)


def _by_keras(name: str) -> tuple[Mapping[str, Part], str, str] | None:
    """By the network, from the server that keras.datasets names; None where it does not answer."""
    try:
        sources.reach(KERAS_SERVER[name], KERAS_SECONDS)
    except sources.Unavailable:
        return None
    return _load_keras(name)


def _load_keras(name: str) -> tuple[Mapping[str, Part], str, str] | None:
    import keras

    title = SETS[name][0].title
    try:
        (x, y), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    except Exception:  # cut short, not writable, no network after all: the next source may do
        return None
    shape = (-1, *((32, 32, 3) if name == "cifar10" else (28, 28, 1)))
    parts = {
        "train": _part(x.reshape(shape), y.reshape(-1), f"keras.datasets.{name}"),
        "test": _part(x_test.reshape(shape), y_test.reshape(-1), f"keras.datasets.{name}"),
    }
    count = ", ".join(f"{len(part.y):,} {split}" for split, part in parts.items())
    return parts, "keras", f"{title}: {count}, from keras.datasets."


# --- a picture of one's own


class PictureError(ValueError):
    """A picture that cannot be used. The message says what is wrong and what to do."""


class Own(NamedTuple):
    """A reader's picture as the model gets it.

    Attributes:
        x: (height, width, channels), uint8.
        notes: what was done to it, a sentence each.
    """

    x: np.ndarray
    notes: tuple[str, ...]


def read(picture: Any, shape: Sequence[int] = (28, 28, 1)) -> Own:
    """A file, its bytes or an array, made into what models of the sets above know.

    Grey shapes are taken to be pen on paper: turned to bright on dark, cropped to the ink, and put
    into the middle as the set does it (8 x 8: filling it, as scikit-learn's digits; else a box of
    20 by 20 in 28 by 28 with the centre of mass in the middle, as MNIST). In colour, the largest square
    in the middle is made small.

    Args:
        picture: a path, the bytes of a file, or an array (height, width) or (height, width, 3),
            0 to 255.
        shape: (height, width, channels) wanted.

    Raises:
        PictureError: it is missing, empty, damaged, no picture, too large or too small, or blank.
    """
    image, notes = _opened(picture)
    height, width, channels = shape
    if channels == 3:
        return Own(_middle(image.convert("RGB"), (width, height)), tuple(notes))
    if _coloured(image):
        notes.append("The colours were dropped: the model knows shades of grey only.")
    ink, more = _ink(image)
    notes += more
    fill = (height, width) if height < 16 else (round(height * 20 / 28), round(width * 20 / 28))
    return Own(_placed(ink, (height, width), fill, by_mass=height >= 16)[..., None], tuple(notes))


def _opened(picture: Any) -> tuple[Image.Image, list[str]]:
    """A decoded picture without transparency, upright; and what had to be done for that."""
    import numpy as np
    from PIL import Image, ImageOps

    if isinstance(picture, np.ndarray):
        return _from_array(picture), []
    name, content = _content(picture)
    notes: list[str] = []
    try:
        image = Image.open(io.BytesIO(content))
        _check_size(image, name)
        image.load()
        image = ImageOps.exif_transpose(image)  # a phone held upright says so in the file
    except PictureError:
        raise
    except Image.DecompressionBombError:
        raise PictureError(_too_large(name, "hundreds of")) from None
    except Image.UnidentifiedImageError:
        raise PictureError(_no_picture(name, content)) from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise PictureError(
            f"{name} begins as a picture and then breaks off or is damaged ({error}). Save or "
            "download it again."
        ) from None
    if getattr(image, "n_frames", 1) > 1:
        notes.append("Of a moving picture, the first frame was taken.")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        if image.getextrema()[3][0] < 255:
            notes.append("What was transparent was put on white paper.")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image = _from_array(np.asarray(image, np.float32))
    return image.convert("RGB"), notes


def _content(picture: Any) -> tuple[str, bytes]:
    if isinstance(picture, bytes | bytearray | memoryview):
        name, content = "The picture", bytes(picture)
    else:
        path = Path(picture).expanduser()
        name = path.name or str(path)
        if path.is_dir():
            raise PictureError(f"{name} is a folder. Name one picture in it.")
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise PictureError(
                f"There is no file {name} here. Check the name and the folder."
            ) from None
        except OSError as error:
            raise PictureError(f"{name} cannot be opened ({error.strerror}).") from None
    if not content:
        raise PictureError(f"{name} is empty (0 bytes). Save or upload it again.")
    return name, content


def _check_size(image: Image.Image, name: str) -> None:
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise PictureError(
            _too_large(name, f"{width:,} x {height:,} pixels, {width * height / 1e6:.0f}")
        )
    if min(width, height) < FEWEST_PIXELS:
        raise PictureError(
            f"{name} is only {width} x {height} pixels. Give one of {FEWEST_PIXELS} x "
            f"{FEWEST_PIXELS} or more."
        )


def _too_large(name: str, how_large: str) -> str:
    return (
        f"{name} has {how_large} megapixels, and more than {MOST_PIXELS / 1e6:.0f} are not decoded "
        "here. Make it smaller first: the model looks at less than one thousandth of that anyway."
    )


def _no_picture(name: str, content: bytes) -> str:
    kind = "is not a picture, whatever its name ends in"
    try:
        content[:2000].decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        kind = "is text, whatever its name ends in"
        if b"<svg" in content[:2000]:
            kind = "is an SVG drawing, made of lines and not of pixels"
    return f"{name} {kind}. Give a PNG or JPEG, for instance a screenshot."


def _from_array(values: np.ndarray) -> Image.Image:
    import numpy as np
    from PIL import Image

    values = np.asarray(values)
    values = values[..., 0] if values.ndim == 3 and values.shape[-1] == 1 else values
    if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[-1] != 3):
        raise PictureError(
            f"An array of shape {values.shape} is no picture. Give (height, width), or with 3 "
            "channels (height, width, 3)."
        )
    if min(values.shape[:2]) < FEWEST_PIXELS:
        raise PictureError(f"An array of shape {values.shape} is too small for a picture.")
    if not np.isfinite(values).all():
        raise PictureError("The array holds values that are no numbers (NaN or infinity).")
    values = values.astype(np.float32)
    if values.max() > 255 or values.min() < 0:  # 16 bits, for instance
        values = (values - values.min()) * (255 / max(1e-9, float(np.ptp(values))))
    elif 0 < values.max() <= 1:
        values = values * 255
    return Image.fromarray(np.round(values).astype(np.uint8))


def _coloured(image: Image.Image) -> bool:
    """Whether many pixels are far from grey."""
    import numpy as np

    small = np.asarray(image.convert("RGB").resize((64, 64)), np.int16)
    return bool(np.mean(np.ptp(small, axis=-1) > 40) > 0.02)


def _ink(image: Image.Image) -> tuple[np.ndarray, list[str]]:
    """(height, width) from 0 (paper) to 1 (ink), cropped to the ink; and what was noticed."""
    import numpy as np

    image = image.convert("L")
    if max(image.size) > 512:
        image.thumbnail((512, 512))
    values = np.asarray(image, np.float32) / 255
    low, high = np.quantile(values, [0.002, 0.998])
    if high - low < 0.1:
        raise PictureError("The picture is blank: no pen stroke was found. Write larger or darker.")
    values = np.clip((values - low) / (high - low), 0, 1)
    notes = []
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    if np.median(border) > 0.5:
        values = 1 - values
        notes.append("Dark on bright was turned to bright on dark, as in the training pictures.")
    between = np.mean((values > 0.2) & (values < 0.8))
    if min(image.size) >= 64 and between > 0.3:
        notes.append(
            "This looks like a photo, not like pen on paper. The model will still answer with one "
            "of its classes, and there is no reason to believe it."
        )
    rows, columns = np.nonzero(values > 0.35)
    return values[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1], notes


def _placed(
    ink: np.ndarray, size: tuple[int, int], fill: tuple[int, int], by_mass: bool
) -> np.ndarray:
    """Ink scaled to fit `fill`, put into the middle of `size`: its box, or its centre of mass."""
    import numpy as np
    from PIL import Image

    scale = min(fill[0] / ink.shape[0], fill[1] / ink.shape[1])
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    small = Image.fromarray(np.round(ink * 255).astype(np.uint8)).resize((width, height), Image.BOX)
    small = np.asarray(small, np.float32)
    small = small * (255 / max(1.0, float(small.max())))
    middle = np.array([height / 2, width / 2])
    if by_mass:
        total = small.sum()
        middle[0] = (small.sum(1) * (np.arange(height) + 0.5)).sum() / total
        middle[1] = (small.sum(0) * (np.arange(width) + 0.5)).sum() / total
    top, left = (
        int(np.clip(round(size[i] / 2 - middle[i]), 0, size[i] - small.shape[i])) for i in (0, 1)
    )
    canvas = np.zeros(size, np.uint8)
    canvas[top : top + height, left : left + width] = np.round(small)
    return canvas


def _middle(image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    import numpy as np
    from PIL import Image, ImageOps

    return np.asarray(ImageOps.fit(image, size, Image.LANCZOS), np.uint8)


# --- the box in which a reader draws or uploads


def answer(classify: Callable[[np.ndarray], np.ndarray], picture: Any, names: Sequence[str],
           shape: Sequence[int]) -> str:  # fmt: skip
    """What the model makes of a picture, or what is wrong with it, in sentences.

    Args:
        classify: pictures (n, height, width, channels) to probabilities (n, classes).
        picture: as for `read`.
        names: of the classes.
        shape: (height, width, channels) that the model takes.
    """
    try:
        own = read(picture, shape)
    except PictureError as error:
        return str(error)
    return " ".join([_verdict(classify(own.x[None])[0], names), *own.notes])


def _verdict(said: np.ndarray, names: Sequence[str]) -> str:
    import numpy as np

    first, second = np.argsort(-said)[:2]
    line = f"{names[first]} ({said[first]:.0%}), then {names[second]} ({said[second]:.0%})."
    return line if said[first] >= 0.6 else f"Not sure: {line}"


def box(classify: Callable[[np.ndarray], np.ndarray], start: Any, names: Sequence[str],
        shape: Sequence[int]) -> None:  # fmt: skip
    """Fields to draw on, or to upload a picture to; below, what the model sees and says.

    A static page shows the answer to `start`; `make record` leaves the fields out (COURSE_STILL).

    Args:
        classify, names, shape: as for `answer`.
        start: the picture at the beginning, as for `read`.
    """
    import ipywidgets
    import numpy as np
    from IPython.display import HTML, display

    side, cell = 12, {"width": "22px", "height": "22px", "margin": "0", "padding": "0"}
    places = [f"row {i // side + 1}, column {i % side + 1}" for i in range(side * side)]
    pens = [ipywidgets.ToggleButton(layout=cell, tooltip=place) for place in places]
    paper = ipywidgets.GridBox(pens, layout={"grid_template_columns": f"repeat({side}, 23px)"})
    read_it = ipywidgets.Button(description="Read the drawing")
    clear = ipywidgets.Button(description="Clear")
    upload = ipywidgets.FileUpload(accept="image/*", multiple=False, description="A picture file")
    if not os.environ.get("COURSE_STILL"):
        display(ipywidgets.VBox([paper, ipywidgets.HBox([read_it, clear, upload])]))
    shown = display(HTML(page(classify, start, names, shape)), display_id=True)

    def tell(picture: Any) -> None:
        shown.update(HTML(page(classify, picture, names, shape)))

    def drawn(_: object) -> None:
        ink = np.array([pen.value for pen in pens], np.uint8).reshape(side, side) * 255
        tell(np.kron(np.pad(ink, 1), np.ones((8, 8), np.uint8)))

    def cleared(_: object) -> None:
        for pen in pens:
            pen.value = False

    def uploaded(change: Mapping[str, Any]) -> None:
        for file in change["new"]:
            tell(bytes(file["content"]))

    read_it.on_click(drawn)
    clear.on_click(cleared)
    upload.observe(uploaded, names="value")


def page(classify: Callable[[np.ndarray], np.ndarray], picture: Any, names: Sequence[str],
         shape: Sequence[int]) -> str:  # fmt: skip
    """`answer` as HTML, with the picture as the model sees it."""
    import numpy as np

    # What has the model's own shape is a picture of the set, and is taken as it is.
    as_it_is = isinstance(picture, np.ndarray) and tuple(picture.shape) == tuple(shape)
    try:
        own = Own(picture, ()) if as_it_is else read(picture, shape)
    except PictureError as error:
        return f"<p>{html.escape(str(error))}</p>"
    said = _verdict(classify(own.x[None])[0], names)
    lines = "<br>".join(html.escape(line) for line in (said, *own.notes))
    source = _data_uri(own.x)
    style = "image-rendering:pixelated;width:112px;height:112px"
    alt = f"The picture as the model sees it, {shape[1]} by {shape[0]} pixels. {said}"
    return f'<img alt="{html.escape(alt)}" src="{source}" style="{style}"><p>{lines}</p>'


def _data_uri(x: np.ndarray) -> str:
    import base64

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(x[..., 0] if x.shape[-1] == 1 else x).save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


# --- pretrained weights


def pretrained(build: Callable[[], Any], seconds: float = 20.0) -> Any:
    """What `build` makes, a model whose weights are fetched; given up after `seconds` without a start.

    The server is asked first, with a time limit, because Keras's download would wait for ever.

    Raises:
        sources.Unavailable: the weights are neither here nor to be had in time.
    """
    address = "https://storage.googleapis.com/tensorflow/keras-applications/"
    answers: list[Any] = []

    def make() -> None:
        try:
            answers.append(build())
        except Exception as error:  # told by the one who waits
            answers.append(error)

    try:
        sources.reach(address, sources.HUB_SECONDS)
    except sources.Unavailable as why:
        if "HTTP status" not in str(why):  # an answer, if only "forbidden", is a server
            raise sources.Unavailable(
                "the weights could not be had: their server did not answer (no network?)"
            ) from why
    maker = threading.Thread(target=make, daemon=True)
    maker.start()
    maker.join(seconds)
    if not answers or isinstance(answers[0], Exception):
        why = (
            f"{type(answers[0]).__name__}" if answers else f"not there within {seconds:.0f} seconds"
        )
        raise sources.Unavailable(f"the weights could not be had ({why})")
    return answers[0]


# --- what was recorded


def recorded() -> dict[str, Any]:
    """What the long trainings gave: `images.json`, by data set.

    Raises:
        sources.SourceError: it does not ship.
    """
    return json.loads(sources.path("images.json").read_text(encoding="utf-8"))


def save_recorded(found: Mapping[str, Any]) -> None:
    """Write `images.json`, whole or not at all."""
    with runtime.write_atomically(runtime.shipped() / "images.json") as part:
        text = json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False)
        part.write_text(text + "\n", encoding="utf-8")
