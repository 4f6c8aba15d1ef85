"""Answers to lab 11 that a check must reject with the right hint, or accept.

They are the mistakes that people make, and right answers written another way than the master's.
"""

import itertools
import math
from collections import Counter

import numpy as np

from tests.answers import right, wrong

# --- ctc_segments


@right("ctc_segments")
def by_groups(path, blank):
    out, place = [], 0
    for token, group in itertools.groupby(path):
        length = len(list(group))
        if token != blank:
            out.append([token, place, place + length])
        place += length
    return np.array(out, dtype=int).reshape(-1, 3)


@right("ctc_segments")
def by_state(path, blank):
    out, before = [], blank
    for frame, token in enumerate(path):
        if token != blank:
            if token == before:
                out[-1] = (token, out[-1][1], frame + 1)
            else:
                out.append((token, frame, frame + 1))
        before = token
    return out


@wrong("ctc_segments", "doubles")
def blanks_out_first(path, blank):
    out = []
    for frame, token in enumerate(path):
        if token == blank:
            continue
        if out and out[-1][0] == token:
            out[-1] = (token, out[-1][1], frame + 1)
        else:
            out.append((token, frame, frame + 1))
    return out


@wrong("ctc_segments", "doubles")
def merged_without_blanks(path, blank):
    return by_groups([token for token in path if token != blank], blank)


@wrong("ctc_segments", "blanks")
def blanks_kept(path, blank):
    return by_groups(path, -1)


@wrong("ctc_segments", "blanks")
def blank_is_zero(path, blank):
    return by_groups(path, 0)


@wrong("ctc_segments", "repeats")
def each_frame(path, blank):
    return [(token, frame, frame + 1) for frame, token in enumerate(path) if token != blank]


@wrong("ctc_segments", "inclusive")
def last_frame(path, blank):
    return [(token, start, end - 1) for token, start, end in by_state(path, blank)]


@wrong("ctc_segments", "frames")
def counted_from_one(path, blank):
    return [(token, start + 1, end + 1) for token, start, end in by_state(path, blank)]


@wrong("ctc_segments", "frames")
def lengths(path, blank):
    return [(token, start, end - start) for token, start, end in by_state(path, blank)]


@wrong("ctc_segments", "type")
def tokens_only(path, blank):
    return [token for token, _, _ in by_state(path, blank)]


# --- nucleus


@right("nucleus")
def row_by_row(probabilities, top_p):
    rows = []
    for row in probabilities.tolist():
        total, least = 0.0, 0.0
        for least in sorted(row, reverse=True):
            total += least
            if total >= top_p:
                break
        kept = [p if p >= least else 0.0 for p in row]
        rows.append([p / sum(kept) for p in kept])
    return rows


@right("nucleus")
def by_what_is_likelier(probabilities, top_p):
    p = np.asarray(probabilities)
    likelier = (p[:, None, :] * (p[:, None, :] > p[:, :, None])).sum(axis=-1)
    kept = np.where(likelier < top_p, p, 0)
    return (kept / kept.sum(axis=1, keepdims=True)).astype("float32")


def cut_off(rows, top_p, short=False, scale=True):
    order = np.argsort(-rows, axis=-1, kind="stable")
    falling = np.take_along_axis(rows, order, -1)
    sums = np.cumsum(falling, -1)
    keep = sums <= top_p if short else sums - falling < top_p
    kept = np.zeros_like(rows)
    np.put_along_axis(kept, order, np.where(keep, falling, 0.0), -1)
    total = np.maximum(kept.sum(-1, keepdims=True), 1e-12)
    return kept / total if scale else kept


@wrong("nucleus", "ties")
def as_in_the_notebook(probabilities, top_p):
    return cut_off(probabilities, top_p)


@wrong("nucleus", "short")
def up_to_the_line(probabilities, top_p):
    return cut_off(probabilities, top_p, short=True)


@wrong("nucleus", "over")
def more_than(probabilities, top_p):
    rows = []
    for row in probabilities:
        falling = np.sort(row)[::-1]
        least = falling[(np.cumsum(falling) - falling) <= top_p][-1]
        rows.append(np.where(row >= least, row, 0.0))
    return np.array(rows) / np.sum(rows, axis=-1, keepdims=True)


