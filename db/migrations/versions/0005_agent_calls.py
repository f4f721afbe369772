"""Calls to workspace agents, on their way between processes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import db.types

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the mailbox."""
    op.create_table(
        "workspace_agent_calls",
        sa.Column("id", db.types.Id(), nullable=False),
        sa.Column("agent_id", db.types.Id(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("created_at", db.types.Timestamp(), nullable=False),
        sa.Column("expires_at", db.types.Timestamp(), nullable=False),
        sa.Column("taken_by", db.types.Id(), nullable=True),
        sa.Column("taken_at", db.types.Timestamp(), nullable=True),
        sa.Column("withdrawn_at", db.types.Timestamp(), nullable=True),
        sa.Column("answered_at", db.types.Timestamp(), nullable=True),
        sa.Column("response", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["workspace_agents.id"],
            name=op.f("fk_workspace_agent_calls_agent_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspace_agent_calls")),
    )
    op.create_index(
        "ix_workspace_agent_calls_agent_id_created_at",
        "workspace_agent_calls",
        ["agent_id", "created_at"],
        unique=False,
    )
    op.create_index(
        "ix_workspace_agent_calls_expires_at", "workspace_agent_calls", ["expires_at"], unique=False
    )


def downgrade() -> None:
    """Drop the mailbox; calls under way get no answer."""
    op.drop_table("workspace_agent_calls")
