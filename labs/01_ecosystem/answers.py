"""Answers to lab 1 that a check must reject with the right hint, or accept.

They are the mistakes that people make, and right answers written another way than the master's.
"""

import itertools
import re
from collections import Counter, deque

from tests.answers import right, wrong

# --- audit


def canonical(name):
    return re.sub(r"[-_.]+", "-", name.split("[")[0].strip()).lower()


def requirements(lock, comments=True, joined=True):
    if joined:
        lock = lock.replace("\\\n", " ")
    for line in lock.split("\n"):
        if comments:
            line = re.split(r"(?:^|\s)#", line)[0]
        line = line.strip()
        if line and not line.startswith(("-", "#")):
            yield line


def problems_of(line, yanked, pattern=r"==\s*([^\s;*]+)(?=\s|;|$)"):
    wish = re.split(r"\s--hash|;", line)[0]
    name = canonical(re.split(r"[=<>~!\s;]", line)[0])
    pin = re.search(pattern, wish)
    found = set()
    if not pin:
        found.add("not pinned")
    if "--hash=" not in line:
        found.add("no hash")
    if pin and (name, pin[1]) in yanked:
        found.add("yanked")
    return name, found


@right("audit")
def by_pattern(lock, yanked):
    pairs = (problems_of(line, yanked) for line in requirements(lock))
    return {name: found for name, found in pairs if found}


@right("audit")
def character_by_character(lock, yanked):
    out, lines = {}, []
    for line in lock.splitlines():
        if lines and lines[-1].endswith("\\"):
            lines[-1] = lines[-1][:-1] + line
        else:
            lines.append(line)
    for line in lines:
        words = []
        for word in line.split():
            if word.startswith("#"):
                break
            words.append(word)
        if not words or words[0].startswith("--"):
            continue
        head = words[0].split(";")[0]
        name, _, version = head.partition("==")
        name = canonical(re.split("[<>~=!]", name)[0])
        exact = bool(version) and not version.endswith("*")
        found = ("not pinned",) * (not exact)
        found += ("no hash",) * (not any(word.startswith("--hash=") for word in words))
        found += ("yanked",) * ((name, version) in yanked)
        if found:
            out[name] = found
    return out


@wrong("audit", "continued")
def line_by_line(lock, yanked):
    pairs = (problems_of(x.rstrip("\\ "), yanked) for x in requirements(lock, joined=False))
    return {name: found for name, found in pairs if found}


@wrong("audit", "continued")
def hashes_are_packages(lock, yanked):
    rest = [x.strip() for x in lock.splitlines() if x.strip().startswith("--hash")]
    return {**by_pattern(lock, yanked), **{x.strip(" \\"): ["not pinned"] for x in rest}}


@wrong("audit", "comment")
def with_comments(lock, yanked):
    pairs = (
        problems_of(x, yanked, r"==\s*([^\s;*]+)(?=\s|;|$)") for x in requirements(lock, False)
    )
    return {name: found for name, found in pairs if found}


@wrong("audit", "comment")
def options_are_packages(lock, yanked):
    return {**by_pattern(lock, yanked), "--index-url": {"not pinned", "no hash"}}


@wrong("audit", "marker")
def with_markers(lock, yanked):
    out = {}
    for line in requirements(lock):
        name, found = problems_of(line, yanked)
        if "==" in line:
            found -= {"not pinned"} if "*" not in line else set()
        if found:
            out[name] = found
    return out


@wrong("audit", "name")
def names_as_written(lock, yanked):
    out = {}
    for line in requirements(lock):
        found = problems_of(line, yanked)[1]
        if found:
            out[re.split(r"[=<>~\s;]", line)[0]] = found
    return out


@wrong("audit", "wildcard")
def star_is_a_pin(lock, yanked):
    pairs = (problems_of(x, yanked, r"==\s*([^\s;]+)") for x in requirements(lock))
    return {name: found for name, found in pairs if found}


