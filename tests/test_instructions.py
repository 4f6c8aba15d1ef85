"""Questions made from the library: right by another way of reading it, and cleanly split."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from helpers import data, instructions, sources
from helpers.text import Bytes, Tokenizer

# Without effects when they are imported, and there in every version that the course supports.
SAFE = ("argparse", "calendar", "cmd", "colorsys", "configparser", "copy", "fnmatch", "getopt",
        "hmac", "mimetypes", "optparse", "pprint", "sched", "shutil", "statistics", "string",
        "tempfile", "textwrap")  # fmt: skip
LIBRARY = {
    "plain.py": '''
def reads(path, mode="r", *, strict=False):
    """Read a file from its path.

    More on it.
    """
def varies(*args): pass
def gathers(**options): pass
def nothing(): pass
def _hidden(x): pass
@decorated
def changed(x): pass
def only_position(a, /, b=1, *, c): pass
class Tool:
    def cuts(self, what, where=None): """Cut it."""
    @property
    def size(self): pass
class _Inner:
    def method(self, x): pass
''',
    "broken.py": "def f(:",
    "_private.py": "def f(x): pass",
    "part/__init__.py": "def inside(x, y): pass",
}


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.load(sources.path("gpt_mini_tokenizer.json"))


@pytest.fixture(scope="module")
def every(tokenizer):
    return instructions.pairs(tokenizer, num_train=10**6, num_val=10**6, once=False)


@pytest.fixture
def library(tmp_path, monkeypatch):
    for name, text in LIBRARY.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    monkeypatch.setattr(instructions, "_library", lambda: tmp_path)
    instructions.functions.cache_clear()
    yield tmp_path
    instructions.functions.cache_clear()


def by_hand(file, module):
    return {f.name: f for f in instructions._functions_of(file, module)}


def test_no_module_and_no_function_is_on_both_sides(every):
    train, val = every
    assert len(train) > 1000 and len(val) > 200
    assert not {p.module for p in train} & {p.module for p in val}
    short = [{p.function.rpartition(".")[2] for p in part} for part in every]
    assert not short[0] & short[1]
    lines = [{p.answer for p in part if p.kind == "summary"} for part in every]
    assert lines[0] and lines[1] and not lines[0] & lines[1]


def test_the_sides_are_those_of_the_pretraining_text(every):
    corpus = data.python_docs()
    sides = {name: side for side in ("train", "val") for name, _ in getattr(corpus, side)}
    for side, part in zip(("train", "val"), every, strict=True):
        found = {sides.get(f"module {pair.module}", side) for pair in part}
        assert found == {side}


def test_answers_are_what_inspect_says():
    """For functions of modules that may be imported; the package's way is to parse."""
    checked = Counter()
    for function in (f for side in instructions.functions() for f in side):
        if function.module not in SAFE:
            continue
        thing = importlib.import_module(function.module)
        for part in function.name.split("."):
            thing = getattr(thing, part)
        names = list(inspect.signature(thing).parameters)
        names = names[1:] if "." in function.name else names
        for pair in instructions.questions(function):
            expected = {
                "last": names[-1], "module": thing.__module__, "name": thing.__name__,
                "count": {1: "one", 2: "two", 3: "three"}.get(len(names)),
                "method": "yes" if "." in thing.__qualname__ else "no",
                "summary": (inspect.getdoc(thing) or "").split("\n")[0],
            }[pair.kind]  # fmt: skip
            assert pair.answer == expected, (function.signature, pair.kind)
            checked[pair.kind] += 1
    assert set(checked) == set(instructions.KINDS) and min(checked.values()) >= 3, checked


def test_an_answer_stands_in_its_question_and_is_one_line(every):
    for pair in (*every.train, *every.val):
        assert pair.prompt.startswith("Q: ") and pair.prompt.endswith("?\nA:")
        assert pair.answer == pair.answer.strip() and "\n" not in pair.answer
        assert pair.exact is (pair.kind != "summary")
        if pair.kind in ("last", "module", "name"):
            assert pair.answer in pair.prompt


def test_kinds_are_alike_in_number_and_closed_answers_too(tokenizer):
    train, val = instructions.pairs(tokenizer, num_train=600, num_val=90)
    for part, number in ((train, 600), (val, 90)):
        assert len(part) == number
        kinds = Counter(pair.kind for pair in part)
        assert set(kinds) == set(instructions.KINDS)
        for kind in instructions.CLOSED:
            answers = Counter(p.answer for p in part if p.kind == kind)
            assert max(answers.values()) <= min(answers.values()) + 0.34 * kinds[kind]
    assert max(kinds.values()) - min(kinds.values()) <= 8


