"""A small real tray host: watches, reads, walks the menu, clicks and keeps what it was told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from dbus_fast import Message, MessageFlag, MessageType, NameFlag, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.unpack import unpack_variants

WATCHER = "org.kde.StatusNotifierWatcher"
ITEM = "org.kde.StatusNotifierItem"
MENU = "com.canonical.dbusmenu"
NOTIFICATIONS = "org.freedesktop.Notifications"
LIMIT = 30.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MenuRow:
    """One row as the host got it, underscores still doubled."""

    id: int
    properties: dict[str, object]
    rows: tuple[MenuRow, ...] = ()

    @property
    def label(self) -> str:
        return str(self.properties.get("label", ""))

    @property
    def enabled(self) -> bool:
        return bool(self.properties.get("enabled", True))

    @property
    def is_separator(self) -> bool:
        return self.properties.get("type") == "separator"

    def below(self, start: str) -> MenuRow:
        """The one row right below whose label starts so."""
        found = [row for row in self.rows if row.label.startswith(start)]
        if len(found) != 1:
            raise AssertionError(f"{start!r} is not one of {[row.label for row in self.rows]}")
        return found[0]

    def walk(self) -> Iterator[MenuRow]:
        yield self
        for row in self.rows:
            yield from row.walk()


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal of the item or its menu."""

    interface: str
    name: str
    body: list[object] = field(default_factory=list)


class ItemReader:
    """Reads and clicks one registered item over a connection of its own."""

    def __init__(self, bus: MessageBus, owner: str, path: str) -> None:
        self._bus = bus
        self.owner = owner
        self.path = path

    async def properties(self) -> dict[str, object]:
        answer = await self.call(self.path, "org.freedesktop.DBus.Properties", "GetAll", "s", ITEM)
        return dict(unpack_variants(answer[0]))

    async def layout(self, parent: int = 0) -> MenuRow:
        menu = str((await self.properties())["Menu"])
        answer = await self.call(menu, MENU, "GetLayout", "iias", parent, -1, [])
        return _row(unpack_variants(answer[1]))

    async def find(self, *starts: str) -> MenuRow:
        """The row reached by labels that start so, level by level."""
        row = await self.layout()
        for start in starts:
            row = row.below(start)
        return row

    async def click(self, *starts: str) -> None:
        await self.event((await self.find(*starts)).id, "clicked")

    async def event(self, row: int, kind: str) -> None:
        menu = str((await self.properties())["Menu"])
        await self.call(menu, MENU, "Event", "isvu", row, kind, Variant("s", ""), 0)

    async def about_to_show(self, row: int = 0) -> bool:
        menu = str((await self.properties())["Menu"])
        return bool((await self.call(menu, MENU, "AboutToShow", "i", row))[0])

    async def call(
        self, path: str, interface: str, member: str, signature: str = "", *body: object
    ) -> list[object]:
        message = Message(
            destination=self.owner,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=list(body),
        )
        async with asyncio.timeout(LIMIT):
            answer = await self._bus.call(message)
        if answer.message_type is MessageType.ERROR:
            raise CallFailed(answer.error_name, answer.body)
        return list(answer.body)


class CallFailed(Exception):
    """The other side answered with an error."""


