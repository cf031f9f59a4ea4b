"""Is this machine fit for the program: directories, disk, limits, versions. Blocks for moments."""

from __future__ import annotations

import errno
import os
import platform
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from core.model.findings import Finding, Gravity

MEBIBYTE = 1024 * 1024
LITTLE_SPACE = 100 * MEBIBYTE
NO_SPACE = MEBIBYTE

OWN_DESCRIPTORS = 128  # ours: logs, sockets, some clients
DESCRIPTORS_PER_SERVER = 6  # its pipes, and as much again while it is started


def versions(version: str) -> Finding:
    """What runs on what; wrong only where Python is too old, which does not start at all."""
    python = f"Python {platform.python_version()} ({sys.executable})"
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return Finding(
        check="versions",
        level=Gravity.OK,
        what=f"MCP Proxy Tray {version}",
        why=f"{python} on {system}",
    )


def directory(check: str, path: Path) -> Iterator[Finding]:
    """Whether we can write there, alone, and how much room there is."""
    place = _nearest(path)
    error = _trial(place)
    if error is not None:
        yield not_writable(check, path, place, error)
        return
    if place == path and hasattr(os, "getuid") and stat.S_IMODE(path.stat().st_mode) & 0o022:
        yield Finding(
            check=check,
            level=Gravity.ERROR,
            what=f"Others can write to {path}.",
            why="What is in it could be theirs, so the program does not start with it.",
            fix=f"chmod 700 {path}",
        )
        return
    yield room(check, path, shutil.disk_usage(place).free)


def not_writable(check: str, path: Path, place: Path, error: OSError) -> Finding:
    """``place`` is ``path``, or the nearest directory above it that exists."""
    if error.errno == errno.ENOSPC:
        return room(check, path, 0)
    why = f"{place}: {error.strerror or error}."
    fix = f"Make {place} yours and writable, or choose another place with --data-dir."
    if error.errno == errno.EROFS:
        fix = "Mount it for writing, or choose another place with --data-dir."
    return Finding(
        check=check, level=Gravity.ERROR, what=f"{path} cannot be written.", why=why, fix=fix
    )


def room(check: str, path: Path, free: int) -> Finding:
    """What ``free`` bytes mean."""
    if free >= LITTLE_SPACE:
        return Finding(
            check=check,
            level=Gravity.OK,
            what=f"{path} can be written.",
            why=f"{free // MEBIBYTE} MiB are free.",
        )
    return Finding(
        check=check,
        level=Gravity.ERROR if free < NO_SPACE else Gravity.WARNING,
        what=f"The disk of {path} is {'full' if free < NO_SPACE else 'almost full'}.",
        why=f"{free // MEBIBYTE} MiB are free; without room, settings and logs are not saved.",
        fix="Delete files you do not need, or choose another place with --data-dir.",
    )


def descriptors(servers: int) -> Iterator[Finding]:
    """Whether this process may open enough files for that many servers; nothing on Windows."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        yield descriptor_limit(soft, hard, servers, resource.RLIM_INFINITY)


def descriptor_limit(soft: int, hard: int, servers: int, unlimited: int) -> Finding:
    needed = OWN_DESCRIPTORS + DESCRIPTORS_PER_SERVER * servers
    if soft in (unlimited, -1) or soft >= needed:
        allowed = "Any number of" if soft in (unlimited, -1) else str(soft)
        return Finding(
            check="descriptors",
            level=Gravity.OK,
            what=f"{allowed} files may be open at once.",
            why=f"{servers} servers need about {needed}.",
        )
    below = hard not in (unlimited, -1) and hard < needed
    fix = f"Run `ulimit -n {needed}` before starting, or set LimitNOFILE={needed} in its unit."
    if below:
        fix = f"An administrator has to raise the hard limit, now {hard}, to {needed}."
    return Finding(
        check="descriptors",
        level=Gravity.WARNING,
        what=f"Only {soft} files may be open at once.",
        why=f"{servers} servers need about {needed}; beyond the limit they fail with RESOURCES.",
        fix=fix,
    )


def _nearest(path: Path) -> Path:
    """The path, or the nearest above it that exists."""
    for place in (path, *path.parents):
        if os.path.lexists(place):
            return place
    return path


def _trial(place: Path) -> OSError | None:
    """Write there for a moment; only this tells of read-only and full disks."""
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"\0" * 4096)
            file.flush()
    except OSError as error:
        return error
    return None
