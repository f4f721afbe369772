"""Databases that cannot be written: each command says so in one line, and nothing is half done."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.faults.test_unusable_databases import ordinary_user
from tests.surfaces.cli.command_line import CommandLine

LIMIT_SECONDS = 120


def in_namespace(*words: object) -> list[str]:
    """The command with mounts of its own, which end with it."""
    program = shutil.which("unshare")
    command = [str(program), "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    probe = [*command, "mount", "-t", "tmpfs", "none", tempfile.gettempdir()]
    if program is None or subprocess.run(probe, check=False, capture_output=True).returncode:
        pytest.skip("a small disk can only be mounted on Linux, by root or in a user namespace")
    return [*command, *map(str, words)]


def test_a_full_disk_refuses_every_change_and_keeps_what_was_there(tmp_path: Path) -> None:
    words = in_namespace(sys.executable, "-m", "tests.surfaces.cli.on_full_disk", tmp_path)
    said = subprocess.run(words, stdout=subprocess.PIPE, check=True, timeout=LIMIT_SECONDS).stdout
    seen: dict[str, Any] = json.loads(said)

    for ended in seen["refused"]:
        assert (ended["code"], ended["out"]) == (1, "")
        assert ended["err"].startswith("error: ")
        assert ended["err"].count("\n") == 1
        assert "the disk is full" in ended["err"]
    assert [name for name in seen["left"] if name.startswith("engine.json.")] == []
    assert seen["afterwards"] == [[], 40]
    assert seen["created"] == 0


def test_a_read_only_database_says_whose_permissions_to_check() -> None:
    with tempfile.TemporaryDirectory(prefix="chattool-test-") as name:
        home = Path(name) / "home"
        cli = CommandLine(home)
        home.parent.chmod(0o755)
        assert cli.inside("templates", "list").code == 0
        database = home / "chattool.db"
        database.chmod(0o444)

        with ordinary_user(home, database):
            refused = cli.inside("--json", "groups", "set-allowance", "Everyone", 40)

        assert (refused.code, refused.document["code"]) == (1, "STORE_READ_ONLY")
        assert refused.document["error"].endswith("check the permissions of the file and its folder")


def test_a_database_that_another_process_holds_is_worth_another_try(new: CommandLine) -> None:
    assert new.inside("groups", "set-allowance", "Everyone", 40).code == 0
    with sqlite3.connect(new.home / "chattool.db") as holder:
        holder.execute("BEGIN IMMEDIATE")
        refused = new("--json", "groups", "set-allowance", "Everyone", 99)
        holder.rollback()
    holder.close()

    assert (refused.code, refused.document["code"]) == (1, "STORE_BUSY")
    assert refused.document["retryable"]
    assert new.json("quota", "show")["budget"] == 40
