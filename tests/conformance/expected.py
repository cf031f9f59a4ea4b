"""What does not pass yet, each with the reason; a test fails when this is not exactly so."""

from __future__ import annotations

from tests.conformance.suite import REQUIREMENTS, STATEFUL, STATELESS, Failures

Expected = dict[tuple[str, str], dict[str, str]]
"""By row of the published table and revision: scenario and reason."""

SERVER_HALF: Expected = {
    ("direct", STATEFUL): {},
    ("direct", STATELESS): {},
    ("through us, stdio upstream", STATEFUL): {},
    ("through us, stdio upstream", STATELESS): {},
    ("through us, HTTP upstream", STATEFUL): {},
    ("through us, HTTP upstream", STATELESS): {},
    ("through us, older upstream", STATEFUL): {},
    ("through us, older upstream", STATELESS): {
        "input-required-result-basic-elicitation": (
            "The scenario looks for the question under a name that only a server of the newer era "
            "can give it; an older server's questions have none."
        ),
        "input-required-result-ignore-extra-params": (
            "The scenario sends answers before anything was asked, under the names that the newer "
            "server would have used; an older server asks all the same. The check only warns."
        ),
        "input-required-result-multiple-input-requests": (
            "The scenario wants three questions at once; an older server asks the next one when "
            "it has the answer to the last."
        ),
    },
}

CLIENT_HALF: Expected = {
    ("legacy", STATEFUL): {},
    ("legacy", STATELESS): {},
    ("2026-07-28", STATEFUL): {},
    ("2026-07-28", STATELESS): {},
}
"""The row is the era of the client on our other side."""

SIGN_IN: Expected = {("signing in", STATEFUL): {}, ("signing in", STATELESS): {}}


def differing(found: dict[str, Failures], expected: Expected, row: str) -> Failures:
    """What did not pass and should have, and what passed though it is listed."""
    return {
        f"{name} ({revision})": found[revision].get(name, ["expected to fail, and passes"])
        for revision in REQUIREMENTS
        for name in set(found[revision]) ^ set(expected[row, revision])
    }
