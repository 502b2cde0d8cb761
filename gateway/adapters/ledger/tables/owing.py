"""What is owed, what people did to it, reminders of it, and when the node was down."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, String, Table, Text

from gateway.adapters.ledger.columns import Day, Enumerated, Instant
from gateway.adapters.ledger.tables.base import metadata
from gateway.lifecycle import ObligationState

# `subject` is the occasion: a period, `<period>/<batch>`, a record's reference; `source` is what set many of them off
# at once (an inquiry's parcel); `rule` is what the date was computed by, `edition` by which arrangement;
# `extended_until` is a person's date. `remind_at`: nothing has to be sent before. `dated_by`: the date is that party's,
# copied from a signed statement whose log entry is `dated_seq`; empty: our own.
obligations = Table(
    "obligations",
    metadata,
    Column("id", String(240), primary_key=True),
    Column("kind", String(12), nullable=False, default="submission", server_default="submission"),
    Column("agreement", String(48), nullable=False),
    Column("party", String(48), nullable=False),
    Column("subject", String(120), nullable=False, default="", server_default=""),
    Column("period", String(8), nullable=False),
    Column("source", String(120), nullable=False, default="", server_default=""),
    Column("rule", String(64), nullable=False, default="", server_default=""),
    Column("opens_at", Instant),
    Column("due", Day, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("extended_until", Day),
    Column("status", String(12), nullable=False),
    Column("edition", String(120), nullable=False),
    Column("state", Enumerated(ObligationState, 24), nullable=False),
    Column("parcel", String(40), nullable=False, default=""),
    Column("met_at", Instant),
    Column("remind_at", Instant),
    Column("reminded_at", Instant),
    Column("dated_by", String(48), nullable=False, default="", server_default=""),
    Column("dated_seq", BigInteger, nullable=False, default=0, server_default="0"),
    Index("ix_obligations_open", "state", "expires_at"),
    Index("ix_obligations_remind", "state", "remind_at"),
    Index("ix_obligations_address", "agreement", "period", "party"),
    Index("ix_obligations_source", "source"),
)

# What people did to them; `why` is in their words and stands only here, the log has its commitment.
obligation_changes = Table(
    "obligation_changes",
    metadata,
    Column("obligation", String(240), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("at", Instant, nullable=False),
    Column("actor", String(120), nullable=False),
    Column("why", Text, nullable=False),
    Column("due_before", Day, nullable=False),
    Column("due_after", Day),
)

# Steps that were sent, or that a later one stood for (`seq` 0: nothing was sent). The key sends each once.
reminders = Table(
    "reminders",
    metadata,
    Column("obligation", String(240), primary_key=True),
    Column("due", Day, primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("level", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("seq", BigInteger, nullable=False, default=0),
    Column("written_at", Instant),
    Index("ix_reminders_outbox", "written_at"),
)

# When the node was down. `actor` is the node itself, or who entered it.
outages = Table(
    "outages",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("began", Instant, nullable=False),
    Column("ended", Instant, nullable=False),
    Column("actor", String(120), nullable=False),
    Column("why", Text, nullable=False, default=""),
)

# One row: when the node was last known to run.
heartbeat = Table(
    "heartbeat",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    CheckConstraint("id = 1", name="single"),
)
