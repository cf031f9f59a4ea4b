"""The JSON shapes that leave the program, and the only conversions into them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import msgspec

from core.model.approvals import Review
from core.model.chunked import of_each_chunk
from core.model.config import Config, Http, ServerName, Setting, Stdio
from core.model.faults import Fault
from core.model.findings import Finding
from core.model.headline import headline
from core.model.intents import RestartServer, SetEnabled, allowed
from core.model.masks import MASK, masked_url
from core.model.notices import Notice
from core.model.status import (
    AdminState,
    ConfigProblem,
    Health,
    Peer,
    Phase,
    ServerStatus,
    Snapshot,
)


class HealthJson(msgspec.Struct, frozen=True):
    level: str
    admin_state: str
    summary: str
    detail: str
    action: str


class FaultJson(msgspec.Struct, frozen=True):
    code: str
    kind: str
    message: str
    detail: str
    action: str


class PeerJson(msgspec.Struct, frozen=True):
    name: str
    version: str
    protocol_version: str
    prompt_count: int
    resource_count: int


class ReviewJson(msgspec.Struct, frozen=True):
    """What waits for a person; ``hash`` names exactly this, and approving it repeats it."""

    hash: str
    hold: str
    pending: tuple[str, ...]
    changed: tuple[str, ...]


class StatusJson(msgspec.Struct, frozen=True, kw_only=True):
    """What a server is. Times are UTC; ``rev`` is the ``seq`` at which it last changed.

    ``may`` names what makes sense now: ``restart``, ``enable``, ``disable``.
    """

    name: str
    kind: str
    status: str
    since: datetime
    health: HealthJson
    quarantined: bool
    tool_count: int
    pid: int | None
    attempt: int
    retry_at: datetime | None
    fault: FaultJson | None
    peer: PeerJson | None
    review: ReviewJson
    may: tuple[str, ...]
    rev: int


class ServerJson(StatusJson, frozen=True, kw_only=True):
    """What a server is and what its entry in the config file says, secrets masked."""

    enabled: bool
    protocol: str
    enabled_tools: tuple[str, ...] = ()
    disabled_tools: tuple[str, ...] = ()
    command: str | None = None
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    working_dir: str | None = None
    url: str | None = None
    headers: dict[str, str] = {}


class ProblemJson(msgspec.Struct, frozen=True):
    path: str
    message: str
    line: int | None


class ConfigProblemJson(msgspec.Struct, frozen=True):
    file: str
    problems: tuple[ProblemJson, ...]


class NoticeJson(msgspec.Struct, frozen=True):
    seq: int
    at: datetime
    code: str
    severity: str
    server: str | None
    args: dict[str, str]


class SnapshotJson(msgspec.Struct, frozen=True, kw_only=True):
    """The world at ``seq`` of the process ``boot``; the ``snapshot`` event.

    ``summary`` is the tray's first line.
    """

    boot: str
    seq: int
    engine: str
    summary: str
    paused: bool
    endpoint: str | None
    config_revision: int
    config_problem: ConfigProblemJson | None
    storage_problem: str
    servers: tuple[StatusJson, ...]


class DeltaJson(SnapshotJson, frozen=True, kw_only=True):
    """What is new since ``since``: ``servers`` are the changed ones, ``names`` all there are.

    ``names`` is null when they are the same as then: of ten thousand servers one event is small.
    """

    since: int
    names: tuple[str, ...] | None
    notices: tuple[NoticeJson, ...]
    dropped: int


class StatsJson(msgspec.Struct, frozen=True):
    """Counts over all servers; ``states`` has every phase, ``summary`` is the tray's first line."""

    summary: str
    total_servers: int
    connected_servers: int
    quarantined_servers: int
    total_tools: int
    states: dict[str, int]


class FindingJson(msgspec.Struct, frozen=True):
    check: str
    level: str
    server: str | None
    code: str | None
    what: str
    why: str
    fix: str


class DiagnosticsJson(msgspec.Struct, frozen=True):
    """What the doctor found; ``wrong`` counts the warnings and errors."""

    version: str
    wrong: int
    findings: tuple[FindingJson, ...]


class ErrorJson(msgspec.Struct, frozen=True):
    code: str
    message: str
    request_id: str


class Envelope(msgspec.Struct, frozen=True):
    """What every answer under ``/api`` is wrapped in (spec.md §6)."""

    success: bool
    data: object = None
    error: ErrorJson | None = None


def status_json(status: ServerStatus) -> StatusJson:
    return StatusJson(
        name=status.name,
        kind=status.kind,
        status=status.phase,
        since=status.since,
        health=_health(status.health),
        quarantined=status.quarantined,
        tool_count=len(status.tools),
        pid=status.pid,
        attempt=status.attempt,
        retry_at=status.retry_at,
        fault=_fault(status.fault),
        peer=_peer(status.peer),
        review=review_json(status.review),
        may=_may(status),
        rev=status.rev,
    )


