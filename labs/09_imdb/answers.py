"""Answers to lab 9 that a check must reject with the right hint, or accept.

They are the mistakes that people make, and right answers written another way than the master's.
"""

import html
import math
import re
import unicodedata
from collections import Counter

from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from tests.answers import right, wrong

# --- normal_label


@right("normal_label")
def by_a_table(value):
    known = {"1": 1, "1.0": 1, "pos": 1, "positive": 1, "0": 0, "0.0": 0, "neg": 0, "negative": 0}
    return known.get(str(value).strip().lower())


@right("normal_label")
def by_a_pattern(value):
    text = str(value).strip()
    if re.fullmatch(r"1(\.0)?|pos(itive)?", text, re.I):
        return 1.0
    return False + 0 if re.fullmatch(r"0(\.0)?|neg(ative)?", text, re.I) else None


@wrong("normal_label", "zero")
def empty_means_none(value):
    return by_a_table(value) if value else None


@wrong("normal_label", "forms")
def without_strip(value):
    return by_a_table(value) if str(value) == str(value).strip() else None


@wrong("normal_label", "forms")
def without_lower(value):
    return by_a_table(value) if str(value) == str(value).lower() else None


@wrong("normal_label", "decimal")
def no_decimals(value):
    return None if "." in str(value) else by_a_table(value)


@wrong("normal_label", "guessed")
def first_letter(value):
    text = str(value).strip().lower()[:1]
    return 1 if text in ("1", "p") else 0 if text in ("0", "n") else None


@wrong("normal_label", "guessed")
def all_else_is_bad(value):
    return int(by_a_table(value) == 1)


@wrong("normal_label", "swapped")
def swapped(value):
    label = by_a_table(value)
    return None if label is None else 1 - label


@wrong("normal_label", "unknown")
def short_forms_only(value):
    return None if "itive" in str(value) else by_a_table(value)


# --- clean


def repaired(text):
    try:
        return text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return text


def unescaped(text):
    while html.unescape(text) != text:
        text = html.unescape(text)
    return text


def without_controls(text, gap=""):
    return re.sub("[\x00-\x08\x0e-\x1b\x7f\u200b\ufeff]", gap, text)


MARK = r"<[a-zA-Z/!][^>]*>"


@right("clean")
def step_by_step(text):
    text = re.sub(MARK, "\n", unescaped(text))
    text = repaired(without_controls(text))
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", text)).strip()


@right("clean")
def other_order(text):
    kept = [c for c in text if unicodedata.category(c) != "Cc" or c.isspace()]
    kept = [c for c in kept if c not in "\u200b\ufeff"]
    text = unescaped(repaired("".join(kept)))
    text = re.sub(r"<!--.*?-->|</?[a-z][^<>]*>", " ", text, flags=re.I | re.S)
    return unicodedata.normalize("NFC", " ".join(text.split()))


@wrong("clean", "damaged")
def in_small_letters(text):
    return step_by_step(text).lower()


@wrong("clean", "damaged")
def letters_only(text):
    return re.sub(r"[^\w\s]", "", step_by_step(text))


@wrong("clean", "damaged")
def ascii_only(text):
    return unicodedata.normalize("NFKD", step_by_step(text)).encode("ascii", "ignore").decode()


@wrong("clean", "damaged")
def letters_thrown_away(text):
    text = re.sub(MARK, " ", unescaped(text))
    text = without_controls(text).encode("cp1252", "ignore").decode("utf-8", "ignore")
    return unicodedata.normalize("NFC", " ".join(text.split()))


@wrong("clean", "upset")
def always_repaired(text):
    text = re.sub(MARK, " ", unescaped(text))
    return " ".join(without_controls(text).encode("cp1252").decode("utf-8").split())


@wrong("clean", "entities")
def no_entities(text):
    text = repaired(without_controls(re.sub(MARK, " ", text)))
    return unicodedata.normalize("NFC", " ".join(text.split()))


