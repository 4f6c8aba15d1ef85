"""Pictures: what notebook 18 shows as recorded, and what its digits give.

Run from the project's folder; COURSE_DATA names the folder with the real data:

    python benchmarks/images.py digits                                  five folds, with baselines
    COURSE_DATA=... python benchmarks/images.py baselines mnist         nearest mean, neighbours, linear
    COURSE_DATA=... python benchmarks/images.py mnist --seed 0          one training, one test
    COURSE_DATA=... python benchmarks/images.py fashion_mnist --seed 0
    COURSE_DATA=... python benchmarks/images.py cifar10 --seconds 600   needs a GPU
    python benchmarks/images.py write                                   keep it in data/images.json

The functions are the notebook's own. Settings were chosen on the validation part (--val measures
there and leaves test shut). Core seconds are the processor's time in training, all threads together;
with `taskset -c 0` before the command they are those of one core.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "images"
EPOCHS = {"mnist": 11, "fashion_mnist": 12, "cifar10": 40}
PEAK = {"mnist": 4e-3, "fashion_mnist": 4e-3, "cifar10": 2e-3}


def loaded() -> tuple:
    """The notebook's functions, and the loaders."""
    sys.path.insert(0, str(ROOT))
    from helpers import runtime

    runtime.start(None, precision="float32", seed=0)
    from helpers import images
    from tests.cells import namespace

    return namespace("18"), images


def digits() -> None:
    """Five folds: the network and what it is compared with; nothing is chosen here."""
    notebook, images = loaded()
    x, y = images.digits()
    flat = x.reshape(len(x), -1) / 255.0
    said = {"linear": np.empty(len(y), int), "3 nearest neighbours": np.empty(len(y), int)}
    for rows, held in notebook.SHUFFLED.split(flat, y):
        said["linear"][held] = notebook.linear().fit(flat[rows], y[rows]).predict(flat[held])
        neighbours = notebook.KNeighborsClassifier(3).fit(flat[rows], y[rows])
        said["3 nearest neighbours"][held] = neighbours.predict(flat[held])
    began, began_cpu = time.perf_counter(), time.process_time()
    said["convolutional"] = notebook.network_by_folds(x, y, epochs=16, batch_size=96).argmax(axis=1)
    seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    hits = {name: answers == y for name, answers in said.items()}
    for name, hit in hits.items():
        folds = [hit[held].mean() for _, held in notebook.SHUFFLED.split(flat, y)]
        print(f"{name}: mean of folds {np.mean(folds):.4f}, wrong {np.sum(~hit)}, folds",
              np.round(folds, 4))  # fmt: skip
    print("above linear:", np.round(notebook.difference(hits["convolutional"], hits["linear"]), 4))
    print(f"five trainings: {seconds:.1f} s, {cpu:.1f} s of processor time")


def baselines(name: str, only: str | None = None) -> None:
    """What learns nothing or little, on test: fitted on train and validation together."""
    notebook, images = loaded()
    found = getattr(images, name)("mirror")
    x = np.concatenate([found.train.x, found.val.x]).reshape(-1, found.train.x[0].size)
    y = np.concatenate([found.train.y, found.val.y])
    x_test, y_test = found.test
    x_test = x_test.reshape(len(x_test), -1)
    rows = np.random.default_rng(0).permutation(len(y))[:20_000]  # for the linear model: a third
    for system, model, kept in (
        ("nearest mean", notebook.NearestMean(), slice(None)),
        ("linear", notebook.LogisticRegression(C=0.01, max_iter=60), rows),
        ("3 nearest neighbours", notebook.KNeighborsClassifier(3, algorithm="brute"), slice(None)),
    ):
        if only not in (None, system):
            continue
        if system == "3 nearest neighbours" and name == "cifar10":
            continue  # 50,000 x 10,000 x 3,072 differences: minutes, for a third right
        began = time.process_time()
        model.fit(x[kept].astype("float32") / 255, y[kept])
        seconds = time.process_time() - began
        said = np.concatenate([model.predict(x_test[i : i + 1000].astype("float32") / 255)
                               for i in range(0, len(x_test), 1000)])  # fmt: skip
        keep(f"{name}-{system}", system=system, seconds=seconds, **judged(said, y_test))


