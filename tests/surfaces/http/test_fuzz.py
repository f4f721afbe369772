"""Schemathesis: whatever the document allows, and some that it does not, is answered as it says.

``CHATTOOL_FUZZ_EXAMPLES`` asks for more examples per operation than the few of every test run.
"""

import asyncio
import os
from collections.abc import Mapping
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.openapi import from_dict
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from db.transactions import Store
from tests.scenario import Scenario
from tests.surfaces.http.api_host import ApiHost
from tests.surfaces.http.operations import AGENTS
from tests.surfaces.http.test_access import world

pytestmark = [
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.timeout(600),
]

_EXAMPLES = int(os.environ.get("CHATTOOL_FUZZ_EXAMPLES", "1"))
_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
_bounded = settings(
    max_examples=_EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@schemathesis.serializer("application/x-tar")
def _bytes(_context: object, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


async def test_every_operation_answers_as_its_document_says(api: ApiHost, store: Store) -> None:
    scenario = await Scenario.on(store)
    values = await world(scenario)
    owner = await api.signed_in(scenario.user)

    failures = await asyncio.to_thread(fuzzed, api, owner.key, values)

    assert failures == []


def fuzzed(api: ApiHost, key: str, values: Mapping[str, str]) -> list[str]:
    """What went wrong, by operation."""
    found = []
    for each in from_dict(api.app.openapi()).get_all_operations():
        assert isinstance(each, Ok), each
        operation = each.ok()
        if operation.path.startswith(AGENTS) or operation.path.endswith("/watch"):
            continue  # not for users, or without an end

        @_bounded
        @given(case=operation.as_strategy())
        def answers_as_documented(case: schemathesis.Case[Any]) -> None:
            # Real things, so that examples come past the first look-up.
            case.path_parameters.update(
                {name: values[name] for name in case.path_parameters if name in values}
            )
            if case.query:
                case.query.pop("follow", None)  # as above
            if isinstance(case.body, dict) and case.operation.path.endswith("/calls"):
                case.body["timeout_ms"] = 0  # it would be waited for the agent as long as that says
            case.call_and_validate(
                base_url=api.root, headers={"Coder-Session-Token": key}, checks=_CHECKS, timeout=30
            )

        try:
            answers_as_documented()
        except Exception as error:  # noqa: BLE001 - all of them are told together
            found.append(f"{operation.method.upper()} {operation.path}: {error}")
    return found
