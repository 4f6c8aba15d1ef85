"""What lab 12 checks, and the hints it gives."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Mapping

import numpy as np

from helpers.attempts import shown
from helpers.labs import Attempt, task

# --- cost

BILL = ("days", "money", "kwh", "co2_kg")


def _cluster(rng: np.random.Generator) -> dict[str, float]:
    return {
        "num_devices": int(rng.integers(3, 20)),
        "peak_tflops": round(float(rng.uniform(60, 900)), 1),
        "utilisation": round(float(rng.uniform(0.2, 0.5)), 3),
        "watts": round(float(rng.uniform(150, 750)), 1),
        "price_per_hour": round(float(rng.uniform(0.4, 4)), 2),
        "pue": round(float(rng.uniform(1.1, 1.6)), 2),
        "grams_per_kwh": round(float(rng.uniform(40, 700)), 1),
    }


def _of_cluster(c: Mapping) -> str:
    return ", ".join(f"{key} {value:g}" for key, value in c.items())


def _bill(n: float, d: float, c: Mapping) -> dict[str, float]:
    hours = 6 * n * d / (c["peak_tflops"] * 1e12 * c["utilisation"] * 3600)
    kwh = hours * c["watts"] * c["pue"] / 1000
    return {
        "days": hours / c["num_devices"] / 24,
        "money": hours * c["price_per_hour"],
        "kwh": kwh,
        "co2_kg": kwh * c["grams_per_kwh"] / 1000,
    }


@task(
    points=1,
    forward=("The operations are those of reading, not of training.",
             "On the way back each parameter takes twice as many operations as on the way there."),
    peak=("The bill is that of devices which reach their peak.",
          "Which share of the peak is reached stands in the cluster. Does the run get longer or "
          "shorter by it?"),
    hours=("Seconds and hours have been mixed up.",
             "A speed is in operations a second. Write the unit behind each number of your formula: "
             "what is left over?"),
    tera=("The speed has the wrong power of ten.",
          "Tera is a million million: how many zeros are these?"),
    clock=("The days are not those on the clock.",
           "Device-hours are the hours of all devices added up. They work at the same time; and a day "
           "has 24 hours."),
    devices=("The number of devices is in the wrong places.",
             "Who pays by the device and the hour pays for device-hours, however many devices share "
             "them. The same holds for energy."),
    kilo=("There is a factor of a thousand in the energy or the CO2.",
          "Watts are not kilowatts, and grams are not kilograms."),
    pue=("The energy is that of the computers, not of the building.",
         "For each watt of a computer the building draws pue watts."),
)  # fmt: skip
def run_bill(attempt: Attempt) -> None:
    """Days, money, energy and CO2 of a training."""
    for _ in range(3):
        c = _cluster(attempt.rng)
        n = float(round(10 ** attempt.rng.uniform(8, 10), -4))
        d = float(round(n * attempt.rng.uniform(8, 40), -4))
        about = f"for {n:.4g} parameters, {d:.4g} tokens and a cluster of {_of_cluster(c)}"
        got = attempt.call(n, d, c)
        attempt.require(got is not None, "empty", f"None came {about}.")
        wanted = f"A dictionary with the keys {', '.join(BILL)} was expected, and this came: "
        attempt.require(isinstance(got, Mapping), "type", wanted + shown(got))
        attempt.require(set(BILL) <= set(got), "type", wanted + shown(got))
        want = _bill(n, d, c)
        factors = {
            "forward": [1 / 3, 2 / 3],
            "peak": [c["utilisation"], c["utilisation"] ** 2],
            "hours": [3600.0, 1 / 3600, 60.0, 1 / 60],
            "tera": [1e12, 1e3, 1e-3, 1e6, 1e-6],
        }
        own = {
            "days": {"clock": [24.0, c["num_devices"], 24 * c["num_devices"],
                               c["num_devices"] ** 2]},
            "money": {"devices": [1 / c["num_devices"], c["num_devices"]]},
            "kwh": {"kilo": [1e3, 1e-3], "pue": [1 / c["pue"], c["pue"] ** -2],
                    "devices": [1 / c["num_devices"], c["num_devices"]]},
            "co2_kg": {"kilo": [1e3, 1e6, 1e-3], "pue": [1 / c["pue"]],
                       "devices": [1 / c["num_devices"], c["num_devices"]]},
        }  # fmt: skip
        for key in BILL:
            value = attempt.number(got[key], f'for "{key}"')
            about_key = f'for "{key}", {about}'
            known = {**own[key], **factors} if key != "days" else {**factors, **own[key]}
            mistakes = {
                name: _nearest(value, [want[key] * f for f in fs]) for name, fs in known.items()
            }
            attempt.agrees(value, want[key], mistakes, "values", about_key)
    attempt.passed("three bills: days, money, energy and CO2")


def _nearest(value: float, candidates: list[float]) -> float:
    return min(candidates, key=lambda c: abs(c - value))


def _sizes(c: Mapping, money: float, days: float, text: float, ratio: float) -> dict[str, float]:
    hour = c["peak_tflops"] * 1e12 * c["utilisation"] * 3600
    hours = {"money": money / c["price_per_hour"], "days": days * 24 * c["num_devices"]}
    return {
        **{k: math.sqrt(h * hour / (6 * ratio)) for k, h in hours.items()},
        "text": text / ratio,
    }


@task(
    points=1,
    looser=("The model breaks one of the limits.",
            "What the money allows, what the days allow and what the text allows must all hold. Which "
            "of three numbers keeps all three?"),
    devices=("The days are counted as if there were one device, or the money as if it were for each.",
             "How many device-hours are there in a day of the cluster? And how many does the money "
             "buy?"),
    tokens=("This looks like the number of tokens.",
            "With r tokens for each parameter there are two unknowns and two equations. Which of the "
            "two did you solve for?"),
    square=("The number of tokens does not grow with the model.",
            "A model twice as large sees twice as many tokens, and each token costs twice as much: "
            "how do the operations grow?"),
    peak=("The devices of your plan reach their peak.",
          "The share of the peak that is reached stands in the cluster."),
    forward=("The operations are those of reading, not of training.",
             "On the way back each parameter takes twice as many operations as on the way there."),
    limit=("The size is right, and another limit than the one named stops it.",
           "Name the limit that allows the smallest model."),
    name=("The limit is the right one, and its name is written another way.",
          "The task gives three names. Compare yours with them, letter by letter."),
)  # fmt: skip
def largest_model(attempt: Attempt) -> None:
    """The largest model within a budget."""
    for number, tightest in enumerate(("money", "days", "text", "days", "money")):
        c, rng = _cluster(attempt.rng), attempt.rng
        ratio = float(rng.integers(5, 60))
        target = 10 ** rng.uniform(8, 10)
        looser = {k: float(f) for k, f in zip(("money", "days", "text"), rng.uniform(1.4, 3, 3),
                                              strict=True)}  # fmt: skip
        looser[tightest] = 1.0
        if number == 0:  # text without end
            looser["text"] = 1e16
        one = _sizes(c, 1.0, 1.0, 1.0, ratio)
        money = round((target * looser["money"] / one["money"]) ** 2, 2)
        days = round((target * looser["days"] / one["days"]) ** 2, 4)
        text = float(round(target * looser["text"] / one["text"]))
        about = (f"for {money:.4g} of money, {days:.4g} days, {text:.4g} tokens of text, {ratio:g} "
                 f"tokens a parameter and a cluster of {_of_cluster(c)}")  # fmt: skip
        got = attempt.call(c, money, days, text, ratio)
        attempt.require(got is not None, "empty", f"None came {about}.")
        wanted = f"A number and the name of a limit were expected, and this came: {shown(got)}"
        pair = isinstance(got, tuple | list) and len(got) == 2
        attempt.require(pair and isinstance(got[1], str), "type", wanted)
        size, limit = attempt.number(got[0], about), got[1]
        sizes = _sizes(c, money, days, text, ratio)
        want, root = min(sizes.values()), math.sqrt
        every = c["num_devices"]
        other = {
            "devices": [_sizes(c, money, days / every, text, ratio),
                        _sizes(c, money * every, days, text, ratio),
                        _sizes(c, money / every, days, text, ratio)],
            "peak": [_sizes({**c, "utilisation": 1.0}, money, days, text, ratio)],
            "forward": [_sizes(c, 3 * money, 3 * days, text, ratio)],
        }  # fmt: skip
        compute = [sizes["money"], sizes["days"]]
        mistakes = {
            "looser": list(sizes.values()),
            **{k: [min(s.values()) for s in found] for k, found in other.items()},
            "tokens": [want * ratio, min(compute) * ratio],
            "square": [min(compute) ** 2, min(min(compute) ** 2, sizes["text"]),
                       min(compute) ** 2 * ratio / text, min(compute) * root(ratio)],
        }  # fmt: skip
        found = {k: _nearest(size, values) for k, values in mistakes.items()}
        attempt.agrees(size, want, found, "values", about)
        saw = f"{shown(limit)} was named {about}."
        spelt = limit == tightest or limit.strip(" .'\"").lower() != tightest
        attempt.require(spelt, "name", saw)
        attempt.require(limit == tightest, "limit", saw)
        attempt.passed(f"a budget that the {tightest} end{'s' * (tightest != 'days')} first")


# --- privacy


def _clipped(g: np.ndarray, clip: float) -> np.ndarray:
    lengths = np.sqrt((g**2).sum(axis=1, keepdims=True))
    return g * np.minimum(1, clip / np.maximum(lengths, 1e-12))


def _mean_first(g: np.ndarray, clip: float) -> np.ndarray:
    mean = g.mean(axis=0)
    return mean * min(1, clip / max(np.linalg.norm(mean), 1e-12))


@task(
    points=2,
    mean=("The gradients were added up or averaged first, and clipped then.",
          "One example's row may be a thousand times longer than the others. How much can it move "
          "your result? Shorten each row by itself."),
    elementwise=("Each number of a gradient was clipped by itself.",
                 "The length of a row is the root of the sum of its squares: with many numbers it may "
                 "be far above the clip though each number is below it."),
    stretched=("Short gradients have been made longer.",
               "Only what is longer than the clip changes. What is the factor of a row that is "
               "shorter, and may it be above 1?"),
    unclipped=("No gradient was shortened.", "Where does `clip` come into the sum of the rows?"),
    axis=("The lengths are those of columns, or of the whole table.",
          "There is one length for each example: (n, 1) after keepdims."),
    drawn=("The sum is divided by the number of rows that were drawn.",
           "How many were drawn is private as well. Divide by what does not depend on the data."),
    undivided=("The sum is not divided by anything.", "Look at the third of the four steps."),
    uphill=("The step goes uphill.", "The gradient points to where the loss grows."),
    scale=("The noise does not have the size that the task asks for.",
           "Its standard deviation is for the sum, before it is divided: noise_multiplier times clip. "
           "rng.normal takes a standard deviation, not a variance."),
    undivided_noise=("The noise was added after the division, or for each example.",
                     "The second step is about the sum, the third divides sum and noise together. The "
                     "noise is drawn once, however many examples there are."),
    same=("All numbers get the same noise.", "How many numbers did you draw? There are D."),
    fixed=("The noise is always the same, or does not follow from the seed.",
           "Draw from np.random.default_rng(seed), with the seed that was handed over."),
    rate=("The noise does not become part of the step.",
          "Sum and noise go the same way: both are divided, and both are multiplied by the learning "
          "rate."),
    normal=("The noise is not normal.",
            "Its size is right, and large values are too rare or too frequent: which distribution does "
            "the task name?"),
    generator=("The noise is not what a new generator with this seed draws.",
               "np.random.seed sets a state that all other code shares. Make a generator of your own "
               "from the seed, and let nothing else draw from it first."),
    none=("A step that drew no example must still be taken.",
          "With n = 0 the sum is zero, and the noise is added all the same: whether anybody was drawn "
          "is private, too."),
)  # fmt: skip
def private_step(attempt: Attempt) -> None:
    """A private step: clip each example, add noise."""
    rng = attempt.rng
    for count, width, expected in ((6, 4, 5.0), (9, 3, 12.0), (2, 5, 4.0)):
        clip, rate = float(rng.uniform(0.6, 1.6)), float(rng.uniform(0.1, 1.0))
        g = rng.normal(size=(count, width)) * np.geomspace(0.1, 9, count)[:, None]
        g[0] *= 0.1 * clip / np.linalg.norm(g[0])
        weights, seed = rng.normal(size=width), int(rng.integers(1e6))
        about = (f"without noise, for {count} gradients of {width} numbers, clip {clip:.3g}, "
                 f"expected {expected:g}")  # fmt: skip
        got = attempt.call(weights, g, rate, clip, 0.0, expected, seed)
        got = attempt.array(got, (width,), "f", about=about)
        lengths = np.sqrt((g**2).sum(axis=1, keepdims=True))
        columns = np.sqrt((g**2).sum(axis=0, keepdims=True))

        def moved(step, weights=weights, rate=rate):
            return weights - rate * step

        total = _clipped(g, clip).sum(axis=0)
        mean = _mean_first(g, clip)
        summed = g.sum(axis=0) * min(1, clip / np.linalg.norm(g.sum(axis=0)))
        wrong = {
            "mean": [mean, mean * count / expected, summed / expected, summed / count],
            "elementwise": [np.clip(g, -clip, clip).sum(axis=0) / n for n in (expected, count)],
            "stretched": [(g * clip / lengths).sum(axis=0) / n for n in (expected, count)],
            "unclipped": [g.sum(axis=0) / expected, g.mean(axis=0)],
            "axis": [(g * np.minimum(1, clip / by)).sum(axis=0) / n
                     for by in (columns, np.linalg.norm(g)) for n in (expected, count)],
            "drawn": [total / count],
            "undivided": [total],
            "uphill": [-total / expected, -total / count],
        }  # fmt: skip
        mistakes = {
            name: min((moved(s) for s in steps), key=lambda m: np.abs(m - got).max())
            for name, steps in wrong.items()
        }
        attempt.agrees(got, moved(total / expected), mistakes, "values", about)
        attempt.passed(f"{count} gradients, of which some are clipped, without noise")
    _check_noise(attempt)
    weights = rng.normal(size=4)
    got = _without_examples(attempt, weights)
    attempt.require(np.isfinite(got).all(), "none", f"With no example drawn {shown(got)} came.")
    attempt.require(not np.allclose(got, weights), "none",
                    "With no example drawn, the weights came back as they were.")  # fmt: skip
    attempt.passed("a step that drew no example")
    got = attempt.call(weights, np.zeros((3, 4)), 0.5, 1.0, 0.0, 3.0, 1)
    attempt.agrees(attempt.array(got, (4,), "f", about="for gradients of zero"), weights)
    attempt.passed("gradients of zero")


def _without_examples(attempt: Attempt, weights: np.ndarray) -> np.ndarray:
    from helpers.attempts import Failed

    try:
        got = attempt.call(weights, np.zeros((0, 4)), 0.5, 1.0, 2.0, 3.0, 5)
    except (ValueError, IndexError, ZeroDivisionError, TypeError) as error:
        said = f"{type(error).__name__}: {error}"
        raise Failed("none", f"With no example drawn your code stopped: {said}") from None
    return attempt.array(got, (4,), "f", finite=False, about="with no example drawn")


def _check_noise(attempt: Attempt) -> None:
    """The spread of what is added to gradients of zero."""
    rng, width, count = attempt.rng, 8_000, 3
    for clip, multiplier, expected, rate in ((0.5, 3.0, 5.0, 0.3), (2.5, 0.6, 11.0, 0.7)):
        seed, weights = int(rng.integers(1e6)), np.zeros(width)
        zeros = np.zeros((count, width), "float32")

        def noise(seed, zeros=zeros, clip=clip, multiplier=multiplier, expected=expected,
                  weights=weights, rate=rate):  # fmt: skip
            got = attempt.call(weights, zeros, rate, clip, multiplier, expected, seed)
            return attempt.array(got, (width,), "f", about="for gradients of zero, with noise")

        first, again, other = noise(seed), noise(seed), noise(seed + 1)
        about = (f"for gradients of zero, noise_multiplier {multiplier:g}, clip {clip:g}, expected "
                 f"{expected:g}, learning_rate {rate:g}")  # fmt: skip
        attempt.require(
            np.ptp(first) > 0 or not first.any(), "same", f"All are one number {about}."
        )
        saw = f"Two calls with the same seed differ {about}."
        attempt.require(np.allclose(first, again), "fixed", saw)
        saw = f"Two calls with different seeds give the same {about}."
        attempt.require(not first.any() or not np.allclose(first, other), "fixed", saw)
        spread, wanted = float(first.std()), rate * multiplier * clip / expected
        saw = f"The noise in the weights has a standard deviation of {spread:.3g} {about}."
        late = (multiplier * clip, multiplier * clip * math.sqrt(count) / expected,
                multiplier * clip / math.sqrt(expected), multiplier * clip / count)  # fmt: skip
        attempt.require(abs(spread / wanted - 1) < 0.05 or
                        not any(abs(spread / w / rate - 1) < 0.04 for w in late),
                        "undivided_noise", saw)  # fmt: skip
        attempt.require(not any(abs(spread / w - 1) < 0.04 for w in (wanted / rate, *late)),
                        "rate", saw)  # fmt: skip
        attempt.require(abs(spread / wanted - 1) < 0.05, "scale", saw)
        attempt.require(abs(first.mean()) < 0.05 * wanted, "scale",
                        f"The noise has a mean of {first.mean():.3g} {about}.")  # fmt: skip
        near = float(np.mean(np.abs(first) < spread))
        saw = f"{near:.0%} of the noise is nearer to 0 than its standard deviation {about}."
        attempt.require(abs(near - 0.683) < 0.025, "normal", saw)
        drawn = wanted * np.random.default_rng(seed).normal(size=width)
        own = any(np.allclose(first, s * drawn, atol=1e-3 * wanted) for s in (1, -1))
        attempt.require(own, "generator", f"The noise begins with {shown(first[:3])} {about}.")
    attempt.passed("the noise: its size, and that it follows from the seed")


def _left_out(mu: float, epsilon: float) -> float:
    def below(z):
        return 0.5 * math.erfc(-z / math.sqrt(2))

    return below(mu / 2 - epsilon / mu) - math.exp(epsilon) * below(-mu / 2 - epsilon / mu)


def _largest_mu(epsilon: float, delta: float) -> float:
    low, high = 1e-9, 1e3
    for _ in range(200):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if _left_out(middle, epsilon) <= delta else (low, middle)
    return low


@task(
    points=2,
    short=("The noise is a little too small: the promise does not hold.",
           "A search ends with two bounds. On which of them does the promise hold? And is their "
           "distance small next to their size?"),
    generous=("The noise is more than needed.",
              "How near are the two bounds of your search when it ends, next to their size?"),
    classic=("This noise comes from the older formula with the root of 2 ln(1.25 / delta).",
             "That formula is safe for an epsilon below 1, and adds more noise than needed. Use the "
             "exact one of the task."),
    steps=("The steps are not counted as the task says.",
           "Only one thing is divided by the root of the steps: the noise of the single step that is "
           "as private as all together."),
    person=("A person's examples are not counted as the task says.",
            "How far can k gradients of length `clip` at most move a sum, if they all point one way?"),
    inverse=("This is mu, or one over the noise, not the noise.",
             "How many standard deviations a person moves the sum falls as the noise grows."),
    delta=("The delta is not the one that was handed over.",
           "Is there a number in your code where `delta` should stand?"),
    bound=("Your search stopped at the end of its range.",
           "How much noise do 10,000 steps take at a small epsilon? Look in a wider range."),
)  # fmt: skip
def enough_noise(attempt: Attempt) -> None:
    """The smallest noise that keeps a promise."""
    rng = attempt.rng
    fixed = [(1.0, 1e-5, 1, 1), (8.0, 1e-3, 100, 1), (0.2, 1e-6, 10_000, 8)]
    drawn = [
        (round(float(rng.uniform(0.3, 6)), 3), float(10.0 ** -rng.integers(3, 8)),
         int(rng.integers(2, 900)), int(rng.integers(1, 12)))
        for _ in range(6)
    ]  # fmt: skip
    for epsilon, delta, steps, people in fixed + drawn:
        about = (f"for epsilon {epsilon:g}, delta {delta:g}, {steps:,} "
                 f"step{'s' * (steps > 1)}, per_person {people}")  # fmt: skip
        got = attempt.number(attempt.call(epsilon, delta, steps, people), about)
        mu = _largest_mu(epsilon, delta)
        want = people * math.sqrt(steps) / mu
        if want * (1 - 1e-5) <= got <= want * 1.0101:
            continue
        saw = f"This came {about}: {got:.6g}"
        root = math.sqrt(steps)
        classic = math.sqrt(2 * math.log(1.25 / delta)) / epsilon
        known = {
            "steps": [want / root, want * root, want / steps],
            "person": [want / people, want / people**2, want / math.sqrt(people), want * people],
            "classic": [classic * root * people, classic, classic * people, classic * root],
            "inverse": [1 / want, mu, mu / root, mu / people],
            "delta": [people * root / _largest_mu(epsilon, 10.0**-k) for k in range(2, 10)],
        }
        for key, values in known.items():
            hit = any(abs(got / v - 1) < 0.011 for v in values if abs(v / want - 1) > 0.02)
            attempt.require(not hit, key, saw)
        attempt.require(not 0.8 < got / want < 1, "short", saw)
        attempt.require(not 1 < got / want < 1.5, "generous", saw)
        round_end = got > 0 and abs(math.log10(got) - round(math.log10(got))) < 0.005
        attempt.require(not (round_end or 0 < got < want), "bound", saw)
        attempt.require(False, "values", saw)
    attempt.passed(f"{len(fixed + drawn)} promises, from one step to ten thousand")


# --- explanation


def _network(rng: np.random.Generator, width: int, sharp: float) -> tuple[Callable, Callable]:
    """A sum of steps: a function of (width,) and its gradient, which also takes (n, width)."""
    ways = rng.normal(size=(6, width))
    heights, places = rng.normal(size=6) + 0.5, rng.uniform(-0.5, 0.5, 6)

    def said(x):
        heights_reached = np.asarray(x, dtype=float) @ ways.T - places
        return 1 / (1 + np.exp(-np.clip(sharp * heights_reached, -500, 500)))

    def f(x):
        return float(said(x) @ heights)

    def gradient(x):
        s = said(x)
        return (heights * s * (1 - s) * sharp) @ ways

    return f, gradient


def _integrated(
    gradient: Callable, x: np.ndarray, start: np.ndarray, steps: int, place: float = 0.5
) -> np.ndarray:
    shares = (np.arange(steps) + place) / steps
    return gradient(start + shares[:, None] * (x - start)).mean(axis=0)


def _case(
    rng: np.random.Generator, width: int, sharp: float, tolerance: float, many: bool = False
) -> tuple:
    """A function that changes on the way, and whose parts never add up by luck alone."""
    while True:
        f, gradient = _network(rng, width, sharp)
        x, start = rng.normal(size=(2, width))
        gain, want = f(x) - f(start), (x - start) * _integrated(gradient, x, start, 20_000)
        ours = 3 * tolerance + 0.02 * np.abs(want).max()
        if abs(gain) < 0.4 or abs(want.sum() - gain) > tolerance / 20:
            continue
        if many:  # too steep for a thousand steps, and not for two thousand

            def missing(steps, place, f=gradient, x=x, start=start, gain=gain):
                return abs(((x - start) * _integrated(f, x, start, steps, place)).sum() - gain)

            few = [missing(n, place) for n in (1000, 1001, 1024) for place in (0, 0.5, 1)]
            enough = [missing(n, place) for n in (2048, 1984) for place in (0, 0.5, 1)]
            if min(few) < 1.2 * tolerance or max(enough) > 0.9 * tolerance:
                continue
        lucky = False
        for steps, place in itertools.product(
            (*range(64, 2048 if many else 512, 64), 512, 1024, 2048), (0, 0.5, 1)
        ):
            parts = (x - start) * _integrated(gradient, x, start, steps, place)
            near = abs(parts.sum() - gain) < 1.5 * tolerance
            lucky |= near and np.abs(parts - want).max() > 0.7 * ours
        if not lucky:
            return f, gradient, x, start, want


@task(
    points=1,
    seconds=30,
    endpoint=("Only the gradient at x was used.",
              "Where the model is flat at x, the gradient there says nothing of the way. Average over "
              "the way from the baseline."),
    baseline=("The baseline does not come in where it should.",
              "Both the line and the length of the way begin at the baseline. It is zero in the "
              "simplest case only."),
    way=("The mean gradient is not multiplied by the way.",
         "What a feature was worth is how steep it was, times how far it went."),
    coarse=("The parts do not add up to f(x) - f(baseline) within the tolerance.",
            "Compare their sum with the gain after each attempt. What does your code do when the two "
            "are too far apart?"),
    forced=("The parts add up because they were made to, and each is wrong.",
            "To scale or to shift the parts until their sum fits hides the error. Take smaller steps."),
    direction=("The signs are the wrong way round.",
               "Which feature raised the output on the way from the baseline to x?"),
)  # fmt: skip
def attributions(attempt: Attempt) -> None:
    """Integrated gradients that add up."""
    cases = ((3, 4.0, 1e-3), (5, 6.0, 1e-3), (4, 150.0, 2e-3), (6, 300.0, 2e-3), (4, 1200.0, 2e-3))
    for width, sharp, tolerance in cases:
        f, gradient, x, start, want = _case(attempt.rng, width, sharp, tolerance, sharp > 1000)
        kind = "smooth" if sharp < 10 else "steep" if sharp < 1000 else "very steep"
        about = f"for a {kind} function of {width} numbers, tolerance {tolerance:g}"
        got = attempt.call(f, gradient, x, start, tolerance)
        got = attempt.array(got, (width,), "f", about=about)
        gain, way = f(x) - f(start), x - start
        mean, zero = want / way, np.zeros(width)
        origin = _integrated(gradient, x, zero, 4_000)
        ends = {"endpoint": [gradient(x) * way, gradient(x) * x],
                "baseline": [mean * x, origin * x, origin * way, gradient(start) * way],
                "way": [mean, gradient(x)], "direction": [-want]}  # fmt: skip
        ours = 3 * tolerance + 0.02 * np.abs(want).max()
        off = np.abs(got - want).max()
        saw = (f"This came {about}: {shown(got)}. Its sum is {got.sum():.5g}; f(x) is {f(x):.5g}, "
               f"f(baseline) {f(start):.5g}.")  # fmt: skip
        for key, values in ends.items():
            near = any(np.abs(got - v).max() < ours for v in values)
            attempt.require(off < ours or not near, key, saw)
        summed = abs(got.sum() - gain) <= tolerance * (1 + 1e-6)
        attempt.require(
            summed, "coarse" if off < 0.5 * np.abs(want).max() + ours else "values", saw
        )
        attempt.require(off < ours, "forced", saw)
        attempt.passed(f"a {kind} function of {width} numbers")


def _suspects(seed: int, given: np.ndarray) -> dict[str, tuple[Callable, bool, bool]]:
    """Ways to explain x @ w + curves, each with its two verdicts; the weights given are known."""
    draws = np.random.default_rng([seed, 5]).normal(size=(1000, 40))

    def honest(weights, x):
        return weights[0] * x + 0.1 * weights[1] * x**2

    def random_by_weights(weights, x):
        own = int(np.abs(np.asarray(weights)).ravel() @ (1 + np.arange(weights.size)) * 1e6)
        return np.random.default_rng(own % 2**32).normal(size=x.shape)

    return {
        "what each feature added to the model's sum": (honest, True, True),
        "numbers drawn once, whatever the model": (lambda w, x: draws[: len(x)], False, False),
        "the features' own values": (lambda w, x: x.copy(), False, True),
        "what each feature added, with the sign turned": (
            lambda w, x: -honest(w, x), True, False),
        "the features' sizes, with the sign turned": (lambda w, x: -np.abs(x), False, False),
        "new numbers drawn for each model": (random_by_weights, True, False),
        "as float32, what each feature added": (
            lambda w, x: honest(w, x).astype("float32"), True, True),
        "what each feature added, and a large number that is the row's own": (
            lambda w, x: honest(w, x) + 10 * x.sum(axis=1, keepdims=True), True, True),
        "the features' own values, turned for other weights": (
            lambda w, x: x.copy() if np.array_equal(w, given) else -x, False, True),
        SLIGHT: (lambda w, x: np.tile(1 - np.arange(40) / 40, (len(x), 1)), False, False),
    }  # fmt: skip


SLIGHT = "always the same ten features, which are better than chance by two standard errors"


def _slight(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Weights and rows where the first ten features add a little, with much scatter by rows."""
    weights = rng.uniform(0.5, 1.5, (2, 40)) * rng.choice([-1, 1], (2, 40))
    weights[1] *= 1e-3
    gains = rng.normal(size=200)
    gains = (gains - gains.mean()) / gains.std() + 2.05 / math.sqrt(200)
    x = 0.01 * rng.normal(size=(200, 40))
    x[:, :10] = gains[:, None] / weights[0, :10]
    return weights, x


