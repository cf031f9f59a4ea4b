"""The Linux icon on a private message bus, watched by a small real host."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from core.model.faults import Fault, FaultCode
from core.model.status import Phase
from tests.fakes.tray_bus import PrivateBus
from tests.fakes.tray_engine import status
from tests.fakes.tray_host import CallFailed, FakeHost, ItemReader
from tests.fakes.tray_shown import ShownTray
from tray_app.alert import Alert
from tray_app.pixmaps import pixmaps
from tray_app.view import IconState

pixmaps(IconState.OK)  # reads a file, which no test may do on its loop


@pytest.fixture
def bus(short_dir: Path) -> Iterator[PrivateBus]:
    """A private bus that listens."""
    bus = PrivateBus(short_dir)
    bus.start()
    yield bus
    bus.kill()


@pytest.fixture
async def host(bus: PrivateBus) -> AsyncIterator[FakeHost]:
    """A panel that is there before the program."""
    host = FakeHost(bus.address)
    await host.start()
    yield host
    await host.stop()


@pytest.fixture
def tray(bus: PrivateBus) -> Iterator[ShownTray]:
    """The icon, running, not drawn yet."""
    tray = ShownTray(bus.address)
    yield tray
    tray.stop()


ASKED_BY_HOSTS = {
    "Category",
    "Id",
    "Title",
    "Status",
    "WindowId",
    "IconName",
    "IconPixmap",
    "IconAccessibleDesc",
    "OverlayIconName",
    "OverlayIconPixmap",
    "AttentionIconName",
    "AttentionIconPixmap",
    "AttentionAccessibleDesc",
    "AttentionMovieName",
    "ToolTip",
    "IconThemePath",
    "Menu",
    "ItemIsMenu",
    "XAyatanaOrderingIndex",
}


async def test_item_has_what_hosts_ask_for(host: FakeHost, tray: ShownTray) -> None:
    """Every property known hosts read is there; the picture is ours; names are for ears too."""
    fault = Fault(FaultCode.CRASHED, "Ended with <3> & more.")
    view = tray.draw(status("a"), status("b", Phase.FAILED, fault=fault))
    item = await host.item()
    properties = await item.properties()
    assert set(properties) == ASKED_BY_HOSTS
    assert properties["Status"] == "NeedsAttention"
    assert properties["Title"] == view.title
    assert properties["IconAccessibleDesc"] == properties["AttentionAccessibleDesc"] == view.title
    assert properties["ToolTip"] == (
        "",
        [],
        view.title,
        "b - Stopped: Ended with &lt;3&gt; &amp; more.",
    )
    shown = pixmaps(IconState.ERROR)
    assert properties["IconPixmap"] == [(p.width, p.height, p.argb) for p in shown]


async def test_item_answers_what_hosts_call(host: FakeHost, tray: ShownTray) -> None:
    """Clicks on the icon itself are accepted, introspection works, mistakes get an error."""
    tray.draw()
    item = await host.item()
    for member, signature, body in (
        ("Activate", "ii", (1, 2)),
        ("ContextMenu", "ii", (1, 2)),
        ("SecondaryActivate", "ii", (1, 2)),
        ("Scroll", "is", (1, "vertical")),
        ("ProvideXdgActivationToken", "s", ("token",)),
    ):
        assert (
            await item.call(item.path, "org.kde.StatusNotifierItem", member, signature, *body) == []
        )
    introspectable = "org.freedesktop.DBus.Introspectable"
    (xml,) = await item.call(item.path, introspectable, "Introspect")
    assert "org.kde.StatusNotifierItem" in str(xml)
    properties = "org.freedesktop.DBus.Properties"
    title = await item.call(
        item.path, properties, "Get", "ss", "org.kde.StatusNotifierItem", "Title"
    )
    assert title[0].value == "MCP Proxy - no servers configured"
    with pytest.raises(CallFailed, match="UnknownProperty"):
        await item.call(item.path, properties, "Get", "ss", "org.kde.StatusNotifierItem", "Nope")
    with pytest.raises(CallFailed, match="InvalidArgs"):
        await item.call(item.path, properties, "GetAll", "s", "org.example.Nope")
    with pytest.raises(CallFailed, match="UnknownMethod"):
        await item.call(item.path, "org.kde.StatusNotifierItem", "Nope")


async def test_menu_answers_what_hosts_call(host: FakeHost, tray: ShownTray) -> None:
    """Group calls, single properties and unknown rows are answered as the interface says."""
    tray.draw(status("a"))
    item = await host.item()
    menu = str((await item.properties())["Menu"])
    interface = "com.canonical.dbusmenu"
    header = (await item.layout()).rows[0]
    (groups,) = await item.call(
        menu, interface, "GetGroupProperties", "aias", [header.id, 999], ["label"]
    )
    assert [(id_, sorted(found)) for id_, found in groups] == [(header.id, ["label"])]
    (label,) = await item.call(menu, interface, "GetProperty", "is", header.id, "label")
    assert label.value == header.label
    assert await item.call(menu, interface, "AboutToShowGroup", "ai", [0, 999]) == [[], [999]]
    with pytest.raises(CallFailed, match="no menu row 999"):
        await item.call(menu, interface, "AboutToShow", "i", 999)
    with pytest.raises(CallFailed, match="no menu row 999"):
        await item.event(999, "clicked")


async def test_only_what_changed_is_told(host: FakeHost, tray: ShownTray) -> None:
    """A new word in the menu and title sends no icon; a new icon sends itself."""
    tray.draw(status("a"), status("b", tools=2))
    item = await host.item()
    host.signals.clear()
    tray.draw(status("a"), status("b", tools=3))
    await host.until(lambda: bool(host.signals))
    assert [signal.name for signal in host.signals] == ["ItemsPropertiesUpdated"]
    b = (await item.find("Servers", "b")).id
    assert host.signals[0].body == [[(b, {"label": "b - Ready, 3 tools"})], []]
    host.signals.clear()
    tray.draw(status("a"), status("b", Phase.CONNECTING))
    await host.until(lambda: host.count("ItemsPropertiesUpdated") > 0)
    names = [signal.name for signal in host.signals]
    assert names[:4] == ["NewIcon", "NewAttentionIcon", "NewTitle", "NewToolTip"]
    assert "LayoutUpdated" not in names


async def test_the_same_view_is_not_told(host: FakeHost, tray: ShownTray) -> None:
    """Drawing again what is shown sends nothing."""
    tray.draw(status("a"))
    await host.item()
    host.signals.clear()
    tray.draw(status("a"))
    tray.draw(status("a", tools=3))
    await host.until(lambda: bool(host.signals))
    assert [signal.name for signal in host.signals] == ["ItemsPropertiesUpdated"]


async def test_a_burst_is_coalesced_and_its_end_is_shown(host: FakeHost, tray: ShownTray) -> None:
    """Thousands of changes from several threads become a few signals with the last state."""
    tray.draw(status("a"))
    item = await host.item()
    host.signals.clear()
    began = asyncio.get_running_loop().time()

    def burst(thread: int) -> None:
        for count in range(500):
            tray.draw(status("a", Phase.CONNECTING, attempt=10 * count + thread + 1))

    await asyncio.gather(*(asyncio.to_thread(burst, number) for number in range(4)))
    tray.draw(status("a", Phase.CONNECTING, attempt=77777))
    row = await host.until_read(
        lambda: item.find("Servers", "a"), lambda row: row.label == "a - Connecting (attempt 77777)"
    )
    took = asyncio.get_running_loop().time() - began
    assert row.enabled
    assert host.count("ItemsPropertiesUpdated") <= took / 0.1 + 2


async def test_rows_come_and_go_at_most_four_times_a_second(
    host: FakeHost, tray: ShownTray
) -> None:
    """Two hundred servers come by fives: few readings of the menu, the last with all of them."""
    servers = [status(f"s{number:03}") for number in range(200)]
    tray.draw(*servers[:1])
    item = await host.item()
    host.signals.clear()
    began = asyncio.get_running_loop().time()
    for count in range(5, 201, 5):
        tray.draw(*servers[:count])
    await host.until_read(
        item.layout,
        lambda menu: any(r.label == "Servers (200)" and len(r.rows) == 8 for r in menu.rows),
    )
    took = asyncio.get_running_loop().time() - began
    assert host.count("LayoutUpdated") <= took / 0.25 + 2


async def test_attributes_may_be_set_from_any_thread(host: FakeHost, tray: ShownTray) -> None:
    """Eight threads set title and tooltip as fast as they can; the last value is shown."""
    tray.draw(status("a"))
    item = await host.item()
    icon = tray.shell._icon
    began = asyncio.get_running_loop().time()

    def set_often(thread: int) -> None:
        for count in range(1000):
            icon.title = f"{thread}.{count}"

    await asyncio.gather(*(asyncio.to_thread(set_often, number) for number in range(8)))
    icon.title = "the last"
    await host.until_read(item.properties, lambda found: found["Title"] == "the last")
    took = asyncio.get_running_loop().time() - began
    assert host.count("NewTitle") <= took / 0.1 + 2


async def test_click_reaches_us_once_with_its_row(host: FakeHost, tray: ShownTray) -> None:
    """A click arrives with the row's id; greyed rows, headers and other events arrive not."""
    tray.draw(status("a_1", Phase.DISABLED), status("b"))
    item = await host.item()
    await item.click("Servers", "a__1", "Restart")  # greyed: it is disabled
    await item.click("MCP Proxy")
    await item.event((await item.find("Servers", "b", "Disable")).id, "hovered")
    await item.click("Servers", "b", "Disable")
    await item.layout()  # the click before has been handled once this is answered
    assert tray.clicked == ["servers/b/:disable"]


