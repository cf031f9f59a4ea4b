"""A process that forks one that writes the config file once, again and again, when it is told.

``write_once.py FILE`` answers each line on stdin with the pid of a child that waits for SIGUSR1;
then it writes, after which its exit code (or minus the signal that ended it) is the next line.
``switch`` disables a server in the file, ``create`` makes the file. Importing costs more than
writing, which is why the writers are forked.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from core.config.file import ConfigFile
from core.config.schema import Overrides
from core.errors import McpProxyError
from core.model.config import ServerName

REFUSED = 3  # the exit code of a writer that was told it cannot


async def write(path: Path, what: str) -> None:
    """Write, and end at once with an exit code: what follows a write is not what is tested."""
    file = ConfigFile(path, Overrides())
    if what == "switch":
        await file.load()
    # A thread for the file is there from now on, and all else that is made only once.
    await asyncio.to_thread(os.getpid)
    os.write(sys.stdout.fileno(), f"{os.getpid()}\n".encode())
    signal.sigwait({signal.SIGUSR1})
    try:
        if what == "switch":
            await file.set_enabled(ServerName("one"), False)
        else:
            await file.load()
    except McpProxyError:
        os._exit(REFUSED)
    os._exit(0)


def main() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            asyncio.run(write(Path(sys.argv[1]), line.strip()))
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
