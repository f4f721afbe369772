"""``tags.matches`` as a condition of the claim, in the words of each database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Boolean, bindparam, case, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement

from db.tables import provisioner_jobs
from provisioner import tags

if TYPE_CHECKING:
    from sqlalchemy.sql.compiler import SQLCompiler


class _Subset(ColumnElement[bool]):
    """Whether the job's tags are among the daemon's, in the words of each database."""

    inherit_cache = True
    type = Boolean()


@compiles(_Subset, "postgresql")
def _subset_on_postgresql(_element: _Subset, compiler: SQLCompiler, **kw: object) -> str:
    return compiler.process(_JOB_TAGS.op("<@")(_DAEMON_TAGS), **kw)


@compiles(_Subset, "sqlite")
def _subset_on_sqlite(_element: _Subset, compiler: SQLCompiler, **kw: object) -> str:
    job = compiler.process(_JOB_TAGS, **kw)
    daemon = compiler.process(_DAEMON_TAGS, **kw)
    # Only what the compiler made of a column and a placeholder goes into the text.
    return (
        f"NOT EXISTS (SELECT 1 FROM json_each({job}) AS wanted WHERE NOT EXISTS "  # noqa: S608
        f"(SELECT 1 FROM json_each({daemon}) AS had WHERE had.key = wanted.key AND had.value = wanted.value))"
    )


_JOB_TAGS = provisioner_jobs.c.tags
_DAEMON_TAGS = bindparam("daemon_tags", type_=provisioner_jobs.c.tags.type)
_IS_UNTAGGED = literal(dict(tags.UNTAGGED), provisioner_jobs.c.tags.type) == _JOB_TAGS
#: The same rule as ``tags.matches``, for the claim; takes ``daemon_tags`` and ``daemon_untagged``.
MATCHES: ColumnElement[bool] = case(
    (_IS_UNTAGGED, bindparam("daemon_untagged", type_=Boolean())), else_=_Subset()
).is_(True)
