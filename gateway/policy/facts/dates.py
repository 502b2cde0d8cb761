"""By when each party owes under an agreement: its own frequency and dates where it has any, else the agreement's; and
when a period's window opens."""

from __future__ import annotations

from datetime import date

from gateway.policy.facts.agreement import Agreement, Deadline
from gateway.policy.periods import Period, Rhythm


def rhythm(agreement: Agreement, party: str) -> Rhythm | None:
    """How often `party` reports; None for events."""
    if party in agreement.frequency:
        return agreement.frequency[party].rhythm
    return None if agreement.rhythm == "event" else agreement.rhythm


def deadline(agreement: Agreement, party: str) -> Deadline | None:
    return agreement.frequency[party].deadline if party in agreement.frequency else agreement.deadline


def opens(agreement: Agreement, party: str, period: Period) -> date:
    """The day from which a submission for the period is taken: the day after the as-of date, or, where the date lies
    within the period itself, the period's first day."""
    found = deadline(agreement, party)
    return period.start if found is not None and found.within else period.opens


def rhythms(agreement: Agreement) -> set[Rhythm]:
    """Every rhythm that somebody under the agreement reports in."""
    own: set[Rhythm] = set() if agreement.rhythm == "event" else {agreement.rhythm}
    return own | {one.rhythm for one in agreement.frequency.values()}
