"""``template.toml`` is read whole, or refused with file, line and key."""

from datetime import timedelta
from pathlib import Path

import pytest

from provisioner.errors import TemplateInvalid
from provisioner.protocol import Agent
from provisioner.template_toml import Template, read_readme, read_template

WHOLE = '''
name = "dev"
display_name = "Development"
ttl = "1h30m"

[cost]
start = 20
stop = 2

[[parameters]]
name = "size"
default = "small"
[[parameters.options]]
name = "Small"
value = "small"
[[parameters.options]]
value = "large"
cost = 20

[[parameters]]
name = "disk"
type = "number"
default = 10
mutable = false
validation = { min = 1, max = 100, monotonic = "increasing" }

[[presets]]
name = "big"
default = true
parameters = { size = "large", disk = 50 }

[[variables]]
name = "token"
type = "string"
sensitive = true

[[agents]]
name = "main"
order = 1
connection_timeout_seconds = 5
startup_script = """
name = "not a key"
echo hello
"""
'''


def template_of(folder: Path, text: str) -> Template:
    (folder / "template.toml").write_text(text)
    return read_template(folder)


def test_a_whole_template_is_read(tmp_path: Path) -> None:
    template = template_of(tmp_path, WHOLE)

    size, disk = template.parameters
    assert template.ttl == timedelta(minutes=90)
    assert (template.start_cost, template.stop_cost) == (20, 2)
    assert [(option.name, option.cost) for option in size.options] == [("Small", 0), ("large", 20)]
    assert (disk.default, disk.mutable, disk.validation_min) == ("10", False, 1)
    assert template.presets[0].parameters == {"size": "large", "disk": "50"}
    assert template.variables[0].sensitive
    assert template.agents[0].connection_timeout == timedelta(seconds=5)
    assert "echo hello" in template.agents[0].startup_script


def test_a_template_without_agents_has_one(tmp_path: Path) -> None:
    assert template_of(tmp_path, 'name = "x"').agents == (Agent(name="main"),)


def test_the_readme_is_optional(tmp_path: Path) -> None:
    assert read_readme(tmp_path) == ""

    (tmp_path / "README.md").write_bytes(b"# Hi\0\xff")

    assert read_readme(tmp_path) == "# Hi\ufffd\ufffd"


def test_no_file_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(TemplateInvalid, match=r"^template.toml not found$"):
        read_template(tmp_path)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("90", timedelta(seconds=90)),
        ('"2h"', timedelta(hours=2)),
        ('"1h5s"', timedelta(hours=1, seconds=5)),
        ("0", timedelta()),
    ],
)
def test_durations(tmp_path: Path, value: str, expected: timedelta) -> None:
    assert template_of(tmp_path, f'name = "x"\nttl = {value}').ttl == expected


@pytest.mark.parametrize(
    ("text", "place", "key"),
    [
        ('name = "x"\nttl = = 3', "template.toml:2", ""),
        ('name = "x"\nttl = "soon"', "template.toml:2", '"ttl"'),
        ('name = "x"\nttl = -1', "template.toml:2", '"ttl"'),
        ('name = "x"\nttl = nan', "template.toml:2", '"ttl"'),
        ('name = "x"\nttl = ""', "template.toml:2", '"ttl"'),
        ("ttl = 1", "template.toml", '"name"'),
        ("name = 3", "template.toml:1", '"name"'),
        ('name = "x"\n\ndescripton = "y"', "template.toml:3", '"description"'),
        ('name = "x"\ncost = 3', "template.toml:2", '"cost"'),
        ('name = "x"\n[cost]\nstart = 1\nstpo = 2', "template.toml:4", '"stop"'),
        ('name = "x"\n[cost]\nstart = -1', "template.toml:3", '"cost.start"'),
        ('name = "x"\n[cost]\nstart = 99999999999999999999', "template.toml:3", '"cost.start"'),
        (WHOLE.replace("cost = 20", "cost = 2.5"), "template.toml:18", "options[1].cost"),
        (WHOLE.replace("min = 1", "least = 1"), "template.toml:25", "validation.least"),
        (WHOLE.replace('type = "number"', 'type = "int"'), "template.toml:22", "[1].type"),
        (WHOLE.replace("disk = 50", "disk = {}"), "template.toml:30", "parameters.disk"),
        (WHOLE.replace("order = 1", 'order = "1"'), "template.toml:39", "agents[0].order"),
        (WHOLE.replace('name = "main"', 'name = "a/b"'), "template.toml:38", "agents[0].name"),
        (WHOLE.replace('default = "small"', 'default = "tiny"'), "template.toml", '"tiny"'),
        (WHOLE + '[[agents]]\nname = "Main"\n', "template.toml:46", "agents[1].name"),
        ('name = "x"\nparameters = 3', "template.toml:2", '"parameters"'),
        ('name = "x"\nparameters = [3]', "template.toml:2", '"parameters[0]"'),
        ('name = "x"\n[[parameters]]\nname = ""', "template.toml:3", "name"),
        ('name = "x"\n[[parameters]]\nname = "p"\nrequired = false', "template.toml:2", "default"),
        (
            'name = "x"\n[[parameters]]\nname = "p"\nrequired = true\ndefault = ""',
            "template.toml:4",
            "require",
        ),
        ('"a.b" = 1\nname = "x"', "template.toml:1", "a.b"),
        ("\ufeff\x00", "template.toml", ""),
        ("x = " + "[" * 5000, "template.toml", ""),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, place: str, key: str) -> None:
    with pytest.raises(TemplateInvalid) as caught:
        template_of(tmp_path, text)

    assert str(caught.value).startswith(f"{place}:")
    assert key in str(caught.value)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "template.toml").write_bytes(b"\xff\xfe")

    with pytest.raises(TemplateInvalid):
        read_template(tmp_path)
