"""The agent's work on files: confined, exact, and whole or not at all."""

import os
import stat
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from chattool.agent import edits, files
from chattool.agent.answers import TEXT_BUDGET, CallProblem, cost
from chattool.agent.confinement import Root
from chattool.agent.edits import Edit, edit_files
from chattool.agent.files import read_file, write_file
from chattool.agent.listing import ENTRIES_LIMIT, list_files


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """The workspace's directory; beside it lies what must not be touched."""
    directory = tmp_path / "workspace"
    directory.mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    return directory


@pytest.fixture
def root(workspace: Path) -> Root:
    return Root(workspace)


def edit(path: str, old: str, new: str, *, replace_all: bool = False) -> Edit:
    return Edit(path=path, old=old, new=new, replace_all=replace_all)


def listed(answer: dict[str, object]) -> list[str]:
    entries = answer["entries"]
    assert isinstance(entries, list)
    return [entry["path"] for entry in entries]


HOSTILE = [
    "/etc/passwd",
    "../outside/secret",
    "a/../../outside/secret",
    "link/secret",
    "file-link",
    "link/../secret",
    "/proc/self/environ",
    "//etc/passwd",
    "loop/x/../../../outside/secret",
]


Attempt = Callable[[], dict[str, object]]


def lay_traps(workspace: Path) -> None:
    (workspace / "link").symlink_to("../outside")
    (workspace / "file-link").symlink_to(workspace.parent / "outside" / "secret")
    (workspace / "loop").symlink_to("loop")


@pytest.mark.parametrize("path", HOSTILE)
def test_no_path_leads_out_of_the_workspace(workspace: Path, root: Root, path: str) -> None:
    lay_traps(workspace)

    attempts: list[Attempt] = [
        lambda: read_file(root, path, offset=1, limit=1),
        lambda: write_file(root, path, "overwritten"),
        lambda: edit_files(root, [edit(path, "secret", "overwritten")]),
        lambda: list_files(root, path, depth=1, hidden=True),
    ]
    for attempt in attempts:
        with pytest.raises(CallProblem) as refused:
            attempt()
        assert refused.value.reason in {"OUTSIDE_WORKSPACE", "NOT_FOUND", "INVALID_PATH"}
    assert (workspace.parent / "outside" / "secret").read_text() == "secret"
    assert sorted(path.name for path in (workspace.parent / "outside").iterdir()) == ["secret"]


def test_a_folder_that_becomes_a_link_while_it_is_used_leads_nowhere(workspace: Path, root: Root) -> None:
    (workspace / "folder").mkdir()
    place = root.place("folder/secret")
    (workspace / "folder").rmdir()
    (workspace / "folder").symlink_to("../outside")

    with pytest.raises(CallProblem), root.folder(place.parent):
        pass


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000, "\ud800"])
def test_what_is_no_path_is_refused(root: Root, path: str) -> None:
    with pytest.raises(CallProblem):
        read_file(root, path, offset=1, limit=1)


@pytest.mark.parametrize("path", ["loop", "loop/x", "there"])
def test_a_link_without_an_end_is_called_one(workspace: Path, root: Root, path: str) -> None:
    (workspace / "loop").symlink_to("loop")
    (workspace / "there").symlink_to("back")
    (workspace / "back").symlink_to("there")

    with pytest.raises(CallProblem, match="a link that leads to itself") as refused:
        read_file(root, path, offset=1, limit=1)
    assert refused.value.reason == "INVALID_PATH"


@pytest.mark.parametrize("path", ["~", "~/notes"])
def test_a_tilde_is_refused_and_makes_no_folder_of_its_name(workspace: Path, root: Root, path: str) -> None:
    with pytest.raises(CallProblem, match="~ stands for no directory here") as refused:
        write_file(root, path, "text")

    assert refused.value.reason == "INVALID_PATH"
    assert list(workspace.iterdir()) == []
    write_file(root, "./~/notes", "meant")
    assert (workspace / "~" / "notes").read_text() == "meant"


def test_links_inside_the_workspace_and_absolute_paths_work(workspace: Path, root: Root) -> None:
    (workspace / "real").mkdir()
    (workspace / "real" / "file").write_text("text")
    (workspace / "alias").symlink_to("real")

    assert read_file(root, "alias/file", offset=1, limit=9)["content"] == "text"
    assert read_file(root, str(workspace / "real" / "file"), offset=1, limit=9)["path"] == "real/file"
    write_file(root, "alias/file", "changed")

    assert (workspace / "real" / "file").read_text() == "changed"
    assert (workspace / "alias").is_symlink()


def test_lines_are_read_exactly_and_counted(workspace: Path, root: Root) -> None:
    (workspace / "file").write_bytes(b"one\r\n  two\nthree")

    answer = read_file(root, "file", offset=2, limit=1)

    assert answer == {
        "path": "file",
        "bytes": 16,
        "content": "  two\n",
        "start_line": 2,
        "end_line": 2,
        "total_lines": 3,
        "next_offset": 3,
    }
    assert read_file(root, "file", offset=1, limit=9)["content"] == "one\r\n  two\nthree"


