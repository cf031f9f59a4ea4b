"""Reading and replacing a file safely; everything here blocks, so call it off the loop."""

from __future__ import annotations

import os
import re
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MAX_BYTES = 4 * 1024 * 1024
NEW_FILE_MODE = 0o600
NEW_DIRECTORY_MODE = 0o700
LEFTOVER_AGE = 60.0
"""Seconds after which a temporary file is no longer one that another program is writing."""

_READ_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)  # a named pipe without a writer must not stop us
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class NotAFile(Exception):
    """Something is there, but no regular file of sensible size; ``str()`` says what."""


class ChangedOnDisk(Exception):
    """The file is not what it was when it was read; nothing was written."""


def read(path: Path) -> bytes:
    """The whole file. Raises NotAFile, and OSError as the system gives it."""
    descriptor = os.open(path, _READ_FLAGS)
    try:
        kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
        if kind != stat.S_IFREG:
            raise NotAFile(f"it is {_KINDS.get(kind, 'no regular file')}")
        data = bytearray()
        while chunk := os.read(descriptor, MAX_BYTES + 1 - len(data)):
            data += chunk
    finally:
        os.close(descriptor)
    if len(data) > MAX_BYTES:
        raise NotAFile(f"it is larger than {MAX_BYTES // (1024 * 1024)} MiB")
    return bytes(data)


def replace(path: Path, data: bytes, expected: bytes | None, *, keep_previous: bool = True) -> None:
    """Put ``data`` in place of ``expected`` (None: no file) so that no reader sees a part.

    A symbolic link stays and its target is replaced. The previous version is kept beside the
    target as ``NAME.bak``, unless it is kept elsewhere. Permissions and owner stay; a new file
    is 0600 and new directories are 0700. Raises ChangedOnDisk when the file no longer holds
    ``expected``, OSError when the system does not let us.
    """
    target = Path(os.path.realpath(path))
    _check_unchanged(target, expected)
    if expected is None:
        _make_directories(target.parent)
        status = None
    else:
        status = target.stat()
        if keep_previous:
            with _temporary(target, expected, status) as backup:
                backup.replace(target.with_name(f"{target.name}.bak"))
    with _temporary(target, data, status) as written:
        _check_unchanged(target, expected)
        written.replace(target)
    _sync_directory(target.parent)


def remove_leftovers(path: Path) -> None:
    """Remove the temporary files that killed writes of the file have left, as far as possible."""
    target = Path(os.path.realpath(path))
    ours = re.compile(rf"\.{re.escape(target.name)}\.[a-z0-9_]{{8}}\.tmp")
    youngest = time.time() - LEFTOVER_AGE
    with suppress(OSError), os.scandir(target.parent) as entries:
        for entry in entries:
            if not ours.fullmatch(entry.name) or not entry.is_file(follow_symlinks=False):
                continue
            with suppress(OSError):
                if entry.stat(follow_symlinks=False).st_mtime < youngest:
                    Path(entry.path).unlink()


def _check_unchanged(target: Path, expected: bytes | None) -> None:
    try:
        current = read(target)
    except FileNotFoundError:
        current = None
    except NotAFile as error:
        raise ChangedOnDisk(str(target)) from error
    if current != expected:
        raise ChangedOnDisk(str(target))


def _make_directories(directory: Path) -> None:
    missing = [part for part in (directory, *directory.parents) if not part.exists()]
    for part in reversed(missing):
        part.mkdir(NEW_DIRECTORY_MODE, exist_ok=True)


@contextmanager
def _temporary(target: Path, data: bytes, like: os.stat_result | None) -> Iterator[Path]:
    """A file beside the target that holds ``data`` for good, gone afterwards unless renamed."""
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        if like is None:
            temporary.chmod(NEW_FILE_MODE)
        else:
            _keep_owner(temporary, like)
            temporary.chmod(stat.S_IMODE(like.st_mode))
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _keep_owner(path: Path, like: os.stat_result) -> None:
    """Matters when root edits somebody's file; elsewhere there is nothing to change."""
    status = path.stat()
    if (status.st_uid, status.st_gid) != (like.st_uid, like.st_gid):
        os.chown(path, like.st_uid, like.st_gid)


def _sync_directory(directory: Path) -> None:
    """Make a rename survive a power cut, where the system can.

    Several network file systems cannot; the file has been replaced all the same, so that an
    error here must not be told as if it had not.
    """
    if os.name != "posix":
        return
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
