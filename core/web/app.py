"""The one ASGI app: guard, then the gateway for ``/mcp`` or the route table for the rest."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from urllib.parse import parse_qsl

from core.asgi import (
    ASGIApp,
    AtOnce,
    ClientGone,
    Header,
    Message,
    Payload,
    Receive,
    Scope,
    Send,
    Turn,
    Work,
    while_connected,
)
from core.ports import (
    ClientFiles,
    ConfigText,
    Doctor,
    Door,
    Privates,
    Records,
    Registry,
    Sessions,
    SignIns,
    ToolSearch,
)
from core.telemetry.counters import Counters
from core.telemetry.logging import Logs, fields
from core.web import guard
from core.web.exchange import Address, Request, Response
from core.web.guard import Guard, Need, Refusal
from core.web.loopback import Loopback
from core.web.metrics import Exporter
from core.web.metrics_port import MetricsPort
from core.web.pages import Pages
from core.web.replies import Refused, failure
from core.web.routes import ROUTES
from core.web.routing import Found, Route, Router
from core.web.site import Site
from core.web.sse import Events
from core.web.visits import Visits

log = logging.getLogger(__name__)

MOST_QUERY_FIELDS = 32
UNMATCHED = "unmatched"  # the route label of requests to no route: paths are not ours to bound

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Apps:
    """``main`` has everything, and ``at_once`` what of it needs no task; ``metrics`` is for a
    port of its own, if there is one."""

    main: ASGIApp
    at_once: AtOnce
    metrics: ASGIApp


def create_apps(
    *,
    door: Door,
    sessions: Sessions,
    privates: Privates,
    doctor: Doctor,
    config: ConfigText,
    search: ToolSearch,
    records: Records,
    registry: Registry,
    clients: ClientFiles,
    sign_ins: SignIns,
    counters: Counters,
    gateway: ASGIApp,
    calls: AtOnce,
    logs: Logs,
    dashboard: Iterable[Path],
    version: str,
) -> Apps:
    """Everything on one address; ``gateway`` is given ``/mcp`` and all below it.

    ``calls`` may first answer what of that needs no task; ``dashboard`` are the directories
    with the files of ``/ui/``.
    """
    site = Site(
        door=door,
        doctor=doctor,
        config=config,
        search=search,
        records=records,
        registry=registry,
        clients=clients,
        pages=Pages(dashboard),
        visits=Visits(),
        sign_ins=sign_ins,
        loopback=Loopback(gateway, version),
        events=Events(door),
        exporter=Exporter(counters, sessions, privates, search, version),
        logs=logs,
        version=version,
    )
    app = _App(site, gateway, calls, counters)
    return Apps(app, app.at_once, MetricsPort(site))


class _Answering:
    """Forwards to the client, counts the answer when it begins and how long that took."""

    __slots__ = ("_arrived", "_counters", "_method", "_route", "_send", "started")

    def __init__(self, send: Send, counters: Counters, method: str, route: str) -> None:
        self._send = send
        self._counters = counters
        self._method = method if method in _METHODS else "other"
        self._route = route
        self._arrived = perf_counter()
        self.started = False

    # Hands on the inner awaitable instead of being a coroutine: every answer of the data plane
    # passes through here.
    def __call__(self, message: Message) -> Awaitable[None]:
        if not self.started and message["type"] == "http.response.start":
            self.started = True
            counters, method, route = self._counters, self._method, self._route
            counters.http_requests.inc(method, route, str(message["status"]))
            counters.http_request_duration.observe(perf_counter() - self._arrived, method, route)
        return self._send(message)


class _Counted:
    """A turn whose answer is counted as that of ``_Answering`` is."""

    __slots__ = ("_arrived", "_counters", "_route", "_turn", "body", "scope")

    def __init__(self, turn: Turn, counters: Counters, route: str) -> None:
        self.scope = turn.scope
        self.body = turn.body
        self._turn = turn
        self._counters = counters
        self._route = route
        self._arrived = perf_counter()

    def answer(self, *body: Payload) -> None:
        counters, route = self._counters, self._route
        counters.http_requests.inc("POST", route, "200")
        counters.http_request_duration.observe(perf_counter() - self._arrived, "POST", route)
        self._turn.answer(*body)

    def when_gone(self, tell: Callable[[], object]) -> None:
        self._turn.when_gone(tell)

    def spawn(self, work: Work) -> None:
        def counted(receive: Receive, send: Send) -> Awaitable[None]:
            return work(receive, _Answering(send, self._counters, "POST", self._route))

        self._turn.spawn(counted)


class _App:
    def __init__(self, site: Site, gateway: ASGIApp, calls: AtOnce, counters: Counters) -> None:
        self._site = site
        self._gateway = gateway
        self._calls = calls
        self._counters = counters
        for reason in guard.REASONS:
            counters.http_rejected.start_at_zero(reason)
        self._guard = Guard(site.door, site.visits)
        self._router = Router(ROUTES)

    def at_once(self, turn: Turn) -> bool:
        """Answer what needs no task; what is refused, ``__call__`` refuses."""
        label = _mcp_label(turn.scope["path"])
        if not label or self._guard.judge(turn.scope, guard.MCP) is not None:
            return False
        return self._calls(_Counted(turn, self._counters, label))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        found = None
        label = _mcp_label(path)
        if label:
            need = guard.MCP
        else:
            found = self._router.find(method, path)
            need = _need(found, path)
            label = found.template if found is not None else UNMATCHED
        answering = _Answering(send, self._counters, method, label)
        try:
            refusal = self._guard.judge(scope, need)
            if refusal is not None:
                self._counters.http_rejected.inc(refusal.code)
                await _refuse(scope, answering, refusal)
            elif need is guard.MCP:
                await self._gateway(scope, receive, answering)
            else:
                await self._serve(scope, receive, answering, found)
        except ClientGone:
            return
        except ImportError as error:
            # Taken or replaced by an upgrade before it was first needed.
            if answering.started:
                raise
            log.warning("files of the program are missing", extra=fields(why=str(error)))
            await _refuse(scope, answering, _REPLACED)
        except Exception:
            # The barrier between requests: a bug in answering one costs that answer only.
            if answering.started:
                raise  # too late for another answer: the server logs it and cuts the connection
            request_id = scope["state"]["request_id"].decode()
            log.exception(
                "bug while answering",
                extra=fields(method=method, route=label, request_id=request_id),
            )
            await _refuse(scope, answering, _BUG)

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, found: Found[Site] | None
    ) -> None:
        try:
            route = _allowed(found)
            request = _request(scope, receive, found)
            response = await route.handler(self._site, request)
        except Refused as error:
            await _refuse(scope, send, error)
            return
        if isinstance(response.body, bytes):
            await _answer(send, response, response.body)
        else:
            await while_connected(receive, _stream(send, response, response.body))


_BUG = Refusal(
    500,
    "internal",
    "This is a bug in MCP Proxy Tray. main.log has the details under this request id.",
    (),
)


_REPLACED = Refusal(
    503,
    "restart_needed",
    "The files of MCP Proxy Tray were replaced or removed while it runs. Quit it and start it "
    "again to finish the update.",
    (),
)


@lru_cache(maxsize=256)
def _mcp_label(path: str) -> str:
    """The route label of a path of the gateway's; empty for all other paths."""
    if not path.startswith("/mcp/") and path != "/mcp":
        return ""
    if path.startswith("/mcp/s/"):
        return "/mcp/s/{server}"
    return "/mcp" if path == "/mcp" else "/mcp/{other}"


