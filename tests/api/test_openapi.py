"""The OpenAPI document is complete: a caller can be written from it alone."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.api.cast import Keys
from tests.api.rehearsal import Rehearsals

Json = dict[str, Any]
OPEN = {"/livez", "/readyz", "/metrics", "/calendar/{token}.ics"}


@pytest.fixture
def document(rehearsals: Rehearsals, client: TestClient) -> Json:
    content: Json = client.get("/openapi.json").json()
    return content


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def unbounded(document: Json, schema: Json, where: str) -> Iterator[str]:
    """Places in a schema where a caller could send text, numbers or lists of any size, or unknown fields."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    for choice in schema.get("anyOf", []) + schema.get("allOf", []):
        yield from unbounded(document, choice, where)
    kind = schema.get("type")
    free_text = kind == "string" and not schema.keys() & {"enum", "const", "format", "maxLength"}
    free_number = kind in ("integer", "number") and not schema.keys() >= {"minimum", "maximum"}
    free_list = kind == "array" and "maxItems" not in schema
    free_object = kind == "object" and schema.get("additionalProperties") is not False
    if free_text or free_number or free_list or free_object:
        yield where
    for name, inner in schema.get("properties", {}).items():
        yield from unbounded(document, inner, f"{where}.{name}")
    if "items" in schema:
        yield from unbounded(document, schema["items"], f"{where}[]")


def test_it_says_what_it_is_and_how_to_show_a_key(document: Json) -> None:
    assert document["openapi"].startswith("3.1")
    assert document["info"]["title"] == "Marrowline"
    assert document["info"]["description"]
    key = document["components"]["securitySchemes"]["key"]
    assert (key["type"], key["scheme"]) == ("http", "bearer")


def test_every_operation_has_an_id_a_tag_that_is_explained_and_a_summary(document: Json) -> None:
    explained = {tag["name"] for tag in document["tags"] if tag["description"]}
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))
    for path, method, operation in operations(document):
        assert operation["tags"], (path, method)
        assert set(operation["tags"]) <= explained, (path, method)
        assert operation["summary"], (path, method)


def test_everything_of_v1_asks_for_a_key_and_nothing_else_does(document: Json) -> None:
    for path, method, operation in operations(document):
        asked = operation.get("security") == [{"key": []}]
        assert asked == path.startswith("/v1/"), (path, method)
        assert path.startswith("/v1/") or path in OPEN


def test_every_operation_documents_what_can_go_wrong_around_it(document: Json) -> None:
    for path, method, operation in operations(document):
        expected = {"500", "503"}
        if path.startswith("/v1/"):
            expected |= {"401", "429"}
        if "parameters" in operation:
            expected.add("422")
        if "requestBody" in operation:
            expected |= {"400", "413", "415", "422"}
        assert expected <= operation["responses"].keys(), (path, method)
        assert any(status.startswith("2") for status in operation["responses"]), (path, method)


def test_every_error_is_a_problem_with_an_example_that_fits(document: Json) -> None:
    required = set(document["components"]["schemas"]["Problem"]["required"])
    for path, method, operation in operations(document):
        for status, answer in operation["responses"].items():
            if int(status) < 400:
                continue
            (media_type,) = answer["content"]
            content = answer["content"][media_type]
            assert media_type == "application/problem+json", (path, method, status)
            assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
            assert content["example"].keys() >= required
            assert content["example"]["status"] == int(status)


def test_what_fastapi_would_say_of_errors_is_nowhere(document: Json) -> None:
    assert not {"HTTPValidationError", "ValidationError"} & document["components"]["schemas"].keys()


def test_every_reference_leads_somewhere(document: Json) -> None:
    def references(part: object) -> Iterator[str]:
        if isinstance(part, dict):
            if isinstance(part.get("$ref"), str):
                yield part["$ref"]
            for inner in part.values():
                yield from references(inner)
        elif isinstance(part, list):
            for inner in part:
                yield from references(inner)

    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= known


def test_whatever_a_caller_may_send_is_bounded(document: Json) -> None:
    found: list[str] = []
    for path, method, operation in operations(document):
        for parameter in operation.get("parameters", []):
            found += unbounded(document, parameter["schema"], f"{method} {path} {parameter['name']}")
        for content in operation.get("requestBody", {}).get("content", {}).values():
            found += unbounded(document, content["schema"], f"{method} {path} body")
    assert found == []


def test_a_route_for_some_roles_names_them_and_documents_403(document: Json) -> None:
    operation = document["paths"]["/v1/audit"]["get"]
    assert operation["x-roles"] == ["auditor"]
    assert "403" in operation["responses"]


def test_a_post_that_changes_something_documents_its_idempotency_key(document: Json) -> None:
    operation = document["paths"]["/v1/rehearsals"]["post"]
    assert "Idempotency-Key".lower() in {one["name"].lower() for one in operation["parameters"]}
    assert {"400", "409", "422"} <= operation["responses"].keys()


def test_reads_answer_with_the_media_type_that_is_documented(app: FastAPI, client: TestClient, keys: Keys) -> None:
    document = app.openapi()
    for path, method, operation in operations(document):
        if method != "get" or "{" in path:
            continue
        answer = client.get(path, headers=keys.ada)
        (media_type,) = operation["responses"][str(answer.status_code)]["content"]
        assert answer.headers["content-type"].startswith(media_type), path
