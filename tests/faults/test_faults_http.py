"""F31, F33 to F43: what servers behind a URL do wrong, on the wire and in the words for it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from core.model.faults import FaultCode
from core.upstream.http_faults import retry_after
from tests.fakes.http_server import HttpServer, Request, Script, Wire, http_server
from tests.fakes.tls import Authority
from tests.system.upstream.remote import Remote, at, reaching

pytestmark = [pytest.mark.usefixtures("nothing_left"), pytest.mark.timeout(60)]

Json = dict[str, Any]


def on_call(status: int, body: bytes | Json = b"", kind: str = "text/plain", **more: str) -> Script:
    """Answer tool calls so."""

    async def script(request: Request, wire: Wire) -> bool:
        if request.method != "tools/call":
            return False
        await wire.answer(status, body, kind, **more)
        return True

    return script


def always(status: int, body: bytes | Json = b"", kind: str = "text/plain", **more: str) -> Script:
    """Answer everything so."""

    async def script(request: Request, wire: Wire) -> bool:
        await wire.answer(status, body, kind, **more)
        return True

    return script


@asynccontextmanager
async def ready(**settings: Any) -> AsyncIterator[tuple[HttpServer, Remote]]:
    """A server and a connection to it that is ready."""
    async with http_server() as server, reaching(at(server.url, **settings)) as remote:
        await remote.ready()
        yield server, remote


async def is_well(remote: Remote) -> None:
    assert await remote.call({"well": 1}) == {"well": 1}


async def test_f31_who_has_to_sign_in_is_told_so() -> None:
    """At the hand-shake or later, the server needs a person; and it is not asked again."""
    async with http_server() as server:
        server.script = always(401, WWW_Authenticate='Bearer resource_metadata="https://x"')
        async with reaching(at(server.url)) as remote:
            assert (await remote.fault()).code is FaultCode.LOGIN_NEEDED
        assert len(server.seen) == 1
    async with ready() as (server, remote):
        server.script = on_call(401)
        assert "who asks" in (await remote.call())["error"]["message"]
        fault = await remote.fault()
        assert fault.code is FaultCode.AUTH_REQUIRED, "it says nothing of signing in"
        assert "HTTP 401" in fault.message


async def test_f33_what_is_forbidden_costs_the_call_only() -> None:
    """403 is the answer to one call: asked once, and the server stays ready."""
    async with ready() as (server, remote):
        server.script = on_call(403, WWW_Authenticate='Bearer error="insufficient_scope"')
        for _ in range(4):
            assert "HTTP 403" in (await remote.call())["error"]["message"]
        assert server.methods().count("tools/call") == 4
        server.script = on_call(200)
        assert not remote.task.done()


@pytest.mark.parametrize("restarted", [400, 404])
async def test_f34_a_lost_session_is_made_anew_once(restarted: int) -> None:
    """The server forgot us: a new session, and the call that found out is answered, run once."""

    async def forgetful(request: Request, wire: Wire) -> bool:
        session = request.headers.get("mcp-session-id")
        if restarted == 404 or not session or session in server.sessions:
            return False
        error = {"code": -32000, "message": "Bad Request: No valid session ID provided"}
        told = {"jsonrpc": "2.0", "id": request.said.get("id"), "error": error}
        await wire.answer(400, told)
        return True

    async with ready() as (server, remote):
        server.script = forgetful
        server.sessions.clear()
        calls = [remote.call({"n": n}) for n in range(5)]
        assert await asyncio.gather(*calls) == [{"n": n} for n in range(5)]
        assert (server.sessions_made, server.calls) == (2, 5)
        assert not remote.task.done()


async def test_f34_a_server_that_never_knows_us_is_not_asked_for_ever() -> None:
    """A call is sent twice at most; then it fails with the server's own words."""
    lost = {"jsonrpc": "2.0", "id": None, "error": {"code": -32001, "message": "Session not found"}}
    async with ready() as (server, remote):
        server.script = on_call(404, lost)
        assert (await remote.call())["error"]["message"] == "Session not found"
        assert server.methods().count("tools/call") == 2
        server.script = on_call(200)
        assert not remote.task.done()