@wrong("nucleus", "over")
def more_than_without_ties(probabilities, top_p):
    rows = []
    for row in probabilities:
        falling = np.sort(row)[::-1]
        least = falling[(np.cumsum(falling) > top_p).argmax() if top_p < 1 else -1]
        rows.append(np.where(row >= least, row, 0.0))
    return np.array(rows) / np.sum(rows, axis=-1, keepdims=True)


@wrong("nucleus", "scale")
def not_scaled(probabilities, top_p):
    least = np.where(row_by_row(probabilities, top_p), probabilities, 0.0)
    return least


@wrong("nucleus", "rows")
def all_rows_as_one(probabilities, top_p):
    flat = np.sort(probabilities.ravel())[::-1] / len(probabilities)
    least = flat[(np.cumsum(flat) - flat) < top_p][-1] * len(probabilities)
    kept = np.where(probabilities >= least - 1e-12, probabilities, 0.0)
    return kept / np.maximum(kept.sum(-1, keepdims=True), 1e-12)


@wrong("nucleus", "values")
def a_threshold(probabilities, top_p):
    kept = np.where(probabilities >= 1 - top_p, probabilities, 0.0)
    return kept / np.maximum(kept.sum(-1, keepdims=True), 1e-12)


@wrong("nucleus", "changed")
def in_its_place(probabilities, top_p):
    probabilities[np.array(row_by_row(probabilities, top_p)) == 0] = 0
    return probabilities / probabilities.sum(-1, keepdims=True)


# --- word_error_rate


def edits(a, b, swap=1):
    table = np.zeros((len(a) + 1, len(b) + 1), dtype=int)
    table[:, 0], table[0] = np.arange(len(a) + 1), np.arange(len(b) + 1)
    for i, j in itertools.product(range(len(a)), range(len(b))):
        change = table[i, j] + swap * (a[i] != b[j])
        table[i + 1, j + 1] = min(change, table[i, j + 1] + 1, table[i + 1, j] + 1)
    return int(table[-1, -1])


def pairs(references, hypotheses):
    return [(r.split(), h.split()) for r, h in zip(references, hypotheses, strict=True)]


@right("word_error_rate")
def by_table(references, hypotheses):
    both = pairs(references, hypotheses)
    return np.float32(sum(edits(*p) for p in both) / sum(len(r) for r, _ in both))


@right("word_error_rate")
def by_jiwer(references, hypotheses):
    import jiwer

    return jiwer.wer(references, hypotheses)


@wrong("word_error_rate", "mean")
def mean_of_rates(references, hypotheses):
    return np.mean([edits(r, h) / len(r) for r, h in pairs(references, hypotheses)])


@wrong("word_error_rate", "nothing")
def words_counted_each_time(references, hypotheses):
    both = pairs(references, hypotheses)
    words = sum(len(r) for r, _ in both)
    return sum(edits(r, h) / len(r) * len(r) for r, h in both) / words


@wrong("word_error_rate", "nothing")
def silence_skipped(references, hypotheses):
    both = [pair for pair in pairs(references, hypotheses) if pair[0]]
    return sum(edits(*p) for p in both) / sum(len(r) for r, _ in both)


@wrong("word_error_rate", "hypothesis")
def words_written(references, hypotheses):
    return by_table(hypotheses, references)


@wrong("word_error_rate", "longer")
def longer_of_two(references, hypotheses):
    both = pairs(references, hypotheses)
    return sum(edits(*p) for p in both) / sum(max(map(len, p)) for p in both)


@wrong("word_error_rate", "swap")
def replaced_is_two(references, hypotheses):
    both = pairs(references, hypotheses)
    return sum(edits(*p, swap=2) for p in both) / sum(len(r) for r, _ in both)


@wrong("word_error_rate", "place")
def place_by_place(references, hypotheses):
    both = pairs(references, hypotheses)
    wrong_words = sum(a != b for p in both for a, b in itertools.zip_longest(*p))
    return wrong_words / sum(len(r) for r, _ in both)


