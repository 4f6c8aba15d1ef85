"""The ladder of notebook 15 on the real IMDB reviews, a rung and a seed at a time.

Run from the project's folder; COURSE_DATA names the folder with the real data:

    COURSE_DATA=... python benchmarks/imdb_classifiers.py                 all rungs, three seeds each
    COURSE_DATA=... python benchmarks/imdb_classifiers.py --rung Transformer --seed 1
    python benchmarks/imdb_classifiers.py --write                        keep what was measured

The models, and the way they are chosen and measured, are the notebook's own functions. Each
measurement is kept in build/imdb_ladder/; `--write` makes data/imdb_ladder.json and
data/imdb_answers.parquet of them, which ship, and prints the table.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "imdb_ladder"
SEEDS = (0, 1, 2)
ONCE = ("the same answer always", "lexicon", "naive Bayes", "logistic regression", "NB-SVM")
NETWORKS = ("bag of bigrams", "convolution", "recurrent", "recurrent, no mask", "Transformer",
            "GPT, pretrained", "GPT, random")  # fmt: skip
TOGETHER = ("ensemble", "ensemble, by film")


def prepared(seed: int) -> tuple[dict, SimpleNamespace]:
    """The notebook's functions, with the real reviews, their split and a ladder to work on."""
    sys.path.insert(0, str(ROOT))
    from sklearn.model_selection import StratifiedGroupKFold

    from helpers import classifiers, data
    from tests.cells import namespace

    notebook = namespace("15")
    reviews = data.imdb("mirror")
    train, test = reviews.train.drop_duplicates("text"), reviews.test
    texts, y = train["text"].tolist(), train["label"].to_numpy()
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    kept, val = next(folds.split(texts, y, classifiers.films(texts)))
    state = notebook.compete.__globals__
    state.update(
        real=True, live=True, SEED=seed, val_said={}, fitted={}, train_texts=texts, y_train=y,
        test_texts=test["text"].tolist(), ladder=classifiers.Ladder(test["label"]), kept_rows=kept,
        val_rows=val, y_fit=y[kept], y_val=y[val], size=notebook.SIZES["real"],
        runs=notebook.RUNS["real"], num_words=notebook.SIZES["real"]["words"],
    )  # fmt: skip
    return state, notebook


def measure(rung: str, seed: int) -> None:
    """One rung with one seed: fitted, measured once, kept in a file."""
    state, _ = prepared(seed)
    began = time.perf_counter()
    run(rung, state)
    found = state["ladder"].rungs[rung]
    OUT.mkdir(parents=True, exist_ok=True)
    about = {
        "accuracy": found.accuracy, "seconds": found.seconds, "parameters": found.parameters,
        "all_told": time.perf_counter() - began, "cores": len(os.sched_getaffinity(0)),
    }  # fmt: skip
    val = state["val_said"].get(rung)
    if val is not None:
        about["val_accuracy"] = float(np.mean((val > 0.5) == state["y_val"]))
    np.savez(
        OUT / f"{rung}-{seed}.npz", said=state["ladder"].said[rung], labels=state["ladder"].labels,
        val=np.zeros(0) if val is None else val, y_val=state["y_val"], about=json.dumps(about),
    )  # fmt: skip
    print(rung, seed, json.dumps(about), flush=True)


def run(rung: str, state: dict) -> None:
    """Call the notebook's functions as its cells do."""
    texts = state["train_texts"], state["test_texts"]
    size, words = state["size"], state["num_words"]
    if rung in SIMPLE:
        SIMPLE[rung](state)
    elif rung == "bag of bigrams":
        x, x_test, count = state["rows_of_bigrams"](*texts, size["bag_length"])
        state["compete"](rung, lambda: state["bag_of_bigrams"](count), x, x_test)
    elif rung.startswith("GPT"):
        x, x_test = (state["gpt_rows"](part, size["gpt_length"]) for part in texts)
        state["compete"](rung, lambda: state["gpt_reader"]("pre" in rung), x, x_test)
    else:
        name, _, no_mask = rung.partition(", ")
        build = state[name.lower()]
        more = {"mask": False} if no_mask else {}
        x, x_test = state["rows_of_words"](*texts, words, size["length"])
        state["compete"](rung, lambda: build(words, **more), x, x_test)


