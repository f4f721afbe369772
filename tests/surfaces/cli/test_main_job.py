"""The main job by hand: templates, tools, builds, quota; on the background engine, and on a server."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chattool.tools import TOOLS
from tests.surfaces.cli.command_line import TIME_LIMIT_SECONDS, CommandLine, interrupt, read_until
from tests.surfaces.cli.conftest import stocked
from tests.surfaces.cli.served import served


@pytest.fixture(scope="module", params=["engine", "server"])
def cli(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """The command line with templates and 200 credits, on a state directory or on a server."""
    folder = tmp_path_factory.mktemp("shared")
    if request.param == "server":
        with served(folder) as server:
            yield stocked(server.client())
        return
    command_line = CommandLine(folder / "home")
    try:
        yield stocked(command_line)
    finally:
        command_line.clean_up()


def test_templates_are_listed_with_cost_and_id(cli: CommandLine) -> None:
    listed = {template["name"]: template for template in cli.json("templates", "list")}

    assert (listed["scratch"]["start_cost"], listed["scratch"]["stop_cost"]) == (10, 2)
    lines = cli.inside("templates", "list").out.splitlines()
    assert lines[0].split() == ["NAME", "COST", "ID", "DESCRIPTION"]
    row = next(line for line in lines if line.startswith("scratch"))
    assert row.split()[:5] == ["scratch", "10", "/", "2", listed["scratch"]["id"]]


def test_a_template_shows_its_parameters_and_presets(cli: CommandLine) -> None:
    details = cli.json("templates", "show", "python-dev")

    assert [parameter["name"] for parameter in details["parameters"]] == ["package", "size", "workers"]
    assert [preset["name"] for preset in details["presets"]] == ["Standard", "Big"]
    assert "Standard" in cli.inside("templates", "show", details["id"]).out


def test_a_tool_shows_its_arguments(cli: CommandLine) -> None:
    shown = cli.json("tool", "show", "create_workspace")

    assert shown["arguments"]["required"] == ["template_id"]
    assert "template_id" in cli.inside("tool", "show", "create_workspace").out
    assert [tool["name"] for tool in cli.json("tool", "list")] == [tool.name for tool in TOOLS]


def test_a_workspace_lives_from_create_to_delete(cli: CommandLine) -> None:
    tool = ("--chat", "life", "tool", "call")
    created = cli(*tool, "create_workspace", "-a", "template=scratch", "-a", "name=life")
    assert created.code == 0, created
    assert "  Planning infrastructure\n" in created.out
    assert "    Hello from life\n" in created.out
    assert json.loads(created.out[created.out.index("\n{") :])["agent_status"] == "ready"

    shown = cli.json("workspaces", "show", "life")
    assert (shown["name"], shown["status"], shown["credits"]) == ("me/life", "running", 10)
    assert shown["agents"][0]["lifecycle_state"] == "ready"
    # Elsewhere than on the workspace's machine nothing is said of its files.
    directory = Path(shown.get("directory", "nowhere"))
    assert directory.joinpath("heartbeat.pid").exists() == ("directory" in shown) == (not cli.options)

    again = cli(*tool, "create_workspace", "--json", json.dumps({"template_id": shown["template_id"]}))
    assert (again.code, again.document["status"]) == (0, "already_exists")

    assert cli(*tool, "stop_workspace", "--json", "{}").document["stopped"]
    assert cli.json("workspaces", "show", "life")["status"] == "stopped"
    assert cli.json(*tool, "start_workspace")["started"]

    deleted = cli("workspaces", "delete", "life")
    assert deleted.code == 0
    assert deleted.out.splitlines()[-1].startswith("✓ me/life deleted in ")
    assert not directory.exists()
    builds = cli.json("builds", "list", "life")
    assert [build["transition"] for build in builds] == ["delete", "start", "stop", "start"]
    log = cli("builds", "logs", "life").out
    assert [line.split(maxsplit=1)[1] for line in log.splitlines()][:2] == [
        "info  Setting up",
        "info  Planning infrastructure",
    ]


def test_a_failed_startup_script_is_told_with_its_exit_code(cli: CommandLine, tmp_path: Path) -> None:
    template = tmp_path / "failexit"
    template.mkdir()
    script = 'name = "failexit"\n[[agents]]\nname = "main"\nstartup_script = "echo about to fail; exit 7"\n'
    template.joinpath("template.toml").write_text(script)
    assert cli.inside("templates", "push", template).code == 0
    tool = ("--chat", "failexit", "tool", "call")

    created = cli(*tool, "create_workspace", "-a", "template=failexit", "-a", "name=failexit")

    assert created.code == 0, created
    assert "    about to fail\n    the start-up script ended with exit code 7\n" in created.out
    assert "warning: the start-up script failed" in created.err
    status = cli.json(*tool, "workspace_status")
    assert (status["agent_status"], status["lifecycle_state"]) == ("ready", "start_error")
    log = cli.json(*tool, "get_workspace_agent_logs", "-a", f"agent_id={status['agent_id']}")
    assert log["logs"][-1]["output"] == "the start-up script ended with exit code 7"
    assert cli("workspaces", "delete", "failexit").code == 0


def test_a_workspace_is_stopped_and_started_by_its_name(cli: CommandLine) -> None:
    words = ("-a", "template=python-dev", "-a", "name=known")
    assert cli("--chat", "known", "tool", "call", "create_workspace", *words).code == 0

    stopped = cli("workspaces", "stop", "known")
    assert (stopped.code, stopped.out.splitlines()[-1][:21]) == (0, "✓ me/known stopped in")
    assert cli("workspaces", "stop", "me/known").out == "✓ me/known is stopped already\n"

    started = cli("workspaces", "start", "known", "-p", "workers=2")
    assert (started.code, started.out.splitlines()[-1][:21]) == (0, "✓ me/known started in")
    assert cli.json("builds", "show", "known")["parameters"]["workers"] == "2"
    assert cli.json("workspaces", "start", "known")["build_number"] == 3

    assert cli.inside("workspaces", "start", "known", "-p", "nope=1").code == 1
    assert cli.json("workspaces", "show", "known")["status"] == "running"
    assert cli("workspaces", "delete", "known").code == 0


def test_a_preset_and_parameters_are_given_by_name(cli: CommandLine) -> None:
    words = (
        "-a",
        "template=python-dev",
        "-a",
        "preset=big",
        "-a",
        "parameters.package=mine",
        "-a",
        "name=big",
    )
    answer = cli.json("--chat", "preset", "tool", "call", "create_workspace", *words)

    build = cli.json("builds", "show", answer["build_id"])
    assert build["parameters"] == {"package": "mine", "size": "large", "workers": "4"}
    assert build["daily_cost"] == 35


def test_a_repeated_call_id_gets_the_first_answer(cli: CommandLine, endless: str) -> None:
    call = ("--chat", "replay", "tool", "call", "stop_workspace", "--call-id", "one")

    first, second = cli(*call), cli(*call)

    assert (first.code, first.err) == (second.code, second.err)
    assert first.err == "error: chat has no workspace; use create_workspace first\n"


def test_a_refused_build_is_the_structured_answer_and_code_1(new: CommandLine) -> None:
    assert new.inside("groups", "set-allowance", "Everyone", 5).code == 0

    ended = new("--json", "tool", "call", "create_workspace", "-a", "template=scratch")

    assert (ended.code, ended.err) == (1, "")
    assert ended.document["error_code"] == "INSUFFICIENT_QUOTA"
    assert ended.document["quota"] == {"credits_consumed": 0, "budget": 5, "cost": 10}
    assert new("quota", "show").out.splitlines()[0] == "me uses 0 of 5 credits."


def test_a_build_outlives_its_watcher_and_can_be_followed_and_canceled(
    cli: CommandLine, endless: str
) -> None:
    create = ("--chat", "watch", "tool", "call", "create_workspace", "-a", f"template={endless}")
    with cli.started(*create, "-a", "name=watched") as watcher:
        read_until(watcher, "at it")
        interrupt(watcher)
        _, err = watcher.communicate(timeout=TIME_LIMIT_SECONDS)
    assert watcher.returncode == 130
    assert err.startswith("The build goes on. Watch it with: chattool builds logs ")
    assert cli.json("builds", "show", "watched")["status"] == "running"

    with cli.started("builds", "logs", "watched", "--follow") as follower:
        read_until(follower, "at it")
        assert cli("builds", "cancel", "watched").out == "me/watched#1 is being canceled.\n"
        follower.communicate(timeout=TIME_LIMIT_SECONDS)
    assert follower.returncode == 1

    followed = cli("--json", "builds", "logs", "watched#1", "--follow")
    assert (followed.code, followed.document["status"]) == (1, "failed")
    assert "at it" in [line["output"] for line in followed.document["lines"]]


def test_who_interrupts_the_watching_learns_the_build_from_the_document(
    cli: CommandLine, endless: str
) -> None:
    create = ("--chat", "left", "tool", "call", "create_workspace", "-a", f"template={endless}")
    with cli.started("--json", *create, "-a", "name=left") as watcher:
        while "at it" not in cli.inside("builds", "logs", "left").out:
            assert watcher.poll() is None
        interrupt(watcher)
        out, _ = watcher.communicate(timeout=TIME_LIMIT_SECONDS)

    document = json.loads(out)
    assert watcher.returncode == 130
    assert (document["code"], document["error"]) == ("INTERRUPTED", "interrupted")
    assert document["build_id"] == cli.json("builds", "show", "left")["id"]
    assert f"chattool builds logs {document['build_id']} --follow" in document["message"]
    assert cli("builds", "cancel", "left").code == 0


def test_two_processes_build_on_one_file_at_the_same_time(cli: CommandLine) -> None:
    def create(chat: str) -> int:
        return cli("--chat", chat, "tool", "call", "create_workspace", "-a", "template=scratch").code

    with ThreadPoolExecutor() as threads:
        codes = list(threads.map(create, ("left", "right")))

    assert codes == [0, 0]
    assert cli.json("quota", "show")["credits_consumed"] >= 20


def test_users_have_chats_and_credits_of_their_own(cli: CommandLine) -> None:
    assert cli.inside("users", "add", "alice").out == "Added user alice.\n"
    assert cli.inside("users", "add", "alice").one_line == "error: user 'alice' exists already"

    assert {user["username"] for user in cli.json("users", "list")} >= {"me", "alice"}
    assert cli.json("--user", "alice", "quota", "show")["credits_consumed"] == 0
    assert cli.json("--user", "alice", "workspaces", "list") == []
    assert cli.inside("workspaces", "list", "--user", "bob").one_line.startswith(
        "error: no user 'bob'; add one with"
    )


@pytest.mark.parametrize("words", [["doctor"], ["migrate"], ["quota", "check"], ["groups", "list"]])
def test_looking_after_the_database_answers_in_json_too(new: CommandLine, words: list[str]) -> None:
    assert new.json(*words)


def test_the_engine_is_found_stopped_and_started(new: CommandLine) -> None:
    assert not new.json("engine", "status")["running"]
    assert new.json("engine", "run")["running"]
    assert new.json("engine", "status")["phase"] == "ready"
    assert new.json("engine", "stop") == {"outcome": "drained"}
    assert new.json("engine", "stop") == {"outcome": "not_running"}
