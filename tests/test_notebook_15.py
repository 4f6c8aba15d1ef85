"""The ladder: its functions against other implementations, and its claims on the real reviews."""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
from scipy.sparse import csr_matrix

from helpers import classifiers
from tests.cells import namespace
from tools import notebooks

keras = pytest.importorskip("keras")
PATH = notebooks.find("15")[0]


@pytest.fixture(scope="module")
def nb():
    return namespace("15")


@pytest.fixture
def rng():
    return np.random.default_rng(15)


def inside(function, **state):
    """Give a notebook's function the variables that cells before it would have made."""
    function.__globals__.update(state)
    return function


# --- counting


def test_the_log_count_ratio_is_that_of_multinomial_naive_bayes(nb, rng):
    from sklearn.naive_bayes import MultinomialNB

    x = csr_matrix((rng.random((60, 9)) < 0.4).astype(np.float32))
    y = rng.integers(0, 2, 60)
    library = MultinomialNB(alpha=1).fit(x, y).feature_log_prob_
    assert np.allclose(nb.log_count_ratio(x, y), library[1] - library[0])


def test_weighted_rows_have_length_one_and_the_direction_of_r(nb):
    x = csr_matrix(np.array([[1.0, 1, 0], [0, 1, 1]]))
    found = nb.weighted(x, np.array([3.0, -4, 0])).toarray()
    assert np.allclose(found, [[0.6, -0.8, 0], [0, -1, 0]])


def test_the_lexicon_weighs_praise_against_blame(nb):
    said = nb.lexicon(["good good film", "bad film", "a film", "good but bad"])
    assert np.allclose(said, [1 / (1 + math.exp(-2)), 1 / (1 + math.e), 0.5, 0.5])
    praise, blame = set(nb.PRAISE.split()), set(nb.BLAME.split())
    assert len(praise) == len(blame) == 20 and not praise & blame
    assert {word: 1 if word in praise else -1 for word in praise | blame} == nb.WORTH


def test_names_alone_are_judged_by_the_nearest(nb):
    vectors = csr_matrix(np.array([[1.0, 0], [0, 1], [1, 0], [0.1, 0.9], [0, 0]]))
    labels = np.array([1, 0, 1, 1, 0])
    assert nb.nearest_names(vectors, labels, np.array([0, 1]), np.array([2, 3, 4])) == 0.5


# --- networks


def test_hidden_words_are_hidden_in_training_only(nb):
    layer = inside(nb.HideWords.__init__, SEED=0) and nb.HideWords(0.5)
    tokens = np.arange(1, 2001)[None]
    assert np.array_equal(layer(tokens, training=False), tokens)
    seen = keras.ops.convert_to_numpy(layer(tokens, training=True))
    assert 0.4 < np.mean(seen == 0) < 0.6 and np.all((seen == 0) | (seen == tokens))


def test_the_mean_leaves_padding_out(nb):
    x = np.array([[[1.0], [3.0], [9.0]], [[5.0], [7.0], [7.0]]], "float32")
    found = nb.MeanOfWords()(x, np.array([[4, 2, 0], [0, 0, 0]]))
    assert keras.ops.convert_to_numpy(found).ravel().tolist() == [2, 0]


@pytest.mark.parametrize(
    "build", ["bag_of_bigrams", "convolution", "recurrent", "transformer", "gpt_reader"]
)
def test_a_network_gives_a_logit_and_does_not_read_the_padding(nb, rng, build):
    inside(nb.recurrent, SEED=0)
    end = nb.END if build == "gpt_reader" else 0
    model = nb.gpt_reader() if build == "gpt_reader" else getattr(nb, build)(50)
    rows = rng.integers(3, 50, (2, 20))
    padded = np.pad(rows, ((0, 0), (0, 12)), constant_values=end)
    short, long = (keras.ops.convert_to_numpy(model(x)) for x in (rows, padded))
    assert short.shape == (2, 1)
    if build == "convolution":  # the window after the last word holds padding: zero vectors or not
        assert np.allclose(short, long, atol=0.2)
    else:
        assert np.allclose(short, long, atol=1e-4)


