"""What becomes of the clients' requests, counted: the one place that names the outcomes.

Every request passes through here, so nothing is done that could be done when somebody scrapes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from time import perf_counter

import msgspec

from core.ports import Journal
from core.protocol.calls import Call, CallTimeout, Cancelled, ConnectionLost
from core.protocol.codes import Code
from core.protocol.trace import trace_id_of
from core.telemetry.counters import Counters

END = 4096  # bytes of each end of a large result that are looked at for its outcome

SUCCESS = "success"
TOOL_ERROR = "tool_error"  # the tool says that it failed
RPC_ERROR = "rpc_error"  # answered with a JSON-RPC error
TIMEOUT = "timeout"  # not answered in time
CANCELLED = "cancelled"  # the client did not want the answer any more
LOST = "lost"  # the server went away before it answered
REFUSED = "refused"  # not permitted, or the server has too much to do
UNAVAILABLE = "unavailable"  # the server cannot be called now
OUTCOMES = (SUCCESS, TOOL_ERROR, RPC_ERROR, TIMEOUT, CANCELLED, LOST, REFUSED, UNAVAILABLE)

METHODS = frozenset(
    {
        "completion/complete",
        "initialize",
        "logging/setLevel",
        "ping",
        "prompts/get",
        "prompts/list",
        "resources/list",
        "resources/read",
        "resources/subscribe",
        "resources/templates/list",
        "resources/unsubscribe",
        "server/discover",
        "subscriptions/listen",
        "tools/call",
        "tools/list",
    }
)
OTHER = "other"  # clients may name any method; labels are bounded

_REFUSALS = {
    Code.SERVER_UNAVAILABLE: UNAVAILABLE,
    Code.NOT_PERMITTED: REFUSED,
    Code.TOO_BUSY: REFUSED,
}


class _Outcome(msgspec.Struct, rename="camel"):
    is_error: bool = False


_TRACED = b'"traceparent"'
_NAMED = b'"isError"'
_TRUE = b"true"
_SAYS_ERROR = re.compile(rb'"isError"\s*:\s*true')
_outcome = msgspec.json.Decoder(_Outcome)


class Record:
    """Shared by the gateway, which sees requests, and the router, which sees servers."""

    def __init__(self, counters: Counters, journal: Journal | None = None) -> None:
        """``journal``: takes down every finished tool call, if anything does."""
        self._counters = counters
        self.requests = counters.requests
        self._refused = counters.requests_refused
        self._calls = counters.tool_calls
        self._durations = counters.tool_call_duration
        self.overhead = counters.proxy_overhead
        self._journal = journal
        self.waits = 0
        for outcome in OUTCOMES:
            self.requests.start_at_zero("tools/call", outcome)
        self.overhead.start_at_zero()

    def arrived(self, method: str) -> Watched:
        """A request has been read."""
        return Watched(self, method if method in METHODS else OTHER, perf_counter())

    def waited(self) -> None:
        """Whoever began a request since the last turn of the loop waits for its server."""
        self.waits += 1

    def refused(self, server: str, reason: str) -> None:
        """A server that exists was not asked, because of ``reason``, one of a few words."""
        self._refused.inc(server, reason)

    def call(self, server: str, tool: str, params: bytes, sent_at: float) -> Callable[[Call], str]:
        """A tool call was sent to a server; what is returned is for when it has ended."""
        label = self._counters.tool_label(server, tool)
        trace = trace_id_of(params) if _TRACED in params else ""
        return partial(self._call_ended, server, tool, label, trace, sent_at)

    def _call_ended(
        self, server: str, tool: str, label: str, trace: str, sent_at: float, call: Call
    ) -> str:
        outcome = outcome_of(call)
        took = perf_counter() - sent_at
        self._calls.inc(server, label, outcome)
        if trace:
            self._durations.observe_traced(trace, took, server, label, outcome)
        else:
            self._durations.observe(took, server, label, outcome)
        if self._journal is not None:
            reply = call.reply
            size = len(reply.result) if reply is not None and reply.result else 0
            self._journal.record(server, tool, outcome, took, size)
        return outcome


class Watched:
    """One request of a client's, from when it has been read until it has been answered."""

    __slots__ = ("_at", "_method", "_record", "_sent_at", "_waits")

    def __init__(self, record: Record, method: str, at: float) -> None:
        self._record = record
        self._method = method
        self._at = at
        self._waits = record.waits
        self._sent_at = 0.0

    def refused(self, code: Code) -> None:
        """It was answered with an error of ours."""
        self._record.requests.inc(self._method, _REFUSALS.get(code, RPC_ERROR))

    def answered(self, result: bytes) -> None:
        """It was answered here, without a server."""
        failed = self._method == "tools/call" and _says_error(result)
        self._record.requests.inc(self._method, TOOL_ERROR if failed else SUCCESS)

    def sent(self, at: float) -> None:
        """A server was asked.

        What need not wait is sent within the turn of the loop in which it began, so any waiting
        that began meanwhile is its own, and would be no overhead of ours. A call that is taken
        up again, with a person's answers, was sent before.
        """
        if self._record.waits == self._waits and at >= self._at:
            self._sent_at = at

    def ended(self, outcome: str) -> None:
        """The server's work on it is over."""
        self._record.requests.inc(self._method, outcome)

    def handed_on(self, call: Call) -> None:
        """The server's answer has just been handed to the client's connection."""
        if self._sent_at and call.answered_at:
            upstream = call.answered_at - self._sent_at
            self._record.overhead.observe(perf_counter() - self._at - upstream)


def outcome_of(call: Call) -> str:
    """How a request that was sent to a server has ended."""
    reply = call.reply
    if reply is not None:
        if reply.result is None:
            return RPC_ERROR
        return TOOL_ERROR if _says_error(reply.result) else SUCCESS
    match call.failure:
        case ConnectionLost():
            return LOST
        case CallTimeout():
            return TIMEOUT
        case Cancelled() | None:  # None: the connection to the client was cut
            return CANCELLED
        case _:
            return RPC_ERROR


def _says_error(result: bytes | memoryview) -> bool:
    """Whether a tool's result has ``isError``, without parsing what may be megabytes.

    Serialisers put that member first or last, so only the ends of a large result are looked at.
    Inside JSON strings the quotes are escaped; nested objects could mislead, so a small result
    is read once the words were found.
    """
    if len(result) <= 2 * END:
        whole = result if isinstance(result, bytes) else bytes(result)
        at = whole.find(_NAMED)  # in most results it is not there, or near the end
        if at < 0 or whole.find(_TRUE, at) < 0 or _SAYS_ERROR.search(whole, at) is None:
            return False
        return _outcome.decode(whole).is_error
    view = memoryview(result)  # a payload may be msgspec's, which has no parts
    return any(_SAYS_ERROR.search(part) is not None for part in (view[:END], view[-END:]))
