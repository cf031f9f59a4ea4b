"""Protocol versions and JSON-RPC error codes."""

from __future__ import annotations

from enum import IntEnum

STATEFUL_VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""Versions with a hand-shake and a session, oldest first (they compare as text)."""

LATEST_STATEFUL = STATEFUL_VERSIONS[-1]

STATELESS_VERSIONS = ("2026-07-28",)
"""Versions without: every request says for itself what it needs (2026-07-28, basic)."""

LATEST_STATELESS = STATELESS_VERSIONS[-1]


class Code(IntEnum):
    """JSON-RPC 2.0 §5.1, MCP's, and our own outside both reserved ranges."""

    PARSE_ERROR = -32700
    INVALID_REQUEST = -32600
    METHOD_NOT_FOUND = -32601
    INVALID_PARAMS = -32602
    INTERNAL_ERROR = -32603
    RESOURCE_NOT_FOUND = -32002  # up to 2025-11-25; INVALID_PARAMS since
    HEADER_MISMATCH = -32020  # HTTP headers and body disagree (2026-07-28)
    MISSING_CAPABILITY = -32021  # the client did not declare what is needed (2026-07-28)
    UNSUPPORTED_VERSION = -32022  # (2026-07-28)
    URL_ELICITATION_REQUIRED = -32042  # a person must visit a URL first (only 2025-11-25)
    SERVER_UNAVAILABLE = -31001  # the MCP server behind us cannot be called now
    CALL_LOST = -31002  # it went away during the call, which may or may not have run
    CALL_TIMEOUT = -31003  # it did not answer in time
    TOO_BUSY = -31004  # it has as many requests waiting as we keep for one server
    NOT_PERMITTED = -31005  # quarantined, hidden or switched off by a person


def negotiated(wanted: str, spoken: str = LATEST_STATEFUL) -> str:
    """The version to answer a client's ``initialize`` with (MCP 2025-11-25, basic/lifecycle).

    The client's own where we know it, but never newer than what the server behind ``spoken``. A
    server of the stateless era is spoken for by us, in the newest version with a session.
    """
    newest = min(spoken, LATEST_STATEFUL)
    if wanted not in STATEFUL_VERSIONS:
        return newest
    return min(wanted, newest)
