"""The OpenAPI document that is kept with the code, and the types made from it."""

import hashlib
import json
from pathlib import Path

from chattool.api import openapi
from chattool.api.app import described_app
from db.states import JobErrorCode
from tests.surfaces.http.operations import PUBLIC, operations

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"
KEPT = REFERENCE / "openapi.json"


def test_the_kept_document_is_that_of_the_routes() -> None:
    assert KEPT.read_text(encoding="utf-8") == openapi.text(), "run scripts/openapi"


def test_the_types_were_made_of_the_kept_document() -> None:
    first_line = (REFERENCE / "openapi.d.ts").read_text(encoding="utf-8").partition("\n")[0]

    assert first_line.endswith(hashlib.sha256(KEPT.read_bytes()).hexdigest()), "run scripts/openapi"


def test_error_code_is_an_enum_of_the_codes_that_exist() -> None:
    schemas = json.loads(KEPT.read_text(encoding="utf-8"))["components"]["schemas"]

    assert schemas["ProvisionerJob"]["properties"]["error_code"]["$ref"].endswith("/JobErrorCode")
    assert set(schemas["JobErrorCode"]["enum"]) == set(JobErrorCode)


def test_every_operation_says_whether_it_needs_a_token_and_how_it_refuses() -> None:
    paths = described_app().openapi()["paths"]
    described = {(method, path): each for path, methods in paths.items() for method, each in methods.items()}

    assert {key for key, each in described.items() if "security" not in each} == PUBLIC
    assert [key for key, each in described.items() if "422" in each["responses"]] == []
    assert [key for key, each in described.items() if "401" not in each["responses"]] == []


def test_operations_have_names_of_their_own() -> None:
    app = described_app()
    names = [each["operationId"] for methods in app.openapi()["paths"].values() for each in methods.values()]

    assert len(names) == len(set(names)) == len(list(operations(app)))
