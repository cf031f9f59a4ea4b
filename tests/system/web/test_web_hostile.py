"""Hostile input over raw sockets: every route, every trick, and the program unharmed after it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.asgi import Receive, Scope, Send
from core.web import reader
from core.web.guard import KEY as NEEDS_KEY
from core.web.guard import MCP as NEEDS_MCP
from core.web.routes import ROUTES
from tests.fakes.website import KEY, LIMIT, Website, website

MCP_PATHS = [("POST", "/mcp"), ("GET", "/mcp/s/one"), ("DELETE", "/mcp/anything")]
NO_ROUTES = [("GET", "/"), ("GET", "/nope"), ("POST", "/api/v1/nope"), ("PATCH", "/healthz")]
EVERY_PATH = [
    *((route.method, route.template.replace("{name}", "one")) for route in ROUTES),
    *MCP_PATHS,
    *NO_ROUTES,
]
GUARDED = [
    (route.method, route.template.replace("{name}", "one")) for route in ROUTES if route.needs_key
]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Website]:
    """Two servers, `one` and `two`, ready."""
    async with website(tmp_path) as running:
        yield running


async def exchange(site: Website, raw: bytes) -> bytes:
    """Everything the server answers until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    try:
        writer.write(raw)
        return await asyncio.wait_for(reader.read(), LIMIT)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def request(method: str, path: str, *headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", *headers, "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1")


async def ask(site: Website, method: str, path: str, *headers: str) -> tuple[int, bytes]:
    answer = await exchange(site, request(method, path, *headers))
    return int(answer[9:12]), answer


async def unharmed(site: Website) -> None:
    """The same servers run with the same processes, and the program answers."""
    snapshot = site.engine.snapshot
    assert {name: each.pid for name, each in snapshot.servers.items()} == {"one": 1001, "two": 1002}
    assert site.source.config.revision == 1
    async with site.client() as client:
        assert (await client.get("/healthz")).status_code == 200


HOSTS = [
    "evil.com", "evil.com:{port}", "127.0.0.1.nip.io:{port}", "localhost.evil.com:{port}",
    "127.0.0.1:1", "0.0.0.0:{port}", "127.1:{port}", "2130706433:{port}",
    "[::ffff:127.0.0.1]:{port}", "localhost.:{port}", "", None,
]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
async def test_no_route_answers_to_another_host(site: Website, host: str | None) -> None:
    """S01 on every route in the table, on /mcp, and where there is no route; with the key."""
    sent = [] if host is None else [f"Host: {host.format(port=site.port)}"]
    for method, path in EVERY_PATH:
        status, answer = await ask(site, method, path, *sent, f"X-API-Key: {KEY}")
        assert status == 403, (method, path)
        assert method == "HEAD" or b"host_not_allowed" in answer
    await unharmed(site)


async def test_no_route_answers_to_two_hosts_or_an_absolute_target(site: Website) -> None:
    """S01: nothing in front of us and we ourselves can be made to read different hosts."""
    ours = f"Host: 127.0.0.1:{site.port}"
    for method, path in EVERY_PATH:
        status, _ = await ask(site, method, path, ours, ours)
        assert status == 403, (method, path)
        status, _ = await ask(site, method, f"http://127.0.0.1:{site.port}{path}", ours)
        assert status == 400, (method, path)
    await unharmed(site)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LocalHost"])
async def test_our_names_are_answered(site: Website, host: str) -> None:
    """S02: each loopback name with our port."""
    status, _ = await ask(site, "GET", "/healthz", f"Host: {host}:{site.port}")
    assert status == 200


ORIGINS = [
    "http://evil.com", "null", "http://localhost:{port}.evil.com", "http://user@localhost:{port}",
    "http://localhost:{port}/path", "ftp://localhost", "http://[::1]garbage",
    "https://127.0.0.1:{port}", "http://127.0.0.1:1",
]  # fmt: skip


@pytest.mark.parametrize("origin", ORIGINS)
async def test_no_route_answers_to_another_origin(site: Website, origin: str) -> None:
    """S03 on every route, with the key."""
    for method, path in EVERY_PATH:
        status, answer = await ask(
            site,
            method,
            path,
            f"Host: 127.0.0.1:{site.port}",
            f"Origin: {origin.format(port=site.port)}",
            f"X-API-Key: {KEY}",
        )
        assert status == 403, (method, path)
        assert b"access-control" not in answer.lower()
    await unharmed(site)


@pytest.mark.parametrize(
    "headers",
    [
        ["Content-Type: text/plain", "Origin: http://evil.com"],
        ["Content-Type: application/x-www-form-urlencoded", "Sec-Fetch-Site: cross-site"],
        ["Sec-Fetch-Site: same-site"],
        ["Content-Type: application/json"],
        ["Cookie: api_key={key}"],
        ["Authorization: Basic {key}"],
        [],
    ],
)
async def test_what_a_web_page_can_send_changes_nothing(site: Website, headers: list[str]) -> None:
    """S04: forms, beacons, images and event sources reach no guarded route."""
    seq = site.engine.snapshot.seq
    for method, path in [*GUARDED, ("GET", "/api/v1/servers/one/restart")]:
        sent = [each.format(key=KEY) for each in headers]
        status, _ = await ask(
            site,
            method,
            path + f"?api_key={KEY}&apikey={KEY}",
            f"Host: 127.0.0.1:{site.port}",
            *sent,
        )
        assert status in {401, 403}, (method, path)
    assert site.engine.snapshot.seq == seq
    await unharmed(site)


async def test_a_wrong_key_on_every_guarded_route(site: Website) -> None:
    """S06: 401 with a scheme, whatever the route; a guess costs a connection."""
    host = f"Host: 127.0.0.1:{site.port}"
    for method, path in GUARDED:
        for wrong in ("", "x", KEY[:-1], KEY + "k", "ü" * 64):
            status, answer = await ask(site, method, path, host, f"X-API-Key: {wrong}")
            assert status == 401, (method, path)
            assert b"www-authenticate: Bearer\r\n" in answer
            assert b"connection: close\r\n" in answer
    await unharmed(site)


GET = b"GET /healthz HTTP/1.1\r\n"
POST = b"POST /mcp HTTP/1.1\r\n"
SMUGGLING = {
    "te+cl": POST + b"%s\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
    "cl+te": POST + b"%s\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
    "two cl": POST + b"%s\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "cl list": POST + b"%s\r\nContent-Length: 3, 3\r\n\r\nabc",
    "cl sign": POST + b"%s\r\nContent-Length: +3\r\n\r\nabc",
    "odd te": POST + b"%s\r\nTransfer-Encoding: xchunked\r\n\r\n",
    "te identity": POST + b"%s\r\nTransfer-Encoding: identity\r\n\r\n",
    "te zipped": POST + b"%s\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    "te twice": POST + b"%s\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n",
    "bare lf": b"GET /healthz HTTP/1.1\n%s\n\n",
    "bare lf in a header": GET + b"%s\n\r\n",
    "fold": GET + b"%s\r\nX: 1\r\n 2\r\n\r\n",
    "space before colon": GET + b"%s\r\nX : 1\r\n\r\n",
    "nul": GET + b"%s\r\nX: a\0b\r\n\r\n",
    "10k headers": GET + b"%s\r\n" + b"X: 1\r\n" * 10_000 + b"\r\n",
    "http/1.0": b"GET /healthz HTTP/1.0\r\n%s\r\n\r\n",
    "http/0.9": b"GET /healthz\r\n\r\n",
    "http/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "http/9.9": b"GET /healthz HTTP/9.9\r\n%s\r\n\r\n",
    "asterisk": b"OPTIONS * HTTP/1.1\r\n%s\r\n\r\n",
    "connect": b"CONNECT evil.com:80 HTTP/1.1\r\n%s\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100,
}


@pytest.mark.parametrize("trick", SMUGGLING)
async def test_smuggling_is_refused_and_the_connection_closed(site: Website, trick: str) -> None:
    """S26: 400 in the usual envelope, with a request id, and nothing of it reaches a route."""
    raw = SMUGGLING[trick]
    if b"%s" in raw:
        raw = raw.replace(b"%s", b"Host: 127.0.0.1:%d" % site.port)
    answer = await exchange(site, raw)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"x-request-id: " in head
    assert b"connection: close" in head
    assert json.loads(body)["error"]["code"] == "bad_request"
    assert site.counters.http_requests.values == {}
    await unharmed(site)


async def test_bad_chunks_end_the_connection(site: Website) -> None:
    """F71: a body that is no body is answered with 400 or cut, and the program goes on."""
    head = request("POST", "/api/v1/show", f"Host: 127.0.0.1:{site.port}", "X-API-Key: no")
    head = head.replace(b"Connection: close", b"Transfer-Encoding: chunked")
    answer = await exchange(site, head + b"zz\r\nabc\r\n")
    assert answer[:12] in {b"", b"HTTP/1.1 400", b"HTTP/1.1 401"}
    await unharmed(site)


@pytest.mark.parametrize("need", [NEEDS_KEY, NEEDS_MCP])
async def test_a_huge_body_is_refused_before_it_is_sent(site: Website, need: object) -> None:
    """F71: 1 GB announced is 413 at once, on every guarded route and on /mcp."""
    paths = MCP_PATHS if need is NEEDS_MCP else GUARDED
    for method, path in paths:
        status, answer = await ask(
            site,
            method,
            path,
            f"Host: 127.0.0.1:{site.port}",
            f"X-API-Key: {KEY}",
            "Content-Length: 1073741824",
        )
        assert status == 413, (method, path)
        assert b"body_too_large" in answer
    await unharmed(site)


async def test_an_endless_body_nobody_asked_for_gathers_nowhere(site: Website) -> None:
    """F71: what no route reads is not kept: memory stays flat however much is sent."""
    host = f"Host: 127.0.0.1:{site.port}"
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    head = f"POST /api/v1/show HTTP/1.1\r\n{host}\r\nX-API-Key: {KEY}\r\n"
    writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
    before = memory()
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    answered = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LIMIT)
    assert answered.startswith(b"HTTP/1.1 202")
    for _ in range(2000):  # 128 MB
        writer.write(chunk)
        await asyncio.wait_for(writer.drain(), LIMIT)
    assert memory() - before < 32 * 1024 * 1024
    writer.close()
    await unharmed(site)


