"""The OpenAPI document: complete, valid, and what the program really answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from core.web.openapi import document
from core.web.routes import ROUTES
from tests.fakes.website import website

Json = dict[str, Any]


@pytest.fixture(scope="module")
def spec() -> Json:
    found: Json = json.loads(document(ROUTES, "1.2.3"))
    return found


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for part in node.values():
            yield from references(part)
    elif isinstance(node, list):
        for part in node:
            yield from references(part)


def test_every_route_is_described(spec: Json) -> None:
    """Each with its placeholders, its own name and an answer; nothing else is in the document."""
    described = {(m.upper(), path) for path, methods in spec["paths"].items() for m in methods}
    assert described == {(route.method, route.template) for route in ROUTES}
    names = []
    for path, methods in spec["paths"].items():
        for operation in methods.values():
            names.append(operation["operationId"])
            named = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
            assert named == set(re.findall(r"\{(\w+)\}", path))
            assert any(code.startswith("2") for code in operation["responses"])
    assert len(set(names)) == len(names)


def test_every_route_of_the_api_says_what_it_answers() -> None:
    """Whoever adds a JSON route has to say its shape, and what it takes if it changes something."""
    silent = [
        route.template
        for route in ROUTES
        if "application/json" in route.produces and route.data is None
    ]
    assert silent == ["/api/v1/openapi.json"]


def test_all_references_lead_somewhere(spec: Json) -> None:
    """Each schema that is named is there, and each is a schema of JSON Schema 2020-12."""
    schemas = spec["components"]["schemas"]
    for reference in references(spec):
        assert reference.removeprefix("#/components/schemas/") in schemas
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)


async def test_answers_are_as_described(spec: Json, tmp_path: Path) -> None:
    """What can be read from a running program fits its description, and is described in full."""
    read = 0
    async with website(tmp_path) as site, site.client() as client:
        for route in ROUTES:
            if route.method != "GET" or route.data is None or "{tool}" in route.template:
                continue
            path = route.template.replace("{name}", "one").replace("{client}", "cursor")
            answer = await client.get(path)
            if answer.status_code >= 500:
                continue  # needs what this website does not have, such as a file
            described = spec["paths"][route.template]["get"]["responses"]["200"]
            schema = described["content"]["application/json"]["schema"]
            whole = {**schema, "components": spec["components"]}
            jsonschema.Draft202012Validator(whole).validate(answer.json())
            read += 1
    assert read >= 8