async def test_open_menu_keeps_its_shape_until_it_closes(host: FakeHost, tray: ShownTray) -> None:
    """While open labels change live and no row moves; the new shape comes when it closes."""
    tray.draw(status("a"), status("b"))
    item = await host.item()
    before = [row.id for row in (await item.layout()).walk()]
    await item.about_to_show()
    host.signals.clear()
    tray.draw(status("a", Phase.FAILED), status("c"))
    row = await host.until_read(
        lambda: item.find("Servers", "a"), lambda row: row.label == "a - Stopped"
    )
    assert row.enabled
    assert host.count("LayoutUpdated") == 0
    assert [row.id for row in (await item.layout()).walk()] == before
    assert not (await item.find("Servers", "b", "Restart")).enabled
    await item.event(0, "closed")
    await host.until(lambda: host.count("LayoutUpdated") == 1)
    layout = await item.layout()
    assert layout.below("Needs attention")
    assert [row.label for row in layout.below("Servers").rows] == [
        "a - Stopped",
        "c - Ready, 2 tools",
    ]


async def test_opening_shows_the_newest(host: FakeHost, tray: ShownTray) -> None:
    """A change of shape that waits for its turn is told when the menu opens, not after."""
    tray.draw(status("a"))
    item = await host.item()
    tray.draw(status("a"), status("b"))
    tray.draw(status("a"), status("b"), status("c"))
    await item.about_to_show()
    assert len((await item.layout()).below("Servers").rows) == 3