def memory() -> int:
    """Resident bytes of this process, server and client together."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def test_a_head_without_end_is_cut(site: Website) -> None:
    """F71: one header as long as it likes: 431, and not a byte more is kept."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nX: ")
    try:
        for _ in range(64):
            writer.write(b"x" * 65536)
            await writer.drain()
    except ConnectionError:
        pass
    try:
        answer = await asyncio.wait_for(reader.read(), LIMIT)
    except ConnectionResetError:
        answer = b""
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    writer.close()
    await unharmed(site)


async def test_requests_sent_together_are_answered_in_order(site: Website) -> None:
    """F71: pipelining is legal HTTP/1.1; garbage behind a good request takes nothing over."""
    host = f"Host: 127.0.0.1:{site.port}"
    one = f"GET /healthz HTTP/1.1\r\n{host}\r\nX-Request-Id: first\r\n\r\n".encode()
    two = request("GET", "/readyz", host, "X-Request-Id: second")
    answer = await exchange(site, one + two)
    assert answer.index(b"x-request-id: first") < answer.index(b"x-request-id: second")
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    await unharmed(site)


async def test_garbage_behind_a_request_cuts_its_answer(tmp_path: Path) -> None:
    """F71: a 400 must not be written into the middle of another request's answer."""

    async def unending(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"part", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass

    async with website(tmp_path, gateway=unending) as site:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(f"GET /mcp HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\n\r\n".encode())
        assert (await asyncio.wait_for(reader.readuntil(b"part"), LIMIT)).startswith(
            b"HTTP/1.1 200"
        )
        writer.write(b"\0garbage\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert b"HTTP/1.1" not in await asyncio.wait_for(reader.read(), LIMIT)
        writer.close()
        await site.quiet()


async def test_a_websocket_is_not_offered(site: Website) -> None:
    """An upgrade is answered as the plain request it also is, and is no news for the log."""
    answer = await exchange(
        site,
        request(
            "GET",
            "/healthz",
            f"Host: 127.0.0.1:{site.port}",
            "Upgrade: websocket",
            "Sec-WebSocket-Key: x",
        ).replace(b"Connection: close", b"Connection: Upgrade, close"),
    )
    assert answer.startswith(b"HTTP/1.1 200 OK")


async def test_no_trick_appears_as_a_request(site: Website) -> None:
    """The limits are documented numbers, not accidents."""
    assert (reader.MOST_HEADERS, reader.LARGEST_HEAD) == (100, 65536)
    headers = [f"X-{number}: 1" for number in range(98)]
    status, _ = await ask(site, "GET", "/healthz", f"Host: 127.0.0.1:{site.port}", *headers)
    assert status == 200
    status, _ = await ask(site, "GET", "/healthz", f"Host: 127.0.0.1:{site.port}", *headers, "Y: 1")
    assert status == 400
