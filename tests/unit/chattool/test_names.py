"""spec: names."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chattool import names
from db.names import is_valid

SUFFIX = r"-[0-9a-f]{4}"


@pytest.mark.parametrize("name", ["a", "Dev-1", "x" * 32, "NEW", "a-b-c"])
def test_a_valid_name_is_taken_as_it_is(name: str) -> None:
    assert names.workspace_name(name, "python") == name


@pytest.mark.parametrize("blank", ["", "   ", "\t\n"])
def test_a_blank_name_is_made_from_the_template(blank: str) -> None:
    assert re.fullmatch("python" + SUFFIX, names.workspace_name(blank, "python"))


@pytest.mark.parametrize(
    ("requested", "base"),
    [
        ("My Project!", "myproject"),
        ("ana@example.com", "ana"),
        ("a--b", "a-b"),
        ("Ünïcode-box", "ncode-box"),
        (" Dev ", "dev"),
    ],
)
def test_an_invalid_name_is_repaired(requested: str, base: str) -> None:
    assert re.fullmatch(base + SUFFIX, names.workspace_name(requested, "python"))


@pytest.mark.parametrize("requested", ["new", "create", "-", "日本", "-a-", "x" * 33, "@"])
def test_a_name_beyond_repair_becomes_two_words(requested: str) -> None:
    assert re.fullmatch(r"[a-z]+-[a-z]+" + SUFFIX, names.workspace_name(requested, "python"))


def test_a_blank_seed_becomes_workspace() -> None:
    assert re.fullmatch("workspace" + SUFFIX, names.generated("  "))


def test_a_long_base_is_cut_without_a_hyphen_at_its_end() -> None:
    seed = "a" * 26 + "-" + "b" * 5

    assert re.fullmatch("a" * 26 + SUFFIX, names.generated(seed))


def test_two_names_from_one_seed_differ() -> None:
    assert len({names.generated("dev") for _ in range(20)}) > 1


@given(st.text(max_size=80), st.text(max_size=40))
def test_any_text_gives_a_valid_name(requested: str, template: str) -> None:
    assert is_valid(names.workspace_name(requested, template))
