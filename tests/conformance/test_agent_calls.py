"""The mailbox of workspace agents: every call is done once or not at all, and its caller knows which."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from chattool.agent_service import AgentCredentials, AgentUnknown, NextCalls
from chattool.backend import Actor
from chattool.engine.agent_calls import StoreAgentCalls
from chattool.engine.agents import StoreAgents
from chattool.workspace_calls import (
    MESSAGE_LIMIT_BYTES,
    AgentAway,
    AgentCallFailed,
    AgentCallLost,
    encoded,
)
from db import agent_calls, agents
from db.agent_calls import AgentCall, CallStage
from db.clock import FakeClock
from db.errors import NotFound, RequestError
from db.ids import AgentCallId, AgentId, UserId
from db.states import AgentLifecycle
from db.tables import workspace_agent_calls
from db.transactions import Store
from provisioner.protocol import Agent, Resource
from tests.scenario import Scenario

T = TypeVar("T")

INACTIVE = timedelta(seconds=30)
LIMIT = timedelta(seconds=60)
TOKEN = "secret"  # noqa: S105 - of a played agent
ROWS = select(func.count().label("number")).select_from(workspace_agent_calls)


@dataclass(kw_only=True)
class Mailbox:
    """One agent's mailbox, with a caller's and an agent's end, each on a connection of its own."""

    clock: FakeClock
    caller: Store
    server: Store
    agent_id: AgentId
    owner: Actor
    run: UUID

    def call(
        self, request: Mapping[str, object] | None = None, *, actor: Actor | None = None
    ) -> "asyncio.Task[Mapping[str, object]]":
        calls = StoreAgentCalls(self.caller, inactive_timeout=INACTIVE)
        work = calls.agent_call(actor or self.owner, self.agent_id, "echo", request or {}, timeout=LIMIT)
        return asyncio.create_task(work)

    async def post(self, *, lifetime: timedelta = LIMIT) -> AgentCallId:
        return await self.caller.write(agent_calls.post, self.agent_id, "echo", "{}", lifetime)

    async def take(
        self, *, run: UUID | None = None, known: Sequence[AgentCallId] = ()
    ) -> Sequence[AgentCall]:
        run = run or self.run
        found = await self.server.read(agent_calls.open_calls, self.agent_id, run, known)
        return await self.server.write(agent_calls.take, self.agent_id, run, found.new)

    async def taken(self) -> AgentCall:
        """The only call, as soon as it is there."""
        async with asyncio.timeout(20):
            with self.server.wakeups.subscribe(agent_calls.posted_topic(self.agent_id)) as changes:
                while not (calls := await self.take()):
                    await changes.wait(None)
        (call,) = calls
        return call

    async def answer(self, call_id: AgentCallId, answer: Mapping[str, object]) -> bool:
        return await self.server.write(agent_calls.answer, self.agent_id, call_id, encoded(answer))

    async def withdrawn(self) -> Sequence[AgentCallId]:
        return (await self.server.read(agent_calls.open_calls, self.agent_id, self.run, ())).withdrawn

    async def stage(self, call_id: AgentCallId) -> CallStage:
        return (await self.caller.read(agent_calls.state, call_id)).stage

    async def rows(self) -> int:
        return int(await self.caller.read(lambda conn: conn.scalar(ROWS)))


@pytest.fixture
async def mailbox(scenario: Scenario, other_store: Store, clock: FakeClock) -> Mailbox:
    build, run = await scenario.started(20)
    await run.finish(
        resources=(Resource(type="machine", name="box", daily_cost=20, agents=(Agent(name="main"),)),),
        agent_token=TOKEN,
    )
    (agent,) = await scenario.store.read(agents.of_build, build.id)
    await scenario.store.write(agents.record_contact, agent.id)
    return Mailbox(
        clock=clock,
        caller=scenario.store,
        server=other_store,
        agent_id=agent.id,
        owner=Actor(user_id=scenario.user.id),
        run=uuid4(),
    )


async def in_time(mailbox: Mailbox, work: Awaitable[T]) -> T:
    """What ``work`` comes to, with the clock running as far as it waits for it."""
    task = asyncio.ensure_future(work)
    async with asyncio.timeout(20):
        while not task.done():
            await asyncio.wait([task], timeout=0.05)
            mailbox.clock.advance(timedelta(seconds=5))
    return await task


