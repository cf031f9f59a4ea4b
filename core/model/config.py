"""What the user wants: the configuration as immutable values."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NewType

ServerName = NewType("ServerName", str)

SERVER_NAME_PATTERN = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""What a server may be called (spec.md §4); use with ``fullmatch``."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable or header; ``value`` may hold references (model/references.py)."""

    name: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stdio:
    """A server that is a child process; ``command`` and ``args`` never pass through a shell."""

    command: str
    args: tuple[str, ...] = ()
    env: tuple[Setting, ...] = ()
    working_dir: str | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text that may hold references."""
        values = (setting.value for setting in self.env)
        return (self.command, *self.args, *values, self.working_dir or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth:
    """Who we are when a person signs in to a server, if its provider knows us already.

    A ``client_id`` that is an address is a client's own document. Both may hold references.
    """

    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    """A server reached by URL; ``protocol`` is ``auto``, ``http`` or ``sse``."""

    url: str
    headers: tuple[Setting, ...] = ()
    protocol: str = "auto"
    oauth: OAuth | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text that may hold references."""
        own = (self.oauth.client_id, self.oauth.client_secret) if self.oauth is not None else ()
        return (self.url, *(header.value for header in self.headers), *own)

    @property
    def says_who_asks(self) -> bool:
        """Whether the entry itself has what a sign-in would bring."""
        return any(header.name.lower() == "authorization" for header in self.headers)


ISOLATIONS = ("auto", "shared", "per_client")
"""Whether clients share a server's connection: as long as that is safe, always, or never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """One entry of ``mcpServers``. Times are seconds."""

    name: ServerName
    transport: Stdio | Http
    enabled: bool = True
    quarantined: bool = False  # a policy on tools, not a connection state
    init_timeout: float = 60.0
    call_timeout: float = 120.0
    max_concurrent_requests: int = 16
    isolation: str = "auto"  # one of ISOLATIONS
    enabled_tools: tuple[str, ...] = ()  # when not empty, only these are offered
    disabled_tools: tuple[str, ...] = ()

    def permits(self, tool: str) -> bool:
        """Whether the file leaves that tool switched on."""
        if tool in self.disabled_tools:
            return False
        return not self.enabled_tools or tool in self.enabled_tools

    def texts(self, policy: EnvironmentPolicy) -> tuple[str, ...]:
        """Every text that may hold references and that this server is started with."""
        if isinstance(self.transport, Http):
            return self.transport.texts
        return (*self.transport.texts, *(setting.value for setting in policy.custom_vars))

    @property
    def connection_key(self) -> object:
        """Everything that forces a new connection when it changes."""
        return (self.transport, self.init_timeout)

    @property
    def slug(self) -> str:
        """A name for files: unique even where the file system ignores case."""
        lower = self.name.lower()
        # "+" is in no name, so that no other server can be called this.
        return lower if lower == self.name else f"{lower}+{zlib.crc32(self.name.encode()):08x}"


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the HTTP endpoint listens; port 0 means any free one."""

    host: str = "127.0.0.1"
    port: int = 8080

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentPolicy:
    """Which of our own environment variables child processes inherit."""

    inherit_system_safe: bool = True
    allowed_system_vars: tuple[str, ...] = ()
    custom_vars: tuple[Setting, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Logging:
    """Size in bytes per file, number of rotated files kept."""

    level: str = "info"
    max_size: int = 10 * 1024 * 1024
    max_backups: int = 5
    json_format: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """Some of the servers under a name, offered together at ``/mcp/p/{name}``."""

    name: str
    servers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole file. ``revision`` counts the versions accepted since start, from 1."""

    revision: int = 0
    servers: Mapping[ServerName, ServerConfig] = field(
        default_factory=lambda: MappingProxyType({})  # in 3.11 it is no default: not hashable
    )
    listen: Listen = Listen()
    api_key: str = field(default="", repr=False)
    require_mcp_auth: bool = False
    paused: bool = False  # no server is wanted, whatever its entry says
    routing_mode: str = "retrieve_tools"  # or "direct": every tool, instead of search and call
    tools_limit: int = 15
    tool_response_limit: int = 20_000  # characters; 0 means no limit
    search_model: str = ""  # a directory with a sentence model, or none
    registry_url: str = ""  # where published servers are looked for; nowhere if empty
    update_url: str = ""  # where a person may ask for newer versions; nowhere if empty
    profiles: tuple[Profile, ...] = ()
    quarantine_enabled: bool = True  # whether new servers and tools need a person's approval
    read_only_mode: bool = False  # agents and scripts change no configuration
    disable_management: bool = False  # agents see nothing of the proxy itself
    allow_server_add: bool = True
    allow_server_remove: bool = True
    activity_days: int = 90  # how long finished calls are remembered
    activity_megabytes: int = 256  # how large the database may grow by them
    environment: EnvironmentPolicy = EnvironmentPolicy()
    logging: Logging = Logging()
    metrics_enabled: bool = True
    metrics_listen: Listen | None = None  # a port of its own, without a key; None: there is none


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the file: ``path`` as in ``mcpServers[0].url``, ``""`` for all."""

    path: str
    message: str
    line: int | None = None  # counted from 1

    def __str__(self) -> str:
        where = self.path or "config"
        at = f" (line {self.line})" if self.line is not None else ""
        return f"{where}: {self.message}{at}"
