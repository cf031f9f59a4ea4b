"""What stands in the head of a request, and which arguments have to be repeated there."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.protocol.calls import Hello
from core.upstream.http_head import Heads, in_header
from core.upstream.http_route import route_to
from core.upstream.oauth_grant import Fixed
from core.upstream.parameters import BadAnnotation, headers_of

STATEFUL = Hello("2025-11-25")
STATELESS = Hello("2026-07-28")


def heads(url: str = "http://h.example/mcp", login: str = "", **own: str) -> Heads:
    settings = [(name.replace("_", "-"), value) for name, value in own.items()]
    return Heads(route_to(url, {})[0], settings, login, "9", Fixed())


def lines(head: bytes) -> dict[str, str]:
    first, *rest = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    assert first == "POST /mcp HTTP/1.1"
    return dict(line.split(": ", 1) for line in rest)


def post(made: Heads, hello: Hello, method: str, params: object) -> dict[str, str]:
    return lines(made.post("/mcp", hello, method, json.dumps(params).encode(), 5))


def test_a_stateful_server_gets_session_and_version() -> None:
    """And no header of the newer era."""
    made = heads()
    made.session_id = b"s1"
    head = post(made, STATEFUL, "tools/call", {"name": "x"})
    assert head["Mcp-Session-Id"] == "s1"
    assert head["MCP-Protocol-Version"] == "2025-11-25"
    assert head["Content-Length"] == "5"
    assert not {"Mcp-Method", "Mcp-Name"} & set(head)


@pytest.mark.parametrize(
    ("method", "params", "name"),
    [
        ("tools/call", {"name": "a b"}, "a b"),
        ("prompts/get", {"name": "ü"}, "=?base64?w7w=?="),
        ("resources/read", {"uri": "x://y"}, "x://y"),
        ("tasks/get", {"taskId": "7"}, "7"),
        ("tools/list", {}, None),
        ("tools/call", {"name": 5}, None),
        ("tools/call", {}, None),
    ],
)
def test_a_stateless_server_gets_method_and_name(
    method: str, params: object, name: str | None
) -> None:
    """Of those methods that have one; the session of another era never."""
    made = heads()
    made.session_id = b"s1"
    head = post(made, STATELESS, method, params)
    assert head["Mcp-Method"] == method
    assert head.get("Mcp-Name") == name
    assert "Mcp-Session-Id" not in head


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("plain", "plain"),
        ("", ""),
        (" edge", "=?base64?IGVkZ2U=?="),
        (True, "true"),
        (7, "7"),
        (None, None),
        ({"a": 1}, None),
    ],
)
def test_annotated_arguments_are_repeated(value: object, said: str | None) -> None:
    """As text; what is absent or has no such form is left out."""
    made = heads()
    made.parameters = lambda: {"t": {"Deep": ("outer", "inner")}}
    params = {"name": "t", "arguments": {"outer": {"inner": value}}}
    assert post(made, STATELESS, "tools/call", params).get("Mcp-Param-Deep") == said
    assert "Mcp-Param-Deep" not in post(made, STATELESS, "tools/call", {"name": "t"})


def test_what_frames_a_message_is_ours() -> None:
    """A person's headers are sent, but for those; and their own win over the address's login."""
    made = heads(login="u:p", Content_Length="1", HOST="x", Authorization="Bearer k", X_Mine="1")
    head = post(made, STATEFUL, "ping", {})
    assert (head["Host"], head["Content-Length"]) == ("h.example", "5")
    assert (head["Authorization"], head["X-Mine"]) == ("Bearer k", "1")
    assert post(heads(login="u:p"), STATEFUL, "ping", {})["Authorization"] == "Basic dTpw"


@given(st.text())
def test_any_value_fits_into_a_header_and_can_be_read_back(value: str) -> None:
    """Plain where that is safe, else base64; nothing ends the line."""
    said = in_header(value)
    assert all(0x20 <= byte <= 0x7E for byte in said)
    text = said.decode()
    if text.startswith("=?base64?") and text.endswith("?="):
        told = base64.b64decode(text[9:-2]).decode()
        assert told == value.encode(errors="replace").decode()
    else:
        assert text == value == text.strip()


def schema(**properties: object) -> bytes:
    return json.dumps({"type": "object", "properties": properties}).encode()


def noted(name: object = "A", kind: object = "string") -> dict[str, object]:
    return {"type": kind, "x-mcp-header": name}


def test_annotations_name_the_way_to_their_arguments() -> None:
    """Through properties, however deep; data that looks like one is none."""
    deep = {"type": "object", "properties": {"inner": noted("B", "integer")}}
    default = {"type": "object", "default": {"x-mcp-header": "no"}}
    found = headers_of(schema(a=noted(), outer=deep, other=default))
    assert found == {"A": ("a",), "B": ("outer", "inner")}
    assert headers_of(schema(a={"type": "string"})) == {}
    assert headers_of(b'"x-mcp-header": not json') == {}


@pytest.mark.parametrize(
    "bad",
    [
        schema(a=noted("")),
        schema(a=noted("a b")),
        schema(a=noted("a:b")),
        schema(a=noted("ä")),
        schema(a=noted("a\r\nX: y")),
        schema(a=noted(5)),
        *(schema(a=noted(kind=kind)) for kind in ("number", "object", "array", "null", None)),
        schema(a=noted(kind=["string", "null"])),
        schema(a=noted("Same"), b=noted("sAME")),
        schema(a={"type": "array", "items": noted()}),
        schema(a={"anyOf": [noted()]}),
        b'{"type":"object","x-mcp-header":"A"}',
        b'{"$defs":{"x":{"type":"string","x-mcp-header":"A"}}}',
    ],
)
def test_wrong_annotations_are_refused(bad: bytes) -> None:
    """Each of them keeps its tool from being used (2026-07-28, custom headers)."""
    with pytest.raises(BadAnnotation):
        headers_of(bad)
