"""What the tools that work inside a running workspace answer."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from chattool.results import Result


class WorkspaceAnswer(Result):
    """An answer from inside a workspace."""

    workspace_id: UUID
    workspace_name: str
    startup: Literal["running", "failed"] | None = None
    """Said while the start-up scripts run, or when they have failed; the workspace can be used all the "
    "same."""


class ProcessResult(WorkspaceAnswer):
    """A command, how it ended or that it runs, and what it wrote: both streams as they came, without colours.

    ``next_after`` is the place in the output up to which this answer goes. ``left_running`` says that the
    command has ended and something that it started has not.
    """

    process_id: str
    running: bool
    exit_code: int | None = None
    signal: str | None = None
    timed_out: Literal[True] | None = None
    left_running: Literal[True] | None = None
    output: str
    output_bytes: int
    omitted_bytes: int | None = None
    next_after: int
    duration_ms: int
    message: str | None = None


class ReadFileResult(WorkspaceAnswer):
    """Lines of a file, exactly as they are; ``next_offset`` is there when there are more."""

    path: str
    bytes: int
    content: str
    start_line: int | None = None
    end_line: int | None = None
    total_lines: int | None = None
    next_offset: int | None = None
    cut_lines: Literal[True] | None = None
    invalid_utf8: Literal[True] | None = None


class WriteFileResult(WorkspaceAnswer):
    """A file was written."""

    path: str
    bytes: int
    created: bool


class EditedFile(Result):
    """One file, and how many occurrences were replaced in it."""

    path: str
    replacements: int


class EditFilesResult(WorkspaceAnswer):
    """All edits were made."""

    files: tuple[EditedFile, ...]


class FileEntry(Result):
    """A file, directory or link; the path is relative to the workspace's directory."""

    path: str
    type: str
    bytes: int | None = None


class ListFilesResult(WorkspaceAnswer):
    """What is in a directory; with ``has_more`` not all of it."""

    path: str
    entries: tuple[FileEntry, ...]
    has_more: Literal[True] | None = None