def server_json(status: ServerStatus, config: Config) -> ServerJson:
    """``config`` no longer knows a server that is being removed: then only its status shows."""
    shown = msgspec.structs.asdict(status_json(status))
    entry = config.servers.get(status.name)
    if entry is None:
        return ServerJson(**shown, enabled=False, protocol=status.kind)
    shown |= {"enabled": entry.enabled}
    shown |= {"enabled_tools": entry.enabled_tools, "disabled_tools": entry.disabled_tools}
    match entry.transport:
        case Stdio(command=command, args=args, env=env, working_dir=working_dir):
            return ServerJson(
                **shown,
                protocol="stdio",
                command=command,
                args=tuple(masked_url(argument) for argument in args),
                env=_masked(env),
                working_dir=working_dir,
            )
        case Http(url=url, headers=headers, protocol=protocol):
            return ServerJson(
                **shown,
                protocol=protocol,
                url=masked_url(url),
                headers=_masked(headers),
            )


def review_json(review: Review) -> ReviewJson:
    return ReviewJson(review.hash, review.hold, review.pending, review.changed)


def snapshot_json(snapshot: Snapshot) -> SnapshotJson:
    return SnapshotJson(
        boot=snapshot.boot,
        seq=snapshot.seq,
        engine=snapshot.engine,
        summary=headline(snapshot),
        paused=snapshot.config.paused,
        endpoint=snapshot.endpoint,
        config_revision=snapshot.config.revision,
        config_problem=config_problem_json(snapshot.config_problem),
        storage_problem=snapshot.storage_problem,
        servers=tuple(status_json(status) for status in snapshot.servers.values()),
    )


def delta_json(
    snapshot: Snapshot,
    since: int,
    servers: Iterable[ServerStatus],
    names: Iterable[ServerName] | None,
    notices: tuple[Notice, ...] = (),
    dropped: int = 0,
) -> DeltaJson:
    """Enough to bring whoever last saw ``since`` up to date, removals included."""
    return DeltaJson(
        boot=snapshot.boot,
        seq=snapshot.seq,
        since=since,
        engine=snapshot.engine,
        summary=headline(snapshot),
        paused=snapshot.config.paused,
        endpoint=snapshot.endpoint,
        config_revision=snapshot.config.revision,
        config_problem=config_problem_json(snapshot.config_problem),
        storage_problem=snapshot.storage_problem,
        servers=tuple(map(status_json, servers)),
        names=tuple(names) if names is not None else None,
        notices=tuple(notice_json(notice) for notice in notices),
        dropped=dropped,
    )


def notice_json(notice: Notice) -> NoticeJson:
    return NoticeJson(
        seq=notice.seq,
        at=notice.at,
        code=notice.code,
        severity=notice.severity,
        server=notice.server,
        args=dict(notice.args),
    )


def stats_json(snapshot: Snapshot) -> StatsJson:
    counts = Counter[str]()
    for some in of_each_chunk(snapshot.servers, _counts):
        counts.update(some)
    return StatsJson(
        summary=headline(snapshot),
        total_servers=len(snapshot.servers),
        connected_servers=counts[Phase.READY],
        quarantined_servers=counts[_QUARANTINED],
        total_tools=counts[_TOOLS],
        states={phase.value: counts[phase] for phase in Phase},
    )


_QUARANTINED, _TOOLS = "servers in quarantine", "tools"  # beside the phases


def _counts(statuses: Collection[ServerStatus]) -> Counter[str]:
    counts = Counter[str](status.phase for status in statuses)
    counts[_QUARANTINED] = sum(status.quarantined for status in statuses)
    counts[_TOOLS] = sum(len(status.tools) for status in statuses)
    return counts


def diagnostics_json(version: str, findings: Sequence[Finding]) -> DiagnosticsJson:
    return DiagnosticsJson(
        version=version,
        wrong=sum(finding.is_wrong for finding in findings),
        findings=tuple(
            FindingJson(
                each.check, each.level, each.server, each.code, each.what, each.why, each.fix
            )
            for each in findings
        ),
    )


def config_problem_json(problem: ConfigProblem | None) -> ConfigProblemJson | None:
    if problem is None:
        return None
    return ConfigProblemJson(
        file=problem.file,
        problems=tuple(
            ProblemJson(each.path, each.message, each.line) for each in problem.problems
        ),
    )


def _may(status: ServerStatus) -> tuple[str, ...]:
    intents = allowed(status)
    disabled = status.health.admin_state is AdminState.DISABLED
    switch = "enable" if disabled else "disable"
    offered = ((RestartServer, "restart"), (SetEnabled, switch))
    return tuple(verb for intent, verb in offered if intent in intents)


def _masked(settings: tuple[Setting, ...]) -> dict[str, str]:
    return {setting.name: MASK for setting in settings}


def _health(health: Health) -> HealthJson:
    return HealthJson(
        health.level, health.admin_state, health.summary, health.detail, health.action
    )


def _fault(fault: Fault | None) -> FaultJson | None:
    if fault is None:
        return None
    return FaultJson(fault.code, fault.kind, fault.message, fault.detail, fault.action)


def _peer(peer: Peer | None) -> PeerJson | None:
    if peer is None:
        return None
    return PeerJson(
        peer.name, peer.version, peer.protocol_version, peer.prompt_count, peer.resource_count
    )
