"""Binding, starting and stopping: clear errors, private sockets, nothing that waits for ever."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest
import uvloop

from core.asgi import ASGIApp, ClientGone, Receive, Scope, Send, read_body
from core.errors import AlreadyRunning, ListenError, PermissionProblem, PortInUse
from core.model.config import Listen
from core.web.connection import Connection, Host, Times
from core.web.serve import HttpServer, bind_tcp, bind_unix
from tests.fakes.website import LIMIT, website

LOCAL = Listen(port=0)


@pytest.fixture
def bound() -> Iterator[list[socket.socket]]:
    """Sockets put in here are closed at the end."""
    sockets: list[socket.socket] = []
    yield sockets
    for each in sockets:
        each.close()


# --- TCP ------------------------------------------------------------------------------------------


def test_port_zero_is_any_free_port(bound: list[socket.socket]) -> None:
    """Two of them are two ports."""
    bound += [bind_tcp(LOCAL), bind_tcp(LOCAL)]
    one, two = (each.getsockname() for each in bound)
    assert one[0] == two[0] == "127.0.0.1"
    assert one[1] != two[1]


def test_a_port_in_use_names_who_has_it(bound: list[socket.socket]) -> None:
    """A person learns what to stop, and what else they can do; exit code 2."""
    bound.append(bind_tcp(LOCAL))
    port = bound[0].getsockname()[1]
    with pytest.raises(PortInUse) as caught:
        bind_tcp(Listen(port=port))
    message = str(caught.value)
    assert f"Port {port} on 127.0.0.1 is used by " in message
    assert f"(pid {os.getpid()})" in message
    assert "--listen" in message
    assert caught.value.exit_code == 2


def test_another_program_is_named_too(bound: list[socket.socket]) -> None:
    """Not only our own process."""
    code = (
        "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); "
        "print(s.getsockname()[1], flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        port = int(other.stdout.readline())
        with pytest.raises(PortInUse, match=rf"is used by python\S* \(pid {other.pid}\)"):
            bind_tcp(Listen(port=port))
        other.communicate(b"\n")


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "not a host"])
def test_an_address_that_is_not_ours(host: str) -> None:
    """Says so, and what to use instead; exit code 5."""
    with pytest.raises(ListenError, match=r"127\.0\.0\.1") as caught:
        bind_tcp(Listen(host, 0))
    assert host in str(caught.value)
    assert caught.value.exit_code == 5


def test_ipv6_listens_on_ipv6_only(bound: list[socket.socket]) -> None:
    """No surprise IPv4 port beside it; on a machine without IPv6 it is an ordinary error."""
    addresses = Path("/proc/net/if_inet6")
    if addresses.exists() and f"{1:032x}" in addresses.read_text():
        bound.append(bind_tcp(Listen("::1", 0)))
        assert bound[0].getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
    else:
        with pytest.raises(ListenError, match="::1"):
            bind_tcp(Listen("::1", 0))


# --- unix -----------------------------------------------------------------------------------------


def test_a_socket_is_private(tmp_path: Path, bound: list[socket.socket]) -> None:
    """0600 in a 0700 directory, made on the way."""
    path = tmp_path / "data" / "api.sock"
    bound.append(bind_unix(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_directory_of_ours_is_tightened(tmp_path: Path, bound: list[socket.socket]) -> None:
    """Readable by others is not writable: nobody can have put anything there."""
    directory = tmp_path / "data"
    directory.mkdir(mode=0o755)
    bound.append(bind_unix(directory / "api.sock"))
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_a_directory_others_can_write_to_is_refused(tmp_path: Path) -> None:
    """S09: the socket in it could be theirs; the message has the command that helps."""
    directory = tmp_path / "data"
    directory.mkdir()
    directory.chmod(0o777)
    with pytest.raises(PermissionProblem, match="chmod 700") as caught:
        bind_unix(directory / "api.sock")
    assert caught.value.exit_code == 5


def test_a_linked_directory_is_refused(tmp_path: Path) -> None:
    """S09: a link may lead anywhere."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(PermissionProblem, match="is not a directory"):
        bind_unix(tmp_path / "link" / "api.sock")


