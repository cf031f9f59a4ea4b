"""Routes for whoever watches the program: does it answer, and can it do its work.

Neither needs a key, so neither says more than a state's name.
"""

from __future__ import annotations

import msgspec

from core.model.status import EnginePhase, Snapshot
from core.web.exchange import Request, Response
from core.web.replies import plain
from core.web.site import Site

NEEDED = ("config", "engine", "listener")
"""Without a database nothing new can be approved; what is approved works on."""


class HealthzJson(msgspec.Struct, frozen=True):
    status: str


class CheckJson(msgspec.Struct, frozen=True):
    ok: bool
    state: str


class ReadyzJson(msgspec.Struct, frozen=True):
    """``ready`` is true when every check is ok that AI clients need: all but ``storage``."""

    ready: bool
    checks: dict[str, CheckJson]


async def healthz(_: Site, __: Request) -> Response:
    """Whoever reads this has seen the event loop turn."""
    return plain(HealthzJson("ok"))


async def readyz(site: Site, _: Request) -> Response:
    checks = checked(site.door.snapshot)
    ready = all(checks[name].ok for name in NEEDED)
    return plain(ReadyzJson(ready, checks), 200 if ready else 503)


def checked(snapshot: Snapshot) -> dict[str, CheckJson]:
    """What the program needs in order to serve AI clients, part by part."""
    if snapshot.config.revision == 0:
        config = CheckJson(False, "not loaded")
    elif snapshot.config_problem is not None:
        config = CheckJson(True, "last good version in use")
    else:
        config = CheckJson(True, "in use")
    listens = snapshot.endpoint is not None
    return {
        "config": config,
        "engine": CheckJson(snapshot.engine is EnginePhase.RUNNING, snapshot.engine),
        "storage": CheckJson(not snapshot.storage_problem, _STORAGE[not snapshot.storage_problem]),
        "listener": CheckJson(listens, "listening" if listens else "not listening"),
    }


_STORAGE = {True: "in use", False: "approvals and history are not kept"}
