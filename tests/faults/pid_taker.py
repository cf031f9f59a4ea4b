"""Starts a process with exactly the pid it is told: ``python tests/faults/pid_taker.py PID``.

It leads a group and a session of that number, and lives until our input ends. Linux, by
clone3(2) ``set_tid``, which needs root; prints ``made`` or ``not made``. Standard library only, so
that it starts before the pid is somebody else's.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

CLONE3 = 435  # the same on all architectures that have it
WORDS = 11  # of struct clone_args up to set_tid_size and cgroup
EXIT_SIGNAL, SET_TID, SET_TID_SIZE = 4, 8, 9


def become_parent_of(pid: int) -> bool:
    """Start a process with this pid; False if it is taken or not ours to give."""
    wanted = (ctypes.c_int * 1)(pid)
    args = (ctypes.c_uint64 * WORDS)()
    args[EXIT_SIGNAL] = signal.SIGCHLD
    args[SET_TID] = ctypes.addressof(wanted)
    args[SET_TID_SIZE] = 1
    made = ctypes.CDLL(None).syscall(CLONE3, args, ctypes.sizeof(args))
    if made == 0:
        os.setsid()
        os.execv("/bin/sleep", ["sleep", "600"])
    return bool(made == pid)


def main() -> None:
    pid = int(sys.argv[1])
    if not become_parent_of(pid):
        sys.stdout.write("not made\n")
        return
    while os.getsid(pid) != pid:
        os.sched_yield()
    sys.stdout.write("made\n")
    sys.stdout.flush()
    sys.stdin.read()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