def _model(weights: np.ndarray, x: np.ndarray) -> np.ndarray:
    return x @ weights[0] + 0.1 * x**2 @ weights[1]


@task(
    points=2,
    seconds=30,
    deaf=("An explanation that changes with the weights was said not to notice.",
          "Is it the second explanation that comes from the shuffled weights, with the same x? Is a "
          "low correlation the sign of one that notices, or a high one?"),
    fooled=("An explanation that does not look at the weights was said to notice.",
            "Explained twice, it gives the same twice: the correlation is 1. And a correlation far "
            "below zero is no sign of noticing either."),
    lame=("An explanation that finds what raised the output was said to do no better than chance.",
          "Print the mean fall of the output for both ways. Are the features with the largest values "
          "set to zero, in each row its own, and is it the fall, before minus after?"),
    sign=("An explanation with its sign turned was said to beat chance.",
          "What lowered the output must not be taken out first: order by the values, not by their "
          "size."),
    chance=("Numbers without any meaning were said to beat chance.",
            "Taking out anything changes the output. Compare with as many features drawn at random, "
            "and ask for a mean difference of more than 3 standard errors: the standard deviation "
            "over the rows, divided by the root of their number."),
    shuffles=("The explanation was not asked for ten shuffles of the weights.",
              "One shuffle may be a lucky one. And do all entries change places, those of different "
              "rows too? Look at what rng.permutation does with an array of two axes."),
    fresh=("The explanation was asked for weights that are no shuffle of the given ones.",
           "The entries stay the same and change their places. Other numbers test another thing."),
    zero=("Features were set to something else than zero.",
          "What is taken out becomes 0, as the task says, and the others stay as they are."),
    keys=("The two verdicts are not there as truth values.",
          "The task names two keys. A correlation is no verdict: compare it."),
)  # fmt: skip
def tested(attempt: Attempt) -> None:
    """A test for explanations."""
    noted_all: list[tuple] = []
    for what in _suspects(attempt.seed, np.zeros(0)):
        rng, asked, seen = attempt.rng, [], []
        weights = rng.normal(size=(2, 40))
        x = rng.normal(size=(200, 40)) + np.sign(weights[0])
        if what == SLIGHT:
            weights, x = _slight(rng)
        explain, notices, beats = _suspects(attempt.seed, weights)[what]

        def noted(w, rows, explain=explain, asked=asked):
            asked.append(np.array(w))
            return explain(w, rows)

        def model(w, rows, seen=seen):
            seen.append(np.array(rows))
            return _model(w, rows)

        got = attempt.call(noted, model, weights, x)
        about = f"for this explanation: {what}"
        attempt.require(got is not None, "empty", f"None came {about}.")
        saw = f"This came {about}: {shown(got)}"
        attempt.require(isinstance(got, Mapping), "type", saw)
        names = ("notices", "beats_random")
        kinds = all(np.ndim(got.get(n, "")) == 0 and isinstance(_bare(got.get(n)), bool)
                    for n in names)  # fmt: skip
        attempt.require(kinds, "keys", saw)
        found = {n: bool(got[n]) for n in names}
        attempt.require(found["notices"] or not notices, "deaf", saw)
        attempt.require(not found["notices"] or notices, "fooled", saw)
        attempt.require(found["beats_random"] or not beats, "lame", saw)
        turned = "turned" in what
        attempt.require(not found["beats_random"] or beats, "sign" if turned else "chance", saw)
        if asked:
            noted_all.append((asked, seen, weights, x, about))
        attempt.passed(what)
    for noted_one in noted_all:
        _asked(attempt, *noted_one)


