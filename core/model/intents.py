"""What anyone (tray, REST, CLI) may ask for, and which of it makes sense now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.model.config import ServerName
from core.model.status import Phase, ServerStatus


@dataclass(frozen=True, slots=True)
class RestartServer:
    """Stop the server's connection, if any, and start it anew at once."""

    name: ServerName


@dataclass(frozen=True, slots=True)
class RetryNow:
    """Try a server that waits to be tried again at once, without forgetting its failures."""

    name: ServerName


@dataclass(frozen=True, slots=True)
class SetEnabled:
    """Edit the config file so that the server is wanted or not."""

    name: ServerName
    enabled: bool


@dataclass(frozen=True, slots=True)
class Login:
    """Prepare a sign-in to the server, which a person completes in their browser."""

    name: ServerName


@dataclass(frozen=True, slots=True)
class Logout:
    """Forget what proves to the server who the person is."""

    name: ServerName


@dataclass(frozen=True, slots=True)
class SetQuarantined:
    """Edit the config file so that nothing of the server may be used, or that it may again."""

    name: ServerName
    quarantined: bool


@dataclass(frozen=True, slots=True)
class AddServers:
    """Put entries into the config file, all or none; members as the file has them."""

    servers: tuple[tuple[ServerName, Mapping[str, object]], ...]


@dataclass(frozen=True, slots=True)
class ChangeServer:
    """Set members of a server's entry in the config file; None takes a member out."""

    name: ServerName
    members: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RemoveServer:
    """Take a server's entry out of the config file."""

    name: ServerName


@dataclass(frozen=True, slots=True)
class ReplaceConfig:
    """Put another text in the place of the config file's, whose digest was ``seen`` before.

    Masks in it stand for the values that the file has.
    """

    text: str = field(repr=False)
    seen: str


@dataclass(frozen=True, slots=True)
class RestoreConfig:
    """Put the settings that are active back where the config file was deleted or is broken."""


@dataclass(frozen=True, slots=True)
class PauseAll:
    """Want no server for now, or again those that are enabled."""

    paused: bool


@dataclass(frozen=True, slots=True)
class ApproveTools:
    """Agree to tools as they were seen: each by its name and the ``Tool.hash`` of then."""

    name: ServerName
    seen: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ApproveServer:
    """Agree to all that waits about a server; ``seen`` is the ``Review.hash`` of then."""

    name: ServerName
    seen: str


@dataclass(frozen=True, slots=True)
class SecretChanged:
    """The keyring has another value under that name: try again what failed for want of it."""

    secret: str


@dataclass(frozen=True, slots=True)
class Show:
    """Make the running program visible to the person (a second start asks for it)."""


@dataclass(frozen=True, slots=True)
class Shutdown:
    """Stop everything, in order; asked for again, without waiting for anything to end."""


ServerIntent = RestartServer | RetryNow | SetEnabled
SignInIntent = Login | Logout
ApprovalIntent = SetQuarantined | ApproveTools | ApproveServer
FileIntent = AddServers | ChangeServer | RemoveServer | ReplaceConfig | PauseAll
OtherIntent = RestoreConfig | SecretChanged | Show | Shutdown
Intent = ServerIntent | SignInIntent | ApprovalIntent | FileIntent | OtherIntent


def allowed(status: ServerStatus) -> frozenset[type[ServerIntent]]:
    """Which intents make sense for a server now, so that all faces offer the same."""
    match status.phase:
        case Phase.DISABLED:
            return frozenset({SetEnabled})
        case Phase.STOPPING:
            return frozenset()
        case Phase.BACKOFF:
            return frozenset({SetEnabled, RestartServer, RetryNow})
        case _:
            return frozenset({SetEnabled, RestartServer})
