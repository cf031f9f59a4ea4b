"""A small MCP server that works with nothing configured: the time, arithmetic, text.

Speaks MCP over stdio in its stateful form (versions 2024-11-05 to 2025-11-25). Standard
library only, so that it starts in a few hundredths of a second. One request is answered at a
time, in order; the server ends when its input does.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import BinaryIO, NamedTuple

VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
"""Protocol versions spoken, newest first."""

SERVER_INFO = {"name": "mcpproxy-example", "title": "Example server", "version": "1.0.0"}
INSTRUCTIONS = (
    "Tells the time in any zone, computes arithmetic expressions and measures texts. "
    "It runs on this computer, reads no files and uses no network."
)

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
RESOURCE_NOT_FOUND = -32002  # MCP 2025-11-25, server/resources, "Error Handling"

Json = dict[str, object]


class RpcError(Exception):
    """A request that cannot be answered; becomes a JSON-RPC error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class ToolError(Exception):
    """A tool that cannot do what was asked; becomes a result the model can read and act on."""


class ToolSpec(NamedTuple):  # a dataclass would double the time the server takes to start
    """One tool: what the model is told, and ``run``, given arguments that fit ``properties``.

    Every argument is a string; ``properties`` and ``output`` are JSON Schema by name.
    """

    name: str
    title: str
    description: str
    properties: Mapping[str, Json]
    required: tuple[str, ...]
    output: Mapping[str, Json]
    run: Callable[[Json], tuple[str, Json]]

    def listed(self) -> Json:
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": {
                "type": "object",
                "properties": self.properties,
                "required": self.required,
                "additionalProperties": False,
            },
            "outputSchema": {
                "type": "object",
                "properties": self.output,
                "required": tuple(self.output),
            },
            "annotations": {"readOnlyHint": True, "openWorldHint": False},
        }

    def check(self, arguments: Json) -> None:
        """Raise ToolError unless the arguments fit the input schema."""
        known = ", ".join(self.properties)
        for name in self.required:
            if name not in arguments:
                raise ToolError(f"The argument {name!r} is missing. {self.name} takes: {known}.")
        for name, value in arguments.items():
            wanted = self.properties.get(name)
            if wanted is None:
                raise ToolError(f"There is no argument {name!r}. {self.name} takes: {known}.")
            if not isinstance(value, str):
                raise ToolError(f"The argument {name!r} must be a string.")


# --- Tools ---------------------------------------------------------------------------------


def current_time(arguments: Json) -> tuple[str, Json]:
    now = datetime.now(UTC)
    name = str(arguments.get("timezone", ""))
    if name:
        from zoneinfo import ZoneInfo  # lazily: the start does not need it

        try:
            local = now.astimezone(ZoneInfo(name))
        except (KeyError, ValueError, OSError):  # unknown; not a name; a folder such as "Europe"
            raise ToolError(
                f"There is no time zone {name!r} on this computer. "
                "Use an IANA name such as Europe/Berlin, America/New_York or UTC."
            ) from None
    else:
        local = now.astimezone()
        name = local.tzname() or "local"
    iso = local.isoformat(timespec="seconds")
    weekday = WEEKDAYS[local.weekday()]
    return f"{weekday} {iso} ({name})", {
        "timezone": name,
        "iso": iso,
        "weekday": weekday,
        "unix_seconds": int(now.timestamp()),
    }


WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def calculate(arguments: Json) -> tuple[str, Json]:
    from tray_app.example_arithmetic import ExpressionError, evaluate  # lazily too

    expression = str(arguments["expression"])
    try:
        result = evaluate(expression)
    except ExpressionError as error:
        raise ToolError(str(error)) from None
    return f"{expression.strip()} = {result}", {"expression": expression, "result": result}


def text_stats(arguments: Json) -> tuple[str, Json]:
    text = str(arguments["text"])
    words = len(text.split())
    stats: Json = {
        "characters": len(text),
        "words": words,
        "lines": len(text.splitlines()),
        "utf8_bytes": len(text.encode("utf-8", "surrogatepass")),
        "reading_seconds": round(words * 60 / 230),  # an adult reads about 230 words a minute
    }
    return ", ".join(f"{name.replace('_', ' ')}: {count}" for name, count in stats.items()), stats


TOOLS = {
    tool.name: tool
    for tool in (
        ToolSpec(
            "current_time",
            "Current time",
            "The date and time now, in the computer's own or any other time zone.",
            {"timezone": {"type": "string", "description": "IANA name, such as Europe/Berlin."}},
            (),
            {
                "timezone": {"type": "string"},
                "iso": {"type": "string", "description": "ISO 8601 with offset from UTC."},
                "weekday": {"type": "string"},
                "unix_seconds": {"type": "integer"},
            },
            current_time,
        ),
        ToolSpec(
            "calculate",
            "Calculator",
            "The value of an arithmetic expression: + - * / // % **, brackets, pi, e, sqrt, log, "
            "sin, round, factorial and more.",
            {"expression": {"type": "string", "description": "Such as (2 + 3) * sqrt(16)."}},
            ("expression",),
            {"expression": {"type": "string"}, "result": {"type": "number"}},
            calculate,
        ),
        ToolSpec(
            "text_stats",
            "Text statistics",
            "How many characters, words, lines and bytes a text has, and how long reading takes.",
            {"text": {"type": "string", "description": "The text to measure."}},
            ("text",),
            {
                "characters": {"type": "integer"},
                "words": {"type": "integer"},
                "lines": {"type": "integer"},
                "utf8_bytes": {"type": "integer"},
                "reading_seconds": {"type": "integer"},
            },
            text_stats,
        ),
    )
}

