"""Cost, resources, agents and outputs, read from the JSON of plans and states."""

import json
from collections.abc import Mapping

import pytest

from provisioner.protocol import Agent, Resource
from provisioner.provisioners.terraform.plan import OutputInvalid, existing, planned, sensitive_texts
from provisioner.provisioners.terraform.untrusted_json import TerraformAnswerInvalid, document

Json = Mapping[str, object]


def resource(kind: str, label: str = "x", mode: str = "managed", **values: object) -> dict[str, object]:
    address = f"{kind}.{label}"
    return {"address": address, "mode": mode, "type": kind, "name": label, "values": values}


def plan(*resources: Json, outputs: Json | None = None, **more: object) -> Json:
    values = {"outputs": outputs or {}, "root_module": {"resources": resources}}
    return document(json.dumps({"planned_values": values, **more}).encode())


def state(*resources: Json, outputs: Json | None = None) -> Json:
    values = {"outputs": outputs or {}, "root_module": {"resources": resources}}
    return document(json.dumps({"values": values}).encode())


def output(value: object, *, sensitive: bool = False) -> Json:
    return {"value": value, "sensitive": sensitive}


def test_the_cost_is_the_sum_over_all_modules_and_the_output() -> None:
    inner = {"resources": [resource("coder_metadata", "b", daily_cost=20)]}
    values = {
        "outputs": {"daily_cost": output(3)},
        "root_module": {
            "resources": [resource("coder_metadata", "a", daily_cost=10)],
            "child_modules": [{"child_modules": [inner]}],
        },
    }

    assert planned(document(json.dumps({"planned_values": values}).encode())).cost == 33


def test_data_of_the_prior_state_counts_and_resources_to_be_destroyed_do_not() -> None:
    prior = {
        "values": {
            "root_module": {
                "resources": [
                    resource("coder_metadata", "known", mode="data", daily_cost=7),
                    resource("coder_metadata", "leaving", daily_cost=100),
                ]
            }
        }
    }

    assert planned(plan(prior_state=prior)).cost == 7


@pytest.mark.parametrize(("value", "cost"), [(10, 10), (10.01, 11), (0, 0), (-5, 0), (None, 0)])
def test_fractions_round_up_and_nothing_costs_less_than_nothing(value: object, cost: int) -> None:
    assert planned(plan(outputs={"daily_cost": output(value)})).cost == cost


def test_fractions_are_added_before_they_are_rounded() -> None:
    found = planned(plan(resource("coder_metadata", daily_cost=0.1), outputs={"daily_cost": output(0.2)}))

    assert found.cost == 1


@pytest.mark.parametrize("value", ["10", True, [10], {"a": 1}])
def test_a_cost_that_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(OutputInvalid) as raised:
        planned(plan(outputs={"daily_cost": output(value)}))

    assert str(raised.value) == 'output "daily_cost" is not a number'


@pytest.mark.parametrize("text", ["1e400000000", "99999999999999999999"])
def test_a_cost_beyond_every_quota_is_refused(text: str) -> None:
    found = document(f'{{"planned_values": {{"outputs": {{"daily_cost": {{"value": {text}}}}}}}}}'.encode())

    with pytest.raises(OutputInvalid):
        planned(found)


def test_costs_that_are_not_known_yet_are_named_and_count_nothing() -> None:
    found = planned(
        plan(
            resource("coder_metadata", "a"),
            outputs={"daily_cost": {"sensitive": False}},
            resource_changes=[
                {
                    "address": "coder_metadata.a",
                    "type": "coder_metadata",
                    "change": {"after_unknown": {"daily_cost": True}},
                }
            ],
            output_changes={"daily_cost": {"after_unknown": True}},
        )
    )

    assert (found.cost, found.unknown_costs) == (0, ("coder_metadata.a", "output.daily_cost"))


def test_resources_are_listed_without_data_and_without_facts_about_them() -> None:
    found = planned(
        plan(
            resource("aws_instance", "dev"),
            resource("aws_ami", "image", mode="data"),
            resource("coder_metadata", "about"),
        )
    )

    assert [(r.type, r.name) for r in found.resources] == [("aws_instance", "dev")]


