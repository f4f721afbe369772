"""What a template version says about itself stays with it; indexes for the newest jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from db.types import Json

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what is new; servers of before go on working."""
    about = sa.Column("about", Json(), server_default=sa.text("'{}'"), nullable=False)
    op.add_column("template_versions", about)
    op.create_index(
        "ix_provisioner_jobs_newest",
        "provisioner_jobs",
        ["organization_id", "created_at", "id"],
        unique=False,
    )
    finished = sa.text("completed_at IS NOT NULL AND worker_id IS NOT NULL")
    op.create_index(
        "ix_provisioner_jobs_finished",
        "provisioner_jobs",
        ["worker_id", "completed_at"],
        unique=False,
        sqlite_where=finished,
        postgresql_where=finished,
    )


def downgrade() -> None:
    """Forget what versions say about themselves; their templates keep what they were given last."""
    op.drop_index("ix_provisioner_jobs_finished", table_name="provisioner_jobs")
    op.drop_index("ix_provisioner_jobs_newest", table_name="provisioner_jobs")
    op.drop_column("template_versions", "about")
