"""Train a GPT with as many workers as TF_CONFIG names; started again, it goes on from its checkpoint.

python slurm/train.py --steps 200 --place runs/first                      one process
sbatch slurm/train.sbatch slurm/train.py --steps 100000 --place runs/large     a cluster

A loop of its own around the GPT of notebook 09: each worker takes its part of the batch, and the
optimizer adds up. The folder --place must be one that all machines see.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """What the command line says, checked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", help="a UTF-8 file; otherwise the topics of Python's help")
    parser.add_argument("--place", default="runs/gpt", help="folder of checkpoint and result")
    parser.add_argument("--size", default="micro", help="nano, micro, mini, small or gpt2")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--batch-size", type=int, default=32, help="of all workers together")
    parser.add_argument("--save-every", type=int, default=50, help="steps between checkpoints")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    found = parser.parse_args(given)
    for name in ("steps", "batch_size", "save_every"):
        if getattr(found, name) < 1:
            parser.error(f"--{name.replace('_', '-')} is {getattr(found, name)}; at least 1")
    if found.text and not Path(found.text).is_file():
        parser.error(f"there is no text {found.text}")
    return found


def tokens_of(text: str | None):
    """The bytes of a text file, or of Python's own help, as tokens (length,)."""
    import numpy as np

    if text is None:
        from pydoc_data import topics

        content = " ".join(topics.topics[name] for name in sorted(topics.topics)).encode()
    else:
        content = Path(text).read_bytes()
    return np.frombuffer(content, np.uint8).astype("int32")


def every_first(strategy, rank: int, num_workers: int, first: int) -> list[int]:
    """The step that each worker would begin with, by rank; all get the same list."""
    import tensorflow as tf

    def own():
        place = tf.one_hot(rank, num_workers, on_value=first, off_value=0, dtype=tf.int64)
        return tf.distribute.get_replica_context().all_reduce("SUM", place)

    return strategy.run(tf.function(own)).numpy().tolist()


def main(given: list[str] | None = None) -> None:
    """Train to the last step, or from the last checkpoint on."""
    about = arguments(given)
    task = json.loads(os.environ.get("TF_CONFIG", "{}"))
    num_workers = len(task.get("cluster", {}).get("worker", [])) or 1
    rank = task.get("task", {}).get("index", 0)
    if about.batch_size % num_workers:
        sys.exit(f"--batch-size {about.batch_size} is not a multiple of {num_workers} workers")

    import tensorflow as tf

    several = num_workers > 1
    strategy = (
        tf.distribute.MultiWorkerMirroredStrategy() if several else tf.distribute.get_strategy()
    )

    replicas = strategy.num_replicas_in_sync
    if replicas != num_workers:
        sys.exit(
            f"{num_workers} workers have {replicas} devices: this program wants one each, or they"
            " read the same rows. Start one task a GPU (--ntasks-per-node, CUDA_VISIBLE_DEVICES)"
        )

    import keras

    from helpers import batches, checkpoints, gpt, state

    with strategy.scope():
        keras.utils.set_random_seed(about.seed)
        model = gpt.GPT(gpt.GPTConfig.of(about.size, vocab_size=256))
        optimizer = keras.optimizers.AdamW(about.learning_rate)
        optimizer.build(model.trainable_variables)

    context_length = model.config.context_length
    everything = model.variables + optimizer.variables
    file, first = Path(about.place) / "checkpoint", 0
    if file.exists():
        saved = checkpoints.read(file)
        first = saved["step"]
        state.assign(everything, saved["values"])
        print(f"worker {rank}: going on from step {first}", flush=True)
    firsts = every_first(strategy, rank, num_workers, first)
    if len(set(firsts)) > 1:
        sys.exit(
            f"the workers read checkpoints of different steps, {firsts}: --place must be one folder"
            " that all machines see"
        )

    def one_worker(x, y):
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(gpt.nats(model(x, training=True), y))
            loss = total / (about.batch_size * context_length)  # of all workers together
        variables = model.trainable_variables
        found = tape.gradient(loss, [v.value for v in variables])
        optimizer.apply([tf.convert_to_tensor(g) for g in found], variables)  # adds up
        return loss

    @tf.function
    def step(x, y):
        return strategy.reduce("SUM", strategy.run(one_worker, (x, y)), axis=None)

    tokens, size = tokens_of(about.text), about.batch_size // num_workers
    own = slice(rank * size, (rank + 1) * size)
    began = time.perf_counter()
    for number in range(first, about.steps):
        # The windows of a step follow from seed and number alone: exact after every restart.
        windows = batches.Windows(tokens, context_length, about.batch_size, 1, about.seed)
        x, y = windows.cut(windows.tokens, windows.places(number)[0][own])
        loss = step(tf.constant(x), tf.constant(y))
        done = number + 1
        if rank == 0 and (done % about.save_every == 0 or done == about.steps):
            values = state.values(everything)
            checkpoints.write(file, {"step": done, "loss": float(loss), "values": values})
            speed = (done - first) / (time.perf_counter() - began)
            print(f"step {done}: loss {float(loss):.4f}, {speed:.1f} steps/s", flush=True)
    print(f"worker {rank} of {num_workers}: done", flush=True)


if __name__ == "__main__":
    main()
