"""The REST side as a script sees it, over real sockets, with the real engine behind it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from core.asgi import Receive, Scope, Send
from core.errors import ConfigError, ConfigNotWritten
from core.model.config import Logging, Problem
from core.model.intents import RestartServer
from core.model.notices import NoticeCode
from core.model.status import ConfigProblem, Phase
from core.telemetry.logfile import append
from core.web.routes import ROUTES
from tests.fakes.website import KEY, LIMIT, Servers, Website, config_of, server, website


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Website]:
    """Two servers, `one` and `two`, ready; and `off`, disabled."""
    config = config_of(server("one"), server("two"), server("off", enabled=False))
    async with website(tmp_path, config) as running:
        yield running


@pytest.fixture
async def client(site: Website) -> AsyncIterator[httpx.AsyncClient]:
    async with site.client() as made:
        yield made


def error_of(answer: httpx.Response) -> tuple[int, str]:
    envelope = answer.json()
    assert envelope["success"] is False
    assert envelope["data"] is None
    assert envelope["error"]["request_id"] == answer.headers["x-request-id"]
    assert envelope["error"]["message"].endswith(".")
    return answer.status_code, envelope["error"]["code"]


async def test_health_and_readiness(site: Website) -> None:
    """Probes need no key and get no envelope; readiness ends when stopping begins."""
    async with httpx.AsyncClient(base_url=site.url, trust_env=False) as stranger:
        assert (await stranger.get("/healthz")).json() == {"status": "ok"}
        ready = await stranger.get("/readyz")
        checks = {
            "config": {"ok": True, "state": "in use"},
            "engine": {"ok": True, "state": "running"},
            "storage": {"ok": True, "state": "in use"},
            "listener": {"ok": True, "state": "listening"},
        }
        assert (ready.status_code, ready.json()) == (200, {"ready": True, "checks": checks})
        site.engine.store.set_storage_problem("The database is locked.")
        checks["storage"] = {"ok": False, "state": "approvals and history are not kept"}
        ready = await stranger.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"ready": True, "checks": checks})
        site.engine.refuse_work()
        ready = await stranger.get("/readyz")
        checks["engine"] = {"ok": False, "state": "stopping"}
        assert (ready.status_code, ready.json()) == (503, {"ready": False, "checks": checks})


async def test_status(site: Website, client: httpx.AsyncClient) -> None:
    """What runs and where, in the envelope."""
    envelope = (await client.get("/api/v1/status")).json()
    assert envelope["success"] is True
    assert envelope["error"] is None
    data = envelope["data"]
    assert data["running"] is True
    assert data["version"] == "1.2.3"
    assert data["listen"] == f"127.0.0.1:{site.port}"
    assert data["endpoint"] == f"{site.url}/mcp"
    assert data["config_problem"] is None
    assert data["stats"]["total_servers"] == 3
    assert data["stats"]["states"]["ready"] == 2


async def test_a_rejected_edit_shows_in_status(site: Website, client: httpx.AsyncClient) -> None:
    """A person sees why their edit does not count, and what runs meanwhile."""
    site.source.reject(ConfigProblem("c.json", (Problem("mcpServers[0].url", "is missing", 4),)))
    data = (await client.get("/api/v1/status")).json()["data"]
    assert data["config_problem"]["problems"] == [
        {"path": "mcpServers[0].url", "message": "is missing", "line": 4}
    ]
    assert data["stats"]["states"]["ready"] == 2


async def test_servers(site: Website, client: httpx.AsyncClient) -> None:
    """All servers in the order of the file, and no secret among them."""
    answer = await client.get("/api/v1/servers")
    servers = answer.json()["data"]["servers"]
    assert [each["name"] for each in servers] == ["one", "two", "off"]
    assert [each["status"] for each in servers] == ["ready", "ready", "disabled"]
    assert servers[0]["env"] == {"TOKEN": "***"}
    assert "planted-secret" not in answer.text
    assert KEY not in answer.text


async def test_restart_is_accepted_and_then_happens(
    site: Website, client: httpx.AsyncClient
) -> None:
    """202 and a number to wait for; the effect shows in the snapshot after it."""
    before = site.engine.snapshot.servers["one"].pid
    answer = await client.post("/api/v1/servers/one/restart")
    assert answer.status_code == 202
    data = answer.json()["data"]
    assert data["server"] is None
    after = await site.engine.until(
        lambda snapshot: (
            snapshot.seq > data["accepted_at_seq"]
            and snapshot.servers["one"].pid not in {before, None}
        ),
        LIMIT,
    )
    assert after.servers["two"].pid == 1002


async def test_restart_waits_for_the_new_connection(
    site: Website, client: httpx.AsyncClient
) -> None:
    """?wait=ready is not satisfied by the old connection's being ready."""
    before = site.engine.snapshot.servers["one"].pid
    answer = await client.post("/api/v1/servers/one/restart?wait=ready")
    assert answer.status_code == 200
    shown = answer.json()["data"]["server"]
    assert shown["status"] == "ready"
    assert shown["pid"] not in {before, None}


