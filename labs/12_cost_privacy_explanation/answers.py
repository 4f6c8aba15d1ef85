"""Answers to lab 12 that a check must reject with the right hint, or accept.

They are the mistakes that people make, and right answers written another way than the master's.
"""

import math
import re

import numpy as np

from tests.answers import right, wrong

# --- run_bill


def billed(n, d, c, factor=6, share=True, tera=1e12, kilo=1000, pue=True, seconds=3600):
    speed = c["peak_tflops"] * tera * (c["utilisation"] if share else 1)
    hours = factor * n * d / speed / seconds
    kwh = hours * c["watts"] / kilo * (c["pue"] if pue else 1)
    return {
        "days": hours / c["num_devices"] / 24,
        "money": hours * c["price_per_hour"],
        "kwh": kwh,
        "co2_kg": kwh * c["grams_per_kwh"] / 1000,
    }


@right("run_bill")
def with_helpers(parameters, tokens, cluster):
    from helpers import cost

    flop = cost.training_flops(parameters, tokens)
    hours = cost.hours(flop, cluster["peak_tflops"] * 1e12, cluster["utilisation"])
    kwh = cost.energy_kwh(hours, cluster["watts"], cluster["pue"])
    return dict(
        money=cost.money(hours, cluster["price_per_hour"]),
        days=hours / (24 * cluster["num_devices"]),
        kwh=kwh,
        co2_kg=kwh * cluster["grams_per_kwh"] / 1e3,
    )


@right("run_bill")
def by_the_clock(parameters, tokens, cluster):
    c = cluster
    together = c["num_devices"] * c["peak_tflops"] * c["utilisation"] * 10**12
    seconds = np.float64(6 * parameters * tokens) / together
    days = seconds / 86400
    kwh = days * 24 * c["num_devices"] * c["watts"] * c["pue"] / 1000
    money = np.array(days * 24 * c["num_devices"] * c["price_per_hour"])
    return {"days": days, "money": money, "kwh": kwh, "co2_kg": kwh * c["grams_per_kwh"] / 1000,
            "device_hours": days * 24 * c["num_devices"]}  # fmt: skip


@wrong("run_bill", "forward")
def of_reading(parameters, tokens, cluster):
    return billed(parameters, tokens, cluster, factor=2)


@wrong("run_bill", "peak")
def at_the_peak(parameters, tokens, cluster):
    return billed(parameters, tokens, cluster, share=False)


@wrong("run_bill", "peak")
def shorter_by_utilisation(parameters, tokens, cluster):
    c = cluster
    return billed(parameters, tokens, {**c, "utilisation": 1 / c["utilisation"]})


@wrong("run_bill", "hours")
def seconds_for_hours(parameters, tokens, cluster):
    return billed(parameters, tokens, cluster, seconds=1)


@wrong("run_bill", "hours")
def minutes_for_hours(parameters, tokens, cluster):
    return billed(parameters, tokens, cluster, seconds=60)


@wrong("run_bill", "tera")
def giga(parameters, tokens, cluster):
    return billed(parameters, tokens, cluster, tera=1e9)


@wrong("run_bill", "tera")
def no_power(parameters, tokens, cluster):
    return billed(parameters, tokens, cluster, tera=1)


@wrong("run_bill", "clock")
def device_days(parameters, tokens, cluster):
    bill = billed(parameters, tokens, cluster)
    return {**bill, "days": bill["days"] * cluster["num_devices"]}


@wrong("run_bill", "clock")
def hours_for_days(parameters, tokens, cluster):
    bill = billed(parameters, tokens, cluster)
    return {**bill, "days": bill["days"] * 24}


@wrong("run_bill", "devices")
def paid_for_one(parameters, tokens, cluster):
    bill = billed(parameters, tokens, cluster)
    return {**bill, "money": bill["money"] / cluster["num_devices"]}


@wrong("run_bill", "devices")
def energy_of_one(parameters, tokens, cluster):
    bill = billed(parameters, tokens, cluster)
    return {**bill, "kwh": bill["kwh"] / cluster["num_devices"]}


@wrong("run_bill", "kilo")
def watt_hours(parameters, tokens, cluster):
    return billed(parameters, tokens, cluster, kilo=1)


@wrong("run_bill", "kilo")
def grams(parameters, tokens, cluster):
    bill = billed(parameters, tokens, cluster)
    return {**bill, "co2_kg": bill["co2_kg"] * 1000}


@wrong("run_bill", "pue")
def computers_alone(parameters, tokens, cluster):
    return billed(parameters, tokens, cluster, pue=False)


@wrong("run_bill", "type")
def four_values(parameters, tokens, cluster):
    return tuple(billed(parameters, tokens, cluster).values())


@wrong("run_bill", "type")
def other_keys(parameters, tokens, cluster):
    bill = billed(parameters, tokens, cluster)
    return {"Days": bill["days"], "money": bill["money"], "kWh": 1.0, "co2": 1.0}


