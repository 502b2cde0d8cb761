"""Answering: a reply's record numbers are matched with what is open, one by one.

The worker judges the table first; then the numbers are looked for here, since only the node has the keys; then the
worker goes over the table again with a mark for each record: to whom its answer goes, or why it is refused. Parts of an
inquiry may be answered in as many files as one likes; what was answered once is answered.
"""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from gateway import deadlines, durable
from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.asking import Place
from gateway.adapters.ledger.rows import DatedRow, InquiryRow, ObligationRow, ParcelRow
from gateway.adapters.ledger.transaction import Reading
from gateway.corridors.inquiries import closing
from gateway.corridors.inquiries.fingerprints import fingerprint
from gateway.corridors.obligations import settling
from gateway.deadlines import Calendar, Delivery
from gateway.deadlines.changes import RETURN
from gateway.instants import rfc3339
from gateway.lifecycle import SETTLED, Event, ObligationState
from gateway.node import Node
from gateway.outcomes import Deferred, Ok, Outcome, Refused
from gateway.parcels import Arrival, Checked, ParcelId
from gateway.policy.facts import Facts
from gateway.policy.rules.clocks import NUMBER, RESULT
from gateway.ports import ExamineJob
from gateway.records.parts import UNROUTED
from gateway.records.schema import normal_title

UNKNOWN, ANSWERED, TOO_LATE, UNCLEAR = "473", "474", "475", "476"
NOT_OURS, PASSED_ON = "4", "5"
MATCHED = "matched"


@dataclass(frozen=True, slots=True)
class Match:
    """What a reply answers: (record, result), and the records that only refused rows name. No number is in it."""

    answers: tuple[tuple[Place, str], ...] = ()
    refused: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class _Open:
    """A record that this party was asked about, and what is owed for it. `asker`: who brought the inquiry here,
    the node above where it came through one."""

    inquiry: InquiryRow
    record: DatedRow
    owed: ObligationRow
    asker: str

    @property
    def place(self) -> Place:
        return self.record.parcel, self.record.receiver, self.record.ordinal


