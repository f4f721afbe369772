"""A private PostgreSQL server for tests and benchmarks; nothing needs to be installed or running.

``with PostgresServer() as databases`` starts one and hands out databases on it. The fixture
``postgres_server`` is such a ``PostgresDatabases``, of one server that all test processes share.
"""

from tests.postgres.databases import PostgresDatabases
from tests.postgres.installation import Installation, PostgresUnavailable
from tests.postgres.server import PostgresServer

__all__ = ["Installation", "PostgresDatabases", "PostgresServer", "PostgresUnavailable"]
