"""The first ledger: parcels to log entries."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "distributions",
        sa.Column("id", sa.String(length=120), nullable=False),
        sa.Column("agreement", sa.String(length=48), nullable=False),
        sa.Column("period", sa.String(length=8), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.Column("receiver", sa.String(length=48), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("packages", sa.Integer(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("list_sha256", sa.String(length=64), nullable=False),
        sa.Column("released_at", sa.String(length=32), nullable=False),
        sa.Column("released_by", sa.String(length=120), nullable=False),
        sa.Column("facts", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_distributions")),
        sa.UniqueConstraint(
            "agreement", "period", "batch", "receiver", name=op.f("uq_distributions_agreement_period_batch_receiver")
        ),
    )
    op.create_table(
        "log_entries",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(length=240), nullable=False),
        sa.Column("logged_at", sa.String(length=32), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("parcel", sa.String(length=120), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_log_entries")),
        sa.UniqueConstraint("id", name=op.f("uq_log_entries_id")),
    )
    with op.batch_alter_table("log_entries", schema=None) as batch_op:
        batch_op.create_index("ix_log_entries_parcel", ["parcel", "seq"], unique=False)

    op.create_table(
        "log_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("logged_at", sa.String(length=32), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_log_head_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_head")),
    )
    op.create_table(
        "log_salts",
        sa.Column("commit", sa.String(length=64), nullable=False),
        sa.Column("salt", sa.String(length=64), nullable=False),
        sa.Column("parcel", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("commit", name=op.f("pk_log_salts")),
    )
    op.create_table(
        "obligations",
        sa.Column("id", sa.String(length=160), nullable=False),
        sa.Column("agreement", sa.String(length=48), nullable=False),
        sa.Column("party", sa.String(length=48), nullable=False),
        sa.Column("period", sa.String(length=8), nullable=False),
        sa.Column("due", sa.String(length=10), nullable=False),
        sa.Column("expires_at", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("edition", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("parcel", sa.String(length=40), nullable=False),
        sa.Column("met_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_obligations")),
        sa.UniqueConstraint("agreement", "party", "period", name=op.f("uq_obligations_agreement_party_period")),
    )
    with op.batch_alter_table("obligations", schema=None) as batch_op:
        batch_op.create_index("ix_obligations_open", ["state", "expires_at"], unique=False)

    op.create_table(
        "parcels",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("corridor", sa.String(length=16), nullable=False),
        sa.Column("sender", sa.String(length=48), nullable=False),
        sa.Column("agreement", sa.String(length=48), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=3), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("period", sa.String(length=8), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("original", sa.String(length=40), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("accepted", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.Column("warned", sa.BigInteger(), nullable=False),
        sa.Column("facts", sa.String(length=64), nullable=False),
        sa.Column("received_at", sa.String(length=32), nullable=False),
        sa.Column("updated_at", sa.String(length=32), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.String(length=32), nullable=False),
        sa.Column("posted_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parcels")),
    )
    with op.batch_alter_table("parcels", schema=None) as batch_op:
        batch_op.create_index("ix_parcels_address", ["agreement", "period", "sender"], unique=False)
        batch_op.create_index("ix_parcels_state", ["state", "next_attempt_at"], unique=False)

    op.create_table(
        "progress",
        sa.Column("parcel", sa.String(length=40), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("parcel", "stage", name=op.f("pk_progress")),
    )
    op.create_table(
        "receipts",
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("parcel", sa.String(length=40), nullable=False),
        sa.Column("party", sa.String(length=48), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=3), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("issued_at", sa.String(length=32), nullable=False),
        sa.Column("written_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_receipts")),
        sa.UniqueConstraint("parcel", "stage", name=op.f("uq_receipts_parcel_stage")),
    )
    with op.batch_alter_table("receipts", schema=None) as batch_op:
        batch_op.create_index("ix_receipts_outbox", ["written_at"], unique=False)

    op.create_table(
        "deliveries",
        sa.Column("distribution", sa.String(length=120), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=3), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.String(length=32), nullable=False),
        sa.Column("delivered_at", sa.String(length=32), nullable=False),
        sa.Column("acknowledged_at", sa.String(length=32), nullable=False),
        sa.Column("fingerprint", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["distribution"], ["distributions.id"], name=op.f("fk_deliveries_distribution")),
        sa.PrimaryKeyConstraint("distribution", name=op.f("pk_deliveries")),
    )
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.create_index("ix_deliveries_state", ["state", "next_attempt_at"], unique=False)

    op.create_table(
        "packages",
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("parcel", sa.String(length=40), nullable=False),
        sa.Column("agreement", sa.String(length=48), nullable=False),
        sa.Column("origin", sa.String(length=48), nullable=False),
        sa.Column("receiver", sa.String(length=48), nullable=False),
        sa.Column("period", sa.String(length=8), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("content_digest", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("distribution", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(["parcel"], ["parcels.id"], name=op.f("fk_packages_parcel")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_packages")),
        sa.UniqueConstraint(
            "agreement",
            "origin",
            "receiver",
            "period",
            "revision",
            name=op.f("uq_packages_agreement_origin_receiver_period_revision"),
        ),
    )
    with op.batch_alter_table("packages", schema=None) as batch_op:
        batch_op.create_index("ix_packages_held", ["agreement", "period", "state"], unique=False)

    op.create_table(
        "places",
        sa.Column("origin", sa.String(length=48), nullable=False),
        sa.Column("agreement", sa.String(length=48), nullable=False),
        sa.Column("period", sa.String(length=8), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("parcel", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["parcel"], ["parcels.id"], name=op.f("fk_places_parcel")),
        sa.PrimaryKeyConstraint("origin", "agreement", "period", "revision", name=op.f("pk_places")),
    )
    op.execute("INSERT INTO log_head (id, seq, logged_at) VALUES (1, -1, '1970-01-01T00:00:00.000000Z')")


def downgrade() -> None:
    raise NotImplementedError("the ledger only moves forward; restore a backup instead")
