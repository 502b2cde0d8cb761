"""Between gateways: batches that another node listed for this one, and what nodes stated to each other."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "incoming",
        sa.Column("id", sa.String(length=170), nullable=False),
        sa.Column("sender", sa.String(length=48), nullable=False),
        sa.Column("distribution", sa.String(length=120), nullable=False),
        sa.Column("agreement", sa.String(length=48), nullable=False),
        sa.Column("period", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=3), nullable=False),
        sa.Column("list_sha256", sa.String(length=64), nullable=False),
        sa.Column("listed_at", sa.String(length=32), nullable=False),
        sa.Column("answered_at", sa.String(length=32), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.String(length=32), nullable=False),
        sa.Column("facts", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incoming")),
    )
    op.create_index("ix_incoming_state", "incoming", ["state", "next_attempt_at"])
    op.create_table(
        "incoming_packages",
        sa.Column("incoming", sa.String(length=170), nullable=False),
        sa.Column("package", sa.String(length=200), nullable=False),
        sa.Column("origin", sa.String(length=48), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["incoming"], ["incoming.id"], name=op.f("fk_incoming_packages_incoming")),
        sa.PrimaryKeyConstraint("incoming", "package", name=op.f("pk_incoming_packages")),
    )
    op.create_table(
        "statements",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("issuer", sa.String(length=48), nullable=False),
        sa.Column("receiver", sa.String(length=48), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=3), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("about", sa.String(length=170), nullable=False),
        sa.Column("package", sa.String(length=200), nullable=False),
        sa.Column("leaf", sa.String(length=64), nullable=False),
        sa.Column("signature_sha256", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("proof", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statements")),
    )
    op.create_index("ix_statements_number", "statements", ["issuer", "number"])
    op.create_index("ix_statements_package", "statements", ["package"])
    op.create_index("ix_statements_signature", "statements", ["signature_sha256"])


def downgrade() -> None:
    raise NotImplementedError("the ledger only moves forward; restore a backup instead")
