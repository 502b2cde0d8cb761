"""Bulletins (通报) out of the ledger: replies by month, evaluation figures by half-year, submissions by quarter.

Everything is counted from what the ledger holds, so that the figures add up to it; the files' digests are logged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gateway import durable
from gateway.corridors.telling.bulletins import pairs, replies, submissions
from gateway.corridors.telling.bulletins.sources import Sources
from gateway.instants import SHANGHAI
from gateway.lifecycle import Event
from gateway.log import Entry
from gateway.node import Node
from gateway.outcomes import Refused
from gateway.policy.periods import Period
from gateway.receipts import bulletin as documents
from gateway.receipts.bulletin import Bulletin, Cell, Chart, Table


@dataclass(frozen=True, slots=True)
class Made:
    """Where a bulletin lies, and its tables as plain data: what `--json` answers."""

    folder: str
    files: tuple[str, ...]
    tables: Mapping[str, list[list[Cell]]]


def make(node: Node, period: str, actor: str) -> dict[str, Any] | Refused:
    """Make the bulletin of a month, a quarter or a half-year into `state/bulletins/<period>/`, again if need be.
    Refused 631 before the period has ended, 632 for a whole year."""
    now, facts = node.clock.now(), node.facts.current()
    span = Period.parse(period)
    if not span.ended(now.date()):
        return Refused("631", {"period": period})
    kinds: Mapping[str, Callable[[Sources], Bulletin]] = {
        "monthly": _monthly,
        "quarterly": _quarterly,
        "half-yearly": _half_yearly,
    }
    if span.rhythm not in kinds:
        return Refused("632")
    with node.ledger.reading() as reading:
        bulletin = kinds[span.rhythm](Sources(reading, facts, node.facts.calendar(), span, now))
    language = facts.node.language
    stem = bulletin.title
    files = {f"{stem}.html": documents.page(bulletin, language), f"{stem}.xlsx": documents.workbook(bulletin, language)}
    files |= {f"{stem}-{table.title}.csv": documents.csv_file(table) for table in bulletin.tables}
    folder = node.spool.state / "bulletins" / period
    durable.make_folder(folder)
    for name, data in files.items():
        durable.write_bytes(folder / name, data, 0o640)
    with node.ledger.transaction(now) as tx:
        number = len(tx.entries.of(f"bulletin:{period}")) + 1
        tx.log(
            Entry(
                id=f"bulletin:{period}/{number}",
                event=Event.BULLETIN,
                time=now,
                actor=actor,
                facts=facts.digest,
                parcel=f"bulletin:{period}",
                counts={"files": len(files), "tables": len(bulletin.tables)},
                digests={f"file-{n}": hashlib.sha256(data).hexdigest() for n, data in enumerate(files.values(), 1)},
            )
        )
    plain = {t.name: [list(row) for row in (*t.rows, *((t.totals,) if t.totals else ()))] for t in bulletin.tables}
    return asdict(Made(str(folder), tuple(files), plain))


def _monthly(sources: Sources) -> Bulletin:
    words = sources.words
    by_class = [(a, sources.records("reply", a.id)) for a in sources.clocked(answered=True)]
    everything = [record for _, records in by_class for record in records]
    tables = [replies.accounts(sources, "replies", words("bulletin.replies"), everything)]
    tables += [
        replies.accounts(sources, agreement.id, words("bulletin.class", label=agreement.label), records)
        for agreement, records in by_class
    ]
    tables.append(replies.counties(sources, everything))
    tables += [replies.own(sources, agreement) for agreement in sources.clocked(answered=False)]
    notes = ("account", "instant", "rate", "days", "small")
    return _bulletin(sources, tables, [replies.chart(sources, everything)], notes)


def _half_yearly(sources: Sources) -> Bulletin:
    words = sources.words
    answers = [r for a in sources.clocked(answered=True) for r in sources.records("reply", a.id)]
    tables = [
        replies.accounts(sources, "replies", words("bulletin.replies"), answers),
        replies.asked(sources),
        *(replies.own(sources, agreement) for agreement in sources.clocked(answered=False)),
        punctuality := submissions.dutiful(sources),
        pairs.pairs(sources),
    ]
    notes = ("account", "instant", "rate", "days", "submission", "pairs")
    return _bulletin(sources, tables, [replies.chart(sources, answers), submissions.chart(sources, punctuality)], notes)


def _quarterly(sources: Sources) -> Bulletin:
    tables = [submissions.submissions(sources), submissions.dutiful(sources)]
    return _bulletin(sources, tables, [submissions.chart(sources, tables[-1])], ("submission", "quality"))


def _bulletin(sources: Sources, tables: Sequence[Table], charts: Sequence[Chart], notes: Sequence[str]) -> Bulletin:
    words = sources.words
    return Bulletin(
        title=words(f"bulletin.{sources.span.rhythm}", period=words.period(str(sources.span))),
        period=str(sources.span),
        node=sources.facts.parties[sources.facts.node.party].name,
        issued=sources.now.astimezone(SHANGHAI).date(),
        tables=tuple(tables),
        charts=tuple(chart for chart in charts if chart.bars),
        notes=tuple(words(f"bulletin.note_{name}") for name in notes),
    )
