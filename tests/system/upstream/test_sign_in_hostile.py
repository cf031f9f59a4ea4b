"""Signing in where the server, the authorization server or the browser is not what it should be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from core.errors import SignInFailed
from core.model.config import OAuth
from core.model.faults import FaultCode
from core.upstream.http_trust import Trust
from core.upstream.oauth_challenge import Challenge
from core.upstream.oauth_kept import Client, Kept, text_of
from core.upstream.oauth_places import Reach
from core.upstream.oauth_sign_in import SignIn
from core.upstream.oauth_sign_ins import SignIns
from core.upstream.oauth_web import Unreached, Web
from tests.fakes.http_server import HttpServer, Request, Wire, http_server, oldest
from tests.fakes.keyring import keyring_of
from tests.fakes.tokens import MemoryTokens
from tests.system.upstream.remote import Remote, at

Json = dict[str, Any]
LIMIT = 30.0
OAUTH = "/.well-known/oauth-authorization-server"
RESOURCE = "/.well-known/oauth-protected-resource/mcp"
Answered = Callable[[Request, Wire], Awaitable[None]]


@dataclass
class Both:
    """A server and its authorization server on one address; ``instead`` answers a path in place
    of what should. ``good`` is the one token it accepts, ``asked`` every path that was asked."""

    http: HttpServer
    instead: dict[str, Answered] = field(default_factory=dict)
    good: str = "token-1"
    issued: int = 0
    refresh: str = "refresh-1"
    asked: list[str] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    described: Json = field(default_factory=dict)
    guarded: set[str] = field(default_factory=lambda: {"/mcp"})

    def __post_init__(self) -> None:
        origin = self.http.origin
        self.described = {
            "issuer": origin,
            "authorization_endpoint": f"{origin}/authorize",
            "token_endpoint": f"{origin}/token",
            "registration_endpoint": f"{origin}/register",
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "authorization_response_iss_parameter_supported": True,
        }
        self.http.script = self.answer

    async def answer(self, request: Request, wire: Wire) -> bool:
        path = request.path.partition("?")[0]
        self.asked.append(path)
        if path in self.instead:
            await self.instead[path](request, wire)
        elif path == RESOURCE:
            origin = self.http.origin
            await wire.answer(200, {"resource": origin, "authorization_servers": [origin]})
        elif path == OAUTH:
            await wire.answer(200, self.described)
        elif path == "/register":
            await wire.answer(201, {"client_id": "we"})
        elif path == "/token":
            self.forms.append({k: v for k, (v,) in parse_qs(request.body.decode()).items()})
            self.issued += 1
            self.good, self.refresh = f"token-{self.issued}", f"refresh-{self.issued}"
            given = {"access_token": self.good, "token_type": "Bearer", "expires_in": 3600}
            await wire.answer(200, {**given, "refresh_token": self.refresh})
        elif path not in self.guarded:
            await wire.answer(404)
        elif request.headers.get("authorization") != f"Bearer {self.good}":
            place = f'Bearer resource_metadata="{self.http.origin}{RESOURCE}", scope="s"'
            await wire.answer(401, WWW_Authenticate=place)
        else:
            return False
        return True


@asynccontextmanager
async def both() -> AsyncIterator[Both]:
    async with http_server() as server:
        yield Both(server)


def web(reach: Reach = Reach.LOCAL) -> Web:
    return Web("9", {}, Trust({}), reach)


@asynccontextmanager
async def signing_in(server: Both, patience: float = LIMIT) -> AsyncIterator[SignIn]:
    sign_in = SignIn("one", server.http.url, None, patience)
    try:
        yield sign_in
    finally:
        await sign_in.close()


async def failure(server: Both) -> str:
    """Why a sign-in cannot begin."""
    async with signing_in(server) as sign_in:
        with pytest.raises(SignInFailed) as caught:
            await sign_in.begin(web(), Challenge(), None)
    return str(caught.value)


async def returned(link: str, **query: str) -> httpx.Response:
    """The browser comes back with that."""
    asked = {name: value for name, (value,) in parse_qs(urlsplit(link).query).items()}
    brought = {"state": asked["state"], **query}
    async with httpx.AsyncClient(trust_env=False, timeout=LIMIT) as browser:
        return await browser.get(f"{asked['redirect_uri']}?{urlencode(brought)}")


def saying(status: int, body: Json | bytes = b"", **headers: str) -> Answered:
    async def answer(request: Request, wire: Wire) -> None:
        await wire.answer(status, body, **headers)

    return answer


async def never(request: Request, wire: Wire) -> None:
    await wire.gone()


async def hanging_up(request: Request, wire: Wire) -> None:
    wire.drop()


async def without_end(request: Request, wire: Wire) -> None:
    await wire.raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while True:
        await wire.raw(b" " * 65536)


async def test_a_whole_sign_in() -> None:
    """The way it should go, so that what follows fails for its own reason only."""
    async with both() as server, signing_in(server) as sign_in:
        link = await sign_in.begin(web(), Challenge(scopes=("s",)), None)
        finished = asyncio.create_task(sign_in.finish(web()))
        page = asyncio.create_task(returned(link, code="c", iss=server.http.origin))
        kept = await asyncio.wait_for(finished, LIMIT)
        assert "You are signed in to one" in (await page).text
        assert (kept.access, kept.refresh, kept.scopes) == ("token-1", "refresh-1", ("s",))
        assert (kept.issuer, kept.resource) == (server.http.origin, server.http.origin)
        assert server.forms[0]["code"] == "c"
        assert len(server.forms[0]["code_verifier"]) >= 43


@pytest.mark.parametrize(
    ("path", "answer", "words"),
    [
        (RESOURCE, saying(200, {"resource": "https://evil.example/mcp"}), "another server"),
        (RESOURCE, saying(200, b"<html>"), "cannot be read"),
        (RESOURCE, saying(503), "failed to answer"),
        (RESOURCE, without_end, "longer than"),
        (OAUTH, saying(200, {"issuer": "https://evil.example"}), "cannot be read"),
        (OAUTH, saying(302, Location="http://127.0.0.1:1/elsewhere"), "does not say how"),
        (OAUTH, saying(404), "does not say how"),
        ("/register", saying(403), "does not take us"),
        ("/register", saying(201, {"client_id": ""}), "without giving us a name"),
    ],
)
async def test_what_is_described_wrongly_is_not_used(
    path: str, answer: Answered, words: str
) -> None:
    """Other servers, no JSON, no end, redirections: told in words, and no browser is opened."""
    async with both() as server:
        server.instead[path] = answer
        assert words in await failure(server)
        assert "/authorize" not in server.asked


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"issuer": "https://evil.example"}, "describes 'https://evil.example'"),
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE"),
        ({"token_endpoint": "http://10.0.0.1/token"}, "https://"),
        ({"authorization_endpoint": "file:///etc/passwd"}, "no web address"),
        ({"registration_endpoint": None}, '"client_id"'),
    ],
)
async def test_an_authorization_server_has_to_be_fit(changes: Json, words: str) -> None:
    """Wrong issuer, no PKCE, endpoints elsewhere in the clear, and nobody to register with."""
    async with both() as server:
        server.described |= changes
        assert words in await failure(server)


async def test_a_public_server_cannot_make_us_ask_what_is_inside() -> None:
    """However a local address is written, nobody is asked (S21)."""
    async with both() as server:
        port = server.http.port
        for place in (
            *(f"https://127.0.0.1:{port}/", f"https://localhost:{port}/", f"https://[::1]:{port}/"),
            *(f"https://0x7f.1:{port}/", f"https://2130706433:{port}/"),
            *(f"https://[::ffff:127.0.0.1]:{port}/", f"http://127.0.0.1:{port}/"),
            *("https://169.254.169.254/", "file:///etc/passwd", f"gopher://127.0.0.1:{port}/"),
        ):
            with pytest.raises(Unreached, match="not asked"):
                await web(Reach.PUBLIC).get(place)
        assert server.asked == []
        with pytest.raises(Unreached, match="not asked"):
            await web(Reach.PRIVATE).get(f"https://127.0.0.1:{port}/")


async def test_who_never_answers_is_not_waited_for() -> None:
    """Each exchange has its limit."""
    async with both() as server:
        server.instead[OAUTH] = never
        brief = replace(web(), limit=0.2)
        with pytest.raises(Unreached, match="did not answer within"):
            await brief.get(server.http.origin + OAUTH)


async def test_nobody_comes_back() -> None:
    """After its time the port is closed."""
    async with both() as server, signing_in(server, patience=0.1) as sign_in:
        link = await sign_in.begin(web(), Challenge(), None)
        with pytest.raises(SignInFailed, match="Nobody signed in within"):
            await sign_in.finish(web())
        await sign_in.close()
        with pytest.raises(httpx.ConnectError):
            await returned(link, code="c", iss=server.http.origin)
        assert server.forms == []


async def test_only_the_answer_that_is_waited_for_counts() -> None:
    """Other pages, paths, hosts and states change nothing; a second answer finds nobody (S23)."""
    async with both() as server, signing_in(server) as sign_in:
        link = await sign_in.begin(web(), Challenge(), None)
        finished = asyncio.create_task(sign_in.finish(web()))
        right = {"code": "c", "iss": server.http.origin}
        assert (await returned(link, **right, state="other")).status_code == 400
        back = parse_qs(urlsplit(link).query)["redirect_uri"][0]
        async with httpx.AsyncClient(trust_env=False, timeout=LIMIT) as browser:
            assert (await browser.get(back)).status_code == 400
            assert (await browser.get(back.replace("callback", "favicon.ico"))).status_code == 404
            assert (await browser.post(back)).status_code == 404
            rebound = await browser.get(back, headers={"Host": "evil.example"})
            assert rebound.status_code == 404
        assert not finished.done()
        assert (await returned(link, **right)).status_code == 200
        await finished
        assert (await returned(link, **right)).status_code == 400


@pytest.mark.parametrize(
    ("brought", "words"),
    [
        ({"code": "c", "iss": "https://evil.example"}, "somebody else"),
        ({"code": "c"}, "does not say that it is from"),
        ({"error": "access_denied", "iss": "SELF"}, "told not to let us in"),
    ],
)
async def test_a_wrong_answer_gets_no_token(brought: dict[str, str], words: str) -> None:
    """The code goes nowhere, and the person reads why."""
    async with both() as server, signing_in(server) as sign_in:
        link = await sign_in.begin(web(), Challenge(), None)
        finished = asyncio.create_task(sign_in.finish(web()))
        own = {name: value.replace("SELF", server.http.origin) for name, value in brought.items()}
        page = await returned(link, **own)
        with pytest.raises(SignInFailed, match=words):
            await finished
        assert words in page.text
        assert "/token" not in server.asked


# --- who is signed in -----------------------------------------------------------------------------


@asynccontextmanager
async def sign_ins(store: MemoryTokens) -> AsyncIterator[SignIns]:
    every = SignIns("9", {}, keyring_of(), Trust({}), store, lambda _: None)
    try:
        yield every
    finally:
        await every.stop()


def kept_for(server: Both, **changes: Any) -> Kept:
    origin = server.http.origin
    usual: Json = {
        "resource": server.http.url,
        "issuer": origin,
        "token_endpoint": f"{origin}/token",
        "client": Client(id="we"),
        "access": "token-0",
        "refresh": "refresh-0",
    }
    return Kept(**{**usual, **changes})


@asynccontextmanager
async def signed_in(server: Both, **changes: Any) -> AsyncIterator[tuple[Remote, MemoryTokens]]:
    """A connection of somebody who has signed in."""
    store = MemoryTokens()
    store.texts["one"] = text_of(kept_for(server, **changes))
    remote = Remote(at(server.http.url), {}, store=store)
    try:
        yield remote, store
    finally:
        await remote.close()
        await remote.sign_ins.stop()


async def test_f32_a_token_that_is_refused_is_renewed_once() -> None:
    """At the hand-shake, and for fifty calls at once; each call runs once."""
    async with both() as server, signed_in(server) as (remote, store):
        await remote.ready()
        assert server.issued == 1
        server.good = "another"
        answers = await asyncio.gather(*(remote.call({"n": n}) for n in range(50)))
        assert answers == [{"n": n} for n in range(50)]
        assert (server.issued, server.http.calls) == (2, 50)
        assert server.forms[-1]["refresh_token"] == "refresh-1"
        assert "token-2" in store.texts["one"]


async def test_a_token_that_has_run_out_is_renewed_before_it_is_used() -> None:
    """As after a night's sleep: the server never sees the old one."""
    async with both() as server, signed_in(server, expires_at=1.0) as (remote, _):
        await remote.ready()
        seen = [each.headers.get("authorization") for each in server.http.seen]
        assert "Bearer token-0" not in seen


