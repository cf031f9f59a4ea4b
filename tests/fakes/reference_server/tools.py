"""The tools: those that the official conformance suite calls, by its names and words."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import anyio
from mcp.shared.exceptions import MCPError

from tests.fakes.reference_server.asking import (
    Asker,
    Context,
    elicitation,
    elicitation_by_url,
    roots,
    sampling,
)
from tests.fakes.reference_server.world import World

Json = dict[str, Any]

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmM"
    "IQAAAABJRU5ErkJggg=="
)
WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA="
NO_ARGUMENTS: Json = {"type": "object", "properties": {}}
TEXT = {"type": "string"}

URL_ELICITATION_REQUIRED = -32042


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool."""

    context: Context
    arguments: Json
    asker: Asker
    world: World

    async def log(self, text: str) -> None:
        session = self.context.session
        await session.send_log_message("info", text, "reference", self.context.request_id)


Run = Callable[[Call], Awaitable[Json]]


@dataclass(frozen=True, slots=True)
class ReferenceTool:
    """A tool as it is listed, and what it does."""

    entry: Json
    run: Run


TOOLS: dict[str, ReferenceTool] = {}


def tool(schema: Json = NO_ARGUMENTS, **more: Any) -> Callable[[Run], Run]:
    """Offer a function as the tool of its name, described by its docstring."""

    def offer(run: Run) -> Run:
        entry = {"name": run.__name__, "description": run.__doc__, "inputSchema": schema, **more}
        TOOLS[run.__name__] = ReferenceTool(entry, run)
        return run

    return offer