def test_a_socket_that_nobody_answers_on_is_replaced(
    tmp_path: Path, bound: list[socket.socket]
) -> None:
    """What a killed program left behind is not in the way."""
    path = tmp_path / "api.sock"
    tmp_path.chmod(0o700)
    bind_unix(path).close()
    assert path.exists()
    bound.append(bind_unix(path))
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_socket_that_somebody_answers_on_is_left_alone(
    tmp_path: Path, bound: list[socket.socket]
) -> None:
    """Another instance keeps its socket; exit code 3."""
    path = tmp_path / "api.sock"
    bound.append(bind_unix(path))
    inode = path.stat().st_ino
    with pytest.raises(AlreadyRunning) as caught:
        bind_unix(path)
    assert caught.value.exit_code == 3
    assert path.stat().st_ino == inode


def test_a_file_in_the_way_is_not_deleted(tmp_path: Path) -> None:
    """It may be somebody's work."""
    path = tmp_path / "api.sock"
    path.write_text("precious")
    with pytest.raises(ListenError, match="no socket"):
        bind_unix(path)
    assert path.read_text() == "precious"


def test_a_path_too_long_says_so(tmp_path: Path) -> None:
    """The system's limit is about a hundred bytes; the fix is named."""
    with pytest.raises(ListenError, match="shorter --data-dir"):
        bind_unix(tmp_path / ("x" * 150) / "api.sock")


# --- the server -----------------------------------------------------------------------------------


class Slow:
    """An app whose requests answer when told to."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.release = asyncio.Event()
        self.cancelled = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.entered.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        length = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        await send({"type": "http.response.body", "body": b"ok"})


@contextlib.asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[tuple[HttpServer, str]]:
    server = HttpServer(app)
    listener = bind_tcp(LOCAL)
    port = listener.getsockname()[1]
    await server.start([listener])
    try:
        yield server, f"http://127.0.0.1:{port}/"
    finally:
        await server.stop(0)


def hosting(app: ASGIApp, times: Times, eased: Callable[[], None] = lambda: None) -> Host:
    return Host(app=app, at_once=lambda _: False, arrived=lambda: None, eased=eased, times=times)


async def until_stopped(server: HttpServer, grace: float) -> float:
    loop = asyncio.get_running_loop()
    started = loop.time()
    await asyncio.wait_for(server.stop(grace), LIMIT)
    return loop.time() - started


async def test_clients_that_come_before_the_start_are_served(nothing_left: None) -> None:
    """The socket queues them from the moment it is bound."""
    app = Slow()
    app.release.set()
    listener = bind_tcp(LOCAL)
    host, port = listener.getsockname()
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    server = HttpServer(app)
    await server.start([listener])
    assert (await asyncio.wait_for(reader.readline(), LIMIT)) == b"HTTP/1.1 200 OK\r\n"
    await server.stop(1)
    assert await asyncio.wait_for(reader.read(), LIMIT) != b""
    writer.close()
    await writer.wait_closed()


async def test_idle_connections_do_not_delay_a_stop(nothing_left: None) -> None:
    """Kept-alive and never-used connections are closed at once, not after the grace."""
    app = Slow()
    app.release.set()
    async with serving(app) as (server, url), httpx.AsyncClient(trust_env=False) as client:
        await client.get(url)
        port = httpx.URL(url).port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await until_stopped(server, grace=60) < LIMIT
        assert await asyncio.wait_for(reader.read(), LIMIT) == b""
        writer.close()


async def test_a_request_under_way_gets_its_grace(nothing_left: None) -> None:
    """It is answered, its connection closed, and only then the stop is done."""
    app = Slow()
    async with serving(app) as (server, url), httpx.AsyncClient(trust_env=False) as client:
        asking = asyncio.create_task(client.get(url))
        await asyncio.wait_for(app.entered.wait(), LIMIT)
        stopping = asyncio.create_task(server.stop(60))
        await asyncio.sleep(0)
        assert not stopping.done()
        app.release.set()
        answer = await asyncio.wait_for(asking, LIMIT)
        assert (answer.text, answer.headers["connection"]) == ("ok", "close")
        await asyncio.wait_for(stopping, LIMIT)


async def test_a_request_that_does_not_end_is_cut(
    nothing_left: None, caplog: pytest.LogCaptureFixture
) -> None:
    """After the grace the client sees its connection close, the app is cancelled, no error is
    logged, and nothing is left."""
    app = Slow()
    async with serving(app) as (server, url), httpx.AsyncClient(trust_env=False) as client:
        asking = asyncio.create_task(client.get(url))
        await asyncio.wait_for(app.entered.wait(), LIMIT)
        await until_stopped(server, grace=0.05)
        with pytest.raises(httpx.TransportError):
            await asyncio.wait_for(asking, LIMIT)
    assert app.cancelled
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_stopping_removes_our_socket_file_only(tmp_path: Path) -> None:
    """A successor's socket at the same path stays."""
    tmp_path.chmod(0o700)
    app = Slow()
    ours, theirs = tmp_path / "ours.sock", tmp_path / "theirs.sock"
    server = HttpServer(app)
    await server.start(await asyncio.to_thread(lambda: [bind_unix(ours), bind_unix(theirs)]))
    theirs.unlink()
    successor = await asyncio.to_thread(bind_unix, theirs)
    await server.stop(0)
    assert not ours.exists()
    assert theirs.exists()
    successor.close()


