"""Requests that are malformed on purpose: each is refused in our own words, and none breaks the server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from chattool.api.app import BODY_LIMIT_BYTES
from tests.surfaces.http.api_host import ApiHost, Person

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

JSON = {"Content-Type": "application/json"}


def is_ours(answer: httpx.Response) -> bool:
    return isinstance(answer.json(), dict) and isinstance(answer.json().get("message"), str)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"username": NaN}',
        b'{"username": "a\\u0000"}',
    ],
    ids=["empty", "cut", "list", "null", "text", "binary", "deep", "nan", "nul"],
)
async def test_a_body_that_is_no_valid_object_is_refused(owner: Person, body: bytes) -> None:
    answer = await owner.client.post("/users", content=body, headers=JSON)

    assert answer.status_code == 400
    assert is_ours(answer)


async def test_a_body_over_the_limit_is_refused_whether_it_is_announced_or_not(owner: Person) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(BODY_LIMIT_BYTES // 1024 + 2):
            yield b" " * 1024

    announced = await owner.client.post("/users", content=b" " * (BODY_LIMIT_BYTES + 1), headers=JSON)
    streamed = await owner.client.post("/users", content=endless(), headers=JSON)

    for answer in (announced, streamed):
        assert (answer.status_code, is_ours(answer)) == (413, True)


async def test_a_body_with_room_for_a_state_is_read_of_signed_in_users_only(
    api: ApiHost, owner: Person
) -> None:
    read_bytes = 0

    async def long() -> AsyncIterator[bytes]:
        nonlocal read_bytes
        yield b'{"transition": "stop", "state": "'
        for _ in range(8):
            read_bytes += BODY_LIMIT_BYTES
            yield b"A" * BODY_LIMIT_BYTES
        yield b'"}'

    path = f"/workspaces/{owner.user.id}/builds"
    nobody = await api.client("wrong")

    # There is no such workspace, which only who has been read to the end can be told.
    assert (await owner.client.post(path, content=long(), headers=JSON)).status_code == 404
    assert read_bytes == 8 * BODY_LIMIT_BYTES
    assert (await nobody.post(path, content=b"{", headers=JSON)).status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "/users/..%2f..%2fetc%2fpasswd",
        "/users/%00",
        "/users/" + "x" * 3000,
        "/organizations/..%5c..",
        "/../../etc/passwd",
        "//users/me",
        "/users/me%0d%0aX-Injected:1",
        "/groups/not-an-id",
        "/nowhere",
        "/users/",
        "/users/me/",
        "/users/me/?x=1",
    ],
)
async def test_a_path_that_leads_nowhere_is_refused(owner: Person, path: str) -> None:
    answer = await owner.client.get(path)

    assert answer.status_code in {400, 404}
    assert is_ours(answer)
    assert "x-injected" not in answer.headers


@pytest.mark.parametrize("since", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
async def test_a_moment_beyond_all_calendars_is_refused(owner: Person, since: str) -> None:
    answer = await owner.get(f"/workspaces/{owner.user.id}/builds", params={"since": since})

    assert (answer.status_code, answer.json()["validations"][0]["field"]) == (400, "since")


async def test_a_method_that_a_route_lacks_is_refused(owner: Person) -> None:
    answer = await owner.client.request("TRACE", "/users/me")

    assert (answer.status_code, is_ours(answer)) == (405, True)


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /api/v2/users HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/v2/users HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /api/v2/users/me HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=["version", "smuggling", "negative length", "bad chunk", "huge header", "tls"],
)
async def test_bytes_that_are_no_request_end_their_connection_only(
    api: ApiHost, owner: Person, raw: bytes
) -> None:
    host, port = api.root.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    answer = b""
    with contextlib.suppress(ConnectionError):  # a server may hang up on the rest of a flood
        writer.write(raw)
        writer.write_eof()
        async with asyncio.timeout(20):
            answer = await reader.read()
    writer.close()

    assert not answer or answer.split()[1][:1] == b"4"
    assert (await owner.get("/users/me")).status_code == 200


async def test_a_client_that_leaves_in_the_middle_of_its_request_is_no_error_of_ours(
    api: ApiHost, owner: Person, caplog: pytest.LogCaptureFixture
) -> None:
    half = {"type": "http.request", "body": b"half", "more_body": True}
    parts: Iterator[dict[str, object]] = iter([half, {"type": "http.disconnect"}])
    sent: list[object] = []

    async def receive() -> dict[str, object]:
        return next(parts)

    async def send(message: object) -> None:
        sent.append(message)

    request = owner.client.build_request("POST", "/files", content=b"half and more")
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": request.url.path,
        "raw_path": request.url.raw_path,
        "query_string": b"",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 12345),
    }
    await api.app(scope, receive, send)

    async with httpx.AsyncClient() as nobody:
        metrics = (await nobody.get(f"{api.root}/metrics")).text
    assert (sent, [record.levelname for record in caplog.records if record.levelno > 20]) == ([], [])
    assert 'seconds_count{method="POST",route="/files",status="499"} 1.0' in metrics


async def test_two_headers_with_tokens_do_not_add_up(api: ApiHost, owner: Person) -> None:
    bob = await api.person("bob")
    client = await api.client(bob.key, headers={"Authorization": f"Bearer {owner.key}"})

    assert (await client.get("/users/me")).json()["username"] == "bob"


async def test_an_internal_error_tells_nothing(api: ApiHost, owner: Person) -> None:
    async def broken() -> None:
        raise RuntimeError("a secret of ours")

    api.app.add_api_route("/api/v2/broken", broken)

    answer = await owner.get("/broken")

    assert answer.status_code == 500
    assert is_ours(answer)
    assert "secret" not in answer.text


async def test_answers_are_not_kept_by_caches_and_not_taken_for_something_else(owner: Person) -> None:
    for path in ("/users/me", "/users/nobody"):
        headers = (await owner.get(path)).headers
        assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
