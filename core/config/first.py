"""The config file a person finds after the first start."""

from __future__ import annotations

import json

from core.model.config import Listen


def first_document(api_key: str) -> str:
    """A short commented document with one server that comes with the program."""
    return f"""\
{{
  // MCP Proxy Tray: the servers it starts, and the address where it offers them.
  // A change takes effect when you save it, and touches only the servers it is about.
  // After a mistake the last good settings stay active, and the tray says what is wrong.

  "listen": {json.dumps(str(Listen()))},

  // Programs that read /api, /events and /metrics have to send this key. Keep it to yourself.
  "api_key": {json.dumps(api_key)},

  // One entry per server: "command" with "args" and "env", or "url" with "headers".
  "mcpServers": {{
    // Comes with the program, so that there is something to try.
    "example": {{
      "command": "mcpproxy-tray",
      "args": ["example-server"]
    }}
  }}
}}
"""
