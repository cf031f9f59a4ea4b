"""How others start this program: its full path, as they do not have a person's search path."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

NAME = "mcpproxy-tray"


def program() -> str:
    """The command of this installation, else the first one that is found."""
    beside = shutil.which(NAME, path=str(Path(sys.executable).parent))
    return beside or shutil.which(NAME) or NAME