# --- largest_model


def sizes_of(c, money, days, text, ratio):
    an_hour = 3600e12 * c["peak_tflops"] * c["utilisation"]
    flop = {"money": money / c["price_per_hour"] * an_hour,
            "days": days * 24 * c["num_devices"] * an_hour}  # fmt: skip
    return {**{k: math.sqrt(v / 6 / ratio) for k, v in flop.items()}, "text": text / ratio}


def smallest(sizes):
    limit = min(sizes, key=sizes.get)
    return sizes[limit], limit


@right("largest_model")
def by_halving(cluster, money, days, text_tokens, ratio):
    def why_not(n):
        hours = 6 * n * n * ratio / cluster["peak_tflops"] / 1e12 / cluster["utilisation"] / 3600
        if n * ratio > text_tokens:
            return "text"
        if hours * cluster["price_per_hour"] > money:
            return "money"
        return "days" if hours > days * 24 * cluster["num_devices"] else None

    low, high, limit = 1.0, 1e14, "text"
    for _ in range(100):
        middle = (low + high) / 2
        reason = why_not(middle)
        if reason:
            high, limit = middle, reason
        else:
            low = middle
    return np.array([low])[0], why_not(low * (1 + 1e-9)) or limit


@right("largest_model")
def whole_number(cluster, money, days, text_tokens, ratio):
    size, limit = smallest(sizes_of(cluster, money, days, text_tokens, ratio))
    return [int(size), limit]


@wrong("largest_model", "looser")
def largest_of_all(cluster, money, days, text_tokens, ratio):
    sizes = sizes_of(cluster, money, days, text_tokens, ratio)
    limit = max(sizes, key=sizes.get)
    return sizes[limit], limit


@wrong("largest_model", "looser")
def no_text_limit(cluster, money, days, text_tokens, ratio):
    sizes = sizes_of(cluster, money, days, text_tokens, ratio)
    del sizes["text"]
    return smallest(sizes)


@wrong("largest_model", "devices")
def days_of_one_device(cluster, money, days, text_tokens, ratio):
    days = days / cluster["num_devices"]
    return smallest(sizes_of(cluster, money, days, text_tokens, ratio))


@wrong("largest_model", "devices")
def money_for_each(cluster, money, days, text_tokens, ratio):
    money = money / cluster["num_devices"]
    return smallest(sizes_of(cluster, money, days, text_tokens, ratio))


@wrong("largest_model", "tokens")
def tokens_not_parameters(cluster, money, days, text_tokens, ratio):
    size, limit = smallest(sizes_of(cluster, money, days, text_tokens, ratio))
    return size * ratio, limit


@wrong("largest_model", "square")
def no_root(cluster, money, days, text_tokens, ratio):
    sizes = sizes_of(cluster, money, days, text_tokens, ratio)
    return smallest({k: v if k == "text" else v**2 for k, v in sizes.items()})


@wrong("largest_model", "square")
def all_of_the_text(cluster, money, days, text_tokens, ratio):
    sizes = sizes_of(cluster, money, days, text_tokens, ratio)
    fixed = {k: sizes[k] ** 2 * ratio / text_tokens for k in ("money", "days")}
    return smallest(fixed)


@wrong("largest_model", "peak")
def plan_at_the_peak(cluster, money, days, text_tokens, ratio):
    return smallest(sizes_of({**cluster, "utilisation": 1}, money, days, text_tokens, ratio))


@wrong("largest_model", "forward")
def plan_of_reading(cluster, money, days, text_tokens, ratio):
    return smallest(sizes_of(cluster, 3 * money, 3 * days, text_tokens, ratio))


@wrong("largest_model", "limit")
def always_money(cluster, money, days, text_tokens, ratio):
    return min(sizes_of(cluster, money, days, text_tokens, ratio).values()), "money"


@wrong("largest_model", "name")
def with_a_capital(cluster, money, days, text_tokens, ratio):
    size, limit = smallest(sizes_of(cluster, money, days, text_tokens, ratio))
    return size, limit.title()


@wrong("largest_model", "type")
def size_alone(cluster, money, days, text_tokens, ratio):
    return smallest(sizes_of(cluster, money, days, text_tokens, ratio))[0]


# --- private_step


def stepped(w, total, rate, clip, noise, expected, seed):
    drawn = np.random.default_rng(seed).normal(0, noise * clip, len(w))
    return w - rate * (total + drawn) / expected


def clipped(g, clip):
    lengths = np.linalg.norm(g, axis=1, keepdims=True)
    return g / np.maximum(1, lengths / clip)


