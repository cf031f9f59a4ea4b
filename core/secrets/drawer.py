"""What a person does with secrets, in one go each; with and without a running engine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from core.config.file import ConfigFile
from core.config.schema import Overrides
from core.errors import McpProxyError
from core.model.config import Config
from core.model.references import SECRET_NAME, keyring_names
from core.secrets.keyring import PATIENT, Keyring
from core.secrets.vault import DesktopVault, Vault

NOTICE = 3.0  # seconds after which a person wonders
WAITING = "Waiting for the keyring. It may ask for its password in a window."

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kept:
    """A name that is in the keyring (``has_value``), or that an entry refers to, or both."""

    name: str
    has_value: bool
    servers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drawer:
    """Everything here blocks, for a minute at most, and raises KeyringFailed.

    ``say`` is told when it takes long enough to wonder.
    """

    config_file: Path
    say: Callable[[str], object] = lambda _: None
    vault: Vault = field(default_factory=DesktopVault)

    def put(self, items: Mapping[str, str]) -> None:
        """Keep values under their names."""
        self._run(lambda keyring: keyring.write(items))

    def everything(self) -> Mapping[str, str]:
        """Every value that was put here."""

        return self._run(lambda keyring: keyring.everything())

    def take_out(self, names: Collection[str]) -> Collection[str]:
        """Delete those that are there; which that were."""

        async def delete(keyring: Keyring) -> Collection[str]:
            there = (await keyring.read(names)).keys()
            await keyring.delete(there)
            return there

        return self._run(delete)

    def listed(self) -> tuple[Kept, ...]:
        """What is there, and what entries refer to, by name; no value."""
        users = self._users()

        async def look(keyring: Keyring) -> Collection[str]:
            # What sign-ins brought is kept there too, under names that no entry can refer to.
            own = filter(SECRET_NAME.fullmatch, await keyring.names())
            names = {*own, *users}
            return (await keyring.read(names)).keys() if names else ()

        there = self._run(look)
        return tuple(
            Kept(name, name in there, tuple(users.get(name, ())))
            for name in sorted({*there, *users})
        )

    def users(self, name: str) -> tuple[str, ...]:
        """The servers whose entries refer to the secret."""
        return tuple(self._users().get(name, ()))

    def _users(self) -> Mapping[str, list[str]]:
        config = Config()
        with suppress(McpProxyError):  # a file with a mistake is told elsewhere
            config = ConfigFile(self.config_file, Overrides()).examine() or config
        users: dict[str, list[str]] = {}
        for server in config.servers.values():
            for name in keyring_names(server.texts(config.environment)):
                users.setdefault(name, []).append(server.name)
        return users

    def _run(self, work: Callable[[Keyring], Awaitable[T]]) -> T:
        async def patiently() -> T:
            notice = asyncio.get_running_loop().call_later(NOTICE, self.say, WAITING)
            try:
                return await work(Keyring(self.vault, limit=PATIENT))
            finally:
                notice.cancel()

        return asyncio.run(patiently())
