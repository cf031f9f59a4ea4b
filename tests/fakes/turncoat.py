"""An MCP server whose tools are what a file says, so that a test can have it change its words.

    python -m tests.fakes.turncoat TOOLS.json

``TOOLS.json`` is the list of tools, read anew for each ``tools/list``. Calling any tool answers
with its name; calling ``turn`` first says that the list has changed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def main() -> None:
    tools = Path(sys.argv[1])
    for line in sys.stdin:
        message: Json = json.loads(line)
        if "id" in message:
            answer(message, tools)


def answer(message: Json, tools: Path) -> None:
    match message["method"]:
        case "initialize":
            result: Json = {
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {"listChanged": True}},
                "serverInfo": {"name": "turncoat", "version": "1"},
            }
        case "tools/list":
            result = {"tools": json.loads(tools.read_text())}
        case "tools/call":
            name = message["params"]["name"]
            if name == "turn":
                send({"method": "notifications/tools/list_changed"})
            result = {"content": [{"type": "text", "text": f"called {name}"}]}
        case "ping":
            result = {}
        case method:
            error = {"code": -32601, "message": f"{method} is not known"}
            send({"id": message["id"], "error": error})
            return
    send({"id": message["id"], "result": result})


def send(message: Json) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
