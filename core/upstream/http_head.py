"""The head of each request to an HTTP server, as bytes: what MCP wants in it and what a person set.

Headers of MCP 2026-07-28 (basic/transports#standard-request-headers) repeat what the body says,
so that what lies between can route a message without reading it; a server compares the two.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping

import msgspec

from core.protocol.calls import Hello
from core.upstream.http_open import basic
from core.upstream.http_route import Route
from core.upstream.oauth_grant import Proof
from core.upstream.parameters import Headers

# Ours, whatever the config file says: they frame the message, or name the conversation.
RESERVED = frozenset(
    {
        *("host", "content-length", "content-type", "transfer-encoding", "connection", "accept"),
        *("accept-encoding", "te", "upgrade", "expect", "mcp-session-id", "mcp-protocol-version"),
        *("mcp-method", "mcp-name", "last-event-id"),
    }
)
NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
"""Methods whose ``Mcp-Name`` header repeats a member of their params."""

_BASE64 = "=?base64?"
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Heads:
    """Makes heads for one URL; ``settings`` are a person's own headers, resolved.

    ``proof`` gives the line that a sign-in brought, if any.
    """

    def __init__(
        self,
        route: Route,
        settings: Iterable[tuple[str, str]],
        login: str,
        client_version: str,
        proof: Proof,
    ) -> None:
        self.proof = proof
        self._route = route
        own = {name.lower(): (name, value) for name, value in settings}
        lines = [f"Host: {route.authority}"]
        if "user-agent" not in own:
            lines.append(f"User-Agent: mcpproxy-tray/{client_version}")
        if login and "authorization" not in own:
            lines.append(f"Authorization: {basic(login)}")
        if route.proxy is not None and not route.tls and route.proxy_login:
            lines.append(f"Proxy-Authorization: {basic(route.proxy_login)}")
        lines += [f"{name}: {value}" for key, (name, value) in own.items() if key not in RESERVED]
        self._common = "".join(f"{line}\r\n" for line in lines).encode()
        self.session_id = b""  # as the server gave it
        self.parameters: Callable[[], Mapping[str, Headers]] = dict  # by tool

    def post(self, path: str, hello: Hello, method: str, params: bytes, length: int) -> bytes:
        """For a message of so many bytes; ``method`` is empty for an answer."""
        parts = [
            b"POST %b HTTP/1.1\r\n" % self._asked(path),
            self._common,
            self.proof.line,
            b"Content-Type: application/json\r\n",
            b"Accept: application/json, text/event-stream\r\n",
            b"Content-Length: %d\r\n" % length,
            self._conversation(hello),
        ]
        if hello.stateless and method:
            parts.append(b"Mcp-Method: %b\r\n" % in_header(method))
            parts.extend(self._repeated(method, params))
        parts.append(b"\r\n")
        return b"".join(parts)

    def get(self, path: str, hello: Hello, last_id: bytes) -> bytes:
        """For a stream of events, from the one after ``last_id`` on where that is known."""
        last = b"Last-Event-ID: %b\r\n" % last_id if last_id else b""
        return b"GET %b HTTP/1.1\r\n%b%bAccept: text/event-stream\r\n%b%b\r\n" % (
            self._asked(path),
            self._common,
            self.proof.line,
            self._conversation(hello),
            last,
        )

    def delete(self, path: str, hello: Hello) -> bytes:
        """To end the session (MCP 2025-11-25, basic/transports#session-management)."""
        return b"DELETE %b HTTP/1.1\r\n%b%b%b\r\n" % (
            self._asked(path),
            self._common,
            self.proof.line,
            self._conversation(hello),
        )

    def _asked(self, path: str) -> bytes:
        if self._route.proxy is not None and not self._route.tls:
            return f"{self._route.origin}{path}".encode()
        return path.encode()

    def _conversation(self, hello: Hello) -> bytes:
        lines = b""
        if hello.protocol_version:
            lines = b"MCP-Protocol-Version: %b\r\n" % hello.protocol_version.encode()
        if self.session_id and not hello.stateless:
            lines += b"Mcp-Session-Id: %b\r\n" % self.session_id
        return lines

    def _repeated(self, method: str, params: bytes) -> list[bytes]:
        member = NAMED_BY.get(method) or ("taskId" if method.startswith("tasks/") else None)
        if member is None:
            return []
        try:
            members = _members.decode(params)
            name = msgspec.json.decode(members[member], type=str)
        except (msgspec.DecodeError, KeyError):
            return []  # the server will say what it misses
        lines = [b"Mcp-Name: %b\r\n" % in_header(name)]
        wanted = self.parameters().get(name) if method == "tools/call" else None
        for header, path in (wanted or {}).items():
            value = _at(members.get("arguments", msgspec.Raw(b"{}")), path)
            if value is not None:
                lines.append(b"Mcp-Param-%b: %b\r\n" % (header.encode(), in_header(value)))
        return lines


def in_header(value: str) -> bytes:
    """The value as a header can carry it: what is no plain text goes as base64."""
    plain = all(" " <= c <= "~" for c in value) and value == value.strip()
    if plain and not (value.startswith(_BASE64) and value.endswith("?=")):
        return value.encode()
    return f"{_BASE64}{base64.b64encode(value.encode(errors='replace')).decode()}?=".encode()


def _at(arguments: bytes | msgspec.Raw, path: tuple[str, ...]) -> str | None:
    """The argument at a place as a header says it; None where there is none."""
    raw: bytes | msgspec.Raw = arguments
    try:
        for step in path:
            raw = _members.decode(raw)[step]
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, KeyError):
        return None
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float():
            return str(value)
        case _:
            return None
