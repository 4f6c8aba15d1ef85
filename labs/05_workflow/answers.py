"""Answers to lab 5 that a check must reject with the right hint, or accept.

They are the mistakes that people make, and right answers written another way than the master's.
"""

import math
import re

import numpy as np
from scipy.stats import binomtest
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GroupKFold,
    StratifiedGroupKFold,
    cross_val_score,
    train_test_split,
)
from sklearn.pipeline import make_pipeline

from tests.answers import right, wrong


def plain(text):
    return " ".join(text.lower().split())


# --- belongs_together


@right("belongs_together")
def by_labels_that_spread(films, texts):
    texts, groups = [plain(text) for text in texts], list(range(len(films)))
    moved = True
    while moved:
        moved = False
        for column in (films, texts):
            least = {}
            for value, group in zip(column, groups, strict=True):
                least[value] = min(group, least.get(value, group))
            new = [least[value] for value in column]
            moved, groups = moved or new != groups, new
    return groups


@right("belongs_together")
def by_a_graph(films, texts):
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    _, f = np.unique(films, return_inverse=True)
    _, t = np.unique([plain(text) for text in texts], return_inverse=True)
    size = f.max() + t.max() + 2
    links = coo_matrix((np.ones(len(f)), (f, t + f.max() + 1)), shape=(size, size))
    return connected_components(links, directed=False)[1][f]


@right("belongs_together")
def named_by_a_film(films, texts):
    names = {film: film for film in films}

    def root(film):
        while names[film] != film:
            film = names[film]
        return film

    seen = {}
    for film, text in zip(films, texts, strict=True):
        names[root(film)] = root(seen.setdefault(plain(text), film))
    return [root(film) for film in films]


@wrong("belongs_together", "film")
def films_only(films, texts):
    return films


@wrong("belongs_together", "text")
def texts_only(films, texts):
    return [plain(text) for text in texts]


@wrong("belongs_together", "exact")
def equal_texts(films, texts):
    return by_labels_that_spread(films, [hex(hash(text)) for text in texts])


def by_form(films, texts, form):
    return by_labels_that_spread(films, [hex(hash(form(text))) for text in texts])


@wrong("belongs_together", "exact")
def ends_only(films, texts):
    return by_form(films, texts, str.strip)


@wrong("belongs_together", "exact")
def small_letters_only(films, texts):
    return by_form(films, texts, str.lower)


@wrong("belongs_together", "exact")
def small_letters_and_ends(films, texts):
    return by_form(films, texts, lambda text: text.lower().strip())


@wrong("belongs_together", "exact")
def blanks_only(films, texts):
    return by_form(films, texts, lambda text: re.sub(" +", " ", text.lower().strip()))


@wrong("belongs_together", "merged")
def without_punctuation(films, texts):
    return by_form(films, texts, lambda text: plain(re.sub(r"[^\w\s]", "", text)))


@wrong("belongs_together", "merged")
def joined_words(films, texts):
    return by_form(films, texts, lambda text: "".join(text.lower().split()))


@wrong("belongs_together", "merged")
def films_in_small_letters(films, texts):
    return by_labels_that_spread([film.lower() for film in films], [f"  {t}" for t in texts])


@wrong("belongs_together", "chain")
def first_film_of_a_text(films, texts):
    first = {}
    return [first.setdefault(plain(text), film) for film, text in zip(films, texts, strict=True)]


@wrong("belongs_together", "chain")
def one_pass(films, texts):
    of_film, of_text, groups = {}, {}, []
    for film, text in zip(films, map(plain, texts), strict=True):
        group = of_film.get(film, of_text.get(text, len(groups)))
        of_film[film] = of_text[text] = group
        groups.append(group)
    return groups


@wrong("belongs_together", "merged")
def first_letters(films, texts):
    return by_labels_that_spread(films, [text.split()[0] for text in texts])


@wrong("belongs_together", "shape")
def a_group_each(films, texts):
    return sorted(set(by_labels_that_spread(films, texts)))


# --- split


@right("split")
def by_folds(groups, labels, test_share, seed):
    folds = StratifiedGroupKFold(round(1 / test_share), shuffle=True, random_state=seed)
    tries = folds.split(groups, labels, groups)
    return min(tries, key=lambda pair: uneven(pair, labels, test_share))


def uneven(pair, labels, test_share):
    train, test = (np.asarray(labels)[part] for part in pair)
    size = abs(len(test) / len(labels) - test_share)
    return size + abs(train.mean() - test.mean()) if len(test) and len(train) else 9


