"""The OpenAPI document is complete: every operation named, every status described, every example of its shape."""

import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from alerts.moves import Hooks, Move
from api import example
from api.app import create_app
from api.hub import Hub
from api.scope import Parts
from carebed.database import Database
from visits.visit import record_arrival, record_departure


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document of an application that is not running."""
    database = Database("postgresql://nobody@127.0.0.1:1/nothing", application="test")
    parts = Parts(database, Hub(database), Hooks(record_arrival, record_departure))
    return create_app(parts, Path("nowhere")).openapi()


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """(method, path, operation) of all."""
    return [(method, path, one) for path, several in document["paths"].items() for method, one in several.items()]


def test_it_is_an_openapi_document_whose_schemas_are_schemas(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    references = set(re.findall(r"'\$ref': '#/components/schemas/(\w+)'", repr(document)))
    assert references <= document["components"]["schemas"].keys()
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_every_operation_has_a_name_of_its_own_a_summary_and_a_tag(document: dict[str, Any]) -> None:
    names = [one["operationId"] for _, _, one in operations(document)]
    assert len(names) == len(set(names))
    for method, path, one in operations(document):
        assert re.fullmatch(r"[a-z][A-Za-z]+", one["operationId"])
        assert one["summary"], (method, path)
        assert one["tags"], (method, path)


def test_every_move_has_its_address(document: dict[str, Any]) -> None:
    for move in Move:
        assert "post" in document["paths"][f"/api/v1/alarms/{{alarm_id}}/{move}"]


def test_every_answer_has_an_example_of_its_shape(document: dict[str, Any]) -> None:
    for method, path, one in operations(document):
        for status, answer in one["responses"].items():
            if status == "204":
                continue
            for media, content in answer["content"].items():
                assert "example" in content, (method, path, status)
                if "json" in media:
                    whole = {**content["schema"], "components": document["components"]}
                    Draft202012Validator(whole).validate(content["example"])
                if int(status) >= 400:
                    assert media == "application/problem+json", (method, path, status)
                    assert content["example"]["status"] == int(status)


def test_every_body_has_an_example_that_the_body_accepts(document: dict[str, Any]) -> None:
    for method, path, one in operations(document):
        for media, content in one.get("requestBody", {}).get("content", {}).items():
            if media != "application/json":
                continue
            whole = {**content["schema"], "components": document["components"]}
            name = re.findall(r"schemas/([\w-]+)'", repr(content["schema"]))[0]
            examples = document["components"]["schemas"][name].get("examples")
            assert examples, (method, path)
            for shown in examples:
                Draft202012Validator(whole).validate(shown)


def test_what_needs_a_sign_in_says_so_and_documents_its_refusal(document: dict[str, Any]) -> None:
    assert document["components"]["securitySchemes"]["bearer"]["flows"]["password"]["tokenUrl"] == "/api/v1/auth/token"
    for _, path, one in operations(document):
        if path == "/api/v1/auth/token":
            assert "security" not in one
        else:
            assert one["security"] == [{"bearer": []}], path
            assert "401" in one["responses"], path


def test_every_write_takes_a_key_and_every_operation_admits_failure(document: dict[str, Any]) -> None:
    for method, path, one in operations(document):
        assert {"500", "503"} <= one["responses"].keys(), path
        if method == "post" and not path.startswith("/api/v1/auth/"):
            assert "Idempotency-Key" in {parameter["name"] for parameter in one["parameters"]}, path
            assert {"400", "403", "404", "413", "415", "422"} <= one["responses"].keys(), path


def test_the_example_is_one_story() -> None:
    assert example.MOVED["id"] == example.ALARM["id"] == example.VISITS["items"][0]["alarm"]
