"""How far a GPT gets in some minutes: our recipe against a plain PyTorch loop with usual settings.

Run from the project's folder, on a quiet machine:

    python benchmarks/gpt_loss.py [--minutes 3] [--rounds 3]

Both read Python's documentation as characters (training part), with 4 layers, 4 heads, width 128 and
batch 12, on two threads, and are judged on the same characters of the validation part, in windows as
long as their context: 64 there, 128 here, which is part of the recipe.
The minutes begin once framework and text are loaded: making the model and compiling count.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import sys
import time

import alternation
import numpy as np

LAYERS, HEADS, WIDTH, CONTEXT, BATCH = 4, 4, 128, 64, 12
PEAK, FLOOR, WARM_UP = 1e-3, 1e-4, 100  # learning rate and steps of the usual settings
OUR_CONTEXT, OUR_PEAK = 128, 3e-3
JUDGED = 128  # validation windows at once


def text(context: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Training characters, validation windows (N, context + 1), and how many kinds there are."""
    from helpers import data
    from helpers import text as tokenizers

    with contextlib.redirect_stdout(sys.stderr):
        corpus = data.python_docs()
    characters = tokenizers.Characters("".join(corpus.texts("train")))
    train, val = (data.tokens(corpus, tokenizer=characters, split=s) for s in ("train", "val"))
    longest = max(CONTEXT, OUR_CONTEXT) * JUDGED  # of which both contexts fill the same places
    starts = np.arange(0, (len(val) - 1) // longest * longest, context)[:, None]
    return train, val[starts + np.arange(context + 1)], characters.vocab_size


def ours(minutes: float, seed: int) -> dict:
    """Rotary positions, RMSNorm, SwiGLU; Muon; a high rate that falls to zero."""
    import keras

    from helpers import gpt, training

    train, windows, vocab = text(OUR_CONTEXT)
    started = time.perf_counter()
    keras.utils.set_random_seed(seed)
    model = gpt.GPT(gpt.GPTConfig(
        vocab, OUR_CONTEXT, LAYERS, HEADS, WIDTH, style="llama", num_kv_heads=HEADS
    ))  # fmt: skip
    model.compile(optimizer=recipe())
    data = training.windows(train, OUR_CONTEXT, BATCH, seed=seed)
    left = 60 * minutes - (time.perf_counter() - started)
    history = training.fit(model, data, seconds=left, seed=seed)
    took = time.perf_counter() - started
    loss = gpt.compiled(model, lambda w: gpt.mean_nats(model(w[:, :-1]), w[:, 1:]))
    found = [float(loss(part)) for part in np.split(windows, len(windows) // JUDGED)]
    return {"nats": float(np.mean(found)), "steps": history.steps, "seconds": took}


def recipe() -> object:
    """Muon for the matrices between, Adam for embeddings and norms; `fit` lowers the rate to 0."""
    import keras

    return keras.optimizers.Muon(learning_rate=OUR_PEAK, adam_beta_2=0.99)


def theirs(minutes: float, seed: int) -> dict:
    """AdamW at 1e-3 with warm-up and cosine, gradients clipped at 1, learned positions, GELU."""
    import plain_torch
    import torch

    torch.set_num_threads(int(alternation.THREADS))
    train, windows, vocab = text(CONTEXT)
    started, budget = time.perf_counter(), 60 * minutes
    torch.manual_seed(seed)

    def share() -> float:
        return min((time.perf_counter() - started) / budget, 1.0)

    def rate(number: int) -> float:
        falling = FLOOR + (PEAK - FLOOR) * (1 + math.cos(math.pi * share())) / 2
        return falling * min(1.0, (number + 1) / WARM_UP)

    model = plain_torch.GPT(vocab, CONTEXT, LAYERS, HEADS, WIDTH)
    training = plain_torch.steps(model, train, BATCH, rate, clip=1.0)
    made = next(number for number in training if share() >= 1)
    took = time.perf_counter() - started
    nats = plain_torch.held_out_nats(model, windows)
    return {"nats": nats, "steps": made, "seconds": took}


def main() -> None:
    """Print the table, or as one side what it found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--side", choices=("ours", "pytorch"))
    wanted = parser.parse_args()
    if wanted.side:
        run = ours if wanted.side == "ours" else theirs
        print(json.dumps(run(wanted.minutes, wanted.seed)))
        return
    rows, gains = [], []
    for seed in range(wanted.seed, wanted.seed + wanted.rounds):
        flags = ("--minutes", wanted.minutes, "--seed", seed)
        found = alternation.rounds(__file__, ["pytorch", "ours"], 1, *flags)
        for side, name in (("pytorch", "PyTorch, usual settings"), ("ours", "our recipe")):
            [about] = found[side]
            rows.append([seed, name, f"{about['steps']:,}", f"{about['seconds']:.0f}",
                         f"{about['nats']:.3f}"])  # fmt: skip
        gains.append(found["pytorch"][0]["nats"] - found["ours"][0]["nats"])
    alternation.table(["seed", "", "steps", "seconds", "nats a character"], rows)
    print(f"\nLower by {np.median(gains):.3f} (median; {min(gains):.3f} to {max(gains):.3f}).")


if __name__ == "__main__":
    main()
