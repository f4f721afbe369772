"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import db.types

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "files",
        sa.Column("id", db.types.Id(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", db.types.Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
        sa.UniqueConstraint("hash", name=op.f("uq_files_hash")),
    )
    op.create_table(
        "organizations",
        sa.Column("id", db.types.Id(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", db.types.Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organizations")),
        sa.UniqueConstraint("name", name=op.f("uq_organizations_name")),
    )
    op.create_table(
        "users",
        sa.Column("id", db.types.Id(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(), server_default="active", nullable=False),
        sa.Column("roles", db.types.Json(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("deleted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", db.types.Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
    )
    op.create_index(
        "uq_users_username",
        "users",
        [sa.literal_column("lower(username)")],
        unique=True,
        sqlite_where=sa.text("deleted = 0"),
        postgresql_where=sa.text("NOT deleted"),
    )
    op.create_table(
        "groups",
        sa.Column("id", db.types.Id(), nullable=False),
        sa.Column("organization_id", db.types.Id(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), server_default="", nullable=False),
        sa.Column("quota_allowance", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", db.types.Timestamp(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_groups_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_groups")),
        sa.UniqueConstraint("organization_id", "name", name=op.f("uq_groups_organization_id_name")),
    )
    op.create_table(
        "organization_members",
        sa.Column("organization_id", db.types.Id(), nullable=False),
        sa.Column("user_id", db.types.Id(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_organization_members_organization_id"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_organization_members_user_id")),
        sa.PrimaryKeyConstraint("organization_id", "user_id", name=op.f("pk_organization_members")),
    )
    op.create_table(
        "provisioner_daemons",
        sa.Column("id", db.types.Id(), nullable=False),
        sa.Column("organization_id", db.types.Id(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), server_default="", nullable=False),
        sa.Column("provisioners", db.types.Json(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("tags", db.types.Json(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("created_at", db.types.Timestamp(), nullable=False),
        sa.Column("last_seen_at", db.types.Timestamp(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_provisioner_daemons_organization_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provisioner_daemons")),
        sa.UniqueConstraint(
            "organization_id", "name", name=op.f("uq_provisioner_daemons_organization_id_name")
        ),
    )
    op.create_table(
        "provisioner_jobs",
        sa.Column("id", db.types.Id(), nullable=False),
        sa.Column("created_at", db.types.Timestamp(), nullable=False),
        sa.Column("queued_at", db.types.Timestamp(), nullable=False),
        sa.Column("updated_at", db.types.Timestamp(), nullable=False),
        sa.Column("started_at", db.types.Timestamp(), nullable=True),
        sa.Column("canceled_at", db.types.Timestamp(), nullable=True),
        sa.Column("completed_at", db.types.Timestamp(), nullable=True),
        sa.Column("committed_at", db.types.Timestamp(), nullable=True),
        sa.Column("organization_id", db.types.Id(), nullable=False),
        sa.Column("initiator_id", db.types.Id(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("provisioner", sa.Text(), nullable=False),
        sa.Column("file_id", db.types.Id(), nullable=False),
        sa.Column("input", db.types.Json(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("tags", db.types.Json(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("turn", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("worker_id", db.types.Id(), nullable=True),
        sa.Column("request_id", db.types.Id(), nullable=True),
        sa.Column("attempt", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("losses", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("call_number", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("call_answer", db.types.Json(), nullable=True),
        sa.Column("lease_until", db.types.Timestamp(), nullable=True),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("failure_reason", sa.Text(), nullable=True),
        sa.Column("failure_detail", sa.Text(), nullable=True),
        sa.Column("retryable", sa.Boolean(), nullable=True),
        sa.Column("logs_bytes", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("logs_overflowed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_provisioner_jobs_file_id")),
        sa.ForeignKeyConstraint(
            ["initiator_id"], ["users.id"], name=op.f("fk_provisioner_jobs_initiator_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_provisioner_jobs_organization_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provisioner_jobs")),
    )
    op.create_index(
        "ix_provisioner_jobs_claimed",
        "provisioner_jobs",
        ["organization_id", "started_at"],
        unique=False,
    )
    op.create_index(
        "ix_provisioner_jobs_lease",
        "provisioner_jobs",
        ["lease_until"],
        unique=False,
        sqlite_where=sa.text("started_at IS NOT NULL AND completed_at IS NULL"),
        postgresql_where=sa.text("started_at IS NOT NULL AND completed_at IS NULL"),
    )
    op.create_index(
        "ix_provisioner_jobs_pending",
        "provisioner_jobs",
        ["organization_id", "turn", "created_at", "id"],
        unique=False,
        sqlite_where=sa.text("started_at IS NULL AND canceled_at IS NULL AND completed_at IS NULL"),
        postgresql_where=sa.text("started_at IS NULL AND canceled_at IS NULL AND completed_at IS NULL"),
    )
    op.create_index(
        "ix_provisioner_jobs_worker",
        "provisioner_jobs",
        ["worker_id"],
        unique=False,
        sqlite_where=sa.text("started_at IS NOT NULL AND completed_at IS NULL"),
        postgresql_where=sa.text("started_at IS NOT NULL AND completed_at IS NULL"),
    )
    op.create_table(
        "quota_accounts",
        sa.Column("user_id", db.types.Id(), nullable=False),
        sa.Column("organization_id", db.types.Id(), nullable=False),
        sa.Column("commits", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_quota_accounts_organization_id"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_quota_accounts_user_id")),
        sa.PrimaryKeyConstraint("user_id", "organization_id", name=op.f("pk_quota_accounts")),
    )
    op.create_table(
        "templates",
        sa.Column("id", db.types.Id(), nullable=False),
        sa.Column("organization_id", db.types.Id(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), server_default="", nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("icon", sa.Text(), server_default="", nullable=False),
        sa.Column("provisioner", sa.Text(), nullable=False),
        sa.Column("active_version_id", db.types.Id(), nullable=True),
        sa.Column("default_ttl_ms", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("require_active_version", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column(
            "allow_user_cancel_workspace_jobs",
            sa.Boolean(),
            server_default=sa.true(),
            nullable=False,
        ),
        sa.Column("deprecated", sa.Text(), server_default="", nullable=False),
        sa.Column("deleted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_by", db.types.Id(), nullable=False),
        sa.Column("created_at", db.types.Timestamp(), nullable=False),
        sa.Column("updated_at", db.types.Timestamp(), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_templates_created_by")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_templates_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_templates")),
    )
    op.create_index(
        "uq_templates_name",
        "templates",
        ["organization_id", sa.literal_column("lower(name)")],
        unique=True,
        sqlite_where=sa.text("deleted = 0"),
        postgresql_where=sa.text("NOT deleted"),
    )
    op.create_table(
        "group_members",
        sa.Column("group_id", db.types.Id(), nullable=False),
        sa.Column("user_id", db.types.Id(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name=op.f("fk_group_members_group_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_group_members_user_id")),
        sa.PrimaryKeyConstraint("group_id", "user_id", name=op.f("pk_group_members")),
    )
    op.create_index("ix_group_members_user_id", "group_members", ["user_id"], unique=False)
    op.create_table(
        "provisioner_job_logs",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False),
            nullable=False,
        ),
        sa.Column("job_id", db.types.Id(), nullable=False),
        sa.Column("created_at", db.types.Timestamp(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), server_default="", nullable=False),
        sa.Column("output", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["provisioner_jobs.id"],
            name=op.f("fk_provisioner_job_logs_job_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provisioner_job_logs")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_provisioner_job_logs_job_id_id", "provisioner_job_logs", ["job_id", "id"], unique=False
    )
    op.create_table(
        "template_versions",
        sa.Column("id", db.types.Id(), nullable=False),
        sa.Column("organization_id", db.types.Id(), nullable=False),
        sa.Column("template_id", db.types.Id(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), server_default="", nullable=False),
        sa.Column("readme", sa.Text(), server_default="", nullable=False),
        sa.Column("job_id", db.types.Id(), nullable=False),
        sa.Column("variables", db.types.Json(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("parameters", db.types.Json(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("presets", db.types.Json(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("start_cost", sa.BigInteger(), nullable=True),
        sa.Column("stop_cost", sa.BigInteger(), nullable=True),
        sa.Column("has_external_agent", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("archived", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_by", db.types.Id(), nullable=False),
        sa.Column("created_at", db.types.Timestamp(), nullable=False),
        sa.Column("updated_at", db.types.Timestamp(), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_template_versions_created_by")),
        sa.ForeignKeyConstraint(
            ["job_id"], ["provisioner_jobs.id"], name=op.f("fk_template_versions_job_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_template_versions_organization_id"),
        ),
        sa.ForeignKeyConstraint(
            ["template_id"], ["templates.id"], name=op.f("fk_template_versions_template_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_template_versions")),
        sa.UniqueConstraint("template_id", "name", name=op.f("uq_template_versions_template_id_name")),
    )
    op.create_index("ix_template_versions_job_id", "template_versions", ["job_id"], unique=False)
    op.create_table(
        "workspace_resources",
        sa.Column("id", db.types.Id(), nullable=False),
        sa.Column("job_id", db.types.Id(), nullable=False),
        sa.Column("created_at", db.types.Timestamp(), nullable=False),
        sa.Column("transition", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hide", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("icon", sa.Text(), server_default="", nullable=False),
        sa.Column("daily_cost", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("metadata", db.types.Json(), server_default=sa.text("'[]'"), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["provisioner_jobs.id"],
            name=op.f("fk_workspace_resources_job_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspace_resources")),
    )
    op.create_index("ix_workspace_resources_job_id", "workspace_resources", ["job_id"], unique=False)
    op.create_table(
        "workspaces",
        sa.Column("id", db.types.Id(), nullable=False),
        sa.Column("owner_id", db.types.Id(), nullable=False),
        sa.Column("organization_id", db.types.Id(), nullable=False),
        sa.Column("template_id", db.types.Id(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("ttl_ms", sa.BigInteger(), nullable=True),
        sa.Column("deleted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", db.types.Timestamp(), nullable=False),
        sa.Column("updated_at", db.types.Timestamp(), nullable=False),
        sa.Column("last_used_at", db.types.Timestamp(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_workspaces_organization_id")
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_workspaces_owner_id")),
        sa.ForeignKeyConstraint(["template_id"], ["templates.id"], name=op.f("fk_workspaces_template_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspaces")),
    )
    op.create_index(
        "ix_workspaces_owner_id_organization_id",
        "workspaces",
        ["owner_id", "organization_id"],
        unique=False,
    )
    op.create_index("ix_workspaces_template_id", "workspaces", ["template_id"], unique=False)
    op.create_index(
        "uq_workspaces_name",
        "workspaces",
        ["owner_id", sa.literal_column("lower(name)")],
        unique=True,
        sqlite_where=sa.text("deleted = 0"),
        postgresql_where=sa.text("NOT deleted"),
    )
    op.create_table(
        "workspace_builds",
        sa.Column("id", db.types.Id(), nullable=False),
        sa.Column("workspace_id", db.types.Id(), nullable=False),
        sa.Column("build_number", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("transition", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="initiator", nullable=False),
        sa.Column("template_version_id", db.types.Id(), nullable=False),
        sa.Column("preset_id", db.types.Id(), nullable=True),
        sa.Column("parameters", db.types.Json(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("initiator_id", db.types.Id(), nullable=False),
        sa.Column("job_id", db.types.Id(), nullable=False),
        sa.Column("state", sa.LargeBinary(), server_default=sa.text("''"), nullable=False),
        sa.Column("planned_cost", sa.BigInteger(), nullable=True),
        sa.Column("daily_cost", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("deadline", db.types.Timestamp(), nullable=True),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("created_at", db.types.Timestamp(), nullable=False),
        sa.Column("updated_at", db.types.Timestamp(), nullable=False),
        sa.ForeignKeyConstraint(
            ["initiator_id"], ["users.id"], name=op.f("fk_workspace_builds_initiator_id")
        ),
        sa.ForeignKeyConstraint(["job_id"], ["provisioner_jobs.id"], name=op.f("fk_workspace_builds_job_id")),
        sa.ForeignKeyConstraint(
            ["template_version_id"],
            ["template_versions.id"],
            name=op.f("fk_workspace_builds_template_version_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_workspace_builds_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspace_builds")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_workspace_builds_idempotency_key")),
        sa.UniqueConstraint("job_id", name=op.f("uq_workspace_builds_job_id")),
        sa.UniqueConstraint(
            "workspace_id",
            "build_number",
            name=op.f("uq_workspace_builds_workspace_id_build_number"),
        ),
    )
    op.create_table(
        "workspace_charges",
        sa.Column("workspace_id", db.types.Id(), nullable=False),
        sa.Column("confirmed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("reserved", sa.BigInteger(), nullable=True),
        sa.Column("build_id", db.types.Id(), nullable=True),
        sa.CheckConstraint("confirmed >= 0", name=op.f("ck_workspace_charges_confirmed")),
        sa.CheckConstraint("reserved IS NULL OR reserved >= 0", name=op.f("ck_workspace_charges_reserved")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_workspace_charges_workspace_id")
        ),
        sa.PrimaryKeyConstraint("workspace_id", name=op.f("pk_workspace_charges")),
    )
    op.create_table(
        "chats",
        sa.Column("id", db.types.Id(), nullable=False),
        sa.Column("owner_id", db.types.Id(), nullable=False),
        sa.Column("organization_id", db.types.Id(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("workspace_id", db.types.Id(), nullable=True),
        sa.Column("build_id", db.types.Id(), nullable=True),
        sa.Column("agent_id", db.types.Id(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("lease_holder", db.types.Id(), nullable=True),
        sa.Column("lease_until", db.types.Timestamp(), nullable=True),
        sa.Column("created_at", db.types.Timestamp(), nullable=False),
        sa.Column("updated_at", db.types.Timestamp(), nullable=False),
        sa.ForeignKeyConstraint(["build_id"], ["workspace_builds.id"], name=op.f("fk_chats_build_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_chats_organization_id")
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_chats_owner_id")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_chats_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chats")),
        sa.UniqueConstraint("owner_id", "key", name=op.f("uq_chats_owner_id_key")),
    )
    op.create_table(
        "workspace_agents",
        sa.Column("id", db.types.Id(), nullable=False),
        sa.Column("resource_id", db.types.Id(), nullable=False),
        sa.Column("workspace_id", db.types.Id(), nullable=False),
        sa.Column("build_id", db.types.Id(), nullable=False),
        sa.Column("parent_id", db.types.Id(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("display_order", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("auth_token_hash", sa.Text(), nullable=True),
        sa.Column("startup_script", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "connection_timeout_seconds",
            sa.BigInteger(),
            server_default=sa.text("120"),
            nullable=False,
        ),
        sa.Column("troubleshooting_url", sa.Text(), server_default="", nullable=False),
        sa.Column("external", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("lifecycle_state", sa.Text(), server_default="created", nullable=False),
        sa.Column("started_at", db.types.Timestamp(), nullable=True),
        sa.Column("ready_at", db.types.Timestamp(), nullable=True),
        sa.Column("first_connected_at", db.types.Timestamp(), nullable=True),
        sa.Column("last_connected_at", db.types.Timestamp(), nullable=True),
        sa.Column("disconnected_at", db.types.Timestamp(), nullable=True),
        sa.Column("deleted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", db.types.Timestamp(), nullable=False),
        sa.Column("updated_at", db.types.Timestamp(), nullable=False),
        sa.ForeignKeyConstraint(
            ["build_id"], ["workspace_builds.id"], name=op.f("fk_workspace_agents_build_id")
        ),
        sa.ForeignKeyConstraint(
            ["resource_id"],
            ["workspace_resources.id"],
            name=op.f("fk_workspace_agents_resource_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_workspace_agents_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspace_agents")),
    )
    op.create_index(
        "ix_workspace_agents_auth_token_hash", "workspace_agents", ["auth_token_hash"], unique=False
    )
    op.create_index("ix_workspace_agents_build_id", "workspace_agents", ["build_id"], unique=False)
    op.create_index("ix_workspace_agents_workspace_id", "workspace_agents", ["workspace_id"], unique=False)
    op.create_table(
        "chat_tool_calls",
        sa.Column("chat_id", db.types.Id(), nullable=False),
        sa.Column("tool_call_id", sa.Text(), nullable=False),
        sa.Column("tool", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.Text(), nullable=False),
        sa.Column("workspace_id", db.types.Id(), nullable=True),
        sa.Column("build_id", db.types.Id(), nullable=True),
        sa.Column("answer", db.types.Json(), nullable=True),
        sa.Column("created_at", db.types.Timestamp(), nullable=False),
        sa.ForeignKeyConstraint(
            ["chat_id"], ["chats.id"], name=op.f("fk_chat_tool_calls_chat_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("chat_id", "tool_call_id", name=op.f("pk_chat_tool_calls")),
    )
    op.create_index("ix_chat_tool_calls_created_at", "chat_tool_calls", ["created_at"], unique=False)
    op.create_table(
        "workspace_agent_logs",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False),
            nullable=False,
        ),
        sa.Column("agent_id", db.types.Id(), nullable=False),
        sa.Column("created_at", db.types.Timestamp(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("output", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["workspace_agents.id"],
            name=op.f("fk_workspace_agent_logs_agent_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspace_agent_logs")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_workspace_agent_logs_agent_id_id",
        "workspace_agent_logs",
        ["agent_id", "id"],
        unique=False,
    )


def downgrade() -> None:
    """Drop all tables."""
    op.drop_table("workspace_agent_logs")
    op.drop_table("chat_tool_calls")
    op.drop_table("workspace_agents")
    op.drop_table("chats")
    op.drop_table("workspace_charges")
    op.drop_table("workspace_builds")
    op.drop_table("workspaces")
    op.drop_table("workspace_resources")
    op.drop_table("template_versions")
    op.drop_table("provisioner_job_logs")
    op.drop_table("group_members")
    op.drop_table("templates")
    op.drop_table("quota_accounts")
    op.drop_table("provisioner_jobs")
    op.drop_table("provisioner_daemons")
    op.drop_table("organization_members")
    op.drop_table("groups")
    op.drop_table("users")
    op.drop_table("organizations")
    op.drop_table("files")
