"""End a child process together with everything it started."""

from __future__ import annotations

import os
import signal
import sys
from enum import Enum
from subprocess import Popen

if sys.platform == "win32":
    from core.upstream.job import Job


class Force(Enum):
    """How insistently."""

    TERMINATE = "terminate"
    KILL = "kill"


class Tree:
    """A child that was started as the leader of a session, and its descendants.

    POSIX: the process group, which grandchildren share unless they left it. Windows: a job, which
    nothing leaves; it knows no polite signal, so both forces are the same there.
    """

    def __init__(self, process: Popen[bytes]) -> None:
        """Raises OSError on Windows, when the process cannot be put into a job."""
        self._pid = process.pid
        if sys.platform == "win32":
            self._job = Job(process.pid)

    def end(self, force: Force) -> None:
        """Signal all of it; does nothing when all of it is gone."""
        if sys.platform == "win32":
            self._job.end()
        else:
            number = signal.SIGTERM if force is Force.TERMINATE else signal.SIGKILL
            try:
                os.killpg(self._pid, number)
            except ProcessLookupError:
                return
            except PermissionError:  # macOS says so of a group of zombies
                return

    def close(self) -> None:
        """End what is left of it for the last time, while the child is not yet collected."""
        if sys.platform == "win32":
            self._job.close()
        else:
            self.end(Force.KILL)
