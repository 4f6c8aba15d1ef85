"""What XLA counts of a training step of a GPT: operations and memory; notebook 21 shows it recorded.

    python benchmarks/compute_cost.py            writes data/compute_cost.json

One step (forward, backward, Adam) of five sizes in two styles is compiled by JAX for the processor, and
asked for its own counts: `cost_analysis()["flops"]` and `memory_analysis()`. Nothing is run. Two more
(`HELD_OUT`) are steps that the formulas' constants were not set on. One size is compiled once more with
each block's activations computed anew in the backward pass (gradient
checkpointing, `jax.checkpoint`). JAX is among the packages of tests/backends.txt.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT, FILE = ROOT / "build" / "compute_cost", ROOT / "data" / "compute_cost.json"
sys.path.insert(0, str(ROOT))

# name: batch size, fields of GPTConfig. "mini" twice: with a small and a larger vocabulary.
SIZES = {
    "nano": (8, {"size": "nano", "vocab_size": 256}),
    "micro": (8, {"size": "micro", "vocab_size": 256}),
    "wide": (4, {"size": "micro", "vocab_size": 256, "embed_dim": 256, "num_layers": 2,
                 "context_length": 128}),
    "mini": (4, {"size": "mini", "vocab_size": 256}),
    "mini, 2,048 tokens": (4, {"size": "mini", "vocab_size": 2048}),
}  # fmt: skip
# The formulas' rough constants were set on the sizes above; these were counted afterwards.
HELD_OUT = {
    "nano, context 256, 1,000 tokens": (
        "llama", 8, {"size": "nano", "vocab_size": 1000, "context_length": 256},
    ),
    "nano, batch 32": ("gpt2", 32, {"size": "nano", "vocab_size": 256}),
}  # fmt: skip
CHECKPOINTED = "micro"


def config_of(name: str, style: str):
    """The configuration of a size in a style, and its batch size."""
    from helpers import gpt

    batch_size, fields = SIZES[name] if name in SIZES else HELD_OUT[name][1:]
    fields = dict(fields)
    return gpt.GPTConfig.of(fields.pop("size"), style=style, **fields), batch_size


def measure(name: str, style: str, checkpointing: bool = False) -> dict:
    """XLA's counts of one compiled training step."""
    import jax
    import keras
    import numpy as np

    from helpers import gpt

    config, batch_size = config_of(name, style)
    model = gpt.GPT(config)
    if checkpointing:
        for block in model.blocks:
            block.call = keras.remat(block.call)
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(model.trainable_variables)
    weights, fixed, state = (
        [v.value for v in variables]
        for variables in (
            model.trainable_variables, model.non_trainable_variables, optimizer.variables,
        )
    )  # fmt: skip
    tokens = np.zeros((batch_size, config.context_length), "int32")

    def loss(weights, tokens, targets):
        logits, _ = model.stateless_call(weights, fixed, tokens, training=True)
        return gpt.mean_nats(logits, targets)

    def step(weights, state, tokens, targets):
        value, gradients = jax.value_and_grad(loss)(weights, tokens, targets)
        weights, state = optimizer.stateless_apply(state, gradients, weights)
        return weights, state, value

    program = jax.jit(step, donate_argnums=(0, 1)).lower(weights, state, tokens, tokens).compile()
    memory = program.memory_analysis()
    return {
        "size": name, "style": style, "checkpointing": checkpointing,
        "parameters": model.count_params(), "batch_size": batch_size,
        "context_length": config.context_length,
        "flop": program.cost_analysis()["flops"],
        "held_bytes": memory.argument_size_in_bytes,  # weights, optimizer, batch
        "temporary_bytes": memory.temp_size_in_bytes,  # gradients, activations
    }  # fmt: skip


def kept_bytes(name: str, style: str, checkpointing: bool) -> int:
    """What automatic differentiation keeps for the way back, before any compiler sees it."""
    import jax
    import keras
    import numpy as np
    from jax._src.ad_checkpoint import saved_residuals  # what print_saved_residuals prints

    from helpers import gpt

    config, batch_size = config_of(name, style)
    model = gpt.GPT(config)
    if checkpointing:
        for block in model.blocks:
            block.call = keras.remat(block.call)
    weights, fixed = (
        [v.value for v in variables]
        for variables in (model.trainable_variables, model.non_trainable_variables)
    )
    tokens = np.zeros((batch_size, config.context_length), "int32")

    def loss(weights: list, tokens: jax.Array) -> jax.Array:
        logits, _ = model.stateless_call(weights, fixed, tokens, training=True)
        return gpt.mean_nats(logits, tokens)

    found = saved_residuals(loss, weights, tokens)
    return sum(a.size * a.dtype.itemsize for a, said in found if "argument" not in said)


def kept(*case) -> dict:
    """The counts of a case; an interrupted series goes on where it stopped."""
    OUT.mkdir(parents=True, exist_ok=True)
    file = OUT / ("-".join(map(str, case)).replace(" ", "").replace(",", "") + ".json")
    if not file.exists():
        file.write_text(json.dumps(measure(*case)))
    row = json.loads(file.read_text())
    print(row, flush=True)
    return row


def main() -> None:
    """Measure all cases and keep them."""
    os.environ["KERAS_BACKEND"], os.environ["JAX_PLATFORMS"] = "jax", "cpu"
    import jax

    from helpers import runtime

    rows = [kept(name, style) for name in SIZES for style in ("gpt2", "llama")]
    rows.append(kept(CHECKPOINTED, "gpt2", True))
    table = {
        "command": "python benchmarks/compute_cost.py", "jax": jax.__version__,
        "device": "processor", "precision": "float32", "steps": rows,
        "held_out": [kept(name, style) for name, (style, *_) in HELD_OUT.items()],
        "kept_bytes": {
            how: kept_bytes(CHECKPOINTED, "gpt2", how == "checkpointing")
            for how in ("usual", "checkpointing")
        },
    }  # fmt: skip
    with runtime.write_atomically(FILE) as part:
        part.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
