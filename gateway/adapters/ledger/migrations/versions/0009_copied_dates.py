"""Dates that another node signed, and receipts that state a delivery's date again."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("obligations") as table:
        table.add_column(sa.Column("dated_by", sa.String(length=48), nullable=False, server_default=""))
        table.add_column(sa.Column("dated_seq", sa.BigInteger(), nullable=False, server_default="0"))
    with op.batch_alter_table("receipts") as table:
        table.drop_constraint("uq_receipts_parcel_stage_about", type_="unique")
        table.add_column(sa.Column("issue", sa.Integer(), nullable=False, server_default="0"))
        table.create_unique_constraint("uq_receipts_parcel_stage_about_issue", ["parcel", "stage", "about", "issue"])


def downgrade() -> None:
    raise NotImplementedError("the ledger only moves forward; restore a backup instead")
