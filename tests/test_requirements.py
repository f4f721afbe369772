"""Requirements and tests know each other."""

import re
from pathlib import Path

from tests.requirements import MEASURED, REQUIREMENTS

MARKER = re.compile(r'^ *@pytest\.mark\.requirement\("([^"]+)"\)', re.MULTILINE)


def proven() -> set[str]:
    """The ids that tests name."""
    files = Path(__file__).parent.rglob("test_*.py")
    return {name for path in files for name in MARKER.findall(path.read_text(encoding="utf-8"))}


def test_every_requirement_has_a_test() -> None:
    assert REQUIREMENTS.keys() - proven() == set()


def test_every_test_names_a_known_requirement() -> None:
    assert proven() - REQUIREMENTS.keys() == set()


def test_a_promise_is_either_proven_or_measured() -> None:
    assert REQUIREMENTS.keys() & MEASURED.keys() == set()
