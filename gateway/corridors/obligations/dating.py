"""Dates after they were set: put off or voided by a person, computed again under another edition of the calendar, moved
out of an outage of the node. What has run out is not moved by a person any more: late is decided once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Final

from gateway.adapters.ledger.rows import ObligationRow, OutageRow
from gateway.adapters.ledger.transaction import Reading, Transaction
from gateway.corridors.inquiries import stating
from gateway.corridors.obligations import changes as entering
from gateway.corridors.obligations import settling
from gateway.deadlines import Calendar, Obligation, changes, outages, recomputed
from gateway.deadlines.outages import Outage
from gateway.deadlines.rules import again, fixed_rule
from gateway.instants import rfc3339
from gateway.lifecycle import ObligationState
from gateway.node import ACTOR, Tools
from gateway.outcomes import Ok, Outcome, Refused
from gateway.policy.facts.facts import Facts
from gateway.policy.periods import Period

_CHUNK = 2000
_NUMBER: Final = re.compile(r"\d{11}")
_LONGEST: Final = 400
_NOTHING: Final[dict[str, Any]] = dict.fromkeys(ObligationRow.__dataclass_fields__, "")
_ANY: Final = ObligationRow(**_NOTHING | {"kind": "submission", "dated_seq": 0})


def extend(tools: Tools, ids: Sequence[str], until: date, why: str, actor: str) -> Outcome[list[dict[str, Any]]]:
    """Put the dates of `ids` off to `until`, 24:00: all of them or none. Refused 606 (run out, or no later), 607
    (settled), 608 (no reason), 621 (the reason holds a number), 622 (there is no such obligation), 624 (the
    date is another node's)."""
    return _change(tools, ids, "extended", until, why, actor)


def void(tools: Tools, ids: Sequence[str], why: str, actor: str) -> Outcome[list[dict[str, Any]]]:
    """Nothing is owed any more under `ids`: all of them or none. Refused 607, 608, 621, 622."""
    return _change(tools, ids, "void", None, why, actor)


def _change(
    tools: Tools, ids: Sequence[str], kind: str, until: date | None, why: str, actor: str
) -> Outcome[list[dict[str, Any]]]:
    if _NUMBER.search(why) or len(why) > _LONGEST:
        return Refused("621", {"limit": _LONGEST})
    now, facts, calendar = tools.clock.now(), tools.facts.current(), tools.facts.calendar()
    act, done = changes.Act(actor, why, now), []
    with tools.ledger.transaction(now) as tx:
        planned = []
        for identity in ids:
            owed = tx.obligation(identity)
            if owed is None:
                return Refused("622", {"obligation": identity})
            standing, state = settling.read(owed), ObligationState(owed.state)
            change = (
                changes.extend(standing, state, until, act, calendar)
                if until is not None
                else changes.void(standing, state, act)
            )
            if not isinstance(change, Ok):
                return change
            planned.append((owed, change.value))
        if kind == "extended" and (copied := next((owed for owed, _ in planned if owed.dated_by), None)):
            return Refused("624", {"obligation": copied.id, "party": copied.dated_by})
        for owed, made in planned:
            entering.changed(tx, made, owed, facts, calendar)
            after = made.after
            done.append({"id": owed.id, "change": kind, "was": owed.due, "due": str(after.due) if after else None})
        if kind == "extended":
            stating.restate(tx, [owed.id for owed, _ in planned if owed.kind == "reply"], facts, calendar)
    return Ok(done)


def recompute(tools: Tools, actor: str = ACTOR) -> list[dict[str, Any]]:
    """Compute every open date again under the calendar in force. A date that has run out stays, and so does one whose
    new date would have run out already: nobody becomes late by a notice. Answers what changed."""
    now, facts, calendar = tools.clock.now(), tools.facts.current(), tools.facts.calendar()
    with tools.ledger.reading() as reading:
        spans = [_outage(row) for row in reading.outages()]
        found = [
            (
                owed,
                replace(
                    settling.read(owed),
                    due=after.due,
                    expires_at=after.expires_at,
                    status=after.status,
                    edition=after.edition,
                ),
            )
            for dated in reading.open_dates(now)
            if (after := _again(dated, facts, calendar, spans, now)) is not None
            for owed in reading.dated_so(dated)
        ]
    for at in range(0, len(found), _CHUNK):
        with tools.ledger.transaction(now) as tx:
            some = found[at : at + _CHUNK]
            entering.moved(tx, some, facts, calendar, actor=actor)
            stating.restate(tx, [owed.id for owed, _ in some if owed.kind == "reply"], facts, calendar)
    return [
        {
            "id": owed.id,
            "was": owed.due,
            "due": str(after.due),
            "status_was": owed.status,
            "status": after.status,
            "edition_was": owed.edition,
            "edition": after.edition,
        }
        for owed, after in found
    ]


def _again(
    dated: Mapping[str, str], facts: Facts, calendar: Calendar, spans: Sequence[Outage], now: datetime
) -> Obligation | None:
    """An obligation so dated under `calendar`, after all outages; None where it comes out the same, where no rule is
    known any more, where it would have run out already, and where the date is another node's."""
    owed = replace(_ANY, **dict[str, Any](dated))
    if owed.dated_by:
        return None
    standing = settling.read(owed)
    if owed.extended_until:
        until = date.fromisoformat(owed.extended_until)
        midnight = standing.expires_at - (standing.due - until)
        status, edition = calendar.status(until), calendar.edition(until)
        plain = replace(standing, due=until, expires_at=midnight, status=status, edition=edition)
    else:
        rule = owed.rule or _agreed(owed, facts)
        if not rule:
            return None
        try:
            plain = recomputed(standing, again(rule, standing.opens_at, owed.period, calendar))
        except ValueError:
            return None
    after = outages.moved(plain, spans, now, calendar).obligation
    same = (after.due, after.expires_at, after.status, after.edition)
    if same == (standing.due, standing.expires_at, standing.status, standing.edition) or after.expires_at <= now:
        return None
    return after


def _agreed(owed: ObligationRow, facts: Facts) -> str:
    """The rule of an obligation from before rules were kept: the agreement's."""
    agreement = facts.agreements.get(owed.agreement)
    period = Period.parse(owed.period)
    if agreement is None or agreement.deadline is None or period.key not in agreement.deadline.due:
        return ""
    return fixed_rule(period, agreement.deadline)


# -- outages ----------------------------------------------------------------------------------------------------------


def resumed(tools: Tools) -> None:
    """At the start: the time since the node was last known to run was an outage."""
    now = tools.clock.now()
    with tools.ledger.reading() as reading:
        last = reading.last_heartbeat()
    if last and last < rfc3339(now):
        enter_outage(tools, datetime.fromisoformat(last), now, "", ACTOR)


def enter_outage(tools: Tools, began: datetime, ended: datetime, why: str, actor: str) -> Outcome[list[str]]:
    """Enter that the node was down, and move the dates that ran out meanwhile to the next working day. What was
    accepted late before stays late: that was decided. Answers the obligations that moved; Refused 623 when it does not
    lie in the past, 621 when the reason holds a number."""
    now, facts, calendar = tools.clock.now(), tools.facts.current(), tools.facts.calendar()
    if not began < ended <= now:
        return Refused("623")
    if _NUMBER.search(why) or len(why) > _LONGEST:
        return Refused("621", {"limit": _LONGEST})
    identity = f"outage/{rfc3339(began)}/{rfc3339(ended)}"
    with tools.ledger.transaction(now) as tx:
        if not tx.add_outage(id=identity, began=rfc3339(began), ended=rfc3339(ended), actor=actor, why=why):
            return Ok([])
        entering.outage(tx, identity, facts, began, ended, actor, why)
        pairs = list(_out_of(tx, began, ended, now, calendar))
        entering.moved(tx, pairs, facts, calendar, actor=actor, outage=True)
        stating.restate(tx, [owed.id for owed, _ in pairs if owed.kind == "reply"], facts, calendar)
    return Ok([owed.id for owed, _ in pairs])


def _out_of(
    tx: Transaction, began: datetime, ended: datetime, now: datetime, calendar: Calendar
) -> Iterator[tuple[ObligationRow, Obligation]]:
    spans = [_outage(row) for row in tx.outages()]
    for owed in tx.running_out(rfc3339(began), rfc3339(ended)):
        after = outages.moved(settling.read(owed), spans, now, calendar)
        if after.because:
            yield owed, after.obligation


def out_of_outages(reading: Reading, owed: Sequence[Obligation], now: datetime, calendar: Calendar) -> list[Obligation]:
    """What is entered now may have run out while the node was down."""
    spans = [_outage(row) for row in reading.outages()]
    return [outages.moved(one, spans, now, calendar).obligation for one in owed] if spans else list(owed)


def _outage(row: OutageRow) -> Outage:
    return Outage(row.id, datetime.fromisoformat(row.began), datetime.fromisoformat(row.ended))
