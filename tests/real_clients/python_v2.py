"""A client of the official Python SDK 2.x, which prefers the stateless era.

``python -m tests.real_clients.python_v2 URL PLAN`` prints what it saw.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from mcp import Client
from mcp_types import (
    CreateMessageResult,
    ElicitRequestFormParams,
    ElicitResult,
    ListRootsResult,
    LoggingMessageNotificationParams,
    Root,
    TextContent,
)


class Person:
    """Who answers what servers ask, and counts it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.progress: list[float] = []
        self.log: list[object] = []

    async def fill_in(self, _: Any, params: Any) -> ElicitResult:
        self.asked.append("elicitation/create")
        assert isinstance(params, ElicitRequestFormParams)
        fields = params.requested_schema["properties"]
        return ElicitResult(action="accept", content=dict.fromkeys(fields, "Ann"))

    async def think(self, _: Any, __: Any) -> CreateMessageResult:
        self.asked.append("sampling/createMessage")
        content = TextContent(type="text", text="Paris")
        return CreateMessageResult(role="assistant", content=content, model="none")

    async def name_roots(self, _: Any) -> ListRootsResult:
        self.asked.append("roots/list")
        return ListRootsResult(roots=[Root(uri="file:///a/root", name="A root")])

    async def read(self, params: LoggingMessageNotificationParams) -> None:
        self.log.append(params.data)

    async def see(self, progress: float, _: float | None, __: str | None) -> None:
        self.progress.append(progress)


async def main(url: str, plan: list[tuple[str, dict[str, Any]]]) -> None:
    person = Person()
    async with Client(
        url,
        elicitation_callback=person.fill_in,
        sampling_callback=person.think,
        list_roots_callback=person.name_roots,
        logging_callback=person.read,
        log_level="info",
    ) as client:
        tools = (await client.list_tools()).tools
        said = []
        for name, arguments in plan:
            result = await client.call_tool(name, arguments, progress_callback=person.see)
            said.append(" ".join(each.text for each in result.content if each.type == "text"))
        saw = {
            "version": client.protocol_version,
            "tools": [tool.name for tool in tools],
            "said": said,
            "asked": person.asked,
            "progress": person.progress,
            "log": person.log,
        }
    sys.stdout.write(json.dumps(saw))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
