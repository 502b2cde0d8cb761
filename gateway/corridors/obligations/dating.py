"""Dates after they were set: put off or voided by a person, computed again under another edition of the calendar, moved
out of an outage of the node. What has run out is not moved by a person any more: late is decided once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Final

from gateway.adapters.ledger import Reading, Transaction
from gateway.adapters.ledger.rows import Dated, ObligationRow, OutageRow
from gateway.corridors.obligations import changes as entering
from gateway.corridors.obligations import replies, settling
from gateway.deadlines import Calendar, Obligation, changes, outages, recomputed
from gateway.deadlines.changes import Change
from gateway.deadlines.outages import Outage
from gateway.deadlines.rules import again, fixed_rule
from gateway.instants import SHANGHAI, rfc3339
from gateway.node import ACTOR, Node, Terms
from gateway.outcomes import Ok, Outcome, Refused
from gateway.parcels import AgreementId, PartyId
from gateway.policy.facts import Facts
from gateway.policy.periods import Period

_CHUNK = 2000
_NUMBER: Final = re.compile(r"\d{11}")
_LONGEST: Final = 400


def extend(node: Node, ids: Sequence[str], until: date, why: str, actor: str) -> Outcome[list[dict[str, Any]]]:
    """Put the dates of `ids` off to `until`, 24:00: all of them or none. Refused 606 (run out, or no later), 607
    (settled), 608 (no reason), 621 (the reason holds a number), 622 (there is no such obligation), 624 (the
    date is another node's)."""
    return _change(node, ids, until, why, actor)


def void(node: Node, ids: Sequence[str], why: str, actor: str) -> Outcome[list[dict[str, Any]]]:
    """Nothing is owed any more under `ids`: all of them or none. Refused 607, 608, 621, 622."""
    return _change(node, ids, None, why, actor)


def _change(node: Node, ids: Sequence[str], until: date | None, why: str, actor: str) -> Outcome[list[dict[str, Any]]]:
    """Put off `until` then; None: void."""
    refusal = unfit(why)
    if refusal:
        return refusal
    now, terms = node.clock.now(), node.terms()
    act = changes.Act(actor, why, now)
    with node.ledger.transaction(now) as tx:
        planned: list[tuple[ObligationRow, Change]] = []
        for identity in dict.fromkeys(ids):
            owed = tx.obligations.get(identity)
            if owed is None:
                return Refused("622", {"obligation": identity})
            standing = settling.read(owed)
            change = (
                changes.extend(standing, owed.state, until, act, terms.calendar)
                if until is not None
                else changes.void(standing, owed.state, act)
            )
            if not isinstance(change, Ok):
                return change
            planned.append((owed, change.value))
        if until is not None and (copied := next((owed for owed, _ in planned if owed.dated_by), None)):
            return Refused("624", {"obligation": copied.id, "party": copied.dated_by})
        for owed, made in planned:
            entering.changed(tx, made, owed, terms)
        if until is not None:
            replies.restate(tx, [owed for owed, _ in planned], terms)
    return Ok([told(made, owed) for owed, made in planned])


def unfit(why: str) -> Refused | None:
    """A reason that could hold somebody's number, or is too long to be one: refused 621."""
    return Refused("621", {"limit": _LONGEST}) if _NUMBER.search(why) or len(why) > _LONGEST else None


def told(made: Change, owed: ObligationRow) -> dict[str, Any]:
    """A change as people are told of it; days as ISO text, `due` None where nothing is owed any more."""
    due = made.after.due.isoformat() if made.after else None
    return {"id": owed.id, "change": made.kind, "was": owed.due.isoformat(), "due": due}


def recompute(node: Node, actor: str = ACTOR) -> list[dict[str, Any]]:
    """Compute every open date again under the calendar in force. A date that has run out stays, and so does one whose
    new date would have run out already: nobody becomes late by a notice. Returns what changed."""
    now, terms = node.clock.now(), node.terms()
    with node.ledger.reading() as reading:
        spans = [_outage(row) for row in reading.outages.all()]
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
            for dated in reading.obligations.open_dates(now)
            if (after := _again(dated, terms, spans, now)) is not None
            for owed in reading.obligations.dated_so(dated)
        ]
    for at in range(0, len(found), _CHUNK):
        with node.ledger.transaction(now) as tx:
            some = found[at : at + _CHUNK]
            entering.moved(tx, some, terms, actor=actor)
            replies.restate(tx, [owed for owed, _ in some], terms)
    return [
        {
            "id": owed.id,
            "was": owed.due.isoformat(),
            "due": after.due.isoformat(),
            "status_was": owed.status,
            "status": after.status,
            "edition_was": owed.edition,
            "edition": after.edition,
        }
        for owed, after in found
    ]


