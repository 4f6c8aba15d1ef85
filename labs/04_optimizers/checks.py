"""What lab 4 checks, and the hints it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from helpers import labs
from helpers.attempts import Failed, shown
from helpers.labs import Attempt, task

material = labs.material("lab04")


def _nearest(got: np.ndarray, variants: Sequence[np.ndarray]) -> np.ndarray:
    """Of several ways to one mistake, the result that comes nearest to what came."""

    def distance(result: np.ndarray) -> float:
        return float(np.max(np.abs(np.asarray(result) - got), initial=0.0))

    return min(variants, key=distance)


def _compared(attempt: Attempt, got: np.ndarray, run: Callable, mistakes: Mapping[str, Sequence[dict]],
              about: str) -> None:  # fmt: skip
    """Compare with `run()`, and with `run(**settings)` for the settings of each mistake."""
    want, found = run(), {}
    for key, settings in mistakes.items():
        with np.errstate(all="ignore"):
            found[key] = _nearest(got, [run(**s) for s in settings])
    attempt.agrees(got, want, found, "values", about, tolerance=1e-7)


def _quadratic(rng: np.random.Generator, size: int) -> tuple[np.ndarray, Callable]:
    """A start and the gradient of a bowl that is round nowhere."""
    turn = np.linalg.qr(rng.normal(size=(size, size)))[0]
    matrix = turn @ np.diag(rng.uniform(0.5, 3, size)) @ turn.T
    lowest = rng.normal(size=size)
    return rng.normal(size=size) * 3, lambda w: matrix @ (np.asarray(w) - lowest)


# --- 1


def _epochs(x, y, w, learning_rate, batch_size, orders, pairs=True, own=True, summed=False,
            again=False, used=True, dropped=False):  # fmt: skip
    w, x_now, y_now = np.array(w), x, y
    for order in orders:
        rows = order if used else np.arange(len(x))
        x_now, y_now = (x_now[rows], y_now[rows]) if again else (x[rows], y[rows])
        labels = y_now if pairs else y
        x_now = x if pairs == "targets" else x_now
        for start in range(0, len(x), batch_size):
            xb, yb = x_now[start : start + batch_size], labels[start : start + batch_size]
            if dropped and len(xb) < batch_size:
                continue
            size = 1 if summed else len(xb) if own else batch_size
            w = w - learning_rate * 2 * xb.T @ (xb @ w - yb) / size
    return w


@task(
    points=1,
    apart=("Inputs and targets belong together, and they have come apart.",
           "Print the order, a row of x and its target in the first batch, and look the pair up in the "
           "original arrays."),
    last=("The last batch of an epoch takes a step of the wrong length.",
          "With 10 examples in batches of 4, how many examples has the third batch? What is its sum "
          "divided by?"),
    summed=("The gradient is a sum over the batch, and the loss is a mean.",
            "Twice the batch size must not make steps twice as long."),
    again=("From the second epoch on, the examples come in another order than the task says.",
           "orders[e] refers to x and y as they came in. What do your x and y hold after the first "
           "epoch?"),
    unused=("The orders are not used: every epoch goes through the examples in the same order.",
            "Pairs must stay together, and they must still be shuffled: index both arrays."),
    dropped=("Examples at the end of each epoch are left out.",
             "A last batch that is smaller than the others counts as well."),
)  # fmt: skip
def mini_batches(attempt: Attempt) -> None:
    """Loop 1: a loss that will not fall."""
    rng = attempt.rng
    sizes = [(10, 4, 3), (12, 4, 2), (5, 8, 2), (9, 1, 1),
             (int(rng.integers(7, 20)), int(rng.integers(2, 6)), 3)]  # fmt: skip
    for examples, batch_size, epochs in sizes:
        x, w = rng.normal(size=(examples, 3)), rng.normal(size=3)
        y = x @ rng.normal(size=3) + 0.1 * rng.normal(size=examples)
        orders = np.stack([rng.permutation(examples) for _ in range(epochs)])
        given = (x, y, w, 0.05, batch_size, orders)
        about = f"for {examples} examples in batches of {batch_size}, {epochs} epochs"
        got = attempt.array(attempt.call(*given), (3,), "f", about=about)
        _compared(attempt, got, lambda given=given, **how: _epochs(*given, **how), {
            "apart": [{"pairs": False}, {"pairs": False, "own": False},
                      {"pairs": False, "dropped": True}, {"pairs": False, "summed": True},
                      {"pairs": "targets"}, {"pairs": "targets", "own": False}],
            "last": [{"own": False}],
            "summed": [{"summed": True}],
            "again": [{"again": True}, {"again": True, "own": False}],
            "unused": [{"used": False}, {"used": False, "own": False}],
            "dropped": [{"dropped": True}],
        }, about)  # fmt: skip
        attempt.passed(f"{examples} examples in batches of {batch_size}, {epochs} epochs")


# --- 2


def _logistic(w, x, y):
    return x.T @ (1 / (1 + np.exp(-(x @ w))) - y) / len(y)


def _accumulate(w, batches, every, learning_rate, zeroed=True, divided=True, lost=False, early=False,
                each=False):  # fmt: skip
    w, total = np.array(w), np.zeros_like(w)
    for i, (x, y) in enumerate(batches):
        total = _logistic(w, x, y) + (0 if lost else total)
        if (i if early else i + 1) % (1 if each else every) == 0:
            w = w - learning_rate * total / (every if divided else 1)
            total = np.zeros_like(w) if zeroed else total
    return w


@task(
    points=1,
    kept=("A step still contains the gradients of the steps before it.",
          "Print the accumulated gradient right before the second step. Which batches are in it?"),
    summed=("The steps get longer the more batches go into one.",
            "Four batches of 8 should act like one batch of 32, and the loss is a mean."),
    lost=("Of the batches that make up a step, not all have an effect.",
          "Compare = and += in the line that accumulates."),
    early=("The steps come at the wrong batches.",
           "After which batch is the first group complete, when i counts from 0 and every is 4?"),
    each=("A step is made for each batch, not for each group of them.",
          "The weights must stay as they are while the gradients of a group are added up."),
)  # fmt: skip
def accumulated(attempt: Attempt) -> None:
    """Loop 2: steps that grow and grow."""
    rng = attempt.rng
    for every, groups in ((2, 3), (4, 2), (1, 3), (3, 1), (int(rng.integers(2, 6)), 4)):
        batches = []
        for _ in range(every * groups):
            x = rng.normal(size=(4, 3))
            batches.append((x, (x[:, 0] + rng.normal(size=4) > 0).astype(float)))
        given = (rng.normal(size=3), batches, every, 0.3)
        about = f"for {len(batches)} batches, a step for every {every}"
        got = attempt.array(attempt.call(*given), (3,), "f", about=about)
        _compared(attempt, got, lambda given=given, **how: _accumulate(*given, **how), {
            "kept": [{"zeroed": False}, {"zeroed": False, "divided": False}],
            "lost": [{"lost": True}, {"lost": True, "divided": False}],
            "each": [{"each": True}, {"each": True, "divided": False}],
            "early": [{"early": True}, {"early": True, "divided": False}],
            "summed": [{"divided": False}],
        }, about)  # fmt: skip
        attempt.passed(f"{len(batches)} batches, a step for every {every}")


# --- 3


def _adam(w, gradient, num_steps, learning_rate, weight_decay, beta_1, beta_2, epsilon,
          correction="right", decay="decoupled", inside=False, moved=False):  # fmt: skip
    w, m, v = np.array(w), 0.0, 0.0
    for t in range(1, num_steps + 1):
        w = w * (1 - learning_rate * weight_decay) if moved else w
        grad = gradient(w) + (weight_decay * w if decay in ("l2", "both") else 0)
        m, v = beta_1 * m + (1 - beta_1) * grad, beta_2 * v + (1 - beta_2) * grad**2
        power = {"constant": 1, "late": t + 1}.get(correction, t)
        m_hat, v_hat = m / (1 - beta_1**power), v / (1 - beta_2**power)
        if correction == "none":
            m_hat, v_hat = m, v
        if correction == "spoiled":
            m, v = m_hat, v_hat
        small = epsilon / np.sqrt(1 - beta_2**t) if inside == "uncorrected" else epsilon
        step = m_hat / (np.sqrt(v_hat + epsilon) if inside is True else np.sqrt(v_hat) + small)
        rate = 0.0 if moved else {"l2": 0.0, "bare": 1.0, "none": 0.0}.get(decay, learning_rate)
        w = w - learning_rate * step - rate * weight_decay * w
    return w


@task(
    points=2,
    spoiled=("The corrected means are carried on to the next step.",
             "What is averaged from step to step are m and v themselves. Which names hold what, after "
             "the correction?"),
    uncorrected=("The first steps are wrong: the means have not been corrected for their start at 0.",
                 "With a gradient that is always 1, both corrected means are 1 from the first step on. "
                 "Print them for the first three."),
    counted=("The correction uses the wrong power.",
             "In the first step t is 1. What is m / (1 - beta_1**t) then, and is it the gradient?"),
    coupled=("The decay passes through the running means.",
             "What is added to the gradient is divided by the root of v like the gradient. Where does "
             "the formula have the decay?"),
    twice=("The decay is there twice.",
           "It stands in one place of the formula. In how many do your lines have it?"),
    moved=("The gradient is taken at weights that the decay has already changed.",
           "The formula has one w on its right side: g belongs to the w that the decay multiplies."),
    undamped=("The decay is not multiplied by the learning rate, or there is none.",
              "Read the last line of the formula once more: what do the brackets enclose?"),
    inside=("Epsilon stands in the wrong place.",
            "It is added to a root, not under it: the root of 0.000001 is 0.001. And to the root of "
            "which v, the corrected one or the other?"),
)  # fmt: skip
def adamw(attempt: Attempt) -> None:
    """Loop 3: AdamW that is not AdamW."""
    rng = attempt.rng
    cases = [("five steps", 5, 0.1, 1e-8), ("one step", 1, 0.1, 1e-8),
             ("no decay", 6, 0.0, 1e-8), ("a large epsilon", 4, 0.02, 0.01),
             ("many steps", int(rng.integers(20, 60)), 0.3, 1e-8)]  # fmt: skip
    for what, num_steps, weight_decay, epsilon in cases:
        w, gradient = _quadratic(rng, 4)
        given = (w, gradient, num_steps, 0.05, weight_decay, 0.8, 0.95, epsilon)
        about = f"for {what}"
        with np.errstate(all="ignore"):
            got = attempt.array(attempt.call(*given), (4,), "f", about=about)
        two = [{"decay": d} for d in ("decoupled", "l2", "bare", "none")]
        _compared(attempt, got, lambda given=given, **how: _adam(*given, **how), {
            "spoiled": [{"correction": "spoiled", **d} for d in two],
            "coupled": [{"decay": "l2"}],
            "twice": [{"decay": "both"}],
            "moved": [{"moved": True}],
            "uncorrected": [{"correction": "none", **d} for d in two],
            "counted": [{"correction": c, **d} for d in two for c in ("constant", "late")],
            "undamped": [{"decay": "bare"}, {"decay": "none"}],
            "inside": [{"inside": i, **d} for i in (True, "uncorrected") for d in two],
        }, about)  # fmt: skip
        attempt.passed(what)


# --- 4


def _rates(num_epochs, steps_per_epoch, peak, final, warmup_steps, first=1, by="step",
           span="rest", floor=True, linear=False, again=False):  # fmt: skip
    if again:  # a schedule of its own for each epoch
        one = _rates(
            1, steps_per_epoch, peak, final, min(warmup_steps, steps_per_epoch), first=first
        )
        return np.tile(one, num_epochs)
    total, rates = num_epochs * steps_per_epoch, []
    warmup_steps = warmup_steps * steps_per_epoch if by == "warm-up" else warmup_steps
    for i in range(total):
        t = (i // steps_per_epoch if by == "epoch" else i) + first
        if t <= warmup_steps and warmup_steps:
            rates.append(peak * t / warmup_steps)
            continue
        length = {"rest": total - warmup_steps, "all": total, "late": total,
                  "epochs": num_epochs, "short": total - 1 - warmup_steps}[span]  # fmt: skip
        begin = warmup_steps if span in ("rest", "late", "short") else 0
        part = (t - begin) / max(length, 1)
        low = final if floor else 0.0
        left = 1 - part if linear else (1 + np.cos(np.pi * part)) / 2
        rates.append(low + (peak - low) * left)
    return np.array(rates)


def _follow(w, gradient, rates) -> np.ndarray:
    w = np.array(w)
    for rate in rates:
        w = w - rate * gradient(w)
    return w


@task(
    points=2,
    epochs=("The rate changes once an epoch, not at every step.",
            "Which step of the whole run is the third step of the second epoch? That number belongs "
            "into the schedule."),
    start=("The whole schedule runs one step late.",
           "The first step has a rate above 0, and the last step has exactly the final rate. From "
           "where does t count?"),
    linear=("After the warm-up the rate falls in a straight line.",
            "A curve is asked for that begins and ends gently: half a cosine."),
    again=("The schedule begins anew in every epoch.",
           "There is one warm-up and one fall, over the whole run: what must not go back to its start "
           "with each epoch?"),
    span=("After the warm-up the curve is in the wrong place.",
          "The cosine begins where the warm-up ends, and has only the remaining steps to come down. "
          "Which part of them is over at step t?"),
    floor=("The rate comes down to another value than the final one.",
           "Half a cosine runs from 1 to 0. It has to be stretched between final and peak."),
    steps=("The rates are right, and the weights are not.",
           "Each step takes the gradient at the weights of that moment, times the rate of that step."),
)  # fmt: skip
def scheduled(attempt: Attempt) -> None:
    """Loop 4: a schedule that comes too late."""
    rng = attempt.rng
    cases = [(3, 5, 4), (2, 6, 0), (4, 5, 1), (1, 8, 3),
             (int(rng.integers(2, 6)), int(rng.integers(4, 9)), int(rng.integers(2, 6)))]  # fmt: skip
    for epochs, per_epoch, warmup in cases:
        w, gradient = _quadratic(rng, 3)
        peak = round(float(rng.uniform(0.1, 0.3)), 3)
        schedule = (epochs, per_epoch, peak, peak / 10, warmup)
        about = f"for {epochs} epochs of {per_epoch} steps with {warmup} steps of warm-up"
        got = attempt.call(w, gradient, *schedule)
        attempt.require(got is not None, "empty", f"None came {about}.")
        pair = isinstance(got, tuple | list) and len(got) == 2
        attempt.require(pair, "type", f"(w, rates) was expected, and this came: {shown(got)}")
        total = epochs * per_epoch
        rates = attempt.array(got[1], (total,), "iuf", about=f"as rates, {about}")
        lags = [
            {"by": "epoch", "first": f, "span": s}
            for f in (0, 1)
            for s in ("rest", "all", "epochs")
        ]
        _compared(attempt, rates, lambda given=schedule, **how: _rates(*given, **how), {
            "floor": [{"floor": False}],
            "span": [{"span": s, "first": f} for s in ("all", "late") for f in (0, 1)],
            "again": [{"again": True}, {"again": True, "first": 0}],
            "linear": [{"linear": True, "first": f, "floor": b} for f in (0, 1) for b in (True, False)],
            "start": [{"first": 0}, {"first": 0, "floor": False}, {"first": 0, "span": "short"}],
            "epochs": [{"by": "warm-up"}] + lags + [{**lag, "floor": False} for lag in lags],
        }, f"as rates, {about}")  # fmt: skip
        final = attempt.array(got[0], (3,), "f", about=about)
        want = _follow(w, gradient, _rates(*schedule))
        attempt.agrees(final, want, {}, "steps", about, tolerance=1e-7)
        attempt.passed(f"{epochs} epochs of {per_epoch} steps, {warmup} steps of warm-up")


# --- 5


def _clip(params, gradients, num_steps, learning_rate, momentum, max_norm, clip="global",
          shared=False, late=False):  # fmt: skip
    params = [np.array(p) for p in params]
    velocity = [np.zeros_like(p) for p in params]
    if shared:
        velocity = [np.zeros_like(params[0])] * len(params)

    def clipped(arrays):
        norm = max(np.sqrt(sum(np.sum(a**2) for a in arrays)), 1e-150)
        if clip == "element":
            return [np.clip(a, -max_norm, max_norm) for a in arrays]
        if clip == "array":
            return [a * min(1.0, max_norm / np.linalg.norm(a)) for a in arrays]
        if clip == "none":
            return arrays
        if clip == "largest":
            norm = max(np.linalg.norm(a) for a in arrays)
        if clip == "square":
            norm = norm**2
        return [a * (max_norm / norm if clip == "always" else min(1.0, max_norm / norm))
                for a in arrays]  # fmt: skip

    for _ in range(num_steps):
        grads = gradients(params)
        grads = grads if late else clipped(grads)
        for i, grad in enumerate(grads):
            velocity[i] *= momentum
            velocity[i] += grad
            step = velocity[i] if not late else None
            if step is not None:
                params[i] = params[i] - learning_rate * step
        if late:
            steps = clipped(velocity)
            params = [p - learning_rate * s for p, s in zip(params, steps, strict=True)]
    return params


@task(
    points=2,
    element=("Each number of the gradient is cut off by itself.",
             "This turns the gradient. Clipping by the norm makes it shorter and leaves its direction: "
             "all its numbers are multiplied by the same factor."),
    array=("Each array is clipped by its own norm.",
           "The norm is that of one long list, which holds the numbers of all arrays."),
    always=("Gradients that are short enough are changed as well.",
            "A norm below max_norm is no reason to do anything. Which factor do you get for it?"),
    shared=("The arrays share one velocity.",
            "[array] * 2 is a list that holds the same array twice. What does `is` say of its entries? "
            "Each array of weights needs a velocity of its own."),
    late=("The velocity is clipped, not the gradient.",
          "What goes into the running sum has been clipped already."),
    unclipped=("Long gradients are not clipped to max_norm.",
               "Work out the norm of [3, 4] on paper, then the factor that brings it to 1, and compare "
               "with what your lines give."),
)  # fmt: skip
def clipped(attempt: Attempt) -> None:
    """Loop 5: a clip that turns the gradient."""
    rng = attempt.rng
    cases = [("one array", 1, 2, 1.0), ("two arrays, long gradients", 2, 4, 0.5),
             ("two arrays, short gradients", 2, 4, 1e6), ("three arrays", 3, 5, 3.0),
             ("no gradient at all", 2, 2, 1.0)]  # fmt: skip
    for what, number, num_steps, max_norm in cases:
        params = [rng.normal(size=(2, 3)) * 2 for _ in range(number)]
        scales = [float(s) for s in rng.uniform(0.5, 4, number)]
        lowest = [p.copy() for p in params] if what.startswith("no") else [0.0] * number

        def gradients(now, scales=scales, lowest=lowest):
            return [s * (np.asarray(p) - low) + 0.1 * s * (np.asarray(p) - low) ** 3
                    for s, p, low in zip(scales, now, lowest, strict=True)]  # fmt: skip

        given = (params, gradients, num_steps, 0.02, 0.9, max_norm)
        about = f"for {what}"
        with np.errstate(all="ignore"):
            got = attempt.call(*given)
        attempt.require(got is not None, "empty", f"None came {about}.")
        listed = isinstance(got, list | tuple | np.ndarray) and len(got) == number
        attempt.require(
            listed, "type", f"A list of {number} was expected, and this came: {shown(got)}"
        )
        arrays = [attempt.array(a, (2, 3), "f", about=about) for a in got]

        def run(given=given, **how):
            return np.stack(_clip(*given, **how))

        mistakes = {} if what.startswith("no") else {
            "element": [{"clip": "element"}, {"clip": "element", "shared": True}],
            "shared": [{"shared": True}, {"shared": True, "clip": "array"},
                       {"shared": True, "clip": "always"}],
            "array": [{"clip": "array"}],
            "always": [{"clip": "always"}],
            "late": [{"late": True}],
            "unclipped": [{"clip": c} for c in ("none", "largest", "square")],
        }  # fmt: skip
        _compared(attempt, np.stack(arrays), run, mistakes, about)
        attempt.passed(what)


# --- the challenge


@task(
    points=3,
    seconds=30,
    budget=("The gradient was asked for more often than the budget allows.",
            "Count: every call of loss_and_gradient is one, those of a line search included."),
    plain=("It is no better than gradient descent with a good fixed rate.",
           "The flat directions are the slow ones. What does notebook 05 have that carries speed along "
           "a valley? Its settings want to be tried out on a problem of your own."),
    near=("It is better than gradient descent, and not yet twice as near to the minimum.",
          "More momentum? With much of it the velocity must sometimes be thrown away: when it points "
          "uphill. Or learn the curvature from the gradients that you have seen."),
    still=("It ends exactly where it began.",
           "What do you hand back: the weights that you found, or `start`? Follow the name from line "
           "to line."),
    away=("It ends higher than it began.",
          "Each step is too long. A rate that suits one problem breaks on another: let the loss "
          "decide, which comes with every gradient."),
)  # fmt: skip
def minimize(attempt: Attempt) -> None:
    """Challenge: far down with few gradients."""
    shares = []
    for seed in (attempt.seed, attempt.seed + 1):
        problem = material.Problem(seed)
        call = _counted(problem)
        try:
            got = attempt.call(call, problem.start, problem.budget)
        except material.BudgetSpent:
            saw = f"More than {problem.budget} gradients were asked for."
            raise Failed("budget", saw) from None
        attempt.require(problem.asked <= problem.budget, "budget", f"{problem.asked} were used.")
        got = attempt.array(got, problem.start.shape, "f")
        begin, loss, plain = problem.loss(problem.start), problem.loss(got), problem.plain()
        saw = (
            f"Loss {loss:.4f}; it began at {begin:.4f}, and gradient descent comes to {plain:.4f}."
        )
        attempt.require(loss != begin, "still", saw)
        attempt.require(loss < begin, "away", saw)
        shares.append(problem.share(got))
        attempt.require(shares[-1] < 0.95, "plain", saw)
        saw = f"{saw} What is left is {shares[-1]:.2f} of its distance to the lowest loss."
        attempt.require(shares[-1] < 0.5, "near", saw)
        attempt.passed(f"a problem of 20 weights: {loss:.5f}, gradient descent {plain:.5f}")
    worst = max(shares)
    attempt.score(f"{worst:.1e} of gradient descent's distance to the lowest loss", -worst)


def _counted(problem: material.Problem) -> Callable:
    """A plain function, for a bound method would be copied with all that it counts."""

    def loss_and_gradient(w):
        return problem.loss_and_gradient(w)

    return loss_and_gradient