@wrong("word_error_rate", "bags")
def words_missing(references, hypotheses):
    both = pairs(references, hypotheses)
    return sum((Counter(r) - Counter(h)).total() for r, h in both) / sum(len(r) for r, _ in both)


@wrong("word_error_rate", "letters")
def letters(references, hypotheses):
    return sum(map(edits, references, hypotheses)) / sum(map(len, references))


@wrong("word_error_rate", "letters")
def letters_for_each_word(references, hypotheses):
    return sum(map(edits, references, hypotheses)) / sum(len(r.split()) for r in references)


@wrong("word_error_rate", "words")
def small_letters(references, hypotheses):
    return by_table([r.lower() for r in references], [h.lower() for h in hypotheses])


@wrong("word_error_rate", "words")
def cut_at_each_space(references, hypotheses):
    both = [(r.split(" "), h.split(" ")) for r, h in zip(references, hypotheses, strict=True)]
    return sum(edits(*p) for p in both) / sum(len(r) for r, _ in both)


@wrong("word_error_rate", "percent")
def in_percent(references, hypotheses):
    return 100 * by_table(references, hypotheses)


@wrong("word_error_rate", "capped")
def never_above_one(references, hypotheses):
    return min(1.0, by_table(references, hypotheses))


@wrong("word_error_rate", "type")
def each_sentence(references, hypotheses):
    return [edits(r, h) / max(len(r), 1) for r, h in pairs(references, hypotheses)]


# --- beam_search


def search(step, width, max_length, best, stop_early=False, every=False, lose="", again=False):
    rows, finished = [(0.0, [])], []
    for _ in range(max_length):
        new = []
        for total, tokens in rows:
            logs = np.asarray(step(tuple(tokens)))
            one = [(total + logs[t], [*tokens, t]) for t in range(len(logs))]
            new += sorted(one, key=lambda row: -row[0])[:width] if every else one
        new.sort(key=lambda row: -row[0])
        new = new if every else new[:width]
        finished += [row for row in new if row[1][-1] == 0]
        rows = new if again else [row for row in new if row[1][-1] != 0]
        if not rows or (stop_early and finished):
            break
    pool = (finished if lose != "finished" else []) + (rows if lose != "open" else [])
    return max(pool or finished or rows, key=best)[1]


def mean(row):
    return row[0] / len(row[1])


@right("beam_search")
def with_lists(step, width, max_length):
    return np.array(search(step, width, max_length, mean))


@right("beam_search")
def with_partition(step, width, max_length):
    prefixes, totals, pool = [()], np.zeros(1), []
    for _ in range(max_length):
        scores = totals[:, None] + np.stack([step(prefix) for prefix in prefixes])
        chosen = np.argsort(-scores, axis=None)[:width]
        rows, tokens = np.unravel_index(chosen, scores.shape)
        found = [(scores[r, t], (*prefixes[r], int(t))) for r, t in zip(rows, tokens, strict=True)]
        pool += [(total / len(p), p) for total, p in found if p[-1] == 0]
        still = [(total, p) for total, p in found if p[-1] != 0]
        if not still:
            return list(max(pool)[1])
        totals, prefixes = np.array([total for total, _ in still]), [p for _, p in still]
    pool += [(total / len(p), p) for total, p in zip(totals, prefixes, strict=True)]
    return max(pool)[1]


@wrong("beam_search", "greedy")
def greedily(step, width, max_length):
    tokens = []
    while len(tokens) < max_length and (not tokens or tokens[-1] != 0):
        tokens.append(int(np.argmax(step(tuple(tokens)))))
    return tokens


@wrong("beam_search", "extended")
def beyond_the_end(step, width, max_length):
    return search(step, width, max_length, mean, again=True)


@wrong("beam_search", "wide")
def width_for_each(step, width, max_length):
    return search(step, width, max_length, mean, every=True)


@wrong("beam_search", "total")
def highest_sum(step, width, max_length):
    return search(step, width, max_length, lambda row: row[0])


