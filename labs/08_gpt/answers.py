"""Answers to lab 8 that a check must reject with the right hint, or accept.

They are the mistakes that people make, and right answers written another way than the master's.
"""

import math

import numpy as np

from tests.answers import right, wrong

# --- bits_per_byte


@right("bits_per_byte")
def by_arrays(losses, counts, num_bytes):
    return np.dot(losses, counts) / (np.log(2) * num_bytes)


@right("bits_per_byte")
def in_bits_first(losses, counts, num_bytes):
    bits = [math.log2(math.e) * loss * n for loss, n in zip(losses, counts, strict=True)]
    return np.float32(sum(bits)) / num_bytes


@wrong("bits_per_byte", "nats")
def in_nats(losses, counts, num_bytes):
    return np.dot(losses, counts) / num_bytes


@wrong("bits_per_byte", "inverse")
def the_wrong_way(losses, counts, num_bytes):
    return np.dot(losses, counts) * np.log(2) / num_bytes


@wrong("bits_per_byte", "means")
def mean_of_means(losses, counts, num_bytes):
    return np.mean(losses) / np.log(2) * sum(counts) / num_bytes


@wrong("bits_per_byte", "token")
def per_token(losses, counts, num_bytes):
    return np.dot(losses, counts) / np.log(2) / sum(counts)


@wrong("bits_per_byte", "total")
def of_the_text(losses, counts, num_bytes):
    return np.dot(losses, counts) / np.log(2)


# --- windows


def cut(documents, length, stride, shift=1, least=1):
    inputs, targets = [], []
    for tokens in documents:
        moved = np.roll(tokens, -shift)
        for start in range(0, len(tokens) - length - least + 1, stride):
            inputs.append(tokens[start : start + length])
            targets.append(moved[start : start + length])
    shape = (len(inputs), length)
    return np.array(inputs, int).reshape(shape), np.array(targets, int).reshape(shape)


@right("windows")
def as_lists(documents, context_length, stride):
    found = [
        [int(token) for token in tokens[start : start + context_length + 1]]
        for tokens in documents
        for start in range(0, len(tokens), stride)
    ]
    found = [window for window in found if len(window) == context_length + 1]
    return [window[:-1] for window in found], [window[1:] for window in found]


@right("windows")
def by_sliding_views(documents, context_length, stride):
    views = [
        np.lib.stride_tricks.sliding_window_view(tokens, context_length + 1)[::stride]
        for tokens in documents
        if len(tokens) > context_length
    ]
    every = np.concatenate([np.zeros((0, context_length + 1), int), *views])
    return every[:, :-1], every[:, 1:]


@wrong("windows", "copied")
def the_same_twice(documents, context_length, stride):
    return cut(documents, context_length, stride, shift=0)


@wrong("windows", "backwards")
def the_token_before(documents, context_length, stride):
    return cut(documents, context_length, stride, shift=-1)


@wrong("windows", "crossing")
def joined_first(documents, context_length, stride):
    return cut([np.concatenate(documents)], context_length, stride)


@wrong("windows", "dropped")
def one_too_careful(documents, context_length, stride):
    return cut(documents, context_length, stride, least=2)


@wrong("windows", "rest")
def with_the_first_as_last_target(documents, context_length, stride):
    return cut(documents, context_length, stride, least=0)


@wrong("windows", "stride")
def without_overlap(documents, context_length, stride):
    return cut(documents, context_length, context_length)


@wrong("windows", "stride")
def at_each_token(documents, context_length, stride):
    return cut(documents, context_length, 1)


@wrong("windows", "stride")
def never_wider_than_a_window(documents, context_length, stride):
    return cut(documents, context_length, min(stride, context_length))


@wrong("windows", "swapped")
def targets_first(documents, context_length, stride):
    return cut(documents, context_length, stride)[::-1]


@wrong("windows", "order")
def by_position(documents, context_length, stride):
    rows = [
        (start, number, tokens[start : start + context_length + 1])
        for number, tokens in enumerate(documents)
        for start in range(0, len(tokens) - context_length, stride)
    ]
    rows = [row[2] for row in sorted(rows, key=lambda row: row[:2])]
    every = np.array(rows, int).reshape(-1, context_length + 1)
    return every[:, :-1], every[:, 1:]


@wrong("windows", "stride")
def from_the_end(documents, context_length, stride):
    inputs, targets = [], []
    for tokens in documents:
        for start in list(range(len(tokens) - context_length - 1, -1, -stride))[::-1]:
            inputs.append(tokens[start : start + context_length])
            targets.append(tokens[start + 1 : start + context_length + 1])
    shape = (-1, context_length)
    return np.array(inputs, int).reshape(shape), np.array(targets, int).reshape(shape)


