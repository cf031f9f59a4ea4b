"""What only a real panel can show: a menu on the screen that lives while it is open."""

from __future__ import annotations

from PIL import Image, ImageChops

from tests.fakes.tray_desktop import TrayDesktop
from tests.fakes.tray_host import ItemReader
from tests.fakes.tray_seat import RunningTray


def test_open_menu_changes_its_words_and_stays(tray_desktop: TrayDesktop) -> None:
    """A server fails while its submenu is open: the label changes on the screen, every menu
    stays where it is, and the icon changes at once; the new rows are there some seconds later.
    """
    tray_desktop.start_panel()
    with RunningTray(tray_desktop.env, "alpha", "beta") as tray:
        tray.expect("say The tray icon is shown.")
        tray_desktop.icon_appears()
        menu = tray_desktop.open_menu()
        rows = tray_desktop.ask(ItemReader.layout).rows
        servers = next(row for row in rows if row.label.startswith("Servers"))
        submenu = tray_desktop.open_submenu(menu, rows, servers)
        open_menus = tray_desktop.popups()
        before = tray_desktop.picture("open-before")
        tray.tell("phase beta failed")
        area = (submenu.x, submenu.y, submenu.x + submenu.width, submenu.y + submenu.height)

        def has_new_rows() -> bool:
            rows = tray_desktop.ask(ItemReader.layout).rows
            return any(row.label.startswith("beta - Stopped") for row in rows)

        def changed() -> Image.Image | None:
            after = tray_desktop.picture("open-after")
            same = ImageChops.difference(before.crop(area), after.crop(area)).getbbox() is None
            return None if same else after

        after = tray_desktop.until(changed, "the label of the open menu changes")
        assert tray_desktop.popups() == open_menus
        icon = (menu.x, 0, menu.x + menu.width, menu.y)
        assert ImageChops.difference(before.crop(icon), after.crop(icon)).getbbox() is not None
        tray_desktop.close_menus()
        tray_desktop.until(has_new_rows, "the new rows are there")
        tray_desktop.choose("beta - Stopped", "Restart")
        assert tray.expect("asked") == "asked RestartServer(name='beta')"


def test_icon_stands_out_on_a_dark_panel(dark_desktop: TrayDesktop) -> None:
    """On a dark panel the icon is found by its looks alone, and nearly fills its place."""
    dark_desktop.start_panel()
    with RunningTray(dark_desktop.env, "alpha") as tray:
        tray.expect("say The tray icon is shown.")
        icon = dark_desktop.icon()
        dark_desktop.screenshot("dark")
        assert icon.width >= 16
        assert icon.height >= 16
