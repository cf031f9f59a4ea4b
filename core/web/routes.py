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

from core.model.intents import Show
from core.model.status import EnginePhase, Snapshot
from core.web import (
    activity,
    approvals,
    configuration,
    dashboard,
    health,
    logs,
    metrics,
    openapi,
    registry,
    servers,
    sign_in,
    tools,
    wire,
)
from core.web.actions import WAITING, AcceptedData, act, disable, enable, restart, secret_changed
from core.web.exchange import Request, Response
from core.web.replies import Refused, success
from core.web.routing import Route
from core.web.site import Site


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
    storage_problem: str
    stats: wire.StatsJson


async def metrics_page(site: Site, request: Request) -> Response:
    snapshot = site.door.snapshot
    if not snapshot.config.metrics_enabled:
        raise Refused(
            404, "metrics_disabled", "observability.metrics.enabled is false in the config file."
        )
    families = site.exporter.moment(snapshot, site.events, site.logs)
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
            storage_problem=snapshot.storage_problem,
            stats=wire.stats_json(snapshot),
        )
    )


async def diagnostics(site: Site, _: Request) -> Response:
    findings = await site.doctor.examine(site.door.snapshot)
    return success(wire.diagnostics_json(site.version, findings))


async def diagnostics_bundle(site: Site, _: Request) -> Response:
    return Response(200, await site.doctor.bundle(site.door.snapshot), b"application/zip")


async def openapi_page(site: Site, _: Request) -> Response:
    return Response(200, await asyncio.to_thread(openapi.document, ROUTES, site.version))


def _listening(snapshot: Snapshot) -> str:
    # The file may ask for port 0, or have been edited since the sockets were bound.
    if snapshot.endpoint is None:
        return str(snapshot.config.listen)
    return urlsplit(snapshot.endpoint).netloc


