"""What remote daemons and the server say to each other, as JSON.

Jobs, work and outcomes travel as the records that both sides use anyway; this module adds the calls around
them and their bounds. Bytes are base64, durations within records are seconds.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from db.ids import DaemonId
from db.states import ProvisionerType
from provisioner.jobs import Claim, Line, Outcome
from quota.credits import MAX_CREDITS

BASE = "/provisionerdaemons/me"
DAEMON_HEADER = "Chattool-Daemon-Id"
API_VERSION = 1
LONGEST_WAIT = timedelta(seconds=30)
#: Of one call. A state is the largest part, and a third longer as base64.
BODY_LIMIT_BYTES = 64 << 20
LINES_LIMIT = 5000
_OLDEST_LINE = timedelta(days=1)
_TAGS_LIMIT = 100
_MILLISECOND = timedelta(milliseconds=1)

Milliseconds = Annotated[int, Field(ge=0, le=2**53)]
ShortText = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")]
TagText = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]
Tags = Annotated[dict[TagText, TagText], Field(max_length=_TAGS_LIMIT)]
Credits = Annotated[int, Field(ge=0, le=MAX_CREDITS)]


def problem(error: ValidationError) -> str:
    """Where a body is wrong, and how; not what stands there, which may be a secret."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['type']}"


def milliseconds(duration: timedelta) -> int:
    """The duration in whole milliseconds."""
    return duration // _MILLISECOND


class Message(BaseModel):
    """A body of one of these calls. What it does not know it refuses."""

    model_config = ConfigDict(
        extra="forbid", ser_json_bytes="base64", val_json_bytes="base64", ser_json_timedelta="float"
    )


class Answer(Message):
    """What the server answers. What it does not know it ignores, so that servers may be newer."""

    model_config = ConfigDict(extra="ignore")


class Registration(Message):
    """What a daemon says of itself."""

    name: ShortText
    version: Annotated[str, Field(max_length=200)] = ""
    api_version: int = API_VERSION
    provisioners: Annotated[frozenset[ProvisionerType], Field(min_length=1)]
    tags: Tags
    """Only such that its key allows; none takes all of the key's."""


class Registered(Answer):
    """Who the daemon is from now on, and how patient the server is."""

    daemon_id: DaemonId
    lease_ms: Milliseconds
    heartbeat_ms: Milliseconds
    quota_lock_timeout_ms: Milliseconds


class AcquireRequest(Message):
    """One request for a job; repeated with the same id until it is answered."""

    request_id: UUID
    wait_ms: Annotated[int, Field(ge=0, le=LONGEST_WAIT // _MILLISECOND)] = 0


class Acquired(Answer):
    """A job, and what it needs to run."""

    # Records are judged where they are sent, too: no daemon could end a job that none can read.
    model_config = ConfigDict(revalidate_instances="always")

    claim: Claim
    waited_ms: Milliseconds
    """From the request to the moment when the lease began."""
    work_error: str = ""
    """Why the claim brings no work: a row that the job depends on is gone."""


class Fenced(Message):
    """A call of one attempt."""

    attempt: Annotated[int, Field(ge=1, le=2**31 - 1)]


class Numbered(Fenced):
    """A call with a number that grows within the attempt. A repeated number gets the first answer."""

    number: Annotated[int, Field(ge=1, le=2**53)]


class Heartbeat(Fenced):
    """A sign of life, with a checkpoint of the state when there is a new one."""

    state: bytes | None = None


class HeartbeatAnswer(Answer):
    """The lease from now on."""

    canceled: bool
    lease_ms: Milliseconds


class CancelWait(Fenced):
    """Hold this call until the job is cancelled, at most for so long."""

    wait_ms: Annotated[int, Field(ge=0, le=LONGEST_WAIT // _MILLISECOND)]


class CancelAnswer(Answer):
    """Whether a heartbeat should be sent now."""

    canceled: bool


class WithLines(Numbered):
    """A call that brings lines for the job's log."""

    lines: Annotated[list[Line], Field(max_length=LINES_LIMIT)] = []
    sent_at: AwareDatetime
    """By the clock that dated the lines, which may be wrong: only how old they are counts."""

    def lines_at(self, now: datetime) -> list[Line]:
        """The lines, dated by the clock of whoever received them ``now``."""
        return [replace(line, created_at=now - self._age(line)) for line in self.lines]

    def _age(self, line: Line) -> timedelta:
        # No clock of ours wrote what has no zone, or lies in the future or far back.
        if line.created_at.tzinfo is None:
            return timedelta()
        return min(max(self.sent_at - line.created_at, timedelta()), _OLDEST_LINE)


class Logs(WithLines):
    """Lines for the job's log."""


class Cost(Numbered):
    """What the build asks for."""

    daily_cost: Credits


class CommitAnswer(Answer):
    """Whether the quota lets the build go on."""

    ok: bool
    credits_consumed: int
    budget: int


class Released(Answer):
    """Whether the job is back in line."""

    released: bool


class Finish(WithLines):
    """How the job ends."""

    outcome: Outcome


class Refusal(Answer):
    """Why a call was refused."""

    message: str = ""
    code: str = ""
    waited_ms: Milliseconds = 0
