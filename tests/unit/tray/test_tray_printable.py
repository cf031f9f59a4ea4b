"""Nothing a server says can steer a terminal or mislead a reader."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tray_app import text
from tray_app.printable import printable


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("plain words", "plain words"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("\x1b]8;;http://x\x1b\\link", "\\x1b]8;;http://x\\x1b\\link"),
        ("back\rward", "back\\rward"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("\x9b31m", "\\x9b31m"),
        ("Grüße, 世界 🙂", "Grüße, 世界 🙂"),
    ],
)
def test_printable(said: str, shown: str) -> None:
    """Control, bidirectional and invisible characters are written out; words are not touched."""
    assert printable(said) == shown


@given(st.text())
def test_nothing_that_steers_is_left(said: str) -> None:
    """Whatever is said, only breaks and visible characters come out."""
    kinds = {unicodedata.category(one) for one in printable(said) if one not in "\n\t"}
    assert kinds.isdisjoint({"Cc", "Cf", "Cs", "Zl", "Zp"})


@given(st.text(), st.integers(10, 200))
def test_menu_lines_are_printable_and_short(said: str, limit: int) -> None:
    """Also in a menu, where a break would make two rows of one."""
    line = text.one_line(said, limit)
    assert len(line) <= limit
    assert line == printable(line)
    assert "\n" not in line