@wrong("clean", "twice")
def unescaped_once(text):
    text = repaired(without_controls(re.sub(MARK, " ", html.unescape(text))))
    return unicodedata.normalize("NFC", " ".join(text.split()))


@wrong("clean", "marks")
def line_breaks_only(text):
    return step_by_step(text.replace("<br />", " ").replace("<", "< "))


@wrong("clean", "marks")
def marks_before_entities(text):
    text = repaired(without_controls(unescaped(re.sub(MARK, " ", text))))
    return unicodedata.normalize("NFC", " ".join(text.split()))


@wrong("clean", "glued")
def nothing_in_its_place(text):
    return step_by_step(re.sub(MARK, "", unescaped(text)))


@wrong("clean", "less")
def everything_between(text):
    return step_by_step(re.sub(r"<[^>]*>", " ", unescaped(text)))


@wrong("clean", "mojibake")
def no_repair(text):
    text = without_controls(re.sub(MARK, " ", unescaped(text)))
    return unicodedata.normalize("NFC", " ".join(text.split()))


@wrong("clean", "mojibake")
def blanks_first(text):
    return step_by_step(" ".join(without_controls(unescaped(text)).split()))


@wrong("clean", "mojibake")
def repaired_too_early(text):
    return no_repair(repaired(text))


@wrong("clean", "controls")
def controls_kept(text):
    text = re.sub(MARK, " ", unescaped(text))
    return unicodedata.normalize("NFC", " ".join(repaired(text).split()))


@wrong("clean", "controls")
def holes(text):
    return step_by_step(without_controls(text, " "))


@wrong("clean", "composed")
def not_composed(text):
    text = repaired(without_controls(re.sub(MARK, " ", unescaped(text))))
    return " ".join(text.split())


@wrong("clean", "composed")
def taken_apart(text):
    return unicodedata.normalize("NFD", step_by_step(text))


@wrong("clean", "compat")
def composed_too_far(text):
    return unicodedata.normalize("NFKC", step_by_step(text))


@wrong("clean", "formats")
def all_formats_gone(text):
    return step_by_step("".join(c for c in text if unicodedata.category(c) != "Cf"))


@wrong("clean", "again")
def repaired_until_the_end(text):
    return repaired(step_by_step(text))


@wrong("clean", "blanks")
def line_ends_are_controls(text):
    return step_by_step("".join(c for c in unescaped(text) if unicodedata.category(c) != "Cc"))


@wrong("clean", "blanks")
def no_break_spaces_kept(text):
    text = re.sub("[ \t\r\n]+", " ", repaired(without_controls(re.sub(MARK, " ", unescaped(text)))))
    return unicodedata.normalize("NFC", text).strip()


@wrong("clean", "blanks")
def ends_only(text):
    text = repaired(without_controls(re.sub(MARK, " ", unescaped(text))))
    return unicodedata.normalize("NFC", text).strip()


# --- near_doubles


def runs(text, pattern=r"\w+", number=3):
    words = re.findall(pattern, text.lower())
    return {" ".join(words[i : i + number]) for i in range(max(1, len(words) - number + 1))} - {""}


def pairs_of(texts, alike):
    places = range(len(texts))
    return [(i, j) for i in places for j in places if i < j and alike(texts[i], texts[j])]


def contained(a, b, threshold, runs=runs, below=min):
    a, b = runs(a), runs(b)
    return bool(a and b) and len(a & b) / below(len(a), len(b)) >= threshold


@right("near_doubles")
def all_with_all(texts, threshold):
    return pairs_of(texts, lambda a, b: contained(a, b, threshold))


@right("near_doubles")
def by_an_index(texts, threshold):
    sets, where, shared = [runs(text) for text in texts], {}, {}
    for i, own in enumerate(sets):
        for run in own:
            for earlier in where.setdefault(run, []):
                shared[earlier, i] = shared.get((earlier, i), 0) + 1
            where[run].append(i)
    size = [len(own) for own in sets]
    return {(i, j) for (i, j), n in shared.items() if n / min(size[i], size[j]) >= threshold}


