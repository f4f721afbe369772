"""get_workspace_quota: figures, what holds them, where they come from."""

from uuid import uuid4

from chattool.backend import Quota
from chattool.inspection_backend import GroupAllowance, WorkspaceCharge
from db.errors import RequestError
from db.ids import WorkspaceId
from tests.unit.chattool.host import Host, fields


async def test_a_quota_says_what_holds_it_and_where_it_comes_from(host: Host) -> None:
    workspace_id = WorkspaceId(uuid4())
    host.backend.credits = Quota(credits_consumed=20, budget=40)
    host.backend.charges = [WorkspaceCharge(workspace_id=workspace_id, workspace_name="ana/dev", credits=20)]
    host.backend.groups = [GroupAllowance(name="Everyone", quota_allowance=40)]

    answer = fields(await host.call("get_workspace_quota"))

    assert answer == {
        "credits_consumed": 20,
        "budget": 40,
        "workspaces": [{"workspace_id": str(workspace_id), "workspace_name": "ana/dev", "credits": 20}],
        "groups": [{"name": "Everyone", "quota_allowance": 40}],
    }


async def test_an_empty_quota_keeps_its_zeros_and_lists(host: Host) -> None:
    host.backend.credits = Quota(credits_consumed=0, budget=-1)

    answer = fields(await host.call("get_workspace_quota"))

    assert answer == {"credits_consumed": 0, "budget": -1, "workspaces": [], "groups": []}


async def test_a_backend_without_quota_says_so(host: Host) -> None:
    host.backend.can_read_quota = False

    response = await host.call("get_workspace_quota")

    assert (response.is_error, response.content) == (True, "workspace quota is not configured")


async def test_a_quota_that_cannot_be_read_is_a_text_error(host: Host) -> None:
    host.backend.failures["quota_statement"] = [RequestError(400, "broken")]

    response = await host.call("get_workspace_quota")

    assert (response.is_error, response.content) == (True, "read quota: broken")


async def test_it_takes_no_arguments(host: Host) -> None:
    response = await host.call("get_workspace_quota", user="bob")

    assert response.content == 'unknown argument "user"; there are: none'
