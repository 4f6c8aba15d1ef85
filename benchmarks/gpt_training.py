"""Tokens a second that `training.fit` trains a GPT with, against a plain PyTorch loop.

Run from the project's folder, on a quiet machine:

    python benchmarks/gpt_training.py [--seconds 20] [--rounds 5]

Same shapes, float32, AdamW, random windows of the same text, two threads. What each does once
(compiling here, ten steps of warm-up there) is left out.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time

import alternation
import numpy as np

SHAPES = {
    "4 layers, 4 heads, width 128, context 64, batch 12": (4, 4, 128, 64, 12),
    "6 layers, 6 heads, width 192, context 256, batch 16": (6, 6, 192, 256, 16),
}
STEPS = 200  # an epoch, as far as `fit` is concerned


def text() -> tuple[np.ndarray, int]:
    """Python's documentation as characters, and how many kinds of them."""
    from helpers import data
    from helpers import text as tokenizers

    with contextlib.redirect_stdout(sys.stderr):
        corpus = data.python_docs()
    characters = tokenizers.Characters("".join(corpus.texts("train")))
    return data.tokens(corpus, tokenizer=characters), characters.vocab_size


def ours(shape: tuple, seconds: float) -> float:
    """Tokens a second between the first answer of the compiled program and the last."""
    import keras

    from helpers import gpt, training

    layers, heads, width, context, batch = shape
    tokens, vocab = text()
    config = gpt.GPTConfig(vocab, context, layers, heads, width)
    model = gpt.GPT(config)
    model.compile(optimizer=keras.optimizers.AdamW(1e-3, weight_decay=0.1, beta_2=0.99))
    stamps: list[tuple[int, float]] = []

    class Stamps(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
            self.before = epoch * STEPS

        def on_train_batch_end(self, step: int, logs: dict | None = None) -> None:
            stamps.append((self.before + step + 1, time.perf_counter()))
            if stamps[-1][1] - stamps[0][1] > seconds:
                self.model.stop_training = True

    data = training.windows(tokens, context, batch, steps=STEPS)
    training.fit(model, data, epochs=10**6, callbacks=[Stamps()])
    (first, start), (last, end) = stamps[0], stamps[-1]
    return (last - first) * batch * context / (end - start)


def theirs(shape: tuple, seconds: float) -> float:
    """The PyTorch loop."""
    import plain_torch
    import torch

    torch.set_num_threads(int(alternation.THREADS))
    layers, heads, width, context, batch = shape
    tokens, vocab = text()
    sizes = {"vocab": vocab, "context": context, "layers": layers, "heads": heads, "width": width}
    return plain_torch.tokens_per_second(sizes, tokens, seconds, batch)


def main() -> None:
    """Print the table, or as one side its number."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", type=int, choices=(0, 1), help="one of the two shapes")
    parser.add_argument("--side", choices=("ours", "pytorch"))
    wanted = parser.parse_args()
    names = list(SHAPES) if wanted.only is None else [list(SHAPES)[wanted.only]]
    if wanted.side:
        run = ours if wanted.side == "ours" else theirs
        print(json.dumps({"tokens": run(SHAPES[names[0]], wanted.seconds)}))
        return
    rows = []
    for name in names:
        flags = ("--seconds", wanted.seconds, "--only", list(SHAPES).index(name))
        found = alternation.rounds(__file__, ["pytorch", "ours"], wanted.rounds, *flags)
        middle = [f"{alternation.median(found[s], 'tokens'):,.0f}" for s in ("pytorch", "ours")]
        rows.append([name, *middle, alternation.ratio(found["ours"], found["pytorch"], "tokens")])
    alternation.table(["tokens a second", "PyTorch", "`fit`", "ratio (range)"], rows)


if __name__ == "__main__":
    main()
