"""One server for all processes of a test run."""

from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

from tests.postgres.databases import PostgresDatabases
from tests.postgres.installation import PostgresUnavailable
from tests.postgres.server import PostgresServer


class SharedPostgres:
    """The server of this test run, started when first asked for.

    Under xdist the controller starts it and tells its workers where it is: the server has one
    owner, and ends with it.
    """

    def __init__(self) -> None:
        self._exit = ExitStack()
        self._answer: PostgresDatabases | str | None = None

    def answer(self) -> PostgresDatabases | str:
        """The server, or a sentence that says why there is none."""
        if self._answer is None:
            try:
                self._answer = self._exit.enter_context(PostgresServer())
            except PostgresUnavailable as error:
                self._answer = str(error)
        return self._answer

    def to_worker(self) -> dict[str, Any] | str:
        """The answer in plain types, for ``from_controller`` in another process."""
        answer = self.answer()
        return answer if isinstance(answer, str) else asdict(answer)

    def from_controller(self, sent: dict[str, Any] | str) -> None:
        """Take over what the controller knows, in place of starting a server."""
        self._answer = sent if isinstance(sent, str) else PostgresDatabases(**sent)

    def summary(self) -> str:
        """Which server was used, or why none, for people; empty when nobody asked."""
        match self._answer:
            case PostgresDatabases(description=description):
                return f"PostgreSQL {description}"
            case str(reason):
                return reason
            case None:
                return ""

    def close(self) -> None:
        """End the server, if this process started it."""
        self._exit.close()