def network(name: str, seed: int, epochs: int | None, seconds: float | None, val: bool) -> None:
    """Train once on the training part; measure on test, or with `val` on validation."""
    notebook, images = loaded()
    import keras

    found = getattr(images, name)("mirror")
    keras.utils.set_random_seed(seed)
    model, change = None, None
    if name == "cifar10":
        flip = keras.layers.RandomFlip("horizontal", seed=seed)
        wobble = notebook.Wobble(degrees=0, stretch=0.0, shift=4, seed=seed)
        change = lambda x: wobble(flip(x))  # noqa: E731
        model = notebook.residual((32, 32, 3), change, (64, 128, 256), blocks=2)
    else:
        model = {"mnist": notebook.mnist_network, "fashion_mnist": notebook.fashion_network}[name](
            seed
        )
    began, began_cpu = time.perf_counter(), time.process_time()
    if seconds:
        notebook.within(model, found.train, seconds, peak=PEAK[name], seed=seed)
        read = notebook.reader(model)
    else:
        read = notebook.trained(
            model, *found.train, epochs=epochs or EPOCHS[name], batch_size=128, seed=seed,
            learning_rate=PEAK[name],
        )  # fmt: skip
    spent, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    on_val = np.mean(read(found.val.x).argmax(axis=1) == found.val.y)
    print(f"{name}, seed {seed}: validation {on_val:.4f}; {spent:.0f} s, {cpu:.0f} s of processor")
    if val:
        return
    x_test, y_test = found.test
    said = read(x_test)
    keep(f"{name}-convolutional-{seed}", system="convolutional", seed=seed, seconds=spent, cpu=cpu,
         epochs=epochs or EPOCHS[name], parameters=model.count_params(), val=float(on_val),
         calibration=notebook.calibration_error(said.max(1), said.argmax(1) == y_test),
         lossy=found.lossy, **judged(said.argmax(axis=1), y_test))  # fmt: skip


def judged(said: np.ndarray, y: np.ndarray) -> dict:
    """Accuracy and the confusion matrix."""
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (y, said), 1)
    return {"accuracy": float(np.mean(said == y)), "confusion": confusion.tolist()}


def keep(name: str, **found: object) -> None:
    """One measurement in a file of its own."""
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{name}.json").write_text(json.dumps(found, indent=1))
    print("kept", name, f"{found['accuracy']:.4f}", f"{found['seconds']:.0f} s", flush=True)


def write() -> None:
    """Every measurement kept here, into data/images.json; several seeds become their mean."""
    sys.path.insert(0, str(ROOT))
    from scipy.stats import binomtest

    from helpers import images

    found: dict = {}
    for name in EPOCHS:
        runs: dict[str, list] = {}
        for file in sorted(OUT.glob(f"{name}-*.json")):
            one = json.loads(file.read_text())
            runs.setdefault(one["system"], []).append(one)
        systems = {}
        for system in sorted(runs, key=lambda s: np.mean([r["accuracy"] for r in runs[s]])):
            many = runs[system]
            mean = float(np.mean([run["accuracy"] for run in many]))
            ends = binomtest(round(mean * 10_000), 10_000).proportion_ci(0.95, "wilson")
            systems[system] = {
                "accuracy": round(mean, 5), "from": round(ends.low, 5), "to": round(ends.high, 5),
                "seeds": len(many),
                "core_seconds": round(float(np.mean([r.get("cpu", r["seconds"]) for r in many])), 1),
            }  # fmt: skip
        last = runs.get("convolutional", [None])[0]
        found[name] = {"systems": systems, "lossy": name == "cifar10"}
        if last:
            about = {key: last[key] for key in ("confusion", "parameters", "epochs", "calibration")}
            found[name] |= about | {"by_seed": [r["accuracy"] for r in runs["convolutional"]]}
    images.save_recorded(found)
    print(
        json.dumps(
            {n: {s: v["accuracy"] for s, v in f["systems"].items()} for n, f in found.items()}
        )
    )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=("digits", "baselines", *EPOCHS, "write"))
    parser.add_argument("name", nargs="?", choices=tuple(EPOCHS))
    parser.add_argument("--only", help="one of the baselines, by its name")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--val", action="store_true")
    options = parser.parse_args()
    if options.what == "digits":
        digits()
    elif options.what == "write":
        write()
    elif options.what == "baselines":
        baselines(options.name or parser.error("baselines of which set?"), options.only)
    else:
        network(options.what, options.seed, options.epochs, options.seconds, options.val)


if __name__ == "__main__":
    main()