@wrong("beam_search", "early")
def first_finished(step, width, max_length):
    return search(step, width, max_length, mean, stop_early=True)


@wrong("beam_search", "open")
def open_forgotten(step, width, max_length):
    return search(step, width, max_length, mean, lose="open")


@wrong("beam_search", "done")
def finished_lost(step, width, max_length):
    return search(step, width, max_length, mean, lose="finished")


def searched(step, width, max_length, aside="kept", slots="free"):
    rows, done = [(0.0, ())], []
    for _ in range(max_length):
        new = [(total + log, (*t, i)) for total, t in rows for i, log in enumerate(step(t))]
        if aside != "kept":
            done += [row for row in new if row[1][-1] == 0]
        if aside == "open only":
            new = [row for row in new if row[1][-1] != 0]
        if slots == "taken":
            new, done = new + done, []
        places = width - len(done) if slots == "fewer" else width
        new = sorted(new, reverse=True)[:places]
        if aside == "kept":
            done += [row for row in new if row[1][-1] == 0]
        rows = [row for row in new if row[1][-1] != 0]
        if not rows:
            break
    return list(max(rows + done, key=mean)[1])


@wrong("beam_search", "aside")
def every_ending(step, width, max_length):
    return searched(step, width, max_length, aside="all")


@wrong("beam_search", "aside")
def every_ending_and_a_full_beam(step, width, max_length):
    return searched(step, width, max_length, aside="open only")


@wrong("beam_search", "slots")
def beam_that_shrinks(step, width, max_length):
    return searched(step, width, max_length, slots="fewer")


@wrong("beam_search", "slots")
def finished_in_the_beam(step, width, max_length):
    return searched(step, width, max_length, slots="taken")


@wrong("beam_search", "long")
def one_round_more(step, width, max_length):
    return search(step, width, max_length + 1, mean)


@wrong("beam_search", "end")
def end_taken_off(step, width, max_length):
    return [token for token in search(step, width, max_length, mean) if token != 0]


@wrong("beam_search", "type")
def with_its_score(step, width, max_length):
    return search(step, width, max_length, mean), 0.5


# --- corpus_bleu


def runs(words, n):
    return Counter(zip(*(words[i:] for i in range(n)), strict=False))


def nearest(own, others):
    return sorted(others, key=lambda n: (abs(n - own), n))[0]


def bleu(
    hypotheses,
    references,
    limit=lambda counts: max(counts),
    near=nearest,
    average=None,
    penalty=None,
):
    hits, made, own, wanted = [0] * 4, [0] * 4, 0, 0
    for hypothesis, several in zip(hypotheses, references, strict=True):
        words, others = hypothesis.split(), [one.split() for one in several]
        own, wanted = own + len(words), wanted + near(len(words), [len(one) for one in others])
        for n in range(4):
            counted = [runs(one, n + 1) for one in others]
            for run, times in runs(words, n + 1).items():
                made[n] += times
                hits[n] += min(times, limit([counts[run] for counts in counted]))
    shares = [h / max(m, 1) for h, m in zip(hits, made, strict=True)]
    if not average and 0 in shares:
        return 0
    score = average(shares) if average else math.prod(shares) ** 0.25
    return 100 * score * (penalty or (lambda r, c: math.exp(min(0, 1 - r / c))))(wanted, own)


@right("corpus_bleu")
def by_counters(hypotheses, references):
    return bleu(hypotheses, references)


@right("corpus_bleu")
def by_sacrebleu(hypotheses, references):
    from sacrebleu.metrics import BLEU

    most = max(map(len, references))
    streams = [[r[i] if i < len(r) else None for r in references] for i in range(most)]
    metric = BLEU(tokenize="none", smooth_method="none")
    return np.float64(metric.corpus_score(hypotheses, streams).score)


@wrong("corpus_bleu", "mean")
def mean_of_sentences(hypotheses, references):
    return np.mean([bleu([h], [r]) for h, r in zip(hypotheses, references, strict=True)])


