"""The last barrier: an error nobody expected ends one task or callback, and is known."""

from __future__ import annotations

import asyncio
import logging
import traceback
from typing import Any

from core.telemetry.counters import Counters

PLACES_KEPT = 256

log = logging.getLogger(__name__)


class Unhandled:
    """An event loop's exception handler: counts every error, logs each place once.

    The loop's own message may hold reprs of arguments, which can be anybody's data: of an error
    only its kind, its place and its traceback are told.
    """

    def __init__(self, counters: Counters) -> None:
        self._errors = counters.unhandled_errors
        self._errors.start_at_zero()
        self._known: set[str] = set()

    def __call__(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._errors.inc()
        error = context.get("exception")
        place = str(context.get("message", "")) if error is None else _place(error)
        if place in self._known or len(self._known) >= PLACES_KEPT:
            return
        self._known.add(place)
        log.error("bug in the background", exc_info=error, extra={"fields": {"where": place}})


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "an unknown place"
    return f"{type(error).__name__} in {where}"
