"""Notebook 23: its own functions, against other ways to reach the same."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.cells import namespace

pytest.importorskip("keras")
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def nb():
    return namespace("23")


def test_letters_become_windows_and_nothing_is_lost_but_the_rest(nb):
    text = "An odd one: naïve. " * 20
    windows = nb.windows_of([text, text])
    assert windows.shape[1] == nb.CONTEXT and windows.max() < 128
    joined = (text + "\n" + text).replace("ï", "?")
    assert bytes(windows.ravel().astype("uint8")).decode() == joined[: windows.size]


def test_canaries_fit_a_window_and_have_names_of_one_length(nb):
    assert len(nb.NAMES) == len(set(nb.NAMES)) == len(nb.COPIES) == 36
    assert sorted(set(nb.COPIES.values())) == [0, 1, 4, 16]
    longest = max(len(f"{name}'s code is 000.") for name in nb.NAMES)
    assert longest <= nb.CONTEXT and {len(name) for name in nb.NAMES} == {3}


def test_code_scores_are_the_log_probabilities_of_whole_codes(nb):
    table = RNG.normal(size=(128, 128))
    table -= np.log(np.exp(table).sum(axis=-1, keepdims=True))

    def bigrams(tokens):
        return table[np.asarray(tokens)]

    nb.code_scores.__globals__["log_probabilities"] = bigrams
    scores = nb.code_scores(["Mia", "Leo"])
    assert scores.shape == (2, 1000) and np.allclose(*scores), "bigrams forget the name"
    for code in (0, 7, 482, 999):
        row = nb.encoded(f" {code:03d}")
        assert scores[0, code] == pytest.approx(
            sum(table[a, b] for a, b in itertools.pairwise(row))
        )


def test_exposure_is_highest_for_the_likeliest_code_and_0_for_the_last(nb):
    scope = nb.exposures.__globals__
    scope["codes"] = dict.fromkeys(nb.NAMES, 5)
    far = np.abs(np.arange(1000.0) - 5)
    scope["code_scores"] = lambda names: np.tile(-far, (len(names), 1))
    exposed, guesses = nb.exposures()
    assert exposed["Mia"] == pytest.approx(np.log2(1000)) and guesses["Mia"] == 5
    scope["code_scores"] = lambda names: np.tile(far, (len(names), 1))
    exposed, guesses = nb.exposures()
    assert exposed["Mia"] == 0 and guesses["Mia"] == 999
    assert nb.by_copies(exposed) == {0: 0, 1: 0, 4: 0, 16: 0}


def test_each_name_is_asked_with_its_own_beginning(nb):
    seen = []

    def watched(tokens):
        seen.append(["".join(map(chr, row)) for row in np.asarray(tokens)])
        return np.zeros((*np.shape(tokens), 128))

    nb.code_scores.__globals__["log_probabilities"] = watched
    nb.code_scores(["Mia", "Leo"])
    assert seen[0] == ["Mia's code is ", "Leo's code is "]
    assert seen[2][:2] == ["Mia's code is 00", "Mia's code is 01"]
    assert seen[2][199] == "Leo's code is 99" and len(seen[2]) == 200


def test_gap_is_exposure_above_a_random_rank_and_its_error(nb):
    scope = nb.gap.__globals__
    scope["chance"] = 1.5
    exposed = {n: (3.0 if nb.COPIES[n] else 1.0) for n in nb.NAMES}
    assert nb.gap(exposed) == (1.5, 0)
    exposed = dict(zip(nb.NAMES, RNG.normal(size=36), strict=True))
    planted = [exposed[n] for n in nb.NAMES if nb.COPIES[n] == 16]
    difference, error = nb.gap(exposed, (16,))
    assert difference == pytest.approx(np.mean(planted) - 1.5)
    assert error == pytest.approx(np.std(planted, ddof=1) / np.sqrt(8))


def test_clipping_one_by_one(nb):
    gradients = RNG.normal(size=(20, 5)) * RNG.uniform(0.1, 50, size=(20, 1))
    for i in range(20):
        rest = np.delete(gradients, i, axis=0)
        moved = np.linalg.norm(nb.rightly(gradients, 1.0) - nb.rightly(rest, 1.0))
        assert moved <= 1 + 1e-9
    assert np.linalg.norm(nb.wrongly(gradients, 1.0)) <= 1 + 1e-9
    short = gradients / 1000
    assert np.allclose(nb.rightly(short, 1.0), short.sum(axis=0))


def test_how_often_below_is_scikit_learns_auc(nb):
    from sklearn.metrics import roc_auc_score

    nb.interval.__globals__["SEED"] = 0
    inside, outside = RNG.normal(0, 1, 80).round(1), RNG.normal(0.5, 1, 60).round(1)
    auc = nb.how_often_below(inside, outside)
    truth = np.r_[np.ones(80), np.zeros(60)]
    assert auc == pytest.approx(roc_auc_score(truth, -np.r_[inside, outside]))
    low, high = nb.interval(nb.how_often_below, inside, outside)
    assert low < auc < high and 0.05 < high - low < 0.35


def test_hits_are_members_below_all_but_one_in_a_hundred_others(nb):
    outside = np.arange(200.0)  # two of them, 0 and 1, may be accused
    assert nb.hits(np.array([-1.0, 0.5, 1.9, 2.0, 50.0]), outside) == pytest.approx(0.6)
    assert nb.hits(np.full(9, 300.0), outside) == 0
    same = RNG.normal(size=2000)
    assert nb.hits(same, same) == pytest.approx(0.01)


def test_losses_are_cross_entropy_and_stay_apart_when_the_model_is_sure(nb):
    found = nb.losses(np.array([2.0, 2.0], "float32"), np.array([1, 0]))
    right = 1 / (1 + np.exp(-2))
    assert np.allclose(found, [-np.log(right), -np.log(1 - right)])
    sure = nb.losses(np.array([60.0, 61.0], "float32"), np.array([1, 1]))
    assert 0 < sure[1] < sure[0]


def test_a_site_alone_is_plain_gradient_descent_and_equal_sites_change_nothing(nb):
    scope = nb.local_steps.__globals__
    scope["words"] = RNG.integers(0, 2, size=(12, 6)).astype("float32")
    scope["labels"] = np.arange(12) % 2
    rows = np.arange(12)
    one = nb.federated([rows], rounds=7)
    assert np.allclose(one, nb.local_steps(np.zeros(6), rows, steps=35))
    assert np.allclose(nb.federated([rows, rows, rows], rounds=7), one)
    unequal = nb.federated([rows[:9], rows[9:]], rounds=1)
    parts = [nb.local_steps(np.zeros(6), part) for part in (rows[:9], rows[9:])]
    assert np.allclose(unequal, 0.75 * parts[0] + 0.25 * parts[1])


def test_the_naive_pattern_has_the_faults_that_the_text_names(nb):
    assert nb.NAIVE.search(nb.LINES["an order number"])
    assert not nb.privacy.luhn("4111111111111112")
    assert not nb.NAIVE.search(nb.LINES["broken by a line"])


def test_refusal_tells_an_opened_file_from_a_refused_one(nb, tmp_path):
    plain = tmp_path / "plain"
    plain.write_bytes(b"secret")
    raw = nb.vault.encrypt_file(plain, nb.PASSPHRASE).read_bytes()
    assert nb.refusal(raw) == "opened" != nb.refusal(raw[:-1])
