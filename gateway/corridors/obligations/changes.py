"""A date that moves, and an obligation that ends otherwise than by being met: what people did, what another edition of
the calendar or an outage of the node did; each with its entry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Final

from gateway import digests
from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import ObligationRow, ObligationValues, ReminderRow
from gateway.corridors.obligations import entries
from gateway.corridors.obligations.entries import About
from gateway.corridors.obligations.settling import dated, set_obligation
from gateway.corridors.recording import Said, commitment
from gateway.deadlines import Obligation, reminders
from gateway.deadlines.changes import Change
from gateway.deadlines.outages import Outage
from gateway.deadlines.reminders import Schedule
from gateway.instants import SHANGHAI
from gateway.lifecycle import Event
from gateway.lifecycle.carried import end_of
from gateway.log import Entry
from gateway.node import Terms

_Moves = tuple[ObligationRow, Obligation]
_EVENTS: Final = {
    "extended": Event.EXTENDED,
    "void": Event.VOIDED,
    "returned": Event.RETURNED,
    "transferred": Event.TRANSFERRED,
}


def changed(tx: Transaction, change: Change, owed: ObligationRow, terms: Terms) -> Entry:
    """Enter what a person did, and return its entry. The reason stands in the ledger; the log has its commitment
    only."""
    after, number = change.after, len(tx.obligations.changes(owed.id)) + 1
    number = entries.free(tx, f"{owed.id}/{change.kind}", number)
    tx.obligations.add_change(
        owed.id,
        kind=change.kind,
        actor=change.by,
        why=change.why,
        due_before=owed.due,
        due_after=after.due if after else None,
    )
    commit = _commit(tx, change.why)
    moves = after if change.kind == "extended" else None
    another = after if change.kind == "transferred" else None
    said = Said(
        counts=_dates(owed.due, moves) if moves else {},
        digests={"to": another.party} if another else {},
        suffix=f"/{change.kind}/{number}",
        actor=change.by,
        commit=commit,
    )
    made = entries.entry(tx, entries.one(owed), _EVENTS[change.kind], terms, said)
    values: ObligationValues = redated(tx, owed, moves, terms) if moves else {}
    entries.change(tx, made, [owed], **values)
    if another:
        set_obligation(tx, another, terms, source=owed.source)
    entries.log(tx, made)
    return made


def moved(
    tx: Transaction,
    pairs: Sequence[_Moves],
    terms: Terms,
    *,
    actor: str,
    outage: bool = False,
) -> None:
    """Enter dates that came out otherwise: one entry for each obligation, or for all of one source that had and have
    the same dates. One that was missed is owed again where its new date is still to come."""
    many: dict[tuple[About, date, date], list[_Moves]] = defaultdict(list)
    for owed, after in pairs:
        many[entries.alike([owed]), owed.due, after.due].append((owed, after))
    for (about, before, _), these in sorted(many.items()):
        number = 1 + sum(entry.event is Event.MOVED for entry in tx.entries.of(about.history))
        counts = _dates(before, these[0][1])
        counts |= {"outage": 1} if outage else {}
        counts |= {"obligations": len(these)} if these[0][0].source else {}
        said = Said(counts, suffix=f"/moved/{number}", actor=actor)
        made = entries.entry(tx, about, Event.MOVED, terms, said)
        for owed, after in these:
            entries.change(tx, made, [owed], **redated(tx, owed, after, terms))
        entries.log(tx, made)


def outage(tx: Transaction, found: Outage, actor: str, why: str, terms: Terms) -> None:
    """Log that the node was down. Seconds are whole ones."""
    assert found.ended is not None, "an outage is entered when it is over"
    commit = _commit(tx, why) if why else ""
    tx.log(
        Entry(
            id=found.id,
            event=Event.OUTAGE,
            time=found.began,
            actor=actor,
            facts=terms.facts.digest,
            counts={"seconds": int((found.ended - found.began).total_seconds())},
            commit=commit,
        )
    )


def _commit(tx: Transaction, why: str) -> str:
    """What the log has of a reason; its salt stays with the reason, in the ledger."""
    salt = digests.new_key()
    commit = commitment(why, salt)
    tx.secrets.keep_salt(commit, salt)
    return commit


def redated(tx: Transaction, owed: ObligationRow, after: Obligation, terms: Terms) -> ObligationValues:
    """The columns of an obligation that is given a new date. Steps of reminding that lie behind are entered as sent:
    nobody is reminded because a date moved."""
    columns, calendar = dated(tx, after, terms), terms.calendar
    if after.due == owed.due:
        del columns["remind_at"]
        return columns
    schedule = Schedule.of(terms.facts.node.reminders)
    behind = [step for step, at in reminders.plan(after, calendar, schedule) if at <= tx.now]
    known = {row.step for row in tx.reminders.of(owed.id) if row.due == after.due}
    tx.reminders.add(
        [
            ReminderRow(owed.id, after.due, step, level=0, at=tx.now, written_at=tx.now)
            for step in behind
            if step not in known
        ]
    )
    columns["remind_at"] = reminders.wakes_at(after, [*known, *behind], tx.now, calendar, schedule)
    return columns


def _dates(before: date, after: Obligation) -> dict[str, int]:
    """Days as numbers (20261101), and the time of day at which the new date runs out, where that is not its end."""
    counts = {"was": _number(before), "due": _number(after.due)}
    if after.expires_at == end_of(counts["due"]):
        return counts
    ends = after.expires_at.astimezone(SHANGHAI)
    return counts | {"cutoff": ends.hour * 100 + ends.minute}


def _number(day: date) -> int:
    return int(f"{day:%Y%m%d}")
