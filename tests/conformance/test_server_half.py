"""What a server must do, judged by the official suite, with and without us in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.expected import SERVER_HALF
from tests.conformance.suite import REQUIREMENTS, STATEFUL, STATELESS, failing, needed, required
from tests.conformance.suite import server_half as run_server_half
from tests.conformance.wiring import WIRINGS

pytestmark = [needed, pytest.mark.timeout(300)]


@pytest.mark.parametrize("wiring", WIRINGS)
async def test_server_half_passes_but_for_what_is_expected(wiring: str, tmp_path: Path) -> None:
    """Every scenario of both revisions passes, but for those that are listed with a reason."""
    home = tmp_path / "home"
    home.mkdir()
    async with WIRINGS[wiring](home) as url:
        found = {
            revision: failing(await run_server_half(url, revision, tmp_path / revision))
            for revision in REQUIREMENTS
        }
    as_expected = {revision: SERVER_HALF[wiring, revision] for revision in REQUIREMENTS}
    differing = {
        revision: {
            name: found[revision].get(name, ["expected to fail, and passes"])
            for name in set(found[revision]) ^ set(as_expected[revision])
        }
        for revision in REQUIREMENTS
    }
    assert differing == {revision: {} for revision in REQUIREMENTS}


def test_as_many_scenarios_count_as_are_announced() -> None:
    """The suite's frozen lists have the size that we publish."""
    sizes = {revision: len(required(revision).server) for revision in REQUIREMENTS}
    assert sizes == {STATEFUL: 30, STATELESS: 37}
    assert sum(len(required(revision).client) for revision in REQUIREMENTS) == 11
