"""Log lines: nothing written into one can look like another, or move a cursor."""

from __future__ import annotations

import json
import logging
import sys
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.telemetry.logline import json_line, stamp, text_line, visible

AT = datetime(2026, 11, 23, 10, 0, 0, 123456, tzinfo=UTC).timestamp()


def record(message: str = "server ready", **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("core.x", logging.INFO, "x.py", 1, message, (), None)
    made.created = AT
    made.message = made.getMessage()
    if fields:
        made.fields = fields
    return made


def with_error(error: Exception) -> logging.LogRecord:
    made = record("it broke")
    try:
        raise error
    except type(error):
        made.exc_info = sys.exc_info()
    return made


def test_a_line_of_text() -> None:
    """Time, level, origin, what happened, and the facts."""
    assert text_line(record(server="git", attempt=3, why="not found", empty="")) == (
        "2026-11-23T10:00:00.123Z INFO core.x server ready "
        'server=git attempt=3 why="not found" empty=""\n'
    )


def test_a_line_of_json() -> None:
    """The same facts as members."""
    assert json.loads(json_line(record(server="git", attempt=3))) == {
        "time": "2026-11-23T10:00:00.123Z",
        "level": "info",
        "logger": "core.x",
        "message": "server ready",
        "server": "git",
        "attempt": 3,
    }


def test_fields_cannot_replace_the_fixed_members() -> None:
    """A field called time does not forge the time."""
    line = json.loads(json_line(record(time="forged", level="forged")))
    assert (line["time"], line["level"]) == ("2026-11-23T10:00:00.123Z", "info")


def test_whole_seconds_have_milliseconds_too() -> None:
    """Every time has the same width, so lines sort as text."""
    assert stamp(0) == "1970-01-01T00:00:00.000Z"


def test_a_traceback_is_indented() -> None:
    """It belongs to its line, and no line of it can pass for a record."""
    forged = "2026-11-23T10:00:00.123Z INFO core.x all is well"
    lines = text_line(with_error(ValueError(f"bad\n{forged}"))).splitlines()
    assert lines[0].endswith("it broke")
    assert len(lines) > 3
    assert all(line.startswith("    ") for line in lines[1:])
    assert lines[-1] == f"    {forged}"


def test_a_traceback_in_json_is_a_list_of_lines() -> None:
    """One record stays one line."""
    made = json_line(with_error(ValueError("bad")))
    assert made.count("\n") == 1
    assert json.loads(made)["traceback"][-1] == "ValueError: bad"


def test_every_misleading_character_is_written_out() -> None:
    """All of Unicode's control and format characters and separators, but the tab."""
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        misleading = unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp"} and char != "\t"
        if misleading:
            assert visible(char) != char, hex(code)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\tb", "a\tb"),
        ("héllo 日本 🙂", "héllo 日本 🙂"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x9b2J", "\\x9b2J"),
        ("\x1b]8;;http://evil\x07here", "\\x1b]8;;http://evil\\x07here"),
        ("a\nb\r\n", "a\\x0ab\\x0d\\x0a"),
        ("user\u202egnp.exe", "user\\u202egnp.exe"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("lone \ud800", "lone \\ud800"),
        ("", ""),
    ],
)
def test_visible(text: str, shown: str) -> None:
    """Colours, cursor moves, links, reversed and hidden text are shown as what they are."""
    assert visible(text) == shown


@given(st.text(st.characters(), max_size=40), st.text(st.characters(), max_size=40))
def test_one_record_is_one_line_that_can_be_written(message: str, value: str) -> None:
    """Whatever is logged: no control character but the final line break, and valid UTF-8."""
    made = record(message.replace("%", ""), key=value)
    for line in (text_line(made), json_line(made)):
        assert line.count("\n") == 1
        assert len(line.splitlines()) == 1
        assert line.encode()
