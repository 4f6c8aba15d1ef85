"""What lab 8 checks, and the hints it gives."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from helpers.attempts import Failed, shown
from helpers.labs import Attempt, material, task


@task(
    points=1,
    nats=("This is in nats, not in bits.", "How many nats has one bit? It is a logarithm of 2."),
    inverse=("The change from nats to bits goes the wrong way.",
             "A bit is the smaller unit (0.69 nats), so the number in bits is the larger one."),
    means=("A small batch counts as much as a large one.",
           "A mean times its count is a sum. Add up the sums."),
    token=("This is bits per token.",
           "A text has fewer tokens than bytes, and the bits are shared out among the bytes."),
    total=("The bits are not shared out among the bytes.",
           "These are the bits of the whole text: what does one byte cost?"),
)  # fmt: skip
def bits_per_byte(attempt: Attempt) -> None:
    """From nats per token to bits per byte."""
    for batches in (1, 2, 5):
        counts = [int(n) for n in attempt.rng.integers(200, 900, batches)]
        counts[-1] = int(attempt.rng.integers(3, 40))
        losses = [float(loss) for loss in attempt.rng.uniform(1, 6, batches)]
        num_bytes = int(sum(counts) * attempt.rng.uniform(2.2, 4.4))
        about = f"for {batches} batch{'es' * (batches > 1)}"
        got = attempt.number(attempt.call(losses, counts, num_bytes), about)
        nats = float(np.dot(losses, counts))
        attempt.agrees(got, nats / math.log(2) / num_bytes, {
            "nats": nats / num_bytes,
            "inverse": nats * math.log(2) / num_bytes,
            "means": np.mean(losses) * sum(counts) / math.log(2) / num_bytes,
            "token": nats / math.log(2) / sum(counts),
            "total": nats / math.log(2),
        }, "values", about)  # fmt: skip
        attempt.passed(f"{batches} batch{'es' * (batches > 1)} of different size")


def _windows(documents, length: int, stride: int, back: int = 1, least: int = 1) -> tuple:
    inputs, targets = [], []
    for tokens in documents:
        for start in range(0, len(tokens) - length - least + 1, stride):
            inputs.append(tokens[start : start + length])
            targets.append(np.roll(tokens, -back)[start : start + length])
    pair = (inputs, targets)
    return tuple(np.array(part, dtype=np.int64).reshape(-1, length) for part in pair)


@task(
    points=2,
    swapped=("Inputs and targets have changed places.",
             "A model reads the inputs and is to say what comes next. Which of your two is later in "
             "the text?"),
    order=("The windows are the right ones, in another order.",
           "All windows of the first document come first, from its beginning to its end."),
    copied=("The targets are the inputs: such a model learns to copy.",
            "The target at a position is the token that comes after it."),
    backwards=("The targets are the tokens before the inputs.",
               "Write down the inputs 5, 6, 7 of the text 5, 6, 7, 8, and the targets below them."),
    crossing=("A window reaches from one document into the next.",
              "Cut each document by itself, and join the windows at the end."),
    dropped=("A window that fits is missing.",
             "How many tokens does a window need, with the target of its last position? A document "
             "with exactly as many gives one window."),
    stride=("The windows do not begin where they should.",
            "In each document at 0, stride, 2 x stride, ..."),
    rest=("There are windows that do not fit, or are filled up.",
          "A rest that is too short for a whole window with its targets is left out."),
)  # fmt: skip
def windows(attempt: Attempt) -> None:
    """Inputs and targets, document by document."""
    cases = [([9], 4, 4), ([5], 4, 2), ([12, 3, 7], 4, 4), ([10, 11], 3, 2), ([3, 2], 4, 1),
             ([14, 9], 3, 5), (attempt.rng.integers(6, 20, 3).tolist(), 5, 3)]  # fmt: skip
    for lengths, length, stride in cases:
        documents = [attempt.rng.permutation(200)[:n] for n in lengths]
        names = ", ".join(map(str, lengths))
        about = f"for documents of {names} tokens, context_length={length}, stride={stride}"
        got = attempt.call(documents, length, stride)
        attempt.require(got is not None, "empty", f"None came {about}.")
        pair = isinstance(got, tuple | list) and len(got) == 2
        pair = pair or (hasattr(got, "shape") and len(got.shape) == 3 and len(got) == 2)
        attempt.require(pair, "type", f"A pair was expected {about}, and this came: {shown(got)}")
        inputs, targets = _windows(documents, length, stride)
        mine = [_rows(attempt, part, length, about) for part in got]
        attempt.require(len(mine[0]) == len(mine[1]), "shape",
                        f"{len(mine[0])} inputs and {len(mine[1])} targets came {about}.")  # fmt: skip
        saw = f"{len(mine[0])} windows came {about}: inputs {shown(mine[0])}, targets {shown(mine[1])}"
        found = tuple(map(tuple, np.concatenate(mine, axis=1)))
        right = tuple(map(tuple, np.concatenate([inputs, targets], axis=1)))
        moved = found != right and sorted(found) == sorted(right)
        attempt.require(not moved, "order", saw)
        for key, mistake in _window_mistakes(documents, length, stride):
            wrong = np.concatenate(mistake, axis=1)
            same = found == tuple(map(tuple, wrong))
            differs = not np.array_equal(wrong, np.concatenate([inputs, targets], axis=1))
            attempt.require(not (same and differs), key, saw)
        attempt.require(len(mine[0]) >= len(inputs), "dropped", saw)
        attempt.require(len(mine[0]) <= len(inputs), "rest", saw)
        starts = {tokens[i] for tokens in documents for i in range(0, len(tokens), stride)}
        key = "values" if starts.issuperset(mine[0][:, 0].tolist()) else "stride"
        attempt.require(np.array_equal(mine[0], inputs), key, saw)
        attempt.require(np.array_equal(mine[1], targets), "values", saw)
        attempt.passed(f"documents of {names} tokens, windows of {length} every {stride}")


def _rows(attempt: Attempt, part: Any, length: int, about: str) -> np.ndarray:
    if (
        not callable(part)
        and hasattr(part, "__len__")
        and not isinstance(part, str | Mapping)
        and not len(part)
    ):
        if len(getattr(part, "shape", (0,))) == 1 and hasattr(part, "shape"):
            raise Failed("shape", f"Shape (0, {length}) expected {about}, and {part.shape} came.")
        return np.zeros((0, length), np.int64)
    return attempt.array(part, (None, length), "iu", about=about).astype(np.int64)


def _window_mistakes(documents, length: int, stride: int):
    inputs, targets = _windows(documents, length, stride)
    yield "swapped", (targets, inputs)
    yield "copied", (inputs, inputs)
    yield "backwards", _windows(documents, length, stride, back=-1)
    if len(documents) > 1:
        yield "crossing", _windows([np.concatenate(documents)], length, stride)
    yield "stride", _windows(documents, length, length)
    yield "stride", _windows(documents, length, min(stride, length))
    yield "stride", _windows(documents, length, 1)
    yield "dropped", _windows(documents, length, stride, least=2)
    yield "rest", _windows(documents, length, stride, least=0)


def _rate(step, peak, warmup, total, final, end: int = 1) -> float:
    if step < warmup:
        return peak * (step + 1) / warmup
    share = (step - warmup) / max(1, total - end - warmup)
    return final + (peak - final) * (1 + math.cos(math.pi * share)) / 2


@task(
    points=1,
    zero=("The first step has a learning rate of 0: a batch is lost.",
          "Step 0 is the first of warmup_steps equal stairs; the last stair is the peak."),
    jump=("There is a jump where the warm-up ends.",
          "At the first step after the warm-up the cosine begins at its top. Which share of the way "
          "down has been made there?"),
    period=("The rate has fallen, and rises again.",
            "From 1 to -1 the cosine takes half a turn: pi, not 2 pi."),
    foot=("The cosine falls to 0, and `final` is only added to it, or put under it.",
          "From which value does the rate fall, and to which? Half the way is half of their "
          "difference."),
    floor=("The rate does not end at `final`.",
           "At the last step, total_steps - 1, it is `final`. Print the last two."),
    straight=("The rate falls along another curve than half a cosine.",
              "In the middle of the way down it is half-way between peak and final, and after a "
              "quarter it has lost less than a quarter."),
)  # fmt: skip
def learning_rate(attempt: Attempt) -> None:
    """Warm-up, then half a cosine."""
    draw = attempt.rng
    cases = [(1e-2, 4, 21, 1e-3), (1.0, 0, 11, 0.0), (3e-3, 10, 50, 0.0)]
    cases += [
        (float(draw.uniform(0.01, 1)), int(draw.integers(2, 9)), int(draw.integers(30, 60)), 0.004)
    ]
    for peak, warmup, total, final in cases:
        setting = (peak, warmup, total, final)
        quarter = warmup + (total - 1 - warmup) // 4
        middle = warmup + (total - 1 - warmup) // 2
        about = f"peak={peak:.3g}, warmup_steps={warmup}, total_steps={total}, final={final:g}"
        # Both ends of the way down first: what is wrong there is wrong between them, too.
        ends = [0, max(warmup - 1, 0), total - 1, warmup]
        steps = list(dict.fromkeys([*ends, middle, quarter, total - 2]))
        got = [attempt.number(attempt.call(s, *setting), f"for step {s}, {about}") for s in steps]
        for step, rate in zip(steps, got, strict=True):
            share = (step - warmup) / max(1, total - 1 - warmup)
            down = final + (peak - final) * (1 - share)
            late = (1 + math.cos(math.pi * step / (total - 1))) / 2
            bare = peak * (1 + math.cos(math.pi * share)) / 2
            at = {total - 1: "floor", warmup: "jump"}
            attempt.agrees(rate, _rate(step, *setting), {
                "zero": peak * step / max(warmup, 1) if step < warmup else math.inf,
                "period": final + (peak - final) * (1 + math.cos(2 * math.pi * share)) / 2,
                "jump": math.inf if step < warmup else final + (peak - final) * late,
                "foot": max(final, bare) if 0 < share < 1 else final + bare,
                "straight": down,
            }, at.get(step, "straight" if step >= warmup else "values"),
                f"for step {step}, {about}", tolerance=1e-4)  # fmt: skip
        attempt.passed(about)


def _parameters(c: Mapping[str, Any], output: bool | None = None, blocks: int = 12) -> int:
    own = (not c["tied"]) if output is None else output
    return (blocks * c["num_layers"] * c["embed_dim"] ** 2
            + (c["vocab_size"] * (1 + own) + c["context_length"]) * c["embed_dim"])  # fmt: skip


def _flop(c: Mapping[str, Any], output: int = 1, each: int = 6, attention: int = 12) -> int:
    width = c["embed_dim"]
    matrices = 12 * c["num_layers"] * width**2 + output * c["vocab_size"] * width
    token = each * matrices + attention * c["num_layers"] * c["context_length"] * width
    return token * c["batch_size"] * c["context_length"] * c["steps"]


@task(
    points=2,
    twice=("A tied model has no matrix of its own for the output.",
           "Tied means that the token embeddings are used a second time. How often are they stored?"),
    untied=("An output matrix that is not tied is missing from the parameters.",
            "What is the output multiplied with, when it may not use the token embeddings?"),
    positions=("The vectors of the positions are missing from the parameters.",
               "One vector of embed_dim numbers for each of context_length positions."),
    mlp=("The blocks do not have the right number of parameters.",
         "Write down the shape of each of the six matrices of a block, and add up their sizes."),
    output=("The output layer is missing from the operations.",
            "Stored once or twice, the product with vocab_size x embed_dim numbers is done."),
    lookup=("Rows that are looked up are counted as if they were multiplied.",
            "Token and position embeddings at the input are read, not multiplied."),
    attention=("Attention's own products are missing: scores, and the mixing of values.",
               "They have no parameters. Per token and layer: twice 2 x context_length x embed_dim "
               "forward, and the way back costs twice the way forward."),
    factor=("Attention's own products are there, and not as often as they are done.",
            "Scores are one product, the mixing of values is another; both are done forward, and "
            "both have a way back."),
    forward=("This is the way forward only.", "The way back costs twice as much as the way forward."),
    tokens=("The number of tokens is not that of the whole training.",
            "steps x batch_size windows, each of context_length tokens."),
)  # fmt: skip
def cost_of(attempt: Attempt) -> None:
    """What a configuration costs."""
    draw = lambda *among: int(attempt.rng.choice(among))  # noqa: E731
    for tied in (False, True, False, True):
        c = {"vocab_size": draw(256, 500, 1024), "context_length": draw(32, 48, 64),
             "num_layers": draw(2, 3, 5), "embed_dim": draw(24, 40, 96), "tied": tied,
             "batch_size": draw(4, 8, 20), "steps": draw(100, 250, 700)}  # fmt: skip
        about = f"for {c}"
        got = attempt.call(dict(c))
        attempt.require(got is not None, "empty", f"None came {about}.")
        is_pair = isinstance(got, tuple | list | np.ndarray) and np.shape(got) == (2,)
        attempt.require(is_pair, "type", f"Two numbers were expected, and this came: {shown(got)}")
        count, flop = (attempt.number(part, about) for part in got)
        wide, length = c["embed_dim"], c["context_length"]
        attempt.agrees(count, _parameters(c), {
            "twice" if tied else "untied": _parameters(c, tied),
            "positions": _parameters(c) - length * wide,
            "mlp": _parameters(c, blocks=6),
        }, "values" if (count - _parameters(c)) % (c["num_layers"] * wide**2) else "mlp",
            f"as parameters {about}", 1e-9)  # fmt: skip
        tokens = c["batch_size"] * length * c["steps"]
        attempt.agrees(flop, _flop(c), {
            "output": _flop(c, 0),
            "lookup": 6 * _parameters(c) * tokens + _flop(c, 0, 0),
            "attention": _flop(c, attention=0),
            "forward": _flop(c) / 3,
            "tokens": _flop(c) / length,
            **_more(c, flop, tokens),
        }, "factor" if _is_another_factor(c, flop, tokens) else "values",
            f"as FLOP {about}", 1e-9)  # fmt: skip
        attempt.passed(f"{c['num_layers']} layers of {wide}, {'' if tied else 'not '}tied")


def _is_another_factor(c: Mapping[str, Any], flop: float, tokens: int) -> bool:
    """Whether all is right but for how often attention's own products are counted."""
    one = c["num_layers"] * c["context_length"] * c["embed_dim"] * tokens
    factor = (flop - _flop(c, attention=0)) / one
    return 0 < factor <= 48 and math.isclose(factor, round(factor), abs_tol=1e-6)


