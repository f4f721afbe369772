"""AWS's binary event streams, as Bedrock speaks them."""

from __future__ import annotations

import json
import struct
from binascii import crc32
from typing import Any

_STRING = 7


def message(event: Any) -> bytes:
    """One message: ``{"event": name, ...}`` or ``{"exception": name, ...}`` with a ``payload``."""
    kind = "exception" if "exception" in event else "event"
    headers = {
        ":message-type": kind,
        f":{kind}-type": event[kind],
        ":content-type": "application/json",
    }
    encoded = b"".join(_header(name, value) for name, value in headers.items())
    payload = json.dumps(event["payload"]).encode()
    prelude = struct.pack(">II", 16 + len(encoded) + len(payload), len(encoded))
    body = prelude + struct.pack(">I", crc32(prelude)) + encoded + payload
    return body + struct.pack(">I", crc32(body))


def _header(name: str, value: str) -> bytes:
    return (
        struct.pack("B", len(name))
        + name.encode()
        + struct.pack(">BH", _STRING, len(value.encode()))
        + value.encode()
    )
