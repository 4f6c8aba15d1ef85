"""helpers.seq2seq: rows of pairs, the model's masks and cache, and the search."""

from __future__ import annotations

import itertools

import backends
import numpy as np
import pytest

from helpers import seq2seq
from helpers.seq2seq import END, PAD, START

keras = pytest.importorskip("keras")
ops = keras.ops

SIZES = {"vocab_size": 30, "embed_dim": 16, "num_heads": 2, "num_layers": 2}


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    model = seq2seq.Seq2Seq(SIZES | {"dropout": 0.2})
    return with_large_weights(model)


def with_large_weights(model, seed=0):
    """Random weights so large that rows differ clearly, and words do not repeat for ever."""
    rng = np.random.default_rng(seed)
    model.set_weights([w + rng.normal(0, 0.3, w.shape) for w in model.get_weights()])
    return model


def texts(count, seed=0, longest=9):
    rng = np.random.default_rng(seed)
    return [rng.integers(3, 30, rng.integers(1, longest)).tolist() for _ in range(count)]


def logits(model, source, target):
    return ops.convert_to_numpy(model((np.array(source), np.array(target)), training=False))


def by_hand(model, source, length):
    """Greedy, without a cache and without a batch: the whole prefix anew for every word."""
    row = [START]
    while len(row) < length - 1:
        scores = logits(model, [[*source, END]], [row])[0, -1]
        scores[[PAD, START]] = -np.inf
        row.append(int(scores.argmax()))
        if row[-1] == END:
            return row[1:-1]
    return row[1:]


# --- rows


def test_pack_keeps_every_pair_whole_and_in_step():
    sources, targets = texts(200, 0), texts(200, 1)
    found = seq2seq.pack(sources, targets, 24, 20)
    assert found.source.shape[1] == 24 and found.target.shape == found.labels.shape
    assert found.target.shape[1] == 20 and not found.left_out
    pairs = []
    for source, target, labels in zip(*found[:3], strict=True):
        ours = split(source, END)
        theirs = split(labels, END)
        assert len(ours) == len(theirs) == (target == START).sum()
        assert np.array_equal(
            target[1:][target[1:] > END], labels[labels > END][: (target[1:] > END).sum()]
        )
        pairs += zip(ours, theirs, strict=True)
    assert sorted(pairs) == sorted(zip(map(tuple, sources), map(tuple, targets), strict=True))
    assert (found.labels != PAD).mean() > 0.8, "rows are nearly full"


def split(row, mark):
    """The texts of a row, each up to its mark."""
    found, text = [], []
    for token in row.tolist():
        if token == mark:
            found.append(tuple(text))
            text = []
        elif token != PAD:
            text.append(token)
    return found


def test_pack_leaves_out_what_is_too_long_and_says_so():
    found = seq2seq.pack([[5] * 9, [6]], [[7], [8]], 8)
    assert found.left_out == 1 and found.source[0].tolist()[:2] == [6, END]
    with pytest.raises(ValueError, match="no pair fits"):
        seq2seq.pack([[5] * 9], [[7]], 8)
    with pytest.raises(ValueError, match="1 sources, and 2 targets"):
        seq2seq.pack([[5]], [[7], [8]], 8)


# --- the model


def test_a_target_never_sees_its_future(model):
    source, target = np.array([[5, 6, 7, END]]), np.array([[START, 8, 9, 10, 11]])
    before = logits(model, source, target)
    target[:, 3:] = 20
    after = logits(model, source, target)
    assert np.allclose(before[:, :3], after[:, :3], atol=1e-5)
    assert np.abs(before[:, 3:] - after[:, 3:]).max() > 1e-2


def test_every_word_of_the_source_counts(model):
    source, target = np.array([[5, 6, 7, END]]), np.array([[START, 8]])
    before = logits(model, source, target)
    for place in range(3):
        changed = source.copy()
        changed[0, place] = 25
        assert np.abs(logits(model, changed, target) - before).max() > 1e-2


def test_padding_never_changes_a_result(model):
    source, target = np.array([[5, 6, 7, END]]), np.array([[START, 8, 9]])
    longer = np.pad(source, ((0, 0), (0, 6))), np.pad(target, ((0, 0), (0, 5)))
    before, after = logits(model, source, target), logits(model, *longer)
    assert np.allclose(before, after[:, :3], atol=1e-5)


