"""The real MCP servers that tests talk to: how to start each, or why it cannot be started here.

``python3 dev.py test`` installs them under ``.tools`` (see ``install``), and beside them the real
clients and the official conformance suite. They stay out of ``.venv``, because a person's servers
and clients do not share our packages either.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass

import pytest

from dev import TOOLS, program

PYTHON_SERVERS = TOOLS / "servers-python"
NODE_SERVERS = TOOLS / "servers-node"
NODE_PACKAGES = NODE_SERVERS / "node_modules"
PYTHON_CLIENTS = TOOLS / "clients-python"
"""An environment with the official Python SDK 1.x, which cannot share one with 2.x."""
NO_NODE = (
    "node is not installed; install Node.js 18 or newer with npm "
    "(Debian: apt-get install nodejs npm) and run python3 dev.py test"
)


def newest_node() -> str:
    """Node.js 22, which npm brought for the programs that need it, or else the machine's own."""
    found = sorted(NODE_PACKAGES.glob("node-*/bin/node*"))
    return str(found[0]) if found else shutil.which("node") or "node"


@dataclass(frozen=True, slots=True)
class RealServer:
    """One published MCP server that speaks on its standard input and output."""

    name: str
    command: str
    args: tuple[str, ...]
    missing: str
    """Why it cannot be started on this machine, for a person; empty when it can."""

    def argv(self, *more: str) -> list[str]:
        """The whole command line, with arguments of the test's own at its end."""
        return [self.command, *self.args, *more]

    @property
    def needed(self) -> pytest.MarkDecorator:
        """A mark for tests that cannot do without this server."""
        return pytest.mark.skipif(bool(self.missing), reason=f"{self.name}: {self.missing}")


def _python_server(name: str, *args: str) -> RealServer:
    path = program(PYTHON_SERVERS, name)
    missing = "" if path.exists() else f"{path} is not there; python3 dev.py test installs it"
    return RealServer(name, str(path), args, missing)


def _node_server(name: str, *args: str) -> RealServer:
    node = shutil.which("node")
    script = NODE_PACKAGES / "@modelcontextprotocol" / name / "dist" / "index.js"
    missing = ""
    if node is None:
        missing = NO_NODE
    elif not script.exists():
        missing = f"{script} is not there; python3 dev.py test installs it"
    return RealServer(name, node or "node", (str(script), *args), missing)


TIME = _python_server("mcp-server-time", "--local-timezone", "UTC")
GIT = _python_server("mcp-server-git")
"""Takes ``--repository DIRECTORY``."""

EVERYTHING = _node_server("server-everything", "stdio")
FILESYSTEM = _node_server("server-filesystem")
"""Takes the directories that it may touch."""

ALL = (TIME, GIT, EVERYTHING, FILESYSTEM)
