"""The dashboards that are shipped, as a description that a person can read and change.

``python -m tests.observability`` writes them to ``assets/grafana/dashboards``.
"""

from __future__ import annotations

from tests.observability.grafana import HOME, SERVER, Dashboard, Panel, Query


def full(name: str) -> str:
    """Ours have a prefix; those that every program has do not."""
    return name if name.startswith(("process_", "python_")) else f"mcpproxy_{name}"


def rate(name: str, *by: str, where: str = SERVER) -> str:
    """Per second, summed over everything but ``by``."""
    return f"sum by ({', '.join(by)}) (rate({full(name)}{{{where}}}[$__rate_interval]))"


def share(name: str, part: str, *by: str, where: str = SERVER) -> str:
    """Of all that is counted per second, the share that ``part`` matches; 0 if there is none."""
    whole = rate(name, *by, where=where)
    matched = rate(name, *by, where=f"{where}, {part}")
    return f"({matched} or 0 * {whole}) / ({whole} > 0)"


def quantile(q: float, name: str, *by: str, where: str = SERVER) -> str:
    """Of a histogram, over the time of one step."""
    buckets = rate(f"{name}_bucket", *by, "le", where=where)
    return f"histogram_quantile({q}, {buckets})"


def heat(name: str, where: str = SERVER) -> tuple[Query, ...]:
    """How many observations per second fell into each bucket."""
    return (Query(rate(f"{name}_bucket", "le", where=where), "{{le}}"),)


def now(name: str, *by: str, where: str = SERVER, fold: str = "sum") -> str:
    return f"{fold} by ({', '.join(by)}) (mcpproxy_{name}{{{where}}})"


def age(name: str, *by: str, where: str = SERVER) -> str:
    """Seconds since a moment; none for what never was."""
    return f"time() - ({now(name, *by, where=where, fold='max')} > 0)"


def rise(name: str) -> Query:
    return Query(
        f"sum by (instance) (increase(mcpproxy_{name}_total{{{HOME}}}[$__rate_interval]))",
        f"{{{{instance}}}}: {name}",
    )


def quantiles(name: str, *, where: str = SERVER) -> tuple[Query, ...]:
    return tuple(
        Query(quantile(q, name, where=where), f"p{round(q * 100)}") for q in (0.5, 0.95, 0.99)
    )


RETRY_AT = "server_next_retry_timestamp_seconds"
UNANSWERED = 'status=~"rpc_error|timeout|lost"'

