"""The client of the suite's client half: the official SDK's, doing what each scenario calls for.

The suite starts a mock server and then a client. Its client is ``relay``, a small program that
hands the work over to this process, where one running instance of ours stands in between.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from mcp import Client
from mcp_types import ElicitRequestFormParams, ElicitResult
from pydantic import ValidationError

Json = dict[str, Any]
Era = Literal["legacy", "2026-07-28"]
ERAS: tuple[Era, ...] = ("legacy", "2026-07-28")
Act = Callable[[Client, Json], Awaitable[None]]

RELAY = Path(__file__).with_name("relay.py")


async def accept(_: Any, params: Any) -> ElicitResult:
    """Fill a form in with its defaults, and say yes to the rest."""
    assert isinstance(params, ElicitRequestFormParams)
    fields = params.requested_schema["properties"]
    content = {name: field.get("default", True) for name, field in fields.items()}
    return ElicitResult(action="accept", content=content)


async def call_every_tool(client: Client, _: Json) -> None:
    """Call all that is offered, with two numbers, which is what most of them take."""
    for tool in (await client.list_tools()).tools:
        await client.call_tool(tool.name, {"a": 2, "b": 3})


async def call_every_tool_by_its_schema(client: Client, _: Json) -> None:
    for tool in (await client.list_tools()).tools:
        needed = tool.input_schema.get("required", ())
        await client.call_tool(tool.name, dict.fromkeys(needed, "x"))


async def only_list(client: Client, _: Json) -> None:
    await client.list_tools()


async def call_as_told(client: Client, context: Json) -> None:
    await client.list_tools()
    for call in context["toolCalls"]:
        await client.call_tool(call["name"], call["arguments"])


async def use_everything(client: Client, _: Json) -> None:
    """Tools, resources and prompts, each by its name or URI."""
    await call_every_tool(client, {})
    for resource in (await client.list_resources()).resources:
        await client.read_resource(str(resource.uri))
    for prompt in (await client.list_prompts()).prompts:
        await client.get_prompt(prompt.name)


async def call_while_asked(client: Client, _: Json) -> None:
    """Call a tool that asks, with a call of another between question and answer."""
    await client.list_tools()
    names = ("test_mrtr_echo_state", "test_mrtr_unrelated", "test_mrtr_no_state")
    await asyncio.gather(*(client.call_tool(name, {}) for name in names))
    # The SDK's client insists on a resultType; what is looked at is what it has asked.
    with suppress(ValidationError):
        await client.call_tool("test_mrtr_no_result_type", {})


ACTS: dict[str, Act] = {
    "initialize": only_list,
    "tools_call": call_every_tool,
    "elicitation-sep1034-client-defaults": call_every_tool,
    "sse-retry": call_every_tool,
    "request-metadata": only_list,
    "sep-2322-client-request-state": call_while_asked,
    "http-standard-headers": use_everything,
    "http-custom-headers": call_as_told,
    "http-invalid-tool-headers": call_every_tool_by_its_schema,
    "json-schema-ref-no-deref": only_list,
}


# What the suite expects of a client that has a document of its own.
OUR_DOCUMENT = "https://conformance-test.local/client-metadata.json"


def oauth(scenario: str, context: Json) -> Json:
    """What the entry says of signing in, where a scenario is about that."""
    if scenario == "auth/basic-cimd":
        return {"oauth": {"client_id": OUR_DOCUMENT}}
    if "client_secret" in context:
        return {"oauth": {name: context[name] for name in ("client_id", "client_secret")}}
    return {}


async def act(scenario: str, url: str, era: Era, context: Json) -> None:
    """Be the client of a scenario."""
    async with Client(url, mode=era, elicitation_callback=accept) as client:
        await ACTS.get(scenario, call_every_tool)(client, context)


Arrived = Callable[[str, Json], Awaitable[None]]


@asynccontextmanager
async def relayed(arrived: Arrived) -> AsyncIterator[str]:
    """The command to give the suite: each start of it calls ``arrived(url, context)`` here."""

    async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told = json.loads(await reader.readline())
        said = "it failed, as the log of this run says"
        try:
            await arrived(told["url"], told["context"])
            said = ""
        finally:
            writer.write(json.dumps(said).encode() + b"\n")
            writer.close()

    server = await asyncio.start_server(met, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield f"{sys.executable} -I -S {RELAY} {port}"