async def test_disable_and_enable(site: Website, client: httpx.AsyncClient) -> None:
    """Both edit the configuration, and both can be waited for."""
    off = await client.post("/api/v1/servers/one/disable?wait=disabled")
    assert off.json()["data"]["server"]["status"] == "disabled"
    assert site.source.config.servers["one"].enabled is False
    on = await client.post("/api/v1/servers/one/enable?wait=ready&timeout=5")
    assert on.json()["data"]["server"]["status"] == "ready"
    assert site.source.config.servers["one"].enabled is True


async def test_enabling_what_is_ready_is_done_at_once(client: httpx.AsyncClient) -> None:
    """Nothing has to change for a wish that is fulfilled."""
    answer = await client.post("/api/v1/servers/one/enable?wait=ready&timeout=5")
    assert answer.status_code == 200


@pytest.mark.parametrize("action", ["enable", "disable", "restart"])
@pytest.mark.parametrize("name", ["nobody", "%2e%2e", "..%2e", "x" * 300, "a%00b", "ONE"])
async def test_an_unknown_server_is_named(
    client: httpx.AsyncClient, action: str, name: str
) -> None:
    """404, saying which servers there are; nothing else happens (S20)."""
    answer = await client.post(f"/api/v1/servers/{name}/{action}")
    assert error_of(answer) == (404, "unknown_server")
    assert "off, one, two" in answer.json()["error"]["message"]


async def test_what_makes_no_sense_now_is_refused(client: httpx.AsyncClient) -> None:
    """409 with the reason, and nothing was changed."""
    answer = await client.post("/api/v1/servers/off/restart")
    assert error_of(answer) == (409, "not_now")
    assert "disabled" in answer.json()["error"]["message"]


async def test_a_stopping_engine_takes_no_work(site: Website, client: httpx.AsyncClient) -> None:
    """503, because trying elsewhere or later may work."""
    site.engine.refuse_work()
    assert error_of(await client.post("/api/v1/servers/one/restart")) == (503, "stopping")


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        (ConfigError("c.json", (Problem("", "is no JSON"),)), (409, "config_invalid")),
        (
            ConfigNotWritten("c.json", OSError(28, "No space left on device")),
            (500, "config_not_written"),
        ),
    ],
)
async def test_an_edit_that_fails_says_why(
    site: Website,
    client: httpx.AsyncClient,
    broken: ConfigError | ConfigNotWritten,
    expected: tuple[int, str],
) -> None:
    """A file that is unreadable now, or a full disk, is told to the one who asked."""
    site.source.broken = broken
    answer = await client.post("/api/v1/servers/one/disable")
    status, code = expected
    message = answer.json()["error"]["message"]
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert "is no JSON" in message or "No space left" in message
    assert site.engine.snapshot.servers["one"].phase is Phase.READY


