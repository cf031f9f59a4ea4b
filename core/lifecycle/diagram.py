"""The state machine as Markdown, found by trying every cell of its table.

``python -m core.lifecycle.diagram > docs/lifecycle.md`` writes it anew; a test compares.
"""

from __future__ import annotations

import sys
from dataclasses import replace

from core.lifecycle import machine
from core.lifecycle.machine import Effect, Event, Model, State, Then
from core.model.config import ServerConfig, ServerName, Stdio
from core.model.faults import RULES, Fault
from core.model.status import Peer

_EPOCH = 1
_WANTED = ServerConfig(name=ServerName("server"), transport=Stdio(command="a"))
_FAULTS = {rule.kind: Fault(code, "") for code, rule in RULES.items()}  # one of each kind
_FAULT = next(iter(_FAULTS.values()))

STATES: dict[str, State] = {
    "Disabled": machine.Disabled(),
    "Connecting": machine.Connecting(),
    "Ready": machine.Ready(0.0, Peer()),
    "Backoff": machine.Backoff(0.0, _FAULT),
    "AuthRequired": machine.AuthRequired(_FAULT),
    "Failed": machine.Failed(_FAULT),
    **{f"Stopping_{then.value}": machine.Stopping(then) for then in Then},
    "Removed": machine.Removed(),
}

EVENTS: dict[type[Event], dict[str, Event]] = {
    machine.Configure: {
        "same connection": machine.Configure(replace(_WANTED, call_timeout=1.0)),
        "other connection": machine.Configure(replace(_WANTED, transport=Stdio(command="b"))),
        "disabled": machine.Configure(replace(_WANTED, enabled=False)),
    },
    machine.Restart: {"": machine.Restart()},
    machine.RetryNow: {"": machine.RetryNow()},
    machine.Remove: {"": machine.Remove()},
    machine.CredentialsChanged: {"": machine.CredentialsChanged()},
    machine.Connected: {"": machine.Connected(_EPOCH, 0.0, Peer())},
    machine.PeerChanged: {"": machine.PeerChanged(_EPOCH, Peer(name="other"))},
    machine.Ended: {
        kind.value: machine.Ended(_EPOCH, 0.0, fault) for kind, fault in _FAULTS.items()
    },
    machine.RetryDue: {"": machine.RetryDue(_EPOCH)},
}
"""Every event, with the variants that a cell may tell apart."""

EFFECTS: dict[type[Effect], str] = {
    machine.OpenConnection: "open",
    machine.CloseConnection: "close",
    machine.StartRetryTimer: "start timer",
    machine.CancelRetryTimer: "cancel timer",
}


def _name(state: State) -> str:
    name = type(state).__name__
    return f"{name}_{state.then.value}" if isinstance(state, machine.Stopping) else name


def _outcomes(state: State, kind: type[Event]) -> dict[tuple[str, tuple[str, ...]], str]:
    """What an event leads to, (state, effects), each with the variants that lead there."""
    variants: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    model = Model(_WANTED, state, _EPOCH, attempt=1)
    for label, event in EVENTS[kind].items():
        after, effects = machine.transition(model, event)
        if after == model and not effects:
            continue
        outcome = (_name(after.state), tuple(EFFECTS[type(effect)] for effect in effects))
        variants.setdefault(outcome, []).append(label)
    every = len(EVENTS[kind])
    return {
        outcome: "" if len(labels) == every else " or ".join(labels)
        for outcome, labels in variants.items()
    }


def _diagram() -> list[str]:
    lines = ["stateDiagram-v2", "    [*] --> Disabled"]
    for source, state in STATES.items():
        edges: dict[str, list[str]] = {}
        for kind in EVENTS:
            for (target, _), label in _outcomes(state, kind).items():
                if target != source:
                    guard = f" ({label})" if label else ""
                    edges.setdefault(target, []).append(f"{kind.__name__}{guard}")
        for target, labels in edges.items():
            lines.append(f"    {source} --> {target} : {', '.join(labels)}")
    return [*lines, "    Removed --> [*]"]


def _table() -> list[str]:
    lines = [
        f"| | {' | '.join(kind.__name__ for kind in EVENTS)} |",
        f"|---|{'---|' * len(EVENTS)}",
    ]
    for name, state in STATES.items():
        cells = []
        for kind in EVENTS:
            parts = []
            for (target, effects), label in _outcomes(state, kind).items():
                said = [f"{label}:"] if label else []
                said += [f"**{target}**", *(f"+{effect}" for effect in effects)]
                parts.append(" ".join(said))
            cells.append("<br>".join(parts) or "·")
        lines.append(f"| **{name}** | {' | '.join(cells)} |")
    return lines


def render() -> str:
    """The whole document."""
    parts = [
        "# The life of a server",
        "",
        "Generated from the table in `core/lifecycle/machine.py`; do not edit. Write it anew with",
        "`python -m core.lifecycle.diagram > docs/lifecycle.md`.",
        "",
        "```mermaid",
        *_diagram(),
        "```",
        "",
        "Rows are states, columns are events. A cell names the next state and what is to be done;",
        "`·` means that nothing happens. Words before a colon tell variants of the event apart:",
        "of `Configure`, whether the server is wanted and whether it needs another connection;",
        "of `Ended`, the kind of the fault. An event of an earlier connection never does anything.",
        "A transient fault leads to **Failed** instead when a command that was never ready failed",
        "too often too fast (`gives_up` in `core/lifecycle/backoff.py`).",
        "",
        *_table(),
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render())
