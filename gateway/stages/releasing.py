"""Releasing: when held packages may go, and what each receiver is told about every origin."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from gateway.parcels import Listed, PackageId, PartyId
from gateway.policy.facts import Agreement

LATE_BATCH = timedelta(days=1)
Otherwise = Literal["partly", "not_due"]


class Held(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def origin(self) -> str: ...
    @property
    def records(self) -> int: ...
    @property
    def sha256(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def replaces(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand for one period of an agreement. `held`: packages wait. `outstanding`: origins that still owe.
    `in_work`: parcels between intake and sealing. `expires_at`: when the last submission runs out."""

    held: bool
    outstanding: int
    in_work: int
    expires_at: datetime | None
    last_release: datetime | None


def ripe(agreement: Agreement, standing: Standing, now: datetime) -> bool:
    """Whether the release rule lets a batch go. A batch does not overtake parcels in work. `at_close` goes when all
    have arrived or the deadline has passed; after a first batch, late origins are gathered for a day unless they are
    the last ones. Under four eyes nothing goes by itself."""
    if not standing.held or standing.in_work or agreement.four_eyes or agreement.release == "by_operator":
        return False
    if agreement.release == "at_once" or standing.outstanding == 0:
        return True
    closed = standing.expires_at is not None and now >= standing.expires_at
    return closed and (standing.last_release is None or now >= standing.last_release + LATE_BATCH)


def lines(
    receiver: PartyId,
    origins: Sequence[PartyId],
    packages: Sequence[Held],
    arrived: Collection[str],
    before: Collection[str],
    otherwise: Mapping[str, Otherwise] | None = None,
) -> tuple[Listed, ...]:
    """One line per package of this batch, and one for every origin without any: `included` if an earlier batch carried
    its package (`before`), `nil` if it has reported (`arrived`) and has nothing for this receiver, else `missing`.
    `otherwise`: origins of which not all has come (`partly`), and those that owe nothing (`not_due`)."""
    apart = otherwise or {}
    by_origin: dict[str, list[Held]] = {}
    for package in packages:
        by_origin.setdefault(package.origin, []).append(package)
    found: list[Listed] = []
    for origin in origins:
        if origin == receiver:
            continue
        mine, standing = by_origin.get(origin, []), apart.get(origin)
        here: Literal["included", "partly"] = "partly" if standing == "partly" else "included"
        found += [
            Listed(origin, here, PackageId(p.id), p.records, p.sha256, p.size, " ".join(p.replaces) or None)
            for p in sorted(mine, key=lambda p: p.id)
        ]
        if not mine:
            came = here if origin in before else "nil" if origin in arrived and here == "included" else standing
            found.append(Listed(origin, came or "missing"))
    return tuple(found)
