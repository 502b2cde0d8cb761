"""Tables of replies, and of records that their senders owe, out of the ledger."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.corridors.telling.bulletins.sources import Sources
from gateway.deadlines import bulletin as account
from gateway.deadlines.bulletin import Flow, Record
from gateway.instants import SHANGHAI
from gateway.policy.facts import Agreement
from gateway.receipts.bulletin import Cell, Chart, Column, Table
from gateway.receipts.words import Words

_COUNTS = ("carried", "received", "on_time", "corrected", "late", "returned", "transferred", "void", "open", "overdue")
SERIES = ("on_time", "corrected", "late", "overdue")


def _account_columns(words: Words, *heads: str) -> tuple[Column, ...]:
    return (
        *(Column(words(f"bulletin.{head}"), "text") for head in heads),
        *(Column(words(f"bulletin.{name}")) for name in _COUNTS),
        Column(words("bulletin.punctual"), "share"),
        Column(words("bulletin.days"), "days"),
    )


def _cells(flow: Flow) -> tuple[Cell, ...]:
    return (*flow.counts, flow.punctual, flow.days)


def accounts(sources: Sources, name: str, title: str, records: Sequence[Record]) -> Table:
    flows = {p: sources.flow(found) for p, found in account.grouped(records, "party").items()}
    rows = tuple((sources.name(p), *_cells(flows[p])) for p in sources.parties(flows) if any(flows[p].counts))
    totals = (sources.words("bulletin.total"), *_cells(sources.flow(records)))
    return Table(name, title, _account_columns(sources.words, "party"), rows, totals)


def own(sources: Sources, agreement: Agreement) -> Table:
    records = sources.records("feedback", agreement.id)
    return accounts(sources, agreement.id, sources.words("bulletin.own", label=agreement.label), records)


def counties(sources: Sources, records: Sequence[Record]) -> Table:
    """Replies by county of each party; those with few records stand together (below three nothing is told)."""
    words = sources.words
    rows: list[tuple[Cell, ...]] = []
    for party in sources.parties(account.grouped(records, "party")):
        mine = account.grouped([r for r in records if r.party == party], "area")
        flows = {area: found for area, found in ((a, sources.flow(r)) for a, r in mine.items()) if any(found.counts)}
        named = account.publishable(flows)
        rows += [(sources.name(party), area or "–", *_cells(flows[area])) for area in named]
        rest = [record for area, found in mine.items() if area not in named for record in found]
        others = sources.flow(rest)
        if any(others.counts):
            rows.append((sources.name(party), words("bulletin.others"), *_cells(others)))
    totals = (words("bulletin.total"), "", *_cells(sources.flow(records)))
    columns = _account_columns(words, "party", "area")
    return Table("counties", words("bulletin.counties"), columns, tuple(rows), totals, words("bulletin.note_small"))


def asked(sources: Sources) -> Table:
    """What each province asked in the span: inquiries delivered, and their records."""
    words = sources.words
    first, last = (moment.astimezone(SHANGHAI) for moment in (sources.first, sources.last))
    found: dict[str, list[int]] = {}
    for inquiry in sources.reading.inquiries.where():
        if inquiry.delivered_at and first <= inquiry.delivered_at < last:
            line = found.setdefault(inquiry.origin, [0, 0])
            line[0] += 1
            line[1] += inquiry.records
    rows: tuple[tuple[Cell, ...], ...] = tuple((sources.name(p), *found[p]) for p in sources.parties(found))
    totals = (words("bulletin.total"), sum(f[0] for f in found.values()), sum(f[1] for f in found.values()))
    columns = (
        Column(words("bulletin.party"), "text"),
        Column(words("bulletin.files")),
        Column(words("bulletin.records")),
    )
    return Table("asked", words("bulletin.asked"), columns, rows, totals)


def chart(sources: Sources, records: Sequence[Record]) -> Chart:
    """One bar per party that has answered, or is late: on time, corrected, late, unanswered."""
    words = sources.words
    flows = {p: sources.flow(found) for p, found in account.grouped(records, "party").items()}
    bars = tuple(
        (sources.name(p), tuple(getattr(flows[p], name) for name in SERIES))
        for p in sources.parties(flows)
        if flows[p].answered + flows[p].overdue
    )
    titles = (*SERIES[:3], "unanswered")
    series = tuple((key, words(f"bulletin.{name}")) for key, name in zip(SERIES, titles, strict=True))
    return Chart(words("bulletin.chart_replies"), series, bars)
