"""A training that a test kills: run with the file to write the end into.

It waits for a line, says "training" and begins, and writes weights, optimizer, random states and
history when it ends. What it trains has all that is easily forgotten when a run is taken up again.
"""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path

import keras
import numpy as np

from helpers import programs, training

# Save and look as often as can be, so that many kills fall into the writing of a checkpoint.
training.LOOK_EVERY, training.SAVING_SHARE = 0.0, 0.7


def build() -> keras.Model:
    """Dropout, noise without a seed, batch norm, Adam with a schedule, two metrics."""
    keras.utils.set_random_seed(7)
    model = keras.Sequential(
        [
            keras.Input((12,)),
            keras.layers.GaussianNoise(0.1),
            keras.layers.Dense(96, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(96, activation="relu"),
            keras.layers.Dropout(0.2, seed=3),
            keras.layers.Dense(3),
        ]
    )
    rate = keras.optimizers.schedules.CosineDecay(3e-3, 1000, warmup_target=1e-2, warmup_steps=100)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    return model


class Draws(keras.callbacks.Callback):
    """Counts, and draws from the random states that all share."""

    def on_train_begin(self, logs=None):
        self.seen, self.drawn = 0, 0.0

    def on_train_batch_end(self, batch, logs=None):
        self.seen += 1
        self.drawn += random.random() + np.random.rand()


def train(epochs: int = 5, examples: int = 6010) -> tuple:
    """Train to the end, from wherever an earlier process was killed."""
    data = np.random.default_rng(1)
    x = data.normal(size=(examples, 12)).astype("float32")
    y = (x[:, 0] > 0).astype("int64") + (x[:, 1] > 0.5)
    model, draws = build(), Draws()
    print("training", flush=True)
    history = training.fit(
        model,
        x,
        y,
        epochs=epochs,
        validation_data=(x[:500], y[:500]),
        name="killed",
        save_every_seconds=0,
        keep_best="val_accuracy",
        callbacks=[draws, keras.callbacks.EarlyStopping("val_loss", patience=50)],
    )
    return model, history, draws


def train_gpt() -> tuple:
    """The same for a GPT with dropout, many of whose steps are one compiled program."""
    from helpers import gpt

    keras.utils.set_random_seed(7)
    config = gpt.GPTConfig(16, 16, num_layers=1, num_heads=2, embed_dim=32, dropout=0.1)
    model, draws = gpt.GPT(config), Draws()
    rate = keras.optimizers.schedules.PolynomialDecay(1e-2, 600, 1e-4)
    model.compile(keras.optimizers.AdamW(rate))
    tokens = np.cumsum(np.random.default_rng(1).integers(0, 3, 4000)) % 16
    programs.WISHED = 0.01  # many calls, so that kills fall between them
    data = training.windows(tokens, 16, 8, steps=150)
    print("training", flush=True)
    history = training.fit(
        model, data, epochs=4, validation_data=tokens[:320].reshape(20, 16), name="killed",
        save_every_seconds=0, keep_best="val_loss",
    )  # fmt: skip
    draws.seen, draws.drawn = 0, 0.0
    return model, history, draws


def main(path: Path) -> None:
    """Train, and write down where it ended."""
    sys.stdin.readline()
    model, history, draws = train_gpt() if os.environ.get("TRAIN") == "gpt" else train()
    variables = [*model.variables, *model.optimizer.variables]
    arrays = {str(i): keras.ops.convert_to_numpy(v) for i, v in enumerate(variables)}
    told = [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in history.epochs]
    told.append([draws.seen, draws.drawn, random.random(), np.random.rand(), history.best_epoch])
    np.savez(path, told=json.dumps(told), **arrays)
    print("resumed from", history.resumed_from, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
