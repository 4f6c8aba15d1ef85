"""A scaling law of the course's own: what notebook 21 shows as recorded.

    nice python benchmarks/scaling_law.py small    32 trainings, 8 sizes x 3 amounts of text
    python benchmarks/scaling_law.py band          fit the law, fix the band of the larger run
    nice python benchmarks/scaling_law.py larger   train the larger model, and hold it to the band

Each model is trained on bytes of the installed Python's documentation, at a learning rate that falls
to 0 at the end of *its* run (Hoffmann et al. 2022). Windows start at places drawn with replacement,
so a byte can come twice: of the 1,048,576 of the larger run, 26% had been drawn before. What is
counted are bits per byte on documents held out. `band` writes the prediction with a digest of the
runs that it rests on, and refuses once the larger run is there; `larger` refuses until the band is
there, and writes down the band's digest. Digests, and the commits of this file, prove the order; the
dates are the clock's word. `after` trains the larger model at half the learning rate once the outcome
is known, and says so; `intervals` adds how uncertain the law's numbers are (both replace what they
wrote before); `rates` tries some rates on small models (build/, not data/).
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
OUT = ROOT / "build" / "scaling"
FILE = ROOT / "data" / "scaling_law.json"

CONTEXT, BATCH_SIZE = 64, 8  # 512 tokens a step
NUM_LAYERS, HEAD_DIM = 2, 8
WIDTHS = (8, 16, 24, 32, 40, 48, 56, 64)
TOKENS = (131_072, 262_144, 524_288)
LARGER = 96, 1_048_576  # width, tokens: 2 x the parameters, 2 x the tokens of the largest
AFTER = (0.015,)  # learning rates tried once the outcome was known
# Learning rate of every width. The reason, that Muon's steps have the same size in all of them, does
# not carry to the larger model: `after` does better at half of it.
PEAK = 0.03
DRAWS = 200  # laws of the bootstrap behind the intervals


class Trainer:
    """One size of model, compiled once and started afresh for each run."""

    def __init__(self, width: int) -> None:
        import keras

        from helpers import gpt

        self.width = width
        heads = width // HEAD_DIM
        config = gpt.GPTConfig(
            256, CONTEXT, NUM_LAYERS, heads, width, style="llama", activation="relu2",
            num_kv_heads=heads,
        )  # fmt: skip
        self.model = gpt.GPT(config)
        self.model.compile(
            keras.optimizers.Muon(
                PEAK, adam_lr_ratio=0.3, adam_beta_2=0.99, exclude_layers=[".*embedding.*"]
            )
        )
        self.model.optimizer.build(self.model.trainable_variables)

    def begin(self, seed: int) -> None:
        """New starting weights of that seed, and an optimizer that has seen nothing."""
        import keras

        from helpers import gpt

        keras.utils.set_random_seed(seed)
        self.model.set_weights(gpt.GPT(self.model.config).get_weights())
        for variable in self.model.optimizer.variables:
            variable.assign(keras.ops.zeros_like(variable))

    def run(self, tokens: int, seed: int, peak: float | None = None) -> dict:
        """Train on so many tokens; returns a row of the table."""
        import keras
        import numpy as np

        from helpers import gpt

        train_tokens, val_tokens = text()
        steps, peak = tokens // (CONTEXT * BATCH_SIZE), peak or PEAK
        warm = max(1, steps // 20)

        def schedule(step: int) -> float:
            """Up over a twentieth of the steps, then evenly down to 0."""
            return peak * min((step + 1) / warm, (steps - step) / (steps - warm))

        self.begin(seed)
        optimizer = self.model.optimizer
        follow = keras.callbacks.LambdaCallback(
            on_train_batch_begin=lambda step, logs: optimizer.learning_rate.assign(schedule(step))
        )
        starts = np.random.default_rng(seed).integers(
            len(train_tokens) - CONTEXT - 1, size=steps * BATCH_SIZE
        )
        windows = train_tokens[starts[:, None] + np.arange(CONTEXT + 1)]
        began, cpu = time.perf_counter(), time.process_time()
        self.model.fit(
            windows[:, :-1], windows[:, 1:], batch_size=BATCH_SIZE, shuffle=False, verbose=0,
            callbacks=[follow],
        )  # fmt: skip
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        bits = gpt.bits_per_byte(self.model, val_tokens, len(val_tokens), batch_size=64)
        row = {
            "embed_dim": self.width, "parameters": self.model.count_params(), "tokens": tokens,
            "bits_per_byte": round(bits, 5), "seed": seed, "learning_rate": round(peak, 6),
            "seconds": round(seconds, 1), "processor_seconds": round(cpu, 1),
        }  # fmt: skip
        print(row, flush=True)
        return row


_TEXT: list = []


def text() -> list:
    """Bytes to train on and bytes held out, read once."""
    if not _TEXT:
        from helpers import data, runtime

        runtime.start("cpu", precision="float32", seed=0)
        corpus = data.python_docs()
        _TEXT.extend([data.tokens(corpus), data.tokens(corpus, split="val")])
    return _TEXT


def now() -> str:
    """The time, to the second, in UTC."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def kept(trainer: Trainer | None, width: int, tokens: int, seed: int) -> tuple:
    """The row of a run, and the trainer; an interrupted series goes on where it stopped."""
    OUT.mkdir(parents=True, exist_ok=True)
    file = OUT / f"{width}-{tokens}-{seed}.json"
    if not file.exists():
        trainer = trainer or Trainer(width)
        file.write_text(json.dumps(trainer.run(tokens, seed)))
    return json.loads(file.read_text()), trainer


