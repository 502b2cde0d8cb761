"""Obligations of every kind, by which rule they are due, what people did to them; reminders; outages of the node."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("obligations") as table:
        table.drop_constraint("uq_obligations_agreement_party_period", type_="unique")
        table.alter_column("id", existing_type=sa.String(length=160), type_=sa.String(length=240))
        table.alter_column("edition", existing_type=sa.String(length=32), type_=sa.String(length=120))
        table.add_column(sa.Column("kind", sa.String(length=12), nullable=False, server_default="submission"))
        for name, length in (
            ("subject", 120),
            ("source", 120),
            ("rule", 64),
            ("opens_at", 32),
            ("extended_until", 10),
            ("remind_at", 32),
        ):
            table.add_column(sa.Column(name, sa.String(length=length), nullable=False, server_default=""))
    with op.batch_alter_table("obligations") as table:
        table.create_index("ix_obligations_remind", ["state", "remind_at"])
        table.create_index("ix_obligations_address", ["agreement", "period", "party"])
        table.create_index("ix_obligations_source", ["source"])
    op.execute("UPDATE obligations SET subject = period")
    # When to remind is planned by the first sweep.
    op.execute("UPDATE obligations SET remind_at = '2000-01-01T00:00:00.000000Z' WHERE state IN ('open', 'missed')")
    op.create_table(
        "obligation_changes",
        sa.Column("obligation", sa.String(length=240), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("due_before", sa.String(length=10), nullable=False),
        sa.Column("due_after", sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint("obligation", "number", name=op.f("pk_obligation_changes")),
    )
    op.create_table(
        "reminders",
        sa.Column("obligation", sa.String(length=240), nullable=False),
        sa.Column("due", sa.String(length=10), nullable=False),
        sa.Column("step", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("written_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("obligation", "due", "step", name=op.f("pk_reminders")),
    )
    op.create_index("ix_reminders_outbox", "reminders", ["written_at"])
    op.create_table(
        "outages",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("began", sa.String(length=32), nullable=False),
        sa.Column("ended", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outages")),
    )
    op.create_table(
        "heartbeat",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_heartbeat_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_heartbeat")),
    )


def downgrade() -> None:
    raise NotImplementedError("the ledger only moves forward; restore a backup instead")
