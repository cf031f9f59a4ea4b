"""What a screen reader hears of a desktop: names and roles on the accessibility bus.

Interface: AT-SPI 2, whose D-Bus side is described in at-spi2-core's ``xml`` directory. Spoken
over dbus-fast, so that no library of the system is needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

ACCESSIBLE = "org.a11y.atspi.Accessible"
REGISTRY = "org.a11y.atspi.Registry"
BUS = "org.freedesktop.DBus"
PROPERTIES = "org.freedesktop.DBus.Properties"
LIMIT = 30.0

MENUS = ("menu", "popup menu")
ROWS = ("menu item", "menu", "check menu item")
REACHED = (["focused", 1], ["selected", 1])
"""Qt says of a row that it has the focus, GTK that it is selected."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object is: whose, and its path there."""

    owner: str
    path: str


DESKTOP = Place(REGISTRY, "/org/a11y/atspi/accessible/root")


@dataclass(frozen=True, slots=True)
class Thing:
    """One object as it is spoken of."""

    role: str
    name: str
    description: str


class Ears:
    """Listens within ``async with``; ``rows`` are the menu rows that were reached, in order.

    Begin before the panel starts: LXQt's does not speak to who comes later (decision 32).
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._bus: MessageBus | None = None
        self._reached: asyncio.Queue[Place] = asyncio.Queue()
        self._menu = DESKTOP
        self.rows: list[str] = []

    async def __aenter__(self) -> Self:
        session = await MessageBus(self._address).connect()
        launcher = Place("org.a11y.Bus", "/org/a11y/bus")
        (address,) = await _call(session, launcher, "org.a11y.Bus", "GetAddress")
        session.disconnect()
        await session.wait_for_disconnect()
        self._bus = await MessageBus(str(address)).connect()
        self._bus.add_message_handler(self._received)
        registry = Place(REGISTRY, "/org/a11y/atspi/registry")
        event = "object:state-changed"
        await _call(self._bus, registry, REGISTRY, "RegisterEvent", "sas", event, [])
        rule = "type='signal',interface='org.a11y.atspi.Event.Object',member='StateChanged'"
        await _call(self._bus, Place(BUS, "/org/freedesktop/DBus"), BUS, "AddMatch", "s", rule)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._bus is not None
        self._bus.disconnect()
        await self._bus.wait_for_disconnect()

    async def until_reached(self, row: str) -> None:
        """Wait until a menu row of that name has the focus or is selected."""
        async with asyncio.timeout(LIMIT):
            while not self.rows or self.rows[-1] != row:
                await self._hear(await self._reached.get())

    async def until_heard(self, role: str) -> Thing:
        """Wait until something of that role has the focus or is selected."""
        async with asyncio.timeout(LIMIT):
            while True:
                with suppress(Unanswered):
                    thing = await self.thing(await self._reached.get())
                    if thing.role == role:
                        return thing

    async def menu(self) -> list[Thing]:
        """All there is in the menu of the row that was reached last."""
        return [await self.thing(place) async for place in self.below(self._menu)]

    async def everything(self) -> list[Thing]:
        """All that the desktop's programs show to who looks around."""
        found = []
        places = [DESKTOP]
        while places:
            place = places.pop()
            found.append(await self.thing(place))
            places += [child async for child in self.below(place)]
        return found

    async def thing(self, place: Place) -> Thing:
        (role,) = await self._ask(place, "GetRoleName")
        return Thing(str(role), *[str(await self._get(place, n)) for n in ("Name", "Description")])

    async def below(self, place: Place) -> AsyncIterator[Place]:
        (children,) = await self._ask(place, "GetChildren")
        assert isinstance(children, list)
        for child in children:
            yield _place(child)

    async def _hear(self, place: Place) -> None:
        """Keep the name of what was reached, if it is a row of a menu and still there."""
        try:
            thing = await self.thing(place)
            menu = _place(await self._get(place, "Parent"))
            around = await self.thing(menu)
        except Unanswered:
            return
        if thing.role in ROWS and around.role in MENUS:
            self._menu = menu
            if self.rows[-1:] != [thing.name]:  # GTK gives it the focus once it is selected
                self.rows.append(thing.name)

    async def _get(self, place: Place, name: str) -> object:
        assert self._bus is not None
        (value,) = await _call(self._bus, place, PROPERTIES, "Get", "ss", ACCESSIBLE, name)
        assert isinstance(value, Variant)
        return value.value

    async def _ask(self, place: Place, member: str) -> list[object]:
        assert self._bus is not None
        return await _call(self._bus, place, ACCESSIBLE, member)

    def _received(self, message: Message) -> None:
        if message.member == "StateChanged" and message.body[:2] in REACHED:
            self._reached.put_nowait(Place(str(message.sender), str(message.path)))


def _place(reference: object) -> Place:
    assert isinstance(reference, (list, tuple))
    owner, path = reference
    return Place(str(owner), str(path))


class Unanswered(Exception):
    """The object is gone, or its program."""


async def _call(
    bus: MessageBus, place: Place, interface: str, member: str, signature: str = "", *body: object
) -> list[object]:
    answer = await bus.call(
        Message(
            destination=place.owner,
            path=place.path,
            interface=interface,
            member=member,
            signature=signature,
            body=list(body),
        )
    )
    assert answer is not None
    if answer.message_type is MessageType.ERROR:
        raise Unanswered(answer.error_name, answer.body)
    return list(answer.body)