def test_facts_are_joined_with_their_resource_and_secret_ones_are_masked() -> None:
    about = resource(
        "coder_metadata",
        "about",
        resource_id="i-1",
        daily_cost=12,
        hide=True,
        icon="/i.svg",
        item=[{"key": "zone", "value": "a"}, {"key": "key", "value": "hunter22", "sensitive": True}],
    )

    (found,) = existing(state(resource("aws_instance", "dev", id="i-1"), about))

    assert (found.daily_cost, found.hide, found.icon) == (12, True, "/i.svg")
    assert [(item.key, item.value, item.sensitive) for item in found.metadata] == [
        ("zone", "a", False),
        ("key", "********", True),
    ]


def test_agents_come_from_an_output() -> None:
    agents = [{"name": "main", "order": 2, "startup_script": "true", "other": 1}, {"name": "dev"}]

    (found,) = existing(state(outputs={"agents": output(agents), "daily_cost": output(9)}))

    assert found == Resource(
        type="terraform_output",
        name="outputs",
        daily_cost=9,
        agents=(Agent(name="main", order=2, startup_script="true"), Agent(name="dev")),
    )


@pytest.mark.parametrize(
    "value",
    ["main", 3, [{"order": 1}], [{"name": ""}], [{"name": "a/b"}], [{"name": "a"}, {"name": "A"}], [1]],
)
def test_agents_that_cannot_be_are_refused(value: object) -> None:
    with pytest.raises(OutputInvalid):
        existing(state(outputs={"agents": output(value)}))


def test_agents_of_the_coder_provider_bring_their_own_token() -> None:
    (found,) = existing(state(resource("coder_agent", "main", token="t-1", connection_timeout=60)))  # noqa: S106 - not one of anybody's

    (agent,) = found.agents
    assert (agent.name, agent.token, agent.connection_timeout.total_seconds()) == ("main", "t-1", 60)


def test_other_outputs_are_recorded_and_secret_ones_masked() -> None:
    (found,) = existing(
        state(outputs={"url": output("http://x"), "list": output([1]), "key": output("k", sensitive=True)})
    )

    assert [(item.key, item.value, item.sensitive) for item in found.metadata] == [
        ("key", "********", True),
        ("list", "[1]", False),
        ("url", "http://x", False),
    ]


def test_secret_outputs_are_found_to_their_last_text() -> None:
    outputs = {"a": output({"x": ["one", 2]}, sensitive=True), "b": output("open")}

    assert sorted(sensitive_texts({"outputs": outputs})) == ["2", "one"]


def test_parameters_and_presets_of_the_coder_provider_are_read() -> None:
    prior = {
        "values": {
            "root_module": {
                "resources": [
                    resource(
                        "coder_parameter",
                        mode="data",
                        order=2,
                        name="cpus",
                        type="number",
                        default="2",
                        mutable=True,
                        optional=True,
                        validation=[{"min": 1, "max": 0, "max_disabled": True, "monotonic": "increasing"}],
                    ),
                    resource(
                        "coder_parameter",
                        mode="data",
                        order=1,
                        name="region",
                        type="string",
                        optional=False,
                        default="",
                        option=[{"name": "Europe", "value": "eu"}],
                    ),
                    resource("coder_workspace_preset", mode="data", name="Big", parameters={"cpus": "8"}),
                ]
            }
        }
    }

    found = planned(plan(prior_state=prior))

    region, cpus = found.parameters
    assert (region.name, region.required, region.options[0].value) == ("region", True, "eu")
    assert (cpus.default, cpus.validation_min, cpus.validation_max, cpus.mutable) == ("2", 1, None, True)
    assert cpus.validation_monotonic == "increasing"
    assert [(preset.name, preset.parameters) for preset in found.presets] == [("Big", {"cpus": "8"})]


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_an_answer_that_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(TerraformAnswerInvalid):
        document(data)


@pytest.mark.parametrize("odd", [None, 1, "x", [1], {"root_module": 3}, {"outputs": [], "root_module": []}])
def test_an_odd_shape_reads_as_nothing(odd: object) -> None:
    found = planned({"planned_values": odd, "prior_state": odd, "resource_changes": odd})

    assert (found.cost, found.resources) == (0, ())
