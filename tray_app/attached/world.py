"""From the events of an engine elsewhere to the snapshot that the tray shows; pure.

What this version does not know of (a newer engine's phase, code or member) is shown as near as
can be, and never ends the stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from core.model.approvals import Hold, Review
from core.model.chunked import Chunked
from core.model.config import Problem, ServerName
from core.model.faults import Action, Fault, FaultCode
from core.model.notices import Notice, NoticeCode, Severity
from core.model.status import (
    AdminState,
    ConfigProblem,
    EnginePhase,
    Health,
    Level,
    Peer,
    Phase,
    ServerStatus,
    Snapshot,
)

Json = Mapping[str, Any]
E = TypeVar("E", bound=StrEnum)
NOWHERE = Snapshot(boot="", engine=EnginePhase.STARTING)


@dataclass(slots=True)
class World:
    """What is known of the engine; replaced piece by piece as events come."""

    snapshot: Snapshot = NOWHERE
    notices: list[Notice] = field(default_factory=list)  # not yet shown
    _servers: Chunked[ServerName, ServerStatus] = field(default_factory=Chunked)

    def fold(self, event: str, data: Json) -> frozenset[ServerName]:
        """Take an event of ``/events``; the servers it changed. Raises KeyError, TypeError or
        ValueError when it is not what an engine sends.
        """
        match event:
            case "snapshot":
                servers = Chunked((each.name, each) for each in map(_status, data["servers"]))
                changed = frozenset(servers) | frozenset(self._servers)
            case "delta":
                servers, changed = _folded(self._servers, data)
                self.notices += map(_notice, data["notices"])
            case "notice":
                self.notices.append(_notice(data))
                return frozenset()
            case _:
                return frozenset()
        self._servers = servers
        self.snapshot = Snapshot(
            boot=data["boot"],
            seq=data["seq"],
            engine=_member(EnginePhase, data["engine"], EnginePhase.RUNNING),
            config_problem=_config_problem(data["config_problem"]),
            storage_problem=data.get("storage_problem") or "",
            endpoint=data["endpoint"],
            servers=servers,
        )
        return changed


def _folded(
    servers: Chunked[ServerName, ServerStatus], delta: Json
) -> tuple[Chunked[ServerName, ServerStatus], frozenset[ServerName]]:
    """The servers after a delta, and whom it is about; without names they are the same ones."""
    new = [_status(each) for each in delta["servers"]]
    for status in new:
        servers = servers.put(status.name, status)
    changed = frozenset(status.name for status in new)
    if delta["names"] is None:
        return servers, changed
    names = frozenset(map(ServerName, delta["names"]))
    gone = frozenset(servers) - names
    for name in gone:
        servers = servers.without(name)
    if len(servers) != len(names):
        raise ValueError("a server is named that was never told")
    return servers, changed | gone


def unreachable(snapshot: Snapshot) -> Snapshot:
    """The same with nothing that may no longer be true: no servers, and no endpoint."""
    return Snapshot(boot=snapshot.boot, seq=snapshot.seq, engine=EnginePhase.RUNNING)


def _status(data: Json) -> ServerStatus:
    health, fault, peer = data["health"], data["fault"], data["peer"]
    return ServerStatus(
        name=ServerName(data["name"]),
        phase=_member(Phase, data["status"], Phase.CONNECTING),
        health=Health(
            level=_member(Level, health["level"], Level.DEGRADED),
            admin_state=_member(AdminState, health["admin_state"], AdminState.ENABLED),
            summary=health["summary"],
            detail=health["detail"],
            action=_member(Action, health["action"], Action.NONE),
        ),
        since=_time(data["since"]),
        rev=data["rev"],
        kind=data["kind"],
        quarantined=data["quarantined"],
        attempt=data["attempt"],
        retry_at=_time(data["retry_at"]) if data["retry_at"] is not None else None,
        fault=_fault(fault) if fault is not None else None,
        peer=_peer(peer, data["pid"]) if peer is not None else None,
        review=_review(data.get("review") or {}),
    )


def _fault(data: Json) -> Fault:
    code = _member(FaultCode, data["code"], FaultCode.INTERNAL)
    return Fault(code, data["message"], data["detail"])


def _peer(data: Json, pid: int | None) -> Peer:
    return Peer(
        name=data["name"],
        version=data["version"],
        protocol_version=data["protocol_version"],
        pid=pid,
        prompt_count=data["prompt_count"],
        resource_count=data["resource_count"],
    )


def _review(data: Json) -> Review:
    return Review(
        hold=_member(Hold, data.get("hold", ""), Hold.NONE),
        hash=data.get("hash", ""),
        pending=tuple(data.get("pending", ())),
        changed=tuple(data.get("changed", ())),
    )


def _notice(data: Json) -> Notice:
    return Notice(
        seq=data["seq"],
        at=_time(data["at"]),
        code=_member(NoticeCode, data["code"], NoticeCode.CONFIG_APPLIED),
        severity=_member(Severity, data["severity"], Severity.INFO),
        server=ServerName(data["server"]) if data["server"] is not None else None,
        args=tuple(data["args"].items()),
    )


def _config_problem(data: Json | None) -> ConfigProblem | None:
    if data is None:
        return None
    problems = (Problem(each["path"], each["message"], each["line"]) for each in data["problems"])
    return ConfigProblem(data["file"], tuple(problems))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _member(kind: type[E], value: str, otherwise: E) -> E:
    try:
        return kind(value)
    except ValueError:
        return otherwise
