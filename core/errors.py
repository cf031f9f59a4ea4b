"""Exceptions meant for callers of the core.

::

    McpProxyError
    ├── ConfigError          the config file cannot be used            (exit 4)
    ├── ConfigNotWritten     the config file cannot be changed         (exit 5)
    ├── ListenError          the address cannot be listened on         (exit 5)
    │   └── PortInUse        somebody else has the port                (exit 2)
    ├── AlreadyRunning       another instance holds the data directory (exit 3)
    ├── PermissionProblem    a file or directory is not ours to use    (exit 5)
    ├── StorageFailed        the database cannot be read or written
    ├── KeyringFailed        the keyring gives or takes no secrets
    │   └── NoKeyring        there is none here
    ├── RegistryFailed       the registry of servers gave no usable answer
    │   └── RegistryOff      none is named in the config file
    ├── UnknownClient        no AI client of that name is known
    ├── SignInFailed         signing in to a server did not work
    ├── EngineStopped        the engine no longer takes work
    └── IntentRefused        what was asked for makes no sense
        ├── UnknownServer    no server of that name
        ├── NotNow           not in the server's present state
        ├── EditRefused      the config file could not be used after the change
        ├── NotAsSeen        what was approved is not what is there now
        └── NotKept          an approval could not be written down
"""

from __future__ import annotations

import errno
from collections.abc import Iterable

from core.model.config import Problem

_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))  # Windows knows no quota error


class McpProxyError(Exception):
    """Base of all; ``str()`` is a sentence for a person naming thing, cause and fix."""

    exit_code = 1


class ConfigError(McpProxyError):
    """The config file cannot be used; carries every problem found."""

    exit_code = 4

    def __init__(self, file: str, problems: Iterable[Problem]) -> None:
        self.file = file
        self.problems = tuple(problems)
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"{file} cannot be used:\n{lines}")


class ConfigNotWritten(McpProxyError):
    """The config file could not be changed; it is as it was, and so is what runs."""

    exit_code = 5

    def __init__(self, file: str, error: OSError) -> None:
        fix = "Free some space" if error.errno in _FULL else "Make it and its directory writable"
        super().__init__(
            f"{file} cannot be written: {error.strerror or error}. Nothing was changed. "
            f"{fix}, then try again."
        )


class ListenError(McpProxyError):
    """The address cannot be listened on."""

    exit_code = 5


class PortInUse(ListenError):
    """Somebody else listens on the port."""

    exit_code = 2


class AlreadyRunning(McpProxyError):
    """Another instance uses the same data directory."""

    exit_code = 3


class PermissionProblem(McpProxyError):
    """A file or directory we need is not ours to use."""

    exit_code = 5


class StorageFailed(McpProxyError):
    """The database cannot be read or written; says why, and what to do about it.

    ``nothing_kept``: it could not even be begun, so there is nothing in it that is unknown.
    """

    nothing_kept = False


class KeyringFailed(McpProxyError):
    """The keyring gives or takes no secrets now: it is locked, or does not answer."""


class NoKeyring(KeyringFailed):
    """There is no keyring here, as on a computer without a desktop."""

    def __init__(self) -> None:
        super().__init__(
            "There is no keyring here; it comes with a desktop session. Put the value into an "
            "environment variable instead, and refer to it as ${env:NAME}."
        )


class RegistryFailed(McpProxyError):
    """The registry of servers gave no usable answer."""

    def __init__(self, host: str, why: str) -> None:
        super().__init__(
            f'The registry at {host} {why}. Try again later, or check "registry_url" in the '
            "config file."
        )


class RegistryOff(RegistryFailed):
    """Nobody has named a registry, so none is asked."""

    def __init__(self) -> None:
        McpProxyError.__init__(
            self,
            'No registry of servers is asked. To search one, put its address into "registry_url" '
            'in the config file, such as "https://registry.modelcontextprotocol.io".',
        )


class UnknownClient(McpProxyError):
    """No AI client of that name is known."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"There is no client {name!r}. Known: {', '.join(known)}.")


class SignInFailed(McpProxyError):
    """Signing in to a server did not work; says why, without anything secret."""


class EngineStopped(McpProxyError):
    """The engine has stopped or is stopping; it takes no more work."""


class IntentRefused(McpProxyError):
    """What was asked for makes no sense; nothing was changed."""


class UnknownServer(IntentRefused):
    def __init__(self, name: str, known: Iterable[str]) -> None:
        names = ", ".join(sorted(known)) or "none"
        super().__init__(f"There is no server named {name!r}. Configured servers: {names}.")


class EditRefused(IntentRefused):
    """The config file could not be used after the change; carries every problem."""

    def __init__(self, file: str, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"{file} was not changed, because it would have problems:\n{lines}")


class NotNow(IntentRefused):
    """The server's present state does not allow it."""


class NotAsSeen(IntentRefused):
    """What a person agreed to is not what is there now; they have to look again."""


class NotKept(IntentRefused):
    """An approval could not be written down, so it does not count."""
