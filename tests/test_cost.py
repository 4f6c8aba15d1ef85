"""What models cost, against figures that others published, hand-made sums and laws of the units."""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import cost
from tests import backends

GPT2 = (50_257, 1_024, 12, 768)
counts = st.integers(1, 10**13)
amounts = st.floats(1e-3, 1e30)


# --- parameters


@pytest.mark.parametrize(
    ("layers", "width", "published"),
    [
        (12, 768, 124_439_808),  # the four GPT-2, as their weight files count them
        (24, 1_024, 354_823_168),
        (36, 1_280, 774_030_080),
        (48, 1_600, 1_557_611_200),
    ],
)
def test_parameters_of_gpt2(layers, width, published):
    assert cost.parameters(50_257, 1_024, layers, width) == published


def test_parameters_of_gpt3_to_the_digits_that_were_printed():
    found = cost.parameters(50_257, 2_048, 96, 12_288)
    assert round(found / 1e6, -2) == 174_600  # Brown et al. (2020), table D.1: 174,600 million


@pytest.mark.parametrize(
    ("vocab", "layers", "width", "published"),
    [(50_304, 12, 768, 162_322_944), (50_688, 36, 5_120, 11_846_072_320)],
)
def test_parameters_of_pythia(vocab, layers, width, published):
    """Rotary positions, an output layer of its own (Biderman et al. 2023, model cards)."""
    found = cost.parameters(vocab, 2_048, layers, width, tied=False, learned_positions=False)
    assert found == published


def test_parameters_of_a_tiny_model_counted_by_hand():
    # 5 tokens, 3 positions, 1 layer, width 2, MLP of 8
    assert cost.parameter_counts(5, 3, 1, 2) == {
        "token embeddings": 10,
        "position embeddings": 6,
        "attention": 4 * (2 * 2 + 2),
        "MLP": (2 * 8 + 8) + (8 * 2 + 2),
        "norms": 3 * 4,
        "output layer": 0,
    }
    bare = cost.parameter_counts(5, 3, 1, 2, mlp_dim=3, bias=False, tied=False)
    assert (bare["attention"], bare["MLP"], bare["output layer"]) == (16, 12, 10)


def test_parameters_agree_with_keras_layers():
    import keras

    layer = keras.layers.MultiHeadAttention(num_heads=4, key_dim=8)
    layer.build((None, 6, 32), (None, 6, 32))
    mlp = keras.Sequential([keras.Input((32,)), keras.layers.Dense(128), keras.layers.Dense(32)])
    norm = keras.layers.LayerNormalization()
    norm.build((None, 6, 32))
    found = cost.parameter_counts(7, 6, 1, 32)
    assert found["attention"] == layer.count_params()
    assert found["MLP"] == mlp.count_params()
    assert found["norms"] == 3 * norm.count_params()


@pytest.mark.parametrize("place", range(4))
def test_parameters_grow_with_every_size(place):
    larger = list(GPT2)
    larger[place] += 1
    assert cost.parameters(*larger) > cost.parameters(*GPT2)


# --- operations


@pytest.mark.parametrize(
    ("parameters", "tokens", "published"),
    [
        (174.6e9, 300e9, 3.14e23),  # GPT-3: Brown et al. (2020), table D.1
        (70e9, 1.4e12, 5.76e23),  # Chinchilla: Hoffmann et al. (2022)
        (405e9, 15.6e12, 3.8e25),  # Llama 3.1: Grattafiori et al. (2024)
    ],
)
def test_training_flops_against_published_figures(parameters, tokens, published):
    assert cost.training_flops(parameters, tokens) == pytest.approx(published, rel=0.03)


def test_operations_take_columns_and_give_them_back():
    table = pd.DataFrame({"n": [1e9, 2e9], "d": [2e10, 4e10]}, index=["a", "b"])
    found = cost.training_flops(table["n"], table["d"])
    assert found.to_dict() == {"a": 1.2e20, "b": 4.8e20}
    assert cost.memory(table["n"], "int4").to_dict() == {"a": 5e8, "b": 1e9}
    assert cost.hours(np.array([3.6e15, 7.2e15]), 1e12, 0.5).tolist() == [2.0, 4.0]


@given(counts, counts)
def test_a_token_costs_three_times_as_much_in_training_as_in_use(parameters, tokens):
    assert cost.training_flops(parameters, tokens) == (
        3 * tokens * cost.inference_flops_per_token(parameters)
    )


