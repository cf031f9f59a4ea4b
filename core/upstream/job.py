"""Windows: a job object, which ends every process in it when its last handle is closed.

The handle is ours alone, so the system closes it however we end: a child's tree cannot outlive
us. Children of a process in a job are in the job from the start.
Source: Microsoft, "Job Objects" and ``JOBOBJECT_EXTENDED_LIMIT_INFORMATION`` (winnt.h).
"""

from __future__ import annotations

import ctypes
import sys
from ctypes import wintypes

EXTENDED_LIMIT_INFORMATION = 9  # JobObjectExtendedLimitInformation
KILL_ON_JOB_CLOSE = 0x2000  # JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
PUT_INTO_JOB = 0x0101  # PROCESS_SET_QUOTA | PROCESS_TERMINATE
KILLED = 1  # exit code of what is ended


class BasicLimits(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION."""

    _fields_ = (
        ("PerProcessUserTimeLimit", ctypes.c_int64),
        ("PerJobUserTimeLimit", ctypes.c_int64),
        ("LimitFlags", ctypes.c_uint32),
        ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t),
        ("ActiveProcessLimit", ctypes.c_uint32),
        ("Affinity", ctypes.c_size_t),
        ("PriorityClass", ctypes.c_uint32),
        ("SchedulingClass", ctypes.c_uint32),
    )


class ExtendedLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION; the six counters inside are IO_COUNTERS."""

    _fields_ = (
        ("BasicLimitInformation", BasicLimits),
        ("IoInfo", ctypes.c_uint64 * 6),
        ("ProcessMemoryLimit", ctypes.c_size_t),
        ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t),
        ("PeakJobMemoryUsed", ctypes.c_size_t),
    )


def kill_on_close() -> ExtendedLimits:
    """The limits of a job that takes everything in it along."""
    limits = ExtendedLimits()
    limits.BasicLimitInformation.LimitFlags = KILL_ON_JOB_CLOSE
    return limits


if sys.platform == "win32":
    _kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    _kernel.CreateJobObjectW.restype = wintypes.HANDLE
    _kernel.CreateJobObjectW.argtypes = (wintypes.LPVOID, wintypes.LPCWSTR)
    _kernel.SetInformationJobObject.argtypes = (
        wintypes.HANDLE,
        ctypes.c_int,
        wintypes.LPVOID,
        wintypes.DWORD,
    )
    _kernel.AssignProcessToJobObject.argtypes = (wintypes.HANDLE, wintypes.HANDLE)
    _kernel.TerminateJobObject.argtypes = (wintypes.HANDLE, wintypes.UINT)
    _kernel.CloseHandle.argtypes = (wintypes.HANDLE,)

    _kernel.OpenProcess.restype = wintypes.HANDLE
    _kernel.OpenProcess.argtypes = (wintypes.DWORD, wintypes.BOOL, wintypes.DWORD)

    def _checked(result: int | None) -> int:
        if not result:
            raise ctypes.WinError(ctypes.get_last_error())
        return result

    class Job:
        """One child and everything it starts. Methods raise OSError."""

        def __init__(self, pid: int) -> None:
            self._handle: int | None = _checked(_kernel.CreateJobObjectW(None, None))
            try:
                limits = kill_on_close()
                _checked(
                    _kernel.SetInformationJobObject(
                        self._handle,
                        EXTENDED_LIMIT_INFORMATION,
                        ctypes.byref(limits),
                        ctypes.sizeof(limits),
                    )
                )
                process = _checked(_kernel.OpenProcess(PUT_INTO_JOB, False, pid))
                try:
                    _checked(_kernel.AssignProcessToJobObject(self._handle, process))
                finally:
                    _kernel.CloseHandle(process)
            except OSError:
                self.close()
                raise

        def end(self) -> None:
            """End everything in the job now."""
            if self._handle:
                _kernel.TerminateJobObject(self._handle, KILLED)

        def close(self) -> None:
            """Give the handle back, which ends what is left."""
            handle, self._handle = self._handle, None
            if handle:
                _kernel.CloseHandle(handle)