@pytest.mark.parametrize(
    "answer",
    [
        saying(400, {"error": "invalid_grant"}),
        saying(401, {"error": "invalid_client"}),
        saying(200, {"access_token": "never-good", "token_type": "Bearer"}),
    ],
)
async def test_f32_a_session_that_is_not_renewed(answer: Answered) -> None:
    """What was kept stays until something replaces it, and a person is asked."""
    async with both() as server:
        server.instead["/token"] = answer
        async with signed_in(server) as (remote, store):
            fault = await remote.fault()
            assert fault.code is FaultCode.REAUTH_NEEDED
            assert "token-0" not in fault.message
            assert "refresh-0" in store.texts["one"]


async def test_over_the_oldest_transport_a_new_connection_is_made() -> None:
    """There nothing is sent twice, so the connection ends with its token renewed for the next."""
    async with both() as server, signed_in(server, expires_at=1.0) as (remote, _):
        old, guard = oldest([]), server.answer

        async def answer(request: Request, wire: Wire) -> bool:
            return await guard(request, wire) or await old(request, wire)

        server.guarded.add("/messages")
        server.http.script = answer
        await remote.ready()
        assert await remote.call() == {"old": True}
        server.good = "another"
        assert "error" in await remote.call()
        assert (await remote.fault()).code is FaultCode.CONNECT_FAILED
        assert server.issued == 2