def test_attention_is_added_when_its_sizes_are_given():
    plain = cost.inference_flops_per_token(10**9)
    assert plain == 2 * 10**9
    sizes = {"num_layers": 24, "embed_dim": 2_048}
    longer = [
        cost.inference_flops_per_token(10**9, context_length=n, **sizes) for n in (1_000, 2_000)
    ]
    assert longer[0] - plain == 2 * 24 * 1_000 * 2_048
    assert longer[1] - plain == 2 * (longer[0] - plain)
    with pytest.raises(ValueError, match="give embed_dim too"):
        cost.inference_flops_per_token(10**9, context_length=1_000, num_layers=24)


# --- memory


def test_mixed_precision_with_adam_needs_16_bytes_a_parameter():
    """Rajbhandari et al. (2020), section 3.1: 24 GB for 1.5 billion parameters."""
    assert cost.memory(1_500_000_000, training=True) == 24_000_000_000
    assert cost.memory_parts(10, training=True) == {
        "weights": 20,
        "gradients": 20,
        "master copy": 40,
        "optimizer": 80,
    }


@pytest.mark.parametrize(
    ("precision", "expected"),
    [("float32", 28e9), ("bfloat16", 14e9), ("float16", 14e9), ("int8", 7e9), ("int4", 3.5e9)],
)
def test_weights_of_seven_billion(precision, expected):
    assert cost.memory(7_000_000_000, precision) == expected


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_optimizers_and_training_only_add(precision):
    running = cost.memory(1_000, precision)
    kinds = [
        cost.memory(1_000, precision, training=True, optimizer=name)
        for name in ("sgd", "momentum", "adam")
    ]
    assert running < kinds[0] < kinds[1] < kinds[2]
    assert {b - a for a, b in itertools.pairwise(kinds)} == {4_000}


@given(counts)
def test_fewer_bits_never_need_more_and_bytes_are_whole(parameters):
    sizes = [cost.memory(parameters, p) for p in ("int4", "int8", "bfloat16", "float32")]
    assert sizes == sorted(sizes) and all(isinstance(size, int) for size in sizes)
    assert 2 * sizes[0] - sizes[1] in (0, 1)  # half a byte each, rounded up


def test_sizes_beyond_a_float_stay_exact():
    assert cost.memory(2**60 + 1, "int8") == 2**60 + 1


def test_key_value_cache_by_hand():
    # GPT-2: key and value of 768 numbers in 12 layers, 2 bytes each
    assert cost.kv_cache(1, 12, 12, 64) == 2 * 768 * 12 * 2
    # 80 layers, 8 key-value heads of 128: 320 KiB a token, 40 GiB for 131,072 tokens
    assert cost.kv_cache(1, 80, 8, 128) == 320 * 2**10
    assert cost.kv_cache(131_072, 80, 8, 128) == 40 * 2**30
    assert cost.kv_cache(131_072, 80, 8, 128, batch_size=4, precision="int8") == 80 * 2**30


# --- hours, money, energy


def test_hours_and_energy_of_gpt3():
    """Patterson et al. (2021), table 4: 24.6 TFLOP/s on V100 of 330 W, PUE 1.10: 1,287 MWh."""
    device_hours = cost.hours(3.14e23, peak_flops=125e12, utilisation=24.6 / 125)
    assert device_hours / 10_000 / 24 == pytest.approx(14.8, rel=0.005)  # days on 10,000 of them
    assert cost.energy_kwh(device_hours, watts=330, pue=1.10) == pytest.approx(1.287e6, rel=0.005)


def test_one_device_at_its_peak_for_one_hour():
    assert cost.hours(3.6e15, peak_flops=1e12, utilisation=1) == 1.0
    assert cost.money(1.0, price_per_hour=2.5) == 2.5
    assert cost.money(10, price_per_hour=0) == 0
    assert cost.energy_kwh(1.0, watts=1_000) == 1.0


@given(amounts, st.floats(1e9, 1e18), st.floats(0.001, 1))
def test_utilisation_is_the_reverse_of_hours(flop, peak, share):
    needed = cost.hours(flop, peak, share)
    assert cost.utilisation(flop, peak, needed) == pytest.approx(share)


