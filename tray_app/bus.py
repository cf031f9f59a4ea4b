"""One connection to the session bus: made, answered on, lost, and made again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

from dbus_fast import ErrorType, Message, MessageFlag, MessageType, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.errors import DBusFastError

from tray_app.socket_watch import SocketWatch

log = logging.getLogger(__name__)

BUS_NAME = "org.freedesktop.DBus"
BUS_PATH = "/org/freedesktop/DBus"
PROPERTIES = "org.freedesktop.DBus.Properties"
INTROSPECTABLE = "org.freedesktop.DBus.Introspectable"
AUTHENTICATION_TIMEOUT = 5.0
ANSWER_TIMEOUT = 25.0
"""Seconds; D-Bus' own default. The service asked may have to be started first."""

FAREWELL = 1.0
"""Seconds allowed for closing our end."""

STEADY = 1.0
"""Seconds a connection must have lived for its loss to be followed by an attempt at once."""


class BadArguments(Exception):
    """A caller on the bus asked for something that does not exist; it is told so."""


@dataclass(frozen=True, slots=True)
class Method:
    """One method: the signatures of what it takes and gives, and the function itself."""

    takes: str
    gives: str
    run: Callable[..., list[object]]


@dataclass(frozen=True, slots=True)
class Exported:
    """One object with one interface, offered to everyone on the bus."""

    path: str
    interface: str
    methods: Mapping[str, Method]
    properties: Callable[[], Mapping[str, Variant]]
    introspection: str


class Listener(Protocol):
    """Who is told about the connection, and of the signals asked for."""

    def connected(self) -> None: ...
    def disconnected(self, reason: str) -> None: ...
    def signalled(self, message: Message) -> None: ...


def session_address() -> str | None:
    """Where the session bus is said to be; None when nothing says so."""
    address = os.environ.get("DBUS_SESSION_BUS_ADDRESS", "")
    if address:
        return address
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")  # where systemd keeps it: user@.service
    return f"unix:path={runtime}/bus" if runtime else None


def socket_path(address: str | None) -> Path | None:
    """The file of a ``unix:path=`` address (D-Bus specification, Server Addresses)."""
    for one in (address or "").split(";"):
        transport, _, options = one.partition(":")
        for option in options.split(","):
            key, _, value = option.partition("=")
            if transport == "unix" and key == "path":
                return Path(unquote(value))
    return None