class FakeHost:
    """Watcher, host and notification server in one, on a private bus."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._news = asyncio.Condition()
        self._bus: MessageBus | None = None
        self._telling: set[asyncio.Task[None]] = set()
        self._refuse = False
        self.shown: dict[int, list[str]] = {}  # notifications not closed: their actions
        self.items: list[ItemReader] = []
        self.signals: list[Signal] = []
        self.notifications: list[tuple[str, str]] = []

    async def start(
        self, *, notifies: bool = True, watches: bool = True, refuse: bool = False
    ) -> None:
        """Connect, and own the names a panel owns; ``refuse`` turns every item away.

        Without ``watches`` it is a desktop that shows notifications, and has no tray.
        """
        self._refuse = refuse
        self._bus = await MessageBus(self._address).connect()
        self._bus.add_message_handler(self._received)
        rules = [f"type='signal',interface='{interface}'" for interface in (ITEM, MENU)]
        for rule in (*rules, "type='signal',member='NameOwnerChanged'"):
            await self._bus.call(
                Message(
                    destination="org.freedesktop.DBus",
                    path="/org/freedesktop/DBus",
                    interface="org.freedesktop.DBus",
                    member="AddMatch",
                    signature="s",
                    body=[rule],
                )
            )
        if notifies:
            await self._bus.request_name(NOTIFICATIONS, NameFlag.DO_NOT_QUEUE)
        if watches:
            await self._bus.request_name(WATCHER, NameFlag.DO_NOT_QUEUE)

    async def drop_and_take_names(self) -> None:
        """What a panel does that starts anew without leaving the bus."""
        assert self._bus is not None
        self.items.clear()
        await self._bus.release_name(WATCHER)
        await self._bus.request_name(WATCHER, NameFlag.DO_NOT_QUEUE)

    async def stop(self) -> None:
        if self._bus is not None:
            self._bus.disconnect()
            await self._bus.wait_for_disconnect()
            self._bus = None
        self.items.clear()

    async def item(self) -> ItemReader:
        """The one item there is, once it is registered."""
        await self.until(lambda: bool(self.items))
        return self.items[-1]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds; looked at after everything that arrives."""
        async with asyncio.timeout(LIMIT), self._news:
            await self._news.wait_for(condition)

    async def until_read(
        self, read: Callable[[], Awaitable[T]], condition: Callable[[T], bool]
    ) -> T:
        """Read after every signal until what is read fulfils the condition."""
        async with asyncio.timeout(LIMIT):
            while True:
                seen = len(self.signals)
                value = await read()
                if condition(value):
                    return value
                await self.until(lambda seen=seen: len(self.signals) > seen)

    def count(self, name: str) -> int:
        return sum(signal.name == name for signal in self.signals)

    def press(self, number: int, action: str) -> None:
        """A person uses an action of a notification."""
        assert self._bus is not None
        signal = Message(
            message_type=MessageType.SIGNAL,
            path="/org/freedesktop/Notifications",
            interface=NOTIFICATIONS,
            member="ActionInvoked",
            signature="us",
            body=[number, action],
        )
        self._bus.send(signal)

    def _received(self, message: Message) -> bool:
        if message.message_type is MessageType.SIGNAL:
            if message.member == "NameOwnerChanged" and not message.body[2]:
                self.items = [item for item in self.items if item.owner != message.body[0]]
                self._tell()
            if message.interface in (ITEM, MENU):
                body = unpack_variants(message.body)
                self.signals.append(Signal(message.interface, message.member or "", body))
                self._tell()
            return False
        if message.message_type is not MessageType.METHOD_CALL or self._bus is None:
            return False
        answer = Message.new_method_return(message)
        match message.member:
            case "RegisterStatusNotifierItem" if self._refuse:
                answer = Message.new_error(message, "org.example.Refused", "no room")
            case "RegisterStatusNotifierItem":
                path = str(message.body[0])
                self.items.append(ItemReader(self._bus, str(message.sender), path))
            case "Notify":
                self.notifications.append((str(message.body[3]), str(message.body[4])))
                number = len(self.notifications)
                self.shown[number] = [str(each) for each in message.body[5]]
                answer = Message.new_method_return(message, "u", [number])
            case "CloseNotification":
                self.shown.pop(int(message.body[0]), None)
            case "Get" if message.body == [WATCHER, "IsStatusNotifierHostRegistered"]:
                answer = Message.new_method_return(message, "v", [Variant("b", True)])
            case _:
                return False
        if not message.flags & MessageFlag.NO_REPLY_EXPECTED:
            self._bus.send(answer)
        self._tell()
        return True

    def _tell(self) -> None:
        async def tell() -> None:
            async with self._news:
                self._news.notify_all()

        task = asyncio.get_running_loop().create_task(tell())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)


def _row(layout: list[object]) -> MenuRow:
    id_, properties, children = layout
    assert isinstance(id_, int)
    assert isinstance(properties, dict)
    assert isinstance(children, list)
    return MenuRow(id_, properties, tuple(_row(child) for child in children))
