"""Claude Code and Codex, as their vendors publish them, led through one turn by a model of ours."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dev import TOOLS
from tests.program import Json
from tests.real_clients.model import Model, served
from tests.real_servers import NODE_PACKAGES

LIMIT = 100.0
"""Seconds for one turn; it takes two to five on an idle machine."""

NAME = "gw"
OTHER_AGENTS = TOOLS / "agents-node"
"""What only ``python -m tests.real_clients`` installs, for its size."""

CODEX_VERSION = "0.169.0"


@dataclass(frozen=True, slots=True)
class Command:
    """A server that the agent starts as its child: our bridge, to an agent that asks no URL."""

    argv: Sequence[str]
    env: Mapping[str, str]


Server = str | Command
"""A URL, or a command."""


@dataclass(frozen=True, slots=True)
class Agent:
    """How to start an agent with one MCP server and one model, both at URLs."""

    name: str
    packages: Path
    pattern: str
    prepare: Callable[[Path, Server, str], Sequence[str]]
    """Its arguments, for a home of its own, an MCP server and the model's URL."""
    environment: Callable[[str], Mapping[str, str]]

    @property
    def binary(self) -> Path | None:
        """The program for this machine, if it is installed."""
        return next(iter(sorted(self.packages.glob(self.pattern))), None)

    @property
    def version(self) -> str:
        binary = self.binary
        if binary is None:
            return "not installed"
        package = next(each for each in binary.parents if (each / "package.json").exists())
        read: Json = json.loads((package / "package.json").read_text(encoding="utf-8"))
        return f"{read['version']}"

    async def turn(self, home: Path, server: Server, model: Model) -> str:
        """One turn from question to last word; what it printed.

        Raises:
            AssertionError: it failed.
        """
        binary = self.binary
        assert binary is not None, f"{self.name} is not installed"
        async with served(model) as endpoint:
            process = await asyncio.create_subprocess_exec(
                str(binary),
                *self.prepare(home, server, endpoint),
                cwd=home,
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(home),
                    "NO_PROXY": "127.0.0.1",
                    # Whatever else it would like to reach, it does without.
                    "HTTPS_PROXY": "http://127.0.0.1:9",
                    **self.environment(endpoint),
                },
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                out, err = await asyncio.wait_for(process.communicate(), LIMIT)
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.communicate()
        printed = out.decode(errors="replace")
        assert process.returncode == 0, printed + err.decode(errors="replace")
        return printed


def _claude(home: Path, server: Server, _: str) -> Sequence[str]:
    if isinstance(server, str):
        entry: Json = {"type": "http", "url": server}
    else:
        command, *args = server.argv
        entry = {"type": "stdio", "command": command, "args": args, "env": dict(server.env)}
    config = home / "mcp.json"
    config.write_text(json.dumps({"mcpServers": {NAME: entry}}))
    options = ("--mcp-config", str(config), "--strict-mcp-config", "--allowedTools", f"mcp__{NAME}")
    return ("-p", "go", *options)


def _claude_environment(endpoint: str) -> Mapping[str, str]:
    return {
        "ANTHROPIC_BASE_URL": endpoint,
        "ANTHROPIC_API_KEY": "none",
        "ENABLE_TOOL_SEARCH": "false",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }


def _codex(_: Path, server: Server, endpoint: str) -> Sequence[str]:
    if isinstance(server, str):
        entry = f'{{url="{server}"}}'
    else:
        command, *args = map(json.dumps, server.argv)
        env = ",".join(f"{name}={json.dumps(value)}" for name, value in server.env.items())
        entry = f"{{command={command},args=[{','.join(args)}],env={{{env}}}}}"
    provider = (
        f'{{name="mock",base_url="{endpoint}/v1",wire_api="responses",'
        'env_key="OPENAI_API_KEY",supports_websockets=false}'
    )
    settings = (
        'model_provider="mock"',
        'model="mock"',
        f"model_providers.mock={provider}",
        f"mcp_servers.{NAME}={entry}",
    )
    chosen = [part for setting in settings for part in ("-c", setting)]
    unasked = "--dangerously-bypass-approvals-and-sandbox"
    return ("exec", "--skip-git-repo-check", unasked, *chosen, "go")


CLAUDE_CODE = Agent(
    "Claude Code",
    NODE_PACKAGES,
    "@anthropic-ai/claude-code-*/claude*",
    _claude,
    _claude_environment,
)
CODEX = Agent(
    "Codex",
    OTHER_AGENTS / "node_modules",
    "@openai/codex-*/vendor/*/bin/codex*",
    _codex,
    lambda _: {"OPENAI_API_KEY": "none"},
)
