"""Typed values out of a document: each reader notes what is wrong and goes on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from core.config.jsonc import Document, Node
from core.model.config import Problem, Setting

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+")
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h))+")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZE = re.compile(r"(\d+) ?(KB|MB|GB)", re.IGNORECASE)
_BYTES = {"kb": 1024, "mb": 1024 * 1024, "gb": 1024 * 1024 * 1024}

LONGEST_DURATION = 24 * 3600.0
LARGEST_SIZE = 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """A value in the document and its path in words, as in ``mcpServers[0].url``."""

    path: str
    node: Node


@dataclass(frozen=True, slots=True)
class Reading:
    """One pass over a document that collects every problem on the way.

    A reader returns the default after noting a problem, and for a place that is None.
    Messages never repeat a value: it may be a secret.
    """

    document: Document
    problems: list[Problem] = field(default_factory=list)

    def complain(self, path: str, message: str, place: Place | None = None) -> None:
        line = self.document.line(place.node.start) if place is not None else None
        self.problems.append(Problem(path, message, line))

    def root(self) -> Place:
        return Place("", self.document.root)

    def member(self, parent: Place | None, name: str) -> Place | None:
        """The value of that name, or None when it is absent, null or has no parent."""
        if parent is None:
            return None
        for member in reversed(parent.node.members):
            if member.name == name:
                if member.node.value is None:
                    return None
                return Place(member_path(parent.path, name), member.node)
        return None

    def members(self, parent: Place) -> Iterator[tuple[str, Place]]:
        """Every name once with the value that counts, in the order of the document."""
        last = {member.name: member.node for member in parent.node.members}
        for name, node in last.items():
            yield name, Place(member_path(parent.path, name), node)

    def items(self, parent: Place) -> Iterator[Place]:
        for index, node in enumerate(parent.node.items):
            yield Place(f"{parent.path}[{index}]", node)

    def note_repetitions(self, place: Place) -> None:
        """Complain of every name that stands twice in an object, at any depth."""
        seen: dict[str, int] = {}
        for member in place.node.members:
            path = member_path(place.path, member.name)
            line = self.document.line(member.start)
            if member.name in seen:
                message = f"stands here twice, first in line {seen[member.name]}: remove one"
                self.problems.append(Problem(path, message, line))
            seen.setdefault(member.name, line)
            self.note_repetitions(Place(path, member.node))
        for item in self.items(place):
            self.note_repetitions(item)

    def object(self, place: Place | None) -> Place | None:
        return self._typed(place, dict, "an object in braces, {...}")

    def text(self, place: Place | None) -> str | None:
        if place is None:
            return None
        value = place.node.value
        if not isinstance(value, str):
            hint = "put it in double quotes" if isinstance(value, bool | int | float) else ""
            self.wrong_type(place, "a string", hint)
            return None
        if "\0" in value:
            self.complain(place.path, "may not hold the character NUL", place)
            return None
        return value

    def boolean(self, place: Place | None, default: bool) -> bool:
        if place is None:
            return default
        value = place.node.value
        if not isinstance(value, bool):
            hint = f"write {value} without quotes" if value in ("true", "false") else ""
            self.wrong_type(place, "true or false", hint)
            return default
        return value

    def integer(self, place: Place | None, default: int, least: int, most: int) -> int:
        if place is None:
            return default
        value = place.node.value
        if isinstance(value, bool) or not isinstance(value, int):
            self.wrong_type(place, "a whole number")
        elif not least <= value <= most:
            self.complain(place.path, f"must be from {least} to {most}", place)
        else:
            return value
        return default

    def duration(self, place: Place | None, default: float) -> float:
        """Seconds, from ``"500ms"``, ``"30s"``, ``"2m"``, ``"1h30m"`` or a number of seconds."""
        if place is None:
            return default
        seconds = _seconds(place.node.value)
        if seconds is None:
            self.wrong_type(place, 'a duration like "30s", "2m" or 30 (seconds)')
        elif not 0 < seconds <= LONGEST_DURATION:
            self.complain(place.path, 'must be more than 0 and at most "24h"', place)
        else:
            return seconds
        return default

    def size(self, place: Place | None, default: int) -> int:
        """Bytes, from ``"10 MB"``, ``"512 KB"`` or a number of megabytes."""
        if place is None:
            return default
        number = _bytes(place.node.value)
        if number is None:
            self.wrong_type(place, 'a size like "10 MB" or 10 (megabytes)')
        elif not 1 <= number <= LARGEST_SIZE:
            self.complain(place.path, 'must be more than 0 and at most "1 GB"', place)
        else:
            return int(number)
        return default

    def texts(self, place: Place | None) -> tuple[str, ...]:
        hint = ""
        if place is not None and isinstance(place.node.value, str):
            hint = 'put it in brackets, ["..."]'
        checked = self._typed(place, list, "a list of strings", hint)
        if checked is None:
            return ()
        found = [self._element(item) for item in self.items(checked)]
        return tuple(text for text in found if text is not None)

    def settings(self, place: Place | None) -> tuple[tuple[Setting, Place], ...]:
        """Names with their values, from an object of strings, and where each stands.

        By name: their order in the file means nothing, and must not look like a change.
        """
        checked = self._typed(place, dict, 'an object of strings, {"NAME": "value"}')
        if checked is None:
            return ()
        members = sorted(self.members(checked), key=lambda member: member[0])
        found = [(name, self._element(value), value) for name, value in members]
        return tuple((Setting(name, text), at) for name, text, at in found if text is not None)

    def variables(self, place: Place | None) -> tuple[Setting, ...]:
        """Settings that are environment variables."""
        found = self.settings(place)
        for setting, at in found:
            if not setting.name or "=" in setting.name or "\0" in setting.name:
                self.complain(at.path, "is no name of an environment variable", at)
        return tuple(setting for setting, _ in found)

    def _element(self, place: Place) -> str | None:
        """A string that must be there: in a list or among settings null is no default."""
        if place.node.value is None:
            self.wrong_type(place, "a string")
            return None
        return self.text(place)

    def _typed(
        self, place: Place | None, kind: type, expected: str, hint: str = ""
    ) -> Place | None:
        if place is None or isinstance(place.node.value, kind):
            return place
        self.wrong_type(place, expected, hint)
        return None

    def wrong_type(self, place: Place, expected: str, hint: str = "") -> None:
        message = f"expected {expected}, got {_kind(place.node)}"
        self.complain(place.path, f"{message}: {hint}" if hint else message, place)


def member_path(parent: str, name: str) -> str:
    """``parent.name``, or ``parent["odd name"]`` where a dot would mislead."""
    if not _PLAIN_NAME.fullmatch(name):
        return f"{parent}[{json.dumps(name)}]"
    return f"{parent}.{name}" if parent else name


def _seconds(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and _DURATION.fullmatch(value):
        return sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(value))
    return None


def _bytes(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value * _BYTES["mb"]
    if isinstance(value, str) and (match := _SIZE.fullmatch(value)) is not None:
        return int(match[1]) * _BYTES[match[2].lower()]
    return None


def _kind(node: Node) -> str:
    match node.value:
        case None:
            return "null"
        case bool():
            return "true" if node.value else "false"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case dict():
            return "an object"
