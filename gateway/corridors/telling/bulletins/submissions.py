"""Tables of submissions and their quality, out of the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.adapters.ledger.rows import ObligationRow
from gateway.corridors.counting import counting
from gateway.corridors.telling.bulletins.replies import SERIES
from gateway.corridors.telling.bulletins.sources import Sources
from gateway.corridors.views import figures
from gateway.instants import SHANGHAI
from gateway.lifecycle import ObligationState
from gateway.policy.periods import Period
from gateway.receipts.bulletin import Cell, Chart, Column, Table
from gateway.receipts.words import Words
from gateway.records.violations import DIMENSIONS

_SUBMISSION = {
    ObligationState.MET: "on_time",
    ObligationState.NIL: "on_time",
    ObligationState.MET_AFTER_CORRECTION: "corrected",
    ObligationState.MET_LATE: "late",
}


def chart(sources: Sources, table: Table) -> Chart:
    words = sources.words
    titles = (*SERIES[:3], "missing")
    series = tuple((key, words(f"bulletin.{name}")) for key, name in zip(SERIES, titles, strict=True))
    bars = tuple((str(row[0]), tuple(int(cell or 0) for cell in row[2:6])) for row in table.rows)
    return Chart(words("bulletin.chart_submissions"), series, bars)


def submissions(sources: Sources) -> Table:
    """One line per party and agreement of the quarter."""
    words, total = sources.words, [0, 0, 0]
    rows: list[tuple[Cell, ...]] = []
    for owed in _owed(sources, [sources.span]):
        live = counting(sources.reading, owed.party, owed.agreement, owed.period)
        counts = [sum(getattr(p, name) for p in live) for name in ("records", "accepted", "refused")]
        total = [a + b for a, b in zip(total, counts, strict=True)]
        came = min((p.received_at for p in live), default=None)
        agreement = sources.facts.agreements.get(owed.agreement)
        found = figures.of(sources.reading, agreement, live) if agreement else figures.Figures()
        shares = found.quality
        good = not found.below if shares else None
        rows.append(
            (
                sources.name(owed.party),
                agreement.label if agreement else owed.agreement,
                _state(words, owed),
                owed.due.isoformat(),
                came.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M") if came else "–",
                *counts,
                *(shares.get(name) for name in DIMENSIONS),
                "–" if good is None else words("bulletin.yes" if good else "bulletin.no"),
            )
        )
    columns = (
        *(Column(words(f"bulletin.{name}"), "text") for name in ("party", "agreement", "state", "due", "received_at")),
        *(Column(words(f"bulletin.{name}")) for name in ("records", "accepted", "refused")),
        *(Column(words(f"bulletin.{name}"), "share") for name in DIMENSIONS),
        Column(words("bulletin.reaches"), "text"),
    )
    totals = (words("bulletin.total"), "", "", "", "", *total, None, None, None, None, "")
    return Table("submissions", words("bulletin.submissions"), columns, tuple(rows), totals)


def dutiful(sources: Sources) -> Table:
    """Submissions owed in the span's periods, by party: on time, after correction, late, missing."""
    words = sources.words
    found: dict[str, dict[str, int]] = {}
    for owed in _owed(sources, quarters(sources.span)):
        line = found.setdefault(owed.party, dict.fromkeys(("owed", "on_time", "corrected", "late", "missing"), 0))
        if owed.state is ObligationState.VOID:
            continue
        line["owed"] += 1
        line[_SUBMISSION.get(owed.state, "missing")] += 1
    rows: list[tuple[Cell, ...]] = [
        (sources.name(p), *found[p].values(), _share(found[p])) for p in sources.parties(found)
    ]
    sums = {name: sum(line[name] for line in found.values()) for name in next(iter(found.values()), {})}
    totals = (words("bulletin.total"), *sums.values(), _share(sums)) if sums else ()
    columns = (
        Column(words("bulletin.party"), "text"),
        *(Column(words(f"bulletin.{name}")) for name in ("owed", "on_time", "corrected", "late", "missing")),
        Column(words("bulletin.punctual"), "share"),
    )
    return Table("punctuality", words("bulletin.dutiful"), columns, tuple(rows), totals)


def _share(line: Mapping[str, int]) -> float | None:
    return (line["on_time"] + line["corrected"]) / line["owed"] if line["owed"] else None


def quarters(span: Period) -> list[Period]:
    """The quarters of a half-year, or the quarter itself."""
    if span.rhythm == "quarterly":
        return [span]
    return [Period("quarterly", span.year, 2 * span.number - 1), Period("quarterly", span.year, 2 * span.number)]


def _owed(sources: Sources, periods: Iterable[Period]) -> list[ObligationRow]:
    found = [o for period in periods for o in sources.reading.obligations.where(period=str(period))]
    order = {party: place for place, party in enumerate(sources.parties({o.party for o in found}))}
    return sorted(found, key=lambda o: (order[o.party], o.agreement, o.period))


def _state(words: Words, owed: ObligationRow) -> str:
    if owed.state is ObligationState.NIL:
        return words("kind.nil")
    return words(f"bulletin.{_SUBMISSION.get(owed.state, 'void' if owed.state is ObligationState.VOID else 'missing')}")
