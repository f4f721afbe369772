"""May this caller do that? The one place that decides, by one table.

A route loads an object, says what it is as a ``Target``, and calls ``check``. What the caller may not read
does not exist for them: the answer is the same 404.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, auto
from typing import TYPE_CHECKING

from db.errors import NotFound, RequestError
from provisioner.build_requests import ADMINISTRATOR, AUDITOR, TEMPLATE_ADMINISTRATOR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chattool.identity import Caller
    from db.ids import OrganizationId, UserId


class Action(StrEnum):
    """What can be done to an object."""

    READ = auto()
    CREATE = auto()
    UPDATE = auto()
    DELETE = auto()


class Kind(StrEnum):
    """What an object is."""

    ORGANIZATION = auto()
    USER = auto()
    MEMBER = auto()
    GROUP = auto()
    QUOTA = auto()
    TOKEN = auto()
    FILE = auto()
    TEMPLATE = auto()
    WORKSPACE = auto()
    WORKSPACE_STATE = auto()
    CHAT = auto()
    JOB = auto()
    DAEMON = auto()
    PROVISIONER_KEY = auto()


@dataclass(frozen=True, kw_only=True)
class Target:
    """An object, as far as rights depend on it."""

    kind: Kind
    organization_id: OrganizationId | None = None
    """``None``: it belongs to the site."""
    owner_id: UserId | None = None
    """Whose it is, where it is somebody's."""


class _Relation(StrEnum):
    """How a caller can stand to an object. A site's owner may do everything and needs none."""

    OWNS = auto()
    MEMBER = auto()
    ADMINISTRATES = auto()
    MANAGES_TEMPLATES = auto()
    AUDITS = auto()


_OWNER, _MEMBER, _ADMIN, _TEMPLATES, _AUDITOR = _Relation
_BY_ROLE = {ADMINISTRATOR: _ADMIN, TEMPLATE_ADMINISTRATOR: _TEMPLATES, AUDITOR: _AUDITOR}
_READ, _CREATE, _UPDATE, _DELETE = Action.READ, Action.CREATE, Action.UPDATE, Action.DELETE


def _rights(
    *, read: set[_Relation], write: set[_Relation], create: set[_Relation] | None = None
) -> Mapping[Action, frozenset[_Relation]]:
    return {
        _READ: frozenset(read | write),
        _CREATE: frozenset(write if create is None else create),
        _UPDATE: frozenset(write),
        _DELETE: frozenset(write),
    }


_RIGHTS: Mapping[Kind, Mapping[Action, frozenset[_Relation]]] = {
    Kind.ORGANIZATION: _rights(read={_MEMBER, _AUDITOR}, write={_ADMIN}, create=set()),
    Kind.USER: _rights(read={_OWNER, _AUDITOR}, write=set()),
    Kind.MEMBER: _rights(read={_MEMBER, _AUDITOR}, write={_ADMIN}),
    Kind.GROUP: _rights(read={_MEMBER, _AUDITOR}, write={_ADMIN}),
    Kind.QUOTA: _rights(read={_OWNER, _AUDITOR, _ADMIN}, write=set()),
    Kind.TOKEN: _rights(read={_OWNER}, write={_OWNER}),
    Kind.FILE: _rights(read={_OWNER, _TEMPLATES, _ADMIN}, write={_TEMPLATES, _ADMIN}),
    Kind.TEMPLATE: _rights(read={_MEMBER, _AUDITOR}, write={_TEMPLATES, _ADMIN}),
    Kind.WORKSPACE: _rights(read={_AUDITOR}, write={_OWNER, _ADMIN}),
    # A state may hold secrets of the template's infrastructure, which are not its user's.
    Kind.WORKSPACE_STATE: _rights(read={_TEMPLATES}, write={_TEMPLATES, _ADMIN}),
    Kind.CHAT: _rights(read=set(), write={_OWNER}),
    Kind.JOB: _rights(read={_OWNER, _TEMPLATES, _AUDITOR}, write={_OWNER, _ADMIN}),
    Kind.DAEMON: _rights(read={_MEMBER, _AUDITOR}, write={_ADMIN}),
    Kind.PROVISIONER_KEY: _rights(read={_ADMIN}, write={_ADMIN}),
}


def may(caller: Caller, action: Action, target: Target) -> bool:
    """Whether the caller may do ``action`` to ``target``."""
    return caller.is_owner or bool(_relations(caller, target) & _RIGHTS[target.kind][action])


def check(caller: Caller, action: Action, target: Target) -> None:
    """Return when the caller may do ``action`` to ``target``.

    Raises:
        NotFound: the caller may not even read it.
        RequestError: 403, the caller may read it and nothing more.
    """
    if may(caller, action, target):
        return
    if not may(caller, Action.READ, target):
        raise NotFound
    raise RequestError(403, "Forbidden.")


def _relations(caller: Caller, target: Target) -> set[_Relation]:
    roles = caller.roles_in(target.organization_id)
    found = {relation for role, relation in _BY_ROLE.items() if role in roles}
    belongs = target.organization_id is None or caller.is_member(target.organization_id)
    if belongs and target.organization_id is not None:
        found.add(_MEMBER)
    # Who has left an organization no longer owns anything there.
    if belongs and target.owner_id == caller.user.id:
        found.add(_OWNER)
    return found
