"""The package is pure: it loads nothing of ours outside itself, and no SDK."""

from __future__ import annotations

import json
import subprocess
import sys

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
_FOREIGN = {"db", "quota", "provisioner", "sqlalchemy", "pydantic", "httpx", "openai", "anthropic", "fastapi"}


def _modules() -> list[list[str]]:
    answer = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, check=True, text=True)
    found: list[list[str]] = json.loads(answer.stdout)
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
