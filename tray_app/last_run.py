"""Whether the run before was cut short; apart from what is said of it, which a start can spare."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.errors import McpProxyError

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@contextmanager
def noting_the_end(file: Path) -> Iterator[bool]:
    """Whether the last run was cut short although the computer ran on; notes how this one ends.

    A computer that was switched off ends everything, which is no news at the next login. Only
    Linux tells one start of the computer from another.
    """
    boot = before = ""
    with suppress(OSError, UnicodeDecodeError):
        boot = _BOOT_ID.read_text(encoding="ascii").strip()
    with suppress(OSError, UnicodeDecodeError):
        before = file.read_text(encoding="ascii").strip()
    with suppress(OSError):
        file.write_text(boot, encoding="ascii")
    try:
        yield bool(boot) and before == boot
    except McpProxyError:  # it could not start, which was told
        _forget(file)
        raise
    _forget(file)


def _forget(file: Path) -> None:
    with suppress(OSError):
        file.unlink()
