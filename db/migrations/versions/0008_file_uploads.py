"""Who uploaded which archive."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from db.types import Id

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the uploads. Of archives from before only those are usable that a version was made of."""
    op.create_table(
        "file_uploads",
        sa.Column("file_id", Id(), nullable=False),
        sa.Column("user_id", Id(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_file_uploads_file_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_file_uploads_user_id")),
        sa.PrimaryKeyConstraint("file_id", "user_id", name=op.f("pk_file_uploads")),
    )


def downgrade() -> None:
    """Forget them."""
    op.drop_table("file_uploads")