@wrong("near_doubles", "jaccard")
def by_jaccard(texts, threshold):
    def alike(a, b):
        a, b = runs(a), runs(b)
        return bool(a and b) and len(a & b) / len(a | b) >= threshold

    return pairs_of(texts, alike)


@wrong("near_doubles", "larger")
def by_the_longer(texts, threshold):
    return pairs_of(texts, lambda a, b: contained(a, b, threshold, below=max))


@wrong("near_doubles", "larger")
def by_the_first(texts, threshold):
    return pairs_of(texts, lambda a, b: contained(a, b, threshold, below=lambda first, _: first))


@wrong("near_doubles", "case")
def as_written(texts, threshold):
    def own(text):
        return runs(re.sub("([A-Z])", r"\1_", text))

    return pairs_of(texts, lambda a, b: contained(a, b, threshold, own))


@wrong("near_doubles", "words")
def by_words(texts, threshold):
    def own(text):
        return runs(text, number=1)

    return pairs_of(texts, lambda a, b: contained(a, b, threshold, own))


def pairs_by(texts, threshold, own):
    return pairs_of(texts, lambda a, b: contained(a, b, threshold, own))


@wrong("near_doubles", "length")
def runs_of_two(texts, threshold):
    return pairs_by(texts, threshold, lambda text: runs(text, number=2))


@wrong("near_doubles", "length")
def runs_of_four(texts, threshold):
    return pairs_by(texts, threshold, lambda text: runs(text, number=4))


@wrong("near_doubles", "last")
def last_run_dropped(texts, threshold):
    def own(text):
        words = re.findall(r"\w+", text.lower())
        starts = range(max(1, len(words) - 3)) if words else ()
        return {tuple(words[i : i + 3]) for i in starts}

    return pairs_by(texts, threshold, own)


def listed(text):
    words = re.findall(r"\w+", text.lower())
    return [tuple(words[i : i + 3]) for i in range(max(1, len(words) - 2))] if words else []


@wrong("near_doubles", "bag")
def repeated_runs_count(texts, threshold):
    def alike(a, b):
        a, b = Counter(listed(a)), Counter(listed(b))
        return bool(a and b) and (a & b).total() / min(a.total(), b.total()) >= threshold

    return pairs_of(texts, alike)


@wrong("near_doubles", "bag")
def divided_by_a_list(texts, threshold):
    def alike(a, b):
        a, b = listed(a), listed(b)
        return bool(a and b) and len(set(a) & set(b)) / min(len(a), len(b)) >= threshold

    return pairs_of(texts, alike)


@wrong("near_doubles", "punctuation")
def by_blanks(texts, threshold):
    def own(text):
        return runs(text, r"\S+")

    return pairs_of(texts, lambda a, b: contained(a, b, threshold, own))


@wrong("near_doubles", "threshold")
def above_only(texts, threshold):
    return all_with_all(texts, threshold + 1e-9)


@wrong("near_doubles", "selves")
def both_ways(texts, threshold):
    found = all_with_all(texts, threshold)
    return found + [(j, i) for i, j in found]


@wrong("near_doubles", "short")
def long_ones_only(texts, threshold):
    return pairs_of(texts, lambda a, b: min(len(re.findall(r"\w+", t)) for t in (a, b)) > 2
                    and contained(a, b, threshold))  # fmt: skip


@wrong("near_doubles", "nothing")
def bare_division(texts, threshold):
    def alike(a, b):
        a, b = runs(a), runs(b)
        return len(a & b) / min(len(a), len(b)) >= threshold

    return pairs_of(texts, alike)


# --- settled


def plain(text):
    return " ".join(text.lower().split())