def test_a_long_file_is_read_in_pages_that_lose_nothing(workspace: Path, root: Root) -> None:
    text = "".join(f'line {number} "quoted"\t☃\n' for number in range(5000))
    (workspace / "file").write_text(text)
    read, offset = "", 1

    while offset:
        answer = read_file(root, "file", offset=offset, limit=2000)
        assert cost(str(answer["content"])) <= TEXT_BUDGET
        assert answer["total_lines"] == 5000
        read += str(answer["content"])
        following = answer.get("next_offset", 0)
        assert isinstance(following, int)
        offset = following

    assert read == text


def test_a_line_that_is_too_long_is_cut_and_said_to_be(workspace: Path, root: Root) -> None:
    (workspace / "file").write_text("first\n" + "x" * 300_000 + "\nlast\n")

    first = read_file(root, "file", offset=1, limit=9)
    cut = read_file(root, "file", offset=2, limit=9)
    last = read_file(root, "file", offset=3, limit=9)

    assert (first["content"], first["next_offset"], first["total_lines"]) == ("first\n", 2, 3)
    assert cut["cut_lines"] is True
    assert cut["next_offset"] == 3
    assert set(str(cut["content"])) == {"x"}
    assert last["content"] == "last\n"
    assert "cut_lines" not in last


def test_what_is_no_text_is_refused_with_its_type_and_size(workspace: Path, root: Root) -> None:
    (workspace / "picture.png").write_bytes(b"\x89PNG\0\0")

    with pytest.raises(CallProblem, match=r"image/png, 6 bytes") as refused:
        read_file(root, "picture.png", offset=1, limit=1)

    assert refused.value.reason == "BINARY_FILE"


def test_invalid_utf8_is_shown_with_marks_and_survives_an_edit(workspace: Path, root: Root) -> None:
    (workspace / "latin").write_bytes(b"caf\xe9 old\n")

    assert read_file(root, "latin", offset=1, limit=1)["invalid_utf8"] is True
    edit_files(root, [edit("latin", "old", "new")])

    assert (workspace / "latin").read_bytes() == b"caf\xe9 new\n"


@pytest.mark.parametrize("path", ["", ".", "folder"])
def test_a_directory_is_no_file(workspace: Path, root: Root, path: str) -> None:
    (workspace / "folder").mkdir()

    attempts: list[Attempt] = [
        lambda: read_file(root, path, offset=1, limit=1),
        lambda: write_file(root, path, ""),
    ]
    for attempt in attempts:
        with pytest.raises(CallProblem) as refused:
            attempt()
        assert refused.value.reason == "IS_DIRECTORY"


def test_a_pipe_is_neither_waited_for_nor_replaced(workspace: Path, root: Root) -> None:
    os.mkfifo(workspace / "pipe")

    attempts: list[Attempt] = [
        lambda: read_file(root, "pipe", offset=1, limit=1),
        lambda: write_file(root, "pipe", ""),
    ]
    for attempt in attempts:
        with pytest.raises(CallProblem) as refused:
            attempt()
        assert refused.value.reason == "NOT_A_FILE"


def test_a_written_file_has_its_folders_and_keeps_its_mode(workspace: Path, root: Root) -> None:
    made = write_file(root, "a/b/run.sh", "one")
    (workspace / "a/b/run.sh").chmod(0o750)
    replaced = write_file(root, "a/b/run.sh", "two ☃")

    assert made == {"path": "a/b/run.sh", "bytes": 3, "created": True}
    assert replaced == {"path": "a/b/run.sh", "bytes": 7, "created": False}
    assert (workspace / "a/b/run.sh").read_text() == "two ☃"
    assert stat.S_IMODE((workspace / "a/b/run.sh").stat().st_mode) == 0o750
    assert [path.name for path in (workspace / "a/b").iterdir()] == ["run.sh"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    workspace: Path, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "file").write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CallProblem, match="No space left"):
        write_file(root, "file", "new")

    assert (workspace / "file").read_text() == "old"
    assert [path.name for path in workspace.iterdir()] == ["file"]


def test_edits_are_made_in_their_order_over_several_files(workspace: Path, root: Root) -> None:
    (workspace / "one").write_text("a b c\n")
    (workspace / "two").write_text("x x x\n")

    answer = edit_files(
        root, [edit("one", "b", "B"), edit("two", "x", "y", replace_all=True), edit("one", "B c", "d")]
    )

    assert answer == {"files": [{"path": "one", "replacements": 2}, {"path": "two", "replacements": 3}]}
    assert (workspace / "one").read_text() == "a d\n"
    assert (workspace / "two").read_text() == "y y y\n"


TEXT = "def f():\n    return 1\n\n\ndef g():\n    return 1\n"


