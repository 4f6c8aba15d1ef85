"""What a second worker is worth: the measurement of notebook 22 for longer, one core a worker.

    python benchmarks/scaling_out.py [--rounds 5] [--hidden 128 1024]

A step of a byte model with two dense layers, three ways in turn: one worker alone, both side by side
without a word to each other, both together with an all-reduce over loopback. Medians over the rounds,
with the range of the efficiency.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from helpers import cluster  # noqa: E402
from tests import cells  # noqa: E402

SIZES = (32, 128, 512, 2048)
WANTED = ("language_model", "batch", "losses_of", "prepare", "compiled_step", "meeting", "measure")


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--hidden", type=int, nargs="+", default=[128, 1024])
    about = parser.parse_args()
    found, tokens = cells.texts("22"), cells.namespace("22").tokens_of_topics()
    texts = [found[name] for name in WANTED]
    print("| hidden | examples | alone (ms) | side by side | together | efficiency (range) |")
    print("|---|---|---|---|---|---|")
    with cluster.Workers(2, threads=1) as workers:
        for hidden in about.hidden:
            given = {"tokens": tokens, "seed": 0, "hidden": hidden, "sizes": SIZES, "repeats": 20}
            rounds = np.array([workers.run(*texts, **given)[0]["ms"] for _ in range(about.rounds)])
            for number, size in enumerate(SIZES):
                ms = np.median(rounds[..., number], axis=0)
                each = rounds[:, 0, number] / rounds[:, 2, number]
                times = " | ".join(f"{value:.1f}" for value in ms)
                low, middle, high = min(each), np.median(each), max(each)
                row = f"| {hidden} | {size} | {times} | {middle:.0%} ({low:.0%} to {high:.0%}) |"
                print(row, flush=True)


if __name__ == "__main__":
    main()
