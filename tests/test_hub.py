"""helpers.hub: GPT-2 in the Hub's layout, into our GPT; and every damaged file refused by name.

The folders here are written by NumPy and `struct` alone, so that nothing of what is tested has a
hand in them. Where `transformers` and PyTorch are installed, a process of their own writes more.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import math
import os
import pickle
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import backends
import numpy as np
import pytest

from helpers import hub, sources, text

SETTINGS = (
    *("COURSE_DATA", "COURSE_HUB", "COURSE_SOURCE", "HF_HUB_OFFLINE", "HF_ENDPOINT"),
    *("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"),
)
SMALL = {"vocab_size": 61, "n_positions": 16, "n_embd": 12, "n_layer": 2, "n_head": 3}
CLOSE = 1e-4


@pytest.fixture(autouse=True)
def settings(monkeypatch, tmp_path):
    """No setting of the one who runs the tests, and an empty cache of the Hub."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))


# --- a model written without any of the code under test


def config(**changes) -> dict:
    """The fields of config.json that matter, as `transformers` writes them."""
    own = {
        "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_inner": None,
        "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5, "eos_token_id": 0,
    }  # fmt: skip
    return own | SMALL | changes


def arrays(seed: int = 0, prefix: str = "", **changes) -> dict[str, np.ndarray]:
    """Random weights by GPT-2's names, large enough that logits differ clearly."""
    c = config(**changes)
    width, middle = c["n_embd"], c["n_inner"] or 4 * c["n_embd"]
    random = np.random.default_rng(seed)
    shapes = {"wte.weight": (c["vocab_size"], width), "wpe.weight": (c["n_positions"], width)}
    for i in range(c["n_layer"]):
        shapes |= {
            f"h.{i}.attn.c_attn.weight": (width, 3 * width), f"h.{i}.attn.c_attn.bias": (3 * width,),
            f"h.{i}.attn.c_proj.weight": (width, width), f"h.{i}.attn.c_proj.bias": (width,),
            f"h.{i}.mlp.c_fc.weight": (width, middle), f"h.{i}.mlp.c_fc.bias": (middle,),
            f"h.{i}.mlp.c_proj.weight": (middle, width), f"h.{i}.mlp.c_proj.bias": (width,),
        }  # fmt: skip
    norms = ["ln_f", *(f"h.{i}.ln_{n}" for i in range(c["n_layer"]) for n in (1, 2))]
    shapes |= {f"{norm}.{part}": (width,) for norm in norms for part in ("weight", "bias")}
    found = {name: random.normal(0, 0.3, shape).astype("<f4") for name, shape in shapes.items()}
    for norm in norms:
        found[f"{norm}.weight"] += 1
    return {prefix + name: array for name, array in found.items()}


def packed(weights: dict[str, np.ndarray], dtype: str = "F32", **others: dict) -> bytes:
    """A safetensors file; `others` are entries of the header that replace or add to its own."""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, array in weights.items():
        raw = stored(array, dtype)
        offsets = [len(data), len(data) + len(raw)]
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": offsets}
        data += raw
    return framed(header | others, data)


def framed(header: dict | str, data: bytes) -> bytes:
    words = header if isinstance(header, str) else json.dumps(header)
    return struct.pack("<Q", len(words.encode())) + words.encode() + data


def stored(array: np.ndarray, dtype: str) -> bytes:
    if dtype == "BF16":  # rounded to nearest even, by hand
        bits = array.astype("<f4").view("<u4")
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2").tobytes()
    return array.astype({"F32": "<f4", "F16": "<f2", "F64": "<f8", "I64": "<i8"}[dtype]).tobytes()


def unpacked(file: Path) -> tuple[dict, bytes]:
    content = file.read_bytes()
    end = 8 + struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8:end]), content[end:]


def write(folder: Path, weights: bytes | None = None, **changes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config(**changes)))
    (folder / "model.safetensors").write_bytes(weights or packed(arrays(**changes)))
    return folder


def write_shards(folder: Path, parts: int = 3) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config()))
    weights, places = arrays(), {}
    for i, names in enumerate(np.array_split(sorted(weights), parts), 1):
        file = f"model-{i:05}-of-{parts:05}.safetensors"
        (folder / file).write_bytes(packed({name: weights[name] for name in names}))
        places |= {str(name): file for name in names}
    index = {"metadata": {"total_size": 0}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def logits_of(weights: dict[str, np.ndarray], tokens: np.ndarray, num_heads: int) -> np.ndarray:
    """GPT-2 in NumPy, float64, from its own names (Radford et al. 2019)."""
    w = {name: array.astype("float64") for name, array in weights.items()}
    batch, time = tokens.shape
    x = w["wte.weight"][tokens] + w["wpe.weight"][:time]
    past = np.tril(np.ones((time, time), bool))

    def norm(x, name):
        spread = np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
        return (x - x.mean(axis=-1, keepdims=True)) / spread * w[f"{name}.weight"] + w[
            f"{name}.bias"
        ]

    def matrix(x, name):
        return x @ w[f"{name}.weight"] + w[f"{name}.bias"]

    def heads(x):
        return x.reshape(batch, time, num_heads, -1).transpose(0, 2, 1, 3)

    for i in range(len({name.split(".")[1] for name in w if name.startswith("h.")})):
        q, k, v = map(heads, np.split(matrix(norm(x, f"h.{i}.ln_1"), f"h.{i}.attn.c_attn"), 3, -1))
        scores = np.where(past, q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1]), -np.inf)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        seen = (scores / scores.sum(-1, keepdims=True) @ v).transpose(0, 2, 1, 3)
        x = x + matrix(seen.reshape(batch, time, -1), f"h.{i}.attn.c_proj")
        u = matrix(norm(x, f"h.{i}.ln_2"), f"h.{i}.mlp.c_fc")
        u = 0.5 * u * (1 + np.tanh(math.sqrt(2 / math.pi) * (u + 0.044715 * u**3)))
        x = x + matrix(u, f"h.{i}.mlp.c_proj")
    return norm(x, "ln_f") @ w["wte.weight"].T


def ours(model, tokens: np.ndarray) -> np.ndarray:
    import keras

    return keras.ops.convert_to_numpy(model(tokens, training=False))


def tokens_for(vocab_size: int, length: int) -> np.ndarray:
    return np.random.default_rng(1).integers(vocab_size, size=(2, length))


# --- what is loaded computes the same