def _more(c: Mapping[str, Any], flop: float, tokens: int) -> dict[str, float]:
    """Further ways to the same mistakes, if this is one of them."""
    ways = {
        "lookup": [_flop(c, 2), 6 * _parameters(c) * tokens, 6 * _parameters(c, True) * tokens,
                   6 * _parameters(c, True) * tokens + _flop(c, 0, 0) - 0],
        "tokens": [_flop(c) / c["steps"], _flop(c) / c["batch_size"]],
        "forward": [_flop(c, each=2, attention=12)],
    }  # fmt: skip
    return {
        k: n for k, several in ways.items() for n in several if math.isclose(n, flop, rel_tol=1e-9)
    }


WANTED = ("embed_dim", "num_layers", "num_heads", "context_length", "batch_size", "steps",
          "learning_rate")  # fmt: skip
BUDGET = 1.5e10


@task(
    points=3,
    seconds=300,
    keys=("The configuration is not a dict with the names that the task lists.",
          "Compare your names with those of the baseline: material.baseline(budget)."),
    sizes=("A size is not a whole number within its limits, or the learning rate is not above 0 and at "
           "most 1.",
           "The limits stand in material.LIMITS. A quotient is a float: use // or int()."),
    heads=("The heads do not divide the width.", "embed_dim must be a multiple of num_heads."),
    over=("The training takes more operations than the budget allows.",
          "Work out one step with your cost_of, and take as many steps as fit: //, not round."),
    idle=("Less than half of the budget is used.",
          "What is left over trains nobody: more steps, a larger batch or a wider model?"),
    worse=("It is not better than the baseline, which had the same budget.",
           "Look at the baseline: is its learning rate high enough for so few steps? How many tokens "
           "does it see, and how many steps does it take?"),
)  # fmt: skip
def configure(attempt: Attempt) -> None:
    """Challenge: the best model for a fixed budget."""
    lab = material("lab08")
    budgets = [BUDGET, 1e10, 5e10]
    if attempt.seed:
        budgets = [float(attempt.rng.choice([1.2e10, 1.3e10])), 1.7e10, 4.1e10]
    for budget in budgets:
        _valid(attempt, attempt.call(budget), budget, lab)
    attempt.passed(f"within the budget, for {len(budgets)} budgets")
    # Trained at one budget, whatever was drawn: two trainings are enough to wait for.
    name = f"with {BUDGET:.2g} FLOP"
    theirs = _trained(tuple(lab.baseline(BUDGET).items()))
    mine = _trained(tuple(_valid(attempt, attempt.call(BUDGET), BUDGET, lab).items()))
    attempt.require(math.isfinite(mine), "worse", f"The loss is no finite number {name}.")
    attempt.score(f"{mine:.2f} bits per byte {name}, the baseline {theirs:.2f}", -mine)
    saw = f"{mine:.3f} bits per byte {name}, and the baseline has {theirs:.3f}."
    attempt.require(mine < theirs - 0.01, "worse", saw)
    attempt.passed(f"{mine:.3f} bits per byte on unseen text, the baseline {theirs:.3f}")


