"""Packages in the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from sqlalchemy import insert, select, update

from gateway.adapters.ledger import tables as t
from gateway.adapters.ledger.queries import Queries, Writings, chunks, equals, written
from gateway.adapters.ledger.rows import PackageEqual, PackageRow, ParcelRow
from gateway.lifecycle import Change, PackageState
from gateway.parcels import Kind, SealedPackage

_PACKAGES = select(t.packages)


class PackageReadings(Queries):
    """Readings."""

    def get(self, package: str) -> PackageRow | None:
        return self._one(PackageRow, _PACKAGES.where(t.packages.c.id == package))

    def where(self, **equal: Unpack[PackageEqual]) -> list[PackageRow]:
        """Packages whose columns equal what is given, by origin and revision."""
        query = _PACKAGES.where(*equals(t.packages, equal))
        return self._all(PackageRow, query.order_by(t.packages.c.origin, t.packages.c.revision))

    def counts(self) -> dict[PackageState, int]:
        """How many packages are in each state."""
        return self._counts(t.packages.c.state)


class Packages(PackageReadings, Writings):
    """The same with writings."""

    def add(self, parcel: ParcelRow, package: SealedPackage, state: PackageState, replaces: Sequence[str] = ()) -> None:
        """Enter a package of this parcel's records. `IntegrityError` if its address is taken."""
        assert parcel.kind is not None, "what is sealed has its kind"
        self._connection.execute(
            insert(t.packages).values(
                **_address(parcel, package.receiver),
                id=package.package,
                kind=parcel.kind,
                records=package.records,
                content_digest=package.content_digest,
                sha256=package.sha256,
                size=package.size,
                replaces=replaces,
                state=state,
            )
        )

    def add_withdrawal(self, parcel: ParcelRow, receiver: str, replaces: Sequence[str]) -> None:
        """A notice instead of a package, held: what `replaces` names is to be deleted."""
        address = f"{parcel.agreement}_{parcel.origin}_{receiver}_{parcel.period}_r{parcel.revision}"
        self._connection.execute(
            insert(t.packages).values(
                **_address(parcel, receiver),
                id=f"{address}_withdrawal",
                kind=Kind.VOID,
                records=0,
                content_digest="",
                sha256="",
                size=0,
                replaces=replaces,
                state=PackageState.HELD,
            )
        )

    def change(self, package: str, change: Change[PackageState]) -> None:
        """Its new state, and the columns that follow from the entry."""
        self._connection.execute(update(t.packages).where(t.packages.c.id == package).values(written(change)))

    def change_batch(self, distribution: str, change: Change[PackageState]) -> None:
        """The same for every package of a batch."""
        mine = t.packages.c.distribution == distribution
        self._connection.execute(update(t.packages).where(mine).values(written(change)))

    def assign(self, packages: Sequence[str], distribution: str) -> None:
        """Put packages into a batch. Their state changes with it (`change_batch`)."""
        for some in chunks(packages):
            these = t.packages.c.id.in_(some)
            self._connection.execute(update(t.packages).where(these).values(distribution=distribution))


def _address(parcel: ParcelRow, receiver: str) -> dict[str, str | int]:
    return {
        "parcel": parcel.id,
        "agreement": parcel.agreement,
        "origin": parcel.origin,
        "receiver": receiver,
        "period": parcel.period,
        "revision": parcel.revision,
    }