class Answering:
    """Between an effect and its transaction, which follow each other in one step, the matches are kept here."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._matches: dict[ParcelId, Match] = {}

    def examine(self, arrival: Arrival, job: ExamineJob, facts: Facts) -> Outcome[Mapping[str, object]]:
        """The examination of a reply: judged, matched, and parted by who asked."""
        node, parcel = self._node, arrival.parcel
        first = node.worker.examine(parcel, replace(job, route_by=None, routes=()))
        if not isinstance(first, Ok):
            return first
        name = node.inbox.name(parcel)
        with node.ledger.reading() as reading:
            book = _Book(reading, arrival, facts, name, node.facts.calendar())
        marks, answers = book.mark(node.spool.part(parcel, UNROUTED))
        titles = _titles(facts, arrival.agreement)
        named = book.named(node.spool.out(parcel) / "refused.csv", titles)
        answered = {place for place, _ in answers}
        self._matches[parcel] = Match(tuple(answers), tuple(place for place in named if place not in answered))
        path = node.spool.parcel(parcel) / "marks"
        durable.write_bytes(path, "".join(f"{mark}\n" for mark in marks).encode("ascii"), 0o600)
        node.spool.clear_out(parcel)
        return node.worker.examine(parcel, replace(job, route_by=None, routes=(), marks=path))

    def settle(self, tx: Transaction, row: ParcelRow, outcome: Outcome[Checked], facts: Facts) -> Outcome[Checked]:
        """In the transaction of the checking: claim what is answered, note what was refused in time. Deferred 708 when
        another reply has answered one of the records meanwhile."""
        if not facts.inquiries(row.agreement) or not isinstance(outcome, Ok | Refused):
            return outcome
        match = self._matches.pop(ParcelId(row.id), None)
        if isinstance(outcome, Ok):
            assert match is not None, "a reply that was checked was matched"
            claimed = [place for place, _ in match.answers if tx.claim(place, row.id)]
            if len(claimed) < len(match.answers):
                for place in claimed:
                    tx.unclaim(place, row.id)
                return Deferred("708", retry_after=5)
            tx.set_progress(row.id, MATCHED, json.dumps(match.answers))
        _refused(tx, row, match)
        return outcome


def accepted(tx: Transaction, row: ParcelRow, facts: Facts, calendar: Calendar) -> None:
    """A reply is accepted: what it answers is settled, by the instant it was received."""
    body = tx.progress(row.id, MATCHED)
    if body is None:
        return
    received = datetime.fromisoformat(row.received_at)
    settled: dict[str, list[ObligationState]] = defaultdict(list)
    passed: dict[tuple[Event, str], int] = defaultdict(int)
    touched = set()
    for (parcel, receiver, ordinal), result in json.loads(body):
        record = next(r for r in tx.dated(parcel, receiver) if r.ordinal == ordinal)
        owed = tx.obligation(record.obligation)
        assert owed is not None, "what is answered was asked"
        touched.add(owed.id)
        away = _away(result, owed, received)
        if away is not None:
            state, event = away
            tx.update_obligation(owed.id, state=str(state), parcel=row.id, met_at=row.received_at, remind_at="")
            passed[event, owed.source] += 1
            continue
        came = [Delivery(received, "accepted")]
        if record.refused_at:
            came.append(Delivery(datetime.fromisoformat(owed.opens_at), "refused", _instant(record.refused_at)))
        state = settling.settle(tx, owed, came, facts, calendar, parcel=row.id, quiet=True)
        settled[owed.source].append(state)
    for source, states in sorted(settled.items()):
        settling.settled_many(tx, states, row.sender, facts, parcel=row.id, source=source)
    for (event, source), count in sorted(passed.items()):
        name, suffix, counts = f"{source}/{row.sender}", f"{event}/{row.id}", {"obligations": count}
        settling.obligation_event(tx, event, name, row.sender, facts, suffix, counts=counts, history=source)
    closing.close(tx, touched, facts)


def _away(result: str, owed: ObligationRow, received: datetime) -> tuple[ObligationState, Event] | None:
    """非本辖区 returns the record; 已转办 in time passes it on. After the date it is an answer that came late."""
    if ObligationState(owed.state) in SETTLED:
        return None
    if result == NOT_OURS:
        return ObligationState.RETURNED, Event.RETURNED
    if result == PASSED_ON and rfc3339(received) < owed.expires_at:
        return ObligationState.TRANSFERRED, Event.TRANSFERRED
    return None


def _refused(tx: Transaction, row: ParcelRow, match: Match | None) -> None:
    """An answer that came in time and was refused may be corrected within 3 working days. Where no row could be read,
    the file stands for everything its sender owed."""
    if match is not None:
        owed = [(d, o) for d, o in tx.dated_with_state(kind="reply", party=row.sender)] if match.refused else []
        named = set(match.refused)
        chosen = [(d, o) for d, o in owed if (d.parcel, d.receiver, d.ordinal) in named]
    else:
        chosen = tx.dated_with_state(kind="reply", party=row.sender, agreement=row.agreement)
    places = [
        (d.parcel, d.receiver, d.ordinal)
        for d, o in chosen
        if ObligationState(o.state) not in SETTLED and row.received_at < o.expires_at
    ]
    tx.update_dated(places, refused_at=rfc3339(tx.now))


class _Book:
    """Everything one party was asked about under one agreement of replies, by fingerprint."""

    def __init__(self, reading: Reading, arrival: Arrival, facts: Facts, name: str, calendar: Calendar) -> None:
        self._arrival, self._calendar = arrival, calendar
        routes = facts.routes(facts.agreements[arrival.agreement])
        self._parts = {party.id: prefix for prefix, party in sorted(routes.items())}
        inquiries = reading.inquiries(opened=True, reply=arrival.agreement, receiver=arrival.sender)
        named = [i for i in inquiries if re.search(rf"(?<![0-9A-Za-z]){re.escape(i.name)}(?![0-9])", name)]
        self._asked: list[tuple[str, dict[str, _Open]]] = []
        for inquiry in named or inquiries:
            found = reading.dated_with_state(parcel=inquiry.parcel, receiver=inquiry.receiver)
            passed_on = reading.parcel(inquiry.parcel)
            asker = passed_on.sender if passed_on else inquiry.origin
            self._asked.append((inquiry.key, {d.fingerprint: _Open(inquiry, d, o, asker) for d, o in found}))

    def mark(self, part: Path) -> tuple[list[str], list[tuple[Place, str]]]:
        """A mark for every record that the rules accepted, and what they answer. A number stands once in the file."""
        marks: list[str] = []
        answers: list[tuple[Place, str]] = []
        if not part.exists():
            return marks, answers
        with part.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                found = self._find(row[NUMBER], row[RESULT])
                if isinstance(found, str):
                    marks.append(found)
                else:
                    marks.append(self._parts[found.asker])
                    answers.append((found.place, row[RESULT]))
        return marks, answers

    def named(self, refused: Path, titles: frozenset[str]) -> list[Place]:
        """What the refused rows speak of, as far as their numbers are known and open."""
        places: list[Place] = []
        with refused.open(encoding="utf-8", newline="") as stream:
            rows = csv.reader(stream)
            header = [normal_title(title) for title in next(rows, [])]
            column = next((i for i, title in enumerate(header) if title in titles and i > 1), None)
            for row in rows if column is not None else ():
                found = self._find(row[column or 0].strip(), "")
                if isinstance(found, _Open):
                    places.append(found.place)
        return places

    def _find(self, number: str, result: str) -> _Open | str:
        hits = [hit for key, book in self._asked if (hit := book.get(fingerprint(key, number))) is not None]
        mine = ("", str(self._arrival.parcel))
        waiting = {hit.owed.id: hit for hit in hits if _waits(hit, mine)}
        if len(waiting) > 1:
            return UNCLEAR
        if not waiting:
            return ANSWERED if hits else UNKNOWN
        (found,) = waiting.values()
        if result == NOT_OURS:
            until = deadlines.due(_instant(found.owed.opens_at), RETURN, self._calendar).settled[1]
            if self._arrival.received_at >= until:
                return TOO_LATE
        return found


def _waits(hit: _Open, mine: Sequence[str]) -> bool:
    return ObligationState(hit.owed.state) not in SETTLED and hit.record.claimed in mine


def _titles(facts: Facts, agreement: str) -> frozenset[str]:
    schema = json.loads((facts.schemas / f"{facts.agreements[agreement].dataset}.json").read_bytes())
    field = next(field for field in schema["fields"] if field["name"] == NUMBER)
    return frozenset(map(normal_title, (NUMBER, field["title"], *field.get("gateway:aliases", ()))))


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
