"""``mcpproxy-tray tools``: finds tools of the running engine's servers, and calls one."""

from __future__ import annotations

import click


@click.group()
def tools() -> None:
    """Find tools, and call one."""
