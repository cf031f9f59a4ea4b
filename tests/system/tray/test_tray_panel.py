"""What only a real panel can show: a menu on the screen that lives while it is open."""

from __future__ import annotations

from PIL import ImageChops

from tests.fakes.tray_desktop import Box, TrayDesktop
from tests.fakes.tray_host import ItemReader
from tests.fakes.tray_seat import RunningTray


def rows_of(popups: dict[str, Box]) -> dict[str, tuple[int, int, int]]:
    """Where the rows of each menu begin and how high they are in all; Qt's menus may get wider."""
    return {id_: (box.x, box.y, box.height) for id_, box in popups.items()}


def test_open_menu_changes_its_words_and_stays(real_desktop: TrayDesktop) -> None:
    """A server fails while its submenu is open: the label changes on the screen, no row of any
    menu moves, and the icon changes at once; the new rows are there some seconds later.
    """
    real_desktop.start_panel()
    with RunningTray(real_desktop.env, "alpha", "beta") as tray:
        tray.expect("say The tray icon is shown.")
        real_desktop.icon_appears()
        menu = real_desktop.open_menu()
        rows = real_desktop.ask(ItemReader.layout).rows
        servers = next(row for row in rows if row.label.startswith("Servers"))
        submenu = real_desktop.open_submenu(menu, rows, servers)
        open_menus = rows_of(real_desktop.popups())
        before = real_desktop.picture("open-before")
        tray.tell("phase beta failed")
        words = (submenu.x, submenu.y, submenu.x + submenu.width, submenu.y + submenu.height)
        icon = (menu.x, 0, menu.x + menu.width, menu.y)

        def has_new_rows() -> bool:
            rows = real_desktop.ask(ItemReader.layout).rows
            return any(row.label.startswith("beta - Stopped") for row in rows)

        def both_changed() -> bool:
            after = real_desktop.picture("open-after")
            different = ImageChops.difference(before, after)
            return all(different.crop(area).getbbox() is not None for area in (words, icon))

        real_desktop.until(both_changed, "the label of the open menu and the icon change")
        assert rows_of(real_desktop.popups()) == open_menus
        real_desktop.close_menus()
        real_desktop.until(has_new_rows, "the new rows are there")
        real_desktop.choose("beta - Stopped", "Restart")
        assert tray.expect("asked") == "asked RestartServer(name='beta')"


def test_icon_stands_out_on_a_dark_panel(dark_desktop: TrayDesktop) -> None:
    """On a dark panel the icon is found by its looks alone, and nearly fills its place."""
    dark_desktop.start_panel()
    with RunningTray(dark_desktop.env, "alpha") as tray:
        tray.expect("say The tray icon is shown.")
        icon = dark_desktop.icon()
        dark_desktop.picture("dark")
        assert icon.width >= 16
        assert icon.height >= 16
