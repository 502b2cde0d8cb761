"""A delivery is part of its batch, an inquiry has a state, and what is absent is NULL.

Columns become nullable by a new column in the place of the old on SQLite: a table that others refer to cannot be
dropped and made again inside a transaction there.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# Instants, days and kinds that may be absent, with their lengths.
_ABSENT = {
    "parcels": {"kind": 12, "next_attempt_at": 32, "posted_at": 32},
    "receipts": {"written_at": 32},
    "obligations": {"opens_at": 32, "extended_until": 10, "met_at": 32, "remind_at": 32, "reminded_at": 32},
    "obligation_changes": {"due_after": 10},
    "reminders": {"written_at": 32},
    "inquiries": {"delivered_at": 32, "closed_at": 32},
    "dated_records": {"since": 10, "refused_at": 32},
    "incoming": {"answered_at": 32, "next_attempt_at": 32},
    "notices": {"next_attempt_at": 32, "sent_at": 32},
}
_INDEXES = {
    "ix_parcels_state": ("parcels", ["state", "next_attempt_at"]),
    "ix_receipts_outbox": ("receipts", ["written_at"]),
    "ix_obligations_remind": ("obligations", ["state", "remind_at"]),
    "ix_reminders_outbox": ("reminders", ["written_at"]),
    "ix_inquiries_open": ("inquiries", ["receiver", "reply", "state"]),
    "ix_incoming_state": ("incoming", ["state", "next_attempt_at"]),
    "ix_notices_outbox": ("notices", ["sent_at", "channel", "party"]),
}


def upgrade() -> None:
    for name, (table, _) in _INDEXES.items():
        op.drop_index(name, table)
    _merge_deliveries()
    _inquiries_have_a_state()
    op.execute("UPDATE parcels SET state = 'awaiting' WHERE state = 'held'")
    op.execute("UPDATE parcels SET state = 'received' WHERE state = 'opened'")
    # A parcel that was tried again was called received, however far its steps had come.
    for state, step in (("sorted", "sorting"), ("checked", "checking")):
        op.execute(
            f"UPDATE parcels SET state = '{state}' WHERE state = 'received' AND EXISTS "  # noqa: S608 - two words of ours
            f"(SELECT 1 FROM progress WHERE progress.parcel = parcels.id AND progress.stage = '{step}')"
        )
    for table, lengths in _ABSENT.items():
        _null_where_absent(table, lengths)
    for name, (table, columns) in _INDEXES.items():
        op.create_index(name, table, columns)


def _merge_deliveries() -> None:
    """A batch that is erased stays so; in all else the delivery's state is the batch's."""
    for name, length in (("channel", 8), ("code", 3), ("fingerprint", 64)):
        op.add_column("distributions", sa.Column(name, sa.String(length), nullable=False, server_default=""))
    op.add_column("distributions", sa.Column("attempt", sa.Integer(), nullable=False, server_default="1"))
    for name in ("next_attempt_at", "delivered_at", "acknowledged_at"):
        op.add_column("distributions", sa.Column(name, sa.String(32)))
    op.execute(
        "UPDATE distributions SET channel = d.channel, code = d.code, attempt = d.attempt, "
        "fingerprint = d.fingerprint, next_attempt_at = NULLIF(d.next_attempt_at, ''), "
        "delivered_at = NULLIF(d.delivered_at, ''), acknowledged_at = NULLIF(d.acknowledged_at, ''), "
        "state = CASE WHEN distributions.state = 'erased' THEN 'erased' ELSE d.state END "
        "FROM deliveries AS d WHERE d.distribution = distributions.id"
    )
    op.drop_table("deliveries")
    op.create_index("ix_distributions_state", "distributions", ["state", "next_attempt_at"])


def _inquiries_have_a_state() -> None:
    op.add_column("inquiries", sa.Column("state", sa.String(16), nullable=False, server_default="waiting"))
    op.execute("UPDATE inquiries SET state = 'open' WHERE delivered_at != ''")
    op.execute("UPDATE inquiries SET state = 'closed' WHERE closed_at != ''")


def _null_where_absent(table: str, lengths: dict[str, int]) -> None:
    here = sa.table(table, *(sa.column(name) for name in lengths), *(sa.column(f"{name}_") for name in lengths))
    given = {name: sa.func.nullif(here.c[name], "") for name in lengths}
    if op.get_bind().dialect.name != "sqlite":
        for name in lengths:
            op.alter_column(table, name, nullable=True, server_default=None)
        absent = sa.or_(*(here.c[name] == "" for name in lengths))
        op.execute(sa.update(here).where(absent).values(given))
        return
    for name, length in lengths.items():
        op.add_column(table, sa.Column(f"{name}_", sa.String(length)))
    op.execute(sa.update(here).values({f"{name}_": value for name, value in given.items()}))
    for name in lengths:
        op.drop_column(table, name)
        op.alter_column(table, f"{name}_", new_column_name=name)


def downgrade() -> None:
    raise NotImplementedError("the ledger only moves forward; restore a backup instead")
