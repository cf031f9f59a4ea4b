"""Routes for a person's word on servers and tools: what waits, what changed, and agreeing to it."""

from __future__ import annotations

import asyncio

import msgspec

from core.approval.canonical import tool_hash
from core.approval.words import visible
from core.errors import StorageFailed, UnknownServer
from core.model.config import Http, ServerConfig, ServerName, Setting, Stdio
from core.model.intents import ApprovalIntent, ApproveServer, ApproveTools, SetQuarantined
from core.model.masks import masked_url
from core.model.status import ServerStatus
from core.model.tools import Standing, Tool
from core.web import wire
from core.web.actions import AcceptedData, submit
from core.web.body import read_json
from core.web.exchange import Request, Response
from core.web.replies import Refused, success
from core.web.site import Site


class FlagJson(msgspec.Struct, frozen=True):
    """Something suspicious in a tool's words."""

    rule: str
    where: str
    evidence: str


class ChangeJson(msgspec.Struct, frozen=True):
    """A member that is another now; ``lines`` begin with ``-``, ``+`` or a space."""

    where: str
    lines: tuple[str, ...]


class DiffData(msgspec.Struct, frozen=True):
    """A tool as it is beside what was agreed to; ``hash`` is what approving it has to name."""

    server: str
    tool: str
    standing: str
    hash: str
    flags: tuple[FlagJson, ...]
    changes: tuple[ChangeJson, ...]


class ReviewData(msgspec.Struct, frozen=True):
    """Everything a person should see before they agree; ``runs`` is what the entry starts."""

    server: str
    quarantined: bool
    runs: tuple[str, ...]
    environment: tuple[str, ...]
    review: wire.ReviewJson
    tools: tuple[DiffData, ...]


class SeenTool(msgspec.Struct, frozen=True):
    """A tool as a person saw it."""

    name: str
    hash: str


class ApproveBody(msgspec.Struct, frozen=True):
    """Either ``tools`` with the hash of each, or ``hash`` of the review for all that waits."""

    tools: tuple[SeenTool, ...] = ()
    hash: str = ""


class ApprovedData(msgspec.Struct, frozen=True):
    accepted_at_seq: int
    server: wire.StatusJson


async def quarantine(site: Site, request: Request) -> Response:
    """Hide and block everything of the server until a person agrees again."""
    intent = SetQuarantined(_name(request), quarantined=True)
    return success(AcceptedData(await submit(site, intent)), 202)


async def unquarantine(site: Site, request: Request) -> Response:
    """Agree to the server and to its tools, as far as no rule speaks against them."""
    intent = SetQuarantined(_name(request), quarantined=False)
    return success(AcceptedData(await submit(site, intent)), 202)


async def approve(site: Site, request: Request) -> Response:
    body = await read_json(request, ApproveBody)
    if bool(body.tools) == bool(body.hash):
        raise Refused(
            400,
            "bad_request",
            'Give either "tools", each with the hash that was seen, or the "hash" of the review.',
        )
    name = _name(request)
    intent: ApprovalIntent = ApproveServer(name, body.hash)
    if body.tools:
        intent = ApproveTools(name, tuple((tool.name, tool.hash) for tool in body.tools))
    seq = await submit(site, intent)
    return success(ApprovedData(seq, wire.status_json(_status(site, request))), 202)


async def review(site: Site, request: Request) -> Response:
    """All that waits at one server, with what changed and what is suspicious."""
    status = _status(site, request)
    config = _config(site, request)
    waiting = [
        tool
        for tool in status.tools
        if tool.standing is not Standing.APPROVED or status.review.quarantined
    ]
    runs, environment = _runs(config)
    return success(
        ReviewData(
            status.name,
            status.quarantined,
            runs,
            environment,
            wire.review_json(status.review),
            tuple([await _compared(site, config, tool) for tool in waiting]),
        )
    )


async def diff(site: Site, request: Request) -> Response:
    status, name = _status(site, request), request.params["tool"]
    tool = next((tool for tool in status.tools if tool.name == name), None)
    if tool is None:
        raise Refused(404, "unknown_tool", f"The server {status.name!r} lists no tool {name!r}.")
    return success(await _compared(site, _config(site, request), tool))


async def _compared(site: Site, config: ServerConfig, tool: Tool) -> DiffData:
    try:
        before = await site.records.approved(config, tool.name)
    except StorageFailed as error:
        raise Refused(503, "storage", str(error)) from error
    changes = await asyncio.to_thread(_changes, before, tool.raw)
    return DiffData(
        config.name,
        tool.name,
        tool.standing,
        tool.hash or tool_hash(tool.raw),
        tuple(FlagJson(flag.rule, flag.where, flag.evidence) for flag in tool.flags),
        changes,
    )


def _changes(before: bytes | None, after: bytes) -> tuple[ChangeJson, ...]:
    """In a thread, which also imports what only this needs."""
    from core.approval.difference import difference

    return tuple(ChangeJson(each.where, each.lines) for each in difference(before, after))


def _runs(config: ServerConfig) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The command or address in full, and the names of its settings; nothing is hidden by length.

    Only what may be secret in a URL is masked.
    """
    match config.transport:
        case Stdio(command=command, args=args, env=env):
            argv = (command, *args)
            return tuple(visible(masked_url(each)) for each in argv), _names(env)
        case Http(url=url, headers=headers):
            return (visible(masked_url(url)),), _names(headers)


def _names(settings: tuple[Setting, ...]) -> tuple[str, ...]:
    return tuple(visible(setting.name) for setting in settings)


def _name(request: Request) -> ServerName:
    return ServerName(request.params["name"])


def _status(site: Site, request: Request) -> ServerStatus:
    known = site.door.snapshot.servers
    status = known.get(_name(request))
    if status is None:
        raise Refused(404, "unknown_server", str(UnknownServer(_name(request), known)))
    return status


def _config(site: Site, request: Request) -> ServerConfig:
    known = site.door.snapshot.config.servers
    config = known.get(_name(request))
    if config is None:
        raise Refused(404, "unknown_server", str(UnknownServer(_name(request), known)))
    return config
