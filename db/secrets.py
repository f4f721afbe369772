"""Values that are kept encrypted: template variables that may be secrets.

The key is not in the database. It comes from ``CHATTOOL_SECRET_KEY``, where several keys may stand, the
newest first; beside a SQLite file without one it is made, in a file that only its owner can read.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING

from db.errors import RequestError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from cryptography.fernet import MultiFernet

VARIABLE = "CHATTOOL_SECRET_KEY"


class NoSecretKey(RequestError):
    """A secret was to be kept, and there is no key to encrypt it with."""

    code = "NO_SECRET_KEY"

    def __init__(self) -> None:
        super().__init__(
            400,
            "Values of template variables are kept encrypted, and this server has no key.",
            detail=f"Set {VARIABLE} for every server and daemon on the database; "
            "make a key with: chattool secrets new-key",
        )


class SecretUnreadable(StoreError):
    """A stored secret was encrypted with a key that this process does not have."""

    code = "SECRET_UNREADABLE"
    default_message = f"a stored secret cannot be read: {VARIABLE} lacks the key that it was encrypted with"


class KeyInvalid(StoreError):
    """What is given as a key is none."""

    code = "SECRET_KEY_INVALID"


class Secrets:
    """Seals and opens values. The keys are asked for when they are first needed."""

    def __init__(self, keys: Callable[[], Sequence[str]]) -> None:
        self._keys = keys
        self._cipher: MultiFernet | None = None

    def sealed(self, text: str) -> str:
        """The value encrypted with the newest key.

        Raises:
            NoSecretKey: there is no key.
            KeyInvalid: a key is malformed.
        """
        return self._ready().encrypt(text.encode()).decode()

    def opened(self, sealed: str) -> str:
        """The value that was sealed.

        Raises:
            SecretUnreadable: no key fits.
            KeyInvalid: a key is malformed.
        """
        from cryptography.fernet import InvalidToken  # noqa: PLC0415 - seldom needed, and slow

        try:
            return self._ready().decrypt(sealed.encode()).decode()
        except (InvalidToken, NoSecretKey) as error:
            raise SecretUnreadable from error

    def renewed(self, sealed: str) -> str:
        """The same value, sealed with the newest key.

        Raises:
            SecretUnreadable, NoSecretKey, KeyInvalid: as above.
        """
        return self.sealed(self.opened(sealed))

    def check(self) -> None:
        """Return when there are keys, all of them well formed.

        Raises:
            NoSecretKey, KeyInvalid: as above.
        """
        self._ready()

    def _ready(self) -> MultiFernet:
        if self._cipher is None:
            from cryptography.fernet import Fernet, MultiFernet  # noqa: PLC0415 - seldom needed, and slow

            keys = self._keys()
            if not keys:
                raise NoSecretKey
            try:
                self._cipher = MultiFernet([Fernet(key) for key in keys])
            except ValueError as error:
                message = (
                    f"{VARIABLE}, or the key file beside a SQLite database, holds what is no key; "
                    "keys are made by: chattool secrets new-key"
                )
                raise KeyInvalid(message) from error
        return self._cipher


def new_key() -> str:
    """A fresh key."""
    from cryptography.fernet import Fernet  # noqa: PLC0415 - seldom needed, and slow

    return Fernet.generate_key().decode()


def has_key(path: Path | None) -> bool:
    """Whether there is a key for the database, as in ``of_database``; none is made."""
    given = bool(os.environ.get(VARIABLE, "").strip(" ,"))
    return given or (path is not None and _key_file(path).exists())


def check(path: Path | None) -> None:
    """Return when the keys for the database, as in ``of_database``, are well formed; none is made.

    Raises:
        KeyInvalid: one is not.
    """
    if has_key(path):
        of_database(path).check()


def of_database(path: Path | None) -> Secrets:
    """The secrets of the SQLite file at ``path``, or, without one, of a database that several hosts share."""

    def keys() -> Sequence[str]:
        given = [key.strip() for key in os.environ.get(VARIABLE, "").split(",") if key.strip()]
        if path is None:
            return given
        # What was sealed before a key was given stays readable.
        file = _key_file(path)
        return [*given, *_key_in(file)] if given else [_ensured_key(file)]

    return Secrets(keys)


def _key_file(database: Path) -> Path:
    return database.with_name(f"{database.name}.key")


def _key_in(file: Path) -> list[str]:
    with suppress(FileNotFoundError):
        return [file.read_text(encoding="ascii").strip()]
    return []


def _ensured_key(file: Path) -> str:
    try:
        if known := _key_in(file):
            return known[0]
        # Linked into place whole, so that another process reads all of it or nothing.
        with tempfile.NamedTemporaryFile(
            "w", dir=file.parent, prefix=f".{file.name}.", encoding="ascii"
        ) as new:
            new.write(new_key())
            new.flush()
            os.fsync(new.fileno())
            with suppress(FileExistsError):
                os.link(new.name, file)
        return _key_in(file)[0]
    except (OSError, UnicodeDecodeError) as error:
        told = "the key file of the database cannot be read or made"
        raise KeyInvalid.at(f"the key file {file}", f"cannot be read or made: {error}", told=told) from error
