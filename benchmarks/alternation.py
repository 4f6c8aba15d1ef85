"""Run the sides of a comparison in turn, each in a process of its own.

A slow minute of a shared machine then meets all of them, and no framework finds another one's
threads or memory. A side is the same script with `--side NAME`; it ends by printing JSON.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
THREADS = os.environ.get("BENCH_THREADS", "2")


def one(script: str, side: str, *arguments: object, backend: str = "tensorflow") -> dict:
    """What one side found; its JSON as a dict."""
    command = [sys.executable, script, "--side", side, *map(str, arguments)]
    own = {
        "PYTHONPATH": str(ROOT), "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3",
        "OMP_NUM_THREADS": THREADS, "TF_NUM_INTRAOP_THREADS": THREADS,
        "TF_NUM_INTEROP_THREADS": THREADS, "CUDA_VISIBLE_DEVICES": "-1", "TQDM_DISABLE": "1",
    }  # fmt: skip
    done = subprocess.run(command, env=os.environ | own, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{side} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def rounds(script: str, sides: list[str], count: int, *arguments: object) -> dict[str, list[dict]]:
    """Each side so many times, in turn; the order is turned around from round to round."""
    found: dict[str, list[dict]] = {side: [] for side in sides}
    for number in range(count):
        for side in sides if number % 2 == 0 else sides[::-1]:
            found[side].append(one(script, side, *arguments))
            print(f"  round {number + 1}, {side}: {json.dumps(found[side][-1])}", file=sys.stderr)
    return found


def median(found: list[dict], key: str) -> float:
    """The middle of what the rounds found."""
    return statistics.median(result[key] for result in found)


def ratio(ours: list[dict], theirs: list[dict], key: str) -> str:
    """The median of the rounds' ratios, and their range."""
    each = [a[key] / b[key] for a, b in zip(ours, theirs, strict=True)]
    return f"{statistics.median(each):.2f} ({min(each):.2f} to {max(each):.2f})"


def table(head: list[str], rows: list[list[object]]) -> None:
    """Print a Markdown table."""
    for row in (head, ["---"] * len(head), *rows):
        print("| " + " | ".join(map(str, row)) + " |")
