"""Answering: a reply's record numbers are matched with what is open, one by one, and what they answer is settled.

The worker judges the table first; then the numbers are looked for (`matching`); then the worker goes over the table
again with a mark for each record. Parts of an inquiry may be answered in any number of files; what was answered once is
answered: the records that a reply answers are claimed with its checking, and settled with its acceptance.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from gateway import durable
from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import DatedRow, ObligationRow, ParcelRow, RecordKey
from gateway.corridors.inquiries import closing, matching
from gateway.corridors.inquiries.matching import NOT_OURS, Answers, Book, Match
from gateway.corridors.obligations import entries, settling
from gateway.corridors.recording import Said
from gateway.deadlines import Delivery
from gateway.lifecycle import SETTLED, Event
from gateway.node import Node, Terms
from gateway.outcomes import Decision, Deferred, Ok, Outcome, Refused
from gateway.parcels import Arrival, Checked, ParcelId
from gateway.ports import ExamineJob, Storage
from gateway.records.parts import UNROUTED

PASSED_ON: Final = "5"
MATCHED: Final = "matched"
"""Under this name the ledger keeps what a reply answers, from its checking to its acceptance."""


def examine(node: Node, arrival: Arrival, job: ExamineJob, terms: Terms) -> Outcome[Mapping[str, object]]:
    """The examination of a reply: judged, matched, and parted by who asked. What it matched is in the parcel's folder
    afterwards; a step that runs again finds it again."""
    parcel, spool = arrival.parcel, node.spool
    matching.forget(spool, parcel)
    first = node.worker.examine(parcel, replace(job, route_by=None, routes=()))
    if not isinstance(first, Ok):
        return first
    name = node.inbox.name(parcel)
    with node.ledger.reading() as reading:
        book = Book(reading, arrival, terms, name)
    marks, answers = book.mark(spool.part(parcel, UNROUTED))
    answered = {record for record, _ in answers}
    named = book.named(spool.out(parcel) / "refused.csv")
    matching.keep(spool, parcel, Match(tuple(answers), tuple(record for record in named if record not in answered)))
    path = spool.parcel(parcel) / "marks"
    durable.write_bytes(path, "".join(f"{mark}\n" for mark in marks).encode("ascii"), 0o600)
    spool.clear_out(parcel)
    return node.worker.examine(parcel, replace(job, route_by=None, routes=(), marks=path))


def claim(tx: Transaction, spool: Storage, row: ParcelRow, decision: Ok[Checked] | Refused) -> Decision[Checked]:
    """In the transaction of the checking: claim what is answered, note what was refused in time. Deferred 708 when
    another reply has answered one of the records meanwhile."""
    match = matching.kept(spool, ParcelId(row.id))
    if isinstance(decision, Ok) and match is not None:
        claimed = [record for record, _ in match.answers if tx.dated.claim(record, row.id)]
        if len(claimed) < len(match.answers):
            for record in claimed:
                tx.dated.unclaim(record, row.id)
            return Deferred("708", retry_after=5)
        tx.progress.set(row.id, MATCHED, json.dumps(match.answers))
    if isinstance(decision, Refused) or match is not None:
        _refused(tx, row, match)
    return decision


def accepted(tx: Transaction, row: ParcelRow, terms: Terms) -> None:
    """A reply is accepted: what it answers is settled, by the instant it was received."""
    body = tx.progress.get(row.id, MATCHED)
    if body is None:
        return
    found = _found(tx, matching.answers_of(json.loads(body)))
    settled: dict[str, list[tuple[ObligationRow, list[Delivery]]]] = defaultdict(list)
    passed: dict[tuple[Event, str], list[ObligationRow]] = defaultdict(list)
    for record, owed, result in found:
        event = _away(result, owed, row.received_at)
        if event is not None:
            passed[event, owed.source].append(owed)
        else:
            settled[owed.source].append((owed, _came(record, owed, row.received_at)))
    for source, came in sorted(settled.items(), key=lambda item: item[0]):
        settling.settle_many(tx, entries.together(source, row.sender), came, terms, row.id)
    for (event, source), many in sorted(passed.items(), key=lambda item: item[0]):
        said = Said({"obligations": len(many)}, suffix=f"/{event}/{row.id}", time=min(row.received_at, tx.now))
        made = entries.entry(tx, entries.together(source, row.sender), event, terms, said)
        entries.change(tx, made, many, parcel=row.id)
        entries.log(tx, made)
    closing.close(tx, {owed.id for _, owed, _ in found}, terms.facts)


def _found(tx: Transaction, answers: Answers) -> list[tuple[DatedRow, ObligationRow, str]]:
    """The records that are answered, each with what is owed for it and its result."""
    known: dict[RecordKey, tuple[DatedRow, ObligationRow]] = {}
    for parcel, receiver in {(parcel, receiver) for (parcel, receiver, _), _ in answers}:
        for record, owed in tx.dated.with_obligations(parcel=parcel, receiver=receiver):
            known[parcel, receiver, record.ordinal] = record, owed
    return [(*known[key], result) for key, result in answers]


def _came(record: DatedRow, owed: ObligationRow, received: datetime) -> list[Delivery]:
    """The answer, and the one before it that was refused in time."""
    came = [Delivery(received, "accepted")]
    if record.refused_at:
        came.append(Delivery(settling.read(owed).opens_at, "refused", record.refused_at))
    return came


def _away(result: str, owed: ObligationRow, received: datetime) -> Event | None:
    """非本辖区 returns the record; 已转办 in time passes it on. After the date it is an answer that came late."""
    if owed.state in SETTLED:
        return None
    if result == NOT_OURS:
        return Event.RETURNED
    if result == PASSED_ON and received < owed.expires_at:
        return Event.TRANSFERRED
    return None


def _refused(tx: Transaction, row: ParcelRow, match: Match | None) -> None:
    """An answer that came in time and was refused may be corrected within 3 working days. Where no row could be read,
    the file stands for everything its sender owed."""
    if match is None:
        chosen = tx.dated.with_obligations(kind="reply", party=row.sender, agreement=row.agreement)
    elif match.refused:
        owed = tx.dated.with_obligations(kind="reply", party=row.sender)
        named = set(match.refused)
        chosen = [(d, o) for d, o in owed if (d.parcel, d.receiver, d.ordinal) in named]
    else:
        return
    records = [
        (d.parcel, d.receiver, d.ordinal)
        for d, o in chosen
        if o.state not in SETTLED and row.received_at < o.expires_at
    ]
    tx.dated.update(records, refused_at=tx.now)
