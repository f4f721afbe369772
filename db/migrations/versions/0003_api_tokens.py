"""Tokens of the HTTP API, and roles in one organization."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import db.types

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what is new; servers of before go on working."""
    op.create_table(
        "api_tokens",
        sa.Column("id", db.types.Id(), nullable=False),
        sa.Column("user_id", db.types.Id(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), server_default="all", nullable=False),
        sa.Column("created_at", db.types.Timestamp(), nullable=False),
        sa.Column("expires_at", db.types.Timestamp(), nullable=True),
        sa.Column("revoked_at", db.types.Timestamp(), nullable=True),
        sa.Column("last_used_at", db.types.Timestamp(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_api_tokens_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
    )
    op.create_index("ix_api_tokens_user_id", "api_tokens", ["user_id"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        # Made anew, so that the table reads like one made at once.
        op.rename_table("organization_members", "organization_members_before")
        _create_members()
        op.execute(
            "INSERT INTO organization_members (organization_id, user_id)"
            " SELECT organization_id, user_id FROM organization_members_before"
        )
        op.drop_table("organization_members_before")
    else:
        op.add_column("organization_members", _roles())
    op.create_index("ix_organization_members_user_id", "organization_members", ["user_id"], unique=False)


def downgrade() -> None:
    """Drop the tokens; nobody can sign in with one afterwards."""
    op.drop_index("ix_organization_members_user_id", "organization_members")
    op.drop_column("organization_members", "roles")
    op.drop_table("api_tokens")


def _roles() -> sa.Column[object]:
    return sa.Column("roles", db.types.Json(), server_default=sa.text("'[]'"), nullable=False)


def _create_members() -> None:
    op.create_table(
        "organization_members",
        sa.Column("organization_id", db.types.Id(), nullable=False),
        sa.Column("user_id", db.types.Id(), nullable=False),
        _roles(),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_organization_members_organization_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_organization_members_user_id")),
        sa.PrimaryKeyConstraint("organization_id", "user_id", name=op.f("pk_organization_members")),
    )
