"""Redirecting: a record that a person returns as not of the area (退回), or passes on to another place (转交), beside
what answers do of themselves.

A returned record is owed by nobody: who asked sends it to the right place. One that is passed on is owed by that place
from now on, under a new clock; the fingerprint goes along, so that its answer is known. The node holds no record that
it could forward: the list goes from place to place between people.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import DatedRow, InquiryRow, ObligationRow
from gateway.corridors.inquiries import closing, stating
from gateway.corridors.inquiries.entering import own_id
from gateway.corridors.obligations import changes as entering
from gateway.corridors.obligations import settling
from gateway.deadlines import Calendar, changes
from gateway.deadlines.changes import Change
from gateway.instants import rfc3339
from gateway.lifecycle import SETTLED, ObligationState
from gateway.node import Tools
from gateway.outcomes import Ok, Outcome, Refused
from gateway.policy.facts.facts import Facts

NUMBER: Final = re.compile(r"\d{11}")
LONGEST: Final = 400
_Of = tuple[InquiryRow, DatedRow]


def give_back(tools: Tools, ids: Sequence[str], why: str, actor: str) -> Outcome[list[dict[str, Any]]]:
    """Return records within 3 working days of their arrival: all of them or none. Refused 607 (settled), 608 (no
    reason), 609 (too late), 621 (the reason holds a number), 622 (no such obligation), 625 (no record's answer)."""
    now, calendar = tools.clock.now(), tools.facts.calendar()

    def plan(owed: ObligationRow, _of: _Of) -> Outcome[Change]:
        state = ObligationState(owed.state)
        return changes.return_record(settling.read(owed), state, changes.Act(actor, why, now), calendar)

    return _redirect(tools, ids, why, plan, "")


def pass_on(tools: Tools, ids: Sequence[str], to: str, why: str, actor: str) -> Outcome[list[dict[str, Any]]]:
    """Have `to` owe the answers from now on, by a clock that starts now: all of them or none. Refused 607, 608,
    621, 622, 625, 626 (`to` cannot answer, or was asked in this inquiry already)."""
    now, facts, calendar = tools.clock.now(), tools.facts.current(), tools.facts.calendar()

    def plan(owed: ObligationRow, of: _Of) -> Outcome[Change]:
        agreement = facts.agreements.get(of[0].agreement)
        reply = facts.agreements.get(of[0].reply)
        if agreement is None or agreement.clock is None or reply is None:
            return Refused("625", {"obligation": owed.id})
        if to not in {party.id for party in facts.senders(reply)}:
            return Refused("626", {"party": to})
        standing, state = settling.read(owed), ObligationState(owed.state)
        return changes.transfer(standing, state, to, agreement.clock.rule, changes.Act(actor, why, now), calendar)

    return _redirect(tools, ids, why, plan, to)


def _redirect(
    tools: Tools, ids: Sequence[str], why: str, plan: Callable[[ObligationRow, _Of], Outcome[Change]], to: str
) -> Outcome[list[dict[str, Any]]]:
    if NUMBER.search(why) or len(why) > LONGEST:
        return Refused("621", {"limit": LONGEST})
    now, facts, calendar = tools.clock.now(), tools.facts.current(), tools.facts.calendar()
    done = []
    with tools.ledger.transaction(now) as tx:
        planned: list[tuple[ObligationRow, Change]] = []
        going: dict[InquiryRow, list[DatedRow]] = defaultdict(list)
        for identity in dict.fromkeys(ids):
            owed = tx.obligation(identity)
            if owed is None:
                return Refused("622", {"obligation": identity})
            of = _of(tx, owed)
            if of is None and ObligationState(owed.state) not in SETTLED:
                return Refused("625", {"obligation": identity})
            if of is None:
                return Refused("607")
            if to and tx.inquiries(parcel=of[0].parcel, receiver=to):
                return Refused("626", {"party": to})
            change = plan(owed, of)
            if not isinstance(change, Ok):
                return change
            planned.append((owed, change.value))
            going[of[0]].append(of[1])
        for inquiry, records in going.items() if to else ():
            _hand_on(tx, inquiry, records, to)
        for owed, made in planned:
            entering.changed(tx, made, owed, facts, calendar)
            after = made.after
            done.append({"id": owed.id, "change": made.kind, "was": owed.due, "due": str(after.due) if after else None})
        for inquiry, records in going.items() if to else ():
            _state(tx, inquiry, len(records), to, facts, calendar)
        closing.close(tx, [owed.id for owed, _ in planned], facts)
    return Ok(done)


def _of(tx: Transaction, owed: ObligationRow) -> _Of | None:
    """The open inquiry and the record that this answer is owed for."""
    for parcel, receiver in sorted(tx.asked_under([owed.id])):
        for inquiry in tx.inquiries(opened=True, parcel=parcel, receiver=receiver):
            for record in tx.dated(parcel, receiver):
                if owed.kind == "reply" and record.obligation == owed.id and receiver == owed.party:
                    return inquiry, record
    return None


def _hand_on(tx: Transaction, inquiry: InquiryRow, records: Sequence[DatedRow], to: str) -> None:
    """The same inquiry in another place's hands, with those records of it."""
    values = {name: getattr(inquiry, name) for name in InquiryRow.__dataclass_fields__}
    tx.add_inquiry(**values | {"receiver": to, "records": len(records), "delivered_at": rfc3339(tx.now)})
    rows = [
        {name: getattr(record, name) for name in DatedRow.__dataclass_fields__}
        | {"receiver": to, "obligation": own_id(replace(inquiry, receiver=to), record.ordinal)}
        | {"covers": "", "refused_at": "", "claimed": ""}
        for record in records
    ]
    tx.add_dated(rows)


def _state(tx: Transaction, inquiry: InquiryRow, count: int, to: str, facts: Facts, calendar: Calendar) -> None:
    for handed in tx.inquiries(parcel=inquiry.parcel, receiver=to):
        owed = tx.dated_with_state(parcel=inquiry.parcel, receiver=to)
        stating.state(tx, handed, "", stating.dates(owed), count, facts, calendar)
