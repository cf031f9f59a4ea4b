"""Asks the addresses of a sign-in: one short exchange each, bounded in time and size.

Redirections are not followed: what is sent is for the very address that was checked.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

import msgspec

from core.errors import SignInFailed
from core.upstream.http_faults import not_connected
from core.upstream.http_open import NotPermitted, Opener, addresses_of
from core.upstream.http_route import UnusableProxy, UnusableUrl, route_to
from core.upstream.http_trust import Trust
from core.upstream.http_wire import Wire, WireFailure
from core.upstream.oauth_places import NotAllowed, Reach, check, host_of, lies, outermost

LIMIT = 15.0  # seconds for one exchange
LARGEST = 256 * 1024  # bytes of an answer

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


class Unreached(SignInFailed):
    """There was no usable answer; there may be one later."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Web:
    """What may be asked on behalf of one server. All methods raise Unreached.

    ``reach`` is how far inside the server itself lies.
    """

    version: str
    environ: Mapping[str, str]
    trust: Trust
    reach: Reach
    limit: float = LIMIT

    async def get(self, url: str) -> Answer:
        return await self._ask("GET", url, {}, b"")

    async def post_form(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str]
    ) -> Answer:
        return await self._ask(
            "POST", url, {**headers, "Content-Type": FORM}, urlencode(form).encode()
        )

    async def post_json(self, url: str, body: object) -> Answer:
        return await self._ask("POST", url, {"Content-Type": JSON}, msgspec.json.encode(body))

    async def _ask(self, verb: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        who = host_of(url)
        try:
            check(url, self.reach)
            route, path = route_to(url, self.environ)
            context = await self.trust.context() if route.tls else None
            opener = Opener(route, context, self._permits)
            lines = [f"{verb} {path} HTTP/1.1", f"Host: {route.authority}"]
            lines += [f"User-Agent: mcpproxy-tray/{self.version}", f"Accept: {JSON}"]
            lines += ["Connection: close", f"Content-Length: {len(body)}"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            request = "\r\n".join([*lines, "", ""]).encode() + body
            async with asyncio.timeout(self.limit):
                return await _exchanged(opener, request)
        except NotAllowed as error:
            raise Unreached(f"{url[:200]!r} {error}, so it is not asked.") from None
        except NotPermitted:
            raise Unreached(
                f"{who} lies further inside than the server, so it is not asked."
            ) from None
        except (UnusableUrl, UnusableProxy) as error:
            raise Unreached(f"{who} cannot be asked: {error}.") from None
        except TimeoutError:
            raise Unreached(f"{who} did not answer within {self.limit:g} s.") from None
        except OSError as error:
            if isinstance(error, ssl.SSLError):
                self.trust.forget()
            raise Unreached(not_connected(route_to(url, {})[0], error).message) from None
        except WireFailure as error:
            raise Unreached(f"{who} gave no whole answer: {error}.") from None

    def _permits(self, address: str) -> bool:
        return lies(address) <= self.reach


async def reach_of(url: str, environ: Mapping[str, str]) -> Reach:
    """How far inside a server lies. Raises Unreached."""
    try:
        route, _ = route_to(url, environ)
    except (UnusableUrl, UnusableProxy) as error:
        raise Unreached(f"{host_of(url)} cannot be asked: {error}.") from None
    if route.proxy is not None:
        return Reach.PUBLIC
    try:
        async with asyncio.timeout(LIMIT):
            found = await addresses_of(*route.target)
    except TimeoutError:
        raise Unreached(f"The address of {host_of(url)} was not found in {LIMIT:g} s.") from None
    except OSError as error:
        raise Unreached(not_connected(route, error).message) from None
    return outermost(address[0] for _, address in found)


async def _exchanged(opener: Opener, request: bytes) -> Answer:
    """Raises OSError, WireFailure."""
    taken = _Taken()
    wire = await opener.open(lambda: Wire(lambda at_rest: at_rest.close(), lambda _: None))
    try:
        if not wire.usable:
            raise WireFailure("the connection was closed at once")
        wire.carry(request, taken)
        return await taken.whole
    finally:
        wire.close()


class _Taken:
    """Implements ``core.upstream.http_wire.Answer``."""

    def __init__(self) -> None:
        self.whole: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._status = 0
        self._body = bytearray()

    def head(self, status: int, headers: Mapping[bytes, bytes]) -> None:
        self._status = status

    def body(self, data: bytes) -> None:
        if len(self._body) + len(data) > LARGEST:
            raise WireFailure(f"it is longer than {LARGEST >> 10} KiB")
        self._body += data

    def end(self) -> None:
        if not self.whole.done():
            self.whole.set_result(Answer(self._status, bytes(self._body)))

    def failed(self, failure: WireFailure) -> None:
        if not self.whole.done():
            self.whole.set_exception(failure)