@wrong("windows", "shape")
def nothing_without_its_axis(documents, context_length, stride):
    return [np.array(part.tolist(), int) for part in cut(documents, context_length, stride)]


@wrong("windows", "type")
def inputs_alone(documents, context_length, stride):
    return {"inputs": cut(documents, context_length, stride)[0]}


# --- learning_rate


def half_cosine(share, peak, final):
    return final + (peak - final) * (1 + math.cos(math.pi * share)) / 2


@right("learning_rate")
def by_numpy(step, peak, warmup_steps, total_steps, final):
    up = np.arange(1, warmup_steps + 1) / max(warmup_steps, 1) * peak
    turn = np.linspace(0, np.pi, total_steps - warmup_steps)
    down = final + (peak - final) * np.cos(turn / 2) ** 2
    return np.concatenate([up, down])[step]


@wrong("learning_rate", "zero")
def from_zero(step, peak, warmup_steps, total_steps, final):
    if step < warmup_steps:
        return peak * step / warmup_steps
    return half_cosine((step - warmup_steps) / (total_steps - 1 - warmup_steps), peak, final)


@wrong("learning_rate", "jump")
def cosine_from_the_start(step, peak, warmup_steps, total_steps, final):
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    return half_cosine(step / (total_steps - 1), peak, final)


@wrong("learning_rate", "period")
def a_whole_turn(step, peak, warmup_steps, total_steps, final):
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    return half_cosine(2 * (step - warmup_steps) / (total_steps - 1 - warmup_steps), peak, final)


@wrong("learning_rate", "floor")
def down_to_zero(step, peak, warmup_steps, total_steps, final):
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    share = (step - warmup_steps) / (total_steps - 1 - warmup_steps)
    return (
        max(half_cosine(share, peak, 0.0), 1e-9) if share > 0.9 else half_cosine(share, peak, final)
    )


@wrong("learning_rate", "straight")
def a_line(step, peak, warmup_steps, total_steps, final):
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    return peak + (final - peak) * (step - warmup_steps) / (total_steps - 1 - warmup_steps)


def falling(step, peak, warmup_steps, total_steps, down):
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    return down(step - warmup_steps, total_steps - 1 - warmup_steps)


@wrong("learning_rate", "floor")
def without_final(step, peak, warmup_steps, total_steps, final):
    return falling(
        step, peak, warmup_steps, total_steps, lambda s, way: half_cosine(s / way, peak, 0)
    )


@wrong("learning_rate", "floor")
def ends_one_late(step, peak, warmup_steps, total_steps, final):
    return falling(
        step,
        peak,
        warmup_steps,
        total_steps,
        lambda s, way: half_cosine(s / (way + 1), peak, final),
    )


@wrong("learning_rate", "foot")
def final_put_under_it(step, peak, warmup_steps, total_steps, final):
    return falling(
        step, peak, warmup_steps, total_steps,
        lambda s, way: max(final, half_cosine(s / way, peak, 0)),
    )  # fmt: skip


@wrong("learning_rate", "foot")
def final_added(step, peak, warmup_steps, total_steps, final):
    return falling(
        step, peak, warmup_steps, total_steps, lambda s, way: final + half_cosine(s / way, peak, 0)
    )


@wrong("learning_rate", "jump")
def one_step_down_already(step, peak, warmup_steps, total_steps, final):
    return falling(
        step, peak, warmup_steps, total_steps,
        lambda s, way: half_cosine((s + 1) / (way + 1), peak, final),
    )  # fmt: skip


@wrong("learning_rate", "floor")
def begins_one_late(step, peak, warmup_steps, total_steps, final):
    return falling(
        step, peak, warmup_steps, total_steps,
        lambda s, way: half_cosine(max(0, s - 1) / way, peak, final),
    )  # fmt: skip


@wrong("learning_rate", "raised")
def divided_by_no_warm_up(step, peak, warmup_steps, total_steps, final):
    stair = peak / warmup_steps
    if step < warmup_steps:
        return stair * (step + 1)
    return half_cosine((step - warmup_steps) / (total_steps - 1 - warmup_steps), peak, final)


# --- cost_of


def parts(c):
    width, length = c["embed_dim"], c["context_length"]
    return {
        "table": c["vocab_size"] * width,
        "positions": length * width,
        "blocks": c["num_layers"] * 12 * width * width,
        "attention": 12 * c["num_layers"] * length * width,
        "tokens": c["batch_size"] * c["steps"] * length,
    }


