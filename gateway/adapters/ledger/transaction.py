"""One transaction of the ledger: state, log entry and outbox together, or none of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, Table, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.adapters.ledger import sequencing
from gateway.adapters.ledger import tables as t
from gateway.adapters.ledger.asking import Asking, AskingWrites
from gateway.adapters.ledger.between import Between
from gateway.adapters.ledger.owing import Owing, OwingWrites
from gateway.adapters.ledger.rows import (
    SETTLED,
    DeliveryRow,
    DistributionRow,
    LogRow,
    PackageRow,
    ParcelRow,
    ReceiptRow,
)
from gateway.adapters.ledger.sequencing import Sequenced
from gateway.instants import rfc3339
from gateway.log import Entry
from gateway.parcels import Kind, SealedPackage, Tally

_DELIVERIES = (
    select(t.deliveries, t.distributions.c.receiver, t.distributions.c.released_at)
    .join(t.distributions, t.distributions.c.id == t.deliveries.c.distribution)
    .order_by(t.deliveries.c.distribution)
)


class Reading(Owing, Asking):
    """Queries; they hold in a transaction and on a reading connection alike."""

    @property
    def between(self) -> Between:
        """What other gateways listed and stated."""
        return Between(self._connection)

    def parcel(self, parcel: str) -> ParcelRow | None:
        return self._one(ParcelRow, select(t.parcels).where(t.parcels.c.id == parcel))

    def parcels(self, *, limit: int = 1000, **equal: str) -> list[ParcelRow]:
        """Parcels whose columns equal what is given, newest first."""
        return self._all(
            ParcelRow, select(t.parcels).filter_by(**equal).order_by(t.parcels.c.received_at.desc()).limit(limit)
        )

    def unsettled(self) -> list[ParcelRow]:
        """Parcels in work, waiting or stopped, oldest first."""
        query = select(t.parcels).where(t.parcels.c.state.not_in(SETTLED))
        return self._all(ParcelRow, query.order_by(t.parcels.c.received_at))

    def due_parcels(self, now: datetime) -> list[ParcelRow]:
        """Deferred parcels whose next attempt has come."""
        query = select(t.parcels).where(t.parcels.c.next_attempt_at != "", t.parcels.c.next_attempt_at <= rfc3339(now))
        return self._all(ParcelRow, query)

    def unfinished(self) -> list[ParcelRow]:
        """Parcels that should be moving: neither stopped nor waiting for a time, and not settled and posted."""
        query = select(t.parcels).where(
            t.parcels.c.posted_at == "",
            t.parcels.c.next_attempt_at == "",
            t.parcels.c.state.not_in(("faulted", "held")),
        )
        return self._all(ParcelRow, query)

    def progress(self, parcel: str, stage: str) -> str | None:
        query = select(t.progress.c.body).where(t.progress.c.parcel == parcel, t.progress.c.stage == stage)
        return self._connection.execute(query).scalar_one_or_none()

    def places(self, origin: str, agreement: str, period: str) -> list[ParcelRow]:
        """The parcels that hold the places of an address, by revision."""
        query = (
            select(t.parcels)
            .join(t.places, t.places.c.parcel == t.parcels.c.id)
            .where(t.places.c.origin == origin, t.places.c.agreement == agreement, t.places.c.period == period)
            .order_by(t.places.c.revision)
        )
        return self._all(ParcelRow, query)

    def packages(self, **equal: str) -> list[PackageRow]:
        query = select(t.packages).filter_by(**equal).order_by(t.packages.c.origin, t.packages.c.revision)
        return self._all(PackageRow, query)

    def distribution(self, distribution: str) -> DistributionRow | None:
        return self._one(DistributionRow, select(t.distributions).where(t.distributions.c.id == distribution))

    def distributions(self, **equal: str) -> list[DistributionRow]:
        query = select(t.distributions).filter_by(**equal)
        return self._all(DistributionRow, query.order_by(t.distributions.c.batch, t.distributions.c.receiver))

    def deliveries(self, **equal: str) -> list[DeliveryRow]:
        return self._all(DeliveryRow, _DELIVERIES.where(*(t.deliveries.c[k] == v for k, v in equal.items())))

    def due_deliveries(self, now: datetime) -> list[DeliveryRow]:
        """Deliveries whose next attempt has come."""
        at = t.deliveries.c.next_attempt_at
        return self._all(DeliveryRow, _DELIVERIES.where(at != "", at <= rfc3339(now)))

    def waiting_deliveries(self) -> list[DeliveryRow]:
        """Released and not delivered, and not waiting for a time."""
        return self._all(
            DeliveryRow, _DELIVERIES.where(t.deliveries.c.state == "released", t.deliveries.c.next_attempt_at == "")
        )

    def last_batch(self, agreement: str, period: str) -> int:
        query = select(func.max(t.distributions.c.batch)).where(
            t.distributions.c.agreement == agreement, t.distributions.c.period == period
        )
        return self._connection.execute(query).scalar_one() or 0

    def receipts(self, **equal: str) -> list[ReceiptRow]:
        return self._all(ReceiptRow, select(t.receipts).filter_by(**equal).order_by(t.receipts.c.number))

    def count(self, table: Table, column: str) -> dict[str, int]:
        """How many rows stand in each value of a column."""
        chosen = table.c[column]
        return {
            str(value): int(number)
            for value, number in self._connection.execute(select(chosen, func.count()).group_by(chosen))
        }

    def head(self) -> tuple[int, str]:
        """The last sequence number and the leaf hash of that entry; (-1, "") of an empty log."""
        row = self._connection.execute(
            select(t.log_entries.c.seq, t.log_entries.c.leaf).order_by(t.log_entries.c.seq.desc()).limit(1)
        ).first()
        return (-1, "") if row is None else (int(row[0]), str(row[1]))

    def entries(self, after: int = -1, limit: int = 1000) -> list[LogRow]:
        query = select(t.log_entries).where(t.log_entries.c.seq > after).order_by(t.log_entries.c.seq).limit(limit)
        return self._all(LogRow, query)

    def entries_of(self, parcel: str) -> list[LogRow]:
        """What was logged of one parcel (or batch), oldest first."""
        return self._all(
            LogRow, select(t.log_entries).where(t.log_entries.c.parcel == parcel).order_by(t.log_entries.c.seq)
        )

    def entry(self, entry_id: str) -> LogRow | None:
        return self._one(LogRow, select(t.log_entries).where(t.log_entries.c.id == entry_id))


class Transaction(Reading, OwingWrites, AskingWrites):
    """Writes. `now` is the step's one instant."""

    def __init__(self, connection: Connection, now: datetime, *, lock_rows: bool) -> None:
        super().__init__(connection)
        self.now = now
        self._lock_rows = lock_rows

    # -- the log -----------------------------------------------------------------------------------------------------

    def log(self, entry: Entry) -> Sequenced:
        """Append an entry (`sequencing.append`). Raises `IntegrityError` if the id was used."""
        return sequencing.append(self._connection, [entry], self.now, lock_rows=self._lock_rows)[0]

    def keep_salt(self, commit: str, salt: str, parcel: str) -> None:
        self._connection.execute(insert(t.log_salts).values(commit=commit, salt=salt, parcel=parcel))

    # -- submission --------------------------------------------------------------------------------------------------

    def add_parcel(self, **values: object) -> None:
        self._connection.execute(insert(t.parcels).values(updated_at=rfc3339(self.now), **values))

    def update_parcel(self, parcel: str, **values: object) -> None:
        done = self._connection.execute(
            update(t.parcels).where(t.parcels.c.id == parcel).values(updated_at=rfc3339(self.now), **values)
        )
        assert done.rowcount == 1, "a parcel that is updated exists"

    def parcel_taken_up(self, parcel: str, attempt: int) -> None:
        """The attempt that was waited for is enqueued. One that has come and gone meanwhile keeps its next time."""
        here = (t.parcels.c.id == parcel, t.parcels.c.attempt == attempt)
        self._connection.execute(
            update(t.parcels).where(*here).values(next_attempt_at="", updated_at=rfc3339(self.now))
        )

    def tally(self, parcel: str, tally: Tally) -> None:
        self.update_parcel(
            parcel, records=tally.records, accepted=tally.accepted, refused=tally.refused, warned=tally.warned
        )

    def set_progress(self, parcel: str, stage: str, body: str) -> None:
        self._connection.execute(insert(t.progress).values(parcel=parcel, stage=stage, body=body))

    def drop_progress(self, parcel: str) -> None:
        self._connection.execute(delete(t.progress).where(t.progress.c.parcel == parcel))

    def take_place(self, origin: str, agreement: str, period: str, revision: int, parcel: str) -> bool:
        """Take a place; False if another parcel has it (the constraint decides, whoever races)."""
        try:
            with self._connection.begin_nested():
                self._connection.execute(
                    insert(t.places).values(
                        origin=origin, agreement=agreement, period=period, revision=revision, parcel=parcel
                    )
                )
        except IntegrityError:
            return False
        return True

    def free_place(self, parcel: str) -> None:
        self._connection.execute(delete(t.places).where(t.places.c.parcel == parcel))

    def add_package(self, parcel: ParcelRow, package: SealedPackage, *, state: str, replaces: str = "") -> None:
        self._connection.execute(
            insert(t.packages).values(
                id=package.package,
                parcel=parcel.id,
                agreement=parcel.agreement,
                origin=parcel.origin,
                receiver=package.receiver,
                period=parcel.period,
                kind=parcel.kind,
                revision=parcel.revision,
                records=package.records,
                content_digest=package.content_digest,
                sha256=package.sha256,
                size=package.size,
                replaces=replaces,
                state=state,
            )
        )

    def add_withdrawal(self, parcel: ParcelRow, receiver: str, replaces: str) -> None:
        """A notice instead of a package: what `replaces` names is to be deleted."""
        address = f"{parcel.agreement}_{parcel.origin}_{receiver}_{parcel.period}_r{parcel.revision}"
        self._connection.execute(
            insert(t.packages).values(
                id=f"{address}_withdrawal",
                parcel=parcel.id,
                agreement=parcel.agreement,
                origin=parcel.origin,
                receiver=receiver,
                period=parcel.period,
                kind=str(Kind.VOID),
                revision=parcel.revision,
                records=0,
                content_digest="",
                sha256="",
                size=0,
                replaces=replaces,
                state="held",
            )
        )

    def update_package(self, package: str, **values: object) -> None:
        self._connection.execute(update(t.packages).where(t.packages.c.id == package).values(**values))

    # -- distribution ------------------------------------------------------------------------------------------------

    def add_distribution(self, channel: str, packages: Sequence[PackageRow], **values: object) -> None:
        """A batch for one receiver, its delivery, and its packages' new state."""
        self._connection.execute(insert(t.distributions).values(packages=len(packages), **values))
        self._connection.execute(
            insert(t.deliveries).values(distribution=values["id"], channel=channel, state="released")
        )
        if packages:
            self._connection.execute(
                update(t.packages)
                .where(t.packages.c.id.in_([p.id for p in packages]))
                .values(state="released", distribution=values["id"])
            )

    def update_distribution(self, distribution: str, **values: object) -> None:
        self._connection.execute(update(t.distributions).where(t.distributions.c.id == distribution).values(**values))

    def update_delivery(self, distribution: str, **values: object) -> None:
        self._connection.execute(
            update(t.deliveries).where(t.deliveries.c.distribution == distribution).values(**values)
        )

    def delivery_taken_up(self, distribution: str, attempt: int) -> None:
        """As `parcel_taken_up`, for a delivery."""
        here = (t.deliveries.c.distribution == distribution, t.deliveries.c.attempt == attempt)
        self._connection.execute(update(t.deliveries).where(*here).values(next_attempt_at=""))

    def update_packages(self, distribution: str, state: str) -> None:
        self._connection.execute(
            update(t.packages).where(t.packages.c.distribution == distribution).values(state=state)
        )

    # -- receipts ----------------------------------------------------------------------------------------------------

    def add_receipt(self, **values: object) -> None:
        self._connection.execute(insert(t.receipts).values(**values))

    def receipt_written(self, number: str) -> None:
        self._connection.execute(
            update(t.receipts).where(t.receipts.c.number == number).values(written_at=rfc3339(self.now))
        )


def dumps(detail: Mapping[str, object]) -> str:
    return json.dumps(dict(detail), ensure_ascii=False, sort_keys=True)
