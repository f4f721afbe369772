"""A function on its way through one of SQLite's threads, and back to its caller."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from db.transactions import Connection


class Work:
    """One function on its way through a thread."""

    def __init__(self, function: Callable[[Connection], object], loop: asyncio.AbstractEventLoop) -> None:
        self.function = function
        self.future: asyncio.Future[object] = loop.create_future()
        self._lock = threading.Lock()
        self._begun = False
        self.withdrawn = False
        self.result: object = None
        self.error: BaseException | None = None
        self.notices: list[tuple[str, str]] = []

    def begin(self) -> bool:
        """Whether the caller still waits; if so, the function is about to run."""
        with self._lock:
            self._begun = not self.withdrawn
            return self._begun

    def withdraw(self) -> bool:
        """Whether the function has not begun, and now never will."""
        with self._lock:
            self.withdrawn = not self._begun
            return self.withdrawn

    def attempt(self, conn: Connection) -> None:
        """Run the function and keep what it answered or raised."""
        self.result, self.error, self.notices = None, None, []
        try:
            self.result = self.function(conn)
        except BaseException as error:  # noqa: BLE001 - handed to the caller's future
            self.error = error
        else:
            self.notices = conn.notices