def test_pairs_in_one_row_do_not_see_each_other(model):
    sources, targets = texts(3, 4, 6), texts(3, 5, 6)
    found = seq2seq.pack(sources, targets, 24)
    assert len(found.source) == 1, "all three in one row"
    together = logits(model, found.source, found.target)[0]
    order = [targets.index(list(text)) for text in split(found.labels[0], END)]
    alone = [logits(model, [[*sources[i], END]], [[START, *targets[i]]])[0] for i in order]
    assert np.allclose(together[: sum(map(len, alone))], np.concatenate(alone), atol=1e-4)


def test_the_loss_counts_no_padding_and_is_cross_entropy(model):
    source, target = np.array([[5, END]]), np.array([[START, 8, PAD, PAD]])
    labels = np.array([[8, END, PAD, PAD]])
    scores = logits(model, source, target)
    expected = keras.losses.sparse_categorical_crossentropy(
        labels[:, :2], scores[:, :2], from_logits=True
    )
    assert float(seq2seq.mean_nats(scores, labels)) == pytest.approx(
        float(np.mean(expected)), rel=1e-5
    )
    smooth = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    expected = float(smooth(np.eye(30)[labels[:, :2]], scores[:, :2]))
    assert float(seq2seq.mean_nats(scores, labels, 0.1)) == pytest.approx(expected, rel=1e-4)


def test_the_alignment_sums_to_one_and_ignores_padding(model):
    source, target = np.array([[5, 6, END, PAD]]), np.array([[START, 8, 9]])
    found = ops.convert_to_numpy(model.alignment(source, target))
    assert found.shape == (2, 1, 2, 3, 4)
    assert np.allclose(found.sum(-1), 1, atol=1e-5) and found[..., 3].max() < 1e-6


def test_it_learns_to_turn_a_text_round_and_is_saved_whole(tmp_path):
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    sources = [rng.integers(3, 9, 4).tolist() for _ in range(600)]
    rows = seq2seq.pack(sources, [s[::-1] for s in sources], 20, 20)
    model = seq2seq.Seq2Seq(
        SIZES | {"vocab_size": 9, "embed_dim": 32, "num_layers": 1, "dropout": 0.0}
    )
    model.compile(keras.optimizers.AdamW(5e-3), jit_compile=False)
    model.fit((rows.source, rows.target), rows.labels, epochs=30, batch_size=16, verbose=0)
    unseen = [s for s in (rng.integers(3, 9, 4).tolist() for _ in range(60)) if s not in sources]
    right = [a == b[::-1] for a, b in zip(seq2seq.translate(model, unseen, 8), unseen, strict=True)]
    assert np.mean(right) > 0.8
    model.save(tmp_path / "turned.keras")
    again = keras.models.load_model(tmp_path / "turned.keras")
    assert again.config == model.config
    assert seq2seq.translate(again, unseen, 8) == seq2seq.translate(model, unseen, 8)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"embed_dim": 0}, "embed_dim is 0"),
        ({"vocab_size": 3}, "go to marks"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"num_heads": 3}, "does not divide"),
        ({"embed_dim": 18, "num_heads": 6}, "rotary"),
    ],
)
def test_sizes_that_cannot_be_are_refused(change, told):
    with pytest.raises(ValueError, match=told):
        seq2seq.Seq2SeqConfig(**SIZES | change)


# --- the search


def test_cached_and_batched_greedy_is_greedy_by_hand(model):
    sources = texts(7, 2)
    expected = [by_hand(model, source, 12) for source in sources]
    assert len({len(row) for row in expected}) > 1, "rows end at different places"
    assert seq2seq.translate(model, sources, 12, batch_size=4) == expected


@pytest.mark.parametrize("beams", [1, 3])
def test_batched_is_one_by_one(model, beams):
    sources = texts(6, 3)
    together = seq2seq.translate(model, sources, 12, beams=beams, batch_size=8)
    alone = [seq2seq.translate(model, [s], 12, beams=beams, batch_size=1)[0] for s in sources]
    assert together == alone


def test_a_step_is_the_row_of_the_whole(model):
    source, target = np.array([[5, 6, 7, END]]), [START, 8, 9, 10]
    whole = logits(model, source, [target])[0]
    state = model.begin(ops.convert_to_tensor(source), 6)
    for place, token in enumerate(target):
        one, state = model.step(ops.convert_to_tensor([token]), place, state)
        assert np.allclose(ops.convert_to_numpy(one)[0], whole[place], atol=1e-4)


