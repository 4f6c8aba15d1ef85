"""What a model costs: parameters, operations, memory, hours, money, energy.

Every quantity is in its plain unit: operations in FLOP (floating-point operations, not a rate),
memory in bytes, time in hours of one device, energy in kilowatt-hours. Where a count of parameters,
tokens, operations or hours goes in, a NumPy array or a pandas column may go in too. Prices, speeds
and watts are always the caller's: none is built in, because they change and differ between places
(`helpers.budget` brings some, each with its source and date).

`config` is a `gpt.GPTConfig`, or anything with its fields.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np

# Bits for one number. int8 and int4 are formats to run a model in; training needs a float.
BITS = {"float32": 32, "bfloat16": 16, "float16": 16, "int8": 8, "int4": 4}
TRAINED_IN = ("float32", "bfloat16", "float16")
# Numbers that an optimizer keeps for each parameter, in float32.
OPTIMIZERS = {"sgd": 0, "momentum": 1, "adam": 2}
SECONDS_PER_HOUR = 3600
ONE_HOT_UP_TO = 512  # tokens up to which `layers.Embedding` multiplies instead of looking up
# Operations a number that is not in a product of matrices, counted roughly; a step back takes twice
# as many as the step forward.
NORMS_AND_SUMS, SOFTMAX, LOSS, ADAM = 28, 5, 6, 15
ACTIVATION = {"gelu": 8, "relu2": 2, "swiglu": 4}
# Arrays as wide as the MLP that are kept for the way back: its inputs and outputs, and what the
# activation needs (the tanh of gelu, the sigmoid of swiglu).
MLP_KEPT = {"gelu": 3, "relu2": 2, "swiglu": 5}
SCORES_KEPT, LOGITS_KEPT = 3, 3  # scores, weights, gradient; logits, probabilities, gradient


# --- parameters


def parameter_counts(
    vocab_size: int,
    context_length: int,
    num_layers: int,
    embed_dim: int,
    *,
    mlp_dim: int | None = None,
    tied: bool = True,
    bias: bool = True,
    learned_positions: bool = True,
) -> dict[str, int]:
    """Parameters of a decoder built like GPT-2 (Radford et al. 2019), by what they are for.

    Each layer has four square matrices of attention, two of the MLP, and two layer norms of
    2 x embed_dim; one more norm stands at the end. The number of heads does not matter: they share
    out embed_dim between them.

    Args:
        vocab_size: tokens that the model knows.
        context_length: positions that it can look at.
        num_layers, embed_dim: depth and width.
        mlp_dim: width inside the MLP; 4 x embed_dim if None.
        tied: the output layer reuses the token embeddings (GPT-2), or has a matrix of its own.
        bias: the matrices have bias vectors. Norms always have scale and shift.
        learned_positions: a vector for each position (GPT-2), or none (rotary positions).

    Raises:
        ValueError: a size is not a whole number of at least 1.
    """
    _whole(vocab_size=vocab_size, context_length=context_length,
           num_layers=num_layers, embed_dim=embed_dim)  # fmt: skip
    mlp_dim = 4 * embed_dim if mlp_dim is None else mlp_dim
    _whole(mlp_dim=mlp_dim)
    attention = 4 * embed_dim * (embed_dim + bias)
    mlp = 2 * embed_dim * mlp_dim + bias * (mlp_dim + embed_dim)
    return {
        "token embeddings": vocab_size * embed_dim,
        "position embeddings": context_length * embed_dim * learned_positions,
        "attention": num_layers * attention,
        "MLP": num_layers * mlp,
        "norms": (2 * num_layers + 1) * 2 * embed_dim,
        "output layer": 0 if tied else vocab_size * embed_dim,
    }


def parameters(
    vocab_size: int, context_length: int, num_layers: int, embed_dim: int, **about: Any
) -> int:
    """All parameters of a GPT-2-style decoder: the sum of `parameter_counts`, same arguments."""
    counts = parameter_counts(vocab_size, context_length, num_layers, embed_dim, **about)
    return sum(counts.values())


def gpt_parameters(config: Any) -> dict[str, int]:
    """Parameters of the course's own GPT, in either style, by what they are for.

    Grouped keys and values, three matrices with swiglu, norms without a shift, and biases or none
    are taken from the configuration.
    """
    width, kv_width = config.embed_dim, config.num_kv_heads * config.head_dim
    gates = 2 if config.activation == "swiglu" else 1
    attention = 2 * width * width + 2 * width * kv_width
    mlp = (gates + 1) * width * config.mlp_dim
    if config.bias:
        attention += 2 * width + 2 * kv_width
        mlp += gates * config.mlp_dim + width
    norm = width * (2 if config.norm == "layer" else 1)
    learned = config.positions == "learned"
    return {
        "token embeddings": config.vocab_size * width,
        "position embeddings": config.context_length * width * learned,
        "attention": config.num_layers * attention,
        "MLP": config.num_layers * mlp,
        "norms": (2 * config.num_layers + 1) * norm,
        "output layer": 0 if config.tied else config.vocab_size * width,
    }


# --- operations


def step_flops(config: Any, batch_size: int, *, checkpointing: bool = False) -> dict[str, int]:
    """FLOP of one training step (forward, backward, Adam) of the course's GPT, by what they are for.

    A product of matrices takes 2 for each weight and token forward and 4 backward, where its inputs
    and its weights need a gradient. Attention takes 2 x 2 x context_length x embed_dim a token and
    layer forward: every position against every other, because the half that the mask hides is
    computed all the same. A small vocabulary (`ONE_HOT_UP_TO`) is looked up by a product. Work that
    is done number by number is counted roughly.

    Args:
        config: the model's.
        batch_size: windows of config.context_length tokens in the step.
        checkpointing: each block's forward is done again on the way back.

    Raises:
        ValueError: batch_size is not a whole number of at least 1.
    """
    _whole(batch_size=batch_size)
    width, tokens = config.embed_dim, batch_size * config.context_length
    counts = gpt_parameters(config)
    blocks = 2 * config.num_layers * _block_matrices(config) * tokens
    scores = 4 * config.num_layers * config.context_length * width * tokens
    table = 2 * config.vocab_size * width * tokens
    lookup = 2 * table if config.vocab_size <= ONE_HOT_UP_TO else 0  # no gradient for the tokens
    single = config.num_layers * (
        NORMS_AND_SUMS * width
        + ACTIVATION[config.activation] * config.mlp_dim
        + SOFTMAX * config.num_heads * config.context_length
    )
    return {
        "matrices of the blocks": 3 * blocks,
        "attention": 3 * scores,
        "output layer": 3 * table,
        "embeddings": lookup,
        "number by number": 3 * tokens * (single + LOSS * config.vocab_size),
        "optimizer": ADAM * sum(counts.values()),
        "computed again": (blocks + scores + tokens * single) * checkpointing,
    }


def _block_matrices(config: Any) -> int:
    """Weights in the matrices of one block, without biases."""
    width, kv_width = config.embed_dim, config.num_kv_heads * config.head_dim
    matrices = 3 if config.activation == "swiglu" else 2
    return 2 * width * width + 2 * width * kv_width + matrices * width * config.mlp_dim


def training_flops(parameters: Any, tokens: Any) -> Any:
    """FLOP of a training: 6 x parameters x tokens (Kaplan et al. 2020, section 2.1).

    Two for each parameter and token forward, four backward. Of a mixture of experts take the active
    parameters; of an encoder-decoder about half of them, because each token passes one of the two.
    Left out: attention over a long context, repeated steps, later stages of training.

    Args:
        parameters: those used for each token; a number or an array.
        tokens: tokens seen, repetitions included; a number or an array.

    Raises:
        ValueError: a value is not above 0, or is empty (nan).
    """
    _positive(parameters=parameters, tokens=tokens)
    return 6 * parameters * tokens


def inference_flops_per_token(
    parameters: Any, *, context_length: int = 0, num_layers: int = 0, embed_dim: int = 0
) -> Any:
    """FLOP to read or write one token: 2 x parameters (Kaplan et al. 2020, section 2.1).

    With the three sizes, 2 x num_layers x context_length x embed_dim for attention is added.

    Raises:
        ValueError: parameters not above 0, or some of the three sizes given and others not.
    """
    _positive(parameters=parameters)
    sizes = {"context_length": context_length, "num_layers": num_layers, "embed_dim": embed_dim}
    if not any(sizes.values()):
        return 2 * parameters
    missing = [name for name, size in sizes.items() if not size]
    if missing:
        raise ValueError(f"to count attention, give {' and '.join(missing)} too")
    _whole(**sizes)
    return 2 * parameters + 2 * num_layers * context_length * embed_dim


# --- memory


def memory_parts(
    parameters: Any,
    precision: str = "bfloat16",
    *,
    training: bool = False,
    optimizer: str = "adam",
) -> dict[str, Any]:
    """Bytes that a model's parameters need, by what they are for.

    To run it: the weights. To train it in bfloat16 or float16 ("mixed precision"): weights and
    gradients in 16 bits, and in float32 a master copy and the optimizer's numbers, which is 16 bytes
    a parameter with Adam (Rajbhandari et al. 2020, section 3.1). In float32 there is no second copy.
    Left out: activations, the key-value cache, buffers. So this is a lower bound.

    Args:
        parameters: all of them; of a mixture of experts the total, since all must be at hand.
        precision: "float32", "bfloat16", "float16", and to run it also "int8" or "int4".
        training: count what training keeps besides the weights.
        optimizer: "adam", "momentum" or "sgd".

    Raises:
        ValueError: parameters not above 0, an unknown precision or optimizer, or one not for training.
    """
    _positive(parameters=parameters)
    _choice("precision", precision, TRAINED_IN if training else BITS)
    parts = {"weights": _bytes(parameters, BITS[precision])}
    if not training:
        return parts
    _choice("optimizer", optimizer, OPTIMIZERS)
    parts["gradients"] = parts["weights"]
    parts["master copy"] = 0 if precision == "float32" else _bytes(parameters, 32)
    parts["optimizer"] = OPTIMIZERS[optimizer] * _bytes(parameters, 32)
    return parts


def memory(
    parameters: Any, precision: str = "bfloat16", *, training: bool = False, optimizer: str = "adam"
) -> Any:
    """Bytes that a model's parameters need in all: the sum of `memory_parts`, same arguments."""
    parts = memory_parts(parameters, precision, training=training, optimizer=optimizer)
    return sum(parts.values())


