"""How much agents have logged, so that their logs have a bound."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the sizes. What was logged before is not counted."""
    op.add_column(
        "workspace_agents",
        sa.Column("logs_bytes", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )


def downgrade() -> None:
    """Forget them."""
    op.drop_column("workspace_agents", "logs_bytes")
