"""Asking a registry over real sockets: cached, bounded, and in words when it does not work."""

from __future__ import annotations

import gzip
import socket
from collections.abc import AsyncIterator

import pytest

from core.errors import RegistryFailed, RegistryOff
from core.registry.client import FRESH, LARGEST, RegistryClient
from core.registry.late import LateRegistry
from tests.fakes.registry import FakeRegistry, fake_registry, listed, page
from tests.unit.registry.test_registry_translate import WEATHER


class Kept:
    """A cache that forgets nothing, and tells for how long it was to keep."""

    def __init__(self) -> None:
        self.data: dict[str, bytes] = {}
        self.ttl = 0.0

    async def put(self, key: str, data: bytes, ttl: float) -> None:
        self.data[key], self.ttl = data, ttl

    async def get(self, key: str) -> bytes | None:
        return self.data.get(key)


@pytest.fixture
async def registry() -> AsyncIterator[FakeRegistry]:
    async with fake_registry() as started:
        started.pages = {"": page(listed(WEATHER))}
        yield started


def client(registry: FakeRegistry, cache: Kept | None = None, limit: float = 60) -> RegistryClient:
    return RegistryClient(registry.url, cache or Kept(), "1.2.3", limit)


async def test_a_search_finds_and_is_kept_for_an_hour(registry: FakeRegistry) -> None:
    """The same words are asked for once, also by the next run; other words are asked again."""
    cache = Kept()
    first = await client(registry, cache).search("wea  ther", 5)
    again = await client(registry, cache).search(" wea ther ", 5)
    assert first == again
    assert [each.name for each in first.offers] == ["io.github.acme/weather"]
    wanted = {"limit": "5", "version": "latest", "search": "wea ther"}
    assert registry.asked == [("/v0.1/servers", wanted)]
    assert cache.ttl == FRESH
    await client(registry, cache).search("other", 5)
    assert len(registry.asked) == 2


async def test_what_an_older_version_kept_is_asked_for_again(registry: FakeRegistry) -> None:
    """An answer that cannot be read any more is as good as none."""
    cache = Kept()
    await client(registry, cache).search("x", 5)
    cache.data = dict.fromkeys(cache.data, b'"old"')
    assert (await client(registry, cache).search("x", 5)).offers
    assert len(registry.asked) == 2


async def test_pages_are_followed_as_far_as_is_needed(registry: FakeRegistry) -> None:
    """Hidden entries make room for others; an endless list is left after a few pages."""
    hidden = listed(WEATHER, "deleted")
    registry.pages = {"": page(hidden, cursor="b"), "b": page(listed(WEATHER), cursor="c")}
    found = await client(registry).search("x", 1)
    assert (len(found.offers), found.more) == (1, True)
    assert [asked.get("cursor") for _, asked in registry.asked] == [None, "b"]
    registry.pages = {
        "": page(cursor="1"),
        "1": page(cursor="2"),
        "2": page(cursor="3"),
        "3": page(listed(WEATHER)),
    }
    found = await client(registry).search("y", 1)
    assert (found.offers, found.more) == ((), True)


async def test_nothing_is_asked_unless_a_registry_is_named() -> None:
    """The words say which setting it takes."""
    with pytest.raises(RegistryOff, match='"registry_url"'):
        await LateRegistry(lambda: "", Kept(), "1.2.3").search("x", 5)


@pytest.mark.parametrize(
    ("status", "headers", "body", "why"),
    [
        ("200 OK", (), b"<html>Sign in</html>", "no list of servers"),
        ("200 OK", (), b'{"servers": 1}', "no list of servers"),
        ("200 OK", (), b"\xff\xfe", "no list of servers"),
        ("200 OK", (), b" " * (LARGEST + 1), "more than 1024 KB"),
        (
            "200 OK",
            ("Content-Encoding: gzip",),
            gzip.compress(b" " * (LARGEST * 8)),
            "no list of servers",
        ),
        ("302 Found", ("Location: http://169.254.169.254/",), b"", "not followed"),
        ("404 Not Found", (), b"", "no registry"),
        ("503 Service Unavailable", (), b"", "HTTP status 503"),
        ("nonsense", (), b"", "broke off"),
    ],
)
async def test_bad_answers_are_put_in_words_and_not_kept(
    registry: FakeRegistry, status: str, headers: tuple[str, ...], body: bytes, why: str
) -> None:
    """Garbage, too much, another address and errors; the next search asks again."""
    cache = Kept()
    registry.status, registry.headers, registry.pages = status, headers, {"": body}
    with pytest.raises(RegistryFailed, match=why):
        await client(registry, cache).search("x", 5)
    assert cache.data == {}
    assert len(registry.asked) == 1


async def test_a_silent_registry_is_not_waited_for(registry: FakeRegistry) -> None:
    """The wait ends at its limit, which the words name."""
    registry.silent = True
    with pytest.raises(RegistryFailed, match=r"did not answer within 0\.2 seconds"):
        await client(registry, limit=0.2).search("x", 5)


async def test_a_registry_that_is_not_there() -> None:
    """The words name its host and port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else can have it
        port = taken.getsockname()[1]
        absent = RegistryClient(f"http://127.0.0.1:{port}", Kept(), "1.2.3", 60)
        with pytest.raises(RegistryFailed, match=rf"127\.0\.0\.1:{port} cannot be reached"):
            await absent.search("x", 5)
