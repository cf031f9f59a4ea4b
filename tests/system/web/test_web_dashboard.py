"""The dashboard's files and the way into it, over real sockets."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from core.web.far_end import user_at
from core.web.pages import KINDS
from tests.fakes.website import DASHBOARD, KEY, LIMIT, Website, website

FILES = sorted(each.name for each in DASHBOARD.iterdir())


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Website]:
    """Two servers, `one` and `two`, ready."""
    async with website(tmp_path) as running:
        yield running


@pytest.fixture
async def browser(site: Website) -> AsyncIterator[httpx.AsyncClient]:
    """What a browser sends from a page of ours; it keeps cookies and has no key."""
    sent = {"Origin": site.url, "Sec-Fetch-Site": "same-origin"}
    async with httpx.AsyncClient(
        base_url=site.url, headers=sent, timeout=LIMIT, trust_env=False
    ) as made:
        yield made


async def code_from(site: Website) -> str:
    async with site.client() as owner:
        url: str = (await owner.post("/api/v1/ui/code")).json()["data"]["url"]
    assert url.startswith(f"{site.url}/ui/#code=")
    return url.partition("#code=")[2]


async def let_in(site: Website, browser: httpx.AsyncClient) -> httpx.Response:
    answer = await browser.post("/api/v1/ui/visit", json={"code": await code_from(site)})
    assert answer.status_code == 201, answer.text
    browser.headers["X-MCPProxy-Visit"] = answer.json()["data"]["proof"]
    return answer


@pytest.mark.parametrize("path", ["/ui", "/ui/", *(f"/ui/{name}" for name in FILES)])
async def test_files_say_what_they_are_and_what_they_may(
    path: str, browser: httpx.AsyncClient
) -> None:
    """Each with its type, the policy that lets nothing run but our own files, and a hash."""
    answer = await browser.get(path)
    suffix = Path(path).suffix or ".html"
    assert answer.status_code == 200
    assert answer.headers["content-type"] == KINDS[suffix].decode()
    policy = answer.headers["content-security-policy"]
    for rule in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"):
        assert rule in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-cache"
    head = await browser.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == answer.headers["content-length"]
    again = await browser.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    stale = await browser.get(path, headers={"If-None-Match": '"another"'})
    assert stale.status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/ui/nope.js",
        "/ui/../icons.json",
        "/ui/..%2ficons.json",
        "/ui/%2e%2e/icons.json",
        "/ui/..%5cicons.json",
        "/ui//style.css",
        "/ui/style.css/",
        "/ui/style.css%00",
        "/ui/index.HTML",
    ],
)
async def test_nothing_else_is_served(path: str, site: Website) -> None:
    """S20: what is no file of the dashboard is not found, however it is written."""
    async with httpx.AsyncClient(base_url=site.url, trust_env=False) as browser:
        request = browser.build_request("GET", "/")
        request.url = request.url.copy_with(raw_path=path.encode())
        assert (await browser.send(request)).status_code == 404


def test_the_files_are_few_and_plain() -> None:
    """No inline script or style, no address elsewhere, nothing that reads markup; 100 KB."""
    whole = {name: (DASHBOARD / name).read_text("utf-8") for name in FILES}
    assert sum(map(len, whole.values())) < 100_000
    for name, text in whole.items():
        elsewhere = set(re.findall(r"https?://[\w.-]+", text))
        assert elsewhere <= {"http://www.w3.org", "https://example.com"}, name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", text)
        assert not re.search(r"<script(?! type=\"module\" src=)|<style|\sstyle=|\son\w+=\"", text)
        assert len(text.splitlines()) <= 400


async def test_a_code_lets_a_browser_in_once(site: Website, browser: httpx.AsyncClient) -> None:
    """The cookie is out of reach for scripts and other sites; the key is in no answer."""
    code = await code_from(site)
    answer = await browser.post("/api/v1/ui/visit", json={"code": code})
    assert answer.status_code == 201
    cookie = answer.headers["set-cookie"]
    for rule in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="):
        assert rule in cookie
    assert cookie.startswith(f"mcpproxy_{site.port}=")
    assert answer.headers["cache-control"] == "no-store"
    assert KEY not in answer.text + cookie
    again = await browser.post("/api/v1/ui/visit", json={"code": code})
    assert again.status_code == 403
    assert "mcpproxy-tray dashboard" in again.json()["error"]["message"]


async def test_a_visit_reads_changes_and_follows(site: Website, browser: httpx.AsyncClient) -> None:
    """What the dashboard needs works without the key; it ends when the person signs out."""
    assert (await browser.get("/api/v1/status")).status_code == 401
    await let_in(site, browser)
    assert (await browser.get("/api/v1/servers")).status_code == 200
    assert (await browser.post("/api/v1/servers/one/restart?wait=ready")).status_code == 200
    async with browser.stream("GET", "/events") as events:
        assert events.status_code == 200
        async for line in events.aiter_lines():
            if line.startswith("data: "):
                assert '"summary":"2 of 2 ready"' in line
                break
    assert (await browser.post("/api/v1/ui/leave")).status_code == 204
    assert (await browser.get("/api/v1/status")).status_code == 401


async def test_a_visit_is_worth_nothing_elsewhere(
    site: Website, browser: httpx.AsyncClient
) -> None:
    """Neither half by itself, nor another origin or name, and never for new codes and metrics."""
    await let_in(site, browser)
    path = "/api/v1/servers/one/restart"
    seq = site.engine.snapshot.seq
    proof = browser.headers.pop("X-MCPProxy-Visit")
    assert (await browser.post(path)).status_code == 401
    browser.headers["X-MCPProxy-Visit"] = proof
    for origin in ("null", "http://evil.com", f"http://localhost:{site.port}"):
        assert (await browser.post(path, headers={"Origin": origin})).status_code in {401, 403}
    assert (await browser.post("/api/v1/ui/code")).status_code == 401
    assert (await browser.get("/metrics")).status_code == 401
    browser.cookies.clear()
    assert (await browser.post(path)).status_code == 401
    assert site.engine.snapshot.seq == seq


async def test_another_user_cannot_use_a_code_that_they_saw(
    site: Website, browser: httpx.AsyncClient
) -> None:
    """S08: the kernel says whose a connection is, and a code is for the user who asked."""
    if not Path("/proc/net/tcp").exists() or os.geteuid() != 0:
        pytest.skip("only Linux tells whose a connection is, and only root can be somebody else")
    code = await code_from(site)
    stranger = await asyncio.create_subprocess_exec(
        sys.executable, "-c", STRANGER, str(site.port), code, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await asyncio.wait_for(stranger.communicate(), LIMIT)
    assert said.split() == [b"403"]
    answer = await browser.post("/api/v1/ui/visit", json={"code": code})
    assert answer.status_code == 201


STRANGER = """
import encodings.idna, http.client, json, os, sys  # all before it may read no files any more
os.setuid(65534)
there = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
there.request("POST", "/api/v1/ui/visit", json.dumps({"code": sys.argv[2]}))
print(there.getresponse().status)
"""


async def test_whose_a_connection_is(site: Website, browser: httpx.AsyncClient) -> None:
    """Found by both of its ends and nothing less; what is no connection is nobody's."""
    if not Path("/proc/net/tcp").exists():
        pytest.skip("only Linux tells whose a connection is")
    near = ("127.0.0.1", site.port)
    async with browser.stream("GET", "/events", headers={"X-API-Key": KEY}) as events:
        far = events.extensions["network_stream"].get_extra_info("client_addr")[:2]
        assert await asyncio.to_thread(user_at, far, near) == os.geteuid()
        for other in ((("127.0.0.1", 1), near), (far, ("127.0.0.1", 1)), (("::1", far[1]), near)):
            assert await asyncio.to_thread(user_at, *other) is None


async def test_the_key_changed_means_everybody_out(
    site: Website, browser: httpx.AsyncClient
) -> None:
    """A visit holds under the key it was begun with."""
    await let_in(site, browser)
    site.source.edit(api_key="another")
    assert (await browser.get("/api/v1/status")).status_code == 401
