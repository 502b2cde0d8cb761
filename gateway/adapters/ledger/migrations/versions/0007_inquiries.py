"""Inquiries in their receivers' hands, records with dates of their own, receipts about one delivery of several."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("receipts") as table:
        table.drop_constraint("uq_receipts_parcel_stage", type_="unique")
        table.add_column(sa.Column("about", sa.String(length=48), nullable=False, server_default=""))
        table.create_unique_constraint("uq_receipts_parcel_stage_about", ["parcel", "stage", "about"])
    op.create_table(
        "inquiries",
        sa.Column("parcel", sa.String(length=40), nullable=False),
        sa.Column("receiver", sa.String(length=48), nullable=False),
        sa.Column("agreement", sa.String(length=48), nullable=False),
        sa.Column("reply", sa.String(length=48), nullable=False),
        sa.Column("origin", sa.String(length=48), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("delivered_at", sa.String(length=32), nullable=False),
        sa.Column("closed_at", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["parcel"], ["parcels.id"], name=op.f("fk_inquiries_parcel_parcels")),
        sa.PrimaryKeyConstraint("parcel", "receiver", name=op.f("pk_inquiries")),
    )
    op.create_index("ix_inquiries_open", "inquiries", ["receiver", "reply", "closed_at"])
    op.create_table(
        "dated_records",
        sa.Column("parcel", sa.String(length=40), nullable=False),
        sa.Column("receiver", sa.String(length=48), nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("area", sa.String(length=6), nullable=False),
        sa.Column("since", sa.String(length=10), nullable=False),
        sa.Column("obligation", sa.String(length=240), nullable=False),
        sa.Column("covers", sa.String(length=240), nullable=False),
        sa.Column("refused_at", sa.String(length=32), nullable=False),
        sa.Column("claimed", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["parcel"], ["parcels.id"], name=op.f("fk_dated_records_parcel_parcels")),
        sa.PrimaryKeyConstraint("parcel", "receiver", "ordinal", name=op.f("pk_dated_records")),
    )
    op.create_index("ix_dated_records_obligation", "dated_records", ["obligation"])


def downgrade() -> None:
    raise NotImplementedError("the ledger only moves forward; restore a backup instead")