@right("private_step")
def row_by_row(weights, gradients, learning_rate, clip, noise_multiplier, expected, seed):
    total = [0.0] * len(weights)
    for g in gradients:
        length = math.sqrt(sum(float(v) ** 2 for v in g))
        short = clip / length if length > clip else 1.0
        total = [t + short * v for t, v in zip(total, g, strict=True)]
    noise = np.random.default_rng(seed).standard_normal(len(weights))
    return [
        w - learning_rate * (t + noise_multiplier * clip * z) / expected
        for w, t, z in zip(weights, total, noise, strict=True)
    ]


@right("private_step")
def as_float32(weights, gradients, learning_rate, clip, noise_multiplier, expected, seed):
    total = clipped(gradients, clip).sum(0)
    noise = np.random.default_rng(seed).normal(scale=noise_multiplier * clip, size=total.shape)
    return (weights - learning_rate / expected * (total + noise)).astype("float32")


@right("private_step")
def noise_apart(weights, gradients, learning_rate, clip, noise_multiplier, expected, seed):
    lengths = np.sqrt(np.einsum("nd,nd->n", gradients, gradients))
    with np.errstate(divide="ignore"):
        short = np.where(lengths > clip, clip / lengths, 1.0)
    rng = np.random.default_rng(seed)
    spread = learning_rate * noise_multiplier * clip / expected
    return (
        weights
        - learning_rate * (short @ gradients) / expected
        + spread * rng.normal(size=weights.shape)
    )


@wrong("private_step", "mean")
def mean_clipped(weights, gradients, learning_rate, clip, noise_multiplier, expected, seed):
    g = gradients.mean(axis=0)
    g = g * min(1, clip / np.linalg.norm(g)) * len(gradients)
    return stepped(weights, g, learning_rate, clip, noise_multiplier, expected, seed)


@wrong("private_step", "mean")
def sum_clipped(weights, gradients, learning_rate, clip, noise_multiplier, expected, seed):
    g = gradients.sum(axis=0)
    g = g * min(1, clip / np.linalg.norm(g))
    return stepped(weights, g, learning_rate, clip, noise_multiplier, expected, seed)


@wrong("private_step", "elementwise")
def each_number(weights, gradients, learning_rate, clip, noise_multiplier, expected, seed):
    g = np.clip(gradients, -clip, clip).sum(axis=0)
    return stepped(weights, g, learning_rate, clip, noise_multiplier, expected, seed)


@wrong("private_step", "stretched")
def all_to_the_clip(weights, gradients, learning_rate, clip, noise_multiplier, expected, seed):
    g = gradients / np.linalg.norm(gradients, axis=1, keepdims=True) * clip
    return stepped(weights, g.sum(0), learning_rate, clip, noise_multiplier, expected, seed)


@wrong("private_step", "unclipped")
def not_clipped(weights, gradients, learning_rate, clip, noise_multiplier, expected, seed):
    g = gradients.sum(axis=0)
    return stepped(weights, g, learning_rate, clip, noise_multiplier, expected, seed)


@wrong("private_step", "axis")
def lengths_of_columns(weights, gradients, learning_rate, clip, noise_multiplier, expected, seed):
    lengths = np.linalg.norm(gradients, axis=0, keepdims=True)
    g = (gradients * np.minimum(1, clip / lengths)).sum(axis=0)
    return stepped(weights, g, learning_rate, clip, noise_multiplier, expected, seed)


@wrong("private_step", "axis")
def length_of_the_table(weights, gradients, learning_rate, clip, noise_multiplier, expected, seed):
    g = (gradients * min(1, clip / np.linalg.norm(gradients))).sum(axis=0)
    return stepped(weights, g, learning_rate, clip, noise_multiplier, expected, seed)


@wrong("private_step", "drawn")
def by_the_rows(weights, gradients, learning_rate, clip, noise_multiplier, expected, seed):
    g = clipped(gradients, clip).sum(axis=0)
    return stepped(weights, g, learning_rate, clip, noise_multiplier, len(gradients), seed)


@wrong("private_step", "undivided")
def sum_alone(weights, gradients, learning_rate, clip, noise_multiplier, expected, seed):
    g = clipped(gradients, clip).sum(axis=0)
    return stepped(weights, g, learning_rate, clip, noise_multiplier, 1, seed)


@wrong("private_step", "uphill")
def plus(weights, gradients, learning_rate, clip, noise_multiplier, expected, seed):
    g = clipped(gradients, clip).sum(axis=0)
    return stepped(weights, g, -learning_rate, clip, noise_multiplier, expected, seed)


@wrong("private_step", "scale")
def without_the_clip(weights, gradients, learning_rate, clip, noise_multiplier, expected, seed):
    g = clipped(gradients, clip).sum(axis=0) / clip
    return stepped(weights, g, learning_rate * clip, 1, noise_multiplier / clip, expected, seed)


@wrong("private_step", "scale")
def no_noise(weights, gradients, learning_rate, clip, noise_multiplier, expected, seed):
    g = clipped(gradients, clip).sum(axis=0)
    return stepped(weights, g, learning_rate, clip, 0, expected, seed)


