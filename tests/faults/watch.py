"""Those who look on while faults are done: a bystander's client, a listener, a ledger of calls."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import httpx
from httpx_sse import aconnect_sse

from tests.mcp_http import RawClient
from tests.pace import within

Json = dict[str, Any]

PAUSE = 0.02  # seconds between two looks at the bystander
SLOWEST = within(0.5)  # seconds that 99 of 100 looks may take at most
LIMIT = 60.0


def new_client(base: str, key: str) -> httpx.AsyncClient:
    """A client with connections of its own."""
    return httpx.AsyncClient(
        base_url=base, headers={"X-API-Key": key}, timeout=LIMIT, trust_env=False, verify=False
    )


class Canary:
    """Calls a bystander and ``/healthz`` all the time and notes how they were served (I4)."""

    def __init__(self, base: str, key: str, server: str) -> None:
        self._http = new_client(base, key)
        self._server = server
        self._stop: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None
        self.took: list[float] = []
        self.refused: list[str] = []

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="canary")

    async def stop(self) -> list[str]:
        """What was wrong, in words."""
        if not self._stop.done():
            self._stop.set_result(None)
        if self._task is not None:
            await self._task
            self._task = None
        await self._http.aclose()
        found = [f"the bystander was not served: {why}" for why in self.refused[:3]]
        if not self.took:
            return [*found, "the bystander was never served"]
        slow = sorted(self.took)[len(self.took) * 99 // 100]
        if slow > SLOWEST:
            found.append(f"1 of 100 answers to the bystander took {slow * 1000:.0f} ms or more")
        return found

    async def until_refused(self) -> None:
        """Wait until the bystander was not served, after which nobody calls it any more."""
        assert self._task is not None
        await asyncio.wait_for(asyncio.shield(self._task), LIMIT)

    async def _run(self) -> None:
        client = RawClient(self._http, f"/mcp/s/{self._server}")
        try:
            await client.open()
            for number in itertools.count():
                began = time.perf_counter()
                result = await client.call("echo", {"look": number})
                assert result["structuredContent"]["arguments"] == {"look": number}, result
                called = time.perf_counter()
                answer = await self._http.get("/healthz")
                assert answer.status_code == 200, answer.text
                self.took += [called - began, time.perf_counter() - called]
                await asyncio.wait([self._stop], timeout=PAUSE)
                if self._stop.done():
                    return
        except (AssertionError, httpx.HTTPError) as why:
            self.refused.append(f"{type(why).__name__}: {why}")


class Listener:
    """Folds the event stream into the world, and notes what in it may not be (I5, I7)."""

    def __init__(self, base: str, key: str, secrets: tuple[str, ...]) -> None:
        self._http = new_client(base, key)
        self._secrets = secrets
        self._task: asyncio.Task[None] | None = None
        self._waiting: dict[asyncio.Future[Json], Callable[[Json], bool]] = {}
        self.world: Json = {"servers": {}, "seq": -1}
        self.wrong: list[str] = []
        self.over = False

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="listener")
        await self.until(lambda world: world["seq"] >= 0)

    async def stop(self) -> list[str]:
        """What was wrong, in words."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        await self._http.aclose()
        return self.wrong

    async def until(self, condition: Callable[[Json], bool], limit: float = LIMIT) -> Json:
        """The first world from now on that fulfils the condition; TimeoutError says what is.

        Each world is looked at as it comes, so that one which soon gives way to another is seen.
        """
        found: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[found] = condition
        self._look()
        try:
            async with asyncio.timeout(limit):
                return await found
        except TimeoutError:
            shown = {
                name: (server["status"], server["health"]["summary"])
                for name, server in self.world["servers"].items()
            }
            raise TimeoutError(f"not so after {limit:g} s; the world is {shown}") from None
        finally:
            del self._waiting[found]

    def _look(self) -> None:
        """Tell those who wait for such a world, or that there will be none."""
        for found, condition in self._waiting.items():
            if found.done():
                continue
            try:
                if condition(self.world):
                    found.set_result(self.world)
                elif self.over:
                    found.set_exception(AssertionError("the event stream ended before it was so"))
            except (AssertionError, LookupError, TypeError) as wrong:
                found.set_exception(wrong)

    async def _run(self) -> None:
        try:
            async with aconnect_sse(self._http, "GET", "/events", timeout=LIMIT) as source:
                async for event in source.aiter_sse():
                    if event.event in {"snapshot", "delta"}:
                        self._heard(event.event, event.data)
        except httpx.HTTPError:
            pass  # the program ended without a word, as after kill -9
        finally:
            self.over = True
            self._look()

    def _heard(self, kind: str, text: str) -> None:
        if any(secret in text for secret in self._secrets):
            self.wrong.append("an event tells a secret")
        data = json.loads(text)
        if data["seq"] < self.world["seq"]:
            self.wrong.append(f"events go back from {self.world['seq']} to {data['seq']}")
        changed = {entry["name"]: entry for entry in data["servers"]}
        known = self.world["servers"]
        if kind == "delta" and data["names"] is None:
            gone = changed.keys() - known.keys()
            if gone:
                self.wrong.append(f"a delta tells of {gone}, and names no new server")
            changed = {**known, **changed}
        elif kind == "delta":
            gone = [name for name in data["names"] if name not in changed and name not in known]
            if gone:
                self.wrong.append(f"a delta leaves out {gone}, which were never told")
            changed = {
                name: changed.get(name, known.get(name))
                for name in data["names"]
                if name not in gone
            }
        self.world = {**data, "servers": changed}
        self._look()


