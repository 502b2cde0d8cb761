"""What bulletins are counted from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway import deadlines
from gateway.adapters.ledger import Reading
from gateway.adapters.ledger.rows import DatedRow, ObligationRow
from gateway.deadlines import Calendar
from gateway.deadlines import bulletin as account
from gateway.deadlines.bulletin import Flow, Record
from gateway.deadlines.obligations import Duty
from gateway.lifecycle import ObligationState
from gateway.policy.facts import Agreement, Facts
from gateway.policy.periods import Period
from gateway.receipts.words import Words


@dataclass(frozen=True, slots=True)
class Sources:
    """What one bulletin is made of: the ledger, the facts and the calendar of one span."""

    reading: Reading
    facts: Facts
    calendar: Calendar
    span: Period
    now: datetime

    @property
    def words(self) -> Words:
        return Words(self.facts.node.language)

    @property
    def first(self) -> datetime:
        return deadlines.since_day(self.span.start)

    @property
    def last(self) -> datetime:
        return deadlines.since_day(self.span.end + timedelta(days=1))

    def name(self, party: str) -> str:
        known = self.facts.parties.get(party)
        return (known.short or known.name) if known else party

    def parties(self, found: Iterable[str]) -> list[str]:
        """In the order of area codes."""
        return sorted(found, key=lambda p: (self.facts.parties[p].area_code if p in self.facts.parties else p, p))

    def flow(self, records: Iterable[Record]) -> Flow:
        return account.flow(records, self.first, self.last, self.calendar)

    def records(self, kind: Duty, agreement: str) -> list[Record]:
        """What is owed record by record, once each, by the party that owes it."""
        return [record for _, record in self._owed(kind, agreement)]

    def asked(self, agreement: str) -> dict[tuple[str, str], list[Record]]:
        """The same of replies, by who asked and who owes the answer."""
        askers = {inquiry.parcel: inquiry.origin for inquiry in self.reading.inquiries.where()}
        found: dict[tuple[str, str], list[Record]] = defaultdict(list)
        for owed, record in self._owed("reply", agreement):
            found[askers.get(owed.source, ""), owed.party].append(record)
        return found

    def _owed(self, kind: Duty, agreement: str) -> list[tuple[ObligationRow, Record]]:
        seen: dict[str, tuple[DatedRow, ObligationRow]] = {}
        for dated, owed in self.reading.dated.with_obligations(kind=kind, agreement=agreement):
            seen.setdefault(owed.id, (dated, owed))
        found = [(owed, self._record(dated.area, owed)) for dated, owed in seen.values()]
        known = set(seen)
        # What another class took over was owed until then.
        areas = {d.covers: d.area for d, _ in self.reading.dated.with_obligations(kind=kind) if d.covers}
        rest = (o for o in self.reading.obligations.where(kind=kind, agreement=agreement) if o.id not in known)
        return [*found, *((o, self._record(areas.get(o.id, ""), o)) for o in rest)]

    def _record(self, area: str, owed: ObligationRow) -> Record:
        ended = owed.met_at
        if not ended and owed.state is ObligationState.VOID:
            changes = [change.at for change in self.reading.obligations.changes(owed.id) if change.kind == "void"]
            ended = changes[-1] if changes else owed.opens_at
        assert owed.opens_at is not None, "what is owed record by record has its beginning"
        return Record(owed.party, area, owed.opens_at, owed.expires_at, owed.state, ended)

    def clocked(self, *, answered: bool) -> list[Agreement]:
        """Agreements of replies, or those whose senders owe their records."""
        found = sorted(self.facts.agreements.values(), key=lambda a: a.id)
        if answered:
            return [a for a in found if self.facts.inquiries(a.id)]
        return [a for a in found if a.clock and not a.clock.answered_by]
