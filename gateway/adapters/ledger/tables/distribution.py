"""Batches with their delivery, and receipts."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, UniqueConstraint

from gateway.adapters.ledger.columns import Enumerated, Instant
from gateway.adapters.ledger.tables.base import metadata
from gateway.lifecycle import BatchState

# A batch: one receiver's share of a release, and how it gets into that receiver's channel. `fingerprint` is the key
# that the receiver signed for it with.
distributions = Table(
    "distributions",
    metadata,
    Column("id", String(120), primary_key=True),
    Column("agreement", String(48), nullable=False),
    Column("period", String(8), nullable=False),
    Column("batch", Integer, nullable=False),
    Column("receiver", String(48), nullable=False),
    Column("state", Enumerated(BatchState, 16), nullable=False),
    Column("packages", Integer, nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("list_sha256", String(64), nullable=False, default=""),
    Column("released_at", Instant, nullable=False),
    Column("released_by", String(120), nullable=False),
    Column("facts", String(64), nullable=False),
    Column("channel", String(8), nullable=False, server_default=""),
    Column("code", String(3), nullable=False, default="", server_default=""),
    Column("attempt", Integer, nullable=False, default=1, server_default="1"),
    Column("next_attempt_at", Instant),
    Column("delivered_at", Instant),
    Column("acknowledged_at", Instant),
    Column("fingerprint", String(64), nullable=False, default="", server_default=""),
    UniqueConstraint("agreement", "period", "batch", "receiver"),
    Index("ix_distributions_state", "state", "next_attempt_at"),
)

# `about` is the receiver of what a receipt states. A date that a delivery set is stated again where it moves: `issue`
# counts, the first receipt is 0.
receipts = Table(
    "receipts",
    metadata,
    Column("number", String(40), primary_key=True),
    Column("parcel", String(40), nullable=False),
    Column("party", String(48), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("code", String(3), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("issued_at", Instant, nullable=False),
    Column("written_at", Instant),
    Column("about", String(48), nullable=False, default="", server_default=""),
    Column("issue", Integer, nullable=False, default=0, server_default="0"),
    UniqueConstraint("parcel", "stage", "about", "issue"),
    Index("ix_receipts_outbox", "written_at"),
)