@wrong("private_step", "scale")
def a_variance(weights, gradients, learning_rate, clip, noise_multiplier, expected, seed):
    g = clipped(gradients, clip).sum(axis=0)
    noise = np.random.default_rng(seed).normal(0, (noise_multiplier * clip) ** 2, len(weights))
    return weights - learning_rate * (g + noise) / expected


@wrong("private_step", "scale")
def never_negative(weights, gradients, learning_rate, clip, noise_multiplier, expected, seed):
    g = clipped(gradients, clip).sum(axis=0)
    noise = np.random.default_rng(seed).random(len(weights)) * noise_multiplier * clip
    return weights - learning_rate * (g + noise) / expected


@wrong("private_step", "undivided_noise")
def noise_last(weights, gradients, learning_rate, clip, noise_multiplier, expected, seed):
    g = clipped(gradients, clip).sum(axis=0) / expected
    return stepped(weights, g, learning_rate, clip, noise_multiplier, 1, seed)


@wrong("private_step", "undivided_noise")
def noise_for_each(weights, gradients, learning_rate, clip, noise_multiplier, expected, seed):
    rng = np.random.default_rng(seed)
    g = clipped(gradients, clip) + rng.normal(0, noise_multiplier * clip, gradients.shape)
    return weights - learning_rate * g.sum(axis=0) / expected


@wrong("private_step", "rate")
def noise_beside_the_step(
    weights, gradients, learning_rate, clip, noise_multiplier, expected, seed
):
    g = clipped(gradients, clip).sum(axis=0)
    noise = np.random.default_rng(seed).normal(0, noise_multiplier * clip, len(weights))
    return weights - learning_rate * g / expected + noise / expected


def with_noise(weights, gradients, learning_rate, clip, expected, noise):
    return weights - learning_rate * (clipped(gradients, clip).sum(axis=0) + noise) / expected


@wrong("private_step", "normal")
def uniform_noise(weights, gradients, learning_rate, clip, noise_multiplier, expected, seed):
    noise = np.random.default_rng(seed).uniform(-1, 1, len(weights)) * 3**0.5
    noise = noise * noise_multiplier * clip
    return with_noise(weights, gradients, learning_rate, clip, expected, noise)


@wrong("private_step", "normal")
def laplace_noise(weights, gradients, learning_rate, clip, noise_multiplier, expected, seed):
    scale = noise_multiplier * clip / 2**0.5
    noise = np.random.default_rng(seed).laplace(0, scale, len(weights))
    return with_noise(weights, gradients, learning_rate, clip, expected, noise)


@wrong("private_step", "generator")
def global_seed(weights, gradients, learning_rate, clip, noise_multiplier, expected, seed):
    np.random.seed(seed)
    noise = np.random.normal(0, noise_multiplier * clip, len(weights))
    return with_noise(weights, gradients, learning_rate, clip, expected, noise)


@wrong("private_step", "same")
def one_number(weights, gradients, learning_rate, clip, noise_multiplier, expected, seed):
    g = clipped(gradients, clip).sum(axis=0)
    noise = np.random.default_rng(seed).normal(0, noise_multiplier * clip)
    return weights - learning_rate * (g + noise) / expected


@wrong("private_step", "fixed")
def own_seed(weights, gradients, learning_rate, clip, noise_multiplier, expected, seed):
    g = clipped(gradients, clip).sum(axis=0)
    return stepped(weights, g, learning_rate, clip, noise_multiplier, expected, 0)


@wrong("private_step", "fixed")
def no_seed(weights, gradients, learning_rate, clip, noise_multiplier, expected, seed):
    g = clipped(gradients, clip).sum(axis=0)
    return stepped(weights, g, learning_rate, clip, noise_multiplier, expected, None)


@wrong("private_step", "none")
def stays(weights, gradients, learning_rate, clip, noise_multiplier, expected, seed):
    if not len(gradients):
        return weights
    g = clipped(gradients, clip).sum(axis=0)
    return stepped(weights, g, learning_rate, clip, noise_multiplier, expected, seed)


@wrong("private_step", "none")
def divided_by_none(weights, gradients, learning_rate, clip, noise_multiplier, expected, seed):
    g = clipped(gradients, clip).sum(axis=0)
    n = len(gradients)
    return stepped(weights, g / n * n, learning_rate, clip, noise_multiplier, expected, seed)


@wrong("private_step", "nan")
def zero_by_zero(weights, gradients, learning_rate, clip, noise_multiplier, expected, seed):
    lengths = np.linalg.norm(gradients, axis=1, keepdims=True)
    g = (gradients / lengths * np.minimum(lengths, clip)).sum(axis=0)
    return stepped(weights, g, learning_rate, clip, noise_multiplier, expected, seed)


@wrong("private_step", "changed")
def in_place(weights, gradients, learning_rate, clip, noise_multiplier, expected, seed):
    weights -= learning_rate * clipped(gradients, clip).sum(axis=0) / expected
    return weights


