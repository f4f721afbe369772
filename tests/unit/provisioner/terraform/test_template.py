"""A module's variables, told apart by ``template.toml``, and values for them."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from db.clock import SystemClock
from db.states import Transition
from provisioner.errors import MissingParameter, TemplateInvalid
from provisioner.protocol import Request
from provisioner.provisioners.terraform.template import TerraformTemplate, combined, fingerprint
from provisioner.provisioners.terraform.variables import Declaration, VariableInvalid, read_declarations
from tests.terraform_requests import WORKSPACE

MODULE = """
variable "region" {
  type        = string
  description = <<-EOT
    Where it "runs".
  EOT
  validation {
    condition     = length(var.region) == 2
    error_message = "Two letters."
  }
}
variable "cpus" {
  type    = number
  default = 2
}
variable "zones" {
  type    = list(string)
  default = ["a", "b"]
}
variable "labels" {
  type    = map(object({ a = string, b = optional(number, 3) }))
  default = { x = { a = "1" } }
}
variable "key" {
  sensitive = true
  default   = "hunter22"
}
variable "free" {}
variable "none" { default = null }
variable "chattool_build_id" { type = string }
"""
TOML = """
name = "tf"
[cost]
start = 5
stop = 1
[[parameters]]
name = "region"
options = [{ value = "eu", cost = 2 }, { value = "us" }]
[[parameters]]
name = "cpus"
type = "number"
validation = { min = 1 }
[[parameters]]
name = "zones"
[[presets]]
name = "Big"
parameters = { cpus = 8 }
"""


Combine = Callable[[str], TerraformTemplate]


@pytest.fixture(scope="module")
def declarations(tmp_path_factory: pytest.TempPathFactory) -> tuple[Declaration, ...]:
    """The module's variables, read once: it takes a program of its own."""
    folder = tmp_path_factory.mktemp("module")
    (folder / "main.tf").write_text(MODULE)
    return asyncio.run(read(folder))


@pytest.fixture
def template(declarations: tuple[Declaration, ...], tmp_path: Path) -> Combine:
    """The module together with a ``template.toml``."""

    def combine(toml: str = "") -> TerraformTemplate:
        if toml:
            (tmp_path / "template.toml").write_text(toml)
        return combined(declarations, tmp_path)

    return combine


async def read(folder: Path) -> tuple[Declaration, ...]:
    return await read_declarations(folder, folder, os.environ, clock=SystemClock())


def start(parameters: dict[str, str] | None = None, **variables: str) -> Request:
    return Request(
        transition=Transition.START, workspace=WORKSPACE, parameters=parameters or {}, variables=variables
    )


def test_variables_are_read_with_types_defaults_and_descriptions(template: Combine) -> None:
    found = template("")

    variables = {variable.name: variable for variable in found.parse_result("").variables}
    assert list(variables) == ["region", "cpus", "zones", "labels", "key", "free", "none"]
    assert (variables["region"].description, variables["region"].required) == ('Where it "runs".', True)
    assert (variables["cpus"].type, variables["cpus"].default) == ("number", "2")
    assert (variables["zones"].type, variables["zones"].default) == ("list(string)", '["a", "b"]')
    assert variables["labels"].type == "map(object({a = string, b = optional(number, 3)}))"
    assert (variables["key"].sensitive, variables["free"].type) == (True, "any")
    assert not variables["none"].required
    assert found.parameters == ()


def test_listed_variables_are_parameters_that_know_what_the_module_says(template: Combine) -> None:
    found = template(TOML)

    region, cpus, zones = found.parameters
    assert (region.required, region.description, region.validation_error) == (
        True,
        'Where it "runs".',
        "Two letters.",
    )
    assert (cpus.type, cpus.default, cpus.validation_min) == ("number", "2", 1)
    assert (zones.type, zones.default) == ("list(string)", '["a", "b"]')
    assert [variable.name for variable in found.variables] == ["labels", "key", "free", "none"]


def test_values_are_written_as_their_types_need_them(template: Combine) -> None:
    found = template(TOML)
    given = start({"region": "eu", "zones": '["c"]'}, labels='{"y": {"a": "2"}}', free="text", none="null")

    assert found.values(given) == {
        "labels": {"y": {"a": "2"}},
        "free": "text",
        "region": "eu",
        "zones": ["c"],
    }