ROUTES: tuple[Route[Site], ...] = (
    Route(
        "GET",
        "/healthz",
        health.healthz,
        "The program answers.",
        needs_key=False,
        data=health.HealthzJson,
    ),
    Route(
        "GET",
        "/readyz",
        health.readyz,
        "200 once AI clients can be served, else 503 with the part that is not ready.",
        needs_key=False,
        data=health.ReadyzJson,
    ),
    Route(
        "GET",
        "/metrics",
        metrics_page,
        "Prometheus text or OpenMetrics, by Accept.",
        by_visit=False,
        produces=("text/plain", "application/openmetrics-text"),
    ),
    Route(
        "GET",
        "/events",
        events,
        "Server-sent events: snapshot, delta, notice, bye.",
        produces=("text/event-stream",),
    ),
    Route(
        "GET", "/api/v1/status", status, "What runs, where, and how many of what.", data=StatusData
    ),
    Route(
        "GET",
        "/api/v1/servers",
        servers.servers,
        "All servers, settings masked, and counts.",
        data=servers.ServersData,
    ),
    Route(
        "POST",
        "/api/v1/servers",
        servers.add,
        "Write one entry or several into the file.",
        data=AcceptedData,
        body=servers.AddBody,
        query=WAITING,
        status=202,
    ),
    Route(
        "GET",
        "/api/v1/servers/{name}",
        servers.server,
        "One server, with masked settings.",
        data=wire.ServerJson,
    ),
    Route(
        "PATCH",
        "/api/v1/servers/{name}",
        servers.change,
        "Merge into its entry in the file.",
        data=AcceptedData,
        body=servers.Patch,
        query=WAITING,
        status=202,
    ),
    Route(
        "DELETE",
        "/api/v1/servers/{name}",
        servers.remove,
        "Take its entry out of the file.",
        data=AcceptedData,
        status=202,
    ),
    Route(
        "POST",
        "/api/v1/servers/{name}/enable",
        enable,
        "Want the server; ?wait=ready waits.",
        data=AcceptedData,
        query=WAITING,
        status=202,
    ),
    Route(
        "POST",
        "/api/v1/servers/{name}/disable",
        disable,
        "Stop wanting the server.",
        data=AcceptedData,
        query=WAITING,
        status=202,
    ),
    Route(
        "POST",
        "/api/v1/servers/{name}/restart",
        restart,
        "Start its connection anew.",
        data=AcceptedData,
        query=WAITING,
        status=202,
    ),
    *sign_in.ROUTES,
    Route(
        "GET",
        "/api/v1/servers/{name}/tools",
        servers.tools,
        "Its tools, approved or not.",
        data=servers.ToolsData,
    ),
    Route(
        "GET",
        "/api/v1/servers/{name}/review",
        approvals.review,
        "What waits for approval, with what changed and what is suspicious.",
        data=approvals.ReviewData,
    ),
    Route(
        "POST",
        "/api/v1/servers/{name}/tools/approve",
        approvals.approve,
        "Agree to tools by the hashes that were seen; 409 for another hash.",
        data=approvals.ApprovedData,
        body=approvals.ApproveBody,
        status=202,
    ),
    Route(
        "GET",
        "/api/v1/servers/{name}/tools/{tool}/diff",
        approvals.diff,
        "A tool as it is beside what was agreed to.",
        data=approvals.DiffData,
    ),
    Route(
        "POST",
        "/api/v1/servers/{name}/quarantine",
        approvals.quarantine,
        "Hide everything of the server from AI clients.",
        data=AcceptedData,
        status=202,
    ),
    Route(
        "POST",
        "/api/v1/servers/{name}/unquarantine",
        approvals.unquarantine,
        "Agree to the server and to those of its tools that no rule speaks against.",
        data=AcceptedData,
        status=202,
    ),
    Route(
        "GET",
        "/api/v1/servers/{name}/logs",
        logs.server_log,
        "Its last ?tail= lines of stderr; with ?follow=1 every later one as an event.",
        data=logs.LogData,
        query=logs.QUERY,
        produces=("application/json", "text/event-stream"),
    ),
    Route(
        "GET",
        "/api/v1/tools",
        tools.find,
        "Tools AI clients may use, by ?q= best first.",
        data=tools.FoundData,
        query=tools.QUERY,
    ),
    Route(
        "POST",
        "/api/v1/tools/call",
        tools.call,
        "Call a tool by its id, server:tool.",
        data=tools.CallData,
        body=tools.CallBody,
    ),
    Route(
        "GET",
        "/api/v1/registry",
        registry.find,
        "Published servers, if the config file names a registry.",
        data=registry.OffersData,
        query=registry.QUERY,
    ),
    Route(
        "GET",
        "/api/v1/activity",
        activity.activity,
        "Finished calls, newest first, in pages.",
        data=activity.ActivityData,
        query=activity.QUERY,
    ),
    Route(
        "GET",
        "/api/v1/usage",
        activity.usage,
        "How often each tool was called.",
        data=activity.UsageData,
    ),
    Route(
        "GET",
        "/api/v1/config",
        configuration.show,
        "The config file's text, masked.",
        data=configuration.ConfigData,
    ),
    Route(
        "POST",
        "/api/v1/config/validate",
        configuration.validate,
        "What is wrong with a text.",
        data=configuration.ValidatedData,
        body=configuration.TextBody,
    ),
    Route(
        "POST",
        "/api/v1/config/apply",
        configuration.apply,
        "Replace the text that was seen.",
        data=AcceptedData,
        body=configuration.ApplyBody,
        status=202,
    ),
    Route(
        "POST",
        "/api/v1/config/restore",
        configuration.restore,
        "Undo its loss or mistakes.",
        data=AcceptedData,
        status=202,
    ),
    Route("GET", "/api/v1/logging", logs.levels, "The log levels in use.", data=logs.LevelsData),
    Route(
        "POST",
        "/api/v1/logging",
        logs.change_level,
        "Change a log level until the end.",
        data=logs.LevelsData,
        body=logs.LevelChange,
    ),
    Route(
        "GET",
        "/api/v1/diagnostics",
        diagnostics,
        "What is wrong, why, and what to do.",
        data=wire.DiagnosticsJson,
    ),
    Route(
        "GET",
        "/api/v1/diagnostics/bundle",
        diagnostics_bundle,
        "A zip without secrets.",
        produces=("application/zip",),
    ),
    Route(
        "POST",
        "/api/v1/secrets/{secret}/changed",
        secret_changed,
        "Try again what failed for want of that secret.",
        data=AcceptedData,
        status=202,
    ),
    Route(
        "POST",
        "/api/v1/show",
        partial(act, intent=Show()),
        "Make the program show itself.",
        data=AcceptedData,
        status=202,
    ),
    Route("GET", "/api/v1/openapi.json", openapi_page, "This document: OpenAPI 3.1."),
    *dashboard.ROUTES,
)
