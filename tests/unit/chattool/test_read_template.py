"""read_template: one template, as far as it can be read."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest

from chattool.backend import Quota
from chattool.inspection_backend import Preset
from db.errors import RequestError
from db.ids import OrganizationId, PresetId, TemplateId
from provisioner.protocol import Parameter, ParameterOption
from tests.unit.chattool.fake_inspection import TemplateContent
from tests.unit.chattool.host import Host, fields

SMALL, LARGE = PresetId(uuid4()), PresetId(uuid4())


async def read(host: Host) -> dict[str, object]:
    return fields(await host.call("read_template", template_id=str(host.template.id)))


def has(host: Host, **content: object) -> None:
    host.backend.content[host.template.active_version_id] = TemplateContent(**content)  # type: ignore[arg-type]


def version_is(host: Host, **changes: object) -> None:
    version_id = host.template.active_version_id
    host.backend.versions[version_id] = replace(host.backend.versions[version_id], **changes)  # type: ignore[arg-type]


async def test_a_bare_template_says_what_it_is_and_that_it_has_no_parameters(host: Host) -> None:
    host.backend.can_read_quota = False

    answer = await read(host)

    assert answer == {
        "template": {
            "id": str(host.template.id),
            "name": "python",
            "active_version_id": str(host.template.active_version_id),
        },
        "parameters": [],
        "parameters_note": answer["parameters_note"],
    }
    assert "recorded at template import" in str(answer["parameters_note"])


async def test_a_described_template_shows_its_readme_cleaned(host: Host) -> None:
    host.backend.templates[host.template.id] = replace(
        host.template, display_name="Python", description="For snakes."
    )
    version_is(host, readme="---\nicon: x\n---\n## Use\n\n\nIt works.")

    answer = await read(host)

    assert answer["template"] == {
        "id": str(host.template.id),
        "name": "python",
        "active_version_id": str(host.template.active_version_id),
        "display_name": "Python",
        "description": "For snakes.",
        "readme": "Use\n\nIt works.",
    }


async def test_a_long_readme_is_cut(host: Host) -> None:
    version_is(host, readme="x" * 9000)

    template = (await read(host))["template"]

    assert isinstance(template, dict)
    assert len(template["readme"]) == 8000
    assert template["readme"].endswith("…")


async def test_an_unreadable_version_only_drops_readme_and_cost(host: Host) -> None:
    has(host, parameters=[Parameter(name="size", default="1")])
    host.backend.failures["template_version"] = [RequestError(400, "broken")]

    answer = await read(host)

    assert "readme" not in str(answer["template"])
    assert "estimated_cost" not in answer
    assert len(answer["parameters"]) == 1  # type: ignore[arg-type]


async def test_a_plain_parameter_shows_only_what_it_has(host: Host) -> None:
    has(host, parameters=[Parameter(name="size")])

    assert (await read(host))["parameters"] == [
        {"name": "size", "type": "string", "required": True, "mutable": True}
    ]


async def test_a_rich_parameter_shows_everything(host: Host) -> None:
    options = (
        ParameterOption(name="Small", value="1"),
        ParameterOption(name="Large", value="2", description="fast", cost=10),
    )
    has(
        host,
        parameters=[
            Parameter(
                name="size",
                type="number",
                display_name="Size",
                description="d" * 400,
                default="1",
                mutable=False,
                ephemeral=True,
                form_type="radio",
                options=options,
                validation_regex="^[0-9]$",
                validation_min=0,
                validation_max=9,
            )
        ],
    )

    assert (await read(host))["parameters"] == [
        {
            "name": "size",
            "type": "number",
            "required": False,
            "mutable": False,
            "display_name": "Size",
            "description": "d" * 299 + "…",
            "default": "1",
            "ephemeral": True,
            "form_type": "radio",
            "options": [
                {"name": "Small", "value": "1"},
                {"name": "Large", "value": "2", "description": "fast", "cost": 10},
            ],
            "validation_regex": "^[0-9]$",
            "validation_min": 0,
            "validation_max": 9,
        }
    ]


async def test_an_empty_default_is_left_out_but_not_required(host: Host) -> None:
    has(host, parameters=[Parameter(name="branch", default="")])

    assert (await read(host))["parameters"] == [
        {"name": "branch", "type": "string", "required": False, "mutable": True}
    ]


async def test_presets_come_with_their_ids_and_values(host: Host) -> None:
    presets = [
        Preset(id=SMALL, name="small"),
        Preset(id=LARGE, name="large", default=True, description="Much.", icon="/l.svg"),
    ]
    has(host, presets=presets, preset_parameters={LARGE: {"size": "9"}})

    assert (await read(host))["presets"] == [
        {"id": str(SMALL), "name": "small", "default": False, "parameters": []},
        {
            "id": str(LARGE),
            "name": "large",
            "default": True,
            "parameters": [{"name": "size", "value": "9"}],
            "description": "Much.",
            "icon": "/l.svg",
        },
    ]


async def test_while_the_version_imports_there_are_no_parameters_yet(host: Host) -> None:
    version_is(host, importing=True)

    answer = await read(host)

    assert answer["parameters"] == []
    assert "still importing" in str(answer["parameters_note"])
    assert "template_parameters" not in host.calls


async def test_a_backend_that_evaluates_defaults_says_so(host: Host) -> None:
    host.backend.evaluates_defaults = True

    note = (await read(host))["parameters_note"]

    assert "values a build for this workspace owner uses" in str(note)


@pytest.mark.parametrize(
    ("start", "stop", "shown"),
    [(20, 5, {"start": 20, "stop": 5}), (0, None, {"start": 0}), (None, 5, {"stop": 5}), (None, None, None)],
)
async def test_the_estimated_cost_leaves_out_what_is_unknown(
    host: Host, start: int | None, stop: int | None, shown: object
) -> None:
    version_is(host, start_cost=start, stop_cost=stop)

    assert (await read(host)).get("estimated_cost") == shown


async def test_the_owners_quota_stands_next_to_the_cost(host: Host) -> None:
    host.backend.credits = Quota(credits_consumed=0, budget=-1)

    assert (await read(host))["quota"] == {"credits_consumed": 0, "budget": -1}


async def test_an_unreadable_quota_is_left_out(host: Host) -> None:
    host.backend.failures["quota"] = [RuntimeError("away")]

    answer = await read(host)

    assert "quota" not in answer
    assert answer["template"]


async def test_a_quota_that_takes_too_long_is_left_out(host: Host) -> None:
    version_is(host, start_cost=1)
    host.backend.hangs["quota"] = asyncio.Event()

    answer = await read(host)

    assert "quota" not in answer
    assert answer["estimated_cost"] == {"start": 1}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({}, "template_id is required"),
        ({"template_id": "  "}, "template_id is required"),
        ({"template_id": "python"}, "invalid template_id: 'python'"),
    ],
)
async def test_the_template_must_be_named_by_its_id(
    host: Host, arguments: dict[str, object], text: str
) -> None:
    response = await host.call("read_template", **arguments)

    assert response.is_error
    assert response.content.startswith(text)
    assert host.calls == []


@pytest.mark.parametrize("why", ["missing", "foreign", "not allowed"])
async def test_what_may_not_be_seen_does_not_exist(host: Host, why: str) -> None:
    template = host.template
    match why:
        case "missing":
            host.backend.templates.clear()
        case "foreign":
            template = host.backend.add_template(OrganizationId(uuid4()))
        case _:
            host.configure(allowed_template_ids=frozenset({TemplateId(uuid4())}))

    response = await host.call("read_template", template_id=str(template.id))

    assert (response.is_error, response.content) == (True, "template not found")


@pytest.mark.parametrize(
    ("read_name", "text"),
    [
        ("template_parameters", "failed to get template parameters: broken"),
        ("template_presets", "failed to get template presets: broken"),
        ("preset_parameters", "failed to get preset parameters: broken"),
    ],
)
async def test_a_read_that_fails_is_a_text_error(host: Host, read_name: str, text: str) -> None:
    has(host, presets=[Preset(id=SMALL, name="small")])
    host.backend.failures[read_name] = [RequestError(400, "broken")]

    response = await host.call("read_template", template_id=str(host.template.id))

    assert (response.is_error, response.content) == (True, text)
