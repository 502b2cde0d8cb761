"""Intake: whose file, under which agreement, for which period, of which kind; and the place it takes.

Period and kind come from the sidecar, the file's name, or the window if exactly one is open and nothing earlier is
owed; otherwise the file is refused with the remedy, never guessed (design: formats, "Period and kind").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Protocol

from gateway.outcomes import Deferred, Detail, Ok, Outcome, Refused
from gateway.parcels import Arrival, Claim, Decider, Kind
from gateway.policy.model import Agreement, Facts
from gateway.policy.periods import Period, kind_from_name, read_period
from gateway.ports import Copied

TAKEN = (Kind.NEW, Kind.NIL, Kind.SUPPLEMENT)


class Holder(Protocol):
    """A parcel that holds a place of the same sender, agreement and period."""

    @property
    def id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def revision(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Named:
    period: Period
    kind: Kind
    decided_by: Decider


def decide(
    claim: Claim, copied: Copied, sidecar: Mapping[str, Any], facts: Facts, owed: Sequence[Period]
) -> Outcome[Arrival]:
    """What the copied file is. `owed`: the periods whose window is open and whose submission is still owed by this
    sender, oldest first. The revision is settled by `place`."""
    agreement = facts.agreements.get(claim.agreement)
    day = claim.first_seen.date()
    if agreement is None or not in_force(agreement, day):
        return Refused("222")
    named = _named(copied.name, sidecar, agreement, day, owed)
    if isinstance(named, Refused):
        return named
    if not named.period.ended(day):
        return Refused("228", {"period": str(named.period)})
    if named.kind not in TAKEN:
        return Refused("225", {"kind": str(named.kind)})
    return Ok(
        Arrival(
            parcel=claim.parcel,
            sender=claim.sender,
            agreement=claim.agreement,
            received_at=claim.first_seen,
            size=copied.size,
            sha256=copied.sha256,
            facts=facts.digest,
            period=str(named.period),
            kind=named.kind,
            revision=0,
            decided_by=named.decided_by,
        )
    )


def in_force(agreement: Agreement, day: date) -> bool:
    """Whether the agreement's basis covers `day`."""
    basis = agreement.basis
    return basis.valid_from <= day and (basis.valid_until is None or day <= basis.valid_until)


def _named(
    name: str, sidecar: Mapping[str, Any], agreement: Agreement, day: date, owed: Sequence[Period]
) -> Named | Refused:
    if agreement.rhythm == "event":
        return Refused("223")
    kind, part, _ = kind_from_name(name)
    if "kind" in sidecar:
        try:
            kind = Kind(str(sidecar["kind"]))
        except ValueError:
            return Refused("225", {"kind": "…"})
    if kind is None:
        return Refused("223")
    if part is not None:
        kind = Kind.PART
    if "period" in sidecar:
        try:
            return Named(Period.parse(str(sidecar["period"])), kind, "sidecar")
        except ValueError:
            return Refused("223")
    read = read_period(name, agreement.rhythm, day)
    if read.period is not None:
        return Named(read.period, kind, "name")
    if read.reason == "absent" and len(owed) == 1:
        return Named(owed[0], kind, "window")
    return Refused("223")


def place(arrival: Arrival, holders: Sequence[Holder]) -> Outcome[Arrival]:
    """The revision an arrival takes among what its sender delivered for the period before.

    Refused 220 (the same bytes again; `detail` names the original), 221 (data are there), 231 (nothing to supplement),
    233, 234 (nil against data); Deferred 708 while an earlier one is still in work: its end decides.
    """
    detail: Detail = {"period": arrival.period}
    for holder in holders:
        if holder.sha256 == arrival.sha256 and holder.kind == arrival.kind:
            if holder.state != "accepted":
                return Deferred("708", {"original": holder.id}, retry_after=5)
            return Refused("220", {"original": holder.id})
    if any(holder.state != "accepted" for holder in holders):
        return Deferred("708", {}, retry_after=5)
    if arrival.kind is Kind.SUPPLEMENT:
        if not holders:
            return Refused("231", detail)
        return Ok(replace(arrival, revision=max(holder.revision for holder in holders) + 1))
    if holders and holders[0].kind == Kind.NIL:
        return Refused("233", detail)
    if holders:
        return Refused("234" if arrival.kind is Kind.NIL else "221", detail)
    return Ok(replace(arrival, revision=1))
