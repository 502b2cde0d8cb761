"""What passes between gateways."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table

from gateway.adapters.ledger.columns import Enumerated, Instant
from gateway.adapters.ledger.tables.base import metadata
from gateway.lifecycle import IncomingState, StatementState

# A batch that another gateway listed for this node, until it is signed for. `id` is `<sender>/<its distribution>`.
incoming = Table(
    "incoming",
    metadata,
    Column("id", String(170), primary_key=True),
    Column("sender", String(48), nullable=False),
    Column("distribution", String(120), nullable=False),
    Column("agreement", String(48), nullable=False),
    Column("period", String(8), nullable=False),
    Column("state", Enumerated(IncomingState, 16), nullable=False),
    Column("code", String(3), nullable=False, default=""),
    Column("list_sha256", String(64), nullable=False),
    Column("listed_at", Instant, nullable=False),
    Column("answered_at", Instant),
    Column("attempt", Integer, nullable=False, default=1),
    Column("next_attempt_at", Instant),
    Column("facts", String(64), nullable=False),
    Index("ix_incoming_state", "state", "next_attempt_at"),
)

# What those batches name: packages to take in (`included`), packages of earlier ones to delete (`withdrawn`).
incoming_packages = Table(
    "incoming_packages",
    metadata,
    Column("incoming", String(170), ForeignKey("incoming.id"), primary_key=True),
    Column("package", String(200), primary_key=True),
    Column("origin", String(48), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("state", String(16), nullable=False),
)

# What gateways stated to each other under their signatures: `id` is the digest of body and signature together.
# `about` is the batch, of ours or theirs; `leaf` the log entry that a receipt rests on.
statements = Table(
    "statements",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("issuer", String(48), nullable=False),
    Column("receiver", String(48), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("state", Enumerated(StatementState, 16), nullable=False),
    Column("code", String(3), nullable=False, default=""),
    Column("stage", String(16), nullable=False, default=""),
    Column("number", String(40), nullable=False, default=""),
    Column("about", String(170), nullable=False, default=""),
    Column("package", String(200), nullable=False, default=""),
    Column("leaf", String(64), nullable=False, default=""),
    Column("signature_sha256", String(64), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("proof", LargeBinary, nullable=False, default=b""),
    Column("at", Instant, nullable=False),
    Index("ix_statements_number", "issuer", "number"),
    Index("ix_statements_package", "package"),
    Index("ix_statements_signature", "signature_sha256"),
)
