"""What of the Windows job can be checked elsewhere: the shapes that its system calls take."""

from __future__ import annotations

import ctypes

import pytest

from core.upstream.job import BasicLimits, ExtendedLimits, kill_on_close

SIXTY_FOUR_BIT = ctypes.sizeof(ctypes.c_void_p) == 8


@pytest.mark.skipif(not SIXTY_FOUR_BIT, reason="the sizes are those of 64-bit Windows")
def test_the_structures_are_laid_out_as_windows_has_them() -> None:
    """Sizes and offsets are those of winnt.h on 64-bit Windows."""
    assert ctypes.sizeof(BasicLimits) == 64
    assert ctypes.sizeof(ExtendedLimits) == 144
    assert BasicLimits.LimitFlags.offset == 16
    assert ExtendedLimits.IoInfo.offset == 64
    assert ExtendedLimits.ProcessMemoryLimit.offset == 112


def test_the_only_limit_is_that_closing_kills() -> None:
    """No limit on time, memory or number: a server may be as large as it likes."""
    limits = kill_on_close()
    assert limits.BasicLimitInformation.LimitFlags == 0x2000
    limits.BasicLimitInformation.LimitFlags = 0
    assert bytes(limits) == bytes(ctypes.sizeof(limits))
