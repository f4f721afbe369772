"""What the class of an exception says, by names along its MRO.

No SDK is imported, and the HTTP world is split into libraries without a common base class.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import socket
import zlib
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from types import FunctionType

from chattool.chaterror import class_names, providers


class Transport(IntEnum):
    """What a class says about the way to the provider; the smaller number is the more specific finding."""

    NOT_RESOLVED = 1
    TLS_REFUSED = 2
    TLS_ENDED = 3
    ERRNO = 4
    UNREADABLE = 5
    OWN_MISTAKE = 6
    BROKEN = 7


_CANCELLATIONS = (
    asyncio.CancelledError,
    concurrent.futures.CancelledError,
    KeyboardInterrupt,
    SystemExit,
    GeneratorExit,
)


def trait(name: str) -> str:
    """The trigger that ``name`` stands for; no code and no word looks like it."""
    return f"<{name}>"


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassFacts:
    """What a class alone says about its instances."""

    canceled: bool
    deadline: bool
    """The caller's own limit, whatever the instance."""
    transport: Transport | None
    unreadable: bool
    """An answer came, and could not be read."""
    stream_incomplete: bool
    status: int
    row: str
    category: str
    row_name: str
    stands_in: bool
    """Whether the name stands in for a status or a row."""
    provider: str
    from_openai: bool
    traits: frozenset[str]
    """What may be said of an instance, as triggers of rows of evidence."""
    attributes: frozenset[str]
    """Which of ``class_names.ATTRIBUTES`` the class itself provides, so that an instance may have them."""


@lru_cache(maxsize=1024)
def class_facts(cls: type) -> ClassFacts:
    """The facts of ``cls``, looked up once per class."""
    names = [base.__name__ for base in cls.__mro__]
    modules = [base.__module__ for base in cls.__mro__]
    row_name = next(
        (name for name in names if name in class_names.ROWS or name in class_names.CATEGORIES), ""
    )
    row, category = class_names.ROWS.get(row_name, ""), class_names.CATEGORIES.get(row_name, "")
    canceled = issubclass(cls, _CANCELLATIONS) or "RunCancelled" in names
    transport = _transport(cls, names)
    unreadable = any(name in class_names.UNREADABLE or name.endswith("ValidationError") for name in names)
    traits = {
        "canceled": canceled,
        "deadline": issubclass(cls, TimeoutError) or "RunTimedOut" in names,
        "transport": transport is not None or issubclass(cls, OSError),
        "unreadable": unreadable,
        "stream_incomplete": "StreamIncomplete" in names,
        row or category: bool(row_name),
    }
    return ClassFacts(
        canceled=canceled,
        deadline="RunTimedOut" in names,
        transport=transport,
        unreadable=unreadable,
        stream_incomplete="StreamIncomplete" in names,
        status=next((class_names.STATUSES[name] for name in names if name in class_names.STATUSES), 0),
        row=row,
        category=category,
        row_name=row_name,
        stands_in=bool(row_name) or any(name in class_names.STATUSES for name in names),
        provider=_provider(modules),
        from_openai=any(module.partition(".")[0] == "openai" for module in modules),
        traits=frozenset(trait(name) for name, holds in traits.items() if holds),
        attributes=_attributes(cls),
    )


def _provider(modules: list[str]) -> str:
    for module in modules:
        for package, provider in providers.PACKAGES.items():
            if module == package or module.startswith(f"{package}."):
                return provider
    return ""


def _attributes(cls: type) -> frozenset[str]:
    hooks = (vars(base).get(name) for base in cls.__mro__ for name in ("__getattr__", "__getattribute__"))
    if any(isinstance(hook, FunctionType) for hook in hooks):
        return class_names.ATTRIBUTES
    return frozenset(name for base in cls.__mro__ for name in vars(base) if name in class_names.ATTRIBUTES)


def _transport(cls: type, names: list[str]) -> Transport | None:
    modules = {base.__name__: base.__module__.partition(".")[0] for base in cls.__mro__}
    if issubclass(cls, socket.gaierror):
        return Transport.NOT_RESOLVED
    if modules.get("SSLError") == "ssl" and not class_names.TLS_OTHER.intersection(names):
        return Transport.TLS_ENDED if class_names.TLS_ENDED.intersection(names) else Transport.TLS_REFUSED
    if issubclass(cls, zlib.error) or "DecodingError" in names:
        return Transport.UNREADABLE
    if class_names.OWN_MISTAKES.intersection(names):
        return Transport.OWN_MISTAKE
    broken = (
        class_names.BROKEN_TRANSPORT.intersection(names)
        or issubclass(cls, ConnectionError | TimeoutError)
        or modules.get("ProtocolError") == "urllib3"
        or any(name.endswith(("Timeout", "TimeoutError")) for name in names)
    )
    return Transport.BROKEN if broken else None
