"""Trace context as W3C writes it, which MCP carries in ``params._meta`` (Trace Context 1)."""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

_VERSION_0 = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_NO_TRACE = "0" * 32
_NO_PARENT = "0" * 16


@dataclass(frozen=True, slots=True)
class Trace:
    """Which trace a request belongs to, and the span that caused it; lower-case hex digits."""

    trace_id: str
    parent_id: str
    flags: str


class _Meta(msgspec.Struct):
    traceparent: str = ""


class _Params(msgspec.Struct):
    meta: _Meta = msgspec.field(default_factory=_Meta, name="_meta")


_params = msgspec.json.Decoder(_Params)


def parse(traceparent: str) -> Trace | None:
    """What a ``traceparent`` says, or None when it is not valid (W3C Trace Context §3.2)."""
    match = _VERSION_0.fullmatch(traceparent)
    if match is None or match[1] == _NO_TRACE or match[2] == _NO_PARENT:
        return None
    return Trace(match[1], match[2], match[3])


def trace_id_of(params: bytes) -> str:
    """The trace that a request's params name in ``_meta``, or an empty string."""
    if b'"traceparent"' not in params:
        return ""
    try:
        trace = parse(_params.decode(params).meta.traceparent)
    except msgspec.DecodeError:
        return ""  # the word stood elsewhere, or is no string
    return trace.trace_id if trace is not None else ""