async def test_f34_a_404_that_answers_the_request_is_its_answer() -> None:
    """A method that is not there is no dead server, in either era."""

    async def script(request: Request, wire: Wire) -> bool:
        if request.method != "tools/call":
            return False
        error = {"code": -32601, "message": "no such method"}
        await wire.answer(404, {"jsonrpc": "2.0", "id": request.said["id"], "error": error})
        return True

    for stateless in (False, True):
        async with http_server(stateless=stateless) as server, reaching(at(server.url)) as remote:
            await remote.ready()
            server.script = script
            assert (await remote.call())["error"] == {"code": -32601, "message": "no such method"}
            assert server.sessions_made == (0 if stateless else 1)


@pytest.mark.parametrize("status", [200, 202, 204, 400, 405, 406, 415, 418])
async def test_f35_odd_answers_are_one_errors_each(status: int) -> None:
    """Each is that call's error, names the status, and costs nothing else."""
    async with ready() as (server, remote):
        server.offers_stream = False
        server.script = on_call(status)
        message = (await remote.call())["error"]["message"]
        assert f"HTTP {status}" in message
        server.script = on_call(200, b"")
        assert server.methods().count("tools/call") == 1
        assert not remote.task.done()


async def test_f35_a_server_without_a_stream_of_its_own_is_asked_once() -> None:
    """405 to the GET means that there is none."""
    async with http_server() as server:
        server.offers_stream = False
        async with reaching(at(server.url)) as remote:
            await remote.ready()
            await server.until(lambda: "GET" in server.methods())
            for _ in range(5):
                await is_well(remote)
            assert server.methods().count("GET") == 1


async def test_f36_who_asks_too_often_is_told_when_to_try_again() -> None:
    """The error says so in words and as data; nothing is sent again by itself."""
    async with ready() as (server, remote):
        server.script = on_call(429, Retry_After="7")
        error = (await remote.call())["error"]
        assert "Try again in 7 s" in error["message"]
        assert error["data"] == {"httpStatus": 429, "retryAfter": 7}
        assert server.methods().count("tools/call") == 1
    async with http_server() as server:
        server.script = always(429)
        async with reaching(at(server.url)) as remote:
            assert (await remote.fault()).code is FaultCode.RATE_LIMITED
        assert len(server.seen) == 1


def test_f36_what_servers_say_of_when_to_try_again() -> None:
    """Seconds, a date, nonsense, and a time that nobody waits for."""
    now = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
    later = format_datetime(now.replace(minute=2), usegmt=True).encode()
    earlier = format_datetime(now.replace(year=2020), usegmt=True).encode()
    said = {b"7": 7, b"99999999999999": 600, later: 120, earlier: 0, b"soon": None, b"": None}
    assert {value: retry_after(value, now) for value in said} == said


async def test_f37_a_server_that_fails_is_a_concern_until_it_works() -> None:
    """One error per call; the third in a row is shown, and the next answer ends it."""
    async with ready() as (server, remote):
        server.script = on_call(503)
        for _ in range(3):
            message = (await remote.call())["error"]["message"]
            assert "HTTP 503 Service Unavailable" in message
        (concern,) = (await remote.ready()).concerns
        assert "The last 3 requests to it failed" in concern.text
        server.script = on_call(200)
        server.script = _nothing
        await is_well(remote)
        assert (await remote.ready()).concerns == ()
    async with http_server() as server:
        server.script = always(502)
        async with reaching(at(server.url)) as remote:
            assert (await remote.fault()).code is FaultCode.SERVER_ERROR


async def _nothing(request: Request, wire: Wire) -> bool:
    return False


@pytest.mark.parametrize("part", ["silence", "head", "body"])
async def test_f38_a_server_that_dribbles_holds_up_only_its_own_call(part: str) -> None:
    """The call's limit ends it however the bytes trickle, and its connection with it."""

    async def script(request: Request, wire: Wire) -> bool:
        if request.method != "tools/call" or "slow" not in request.said["params"]["arguments"]:
            return False
        text = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
        await wire.raw({"silence": b"", "head": text[:20], "body": text}[part])
        await wire.gone()
        closed.set()
        return True

    closed = asyncio.Event()
    async with ready(call_timeout=3.0) as (server, remote):
        server.script = script
        slow = remote.start({"slow": 1})
        await is_well(remote)
        with pytest.raises(Exception, match="no answer to tools/call in"):
            await slow.arrival()
        await asyncio.wait_for(closed.wait(), 15)
        await is_well(remote)


