"""What servers say, made fit for a terminal or a menu: nothing in it steers or hides anything."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text with control, bidirectional and invisible characters written out, but for breaks.

    A server's last words are part of its fault, and they may hold what moves a cursor, sets a
    title or turns the direction of writing.
    """
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "".join(
        one if one.isprintable() or one in "\n\t" else one.encode("unicode_escape").decode()
        for one in text
    )