@wrong("audit", "low")
def bounds_are_versions(lock, yanked):
    out = by_pattern(lock, yanked)
    for line in requirements(lock):
        name, found = problems_of(line, yanked, r"[=>~]=\s*([^\s;*]+)")
        if "yanked" in found:
            out.setdefault(name, set()).add("yanked")
    return out


@wrong("audit", "yanked")
def yanked_by_name(lock, yanked):
    out = by_pattern(lock, yanked)
    for name in {name for name, _ in yanked}:
        out.setdefault(name, set()).add("yanked")
    return out


@wrong("audit", "yanked")
def never_yanked(lock, yanked):
    return by_pattern(lock, set())


@wrong("audit", "pinned")
def any_condition_pins(lock, yanked):
    out = {}
    for line in requirements(lock):
        name, found = problems_of(line, yanked)
        if re.search(r"[~>]=", line.split(";")[0]):
            found -= {"not pinned"}
        if found:
            out[name] = found
    return out


@wrong("audit", "hashes")
def hash_only_where_pinned(lock, yanked):
    out = {}
    for line in requirements(lock):
        name, found = problems_of(line, yanked)
        if "not pinned" in found:
            found -= {"no hash"}
        if found:
            out[name] = found
    return out


@wrong("audit", "clean")
def all_packages(lock, yanked):
    return dict(problems_of(line, yanked) for line in requirements(lock))


@wrong("audit", "comment")
def cut_at_every_hash_sign(lock, yanked):
    return by_pattern(re.sub("#.*", "", lock), yanked)


@wrong("audit", "yanked")
def yanked_only_with_a_hash(lock, yanked):
    out = {}
    for line in requirements(lock):
        name, found = problems_of(line, yanked)
        if "no hash" in found:
            found -= {"yanked"}
        if found:
            out[name] = found
    return out


def looked_up(lock, yanked, cut):
    out = {}
    for line in requirements(lock):
        name, found = problems_of(line, yanked)
        version = re.split(cut, line.partition("==")[2])[0].strip()
        if (name, version) not in yanked:
            found -= {"yanked"}
        if found:
            out[name] = found
    return out


@wrong("audit", "marker")
def marker_left_on_the_version(lock, yanked):
    return looked_up(lock, yanked, "--hash")


@wrong("audit", "yanked")
def hash_left_on_the_version(lock, yanked):
    return looked_up(lock, yanked, ";")


@wrong("audit", "type")
def only_the_names(lock, yanked):
    return list(by_pattern(lock, yanked))


# --- install


def applies(need, extra, system):
    return need["if_extra"] == extra and (need["system"] is None or need["system"] == system)


@right("install")
def by_recursion(needs, name, extras, system):
    seen = set()

    def go(package, asked):
        key = (package, tuple(sorted(asked)))
        if key in seen:
            return
        seen.add(key)
        for need in needs[package]:
            if need["system"] and need["system"] != system:
                continue
            if need["if_extra"] is None or need["if_extra"] in asked:
                go(need["name"], need["extras"])

    go(name, extras)
    return sorted({package for package, _ in seen})


@right("install")
def until_nothing_changes(needs, name, extras, system):
    asked = {name: set(extras)}
    while True:
        before = {k: set(v) for k, v in asked.items()}
        for package, wanted in before.items():
            for need in needs[package]:
                if need["system"] in (None, system) and need["if_extra"] in wanted | {None}:
                    asked.setdefault(need["name"], set()).update(need["extras"])
        if before == asked:
            return set(asked)


def walk(needs, name, extras, holds, deep=True):
    seen, waiting = {}, deque([(name, tuple(extras))])
    while waiting:
        package, asked = waiting.pop() if deep else waiting.popleft()
        if package in seen:
            continue
        seen[package] = asked
        for need in needs[package]:
            if holds(need, asked):
                waiting.append((need["name"], tuple(need["extras"])))
    return set(seen)


@wrong("install", "itself")
def without_itself(needs, name, extras, system):
    return set(by_recursion(needs, name, extras, system)) - {name}


