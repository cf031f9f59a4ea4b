"""A model that is none: answers as the two big vendors' endpoints do, and always calls one tool.

The agent gets a tool call for its first question, and for what the tool said, a last word that
quotes it. So an agent is led through a whole turn without a model and without a network.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from tests.fakes.connections import listening

Json = dict[str, Any]

TOOL_CALL = "call_1"


class Model:
    """What was asked of it, and what it says."""

    def __init__(self, tool: str, arguments: Json) -> None:
        self._tool = tool
        self._arguments = json.dumps(arguments)
        self.offered: set[str] = set()
        """The names of all tools that agents said they have."""
        self.results: list[str] = []
        """What tools answered, as agents passed it on."""

    def messages(self, request: Json) -> Iterator[tuple[str, Json]]:
        """A stream of Anthropic's Messages API."""
        names = [tool["name"] for tool in request.get("tools", ())]
        self.offered.update(names)
        wanted = next((name for name in names if name.endswith(self._tool)), None)
        result = _tool_result(request["messages"])
        if result is not None:
            self.results.append(result)
        message: Json = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": request.get("model", "none"),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
        yield "message_start", {"message": message}
        calls = wanted is not None and result is None
        if calls:
            block: Json = {"type": "tool_use", "id": TOOL_CALL, "name": wanted, "input": {}}
            delta: Json = {"type": "input_json_delta", "partial_json": self._arguments}
        else:
            block = {"type": "text", "text": ""}
            delta = {"type": "text_delta", "text": f"The tool said: {result}"}
        yield "content_block_start", {"index": 0, "content_block": block}
        yield "content_block_delta", {"index": 0, "delta": delta}
        yield "content_block_stop", {"index": 0}
        stop = {"stop_reason": "tool_use" if calls else "end_turn", "stop_sequence": None}
        yield "message_delta", {"delta": stop, "usage": {"output_tokens": 1}}
        yield "message_stop", {}

    def responses(self, request: Json) -> Iterator[tuple[str, Json]]:
        """A stream of OpenAI's Responses API."""
        named = dict(_functions(request.get("tools", ())))
        self.offered.update(named)
        wanted = next((name for name in named if name.endswith(self._tool)), None)
        outputs = [item for item in request["input"] if item["type"] == "function_call_output"]
        yield "response.created", {"response": {"id": "resp_1"}}
        if outputs:
            self.results.append(json.dumps(outputs[-1]["output"]))
        if wanted is not None and not outputs:
            item: Json = {
                "type": "function_call",
                "call_id": TOOL_CALL,
                **named[wanted],
                "arguments": self._arguments,
            }
        else:
            words = f"The tool said: {self.results[-1] if self.results else None}"
            item = {
                "type": "message",
                "id": "item_1",
                "role": "assistant",
                "content": [{"type": "output_text", "text": words}],
            }
        yield "response.output_item.done", {"output_index": 0, "item": item}
        usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
        yield "response.completed", {"response": {"id": "resp_1", "usage": usage, "output": [item]}}


def _tool_result(messages: list[Json]) -> str | None:
    for message in messages:
        if isinstance(message["content"], list):
            for block in message["content"]:
                if block["type"] == "tool_result":
                    return json.dumps(block.get("content"))
    return None


def _functions(tools: Any) -> Iterator[tuple[str, Json]]:
    """Each function by its whole name, with how to call it; some come in namespaces."""
    for tool in tools:
        if tool["type"] == "function":
            yield tool["name"], {"name": tool["name"]}
        elif tool["type"] == "namespace":
            for inner in tool["tools"]:
                whole = f"{tool['name']}{inner['name']}"
                yield whole, {"namespace": tool["name"], "name": inner["name"]}


@asynccontextmanager
async def served(model: Model) -> AsyncIterator[str]:
    """The model on a port of its own; the start of its URLs."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.split("\r\n")
            fields = {
                name.lower(): value for name, _, value in (line.partition(": ") for line in lines)
            }
            body = await reader.readexactly(int(fields.get("content-length", "0")))
            writer.write(_answer(model, first.split()[1], body))
            await writer.drain()

    async with listening(answer) as port:
        yield f"http://127.0.0.1:{port}"


def _answer(model: Model, target: str, body: bytes) -> bytes:
    path = target.partition("?")[0]
    if path.endswith("/messages"):
        events = model.messages(json.loads(body))
    elif path.endswith("/responses"):
        events = model.responses(json.loads(body))
    elif path.endswith("/count_tokens"):
        return _http("200 OK", "application/json", b'{"input_tokens":1}')
    else:
        return _http("404 Not Found", "application/json", b"{}")
    stream = "".join(
        f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n" for name, data in events
    )
    return _http("200 OK", "text/event-stream", stream.encode())


def _http(status: str, kind: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body
