"""GPT-2 of the real size (124 million parameters): seconds and memory to load it, seconds to write.

Run from the project's folder, on a quiet machine (it needs 2 GB of memory and 0.5 GB of disk):

    python benchmarks/gpt2_weights.py [--rounds 3] [--new 128]

The weights are random and lie in a temporary folder in the Hub's layout: config.json and
model.safetensors, float32. Each side loads them in a process of its own, from the system's file
cache, and then writes `--new` tokens after a prompt of 16, greedy, one text, with its cache, two
threads. The first call, which compiles here, is told by itself. Memory is what the process's peak
rose by while loading, the framework's import not counted; transformers only maps the file into
memory then, and reads it when it first computes, so the peak of the whole process is given too. The
logits of both sides are compared first.
"""

from __future__ import annotations

import argparse
import functools
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import alternation
import numpy as np

VOCAB, PROMPT = 50_257, 16
SIDES = ("ours", "ours, bfloat16", "transformers")
# Columns of the table: what was measured, and its digits.
SHOWN = {
    "load (s)": ("load", 1),
    "memory (MB)": ("memory", 0),
    "peak in all (MB)": ("all", 0),
    "first text (s)": ("first", 1),
    "text (s)": ("seconds", 2),
}


def peak() -> float:
    """Largest memory of this process so far, in MB."""
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6


def made(folder: Path) -> dict:
    """Write the model, random as at the start of training; norms get weights of about 1."""
    from safetensors.numpy import save_file

    from helpers import gpt, hub

    config = gpt.GPTConfig.of("gpt2", vocab_size=VOCAB)
    random = np.random.default_rng(0)
    weights = {}
    for name in hub.names(config.num_layers):
        drawn = random.standard_normal(hub.shape_of(name, config), "float32") * np.float32(0.05)
        weights[hub.PREFIX + name] = drawn + (".ln_" in f".{name}" and name.endswith("weight"))
    save_file(weights, folder / hub.WEIGHTS, metadata={"format": "pt"})
    sizes = {name: getattr(config, ours) for name, ours in hub.SIZES.items()}
    (folder / hub.CONFIG).write_text(json.dumps({**hub.FIXED, **sizes}))
    return {"bytes": (folder / hub.WEIGHTS).stat().st_size}


def tokens() -> np.ndarray:
    """(1, PROMPT)"""
    return np.random.default_rng(7).integers(VOCAB, size=(1, PROMPT))


def ours(folder: str, new: int, dtype: str) -> dict:
    """Through `load_gpt2` and `generate`."""
    import keras

    from helpers import generate, hub

    keras.ops.convert_to_numpy(keras.ops.zeros(1))
    load = functools.partial(hub.load_gpt2, folder, dtype=dtype)
    start = tokens().tolist()

    def write(model: object) -> list:
        return generate.generate(model, start, new, temperature=0)[0]

    def logits(model: object) -> np.ndarray:
        found = model(tokens(), training=False)
        return keras.ops.convert_to_numpy(keras.ops.cast(found, "float32"))

    return measured(load, logits, write)


def theirs(folder: str, new: int) -> dict:
    """Through `GPT2LMHeadModel`."""
    import torch
    from transformers import GPT2LMHeadModel

    torch.set_num_threads(int(alternation.THREADS))
    start = torch.from_numpy(tokens())

    def load() -> object:
        return GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32).eval()

    def write(model: object) -> list:
        found = model.generate(
            start, attention_mask=torch.ones_like(start), max_new_tokens=new, min_new_tokens=new,
            do_sample=False, pad_token_id=0, eos_token_id=None,
        )  # fmt: skip
        return found[0, PROMPT:].tolist()

    def logits(model: object) -> np.ndarray:
        with torch.no_grad():
            return model(start).logits.numpy()

    return measured(load, logits, write)


def measured(load, logits, write) -> dict:
    """Seconds and memory of loading, seconds of the first text and of the next ones."""
    before, started = peak(), time.perf_counter()
    model = load()
    found = {"load": time.perf_counter() - started, "memory": peak() - before}
    found["logits"] = [float(x) for x in logits(model)[0, -1, ::1000]]
    times = []
    for _ in range(4):
        started = time.perf_counter()
        text = write(model)
        times.append(time.perf_counter() - started)
    about = {"first": times[0], "seconds": float(np.median(times[1:])), "all": peak()}
    return found | about | {"text": text}


def compare(wanted: argparse.Namespace) -> None:
    """All sides in turn."""
    with tempfile.TemporaryDirectory() as folder:
        size = alternation.one(__file__, "made", "--folder", folder)["bytes"]
        flags = ("--folder", folder, "--new", wanted.new)
        found = alternation.rounds(__file__, list(SIDES), wanted.rounds, *flags)
    expected = np.array(found["transformers"][0]["logits"])
    rows = []
    for side, results in found.items():
        row = [side, *(f"{alternation.median(results, key):,.{n}f}" for key, n in SHOWN.values())]
        error = np.abs(np.array(results[0]["logits"]) - expected).max() / np.abs(expected).max()
        same = results[0]["text"] == found["transformers"][0]["text"]
        times = alternation.ratio(results, found["transformers"], "seconds")
        rows.append([*row, times, f"{error:.0e}", "yes" if same else "no"])
    print(f"{size / 1e6:,.0f} MB of weights; {wanted.new} tokens, two threads\n")
    head = ["", *SHOWN, "times transformers (range)", "logits differ by", "same text"]
    alternation.table(head, rows)


def main() -> None:
    """Print the table, or as one side what it found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--new", type=int, default=128, help="tokens to write")
    parser.add_argument("--folder", help="where the weights lie")
    parser.add_argument("--side", choices=[*SIDES, "made"])
    wanted = parser.parse_args()
    if wanted.side == "made":
        print(json.dumps(made(Path(wanted.folder))))
    elif wanted.side == "transformers":
        print(json.dumps(theirs(wanted.folder, wanted.new)))
    elif wanted.side:
        dtype = "bfloat16" if "bfloat16" in wanted.side else "float32"
        print(json.dumps(ours(wanted.folder, wanted.new, dtype)))
    else:
        compare(wanted)


if __name__ == "__main__":
    main()
