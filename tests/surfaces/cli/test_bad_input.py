"""What is wrong is said in one line, with what to do; nothing is half done."""

import sqlite3
from pathlib import Path

import pytest

from tests.surfaces.cli.command_line import CommandLine

UNKNOWN = "b1203484-693d-483b-bf90-0a5425662d84"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["template=nope"], "no template 'nope'; there are: python-dev, scratch"),
        (["template_id=123"], "invalid template_id: '123' is not an id; call list_templates"),
        ([f"template_id={UNKNOWN}"], "look up template: Resource not found"),
        (["template=scratch", "colour=red"], 'unknown argument "colour"'),
        (["template=python-dev", "preset=Huge"], "has no preset 'Huge'; it has: Standard, Big"),
    ],
)
def test_a_create_that_cannot_be_meant_is_one_sentence(cli: CommandLine, words: list[str], said: str) -> None:
    arguments = [word for pair in words for word in ("-a", pair)]

    ended = cli.inside("--chat", "bad", "tool", "call", "create_workspace", *arguments)

    assert ended.code == 1
    assert said in ended.one_line


@pytest.mark.parametrize(
    ("argument", "field"),
    [
        ("parameters.nope=1", "nope"),
        ("parameters.workers=abc", "workers"),
        ("parameters.workers=99", "workers"),
        (f"preset_id={UNKNOWN}", "template_version_preset_id"),
    ],
)
def test_a_bad_parameter_names_its_field_and_makes_no_workspace(
    cli: CommandLine, argument: str, field: str
) -> None:
    words = ("-a", "template=python-dev", "-a", argument)

    ended = cli.inside("--json", "--chat", "worse", "tool", "call", "create_workspace", *words)

    assert ended.code == 1
    assert [wrong["field"] for wrong in ended.document["validations"]] == [field]
    assert ended.document["validations"][0]["detail"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["template=scratch", "template_id=x"], "give either template=NAME or template_id=ID"),
        (["template=scratch", "preset=a", "preset_id=b"], "give either preset=NAME or preset_id=ID"),
    ],
)
def test_one_thing_said_in_two_ways_is_wrong_usage(cli: CommandLine, words: list[str], said: str) -> None:
    arguments = [word for pair in words for word in ("-a", pair)]

    ended = cli.inside("--chat", "bad", "tool", "call", "create_workspace", *arguments)

    assert ended.code == 2
    assert said in ended.err


def test_a_workspace_name_that_is_taken_gets_a_number_and_the_first_workspace_stays(cli: CommandLine) -> None:
    create = ("tool", "call", "create_workspace", "-a", "template=scratch", "-a", "name=taken")

    first = cli.json("--chat", "first", *create)
    second = cli.json("--chat", "second", *create)

    assert first["workspace_name"] == "me/taken"
    assert second["workspace_name"].startswith("me/taken-")
    names = [each["name"] for each in cli.json("workspaces", "list")]
    assert {first["workspace_name"], second["workspace_name"]} <= set(names)


def test_a_workspace_name_that_is_not_valid_becomes_one_like_it(cli: CommandLine) -> None:
    words = ("-a", "template=scratch", "-a", "name=Not_a name!")

    created = cli.json("--chat", "odd", "tool", "call", "create_workspace", *words)

    assert created["workspace_name"].startswith("me/notaname-")


def test_a_user_name_that_is_taken_or_not_valid_is_refused(cli: CommandLine) -> None:
    taken = cli.inside("--json", "users", "add", "me")
    invalid = cli.inside("--json", "users", "add", "b ad")

    assert (taken.code, taken.document["error"]) == (1, "user 'me' exists already")
    assert (invalid.code, invalid.document["code"]) == (2, "USAGE")
    assert [user["username"] for user in cli.json("users", "list")] == ["me"]


def test_a_negative_allowance_is_told_the_bounds(cli: CommandLine) -> None:
    ended = cli.inside("groups", "set-allowance", "Everyone", "-5")

    assert ended.code == 2
    assert "greater than or equal to 0" in ended.one_line


def test_a_second_transition_waits_its_turn(cli: CommandLine, endless: str) -> None:
    words = ("-a", f"template={endless}", "-a", "name=busy", "-a", "wait_seconds=0")
    assert cli.json("--chat", "busy", "tool", "call", "create_workspace", *words)["status"] == "building"

    for transition in ("delete", "stop", "start"):
        refused = cli.inside("workspaces", transition, "busy")
        assert refused.code == 1
        assert refused.one_line == (
            "error: me/busy has an active build; wait, or end it with: chattool builds cancel me/busy"
        )
    assert cli.inside("builds", "cancel", "busy").code == 0
    assert cli.inside("builds", "logs", "busy", "--follow").code == 1


