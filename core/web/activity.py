"""Routes for what agents did: finished calls page by page, and how often each tool was used."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from core.errors import StorageFailed
from core.model.activity import KeptCall, Wanted
from core.web.exchange import Request, Response
from core.web.replies import Refused, success
from core.web.site import Site

MOST = 500  # calls on one page
USUAL = 50
GREATEST = 2**62


QUERY = {
    "server": "Calls of this server only.",
    "tool": "Calls of tools of this name only.",
    "outcome": "Calls that ended so only.",
    "since": "Calls from this moment on, as RFC 3339.",
    "before": "Calls before this id: the next page.",
    "limit": f"How many on a page, {USUAL} unless said, {MOST} at most.",
}


class CallJson(msgspec.Struct, frozen=True):
    """One finished call; ``took`` is in seconds, ``size`` in bytes."""

    id: int
    at: datetime
    server: str
    tool: str
    outcome: str
    took: float
    size: int


class ActivityData(msgspec.Struct, frozen=True):
    """Newest first; ``next`` is what ``before`` has to be for the page after this one."""

    calls: tuple[CallJson, ...]
    next: int | None


class UsageJson(msgspec.Struct, frozen=True):
    server: str
    tool: str
    calls: int
    errors: int
    last: datetime


class UsageData(msgspec.Struct, frozen=True):
    tools: tuple[UsageJson, ...]


async def activity(site: Site, request: Request) -> Response:
    query = request.query
    wanted = Wanted(
        server=query.get("server"),
        tool=query.get("tool"),
        outcome=query.get("outcome"),
        since=_moment(query.get("since")),
        before=_number("before", query.get("before"), GREATEST),
        limit=_number("limit", query.get("limit"), MOST) or USUAL,
    )
    try:
        calls = await site.records.calls(wanted)
    except StorageFailed as error:
        raise Refused(503, "storage", str(error)) from error
    more = calls[-1].id if len(calls) == wanted.limit else None
    return success(ActivityData(tuple(map(_call, calls)), more))


async def usage(site: Site, _: Request) -> Response:
    try:
        tools = await site.records.usage()
    except StorageFailed as error:
        raise Refused(503, "storage", str(error)) from error
    return success(
        UsageData(
            tuple(
                UsageJson(each.server, each.tool, each.calls, each.errors, each.last)
                for each in tools
            )
        )
    )


def _call(kept: KeptCall) -> CallJson:
    record = kept.record
    return CallJson(
        kept.id,
        record.at,
        record.server,
        record.tool,
        record.outcome,
        round(record.took, 6),
        record.size,
    )


def _number(name: str, text: str | None, most: int) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:19]) <= most):
        raise Refused(400, "bad_request", f"{name} is a whole number from 1 to {most}.")
    return int(text[:19])


def _moment(text: str | None) -> float | None:
    """Seconds since 1970 from a time as in RFC 3339; without a zone it is UTC."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(400, "bad_request", "since is a time, like 2026-01-31T12:00:00Z.") from None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