async def test_f32_each_of_many_calls_is_told_why_it_was_refused() -> None:
    """Not that it may have run: the server let nobody in."""
    async with both() as server, signed_in(server) as (remote, _):
        await remote.ready()
        server.instead["/token"] = saying(400, {"error": "invalid_grant"})
        server.good = "another"
        answers = await asyncio.gather(*(remote.call({"n": n}) for n in range(10)))
        assert all("sign in again" in answer["error"]["message"] for answer in answers)
        assert (await remote.fault()).code is FaultCode.REAUTH_NEEDED
        assert server.http.calls == 0


@pytest.mark.parametrize("answer", [saying(503), saying(200, b"<html>"), hanging_up])
async def test_an_authorization_server_that_fails_is_tried_again(answer: Answered) -> None:
    """It may come back, so nobody has to sign in for that."""
    async with both() as server:
        server.instead["/token"] = answer
        async with signed_in(server) as (remote, store):
            assert (await remote.fault()).code is FaultCode.CONNECT_FAILED
            assert "refresh-0" in store.texts["one"]


@pytest.mark.parametrize(
    ("status", "code"), [(401, FaultCode.REAUTH_NEEDED), (403, FaultCode.FORBIDDEN)]
)
async def test_who_is_refused_after_the_hand_shake_is_not_ready(
    status: int, code: FaultCode
) -> None:
    """One that greets everybody and lists its tools to some only is no server without tools."""
    async with both() as server, signed_in(server, refresh="") as (remote, _):
        server.good = "token-0"

        async def lists_nothing(request: Request, wire: Wire) -> bool:
            if request.method != "tools/list":
                return await server.answer(request, wire)
            await wire.answer(status)
            return True

        server.http.script = lists_nothing
        assert (await remote.fault()).code is code