@right("split")
def best_of_many(groups, labels, test_share, seed):
    rng, groups = np.random.default_rng(seed), np.array(groups)
    names, best = np.unique(groups), None
    for _ in range(300):
        side = np.isin(groups, names[rng.random(len(names)) < test_share])
        pair = np.flatnonzero(~side).tolist(), np.flatnonzero(side).tolist()
        if best is None or uneven(pair, labels, test_share) < uneven(best, labels, test_share):
            best = pair
    return best


def drawn(groups, test_share, rng):
    order, test = rng.permutation(np.unique(groups)), []
    for group in order:
        if len(test) >= test_share * len(groups):
            break
        test += np.flatnonzero(np.array(groups) == group).tolist()
    return sorted(set(range(len(groups))) - set(test)), test


@wrong("split", "divided")
def rows_drawn(groups, labels, test_share, seed):
    rows = range(len(groups))
    return train_test_split(rows, test_size=test_share, stratify=labels, random_state=seed)


@wrong("split", "lopsided")
def one_draw(groups, labels, test_share, seed):
    return drawn(groups, test_share, np.random.default_rng(seed))


@wrong("split", "share")
def the_other_way_round(groups, labels, test_share, seed):
    return best_of_many(groups, labels, test_share, seed)[::-1]


@wrong("split", "rows")
def the_groups(groups, labels, test_share, seed):
    return sorted(set(groups)), []


@wrong("split", "unseeded")
def no_seed(groups, labels, test_share, seed):
    return best_of_many(groups, labels, test_share, None)


@wrong("split", "constant")
def always_42(groups, labels, test_share, seed):
    return best_of_many(groups, labels, test_share, 42)


@wrong("split", "everybody")
def global_seed(groups, labels, test_share, seed):
    np.random.seed(seed)
    return best_of_many(groups, labels, test_share, np.random.randint(1000))


@wrong("split", "type")
def truth_values(groups, labels, test_share, seed):
    train, test = best_of_many(groups, labels, test_share, seed)
    return [i in train for i in range(len(groups))], [i in test for i in range(len(groups))]


# --- early_stopping


@right("early_stopping")
def epoch_by_epoch(losses, patience, min_delta):
    best, kept = math.inf, None
    for epoch, loss in enumerate(losses):
        if best - loss > min_delta:
            best, kept = loss, epoch
        elif epoch - (-1 if kept is None else kept) >= patience:
            return epoch, kept
    return epoch, kept


@right("early_stopping")
def with_arrays(losses, patience, min_delta):
    losses = np.nan_to_num(np.array(losses), nan=np.inf)
    kept, best = -1, np.inf
    for epoch in range(len(losses)):
        if losses[epoch] + min_delta < best:
            kept, best = epoch, losses[epoch]
        if epoch - kept == patience:
            break
    return np.array([epoch, kept]) if kept >= 0 else (np.int64(epoch), None)


def stopping(losses, patience, min_delta, better, total=False, extra=0):
    best, kept, waited = math.inf, None, 0
    for epoch, loss in enumerate(losses):
        if better(loss, best):
            best, kept, waited = loss, epoch, waited if total else 0
        else:
            waited += 1
            if waited >= patience + extra:
                return epoch, kept
    return len(losses) - 1, kept


@wrong("early_stopping", "last")
def last_weights(losses, patience, min_delta):
    epoch, _ = epoch_by_epoch(losses, patience, min_delta)
    return epoch, epoch


@wrong("early_stopping", "late")
def more_than_patience(losses, patience, min_delta):
    return stopping(losses, patience, min_delta, lambda a, b: a < b - min_delta, extra=1)


@wrong("early_stopping", "total")
def patience_in_all(losses, patience, min_delta):
    return stopping(losses, patience, min_delta, lambda a, b: a < b - min_delta, total=True)


@wrong("early_stopping", "delta")
def without_delta(losses, patience, min_delta):
    return stopping(losses, patience, min_delta, lambda a, b: a < b)


@wrong("early_stopping", "delta")
def lowest_seen(losses, patience, min_delta):
    epoch, kept = epoch_by_epoch(losses, patience, min_delta)
    return epoch, None if kept is None else int(np.nanargmin(losses[: epoch + 1]))


@wrong("early_stopping", "ties")
def at_least_as_good(losses, patience, min_delta):
    return stopping(losses, patience, min_delta, lambda a, b: a <= b - min_delta)


@wrong("early_stopping", "diverged")
def nan_goes_through(losses, patience, min_delta):
    return stopping(losses, patience, min_delta, lambda a, b: not a >= b - min_delta)


@wrong("early_stopping", "diverged")
def first_is_best(losses, patience, min_delta):
    best, kept, waited = losses[0], 0, 0
    for epoch, loss in enumerate(losses[1:], 1):
        if loss < best - min_delta:
            best, kept, waited = loss, epoch, 0
        else:
            waited += 1
            if waited >= patience:
                return epoch, kept
    return len(losses) - 1, kept


