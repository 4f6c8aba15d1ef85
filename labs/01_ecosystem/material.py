"""What lab 1 works on: an invented environment, a lock file, and the reader's own packages."""

from __future__ import annotations

import numpy as np

# Fifteen lines as tools and people write them. All names are invented.
LOCK = """\
# Made on 3 March from the wishes of three people
--index-url https://packages.example.org/simple
Table_Kit==2.1.0 \\
    --hash=sha256:5d1c9b07 \\
    --hash=sha256:e04f77a2
    # via report-maker
plotting[pdf]==1.4 --hash=sha256:aa31b8c6
web.client==0.9.* --hash=sha256:17fe20d4
colour-names>=3.2 ; sys_platform == "win32"
old_parser==1.0.3 --hash=sha256:c81be5f0
unit-names==4.0 ; python_version >= "3.11"

number-words~=2.2  # was ==2.1, until that broke
"""
YANKED = {("old-parser", "1.0.3"), ("unit-names", "3.9")}

FIRST = ("amber birch cedar delta ember fjord grove heath inlet jetty kelp larch marsh north ochre "
         "pebble quarry ridge slate tidal umber vale willow yarrow zephyr")  # fmt: skip
LAST = "array cache check cli codec fonts graph http io json kit lint math model net parse plot"


def names(rng: np.random.Generator, number: int) -> list[str]:
    """So many different invented names of packages, in no order."""
    every = [f"{first}-{last}" for first in FIRST.split() for last in LAST.split()]
    return [every[i] for i in rng.permutation(len(every))[:number]]


def environment(seed: int) -> tuple[dict[str, list[str]], dict[str, float]]:
    """An environment of about a hundred packages: (what each needs, its risk).

    The packages come in stacks (one for the web, one for data, ...) that share a few small ones at the
    bottom. Risk is the number of faults to be expected in a year.
    """
    rng = np.random.default_rng(seed)
    given = iter(names(rng, 200))
    needs: dict[str, list[str]] = {}
    risk: dict[str, float] = {}

    def add(below: list[str], low: int, high: int, faults: float) -> str:
        name = next(given)
        number = min(len(below), int(rng.integers(low, high + 1)))
        needs[name] = [str(n) for n in rng.permutation(below)[:number]] if number else []
        risk[name] = round(float(rng.gamma(2.0, faults / 2)), 3)
        return name

    base = [add([], 0, 0, 0.2) for _ in range(6)]
    stacks = []
    for libraries, programs in ((18, 6), (11, 3), (9, 3), (7, 2), (6, 2)):
        layers = list(base)
        own = []
        for _ in range(libraries):
            own.append(add(layers, 1, 3, 1.0))
            layers.append(own[-1])
        stacks.append(own)
        for _ in range(programs):
            add(own, len(own) // 3, 2 * len(own) // 3, 0.5)
    for _ in range(5):  # programs that take some of two stacks
        first, second = rng.permutation(len(stacks))[:2]
        add(stacks[first] + stacks[second], 4, 7, 0.5)
    order = rng.permutation(sorted(needs))
    return {str(n): needs[n] for n in order}, {str(n): risk[n] for n in order}


def covered(needs: dict[str, list[str]], risk: dict[str, float], watched: list[str]) -> float:
    """The share of all risk that lies in the watched packages and in what they rest on."""
    seen: set[str] = set()
    waiting = list(watched)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += needs[name]
    return sum(risk[name] for name in seen) / sum(risk.values())


def own_packages() -> tuple[dict[str, list[str]], dict[str, str]]:
    """What is installed where this runs: (what each package needs, its licence as text)."""
    from helpers import ecosystem

    found = ecosystem.installed()
    graph = ecosystem.dependency_graph(found)
    needs = {name: sorted(graph.successors(name)) for name in sorted(graph)}
    texts = {name: package.licence for name, package in found.packages.items()}
    return needs, {n: "" if text == ecosystem.UNKNOWN else text for n, text in texts.items()}
