"""Invented film reviews for lab 5: as many as one likes, of films that nobody has seen before."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


def _list(line: str, between: str = " ") -> list[str]:
    return line.split(between)


PRAISE = _list(
    "wonderful moving brilliant tender superb charming gripping honest fresh clever warm "
    "funny delightful perfect lovely rich vivid graceful bold thrilling"
)
BLAME = _list(
    "dull awful clumsy boring stale shallow tedious wooden silly messy cheap lifeless weak "
    "noisy cold forced flat dreary careless tired"
)
THINGS = _list("story music camera ending dialogue pace cast script lighting opening")
THEMES = _list(
    "a lighthouse,a bank robbery,two sisters,a lost dog,a chess master,the last train,a wedding,"
    "a mountain village,a ship in the ice,an old piano,a court case,a circus,a robot,a teacher,"
    "the harvest,a forged painting,a swimmer,a long war,a bakery,a comet",
    ",",
)
STARTS = _list("bal kor mir tan vel dro sil fen gar lum pas ros zin hal wex jor")
ENDS = _list("ado eth ina orr usk ano ivel ora umi ent aya olf")


class Reviews(NamedTuple):
    """Reviews, one a row in each of the three lists."""

    texts: list[str]
    labels: list[int]  # 1 liked, 0 not liked
    films: list[str]


def reviews(num_films: int, seed: int, copies: float = 0.0, clear: float = 0.72) -> Reviews:
    """Reviews of invented films, about nine a film; most reviews of one film agree.

    Args:
        copies: so many reviews, as a share of all, are posted a second time, some for another film.
        clear: the share of words that fit the label; the lower, the harder it is to tell.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(num_films):
        film, quality = _name(rng), rng.random() < 0.6
        people, themes = [_name(rng) for _ in range(2)], [_one(rng, THEMES) for _ in range(2)]
        for _ in range(rng.integers(4, 15)):
            label = int(quality if rng.random() < 0.88 else not quality)
            rows.append((_text(rng, label, film, people, themes, clear), label, film))
    for row in rng.permutation(len(rows))[: int(copies * len(rows))]:
        text, label, film = rows[row]
        if rng.random() < 0.1:
            film = rows[rng.integers(len(rows))][2]
        rows.append((text.upper() if rng.random() < 0.5 else f" {text}", label, film))
    mixed = [rows[i] for i in rng.permutation(len(rows))]
    return Reviews(*(list(column) for column in zip(*mixed, strict=True)))


def _name(rng: np.random.Generator) -> str:
    return (_one(rng, STARTS) + _one(rng, STARTS) + _one(rng, ENDS)).capitalize()


def _one(rng: np.random.Generator, words: list[str]) -> str:
    return words[rng.integers(len(words))]


def _text(
    rng: np.random.Generator, label: int, film: str, people: list, themes: list, clear: float
) -> str:
    said = [f"I saw {film}, about {_one(rng, themes)}."]
    for _ in range(rng.integers(2, 5)):
        words = PRAISE if (rng.random() < clear) == bool(label) else BLAME
        thing = _one(rng, people) if rng.random() < 0.5 else f"The {_one(rng, THINGS)}"
        said.append(f"{thing} is {_one(rng, words)}.")
    return " ".join(said)