GUIDE_URI = "example://guide"
GUIDE: Json = {
    "uri": GUIDE_URI,
    "name": "guide",
    "title": "Adding your own servers",
    "description": "How to configure MCP servers of your own beside or instead of this one.",
    "mimeType": "text/markdown",
}
GUIDE_TEXT = """\
# Adding your own servers

This server is built in so that there is something to see. Put your own into the `mcpServers`
list of the config file; the change takes effect as soon as the file is saved:

    {"mcpServers": [
      {"name": "time", "command": "uvx", "args": ["mcp-server-time"]},
      {"name": "files", "command": "npx",
       "args": ["-y", "@modelcontextprotocol/server-filesystem", "/path/to/a/folder"]}
    ]}
"""

PROOFREAD: Json = {
    "name": "proofread",
    "title": "Proofread a text",
    "description": "Correct spelling and grammar without changing the meaning.",
    "arguments": [{"name": "text", "description": "The text to correct.", "required": True}],
}


# --- Protocol ------------------------------------------------------------------------------


def initialize(params: Json) -> Json:
    wanted = params.get("protocolVersion")
    if not isinstance(wanted, str):
        raise RpcError(INVALID_PARAMS, "initialize needs a protocolVersion string.")
    return {
        "protocolVersion": wanted if wanted in VERSIONS else VERSIONS[0],
        "capabilities": {"tools": {}, "prompts": {}, "resources": {}},
        "serverInfo": SERVER_INFO,
        "instructions": INSTRUCTIONS,
    }


def call_tool(params: Json) -> Json:
    tool = TOOLS.get(str(params.get("name")))
    if tool is None:
        raise RpcError(
            INVALID_PARAMS, f"Unknown tool: {params.get('name')}. There are: {', '.join(TOOLS)}."
        )
    arguments = params.get("arguments", {})
    if not isinstance(arguments, dict):
        raise RpcError(INVALID_PARAMS, "arguments must be an object.")
    try:
        tool.check(arguments)
        text, structured = tool.run(arguments)
    except ToolError as error:
        return {"content": [{"type": "text", "text": str(error)}], "isError": True}
    return {
        "content": [{"type": "text", "text": text}],
        "structuredContent": structured,
        "isError": False,
    }


def get_prompt(params: Json) -> Json:
    if params.get("name") != PROOFREAD["name"]:
        raise RpcError(INVALID_PARAMS, f"Unknown prompt: {params.get('name')}.")
    arguments = params.get("arguments", {})
    text = arguments.get("text") if isinstance(arguments, dict) else None
    if not isinstance(text, str):
        raise RpcError(INVALID_PARAMS, "The prompt proofread needs the argument text.")
    request = f"Correct spelling and grammar. Keep the meaning and the tone.\n\n{text}"
    return {
        "description": PROOFREAD["description"],
        "messages": [{"role": "user", "content": {"type": "text", "text": request}}],
    }


def read_resource(params: Json) -> Json:
    if params.get("uri") != GUIDE_URI:
        raise RpcError(RESOURCE_NOT_FOUND, f"Resource not found: {params.get('uri')}.")
    return {"contents": [{"uri": GUIDE_URI, "mimeType": GUIDE["mimeType"], "text": GUIDE_TEXT}]}


METHODS: dict[str, Callable[[Json], Json]] = {
    "initialize": initialize,
    "ping": lambda _: {},
    "tools/list": lambda _: {"tools": [tool.listed() for tool in TOOLS.values()]},
    "tools/call": call_tool,
    "prompts/list": lambda _: {"prompts": [PROOFREAD]},
    "prompts/get": get_prompt,
    "resources/list": lambda _: {"resources": [GUIDE]},
    "resources/templates/list": lambda _: {"resourceTemplates": []},
    "resources/read": read_resource,
}


def answer(line: bytes) -> Json | None:
    """The answer to one line of input, or None for what asks for none (a notification)."""
    try:
        message = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        return _failure(None, PARSE_ERROR, f"Not JSON: {error}")
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        return _failure(None, INVALID_REQUEST, "Not a JSON-RPC 2.0 message.")
    if "id" not in message or "method" not in message:
        return None
    request_id = message["id"]
    if not isinstance(request_id, str | int) or isinstance(request_id, bool):
        return _failure(None, INVALID_REQUEST, "The id must be a string or an integer.")
    method = METHODS.get(str(message["method"]))
    if method is None:
        return _failure(request_id, METHOD_NOT_FOUND, f"Method not found: {message['method']}")
    params = message.get("params", {})
    if not isinstance(params, dict):
        return _failure(request_id, INVALID_PARAMS, "params must be an object.")
    try:
        return {"jsonrpc": "2.0", "id": request_id, "result": method(params)}
    except RpcError as error:
        return _failure(request_id, error.code, str(error))


def _failure(request_id: object, code: int, message: str) -> Json:
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message}}


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer every line of ``source`` on ``sink`` until ``source`` ends."""
    for line in source:
        if line.strip() and (reply := answer(line)) is not None:
            sink.write(json.dumps(reply, allow_nan=False).encode("ascii") + b"\n")
            sink.flush()


def main() -> int:
    sys.stderr.write(f"{SERVER_INFO['name']} {SERVER_INFO['version']}: ready on stdin\n")
    sys.stderr.flush()
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # nobody reads the answers any more
        # What is still buffered would fail again at exit and print a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
