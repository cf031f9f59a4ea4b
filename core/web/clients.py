"""Routes about AI clients' files: who is connected, what would be written, what could be had."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

import msgspec

from core.errors import McpProxyError, NotAsSeen, UnknownClient
from core.model.clients import ClientFile, Deed, Offered, OfferedBy
from core.web.actions import AcceptedData, submit
from core.web.body import read_json
from core.web.exchange import Request, Response
from core.web.replies import Refused, success
from core.web.site import Site

T = TypeVar("T")

PREVIEW = {"deed": f"What would be done: {', '.join(Deed)}; connect unless said."}
PLAIN, IN_KEYRING = "plain", "keyring"
SECRETS = {
    "secrets": f"{IN_KEYRING}: kept in the desktop's keyring, and the entries refer to them; "
    f"{PLAIN}: in the config file as they were at the client's. {PLAIN} unless said.",
}
SEEN = {"hash": "Of the preview that a person saw; 409 when it would be another now."}


class ClientJson(msgspec.Struct, frozen=True):
    """An AI client; ``state`` says how it stands to us, ``why`` what is wrong with its file."""

    id: str
    title: str
    file: str
    state: str
    why: str


class ClientsData(msgspec.Struct, frozen=True):
    clients: tuple[ClientJson, ...]


class PreviewData(msgspec.Struct, frozen=True):
    """What would be written, as a unified diff without our key; doing it repeats ``hash``."""

    client: str
    title: str
    file: str
    diff: str
    hash: str
    changes_nothing: bool


class DoubtJson(msgspec.Struct, frozen=True):
    text: str
    grave: bool


class OfferedJson(msgspec.Struct, frozen=True):
    """A server; ``entry`` can be sent to ``/api/v1/servers`` with a name, if it was read from a
    text. In a client's own file its secrets are masked."""

    name: str
    outcome: str
    reason: str
    entry: dict[str, object]
    secrets: tuple[str, ...]
    doubts: tuple[DoubtJson, ...]


class OfferedData(msgspec.Struct, frozen=True):
    """What a client's file, or a text, has to offer; ``why`` when the file cannot be read."""

    client: str
    title: str
    file: str
    servers: tuple[OfferedJson, ...]
    why: str


class TextBody(msgspec.Struct, frozen=True):
    text: str


async def clients(site: Site, _: Request) -> Response:
    found = await _asked(site.clients.clients())
    return success(ClientsData(tuple(map(_client, found))))


async def preview(site: Site, request: Request) -> Response:
    deed = _deed(request.query.get("deed", Deed.CONNECT))
    seen = await _asked(site.clients.preview(request.params["client"], deed))
    return success(
        PreviewData(seen.client, seen.title, seen.file, seen.diff, seen.hash, seen.changes_nothing)
    )


async def carry_out(site: Site, request: Request, deed: Deed) -> Response:
    seen = request.query.get("hash", "")
    done = await _asked(site.clients.carry_out(request.params["client"], deed, seen))
    return success(_client(done))


async def offered(site: Site, request: Request) -> Response:
    client = request.params["client"]
    found = await _asked(site.clients.offered(client))
    return success(_offered_by(found or OfferedBy(client, client, "")))


async def take_over(site: Site, request: Request) -> Response:
    """All that can be; it waits for a person's approval."""
    to = request.query.get("secrets", PLAIN)
    if to not in (PLAIN, IN_KEYRING):
        raise Refused(400, "bad_request", f"secrets is {PLAIN} or {IN_KEYRING}.")
    intent = await _asked(site.clients.taking_over(request.params["client"], to == IN_KEYRING))
    if not intent.servers:
        raise Refused(409, "nothing_to_do", "There is nothing to take over from there.")
    return success(AcceptedData(await submit(site, intent)), 202)


async def read(site: Site, request: Request) -> Response:
    """What a person pasted, in our words; nothing is added by this."""
    body = await read_json(request, TextBody)
    found = await _asked(site.clients.read(body.text))
    return success(OfferedData("", "", "", tuple(map(_offered, found)), ""))


async def _asked(work: Awaitable[T]) -> T:
    try:
        return await work
    except UnknownClient as error:
        raise Refused(404, "unknown_client", str(error)) from error
    except NotAsSeen as error:
        raise Refused(409, "changed_since", str(error)) from error
    except McpProxyError as error:
        raise Refused(409, "not_usable", str(error)) from error


def _deed(text: str) -> Deed:
    try:
        return Deed(text)
    except ValueError:
        raise Refused(400, "bad_request", f"deed is one of {', '.join(Deed)}.") from None


def _client(file: ClientFile) -> ClientJson:
    return ClientJson(file.id, file.title, file.file, file.state, file.why)


def _offered_by(found: OfferedBy) -> OfferedData:
    servers = tuple(map(_offered, found.servers))
    return OfferedData(found.client, found.title, found.file, servers, found.why)


def _offered(offered: Offered) -> OfferedJson:
    return OfferedJson(
        offered.name,
        offered.outcome,
        offered.reason,
        dict(offered.entry),
        offered.secrets,
        tuple(DoubtJson(each.text, each.grave) for each in offered.doubts),
    )
