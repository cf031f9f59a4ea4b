"""Trace context that passes through: forwarded as it is where valid, and never where not.

Nothing of ours is exported, so a span of our own would be a parent that nobody can find
(W3C Trace Context §3.1 lets a pass-through keep ``traceparent`` unchanged).
"""

from __future__ import annotations

import msgspec

from core.protocol.meta import members_of
from core.protocol.trace import parse

STATE_LONGEST = 512  # characters (Trace Context §3.3.1.5)
STATE_MEMBERS = 32
KEYS = ("traceparent", "tracestate", "baggage")


def checked(params: bytes, *, keeps_baggage: bool = True) -> bytes:
    """The params with no more of the trace context than may be passed on."""
    if b'"traceparent"' not in params and b'"tracestate"' not in params:
        return params
    members = members_of(params)
    meta = members_of(members.get("_meta", b""))
    found = {key: _text(meta[key]) for key in KEYS if key in meta}
    if not found:
        return params  # the words stood elsewhere, in an argument for example
    dropped = set()
    if parse(found.get("traceparent", "")) is None:
        dropped |= {"traceparent", "tracestate"}
    state = found.get("tracestate", "")
    if len(state) > STATE_LONGEST or state.count(",") >= STATE_MEMBERS:
        dropped.add("tracestate")
    if not keeps_baggage:
        dropped.add("baggage")
    if not dropped & meta.keys():
        return params
    kept = {key: raw for key, raw in meta.items() if key not in dropped}
    members["_meta"] = msgspec.Raw(msgspec.json.encode(kept))
    return msgspec.json.encode(members)


def _text(raw: msgspec.Raw) -> str:
    try:
        return msgspec.json.decode(raw, type=str)
    except msgspec.DecodeError:
        return ""
