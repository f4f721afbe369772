"""The tool ``list_templates``."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from chattool.active_version import active_version, estimated_cost
from chattool.errors import ToolError
from chattool.inspection import Inspection, answer
from chattool.inspection_results import ListTemplatesResult, TemplateItem
from chattool.readme import cleaned
from chattool.template_ranking import ranked, recommended

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chattool.backend import Actor, Template
    from chattool.context import ToolContext
    from chattool.inspection_arguments import ListTemplatesArgs
    from chattool.results import ToolResponse
    from chattool.template_ranking import RankedTemplate
    from db.ids import TemplateId
    from db.records import TemplateUsage

log = logging.getLogger(__name__)

TITLE = "List templates"
DESCRIPTION = (
    "Find the template to create a workspace from, before create_workspace is called. The likeliest comes "
    "first, 10 on a page. Do what next_step says: it recommends a template only when one clearly stands "
    "out; otherwise ask the user rather than guess. Costs nothing and changes nothing."
)

_PAGE_SIZE = 10
_EXCERPT_CHARACTERS = 1000

_NO_TEMPLATES = (
    "There is no template to build from. Tell the user that somebody has to add one, an administrator of a "
    "server: chattool templates push FOLDER. Then call list_templates again."
)
_NO_MATCH = "No template matches this query. Call list_templates again without the query."
_ASK = (
    "No template clearly stands out. Ask the user which one to use, "
    "then call read_template with its id, then create_workspace."
)
_RECOMMENDED = "Call read_template with template_id {}, then create_workspace."


async def list_templates(context: ToolContext, arguments: ListTemplatesArgs) -> ToolResponse:
    """The templates that the chat may use, the likeliest first."""
    call = Inspection(context, "list_templates")
    return await answer(_list(call, query=arguments.query, page=max(arguments.page, 1)))


async def _list(call: Inspection, *, query: str, page: int) -> ListTemplatesResult:
    actor = await call.owner()
    visible = await _visible(call, actor)
    usage = await _usage(call, actor)
    found = ranked(visible, usage or {}, query=query, now=call.clock.now())
    best = recommended(found, visible=len(visible), query=query, usage_known=usage is not None)
    begin = (page - 1) * _PAGE_SIZE
    shown = found[begin : begin + _PAGE_SIZE]
    return ListTemplatesResult(
        templates=tuple(await asyncio.gather(*(_item(call, actor, each) for each in shown))),
        page=page,
        next_step=_next_step(visible, found, best) if shown or not found else _no_page(page, len(found)),
        next_page=page + 1 if found[begin + _PAGE_SIZE :] else None,
        recommended_template_id=best.template.id if best else None,
    )


async def _visible(call: Inspection, actor: Actor) -> list[Template]:
    organization_id, allowed = call.context.organization_id, call.context.allowed_template_ids
    templates = await call.read(
        "list templates", lambda: call.backend.organization_templates(actor, organization_id)
    )
    return [
        template
        for template in templates
        if template.organization_id == organization_id
        and not template.deprecated
        and (not allowed or template.id in allowed)
    ]


async def _usage(call: Inspection, actor: Actor) -> Mapping[TemplateId, TemplateUsage] | None:
    context = call.context
    try:
        return await call.read(
            "read template usage",
            lambda: call.backend.template_usage(actor, context.owner_id, context.organization_id),
        )
    except ToolError:
        log.warning("cannot read how templates are used", exc_info=True, extra={"action": "template_usage"})
        return None


async def _item(call: Inspection, actor: Actor, each: RankedTemplate) -> TemplateItem:
    template, usage = each.template, each.usage
    version = await active_version(call, actor, template)
    return TemplateItem(
        id=template.id,
        name=template.name,
        organization_id=template.organization_id,
        display_name=template.display_name or None,
        description=template.description or None,
        readme_excerpt=(cleaned(version.readme, _EXCERPT_CHARACTERS) or None) if version else None,
        active_developers=usage.developers or None,
        your_workspace_count=usage.active or None,
        last_used_by_you=usage.last_used_at,
        estimated_cost=estimated_cost(version),
    )


def _no_page(page: int, found: int) -> str:
    return f"There is no page {page}. The last page is {-(-found // _PAGE_SIZE)}."


def _next_step(
    visible: Sequence[Template], found: Sequence[RankedTemplate], best: RankedTemplate | None
) -> str:
    if not visible:
        return _NO_TEMPLATES
    if not found:
        return _NO_MATCH
    return _RECOMMENDED.format(best.template.id) if best else _ASK
