"""Answers to lab 6 that a check must reject with the right hint, or accept.

They are the mistakes that people make, and right answers written another way than the master's.
"""

from collections import Counter
from itertools import pairwise

import numpy as np

from helpers import labs
from tests.answers import right, wrong

# --- merge


@right("merge")
def by_stack(ids, pair, new_id):
    out, free = [], False  # free: the last token of `out` may still become a left half
    for one in ids:
        if free and (out[-1], one) == pair:
            out[-1], free = new_id, False
        else:
            out.append(one)
            free = True
    return out


@right("merge")
def as_array(ids, pair, new_id):
    left = np.array(ids, dtype=int)
    keep = np.ones(len(left), dtype=bool)
    i = 0
    while i + 1 < len(left):
        if left[i] == pair[0] and left[i + 1] == pair[1]:
            left[i], keep[i + 1] = new_id, False
            i += 1
        i += 1
    return left[keep]


@right("merge")
def by_recursion(ids, pair, new_id):
    if len(ids) < 2:
        return list(ids)
    if ids[0] == pair[0] and ids[1] == pair[1]:
        return [new_id, *by_recursion(ids[2:], pair, new_id)]
    return [ids[0], *by_recursion(ids[1:], pair, new_id)]


@wrong("merge", "overlap")
def one_place_further(ids, pair, new_id):
    out = []
    for i in range(len(ids)):
        if tuple(ids[i : i + 2]) == pair:
            out.append(new_id)
        elif i == 0 or tuple(ids[i - 1 : i + 1]) != pair:
            out.append(ids[i])
    return out


@wrong("merge", "stays")
def second_half_stays(ids, pair, new_id):
    return [new_id if tuple(ids[i : i + 2]) == pair else ids[i] for i in range(len(ids))]


@wrong("merge", "first")
def only_the_first(ids, pair, new_id):
    for i in range(len(ids) - 1):
        if (ids[i], ids[i + 1]) == pair:
            return ids[:i] + [new_id] + ids[i + 2 :]
    return ids


@wrong("merge", "right")
def from_the_right(ids, pair, new_id):
    out, i = [], len(ids) - 1
    while i >= 0:
        if i > 0 and (ids[i - 1], ids[i]) == pair:
            out.insert(0, new_id)
            i -= 2
        else:
            out.insert(0, ids[i])
            i -= 1
    return out


@wrong("merge", "last")
def without_the_last(ids, pair, new_id):
    out, i = [], 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == pair:
            out.append(new_id)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


@wrong("merge", "turned")
def either_way_round(ids, pair, new_id):
    out, i = [], 0
    while i < len(ids):
        if sorted(ids[i : i + 2]) == sorted(pair):
            out.append(new_id)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


@wrong("merge", "digits")
def replaced_as_text(ids, pair, new_id):
    joined = " ".join(map(str, ids)).replace(f"{pair[0]} {pair[1]}", str(new_id))
    return [int(one) for one in joined.split()]


@wrong("merge", "raised")
def beyond_the_end(ids, pair, new_id):
    out, i = [], 0
    while i < len(ids):
        if (ids[i], ids[i + 1]) == pair:
            out.append(new_id)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


@wrong("merge", "changed")
def in_its_place(ids, pair, new_id):
    i = 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == pair:
            ids[i : i + 2] = [new_id]
        i += 1
    return ids


@wrong("merge", "type")
def as_text(ids, pair, new_id):
    return " ".join(map(str, by_stack(ids, pair, new_id)))


# --- count_pairs


@right("count_pairs")
def by_merging(words):
    pairs = Counter()
    for ids, count in words.items():
        for pair in set(pairwise(ids)):
            pairs[pair] += count * (len(ids) - len(by_stack(ids, pair, -1)))
    return pairs


@right("count_pairs")
def with_defaults(words):
    pairs = {(a, b): 0 for ids in words for a in ids for b in ids}
    for ids, count in words.items():
        skip = False
        for i in range(1, len(ids)):
            three_equal = i > 1 and ids[i - 2] == ids[i - 1] == ids[i]
            skip = three_equal and not skip
            if not skip:
                pairs[ids[i - 1], ids[i]] += np.int64(count)
    return pairs


@wrong("count_pairs", "overlap")
def as_in_the_notebook(words):
    pairs = Counter()
    for word, count in words.items():
        for pair in pairwise(word):
            pairs[pair] += count
    return pairs


