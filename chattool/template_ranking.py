"""Which template comes first: how well it matches a query, and how much its owner and others use it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import TYPE_CHECKING

from db.records import TemplateUsage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from chattool.backend import Template
    from db.ids import TemplateId

_HALF_LIFE = timedelta(days=14)
_OWN_WEIGHT = 10.0
_REMOVED_WEIGHT = 0.5
#: What two other developers amount to: from here on use says something.
_CONFIDENT = math.log(3)
#: How far the first has to be ahead of the second.
_LEAD = math.log(3) - math.log(2)
_TOLERANCE = 1e-9
_SEPARATORS = re.compile(r"[\s_-]+")


class Match(IntEnum):
    """How a template matches a query, best last."""

    NONE = 0
    DESCRIPTION = 1
    SUBSTRING = 2
    PREFIX = 3
    EQUAL = 4


@dataclass(frozen=True, kw_only=True)
class RankedTemplate:
    """A template with what decided about its place. Without a query all match equally."""

    template: Template
    usage: TemplateUsage
    match: Match
    affinity: float


def ranked(
    templates: Iterable[Template], usage: Mapping[TemplateId, TemplateUsage], *, query: str, now: datetime
) -> list[RankedTemplate]:
    """The templates that match, best first."""
    found: list[RankedTemplate] = []
    for template in templates:
        match = query_match(template, query) if query else Match.EQUAL
        if match is not Match.NONE:
            used = usage.get(template.id, TemplateUsage())
            found.append(
                RankedTemplate(template=template, usage=used, match=match, affinity=affinity(used, now))
            )
    return sorted(found, key=_place)


def query_match(template: Template, query: str) -> Match:
    """How the template matches; case, spaces, hyphens and underscores make no difference."""
    names = [name for name in (template.name, template.display_name) if name]
    matches = [_text_match(name, query) for name in names]
    if _text_match(template.description, query) is not Match.NONE:
        matches.append(Match.DESCRIPTION)
    return max(matches, default=Match.NONE)


def affinity(usage: TemplateUsage, now: datetime) -> float:
    """How likely it is that the owner wants the template, going by use."""
    own = 0.0
    if usage.last_used_at is not None:
        age = max(now - usage.last_used_at, timedelta())
        own = _OWN_WEIGHT * (usage.active + _REMOVED_WEIGHT * usage.removed) * 0.5 ** (age / _HALF_LIFE)
    return own + math.log(1 + usage.developers)


def recommended(
    found: Sequence[RankedTemplate], *, visible: int, query: str, usage_known: bool
) -> RankedTemplate | None:
    """The template to take without asking, if there is one; ``visible`` counts those without the query."""
    if not found:
        return None
    first, second = found[0], found[1] if len(found) > 1 else None
    if visible == 1 or (query and (second is None or second.match < first.match)):
        return first
    if not usage_known:
        return None
    leads = second is None or first.affinity - second.affinity >= _LEAD - _TOLERANCE
    if query:
        return first if leads else None
    if not _is_confident(first):
        return None
    return first if leads or not (second and _is_confident(second)) else None


def _is_confident(each: RankedTemplate) -> bool:
    return each.affinity >= _CONFIDENT - _TOLERANCE


def _place(each: RankedTemplate) -> tuple[int, float, str, str]:
    return -each.match, -each.affinity, each.template.name, str(each.template.id)


def _text_match(text: str, query: str) -> Match:
    plain = _match(text.casefold(), query.casefold())
    return max(plain, _match(_squeezed(text), _squeezed(query)))


def _match(text: str, query: str) -> Match:
    if not query or query not in text:
        return Match.NONE
    if text == query:
        return Match.EQUAL
    return Match.PREFIX if text.startswith(query) else Match.SUBSTRING


def _squeezed(text: str) -> str:
    return _SEPARATORS.sub("", text.casefold())
