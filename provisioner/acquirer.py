"""Waiting for work: idle daemons of a process park here, and a posted job wakes one of them."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, overload

from db.clock import jittered
from provisioner import queue, tags

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from db.clock import Clock
    from db.ids import OrganizationId
    from db.wakeups import Wakeups
    from provisioner.jobs import Claim

    Asking = Callable[[], Awaitable[Claim | None]]


@dataclass(frozen=True, kw_only=True)
class Domain:
    """Which jobs a daemon may take."""

    organization_id: OrganizationId
    provisioners: frozenset[str]
    tags: Mapping[str, str] = field(hash=False)

    def serves(self, organization_id: str, provisioner: str, job_tags: Mapping[str, str]) -> bool:
        """The predicate of the claim, for wake-ups."""
        return (
            str(self.organization_id) == organization_id
            and provisioner in self.provisioners
            and tags.matches(job_tags, self.tags)
        )


class _Place:
    """One daemon that looks for work."""

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.woken = asyncio.Event()


class Acquirer:
    """The parking place of one process. A post wakes one daemon that may take the job.

    A post that comes while a daemon is asking the database makes it ask again, and a daemon that got a
    job wakes the next one, since more may be waiting. A lost wake-up costs one poll.
    """

    def __init__(self, wakeups: Wakeups, clock: Clock, poll: timedelta) -> None:
        self._wakeups = wakeups
        self._clock = clock
        self._poll = poll
        self._places: list[_Place] = []
        self._listening = ExitStack()

    @overload
    async def acquire(self, domain: Domain, claim: Asking) -> Claim: ...

    @overload
    async def acquire(self, domain: Domain, claim: Asking, *, patience: timedelta) -> Claim | None: ...

    async def acquire(
        self, domain: Domain, claim: Asking, *, patience: timedelta | None = None
    ) -> Claim | None:
        """The first job that ``claim`` finds; asks again on each wake-up and each poll.

        ``None`` when ``patience`` has passed without one.
        """
        began = self._clock.monotonic()
        with self._place(domain) as place:
            while True:
                place.woken.clear()
                found = await claim()
                if found is not None:
                    return found
                pause = jittered(self._poll)
                if patience is not None:
                    left = patience - (self._clock.monotonic() - began)
                    if left <= timedelta():
                        return None
                    pause = min(pause, left)
                await self._clock.wait(place.woken, pause)

    @contextmanager
    def _place(self, domain: Domain) -> Iterator[_Place]:
        """A place among those who are woken; posts are listened to while there is one."""
        place = _Place(domain)
        if not self._places:
            self._listening.enter_context(self._wakeups.listening(queue.JOBS, self._posted))
        self._places.append(place)
        try:
            yield place
        finally:
            self._places.remove(place)
            self._wake_next(domain)
            if not self._places:
                self._listening.close()

    def _wake_next(self, domain: Domain) -> None:
        self._wake(lambda place: place.domain == domain)

    def _posted(self, payload: str | None) -> None:
        if payload:
            organization_id, provisioner, job_tags = json.loads(payload)
            self._wake(lambda place: place.domain.serves(organization_id, provisioner, job_tags))
            return
        # Anything may have been posted: one of each kind looks, and wakes the next if it finds a job.
        seen: list[Domain] = []
        for place in self._places:
            if place.domain not in seen:
                seen.append(place.domain)
                place.woken.set()

    def _wake(self, fits: Callable[[_Place], bool]) -> None:
        place = next((place for place in self._places if fits(place) and not place.woken.is_set()), None)
        if place is not None:
            place.woken.set()
