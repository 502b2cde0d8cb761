"""Redirecting: a record that a person returns as not of the area (退回), or passes on to another place (转交), beside
what answers do of themselves.

A returned record is owed by nobody: the party that asked sends it to the right place. One that is passed on is owed by
that place from now on, under a new clock; the fingerprint goes along, so that its answer is known. The node holds no
record that it could forward: the list goes from place to place between people.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import DatedRow, InquiryRow, ObligationRow
from gateway.corridors.inquiries import closing
from gateway.corridors.obligations import changes as entering
from gateway.corridors.obligations import dating, replies, settling
from gateway.corridors.obligations.replies import own_id
from gateway.deadlines import changes
from gateway.deadlines.changes import Change
from gateway.lifecycle import INQUIRY, SETTLED
from gateway.log import Entry
from gateway.node import Node, Terms
from gateway.outcomes import Ok, Outcome, Refused

_Of = tuple[InquiryRow, DatedRow]
_Plan = Callable[[ObligationRow, _Of], Outcome[Change]]


def give_back(node: Node, ids: Sequence[str], why: str, actor: str) -> Outcome[list[dict[str, Any]]]:
    """Return records within 3 working days of their arrival: all of them or none. Refused 607 (settled), 608 (no
    reason), 609 (too late), 621 (the reason holds a number), 622 (no such obligation), 625 (no record's answer)."""
    now, calendar = node.clock.now(), node.facts.calendar()

    def plan(owed: ObligationRow, _of: _Of) -> Outcome[Change]:
        return changes.return_record(settling.read(owed), owed.state, changes.Act(actor, why, now), calendar)

    return _redirect(node, ids, why, plan, "")


def pass_on(node: Node, ids: Sequence[str], to: str, why: str, actor: str) -> Outcome[list[dict[str, Any]]]:
    """Have `to` owe the answers from now on, by a clock that starts now: all of them or none. Refused 607, 608,
    621, 622, 625, 626 (`to` cannot answer, or was asked in this inquiry already)."""
    now, terms = node.clock.now(), node.terms()
    facts = terms.facts

    def plan(owed: ObligationRow, of: _Of) -> Outcome[Change]:
        """Refused 625 where the inquiry's class is no agreement any more, 626 where `to` cannot answer."""
        agreement = facts.agreements.get(of[0].agreement)
        reply = facts.agreements.get(of[0].reply)
        if agreement is None or agreement.clock is None or reply is None:
            return Refused("625", {"obligation": owed.id})
        if to not in {party.id for party in facts.senders(reply)}:
            return Refused("626", {"party": to})
        standing = settling.read(owed)
        act = changes.Act(actor, why, now)
        return changes.transfer(standing, owed.state, to, agreement.clock.rule, act, terms.calendar)

    return _redirect(node, ids, why, plan, to)


def _redirect(node: Node, ids: Sequence[str], why: str, plan: _Plan, to: str) -> Outcome[list[dict[str, Any]]]:
    refusal = dating.unfit(why)
    if refusal:
        return refusal
    now, terms = node.clock.now(), node.terms()
    with node.ledger.transaction(now) as tx:
        planned: list[tuple[ObligationRow, _Of, Change]] = []
        for identity in dict.fromkeys(ids):
            found = _asked(tx, identity, to)
            if not isinstance(found, Ok):
                return found
            owed, of = found.value
            change = plan(owed, of)
            if not isinstance(change, Ok):
                return change
            planned.append((owed, of, change.value))
        going: dict[InquiryRow, list[DatedRow]] = defaultdict(list)
        said: dict[InquiryRow, Entry] = {}
        for owed, (inquiry, record), made in planned:
            entry = entering.changed(tx, made, owed, terms)
            said.setdefault(inquiry, entry)
            going[inquiry].append(record)
        for inquiry, records in going.items() if to else ():
            _hand_on(tx, inquiry, records, to, said[inquiry])
            _state(tx, inquiry, len(records), to, terms)
        closing.close(tx, [owed.id for owed, _, _ in planned], terms.facts)
    return Ok([dating.told(made, owed) for owed, _, made in planned])


def _asked(tx: Transaction, identity: str, to: str) -> Outcome[tuple[ObligationRow, _Of]]:
    """What is owed, with its inquiry and record. Refused 607, 622, 625, 626."""
    owed = tx.obligations.get(identity)
    if owed is None:
        return Refused("622", {"obligation": identity})
    of = _of(tx, owed)
    if of is None:
        return Refused("607") if owed.state in SETTLED else Refused("625", {"obligation": identity})
    if to and tx.inquiries.where(parcel=of[0].parcel, receiver=to):
        return Refused("626", {"party": to})
    return Ok((owed, of))


def _of(tx: Transaction, owed: ObligationRow) -> _Of | None:
    """The open inquiry and the record that this answer is owed for."""
    for parcel, receiver in sorted(tx.dated.asked_under([owed.id])):
        for inquiry in tx.inquiries.where(opened=True, parcel=parcel, receiver=receiver):
            for record in tx.dated.of(parcel, receiver):
                if owed.kind == "reply" and record.obligation == owed.id and receiver == owed.party:
                    return inquiry, record
    return None


def _hand_on(tx: Transaction, inquiry: InquiryRow, records: Sequence[DatedRow], to: str, entry: Entry) -> None:
    """The same inquiry in another place's hands, with those records of it, which `entry` says were passed on."""
    state = INQUIRY.apply(None, entry).state
    handed = replace(inquiry, receiver=to, records=len(records), state=state, delivered_at=entry.time)
    tx.inquiries.add(handed)
    tx.dated.add(
        [
            replace(
                record,
                receiver=to,
                obligation=own_id(handed, record.ordinal),
                covers="",
                refused_at=None,
                claimed="",
            )
            for record in records
        ]
    )


def _state(tx: Transaction, inquiry: InquiryRow, count: int, to: str, terms: Terms) -> None:
    for handed in tx.inquiries.where(parcel=inquiry.parcel, receiver=to):
        owed = tx.dated.with_obligations(parcel=inquiry.parcel, receiver=to)
        replies.state(tx, handed, "", replies.dates(owed), count, terms)
