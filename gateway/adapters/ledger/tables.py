"""The ledger's tables. They hold ids, states, digests and counts; never a name, an address, an ID number or a file's
name, but for what an operator writes as the reason of a change (`why`). Times are RFC 3339 text in UTC
(`gateway.log.rfc3339`), equal instants equal text, on both databases.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

parcels = Table(
    "parcels",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("corridor", String(16), nullable=False),
    Column("sender", String(48), nullable=False),
    Column("origin", String(48), nullable=False, default="", server_default=""),
    Column("agreement", String(48), nullable=False),
    Column("state", String(16), nullable=False),
    Column("code", String(3), nullable=False, default=""),
    Column("detail", Text, nullable=False, default="{}"),
    Column("period", String(8), nullable=False, default=""),
    Column("kind", String(12), nullable=False, default=""),
    Column("revision", Integer, nullable=False, default=0),
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
    Column("received_at", String(32), nullable=False),
    Column("updated_at", String(32), nullable=False),
    Column("attempt", Integer, nullable=False, default=1),
    Column("next_attempt_at", String(32), nullable=False, default=""),
    Column("posted_at", String(32), nullable=False, default=""),
    Index("ix_parcels_state", "state", "next_attempt_at"),
    Index("ix_parcels_address", "agreement", "period", "sender"),
)

# The place a delivery takes: one `new` (or nil) per origin, agreement and period is revision 1, what supplements it
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

# What a stage answered with, as JSON: a step that is run again adopts it.
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
    Column("kind", String(12), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("content_digest", String(64), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("replaces", Text, nullable=False, default="", server_default=""),
    Column("state", String(16), nullable=False),
    Column("distribution", String(120), nullable=False, default=""),
    UniqueConstraint("agreement", "origin", "receiver", "period", "revision"),
    Index("ix_packages_held", "agreement", "period", "state"),
)

distributions = Table(
    "distributions",
    metadata,
    Column("id", String(120), primary_key=True),
    Column("agreement", String(48), nullable=False),
    Column("period", String(8), nullable=False),
    Column("batch", Integer, nullable=False),
    Column("receiver", String(48), nullable=False),
    Column("state", String(16), nullable=False),
    Column("packages", Integer, nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("list_sha256", String(64), nullable=False, default=""),
    Column("released_at", String(32), nullable=False),
    Column("released_by", String(120), nullable=False),
    Column("facts", String(64), nullable=False),
    UniqueConstraint("agreement", "period", "batch", "receiver"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("distribution", String(120), ForeignKey("distributions.id"), primary_key=True),
    Column("channel", String(8), nullable=False),
    Column("state", String(16), nullable=False),
    Column("code", String(3), nullable=False, default=""),
    Column("attempt", Integer, nullable=False, default=1),
    Column("next_attempt_at", String(32), nullable=False, default=""),
    Column("delivered_at", String(32), nullable=False, default=""),
    Column("acknowledged_at", String(32), nullable=False, default=""),
    Column("fingerprint", String(64), nullable=False, default=""),
    Index("ix_deliveries_state", "state", "next_attempt_at"),
)

receipts = Table(
    "receipts",
    metadata,
    Column("number", String(40), primary_key=True),
    Column("parcel", String(40), nullable=False),
    Column("party", String(48), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("code", String(3), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("issued_at", String(32), nullable=False),
    Column("written_at", String(32), nullable=False, default=""),
    Column("about", String(48), nullable=False, default="", server_default=""),  # the receiver of what it states
    # A date that a delivery set is stated anew where it moves: the first receipt is 0.
    Column("issue", Integer, nullable=False, default=0, server_default="0"),
    UniqueConstraint("parcel", "stage", "about", "issue"),
    Index("ix_receipts_outbox", "written_at"),
)

# What is owed. `subject` is the occasion: a period, `<period>/<batch>`, a record's reference; `source` is what set many
# of them off at once (an inquiry's parcel); `rule` is what the date was computed by, `edition` by which arrangement;
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
    Column("opens_at", String(32), nullable=False, default="", server_default=""),
    Column("due", String(10), nullable=False),
    Column("expires_at", String(32), nullable=False),
    Column("extended_until", String(10), nullable=False, default="", server_default=""),
    Column("status", String(12), nullable=False),
    Column("edition", String(120), nullable=False),
    Column("state", String(24), nullable=False),
    Column("parcel", String(40), nullable=False, default=""),
    Column("met_at", String(32), nullable=False, default=""),
    Column("remind_at", String(32), nullable=False, default="", server_default=""),
    Column("reminded_at", String(32), nullable=False, default="", server_default=""),
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
    Column("at", String(32), nullable=False),
    Column("actor", String(120), nullable=False),
    Column("why", Text, nullable=False),
    Column("due_before", String(10), nullable=False),
    Column("due_after", String(10), nullable=False),
)

# Steps that were sent, or that a later one stood for (`seq` 0: nothing was sent). The key sends each once.
reminders = Table(
    "reminders",
    metadata,
    Column("obligation", String(240), primary_key=True),
    Column("due", String(10), primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("level", Integer, nullable=False),
    Column("at", String(32), nullable=False),
    Column("seq", BigInteger, nullable=False, default=0),
    Column("written_at", String(32), nullable=False, default=""),
    Index("ix_reminders_outbox", "written_at"),
)

# When the node was down. `actor` is the node itself, or who entered it.
outages = Table(
    "outages",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("began", String(32), nullable=False),
    Column("ended", String(32), nullable=False),
    Column("actor", String(120), nullable=False),
    Column("why", Text, nullable=False, default=""),
)

# One row: when the node was last known to run.
heartbeat = Table(
    "heartbeat",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", String(32), nullable=False),
    CheckConstraint("id = 1", name="single"),
)

log_entries = Table(
    "log_entries",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("id", String(240), nullable=False, unique=True),
    Column("logged_at", String(32), nullable=False),
    Column("event", String(32), nullable=False),
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
    Column("logged_at", String(32), nullable=False),
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

# What was signed: the commit point of a publication. The key forbids signing one size twice.
checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("note", LargeBinary, nullable=False),
    Column("signed_at", String(32), nullable=False),
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
    Column("time", String(32), nullable=False),
    Column("token", LargeBinary, nullable=False),
)

# Receipts that have their proof of inclusion beside them.
receipt_proofs = Table(
    "receipt_proofs",
    metadata,
    Column("number", String(40), primary_key=True),
    Column("size", BigInteger, nullable=False),
)