SUPERVISOR = Dashboard(
    "mcpproxy-supervisor",
    "MCP Proxy Tray: supervisor health",
    "Whether the servers are what the config file asks for.",
    (
        Panel(
            "Up",
            "Time since the program started. Unexpectedly short: main.log says why it ended.",
            "s",
            (Query(now("uptime_seconds", "instance", where=HOME), "{{instance}}"),),
            "stat",
            4,
            4,
        ),
        Panel(
            "Version",
            "What runs where. Different versions: update the older ones.",
            "short",
            (
                Query(
                    now("build_info", "version", "python", where=HOME),
                    "{{version}} on Python {{python}}",
                ),
            ),
            "stat",
            5,
            4,
            names=True,
        ),
        Panel(
            "Config in use",
            "1 if the newest version of the file is used. 0: mcpproxy-tray doctor names the line.",
            "short",
            (
                Query(
                    now("config_last_reload_successful", "instance", where=HOME, fold="min"),
                    "{{instance}}",
                ),
            ),
            "stat",
            4,
            4,
            truth=True,
        ),
        Panel(
            "Config read",
            "Age of what is in use. Older than your last edit: that was rejected, see beside.",
            "s",
            (
                Query(
                    age("config_last_reload_timestamp_seconds", "instance", where=HOME),
                    "{{instance}}",
                ),
            ),
            "stat",
            4,
            4,
        ),
        Panel(
            "Running since",
            "When the program started; the start is marked in every graph.",
            "dateTimeFromNow",
            (
                Query(
                    f"1000 * {now('start_time_seconds', 'instance', where=HOME, fold='max')}",
                    "{{instance}}",
                ),
            ),
            "stat",
            4,
            4,
        ),
        Panel(
            "Tools",
            "Tools of ready servers, and how many are found. Fewer than usual: one is not ready.",
            "short",
            (
                Query(now("tools", "instance", where=HOME), "{{instance}}"),
                Query(now("index_documents", "instance", where=HOME), "{{instance}}: found"),
            ),
            "stat",
            3,
            4,
        ),
        Panel(
            "Servers by state",
            "How many servers are in each state. Any in failed or auth_required wait for a person.",
            "short",
            (Query(now("servers", "state", where=HOME), "{{state}}"),),
            stacked=True,
        ),
        Panel(
            "Servers that are wanted and not ready",
            "1 while a server connects, backs off or has failed. For minutes: look into its log.",
            "short",
            (
                Query(
                    now(
                        "server_state",
                        "server",
                        where=f'{SERVER}, state=~"connecting|backoff|failed|auth_required"',
                    ),
                    "{{server}}",
                ),
            ),
        ),
        Panel(
            "Changes of state",
            "Changes per second, by the state they led to. A steady stream is a crash loop.",
            "ops",
            (
                Query(
                    rate("supervisor_state_changes_total", "server", "to_state"),
                    "{{server}}: {{to_state}}",
                ),
            ),
        ),
        Panel(
            "Comparisons of wanted and running",
            "Reconciliations per second, by result. Any failed one is a bug: main.log has it.",
            "ops",
            (Query(rate("supervisor_reconciliations_total", "result", where=HOME), "{{result}}"),),
        ),
        Panel(
            "Successful comparisons",
            "Share of reconciliations that succeeded. Less than 100 % is a bug: main.log has it.",
            "percentunit",
            (
                Query(
                    share(
                        "supervisor_reconciliations_total",
                        'result="success"',
                        "instance",
                        where=HOME,
                    ),
                    "{{instance}}",
                ),
            ),
        ),
        Panel(
            "Duration of a comparison",
            "Time one reconciliation takes. Over 0.1 s: many servers, or an overloaded machine.",
            "s",
            quantiles("supervisor_reconciliation_duration_seconds", where=HOME),
        ),
        Panel(
            "Tools by server",
            "What each server offers now. A drop to 0: it is not ready.",
            "short",
            (Query(now("server_tools", "server"), "{{server}}"),),
        ),
        Panel(
            "Tools that wait for a person",
            "New and changed tools, not offered before you approve them: mcpproxy-tray tools diff.",
            "short",
            (
                Query(now("tools_pending_approval", "server"), "{{server}}: new"),
                Query(now("tools_changed", "server"), "{{server}}: changed"),
            ),
        ),
    ),
)

