"""Questions on functions of the standard library, with their answers.

They are made from the source files of the installed Python, which are read and never run. A model
that is too small to know facts can learn to look them up, so the answer stands in the question,
which holds the signature; but for one kind, which asks for a summary. Whole modules go to one side,
by the same rule as the text that the shipped model was pretrained on, so that it never saw what it
is asked in `val`.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from helpers import data, sources

if TYPE_CHECKING:
    import numpy as np

KINDS = ("last", "module", "name", "count", "method", "summary")
OPEN = ("summary",)  # kinds without one right answer
CLOSED = ("count", "method")  # kinds of few answers, which are asked for equally often
NUMBERS = ("no", "one", "two", "three")
LENGTH = 40  # tokens of a question with its answer; longer ones are left out
TRAIN_FUNCTIONS = 2000  # so many are enough; reading all modules takes twice as long
MOST_OF_ONE = 24  # functions of one module, so that none speaks for all
LONGEST_SIGNATURE, LONGEST_LINE = 70, 60  # characters
IMPERATIVES = """
Add Associate Call Change Check Clear Clone Collapse Combine Compare Compile Compress Compute
Convert Create Debug Decode Decompress Detect Determine Disable Display Encode Escape Execute
Expand Extend Extract Feed Fetch Find Format Generate Get Guess Handle Import Make Mark Move
Open Page Parse Pass Prepare Print Process Produce Prompt Push Put Quote Read Register Reload
Remove Rename Replace Reschedule Resolve Return Rotate Run Schedule Send Set Skip Start Stop
Store Test Transform Unregister Use Wait Walk Write
"""
VERBS = frozenset(IMPERATIVES.split())  # that summaries begin with, as PEP 257 asks for


@dataclass(frozen=True)
class Function:
    """A public function or method, as its source file has it.

    Attributes:
        module: "shutil"; of a package its name alone.
        name: "copyfile", or "Random.choice" of a method.
        arguments: names in order, without self; none takes what is left over (*args).
        signature: "shutil.copyfile(src, dst, *, follow_symlinks=True)".
        doc: its docstring, or "".
    """

    module: str
    name: str
    arguments: tuple[str, ...]
    signature: str
    doc: str

    @property
    def short(self) -> str:
        """Its own name, without the class."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True)
class Pair:
    """A question and its answer.

    Attributes:
        kind: one of `KINDS`.
        module, function: what it is about: "shutil", "copyfile".
        prompt: the question, up to "A:"; the answer follows after a space.
        answer: one line.
    """

    kind: str
    module: str
    function: str
    prompt: str
    answer: str

    @property
    def exact(self) -> bool:
        """Whether this answer is the only right one."""
        return self.kind not in OPEN


class Pairs(NamedTuple):
    """Questions to tune on and others to measure with. Unpacks: `train, val = pairs()`."""

    train: list[Pair]
    val: list[Pair]


class Examples(NamedTuple):
    """What `model.fit(x, y, sample_weight)` takes, each (examples, length - 1).

    Attributes:
        x: tokens, int32.
        y: the tokens that follow them, int32.
        weights: how much each of these counts, float32.
    """

    x: np.ndarray
    y: np.ndarray
    weights: np.ndarray


class Preference(NamedTuple):
    """Two answers to a question, of which the first is liked better."""

    prompt: str
    chosen: str
    rejected: str


class Answer(NamedTuple):
    """What a model wrote, and whether it ended by itself."""

    text: str
    ended: bool


def pairs(
    tokenizer: Any,
    *,
    num_train: int = 1600,
    num_val: int = 140,
    once: bool = True,
    seed: int = 0,
) -> Pairs:
    """Questions of all kinds, alike in number; no function and no module is on both sides.

    A function of train that is called like one of val, or is described in the same words, is left
    out.

    Args:
        tokenizer: by which `LENGTH` is counted.
        num_train, num_val: how many are wanted; where there are fewer, all.
        once: whether each function of val is asked about once only, so that its questions do not
            depend on each other.
        seed: decides which are taken, and their order in train.

    Raises:
        sources.Unavailable: this Python has no source files of its standard library.
        ValueError: a number is below 1.
    """
    for name, number in (("num_train", num_train), ("num_val", num_val)):
        if number < 1:
            raise ValueError(f"{name} is {number!r}; it must be 1 or more")
    train, val = functions()
    draw = random.Random(seed)
    found = []
    for group, wanted, single in ((train, num_train, False), (val, num_val, once)):
        every = [pair for function in group for pair in questions(function)]
        fitting = _fitting(every, tokenizer)
        draw.shuffle(fitting)
        chosen = _balanced(fitting, wanted, single)
        draw.shuffle(chosen)
        found.append(chosen)
    return Pairs(*found)


def preferences(pairs: Iterable[Pair]) -> list[Preference]:
    """Pairs by one rule, from the summaries.

    The chosen answer says "Returns the size.", the rejected one "Return the size.": people who have
    a house style like it better, and not because the other were wrong.
    """
    return [
        Preference(pair.prompt, in_third_person(pair.answer), pair.answer)
        for pair in pairs
        if pair.kind == "summary"
    ]


