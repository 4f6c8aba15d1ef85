"""Tokenizers: text to numbers and back, by characters, by bytes, or by byte-pair encoding.

The three have one interface: `vocab_size`, `encode`, `encode_batch`, `decode`, `save`, `load`,
`token_bytes`, `bytes_per_token`. Notebook 07 builds each of them by hand.
"""

from __future__ import annotations

import functools
import hashlib
import json
import numbers
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from helpers import runtime

UNKNOWN = "<unk>"
END = "<|end|>"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class BrokenTokenizer(ValueError):
    """The file is not a whole tokenizer: cut short, altered, or something else."""


class Tokenizer:
    """What the three have in common; `Tokenizer.load(path)` reads a file of any of them."""

    kind: ClassVar[str] = ""
    special: dict[str, int]  # ids that stand for no text, such as the end of a document

    def __init__(self) -> None:
        self.special = {}

    @property
    def vocab_size(self) -> int:
        """How many different ids there are: 0 to vocab_size - 1."""
        raise NotImplementedError

    @property
    def end(self) -> int | None:
        """The id that ends a document: the first special token, or None where there is none."""
        return next(iter(self.special.values()), None)

    def encode(self, text: str) -> list[int]:
        """The ids of a text.

        Raises:
            TypeError: `text` is not a str.
            ValueError: it holds half a surrogate pair, which no file can store.
        """
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        """The ids of each text. Raises as `encode` does."""
        return self._encode(_checked(texts))

    def decode(self, ids: Iterable[int]) -> str:
        """The text of a row of ids, from a list or a one-dimensional array.

        Bytes that are no UTF-8, half a character for instance, come out as U+FFFD.

        Raises:
            TypeError: the ids are not whole numbers.
            ValueError: an id out of range, or several rows at once.
        """
        return b"".join(map(self._bytes, self._ids(ids))).decode("utf-8", errors="replace")

    def token_bytes(self, token: int) -> bytes:
        """The bytes that one id stands for. Raises as `decode` does."""
        return self._bytes(self._ids([token])[0])

    def bytes_per_token(self, text: str) -> float:
        """UTF-8 bytes of `text` divided by its number of tokens: how far it is compressed.

        Raises:
            TypeError: `text` is not a str.
            ValueError: it is empty.
        """
        num_tokens = len(self.encode(text))
        if not num_tokens:
            raise ValueError("the text is empty: it has no bytes and no tokens to divide by")
        return len(text.encode()) / num_tokens

    def save(self, path: str | os.PathLike) -> None:
        """Write one JSON file, whole or not at all; a file of that name is replaced."""
        content = {"kind": self.kind, **self._state()}
        with runtime.write_atomically(path) as part:
            text = json.dumps({"sha256": _digest(content), **content})
            part.write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike) -> Self:
        """The tokenizer that `save` wrote.

        Raises:
            BrokenTokenizer: the file is damaged, or holds something else.
            FileNotFoundError: it is not there.
        """
        content = _read(Path(path))
        found = KINDS.get(str(content.pop("kind", None)))
        if found is None or not issubclass(found, cls):
            what = f"a tokenizer of the class {found.__name__}" if found else "no tokenizer"
            raise BrokenTokenizer(f"{Path(path).name} holds {what}, not {cls.__name__}.")
        try:
            return found._from_state(content)
        except (KeyError, TypeError, ValueError) as error:
            raise BrokenTokenizer(f"{Path(path).name}: {error}. Make it again.") from error

    def __repr__(self) -> str:
        return f"{type(self).__name__}(vocab_size={self.vocab_size})"

    def _encode(self, texts: list[str]) -> list[list[int]]:
        raise NotImplementedError

    def _bytes(self, token: int) -> bytes:
        raise NotImplementedError

    def _state(self) -> dict[str, Any]:
        return {}

    @classmethod
    def _from_state(cls, state: dict[str, Any]) -> Self:
        return cls()

    def _ids(self, ids: Iterable[int]) -> list[int]:
        """`ids` as a list of Python's whole numbers, each in range."""
        import numpy as np

        found = np.asarray(ids if hasattr(ids, "__array__") else list(ids))
        if found.ndim != 1:
            raise ValueError(f"decode takes one row of ids; this has {found.ndim} dimensions")
        if found.size and found.dtype.kind not in "iu":
            raise TypeError(f"ids are whole numbers; these are {found.dtype} ({found[0]!r}, ...)")
        wrong = np.flatnonzero((found < 0) | (found >= self.vocab_size))
        if wrong.size:
            where = int(wrong[0])
            raise ValueError(
                f"id {found[where]} at position {where} is out of range: this tokenizer has ids "
                f"from 0 to {self.vocab_size - 1}. Were they made by another one?"
            )
        return found.tolist()


