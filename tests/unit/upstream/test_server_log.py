"""A server's log: bounded, honest about what is missing, and without secrets."""

from __future__ import annotations

from core.upstream.server_log import LAST_LINES, RATE, ServerLog


class Watch:
    """A clock that stands still unless moved."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def test_a_flood_is_cut_once_and_said_to_be() -> None:
    """A burst is kept; then nothing until half of it may be kept again, and one remark."""
    now, written = Watch(), list[str]()
    log = ServerLog(written.append, (), now)
    line = "x" * 1023
    for _ in range(5000):
        log.said(line)
    kept = len(written)
    assert kept == RATE // 1024 + 1
    now.at = 0.4
    log.said(line)
    assert len(written) == kept
    now.at = 0.6
    log.said("after")
    assert written[kept:] == [
        f"[suppressed {5001 - kept} lines: more than {RATE} bytes a second]",
        "after",
    ]


def test_what_was_cut_last_is_said_at_the_end() -> None:
    """Closing tells of it, once."""
    written = list[str]()
    log = ServerLog(written.append, (), Watch())
    for _ in range(3):
        log.said("x" * RATE)
    log.close()
    log.close()
    assert written[-1].startswith("[suppressed 2 lines")
    assert len(written) == 2


def test_the_last_words_are_kept_though_the_log_is_cut() -> None:
    """They are the server's own, the newest, and without its secrets; so is the log."""
    written = list[str]()
    log = ServerLog(written.append, ("s3cret",), Watch())
    log.said("token s3cret")
    assert (log.tail(), written) == ("token ***", ["token ***"])
    log.said("x" * 2 * RATE)
    for number in range(50):
        log.said(f"line {number} s3cret")
    log.note("about the server")
    assert log.tail().splitlines() == [f"line {number} ***" for number in range(50)][-LAST_LINES:]