ACTORS = Dashboard(
    "mcpproxy-actors",
    "MCP Proxy Tray: actor performance",
    "How quickly and how steadily each server connects.",
    (
        Panel(
            "Connect latency",
            "Time to be ready, or to fail. Dark rows far up: servers download first, or hang.",
            "s",
            heat("actor_connect_duration_seconds"),
            "heatmap",
            24,
        ),
        Panel(
            "Time to ready by server (p95)",
            "Of those that succeeded. Near init_timeout: give it a longer one, or install it.",
            "s",
            (
                Query(
                    quantile(
                        0.95,
                        "actor_connect_duration_seconds",
                        "server",
                        where=f'{SERVER}, result="success"',
                    ),
                    "{{server}}",
                ),
            ),
        ),
        Panel(
            "Successful connections",
            "Share that became ready. Falling: see the faults in the dashboard of errors.",
            "percentunit",
            (
                Query(
                    share("actor_connect_duration_seconds_count", 'result="success"', "server"),
                    "{{server}}",
                ),
            ),
        ),
        Panel(
            "Connections opened",
            "Starts per second. More than a few per minute: a server does not stay up.",
            "ops",
            (Query(rate("server_starts_total", "server"), "{{server}}"),),
        ),
        Panel(
            "Retries",
            "Attempts made by the retry timer. They become rarer by themselves; mend the cause.",
            "ops",
            (Query(rate("actor_retries_total", "server"), "{{server}}"),),
        ),
        Panel(
            "Steps of the state machine",
            "From which state to which, per second. Loops through backoff are crash loops.",
            "ops",
            (
                Query(
                    rate("actor_state_transitions_total", "from_state", "to_state"),
                    "{{from_state}} to {{to_state}}",
                ),
            ),
        ),
        Panel(
            "Connections that ended, by cause",
            "stopped: as asked; crash, start_failure: tried again; permanent: waits for a person.",
            "ops",
            (Query(rate("server_exits_total", "cause"), "{{cause}}"),),
        ),
        Panel(
            "Next attempt",
            "Seconds until a server in backoff is tried again. Restart it to try now.",
            "s",
            (
                Query(
                    f"clamp_min({now(RETRY_AT, 'server')} - time(), 0)",
                    "{{server}}",
                ),
            ),
        ),
        Panel(
            "Last ready",
            "Time since each server last became ready. Recent and not by you: it went down before.",
            "s",
            (
                Query(
                    age("server_last_ready_timestamp_seconds", "server"),
                    "{{server}}",
                ),
            ),
        ),
        Panel(
            "Connections of single clients",
            "Processes or sessions besides the shared one. Many: set isolation to shared.",
            "short",
            (Query(now("private_connections", "server"), "{{server}}"),),
        ),
        Panel(
            "Servers",
            "How each is reached, and which MCP it speaks. An old version: update the server.",
            "short",
            (
                Query(
                    now("server_info", "server", "transport", "protocol_version"),
                    "{{server}}: {{transport}}",
                ),
            ),
            "table",
            24,
        ),
    ),
)

ERRORS = Dashboard(
    "mcpproxy-errors",
    "MCP Proxy Tray: error rates by type",
    "What goes wrong, where, and how often.",
    (
        Panel(
            "Failures by fault",
            "Connections that ended in a fault, by its code; docs/faults has a page for each code.",
            "ops",
            (Query(rate("actor_failures_total", "error_type"), "{{error_type}}"),),
        ),
        Panel(
            "Failures by server",
            "The same by server. One alone: its log. All at once: the machine or the network.",
            "ops",
            (Query(rate("actor_failures_total", "server"), "{{server}}"),),
        ),
        Panel(
            "Tool calls without success",
            "tool_error: the tool says so; timeout, lost: the server; cancelled: the client.",
            "ops",
            (
                Query(
                    rate("tool_calls_total", "status", where=f'{SERVER}, status!="success"'),
                    "{{status}}",
                ),
            ),
        ),
        Panel(
            "Share of calls that got no answer",
            "Timeouts, lost calls and JSON-RPC errors by server. Over 5 % for long is an alert.",
            "percentunit",
            (Query(share("tool_calls_total", UNANSWERED, "server"), "{{server}}"),),
        ),
        Panel(
            "Requests without success",
            "All methods, by how they ended. unavailable: a server was needed and not ready.",
            "ops",
            (
                Query(
                    rate("requests_total", "outcome", where=f'{HOME}, outcome!="success"'),
                    "{{outcome}}",
                ),
            ),
        ),
        Panel(
            "Requests not sent on",
            "busy: raise max_concurrent_requests; unavailable: mend it; quarantined: approve it.",
            "ops",
            (Query(rate("requests_refused_total", "server", "reason"), "{{server}}: {{reason}}"),),
        ),
        Panel(
            "What is not MCP",
            "Messages no server should send, by kind. not_json: it prints on stdout; update it.",
            "ops",
            (Query(rate("protocol_violations_total", "server", "kind"), "{{server}}: {{kind}}"),),
        ),
        Panel(
            "HTTP errors by route",
            "Answers of 400 and more. 401: a key is wrong; 404 on /mcp: an ended session.",
            "ops",
            (
                Query(
                    rate("http_requests_total", "route", "code", where=f'{HOME}, code=~"4..|5.."'),
                    "{{route}} {{code}}",
                ),
            ),
        ),
        Panel(
            "HTTP requests turned away",
            "By reason. host_not_allowed or origin_not_allowed unexplained: a web page tries.",
            "ops",
            (Query(rate("http_rejected_total", "reason", where=HOME), "{{reason}}"),),
        ),
        Panel(
            "Database operations",
            "Per second, by result. Errors: a full or read-only disk; approvals fail closed.",
            "ops",
            (
                Query(
                    rate("storage_operations_total", "operation", "status", where=HOME),
                    "{{operation}}: {{status}}",
                ),
            ),
        ),
        Panel(
            "Unexpected errors and stalls",
            "Any is a bug: main.log and stacks-*.txt tell where; report it.",
            "short",
            (
                rise("unhandled_errors"),
                rise("event_loop_stalls"),
            ),
        ),
        Panel(
            "Lost log lines and notices",
            "Not written or not read in time. A full disk, a server that floods, a hanging tray.",
            "ops",
            (
                Query(rate("log_lines_dropped_total", "instance", where=HOME), "{{instance}}: log"),
                Query(
                    rate("sse_dropped_events_total", "instance", where=HOME),
                    "{{instance}}: event streams",
                ),
            ),
        ),
    ),
)

