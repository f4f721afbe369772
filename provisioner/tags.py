"""Tags decide which daemon may take which job. One rule, for the claim and for the wake-up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Boolean, bindparam, case, literal

from db.conditions import is_subset
from db.tables import provisioner_jobs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement

UNTAGGED: Mapping[str, str] = {"owner": "", "scope": "organization"}


def job_tags(tags: Mapping[str, str], user_id: object) -> dict[str, str]:
    """The tags of a job: those of its template version, with the scope made explicit."""
    if tags.get("scope") == "user":
        return {**tags, "owner": str(user_id)}
    return {**tags, "scope": "organization", "owner": ""}


def matches(job: Mapping[str, str], daemon: Mapping[str, str]) -> bool:
    """Whether a daemon with these tags may take a job with those.

    A job without tags of its own needs a daemon without; any other needs its tags among the daemon's.
    """
    if job == UNTAGGED:
        return daemon == UNTAGGED
    return job.items() <= daemon.items()


_JOB_TAGS = provisioner_jobs.c.tags
_DAEMON_TAGS = bindparam("daemon_tags", type_=provisioner_jobs.c.tags.type)
_IS_UNTAGGED = literal(dict(UNTAGGED), provisioner_jobs.c.tags.type) == _JOB_TAGS
#: The same rule as ``matches``, for the claim; takes ``daemon_tags`` and ``daemon_untagged``.
MATCHES: ColumnElement[bool] = case(
    (_IS_UNTAGGED, bindparam("daemon_untagged", type_=Boolean())), else_=is_subset(_JOB_TAGS, _DAEMON_TAGS)
).is_(True)
