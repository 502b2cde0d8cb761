"""The entries of the exchange log that one parcel makes, and what they are made of."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime

from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import DistributionRow, ParcelRow
from gateway.adapters.ledger.sequencing import Sequenced
from gateway.lifecycle import Event
from gateway.log import Entry
from gateway.node import ACTOR
from gateway.policy.facts import Facts, Retention


def commitment(value: str) -> tuple[str, str]:
    """`commit = SHA-256(salt ‖ value)` and the salt (hex), for a value that may be personal, such as a file's name."""
    salt = secrets.token_bytes(32)
    return hashlib.sha256(salt + value.encode("utf-8", "surrogateescape")).hexdigest(), salt.hex()


def parcel_event(
    tx: Transaction,
    event: Event,
    parcel: ParcelRow,
    *,
    suffix: str = "",
    time: datetime | None = None,
    counts: Mapping[str, int] | None = None,
    digests: Mapping[str, str] | None = None,
    commit: str = "",
    actor: str = ACTOR,
) -> Sequenced:
    """Log something that happened to one parcel. `suffix` tells repeated events apart (an attempt's number)."""
    return tx.log(
        Entry(
            id=f"{parcel.id}/{event}{suffix}",
            event=event,
            time=time or tx.now,
            actor=actor,
            facts=parcel.facts,
            parties=(parcel.sender,),
            parcel=parcel.id,
            package=address(parcel),
            counts=counts or {},
            digests=digests or {},
            commit=commit,
        )
    )


def batch_event(
    tx: Transaction, batch: DistributionRow, event: Event, counts: Mapping[str, int], suffix: str = "", **digests: str
) -> None:
    """Log something that happened to one receiver's batch."""
    tx.log(
        Entry(
            id=f"{batch.id}/{event}{suffix}",
            event=event,
            time=tx.now,
            actor=ACTOR,
            facts=batch.facts,
            parties=(batch.receiver,),
            parcel=batch.id,
            counts=counts,
            digests=digests,
        )
    )


KEEP = "keep_days"
"""What an entry that settles something calls the days until it has to be erased: by them an auditor knows what is past
its retention."""


def keeping(facts: Facts, agreement: str) -> Retention:
    """How long things are kept under an agreement; by default where it is not known."""
    found = facts.agreements.get(agreement)
    return found.retention if found else Retention()


def address(parcel: ParcelRow) -> str:
    """`migrants-inflow/2026Q3/new/r1`: what a parcel answers, as far as it is known; `-` for what is not."""
    return "/".join((parcel.agreement or "-", parcel.period or "-", parcel.kind or "-", f"r{parcel.revision}"))


def row(tx: Transaction, parcel: str) -> ParcelRow:
    found = tx.parcel(parcel)
    assert found is not None, "a parcel that is recorded exists"
    return found


def content(parcel: ParcelRow) -> dict[str, str]:
    return {"content": parcel.sha256} if parcel.sha256 else {}


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
