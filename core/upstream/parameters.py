"""Arguments that have to be repeated in headers: what a tool's input schema says of that.

``x-mcp-header`` beside a property names the header (2026-07-28, basic/transports#custom-headers).
A tool whose annotations are wrong cannot be called as it wants, so it is left out, alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

ANNOTATION = "x-mcp-header"
TYPES = frozenset({"string", "integer", "boolean"})

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, §5.6.2
# Keywords of JSON Schema 2020-12 whose values are schemas; what is not among them is data.
_ONE = frozenset(
    {
        *("items", "contains", "unevaluatedItems", "additionalProperties", "propertyNames"),
        *("unevaluatedProperties", "not", "if", "then", "else", "contentSchema"),
    }
)
_LIST = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_MAP = frozenset({"patternProperties", "dependentSchemas", "$defs", "definitions"})

Path = tuple[str, ...]
Headers = Mapping[str, Path]
"""By header name without ``Mcp-Param-``: the way to the argument."""


class BadAnnotation(ValueError):
    """A tool must not be used; ``str()`` says why."""


def headers_of(schema: bytes) -> Headers:
    """What a tool's input schema wants repeated. Raises BadAnnotation."""
    if ANNOTATION.encode() not in schema:
        return {}
    try:
        root = msgspec.json.decode(schema)
    except (msgspec.DecodeError, RecursionError):
        return {}
    headers: dict[str, Path] = {}
    taken: set[str] = set()
    for path, node in _schemas(root):
        if ANNOTATION not in node:
            continue
        name = node[ANNOTATION]
        where = ".".join(path or ())
        if not path:
            raise BadAnnotation(f"{ANNOTATION} stands where no argument can be")
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise BadAnnotation(f"{where}: {ANNOTATION} is no name of a header")
        kind = node.get("type")
        if not isinstance(kind, str) or kind not in TYPES:
            raise BadAnnotation(f"{where}: only strings, integers and booleans go into a header")
        if name.lower() in taken:
            raise BadAnnotation(f"{where}: the header {name} is taken")
        taken.add(name.lower())
        headers[name] = path
    return headers


def _schemas(root: object) -> Iterator[tuple[Path | None, dict[str, object]]]:
    """Every schema in it, with the way there if that leads through ``properties`` alone."""
    todo: list[tuple[Path | None, object]] = [((), root)]
    while todo:
        path, node = todo.pop()
        if not isinstance(node, dict):
            continue
        yield path, node
        for keyword, value in node.items():
            if keyword == "properties" and isinstance(value, dict):
                todo += [
                    (None if path is None else (*path, name), each) for name, each in value.items()
                ]
            elif keyword in _ONE:
                todo.append((None, value))
            elif keyword in _LIST and isinstance(value, list):
                todo += [(None, each) for each in value]
            elif keyword in _MAP and isinstance(value, dict):
                todo += [(None, each) for each in value.values()]
