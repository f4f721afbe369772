"""Looking into archives that are never unpacked."""

import io
import tarfile

import pytest

from provisioner.archive_contents import ArchivedFile, archived_content, archived_files
from provisioner.errors import ArchiveInvalid


def tar(*members: tuple[str, bytes, bytes]) -> bytes:
    """A tar of (name, type, content or link target)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            member.type = kind
            if kind == tarfile.REGTYPE:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            else:
                member.linkname = content.decode()
                archive.addfile(member)
    return buffer.getvalue()


FILE, FOLDER, LINK = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE


def test_only_regular_files_are_listed() -> None:
    data = tar(("b", FOLDER, b""), ("b/x", FILE, b"12"), ("./a", FILE, b""), ("l", LINK, b"/etc/passwd"))

    assert archived_files(data) == [
        ArchivedFile(path="a", size_bytes=0),
        ArchivedFile(path="b/x", size_bytes=2),
    ]


def test_a_link_is_not_followed() -> None:
    data = tar(("l", LINK, b"/etc/passwd"), ("h", tarfile.LNKTYPE, b"/etc/passwd"))

    assert archived_content(data, "l", limit_bytes=10) is None
    assert archived_content(data, "h", limit_bytes=10) is None


def test_only_the_beginning_of_a_file_is_read() -> None:
    assert archived_content(tar(("x", FILE, b"123456")), "./x", limit_bytes=3) == b"123"


def test_a_name_that_is_not_utf_8_can_still_be_shown() -> None:
    (file,) = archived_files(tar(("\udcff", FILE, b"")))

    assert file.path.encode() == b"?"


@pytest.mark.parametrize("data", [b"x" * 2000, b"\x1f\x8b" + b"\0" * 2000], ids=["noise", "gzip"])
def test_what_is_no_plain_tar_is_refused(data: bytes) -> None:
    with pytest.raises(ArchiveInvalid):
        archived_files(data)
    with pytest.raises(ArchiveInvalid):
        archived_content(data, "x", limit_bytes=1)


def test_a_file_that_was_cut_short_is_refused() -> None:
    data = tar(("x", FILE, b"1" * 5000))[:2000]

    with pytest.raises(ArchiveInvalid):
        archived_content(data, "x", limit_bytes=5000)


def test_too_many_entries_are_refused() -> None:
    header = tar(("x", FILE, b""))[:512]

    with pytest.raises(ArchiveInvalid, match="over 10000 entries"):
        archived_files(header * 10_001 + b"\0" * 1024)
