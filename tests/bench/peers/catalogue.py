"""One row a gateway: where its program comes from, how it is started, and how it is asked.

What a row says was looked up in the gateway's own documentation and tried where it could be
installed; a gateway on PATH goes before an installed one.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import metadata
from pathlib import Path

from tests.bench.echo import CORE
from tests.bench.product import OTHER_CORE, echo_entry, server_name

SERVER = server_name(0)
_ENTRY = echo_entry()
# Some start a server for each client, and its pid is not known before.
_ENTRY["env"] |= {CORE: str(OTHER_CORE)}
_COMMAND = (_ENTRY["command"], *_ENTRY["args"])
_THROUGH_ENV = ("env", *(f"{name}={value}" for name, value in _ENTRY["env"].items()), *_COMMAND)


class Source(StrEnum):
    """Where a gateway's program comes from."""

    OURS = "written here"
    PYPI = "PyPI"
    NPM = "npm"
    ELSEWHERE = "neither PyPI nor npm"


@dataclass(frozen=True, slots=True)
class Place:
    """What a start needs: the program, a free port, a directory of its own."""

    program: str
    port: int
    directory: Path

    def write(self, document: object) -> str:
        """A config file for it; where that is."""
        file = self.directory / "config.json"
        file.write_text(json.dumps(document))
        return str(file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One gateway; ``package`` and ``version`` as its registry knows it.

    ``name`` is completed by the version, ``tool`` by the name of a server's tool. ``on_sdk``: both
    of its sides are the official SDK's.
    """

    name: str
    source: Source
    package: str = ""
    version: str = ""
    program: str
    start: Callable[[Place], Sequence[str]]
    environment: Mapping[str, str] = field(default_factory=dict)
    path: str = "/mcp"
    tool: str = "{tool}"
    on_sdk: bool = False

    def __str__(self) -> str:
        return self.name.format(version=self.version)


def _servers(**more: object) -> dict[str, object]:
    return {"mcpServers": {SERVER: {**_ENTRY, **more}}}


def _sdk(place: Place) -> Sequence[str]:
    return (place.program, "-m", "tests.bench.peers.sdk_gateway", str(place.port), *_COMMAND)


def _fastmcp(place: Place) -> Sequence[str]:
    file = place.write(_servers())
    how = ("--transport", "http", "--port", str(place.port), "--no-banner")
    return (place.program, "run", file, *how, "--log-level", "ERROR")


def _python_proxy(place: Place) -> Sequence[str]:
    file = place.write(_servers(enabled=True))
    how = ("--port", str(place.port), "--log-level", "ERROR")
    return (place.program, "--named-server-config", file, *how)


def _node_proxy(place: Place) -> Sequence[str]:
    where = ("--port", str(place.port), "--host", "127.0.0.1", "--server", "stream")
    return (place.program, *where, "--", *_THROUGH_ENV)


def _supergateway(place: Place) -> Sequence[str]:
    out = ("--outputTransport", "streamableHttp", "--stateful", "--logLevel", "none")
    return (place.program, "--stdio", shlex.join(_THROUGH_ENV), *out, "--port", str(place.port))


def _tbxark(place: Place) -> Sequence[str]:
    address = f"127.0.0.1:{place.port}"
    proxy = {
        "baseURL": f"http://{address}",
        "addr": address,
        "name": "bench",
        "version": "1",
        "type": "streamable-http",
        "options": {"logEnabled": False},
    }
    return (place.program, "-config", place.write({"mcpProxy": proxy, **_servers()}))


def _mcpproxy_go(place: Place) -> Sequence[str]:
    entry = {"name": SERVER, **_ENTRY, "protocol": "stdio", "enabled": True, "quarantined": False}
    document = {
        "listen": f"127.0.0.1:{place.port}",
        "data_dir": str(place.directory),
        "quarantine_enabled": False,
        "mcpServers": [entry],
    }
    return (place.program, "serve", "--config", place.write(document))


PEERS = (
    Peer(
        name="official SDK {version} on both sides",
        source=Source.OURS,
        package="mcp",
        version=metadata.version("mcp"),
        program=sys.executable,
        start=_sdk,
        on_sdk=True,
    ),
    Peer(
        name="fastmcp {version}",
        source=Source.PYPI,
        package="fastmcp",
        version="4.2.3",
        program="fastmcp",
        start=_fastmcp,
        environment={"FASTMCP_CHECK_FOR_UPDATES": "off"},
        on_sdk=True,
    ),
    Peer(
        name="mcp-proxy {version} (Python)",
        source=Source.PYPI,
        package="mcp-proxy",
        version="0.13.0",
        program="mcp-proxy",
        start=_python_proxy,
        path=f"/servers/{SERVER}/mcp",
        on_sdk=True,
    ),
    Peer(
        name="mcp-proxy {version} (TypeScript)",
        source=Source.NPM,
        package="mcp-proxy",
        version="6.7.19",
        program="mcp-proxy",
        start=_node_proxy,
        on_sdk=True,
    ),
    Peer(
        name="supergateway {version}",
        source=Source.NPM,
        package="supergateway",
        version="4.0.0",
        program="supergateway",
        start=_supergateway,
    ),
    Peer(
        name="mcp-proxy of TBXark (Go)",
        source=Source.ELSEWHERE,
        program="tbxark-mcp-proxy",
        start=_tbxark,
        path=f"/{SERVER}/mcp",
    ),
    Peer(
        name="mcpproxy-go",
        source=Source.ELSEWHERE,
        program="mcpproxy",
        start=_mcpproxy_go,
        path="/mcp/all",
        tool=f"{SERVER}__{{tool}}",
    ),
)