# --- enough_noise


def phi(z):
    return 0.5 * math.erfc(-z / math.sqrt(2))


def left_out(mu, epsilon):
    return phi(mu / 2 - epsilon / mu) - math.exp(epsilon) * phi(-mu / 2 - epsilon / mu)


def searched(epsilon, delta, moved, low=1e-4, high=1e7, until=1e-6):
    while high - low > until * high:
        middle = math.sqrt(low * high)
        if left_out(moved / middle, epsilon) <= delta:
            high = middle
        else:
            low = middle
    return low, high


@right("enough_noise")
def search_for_mu(epsilon, delta, steps, per_person):
    from scipy.optimize import brentq
    from scipy.stats import norm

    def over(mu):
        a, b = mu / 2 - epsilon / mu, -mu / 2 - epsilon / mu
        return norm.cdf(a) - np.exp(epsilon) * norm.cdf(b) - delta

    return per_person * np.sqrt(steps) / brentq(over, 1e-6, 200, xtol=1e-13, rtol=1e-12)


@right("enough_noise")
def a_fine_ladder(epsilon, delta, steps, per_person):
    noise = 0.005
    while left_out(per_person * math.sqrt(steps) / noise, epsilon) > delta:
        noise *= 1.005
    return noise


@right("enough_noise")
def by_erf(epsilon, delta, steps, per_person):
    def below(z):
        return (1 + math.erf(z / 2**0.5)) / 2

    low, high = 0.001, 0.002
    moved = per_person * steps**0.5

    def kept(noise):
        mu = moved / noise
        return below(mu / 2 - epsilon / mu) - math.e**epsilon * below(-mu / 2 - epsilon / mu)

    while kept(high) > delta:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if kept(middle) <= delta else (middle, high)
    return np.float32(high * 1.0001)


@wrong("enough_noise", "short")
def lower_bound(epsilon, delta, steps, per_person):
    return searched(epsilon, delta, per_person * math.sqrt(steps), until=0.01)[0]


@wrong("enough_noise", "short")
def rounded(epsilon, delta, steps, per_person):
    noise = searched(epsilon, delta, per_person * math.sqrt(steps))[1]
    return round(noise - 0.5 / 10, 1)


@wrong("enough_noise", "generous")
def coarse_ladder(epsilon, delta, steps, per_person):
    noise = 0.01
    while left_out(per_person * math.sqrt(steps) / noise, epsilon) > delta:
        noise *= 1.3
    return noise


@wrong("enough_noise", "classic")
def older_formula(epsilon, delta, steps, per_person):
    return per_person * math.sqrt(steps) * math.sqrt(2 * math.log(1.25 / delta)) / epsilon


@wrong("enough_noise", "steps")
def one_step(epsilon, delta, steps, per_person):
    return searched(epsilon, delta, per_person)[1]


@wrong("enough_noise", "steps")
def steps_without_root(epsilon, delta, steps, per_person):
    return searched(epsilon, delta, per_person * steps)[1]


@wrong("enough_noise", "person")
def one_example(epsilon, delta, steps, per_person):
    return searched(epsilon, delta, math.sqrt(steps))[1]


@wrong("enough_noise", "person")
def root_of_examples(epsilon, delta, steps, per_person):
    return searched(epsilon, delta, math.sqrt(steps * per_person))[1]


@wrong("enough_noise", "person")
def divided_by_examples(epsilon, delta, steps, per_person):
    return searched(epsilon, delta, math.sqrt(steps) / per_person)[1]


@wrong("enough_noise", "delta")
def usual_delta(epsilon, delta, steps, per_person):
    return searched(epsilon, 1e-5, math.sqrt(steps) * per_person)[1]


@wrong("enough_noise", "inverse")
def mu_itself(epsilon, delta, steps, per_person):
    return 1 / searched(epsilon, delta, 1)[1]


@wrong("enough_noise", "bound")
def up_to_a_hundred(epsilon, delta, steps, per_person):
    return searched(epsilon, delta, per_person * math.sqrt(steps), high=100)[1]


@wrong("enough_noise", "bound")
def wrong_way(epsilon, delta, steps, per_person):
    low, high = 1e-3, 1e6
    while high / low > 1.0001:
        middle = math.sqrt(low * high)
        if left_out(per_person * math.sqrt(steps) / middle, epsilon) <= delta:
            low = middle
        else:
            high = middle
    return high


# --- attributions


def on_the_way(gradient, x, baseline, steps, offset=0.5):
    shares = (np.arange(steps) + offset) / steps
    return np.mean([gradient(baseline + s * (x - baseline)) for s in shares], axis=0)


def refined(f, x, baseline, tolerance, parts, steps=64):
    while True:
        found = parts(steps)
        if abs(found.sum() - (f(x) - f(baseline))) <= tolerance or steps > 30_000:
            return found
        steps *= 2


