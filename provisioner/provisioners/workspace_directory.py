"""A workspace's directory: made, filled and removed, always below the workspace root."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.errors import ProvisionerError
from provisioner.template_toml import FILE_NAME

if TYPE_CHECKING:
    from provisioner.protocol import WorkspaceMetadata


class DirectoryOutside(ProvisionerError):
    """A path that is not below the workspace root, or belongs to another workspace."""

    code = "DIRECTORY_OUTSIDE"


def new_directory(root: Path, workspace: WorkspaceMetadata) -> Path:
    """Where a new workspace's files go.

    Raises:
        DirectoryOutside: a name of the workspace or its owner leads out of the root.
    """
    name = f"{workspace.workspace_name}{_suffix(workspace)}"
    return confined(root, root / workspace.owner_name / name, workspace)


def confined(root: Path, directory: Path, workspace: WorkspaceMetadata) -> Path:
    """``directory`` with its parents resolved, if it is one of this workspace below the root.

    Raises:
        DirectoryOutside: it is not.
    """
    base = root.resolve()
    # The last part itself may have been replaced by a link, which must not be followed.
    place = directory.parent.resolve() / directory.name
    parts = place.relative_to(base).parts if place.is_relative_to(base) else ()
    if len(parts) != 2 or parts[0].startswith(".") or not parts[1].endswith(_suffix(workspace)):  # noqa: PLR2004 - owner and workspace
        raise DirectoryOutside(
            f"not a directory of this workspace below {root}: {directory}; "
            "was it made by a daemon with other --workspaces, or on another host?"
        )
    return place


def fill(directory: Path, source: Path) -> list[str]:
    """Copy the template's files that are not there yet; answers those that could not be placed.

    What the user changed stays. A file whose folder was replaced by a link that leads out of the
    directory is left out.

    Raises:
        DirectoryOutside: the directory is a link.
        OSError: it cannot be written.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    directory.mkdir(mode=0o700, exist_ok=True)
    if directory.is_symlink():
        raise DirectoryOutside(f"the workspace's directory was replaced by a link: {directory}")
    left_out: list[str] = []
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source)
        target = directory / name
        if str(name) == FILE_NAME or os.path.lexists(target):
            continue
        if not target.parent.resolve().is_relative_to(directory) or not target.parent.is_dir():
            left_out.append(str(name))
        elif path.is_symlink():
            target.symlink_to(path.readlink())
        elif path.is_dir():
            target.mkdir()
        else:
            _copy(path, target)
    return left_out


def remove(directory: Path) -> None:
    """Remove the directory, if it is there. Links in it, or in its place, are not followed.

    Raises:
        OSError: something cannot be removed.
    """
    if directory.is_symlink():
        directory.unlink()
        return
    if not directory.exists():
        return
    _make_writable(directory)
    shutil.rmtree(directory)


def _suffix(workspace: WorkspaceMetadata) -> str:
    # Names can be used again, and renamed; the id tells whose directory it is.
    return f"-{workspace.workspace_id.hex[:8]}"


def _copy(source: Path, target: Path) -> None:
    # A half written file would pass for the user's own at the next start.
    unfinished = target.with_name(f".{target.name[:200]}.unfinished")
    shutil.copyfile(source, unfinished)
    shutil.copymode(source, unfinished)
    unfinished.replace(target)


def _make_writable(directory: Path) -> None:
    """Package caches like to write-protect their folders."""
    for folder, names, _ in os.walk(directory):
        for path in [Path(folder), *(Path(folder, name) for name in names)]:
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode) and mode & stat.S_IRWXU != stat.S_IRWXU:
                path.chmod(mode | stat.S_IRWXU)
