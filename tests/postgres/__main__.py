"""Prints which PostgreSQL the tests would use; exit code 1 when there is none."""

import sys

from tests.postgres.installation import Installation, PostgresUnavailable

try:
    print(Installation.find().description)  # noqa: T201 - the result of this command
except PostgresUnavailable as error:
    sys.exit(str(error))
