"""Pairs of provinces for their evaluation of each other (互评): for each one, by direction, the ten others with most of
its cases, and how the other side answered what it asked. Source: the plan of 2010 for areas acting as one board
(流动人口计划生育区域“一盘棋”工作方案), section 3 (5) 4.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Final

from gateway.corridors import counting
from gateway.corridors.telling.bulletins.sources import Sources
from gateway.corridors.telling.bulletins.submissions import quarters
from gateway.deadlines.bulletin import SMALLEST, Record
from gateway.policy.facts import Agreement
from gateway.receipts.bulletin import Cell, Column, Table

TOP: Final = 10
_REPLIES: Final = ("received", "on_time", "corrected", "late", "overdue")


def pairs(sources: Sources) -> Table:
    """One line for each province, direction and other side."""
    words, asked = sources.words, _asked(sources)
    rows: list[tuple[Cell, ...]] = []
    for agreement in _cases(sources):
        flows = _flows(sources, agreement)
        for origin in sources.parties(flows):
            for rank, other in enumerate(_largest(sources, flows[origin]), 1):
                flow = sources.flow(asked.get((origin, other), []))
                counts = (getattr(flow, name) for name in _REPLIES)
                head = (sources.name(origin), agreement.label, rank, sources.name(other), flows[origin][other])
                rows.append((*head, *counts, flow.punctual, flow.days))
    columns = (
        *(Column(words(f"bulletin.{name}"), "text") for name in ("party", "agreement")),
        Column(words("bulletin.rank")),
        Column(words("bulletin.other"), "text"),
        *(Column(words(f"bulletin.{name}")) for name in ("cases", *_REPLIES)),
        Column(words("bulletin.punctual"), "share"),
        Column(words("bulletin.days"), "days"),
    )
    return Table("pairs", words("bulletin.pairs"), columns, tuple(rows), (), words("bulletin.note_pairs"))


def _cases(sources: Sources) -> list[Agreement]:
    """The agreements of cases: quarterly, each record to its province."""
    found = sorted(sources.facts.agreements.values(), key=lambda a: a.id)
    return [a for a in found if a.receivers == "routed" and a.routes == "province" and a.rhythm == "quarterly"]


def _flows(sources: Sources, agreement: Agreement) -> Mapping[str, Counter[str]]:
    """Records that count, by who reported them and whom they are for."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for period in map(str, quarters(sources.span)):
        there = sources.reading.packages.where(agreement=agreement.id, period=period)
        for origin in {package.origin for package in there}:
            live = counting.counting(sources.reading, origin, agreement.id, period)
            for package in counting.packages(sources.reading, live):
                found[origin][package.receiver] += package.records
    return found


def _largest(sources: Sources, flow: Counter[str]) -> list[str]:
    """The receivers with most records; of equal ones that with the smaller area code first."""
    place = {party: number for number, party in enumerate(sources.parties(flow))}
    shown = [party for party in flow if flow[party] >= SMALLEST]
    return sorted(shown, key=lambda party: (-flow[party], place[party]))[:TOP]


def _asked(sources: Sources) -> Mapping[tuple[str, str], list[Record]]:
    found: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for agreement in sources.clocked(answered=True):
        for pair, records in sources.asked(agreement.id).items():
            found[pair] += records
    return found
