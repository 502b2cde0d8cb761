"""How a table was read, in sentences: what was passed over, hidden, merged or left out, by rows and never by value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.policy.facts import Language
from gateway.reading import Reading
from gateway.receipts.words import Words, table, thousands


def sentences(reading: Reading, language: Language) -> tuple[str, ...]:
    """What there is to say, in the order of its weight; nothing where the table was read as it is."""
    words = Words(language)
    return tuple(_sentences(reading, words))


def _sentences(reading: Reading, words: Words) -> Iterator[str]:
    if reading.hidden:
        yield words("reading.hidden", count=thousands(reading.hidden))
    if reading.merged:
        ranges = words("reading.and").join(reading.ranges)
        more = words("reading.more") if reading.merged > len(reading.ranges) else ""
        yield words("reading.merged", count=thousands(reading.merged), ranges=ranges + more)
    if reading.passed:
        kinds = words("reading.between").join(_kind(reading, kind, words) for kind in reading.passed)
        yield words("reading.passed", kinds=kinds)
    if reading.dropped:
        yield words("reading.dropped", columns=words("reading.and").join(reading.dropped))


def _kind(reading: Reading, kind: str, words: Words) -> str:
    """How many lines of a kind, and where: `只有序号 34 行（第 8–41 行）`."""
    count, runs = reading.passed[kind], reading.rows.get(kind, ())
    key = f"passed_kind.{kind}"
    name = words(key) if key in table() else words("reading.begins", marker=kind)
    text = words("reading.kind", kind=name, count=thousands(count))
    if not runs:
        return text
    listed = sum(last - first + 1 for first, last in runs)
    more = words("reading.more") if listed < count else ""
    return text + words("reading.rows", rows=_runs(runs, words), more=more)


def _runs(runs: Sequence[tuple[int, int]], words: Words) -> str:
    return words("reading.and").join(str(first) if first == last else f"{first}–{last}" for first, last in runs)