def in_third_person(line: str) -> str:
    """A line that begins with a verb in the imperative ("Fetch it."), as a statement ("Fetches it.").

    Raises:
        ValueError: it does not begin with one of `VERBS`.
    """
    verb, space, rest = line.partition(" ")
    if verb not in VERBS:
        raise ValueError(f"{line!r} does not begin with a verb that is known")
    ending = "es" if verb.endswith(("s", "x", "ch", "sh")) else "s"
    return f"{verb}{ending}{space}{rest}"


@functools.cache
def functions() -> tuple[tuple[Function, ...], tuple[Function, ...]]:
    """Functions of the standard library for train and val, by the name of their module.

    Raises:
        sources.Unavailable: there are no source files.
    """
    files = [
        (f"module {'.'.join(parts).removesuffix('.__init__')}", file)
        for file, parts in data._modules(_library())
        if not any(part.startswith("_") for part in parts if part != "__init__")
    ]
    train_files, val_files = data.split_by_name(files)
    val = tuple(_read(val_files))
    names, lines = {f.short for f in val}, {_first_line(f.doc) for f in val} - {""}
    train = tuple(
        f
        for f in _read(train_files, TRAIN_FUNCTIONS)
        if f.short not in names and _first_line(f.doc) not in lines
    )
    if not train or not val:
        raise sources.Unavailable(
            "This Python has no source files of its standard library (some that are embedded in "
            "another program have none). Install one from python.org or conda."
        )
    return train, val


def questions(function: Function) -> Iterator[Pair]:
    """All questions that can be asked about a function, of each kind at most one."""
    shown, arguments = function.signature, function.arguments
    method, line = function.name != function.short, _first_line(function.doc)
    asked = [
        ("module", f"Which module is {shown} in?", function.module),
        ("name", f"What is the name of {shown}?", function.short),
        ("method", f"Is {shown} a method?", "yes" if method else "no"),
    ]
    if len(arguments) > 1:
        asked.append(("last", f"What is the last argument of {shown}?", arguments[-1]))
    if len(arguments) < len(NUMBERS):
        asked.append(("count", f"How many arguments has {shown}?", NUMBERS[len(arguments)]))
    if line:
        name = f"{function.module}.{function.name}"
        asked.append(("summary", f"In one line, what does {name} do?", line))
    for kind, question, answer in asked:
        yield Pair(kind, function.module, function.name, f"Q: {question}\nA:", answer)


def encode(
    pairs: Iterable[Pair | tuple[str, str]],
    tokenizer: Any,
    *,
    length: int | None = LENGTH,
    end: bool = True,
    prompt_weight: float = 0.0,
) -> Examples:
    """Questions and answers as arrays to train on; only the answer's tokens count.

    Args:
        pairs: each a `Pair`, or (prompt, answer).
        tokenizer: it has an `end`.
        length: tokens an example; shorter ones are padded, and the padding does not count. None is
            as many as the longest has.
        end: whether the answer ends with the tokenizer's end mark.
        prompt_weight: how much each token of the prompt counts; one of the answer counts 1.

    Raises:
        ValueError: a pair is longer than `length`, or the tokenizer has no end mark.
    """
    import numpy as np

    if tokenizer.end is None:
        raise ValueError(f"{tokenizer!r} has no special token that could end an answer")
    texts = [(p.prompt, p.answer) if isinstance(p, Pair) else p for p in pairs]
    prompts = tokenizer.encode_batch(prompt for prompt, _ in texts)
    answers = tokenizer.encode_batch(f" {answer}" for _, answer in texts)
    whole = [p + a + [tokenizer.end] * end for p, a in zip(prompts, answers, strict=True)]
    length = max(map(len, whole)) if length is None else length
    tokens = np.full((len(texts), length), tokenizer.end, "int32")
    weights = np.zeros((len(texts), length), "float32")
    for row, (prompt, filled) in enumerate(zip(prompts, whole, strict=True)):
        if len(filled) > length:
            raise ValueError(
                f"pair {row} has {len(filled)} tokens, and length is {length}: {texts[row][0]!r}"
            )
        tokens[row, : len(filled)] = filled
        weights[row, : len(prompt)] = prompt_weight
        weights[row, len(prompt) : len(filled)] = 1
    return Examples(tokens[:, :-1], tokens[:, 1:], weights[:, 1:])


def ask(
    model: Any,
    prompts: Sequence[str],
    tokenizer: Any,
    *,
    max_new_tokens: int = 16,
    batch_size: int = 70,
) -> list[Answer]:
    """What a model answers, always taking the likeliest token.

    Args:
        model: a GPT.
        prompts: texts that end where the answer begins.
        tokenizer: the model's own; its end mark ends an answer.
        max_new_tokens: an answer that is longer is cut off there.
        batch_size: how many are asked at once; always as many, so that one program serves all.

    Raises:
        ValueError: there is no prompt, or one is empty or longer than the model's context.
    """
    from helpers import generate

    tokens = tokenizer.encode_batch(prompts)
    if not tokens:
        raise ValueError("there is nothing to ask: prompts is empty")
    filled = tokens + [tokens[0]] * (-len(tokens) % batch_size)
    how = {"temperature": 0, "stop": [tokenizer.end]}
    written: list[list[int]] = []
    for start in range(0, len(filled), batch_size):
        batch = filled[start : start + batch_size]
        written += generate.generate(model, batch, max_new_tokens, **how)
    return [
        Answer(tokenizer.decode(new), len(new) < max_new_tokens) for new in written[: len(tokens)]
    ]