def step_memory(config: Any, batch_size: int, *, checkpointing: bool = False) -> dict[str, int]:
    """Bytes that a training step of the course's GPT needs in float32 with Adam.

    Weights, gradients and Adam's two numbers take 4 bytes a parameter each. Of the activations what
    the backward pass needs again is kept, layer by layer, as Korthikanti et al. (2022) count it,
    section 4.1: here in float32, without dropout, and with what XLA keeps besides on a processor
    (the scores of attention more than once). The constants were set on eight of the counts of its
    memory analysis in `data/compute_cost.json`, and are within 6% of those; of two steps counted
    afterwards they are off by up to 14%.

    Args:
        config: the model's.
        batch_size: windows in the step.
        checkpointing: only the input of each block is kept, and one block at a time in full. This
            was not held to any measurement: it is what automatic differentiation keeps, while the
            program that XLA made for a processor needed as much as without (the count is 0.54 of it).

    Raises:
        ValueError: batch_size is not a whole number of at least 1.
    """
    _whole(batch_size=batch_size)
    width, kv_width = config.embed_dim, config.num_kv_heads * config.head_dim
    count = sum(gpt_parameters(config).values())
    block = (
        6 * width + 2 * kv_width  # sums, norms, queries, what attention gives; keys and values
        + MLP_KEPT[config.activation] * config.mlp_dim
        + SCORES_KEPT * config.num_heads * config.context_length
    )  # fmt: skip
    blocks = config.num_layers * (width if checkpointing else block) + block * checkpointing
    one_hot = config.vocab_size if config.vocab_size <= ONE_HOT_UP_TO else 0
    each = blocks + LOGITS_KEPT * config.vocab_size + one_hot
    return {
        "weights": 4 * count,
        "gradients": 4 * count,
        "optimizer": 8 * count,
        "activations": 4 * batch_size * config.context_length * each,
    }