CALLS = Dashboard(
    "mcpproxy-calls",
    "MCP Proxy Tray: tool calls and latency",
    "What is called, and how long it takes.",
    (
        Panel(
            "Latency of tool calls",
            "From arrival to answer. A second dark row far up: some calls wait, see the queue.",
            "s",
            heat("tool_call_duration_seconds"),
            "heatmap",
            24,
        ),
        Panel(
            "Calls by server",
            "Per second. A sudden end: the server is down, or its client.",
            "reqps",
            (Query(rate("tool_calls_total", "server"), "{{server}}"),),
            stacked=True,
        ),
        Panel(
            "Calls by status",
            "Per second, by how they ended.",
            "reqps",
            (Query(rate("tool_calls_total", "status"), "{{status}}"),),
            stacked=True,
        ),
        Panel(
            "Successful calls",
            "Share of calls that succeeded, tools' own errors included in the rest.",
            "percentunit",
            (Query(share("tool_calls_total", 'status="success"', "server"), "{{server}}"),),
        ),
        Panel(
            "Latency (p50, p95, p99)",
            "Of all calls. Rising p99 with steady p50: single calls hang; see the tools below.",
            "s",
            quantiles("tool_call_duration_seconds"),
            exemplars=True,
        ),
        Panel(
            "Latency by server (p95)",
            "Which server is slow. Near call_tool_timeout: calls will time out.",
            "s",
            (Query(quantile(0.95, "tool_call_duration_seconds", "server"), "{{server}}"),),
        ),
        Panel(
            "Slowest tools",
            "Mean time of a call, the ten highest. Slow tools hold their place in the queue.",
            "s",
            (
                Query(
                    f"topk(10, {rate('tool_call_duration_seconds_sum', 'server', 'tool')} / "
                    f"({rate('tool_call_duration_seconds_count', 'server', 'tool')} > 0))",
                    "{{server}}: {{tool}}",
                ),
            ),
        ),
        Panel(
            "Most called tools",
            "Per second, the ten highest.",
            "reqps",
            (
                Query(
                    f"topk(10, {rate('tool_calls_total', 'server', 'tool')})",
                    "{{server}}: {{tool}}",
                ),
            ),
        ),
        Panel(
            "In flight and waiting",
            "What a server has, and what waits for it. A queue: raise max_concurrent_requests.",
            "short",
            (
                Query(now("requests_in_flight", "server"), "{{server}}: in flight"),
                Query(now("queue_depth", "server"), "{{server}}: waiting"),
            ),
        ),
        Panel(
            "Requests by method",
            "Everything that MCP clients ask, per second.",
            "reqps",
            (Query(rate("requests_total", "method", where=HOME), "{{method}}"),),
        ),
        Panel(
            "Time in the proxy itself",
            "What a request costs beyond its server. Over 10 ms for long: overload.",
            "s",
            quantiles("proxy_overhead_seconds", where=HOME),
        ),
    ),
)

