"""What a transparent gateway leaves as it is: each point is something a client can see.

Every point is looked at twice, at the server itself and through us, and must look the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict
from typing import Any

from tests.conformance.peer import LIMIT, Json, Peer

Point = Callable[[Peer], Awaitable[object]]
POINTS: dict[str, Point] = {}


def point(look: Point) -> Point:
    """A point by the name of its function."""
    POINTS[look.__name__.replace("_", " ")] = look
    return look


def simple(name: str, method: str, params: Json | None = None) -> None:
    """A point that is one request, and everything that comes back."""

    async def look(peer: Peer) -> object:
        return asdict(await peer.ask(method, params))

    POINTS[name] = look


def call(name: str, tool: str, arguments: Json | None = None, **more: Any) -> None:
    """A point that is one call of a tool."""
    simple(name, "tools/call", {"name": tool, "arguments": arguments or {}, **more})


async def listed(peer: Peer, method: str, kind: str) -> dict[str, Json]:
    entries = (await peer.ask(method)).answer["result"][kind]
    return {entry["name"]: entry for entry in entries}


# The greeting.


@point
async def greeting_version(peer: Peer) -> object:
    return peer.hello["protocolVersion"]


@point
async def greeting_server_info(peer: Peer) -> object:
    return peer.hello["serverInfo"]


@point
async def greeting_instructions(peer: Peer) -> object:
    return peer.hello["instructions"]


@point
async def greeting_capabilities(peer: Peer) -> object:
    return peer.hello["capabilities"]


simple("ping", "ping")

# Tools.


@point
async def tools_in_their_order(peer: Peer) -> object:
    return list(await listed(peer, "tools/list", "tools"))


@point
async def tool_title(peer: Peer) -> object:
    return (await listed(peer, "tools/list", "tools"))["double"]["title"]


@point
async def tool_annotations(peer: Peer) -> object:
    return (await listed(peer, "tools/list", "tools"))["double"]["annotations"]


@point
async def tool_icons(peer: Peer) -> object:
    return (await listed(peer, "tools/list", "tools"))["double"]["icons"]


@point
async def tool_output_schema(peer: Peer) -> object:
    return (await listed(peer, "tools/list", "tools"))["double"]["outputSchema"]


@point
async def tool_meta(peer: Peer) -> object:
    return (await listed(peer, "tools/list", "tools"))["double"]["_meta"]


@point
async def tool_schema_with_definitions(peer: Peer) -> object:
    return (await listed(peer, "tools/list", "tools"))["json_schema_2020_12_tool"]


call("text", "test_simple_text")
call("image", "test_image_content")
call("sound", "test_audio_content")
call("embedded resource", "test_embedded_resource")
call("mixed content", "test_multiple_content_types")
call("link to a resource", "link")
call("structured content", "double", {"number": 21})
call("a tool's own failure", "test_error_handling")
call("meta of request and result", "echo_meta", _meta={"example.com/asked": {"deep": [1, None]}})
call("an error's code and data", "refuse")
call("an error code of the server's own", "refuse_in_its_own_way")
call("a tool that there is not", "no_such_tool")
simple("a method that there is not", "example.com/unknown", {"any": "thing"})

# Progress, log, cancellation.

call("progress with a number", "test_tool_with_progress", _meta={"progressToken": 7})
call("progress with a word", "test_tool_with_progress", _meta={"progressToken": "seven"})
simple("log level", "logging/setLevel", {"level": "debug"})
call("log while a call runs", "test_tool_with_logging")


@point
async def cancelling_a_call(peer: Peer) -> object:
    async def counted() -> int:
        seen = await peer.ask("tools/call", {"name": "count_cancelled", "arguments": {}})
        return int(seen.answer["result"]["content"][0]["text"])

    async def cancel(request_id: int) -> AsyncIterator[None]:
        await peer.tell("notifications/cancelled", {"requestId": request_id, "reason": "enough"})
        async with asyncio.timeout(LIMIT):
            while await counted() == before:
                pass
        yield
        raise Enough

    before = await counted()
    params = {"name": "wait_for_ever", "arguments": {}, "_meta": {"progressToken": "w"}}
    try:
        await peer.ask("tools/call", params, cancel)
    except Enough:
        return await counted() - before
    return "it was answered"


class Enough(Exception):
    """The server has noticed; nobody waits for an answer."""


# What a server asks its client.


def asking(name: str, method: str, tool: str, reply: Json, arguments: Json | None = None) -> None:
    """A point that is a call in which the server asks something back."""

    async def look(peer: Peer) -> object:
        peer.answers[method] = lambda _: reply
        return asdict(await peer.ask("tools/call", {"name": tool, "arguments": arguments or {}}))

    POINTS[name] = look


SAID = {"role": "assistant", "content": {"type": "text", "text": "Paris"}, "model": "none"}
USED = {
    "role": "assistant",
    "content": [{"type": "tool_use", "id": "u1", "name": "weather", "input": {"city": "Paris"}}],
    "model": "none",
    "stopReason": "toolUse",
}
GIVEN = {"action": "accept", "content": {"username": "Ann", "email": "ann@example.com"}}
ROOTS = {"roots": [{"uri": "file:///a/root", "name": "A root"}]}
REFUSED = {"error": {"code": -1, "message": "User rejected sampling request"}}

asking(
    "sampling",
    "sampling/createMessage",
    "test_sampling",
    {"result": SAID},
    {"prompt": "What is the capital of France?"},
)
asking("sampling with tools", "sampling/createMessage", "ask_with_tools", {"result": USED})
asking(
    "sampling that is refused", "sampling/createMessage", "test_sampling", REFUSED, {"prompt": "?"}
)
asking("a form", "elicitation/create", "test_elicitation", {"result": GIVEN}, {"message": "Who?"})
asking(
    "a form that is declined",
    "elicitation/create",
    "test_elicitation",
    {"result": {"action": "decline"}},
    {"message": "Who?"},
)
asking(
    "a form's schema with choices",
    "elicitation/create",
    "test_elicitation_sep1330_enums",
    {"result": {"action": "cancel"}},
)
asking(
    "a form's schema with defaults",
    "elicitation/create",
    "test_elicitation_sep1034_defaults",
    {"result": {"action": "cancel"}},
)
asking("roots", "roots/list", "list_roots", {"result": ROOTS})


@point
async def a_web_page_to_visit_and_its_end(peer: Peer) -> object:
    peer.answers["elicitation/create"] = lambda _: {"result": {"action": "accept"}}
    seen = await peer.ask("tools/call", {"name": "ask_by_url", "arguments": {}})
    # On which of the two streams the word of its end comes is the sender's choice.
    told = seen.told or [await peer.hear("notifications/elicitation/complete")]
    return seen.answer, seen.asked, told


# Resources.

simple("resources with size and annotations", "resources/list")
simple("resource templates", "resources/templates/list")
simple("reading text", "resources/read", {"uri": "test://static-text"})
simple("reading bytes", "resources/read", {"uri": "test://static-binary"})
simple("reading by template", "resources/read", {"uri": "test://template/42/data"})
simple("a resource that there is not", "resources/read", {"uri": "test://nowhere"})

WATCHED = {"uri": "test://watched-resource"}
TOUCH = {"name": "touch_watched", "arguments": {}}


@point
async def a_resource_that_is_followed(peer: Peer) -> object:
    subscribed = await peer.ask("resources/subscribe", WATCHED)
    await peer.ask("tools/call", TOUCH)
    heard = await peer.hear("notifications/resources/updated")
    return asdict(subscribed), heard


@point
async def a_resource_that_is_followed_no_more(peer: Peer) -> object:
    ended = await peer.ask("resources/unsubscribe", WATCHED)
    await peer.ask("tools/call", TOUCH)
    await peer.ask("tools/call", {"name": "test_trigger_prompt_change", "arguments": {}})
    methods = []
    async with asyncio.timeout(LIMIT):
        while not methods or methods[-1] != "notifications/prompts/list_changed":
            methods.append((await peer.heard.get())["method"])
    return asdict(ended), "notifications/resources/updated" in methods


# Prompts and completion.

simple("prompts", "prompts/list")
simple("a prompt", "prompts/get", {"name": "test_simple_prompt"})
simple(
    "a prompt with arguments",
    "prompts/get",
    {"name": "test_prompt_with_arguments", "arguments": {"arg1": "one", "arg2": "zwei"}},
)
simple(
    "a prompt with a resource",
    "prompts/get",
    {"name": "test_prompt_with_embedded_resource", "arguments": {"resourceUri": "test://x"}},
)
simple("a prompt with an image", "prompts/get", {"name": "test_prompt_with_image"})
simple("a prompt without its arguments", "prompts/get", {"name": "test_prompt_with_arguments"})
simple(
    "completion",
    "completion/complete",
    {
        "ref": {"type": "ref/prompt", "name": "test_prompt_with_arguments"},
        "argument": {"name": "arg1", "value": "par"},
        "context": {"arguments": {"arg2": "x"}},
    },
)

# Word of changes.


@point
async def word_of_changed_tools(peer: Peer) -> object:
    await peer.ask("tools/call", {"name": "test_trigger_tool_change", "arguments": {}})
    heard = await peer.hear("notifications/tools/list_changed")
    return heard, len(await listed(peer, "tools/list", "tools"))


@point
async def word_of_changed_prompts(peer: Peer) -> object:
    await peer.ask("tools/call", {"name": "test_trigger_prompt_change", "arguments": {}})
    return await peer.hear("notifications/prompts/list_changed")
