"""From the events of an engine elsewhere to the snapshot that the tray shows; pure.

What this version does not know of (a newer engine's phase, code or member) is shown as near as
can be, and never ends the stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeVar

from core.model.approvals import Hold, Review
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

    def fold(self, event: str, data: Json) -> frozenset[ServerName]:
        """Take an event of ``/events``; the servers it changed. Raises KeyError, TypeError or
        ValueError when it is not what an engine sends.
        """
        match event:
            case "snapshot":
                servers = {ServerName(each["name"]): _status(each) for each in data["servers"]}
                changed = frozenset(servers) | frozenset(self.snapshot.servers)
            case "delta":
                new = {ServerName(each["name"]): _status(each) for each in data["servers"]}
                names = [ServerName(name) for name in data["names"]]
                known = {**self.snapshot.servers, **new}
                servers = {name: known[name] for name in names}
                changed = frozenset(new) | (frozenset(self.snapshot.servers) - frozenset(servers))
                self.notices += map(_notice, data["notices"])
            case "notice":
                self.notices.append(_notice(data))
                return frozenset()
            case _:
                return frozenset()
        self.snapshot = Snapshot(
            boot=data["boot"],
            seq=data["seq"],
            engine=_member(EnginePhase, data["engine"], EnginePhase.RUNNING),
            config_problem=_config_problem(data["config_problem"]),
            storage_problem=data.get("storage_problem") or "",
            endpoint=data["endpoint"],
            servers=MappingProxyType(servers),
        )
        return changed


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