def _asked(attempt: Attempt, asked: list, seen: list, weights, x, about: str) -> None:
    """What the explanation and the model were asked for."""
    others = {w.tobytes(): w for w in asked if not np.array_equal(w, weights)}.values()
    ordered = np.sort(weights, axis=None)
    strange = sum(w.size != weights.size or not np.allclose(np.sort(w, axis=None), ordered)
                  for w in others)  # fmt: skip
    saw = f"{strange} of {len(others)} other arrays of weights hold other numbers {about}."
    attempt.require(not strange, "fresh", saw)
    saw = f"{len(others)} other orders of the weights were explained {about}."
    attempt.require(len(others) >= 10, "shuffles", saw)
    for rows in seen:
        if rows.shape == x.shape:
            values = rows[~np.isclose(rows, x)]
            attempt.require(not values.any(), "zero", f"Values became {shown(values[:3])} {about}.")


def _bare(value: object) -> object:
    return value.item() if hasattr(value, "item") else value


# --- masking

PLACEHOLDER = re.compile(r"\[(EMAIL|PHONE|CARD|IP)_(\d+)\]")
PASS = 0.95  # F1
KINDS = ("EMAIL", "PHONE", "CARD", "IP")


def _luhn_end(digits: str) -> str:
    for end in "0123456789":
        twice = [sum(divmod(2 * int(d), 10)) for d in (digits + end)[-2::-2]]
        if (sum(map(int, (digits + end)[::-2])) + sum(twice)) % 10 == 0:
            return digits + end
    raise AssertionError("one of ten digits fits")


