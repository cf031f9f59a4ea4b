"""Arguments that have to be repeated in headers, as their tools' schemas say when listed.

MCP 2026-07-28, basic/transports: a stdio client says everything in the message alone, so whoever
carries the message over HTTP adds ``Mcp-Param-*``.
"""

from __future__ import annotations

import msgspec

from core.protocol.headers import ANNOTATION, repeated
from tray_app.stdio.messages import Message


class _Tool(msgspec.Struct, rename="camel"):
    name: str
    input_schema: object = None


class _Listed(msgspec.Struct, rename="camel"):
    tools: list[_Tool] = []
    next_cursor: str | None = None


class _Answer(msgspec.Struct):
    result: _Listed = msgspec.field(default_factory=_Listed)


class _Call(msgspec.Struct):
    name: str = ""
    arguments: object = None


_answer = msgspec.json.Decoder(_Answer)
_call = msgspec.json.Decoder(_Call)


class Marked:
    """Remembers the schemas that mark arguments, and repeats those of a call."""

    def __init__(self) -> None:
        self._schemas: dict[str, object] = {}

    def learn(self, answer: bytes) -> str | None:
        """Look through the answer to a ``tools/list``; its cursor, if there is another page."""
        try:
            listed = _answer.decode(answer).result
        except msgspec.DecodeError:
            return None
        for tool in listed.tools:
            if ANNOTATION in str(tool.input_schema):
                self._schemas[tool.name] = tool.input_schema
            else:
                self._schemas.pop(tool.name, None)
        return listed.next_cursor

    def headers(self, message: Message) -> dict[str, str]:
        """What the call has to say in headers beside its name."""
        if message.method != "tools/call" or not self._schemas:
            return {}
        try:
            call = _call.decode(message.params)
        except msgspec.DecodeError:
            return {}
        schema = self._schemas.get(call.name)
        return repeated(schema, call.arguments) if schema is not None else {}
