"""Summaries of abstracts (SciTLDR) and talks (DialogSum): what notebook 17 shows as recorded.

Run from the project's folder; COURSE_DATA names the folder with the real data:

    COURSE_DATA=... python benchmarks/summarization.py picks            lead, TextRank, classifier
    COURSE_DATA=... python benchmarks/summarization.py writer --seed 0  extract, then rewrite (SciTLDR)
    COURSE_DATA=... python benchmarks/summarization.py write            keep it in data/summaries.json

The functions are the notebook's own. C was chosen on the validation part.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "summarization"
SETS = ("scitldr", "dialogsum")
CS = (0.01, 0.1)


def loaded() -> tuple:
    """The notebook's functions and the helpers that they need."""
    sys.path.insert(0, str(ROOT))
    from helpers import runtime

    runtime.start("cpu", precision="float32", seed=0)
    from helpers import pairs, summaries
    from tests.cells import namespace

    return namespace("17"), pairs, summaries


def picks(name: str) -> None:
    """Fit with each C, choose on validation, measure the systems on test; keep sentences picked."""
    notebook, pairs, summaries = loaded()
    found = getattr(pairs, name)("mirror")
    val, test = found.val, found.test
    fitted = {c: notebook.Picker(found.train, c) for c in CS}
    on_val = {
        c: summaries.rouge(p(val), val["summaries"])["rougeL"].mean() for c, p in fitted.items()
    }
    best = max(on_val, key=on_val.get)
    split = [pairs.sentences(document) for document in test["document"]]
    both = zip(split, test["summaries"], strict=True)
    answers = {
        "lead": notebook.lead(test),
        "TextRank": notebook.textrank(test),
        "classifier": fitted[best](test),
        "best sentence there is": [p[summaries.best_sentence(p, refs)] for p, refs in both],
    }
    keep(f"{name}-picks", answers=answers, c=best, val=on_val, val_picks=fitted[best](val))


def writer(seed: int) -> None:
    """Extract, then rewrite, on SciTLDR; the score on validation is printed, test is kept."""
    notebook, pairs, summaries = loaded()
    found = pairs.scitldr("mirror")
    notebook.trained.__globals__.update(SEED=seed)
    before = json.loads((OUT / "scitldr-picks.json").read_text())
    began = time.perf_counter()
    rewrite = notebook.rewriter(found.train, seed)
    seconds = time.perf_counter() - began
    score = summaries.rouge(rewrite(before["val_picks"]), found.val["summaries"]).mean()
    print("validation", seed, score.round(2).to_dict(), f"{seconds:.0f} s", flush=True)
    answers = rewrite(before["answers"]["classifier"])
    keep(f"scitldr-writer-{seed}", answers=answers, seconds=seconds)


def keep(name: str, **found: object) -> None:
    """One measurement in a file of its own."""
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{name}.json").write_text(json.dumps(found, indent=1))
    print("kept", name, flush=True)


def examples(answers: list[str], points: pd.Series) -> list[dict]:
    """From good to bad: those better than 95, 75, 50, 25 and 5 of a hundred; rows of the test part."""
    order = points.sort_values(kind="stable").index
    rows = [int(order[int(share * (len(order) - 1))]) for share in (0.95, 0.75, 0.5, 0.25, 0.05)]
    return [{"row": row, "writer": answers[row], "ROUGE-L": f"{points[row]:.0f}"} for row in rows]


def write() -> None:
    """Make the tables of all that was measured, and keep them in data/summaries.json."""
    notebook, pairs, summaries = loaded()
    tables = {}
    for name in SETS:
        test = getattr(pairs, name)("mirror").test
        references = test["summaries"]
        about = json.loads((OUT / f"{name}-picks.json").read_text())
        answers = {"lead": [], "lead, two sentences": notebook.lead(test, 2), **about["answers"]}
        scores = {k: summaries.rouge(v, references) for k, v in answers.items()}
        seeds = sorted(OUT.glob(f"{name}-writer-*.json"))
        written = [json.loads(file.read_text())["answers"] for file in seeds]
        runs = [summaries.rouge(each, references) for each in written]
        if runs:
            scores["writer"] = sum(runs) / len(runs)
        table = summaries.table(scores, baseline="lead")
        print(table.round(2).to_string())
        tables[name] = {
            "table": json.loads(table.round(3).to_json(orient="index")),
            "c": about["c"],
        }
        tables[name]["seeds"] = [round(float(np.mean(run["rougeL"])), 3) for run in runs]
        if runs:
            tables[name]["examples"] = examples(written[0], runs[0]["rougeL"])
    summaries.save_recorded(tables)


def main() -> None:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["picks", "writer", "write"])
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if asked.what == "picks":
        for name in SETS:
            picks(name)
    elif asked.what == "writer":
        writer(asked.seed)
    else:
        write()


if __name__ == "__main__":
    main()
