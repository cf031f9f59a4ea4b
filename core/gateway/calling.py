"""``call_tool`` and its kinds: a tool id and arguments made a call, or words on what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import msgspec

from core.gateway.arguments import mistakes
from core.gateway.finding import CALL_WITH, CannotDo
from core.gateway.signature import signature
from core.model.tools import Tool
from core.protocol.annotations import Effect, effect_of

CALLS: Mapping[str, frozenset[Effect]] = {
    "call_tool_read": frozenset({Effect.READ}),
    "call_tool_write": frozenset({Effect.READ, Effect.WRITE}),
    "call_tool_destructive": frozenset(Effect),
    "call_tool": frozenset(Effect),
}
"""Which effects a tool may have that is called with each."""

SCHEMAS_KEPT = 64  # of the tools called last
LARGEST_CHECKED = (
    64 * 1024
)  # bytes of arguments or of the tool's entry; what is larger, the server judges


class CallTool(msgspec.Struct):
    name: str
    args: msgspec.Raw = msgspec.Raw()
    args_json: str = ""


class _Entry(msgspec.Struct, rename="camel"):
    input_schema: msgspec.Raw = msgspec.Raw(b"{}")


_entry = msgspec.json.Decoder(_Entry)
_any = msgspec.json.Decoder()
call_tool = msgspec.json.Decoder(CallTool)


def arguments_of(asked: CallTool) -> tuple[msgspec.Raw, object]:
    """The arguments as a JSON object, and what it says. Raises CannotDo."""
    if asked.args and asked.args_json:
        raise CannotDo("Give either args or args_json, not both.")
    raw = asked.args or msgspec.Raw(asked.args_json.encode() or b"{}")
    try:
        value = _any.decode(raw)
        if isinstance(value, str):  # models often write an object as text
            raw = msgspec.Raw(value.encode())
            value = _any.decode(raw)
    except msgspec.DecodeError as error:
        raise CannotDo(f"The arguments must be a JSON object: {error}.") from None
    if not isinstance(value, dict):
        raise CannotDo("The arguments must be a JSON object, in braces.")
    return raw, value


def check_effect(server: str, tool: Tool, called: str) -> None:
    """Raise CannotDo when the tool may do more than what it was called with allows."""
    effect = effect_of(tool.raw)
    if effect not in CALLS[called]:
        allowed = {"call_tool_read": "read-only", "call_tool_write": "not destructive"}[called]
        raise CannotDo(
            f"{server}:{tool.name} does not say that it is {allowed}, so it was not called. "
            f"Call it with {CALL_WITH[effect]}."
        )


@lru_cache(maxsize=SCHEMAS_KEPT)
def input_schema(raw: bytes) -> object:
    """The input schema of a tool's entry; not to be changed."""
    return msgspec.json.decode(_entry.decode(raw).input_schema)


def check_arguments(server: str, tool: Tool, arguments: object) -> None:
    """Raise CannotDo when the arguments surely do not fit the tool's input schema."""
    if len(tool.raw) > LARGEST_CHECKED:
        return
    schema = input_schema(tool.raw)
    wrong = mistakes(schema, arguments)
    if wrong:
        listed = "\n".join(f"- {mistake}" for mistake in wrong)
        takes = signature(schema)
        raise CannotDo(
            f"The arguments do not fit {server}:{tool.name}; nothing was sent:\n{listed}"
            + (f"\nIt takes: {takes}" if takes else "")
        )
