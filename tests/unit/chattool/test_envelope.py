"""spec: the envelope, which is what a model reads."""

import json

import pytest

from chattool.envelope import LONGEST_TEXT, Envelope, enveloped
from chattool.inspection_results import GroupItem, WorkspaceQuotaResult
from chattool.results import BuildFailureResult, ToolResponse
from chattool.toolset import Toolset
from tests.unit.chattool.fake_backend import log_lines
from tests.unit.chattool.host import QUOTA, Host


def failure(error: str = "failed", *lines: str) -> Envelope:
    return enveloped(ToolResponse.of(BuildFailureResult(error=error, last_log_lines=lines or None)))


async def test_a_success_is_the_tools_object_behind_ok(host: Host) -> None:
    response = await host.create()

    envelope = enveloped(response)

    assert envelope.ok
    assert envelope.document == {"ok": True, **response.data}
    assert next(iter(envelope.document)) == "ok"


async def test_a_refused_build_is_not_ok_and_keeps_its_figures(host: Host) -> None:
    host.backend.ends = QUOTA

    envelope = enveloped(await host.create())

    assert not envelope.ok
    assert envelope.document["error_code"] == "INSUFFICIENT_QUOTA"
    assert envelope.document["quota"] == {"credits_consumed": 0, "budget": 40, "cost": 20}


async def test_a_build_that_goes_on_is_ok(host: Host) -> None:
    host.backend.ends = None

    envelope = enveloped(await host.create(wait_seconds=0))

    assert envelope.ok
    assert envelope.document["status"] == "building"


def test_a_text_error_is_an_error_of_one_sentence() -> None:
    envelope = enveloped(ToolResponse.text_error("chat has no workspace; use create_workspace first"))

    assert envelope.text == '{"ok":false,"error":"chat has no workspace; use create_workspace first"}'


def test_the_chat_stands_beside_ok() -> None:
    envelope = enveloped(ToolResponse.text_error("no"), chat_id="c1")

    assert list(envelope.document) == ["ok", "chat_id", "error"]


def test_text_and_document_say_the_same_and_the_text_is_compact() -> None:
    envelope = failure("größer: 😀", "[plan] a")

    assert json.loads(envelope.text) == envelope.document
    assert '"error":"größer: 😀"' in envelope.text


def test_half_a_surrogate_pair_is_replaced_in_text_and_document() -> None:
    envelope = failure("a\ud800b", "x\udfff")

    assert (envelope.document["error"], envelope.document["last_log_lines"]) == ("a?b", ["x?"])
    envelope.text.encode()


def test_log_lines_go_first_and_the_oldest_before_the_newest() -> None:
    lines = [f"[apply] {number} " + "x" * 2000 for number in range(20)]

    envelope = failure("why it failed", *lines)

    kept = envelope.document["last_log_lines"]
    assert isinstance(kept, list)
    assert 0 < len(kept) < 20
    assert kept == lines[-len(kept) :]
    assert envelope.document["error"] == "why it failed"
    assert len(envelope.text.encode()) <= LONGEST_TEXT


@pytest.mark.parametrize("character", ["x", "\x1b", "漢", "😀", '"'])
def test_an_endless_error_is_cut_with_a_mark_and_what_else_there_is_stays(character: str) -> None:
    envelope = failure(character * 1_000_000, "[plan] a line")

    assert len(envelope.text.encode()) <= LONGEST_TEXT
    assert str(envelope.document["error"]).endswith("… (cut)")
    assert str(envelope.document["error"]).count("(cut)") == 1


def test_endless_lists_lose_their_ends_and_say_so() -> None:
    groups = tuple(GroupItem(name=f"group-{number}", quota_allowance=1) for number in range(5000))

    envelope = enveloped(
        ToolResponse.of(WorkspaceQuotaResult(credits_consumed=1, budget=2, workspaces=(), groups=groups))
    )

    kept = envelope.document["groups"]
    assert isinstance(kept, list)
    assert kept[0] == {"name": "group-0", "quota_allowance": 1}
    assert envelope.document["shortened"] is True
    assert len(envelope.text.encode()) <= LONGEST_TEXT


@pytest.mark.parametrize("character", ["x", "\x1b", "漢"])
async def test_a_page_of_a_log_is_never_shortened_so_that_no_line_gets_lost(
    host: Host, character: str
) -> None:
    _, build = host.has(**QUOTA)
    host.backend.log = log_lines([character * 3000] * 60)
    tools = Toolset(host.context)

    response = await tools.dispatch("get_workspace_build_logs", {"build_id": str(build.id)})
    envelope = tools.envelope("get_workspace_build_logs", response)

    assert envelope.document == {"ok": True, **response.data}
    assert len(envelope.text.encode()) <= 2 * LONGEST_TEXT
