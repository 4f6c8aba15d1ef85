"""What lab 8 hands to the learner: the baseline of the challenge, and how the check trains."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

VOCAB_SIZE = 256  # a token is a byte
LIMITS = {
    "embed_dim": (8, 256),
    "num_layers": (1, 8),
    "num_heads": (1, 16),
    "context_length": (8, 256),
    "batch_size": (1, 128),
    "steps": (10, 600),
}
TRAIN_BYTES, VAL_BYTES = 400_000, 6_000


def baseline(budget: float) -> dict[str, Any]:
    """The configuration to beat: not foolish, and not tuned."""
    config = {"embed_dim": 48, "num_layers": 2, "num_heads": 3, "context_length": 64,
              "batch_size": 8, "learning_rate": 1e-3}  # fmt: skip
    token = 6 * (12 * 2 * 48**2 + VOCAB_SIZE * 48) + 12 * 2 * 64 * 48
    return {**config, "steps": int(budget // (token * 64 * 8))}


def trained(
    embed_dim: int,
    num_layers: int,
    num_heads: int,
    context_length: int,
    batch_size: int,
    steps: int,
    learning_rate: float,
    seed: int = 0,
) -> float:
    """Train such a GPT on Python's documentation; bits per byte on documents that it never saw.

    AdamW with warm-up over a tenth of the steps, then half a cosine down to 0. Tokens are bytes, the
    output is tied to the embeddings, matrices have no biases.
    """
    from helpers import runtime

    runtime.quiet()
    with runtime.quiet_stderr():
        import keras
        import tensorflow as tf

        from helpers import gpt

    train, val = _texts()
    keras.utils.set_random_seed(seed)
    config = gpt.GPTConfig(VOCAB_SIZE, context_length, num_layers, num_heads, embed_dim, bias=False)
    model = gpt.GPT(config)
    warmup = max(1, steps // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        learning_rate / warmup, max(1, steps - warmup), warmup_target=learning_rate,
        warmup_steps=warmup,
    )  # fmt: skip
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=0.1, beta_2=0.99)
    optimizer.build(model.trainable_variables)

    def step(windows: Any) -> None:
        with tf.GradientTape() as tape:
            loss = gpt.mean_nats(model(windows[:, :-1], training=True), windows[:, 1:])
        found = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(found, model.trainable_variables)

    program = tf.function(step, autograph=False)
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        starts = rng.integers(0, len(train) - context_length, batch_size)
        program(tf.constant(train[starts[:, None] + np.arange(context_length + 1)]))
    return _judged(model, val, context_length)


def _judged(model: Any, text: np.ndarray, length: int) -> float:
    """Bits per byte: windows overlap by half, and each byte is counted in one of them."""
    import tensorflow as tf

    from helpers import gpt

    half, nats, count = max(1, length // 2), 0.0, 0
    starts = np.arange(0, len(text) - length, half)
    for group in np.array_split(starts, math.ceil(len(starts) / 128)):
        windows = tf.constant(text[group[:, None] + np.arange(length + 1)])
        each = np.array(gpt.nats(model(windows[:, :-1], training=False), windows[:, 1:]))
        new = np.broadcast_to(np.arange(length) >= length - half, each.shape).copy()
        new[group == 0] = True
        nats, count = nats + float(each[new].sum(dtype="float64")), count + int(new.sum())
    return nats / count / math.log(2)


@functools.cache
def _texts() -> tuple[np.ndarray, np.ndarray]:
    """Bytes to learn from, and others, of other documents, to be judged by."""
    from helpers import data

    corpus = data.python_docs("sample")
    return tuple(
        np.frombuffer("\n\n".join(corpus.texts(split)).encode()[:size], "uint8").astype("int32")
        for split, size in (("train", TRAIN_BYTES), ("val", VAL_BYTES))
    )