def _drawn_values(rng: np.random.Generator) -> dict[str, list[list[str]]]:
    """For each kind values, each in several spellings."""

    def digits(n):
        return "".join(map(str, rng.integers(0, 10, n)))

    def pick(*items):
        return items[int(rng.integers(len(items)))]

    emails, phones, cards, ips = [], [], [], []
    for _ in range(7):
        first = pick("mia", "leo", "uma", "kai", "zoe", "omar")
        last = pick("ott", "silva", "o-brien", "chen", "novak")
        name = pick(f"{first}.{last}", f"{first}_{last}{digits(2)}", f"{first}+{digits(3)}",
                    f"{first[0]}.{last}+news", f"{first}-{digits(4)}")  # fmt: skip
        host = pick("kite.example", "cs.north-uni.example", "mail.kite.test", "tulip.test")
        email = f"{name}{len(emails)}@{host}"
        emails.append([email, email.title(), email.upper()])
        country = pick("1", "44", "49", "351")
        a, b, c = f"{rng.integers(200, 999)}", digits(3), digits(4)
        phones.append(
            [
                f"+{country} {a} {b} {c}",
                f"+{country} ({a}) {b}-{c}",
                f"+{country}{a}{b}{c}",
                f"+{country}-{a}-{b}-{c}",
                f"+{country}.{a}.{b}.{c}",
            ]
        )
        card = _luhn_end("400000" + digits(9))
        fours = [card[i : i + 4] for i in range(0, 16, 4)]
        cards.append([card, " ".join(fours), "-".join(fours)])
        net = pick("192.0.2", "198.51.100", "203.0.113", "10.0.7")
        ips.append([f"{net}.{36 * len(ips) + int(rng.integers(1, 36))}"])
    for _ in range(2):
        card = _luhn_end("3400" + digits(10))
        cards.append([card, f"{card[:4]} {card[4:10]} {card[10:]}",
                      f"{card[:4]}-{card[4:10]}-{card[10:]}"])  # fmt: skip
    return {"EMAIL": emails, "PHONE": phones, "CARD": cards, "IP": ips}


