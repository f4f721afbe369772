"""Names for new workspaces."""

from __future__ import annotations

import re
import secrets

from db.names import MAX_LENGTH, is_valid

_SUFFIX_DIGITS = 4
_LONGEST_BASE = MAX_LENGTH - 1 - _SUFFIX_DIGITS
_LONGEST_SEED = 1000
_FALLBACK = "workspace"

_FIRST_WORDS = (
    "amber", "brave", "calm", "clever", "crisp", "eager", "fair", "gentle",
    "happy", "keen", "lively", "lucid", "merry", "mild", "neat", "noble",
    "proud", "quick", "quiet", "rapid", "sharp", "steady", "sunny", "warm",
)  # fmt: skip
_SECOND_WORDS = (
    "badger", "beaver", "crane", "curlew", "dolphin", "falcon", "ferret", "finch",
    "gecko", "heron", "ibex", "jackal", "koala", "lark", "lynx", "marten",
    "newt", "otter", "panda", "puffin", "raven", "stoat", "swift", "walrus",
)  # fmt: skip


def workspace_name(requested: str, template_name: str) -> str:
    """The requested name where it is valid, else one made from it, or from the template's."""
    if is_valid(requested):
        return requested
    return generated(requested if requested.strip() else template_name)


def generated(seed: str) -> str:
    """A fresh valid name that resembles ``seed``."""
    base = _base(seed[:_LONGEST_SEED].lower().strip())
    if len(base) > _LONGEST_BASE:
        base = base[:_LONGEST_BASE].strip("-") or _FALLBACK
    return f"{base}-{secrets.token_hex(_SUFFIX_DIGITS // 2)}"


def _base(text: str) -> str:
    if not text:
        return _FALLBACK
    if is_valid(text):
        return text
    before_at = text.rpartition("@")[0] if "@" in text else text
    cleaned = re.sub(r"-+", "-", re.sub(r"[^a-z0-9-]", "", before_at))
    if is_valid(cleaned):
        return cleaned
    return f"{secrets.choice(_FIRST_WORDS)}-{secrets.choice(_SECOND_WORDS)}"
