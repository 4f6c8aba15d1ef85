"""Open weights: GPT-2 as the Hub keeps it, into our `GPT` and back.

A model on the Hub is a folder: config.json says what it is, model.safetensors (or several such files
and an index) holds its weights, tokenizer.json (or vocab.json and merges.txt) its tokens, and
generation_config.json how it likes to write. Such folders come from the Hub, from the mirror, or from
the reader's disk, and none of them is trusted: everything is checked before a model is made, and
nothing is ever unpickled.
"""

from __future__ import annotations

import contextlib
import csv
import functools
import json
import math
import os
import re
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from helpers import runtime, sources, text

if TYPE_CHECKING:
    import numpy as np

    from helpers import gpt

CONFIG, GENERATION = "config.json", "generation_config.json"
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
TOKENIZER, VOCABULARY, MERGES = "tokenizer.json", "vocab.json", "merges.txt"
# Names without an owner, as people say them.
SHORT = {
    **{f"gpt2{size}": f"openai-community/gpt2{size}" for size in ("", "-medium", "-large", "-xl")},
    "gpt-2": "openai-community/gpt2",
    "distilgpt2": "distilbert/distilgpt2",
}  # fmt: skip

# Their tensors, and the weights of ours that each holds, side by side along its last axis. GPT-2's
# matrices are (inputs, outputs), as Keras has them.
OUTSIDE_BLOCKS = {
    "wte.weight": ("token_embedding/embeddings",),
    "wpe.weight": ("position_embedding/embeddings",),
    "ln_f.weight": ("final_norm/gamma",),
    "ln_f.bias": ("final_norm/beta",),
}
IN_A_BLOCK = {
    "ln_1.weight": ("norm_1/gamma",),
    "ln_1.bias": ("norm_1/beta",),
    "attn.c_attn.weight": ("attention/query/kernel", "attention/key/kernel", "attention/value/kernel"),
    "attn.c_attn.bias": ("attention/query/bias", "attention/key/bias", "attention/value/bias"),
    "attn.c_proj.weight": ("attention/output/kernel",),
    "attn.c_proj.bias": ("attention/output/bias",),
    "ln_2.weight": ("norm_2/gamma",),
    "ln_2.bias": ("norm_2/beta",),
    "mlp.c_fc.weight": ("mlp/up/kernel",),
    "mlp.c_fc.bias": ("mlp/up/bias",),
    "mlp.c_proj.weight": ("mlp/down/kernel",),
    "mlp.c_proj.bias": ("mlp/down/bias",),
}  # fmt: skip
PREFIX = "transformer."  # stands before the names when the model was saved with its output layer
OUTPUT = "lm_head.weight"
BUFFERS = re.compile(r"h\.\d+\.attn\.(masked_)?bias")  # the causal mask, which is no weight

SIZES = {
    "vocab_size": "vocab_size", "n_positions": "context_length", "n_embd": "embed_dim",
    "n_layer": "num_layers", "n_head": "num_heads",
}  # fmt: skip
# What our GPT computes. A field that config.json leaves out has this value by default, except where
# it must be there.
FIXED = {
    "model_type": "gpt2",
    "activation_function": "gelu_new",
    "layer_norm_epsilon": 1e-5,
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "add_cross_attention": False,
}
REQUIRED = (*SIZES, "model_type", "activation_function")

# Bits of a number of each type that the format knows. Weights are of the first three.
BITS = {
    "F32": 32, "F16": 16, "BF16": 16, "F64": 64, "C64": 64, "I64": 64, "U64": 64, "I32": 32,
    "U32": 32, "I16": 16, "U16": 16, "I8": 8, "U8": 8, "BOOL": 8, "F8_E4M3": 8, "F8_E5M2": 8,
    "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
}  # fmt: skip
WEIGHT_TYPES = ("F32", "F16", "BF16")
LARGEST_HEADER = 10_000_000  # that of GPT-2 has 15,000 bytes; the format itself ends at 100 million
LARGEST_JSON = 100_000_000
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib")
OTHERS = (".h5", ".keras", ".msgpack", ".gguf", ".onnx", ".tflite", ".npz", ".zip")
# What a file that is no safetensors file may be, by its first bytes.
BEGINNINGS = {
    b"PK\x03\x04": "a zip archive (PyTorch's pickles are such)",
    b"\x1f\x8b": "a gzip archive",
    b"\x89HDF": "an HDF5 file (of Keras or TensorFlow)",
    b"GGUF": "a GGUF file (of llama.cpp)",
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself",
    **{b"\x80" + bytes([version]): "a pickle, which can run code" for version in range(2, 6)},
}
AGAIN = "Download it again"


class BrokenModel(sources.SourceError):
    """A file of a model that is refused. The message says which, what is wrong, and what to do."""


class NotPublished(sources.SourceError):
    """A model whose weights nobody outside has, or one that this course cannot load."""


@dataclass(frozen=True)
class Found:
    """A folder with a model.

    Attributes:
        folder: where its files are.
        name: of the model, as messages say it.
        source: "folder", "mirror" or "hub".
        root: the folder that links inside it may not leave.
        note: one line for the reader; it holds no path.
    """

    folder: Path
    name: str
    source: str
    root: Path
    note: str


class Tensor(NamedTuple):
    """One tensor of a safetensors file: type, shape, and from which byte of the file to which."""

    file: Path
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


# --- where a model is


def find(
    name_or_folder: str | os.PathLike | Found, source: str = "auto", revision: str = "main"
) -> Found:
    """Look for a model: a folder of that name, else the mirror, else the Hub.

    Args:
        name_or_folder: a folder, or a name on the Hub as "openai-community/gpt2" ("gpt2" will do).
        source: "auto", "real", "mirror", "hub" or "sample" as in `sources.find`; of a model there is
            no sample, so that with "sample" only a folder is used.
        revision: a branch, tag or commit on the Hub.

    Raises:
        sources.Unavailable: neither mirror nor Hub has it here and now.
        NotPublished: a model of data/large_models.csv that has no public weights, or is no GPT-2.
        sources.SourceError: neither a folder nor a name, or a setting is wrong.
    """
    if isinstance(name_or_folder, Found):
        return name_or_folder
    if isinstance(name_or_folder, os.PathLike) or _is_path(name_or_folder):
        return _local(Path(name_or_folder).expanduser())
    name = _checked_name(name_or_folder)
    asked, by = sources.wanted(source)
    places = [place for place in sources.ORDER[asked] if place != "sample"]
    passed = [] if places else ["of a model there is no sample"]
    for place in places:
        try:
            return _PLACES[place](name, revision)
        except sources.Unavailable as why:
            passed.append(str(why))
    allowed = f" ({by})" if asked != "auto" else ""
    raise sources.Unavailable(
        f"{name} is not at hand{allowed}: {'; '.join(passed)}. What to do: connect to the internet "
        "and run this again, put the model into the mirror, or give a folder that holds it."
    )