def kv_cache(
    context_length: int,
    num_layers: int,
    num_kv_heads: int,
    head_dim: int,
    *,
    batch_size: int = 1,
    precision: str = "bfloat16",
) -> int:
    """Bytes of the keys and values that a decoder keeps while it writes.

    Two vectors (key and value) of num_kv_heads x head_dim for each layer, token and sequence. With
    plain multi-head attention num_kv_heads x head_dim is embed_dim; grouped-query attention shares
    keys and values between heads and needs less (Ainslie et al. 2023).

    Raises:
        ValueError: a size is not a whole number of at least 1, or the precision is unknown.
    """
    _whole(context_length=context_length, num_layers=num_layers, num_kv_heads=num_kv_heads,
           head_dim=head_dim, batch_size=batch_size)  # fmt: skip
    _choice("precision", precision, BITS)
    count = 2 * num_layers * context_length * batch_size * num_kv_heads * head_dim
    return _bytes(count, BITS[precision])


# --- hours, money, energy


def hours(flop: Any, peak_flops: Any, utilisation: Any) -> Any:
    """Hours of one device for so many operations; divide by the number of devices for the clock.

    Args:
        flop: operations to do, in FLOP.
        peak_flops: the device's peak in FLOP a second, for the precision used, without sparsity.
        utilisation: the share of the peak that is reached, above 0 and at most 1.

    Raises:
        ValueError: a value is not above 0, or utilisation is above 1.
    """
    _positive(flop=flop, peak_flops=peak_flops)
    _share(utilisation=utilisation)
    return flop / (peak_flops * utilisation * SECONDS_PER_HOUR)


