"""Nothing of one client's ever reaches another, whatever ids they choose and whatever breaks.

All clients use the same ids and progress tokens on purpose. Each puts a word of its own into
everything it sends; a foreign word in anything it receives is somebody else's answer.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing

import httpx
import pytest

from tests.fakes import faultsrv
from tests.mcp_http import RawClient
from tests.mcp_stateless import ABLE, StatelessClient
from tests.program import Home, Json, RunningProgram, program

pytestmark = pytest.mark.timeout(90)

COMMAND, *ARGS = faultsrv.command("ok")
CLIENTS = 8
TURNS = 8  # of each client, some requests at once in each
LIMIT = 60.0

Answer = Callable[[Json], Awaitable[None]]


class Player:
    """One client: what it sends has its word, and what it receives is kept as it came."""

    def __init__(self, client: RawClient | StatelessClient, word: str, chance: random.Random):
        self.client = client
        self.word = word
        self.chance = chance
        self.received: list[str] = []
        self.replies = 0

    async def play(self) -> None:
        for _ in range(TURNS):
            width = self.chance.randint(1, 3)
            await asyncio.gather(*(self.request(number) for number in range(width)))

    async def request(self, number: int) -> None:
        """One call, of which the client may think better."""
        tool = self.chance.choice(
            ["echo", "echo", "progress", "ask", "fail", "log", "slow", "slow", "die"]
        )
        arguments: Json = {"word": self.word, "steps": 2, "text": self.word}
        if tool == "slow":
            arguments["ms"] = self.chance.choice([0, 1, 20, 200])
        if tool == "fail":
            arguments = {"code": -1, "message": self.word, "data": [self.word]}
        if tool == "die" and self.chance.random() < 0.7:
            return
        leaves = self.chance.random() < 0.2
        calling = asyncio.create_task(self.call(number, tool, arguments))
        if leaves:
            await asyncio.wait([calling], timeout=self.chance.choice([0.0, 0.01]))
            await self.cancel(calling, number)
        await asyncio.wait([calling])
        if not calling.cancelled() and calling.exception() is not None:
            raise AssertionError(f"{tool} of {self.word}") from calling.exception()

    async def cancel(self, calling: asyncio.Task[None], number: int) -> None:
        if isinstance(self.client, StatelessClient) or self.chance.random() < 0.3:
            calling.cancel()  # the connection is closed
        else:
            params = {"requestId": number, "reason": self.word}
            await self.client.post(
                {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
            )

    async def call(self, number: int, tool: str, arguments: Json) -> None:
        meta: Json = {"progressToken": number, "word": self.word}
        more: Json = {}
        for _ in range(3):
            reply = await self.exchange(number, tool, arguments, meta, more)
            if reply is None or reply.get("result", {}).get("resultType") != "input_required":
                return
            asked = reply["result"]["inputRequests"]
            more = {
                "requestState": reply["result"]["requestState"],
                "inputResponses": {key: {"word": self.word} for key in asked},
            }

    async def exchange(
        self, number: int, tool: str, arguments: Json, meta: Json, more: Json
    ) -> Json | None:
        client = self.client
        params: Json = {"name": tool, "arguments": arguments, "_meta": meta, **more}
        if isinstance(client, StatelessClient):
            params["_meta"] = client.meta(**meta)
        message = client.request("tools/call", params, number)
        headers = client.headers
        if callable(headers):
            headers = headers(message)
        async with (
            client.http.stream("POST", client.path, json=message, headers=headers) as answer,
            aclosing(answer.aiter_lines()) as lines,
        ):
            reply = None
            async for line in lines:
                if not line.startswith(("data: ", "{")):
                    continue
                told: Json = json.loads(line.removeprefix("data: "))
                self.received.append(line)
                if "method" not in told:
                    assert told.get("id") in {number, None}, told
                    reply = told
                    self.replies += 1
                elif "id" in told:
                    await self.answer(told)
                elif told["method"] == "notifications/progress":
                    assert told["params"]["progressToken"] == number
            return reply

    async def answer(self, question: Json) -> None:
        said = {"jsonrpc": "2.0", "id": question["id"], "result": {"word": self.word}}
        assert (await self.client.post(said)).status_code == 202


async def opened(
    running: RunningProgram, http: httpx.AsyncClient, place: int
) -> RawClient | StatelessClient:
    if place % 2:
        return StatelessClient(http, "/mcp/s/one")
    client = RawClient(http, "/mcp/s/one")
    await client.open(**ABLE)
    return client


@pytest.fixture
async def running(home: Home) -> AsyncIterator[RunningProgram]:
    entry: Json = {"command": COMMAND, "args": ARGS, "max_concurrent_requests": 6}
    home.configure({"one": entry})
    async with program(home) as started:
        await started.ready()
        yield started


@pytest.mark.parametrize("seed", range(3))
async def test_no_word_of_one_client_reaches_another(running: RunningProgram, seed: int) -> None:
    """Calls, questions, cancellations and dying servers, all at once and with the same ids."""
    chance = random.Random(seed)
    async with (
        asyncio.timeout(LIMIT),
        httpx.AsyncClient(
            base_url=running.base, timeout=LIMIT, trust_env=False, limits=httpx.Limits()
        ) as http,
    ):
        players = [
            Player(await opened(running, http, place), f"word-{place}-", chance)
            for place in range(CLIENTS)
        ]
        await asyncio.gather(*(player.play() for player in players))
        for player in players:
            everything = "\n".join(player.received)
            foreign = [other.word for other in players if other is not player]
            assert [word for word in foreign if word in everything] == [], f"seed {seed}"
        assert sum(player.replies for player in players) > CLIENTS * TURNS / 2
        last = await opened(running, http, seed)
        assert "result" in await last.ask("tools/list")
