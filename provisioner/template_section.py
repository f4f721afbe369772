"""Reading a template's files key by key, so that every mistake is named with its place."""

from __future__ import annotations

import difflib
import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from provisioner.errors import TemplateInvalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

KeyPath = tuple[str | int, ...]
"""Where a value stands: ``("parameters", 0, "name")``."""

INT64_MAX = 2**63 - 1


class TemplateFile(Protocol):
    """Knows where in a file a key stands."""

    def place(self, path: KeyPath) -> str:
        """The file, and the line where it is known, as the beginning of an error text."""
        ...


class Section:
    """A table of a template file. Its keys are taken one by one; ``close`` refuses the others.

    Every method raises ``TemplateInvalid``, naming file, line and key, for what does not fit.
    """

    def __init__(self, file: TemplateFile, values: object, path: KeyPath = ()) -> None:
        self._file = file
        self._path = path
        self._taken: set[str] = set()
        if not isinstance(values, dict):
            raise self._invalid(path, "must be a table of keys and values")
        self._values: Mapping[str, object] = values

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def mistake(self, key: str, problem: str) -> TemplateInvalid:
        """An error about ``key`` for the caller to raise."""
        return self._invalid((*self._path, key), problem)

    def text(self, key: str, default: str | None = "") -> str:
        """A string; one that must be there has the default ``None``."""
        value = self._take(key)
        if value is None:
            if default is None:
                raise self.mistake(key, "is missing")
            return default
        if not isinstance(value, str):
            raise self.mistake(key, f"must be text, not {_kind(value)}")
        return value

    def word(self, key: str, words: Iterable[str], default: str | None) -> str:
        """One of the given words."""
        value = self.text(key, default)
        known = tuple(words)
        if value not in known:
            raise self.mistake(key, f'must be one of {", ".join(known)}, not "{value}"')
        return value

    def flag(self, key: str, *, default: bool = False) -> bool:
        """True or false."""
        value = self._take(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.mistake(key, f"must be true or false, not {_kind(value)}")
        return value

    def optional_integer(
        self, key: str, *, minimum: int = -INT64_MAX, maximum: int = INT64_MAX
    ) -> int | None:
        """A whole number, if it is there."""
        value = self._take(key)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.mistake(key, f"must be a whole number, not {_kind(value)}")
        if value < minimum:
            raise self.mistake(key, f"must be at least {minimum}")
        if value > maximum:
            raise self.mistake(key, f"must be at most {maximum}")
        return value

    def integer(
        self, key: str, default: int = 0, *, minimum: int = -INT64_MAX, maximum: int = INT64_MAX
    ) -> int:
        """A whole number."""
        value = self.optional_integer(key, minimum=minimum, maximum=maximum)
        return default if value is None else value

    def duration(self, key: str) -> timedelta | None:
        """A number of seconds, or a text like ``1h30m``."""
        value = self._take(key)
        seconds: float | None = None
        if isinstance(value, str) and value and (match := _DURATION.fullmatch(value)):
            hours, minutes, rest = (int(number or 0) for number in match.groups())
            seconds = hours * 3600 + minutes * 60 + rest
        elif isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value
        elif value is None:
            return None
        # The largest duration that fits the database, so that no later sum can overflow.
        if seconds is None or not 0 <= seconds <= INT64_MAX / 1e9:
            raise self.mistake(key, 'must be a duration like "2h" or "1h30m", or seconds')
        return timedelta(seconds=seconds)

    def value(self, key: str) -> str | None:
        """The text of a parameter's value; numbers, booleans and lists may be written as such."""
        value = self._take(key)
        return None if value is None else self._value_text((*self._path, key), value)

    def values(self, key: str) -> dict[str, str]:
        """A table of parameter values."""
        table = self.section(key)
        if table is None:
            return {}
        path = (*self._path, key)
        return {
            name: table._value_text((*path, name), value)  # noqa: SLF001 - of the same class
            for name, value in table._values.items()  # noqa: SLF001
        }

    def section(self, key: str) -> Section | None:
        """The table ``key``, if there is one."""
        value = self._take(key)
        return None if value is None else Section(self._file, value, (*self._path, key))

    def sections(self, key: str) -> list[Section]:
        """The tables of the list ``key``; empty without it."""
        value = self._take(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.mistake(key, f"must be a list of tables, not {_kind(value)}")
        path = (*self._path, key)
        return [Section(self._file, item, (*path, index)) for index, item in enumerate(value)]

    def close(self) -> None:
        """Refuse keys that nobody took."""
        for key in self._values.keys() - self._taken:
            close = difflib.get_close_matches(key, self._taken, n=1)
            hint = f'; did you mean "{close[0]}"?' if close else ""
            raise self.mistake(key, f"is not a key that is known here{hint}")

    def _take(self, key: str) -> object:
        self._taken.add(key)
        return self._values.get(key)

    def _value_text(self, path: KeyPath, value: object) -> str:
        match value:
            case str():
                return value
            case bool():
                return "true" if value else "false"
            case int() | float():
                return str(value)
            case list() if all(isinstance(item, str) for item in value):
                return json.dumps(value)
            case _:
                raise self._invalid(path, f"cannot be a value: {_kind(value)}")

    def _invalid(self, path: KeyPath, problem: str) -> TemplateInvalid:
        name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
        subject = f' "{name.removeprefix(".")}"' if name else ""
        return TemplateInvalid(f"{self._file.place(path)}:{subject} {problem}")


_DURATION = re.compile(r"(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?")


_KINDS = {
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "a table",
    type(None): "nothing",
}


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "a date or time")
