"""The peer of the transparency points on a pipe, where everything comes on one stream."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from tests.conformance.peer import CAPABILITIES, LIMIT, Answer, Json, Peer, Seen


def _bare(message: Json) -> Json:
    return {name: value for name, value in message.items() if name not in {"jsonrpc", "id"}}


class StdioPeer(Peer):
    """One program that speaks MCP on its standard streams."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._ids = itertools.count(1)
        self._asked: dict[int, tuple[Seen, asyncio.Future[None], asyncio.Event]] = {}
        self.answers: dict[str, Answer] = {}
        self.hello: Json = {}
        self.heard: asyncio.Queue[Json] = asyncio.Queue()

    async def open(self) -> None:
        info = {"name": "peer", "version": "1"}
        params = {"protocolVersion": "2025-11-25", "capabilities": CAPABILITIES}
        seen = await self.ask("initialize", {**params, "clientInfo": info})
        self.hello = seen.answer["result"]
        await self.tell("notifications/initialized")

    async def listen(self) -> None:
        """Read everything that comes."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            message = json.loads(line)
            if "method" not in message:
                seen, done, _ = self._asked[message["id"]]
                seen.answer = _bare(message)
                done.set_result(None)
            elif "id" in message:
                for seen, _, _ in self._asked.values():
                    seen.asked.append(_bare(message))
                reply = self.answers[message["method"]](message.get("params", {}))
                self._write({"id": message["id"], **reply})
            else:
                self.heard.put_nowait(message)
                for seen, _, told in self._asked.values():
                    seen.told.append(_bare(message))
                    told.set()

    async def tell(self, method: str, params: Json | None = None) -> None:
        self._write({"method": method, "params": params or {}})

    async def ask(
        self,
        method: str,
        params: Json | None = None,
        on_told: Callable[[int], AsyncIterator[None]] | None = None,
    ) -> Seen:
        number = next(self._ids)
        seen, done, told = Seen(), asyncio.get_running_loop().create_future(), asyncio.Event()
        self._asked[number] = seen, done, told
        try:
            self._write({"id": number, "method": method, "params": params or {}})
            async with asyncio.timeout(LIMIT):
                if on_told is not None:
                    await told.wait()
                    async for _ in on_told(number):
                        pass
                await done
        finally:
            del self._asked[number]
        return seen

    def _write(self, message: Json) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")


@asynccontextmanager
async def spoken_to(command: Sequence[str], environ: Mapping[str, str]) -> AsyncIterator[Peer]:
    """A conversation with the program that the command starts."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=dict(environ),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=64 * 1024 * 1024,
    )
    peer = StdioPeer(process)
    listening = asyncio.create_task(peer.listen())
    try:
        await peer.open()
        yield peer
        assert process.stdin is not None
        process.stdin.close()
        await asyncio.wait_for(process.wait(), LIMIT)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
