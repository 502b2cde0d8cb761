"""Keys of inquiries in a table of their own, which no backup of the database holds."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inquiry_keys",
        sa.Column("parcel", sa.String(length=40), nullable=False),
        sa.Column("receiver", sa.String(length=48), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("parcel", "receiver", name=op.f("pk_inquiry_keys")),
    )
    op.execute("INSERT INTO inquiry_keys SELECT parcel, receiver, key FROM inquiries WHERE key != ''")
    with op.batch_alter_table("inquiries") as table:
        table.drop_column("key")


def downgrade() -> None:
    raise NotImplementedError("the ledger only moves forward; restore a backup instead")