async def test_f39_streams_that_break_end_in_one_error() -> None:
    """Cut, ended too early, never ending, or not what was asked for: the call fails, once."""

    async def cut(request: Request, wire: Wire) -> bool:
        if request.method == "tools/call":
            await wire.stream()
            await wire.chunk(b'data: {"jsonrpc"')
            wire.drop()
            return True
        return False

    async def short(request: Request, wire: Wire) -> bool:
        if request.method == "tools/call":
            await wire.stream()
            await wire.end()
            return True
        return False

    async def endless(request: Request, wire: Wire) -> bool:
        if request.method == "tools/call":
            await wire.stream()
            for _ in range(40):
                await wire.chunk(b"x" * (1 << 20))
            return True
        return False

    html = b"<html><head><title>Log in to  the Train</title></head></html>"
    async with ready() as (server, remote):
        server.offers_stream = False
        cases = {
            "in the middle of the answer": cut,
            "ended its answer too early": short,
            "an event is longer than 16 MiB": endless,
            "a web page, 'Log in to the Train'": on_call(200, html, "text/html"),
        }
        for words, script in cases.items():
            server.script = script
            message = (await remote.call())["error"]["message"]
            assert words in message
            assert "may or may not have run" in message
        server.script = _nothing
        await is_well(remote)
    async with http_server() as server:
        server.script = always(200, html, "text/html")
        async with reaching(at(server.url)) as remote:
            fault = await remote.fault()
        assert fault.code is FaultCode.NOT_MCP
        assert "Log in to the Train" in fault.message


async def test_f40_a_server_that_cannot_be_trusted_is_not_spoken_to(tmp_path: Path) -> None:
    """The reason is named, no request is sent, and a person's own authority is believed."""
    ours, other = Authority(tmp_path / "ours"), Authority(tmp_path / "other")
    environ = {"SSL_CERT_FILE": str(ours.file)}
    cases = [
        (ours.server("127.0.0.1", valid=False), "has expired"),
        (ours.server("example.com"), "is for another host"),
        (other.server("127.0.0.1"), "nobody we trust"),
    ]
    for context, words in cases:
        async with http_server(tls=context) as server:
            async with reaching(at(server.url), environ) as remote:
                fault = await remote.fault()
            assert fault.code is FaultCode.TLS_FAILED
            assert words in fault.message
            assert server.seen == []
    plain = await asyncio.start_server(_not_tls, "127.0.0.1", 0)
    async with plain:
        port = plain.sockets[0].getsockname()[1]
        async with reaching(at(f"https://127.0.0.1:{port}/mcp"), environ) as remote:
            fault = await remote.fault()
        assert fault.code is FaultCode.TLS_FAILED
        assert "the right one of https:// and http://" in fault.message
    good = ours.server("127.0.0.1")
    async with http_server(tls=good) as server, reaching(at(server.url), environ) as remote:
        await remote.ready()
        await is_well(remote)


async def _not_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
    await writer.drain()
    writer.close()


async def test_f41_redirections_are_followed_within_the_origin_only() -> None:
    """Method and body are kept; another origin gets no byte, and no key, of ours."""

    async def moved(request: Request, wire: Wire) -> bool:
        if request.path == "/mcp":
            await wire.answer(307, Location="/new/place")
            return True
        return False

    async with http_server() as sink, http_server() as server:
        server.script = moved
        async with reaching(at(server.url)) as remote:
            await remote.ready()
            await is_well(remote)
        assert [each.path for each in server.seen].count("/mcp") == 1
        for there in (sink.url, "http://169.254.169.254/latest", "//example.com/x", "file:///x"):
            server.script = always(307, Location=there)
            async with reaching(at(server.url, headers={"Authorization": "Bearer x"})) as remote:
                fault = await remote.fault()
            assert fault.code is FaultCode.REDIRECTED
            assert there in fault.message
        assert sink.seen == []
        server.script = always(302, Location="/mcp")
        server.seen.clear()
        async with reaching(at(server.url)) as remote:
            assert (await remote.fault()).code is FaultCode.REDIRECTED
        assert len(server.seen) == 4


