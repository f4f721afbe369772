"""Waiting for work: idle daemons of a process park here, and a posted job wakes one of them."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from db.clock import jittered
from provisioner import queue, tags

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping
    from datetime import timedelta

    from db.clock import Clock
    from db.ids import OrganizationId
    from db.wakeups import Wakeups
    from provisioner.jobs import Claim


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

    @contextmanager
    def open(self) -> Iterator[None]:
        """Listen for posts."""
        with self._wakeups.listening(queue.JOBS, self._posted):
            yield

    async def acquire(self, domain: Domain, claim: Callable[[], Awaitable[Claim | None]]) -> Claim:
        """The first job that ``claim`` finds; asks again on each wake-up and each poll."""
        place = _Place(domain)
        self._places.append(place)
        try:
            while True:
                place.woken.clear()
                found = await claim()
                if found is not None:
                    return found
                await self._clock.wait(place.woken, jittered(self._poll))
        finally:
            self._places.remove(place)
            self._wake_next(domain)

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
