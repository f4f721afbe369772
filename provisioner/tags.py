"""Tags decide which daemon may take which job. The same rule as a condition of SQL: ``tag_match``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

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
