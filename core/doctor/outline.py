"""The config file without its secrets: what is known to hold none is shown, the rest is masked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath

from core.config.jsonc import Document, Value
from core.doctor.redaction import MASK

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
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_REFERENCE = re.compile(r"\$\{env:([^}]*)\}")
_SECRET_NAME = re.compile(r"key|token|secret|passw|credential|auth", re.IGNORECASE)

Shown = bool | int | float | str | None | list["Shown"] | dict[str, "Shown"]


def outline(document: Document) -> Shown:
    """The document's shape, with every value masked that is not known to be harmless."""
    return _shown("", document.root.value)


def secrets_in(document: Document) -> Iterator[str]:
    """Every text of the document that its outline masks."""
    return _hidden("", document.root.value)


def secrets_around(texts: Iterator[str], environ: Mapping[str, str]) -> Iterator[str]:
    """What the texts refer to, and every variable that is named like a secret."""
    for text in texts:
        for name in _REFERENCE.findall(text):
            if name in environ:
                yield environ[name]
    for name, value in environ.items():
        if _SECRET_NAME.search(name) and not name.startswith(("XDG_", "SSH_AUTH_SOCK")):
            yield value


def _shown(key: str, value: Value) -> Shown:
    match value:
        case dict():
            return {
                name if _NAME.fullmatch(name) else MASK: _shown(name, below)
                for name, below in value.items()
            }
        case list():
            return [_shown("", below) for below in value]
        case str() if key == "command":
            return PurePath(value).name if _is_plain(PurePath(value).name) else MASK
        case str():
            return value if key in SHOWN and _is_plain(value) else MASK
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
                yield from _hidden("", below)
        case str() if key == "command":
            if not _is_plain(PurePath(value).name):
                yield value
        case str():
            if not (key in SHOWN and _is_plain(value)):
                yield value
        case bool() | None:
            return
        case _:
            if key not in SHOWN:
                yield str(value)


def _is_plain(text: str) -> bool:
    return _PLAIN.fullmatch(text) is not None
