"""``subscriptions/listen``: a stream on which a stateless client hears what it asked to hear.

MCP 2026-07-28, basic/utilities/subscriptions: acknowledged first, each message stamped with the
id of the request that opened it, ended by a result.
"""

from __future__ import annotations

import msgspec

from core.asgi import Receive, Send, while_connected
from core.gateway.clients import Client, Clients
from core.gateway.sse import HEARTBEAT, HEARTBEAT_COMMENT, SSE, event
from core.gateway.surface import LISTS_CHANGED, UPDATED, Surface
from core.protocol import envelope
from core.protocol.calls import Hello
from core.protocol.meta import SUBSCRIPTION_ID, Terms, members_of

ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
URIS_MOST = 1000  # resources one stream may follow


class _Filter(msgspec.Struct, rename="camel", omit_defaults=True):
    tools_list_changed: bool = False
    prompts_list_changed: bool = False
    resources_list_changed: bool = False
    resource_subscriptions: list[str] = []


class _Listen(msgspec.Struct):
    notifications: _Filter


class Listener(Client):
    """Told only what it asked for; progress and logs never travel here."""

    __slots__ = ("_wants", "stamp")

    def __init__(
        self, surface: str, terms: Terms, request_id: bytes, wants: frozenset[str]
    ) -> None:
        super().__init__(
            surface, terms.version, declared=terms.capabilities, info=terms.client_info
        )
        self.stamp = msgspec.Raw(request_id)
        self._wants = wants

    def hears(self, method: str, params: bytes) -> bool:
        return method in self._wants

    def tell(self, method: str, params: bytes) -> None:
        super().tell(method, self.stamped(params))

    def stamped(self, params: bytes) -> bytes:
        members: dict[str, object] = dict(members_of(params))
        meta: dict[str, object] = dict(members_of(members_of(params).get("_meta", b"")))
        members["_meta"] = {**meta, SUBSCRIPTION_ID: self.stamp}
        return msgspec.json.encode(members)


def wanted(params: bytes) -> _Filter:
    """What the client asks to hear. Raises DecodeError."""
    asked = msgspec.json.decode(params or b"{}", type=_Listen).notifications
    if len(asked.resource_subscriptions) > URIS_MOST:
        raise msgspec.ValidationError(f"more than {URIS_MOST} resourceSubscriptions")
    return asked


def honoured(asked: _Filter, hello: Hello) -> _Filter:
    """Of what was asked, what this part of the endpoint will tell."""
    promises = hello.promises_list_changed
    return _Filter(
        asked.tools_list_changed and "tools" in promises,
        asked.prompts_list_changed and "prompts" in promises,
        asked.resources_list_changed and "resources" in promises,
        list(dict.fromkeys(asked.resource_subscriptions)) if hello.subscribable else [],
    )


async def listen(
    clients: Clients,
    surface: Surface,
    terms: Terms,
    request_id: bytes,
    heard: _Filter,
    receive: Receive,
    send: Send,
) -> None:
    """Serve one stream until the client leaves (ClientGone) or the program stops."""
    flags = {
        "tools": heard.tools_list_changed,
        "prompts": heard.prompts_list_changed,
        "resources": heard.resources_list_changed,
    }
    wants = {LISTS_CHANGED[name] for name, on in flags.items() if on}
    if heard.resource_subscriptions:
        wants.add(UPDATED)
    client = Listener(surface.key, terms, request_id, frozenset(wants))
    # From here on nothing is missed, and what comes waits until the stream is acknowledged.
    clients.add(client)
    try:
        for uri in heard.resource_subscriptions:
            surface.subscribe(client, uri)
        acknowledged = msgspec.json.encode({"notifications": heard})
        first = envelope.notification(ACKNOWLEDGED, client.stamped(acknowledged))
        await send({"type": "http.response.start", "status": 200, "headers": SSE})
        await send({"type": "http.response.body", "body": event(first), "more_body": True})
        await while_connected(receive, _tell(client, send))
    finally:
        clients.close(client)


async def _tell(client: Listener, send: Send) -> None:
    while not client.closed:
        messages = await client.told(HEARTBEAT)
        body = b"".join(map(event, messages)) or HEARTBEAT_COMMENT
        await send({"type": "http.response.body", "body": body, "more_body": True})
    end = client.stamped(b'{"resultType":"complete"}')
    body = event(envelope.result(bytes(client.stamp), end))
    await send({"type": "http.response.body", "body": body})
