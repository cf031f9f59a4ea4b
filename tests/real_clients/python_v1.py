"""A client of the official Python SDK 1.x, which knows no era but the stateful one.

It runs in an environment of its own: ``python python_v1.py URL PLAN`` prints what it saw.
"""

from __future__ import annotations

import asyncio
import json
import sys

from mcp import ClientSession, types
from mcp.client.streamable_http import streamablehttp_client


class Person:
    """Who answers what servers ask, and counts it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.progress: list[float] = []
        self.log: list[object] = []

    async def fill_in(self, _: object, params: types.ElicitRequestParams) -> types.ElicitResult:
        self.asked.append("elicitation/create")
        fields = params.requestedSchema["properties"]
        return types.ElicitResult(action="accept", content=dict.fromkeys(fields, "Ann"))

    async def think(
        self, _: object, params: types.CreateMessageRequestParams
    ) -> types.CreateMessageResult:
        self.asked.append("sampling/createMessage")
        content = types.TextContent(type="text", text="Paris")
        return types.CreateMessageResult(role="assistant", content=content, model="none")

    async def name_roots(self, _: object) -> types.ListRootsResult:
        self.asked.append("roots/list")
        return types.ListRootsResult(roots=[types.Root(uri="file:///a/root", name="A root")])

    async def read(self, params: types.LoggingMessageNotificationParams) -> None:
        self.log.append(params.data)

    async def see(self, progress: float, _: float | None, __: str | None) -> None:
        self.progress.append(progress)


async def main(url: str, plan: list[list[object]]) -> None:
    person = Person()
    async with (
        streamablehttp_client(url) as (reading, writing, _),
        ClientSession(
            reading,
            writing,
            elicitation_callback=person.fill_in,
            sampling_callback=person.think,
            list_roots_callback=person.name_roots,
            logging_callback=person.read,
        ) as session,
    ):
        met = await session.initialize()
        if met.capabilities.logging is not None:
            await session.set_logging_level("info")
        tools = (await session.list_tools()).tools
        said = []
        for name, arguments in plan:
            result = await session.call_tool(str(name), arguments, progress_callback=person.see)
            said.append(" ".join(each.text for each in result.content if each.type == "text"))
    saw = {
        "version": met.protocolVersion,
        "tools": [tool.name for tool in tools],
        "said": said,
        "asked": person.asked,
        "progress": person.progress,
        "log": person.log,
    }
    sys.stdout.write(json.dumps(saw))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
