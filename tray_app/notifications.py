"""Desktop notifications over org.freedesktop.Notifications; never waited for."""

from __future__ import annotations

import html
import logging

from dbus_fast import Message, MessageType, Variant

from tray_app.bus import SessionBus

log = logging.getLogger(__name__)

NAME = "org.freedesktop.Notifications"
PATH = "/org/freedesktop/Notifications"
SERVER_DECIDES = -1
"""How long it stays (Desktop Notifications Specification, expire_timeout)."""


def notify(bus: SessionBus, application: str, title: str, body: str) -> None:
    """Show a notification if the desktop can; otherwise the log says that it was not shown."""

    def answered(answer: Message) -> None:
        if answer.message_type is MessageType.ERROR:
            log.info("notification not shown", extra={"reason": answer.error_name, "text": body})

    no_icon, replaces_none = "", 0
    bus.ask(
        Message(
            destination=NAME,
            path=PATH,
            interface=NAME,
            member="Notify",
            signature="susssasa{sv}i",
            body=[
                application,
                replaces_none,
                no_icon,
                title,
                html.escape(body, quote=False),  # servers read markup in it
                [],
                {"urgency": Variant("y", 1)},
                SERVER_DECIDES,
            ],
        ),
        answered,
    )
