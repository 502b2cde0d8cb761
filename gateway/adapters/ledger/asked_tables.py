"""The ledger's tables of inquiries and of records with dates of their own (as `gateway.adapters.ledger.tables`)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table

from gateway.adapters.ledger.tables import metadata

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
    Column("records", BigInteger, nullable=False),
    Column("delivered_at", String(32), nullable=False, default=""),
    Column("closed_at", String(32), nullable=False, default=""),
    Index("ix_inquiries_open", "receiver", "reply", "closed_at"),
)

# What makes fingerprints of an inquiry's record numbers; it goes when the last record is settled, and with it whatever
# could tell a record. A table of its own, so that no backup of the database holds it.
INQUIRY_KEYS = "inquiry_keys"
inquiry_keys = Table(
    INQUIRY_KEYS,
    metadata,
    Column("parcel", String(40), primary_key=True),
    Column("receiver", String(48), primary_key=True),
    Column("key", String(64), nullable=False),
)

# Records with a date of their own: those of inquiries, and those whose sender owes their delivery (`since`, a day).
# `obligation` is what is owed for it: of another record where that one stands for both; `covers` what it takes the
# place of once it is delivered. `refused_at`: an answer that came in time was refused then. `claimed` is the reply that
# answers it, from its checking on.
dated_records = Table(
    "dated_records",
    metadata,
    Column("parcel", String(40), ForeignKey("parcels.id"), primary_key=True),
    Column("receiver", String(48), primary_key=True),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("fingerprint", String(64), nullable=False, default=""),
    Column("area", String(6), nullable=False),
    Column("since", String(10), nullable=False, default=""),
    Column("obligation", String(240), nullable=False, default=""),
    Column("covers", String(240), nullable=False, default=""),
    Column("refused_at", String(32), nullable=False, default=""),
    Column("claimed", String(40), nullable=False, default=""),
    Index("ix_dated_records_obligation", "obligation"),
)
