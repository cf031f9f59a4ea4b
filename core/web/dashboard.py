"""The dashboard in the browser: its files, who is let in, and what only it and scripts ask for."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from urllib.parse import urlsplit

import msgspec

from core.model.clients import Deed
from core.model.intents import PauseAll
from core.web import clients, pages, servers
from core.web.actions import AcceptedData, act
from core.web.body import read_json
from core.web.exchange import Request, Response
from core.web.far_end import user_at
from core.web.guard import PROOF
from core.web.replies import Refused, success
from core.web.routing import Route
from core.web.site import Site
from core.web.visits import CODE_LIFE, VISIT_LIFE, cookie_name

PAGE = "/ui/"


class CodeData(msgspec.Struct, frozen=True):
    """``url`` opens the dashboard once, within ``expires_in`` seconds; ``path`` is its end.

    ``&to=/servers/NAME`` after either opens that page of it.
    """

    url: str
    path: str
    expires_in: int


class CodeBody(msgspec.Struct, frozen=True):
    code: str


class VisitData(msgspec.Struct, frozen=True):
    """``proof`` goes into the header X-MCPProxy-Visit of every request, beside the cookie."""

    proof: str
    expires_in: int


async def page(site: Site, request: Request) -> Response:
    """A file by its name, or the page itself."""
    found = await site.pages.get(request.params.get("file", pages.INDEX))
    if found is None:
        raise Refused(404, "not_found", "The dashboard has no such file.")
    headers = (*pages.HEADERS, (b"etag", found.etag))
    if found.etag.decode() in request.header(b"if-none-match"):
        return Response(304, b"", found.kind, headers)
    return Response(200, found.body, found.kind, headers)


async def code(site: Site, request: Request) -> Response:
    """An address for the same user's browser; the code is after the #, which is never sent."""
    endpoint = site.door.snapshot.endpoint
    if endpoint is None:
        raise Refused(503, "starting", "There is no address yet; try again in a moment.")
    path = f"{PAGE}#code={site.visits.code(await _user(request))}"
    url = f"http://{urlsplit(endpoint).netloc}{path}"
    return success(CodeData(url, path, int(CODE_LIFE)), 201)


async def begin(site: Site, request: Request) -> Response:
    body = await read_json(request, CodeBody)
    key = site.door.snapshot.config.api_key
    begun = site.visits.begin(body.code, await _user(request), key)
    if begun is None or request.near is None:
        raise Refused(
            403,
            "code_not_good",
            "This link was used already, is older than a minute, or was made for another user "
            "of this computer. Get another with: mcpproxy-tray dashboard",
        )
    cookie = (
        f"{cookie_name(request.near[1])}={begun.cookie}; Path=/; Max-Age={int(VISIT_LIFE)}; "
        "HttpOnly; SameSite=Strict"
    )
    answer = success(VisitData(begun.proof, int(VISIT_LIFE)), 201)
    headers = ((b"set-cookie", cookie.encode()), (b"cache-control", b"no-store"))
    return Response(answer.status, answer.body, answer.content_type, headers)


async def end(site: Site, request: Request) -> Response:
    site.visits.end(request.header(PROOF))
    return Response(204, b"")


async def _user(request: Request) -> int | None:
    """Whose program asks; on the unix socket it can only be ours."""
    if request.far is None or request.near is None:
        return os.geteuid() if hasattr(os, "geteuid") else None
    return await asyncio.to_thread(user_at, request.far, request.near)


_FILES = ("text/html", "text/css", "text/javascript", "image/svg+xml", "text/markdown")

ROUTES: tuple[Route[Site], ...] = (
    *(
        Route(method, template, page, summary, needs_key=False, produces=_FILES)
        for method in ("GET", "HEAD")
        for template, summary in (
            (PAGE, "The dashboard, for a browser."),
            (PAGE.rstrip("/"), "The same, as a person types it."),
            (f"{PAGE}{{file}}", "One of its files."),
        )
    ),
    Route(
        "POST",
        "/api/v1/ui/code",
        code,
        "An address that opens the dashboard once, within a minute.",
        by_visit=False,
        data=CodeData,
        status=201,
    ),
    Route(
        "POST",
        "/api/v1/ui/visit",
        begin,
        "Exchange a code for a visit: a cookie and a proof, which need each other.",
        needs_key=False,
        data=VisitData,
        body=CodeBody,
        status=201,
    ),
    Route(
        "POST",
        "/api/v1/ui/leave",
        end,
        "End the visit.",
        produces=(),
        status=204,
    ),
    Route(
        "POST",
        "/api/v1/servers/{name}/tools/offer",
        servers.offer,
        "Switch a tool on or off for AI clients.",
        data=AcceptedData,
        body=servers.OfferBody,
        status=202,
    ),
    Route(
        "GET",
        "/api/v1/connect",
        clients.clients,
        "AI clients on this computer, and whether they are connected.",
        data=clients.ClientsData,
    ),
    Route(
        "GET",
        "/api/v1/connect/{client}/preview",
        clients.preview,
        "What would be written into its file.",
        data=clients.PreviewData,
        query=clients.PREVIEW,
    ),
    Route(
        "POST",
        "/api/v1/connect/{client}",
        partial(clients.carry_out, deed=Deed.CONNECT),
        "Add this program to its file, as it was previewed.",
        data=clients.ClientJson,
        query=clients.SEEN,
    ),
    Route(
        "DELETE",
        "/api/v1/connect/{client}",
        partial(clients.carry_out, deed=Deed.DISCONNECT),
        "Take this program out of its file, as it was previewed.",
        data=clients.ClientJson,
        query=clients.SEEN,
    ),
    Route(
        "POST",
        "/api/v1/connect/{client}/undo",
        partial(clients.carry_out, deed=Deed.UNDO),
        "Bring its file back to the byte, as it was previewed.",
        data=clients.ClientJson,
        query=clients.SEEN,
    ),
    Route(
        "POST",
        "/api/v1/import/text",
        clients.read,
        "The servers that a text names: a command, an address, or an AI client's settings.",
        data=clients.OfferedData,
        body=clients.TextBody,
    ),
    Route(
        "GET",
        "/api/v1/import/{client}",
        clients.offered,
        "The servers that could be taken over from an AI client.",
        data=clients.OfferedData,
    ),
    Route(
        "POST",
        "/api/v1/import/{client}",
        clients.take_over,
        "Take over all that can be; they wait for approval.",
        data=AcceptedData,
        query=clients.SECRETS,
        status=202,
    ),
    *(
        Route(
            "POST",
            f"/api/v1/{verb}",
            partial(act, intent=PauseAll(verb == "pause")),
            summary,
            data=AcceptedData,
            status=202,
        )
        for verb, summary in (
            ("pause", "Want no server for now."),
            ("resume", "Want those servers again that are enabled."),
        )
    ),
)
