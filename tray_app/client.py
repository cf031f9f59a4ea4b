"""The running engine as the command line sees it: its REST interface over its own socket."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import McpProxyError

if TYPE_CHECKING:
    from http.client import HTTPResponse

TIMEOUT = 10.0  # seconds for an answer that does not wait for anything
PATIENCE = 60.0  # seconds for a server to get where it was asked to
SILENCE = 60.0  # seconds a stream may be still; the engine says something every 15
BAD = 400  # the first status of an answer that says no

Json = Mapping[str, Any]


class NotRunning(McpProxyError):
    """No engine answers; says how to start one."""

    def __init__(self) -> None:
        super().__init__("MCP Proxy Tray is not running. Start it with: mcpproxy-tray")


class Failed(McpProxyError):
    """The engine refused; ``str()`` is its reason, and ``code`` its name for it, if it said one."""

    def __init__(self, reason: str, code: str = "") -> None:
        super().__init__(reason)
        self.code = code


class Client:
    """Talks to the engine whose socket is given. Methods raise NotRunning and Failed."""

    def __init__(self, socket_file: Path) -> None:
        self._socket_file = socket_file

    def get(self, path: str, patience: float = 0.0) -> Json:
        """``patience``: seconds until the engine answers, if it waits for something."""
        return _data(self._request("GET", path, patience + TIMEOUT))

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
        with self._asking("GET", path, TIMEOUT, silence=SILENCE) as answer:
            if answer.status >= BAD:
                _data(answer.read())
            yield from _events(answer)

    def download(self, path: str) -> bytes:
        """What is no JSON unless it is an error."""
        with self._asking("GET", path, PATIENCE) as answer:
            content = answer.read()
            if answer.status >= BAD:
                _data(content)
            return content

    def _request(self, method: str, path: str, timeout: float | None, body: object = None) -> bytes:
        with self._asking(method, path, timeout, body) as answer:
            return answer.read()

    @contextmanager
    def _asking(
        self,
        method: str,
        path: str,
        timeout: float | None,
        body: object = None,
        *,
        silence: float | None = None,
    ) -> Iterator[HTTPResponse]:
        """The answer to a request, of which the rest is to be read yet.

        ``timeout`` is for each piece of it, or else ``silence`` once it has begun.
        """
        # The standard library's client: all others take a tenth of a second to import.
        from http.client import HTTPConnection, HTTPException

        connected = self._connected(timeout)
        with closing(connected), closing(HTTPConnection("localhost")) as connection:
            connection.sock = connected
            content = json.dumps(body).encode() if body is not None else None
            headers = {"Content-Type": "application/json"} if content is not None else {}
            try:
                connection.request(method, path, content, headers)
                answer = connection.getresponse()
                if silence is not None:
                    connected.settimeout(silence)
                yield answer
            except (OSError, HTTPException) as error:
                raise Failed(f"MCP Proxy Tray did not answer: {error}.") from error

    def _connected(self, timeout: float | None) -> socket.socket:
        if not hasattr(socket, "AF_UNIX"):
            raise NotRunning
        connected = socket.socket(socket.AF_UNIX)
        connected.settimeout(timeout)
        try:
            connected.connect(str(self._socket_file))
        except OSError as error:
            connected.close()
            raise NotRunning from error
        return connected


def _data(answer: bytes) -> Json:
    envelope = json.loads(answer)
    if not envelope["success"]:
        raise Failed(str(envelope["error"]["message"]), str(envelope["error"]["code"]))
    data: Json = envelope["data"]
    return data


def _events(lines: Iterable[bytes]) -> Iterator[tuple[str, Any]]:
    """What the engine sends: of each event one line with its kind and one with its data."""
    kind = ""
    for line in lines:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            yield kind, json.loads(value)
