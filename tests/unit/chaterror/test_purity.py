"""The package is pure, and gives what it lists, in whatever order it is asked."""

from __future__ import annotations

import ast
import json
import pkgutil
import subprocess
import sys
from inspect import getdoc, getsource

import pytest

from chattool import chaterror

_PROGRAM = """
import json, sys
import chattool.chaterror as chaterror
before = set(sys.modules)
chaterror.classify(RuntimeError("too many requests"))
classified = set(sys.modules)
for name in chaterror.__all__:
    getattr(chaterror, name)
print(json.dumps([sorted(before), sorted(classified), sorted(sys.modules)]))
"""
_ORDERS = """
import sys
import chattool.chaterror as chaterror
names = list(chaterror.__all__)
for first in names:
    for loaded in [name for name in sys.modules if name.startswith("chattool")]:
        del sys.modules[loaded]
    import chattool.chaterror as chaterror
    getattr(chaterror, first)
    for name in names:
        found = getattr(chaterror, name)
        if found.__name__ != name or not found.__module__.startswith("chattool.chaterror."):
            sys.exit(f"behind {first}, {name} is {found!r}")
"""
_FOREIGN = {"db", "quota", "provisioner", "sqlalchemy", "pydantic", "httpx", "openai", "anthropic", "fastapi"}


def _answer(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _modules() -> list[list[str]]:
    found: list[list[str]] = json.loads(_answer(_PROGRAM))
    return found


def test_it_loads_nothing_of_ours_outside_itself_and_no_sdk() -> None:
    loaded = _modules()[-1]
    assert _FOREIGN.isdisjoint({name.partition(".")[0] for name in loaded})
    ours = {name for name in loaded if name.startswith("chattool.")}
    assert [name for name in ours if not name.startswith("chattool.chaterror")] == []


def test_modules_are_loaded_on_first_use_and_tenacity_only_for_retries() -> None:
    before, classified, everything = _modules()
    assert [name for name in before if name.startswith("chattool.chaterror.")] == []
    assert "tenacity" not in classified
    assert "tenacity" in everything


def test_a_public_name_means_the_same_whichever_was_asked_for_first() -> None:
    assert _answer(_ORDERS) == ""


def test_no_module_has_the_name_of_a_public_thing() -> None:
    # Loading such a module would put it in the place of the thing.
    modules = {module.name for module in pkgutil.iter_modules(chaterror.__path__)}
    assert modules.isdisjoint(chaterror.__all__)


def test_every_public_name_is_listed_and_nothing_else() -> None:
    """Lists, homes and the imports that type checkers read are one set of names."""
    typed = {
        alias.name
        for block in ast.parse(getsource(chaterror)).body
        if isinstance(block, ast.If)
        for line in block.body
        if isinstance(line, ast.ImportFrom)
        for alias in line.names
    }
    assert list(chaterror.__all__) == sorted(chaterror.__all__)
    assert typed == set(chaterror.__all__) == set(dir(chaterror))
    assert {name for name in vars(chaterror) if not name.startswith("_")} <= typed | _NOT_OFFERED
    with pytest.raises(AttributeError, match="no attribute 'classifyy'"):
        _ = chaterror.classifyy


# What importing the package and its modules leaves in its namespace.
_NOT_OFFERED = {"annotations", "importlib", "TYPE_CHECKING"} | {
    module.name for module in pkgutil.iter_modules(chaterror.__path__)
}


@pytest.mark.parametrize("name", chaterror.__all__)
def test_a_public_name_says_what_one_gets(name: str) -> None:
    offered = getattr(chaterror, name)
    assert offered.__doc__
    assert not offered.__doc__.startswith(f"{name}(")
    assert getdoc(offered)
