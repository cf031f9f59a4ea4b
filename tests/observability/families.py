"""Every metric the program exports, with what to do about it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from core.model.status import Snapshot
from core.search.catalogue import Catalogue
from core.telemetry.counters import Counters
from core.telemetry.families import Counter, Gauge
from core.web.metrics import PREFIX, Exporter, Moment
from core.web.present import of_processes, of_servers
from tests.fakes.conversations import NoPrivates, NoSessions, Watched


@dataclass(frozen=True, slots=True)
class Row:
    """One metric as it is explained to a person."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str
    advice: str


ADVICE = {
    "supervisor_reconciliations_total": "Any `failed` is a bug: main.log has it; report it.",
    "supervisor_reconciliation_duration_seconds": "Over 0.1 s: many servers, or overload.",
    "supervisor_state_changes_total": "A steady stream for one server: read its log.",
    "actor_state_transitions_total": "Loops through `backoff` are crash loops: read the log.",
    "actor_connect_duration_seconds": "Near `init_timeout`: give more time, or install the server.",
    "actor_retries_total": "Mend the cause; retries become rarer by themselves.",
    "actor_failures_total": "[docs/faults](faults) has a page for each `error_type`.",
    "tool_calls_total": "`timeout` and `lost` point at the server, `tool_error` at the arguments.",
    "tool_call_duration_seconds": "Slow for one tool: the tool; for all of a server: its queue.",
    "protocol_violations_total": "Update the server; `not_json` means that it prints on stdout.",
    "requests_total": "`unavailable`: a server was needed while it was not ready.",
    "requests_refused_total": "`busy`: raise `max_concurrent_requests`; `quarantined`: approve it.",
    "proxy_overhead_seconds": "Over 10 ms for long: the machine is overloaded.",
    "server_starts_total": "More than a few: it does not stay up; read its log.",
    "server_exits_total": "`crash`, `start_failure`: its log; `permanent`: the config.",
    "server_last_ready_timestamp_seconds": "Recent, and not by you: it went down before.",
    "upstream_http_responses_total": "`4xx`: its address or your sign-in; `5xx`: their side.",
    "storage_operations_total": "Any `error`: a full or read-only disk; approvals fail closed.",
    "config_last_reload_timestamp_seconds": "Older than your last edit: it was rejected.",
    "http_request_duration_seconds": "Over 0.1 s on routes other than /mcp: overload.",
    "http_requests_total": "401: a wrong key; 404 on /mcp: a session that has ended; 5xx: a bug.",
    "http_rejected_total": "`host_not_allowed`, `origin_not_allowed`: a web page tries.",
    "event_loop_lag_seconds": "Over 0.1 s: overload, or a server that floods.",
    "event_loop_stalls_total": "A bug: stacks-*.txt beside main.log tells where; report it.",
    "unhandled_errors_total": "A bug: main.log tells where; report it.",
    "servers": "`failed` and `auth_required` wait for a person.",
    "server_state": "For minutes neither `ready` nor `disabled`: `mcpproxy-tray doctor`.",
    "server_info": "An old protocol version: update the server.",
    "tools": "Fewer than usual: a server is not ready.",
    "server_tools": "0 while ready: it lists none; read its log.",
    "tools_pending_approval": "Look at them and approve: `mcpproxy-tray tools approve`.",
    "tools_changed": "Compare before approving: `mcpproxy-tray tools diff`.",
    "server_next_retry_timestamp_seconds": "Restart the server to try now.",
    "requests_in_flight": "Always at `max_concurrent_requests`: raise it.",
    "queue_depth": "Above 0 for long: raise `max_concurrent_requests`.",
    "config_last_reload_successful": "0: `mcpproxy-tray doctor` names the line.",
    "index_documents": "Fewer than `tools` for long: some wait for approval.",
    "private_connections": "Each is a process or session more; see `isolation` in the config.",
    "sse_clients": "Trays and dashboards that listen; more than you know: who has your key?",
    "tasks": "Growing without end is a leak: report it.",
    "uptime_seconds": "Unexpectedly short: main.log tells why it ended.",
    "start_time_seconds": "The same as a moment; marks restarts in graphs.",
    "log_lines_dropped_total": "A full disk, or a server that floods its stderr.",
    "sse_dropped_events_total": "A listener hangs; it gets the whole state with its next event.",
    "build_info": "Different versions: update the older ones.",
    "server_resident_memory_bytes": "Growing without end: restart the server.",
    "server_cpu_seconds_total": "Busy at rest: restart the server, tell its makers.",
    "server_open_fds": "A steady rise is a leak of the server's: restart it.",
}

COMMON = (
    Row(
        "process_cpu_seconds_total",
        "counter",
        (),
        "Processor time of the program.",
        "In cores by rate; 1 is the most it can use.",
    ),
    Row(
        "process_resident_memory_bytes",
        "gauge",
        (),
        "Memory of the program.",
        "Rising for days is a leak: report it.",
    ),
    Row(
        "process_virtual_memory_bytes",
        "gauge",
        (),
        "Its address space.",
        "Nothing: resident memory counts.",
    ),
    Row(
        "process_start_time_seconds",
        "gauge",
        (),
        "When the process started.",
        "As `mcpproxy_start_time_seconds`.",
    ),
    Row(
        "process_open_fds",
        "gauge",
        (),
        "Its open files and sockets.",
        "Near the next: raise `ulimit -n`.",
    ),
    Row("process_max_fds", "gauge", (), "How many it may open.", "See `ulimit -n`."),
    Row(
        "python_gc_objects_collected_total",
        "counter",
        ("generation",),
        "Objects the collector freed.",
        "For a hunt for leaks.",
    ),
    Row(
        "python_gc_objects_uncollectable_total",
        "counter",
        ("generation",),
        "Objects it could not free.",
        "Not 0: a bug; report it.",
    ),
    Row(
        "python_gc_collections_total",
        "counter",
        ("generation",),
        "Runs of the collector.",
        "Many of generation 2: memory churns.",
    ),
)


def rows() -> list[Row]:
    """Sorted by name; KeyError for one that nobody has explained."""
    moment = asyncio.run(_moment())
    found = list(COMMON)
    for family in (*moment.families, *of_servers(moment.snapshot, {}), *of_processes({})):
        name, kind = family.name, "histogram"
        if isinstance(family, Counter):
            name, kind = f"{name}_total", "counter"
        elif isinstance(family, Gauge):
            kind = "gauge"
        found.append(Row(PREFIX + name, kind, family.labels, family.help, ADVICE[name]))
    return sorted(found, key=lambda row: row.name)


async def _moment() -> Moment:
    """A scrape of a program that has no servers."""
    exporter = Exporter(Counters(), NoSessions(), NoPrivates(), Catalogue(), "0")
    return exporter.moment(Snapshot(boot="0"), Watched(), Watched())
