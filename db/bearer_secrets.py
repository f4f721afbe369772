"""Secrets that their bearer shows: tokens and keys. Random, so a plain hash of one may be stored."""

from __future__ import annotations

import hashlib
import secrets

_BYTES = 32


def new_secret(prefix: str = "") -> str:
    """A fresh one with 256 random bits, so that nothing can be gained from a slow hash."""
    return prefix + secrets.token_urlsafe(_BYTES)


def digest(secret: str) -> str:
    """What is stored of it."""
    return hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()
