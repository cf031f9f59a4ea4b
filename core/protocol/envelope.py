"""JSON-RPC envelopes: the outer members are read, the payloads stay the bytes they were.

Members are matched by their exact names (a message with ``Method`` has no method), so that no
two readers of one message can understand it differently.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache

import msgspec

from core.protocol.calls import Reply

NOTHING = msgspec.Raw()


class Envelope(msgspec.Struct, frozen=True):
    """One message; an absent member is ``UNSET`` or empty."""

    jsonrpc: str = ""
    id: msgspec.Raw = NOTHING
    method: str | msgspec.UnsetType = msgspec.UNSET
    params: msgspec.Raw = NOTHING
    result: msgspec.Raw = NOTHING
    error: msgspec.Raw = NOTHING


class Kind(Enum):
    REQUEST = "request"
    NOTIFICATION = "notification"
    RESULT = "result"
    ERROR = "error"


class Malformed(ValueError):
    """Not a JSON-RPC message; ``kind`` is a bounded word for counting."""

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(why)
        self.kind = kind


_decoder = msgspec.json.Decoder(Envelope)


def decode(message: bytes) -> Envelope:
    """Read an envelope. Raises Malformed for anything that is no JSON-RPC 2.0 message."""
    try:
        if not message.isascii():
            message.decode()  # JSON is UTF-8 (RFC 8259 §8.1), inside payloads too
        envelope = _decoder.decode(message)
    except UnicodeDecodeError as error:
        raise Malformed("utf8", "not valid UTF-8") from error
    except msgspec.ValidationError as error:
        raise Malformed("not_jsonrpc", str(error)) from error
    except msgspec.DecodeError as error:
        raise Malformed("not_json", str(error)) from error
    except RecursionError as error:
        raise Malformed("too_deep", "nested too deeply") from error
    if envelope.jsonrpc != "2.0":
        raise Malformed("not_jsonrpc", 'the member "jsonrpc" is not "2.0"')
    return envelope


def kind_of(envelope: Envelope) -> Kind:
    """What sort of message it is. Raises Malformed for an impossible mixture."""
    if envelope.method is not msgspec.UNSET:
        return Kind.REQUEST if envelope.id else Kind.NOTIFICATION
    if not envelope.id:
        raise Malformed("not_jsonrpc", "neither a method nor an id")
    if bool(envelope.result) == bool(envelope.error):
        raise Malformed("not_jsonrpc", "an answer needs either a result or an error")
    return Kind.RESULT if envelope.result else Kind.ERROR


def is_request_id(raw: bytes) -> bool:
    """Whether the JSON is an id MCP allows: a string or an integer, never null."""
    return raw.startswith(b'"') or raw.lstrip(b"-").isdigit()


Payload = bytes | memoryview

_quoted = lru_cache(maxsize=64)(msgspec.json.encode)  # methods are few, but anybody may name one


def request(request_id: int, method: str, params: Payload) -> bytes:
    """A request; empty ``params`` are left out."""
    head = b'{"jsonrpc":"2.0","id":%d,"method":%b' % (request_id, _quoted(method))
    return b"".join((head, b',"params":', params, b"}")) if params else head + b"}"


def notification(method: str, params: Payload) -> bytes:
    """A notification; empty ``params`` are left out."""
    head = b'{"jsonrpc":"2.0","method":%b' % msgspec.json.encode(method)
    return b"".join((head, b',"params":', params, b"}")) if params else head + b"}"


def result(request_id: Payload, payload: Payload) -> bytes:
    """An answer; ``request_id`` is the id's JSON exactly as the asker wrote it."""
    return b"".join(result_parts(request_id, payload))


def result_parts(request_id: Payload, payload: Payload) -> tuple[Payload, ...]:
    """As ``result``, without putting together what may be megabytes."""
    return (b'{"jsonrpc":"2.0","id":', request_id, b',"result":', payload, b"}")


def error(request_id: Payload, payload: Payload) -> bytes:
    """An error answer whose error object is passed on as it is."""
    return b"".join((b'{"jsonrpc":"2.0","id":', request_id, b',"error":', payload, b"}"))


def answer(request_id: Payload, reply: Reply) -> bytes:
    """The answer that a reply is, in the asker's words."""
    if reply.result is not None:
        return result(request_id, reply.result)
    return error(request_id, reply.error or b"{}")


def error_object(code: int, message: str, data: object = None) -> bytes:
    """The JSON of an error object (JSON-RPC 2.0 §5.1)."""
    members: dict[str, object] = {"code": int(code), "message": message}
    if data is not None:
        members["data"] = data
    return msgspec.json.encode(members)