def required(**properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": list(properties)}


def text(words: str, **more: Any) -> Json:
    return {"content": [{"type": "text", "text": words}], **more}


@tool()
async def test_simple_text(call: Call) -> Json:
    """Answers with a text."""
    return text("This is a simple text response for testing.")


@tool()
async def test_image_content(call: Call) -> Json:
    """Answers with an image."""
    return {"content": [{"type": "image", "data": PNG, "mimeType": "image/png"}]}


@tool()
async def test_audio_content(call: Call) -> Json:
    """Answers with a sound."""
    return {"content": [{"type": "audio", "data": WAV, "mimeType": "audio/wav"}]}


@tool()
async def test_embedded_resource(call: Call) -> Json:
    """Answers with a resource."""
    resource = {
        "uri": "test://embedded-resource",
        "mimeType": "text/plain",
        "text": "This is an embedded resource content.",
    }
    return {"content": [{"type": "resource", "resource": resource}]}


@tool()
async def test_multiple_content_types(call: Call) -> Json:
    """Answers with a text, an image and a resource."""
    resource = {
        "uri": "test://mixed-content-resource",
        "mimeType": "application/json",
        "text": '{"test":"data","value":123}',
    }
    return {
        "content": [
            {"type": "text", "text": "Multiple content types test:"},
            {"type": "image", "data": PNG, "mimeType": "image/png"},
            {"type": "resource", "resource": resource},
        ]
    }


@tool()
async def test_error_handling(call: Call) -> Json:
    """Fails, as a tool does."""
    return text("This tool intentionally returns an error for testing", isError=True)


@tool()
async def test_tool_with_logging(call: Call) -> Json:
    """Logs three times while it works."""
    await call.log("Tool execution started")
    await call.log("Tool processing data")
    await call.log("Tool execution completed")
    return text("done")


@tool()
async def test_logging_tool(call: Call) -> Json:
    """Logs once, if it may."""
    await call.log("This is told to whoever asked for it")
    return text("done")


@tool()
async def test_tool_with_progress(call: Call) -> Json:
    """Reports its progress three times."""
    for done in (0, 50, 100):
        await call.context.session.report_progress(done, 100, f"{done} of 100")
    return text("done")


@tool(required(prompt=TEXT))
async def test_sampling(call: Call) -> Json:
    """Asks the client's model."""
    answers = await call.asker.ask({"answer": sampling(call.arguments["prompt"])})
    return text(f"LLM response: {_said(answers['answer'])}")


@tool(required(message=TEXT))
async def test_elicitation(call: Call) -> Json:
    """Asks the person for a name and an address."""
    question = elicitation(
        call.arguments["message"],
        username={"type": "string", "description": "User's response"},
        email={"type": "string", "description": "User's email address"},
    )
    return await _elicited(call, "User response", question)


@tool()
async def test_elicitation_sep1034_defaults(call: Call) -> Json:
    """Asks the person, with a default for each field."""
    states = ["active", "inactive", "pending"]
    question = elicitation(
        "Please review and update the form fields with defaults",
        name={"type": "string", "description": "User name", "default": "John Doe"},
        age={"type": "integer", "description": "User age", "default": 30},
        score={"type": "number", "description": "User score", "default": 95.5},
        status={"type": "string", "enum": states, "default": "active"},
        verified={"type": "boolean", "default": True},
    )
    return await _elicited(call, "Elicitation completed", question)


@tool()
async def test_elicitation_sep1330_enums(call: Call) -> Json:
    """Asks the person to choose, in each way there is to write that down."""
    plain = ["option1", "option2", "option3"]
    titled = [
        {"const": f"value{number}", "title": f"{word} Option"}
        for number, word in enumerate(("First", "Second", "Third"), 1)
    ]
    question = elicitation(
        "Please select options from the enum fields",
        untitledSingle={"type": "string", "enum": plain},
        titledSingle={"type": "string", "oneOf": titled},
        legacyEnum={
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        untitledMulti={"type": "array", "items": {"type": "string", "enum": plain}},
        titledMulti={"type": "array", "items": {"anyOf": titled}},
    )
    return await _elicited(call, "Elicitation completed", question)


@tool()
async def test_reconnection(call: Call) -> Json:
    """Closes its stream in the middle of the call; the client comes back for the answer."""
    if call.context.close_sse_stream is not None:
        await call.context.close_sse_stream()
    return text("Reconnection test completed successfully")


@tool()
async def test_missing_capability(call: Call) -> Json:
    """Asks the client's model, without looking whether it may."""
    await call.asker.ask({"answer": sampling("May I?")})
    return text("allowed")


@tool()
async def test_streaming_elicitation(call: Call) -> Json:
    """Reports progress, then asks the person."""
    await call.context.session.report_progress(1, 2)
    return await _elicited(call, "Answered", elicitation("Go on?", ok={"type": "boolean"}))


@tool()
async def test_trigger_tool_change(call: Call) -> Json:
    """Makes a tool appear in place of the last that did, and says so."""
    await call.world.change_tools(call.context)
    return text("the tools have changed")


@tool()
async def test_trigger_prompt_change(call: Call) -> Json:
    """Makes a prompt appear in place of the last that did, and says so."""
    await call.world.change_prompts(call.context)
    return text("the prompts have changed")


@tool()
async def test_input_required_result_elicitation(call: Call) -> Json:
    """Asks for a name, and greets."""
    asked = await call.asker.ask({"user_name": elicitation("What is your name?", name=TEXT)})
    return text(f"Hello, {asked['user_name'].get('content', {}).get('name', 'stranger')}!")


@tool()
async def test_input_required_result_sampling(call: Call) -> Json:
    """Asks the client's model for a capital."""
    question = sampling("What is the capital of France?")
    return text(_said((await call.asker.ask({"capital_question": question}))["capital_question"]))


@tool()
async def test_input_required_result_list_roots(call: Call) -> Json:
    """Asks for the client's roots."""
    asked = await call.asker.ask({"client_roots": roots()})
    return text(", ".join(root["uri"] for root in asked["client_roots"]["roots"]))


@tool()
async def test_input_required_result_request_state(call: Call) -> Json:
    """Asks for a confirmation; its answer proves that the state came back."""
    await call.asker.ask({"confirm": elicitation("Please confirm", ok={"type": "boolean"})})
    return text("state-ok")


@tool()
async def test_input_required_result_tampered_state(call: Call) -> Json:
    """Asks for a confirmation, and refuses a state that is not its own."""
    await call.asker.ask({"confirm": elicitation("Please confirm", ok={"type": "boolean"})})
    return text("state-ok")


@tool()
async def test_input_required_result_multiple_inputs(call: Call) -> Json:
    """Asks three questions of three kinds at once."""
    asked = await call.asker.ask(
        {
            "user_name": elicitation("What is your name?", name=TEXT),
            "greeting": sampling("Generate a greeting", maxTokens=50),
            "client_roots": roots(),
        }
    )
    return text(f"{_said(asked['greeting'])} {json.dumps(asked['user_name'].get('content'))}")


@tool()
async def test_input_required_result_multi_round(call: Call) -> Json:
    """Asks one question, and then another."""
    first = await call.asker.ask({"step1": elicitation("Step 1: What is your name?", name=TEXT)})
    second = await call.asker.ask(
        {"step2": elicitation("Step 2: What is your favorite color?", color=TEXT)}
    )
    return text(f"{json.dumps(first['step1'])} {json.dumps(second['step2'])}")


@tool()
async def test_input_required_result_capabilities(call: Call) -> Json:
    """Asks only what the client declared that it can be asked."""
    questions = {
        "person": elicitation("What is your name?", name=TEXT),
        "model": sampling("Generate a greeting"),
        "roots": roots(),
    }
    await call.asker.ask(
        {name: each for name, each in questions.items() if call.asker.has(each["method"])}
    )
    return text("answered")


@tool(
    {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
            }
        },
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": False,
    }
)
async def json_schema_2020_12_tool(call: Call) -> Json:
    """Takes what a rich schema describes."""
    return text(json.dumps(call.arguments))


