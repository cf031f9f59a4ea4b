"""What can go wrong with a server, as a value that every consumer reads the same way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    """Who has to act before the server can work again; selects the next state."""

    TRANSIENT = "transient"  # nobody: we try again by ourselves
    AUTH = "auth"  # a person has to sign in
    TERMINAL = "terminal"  # a person has to change something


class Action(StrEnum):
    """The one next step offered to a person (spec.md §5, ``health.action``)."""

    NONE = ""
    LOGIN = "login"
    RESTART = "restart"
    ENABLE = "enable"
    APPROVE = "approve"
    VIEW_LOGS = "view_logs"
    SET_SECRET = "set_secret"
    CONFIGURE = "configure"


class FaultCode(StrEnum):
    """Stable names, never renamed: the same string in REST, CLI, log and metric label."""

    SPAWN_ENOENT = "SPAWN_ENOENT"  # the command was not found
    SPAWN_EACCES = "SPAWN_EACCES"  # the command may not be executed
    SPAWN_ENOEXEC = "SPAWN_ENOEXEC"  # the file is no program for this machine
    WORKING_DIR = "WORKING_DIR"  # the working directory cannot be entered
    RESOURCES = "RESOURCES"  # out of descriptors, processes or memory
    MISSING_SECRET = "MISSING_SECRET"  # a ${...} reference has no value
    UNSUPPORTED = "UNSUPPORTED"  # the entry asks for what this version cannot do
    EXIT_EARLY = "EXIT_EARLY"  # ended before it was ready
    CRASHED = "CRASHED"  # ended after it was ready
    OUTPUT_CLOSED = "OUTPUT_CLOSED"  # lives, but closed the pipe it answers on
    STDOUT_FLOOD = "STDOUT_FLOOD"  # wrote garbage without an end where messages belong
    HANDSHAKE_TIMEOUT = "HANDSHAKE_TIMEOUT"  # started, never answered
    HANDSHAKE_INVALID = "HANDSHAKE_INVALID"  # answered, but not as MCP asks
    CRASH_LOOP = "CRASH_LOOP"  # never ready, too many attempts: given up
    INTERNAL = "INTERNAL"  # our own bug


@dataclass(frozen=True, slots=True)
class FaultRule:
    """What follows from a code alone."""

    kind: FaultKind
    action: Action


RULES: dict[FaultCode, FaultRule] = {
    FaultCode.SPAWN_ENOENT: FaultRule(FaultKind.TERMINAL, Action.CONFIGURE),
    FaultCode.SPAWN_EACCES: FaultRule(FaultKind.TERMINAL, Action.CONFIGURE),
    FaultCode.SPAWN_ENOEXEC: FaultRule(FaultKind.TERMINAL, Action.CONFIGURE),
    FaultCode.WORKING_DIR: FaultRule(FaultKind.TERMINAL, Action.CONFIGURE),
    FaultCode.RESOURCES: FaultRule(FaultKind.TRANSIENT, Action.RESTART),
    FaultCode.MISSING_SECRET: FaultRule(FaultKind.TERMINAL, Action.SET_SECRET),
    FaultCode.UNSUPPORTED: FaultRule(FaultKind.TERMINAL, Action.CONFIGURE),
    FaultCode.EXIT_EARLY: FaultRule(FaultKind.TRANSIENT, Action.VIEW_LOGS),
    FaultCode.CRASHED: FaultRule(FaultKind.TRANSIENT, Action.RESTART),
    FaultCode.OUTPUT_CLOSED: FaultRule(FaultKind.TRANSIENT, Action.RESTART),
    FaultCode.STDOUT_FLOOD: FaultRule(FaultKind.TRANSIENT, Action.VIEW_LOGS),
    FaultCode.HANDSHAKE_TIMEOUT: FaultRule(FaultKind.TRANSIENT, Action.VIEW_LOGS),
    FaultCode.HANDSHAKE_INVALID: FaultRule(FaultKind.TERMINAL, Action.VIEW_LOGS),
    FaultCode.CRASH_LOOP: FaultRule(FaultKind.TERMINAL, Action.VIEW_LOGS),
    FaultCode.INTERNAL: FaultRule(FaultKind.TERMINAL, Action.RESTART),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that went wrong.

    ``message`` is one sentence for a person that names the thing and the cause; ``detail``
    holds evidence such as the last stderr lines, already redacted.
    """

    code: FaultCode
    message: str
    detail: str = ""

    @property
    def kind(self) -> FaultKind:
        return RULES[self.code].kind

    @property
    def action(self) -> Action:
        return RULES[self.code].action
