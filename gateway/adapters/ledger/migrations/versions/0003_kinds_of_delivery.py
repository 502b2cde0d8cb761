"""Kinds of delivery: parts of a whole, and what a package replaces; who reported; when somebody was reminded."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("parcels") as table:
        table.add_column(sa.Column("origin", sa.String(length=48), nullable=False, server_default=""))
        table.add_column(sa.Column("part", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("parts", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("packages") as table:
        table.add_column(sa.Column("replaces", sa.Text(), nullable=False, server_default=""))
    with op.batch_alter_table("obligations") as table:
        table.add_column(sa.Column("reminded_at", sa.String(length=32), nullable=False, server_default=""))


def downgrade() -> None:
    raise NotImplementedError("the ledger only moves forward; restore a backup instead")
