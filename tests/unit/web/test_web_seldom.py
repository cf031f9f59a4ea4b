"""What strangers can cause as often as they like is logged once in a while."""

from __future__ import annotations

import logging

from core.web.seldom import EVERY, MALFORMED, Seldom


def record(message: str) -> logging.LogRecord:
    return logging.LogRecord("uvicorn.error", logging.WARNING, "", 0, message, None, None)


def test_f71_one_line_in_a_while_says_how_many_there_were() -> None:
    """The first passes, then one a minute with the count of the others; other lines always."""
    now = 0.0
    seldom = Seldom(MALFORMED, lambda: now)
    passed = [seldom.filter(record(MALFORMED)) for _ in range(100)]
    assert passed == [True] + 99 * [False]
    assert seldom.filter(record("something else"))
    now = EVERY
    later = record(MALFORMED)
    assert seldom.filter(later)
    assert later.getMessage() == f"{MALFORMED} 99 more like it came before."
    now = 3 * EVERY
    alone = record(MALFORMED)
    assert seldom.filter(alone)
    assert alone.getMessage() == MALFORMED
