"""The order of templates, and when one is recommended."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from chattool.backend import Template
from chattool.template_ranking import Match, affinity, query_match, ranked, recommended
from db.ids import OrganizationId, TemplateId, TemplateVersionId
from db.records import TemplateUsage

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ORGANIZATION = OrganizationId(uuid4())


def a_template(name: str, *, display_name: str = "", description: str = "", number: int = 0) -> Template:
    return Template(
        id=TemplateId(UUID(int=number) if number else uuid4()),
        organization_id=ORGANIZATION,
        name=name,
        active_version_id=TemplateVersionId(uuid4()),
        display_name=display_name,
        description=description,
    )


def developers(count: int) -> TemplateUsage:
    return TemplateUsage(developers=count)


@pytest.mark.parametrize(
    ("query", "match"),
    [
        ("python-dev", Match.EQUAL),
        ("PYTHON dev", Match.EQUAL),
        ("pythondev", Match.EQUAL),
        ("Snakes & Tools", Match.EQUAL),
        ("pyth", Match.PREFIX),
        ("python_d", Match.PREFIX),
        ("snakes", Match.PREFIX),
        ("dev", Match.SUBSTRING),
        ("on d", Match.SUBSTRING),
        ("tools", Match.SUBSTRING),
        ("uv", Match.DESCRIPTION),
        ("with-UV", Match.DESCRIPTION),
        ("node", Match.NONE),
        ("*", Match.NONE),
        ("p%n", Match.NONE),
    ],
)
def test_a_query_matches_as_closely_as_it_can(query: str, match: Match) -> None:
    template = a_template("python-dev", display_name="Snakes & Tools", description="Comes with uv.")

    assert query_match(template, query) is match


def test_a_query_of_separators_alone_matches_only_itself() -> None:
    assert query_match(a_template("python"), "-") is Match.NONE
    assert query_match(a_template("python-dev"), "-") is Match.SUBSTRING


def test_an_unused_template_has_no_affinity() -> None:
    assert affinity(TemplateUsage(), NOW) == 0


def test_own_use_counts_ten_and_halves_in_two_weeks() -> None:
    used = TemplateUsage(active=2, last_used_at=NOW)
    before = TemplateUsage(active=2, last_used_at=NOW - timedelta(days=14))

    assert affinity(used, NOW) == pytest.approx(20)
    assert affinity(before, NOW) == pytest.approx(10)


def test_removed_workspaces_count_half() -> None:
    assert affinity(TemplateUsage(removed=1, last_used_at=NOW), NOW) == pytest.approx(5)


def test_a_use_in_the_future_is_one_of_now() -> None:
    used = TemplateUsage(active=1, last_used_at=NOW + timedelta(days=3))

    assert affinity(used, NOW) == pytest.approx(10)


def test_developers_count_by_their_logarithm() -> None:
    assert affinity(developers(4), NOW) == pytest.approx(math.log(5))


def test_the_match_decides_before_use_and_use_before_the_name() -> None:
    exact = a_template("go")
    used, unused, last = a_template("go-z"), a_template("go-a"), a_template("go-b")
    usage = {used.id: developers(5)}

    found = ranked([last, unused, used, exact], usage, query="go", now=NOW)

    assert [each.template.name for each in found] == ["go", "go-z", "go-a", "go-b"]


def test_equal_templates_stand_in_the_order_of_their_ids() -> None:
    twins = [a_template("twin", number=2), a_template("twin", number=1)]

    assert [each.template.id.int for each in ranked(twins, {}, query="", now=NOW)] == [1, 2]


def best(
    usage: Mapping[str, int], *, query: str = "", visible: int | None = None, usage_known: bool = True
) -> str | None:
    """The name recommended among templates with that many developers each."""
    templates = {name: a_template(name) for name in usage}
    known = {templates[name].id: developers(count) for name, count in usage.items()}
    found = ranked(templates.values(), known if usage_known else {}, query=query, now=NOW)
    seen = len(usage) if visible is None else visible
    first = recommended(found, visible=seen, query=query, usage_known=usage_known)
    return first.template.name if first else None


def test_nothing_is_recommended_where_nothing_is_found() -> None:
    assert best({}) is None
    assert best({"go": 5}, query="node", visible=1) is None


@pytest.mark.parametrize("usage_known", [True, False])
def test_the_only_visible_template_is_recommended(usage_known: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert best({"go": 0}, usage_known=usage_known) == "go"
    assert best({"go": 0}, query="g", usage_known=usage_known) == "go"


@pytest.mark.parametrize("usage_known", [True, False])
def test_a_template_alone_in_the_best_tier_is_recommended(usage_known: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert best({"go": 0, "go-web": 50}, query="go", usage_known=usage_known) == "go"
    assert best({"go": 0, "node": 50}, query="go", usage_known=usage_known) == "go"


def test_a_tie_of_a_query_is_decided_by_a_clear_lead() -> None:
    # ln 3 - ln 2 is the lead that is just enough: two developers against one.
    assert best({"go-a": 1, "go-b": 2}, query="go") == "go-b"
    assert best({"go-a": 2, "go-b": 3}, query="go") is None
    assert best({"go-a": 0, "go-b": 0}, query="go") is None


def test_without_a_query_a_template_must_be_used_enough() -> None:
    assert best({"go": 1, "node": 0}) is None
    assert best({"go": 2, "node": 1}) == "go"
    assert best({"go": 2, "node": 0}) == "go"


def test_without_a_query_a_confident_runner_up_must_be_clearly_behind() -> None:
    assert best({"go": 3, "node": 2}) is None
    assert best({"go": 4, "node": 2}) == "go"
    assert best({"go": 3, "node": 3}) is None


def test_without_known_use_ties_and_lists_are_left_to_the_user() -> None:
    assert best({"go": 50, "node": 0}, usage_known=False) is None
    assert best({"go-a": 50, "go-b": 0}, query="go", usage_known=False) is None
