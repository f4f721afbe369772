"""The owner's quota, as an extra to an answer that does not depend on it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from chattool.time_limit import within

if TYPE_CHECKING:
    from chattool.backend import Quota
    from chattool.call import Call
    from db.ids import OrganizationId

log = logging.getLogger(__name__)


async def owner_quota(call: Call, organization_id: OrganizationId | None) -> Quota | None:
    """The credits of the chat's owner in an organization; ``None`` when they cannot be read at all."""
    if organization_id is None or not call.backend.can_read_quota:
        return None
    try:
        return await within(
            call.clock, call.settings.quota_lookup_timeout, _read_quota(call, organization_id)
        )
    except Exception:  # the figures are an extra: nothing may keep the answer back
        log.debug("cannot read the quota", exc_info=True, extra={"action": "quota_lookup"})
        return None


async def _read_quota(call: Call, organization_id: OrganizationId) -> Quota:
    actor = await call.owner()
    return await call.backend.quota(actor, call.context.owner_id, organization_id)
