"""Secrets, kept out of what people read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MASK = "********"
_SHORTEST_SECRET = 4  # shorter ones would hide ordinary words


class Redaction:
    """Hides secrets in texts. More of them may become known on the way."""

    def __init__(self) -> None:
        self._secrets: list[str] = []

    def add(self, secrets: Iterable[str]) -> None:
        """Hide these texts, each of their lines, and the way they look inside JSON."""
        found = set(self._secrets)
        for secret in secrets:
            found |= {secret, *secret.splitlines(), json.dumps(secret)[1:-1]}
        self._secrets = sorted((one for one in found if len(one) >= _SHORTEST_SECRET), key=len, reverse=True)

    def __call__(self, output: str) -> str:
        for secret in self._secrets:
            output = output.replace(secret, MASK)
        return output