SHAPES = {
    "small": {},
    "one layer, one head": {"n_layer": 1, "n_head": 1, "n_embd": 8},
    "many heads": {"n_head": 8, "n_embd": 32, "n_layer": 3},
    "own middle": {"n_inner": 20},
    "large vocabulary": {"vocab_size": 700, "n_positions": 9},
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("prefix", ["", "transformer."])
def test_the_numbers_of_a_numpy_gpt2(tmp_path, shape, prefix):
    changes = SHAPES[shape]
    c = config(**changes)
    folder = write(tmp_path / "it", packed(arrays(prefix=prefix, **changes)), **changes)
    tokens = tokens_for(c["vocab_size"], c["n_positions"])
    expected = logits_of(arrays(**changes), tokens, c["n_head"])
    assert expected.std() > 0.5
    assert np.abs(ours(hub.load_gpt2(folder), tokens) - expected).max() < CLOSE


def test_what_splits_the_three_otherwise_gives_other_numbers():
    """The comparison above can fail: queries and keys exchanged, a matrix turned over."""
    weights, tokens = arrays(), tokens_for(61, 16)
    right = logits_of(weights, tokens, 3)
    for name, change in {
        "h.0.attn.c_attn.weight": lambda w: np.roll(w, 12, axis=1),
        "h.1.attn.c_proj.weight": np.transpose,
    }.items():
        wrong = logits_of(weights | {name: change(weights[name])}, tokens, 3)
        assert np.abs(wrong - right).max() > 100 * CLOSE


def on_a_backend(folder: np.ndarray, tokens: np.ndarray) -> dict[str, np.ndarray]:
    return {"logits": ours(hub.load_gpt2(str(folder)), tokens)}


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_same_numbers_on_other_backends(tmp_path, backend):
    folder, tokens = write(tmp_path / "it"), tokens_for(61, 16)
    found = backends.run(backend, on_a_backend, folder=np.array(str(folder)), tokens=tokens)
    assert np.abs(found["logits"] - logits_of(arrays(), tokens, 3)).max() < CLOSE


@pytest.mark.parametrize(("dtype", "error"), [("F16", 2e-2), ("BF16", 2e-1)])
def test_half_precision_files(tmp_path, dtype, error):
    folder = write(tmp_path / "it", packed(arrays(), dtype))
    tokens = tokens_for(61, 16)
    gap = np.abs(ours(hub.load_gpt2(folder), tokens) - logits_of(arrays(), tokens, 3)).max()
    assert CLOSE < gap < error, "rounded when stored, and by no more than that"


def test_numbers_of_bfloat16_are_exact(tmp_path):
    values = np.array([1.0, -2.5, 0.15625, 3.0e38, 0.0, 2.0**-130], "<f4")
    file = tmp_path / "x.safetensors"
    file.write_bytes(packed({"x": values}, "BF16"))
    found = hub.read_tensor(hub.read_header(file)["x"])
    assert found.dtype == np.float32
    assert np.array_equal(found[:3], values[:3]) and np.allclose(found, values, rtol=2**-8)


def test_shards_and_what_is_no_weight(tmp_path):
    tokens = tokens_for(61, 16)
    expected = logits_of(arrays(), tokens, 3)
    extras = arrays(prefix="transformer.")
    mask = np.tril(np.ones((16, 16), "<f4"))[None, None]
    extras |= {f"transformer.h.{i}.attn.bias": mask for i in range(2)}
    extras |= {"transformer.h.0.attn.masked_bias": np.float32([-1e4])}
    extras |= {"lm_head.weight": extras["transformer.wte.weight"]}
    for folder in (write_shards(tmp_path / "s"), write(tmp_path / "e", packed(extras))):
        assert np.abs(ours(hub.load_gpt2(folder), tokens) - expected).max() < CLOSE


def test_it_says_what_it_loaded_and_names_no_path(tmp_path, capsys):
    hub.load_gpt2(write(tmp_path / "mine"))
    line = capsys.readouterr().out
    assert "mine, from a local folder: 4,716 parameters, stored in F32." in line
    assert str(tmp_path) not in line


def test_types_and_training_settings(tmp_path):
    model = hub.load_gpt2(write(tmp_path / "it"), dtype="bfloat16", dropout=0.1, bytes_per_token=4)
    assert {str(v.dtype) for v in model.weights} == {"bfloat16"}
    assert (model.config.dropout, model.config.bytes_per_token) == (0.1, 4)
    assert (model.config.style, model.config.tied) == ("gpt2", True)


# --- there and back


@pytest.fixture(scope="module")
def trained():
    """One of ours with weights that are not symmetric, and its tokenizer."""
    from helpers import gpt

    tokenizer = text.BPE.train([Path(__file__).read_text("utf-8")], 300)
    model = gpt.GPT(gpt.GPTConfig.of("nano", vocab_size=tokenizer.vocab_size, context_length=24))
    random = np.random.default_rng(4)
    for variable in model.weights:
        variable.assign(random.normal(0.1, 0.3, tuple(variable.shape)))
    return model, tokenizer


@pytest.mark.parametrize("shard_bytes", [None, 60_000])
def test_saved_and_loaded_is_the_same(tmp_path, trained, shard_bytes):
    model, tokenizer = trained
    folder = hub.save_gpt2(model, tmp_path / "it", tokenizer, shard_bytes=shard_bytes)
    shards = list(folder.glob("model-*.safetensors"))
    assert bool(shards) == bool(shard_bytes)
    assert all(file.stat().st_size < 90_000 for file in shards)
    again = hub.load_gpt2(folder)
    before, after = hub.weights_by_name(model), hub.weights_by_name(again)
    assert all(np.array_equal(before[name].numpy(), after[name].numpy()) for name in before)
    assert hub.load_tokenizer(folder).encode("def test_it():") == tokenizer.encode("def test_it():")
    assert hub.generation_settings(folder) == {"temperature": 0, "stop": [tokenizer.end]}


def test_saving_again_leaves_no_part_of_the_old_one(tmp_path, trained):
    model, _ = trained
    hub.save_gpt2(model, tmp_path, shard_bytes=60_000)
    hub.save_gpt2(model, tmp_path)
    assert not (tmp_path / "model.safetensors.index.json").exists()
    hub.save_gpt2(model, tmp_path, shard_bytes=60_000)
    assert not (tmp_path / "model.safetensors").exists()
    hub.load_gpt2(tmp_path)


def test_half_precision_when_saved(tmp_path, trained):
    model, _ = trained
    assert {
        t.dtype for t in hub.tensors(hub.save_gpt2(model, tmp_path, dtype="float16")).values()
    } == {"F16"}
    with pytest.raises(ValueError, match="float32 or float16"):
        hub.save_gpt2(model, tmp_path, dtype="int8")


@pytest.mark.parametrize(
    ("changes", "word"), [({"style": "llama"}, "positions"), ({"tied": False}, "tied")]
)
def test_other_architectures_are_not_saved_as_gpt2(tmp_path, changes, word):
    from helpers import gpt

    model = gpt.GPT(gpt.GPTConfig.of("nano", vocab_size=30, **changes))
    with pytest.raises(ValueError, match=word):
        hub.save_gpt2(model, tmp_path / "it")
    assert not (tmp_path / "it").exists()


def test_the_map_names_each_weight_once():
    from helpers import gpt

    settings = gpt.GPTConfig(vocab_size=61, num_layers=3)
    named = hub.names(3)
    listed = [name for parts in named.values() for name in parts]
    assert sorted(listed) == sorted(hub.weights_by_name(gpt.GPT(settings)))
    assert set(named) == set(arrays(n_layer=3))
    changes = {"n_embd": 128, "n_layer": 3, "n_positions": 64}
    for name, array in arrays(**changes).items():
        assert hub.shape_of(name, settings) == array.shape


# --- damage, each refused by name


class Runs:
    """A pickle of this runs code when it is opened."""

    def __reduce__(self):
        return (os.mkdir, (os.environ["PICKLE_MARK"],))


def replaced(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").write_bytes(content)


def cut(folder: Path, keep: int) -> None:
    """To so many bytes, or by so many."""
    replaced(folder, (folder / "model.safetensors").read_bytes()[:keep])


def header(folder: Path, change) -> None:
    """The header changed by a function."""
    found, data = unpacked(folder / "model.safetensors")
    replaced(folder, framed(change(found) or found, data))


def entry(folder: Path, name: str, **fields) -> None:
    header(folder, lambda found: found[name].update(fields))


def weights(folder: Path, change, dtype: str = "F32") -> None:
    """The tensors changed by a function, and the file well made."""
    found = arrays()
    replaced(folder, packed(change(found) or found, dtype))


def fields(folder: Path, *without: str, **changes) -> None:
    kept = {name: value for name, value in config().items() if name not in without}
    (folder / "config.json").write_text(json.dumps(kept | changes))


def with_nan(found: dict, value: float) -> None:
    found["h.1.mlp.c_fc.weight"][3, 4] = value


def gap(folder: Path) -> None:
    found, data = unpacked(folder / "model.safetensors")
    last = max(found, key=lambda name: found[name].get("data_offsets", [0])[0])
    start, end = found[last]["data_offsets"]
    found[last]["data_offsets"] = [start + 4, end + 4]
    replaced(folder, framed(found, data + b"\0\0\0\0"))


def overlap(folder: Path) -> None:
    """Two norms that read the same bytes."""
    found, data = unpacked(folder / "model.safetensors")
    found["h.1.ln_2.bias"]["data_offsets"] = found["h.0.ln_1.bias"]["data_offsets"]
    replaced(folder, framed(found, data))


def pickled(folder: Path, name: str) -> None:
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(pickle.dumps(Runs()))


def zipped(folder: Path) -> None:
    with zipfile.ZipFile(folder / "model.safetensors", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Runs()))


def linked(folder: Path, name: str) -> None:
    """A link to a sound file, which lies elsewhere."""
    outside = folder.parent / "outside"
    write(outside)
    (folder / name).unlink()
    (folder / name).symlink_to(outside / name)


def sharded(folder: Path, change) -> None:
    """In shards, the index changed by a function."""
    shutil.rmtree(folder)
    write_shards(folder)
    file = folder / "model.safetensors.index.json"
    index = json.loads(file.read_text())
    file.write_text(json.dumps(change(index["weight_map"]) or index))


def send(places: dict, to: str) -> None:
    """Send one tensor to another file."""
    places["wte.weight"] = to


def twice(folder: Path) -> None:
    found, data = unpacked(folder / "model.safetensors")
    words = json.dumps(found)
    again = f', "wte.weight": {json.dumps(found["wte.weight"])}}}'
    replaced(folder, framed(words[:-1] + again, data))


def of_both_names(found: dict) -> None:
    found["transformer.ln_f.bias"] = found["ln_f.bias"]


def no_file(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def a_folder(folder: Path) -> None:
    no_file(folder)
    (folder / "model.safetensors").mkdir()


FIRST = "model-00001-of-00003.safetensors"
FILE, CONFIG, INDEX = "it/model.safetensors", "it/config.json", "it/model.safetensors.index.json"
PAGE = b"<!DOCTYPE html>\n<html><title>Log in to our wifi</title></html>" + b" " * 200
DAMAGE = {
    # the file as a whole
    "empty": (lambda f: replaced(f, b""), [FILE, "empty"]),
    "three bytes": (lambda f: cut(f, 3), [FILE, "cut short", "3 bytes"]),
    "header cut": (lambda f: cut(f, 100), [FILE, "cut short", "92 follow"]),
    "last bytes cut": (lambda f: cut(f, -5), [FILE, "cut short", "ends at byte"]),
    "half of it": (lambda f: cut(f, 9000), [FILE, "cut short", "ends at byte"]),
    "bytes too many": (
        lambda f: replaced(f, (f / "model.safetensors").read_bytes() + b"secret"),
        [FILE, "6 bytes after its last tensor"],
    ),
    "header longer than the file": (
        lambda f: replaced(f, struct.pack("<Q", 1 << 40) + b"{" + b" " * 500),
        [FILE, "1,099,511,627,776 bytes", "501 follow"],
    ),
    "header of no length": (
        lambda f: replaced(f, struct.pack("<Q", 0) + b" " * 500), [FILE, "no header"]),
    "header larger than any": (
        lambda f: replaced(f, struct.pack("<Q", 11_000_000) + b"{" + b" " * 11_000_000),
        [FILE, "11,000,000 bytes"],
    ),
    "HTML page": (lambda f: replaced(f, PAGE), [FILE, "web page"]),
    "short HTML page": (lambda f: replaced(f, b"<html>"), [FILE, "web page"]),
    "zip": (zipped, [FILE, "zip archive"]),
    "gzip": (lambda f: replaced(f, b"\x1f\x8b\x08\x00" + b"\x99" * 90), [FILE, "gzip"]),
    "GGUF": (lambda f: replaced(f, b"GGUF\3\0\0\0" + b"\0" * 90), [FILE, "GGUF"]),
    "HDF5": (lambda f: replaced(f, b"\x89HDF\r\n\x1a\n" + b"\0" * 90), [FILE, "HDF5"]),
    "pickle in disguise": (lambda f: replaced(f, pickle.dumps(Runs())), [FILE, "a pickle"]),
    "pointer of Git LFS": (
        lambda f: replaced(f, b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
        [FILE, "git lfs pull"],
    ),
    "noise": (lambda f: replaced(f, bytes(range(7, 256))), [FILE, "no safetensors file"]),
    "a folder in its place": (a_folder, [FILE, "not a file"]),
    "no weights": (no_file, [FILE, "not there"]),
    # pickles by name
    "pytorch_model.bin": (
        lambda f: pickled(f, "pytorch_model.bin"), ["it/pytorch_model.bin", "any code"]),
    "weights.pt": (lambda f: pickled(f, "weights.pt"), ["it/weights.pt", "Nothing is unpickled"]),
    "model.pkl": (lambda f: pickled(f, "model.pkl"), ["it/model.pkl", "pickle"]),
    "other format": (lambda f: pickled(f, "model.gguf"), ["it/model.gguf", "not read here"]),
    # the header
    "header is no JSON": (
        lambda f: replaced(f, framed('{"wte.weight": ', b"")), [FILE, "header", "not JSON"]),
    "header is no UTF-8": (
        lambda f: replaced(f, struct.pack("<Q", 4) + b'{"\xff"' + b" " * 90), [FILE, "not JSON"]),
    "header nested without end": (
        lambda f: replaced(f, framed('{"a":' + "[" * 200_000, b"")), [FILE, "not JSON"]),
    "header names a tensor twice": (twice, [FILE, "wte.weight", "twice"]),
    "entry without offsets": (
        lambda f: header(f, lambda h: h["ln_f.bias"].pop("data_offsets") and None),
        [FILE, "ln_f.bias", "data_offsets"],
    ),
    "entry is no entry": (
        lambda f: header(f, lambda h: h.update({"ln_f.bias": [1, 2]})), [FILE, "ln_f.bias"]),
    "unknown type": (lambda f: entry(f, "ln_f.bias", dtype="F24"), [FILE, "ln_f.bias", "F24"]),
    "type is no text": (lambda f: entry(f, "ln_f.bias", dtype=["F32"]), [FILE, "ln_f.bias"]),
    "shape below zero": (lambda f: entry(f, "ln_f.bias", shape=[-12]), [FILE, "ln_f.bias", "whole"]),
    "shape of fractions": (lambda f: entry(f, "ln_f.bias", shape=[12.0]), [FILE, "ln_f.bias"]),
    "shape of more than there is": (
        lambda f: entry(f, "ln_f.bias", shape=[10**15]), [FILE, "ln_f.bias", "needs"]),
    "numbers of a thousand digits": (
        lambda f: entry(f, "ln_f.bias", shape=[10**4000, 10**4000]), [FILE, "ln_f.bias", "whole"]),
    "a name that is a message": (
        lambda f: header(f, lambda h: h.update({"x\x1b[2J\nall is well": h["ln_f.bias"]})),
        [FILE, r"x\x1b[2J\nall is well"],
    ),
    "a layer of a thousand digits": (
        lambda f: weights(f, lambda w: w.update({f"h.{'9' * 190}.x": w["ln_f.bias"]})),
        ["it", "does not have"],
    ),
    "offsets backwards": (
        lambda f: entry(f, "ln_f.bias", data_offsets=[96, 48]), [FILE, "ln_f.bias", "needs"]),
    "offsets below zero": (
        lambda f: entry(f, "ln_f.bias", data_offsets=[-48, 0]), [FILE, "ln_f.bias", "whole"]),
    "offsets past the end": (
        lambda f: entry(f, "h.1.ln_2.bias", data_offsets=[10**9, 10**9 + 48]),
        [FILE, "h.1.ln_2.bias", "ends at byte"],
    ),
    "type against bytes": (
        lambda f: entry(f, "ln_f.bias", dtype="F64"), [FILE, "ln_f.bias", "96 bytes"]),
    "a gap": (gap, [FILE, "gap"]),
    "two tensors in one place": (overlap, [FILE, "overlaps"]),
    "metadata that are no text": (
        lambda f: header(f, lambda h: h.update(__metadata__={"a": 1})), [FILE, "__metadata__"]),
    # the tensors
    "missing tensor": (
        lambda f: weights(f, lambda w: w.pop("h.1.ln_2.bias") is None),
        ["it", "h.1.ln_2.bias", "missing"],
    ),
    "extra tensor": (
        lambda f: weights(f, lambda w: w.update({"h.1.adapter.weight": w["ln_f.bias"]})),
        ["it", "h.1.adapter.weight", "does not have"],
    ),
    "wrong shape": (
        lambda f: weights(f, lambda w: w.update({"ln_f.bias": np.zeros(11)})),
        [FILE, "ln_f.bias", "(11,)", "(12,)"],
    ),
    "turned over": (
        lambda f: weights(f, lambda w: w.update({"h.0.mlp.c_fc.weight": np.zeros((48, 12))})),
        [FILE, "h.0.mlp.c_fc.weight", "turned over"],
    ),
    "one number for many": (
        lambda f: weights(f, lambda w: w.update({"ln_f.bias": np.float32(1)})), [FILE, "()"]),
    "doubles": (lambda f: weights(f, lambda w: None, "F64"), [FILE, "wte.weight", "F64"]),
    "whole numbers": (lambda f: weights(f, lambda w: None, "I64"), [FILE, "I64"]),
    "NaN": (
        lambda f: weights(f, lambda w: with_nan(w, math.nan)), ["h.1.mlp.c_fc.weight", "576 numbers"]),
    "infinite": (
        lambda f: weights(f, lambda w: with_nan(w, -math.inf)), ["h.1.mlp.c_fc.weight", "infinite"]),
    "NaN of bfloat16": (
        lambda f: weights(f, lambda w: with_nan(w, math.inf), "BF16"), ["h.1.mlp.c_fc.weight"]),
    "with and without prefix": (lambda f: weights(f, of_both_names), ["ln_f.bias", "twice"]),
    "output layer of its own": (
        lambda f: weights(f, lambda w: w.update({"lm_head.weight": w["wte.weight"] + 1})),
        ["lm_head.weight", "differs"],
    ),
    "output layer of another shape": (
        lambda f: weights(f, lambda w: w.update({"lm_head.weight": w["wpe.weight"]})),
        ["lm_head.weight", "(16, 12)"],
    ),
    # the configuration
    "no config": (lambda f: (f / "config.json").unlink(), [CONFIG, "not there"]),
    "empty config": (lambda f: (f / "config.json").write_text(" "), [CONFIG, "empty"]),
    "config is a page": (lambda f: (f / "config.json").write_bytes(PAGE), [CONFIG, "web page"]),
    "config is a list": (lambda f: (f / "config.json").write_text("[1]"), [CONFIG, "list"]),
    "config with a field twice": (
        lambda f: (f / "config.json").write_text('{"n_head": 3, "n_head": 4}'), [CONFIG, "n_head"]),
    "config with NaN": (
        lambda f: (f / "config.json").write_text('{"n_head": NaN}'), [CONFIG, "NaN"]),
    "config without n_head": (lambda f: fields(f, "n_head"), [CONFIG, "n_head"]),
    "config without its kind": (lambda f: fields(f, "model_type"), [CONFIG, "model_type"]),
    "another kind": (lambda f: fields(f, model_type="llama"), [CONFIG, "llama", "gpt2"]),
    "ReLU": (lambda f: fields(f, activation_function="relu"), [CONFIG, "relu", "gelu_new"]),
    "exact GELU": (lambda f: fields(f, activation_function="gelu"), [CONFIG, "gelu_new"]),
    "another epsilon": (lambda f: fields(f, layer_norm_epsilon=1e-6), [CONFIG, "1e-06"]),
    "scores not divided": (
        lambda f: fields(f, scale_attn_weights=False), [CONFIG, "scale_attn_weights"]),
    "scores divided by the layer": (
        lambda f: fields(f, scale_attn_by_inverse_layer_idx=True), [CONFIG, "inverse_layer"]),
    "heads that do not divide": (lambda f: fields(f, n_head=5), [CONFIG, "n_head=5", "n_embd"]),
    "a size of text": (lambda f: fields(f, n_embd="12"), [CONFIG, "n_embd", "'12'"]),
    "a size of nothing": (lambda f: fields(f, n_layer=0), [CONFIG, "n_layer", "0"]),
    "a size of truth": (lambda f: fields(f, n_layer=True), [CONFIG, "n_layer", "True"]),
    "one layer too many": (lambda f: fields(f, n_layer=3), ["n_layer 3", "2 layers"]),
    "a billion layers": (lambda f: fields(f, n_layer=10**9), ["n_layer 1000000000", "2 layers"]),
    "one layer too few": (lambda f: fields(f, n_layer=1), ["n_layer 1", "2 layers"]),
    "another width": (lambda f: fields(f, n_embd=24), [FILE, "wte.weight", "(61, 24)"]),
    "another vocabulary": (lambda f: fields(f, vocab_size=62), [FILE, "wte.weight", "(62, 12)"]),
    "another middle": (lambda f: fields(f, n_inner=47), [FILE, "mlp.c_fc", "47"]),
    # the index of shards
    "index climbs out": (
        lambda f: sharded(f, lambda p: send(p, f"../outside/{FIRST}")), [INDEX, "../outside"]),
    "index climbs out on Windows": (
        lambda f: sharded(f, lambda p: send(p, f"..\\outside\\{FIRST}")), [INDEX, "outside"]),
    "index with a whole path": (
        lambda f: sharded(f, lambda p: send(p, "/etc/passwd.safetensors")), [INDEX, "passwd"]),
    "index with a drive": (
        lambda f: sharded(f, lambda p: send(p, "C:x.safetensors")), [INDEX, "'C:x"]),
    "index into a folder": (
        lambda f: sharded(f, lambda p: send(p, "sub/x.safetensors")), [INDEX, "sub/x"]),
    "index sends to a pickle": (
        lambda f: sharded(f, lambda p: send(p, "pytorch_model.bin")), [INDEX, "any code"]),
    "index sends to a number": (
        lambda f: sharded(f, lambda p: p.update({"wte.weight": 3})), [INDEX, "wte.weight", "3"]),
    "index sends to the wrong shard": (
        lambda f: sharded(f, lambda p: send(p, FIRST)), [f"it/{FIRST}", "wte.weight"]),
    "index without a map": (lambda f: sharded(f, lambda p: {"a": 1}), [INDEX, "weight_map"]),
    "index forgets a tensor": (
        lambda f: sharded(f, lambda p: p.pop("wte.weight") and None), ["wte.weight", "does not say"]),
    "shard is missing": (
        lambda f: (sharded(f, lambda p: None), (f / FIRST).unlink()),
        [f"it/{FIRST}", "not there"],
    ),
    "shard is cut": (
        lambda f: (sharded(f, lambda p: None), os.truncate(f / FIRST, 3000)),
        [f"it/{FIRST}", "cut short"],
    ),
}  # fmt: skip
LINKS = {
    "weights": (lambda f: linked(f, "model.safetensors"), [FILE, "outside the model's folder"]),
    "config": (lambda f: linked(f, "config.json"), [CONFIG, "outside the model's folder"]),
    "nowhere": (
        lambda f: (no_file(f), (f / "model.safetensors").symlink_to(f / "gone")),
        [FILE, "leads nowhere"],
    ),
    "itself": (
        lambda f: (no_file(f), (f / "model.safetensors").symlink_to(f / "model.safetensors")),
        [FILE, "leads nowhere"],
    ),
}


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """A function of a damage: the message, once it is sure that no model was begun, no code ran."""
    from helpers import gpt

    made, mark = [], tmp_path / "code-ran"
    monkeypatch.setenv("PICKLE_MARK", str(mark))
    monkeypatch.setattr(gpt, "GPT", lambda *args, **kwargs: made.append(args))

    def check(damage) -> str:
        folder = write(tmp_path / "it")
        damage(folder)
        with pytest.raises(hub.BrokenModel) as found:
            hub.load_gpt2(folder)
        assert not made, "a model was begun before all was checked"
        assert not mark.exists(), "a pickle was opened"
        return str(found.value)

    return check


@pytest.mark.parametrize("case", DAMAGE)
def test_damaged_files_are_refused_by_name(refused, tmp_path, case):
    damage, words = DAMAGE[case]
    message = refused(damage)
    assert not [word for word in words if word not in message], message
    assert str(tmp_path) not in message, "a notebook may store it"
    assert message.endswith((".", "'")) and len(message) < 500


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
@pytest.mark.parametrize("case", LINKS)
def test_links_that_leave_the_folder_are_refused(refused, case):
    damage, words = LINKS[case]
    message = refused(damage)
    assert not [word for word in words if word not in message], message


def test_the_undamaged_one_is_not_refused(tmp_path):
    """Or the tests above would prove nothing."""
    hub.load_gpt2(write(tmp_path / "it"))
    hub.load_gpt2(write_shards(tmp_path / "shards"))
    assert len(DAMAGE) >= 20


def test_the_pickle_of_the_tests_does_run(tmp_path, monkeypatch):
    monkeypatch.setenv("PICKLE_MARK", str(tmp_path / "code-ran"))
    pickle.loads(pickle.dumps(Runs()))
    assert (tmp_path / "code-ran").exists()


def test_random_damage_gives_no_other_error(tmp_path):
    """Bytes changed, cut or added anywhere in header and length: refused, or the same tensors."""
    good = packed(arrays())
    end = 8 + struct.unpack("<Q", good[:8])[0]
    whole = {
        name: t[1:]
        for name, t in hub.read_header(write(tmp_path / "it") / "model.safetensors").items()
    }
    random, refusals = np.random.default_rng(0), 0
    for _ in range(300):
        bad = bytearray(good)
        for _ in range(random.integers(1, 4)):
            bad[random.integers(end)] = random.integers(256)
        if random.random() < 0.3:
            bad = bad[: random.integers(len(bad))]
        (tmp_path / "x").write_bytes(bad)
        try:
            found = hub.read_header(tmp_path / "x")
        except hub.BrokenModel:
            refusals += 1
        else:  # a letter of a name, of the notes
            assert {t[1:] for t in found.values()} == set(whole.values())
    assert refusals > 150


# --- tokens


def test_the_two_forms_of_a_tokenizer(tmp_path, trained):
    _, tokenizer = trained
    hub.save_tokenizer(tokenizer, tmp_path)
    words = ["def test(): return None", "naïve 日本 🙂\n\n\ttabs  and   spaces", "", "<|end|>"]
    one = hub.load_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    two = hub.load_tokenizer(tmp_path)
    for found in (one, two):
        assert found.encode_batch(words) == tokenizer.encode_batch(words)
        assert [found.decode(ids) for ids in found.encode_batch(words)] == words
        assert found.vocab_size == tokenizer.vocab_size and found.special == {"<|end|>": 0}
        assert found.end not in found.encode("<|end|>")


def test_ids_in_the_order_of_gpt2(tmp_path):
    """There the bytes come first, in the order of their characters' code, and the end comes last."""
    characters = text.byte_characters()
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    order = visible + [byte for byte in range(256) if byte not in visible]
    vocabulary = {characters[byte]: i for i, byte in enumerate(order)}
    merges = [("h", "e"), ("Ġ", "t"), ("Ġt", "he")]
    vocabulary |= {"".join(pair): 256 + i for i, pair in enumerate(merges)}
    vocabulary["<|endoftext|>"] = 259
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    lines = "".join(f"{a} {b}\n" for a, b in merges)
    (tmp_path / "merges.txt").write_text(f"#version: 0.2\n{lines}", encoding="utf-8")
    tokenizer = hub.load_tokenizer(tmp_path)
    assert tokenizer.encode("! the the\n") == [0, 258, 258, 198]  # of GPT-2: "!" is 0, "\n" is 198
    assert (tokenizer.end, tokenizer.vocab_size) == (259, 260)
    assert tokenizer.decode([256, 259]) == "he<|endoftext|>"


def test_saved_as_ours_too(tmp_path, trained):
    hub.save_tokenizer(trained[1], tmp_path)
    tokenizer = hub.load_tokenizer(tmp_path)
    tokenizer.save(tmp_path / "ours.json")
    again = text.Tokenizer.load(tmp_path / "ours.json")
    assert again.encode("return None") == tokenizer.encode("return None")


def test_only_byte_pairs_are_saved(tmp_path):
    with pytest.raises(ValueError, match="merges"):
        hub.save_tokenizer(text.Bytes(), tmp_path)


def of_tokenizer(change):
    def damage(folder: Path) -> None:
        file = folder / "tokenizer.json"
        content = json.loads(file.read_text("utf-8"))
        change(content)
        file.write_text(json.dumps(content), encoding="utf-8")

    return damage


BAD_TOKENIZERS = {
    "empty": (lambda f: (f / "tokenizer.json").write_bytes(b""), "empty"),
    "half": (lambda f: (f / "tokenizer.json").write_text('{"model": '), "not JSON"),
    "page": (lambda f: (f / "tokenizer.json").write_bytes(PAGE), "web page"),
    "no model": (of_tokenizer(lambda t: t.pop("model")), "no model"),
    "merges are a number": (of_tokenizer(lambda t: t["model"].update(merges=5)), "no list"),
    "no merges": (of_tokenizer(lambda t: t["model"].pop("merges")), "no list"),
    "added is a number": (of_tokenizer(lambda t: t.update(added_tokens=5)), "no list"),
    "added is no text": (
        of_tokenizer(lambda t: t.update(added_tokens=[{"special": True, "content": [1], "id": 1}])),
        "no text",
    ),
    "word pieces": (of_tokenizer(lambda t: t["model"].update(type="WordPiece")), "as GPT-2"),
    "no cut": (of_tokenizer(lambda t: t.pop("pre_tokenizer")), "as GPT-2"),
    "lower case": (of_tokenizer(lambda t: t.update(normalizer={"type": "Lowercase"})), "as GPT-2"),
    "space first": (
        of_tokenizer(lambda t: t["pre_tokenizer"].update(add_prefix_space=True)), "as GPT-2"),
    "gap in the ids": (of_tokenizer(lambda t: t["model"]["vocab"].update({"!": 9999})), "0 on"),
    "id of text": (of_tokenizer(lambda t: t["model"]["vocab"].update({"!": "x"})), "'!'"),
    "byte lost": (
        of_tokenizer(lambda t: t["model"]["vocab"].update({"!!": t["model"]["vocab"].pop("!")})),
        "1 of the 256 bytes",
    ),
    "merge of nothing": (of_tokenizer(lambda t: t["model"]["merges"].append(["qq", "z"])), "merge"),
    "merge of three": (of_tokenizer(lambda t: t["model"]["merges"].append("a b c")), "no pair"),
    "merge is a number": (of_tokenizer(lambda t: t["model"]["merges"].append(3)), "tokenizer.json"),
    "added word": (
        of_tokenizer(lambda t: t["added_tokens"].append({"id": 300, "content": "x"})), "special"),
    "neither": (lambda f: (f / "tokenizer.json").unlink() or (f / "merges.txt").unlink(), "neither"),
    "merges are no text": (
        lambda f: (f / "tokenizer.json").unlink() or (f / "merges.txt").write_bytes(b"\xff\xfe"),
        "merges.txt is no text",
    ),
    "more than the model knows": (
        lambda f: (f / "config.json").write_text(json.dumps(config(vocab_size=299))), "299"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_TOKENIZERS)
def test_damaged_tokenizers_are_refused(tmp_path, trained, case):
    folder = tmp_path / "it"
    hub.save_tokenizer(trained[1], folder)
    damage, word = BAD_TOKENIZERS[case]
    damage(folder)
    with pytest.raises(hub.BrokenModel) as found:
        hub.load_tokenizer(folder)
    assert word in str(found.value) and "it" in str(found.value), found.value


# --- how it likes to write


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"eos_token_id": 7}, {"temperature": 0, "stop": [7]}),
        ({"eos_token_id": [7, 8], "temperature": 0.5}, {"temperature": 0, "stop": [7, 8]}),
        ({"do_sample": True, "top_k": 40, "temperature": 0.7},
         {"temperature": 0.7, "top_k": 40, "stop": []}),
        (None, {"temperature": 0, "stop": [0]}),  # from config.json
    ],
)  # fmt: skip
def test_generation_settings(tmp_path, content, expected):
    folder = write(tmp_path / "it")
    if content is not None:
        (folder / "generation_config.json").write_text(json.dumps(content))
    assert hub.generation_settings(folder) == expected