FRAMES = (
    "Write to {EMAIL}. She answers.",
    "From: Uma <{EMAIL}>, cc {EMAIL}; sent at 07:15",
    '{{"user": "{EMAIL}", "ip": "{IP}", "v": "v4.2.0"}}',
    "(call {PHONE}, or {PHONE} after 6)",
    "her line ({PHONE}) is busy",
    "tel:{PHONE}",
    "Phone {PHONE}. Or write to {EMAIL}.",
    "answered by {EMAIL}.",
    "paid with {CARD}, thanks",
    "card={CARD};order={order}",
    "{CARD} was charged twice: {CARD}",
    "order {order}, card {CARD}.",
    "[2026-11-28 06:58:41] {IP} GET /index.html 200",
    "{IP}:8080 is down, {IP} is not.",
    "version {IP} of the tool, on {IP}.",
    "release v{IP} and build 7.{IP}",
    "no such host: {far}",
    "ISBN 978-0-{isbn}, 23,400.50 EUR, +5 points, 2026-05-17",
    "reference {order} and {long}",
    "orders {order}, {order} and {order} are late",
    "from version {IP} to version {IP}: v{IP} is skipped",
    "hosts {far} and {far} do not exist",
    "see @home or kite.example/{order}; a @ b",
    "The score was 3.14.15 after +12 and 4.2.0",
)
IN_WORDS = {"EMAIL": "e-mail addresses", "PHONE": "telephone numbers", "CARD": "card numbers",
            "IP": "IP addresses"}  # fmt: skip