@wrong("early_stopping", "future")
def lowest_of_all(losses, patience, min_delta):
    return epoch_by_epoch(losses, patience, min_delta)[0], int(np.argmin(losses))


@wrong("early_stopping", "one")
def from_one(losses, patience, min_delta):
    epoch, kept = epoch_by_epoch(losses, patience, min_delta)
    return epoch + 1, None if kept is None else kept + 1


@wrong("early_stopping", "before")
def against_the_one_before(losses, patience, min_delta):
    kept, waited = 0, 0
    for epoch in range(1, len(losses)):
        if losses[epoch] < losses[epoch - 1] - min_delta:
            kept, waited = epoch, 0
        else:
            waited += 1
            if waited >= patience:
                return epoch, kept
    return len(losses) - 1, kept


# --- tuned


@right("tuned")
def with_a_loop(settings, score):
    best, chosen = -1.0, None
    for setting in settings:
        accuracy = score(setting, "val")
        if accuracy > best:
            best, chosen = accuracy, setting
    return chosen, score(chosen, "test")


@right("tuned")
def with_argmax(settings, score):
    val = np.array([score(setting, "val") for setting in settings])
    chosen = settings[int(np.nanargmax(val))]
    return np.array([chosen, score(chosen, "test")])


@wrong("tuned", "zero")
def nan_is_zero(settings, score):
    val = np.nan_to_num([score(setting, "val") for setting in settings])
    chosen = settings[int(np.argmax(val))]
    return chosen, score(chosen, "test")


@wrong("tuned", "zero")
def more_than_zero(settings, score):
    best, chosen = 0, None
    for setting in settings:
        accuracy = score(setting, "val")
        if accuracy > best:
            best, chosen = accuracy, setting
    return chosen, score(chosen, "test")


@wrong("tuned", "zero")
def more_than_zero_if_any(settings, score):
    val = {setting: score(setting, "val") for setting in settings}
    chosen = max((s for s in settings if val[s] > 0), key=val.get, default=settings[0])
    return chosen, score(chosen, "test")


@wrong("tuned", "changed")
def sorts_in_place(settings, score):
    settings.sort()
    return with_a_loop(settings, score)


@wrong("tuned", "tie")
def sorted_first(settings, score):
    return with_a_loop(sorted(settings), score)


@wrong("tuned", "peeked")
def best_on_test(settings, score):
    figures = {setting: score(setting, "test") for setting in settings}
    chosen = max(figures, key=figures.get)
    return chosen, figures[chosen]


@wrong("tuned", "untested")
def validation_figure(settings, score):
    chosen, _ = with_a_loop(settings, score)
    return chosen, score(chosen, "val")


@wrong("tuned", "trained")
def best_on_train(settings, score):
    chosen = max(settings, key=lambda setting: score(setting, "train"))
    return chosen, score(chosen, "test")


@wrong("tuned", "tie")
def last_of_the_best(settings, score):
    val = {s: score(s, "val") for s in settings}
    best = max(v for v in val.values() if v == v)
    chosen = [s for s in settings if val[s] == best][-1]
    return chosen, score(chosen, "test")


@wrong("tuned", "diverged")
def plain_max(settings, score):
    chosen = max(settings, key=lambda setting: score(setting, "val"))
    return chosen, score(chosen, "test")


@wrong("tuned", "diverged")
def plain_argmax(settings, score):
    chosen = settings[int(np.argmax([score(setting, "val") for setting in settings]))]
    return chosen, score(chosen, "test")


@wrong("tuned", "worst")
def least(settings, score):
    chosen = min(settings, key=lambda setting: score(setting, "val"))
    return chosen, score(chosen, "test")


# --- honest_figure


def joined(batches):
    return [np.concatenate(part) for part in zip(*batches, strict=True)]


@right("honest_figure")
def by_the_library(batches, train_labels):
    said, truth = joined(batches)
    hits = int((said == truth).sum())
    found = binomtest(hits, len(truth)).proportion_ci(method="wilson")
    answer = np.bincount(train_labels).argmax()
    return np.array([hits / len(truth), found.low, found.high, np.mean(truth == answer)])


@right("honest_figure")
def by_counting(batches, train_labels):
    pairs = [pair for said, truth in batches for pair in zip(said, truth, strict=True)]
    n, p = len(pairs), sum(a == b for a, b in pairs) / len(pairs)
    middle, half = p + 1.96**2 / 2 / n, 1.96 * (p * (1 - p) / n + (0.98 / n) ** 2) ** 0.5
    answer = int(sum(train_labels) * 2 > len(train_labels))
    below = 1 + 1.96**2 / n
    liked = sum(b == answer for _, b in pairs) / n
    return p, (middle - half) / below, (middle + half) / below, liked


