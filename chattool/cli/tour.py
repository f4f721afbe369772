"""The tour of the quickstart: what an agent would do, and what comes of it."""

from __future__ import annotations

import asyncio
import json
import shlex
from typing import TYPE_CHECKING
from uuid import UUID

from chattool.backend import CreateBuild
from chattool.bundled_templates import bundled_templates
from chattool.cli.store_operations import StoreOperations
from chattool.cli.store_records import local_directory
from chattool.cli.tool_call import LiveCall
from chattool.cli.tour_view import TourView
from chattool.starter import ALLOWANCE
from chattool.waiting import wait_for_build
from db import builds, ids, templates, workspaces
from db.errors import ChattoolError
from db.states import Transition
from provisioner.provisioners.processes import find_processes
from quota import workspace_quota

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from chattool.cli.screen import Screen
    from chattool.engine import Engine
    from chattool.results import ToolResponse
    from db.ids import TemplateId
    from db.records import Workspace
    from quota import WorkspaceQuota

_SMALL, _LARGER = "scratch", "python-dev"


class TourFailed(ChattoolError):
    """A step of the tour came out otherwise than it should."""

    code = "QUICKSTART_FAILED"


class Tour:
    """One run of the tour on a new engine."""

    def __init__(self, engine: Engine, screen: Screen) -> None:
        self._engine = engine
        self._operations = StoreOperations(engine.store, engine.organization, engine.user)
        self._screen = screen
        self._view = TourView(screen)
        self._clock = engine.store.clock
        self._began = self._clock.monotonic()
        self._templates: dict[str, TemplateId] = {}
        self.steps: list[dict[str, object]] = []
        """What happened, for the JSON document."""

    async def run(self, *, keeps_first: bool) -> None:
        """All steps.

        Raises:
            TourFailed: one did not go as it should.
        """
        await self._push_templates()
        await self._set_allowance()
        first = await self._create_first()
        await self._work_in_first()
        await self._create_again()
        await self._fill_quota()
        await self._hit_quota()
        await self._stop(first)
        await self._start(first)
        await self._delete(spared=first if keeps_first else None)

    def say_what_to_try(self) -> None:
        """The end of the tour, after which nothing is left."""
        self._finish()
        self._view.commands(
            "What to try next",
            [
                ("chattool quickstart --keep", "and keep a workspace"),
                ("chattool templates push FOLDER", "a template of your own"),
                ("chattool groups set-allowance Everyone 40", "credits to spend"),
                ("chattool tool call create_workspace -a template=NAME", "what an agent calls"),
                ("chattool --help", "everything else"),
            ],
        )

    def say_what_was_kept(self, home: Path) -> None:
        """The end of the tour, with what is left to play with."""
        self._finish()
        self._view.commands(
            "Kept for you, to play with",
            [
                (f"export CHATTOOL_HOME={shlex.quote(str(home))}", ""),
                ("chattool workspaces list", "it still runs"),
                ("chattool quota show", "what it costs"),
                ("chattool --chat first tool call stop_workspace", "as its agent"),
                ("chattool tool call create_workspace -a template=python-dev", "one more"),
                ("chattool workspaces delete NAME", "its files, too"),
            ],
        )

    async def _push_templates(self) -> None:
        self._view.step("Push the example templates")
        for folder in bundled_templates():
            with self._view.waiting(f"Importing {folder.name}"):
                template = await self._engine.push_template(folder)
            version = (await self._engine.store.read(templates.versions, template.id, limit=1))[0]
            self._templates[template.name] = template.id
            cost = f"{version.start_cost} credits running, {version.stop_cost} stopped"
            self._view.fact(template.name, cost)
        self._note("push_templates", templates=sorted(self._templates))

    async def _set_allowance(self) -> None:
        self._view.step(f"Give the group Everyone, and so its one member, {ALLOWANCE} credits")
        await self._engine.set_allowance("Everyone", ALLOWANCE)
        await self._show_quota("set_allowance")

    async def _create_first(self) -> str:
        self._view.step("An agent asks for a workspace")
        answer = await self._create("first", _SMALL, live=True)
        workspace_id = str(answer["workspace_id"])
        if answer.get("agent_status") != "ready":
            raise TourFailed(f"the workspace is not ready: {json.dumps(answer)}")
        self._view.say("It is real:")
        await self._show_things(workspace_id)
        self._note("create_workspace", answer=answer)
        return workspace_id

    async def _work_in_first(self) -> None:
        self._view.step("It works in there: writes a file, checks it, mends it")
        await self._inside("write_file", {"path": "answer.txt", "content": "It is 41.\n"})
        failed = await self._inside("execute", {"command": "grep 42 answer.txt"})
        edit = {"path": "answer.txt", "old": "41", "new": "42"}
        await self._inside("edit_files", {"edits": [edit]})
        mended = await self._inside("execute", {"command": "grep 42 answer.txt"})
        if failed["exit_code"] == 0 or mended["exit_code"] != 0:
            raise TourFailed(f"the command did not run as it should: {json.dumps([failed, mended])}")
        self._note("work_in_workspace", failed=failed, mended=mended)

    async def _inside(self, tool: str, arguments: Mapping[str, object]) -> dict[str, object]:
        self._view.call(tool, "first", arguments)
        answer = _succeeded(await self._dispatch("first", tool, arguments))
        self._view.command_answer(answer)
        return answer

    async def _create_again(self) -> None:
        self._view.step("The same call again: nothing is built twice")
        answer = await self._create("first", _SMALL)
        self._note("create_workspace_again", answer=answer)

    async def _fill_quota(self) -> None:
        self._view.step("Two more chats fill the quota, at the same time")
        with self._view.waiting("create_workspace, twice"):
            answers = await asyncio.gather(
                self._create("second", _LARGER, quiet=True), self._create("third", _LARGER, quiet=True)
            )
        for answer in answers:
            self._view.answer(answer)
        await self._show_quota("fill_quota")

    async def _hit_quota(self) -> None:
        self._view.step("A fourth chat learns which limit it hit, and by how much")
        self._view.call("create_workspace", "fourth", {"template_id": str(self._templates[_SMALL])})
        response = await self._dispatch(
            "fourth", "create_workspace", {"template_id": str(self._templates[_SMALL])}
        )
        if response.data.get("error_code") != "INSUFFICIENT_QUOTA":
            raise TourFailed(f"the quota was not enforced: {response.content}")
        self._view.document(response.data)
        self._note("create_workspace_over_quota", answer=response.data)

    async def _stop(self, workspace_id: str) -> None:
        self._view.step("Stop the first workspace: its processes end, its files stay")
        await self._lifecycle("stop_workspace")
        await self._show_things(workspace_id)
        await self._show_quota("stop_workspace")

    async def _start(self, workspace_id: str) -> None:
        self._view.step("Start it again")
        await self._lifecycle("start_workspace")
        await self._show_things(workspace_id)
        await self._show_quota("start_workspace")

    async def _delete(self, *, spared: str | None) -> None:
        backend = self._engine.backend
        everything = await self._engine.store.read(workspaces.listed)
        chosen = [each for each in everything if str(each.id) != spared]
        rest = "the other" if spared else "all"
        self._view.step(f"Delete {rest} workspaces, the one that was never built included")
        actor = await backend.as_owner(self._engine.user.id)

        async def delete(workspace: Workspace) -> None:
            request = CreateBuild(workspace_id=workspace.id, transition=Transition.DELETE)
            build = await backend.create_build(actor, request)
            await wait_for_build(backend, build.id)
            self._view.fact("deleted", f"{workspace.owner_name}/{workspace.name}")

        with self._view.waiting("Deleting"):
            await asyncio.gather(*map(delete, chosen))
        await self._show_quota("delete")

    async def _create(
        self, chat: str, template: str, *, live: bool = False, quiet: bool = False
    ) -> dict[str, object]:
        arguments = {"template_id": str(self._templates[template])}
        if not quiet:
            self._view.call("create_workspace", chat, arguments)
        began = self._clock.monotonic()
        response = await self._dispatch(chat, "create_workspace", arguments, live=live)
        answer = _succeeded(response)
        if not quiet:
            self._view.answer(answer, self._clock.monotonic() - began)
        return answer

    async def _lifecycle(self, tool: str) -> None:
        self._view.call(tool, "first", {})
        began = self._clock.monotonic()
        with self._view.waiting(tool):
            answer = _succeeded(await self._dispatch("first", tool, {}))
        self._view.answer(answer, self._clock.monotonic() - began)

    async def _dispatch(
        self, chat: str, tool: str, arguments: Mapping[str, object], *, live: bool = False
    ) -> ToolResponse:
        if live:
            return await LiveCall(self._operations, chat, self._screen, indent=5).call(tool, arguments)
        return await (await self._engine.toolset(chat)).dispatch(tool, arguments)

    async def _show_things(self, workspace_id: str) -> None:
        build = await self._engine.store.read(builds.latest, ids.WorkspaceId(UUID(workspace_id)))
        directory = await self._engine.store.read(local_directory, build)
        if directory is None:
            raise TourFailed("the workspace has no directory")
        found = await asyncio.to_thread(find_processes, workspace_id)
        processes = sorted(found, key=lambda process: process.pid)
        self._view.fact("directory", str(directory))
        self._view.fact("files", "  ".join(sorted(path.name for path in directory.iterdir())))
        self._view.fact("processes", "  ".join(f"{each.pid} {each.name()}" for each in processes) or "none")

    async def _show_quota(self, step: str) -> WorkspaceQuota:
        engine = self._engine
        quota = await engine.store.read(workspace_quota, engine.user.id, engine.organization.id)
        self._view.quota(engine.user.username, quota.credits_consumed, quota.budget)
        self._note(step, quota={"credits_consumed": quota.credits_consumed, "budget": quota.budget})
        return quota

    def _note(self, step: str, **facts: object) -> None:
        self.steps.append({"step": step, **facts})

    def _finish(self) -> None:
        self._view.finish(self._clock.monotonic() - self._began)


def _succeeded(response: ToolResponse) -> dict[str, object]:
    if not response.ok:
        raise TourFailed(f"the tool answered: {response.content}")
    return response.data