async def test_what_is_for_another_server_is_not_sent() -> None:
    """An entry whose url was changed is another server (S24)."""
    async with both() as server, signed_in(server, resource="https://x.example/mcp") as (remote, _):
        assert (await remote.fault()).code is FaultCode.LOGIN_NEEDED
        assert all("authorization" not in each.headers for each in server.http.seen)


async def test_f33_a_permission_that_is_missing_can_be_given() -> None:
    """The call is refused once, the server stays, and the next sign-in asks for both."""
    async with both() as server, signed_in(server, scopes=("notes",)) as (remote, _):
        server.good = "token-0"
        await remote.ready()

        async def more(request: Request, wire: Wire) -> bool:
            if request.method != "tools/call":
                return await server.answer(request, wire)
            wants = 'Bearer error="insufficient_scope", scope="files"'
            await wire.answer(403, WWW_Authenticate=wants)
            return True

        server.http.script = more
        error = (await remote.call())["error"]["message"]
        assert "files" in error
        assert "token-0" not in error
        assert (await remote.peers.get()).concerns[0].action == "login"
        every = await remote.sign_ins.loaded()
        server.http.script = server.answer
        await every.begin(remote.config)
        asked = parse_qs(urlsplit(every.link(remote.config.name)).query)
        assert asked["scope"] == ["notes files"]