@pytest.mark.parametrize("content", [
    {"eos_token_id": "x"}, {"do_sample": True, "top_p": "all"},
    {"do_sample": True, "temperature": -1}, {"do_sample": True, "top_k": 2.5},
])  # fmt: skip
def test_generation_settings_of_a_wrong_kind(tmp_path, content):
    folder = write(tmp_path / "it")
    (folder / "generation_config.json").write_text(json.dumps(content))
    with pytest.raises(hub.BrokenModel, match=r"it/generation_config\.json"):
        hub.generation_settings(folder)


# --- where it comes from


def test_from_hub_is_the_same_in_short(tmp_path, capsys):
    from helpers import gpt

    folder = write(tmp_path / "it")
    short, long = gpt.GPT.from_hub(folder), hub.load_gpt2(folder)
    assert all(map(np.array_equal, short.get_weights(), long.get_weights()))
    with pytest.raises(hub.NotPublished):
        gpt.GPT.from_hub("gpt-3")


def test_a_name_that_no_file_can_have(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises((sources.SourceError, sources.Unavailable)):
        hub.find("a" * 5000)


def test_an_output_of_its_own_must_be_there(tmp_path):
    folder = write(tmp_path / "it")
    fields = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(fields | {"tie_word_embeddings": False}))
    with pytest.raises(hub.BrokenModel, match=r"lm_head\.weight is missing"):
        hub.load_gpt2(folder)


