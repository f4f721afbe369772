"""URLs of PostgreSQL: whether they are any, as the driver reads them, and as people may."""

from __future__ import annotations

import re

_HOST = r"(?:\[[^\]@]+\]|[^:\[\]@,]*)(?::\d*)?"
_HOSTS = re.compile(rf"{_HOST}(?:,{_HOST})*")
_HIDDEN = "…"


def check(url: str) -> None:
    """Return when hosts and ports of the URL can be told.

    Raises:
        ValueError: they cannot; the text holds nothing of the URL, since it may be a piece of the password.
    """
    hosts = re.split("[/?#]", _rest(url), maxsplit=1)[0].rpartition("@")[2]
    if not _HOSTS.fullmatch(hosts):
        message = (
            "the database URL has no proper host and port; "
            "it is like postgresql://user:password@host:5432/name. "
            "In a password write / @ : ? # as %2F %40 %3A %3F %23"
        )
        raise ValueError(message)


def driver_url(url: str) -> str:
    """The URL as asyncpg reads it, without SQLAlchemy's driver name."""
    return f"{_scheme(url)}://{_rest(url)}"


def safe_url(url: str) -> str:
    """Host and database, for people; ``…`` where a password may have got among them."""
    place, *parameters = re.split("[?#]", _rest(url), maxsplit=1)
    place = place.rpartition("@")[2]  # and not the first one: a password may hold some, and slashes
    if any("@" in each for each in parameters) or not _HOSTS.fullmatch(place.partition("/")[0]):
        place = _HIDDEN
    return f"{_scheme(url)}://{place}"


def _scheme(url: str) -> str:
    return url.partition("://")[0].partition("+")[0]


def _rest(url: str) -> str:
    return url.partition("://")[2]
