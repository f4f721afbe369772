"""What may be said for every command: where the state is, who asks, and how to answer."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from chattool.starter import DEFAULT_USER

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_CHAT = "default"

_WITH_VALUE = frozenset({"--url", "--home", "--user", "--chat", "--token"})
_FLAGS = frozenset({"--json", "--debug"})
#: Here ``--json`` is an option of the command's own and takes the tool's arguments.
_OWN_JSON = ("tool", "call")


@dataclass(frozen=True, kw_only=True)
class Options:
    """The global options."""

    url: str | None = None
    """Of a server or a database; ``None``: that in the state directory, served by the background engine."""
    home: Path
    home_named: bool = False
    """Whether the state directory was named on the command line."""
    token: str = field(default="", repr=False)
    """Signs in to a server; empty: the one that was stored at the login."""
    user: str = DEFAULT_USER
    chat: str = DEFAULT_CHAT
    chat_named: bool = False
    """Whether somebody chose the chat, on the command line or in the environment."""
    json: bool = False
    debug: bool = False

    @property
    def server(self) -> str | None:
        """The URL of the server to work on; ``None``: the work is done on a database."""
        is_server = (self.url or "").partition("://")[0].lower() in {"http", "https"}
        return self.url if is_server else None

    @property
    def database(self) -> str:
        """The URL of the database to work on."""
        return self.url or f"sqlite:///{self.home / 'chattool.db'}"

    def answering_json(self) -> Options:
        """The same, answering with one JSON document."""
        return replace(self, json=True)


def default_home() -> Path:
    """The state directory: ``CHATTOOL_HOME``, else the platform's data directory."""
    import platformdirs

    return Path(os.environ.get("CHATTOOL_HOME") or platformdirs.user_data_dir("chattool", appauthor=False))


def hoisted(words: Sequence[str]) -> list[str]:
    """The command line with global options moved to its front, so that they may be written anywhere.

    What follows ``--`` stays where it is.
    """
    moved: list[str] = []
    rest: list[str] = []
    words = list(words)
    while words and words[0] != "--":
        word = words.pop(0)
        name, has_value, _ = word.partition("=")
        if name == "--json" and tuple(_plain(rest)[:2]) == _OWN_JSON:
            rest += [word, *words[:1]]
            del words[:1]
        elif word in _FLAGS or (has_value and name in _WITH_VALUE):
            moved.append(word)
        elif word in _WITH_VALUE:
            moved += [word, *words[:1]]
            del words[:1]
        else:
            rest.append(word)
    return moved + rest + words


def wants_json(words: Sequence[str]) -> bool:
    """Whether an answer to this command line, a complaint about it included, is to be JSON."""
    return any(word.partition("=")[0] == "--json" for word in words)


def _plain(words: Sequence[str]) -> list[str]:
    return [word for word in words if not word.startswith("-")]