@right("attributions")
def trapezoids(f, gradient, x, baseline, tolerance):
    way, steps = x - baseline, 64
    while True:
        slopes = np.array([gradient(baseline + s * way) for s in np.linspace(0, 1, steps + 1)])
        parts = way * (slopes[:-1] + slopes[1:]).sum(axis=0) / (2 * steps)
        if abs(sum(parts) - (f(x) - f(baseline))) < tolerance:
            return list(parts)
        steps += 64


@right("attributions")
def from_the_right(f, gradient, x, baseline, tolerance):
    return refined(f, x, baseline, tolerance / 2,
                   lambda n: (x - baseline) * on_the_way(gradient, x, baseline, n, 1))  # fmt: skip


@right("attributions")
def very_many(f, gradient, x, baseline, tolerance):
    return (x - baseline) * on_the_way(gradient, x, baseline, 8000)


@wrong("attributions", "endpoint")
def gradient_times_way(f, gradient, x, baseline, tolerance):
    return gradient(x) * (x - baseline)


@wrong("attributions", "endpoint")
def gradient_times_x(f, gradient, x, baseline, tolerance):
    return gradient(x) * x


@wrong("attributions", "baseline")
def mean_times_x(f, gradient, x, baseline, tolerance):
    return x * on_the_way(gradient, x, baseline, 512)


@wrong("attributions", "baseline")
def from_zero(f, gradient, x, baseline, tolerance):
    return x * on_the_way(gradient, x, np.zeros_like(x), 512)


@wrong("attributions", "way")
def mean_gradient(f, gradient, x, baseline, tolerance):
    return on_the_way(gradient, x, baseline, 512)


@wrong("attributions", "coarse")
def always_64(f, gradient, x, baseline, tolerance):
    return (x - baseline) * on_the_way(gradient, x, baseline, 64)


@wrong("attributions", "coarse")
def never_above_tolerance(f, gradient, x, baseline, tolerance):
    steps = 64
    while f(x) - f(baseline) > tolerance * steps:  # looks at the gain, not at what is missing
        steps *= 2
    return (x - baseline) * on_the_way(gradient, x, baseline, min(steps, 128))


@wrong("attributions", "coarse")
def always_a_thousand(f, gradient, x, baseline, tolerance):
    return (x - baseline) * on_the_way(gradient, x, baseline, 1000)


@wrong("attributions", "forced")
def scaled(f, gradient, x, baseline, tolerance):
    parts = (x - baseline) * on_the_way(gradient, x, baseline, 8)
    return parts * (f(x) - f(baseline)) / parts.sum()


@wrong("attributions", "forced")
def scaled_endpoint(f, gradient, x, baseline, tolerance):
    parts = gradient(x) * (x - baseline)
    return parts * (f(x) - f(baseline)) / parts.sum()


@wrong("attributions", "direction")
def backwards(f, gradient, x, baseline, tolerance):
    return (baseline - x) * on_the_way(gradient, x, baseline, 1024)


@wrong("attributions", "coarse")
def occlusion(f, gradient, x, baseline, tolerance):
    without = np.tile(x, (len(x), 1))
    np.fill_diagonal(without, baseline)
    return np.array([f(x) - f(row) for row in without])


# --- tested


def similarity(a, b):
    a = a - a.mean(axis=1, keepdims=True)
    b = b - b.mean(axis=1, keepdims=True)
    return ((a * b).sum(1) / np.sqrt((a**2).sum(1) * (b**2).sum(1))).mean()


def similarities(explain, weights, x, rng):
    found = []
    for _ in range(10):
        other = weights.copy().ravel()
        rng.shuffle(other)
        found.append(similarity(explain(weights, x), explain(other.reshape(weights.shape), x)))
    return float(np.mean(found))


