"""Daemon keys over HTTP, behind whatever decides who may."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from chattool.api.daemon_keys import daemon_keys_router
from db.engine import open_store
from db.errors import NotFound, RequestError
from db.ids import OrganizationId
from tests.scenario import Scenario
from tests.stores import database_url, sqlite_template

__all__ = ["database_url", "sqlite_template"]

PATH = "/api/v2/organizations/default/provisionerkeys"


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with open_store(database_url, migrate=False) as store:
        scenario = await Scenario.on(store)

        async def authorise(organization: str, request: Request) -> OrganizationId:
            if request.headers.get("authorization") != "Bearer owner" or organization != "default":
                raise NotFound
            return scenario.organization_id

        async def refused(_request: Request, error: Exception) -> JSONResponse:
            assert isinstance(error, RequestError)
            return JSONResponse({"message": error.message}, status_code=error.status_code)

        app = FastAPI()
        app.include_router(daemon_keys_router(store, authorise), prefix="/api/v2")
        app.add_exception_handler(RequestError, refused)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            client.headers["Authorization"] = "Bearer owner"
            yield client


async def test_a_key_is_made_listed_without_its_secret_and_revoked(api: httpx.AsyncClient) -> None:
    made = await api.post(PATH, json={"name": "builders", "tags": {"gpu": "yes"}})
    assert (made.status_code, list(made.json())) == (201, ["key"])

    (listed,) = (await api.get(PATH)).json()
    assert (listed["name"], listed["tags"], listed["revoked_at"]) == ("builders", {"gpu": "yes"}, None)
    assert made.json()["key"] not in (await api.get(PATH)).text
    assert (await api.post(PATH, json={"name": "builders"})).status_code == 409

    assert (await api.delete(f"{PATH}/builders")).status_code == 204
    assert (await api.delete(f"{PATH}/builders")).status_code == 404
    assert (await api.get(PATH)).json()[0]["revoked_at"]


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
async def test_keys_are_for_those_who_may(api: httpx.AsyncClient, method: str) -> None:
    path = f"{PATH}/builders" if method == "DELETE" else PATH
    body = {"name": "builders"} if method == "POST" else None

    answer = await api.request(method, path, json=body, headers={"Authorization": "Bearer member"})

    assert answer.status_code == 404


@pytest.mark.parametrize("name", ["", "a b", "x" * 33, "new"])
async def test_a_key_has_a_name_like_everything_else(api: httpx.AsyncClient, name: str) -> None:
    assert (await api.post(PATH, json={"name": name})).status_code == 400
