"""How each AI client writes down a server, as data: which keys mean what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Entry = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The names of a client's keys. ``urls`` maps a key to the transport it implies."""

    urls: Mapping[str, str] = field(default_factory=lambda: {"url": "auto"})
    types: Mapping[str, str] = field(  # what "type" may say, in our words
        default_factory=lambda: {
            "http": "http",
            "streamable-http": "http",
            "streamableHttp": "http",
            "streamable_http": "http",
            "sse": "sse",
        }
    )
    type: str = "type"
    command: str = "command"
    args: str = "args"
    env: str = "env"
    headers: str = "headers"
    cwd: tuple[str, ...] = ("cwd",)
    seconds: Mapping[str, tuple[str, float]] = field(default_factory=dict)  # to ours, and a factor
    tools: Mapping[str, str] = field(default_factory=dict)  # lists of tool names, to ours
    bare_variables: bool = False  # ``$NAME`` means a variable too
    unreachable: Mapping[str, str] = field(default_factory=dict)  # keys we cannot take over: why
    connect: Entry = field(default_factory=dict)  # of an entry for us, beside url and headers
    connect_url: str = "url"
    stdio_only: bool = False  # it reaches us through a program, as it knows no addresses


STANDARD = Dialect()
TYPED = Dialect(connect={"type": "http"})
"""Shapes that name the transport."""

GO_PROXY = Dialect(
    type="protocol",
    cwd=("working_dir",),
    tools={"enabled_tools": "enabled_tools", "disabled_tools": "disabled_tools"},
)

STDIO_ONLY = Dialect(stdio_only=True)

WINDSURF = Dialect(urls={"serverUrl": "auto", "url": "auto"}, connect_url="serverUrl")

CODEX = Dialect(
    urls={"url": "http"},
    headers="http_headers",
    seconds={"startup_timeout_sec": ("init_timeout", 1.0), "tool_timeout_sec": ("call_timeout", 1)},
    tools={"enabled_tools": "enabled_tools", "disabled_tools": "disabled_tools"},
)

GEMINI = Dialect(
    urls={"httpUrl": "http", "url": "sse"},
    seconds={"timeout": ("call_timeout", 0.001)},
    tools={"includeTools": "enabled_tools", "excludeTools": "disabled_tools"},
    bare_variables=True,
    connect_url="httpUrl",
)

GOOSE = Dialect(
    urls={"uri": "auto"},
    command="cmd",
    env="envs",
    seconds={"timeout": ("call_timeout", 1.0)},
    unreachable={"env_keys": "Goose keeps these values in its own secret store"},
    connect={"type": "streamable_http", "enabled": True, "name": "mcpproxy"},
    connect_url="uri",
)

COPILOT = Dialect(connect={"type": "http", "tools": ["*"]})

OPENCODE = Dialect(
    env="environment",
    types={"remote": "auto"},
    connect={"type": "remote", "enabled": True},
)

CLINE = Dialect(connect={"type": "streamableHttp"})
ROO = Dialect(connect={"type": "streamable-http"})
