"""Indexes for what costs more the longer the history is, and a mark on jobs whose details were pruned."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from db.migrations.indexes import create_index, drop_index
from db.types import Timestamp

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what is new; servers of before go on working. Making an index commits what stands before it."""
    # Only the newest build of a workspace can be due.
    op.execute(
        "UPDATE workspace_builds SET deadline = NULL WHERE deadline IS NOT NULL AND EXISTS"
        " (SELECT 1 FROM workspace_builds AS newer WHERE newer.workspace_id = workspace_builds.workspace_id"
        " AND newer.build_number > workspace_builds.build_number)"
    )
    create_index(
        "ix_workspace_builds_deadline", "workspace_builds", ["deadline"], where="deadline IS NOT NULL"
    )
    create_index("ix_users_username", "users", [sa.text("lower(username)")])
    create_index("ix_workspace_agents_resource_id", "workspace_agents", ["resource_id"])
    create_index(
        "ix_workspaces_living",
        "workspaces",
        ["organization_id", "template_id", "owner_id"],
        where="NOT deleted",
        where_on_sqlite="deleted = 0",
    )
    create_index("ix_provisioner_jobs_owner", "provisioner_jobs", ["organization_id", "initiator_id", "turn"])
    op.add_column("provisioner_jobs", sa.Column("pruned_at", Timestamp(), nullable=True))
    create_index(
        "ix_provisioner_jobs_unpruned",
        "provisioner_jobs",
        ["completed_at", "id"],
        where="completed_at IS NOT NULL AND pruned_at IS NULL",
    )


def downgrade() -> None:
    """Forget which jobs were pruned; what was pruned stays away."""
    drop_index("ix_workspaces_living", "workspaces")
    drop_index("ix_users_username", "users")
    drop_index("ix_workspace_agents_resource_id", "workspace_agents")
    drop_index("ix_workspace_builds_deadline", "workspace_builds")
    drop_index("ix_provisioner_jobs_unpruned", "provisioner_jobs")
    drop_index("ix_provisioner_jobs_owner", "provisioner_jobs")
    op.drop_column("provisioner_jobs", "pruned_at")
