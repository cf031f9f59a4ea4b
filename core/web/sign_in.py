"""Routes with which a person signs in to a server by URL, and out again."""

from __future__ import annotations

import asyncio

import msgspec

from core.asgi import while_connected
from core.errors import SignInFailed
from core.model.config import ServerName
from core.model.intents import Login, Logout
from core.web import wire
from core.web.actions import WAITING, AcceptedData, act_on, phase_in, reached, seconds_in, submit
from core.web.exchange import Request, Response
from core.web.replies import Refused, success
from core.web.routing import Route
from core.web.site import Site


class LoginData(msgspec.Struct, frozen=True):
    """``link`` is for the person's browser, on the computer where this program runs; it is empty
    once it has been used. ``server`` is set when the caller waited."""

    accepted_at_seq: int
    link: str
    server: wire.StatusJson | None = None


async def login(site: Site, request: Request) -> Response:
    """Asked again while a sign-in is prepared, the same one."""
    name = ServerName(request.params["name"])
    return await _answer(site, request, name, await submit(site, Login(name)), 202)


async def signing_in(site: Site, request: Request) -> Response:
    """Prepares nothing, so that whoever waits cannot begin another by that."""
    name = ServerName(request.params["name"])
    return await _answer(site, request, name, site.door.snapshot.seq, 200)


async def logout(site: Site, request: Request) -> Response:
    name = ServerName(request.params["name"])
    return await act_on(site, request, name, Logout(name))


async def _answer(
    site: Site, request: Request, name: ServerName, seq: int, at_once: int
) -> Response:
    wanted, limit = phase_in(request), seconds_in(request)
    link = site.sign_ins.link(name)
    if wanted is None:
        return success(LoginData(seq, link), at_once)
    try:
        async with asyncio.timeout(limit):
            await while_connected(request.receive, site.sign_ins.over(name))
    except TimeoutError as error:
        message = f"Nobody has signed in to {name} yet; the link still works."
        raise Refused(504, "wait_timeout", message) from error
    except SignInFailed as error:
        raise Refused(409, "sign_in_failed", str(error)) from error
    status = await reached(site, request, name, None, wanted, limit)
    return success(LoginData(seq, "", wire.status_json(status)))


ROUTES: tuple[Route[Site], ...] = (
    Route(
        "POST",
        "/api/v1/servers/{name}/login",
        login,
        "Prepare a sign-in, and give the link for the person's browser.",
        data=LoginData,
        query=WAITING,
        status=202,
    ),
    Route(
        "GET",
        "/api/v1/servers/{name}/login",
        signing_in,
        "The sign-in that is prepared; ?wait=ready waits for its end, then for the server.",
        data=LoginData,
        query=WAITING,
    ),
    Route(
        "POST",
        "/api/v1/servers/{name}/logout",
        logout,
        "Forget what proves to the server who the person is.",
        data=AcceptedData,
        query=WAITING,
        status=202,
    ),
)
