"""The route that looks for published servers, and how one is written down here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from core.errors import RegistryFailed, RegistryOff
from core.web.exchange import Request, Response
from core.web.replies import Refused, success
from core.web.site import Site

if TYPE_CHECKING:
    from core.model.registry import Offer

MOST = 50
USUAL = 20

QUERY = {
    "q": "Part of the server's name; without, the first there are.",
    "limit": f"How many at most, {USUAL} unless said, up to {MOST}.",
}


class NeedJson(msgspec.Struct, frozen=True):
    """A value for a person to supply, in the environment variable; empty: left out."""

    name: str
    description: str
    required: bool
    secret: bool
    variable: str


class WayJson(msgspec.Struct, frozen=True):
    """One way to have the server; ``entry`` can be sent to ``/api/v1/servers`` with a name."""

    kind: str
    runs: str
    entry: dict[str, object]
    needs: tuple[NeedJson, ...]


class OfferJson(msgspec.Struct, frozen=True):
    """A published server; ``called`` is a name it could have here."""

    name: str
    called: str
    version: str
    description: str
    ways: tuple[WayJson, ...]
    unusable: tuple[str, ...]
    warning: str


class OffersData(msgspec.Struct, frozen=True):
    query: str
    servers: tuple[OfferJson, ...]
    more: bool


async def find(site: Site, request: Request) -> Response:
    query = request.query.get("q", "")
    limit = _limit(request.query.get("limit"))
    try:
        found = await site.registry.search(query, limit)
    except RegistryOff as error:
        raise Refused(503, "registry_off", str(error)) from error
    except RegistryFailed as error:
        raise Refused(502, "registry_failed", str(error)) from error
    return success(OffersData(query, tuple(map(_json, found.offers)), found.more))


def _json(offer: Offer) -> OfferJson:
    ways = tuple(
        WayJson(
            way.kind,
            way.runs,
            dict(way.entry),
            tuple(
                NeedJson(each.name, each.description, each.required, each.secret, each.variable)
                for each in way.needs
            ),
        )
        for way in offer.ways
    )
    return OfferJson(
        offer.name,
        offer.called,
        offer.version,
        offer.description,
        ways,
        offer.unusable,
        offer.warning,
    )


def _limit(text: str | None) -> int:
    if text is None:
        return USUAL
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:6]) <= MOST):
        raise Refused(400, "bad_request", f"limit is a number from 1 to {MOST}.")
    return int(text[:6])