SIMPLE = {
    "the same answer always": lambda state: state["ladder"].score(
        "the same answer always", np.full(len(state["test_texts"]), state["y_train"].mean()),
        parameters=1,
    ),
    "lexicon": lambda state: state["lexicon_rung"](),
    "naive Bayes": lambda state: state["naive_bayes_rung"](),
    "logistic regression": lambda state: state["regression_rung"](),
    "NB-SVM": lambda state: state["nb_svm"]("NB-SVM", state["classifiers"].NGrams(3)),
}  # fmt: skip


def one(rung: str, seed: int) -> None:
    """One rung with one seed."""
    ensemble(seed) if rung == "ensemble" else measure(rung, seed)


def ensemble(seed: int) -> None:
    """The members measured with this seed together, and then film by film, as in the notebook."""
    state, notebook = prepared(seed)
    for name in notebook.MEMBERS:
        kept = load(name, 0 if name in ONCE else seed)
        state["val_said"][name] = kept.val
        state["ladder"].score(name, kept.said, seconds=kept.seconds, parameters=kept.parameters)
    state["val_said"]["ensemble"], said = state["together"](notebook.MEMBERS)
    state["ladder"].score("ensemble", said, **state["cost_of"](notebook.MEMBERS))
    state["film_by_film"]("ensemble")
    for name in TOGETHER:
        rung = state["ladder"].rungs[name]
        about = {
            "accuracy": rung.accuracy, "seconds": rung.seconds, "parameters": rung.parameters,
            "cores": 1,
        }  # fmt: skip
        np.savez(OUT / f"{name}-{seed}.npz", said=state["ladder"].said[name],
                 labels=state["ladder"].labels, val=np.zeros(0), y_val=state["y_val"],
                 about=json.dumps(about))  # fmt: skip
        print(name, seed, json.dumps(about), flush=True)


def load(rung: str, seed: int) -> SimpleNamespace:
    """One measurement: its arrays, and what is said about it."""
    with np.load(OUT / f"{rung}-{seed}.npz") as found:
        arrays = {name: found[name] for name in found.files}
    return SimpleNamespace(**arrays, **json.loads(str(arrays.pop("about"))))


def write() -> None:
    """Make the recorded ladder of all that was measured, and print it."""
    from helpers import classifiers

    rungs, said, labels = {}, {}, None
    for name in (*ONCE, *NETWORKS, *TOGETHER):
        found = [load(name, seed) for seed in SEEDS if (OUT / f"{name}-{seed}.npz").exists()]
        if not found:
            continue
        labels, said[name] = found[0].labels, found[0].said
        low, high = classifiers.interval((found[0].said > 0.5) == labels)
        half = (high - low) / 2
        accuracy = float(np.mean([part.accuracy for part in found]))
        about = {
            "accuracies": [round(part.accuracy, 5) for part in found],
            "cores": found[0].cores,
            "command": f"python benchmarks/imdb_classifiers.py --rung {name!r}",
        }
        rungs[name] = classifiers.Rung(
            name, accuracy, accuracy - half, accuracy + half,
            min(part.seconds for part in found), int(found[0].parameters), about,
        )  # fmt: skip
    classifiers.save_recorded(rungs, said, labels)
    print(classifiers.table(rungs.values()).to_string())


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rung", help="one rung only, by its name in the notebook")
    parser.add_argument("--seed", type=int, help="one seed only")
    parser.add_argument("--write", action="store_true", help="keep what was measured")
    options = parser.parse_args()
    if options.write:
        return write()
    if options.rung and options.seed is not None:
        return one(options.rung, options.seed)
    for name in [options.rung] if options.rung else [*ONCE, *NETWORKS, "ensemble"]:
        for seed in (0,) if name in ONCE else SEEDS:
            command = [sys.executable, __file__, "--rung", name, "--seed", str(seed)]
            subprocess.run(command, check=True)  # a process each, so that none inherits memory
    write()


if __name__ == "__main__":
    main()
