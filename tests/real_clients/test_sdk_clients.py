"""The official SDKs' clients, old and new, use a server of the other era through us."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from dev import interpreter
from tests.program import ROOT, Home, Json, program
from tests.real_servers import (
    EVERYTHING,
    NO_NODE,
    NODE_PACKAGES,
    NODE_SERVERS,
    PYTHON_CLIENTS,
    TIME,
    RealServer,
    newest_node,
)

HERE = Path(__file__).resolve().parent
NOT_INSTALLED = "it is not installed; python3 dev.py test installs it"
LIMIT = 100.0
"""Seconds for all that one client does."""

REFERENCE = ("-m", "tests.fakes.reference_server", "stdio")
STATEFUL, STATELESS = "2025-11-25", "2026-07-28"

PLAN: list[tuple[str, Json]] = [
    ("test_simple_text", {}),
    ("test_elicitation", {"message": "Who are you?"}),
    ("test_sampling", {"prompt": "What is the capital of France?"}),
    ("list_roots", {}),
    ("test_tool_with_progress", {}),
    ("test_tool_with_logging", {}),
]


@dataclass(frozen=True, slots=True)
class SdkClient:
    """A client of one official SDK: how to start it, what it speaks, whom it meets."""

    name: str
    command: tuple[str, ...]
    speaks: str
    published: RealServer
    """A server of the other era that we did not write."""
    tool: str
    missing: str = ""

    @property
    def needed(self) -> pytest.MarkDecorator:
        """A mark for tests that cannot do without this client."""
        return pytest.mark.skipif(bool(self.missing), reason=f"{self.name}: {self.missing}")


def _typescript(major: str, speaks: str, published: RealServer, tool: str) -> SdkClient:
    command = (newest_node(), str(HERE / "typescript.mjs"), str(NODE_SERVERS), major)
    missing = "" if shutil.which("node") else NO_NODE
    if not (NODE_PACKAGES / "@modelcontextprotocol" / "client").exists():
        missing = missing or NOT_INSTALLED
    return SdkClient(f"TypeScript {major}", command, speaks, published, tool, missing)


CLIENTS = (
    SdkClient(
        "Python 1",
        (str(interpreter(PYTHON_CLIENTS)), str(HERE / "python_v1.py")),
        STATEFUL,
        TIME,
        "get_current_time",
        "" if interpreter(PYTHON_CLIENTS).exists() else NOT_INSTALLED,
    ),
    SdkClient(
        "Python 2",
        (sys.executable, "-m", "tests.real_clients.python_v2"),
        STATELESS,
        EVERYTHING,
        "echo",
    ),
    _typescript("1", STATEFUL, TIME, "get_current_time"),
    _typescript("2", STATELESS, EVERYTHING, "echo"),
)


def _entry(command: str, *args: str) -> Json:
    return {
        "command": command,
        "args": list(args),
        "working_dir": str(ROOT),
        "env": {"PYTHONPATH": str(ROOT)},
    }


async def _run(client: SdkClient, url: str, plan: list[tuple[str, Json]]) -> Json:
    process = await asyncio.create_subprocess_exec(
        *client.command,
        url,
        json.dumps(plan),
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), LIMIT)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    assert process.returncode == 0, err.decode(errors="replace")[-3000:]
    saw: Json = json.loads(out)
    return saw


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "client",
    [
        pytest.param(
            each,
            id=each.name,
            marks=[
                each.published.needed,
                pytest.mark.skipif(bool(each.missing), reason=each.missing),
            ],
        )
        for each in CLIENTS
    ],
)
async def test_client_uses_servers_of_the_other_era(client: SdkClient, tmp_path: Path) -> None:
    """Calls, questions to the person and to the model, roots, progress and log all cross over."""
    home = Home(tmp_path)
    other = ("--stateful",) if client.speaks == STATELESS else ()
    published = client.published
    home.configure(
        {
            "reference": _entry(sys.executable, *REFERENCE, *other),
            "published": _entry(published.command, *published.args),
        }
    )
    async with program(home) as running:
        await running.ready()
        servers = (await running.get("/api/v1/servers"))["servers"]
        spoken = {server["peer"]["protocol_version"] for server in servers}
        saw = await _run(client, f"{running.endpoint}/s/reference", PLAN)
        met = await _run(client, f"{running.endpoint}/s/published", [])
    assert spoken == {STATEFUL if client.speaks == STATELESS else STATELESS}
    assert saw["version"] == client.speaks
    assert saw["said"][0] == "This is a simple text response for testing."
    assert "action=accept" in saw["said"][1]
    assert "Ann" in saw["said"][1]
    assert saw["said"][2] == "LLM response: Paris"
    assert sorted(saw["asked"]) == ["elicitation/create", "roots/list", "sampling/createMessage"]
    assert saw["progress"][-3:] == [0, 50, 100]
    if client.name != "TypeScript 2":  # it cannot be told to ask for a log
        assert saw["log"] == [
            "Tool execution started",
            "Tool processing data",
            "Tool execution completed",
        ]
    assert client.tool in met["tools"]