def _checked_name(name: str) -> str:
    """The name with its owner.

    Raises:
        NotPublished: it cannot be had, and our table of models knows why.
        sources.SourceError: it is no name.
    """
    name = SHORT.get(name.lower(), name)
    _refuse_unpublished(name)
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", name):
        raise sources.SourceError(
            f"{name!r} is no folder here, and no name of the Hub, where names have the form "
            "'owner/model'. Give one of these, for instance 'openai-community/gpt2'."
        )
    return name


def _is_path(name: str) -> bool:
    if not name.strip():
        raise sources.SourceError("the name is empty: give a folder or a name of the Hub")
    spelled = name.startswith((".", "~", os.sep)) or "\\" in name or name.count("/") > 1
    with contextlib.suppress(OSError):  # a name that no file can have
        spelled = spelled or Path(name).exists()
    return spelled or name.lower().endswith((*PICKLES, ".safetensors"))


def _local(folder: Path) -> Found:
    if folder.is_file() or (not folder.exists() and folder.suffix.lower() in PICKLES):
        raise BrokenModel(_not_a_folder(folder))
    if not folder.is_dir():
        raise sources.SourceError(f"There is no folder {folder.name!r} at the path that was given.")
    root, name = folder, folder.name or folder.resolve().name
    if folder.parent.name == "snapshots" and (folder.parent.parent / "blobs").is_dir():
        root = folder.parent.parent  # the Hub's cache: its files are links to ../../blobs
        name = root.name.removeprefix("models--").replace("--", "/")
    return Found(folder, name, "folder", root, f"{name}, from a local folder")


def _not_a_folder(file: Path) -> str:
    if file.suffix.lower() in PICKLES:
        return f"{file.name}: {_why_no_pickle()}"
    return f"{file.name} is a file: give the folder in which it and its {CONFIG} lie."


def _why_no_pickle() -> str:
    return (
        "this is a pickle, or may hold one, and a pickle can run any code when it is opened. Nothing "
        f"is unpickled here. Take the model's {WEIGHTS}, which the Hub has of most models."
    )