class Characters(Tokenizer):
    """An id for each character of a text, in the order of Unicode; id 0 for all others.

    Args:
        text: the vocabulary is made of its characters.

    Raises:
        TypeError: `text` is not a str.
        ValueError: it is empty.
    """

    kind = "characters"

    def __init__(self, text: str) -> None:
        super().__init__()
        (text,) = _checked([text])
        if not text:
            raise ValueError("the text is empty: there are no characters to make a vocabulary of")
        self.vocabulary = [UNKNOWN, *sorted(set(text))]
        self._id_of = {character: i for i, character in enumerate(self.vocabulary) if i}

    @property
    def vocab_size(self) -> int:
        """The different characters, and one for the unknown."""
        return len(self.vocabulary)

    def _encode(self, texts: list[str]) -> list[list[int]]:
        return [[self._id_of.get(character, 0) for character in text] for text in texts]

    def _bytes(self, token: int) -> bytes:
        return (self.vocabulary[token] if token else REPLACEMENT).encode()

    def _state(self) -> dict[str, Any]:
        return {"characters": "".join(self.vocabulary[1:])}

    @classmethod
    def _from_state(cls, state: dict[str, Any]) -> Self:
        return cls(state["characters"])


class Bytes(Tokenizer):
    """The bytes of UTF-8 are the ids: 256 of them, and nothing is unknown."""

    kind = "bytes"

    @property
    def vocab_size(self) -> int:
        """256, always."""
        return 256

    def _encode(self, texts: list[str]) -> list[list[int]]:
        return [list(text.encode()) for text in texts]

    def _bytes(self, token: int) -> bytes:
        return bytes([token])


class BPE(Tokenizer):
    """Byte-pair encoding on bytes (Sennrich et al. 2016; Radford et al. 2019); see `BPE.train`.

    Ids: the special tokens, then the 256 bytes, then one for each merge in the order it was learnt.
    Text is cut into words as GPT-2 does it, and each word's bytes are then merged. No text is ever
    encoded as a special token: "<|end|>" written in a document stays seven characters.

    Args:
        merges: pairs of tokens, written as in `byte_characters`.
        special: names of the special tokens.

    Raises:
        ValueError: a merge of tokens that do not exist, or special tokens that cannot be told apart.
    """

    kind = "bpe"

    def __init__(self, merges: Iterable[Sequence[str]], special: Sequence[str] = (END,)) -> None:
        super().__init__()
        self.special = {name: i for i, name in enumerate(_names(special))}
        self.merges = [tuple(pair) for pair in merges]
        # Special tokens stay out of the library's vocabulary, so that no merge can ever make one.
        alphabet = sorted(byte_characters())
        vocabulary = {character: i for i, character in enumerate(alphabet, len(self.special))}
        for number, pair in enumerate(self.merges):
            if len(pair) != 2 or not all(part in vocabulary for part in pair):
                raise ValueError(f"merge {number}, {pair!r}, is no pair of tokens known before it")
            vocabulary.setdefault("".join(pair), len(self.special) + len(vocabulary))
        self._library = _library(vocabulary, self.merges)
        self._pieces = [*map(str.encode, self.special), *map(_as_bytes, vocabulary)]

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        vocab_size: int,
        special: Sequence[str] = (END,),
        min_frequency: int = 2,
    ) -> Self:
        """Learn merges from texts, until the vocabulary is full or all pairs left are too rare.

        The most frequent pair is merged first; of equally frequent ones that with the smaller ids,
        left before right. The same texts in any order give the same tokenizer.

        Args:
            texts: the corpus, in pieces; no token reaches over the end of a piece.
            vocab_size: how many ids, special tokens and the 256 bytes included. A small corpus may
                give fewer: look at the property `vocab_size`.
            special: names of tokens that stand for no text. The first is `end`.
            min_frequency: a pair that occurs less often is not merged. 1 fills the vocabulary, at
                the price of learning by heart what occurs once.

        Raises:
            TypeError: `texts` is one str, or holds something else.
            ValueError: `vocab_size` or `min_frequency` is too small, or there is no text.
        """
        special = _names(special)
        least = 256 + len(special)
        _at_least(1, min_frequency=min_frequency)
        because = f": 256 bytes and {len(special)} special token{'s' * (len(special) != 1)}"
        _at_least(least, because, vocab_size=vocab_size)
        corpus = [text for text in _checked(texts) if text]
        if not corpus:
            raise ValueError("there is no text to learn from: `texts` is empty")
        return cls(_learn(corpus, int(vocab_size) - len(special), int(min_frequency)), special)

    @property
    def vocab_size(self) -> int:
        """Special tokens, 256 bytes, and merges."""
        return len(self._pieces)

    def _encode(self, texts: list[str]) -> list[list[int]]:
        # "fast": without the places of the tokens in the text, which nobody asks for here
        found = self._library.encode_batch_fast(texts, add_special_tokens=False)
        return [encoding.ids for encoding in found]

    def _bytes(self, token: int) -> bytes:
        return self._pieces[token]

    def _state(self) -> dict[str, Any]:
        return {"special": list(self.special), "merges": self.merges}

    @classmethod
    def _from_state(cls, state: dict[str, Any]) -> Self:
        return cls(state["merges"], state["special"])


