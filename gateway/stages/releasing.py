"""Releasing: when held packages may go, and what each receiver is told about every origin."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Literal, Protocol

from gateway.parcels import Listed, PackageId, PartyId
from gateway.policy.facts import Agreement

LATE_BATCH = timedelta(days=1)


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
    def replaces(self) -> str: ...


def ripe(
    agreement: Agreement,
    *,
    held: bool,
    outstanding: int,
    in_work: int,
    expires_at: datetime | None,
    last_release: datetime | None,
    now: datetime,
) -> bool:
    """Whether the release rule lets a batch go.

    `held`: packages wait. `outstanding`: origins that still owe. `in_work`: parcels of the period between intake and
    sealing; a batch does not overtake them. `at_close` goes when all have arrived or the deadline has passed; after a
    first batch, late origins are gathered for a day unless they are the last ones. Four eyes never let go by itself.
    """
    if not held or in_work or agreement.four_eyes or agreement.release == "by_operator":
        return False
    if agreement.release == "at_once" or outstanding == 0:
        return True
    closed = expires_at is not None and now >= expires_at
    return closed and (last_release is None or now >= last_release + LATE_BATCH)


def lines(
    receiver: PartyId,
    origins: Sequence[PartyId],
    packages: Sequence[Held],
    arrived: Collection[str],
    before: Collection[str],
) -> tuple[Listed, ...]:
    """One line per package of this batch, and one for every origin without any: `included` if an earlier batch carried
    its package (`before`), `nil` if it has reported (`arrived`) and has nothing for this receiver, else `missing`."""
    by_origin: dict[str, list[Held]] = {}
    for package in packages:
        by_origin.setdefault(package.origin, []).append(package)
    found: list[Listed] = []
    for origin in origins:
        if origin == receiver:
            continue
        mine = by_origin.get(origin, [])
        found += [
            Listed(origin, "included", PackageId(p.id), p.records, p.sha256, p.size, p.replaces or None)
            for p in sorted(mine, key=lambda p: p.id)
        ]
        if not mine:
            status: Literal["included", "nil", "missing"] = "nil" if origin in arrived else "missing"
            found.append(Listed(origin, "included" if origin in before else status))
    return tuple(found)
