"""The Free Spoken Digit Dataset: single digits, and strings by CTC; what notebook 19 shows as recorded.

Run from the project's folder; COURSE_DATA names the folder with the real data:

    COURSE_DATA=... python benchmarks/speech.py known --part val   settings, looked at on validation
    COURSE_DATA=... python benchmarks/speech.py known              the set's own test part
    COURSE_DATA=... python benchmarks/speech.py fold --speaker theo   a speaker held out (each of six)
    python benchmarks/speech.py write                              keep it in data/speech.json

The functions are the notebook's own. `known` trains on other recordings of the six speakers; `fold`
knows nothing of the speaker it is tested on, and is tested on all 500 clips of that speaker.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "speech"
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
STRINGS, TEST_STRINGS = 1500, 300


def loaded() -> tuple:
    """The notebook's functions and the helpers that they need."""
    sys.path.insert(0, str(ROOT))
    from helpers import runtime

    runtime.start("cpu", precision="float32", seed=0)
    from helpers import speech
    from tests.cells import namespace

    return namespace("19"), speech, runtime


def known(part: str, seed: int, seconds: float, string_seconds: float) -> None:
    """Train on recordings of all six; measure on other recordings."""
    import pandas as pd

    notebook, speech, _ = loaded()
    found = speech.fsdd("mirror")
    if part == "val":
        train, test = found.train, found.val
    else:
        train, test = pd.concat([found.train, found.val], ignore_index=True), found.test
    name = f"known-{part}-{seed}"
    measure(name, train, test, notebook.KNOWN_SPEAKERS, seed, seconds, string_seconds)


def fold(speaker: str, seed: int, seconds: float, string_seconds: float) -> None:
    """Train on five speakers; measure on the sixth."""
    import pandas as pd

    notebook, speech, _ = loaded()
    every = pd.concat(list(speech.fsdd("mirror")), ignore_index=True)
    own = every["speaker"] == speaker
    train, test = every[~own].reset_index(drop=True), every[own].reset_index(drop=True)
    name = f"fold-{speaker}-{seed}"
    measure(name, train, test, notebook.NEW_SPEAKERS, seed, seconds, string_seconds)


def measure(name, train, test, vary, seed, seconds, string_seconds) -> None:
    """Classifier, baseline and recognizer of strings; one file of what they said."""
    notebook, speech, runtime = loaded()
    x, x_test = notebook.pictures(train["wave"]), notebook.pictures(test["wave"])
    labels = test["label"].to_numpy()
    model, encoder = notebook.trained_classifier(
        x, train["label"], seconds=seconds, seed=seed, **vary
    )
    answers = notebook.said(model, x_test)
    near = notebook.nearest(x_test, x, train["label"])
    majority = np.bincount(train["label"]).argmax()
    kept = {
        "cores": runtime.cores(),
        "seconds": seconds,
        "clips": len(test),
        "majority": float((labels == majority).mean()),
        "nearest": float((near == labels).mean()),
        "network": float((answers == labels).mean()),
        "labels": labels.tolist(),
        "answers": answers.tolist(),
    }
    print(name, {k: kept[k] for k in ("nearest", "network")}, flush=True)
    strings = speech.strings(train, STRINGS, seed=seed)
    test_strings = speech.strings(test, TEST_STRINGS, seed=seed + 1)
    recognizer = notebook.trained_recognizer(
        strings, encoder, seconds=string_seconds, seed=seed, **vary
    )
    chances = notebook.chances_of(recognizer, test_strings)
    words = sum(map(len, test_strings.digits))
    heard = {
        "greedy": [notebook.greedy(each) for each in chances],
        "beam of 16": [next(iter(notebook.beam_search(each))) for each in chances],
        "beam, check digit": [notebook.first_that_fits(each) for each in chances],
    }
    kept |= {"string_seconds": string_seconds, "words": words}
    kept["errors"] = {
        how: speech.word_errors(test_strings.digits, found).tolist() for how, found in heard.items()
    }
    kept["sizes"] = [len(digits) for digits in test_strings.digits]
    print(name, {how: sum(e) / words for how, e in kept["errors"].items()}, flush=True)
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{name}.json").write_text(json.dumps(kept))


def write(seed: int) -> None:
    """One table of all that was measured, kept in data/speech.json."""
    sys.path.insert(0, str(ROOT))
    from helpers import speech

    names = {"known": f"known-test-{seed}", **{s: f"fold-{s}-{seed}" for s in SPEAKERS}}
    kept = {}
    for who, name in names.items():
        one = json.loads((OUT / f"{name}.json").read_text())
        row = {k: round(one[k], 4) for k in ("majority", "nearest", "network")}
        rates = {how: round(sum(e) / one["words"], 4) for how, e in one["errors"].items()}
        about = {k: one[k] for k in ("clips", "words", "cores", "seconds", "string_seconds")}
        confusion = np.zeros((10, 10), int)
        np.add.at(confusion, (one["labels"], one["answers"]), 1)
        kept[who] = {**row, "word_error_rate": rates, **about, "confusion": confusion.tolist()}
    speech.save_recorded({"seed": seed, "speakers": kept})
    folds = [kept[s] for s in SPEAKERS]
    for key in ("nearest", "network"):
        print(f"{key}: known {kept['known'][key]:.4f}, mean of folds "
              f"{np.mean([f[key] for f in folds]):.4f}")  # fmt: skip
    for how in kept["known"]["word_error_rate"]:
        mean = np.mean([f["word_error_rate"][how] for f in folds])
        print(f"{how}: known {kept['known']['word_error_rate'][how]:.4f}, folds {mean:.4f}")


def main() -> None:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["known", "fold", "write"])
    parser.add_argument("--part", choices=["val", "test"], default="test")
    parser.add_argument("--speaker", choices=SPEAKERS, nargs="+", default=SPEAKERS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=100, help="to train the classifier")
    parser.add_argument("--string-seconds", type=float, default=70, help="and the recognizer")
    asked = parser.parse_args()
    if asked.what == "write":
        write(asked.seed)
    elif asked.what == "known":
        known(asked.part, asked.seed, asked.seconds, asked.string_seconds)
    else:
        for speaker in asked.speaker:
            fold(speaker, asked.seed, asked.seconds, asked.string_seconds)


if __name__ == "__main__":
    main()
