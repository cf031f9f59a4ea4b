"""The desk for whoever comes over HTTP: off the loop, and loaded when first asked for."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import NotAsSeen, UnknownClient
from core.model.clients import ClientFile, Deed, Offered, OfferedBy, Preview
from core.model.intents import AddServers
from core.ports import Keyring

if TYPE_CHECKING:
    from core.clients.candidates import Candidate
    from core.clients.catalogue import Client
    from core.clients.connecting import ClientState, Connections, Plan
    from core.clients.desk import Desk
    from core.clients.importing import Source


@dataclass(frozen=True, slots=True)
class ServedDesk:
    """Implements ``core.ports.ClientFiles``; the members are those of ``Desk``."""

    config_file: Path
    data_dir: Path
    environ: Mapping[str, str]
    bridge: tuple[str, ...]
    endpoint: Callable[[], str | None]
    listen: str | None
    keyring: Keyring

    async def clients(self) -> Sequence[ClientFile]:
        def look() -> Sequence[ClientFile]:
            return tuple(map(_file, self._desk().connections().states()))

        return await asyncio.to_thread(look)

    async def preview(self, client: str, deed: Deed) -> Preview:
        def look() -> Preview:
            return _preview(_plan(self._desk().connections(), _client(client), deed))

        return await asyncio.to_thread(look)

    async def carry_out(self, client: str, deed: Deed, seen: str) -> ClientFile:
        def work() -> ClientFile:
            row, connections = _client(client), self._desk().connections()
            plan = _plan(connections, row, deed)
            if _hash(plan) != seen:
                raise NotAsSeen(
                    f"{plan.file} is not what it was when you looked. Nothing was written; look "
                    "at the new preview and try again."
                )
            connections.carry_out(plan)
            return _file(connections.state(row))

        return await asyncio.to_thread(work)

    async def offered(self, client: str) -> OfferedBy | None:
        def look() -> OfferedBy | None:
            found = self._desk().sources((_client(client),))
            return _offered_by(found[0]) if found else None

        return await asyncio.to_thread(look)

    async def taking_over(self, client: str, to_keyring: bool) -> AddServers:
        def look() -> tuple[Sequence[Source], bool]:
            from core.clients.importing import importable

            found = self._desk().sources((_client(client),))
            return found, any(each.secrets for each in importable(found))

        def entries() -> tuple[AddServers, Mapping[str, str]]:
            from core.clients.importing import taking_over

            return taking_over(found, kept)

        found, some = await asyncio.to_thread(look)
        kept = await self.keyring.everything() if to_keyring and some else None
        intent, items = await asyncio.to_thread(entries)
        if items:
            await self.keyring.write(items)
        return intent

    async def read(self, text: str) -> Sequence[Offered]:
        def look() -> Sequence[Offered]:
            return tuple(map(_offered, self._desk().read(text)))

        return await asyncio.to_thread(look)

    def _desk(self) -> Desk:
        from core.clients.desk import Desk
        from core.clients.places import Surroundings

        around = Surroundings(Path.home(), self.environ, sys.platform)
        return Desk(
            self.config_file, self.data_dir, around, self.bridge, self.endpoint(), self.listen
        )


def _client(name: str) -> Client:
    from core.clients.catalogue import BY_ID

    if name not in BY_ID:
        raise UnknownClient(name, BY_ID)
    return BY_ID[name]


def _plan(connections: Connections, client: Client, deed: Deed) -> Plan:
    match deed:
        case Deed.CONNECT:
            return connections.connect(client)
        case Deed.DISCONNECT:
            return connections.leave(client)
        case Deed.UNDO:
            return connections.undo(client)


def _preview(plan: Plan) -> Preview:
    client = plan.client
    return Preview(
        client.id, client.title, str(plan.file), plan.diff, _hash(plan), plan.changes_nothing
    )


def _hash(plan: Plan) -> str:
    parts = (str(plan.file).encode(), plan.before, plan.after)
    whole = hashlib.sha256()
    for part in parts:
        whole.update(b"-" if part is None else b"%d:%b" % (len(part), part))
    return whole.hexdigest()


def _file(state: ClientState) -> ClientFile:
    client = state.client
    return ClientFile(client.id, client.title, str(state.file), state.state, state.why)


def _offered_by(source: Source) -> OfferedBy:
    """Without secrets: to take these over, nobody needs to have seen them."""
    from core.clients.plain_secrets import masked_entry

    servers = tuple(
        replace(_offered(each), entry=masked_entry(each.entry)) for each in source.candidates
    )
    return OfferedBy(source.client.id, source.client.title, str(source.file), servers, source.why)


def _offered(candidate: Candidate) -> Offered:
    from core.clients.doubts import doubts

    return Offered(
        candidate.name,
        candidate.outcome,
        candidate.reason,
        candidate.entry,
        candidate.secrets,
        doubts(candidate.entry),
    )