@pytest.mark.parametrize(
    ("bad", "reason", "says"),
    [
        (edit("two", "return 1", "return 2"), "FOUND_SEVERAL_TIMES", r"found 2 times, at lines 2, 6;"),
        (edit("two", "  return 9\n", "x"), "NOT_FOUND_IN_FILE", r"nearest is line 2: '    return 1'"),
        (edit("two", "  def f():", "x"), "NOT_FOUND_IN_FILE", r"line 1: 'def f\(\):', which differs"),
        (edit("two", "utterly else", "x"), "NOT_FOUND_IN_FILE", r"read_file"),
        (edit("two", "", "x"), "EMPTY_OLD", r"write_file"),
        (edit("two", "g", "g"), "NO_CHANGE", r"the same"),
        (edit("none", "g", "h"), "NOT_FOUND", r"none does not exist"),
        (edit("crlf", "a\nb", "c"), "NOT_FOUND_IN_FILE", r"\\r\\n"),
        (edit("two", "def f", "\ud800"), "INVALID_TEXT", r"no text"),
    ],
)
def test_one_edit_that_cannot_be_made_leaves_all_files_alone(
    workspace: Path, root: Root, bad: Edit, reason: str, says: str
) -> None:
    (workspace / "one").write_text("a")
    (workspace / "two").write_text(TEXT)
    (workspace / "crlf").write_bytes(b"a\r\nb\r\n")

    with pytest.raises(CallProblem, match=says) as refused:
        edit_files(root, [edit("one", "a", "b"), bad])

    assert refused.value.reason == reason
    assert "No file was changed" in str(refused.value)
    assert (workspace / "one").read_text() == "a"
    assert (workspace / "two").read_text() == TEXT
    assert len(list(workspace.iterdir())) == 3


def test_an_edit_that_cannot_be_put_in_place_takes_back_the_others(
    workspace: Path, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (workspace / name).write_text("old")
    commit = files.StagedFile.commit

    def refused_for_two(file: files.StagedFile) -> None:
        if file.place == PurePosixPath("two"):
            raise CallProblem("FILE_ERROR", "two: refused")
        commit(file)

    monkeypatch.setattr(edits, "staged", files.staged)
    monkeypatch.setattr(files.StagedFile, "commit", refused_for_two)
    with pytest.raises(CallProblem, match="refused"):
        edit_files(root, [edit("one", "old", "new"), edit("two", "old", "new")])

    assert [(workspace / name).read_text() for name in ("one", "two")] == ["old", "old"]
    assert len(list(workspace.iterdir())) == 2


def test_files_are_listed_sorted_with_sizes_and_links_not_followed(workspace: Path, root: Root) -> None:
    lay_traps(workspace)
    (workspace / "b").mkdir()
    (workspace / "b" / "inner").write_text("12345")
    (workspace / "b" / "deep").mkdir()
    (workspace / "b" / "deep" / "deepest").write_text("")
    (workspace / "a").write_text("1")
    (workspace / ".hidden").write_text("1")

    answer = list_files(root, "", depth=2, hidden=False)

    assert answer["entries"] == [
        {"path": "a", "type": "file", "bytes": 1},
        {"path": "b", "type": "directory"},
        {"path": "b/deep", "type": "directory"},
        {"path": "b/inner", "type": "file", "bytes": 5},
        {"path": "file-link", "type": "symlink"},
        {"path": "link", "type": "symlink"},
        {"path": "loop", "type": "symlink"},
    ]
    assert listed(list_files(root, "b", depth=9, hidden=True)) == ["b/deep", "b/deep/deepest", "b/inner"]
    assert ".hidden" in listed(list_files(root, ".", depth=1, hidden=True))


def test_a_long_list_shows_what_is_near_and_says_that_there_is_more(workspace: Path, root: Root) -> None:
    for folder in ("a", "b", "c"):
        (workspace / folder).mkdir()
    for number in range(ENTRIES_LIMIT):
        (workspace / "a" / f"{number:04}").write_text("")

    answer = list_files(root, "", depth=2, hidden=False)

    assert answer["has_more"] is True
    assert {"a", "b", "c"} <= set(listed(answer))
    assert sum(cost(path) for path in listed(answer)) <= TEXT_BUDGET


def test_names_that_are_no_text_are_shown_with_marks(workspace: Path, root: Root) -> None:
    (workspace / os.fsdecode(b"caf\xe9")).write_text("")

    assert listed(list_files(root, "", depth=1, hidden=False)) == ["caf\ufffd"]


def test_what_is_missing_says_what_to_do(root: Root) -> None:
    attempts: list[Attempt] = [
        lambda: read_file(root, "none", offset=1, limit=1),
        lambda: list_files(root, "none", depth=1, hidden=False),
    ]
    for attempt in attempts:
        with pytest.raises(CallProblem, match="list_files") as refused:
            attempt()
        assert refused.value.reason == "NOT_FOUND"
