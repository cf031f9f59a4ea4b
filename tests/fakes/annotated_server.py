"""A stdio MCP server whose tools say what they do and take, with prompts, resources and links.

``python annotated_server.py NAME``; needs nothing but the standard library.
"""

from __future__ import annotations

import json
import sys
from typing import Any

Json = dict[str, Any]

NAME = sys.argv[1] if len(sys.argv) > 1 else "annotated"


def tool(name: str, description: str, schema: Json | None = None, **more: Any) -> Json:
    return {
        "name": name,
        "description": description,
        "inputSchema": schema or {"type": "object", "properties": {}},
        **more,
    }


SIZED = {"type": "object", "properties": {"size": {"type": "integer"}}, "required": ["size"]}
TOOLS: dict[str, Json] = {
    each["name"]: each
    for each in (
        tool(
            "look_up",
            "Looks up a word. It changes nothing.",
            {
                "type": "object",
                "properties": {
                    "word": {"type": "string", "minLength": 1},
                    "limit": {"type": "integer", "default": 10},
                },
                "required": ["word"],
            },
            annotations={"readOnlyHint": True},
        ),
        tool(
            "take_note",
            "Keeps a note.",
            {
                "type": "object",
                "properties": {
                    "text": {"type": "string"},
                    "colour": {"enum": ["red", "green"]},
                },
                "required": ["text"],
                "additionalProperties": False,
            },
            annotations={"destructiveHint": False},
        ),
        tool("wipe", "Destroys every note.", annotations={"destructiveHint": True}),
        tool("unknown_effect", "Says nothing of what it may do."),
        tool("long_text", "Answers with a long text.", SIZED),
        tool("long_data", "Answers with long structured content.", SIZED),
        tool("link", "Answers with links to resources."),
        tool("grow", "Gives this server one more tool."),
        tool(
            "app",
            "Has a page of its own.",
            _meta={"ui": {"resourceUri": "ui://page"}, "other": 1},
        ),
    )
}
RESOURCES = [
    {"uri": "test://shared", "name": "both have it"},
    {"uri": f"test://{NAME}/own", "name": "only one has it"},
    {"uri": "ui://page", "name": "page"},
]
TEMPLATES = [{"uriTemplate": f"test://{NAME}/{{item}}", "name": "items"}]
PROMPTS = [{"name": "greet", "arguments": [{"name": "whom"}]}]


def text(value: str, **more: Any) -> Json:
    return {"content": [{"type": "text", "text": value}], **more}


def called(name: str, arguments: Json) -> Json:
    match name:
        case "long_text":
            return text("0123456789" * (arguments["size"] // 10))
        case "long_data":
            data = {"items": ["0123456789"] * (arguments["size"] // 10)}
            return text("see the data", structuredContent=data)
        case "link":
            return {
                "content": [
                    {"type": "resource_link", "uri": "test://shared", "name": "a", "size": 1e2},
                    {"type": "resource_link", "uri": f"hidden://{NAME}", "name": "b"},
                    {
                        "type": "resource",
                        "resource": {"uri": f"test://{NAME}/own", "text": "its text"},
                    },
                ]
            }
        case "grow":
            TOOLS[f"grown_{len(TOOLS)}"] = tool(f"grown_{len(TOOLS)}", "Was not there before.")
            send({"method": "notifications/tools/list_changed"})
    return text(f"{NAME} {name} {json.dumps(arguments, sort_keys=True)}")


def answered(method: str, params: Json) -> Json:
    match method:
        case "initialize":
            return {
                "protocolVersion": params["protocolVersion"],
                "capabilities": {
                    "tools": {"listChanged": True},
                    "prompts": {},
                    "resources": {"subscribe": True},
                    "completions": {},
                },
                "serverInfo": {"name": NAME, "version": "1"},
                "instructions": f"What {NAME} is for.",
            }
        case "tools/list":
            return {"tools": [*TOOLS.values()]}
        case "tools/call":
            return called(params["name"], params.get("arguments", {}))
        case "prompts/list":
            return {"prompts": PROMPTS}
        case "prompts/get":
            return {"messages": [{"role": "user", "content": text(NAME)["content"][0]}]}
        case "resources/list":
            return {"resources": RESOURCES}
        case "resources/templates/list":
            return {"resourceTemplates": TEMPLATES}
        case "resources/read":
            return {"contents": [{"uri": params["uri"], "text": f"{NAME} {params['uri']}"}]}
        case "resources/subscribe":
            send({"method": "notifications/resources/updated", "params": {"uri": params["uri"]}})
            return {}
        case "completion/complete":
            ref = params["ref"]
            return {"completion": {"values": [NAME, ref.get("name") or ref.get("uri")]}}
    raise KeyError(method)


def send(message: Json) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def main() -> None:
    for line in sys.stdin:
        message = json.loads(line)
        if "id" not in message:
            continue
        try:
            reply: Json = {"result": answered(message["method"], message.get("params", {}))}
        except KeyError as missing:
            reply = {"error": {"code": -32601, "message": f"unknown: {missing}"}}
        send({"id": message["id"], **reply})


if __name__ == "__main__":
    main()
