"""A store that tells ``Metrics`` about every transaction."""

from __future__ import annotations

from asyncio import CancelledError
from collections import OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Self, TypeVar

from db.errors import ChattoolError
from provisioner.jobs import Claim, Fence, Outcome
from provisioner.reaper import Repair
from quota import QuotaCommit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta

    from chattool.metrics import Metrics
    from db.clock import Clock
    from db.transactions import Connection, Store
    from db.wakeups import Wakeups

P = ParamSpec("P")
T = TypeVar("T")

_REMEMBERED_CLAIMS = 10_000


class ObservedStore:
    """``Store`` over another one, which stays its owner's to close."""

    def __init__(
        self, store: Store, metrics: Metrics, *, claims: OrderedDict[Fence, timedelta] | None = None
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._claims: OrderedDict[Fence, timedelta] = OrderedDict() if claims is None else claims
        self.dialect = store.dialect
        self.clock: Clock = store.clock
        self.wakeups: Wakeups = store.wakeups

    async def write(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        with self._counted(function):
            answer = await self._store.write(function, *args, **kwargs)
        self._note(answer, args)
        return answer

    async def read(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        with self._counted(function):
            return await self._store.read(function, *args, **kwargs)

    def limited(self, timeout: timedelta) -> ObservedStore:
        return ObservedStore(self._store.limited(timeout), self._metrics, claims=self._claims)

    @property
    def reserved(self) -> ObservedStore:
        return ObservedStore(self._store.reserved, self._metrics, claims=self._claims)

    async def close(self) -> None:
        await self._store.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        return None

    @contextmanager
    def _counted(self, function: Callable[..., object]) -> Iterator[None]:
        begin = self.clock.monotonic()
        outcome = "error"
        try:
            yield
            outcome = "ok"
        except CancelledError:
            outcome = "canceled"  # whoever asked has gone; no fault of the database
            raise
        except ChattoolError as error:
            outcome = error.code.lower()
            raise
        finally:
            self._metrics.call(_name(function), outcome, self.clock.monotonic() - begin)

    def _note(self, answer: object, arguments: tuple[object, ...]) -> None:
        match answer, arguments:
            case Claim(fence=fence), _:
                self._claims[fence] = self.clock.monotonic()
                if len(self._claims) > _REMEMBERED_CLAIMS:
                    self._claims.popitem(last=False)
            case QuotaCommit(), _:
                self._metrics.quota_answered(answer)
            case _, (Fence() as fence, _, Outcome() as outcome, *_) if answer is not False:
                claimed = self._claims.pop(fence, None)
                self._metrics.job_ended(
                    outcome, None if claimed is None else self.clock.monotonic() - claimed
                )
            case Repair(), _:
                self._metrics.job_repaired()
            case _:
                pass


def _name(function: Callable[..., object]) -> str:
    module, name = getattr(function, "__module__", ""), getattr(function, "__name__", "")
    return f"{module.rpartition('.')[2]}.{name.lstrip('_')}"