@tool(
    required(
        region={"type": "string", "x-mcp-header": "Region"},
        count={"type": "integer", "x-mcp-header": "Count"},
        query=TEXT,
    )
)
async def test_custom_headers(call: Call) -> Json:
    """Takes arguments that travel in headers of the request too."""
    return text(json.dumps(call.arguments))


# What follows the suite does not ask for, and a gateway owes all the same.


@tool()
async def ask_by_url(call: Call) -> Json:
    """Sends the person to a web page, and says when that is done."""
    question = elicitation_by_url("Please sign in", "https://example.com/sign-in", "sign-in-1")
    answer = await call.asker.ask({"sign_in": question})
    if call.asker.sends_requests:
        await call.context.session.send_elicit_complete("sign-in-1", call.context.request_id)
    return text(answer["sign_in"]["action"])


@tool()
async def ask_with_tools(call: Call) -> Json:
    """Asks the client's model, and gives it a tool."""
    weather = {"name": "weather", "inputSchema": required(city=TEXT)}
    question = sampling("Weather in Paris?", tools=[weather], toolChoice={"mode": "required"})
    answer = (await call.asker.ask({"answer": question}))["answer"]
    return text(json.dumps(answer["content"]), structuredContent=answer)


@tool()
async def list_roots(call: Call) -> Json:
    """Asks for the client's roots, and names them."""
    answer = (await call.asker.ask({"roots": roots()}))["roots"]
    return text("roots", structuredContent=answer)


@tool()
async def wait_for_ever(call: Call) -> Json:
    """Reports that it has begun, and then waits to be cancelled."""
    await call.context.session.report_progress(0, 1, "waiting")
    try:
        await anyio.sleep_forever()
    finally:
        call.world.cancelled += 1
    return text("never")


@tool()
async def count_cancelled(call: Call) -> Json:
    """Says how many calls were cancelled while they waited."""
    return text(str(call.world.cancelled))


@tool()
async def refuse(call: Call) -> Json:
    """Answers with an error of the protocol, with data."""
    data = {"elicitations": [], "why": "because", "unknown": [1, 2, 3]}
    raise MCPError(URL_ELICITATION_REQUIRED, "Sign in first", data)


@tool()
async def refuse_in_its_own_way(call: Call) -> Json:
    """Answers with an error code of the server's own."""
    raise MCPError(4711, "Not today", {"retry": {"after": 3}})


@tool()
async def echo_meta(call: Call) -> Json:
    """Answers with the request's own ``_meta``, and with one of its own."""
    meta = (call.context.params or {}).get("_meta") or {}
    return text("meta", structuredContent=meta, _meta={"example.com/answer": {"of": [1, "two"]}})


@tool(
    required(number={"type": "number"}),
    title="Doubles a number",
    outputSchema=required(double={"type": "number"}),
    annotations={"title": "Doubling", "readOnlyHint": True, "idempotentHint": True},
    icons=[{"src": "https://example.com/icon.png", "mimeType": "image/png", "sizes": ["48x48"]}],
    _meta={"example.com/kept": {"nested": True}},
)
async def double(call: Call) -> Json:
    """Doubles a number."""
    doubled = {"double": call.arguments["number"] * 2}
    return text(json.dumps(doubled), structuredContent=doubled)


@tool()
async def link(call: Call) -> Json:
    """Answers with a link to a resource."""
    found = {
        "type": "resource_link",
        "uri": "test://static-text",
        "name": "static-text",
        "mimeType": "text/plain",
        "annotations": {"audience": ["user"], "priority": 0.5},
    }
    return {"content": [found]}


@tool()
async def touch_watched(call: Call) -> Json:
    """Changes the watched resource, and tells whoever subscribed to it."""
    await call.world.touch("test://watched-resource")
    return text("touched")


def _said(answer: Json) -> str:
    content = answer["content"]
    blocks = content if isinstance(content, list) else [content]
    return " ".join(block["text"] for block in blocks if block["type"] == "text")


async def _elicited(call: Call, words: str, question: Json) -> Json:
    answer = (await call.asker.ask({"answer": question}))["answer"]
    content = json.dumps(answer.get("content", {}))
    return text(f"{words}: action={answer['action']}, content={content}")