@wrong("install", "markers")
def all_systems(needs, name, extras, system):
    plain = {k: [{**n, "system": None} for n in v] for k, v in needs.items()}
    return by_recursion(plain, name, extras, system)


@wrong("install", "markers")
def only_with_a_system(needs, name, extras, system):
    kept = {k: [n for n in v if n["system"] != "linux"] for k, v in needs.items()}
    return by_recursion(kept, name, extras, system)


@wrong("install", "everything")
def all_extras(needs, name, extras, system):
    plain = {k: [{**n, "if_extra": None} for n in v] for k, v in needs.items()}
    return by_recursion(plain, name, extras, system)


@wrong("install", "nothing")
def no_extras(needs, name, extras, system):
    kept = {k: [n for n in v if n["if_extra"] is None] for k, v in needs.items()}
    return by_recursion(kept, name, [], system)


@wrong("install", "nothing")
def only_my_own_extras(needs, name, extras, system):
    kept = {k: [{**n, "extras": []} for n in v] for k, v in needs.items()}
    return by_recursion(kept, name, extras, system)


@wrong("install", "nothing")
def first_extra_only(needs, name, extras, system):
    return by_recursion(needs, name, extras[:1], system)


@wrong("install", "nothing")
def first_extra_of_a_need_only(needs, name, extras, system):
    plain = {k: [{**n, "extras": n["extras"][:1]} for n in v] for k, v in needs.items()}
    return by_recursion(plain, name, extras, system)


@wrong("install", "everything")
def parts_of_names(needs, name, extras, system):
    def holds(need, asked):
        extra = need["if_extra"]
        return need["system"] in (None, system) and (extra is None or extra in ",".join(asked))

    return walk(needs, name, extras, holds)


@wrong("install", "extras")
def extras_instead(needs, name, extras, system):
    seen = set()

    def go(package, asked):
        if (package, tuple(asked)) in seen:
            return
        seen.add((package, tuple(asked)))
        for need in needs[package]:
            if need["system"] in (None, system) and need["if_extra"] in (asked or [None]):
                go(need["name"], need["extras"])

    go(name, extras)
    return {package for package, _ in seen}


@wrong("install", "leak")
def extras_for_all(needs, name, extras, system):
    seen = set()

    def go(package, asked):
        if (package, asked) in seen:
            return
        seen.add((package, asked))
        for need in needs[package]:
            if need["system"] in (None, system) and need["if_extra"] in asked | {None}:
                go(need["name"], asked | set(need["extras"]))

    go(name, frozenset(extras))
    return {package for package, _ in seen}


@wrong("install", "twice")
def each_name_once_deep(needs, name, extras, system):
    def holds(need, asked):
        return need["system"] in (None, system) and need["if_extra"] in (None, *asked)

    return walk(needs, name, extras, holds)


@wrong("install", "twice")
def each_name_once_wide(needs, name, extras, system):
    def holds(need, asked):
        return need["system"] in (None, system) and need["if_extra"] in (None, *asked)

    return walk(needs, name, extras, holds, deep=False)


@wrong("install", "cycle")
def without_memory(needs, name, extras, system):
    out = {name}
    for need in needs[name]:
        if need["system"] in (None, system) and need["if_extra"] in (None, *extras):
            out |= without_memory(needs, need["name"], need["extras"], system)
    return out


@wrong("install", "values")
def direct_only(needs, name, extras, system):
    wanted = (n for n in needs[name] if n["if_extra"] in (None, *extras))
    return {name, *(n["name"] for n in wanted if n["system"] in (None, system))}


@wrong("install", "type")
def needs_not_names(needs, name, extras, system):
    return needs[name] or [needs]


# --- choices