def _texts(rng: np.random.Generator) -> list[tuple[str, list[tuple[int, int, str, int]]]]:
    """Texts with what is in them: (start, end, kind, number of the value)."""
    values, rows = _drawn_values(rng), []

    def other(name):
        def digits(n):
            return "".join(map(str, rng.integers(0, 10, n)))

        if name == "order":  # one digit off a card
            card = _luhn_end("400000" + digits(9))
            return card[:-1] + str((int(card[-1]) + int(rng.integers(1, 10))) % 10)
        if name == "far":
            return f"{rng.integers(256, 999)}.{rng.integers(9)}.{rng.integers(9)}.7"
        return f"{digits(5)}-{digits(3)}-{digits(1)}" if name == "isbn" else "8" + digits(18)

    for frame in FRAMES * 3:
        text, marks = "", []
        frame = frame.replace("{{", "\x01").replace("}}", "\x02")
        for literal, name in re.findall(r"([^{]*)(?:\{(\w+)\})?", frame):
            text += literal.replace("\x01", "{").replace("\x02", "}")
            if not name:
                continue
            if name not in values:
                text += other(name)
                continue
            number = int(rng.integers(len(values[name])))
            spellings = values[name][number]
            found = spellings[int(rng.integers(len(spellings)))]
            decoy = name == "IP" and re.search(r"(version |v|7\.)$", text)
            if not decoy:
                marks.append((len(text), len(text) + len(found), name, number))
            text += found
        rows.append((text, marks))
    return [rows[i] for i in rng.permutation(len(rows))]


