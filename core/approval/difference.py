"""What changed in a tool since a person agreed to it, for a person to read."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from core.approval.words import visible

CONTEXT = 2  # unchanged lines shown beside changed ones
MOST_LINES = 400
LONG_LINE = 80  # characters; longer ones are compared sentence by sentence


@dataclass(frozen=True, slots=True)
class Change:
    """One member that is another now; ``lines`` begin with ``-``, ``+`` or a space."""

    where: str
    lines: tuple[str, ...]


def difference(before: bytes | None, after: bytes | None) -> tuple[Change, ...]:
    """Compare two entries of ``tools/list``; None where there is none."""
    old, new = _flat(before), _flat(after)
    changes = [
        Change(where, tuple(_lines(old.get(where), new.get(where))))
        for where in dict.fromkeys([*old, *new])
        if old.get(where) != new.get(where)
    ]
    if not changes and before is not None and after is not None and before != after:
        changes = [Change("entry", tuple(_lines(before.decode(), after.decode())))]
    return tuple(changes)


def _flat(raw: bytes | None) -> dict[str, str]:
    """Every text, number and empty list or object by where it stands."""
    if raw is None:
        return {}
    try:
        return dict(_walk(json.loads(raw), ""))
    except (ValueError, RecursionError):
        return {"entry": raw.decode(errors="replace")}


def _walk(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for name, member in value.items():
            yield from _walk(member, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and value and any(isinstance(i, dict | list) for i in value):
        for index, item in enumerate(value):
            yield from _walk(item, f"{path}[{index}]")
    elif isinstance(value, str):
        yield path, value
    else:
        yield path, json.dumps(value, ensure_ascii=False)


def _lines(before: str | None, after: str | None) -> Iterator[str]:
    old, new = _pieces(before), _pieces(after)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    count = 0
    for group in matcher.get_grouped_opcodes(CONTEXT):
        for tag, i, j, k, m in group:
            shown = [f"  {line}" for line in old[i:j]] if tag == "equal" else []
            if tag != "equal":
                shown = [f"- {line}" for line in old[i:j]] + [f"+ {line}" for line in new[k:m]]
            for line in shown:
                count += 1
                if count > MOST_LINES:
                    yield "  and more"
                    return
                yield line


_SENTENCE = re.compile(r"(?<=[.!?:;])[ \t]+(?=\S)")


def _pieces(text: str | None) -> list[str]:
    """Lines, and in long ones sentences."""
    if text is None:
        return []
    pieces: list[str] = []
    for line in text.split("\n"):
        pieces += _SENTENCE.split(line) if len(line) > LONG_LINE else [line]
    return [visible(piece) for piece in pieces]
