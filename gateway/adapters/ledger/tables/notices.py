"""Notices that wait to be sent."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table

from gateway.adapters.ledger.columns import Details, Instant
from gateway.adapters.ledger.tables.base import metadata

# `id` is the entry's (or the condition's), the channel and the party: one notice each, however often it is gathered.
notices = Table(
    "notices",
    metadata,
    Column("id", String(320), primary_key=True),
    Column("channel", String(8), nullable=False),
    Column("party", String(48), nullable=False),
    Column("event", String(32), nullable=False),
    Column("about", Details, nullable=False, default=lambda: {}),
    Column("created_at", Instant, nullable=False),
    Column("attempt", Integer, nullable=False, default=0),
    Column("next_attempt_at", Instant),
    Column("sent_at", Instant),
    Index("ix_notices_outbox", "sent_at", "channel", "party"),
)

# One row: the log entry up to which notices were gathered. The log itself is what makes them certain.
notice_cursor = Table(
    "notice_cursor",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("seq", BigInteger, nullable=False),
)
