"""What does not pass yet, each with the reason; a test fails when this is not exactly so."""

from __future__ import annotations

from tests.conformance.suite import STATEFUL, STATELESS

SERVER_HALF: dict[tuple[str, str], dict[str, str]] = {
    ("direct", STATEFUL): {},
    ("direct", STATELESS): {},
    ("through us, stdio upstream", STATEFUL): {},
    ("through us, stdio upstream", STATELESS): {},
    ("through us, HTTP upstream", STATEFUL): {},
    ("through us, HTTP upstream", STATELESS): {},
}
"""By wiring and revision: scenario and reason."""

CLIENT_HALF: dict[str, dict[str, str]] = {STATEFUL: {}, STATELESS: {}}
"""By revision: scenario and reason."""
