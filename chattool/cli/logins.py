"""Tokens that ``chattool login`` keeps in the state directory, for its owner only."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from chattool.cli.command import WrongUsage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chattool.cli.options import Options

_FILE = "logins.json"
_LONGEST_BYTES = 1 << 20


def token_for(options: Options) -> str:
    """The token for the server: the one that was given, else the one that was stored for its URL.

    Raises:
        WrongUsage: there is none, or it is none.
    """
    from chattool.cli.session import check_server

    url = check_server(options)
    if options.token:
        return checked(options.token)
    stored = _stored(options.home).get(url)
    if stored is None:
        raise WrongUsage(f"{url} wants a token: CHATTOOL_TOKEN, --token, or once: chattool login {url}")
    return stored


def checked(token: str) -> str:
    """The token, if it can be one.

    Raises:
        WrongUsage: it has other characters than those of one word. It is not repeated.
    """
    if not token.isascii() or not token.isprintable() or " " in token or not token:
        raise WrongUsage("the token is none: it has other characters than those of one word")
    return token


def store(home: Path, url: str, token: str) -> None:
    """Keep the token for the server.

    Raises:
        HomeUnusable: the state directory cannot be written.
    """
    from chattool.background import state_directory

    state_directory.prepare(state_directory.state_directory(home))
    _write(home, {**_stored(home), url: token})


def forget(home: Path, url: str) -> bool:
    """Whether there was a token for the server; it is gone now."""
    stored = dict(_stored(home))
    if stored.pop(url, None) is None:
        return False
    _write(home, stored)
    return True


def _stored(home: Path) -> Mapping[str, str]:
    try:
        with (home / _FILE).open("rb") as file:
            found = json.loads(file.read(_LONGEST_BYTES))
    except FileNotFoundError:
        return {}
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(token, str) for token in found.values()):
        raise WrongUsage(f"{home / _FILE} is damaged; remove it, and log in again")
    return found


def _write(home: Path, logins: Mapping[str, str]) -> None:
    # A new file has the mode 0600 from its first moment on, and replaces the old one in one step.
    descriptor, name = tempfile.mkstemp(dir=home, prefix=f".{_FILE}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(logins, file, indent=2)
        Path(name).replace(home / _FILE)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