def _again(dated: Dated, terms: Terms, spans: Sequence[Outage], now: datetime) -> Obligation | None:
    """An obligation so dated under the calendar, after all outages; None where it comes out the same, where no rule is
    known any more, where it would have run out already, and where the date is another node's."""
    if dated.dated_by:
        return None
    standing, calendar = _standing(dated), terms.calendar
    if dated.extended_until:
        until = dated.extended_until
        midnight = standing.expires_at - (standing.due - until)
        status, edition = calendar.status(until), calendar.edition(until)
        plain = replace(standing, due=until, expires_at=midnight, status=status, edition=edition)
    else:
        rule = dated.rule or _agreed(dated, terms.facts)
        if not rule:
            return None
        try:
            plain = recomputed(standing, again(rule, standing.opens_at, dated.period, calendar))
        except ValueError:
            return None
    after = outages.moved(plain, spans, now, calendar).obligation
    same = (after.due, after.expires_at, after.status, after.edition)
    if same == (standing.due, standing.expires_at, standing.status, standing.edition) or after.expires_at <= now:
        return None
    return after


def _standing(dated: Dated) -> Obligation:
    """Any one that is so dated, as the rules know it; whose it is does not matter to its date."""
    return Obligation(
        id="",
        duty="submission",
        party=PartyId(""),
        agreement=AgreementId(dated.agreement),
        occasion=dated.period,
        opens_at=settling.opened(dated.opens_at, dated.period),
        due=dated.due,
        expires_at=dated.expires_at.astimezone(SHANGHAI),
        status=dated.status,
        edition=dated.edition,
        rule=dated.rule,
    )


def _agreed(dated: Dated, facts: Facts) -> str:
    """The rule of an obligation from before rules were kept: the agreement's."""
    agreement = facts.agreements.get(dated.agreement)
    period = Period.parse(dated.period)
    if agreement is None or agreement.deadline is None or period.key not in agreement.deadline.due:
        return ""
    return fixed_rule(period, agreement.deadline)


# -- outages ----------------------------------------------------------------------------------------------------------


def resumed(node: Node) -> None:
    """At the start: the time since the node was last known to run was an outage."""
    now = node.clock.now()
    with node.ledger.reading() as reading:
        last = reading.heartbeat.last()
    if last is not None and last < now:
        enter_outage(node, last, now, "", ACTOR)


def enter_outage(node: Node, began: datetime, ended: datetime, why: str, actor: str) -> Outcome[list[str]]:
    """Enter that the node was down, and move the dates that ran out meanwhile to the next working day. What was
    accepted late before stays late: that was decided. Returns the obligations that moved; refused 623 when it does not
    lie in the past, 621 when the reason holds a number."""
    now, terms = node.clock.now(), node.terms()
    if not began < ended <= now:
        return Refused("623")
    refusal = unfit(why)
    if refusal:
        return refusal
    found = Outage(f"outage/{rfc3339(began)}/{rfc3339(ended)}", began, ended)
    with node.ledger.transaction(now) as tx:
        if not tx.outages.add(id=found.id, began=began, ended=ended, actor=actor, why=why):
            return Ok([])
        entering.outage(tx, found, actor, why, terms)
        pairs = list(_out_of(tx, began, ended, terms.calendar))
        entering.moved(tx, pairs, terms, actor=actor, outage=True)
        replies.restate(tx, [owed for owed, _ in pairs], terms)
    return Ok([owed.id for owed, _ in pairs])


def _out_of(
    tx: Transaction, began: datetime, ended: datetime, calendar: Calendar
) -> Iterator[tuple[ObligationRow, Obligation]]:
    spans = [_outage(row) for row in tx.outages.all()]
    for owed in tx.obligations.running_out(began, ended):
        after = outages.moved(settling.read(owed), spans, tx.now, calendar)
        if after.because:
            yield owed, after.obligation


def out_of_outages(reading: Reading, owed: Sequence[Obligation], now: datetime, calendar: Calendar) -> list[Obligation]:
    """What is entered now may have run out while the node was down."""
    spans = [_outage(row) for row in reading.outages.all()]
    return [outages.moved(one, spans, now, calendar).obligation for one in owed] if spans else list(owed)


def _outage(row: OutageRow) -> Outage:
    return Outage(row.id, row.began, row.ended)
