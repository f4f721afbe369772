"""``template.toml``: what a template says about itself, and what it costs and runs."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.errors import TemplateInvalid
from provisioner.parameters import contradiction
from provisioner.protocol import Agent, Parameter, ParseResult, Preset, Variable
from provisioner.template_definitions import agent_in, parameter_in, preset_in, variable_in
from provisioner.template_section import Section
from provisioner.toml_lines import TomlLines

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

    from provisioner.template_section import KeyPath

FILE_NAME = "template.toml"
README_NAME = "README.md"
_README_LIMIT_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Template:
    """A template as its file describes it."""

    name: str
    display_name: str
    description: str
    icon: str
    ttl: timedelta | None
    parameters: tuple[Parameter, ...]
    presets: tuple[Preset, ...]
    variables: tuple[Variable, ...]
    agents: tuple[Agent, ...]
    start_cost: int
    """Credits per day of a started workspace, before the chosen options."""
    stop_cost: int
    """Credits per day of a stopped workspace."""

    def parse_result(self, readme: str) -> ParseResult:
        """The part that the import of a template stores."""
        return ParseResult(
            name=self.name,
            display_name=self.display_name,
            description=self.description,
            icon=self.icon,
            ttl=self.ttl,
            readme=readme,
            variables=self.variables,
        )


def read_template(folder: Path) -> Template:
    """The template in ``folder``.

    Raises:
        TemplateInvalid: no such file, no TOML, or a key that is missing, unknown, mistyped or
            contradictory; the text names file, line and key.
    """
    try:
        text = (folder / FILE_NAME).read_bytes().decode()
    except FileNotFoundError:
        raise TemplateInvalid(f"{FILE_NAME} not found") from None
    except (OSError, UnicodeDecodeError) as error:
        raise TemplateInvalid(f"{FILE_NAME}: cannot be read: {error}") from error
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(error) from error
    except (ValueError, RecursionError) as error:
        raise TemplateInvalid(f"{FILE_NAME}: cannot be read as TOML: {error}") from error
    template = _template(Section(_TomlFile(text), document))
    if problem := contradiction(template.parameters, template.presets):
        raise TemplateInvalid(f"{FILE_NAME}: {problem}")
    return template


def read_readme(folder: Path) -> str:
    """The template's README, cut at 1 MiB; empty without one."""
    try:
        with (folder / README_NAME).open("rb") as file:
            text = file.read(_README_LIMIT_BYTES).decode(errors="replace")
    except OSError:
        return ""
    return text.replace("\0", "\ufffd")


class _TomlFile:
    def __init__(self, text: str) -> None:
        self._text = text

    def place(self, path: KeyPath) -> str:
        line = TomlLines(self._text).line(path)
        return FILE_NAME if line is None else f"{FILE_NAME}:{line}"


def _syntax_error(error: tomllib.TOMLDecodeError) -> TemplateInvalid:
    text = str(error)
    if match := re.search(r" \(at line (\d+), column (\d+)\)$", text):
        return TemplateInvalid(f"{FILE_NAME}:{match[1]}: {text[: match.start()]} at column {match[2]}")
    return TemplateInvalid(f"{FILE_NAME}: {text}")


def _template(section: Section) -> Template:
    cost = section.section("cost")
    template = Template(
        name=section.text("name", None),
        display_name=section.text("display_name"),
        description=section.text("description"),
        icon=section.text("icon"),
        ttl=section.duration("ttl"),
        parameters=tuple(map(parameter_in, section.sections("parameters"))),
        presets=tuple(map(preset_in, section.sections("presets"))),
        variables=tuple(map(variable_in, section.sections("variables"))),
        agents=_agents(section),
        start_cost=cost.integer("start", minimum=0) if cost else 0,
        stop_cost=cost.integer("stop", minimum=0) if cost else 0,
    )
    if cost:
        cost.close()
    section.close()
    return template


# The name becomes a file's name and stands in the agent's environment.
_AGENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def _agents(section: Section) -> tuple[Agent, ...]:
    agents: dict[str, Agent] = {}
    for part in section.sections("agents"):
        agent = agent_in(part)
        if not _AGENT_NAME.fullmatch(agent.name):
            raise part.mistake("name", "must consist of letters, digits, - and _")
        if agent.name.lower() in agents:
            raise part.mistake("name", f'is taken by another agent: "{agent.name}"')
        agents[agent.name.lower()] = agent
    return tuple(agents.values()) or (Agent(name="main"),)