RESOURCES = Dashboard(
    "mcpproxy-resources",
    "MCP Proxy Tray: gateway and resources",
    "What the program and its servers use.",
    (
        Panel(
            "HTTP requests by route",
            "Per second, all faces of the program.",
            "reqps",
            (Query(rate("http_requests_total", "route", where=HOME), "{{route}}"),),
        ),
        Panel(
            "HTTP latency by route (p95)",
            "Until an answer begins. On /mcp with the servers' time; elsewhere 0.1 s is overload.",
            "s",
            (
                Query(
                    quantile(0.95, "http_request_duration_seconds", "route", where=HOME),
                    "{{route}}",
                ),
            ),
        ),
        Panel(
            "Event loop lag",
            "How late the program turns to its work. Rows over 0.1 s: overload, or it is blocked.",
            "s",
            heat("event_loop_lag_seconds", HOME),
            "heatmap",
        ),
        Panel(
            "Event stream clients and tasks",
            "Listeners of /events, and tasks of the loop. Tasks that only grow: a leak.",
            "short",
            (
                Query(now("sse_clients", "instance", where=HOME), "{{instance}}: event streams"),
                Query(now("tasks", "instance", where=HOME), "{{instance}}: tasks"),
            ),
        ),
        Panel(
            "Memory of the program",
            "Resident. A steady rise over days is a leak: report it.",
            "bytes",
            (
                Query(
                    f"sum by (instance) (process_resident_memory_bytes{{{HOME}}})", "{{instance}}"
                ),
            ),
        ),
        Panel(
            "Processor time of the program",
            "In cores. Over 0.8 for long: it is the bottleneck; see what is called so much.",
            "short",
            (
                Query(
                    rate("process_cpu_seconds_total", "instance", where=HOME),
                    "{{instance}}",
                ),
            ),
        ),
        Panel(
            "Open files of the program",
            "Share of what the system allows. Near 100 %: raise the limit (ulimit -n).",
            "percentunit",
            (
                Query(
                    f"sum by (instance) (process_open_fds{{{HOME}}}) / "
                    f"sum by (instance) (process_max_fds{{{HOME}}})",
                    "{{instance}}",
                ),
            ),
        ),
        Panel(
            "Garbage collections",
            "Per second, by generation. Many of generation 2: much memory is made and dropped.",
            "ops",
            (
                Query(
                    rate("python_gc_collections_total", "generation", where=HOME),
                    "generation {{generation}}",
                ),
            ),
        ),
        Panel(
            "Memory of servers",
            "Of each server's processes together. Growing without end: restart it.",
            "bytes",
            (Query(now("server_resident_memory_bytes", "server"), "{{server}}"),),
        ),
        Panel(
            "Processor time of servers",
            "In cores. At rest it should be near 0.",
            "short",
            (Query(rate("server_cpu_seconds_total", "server"), "{{server}}"),),
        ),
        Panel(
            "Open files of servers",
            "Files and sockets. A steady rise is a leak of the server's: restart it.",
            "short",
            (Query(now("server_open_fds", "server"), "{{server}}"),),
        ),
        Panel(
            "Answers of servers reached by URL",
            "Per second, by class of their HTTP status. 4xx: address or sign-in; 5xx: their side.",
            "reqps",
            (
                Query(
                    rate("upstream_http_responses_total", "server", "code_class"),
                    "{{server}}: {{code_class}}",
                ),
            ),
        ),
    ),
)

DASHBOARDS = (SUPERVISOR, ACTORS, ERRORS, CALLS, RESOURCES)
