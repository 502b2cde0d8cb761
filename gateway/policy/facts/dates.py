"""By when each party owes under an agreement: its own frequency and dates where it has any, else the agreement's; and
which day its figures are of, when a period's window opens."""

from __future__ import annotations

from datetime import date, timedelta

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
    if found is not None and period.key not in found.as_of and found.falls_within(period.key):
        return period.start
    return as_of(agreement, party, period) + timedelta(days=1)


def as_of(agreement: Agreement, party: str, period: Period) -> date:
    """The as-of date (统计时点) of what `party` reports for the period: the period's last day, or the day that stands
    beside its own due date, the last such one before it."""
    found = deadline(agreement, party)
    if found is None or period.key not in found.as_of or period.key not in found.due:
        return period.end
    day, due = found.as_of[period.key], found.due[period.key]
    after = not found.falls_within(period.key) and due <= f"{period.end:%m-%d}"
    return date.fromisoformat(f"{period.end.year + after - (day >= due)}-{day}")


def rhythms(agreement: Agreement) -> set[Rhythm]:
    """Every rhythm that somebody under the agreement reports in."""
    own: set[Rhythm] = set() if agreement.rhythm == "event" else {agreement.rhythm}
    return own | {one.rhythm for one in agreement.frequency.values()}
