"""A desktop's keyring of a test's own: the real gnome-keyring on a private bus."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import secretstorage
from jeepney import MatchRule, message_bus
from jeepney.io.blocking import Proxy, open_dbus_connection

from core.secrets.vault import SERVICE as OURS
from tests.fakes.tray_bus import NO_SERVICES, PrivateBus

SERVICE = "org.freedesktop.secrets"
PROMPTER = "org.gnome.keyring.SystemPrompter"
LIMIT = 20.0  # seconds
PASSWORD = b"of no secret"
_PROGRAM = "gnome-keyring-daemon"


class DesktopKeyring:
    """Windows that ask for its password are seen by nobody.

    ``directory`` needs a short path: sockets lie in it.
    """

    def __init__(self, directory: Path) -> None:
        self.bus = PrivateBus(directory)
        self.environ = {"DBUS_SESSION_BUS_ADDRESS": self.bus.address}
        self._directory = directory
        self._stack = ExitStack()

    def start(self) -> None:
        """Return when it answers, unlocked."""
        self.bus.start()
        self._stack.callback(self.bus.kill)
        self._sign_in()

    def _sign_in(self) -> None:
        daemon = subprocess.Popen(
            [_PROGRAM, "--foreground", "--unlock", "--components=secrets"],
            env=self._environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._daemon = self._stack.enter_context(daemon)
        self._stack.callback(daemon.kill)
        assert daemon.stdin is not None
        daemon.stdin.write(PASSWORD)
        daemon.stdin.close()
        self._until(SERVICE, owned=True)

    def lock(self) -> None:
        with open_dbus_connection(self.bus.address) as connection:
            secretstorage.get_default_collection(connection).lock()

    def unlock(self) -> None:
        """By signing out and in again: what it had is in its file."""
        self._daemon.kill()
        self._daemon.wait()
        self._until(SERVICE, owned=False)
        self._sign_in()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """It does nothing for a while, and answers then."""
        self._daemon.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._daemon.send_signal(signal.SIGCONT)

    @contextmanager
    def mute(self, name: str = PROMPTER) -> Iterator[None]:
        """Somebody owns the name who answers nothing: nobody ever types the password."""
        command = (sys.executable, "-m", "tests.fakes.mute_bus_name", self.bus.address, name)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as silent:
            assert silent.stdout is not None
            assert silent.stdout.readline() == b"owned\n"
            yield
            assert silent.stdin is not None
            silent.stdin.close()

    def put(self, items: Mapping[str, str]) -> None:
        """As the program keeps them."""
        with open_dbus_connection(self.bus.address) as connection:
            collection = secretstorage.get_default_collection(connection)
            for name, value in items.items():
                attributes = {"service": OURS, "username": name}
                collection.create_item(name, attributes, value.encode())

    def items(self) -> dict[str, str]:
        """Everything in it, by the name we gave it."""
        with open_dbus_connection(self.bus.address) as connection:
            found = secretstorage.get_default_collection(connection).get_all_items()
            return {each.get_attributes()["username"]: each.get_secret().decode() for each in found}

    def close(self) -> None:
        self._stack.close()

    @property
    def _environ(self) -> dict[str, str]:
        own = {name: str(self._directory) for name in ("HOME", "XDG_RUNTIME_DIR")}
        return {**os.environ, **NO_SERVICES, **self.environ, **own, "XDG_DATA_HOME": own["HOME"]}

    def _until(self, name: str, *, owned: bool) -> None:
        rule = MatchRule(type="signal", member="NameOwnerChanged")
        with open_dbus_connection(self.bus.address) as connection:
            bus = Proxy(message_bus, connection, timeout=LIMIT)
            with connection.filter(rule) as changes:
                bus.AddMatch(rule)
                while bool(bus.NameHasOwner(name)[0]) is not owned:
                    connection.recv_until_filtered(changes, timeout=LIMIT)
