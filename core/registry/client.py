"""Asks a registry of MCP servers and remembers its answers.

One search takes at most ``LIMIT`` seconds, one page at most ``LARGEST`` bytes; redirects are not
followed, so nobody but the host in the file is asked.
"""

from __future__ import annotations

import asyncio
import hashlib
from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from core.errors import RegistryFailed
from core.model.registry import Offers
from core.ports import Cache
from core.registry.document import Listed, read_page
from core.registry.translate import offer

if TYPE_CHECKING:
    from httpx import AsyncClient

LIMIT = 8.0  # seconds for one search
LARGEST = 1024 * 1024  # bytes of one page
MOST_PAGES = 3
MOST_FOUND = 50
FRESH = 3600.0  # seconds an answer is good for
LONGEST_QUERY = 200  # characters


class _Kept(msgspec.Struct):
    listed: list[Listed]
    more: bool


_kept = msgspec.json.Decoder(_Kept)


class RegistryClient:
    """Searches the registry at ``url``; ``search`` raises RegistryFailed."""

    def __init__(self, url: str, cache: Cache, version: str, limit: float = LIMIT) -> None:
        self._url = url.rstrip("/")
        self._cache = cache
        self._agent = f"mcpproxy-tray/{version}"
        self._limit = limit

    async def search(self, query: str, limit: int) -> Offers:
        url = self._url
        query = " ".join(query.split())[:LONGEST_QUERY]
        limit = max(1, min(limit, MOST_FOUND))
        key = f"registry-{hashlib.sha256(f'{url} {limit} {query}'.encode()).hexdigest()}"
        found = await self._remembered(key)
        if found is None:
            found = await self._ask(url, query, limit)
            await self._cache.put(key, msgspec.json.encode(found), FRESH)
        offers = tuple(each for each in map(offer, found.listed) if each is not None)
        return Offers(offers[:limit], found.more or len(offers) > limit)

    async def _remembered(self, key: str) -> _Kept | None:
        kept = await self._cache.get(key)
        if kept is None:
            return None
        try:
            return _kept.decode(kept)
        except msgspec.DecodeError:  # of another version of the program
            return None

    async def _ask(self, url: str, query: str, limit: int) -> _Kept:
        host = urlsplit(url).netloc
        # Importing it and reading the trusted authorities takes a while.
        client = await asyncio.to_thread(_client, self._agent, host, self._limit)
        import httpx

        try:
            async with asyncio.timeout(self._limit), client as http:
                return await _pages(http, url, query, limit)
        except (TimeoutError, httpx.TimeoutException):
            why = f"did not answer within {self._limit:g} seconds"
        except httpx.ConnectError as error:
            why = f"cannot be reached ({error})"
        except httpx.HTTPError as error:
            why = f"broke off ({type(error).__name__})"
        except httpx.InvalidURL:
            why = "is not a usable address"
        except msgspec.DecodeError:
            why = "answered with something that is no list of servers"
        raise RegistryFailed(host, why)


async def _pages(http: AsyncClient, url: str, query: str, limit: int) -> _Kept:
    """Pages until there are enough. Raises msgspec.DecodeError, RegistryFailed, httpx.HTTPError."""
    asked = {"limit": str(limit), "version": "latest"} | ({"search": query} if query else {})
    found: list[Listed] = []
    cursor = ""
    for _ in range(MOST_PAGES):
        page, following = read_page(
            await _get(http, url, asked | ({"cursor": cursor} if cursor else {}))
        )
        found += page
        usable = sum(offer(each) is not None for each in found)
        if not following or following == cursor or usable >= limit:
            return _Kept(found, bool(following))
        cursor = following
    return _Kept(found, True)


async def _get(http: AsyncClient, url: str, asked: dict[str, str]) -> bytes:
    host = urlsplit(url).netloc
    async with http.stream("GET", f"{url}/v0.1/servers", params=asked) as answer:
        if answer.is_redirect:
            raise RegistryFailed(host, "sends on to another address, which is not followed")
        if answer.status_code == 404:
            raise RegistryFailed(host, "has no registry (version 0.1) at that address")
        if answer.status_code != 200:
            raise RegistryFailed(host, f"answered with the HTTP status {answer.status_code}")
        body = bytearray()
        # As it came: what was compressed against our wish could grow without measure.
        async for part in answer.aiter_raw():
            body += part
            if len(body) > LARGEST:
                raise RegistryFailed(host, f"answered with more than {LARGEST // 1024} KB")
        return bytes(body)


def _client(agent: str, host: str, limit: float) -> AsyncClient:
    """In a thread, with all that the first request would import."""
    import_module("anyio._backends._asyncio")
    import_module("httpcore._backends.anyio")
    import httpx

    name = host.rpartition("@")[2]
    here = name.startswith(("127.", "localhost", "[::1]"))
    return httpx.AsyncClient(
        headers={"user-agent": agent, "accept": "application/json", "accept-encoding": "identity"},
        timeout=limit,
        follow_redirects=False,
        trust_env=not here,  # a proxy leads to other places than this computer
    )