@right("choices")
def two_stacks(expression):
    """Dijkstra's way with operators; ways as tuples."""
    if not expression or not expression.strip():
        return []
    words = re.sub(r"([()])", r" \1 ", expression).split()
    values, operators, weight = [], [], {"OR": 1, "AND": 2, "(": 0}

    def apply():
        b, a = values.pop(), values.pop()
        join = operators.pop()
        values.append(a + b if join == "OR" else [x + y for x in a for y in b])

    i = 0
    while i < len(words):
        word = words[i]
        if word == "(":
            operators.append(word)
        elif word == ")":
            while operators[-1] != "(":
                apply()
            operators.pop()
        elif word in weight:
            while operators and weight[operators[-1]] >= weight[word]:
                apply()
            operators.append(word)
        elif word == "WITH":
            values[-1] = [(f"{values[-1][0][0]} WITH {words[i + 1]}",)]
            i += 1
        else:
            values.append([(word,)])
        i += 1
    while operators:
        apply()
    return values[0]


def split_outside(text, word):
    parts, depth, here = [], 0, []
    for token in text.replace("(", " ( ").replace(")", " ) ").split():
        depth += (token == "(") - (token == ")")
        if token == word and depth == 0:
            parts.append(" ".join(here))
            here = []
        else:
            here.append(token)
    return [*parts, " ".join(here)]


@right("choices")
def by_splitting(expression):
    text = (expression or "").strip()
    if not text:
        return set()
    parts = split_outside(text, "OR")
    if len(parts) > 1:
        return frozenset().union(*(by_splitting(part) for part in parts))
    parts = split_outside(text, "AND")
    if len(parts) > 1:
        ways = itertools.product(*(by_splitting(part) for part in parts))
        return {frozenset().union(*way) for way in ways}
    if parts[0].startswith("("):
        return by_splitting(parts[0][1:].rsplit(")", 1)[0])
    return {frozenset({parts[0]})}


@right("choices")
def empty_or_none_alone(expression):
    if expression is None or expression == "":
        return []
    assert expression.strip(), "the task names no other text without a licence"
    return two_stacks(expression)


@wrong("choices", "parentheses")
def two_at_the_beginning_are_dropped(expression):
    text = (expression or "").strip()
    return by_splitting(re.sub(r"^\(\((.*?)\)(.*)\)$", r"\1\2", text))


@wrong("choices", "parentheses")
def two_at_the_beginning_close_together(expression):
    text = (expression or "").strip()
    return by_splitting(re.sub(r"^\(\((.*?)\)(.*?)\)", r"(\1\2)", text))


@wrong("choices", "swapped")
def and_for_or(expression):
    text = expression or ""
    for old, new in ((" OR ", " or "), (" AND ", " OR "), (" or ", " AND ")):
        text = text.replace(old, new)
    return by_splitting(text)


@wrong("choices", "precedence")
def left_to_right(expression):
    words = re.sub(r"([()])", r" \1 ", re.sub(r" WITH ", "~", expression or "")).split()

    def row():
        ways = one()
        while words and words[0] != ")":
            join, more = words.pop(0), one()
            ways = ways + more if join == "OR" else [a | b for a in ways for b in more]
        return ways

    def one():
        word = words.pop(0)
        if word != "(":
            return [{word.replace("~", " WITH ")}]
        ways = row()
        words.pop(0)
        return ways

    return row() if words else []


@wrong("choices", "parentheses")
def without_parentheses(expression):
    text = (expression or "").replace("(", " ").replace(")", " ")
    return by_splitting(" ".join(text.split()))


@wrong("choices", "parentheses")
def splitting_at_once(expression):
    text = re.sub(r"[()]", "", expression or "").strip()
    if not text:
        return []
    return [{w.strip() for w in re.split(r" AND ", way)} for way in re.split(r" OR ", text)]


@wrong("choices", "name")
def parentheses_in_names(expression):
    if not (expression or "").strip():
        return []
    return [{w.strip() for w in way.split(" AND ")} for way in expression.split(" OR ")]


@wrong("choices", "exception")
def exceptions_apart(expression):
    return by_splitting((expression or "").replace(" WITH ", " AND "))