@wrong("count_pairs", "runs")
def halved_in_each_word(words):
    pairs = Counter()
    for ids, count in words.items():
        for pair, times in Counter(pairwise(ids)).items():
            pairs[pair] += count * ((times + 1) // 2 if pair[0] == pair[1] else times)
    return pairs


@wrong("count_pairs", "raised")
def by_bytes_count(words):
    pairs = Counter()
    for ids, count in words.items():
        for pair in set(pairwise(ids)):
            pairs[pair] += count * bytes(ids).count(bytes(pair))
    return pairs


@wrong("count_pairs", "unweighted")
def each_word_once(words):
    return by_merging({ids: 1 for ids in words})


@wrong("count_pairs", "once")
def once_a_word(words):
    pairs = Counter()
    for ids, count in words.items():
        for pair in set(pairwise(ids)):
            pairs[pair] += count
    return pairs


@wrong("count_pairs", "crossing")
def one_long_word(words):
    return by_merging({tuple(one for ids in words for one in ids): 1})


@wrong("count_pairs", "crossing")
def one_very_long_word(words):
    return by_merging({tuple(one for ids, n in words.items() for one in ids * n): 1})


@wrong("count_pairs", "type")
def most_common_first(words):
    return by_merging(words).most_common()


# --- train


def trained(words, num_merges, key, count=by_merging, least=2, first=256):
    words = {tuple(word): n for word, n in words.items()}
    pieces, merges = {i: bytes([i]) for i in range(256)}, []
    for new in range(first, first + num_merges):
        pairs = {p: n for p, n in count(words).items() if n >= least}
        if not pairs:
            break
        best = min(pairs, key=lambda p: key(p, pairs[p], pieces))
        merges.append(best)
        pieces[new] = pieces[best[0]] + pieces[best[1]]
        merged = Counter()
        for ids, n in words.items():
            merged[tuple(by_stack(ids, best, new))] += n
        words = merged
    return merges


def by_the_rule(pair, count, pieces):
    return -count, len(pieces[pair[0]] + pieces[pair[1]]), pair


@right("train")
def with_pieces(words, num_merges):
    return trained(words, num_merges, by_the_rule)


@right("train")
def sorted_thrice(words, num_merges):
    words = [[list(word), n] for word, n in words.items()]
    lengths, merges = [1] * 256, []
    for _ in range(num_merges):
        pairs = Counter()
        for ids, n in words:
            pairs.update(as_counts(ids, n))
        order = sorted(pairs)
        order.sort(key=lambda p: lengths[p[0]] + lengths[p[1]])
        order.sort(key=pairs.get, reverse=True)
        if not order or pairs[order[0]] < 2:
            return np.array(merges).reshape(-1, 2)
        merges.append(list(order[0]))
        for row in words:
            row[0] = by_stack(row[0], order[0], len(lengths))
        lengths.append(sum(lengths[i] for i in order[0]))
    return merges


def as_counts(ids, count):
    return by_merging({tuple(ids): count})


@wrong("train", "stale")
def counted_once(words, num_merges):
    pairs = by_merging({tuple(word): n for word, n in words.items()})
    order = sorted((p for p in pairs if pairs[p] > 1), key=lambda p: (-pairs[p], p))
    return order[:num_merges]


@wrong("train", "unweighted")
def counts_forgotten(words, num_merges):
    return trained(words, num_merges, by_the_rule, count=each_word_once)


@wrong("train", "numbers")
def after_an_end_token(words, num_merges):
    return trained(words, num_merges, by_the_rule, first=257)


@wrong("train", "rare")
def to_the_last_pair(words, num_merges):
    return trained(words, num_merges, by_the_rule, least=1)


@wrong("train", "rare")
def more_than_twice(words, num_merges):
    return trained(words, num_merges, by_the_rule, least=3)


@wrong("train", "tie")
def first_met(words, num_merges):
    return trained(words, num_merges, lambda pair, n, pieces: -n, count=first_met_count)


def first_met_count(words):
    pairs = Counter()
    for ids, n in words.items():
        own = by_merging({ids: n})
        for pair in pairwise(ids):
            pairs[pair] += own.pop(pair, 0)
    return pairs


@wrong("train", "tie")
def smaller_ids(words, num_merges):
    return trained(words, num_merges, lambda pair, n, pieces: (-n, pair))


@wrong("train", "tie")
def longer_first(words, num_merges):
    return trained(
        words,
        num_merges,
        lambda pair, n, pieces: (-n, -len(pieces[pair[0]] + pieces[pair[1]]), pair),
    )


@wrong("train", "tie")
def smaller_bytes(words, num_merges):
    def key(pair, n, pieces):
        left, right = pieces[pair[0]], pieces[pair[1]]
        return -n, len(left + right), left, right

    return trained(words, num_merges, key)


@wrong("train", "tie")
def smaller_joined_bytes(words, num_merges):
    def key(pair, n, pieces):
        token = pieces[pair[0]] + pieces[pair[1]]
        return -n, len(token), token

    return trained(words, num_merges, key)


@wrong("train", "tie")
def larger_ids(words, num_merges):
    words = {tuple(word): n for word, n in words.items()}
    sizes, merges = [1] * 256, []
    while len(merges) < num_merges and (pairs := by_merging(words)):
        best = max(pairs, key=lambda p: (pairs[p], -sizes[p[0]] - sizes[p[1]], p))
        if pairs[best] < 2:
            break
        merges.append(best)
        merged = Counter()
        for ids, n in words.items():
            merged[tuple(by_stack(ids, best, len(sizes)))] += n
        words = merged
        sizes.append(sizes[best[0]] + sizes[best[1]])
    return merges


@wrong("train", "overlap")
def old_counts(words, num_merges):
    return trained(words, num_merges, by_the_rule, count=as_in_the_notebook)


@wrong("train", "many")
def as_many_ids(words, num_merges):
    return trained(words, num_merges + 1, by_the_rule)


@wrong("train", "type")
def list_of_tokens(words, num_merges):
    pieces = [bytes([i]) for i in range(256)]
    for a, b in trained(words, num_merges, by_the_rule):
        pieces.append(pieces[a] + pieces[b])
    return pieces[256:]


# --- decode


def table_of(merges):
    table = {i: bytes([i]) for i in range(256)}
    for i, (a, b) in enumerate(merges, 256):
        table[i] = table[a] + table[b]
    return table


@right("decode")
def by_unfolding(ids, merges):
    out, todo = bytearray(), list(ids)[::-1]
    while todo:
        one = todo.pop()
        if one < 256:
            out.append(one)
        else:
            todo.extend(merges[one - 256][::-1])
    return str(out, "utf-8", "replace")


@right("decode")
def by_halves(ids, merges):
    def piece(i):
        return bytes([i]) if i < 256 else piece(merges[i - 256][0]) + piece(merges[i - 256][1])

    return b"".join(map(piece, ids)).decode(errors="replace")


@wrong("decode", "piecewise")
def token_by_token(ids, merges):
    table = table_of(merges)
    return "".join(table[i].decode(errors="replace") for i in ids)


@wrong("decode", "strict")
def without_errors(ids, merges):
    table = table_of(merges)
    return b"".join(table[i] for i in ids).decode()


@wrong("decode", "dropped")
def errors_ignored(ids, merges):
    table = table_of(merges)
    return b"".join(table[i] for i in ids).decode(errors="ignore")


@wrong("decode", "characters")
def bytes_as_characters(ids, merges):
    return "".join(map(chr, b"".join(table_of(merges)[i] for i in ids)))


@wrong("decode", "characters")
def in_latin_1(ids, merges):
    table = table_of(merges)
    return b"".join(table[i] for i in ids).decode("latin-1")


@wrong("decode", "shallow")
def bytes_of_the_pair_only(ids, merges):
    out = []
    for one in ids:
        out += [one] if one < 256 else [half for half in merges[one - 256] if half < 256]
    return bytes(out).decode(errors="replace")


@wrong("decode", "type")
def still_bytes(ids, merges):
    return b"".join(table_of(merges)[i] for i in ids)


@wrong("decode", "shallow")
def bytes_of_the_pair(ids, merges):
    pieces = [bytes([i]) if i < 256 else bytes(merges[i - 256]) for i in ids]
    return b"".join(pieces).decode("utf-8", "replace")


@wrong("decode", "raised")
def without_the_merges(ids, merges):
    table = [bytes([i]) for i in range(256)]
    return b"".join(table[i] for i in ids).decode("utf-8", "replace")


@wrong("decode", "shallow")
def one_level_only(ids, merges):
    out = []
    for one in ids:
        out += [one] if one < 256 else merges[one - 256]
    return bytes(out).decode(errors="replace")


# --- encode


@right("encode")
def merge_after_merge(text, merges):
    ids = list(text.encode())
    for number, pair in enumerate(merges):
        ids = by_stack(ids, tuple(pair), 256 + number)
    return ids


@right("encode")
def one_at_a_time(text, merges):
    ids = np.frombuffer(text.encode(), dtype=np.uint8).astype(int).tolist()
    while True:
        found = [(merges.index(p), i) for i, p in enumerate(pairwise(ids)) if p in merges]
        if not found:
            return np.array(ids, dtype=np.int32)
        rank, i = min(found)
        ids[i : i + 2] = [256 + rank]


@wrong("encode", "longest")
def longest_match(text, merges):
    table = table_of(merges)
    data, out = text.encode(), []
    while data:
        best = max((i for i in table if data.startswith(table[i])), key=lambda i: len(table[i]))
        out.append(best)
        data = data[len(table[best]) :]
    return out


@wrong("encode", "order")
def first_in_the_text(text, merges):
    ids, ranks = list(text.encode()), {p: i for i, p in enumerate(merges)}
    i = 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) in ranks:
            ids[i : i + 2] = [256 + ranks[ids[i], ids[i + 1]]]
            i = 0
        else:
            i += 1
    return ids