def together(c, parameters=None, token=None, tokens=None):
    p = parts(c)
    usual = p["table"] * (1 if c["tied"] else 2) + p["positions"] + p["blocks"]
    each = 6 * (p["blocks"] + p["table"]) + p["attention"]
    return (
        usual if parameters is None else parameters(p),
        (each if token is None else token(p)) * (p["tokens"] if tokens is None else tokens(p)),
    )


@right("cost_of")
def matrix_by_matrix(config):
    d, t = config["embed_dim"], config["context_length"]
    shapes = ([(d, d)] * 4 + [(d, 4 * d), (4 * d, d)]) * config["num_layers"]
    shapes.append((d, config["vocab_size"]))
    multiplied = sum(rows * columns for rows, columns in shapes)
    extra = 0 if config["tied"] else config["vocab_size"] * d
    forward = 2 * multiplied + config["num_layers"] * 2 * (2 * t * d)
    return np.array([
        multiplied + extra + t * d, 3 * forward * t * config["batch_size"] * config["steps"]
    ])  # fmt: skip


@right("cost_of")
def as_floats(config):
    return [float(n) for n in together(config)]


@wrong("cost_of", "twice")
def always_two_tables(config):
    return together(config, lambda p: 2 * p["table"] + p["positions"] + p["blocks"])


@wrong("cost_of", "untied")
def always_one_table(config):
    return together(config, lambda p: p["table"] + p["positions"] + p["blocks"])


@wrong("cost_of", "positions")
def without_positions(config):
    tables = 1 if config["tied"] else 2
    return together(config, lambda p: tables * p["table"] + p["blocks"])


@wrong("cost_of", "mlp")
def one_matrix_too_few(config):
    tables = 1 if config["tied"] else 2
    return together(config, lambda p: tables * p["table"] + p["positions"] + p["blocks"] * 8 // 12)


@wrong("cost_of", "output")
def without_output(config):
    return together(config, token=lambda p: 6 * p["blocks"] + p["attention"])


@wrong("cost_of", "lookup")
def six_n_d(config):
    count = together(config)[0]
    return together(config, token=lambda p: 6 * count + p["attention"])


@wrong("cost_of", "attention")
def without_attention(config):
    return together(config, token=lambda p: 6 * (p["blocks"] + p["table"]))


@wrong("cost_of", "factor")
def attention_forward_only(config):
    return together(config, token=lambda p: 6 * (p["blocks"] + p["table"]) + p["attention"] // 3)


@wrong("cost_of", "factor")
def scores_alone(config):
    return together(config, token=lambda p: 6 * (p["blocks"] + p["table"]) + p["attention"] // 2)


@wrong("cost_of", "forward")
def forward_only(config):
    return together(config, token=lambda p: 2 * (p["blocks"] + p["table"]) + p["attention"] // 3)


@wrong("cost_of", "tokens")
def windows_for_tokens(config):
    return together(config, tokens=lambda p: config["steps"] * config["batch_size"])


@wrong("cost_of", "type")
def parameters_alone(config):
    return together(config)[0]


# --- configure

SMALL = {"embed_dim": 32, "num_layers": 1, "num_heads": 4, "context_length": 16,
         "batch_size": 64, "learning_rate": 0.015}  # fmt: skip


def flop_of_a_step(c):
    p = parts({**c, "vocab_size": 256, "steps": 1})
    return (6 * (p["blocks"] + p["table"]) + p["attention"]) * p["tokens"]


@right("configure")
def by_numpy_numbers(budget):
    steps = np.int64(budget // flop_of_a_step(SMALL))
    return {**SMALL, "steps": steps, "learning_rate": np.float32(0.015)}


@wrong("configure", "over")
def one_step_too_many(budget):
    return {**SMALL, "steps": int(budget // flop_of_a_step(SMALL)) + 1}


@wrong("configure", "over")
def the_same_for_all(budget):
    return {**SMALL, "steps": int(3e10 // flop_of_a_step(SMALL))}


@wrong("configure", "idle")
def a_few_steps(budget):
    return {**SMALL, "steps": 20}


@wrong("configure", "sizes")
def a_broken_number(budget):
    return {**SMALL, "steps": budget / flop_of_a_step(SMALL)}


@wrong("configure", "sizes")
def no_learning_rate(budget):
    return {**SMALL, "steps": 100, "learning_rate": 0}


@wrong("configure", "heads")
def five_heads(budget):
    return {**SMALL, "num_heads": 5, "steps": 100}


@wrong("configure", "keys")
def other_names(budget):
    config = {**SMALL, "steps": 100}
    return {**config, "lr": config.pop("learning_rate")}


@wrong("configure", "worse")
def hardly_learning(budget):
    return {**SMALL, "steps": int(budget // flop_of_a_step(SMALL)), "learning_rate": 1e-5}
