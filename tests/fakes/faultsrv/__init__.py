"""A scriptable MCP server that misbehaves on purpose; its modes are listed in ``__main__``."""

from __future__ import annotations

import sys
from pathlib import Path


def command(*args: str) -> list[str]:
    """The argv that starts it, such as ``command("exit", "3")``.

    Isolated and without site packages, so that it starts quickly and always alike.
    """
    return [sys.executable, "-I", "-S", str(Path(__file__).parent), *args]
