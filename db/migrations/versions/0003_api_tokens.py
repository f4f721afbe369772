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
    op.add_column(
        "organization_members",
        sa.Column("roles", db.types.Json(), server_default=sa.text("'[]'"), nullable=False),
    )
    op.create_index("ix_organization_members_user_id", "organization_members", ["user_id"], unique=False)


def downgrade() -> None:
    """Drop the tokens; nobody can sign in with one afterwards."""
    op.drop_index("ix_organization_members_user_id", "organization_members")
    op.drop_column("organization_members", "roles")
    op.drop_table("api_tokens")
