"""Routes about logs: a server's last lines, every later one as it is written, and the levels."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

import msgspec

from core.errors import UnknownServer
from core.model.config import ServerName
from core.model.status import Snapshot
from core.ports import Door
from core.telemetry.levels import LEVELS, UnknownLogger
from core.telemetry.logfile import tail
from core.telemetry.logging import Logs
from core.web.body import read_json
from core.web.exchange import Request, Response
from core.web.replies import Refused, success
from core.web.site import Site

LOG_LINES = 200  # when the caller does not say
MOST_LOG_LINES = 5000
MOST_LOG_BYTES = 2 * 1024 * 1024
HEARTBEAT = 15.0  # seconds of silence before a comment
DEFAULT = "default"  # takes back what was set


QUERY = {
    "tail": f"How many of the last lines, {LOG_LINES} unless said, {MOST_LOG_LINES} at most.",
    "follow": "1: stream events, lines (a list of texts), dropped (a number) and bye.",
}


class LogData(msgspec.Struct, frozen=True):
    server: str
    lines: list[str]


class LevelsData(msgspec.Struct, frozen=True):
    """``level`` is the config file's; ``loggers`` what was set since, by name."""

    level: str
    loggers: dict[str, str]


class LevelChange(msgspec.Struct, frozen=True):
    """``level`` may be ``default``; without ``logger`` it is meant for all of the program's."""

    level: str
    logger: str | None = None


async def server_log(site: Site, request: Request) -> Response:
    name = request.params["name"]
    slug = _slug(site.door.snapshot, name)
    count = _lines_asked_for(request.query.get("tail"))
    if request.query.get("follow") in {"", "1", "true"}:
        return Response(
            200,
            _Following(site.door, site.logs).stream(slug, count),
            b"text/event-stream",
            ((b"cache-control", b"no-store"),),
        )
    path = site.logs.server_log_path(slug)
    try:
        lines = await asyncio.to_thread(tail, path, count, MOST_LOG_BYTES)
    except OSError as error:
        raise Refused(
            500, "log_unreadable", f"{path} cannot be read: {error.strerror or error}."
        ) from error
    return success(LogData(name, lines))


async def levels(site: Site, _: Request) -> Response:
    return success(LevelsData(site.logs.levels.configured, dict(site.logs.levels.changed)))


async def change_level(site: Site, request: Request) -> Response:
    change = await read_json(request, LevelChange)
    level = None if change.level == DEFAULT else change.level.lower()
    try:
        site.logs.levels.change(level, change.logger)
    except KeyError:
        known = ", ".join((*LEVELS, DEFAULT))
        raise Refused(400, "bad_request", f"level must be one of {known}.") from None
    except UnknownLogger:
        raise Refused(
            404,
            "unknown_logger",
            f"Nothing logs under the name {change.logger!r}. Names look like core.gateway.",
        ) from None
    return await levels(site, request)


class _Following:
    """One client that follows one log; a client that does not read loses the oldest lines."""

    def __init__(self, door: Door, logs: Logs) -> None:
        self._door = door
        self._logs = logs
        self._loop = asyncio.get_running_loop()
        self._lines: list[str] = []
        self._dropped = 0
        self._filled = asyncio.Event()

    async def stream(self, slug: str, count: int) -> AsyncGenerator[bytes, None]:
        """Events ``lines`` (a list), ``dropped`` (a number), and ``bye`` when the engine stops."""
        changes = self._door.subscribe(self._filled.set)
        follower = self._logs.follow(slug, count, MOST_LOG_BYTES, self._deliver)
        try:
            while True:
                self._filled.clear()
                changes.take()
                dropped, self._dropped = self._dropped, 0
                if dropped:
                    yield _event(b"dropped", dropped)
                lines, self._lines = self._lines, []
                if lines:
                    yield _event(b"lines", lines)
                elif changes.closed:
                    yield _event(b"bye", None)
                    return
                try:
                    async with asyncio.timeout(HEARTBEAT):
                        await self._filled.wait()
                except TimeoutError:
                    yield b":\n\n"
        finally:
            self._logs.leave(follower)
            changes.close()

    def _deliver(self, lines: list[str]) -> None:
        with suppress(RuntimeError):  # the loop is closed, so nobody follows any more
            self._loop.call_soon_threadsafe(self._take, lines)

    def _take(self, lines: list[str]) -> None:
        self._lines += lines
        excess = len(self._lines) - MOST_LOG_LINES
        if excess > 0:
            del self._lines[:excess]
            self._dropped += excess
        self._filled.set()


def _event(kind: bytes, data: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind, msgspec.json.encode(data))


def _slug(snapshot: Snapshot, name: str) -> str:
    entry = snapshot.config.servers.get(ServerName(name))
    if entry is None:
        raise Refused(404, "unknown_server", str(UnknownServer(name, snapshot.config.servers)))
    return entry.slug


def _lines_asked_for(text: str | None) -> int:
    if text is None:
        return LOG_LINES
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:6]) <= MOST_LOG_LINES):
        raise Refused(400, "bad_request", f"tail is a number of lines from 1 to {MOST_LOG_LINES}.")
    return int(text[:6])
