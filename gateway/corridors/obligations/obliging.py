"""Obliging: what falls due by the agreements is entered when its window opens, and marked missed when its date has run
out."""

from __future__ import annotations

from datetime import date

from gateway import deadlines
from gateway.adapters.ledger import Reading
from gateway.corridors.obligations import dating, duties, settling
from gateway.deadlines import Calendar, Obligation
from gateway.deadlines.rules import lies_within
from gateway.node import Node
from gateway.policy.facts import Facts, dates
from gateway.policy.periods import Period, for_rhythm


def enter(node: Node) -> None:
    """Enter what is owed for the periods whose windows opened last, and mark what was missed; each once."""
    now, terms = node.clock.now(), node.terms()
    facts, calendar = terms.facts, terms.calendar
    expected = _expected(facts, now.date(), calendar)
    closing = sorted({(owed.agreement, owed.occasion) for owed in expected if _distributes(facts, owed.agreement)})
    with node.ledger.reading() as reading:
        known = reading.obligations.known([owed.id for owed in expected])
        fresh = [owed for owed in expected if owed.id not in known]
        fresh = dating.out_of_outages(reading, fresh, now, calendar)
        overdue = reading.obligations.overdue(now)
        closing = [key for key in closing if not _entered(reading, *key)]
    if not fresh and not overdue and not closing:
        return
    with node.ledger.transaction(now) as tx:
        for owed in fresh:
            settling.set_obligation(tx, owed, terms)
        settling.missed(tx, overdue, terms)
        for agreement, period in closing:
            duties.closed(tx, agreement, period, terms)


def _expected(facts: Facts, day: date, calendar: Calendar) -> list[Obligation]:
    """For the last period of each rhythm that has ended; for dates within their period, the one under way."""
    found = []
    for rhythm in sorted({r for agreement in facts.agreements.values() for r in dates.rhythms(agreement)}):
        for period, within in ((for_rhythm(rhythm, day), False), (Period.containing(rhythm, day), True)):
            expected = deadlines.expected(facts, period, calendar)
            found += [owed for owed in expected if lies_within(owed.rule) is within]
    return found


def _distributes(facts: Facts, agreement: str) -> bool:
    return bool(facts.agreements[agreement].distribute_within)


def _entered(reading: Reading, agreement: str, period: str) -> bool:
    return bool(reading.obligations.where(kind="distribution", agreement=agreement, period=period))
