"""What lab 4 hands to the learner: a problem that is hard for gradient descent, for the challenge."""

from __future__ import annotations

import numpy as np


class BudgetSpent(RuntimeError):
    """Raised when the gradient is asked for more often than the budget allows."""


class Problem:
    """Logistic regression on inputs of very different spread; it counts how often it is asked.

    Attributes:
        start: where to begin, an array (20,).
        budget: how many times loss and gradient may be asked for.
        asked: how many times they were, so far.
    """

    def __init__(self, seed: int = 0, budget: int = 100):
        rng, size = np.random.default_rng(seed), 20
        turn = np.linalg.qr(rng.normal(size=(size, size)))[0]
        spread = np.geomspace(0.05, 4, size) * rng.uniform(0.8, 1.25, size)
        self.x = rng.normal(size=(200, size)) * spread @ turn
        chance = 1 / (1 + np.exp(-self.x @ (rng.normal(size=size) / spread / 3 @ turn)))
        self.y = (rng.random(200) < chance).astype(float)
        self.start = 0.1 * rng.normal(size=size)
        self.budget, self.asked = budget, 0

    def loss_and_gradient(self, w: np.ndarray) -> tuple[float, np.ndarray]:
        """Loss and gradient (20,) at w (20,); each call counts.

        Raises:
            BudgetSpent: it was called more often than the budget allows.
        """
        self.asked += 1
        if self.asked > self.budget:
            raise BudgetSpent(f"loss and gradient were asked for {self.asked} times")
        loss, grad = self._at(np.array(w, dtype=float).reshape(1, -1))
        return float(loss[0]), grad[0]

    def loss(self, w: np.ndarray) -> float:
        """The loss at w, not counted: for a look afterwards."""
        return float(self._at(np.array(w, dtype=float).reshape(1, -1))[0][0])

    def _at(self, ws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Losses (n,) and gradients (n, 20) at several places (n, 20)."""
        z = ws @ self.x.T
        loss = np.mean(np.logaddexp(0, z) - self.y * z, axis=1) + 5e-4 * np.sum(ws**2, axis=1)
        return loss, (0.5 * (1 + np.tanh(z / 2)) - self.y) @ self.x / len(self.y) + 1e-3 * ws

    def lowest(self) -> float:
        """The lowest loss there is, by Newton's method."""
        w = self.start
        for _ in range(60):
            p = 0.5 * (1 + np.tanh(self.x @ w / 2))
            curve = self.x.T * (p * (1 - p)) @ self.x / len(p) + 1e-3 * np.eye(len(w))
            step, size = np.linalg.solve(curve, self._at(w[None])[1][0]), 1.0
            while self.loss(w - size * step) > self.loss(w) and size > 1e-6:
                size /= 2
            w = w - size * step
        return self.loss(w)

    def plain(self) -> float:
        """The loss that gradient descent reaches with the best of 40 fixed learning rates."""
        rates = np.geomspace(0.03, 10, 40)[:, None]
        ws = np.repeat(self.start[None], len(rates), axis=0)
        for _ in range(self.budget):
            ws = ws - rates * self._at(ws)[1]
        return float(self._at(ws)[0].min())

    def share(self, w: np.ndarray) -> float:
        """How much of plain gradient descent's distance to the lowest loss is left at w."""
        lowest = self.lowest()
        return max(self.loss(w) - lowest, 1e-15) / (self.plain() - lowest)