ODD = {"text": "a\0b \ud800 ☃ \x1b[0m", "number": 2**70, "none": None}


async def test_a_call_is_answered_and_leaves_nothing_behind(mailbox: Mailbox) -> None:
    calling = mailbox.call(ODD)
    taken = await mailbox.taken()

    assert (taken.method, taken.request) == ("echo", encoded(ODD))
    assert await mailbox.answer(taken.id, {"result": ODD})
    assert await in_time(mailbox, calling) == ODD
    assert await mailbox.rows() == 0


async def test_what_the_agent_cannot_do_is_raised_with_its_reason(mailbox: Mailbox) -> None:
    calling = mailbox.call()
    taken = await mailbox.taken()
    await mailbox.answer(taken.id, {"error": {"reason": "NOT_FOUND", "message": "no such file"}})

    with pytest.raises(AgentCallFailed, match="no such file") as failed:
        await in_time(mailbox, calling)

    assert failed.value.reason == "NOT_FOUND"


async def test_a_call_that_nobody_takes_was_never_done(mailbox: Mailbox) -> None:
    calling = mailbox.call()

    with pytest.raises(AgentAway):
        await in_time(mailbox, calling)

    assert await mailbox.take() == []
    assert await mailbox.rows() == 0


async def test_a_call_that_is_taken_and_not_answered_is_lost(mailbox: Mailbox) -> None:
    calling = mailbox.call()
    taken = await mailbox.taken()

    with pytest.raises(AgentCallLost):
        await in_time(mailbox, calling)

    assert await mailbox.withdrawn() == [taken.id]
    assert not await mailbox.answer(taken.id, {"result": {}})
    assert await mailbox.withdrawn() == []
    assert await mailbox.rows() == 0


async def test_an_agent_that_says_good_bye_loses_its_calls_at_once(mailbox: Mailbox) -> None:
    calling = mailbox.call()
    await mailbox.taken()

    await mailbox.server.write(agents.record_lifecycle, mailbox.agent_id, AgentLifecycle.OFF)

    with pytest.raises(AgentCallLost):
        async with asyncio.timeout(20):
            await calling


async def test_a_new_run_of_the_agent_loses_the_calls_of_the_last(mailbox: Mailbox) -> None:
    calling = mailbox.call()
    taken = await mailbox.taken()
    untaken = await mailbox.post()

    await mailbox.server.write(agent_calls.abandon, mailbox.agent_id)

    with pytest.raises(AgentCallLost):
        async with asyncio.timeout(20):
            await calling
    assert [call.id for call in await mailbox.take(run=uuid4())] == [untaken]
    assert not await mailbox.answer(taken.id, {"result": {}})


async def test_a_second_run_never_gets_what_another_has_taken(mailbox: Mailbox) -> None:
    call_id = await mailbox.post()
    await mailbox.take()

    assert await mailbox.take(run=uuid4()) == []
    taken_again = await mailbox.server.write(agent_calls.take, mailbox.agent_id, uuid4(), [call_id])
    assert taken_again == []


async def test_the_same_run_gets_a_call_again_until_it_knows_it(mailbox: Mailbox) -> None:
    call_id = await mailbox.post()

    assert [call.id for call in await mailbox.take()] == [call_id]
    assert [call.id for call in await mailbox.take()] == [call_id]
    assert await mailbox.take(known=[call_id]) == []


async def test_two_runs_that_take_at_once_share_no_call(mailbox: Mailbox) -> None:
    posted = [await mailbox.post() for _ in range(20)]
    barrier = asyncio.Barrier(2)

    async def take(store: Store) -> list[AgentCallId]:
        run = uuid4()
        async with barrier:
            pass
        calls = [await store.write(agent_calls.take, mailbox.agent_id, run, [call_id]) for call_id in posted]
        return [call.id for taken in calls for call in taken]

    one, two = await asyncio.gather(take(mailbox.caller), take(mailbox.server))

    assert sorted(one + two) == sorted(posted)


async def test_calls_come_in_their_order_and_expired_ones_not_at_all(mailbox: Mailbox) -> None:
    await mailbox.post(lifetime=timedelta(seconds=1))
    first = await mailbox.post()
    mailbox.clock.advance(timedelta(seconds=1))
    second = await mailbox.post()

    assert [call.id for call in await mailbox.take()] == [first, second]


