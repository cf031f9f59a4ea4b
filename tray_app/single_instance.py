"""One program per data directory, by a lock that the system takes back when the process dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import AlreadyRunning, PermissionProblem


@contextmanager
def only_instance(lock_file: Path) -> Iterator[None]:
    """Hold the lock for as long as the block runs. Raises AlreadyRunning, PermissionProblem."""
    from filelock import FileLock, Timeout

    lock = FileLock(lock_file, mode=0o600)
    try:
        lock_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout:
        raise AlreadyRunning(
            f"MCP Proxy Tray already runs with the data directory {lock_file.parent}."
        ) from None
    except OSError as error:
        raise PermissionProblem(
            f"{error.filename or lock_file} cannot be used: {error.strerror or error}. "
            "Make it yours, or name another place with --data-dir."
        ) from error
    try:
        yield
    finally:
        lock.release()
