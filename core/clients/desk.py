"""What a person can do with AI clients' files, put together from their config file and ours."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.clients.candidates import Candidate
from core.clients.catalogue import CLIENTS, Client
from core.clients.connecting import ClientProblem, Connections, Target
from core.clients.importing import Source, importable, sources, taking_over
from core.clients.pasted import pasted
from core.clients.places import Surroundings
from core.config.file import ConfigFile
from core.config.schema import Overrides
from core.errors import KeyringFailed
from core.model.config import Config, ServerConfig, Stdio
from core.secrets.drawer import Drawer


@dataclass(frozen=True, slots=True)
class Desk:
    """Works with and without a running engine, which follows its config file anyway.

    ``endpoint`` is the running engine's address; without it the config file tells. Everything
    here blocks. Raises ConfigError, PermissionProblem, ClientProblem.
    """

    config_file: Path
    data_dir: Path
    surroundings: Surroundings
    bridge: tuple[str, ...]  # the command that connects clients which only know stdio
    endpoint: str | None = None
    listen: str | None = None  # over the config file

    def connections(self) -> Connections:
        config = self._config()
        key = config.api_key if config.require_mcp_auth else ""
        target = Target(self._endpoint(config), key, self.bridge)
        return Connections(self.surroundings, target, self.data_dir / "connect")

    def sources(self, clients: Iterable[Client] = CLIENTS, asking: bool = False) -> list[Source]:
        """What could be taken over, and why the rest could not; ``asking`` as of ``candidates``."""
        config = self._config()
        known, endpoint = _known(config), self._endpoint(config)
        return list(sources(clients, self.surroundings, known, endpoint, asking))

    def read(self, text: str) -> list[Candidate]:
        """The servers that a person's text names. Raises also Unreadable."""
        config, around = self._config(), self.surroundings
        endpoint = self._endpoint(config)
        return pasted(text, _known(config), endpoint, around.environ, around.platform)

    def take_over(self, found: Sequence[Source], drawer: Drawer | None = None) -> None:
        """Write what can be imported into our config file; its secrets into the drawer, if given.

        What was put there stays when the file cannot be written; the next try finds it there.
        Raises also EditRefused and KeyringFailed, before anything is written.
        """
        kept = None
        if drawer is not None and any(each.secrets for each in importable(found)):
            kept = drawer.everything()
        intent, items = taking_over(found, kept)
        if drawer is not None and items:
            drawer.put(items)

        async def write() -> None:
            file = self._file()
            await file.load()  # creates it if there is none
            await file.edit(intent)

        asyncio.run(write())

    def take_over_as_can_be(self, found: Sequence[Source], drawer: Drawer) -> str:
        """The same, with the secrets in our config file where the keyring cannot be used: why."""
        try:
            self.take_over(found, drawer)
        except KeyringFailed as error:
            self.take_over(found)
            return str(error)
        return ""

    def _config(self) -> Config:
        return self._file().examine() or Config()

    def _file(self) -> ConfigFile:
        return ConfigFile(self.config_file, Overrides(listen=self.listen))

    def _endpoint(self, config: Config) -> str:
        if self.endpoint is not None:
            return self.endpoint
        if config.listen.port == 0:
            raise ClientProblem(
                "The config file lets the system choose a port at each start, so clients cannot "
                'be told where we are. Set "listen" to an address such as "127.0.0.1:8080".'
            )
        return f"http://{config.listen}/mcp"


def _known(config: Config) -> dict[str, object]:
    return {name: _entry(server) for name, server in config.servers.items()}


def _entry(server: ServerConfig) -> dict[str, object]:
    """As much of an entry as tells it from others."""
    transport = server.transport
    if isinstance(transport, Stdio):
        return {"command": transport.command, "args": [*transport.args]}
    return {"url": transport.url}
