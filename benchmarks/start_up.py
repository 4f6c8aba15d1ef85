"""What `import helpers` and `runtime.start()` cost beyond the framework's own import.

Run from the project's folder, on a quiet machine:

    python benchmarks/start_up.py [--rounds 9]

Each side is a fresh process that times itself from its first line; they run in turn. TensorFlow's
import alone includes asking it for its devices, which any program that trains does sooner or later.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import alternation

SIDES = ("Keras and TensorFlow", "the same, then helpers and start()", "helpers alone")


def run(side: str) -> dict:
    """Seconds of the parts."""
    started = time.perf_counter()
    if side != SIDES[2]:
        import keras
        import tensorflow as tf

        tf.config.list_physical_devices()
        keras.backend.backend()
    framework = time.perf_counter()
    if side == SIDES[0]:
        return {"framework": framework - started, "helpers": 0.0, "start": 0.0}
    from helpers import runtime

    imported = time.perf_counter()
    if side == SIDES[1]:
        runtime.start()
    end = time.perf_counter()
    return {"framework": framework - started, "helpers": imported - framework,
            "start": end - imported}  # fmt: skip


def main() -> None:
    """Print the table, or as one side its seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--side", choices=SIDES)
    wanted = parser.parse_args()
    if wanted.side:
        print(json.dumps(run(wanted.side)))
        return
    alternation.one(__file__, SIDES[1])  # so that all files have been read once
    found = alternation.rounds(__file__, list(SIDES), wanted.rounds)
    parts = ("framework", "helpers", "start")
    rows = [
        [side, *(f"{alternation.median(results, part):.2f}" for part in parts)]
        for side, results in found.items()
    ]
    alternation.table(["seconds (medians)", "framework", "import helpers", "start()"], rows)
    beyond = [r["helpers"] + r["start"] for r in found[SIDES[1]]]
    print(f"\nBeyond the framework: {statistics.median(beyond):.2f} s "
          f"({min(beyond):.2f} to {max(beyond):.2f}).")  # fmt: skip


if __name__ == "__main__":
    main()