@wrong("encode", "latest")
def last_learnt_first(text, merges):
    ids, ranks = list(text.encode()), {p: i for i, p in enumerate(merges)}
    while known := [p for p in pairwise(ids) if p in ranks]:
        pair = max(known, key=ranks.get)
        ids = by_stack(ids, pair, 256 + ranks[pair])
    return ids


@wrong("encode", "single")
def one_walk(text, merges):
    ids, out, i = list(text.encode()), [], 0
    while i < len(ids):
        pair = tuple(ids[i : i + 2])
        out.append(256 + merges.index(pair) if pair in merges else ids[i])
        i += 2 if pair in merges else 1
    return out


@wrong("encode", "characters")
def numbers_of_characters(text, merges):
    ids = [ord(character) for character in text]
    for number, pair in enumerate(merges):
        ids = by_stack(ids, pair, 256 + number)
    return ids


@wrong("encode", "type")
def list_of_bytes(text, merges):
    table = table_of(merges)
    return [table[i] for i in merge_after_merge(text, merges)]


@wrong("encode", "values")
def ranks_as_ids(text, merges):
    return [one - 256 if one > 255 else one for one in merge_after_merge(text, merges)]


# --- choose_tokens


def learnt(words, number):
    """The tokens of byte-pair encoding, only counting anew the words that change."""
    rows = [[tuple(word), n] for word, n in words.items()]
    pairs, pieces = Counter(), [bytes([i]) for i in range(256)]
    for ids, n in rows:
        for pair in pairwise(ids):
            pairs[pair] += n
    while len(pieces) < 256 + number:
        best = min(pairs, key=lambda p: (-pairs[p], p))
        for row in rows:
            if best[0] in row[0] and best in set(pairwise(row[0])):
                for pair in pairwise(row[0]):
                    pairs[pair] -= row[1]
                row[0] = tuple(by_stack(row[0], best, len(pieces)))
                for pair in pairwise(row[0]):
                    pairs[pair] += row[1]
        pairs.pop(best, None)
        pieces.append(pieces[best[0]] + pieces[best[1]])
    return pieces[256:]


