"""spec: arguments, and the coercions that are the same on every surface."""

import json
from collections.abc import Mapping
from datetime import timedelta

import pytest

from chattool.arguments import CreateWorkspaceArgs, StopWorkspaceArgs, ToolArgs, parsed, wait_bound
from db.errors import ToolInputError

TEMPLATE = "7b0f0f2e-0000-4000-8000-000000000000"


def create(**given: object) -> CreateWorkspaceArgs:
    return parsed(CreateWorkspaceArgs, {"template_id": TEMPLATE, **given})


def refusal(given: Mapping[str, object] | str | None) -> str:
    with pytest.raises(ToolInputError) as caught:
        parsed(CreateWorkspaceArgs, given)
    return str(caught.value)


def test_arguments_may_be_an_object_or_json_text_of_one() -> None:
    given = {"template_id": TEMPLATE, "name": "dev"}

    assert parsed(CreateWorkspaceArgs, json.dumps(given)) == parsed(CreateWorkspaceArgs, given)


@pytest.mark.parametrize("nothing", [None, "", "  ", {}, "null"])
def test_arguments_may_be_left_out(nothing: Mapping[str, object] | str | None) -> None:
    assert parsed(StopWorkspaceArgs, nothing) == StopWorkspaceArgs()


@pytest.mark.parametrize("text", ["[1]", '"x"', "{", "[" * 100_000, "1"])
def test_arguments_that_are_no_object_are_refused(text: str) -> None:
    assert refusal(text) == "the arguments must be one JSON object"


class _Paths(ToolArgs):
    paths: list[str] | None = None


@pytest.mark.parametrize("paths", [["a", "b"], '["a", "b"]'])
def test_a_list_may_be_json_text_of_one(paths: object) -> None:
    assert parsed(_Paths, {"paths": paths}).paths == ["a", "b"]


@pytest.mark.parametrize("paths", ["a, b", "[" * 100_000, "{}"])
def test_text_that_is_no_list_is_refused(paths: str) -> None:
    with pytest.raises(ToolInputError):
        parsed(_Paths, {"paths": paths})


def test_very_long_arguments_are_refused() -> None:
    assert refusal(" " * ((1 << 20) + 1)) == "the arguments are too long"


def test_null_means_left_out() -> None:
    assert create(name=None, preset_id=None, wait_seconds=None, parameters=None) == create()


def test_texts_are_trimmed_and_parameter_values_are_not() -> None:
    args = create(template_id=f" {TEMPLATE}\n", name=" dev ", parameters={"script": " a\n"})

    assert (args.template_id, args.name) == (TEMPLATE, "dev")
    assert args.parameters == {"script": " a\n"}


def test_a_missing_template_id_says_where_to_get_one() -> None:
    assert refusal({}) == "template_id is required; call list_templates"


def test_unknown_arguments_are_refused_by_name_and_told_what_there_is() -> None:
    known = "template_id, name, parameters, preset_id, wait_seconds"

    assert refusal({"template_id": TEMPLATE, "size": 3}) == f'unknown argument "size"; there are: {known}'


def test_every_problem_has_a_sentence_and_no_value_is_echoed() -> None:
    text = refusal({"size": "s3cret", "parameters": "s3cret", "preset_id": ["s3cret"]})

    assert 'unknown argument "size"' in text
    assert "template_id is required" in text
    assert "parameters must map names to strings" in text
    assert "preset_id must be text" in text
    assert "s3cret" not in text


@pytest.mark.parametrize(
    "given",
    [
        {"size": "big", "count": 3, "ratio": 0.5, "gpu": True},
        '{"size": "big", "count": 3, "ratio": 0.5, "gpu": true}',
        [
            {"name": "size", "value": "big"},
            {"name": "count", "value": 3},
            {"name": "ratio", "value": 0.5},
            {"name": "gpu", "value": True},
        ],
        """[{"name": "size", "value": "big"}, {"name": "count", "value": 3},
            {"name": "ratio", "value": 0.5}, {"value": true, "name": "gpu"}]""",
    ],
)
def test_parameters_come_as_map_or_list_or_json_text_of_either(given: object) -> None:
    expected = {"size": "big", "count": "3", "ratio": "0.5", "gpu": "true"}

    assert create(parameters=given).parameters == expected


@pytest.mark.parametrize("nothing", [{}, [], "", " ", "{}", "[]"])
def test_parameters_may_be_empty(nothing: object) -> None:
    assert create(parameters=nothing).parameters == {}


@pytest.mark.parametrize(
    "given",
    [
        [{"name": "a", "value": "1"}, {"name": "a", "value": "2"}],
        '{"a": "1", "a": "2"}',
        '[{"name": "a", "name": "b", "value": "2"}]',
        [{"name": "a"}],
        [{"name": "a", "value": "1", "more": 1}],
        [{"name": 1, "value": "1"}],
        ["a=1"],
        {"a": None},
        {"a": ["1"]},
        {"a": float("nan")},
        {"a": 10**5000},
        "a=1",
        "[" * 100_000,
        7,
    ],
)
def test_any_other_form_of_parameters_is_refused(given: object) -> None:
    assert refusal({"template_id": TEMPLATE, "parameters": given}) == "parameters must map names to strings"


@pytest.mark.parametrize(("given", "seconds"), [(0, 0), (2.5, 2.5), ("30", 30), ("1.5", 1.5), (-3, 0)])
def test_wait_seconds_is_a_number_or_its_text_and_never_negative(given: object, seconds: float) -> None:
    assert create(wait_seconds=given).wait_seconds == seconds


def test_an_endless_wait_is_cut() -> None:
    assert wait_bound(create(wait_seconds=1e300).wait_seconds) == timedelta(days=365)


@pytest.mark.parametrize("given", ["soon", float("nan"), float("inf"), True, [3], 10**400])
def test_wait_seconds_that_is_no_number_is_refused(given: object) -> None:
    text = refusal({"template_id": TEMPLATE, "wait_seconds": given})

    assert text == "wait_seconds must be a number of seconds, 0 or more"


@pytest.mark.parametrize("given", [5, True, ["a"], {"a": 1}, 1.5, "\ud800"])
def test_a_name_is_never_an_argument_error(given: object) -> None:
    assert isinstance(create(name=given).name, str)