async def test_a_wait_that_is_too_long_ends(tmp_path: Path) -> None:
    """504, saying in words where the server is instead."""
    servers = Servers(hanging={"slow"})
    async with (
        website(tmp_path, config_of(server("slow")), servers=servers) as site,
        site.client() as client,
    ):
        answer = await client.post("/api/v1/servers/slow/restart?wait=ready&timeout=0.05")
        assert error_of(answer) == (504, "wait_timeout")
        assert "is not ready after 0.05 s but " in answer.json()["error"]["message"]


async def test_a_wait_for_what_cannot_come_ends_early(tmp_path: Path) -> None:
    """A server that failed for good is not waited for; its reason is the answer."""
    servers = Servers(broken={"bad"})
    config = config_of(server("bad", enabled=False))
    async with website(tmp_path, config, servers=servers) as site, site.client() as client:
        answer = await client.post("/api/v1/servers/bad/enable?wait=ready&timeout=30")
        assert answer.status_code == 409
        assert answer.json()["error"]["code"] == "wait_failed"
        assert "is not ready but failed" in answer.json()["error"]["message"]


async def test_a_client_that_goes_away_is_not_waited_for(
    nothing_left: None, tmp_path: Path
) -> None:
    """Its wait ends with its connection, not with its time limit; what it asked for stays."""
    servers = Servers(hanging={"slow"})
    async with website(tmp_path, config_of(server("slow")), servers=servers) as site:
        _, writer = await asyncio.open_connection("127.0.0.1", site.port)
        head = (
            "POST /api/v1/servers/slow/restart?wait=ready&timeout=300 HTTP/1.1\r\n"
            f"Host: 127.0.0.1:{site.port}\r\nX-API-Key: {KEY}\r\n\r\n"
        )
        opened = len(servers.opened)
        writer.write(head.encode())
        # The first opening was the start; the second is the restart that was asked for.
        await site.engine.until(lambda _: len(servers.opened) > opened, LIMIT)
        writer.close()
        await writer.wait_closed()
        await site.quiet()


@pytest.mark.parametrize(
    "query",
    ["wait=", "wait=soon", "wait=ready&timeout=0", "wait=ready&timeout=-1", "timeout=nan",
     "timeout=inf", "timeout=1e9", "timeout=x", "wait=READY", "&".join("abcdefghijklmnopqrstuvwxyz"
     [i % 26] + str(i) + "=1" for i in range(40))],
)  # fmt: skip
async def test_a_question_that_makes_no_sense_changes_nothing(
    site: Website, client: httpx.AsyncClient, query: str
) -> None:
    """400 before anything is submitted."""
    seq = site.engine.snapshot.seq
    answer = await client.post(f"/api/v1/servers/one/restart?{query}")
    assert error_of(answer) == (400, "bad_request")
    assert site.engine.snapshot.seq == seq


async def test_logs(site: Website, client: httpx.AsyncClient) -> None:
    """The last lines of a server's stderr; none yet is an empty list."""
    assert (await client.get("/api/v1/servers/one/logs")).json()["data"] == {
        "server": "one",
        "lines": [],
    }
    path = site.logs.server_log_path("one")
    lines = [b"line %d\n" % number for number in range(300)]
    await asyncio.to_thread(append, path, lines, Logging().max_size, 1)
    some = (await client.get("/api/v1/servers/one/logs?tail=2")).json()["data"]["lines"]
    assert some == ["line 298", "line 299"]
    usual = (await client.get("/api/v1/servers/one/logs")).json()["data"]["lines"]
    assert len(usual) == 200
    assert error_of(await client.get("/api/v1/servers/nobody/logs")) == (404, "unknown_server")
    for tail in ("0", "-1", "x", "5001", "", "9" * 5000):
        answer = await client.get(f"/api/v1/servers/one/logs?tail={tail}")
        assert error_of(answer) == (400, "bad_request")


async def test_a_log_that_cannot_be_read_says_so(site: Website, client: httpx.AsyncClient) -> None:
    """Not an empty list, which would be a lie."""
    await asyncio.to_thread(site.logs.server_log_path("one").mkdir)
    answer = await client.get("/api/v1/servers/one/logs")
    assert error_of(answer) == (500, "log_unreadable")


