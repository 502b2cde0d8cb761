"""A parcel says on whose behalf its origin reports it, and which revision its package says it is of."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("parcels", sa.Column("reported_for", sa.String(48), nullable=False, server_default=""))
    op.add_column("parcels", sa.Column("stated", sa.Integer, nullable=False, server_default="0"))
    op.create_index("ix_parcels_content", "parcels", ["sha256"])
