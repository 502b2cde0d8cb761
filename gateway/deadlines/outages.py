"""Outages (停机): a date that falls inside a logged outage of the node moves to the next working day.

A rule of this project's own: a date is inside an outage when the node was down at the instant the date ran out, since
then it cannot be known whether a delivery would have come. An outage that ended before leaves the date where it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.deadlines.calendar import Calendar, in_shanghai
from gateway.deadlines.obligations import Obligation


@dataclass(frozen=True, slots=True)
class Outage:
    """One logged outage. `id` is the log entry's; instants are aware; `ended` is None while it lasts."""

    id: str
    began: datetime
    ended: datetime | None = None

    def __post_init__(self) -> None:
        if self.ended is not None and in_shanghai(self.ended) < in_shanghai(self.began):
            raise ValueError("an outage ends after it began")


@dataclass(frozen=True, slots=True)
class Moved:
    """The obligation with its date after all outages, and the ids of those that moved it, in order. One outage may move
    a date over several days."""

    obligation: Obligation
    because: tuple[str, ...]


def moved(obligation: Obligation, outages: Iterable[Outage], now: datetime, calendar: Calendar) -> Moved:
    """Move `obligation` out of every outage it falls into. `obligation` has the date before any move, so the result
    does not depend on how often it is computed, nor on the order of `outages`.

    An outage that lasts is taken to last until `now`. The hour at which the date runs out stays. Raises `NaiveInstant`
    when an instant has no time zone.
    """
    moment = in_shanghai(now)
    spans = [(outage, max(moment, outage.began) if outage.ended is None else outage.ended) for outage in outages]
    spans.sort(key=lambda span: (span[0].began, span[1]))
    reasons: list[str] = []
    day, expires_at, edition, status = obligation.due, obligation.expires_at, obligation.edition, obligation.status
    while True:
        hit = next((outage for outage, ended in spans if outage.began < expires_at <= ended), None)
        if hit is None:
            break
        if hit.id not in reasons:
            reasons.append(hit.id)
        later = calendar.next_working(day)
        for passed in range(1, (later - day).days + 1):
            between = day + timedelta(days=passed)
            edition = "+".join(dict.fromkeys((*edition.split("+"), calendar.edition(between))))
            if calendar.status(between) == "provisional":
                status = "provisional"
        expires_at += later - day
        day = later
    if not reasons:
        return Moved(obligation, ())
    return Moved(replace(obligation, due=day, expires_at=expires_at, edition=edition, status=status), tuple(reasons))