async def test_show_reaches_whoever_shows(site: Website, client: httpx.AsyncClient) -> None:
    """A second start asks the first to show itself."""
    answer = await client.post("/api/v1/show")
    assert answer.status_code == 202
    notices, _ = site.engine.notices_since(0)
    assert notices[-1].code is NoticeCode.SHOW
    assert notices[-1].seq == answer.json()["data"]["accepted_at_seq"]


async def test_unknown_paths_and_methods(client: httpx.AsyncClient) -> None:
    """404 and 405 speak the same language as everything else, and 405 says what is allowed.

    Under /api even that takes the key.
    """
    for path in ("/", "/nope", "/api/v1/nope", "/api/v1/servers/", "/.well-known/x", "/mcpx"):
        assert error_of(await client.get(path)) == (404, "not_found")
    del client.headers["X-API-Key"]
    assert error_of(await client.get("/api/v1/nope")) == (401, "api_key_required")
    assert error_of(await client.delete("/metrics")) == (401, "api_key_required")
    assert error_of(await client.get("/nope")) == (404, "not_found")
    client.headers["X-API-Key"] = KEY
    answer = await client.delete("/api/v1/servers/one/restart")
    assert error_of(answer) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


async def test_the_gateway_gets_mcp_and_all_below(client: httpx.AsyncClient) -> None:
    """Untouched, and nothing else."""
    for path in ("/mcp", "/mcp/s/one", "/mcp/anything/at/all"):
        answer = await client.post(path)
        assert (answer.status_code, answer.text) == (200, path)


async def test_every_answer_has_a_request_id(client: httpx.AsyncClient) -> None:
    """Taken over when it is sane, our own when it is not, always another."""
    paths = ["/healthz", "/nope", "/mcp", "/api/v1/status", "/metrics"]
    ids = [(await client.get(path)).headers["x-request-id"] for path in paths]
    assert len(set(ids)) == len(ids)
    mine = await client.get("/healthz", headers={"X-Request-Id": "mine-1.2_3"})
    assert mine.headers["x-request-id"] == "mine-1.2_3"
    for insane in ("", "a b", "x" * 65, "a\tb", "<script>"):
        got = await client.get("/healthz", headers={"X-Request-Id": insane})
        assert got.headers["x-request-id"] not in {insane, ""}


async def test_answers_say_nothing_about_the_server_and_grant_nothing(
    client: httpx.AsyncClient,
) -> None:
    """S05: no CORS header and no server name on any answer, OPTIONS included."""
    for method in ("GET", "OPTIONS", "POST", "HEAD"):
        for path in ("/healthz", "/api/v1/servers", "/mcp", "/nope", "/metrics"):
            answer = await client.request(method, path)
            names = set(answer.headers)
            assert not {name for name in names if name.startswith("access-control")}
            assert not names & {"server", "date"}


async def test_requests_are_counted_by_template(site: Website, client: httpx.AsyncClient) -> None:
    """Names and made-up paths never become labels."""
    await client.post("/api/v1/servers/one/restart")
    await client.get("/made/up")
    await client.post("/mcp/s/one")
    await client.request("PROPFIND", "/healthz")
    counted = site.counters.http_requests.values
    assert counted["POST", "/api/v1/servers/{name}/restart", "202"] == 1
    assert counted["GET", "unmatched", "404"] == 1
    assert counted["POST", "/mcp/s/{server}", "200"] == 1
    assert counted["other", "/healthz", "405"] == 1
    templates = {route.template for route in ROUTES}
    allowed = {*templates, "unmatched", "/mcp", "/mcp/s/{server}", "/mcp/{other}"}
    assert {route for _, route, _ in counted} <= allowed


async def test_metrics(site: Website, client: httpx.AsyncClient) -> None:
    """What the engine counted and what the snapshot says, in the format asked for."""
    page = await client.get("/metrics")
    assert page.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'mcpproxy_servers{state="ready"} 2.0\n' in page.text
    assert 'mcpproxy_server_state{server="off",state="disabled"} 1.0\n' in page.text
    modern = await client.get("/metrics", headers={"Accept": "application/openmetrics-text"})
    assert modern.headers["content-type"].startswith("application/openmetrics-text")
    site.source.edit(metrics_enabled=False)
    assert error_of(await client.get("/metrics")) == (404, "metrics_disabled")


