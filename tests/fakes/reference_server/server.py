"""The server itself: tools, prompts, resources, completion, logging and subscriptions."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

from mcp.server.caching import CacheHint
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.models import InitializationOptions
from mcp.server.subscriptions import ListenHandler
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError
from mcp_types import INVALID_PARAMS, NotificationParams
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from tests.fakes.reference_server.asking import Asker, Context, InputNeeded, elicitation
from tests.fakes.reference_server.tools import PNG, TEXT, TOOLS, Call
from tests.fakes.reference_server.world import World

Json = dict[str, Any]

WATCHED = "test://watched-resource"
RESOURCES: dict[str, Json] = {
    "test://static-text": {
        "mimeType": "text/plain",
        "text": "This is the content of the static text resource.",
    },
    "test://static-binary": {"mimeType": "image/png", "blob": PNG},
    WATCHED: {"mimeType": "text/plain", "text": "Watched resource content"},
}
TEMPLATE = "test://template/{id}/data"
OF_TEMPLATE = re.compile(r"test://template/([^/]+)/data")
RESOURCE_NOT_FOUND = -32002
"""Up to 2025-11-25; from 2026-07-28 on it is ``INVALID_PARAMS``."""

PROMPTS: dict[str, tuple[str, ...]] = {
    "test_simple_prompt": (),
    "test_prompt_with_arguments": ("arg1", "arg2"),
    "test_prompt_with_embedded_resource": ("resourceUri",),
    "test_prompt_with_image": (),
    "test_input_required_result_prompt": (),
}
CACHED = (
    "server/discover",
    "tools/list",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
    "resources/read",
)


class ReferenceServer(Server[Any]):
    """Declares that all its lists may change, whatever carries it."""

    def create_initialization_options(self, *_: Any, **__: Any) -> InitializationOptions:
        changing = NotificationOptions(True, True, True)
        experimental = {"example.com/experiment": {"level": 3}}
        return super().create_initialization_options(changing, experimental)


class Answers:
    """What is answered to each request."""

    def __init__(self) -> None:
        self.world = World()

    async def list_tools(self, context: Context, _: Any) -> Json:
        listed = [tool.entry for tool in TOOLS.values()]
        # Never back to a list that there was: whoever is told late still finds a change.
        if changes := self.world.tool_changes:
            listed.append({**listed[0], "name": f"test_that_appeared_{changes}"})
        return {"tools": listed}

    async def call_tool(self, context: Context, params: Any) -> Json:
        tool = TOOLS.get(params.name)
        if tool is None:
            raise MCPError(INVALID_PARAMS, f"Unknown tool: {params.name}")
        asker = Asker(context, params)
        try:
            return await tool.run(Call(context, params.arguments or {}, asker, self.world))
        except InputNeeded as needed:
            return needed.result

    async def list_resources(self, context: Context, _: Any) -> Json:
        listed = [
            {
                "uri": uri,
                "name": uri.removeprefix("test://"),
                "title": f"The {uri.removeprefix('test://')}",
                "description": "A resource for tests",
                "mimeType": content["mimeType"],
                "size": 4711,
                "annotations": {"audience": ["assistant"], "priority": 0.9},
            }
            for uri, content in RESOURCES.items()
        ]
        return {"resources": listed}

    async def list_templates(self, context: Context, _: Any) -> Json:
        template = {
            "uriTemplate": TEMPLATE,
            "name": "template",
            "description": "A resource template for tests",
            "mimeType": "application/json",
        }
        return {"resourceTemplates": [template]}

    async def read_resource(self, context: Context, params: Any) -> Json:
        uri = str(params.uri)
        content = RESOURCES.get(uri)
        if found := OF_TEMPLATE.fullmatch(uri):
            data = {"id": found[1], "templateTest": True, "data": f"Data for ID: {found[1]}"}
            content = {"mimeType": "application/json", "text": json.dumps(data)}
        if content is None:
            modern = context.protocol_version in MODERN_PROTOCOL_VERSIONS
            code = INVALID_PARAMS if modern else RESOURCE_NOT_FOUND
            raise MCPError(code, f"Resource not found: {uri}", {"uri": uri})
        return {"contents": [{"uri": uri, **content}]}

    async def subscribe(self, context: Context, params: Any) -> Json:
        self.world.subscribe(context, str(params.uri))
        return {}

    async def unsubscribe(self, context: Context, params: Any) -> Json:
        self.world.unsubscribe(context, str(params.uri))
        return {}

    async def list_prompts(self, context: Context, _: Any) -> Json:
        listed = [
            {
                "name": name,
                "description": f"The prompt {name}",
                "arguments": [{"name": each, "required": True} for each in arguments],
            }
            for name, arguments in PROMPTS.items()
        ]
        if changes := self.world.prompt_changes:
            listed.append({"name": f"test_that_appeared_{changes}", "description": "It appeared"})
        return {"prompts": listed}

    async def get_prompt(self, context: Context, params: Any) -> Json:
        given: dict[str, str] = params.arguments or {}
        missing = [each for each in PROMPTS.get(params.name, ()) if each not in given]
        if params.name not in PROMPTS or missing:
            what = f"it needs {', '.join(missing)}" if missing else "there is no such prompt"
            raise MCPError(INVALID_PARAMS, f"{params.name}: {what}")
        words = "This is a simple prompt for testing."
        contents: list[Json] = []
        if params.name == "test_prompt_with_arguments":
            words = f"Prompt with arguments: arg1='{given['arg1']}', arg2='{given['arg2']}'"
        elif params.name == "test_prompt_with_embedded_resource":
            text = "Embedded resource content for testing."
            resource = {"uri": given["resourceUri"], "mimeType": "text/plain", "text": text}
            contents.append({"type": "resource", "resource": resource})
            words = "Please process the embedded resource above."
        elif params.name == "test_prompt_with_image":
            contents.append({"type": "image", "data": PNG, "mimeType": "image/png"})
            words = "Please analyze the image above."
        elif params.name == "test_input_required_result_prompt":
            question = elicitation("What context should the prompt use?", context=TEXT)
            try:
                answers = await Asker(context, params).ask({"user_context": question})
            except InputNeeded as needed:
                return needed.result
            words = f"In this context: {json.dumps(answers['user_context'].get('content'))}"
        contents.append({"type": "text", "text": words})
        return {"messages": [{"role": "user", "content": content} for content in contents]}

    async def complete(self, context: Context, params: Any) -> Json:
        known = ("paris", "park", "party", "python")
        values = [each for each in known if each.startswith(params.argument.value)]
        return {"completion": {"values": values, "total": len(values), "hasMore": False}}

    async def set_level(self, context: Context, params: Any) -> Json:
        self.world.level = params.level
        return {}

    async def initialized(self, context: Context, _: Any) -> None:
        self.world.met(context)


def complete(answer: Callable[[Context, Any], Awaitable[Json]]) -> Callable[..., Awaitable[Json]]:
    """Say of each result that it is one, where the era asks for that."""

    async def answered(context: Context, params: Any) -> Json:
        result = await answer(context, params)
        modern = context.protocol_version in MODERN_PROTOCOL_VERSIONS
        return {"resultType": "complete", **result} if modern else result

    return answered


def build() -> Server[Any]:
    """A server of its own, with a world of its own."""
    answers = Answers()
    with warnings.catch_warnings():
        # It has what is deprecated too: a gateway must carry it for as long as it lives.
        warnings.simplefilter("ignore", MCPDeprecationWarning)
        server = ReferenceServer(
            "reference",
            version="1.0.0",
            title="Reference server",
            instructions="A server for tests. Call test_simple_text first.",
            cache_hints={method: CacheHint(1000, "public") for method in CACHED},
            on_list_tools=complete(answers.list_tools),
            on_call_tool=complete(answers.call_tool),
            on_list_resources=complete(answers.list_resources),
            on_list_resource_templates=complete(answers.list_templates),
            on_read_resource=complete(answers.read_resource),
            on_subscribe_resource=complete(answers.subscribe),
            on_unsubscribe_resource=complete(answers.unsubscribe),
            on_subscriptions_listen=ListenHandler(answers.world.bus),
            on_list_prompts=complete(answers.list_prompts),
            on_get_prompt=complete(answers.get_prompt),
            on_completion=complete(answers.complete),
            on_set_logging_level=complete(answers.set_level),
        )
    server.add_notification_handler(
        "notifications/initialized", NotificationParams, answers.initialized
    )
    return server
