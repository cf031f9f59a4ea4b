"""A home with the settings of AI clients, as those programs write them."""

from __future__ import annotations

from pathlib import Path

from core.clients.connecting import Connections, Target
from core.clients.places import Surroundings

ENDPOINT = "http://127.0.0.1:8080/mcp"
KEY = "k" * 64

CLAUDE_CODE = """\
{
  "numStartups": 41,
  "projects": {"/home/me/a": {"mcpServers": {"local": {"command": "x"}}}},
  "mcpServers": {
    "git": {
      "type": "stdio",
      "command": "uvx",
      "args": ["mcp-server-git"],
      "env": {"GIT_TOKEN": "abc", "LEVEL": "${LEVEL:-info}"}
    },
    "linear": {"type": "http", "url": "https://mcp.linear.app/mcp", "headers": {"A": "${TOKEN}"}}
  }
}
"""
CLAUDE_DESKTOP = (
    '{\r\n\t"mcpServers": {\r\n\t\t"fs": {"command": "npx", "args": []}\r\n\t}\r\n}\r\n'
)
CURSOR = '\ufeff{"mcpServers":{"My Server":{"url":"https://a.example/sse","type":"sse"}}}'
VS_CODE = """\
{
    "inputs": [{"type": "promptString", "id": "key", "description": "Key", "password": true}],
    "servers": {
        // asks for its key
        "asks": {"type": "stdio", "command": "npx", "env": {"K": "${input:key}"}},
        "here": {"command": "node", "args": ["${workspaceFolder}/x.js"]},
        "socket": {"type": "http", "url": "unix:///run/x.sock#/mcp"},
    }
}
"""
WINDSURF = '{\n  "mcpServers": {"w": {"serverUrl": "https://w.example/mcp"}}\n}\n'
ZED = """\
// Zed settings
{
  "theme": "One Dark", // dark
  "context_servers": {
    "z": {
      "source": "custom",
      "command": "z-server",
      "args": []
    }
  },
  /* the end */
}
"""
CODEX = """\
# my settings
model = "gpt-5"   # the best

[mcp_servers.docs]
command = "npx"
args = ["-y", "docs"]   # quick
env_vars = ["DOCS_KEY"]
startup_timeout_sec = 20

[mcp_servers.docs.env]
A = "1"

[mcp_servers.remote]
url = "https://r.example/mcp"
bearer_token_env_var = "R_TOKEN"

[tui]
theme = 'x'
"""
GEMINI = """\
{
  "mcpServers": {
    "g": {"httpUrl": "https://g.example/mcp", "timeout": 30000, "includeTools": ["a"]},
    "old": {"url": "https://g.example/sse", "headers": {"X-Api-Key": "$G_KEY"}}
  }
}
"""
GOOSE = """\
# goose
GOOSE_MODEL: x
extensions:
  developer:
    bundled: true
    enabled: true
    type: builtin
  keeper:
    type: stdio
    cmd: uvx
    args:
    - keeper   # a server
    env_keys: [KEEPER_KEY]
  plain:
    type: stdio
    cmd: plain
    args: []
    envs: {A: b}
# what follows stays
GOOSE_MODE: auto
"""

FILES = {
    "claude-code": (".claude.json", CLAUDE_CODE),
    "claude-desktop": (".config/Claude/claude_desktop_config.json", CLAUDE_DESKTOP),
    "cursor": (".cursor/mcp.json", CURSOR),
    "vscode": (".config/Code/User/mcp.json", VS_CODE),
    "windsurf": (".codeium/windsurf/mcp_config.json", WINDSURF),
    "zed": (".config/zed/settings.json", ZED),
    "codex": (".codex/config.toml", CODEX),
    "gemini": (".gemini/settings.json", GEMINI),
    "goose": (".config/goose/config.yaml", GOOSE),
}


def furnish(home: Path) -> None:
    """Write the settings of all nine."""
    for name, text in FILES.values():
        file = home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())


def around(home: Path, **environ: str) -> Surroundings:
    return Surroundings(home, environ, "linux")


def connections(home: Path, *, key: str = "") -> Connections:
    target = Target(ENDPOINT, key, ("/opt/mcpproxy-tray", "stdio"))
    return Connections(around(home), target, home / "backups")