def test_without_a_mask_padding_wipes_the_state_out(nb):
    inside(nb.states_apart, SEED=0)
    kept = nb.states_apart(0, mask=True)
    assert nb.states_apart(100, mask=True) == pytest.approx(kept, rel=1e-5)
    assert nb.states_apart(100, mask=False) < kept / 1e4


def test_gpt_rows_keep_the_end_of_a_review(nb):
    text = "a long story, and at its end the verdict: good"
    ids = nb.TOKENIZER.encode(text)
    rows = nb.gpt_rows([text, "ok<br />ok"], 6)
    assert rows[0].tolist() == ids[-6:] and nb.TOKENIZER.decode(ids).endswith("good")
    assert nb.END in rows[1] and "br" not in nb.TOKENIZER.decode(rows[1][:3].tolist())


# --- judging


def test_reliability_and_calibration_error_by_hand(nb):
    said, truth = np.array([0.1, 0.2, 0.9, 0.9]), np.array([0, 1, 1, 1])
    mean, true, share = nb.reliability(said, truth, num_groups=2)
    assert np.allclose(mean, [0.15, 0.9]) and np.allclose(true, [0.5, 1]) and share.sum() == 1
    assert nb.calibration_error(np.array([0.25, 0.25, 0.25, 0.25]), np.array([1, 0, 0, 0])) == 0
    assert nb.calibration_error(np.ones(4), np.zeros(4)) == 1


def test_mcnemar_is_the_exact_sign_test(nb):
    first = np.array([True] * 9 + [False] * 2 + [True] * 50)
    second = np.array([False] * 9 + [True] * 2 + [True] * 50)
    won, lost, p = nb.mcnemar(first, second)
    expected = 2 * sum(math.comb(11, k) for k in range(3)) / 2**11
    assert (won, lost) == (9, 2) and p == pytest.approx(expected)
    assert nb.mcnemar(first, first)[2] == 1


def test_the_bootstrap_agrees_with_the_formula(nb, rng):
    inside(nb.bootstrap, SEED=0)
    first, second = rng.random(4000) < 0.9, rng.random(4000) < 0.88
    gain = first.astype(int) - second
    low, high = nb.bootstrap(first, second)
    half = 1.96 * gain.std() / math.sqrt(4000)
    assert low == pytest.approx(gain.mean() - half, abs=0.1 * half)
    assert high == pytest.approx(gain.mean() + half, abs=0.1 * half)


def test_mixing_rows_up_keeps_labels_and_loses_reviews(nb, rng):
    labels = rng.integers(0, 2, 500)
    order = nb.shuffled_within(labels, seed=0)
    assert sorted(order) == list(range(500)) and np.array_equal(labels[order], labels)
    assert np.mean(order == np.arange(500)) < 0.02


def test_a_join_by_id_refuses_other_rows(nb):
    import pandas as pd

    left, right = pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"b": [3, 4]})
    assert nb.joined(left, right).shape == (2, 2)
    with pytest.raises(ValueError, match="2 rows are of other reviews"):
        nb.joined(left, right.iloc[::-1])


def test_members_are_weighted_by_the_validation_part(nb, rng):
    y_val = rng.integers(0, 2, 400)
    good, noise = np.where(y_val == 1, 0.8, 0.2), rng.random(400)
    ladder = SimpleNamespace(said={"good": np.array([0.9, 0.1]), "noise": np.array([0.1, 0.9])})
    together = inside(
        nb.together, val_said={"good": good, "noise": noise}, y_val=y_val, ladder=ladder
    )
    of_val, said = together(["good", "noise"])
    assert np.mean((of_val > 0.5) == y_val) > 0.99
    assert said[0] > 0.7 and said[1] < 0.3


def test_a_hard_review_is_read_with_the_others_of_its_film(nb):
    texts = ["I saw Zelmira.", "Then Zelmira sang.", "They like Zelmira a lot.", "So what now?"]
    found = nb.others_of_the_film(texts, np.array([0.0, 4.0, 4.0, -4.0]))
    assert found[0] > 0.7 and found[3] == 0.0, "two who liked it; no other review of that film"
    assert found[1] < found[0], "a review's own verdict is not among the others"