@pytest.mark.parametrize("name", ["gpt-3", "GPT-3", "gpt3", "openai/gpt-3", "gpt-4", "Chinchilla"])
def test_what_was_never_published(name):
    with pytest.raises(hub.NotPublished, match="never published"):
        hub.load_gpt2(name)


@pytest.mark.parametrize(
    ("name", "words"),
    [("Llama 3.1 405B", "after you agreed"), ("Mistral 7B", "only models built as GPT-2")],
)
def test_what_is_public_and_of_another_kind(name, words):
    with pytest.raises(hub.NotPublished, match=words):
        hub.find(name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "empty"),
        ("some-model", "owner/model"),
        ("a/../b", "no folder"),
        ("../b/c", "no folder"),
        ("owner/mo del", "owner/model"),
        ("./gone", "no folder 'gone'"),
        (Path("gone"), "no folder 'gone'"),
        ("x/pytorch_model.bin", "any code"),
    ],
)
def test_names_that_are_none(name, words):
    with pytest.raises(sources.SourceError, match=words):
        hub.find(name)


def test_a_file_in_place_of_its_folder(tmp_path):
    file = write(tmp_path / "it") / "model.safetensors"
    with pytest.raises(hub.BrokenModel, match="give the folder"):
        hub.load_gpt2(file)


