"""Arguments of the tools that work inside a running workspace."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from chattool.arguments import (
    NO_TEXT,
    OURS,
    CountingNumber,
    Seconds,
    TextsByName,
    TimeLimit,
    ToolArgs,
    Verbatim,
    WholeNumber,
    echo,
    is_text,
    wait_field,
)

if TYPE_CHECKING:
    from pydantic import ValidationInfo

_TRUE, _FALSE = (True, 1, "true", "True", "1", "yes"), (False, 0, "false", "False", "0", "no", "")
_EDITS_TEXT = "edits must be a list of objects with path, old and new; {problem}"


def _flag(value: object, info: ValidationInfo) -> bool:
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise PydanticCustomError(OURS, "{field} must be true or false", {"field": info.field_name or ""})


Flag = Annotated[bool, BeforeValidator(_flag)]


class FileEdit(BaseModel):
    """One exact text to replace in one file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = Field(description="Path of the file.")
    old: str = Field(
        description="Text to replace, exactly as it is in the file, blanks and line ends included. "
        "It must occur once, unless replace_all is set."
    )
    new: str = Field(description="Text to put in its place.")
    replace_all: Flag = Field(default=False, description="Replace every occurrence.")


def _edits(value: object) -> list[FileEdit]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = None
    edits = [value] if isinstance(value, Mapping) else value
    if not isinstance(edits, list):
        raise _bad_edits("it is no list")
    if not edits:
        raise _bad_edits("it is empty")
    return [_edit(number, each) for number, each in enumerate(edits, 1)]


def _edit(number: int, value: object) -> FileEdit:
    if isinstance(value, FileEdit):
        return value
    if not isinstance(value, Mapping):
        raise _bad_edit(number, "it is no object")
    given = {name: each for name, each in value.items() if each is not None}
    for name in ("path", "old", "new"):
        if not isinstance(text := given.get(name), str):
            raise _bad_edit(number, f"{name} is required and must be text")
        if not is_text(text):
            raise _bad_edit(number, f"{name} {NO_TEXT}")
    if unknown := given.keys() - FileEdit.model_fields.keys():
        raise _bad_edit(number, f'unknown key "{str(min(unknown, key=str))[:80]}"')
    if given.get("replace_all", False) not in (*_TRUE, *_FALSE):
        raise _bad_edit(number, "replace_all must be true or false")
    return FileEdit.model_validate(given)


def _bad_edit(number: int, problem: str) -> PydanticCustomError:
    return _bad_edits(f"item {number}: {problem}")


def _bad_edits(problem: str) -> PydanticCustomError:
    return PydanticCustomError(OURS, _EDITS_TEXT, {"problem": problem})


def _environment(env: dict[str, str]) -> dict[str, str]:
    for name, value in env.items():
        if not name:
            raise PydanticCustomError(OURS, "env has an empty name")
        if "=" in name or "\0" in name:
            text = "env has a name that no environment variable can have: {name}"
            raise PydanticCustomError(OURS, text, {"name": echo(name)})
        if "\0" in value:
            text = "env has a value with the character NUL: {name}"
            raise PydanticCustomError(OURS, text, {"name": name})
    return env


_PROCESS_ID = "The process_id that execute answered."
_PATH = "relative to the workspace's directory, or absolute and inside it"


class ExecuteArgs(ToolArgs):
    """Arguments of ``execute``."""

    command: Verbatim = Field(description="Command line for the shell (bash where the workspace has it).")
    cwd: Verbatim = Field(default="", description=f"Directory to run in, {_PATH}. Left out: that directory.")
    env: Annotated[TextsByName, AfterValidator(_environment)] = Field(
        default_factory=dict, description="More environment variables, by name."
    )
    timeout_seconds: TimeLimit | None = Field(
        default=None,
        description="The command is ended after this time, however long calls wait. Left out: 60; with "
        "background: never.",
    )
    background: Flag = Field(
        default=False,
        description="Answer at once and let it run on, as for a server. Read its output by process_output.",
    )
    wait_seconds: Seconds | None = wait_field("the command to end", goes_on_with="process_output")


class ProcessOutputArgs(ToolArgs):
    """Arguments of ``process_output``."""

    process_id: str = Field(description=_PROCESS_ID)
    after: WholeNumber = Field(
        default=0,
        description="Only output after this place: the next_after of an earlier answer. "
        "Left out: from the start.",
    )
    wait_seconds: Seconds = Field(
        default=0, description="How many seconds to wait for the command to end. Left out: 0, do not wait."
    )


class StopProcessArgs(ToolArgs):
    """Arguments of ``stop_process``."""

    process_id: str = Field(description=_PROCESS_ID)


class ReadFileArgs(ToolArgs):
    """Arguments of ``read_file``."""

    path: Verbatim = Field(description=f"Path of the file, {_PATH}.")
    offset: CountingNumber = Field(default=1, description="First line to read, from 1.")
    limit: CountingNumber = Field(default=2000, description="How many lines to read at most.")


class WriteFileArgs(ToolArgs):
    """Arguments of ``write_file``."""

    path: Verbatim = Field(description=f"Path of the file, {_PATH}.")
    content: Verbatim = Field(description="The whole new content.")


class EditFilesArgs(ToolArgs):
    """Arguments of ``edit_files``."""

    edits: Annotated[list[FileEdit], BeforeValidator(_edits)] = Field(
        description="The edits, made in this order: all of them, or none."
    )


class ListFilesArgs(ToolArgs):
    """Arguments of ``list_files``."""

    path: Verbatim = Field(default="", description=f"Directory, {_PATH}. Left out: that directory.")
    depth: CountingNumber = Field(default=2, description="How many levels of directories to show, 1 to 10.")
    hidden: Flag = Field(default=False, description="Show names that begin with a dot, too.")