def test_an_encoder_from_a_folder_gives_vectors_that_do_not_depend_on_the_batch(nb, tmp_path):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("torch")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film"]
    (tmp_path / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    transformers.BertTokenizer(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.BertConfig(vocab_size=8, intermediate_size=16, **sizes)
    transformers.BertModel(config).save_pretrained(tmp_path)
    texts = ["good film", "bad", "film film film good"]
    one = nb.hub_vectors(str(tmp_path), texts, batch_size=1)
    three = nb.hub_vectors(str(tmp_path), texts, batch_size=3)
    assert one.shape == (3, 16) and np.allclose(one, three, atol=1e-5)


# --- the page, and the real reviews


def test_the_test_part_is_measured_through_the_ladder_only():
    book = nbformat.read(PATH, as_version=4)
    code = "\n".join(cell.source for cell in book.cells if cell.cell_type == "code")
    assert code.count("reviews.test") == 1 and 'test["label"]' in code
    assert code.count('test["label"]') == 1, "labels of the test part go into the ladder"


def test_the_recorded_table_meets_what_the_page_says():
    rungs = classifiers.recorded()
    assert rungs["NB-SVM"].accuracy >= 0.92 and rungs["NB-SVM"].seconds <= 120
    assert rungs["bag of bigrams"].accuracy >= 0.90 and rungs["bag of bigrams"].seconds <= 180
    assert rungs["Transformer"].accuracy >= 0.876 and rungs["Transformer"].seconds <= 600
    assert len(rungs["Transformer"].about["accuracies"]) == 3
    assert rungs["ensemble, by film"].accuracy >= 0.926
    assert rungs["ensemble, by film"].accuracy > rungs["ensemble"].accuracy + 0.003
    assert rungs["recurrent, no mask"].accuracy < rungs["recurrent"].accuracy - 0.01


@pytest.fixture(scope="module")
def bench():
    sys.path.insert(0, str(notebooks.ROOT / "benchmarks"))
    import imdb_classifiers

    return imdb_classifiers


@pytest.mark.real_data
@pytest.mark.skipif(not os.environ.get("COURSE_DATA"), reason="COURSE_DATA is not set")
def test_films_flatter_a_random_split_of_the_real_reviews(nb):
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    from helpers import data

    train = data.imdb("mirror").train.drop_duplicates("text")
    texts, labels = train["text"].tolist(), train["label"].to_numpy()
    vectors, groups = classifiers.name_vectors(texts), classifiers.films(texts)
    right = []
    for split in (StratifiedKFold, StratifiedGroupKFold):
        fold = next(split(5, shuffle=True, random_state=0).split(texts, labels, groups))
        right.append(nb.nearest_names(vectors, labels, *fold))
    assert right[0] > 0.68 and right[1] < 0.60


@pytest.mark.real_data
@pytest.mark.skipif(not os.environ.get("COURSE_DATA"), reason="COURSE_DATA is not set")
def test_nb_svm_on_the_real_reviews(bench):
    state, _ = bench.prepared(0)
    bench.run("NB-SVM", state)
    found = state["ladder"].rungs["NB-SVM"]
    assert found.accuracy >= 0.917 and found.seconds <= 180, found
    state["film_by_film"]("NB-SVM")
    assert state["ladder"].rungs["NB-SVM, by film"].accuracy >= found.accuracy + 0.003


@pytest.mark.real_data
@pytest.mark.skipif(not os.environ.get("COURSE_DATA"), reason="COURSE_DATA is not set")
def test_a_bag_of_bigrams_on_the_real_reviews(bench):
    state, _ = bench.prepared(0)
    bench.run("bag of bigrams", state)
    found = state["ladder"].rungs["bag of bigrams"]
    assert found.accuracy >= 0.897 and found.seconds <= 360, found


@pytest.mark.real_data
@pytest.mark.skipif(not os.environ.get("COURSE_DATA"), reason="COURSE_DATA is not set")
def test_the_page_runs_on_the_real_reviews(tmp_path, monkeypatch):
    home = tmp_path / "home"
    monkeypatch.setenv("COURSE_HOME", str(home))
    run = notebooks.execute(PATH, tmp_path / PATH.name, {"SOURCE": "mirror"})
    assert run.passed, run.result
    measured = json.loads(Path(home, "results.json").read_text("utf-8"))
    assert measured["15.nb_svm_accuracy"]["value"] >= 0.915
