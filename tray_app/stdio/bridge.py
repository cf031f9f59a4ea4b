"""Carries a stdio client's messages to the engine and back, in either era, as they are.

The stateful era has one session and a stream of what belongs to no request; the stateless era
has neither, and each of its requests is a request of HTTP whose closing cancels it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

from core.protocol.codes import Code
from tray_app.stdio.http import Answer, Cut, EngineHttp, NotSent
from tray_app.stdio.marked import Marked
from tray_app.stdio.messages import (
    NULL,
    Message,
    error,
    error_in,
    events,
    is_answer_to,
    is_mismatch,
    list_changed,
    list_tools,
    listened_to,
    read,
)
from tray_app.stdio.session import JSON_HEADERS, Refused, Session, answer_in

FIRST_PATIENCE = 3.0  # seconds for an engine that nobody has seen yet
PATIENCE = 15.0  # for one that was there, and so may be about to come back
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
NOTICE_TIME = 30.0  # for the engine to take what needs no answer
LAST_ANSWERS = 10.0  # for what is being answered when the input ends
FAREWELL = 1.0
MOST_RENEWALS = 3

LISTEN = "subscriptions/listen"
STREAM_HEADERS = {"accept": "text/event-stream"}
IS_NOT_RUNNING = "MCP Proxy Tray is not running. Start it with: mcpproxy-tray"
IS_LOST = (
    "MCP Proxy Tray went away before it had answered. The request may or may not have been "
    "carried out."
)
NO_JSON = "This line is no JSON-RPC message."
TOO_LONG = "This line is longer than a message may be."


class Bridge:
    """One client's conversation at one path; ``tell`` writes a message to the client."""

    def __init__(
        self, engine: EngineHttp, path: str, tell: Callable[[bytes], Awaitable[None]]
    ) -> None:
        self._engine = engine
        self._path = path
        self._tell = tell
        self._session = Session(engine, path)
        self._marked = Marked()
        self._seen = False  # the engine has answered once
        self._running: dict[bytes, asyncio.Task[None]] = {}  # requests of the client's, by id
        self._stateless: set[bytes] = set()  # those of them that end when they are let go
        self._streaming: asyncio.Task[None] | None = None

    async def run(self, lines: AsyncIterator[bytes | None]) -> None:
        """Carry messages until the client has no more, and its last answers are written."""
        try:
            async with asyncio.TaskGroup() as tasks:
                async for line in lines:
                    await self._take(line, tasks)
                await self._last_answers()
                for task in self._running.values():
                    task.cancel()
                if self._streaming is not None:
                    self._streaming.cancel()
        finally:
            with suppress(NotSent, Cut, TimeoutError):
                async with asyncio.timeout(FAREWELL):
                    await self._session.end()
            self._engine.close()

    async def _take(self, line: bytes | None, tasks: asyncio.TaskGroup) -> None:
        message = read(line) if line is not None else None
        if message is None:
            await self._tell(error(NULL, Code.PARSE_ERROR, TOO_LONG if line is None else NO_JSON))
        elif message.is_request and message.method == "initialize":
            await self._open(message)
        elif message.is_request:
            if message.version:
                self._stateless.add(message.id)
            sent = asyncio.Event()
            task = tasks.create_task(self._answer(message, sent), name=message.method)
            self._running[message.id] = task
            task.add_done_callback(lambda done: self._forget(message.id, done))
            # Messages set out in the order they came: a cancellation after what it cancels.
            await sent.wait()
        elif message.method == "notifications/cancelled" and message.about in self._stateless:
            self._running[message.about].cancel()  # closes its connection
        else:
            await self._hand_in(message)
            if message.method == "notifications/initialized" and self._streaming is None:
                self._streaming = tasks.create_task(self._follow(), name="stream")

    def _forget(self, request_id: bytes, done: asyncio.Task[None]) -> None:
        if self._running.get(request_id) is done:
            del self._running[request_id]
            self._stateless.discard(request_id)

    async def _last_answers(self) -> None:
        waited_for = [task for task in self._running.values() if task.get_name() != LISTEN]
        if waited_for:
            await asyncio.wait(waited_for, timeout=LAST_ANSWERS)

    # --- requests -----------------------------------------------------------------------------

    async def _open(self, hello: Message) -> None:
        patience = self._patience()
        while True:
            try:
                await self._tell(await self._session.open(hello))
            except Refused as refused:
                await self._tell(refused.answer)
            except NotSent:
                if await patience():
                    continue
                await self._tell(error(hello.id, Code.SERVER_UNAVAILABLE, IS_NOT_RUNNING))
            except Cut:
                await self._tell(error(hello.id, Code.CALL_LOST, IS_LOST))
            else:
                self._seen = True
            return

    async def _answer(self, message: Message, sent: asyncio.Event) -> None:
        """Have a request answered, whatever happens; it is sent again only if nobody saw it.

        ``sent`` is set when it is on its way, or when that may take long.
        """
        try:
            await self._attempt(message, sent)
        finally:
            sent.set()

    async def _attempt(self, message: Message, sent: asyncio.Event) -> None:
        patience = self._patience()
        renewals = 0
        again = False
        while True:
            generation = self._session.generation
            try:
                if not await self._ask(message, sent, again, renewals < MOST_RENEWALS):
                    renewals += 1
                    await self._renew(generation)
                    continue
            except NotSent:
                sent.set()
                if await patience() or again:
                    continue
                await self._tell(error(message.id, Code.SERVER_UNAVAILABLE, IS_NOT_RUNNING))
            except Cut:
                if message.method == LISTEN:  # to listen again harms nobody
                    again = True
                    patience = self._patience()
                    await patience()
                    continue
                await self._tell(error(message.id, Code.CALL_LOST, IS_LOST))
            except Refused as refused:
                await self._tell(error_in(refused.answer, message.id))
            return

    async def _ask(
        self, message: Message, sent: asyncio.Event, again: bool, renewable: bool
    ) -> bool:
        """Pass the answer on; False when the session is lost and nothing was carried out."""
        known = {**JSON_HEADERS, **(message.headers or self._session.headers)}
        headers = known | (self._marked.headers(message) if message.version else {})
        async with self._engine.ask("POST", self._path, headers, message.raw, sent) as answer:
            self._seen = True
            renewable = renewable and self._session.is_open and not message.version
            if answer.status == 404 and renewable:
                await answer.body()
                return False
            if not (answer.status == 400 and message.version and message.method == "tools/call"):
                await self._pass_on(answer, message, again)
                return True
            body = await answer.body()
        # A client that kept the list of tools from an earlier time has not listed them here.
        if headers == known and is_mismatch(body) and await self._look_up(message):
            return False
        await self._tell(body if is_answer_to(body, message.id) else error_in(body, message.id))
        return True

    async def _look_up(self, call: Message) -> bool:
        """List the tools for our own sake; whether the call has to say more in headers now."""
        cursor: str | None = ""
        while cursor is not None:
            listing = list_tools(call, cursor)
            headers = {**JSON_HEADERS, **listing.headers}
            async with self._engine.ask("POST", self._path, headers, listing.raw) as answer:
                cursor = self._marked.learn(await answer_in(answer, listing.id))
        return bool(self._marked.headers(call))

    async def _pass_on(self, answer: Answer, message: Message, again: bool) -> None:
        kind = answer.header("content-type").partition(";")[0]
        if kind == "text/event-stream":
            answered = False
            async for data in events(answer.parts()):
                if is_answer_to(data, message.id):
                    answered = True
                    self._note(message, data)
                if again and not answered:
                    # The first event repeats what the client knows: that it is listened to.
                    # What changed while nobody listened cannot be known.
                    again = False
                    for kind in listened_to(message):
                        await self._tell(list_changed(kind, message.id))
                else:
                    await self._tell(data)
            if not answered:
                raise Cut
        else:
            body = await answer.body()
            if is_answer_to(body, message.id):
                self._note(message, body)
                await self._tell(body)
            elif answer.status != 202:  # a cancelled request has no answer
                await self._tell(error_in(body, message.id))

    def _note(self, message: Message, answer: bytes) -> None:
        """Keep what later messages need of this one."""
        if not message.version:
            self._session.remember(message)
        elif message.method == "tools/list":
            self._marked.learn(answer)

    async def _hand_in(self, message: Message) -> None:
        """Pass on what has no answer: a notification, or an answer to the engine's question."""
        headers = {**JSON_HEADERS, **(message.headers or self._session.headers)}
        try:
            async with (
                asyncio.timeout(NOTICE_TIME),
                self._engine.ask("POST", self._path, headers, message.raw) as answer,
            ):
                body = await answer.body()
                if answer.status >= 400:
                    _say(f"not taken: {message.method or 'an answer'}: {body.decode()[:500]}")
        except (NotSent, Cut, TimeoutError):
            _say(f"not delivered: {message.method or 'an answer'}")

    # --- the stateful era's stream -------------------------------------------------------------

    async def _follow(self) -> None:
        """Pass on what belongs to no request, for as long as there is a client."""
        pause = FIRST_PAUSE
        while True:
            generation = self._session.generation
            try:
                headers = {**STREAM_HEADERS, **self._session.headers}
                async with self._engine.ask("GET", self._path, headers) as answer:
                    if answer.status == 405:
                        return  # there is nothing that it could tell
                    if answer.status == 200:
                        pause = FIRST_PAUSE
                        async for data in events(answer.parts()):
                            await self._tell(data)
                    else:
                        await answer.body()
                        if answer.status == 404:
                            await self._renew(generation)
            except (NotSent, Cut, Refused):
                pass
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _renew(self, lost: int) -> None:
        for message in await self._session.renew(lost):
            await self._tell(message)

    def _patience(self) -> Callable[[], Awaitable[bool]]:
        """Waits before another attempt; False when it has been long enough."""
        loop = asyncio.get_running_loop()
        until = loop.time() + (PATIENCE if self._seen else FIRST_PATIENCE)
        pause = FIRST_PAUSE

        async def wait() -> bool:
            nonlocal pause
            await asyncio.sleep(pause)
            pause = min(2 * pause, 1.0)
            return loop.time() < until

        return wait


def _say(sentence: str) -> None:
    """Tell whoever reads the client's log; stdout belongs to the protocol."""
    sys.stderr.write(f"mcpproxy-tray stdio: {sentence}\n")
