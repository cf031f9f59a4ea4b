"""The official suite finds exactly what we publish, whichever half and arrangement."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.client import ERAS, Era
from tests.conformance.expected import CLIENT_HALF, SERVER_HALF, SIGN_IN, differing
from tests.conformance.halves import run_client_half, run_server_half, run_sign_in
from tests.conformance.report import PAGE, render
from tests.conformance.suite import REQUIREMENTS, STATEFUL, STATELESS, needed, required
from tests.conformance.wiring import WIRINGS

pytestmark = [needed, pytest.mark.timeout(300)]


# That the reference server passes on its own follows from its passing through us.
@pytest.mark.parametrize("wiring", [name for name in WIRINGS if name != "direct"])
async def test_server_half(wiring: str, tmp_path: Path) -> None:
    """What a server must do passes, but for the scenarios that are listed with a reason."""
    found = await run_server_half(wiring, tmp_path)
    assert differing(found, SERVER_HALF, wiring) == {}


@pytest.mark.parametrize("era", ERAS)
async def test_client_half(era: Era, tmp_path: Path) -> None:
    """What a client must do toward a server we do, whichever era the client behind us has."""
    found = await run_client_half(era, tmp_path)
    assert differing(found, CLIENT_HALF, era) == {}


async def test_signing_in(tmp_path: Path) -> None:
    """What a client must do to sign in, and must not, we do, with a person and a browser."""
    assert differing(await run_sign_in(tmp_path), SIGN_IN, "signing in") == {}


def test_as_many_scenarios_count_as_are_announced() -> None:
    """The suite's frozen lists have the size that we publish."""
    sizes = {revision: len(required(revision).server) for revision in REQUIREMENTS}
    assert sizes == {STATEFUL: 30, STATELESS: 37}
    assert sum(len(required(revision).client) for revision in REQUIREMENTS) == 11
    assert [len(required(revision).sign_in) for revision in REQUIREMENTS] == [14, 25]


def test_published_table_is_what_the_tests_hold_to() -> None:
    """The page in docs says what the tests above find."""
    assert PAGE.read_text(encoding="utf-8") == render(SERVER_HALF, CLIENT_HALF, SIGN_IN)
