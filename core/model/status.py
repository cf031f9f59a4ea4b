"""What is: the status of every server and the one immutable snapshot that everyone reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from core.model.approvals import NOTHING, Review
from core.model.config import Config, Problem, ServerName
from core.model.faults import Action, Fault
from core.model.tools import Tool


class Phase(StrEnum):
    """Where a server is in its life (spec.md §5)."""

    DISABLED = "disabled"
    CONNECTING = "connecting"
    READY = "ready"
    BACKOFF = "backoff"
    AUTH_REQUIRED = "auth_required"
    FAILED = "failed"
    STOPPING = "stopping"


class Level(StrEnum):
    """How worried a person should be."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


class AdminState(StrEnum):
    """What a person decided about the server."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """One server's state in words, computed once and shown everywhere the same."""

    level: Level
    admin_state: AdminState
    summary: str
    detail: str = ""
    action: Action = Action.NONE


@dataclass(frozen=True, slots=True)
class Concern:
    """What is not as it should be with a server that can be called; ``text`` is a sentence."""

    text: str
    action: Action = Action.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Who answered at the other end of a connection, learnt in the hand-shake."""

    name: str = ""
    version: str = ""
    protocol_version: str = ""
    pid: int | None = None
    tools: tuple[Tool, ...] = field(default=(), repr=False)
    prompt_count: int = 0
    resource_count: int = 0
    concerns: tuple[Concern, ...] = ()  # the most pressing first


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStatus:
    """One server as the world sees it. Wall-clock times are UTC and for people only."""

    name: ServerName
    phase: Phase
    health: Health
    since: datetime  # when the phase began
    rev: int = 0  # Snapshot.seq at which this status last changed; set by the store
    kind: str = "stdio"  # or "http"
    quarantined: bool = False  # nothing of it may be used before a person agrees
    attempt: int = 0  # connection attempts since it was last stable, from 1
    retry_at: datetime | None = None  # set iff phase is BACKOFF
    fault: Fault | None = None  # set iff phase is BACKOFF, AUTH_REQUIRED or FAILED
    peer: Peer | None = None  # set iff phase is READY
    review: Review = NOTHING  # what waits for a person
    offered: tuple[Tool, ...] = field(default=(), repr=False)  # what AI clients may see and call
    withheld: frozenset[str] = frozenset()  # names of the other tools

    def withholds(self, tool: str) -> bool:
        """Whether a tool must not be called: a person has not agreed to it."""
        return self.quarantined or tool in self.withheld

    @property
    def tools(self) -> tuple[Tool, ...]:
        """All it listed, approved or not."""
        return self.peer.tools if self.peer is not None else ()

    @property
    def pid(self) -> int | None:
        return self.peer.pid if self.peer is not None else None


class EnginePhase(StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """The last edit of the file was rejected; the previous configuration stays active."""

    file: str
    problems: tuple[Problem, ...]

    def __str__(self) -> str:
        more = f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else ""
        return f"{self.problems[0]}{more}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The whole world at one moment; replaced, never changed."""

    boot: str  # random per process start
    seq: int = 0  # +1 per published change
    engine: EnginePhase = EnginePhase.STARTING
    config: Config = Config()
    config_problem: ConfigProblem | None = None
    storage_problem: str = ""  # why approvals and history are not kept, as a sentence
    endpoint: str | None = None  # "http://127.0.0.1:8080/mcp" once it answers
    servers: Mapping[ServerName, ServerStatus] = field(
        default_factory=lambda: MappingProxyType({})  # in 3.11 it is no default: not hashable
    )
