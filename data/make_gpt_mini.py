"""Pretrain the small GPT that ships: python data/make_gpt_mini.py

Text: the documentation of the installed Python (training part) and the docstrings of the installed
packages named below. It writes gpt_mini.keras, gpt_mini_tokenizer.json and the receipt
gpt_mini.json beside this file, all or nothing. On another machine the packages, and so the text,
differ a little; on the same machine two runs are equal bit for bit.

With KERAS_BACKEND=jax and a GPU it takes minutes; on two cores keep to the default number of steps.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import math
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

# Their documentation is English prose and examples on programming, like Python's own.
PACKAGES = (  # noqa: SIM905
    "numpy scipy pandas scikit-learn matplotlib networkx keras datasets tokenizers "
    "huggingface_hub jupyterlab jupyter_server ipython ipywidgets nbformat nbclient papermill "
    "tornado requests pyyaml psutil packaging tqdm joblib pillow"
).split()
SKIPPED = {"tests", "test", "testing", "_vendor", "vendored", "externals", "_extern"}
VOCAB_SIZE, CONTEXT_LENGTH, BATCH_SIZE = 2048, 256, 16
SHAPE = {
    "num_layers": 5, "num_heads": 5, "num_kv_heads": 5, "embed_dim": 160, "style": "llama",
    "activation": "relu2",
}  # fmt: skip
TINY, TINY_VOCAB_SIZE = {"num_layers": 1, "embed_dim": 40, "context_length": 32}, 300
PYTHON_TIMES = 3  # how often Python's own documentation, a tenth of the rest, is in the text
PEAK = 1e-2  # learning rate, reached after a twentieth of the steps
STEPS = 2600
LARGEST = 8_500_000  # bytes that the model may have


def package_docs(package: str) -> list[tuple[str, str]]:
    """Docstrings of an installed package, one document a module, or none if it is not installed."""
    from helpers import data

    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    found = []
    for file in sorted(files, key=str):
        if file.suffix == ".py" and not SKIPPED & set(file.parts) and "test" not in file.stem:
            text = data._documentation(Path(file.locate()))
            if len(text) > 200:
                found.append((str(file), text))
    return found


def corpus(packages: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Training texts, validation texts (Python's documentation only), and the packages read."""
    from helpers import data

    docs = data.python_docs()
    train, read = [], []
    for package in packages:
        found = package_docs(package)
        train += found
        if found:
            read.append(f"{package} {importlib.metadata.version(package)}")
    train, _ = data.without_shared(data._distinct(train), docs.val)
    texts = [text for _, text in train]
    return texts + PYTHON_TIMES * docs.texts("train"), docs.texts("val"), read


def schedule(steps: int) -> object:
    """Up over a twentieth of the steps, then along a cosine down to 0."""
    import keras

    return keras.optimizers.schedules.CosineDecay(
        0.0, steps - steps // 20, warmup_target=PEAK, warmup_steps=max(1, steps // 20)
    )


def pretrain(train, config, steps: int, seed: int, name: str | None):
    """The trained model, and the seconds that it took."""
    import keras

    from helpers import gpt, training

    keras.utils.set_random_seed(seed)
    model = gpt.GPT(config, name="gpt_mini")
    model.compile(keras.optimizers.Muon(schedule(steps), adam_lr_ratio=0.5, adam_beta_2=0.99))
    epoch = min(steps, 200)
    windows = training.windows(train, config.context_length, BATCH_SIZE, steps=epoch, seed=seed)
    history = training.fit(
        model, windows, epochs=math.ceil(steps / epoch), name=name, save_every_seconds=120
    )
    return model, history


def make(folder: Path, steps: int, seed: int, tiny: bool) -> dict:
    """Train, judge and write; returns the receipt."""
    import keras
    import numpy as np

    from helpers import gpt, runtime, text

    runtime.start("cpu", precision="float32", seed=seed)
    shape = {**SHAPE, "context_length": CONTEXT_LENGTH} | (TINY if tiny else {})
    train, val, packages = corpus([] if tiny else PACKAGES)
    tokenizer = text.BPE.train(train, TINY_VOCAB_SIZE if tiny else VOCAB_SIZE)
    joined = "\n\n\n".join(train), "\n\n\n".join(val)
    tokens = [np.array(tokenizer.encode(part), "int32") for part in joined]
    sizes = [len(part.encode()) for part in joined]
    config = gpt.GPTConfig(
        tokenizer.vocab_size, bytes_per_token=round(sizes[0] / len(tokens[0]), 4), **shape
    )
    print(f"{sizes[0] / 1e6:.1f} MB, {len(tokens[0]):,} tokens of {config.bytes_per_token} bytes")
    started = time.perf_counter()
    model, history = pretrain(tokens[0], config, steps, seed, None if tiny else "gpt_mini")
    seconds = time.perf_counter() - started
    bits = gpt.bits_per_byte(model, tokens[1], sizes[1])
    model.compile("adamw")  # a fresh optimizer, without what training left in the old one
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        file = Path(scratch, "gpt_mini.keras")
        model.save(file)
        if file.stat().st_size > LARGEST:
            raise SystemExit(f"the model has {file.stat().st_size:,} bytes; at most {LARGEST:,}")
        tokenizer.save(Path(scratch, "gpt_mini_tokenizer.json"))
        weights = b"".join(w.tobytes() for w in model.get_weights())
        receipt = {
            "command": f"python data/make_gpt_mini.py --steps {steps} --seed {seed}",
            "config": {k: v for k, v in model.get_config()["config"].items()},
            "parameters": model.count_params(),
            "steps": history.steps, "batch_size": BATCH_SIZE, "peak_learning_rate": PEAK,
            "seed": seed, "training_seconds": round(seconds),
            "tokens_seen": history.steps * BATCH_SIZE * config.context_length,
            "train_bytes": sizes[0], "train_blake2b": _digest(joined[0]),
            "val_bytes": sizes[1], "val_blake2b": _digest(joined[1]),
            "val_bits_per_byte": round(bits, 4), "weights_blake2b": _digest(weights),
            "python": platform.python_version(), "keras": keras.__version__,
            "backend": keras.backend.backend(), "packages": packages,
        }  # fmt: skip
        Path(scratch, "gpt_mini.json").write_text(json.dumps(receipt, indent=1) + "\n")
        for made in sorted(Path(scratch).iterdir()):
            shutil.move(made, folder / made.name)
    return receipt


def _digest(content: str | bytes) -> str:
    data = content.encode() if isinstance(content, str) else content
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def main() -> None:
    """Read the command line, make the files, print the receipt."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=HERE, help="where the files go")
    parser.add_argument(
        "--tiny", action="store_true", help="a tiny model on less text, to try the script"
    )
    asked = parser.parse_args()
    receipt = make(asked.folder, asked.steps, asked.seed, asked.tiny)
    print(json.dumps(receipt, indent=1))


if __name__ == "__main__":
    main()
