"""What people may do to an obligation: extend it, void it, return it, transfer it. Each names who and why.

Pure: the answer is an outcome with the change to be entered, and the ledger keeps changes in order. A date that has run
out is not moved any more: late is decided once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal

from gateway.deadlines.calendar import Calendar, in_shanghai
from gateway.deadlines.clocks import Rule, due
from gateway.deadlines.obligations import Obligation, owed, since_day
from gateway.lifecycle import SETTLED, ObligationState
from gateway.outcomes import Ok, Outcome, Refused

RETURN = Rule("workdays", 3)
Kind = Literal["extended", "void", "returned", "transferred"]


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `by` is the actor the log names. `why` may hold what a person wrote: the log takes its digest only.

    `after` is the obligation as it stands from here on, None when nothing is owed any more.
    """

    kind: Kind
    obligation: str
    at: datetime
    by: str
    why: str
    after: Obligation | None


def extend(
    obligation: Obligation, until: date, by: str, why: str, at: datetime, state: ObligationState, calendar: Calendar
) -> Outcome[Change]:
    """Put the date off to `until`, 24:00. Refused 606 when the date has run out or `until` is no later than it, 607
    when the obligation is settled, 608 without an actor or a reason."""
    refusal = _refusal(by, why, state)
    if refusal:
        return refusal
    if in_shanghai(at) >= obligation.expires_at or until <= obligation.due:
        return Refused("606", {"due": str(obligation.due)})
    after = replace(
        obligation,
        due=until,
        expires_at=since_day(until + timedelta(days=1)),
        status=calendar.status(until),
        edition=calendar.edition(until),
    )
    return Ok(Change("extended", obligation.id, at, by, why, after))


def void(obligation: Obligation, by: str, why: str, at: datetime, state: ObligationState) -> Outcome[Change]:
    """Nothing is owed any more. Refused 607 when the obligation is settled, 608 without an actor or a reason."""
    refusal = _refusal(by, why, state)
    return refusal or Ok(Change("void", obligation.id, at, by, why, None))


def return_record(
    obligation: Obligation, by: str, why: str, at: datetime, state: ObligationState, calendar: Calendar
) -> Outcome[Change]:
    """非本辖区: the record goes back within 3 working days of its arrival (`opens_at`). Refused 609 after them, 607
    when the obligation is settled, 608 without an actor or a reason."""
    refusal = _refusal(by, why, state)
    if refusal:
        return refusal
    day, until = due(obligation.opens_at, RETURN, calendar).settled
    if in_shanghai(at) >= until:
        return Refused("609", {"due": str(day)})
    return Ok(Change("returned", obligation.id, at, by, why, None))


def transfer(
    obligation: Obligation,
    to: str,
    rule: str | Rule,
    by: str,
    why: str,
    at: datetime,
    state: ObligationState,
    calendar: Calendar,
) -> Outcome[Change]:
    """Another place owes it now; a new clock starts at `at`, when it entered that place's channel. Refused 607 when the
    obligation is settled, 608 without an actor, a reason, or another party."""
    refusal = _refusal(by, why, state)
    if refusal:
        return refusal
    if to == obligation.party:
        return Refused("608")
    after = owed(obligation.duty, to, obligation.agreement, obligation.occasion, at, rule, calendar)
    return Ok(Change("transferred", obligation.id, at, by, why, after))


def standing(obligation: Obligation, changes: Iterable[Change]) -> Obligation | None:
    """The obligation after its changes, in order; None when nothing is owed any more. Changes of others are passed
    over; a transferred one is followed."""
    current: Obligation | None = obligation
    for change in changes:
        if current is not None and change.obligation == current.id:
            current = change.after
    return current


def _refusal(by: str, why: str, state: ObligationState) -> Refused | None:
    if not by.strip() or not why.strip():
        return Refused("608")
    if state in SETTLED:
        return Refused("607")
    return None