def test_val_asks_about_a_function_once_unless_told_otherwise(tokenizer, every):
    once = instructions.pairs(tokenizer, num_train=1, num_val=10**6).val
    about = Counter((pair.module, pair.function) for pair in once)
    assert max(about.values()) == 1 and len(once) < len(every.val)


def test_the_same_seed_gives_the_same_pairs(tokenizer):
    one, again, other = (instructions.pairs(tokenizer, num_train=200, seed=s) for s in (3, 3, 4))
    assert one == again and one.train != other.train and one.val != other.val


@pytest.mark.parametrize("wrong", [{"num_train": 0}, {"num_val": -1}])
def test_a_wrong_number_is_named(tokenizer, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        instructions.pairs(tokenizer, **wrong)


def test_pairs_fit_their_length(tokenizer, every):
    for part in every:
        x, y, weights = instructions.encode(part, tokenizer)
        assert x.shape == y.shape == weights.shape == (len(part), instructions.LENGTH - 1)


# --- reading source files


def test_what_is_public_and_plain_is_read(library):
    found = by_hand(library / "plain.py", "plain")
    assert set(found) == {"reads", "only_position", "Tool.cuts"}
    reads = found["reads"]
    assert reads.arguments == ("path", "mode", "strict") and reads.short == "reads"
    assert reads.signature == "plain.reads(path, mode='r', *, strict=False)"
    assert found["only_position"].signature == "plain.only_position(a, b=1, *, c)"
    assert found["Tool.cuts"].arguments == ("what", "where")
    assert found["Tool.cuts"].signature == "plain.Tool.cuts(what, where=None)"
    assert found["Tool.cuts"].short == "cuts"


def test_signatures_are_python(every):
    for function in (f for side in instructions.functions() for f in side):
        text = function.signature.removeprefix(f"{function.module}.{function.name}")
        tree = ast.parse(f"def f{text}: pass").body[0].args
        names = [a.arg for a in (*tree.posonlyargs, *tree.args, *tree.kwonlyargs)]
        assert tuple(names) == function.arguments


def test_a_broken_or_missing_file_is_passed_over(library):
    assert by_hand(library / "broken.py", "broken") == {}
    assert by_hand(library / "not_there.py", "not_there") == {}


def test_private_modules_are_left_out_and_packages_have_their_own_name(library, monkeypatch):
    seen = []

    def no_side(files):
        seen.extend(name for name, _ in files)
        return [], []

    monkeypatch.setattr(data, "split_by_name", no_side)
    with pytest.raises(sources.Unavailable):
        instructions.functions()
    assert sorted(seen) == ["module broken", "module part", "module plain"]


def test_without_source_files_it_says_what_to_do(library):
    for file in library.rglob("*.py"):
        file.unlink()
    with pytest.raises(sources.Unavailable, match=r"python\.org"):
        instructions.functions()


def test_no_module_speaks_for_all():
    for side in instructions.functions():
        counts = Counter(function.module for function in side)
        assert max(counts.values()) <= instructions.MOST_OF_ONE and len(counts) > 15


# --- encoding


def test_only_the_answer_and_the_end_mark_count(tokenizer):
    texts = [("Q: one?\nA:", "two"), ("Q: a longer question?\nA:", "x")]
    x, y, weights = instructions.encode(texts, tokenizer, length=50)
    for row, (prompt, answer) in enumerate(texts):
        start, said = tokenizer.encode(prompt), tokenizer.encode(f" {answer}")
        whole = [*start, *said, tokenizer.end]
        assert x[row, : len(whole) - 1].tolist() == whole[:-1]
        assert y[row, : len(whole) - 1].tolist() == whole[1:]
        assert y[row][weights[row] > 0].tolist() == [*said, tokenizer.end]
        assert (x[row, len(whole) - 1 :] == tokenizer.end).all(), "padding"
    assert set(weights.flat) == {0.0, 1.0}
    assert (x.dtype, y.dtype, weights.dtype) == (np.int32, np.int32, np.float32)


def test_end_mark_and_prompt_weight_are_choices(tokenizer):
    text = [("Q: one?\nA:", "two")]
    count = [len(tokenizer.encode(part)) for part in ("Q: one?\nA:", " two")]
    assert instructions.encode(text, tokenizer, end=False).weights.sum() == count[1]
    half = instructions.encode(text, tokenizer, prompt_weight=0.5).weights
    # The first token has no context, and is never predicted.
    assert half.sum() == 0.5 * (count[0] - 1) + count[1] + 1


def test_length_none_is_that_of_the_longest(tokenizer, every):
    x, _, weights = instructions.encode(every.val[:50], tokenizer, length=None)
    assert weights[:, -1].any() and x.shape[1] < instructions.LENGTH


def test_a_pair_and_its_texts_are_encoded_alike(tokenizer, every):
    pair = every.val[0]
    one = instructions.encode([pair], tokenizer)
    other = instructions.encode([(pair.prompt, pair.answer)], tokenizer)
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_what_cannot_be_encoded_is_named(tokenizer):
    with pytest.raises(ValueError, match=r"pair 1 has \d+ tokens, and length is 9"):
        instructions.encode([("Q:", "a"), ("Q: far too long a question", "b")], tokenizer, length=9)
    with pytest.raises(ValueError, match="special token"):
        instructions.encode([("Q:", "a")], Bytes())


# --- preferences


def test_preferences_differ_by_the_form_of_the_verb_only(every):
    liked = instructions.preferences(every.train)
    assert len(liked) == sum(pair.kind == "summary" for pair in every.train) > 50
    for prompt, chosen, rejected in liked:
        assert prompt.endswith("A:") and chosen != rejected
        assert chosen.split()[1:] == rejected.split()[1:]
        assert chosen.split()[0].startswith(rejected.split()[0].rstrip("y"))


@pytest.mark.parametrize(
    ("line", "expected"),
    [("Return it.", "Returns it."), ("Fetch it.", "Fetches it."), ("Push x.", "Pushes x."),
     ("Pass.", None), ("Compress a b.", "Compresses a b.")],
)  # fmt: skip
def test_third_person(line, expected):
    if expected is None:
        with pytest.raises(ValueError, match="does not begin with a verb"):
            instructions.in_third_person(line)
    else:
        assert instructions.in_third_person(line) == expected


def test_no_verb_needs_a_rule_that_is_missing():
    for verb in instructions.VERBS:
        assert not (verb.endswith("y") and verb[-2] not in "aeiou"), "'Copy' would be 'Copys'"
        assert not verb.endswith(("o", "z")), verb
        assert verb.isalpha() and verb.istitle()


# --- asking


@pytest.fixture(scope="module")
def model(tokenizer):
    keras = pytest.importorskip("keras")
    from helpers import gpt

    keras.utils.set_random_seed(0)
    config = gpt.GPTConfig(tokenizer.vocab_size, context_length=64, num_layers=1, num_heads=2,
                           embed_dim=16)  # fmt: skip
    return gpt.GPT(config)


def test_replies_do_not_depend_on_the_batch(model, tokenizer):
    prompts = ["Q: a?\nA:", "Q: what is b?\nA:", "Q: and the last one of c?\nA:"]
    together = instructions.ask(model, prompts, tokenizer, max_new_tokens=5, batch_size=4)
    apart = [
        instructions.ask(model, [p], tokenizer, max_new_tokens=5, batch_size=1)[0] for p in prompts
    ]
    two = instructions.ask(model, prompts, tokenizer, max_new_tokens=5, batch_size=2)
    assert len(together) == 3 and together == apart == two


def test_a_reply_that_ends_says_so(model, tokenizer):
    from helpers import gpt

    table = model.get_weights()
    always_end = gpt.GPT(model.config)
    always_end.set_weights(table)
    found = [v for v in always_end.variables if tuple(v.shape) == (tokenizer.vocab_size, 16)]
    norm = [v for v in always_end.variables if "final_norm" in v.path and v.path.endswith("beta")]
    norm[0].assign(np.full(16, 100.0))
    embedding = np.zeros((tokenizer.vocab_size, 16))
    embedding[tokenizer.end] = 1
    found[0].assign(embedding)
    (reply,) = instructions.ask(always_end, ["Q:"], tokenizer, max_new_tokens=3, batch_size=1)
    assert reply == ("", True)
    embedding[tokenizer.end], embedding[tokenizer.end + 66] = 0, 1
    found[0].assign(embedding)
    (reply,) = instructions.ask(always_end, ["Q:"], tokenizer, max_new_tokens=3, batch_size=1)
    assert len(reply.text) == 3 and not reply.ended


def test_nothing_to_ask_is_named(model, tokenizer):
    with pytest.raises(ValueError, match="prompts is empty"):
        instructions.ask(model, [], tokenizer)


def test_importing_it_imports_nothing_heavy():
    heavy = "{'keras', 'numpy', 'tensorflow', 'tokenizers'}"
    code = f"import sys, helpers.instructions; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
