"""What the bridge reads of a message, and the few messages it writes itself.

Messages pass through as the bytes they came as; this looks at them and changes nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import msgspec

from core.protocol.codes import Code
from core.protocol.headers import NAMED_BY, coded

NULL = b"null"
NO_ANSWER = "MCP Proxy Tray gave no answer to this request."
OURS = "mcpproxy-tray/stdio"  # the id of requests that the client did not make


class _Meta(msgspec.Struct):
    version: str = msgspec.field(name="io.modelcontextprotocol/protocolVersion", default="")


class _Params(msgspec.Struct, rename="camel"):
    meta: _Meta = msgspec.field(name="_meta", default_factory=_Meta)
    name: msgspec.Raw = msgspec.Raw()
    uri: msgspec.Raw = msgspec.Raw()
    task_id: msgspec.Raw = msgspec.Raw()
    request_id: msgspec.Raw = msgspec.Raw()
    level: msgspec.Raw = msgspec.Raw()


class _WithMeta(msgspec.Struct):
    meta: msgspec.Raw = msgspec.field(name="_meta", default=msgspec.Raw(b"{}"))


class _Envelope(msgspec.Struct):
    id: msgspec.Raw = msgspec.Raw()
    method: str = ""
    params: msgspec.Raw = msgspec.Raw()
    result: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


class _Error(msgspec.Struct):
    message: str = ""
    code: int | str = 0  # a word where the REST interface refuses


class _Refused(msgspec.Struct):
    error: _Error = msgspec.field(default_factory=_Error)


class _Negotiated(msgspec.Struct, rename="camel"):
    protocol_version: str
    capabilities: dict[str, msgspec.Raw] = {}


class _Promise(msgspec.Struct, rename="camel"):
    list_changed: bool = False


class _Filter(msgspec.Struct, rename="camel"):
    tools_list_changed: bool | None = None
    prompts_list_changed: bool | None = None
    resources_list_changed: bool | None = None


class _Listen(msgspec.Struct):
    notifications: _Filter = msgspec.field(default_factory=_Filter)


_envelope = msgspec.json.Decoder(_Envelope)
_params = msgspec.json.Decoder(_Params)
_text = msgspec.json.Decoder(str)


@dataclass(frozen=True, slots=True)
class Message:
    """One line of the client's. ``id`` is JSON, empty for a notification.

    ``version`` is set in the stateless era only, where every request says which it speaks.
    ``name`` is what the header Mcp-Name has to repeat; ``about`` the request that a cancellation
    means, as JSON; ``uri`` the resource of a subscription, as JSON.
    """

    raw: bytes
    id: bytes
    method: str
    params: bytes
    version: str
    name: str
    about: bytes
    uri: bytes

    @property
    def is_request(self) -> bool:
        return bool(self.method and self.id)

    @property
    def headers(self) -> dict[str, str]:
        """What the stateless era wants said outside the body as well."""
        if not self.version:
            return {}
        said = {"mcp-protocol-version": coded(self.version), "mcp-method": coded(self.method)}
        if self.method in NAMED_BY:
            said["mcp-name"] = coded(self.name)
        return said


def read(line: bytes) -> Message | None:
    """What the line says; None when it is no JSON object (a batch is none either)."""
    try:
        envelope = _envelope.decode(line)
    except msgspec.DecodeError:
        return None
    params = _Params()
    if envelope.params:
        try:
            params = _params.decode(envelope.params)
        except msgspec.DecodeError:
            params = _Params()  # whoever answers will say what it thinks of them
    named = {"name": params.name, "uri": params.uri, "taskId": params.task_id}
    name = named.get(NAMED_BY.get(envelope.method, ""), msgspec.Raw())
    return Message(
        raw=line,
        id=bytes(envelope.id),
        method=envelope.method,
        params=bytes(envelope.params),
        version=params.meta.version,
        name=_string(bytes(name)),
        about=bytes(params.request_id),
        uri=bytes(params.uri),
    )


def is_answer_to(data: bytes, request_id: bytes) -> bool:
    """Whether the message ends the request, as against what is told while it is worked on."""
    try:
        envelope = _envelope.decode(data)
    except msgspec.DecodeError:
        return False
    return not envelope.method and _same(bytes(envelope.id), request_id)


def result_of(data: bytes) -> bytes:
    """The result in an answer, empty if it is an error."""
    return bytes(_envelope.decode(data).result)


def error_in(data: bytes, request_id: bytes) -> bytes:
    """The refusal in a body that is no answer to the request, as an answer to it.

    The engine refuses some requests before it looks for their id (JSON-RPC with ``null``), and
    some before it knows that they are MCP (the envelope of its REST interface).
    """
    try:
        found = _envelope.decode(data)
        if found.id and found.error:
            return b'{"jsonrpc":"2.0","id":%b,"error":%b}' % (request_id, bytes(found.error))
        message = msgspec.json.decode(data, type=_Refused).error.message
    except msgspec.DecodeError:
        message = ""
    return error(
        request_id, Code.CALL_LOST, message or "MCP Proxy Tray gave no answer to this request."
    )


def is_mismatch(data: bytes) -> bool:
    """Whether a request was refused because its headers do not repeat its body."""
    try:
        return msgspec.json.decode(data, type=_Refused).error.code == Code.HEADER_MISMATCH
    except msgspec.DecodeError:
        return False


def error(request_id: bytes, code: int, message: str) -> bytes:
    return b'{"jsonrpc":"2.0","id":%b,"error":%b}' % (
        request_id or NULL,
        msgspec.json.encode({"code": code, "message": message}),
    )


def negotiated(result: bytes) -> tuple[str, list[str]]:
    """The version agreed on in ``initialize``, and which lists are promised to be told of."""
    hello = msgspec.json.decode(result, type=_Negotiated)
    promised = []
    for kind in ("tools", "prompts", "resources"):
        capability = hello.capabilities.get(kind)
        if capability and _promises(bytes(capability)):
            promised.append(kind)
    return hello.protocol_version, promised


def listened_to(message: Message) -> list[str]:
    """The lists whose changes a ``subscriptions/listen`` wants to hear of."""
    try:
        params = bytes(_envelope.decode(message.raw).params)
        wanted = msgspec.json.decode(params, type=_Listen).notifications
    except msgspec.DecodeError:
        return []
    asked = {
        "tools": wanted.tools_list_changed,
        "prompts": wanted.prompts_list_changed,
        "resources": wanted.resources_list_changed,
    }
    return [kind for kind, is_wanted in asked.items() if is_wanted]


def list_tools(like: Message, cursor: str) -> Message:
    """A ``tools/list`` of our own in the name of the stateless request that ``like`` is."""
    params = msgspec.json.decode(like.params, type=_WithMeta)
    asked: dict[str, object] = {"_meta": params.meta}
    if cursor:
        asked["cursor"] = cursor
    body = {"jsonrpc": "2.0", "id": OURS, "method": "tools/list", "params": asked}
    message = read(msgspec.json.encode(body))
    assert message is not None
    return message


def list_changed(kind: str, subscription: bytes = b"") -> bytes:
    """What tells that a list may be another now; ``subscription`` is the id of a listen request."""
    meta = b""
    if subscription:
        meta = b',"params":{"_meta":{"io.modelcontextprotocol/subscriptionId":%b}}' % subscription
    method = f"notifications/{kind}/list_changed".encode()
    return b'{"jsonrpc":"2.0","method":"%b"%b}' % (method, meta)


async def events(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The data of a stream's events (WHATWG HTML §9.2.6); comments and all else are dropped."""
    rest: list[bytes] = []  # of a line whose end has not come yet
    data: list[bytes] = []
    async for part in parts:
        if b"\n" not in part:
            rest.append(part)
            continue
        *lines, last = (b"".join(rest) + part).split(b"\n")
        rest = [last]
        for whole in lines:
            line = whole.removesuffix(b"\r")
            if not line:
                if data:
                    yield b" ".join(data)
                    data = []
                continue
            field, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if field == b"data" and value:
                data.append(value)


def _promises(capability: bytes) -> bool:
    try:
        return msgspec.json.decode(capability, type=_Promise).list_changed
    except msgspec.DecodeError:
        return False


def _string(raw: bytes) -> str:
    try:
        return _text.decode(raw)
    except msgspec.DecodeError:
        return ""


def _same(one: bytes, other: bytes) -> bool:
    return one == other or (bool(one) and msgspec.json.decode(one) == msgspec.json.decode(other))
