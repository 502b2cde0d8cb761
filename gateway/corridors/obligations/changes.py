"""A date that moves and an obligation that ends otherwise than by being met: what people did, what another edition of
the calendar or an outage of the node did; each with its entry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import ObligationRow
from gateway.corridors.obligations.settling import dated, obligation_event, set_obligation
from gateway.corridors.recording.entries import commitment
from gateway.deadlines import Calendar, Obligation, reminders
from gateway.deadlines.changes import Change
from gateway.deadlines.reminders import Schedule
from gateway.instants import rfc3339
from gateway.lifecycle import Event, ObligationState
from gateway.log import Entry
from gateway.policy.facts import Facts

_EVENTS: Final = {
    "extended": Event.EXTENDED,
    "void": Event.VOIDED,
    "returned": Event.RETURNED,
    "transferred": Event.TRANSFERRED,
}


def changed(tx: Transaction, change: Change, owed: ObligationRow, facts: Facts, calendar: Calendar) -> None:
    """Enter what a person did. The reason stands in the ledger; the log has its commitment only."""
    number = len(tx.changes(owed.id)) + 1
    after = change.after
    tx.add_change(
        owed.id,
        kind=change.kind,
        actor=change.by,
        why=change.why,
        due_before=owed.due,
        due_after=after.due.isoformat() if after else "",
    )
    commit, salt = commitment(change.why)
    tx.keep_salt(commit, salt, "")
    if change.kind == "extended" and after is not None:
        redate(tx, owed, after, facts, calendar)
        tx.update_obligation(owed.id, extended_until=after.due.isoformat())
    else:
        ended = {} if change.kind == "void" else {"met_at": rfc3339(tx.now)}
        tx.update_obligation(owed.id, state=str(ObligationState(change.kind)), remind_at="", **ended)
    if change.kind == "transferred" and after is not None:
        set_obligation(tx, after, facts, calendar, source=owed.source)
    obligation_event(
        tx,
        _EVENTS[change.kind],
        owed.id,
        owed.party,
        facts,
        f"{change.kind}/{number}",
        actor=change.by,
        counts=_dates(owed.due, after.due.isoformat()) if change.kind == "extended" and after else {},
        commit=commit,
    )


def moved(
    tx: Transaction,
    pairs: Sequence[tuple[ObligationRow, Obligation]],
    facts: Facts,
    calendar: Calendar,
    *,
    actor: str,
    outage: bool = False,
) -> None:
    """Enter dates that came out otherwise: one entry for each obligation, or for all of one source that had and have
    the same dates. One that was missed is owed again where its new date is still to come."""
    many: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for owed, after in pairs:
        redate(tx, owed, after, facts, calendar)
        if owed.state == ObligationState.MISSED and after.expires_at > tx.now:
            tx.update_obligation(owed.id, state=str(ObligationState.OPEN))
        many[owed.source or owed.id, owed.party, owed.due, after.due.isoformat()].append(owed.id)
    for (source, party, before, due), ids in sorted(many.items()):
        alone = ids == [source]
        name = source if alone else f"{source}/{party}"
        number = 1 + sum(entry.event == Event.MOVED for entry in tx.entries_of(source))
        counts = _dates(before, due) | ({"outage": 1} if outage else {}) | ({} if alone else {"obligations": len(ids)})
        obligation_event(
            tx, Event.MOVED, name, party, facts, f"moved/{number}", actor=actor, counts=counts, history=source
        )


def outage(
    tx: Transaction, identity: str, facts: Facts, began: datetime, ended: datetime, actor: str, why: str
) -> None:
    """Log that the node was down. Seconds are whole ones."""
    commit, salt = commitment(why) if why else ("", "")
    if commit:
        tx.keep_salt(commit, salt, "")
    tx.log(
        Entry(
            id=identity,
            event=Event.OUTAGE,
            time=began,
            actor=actor,
            facts=facts.digest,
            counts={"seconds": int((ended - began).total_seconds())},
            commit=commit,
        )
    )


def redate(tx: Transaction, owed: ObligationRow, after: Obligation, facts: Facts, calendar: Calendar) -> None:
    """Give an obligation its new date. Steps of reminding that lie behind count as sent: nobody is reminded because a
    date moved."""
    columns, schedule = dated(after, tx, facts, calendar), Schedule.of(facts.node.reminders)
    if columns["due"] != owed.due:
        behind = [step for step, at in reminders.plan(after, calendar, schedule) if at <= tx.now]
        at = rfc3339(tx.now)
        known = {r.step for r in tx.reminders(owed.id) if r.due == columns["due"]}
        rows: list[dict[str, object]] = [
            {"obligation": owed.id, "due": columns["due"], "step": step, "level": 0, "at": at, "written_at": at}
            for step in behind
            if step not in known
        ]
        tx.add_reminders(rows)
        wakes = reminders.wakes_at(after, [*known, *behind], tx.now, calendar, schedule)
        columns["remind_at"] = rfc3339(wakes) if wakes else ""
    else:
        del columns["remind_at"]
    tx.update_obligation(owed.id, **columns)


def _dates(before: str, after: str) -> dict[str, int]:
    """Days as numbers: 20261101."""
    return {"was": int(before.replace("-", "")), "due": int(after.replace("-", ""))}
