"""Template archives: a folder as a tar, and back, whatever the tar holds."""

from __future__ import annotations

import errno
import io
import os
import stat
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from provisioner.errors import ArchiveInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator

_MIB = 1 << 20
IGNORED_NAMES = frozenset({".git", ".hg", ".svn", ".bzr", ".jj", "__pycache__", ".DS_Store"})


@dataclass(frozen=True, kw_only=True)
class ArchiveLimits:
    """What an unpacked template may take. Passing a limit is an error; nothing is cut."""

    file_bytes: int = 10 * _MIB
    total_bytes: int = 100 * _MIB
    count: int = 10_000


DEFAULT_LIMITS = ArchiveLimits()


def packed(folder: Path, limits: ArchiveLimits = DEFAULT_LIMITS) -> bytes:
    """The folder as a tar; the same files give the same bytes. Version control data stays out.

    Raises:
        ArchiveInvalid: no such folder, an unreadable file, a link that leaves the folder, a device,
            or a limit is passed; the text names the entry.
    """
    if not folder.is_dir():
        raise ArchiveInvalid(f"not a folder: {folder}")
    budget = _Budget(limits)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in _entries(folder):
            name = path.relative_to(folder).as_posix()
            budget.take_entry(name)
            try:
                _pack(archive, name, path, folder.resolve(), budget)
            except (OSError, UnicodeError) as error:
                raise ArchiveInvalid(f'"{name}" cannot be read: {error}') from error
    return buffer.getvalue()


def unpack(data: bytes, into: Path, limits: ArchiveLimits = DEFAULT_LIMITS) -> None:
    """Write the files of a plain tar below ``into``, which is made when missing.

    After a failure some of the files are there, all of them below ``into``.

    Raises:
        ArchiveInvalid: not a plain tar, damaged, an entry that leaves the folder, a device, or a
            limit is passed; the text names the entry.
        OSError: the folder cannot be written.
    """
    into.mkdir(parents=True, exist_ok=True)
    root = into.resolve()
    budget = _Budget(limits)
    links: dict[Path, tarfile.TarInfo] = {}
    try:
        # "r:" takes no compression, so a small archive cannot hide a large one.
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:", errorlevel=2) as archive:
            for member in archive:
                budget.take_entry(member.name)
                if member.issym():
                    links[_place(root, member)] = member
                else:
                    _unpack(archive, member, root, budget)
            _require_whole(data, archive.offset)
    except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError) as error:
        raise ArchiveInvalid(f"the archive is not a readable, uncompressed tar: {error}") from error
    _make_links(links, root)


class _Budget:
    """Counts what was taken, up to the limits."""

    def __init__(self, limits: ArchiveLimits) -> None:
        self.limits = limits
        self._count = 0
        self._total_bytes = 0

    def take_entry(self, name: str) -> None:
        self._count += 1
        if self._count > self.limits.count:
            raise ArchiveInvalid(f'"{name}": the template has over {self.limits.count} entries')

    def take_file(self, name: str, size: int) -> None:
        if size < 0:
            raise ArchiveInvalid(f'"{name}" has a negative size')
        if size > self.limits.file_bytes:
            raise ArchiveInvalid(f'"{name}" is larger than {self.limits.file_bytes} bytes')
        self._total_bytes += size
        if self._total_bytes > self.limits.total_bytes:
            raise ArchiveInvalid(
                f'"{name}": the files together are larger than {self.limits.total_bytes} bytes'
            )


def _entries(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name not in IGNORED_NAMES:
            yield path
            if path.is_dir() and not path.is_symlink():
                yield from _entries(path)


def _pack(archive: tarfile.TarFile, name: str, path: Path, root: Path, budget: _Budget) -> None:
    member = tarfile.TarInfo(name)
    mode = path.lstat().st_mode
    # Of the mode only the execute bit belongs to the template; the rest is whoever checked it out.
    member.mode = 0o644
    if stat.S_ISREG(mode):
        with path.open("rb") as file:
            content = file.read(budget.limits.file_bytes + 1)
        member.size = len(content)
        budget.take_file(name, member.size)
        if mode & stat.S_IXUSR:
            member.mode = 0o755
        archive.addfile(member, io.BytesIO(content))
    elif stat.S_ISDIR(mode):
        member.type, member.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(member)
    elif stat.S_ISLNK(mode):
        member.type, member.linkname = tarfile.SYMTYPE, str(path.readlink())
        if Path(member.linkname).is_absolute() or not _is_inside(path, root):
            raise ArchiveInvalid(f'"{name}" is a link that leaves the folder: {member.linkname}')
        archive.addfile(member)
    else:
        raise ArchiveInvalid(f'"{name}" is neither a file nor a folder nor a link')


def _place(root: Path, member: tarfile.TarInfo) -> Path:
    """Where the entry belongs; never outside ``root``."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or "\0" in member.name:
        raise ArchiveInvalid(f'"{member.name}" leaves the folder')
    place = root / path
    if not _is_inside(place, root):
        raise ArchiveInvalid(f'"{member.name}" leaves the folder')
    return place


def _is_inside(path: Path, root: Path) -> bool:
    try:
        return path.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # a loop of links, or a name longer than names can be
        return False


_CLASHES = frozenset(
    {errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP}
)


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, root: Path, budget: _Budget) -> None:
    place = _place(root, member)
    try:
        if member.isdir():
            place.mkdir(parents=True, exist_ok=True)
        elif member.isreg():
            budget.take_file(member.name, member.size)
            place.parent.mkdir(parents=True, exist_ok=True)
            _write(archive, member, place)
        else:
            raise ArchiveInvalid(f'"{member.name}" is neither a file nor a folder nor a link')
    except OSError as error:
        if error.errno in _CLASHES:
            raise ArchiveInvalid(f'"{member.name}": {error.strerror}') from error
        raise


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, place: Path) -> None:
    content = archive.extractfile(member)
    if content is None:
        raise ArchiveInvalid(f'"{member.name}" has no content')
    mode = 0o755 if member.mode & stat.S_IXUSR else 0o644
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with content, os.fdopen(descriptor, "wb") as file:
        file.write(content.read())


def _require_whole(data: bytes, end: int) -> None:
    # tarfile takes a damaged header, and the end of a cut file, for the end of the archive.
    rest = data[end:]
    if not rest or rest.strip(b"\0"):
        raise ArchiveInvalid("the archive is damaged or cut short")


def _make_links(links: dict[Path, tarfile.TarInfo], root: Path) -> None:
    """Make links last, when nothing is written any more that could pass through one."""
    made: list[Path] = []
    try:
        for place, member in links.items():
            _make_link(place, member, root)
            made.append(place)
        # Where one leads may depend on another, so they are judged when all are there.
        for place, member in links.items():
            if not _is_inside(place, root):
                raise _leaves(member)
    except ArchiveInvalid:
        for place in reversed(made):
            place.unlink()
        raise


def _make_link(place: Path, member: tarfile.TarInfo, root: Path) -> None:
    absolute = PurePosixPath(member.linkname).is_absolute()
    if absolute or not _is_inside(place.parent, root):
        raise _leaves(member)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(member.linkname)
    except OSError as error:
        if error.errno in _CLASHES:
            raise ArchiveInvalid(f'"{member.name}": {error.strerror}') from error
        raise


def _leaves(member: tarfile.TarInfo) -> ArchiveInvalid:
    return ArchiveInvalid(f'"{member.name}" is a link that leaves the folder: {member.linkname}')
