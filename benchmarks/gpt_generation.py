"""Seconds to write 256 tokens: with the cache, without it, and by transformers with its cache.

Run from the project's folder, on a quiet machine:

    python benchmarks/gpt_generation.py [--size micro|mini] [--rounds 5]

The same random weights on both sides (their logits are compared first), greedy, prompts of 16
tokens, float32, two threads. The first call of each, which compiles here, is told by itself. Without
the cache, `generate` computes the whole context for each token; transformers without its cache
computes the text so far.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import alternation
import numpy as np

NEW, PROMPT, VOCAB = 256, 16, 97
SIDES = {"cache": "ours", "no cache": "ours", "transformers": "transformers",
         "transformers, no cache": "transformers"}  # fmt: skip


def timed(write: Callable[[], np.ndarray], repeats: int) -> dict:
    """Seconds of the first call and the median of the others, and what was written."""
    times = []
    for _ in range(1 + repeats):
        started = time.perf_counter()
        tokens = write()
        times.append(time.perf_counter() - started)
    return {"first": times[0], "seconds": float(np.median(times[1:])),
            "sum": int(np.multiply(tokens, np.arange(1, NEW + 1)).sum())}  # fmt: skip


def prompts(batch: int) -> np.ndarray:
    """(batch, PROMPT)"""
    return np.random.default_rng(7).integers(VOCAB, size=(batch, PROMPT))


def made(size: str) -> object:
    """Our model, its weights drawn so wide that the likeliest token is clear."""
    from helpers import gpt

    model = gpt.GPT(gpt.GPTConfig.of(size, vocab_size=VOCAB, context_length=NEW + PROMPT))
    random = np.random.default_rng(0)
    for variable in model.weights:
        drawn = random.normal(0, 0.08, tuple(variable.shape))
        variable.assign(drawn + variable.path.endswith("gamma"))
    return model


def weights(size: str, file: str) -> dict:
    """Save the weights by name, and the logits of some tokens."""
    import keras

    model = made(size)
    named = {v.path.split("/", 1)[1]: keras.ops.convert_to_numpy(v) for v in model.weights}
    logits = keras.ops.convert_to_numpy(model(prompts(2), training=False))
    np.savez(file, logits=logits, **named)
    return {"weights": len(named)}


def ours(size: str, batch: int, repeats: int, cached: bool) -> dict:
    """Through `generate`."""
    from helpers import generate

    model, start = made(size), prompts(batch).tolist()

    def write() -> np.ndarray:
        return np.array(generate.generate(model, start, NEW, temperature=0, use_cache=cached))

    return timed(write, repeats)


def theirs(size: str, batch: int, repeats: int, cached: bool, file: str) -> dict:
    """Through `GPT2LMHeadModel.generate`."""
    import torch

    torch.set_num_threads(int(alternation.THREADS))
    saved = dict(np.load(file))
    model = as_transformers(saved)
    start = torch.from_numpy(prompts(batch))
    with torch.no_grad():
        logits = model(torch.from_numpy(prompts(2))).logits.numpy()
    error = np.abs(logits - saved["logits"]).max() / np.abs(logits).max()
    if error > 1e-5:
        raise SystemExit(f"the two models differ: {error:.1e} of the largest logit")

    def write() -> np.ndarray:
        found = model.generate(
            start, attention_mask=torch.ones_like(start), max_new_tokens=NEW, min_new_tokens=NEW,
            do_sample=False, use_cache=cached, pad_token_id=0,
        )  # fmt: skip
        return found[:, PROMPT:].numpy()

    return timed(write, repeats) | {"error": float(error)}


def as_transformers(saved: dict[str, np.ndarray]) -> object:
    """The same weights in transformers' GPT-2, whose matrices are (inputs, outputs) as well."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    vocab, width = saved["token_embedding/embeddings"].shape
    blocks = sorted({name.split("/")[0] for name in saved if name.startswith("block_")})
    heads = width // 32
    model = GPT2LMHeadModel(GPT2Config(
        vocab_size=vocab, n_positions=len(saved["position_embedding/embeddings"]), n_embd=width,
        n_layer=len(blocks), n_head=heads, bos_token_id=None, eos_token_id=None,
    ))  # fmt: skip
    state = {"transformer.wte.weight": saved["token_embedding/embeddings"],
             "transformer.wpe.weight": saved["position_embedding/embeddings"]}  # fmt: skip
    state |= {f"transformer.ln_f.{b}": saved[f"final_norm/{a}"] for a, b in NORM}
    for i in range(len(blocks)):
        there = f"transformer.h.{i}."
        for part, name in (("ln_1", "norm_1"), ("ln_2", "norm_2")):
            state |= {f"{there}{part}.{b}": saved[f"block_{i}/{name}/{a}"] for a, b in NORM}
        for a, b in (("kernel", "weight"), ("bias", "bias")):
            here = f"block_{i}/attention/"
            qkv = [saved[f"{here}{name}/{a}"] for name in ("query", "key", "value")]
            state[f"{there}attn.c_attn.{b}"] = np.concatenate(qkv, axis=-1)
            state[f"{there}attn.c_proj.{b}"] = saved[f"{here}output/{a}"]
            state[f"{there}mlp.c_fc.{b}"] = saved[f"block_{i}/mlp/up/{a}"]
            state[f"{there}mlp.c_proj.{b}"] = saved[f"block_{i}/mlp/down/{a}"]
    found = model.load_state_dict({k: torch.from_numpy(v) for k, v in state.items()}, strict=False)
    if found.unexpected_keys or set(found.missing_keys) - {"lm_head.weight"}:
        raise SystemExit(f"weights that do not fit: {found}")
    model.tie_weights()
    return model.eval()


NORM = (("gamma", "weight"), ("beta", "bias"))


def main() -> None:
    """Print the table, or as one side what it found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="micro", choices=("micro", "mini"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3, help="timed calls a round")
    parser.add_argument("--batch", type=int, default=0, help="1 and 8 unless given")
    parser.add_argument("--weights", help="where the weights lie")
    parser.add_argument("--side", choices=[*SIDES, "weights"])
    wanted = parser.parse_args()
    if wanted.side == "weights":
        print(json.dumps(weights(wanted.size, wanted.weights)))
    elif wanted.side:
        cached = "no cache" not in wanted.side
        # Without a cache a call takes so long that one is enough.
        about = (wanted.size, wanted.batch, wanted.repeats if cached else 1, cached)
        side = SIDES[wanted.side]
        found = ours(*about) if side == "ours" else theirs(*about, wanted.weights)
        print(json.dumps(found))
    else:
        compare(wanted)


def compare(wanted: argparse.Namespace) -> None:
    """All sides in turn."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "weights.npz"
        alternation.one(__file__, "weights", "--size", wanted.size, "--weights", file)
        for batch in [wanted.batch] if wanted.batch else [1, 8]:
            flags = ("--size", wanted.size, "--batch", batch, "--repeats", wanted.repeats)
            found = alternation.rounds(
                __file__, list(SIDES), wanted.rounds, *flags, "--weights", file
            )
            if len({result["sum"] for results in found.values() for result in results}) > 1:
                print("The sides wrote different tokens!")
            for side, results in found.items():
                seconds, first = (alternation.median(results, k) for k in ("seconds", "first"))
                times = alternation.ratio(results, found["cache"], "seconds")
                rows.append([batch, side, f"{seconds:.2f}", f"{first:.1f}", times])
    head = ["batch", "", "seconds", "first call", "times ours with the cache (range)"]
    alternation.table(head, rows)


if __name__ == "__main__":
    main()