def test_all_of_the_peak_is_not_more_than_it_by_rounding():
    needed = cost.hours(904_549.0, 1e9, 1.0)
    assert cost.utilisation(904_549.0, 1e9, needed) == 1.0
    with pytest.raises(ValueError, match="more than a device can do"):
        cost.utilisation(904_549.0, 1e9, 0.999 * needed)


@given(amounts, st.floats(1e9, 1e18), st.floats(0.001, 0.5))
def test_twice_the_speed_or_the_share_halves_the_hours(flop, peak, share):
    needed = cost.hours(flop, peak, share)
    assert cost.hours(flop, 2 * peak, share) == pytest.approx(needed / 2)
    assert cost.hours(flop, peak, 2 * share) == pytest.approx(needed / 2)
    assert cost.hours(2 * flop, peak, share) == pytest.approx(2 * needed)


# --- nonsense


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: cost.parameters(0, 1, 1, 1), "vocab_size is 0; it must be a whole number"),
        (lambda: cost.parameters(1, 1, 1.5, 1), "num_layers is 1.5; it must be a whole number"),
        (lambda: cost.parameters(1, 1, True, 1), "num_layers is True"),
        (lambda: cost.parameters(1, 1, 1, 1, mlp_dim=-4), "mlp_dim is -4"),
        (lambda: cost.training_flops(-1, 10), "parameters is -1; it must be above 0"),
        (lambda: cost.training_flops(1e9, np.array([1.0, np.nan])), "tokens has empty"),
        (lambda: cost.training_flops("7B", 10), "parameters is '7B'; it must be a number"),
        (lambda: cost.training_flops(None, 10), "parameters is None"),
        (lambda: cost.training_flops(True, 10), "parameters is True"),
        (lambda: cost.training_flops(float("inf"), 10), "infinite"),
        (lambda: cost.memory(7e9, "bf16"), "precision is 'bf16'; it must be one of 'float32'"),
        (lambda: cost.memory(7e9, "int4", training=True), "'bfloat16', 'float16'$"),
        (lambda: cost.memory(7e9, training=True, optimizer="muon"), "optimizer is 'muon'"),
        (lambda: cost.kv_cache(0, 1, 1, 1), "context_length is 0"),
        (lambda: cost.hours(1e20, 1e12, 40), "a share between 0 and 1; for 40% write 0.4"),
        (lambda: cost.hours(1e20, 1e12, 400), "between 0 and 1$"),
        (lambda: cost.hours(1e20, 1e12, 0), "utilisation is 0; it must be above 0"),
        (lambda: cost.hours(1e20, 0, 0.4), "peak_flops is 0"),
        (lambda: cost.utilisation(1e20, 1e12, 1), "of the peak, more than a device can do"),
        (lambda: cost.money(0, 1), "hours is 0"),
        (lambda: cost.money(1, -2), "price_per_hour is -2; it cannot be below 0"),
        (lambda: cost.money(1, "2 dollars"), "price_per_hour is '2 dollars'"),
        (lambda: cost.energy_kwh(1, 300, 0.9), "pue is 0.9"),
        (lambda: cost.energy_kwh(1, -300), "watts is -300"),
    ],
)
def test_nonsense_is_answered_in_words(call, words):
    with pytest.raises(ValueError, match=words):
        call()


# --- the module


def test_prices_speeds_and_watts_are_always_the_callers():
    """No default for what changes with time and place."""
    for function, names in {
        cost.hours: ("peak_flops", "utilisation"),
        cost.money: ("price_per_hour",),
        cost.energy_kwh: ("watts",),
    }.items():
        signature = inspect.signature(function)
        assert all(signature.parameters[name].default is inspect.Parameter.empty for name in names)


def test_it_imports_nothing_heavy_and_no_other_helper():
    tree = ast.parse(inspect.getsource(cost))
    named = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert "helpers" not in named
    heavy = "tensorflow keras pandas matplotlib sklearn scipy datasets"
    code = f"import sys, helpers.cost; print([m for m in '{heavy}'.split() if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- the course's own GPT, against Keras and against XLA's counts


XLA = json.loads((Path(__file__).parents[1] / "data" / "compute_cost.json").read_text("utf-8"))
MEASURED = [step for step in XLA["steps"] if not step["checkpointing"]]


