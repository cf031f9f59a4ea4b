"""The servers as JSON, each encoded once for as long as it stays as it is."""

from __future__ import annotations

import msgspec

from core.model.config import ServerConfig, ServerName
from core.model.status import ServerStatus, Snapshot
from core.web import wire

_Kept = tuple[ServerStatus, ServerConfig | None, msgspec.Raw]


class EncodedServers:
    """Of a thousand servers few change between two askings: the list is a joining of bytes."""

    def __init__(self) -> None:
        self._kept: dict[ServerName, _Kept] = {}

    def all(self, snapshot: Snapshot) -> tuple[msgspec.Raw, ...]:
        """What ``wire.server_json`` makes of each, encoded."""
        kept, self._kept = self._kept, {}
        for name, status in snapshot.servers.items():
            entry, known = snapshot.config.servers.get(name), kept.get(name)
            # Parts of a snapshot are replaced and never edited: the same object says the same.
            if known is None or known[0] is not status or known[1] is not entry:
                shown = wire.server_json(status, snapshot.config)
                known = (status, entry, msgspec.Raw(msgspec.json.encode(shown)))
            self._kept[name] = known
        return tuple(raw for _, _, raw in self._kept.values())
