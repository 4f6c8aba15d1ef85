"""Comparing classifiers fairly: films, n-grams against scikit-learn, tests taken once."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys

import numpy as np
import pytest

from helpers import classifiers, data


@pytest.fixture(scope="module")
def sample():
    reviews = data.imdb("sample")
    return reviews.train["text"].tolist(), reviews.train["label"].to_numpy()


# --- words and names


def test_words_are_lower_case_with_marks_of_their_own():
    said = classifiers.words("It's GOOD!<br />7/10, isn't it?")
    assert said == ["it's", "good", "!", "7", "/", "10", ",", "isn't", "it", "?"]


def test_names_are_words_that_are_nearly_always_written_large():
    texts = ["Anna met Zorro. The end was good.", "the dog bit Anna", "The good, the bad"]
    found = classifiers.names(texts)
    assert found == [["anna", "zorro"], ["anna"], []]


def test_names_side_by_side_make_one_more():
    found = classifiers.names(["I saw Anna Karina there", "and Anna came"])
    assert found[0] == ["anna", "karina", "anna karina"] and found[1] == ["anna"]


def planted(num_films=12, per_film=6):
    """Reviews with a film's own names in each, and films that share an actor of many."""
    texts, film = [], []
    for number in range(num_films):
        title = "Z" + "aeioubdfgk"[number % 10] + "krtlmn"[number // 10] + "or"
        for _ in range(per_film):
            texts.append(f"so i went to see {title}, by {title}son, with {title}elle, today")
            film.append(number)
    return texts, np.array(film)


def test_planted_films_are_found_each_in_a_group_of_its_own():
    texts, film = planted()
    order = np.random.default_rng(0).permutation(len(texts))
    groups = classifiers.films([texts[i] for i in order])
    pairs = {(g, f) for g, f in zip(groups, film[order], strict=True)}
    assert len(pairs) == len(set(film)) == len(set(groups))


def test_groups_do_not_grow_beyond_the_largest():
    texts = ["we saw Anna Karina in Zorba"] * 7
    sizes = np.bincount(classifiers.films(texts, largest=3))
    assert sizes.max() <= 3 and sizes.sum() == 7
    assert np.bincount(classifiers.films(texts)).tolist() == [7]


@pytest.mark.parametrize("texts", [["one review only"], ["no", "names", "here"], ["", ""]])
def test_reviews_without_common_names_stand_alone(texts):
    assert sorted(classifiers.films(texts)) == list(range(len(texts)))


# --- n-grams


def counted_by_sklearn(longest, min_df, texts, others):
    from sklearn.feature_extraction.text import CountVectorizer

    def ngrams(text):
        found = classifiers.words(text)
        spans = [(i, k) for k in range(1, longest + 1) for i in range(len(found) - k + 1)]
        return [" ".join(found[i : i + k]) for i, k in spans]

    vectorizer = CountVectorizer(analyzer=ngrams, binary=True, min_df=min_df)
    tables = vectorizer.fit_transform(texts), vectorizer.transform(others)
    return list(vectorizer.get_feature_names_out()), *tables


@pytest.mark.parametrize("longest", [1, 2, 3])
@pytest.mark.parametrize("min_df", [1, 3])
def test_ngrams_are_those_of_scikit_learn(sample, longest, min_df):
    texts, others = sample[0][:300], sample[0][300:]
    names, expected, expected_others = counted_by_sklearn(longest, min_df, texts, others)
    ngrams = classifiers.NGrams(longest, min_df=min_df)
    found = ngrams.fit_transform(texts)
    own = {name: column for column, name in enumerate(ngrams.get_feature_names_out())}
    order = [own[name] for name in names]
    assert len(own) == len(names) == found.shape[1]
    assert (found[:, order] != expected).nnz == 0
    assert (ngrams.transform(others)[:, order] != expected_others).nnz == 0


def test_ngrams_do_not_cross_from_one_review_to_the_next():
    names = classifiers.NGrams(3, min_df=1).fit(["a b", "c d", ""]).get_feature_names_out()
    assert set(names) == {"a", "b", "c", "d", "a b", "c d"}


def test_unknown_words_and_empty_reviews_give_rows_of_zeros():
    ngrams = classifiers.NGrams(3, min_df=1).fit(["good film"])
    table = ngrams.transform(["", "unseen words", "good unseen film"])
    assert table.sum(axis=1).ravel().tolist()[0] == [0, 0, 2] and table.shape == (3, 3)


@pytest.mark.parametrize("settings", [{"longest": 4}, {"longest": 0}, {"min_df": 0}])
def test_ngrams_refuse_what_cannot_be(settings):
    with pytest.raises(ValueError, match="longest is"):
        classifiers.NGrams(**settings)


def test_transform_before_fit_is_told():
    with pytest.raises(ValueError, match="call fit first"):
        classifiers.NGrams().transform(["a"])


def test_id_rows_hold_the_columns_and_lose_some_where_too_many():
    ngrams = classifiers.NGrams(1, min_df=1)
    table = ngrams.fit_transform(["a b c d", "c"])
    rows = classifiers.id_rows(table, 3)
    assert rows.shape == (2, 3) and rows.dtype == np.int32
    assert len(set(rows[0])) == 3 and set(rows[0]) < {1, 2, 3, 4}
    assert rows[1].tolist() == [3, 0, 0]


# --- words as rows of tokens


def test_a_vocabulary_numbers_frequent_words_first():
    vocabulary = classifiers.Vocabulary(["b a b", "c b a"], size=4)
    assert vocabulary.ids == {"b": 2, "a": 3} and len(vocabulary) == 4
    assert vocabulary.encode(["a b c", ""], 4).tolist() == [[3, 2, 1, 0], [0, 0, 0, 0]]


def test_a_long_review_loses_its_middle():
    vocabulary = classifiers.Vocabulary(["a b c d e f g h"], size=10)
    row = vocabulary.encode(["a b c d e f g h"], 4)[0]
    assert row.tolist() == [vocabulary.ids[w] for w in ("a", "f", "g", "h")]
    assert vocabulary.encode(["a b c"], 2, start=2)[0].tolist() == [2, 3]


# --- the ladder


def test_a_rung_is_measured_once():
    ladder = classifiers.Ladder([0, 1, 1, 1])
    rung = ladder.score("a", [0.1, 0.9, 0.8, 0.2], seconds=2, parameters=3)
    assert rung.accuracy == 0.75 and rung.low < 0.75 < rung.high
    assert ladder.hits("a").tolist() == [True, True, True, False]
    with pytest.raises(classifiers.AlreadyScored, match="'a' was measured"):
        ladder.score("a", [0, 1, 1, 1])
    assert ladder.rungs["a"].accuracy == 0.75


@pytest.mark.parametrize("said", [[0.5], [0, 1, 2], [0, -1, 1], [0, 1, np.nan]])
def test_what_is_no_probability_is_refused_and_may_be_tried_again(said):
    ladder = classifiers.Ladder([0, 1, 1])
    with pytest.raises(ValueError, match="probabilit"):
        ladder.score("a", said)
    assert ladder.score("a", [0, 1, 1]).accuracy == 1


def test_the_interval_is_wilsons():
    hits = np.arange(400) < 320
    low, high = classifiers.interval(hits)
    for end in (low, high):
        assert abs(0.8 - end) / np.sqrt(end * (1 - end) / 400) == pytest.approx(1.96, rel=1e-3)


def test_the_table_has_a_row_a_rung():
    ladder = classifiers.Ladder([0, 1])
    ladder.score("a", [0, 1], seconds=1.25, parameters=1234)
    row = ladder.table().loc["a"]
    assert row["accuracy"] == "100.00%" and row["parameters"] == "1,234" and row["seconds"] == "1.2"


# --- networks


def small_network():
    import keras

    tokens = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(50, 8)(tokens)
    return keras.Model(tokens, keras.layers.Dense(1)(keras.layers.GlobalAveragePooling1D()(x)))


def test_a_network_is_fitted_on_its_rows_only_and_keeps_its_best_epoch():
    rng = np.random.default_rng(0)
    x, y = rng.integers(1, 50, (120, 6)), rng.integers(0, 2, 120)
    fit_rows, val_rows = np.arange(80), np.arange(80, 120)
    x[:, 0] = np.where(y == 1, 2, 3)  # what tells the label ...
    x[val_rows, 0] = np.where(y[val_rows] == 1, 3, 2)  # ... is turned around in validation
    settings = {"epochs": 4, "learning_rate": 0.1, "batch_size": 16}
    fitted = classifiers.fit_network(small_network, x, y, fit_rows, val_rows, **settings)
    scores = [epoch["val_accuracy"] for epoch in fitted.history.epochs]
    assert fitted.val_accuracy == pytest.approx(max(scores)) and max(scores) < 0.6
    assert fitted.epochs == int(np.argmax(scores)) + 1 and len(scores) == 4
    again = classifiers.fit_network(small_network, x, y, fit_rows, val_rows, **settings)
    assert np.array_equal(fitted.val_said, again.val_said)
    assert np.allclose(fitted.said(x[val_rows]), fitted.val_said)


def test_the_drawing_names_every_rung_without_covering_another(monkeypatch):
    from helpers import plots

    shown = []
    monkeypatch.setattr(plots, "show", lambda fig, alt: shown.append(fig))
    rungs = [classifiers.Rung(f"rung {i}", 0.9, 0.89, 0.91, 60 + i, 1) for i in range(5)]
    classifiers.draw(rungs, title="t", alt="a")
    texts = shown[0].axes[0].texts
    boxes = [text.get_window_extent() for text in texts]
    assert [text.get_text() for text in texts] == [rung.name for rung in rungs]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


# --- what ships


def test_the_recorded_ladder_agrees_with_the_recorded_answers():
    answers, rungs = classifiers.recorded_answers(), classifiers.recorded()
    assert len(answers) == 25_000 and answers["label"].sum() == 12_500
    for name, rung in rungs.items():
        first = np.mean((answers[name] > 0.5) == (answers["label"] == 1))
        accuracies = rung.about["accuracies"]
        assert first == pytest.approx(accuracies[0], abs=5e-4), name  # steps of 1/255
        assert rung.accuracy == pytest.approx(np.mean(accuracies), abs=1e-5), name
        assert rung.low < rung.accuracy < rung.high and rung.seconds >= 0


def test_save_recorded_adds_to_what_was_kept(tmp_path, monkeypatch):
    from helpers import runtime

    monkeypatch.setattr(runtime, "shipped", lambda: tmp_path)
    ladder = classifiers.Ladder([0, 1, 1])
    for name, said in {"a": [0, 1, 0.25], "b": [0.5, 1, 1]}.items():
        rung = ladder.score(name, said, seconds=1, accuracies=[2 / 3])
        classifiers.save_recorded({name: rung}, {name: ladder.said[name]}, ladder.labels)
    content = json.loads((tmp_path / "imdb_ladder.json").read_text("utf-8"))
    assert sorted(content["rungs"]) == ["a", "b"]
    assert classifiers.recorded_answers()["a"].tolist() == pytest.approx([0, 1, 64 / 255])
    assert classifiers.recorded()["b"].seconds == 1


def test_importing_it_is_light():
    code = (
        "import sys, helpers.classifiers; "
        "print([m for m in ('tensorflow', 'keras', 'sklearn', 'pandas', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