@right("settled")
def by_votes(texts, labels):
    votes, place = {}, {}
    for i, (text, label) in enumerate(zip(map(plain, texts), labels, strict=True)):
        place.setdefault(text, i)
        votes[text] = votes.get(text, 0) + {1: 1, 0: -1, None: 0}[label]
    return [(place[text], int(vote > 0)) for text, vote in votes.items() if vote]


@right("settled")
def with_pandas(texts, labels):
    import pandas as pd

    frame = pd.DataFrame({"text": map(plain, texts), "label": labels})
    frame["label"] = frame["label"].astype(float)
    frame["row"] = range(len(frame))
    found = frame.groupby("text").agg(row=("row", "first"), mean=("label", "mean"))
    found = found[found["mean"].notna() & (found["mean"] != 0.5)].sort_values("row")
    return found.assign(label=found["mean"] > 0.5)[["row", "label"]].to_numpy().tolist()


@wrong("settled", "first")
def first_label(texts, labels):
    kept = {}
    for i, (text, label) in enumerate(zip(map(plain, texts), labels, strict=True)):
        if label is not None:
            kept.setdefault(text, (i, label))
    places = [list(map(plain, texts)).index(text) for text in kept]
    return sorted((p, label) for p, (_, label) in zip(places, kept.values(), strict=True))


@wrong("settled", "first")
def last_label(texts, labels):
    keys, kept = list(map(plain, texts)), {}
    for text, label in zip(keys, labels, strict=True):
        if label is not None:
            kept[text] = label
    return sorted((keys.index(text), label) for text, label in kept.items())


def by_mean(texts, labels, key=plain, missing=False, tie=None, whole=False):
    keys, kept = [key(text) for text in texts], []
    for place, text in enumerate(keys):
        if keys.index(text) != place:
            continue
        own = [b for a, b in zip(keys, labels, strict=True) if a == text]
        own = [b or 0 for b in own] if missing else [b for b in own if b is not None]
        mean = sum(own) / len(own) if own else 0.5
        if mean == 0.5:
            kept += [(place, tie)] if own and tie is not None else []
        elif not whole or mean in (0, 1):
            kept.append((place, int(mean > 0.5)))
    return kept


@wrong("settled", "tie")
def ties_are_good(texts, labels):
    return by_mean(texts, labels, tie=1)


@wrong("settled", "tie")
def ties_are_bad(texts, labels):
    return by_mean(texts, labels, tie=0)


@wrong("settled", "unanimous")
def all_must_agree(texts, labels):
    return by_mean(texts, labels, whole=True)


@wrong("settled", "zero")
def missing_is_zero(texts, labels):
    return by_mean(texts, labels, missing=True)


@wrong("settled", "exact")
def exact_texts(texts, labels):
    return by_mean(texts, labels, key=str)


@wrong("settled", "exact")
def small_letters_only(texts, labels):
    return by_mean(texts, labels, key=str.lower)


@wrong("settled", "exact")
def small_letters_and_ends(texts, labels):
    return by_mean(texts, labels, key=lambda text: text.lower().strip())


@wrong("settled", "exact")
def blanks_only(texts, labels):
    return by_mean(texts, labels, key=lambda text: re.sub(" +", " ", text.lower().strip()))


@wrong("settled", "merged")
def without_spaces(texts, labels):
    return by_mean(texts, labels, key=lambda text: "".join(text.lower().split()))


@wrong("settled", "merged")
def without_punctuation(texts, labels):
    return by_mean(texts, labels, key=lambda text: plain(re.sub(r"[^\w\s]", "", text)))


@wrong("settled", "position")
def labelled_rows_only(texts, labels):
    rows = [i for i, label in enumerate(labels) if label is not None]
    found = by_mean([texts[i] for i in rows], [labels[i] for i in rows])
    return [(rows[i], label) for i, label in found]


@wrong("settled", "order")
def sorted_by_text(texts, labels):
    return sorted(by_mean(texts, labels), key=lambda pair: (pair[1], -pair[0]))


# --- purged


