"""How strictly the seconds that are promised are measured.

How long something takes on a machine that is busy with other things says little of the program.
There, tests see whether it happens at all. With ``MCPPROXY_STRICT_PACE=1``, which long runs on a
machine of their own set, the promised figure itself is the limit.
"""

from __future__ import annotations

import os

STRICT = os.environ.get("MCPPROXY_STRICT_PACE") == "1"
LIVENESS = 10.0  # seconds after which what has not happened is taken for never happening


def within(promised: float) -> float:
    """Seconds to allow for what is promised within so many."""
    return promised if STRICT else max(LIVENESS, 4 * promised)
