"""A workspace's directory never leaves the root, and keeps what the user changed."""

from pathlib import Path
from uuid import UUID

import pytest

from db.ids import BuildId, TemplateId, TemplateVersionId, UserId, WorkspaceId
from provisioner.protocol import WorkspaceMetadata
from provisioner.provisioners.local_state import AgentProcess, LocalState, StateInvalid, read_state
from provisioner.provisioners.workspace_directory import (
    DirectoryOutside,
    confined,
    fill,
    new_directory,
    remove,
)

ID = UUID("12345678-0000-4000-8000-000000000000")


def workspace(name: str = "dev", owner: str = "ada") -> WorkspaceMetadata:
    return WorkspaceMetadata(
        workspace_id=WorkspaceId(ID),
        workspace_name=name,
        owner_id=UserId(ID),
        owner_name=owner,
        owner_email="",
        owner_groups=(),
        build_id=BuildId(ID),
        template_id=TemplateId(ID),
        template_name="t",
        template_version_id=TemplateVersionId(ID),
        template_version_name="v",
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "sub").mkdir(parents=True)
    (folder / "template.toml").write_text("")
    (folder / "file").write_text("from the template")
    (folder / "sub" / "run").write_text("x")
    (folder / "sub" / "run").chmod(0o755)
    (folder / "sub" / "link").symlink_to("run")
    return folder


def test_a_new_directory_is_below_owner_and_names_the_id(tmp_path: Path) -> None:
    assert new_directory(tmp_path, workspace()) == tmp_path / "ada" / "dev-12345678"


@pytest.mark.parametrize(
    ("name", "owner"),
    [("x", ".."), ("../../x", "ada"), ("x", "/etc"), ("x", ""), ("x/y", "ada"), ("x", ".agents")],
)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str, owner: str) -> None:
    with pytest.raises(DirectoryOutside):
        new_directory(tmp_path / "root", workspace(name, owner))


@pytest.mark.parametrize(
    "directory", ["/", "/etc", "..", ".", "ada", "ada/other-99999999", "ada/x/../../../dev-12345678"]
)
def test_a_state_cannot_name_another_directory(tmp_path: Path, directory: str) -> None:
    with pytest.raises(DirectoryOutside):
        confined(tmp_path / "root", tmp_path / "root" / directory, workspace())


def test_an_owner_folder_replaced_by_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root" / "ada").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(DirectoryOutside):
        new_directory(tmp_path / "root", workspace())


def test_filling_copies_what_is_not_there_yet(tmp_path: Path, source: Path) -> None:
    directory = tmp_path / "root" / "ada" / "dev"

    assert fill(directory, source) == []
    (directory / "file").write_text("from the user")
    (directory / "sub" / "run").unlink()
    assert fill(directory, source) == []

    assert (directory / "file").read_text() == "from the user"
    assert (directory / "sub" / "run").stat().st_mode & 0o100
    assert (directory / "sub" / "link").readlink() == Path("run")
    assert sorted(path.name for path in directory.iterdir()) == ["file", "sub"]


def test_filling_does_not_follow_links_out(tmp_path: Path, source: Path) -> None:
    directory, elsewhere = tmp_path / "dev", tmp_path / "elsewhere"
    directory.mkdir()
    elsewhere.mkdir()
    (directory / "sub").symlink_to(elsewhere)

    assert fill(directory, source) == ["sub/link", "sub/run"]
    assert list(elsewhere.iterdir()) == []


def test_a_directory_replaced_by_a_link_is_not_filled(tmp_path: Path, source: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "dev").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(DirectoryOutside):
        fill(tmp_path / "dev", source)

    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_removing_takes_write_protected_folders_and_leaves_what_links_lead_to(tmp_path: Path) -> None:
    directory, elsewhere = tmp_path / "dev", tmp_path / "elsewhere"
    (directory / "cache").mkdir(parents=True)
    (directory / "cache" / "file").write_text("x")
    (directory / "cache").chmod(0o555)
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("x")
    (directory / "link").symlink_to(elsewhere)

    remove(directory)
    remove(directory)

    assert not directory.exists()
    assert (elsewhere / "kept").exists()


def test_removing_a_link_in_the_directorys_place_leaves_its_target(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "dev").symlink_to(tmp_path / "elsewhere")

    remove(tmp_path / "dev")

    assert not (tmp_path / "dev").is_symlink()
    assert (tmp_path / "elsewhere").is_dir()


def test_the_state_reads_back() -> None:
    state = LocalState(directory=Path("/x"), agents=(AgentProcess(name="main", pid=7, started=1.5),))

    assert read_state(state.encoded()) == state
    assert read_state(b"") is None


@pytest.mark.parametrize("state", [b"{", b"[]", b"{}", b'{"directory": 3, "agents": []}', b"\xff"])
def test_a_foreign_state_is_refused(state: bytes) -> None:
    with pytest.raises(StateInvalid):
        read_state(state)
