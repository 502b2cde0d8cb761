"""Entries of the exchange log, and what follows from them: one function for each kind of thing, and no other way.

Each makes the entry, asks the lifecycle what it changes, writes that, and logs it, in the transaction of the caller. An
event that the lifecycle does not allow raises `NoTransition` and leaves nothing behind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from gateway import digests
from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import BatchRow, IncomingRow, ParcelRow
from gateway.adapters.ledger.sequencing import Sequenced
from gateway.lifecycle import BATCH, INCOMING, PACKAGE, PARCEL, Event
from gateway.log import Entry
from gateway.log.entry import IN_CLEAR, KEYED
from gateway.node import ACTOR
from gateway.policy.facts import Facts, Retention

KEEP: Final = "keep_days"
"""What an entry that settles something calls the days until it has to be erased: by them an auditor knows what is past
its retention."""


@dataclass(frozen=True, slots=True)
class Said:
    """What an entry says besides its event. `suffix` tells repeated events apart (`/4`, an attempt's number); `time`
    is when it happened, the transaction's instant unless given."""

    counts: Mapping[str, int] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    suffix: str = ""
    time: datetime | None = None
    actor: str = ACTOR
    commit: str = ""


NOTHING: Final = Said()


def of_parcel(tx: Transaction, parcel: ParcelRow, event: Event, said: Said = NOTHING) -> Sequenced:
    """Log what happened to a parcel, and write what it changes: its state, its code, its counts."""
    entry = parcel_entry(tx, parcel, event, said)
    tx.parcels.change(parcel.id, PARCEL.apply(parcel.state, entry))
    return tx.log(entry)


def parcel_entry(tx: Transaction, parcel: ParcelRow, event: Event, said: Said = NOTHING) -> Entry:
    """The entry alone, for what has to be decided by it before it is logged."""
    return Entry(
        id=f"{parcel.id}/{event}{said.suffix}",
        event=event,
        time=said.time or tx.now,
        actor=said.actor,
        facts=parcel.facts,
        parties=_parties(parcel),
        parcel=parcel.id,
        package=address(parcel),
        counts=said.counts,
        digests=said.digests,
        commit=said.commit,
    )


def of_batch(tx: Transaction, batch: BatchRow, event: Event, said: Said = NOTHING) -> Sequenced:
    """Log what happened to one receiver's batch; its packages go with it."""
    return log_batch(tx, batch, batch_entry(tx, batch, event, said))


def batch_entry(tx: Transaction, batch: BatchRow, event: Event, said: Said = NOTHING) -> Entry:
    """The entry alone, for what else follows from it. `log_batch` writes it."""
    return Entry(
        id=f"{batch.id}/{event}{said.suffix}",
        event=event,
        time=said.time or tx.now,
        actor=said.actor,
        facts=batch.facts,
        parties=(batch.receiver,),
        parcel=batch.id,
        counts=said.counts,
        digests=said.digests,
    )


def log_batch(tx: Transaction, batch: BatchRow, entry: Entry) -> Sequenced:
    """Log an entry about a batch, and write what it changes: the batch, and the packages in it."""
    tx.batches.change(batch.id, BATCH.apply(batch.state, entry))
    if PACKAGE.knows(entry.event):
        for package in tx.packages.where(distribution=batch.id):
            tx.packages.change(package.id, PACKAGE.apply(package.state, entry))
    return tx.log(entry)


def of_incoming(tx: Transaction, batch: IncomingRow, event: Event, said: Said = NOTHING) -> Sequenced:
    """Log what became of a batch of another gateway's."""
    entry = incoming_entry(tx, batch, event, said)
    tx.incoming.change(batch.id, INCOMING.apply(batch.state, entry))
    return tx.log(entry)


def incoming_entry(tx: Transaction, batch: IncomingRow, event: Event, said: Said = NOTHING) -> Entry:
    """The entry alone, as `parcel_entry`."""
    return Entry(
        id=f"{batch.id}/{event}{said.suffix}",
        event=event,
        time=said.time or tx.now,
        actor=said.actor,
        facts=batch.facts,
        parties=(batch.sender,),
        parcel=batch.id,
        counts=said.counts,
        digests=said.digests,
    )


def commitment(value: str, salt: str) -> str:
    """`SHA-256(salt ‖ value)`, for a value that may be personal, such as a file's name; `salt` is hexadecimal."""
    return hashlib.sha256(bytes.fromhex(salt) + value.encode("utf-8", "surrogateescape")).hexdigest()


def keeping(facts: Facts, agreement: str) -> Retention:
    """How long things are kept under an agreement; by default where it is not known."""
    found = facts.agreements.get(agreement)
    return found.retention if found else Retention()


def _parties(parcel: ParcelRow) -> tuple[str, ...]:
    """Who handed it over; then who reported it, and on whose behalf, where that is told."""
    if parcel.reported_for:
        return (parcel.sender, parcel.origin, parcel.reported_for)
    return (parcel.sender, parcel.origin) if parcel.origin not in ("", parcel.sender) else (parcel.sender,)


def address(parcel: ParcelRow) -> str:
    """`migrants-inflow/2026Q3/new/r1`: what a parcel answers, as far as it is known; `-` for what is not."""
    return "/".join((parcel.agreement or "-", parcel.period or "-", parcel.kind or "-", f"r{parcel.revision}"))


def in_clear(parcel: ParcelRow) -> dict[str, str]:
    """The digest of what was received, for an entry: of bytes that nobody can guess, such as a sealed package or a
    signature."""
    return {IN_CLEAR: parcel.sha256} if parcel.sha256 else {}


def content(tx: Transaction, parcel: ParcelRow) -> dict[str, str]:
    """The same as the entry of its arrival has it; keyed where there is none. None where the bytes are not known any
    more, after a restore."""
    if not parcel.sha256:
        return {}
    arrived = tx.entries.get(f"{parcel.id}/{Event.RECEIVED}")
    if arrived is not None:
        told = Entry.parse(arrived.body).digests
        return {name: told[name] for name in (IN_CLEAR, KEYED) if name in told}
    return {KEYED: digests.keyed(content_salt(tx.secrets.ensure(parcel.id)), parcel.sha256)}


def content_salt(key: str) -> str:
    """What the digest of a file is keyed with, out of its parcel's key."""
    return digests.keyed(key, digests.CONTENT)


def erased(tx: Transaction, parcel: ParcelRow) -> None:
    """What was kept of a parcel is gone: say so, once, and destroy what could still tell it from its digests."""
    if tx.entries.get(f"{parcel.id}/{Event.ERASED}") is None:
        of_parcel(tx, parcel, Event.ERASED)
    tx.secrets.destroy(parcel.id)
    tx.progress.strip(parcel.id)