async def test_opening_again_soon_keeps_the_shape(host: FakeHost, tray: ShownTray) -> None:
    """A host that never says that the menu closed sees new words, not new rows, in a menu that
    it opens again at once: it has measured the menu before it asks.
    """
    tray.draw(status("a"))
    item = await host.item()
    await item.about_to_show()
    tray.draw(status("a", tools=3), status("b"))
    await host.until_read(
        lambda: item.find("Servers", "a"), lambda row: row.label == "a - Ready, 3 tools"
    )
    assert not await item.about_to_show()
    assert len((await item.layout()).below("Servers").rows) == 1


async def test_panel_that_starts_anew_gets_the_icon_each_time(
    host: FakeHost, tray: ShownTray
) -> None:
    """Twenty times the watcher goes and comes; each time the item is registered again."""
    tray.draw(status("a"))
    await host.item()
    for _ in range(20):
        await host.drop_and_take_names()
        await (await host.item()).properties()


async def test_bus_that_dies_is_said_once_and_found_again(bus: PrivateBus, tray: ShownTray) -> None:
    """The daemon is killed and started at the same address: one sentence, then the icon is back."""
    host = FakeHost(bus.address)
    await host.start()
    tray.draw(status("a"))
    await tray.said_times(1)
    bus.kill()
    assert "message bus cannot be reached" in (await tray.said_times(2))[1]
    tray.draw(status("a"), status("b"))
    await asyncio.to_thread(bus.start)
    host = FakeHost(bus.address)
    await host.start()
    item: ItemReader = await host.item()
    await host.until_read(
        item.properties, lambda found: found["Title"] == "MCP Proxy - 2 of 2 ready"
    )
    await tray.until_shown()  # while the host is there: after it the icon is not shown again
    assert tray.said.count("The tray icon is shown.") == 2
    await host.stop()


