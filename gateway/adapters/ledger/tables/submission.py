"""Parcels, the places they take, what their stages decided, and the packages made of them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from gateway.adapters.ledger.columns import Details, Enumerated, Instant, Names
from gateway.adapters.ledger.tables.base import metadata
from gateway.lifecycle import PackageState, ParcelState
from gateway.parcels import Kind

parcels = Table(
    "parcels",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("corridor", String(16), nullable=False),
    Column("sender", String(48), nullable=False),
    Column("origin", String(48), nullable=False, default="", server_default=""),
    Column("reported_for", String(48), nullable=False, default="", server_default=""),
    Column("agreement", String(48), nullable=False),
    Column("state", Enumerated(ParcelState, 16), nullable=False),
    Column("code", String(3), nullable=False, default=""),
    Column("detail", Details, nullable=False, default=lambda: {}),
    Column("period", String(8), nullable=False, default=""),
    Column("kind", Enumerated(Kind, 12)),
    Column("revision", Integer, nullable=False, default=0),
    Column("stated", Integer, nullable=False, default=0, server_default="0"),
    Column("part", Integer, nullable=False, default=0, server_default="0"),
    Column("parts", Integer, nullable=False, default=0, server_default="0"),
    Column("sha256", String(64), nullable=False, default=""),
    Column("size", BigInteger, nullable=False, default=0),
    Column("original", String(40), nullable=False, default=""),
    Column("records", BigInteger, nullable=False, default=0),
    Column("accepted", BigInteger, nullable=False, default=0),
    Column("refused", BigInteger, nullable=False, default=0),
    Column("warned", BigInteger, nullable=False, default=0),
    Column("facts", String(64), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("attempt", Integer, nullable=False, default=1),
    Column("next_attempt_at", Instant),
    Column("posted_at", Instant),
    Index("ix_parcels_state", "state", "next_attempt_at"),
    Index("ix_parcels_content", "sha256"),
    Index("ix_parcels_address", "agreement", "period", "sender"),
)

# The place a submission takes: one `new` (or nil) per origin, agreement and period is revision 1, what supplements it
# follows. The primary key is the dedupe: of two racing parcels one gets the place.
places = Table(
    "places",
    metadata,
    Column("origin", String(48), primary_key=True),
    Column("agreement", String(48), primary_key=True),
    Column("period", String(8), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("parcel", String(40), ForeignKey("parcels.id"), nullable=False),
)

# What a stage returned, as JSON: a step that is run again adopts it.
progress = Table(
    "progress",
    metadata,
    Column("parcel", String(40), primary_key=True),
    Column("stage", String(16), primary_key=True),
    Column("body", Text, nullable=False),
)

packages = Table(
    "packages",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("parcel", String(40), ForeignKey("parcels.id"), nullable=False),
    Column("agreement", String(48), nullable=False),
    Column("origin", String(48), nullable=False),
    Column("receiver", String(48), nullable=False),
    Column("period", String(8), nullable=False),
    Column("kind", Enumerated(Kind, 12), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("content_digest", String(64), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("replaces", Names, nullable=False, default=(), server_default=""),
    Column("state", Enumerated(PackageState, 16), nullable=False),
    Column("distribution", String(120), nullable=False, default=""),
    UniqueConstraint("agreement", "origin", "receiver", "period", "revision"),
    Index("ix_packages_held", "agreement", "period", "state"),
)