def _taken(text: str, got: str) -> list[tuple[int, int, str, str]] | None:
    """What the placeholders stand for: (start, end, kind, number); None if the rest differs."""
    parts = PLACEHOLDER.split(got)
    pattern = re.escape(parts[0])
    for literal in parts[3::3]:
        pattern += "(.+?)" + re.escape(literal)
    match = re.fullmatch(pattern, text, re.DOTALL)
    if match is None:
        return None
    return [
        (*match.span(i + 1), kind, number)
        for i, (kind, number) in enumerate(zip(parts[1::3], parts[2::3], strict=True))
    ]


@task(
    points=3,
    damaged=("Something else than personal data was changed.",
             "Take the placeholders out: what stands before, between and after them must be the text "
             "as it was, to the last space and full stop."),
    untouched=("Nothing was masked.", "Print masked(SAMPLES): are there placeholders in it?"),
    missed=("Much of one kind is not found.",
            "Print all texts of your own that hold this kind, in each spelling that the task names, "
            "beside what came out. Begin with one that was missed."),
    greedy=("Much is taken for personal data that is not.",
            "What makes the two differ for a reader: the check digit, the size of the four numbers, "
            "what touches it? Say so in the pattern, or look at each find before you replace it."),
    edges=("The right places are found, and their ends, or their kinds, are not right.",
           "Does your pattern take the full stop after an address, the bracket before a number, or "
           "only the second half of a name with a plus?"),
    split=("One value has got two numbers.",
           "Remember values in one spelling: small letters for addresses, the digits alone for "
           "cards and telephones. And the list is one: do not begin anew with each text."),
    merged=("Two values share a number.",
            "A number belongs to one value of its kind. Where do you look up whether a value has one?"),
    counting=("The numbers within a kind do not go 1, 2, 3.",
              "Each kind counts for itself, from 1, and only new values move the count."),
)  # fmt: skip
def masked(attempt: Attempt) -> None:
    """Challenge: a masker."""
    rows = _texts(attempt.rng)
    texts = [text for text, _ in rows]
    got = attempt.call(texts)
    attempt.require(got is not None, "empty", f"None came for a list of {len(texts)} texts.")
    saw = f"A list of {len(texts)} texts was expected, and this came: {shown(got)}"
    attempt.require(isinstance(got, list | tuple | np.ndarray), "type", saw)
    attempt.require(all(isinstance(t, str) for t in got), "type", saw)
    attempt.require(len(got) == len(texts), "shape", saw)
    held = {k: {"hits": 0, "there": 0, "taken": 0, "touched": 0} for k in KINDS}
    missed, false, edges, values = {}, {}, {}, {}
    for (text, marks), masked_text in zip(rows, got, strict=True):
        taken = _taken(text, str(masked_text))
        saw = f"{shown(text)} became {shown(str(masked_text))}"
        attempt.require(taken is not None, "damaged", saw)
        truth = {(s, e, k): number for s, e, k, number in marks}
        for s, e, kind, label in taken:
            held[kind]["taken"] += 1
            if (s, e, kind) in truth:
                held[kind]["hits"] += 1
                values.setdefault(kind, []).append((label, truth[s, e, kind], text[s:e]))
            elif any(s < b and a < e for a, b, *_ in marks):
                edges.setdefault(kind, saw)
                held[kind]["touched"] += 1
            else:
                false.setdefault(kind, saw)
        own = {(s, e, k) for s, e, k, _ in taken}
        for s, e, kind in truth:
            held[kind]["there"] += 1
            if (s, e, kind) not in own:
                missed.setdefault(kind, saw)
    attempt.require(any(h["taken"] for h in held.values()), "untouched",
                    f"There is no placeholder in any of {len(texts)} texts.")  # fmt: skip
    hits = sum(h["hits"] for h in held.values())
    f1 = 2 * hits / sum(h["there"] + h["taken"] for h in held.values())
    attempt.score(f"F1 {f1:.3f} on {len(texts)} unseen texts", f1)
    _check_found(attempt, held, missed, false, edges, f1)
    attempt.passed(f"F1 of at least {PASS:g} on {len(texts)} texts")
    _check_numbers(attempt, values, texts, got)
    attempt.passed("the same value has the same number, another value another")


