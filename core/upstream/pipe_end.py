"""One end of a child's pipe, with exactly one owner of its descriptor.

uvloop (0.23) closes the descriptor of a pipe itself and then the file object it was given, which
closes the same number again. Between the two another thread may have opened something under
that number, most likely the pipes of the next child: its start then failed with EBADF.
"""

from __future__ import annotations

import asyncio
import os
from typing import IO


class PipeEnd:
    """What the loop is given in place of the file object, whose descriptor it takes over."""

    def __init__(self, file: IO[bytes], loop: asyncio.AbstractEventLoop) -> None:
        self._descriptor = os.dup(file.fileno())
        file.close()
        self._ours_to_close = not type(loop).__module__.startswith("uvloop")

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        """Called by the loop's transport at its end."""
        if self._ours_to_close:
            self._ours_to_close = False
            os.close(self._descriptor)