KINDS: dict[str, type[Tokenizer]] = {kind.kind: kind for kind in (Characters, Bytes, BPE)}


@functools.cache
def byte_characters() -> str:
    """A visible character for each of the 256 bytes, as in GPT-2: byte 32, the space, is "Ġ".

    Bytes that are visible in Latin-1 stay what they are; the others take characters from 256 on.
    """
    visible = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return "".join(chr(byte if byte in visible else next(others)) for byte in range(256))


def _learn(corpus: list[str], vocab_size: int, min_frequency: int) -> list[list[str]]:
    """The merges that the `tokenizers` library learns, without special tokens."""
    from tokenizers import trainers

    tokenizer = _library({}, [])
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        initial_alphabet=list(byte_characters()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    return json.loads(tokenizer.to_str())["model"]["merges"]


def _library(vocabulary: dict[str, int], merges: list) -> Any:
    """A tokenizer of the `tokenizers` library that cuts words as GPT-2 does."""
    from tokenizers import Tokenizer as Library
    from tokenizers import models, pre_tokenizers

    tokenizer = Library(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


def _as_bytes(token: str) -> bytes:
    """The bytes that a token of the library's vocabulary stands for."""
    return bytes(_byte_of()[character] for character in token)


@functools.cache
def _byte_of() -> dict[str, int]:
    return {character: byte for byte, character in enumerate(byte_characters())}


def _at_least(least: int, because: str = "", **given: object) -> None:
    """Refuse what is not a whole number from `least` on, by the name it was given."""
    ((name, value),) = given.items()
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
        raise ValueError(
            f"{name} is {value!r}; it must be a whole number of at least {least}{because}"
        )


def _names(special: Sequence[str]) -> list[str]:
    if isinstance(special, str):
        raise TypeError(f"special is one str, {special!r}; put it in a tuple: ({special!r},)")
    names = list(special)
    for name in names:
        if not isinstance(name, str) or not name:
            raise ValueError(f"{name!r} cannot be the name of a special token: give it some text")
    if len(set(names)) < len(names):
        raise ValueError(f"two special tokens have one name: {names}")
    return names


def _checked(texts: Iterable[str]) -> list[str]:
    """A list of texts, each of which can be written as UTF-8."""
    if isinstance(texts, str | bytes):
        raise TypeError("these are to be several texts, but it is one; put it in a list: [text]")
    found = list(texts)
    for number, text in enumerate(found):
        where = f" (text {number})" if len(found) > 1 else ""
        if not isinstance(text, str):
            hint = "; use .decode() to make it one" if isinstance(text, bytes) else ""
            raise TypeError(f"a text is a str; this is of type {type(text).__name__}{hint}{where}")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                f"the character at position {error.start} is half a surrogate pair and cannot be "
                f"written as UTF-8; the text was read with a wrong encoding{where}"
            ) from None
    return found


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> dict[str, Any]:
    """What a file of ours holds, its checksum found right."""
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BrokenTokenizer(
            f"{path.name} is not whole, or no tokenizer ({error}). Make it again."
        ) from error
    if not isinstance(content, dict) or "sha256" not in content:
        raise BrokenTokenizer(f"{path.name} is a JSON file, but not one of a tokenizer.")
    if content.pop("sha256") != _digest(content):
        raise BrokenTokenizer(f"{path.name} was altered after it was written. Make it again.")
    return content
