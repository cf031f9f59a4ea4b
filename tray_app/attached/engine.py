"""An engine elsewhere, as the tray sees an engine: one stream of events in, requests out.

Everything happens on one thread with a loop of its own. Nothing is polled: the engine sends a
comment at least every 15 seconds, so that silence means that it, or the way to it, is gone.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from httpx_sse import EventSource, SSEError

from core.errors import EngineStopped, IntentRefused
from core.model.config import ServerName
from core.model.intents import (
    ApproveServer,
    ApproveTools,
    Intent,
    RestartServer,
    RestoreConfig,
    RetryNow,
    SetEnabled,
    SetQuarantined,
    Shutdown,
)
from core.model.status import Snapshot
from core.subscription import Slot
from tray_app import text
from tray_app.attached.world import World, unreachable

T = TypeVar("T")

CONNECT_LIMIT = 10.0  # seconds
SILENCE = 35.0  # seconds after which an engine that sends a sign of life every 15 is gone
PATIENCE = 70.0  # seconds for what is asked for to be carried out
_NOT_PERMITTED = (401, 403)
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds between two attempts to connect

log = logging.getLogger(__name__)


class AttachedEngine:
    """Implements what ``tray_app.main.Engine`` asks for. ``Shutdown`` ends only the attachment."""

    def __init__(self, url: str, key: str, silence: float = SILENCE) -> None:
        self.stopped: Future[None] = Future()
        self._url = url.rstrip("/").removesuffix("/mcp")
        self._headers = {"X-API-Key": key} if key else {}
        self._silence = silence
        self._world = World()
        self._shown = self._world.snapshot
        self.loss = text.connecting_to(url)  # why nothing is shown, while nothing is
        self._slots: list[Slot] = []
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self._http: httpx.AsyncClient | None = None
        self._last_id = ""
        self._thread = threading.Thread(target=self._run, name="attached engine", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def snapshot(self) -> Snapshot:
        return self._shown

    def subscribe(self, wake: Callable[[], object]) -> Slot:
        """Raises EngineStopped."""

        async def subscribed() -> Slot:
            slot = Slot(wake, self._shown)
            self._slots.append(slot)
            return slot

        return self._hand_over(subscribed()).result()

    def submit(self, intent: Intent) -> Future[int]:
        """The future holds the sequence number, or IntentRefused. Raises EngineStopped."""
        return self._hand_over(self._ask(intent))

    def _hand_over(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        if self.stopped.done():
            work.close()
            raise EngineStopped("The tray is no longer attached.")
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    # --- on the thread ------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._follow())
        finally:
            self.stopped.set_result(None)

    async def _follow(self) -> None:
        """Follow the engine, over every loss of it, until told to end."""
        timeout = httpx.Timeout(PATIENCE, connect=CONNECT_LIMIT)
        async with httpx.AsyncClient(
            base_url=self._url, headers=self._headers, timeout=timeout
        ) as self._http:
            following = asyncio.create_task(self._keep_listening(self._http), name="events")
            await self._ending.wait()
            following.cancel()
            await asyncio.wait([following])
            for slot in self._slots:
                slot.close()

    async def _keep_listening(self, http: httpx.AsyncClient) -> None:
        pause = FIRST_PAUSE
        while True:
            seq = self._world.snapshot.seq
            try:
                await self._listen(http)
                why = "it ended the stream"
                self.loss = text.no_answer_from(self._url)
            except httpx.HTTPStatusError as error:
                why = str(error)
                refused = error.response.status_code in _NOT_PERMITTED
                self.loss = (text.key_refused_by if refused else text.no_engine_at)(self._url)
            except (httpx.HTTPError, SSEError) as error:
                why = str(error) or type(error).__name__
                self.loss = text.no_answer_from(self._url)
            except (KeyError, TypeError, ValueError) as error:
                why = f"what it sends is not what an engine sends ({error!r})"
                self._last_id = ""
                self.loss = text.no_engine_at(self._url)
            if self._world.snapshot.seq != seq:
                pause = FIRST_PAUSE
            log.warning("engine lost", extra={"fields": {"url": self._url, "why": why}})
            self._show(unreachable(self._world.snapshot), frozenset(self._shown.servers))
            # Nobody but a timer can say when an address answers again.
            await asyncio.sleep(pause * (0.75 + secrets.randbelow(500) / 1000))
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _listen(self, http: httpx.AsyncClient) -> None:
        """Take one stream of events to its end. Raises httpx.HTTPError, SSEError, ValueError…"""
        headers = {"Accept": "text/event-stream"}
        if self._last_id:
            headers["Last-Event-ID"] = self._last_id
        timeout = httpx.Timeout(self._silence, connect=CONNECT_LIMIT)
        async with http.stream("GET", "/events", headers=headers, timeout=timeout) as answer:
            answer.raise_for_status()
            async for event in EventSource(answer).aiter_sse():
                changed = self._world.fold(event.event, json.loads(event.data))
                self._last_id = event.id
                self._show(self._world.snapshot, changed)

    def _show(self, snapshot: Snapshot, changed: frozenset[ServerName]) -> None:
        notices, self._world.notices = self._world.notices, []
        self._shown = snapshot
        self._slots = [slot for slot in self._slots if not slot.closed]
        for slot in self._slots:
            slot.offer(snapshot, changed)
            for notice in notices:
                slot.offer(snapshot, notice=notice)

    async def _ask(self, intent: Intent) -> int:
        if isinstance(intent, Shutdown):
            self._ending.set()
            return self._shown.seq
        path, body = _request(intent)
        assert self._http is not None
        try:
            answer = await self._http.post(path, json=body)
            told = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            why = str(error) or type(error).__name__
            raise IntentRefused(f"The engine at {self._url} did not answer: {why}.") from error
        if not told.get("success"):
            raise IntentRefused(str(told["error"]["message"]))
        return int(told["data"].get("accepted_at_seq", self._shown.seq))


def _request(intent: Intent) -> tuple[str, object]:
    """The request that asks for it. Raises IntentRefused."""
    match intent:
        case RestartServer(name) | RetryNow(name):
            verb = "restart"
        case SetEnabled(name, enabled):
            verb = "enable" if enabled else "disable"
        case RestoreConfig():
            return "/api/v1/config/restore", None
        case SetQuarantined(name, quarantined):
            verb = "quarantine" if quarantined else "unquarantine"
        case ApproveTools(name, seen):
            tools = [{"name": tool, "hash": hash_} for tool, hash_ in seen]
            return _path(name, "tools/approve"), {"tools": tools}
        case ApproveServer(name, seen):
            return _path(name, "tools/approve"), {"hash": seen}
        case _:
            raise IntentRefused("This can only be asked for where the engine runs.")
    return _path(name, verb), None


def _path(name: ServerName, verb: str) -> str:
    return f"/api/v1/servers/{quote(name, safe='')}/{verb}"