def _valid(attempt: Attempt, got: Any, budget: float, lab: Any) -> dict[str, Any]:
    about = f"for a budget of {budget:.3g} FLOP"
    attempt.require(got is not None, "empty", f"None came {about}.")
    attempt.require(isinstance(got, Mapping), "type", f"This came {about}: {shown(got)}")
    attempt.require(set(got) == set(WANTED), "keys", f"The names {shown(list(got))} came {about}.")
    config: dict[str, Any] = {}
    for name in WANTED:
        saw = f"{name} is {shown(got[name])} {about}."
        rate = name == "learning_rate"
        number = isinstance(got[name], int | np.integer) or (
            rate and isinstance(got[name], float | np.floating)
        )
        attempt.require(number and not isinstance(got[name], bool), "sizes", saw)
        low, high = (0.0, 1.0) if rate else lab.LIMITS[name]
        fits = low < got[name] <= high if rate else low <= got[name] <= high
        attempt.require(fits, "sizes", saw)
        config[name] = float(got[name]) if rate else int(got[name])
    if config["embed_dim"] % config["num_heads"]:
        heads, width = config["num_heads"], config["embed_dim"]
        raise Failed("heads", f"{heads} heads do not divide a width of {width} {about}.")
    flop = _flop({**config, "vocab_size": 256})
    saw = f"{flop:.4g} FLOP {about}: {flop / budget:.1%} of it."
    attempt.require(flop <= budget, "over", saw)
    attempt.require(flop >= budget / 2, "idle", saw)
    return config


@functools.cache
def _trained(config: tuple[tuple[str, Any], ...]) -> float:
    """Trained once: the same configuration gives the same number."""
    return material("lab08").trained(**dict(config))
