"""The config file without its secrets: what is known to hold none is shown, the rest is masked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath

from core.config.jsonc import Document, Value
from core.doctor.redaction import MASK
from core.model.references import ENV, is_reference, references
from core.upstream.environment import SAFE

SHOWN = frozenset(
    {
        *("listen", "require_mcp_auth", "routing_mode", "tools_limit", "tool_response_limit"),
        *("call_tool_timeout", "quarantine_enabled", "inherit_system_safe", "level", "max_size"),
        *("max_backups", "json_format", "activity_retention_days", "activity_max_size_mb"),
        *("read_only_mode", "disable_management", "allow_server_add", "allow_server_remove"),
        *("name", "enabled", "quarantined", "protocol", "type", "init_timeout", "call_timeout"),
        *("health_check_interval", "max_concurrent_requests", "isolation"),
    }
)
"""Keys whose values are shown, as long as they look like what belongs there."""

_PLAIN = re.compile(r"[A-Za-z0-9_.:\[\]-]{1,64}")
_PATHS = frozenset({"SSH_AUTH_SOCK", "XAUTHORITY"})  # named like secrets, but they lead to them
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_OPTION = re.compile(r"-[A-Za-z]|--[A-Za-z]+(?:-[A-Za-z]+){0,3}")
_SECRET_NAME = re.compile(r"key|token|secret|passw|credential|auth", re.IGNORECASE)

Shown = bool | int | float | str | None | list["Shown"] | dict[str, "Shown"]


def outline(document: Document) -> Shown:
    """The document's shape, with every value masked that is not known to be harmless."""
    return _shown("", document.root.value)


def secrets_in(document: Document, environ: Mapping[str, str]) -> Iterator[str]:
    """Every text of the document that its outline masks, and every value it refers to."""
    yield from _hidden("", document.root.value)
    for each in references(document.text):
        if each.where == ENV and each.name in environ and each.name not in SAFE:
            yield environ[each.name]


def secrets_around(environ: Mapping[str, str]) -> Iterator[str]:
    """The values of variables that are named like a secret."""
    for name, value in environ.items():
        if _SECRET_NAME.search(name) and name not in _PATHS:
            yield value


def _shown(key: str, value: Value) -> Shown:
    match value:
        case dict():
            return {
                name if _NAME.fullmatch(name) else MASK: _shown(name, below)
                for name, below in value.items()
            }
        case list():
            return [_shown(key if key == "args" else "", below) for below in value]
        case str() if key == "command":
            return PurePath(value).name if _is_plain(PurePath(value).name) else MASK
        case str():
            return value if _is_harmless(key, value) else MASK
        case bool() | None:
            return value
        case _:
            return value if key in SHOWN else MASK


def _hidden(key: str, value: Value) -> Iterator[str]:
    match value:
        case dict():
            for name, below in value.items():
                if not _NAME.fullmatch(name):
                    yield name
                yield from _hidden(name, below)
        case list():
            for below in value:
                yield from _hidden(key if key == "args" else "", below)
        case str() if key == "command":
            if not _is_plain(PurePath(value).name):
                yield value
        case str():
            if not _is_harmless(key, value):
                yield value
        case bool() | None:
            return
        case _:
            if key not in SHOWN:
                yield str(value)


def _is_harmless(key: str, text: str) -> bool:
    """What belongs there, or names a secret without being it, or switches something."""
    if key in SHOWN:
        return _is_plain(text)
    return is_reference(text) or bool(key == "args" and _OPTION.fullmatch(text))


def _is_plain(text: str) -> bool:
    return _PLAIN.fullmatch(text) is not None
