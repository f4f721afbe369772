"""The tables. Names follow Coder's, because that is what the field's operators know."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    false,
    func,
    text,
    true,
)

from db.types import Id, Json, Timestamp, TolerantJson

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Column[object]:
    return Column("id", Id, primary_key=True)


def _ref(name: str, target: str, *, nullable: bool = False, ondelete: str | None = None) -> Column[object]:
    return Column(name, Id, ForeignKey(f"{target}.id", ondelete=ondelete), nullable=nullable)


def _name(name: str = "name") -> Column[str]:
    return Column(name, Text, nullable=False)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default="")


def _at(name: str, *, nullable: bool = True) -> Column[object]:
    return Column(name, Timestamp, nullable=nullable)


def _created() -> Column[object]:
    return _at("created_at", nullable=False)


def _json(name: str, default: str) -> Column[object]:
    return Column(name, Json, nullable=False, server_default=text(f"'{default}'"))


def _flag(name: str, *, default: bool = False) -> Column[bool]:
    return Column(name, Boolean(name=None), nullable=False, server_default=true() if default else false())


def _int(name: str, default: int = 0) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=text(str(default)))


# SQLite numbers rows by itself only in an INTEGER primary key.
_ROW_NUMBER = BigInteger().with_variant(Integer(), "sqlite")

organizations = Table(
    "organizations", metadata, _id(), _name(), _text("display_name"), _created(), UniqueConstraint("name")
)

users = Table(
    "users",
    metadata,
    _id(),
    _name("username"),
    _text("email"),
    Column("status", Text, nullable=False, server_default="active"),
    _json("roles", "[]"),
    _flag("deleted"),
    _created(),
)
Index(
    "uq_users_username",
    func.lower(users.c.username),
    unique=True,
    sqlite_where=~users.c.deleted,
    postgresql_where=~users.c.deleted,
)
# For lists in the order of owners, those of deleted users included.
Index("ix_users_username", func.lower(users.c.username))

organization_members = Table(
    "organization_members",
    metadata,
    _ref("organization_id", "organizations"),
    _ref("user_id", "users"),
    _json("roles", "[]"),
    PrimaryKeyConstraint("organization_id", "user_id"),
    Index("ix_organization_members_user_id", "user_id"),
)

# Only the hash of a token's secret is stored, so a copy of the database opens nothing.
api_tokens = Table(
    "api_tokens",
    metadata,
    _id(),
    _ref("user_id", "users"),
    _name(),
    Column("digest", Text, nullable=False),
    Column("scope", Text, nullable=False, server_default="all"),
    _created(),
    _at("expires_at"),
    _at("revoked_at"),
    _at("last_used_at"),
    Index("ix_api_tokens_user_id", "user_id"),
)

# The Everyone group has the id of its organization; its members are the organization's.
groups = Table(
    "groups",
    metadata,
    _id(),
    _ref("organization_id", "organizations"),
    _name(),
    _text("display_name"),
    _int("quota_allowance"),
    _created(),
    UniqueConstraint("organization_id", "name"),
)

group_members = Table(
    "group_members",
    metadata,
    _ref("group_id", "groups", ondelete="CASCADE"),
    _ref("user_id", "users"),
    PrimaryKeyConstraint("group_id", "user_id"),
    Index("ix_group_members_user_id", "user_id"),
)

files = Table(
    "files",
    metadata,
    _id(),
    Column("hash", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    _created(),
    UniqueConstraint("hash"),
)

# An archive is stored once; it belongs to everybody who has shown that they have it.
file_uploads = Table(
    "file_uploads",
    metadata,
    _ref("file_id", "files"),
    _ref("user_id", "users"),
    PrimaryKeyConstraint("file_id", "user_id"),
)

provisioner_jobs = Table(
    "provisioner_jobs",
    metadata,
    _id(),
    _created(),
    _at("queued_at", nullable=False),
    _at("updated_at", nullable=False),
    _at("started_at"),
    _at("canceled_at"),
    _at("completed_at"),
    _at("committed_at"),
    _ref("organization_id", "organizations"),
    _ref("initiator_id", "users"),
    Column("type", Text, nullable=False),
    Column("provisioner", Text, nullable=False),
    _ref("file_id", "files"),
    _json("input", "{}"),
    _json("tags", "{}"),
    _int("turn"),
    Column("worker_id", Id),
    Column("request_id", Id),
    _int("attempt"),
    _int("losses"),
    _int("call_number"),
    Column("call_answer", Json),
    _at("lease_until"),
    Column("stage", Text),
    Column("error", Text),
    Column("error_code", Text),
    Column("failure_reason", Text),
    Column("failure_detail", Text),
    Column("retryable", Boolean(name=None)),
    _int("logs_bytes"),
    _flag("logs_overflowed"),
    _at("pruned_at"),
)
_jobs = provisioner_jobs.c
_is_pending = (_jobs.started_at.is_(None)) & (_jobs.canceled_at.is_(None)) & (_jobs.completed_at.is_(None))
_is_started = (_jobs.started_at.is_not(None)) & (_jobs.completed_at.is_(None))
# Partial, so that a claim costs the same however many finished jobs there are.
Index(
    "ix_provisioner_jobs_pending",
    _jobs.organization_id,
    _jobs.turn,
    _jobs.created_at,
    _jobs.id,
    sqlite_where=_is_pending,
    postgresql_where=_is_pending,
)
Index("ix_provisioner_jobs_lease", _jobs.lease_until, sqlite_where=_is_started, postgresql_where=_is_started)
Index("ix_provisioner_jobs_claimed", _jobs.organization_id, _jobs.started_at)
Index("ix_provisioner_jobs_owner", _jobs.organization_id, _jobs.initiator_id, _jobs.turn)
Index("ix_provisioner_jobs_newest", _jobs.organization_id, _jobs.created_at, _jobs.id)
Index("ix_provisioner_jobs_worker", _jobs.worker_id, sqlite_where=_is_started, postgresql_where=_is_started)
_is_finished = _jobs.completed_at.is_not(None) & _jobs.worker_id.is_not(None)
Index(
    "ix_provisioner_jobs_finished",
    _jobs.worker_id,
    _jobs.completed_at,
    sqlite_where=_is_finished,
    postgresql_where=_is_finished,
)
# What retention has still to look at.
_is_unpruned = _jobs.completed_at.is_not(None) & _jobs.pruned_at.is_(None)
Index(
    "ix_provisioner_jobs_unpruned",
    _jobs.completed_at,
    _jobs.id,
    sqlite_where=_is_unpruned,
    postgresql_where=_is_unpruned,
)

provisioner_job_logs = Table(
    "provisioner_job_logs",
    metadata,
    Column("id", _ROW_NUMBER, Identity(always=False), primary_key=True),
    _ref("job_id", "provisioner_jobs", ondelete="CASCADE"),
    _created(),
    Column("source", Text, nullable=False),
    Column("level", Text, nullable=False),
    _text("stage"),
    _text("output"),
    Index("ix_provisioner_job_logs_job_id_id", "job_id", "id"),
    sqlite_autoincrement=True,
)

provisioner_daemons = Table(
    "provisioner_daemons",
    metadata,
    _id(),
    _ref("organization_id", "organizations"),
    _name(),
    _text("version"),
    _json("provisioners", "[]"),
    _json("tags", "{}"),
    _created(),
    _at("last_seen_at", nullable=False),
    # Of a remote daemon. No foreign key: keys are revoked and never deleted.
    Column("key_id", Id),
    UniqueConstraint("organization_id", "name"),
)

provisioner_keys = Table(
    "provisioner_keys",
    metadata,
    _id(),
    _ref("organization_id", "organizations"),
    _name(),
    _json("tags", "{}"),
    Column("digest", Text, nullable=False),
    _created(),
    _at("revoked_at"),
    UniqueConstraint("digest"),
)
_keys = provisioner_keys.c
_is_valid = _keys.revoked_at.is_(None)
Index(
    "uq_provisioner_keys_name",
    _keys.organization_id,
    _keys.name,
    unique=True,
    sqlite_where=_is_valid,
    postgresql_where=_is_valid,
)

templates = Table(
    "templates",
    metadata,
    _id(),
    _ref("organization_id", "organizations"),
    _name(),
    _text("display_name"),
    _text("description"),
    _text("icon"),
    Column("provisioner", Text, nullable=False),
    Column("active_version_id", Id),
    _int("default_ttl_ms"),
    _flag("require_active_version"),
    _flag("allow_user_cancel_workspace_jobs", default=True),
    _text("deprecated"),
    _flag("deleted"),
    _ref("created_by", "users"),
    _created(),
    _at("updated_at", nullable=False),
)
Index(
    "uq_templates_name",
    templates.c.organization_id,
    func.lower(templates.c.name),
    unique=True,
    sqlite_where=~templates.c.deleted,
    postgresql_where=~templates.c.deleted,
)

# Variables, parameters and presets are read and written as one document by the import, so they are one.
template_versions = Table(
    "template_versions",
    metadata,
    _id(),
    _ref("organization_id", "organizations"),
    _ref("template_id", "templates", nullable=True),
    _name(),
    _text("message"),
    _text("readme"),
    _ref("job_id", "provisioner_jobs"),
    _json("variables", "[]"),
    _json("parameters", "[]"),
    _json("presets", "[]"),
    _json("about", "{}"),
    Column("start_cost", BigInteger),
    Column("stop_cost", BigInteger),
    _flag("has_external_agent"),
    _flag("archived"),
    _ref("created_by", "users"),
    _created(),
    _at("updated_at", nullable=False),
    UniqueConstraint("template_id", "name"),
)
Index("ix_template_versions_job_id", template_versions.c.job_id)

workspaces = Table(
    "workspaces",
    metadata,
    _id(),
    _ref("owner_id", "users"),
    _ref("organization_id", "organizations"),
    _ref("template_id", "templates"),
    _name(),
    Column("ttl_ms", BigInteger),
    _flag("deleted"),
    _created(),
    _at("updated_at", nullable=False),
    _at("last_used_at", nullable=False),
    Index("ix_workspaces_owner_id_organization_id", "owner_id", "organization_id"),
    Index("ix_workspaces_template_id", "template_id"),
)
Index(
    "uq_workspaces_name",
    workspaces.c.owner_id,
    func.lower(workspaces.c.name),
    unique=True,
    sqlite_where=~workspaces.c.deleted,
    postgresql_where=~workspaces.c.deleted,
)
Index(
    "ix_workspaces_living",
    workspaces.c.organization_id,
    workspaces.c.template_id,
    workspaces.c.owner_id,
    sqlite_where=~workspaces.c.deleted,
    postgresql_where=~workspaces.c.deleted,
)

workspace_builds = Table(
    "workspace_builds",
    metadata,
    _id(),
    _ref("workspace_id", "workspaces"),
    _int("build_number"),
    Column("transition", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default="initiator"),
    _ref("template_version_id", "template_versions"),
    Column("preset_id", Id),
    _json("parameters", "{}"),
    _ref("initiator_id", "users"),
    _ref("job_id", "provisioner_jobs"),
    Column("state", LargeBinary, nullable=False, server_default=text("''")),
    Column("planned_cost", BigInteger),
    _int("daily_cost"),
    _at("deadline"),
    Column("idempotency_key", Text),
    _created(),
    _at("updated_at", nullable=False),
    UniqueConstraint("workspace_id", "build_number"),
    UniqueConstraint("job_id"),
    UniqueConstraint("idempotency_key"),
)
_has_deadline = workspace_builds.c.deadline.is_not(None)
Index(
    "ix_workspace_builds_deadline",
    workspace_builds.c.deadline,
    sqlite_where=_has_deadline,
    postgresql_where=_has_deadline,
)

workspace_resources = Table(
    "workspace_resources",
    metadata,
    _id(),
    _ref("job_id", "provisioner_jobs", ondelete="CASCADE"),
    _created(),
    Column("transition", Text, nullable=False),
    Column("type", Text, nullable=False),
    _name(),
    _flag("hide"),
    _text("icon"),
    _int("daily_cost"),
    _json("metadata", "[]"),
    Index("ix_workspace_resources_job_id", "job_id"),
)

workspace_agents = Table(
    "workspace_agents",
    metadata,
    _id(),
    _ref("resource_id", "workspace_resources", ondelete="CASCADE"),
    _ref("workspace_id", "workspaces"),
    _ref("build_id", "workspace_builds"),
    Column("parent_id", Id),
    _name(),
    _int("display_order"),
    Column("auth_token_hash", Text),
    _text("startup_script"),
    _int("connection_timeout_seconds", 120),
    _text("troubleshooting_url"),
    _flag("external"),
    Column("lifecycle_state", Text, nullable=False, server_default="created"),
    _int("logs_bytes"),
    _at("started_at"),
    _at("ready_at"),
    _at("first_connected_at"),
    _at("last_connected_at"),
    _at("disconnected_at"),
    _flag("deleted"),
    _created(),
    _at("updated_at", nullable=False),
    Index("ix_workspace_agents_build_id", "build_id"),
    Index("ix_workspace_agents_workspace_id", "workspace_id"),
    Index("ix_workspace_agents_resource_id", "resource_id"),
    Index("ix_workspace_agents_auth_token_hash", "auth_token_hash"),
)

workspace_agent_logs = Table(
    "workspace_agent_logs",
    metadata,
    Column("id", _ROW_NUMBER, Identity(always=False), primary_key=True),
    _ref("agent_id", "workspace_agents", ondelete="CASCADE"),
    _created(),
    Column("level", Text, nullable=False),
    _text("output"),
    Index("ix_workspace_agent_logs_agent_id_id", "agent_id", "id"),
    sqlite_autoincrement=True,
)

# Calls to agents on their way: whoever gets an answer removes the row. Text, since JSON columns of PostgreSQL
# cannot hold every text of a file.
workspace_agent_calls = Table(
    "workspace_agent_calls",
    metadata,
    _id(),
    _ref("agent_id", "workspace_agents", ondelete="CASCADE"),
    Column("method", Text, nullable=False),
    Column("request", Text, nullable=False),
    _created(),
    _at("expires_at", nullable=False),
    Column("taken_by", Id),
    _at("taken_at"),
    _at("withdrawn_at"),
    _at("answered_at"),
    Column("response", Text),
    Index("ix_workspace_agent_calls_agent_id_created_at", "agent_id", "created_at"),
    Index("ix_workspace_agent_calls_expires_at", "expires_at"),
)

workspace_charges = Table(
    "workspace_charges",
    metadata,
    Column("workspace_id", Id, ForeignKey("workspaces.id"), primary_key=True),
    _int("confirmed"),
    Column("reserved", BigInteger),
    Column("build_id", Id),
    CheckConstraint("confirmed >= 0", name="confirmed"),
    CheckConstraint("reserved IS NULL OR reserved >= 0", name="reserved"),
)

# One row per pair that ever committed: what commits of this pair lock.
quota_accounts = Table(
    "quota_accounts",
    metadata,
    _ref("user_id", "users"),
    _ref("organization_id", "organizations"),
    PrimaryKeyConstraint("user_id", "organization_id"),
    _int("commits"),
)

chats = Table(
    "chats",
    metadata,
    _id(),
    _ref("owner_id", "users"),
    _ref("organization_id", "organizations"),
    Column("key", Text, nullable=False),
    Column("workspace_id", Id, ForeignKey("workspaces.id")),
    Column("build_id", Id, ForeignKey("workspace_builds.id")),
    Column("agent_id", Id),
    Column("last_error", TolerantJson),
    Column("lease_holder", Id),
    _at("lease_until"),
    _created(),
    _at("updated_at", nullable=False),
    UniqueConstraint("owner_id", "key"),
)

chat_tool_calls = Table(
    "chat_tool_calls",
    metadata,
    _ref("chat_id", "chats", ondelete="CASCADE"),
    Column("tool_call_id", Text, nullable=False),
    Column("tool", Text, nullable=False),
    Column("request_hash", Text, nullable=False),
    Column("workspace_id", Id),
    Column("build_id", Id),
    Column("answer", Json),
    _created(),
    PrimaryKeyConstraint("chat_id", "tool_call_id"),
    Index("ix_chat_tool_calls_created_at", "created_at"),
)
