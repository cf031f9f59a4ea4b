"""Every tool of published servers: found by search, described, and called with the id as given."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.mcp_http import RawClient
from tests.program import Home, Json, RunningProgram, program
from tests.real_servers import EVERYTHING, FILESYSTEM, GIT, TIME, RealServer

pytestmark = [
    *(server.needed for server in (EVERYTHING, FILESYSTEM, GIT, TIME)),
    pytest.mark.timeout(300),
]

OURS = (
    "is no tool id",
    "There is no server",
    "has no tool",
    "does not say that it is",
    "waits for",
)
"""How what we refuse ourselves is told; everything else was the server's to say."""

FITTING: dict[str, Json] = {
    "everything:trigger-long-running-operation": {"duration": 0.1, "steps": 1},
    "everything:gzip-file-as-resource": {"data": "data:text/plain,hello", "name": "x"},
    "everything:get-resource-reference": {"resourceId": 1},
}
"""Where the least arguments that fit the schema would take long, or need the network."""


def entry(server: RealServer, *more: str) -> Json:
    command, *args = server.argv(*more)
    return {"command": command, "args": args}


def least(schema: Any) -> Any:
    """The least that fits a schema, as far as these servers' schemas go."""
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return least(schema["anyOf"][0])
    match schema.get("type", "object"):
        case "object":
            properties = schema.get("properties", {})
            return {name: least(properties[name]) for name in schema.get("required", ())}
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return False
        case "array":
            return [least(schema["items"])] * schema.get("minItems", 0)
        case _:
            return "x"


async def test_every_tool_of_every_server(home: Home, tmp_path: Path) -> None:
    """No tool is out of reach: search gives its id, describe its schema, and its server answers."""
    repository = tmp_path / "repository"
    subprocess.run(["git", "init", "-q", str(repository)], check=True)
    servers = {
        "time": entry(TIME),
        "git": entry(GIT, "--repository", str(repository)),
        "everything": entry(EVERYTHING),
        "filesystem": entry(FILESYSTEM, str(repository)),
    }
    home.configure(servers, tool_response_limit=0)
    async with program(home) as running:
        await running.ready()
        agent = RawClient(running.http, "/mcp")
        await agent.open()
        reached = [
            tool_id for server in servers for tool_id in await reach_all(running, agent, server)
        ]
    assert len(reached) > 35


async def reach_all(running: RunningProgram, agent: RawClient, server: str) -> list[str]:
    listed = (await running.get(f"/api/v1/servers/{server}/tools"))["tools"]
    for tool in listed:
        tool_id = f"{server}:{tool['name']}"
        asked = {"query": f"{tool['name']} {tool.get('description', '')[:80]}", "limit": 5}
        hits = {hit["tool_id"]: hit for hit in await said(agent, "retrieve_tools", asked)}
        assert tool_id in hits, (tool_id, [*hits])
        (described,) = await said(agent, "describe_tool", {"tool_ids": [tool_id]})
        arguments = FITTING.get(tool_id, least(described["inputSchema"]))
        async with asyncio.timeout(60):
            call = {"name": tool_id, "args": arguments}
            result = await agent.call(hits[tool_id]["call_with"], call)
        text = json.dumps(result["content"])
        assert not any(words in text for words in OURS), (tool_id, text)
        assert "nothing was sent" not in text, (tool_id, text)
    return [f"{server}:{tool['name']}" for tool in listed]


async def said(agent: RawClient, tool: str, arguments: Json) -> list[Json]:
    """The tools that a built-in tool answered with."""
    result = await agent.call(tool, arguments)
    assert not result.get("isError"), result
    tools: list[Json] = json.loads(result["content"][0]["text"])["tools"]
    return tools