async def test_a_bug_costs_one_answer_and_is_logged(tmp_path: Path) -> None:
    """500 with a request id that finds the traceback in the log; no traceback reaches a person."""

    async def buggy(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/mcp/late":
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("a planted bug")

    async with website(tmp_path, gateway=buggy) as site, site.client() as client:
        answer = await client.post("/mcp")
        assert error_of(answer) == (500, "internal")
        assert "planted" not in answer.text
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post("/mcp/late")
        assert (await client.get("/healthz")).status_code == 200
        request_id = answer.headers["x-request-id"]
    log = (tmp_path / "logs" / "main.log").read_text()
    assert f"request_id={request_id}" in log
    assert log.count("    RuntimeError: a planted bug") == 2


async def test_the_unix_socket_needs_no_key(site: Website) -> None:
    """Same user, same machine: the file's mode is the key."""
    transport = httpx.AsyncHTTPTransport(uds=str(site.socket_path))
    async with httpx.AsyncClient(transport=transport, base_url="http://anything") as local:
        assert (await local.get("/api/v1/status")).status_code == 200
        assert (await local.post("/api/v1/servers/one/restart")).status_code == 202
        assert (await local.get("/metrics")).status_code == 200


async def test_a_changed_key_counts_at_once(site: Website, client: httpx.AsyncClient) -> None:
    """Editing the key in the file locks out the old one without a restart."""
    site.source.edit(api_key="n" * 64)
    assert error_of(await client.get("/api/v1/status")) == (401, "api_key_required")
    async with site.client(X_API_Key="n" * 64) as renewed:
        assert (await renewed.get("/api/v1/status")).status_code == 200


async def test_reading_while_a_server_hangs(tmp_path: Path) -> None:
    """The list comes from the snapshot alone: no upstream is asked."""
    servers = Servers(hanging={"stuck"})
    async with (
        website(tmp_path, config_of(server("stuck"), server("one")), servers=servers) as site,
        site.client() as client,
    ):
        shown = (await client.get("/api/v1/servers")).json()["data"]["servers"]
        assert {each["name"]: each["status"] for each in shown} == {
            "stuck": "connecting",
            "one": "ready",
        }


async def test_no_key_appears_in_the_log(site: Website, client: httpx.AsyncClient) -> None:
    """S06: neither the right key nor a wrong guess is written down."""
    await client.get("/api/v1/status?apikey=guess-in-query")
    async with site.client(X_API_Key="guess-in-header") as guessing:
        await guessing.get("/api/v1/status")
    logging.getLogger("core").info("end of test")
    await asyncio.to_thread(site.logs.close)
    text = (site.logs.directory / "main.log").read_text()
    assert "end of test" in text
    assert "guess" not in text
    assert KEY not in text


async def test_an_intent_from_elsewhere_is_seen_too(
    site: Website, client: httpx.AsyncClient
) -> None:
    """REST shows what the tray did: there is one world."""
    seq = await site.engine.submit(RestartServer(next(iter(site.source.config.servers))))
    await site.engine.until(lambda s: s.seq > seq and s.servers["one"].pid is not None, LIMIT)
    shown = (await client.get("/api/v1/servers")).json()["data"]["servers"]
    assert shown[0]["pid"] == site.engine.snapshot.servers["one"].pid


async def test_a_removed_server_is_gone(site: Website, client: httpx.AsyncClient) -> None:
    """From the list and from the metrics' series."""
    kept = {name: each for name, each in site.source.config.servers.items() if name != "two"}
    site.source.edit(servers=replace(site.source.config, servers=kept).servers)
    await site.engine.until(lambda snapshot: "two" not in snapshot.servers, LIMIT)
    assert '"two"' not in (await client.get("/api/v1/servers")).text
    assert 'server="two"' not in (await client.get("/metrics")).text
