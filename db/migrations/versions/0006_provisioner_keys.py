"""Keys of remote daemons."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from db.types import Id, Json, Timestamp

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_VALID = sa.text("revoked_at IS NULL")


def upgrade() -> None:
    """Add the keys, and which of them a daemon has."""
    op.create_table(
        "provisioner_keys",
        sa.Column("id", Id(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("tags", Json(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.Column("revoked_at", Timestamp(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_provisioner_keys_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provisioner_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_provisioner_keys_digest")),
    )
    op.create_index(
        "uq_provisioner_keys_name",
        "provisioner_keys",
        ["organization_id", "name"],
        unique=True,
        sqlite_where=_VALID,
        postgresql_where=_VALID,
    )
    if op.get_bind().dialect.name == "sqlite":
        # Made anew, so that the table reads like one made at once.
        op.rename_table("provisioner_daemons", "provisioner_daemons_before")
        _create_daemons()
        columns = "id, organization_id, name, version, provisioners, tags, created_at, last_seen_at"
        op.execute(
            f"INSERT INTO provisioner_daemons ({columns}) SELECT {columns} FROM provisioner_daemons_before"  # noqa: S608 - no input
        )
        op.drop_table("provisioner_daemons_before")
    else:
        op.add_column("provisioner_daemons", sa.Column("key_id", Id(), nullable=True))


def downgrade() -> None:
    """Remove both."""
    op.drop_column("provisioner_daemons", "key_id")
    op.drop_table("provisioner_keys")


def _create_daemons() -> None:
    op.create_table(
        "provisioner_daemons",
        sa.Column("id", Id(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), server_default="", nullable=False),
        sa.Column("provisioners", Json(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("tags", Json(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.Column("last_seen_at", Timestamp(), nullable=False),
        sa.Column("key_id", Id(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_provisioner_daemons_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provisioner_daemons")),
        sa.UniqueConstraint(
            "organization_id", "name", name=op.f("uq_provisioner_daemons_organization_id_name")
        ),
    )
