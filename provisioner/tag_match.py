"""``tags.matches`` as a condition of the claim."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Boolean, bindparam, case, literal

from db.conditions import is_subset
from db.tables import provisioner_jobs
from provisioner import tags

if TYPE_CHECKING:
    from sqlalchemy.sql.expression import ColumnElement

_JOB_TAGS = provisioner_jobs.c.tags
_DAEMON_TAGS = bindparam("daemon_tags", type_=provisioner_jobs.c.tags.type)
_IS_UNTAGGED = literal(dict(tags.UNTAGGED), provisioner_jobs.c.tags.type) == _JOB_TAGS
#: The same rule as ``tags.matches``, for the claim; takes ``daemon_tags`` and ``daemon_untagged``.
MATCHES: ColumnElement[bool] = case(
    (_IS_UNTAGGED, bindparam("daemon_untagged", type_=Boolean())), else_=is_subset(_JOB_TAGS, _DAEMON_TAGS)
).is_(True)
