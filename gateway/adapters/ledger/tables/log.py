"""The exchange log, and what was signed, witnessed and time-stamped of it."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, String, Table, Text

from gateway.adapters.ledger.columns import Enumerated, Instant
from gateway.adapters.ledger.tables.base import metadata
from gateway.lifecycle import Event

log_entries = Table(
    "log_entries",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("id", String(240), nullable=False, unique=True),
    Column("logged_at", Instant, nullable=False),
    Column("event", Enumerated(Event, 32), nullable=False),
    Column("parcel", String(120), nullable=False, default=""),
    Column("body", LargeBinary, nullable=False),
    Column("leaf", String(64), nullable=False),
    Index("ix_log_entries_parcel", "parcel", "seq"),
)

# One row: the sequencer's lock and memory.
log_head = Table(
    "log_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("logged_at", Instant, nullable=False),
    CheckConstraint("id = 1", name="single"),
)

# Salts of commitments: dropping a row cuts the link to what was committed; the tree stays whole.
log_salts = Table(
    "log_salts",
    metadata,
    Column("commit", String(64), primary_key=True),
    Column("salt", String(64), nullable=False),
    Column("parcel", String(40), nullable=False, default=""),
)

# A parcel's key, out of which its digests in the log come (`gateway.digests`), until the parcel is erased.
parcel_keys = Table(
    "parcel_keys",
    metadata,
    Column("parcel", String(40), primary_key=True),
    Column("key", String(64), nullable=False),
)

# What was signed: the commit point of a publication. The key forbids signing one size twice.
checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("note", LargeBinary, nullable=False),
    Column("signed_at", Instant, nullable=False),
)

# Witnesses' lines over those notes; `time` in POSIX seconds.
cosignatures = Table(
    "cosignatures",
    metadata,
    Column("size", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("witness", String(200), primary_key=True),
    Column("time", BigInteger, nullable=False),
    Column("line", Text, nullable=False),
)

# RFC 3161 tokens over the texts of those notes.
timestamps = Table(
    "timestamps",
    metadata,
    Column("size", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("time", Instant, nullable=False),
    Column("token", LargeBinary, nullable=False),
)

# Receipts that have their proof of inclusion beside them.
receipt_proofs = Table(
    "receipt_proofs",
    metadata,
    Column("number", String(40), primary_key=True),
    Column("size", BigInteger, nullable=False),
)
