"""What an agent finds in a state directory that nobody has set up."""

from tests.surfaces.cli.command_line import CommandLine


def test_the_first_agent_finds_a_template_and_has_the_credits_to_build_it(new: CommandLine) -> None:
    listed = new.json("tool", "call", "list_templates")
    created = new.json("tool", "call", "create_workspace", "-a", "template=scratch")

    assert [each["name"] for each in listed["templates"]] == ["python-dev", "scratch"]
    assert (created["created"], created["agent_status"]) == (True, "ready")
    assert new.json("quota", "show")["budget"] == 40


def test_what_the_owner_has_decided_before_stays(new: CommandLine) -> None:
    assert new.inside("groups", "set-allowance", "Everyone", 0).code == 0

    new.json("tool", "call", "list_templates")

    assert new.json("quota", "show")["budget"] == 0


def test_a_directory_that_has_a_template_gets_no_others(new: CommandLine) -> None:
    listed = new.json("tool", "call", "list_templates")
    before = new.json("templates", "show", "scratch")
    assert new.inside("engine", "stop").code == 0

    again = new.json("tool", "call", "list_templates")

    assert again == listed
    assert new.json("templates", "show", "scratch") == before


def test_in_the_directory_of_other_users_nothing_is_put(new: CommandLine) -> None:
    new.json("users", "first", "ana")

    listed = new.json("--user", "ana", "tool", "call", "list_templates")

    assert listed["templates"] == []
    assert "chattool templates push" in listed["next_step"]
    assert new.json("--user", "ana", "quota", "show")["budget"] == 0
