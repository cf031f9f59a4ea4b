"""What the engine makes of signing in and out: who may, and that it is another connection then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from core.errors import IntentRefused, NotNow, UnknownServer
from core.model.config import Http, ServerConfig, ServerName, Setting
from core.model.faults import Fault, FaultCode
from core.model.intents import Login, Logout
from core.model.status import Phase
from tests.engine.running import running
from tests.fakes.clock import settle
from tests.fakes.source import server

NAME = ServerName("one")
REMOTE = ServerConfig(name=NAME, transport=Http(url="https://x.example/mcp"))
KEYED = replace(
    REMOTE,
    transport=Http(url="https://x.example/mcp", headers=(Setting("authorization", "Bearer k"),)),
)


class Door:
    """Implements ``core.ports.SignIns``: a person is in as soon as a sign-in is prepared."""

    def __init__(self) -> None:
        self.inside: set[ServerName] = set()
        self._changed: Callable[[ServerName], object] = lambda _: None

    async def begin(self, config: ServerConfig) -> None:
        self.inside.add(config.name)
        self._changed(config.name)

    def link(self, name: ServerName) -> str:
        return ""

    async def over(self, name: ServerName) -> None:
        return

    async def forget(self, name: ServerName) -> bool:
        known = name in self.inside
        self.inside.discard(name)
        if known:
            self._changed(name)
        return known

    def on_change(self, changed: Callable[[ServerName], object]) -> None:
        self._changed = changed


@pytest.mark.parametrize("code", [FaultCode.LOGIN_NEEDED, FaultCode.FORBIDDEN])
async def test_whoever_signs_in_or_out_gets_another_connection(code: FaultCode) -> None:
    """From where it waited for that, and from where it was ready as somebody else."""
    async with running(REMOTE, sign_ins=Door()) as world:
        world.servers.last("one").end(Fault(code, "Sign in."))
        await settle()
        await world.engine.submit(Login(NAME))
        await settle()
        assert (world.phase("one"), world.servers.opened("one")) == (Phase.READY, 2)
        await world.engine.submit(Logout(NAME))
        await settle()
        assert (world.phase("one"), world.servers.opened("one")) == (Phase.READY, 3)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (server("one"), "on this computer"),
        (replace(REMOTE, enabled=False), "Enable it first"),
        (KEYED, "Authorization"),
    ],
)
async def test_who_cannot_sign_in_is_told_why(config: ServerConfig, words: str) -> None:
    """There is nobody to sign in to, or it would change nothing."""
    async with running(config, sign_ins=Door()) as world:
        await settle()
        with pytest.raises(NotNow, match=words):
            await world.engine.submit(Login(NAME))
        with pytest.raises(NotNow, match="Nobody is signed in"):
            await world.engine.submit(Logout(NAME))
        for intent in (Login(ServerName("x")), Logout(ServerName("x"))):
            with pytest.raises(UnknownServer):
                await world.engine.submit(intent)


async def test_an_engine_without_sign_ins_says_so() -> None:
    """Nothing is pretended."""
    async with running(REMOTE) as world:
        with pytest.raises(IntentRefused, match="Nobody can sign in"):
            await world.engine.submit(Login(NAME))