def utilisation(flop: Any, peak_flops: Any, hours: Any) -> Any:
    """The share of the peak that a run reached, from its device-hours: the reverse of `hours`.

    Counted from the model's operations (6ND), this is the model FLOPs utilisation of Chowdhery et
    al. (2023), section 4.1.

    Raises:
        ValueError: a value is not above 0, or the result is above 1, which no device can reach.
    """
    _positive(flop=flop, peak_flops=peak_flops, hours=hours)
    share = flop / (peak_flops * hours * SECONDS_PER_HOUR)
    if np.any(np.asarray(share) > 1 + 1e-9):  # more than rounding
        raise ValueError(
            f"that is {np.max(share):.3g} of the peak, more than a device can do: "
            "check the units of flop (FLOP), peak_flops (FLOP a second) and hours"
        )
    return np.minimum(share, 1.0)


def money(hours: Any, price_per_hour: Any) -> Any:
    """What device-hours cost, in the currency of `price_per_hour` (one device, one hour).

    Raises:
        ValueError: hours not above 0, or a price below 0.
    """
    _positive(hours=hours)
    _number("price_per_hour", price_per_hour)
    if np.any(np.asarray(price_per_hour) < 0):
        raise ValueError(f"price_per_hour is {price_per_hour}; it cannot be below 0")
    return hours * price_per_hour


def energy_kwh(hours: Any, watts: Any, pue: Any = 1.0) -> Any:
    """Energy of device-hours in kilowatt-hours.

    Args:
        hours: hours of one device, summed over devices.
        watts: mean draw of one device, with its share of the host if that should count.
        pue: power usage effectiveness, what the building draws for each watt of its computers; 1
            counts the computers alone (Patterson et al. 2021).

    Raises:
        ValueError: a value is not above 0, or pue is below 1.
    """
    _positive(hours=hours, watts=watts)
    _number("pue", pue)
    if np.any(np.asarray(pue) < 1):
        raise ValueError(f"pue is {pue}; a building draws at least what its computers do, so 1")
    return hours * watts * pue / 1000


# --- checks


def _bytes(count: Any, bits: int) -> Any:
    """Whole bytes for `count` numbers; of an integer exact also beyond what a float can hold."""
    if isinstance(count, numbers.Integral):
        return -(-int(count) * bits // 8)
    return np.ceil(count * bits / 8) if np.ndim(count) else math.ceil(count * bits / 8)


def _number(name: str, value: Any) -> np.ndarray:
    """The value as floats; an error in words for text, True, and empty or endless numbers."""
    wrong = isinstance(value, bool | np.bool_ | str | bytes) or value is None
    try:
        array = None if wrong else np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        array = None
    if array is None:
        raise ValueError(f"{name} is {value!r}; it must be a number")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} has empty (nan) or infinite values; leave those rows out first")
    return array


def _positive(**values: Any) -> None:
    for name, value in values.items():
        array = _number(name, value)
        if (array <= 0).any():
            raise ValueError(f"{name} is {array.min():g}; it must be above 0")


def _whole(**values: Any) -> None:
    for name, value in values.items():
        ok = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        if not ok or value < 1:
            raise ValueError(f"{name} is {value!r}; it must be a whole number of at least 1")


def _share(**values: Any) -> None:
    _positive(**values)
    for name, value in values.items():
        largest = np.max(np.asarray(value, dtype=float))
        if largest > 1:
            hint = f"; for {largest:g}% write {largest / 100:g}" if 2 <= largest <= 100 else ""
            raise ValueError(f"{name} is {largest:g}; it is a share between 0 and 1{hint}")


def _choice(name: str, value: Any, allowed: Iterable[str]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(map(repr, allowed))}")
