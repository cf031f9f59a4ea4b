"""When the keyring has another value, what failed for want of it is tried again, by itself."""

from __future__ import annotations

import pytest

from core.model.config import ServerConfig, ServerName, Setting, Stdio
from core.model.faults import Fault, FaultCode
from core.model.intents import SecretChanged
from core.model.status import Phase
from tests.engine.running import running
from tests.fakes.clock import settle
from tests.fakes.connector import BROKEN
from tests.fakes.source import server

MISSING = Fault(FaultCode.MISSING_SECRET, "${keyring:github} has no value.")
LOCKED = Fault(FaultCode.KEYRING_LOCKED, "The keyring did not answer in 5 s.")


def referring(name: str, secret: str) -> ServerConfig:
    """An entry with one variable from the keyring."""
    env = (Setting("TOKEN", f"Bearer ${{keyring:{secret}}}"),)
    return ServerConfig(name=ServerName(name), transport=Stdio(command="x", env=env))


@pytest.mark.parametrize("fault", [MISSING, LOCKED, BROKEN])
async def test_a_changed_secret_concerns_those_that_refer_to_it(fault: Fault) -> None:
    """Whatever they failed for: a wrong secret can look like anything. Others are left alone."""
    mine, other, plain = referring("mine", "github"), referring("other", "gitlab"), server("plain")
    async with running(mine, other, plain) as world:
        for name in ("mine", "other", "plain"):
            world.servers.last(name).end(fault)
        await settle()
        await world.engine.submit(SecretChanged("github"))
        await settle()
        assert world.phase("mine") is Phase.READY
        assert world.phase("other") is world.phase("plain") is Phase.FAILED


async def test_what_works_is_not_touched() -> None:
    """A server that is ready goes on with the value it was started with."""
    async with running(referring("mine", "github")) as world:
        await world.engine.submit(SecretChanged("github"))
        await settle()
        assert world.servers.opened("mine") == 1


async def test_f74_unlocking_brings_back_what_the_lock_kept_from_starting() -> None:
    """And nothing else: a value that is missing is missing in an open keyring too."""
    names = {"locked": LOCKED, "missing": MISSING, "broken": BROKEN}
    async with running(*(referring(name, "github") for name in names)) as world:
        for name, fault in names.items():
            world.servers.last(name).end(fault)
        await settle()
        world.engine.secret_changed(None)
        await settle()
        assert {name: world.servers.opened(name) for name in names} == {
            "locked": 2,
            "missing": 1,
            "broken": 1,
        }
