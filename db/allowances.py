"""What a group may add to the budgets of its members, for those who have no database at hand."""

from __future__ import annotations

from http import HTTPStatus

from db.errors import RequestError, Validation

#: Sums of allowances have to fit into the database's integers.
MOST = 10**12


def checked(allowance: object) -> int:
    """``allowance``, if a group may have it.

    Raises:
        RequestError: it is no whole number, or out of bounds.
    """
    # True is an int to Python, and SQLite would keep 10.5 and hand it to those who count in whole credits.
    if isinstance(allowance, int) and not isinstance(allowance, bool) and 0 <= allowance <= MOST:
        return allowance
    wrong = Validation(field="quota_allowance", detail=f"A whole number of credits from 0 to {MOST}.")
    raise RequestError(HTTPStatus.BAD_REQUEST, "Invalid allowance.", validations=[wrong])
