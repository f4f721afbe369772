"""Each client, in its own environment, in each case: what it raises is classified as it should be."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from tests.sdk import page
from tests.sdk.clients import CLIENTS
from tests.sdk.expected import expected
from tests.side_environment import CI, ROOT, interpreter


def _outcomes(client: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [interpreter(CLIENTS[client].environment), "-m", "tests.sdk.probe", client],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.sdk
@pytest.mark.timeout(300)
@pytest.mark.parametrize("client", CLIENTS)
def test_what_a_client_raises_is_classified(client: str) -> None:
    outcomes = _outcomes(client)
    *cases, _version = outcomes
    by_case = {each["case"]: each for each in cases}

    verdicts = {
        case: (found["kind"], found["retryable"]) if found["raised"] else None
        for case, found in by_case.items()
    }
    assert verdicts == expected(client)
    assert by_case["429"]["retry_after"] == 7
    assert by_case["unknown host"]["message"].startswith("The host name of ")
    shown = [f"{found['message']} {found['detail']}" for found in cases if found["raised"]]
    assert [text for text in shown if "<html" in text] == []

    changed = page.updated(client, outcomes, list(CLIENTS))
    if CI:
        assert not changed, f"{page.PAGE.name} was out of date; it is written anew, commit it"
