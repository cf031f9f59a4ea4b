"""The AI clients we know, one row each: another client is another row."""

from __future__ import annotations

from dataclasses import dataclass

from core.clients import dialects
from core.clients.dialects import Dialect
from core.clients.formats import JSON, TOML, YAML, Format


@dataclass(frozen=True, slots=True)
class Client:
    """One client: its file (first candidate that exists), and where in it servers stand."""

    id: str
    title: str
    files: tuple[str, ...]  # templates of core.clients.places
    key: str
    dialect: Dialect = dialects.STANDARD
    format: Format = JSON
    connects: bool = True  # False: servers can be taken over from it, but it is no client


_VS_CODE_EXTENSIONS = "@config/Code/User/globalStorage"

CLIENTS = (
    Client(
        "claude-code",
        "Claude Code",
        ("$CLAUDE_CONFIG_DIR/.claude.json", "~/.claude.json"),
        "mcpServers",
        dialects.TYPED,
    ),
    Client(
        "claude-desktop",
        "Claude Desktop",
        (
            "@config/Claude/claude_desktop_config.json",
            "linux:@config/claude/claude_desktop_config.json",
        ),
        "mcpServers",
        dialects.STDIO_ONLY,
    ),
    Client("cursor", "Cursor", ("~/.cursor/mcp.json",), "mcpServers"),
    Client("vscode", "VS Code", ("@config/Code/User/mcp.json",), "servers", dialects.TYPED),
    Client(
        "vscode-insiders",
        "VS Code Insiders",
        ("@config/Code - Insiders/User/mcp.json",),
        "servers",
        dialects.TYPED,
    ),
    Client(
        "windsurf",
        "Windsurf",
        ("~/.codeium/windsurf/mcp_config.json", "~/.codeium/mcp_config.json"),
        "mcpServers",
        dialects.WINDSURF,
    ),
    Client(
        "zed",
        "Zed",
        ("win32:@config/Zed/settings.json", "~/.config/zed/settings.json"),
        "context_servers",
    ),
    Client(
        "codex",
        "Codex",
        ("$CODEX_HOME/config.toml", "~/.codex/config.toml"),
        "mcp_servers",
        dialects.CODEX,
        TOML,
    ),
    Client("gemini", "Gemini CLI", ("~/.gemini/settings.json",), "mcpServers", dialects.GEMINI),
    Client(
        "goose",
        "Goose",
        ("win32:@config/Block/goose/config/config.yaml", "~/.config/goose/config.yaml"),
        "extensions",
        dialects.GOOSE,
        YAML,
    ),
    Client(
        "copilot",
        "Copilot CLI",
        ("$COPILOT_HOME/mcp-config.json", "~/.copilot/mcp-config.json"),
        "mcpServers",
        dialects.COPILOT,
    ),
    Client("lmstudio", "LM Studio", ("~/.lmstudio/mcp.json",), "mcpServers"),
    Client("kiro", "Kiro", ("~/.kiro/settings/mcp.json",), "mcpServers"),
    Client(
        "antigravity",
        "Antigravity",
        ("~/.gemini/antigravity/mcp_config.json",),
        "mcpServers",
        dialects.WINDSURF,
    ),
    Client(
        "cline",
        "Cline",
        (f"{_VS_CODE_EXTENSIONS}/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",),
        "mcpServers",
        dialects.CLINE,
    ),
    Client(
        "roo",
        "Roo Code",
        (f"{_VS_CODE_EXTENSIONS}/rooveterinaryinc.roo-cline/settings/mcp_settings.json",),
        "mcpServers",
        dialects.ROO,
    ),
    Client("amp", "Amp", ("~/.config/amp/settings.json",), "amp.mcpServers"),
    Client(
        "opencode",
        "OpenCode",
        ("~/.config/opencode/opencode.json", "~/.config/opencode/opencode.jsonc"),
        "mcp",
        dialects.OPENCODE,
    ),
    Client("crush", "Crush", ("~/.config/crush/crush.json",), "mcp", dialects.TYPED),
    Client("factory", "Factory Droid", ("~/.factory/mcp.json",), "mcpServers", dialects.TYPED),
    # The program this one follows.
    Client(
        "mcpproxy-go",
        "mcpproxy (Go)",
        ("~/.mcpproxy/mcp_config.json",),
        "mcpServers",
        dialects.GO_PROXY,
        connects=False,
    ),
)

BY_ID = {client.id: client for client in CLIENTS}
