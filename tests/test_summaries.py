"""helpers.summaries: ROUGE and its intervals, slots, search, and texts that readers paste."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from helpers import summaries

keras = pytest.importorskip("keras")
ops = keras.ops


# --- ROUGE


def test_rouge_is_the_package_s_and_takes_the_best_reference():
    pytest.importorskip("rouge_score")
    from rouge_score import rouge_scorer

    mine = summaries.rouge(["returns a graph"], [("no match", "Return the graph.")])
    theirs = rouge_scorer.RougeScorer(list(summaries.KINDS), use_stemmer=True)
    score = theirs.score("Return the graph.", "returns a graph")
    for kind in summaries.KINDS:
        assert mine[kind][0] == pytest.approx(100 * score[kind].fmeasure)


def test_rouge_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="1 summaries"):
        summaries.rouge(["a"], ["a", "b"])
    with pytest.raises(ValueError, match="document 0"):
        summaries.rouge(["a"], [()])


def test_the_interval_covers_the_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    ends = [summaries.interval(rng.normal(size=60), seed, 300) for seed in range(120)]
    covered = np.mean([low < 0 < high for low, high in ends])
    assert 0.87 < covered < 0.99


def test_an_interval_needs_two_values():
    with pytest.raises(ValueError, match="two documents"):
        summaries.interval([1.0])


def test_the_table_compares_on_the_same_documents():
    references = ["the size of a graph", "all nodes in order", "one more line of text"]
    scores = {
        "lead": summaries.rouge(["nothing"] * 3, references),
        "copy": summaries.rouge(references, references),
    }
    table = summaries.table(scores, "lead")
    assert table.loc["copy", ["above lead", "from", "to"]].tolist() == [100, 100, 100]
    with pytest.raises(KeyError):
        summaries.table(scores, "none")


def test_new_words_are_told_apart_by_stem():
    document = "It returns the nodes of the graph."
    assert summaries.novel("Return a node.", document) == []
    assert summaries.novel("Return the edges of a Graph 7", document) == ["edges", "7"]
    assert summaries.novelty(["Return the edges"], [document]) == (1, 2)


# --- slots


def test_slots_bring_unknown_words_back():
    coder = summaries.Words(["return the size of a graph"], 40)
    ids, slots = coder.encode("frobnitz graph quux frobnitz", 10)
    assert ids[0] == ids[3] == 4 and ids[2] == 5 and slots == ["frobnitz", "quux"]
    summary = coder.encode_summary("Return the quux of zork.", slots)
    assert coder.unknown in summary
    assert coder.decode([*summary, coder.end, ids[1]], slots) == "return the quux of"


def test_slots_do_not_overflow_and_small_vocabularies_are_refused():
    coder = summaries.Words(["a"], 8, slots=2)
    ids, slots = coder.encode("x y z", 3)
    assert ids == [4, 5, coder.unknown] and slots == ["x", "y"]
    with pytest.raises(ValueError, match="marks and slots"):
        summaries.Words(["a"], 6, slots=2)


def test_arrays_are_cut_and_filled():
    coder = summaries.Words(["return the size"], 40)
    found = summaries.arrays(coder, ["the size", "size " * 9], ["return", "size " * 9], 4, 5)
    assert found.source.shape == (2, 4) and found.target.shape == (2, 5)
    assert found.target[0].tolist() == [1, coder.ids["return"], 2, 0, 0]
    assert coder.end not in found.target[1]
    with pytest.raises(ValueError, match="shorter"):
        summaries.arrays(coder, ["a", "b"], ["a"], 4, 5)


# --- search


class Table:
    """A model whose next word depends on the last one only, by a table of probabilities."""

    def __init__(self, size: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.logs = np.log(rng.dirichlet(np.full(size, 0.5), size)).astype("float32")

    def encode(self, source):
        """Nothing to read."""
        return ops.cast(source, "float32")

    def following(self, source, read, target, place):
        """The row of the word at this place."""
        last = ops.take(target, ops.reshape(place, (1,)), axis=1)[:, 0]
        return ops.take(ops.convert_to_tensor(self.logs), last, axis=0)


@pytest.fixture(scope="module")
def coder():
    return summaries.Words(["a b c"], 9, slots=2)


def score(model, coder, ids, length):
    row = [coder.start, *ids, coder.end]
    return sum(float(model.logs[a, b]) for a, b in itertools.pairwise(row))


def test_wide_beams_find_the_best_of_all(coder):
    free = range(4, 9)
    for seed in range(5):
        model = Table(9, seed)
        every = [ids for n in range(4) for ids in itertools.product(free, repeat=n)]
        best = max(every, key=lambda ids: score(model, coder, ids, 5))
        found = summaries.search(
            model, np.zeros((1, 2), "int32"), coder, 5, beams=200, batch_size=1
        )
        assert score(model, coder, found[0], 5) == pytest.approx(
            score(model, coder, best, 5), abs=1e-4
        )


def test_one_beam_is_greedy_and_batches_change_nothing(coder):
    model = Table(9, 3)
    source = np.zeros((5, 2), "int32")
    greedy = summaries.search(model, source, coder, 6, batch_size=2)
    row, last = [], coder.start
    while len(row) < 4:
        logs = model.logs[last].copy()
        logs[[coder.pad, coder.start, coder.unknown]] = -np.inf
        last = int(logs.argmax())
        if last == coder.end:
            break
        row.append(last)
    assert greedy == [row] * 5
    assert summaries.search(model, source[:1], coder, 6, batch_size=1) == [row]


def test_content_is_written_once(coder):
    for seed in range(5):
        found = summaries.search(
            Table(9, seed), np.zeros((1, 2), "int32"), coder, 8, once=range(4, 9), beams=3,
            batch_size=1,
        )[0]  # fmt: skip
        assert len(set(found)) == len(found)


def test_search_refuses_nothing_to_search(coder):
    with pytest.raises(ValueError, match="document"):
        summaries.search(Table(9, 0), np.zeros((0, 2), "int32"), coder, 5)


# --- a text of the reader's own


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no text"),
        ("  \n\t", "no text"),
        (None, "no text"),
        ("?! ... --- 123", "no words"),
        ("\x00\x07\x1b", "no words"),
        ("今天天气很好 我们去公园散步吧", "Chinese"),
        ("Сегодня хорошая погода, и мы идём гулять в парк", "Cyrillic"),
        ("a short note", "fewer than"),
        ("x" * 10_000, "fewer than"),
        (("abc" * 100 + " ") * 9, "hardly any spaces"),
    ],
)
def test_what_cannot_be_summed_up_gets_a_sentence(text, told):
    found = summaries.answer(lambda given: pytest.fail("asked"), text)
    assert told in found and found.endswith((".", "only."))


def test_long_texts_are_cut_and_control_characters_go():
    asked = []
    text = "A word and\x07 another one here in this sentence. " * 500
    found = summaries.answer(lambda given: asked.append(given) or "short", text)
    assert found.startswith("short (Only the first 10,000")
    assert "\x07" not in asked[0] and len(asked[0]) <= summaries.MOST_CHARACTERS


def test_lines_cut_in_mid_sentence_are_joined_and_others_are_not():
    clean, problem = summaries.readable(
        "One sentence that goes\non here for long.\nAnother line is here."
    )
    assert (
        clean == "One sentence that goes on here for long.\nAnother line is here." and not problem
    )
