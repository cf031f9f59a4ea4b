"""The running engine as the command line sees it: its REST interface over its own socket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import McpProxyError

if TYPE_CHECKING:
    from httpx import Client as HttpClient
    from httpx import Response, Timeout

TIMEOUT = 10.0  # seconds for an answer that does not wait for anything
PATIENCE = 60.0  # seconds for a server to get where it was asked to
SILENCE = 60.0  # seconds a stream may be still; the engine says something every 15

Json = Mapping[str, Any]


class NotRunning(McpProxyError):
    """No engine answers; says how to start one."""

    def __init__(self) -> None:
        super().__init__("MCP Proxy Tray is not running. Start it with: mcpproxy-tray")


class Failed(McpProxyError):
    """The engine refused; ``str()`` is its reason."""


class Client:
    """Talks to the engine whose socket is given. Methods raise NotRunning and Failed."""

    def __init__(self, socket_file: Path) -> None:
        self._socket_file = socket_file

    def get(self, path: str) -> Json:
        return _data(self._request("GET", path, TIMEOUT))

    def post(self, path: str, body: object = None, *, waits: bool = False) -> Json:
        """``waits``: the engine answers once something has happened."""
        limit = PATIENCE + TIMEOUT if waits else TIMEOUT
        return _data(self._request("POST", path, limit, body))

    def delete(self, path: str) -> Json:
        return _data(self._request("DELETE", path, TIMEOUT))

    def call(self, body: object) -> Json:
        """Call a tool, which takes as long as its server's ``call_timeout`` allows."""
        return _data(self._request("POST", "/api/v1/tools/call", None, body))

    def events(self, path: str) -> Iterator[tuple[str, Any]]:
        """The events of a stream, by kind, until it ends; see ``core/web/sse.py``."""
        import httpx
        from httpx_sse import EventSource

        limits = httpx.Timeout(TIMEOUT, read=SILENCE)
        with self._talking(limits) as http, http.stream("GET", path) as answer:
            if answer.is_error:
                answer.read()
                _data(answer)
            for event in EventSource(answer).iter_sse():
                yield event.event, event.json()

    def download(self, path: str) -> bytes:
        """What is no JSON unless it is an error."""
        answer = self._request("GET", path, PATIENCE)
        if answer.is_error:
            _data(answer)
        return answer.content

    def _request(
        self, method: str, path: str, timeout: float | None, body: object = None
    ) -> Response:
        with self._talking(timeout) as http:
            return http.request(method, path, json=body)

    @contextmanager
    def _talking(self, timeout: float | Timeout | None) -> Iterator[HttpClient]:
        import httpx

        transport = httpx.HTTPTransport(uds=str(self._socket_file))
        try:
            with httpx.Client(
                transport=transport, base_url="http://localhost", timeout=timeout
            ) as http:
                yield http
        except httpx.ConnectError as error:
            raise NotRunning from error
        except httpx.HTTPError as error:
            raise Failed(f"MCP Proxy Tray did not answer: {error}.") from error


def _data(answer: Response) -> Json:
    envelope = answer.json()
    if not envelope["success"]:
        raise Failed(str(envelope["error"]["message"]))
    data: Json = envelope["data"]
    return data
