"""A stdio client that writes and reads lines, and whoever starts the bridge for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tests.program import PROGRAM, START_LIMIT, Home

Json = dict[str, Any]
MODERN = "2026-07-28"


class StdioClient:
    """One bridge process; every line it writes must be JSON-RPC."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    def say(self, message: Json | bytes) -> None:
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")

    def ask(self, request_id: int | str, method: str, **params: Any) -> None:
        self.say({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})

    def ask_modern(self, request_id: int | str, method: str, **params: Any) -> None:
        meta = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        self.ask(request_id, method, **params, _meta=meta)

    def tell(self, method: str, **params: Any) -> None:
        self.say({"jsonrpc": "2.0", "method": method, "params": params})

    async def hear(self) -> Json:
        """The next line."""
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), START_LIMIT)
        assert line.endswith(b"\n"), f"the bridge ended; {line!r}"
        message: Json = json.loads(line)
        assert message["jsonrpc"] == "2.0"
        return message

    async def answer(self, request_id: int | str) -> Json:
        """The answer to a request; what comes before it is passed over."""
        while True:
            message = await self.hear()
            if message.get("id") == request_id and "method" not in message:
                return message

    async def shake_hands(self) -> Json:
        self.ask(
            0,
            "initialize",
            protocolVersion="2025-11-25",
            capabilities={},
            clientInfo={"name": "test", "version": "1"},
        )
        answer = await self.answer(0)
        self.tell("notifications/initialized")
        return answer

    async def leave(self) -> int:
        """Close our end; the exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return await asyncio.wait_for(self.process.wait(), START_LIMIT)


@asynccontextmanager
async def stdio(
    home: Home, *arguments: str, environ: Mapping[str, str] | None = None
) -> AsyncIterator[StdioClient]:
    """The bridge, as a client starts it; it must leave with 0 if it is still there at the end."""
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        "stdio",
        *arguments,
        *home.flags,
        env={**home.environ, **(environ or {})},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=64 * 1024 * 1024,
    )
    client = StdioClient(process)
    try:
        yield client
        if process.returncode is None:
            assert await client.leave() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        assert process.stdout is not None
        await process.stdout.read()
