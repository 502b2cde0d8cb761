"""Obliging: what falls due by the agreements is entered when its window opens, and marked missed when its date has run
out."""

from __future__ import annotations

from datetime import date

from gateway import deadlines
from gateway.corridors import dating, recording
from gateway.corridors.tools import Tools
from gateway.deadlines import Calendar, Obligation
from gateway.policy.model import Facts
from gateway.policy.periods import for_rhythm


def enter(tools: Tools) -> None:
    """Enter what is owed for the periods whose windows opened last, and mark what was missed; each once."""
    now, facts, calendar = tools.clock.now(), tools.facts.current(), tools.facts.calendar()
    expected = _expected(facts, now.date(), calendar)
    with tools.ledger.reading() as reading:
        known = reading.known_obligations([owed.id for owed in expected])
        fresh = [owed for owed in expected if owed.id not in known]
        fresh = dating.out_of_outages(reading, fresh, now, calendar)
        overdue = reading.overdue(now)
    if not fresh and not overdue:
        return
    with tools.ledger.transaction(now) as tx:
        for owed in fresh:
            recording.set_obligation(tx, owed, facts, calendar)
        recording.missed(tx, overdue, facts, calendar)


def _expected(facts: Facts, day: date, calendar: Calendar) -> list[Obligation]:
    rhythms = {a.rhythm for a in facts.agreements.values() if a.rhythm != "event"}
    return [owed for rhythm in sorted(rhythms) for owed in deadlines.expected(facts, for_rhythm(rhythm, day), calendar)]
