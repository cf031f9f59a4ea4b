"""Many servers as one: ``/mcp``, ``/mcp/call``, ``/mcp/all`` and ``/mcp/p/{profile}``.

Tools are found by search and called by id, or listed all; prompts and resources are listed all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from core.gateway import relabelling
from core.gateway.builtin import ENTRIES, Builtin
from core.gateway.calling import CALLS, input_schema
from core.gateway.clients import Client
from core.gateway.cutting import Cutter
from core.gateway.finding import CannotDo, Describe, Finder, Retrieve
from core.gateway.guidance import composed
from core.gateway.interests import Interests
from core.gateway.refusal import Refusal
from core.gateway.scope import Scope
from core.gateway.shaping import Shaped
from core.gateway.surface import Running
from core.gateway.tool_calls import ToolCalls, asked_of
from core.gateway.transparent import ROOTS_CHANGED
from core.ports import Cache, ToolSearch
from core.protocol.calls import Hello, Reply
from core.protocol.codes import LATEST_STATEFUL, Code
from core.protocol.headers import ANNOTATION

CAPABILITIES = msgspec.json.encode(
    {
        "tools": {"listChanged": True},
        "prompts": {"listChanged": True},
        "resources": {"listChanged": True, "subscribe": True},
        "completions": {},
        "logging": {},
    }
)
"""What may come, for servers come and go; what a server cannot do, it says when it is asked."""

DECLARES = frozenset({"tools", "prompts", "resources", "completions", "logging"})
PROMISES = frozenset({"tools", "prompts", "resources"})


class _ReadCache(msgspec.Struct):
    key: str
    offset: int = 0
    limit: int | None = None


class _Ref(msgspec.Struct):
    type: str
    name: str = ""
    uri: str = ""


class _Level(msgspec.Struct):
    level: str


class _Named(msgspec.Struct):
    name: str


_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


class HubSurface:
    """Implements ``core.gateway.surface.Surface`` for the servers of a scope."""

    def __init__(
        self,
        key: str,
        scope: Scope,
        search: ToolSearch,
        cache: Cache,
        version: str,
        interests: Interests,
        direct: Callable[[], bool],
        more: Callable[[], Sequence[Builtin]],
    ) -> None:
        self.key = key
        self.scope = scope
        self.direct = direct
        self._router = scope.router
        self._version = version
        self._interests = interests
        self._cutter = Cutter(cache, lambda: self._router.door.snapshot.config.tool_response_limit)
        self._finder = Finder(scope, search, self._cutter)
        self._calls = ToolCalls(scope, self._finder, self._cutter)
        self._more = more
        self._listed: tuple[Sequence[Builtin], bytes] | None = None  # the last list, and of what
        self._builtin: dict[str, Callable[[bytes], Awaitable[bytes]]] = {
            "retrieve_tools": self._retrieve_tools,
            "describe_tool": self._describe_tool,
            "read_cache": self._read_cache,
        }

    async def introduce(self) -> Hello:
        return Hello(
            protocol_version=LATEST_STATEFUL,
            capabilities=CAPABILITIES,
            server_info=msgspec.json.encode(
                {"name": "mcpproxy-tray", "title": "MCP Proxy Tray", "version": self._version}
            ),
            instructions=msgspec.json.encode(composed(self.scope.merged().parts, self.direct())),
            declares=DECLARES,
            promises_list_changed=PROMISES,
        )

    def at_once(self, client: Client, params: bytes) -> bytes | Running | None:
        try:
            call = asked_of.decode(params)
            if self.direct():
                return self._calls.listed_at_once(client, call.name, params)
            if call.name in CALLS:
                return self._calls.found_at_once(client, call, params)
        except msgspec.DecodeError:
            return None  # ``begin`` says what is wrong
        except CannotDo as problem:
            return text_result(str(problem), is_error=True)
        except Refusal as refusal:
            if self.direct():
                raise
            return text_result(str(refusal), is_error=True)
        return None

    async def begin(self, client: Client, method: str, params: bytes) -> bytes | Running:
        try:
            match method:
                case "tools/call":
                    return await self._tools_call(client, params)
                case "tools/list":
                    merged = self.scope.merged()
                    return merged.tools[0] if self.direct() else self._builtin_tools()
                case "prompts/list":
                    return self.scope.merged().prompts[0]
                case "resources/list":
                    return self.scope.merged().resources
                case "resources/templates/list":
                    return self.scope.merged().templates
                case "prompts/get":
                    return await self._get_prompt(client, params)
                case "resources/read" | "resources/subscribe" | "resources/unsubscribe":
                    return await self._resource(client, method, params)
                case "completion/complete":
                    return await self._complete(client, params)
                case "logging/setLevel":
                    return self._set_level(client, params)
        except msgspec.DecodeError as error:
            raise Refusal(Code.INVALID_PARAMS, f"{method}: {error}") from None
        raise Refusal(Code.METHOD_NOT_FOUND, f"{method} is not offered here.")

    def notice(self, client: Client, method: str, params: bytes) -> None:
        """That its roots have changed concerns the servers that it has to itself."""
        if method != ROOTS_CHANGED:
            return
        for name, _ in self.scope.servers():
            own = self._router.leases.own(client, name)
            if own is not None:
                own.notify(method, params)

    def subscribe(self, client: Client, uri: str) -> None:
        found = self.scope.merged().uris.owner(uri)
        if found is not None:
            self._interests.add(client, *found)

    def input_schema(self, tool: str) -> object | None:
        found = self.scope.merged().tools[1].get(tool) if self.direct() else None
        if found is None:
            return None
        raw = self._finder.tool(":".join(found))[1].raw
        return input_schema(raw) if ANNOTATION.encode() in raw else None

    # --- tools --------------------------------------------------------------------------------

    def _builtin_tools(self) -> bytes:
        more = self._more()
        if self._listed is None or self._listed[0] is not more:
            entries = [*ENTRIES, *(each.entry for each in more)]
            self._listed = (more, msgspec.json.encode({"tools": entries}))
        return self._listed[1]

    async def _tools_call(self, client: Client, params: bytes) -> bytes | Running:
        call = asked_of.decode(params)
        if self.direct():
            return await self._calls.listed(client, call.name, params)
        try:
            if call.name in CALLS:
                return await self._calls.found(client, call, params)
            run = self._builtin.get(call.name)
            if run is not None:
                return await run(bytes(call.arguments))
            own = next((each for each in self._more() if each.name == call.name), None)
            if own is not None:
                reply = Reply(result=await own.run(bytes(call.arguments)))
                return bytes((await self._cutter.shape(reply)).result or b"")
        except msgspec.DecodeError as error:
            return text_result(f"{call.name}: wrong arguments: {error}", is_error=True)
        except (CannotDo, Refusal) as problem:
            return text_result(str(problem), is_error=True)
        raise Refusal(
            Code.INVALID_PARAMS,
            f"There is no tool {call.name[:100]!r} here; tools of servers are called through "
            "call_tool, with an id that retrieve_tools found.",
        )

    async def _retrieve_tools(self, arguments: bytes) -> bytes:
        asked = msgspec.json.decode(arguments, type=Retrieve)
        limit = asked.limit
        if limit is None:
            limit = self._router.door.snapshot.config.tools_limit
        return await self._limited(await self._finder.retrieve(asked, limit))

    async def _describe_tool(self, arguments: bytes) -> bytes:
        asked = msgspec.json.decode(arguments, type=Describe)
        return await self._limited(await self._finder.describe(asked.tool_ids))

    async def _limited(self, told: bytes) -> bytes:
        """A single tool can be longer than the limit."""
        whole = Reply(result=text_result(told.decode()))
        return bytes((await self._cutter.shape(whole)).result or b"")

    async def _read_cache(self, arguments: bytes) -> bytes:
        asked = msgspec.json.decode(arguments, type=_ReadCache)
        page = await self._cutter.read(asked.key, max(0, asked.offset), asked.limit)
        if page is None:
            raise CannotDo(
                "Nothing is kept under this key: it is wrong, or older than 2 hours. Call the "
                "tool again."
            )
        return text_result(*page)

    # --- prompts and resources ----------------------------------------------------------------

    async def _get_prompt(self, client: Client, params: bytes) -> Running:
        members = _members.decode(params)
        name = msgspec.json.decode(params, type=_Named).name
        server, own = self._prompt(name)
        members["name"] = msgspec.Raw(msgspec.json.encode(own))
        running = await self._ask(client, server, "prompts/get", members)
        running.shape = Shaped(self.scope, server, relabelling.prompt_result)
        return running

    async def _resource(self, client: Client, method: str, params: bytes) -> bytes | Running:
        members = _members.decode(params)
        uri = msgspec.json.decode(members.get("uri", b""), type=str)
        server, own = self._whose(uri)
        if method == "resources/subscribe":
            self._interests.add(client, server, own)
            return b"{}"
        if method == "resources/unsubscribe":
            session = self._router.live(server)
            if self._interests.remove(client, server, own) and session is not None:
                session.unsubscribe(own)
            return b"{}"
        members["uri"] = msgspec.Raw(msgspec.json.encode(own))
        running = await self._ask(client, server, method, members)
        running.shape = Shaped(self.scope, server, relabelling.resource_result)
        return running

    async def _complete(self, client: Client, params: bytes) -> Running:
        members = _members.decode(params)
        ref = msgspec.json.decode(members.get("ref", b""), type=_Ref)
        named = _members.decode(members["ref"])
        if ref.type == "ref/prompt":
            server, own = self._prompt(ref.name)
            named["name"] = msgspec.Raw(msgspec.json.encode(own))
        else:
            server, own = self._whose(ref.uri, template=True)
            named["uri"] = msgspec.Raw(msgspec.json.encode(own))
        members["ref"] = msgspec.Raw(msgspec.json.encode(named))
        return await self._ask(client, server, "completion/complete", members)

    def _prompt(self, name: str) -> tuple[str, str]:
        found = self.scope.merged().prompts[1].get(name)
        if found is None:
            raise Refusal(Code.INVALID_PARAMS, f"There is no prompt {name[:100]!r} here.")
        return found

    def _whose(self, uri: str, template: bool = False) -> tuple[str, str]:
        uris = self.scope.merged().uris
        found = uris.template_owner(uri) if template else uris.owner(uri)
        if found is None:
            raise Refusal(
                Code.INVALID_PARAMS,
                f"No server here is known to have the resource {uri[:200]!r}. Use a URI as listed "
                "or as a tool returned it.",
            )
        return found

    def _set_level(self, client: Client, params: bytes) -> bytes:
        client.log_level = msgspec.json.decode(params, type=_Level).level
        for part in self.scope.merged().parts:
            session = self._router.live(part.server)
            if session is not None:
                self._router.want_level(session, client.log_level)
        return b"{}"

    # --- on to a server -----------------------------------------------------------------------

    async def _ask(
        self, client: Client, server: str, method: str, members: dict[str, msgspec.Raw]
    ) -> Running:
        session = self._router.live(server) or await self._router.reach(server)
        params = msgspec.json.encode(members)
        return await self._router.start(client, server, session, method, params)


def text_result(*texts: str, is_error: bool = False) -> bytes:
    """A tool result of texts (MCP 2025-11-25, server/tools#tool-result)."""
    content = [{"type": "text", "text": text} for text in texts]
    return msgspec.json.encode({"content": content, "isError": is_error})