def usage(words, tokens):
    used = Counter()
    for word, n in words.items():
        for piece in labs.material("lab06").cut(word, tokens):
            used[piece] += n
    return used


@right("choose_tokens")
def few_at_a_time(words, budget):
    cut, tokens = labs.material("lab06").cut, set(learnt(words, 2 * budget))
    while len(tokens) > budget:
        used = usage(words, tokens)
        worth = {t: used[t] * (len(cut(t, tokens - {t})) - 1) for t in tokens}
        order = sorted(tokens, key=lambda t: (worth[t], t))
        tokens.difference_update(order[: min(16, len(tokens) - budget)])
    return tokens


@wrong("choose_tokens", "stones")
def byte_pair_encoding(words, budget):
    return learnt(words, budget)


@wrong("choose_tokens", "poor")
def frequent_substrings(words, budget):
    saved = Counter()
    for word, n in words.items():
        for i in range(len(word)):
            for j in range(i + 2, len(word) + 1):
                saved[word[i:j]] += n * (j - i - 1)
    return [token for token, _ in saved.most_common(budget)]


@wrong("choose_tokens", "poor")
def frequent_words(words, budget):
    return [word for word, _ in Counter(words).most_common() if len(word) > 1][:budget]


@wrong("choose_tokens", "absent")
def from_all_pages(words, budget):
    material = labs.material("lab06")
    return few_at_a_time(material.words_of(material.pages(), least=20), budget)


@wrong("choose_tokens", "poor")
def none_at_all(words, budget):
    return []


@wrong("choose_tokens", "many")
def over_the_budget(words, budget):
    return learnt(words, 2 * budget)


@wrong("choose_tokens", "texts")
def as_texts(words, budget):
    return [word.decode() for word in words][:budget]


@wrong("choose_tokens", "type")
def just_a_number(words, budget):
    return budget
