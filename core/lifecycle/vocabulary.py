"""What the state machine speaks of: its states, the events it takes, the effects it asks for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from core.model.config import ServerConfig
from core.model.faults import Fault
from core.model.status import Peer

# --- states -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Disabled:
    """Not wanted."""


@dataclass(frozen=True, slots=True)
class Connecting:
    """A connection is being opened or shakes hands."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The server can be called, since the moment ``since``."""

    since: float
    peer: Peer


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waiting for the retry timer, which is due at ``retry_at``."""

    retry_at: float
    fault: Fault


@dataclass(frozen=True, slots=True)
class AuthRequired:
    """A person has to sign in first."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class Failed:
    """A person has to change something first, or press Restart."""

    fault: Fault


class Then(Enum):
    """What follows once the old connection has ended."""

    CONNECT = "connect"
    DISABLE = "disable"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Stopping:
    """The connection was told to close and has not ended yet."""

    then: Then


@dataclass(frozen=True, slots=True)
class Removed:
    """Gone for good; the actor can be forgotten."""


State = Disabled | Connecting | Ready | Backoff | AuthRequired | Failed | Stopping | Removed

# --- events -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Configure:
    """Told: this is what is wanted now."""

    config: ServerConfig


@dataclass(frozen=True, slots=True)
class Restart:
    """Told: start anew at once, forgetting earlier failures."""


@dataclass(frozen=True, slots=True)
class RetryNow:
    """Told: somebody needs it, so do not wait for the timer; failures stay remembered."""


@dataclass(frozen=True, slots=True)
class Remove:
    """Told: end for good."""


@dataclass(frozen=True, slots=True)
class CredentialsChanged:
    """Told: signing in may work now, or a secret is there, or another one."""


@dataclass(frozen=True, slots=True)
class Connected:
    """Observed: the hand-shake is done."""

    epoch: int
    at: float
    peer: Peer


@dataclass(frozen=True, slots=True)
class PeerChanged:
    """Observed: the server's tools, prompts or resources are others now."""

    epoch: int
    peer: Peer


@dataclass(frozen=True, slots=True)
class Ended:
    """Observed: the connection is over, with everything it held released."""

    epoch: int
    at: float
    fault: Fault | None


@dataclass(frozen=True, slots=True)
class RetryDue:
    """Observed: the retry timer fired."""

    epoch: int


Observed = Connected | PeerChanged | Ended | RetryDue
Event = Configure | Restart | RetryNow | Remove | CredentialsChanged | Observed

# --- effects ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenConnection:
    epoch: int
    config: ServerConfig


@dataclass(frozen=True, slots=True)
class CloseConnection:
    epoch: int


@dataclass(frozen=True, slots=True)
class StartRetryTimer:
    epoch: int
    at: float


@dataclass(frozen=True, slots=True)
class CancelRetryTimer:
    epoch: int


Effect = OpenConnection | CloseConnection | StartRetryTimer | CancelRetryTimer
