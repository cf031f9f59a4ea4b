"""How this program came onto the computer, and so which command brings a newer version."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from tray_app.program import NAME


@dataclass(frozen=True, slots=True)
class Installation:
    """``prefix`` is that of the interpreter, ``package`` the directory of this package."""

    prefix: Path
    package: Path
    python: str

    def update_command(self) -> str:
        """What a person types; each kind of installation has one that the others do not."""
        root = self.package.parent
        if (root / ".git").exists():
            return f"git -C {shlex.quote(str(root))} pull"
        if (self.prefix / "uv-receipt.toml").is_file():
            return f"uv tool upgrade {NAME}"
        if (self.prefix / "pipx_metadata.json").is_file():
            return f"pipx upgrade {NAME}"
        if root.name == "dist-packages" or root.is_relative_to(f"/opt/{NAME}"):
            return f"sudo apt install --only-upgrade {NAME}"
        return f"{shlex.quote(self.python)} -m pip install --upgrade {NAME}"


def this_one() -> Installation:
    return Installation(Path(sys.prefix), Path(__file__).parent, sys.executable)
