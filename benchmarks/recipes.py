"""Three recipes for a small GPT, each at four peak learning rates: what notebook 25 shows as recorded.

    nice python benchmarks/recipes.py

The recipes, and the function that trains one, are taken from the notebook's own cells. After each
round the loss is measured on two parts of the held-out documents: on the first the peak is chosen,
on the second the recipes are compared.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
FILE = ROOT / "data" / "recipes.json"
CHOOSE, JUDGE = 64, 128  # rows of held-out text


def digest(number: str = "25") -> str:
    """Of the notebook's cells that define the recipes and their training."""
    import nbformat

    from tools import notebooks

    names = ("def adamw", "RECIPES =", "def trained")
    book = nbformat.read(notebooks.find(number)[0], as_version=4)
    cells = [
        cell.source
        for cell in book.cells
        if cell.cell_type == "code" and any(name in cell.source for name in names)
    ]
    return hashlib.sha256("\n".join(cells).encode()).hexdigest()[:16]


def main() -> None:
    """Train all, and write the curves."""
    from helpers import data, runtime
    from tests.cells import namespace

    machine = runtime.start("cpu", precision="float32", seed=0)
    nb, began = namespace("25"), time.perf_counter()
    corpus = data.python_docs("sample")
    held_out = data.tokens(corpus, split="val")
    rows = held_out[: (CHOOSE + JUDGE) * (nb.CONTEXT + 1)].reshape(-1, nb.CONTEXT + 1)
    parts, runs = (rows[:CHOOSE], rows[CHOOSE:]), []
    for recipe, (style, optimizer, peaks) in nb.RECIPES.items():
        for peak in peaks:
            bits = nb.trained(style, optimizer(peak), data.tokens(corpus), parts)
            choose, judge = ([round(pair[i], 4) for pair in bits] for i in (0, 1))
            runs.append({"recipe": recipe, "peak": peak, "choose": choose, "judge": judge})
            print(f"{recipe}, peak {peak:g}: {choose[-1]:.3f}, {judge[-1]:.3f}", flush=True)
    about = {
        "cells": digest(),
        "date": datetime.date.today().isoformat(),
        "cores": machine.cores,
        "versions": {"keras": machine.keras_version, machine.backend: machine.version},
        "seconds": round(time.perf_counter() - began),
    }
    with runtime.write_atomically(FILE) as part:
        part.write_text(json.dumps({**about, "runs": runs}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
