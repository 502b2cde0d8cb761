"""Intake: whose file, under which agreement, for which period, of which kind; and the place it takes.

Period and kind come from the sidecar, the file's name, or the window if exactly one is open and nothing earlier is
owed; otherwise the file is refused with the remedy, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import PurePosixPath
from typing import Any, Protocol, TypeVar

from gateway.lifecycle import ParcelState
from gateway.outcomes import Decision, Deferred, Detail, Duplicate, Ok, Outcome, Refused
from gateway.packages import Descriptor
from gateway.parcels import Arrival, Claim, Decider, Kind, PartyId
from gateway.policy.facts import Agreement, Facts, dates
from gateway.policy.periods import Period, kind_from_name, read_period
from gateway.ports import Copied


class Holder(Protocol):
    """A parcel that holds a place of the same sender, agreement and period."""

    @property
    def id(self) -> str: ...
    @property
    def kind(self) -> Kind | None: ...
    @property
    def sha256(self) -> str: ...
    @property
    def state(self) -> ParcelState: ...
    @property
    def revision(self) -> int: ...
    @property
    def part(self) -> int: ...
    @property
    def parts(self) -> int: ...
    @property
    def reported_for(self) -> str: ...
    @property
    def stated(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Named:
    """`period` is None where the agreement is event-driven."""

    period: Period | None
    kind: Kind
    decided_by: Decider
    part: int = 0
    parts: int = 0


def decide(
    claim: Claim,
    copied: Copied,
    sidecar: Mapping[str, Any],
    package: Descriptor | None,
    facts: Facts,
    owed: Sequence[Period],
) -> Outcome[Arrival]:
    """What the copied file is. `package`: what it says of itself, where it is one. `owed`: the periods whose window is
    open and whose submission is still owed by this sender, oldest first. The revision is settled by `place`."""
    agreement = facts.agreements.get(claim.agreement)
    day = claim.first_seen.date()
    if agreement is None or not in_force(agreement, day):
        return Refused("222")
    suffix = PurePosixPath(copied.name).suffix.lower()
    if agreement.content == "document" and package is None and suffix not in agreement.file_types:
        return Refused("207")
    named = _of_package(package) if package else _named(copied.name, sidecar, agreement, claim.sender, day, owed)
    if isinstance(named, Refused):
        return named
    if named.period is not None and day < dates.opens(agreement, claim.sender, named.period):
        return Refused("228", {"period": str(named.period)})
    return Ok(
        Arrival(
            parcel=claim.parcel,
            sender=claim.sender,
            agreement=claim.agreement,
            received_at=claim.first_seen,
            size=copied.size,
            sha256=copied.sha256,
            facts=facts.digest,
            period=str(named.period or ""),
            kind=named.kind,
            revision=0,
            decided_by=named.decided_by,
            part=named.part,
            parts=named.parts,
            suffix=suffix if agreement.content == "document" else "",
            derived_from=package.package_id if package else "",
            origin=PartyId(package.origin) if package else claim.sender,
            reported_for=package.reported_for or "" if package else "",
            stated=package.revision if package else 0,
            replaces=package.replaces or "" if package else "",
        )
    )


def in_force(agreement: Agreement, day: date) -> bool:
    """Whether the agreement's basis covers `day`."""
    basis = agreement.basis
    return basis.valid_from <= day and (basis.valid_until is None or day <= basis.valid_until)


def _named(
    name: str, sidecar: Mapping[str, Any], agreement: Agreement, sender: str, day: date, owed: Sequence[Period]
) -> Named | Refused:
    kind, part, parts = kind_from_name(name)
    if "kind" in sidecar:
        try:
            kind = Kind(str(sidecar["kind"]))
        except ValueError:
            return Refused("225", {"kind": "…"})
    if kind is None:
        return Refused("223")
    if part is not None and kind is not Kind.PART:
        return Refused("225", {"kind": f"{kind} {part}/{parts}"})
    named = partial(Named, kind=kind, part=part or 0, parts=parts or 0)
    rhythm = dates.rhythm(agreement, sender)
    if rhythm is None:
        return named(None, decided_by="window") if kind is Kind.NEW else Refused("225", {"kind": str(kind)})
    if "period" in sidecar:
        try:
            return named(Period.parse(str(sidecar["period"])), decided_by="sidecar")
        except ValueError:
            return Refused("223")
    read = read_period(name, rhythm, day)
    if read.period is not None:
        return named(read.period, decided_by="name")
    if read.reason == "absent" and len(owed) == 1:
        return named(owed[0], decided_by="window")
    return Refused("223")


def judge_package(package: Descriptor, claim: Claim, facts: Facts) -> Refused | None:
    """Whether a package that was opened is what belongs into this folder: 212 (not for us), 238 (another agreement),
    225 (a kind that comes with a name, not with a package). Who may have made it is `authority`'s to say."""
    if package.receiver != facts.node.party:
        return Refused("212")
    if package.agreement not in (claim.agreement, facts.agreements[claim.agreement].issued_as):
        return Refused("238")
    relayed = package.origin != package.sender or package.reported_for
    if len(package.resources) != 1 or (package.kind is Kind.PART and not relayed):
        return Refused("225", {"kind": str(package.kind)})
    return None


def _of_package(package: Descriptor) -> Named | Refused:
    try:
        period = Period.parse(package.period) if package.period else None
    except ValueError:
        return Refused("223")
    return Named(period, package.kind, "descriptor")


RELAY_TRIES = 6
H = TypeVar("H", bound=Holder)


