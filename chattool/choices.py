"""What create, start and stop can decide, and what each of them adds to the common course."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from chattool.build_state import lacks_daemon
from chattool.results import ToolResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from chattool.backend import Build, Workspace
    from chattool.build_failure import FailurePath
    from chattool.results import Result
    from chattool.situation import Situation
    from db.ids import BuildId
    from db.states import Transition


@dataclass(frozen=True, kw_only=True)
class Made:
    """This call made a build. ``draft`` is the answer but for what only the end of the build can tell."""

    workspace: Workspace
    build_id: BuildId | None
    draft: Result


@dataclass(frozen=True, kw_only=True)
class Refused:
    """The backend refused the build. ``final`` unless trying again can help."""

    response: ToolResponse
    final: bool


@dataclass(frozen=True, kw_only=True)
class Answer:
    """No build is needed; ``finish`` gives the answer, once the lease has been given back."""

    finish: Callable[[], Awaitable[Result]]


@dataclass(frozen=True, kw_only=True)
class Join:
    """A build is in progress: wait for it, then decide again."""

    workspace: Workspace
    build: Build


@dataclass(frozen=True, kw_only=True)
class Make:
    """A build is needed. ``call`` asks for it; ``None`` means that somebody else's build is active."""

    call: Callable[[], Coroutine[Any, Any, Made | Refused | None]]


Choice = Answer | Join | Make
Outcome = Answer | Join | Made | ToolResponse | None
"""What a round came to; ``None`` to decide again."""


@dataclass(frozen=True, kw_only=True)
class Building:
    """The facts of an answer that does not wait any longer."""

    workspace: Workspace
    build_id: BuildId
    transition: Transition | None
    message: str
    draft: Result | None
    """What this call's own build was to answer; ``None`` when it only joined."""


def still_building(build: Build | None, *, other_way: str = "") -> str:
    """The message of an answer that leaves ``build`` in progress: how to keep waiting for it."""
    text = (
        f"The build goes on by itself. Call wait_for_workspace with this build_id{other_way} to keep waiting."
    )
    if build is not None and lacks_daemon(build):
        text += " No provisioner daemon that could take this build is online."
    return text


class LifecycleTool(Protocol):
    """What create, start and stop add to the common course."""

    async def choose(self, situation: Situation, joined: Build | None) -> Choice:
        """What to do; ``joined`` is the build that this call has waited for, if any."""
        ...

    def own_failure(self, workspace: Workspace) -> FailurePath:
        """How to report that the build made by this call failed."""
        ...

    def joined_failure(self, workspace: Workspace, build: Build) -> FailurePath:
        """How to report that a joined build failed."""
        ...

    @property
    def reports_joined_failures(self) -> bool:
        """Whether a failed joined build is the answer, or just a reason to decide again."""
        ...

    async def finished(self, made: Made) -> Result:
        """The answer after the build of this call has succeeded."""
        ...

    def building(self, building: Building) -> Result:
        """The answer that leaves a build in progress."""
        ...
