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
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def arguments_of(asked: CallTool) -> msgspec.Raw:
    """The arguments as a JSON object. Raises CannotDo."""
    if asked.args and asked.args_json:
        raise CannotDo("Give either args or args_json, not both.")
    raw = bytes(asked.args) or asked.args_json.encode() or b"{}"
    if raw.startswith(b'"'):  # models often write an object as text
        raw = msgspec.json.decode(raw, type=str).encode()
    try:
        _object.decode(raw)
    except msgspec.DecodeError as error:
        raise CannotDo(f"The arguments must be a JSON object: {error}.") from None
    return msgspec.Raw(raw)


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


def check_arguments(server: str, tool: Tool, arguments: msgspec.Raw) -> None:
    """Raise CannotDo when the arguments surely do not fit the tool's input schema."""
    if max(len(tool.raw), len(arguments)) > LARGEST_CHECKED:
        return
    schema = input_schema(tool.raw)
    wrong = mistakes(schema, msgspec.json.decode(arguments))
    if wrong:
        listed = "\n".join(f"- {mistake}" for mistake in wrong)
        takes = signature(schema)
        raise CannotDo(
            f"The arguments do not fit {server}:{tool.name}; nothing was sent:\n{listed}"
            + (f"\nIt takes: {takes}" if takes else "")
        )
