"""The running engine as the command line sees it: its REST interface over its own socket."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import McpProxyError

if TYPE_CHECKING:
    from httpx import Response

TIMEOUT = 10.0  # seconds for an answer that does not wait for anything
PATIENCE = 60.0  # seconds for a server to get where it was asked to

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

    def post(self, path: str, *, waits: bool = False) -> Json:
        return _data(self._request("POST", path, PATIENCE + TIMEOUT if waits else TIMEOUT))

    def download(self, path: str) -> bytes:
        """What is no JSON unless it is an error."""
        answer = self._request("GET", path, PATIENCE)
        if answer.is_error:
            _data(answer)
        return answer.content

    def _request(self, method: str, path: str, timeout: float) -> Response:
        import httpx

        transport = httpx.HTTPTransport(uds=str(self._socket_file))
        try:
            with httpx.Client(
                transport=transport, base_url="http://localhost", timeout=timeout
            ) as http:
                return http.request(method, path)
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