async def test_f42_a_host_without_an_address_is_named() -> None:
    """The name is looked up off the loop, and the words say which it was."""
    async with reaching(at("http://no-such-host.invalid/mcp")) as remote:
        fault = await remote.fault()
    assert fault.code is FaultCode.DNS_FAILED
    assert "'no-such-host.invalid'" in fault.message


async def test_f43_a_server_that_is_not_there_is_told_from_one_that_broke() -> None:
    """Refused: nothing was sent. Reset before the answer: it may have run. Both once."""

    async def reset(request: Request, wire: Wire) -> bool:
        if request.method == "tools/call":
            server.calls += 1
            wire.drop(reset=True)
            return True
        return False

    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        async with reaching(at(f"http://127.0.0.1:{port}/mcp")) as remote:
            fault = await remote.fault()
    assert fault.code is FaultCode.CONNECT_FAILED
    assert "refused" in fault.message
    async with ready() as (server, remote):
        server.script = reset
        assert "may or may not have run" in (await remote.call())["error"]["message"]
        assert server.calls == 1
        server.script = _nothing
        await is_well(remote)


async def test_f43_a_server_that_goes_away_is_noticed_without_a_call() -> None:
    """Its stream ends and cannot be had again, so the connection is over."""
    async with http_server() as server:
        remote = Remote(at(server.url), {})
        await remote.ready()
        await server.until(lambda: bool(server.streams))
        _, wire = server.streams[0]
        await wire.chunk(b"retry: 10\ndata:\n\n")
    fault = await remote.fault()
    assert fault.code in {FaultCode.CONNECT_FAILED, FaultCode.DISCONNECTED}
    await remote.close()


async def test_f43_what_cannot_be_sent_is_said_to_be_unsent() -> None:
    """After the server is gone a call is told that nothing was sent, and the connection ends."""
    async with http_server() as server:
        server.offers_stream = False
        remote = Remote(at(server.url), {})
        await remote.ready()
        await is_well(remote)
    message = (await remote.call())["error"]["message"]
    assert "nothing was sent" in message
    assert (await remote.fault()).code is FaultCode.CONNECT_FAILED
    await remote.close()


async def test_f78_a_proxy_that_cannot_be_used_is_named() -> None:
    """What the variable says, or the proxy, is in the words; servers on this computer need none."""
    far = at("https://far.example/mcp")
    async with reaching(far, {"HTTPS_PROXY": "socks5://127.0.0.1:1"}) as remote:
        fault = await remote.fault()
    assert fault.code is FaultCode.PROXY_MISCONFIG
    assert "HTTPS_PROXY" in fault.message
    async with http_server() as proxy:
        proxy.script = always(403)
        environ = {"https_proxy": f"http://user:pass@127.0.0.1:{proxy.port}"}
        async with reaching(far, environ) as remote:
            fault = await remote.fault()
        assert fault.code is FaultCode.PROXY_MISCONFIG
        assert "403" in fault.message
        assert [each.verb for each in proxy.seen] == ["CONNECT"]
        assert proxy.seen[0].path == "far.example:443"
        assert proxy.seen[0].headers["proxy-authorization"] == "Basic dXNlcjpwYXNz"


async def test_f78_plain_requests_go_through_the_proxy_by_their_whole_address() -> None:
    """And a host that NO_PROXY names does not."""

    async def forward(request: Request, wire: Wire) -> bool:
        whole.add(request.path)
        request.path = "/mcp"
        return False

    whole: set[str] = set()
    async with http_server() as proxy:
        proxy.script = forward
        environ = {"HTTP_PROXY": f"http://127.0.0.1:{proxy.port}"}
        async with reaching(at("http://far.example/mcp"), environ) as remote:
            await remote.ready()
            await is_well(remote)
        assert whole == {"http://far.example/mcp"}
        environ["NO_PROXY"] = "far.invalid"
        proxy.seen.clear()
        async with reaching(at("http://x.far.invalid/mcp"), environ) as remote:
            assert (await remote.fault()).code is FaultCode.DNS_FAILED
        assert json.dumps([each.verb for each in proxy.seen]) == "[]"
