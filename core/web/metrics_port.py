"""``/metrics`` on a port of its own, for a Prometheus that has no key; nothing else is there.

Only this machine can reach it (the config file is not accepted otherwise), and the Host header is
checked as everywhere, so that a page in the user's browser reads nothing.
"""

from __future__ import annotations

from core.asgi import Receive, Scope, Send
from core.web.exchange import Request, Response
from core.web.guard import NOTHING, Guard
from core.web.replies import Refused
from core.web.routes import metrics_page
from core.web.site import Site

_TEXT = b"text/plain; charset=utf-8"


class MetricsPort:
    """An ASGI app."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._guard = Guard(site.door, site.visits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(scope, receive)
        body = response.body
        assert isinstance(body, bytes)
        length = (b"content-length", b"%d" % len(body))
        headers = [(b"content-type", response.content_type), length]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        refusal = self._guard.judge(scope, NOTHING)
        if refusal is not None:
            return Response(refusal.status, refusal.message.encode(), _TEXT)
        if scope["path"] != "/metrics" or scope["method"] != "GET":
            return Response(404, b"Only GET /metrics is here.", _TEXT)
        try:
            return await metrics_page(self._site, Request({}, {}, tuple(scope["headers"]), receive))
        except Refused as refused:
            return Response(refused.status, refused.message.encode(), _TEXT)
