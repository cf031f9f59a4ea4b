"""Whether there is something on this desktop that shows tray icons; asked once, for the doctor."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Mapping

from core.model.findings import Finding, Gravity
from tray_app import text

LIMIT = 5.0  # seconds for the bus, and for who answers there


def tray_host(environ: Mapping[str, str]) -> Iterator[Finding]:
    """One finding on Linux; elsewhere every desktop shows icons, and there is none."""
    if sys.platform == "linux":
        yield asyncio.run(_examine(environ))


async def _examine(environ: Mapping[str, str]) -> Finding:
    from dbus_fast import Message, MessageType
    from dbus_fast.aio import MessageBus
    from dbus_fast.errors import DBusFastError

    from tray_app.bus import PROPERTIES, session_address
    from tray_app.sni import WATCHER, WATCHER_PATH

    address = session_address()
    if address is None:
        return _absent(text.no_bus("DBUS_SESSION_BUS_ADDRESS is not set"), environ)
    question = Message(
        destination=WATCHER,
        path=WATCHER_PATH,
        interface=PROPERTIES,
        member="Get",
        signature="ss",
        body=[WATCHER, "IsStatusNotifierHostRegistered"],
    )
    try:
        async with asyncio.timeout(LIMIT):
            bus = await MessageBus(address, auth_timeout=LIMIT).connect()
            try:
                answer = await bus.call(question)
            finally:
                bus.disconnect()
    except (OSError, EOFError, DBusFastError) as error:  # TimeoutError is an OSError
        return _absent(text.no_bus(str(error) or "no answer"), environ)
    if answer.message_type is MessageType.METHOD_RETURN:
        (shown,) = answer.body
        if shown.value is True:
            return Finding(check="tray", level=Gravity.OK, what="This desktop shows tray icons.")
    return _absent(text.no_host(environ.get("XDG_CURRENT_DESKTOP", "")), environ)


def _absent(words: str, environ: Mapping[str, str]) -> Finding:
    """Something is wrong only where there is a desktop; a service needs no icon."""
    at_a_desktop = any(
        environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "XDG_CURRENT_DESKTOP")
    )
    what, _, rest = words.partition(": ")
    return Finding(
        check="tray",
        level=Gravity.WARNING if at_a_desktop else Gravity.NOTE,
        what=f"{what}.",
        why=rest[:1].upper() + rest[1:],
    )
