"""What people may do to an obligation: extend it, void it, return it, transfer it. Each names who and why.

Nothing is stored here: the outcome holds the change to be entered, and the ledger keeps changes in order. A date that
has run out is not moved any more: late is decided once.
"""

from __future__ import annotations

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


@dataclass(frozen=True, slots=True)
class Act:
    """What a person does: who (`by`, the actor that the log names), why, and when (`at`, aware)."""

    by: str
    why: str
    at: datetime

    def change(self, kind: Kind, obligation: Obligation, after: Obligation | None) -> Change:
        """The change that this act makes of `obligation`."""
        return Change(kind, obligation.id, self.at, self.by, self.why, after)


def extend(
    obligation: Obligation, state: ObligationState, until: date, act: Act, calendar: Calendar
) -> Outcome[Change]:
    """Put the date off to `until`, 24:00. Refused 606 when the date has run out or `until` is no later than it, 607
    when the obligation is settled, 608 without an actor or a reason."""
    refusal = _refusal(act, state)
    if refusal:
        return refusal
    if in_shanghai(act.at) >= obligation.expires_at or until <= obligation.due:
        return Refused("606", {"due": str(obligation.due)})
    after = replace(
        obligation,
        due=until,
        expires_at=since_day(until + timedelta(days=1)),
        status=calendar.status(until),
        edition=calendar.edition(until),
    )
    return Ok(act.change("extended", obligation, after))


def void(obligation: Obligation, state: ObligationState, act: Act) -> Outcome[Change]:
    """Nothing is owed any more. Refused 607 when the obligation is settled, 608 without an actor or a reason."""
    return _refusal(act, state) or Ok(act.change("void", obligation, None))


def return_record(obligation: Obligation, state: ObligationState, act: Act, calendar: Calendar) -> Outcome[Change]:
    """非本辖区: the record goes back within 3 working days of its arrival (`opens_at`). Refused 609 after them, 607
    when the obligation is settled, 608 without an actor or a reason."""
    refusal = _refusal(act, state)
    if refusal:
        return refusal
    day, until = due(obligation.opens_at, RETURN, calendar).settled
    if in_shanghai(act.at) >= until:
        return Refused("609", {"due": str(day)})
    return Ok(act.change("returned", obligation, None))


def transfer(
    obligation: Obligation, state: ObligationState, to: str, rule: str | Rule, act: Act, calendar: Calendar
) -> Outcome[Change]:
    """The party `to` owes it from now on, by a clock that starts when the record enters its channel (the act's
    instant). Refused 607 when the obligation is settled, 608 without an actor, a reason, or another party."""
    refusal = _refusal(act, state)
    if refusal:
        return refusal
    if to == obligation.party:
        return Refused("608")
    after = owed(obligation.matter._replace(party=to), act.at, rule, calendar)
    return Ok(act.change("transferred", obligation, after))


def _refusal(act: Act, state: ObligationState) -> Refused | None:
    if not act.by.strip() or not act.why.strip():
        return Refused("608")
    if state in SETTLED:
        return Refused("607")
    return None
