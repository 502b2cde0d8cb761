"""Parcels in the ledger, the places they take, and what their stages returned."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Unpack

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.adapters.ledger import tables as t
from gateway.adapters.ledger.queries import Queries, Writings, equals, written
from gateway.adapters.ledger.rows import NewParcel, ParcelEqual, ParcelRow, ParcelValues, Place
from gateway.lifecycle import Change, ParcelState
from gateway.parcels import Arrival, Tally

_PARCELS = select(t.parcels)
_SETTLED = [state for state in ParcelState if state.settled]


class ParcelReadings(Queries):
    """Readings."""

    def get(self, parcel: str) -> ParcelRow | None:
        return self._one(ParcelRow, _PARCELS.where(t.parcels.c.id == parcel))

    def row(self, parcel: str) -> ParcelRow:
        """The same of a parcel that exists: `LookupError` otherwise."""
        found = self.get(parcel)
        if found is None:
            raise LookupError(f"no parcel {parcel}")
        return found

    def where(self, *, limit: int = 1000, **equal: Unpack[ParcelEqual]) -> list[ParcelRow]:
        """Parcels whose columns equal what is given, newest first."""
        query = _PARCELS.where(*equals(t.parcels, equal)).order_by(t.parcels.c.received_at.desc())
        return self._all(ParcelRow, query.limit(limit))

    def taken(self, sender: str, sha256: str, but: str) -> ParcelRow | None:
        """A parcel of this sender with the same content, another than `but`, that was accepted or is in work."""
        p = t.parcels.c
        gone = (ParcelState.REFUSED, ParcelState.DUPLICATE)
        query = _PARCELS.where(p.sender == sender, p.sha256 == sha256, p.id != but, p.state.not_in(gone))
        return self._one(ParcelRow, query.order_by(p.received_at, p.id).limit(1))

    def refused_before(self, arrival: Arrival, code: str) -> bool:
        """Whether the same content came from this sender under this agreement before, and was refused with `code`."""
        p = t.parcels.c
        same = p.sender == arrival.sender, p.agreement == arrival.agreement, p.sha256 == arrival.sha256
        return self._one(ParcelRow, _PARCELS.where(*same, p.code == code, p.id != arrival.parcel).limit(1)) is not None

    def unsettled(self) -> list[ParcelRow]:
        """Parcels in work, waiting or stopped, oldest first."""
        query = _PARCELS.where(t.parcels.c.state.not_in(_SETTLED))
        return self._all(ParcelRow, query.order_by(t.parcels.c.received_at))

    def due(self, now: datetime) -> list[ParcelRow]:
        """Deferred parcels whose next attempt has come."""
        return self._all(ParcelRow, _PARCELS.where(t.parcels.c.next_attempt_at <= now))

    def unfinished(self) -> list[ParcelRow]:
        """Parcels that should be moving: neither stopped nor waiting for a time, and not settled and posted."""
        stands = (ParcelState.FAULTED, ParcelState.AWAITING)
        p = t.parcels.c
        query = _PARCELS.where(p.posted_at.is_(None), p.next_attempt_at.is_(None), p.state.not_in(stands))
        return self._all(ParcelRow, query)

    def counts(self) -> dict[ParcelState, int]:
        """How many parcels are in each state."""
        return self._counts(t.parcels.c.state)


class Parcels(ParcelReadings, Writings):
    """The same with writings. Each sets `updated_at`."""

    def add(self, **values: Unpack[NewParcel]) -> None:
        self._connection.execute(insert(t.parcels).values(updated_at=self.now, **values))

    def update(self, parcel: str, **values: Unpack[ParcelValues]) -> None:
        self._write(parcel, dict(values))

    def change(self, parcel: str, change: Change[ParcelState], **values: Unpack[ParcelValues]) -> None:
        """Its new state, the columns that follow from the entry, and `values` beside them."""
        self._write(parcel, written(change, values))

    def tally(self, parcel: str, tally: Tally) -> None:
        """Enter the counts of its records."""
        self.update(parcel, records=tally.records, accepted=tally.accepted, refused=tally.refused, warned=tally.warned)

    def taken_up(self, parcel: str, attempt: int) -> None:
        """The attempt that was waited for is enqueued. One that has come and gone meanwhile keeps its next time."""
        here = t.parcels.c.id == parcel, t.parcels.c.attempt == attempt
        self._connection.execute(update(t.parcels).where(*here).values(next_attempt_at=None, updated_at=self.now))

    def _write(self, parcel: str, values: dict[str, object]) -> None:
        query = update(t.parcels).where(t.parcels.c.id == parcel).values(values | {"updated_at": self.now})
        done = self._connection.execute(query)
        assert done.rowcount == 1, "a parcel that is updated exists"


class PlaceReadings(Queries):
    """Readings."""

    def holders(self, origin: str, agreement: str, period: str) -> list[ParcelRow]:
        """The parcels that hold the places of an address, by revision."""
        query = (
            _PARCELS.join(t.places, t.places.c.parcel == t.parcels.c.id)
            .where(t.places.c.origin == origin, t.places.c.agreement == agreement, t.places.c.period == period)
            .order_by(t.places.c.revision)
        )
        return self._all(ParcelRow, query)

    def counts(self) -> dict[str, int]:
        """How many places each parcel holds."""
        return self._counts(t.places.c.parcel)


class Places(PlaceReadings, Writings):
    """The same with writings."""

    def take(self, place: Place, parcel: str) -> bool:
        """Take a place; False if another parcel has it: the constraint decides between those that race."""
        try:
            with self._connection.begin_nested():
                self._connection.execute(
                    insert(t.places).values(
                        origin=place.origin,
                        agreement=place.agreement,
                        period=place.period,
                        revision=place.revision,
                        parcel=parcel,
                    )
                )
        except IntegrityError:
            return False
        return True

    def free(self, parcel: str) -> None:
        self._connection.execute(delete(t.places).where(t.places.c.parcel == parcel))


class ProgressReadings(Queries):
    """Readings."""

    def get(self, parcel: str, stage: str) -> str | None:
        """What the stage returned, as it was written; None if it has not run."""
        query = select(t.progress.c.body).where(t.progress.c.parcel == parcel, t.progress.c.stage == stage)
        return self._connection.execute(query).scalar_one_or_none()


class Progress(ProgressReadings, Writings):
    """The same with writings."""

    def set(self, parcel: str, stage: str, body: str) -> None:
        """Keep what a stage returned. `IntegrityError` if it was kept before."""
        self._connection.execute(insert(t.progress).values(parcel=parcel, stage=stage, body=body))

    def drop(self, parcel: str) -> None:
        self._connection.execute(delete(t.progress).where(t.progress.c.parcel == parcel))

    def strip(self, parcel: str) -> None:
        """Take the digests of what is erased (`sha256`: the file, its parts) out of what was kept. Counts stay."""
        p = t.progress.c
        kept = self._connection.execute(select(p.stage, p.body).where(p.parcel == parcel, p.body.contains("sha256")))
        for stage, body in kept.all():
            here = update(t.progress).where(p.parcel == parcel, p.stage == stage)
            self._connection.execute(here.values(body=json.dumps(_stripped(json.loads(body)), ensure_ascii=False)))


def _stripped(value: object) -> object:
    if isinstance(value, dict):
        return {name: "" if name == "sha256" else _stripped(inner) for name, inner in value.items()}
    return [_stripped(inner) for inner in value] if isinstance(value, list) else value
