"""The code that lets somebody become the first user of a new server."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field

VARIABLE = "CHATTOOL_SETUP_CODE"


@dataclass(frozen=True)
class SetupCode:
    """Proof of access to the server's log or settings; a random one unless it is given."""

    text: str = field(default_factory=lambda: secrets.token_urlsafe(16), repr=False)

    def matches(self, given: str) -> bool:
        """Whether it was given, compared in constant time."""
        return bool(self.text) and hmac.compare_digest(self.text.encode(), given.encode(errors="replace"))