def current(holders: Sequence[H]) -> list[H]:
    """The deliveries that count for a period: the latest replacement and what came after it, or everything; nothing
    that was withdrawn. Where an origin collects, a replacement or withdrawal on behalf of one takes the place of that
    one's alone. `holders` are in order of revision."""
    live: list[H] = []
    for holder in holders:
        if holder.kind in (Kind.REPLACE, Kind.VOID):
            live = [other for other in live if not together(other, holder)]
        if holder.kind is not Kind.VOID:
            live.append(holder)
    return live


class _Behalf(Protocol):
    @property
    def reported_for(self) -> str: ...


def together(before: _Behalf, later: _Behalf) -> bool:
    """Whether the later delivery speaks of what the one before it does: of the whole, or of the same part of it."""
    return later.reported_for in ("", before.reported_for)


def missing_parts(holders: Sequence[Holder]) -> list[int]:
    """The parts that are not here, of a delivery that comes in parts; empty for a whole one."""
    parts = {holder.part for holder in holders if holder.part}
    return [number for number in range(1, max((h.parts for h in holders), default=0) + 1) if number not in parts]


def place(arrival: Arrival, holders: Sequence[Holder], taken: Holder | None, attempt: int = 1) -> Decision[Arrival]:
    """The revision an arrival takes among what its origin delivered for the period before. `taken`: a parcel that
    brought the same sealed bytes, whatever its name was and whatever became of it: nothing signed counts twice.

    What another gateway relays was judged there against the whole, of which this node gets its share: nothing may have
    come for it before a supplement or a replacement, a part is a delivery of its own, packages of a batch overtake each
    other. So a contradiction waits (708) for `RELAY_TRIES` attempts, for what comes before it or a withdrawal; a
    replacement that says itself that it replaces nothing here waits for nothing.

    Duplicate (the same bytes again), Refused 221 (data are there), 231, 236 (nothing to supplement, replace or
    withdraw), 233, 234 (nil against data), 235, 237 (parts), 258 (a revision that is past); Deferred 708 while an
    earlier one is still in work: its end decides. Only parts of one whole, and files without a period, do not wait for
    each other.
    """
    relayed = arrival.origin not in ("", arrival.sender) or bool(arrival.reported_for)
    live = [holder for holder in current(holders) if together(holder, arrival)]
    same = (h for h in live if (h.sha256, h.kind, h.part) == (arrival.sha256, arrival.kind, arrival.part))
    if (before := taken or next(same, None)) is not None:
        if before.state is not ParcelState.ACCEPTED:
            return Deferred("708", {"original": before.id}, retry_after=5)
        return Duplicate(before.id)
    about = [holder for holder in holders if together(holder, arrival) or not holder.reported_for]
    working = [holder for holder in about if holder.state is not ParcelState.ACCEPTED]
    if working and arrival.period and not (arrival.part and all(holder.part for holder in working)):
        return Deferred("708", {}, retry_after=5)
    stale = _stale(arrival, about)
    if relayed and stale is not None:
        return stale
    if relayed and arrival.kind is Kind.PART:
        arrival = replace(arrival, kind=Kind.SUPPLEMENT if live else Kind.NEW)
    refused = _contradiction(arrival, live or _whole(arrival, holders)) if arrival.period else None
    if refused is not None:
        first = arrival.kind is Kind.REPLACE and not live and not arrival.replaces
        if relayed and attempt < RELAY_TRIES and not first:
            return Deferred("708", {}, retry_after=5)
        if not relayed or live or arrival.kind not in (Kind.SUPPLEMENT, Kind.REPLACE):
            return refused
    if stale is not None:
        return stale
    return Ok(replace(arrival, revision=max((holder.revision for holder in holders), default=0) + 1))


def _stale(arrival: Arrival, about: Sequence[Holder]) -> Refused | None:
    """Whether a package is of a revision that is past, by what it says of itself: a replacement or withdrawal when
    anything of its revision or a later one is there, anything else after a later one of those, or when its very
    revision is there. What came as a plain file counts by the revision it took here."""
    if not arrival.derived_from or not arrival.period:
        return None
    takes_place = (Kind.REPLACE, Kind.VOID)
    past = [
        holder
        for holder in about
        if (arrival.kind in takes_place and _number(holder) >= arrival.stated)
        or (holder.kind in takes_place and _number(holder) > arrival.stated)
        or (holder.stated == arrival.stated and holder.reported_for == arrival.reported_for)
    ]
    following = max((_number(holder) for holder in about), default=0) + 1
    return Refused("258", {"stated": arrival.stated, "next": following}) if past else None


def _number(holder: Holder) -> int:
    return holder.stated or holder.revision


def _whole(arrival: Arrival, holders: Sequence[Holder]) -> list[Holder]:
    """What an origin that collects sent itself, as one: nothing new comes to it on behalf of others."""
    if not arrival.reported_for or arrival.kind is not Kind.NEW:
        return []
    return [h for h in current(holders) if not h.reported_for and h.kind is not Kind.SUPPLEMENT]


def _contradiction(arrival: Arrival, live: Sequence[Holder]) -> Refused | None:
    """Why an arrival of this kind cannot follow what is there."""
    period: Detail = {"period": arrival.period}
    nil = bool(live) and live[0].kind == Kind.NIL
    match arrival.kind:
        case Kind.REPLACE | Kind.VOID:
            return None if live else Refused("236", period)
        case Kind.SUPPLEMENT:
            if not live or nil:
                return Refused("231", period)
            missing = missing_parts(live)
            return Refused("237", {**period, "missing": "、".join(map(str, missing))}) if missing else None
        case Kind.PART if live and not nil and all(holder.part for holder in live):
            fits = live[0].parts == arrival.parts and all(holder.part != arrival.part for holder in live)
            return None if fits else Refused("235", {"parts": live[0].parts, "part": arrival.part})
        case Kind.NIL if live and not nil:
            return Refused("234", period)
        case _:
            if nil:
                return Refused("233", period)
            return Refused("221", period) if live else None