@right("purged")
def one_by_one(train_texts, test_texts, threshold):
    return [i for i, text in enumerate(train_texts)
            if not any(contained(text, other, threshold) for other in test_texts)]  # fmt: skip


@right("purged")
def in_one_list(train_texts, test_texts, threshold):
    number = len(train_texts)
    pairs = all_with_all([*train_texts, *test_texts], threshold)
    return sorted(set(range(number)) - {i for i, j in pairs if j >= number})


@wrong("purged", "inside")
def every_double(train_texts, test_texts, threshold):
    number = len(train_texts)
    pairs = all_with_all([*train_texts, *test_texts], threshold)
    return sorted(set(range(number)) - {i for pair in pairs for i in pair})


@wrong("purged", "threshold")
def at_the_threshold(train_texts, test_texts, threshold):
    return one_by_one(train_texts, test_texts, threshold + 1e-9)


@wrong("purged", "inside")
def exact_doubles_too(train_texts, test_texts, threshold):
    kept = one_by_one(train_texts, test_texts, threshold)
    return [i for i in kept if train_texts[i] not in train_texts[:i]]


@wrong("purged", "leaks")
def equal_texts_only(train_texts, test_texts, threshold):
    known = {plain(text) for text in test_texts}
    return [i for i, text in enumerate(train_texts) if plain(text) not in known]


@wrong("purged", "positions")
def those_that_leak(train_texts, test_texts, threshold):
    kept = one_by_one(train_texts, test_texts, threshold)
    return [i for i in range(len(train_texts)) if i not in kept]


@wrong("purged", "leaks")
def test_is_cut(train_texts, test_texts, threshold):
    return list(range(len(train_texts)))


# --- predict


def rows_of(texts, labels, clean):
    rows = [
        (clean(t), by_a_table(b)) for t, b in zip(texts, labels, strict=True) if t and t.strip()
    ]
    kept = by_mean(*zip(*rows, strict=True))
    return [rows[i][0] for i, _ in kept], [label for _, label in kept]


def bag(**about):
    return make_pipeline(CountVectorizer(**about), LogisticRegression(solver="liblinear"))


@right("predict")
def clean_bag(train_texts, train_labels, texts):
    return bag(binary=True).fit(*rows_of(train_texts, train_labels, step_by_step)).predict(texts)


@right("predict")
def weighted(train_texts, train_labels, texts):
    own = TfidfVectorizer(sublinear_tf=True, min_df=2)
    model = make_pipeline(own, LogisticRegression(C=10, solver="liblinear"))
    model.fit(*rows_of(train_texts, train_labels, other_order))
    return [int(answer) for answer in model.predict(texts)]


@wrong("predict", "worse")
def as_it_comes(train_texts, train_labels, texts):
    rows = [(t or "", by_a_table(b)) for t, b in zip(train_texts, train_labels, strict=True)]
    rows = [(t, b) for t, b in rows if b is not None]
    return bag().fit(*zip(*rows, strict=True)).predict(texts)


@wrong("predict", "worse")
def always_one(train_texts, train_labels, texts):
    return [1] * len(texts)


@wrong("predict", "worse")
def site_names_kept(train_texts, train_labels, texts):
    own = {"ngram_range": (1, 2)}
    return bag(**own).fit(*rows_of(train_texts, train_labels, html.unescape)).predict(texts)


@wrong("predict", "near_baseline")
def counts_of_words(train_texts, train_labels, texts):
    return bag().fit(*rows_of(train_texts, train_labels, step_by_step)).predict(texts)


@wrong("predict", "upside_down")
def upside_down(train_texts, train_labels, texts):
    return 1 - clean_bag(train_texts, train_labels, texts)


@wrong("predict", "length")
def for_the_train_texts(train_texts, train_labels, texts):
    return [by_a_table(label) or 0 for label in train_labels]


@wrong("predict", "length")
def logits(train_texts, train_labels, texts):
    return [math.pi] * len(texts)
