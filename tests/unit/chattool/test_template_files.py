"""get_template_version_files: the list, one file, and who may not look."""

import io
import tarfile
from collections.abc import Mapping
from uuid import uuid4

import pytest

from db.errors import RequestError
from db.ids import OrganizationId, TemplateId
from tests.unit.chattool.fake_inspection import TemplateContent
from tests.unit.chattool.host import Host, fields


def tar(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def holds(host: Host, archive: bytes) -> str:
    """The id of a version made from the archive."""
    version_id = host.template.active_version_id
    host.backend.content[version_id] = TemplateContent(archive=archive)
    return str(version_id)


async def look(host: Host, version_id: str, path: str = "") -> dict[str, object]:
    return fields(await host.call("get_template_version_files", template_version_id=version_id, path=path))


async def test_without_a_path_the_files_are_listed(host: Host) -> None:
    version_id = holds(host, tar({"b/main.tf": b"12345", "a.txt": b""}))

    assert await look(host, version_id) == {
        "files": [{"path": "a.txt", "bytes": 0}, {"path": "b/main.tf", "bytes": 5}]
    }


async def test_a_long_list_is_cut_and_says_so(host: Host) -> None:
    version_id = holds(host, tar({f"{number:04}": b"" for number in range(401)}))

    answer = await look(host, version_id)

    assert len(answer["files"]) == 400  # type: ignore[arg-type]
    assert answer["truncated"] is True


@pytest.mark.parametrize("path", ["b/main.tf", "./b/main.tf", " b//main.tf "])
async def test_with_a_path_the_file_is_read(host: Host, path: str) -> None:
    version_id = holds(host, tar({"b/main.tf": "größe = 1\n".encode()}))

    answer = await look(host, version_id, path)

    assert (answer["content"], answer["truncated"]) == ("größe = 1\n", False)


@pytest.mark.parametrize(("length", "truncated"), [(40_000, False), (40_001, True)])
async def test_a_long_file_is_cut_and_says_so(host: Host, length: int, truncated: bool) -> None:  # noqa: FBT001 - a parameter of the test
    version_id = holds(host, tar({"long": "😀".encode() * length}))

    answer = await look(host, version_id, "long")

    assert (len(str(answer["content"])), answer["truncated"]) == (40_000, truncated)


@pytest.mark.parametrize("path", ["main.tf", "b", "/etc/passwd", "../b/main.tf"])
async def test_a_path_without_a_file_is_a_text_error(host: Host, path: str) -> None:
    version_id = holds(host, tar({"b/main.tf": b""}))

    response = await host.call("get_template_version_files", template_version_id=version_id, path=path)

    assert (response.is_error, response.content) == (True, f"file not found in template version: {path!r}")


async def test_a_file_that_is_no_text_is_not_shown(host: Host) -> None:
    version_id = holds(host, tar({"logo.png": b"\x89PNG\0\0"}))

    response = await host.call("get_template_version_files", template_version_id=version_id, path="logo.png")

    assert (response.is_error, response.content) == (True, "not a text file: 'logo.png'")


async def test_who_may_not_read_sources_is_sent_to_an_administrator(host: Host) -> None:
    version_id = holds(host, b"")
    host.backend.failures["template_archive"] = [RequestError(403, "Forbidden.")]

    response = await host.call("get_template_version_files", template_version_id=version_id)

    assert response.is_error
    assert "a template administrator must look" in response.content


async def test_a_version_of_elsewhere_does_not_exist(host: Host) -> None:
    foreign = host.backend.add_template(OrganizationId(uuid4()))
    version_id = str(foreign.active_version_id)

    response = await host.call("get_template_version_files", template_version_id=version_id)

    assert (response.is_error, response.content) == (True, "template version not found")
    assert "template_archive" not in host.calls


async def test_a_version_of_a_template_that_is_not_allowed_does_not_exist(host: Host) -> None:
    version_id = holds(host, b"")
    host.configure(allowed_template_ids=frozenset({TemplateId(uuid4())}))

    response = await host.call("get_template_version_files", template_version_id=version_id)

    assert response.content == "template version not found"


@pytest.mark.parametrize("path", ["", "main.tf"])
async def test_a_damaged_archive_is_a_text_error(host: Host, path: str) -> None:
    version_id = holds(host, b"no tar at all" * 100)

    response = await host.call("get_template_version_files", template_version_id=version_id, path=path)

    assert response.is_error
    assert response.content.startswith("read template version files: ")


async def test_an_archive_that_cannot_be_read_is_a_text_error(host: Host) -> None:
    version_id = holds(host, b"")
    host.backend.failures["template_archive"] = [RequestError(400, "broken")]

    response = await host.call("get_template_version_files", template_version_id=version_id)

    assert response.content == "read template version files: broken"
