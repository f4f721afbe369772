"""Keys of remote daemons: random, stored as digests, tied to an organization and to tags, revocable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, insert, select, update

from db import ids
from db.bearer_secrets import digest, new_secret
from db.errors import Conflict, RequestError
from db.records import KeyHolder, ProvisionerKey
from db.tables import provisioner_daemons, provisioner_keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.ids import DaemonId, OrganizationId
    from db.transactions import Connection

#: Says what a leaked secret is, to people and to scanners.
PREFIX = "chattool_daemon_"
NOT_VALID = "the daemon's key is missing, unknown or revoked"

_keys = provisioner_keys.c
_daemons = provisioner_daemons.c
_INSERT = insert(provisioner_keys).values(
    {name: bindparam(name) for name in ("id", "organization_id", "name", "tags", "digest", "created_at")}
)
_KEYS = (
    select(*(_keys[name] for name in ProvisionerKey.__dataclass_fields__))
    .where(_keys.organization_id == bindparam("organization"))
    .order_by(_keys.created_at, _keys.id)
)
_REVOKE = (
    update(provisioner_keys)
    .where(
        _keys.organization_id == bindparam("organization"),
        _keys.name == bindparam("key_name"),
        _keys.revoked_at.is_(None),
    )
    .values(revoked_at=bindparam("now"))
    .returning(_keys.id)
)
_HOLDER = (
    select(
        _keys.id.label("key_id"),
        _keys.organization_id,
        _keys.tags.label("key_tags"),
        _daemons.id.label("daemon_id"),
        _daemons.provisioners,
        _daemons.tags.label("daemon_tags"),
    )
    .select_from(
        provisioner_keys.outerjoin(
            provisioner_daemons, (_daemons.id == bindparam("daemon")) & (_daemons.key_id == _keys.id)
        )
    )
    .where(_keys.digest == bindparam("digest"), _keys.revoked_at.is_(None))
)
_COUNT_DAEMONS = (
    select(_daemons.key_id, func.count().label("daemons"))
    .where(_daemons.organization_id == bindparam("organization"), _daemons.key_id.is_not(None))
    .group_by(_daemons.key_id)
)


def create(
    conn: Connection, organization_id: OrganizationId, name: str, tags: Mapping[str, str]
) -> tuple[ProvisionerKey, str]:
    """A new key and its secret, which nobody can read again.

    Raises:
        RequestError: 409, a valid key has this name.
    """
    secret = new_secret(PREFIX)
    key = ProvisionerKey(
        id=ids.ProvisionerKeyId(ids.new_id()),
        organization_id=organization_id,
        name=name,
        tags=dict(tags),
        created_at=conn.now,
    )
    try:
        conn.run(
            _INSERT,
            id=key.id,
            organization_id=organization_id,
            name=name,
            tags=key.tags,
            digest=digest(secret),
            created_at=conn.now,
        )
    except Conflict as error:
        raise RequestError(409, f"a key {name!r} exists already; revoke it first") from error
    return key, secret


def listed(conn: Connection, organization_id: OrganizationId) -> list[ProvisionerKey]:
    """Every key of an organization, revoked ones included, oldest first."""
    return conn.records(ProvisionerKey, _KEYS, organization=organization_id)


def daemons_per_key(conn: Connection, organization_id: OrganizationId) -> Mapping[ids.ProvisionerKeyId, int]:
    """How many daemons ever registered with each key."""
    rows = conn.rows(_COUNT_DAEMONS, organization=organization_id)
    return {row.key_id: row.daemons for row in rows}


def revoke(conn: Connection, organization_id: OrganizationId, name: str) -> bool:
    """End the valid key of that name, at once; false when there is none."""
    return conn.first(_REVOKE, organization=organization_id, key_name=name, now=conn.now) is not None


def holder(conn: Connection, secret: str, daemon_id: DaemonId | None) -> KeyHolder | None:
    """Who calls with this secret and says to be this daemon; ``None`` when no valid key has it.

    ``daemon_id`` of the answer is ``None`` when the key has no such daemon.
    """
    return conn.record(KeyHolder, _HOLDER, digest=digest(secret), daemon=daemon_id)
