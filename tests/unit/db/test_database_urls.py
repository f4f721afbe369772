"""URLs of databases: what is none is refused, and no text shows a password."""

import pytest

from db.engine import sqlite_path
from db.postgres_url import driver_url, safe_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://chattool:sesame@db.example/c", "postgresql://db.example/c"),
        ("postgresql+asyncpg://chattool:sesame@db:5432/c", "postgresql://db:5432/c"),
        ("postgresql://chattool:sesame@[::1]:5432/c?ssl=on", "postgresql://[::1]:5432/c"),
        ("postgresql://chattool:sesame@one:1,two:2/c", "postgresql://one:1,two:2/c"),
        ("postgresql://chattool:p@sesame/w@127.0.0.1/c", "postgresql://127.0.0.1/c"),
        ("postgresql://chattool:sesame/w@127.0.0.1/c", "postgresql://127.0.0.1/c"),
        ("postgresql://chattool:p?sesame@127.0.0.1/c", "postgresql://…"),
        ("postgresql://chattool:p@sesame#w@127.0.0.1/c", "postgresql://…"),
        ("postgresql://chattool@db/c?password=p@sesame", "postgresql://…"),
        ("postgresql://chattool:sesame/c", "postgresql://…"),
        ("postgresql:///c?host=/run/postgresql", "postgresql:///c"),
    ],
)
def test_a_url_is_shown_without_any_piece_of_its_password(url: str, shown: str) -> None:
    assert safe_url(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        "postgres:/chattool:sesame@x",
        "postgresql:chattool:sesame@x/c",
        "chattool:sesame@x/c",
        "postgres:/chattool:sesame@x://c",
        "mysql://chattool:sesame@x/c",
        "postgresql://chattool:p@x:sesame/c",
        "postgresql://chattool:sesame/w@x/c",
        "postgresql://chattool:sesame#w@x/c",
        "postgresql://chattool:p@[sesame/c",
    ],
)
def test_a_malformed_url_is_refused_without_showing_any_of_it(url: str) -> None:
    with pytest.raises(ValueError, match="database URL") as caught:
        sqlite_path(url)

    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://db/c",
        "postgres://me:a%2Fb@db:5432/c",
        "postgresql://me@one:1,two/c",
        "postgresql://[::1]/c",
        "postgresql:///c",
        "postgresql://%2Frun%2Fpostgresql/c?user=me@x",
    ],
)
def test_the_hosts_of_a_proper_url_may_be_written_in_every_way(url: str) -> None:
    assert sqlite_path(url) is None
    assert driver_url(url) == url