@wrong("choices", "exception")
def exceptions_dropped(expression):
    return by_splitting(re.sub(r" WITH \S+?(?=[\s)]|$)", "", expression or ""))


@wrong("choices", "silence")
def nothing_asked(expression):
    return by_splitting(expression) or [set()]


@wrong("choices", "silence")
def unknown_licence(expression):
    return by_splitting(expression) or [{"unknown"}]


@wrong("choices", "swapped")
def one_licence_a_way(expression):
    return [{name} for name in frozenset().union(*by_splitting(expression))]


@wrong("choices", "mixed")
def only_one_way(expression):
    return sorted(by_splitting(expression), key=len)[:1]


@wrong("choices", "type")
def a_list_of_names(expression):
    return [name for way in by_splitting(expression) for name in way]


@wrong("choices", "raised")
def none_forgotten(expression):
    return by_splitting(expression + " ")


# --- refused


def fits(ways, allowed):
    return any(set(way) <= allowed for way in ways)


def reached(needs, name):
    found, front = {name: [name]}, deque([name])
    while front:
        package = front.popleft()
        for needed in needs[package]:
            if needed not in found:
                found[needed] = [*found[package], needed]
                front.append(needed)
    return found


def judged(needs, licences, name, passes):
    return {n: chain for n, chain in reached(needs, name).items() if not passes(licences[n])}


@right("refused")
def through_parents(needs, licences, name, allowed):
    parent, front = {name: None}, deque([name])
    while front:
        package = front.popleft()
        for needed in reversed(needs[package]):
            if needed not in parent:
                parent[needed] = package
                front.append(needed)
    out = {}
    for package in parent:
        if all(way - allowed for way in licences[package]):
            chain, at = [], package
            while at:
                chain.append(at)
                at = parent[at]
            out[package] = tuple(chain[::-1])
    return out


@right("refused")
def layer_by_layer(needs, licences, name, allowed):
    chains = {name: [name]}
    layer = [name]
    while layer:
        following = []
        for package in layer:
            for needed in needs[package]:
                if needed not in chains:
                    chains[needed] = chains[package] + [needed]
                    following.append(needed)
        layer = following
    return {n: c for n, c in chains.items() if not fits(licences[n], allowed)}


@wrong("refused", "any")
def one_licence_is_enough(needs, licences, name, allowed):
    return judged(needs, licences, name, lambda ways: any(way & allowed for way in ways))


@wrong("refused", "every")
def all_ways_allowed(needs, licences, name, allowed):
    return judged(needs, licences, name, lambda ways: ways and all(way <= allowed for way in ways))


@wrong("refused", "every")
def all_names_allowed(needs, licences, name, allowed):
    return judged(needs, licences, name, lambda ways: ways and set().union(*ways) <= allowed)


@wrong("refused", "silence")
def silence_is_a_yes(needs, licences, name, allowed):
    return judged(needs, licences, name, lambda ways: not ways or fits(ways, allowed))


@wrong("refused", "unreached")
def the_whole_environment(needs, licences, name, allowed):
    outside = {n: [name, n] for n in needs if not fits(licences[n], allowed)}
    return outside | layer_by_layer(needs, licences, name, allowed)


@wrong("refused", "missed")
def without_the_program(needs, licences, name, allowed):
    found = layer_by_layer(needs, licences, name, allowed)
    return {n: chain for n, chain in found.items() if n != name}


@wrong("refused", "missed")
def stops_at_the_refused(needs, licences, name, allowed):
    cut = {n: needs[n] if fits(licences[n], allowed) else [] for n in needs}
    return layer_by_layer(cut, licences, name, allowed)


@wrong("refused", "missed")
def direct_needs(needs, licences, name, allowed):
    found = layer_by_layer(needs, licences, name, allowed)
    return {n: chain for n, chain in found.items() if len(chain) < 3}


@wrong("refused", "ends")
def from_the_package_up(needs, licences, name, allowed):
    found = layer_by_layer(needs, licences, name, allowed)
    return {n: chain[::-1] for n, chain in found.items()}


