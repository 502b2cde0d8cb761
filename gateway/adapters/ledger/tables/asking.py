"""Inquiries, and records with dates of their own."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table

from gateway.adapters.ledger.columns import Day, Enumerated, Instant
from gateway.adapters.ledger.tables.base import metadata
from gateway.lifecycle import InquiryState

# An inquiry in one receiver's hands.
inquiries = Table(
    "inquiries",
    metadata,
    Column("parcel", String(40), ForeignKey("parcels.id"), primary_key=True),
    Column("receiver", String(48), primary_key=True),
    Column("agreement", String(48), nullable=False),
    Column("reply", String(48), nullable=False),
    Column("origin", String(48), nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", Enumerated(InquiryState, 16), nullable=False, server_default=InquiryState.WAITING.value),
    Column("records", BigInteger, nullable=False),
    Column("delivered_at", Instant),
    Column("closed_at", Instant),
    Index("ix_inquiries_open", "receiver", "reply", "state"),
)

# What makes fingerprints of an inquiry's record numbers; it goes when the last record is settled, and with it whatever
# could tell a record. A table of its own, so that no backup of the database holds it.
inquiry_keys = Table(
    "inquiry_keys",
    metadata,
    Column("parcel", String(40), primary_key=True),
    Column("receiver", String(48), primary_key=True),
    Column("key", String(64), nullable=False),
)

# Records with a date of their own: those of inquiries, and those whose sender owes their delivery (`since`).
# `obligation` is what is owed for it: of another record where that one stands for both; `covers` what it takes the
# place of once it is delivered. `refused_at`: a reply that came in time was refused then. `claimed` is the parcel that
# replies to it, from its checking on.
dated_records = Table(
    "dated_records",
    metadata,
    Column("parcel", String(40), ForeignKey("parcels.id"), primary_key=True),
    Column("receiver", String(48), primary_key=True),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("area", String(6), nullable=False),
    Column("fingerprint", String(64), nullable=False, default=""),
    Column("since", Day),
    Column("obligation", String(240), nullable=False, default=""),
    Column("covers", String(240), nullable=False, default=""),
    Column("refused_at", Instant),
    Column("claimed", String(40), nullable=False, default=""),
    Index("ix_dated_records_obligation", "obligation"),
)