@wrong("corpus_bleu", "clip")
def not_clipped(hypotheses, references):
    return bleu(hypotheses, references, limit=lambda counts: 10**9 * any(counts))


@wrong("corpus_bleu", "added")
def references_added(hypotheses, references):
    return bleu(hypotheses, references, limit=sum)


@wrong("corpus_bleu", "first")
def first_reference(hypotheses, references):
    return bleu(hypotheses, [several[:1] for several in references])


@wrong("corpus_bleu", "brevity")
def no_penalty(hypotheses, references):
    return bleu(hypotheses, references, penalty=lambda r, c: 1)


@wrong("corpus_bleu", "both")
def penalty_both_ways(hypotheses, references):
    return bleu(hypotheses, references, penalty=lambda r, c: math.exp(1 - r / c))


@wrong("corpus_bleu", "length")
def shortest(hypotheses, references):
    return bleu(hypotheses, references, near=lambda own, others: min(others))


@wrong("corpus_bleu", "length")
def mean_length(hypotheses, references):
    return bleu(hypotheses, references, near=lambda own, others: sum(others) / len(others))


@wrong("corpus_bleu", "length")
def longer_of_equally_near(hypotheses, references):
    return bleu(
        hypotheses,
        references,
        near=lambda own, others: min((abs(n - own), -n, n) for n in others)[2],
    )


@wrong("corpus_bleu", "length")
def first_of_equally_near(hypotheses, references):
    return bleu(
        hypotheses, references, near=lambda own, others: min(others, key=lambda n: abs(n - own))
    )


@wrong("corpus_bleu", "words")
def in_small_letters(hypotheses, references):
    return bleu([h.lower() for h in hypotheses], [[r.lower() for r in rs] for rs in references])


@wrong("corpus_bleu", "words")
def cut_at_spaces(hypotheses, references):
    def marked(text):
        return " ".join(word or "nothing" for word in text.split(" "))

    return bleu([marked(h) for h in hypotheses], [[marked(r) for r in rs] for rs in references])


@wrong("corpus_bleu", "arithmetic")
def plain_mean(hypotheses, references):
    return bleu(hypotheses, references, average=lambda shares: sum(shares) / 4)


@wrong("corpus_bleu", "scale")
def as_a_share(hypotheses, references):
    return bleu(hypotheses, references) / 100


@wrong("corpus_bleu", "zero")
def logarithm_of_zero(hypotheses, references):
    return bleu(
        hypotheses, references, average=lambda s: math.exp(sum(math.log(one) for one in s) / 4)
    )


@wrong("corpus_bleu", "zero")
def smoothed(hypotheses, references):
    return bleu(
        hypotheses,
        references,
        average=lambda s: math.exp(sum(math.log(one or 1e-3) for one in s) / 4),
    )


# --- choose


def risks(guesses, power=0.5):
    texts = [text.split() for text, _ in guesses]
    chances = [math.exp(power * log) for _, log in guesses]
    return [
        sum(p * edits(text, answer) for p, text in zip(chances, texts, strict=True))
        for answer in texts
    ]


@right("choose")
def nearest_to_all(guesses):
    return guesses[int(np.argmin(risks(guesses, power=0)))][0]


@right("choose")
def by_probability(guesses):
    values = risks(guesses, power=1)
    return guesses[values.index(min(values))][0]


@wrong("choose", "first")
def likeliest(guesses):
    return max(guesses, key=lambda one: one[1])[0]


@wrong("choose", "first")
def of_one_letter(guesses):
    return guesses[0][0]


@wrong("choose", "worse")
def farthest_from_all(guesses):
    return guesses[int(np.argmax(risks(guesses)))][0]


@wrong("choose", "worse")
def least_likely(guesses):
    return guesses[-1][0]


@wrong("choose", "little")
def best_of_few(guesses):
    few = guesses[: 12 if len(guesses[0][0]) % 4 == 0 else 1]
    return few[int(np.argmin(risks(few)))][0]


@wrong("choose", "type")
def with_the_score(guesses):
    return guesses[0]


@wrong("choose", "type")
def words_of_it(guesses):
    return guesses[0][0].split()