@wrong("refused", "ends")
def without_the_beginning(needs, licences, name, allowed):
    found = layer_by_layer(needs, licences, name, allowed)
    return {n: chain[1:] for n, chain in found.items()}


@wrong("refused", "step")
def only_the_ends(needs, licences, name, allowed):
    found = layer_by_layer(needs, licences, name, allowed)
    return {n: [name, n] if n != name else [n] for n in found}


@wrong("refused", "shortest")
def going_deep(needs, licences, name, allowed):
    chains = {}

    def go(package, chain):
        if package in chains:
            return
        chains[package] = [*chain, package]
        for needed in needs[package]:
            go(needed, chains[package])

    go(name, [])
    return {n: c for n, c in chains.items() if not fits(licences[n], allowed)}


@wrong("refused", "shortest")
def from_the_end_of_the_list(needs, licences, name, allowed):
    chains, waiting = {name: [name]}, [name]
    while waiting:
        package = waiting.pop()
        for needed in needs[package]:
            if needed not in chains:
                chains[needed] = [*chains[package], needed]
                waiting.append(needed)
    return {n: c for n, c in chains.items() if not fits(licences[n], allowed)}


@wrong("refused", "cycle")
def no_memory(needs, licences, name, allowed, so_far=()):
    chain = [*so_far, name]
    out = {} if fits(licences[name], allowed) else {name: chain}
    for needed in needs[name]:
        for package, way in no_memory(needs, licences, needed, allowed, tuple(chain)).items():
            if len(way) < len(out.get(package, way * 2)):
                out[package] = way
    return out


@wrong("refused", "type")
def a_set(needs, licences, name, allowed):
    return set(layer_by_layer(needs, licences, name, allowed))


# --- broken


def meets(needs, gone, rule):
    lost = set(gone)
    for _ in range(len(needs) + 1):
        lost |= {name for name in needs if rule(needs[name], lost)}
    return lost - gone


@right("broken")
def with_a_counter(needs, gone):
    """Count down the alternatives of each need; what reaches zero falls."""
    left = {(n, i): set(group) for n, groups in needs.items() for i, group in enumerate(groups)}
    users = {}
    for need, group in left.items():
        for one in group:
            users.setdefault(one, []).append(need)
    waiting, fallen = list(gone), set(gone)
    while waiting:
        lost = waiting.pop()
        for need in users.get(lost, ()):
            left[need].discard(lost)
            if not left[need] and need[0] not in fallen:
                fallen.add(need[0])
                waiting.append(need[0])
    return [name for name in fallen if name not in gone]


@right("broken")
def by_works(needs, gone):
    works = {name: name not in gone for name in needs}
    for _ in needs:
        for name in needs:
            works[name] = works[name] and all(any(works[o] for o in g) for g in needs[name])
    return frozenset(name for name in needs if not works[name] and name not in gone)


@wrong("broken", "gone")
def with_the_gone(needs, gone):
    return set(by_works(needs, gone)) | gone


@wrong("broken", "far")
def one_step(needs, gone):
    return {n for n in needs if n not in gone and any(set(g) <= gone for g in needs[n])}


@wrong("broken", "far")
def one_pass(needs, gone):
    lost = set(gone)
    for name, groups in needs.items():
        if any(lost.issuperset(group) for group in groups):
            lost.add(name)
    return lost - gone


@wrong("broken", "alternatives")
def all_alternatives_needed(needs, gone):
    return meets(needs, gone, lambda groups, lost: any(set(g) & lost for g in groups))


@wrong("broken", "both")
def only_without_alternatives(needs, gone):
    return meets(
        needs, gone, lambda groups, lost: any(len(g) == 1 and g[0] in lost for g in groups)
    )


@wrong("broken", "both")
def broken_alternatives_count(needs, gone):
    single = meets(
        needs, gone, lambda groups, lost: any(len(g) == 1 and g[0] in lost for g in groups)
    )
    return single | {n for n in needs if n not in gone and any(set(g) <= gone for g in needs[n])}


