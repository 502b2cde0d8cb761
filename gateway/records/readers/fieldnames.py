"""The names of a .dbf's fields as titles: ten bytes hold half of most titles, and some begin alike.

A name that is a title cut there is known again where only one title begins like that. Where several do, the order says
which is meant, if the columns stand as in the agreement and can be read in one way only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.outcomes import Refused
from gateway.records.readers.header import TWICE
from gateway.records.schema import Schema, normal_title

AMBIGUOUS = "317"
_BYTES = 10
_STEM = 6
Begun = Mapping[str, set[int]]


def titles(names: Sequence[str], schema: Schema) -> list[str] | Refused:
    """For each name the title of the field it stands for, or the name itself where it stands for none. Refused 317
    where names that were cut could be several fields, and the order does not say which, 305 where one comes twice."""
    begun: dict[str, set[int]] = {}
    for title, place in schema.places.items():
        begun.setdefault(_begin(title), set()).add(place)
    bare = [normal_title(name) for name in names]
    may_be = [_may_be(name, bare, schema, begun) for name in bare]
    unsure = {place for places in may_be if len(places) > 1 for place in places}
    if unsure:
        sure = [place for places in may_be if len(places) == 1 for place in places]
        if (twice := next((place for place in sure if sure.count(place) > 1), None)) is not None:
            return Refused(TWICE, {"title": schema.fields[twice].title})
        ordered = _in_order(may_be)
        if ordered is None:
            return _ambiguous(unsure, schema, begun)
        may_be = ordered
    return [
        name if not places or schema.places.get(bare[at]) in places else schema.fields[min(places)].title
        for at, (name, places) in enumerate(zip(names, may_be, strict=True))
    ]


def _may_be(name: str, names: Sequence[str], schema: Schema, begun: Begun) -> set[int]:
    """The fields that a name may stand for; programs that allow no name twice put a digit in place of its end."""
    if name in schema.places and names.count(name) == 1:
        return {schema.places[name]}
    found = begun.get(_begin(name), set())
    stem = name.rstrip("0123456789_~")
    if found or stem == name or _length(stem) < _STEM:
        return found
    return {place for begin, places in begun.items() if begin.startswith(stem) for place in places}


def _in_order(may_be: Sequence[set[int]]) -> list[set[int]] | None:
    """The one way of reading the columns in the order of the agreement; None where there is none, or more than one."""
    ways: list[dict[int, int]] = []
    for places in reversed([places for places in may_be if places]):
        after = ways[-1] if ways else None
        ways.append(
            {place: 1 if after is None else sum(n for other, n in after.items() if other > place) for place in places}
        )
    ways.reverse()
    if sum(ways[0].values()) != 1:
        return None
    chosen, last = iter(ways), -1
    found: list[set[int]] = []
    for places in may_be:
        if places:
            [last] = [place for place, n in next(chosen).items() if n and place > last]
        found.append({last} if places else set())
    return found


def _ambiguous(unsure: set[int], schema: Schema, begun: Begun) -> Refused:
    fields = [schema.fields[place] for place in sorted(unsure)]
    names = []
    for place, field in zip(sorted(unsure), fields, strict=True):
        short = (name for name in (field.title, *field.aliases) if _length(normal_title(name)) <= _BYTES)
        clear = next((name for name in short if begun[_begin(normal_title(name))] == {place}), None)
        names += [f"{field.title}→{clear}"] if clear else []
    return Refused(AMBIGUOUS, {"titles": "、".join(f"“{field.title}”" for field in fields), "names": "，".join(names)})


def _begin(title: str) -> str:
    return title.encode("gb18030", "replace")[:_BYTES].decode("gb18030", "ignore")


def _length(title: str) -> int:
    return len(title.encode("gb18030", "replace"))
