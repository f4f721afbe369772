"""The version of a template that new workspaces use, and what it is expected to cost."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from chattool.errors import ToolError
from chattool.inspection_results import EstimatedCost

if TYPE_CHECKING:
    from chattool.backend import Actor, Template, TemplateVersion
    from chattool.call import Call

log = logging.getLogger(__name__)


async def active_version(call: Call, actor: Actor, template: Template) -> TemplateVersion | None:
    """The version that a create would use; ``None`` when it cannot be read, since answers can do without."""
    try:
        return await call.read(
            "read template version",
            lambda: call.backend.template_version(actor, template.active_version_id),
        )
    except ToolError:
        log.debug("cannot read a template version", exc_info=True, extra={"action": "template_version"})
        return None


def estimated_cost(version: TemplateVersion | None) -> EstimatedCost | None:
    """What the import planned with default parameters, as far as it is known."""
    if version is None or (version.start_cost is None and version.stop_cost is None):
        return None
    return EstimatedCost(start=version.start_cost, stop=version.stop_cost)
