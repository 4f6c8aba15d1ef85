"""A scaling law: how the loss falls with parameters and tokens, fitted to runs, with a band.

    law = scaling.fit(runs)                       runs: rows with parameters, tokens, bits_per_byte
    low, middle, high = scaling.prediction_band(runs, parameters=10**6, tokens=10**7)

The law is that of Hoffmann et al. (2022), equation 2: L(N, D) = E + A / N^alpha + B / D^beta. It
describes runs of one kind of model on one kind of text, each with a learning rate that falls to 0 at
its own end. It knows nothing of text that is read again: the course's own runs draw their windows with
replacement, and repeat up to a quarter of their bytes. Nothing says that it goes on beyond them: test
it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

LEVEL = 0.9  # of the bands, unless said otherwise
HUBER = 1e-3  # residuals of the logarithm beyond it count by their size, not its square
NUM_DRAWS = 300
FEWEST = 6  # runs; the law has five numbers
STARTS = [
    (e, a, b, x, y)
    for e in (-1.0, 0.5)
    for a in (2.0, 6.0)
    for b in (4.0, 8.0)
    for x in (0.3, 0.7)
    for y in (0.3, 0.7)
]
BOUNDS = (-8, -5, -5, 0.01, 0.01), (2, 25, 25, 3, 3)
QUANTITIES = ("parameters", "tokens", "bits_per_byte")


@dataclass(frozen=True)
class Law:
    """L(N, D) = E + A / N^alpha + B / D^beta, of N parameters and D tokens.

    Attributes:
        e: what no model and no text takes away, in bits per byte.
        a, alpha: what a model of finite size costs, and how fast that falls with N.
        b, beta: the same for a finite text.
    """

    e: float
    a: float
    alpha: float
    b: float
    beta: float

    def __call__(self, parameters: Any, tokens: Any) -> Any:
        """Predicted bits per byte; numbers or arrays."""
        n, d = np.asarray(parameters, float), np.asarray(tokens, float)
        found = self.e + self.a * n**-self.alpha + self.b * d**-self.beta
        return float(found) if found.ndim == 0 else found

    def best(self, flop: float) -> tuple[float, float]:
        """Parameters and tokens that lose least for so much compute, with 6ND = flop.

        Where the two terms fall equally fast: alpha A / N^alpha = beta B / D^beta
        (Hoffmann et al. 2022, equation 4).

        Raises:
            ValueError: flop is not above 0.
        """
        if not flop > 0:
            raise ValueError(f"flop is {flop!r}; it must be above 0")
        g = (self.alpha * self.a / (self.beta * self.b)) ** (1 / (self.alpha + self.beta))
        parameters = g * (flop / 6) ** (self.beta / (self.alpha + self.beta))
        return parameters, flop / 6 / parameters

    def as_dict(self) -> dict[str, float]:
        """The five numbers, rounded for a file."""
        return {name: float(f"{value:.6g}") for name, value in asdict(self).items()}


def fit(runs: Iterable[Mapping[str, Any]], *, near: Law | None = None) -> Law:
    """The law that fits the runs: Huber's loss of the logarithm's residuals, several starts.

    As Hoffmann et al. (2022), section 3.3: E, A and B are sought as their logarithms, and the best of
    the minima reached from a grid of starts is taken.

    Args:
        runs: rows (dicts) with "parameters", "tokens" and "bits_per_byte".
        near: a law to start from, instead of the grid; for the many fits of a bootstrap.

    Raises:
        ValueError: too few runs, or fewer than two sizes or amounts of text, or a value not above 0.
    """
    n, d, loss = _columns(runs)
    from scipy.optimize import least_squares

    target, log_n, log_d = np.log(loss), np.log(n), np.log(d)

    def parts(p: np.ndarray) -> np.ndarray:
        """The three terms at (log E, log A, log B, alpha, beta): (3, runs)."""
        e = np.full_like(log_n, p[0])
        return np.exp(np.stack([e, p[1] - p[3] * log_n, p[2] - p[4] * log_d]))

    def miss(p: np.ndarray) -> np.ndarray:
        return np.log(parts(p).sum(axis=0)) - target

    def slopes(p: np.ndarray) -> np.ndarray:
        share = parts(p)
        share = share / share.sum(axis=0)
        return np.stack([*share, -share[1] * log_n, -share[2] * log_d], axis=1)

    if near is None:
        starts = STARTS
    else:
        logs = [math.log(max(v, 1e-3)) for v in (near.e, near.a, near.b)]
        starts = [(*logs, near.alpha, near.beta)]
    found = [
        least_squares(miss, start, slopes, bounds=BOUNDS, loss="huber", f_scale=HUBER, max_nfev=200)
        for start in starts
    ]
    e, a, b, alpha, beta = map(float, min(found, key=lambda one: one.cost).x)
    return Law(math.exp(e), math.exp(a), alpha, math.exp(b), beta)


def digest(content: Any) -> str:
    """A fingerprint of what JSON can hold: the same for the same content, in any order of keys."""
    written = json.dumps(content, sort_keys=True).encode()
    return hashlib.blake2b(written, digest_size=16).hexdigest()


def residuals(law: Law, runs: Iterable[Mapping[str, Any]]) -> np.ndarray:
    """Logarithm of measured over predicted loss, a number a run."""
    n, d, loss = _columns(runs)
    return np.log(loss) - np.log(law(n, d))


def bootstrap(
    runs: Sequence[Mapping[str, Any]],
    *,
    draws: int = NUM_DRAWS,
    seed: int = 0,
    near: Law | None = None,
) -> list[Law]:
    """Laws fitted to runs drawn with replacement: how far the law could be another.

    A draw with too few different sizes or amounts of text to fit is drawn again.

    Args:
        runs: as in `fit`.
        draws: laws wanted.
        seed: decides what is drawn; the same seed gives the same laws.
        near: as in `fit`.
    """
    runs, rng = list(runs), np.random.default_rng(seed)
    middle, laws = fit(runs, near=near), []
    while len(laws) < draws:
        drawn = [runs[i] for i in rng.integers(len(runs), size=len(runs))]
        if min(len({row[name] for row in drawn}) for name in ("parameters", "tokens")) > 2:
            laws.append(fit(drawn, near=middle))
    return laws


def prediction_band(
    runs: Sequence[Mapping[str, Any]],
    parameters: int,
    tokens: int,
    *,
    level: float = LEVEL,
    draws: int = NUM_DRAWS,
    seed: int = 0,
    near: Law | None = None,
) -> tuple[float, float, float]:
    """Where the loss of *one more run* should lie: low, middle, high, in bits per byte.

    Two things are uncertain. Which law it is: each of the bootstrap's laws predicts. And where one run
    falls about the law: each prediction gets a residual drawn from those of the fit, widened for the
    five numbers that the fit has taken from them. A band of the law alone would be too narrow.
    Not in it: that the law itself stops holding out there.

    Args:
        runs: the runs to predict from.
        parameters, tokens: of the run to come.
        level: share of such runs that the band should hold, above 0 and below 1.
        draws, seed: of the bootstrap.
        near: as in `fit`.

    Raises:
        ValueError: as in `fit`, or a level that cannot be.
    """
    if not 0 < level < 1:
        raise ValueError(f"level is {level!r}; it is a share above 0 and below 1, such as 0.9")
    runs = list(runs)
    law, rng = fit(runs, near=near), np.random.default_rng(seed + 1)
    left = residuals(law, runs) * math.sqrt(len(runs) / (len(runs) - 5))
    laws = bootstrap(runs, draws=draws, seed=seed, near=law)
    values = np.log([one(parameters, tokens) for one in laws])
    values = np.exp(values + rng.choice(left, size=len(values)))
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    middle = law(parameters, tokens)
    return min(float(low), middle), middle, max(float(high), middle)


def _columns(runs: Iterable[Mapping[str, Any]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Parameters, tokens and losses as arrays; an error in words for what cannot be fitted."""
    runs = list(runs)
    if len(runs) < FEWEST:
        raise ValueError(f"{len(runs)} runs; a law of five numbers needs at least {FEWEST}")
    missing = [name for name in QUANTITIES if any(name not in row for row in runs)]
    if missing:
        raise ValueError(f"a run lacks {' and '.join(missing)}")
    n, d, loss = (np.array([row[name] for row in runs], float) for name in QUANTITIES)
    for name, column in zip(QUANTITIES, (n, d, loss), strict=True):
        if not (np.isfinite(column) & (column > 0)).all():
            raise ValueError(f"{name} of a run is not a number above 0")
    for name, column in (("parameters", n), ("tokens", d)):
        if len(np.unique(column)) < 3:
            raise ValueError(
                f"the runs have {len(np.unique(column))} different {name}; a curve that levels off "
                "needs at least 3"
            )
    return n, d, loss
