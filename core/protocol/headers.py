"""HTTP headers that repeat what the body says, so that nobody on the way has to read it.

MCP 2026-07-28, basic/transports: ``Mcp-Method``, ``Mcp-Name`` and, for arguments that a tool's
schema marks with ``x-mcp-header``, ``Mcp-Param-*``. The server compares them with the body.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from core.protocol.meta import members_of

NAMED_BY = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}
"""Which member of the params ``Mcp-Name`` repeats."""

ANNOTATION = "x-mcp-header"
PARAM = "mcp-param-"

_PLAIN = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?|")
_CODED = re.compile(r"=\?base64\?(.*)\?=", re.DOTALL)
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 §5.6.2
_DECIMAL = re.compile(r"(-?[0-9]+)(?:\.0+)?")
_TYPES = frozenset({"string", "integer", "boolean"})

# Keywords of JSON Schema 2020-12 under which other schemas stand: alone, in a list, by name.
_ONE = frozenset(
    {
        *("items", "contains", "unevaluatedItems", "additionalProperties", "propertyNames"),
        *("unevaluatedProperties", "not", "if", "then", "else", "contentSchema"),
    }
)
_SEVERAL = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_BY_NAME = frozenset({"patternProperties", "dependentSchemas", "$defs", "definitions"})

Path = tuple[str, ...]
Fields = Iterable[tuple[bytes, bytes]]  # names in lower case


class Mismatch(ValueError):
    """Headers and body do not say the same; ``str()`` says which."""


def coded(value: str) -> str:
    """A value as a header may carry it."""
    if _PLAIN.fullmatch(value) and not _CODED.fullmatch(value):
        return value
    return f"=?base64?{base64.b64encode(value.encode()).decode()}?="


def decoded(field: bytes) -> str | None:
    """What a header says, or None when its coding is broken."""
    text = field.decode("latin-1").strip(" \t")
    match = _CODED.fullmatch(text)
    if match is None:
        return text
    try:
        raw = base64.b64decode(match[1], validate=True)
        return raw.decode() if base64.b64encode(raw).decode() == match[1] else None
    except (binascii.Error, UnicodeDecodeError):
        return None


def check(headers: Fields, method: str, params: bytes, version: str) -> None:
    """Compare the three headers every request needs with its body. Raises Mismatch."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in {b"mcp-protocol-version", b"mcp-method", b"mcp-name"}:
            if name in found:
                raise Mismatch(f"the header {name.decode()} stands twice")
            found[name] = value
    if decoded(found.get(b"mcp-protocol-version", b"")) != version:
        raise Mismatch("the header mcp-protocol-version is not what params._meta says")
    if decoded(found.get(b"mcp-method", b"")) != method:
        raise Mismatch("the header mcp-method is not the method of the body")
    member = NAMED_BY.get(method)
    if member is None:
        return
    try:
        named = msgspec.json.decode(members_of(params).get(member, b"null"), type=str | None)
    except msgspec.DecodeError:
        return  # no name at all: the server says what it thinks of it
    if named is not None and decoded(found.get(b"mcp-name", b"")) != named:
        raise Mismatch(f"the header mcp-name is not params.{member}")


# --- arguments --------------------------------------------------------------------------------


def marked(schema: object) -> dict[Path, tuple[str, str]]:
    """Which arguments a tool's input schema wants in headers: path to (header, type).

    None at all when one mark breaks the rules: such a tool is not called with headers.
    """
    found: dict[Path, tuple[str, str]] = {}
    names: set[str] = set()
    for path, position in _positions(schema):
        if ANNOTATION not in position:
            continue
        header, kind = position[ANNOTATION], position.get("type")
        if not path or not isinstance(header, str) or not _TOKEN.fullmatch(header):
            return {}
        if not isinstance(kind, str) or kind not in _TYPES or header.lower() in names:
            return {}
        names.add(header.lower())
        found[path] = (PARAM + header.lower(), kind)
    return found


def _positions(schema: object) -> Iterator[tuple[Path | None, Mapping[str, object]]]:
    """Every schema in the schema, with its chain of properties, or None when off that chain.

    Nothing is dereferenced, so it ends on any finite JSON.
    """
    waiting: list[tuple[Path | None, object]] = [((), schema)]
    while waiting:
        path, node = waiting.pop()
        if not isinstance(node, dict):
            continue
        yield path, node
        for keyword, value in node.items():
            if keyword == "properties" and isinstance(value, dict):
                for name, inner in value.items():
                    waiting.append(((*path, name) if path is not None else None, inner))
            elif keyword in _ONE:
                waiting.append((None, value))
            elif keyword in _SEVERAL and isinstance(value, list):
                waiting.extend((None, inner) for inner in value)
            elif keyword in _BY_NAME and isinstance(value, dict):
                waiting.extend((None, inner) for inner in value.values())


def repeated(schema: object, arguments: object) -> dict[str, str]:
    """The ``Mcp-Param-*`` headers of a call."""
    headers = {}
    for path, (header, _) in marked(schema).items():
        said = _said(_at(arguments, path))
        if said is not None:
            headers[header] = coded(said)
    return headers


def check_arguments(headers: Fields, schema: object, arguments: object) -> None:
    """Compare ``Mcp-Param-*`` with the arguments they repeat. Raises Mismatch."""
    wanted = marked(schema)
    if not wanted:
        return
    found: dict[str, list[bytes]] = {}
    for name, value in headers:
        if name.startswith(b"mcp-param-"):
            found.setdefault(name.decode("latin-1"), []).append(value)
    for path, (header, kind) in wanted.items():
        values = found.get(header, [])
        argument = _at(arguments, path)
        said = _said(argument)
        named = ".".join(path)
        if len(values) > 1:
            raise Mismatch(f"the header {header} stands twice")
        if said is None and values:
            raise Mismatch(f"the header {header} repeats the argument {named}, which is not there")
        if said is None:
            continue
        if not values:
            raise Mismatch(f"the header {header} is missing; the argument {named} is there")
        if not _same(kind, argument, said, decoded(values[0])):
            raise Mismatch(f"the header {header} is not the argument {named}")


def _at(arguments: object, path: Path) -> object:
    node = arguments
    for name in path:
        if not isinstance(node, dict):
            return None
        node = node.get(name)
    return node


def _said(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return msgspec.json.encode(value).decode()
    return None


def _same(kind: str, argument: object, said: str, header: str | None) -> bool:
    """42 and 42.0 are one integer."""
    if header == said:
        return True
    if kind != "integer" or header is None:
        return False
    ours, theirs = _DECIMAL.fullmatch(said), _DECIMAL.fullmatch(header)
    return ours is not None and theirs is not None and ours[1] == theirs[1]
