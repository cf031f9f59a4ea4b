"""``/mcp/s/{server}``: one server as if the client were connected to it directly."""

from __future__ import annotations

import msgspec

from core.gateway.clients import Client
from core.gateway.router import Router
from core.gateway.surface import Running
from core.protocol.calls import Catalogue, Hello
from core.protocol.codes import negotiated

LISTED = {
    "tools/list": "tools",
    "prompts/list": "prompts",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
}
"""List methods and the member of their result that holds the entries."""


class _Named(msgspec.Struct):
    name: str


class _Cursor(msgspec.Struct):
    cursor: str | None = None


class _Uri(msgspec.Struct):
    uri: str


_named = msgspec.json.Decoder(_Named)


class ServerSurface:
    """Implements ``core.gateway.surface.Surface`` for one server."""

    def __init__(self, name: str, router: Router) -> None:
        self.name = name
        self._router = router

    @property
    def key(self) -> str:
        return f"s/{self.name}"

    async def introduce(self, wanted_version: str) -> tuple[str, bytes]:
        session = await self._router.reach(self.name)
        hello = session.hello
        version = negotiated(wanted_version, hello.protocol_version)
        return version, introduction(version, hello)

    async def begin(self, client: Client, method: str, params: bytes) -> bytes | Running:
        session = self._router.live(self.name) or await self._router.reach(self.name)
        if method == "tools/call":
            tool = _tool_named(params)
            return await self._router.start(self.name, session, method, params, tool)
        if method in LISTED and _answered_from_memory(session.hello, method, params):
            return listing(session.catalogue, method)
        if method == "resources/subscribe":
            client.subscriptions[_uri_of(params)] = None
        elif method == "resources/unsubscribe":
            client.subscriptions.pop(_uri_of(params), None)
        return await self._router.start(self.name, session, method, params)

    def notice(self, client: Client, method: str, params: bytes) -> None:
        session = self._router.live(self.name)
        if session is not None and method not in OURS:
            session.notify(method, params)


OURS = {"notifications/initialized", "notifications/roots/list_changed", "notifications/progress"}
"""Notifications that concern the session between the client and us, not the server's."""


def introduction(version: str, hello: Hello) -> bytes:
    """The result of ``initialize``: the server's own words, at the version we agreed on."""
    members: dict[str, object] = {
        "protocolVersion": version,
        "capabilities": msgspec.Raw(hello.capabilities),
        "serverInfo": msgspec.Raw(hello.server_info),
    }
    if hello.instructions:
        members["instructions"] = msgspec.Raw(hello.instructions)
    return msgspec.json.encode(members)


def listing(catalogue: Catalogue, method: str) -> bytes:
    """A whole list on one page."""
    entries = {
        "tools/list": catalogue.tools,
        "prompts/list": catalogue.prompts,
        "resources/list": catalogue.resources,
        "resources/templates/list": catalogue.resource_templates,
    }[method]
    return b'{"%b":[%b]}' % (LISTED[method].encode(), b",".join(entries))


def concerns(client: Client, method: str, params: bytes, alone: bool) -> bool:
    """Whether a server's notification is for this client, of those who share the server.

    What cannot be attributed to one client reaches it only when it is alone.
    """
    if method.endswith("/list_changed"):
        return True
    if method == "notifications/resources/updated":
        return _uri_of(params) in client.subscriptions
    return alone


def _answered_from_memory(hello: Hello, method: str, params: bytes) -> bool:
    """Only while the server promises to tell of changes; and never somebody's later page."""
    if params and msgspec.json.decode(params, type=_Cursor).cursor is not None:
        return False
    return method.partition("/")[0] in hello.promises_list_changed or method == "tools/list"


def _tool_named(params: bytes) -> str:
    try:
        return _named.decode(params).name
    except msgspec.DecodeError:
        return ""  # the server will say what it thinks of it


def _uri_of(params: bytes) -> str:
    try:
        return msgspec.json.decode(params, type=_Uri).uri
    except msgspec.DecodeError:
        return ""


def tell_clients(session_clients: list[Client], method: str, params: bytes) -> None:
    """Pass a server's notification on to the clients it is for."""
    alone = len(session_clients) == 1
    for client in session_clients:
        if concerns(client, method, params, alone):
            client.tell(method, params)
