"""The servers as JSON, each encoded once for as long as it stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from core.model.chunked import chunks
from core.model.config import ServerConfig, ServerName
from core.model.status import ServerStatus, Snapshot
from core.web import wire

_Kept = tuple[ServerStatus, ServerConfig | None, bytes]
_Configs = Mapping[ServerName, ServerConfig]


@dataclass(frozen=True, slots=True)
class _Piece:
    """One chunk of the servers, encoded with these entries of the config file.

    ``encoded`` has commas between them: such pieces are the items of a list as they are.
    """

    statuses: Mapping[ServerName, ServerStatus] = field(default_factory=dict)
    configs: _Configs = field(default_factory=dict)
    kept: Mapping[ServerName, _Kept] = field(default_factory=dict)
    encoded: msgspec.Raw = field(default_factory=msgspec.Raw)


class EncodedServers:
    """Of a thousand servers few change between two askings: the list is a joining of bytes."""

    def __init__(self) -> None:
        self._pieces: list[_Piece] = []

    def all(self, snapshot: Snapshot) -> tuple[msgspec.Raw, ...]:
        """What ``wire.server_json`` makes of each, encoded; several may be one item.

        Not joined here: half a megabyte that is copied once more costs as much as all the rest.
        """
        known, configs = self._pieces, snapshot.config.servers
        self._pieces = []
        for place, statuses in enumerate(chunks(snapshot.servers)):
            piece = known[place] if place < len(known) else _Piece()
            # Parts of a snapshot are replaced and never edited: the same object says the same.
            if piece.statuses is not statuses or piece.configs is not configs:
                piece = _encoded(piece, statuses, snapshot)
            self._pieces.append(piece)
        return tuple(piece.encoded for piece in self._pieces if piece.kept)


def _encoded(
    before: _Piece, statuses: Mapping[ServerName, ServerStatus], snapshot: Snapshot
) -> _Piece:
    configs = snapshot.config.servers
    kept: dict[ServerName, _Kept] = {}
    for name, status in statuses.items():
        entry, known = configs.get(name), before.kept.get(name)
        if known is None or known[0] is not status or known[1] is not entry:
            known = status, entry, msgspec.json.encode(wire.server_json(status, snapshot.config))
        kept[name] = known
    joined = b",".join(encoded for _, _, encoded in kept.values())
    return _Piece(statuses, configs, kept, msgspec.Raw(joined))