class Ledger:
    """Clients whose ids collide on purpose; each request has to get its own one answer (I3)."""

    def __init__(self, base: str, key: str) -> None:
        self._base = base
        self._key = key
        self._stack = AsyncExitStack()
        self._nonces = itertools.count(1)
        self.asked = 0
        self.answered = 0
        self.failed: dict[str, int] = {}  # errors by their message's start
        self.wrong: list[str] = []

    async def close(self) -> None:
        """Close every client's connections."""
        await self._stack.aclose()

    async def client(self, path: str) -> RawClient:
        """A client of one server (``/mcp/s/NAME``) or of all (``/mcp``); its ids begin at 1."""
        http = await self._stack.enter_async_context(new_client(self._base, self._key))
        client = RawClient(http, path)
        await client.open()
        return client

    @asynccontextmanager
    async def visit(self, path: str) -> AsyncIterator[RawClient]:
        """The same for a while, with a farewell; one that was refused gets errors for its calls."""
        async with new_client(self._base, self._key) as http:
            client = RawClient(http, path)
            with suppress(httpx.HTTPError, AssertionError):
                await client.open()
            yield client
            if "mcp-session-id" in client.headers:
                with suppress(httpx.HTTPError):
                    await http.delete(path, headers=client.headers)

    async def call(self, client: RawClient, tool: str = "echo", **arguments: object) -> Json:
        """Call a tool that echoes its arguments; its one answer is entered and checked.

        At ``/mcp`` the tool is named ``SERVER:TOOL``. The whole reply is returned: a ``result``,
        or the ``error`` of a server in trouble.
        """
        nonce = f"{id(client)}/{next(self._nonces)}"
        self.asked += 1
        params: Json = {"name": tool, "arguments": {**arguments, "nonce": nonce}}
        if client.path == "/mcp":
            wanted = {"name": tool, "args": params["arguments"]}
            params = {"name": "call_tool", "arguments": wanted}
        message = client.request("tools/call", params)
        try:
            answer = await client.post(message)
        except asyncio.CancelledError:
            self.asked -= 1  # taken back: nobody waits for its answer
            raise
        except httpx.HTTPError as error:
            self._note_failure(f"{type(error).__name__}")
            return {"error": {"message": str(error), "code": 0}}
        replies = [reply for reply in _messages(answer) if "method" not in reply]
        refused = answer.status_code >= 400 and len(replies) == 1 and "error" in replies[0]
        if not refused and (len(replies) != 1 or replies[0].get("id") != message["id"]):
            ids = [reply.get("id") for reply in replies]
            self.wrong.append(f"request {message['id']} got answers to {ids}: {answer.text[:200]}")
            return {"error": {"message": "misrouted", "code": 0}}
        reply = replies[0]
        if "error" in reply:
            self._note_failure(str(reply["error"]["message"])[:90])
            return reply
        if reply["result"].get("isError"):
            self._note_failure(str(reply["result"]["content"])[:90])
            return reply
        self.answered += 1
        told = reply["result"].get("structuredContent", {}).get("arguments", {})
        if tool.endswith("echo") and told.get("nonce") != nonce:
            self.wrong.append(f"{nonce} got the answer to {told.get('nonce')}")
        return reply

    def _note_failure(self, why: str) -> None:
        self.failed[why] = self.failed.get(why, 0) + 1

    def stop(self) -> list[str]:
        """What was wrong, in words."""
        entered = self.answered + sum(self.failed.values())
        lost = self.asked - entered - len(self.wrong)
        return self.wrong + ([f"{lost} requests were never answered"] if lost > 0 else [])


def _messages(answer: httpx.Response) -> list[Json]:
    if answer.headers.get("content-type") == "text/event-stream":
        lines = answer.text.split("\n")
        return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
    try:
        told = answer.json()
    except ValueError:
        return []
    return [told]