@wrong("broken", "needs")
def one_need_is_enough(needs, gone):
    return meets(needs, gone, lambda groups, lost: groups and all(set(g) <= lost for g in groups))


@wrong("broken", "ring")
def built_from_nothing(needs, gone):
    works = set()
    for _ in needs:
        works |= {n for n in needs if n not in gone and all(set(g) & works for g in needs[n])}
    return set(needs) - works - gone


@wrong("broken", "cycle")
def asking_in_circles(needs, gone):
    def falls(name):
        return name in gone or any(all(map(falls, group)) for group in needs[name])

    return {name for name in needs if falls(name)} - gone


@wrong("broken", "type")
def how_many(needs, gone):
    return len(by_works(needs, gone))


@wrong("broken", "changed")
def gone_grows(needs, gone):
    start = set(gone)
    for _ in needs:
        for name, groups in needs.items():
            if any(gone.issuperset(group) for group in groups):
                gone.add(name)
    return gone - start


# --- watch


def below(needs, name):
    return set(reached(needs, name))


def largest(measure, k):
    return sorted(measure, key=measure.get, reverse=True)[:k]


@right("watch")
def one_after_the_other(needs, risk, k):
    seen, chosen = set(), []
    sees = {name: below(needs, name) for name in needs}
    while len(chosen) < k and sees:
        gain = {name: sum(risk[n] for n in s - seen) for name, s in sees.items()}
        best = max(gain, key=gain.get)
        chosen.append(best)
        seen |= sees.pop(best)
    return chosen


@right("watch")
def the_best_of_a_few(needs, risk, k):
    """Keep the twenty best sets of each size, and let each grow by one."""
    sees = {name: below(needs, name) for name in needs}
    tops = [n for n in needs if not any(sees[n] < other for other in sees.values())]
    sets = [((), frozenset())]
    for _ in range(min(k, len(tops))):
        grown = {
            frozenset({*names, n}): seen | sees[n]
            for names, seen in sets
            for n in tops
            if n not in names
        }
        ranked = sorted(grown.items(), key=lambda pair: -sum(risk[n] for n in pair[1]))
        sets = [(tuple(names), frozenset(seen)) for names, seen in ranked[:20]]
    return set(sets[0][0])


@wrong("watch", "overlap")
def sees_most(needs, risk, k):
    return largest({name: sum(risk[n] for n in below(needs, name)) for name in needs}, k)


@wrong("watch", "counted")
def one_after_the_other_by_number(needs, risk, k):
    return one_after_the_other(needs, dict.fromkeys(risk, 1.0), k)


@wrong("watch", "counted")
def rests_on_most(needs, risk, k):
    return largest({name: len(below(needs, name)) + risk[name] / 1e6 for name in needs}, k)


@wrong("watch", "risky")
def riskiest(needs, risk, k):
    return largest(risk, k)


@wrong("watch", "direction")
def most_needed(needs, risk, k):
    count = Counter(n for others in needs.values() for n in others)
    return largest({name: count[name] for name in needs}, k)


@wrong("watch", "direction")
def breaks_most(needs, risk, k):
    return largest({n: sum(n in below(needs, m) for m in needs) for n in needs}, k)


@wrong("watch", "direct")
def most_needs(needs, risk, k):
    return largest({name: len(others) for name, others in needs.items()}, k)


@wrong("watch", "low")
def those_below_two(needs, risk, k):
    """Whatever is in the middle: needed by some, needing some."""
    middle = [n for n in needs if needs[n] and any(n in other for other in needs.values())]
    return middle[:k]


@wrong("watch", "number")
def one_more(needs, risk, k):
    return one_after_the_other(needs, risk, k + 1)


@wrong("watch", "number")
def one_six_times(needs, risk, k):
    return one_after_the_other(needs, risk, 1) * 6


@wrong("watch", "type")
def the_share(needs, risk, k):
    return 0.9
