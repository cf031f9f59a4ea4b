"""Every route there is, as data, and the small handlers behind them.

Reading takes the present snapshot and nothing else; writing submits an intent, answers 202 with
the ``seq`` at which it was accepted, and never claims that something is done which is not.
"""

from __future__ import annotations

import asyncio
import os
from functools import partial
from urllib.parse import urlsplit

import msgspec

from core.errors import UnknownServer
from core.model.config import ServerName
from core.model.intents import Show
from core.model.status import EnginePhase, Snapshot
from core.telemetry.logfile import tail
from core.web import metrics, wire
from core.web.actions import act, disable, enable, restart
from core.web.exchange import Request, Response
from core.web.replies import Refused, plain, success
from core.web.routing import Route
from core.web.site import Site

LOG_LINES = 200  # when the caller does not say
MOST_LOG_LINES = 5000
MOST_LOG_BYTES = 2 * 1024 * 1024


class HealthzJson(msgspec.Struct, frozen=True):
    status: str


class ReadyzJson(msgspec.Struct, frozen=True):
    ready: bool


class StatusData(msgspec.Struct, frozen=True, kw_only=True):
    """``uptime`` is in seconds; ``endpoint`` is where AI clients connect."""

    running: bool
    engine: str
    version: str
    pid: int
    uptime: float
    boot: str
    seq: int
    listen: str
    endpoint: str | None
    config_revision: int
    config_problem: wire.ConfigProblemJson | None
    stats: wire.StatsJson


class ServersData(msgspec.Struct, frozen=True):
    servers: tuple[wire.ServerJson, ...]
    stats: wire.StatsJson


class LogData(msgspec.Struct, frozen=True):
    server: str
    lines: list[str]


async def healthz(_: Site, __: Request) -> Response:
    return plain(HealthzJson("ok"))


async def readyz(site: Site, _: Request) -> Response:
    ready = site.door.snapshot.engine is EnginePhase.RUNNING
    return plain(ReadyzJson(ready), 200 if ready else 503)


async def metrics_page(site: Site, request: Request) -> Response:
    snapshot = site.door.snapshot
    if not snapshot.config.metrics_enabled:
        raise Refused(
            404, "metrics_disabled", "observability.metrics.enabled is false in the config file."
        )
    families = site.exporter.moment(snapshot, site.events.clients, site.logs.dropped)
    page = await metrics.page(families, request.header(b"accept"))
    return Response(200, page.body, page.content_type.encode())


async def events(site: Site, request: Request) -> Response:
    return Response(
        200,
        site.events.stream(request.header(b"last-event-id")),
        b"text/event-stream",
        ((b"cache-control", b"no-store"),),
    )


async def status(site: Site, _: Request) -> Response:
    snapshot = site.door.snapshot
    return success(
        StatusData(
            running=snapshot.engine is EnginePhase.RUNNING,
            engine=snapshot.engine,
            version=site.version,
            pid=os.getpid(),
            uptime=round(site.exporter.uptime, 3),
            boot=snapshot.boot,
            seq=snapshot.seq,
            listen=_listening(snapshot),
            endpoint=snapshot.endpoint,
            config_revision=snapshot.config.revision,
            config_problem=wire.config_problem_json(snapshot.config_problem),
            stats=wire.stats_json(snapshot),
        )
    )


async def servers(site: Site, _: Request) -> Response:
    snapshot = site.door.snapshot
    return success(
        ServersData(
            tuple(wire.server_json(each, snapshot.config) for each in snapshot.servers.values()),
            wire.stats_json(snapshot),
        )
    )


async def server_log(site: Site, request: Request) -> Response:
    name = request.params["name"]
    slug = _slug(site.door.snapshot, name)
    count = _lines_asked_for(request.query.get("tail"))
    path = site.logs.server_log_path(slug)
    try:
        lines = await asyncio.to_thread(tail, path, count, MOST_LOG_BYTES)
    except OSError as error:
        raise Refused(
            500, "log_unreadable", f"{path} cannot be read: {error.strerror or error}."
        ) from error
    return success(LogData(name, lines))


async def diagnostics(site: Site, _: Request) -> Response:
    findings = await site.doctor.examine(site.door.snapshot)
    return success(wire.diagnostics_json(site.version, findings))


async def diagnostics_bundle(site: Site, _: Request) -> Response:
    return Response(200, await site.doctor.bundle(site.door.snapshot), b"application/zip")


def _listening(snapshot: Snapshot) -> str:
    # The file may ask for port 0, or have been edited since the sockets were bound.
    if snapshot.endpoint is None:
        return str(snapshot.config.listen)
    return urlsplit(snapshot.endpoint).netloc


def _slug(snapshot: Snapshot, name: str) -> str:
    entry = snapshot.config.servers.get(ServerName(name))
    if entry is None:
        raise Refused(404, "unknown_server", str(UnknownServer(name, snapshot.config.servers)))
    return entry.slug


def _lines_asked_for(text: str | None) -> int:
    if text is None:
        return LOG_LINES
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:6]) <= MOST_LOG_LINES):
        raise Refused(400, "bad_request", f"tail is a number of lines from 1 to {MOST_LOG_LINES}.")
    return int(text[:6])


ROUTES: tuple[Route[Site], ...] = (
    Route("GET", "/healthz", healthz, "The program answers.", needs_key=False),
    Route("GET", "/readyz", readyz, "200 once the engine is up, else 503.", needs_key=False),
    Route("GET", "/metrics", metrics_page, "Prometheus text or OpenMetrics, by Accept."),
    Route("GET", "/events", events, "Server-sent events: snapshot, delta, notice, bye."),
    Route("GET", "/api/v1/status", status, "What runs, where, and how many of what."),
    Route("GET", "/api/v1/servers", servers, "All servers, with masked settings, and counts."),
    Route("POST", "/api/v1/servers/{name}/enable", enable, "Want the server; ?wait=ready waits."),
    Route("POST", "/api/v1/servers/{name}/disable", disable, "Stop wanting the server."),
    Route("POST", "/api/v1/servers/{name}/restart", restart, "Start its connection anew."),
    Route("GET", "/api/v1/servers/{name}/logs", server_log, "Its last ?tail= lines of stderr."),
    Route("GET", "/api/v1/diagnostics", diagnostics, "What is wrong, why, and what to do."),
    Route("GET", "/api/v1/diagnostics/bundle", diagnostics_bundle, "A zip without secrets."),
    Route("POST", "/api/v1/show", partial(act, intent=Show()), "Make the program show itself."),
)
