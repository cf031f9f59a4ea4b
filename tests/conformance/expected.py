"""What does not pass yet, each with the reason; a test fails when this is not exactly so."""

from __future__ import annotations

from tests.conformance.suite import STATEFUL, STATELESS

Expected = dict[tuple[str, str], dict[str, str]]
"""By row of the published table and revision: scenario and reason."""

SERVER_HALF: Expected = {
    ("direct", STATEFUL): {},
    ("direct", STATELESS): {},
    ("through us, stdio upstream", STATEFUL): {},
    ("through us, stdio upstream", STATELESS): {},
    ("through us, HTTP upstream", STATEFUL): {},
    ("through us, HTTP upstream", STATELESS): {},
}

CLIENT_HALF: Expected = {
    ("legacy", STATEFUL): {},
    ("legacy", STATELESS): {},
    ("2026-07-28", STATEFUL): {},
    ("2026-07-28", STATELESS): {},
}
"""The row is the era of the client on our other side."""
