"""A private message bus: a real dbus-daemon that nothing else on the machine talks to."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

NO_SERVICES = {"XDG_DATA_DIRS": "/nonexistent", "XDG_DATA_HOME": "/nonexistent"}
"""Nothing on this machine may be started over the bus."""


class PrivateBus:
    """A dbus-daemon listening on ``directory/bus``; can be killed and started again there."""

    def __init__(self, directory: Path, environment: Mapping[str, str] = NO_SERVICES) -> None:
        self._environment = {**os.environ, **environment}
        self.socket = directory / "bus"
        self.address = f"unix:path={self.socket}"
        self._daemon: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Return when the daemon listens."""
        self.socket.unlink(missing_ok=True)
        self._daemon = subprocess.Popen(
            [
                "dbus-daemon",
                "--session",
                "--nofork",
                "--print-address=1",
                "--address",
                self.address,
            ],
            stdout=subprocess.PIPE,
            text=True,
            stderr=subprocess.DEVNULL,
            env=self._environment,
        )
        assert self._daemon.stdout is not None
        if not self._daemon.stdout.readline():
            raise AssertionError("dbus-daemon did not start")

    def kill(self) -> None:
        if self._daemon is not None:
            with self._daemon as daemon:
                daemon.kill()
            self._daemon = None
