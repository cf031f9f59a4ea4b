"""A small Wayland desktop without a screen and without X: sway and waybar on a private bus."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from tests.fakes.tray_bus import NO_SERVICES, PrivateBus
from tests.fakes.tray_desktop import LIMIT, unevenness, until

NOBODY = 65534
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
PROGRAMS = ("sway", "waybar", "grim", "setpriv")
HEIGHT = 32
BAR = {"layer": "top", "height": HEIGHT, "modules-right": ["tray"], "tray": {"icon-size": 22}}
STYLE = "window#waybar { background: #f6f5f4; }"
SWAY = "output * resolution 1280x800 bg #000000 solid_color\nxwayland disable\n"


class WaylandDesktop:
    """The desktop with its panel; ``env`` is what a program started in it needs."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._started: list[subprocess.Popen[bytes]] = []
        self._bus = PrivateBus(directory)
        self.env: dict[str, str] = {}

    @staticmethod
    def missing() -> list[str]:
        """What of it is not installed here."""
        return [name for name in PROGRAMS if shutil.which(name) is None]

    def open(self) -> None:
        """Return when the panel is drawn."""
        runtime = self._directory / "run"
        runtime.mkdir(mode=0o700)
        (self._directory / "sway").write_text(SWAY)
        (self._directory / "bar").write_text(json.dumps(BAR))
        (self._directory / "style").write_text(STYLE)
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._directory),
            "XDG_RUNTIME_DIR": str(runtime),
            "DBUS_SESSION_BUS_ADDRESS": self._bus.address,
            "XDG_CURRENT_DESKTOP": "sway",
            "GTK_THEME": "Adwaita",
            "NO_AT_BRIDGE": "1",
            **NO_SERVICES,
        }
        self._bus.start()
        sway = ["sway", "--config", str(self._directory / "sway")]
        if os.geteuid() == 0:  # as whom it refuses to run
            self._directory.chmod(0o755)
            os.chown(runtime, NOBODY, NOBODY)
            sway = [*AS_NOBODY, *sway]
        headless = {"WLR_BACKENDS": "headless", "WLR_RENDERER": "pixman"}
        self._start(sway, {**self.env, **headless, "WLR_LIBINPUT_NO_DEVICES": "1"})
        sockets = until(lambda: sorted(runtime.glob("wayland-?")), "the compositor listens")
        self.env["WAYLAND_DISPLAY"] = sockets[0].name
        files = ["-c", str(self._directory / "bar"), "-s", str(self._directory / "style")]
        self._start(["waybar", *files], self.env)
        until(lambda: self._strip().getpixel((0, 0)) != (0, 0, 0), "the panel is drawn")

    def close(self) -> None:
        for process in reversed(self._started):
            process.kill()
            process.wait()
        self._bus.kill()

    def icon_appears(self) -> tuple[int, int]:
        """How wide and high the icon in the panel is, in pixels."""
        left, top, right, low = until(lambda: unevenness(self._strip()), "an icon")
        return right - left, low - top

    def _strip(self) -> Image.Image:
        shot = subprocess.run(
            ["grim", "-"], env=self.env, capture_output=True, check=True, timeout=LIMIT
        )
        with Image.open(io.BytesIO(shot.stdout)) as picture:
            return picture.convert("RGB").crop((0, 0, picture.width, HEIGHT))

    def _start(self, argv: Sequence[str], env: dict[str, str]) -> None:
        self._started.append(
            subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        )