def write_mirror(folder: Path, listed: bool = True) -> Path:
    model = write(folder / "openai-community" / "gpt2")
    files = [
        {"path": f"openai-community/gpt2/{file.name}", "rows": 0,
         "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
        for file in model.iterdir()
    ]  # fmt: skip
    sets = [{"name": "openai-community/gpt2", "files": files}] if listed else []
    (folder / "manifest.json").write_text(json.dumps({"datasets": sets}))
    return folder


@pytest.mark.parametrize(("listed", "note"), [(True, "sha256 verified"), (False, "no checksums")])
@pytest.mark.parametrize("name", ["gpt2", "openai-community/gpt2"])
def test_from_the_mirror(tmp_path, monkeypatch, listed, note, name):
    monkeypatch.setenv("COURSE_DATA", str(write_mirror(tmp_path / "stick", listed)))
    found = hub.find(name)
    assert found.source == "mirror" and note in found.note and str(tmp_path) not in found.note
    assert hub.load_gpt2(found).config.num_layers == 2


def test_a_changed_file_of_the_mirror(tmp_path, monkeypatch):
    folder = write_mirror(tmp_path / "stick")
    with open(folder / "openai-community" / "gpt2" / "config.json", "a") as file:
        file.write(" ")
    monkeypatch.setenv("COURSE_DATA", str(folder))
    with pytest.raises(sources.ChecksumError, match=r"config\.json"):
        hub.find("gpt2")


def test_the_sample_allows_no_download(monkeypatch):
    monkeypatch.setenv("COURSE_SOURCE", "sample")
    monkeypatch.setattr(sources, "reach", lambda *_: pytest.fail("the Hub was asked"))
    with pytest.raises(sources.Unavailable, match="COURSE_SOURCE=sample"):
        hub.find("gpt2")


def test_offline_by_setting(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(sources, "reach", lambda *_: pytest.fail("the Hub was asked"))
    with pytest.raises(sources.Unavailable, match="HF_HUB_OFFLINE"):
        hub.find("gpt2")


def test_a_local_copy_of_the_hub(tmp_path, monkeypatch):
    write(tmp_path / "copy" / "openai-community" / "gpt2")
    monkeypatch.setenv("COURSE_HUB", str(tmp_path / "copy"))
    assert "local copy of the Hub" in hub.find("gpt2").note
    with pytest.raises(sources.Unavailable, match="COURSE_HUB has no"):
        hub.find("openai-community/gpt2-xl", "hub")


@contextlib.contextmanager
def silent():
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.clock
def test_a_hub_that_never_answers(monkeypatch):
    with silent() as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        started = time.monotonic()
        with pytest.raises(sources.Unavailable, match="did not answer"):
            hub.find("gpt2")
        assert time.monotonic() - started < 5


def test_a_hub_that_is_not_there(monkeypatch):
    with silent() as address:
        pass
    monkeypatch.setenv("HF_ENDPOINT", address)
    with pytest.raises(sources.Unavailable, match="could not be reached"):
        hub.find("gpt2")


class Hub(http.server.BaseHTTPRequestHandler):
    """`root/owner/model/...` as the Hub serves it."""

    protocol_version = "HTTP/1.1"
    root: Path
    asked: list[str]

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        owner, model, resolve, _, *rest = self.path.split("?")[0].strip("/").split("/")
        self.asked.append("/".join(rest))
        file = self.root.joinpath(owner, model, *rest)
        about = {"X-Repo-Commit": "c" * 40}
        if resolve != "resolve" or not file.is_file():
            return self.reply(404, b"", **about, **{"X-Error-Code": "EntryNotFound"})
        content = file.read_bytes()
        return self.reply(200, content, ETag=f'"{hashlib.sha256(content).hexdigest()}"', **about)

    def reply(self, code: int, body: bytes, **headers: str):
        self.send_response(code)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A Hub with three models; its folder and what was asked of it."""
    root, asked = tmp_path / "there", []
    monkeypatch.setenv("PICKLE_MARK", str(tmp_path / "code-ran"))
    for name in ("openai-community/gpt2", "openai-community/pickled"):
        model = write(root / name)
        (model / "pytorch_model.bin").write_bytes(pickle.dumps(Runs()))
    (root / "openai-community" / "pickled" / "model.safetensors").unlink()
    write_shards(root / "owner" / "shards")
    handler = type("Handler", (Hub,), {"root": root, "asked": asked})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
    yield root, asked
    server.shutdown()
    server.server_close()


def test_from_the_hub_and_then_from_its_cache(fake, trained, capsys):
    root, asked = fake
    hub.save_tokenizer(trained[1], root / "openai-community" / "gpt2")
    write(root / "openai-community" / "gpt2", vocab_size=300)
    model = hub.load_gpt2("gpt2")
    assert "from the Hub (just downloaded)" in capsys.readouterr().out
    assert not [name for name in asked if name.endswith(".bin")], "only what is read is downloaded"
    tokens = tokens_for(300, 16)
    assert np.abs(ours(model, tokens) - logits_of(arrays(vocab_size=300), tokens, 3)).max() < CLOSE
    shutil.rmtree(root)
    asked.clear()
    found = hub.find("gpt2")
    assert found.note == "openai-community/gpt2, from the Hub (kept on this machine)"
    assert not asked, "what is kept here needs nobody"
    hub.load_gpt2(found)
    assert hub.load_tokenizer(found).vocab_size == 300
    hub.load_gpt2(found.folder)  # the cache's own folder, whose files are links


def test_shards_from_the_hub(fake):
    assert hub.load_gpt2("owner/shards").config.num_layers == 2


def test_only_pickles_on_the_hub(fake, tmp_path):
    with pytest.raises(hub.BrokenModel, match="pickles"):
        hub.load_gpt2("openai-community/pickled")
    assert not list((tmp_path / "hf").rglob("*.bin"))


def test_no_such_model_on_the_hub(fake):
    with pytest.raises(sources.Unavailable, match="404"):
        hub.load_gpt2("owner/nothing")


def test_importing_it_is_cheap():
    heavy = (
        "tensorflow",
        "keras",
        "datasets",
        "torch",
        "tokenizers",
        "safetensors",
        "huggingface_hub",
    )
    code = f"import sys; import helpers.hub; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- transformers, which made the layout


LAYOUTS = {
    "two layers": {"n_embd": 32, "n_layer": 2, "n_head": 4},
    "one head": {"n_embd": 24, "n_layer": 1, "n_head": 1},
    "three layers, own middle": {"n_embd": 48, "n_layer": 3, "n_head": 6, "n_inner": 40},
    "large vocabulary": {"n_embd": 32, "n_layer": 2, "n_head": 2, "vocab_size": 1009},
    "deep and narrow": {"n_embd": 16, "n_layer": 6, "n_head": 8},
    "in shards": {"n_embd": 32, "n_layer": 2, "n_head": 8},
    "without output layer": {"n_embd": 20, "n_layer": 2, "n_head": 5},
    "bfloat16": {"n_embd": 32, "n_layer": 2, "n_head": 4},
}
NEW, PROMPT = 50, 6
WRITER = """
import json, sys, os
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
import numpy as np, torch
from transformers import GPT2Config, GPT2LMHeadModel
torch.set_num_threads(1)
folder, layouts = sys.argv[1], json.loads(sys.argv[2])
for name, sizes in layouts.items():
    torch.manual_seed(len(name))
    sizes = {"vocab_size": 97, "n_positions": 64} | sizes
    settings = GPT2Config(**sizes, initializer_range=0.15, bos_token_id=None, eos_token_id=None)
    model = GPT2LMHeadModel(settings).eval()
    if name == "bfloat16":
        model = model.to(torch.bfloat16)
    saved = model.transformer if name == "without output layer" else model
    more = {"max_shard_size": "20KB"} if name == "in shards" else {}
    saved.save_pretrained(os.path.join(folder, name), **more)
    model = model.float()
    tokens = torch.from_numpy(np.random.default_rng(3).integers(sizes["vocab_size"], size=(3, 64)))
    with torch.no_grad():
        logits = model(tokens).logits.numpy()
        text = model.generate(tokens[:, :6], attention_mask=torch.ones_like(tokens[:, :6]),
                              max_new_tokens=50, do_sample=False, pad_token_id=0)
    np.savez(os.path.join(folder, name + ".npz"), tokens=tokens.numpy(), logits=logits,
             text=text[:, 6:].numpy())
"""


@pytest.fixture(scope="module")
def by_transformers(tmp_path_factory):
    backends.need("transformers", "torch")
    folder = tmp_path_factory.mktemp("transformers")
    command = [sys.executable, "-c", WRITER, str(folder), json.dumps(LAYOUTS)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert not done.returncode, done.stderr[-2000:]
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_parity_with_transformers(by_transformers, layout):
    from helpers import generate

    theirs = np.load(by_transformers / f"{layout}.npz")
    model = hub.load_gpt2(by_transformers / layout)
    assert theirs["logits"].std() > 0.3
    assert np.abs(ours(model, theirs["tokens"]) - theirs["logits"]).max() < CLOSE
    prompts = theirs["tokens"][:, :PROMPT].tolist()
    text_ = generate.generate(model, prompts, NEW, temperature=0)
    assert np.array_equal(text_, theirs["text"]), "greedy text differs"
    assert len({tuple(row) for row in text_}) > 1, "the prompts should matter"
    if layout == "in shards":
        assert len(list((by_transformers / layout).glob("model-*.safetensors"))) > 2


@pytest.mark.slow
def test_transformers_reads_what_we_write(tmp_path, trained):
    backends.need("transformers", "torch")
    model, tokenizer = trained
    hub.save_gpt2(model, tmp_path / "it", tokenizer, shard_bytes=60_000)
    code = (
        "import sys, numpy as np, torch\n"
        "from transformers import AutoModelForCausalLM, AutoTokenizer\n"
        "model = AutoModelForCausalLM.from_pretrained(sys.argv[1])\n"
        "tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])\n"
        "tokens = torch.from_numpy(np.arange(48).reshape(2, 24))\n"
        "words = 'def test_it(): return naïve 日本'\n"
        "with torch.no_grad(): logits = model.eval()(tokens).logits.numpy()\n"
        "np.savez(sys.argv[2], logits=logits, ids=tokenizer.encode(words))\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "it"), str(tmp_path / "found.npz")]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert not done.returncode, done.stderr[-2000:]
    found = np.load(tmp_path / "found.npz")
    assert np.abs(ours(model, np.arange(48).reshape(2, 24)) - found["logits"]).max() < CLOSE
    assert found["ids"].tolist() == tokenizer.encode("def test_it(): return naïve 日本")


# --- the real size


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.clock
def test_the_real_shape(tmp_path):
    """124,439,808 parameters, random, in a process of its own: loaded within stated bounds."""
    code = (
        "import resource, sys, time\n"
        "from helpers import hub, gpt\n"
        "def peak():\n"
        "    scale = 1 if sys.platform == 'darwin' else 1024\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6\n"
        "import keras; keras.ops.zeros(1); before = peak(); started = time.perf_counter()\n"
        "model = hub.load_gpt2(sys.argv[1])\n"
        "print(model.count_params(), time.perf_counter() - started, peak() - before)\n"
    )
    pytest.importorskip("resource")
    real = {"vocab_size": 50257, "n_positions": 1024, "n_embd": 768, "n_layer": 12, "n_head": 12}
    folder = tmp_path / "gpt2"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config(**real)))
    write_large(folder / "model.safetensors", real)
    root = Path(__file__).parent.parent
    command = [sys.executable, "-c", code, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
    count, seconds, megabytes = map(float, done.stdout.split()[-3:])
    assert count == 124_439_808
    assert seconds < 60
    assert megabytes < 1500, "half a gigabyte of weights, held at most three times"


def write_large(file: Path, sizes: dict) -> None:
    """The real names and shapes, one tensor in memory at a time, from one block of random numbers."""
    shapes = {
        name: array.shape
        for name, array in arrays(**sizes | {"n_embd": 12, "vocab_size": 61}).items()
    }
    grown = {12: 768, 36: 2304, 48: 3072, 61: 50257}
    shapes = {name: tuple(grown.get(n, n) for n in shape) for name, shape in shapes.items()}
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    block = np.random.default_rng(0).normal(0, 0.02, 1 << 20).astype("<f4")
    with open(file, "wb") as out:
        out.write(framed(header, b""))
        for shape in shapes.values():
            out.write(np.resize(block, math.prod(shape)).tobytes())
