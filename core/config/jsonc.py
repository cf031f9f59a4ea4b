"""JSON with comments and trailing commas, read into values that know where they stand.

The dialect is the one editors use for their settings: RFC 8259 plus ``//`` and ``/* */``
comments, a comma after the last member or element, and a byte order mark at the start.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NoReturn

Value = None | bool | int | float | str | list["Value"] | dict[str, "Value"]
Path = tuple[str | int, ...]

BOM = "\ufeff"
MAX_DEPTH = 100
"""Objects and lists inside each other; far below the interpreter's recursion limit."""
MAX_SIZE = 16 * 1024 * 1024
"""Characters in a document."""

_MAX_NUMBER = 1000  # characters; Python itself refuses to convert longer integers at some point

_SPACE = re.compile(r"[ \t\r\n]+")
_LINE_COMMENT = re.compile(r"//[^\r\n]*")
_LINE_END = re.compile(r"\r\n|\n|\r")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[\w.+-]+")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_UNICODE_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})")
_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_HINTS = {
    "True": "true", "False": "false", "None": "null", "TRUE": "true", "FALSE": "false",
    "NULL": "null", "undefined": "null",
}  # fmt: skip


class JsoncError(ValueError):
    """The text is not JSON; ``line`` and ``column`` are counted from 1, in characters."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(f"line {line}, column {column}: {message}")
        self.message = message
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Node:
    """A value and the offsets of its first character and of the one after its last."""

    start: int
    end: int
    value: Value
    members: tuple[Member, ...] = ()
    items: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """A name with its value; ``start`` is the offset of the name's opening quote."""

    name: str
    start: int
    node: Node


@dataclass(frozen=True)
class Document:
    """A text and what it says. Of members with the same name the last one counts."""

    text: str
    root: Node

    def find(self, path: Path) -> Node | None:
        """The value at the end of the path, or None where the path leads nowhere."""
        node: Node | None = self.root
        for step in path:
            if node is None:
                return None
            node = child(node, step)
        return node

    def line(self, offset: int) -> int:
        """The line of an offset, counted from 1."""
        return bisect_right(self._line_starts, offset)

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in _LINE_END.finditer(self.text))]


def child(node: Node, step: str | int) -> Node | None:
    """The member of that name or the element of that index, if there is one."""
    if isinstance(step, str):
        return next((m.node for m in reversed(node.members) if m.name == step), None)
    return node.items[step] if 0 <= step < len(node.items) else None


def parse(text: str) -> Document:
    """Read a document. Raises JsoncError at the first thing that is not JSON."""
    return Document(text, _Parser(text).document())


def skip_trivia(text: str, at: int) -> int:
    """The offset of the next character that is neither white space nor comment.

    Only for text that was parsed before: a comment without an end is not noticed.
    """
    for _, end in trivia(text, at):
        at = end
    return at


