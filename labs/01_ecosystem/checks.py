"""What lab 1 checks, and the hints it gives."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from helpers import labs
from helpers.attempts import Failed, shown
from helpers.labs import Attempt, task

material = labs.material("lab01")


def _is_name(value: object) -> bool:
    return isinstance(value, str)  # NumPy's texts are texts too


def _several(got: Any, about: str, what: str = "names of packages") -> list[str]:
    """What the learner gave as a list of texts, whatever holds them."""
    if got is None:
        raise Failed("empty", f"None came {about}.")
    verb = "was" if what.startswith("a ") else "were"
    wanted = f"{what} {verb} expected {about}, and this came: {shown(got)}".capitalize()
    if isinstance(got, str | Mapping) or callable(got):
        raise Failed("type", wanted)
    try:
        found = list(got)
    except TypeError:
        raise Failed("type", wanted) from None
    if not all(map(_is_name, found)):
        raise Failed("type", wanted)
    return [str(name) for name in found]


def _mapping(got: Any, about: str) -> dict:
    if got is None:
        raise Failed("empty", f"None came {about}.")
    if not isinstance(got, Mapping):
        raise Failed("type", f"A dictionary was expected {about}, and this came: {shown(got)}")
    if not all(map(_is_name, got)):
        raise Failed("type", f"Its keys should be names of packages {about}: {shown(got)}")
    return {str(key): value for key, value in got.items()}


def _without_end(attempt: Attempt, *args: Any, key: str = "cycle") -> Any:
    """Call the answer; a recursion without end has a hint of its own."""
    try:
        return attempt.call(*args)
    except RecursionError:
        raise Failed(key, "Your function called itself until Python gave up.") from None


def _compare(got: set[str], want: set[str], mistakes: Mapping[str, Any], otherwise: str, about: str,
             handed: str = ""):  # fmt: skip
    """Fail with the first mistake that leads to `got`, else with `otherwise`."""
    if got == want:
        return
    saw = f"This came {about}: {_listed(got)}.{handed and ' '}{handed}"
    for key, value in mistakes.items():
        if got == value:
            raise Failed(key, saw)
    raise Failed(otherwise, saw)


SMALL = 8  # packages of a graph that a report can show


def _graph(needs: Mapping[str, Sequence], told: Callable[[Any], str]) -> str:
    """A small graph in words: "a needs b, c; b needs d"; "" for a large one."""
    if len(needs) > SMALL:
        return ""
    rows = [f"{name} needs {', '.join(map(told, row))}" for name, row in needs.items() if row]
    alone = ", ".join(name for name, row in needs.items() if not row)
    return "; ".join([*rows, *([f"needing nothing: {alone}"] if alone else [])])


def _listed(names: Iterable[str]) -> str:
    names = sorted(names)
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return ", ".join(names[:12]) + more or "nothing"


# --- audit


def _audit(
    lock: str,
    yanked: Collection[tuple[str, str]],
    wildcard: bool = False,
    joined: bool = True,
    low: bool = False,
    space: bool = True,
) -> dict[str, set[str]]:
    """The problems of a lock file.

    Args:
        wildcard: take `==1.*` for a pin. joined: read continued lines as one.
        low: take a lower bound for a pinned version when looking for yanked ones.
        space: a comment needs a space before its sign, or the beginning of the line.
    """
    found: dict[str, set[str]] = {}
    text = re.sub(r"\\\n", " ", lock) if joined else lock.replace("\\\n", "\n")
    for line in text.splitlines():
        line = re.sub(r"(^|\s)#.*" if space else "#.*", "", line).strip()
        if not line or line.startswith("--"):
            continue
        wish = line.partition(" --hash")[0].partition(";")[0].strip()
        name = re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", wish)[0]).lower()
        version = wish.partition("==")[2].strip()
        problems = set()
        if not version or ("*" in version and not wildcard):
            problems.add("not pinned")
        if "--hash=" not in line:
            problems.add("no hash")
        bound = re.sub(r"^.*?[=~<>]=", "", wish).strip() if low else version
        if (name, bound) in yanked:
            problems.add("yanked")
        if problems:
            found[name] = problems
    return found


def _lock(rng: np.random.Generator) -> tuple[str, set[tuple[str, str]]]:
    """A lock file with all that makes one hard to read, and the yanked versions."""
    names = iter(material.names(rng, 14))

    def digits() -> str:
        return f"--hash=sha256:{int(rng.integers(2**31)):08x}"

    def version() -> str:
        return ".".join(map(str, rng.integers(0, 9, 3)))

    def written(name: str) -> str:
        return rng.choice([name.replace("-", "_").title(), name.replace("-", "."), name.upper()])

    a, b, c, d, e, f, g, h, i, j, k, m, n, o = names
    gone, other, low = version(), version(), version()
    bare, marked, split = version(), version(), version()
    parts = [
        f"{a}=={version()} \\\n    {digits()} \\\n    {digits()}\n    # via {b}",
        f"{written(b)}=={version()}",
        f"{c}[extra]=={gone} {digits()}",
        f"{d}>={low} {digits()}",
        f'{e}>={version()} ; sys_platform == "win32"',
        f"{written(f)}=={int(rng.integers(1, 9))}.* {digits()}",
        f"{g}~={version()}  # was =={version()} --hash=sha256:0",
        f'{h}=={other} ; python_version >= "3.{int(rng.integers(8, 14))}" \\\n    {digits()}',
        f"# {i}=={version()}",
        f"{j} {digits()}",
        f"{written(k)}=={bare}",
        f'{m}=={marked} ; python_version >= "3.{int(rng.integers(8, 14))}" {digits()}',
        f"{n}=={split} \\\n    {digits()}",
        f'{o}=={version()} ; platform_version != "#{int(rng.integers(1, 99))}" {digits()}',
        "--index-url https://packages.example.org/simple",
        "",
    ]
    yanked = {(c, gone), (d, low), (h, version() + ".post1"), (a, "99.0"),
              (k, bare), (m, marked), (n, split)}  # fmt: skip
    return "\n".join(parts[place] for place in rng.permutation(len(parts))) + "\n", yanked


@task(
    points=1,
    continued=("A line that goes on after a backslash is read as two.",
               "The hash then stands alone, and its package seems to have none. Which text should be "
               "replaced by a space before you split the lock file into lines?"),
    comment=("Comments and options are not told from requirements as the task says.",
             "A comment begins with # at the beginning of a line or after a space, and goes on to the "
             "end of the line. Take it away first, then look at what is left."),
    marker=("What stands after the semicolon is taken for a version.",
            "`; sys_platform == \"win32\"` has an == in it and pins nothing. Cut before you search."),
    name=("A package appears under another name than the canonical one.",
          "Extras in square brackets are no part of the name. Lower case, and each run of dots, "
          "hyphens and underscores becomes one hyphen."),
    wildcard=("A version with a star is taken for a pin.",
              "Would `==2.*` give the same files next year as today?"),
    low=("A bound is taken for the version that gets installed.",
         "`>=1.2` does not say that 1.2 comes. Only what is pinned can be yanked."),
    yanked=("A yanked version is not noticed, or one that is none.",
            "The pair must fit: canonical name and version, both as texts, no spaces around them."),
    pinned=("Pinned and not pinned are not told apart as the task says.",
            "Pinned means: the sign == and a version without a star, for the package itself."),
    hashes=("Whether there is a hash is not seen rightly.",
            "Look for --hash= in the whole requirement, continued lines and all, comments taken away."),
    clean=("A package without problems is listed.",
           "Leave it out: a reader of an audit looks for what is to be done."),
)  # fmt: skip
def audit(attempt: Attempt) -> None:
    """An audit of pins and hashes."""
    cases = [("for LOCK", material.LOCK, material.YANKED)]
    cases += [(f"for drawn lock file {i + 1}", *_lock(attempt.rng)) for i in range(3)]
    pair = iter(material.names(attempt.rng, 2))
    first, second = next(pair), next(pair)
    cases.append(("for two good lines", f"{first}==1.0 --hash=sha256:1\n{second}==2 --hash=sha256:2",
                  set()))  # fmt: skip
    cases.append(("for a text with no requirements", "# nothing here\n\n", set()))
    for about, lock, yanked in cases:
        got = _mapping(attempt.call(lock, set(yanked)), about)
        found = {name: set(_several(value, f"for {name!r}", "problems"))
                 for name, value in got.items()}  # fmt: skip
        _judge(found, lock, yanked, about)
        attempt.passed(about.removeprefix("for "))


def _judge(found: dict[str, set[str]], lock: str, yanked: Collection, about: str) -> None:
    want = _audit(lock, yanked)
    if found == want:
        return
    saw = f"{about.capitalize()}: "
    for name in found:
        if name.startswith(("#", "-")) or not name:
            key = "continued" if "hash" in name else "comment"
            raise Failed(key, f"{saw}{name!r} is listed as a package.")
        if name not in _every(lock):
            canonical = re.sub(r"[-_.]+", "-", re.sub(r"\[.*|[ =<>~;].*", "", name)).lower()
            key = "name" if canonical in _every(lock) else "comment"
            raise Failed(key, f"{saw}{name!r} is listed as a package.")
        if not found[name]:
            raise Failed("clean", f"{saw}{name!r} is listed with no problem.")
    known = {"wildcard": _audit(lock, yanked, wildcard=True),
             "continued": _audit(lock, yanked, joined=False),
             "low": _audit(lock, yanked, low=True),
             "comment": _audit(lock, yanked, space=False)}  # fmt: skip
    lines = {_name_in(line): line for line in lock.replace("\\\n", " ").splitlines() if line}
    for name in sorted(set(want) | set(found)):
        got, right = found.get(name, set()), want.get(name, set())
        if got == right:
            continue
        line = lines[name]
        saw += f"{name!r} came with {_listed(got)}. Its line is {line.strip()!r}"
        unknown = got - {"not pinned", "no hash", "yanked"}
        if unknown:
            raise Failed("values", f"{saw}. There is no problem called {min(unknown)!r}.")
        for key, mistaken in known.items():
            if got == mistaken.get(name, set()):
                raise Failed(key, saw)
        wish = _wish(line)
        if "yanked" in got ^ right:
            marked = ";" in wish and any("yanked" in found[n] for n in found)
            raise Failed("marker" if marked and "yanked" in right else "yanked", saw)
        if wish != line and right - got:
            raise Failed("comment", saw)
        if "not pinned" in got ^ right:
            bare = [n for n in want if "not pinned" in want[n] and "==" not in _wish(lines[n])]
            all_seen = all("not pinned" in found.get(n, ()) for n in bare)
            raise Failed("marker" if ";" in wish and all_seen else "pinned", saw)
        raise Failed("hashes", saw)


def _wish(line: str) -> str:
    return line.partition(" #")[0]


def _name_in(line: str) -> str:
    found = re.match(r"[\w.-]+", line)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""


def _every(lock: str) -> set[str]:
    lines = lock.replace("\\\n", " ").splitlines()
    return {_name_in(line) for line in lines if line.strip() and line[0] not in "#- "}


# --- install


def _need(name: str, extras: Sequence[str] = (), if_extra: str | None = None,
          system: str | None = None) -> dict:  # fmt: skip
    return {"name": name, "extras": list(extras), "if_extra": if_extra, "system": system}


def _install(needs: Mapping, name: str, extras: Sequence[str], system: str, *, markers: bool = True,
             every: bool = False, none: bool = False, leak: bool = False, by_name: bool = False,
             deep: bool = True) -> set[str]:  # fmt: skip
    """The right set, or with another setting what a common mistake leads to."""
    seen: set = set()
    waiting = [(name, frozenset(extras))]
    while waiting:
        package, asked = waiting.pop(-1 if deep else 0)
        key = package if by_name else (package, asked)
        if key in seen:
            continue
        seen.add(key)
        for need in needs[package]:
            if markers and need["system"] not in (None, system):
                continue
            extra = need["if_extra"]
            if extra is not None and not every and (none or extra not in asked):
                continue
            handed = frozenset(need["extras"]) | (asked if leak else frozenset())
            waiting.append((need["name"], handed))
    return {key if by_name else key[0] for key in seen}


def _installs(rng: np.random.Generator) -> list[tuple[str, str, tuple]]:
    """(what, the hint if no known mistake fits, arguments) for cases that each ask one thing."""
    a, b, c, d, e, f = material.names(rng, 6)
    twice = {a: [_need(b), _need(c)], b: [_need(d)], c: [_need(d, ["x"])],
             d: [_need(e, if_extra="x")], e: [], f: []}  # fmt: skip
    other_way = {**twice, a: [_need(c), _need(b)]}
    itself = {a: [_need(a, ["x", "y"], if_extra="all"), _need(b, if_extra="x"),
                  _need(c, if_extra="y"), _need(d, if_extra="z")],
              b: [], c: [], d: [], e: [], f: []}  # fmt: skip
    parts = {a: [_need(b, if_extra="plot"), _need(c, if_extra="plots"), _need(d, ["plots"])],
             b: [], c: [], d: [_need(e, if_extra="plot"), _need(f, if_extra="plots")], e: [],
             f: []}  # fmt: skip
    pair = {a: [_need(b, if_extra="x"), _need(c, if_extra="y"), _need(d, if_extra="z")],
            b: [], c: [_need(e)], d: [], e: [], f: []}  # fmt: skip
    handed = {a: [_need(b, ["x", "y"])], f: [], c: [], d: [], e: [],
              b: [_need(c, if_extra="x"), _need(d, if_extra="y"), _need(e, if_extra="z")]}  # fmt: skip
    return [
        ("a diamond: two ways to one package", "values",
         ({a: [_need(b), _need(c)], b: [_need(d)], c: [_need(d)], d: [], e: [_need(a)], f: []},
          a, [], "linux")),
        ("a package that needs nothing", "itself", ({a: [], b: [_need(a)]}, a, [], "linux")),
        ("needs of other systems", "markers",
         ({a: [_need(b, system="windows"), _need(c, system="linux"), _need(d, system="macos")],
           b: [_need(e)], c: [], d: [_need(f)], e: [], f: []}, a, [], "linux")),
        ("an extra that was asked for, and one that was not", "extras",
         ({a: [_need(b, if_extra="x"), _need(c, if_extra="y"), _need(d)], b: [], c: [_need(e)],
           d: [], e: [], f: []}, a, ["x"], "linux")),
        ("a need that asks for an extra", "extras",
         ({a: [_need(b, ["x"])], b: [_need(c, if_extra="x"), _need(d, if_extra="y")], c: [_need(e)],
           d: [], e: [], f: []}, a, [], "macos")),
        ("two extras asked for at once", "nothing", (pair, a, ["x", "y"], "linux")),
        ("the same two in the other order", "nothing", (pair, a, ["y", "x"], "linux")),
        ("a need that asks for two extras", "nothing", (handed, a, [], "linux")),
        ("extras with similar names", "everything", (parts, a, ["plots"], "linux")),
        ("an extra of one package, and the same word for another's", "leak",
         ({a: [_need(b), _need(c, if_extra="x")], b: [_need(d, if_extra="x")], c: [], d: [], e: [],
           f: []}, a, ["x"], "linux")),
        ("one package needed twice, only once with an extra", "twice", (twice, a, [], "linux")),
        ("the same, in the other order", "twice", (other_way, a, [], "linux")),
        ("an extra 'all' that asks for the package's own extras", "twice",
         (itself, a, ["all"], "linux")),
        ("two packages that need each other", "cycle",
         ({a: [_need(b)], b: [_need(a), _need(c)], c: [], d: [], e: [], f: []}, a, [], "linux")),
    ]  # fmt: skip


def _drawn_needs(rng: np.random.Generator) -> tuple:
    """A graph of 24 packages with cycles, extras and systems."""
    names = material.names(rng, 24)
    needs: dict[str, list[dict]] = {}
    for name in names:
        needs[name] = []
        for target in rng.permutation([n for n in names if n != name])[: int(rng.integers(1, 4))]:
            asked = ["x", "y"][: int(rng.integers(0, 3))] if rng.random() < 0.6 else []
            extra = str(rng.choice(["x", "y"])) if rng.random() < 0.55 else None
            where = str(rng.choice(["linux", "windows"])) if rng.random() < 0.25 else None
            needs[name].append(_need(str(target), asked, extra, where))
    return needs, names[0], ["x"], "linux"


@task(
    points=2,
    itself=("The package that you install is missing from the result.",
            "What is installed when a package needs nothing?"),
    markers=("Needs of another system are installed, or those of this one are not.",
             "None in need[\"system\"] means every system. What else must be followed?"),
    extras=("An extra is not handled as the task says.",
            "A need with an `if_extra` holds only if its package was asked for with just this extra; "
            "then it holds like any other. Who asked, and for which?"),
    everything=("Extras are installed that nobody asked for.",
                "Compare need[\"if_extra\"] with the extras that this package was asked for with."),
    nothing=("What an extra adds is missing, though somebody asked for it.",
             "An extra may be asked for by you (the argument) or by a need (its `extras`)."),
    leak=("An extra of one package is handed on to another.",
          "The extras of a package are its own affair. Which ones does a need ask its package for?"),
    twice=("A package that is met again with another extra is passed over.",
           "First it came plain, then with an extra: the second visit adds something. What must be "
           "remembered as done: the name, or the name together with what was asked for?"),
    cycle=("Packages that need each other are too much for your function.",
           "Remember where you have been before you go on to what is needed, and do not go there "
           "again."),
)  # fmt: skip
def install(attempt: Attempt) -> None:
    """What comes along with a package."""
    cases = _installs(attempt.rng)
    cases += [(f"drawn environment {i + 1}", "values", _drawn_needs(attempt.rng)) for i in range(4)]
    for what, otherwise, case in cases:
        about = f"for {what}"
        got = set(_several(_without_end(attempt, *case), about))
        want = _install(*case)
        strange = got - set(case[0])
        attempt.require(not strange, "values", f"No such package, {about}: {_listed(strange)}")
        mistakes = {
            "itself": want - {case[1]},
            "markers": _install(*case, markers=False),
            "everything": _install(*case, every=True),
            "nothing": _install(*case, none=True),
            "leak": _install(*case, leak=True),
            "twice": _install(*case, by_name=True),
        }
        if otherwise in mistakes:  # what the case is made for comes first
            mistakes = {otherwise: mistakes[otherwise], **mistakes}
        if got == _install(*case, by_name=True, deep=False) != want:
            mistakes = {"twice": got}
        graph = _graph(case[0], _told_need)
        asked = f"Asked for: {case[1]}{_in_brackets(case[2])} on {case[3]}; {graph}."
        _compare(got, want, mistakes, otherwise, about, asked if graph else "")
        attempt.passed(what)


def _in_brackets(extras: Sequence[str]) -> str:
    return f"[{', '.join(extras)}]" if extras else ""


def _told_need(need: Mapping) -> str:
    """A need in words: "b[x] (if extra y) (on linux)"."""
    extra = f" (if extra {need['if_extra']})" if need["if_extra"] else ""
    system = f" (on {need['system']})" if need["system"] else ""
    return f"{need['name']}{_in_brackets(need['extras'])}{extra}{system}"


# --- choices

Ways = frozenset  # of frozensets of licences
NAMES = ("MIT BSD-3-Clause BSD-2-Clause Apache-2.0 ISC MPL-2.0 LGPL-2.1-only LGPL-3.0-or-later "
        "GPL-2.0-only GPL-2.0-or-later GPL-3.0-only AGPL-3.0-only PSF-2.0 Zlib Unlicense 0BSD "
        "EPL-2.0 CC0-1.0")  # fmt: skip
SPDX = tuple(NAMES.split())
EXCEPTIONS = ("Classpath-exception-2.0", "GCC-exception-3.1", "LLVM-exception")
Tree = tuple  # ("AND" or "OR", tree, tree, ...) or a text


def _tree(rng: np.random.Generator, licences: list[str], top: str = "") -> Any:
    """A tree over these licences, each once, whose joins alternate from level to level."""
    if len(licences) == 1:
        plain = licences[0]
        return (
            f"{plain} WITH {rng.choice(EXCEPTIONS)}"
            if "GPL" in plain and rng.random() < 0.3
            else plain
        )
    join = {"AND": "OR", "OR": "AND"}.get(top) or str(rng.choice(["AND", "OR"]))
    parts = min(len(licences), int(rng.integers(2, 4)))
    ends = sorted(rng.choice(np.arange(1, len(licences)), parts - 1, replace=False).tolist())
    pieces = [licences[i:j] for i, j in zip([0, *ends], [*ends, len(licences)], strict=True)]
    return (join, *(_tree(rng, piece, join) for piece in pieces))


def _written(tree: Any, tight: bool = False, inside: str = "") -> str:
    if isinstance(tree, str):
        return tree
    text = f" {tree[0]} ".join(_written(part, tight, tree[0]) for part in tree[1:])
    if inside == "AND" and tree[0] == "OR":
        return f"({text})" if tight else f"( {text} )"
    return text


def _meaning(tree: Any) -> Ways:
    if isinstance(tree, str):
        return Ways({Ways({tree})})
    parts = [_meaning(part) for part in tree[1:]]
    ways = parts[0]
    for part in parts[1:]:
        ways = ways | part if tree[0] == "OR" else Ways(a | b for a in ways for b in part)
    return ways


def _read(text: str, *, swapped: bool = False, flat: bool = False, brackets: bool = True,
          split: bool = False) -> Ways:  # fmt: skip
    """A reader that makes the mistakes that it is told to make."""
    if not brackets:
        text = text.replace("(", " ").replace(")", " ")
    if not split:
        text = re.sub(r"\s+WITH\s+", "~", text)
    tokens = text.replace("(", " ( ").replace(")", " ) ").replace("WITH", "AND").split()

    def either(ways: Ways, other: Ways) -> Ways:
        return ways | other

    def both(ways: Ways, other: Ways) -> Ways:
        return Ways(a | b for a in ways for b in other)

    joins: dict[str, Callable] = {"OR": either, "AND": both}
    if swapped:
        joins = {"OR": both, "AND": either}

    def one() -> Ways:
        token = tokens.pop(0)
        if token != "(":
            return Ways({Ways({token.replace("~", " WITH ")})})
        ways = row()
        tokens.pop(0)
        return ways

    def all_of() -> Ways:
        ways = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            ways = joins["AND"](ways, one())
        return ways

    def row() -> Ways:
        ways = one() if flat else all_of()
        while tokens and tokens[0] in joins:
            join = joins[tokens.pop(0)]
            ways = join(ways, one() if flat else all_of())
        return ways

    return row()


@task(
    points=2,
    swapped=("AND and OR have changed places.",
             "OR leaves you the choice: one way more. AND asks for both at once: the way gets longer."),
    precedence=("AND and OR are read from left to right, as if both bound equally.",
                "AND binds more tightly than OR, as * does than +. Which of the two should be split "
                "first, so that it is joined last?"),
    parentheses=("Parentheses are not heeded.",
                 "What stands in parentheses is worked out first, and may hold parentheses again. Two "
                 "lists of ways joined by AND: each of the first with each of the second."),
    exception=("WITH and its exception are torn from their licence.",
               "`GPL-2.0-only WITH Classpath-exception-2.0` is one licence, and one text in the "
               "result: three words, single spaces."),
    silence=("Where no licence is given, you found a way to use it.",
             "All rights are reserved: there is no way at all. A list with an empty set in it would "
             "say that there is a way which asks for nothing."),
    mixed=("All licences are there, and they are not grouped into the right ways.",
           "One set for each way to comply. Work out A AND (B OR C) on paper: which two sets?"),
    name=("Something that is no licence, or only a part of one, is in a set.",
          "Spaces, parentheses and the words AND and OR belong to no licence's name. Print your list "
          "of tokens."),
)  # fmt: skip
def choices(attempt: Attempt) -> None:
    """The ways to comply with a licence expression."""
    cases: list[tuple[str, Ways]] = []
    for _ in range(2):
        a, b, c, d, e = (str(n) for n in attempt.rng.permutation(SPDX)[:5])
        trees = [a, ("OR", a, b), ("AND", c, d), ("OR", a, ("AND", b, c)), ("OR", ("AND", a, b), c),
                 ("AND", ("OR", a, b), ("OR", c, d)), ("AND", a, ("OR", b, ("AND", c, d), e)),
                 ("OR", a, b, c)]  # fmt: skip
        cases += [(_written(tree, tight=True), _meaning(tree)) for tree in trees]
        first = ("AND", ("OR", a, b), c)
        cases += [
            (f"(({a} OR {b}) AND {c})", _meaning(first)),
            (f"(({a} OR {b}) AND {c}) OR {d}", _meaning(("OR", first, d))),
            (f"(({a} OR {b}) AND {c}) AND ({d} OR {e})", _meaning(("AND", first, ("OR", d, e)))),
            (f"{d} AND ({e} OR ({a} OR {b}) AND {c})", _meaning(("AND", d, ("OR", e, first)))),
            (
                f"(({a})) AND (({b} AND {c}) OR ({d}))",
                _meaning(("AND", a, ("OR", ("AND", b, c), d))),
            ),
        ]
    kept = str(attempt.rng.choice(["GPL-2.0-only", "GPL-3.0-only"]))
    tree = ("OR", "MIT", f"{kept} WITH {attempt.rng.choice(EXCEPTIONS)}")
    cases.append((_written(tree), _meaning(tree)))
    cases.append((f"((({kept})))", _meaning(kept)))
    for number in (4, 5, 6, 7, 8):
        licences = [str(n) for n in attempt.rng.permutation(SPDX)[:number]]
        tree = _tree(attempt.rng, licences)
        cases.append((_written(tree, tight=bool(number % 2)), _meaning(tree)))
    for text, want in cases:
        got = _ways(attempt.call(text), f"for {text!r}")
        if got != want:
            _misread(text, got, want)
    attempt.passed(f"{len(cases)} expressions, up to 8 licences in nested parentheses")
    for nothing in (None, ""):
        got = _ways(attempt.call(nothing), f"for {nothing!r}")
        attempt.require(not got, "silence", f"This came for {nothing!r}: {_told(got)}")
    attempt.passed("no licence, no way")


def _misread(text: str, got: Ways, want: Ways) -> None:
    saw = f"This came for {text!r}: {_told(got)}"
    known = {"swapped": _read(text, swapped=True), "precedence": _read(text, flat=True),
             "parentheses": _read(text, brackets=False),
             "exception": _read(text, split=True)}  # fmt: skip
    for key, mistaken in known.items():
        if got == mistaken:
            raise Failed(key, saw)
    licences, right = Ways().union(*got), Ways().union(*want)
    if licences - right:
        torn = any(w in ("WITH", *EXCEPTIONS) or f"{w} WITH" in text for w in licences - right)
        raise Failed("exception" if torn else "name", saw)
    if "(" in text and "OR" in text:
        raise Failed("parentheses", saw)
    raise Failed("mixed", saw)


def _told(ways: Ways) -> str:
    return (
        " or ".join("{" + ", ".join(sorted(way)) + "}" for way in sorted(ways, key=sorted)) or "[]"
    )


def _ways(got: Any, about: str) -> Ways:
    if got is None:
        raise Failed("empty", f"None came {about}.")
    wanted = f"A list of sets of licences was expected {about}, and this came: {shown(got)}"
    if isinstance(got, str | Mapping) or callable(got):
        raise Failed("type", wanted)
    try:
        rows = list(got)
    except TypeError:
        raise Failed("type", wanted) from None
    ways = set()
    for row in rows:
        if isinstance(row, str | Mapping) or callable(row):
            raise Failed("type", wanted)
        try:
            way = list(row)
        except TypeError:
            raise Failed("type", wanted) from None
        if not all(map(_is_name, way)):
            raise Failed("type", wanted)
        ways.add(Ways(str(name) for name in way))
    return Ways(ways)


# --- refused


def _fits(ways: Iterable, allowed: Collection[str]) -> bool:
    return any(set(way) <= set(allowed) for way in ways)


def _distances(needs: Mapping[str, Sequence[str]], start: str) -> dict[str, int]:
    found, front = {start: 0}, [start]
    for name in front:
        for needed in needs[name]:
            if needed not in found:
                found[needed] = found[name] + 1
                front.append(needed)
    return found


def _licensed(rng: np.random.Generator, number: int) -> tuple:
    names = material.names(rng, number)
    needs = {
        name: [str(n) for n in rng.permutation([m for m in names if m != name])
               [: int(rng.integers(0, 4))]]
        for name in names
    }  # fmt: skip
    needs[names[-1]], needs[names[0]] = [names[0]], [str(n) for n in names[1:4]]
    kinds = [[{"MIT"}], [{"MIT"}, {"GPL-3.0-only"}], [{"MIT", "GPL-3.0-only"}], [{"AGPL-3.0-only"}],
             [], [{"Apache-2.0", "BSD-3-Clause"}], [{"GPL-3.0-only"}, {"MIT", "BSD-3-Clause"}],
             [{"MPL-2.0"}, {"LGPL-3.0-only"}], [{"GPL-3.0-only", "MPL-2.0"}, {"ISC"}]]  # fmt: skip
    licences = {name: kinds[int(rng.integers(len(kinds)))] for name in names}
    return needs, licences, names[0], {"MIT", "BSD-3-Clause", "Apache-2.0", "ISC"}


@task(
    points=2,
    any=("A package is let through although one of the licences that hold at once is not allowed.",
         "A set such as {\"MIT\", \"GPL-3.0-only\"} binds you to both. Is the whole way allowed?"),
    every=("A package is refused although one of its ways is allowed.",
           "You may choose: one allowed way is enough."),
    silence=("A package without a licence is let through.",
             "Its list of ways is empty. What does `all` say to an empty list, and what does `any`?"),
    unreached=("Packages are reported that your program does not need.",
               "Begin at `name` and go only where an arrow leads."),
    missed=("A package that is not allowed is missing from the result.",
            "Look at all that the program needs, directly or through others, and at itself. Do you go "
            "on below a package that is itself refused?"),
    ends=("A chain does not begin at your program or does not end at the refused package.",
          "From `name` to the package, both of them in the list; for `name` itself a list of one."),
    step=("A chain holds two neighbours without an arrow between them.",
          "Each package in the chain must need the next. Where do you note through whom you came?"),
    shortest=("A chain is longer than it must be.",
              "Going deep first finds some chain. To find the shortest, look at all that is one step "
              "away, then at what is two steps away: take from the front of the waiting list."),
    cycle=("Packages that need each other are too much for your function.",
           "Do not visit a package twice."),
)  # fmt: skip
def refused(attempt: Attempt) -> None:
    """The packages whose licence does not fit, and why they are there."""
    for what, case in _licensed_cases(attempt.rng):
        about = f"for {what}"
        needs, licences, start, allowed = case
        got = _mapping(_without_end(attempt, needs, licences, start, set(allowed)), about)
        found = set(got)
        near = _distances(needs, start)
        want = {name for name in near if not _fits(licences[name], allowed)}
        outside = found - set(near)
        attempt.require(not outside, "unreached", f"{about.capitalize()}: {_listed(outside)}")
        _wrongly(found, want, licences, allowed, about)
        for name in sorted(found):
            chain = _several(got[name], f"for {name!r}", "a chain of names")
            saw = f"{about.capitalize()} this chain came for {name!r}: {chain}"
            attempt.require(chain and chain[0] == start and chain[-1] == name, "ends", saw)
            arrows = itertools.pairwise(chain)
            attempt.require(all(b in needs.get(a, ()) for a, b in arrows), "step", saw)
            attempt.require(len(chain) == near[name] + 1, "shortest", saw)
        attempt.passed(what)


def _wrongly(found: set, want: set, licences: Mapping, allowed: set, about: str) -> None:
    """Fail for a package that is reported and should not be, or the other way round."""
    for name in sorted(found ^ want):
        ways = licences[name]
        saw = f"{about.capitalize()}, with the licences {ways}: {name!r} was "
        if name in found:
            raise Failed("every" if ways else "values", saw + "refused.")
        if not ways:
            raise Failed("silence", saw + "let through.")
        # Let through, or never met? Others of its kind tell.
        kind = [n for n in want if licences[n] and any(way & allowed for way in licences[n])]
        mixed = any(set(way) & set(allowed) for way in ways)
        raise Failed("any" if mixed and not found & set(kind) else "missed", saw + "not reported.")


def _licensed_cases(rng: np.random.Generator) -> list[tuple[str, tuple]]:
    a, b, c, d, e, f = material.names(rng, 6)
    free, bound, none = [{"MIT"}], [{"GPL-3.0-only"}], []
    allowed = {"MIT", "BSD-3-Clause"}
    ring = {a: [b, c], b: [c], c: [a, d], d: [], e: [f], f: [e]}
    return [
        ("licences to choose from and licences that hold at once", (
            {a: [b, c, d], b: [], c: [], d: [e], e: [], f: []},
            {a: free, b: [{"GPL-3.0-only"}, {"MIT"}], c: [{"MIT", "GPL-3.0-only"}],
             d: [{"MIT", "BSD-3-Clause"}], e: [{"MPL-2.0"}, {"MIT", "ISC"}], f: bound}, a, allowed)),
        ("a package without a licence",
         ({a: [b], b: [c], c: [], d: []}, {a: free, b: none, c: free, d: none}, a, allowed)),
        ("a program that is refused itself, and what lies below a refused package",
         ({a: [b], b: [c], c: [d], d: []}, {a: bound, b: free, c: bound, d: bound}, a, allowed)),
        ("a short way and a long one",
         ({a: [b, e], b: [c], c: [d], d: [], e: [d], f: [a]},
          {a: free, b: free, c: free, d: bound, e: free, f: bound}, a, allowed)),
        ("the same, in the other order",
         ({a: [e, b], b: [c], c: [d], d: [], e: [d], f: [a]},
          {a: free, b: free, c: free, d: bound, e: free, f: bound}, a, allowed)),
        ("packages that need each other",
         (ring, {n: bound if n == d else free for n in ring}, a, allowed)),
        *((f"drawn environment {i + 1}", _licensed(rng, 12 + 8 * i)) for i in range(4)),
    ]  # fmt: skip


# --- broken

Groups = Mapping[str, Sequence[Sequence[str]]]


def _broken(needs: Groups, gone: Collection[str], *, fails: Callable = all, rounds: int = 99,
            enough: Callable = any) -> set[str]:  # fmt: skip
    """What breaks; other settings make common mistakes."""
    broken = set(gone)
    for _ in range(rounds):
        new = {
            name
            for name, groups in needs.items()
            if groups and enough(fails(one in broken for one in group) for group in groups)
        }
        if new <= broken:
            break
        broken |= new
    return broken - set(gone)


def _one_pass(needs: Groups, gone: Collection[str]) -> set[str]:
    broken = set(gone)
    for name, groups in needs.items():
        if any(all(one in broken for one in group) for group in groups):
            broken.add(name)
    return broken - set(gone)


def _working(needs: Groups, gone: Collection[str]) -> set[str]:
    """Everything that cannot be built up from nothing: rings fall too."""
    works: set[str] = set()
    while True:
        new = {
            name
            for name, groups in needs.items()
            if name not in gone and all(works.intersection(group) for group in groups)
        }
        if new <= works:
            return set(needs) - works - set(gone)
        works |= new


def _alternatives(rng: np.random.Generator) -> tuple:
    names = material.names(rng, 30)
    needs: dict[str, list[list[str]]] = {name: [] for name in names}
    for i, name in enumerate(names[6:], 6):
        for _ in range(int(rng.integers(1, 3))):
            number = 1 if rng.random() < 0.55 else 2
            needs[name].append([names[j] for j in rng.permutation(i)[:number]])
    needs[names[3]], needs[names[4]] = [[names[4]]], [[names[3]]]
    order = [str(n) for n in rng.permutation(names)]
    gone = {names[j] for j in rng.permutation(12)[:3]}
    return {n: needs[n] for n in order}, gone


def _broken_cases(rng: np.random.Generator) -> list[tuple[str, str, tuple]]:
    a, b, c, d, e, f = material.names(rng, 6)
    chain = {a: [[b]], b: [[c]], c: [[d]], d: [], e: [[f]], f: []}
    pairs = {a: [[b, c], [d]], b: [], c: [], d: [], e: [[a, b]], f: [[c], [b, d]]}
    return [
        ("a chain", "far", (chain, {d})),
        ("the same chain, written the other way round", "far",
         (dict(reversed(chain.items())), {d})),
        ("one of two alternatives gone", "alternatives", (pairs, {b})),
        ("both alternatives gone", "both", (pairs, {b, c})),
        ("one of two needs gone", "needs", ({a: [[b], [c]], b: [], c: [], d: [[a, b]]}, {c})),
        ("an alternative that breaks because of the other", "both",
         ({a: [[b, c]], b: [[c]], c: [], d: [[b, a]], e: [[c, f]], f: []}, {c})),
        ("two packages that need each other, and nothing gone below them", "ring",
         ({a: [[b]], b: [[a]], c: [[a, d]], d: []}, {d})),
        ("two packages that need each other, one of which loses a need", "far",
         ({a: [[b], [c]], b: [[a]], c: [], d: [[b]]}, {c})),
        ("nothing gone", "values", (chain, set())),
        *((f"drawn environment {i + 1}", "values", _alternatives(rng)) for i in range(5)),
    ]  # fmt: skip


@task(
    points=2,
    gone=("The packages that are gone are in the result.",
          "Asked for are the others, those that break because of it."),
    far=("Only some of what breaks is found.",
         "What breaks can break others in turn, and those may stand earlier in the dictionary. When "
         "is there no need for another round?"),
    alternatives=("A package breaks although it has an alternative left.",
                  "A need is a list of alternatives: it is lost only when every one of them is."),
    both=("A package survives although all alternatives of one of its needs are lost.",
          "An alternative that is broken helps no more than one that is gone."),
    needs=("A package survives although one of its needs is lost.",
           "Every need must be met: how many lost ones does it take?"),
    ring=("Packages that need each other break for no reason.",
          "Begin with what is gone and ask what that breaks, not with what can be built from nothing."),
    cycle=("Packages that need each other are too much for your function.",
           "Do not ask again about a package that is being asked about; or go in rounds, without "
           "recursion."),
)  # fmt: skip
def broken(attempt: Attempt) -> None:
    """What breaks when there are alternatives."""
    for what, otherwise, (needs, gone) in _broken_cases(attempt.rng):
        about = f"for {what}"
        got = set(_several(_without_end(attempt, needs, set(gone)), about))
        strange = got - set(needs)
        attempt.require(not strange, "values", f"No such package, {about}: {_listed(strange)}")
        want = _broken(needs, gone)
        mistakes = {
            "gone": want | gone,
            "alternatives": _broken(needs, gone, fails=any),
            "needs": _broken(needs, gone, enough=all),
            "ring": _working(needs, gone),
        }
        if otherwise in ("far", "values"):
            far = [_broken(needs, gone, rounds=1), _one_pass(needs, gone)]
            mistakes["far"] = got if got in far else None
        graph = _graph(needs, lambda group: f"({' or '.join(group)})" if group[1:] else group[0])
        asked = f"Gone: {_listed(gone)}; {graph}." if graph else ""
        _compare(got, want, mistakes, "gone" if got & gone else otherwise, about, asked)
        attempt.passed(what)


# --- watch

NUMBER = 6  # packages that may be watched


def _reach(needs: Mapping[str, Sequence[str]]) -> dict[str, set[str]]:
    return {name: set(_distances(needs, name)) for name in needs}


def _greedy(needs: Mapping, risk: Mapping, number: int) -> list[str]:
    reach, seen, chosen = _reach(needs), set(), []
    for _ in range(number):
        chosen.append(max(needs, key=lambda name: sum(risk[n] for n in reach[name] - seen)))
        seen |= reach[chosen[-1]]
    return chosen


def _small(rng: np.random.Generator) -> tuple:
    """Each way of choosing badly takes another package first: many needs, many below, much risk."""
    a, b, c, d, e, f, g, h, i, j, k, m, n, o, p, q = material.names(rng, 16)
    needs = {i: [j, k, m, n], a: [c, d, e], b: [c, d], c: [], d: [], e: [], f: [g], g: [h],
             h: [o], o: [p], p: [q], q: [], j: [], k: [], m: [], n: []}  # fmt: skip
    risk = {name: round(float(rng.uniform(0.05, 0.3)), 2) for name in needs}
    for name, value in {c: 2.4, d: 2.5, e: 2.9, h: 2.3}.items():
        risk[name] += value
    return needs, risk


@task(
    points=3,
    number=("These are not at most k different packages of this environment.",
            "Keys of `needs`, each once, and no more than k of them."),
    counted=("Your choice goes by the number of packages; what counts is their risk.",
             "Ten packages with hardly a fault a year matter less than one with many. What does `risk` "
             "say of those that you see?"),
    direction=("You watch what many others need; its tests see little.",
               "The tests of a package notice a fault in itself and in what lies below it. Follow the "
               "arrows from the package, not to it."),
    direct=("Only what is needed directly seems to count in your choice.",
            "A test also notices a fault three arrows further down. Gather all that a package rests on "
            "first."),
    overlap=("Your packages see much, and they see the same.",
             "Risk that is already covered counts nothing the second time. After the first choice, "
             "what would the next one add?"),
    risky=("You watch the packages with the most risk of their own.",
           "How much of the risk lies in a package, and how much in what it rests on?"),
    low=("More can be covered.",
         "Choose one after the other, each time the package that adds the most risk not yet covered. "
         "Whoever wants more goes back and exchanges one choice for another."),
)  # fmt: skip
def watch(attempt: Attempt) -> None:
    """Challenge: watch few packages and see most of the risk."""
    small = _small(attempt.rng)
    for number in (1, 2):
        _watched(attempt, *small, number, f"for 16 packages and k={number}")
    attempt.passed("16 packages")
    few = {name: [] for name in list(small[0])[:2]}
    _watched(attempt, few, {name: 1.0 for name in few}, 5, "for 2 packages and k=5", easy=True)
    attempt.passed("fewer packages than may be watched")
    shares = []
    for i, seed in enumerate((5, 10, 11)):
        needs, risk = material.environment(seed + attempt.seed)
        shares.append(_watched(attempt, needs, risk, NUMBER, f"for large environment {i + 1}"))
    mean = float(np.mean(shares))
    attempt.score(f"{mean:.2%} of the risk seen with {NUMBER} packages", mean)
    attempt.passed(f"three environments of {len(needs)} packages: {mean:.1%} of the risk seen")


def _watched(attempt: Attempt, needs: dict, risk: dict, number: int, about: str,
             easy: bool = False) -> float:  # fmt: skip
    got = _several(_without_end(attempt, needs, risk, number, key="low"), about)
    saw = f"{about.capitalize()} this came: {got}"
    right = set(got) <= set(needs) and len(set(got)) == len(got) <= number
    attempt.require(right, "number", saw)
    share = material.covered(needs, risk, got)
    wanted = material.covered(needs, risk, _greedy(needs, risk, number))
    if share < 0.97 * wanted - 1e-9 or (easy and share < 1 - 1e-9):
        told = f"{about.capitalize()} your choice sees {share:.0%} of the risk: {_listed(got)}"
        raise Failed(_habit(set(got), needs, risk, number), told)
    return share


def _habit(got: set, needs: dict, risk: dict, number: int) -> str:
    """The way of choosing that leads to these packages."""
    reach = _reach(needs)
    needed = {name: sum(name in others for others in needs.values()) for name in needs}
    above = {name: sum(name in reach[n] for n in needs) for name in needs}
    sees = {name: sum(risk[n] for n in reach[name]) for name in needs}
    flat = {name: sum(risk[n] for n in {name, *needs[name]}) for name in needs}
    size = {name: len(reach[name]) for name in needs}
    direct = {name: len(needs[name]) for name in needs}
    ways = {"risky": [risk], "direction": [needed, above], "overlap": [sees], "counted": [size],
            "direct": [direct, flat]}  # fmt: skip
    if got == set(_greedy(needs, dict.fromkeys(needs, 1.0), number)):
        return "counted"
    for key, measures in ways.items():
        if any(_leads(got, measure, number) for measure in measures):
            return key
    return "low"


def _leads(got: set, measure: Mapping[str, float], number: int) -> bool:
    """Whether these are the largest by this measure, in whatever order ties are broken."""
    if len(got) != min(number, len(measure)):
        return False
    rest = [measure[name] for name in measure if name not in got]
    return not rest or min(measure[name] for name in got) >= max(rest)
