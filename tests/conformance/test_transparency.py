"""Through us a client sees what it would see at the server itself, point by point."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conformance.peer import Peer, connected
from tests.conformance.points import POINTS
from tests.conformance.wiring import (
    reference_over_http,
    through_us_over_http,
    through_us_over_stdio,
)

UPSTREAMS = {"stdio": through_us_over_stdio, "HTTP": through_us_over_http}
OF_THE_OTHER_ERA = {"resultType", "ttlMs", "cacheScope", "io.modelcontextprotocol/serverInfo"}
"""What only results of 2026-07-28 say; a client of before does not know it and loses nothing."""

ELSEWHERE: dict[str, str] = {
    "greeting capabilities": "the SDK's server declares nothing experimental in this era",
    "meta of request and result": "the server shows our own connection's _meta too",
    "a web page to visit and its end": "this era has no word of the end, and no id for it",
    "roots": "in this era the question carries empty params",
}
"""Points that must differ where the server is of the other era."""

pytestmark = pytest.mark.timeout(200)


async def look_at(names: list[str], peer: Peer) -> dict[str, object]:
    return {name: await POINTS[name](peer) for name in names}


@pytest.mark.parametrize("upstream", UPSTREAMS)
async def test_everything_looks_as_it_does_at_the_server(upstream: str, tmp_path: Path) -> None:
    """Answers, questions, notifications, errors and lists are the same, to the last field."""
    names = list(POINTS)
    async with reference_over_http("--stateful") as url, connected(url) as peer:
        direct = await look_at(names, peer)
    async with UPSTREAMS[upstream](tmp_path, "--stateful") as url, connected(url) as peer:
        ours = await look_at(names, peer)
    assert {name: (direct[name], ours[name]) for name in names if direct[name] != ours[name]} == {}
    assert len(names) >= 46


def _without_the_era(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {
            name: _without_the_era(inner)
            for name, inner in value.items()
            if name not in OF_THE_OTHER_ERA
        }
        return {name: inner for name, inner in kept.items() if name != "_meta" or inner}
    if isinstance(value, list | tuple):
        return [_without_the_era(inner) for inner in value]
    return value


async def test_a_server_of_the_newer_era_looks_like_one_of_the_older(tmp_path: Path) -> None:
    """A client up to 2025-11-25 in front of a server of 2026-07-28 sees what it knows."""
    names = [name for name in POINTS if name not in ELSEWHERE]
    async with reference_over_http("--stateful") as url, connected(url) as peer:
        direct = await look_at(names, peer)
    async with through_us_over_http(tmp_path) as url, connected(url) as peer:
        ours = await look_at(names, peer)
    seen = {name: (_without_the_era(direct[name]), _without_the_era(ours[name])) for name in names}
    assert {name: each for name, each in seen.items() if each[0] != each[1]} == {}