async def test_bus_that_comes_late_is_found(short_dir: Path) -> None:
    """Started before its bus, the program says so once; the icon comes when the bus does."""
    bus = PrivateBus(short_dir)
    tray = ShownTray(bus.address)
    tray.draw(status("a"))
    assert "No such file" in (await tray.said_times(1))[0]
    await asyncio.to_thread(bus.start)
    host = FakeHost(bus.address)
    await host.start()
    await host.item()
    await host.stop()
    tray.stop()
    bus.kill()
    assert len([line for line in tray.said if "message bus" in line]) == 1


async def test_no_bus_at_all_is_said_once() -> None:
    """Without an address the reason is named, everything may still be set, and stop works."""
    tray = ShownTray(None)
    tray.draw(status("a"))
    (sentence,) = await tray.said_times(1)
    assert tray.is_shown is None, "so nobody tries to notify either"
    assert "DBUS_SESSION_BUS_ADDRESS is not set" in sentence
    tray.shell.ui.post(lambda: tray.shell.notify("title", "body"))
    tray.draw(status("b"))
    tray.stop()
    assert tray.said == [sentence]


async def test_panel_that_refuses_is_quoted(bus: PrivateBus, tray: ShownTray) -> None:
    """A watcher that turns the item away is quoted."""
    host = FakeHost(bus.address)
    await host.start(refuse=True)
    tray.draw(status("a"))
    assert "the panel refused it (no room)" in (await tray.said_times(1))[0]
    await host.stop()


async def test_notification_is_plain_text(host: FakeHost, tray: ShownTray) -> None:
    """Markup in a message is shown, not obeyed."""
    tray.draw(status("a"))
    await host.item()
    tray.shell.ui.post(lambda: tray.shell.notify("Title", "5 < 6 & <b>bold</b>"))
    await host.until(lambda: bool(host.notifications))
    assert host.notifications == [("Title", "5 &lt; 6 &amp; &lt;b&gt;bold&lt;/b&gt;")]


async def test_action_of_a_notification_is_the_click_on_its_row(
    host: FakeHost, tray: ShownTray
) -> None:
    """The button says what the menu says; used, or taken back, it means nothing any more."""
    tray.draw(status("a"))
    await host.item()
    alert = Alert("failed/a", "a - Stopped", "why", "View log", "attention/a/:view-log")
    tray.alert(alert)
    await host.until(lambda: bool(host.shown))
    assert host.shown[1][2:] == ["attention/a/:view-log", "View log"]
    host.press(7, "attention/a/:view-log")  # of another program
    host.press(1, "attention/a/:view-log")
    await tray.clicked_times(1)
    assert tray.clicked == ["attention/a/:view-log"]
    tray.shell.ui.post(lambda: tray.shell.withdraw("failed/a"))
    await host.until(lambda: not host.shown)


async def test_notification_taken_back_before_it_is_shown_goes(
    host: FakeHost, tray: ShownTray
) -> None:
    """The daemon's number comes later than the wish that it go."""
    tray.draw(status("a"))
    await host.item()

    def show_and_withdraw() -> None:
        tray.shell.alert(Alert("failed/a", "a - Stopped", "why"))
        tray.shell.withdraw("failed/a")

    tray.shell.ui.post(show_and_withdraw)
    await host.until(lambda: bool(host.notifications) and not host.shown)


async def test_missing_notification_daemon_harms_nothing(bus: PrivateBus, tray: ShownTray) -> None:
    """Without a daemon a notification is dropped and the icon works on."""
    host = FakeHost(bus.address)
    await host.start(notifies=False)
    tray.draw(status("a"))
    item = await host.item()
    tray.shell.ui.post(lambda: tray.shell.notify("Title", "body"))
    await item.click("Quit")
    await item.layout()
    assert tray.clicked == [":quit"]
    await host.stop()
