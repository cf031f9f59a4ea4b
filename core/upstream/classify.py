"""Every way a child process can fail, turned into a fault with words; the only such place."""

from __future__ import annotations

import errno
import re
import signal
import sys
from pathlib import Path

from core.model.faults import Fault, FaultCode

_CONTAINER_ENGINES = {"docker": "Docker", "podman": "Podman", "nerdctl": "containerd"}
# What their clients say when they reach nobody; an exit code 125 alone may be a wrong flag.
_NO_ENGINE = re.compile(
    r"cannot connect to (the docker daemon|podman)"
    r"|failed to connect to the docker api"
    r"|error during connect:"
    r"|cannot access containerd socket",
    re.IGNORECASE,
)
_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM}
NOT_EXECUTABLE, NOT_FOUND = 126, 127  # what shells and env(1) exit with (POSIX 2.8.2)


def command_not_found(command: str, path: str) -> Fault:
    return Fault(
        FaultCode.SPAWN_ENOENT,
        f"The command {command!r} was not found. Install it, or give its full path.",
        f"Searched: {path}",
    )


def not_executable(command: str) -> Fault:
    return Fault(
        FaultCode.SPAWN_EACCES,
        f"{command!r} may not be executed. Make the file executable (chmod +x), or start it "
        "through its interpreter.",
    )


def no_working_dir(directory: str) -> Fault:
    return Fault(
        FaultCode.WORKING_DIR,
        f"The working directory {directory!r} does not exist or cannot be entered. "
        "Create it, or correct working_dir.",
    )


def missing_secret(why: str) -> Fault:
    return Fault(FaultCode.MISSING_SECRET, why)


def keyring_locked(why: str) -> Fault:
    return Fault(FaultCode.KEYRING_LOCKED, why)


def spawn_failed(command: str, error: OSError) -> Fault:
    """What the operating system said when the program was to be started."""
    if error.errno in _RESOURCES:
        return Fault(
            FaultCode.RESOURCES,
            f"The system has no room for another process ({error.strerror}). "
            "Close programs or raise the limits.",
        )
    if isinstance(error, PermissionError):
        return not_executable(command)
    return Fault(
        FaultCode.SPAWN_ENOEXEC,
        f"{command!r} is not a program this machine can run ({error.strerror or error}). "
        "Check its first line (#!) and its architecture.",
    )


def handshake_timeout(seconds: float, log: str) -> Fault:
    return Fault(
        FaultCode.HANDSHAKE_TIMEOUT,
        f"Started, but did not answer in {seconds:g} s. See its log, or raise init_timeout.",
        log,
    )


def handshake_invalid(why: str, log: str) -> Fault:
    return Fault(FaultCode.HANDSHAKE_INVALID, f"Did not answer as an MCP server: {why}.", log)


def pipe_closed(pipe: str, log: str) -> Fault:
    """A server that can no longer be talked to; ``pipe`` is ``input`` or ``output``."""
    message = f"Closed its {pipe} while still running, so it was ended."
    return Fault(FaultCode.OUTPUT_CLOSED, message, log)


def flooded(log: str) -> Fault:
    """A server that was ended because reading it would have cost everybody else their time."""
    return Fault(
        FaultCode.STDOUT_FLOOD,
        "Flooded its output with text that is no MCP message, so it was ended. Its log shows "
        "the text; a server must write such text to stderr.",
        log,
    )


def exited(command: str, returncode: int, was_ready: bool, log: str) -> Fault:
    """A process that ended by itself; ``log`` is its last stderr lines."""
    engine = _CONTAINER_ENGINES.get(Path(command).stem.lower())
    if engine is not None and returncode != 0 and _NO_ENGINE.search(log):
        return Fault(
            FaultCode.DEP_DOCKER_DOWN,
            f"{engine} is not running, and this server runs in it. Start {engine}.",
            log,
        )
    how = _how(returncode)
    last = log.strip().rsplit("\n", 1)[-1].strip()
    because = f": {last}" if last else "."  # its own last words say most, so they come early
    if was_ready:
        return Fault(FaultCode.CRASHED, f"Stopped by itself ({how}){because}", log)
    if returncode == NOT_FOUND:
        return Fault(
            FaultCode.SPAWN_ENOENT, f"A command it needs was not found ({how}){because}", log
        )
    if returncode == NOT_EXECUTABLE:
        return Fault(
            FaultCode.SPAWN_EACCES, f"A command it needs cannot be executed ({how}){because}", log
        )
    return Fault(FaultCode.EXIT_EARLY, f"Exited before it was ready ({how}){because}", log)


def _how(returncode: int) -> str:
    if returncode >= 0 or sys.platform == "win32":
        return f"exit code {returncode}"
    try:
        return f"killed by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"killed by signal {-returncode}"