def falls(model, weights, x, worth, lowest=False):
    changed = x.copy()
    for row, values in zip(changed, worth, strict=True):
        order = sorted(range(len(row)), key=lambda i: values[i], reverse=not lowest)
        row[order[: len(row) // 4]] = 0
    return model(weights, x) - model(weights, changed)


def verdicts(explain, model, weights, x, notices=None, more=None):
    rng = np.random.default_rng(7)
    if notices is None:
        notices = abs(similarities(explain, weights, x, rng)) < 0.5
    if more is None:
        more = falls(model, weights, x, explain(weights, x))
        more = more - falls(model, weights, x, rng.normal(size=x.shape))
    error = np.std(more) / len(x) ** 0.5
    return {"notices": notices, "beats_random": bool(np.mean(more) > 3 * error)}


@right("tested")
def vectorised(explain, model, weights, x):
    return verdicts(explain, model, weights, x)


@right("tested")
def many_random_draws(explain, model, weights, x):
    rng = np.random.default_rng()
    drawn = [falls(model, weights, x, rng.random(x.shape)) for _ in range(3)]
    more = falls(model, weights, x, explain(weights, x)) - np.mean(drawn, axis=0)
    return verdicts(explain, model, weights, x, more=more)


@wrong("tested", "deaf")
def high_is_good(explain, model, weights, x):
    notices = similarities(explain, weights, x, np.random.default_rng(1)) > 0.5
    return verdicts(explain, model, weights, x, notices=notices)


@wrong("tested", "deaf")
def weights_scaled(explain, model, weights, x):
    notices = similarity(explain(weights, x), explain(2 * weights, x)) < 0.5
    return verdicts(explain, model, weights, x, notices=notices)


@wrong("tested", "fooled")
def x_shuffled(explain, model, weights, x):
    other = np.random.default_rng(0).permutation(x.ravel()).reshape(x.shape)
    notices = abs(similarity(explain(weights, x), explain(weights, other))) < 0.5
    return verdicts(explain, model, weights, x, notices=notices)


@wrong("tested", "fooled")
def always_notices(explain, model, weights, x):
    return verdicts(explain, model, weights, x, notices=True)


@wrong("tested", "lame")
def lowest_first(explain, model, weights, x):
    more = falls(model, weights, x, explain(weights, x), lowest=True)
    more = more - falls(model, weights, x, np.random.default_rng(3).random(x.shape))
    return verdicts(explain, model, weights, x, more=more)


@wrong("tested", "lame")
def rises(explain, model, weights, x):
    more = falls(model, weights, x, explain(weights, x))
    more = more - falls(model, weights, x, np.random.default_rng(3).random(x.shape))
    return verdicts(explain, model, weights, x, more=-more)


@wrong("tested", "sign")
def by_size(explain, model, weights, x):
    more = falls(model, weights, x, np.abs(explain(weights, x)))
    more = more - falls(model, weights, x, np.random.default_rng(3).random(x.shape))
    return verdicts(explain, model, weights, x, more=more)


@wrong("tested", "chance")
def beats_nothing(explain, model, weights, x):
    more = falls(model, weights, x, explain(weights, x))
    return verdicts(explain, model, weights, x, more=more)


def correlated(explain, weights, x, likeness, times=10, fresh=False):
    rng, found = np.random.default_rng(4), []
    for _ in range(times):
        other = rng.permutation(weights.ravel()).reshape(weights.shape)
        other = rng.normal(size=weights.shape) if fresh else other
        found.append(likeness(explain(weights, x), explain(other, x)))
    return np.mean(found)


@wrong("tested", "deaf")
def by_column(explain, model, weights, x):
    same = correlated(explain, weights, x, lambda a, b: similarity(a.T + 1e-9 * x.T, b.T))
    return verdicts(explain, model, weights, x, notices=bool(abs(same) < 0.5))


@wrong("tested", "deaf")
def flattened(explain, model, weights, x):
    same = correlated(explain, weights, x, lambda a, b: np.corrcoef(a.ravel(), b.ravel())[0, 1])
    return verdicts(explain, model, weights, x, notices=bool(abs(same) < 0.5))


@wrong("tested", "fooled")
def without_absolute_value(explain, model, weights, x):
    same = correlated(explain, weights, x, similarity)
    return verdicts(explain, model, weights, x, notices=bool(same < 0.5))


@wrong("tested", "fresh")
def fresh_weights(explain, model, weights, x):
    same = correlated(explain, weights, x, similarity, fresh=True)
    return verdicts(explain, model, weights, x, notices=bool(abs(same) < 0.5))


@wrong("tested", "shuffles")
def one_shuffle(explain, model, weights, x):
    same = correlated(explain, weights, x, similarity, times=1)
    return verdicts(explain, model, weights, x, notices=bool(abs(same) < 0.5))


@wrong("tested", "chance")
def one_standard_error(explain, model, weights, x):
    more = falls(model, weights, x, explain(weights, x))
    more = more - falls(model, weights, x, np.random.default_rng(3).random(x.shape))
    found = verdicts(explain, model, weights, x)
    return {**found, "beats_random": bool(more.mean() > more.std() / len(x) ** 0.5)}


@wrong("tested", "zero")
def mean_for_zero(explain, model, weights, x):
    def fall(worth):
        changed, mean = x.copy(), x.mean(axis=0)
        for row, values in zip(changed, worth, strict=True):
            first = np.argsort(-values)[: len(row) // 4]
            row[first] = mean[first]
        return model(weights, x) - model(weights, changed)

    more = fall(explain(weights, x)) - fall(np.random.default_rng(3).random(x.shape))
    return verdicts(explain, model, weights, x, more=more)


@wrong("tested", "keys")
def numbers_for_verdicts(explain, model, weights, x):
    same = similarities(explain, weights, x, np.random.default_rng(0))
    return {"notices": same, "beats_random": 1.0}


@wrong("tested", "keys")
def one_key(explain, model, weights, x):
    return {"notices": True}


@wrong("tested", "changed")
def deletes_in_x(explain, model, weights, x):
    x[:, 0] = 0
    return verdicts(explain, model, weights, x)


# --- masked

EMAIL = r"[\w+-]+(?:\.[\w+-]+)*@[\w-]+(?:\.[\w-]+)+"
PHONE = r"\+\d(?:[ .-]?[()]?[ .-]?\d){7,14}(?!\d)"
CARD = r"(?<![\w.-])\d(?:[ -]?\d){14,15}(?!\d)"
IP = r"(?<![\w.])(?<!version )\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\d)"


def is_card(text):
    total = 0
    for place, digit in enumerate(int(d) for d in reversed(text) if d.isdigit()):
        total += digit if place % 2 == 0 else (2 * digit - 9 if digit > 4 else 2 * digit)
    return total % 10 == 0


def is_ip(text):
    return all(0 <= int(part) <= 255 for part in text.split("."))


def level(kind, text):
    return text.lower() if kind in ("EMAIL", "IP") else re.sub(r"\D", "", text)


def masker(texts, email=EMAIL, phone=PHONE, card=CARD, ip=IP, luhn=is_card, octets=is_ip,
           spelling=level, each=False, shared=False):  # fmt: skip
    forms = {"EMAIL": email, "PHONE": phone, "CARD": card, "IP": ip}
    good = {"EMAIL": bool, "PHONE": bool, "CARD": luhn, "IP": octets}
    known, out = {}, []
    for text in texts:
        if each:
            known = {}
        for kind, form in forms.items():

            def swap(match, kind=kind, known=known):
                if not good[kind](match.group()):
                    return match.group()
                own = known if shared else known.setdefault(kind, {})
                key = spelling(kind, match.group())
                return f"[{kind}_{own.setdefault(key, len(own) + 1)}]"

            text = re.sub(form, swap, text)
        out.append(text)
    return out


@right("masked")
def one_kind_after_another(texts):
    return masker(texts)


@right("masked")
def kind_by_kind(texts):
    return tuple(masker(list(texts), ip=IP.replace(r"\d{1,3}", r"\d+")))


@wrong("masked", "untouched")
def unchanged(texts):
    return list(texts)


@wrong("masked", "untouched")
def other_placeholders(texts):
    return [re.sub(EMAIL, "<EMAIL>", text) for text in texts if text] and list(texts)


@wrong("masked", "damaged")
def stars(texts):
    return [re.sub(PHONE, "***", text) for text in masker(texts, phone="(?!)")]


@wrong("masked", "damaged")
def small_letters(texts):
    return masker([text.lower() for text in texts])


@wrong("masked", "damaged")
def stripped(texts):
    return [" ".join(text.replace(".", " ").split()) for text in masker(texts)]


@wrong("masked", "missed")
def no_phones(texts):
    return masker(texts, phone="(?!)")


@wrong("masked", "missed")
def spaced_cards_only(texts):
    return masker(texts, card=r"\b\d{4} \d{4} \d{4} \d{4}\b")


@wrong("masked", "edges")
def with_full_stop(texts):
    return masker(texts, email=r"[^\s<(\"]+@[^\s>)\",;]+")


@wrong("masked", "edges")
def without_the_plus(texts):
    return masker(texts, email=r"\w+@[\w.-]+\w")


@wrong("masked", "edges")
def with_the_bracket(texts):
    return masker(texts, phone=r"\(?\+[\d ().-]{8,}", email=r"<?[\w.+-]+@[\w.-]+>?")


@wrong("masked", "greedy")
def no_luhn(texts):
    return masker(texts, luhn=bool)


@wrong("masked", "greedy")
def all_digits(texts):
    return masker(texts, card=r"\d[\d -]{10,}\d", luhn=bool)


@wrong("masked", "greedy")
def versions_too(texts):
    return masker(texts, ip=r"\d{1,3}(?:\.\d{1,3}){3}", octets=bool)


@wrong("masked", "split")
def as_spelt(texts):
    return masker(texts, spelling=lambda kind, text: text)


@wrong("masked", "split")
def capitals_matter(texts):
    return masker(texts, spelling=lambda k, t: t if k == "EMAIL" else level(k, t))


@wrong("masked", "merged")
def anew_in_each(texts):
    return masker(texts, each=True)


@wrong("masked", "merged")
def always_one(texts):
    return [re.sub(r"_\d+\]", "_1]", text) for text in masker(texts)]


@wrong("masked", "counting")
def one_count_for_all(texts):
    return masker(texts, shared=True)


@wrong("masked", "counting")
def from_zero_on(texts):
    return [re.sub(r"_(\d+)\]", lambda m: f"_{int(m[1]) - 1}]", t) for t in masker(texts)]


@wrong("masked", "type")
def one_text(texts):
    return "\n".join(masker(texts))
