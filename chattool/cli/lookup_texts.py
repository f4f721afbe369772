"""What a person is told who names something that is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from db.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

NO_WORKSPACE = "no workspace {!r}; see: chattool workspaces list"
NO_USER = "no user {0!r}; add one with: chattool users add {0}"
NO_BUILD = "no build {!r}; name a workspace, WORKSPACE#NUMBER or a build's id"


def no_template(text: str, known: Sequence[str]) -> NotFound:
    """That there is no such template, and which there are."""
    there = f"there are: {', '.join(known)}" if known else "push one with: chattool templates push FOLDER"
    return NotFound(f"no template {text!r}; {there}")


def no_group(text: str, known: Sequence[str]) -> NotFound:
    """That there is no such group, and which there are."""
    return NotFound(f"no group {text!r}; there are: {', '.join(known)}")


def id_of(text: str) -> UUID | None:
    """The id that ``text`` is, if it is one."""
    try:
        return UUID(text)
    except ValueError:
        return None
