"""Versions and codes: what is agreed on, and that our codes are our own."""

from __future__ import annotations

import pytest

from core.protocol.codes import LATEST_STATEFUL, STATEFUL_VERSIONS, Code, negotiated


@pytest.mark.parametrize("spoken", STATEFUL_VERSIONS)
@pytest.mark.parametrize("wanted", STATEFUL_VERSIONS)
def test_the_older_of_two(wanted: str, spoken: str) -> None:
    """Client and server meet at the older version of the two."""
    older = min(STATEFUL_VERSIONS.index(wanted), STATEFUL_VERSIONS.index(spoken))
    assert negotiated(wanted, spoken) == STATEFUL_VERSIONS[older]


@pytest.mark.parametrize("wanted", ["", "1999-01-01", "2026-07-28", "2025-11-25 ", "latest"])
def test_unknown_versions(wanted: str) -> None:
    """A version we do not know is answered with what the server speaks."""
    assert negotiated(wanted) == LATEST_STATEFUL
    assert negotiated(wanted, "2025-03-26") == "2025-03-26"


def test_own_codes_are_outside_the_reserved_range() -> None:
    """JSON-RPC 2.0 §5.1 keeps -32768 to -32000 for itself and for MCP; ours are none of those."""
    reserved = {code for code in Code if -32768 <= code <= -32000}
    json_rpc = {-32700, -32600, -32601, -32602, -32603}
    mcp = {-32002, -32020, -32021, -32022, -32042}
    assert reserved == json_rpc | mcp
    assert len({int(code) for code in Code}) == len(Code)