def _check_found(attempt, held, missed, false, edges, f1) -> None:
    if f1 >= PASS:
        return
    recall = {k: h["hits"] / max(1, h["there"]) for k, h in held.items()}
    precision = {k: h["hits"] / max(1, h["taken"]) for k, h in held.items()}
    told = "; ".join(f"{IN_WORDS[k]}: recall {recall[k]:.0%}, precision {precision[k]:.0%}"
                     for k in KINDS)  # fmt: skip
    told = f"F1 is {f1:.2f}. {told}."
    ends = {k: held[k]["touched"] / max(1, held[k]["there"]) for k in edges}
    if ends and max(ends.values()) > 0.2:
        kind = max(ends, key=ends.get)
        attempt.require(False, "edges", f"{told} For instance: {edges[kind]}")
    worst = min(KINDS, key=recall.get)
    loosest = min(false, key=precision.get, default=None)
    if recall[worst] < PASS and (not loosest or recall[worst] <= precision[loosest]):
        attempt.require(False, "missed", f"{told} For instance: {missed[worst]}")
    if loosest:
        attempt.require(False, "greedy", f"{told} For instance: {false[loosest]}")
    kind = min(missed, key=recall.get)
    attempt.require(False, "missed", f"{told} For instance: {missed[kind]}")


def _check_numbers(attempt, values, texts, got) -> None:
    for kind, found in values.items():
        for (label, value, text), (other, another, its) in itertools.combinations(found, 2):
            saw = f"{shown(text)} became {kind}_{label}, and {shown(its)} became {kind}_{other}."
            attempt.require(label == other or value != another, "split", saw)
            attempt.require(label != other or value == another, "merged", saw)
    for kind in KINDS:
        labels = {int(n) for text in got for k, n in PLACEHOLDER.findall(str(text)) if k == kind}
        attempt.require(labels == set(range(1, len(labels) + 1)), "counting",
                        f"{kind} has the numbers {sorted(labels)}.")  # fmt: skip