class SessionBus:
    """Serves the exported objects on the session bus for as long as ``serve`` runs.

    All methods belong to the loop that runs ``serve``.
    """

    def __init__(
        self, exported: Sequence[Exported], listeners: Sequence[Listener], address: str | None
    ) -> None:
        self._exported = {(each.path, each.interface): each for each in exported}
        self._listeners = listeners
        self._address = address
        self._bus: MessageBus | None = None
        self._asked: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Keep a connection until cancelled; without a bus, wait for one without polling."""
        with contextlib.ExitStack() as watching:
            watch: SocketWatch | None = None
            try:
                while True:
                    reason, lived = await self._live()
                    for listener in self._listeners:
                        listener.disconnected(reason)
                    if lived >= STEADY:
                        watching.close()
                        watch = None
                    elif watch is None:
                        # Then once more: it may have come before the watch began.
                        watch = watching.enter_context(await self._watch())
                    else:
                        await watch.touched()
            finally:
                for task in self._asked:
                    task.cancel()
                await self._disconnect()

    def emit(
        self, path: str, interface: str, member: str, signature: str, body: Sequence[object]
    ) -> None:
        """Tell everyone; without a connection there is nobody to tell."""
        self._send(
            Message(
                message_type=MessageType.SIGNAL,
                path=path,
                interface=interface,
                member=member,
                signature=signature,
                body=list(body),
            )
        )

    def call(
        self,
        destination: str,
        path: str,
        member: str,
        signature: str,
        body: Sequence[object],
        then: Callable[[Message], None],
    ) -> None:
        """``ask`` for a method of the interface that is called like its owner."""
        message = Message(
            destination=destination,
            path=path,
            interface=destination,
            member=member,
            signature=signature,
            body=list(body),
        )
        self.ask(message, then)

    def ask(self, message: Message, then: Callable[[Message], None]) -> None:
        """Call a method; ``then`` gets the answer, which may be an error message.

        No answer within ``ANSWER_TIMEOUT`` or a lost connection is only logged: the connection
        is announced anew when it is back.
        """
        task = asyncio.get_running_loop().create_task(self._ask(message, then))
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)

    async def _ask(self, message: Message, then: Callable[[Message], None]) -> None:
        if self._bus is None:
            return
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                answer = await self._bus.call(message)
        except (OSError, EOFError, DBusFastError) as error:  # TimeoutError is an OSError
            facts = {"asked": message.member, "why": str(error)}
            log.debug("no answer from the bus", extra={"fields": facts})
            return
        if answer is not None:  # None: the connection was closed by us meanwhile
            then(answer)

    async def _live(self) -> tuple[str, float]:
        """One connection from beginning to end: why it ended, how many seconds it lived."""
        if self._address is None:
            return "DBUS_SESSION_BUS_ADDRESS is not set", 0.0
        try:
            bus = MessageBus(self._address, auth_timeout=AUTHENTICATION_TIMEOUT)
            await bus.connect()
        except (OSError, EOFError, DBusFastError) as error:
            return str(error) or type(error).__name__, 0.0
        loop = asyncio.get_running_loop()
        born = loop.time()
        bus.add_message_handler(self._received)
        self._bus = bus
        for listener in self._listeners:
            listener.connected()
        ended: Callable[[], Awaitable[None]] = bus.wait_for_disconnect  # untyped in dbus-fast
        try:
            await ended()
        except (OSError, EOFError, DBusFastError) as error:
            log.debug("session bus connection ended", extra={"fields": {"why": repr(error)}})
        self._bus = None
        return "it closed the connection", loop.time() - born

    async def _disconnect(self) -> None:
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.disconnect()
            ended: Callable[[], Awaitable[None]] = bus.wait_for_disconnect
            with contextlib.suppress(OSError, EOFError, DBusFastError):
                async with asyncio.timeout(FAREWELL):
                    await ended()

    async def _watch(self) -> SocketWatch:
        """A watch on the bus's socket; never returns when there is nothing to watch."""
        path = socket_path(self._address)
        if path is not None:
            try:
                return SocketWatch(path)
            except OSError as error:
                log.debug("cannot watch for the session bus", extra={"fields": {"why": str(error)}})
        await asyncio.Event().wait()
        raise AssertionError  # only cancellation ends the wait

    def _received(self, message: Message) -> bool:
        """Answer calls to our objects; everything else is left to dbus-fast."""
        if message.message_type is MessageType.SIGNAL:
            for listener in self._listeners:
                listener.signalled(message)
            return False
        if message.message_type is not MessageType.METHOD_CALL:
            return False
        answer = self._answer(message)
        if answer is None:
            return False
        if not message.flags & MessageFlag.NO_REPLY_EXPECTED:
            self._send(answer)
        return True

    def _answer(self, message: Message) -> Message | None:
        path, interface, member = message.path or "", message.interface or "", message.member
        ours = [each for each in self._exported.values() if each.path == path]
        if not ours:
            return None
        if interface == INTROSPECTABLE and member == "Introspect":
            return _reply(message, "s", [_node(ours)])
        try:
            if interface == PROPERTIES:
                return self._properties(message, path)
            exported = self._exported.get((path, interface))
            method = exported.methods.get(member or "") if exported is not None else None
            if method is None or method.takes != message.signature:
                return None
            return _reply(message, method.gives, method.run(*message.body))
        except BadArguments as error:
            return Message.new_error(message, ErrorType.INVALID_ARGS, str(error))

    def _properties(self, message: Message, path: str) -> Message | None:
        if message.member not in ("Get", "GetAll"):
            return Message.new_error(message, ErrorType.PROPERTY_READ_ONLY, "all are read-only")
        exported = self._exported.get((path, message.body[0]))
        if exported is None:
            raise BadArguments(f"no interface {message.body[0]} at {path}")
        values = exported.properties()
        if message.member == "GetAll":
            return _reply(message, "a{sv}", [dict(values)])
        name = message.body[1]
        if name not in values:
            return Message.new_error(
                message, ErrorType.UNKNOWN_PROPERTY, f"no property {name} in {exported.interface}"
            )
        return _reply(message, "v", [values[name]])

    def _send(self, message: Message) -> None:
        if self._bus is not None and self._bus.connected:
            # A failed write ends the connection, which is where it is noticed.
            self._bus.send(message).add_done_callback(_looked_at)


def _looked_at(sent: asyncio.Future[None]) -> None:
    if not sent.cancelled():
        sent.exception()


def _reply(message: Message, signature: str, body: list[object]) -> Message:
    return Message.new_method_return(message, signature, body)


def _node(exported: Sequence[Exported]) -> str:
    return f"<node>{''.join(each.introspection for each in exported)}</node>"
