"""The tokenizers: there and back for any text, files that are whole or refused, errors in words."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from helpers import text
from helpers.text import BPE, Bytes, Characters, Tokenizer

SENTENCES = [
    "The list is sorted, and the list is returned.",
    "The dictionary is returned as it is; the list is not.",
    "    if the_list is not None:\n        return the_list\n",
]
ODD = "naïve 中文 标点 👩‍👩‍👧 👍🏽 \0\x07\x1b\x7f\r\n\t\u200b\u202e e\u0301 \U0010ffff <|end|>"


@pytest.fixture(scope="module")
def bpe():
    return BPE.train(SENTENCES, 300)


@pytest.fixture(params=["characters", "bytes", "bpe"])
def tokenizer(request, bpe):
    made = {"characters": Characters("".join(SENTENCES)), "bytes": Bytes(), "bpe": bpe}
    return made[request.param]


# --- there and back


@given(words=st.text())
@example(words=ODD)
@example(words="")
@example(words=" " * 50 + "\n" * 50)
@settings(deadline=None, max_examples=400)
def test_bytes_and_bpe_give_back_every_text(bpe, words):
    for each in (Bytes(), bpe):
        ids = each.encode(words)
        assert each.decode(ids) == words
        assert all(0 <= i < each.vocab_size for i in ids)
        assert b"".join(map(each.token_bytes, ids)) == words.encode()


@given(words=st.text(st.sampled_from("abAB 12'\n中👍<|end|>\u0301"), max_size=60))
@settings(deadline=None, max_examples=400)
def test_a_tokenizer_trained_on_anything_gives_everything_back(words):
    corpus = [words * 2, "a b"]
    trained = BPE.train(corpus, 280)
    for each in (*corpus, ODD):
        assert trained.decode(trained.encode(each)) == each


@given(words=st.text(st.sampled_from("".join(SENTENCES))))
@settings(deadline=None)
def test_characters_give_back_what_they_know(words):
    known = Characters("".join(SENTENCES))
    assert known.decode(known.encode(words)) == words
    assert len(known.encode(words)) == len(words)


def test_an_unknown_character_becomes_id_0_and_is_lost():
    known = Characters("abc")
    assert known.vocab_size == 4 and known.vocabulary[0] == "<unk>"
    assert known.encode("abéc") == [1, 2, 0, 3]
    assert known.decode([1, 2, 0, 3]) == "ab\N{REPLACEMENT CHARACTER}c"


def test_bytes_are_those_of_utf_8():
    assert Bytes().vocab_size == 256
    assert Bytes().encode("é中") == [0xC3, 0xA9, 0xE4, 0xB8, 0xAD]
    assert Bytes().decode([0xC3, 0xA9, 0xE4]) == "é\N{REPLACEMENT CHARACTER}"


def test_a_batch_is_each_of_its_texts(tokenizer):
    texts = [*SENTENCES, "", ODD]
    assert tokenizer.encode_batch(texts) == [tokenizer.encode(one) for one in texts]
    assert tokenizer.encode_batch(iter(texts)) == tokenizer.encode_batch(texts)
    assert tokenizer.encode_batch([]) == []


def test_ids_are_plain_numbers_and_decode_takes_arrays(tokenizer):
    ids = tokenizer.encode(SENTENCES[0])
    assert all(type(i) is int for i in ids)
    for kind in ("int32", "uint16", "int64"):
        assert tokenizer.decode(np.array(ids, dtype=kind)) == SENTENCES[0]
    assert tokenizer.decode([]) == tokenizer.decode(np.array([], dtype="int32")) == ""


def test_bytes_per_token():
    assert Bytes().bytes_per_token(ODD) == 1
    assert Characters("aé").bytes_per_token("aé") == 1.5
    trained = BPE.train(["the the the"], 260)  # "th", "the", "Ġthe": an end, 256 bytes, 3 merges
    assert trained.bytes_per_token("the the") == 3.5


# --- byte-pair encoding


def by_hand(texts, num_merges, least):
    """The merges of byte-pair encoding, counted from scratch each time."""
    from tokenizers import pre_tokenizers

    cut = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str
    words = Counter(tuple(word) for one in texts for word, _ in cut(one))
    ids = {character: i for i, character in enumerate(sorted(text.byte_characters()))}
    merges = []
    while len(merges) < num_merges:
        pairs = Counter()
        for word, count in words.items():
            for pair in itertools.pairwise(word):
                pairs[pair] += count
        pairs = {pair: count for pair, count in pairs.items() if count >= least}
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], ids[pair[0]], ids[pair[1]]))
        merges.append(best)
        ids.setdefault("".join(best), len(ids))
        words = Counter({tuple(joined(word, best)): n for word, n in words.items()})
    return merges


def joined(word, pair):
    out, i = [], 0
    while i < len(word):
        found = tuple(word[i : i + 2]) == pair
        out.append("".join(pair) if found else word[i])
        i += 2 if found else 1
    return out


@given(
    words=st.lists(st.text(st.sampled_from("abc -é中"), max_size=12), min_size=1, max_size=30),
    least=st.integers(1, 4),
)
@settings(deadline=None, max_examples=200)
def test_merges_are_those_of_an_independent_trainer(words, least):
    corpus = ["a", *words]
    trained = BPE.train(corpus, 300, min_frequency=least)
    assert trained.merges == by_hand(corpus, 300 - 257, least)


def test_ids_are_special_tokens_then_bytes_then_merges(bpe):
    assert bpe.special == {"<|end|>": 0} and bpe.end == 0
    assert bpe.decode([0]) == "<|end|>"
    assert sorted(bpe.token_bytes(i) for i in range(1, 257)) == [bytes([b]) for b in range(256)]
    assert bpe.vocab_size == 257 + len(bpe.merges)
    character = text.byte_characters()
    for i, (left, right) in enumerate(bpe.merges, start=257):
        assert bpe.token_bytes(i) == bytes(character.index(c) for c in left + right)
    for i in range(257, bpe.vocab_size):
        assert len(bpe.token_bytes(i)) >= 2


def test_the_ids_are_those_of_the_library_as_it_trained():
    """We rebuild the library's tokenizer from its merges: it must be the same one."""
    from tokenizers import Tokenizer as Library
    from tokenizers import models, pre_tokenizers, trainers

    theirs = Library(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=320, min_frequency=2, special_tokens=["<|end|>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    theirs.train_from_iterator(SENTENCES, trainer)
    ours = BPE.train(SENTENCES, 320)
    assert len(ours.merges) > 20
    for one in (*SENTENCES, "naïve 中文 👍🏽  \n  and the list"):
        assert ours.encode(one) == theirs.encode(one).ids


def test_byte_characters_are_those_of_the_library():
    from tokenizers import pre_tokenizers

    cut = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    assert sorted(text.byte_characters()) == sorted(cut.alphabet())
    for sample in ("A \n\x7f", ODD, "".join(map(chr, range(0x250)))):
        ((theirs, _),) = cut.pre_tokenize_str(sample)
        assert theirs == "".join(text.byte_characters()[byte] for byte in sample.encode())


@pytest.mark.parametrize("name", ["<|end|>", "the", "a", "é", "a b"])
def test_no_text_becomes_a_special_token(name):
    """Else whoever writes the text could end the document."""
    corpus = [f"{name} is {name} is {name} the the the"] * 5
    trained = BPE.train(corpus, 300, special=("<x>", name))
    assert trained.special == {"<x>": 0, name: 1}
    ids = trained.encode(corpus[0])
    assert min(ids) >= 2 and trained.decode(ids) == corpus[0]
    assert trained.decode([1, *trained.encode("the")]) == f"{name}the"


def test_the_order_of_texts_and_the_form_of_the_corpus_do_not_matter():
    once = BPE.train(SENTENCES, 320).merges
    assert once == BPE.train(reversed(SENTENCES), 320).merges
    assert once == BPE.train(SENTENCES, np.int64(320)).merges
    assert once == BPE.train((one for one in [*SENTENCES, ""]), 320).merges


def test_a_small_corpus_gives_a_smaller_vocabulary():
    trained = BPE.train(["ab ab cd"], 1_000)
    assert trained.merges == [("a", "b")] and trained.vocab_size == 258  # "cd" occurs once
    assert len(BPE.train(["ab ab cd"], 1_000, min_frequency=1).merges) > 2
    assert BPE.train(["x"], 256, special=()).vocab_size == 256
    assert BPE.train(["x"], 256, special=()).end is None


# --- files


def test_saved_and_loaded_it_is_the_same(tokenizer, tmp_path):
    path = tmp_path / "folder" / "tokenizer.json"
    tokenizer.save(path)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    json.loads(path.read_text("ascii"))
    for cls in (type(tokenizer), Tokenizer):
        again = cls.load(path)
        assert type(again) is type(tokenizer)
        assert again.vocab_size == tokenizer.vocab_size and again.special == tokenizer.special
        assert again.encode(ODD + SENTENCES[1]) == tokenizer.encode(ODD + SENTENCES[1])


def test_any_damaged_byte_is_noticed(bpe, tmp_path):
    path = tmp_path / "t.json"
    bpe.save(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(whole), size=200):
        # never to what JSON reads as the same, such as a space more
        damaged = bytearray(whole)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(text.BrokenTokenizer, match=r"t\.json"):
            BPE.load(path)
    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(text.BrokenTokenizer, match=r"t\.json is not whole"):
            BPE.load(path)


@pytest.mark.parametrize(
    "content", [b"", b"[1, 2]", b"{}", b'{"model": {}}', b"\xff\xfe\0", b"[" * 100_000, b"null"]
)
def test_other_files_are_refused(content, tmp_path):
    path = tmp_path / "other.json"
    path.write_bytes(content)
    with pytest.raises(text.BrokenTokenizer, match=r"other\.json"):
        Tokenizer.load(path)


@pytest.mark.parametrize(
    "content",
    [
        {"kind": "bpe", "special": []},
        {"kind": "bpe", "special": [], "merges": [["a"]]},
        {"kind": "bpe", "special": [], "merges": [["ab", "c"]]},
        {"kind": "bpe", "special": ["x", "x"], "merges": []},
        {"kind": "bpe", "special": [], "merges": 3},
        {"kind": "characters"},
        {"kind": "characters", "characters": ""},
        {"kind": "unigram"},
        {"kind": ["bpe"]},
        {},
    ],
)
def test_what_is_written_whole_but_makes_no_tokenizer_is_refused(content, tmp_path):
    path = tmp_path / "odd.json"
    path.write_text(json.dumps({"sha256": text._digest(content), **content}))
    with pytest.raises(text.BrokenTokenizer, match=r"odd\.json"):
        Tokenizer.load(path)


def test_a_file_of_another_kind_is_refused(tmp_path):
    Bytes().save(tmp_path / "b.json")
    with pytest.raises(text.BrokenTokenizer, match=r"b\.json holds .*Bytes, not BPE"):
        BPE.load(tmp_path / "b.json")
    with pytest.raises(FileNotFoundError, match="none"):
        BPE.load(tmp_path / "none.json")


def test_a_failed_save_leaves_the_old_file(bpe, tmp_path, monkeypatch):
    path = tmp_path / "t.json"
    Bytes().save(path)
    before = path.read_bytes()
    monkeypatch.setattr(json, "dumps", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        bpe.save(path)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


# --- errors in the reader's words


@pytest.mark.parametrize("wrong", [None, 3, b"bytes", ["a"]])
def test_what_is_no_text_is_refused(tokenizer, wrong):
    with pytest.raises(TypeError, match=f"a text is a str; this is of type {type(wrong).__name__}"):
        tokenizer.encode(wrong)
    with pytest.raises(TypeError, match="text 1"):
        tokenizer.encode_batch(["fine", wrong])


def test_one_text_where_several_are_expected(tokenizer):
    with pytest.raises(TypeError, match="put it in a list"):
        tokenizer.encode_batch("one text")
    with pytest.raises(TypeError, match="put it in a list"):
        BPE.train("one text", 300)
    with pytest.raises(TypeError, match="put it in a tuple"):
        BPE.train(["text"], 300, special="<|end|>")


def test_half_a_surrogate_pair_is_refused(tokenizer):
    with pytest.raises(ValueError, match="position 2 is half a surrogate pair"):
        tokenizer.encode("ab\ud83d")
    with pytest.raises(ValueError, match="surrogate"):
        Characters("\ud83d")
    with pytest.raises(ValueError, match=r"surrogate.*text 1"):
        BPE.train(["fine", "\ud83d"], 300)


def test_an_id_out_of_range_is_refused(tokenizer):
    last = tokenizer.vocab_size - 1
    tokenizer.decode([0, last])
    for wrong in (last + 1, -1, 10**9):
        with pytest.raises(ValueError, match=f"id {wrong} at position 1 .* from 0 to {last}"):
            tokenizer.decode([0, wrong])
        with pytest.raises(ValueError, match="out of range"):
            tokenizer.token_bytes(wrong)


@pytest.mark.parametrize("wrong", [[1.0, 2.0], ["a"], "ab", [2**80], [True], [None]])
def test_ids_that_are_no_whole_numbers_are_refused(tokenizer, wrong):
    with pytest.raises(TypeError, match="ids are whole numbers"):
        tokenizer.decode(wrong)


def test_several_rows_of_ids_are_refused(tokenizer):
    with pytest.raises(ValueError, match="one row of ids"):
        tokenizer.decode([[1, 2], [3, 4]])
    with pytest.raises(ValueError, match="one row of ids"):
        tokenizer.decode(np.array(3))


@pytest.mark.parametrize("size", [0, 1, 256, -5, 300.0, "300", None, True])
def test_a_vocabulary_that_holds_no_bytes_is_refused(size):
    with pytest.raises(ValueError, match=r"at least 257: 256 bytes and 1 special token$"):
        BPE.train(SENTENCES, size)


@pytest.mark.parametrize("least", [0, -1, 1.5, None])
def test_a_least_frequency_below_1_is_refused(least):
    with pytest.raises(ValueError, match=r"min_frequency is .* at least 1$"):
        BPE.train(SENTENCES, 300, min_frequency=least)


@pytest.mark.parametrize("texts", [[], [""], ["", ""], iter(())])
def test_an_empty_corpus_is_refused(texts):
    with pytest.raises(ValueError, match="no text to learn from"):
        BPE.train(texts, 300)


def test_empty_texts_are_refused_where_they_make_no_sense(tokenizer):
    assert tokenizer.encode("") == [] and tokenizer.decode([]) == ""
    with pytest.raises(ValueError, match="empty"):
        tokenizer.bytes_per_token("")
    with pytest.raises(ValueError, match="empty"):
        Characters("")


@pytest.mark.parametrize("special", [("",), (3,), ("x", "x")])
def test_special_tokens_that_cannot_be_are_refused(special):
    with pytest.raises(ValueError, match="special token"):
        BPE.train(SENTENCES, 300, special=special)


def test_nothing_heavy_is_imported_and_nothing_is_printed():
    code = (
        "import sys, helpers.text as t\n"
        "heavy = {'tensorflow', 'keras', 'tokenizers', 'pandas', 'matplotlib', 'datasets'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "b = t.BPE.train(['a b ' * 50] * 50, 300); b.encode_batch(['a b'] * 50)\n"
        "import subprocess; subprocess.run([sys.executable, '-c', ''])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
