"""F07, F31, F43 in the real program: servers by URL, and servers of an era of their own."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from tests.fakes.http_server import Request, Wire, http_server
from tests.faults.conftest import SceneMaker
from tests.faults.scene import entry

pytestmark = pytest.mark.timeout(120)

REMOTE_RECOVERY = 10.0  # seconds a server by URL gets to be ready once the fault is gone


async def test_f07_a_server_that_dies_of_the_newer_eras_question_is_asked_in_the_older(
    scene: SceneMaker,
) -> None:
    """Some end when the first message is not what they expect; the next start knows."""
    async with scene({"victim": entry("die-on", "server/discover")}) as play:
        victim = (await play.ready("victim"))["servers"]["victim"]
        assert victim["attempt"] == 2
        await play.recovers("victim")


async def test_f07_a_server_that_ignores_the_question_is_spoken_to_all_the_same(
    scene: SceneMaker,
) -> None:
    """After a while it is taken to be of the older era, and it is, in the first attempt."""
    async with scene({"victim": entry("mute-on", "server/discover")}) as play:
        victim = (await play.ready("victim"))["servers"]["victim"]
        assert victim["attempt"] == 1
        await play.recovers("victim")


async def test_f31_f43_a_server_by_url_goes_comes_back_and_wants_a_key(scene: SceneMaker) -> None:
    """Its end is shown and its return found by itself; a key in its entry is believed at once."""

    async def locked(request: Request, wire: Wire) -> bool:
        if request.headers.get("authorization") == "Bearer right":
            return False
        await wire.answer(401, WWW_Authenticate="Bearer")
        return True

    async with AsyncExitStack() as later:
        async with http_server() as server:
            server.wraps = True
            port, url = server.port, server.url
            play = await later.enter_async_context(scene({"victim": {"url": url}}))
            await play.ready("victim")
            client = await play.client("victim")
            assert "result" in await play.ledger.call(client)
        fault = (await play.shows("victim", "backoff", action="restart"))["fault"]
        assert fault["code"] in {"CONNECT_FAILED", "DISCONNECTED"}
        server = await later.enter_async_context(http_server(port=port))
        server.wraps = True
        await play.recovers("victim", REMOTE_RECOVERY)
        server.script = locked
        reply = await play.ledger.call(client)
        assert "who asks" in reply["error"]["message"]
        await play.shows("victim", "auth_required", code="AUTH_REQUIRED", action="configure")
        keyed = {"url": url, "headers": {"Authorization": "Bearer right"}}
        play.configure({"victim": keyed})
        await play.recovers("victim", REMOTE_RECOVERY)
