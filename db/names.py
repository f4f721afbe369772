"""Which names workspaces, templates and users may have."""

from __future__ import annotations

import re

MAX_LENGTH = 32
_VALID = re.compile(r"[a-zA-Z0-9]+(?:-[a-zA-Z0-9]+)*")
_RESERVED = frozenset({"new", "create"})
RULE = "1 to 32 letters and digits in runs joined by single hyphens, and not 'new' or 'create'"


def is_valid(name: str) -> bool:
    """Whether ``name`` follows ``RULE``."""
    return len(name) <= MAX_LENGTH and bool(_VALID.fullmatch(name)) and name not in _RESERVED
