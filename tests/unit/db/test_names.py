"""Names of workspaces, templates and users."""

import pytest

from db import names


@pytest.mark.parametrize("name", ["a", "Z9", "two-words", "x" * 32, "1", "a-b-c"])
def test_valid_names(name: str) -> None:
    assert names.is_valid(name)


@pytest.mark.parametrize(
    "name", ["", "-a", "a-", "a--b", "x" * 33, "a b", "a/b", "new", "create", "ä", "a\n", "..", "a_b"]
)
def test_invalid_names(name: str) -> None:
    assert not names.is_valid(name)
