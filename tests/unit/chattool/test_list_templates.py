"""list_templates: what is visible, how it is shown, and what to do next."""

import json
import logging
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from chattool.backend import Template
from db.errors import RequestError, StoreUnavailable
from db.ids import OrganizationId, TemplateId
from db.records import TemplateUsage
from tests.unit.chattool.host import Host, fields

ASK = "Ask the user"


def names(answer: dict[str, object]) -> list[str]:
    templates = answer["templates"]
    assert isinstance(templates, list)
    return [template["name"] for template in templates]


async def listed(host: Host, **arguments: object) -> dict[str, object]:
    return fields(await host.call("list_templates", **arguments))


def add(host: Host, name: str, *, developers: int = 0) -> Template:
    template = host.backend.add_template(host.context.organization_id, name=name)
    host.backend.usage[template.id] = TemplateUsage(developers=developers)
    return template


async def test_a_bare_template_has_only_its_identity(host: Host) -> None:
    answer = await listed(host)

    assert answer["templates"] == [
        {
            "id": str(host.template.id),
            "name": "python",
            "organization_id": str(host.context.organization_id),
        }
    ]
    assert answer["page"] == 1
    assert "next_page" not in answer


async def test_a_described_and_used_template_says_so(host: Host) -> None:
    host.backend.templates.clear()
    template = host.backend.add_template(
        host.context.organization_id,
        display_name="Python",
        description="For snakes.",
        version={"readme": "# Read me\n\n![logo](logo.png)\n\nIt works.", "start_cost": 20, "stop_cost": 0},
    )
    moment = host.backend.clock.now() - timedelta(days=1)
    host.backend.usage[template.id] = TemplateUsage(active=2, removed=1, last_used_at=moment, developers=3)

    answer = await listed(host)

    assert answer["templates"] == [
        {
            "id": str(template.id),
            "name": "python",
            "organization_id": str(host.context.organization_id),
            "display_name": "Python",
            "description": "For snakes.",
            "readme_excerpt": "Read me\n\nIt works.",
            "active_developers": 3,
            "your_workspace_count": 2,
            "last_used_by_you": "2025-12-31T00:00:00Z",
            "estimated_cost": {"start": 20, "stop": 0},
        }
    ]


async def test_an_excerpt_has_a_longest_length(host: Host) -> None:
    version_id = host.template.active_version_id
    host.backend.versions[version_id] = replace(host.backend.versions[version_id], readme="x" * 2000)

    (item,) = json.loads(json.dumps((await listed(host))["templates"]))

    assert len(item["readme_excerpt"]) == 1000
    assert item["readme_excerpt"].endswith("…")


async def test_an_unreadable_version_only_drops_what_it_would_add(host: Host) -> None:
    host.backend.failures["template_version"] = [RequestError(400, "broken")]

    assert names(await listed(host)) == ["python"]


async def test_foreign_and_deprecated_templates_are_not_shown(host: Host) -> None:
    host.backend.add_template(OrganizationId(uuid4()), name="foreign")
    host.backend.add_template(host.context.organization_id, name="old", deprecated=True)

    assert names(await listed(host)) == ["python"]


async def test_a_host_may_allow_only_some_templates(host: Host) -> None:
    allowed = add(host, "allowed")
    host.configure(allowed_template_ids=frozenset({allowed.id}))

    answer = await listed(host)

    assert names(answer) == ["allowed"]
    assert answer["recommended_template_id"] == str(allowed.id)


async def test_without_any_template_the_user_is_told(host: Host) -> None:
    host.configure(allowed_template_ids=frozenset({TemplateId(uuid4())}))

    answer = await listed(host, query="python")

    assert answer["templates"] == []
    assert "There is no template" in str(answer["next_step"])
    assert "recommended_template_id" not in answer


async def test_a_query_without_a_match_is_to_be_left_out(host: Host) -> None:
    answer = await listed(host, query="node")

    assert answer["templates"] == []
    assert "without the query" in str(answer["next_step"])
    assert "recommended_template_id" not in answer


async def test_the_only_template_is_recommended(host: Host) -> None:
    answer = await listed(host)

    assert answer["recommended_template_id"] == str(host.template.id)
    assert answer["next_step"] == (
        f"Call read_template with template_id {host.template.id}, then create_workspace."
    )


async def test_where_none_stands_out_the_user_is_asked(host: Host) -> None:
    add(host, "node")

    answer = await listed(host)

    assert ASK in str(answer["next_step"])
    assert "recommended_template_id" not in answer


async def test_a_query_is_trimmed_and_finds_the_closest_first(host: Host) -> None:
    add(host, "python-web", developers=9)

    answer = await listed(host, query="  Python ")

    assert names(answer) == ["python", "python-web"]
    assert answer["recommended_template_id"] == str(host.template.id)


async def test_a_page_has_ten_templates(host: Host) -> None:
    for number in range(10):
        add(host, f"t{number}")

    first = await listed(host)
    second = await listed(host, page=2)
    third = await listed(host, page="3")

    assert (len(names(first)), first["next_page"]) == (10, 2)
    assert names(second) == ["t9"]
    assert "next_page" not in second
    assert (names(third), third["page"]) == ([], 3)
    assert third["next_step"] == "There is no page 3. The last page is 2."


@pytest.mark.parametrize("page", [0, -5, "0", 1.0])
async def test_a_page_below_the_first_is_the_first(host: Host, page: object) -> None:
    answer = await listed(host, page=page)

    assert (names(answer), answer["page"]) == (["python"], 1)


@pytest.mark.parametrize("page", ["two", 1.5, True, [1], "9" * 5000])
async def test_a_page_must_be_a_whole_number(host: Host, page: object) -> None:
    response = await host.call("list_templates", page=page)

    assert (response.is_error, response.content) == (True, "page must be a whole number")


async def test_unreadable_use_is_logged_and_counts_as_none(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    add(host, "node", developers=9)
    host.backend.failures["template_usage"] = [RequestError(403, "no")]

    with caplog.at_level(logging.WARNING):
        answer = await listed(host)

    assert names(answer) == ["node", "python"]
    assert ASK in str(answer["next_step"])
    assert [record.__dict__["action"] for record in caplog.records] == ["template_usage"]


async def test_a_listing_that_fails_is_a_text_error(host: Host) -> None:
    host.backend.failures["organization_templates"] = [RequestError(400, "broken")]

    response = await host.call("list_templates")

    assert (response.is_error, response.content) == (True, "list templates: broken")


async def test_a_moment_of_trouble_is_tried_through(host: Host) -> None:
    host.backend.failures["organization_templates"] = [StoreUnavailable("away")]

    assert names(await listed(host)) == ["python"]
