"""What lab 6 hands to the learner: pages of a manual as counted words, and a way to cut words."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Collection, Iterable

# A word with the space before it, signs with the space before them, or other white space.
WORD = re.compile(r" ?\w+| ?[^\w\s]+|\s+")


@functools.cache
def pages() -> tuple[str, ...]:
    """Pages that Python's `help` prints, the longest first, without paragraphs that came before."""
    from pydoc_data.topics import topics

    seen, kept = set(), []
    for page in sorted(topics.values(), key=lambda page: (-len(page), page)):
        new = [part for part in page.split("\n\n") if part not in seen]
        seen.update(new)
        kept.append("\n\n".join(new))
    return tuple(page for page in kept if len(page) > 200)


def words_of(texts: Iterable[str], least: int = 1) -> dict[bytes, int]:
    """The words of some texts as bytes of UTF-8, each with how often it occurs.

    Args:
        least: words that occur less often are left out.
    """
    counts = Counter(word.encode() for text in texts for word in WORD.findall(text))
    return {word: count for word, count in counts.items() if count >= least}


def cut(word: bytes, tokens: Collection[bytes]) -> list[bytes]:
    """A word as the fewest pieces that are tokens or single bytes."""
    fewest, begin = [0] * (len(word) + 1), [0] * (len(word) + 1)
    for end in range(1, len(word) + 1):
        fewest[end], begin[end] = fewest[end - 1] + 1, end - 1
        for start in range(end - 1):
            if fewest[start] + 1 < fewest[end] and word[start:end] in tokens:
                fewest[end], begin[end] = fewest[start] + 1, start
    pieces, end = [], len(word)
    while end:
        pieces.append(word[begin[end] : end])
        end = begin[end]
    return pieces[::-1]