async def test_a_server_never_started_stops() -> None:
    """A start that failed half-way is cleaned up by the same call."""
    await HttpServer(Slow()).stop(0.1)


async def test_a_client_too_slow_to_ask_is_dropped(nothing_left: None) -> None:
    """F71, slow loris: half a head gets 408, silence is closed without a word."""
    host_of_all = hosting(Slow(), Times(head=0.05))
    listener = await asyncio.get_running_loop().create_server(
        lambda: Connection(host_of_all), sock=bind_tcp(LOCAL)
    )
    host, port = listener.sockets[0].getsockname()
    for sent, got in ((b"", b""), (b"GET / HTTP/1.1\r\nHo", b"HTTP/1.1 408 Request Timeout")):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(sent)
        answer = await asyncio.wait_for(reader.read(), LIMIT)
        assert answer.startswith(got)
        assert bool(answer) == bool(got)
        writer.close()
        await writer.wait_closed()
    listener.close()
    assert host_of_all.connections == set()


@contextlib.asynccontextmanager
async def patient_for(body_time: float, app: ASGIApp) -> AsyncIterator[tuple[str, int]]:
    """Where an app is served that waits so many seconds for each piece of a body."""
    gone = asyncio.Event()
    host_of_all = hosting(app, Times(body=body_time), gone.set)
    listener = await asyncio.get_running_loop().create_server(
        lambda: Connection(host_of_all), sock=bind_tcp(LOCAL)
    )
    yield listener.sockets[0].getsockname()
    await asyncio.wait_for(gone.wait(), LIMIT)
    listener.close()
    assert host_of_all.connections == set()


async def reading(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the body and answers with it."""
    try:
        body = await read_body(receive, 1 << 20)
    except ClientGone:
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def heedless(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers without asking for the body."""
    length = (b"content-length", b"4")
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": b"done"})


HALF = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf"


async def test_f71_a_body_that_stops_half_way_is_not_waited_for(nothing_left: None) -> None:
    """408, and the app is told that its client is gone; one that was answered is cut."""
    for app, got in ((reading, b"HTTP/1.1 408 Request Timeout"), (heedless, b"HTTP/1.1 200 OK")):
        async with patient_for(0.05, app) as (host, port):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(HALF)
            try:
                answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LIMIT)
                await asyncio.wait_for(reader.read(), LIMIT)
            except ConnectionResetError:
                answer = got
            assert answer.startswith(got)
            writer.close()
            with contextlib.suppress(ConnectionResetError):
                await writer.wait_closed()