def test_a_value_that_is_no_json_where_json_is_needed_is_refused(template: Combine) -> None:
    found = template(TOML)

    with pytest.raises(VariableInvalid):
        found.values(start({"region": "eu"}, labels="a=b"))


def test_a_start_needs_every_required_parameter_and_nothing_else_does(template: Combine) -> None:
    found = template(TOML)

    with pytest.raises(MissingParameter):
        found.values(start())
    assert found.values(Request(transition=Transition.START))["region"] == "eu"
    assert found.values(Request(transition=Transition.STOP, workspace=WORKSPACE))["region"] == "eu"


def test_a_wrong_parameter_is_a_problem_of_a_start_only(template: Combine) -> None:
    found = template(TOML)

    assert found.problem(start({"region": "xx"})) == 'parameter "region": The value must be one of: eu, us.'
    assert found.problem(start({"region": "eu"})) == ""
    assert (
        found.problem(Request(transition=Transition.STOP, workspace=WORKSPACE, parameters={"cpus": "x"}))
        == ""
    )


@pytest.mark.parametrize(
    ("transition", "cost"), [(Transition.START, 7), (Transition.STOP, 1), (Transition.DELETE, 0)]
)
def test_template_toml_may_add_costs(template: Combine, transition: Transition, cost: int) -> None:
    found = template(TOML)

    assert found.cost(Request(transition=transition, parameters={"region": "eu"})) == cost


def test_sensitive_values_are_secrets(template: Combine) -> None:
    found = template("")

    secrets = set(found.secrets(start(key="given", free="open")))

    assert {"given", "hunter22"} <= secrets
    assert "open" not in secrets


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('name = "x"\n[[parameters]]\nname = "nobody"', 'parameter "nobody" is no variable'),
        ('name = "x"\n[[variables]]\nname = "free"', "declared in its .tf files"),
        ('name = "x"\n[[agents]]\nname = "other"', 'output "agents"'),
        ('name = "x"\n[[parameters]]\nname = "cpus"\ndefault = "many"', 'default "many"'),
        ("name = ?\n", "template.toml:1"),
    ],
)
def test_a_toml_that_does_not_fit_the_module_is_refused(template: Combine, toml: str, words: str) -> None:
    with pytest.raises(TemplateInvalid) as raised:
        template(toml)

    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b'variable "x" {\n  type = string\n  default =\n}\n', "main.tf:3"),
        (b'variable "x" {\n', "main.tf:2"),
        (b"\xff\xfe", "main.tf"),
        (b"x = " + b"[" * 5000 + b"]" * 5000, "main.tf"),
        (b"#" * (1 << 20) + b"##", "main.tf"),
    ],
    ids=["expression", "brace", "bytes", "nesting", "size"],
)
async def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes, place: str) -> None:
    (tmp_path / "main.tf").write_bytes(content)

    with pytest.raises(TemplateInvalid) as raised:
        await read(tmp_path)

    assert str(raised.value).startswith(place)


async def test_json_modules_and_overrides_are_read(tmp_path: Path) -> None:
    (tmp_path / "vars.tf.json").write_text('{"variable": {"a": {"type": "string"}, "b": {"default": 1}}}')
    (tmp_path / "a_override.tf").write_text('variable "a" {\n  default = "x"\n}\n')

    found = await read(tmp_path)

    assert [(d.name, d.type, d.default) for d in found] == [("a", "string", "x"), ("b", "", "1")]


def test_the_fingerprint_follows_every_file_that_matters(tmp_path: Path) -> None:
    seen = set()
    for name in ("main.tf", "more.tf", "template.toml", "x.tf.json"):
        (tmp_path / name).write_text("")
        seen.add(fingerprint(tmp_path))
    (tmp_path / "script.sh").write_text("")
    assert fingerprint(tmp_path) in seen
    (tmp_path / "main.tf").write_text(" ")
    seen.add(fingerprint(tmp_path))

    assert len(seen) == 5
