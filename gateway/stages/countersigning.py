"""Countersigning: another gateway's batch is signed for once everything that its list names was taken in here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from gateway.lifecycle import IncomingState, ParcelState
from gateway.outcomes import Ok, Outcome, Refused
from gateway.parcels import PackageId, PartyId
from gateway.policy.facts import Agreement, Facts, Party
from gateway.policy.periods import Period

Doing = Literal["wait", "withdraw", "tell", "ask", "sign"]
_LONGEST_ID, _LONGEST_PACKAGE, _LONGEST_PERIOD = 120, 200, 8


class List(Protocol):
    """A distribution list, as far as its receiver judges it."""

    @property
    def distribution(self) -> str: ...
    @property
    def issuer(self) -> PartyId: ...
    @property
    def receiver(self) -> PartyId: ...
    @property
    def agreement(self) -> str: ...
    @property
    def period(self) -> str: ...


class Arrived(Protocol):
    """A parcel whose bytes are those of a package on the list."""

    @property
    def sha256(self) -> str: ...
    @property
    def state(self) -> ParcelState: ...
    @property
    def settled(self) -> bool: ...


def identity(sender: str, distribution: str) -> str:
    """How this node calls a batch of `sender`'s: its own ids are its own business."""
    return f"{sender}:{distribution}"


def judge(listing: List, packages: Sequence[PackageId], party: Party, facts: Facts) -> Outcome[Agreement]:
    """Under which agreement of this node the list comes. Refused 247: not issued by this party, not for this node,
    under no agreement under which it sends, or its ids cannot be kept."""
    own = facts.node.party
    agreements = [
        agreement
        for agreement in facts.agreements.values()
        if listing.agreement == (agreement.issued_as or agreement.id) and party in facts.senders(agreement)
    ]
    fits = (listing.issuer, listing.receiver) == (party.id, own) and _is_period(listing.period)
    short = len(identity(party.id, listing.distribution)) <= _LONGEST_ID
    if not (fits and short and agreements) or any(len(package) > _LONGEST_PACKAGE for package in packages):
        return Refused("247")
    return Ok(agreements[0])


def _is_period(text: str) -> bool:
    try:
        return not text or (len(text) <= _LONGEST_PERIOD and bool(Period.parse(text)))
    except ValueError:
        return False


def standing(digests: Sequence[str], arrived: Sequence[Arrived]) -> Mapping[str, Literal["taken", "refused", "coming"]]:
    """What became of each listed package, by digest. One acceptance counts, whatever other tries came to; a refusal
    counts once no try is under way."""
    found: dict[str, Literal["taken", "refused", "coming"]] = {}
    for digest in digests:
        tries = [parcel for parcel in arrived if parcel.sha256 == digest]
        if any(parcel.state is ParcelState.ACCEPTED for parcel in tries):
            found[digest] = "taken"
        elif tries and all(parcel.settled for parcel in tries):
            found[digest] = "refused"
        else:
            found[digest] = "coming"
    return found


def doing(state: IncomingState, by_person: bool, standings: Sequence[str], to_withdraw: bool = False) -> Doing:
    """What is to be done with a batch: `withdraw` what it withdraws, at once, since packages of the same batch may wait
    for that; `wait` for packages or for a person, `tell` the sender what was refused, `ask` a person to sign, or
    `sign`. A person's word (`confirmed`) signs even where something was refused."""
    ended = state in (IncomingState.ANSWERED, IncomingState.FAULTED)
    if to_withdraw and not ended:
        return "withdraw"
    if "coming" in standings or ended or state is IncomingState.BY_PERSON:
        return "wait"
    if state is IncomingState.CONFIRMED:
        return "sign"
    if "refused" in standings:
        return "wait" if state is IncomingState.INCOMPLETE else "tell"
    return "ask" if by_person else "sign"