@wrong("honest_figure", "means")
def mean_of_means(batches, train_labels):
    _, low, high, baseline = by_the_library(batches, train_labels)
    return np.mean([np.mean(a == b) for a, b in batches if len(a)]), low, high, baseline


@wrong("honest_figure", "empty_batch")
def mean_of_all_means(batches, train_labels):
    _, low, high, baseline = by_the_library(batches, train_labels)
    weights = [len(a) for a, _ in batches]
    return np.average([np.mean(a == b) for a, b in batches], weights=weights), low, high, baseline


@wrong("honest_figure", "empty_batch")
def division_by_nothing(batches, train_labels):
    p, low, high, baseline = by_the_library(batches, train_labels)
    [sum(a == b) // len(list(a)) for a, b in batches]
    return p, low, high, baseline


@wrong("honest_figure", "wald")
def simple_interval(batches, train_labels):
    p, _, _, baseline = by_the_library(batches, train_labels)
    half = 1.96 * math.sqrt(p * (1 - p) / sum(len(a) for a, _ in batches))
    return p, p - half, p + half, baseline


@wrong("honest_figure", "batches")
def number_of_batches(batches, train_labels):
    p, _, _, baseline = by_the_library(batches, train_labels)
    n = len(batches)
    middle, half = p + 1.96**2 / 2 / n, 1.96 * (p * (1 - p) / n + (0.98 / n) ** 2) ** 0.5
    return p, (middle - half) / (1 + 1.96**2 / n), (middle + half) / (1 + 1.96**2 / n), baseline


@wrong("honest_figure", "narrow")
def ninety_percent(batches, train_labels):
    said, truth = joined(batches)
    hits = int((said == truth).sum())
    found = binomtest(hits, len(truth)).proportion_ci(0.9, method="wilson")
    return hits / len(truth), found.low, found.high, by_the_library(batches, train_labels)[3]


@wrong("honest_figure", "own")
def majority_of_test(batches, train_labels):
    p, low, high, _ = by_the_library(batches, train_labels)
    liked = joined(batches)[1].mean()
    return p, low, high, max(liked, 1 - liked)


@wrong("honest_figure", "share")
def share_in_train(batches, train_labels):
    p, low, high, _ = by_the_library(batches, train_labels)
    return p, low, high, np.bincount(train_labels).max() / len(train_labels)


@wrong("honest_figure", "percent")
def in_percent(batches, train_labels):
    return 100 * by_the_library(batches, train_labels)


# --- rescued


def bag(c=0.1):
    return make_pipeline(
        CountVectorizer(binary=True, min_df=3), LogisticRegression(C=c, solver="liblinear")
    )


@right("rescued")
def by_film(texts, labels, films):
    groups = by_labels_that_spread(films, texts)
    claimed = cross_val_score(bag(), texts, labels, groups=groups, cv=GroupKFold(10)).mean()
    return bag().fit(texts, labels).predict, claimed


@right("rescued")
def once_each_and_other_weights(texts, labels, films):
    keep = list({plain(text): row for row, text in enumerate(texts)}.values())
    texts, labels, films = ([column[row] for row in keep] for column in (texts, labels, films))
    model = make_pipeline(TfidfVectorizer(min_df=3), LogisticRegression(C=1.0))
    claimed = cross_val_score(model, texts, labels, groups=films, cv=GroupKFold(5)).mean()
    model.fit(texts, labels)
    return (lambda new: [int(answer) for answer in model.predict(new)]), float(claimed)


@wrong("rescued", "flattered")
def rows_at_random(texts, labels, films):
    return bag(1).fit(texts, labels).predict, cross_val_score(bag(1), texts, labels, cv=5).mean()


@wrong("rescued", "flattered")
def on_train(texts, labels, films):
    model = bag().fit(texts, labels)
    return model.predict, model.score(texts, labels)


@wrong("rescued", "modest")
def says_a_half(texts, labels, films):
    return bag().fit(texts, labels).predict, 0.5


@wrong("rescued", "unsteady")
def always_claims_the_same(texts, labels, films):
    return bag().fit(texts, labels).predict, 0.8


@wrong("rescued", "modest")
def careless_and_a_constant(texts, labels, films):
    own = CountVectorizer(binary=True)
    model = LogisticRegression(C=0.1, solver="liblinear").fit(own.fit_transform(texts), labels)
    return (lambda new: model.predict(own.transform(new))), 0.75


@wrong("rescued", "weak")
def always_the_same(texts, labels, films):
    return (lambda new: [1] * len(new)), float(np.mean(labels))


@wrong("rescued", "length")
def one_answer(texts, labels, films):
    return (lambda new: [1]), 0.6


@wrong("rescued", "type")
def figure_first(texts, labels, films):
    predict, claimed = by_film(texts, labels, films)
    return claimed, predict
