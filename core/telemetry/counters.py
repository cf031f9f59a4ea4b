"""Everything the core counts where it happens: names, labels and buckets of every family."""

from __future__ import annotations

from collections.abc import Iterator

from core.telemetry.families import Counter, Family, Gauge, Histogram

MOST_TOOLS = 1000  # of one server that have series of their own; a server may rename its tools
OTHER_TOOLS = "other"
FEW_GONE = 64  # servers whose series may wait to be dropped together; or half of all, if more


class Counters:
    """Every family that is counted; names, labels and buckets of spec.md §8 are as there."""

    def __init__(self) -> None:
        self.supervisor_reconciliations = Counter(
            "supervisor_reconciliations",
            "Comparisons of wanted and running servers, by result.",
            ("result",),
        )
        self.supervisor_reconciliation_duration = Histogram(
            "supervisor_reconciliation_duration_seconds",
            "Time one comparison of wanted and running servers took.",
            (),
            (0.01, 0.05, 0.1, 0.5, 1, 2, 5),
        )
        self.supervisor_state_changes = Counter(
            "supervisor_state_changes",
            "Changes of a server's published phase.",
            ("server", "from_state", "to_state"),
        )
        self.actor_state_transitions = Counter(
            "actor_state_transitions",
            "Steps of a server's state machine, published or not.",
            ("server", "from_state", "to_state"),
        )
        self.actor_connect_duration = Histogram(
            "actor_connect_duration_seconds",
            "Time from opening a connection to ready, or to its failure.",
            ("server", "result"),
            (0.1, 0.5, 1, 2, 5, 10, 30, 60),
        )
        self.actor_retries = Counter(
            "actor_retries", "Connection attempts made by the retry timer.", ("server",)
        )
        self.actor_failures = Counter(
            "actor_failures",
            "Connections that ended in a fault, by fault code.",
            ("server", "error_type"),
        )
        self.tool_calls = Counter(
            "tool_calls", "Tool calls by outcome.", ("server", "tool", "status")
        )
        self.tool_call_duration = Histogram(
            "tool_call_duration_seconds",
            "Time from sending a tool call on to its answer, the wait for its turn included.",
            ("server", "tool", "status"),
            (0.001, 0.01, 0.1, 0.5, 1, 2, 5, 10, 30),
        )
        self.protocol_violations = Counter(
            "protocol_violations",
            "Things a server sent that MCP does not allow, by kind.",
            ("server", "kind"),
        )
        self.http_requests = Counter(
            "http_requests",
            "HTTP requests answered, by route template.",
            ("method", "route", "code"),
        )
        self.requests = Counter(
            "requests",
            "Requests of MCP clients, by method and how they ended.",
            ("method", "outcome"),
        )
        self.requests_refused = Counter(
            "requests_refused",
            "Requests not sent to a server: busy, unavailable or quarantined.",
            ("server", "reason"),
        )
        self.proxy_overhead = Histogram(
            "proxy_overhead_seconds",
            "Time requests to servers spend in this program itself, without any waiting.",
            (),
            (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
        )
        self.server_starts = Counter(
            "server_starts", "Connections opened to a server, whatever came of them.", ("server",)
        )
        self.server_exits = Counter(
            "server_exits", "Connections to a server that ended, by cause.", ("server", "cause")
        )
        self.server_last_ready = Gauge(
            "server_last_ready_timestamp_seconds",
            "When the server last became ready; 0 if it never was.",
            ("server",),
        )
        self.upstream_http_responses = Counter(
            "upstream_http_responses",
            "Answers of servers reached by URL, by class of their HTTP status.",
            ("server", "code_class"),
        )
        self.storage_operations = Counter(
            "storage_operations",
            "Operations of the database, by result.",
            ("operation", "status"),
        )
        self.config_last_reload = Gauge(
            "config_last_reload_timestamp_seconds",
            "When the config file was last read and taken over.",
            (),
        )
        self.http_request_duration = Histogram(
            "http_request_duration_seconds",
            "Time from an HTTP request's arrival to the beginning of its answer.",
            ("method", "route"),
            (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30),
        )
        self.http_rejected = Counter(
            "http_rejected",
            "HTTP requests turned away before they were looked at, by reason.",
            ("reason",),
        )
        self.event_loop_lag = Histogram(
            "event_loop_lag_seconds",
            "Time the event loop took to turn to what it was asked; asked only while it works.",
            (),
            (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )
        self.event_loop_stalls = Counter(
            "event_loop_stalls",
            "Times the event loop stood still for seconds; a file stacks-*.txt tells where.",
            (),
        )
        self.unhandled_errors = Counter(
            "unhandled_errors",
            "Errors nobody expected that ended one task or callback; main.log tells where.",
            (),
        )

        self._tools: dict[str, set[str]] = {}  # by server, those that have series
        self._gone: set[str] = set()  # servers that were removed and may have series yet

    def __iter__(self) -> Iterator[Family]:
        """Every family, without what was counted for servers that are gone."""
        self._forget_gone()
        return self._families()

    def _families(self) -> Iterator[Family]:
        return (each for name, each in vars(self).items() if not name.startswith("_"))

    def tool_label(self, server: str, tool: str) -> str:
        """The name of a tool as a label; beyond ``MOST_TOOLS`` of a server they share one."""
        known = self._tools.get(server)
        if known is None:
            known = self._tools[server] = set()
        if tool in known:
            return tool
        if len(known) >= MOST_TOOLS:
            return OTHER_TOOLS
        known.add(tool)
        return tool

    def forget_server(self, name: str) -> None:
        """A removed server's series disappear before anybody looks, or it begins anew.

        Not at once: finding them takes a look at those of all servers, and a thousand may go.
        """
        self._tools.pop(name, None)
        self._gone.add(name)
        if len(self._gone) >= max(FEW_GONE, len(self.server_last_ready.values) // 2):
            self._forget_gone()

    def begin_server(self, name: str) -> None:
        """Nothing is counted of a server of this name from before."""
        if name in self._gone:
            self._forget_gone()

    def _forget_gone(self) -> None:
        gone, self._gone = self._gone, set()
        if gone:
            for family in self._families():
                family.forget("server", gone)
