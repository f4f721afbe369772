"""Codes for failure texts that come from outside.

Inside chattool a failure gets its code where it is raised. This table is only for texts of provisioners that
broke, and of imports; ``INSUFFICIENT_QUOTA`` is never read out of a text.
"""

from __future__ import annotations

from db.states import JobErrorCode

_SUBSTRINGS = (
    ("required template variables", JobErrorCode.REQUIRED_TEMPLATE_VARIABLES),
    ("missing parameter", JobErrorCode.MISSING_TEMPLATE_PARAMETER),
)


def code_for_text(text: str) -> JobErrorCode | None:
    """The code of the first row whose words stand in ``text``, compared with case."""
    return next((code for words, code in _SUBSTRINGS if words in text), None)
