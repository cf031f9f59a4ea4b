"""The OpenAPI 3.1 document of the REST interface, made from the table of routes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from core.web.routing import Route
from core.web.wire import Envelope

S = TypeVar("S")

DIALECT = "3.1.0"
JSON = "application/json"
SCHEMAS = "#/components/schemas/{name}"

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_MEANINGS = {
    "name": "The server's name.",
    "tool": "The tool's name.",
    "client": "The AI client's id.",
    "file": "The file's name.",
}

Json = Mapping[str, object]


def document(routes: Iterable[Route[S]], version: str) -> bytes:
    """Every route with what it takes and gives; the same routes give the same bytes."""
    routes = tuple(routes)
    shapes = [shape for route in routes for shape in (route.data, route.body) if shape is not None]
    schemas, components = msgspec.json.schema_components(
        [*shapes, Envelope], schema_hook=_anything, ref_template=SCHEMAS
    )
    schema_of = dict(zip(map(_key, shapes), schemas, strict=False))
    paths: dict[str, dict[str, Json]] = {}
    for route in routes:
        operation = _operation(route, schema_of)
        paths.setdefault(route.template, {})[route.method.lower()] = operation
    whole = {
        "openapi": DIALECT,
        "info": {
            "title": "MCP Proxy Tray",
            "version": version,
            "description": "Programs of the same user need no key on the unix socket.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "bearer": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "mcpproxy_PORT"},
                "proof": {"type": "apiKey", "in": "header", "name": "X-MCPProxy-Visit"},
            },
        },
    }
    return msgspec.json.encode(whole)


def _operation(route: Route[S], schema_of: Mapping[object, Json]) -> Json:
    operation: dict[str, object] = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "responses": {
            str(route.status): _answer(route, schema_of),
            "default": {
                "description": "What went wrong, in a sentence for a person.",
                "content": {JSON: {"schema": {"$ref": SCHEMAS.format(name=Envelope.__name__)}}},
            },
        },
    }
    parameters = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _MEANINGS.get(name, name),
            "schema": {"type": "string"},
        }
        for name in _PLACEHOLDER.findall(route.template)
    ]
    parameters += [
        {"name": name, "in": "query", "description": meaning, "schema": {"type": "string"}}
        for name, meaning in route.query.items()
    ]
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        schema = schema_of[_key(route.body)]
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": schema}}}
    if route.needs_key:
        visit: list[Json] = [{"cookie": [], "proof": []}] if route.by_visit else []
        operation["security"] = [{"header": []}, {"bearer": []}, *visit]
    return operation


def _answer(route: Route[S], schema_of: Mapping[object, Json]) -> Json:
    content: dict[str, Json] = {}
    for kind in route.produces:
        schema: Json = {"type": "string"}
        if kind == JSON:
            schema = schema_of[_key(route.data)] if route.data is not None else {}
            if route.data is not None and route.template.startswith("/api/"):
                schema = _wrapped(schema)
        content[kind] = {"schema": schema}
    return {"description": route.summary, "content": content}


def _wrapped(data: Json) -> Json:
    """The envelope around an answer's data (spec.md §6)."""
    return {
        "type": "object",
        "properties": {"success": {"const": True}, "data": data, "error": {"type": "null"}},
        "required": ["success", "data", "error"],
    }


def _operation_id(route: Route[S]) -> str:
    path = re.sub("/$", "/page", route.template)
    words = [word for word in re.split(r"\W+", path) if word not in ("", "api", "v1")]
    return "_".join([route.method.lower(), *words])


def _key(shape: object) -> object:
    return shape if isinstance(shape, type) else str(shape)


def _anything(shape: type) -> dict[str, object]:
    """What is passed on as it is, of which nothing can be said."""
    return {"description": "Any JSON."} if shape in (object, msgspec.Raw) else {}
