"""How long a new workspace may run, from the setting of the host."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chattool.settings import ToolSettings

log = logging.getLogger(__name__)

_LONGEST_TEXT = 64  # so that no sum can leave what a timedelta holds
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|h|m|s)")
_UNITS = {
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}


async def workspace_ttl(settings: ToolSettings) -> timedelta | None:
    """The TTL to ask for; ``None`` leaves it to the template, as does a setting that is no duration."""
    source = settings.workspace_ttl
    try:
        text = source if isinstance(source, str) else await source()
    except Exception:
        log.exception("cannot read the setting workspace_ttl", extra={"action": "workspace_ttl"})
        return None
    try:
        return parse_duration(text.strip() or "0") or None
    except ValueError as error:
        log.warning("ignoring the setting workspace_ttl: %s", error, extra={"action": "workspace_ttl"})
        return None


def parse_duration(text: str) -> timedelta:
    """The duration that ``text`` such as ``2h``, ``1h30m`` or ``0`` stands for.

    Raises:
        ValueError: it stands for none, or for a negative one.
    """
    if text == "0":
        return timedelta()
    parts = _PART.findall(text[:_LONGEST_TEXT])
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is not a duration such as 2h or 1h30m")
    return sum((float(number) * _UNITS[unit] for number, unit in parts), timedelta())