def _need(found: Found[Site] | None, path: str) -> Need:
    # Outside /api an unknown path is an ordinary 404: MCP clients probe /.well-known.
    if found is None:
        return guard.KEY if path.startswith("/api/") else guard.NOTHING
    if not found.needs_key:
        return guard.NOTHING
    return guard.VISIT if found.by_visit else guard.KEY


def _allowed(found: Found[Site] | None) -> Route[Site]:
    if found is None:
        raise Refused(404, "not_found", "There is no such path here.")
    if found.route is None:
        raise Refused(
            405,
            "method_not_allowed",
            f"{found.template} understands {found.allowed}.",
            ((b"allow", found.allowed.encode()),),
        )
    return found.route


def _request(scope: Scope, receive: Receive, found: Found[Site] | None) -> Request:
    try:
        pairs = parse_qsl(
            scope["query_string"].decode("latin-1"),
            keep_blank_values=True,
            max_num_fields=MOST_QUERY_FIELDS,
        )
    except ValueError:
        raise Refused(
            400, "bad_request", f"The query has more than {MOST_QUERY_FIELDS} fields."
        ) from None
    params = found.params if found is not None else {}
    far, near = _ends(scope)
    return Request(params, dict(pairs), tuple(scope["headers"]), receive, far, near)


def _ends(scope: Scope) -> tuple[Address | None, Address | None]:
    """The far and the near end of a TCP connection."""
    server = scope["server"]
    on_tcp = server is not None and server[1] is not None
    return (scope["client"], server) if on_tcp else (None, None)


async def _refuse(scope: Scope, send: Send, why: Refusal | Refused) -> None:
    body = failure(why.code, why.message, scope["state"]["request_id"])
    await _answer(send, Response(why.status, body, headers=why.headers), body)


async def _answer(send: Send, response: Response, body: bytes) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send(_start(response, length))
    await send({"type": "http.response.body", "body": body})


async def _stream(send: Send, response: Response, body: AsyncGenerator[bytes, None]) -> None:
    async with aclosing(body):
        await send(_start(response))
        async for part in body:
            await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _start(response: Response, *more: Header) -> Message:
    headers = [(b"content-type", response.content_type), *response.headers, *more]
    return {"type": "http.response.start", "status": response.status, "headers": headers}
