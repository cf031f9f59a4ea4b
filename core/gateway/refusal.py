"""An answer in JSON-RPC's words to what cannot be done."""

from __future__ import annotations

from datetime import datetime

from core.model.status import Phase, ServerStatus
from core.protocol import envelope
from core.protocol.codes import Code


class Refusal(Exception):
    """Ends a request with a JSON-RPC error; ``str()`` is for the person or the model."""

    def __init__(self, code: Code, message: str, data: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data

    def error_object(self) -> bytes:
        return envelope.error_object(self.code, str(self), self.data)


def unavailable(name: str, status: ServerStatus | None, now: datetime) -> Refusal:
    """A server that cannot be called: names it, its phase, the cause and the next attempt."""
    if status is None:
        return Refusal(Code.SERVER_UNAVAILABLE, f"There is no server named {name!r}.")
    if status.quarantined and status.phase is Phase.READY:
        return Refusal(
            Code.NOT_PERMITTED,
            f"The server {name!r} is quarantined: a person has to approve it in MCP Proxy Tray.",
            {"server": name, "phase": status.phase, "action": status.health.action},
        )
    words = [f"The server {name!r} is not ready (phase: {status.phase})."]
    if status.fault is not None:
        words.append(status.fault.message)
    if status.retry_at is not None:
        seconds = max(0, round((status.retry_at - now).total_seconds()))
        words.append(f"Next attempt in {seconds} s.")
    elif status.phase is Phase.DISABLED:
        words.append("Enable it in MCP Proxy Tray first.")
    elif status.phase is Phase.FAILED:
        words.append("It is not tried again by itself; restart it once that is mended.")
    data = {
        "server": name,
        "phase": status.phase,
        "retry_at": status.retry_at,
        "action": status.health.action,
    }
    return Refusal(Code.SERVER_UNAVAILABLE, " ".join(words), data)


def withheld(name: str, tool: str) -> Refusal:
    """A tool that a person has not agreed to."""
    return Refusal(
        Code.NOT_PERMITTED,
        f"The tool {tool!r} of the server {name!r} may not be called: a person has to approve it "
        "in MCP Proxy Tray.",
        {"server": name, "tool": tool},
    )
