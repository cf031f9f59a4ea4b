"""Writing: an intent goes in, ``seq`` comes out, and whoever wants to may wait for the effect."""

from __future__ import annotations

from math import isfinite

import msgspec

from core.asgi import while_connected
from core.errors import (
    ConfigError,
    ConfigNotWritten,
    EditRefused,
    EngineStopped,
    IntentRefused,
    NotAsSeen,
    SignInFailed,
    UnknownServer,
)
from core.model.config import ServerName
from core.model.intents import Intent, RestartServer, SecretChanged, ServerIntent, SetEnabled
from core.model.status import Phase, ServerStatus, Snapshot
from core.web import wire
from core.web.exchange import Request, Response
from core.web.replies import Refused, success
from core.web.site import Site

WAIT_TIME = 30.0  # seconds, when the caller does not say
LONGEST_WAIT = 300.0

WAITING = {
    "wait": "Answer once the server is in this phase, or cannot get there without a person.",
    "timeout": f"Seconds to wait for that, {WAIT_TIME:g} unless said, {LONGEST_WAIT:g} at most.",
}

_STUCK = frozenset({Phase.FAILED, Phase.AUTH_REQUIRED})
"""Phases that only a person's act ends, so waiting for another is pointless."""


class AcceptedData(msgspec.Struct, frozen=True):
    """``server`` is set when the caller waited."""

    accepted_at_seq: int
    server: wire.StatusJson | None = None


async def enable(site: Site, request: Request) -> Response:
    return await _change(site, request, SetEnabled(_name(request), enabled=True))


async def disable(site: Site, request: Request) -> Response:
    return await _change(site, request, SetEnabled(_name(request), enabled=False))


async def restart(site: Site, request: Request) -> Response:
    return await _change(site, request, RestartServer(_name(request)))


async def secret_changed(site: Site, request: Request) -> Response:
    return await act(site, request, SecretChanged(request.params["secret"]))


async def act(site: Site, _: Request, intent: Intent) -> Response:
    """Submit what concerns no server."""
    return success(AcceptedData(await submit(site, intent)), 202)


def _name(request: Request) -> ServerName:
    return ServerName(request.params["name"])


async def _change(site: Site, request: Request, intent: ServerIntent) -> Response:
    return await act_on(site, request, intent.name, intent)


async def act_on(site: Site, request: Request, name: ServerName, intent: Intent) -> Response:
    """Submit what concerns one server, and wait for the phase that the query names, if any."""
    wanted = phase_in(request)
    limit = seconds_in(request)
    before = site.door.snapshot.servers.get(name)
    seq = await submit(site, intent)
    if wanted is None:
        return success(AcceptedData(seq), 202)
    status = await reached(site, request, name, before, wanted, limit)
    return success(AcceptedData(seq, wire.status_json(status)))


async def submit(site: Site, intent: Intent) -> int:
    """The seq at which the intent was accepted. Raises Refused."""
    try:
        return await site.door.submit(intent)
    except UnknownServer as error:
        raise Refused(404, "unknown_server", str(error)) from error
    except EditRefused as error:
        raise Refused(400, "config_invalid", str(error)) from error
    except NotAsSeen as error:
        raise Refused(409, "changed_since", str(error)) from error
    except IntentRefused as error:
        raise Refused(409, "not_now", str(error)) from error
    except SignInFailed as error:
        raise Refused(502, "sign_in_failed", str(error)) from error
    except EngineStopped as error:
        raise Refused(503, "stopping", str(error)) from error
    except ConfigError as error:
        raise Refused(409, "config_invalid", str(error)) from error
    except ConfigNotWritten as error:
        raise Refused(500, "config_not_written", str(error)) from error


async def reached(
    site: Site,
    request: Request,
    name: ServerName,
    before: ServerStatus | None,
    wanted: Phase,
    limit: float,
) -> ServerStatus:
    """Wait for the phase. An accepted restart has left its old phase already."""
    rev = before.rev if before is not None else -1

    def settled(snapshot: Snapshot) -> bool:
        status = snapshot.servers.get(name)
        if status is None or status.phase is wanted:
            return True
        return status.phase in _STUCK and status.rev != rev

    try:
        snapshot = await while_connected(request.receive, site.door.until(settled, limit))
    except TimeoutError as error:
        now = site.door.snapshot.servers.get(name)
        raise Refused(504, "wait_timeout", _not_reached(name, wanted, now, limit)) from error
    except EngineStopped as error:
        raise Refused(503, "stopping", str(error)) from error
    status = snapshot.servers.get(name)
    if status is None or status.phase is not wanted:
        raise Refused(409, "wait_failed", _not_reached(name, wanted, status, None))
    return status


def _not_reached(name: str, wanted: Phase, now: ServerStatus | None, limit: float | None) -> str:
    after = f" after {limit:g} s" if limit is not None else ""
    if now is None:
        return f"Server {name!r} was removed from the configuration."
    return f"Server {name!r} is not {wanted}{after} but {now.phase}: {now.health.summary}."


def phase_in(request: Request) -> Phase | None:
    """The phase to wait for, if any. Raises Refused."""
    text = request.query.get("wait")
    if text is None:
        return None
    try:
        return Phase(text)
    except ValueError:
        known = ", ".join(Phase)
        raise Refused(400, "bad_request", f"wait names a phase: {known}.") from None


def seconds_in(request: Request) -> float:
    """How long to wait for it. Raises Refused."""
    text = request.query.get("timeout")
    if text is None:
        return WAIT_TIME
    try:
        limit = float(text)
    except ValueError:
        limit = -1.0
    if not (isfinite(limit) and 0 < limit <= LONGEST_WAIT):
        raise Refused(400, "bad_request", f"timeout is a number of seconds up to {LONGEST_WAIT:g}.")
    return limit