class Table:
    """A model whose next word depends on the last one only, by a table of probabilities."""

    def __init__(self, size, seed):
        rng = np.random.default_rng(seed)
        self.logs = np.log(rng.dirichlet(np.full(size, 0.5), size)).astype("float32")

    def step(self, tokens, position, state):
        """The row of the word before; the state counts the words, to see that it follows its row."""
        logs = ops.take(ops.convert_to_tensor(self.logs), tokens, axis=0)
        return logs, [state[0] * 31 + tokens]

    def score(self, ids):
        """The log-probability of a row of words, its end included."""
        row = [START, *ids, END]
        return sum(float(self.logs[a, b]) for a, b in itertools.pairwise(row))

    def found(self, length, beams, **more):
        """The words that the search finds, and their score."""
        state = [ops.zeros((beams,), "int32")]
        rows, scores = seq2seq.search(self.step, state, 1, length, beams=beams, **more)
        row = ops.convert_to_numpy(rows)[0].tolist()
        return [token for token in row if token > END], float(ops.convert_to_numpy(scores)[0])


def renormalised(table, seed):
    """A table in which the marks that are never written have no share."""
    logs = table.logs.copy()
    logs[:, [PAD, START]] = -np.inf
    table.logs = (logs - np.log(np.exp(logs).sum(-1, keepdims=True))).clip(-60).astype("float32")
    return table


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_wide_beams_find_the_best_of_all(seed, penalty):
    table = renormalised(Table(7, seed), seed)
    every = [ids for n in range(4) for ids in itertools.product(range(3, 7), repeat=n)]
    best = max(every, key=lambda ids: table.score(ids) / (len(ids) + 1) ** penalty)
    ids, score = table.found(5, 300, length_penalty=penalty)
    assert score == pytest.approx(table.score(ids), abs=1e-3)
    assert score / (len(ids) + 1) ** penalty == pytest.approx(
        table.score(best) / (len(best) + 1) ** penalty, abs=1e-3
    )


def test_one_beam_is_greedy_and_more_are_never_less_likely_here():
    for seed in range(4):
        table = renormalised(Table(7, seed), seed)
        ids, last = [], START
        while len(ids) < 5:
            last = int(table.logs[last].argmax())
            if last == END:
                break
            ids.append(last)
        found, score = table.found(8, 1)
        assert found[:5] == ids
        assert table.found(8, 200)[1] >= score - 1e-4


def test_the_penalty_favours_long_rows():
    for seed in range(4):
        table = renormalised(Table(7, seed), seed)
        lengths = [len(table.found(10, 50, length_penalty=p)[0]) for p in (0.0, 1.0, 3.0)]
        assert lengths == sorted(lengths)


@pytest.mark.parametrize(
    ("sources", "more", "told"),
    [
        ([], {}, "nothing to translate"),
        ([[]], {}, "text 0 has no tokens"),
        ([[5], [99]], {}, "text 1 holds the token 99"),
        ([[5] * 2000], {}, "2000 tokens"),
        ([[5]], {"beams": 0}, "beams is 0"),
        ([[5]], {"length": 1}, "length is 1"),
        ([[5]], {"beams": 31}, "more than the 30 tokens"),
    ],
)
def test_what_cannot_be_searched_is_refused(model, sources, more, told):
    with pytest.raises(ValueError, match=told):
        seq2seq.translate(model, sources, **more)


# --- other backends


def on_a_backend(source, target, **weights):
    """Logits and searches of a model with these weights."""
    from keras import ops

    from helpers import seq2seq

    sizes = {"vocab_size": 30, "embed_dim": 16, "num_heads": 2, "num_layers": 2}
    model = seq2seq.Seq2Seq(sizes)
    model.set_weights([weights[f"w{i}"] for i in range(len(weights))])
    logits = ops.convert_to_numpy(model((source, target)))
    rows = [[t for t in row.tolist() if t > 2] for row in source]
    found = [seq2seq.translate(model, rows, 12, beams=b, batch_size=2) for b in (1, 3)]
    padded = [row + [0] * (12 - len(row)) for each in found for row in each]
    return {"logits": logits, "found": padded}


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_same_model_on_another_backend(model, backend):
    found = seq2seq.pack(texts(5, 7, 6), texts(5, 8, 6), 8)
    source, target = found.source[:3], found.target[:3]
    weights = {f"w{i}": w for i, w in enumerate(model.get_weights())}
    ours = on_a_backend(source, target, **weights)
    theirs = backends.run(backend, on_a_backend, source=source, target=target, **weights)
    assert np.allclose(ours["logits"], theirs["logits"], atol=1e-4)
    assert np.array_equal(np.array(ours["found"]), theirs["found"])
