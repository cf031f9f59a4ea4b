"""``/mcp/s/{server}``: one server as if the client were connected to it directly."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from core.gateway.asking import visit_of
from core.gateway.clients import Client
from core.gateway.interests import Interests
from core.gateway.refusal import Refusal
from core.gateway.router import Router
from core.gateway.surface import UPDATED, Running
from core.model.tools import Tool
from core.protocol.calls import Catalogue, Hello, Session
from core.protocol.codes import Code
from core.protocol.headers import ANNOTATION

LISTED = {
    "tools/list": "tools",
    "prompts/list": "prompts",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
}
"""List methods and the member of their result that holds the entries."""

ROOTS_CHANGED = "notifications/roots/list_changed"
OURS = {"notifications/initialized", ROOTS_CHANGED, "notifications/progress"}
"""Notifications that concern the session between the client and us, not the server's."""

COMPLETED = "notifications/elicitation/complete"


class _Named(msgspec.Struct):
    name: str


class _Cursor(msgspec.Struct):
    cursor: str | None = None


class _Uri(msgspec.Struct):
    uri: str


class _Level(msgspec.Struct):
    level: str


class _Tool(msgspec.Struct, rename="camel"):
    input_schema: object = None


_named = msgspec.json.Decoder(_Named)
_MARK = ANNOTATION.encode()


class ServerSurface:
    """Implements ``core.gateway.surface.Surface`` for one server."""

    def __init__(self, name: str, router: Router, interests: Interests) -> None:
        self.name = name
        self._router = router
        self._interests = interests
        self._known: Session | None = None  # the last one there was
        self._offered: tuple[Tool, ...] = ()  # of its tools, those people agreed to
        self._schemas: tuple[tuple[Tool, ...], dict[str, object]] = ((), {})

    @property
    def key(self) -> str:
        return f"s/{self.name}"

    async def introduce(self) -> Hello:
        return (await self._session()).hello

    def at_once(self, client: Client, params: bytes) -> bytes | Running | None:
        tool = _tool_named(params)
        session = self._router.callable(self.name, tool)
        if session is None:
            return None
        return self._router.start_at_once(client, self.name, session, "tools/call", params, tool)

    async def begin(self, client: Client, method: str, params: bytes) -> bytes | Running:
        session = self._router.live(self.name)
        if method in LISTED:
            own = self._router.leases.own(client, self.name)
            session = own or session or await self._session()
            if _answered_from_memory(session.hello, method, params):
                return self._listing(session.catalogue, method, of_its_own=own is not None)
        session = session or await self._router.reach(self.name)
        if method == "tools/call":
            tool = _tool_named(params)
            self._router.permit(self.name, tool)
            return await self._router.start(client, self.name, session, method, params, tool)
        local = self._locally(client, session, method, params)
        if local is not None:
            return local
        return await self._router.start(client, self.name, session, method, params)

    def notice(self, client: Client, method: str, params: bytes) -> None:
        own = self._router.leases.own(client, self.name)
        if own is not None and (method == ROOTS_CHANGED or method not in OURS):
            own.notify(method, params)
            return
        session = self._router.live(self.name)
        if session is not None and method not in OURS and not session.hello.stateless:
            session.notify(method, params)

    def subscribe(self, client: Client, uri: str) -> None:
        self._interests.add(client, self.name, uri)

    def input_schema(self, tool: str) -> object | None:
        status = self._router.status(self.name)
        tools = status.offered if status is not None else ()
        if self._schemas[0] is not tools:
            self._schemas = (tools, _marked_schemas(tools))
        return self._schemas[1].get(tool)

    async def _session(self) -> Session:
        """The present conversation, or what is left of the last while the server comes back."""
        session = self._router.live(self.name)
        if session is None and self._known is not None and self._router.returning(self.name):
            return self._known
        self._known = session or await self._router.reach(self.name)
        status = self._router.status(self.name)
        if status is not None:
            self._offered = status.offered
        return self._known

    def _listing(self, catalogue: Catalogue, method: str, *, of_its_own: bool) -> bytes:
        """A whole list on one page.

        Which tools a person agreed to is known of those that the shared conversation has; what
        a client's own has beside them is shown where nobody has to agree.
        """
        entries: Iterable[bytes] = {
            "tools/list": catalogue.tools,
            "prompts/list": catalogue.prompts,
            "resources/list": catalogue.resources,
            "resources/templates/list": catalogue.resource_templates,
        }[method]
        if method == "tools/list":
            snapshot = self._router.door.snapshot
            status = self._router.status(self.name)
            if status is not None and status.peer is not None:
                self._offered = status.offered
            if not of_its_own or snapshot.config.quarantine_enabled:
                entries = (tool.raw for tool in self._offered)
        return b'{"%b":[%b]}' % (LISTED[method].encode(), b",".join(entries))

    def _locally(
        self, client: Client, session: Session, method: str, params: bytes
    ) -> bytes | None:
        """What a server is told only if nobody of those who share it told it before."""
        stateless = session.hello.stateless
        match method:
            case "logging/setLevel":
                client.log_level = _level_of(params)
                return None if self._router.lowers(session, client.log_level) else b"{}"
            case "resources/subscribe":
                self._interests.add(client, self.name, _uri_of(params), ask=stateless)
                return b"{}" if stateless else None
            case "resources/unsubscribe":
                uri = _uri_of(params)
                last = self._interests.remove(client, self.name, uri)
                if stateless and last:
                    session.unsubscribe(uri)
                return None if last and not stateless else b"{}"
        return None


def tell_clients(
    clients: list[Client], interests: Interests, server: str, method: str, params: bytes
) -> None:
    """Pass a server's notification on to those of its clients whom it is for.

    What cannot be attributed to one client reaches it only when it is alone.
    """
    if method == UPDATED:
        followers = interests.followers(server, _uri_of(params))
        clients = [client for client in clients if client in followers]
    elif method == COMPLETED:
        visit = visit_of(params)
        clients = [client for client in clients if visit in client.visits]
    elif not method.endswith("/list_changed") and len(clients) != 1:
        return
    for client in clients:
        client.tell(method, params)


def _answered_from_memory(hello: Hello, method: str, params: bytes) -> bool:
    """Only while the server promises to tell of changes; and never somebody's later page."""
    later = bool(params) and msgspec.json.decode(params, type=_Cursor).cursor is not None
    if method == "tools/list":
        if later:
            raise Refusal(Code.INVALID_PARAMS, "There is no such page: the list has only one.")
        return True
    return not later and method.partition("/")[0] in hello.promises_list_changed


def _marked_schemas(tools: tuple[Tool, ...]) -> dict[str, object]:
    """The input schemas with arguments that headers repeat, by tool."""
    return {
        tool.name: msgspec.json.decode(tool.raw, type=_Tool).input_schema
        for tool in tools
        if _MARK in tool.raw
    }


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


def _level_of(params: bytes) -> str:
    try:
        return msgspec.json.decode(params, type=_Level).level
    except msgspec.DecodeError:
        return ""