async def test_f76_two_at_once_are_one_sign_in() -> None:
    """The same link for both, one registration; and when it is ended, who waits is told."""
    async with both() as server, sign_ins(MemoryTokens()) as every:
        config = at(server.http.url)
        await asyncio.gather(every.begin(config), every.begin(config))
        link = every.link(config.name)
        await every.begin(config)
        assert every.link(config.name) == link
        assert server.asked.count("/register") == 1
        waiting = asyncio.create_task(every.over(config.name))
        await asyncio.sleep(0)
        await every.forget(config.name)
        with pytest.raises(SignInFailed):
            await waiting
        assert every.link(config.name) == ""


@pytest.mark.parametrize("answer", [saying(200), saying(503), hanging_up])
async def test_signing_out_takes_the_token_back(answer: Answered) -> None:
    """It is forgotten here whether or not who gave it answers (RFC 7009)."""
    async with both() as server:
        asked: list[bytes] = []

        async def revoke(request: Request, wire: Wire) -> None:
            asked.append(request.body)
            await answer(request, wire)

        server.instead["/revoke"] = revoke
        store = MemoryTokens()
        kept = kept_for(server, revocation_endpoint=f"{server.http.origin}/revoke")
        store.texts["one"] = text_of(kept)
        async with sign_ins(store) as every:
            config = at(server.http.url)
            grant = await every.grant(config.name, server.http.url)
            assert await every.forget(config.name)
            assert (store.texts, grant.line) == ({}, b"")
            assert not await every.forget(config.name)
        (form,) = (parse_qs(body.decode()) for body in asked)
        assert form == {
            "token": ["refresh-0"],
            "token_type_hint": ["refresh_token"],
            "client_id": ["we"],
        }


async def test_a_sign_in_counts_though_it_cannot_be_kept() -> None:
    """A full disk costs the next start, not this one."""
    store = MemoryTokens()
    store.full = True
    async with both() as server, sign_ins(store) as every:
        config = at(server.http.url)
        await every.begin(config)
        page = await returned(every.link(config.name), code="c", iss=server.http.origin)
        assert page.status_code == 200
        await every.over(config.name)
        grant = await every.grant(config.name, server.http.url)
        assert grant.line == b"Authorization: Bearer token-1\r\n"
        assert json.dumps(store.texts) == "{}"


async def test_no_client_of_one_issuer_is_shown_to_another() -> None:
    """A client_id of the config file stays with the issuer it was first used at."""
    async with both() as server:
        config = at(server.http.url, oauth=OAuth(client_id="mine"))
        store = MemoryTokens()
        earlier = kept_for(server, issuer="https://old.example", client=Client(id="mine"))
        store.texts["one"] = text_of(earlier)
        async with sign_ins(store) as every:
            with pytest.raises(SignInFailed, match=r"used at old\.example"):
                await every.begin(config)
            await every.forget(config.name)
            await every.begin(config)
            assert "client_id=mine" in every.link(config.name)
