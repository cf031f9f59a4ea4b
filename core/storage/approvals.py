"""What a person agreed to, in memory for judging at once and in the database for keeping.

What somebody writes into the config file by hand is taken over as first seen, under the name of
the server and what it runs. What comes otherwise says "quarantined": true in the file and waits;
a person's word on it is bound to what it runs. Where nothing is known for certain, nothing is
approved.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import TYPE_CHECKING

from core.approval.canonical import digest, launch_hash, tool_hash
from core.approval.judging import Accepted, Look, accepted, at_first_sight, compare, review
from core.errors import NotAsSeen, NotKept, StorageFailed
from core.model.approvals import Hold, Judgement, Review
from core.model.config import ServerConfig, ServerName
from core.model.tools import Flag, Standing, Tool
from core.storage import rows
from core.storage.database import Database

if TYPE_CHECKING:
    pass

if TYPE_CHECKING:
    pass

MOST_READ = 50_000  # tools whose flags are remembered
READ_AT_ONCE = 512 * 1024  # bytes of tools whose words are read between two turns of the loop
RETRY_AFTER = 5.0  # seconds until what could not be read or written is tried again

log = logging.getLogger(__name__)

_Key = tuple[str, str]  # a server's name, and the hash of what its entry runs


@dataclass(slots=True)
class _Known:
    """What was agreed to of one server as it runs."""

    consented: bool  # a person agreed to the entry itself
    settled: bool = True  # its tools were seen, so that others than these are new
    tools: dict[str, Accepted] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Judged:
    """The last judgement of a server, and of what."""

    config: ServerConfig
    tools: tuple[Tool, ...] | None
    judgement: Judgement


class ApprovalBook:
    """Implements ``core.ports.Approvals``; on the event loop only.

    ``enabled``: whether the config file wants approvals at all. ``configured``: the servers in
    the file, which count as known when the database was lost.
    """

    def __init__(
        self,
        database: Database,
        enabled: Callable[[], bool],
        configured: Callable[[], Iterable[ServerConfig]],
    ) -> None:
        self._database = database
        self._enabled = enabled
        self._configured = configured
        self._read = False
        self._known: dict[_Key, _Known] = {}
        self._judged: dict[str, _Judged] = {}
        self._flags: dict[bytes, tuple[Flag, ...]] = {}  # of long lists, by the tool's bytes
        self._reading: set[str] = set()  # servers whose list a thread reads
        self._changed: Callable[[ServerName | None], object] = lambda _: None
        self._unwritten: list[rows.Seen] = []  # what must be kept, and could not be yet
        self._retry: asyncio.TimerHandle | None = None
        self._reread: asyncio.TimerHandle | None = None
        self._was_enabled = True

    def on_change(self, changed: Callable[[ServerName | None], object]) -> None:
        self._changed = changed

    async def load(self, limit: float) -> None:
        """Read what was agreed to; after ``limit`` seconds it goes on by itself."""
        reading = self._begin_to_read()
        await asyncio.wait([reading], timeout=limit)

    def lost(self) -> None:
        """The database was damaged: nobody agreed to anything that is configured now."""
        self._known = {}
        self._unwritten = []
        self._read = True
        marks = []
        for config in self._configured():
            marks.append(rows.Seen(config.name, launch_hash(config), False, ()))
            self._known[config.name, launch_hash(config)] = _Known(consented=False)
        self._note(*marks)
        self._look_again(None)

    # --- judging ------------------------------------------------------------------------------

    def judge(self, config: ServerConfig, tools: tuple[Tool, ...] | None) -> Judgement:
        if self._enabled() is not self._was_enabled:
            self._was_enabled = not self._was_enabled
            self._judged.clear()
        last = self._judged.get(config.name)
        if last is not None and last.tools is tools and last.config is config:
            return last.judgement
        judgement = self._judge(config, tools)
        self._judged[config.name] = _Judged(config, tools, judgement)
        return judgement

    def _judge(self, config: ServerConfig, tools: tuple[Tool, ...] | None) -> Judgement:
        offered = tuple(tool for tool in tools or () if config.permits(tool.name))
        barred = frozenset(tool.name for tool in tools or ()) - {tool.name for tool in offered}
        if not self._enabled():
            hold = Hold.ASKED if config.quarantined else Hold.NONE
            asked = review(hold, launch_hash(config), offered)
            return _judgement(tools, offered, asked, barred)
        launch = launch_hash(config)
        if not self._read:
            held = Hold.ASKED if config.quarantined else Hold.NONE
            return _unread(tools, offered, barred, held)
        hold = self._hold(config, launch)
        known = self._known.get((config.name, launch))
        look = self._look(config.name, offered, known)
        if look is None:
            return _unread(tools, offered, barred, hold)
        seen = known is not None and known.settled
        if not seen and hold is Hold.NONE and tools is not None:
            shown, agreed = at_first_sight(offered, look)
            consented = known is not None and known.consented
            self._known[config.name, launch] = _Known(consented, tools=agreed)
            kept = tuple(_row(tool, agreed[tool.name]) for tool in offered if tool.name in agreed)
            self._note(rows.Seen(config.name, launch, False, kept))
        else:
            shown = compare(offered, known.tools if known is not None else {}, look)
        return _judgement(tools, shown, review(hold, launch, shown), barred)

    def _look(self, name: str, tools: Sequence[Tool], known: _Known | None) -> Look | None:
        """What finds suspicious words in tools; None while a thread still reads very many."""
        agreed = known.tools if known is not None else {}
        # Asked for only when something is read: of a thousand servers that is seldom.
        others = cache(partial(self._tools_of_others, name))
        new = [
            tool
            for tool in tools
            if (mark := digest(tool.raw)) not in self._flags
            and not (tool.name in agreed and agreed[tool.name].digest == mark)
        ]
        if sum(len(tool.raw) for tool in new) > READ_AT_ONCE:
            self._read_aside(name, new, others())
            return None

        def look(tool: Tool) -> tuple[Flag, ...]:
            found = self._flags.get(digest(tool.raw))
            return found if found is not None else _flags(tool, others())

        return look

    def _read_aside(self, name: str, tools: Sequence[Tool], others: Mapping[str, str]) -> None:
        if name in self._reading:
            return
        self._reading.add(name)

        def work() -> dict[bytes, tuple[Flag, ...]]:
            return {digest(each.raw): _flags(each, others) for each in tools}

        def done(found: asyncio.Future[dict[bytes, tuple[Flag, ...]]]) -> None:
            self._reading.discard(name)
            if not found.cancelled() and found.exception() is None:
                if len(self._flags) > MOST_READ:
                    self._flags.clear()
                self._flags.update(found.result())
                self._look_again(ServerName(name))

        asyncio.get_running_loop().run_in_executor(None, work).add_done_callback(done)

    def _hold(self, config: ServerConfig, launch: str) -> Hold:
        if config.quarantined:
            return Hold.ASKED
        if (config.name, launch) in self._known:
            return Hold.NONE
        consented = any(
            known.consented for (name, _), known in self._known.items() if name == config.name
        )
        return Hold.ALTERED if consented else Hold.NONE

    def _tools_of_others(self, name: str) -> dict[str, str]:
        return {
            tool.name: other
            for other, judged in self._judged.items()
            if other != name
            for tool in judged.tools or ()
        }

    # --- agreeing -----------------------------------------------------------------------------

    async def approve_tools(
        self, config: ServerConfig, tools: tuple[Tool, ...], seen: Mapping[str, str]
    ) -> None:
        offered = {tool.name: tool for tool in tools}
        for name, named in seen.items():
            if name not in offered or tool_hash(offered[name].raw) != named:
                raise NotAsSeen(_not_as_seen(config.name, name))
        await self._agree(config, [offered[name] for name in seen], consented=False)

    async def approve_server(
        self, config: ServerConfig, tools: tuple[Tool, ...] | None, seen: str
    ) -> None:
        self._ready_to_agree()
        review = self.judge(config, tools).review
        if review.hash != seen or not seen:
            raise NotAsSeen(_not_as_seen(config.name))
        await self._agree(config, tools, consented=review.quarantined)

    async def release(self, config: ServerConfig, tools: tuple[Tool, ...] | None) -> None:
        clean = [tool for tool in self.judge(config, tools).tools if not tool.flags]
        await self._agree(config, clean if tools is not None else None, consented=True)

    async def _agree(
        self, config: ServerConfig, tools: Sequence[Tool] | None, *, consented: bool
    ) -> None:
        """``tools`` is None where they could not be seen: then they are at first sight."""
        self._ready_to_agree()
        launch = launch_hash(config)
        settled = tools is not None
        agreed = {tool.name: accepted(tool) for tool in tools or ()}
        kept = tuple(_row(tool, agreed[tool.name]) for tool in tools or ())
        seen = rows.Seen(config.name, launch, consented, kept, by_person=True, settled=settled)
        try:
            await self._database.do("approve", lambda db: rows.write(db, [seen]), writes=True)
        except StorageFailed as failed:
            raise NotKept(f"The approval does not count, as it cannot be kept. {failed}") from None
        known = self._known.setdefault((config.name, launch), _Known(consented, settled))
        known.consented = known.consented or consented
        known.settled = known.settled or settled
        known.tools.update(agreed)
        log.info(
            "approved",
            extra={"fields": {"server": config.name, "tools": len(agreed), "entry": consented}},
        )
        self._look_again(config.name)

    def _ready_to_agree(self) -> None:
        if not self._read:
            raise NotKept(
                f"What was approved earlier cannot be read just now. {self._database.trouble}"
            )

    def _look_again(self, name: ServerName | None) -> None:
        if name is None:
            self._judged.clear()
        else:
            self._judged.pop(name, None)
        self._changed(name)

    async def approved_raw(self, config: ServerConfig, tool: str) -> bytes | None:
        """The entry of a tool as it was agreed to. Raises StorageFailed."""
        launch = launch_hash(config)
        return await self._database.do(
            "read", lambda db: rows.raw_of(db, config.name, launch, tool), writes=False
        )

    # --- keeping ------------------------------------------------------------------------------

    def _begin_to_read(self) -> asyncio.Future[rows.Book]:
        reading = self._database.do("load", rows.read, writes=False)
        reading.add_done_callback(self._have_read)
        return reading

    def _have_read(self, reading: asyncio.Future[rows.Book]) -> None:
        if reading.cancelled() or self._read:
            return
        failure = reading.exception()
        if isinstance(failure, StorageFailed) and failure.nothing_kept:
            book = rows.Book()
        elif failure is not None:
            self._reread = asyncio.get_running_loop().call_later(RETRY_AFTER, self._begin_to_read)
            return
        else:
            book = reading.result()
        for name, launch, consented, settled in book.servers:
            self._known[name, launch] = _Known(consented, settled)
        for name, launch, tool, named, mark in book.tools:
            if (name, launch) in self._known:
                self._known[name, launch].tools[tool] = Accepted(named, mark)
        self._read = True
        self._look_again(None)

    def _note(self, *seen: rows.Seen) -> None:
        """Have it written, or as soon as that is possible; until then it counts for this run.

        Somebody whose disk is full is still served; what a server changes meanwhile is noticed.
        """
        self._unwritten += seen
        if self._retry is None:
            self._write()

    def _write(self) -> None:
        self._retry = None
        batch, self._unwritten = self._unwritten, []
        writing = self._database.do("baseline", lambda db: rows.write(db, batch), writes=True)

        def written(done: asyncio.Future[None]) -> None:
            if done.cancelled() or done.exception() is None:
                return
            self._unwritten = [*batch, *self._unwritten]
            if self._retry is None:
                loop = asyncio.get_running_loop()
                self._retry = loop.call_later(RETRY_AFTER, self._write)

        writing.add_done_callback(written)

    def close(self) -> None:
        """Nothing is tried again from now on."""
        for timer in (self._retry, self._reread):
            if timer is not None:
                timer.cancel()


def _flags(tool: Tool, others: Mapping[str, str]) -> tuple[Flag, ...]:
    # Its many patterns take longer to compile than a start may; servers come after the start.
    from core.approval.rules import flags

    return flags(tool.name, tool.raw, others)


def _unread(
    tools: tuple[Tool, ...] | None, offered: tuple[Tool, ...], barred: frozenset[str], hold: Hold
) -> Judgement:
    """Nothing is approved before it is known what was, and what the tools say."""
    shown = tuple(replace(tool, standing=Standing.PENDING) for tool in offered)
    unread = Review(hold=hold, pending=tuple(tool.name for tool in offered), unread=True)
    return _judgement(tools, shown, unread, barred)


def _judgement(
    listed: tuple[Tool, ...] | None,
    judged: tuple[Tool, ...],
    review: Review,
    barred: frozenset[str],
) -> Judgement:
    """``listed`` with the standings of ``judged``; ``barred`` are switched off in the file."""
    listed = listed or ()
    standing = {tool.name: tool for tool in judged}
    tools = tuple(standing.get(tool.name, tool) for tool in listed)
    if all(now is before for now, before in zip(tools, listed, strict=True)):
        tools = listed  # the same object, so that nobody has to look at it again
    if not barred:
        return Judgement.of(tools, review)
    usable = Judgement.of(judged, review)
    return Judgement(tools, review, usable.offered, usable.withheld | barred)


def _row(tool: Tool, agreed: Accepted) -> rows.SeenTool:
    return rows.SeenTool(tool.name, agreed.hash, agreed.digest, tool.raw)


def _not_as_seen(server: str, tool: str = "") -> str:
    what = f"The tool {tool!r} of {server}" if tool else f"What waits for approval at {server}"
    return f"{what} is no longer what you saw. Look at it again, then approve it."
