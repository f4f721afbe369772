"""Calls to workspace agents by way of the mailbox in our own database."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from chattool.workspace_calls import LONGEST_CALL, AgentAway, AgentCallLost, answer_of, encoded
from db import agent_calls, agents, workspaces
from db.agent_calls import CallStage
from db.errors import ChattoolError, NotFound, StoreBusy, StoreUnavailable
from provisioner.build_requests import ADMINISTRATOR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chattool.backend import Actor
    from db.agent_calls import CallState
    from db.ids import AgentCallId, AgentId
    from db.transactions import Connection, Store
    from db.wakeups import Subscription

#: Only a backup, and how often an agent's silence is looked at: callers are woken.
_POLL_INTERVAL = timedelta(seconds=2)
_FORGET_INTERVAL = timedelta(minutes=10)
_FORGET_AFTER = timedelta(minutes=10)
_ZERO = timedelta()


async def forget_expired_calls(store: Store) -> None:
    """Remove calls whose callers died, at every interval until cancelled."""
    while True:
        await store.clock.sleep(_FORGET_INTERVAL)
        with suppress(StoreBusy, StoreUnavailable):  # the next round will do
            while await store.write(agent_calls.prune, older_than=_FORGET_AFTER):
                pass


class StoreAgentCalls:
    """``AgentCalls`` on an open store. An agent that is silent for ``inactive_timeout`` is lost."""

    def __init__(self, store: Store, *, inactive_timeout: timedelta) -> None:
        self._store = store
        self._inactive_timeout = inactive_timeout

    async def agent_call(
        self,
        actor: Actor,
        agent_id: AgentId,
        method: str,
        request: Mapping[str, object],
        *,
        timeout: timedelta,
    ) -> Mapping[str, object]:
        text = encoded(request)
        timeout = min(timeout, LONGEST_CALL)
        posting = asyncio.create_task(
            self._store.write(_post, actor, agent_id, method, request=text, lifetime=timeout),
            name="post-agent-call",
        )
        try:
            call_id = await asyncio.shield(posting)
        except asyncio.CancelledError:
            # It may be on its way to the disk, and must not be run for nobody.
            with suppress(ChattoolError):
                await _PostedCall(self._store, agent_id, await posting, self._inactive_timeout).give_up()
            raise
        call = _PostedCall(self._store, agent_id, call_id, self._inactive_timeout)
        try:
            with self._store.wakeups.subscribe(
                agent_calls.answered_topic(call_id), agents.topic(agent_id)
            ) as changes:
                return await call.answer(changes, timeout)
        except asyncio.CancelledError:
            await call.give_up()
            raise


class _PostedCall:
    def __init__(
        self, store: Store, agent_id: AgentId, call_id: AgentCallId, inactive_timeout: timedelta
    ) -> None:
        self._store = store
        self._agent_id = agent_id
        self._id = call_id
        self._inactive_timeout = inactive_timeout

    async def answer(self, changes: Subscription, timeout: timedelta) -> Mapping[str, object]:
        clock = self._store.clock
        deadline = clock.monotonic() + timeout
        while True:
            state = await self._state()
            if state is not None and self._is_over(state):
                break
            left = deadline - clock.monotonic()
            if left <= _ZERO:
                break
            await changes.wait(min(left, _POLL_INTERVAL))
        # Whatever was read above may be old by now; what withdrawing finds is final.
        state = await self._store.write(agent_calls.withdraw, self._agent_id, self._id)
        match state.stage:
            case CallStage.ANSWERED:
                return answer_of(state.response or "")
            case CallStage.POSTED:
                raise AgentAway
            case CallStage.TAKEN | CallStage.LOST:
                raise AgentCallLost

    async def give_up(self) -> None:
        """Withdraw, even while the caller is being cancelled."""
        withdrawing = asyncio.create_task(
            self._store.write(agent_calls.withdraw, self._agent_id, self._id), name="withdraw-agent-call"
        )
        with suppress(asyncio.CancelledError, StoreBusy, StoreUnavailable):
            await asyncio.shield(withdrawing)

    async def _state(self) -> CallState | None:
        try:
            return await self._store.read(agent_calls.state, self._id)
        except (StoreBusy, StoreUnavailable):
            return None  # looked at again soon

    def _is_over(self, state: CallState) -> bool:
        if state.stage in (CallStage.ANSWERED, CallStage.LOST) or state.agent_gone:
            return True
        silent_since = state.last_contact
        return silent_since is not None and self._store.clock.now() - silent_since > self._inactive_timeout


def _post(
    conn: Connection, actor: Actor, agent_id: AgentId, method: str, *, request: str, lifetime: timedelta
) -> AgentCallId:
    agent = agents.agent(conn, agent_id)
    if agent is None:
        raise NotFound
    owner_id = workspaces.workspace(conn, agent.workspace_id).owner_id
    # Seeing a workspace is not enough here: this is the right to do anything in it.
    if owner_id != actor.user_id and ADMINISTRATOR not in actor.roles:
        raise NotFound
    return agent_calls.post(conn, agent_id, method, request, lifetime)
