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

_WORDS = tuple(f'"{key}"'.encode() for key in KEYS)


def checked(params: bytes, *, remote: bool) -> bytes:
    """The params with no more of the trace context than may be passed on.

    Baggage may hold what a person would not tell a ``remote`` server.
    """
    if not any(word in params for word in _WORDS):
        return params
    members = members_of(params)
    meta = members_of(members.get("_meta", b""))
    found = {key: _text(meta[key]) for key in KEYS if key in meta}
    if not found:
        return params  # the words stood elsewhere, in an argument for example
    dropped = set()
    if parse(found.get("traceparent", "")) is None:
        dropped |= {"traceparent", "tracestate"}  # a state without its parent means nothing
    state = found.get("tracestate", "")
    if len(state) > STATE_LONGEST or state.count(",") >= STATE_MEMBERS:
        dropped.add("tracestate")
    if remote:
        dropped.add("baggage")
    twice = any(params.count(word) > 1 for word in _WORDS)  # readers might differ in which counts
    if not dropped & meta.keys() and not twice:
        return params
    kept = {key: raw for key, raw in meta.items() if key not in dropped}
    members["_meta"] = msgspec.Raw(msgspec.json.encode(kept))
    return msgspec.json.encode(members)


def _text(raw: msgspec.Raw) -> str:
    try:
        return msgspec.json.decode(raw, type=str)
    except msgspec.DecodeError:
        return ""