async def test_f71_a_body_that_comes_in_pieces_is_taken(nothing_left: None) -> None:
    """Its pieces are put together, and the next request on the connection is one too."""
    async with patient_for(LIMIT, reading) as (host, port):
        reader, writer = await asyncio.open_connection(host, port)
        for _ in range(2):
            writer.write(HALF)
            await writer.drain()
            await asyncio.sleep(0)
            writer.write(b"+other")
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LIMIT)
            assert head.startswith(b"HTTP/1.1 200 OK")
            body = await asyncio.wait_for(reader.readuntil(b"\r\n0\r\n\r\n"), LIMIT)
            assert b"half+other" in body
        writer.close()
        await writer.wait_closed()


async def test_a_client_that_takes_nothing_is_cut(nothing_left: None) -> None:
    """F69: after a minute (here less) without progress its connection is aborted, and the app
    that was sending goes on to its end."""
    ended = asyncio.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        watch = asyncio.create_task(_gone(receive))
        while not watch.done():
            part = {"type": "http.response.body", "body": b"x" * 65536, "more_body": True}
            await send(part)
            await asyncio.sleep(0)
        ended.set()

    async def _gone(receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    host_of_all = hosting(endless, Times(stuck=0.05))
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(lambda: Connection(host_of_all), sock=bind_tcp(LOCAL))
    host, port = listener.sockets[0].getsockname()
    with socket.socket() as raw:
        raw.setblocking(False)
        await loop.sock_connect(raw, (host, port))
        await loop.sock_sendall(raw, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.wait_for(ended.wait(), LIMIT)
    listener.close()


def test_all_of_it_on_the_loop_the_product_uses(tmp_path: Path) -> None:
    """uvloop: both kinds of socket, events, an orderly stop; and the peer of the unix socket is
    known there too."""

    async def round_trip() -> None:
        async with website(tmp_path) as site, site.client() as client:
            assert (await client.get("/api/v1/status")).status_code == 200
            transport = httpx.AsyncHTTPTransport(uds=str(site.socket_path))
            async with httpx.AsyncClient(transport=transport, base_url="http://x") as local:
                assert (await local.get("/api/v1/status")).status_code == 200
            async with client.stream("GET", "/events") as stream:
                lines = stream.aiter_lines()
                assert await anext(lines) == "retry: 2000"
                site.engine.refuse_work()
                rest = [line async for line in lines]
                assert "event: bye" in rest

    uvloop.run(round_trip())


ASK = """
import os, socket, sys
path, uid = sys.argv[1], int(sys.argv[2])
os.setgid(uid)
os.setuid(uid)
client = socket.socket(socket.AF_UNIX)
client.settimeout(10)
client.connect(path)
try:
    client.sendall(b"GET /healthz HTTP/1.1\\r\\nConnection: close\\r\\n\\r\\n")
    print("answer:", client.recv(100))
except OSError as error:
    print("answer:", error)
"""


async def test_another_user_is_refused_on_the_unix_socket() -> None:
    """S08: even if all modes were opened, another uid gets not a byte; our own is answered."""
    if os.geteuid() != 0:
        pytest.skip("changing the uid needs root")
    nobody = 65534
    with tempfile.TemporaryDirectory() as own:
        directory = Path(own)
        async with website(directory) as site:
            for each in (directory, site.socket_path.parent, site.socket_path):
                each.chmod(0o777)
            answers = []
            for uid in (0, nobody):
                child = await asyncio.create_subprocess_exec(
                    sys.executable, "-c", ASK, str(site.socket_path), str(uid),
                    stdout=asyncio.subprocess.PIPE,
                )  # fmt: skip
                out, _ = await asyncio.wait_for(child.communicate(), LIMIT)
                answers.append(out)
    assert answers[0].startswith(b"answer: b'HTTP/1.1 200")
    assert answers[1].startswith(b"answer: ")
    assert b"HTTP" not in answers[1]
