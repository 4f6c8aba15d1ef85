"""The reader presses stop in a real kernel, and runs the cell again."""

from __future__ import annotations

import time

import pytest
from jupyter_client.manager import start_new_kernel

SET_UP = """
import keras, numpy as np
from helpers import gpt, programs, training

tokens = np.cumsum(np.random.default_rng(0).integers(0, 3, 5000)) % 12
"""
CELL = """
keras.utils.set_random_seed(1)
model = gpt.GPT(gpt.GPTConfig(12, 16, num_layers=1, num_heads=2, embed_dim=32, style="llama"))
model.compile(keras.optimizers.AdamW(1e-3))
print("training", flush=True)
history = training.fit(
    model, training.windows(tokens, 16, 8, steps=500), epochs=EPOCHS, name="stopped", progress=False
)
"""
WEIGHTS = "print('weights', sum(float(np.abs(w).sum()) for w in model.get_weights()).hex())"


class Kernel:
    """A kernel whose cells are run one by one."""

    def __init__(self) -> None:
        self.manager, self.client = start_new_kernel(startup_timeout=120)

    def run(self, code: str, stop_after: float | None = None) -> tuple[str, str]:
        """What a cell printed, and how it ended; stopped so long after it began to train."""
        said: list[str] = []

        def hear(message: dict) -> None:
            if message["msg_type"] == "stream":
                said.append(message["content"]["text"])
            if stop_after is not None and "training" in "".join(said) and not self.stopped:
                self.stopped = True
                time.sleep(stop_after)
                self.manager.interrupt_kernel()

        self.stopped = False
        reply = self.client.execute_interactive(code, timeout=240, output_hook=hear)
        content = reply["content"]
        return "".join(said), content.get("ename", content["status"])

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
    kernel = Kernel()
    yield kernel
    kernel.close()


@pytest.mark.slow
def test_the_cell_goes_on_from_where_it_was(kernel):
    assert kernel.run(SET_UP)[1] == "ok"
    undisturbed = CELL.replace("EPOCHS", "4").replace('name="stopped", ', "") + WEIGHTS
    expected, ended = kernel.run(undisturbed)
    assert ended == "ok", expected
    cell = CELL.replace("EPOCHS", "4")
    for stop_after in (4.0, 2.5, 1.5, 0.7):  # a fast machine may be done before it is stopped
        said, ended = kernel.run("training.forget('stopped')\n" + cell, stop_after)
        if ended == "KeyboardInterrupt":
            break
    assert ended == "KeyboardInterrupt" and "run this cell again" in said, (ended, said)
    said, ended = kernel.run(cell + WEIGHTS)
    assert ended == "ok" and "Going on from step" in said, said
    assert said.split("weights ")[1] == expected.split("weights ")[1]