# --- reading the library


def _library() -> Path:
    import sysconfig

    return Path(sysconfig.get_path("stdlib"))


def _read(files: Iterable[tuple[str, Path]], enough: int | None = None) -> list[Function]:
    """Functions of some files, in an order made of the files' names, until there are enough.

    Of a module with many, those that its authors described come first.
    """
    found: list[Function] = []
    with data._no_collecting():
        for name, file in sorted(files, key=lambda each: _digest(each[0])):
            if enough is not None and len(found) >= enough:
                break
            own = list(_functions_of(file, name.removeprefix("module ")))
            own.sort(key=lambda f: (not _first_line(f.doc), _digest(f.signature)))
            found += own[:MOST_OF_ONE]
    return found


def _functions_of(file: Path, module: str) -> Iterator[Function]:
    """The public functions of a source file, and the public methods of its public classes."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):  # a file of bad syntax is there to be tested with
        return
    seen: set[str] = set()
    for owner, node in _definitions(tree):
        name = f"{owner}.{node.name}" if owner else node.name
        function = _function(module, name, node, bool(owner))
        if function and name not in seen:
            seen.add(name)
            yield function


def _definitions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield "", node
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            methods = (each for each in node.body if isinstance(each, ast.FunctionDef))
            yield from ((node.name, method) for method in methods)


def _function(module: str, name: str, node: ast.FunctionDef, method: bool) -> Function | None:
    """What is public, has an argument, and no decorator that could change its signature."""
    given = node.args
    if node.name.startswith("_") or given.vararg or given.kwarg or node.decorator_list:
        return None
    every = [*given.posonlyargs, *given.args]
    first_default = len(every) - len(given.defaults)
    shown = [
        _written(
            argument, given.defaults[place - first_default] if place >= first_default else None
        )
        for place, argument in enumerate(every)
    ][method:]
    only = map(_written, given.kwonlyargs, given.kw_defaults)
    shown += ["*", *only] if given.kwonlyargs else []
    names = tuple(argument.arg for argument in (*every[method:], *given.kwonlyargs))
    signature = f"{module}.{name}({', '.join(shown)})"
    if not names or len(signature) > LONGEST_SIGNATURE or not signature.isascii():
        return None
    return Function(module, name, names, signature, ast.get_docstring(node) or "")


def _written(argument: ast.arg, default: ast.expr | None) -> str:
    """An argument as it stands in a signature, with its default."""
    return argument.arg if default is None else f"{argument.arg}={ast.unparse(default)}"


def _first_line(doc: str) -> str:
    """A docstring's first line where it is a short sentence that begins with a verb, else ""."""
    line = doc.partition("\n")[0].strip()
    sentence = line.partition(" ")[0] in VERBS and line.endswith(".") and line.isascii()
    return line if sentence and 15 <= len(line) <= LONGEST_LINE else ""


def _fitting(every: list[Pair], tokenizer: Any) -> list[Pair]:
    """Those of at most `LENGTH` tokens, the end mark included."""
    prompts = tokenizer.encode_batch(pair.prompt for pair in every)
    answers = tokenizer.encode_batch(f" {pair.answer}" for pair in every)
    lengths = (len(one) + len(other) + 1 for one, other in zip(prompts, answers, strict=True))
    return [pair for pair, length in zip(every, lengths, strict=True) if length <= LENGTH]


def _balanced(every: list[Pair], wanted: int, once: bool) -> list[Pair]:
    """As many of each kind as there are, going round; with `once` no function is asked twice."""
    waiting = {kind: _in_turn(every, kind) for kind in KINDS}
    taken: list[Pair] = []
    used: set[tuple[str, str]] = set()
    while len(taken) < wanted and any(waiting.values()):
        for pairs in waiting.values():
            pair = _next(pairs, used if once else set())
            if pair is not None and len(taken) < wanted:
                taken.append(pair)
                used.add(_about(pair))
    return taken


def _next(pairs: list[Pair], used: set[tuple[str, str]]) -> Pair | None:
    """The last pair about a function that was not used, taken off the list."""
    while pairs:
        pair = pairs.pop()
        if _about(pair) not in used:
            return pair
    return None


def _in_turn(every: list[Pair], kind: str) -> list[Pair]:
    """The pairs of a kind; of a closed kind each answer in turn, and so equally often."""
    own = [pair for pair in every if pair.kind == kind]
    if kind in CLOSED:
        by_answer: dict[str, list[Pair]] = {}
        for pair in own:
            by_answer.setdefault(pair.answer, []).append(pair)
        own = [pair for turn in zip(*by_answer.values(), strict=False) for pair in turn]
    return own


def _about(pair: Pair) -> tuple[str, str]:
    return pair.module, pair.function


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
