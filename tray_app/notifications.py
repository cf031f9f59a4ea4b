"""Desktop notifications over org.freedesktop.Notifications; never waited for.

Desktop Notifications Specification 1.3. What is asked of the daemon while there is none, or no
bus, is dropped: the menu says it all.
"""

from __future__ import annotations

import html
import logging
from collections.abc import Callable, Sequence
from functools import partial

from dbus_fast import Message, MessageType, Variant

from tray_app.alert import Alert
from tray_app.bus import BUS_NAME, BUS_PATH, SessionBus

log = logging.getLogger(__name__)

NAME = "org.freedesktop.Notifications"
PATH = "/org/freedesktop/Notifications"
SERVER_DECIDES = -1
"""How long it stays (expire_timeout)."""

DEFAULT = "default"
"""The action of a click on the notification itself."""


class Notifications:
    """Those on the screen; a listener of the bus. ``clicked`` gets the row an action stands for."""

    def __init__(self, application: str, clicked: Callable[[str], None]) -> None:
        self._application = application
        self._clicked = clicked
        self._bus: SessionBus | None = None
        self._shown: dict[int, Alert] = {}  # by the daemon's number
        self._wanted: dict[str, Alert] = {}  # by our id; shown soon, and not taken back
        self._early: set[int] = set()  # used before the daemon's answer was read

    def use(self, bus: SessionBus) -> None:
        self._bus = bus

    def show(self, alert: Alert) -> None:
        """Show it if the desktop can; otherwise the log says that it was not shown."""
        self._wanted[alert.id] = alert
        no_icon, replaces_none = "", 0
        actions = [DEFAULT, alert.action, alert.row_id, alert.action] if alert.action else []
        self._ask(
            "Notify",
            "susssasa{sv}i",
            [
                self._application,
                replaces_none,
                no_icon,
                alert.title,
                html.escape(alert.body, quote=False),  # servers read markup in it
                actions,
                {"urgency": Variant("y", 1)},
                SERVER_DECIDES,
            ],
            partial(self._is_shown, alert),
        )

    def withdraw(self, id_: str) -> None:
        """Take it off the screen; also one whose number the daemon has not told yet."""
        self._wanted.pop(id_, None)
        for number, alert in list(self._shown.items()):
            if alert.id == id_:
                self._close(number)

    # What the bus tells

    def connected(self) -> None:
        rule = f"type='signal',interface='{NAME}',path='{PATH}'"
        assert self._bus is not None, "use() comes before the bus serves"
        self._bus.call(BUS_NAME, BUS_PATH, "AddMatch", "s", [rule], lambda _: None)

    def disconnected(self, reason: str) -> None:
        self._shown.clear()

    def signalled(self, message: Message) -> None:
        if message.interface != NAME:
            return
        match message.member, message.body:
            case "ActionInvoked", [int(number), str()] if number in self._shown:
                self._clicked(self._shown[number].row_id)
            case "ActionInvoked", [int(number), str()] if self._wanted:
                self._early.add(number)
            case "NotificationClosed", [int(number), int()]:
                self._shown.pop(number, None)

    # Inside

    def _is_shown(self, alert: Alert, answer: Message) -> None:
        if answer.message_type is MessageType.ERROR:
            facts = {"why": answer.error_name, "text": alert.body}
            log.info("notification not shown", extra={"fields": facts})
            return
        number = int(answer.body[0])
        if self._wanted.pop(alert.id, None) is alert:
            self._shown[number] = alert
            if number in self._early:
                self._clicked(alert.row_id)
        else:
            self._close(number)
        if not self._wanted:
            self._early.clear()

    def _close(self, number: int) -> None:
        self._shown.pop(number, None)
        self._ask("CloseNotification", "u", [number], lambda _: None)

    def _ask(
        self, member: str, signature: str, body: Sequence[object], then: Callable[[Message], None]
    ) -> None:
        assert self._bus is not None, "use() comes before the bus serves"
        self._bus.call(NAME, PATH, member, signature, body, then)