def test_an_ended_build_cannot_be_canceled_and_a_deleted_workspace_not_built(cli: CommandLine) -> None:
    words = ("-a", "template=scratch", "-a", "name=short")
    workspace_id = cli.json("--chat", "short", "tool", "call", "create_workspace", *words)["workspace_id"]

    ended = cli.inside("builds", "cancel", "short")
    assert (ended.code, ended.one_line) == (1, "error: me/short#1 has ended already: succeeded")

    assert cli.inside("workspaces", "delete", "short").code == 0
    deleted = cli.inside("--json", "workspaces", "delete", workspace_id)
    assert (deleted.code, deleted.document["error"]) == (1, "Workspace 'short' was deleted")
    assert cli.inside("workspaces", "delete", "short").one_line == (
        "error: no workspace 'short'; see: chattool workspaces list"
    )


@pytest.mark.parametrize("build", ["nope", UNKNOWN, "me/nope#99999999999999"])
def test_an_unknown_build_says_how_to_name_one(cli: CommandLine, build: str) -> None:
    ended = cli.inside("builds", "show", build)

    assert ended.code == 1
    assert ended.one_line == (
        f"error: no build '{build}'; name a workspace, WORKSPACE#NUMBER or a build's id"
    )


def test_a_broken_template_is_refused_with_its_line_before_anything_starts(
    new: CommandLine, tmp_path: Path
) -> None:
    folder = tmp_path / "template"
    said = []
    folder.mkdir()
    said.append(new.inside("templates", "push", folder).one_line)
    for text in ('name = "x"\n[cost\n', 'name = "x"\n[cost]\nstrat = 5\n'):
        (folder / "template.toml").write_text(text, encoding="utf-8")
        said.append(new.inside("templates", "push", folder).one_line)

    assert said[0].endswith("template.toml not found: a template is a folder with that file")
    assert said[1].startswith("error: template.toml:2: ")
    assert said[2] == (
        'error: template.toml:3: "cost.strat" is not a key that is known here; did you mean "start"?'
    )


def test_a_template_that_leaves_its_folder_is_refused(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "template.toml").write_text('name = "leaver"\n', encoding="utf-8")
    (tmp_path / "out").symlink_to("/etc/passwd")

    ended = cli.inside("--json", "templates", "push", tmp_path)

    assert (ended.code, ended.document["code"]) == (1, "ARCHIVE_INVALID")
    assert "leaver" not in [template["name"] for template in cli.json("templates", "list")]


def test_a_database_of_a_newer_version_is_left_alone(new: CommandLine) -> None:
    assert new.inside("templates", "list").code == 0
    with sqlite3.connect(new.home / "chattool.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    url = f"sqlite:///{new.home}/chattool.db"

    for words in (["templates", "list"], ["migrate"], ["tool", "call", "stop_workspace"], ["doctor"]):
        ended = new.inside("--json", *words)
        assert ended.code == 1, words
        assert "newer than this program" in ended.out
    assert new("daemon", "--url", url).code == 1


def test_a_file_that_is_no_database_is_not_touched(new: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database " * 100, encoding="utf-8")

    ended = new.inside("templates", "list", "--url", f"sqlite:///{file}")

    assert ended.code == 1
    assert ended.one_line == f"error: {file} is not a SQLite database, or it is damaged"
    assert file.read_text(encoding="utf-8") == "not a database " * 100


def test_a_look_at_a_database_that_is_missing_makes_none(new: CommandLine, tmp_path: Path) -> None:
    url = ("--url", f"sqlite:///{tmp_path}/folder/missing.db")

    for words in (["quota", "show"], ["templates", "list"], ["quota", "check"]):
        ended = new.inside("--json", *url, *words)
        assert (ended.code, ended.document["code"]) == (1, "NOT_FOUND")
    assert not (tmp_path / "folder").exists()

    assert new.inside(*url, "migrate").code == 0
    assert new.inside(*url, "quota", "show").code == 0


def test_a_state_directory_that_cannot_be_made_is_named(new: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    for words in (["templates", "list"], ["tool", "call", "stop_workspace"]):
        ended = new.inside("--json", "--home", tmp_path / "file" / "home", *words)
        assert (ended.code, ended.document["code"]) == (1, "HOME_UNUSABLE")


def test_a_postgresql_that_cannot_be_reached_is_worth_another_try(new: CommandLine) -> None:
    ended = new.inside("--json", "templates", "list", "--url", "postgresql://me@127.0.0.1:1/none")

    assert ended.code == 1
    assert (ended.document["code"], ended.document["retryable"]) == ("STORE_UNAVAILABLE", True)


def test_a_quickstart_keeps_out_of_a_directory_in_use(new: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()

    ended = new("quickstart", "--home", tmp_path)

    assert ended.code == 2
    assert ended.one_line == f"error: the quickstart needs a new directory, and {tmp_path} is not empty"
    assert (tmp_path / "mine.txt").exists()
