"""Template archives: what goes in comes out, and nothing lands outside."""

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from provisioner.archive import ArchiveLimits, packed, unpack
from provisioner.errors import ArchiveInvalid


def tar_of(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member, content in entries:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def entry(
    name: str, content: bytes = b"", *, kind: bytes = tarfile.REGTYPE, to: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, to
    return member, content


def link(name: str, to: str) -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, kind=tarfile.SYMTYPE, to=to)


@pytest.fixture
def template(tmp_path: Path) -> Path:
    folder = tmp_path / "template"
    (folder / "src" / "empty").mkdir(parents=True)
    (folder / "template.toml").write_text("name = 'x'")
    (folder / "src" / "run").write_bytes(b"#!/bin/sh\n")
    (folder / "src" / "run").chmod(0o700)
    (folder / "here").symlink_to("src/run")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("secret")
    return folder


def test_a_folder_comes_out_as_it_went_in(template: Path, tmp_path: Path) -> None:
    unpack(packed(template), tmp_path / "out")

    out = tmp_path / "out"
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*")) == [
        "here",
        "src",
        "src/empty",
        "src/run",
        "template.toml",
    ]
    assert (out / "template.toml").read_text() == "name = 'x'"
    assert os.access(out / "src" / "run", os.X_OK)
    assert not os.access(out / "template.toml", os.X_OK)
    assert (out / "here").readlink() == Path("src/run")


def test_the_same_files_give_the_same_bytes(template: Path) -> None:
    before = packed(template)
    os.utime(template / "template.toml", (1, 1))

    assert packed(template) == before


def test_packing_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveInvalid):
        packed(tmp_path / "missing")


@pytest.mark.parametrize("to", ["/etc/passwd", "../outside", "src/../../outside"])
def test_packing_a_link_that_leaves_is_refused(template: Path, to: str) -> None:
    (template / "bad").symlink_to(to)

    with pytest.raises(ArchiveInvalid, match='"bad"'):
        packed(template)


def test_packing_a_device_is_refused(template: Path) -> None:
    os.mkfifo(template / "pipe")

    with pytest.raises(ArchiveInvalid, match='"pipe"'):
        packed(template)


@pytest.mark.parametrize("name", ["/absolute", "../up", "a/../../up", "a/.."])
def test_an_entry_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArchiveInvalid, match="leaves the folder"):
        unpack(tar_of(entry(name, b"x")), tmp_path / "out")

    assert not (tmp_path / "up").exists()


@pytest.mark.parametrize(
    "entries",
    [
        [link("l", "/etc")],
        [link("l", "../x")],
        [link("l", "d/../../x")],
        [link("l", "d/.."), link("d", ".")],
        [link("d", "."), link("l", "d/.."), link("l/evil", "x")],
        [link("a", "b"), link("b", "../x")],
        [link("a", "b"), link("b", "a")],
    ],
)
def test_a_link_that_leaves_the_folder_is_refused(
    tmp_path: Path, entries: list[tuple[tarfile.TarInfo, bytes]]
) -> None:
    with pytest.raises(ArchiveInvalid):
        unpack(tar_of(*entries), tmp_path / "out")

    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_symlink()]


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "l").symlink_to(tmp_path / "target")

    with pytest.raises(ArchiveInvalid):
        unpack(tar_of(entry("l/file", b"x")), tmp_path / "out")

    assert not list((tmp_path / "target").iterdir())


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.LNKTYPE])
def test_devices_and_hard_links_are_refused(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(ArchiveInvalid, match='"thing"'):
        unpack(tar_of(entry("thing", kind=kind, to="other")), tmp_path / "out")


@pytest.mark.parametrize(
    "entries",
    [
        [entry("a", b"1"), entry("a", b"2")],
        [entry("a", b"1"), entry("a/b", b"2")],
        [entry("a", kind=tarfile.DIRTYPE), entry("a", b"1")],
        [entry("a", b"1"), link("a", "b")],
        [entry("n" * 300, b"1")],
    ],
)
def test_entries_that_clash_are_refused(tmp_path: Path, entries: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    with pytest.raises(ArchiveInvalid):
        unpack(tar_of(*entries), tmp_path / "out")


@pytest.mark.parametrize(
    "limits",
    [ArchiveLimits(file_bytes=4), ArchiveLimits(total_bytes=9), ArchiveLimits(count=1)],
)
def test_a_limit_is_an_error_on_both_ways(tmp_path: Path, limits: ArchiveLimits) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "one").write_bytes(b"12345")
    (tmp_path / "in" / "two").write_bytes(b"12345")

    with pytest.raises(ArchiveInvalid):
        packed(tmp_path / "in", limits)
    with pytest.raises(ArchiveInvalid):
        unpack(packed(tmp_path / "in"), tmp_path / "out", limits)


def test_exactly_the_limit_is_allowed(tmp_path: Path) -> None:
    limits = ArchiveLimits(file_bytes=5, total_bytes=10, count=2)

    unpack(tar_of(entry("one", b"12345"), entry("two", b"12345")), tmp_path / "out", limits)

    assert (tmp_path / "out" / "two").read_bytes() == b"12345"


WHOLE = tar_of(entry("one", b"1" * 600), entry("two", b"2"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no tar at all",
        gzip.compress(WHOLE),
        WHOLE[:700],
        WHOLE[:1536],
        WHOLE[:1536] + b"x" * 512 + WHOLE[2048:],
        WHOLE + b"more",
    ],
    ids=["empty", "text", "gzip", "in a file", "after a file", "damaged header", "tail"],
)
def test_what_is_no_whole_tar_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ArchiveInvalid):
        unpack(data, tmp_path / "out")


def test_a_negative_size_is_refused(tmp_path: Path) -> None:
    member = tarfile.TarInfo("bad")
    member.size = -512
    header = member.tobuf(format=tarfile.GNU_FORMAT)

    with pytest.raises(ArchiveInvalid):
        unpack(header + bytes(10240), tmp_path / "out")
