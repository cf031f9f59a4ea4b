"""``GET /events``: the world, then what changes, as server-sent events (WHATWG HTML §9.2).

Resuming is a filter over the present snapshot, not a log to replay, so it is never too late.
Each event is complete for its id: whoever has seen it has seen everything up to there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import msgspec

from core.model.status import Snapshot
from core.ports import Batch, Door
from core.web import wire

HEARTBEAT = 15.0  # seconds of silence before a comment, so that middlemen keep the connection
RETRY = 2000  # milliseconds a client waits before it connects again

_NEVER = -1  # the seq of a client that has seen nothing of this process


class Events:
    """Streams of what happens, one per client.

    ``clients`` counts those that listen, ``dropped`` the notices that slow ones did not get.
    """

    def __init__(self, door: Door, heartbeat: float = HEARTBEAT) -> None:
        self.clients = 0
        self.dropped = 0
        self._door = door
        self._heartbeat = heartbeat
        # Clients that keep up all want the same delta: it is encoded once.
        self._newest: tuple[int, int] = (_NEVER, _NEVER)
        self._encoded = b""

    async def stream(self, last_event_id: str) -> AsyncGenerator[bytes, None]:
        """Events from where ``last_event_id`` left off, until the engine stops."""
        filled = asyncio.Event()
        subscription = self._door.subscribe(filled.set)
        self.clients += 1
        try:
            shown = self._door.snapshot
            subscription.take()  # the first take is the world just read
            yield b"retry: %d\n" % RETRY + self._first(shown, last_event_id)
            while True:
                filled.clear()
                batch = subscription.take()
                if batch is not None:
                    self.dropped += batch.dropped
                    for event in self._next(shown, batch):
                        yield event
                    shown = batch.snapshot
                elif subscription.closed:
                    yield _event("bye", shown, shown.seq, b"{}")
                    return
                else:
                    try:
                        async with asyncio.timeout(self._heartbeat):
                            await filled.wait()
                    except TimeoutError:
                        yield b":\n\n"
        finally:
            self.clients -= 1
            subscription.close()

    def _first(self, snapshot: Snapshot, last_event_id: str) -> bytes:
        since = _resume_from(last_event_id, snapshot)
        if since == _NEVER:
            return _event("snapshot", snapshot, snapshot.seq, _json(wire.snapshot_json(snapshot)))
        changed = [status for status in snapshot.servers.values() if status.rev > since]
        told = self._door.notices_since(since)
        return _delta(snapshot, wire.delta_json(snapshot, since, changed, snapshot.servers, *told))

    def _next(self, shown: Snapshot, batch: Batch) -> list[bytes]:
        snapshot = batch.snapshot
        if batch.dropped or not _same_world(shown, snapshot):
            if batch.notices or batch.dropped:
                return [_since(shown, batch)]
            if self._newest != (shown.seq, snapshot.seq):
                self._newest = (shown.seq, snapshot.seq)
                self._encoded = _since(shown, batch)
            return [self._encoded]
        return [
            _event("notice", snapshot, notice.seq, _json(wire.notice_json(notice)))
            for notice in batch.notices
        ]


def _resume_from(last_event_id: str, snapshot: Snapshot) -> int:
    boot, _, seq = last_event_id.rpartition(".")
    if boot != snapshot.boot or not (seq.isascii() and seq.isdecimal()) or len(seq) > 18:
        return _NEVER
    return int(seq) if int(seq) <= snapshot.seq else _NEVER


def _same_world(one: Snapshot, other: Snapshot) -> bool:
    """Whether only notices lie between the two; parts of a snapshot are replaced, never edited."""
    return (
        one.servers is other.servers
        and one.config is other.config
        and one.config_problem is other.config_problem
        and one.storage_problem == other.storage_problem
        and one.engine is other.engine
        and one.endpoint == other.endpoint
    )


def _since(shown: Snapshot, batch: Batch) -> bytes:
    """What lies between the two; it costs what has changed, and not what there is."""
    snapshot = batch.snapshot
    before, now = shown.servers, snapshot.servers
    changed = [now[name] for name in sorted(batch.changed) if name in now]
    same = all((name in before) is (name in now) for name in batch.changed)
    names = None if same else now
    return _delta(
        snapshot,
        wire.delta_json(snapshot, shown.seq, changed, names, batch.notices, batch.dropped),
    )


def _delta(snapshot: Snapshot, delta: wire.DeltaJson) -> bytes:
    return _event("delta", snapshot, snapshot.seq, _json(delta))


def _json(shape: msgspec.Struct) -> bytes:
    return msgspec.json.encode(shape)


def _event(kind: str, snapshot: Snapshot, seq: int, data: bytes) -> bytes:
    # JSON has no raw line breaks, so one data line is enough.
    return f"id: {snapshot.boot}.{seq}\nevent: {kind}\ndata: ".encode() + data + b"\n\n"
