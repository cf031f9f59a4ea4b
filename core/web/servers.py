"""Routes about the servers: what they are, and entries added, changed and removed.

What a person changes is written into the config file and comes back from there.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from core.errors import UnknownServer
from core.model.config import ServerName
from core.model.intents import AddServers, ChangeServer, RemoveServer
from core.model.masks import MASK
from core.model.status import ServerStatus
from core.model.switches import switched
from core.web import wire
from core.web.actions import AcceptedData, act_on, submit
from core.web.body import read_json
from core.web.exchange import Request, Response
from core.web.replies import Refused, success
from core.web.site import Site
from core.web.tools import ToolJson, tool_json

AddBody = dict[str, object]
Patch = dict[str, object]


class ServersData(msgspec.Struct, frozen=True):
    """What is answered; see ``_Servers``."""

    servers: tuple[wire.ServerJson, ...]
    stats: wire.StatsJson


class _Servers(msgspec.Struct, frozen=True):
    """``ServersData`` whose servers are encoded already."""

    servers: tuple[msgspec.Raw, ...]
    stats: wire.StatsJson


class OfferBody(msgspec.Struct, frozen=True):
    """``on``: whether AI clients are offered the tool."""

    tool: str
    on: bool


class ToolsData(msgspec.Struct, frozen=True):
    server: str
    tools: tuple[ToolJson, ...]


async def servers(site: Site, _: Request) -> Response:
    snapshot = site.door.snapshot
    return success(_Servers(site.encoded.all(snapshot), wire.stats_json(snapshot)))


async def server(site: Site, request: Request) -> Response:
    snapshot = site.door.snapshot
    return success(wire.server_json(_status(site, request), snapshot.config))


async def tools(site: Site, request: Request) -> Response:
    status = _status(site, request)
    config = site.door.snapshot.config.servers.get(status.name)
    shown = tuple(
        tool_json(status.name, tool, enabled=config is None or config.permits(tool.name))
        for tool in status.tools
    )
    return success(ToolsData(status.name, shown))


async def add(site: Site, request: Request) -> Response:
    """One entry as it would stand in the file with its name, or several under ``servers``."""
    body = await read_json(request, AddBody)
    several = body.get("servers")
    entries = several if isinstance(several, list) and "name" not in body else [body]
    named = tuple(_named(entry) for entry in entries)
    if not named:
        raise Refused(400, "bad_request", "There is no entry to add.")
    if len(named) == 1:
        return await act_on(site, request, named[0][0], AddServers(named))
    return success(AcceptedData(await submit(site, AddServers(named))), 202)


async def change(site: Site, request: Request) -> Response:
    """A JSON merge patch of the entry (RFC 7396): null takes a member out."""
    name = _status(site, request).name
    patch = await read_json(request, Patch)
    _refuse_masks(patch, "")
    return await act_on(site, request, name, ChangeServer(name, patch))


async def offer(site: Site, request: Request) -> Response:
    """Switch one of its tools on or off for AI clients, in the config file."""
    body = await read_json(request, OfferBody)
    name = _status(site, request).name
    config = site.door.snapshot.config.servers.get(name)
    if config is None:
        raise Refused(404, "unknown_server", f"The server {name!r} is being removed.")
    return success(AcceptedData(await submit(site, switched(config, body.tool, body.on))), 202)


async def remove(site: Site, request: Request) -> Response:
    name = _status(site, request).name
    return success(AcceptedData(await submit(site, RemoveServer(name))), 202)


def _named(entry: object) -> tuple[ServerName, Mapping[str, object]]:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise Refused(400, "bad_request", "Every entry is an object with a name.")
    _refuse_masks(entry, "")
    members = {key: value for key, value in entry.items() if key != "name"}
    return ServerName(entry["name"]), members


def _refuse_masks(value: object, path: str) -> None:
    """A mask stands for a value that was not shown; written down, it would replace it."""
    if value == MASK:
        raise Refused(
            400,
            "masked_value",
            f"{path} is {MASK!r}, which only stands for a value that is not shown. Leave it "
            "out to keep that value, or give another one.",
        )
    if isinstance(value, dict):
        for key, part in value.items():
            _refuse_masks(part, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            _refuse_masks(part, f"{path}[{index}]")


def _status(site: Site, request: Request) -> ServerStatus:
    name, known = request.params["name"], site.door.snapshot.servers
    status = known.get(ServerName(name))
    if status is None:
        raise Refused(404, "unknown_server", str(UnknownServer(name, known)))
    return status