def read() -> dict:
    """What is written so far."""
    return json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}


def write(table: dict) -> None:
    """Keep it, whole or not at all."""
    from helpers import runtime

    with runtime.write_atomically(FILE) as part:
        part.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


def small() -> None:
    """The small runs; none of them may come after the band."""
    if "band" in read():
        raise SystemExit(f"{FILE.name} has a band already: move it away to begin anew")
    rows = []
    for width in WIDTHS:
        trainer = None
        # The smallest budget twice, from other starting weights: what chance alone does.
        for tokens, seed in [(TOKENS[0], 0), (TOKENS[0], 1), (TOKENS[1], 0), (TOKENS[2], 0)]:
            row, trainer = kept(trainer, width, tokens, seed)
            rows.append(row)
    import platform

    train_tokens, val_tokens = text()
    write({
        "command": "python benchmarks/scaling_law.py small",
        "text": f"documentation of Python {platform.python_version()}",
        "train_bytes": len(train_tokens), "val_bytes": len(val_tokens),
        "context_length": CONTEXT, "batch_size": BATCH_SIZE, "num_layers": NUM_LAYERS,
        "date": now(), "runs": rows,
    })  # fmt: skip


def band() -> None:
    """Fit the law and fix the band, before the larger run."""
    from helpers import scaling

    table = read()
    if "runs" not in table:
        raise SystemExit("there are no small runs yet: python benchmarks/scaling_law.py small")
    if "larger" in table or (OUT / "larger.json").exists():
        raise SystemExit("the larger run is there already: a band of now would be no prediction")
    width, tokens = LARGER
    num_parameters = parameters_of(width)
    law = scaling.fit(table["runs"])
    low, middle, high = scaling.prediction_band(table["runs"], num_parameters, tokens)
    table["law"] = law.as_dict()
    table["band"] = {
        "parameters": num_parameters, "tokens": tokens, "level": scaling.LEVEL,
        "low": round(low, 5), "middle": round(middle, 5), "high": round(high, 5),
        "runs_digest": scaling.digest(table["runs"]), "date": now(),
    }  # fmt: skip
    write(table)
    print(table["law"], table["band"], sep="\n")


def parameters_of(width: int) -> int:
    """Parameters of a model of that width, by formula: the larger one does not exist yet."""
    return 256 * width + NUM_LAYERS * (12 * width**2 + 2 * width) + width


def larger() -> None:
    """The larger run, held to the band of before."""
    from helpers import scaling

    table = read()
    if "band" not in table:
        raise SystemExit("fix the band first: python benchmarks/scaling_law.py band")
    if table["band"]["runs_digest"] != scaling.digest(table["runs"]):
        raise SystemExit("the small runs are not those that the band rests on")
    if "larger" in table:
        raise SystemExit("the larger run is there already; it is made once")
    band_digest, began = scaling.digest(table["band"]), now()
    row = Trainer(LARGER[0]).run(LARGER[1], 0)
    (OUT / "larger.json").write_text(json.dumps(row))
    if row["parameters"] != table["band"]["parameters"]:
        raise SystemExit("the band was made for another size")
    row |= {"band_digest": band_digest, "began": began, "date": now()}
    row["held"] = table["band"]["low"] <= row["bits_per_byte"] <= table["band"]["high"]
    table["larger"] = row
    write(table)
    print("held" if row["held"] else "did not hold", table["band"], row)


def after() -> None:
    """The larger model again at another learning rate: to learn from the outcome, not to mend it."""
    table = read()
    if "larger" not in table:
        raise SystemExit("this comes after the larger run: python benchmarks/scaling_law.py larger")
    width, tokens = LARGER
    trainer = Trainer(width)
    rows = [trainer.run(tokens, 0, peak) | {"date": now()} for peak in AFTER]
    write(read() | {"after": rows})


def intervals() -> None:
    """95% intervals of the law's numbers and of what it advises, from refits to runs drawn anew."""
    import numpy as np

    from helpers import scaling

    table = read()
    if "larger" not in table:
        raise SystemExit("this comes after the larger run: python benchmarks/scaling_law.py larger")
    flop = 6 * table["larger"]["parameters"] * table["larger"]["tokens"]
    near = scaling.Law(**table["law"])
    laws = scaling.bootstrap(table["runs"], near=near, draws=DRAWS)
    found = {name: [getattr(law, name) for law in laws] for name in ("e", "alpha", "beta")}
    found["best_parameters"], found["best_tokens"] = zip(
        *(law.best(flop) for law in laws), strict=True
    )
    rows = {
        name: [float(f"{end:.4g}") for end in np.quantile(values, (0.025, 0.975))]
        for name, values in found.items()
    }
    write(read() | {"intervals": {"level": 0.95, "draws": len(laws), "date": now()} | rows})


def rates() -> None:
    """Which learning rate suits which width; at the smallest budget."""
    found = []
    for width in (16, 32, 64):
        trainer = Trainer(width)
        found += [trainer.run(TOKENS[0], 0, peak) for peak in (0.005, 0.01, 0.02, 0.04)]
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "rates.json").write_text(json.dumps(found, indent=1))


def main() -> None:
    """Read the command line and do that stage, on one core."""
    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(name, "1")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    stages = {"small": small, "band": band, "larger": larger, "after": after,
              "intervals": intervals, "rates": rates}  # fmt: skip
    parser.add_argument("stage", choices=stages)
    stages[parser.parse_args().stage]()


if __name__ == "__main__":
    main()
