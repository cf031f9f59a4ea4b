"""The keyring itself, through the library of that name; its errors become ours.

Everything here blocks, for minutes if the keyring waits for its password in a window that
nobody sees. The library is loaded when it is first needed: no start needs it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from core.errors import KeyringFailed, NoKeyring

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "mcpproxy-tray"
"""What our items are kept under; each is found by it and by its own name."""

NAMES = "/names"
"""The item that lists the others, for no keyring does; no secret can be called so."""


class Locked(KeyringFailed):
    """It asked for its password and did not get it."""

    def __init__(self) -> None:
        super().__init__(
            "The keyring is locked, and its password was not given. Unlock it, then try again."
        )


class Vault(Protocol):
    """Something that keeps texts by name. Everything blocks and raises KeyringFailed."""

    def read(self, names: Collection[str]) -> Mapping[str, str]:
        """Of the names, those that have a value."""

    def names(self) -> Collection[str]:
        """What was written and not deleted."""

    def write(self, items: Mapping[str, str]) -> None:
        """Keep each value under its name."""

    def delete(self, names: Collection[str]) -> None:
        """Take items out; one that is not there is no error."""


class DesktopVault:
    """The keyring of this desktop session: Secret Service, Keychain or Credential Manager."""

    def __init__(self) -> None:
        self._backend: KeyringBackend | None = None

    def read(self, names: Collection[str]) -> Mapping[str, str]:
        with self._opened() as keyring:
            found = {name: keyring.get_password(SERVICE, name) for name in sorted(names)}
        return {name: value for name, value in found.items() if value is not None}

    def names(self) -> Collection[str]:
        with self._opened() as keyring:
            return _names(keyring)

    def write(self, items: Mapping[str, str]) -> None:
        with self._opened() as keyring:
            for name, value in items.items():
                keyring.set_password(SERVICE, name, value)
                if keyring.get_password(SERVICE, name) != value:
                    raise KeyringFailed(f"The keyring took {name}, but does not give it back.")
            _keep_names(keyring, _names(keyring) | items.keys())

    def delete(self, names: Collection[str]) -> None:
        with self._opened() as keyring:
            for name in names:
                if keyring.get_password(SERVICE, name) is not None:
                    keyring.delete_password(SERVICE, name)
            _keep_names(keyring, _names(keyring).difference(names))

    @contextmanager
    def _opened(self) -> Iterator[KeyringBackend]:
        from keyring import errors

        failures: tuple[type[Exception], ...] = (errors.KeyringError, *_foreign())
        try:
            # None was there when we started, perhaps: a desktop's may come later than we.
            if self._backend is None:
                self._backend = _chosen()
            yield self._backend
        except errors.NoKeyringError as error:
            raise NoKeyring from error
        except errors.KeyringLocked as error:
            raise Locked from error
        except failures as error:
            why = str(error).strip().rstrip(".") or type(error).__name__
            raise KeyringFailed(
                f"The keyring cannot be used: {why}. Look at it in your desktop's password "
                "program, or use ${env:NAME} instead."
            ) from error


def _names(keyring: KeyringBackend) -> frozenset[str]:
    return frozenset((keyring.get_password(SERVICE, NAMES) or "").split())


def _keep_names(keyring: KeyringBackend, names: Collection[str]) -> None:
    if names != _names(keyring):
        keyring.set_password(SERVICE, NAMES, " ".join(sorted(names)))


def _chosen() -> KeyringBackend:
    """What the person told the library to use, or else the best that is meant for this.

    The library would also take a plain file as a last resort, or several keyrings one after the
    other; nobody asked for that. Raises NoKeyring, and whatever a choice that cannot be used
    raises.
    """
    from keyring import backend, core
    from keyring.backends.chainer import ChainerBackend

    told = core.load_env() or core.load_config()
    if told is not None:
        return told
    backend.get_all_keyring()  # makes known what is installed; what it finds, it finds once
    viable = backend.KeyringBackend.get_viable_backends()
    usable = (each for each in viable if each is not ChainerBackend and core.recommended(each))
    best = max(usable, key=backend.by_priority, default=None)
    if best is None:
        raise NoKeyring
    return best()


def _foreign() -> tuple[type[Exception], ...]:
    """What else the library lets through: of a setting that cannot be used, of the system, and
    of the libraries below it."""
    from configparser import Error as NotReadable

    ours = (OSError, EOFError, ImportError, AttributeError, RuntimeError, ValueError, NotReadable)
    try:
        from jeepney import DBusErrorResponse
        from secretstorage import SecretStorageException
    except ImportError:  # they are Linux's
        return ours
    return (*ours, DBusErrorResponse, SecretStorageException)
