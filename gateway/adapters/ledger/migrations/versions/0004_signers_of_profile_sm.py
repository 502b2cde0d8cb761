"""Room for the fingerprint of an SM2 key behind an acknowledgement: 64 digits, where OpenPGP's are 40."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("deliveries") as table:
        table.alter_column("fingerprint", existing_type=sa.String(length=40), type_=sa.String(length=64))


def downgrade() -> None:
    raise NotImplementedError("the ledger only moves forward; restore a backup instead")
