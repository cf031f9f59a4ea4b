"""One name for everything a model sees of a tool, and one for what a server entry runs."""

from __future__ import annotations

import hashlib
import json
from math import isfinite

from core.model.config import ServerConfig, Stdio


class _Ambiguous(ValueError):
    """JSON that two readers may understand differently."""


def tool_hash(raw: bytes) -> str:
    """SHA-256, in hex, over an entry of ``tools/list`` in canonical form.

    Every member counts, those of later versions of MCP too. The order of members and the space
    between them do not; the Unicode form of a text does. What readers may understand in two ways
    (a name that stands twice) has no canonical form, so there every byte counts.
    """
    try:
        kind, data = b"tool\0", _canonical(raw)
    except (ValueError, RecursionError):
        kind, data = b"bytes\0", raw
    return hashlib.sha256(kind + data).hexdigest()


def digest(raw: bytes) -> bytes:
    """A quick name of the bytes as they are."""
    return hashlib.sha256(raw).digest()


def launch_hash(config: ServerConfig) -> str:
    """SHA-256, in hex, over what an entry runs or reaches, without the values of its settings."""
    runs = config.transport
    if isinstance(runs, Stdio):
        names = sorted(setting.name for setting in runs.env)
        parts: list[object] = ["stdio", runs.command, runs.args, names, runs.working_dir]
    else:
        names = sorted(setting.name for setting in runs.headers)
        parts = ["http", runs.url, names, runs.protocol]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _canonical(raw: bytes) -> bytes:
    value = json.loads(
        raw, object_pairs_hook=_members, parse_float=_number, parse_constant=_no_number
    )
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Ambiguous("a name stands twice")
    return members


def _number(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise _Ambiguous("a number beyond what others can read")
    return number


def _no_number(text: str) -> float:
    raise _Ambiguous(f"{text} is no JSON")