async def test_a_cancelled_caller_withdraws_what_its_agent_has_begun(mailbox: Mailbox) -> None:
    calling = mailbox.call()
    taken = await mailbox.taken()

    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling

    assert await mailbox.withdrawn() == [taken.id]


async def test_a_caller_cancelled_while_it_posts_leaves_nothing_to_do(mailbox: Mailbox) -> None:
    for _ in range(20):
        calling = mailbox.call()
        await mailbox.clock.sleep(timedelta())
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling

    assert await mailbox.take() == []
    assert await mailbox.rows() == 0


async def test_an_answer_that_comes_with_the_withdrawal_is_not_lost(mailbox: Mailbox) -> None:
    call_id = await mailbox.post()
    await mailbox.take()
    await mailbox.answer(call_id, {"result": {}})

    found = await mailbox.caller.write(agent_calls.withdraw, mailbox.agent_id, call_id)

    assert found.stage is CallStage.ANSWERED


async def test_another_agent_cannot_answer(mailbox: Mailbox) -> None:
    call_id = await mailbox.post()
    await mailbox.take()

    stranger = AgentId(uuid4())
    assert not await mailbox.server.write(agent_calls.answer, stranger, call_id, '{"result":{}}')

    assert await mailbox.stage(call_id) is CallStage.TAKEN


async def test_only_the_owner_and_administrators_may_call(mailbox: Mailbox) -> None:
    stranger = UserId(uuid4())
    for actor in (Actor(user_id=stranger), Actor(user_id=stranger, roles=("auditor",))):
        with pytest.raises(NotFound):
            await mailbox.call(actor=actor)

    calling = mailbox.call(actor=Actor(user_id=stranger, roles=("owner",)))
    await mailbox.answer((await mailbox.taken()).id, {"result": {}})

    assert await in_time(mailbox, calling) == {}


async def test_a_request_has_a_largest_size(mailbox: Mailbox) -> None:
    with pytest.raises(RequestError) as refused:
        await mailbox.call({"text": "x" * MESSAGE_LIMIT_BYTES})

    assert refused.value.status_code == 413
    assert await mailbox.rows() == 0


async def test_calls_whose_callers_died_are_removed_in_batches(mailbox: Mailbox) -> None:
    for _ in range(5):
        await mailbox.post()
    mailbox.clock.advance(LIMIT)
    living = await mailbox.post()
    mailbox.clock.advance(timedelta(seconds=2))

    removed = [
        await mailbox.caller.write(agent_calls.prune, older_than=timedelta(seconds=1), limit=3)
        for _ in range(3)
    ]

    assert removed == [3, 2, 0]
    assert await mailbox.stage(living) is CallStage.POSTED


async def test_an_agent_that_waits_is_woken_by_a_call_and_by_its_withdrawal(mailbox: Mailbox) -> None:
    service, caller = StoreAgents(mailbox.server), AgentCredentials(token=TOKEN, name="main")

    async def ask(*known: AgentCallId) -> NextCalls:
        async with asyncio.timeout(20):
            return await service.next_calls(caller, mailbox.run, known=known, limit=3, wait=LIMIT)

    asking = asyncio.create_task(ask())
    calling = mailbox.call(ODD)
    (call,) = (await asking).calls
    asking = asyncio.create_task(ask(call.id))
    calling.cancel()
    await asyncio.wait([calling])

    assert (await asking).withdrawn == [call.id]


async def test_an_agent_that_waits_for_nothing_is_told_so_in_the_end(mailbox: Mailbox) -> None:
    service, caller = StoreAgents(mailbox.server), AgentCredentials(token=TOKEN, name="main")

    asking = service.next_calls(caller, mailbox.run, known=(), limit=3, wait=LIMIT)

    assert (await in_time(mailbox, asking)).calls == ()


async def test_only_an_agent_with_its_token_gets_calls(mailbox: Mailbox) -> None:
    service, stranger = StoreAgents(mailbox.server), AgentCredentials(token="other", name="main")  # noqa: S106
    call_id = await mailbox.post()

    with pytest.raises(AgentUnknown):
        await service.next_calls(stranger, mailbox.run, known=(), limit=3, wait=LIMIT)
    with pytest.raises(AgentUnknown):
        await service.answer_call(stranger, call_id, "{}")
