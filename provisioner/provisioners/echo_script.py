"""The steps that an echo template plays, read from its JSON files."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from db.states import LogLevel
from provisioner.errors import TemplateInvalid
from provisioner.protocol import Agent, MetadataItem, Parameter, Preset, Resource, Variable
from provisioner.template_definitions import agent_in, parameter_in, preset_in, variable_in
from provisioner.template_section import KeyPath, Section
from provisioner.terminal import FailureReason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REASONS = [reason.name for reason in FailureReason if reason > FailureReason.UNSPECIFIED]
REPEAT_LIMIT = 1_000_000
DELAY_LIMIT_MS = 10**12


@dataclass(frozen=True, kw_only=True)
class LogStep:
    """Lines to log."""

    level: LogLevel
    output: str
    stage: str | None
    repeat: int


@dataclass(frozen=True, kw_only=True)
class Complete:
    """The answer of a call."""

    cost: int | None = None
    resources: tuple[Resource, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    presets: tuple[Preset, ...] = ()
    variables: tuple[Variable, ...] = ()
    readme: str = ""
    state: bytes | None = None
    error: str = ""

    @property
    def daily_cost(self) -> int:
        """The stated cost, else that of the resources."""
        if self.cost is not None:
            return self.cost
        return sum(resource.daily_cost for resource in self.resources)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One file. What it holds happens in the order of the fields."""

    ignore_interrupt: bool = False
    delay: timedelta | None = None
    log: LogStep | None = None
    crash: bool = False
    terminal: tuple[FailureReason, str] | None = None
    complete: Complete | None = None


def read_script(source: Path, *kinds: str) -> list[Step]:
    """The steps of ``<i>.<kind>.json``, the first kind that exists for each i; empty without files.

    Raises:
        TemplateInvalid: a file is no JSON, or holds what no step has.
    """
    return [_step(name, content) for name, content in _files(source, kinds)]


def _files(source: Path, kinds: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    for index in itertools.count():
        paths = [source / f"{index}.{kind}.json" for kind in kinds]
        path = next((path for path in paths if path.is_file()), None)
        if path is None:
            return
        yield path.name, path.read_bytes()


class _JsonFile:
    def __init__(self, name: str) -> None:
        self._name = name

    def place(self, path: KeyPath) -> str:  # noqa: ARG002 - JSON is read without its lines
        return self._name


@lru_cache(maxsize=64)
def _step(name: str, content: bytes) -> Step:
    try:
        document = json.loads(content)
    except json.JSONDecodeError as error:
        text = f"{name}:{error.lineno}: {error.msg} at column {error.colno}"
        raise TemplateInvalid(text) from error
    except (ValueError, RecursionError) as error:
        raise TemplateInvalid(f"{name}: cannot be read as JSON: {error}") from error
    section = Section(_JsonFile(name), document)
    repeat = section.integer("repeat", 1, minimum=0, maximum=REPEAT_LIMIT)
    delay_ms = section.optional_integer("delay_ms", minimum=0, maximum=DELAY_LIMIT_MS)
    log, terminal, complete = map(section.section, ("log", "terminal", "complete"))
    step = Step(
        ignore_interrupt=section.flag("ignore_interrupt"),
        delay=None if delay_ms is None else timedelta(milliseconds=delay_ms),
        log=_log(log, repeat) if log else None,
        crash=section.flag("crash"),
        terminal=_terminal(terminal) if terminal else None,
        complete=_complete(complete) if complete else None,
    )
    section.close()
    return step


def _log(section: Section, repeat: int) -> LogStep:
    step = LogStep(
        level=LogLevel(section.word("level", LogLevel, LogLevel.INFO)),
        output=section.text("output", None),
        stage=section.text("stage") if "stage" in section else None,
        repeat=repeat,
    )
    section.close()
    return step


def _terminal(section: Section) -> tuple[FailureReason, str]:
    reason = FailureReason[section.word("reason", REASONS, None)]
    detail = section.text("detail")
    section.close()
    return reason, detail


def _complete(section: Section) -> Complete:
    complete = Complete(
        cost=section.optional_integer("cost", minimum=0),
        resources=tuple(map(_resource, section.sections("resources"))),
        parameters=tuple(map(parameter_in, section.sections("parameters"))),
        presets=tuple(map(preset_in, section.sections("presets"))),
        variables=tuple(map(variable_in, section.sections("variables"))),
        readme=section.text("readme"),
        state=section.text("state").encode() if "state" in section else None,
        error=section.text("error"),
    )
    section.close()
    return complete


def _resource(section: Section) -> Resource:
    resource = Resource(
        type=section.text("type", None),
        name=section.text("name", None),
        daily_cost=section.integer("daily_cost", minimum=0),
        agents=tuple(map(_agent, section.sections("agents"))),
        metadata=tuple(map(_metadata, section.sections("metadata"))),
        hide=section.flag("hide"),
        icon=section.text("icon"),
    )
    section.close()
    return resource


def _metadata(section: Section) -> MetadataItem:
    item = MetadataItem(
        key=section.text("key", None),
        value=section.text("value"),
        sensitive=section.flag("sensitive"),
    )
    section.close()
    return item


def _agent(section: Section) -> Agent:
    troubleshooting_url = section.text("troubleshooting_url")
    external = section.flag("external")
    parent, token = section.text("parent"), section.text("token")
    return replace(
        agent_in(section),
        troubleshooting_url=troubleshooting_url,
        external=external,
        parent=parent,
        token=token,
    )
