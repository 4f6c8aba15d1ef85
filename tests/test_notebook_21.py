"""Notebook 21: its own functions, against sums by hand, the helpers and the properties they claim."""

from __future__ import annotations

import numpy as np
import pytest

from tests.cells import namespace

keras = pytest.importorskip("keras")
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def nb():
    return namespace("21")


@pytest.fixture(scope="module")
def small(nb):
    return nb.gpt.GPT(nb.gpt.GPTConfig.of("nano", vocab_size=256, context_length=16))


@pytest.mark.parametrize("style", ["gpt2", "llama"])
def test_forward_is_a_third_of_what_the_helper_counts(nb, style):
    config = nb.gpt.GPTConfig.of("nano", vocab_size=300, style=style)
    whole = nb.cost.step_flops(config, 2)
    for name, flop in nb.forward_flops(config).items():
        assert 3 * 2 * config.context_length * flop == whole[name], name


def test_the_sizes_are_those_of_the_benchmark(nb):
    from benchmarks import compute_cost

    assert set(nb.SIZES) == set(compute_cost.SIZES) | set(compute_cost.HELD_OUT)
    held_out = [(name, style) for name, (style, *_) in compute_cost.HELD_OUT.items()]
    for name, style in (("wide", "llama"), ("mini, 2,048 tokens", "gpt2"), *held_out):
        theirs, _ = compute_cost.config_of(name, style)
        assert nb.config_of({"size": name, "style": style}) == theirs


def test_rounded_keeps_the_largest_and_has_few_values(nb):
    weights = RNG.normal(size=(50, 6)).astype("float32")
    for bits in (8, 4, 3):
        for axis in (None, 0):
            found = nb.rounded(weights, bits, axis)
            step = np.abs(weights).max(axis=axis, keepdims=True) / (2 ** (bits - 1) - 1)
            assert np.abs(found - weights).max() <= step.max() / 2 * 1.001
            assert len(np.unique(np.round(found / step))) <= 2**bits - 1
            place = np.unravel_index(np.abs(weights).argmax(), weights.shape)
            assert found[place] == pytest.approx(weights[place], rel=1e-5)
    assert not nb.rounded(np.zeros((3, 2)), 8).any()


def test_an_outlier_costs_the_other_columns_their_steps_unless_each_has_its_own(nb):
    weights = RNG.normal(size=(50, 6))
    weights[:, 0] *= 1000
    one, each = nb.rounded(weights, 8), nb.rounded(weights, 8, axis=0)
    assert np.abs(one - weights)[:, 1:].max() > 1 > 50 * np.abs(each - weights)[:, 1:].max()


def test_gradients_scale_with_the_loss_and_do_not_care_about_order(nb, small):
    windows = RNG.integers(256, size=(4, 17)).astype("int32")
    once, twice = nb.gradients(small, windows), nb.gradients(small, windows, scale=2.0)
    assert nb.relative(twice, [2 * g for g in once]) < 1e-5
    assert nb.relative(nb.gradients(small, windows[::-1].copy()), once) < 1e-4
    assert nb.relative(nb.gradients(small, windows[:2]), once) > 1e-3


def test_relative_is_a_distance_over_a_size(nb):
    wanted = [np.array([3.0, 4.0])]
    assert nb.relative(wanted, wanted) == 0
    assert nb.relative([np.array([3.0, 4.5])], wanted) == pytest.approx(0.1)


def test_the_impossible_wishes_are_refused(nb):
    for wish in nb.IMPOSSIBLE.values():
        with pytest.raises(nb.budget.BudgetError):
            nb.budget.plan(7_000_000_000, 140_000_000_000, **wish)
