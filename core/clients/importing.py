"""Everything that could be taken over from the AI clients of one person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.clients.candidates import Candidate, Outcome, candidates
from core.clients.catalogue import Client
from core.clients.formats import NotEditable
from core.clients.places import Surroundings, existing
from core.clients.plain_secrets import moved
from core.config import disk
from core.model.config import ServerName
from core.model.intents import AddServers


@dataclass(frozen=True, slots=True)
class Source:
    """A client's file and what it offers; ``why`` when it cannot be read."""

    client: Client
    file: Path
    candidates: tuple[Candidate, ...] = ()
    why: str = ""


def sources(
    clients: Iterable[Client],
    surroundings: Surroundings,
    known: Mapping[str, object],
    endpoint: str,
    asking: bool = False,
) -> Iterator[Source]:
    """The clients' files that exist; blocks. ``known`` are our own entries by name; ``asking`` as
    of ``candidates``.

    What two clients have is offered once, and a name is given once.
    """
    known = dict(known)
    for client in clients:
        file = existing(client.files, surroundings)
        try:
            servers = _by_name(client.format.read(disk.read(file).decode()).get(client.key) or {})
        except FileNotFoundError:
            continue
        except (NotEditable, disk.NotAFile, OSError, UnicodeDecodeError) as error:
            yield Source(client, file, why=str(error))
            continue
        if not isinstance(servers, dict):
            yield Source(client, file, why=f'"{client.key}" holds no servers by name')
            continue
        found = candidates(servers, client.dialect, known, endpoint, surroundings.environ, asking)
        known |= {each.name: each.entry for each in found if each.outcome is Outcome.IMPORT}
        yield Source(client, file, tuple(found))


def _by_name(servers: object) -> object:
    """A list of entries with names, as some write it, as a table; anything else as it is."""
    if not isinstance(servers, list):
        return servers
    return {
        str(each["name"]): each for each in servers if isinstance(each, dict) and "name" in each
    }


def taking_over(
    sources: Iterable[Source], kept: Mapping[str, str] | None = None
) -> tuple[AddServers, Mapping[str, str]]:
    """The intent to add all that can be imported; a person has to approve each before its use.

    With what the keyring has, by name, the entries refer to it instead of holding secrets, and
    the other half is what it has to take before; else they are as they stand at the client's.
    """
    added: list[tuple[ServerName, Mapping[str, object]]] = []
    taken: dict[str, str] = {}
    for each in importable(sources):
        entry: Mapping[str, object] = each.entry
        if kept is not None:
            entry, items = moved(each.name, entry, {**kept, **taken})
            taken |= items
        added.append((ServerName(each.name), {**entry, "quarantined": True}))
    return AddServers(tuple(added)), taken


def importable(sources: Iterable[Source]) -> Iterator[Candidate]:
    """What can be taken over of all that was found."""
    for source in sources:
        yield from (each for each in source.candidates if each.outcome is Outcome.IMPORT)
