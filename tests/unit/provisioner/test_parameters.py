"""Values of parameters, and templates that contradict themselves."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.states import Transition
from provisioner.documents import parameter_from, preset_from, to_document, variable_from
from provisioner.parameters import VALUE_LIMIT_BYTES, contradiction, start_cost, validated, value_problem
from provisioner.protocol import Parameter, ParameterOption, Preset, Variable

SIZES = (
    ParameterOption(name="Small", value="small"),
    ParameterOption(name="Large", value="large", cost=20),
)
SIZE = Parameter(name="size", default="small", options=SIZES)
REGION = Parameter(name="region", mutable=False)
TOPICS = Parameter(name="topics", type="list(string)", default="[]", options=SIZES)


def values_of(
    parameter: Parameter,
    given: dict[str, str],
    previous: dict[str, str] | None = None,
    transition: Transition = Transition.START,
) -> dict[str, str]:
    values, validations = validated(
        [parameter], given, previous or {}, first_build=previous is None, transition=transition
    )
    assert not validations
    return values


def fields_refused(
    parameter: Parameter,
    given: dict[str, str],
    previous: dict[str, str] | None = None,
    transition: Transition = Transition.START,
) -> list[str]:
    _, validations = validated(
        [parameter], given, previous or {}, first_build=previous is None, transition=transition
    )
    assert all(validation.detail for validation in validations)
    return [validation.field for validation in validations]


def test_given_beats_previous_beats_default() -> None:
    assert values_of(SIZE, {}) == {"size": "small"}
    assert values_of(SIZE, {}, {"size": "large"}) == {"size": "large"}
    assert values_of(SIZE, {"size": "small"}, {"size": "large"}) == {"size": "small"}


def test_an_ephemeral_value_is_not_inherited() -> None:
    parameter = Parameter(name="once", default="no", ephemeral=True)

    assert values_of(parameter, {}, {"once": "yes"}) == {"once": "no"}


def test_values_of_parameters_that_the_template_lost_are_dropped() -> None:
    assert values_of(SIZE, {}, {"old": "x"}) == {"size": "small"}


def test_an_unknown_name_is_refused() -> None:
    assert fields_refused(SIZE, {"colour": "red"}) == ["colour"]


def test_each_parameter_has_one_validation() -> None:
    _, validations = validated(
        [SIZE, REGION], {"size": "x", "y": "z"}, {}, first_build=True, transition=Transition.START
    )

    assert sorted(validation.field for validation in validations) == ["region", "size", "y"]


def test_a_required_value_may_be_missing_only_where_nothing_starts() -> None:
    assert fields_refused(REGION, {}) == ["region"]
    assert values_of(REGION, {}, {}, Transition.STOP) == {}
    assert values_of(REGION, {}, {}, Transition.DELETE) == {}


@pytest.mark.parametrize("transition", [Transition.STOP, Transition.DELETE])
def test_an_inherited_value_never_keeps_a_workspace_running(transition: Transition) -> None:
    assert values_of(SIZE, {}, {"size": "gone"}, transition) == {"size": "gone"}
    assert fields_refused(SIZE, {}, {"size": "gone"}) == ["size"]


def test_an_immutable_value_is_set_once() -> None:
    assert fields_refused(REGION, {"region": "b"}, {"region": "a"}) == ["region"]
    assert values_of(REGION, {"region": "a"}, {"region": "a"}) == {"region": "a"}
    assert values_of(REGION, {"region": "b"}, {}) == {"region": "b"}


def test_an_immutable_value_that_the_template_no_longer_takes_may_be_changed() -> None:
    parameter = Parameter(name="size", mutable=False, options=SIZES)

    assert values_of(parameter, {"size": "small"}, {"size": "gone"}) == {"size": "small"}


@pytest.mark.parametrize(
    ("order", "value", "allowed"),
    [
        ("increasing", "9", False),
        ("increasing", "10", True),
        ("increasing", "11", True),
        ("decreasing", "11", False),
        ("decreasing", "9.5", True),
    ],
)
def test_a_monotonic_number_moves_one_way(order: str, value: str, *, allowed: bool) -> None:
    parameter = Parameter(name="disk", type="number", validation_monotonic=order)
    refused = fields_refused(parameter, {"disk": value}, {"disk": "10"})

    assert refused == ([] if allowed else ["disk"])


@pytest.mark.parametrize(
    ("parameter", "value", "allowed"),
    [
        (Parameter(name="p", type="number"), "3", True),
        (Parameter(name="p", type="number"), "-3.25", True),
        (Parameter(name="p", type="number"), "", False),
        (Parameter(name="p", type="number"), "1e3", False),
        (Parameter(name="p", type="number"), "NaN", False),
        (Parameter(name="p", type="number"), "٣", False),
        (Parameter(name="p", type="number"), "9" * 100, False),
        (Parameter(name="p", type="number", validation_min=2), "1", False),
        (Parameter(name="p", type="number", validation_min=2, validation_max=4), "4", True),
        (Parameter(name="p", type="number", validation_max=4), "4.01", False),
        (Parameter(name="p", type="bool"), "true", True),
        (Parameter(name="p", type="bool"), "True", False),
        (Parameter(name="p", type="list(string)"), '["a", "b"]', True),
        (Parameter(name="p", type="list(string)"), "a,b", False),
        (Parameter(name="p", type="list(string)"), "[1]", False),
        (Parameter(name="p", type="list(string)"), "[" * 5000, False),
        (Parameter(name="p", validation_regex="^[a-z]+$"), "abc", True),
        (Parameter(name="p", validation_regex="^[a-z]+$"), "abc1", False),
        (Parameter(name="p"), "", True),
        (Parameter(name="p"), "x" * 8192, True),
        (Parameter(name="p"), "é" * 4097, False),
        (Parameter(name="p"), "a\x00b", False),
        (Parameter(name="p"), "a\ud800b", False),
        (SIZE, "medium", False),
        (TOPICS, '["small", "large"]', True),
        (TOPICS, '["small", "medium"]', False),
    ],
)
def test_a_value_follows_type_options_and_rules(parameter: Parameter, value: str, *, allowed: bool) -> None:
    assert (value_problem(parameter, value) == "") is allowed


def test_the_template_may_word_its_own_refusal() -> None:
    parameter = Parameter(name="p", validation_regex="^a", validation_error="Begin with an a.")

    assert value_problem(parameter, "b") == "Begin with an a."


@given(
    kind=st.sampled_from(["string", "number", "bool", "list(string)", "unheard of"]),
    value=st.text(st.characters(codec=None)),
)
def test_no_value_breaks_the_check(kind: str, value: str) -> None:
    value_problem(Parameter(name="p", type=kind, validation_min=1), value)


def test_chosen_options_cost() -> None:
    assert start_cost([SIZE, REGION], {}) == 0
    assert start_cost([SIZE, REGION], {"size": "large"}) == 20
    assert start_cost([TOPICS], {"topics": '["small", "large"]'}) == 20


def test_a_sound_template_has_no_contradiction() -> None:
    presets = [Preset(name="big", parameters={"size": "large"}, default=True), Preset(name="b")]

    assert contradiction([SIZE, REGION, TOPICS], presets) == ""


def test_a_pattern_that_a_value_keeps_busy_refuses_the_value() -> None:
    parameter = Parameter(name="p", validation_regex="^(a+)+$", validation_error="Only a.")
    value = "a" * (VALUE_LIMIT_BYTES - 1) + "b"

    assert value_problem(parameter, value).endswith("takes too long.")


@pytest.mark.parametrize(
    ("parameters", "presets", "named"),
    [
        ([SIZE, SIZE], [], "size"),
        ([Parameter(name="")], [], "empty"),
        ([Parameter(name="p", type="int")], [], "int"),
        ([Parameter(name="p", default="medium", options=SIZES)], [], "medium"),
        ([Parameter(name="p", type="number", default="x")], [], "x"),
        ([Parameter(name="p", options=SIZES + SIZES)], [], "small"),
        ([Parameter(name="p", ephemeral=True)], [], "default"),
        ([Parameter(name="p", validation_regex="(")], [], "regex"),
        ([Parameter(name="p", validation_regex="(", default="x")], [], "regex"),
        ([Parameter(name="p", validation_min=1)], [], "numbers"),
        ([Parameter(name="p", type="number", validation_min=3, validation_max=1)], [], "3"),
        ([Parameter(name="p", type="number", validation_monotonic="up")], [], "monotonic"),
        ([SIZE], [Preset(name="a"), Preset(name="a")], '"a"'),
        ([SIZE], [Preset(name="a", default=True), Preset(name="b", default=True)], "default"),
        ([SIZE], [Preset(name="a", parameters={"colour": "red"})], "colour"),
        ([SIZE], [Preset(name="a", parameters={"size": "medium"})], "size"),
    ],
)
def test_a_contradiction_is_named(parameters: list[Parameter], presets: list[Preset], named: str) -> None:
    assert named in contradiction(parameters, presets)


def test_records_survive_the_way_through_json() -> None:
    preset = Preset(name="big", parameters={"size": "large"})
    variable = Variable(name="token", sensitive=True)

    stored = json.loads(json.dumps([to_document(record) for record in (SIZE, preset, variable)]))

    assert parameter_from(stored[0]) == SIZE
    assert preset_from(stored[1] | {"id": "beside"}) == preset
    assert variable_from(stored[2]) == variable
