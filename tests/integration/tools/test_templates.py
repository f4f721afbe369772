"""Templates on a real engine: found, read, and built with parameters and presets."""

from typing import Any

from sqlalchemy import update

from db import builds
from db.states import Transition
from db.tables import templates as template_table
from tests.integration.tools.engine_host import EngineHost, costing, fields

PARAMETERS = [
    {"name": "size", "type": "number", "default": "1", "validation": {"min": 1, "max": 9}},
    {"name": "region", "default": "eu", "mutable": False},
]
PRESETS = [
    {"name": "large", "parameters": {"size": "9"}},
    {"name": "far", "default": True, "parameters": {"size": "5", "region": "us"}},
]
REQUIRE_ACTIVE_VERSION = update(template_table).values(require_active_version=True)


async def read(host: EngineHost, template_id: object) -> dict[str, Any]:
    return fields(await host.call("read_template", {"template_id": str(template_id)}))


async def rich_template(host: EngineHost) -> str:
    plan = {"cost": 20, "parameters": PARAMETERS, "presets": PRESETS}
    template = await host.template(start_plan=plan, start_apply={}, stop_apply=costing(5))
    return str(template.id)


async def preset_id(host: EngineHost, template_id: str, name: str) -> str:
    presets = (await read(host, template_id))["presets"]
    return str(next(preset["id"] for preset in presets if preset["name"] == name))


async def test_the_only_template_is_found_and_recommended(host: EngineHost) -> None:
    template = await host.template(
        parse={"readme": "# Demo\n\nIt works."}, start_apply=costing(20), stop_apply=costing(5)
    )

    answer = fields(await host.call("list_templates"))

    assert answer == {
        "templates": [
            {
                "id": str(template.id),
                "name": "demo",
                "organization_id": str(host.engine.organization.id),
                "readme_excerpt": "Demo\n\nIt works.",
                "estimated_cost": {"start": 20, "stop": 5},
            }
        ],
        "page": 1,
        "next_step": answer["next_step"],
        "recommended_template_id": str(template.id),
    }


async def test_the_template_one_uses_comes_first(host: EngineHost) -> None:
    await host.template("aaa")
    used = await host.template("zzz")
    undecided = fields(await host.call("list_templates"))
    await host.create(used)

    answer = fields(await host.call("list_templates"))

    assert "recommended_template_id" not in undecided
    assert answer["recommended_template_id"] == str(used.id)
    first = answer["templates"][0]
    assert (first["name"], first["your_workspace_count"], first["active_developers"]) == ("zzz", 1, 1)
    assert first["last_used_by_you"]


async def test_an_organization_without_templates_says_so(host: EngineHost) -> None:
    answer = fields(await host.call("list_templates"))

    assert answer["templates"] == []
    assert answer["next_step"]


async def test_a_template_is_read_with_its_cost_next_to_the_quota(host: EngineHost) -> None:
    template_id = await rich_template(host)
    await host.create(await host.template("other", start_apply=costing(15)), chat="other")

    answer = await read(host, template_id)

    assert answer["estimated_cost"] == {"start": 20, "stop": 5}
    assert answer["quota"] == {"credits_consumed": 15, "budget": 40}
    assert [parameter["name"] for parameter in answer["parameters"]] == ["size", "region"]
    assert answer["parameters"][0]["validation_max"] == 9
    assert [preset["name"] for preset in answer["presets"]] == ["large", "far"]


async def test_a_preset_and_parameters_flow_into_the_build(host: EngineHost) -> None:
    template_id = await rich_template(host)
    far = await preset_id(host, template_id, "far")
    arguments = {"template_id": template_id, "preset_id": far, "parameters": {"size": 7}}

    answer = fields(await host.call("create_workspace", arguments))

    assert answer["created"] is True
    assert await host.parameters() == {"size": "7", "region": "us"}
    assert str((await host.engine.store.read(builds.build, (await host.build()).id)).preset_id) == far


async def test_without_any_values_the_defaults_hold(host: EngineHost) -> None:
    await host.call("create_workspace", {"template_id": await rich_template(host)})

    assert await host.parameters() == {"size": "1", "region": "eu"}


async def test_an_unknown_preset_is_a_structured_refusal(host: EngineHost) -> None:
    template_id = await rich_template(host)

    answer = fields(
        await host.call("create_workspace", {"template_id": template_id, "preset_id": template_id})
    )

    assert answer["error"] == "Unknown preset."
    assert [each["field"] for each in answer["validations"]] == ["template_version_preset_id"]


async def test_a_start_keeps_what_it_is_not_given(host: EngineHost) -> None:
    template_id = await rich_template(host)
    far = await preset_id(host, template_id, "far")
    await host.call("create_workspace", {"template_id": template_id, "preset_id": far})
    await host.stop()

    answer = await host.start(parameters={"size": "2"})

    assert answer["started"] is True
    assert await host.parameters() == {"size": "2", "region": "us"}


async def test_an_immutable_parameter_stays(host: EngineHost) -> None:
    template_id = await rich_template(host)
    await host.call("create_workspace", {"template_id": template_id})
    await host.stop()

    refused = await host.start(parameters={"region": "us"})
    same = await host.start(parameters={"region": "eu"})

    assert [each["field"] for each in refused["validations"]] == ["region"]
    assert refused["template_id"] == template_id
    assert same["started"] is True
    assert await host.parameters() == {"size": "1", "region": "eu"}


async def test_a_start_reports_that_it_went_to_the_active_version(host: EngineHost) -> None:
    await host.create(await host.template())
    await host.stop()
    template = await host.template(start_apply=costing(5))
    await host.engine.store.write(lambda conn: conn.run(REQUIRE_ACTIVE_VERSION))

    answer = await host.start()

    assert answer["updated_to_active_version"] is True
    assert answer["update_reason"] == "template requires active versions"
    assert "updated to the active template version" in answer["message"]
    assert (await host.build()).template_version_id == template.active_version_id


async def test_a_failed_create_is_built_again_with_the_new_preset(host: EngineHost) -> None:
    plan = {"cost": 50, "parameters": PARAMETERS, "presets": PRESETS}
    template = await host.template(start_plan=plan, start_apply={})
    refused = await host.create(template)
    await host.engine.set_allowance("Everyone", 50)
    large = await preset_id(host, str(template.id), "large")

    answer = await host.create(template, preset_id=large)

    assert refused["error_code"] == "INSUFFICIENT_QUOTA"
    assert answer["status"] == "rebuilt"
    assert await host.parameters() == {"size": "9", "region": "eu"}
    assert (await host.build()).transition is Transition.START
