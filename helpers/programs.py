"""Many training steps in one compiled program, on TensorFlow.

Of a small model most of the time goes into starting each step, not into its arithmetic. Here the
batches are cut on the device, and XLA compiles the loop over the steps with everything in it; Python
is asked again only every so many steps. On the other backends `fit` leaves the loop to Keras.
"""

from __future__ import annotations

from typing import Any

from helpers import batches

# Seconds that a call of the program should take, so that bars move and an interrupt is heeded.
WISHED = 0.2
MOST = 4096  # steps a call


def usable(model: Any, data: Any, callbacks: Any) -> bool:
    """Whether the model is to be compiled, the data can be cut on the device, and no callback
    must be called before every step."""
    import keras

    return (
        keras.backend.backend() == "tensorflow"
        and model.jit_compile is True
        and not model.run_eagerly
        and model.distribute_strategy.num_replicas_in_sync == 1
        and isinstance(data, batches.Arrays | batches.Windows)
        and data.on_device()
        and not any(_before_steps(callback) for callback in callbacks)
    )


def _before_steps(callback: Any) -> bool:
    """Whether a callback has something to do before each step."""
    import keras

    if getattr(callback, "works_in_programs", False):
        return False
    plain = keras.callbacks.Callback
    for name in ("on_train_batch_begin", "on_batch_begin"):
        own = getattr(callback, name, None)  # on the object: a LambdaCallback keeps it there
        if getattr(own, "__func__", own) is not getattr(plain, name):
            return True
    return False


class Program:
    """The compiled steps of one model on one data set.

    Args:
        model: compiled and built, with its optimizer's and metrics' variables made.
        data: what the batches are cut from.
    """

    def __init__(self, model: Any, data: Any) -> None:
        self.model, self.data = model, data
        self._count = 1  # the first call compiles: one step will do
        self._run = self._compiled()
        self._epoch: int | None = None

    def steps(self, epoch: int, first: int, limit: float, per_step: float | None) -> int:
        """Make some steps of an epoch; returns how many.

        Args:
            epoch: from 0.
            first: steps of it already made.
            limit: seconds that this call should not exceed.
            per_step: seconds that a step takes, where it is known.
        """
        import tensorflow as tf

        if self._epoch != epoch:
            self._epoch, self._groups = epoch, self.data.groups(epoch)
        start, rows = next(g for g in reversed(self._groups) if g[0] <= first)
        if per_step:
            self._count = max(1, min(MOST, int(min(WISHED, limit) / per_step)))
        count = min(self._count, start + len(rows) - first)
        self._run(rows, tf.constant(first - start), tf.constant(first - start + count))
        return count

    def _compiled(self) -> Any:
        import tensorflow as tf

        model, data = self.model, self.data
        with tf.device("GPU:0" if tf.config.list_logical_devices("GPU") else "CPU:0"):
            # There for good: what an XLA program captures elsewhere is copied at each call.
            tensors = batches.mapped(tf.identity, data.tensors())

        def one(step: Any, stop: Any, rows: Any) -> tuple:
            model.train_step(data.cut(tensors, rows[step]))
            return step + 1, stop, rows

        @tf.function(jit_compile=True, autograph=False)
        def run(rows: Any, first: Any, stop: Any) -> Any:
            return tf.while_loop(lambda step, stop, _: step < stop, one, (first, stop, rows))[0]

        return run