def trivia(text: str, at: int) -> Iterator[tuple[int, int]]:
    """Runs of white space, and comments, one by one, as (start, end)."""
    while True:
        if match := _SPACE.match(text, at) or _LINE_COMMENT.match(text, at):
            end = match.end()
        elif text.startswith("/*", at):
            close = text.find("*/", at + 2)
            end = len(text) if close < 0 else close + 2
        else:
            return
        yield at, end
        at = end


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 1 if text.startswith(BOM) else 0
        self._depth = 0

    def document(self) -> Node:
        if len(self._text) > MAX_SIZE:
            self._fail(f"the document is longer than {MAX_SIZE} characters", MAX_SIZE)
        self._skip()
        root = self._value()
        self._skip()
        if self._at < len(self._text):
            self._fail(f"expected the end of the document, got {self._here()}")
        return root

    def _fail(self, message: str, at: int | None = None) -> NoReturn:
        at = self._at if at is None else at
        starts = [0, *(match.end() for match in _LINE_END.finditer(self._text, 0, at))]
        first = 1 if len(starts) == 1 and self._text.startswith(BOM) else 0
        raise JsoncError(message, len(starts), at - starts[-1] + 1 - first)

    def _here(self) -> str:
        if self._at >= len(self._text):
            return "the end of the document"
        if word := _WORD.match(self._text, self._at):
            return "'" + word[0][:30] + "'"
        return repr(self._text[self._at])

    def _skip(self) -> None:
        for start, end in trivia(self._text, self._at):
            if self._text.startswith("/*", start) and (
                end < start + 4 or not self._text.endswith("*/", start, end)
            ):
                self._fail("this comment has no end: expected '*/'", start)
            self._at = end

    def _value(self) -> Node:
        text, start = self._text, self._at
        match text[start : start + 1]:
            case "{":
                return self._nested(self._object)
            case "[":
                return self._nested(self._array)
            case '"':
                value: Value = self._string()
            case "-" | "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9":
                value = self._number()
            case "'":
                self._fail("expected a value in double quotes, got a single quote")
            case _:
                value = self._constant()
        return Node(start, self._at, value)

    def _nested(self, read: Callable[[], Node]) -> Node:
        if self._depth == MAX_DEPTH:
            self._fail(f"nested more than {MAX_DEPTH} deep")
        self._depth += 1
        node = read()
        self._depth -= 1
        return node

    def _object(self) -> Node:
        start = self._at
        members: list[Member] = []
        while self._more("}", first=not members):
            at = self._at
            if not self._text.startswith('"', at):
                self._fail(f"expected a name in double quotes or '}}', got {self._here()}")
            name = self._string()
            self._skip()
            if not self._text.startswith(":", self._at):
                self._fail(f"expected ':' after the name, got {self._here()}")
            self._at += 1
            self._skip()
            members.append(Member(name, at, self._value()))
        value: dict[str, Value] = {member.name: member.node.value for member in members}
        return Node(start, self._at, value, members=tuple(members))

    def _array(self) -> Node:
        start = self._at
        items: list[Node] = []
        while self._more("]", first=not items):
            items.append(self._value())
        return Node(start, self._at, [item.value for item in items], items=tuple(items))

    def _more(self, close: str, *, first: bool) -> bool:
        """Step to the next member or element, or past the closing bracket."""
        if first:
            self._at += 1
            self._skip()
        else:
            end = self._at
            self._skip()
            if self._text.startswith(",", self._at):
                self._at += 1
                self._skip()
            elif not self._text.startswith(close, self._at):
                # reported where the comma is missing, which may be lines before what follows
                self._fail(f"expected ',' or '{close}', got {self._here()}", end)
        if self._text.startswith(close, self._at):
            self._at += 1
            return False
        return True

    def _string(self) -> str:
        text, start = self._text, self._at
        parts: list[str] = []
        at = start + 1
        while True:
            plain = _PLAIN.match(text, at)
            assert plain is not None  # the pattern matches the empty string
            parts.append(plain[0])
            at = plain.end()
            match text[at : at + 1]:
                case '"':
                    self._at = at + 1
                    return "".join(parts)
                case "\\":
                    part, at = self._escape(at)
                    parts.append(part)
                case "" | "\r" | "\n":
                    self._fail("this string has no end on its line: expected '\"'", start)
                case control:
                    self._fail(f"a string may not hold a bare control character: {control!r}", at)

    def _escape(self, at: int) -> tuple[str, int]:
        text = self._text
        letter = text[at + 1 : at + 2]
        if letter in _ESCAPES:
            return _ESCAPES[letter], at + 2
        if letter != "u":
            self._fail(f"no such escape: write '\\\\{letter}' for a backslash", at)
        high = _UNICODE_ESCAPE.match(text, at)
        if high is None:
            self._fail("expected four hexadecimal digits after '\\u'", at)
        code = int(high[1], 16)
        if not 0xD800 <= code <= 0xDFFF:
            return chr(code), at + 6
        low = _UNICODE_ESCAPE.match(text, at + 6)
        if code >= 0xDC00 or low is None or not 0xDC00 <= int(low[1], 16) <= 0xDFFF:
            self._fail("half of a surrogate pair is no character", at)
        return chr(0x10000 + ((code - 0xD800) << 10) + int(low[1], 16) - 0xDC00), at + 12

    def _number(self) -> int | float:
        match = _NUMBER.match(self._text, self._at)
        word = _WORD.match(self._text, self._at)
        if match is None or word is None or word.end() != match.end():
            self._fail(f"{self._here()} is no JSON number")
        if len(match[0]) > _MAX_NUMBER:
            self._fail("this number has too many digits")
        number = float(match[0]) if match[1] or match[2] else int(match[0])
        if isinstance(number, float) and math.isinf(number):
            self._fail("this number is too large")
        self._at = match.end()
        return number

    def _constant(self) -> bool | None:
        word = _WORD.match(self._text, self._at)
        if word is None or word[0] not in _CONSTANTS:
            hint = f": write {_HINTS[word[0]]}" if word is not None and word[0] in _HINTS else ""
            self._fail(f"expected a value, got {self._here()}{hint}")
        self._at = word.end()
        return _CONSTANTS[word[0]]