def _refuse_unpublished(name: str) -> None:
    """Whether it is a model of our table that cannot be had.

    Raises:
        NotPublished: its weights were never published, or are of another architecture.
    """
    owner, _, model = name.rpartition("/")
    if _plain(model) == "gpt2":
        return
    with open(sources.path("large_models.csv"), encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            same = _plain(row["name"]) == _plain(model)
            if same and _plain(row["organisation"]).startswith(_plain(owner)):
                raise NotPublished(_why_not(row))


def _why_not(row: Mapping[str, str]) -> str:
    model, maker, year = row["name"], row["organisation"], row["date"][:4]
    if row["weights"] == "no":
        return (
            f"The weights of {model} ({maker}, {year}) were never published, so there is no file that "
            "anyone could load. It can be used only where its maker runs it. An open model "
            "to load instead: 'openai-community/gpt2'."
        )
    return (
        f"{model} ({maker}, {year}) has public weights"
        + (", after you agreed to its terms" if row["weights"] == "gated" else "")
        + ", but this loads only models built as GPT-2, such as 'openai-community/gpt2'."
    )


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _from_mirror(name: str, revision: str) -> Found:
    """From the mirror's folder owner/model; files that its manifest lists are verified."""
    mirror = sources.mirror()
    if mirror is None:
        raise sources.Unavailable(sources.NO_MIRROR)
    folder = mirror.joinpath(*name.split("/"))
    files = sources.manifest(mirror).get(name, {})
    if not folder.is_dir() and not files:
        raise sources.Unavailable(f"the mirror in COURSE_DATA has no {name}")
    for file in files:
        sources.verified(mirror, file, files)
    how = "sha256 verified" if files else "its manifest gives no checksums"
    return Found(folder, name, "mirror", folder, f"{name}, from the mirror ({how})")


def _from_hub(name: str, revision: str) -> Found:
    """From a folder in the Hub's layout if COURSE_HUB names one, else the Hub's cache or the Hub."""
    kept = os.environ.get("COURSE_HUB", "").strip()
    if kept:
        folder = Path(kept).expanduser().joinpath(*name.split("/"))
        if not folder.is_dir():
            raise sources.Unavailable(f"the folder in COURSE_HUB has no {name}")
        return Found(folder, name, "hub", folder, f"{name}, from a local copy of the Hub")
    begin = time.monotonic()
    folder, how = _snapshot(name, revision, local=True), "kept on this machine"
    if folder is None:
        left = sources.HUB_SECONDS - (time.monotonic() - begin)
        sources.reach(_address(name, revision), max(1.0, left))
        folder, how = _download(name, revision), "just downloaded"
    return Found(folder, name, "hub", folder.parent.parent, f"{name}, from the Hub ({how})")


_PLACES = {"mirror": _from_mirror, "hub": _from_hub}


def _address(name: str, revision: str) -> str:
    if os.environ.get("HF_HUB_OFFLINE", "").strip().lower() in sources.ON:
        raise sources.Unavailable("HF_HUB_OFFLINE is set, and no copy of it is on this machine")
    endpoint = os.environ.get("HF_ENDPOINT", "").strip().rstrip("/") or "https://huggingface.co"
    return f"{endpoint}/{name}/resolve/{revision}/{CONFIG}"


def _download(name: str, revision: str) -> Path:
    try:
        folder = _snapshot(name, revision, local=False)
    except sources.SourceError:
        raise
    except Exception as error:  # the library lets through those of every layer below it
        raise sources.Unavailable(
            f"the Hub was reached, but the download failed ({type(error).__name__})"
        ) from error
    if folder is None:
        raise BrokenModel(
            f"{name} has no {WEIGHTS} on the Hub. Weights of other formats, such as "
            "pytorch_model.bin, are pickles or not read here: take a model that has it."
        )
    return folder


def _snapshot(name: str, revision: str, local: bool) -> Path | None:
    """The folder with all files of one commit, from the Hub or its cache here; None without weights.

    Only the files that are read are downloaded: beside them a model often has the same weights in
    four other formats.
    """
    get = _getter(name, local)
    config = get(CONFIG, revision)
    if config is None:
        return None
    folder = config.parent
    commit = folder.name  # asked for from here on: the branch may move between two downloads
    tokens = get(TOKENIZER, commit) or (get(VOCABULARY, commit) and get(MERGES, commit))
    weights = bool(get(WEIGHTS, commit))
    if not weights and get(INDEX, commit):
        found = Found(folder, name, "hub", folder.parent.parent, "")
        weights = all([get(file, commit) for file in sorted(set(_shards(found).values()))])
    get(GENERATION, commit)
    return folder if weights and (tokens or not local) else None


def _getter(name: str, local: bool) -> Callable[[str, str], Path | None]:
    """A function of file and revision: the file's path once it is here, None where there is none."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import EntryNotFoundError

    endpoint = os.environ.get("HF_ENDPOINT", "").strip().rstrip("/") or None
    more = {"local_files_only": local, "endpoint": endpoint}

    def get(file: str, revision: str) -> Path | None:
        with contextlib.suppress(EntryNotFoundError):
            return Path(hf_hub_download(name, file, revision=revision, **more))
        return None

    return get


# --- its files, none of which is trusted


def _file(found: Found, name: str) -> Path | None:
    """The path of a file of the model, or None where it is not there.

    Raises:
        BrokenModel: it leads out of the folder, or is no plain file.
    """
    path = found.folder / name
    if not path.exists() and not path.is_symlink():
        return None
    where = f"{found.name}/{name}"
    try:
        real = path.resolve(strict=True)
        kind = real.stat().st_mode
    except (OSError, RuntimeError) as error:
        raise BrokenModel(f"{where} is a link that leads nowhere. {AGAIN}.") from error
    if not real.is_relative_to(found.root.resolve()):
        raise BrokenModel(
            f"{where} is a link to a file outside the model's folder. That file is not read: put a "
            "copy of it into the folder, if it belongs there."
        )
    if not stat.S_ISREG(kind):
        raise BrokenModel(f"{where} is not a file but a folder or a device. {AGAIN}.")
    return real


def _json(found: Found, name: str) -> dict[str, Any]:
    """What a JSON file of the model holds.

    Raises:
        BrokenModel: it is not there, too large, no JSON object, or names a field twice.
    """
    path, where = _file(found, name), f"{found.name}/{name}"
    if path is None:
        raise BrokenModel(f"{where} is not there; a model needs it. {AGAIN}, with all its files.")
    size = path.stat().st_size
    if size > LARGEST_JSON:
        raise BrokenModel(f"{where} has {size:,} bytes, too many for such a file. {AGAIN}.")
    return _parsed(path.read_bytes(), where)


def _parsed(content: bytes, where: str) -> dict[str, Any]:
    if not content.strip():
        raise BrokenModel(f"{where} is empty. {AGAIN}.")
    try:
        found = json.loads(content.decode("utf-8"), object_pairs_hook=_once, parse_constant=_never)
    except (ValueError, RecursionError) as error:
        what = _kind(content) or f"not JSON ({str(error).splitlines()[0]})"
        raise BrokenModel(f"{where} is {what}. {AGAIN}.") from error
    if not isinstance(found, dict):
        raise BrokenModel(f"{where} holds a {type(found).__name__}, not fields by name. {AGAIN}.")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name!r} stands there twice")
        found[name] = value
    return found


def _never(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _kind(content: bytes) -> str:
    """What a file is that should be another, by its first bytes; nothing where they do not tell."""
    start = content.lstrip()[:15].lower()
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
        return "a web page (of an error, or of a network's log-in), not the file itself"
    return next((words for begin, words in BEGINNINGS.items() if content.startswith(begin)), "")


# --- safetensors: eight bytes, a header, the numbers


def read_header(path: str | os.PathLike, where: str = "") -> dict[str, Tensor]:
    """The tensors of a safetensors file by name, its header checked against its length.

    Args:
        path: the file.
        where: what messages call it; its name unless given.

    Raises:
        BrokenModel: it is cut short, no such file, or its header and its length disagree.
    """
    path = Path(path)
    where, size = where or path.name, path.stat().st_size
    with open(path, "rb") as file:
        start = file.read(64)
        length = int.from_bytes(start[:8], "little")
        _check_length(start, length, size, where)
        file.seek(8)
        header = _parsed(file.read(length), f"the header of {where}")
    notes = header.pop("__metadata__", {})
    if not isinstance(notes, dict) or not all(isinstance(v, str) for v in notes.values()):
        raise BrokenModel(f"the header of {where} has a __metadata__ that is no text. {AGAIN}.")
    found = {name: _tensor(path, name, about, 8 + length, where) for name, about in header.items()}
    _check_tiling(found, 8 + length, size, where)
    return found


def _check_length(start: bytes, length: int, size: int, where: str) -> None:
    if size == 0:
        raise BrokenModel(f"{where} is empty. {AGAIN}.")
    kind = _kind(start)
    if size < 8:
        raise BrokenModel(f"{where} is {kind or f'cut short: it has {size} bytes'}. {AGAIN}.")
    if 2 <= length <= min(size - 8, LARGEST_HEADER) and start[8:9] == b"{":
        return
    if kind:
        todo = "Run 'git lfs pull' in its folder" if "LFS" in kind else AGAIN
        raise BrokenModel(f"{where} is {kind}. {todo}, or take the model from elsewhere.")
    if length > size - 8:
        raise BrokenModel(
            f"{where} is cut short, or no safetensors file: its first 8 bytes announce a header of "
            f"{length:,} bytes, and {size - 8:,} follow. {AGAIN}."
        )
    if length > LARGEST_HEADER:
        raise BrokenModel(
            f"{where} has a header of {length:,} bytes; more than {LARGEST_HEADER:,} are not read. "
            f"That of GPT-2 has some thousands. {AGAIN}."
        )
    raise BrokenModel(f"{where} is no safetensors file: no header follows its length. {AGAIN}.")


def _tensor(path: Path, name: str, about: Any, data: int, where: str) -> Tensor:
    """One entry of the header.

    Raises:
        BrokenModel: a field is missing or of a wrong kind, or the bytes are not those of the shape.
    """
    if len(name) > 200 or not name.isprintable():
        raise BrokenModel(f"{where}: a tensor is named {name[:40]!a}, which is no name. {AGAIN}.")
    if not isinstance(about, dict) or set(about) != {"dtype", "shape", "data_offsets"}:
        raise BrokenModel(f"{where}: {name} has other fields than dtype, shape and data_offsets.")
    dtype, shape, offsets = about["dtype"], about["shape"], about["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BITS:
        raise BrokenModel(f"{where}: {name} is of the type {dtype!r}, which is not known here.")
    if not (_wholes(shape) and len(shape) <= 8 and _wholes(offsets) and len(offsets) == 2):
        raise BrokenModel(f"{where}: shape or offsets of {name} are not whole numbers from 0 on.")
    start, end = offsets
    needed = math.prod(shape) * BITS[dtype] // 8
    if end - start != needed:
        raise BrokenModel(
            f"{where}: {name} of shape {tuple(shape)} in {dtype} needs {needed:,} bytes, and its "
            f"offsets {start:,} to {end:,} are {end - start:,}. {AGAIN}."
        )
    return Tensor(path, dtype, tuple(shape), data + start, data + end)


def _wholes(values: Any) -> bool:
    return isinstance(values, list) and all(type(v) is int and 0 <= v < 2**63 for v in values)


def _check_tiling(tensors: Mapping[str, Tensor], data: int, size: int, where: str) -> None:
    """Whether the tensors fill the file from the header to its end, without gap or overlap."""
    at = data
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1].start):
        if tensor.end > size:
            raise BrokenModel(
                f"{where} is cut short: {name} ends at byte {tensor.end:,}, and the file has "
                f"{size:,}. {AGAIN}."
            )
        if tensor.start != at:
            what = "overlaps the one before it" if tensor.start < at else "leaves a gap before it"
            raise BrokenModel(f"{where}: {name} {what} (byte {tensor.start:,}). {AGAIN}.")
        at = tensor.end
    if at != size:
        raise BrokenModel(
            f"{where} has {size - at:,} bytes after its last tensor that the header does not name. "
            f"{AGAIN}."
        )


def read_tensor(tensor: Tensor) -> np.ndarray:
    """Its numbers in float32, whatever they are stored in.

    Raises:
        BrokenModel: it is of another type than F32, F16 and BF16, or the file was cut meanwhile.
    """
    import numpy as np

    if tensor.dtype not in WEIGHT_TYPES:
        raise BrokenModel(f"{tensor.file.name} holds {tensor.dtype}, not {_or(WEIGHT_TYPES)}.")
    stored = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}[tensor.dtype]
    count = math.prod(tensor.shape)
    with open(tensor.file, "rb") as file:
        file.seek(tensor.start)
        numbers = np.fromfile(file, stored, count)
    if len(numbers) != count:
        raise BrokenModel(f"{tensor.file.name} was cut short while it was read. {AGAIN}.")
    if tensor.dtype == "BF16":  # the upper half of a float32
        numbers = (numbers.astype("uint32") << 16).view("float32")
    return numbers.astype("float32", copy=False).reshape(tensor.shape)


# --- the weights of a folder


def tensors(name_or_folder: str | os.PathLike | Found, source: str = "auto") -> dict[str, Tensor]:
    """All tensors of a model by the names in its files, from one file or from all its shards.

    Raises:
        BrokenModel: a file is missing or damaged, or is a pickle.
    """
    found = find(name_or_folder, source)
    path = _file(found, WEIGHTS)
    if path is not None:
        return read_header(path, f"{found.name}/{WEIGHTS}")
    if _file(found, INDEX) is None:
        raise BrokenModel(_no_weights(found))
    return _sharded(found)


def _no_weights(found: Found) -> str:
    names = sorted(path.name for path in found.folder.iterdir())
    pickles = [name for name in names if Path(name).suffix.lower() in PICKLES]
    others = [name for name in names if Path(name).suffix.lower() in OTHERS]
    if pickles:
        return f"{found.name}/{pickles[0]}: {_why_no_pickle()}"
    if others:
        return f"{found.name}/{others[0]} is of a format that is not read here: take its {WEIGHTS}."
    return f"{found.name}/{WEIGHTS} is not there. {AGAIN}, with all its files."


def _shards(found: Found) -> dict[str, str]:
    """From the index, the file of each tensor; each is a plain name of a safetensors file."""
    where = f"{found.name}/{INDEX}"
    places = _json(found, INDEX).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise BrokenModel(
            f"{where} has no weight_map, which names the file of each tensor. {AGAIN}."
        )
    for name, file in places.items():
        if not isinstance(file, str) or not re.fullmatch(r"\w[\w.-]*", file):
            raise BrokenModel(
                f"{where} sends {name} to {file!r}, which is no plain file name. Files outside the "
                "model's folder are not read: take this model from elsewhere."
            )
        if not file.endswith(".safetensors"):
            why = (
                _why_no_pickle() if Path(file).suffix.lower() in PICKLES else "it is not read here"
            )
            raise BrokenModel(f"{where} sends {name} to {file}: {why}")
    return places


def _sharded(found: Found) -> dict[str, Tensor]:
    """Tensors of all shards, found to be exactly where the index says."""
    places, all_of_them = _shards(found), {}
    for file in sorted(set(places.values())):
        path = _file(found, file)
        if path is None:
            raise BrokenModel(
                f"{found.name}/{file} is not there, though {INDEX} names it. {AGAIN}."
            )
        inside = read_header(path, f"{found.name}/{file}")
        listed = {name for name, place in places.items() if place == file}
        for name in sorted(listed ^ set(inside)):
            what = "has no" if name in listed else f"holds what {INDEX} does not say, the"
            raise BrokenModel(f"{found.name}/{file} {what} tensor {name}. {AGAIN}, all of it.")
        all_of_them |= inside
    return all_of_them


# --- the map


def names(num_layers: int) -> dict[str, tuple[str, ...]]:
    """Each tensor of GPT-2, without prefix, and the weights of ours that it holds side by side."""
    found = dict(OUTSIDE_BLOCKS)
    for i in range(num_layers):
        for theirs, ours in IN_A_BLOCK.items():
            found[f"h.{i}.{theirs}"] = tuple(f"block_{i}/{name}" for name in ours)
    return found


def shape_of(theirs: str, config: gpt.GPTConfig) -> tuple[int, ...]:
    """The shape that a tensor of GPT-2 has for this configuration."""
    width, middle = config.embed_dim, config.mlp_dim
    outside = {
        "wte.weight": (config.vocab_size, width),
        "wpe.weight": (config.context_length, width),
    }
    inside = {
        "attn.c_attn.weight": (width, 3 * width), "attn.c_attn.bias": (3 * width,),
        "attn.c_proj.weight": (width, width), "mlp.c_fc.weight": (width, middle),
        "mlp.c_fc.bias": (middle,), "mlp.c_proj.weight": (middle, width),
    }  # fmt: skip
    kind = theirs.split(".", 2)[2] if theirs.startswith("h.") else theirs
    return {**outside, **inside}.get(kind, (width,))


def weights_by_name(model: gpt.GPT) -> dict[str, Any]:
    """The variables of our model, by the names that `names` uses."""
    return {variable.path.split("/", 1)[1]: variable for variable in model.weights}


def read_config(name_or_folder: str | os.PathLike | Found, source: str = "auto") -> gpt.GPTConfig:
    """What config.json says, as our configuration.

    Raises:
        BrokenModel: a field is missing, is no number, or asks for what our GPT does not compute.
    """
    from helpers import gpt

    found = find(name_or_folder, source)
    where, fields = f"{found.name}/{CONFIG}", _json(found, CONFIG)
    missing = [name for name in REQUIRED if name not in fields]
    if missing:
        raise BrokenModel(
            f"{where} lacks {_or(missing, 'and')}: it is no GPT-2's, or not whole. {AGAIN}."
        )
    for name, ours in FIXED.items():
        value = fields.get(name, ours)
        if value != ours or type(value) is not type(ours):
            raise BrokenModel(
                f"{where}: {name} is {value!r}, and only {ours!r} is computed here, so that its "
                "weights would give wrong numbers. Take a model built as GPT-2."
            )
    sizes = {ours: fields[name] for name, ours in SIZES.items()}
    try:
        return gpt.GPTConfig(**sizes, mlp_dim=fields.get("n_inner"), style="gpt2", tied=True)
    except (ValueError, TypeError) as error:
        told = {ours: name for name, ours in SIZES.items()} | {"mlp_dim": "n_inner"}
        words = re.sub(r"\w+", lambda word: told.get(word[0], word[0]), str(error))
        raise BrokenModel(f"{where}: {words}. {AGAIN}.") from error


def _plan(found: Found, config: gpt.GPTConfig) -> dict[str, Tensor]:
    """The file's tensors under the names of `names`, every one of them checked.

    Raises:
        BrokenModel: one is missing, too many, or of a wrong shape or type.
    """
    there = _without_prefix(found, tensors(found))
    layers = {int(name.split(".")[1]) for name in there if re.match(r"h\.\d{1,6}\.", name)}
    # Compared first: a config of a billion layers must not become a billion names.
    if len(layers) != config.num_layers or layers != set(range(config.num_layers)):
        raise BrokenModel(
            f"{found.name}: {CONFIG} says n_layer {config.num_layers}, and the weights are of "
            f"{len(layers)} layers. These files do not belong together: download both again."
        )
    expected = names(config.num_layers)
    if OUTPUT not in there and not _json(found, CONFIG).get("tie_word_embeddings", True):
        raise BrokenModel(
            f"{found.name}: {CONFIG} says that the output has a matrix of its own "
            f"(tie_word_embeddings), and the tensor {OUTPUT} is missing. {AGAIN}, with all its files."
        )
    for name in expected:
        if name not in there:
            raise BrokenModel(
                f"{found.name}: the tensor {name} is missing. {AGAIN}, with all its files."
            )
        _check_tensor(found, name, there[name], shape_of(name, config))
    for name in sorted(set(there) - set(expected)):
        if name == OUTPUT:
            _check_tensor(found, name, there[name], shape_of("wte.weight", config))
        elif not BUFFERS.fullmatch(name):
            raise BrokenModel(
                f"{found.name}: there is a tensor {name}, which GPT-2 does not have. {AGAIN}."
            )
    return {name: t for name, t in there.items() if not BUFFERS.fullmatch(name)}


def _without_prefix(found: Found, there: Mapping[str, Tensor]) -> dict[str, Tensor]:
    plain: dict[str, Tensor] = {}
    for name, tensor in there.items():
        short = name.removeprefix(PREFIX)
        if short in plain:
            raise BrokenModel(f"{found.name}: {short} is there twice, with {PREFIX!r} and without.")
        plain[short] = tensor
    return plain


def _check_tensor(found: Found, name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    where = f"{found.name}/{tensor.file.name if tensor.file.suffix else WEIGHTS}: {name}"
    if tensor.shape != shape:
        turned = " It is turned over: GPT-2's matrices are (inputs, outputs)." * (
            tensor.shape == shape[::-1]
        )
        raise BrokenModel(
            f"{where} has the shape {tensor.shape}, and {CONFIG} asks for {shape}.{turned} These "
            "files do not belong together: download both again."
        )
    if tensor.dtype not in WEIGHT_TYPES:
        raise BrokenModel(
            f"{where} holds {tensor.dtype} numbers; weights are {_or(WEIGHT_TYPES)}. Take the model "
            "in one of these."
        )


def _check_values(found: Found, plan: dict[str, Tensor]) -> None:
    """Whether all numbers are finite, and the output layer, where there is one, is tied.

    Raises:
        BrokenModel: they are not.
    """
    import numpy as np

    for name, tensor in plan.items():
        numbers = read_tensor(tensor)
        # The sum of a finite float32 array is finite in float64: one pass, and no second array.
        if not np.isfinite(numbers.sum(dtype="float64")):
            bad = int(numbers.size - np.isfinite(numbers).sum())
            raise BrokenModel(
                f"{found.name}: {name} is not sound (NaN or infinite: {bad:,} of its {numbers.size:,} "
                "numbers). The model was damaged or its training failed: take another copy of it."
            )
        if name == OUTPUT and not np.array_equal(numbers, read_tensor(plan["wte.weight"])):
            raise BrokenModel(
                f"{found.name}: {OUTPUT} differs from wte.weight. In GPT-2 they are one matrix, and "
                "models in which they are two are not loaded here."
            )


# --- loading and saving


def load_gpt2(
    name_or_folder: str | os.PathLike | Found = "openai-community/gpt2",
    *,
    source: str = "auto",
    revision: str = "main",
    dtype: Any = None,
    dropout: float = 0.0,
    bytes_per_token: float | None = None,
) -> gpt.GPT:
    """A GPT-2 from the Hub, the mirror or a folder, as our `GPT`. One line says which.

    All files are checked before the model is made; of a damaged one there is no half-filled model.

    Args:
        name_or_folder: as in `find`, or what that gave.
        source, revision: as in `find`.
        dtype: as of a Keras layer: "bfloat16" halves the memory. The global policy unless given.
        dropout: for training it further; GPT-2 was trained with 0.1.
        bytes_per_token: as in `GPTConfig`.

    Raises:
        sources.Unavailable: it is not at hand.
        BrokenModel: a file is damaged, or asks for what this does not do; the message names it.
    """
    from helpers import gpt

    found = find(name_or_folder, source, revision)
    config = gpt.sized(read_config(found), dropout=dropout, bytes_per_token=bytes_per_token)
    plan = _plan(found, config)
    _check_values(found, plan)
    model = gpt.GPT(config, **({} if dtype is None else {"dtype": dtype}))
    _fill(model, {name: functools.partial(read_tensor, tensor) for name, tensor in plan.items()})
    kinds = "/".join(sorted({tensor.dtype for tensor in plan.values()}))
    print(f"{found.note}: {model.count_params():,} parameters, stored in {kinds}.")
    return model


def _fill(model: gpt.GPT, read: Mapping[str, Callable[[], np.ndarray]]) -> None:
    """Put their tensors into our weights, one at a time, so that few are in memory twice."""
    import numpy as np

    ours = weights_by_name(model)
    for theirs, parts in names(model.config.num_layers).items():
        pieces = np.split(read[theirs](), len(parts), axis=-1)
        for name, piece in zip(parts, pieces, strict=True):
            ours.pop(name).assign(np.ascontiguousarray(piece))
    if ours:
        raise RuntimeError(f"weights that nothing was put into: {', '.join(ours)}")


def save_gpt2(
    model: gpt.GPT,
    folder: str | os.PathLike,
    tokenizer: text.Tokenizer | None = None,
    *,
    dtype: str = "float32",
    shard_bytes: int | None = None,
) -> Path:
    """Write our model as the Hub keeps a GPT-2, for `load_gpt2` and for every other program.

    Args:
        model: of style "gpt2", tied.
        folder: is made; files of these names in it are replaced.
        tokenizer: as for `save_tokenizer`, which writes its files.
        dtype: "float32" or "float16".
        shard_bytes: at most so many bytes of weights in a file; all in one unless given.

    Raises:
        ValueError: a model of another architecture, a type that is not written, or weights that are
            not finite in it.
    """
    fields = _config_json(model.config, dtype, tokenizer)
    folder = Path(folder)
    _write_weights(folder, _their_weights(model, dtype), shard_bytes)
    if tokenizer is not None:
        save_tokenizer(tokenizer, folder)
    ends = {"bos_token_id": fields["bos_token_id"], "eos_token_id": fields["eos_token_id"]}
    _write_json(folder / GENERATION, ends)
    _write_json(folder / CONFIG, fields)
    return folder


def _their_weights(model: gpt.GPT, dtype: str) -> dict[str, np.ndarray]:
    import keras
    import numpy as np

    ours, found = weights_by_name(model), {}
    for theirs, parts in names(model.config.num_layers).items():
        arrays = [keras.ops.convert_to_numpy(ours[name]) for name in parts]
        found[PREFIX + theirs] = np.concatenate(arrays, axis=-1).astype(dtype)
        if not np.isfinite(found[PREFIX + theirs]).all():
            raise ValueError(f"{theirs} holds numbers that are not finite in {dtype}")
    return found


def _config_json(config: gpt.GPTConfig, dtype: str, tokenizer: text.Tokenizer | None) -> dict:
    wanted = {
        "positions": "learned", "norm": "layer", "activation": "gelu", "bias": True, "tied": True,
        "num_kv_heads": config.num_heads,
    }  # fmt: skip
    for name, value in wanted.items():
        if getattr(config, name) != value:
            raise ValueError(f"{name} is {getattr(config, name)!r}; GPT-2 has {value!r}")
    if dtype not in ("float32", "float16"):
        raise ValueError(f"dtype is {dtype!r}; weights are written in float32 or float16")
    end = None if tokenizer is None else tokenizer.end
    own = {name: getattr(config, ours) for name, ours in SIZES.items()}
    drops = dict.fromkeys(("attn_pdrop", "embd_pdrop", "resid_pdrop"), config.dropout)
    return {
        "architectures": ["GPT2LMHeadModel"], **FIXED, **own, "n_inner": config.mlp_dim, **drops,
        "tie_word_embeddings": True, "dtype": dtype, "bos_token_id": end, "eos_token_id": end,
    }  # fmt: skip


def _write_weights(folder: Path, weights: dict[str, np.ndarray], shard_bytes: int | None) -> None:
    from safetensors.numpy import save_file

    groups = list(_groups(weights, shard_bytes))
    files = [WEIGHTS]
    if len(groups) > 1:
        files = [f"model-{i:05}-of-{len(groups):05}.safetensors" for i in range(1, len(groups) + 1)]
    for file, group in zip(files, groups, strict=True):
        with runtime.write_atomically(folder / file) as part:
            save_file({name: weights[name] for name in group}, part, metadata={"format": "pt"})
    for old in (WEIGHTS, INDEX):  # of an earlier model, which would be read in place of this one
        if old not in files:
            (folder / old).unlink(missing_ok=True)
    if len(groups) > 1:
        places = {name: file for file, group in zip(files, groups, strict=True) for name in group}
        total = {"total_size": sum(array.nbytes for array in weights.values())}
        _write_json(folder / INDEX, {"metadata": total, "weight_map": places})


def _groups(weights: Mapping[str, np.ndarray], shard_bytes: int | None) -> Iterator[list[str]]:
    group: list[str] = []
    size = 0
    for name, array in weights.items():
        if group and shard_bytes is not None and size + array.nbytes > shard_bytes:
            yield group
            group, size = [], 0
        group.append(name)
        size += array.nbytes
    yield group


def _write_json(path: Path, content: Mapping) -> None:
    with runtime.write_atomically(path) as part:
        part.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


# --- tokens


class HubTokenizer(text.Tokenizer):
    """Byte-pair encoding with the ids that a file gives: GPT-2's own, or of its kind.

    As everywhere in the course, no text is ever encoded as a special token: "<|endoftext|>" in a
    document stays thirteen characters, and cannot end it.

    Args:
        vocabulary: ids of the tokens, written as in `text.byte_characters`.
        merges: pairs of tokens, the most important first.
        special: ids of the tokens that stand for no text; the first is `end`.

    Raises:
        ValueError: ids with gaps, a byte without a token, or a merge of unknown tokens.
    """

    kind = "hub"

    def __init__(
        self,
        vocabulary: Mapping[str, int],
        merges: Iterable[Sequence[str]],
        special: Mapping[str, int],
    ) -> None:
        super().__init__()
        self.special = dict(special)
        self.vocabulary = {name: i for name, i in vocabulary.items() if name not in self.special}
        self.merges = [tuple(pair) for pair in merges]
        self._pieces = _pieces(self.vocabulary, self.special)
        _check_merges(self.vocabulary, self.merges)
        self._library = _library(self.vocabulary, self.merges)

    @property
    def vocab_size(self) -> int:
        """Special tokens included."""
        return len(self._pieces)

    def _encode(self, texts: list[str]) -> list[list[int]]:
        found = self._library.encode_batch_fast(texts, add_special_tokens=False)
        return [encoding.ids for encoding in found]

    def _bytes(self, token: int) -> bytes:
        return self._pieces[token]

    def _state(self) -> dict[str, Any]:
        return {"vocabulary": self.vocabulary, "merges": self.merges, "special": self.special}

    @classmethod
    def _from_state(cls, state: dict[str, Any]) -> Self:
        return cls(state["vocabulary"], state["merges"], state["special"])


text.KINDS[HubTokenizer.kind] = HubTokenizer  # so that text.Tokenizer.load reads what it saved


def load_tokenizer(
    name_or_folder: str | os.PathLike | Found = "openai-community/gpt2",
    *,
    source: str = "auto",
    revision: str = "main",
) -> HubTokenizer:
    """The tokenizer of a model, from tokenizer.json, else from vocab.json and merges.txt.

    Raises:
        sources.Unavailable: it is not at hand.
        BrokenModel: a file is damaged, cuts text in another way than GPT-2 does, or has more tokens
            than the model.
    """
    found = find(name_or_folder, source, revision)
    file, parts = _tokenizer_parts(found)
    where = f"{found.name}/{file}"
    try:
        tokenizer = HubTokenizer(*parts)
    except (ValueError, TypeError, AttributeError) as error:
        raise BrokenModel(f"{where}: {error}. {AGAIN}.") from error
    known = read_config(found).vocab_size if _file(found, CONFIG) else tokenizer.vocab_size
    if tokenizer.vocab_size > known:
        raise BrokenModel(
            f"{where} has {tokenizer.vocab_size:,} tokens, and the model knows {known:,}. They do "
            "not belong together: download both again."
        )
    return tokenizer


def _tokenizer_parts(found: Found) -> tuple[str, tuple[dict, list, dict]]:
    """The file that was read, and its vocabulary, merges and special tokens."""
    if _file(found, TOKENIZER) is not None:
        return TOKENIZER, _from_tokenizer_json(found)
    if _file(found, VOCABULARY) is not None and _file(found, MERGES) is not None:
        return VOCABULARY, _from_two_files(found)
    raise BrokenModel(
        f"{found.name} has neither {TOKENIZER} nor {VOCABULARY} with {MERGES}. {AGAIN}, with all "
        "its files."
    )


def _from_tokenizer_json(found: Found) -> tuple[dict, list, dict]:
    """Vocabulary, merges and special tokens of a tokenizer.json."""
    where, content = f"{found.name}/{TOKENIZER}", _json(found, TOKENIZER)
    model, cut = content.get("model"), content.get("pre_tokenizer")
    if not isinstance(model, dict) or not isinstance(model.get("vocab"), dict):
        raise BrokenModel(f"{where} has no model with a vocab. {AGAIN}.")
    as_gpt2 = (
        model.get("type", "BPE") == "BPE"
        and isinstance(cut, dict) and cut.get("type") == "ByteLevel"
        and not cut.get("add_prefix_space") and cut.get("use_regex", True)
        and not content.get("normalizer")
        and not any(model.get(name) for name in (
            "dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback",
            "ignore_merges"))
    )  # fmt: skip
    if not as_gpt2:
        raise BrokenModel(f"{where} does not cut text as GPT-2 does. Take a model built as GPT-2.")
    merges, added = model.get("merges"), content.get("added_tokens") or []
    if not isinstance(merges, list) or not isinstance(added, list):
        raise BrokenModel(f"{where}: merges or added_tokens are no list. {AGAIN}.")
    special = {}
    for token in added:
        if not (isinstance(token, dict) and token.get("special")):
            raise BrokenModel(f"{where} adds a token that is not special: {token!r:.60}.")
        if not isinstance(token.get("content"), str):
            raise BrokenModel(f"{where} adds a token that is no text: {token!r:.60}.")
        special[token["content"]] = token.get("id")
    return model["vocab"], [m.split(" ") if isinstance(m, str) else m for m in merges], special


def _from_two_files(found: Found) -> tuple[dict, list, dict]:
    """The same from vocab.json and merges.txt: what no merge makes and is no byte is special."""
    vocabulary = _json(found, VOCABULARY)
    try:
        lines = _file(found, MERGES).read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise BrokenModel(f"{found.name}/{MERGES} is no text ({error.reason}). {AGAIN}.") from error
    merges = [line.split(" ") for line in lines if line and not line.startswith("#version")]
    made = {"".join(pair) for pair in merges} | set(text.byte_characters())
    return vocabulary, merges, {name: i for name, i in vocabulary.items() if name not in made}


def save_tokenizer(tokenizer: text.Tokenizer, folder: str | os.PathLike) -> None:
    """Write tokenizer.json, vocab.json and merges.txt: the same tokenizer in both of the Hub's ways.

    Args:
        tokenizer: a `text.BPE` or `HubTokenizer`.
        folder: is made; files of these names in it are replaced.

    Raises:
        ValueError: another kind of tokenizer, which these files cannot hold.
    """
    from tokenizers import AddedToken, decoders

    if not hasattr(tokenizer, "merges"):
        raise ValueError(f"{tokenizer!r} has no merges; only byte-pair encodings are saved so")
    special = {i: name for name, i in tokenizer.special.items()}
    ids = range(tokenizer.vocab_size)
    vocabulary = {special.get(i) or _as_characters(tokenizer.token_bytes(i)): i for i in ids}
    library = _library(vocabulary, tokenizer.merges)
    library.decoder = decoders.ByteLevel()
    library.add_special_tokens([AddedToken(name, special=True) for name in tokenizer.special])
    folder = Path(folder)
    merges = "".join(f"{a} {b}\n" for a, b in tokenizer.merges)
    files = {
        TOKENIZER: library.to_str(pretty=False),
        VOCABULARY: json.dumps(vocabulary, ensure_ascii=False),
        MERGES: f"#version: 0.2\n{merges}",
    }
    for name, content in files.items():
        with runtime.write_atomically(folder / name) as part:
            part.write_text(content, encoding="utf-8", newline="\n")


def generation_settings(
    name_or_folder: str | os.PathLike | Found, source: str = "auto"
) -> dict[str, Any]:
    """What generation_config.json wants, as arguments for `generate.generate`.

    Without do_sample the likeliest token is taken (temperature 0). Without the file only the end of
    a text is known, from config.json.

    Raises:
        BrokenModel: the file is damaged, or a value is of a wrong kind.
    """
    found = find(name_or_folder, source)
    there = _file(found, GENERATION) is not None
    where = f"{found.name}/{GENERATION if there else CONFIG}"
    fields = _json(found, GENERATION if there else CONFIG)
    ends = fields.get("eos_token_id")
    ends = ends if isinstance(ends, list) else [] if ends is None else [ends]
    if not _wholes(ends):
        raise BrokenModel(
            f"{where}: eos_token_id is {fields['eos_token_id']!r}, no token. {AGAIN}."
        )
    if not (there and fields.get("do_sample")):
        return {"temperature": 0, "stop": ends}
    settings = {
        name: fields.get(name) for name in ("temperature", "top_k", "top_p", "repetition_penalty")
    }
    for name, value in settings.items():
        if value is not None and type(value) not in (int, float):
            raise BrokenModel(f"{where}: {name} is {value!r}, which is no number. {AGAIN}.")
        if value is not None and not (
            0 <= value < math.inf and (name != "top_k" or value % 1 == 0)
        ):
            raise BrokenModel(f"{where}: {name} is {value!r}, which cannot be. {AGAIN}.")
    return {name: value for name, value in settings.items() if value is not None} | {"stop": ends}


def _library(vocabulary: Mapping[str, int], merges: list) -> Any:
    """A tokenizer of the `tokenizers` library that cuts words as GPT-2 does."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    library = Tokenizer(models.BPE(vocab=dict(vocabulary), merges=[tuple(pair) for pair in merges]))
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return library


def _pieces(vocabulary: Mapping[str, int], special: Mapping[str, int]) -> list[bytes]:
    """The bytes of each id; every id from 0 on has some, and every byte a token."""
    byte_of = {character: byte for byte, character in enumerate(text.byte_characters())}
    everything = {**vocabulary, **special}
    for name, i in everything.items():
        if not isinstance(name, str) or not name or type(i) is not int:
            raise ValueError(f"the token {name!r} has the id {i!r}, which is no whole number")
        if name not in special and not set(name) <= set(byte_of):
            raise ValueError(f"the token {name!r} has characters that stand for no byte")
    if sorted(everything.values()) != list(range(len(everything))):
        raise ValueError("the ids of the tokens do not go from 0 on, each once")
    missing = set(byte_of) - set(vocabulary)
    if missing:
        raise ValueError(
            f"{len(missing)} of the 256 bytes have no token, byte {byte_of[min(missing)]} among them"
        )
    whole = {
        name: name.encode() if name in special else bytes(byte_of[c] for c in name)
        for name in everything
    }
    return [whole[name] for name in sorted(everything, key=everything.__getitem__)]


def _check_merges(vocabulary: Mapping[str, int], merges: list[tuple]) -> None:
    for number, pair in enumerate(merges):
        if len(pair) != 2 or not all(isinstance(part, str) for part in pair):
            raise ValueError(f"merge {number}, {pair!r:.60}, is no pair of tokens")
        for token in (*pair, "".join(pair)):
            if token not in vocabulary:
                raise ValueError(f"merge {number} needs the token {token!r}, which has no id")


def _as_characters(piece: bytes) -> str:
    characters = text.byte_characters()
    return "".join(characters[byte] for byte in piece)


def _or(words: Sequence[str], last: str = "or") -> str:
    return " ".join([", ".join(words[:-1]), last, words[-1]]) if len(words) > 1 else words[0]
