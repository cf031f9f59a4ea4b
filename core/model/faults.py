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
    KEYRING_LOCKED = "KEYRING_LOCKED"  # the keyring that has a value does not give it
    UNSUPPORTED = "UNSUPPORTED"  # the entry asks for what this version cannot do
    EXIT_EARLY = "EXIT_EARLY"  # ended before it was ready
    CRASHED = "CRASHED"  # ended after it was ready
    OUTPUT_CLOSED = "OUTPUT_CLOSED"  # lives, but closed the pipe it answers on
    DEP_DOCKER_DOWN = "DEP_DOCKER_DOWN"  # what it runs in is not running
    STDOUT_FLOOD = "STDOUT_FLOOD"  # wrote garbage without an end where messages belong
    HANDSHAKE_TIMEOUT = "HANDSHAKE_TIMEOUT"  # started, never answered
    HANDSHAKE_INVALID = "HANDSHAKE_INVALID"  # answered, but not as MCP asks
    DNS_FAILED = "DNS_FAILED"  # the host's name has no address
    CONNECT_FAILED = "CONNECT_FAILED"  # nothing answers at the address
    TLS_FAILED = "TLS_FAILED"  # the encrypted connection cannot be trusted or made
    PROXY_MISCONFIG = "PROXY_MISCONFIG"  # the HTTP proxy does not let us through
    AUTH_REQUIRED = "AUTH_REQUIRED"  # the server wants a key, or does not accept the one it got
    LOGIN_NEEDED = "LOGIN_NEEDED"  # the server wants a person to sign in
    REAUTH_NEEDED = "REAUTH_NEEDED"  # a sign-in has ended and could not be renewed
    FORBIDDEN = "FORBIDDEN"  # signed in, but not allowed
    RATE_LIMITED = "RATE_LIMITED"  # the server wants to be asked less often
    REDIRECTED = "REDIRECTED"  # the server sends us to another origin, or in a circle
    NOT_MCP = "NOT_MCP"  # something answers at the URL, but no MCP server
    SERVER_ERROR = "SERVER_ERROR"  # the server's own error (HTTP 5xx)
    DISCONNECTED = "DISCONNECTED"  # was connected, and the connection is lost
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
    FaultCode.KEYRING_LOCKED: FaultRule(FaultKind.TERMINAL, Action.RESTART),
    FaultCode.UNSUPPORTED: FaultRule(FaultKind.TERMINAL, Action.CONFIGURE),
    FaultCode.EXIT_EARLY: FaultRule(FaultKind.TRANSIENT, Action.VIEW_LOGS),
    FaultCode.CRASHED: FaultRule(FaultKind.TRANSIENT, Action.RESTART),
    FaultCode.OUTPUT_CLOSED: FaultRule(FaultKind.TRANSIENT, Action.RESTART),
    FaultCode.DEP_DOCKER_DOWN: FaultRule(FaultKind.TRANSIENT, Action.RESTART),
    FaultCode.STDOUT_FLOOD: FaultRule(FaultKind.TRANSIENT, Action.VIEW_LOGS),
    FaultCode.HANDSHAKE_TIMEOUT: FaultRule(FaultKind.TRANSIENT, Action.VIEW_LOGS),
    FaultCode.HANDSHAKE_INVALID: FaultRule(FaultKind.TERMINAL, Action.VIEW_LOGS),
    FaultCode.DNS_FAILED: FaultRule(FaultKind.TRANSIENT, Action.RESTART),
    FaultCode.CONNECT_FAILED: FaultRule(FaultKind.TRANSIENT, Action.RESTART),
    FaultCode.TLS_FAILED: FaultRule(FaultKind.TRANSIENT, Action.CONFIGURE),
    FaultCode.PROXY_MISCONFIG: FaultRule(FaultKind.TRANSIENT, Action.CONFIGURE),
    FaultCode.AUTH_REQUIRED: FaultRule(FaultKind.AUTH, Action.CONFIGURE),
    FaultCode.LOGIN_NEEDED: FaultRule(FaultKind.AUTH, Action.LOGIN),
    FaultCode.REAUTH_NEEDED: FaultRule(FaultKind.AUTH, Action.LOGIN),
    FaultCode.FORBIDDEN: FaultRule(FaultKind.TERMINAL, Action.LOGIN),
    FaultCode.RATE_LIMITED: FaultRule(FaultKind.TRANSIENT, Action.RESTART),
    FaultCode.REDIRECTED: FaultRule(FaultKind.TERMINAL, Action.CONFIGURE),
    FaultCode.NOT_MCP: FaultRule(FaultKind.TRANSIENT, Action.CONFIGURE),
    FaultCode.SERVER_ERROR: FaultRule(FaultKind.TRANSIENT, Action.RESTART),
    FaultCode.DISCONNECTED: FaultRule(FaultKind.TRANSIENT, Action.RESTART),
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
