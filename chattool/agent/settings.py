"""What an agent is told by its environment."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from db.errors import ChattoolError

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN_VARIABLE = "CHATTOOL_AGENT_TOKEN"  # noqa: S105 - the name, not the token


class AgentMisconfigured(ChattoolError):
    """The environment does not say what an agent must know."""

    code = "AGENT_MISCONFIGURED"


@dataclass(frozen=True, kw_only=True)
class AgentSettings:
    """Who the agent is and where it reports."""

    token: str = field(repr=False)
    name: str
    server_url: str
    server_url_file: Path | None
    """Holds the address in force, for servers whose port changes; read before every call."""
    directory: Path
    """Where scripts run."""
    ca_file: Path | None = None
    """Certificate authorities to trust instead of the system's."""

    def current_url(self) -> str:
        """Where the server is now."""
        if self.server_url_file is not None:
            try:
                url = self.server_url_file.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                url = ""
            if url:
                return url
        return self.server_url


def settings_from(environment: Mapping[str, str]) -> AgentSettings:
    """The settings in ``environment``.

    Raises:
        AgentMisconfigured: the token or the server is missing.
    """
    url_file = environment.get("CHATTOOL_SERVER_URL_FILE")
    ca_file = environment.get("CHATTOOL_SERVER_CA_FILE")
    settings = AgentSettings(
        token=environment.get(TOKEN_VARIABLE, ""),
        name=environment.get("CHATTOOL_AGENT_NAME", "main"),
        server_url=environment.get("CHATTOOL_SERVER_URL", ""),
        server_url_file=Path(url_file) if url_file else None,
        directory=Path(environment.get("CHATTOOL_WORKSPACE_DIRECTORY") or Path.cwd()),
        ca_file=Path(ca_file) if ca_file else None,
    )
    if not settings.token:
        raise AgentMisconfigured(f"{TOKEN_VARIABLE} is not set")
    if not settings.server_url and settings.server_url_file is None:
        raise AgentMisconfigured("neither CHATTOOL_SERVER_URL nor CHATTOOL_SERVER_URL_FILE is set")
    return settings


def hide_token(settings: AgentSettings) -> None:
    """Overwrite the token where other processes of this user could read it: in ``/proc`` (Linux)."""
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - needed nowhere else

        # The environment as the program was started with it; `os.environ` is a copy of that.
        getenv = ctypes.CDLL(None).getenv
        getenv.restype, getenv.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
        if (place := getenv(TOKEN_VARIABLE.encode())) is not None:
            ctypes.memset(place, ord("x"), len(settings.token.encode()))
    os.environ.pop(TOKEN_VARIABLE, None)
