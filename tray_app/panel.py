"""Keeps the item registered with whatever panel there is, whenever it comes or comes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from dbus_fast import Message, MessageType

from tray_app import sni
from tray_app.bus import BUS_NAME, BUS_PATH, SessionBus


class Presence(StrEnum):
    """Whether there is a tray that shows the icon."""

    SHOWN = "shown"
    NO_HOST = "no_host"
    NO_BUS = "no_bus"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the icon stands; ``reason`` is a foreign message, if there is one."""

    presence: Presence
    reason: str = ""


class Panel:
    """The bus's listener: watches who is the StatusNotifierWatcher and registers with it.

    Registers by object path, not by a name of our own: GNOME's extension refuses the latter.
    """

    def __init__(self, changed: Callable[[Placement], None]) -> None:
        self._changed = changed
        self._placement: Placement | None = None
        self._bus: SessionBus | None = None

    def use(self, bus: SessionBus) -> None:
        self._bus = bus

    def connected(self) -> None:
        rule = (
            f"type='signal',sender='{BUS_NAME}',path='{BUS_PATH}',interface='{BUS_NAME}',"
            f"member='NameOwnerChanged',arg0='{sni.WATCHER}'"
        )
        # The bus answers in order: once the second answer is here, no change goes unseen.
        self._ask(BUS_NAME, BUS_PATH, "AddMatch", rule, lambda _: None)
        self._ask(BUS_NAME, BUS_PATH, "NameHasOwner", sni.WATCHER, self._had_owner)

    def disconnected(self, reason: str) -> None:
        self._say(Placement(Presence.NO_BUS, reason))

    def signalled(self, message: Message) -> None:
        if message.member == "NameOwnerChanged" and message.sender == BUS_NAME:
            name, _, owner = message.body
            if name == sni.WATCHER:
                self._register() if owner else self._say(Placement(Presence.NO_HOST))

    def _had_owner(self, answer: Message) -> None:
        if answer.message_type is MessageType.METHOD_RETURN and answer.body[0]:
            self._register()
        else:
            self._say(Placement(Presence.NO_HOST))

    def _register(self) -> None:
        self._ask(
            sni.WATCHER,
            sni.WATCHER_PATH,
            "RegisterStatusNotifierItem",
            sni.PATH,
            self._registered,
        )

    def _registered(self, answer: Message) -> None:
        if answer.message_type is MessageType.METHOD_RETURN:
            self._say(Placement(Presence.SHOWN))
        else:
            reason = str(answer.body[0]) if answer.body else answer.error_name or ""
            self._say(Placement(Presence.REFUSED, reason))

    def _ask(
        self,
        destination: str,
        path: str,
        member: str,
        argument: str,
        then: Callable[[Message], None],
    ) -> None:
        assert self._bus is not None, "use() comes before the bus serves"
        self._bus.call(destination, path, member, "s", [argument], then)

    def _say(self, placement: Placement) -> None:
        """Each change once: an outage with several attempts is still one outage."""
        same = self._placement is not None and self._placement.presence is placement.presence
        if not same:
            self._placement = placement
            self._changed(placement)
