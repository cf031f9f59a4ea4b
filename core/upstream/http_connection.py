"""One connection to one server by URL: from resolving its entry to saying farewell, in one task.

What ends it (a fault that ends everything, or the wish to close) brings the conversation down,
so that each await below ends by itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.errors import KeyringFailed
from core.model.config import Http, ServerConfig
from core.model.faults import Action, Fault, FaultCode
from core.model.status import Concern
from core.ports import Keyring, Link
from core.protocol.calls import CallTimeout, ConnectionLost
from core.upstream import classify
from core.upstream.conversation import SHARED, Conversation, Means, Terms
from core.upstream.environment import redacted, secrets_of
from core.upstream.eras import Eras
from core.upstream.handshake import BadHandshake, Era
from core.upstream.http_channel import Channel
from core.upstream.http_farewell import Farewell
from core.upstream.http_faults import not_connected
from core.upstream.http_head import Heads
from core.upstream.http_open import Opener
from core.upstream.http_outlet import StreamableOutlet
from core.upstream.http_pool import Pool
from core.upstream.http_route import Route, UnusableProxy, UnusableUrl, login_of, route_to
from core.upstream.http_sse import SseOutlet
from core.upstream.http_streams import Standing
from core.upstream.http_trust import Trust
from core.upstream.oauth_grant import Fixed, Proof
from core.upstream.sign_ins import LateSignIns
from core.upstream.values import MissingSecret, Values, resolve, values_for

FAILURES = 3  # requests in a row that fail after which a person is told

# After these another question would get the same answer.
HOPELESS = frozenset(
    {
        *(FaultCode.DNS_FAILED, FaultCode.CONNECT_FAILED, FaultCode.TLS_FAILED),
        *(FaultCode.PROXY_MISCONFIG, FaultCode.AUTH_REQUIRED, FaultCode.RATE_LIMITED),
        *(FaultCode.REDIRECTED, FaultCode.FORBIDDEN),
    }
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """An entry with every reference resolved."""

    url: str = field(repr=False)
    route: Route
    path: str
    login: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


class HttpConnector:
    """Implements ``core.ports.Connector`` for servers that are reached by URL."""

    def __init__(
        self,
        means: Means,
        environ: Mapping[str, str],
        keyring: Keyring,
        trust: Trust,
        sign_ins: LateSignIns,
    ) -> None:
        self.means = means
        self.eras = Eras()
        self.trust = trust
        self.sign_ins = sign_ins
        self.legacy: set[Http] = set()  # those that turned out to speak the oldest transport
        self._environ = environ
        self._keyring = keyring

    async def __call__(
        self, config: ServerConfig, link: Link, terms: Terms = SHARED
    ) -> Fault | None:
        assert isinstance(config.transport, Http)
        values = await values_for(config.transport.texts, self._environ, self._keyring)
        if isinstance(values, Fault):
            return values
        try:
            place = self._place(config.transport, values)
            context = await self.trust.context() if place.route.tls else None
        except MissingSecret as error:
            return classify.missing_secret(str(error))
        except UnusableProxy as error:
            return Fault(FaultCode.PROXY_MISCONFIG, f"It cannot be reached: {error}.")
        except UnusableUrl as error:
            return Fault(FaultCode.UNSUPPORTED, f"Its url cannot be used: {error}.")
        except OSError as error:
            return Fault(FaultCode.TLS_FAILED, f"No certificate can be checked: {error}.")
        opener = Opener(place.route, context)
        if place.login or config.transport.says_who_asks:
            fault, _ = await self._connected(config, link, terms, place, opener, Fixed())
            return fault
        sign_ins = await self.sign_ins.loaded()
        try:
            grant = await sign_ins.grant(config.name, place.url)
        except KeyringFailed as error:
            return classify.keyring_locked(str(error))
        with grant.used():
            fault, worked = await self._connected(config, link, terms, place, opener, grant)
        if fault is None or link.closing.done():
            return fault
        # Over the oldest transport nothing is sent twice, so that a new connection has to do it.
        renewable = worked and config.transport in self.legacy
        return await sign_ins.judged(grant, fault, renewable=renewable)

    async def _connected(
        self,
        config: ServerConfig,
        link: Link,
        terms: Terms,
        place: Place,
        opener: Opener,
        proof: Proof,
    ) -> tuple[Fault | None, bool]:
        """Why it ended, and whether it could be used before."""
        assert isinstance(config.transport, Http)
        legacy = config.transport.protocol == "sse" or config.transport in self.legacy
        connection = _Connection(self, config, link, place, opener, terms, legacy, proof)
        fault = await connection.run()
        if legacy or config.transport.protocol != "auto" or not connection.may_be_legacy:
            return fault, connection.was_ready
        older = _Connection(self, config, link, place, opener, terms, True, proof)
        later = await older.run()
        known = older.was_ready or link.closing.done()
        return (later if known else fault), older.was_ready

    def _place(self, transport: Http, values: Values) -> Place:
        """Raises MissingSecret, UnusableUrl, UnusableProxy."""
        url = resolve(transport.url, values)
        route, path = route_to(url, self._environ)
        headers = tuple((each.name, resolve(each.value, values)) for each in transport.headers)
        for name, value in headers:
            if "\r" in value or "\n" in value or "\0" in value:
                raise MissingSecret(f"The value of the header {name} has a line break in it.")
        secrets = secrets_of(transport.headers, (transport.url,), values)
        return Place(url, route, path, login_of(url), headers, secrets)


class _Connection:
    """Also the ``core.upstream.http_channel.Onlooker`` of its channel."""

    def __init__(
        self,
        connector: HttpConnector,
        config: ServerConfig,
        link: Link,
        place: Place,
        opener: Opener,
        terms: Terms,
        legacy: bool,
        proof: Proof,
    ) -> None:
        self._connector = connector
        self._config = config
        self._link = link
        self._place = place
        self._opener = opener
        self._fault: Fault | None = None  # what ended it
        self._last: Fault | None = None  # what the last request that failed told
        self._failures = 0  # in a row
        self._status = 0  # of the last answer
        heads = Heads(place.route, place.headers, place.login, connector.means.version, proof)
        self._channel = Channel(config.name, place.route, place.path, heads, self)
        self._outlet: StreamableOutlet | SseOutlet
        self._outlet = SseOutlet(self._channel) if legacy else StreamableOutlet(self._channel)
        self._talk = Conversation(connector.means, config, link, self._outlet, place.secrets, terms)
        self._channel.session = self._talk.session
        heads.parameters = lambda: self._talk.parameters

    @property
    def was_ready(self) -> bool:
        return self._talk.peer is not None

    @property
    def may_be_legacy(self) -> bool:
        """Whether a server answered that may know only the transport of 2024-11-05 (2025-11-25,
        basic/transports#backwards-compatibility)."""
        ended = self._link.closing.done() or self.was_ready
        return not ended and self._status in (400, 404, 405) and self._last is not None

    async def run(self) -> Fault | None:
        """Returns why it ended."""
        self._link.closing.add_done_callback(self._close)
        try:
            async with asyncio.TaskGroup() as tasks:
                pool = self._channel.pool = Pool(self._opener, tasks, self._trouble)
                try:
                    fault = await self._converse()
                    await self._say_farewell()
                finally:
                    pool.close()
        finally:
            self._link.closing.remove_done_callback(self._close)
            self._talk.bring_down()
            self._talk.log.close()
        if self._link.closing.done():
            return None
        self._connector.eras.learn(self._config, self._talk)
        if fault is not None:
            self._talk.log.note(f"[{fault.code}] {redacted(fault.message, self._place.secrets)}")
        return fault

    async def _converse(self) -> Fault | None:
        standing = Standing(self._channel)
        try:
            async with asyncio.timeout(self._config.init_timeout):
                era = self._connector.eras.of(self._config)
                if isinstance(self._outlet, SseOutlet):
                    era = Era.STATEFUL
                    if not await self._outlet.open():
                        return self._last
                await self._talk.open(era, self._hopeless)
            if self._fault is not None:  # a list was refused for what concerns all of the server
                return self._fault
            if isinstance(self._outlet, SseOutlet):
                assert isinstance(self._config.transport, Http)
                self._connector.legacy.add(self._config.transport)
            elif not self._talk.session.hello.stateless:
                standing.ask()
            await self._talk.serve()
        except (TimeoutError, CallTimeout):
            seconds = self._config.init_timeout
            return self._last or Fault(
                FaultCode.HANDSHAKE_TIMEOUT,
                f"Connected, but the server did not answer in {seconds:g} s. Look at the server, "
                "or raise init_timeout.",
            )
        except BadHandshake as error:
            return self._last or classify.handshake_invalid(self._clean(str(error)), "")
        except ConnectionLost:
            return self._fault
        finally:
            standing.close()
            if isinstance(self._outlet, SseOutlet):
                self._outlet.close()
        return self._fault

    def _hopeless(self) -> bool:
        return self._last is not None and self._last.code in HOPELESS

    async def _say_farewell(self) -> None:
        """Let a server that keeps a session for us forget it."""
        if self._link.closing.done() and self._channel.heads.session_id:
            await Farewell(self._channel).said()

    def _close(self, _: asyncio.Future[None]) -> None:
        self._talk.bring_down()

    def _clean(self, text: str) -> str:
        return redacted(text, (*self._place.secrets, *self._channel.heads.proof.secrets))

    # --- what is noticed ------------------------------------------------------------------------

    def _trouble(self, error: OSError) -> str:
        """No connection could be opened. A server that cannot be reached is gone, unless it is
        just answering something."""
        fault = not_connected(self._place.route, error)
        if fault.code is FaultCode.TLS_FAILED:
            self._connector.trust.forget()
        asyncio.get_running_loop().call_soon(self.failed, fault, self._talk.peer is not None)
        self._last = fault
        return self._clean(fault.message).rstrip(".")

    def responded(self, status: int) -> None:
        self._status = status
        counters = self._connector.means.counters
        counters.upstream_http_responses.inc(self._config.name, f"{status // 100}xx")

    def worked(self) -> None:
        self._last = None
        self._failures = 0
        if self._talk.trouble is not None:
            self._talk.troubled(None)

    def failed(self, fault: Fault, ends: bool) -> None:
        fault = Fault(fault.code, self._clean(fault.message), self._clean(fault.detail))
        self._last = fault
        if self._talk.peer is not None:
            self._talk.log.note(f"[{fault.code}] {fault.message}")
        if ends and not (fault.code is FaultCode.CONNECT_FAILED and self._outlet.busy):
            self._fault = self._fault or fault
            if self._talk.peer is not None:
                # What waited for the same renewal learns its own reason first.
                asyncio.get_running_loop().call_soon(self._talk.bring_down)
            return
        if fault.code in (FaultCode.AUTH_REQUIRED, FaultCode.FORBIDDEN):
            if fault.code is FaultCode.FORBIDDEN and self._talk.peer is None:
                self._fault = self._fault or fault
            elif fault.code is FaultCode.FORBIDDEN:
                self._talk.lacks(Concern(fault.message, Action.LOGIN))
            return  # it concerns one call, and not the server
        self._failures += 1
        if self._failures == FAILURES:
            text = f"The last {FAILURES} requests to it failed. {fault.message}"
            self._talk.troubled(Concern(text, Action.RESTART))

    def session_lost(self) -> None:
        self._talk.log.note("[session lost] The server does not know our session: a new one.")
        self._channel.heads.session_id = b""
        self._talk.meet_again()
