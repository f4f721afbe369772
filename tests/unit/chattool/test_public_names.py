"""What ``import chattool`` offers, and what it costs."""

import inspect
import subprocess
import sys

import pytest

import chattool
from chattool import toolset, waiting


@pytest.mark.parametrize("name", chattool.__all__)
def test_every_public_name_can_be_imported(name: str) -> None:
    assert getattr(chattool, name) is not None


def test_nothing_else_is_listed() -> None:
    assert dir(chattool) == sorted(chattool.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        chattool.nothing  # noqa: B018 - the access is the test


def test_a_function_is_not_hidden_by_a_module_of_its_name() -> None:
    assert inspect.iscoroutinefunction(chattool.wait_for_build)
    assert chattool.wait_for_build is waiting.wait_for_build
    assert chattool.Toolset is toolset.Toolset


def test_importing_chattool_imports_nothing_heavy() -> None:
    heavy = ("sqlalchemy", "pydantic", "fastapi", "rich", "typer", "httpx")
    program = f"import chattool, sys; print([name for name in {heavy} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