def shape_of(step):
    """The configuration of a measured step, as the benchmark that measured it has it."""
    from benchmarks import compute_cost

    return compute_cost.config_of(step["size"], step["style"])


@pytest.mark.parametrize("style", ["gpt2", "llama"])
@pytest.mark.parametrize("tied", [True, False])
def test_parameters_of_the_courses_gpt_are_exact(style, tied):
    from helpers import gpt

    for changes in ({}, {"num_kv_heads": 1}, {"activation": "relu2"}, {"bias": style == "llama"}):
        config = gpt.GPTConfig.of("nano", vocab_size=99, style=style, tied=tied, **changes)
        counted = sum(cost.gpt_parameters(config).values())
        assert counted == gpt.GPT(config).count_params(), changes


def test_there_are_five_sizes_in_two_styles():
    assert len({(step["size"], step["style"]) for step in MEASURED}) == 10
    assert len({step["size"] for step in MEASURED}) == 5


@pytest.mark.parametrize("step", MEASURED, ids=lambda s: f"{s['size']}-{s['style']}")
def test_operations_within_5_and_memory_within_25_percent_of_xla(step):
    config, batch_size = shape_of(step)
    assert sum(cost.gpt_parameters(config).values()) == step["parameters"]
    counted = sum(cost.step_flops(config, batch_size).values())
    assert counted == pytest.approx(step["flop"], rel=0.05)
    needed = sum(cost.step_memory(config, batch_size).values())
    assert needed == pytest.approx(step["held_bytes"] + step["temporary_bytes"], rel=0.25)
    rule = cost.training_flops(step["parameters"], batch_size * step["context_length"])
    assert rule < 0.95 * step["flop"], "else the rule of thumb would do"


@pytest.mark.parametrize("step", XLA["held_out"], ids=lambda s: s["size"])
def test_steps_that_the_constants_were_not_set_on_are_within_the_same_bounds(step):
    config, batch_size = shape_of(step)
    assert step["size"] not in {one["size"] for one in MEASURED}
    assert (config.context_length, batch_size) == (step["context_length"], step["batch_size"])
    assert sum(cost.gpt_parameters(config).values()) == step["parameters"]
    assert sum(cost.step_flops(config, batch_size).values()) == pytest.approx(
        step["flop"], rel=0.05
    )
    needed = sum(cost.step_memory(config, batch_size).values())
    assert needed == pytest.approx(step["held_bytes"] + step["temporary_bytes"], rel=0.25)


def test_checkpointing_takes_more_operations_and_keeps_less():
    (step,) = (step for step in XLA["steps"] if step["checkpointing"])
    config, batch_size = shape_of(step)
    flop = sum(cost.step_flops(config, batch_size, checkpointing=True).values())
    assert step["flop"] < flop < 1.15 * step["flop"]  # XLA leaves out what nobody needs again
    usual, less = (
        cost.step_memory(config, batch_size, checkpointing=flag) for flag in (False, True)
    )
    assert less["activations"] < usual["activations"] / 2 and less["weights"] == usual["weights"]
    assert XLA["kept_bytes"]["checkpointing"] < XLA["kept_bytes"]["usual"] / 5


def test_twice_the_batch_is_twice_the_operations_of_the_tokens():
    config, _ = shape_of(MEASURED[0])
    one, two = (cost.step_flops(config, batch_size) for batch_size in (1, 2))
    for name in one:
        assert two[name] == (1 if name == "optimizer" else 2) * one[name], name
    for wrong in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match="batch_size is"):
            cost.step_flops(config, wrong)
        with pytest.raises(ValueError, match="batch_size is"):
            cost.step_memory(config, wrong)


def test_xla_still_counts_what_was_recorded():
    """One size compiled anew, on JAX in a process of its own."""
    found = backends.run("jax", counted_by_xla)
    (step,) = (s for s in MEASURED if (s["size"], s["style"]) == ("nano", "gpt2"))
    assert found["flop"] == pytest.approx(step["flop"], rel=0.05)
    whole = step["held_bytes"] + step["temporary_bytes"]
    assert found["bytes"] == pytest.approx(whole, rel=0.25)


def counted_by_xla():
    from benchmarks import compute_cost

    step = compute_cost.measure("nano", "gpt2")
    return {"flop": step["flop"], "bytes": step["held_bytes"] + step["temporary_bytes"]}
