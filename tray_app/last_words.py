"""What a person sees of a bug that ends a command: one sentence, and where the rest is."""

from __future__ import annotations

import sys
from types import TracebackType


def install() -> None:
    """From now on an exception that nobody expected is told like that; the exit code stays 1."""
    sys.excepthook = _told


def _told(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    import tempfile
    import traceback

    whole = "".join(traceback.format_exception(kind, error, where))
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="mcpproxy-tray-bug-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.write(whole)
        rest = f"Where it happened is in {file.name}; please report that."
    except OSError:
        rest = f"It happened here:\n{whole}"
    sys.stderr.write(f"mcpproxy-tray: a bug in MCP Proxy Tray ended it ({_short(error)}). {rest}\n")


def _short(error: BaseException) -> str:
    """The bug itself, without the groups it came in."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
