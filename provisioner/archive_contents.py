"""Looking into a template's archive without unpacking it."""

from __future__ import annotations

import io
import tarfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from provisioner.archive import DEFAULT_LIMITS
from provisioner.errors import ArchiveInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, kw_only=True)
class ArchivedFile:
    """A regular file in an archive."""

    path: str
    size_bytes: int


def archived_files(data: bytes) -> list[ArchivedFile]:
    """The regular files of a plain tar, by path.

    Raises:
        ArchiveInvalid: not a plain tar, or it has too many entries.
    """
    with _opened(data) as archive:
        sizes = {_path(member): member.size for member in _regular(archive)}
    return [ArchivedFile(path=path, size_bytes=size) for path, size in sorted(sizes.items())]


def archived_content(data: bytes, path: str, *, limit_bytes: int) -> bytes | None:
    """The first ``limit_bytes`` of a file; ``None`` when the archive has no regular file of that path.

    Raises:
        ArchiveInvalid: not a plain tar, or it has too many entries.
    """
    wanted = str(PurePosixPath(path))
    with _opened(data) as archive:
        for member in _regular(archive):
            if _path(member) == wanted and (file := archive.extractfile(member)) is not None:
                with file:
                    return file.read(limit_bytes)
    return None


@contextmanager
def _opened(data: bytes) -> Iterator[tarfile.TarFile]:
    try:
        # "r:" takes no compression, so what is read is never larger than what was uploaded.
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            yield archive
    except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError) as error:
        raise ArchiveInvalid(f"the archive is not a readable, uncompressed tar: {error}") from error


def _regular(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for count, member in enumerate(archive, start=1):
        if count > DEFAULT_LIMITS.count:
            raise ArchiveInvalid(f"the archive has over {DEFAULT_LIMITS.count} entries")
        if member.isreg():
            yield member


def _path(member: tarfile.TarInfo) -> str:
    # A name that is not UTF-8 comes with half surrogate pairs, which no answer can carry.
    return str(PurePosixPath(member.name)).encode("utf-8", "replace").decode()
