"""What ``--json`` prints for each kind of thing. Absent facts are left out, never null."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from chattool.cli.operations import Agent, Build, Template, Workspace
    from db.records import Group, JobLog, User
    from db.tokens import Token

Document = dict[str, object]


def template(record: Template) -> Document:
    """A template in a list, with what its version costs."""
    version = record.version
    return _present(
        {
            "id": record.id,
            "name": record.name,
            "display_name": record.display_name,
            "description": record.description,
            "provisioner": record.provisioner,
            "active_version_id": record.active_version_id,
            "default_ttl_ms": record.default_ttl_ms or None,
            "start_cost": version and version.start_cost,
            "stop_cost": version and version.stop_cost,
            "created_at": _time(record.created_at),
        }
    )


def template_details(record: Template) -> Document:
    """A template with everything that its version says."""
    details: Document = {}
    version = record.version
    if version is not None:
        details = {
            "version": version.name,
            "parameters": list(version.parameters),
            "presets": list(version.presets),
            "readme": version.readme,
        }
    return {**template(record), **details}


def workspace(record: Workspace) -> Document:
    """A workspace with the state of its latest build, and the credits that it is charged."""
    return _present(
        {
            "id": record.id,
            "name": record.full_name,
            "template": record.template_name,
            "template_id": record.template_id,
            "status": record.latest.status,
            "deleted": record.deleted,
            "credits": record.credits,
            "ttl_ms": record.ttl_ms,
            "latest_build_id": record.latest.id,
            "created_at": _time(record.created_at),
        }
    )


def build(record: Build) -> Document:
    """A build with its job, and its place in the queue."""
    job, queue = record.job, record.queue
    waiting = queue is not None and queue.position > 0
    return _present(
        {
            "id": record.id,
            "workspace": record.workspace_name,
            "workspace_id": record.workspace_id,
            "build_number": record.build_number,
            "transition": record.transition,
            "status": job.status,
            "stage": job.stage,
            "queue_position": queue.position if queue and waiting else None,
            "queue_size": queue.size if queue and waiting else None,
            "error": job.error or None,
            "error_code": job.error_code or None,
            "failure_reason": job.failure_reason or None,
            "planned_cost": record.planned_cost,
            "daily_cost": record.daily_cost,
            "parameters": dict(record.parameters),
            "created_at": _time(record.created_at),
            "started_at": _time(job.started_at),
            "completed_at": _time(job.completed_at),
        }
    )


def log_line(line: JobLog) -> Document:
    """A line of a build's log."""
    return {
        "id": line.id,
        "created_at": _time(line.created_at),
        "level": line.level,
        "source": line.source,
        "stage": line.stage,
        "output": line.output,
    }


def agent(record: Agent) -> Document:
    """A workspace agent."""
    return _present(
        {
            "id": record.id,
            "name": record.name,
            "connection": record.connection,
            "lifecycle_state": record.lifecycle_state,
            "last_connected_at": _time(record.last_connected_at),
        }
    )


def group(record: Group) -> Document:
    """A group."""
    return {"id": record.id, "name": record.name, "quota_allowance": record.quota_allowance}


def user(record: User) -> Document:
    """A user."""
    return {
        "id": record.id,
        "username": record.username,
        "status": record.status,
        "roles": list(record.roles),
    }


def token(record: Token) -> Document:
    """A token without its secret."""
    return _present(
        {
            "id": record.id,
            "name": record.name,
            "scope": record.scope,
            "created_at": _time(record.created_at),
            "expires_at": _time(record.expires_at),
            "last_used_at": _time(record.last_used_at),
        }
    )


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _present(document: Mapping[str, object]) -> Document:
    return {name: value for name, value in document.items() if value is not None}
