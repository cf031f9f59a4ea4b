"""The server entries of the config file, in every shape in which people have them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

from core.config.fields import Place, Reading
from core.config.jsonc import Path
from core.model.config import (
    ISOLATIONS,
    SERVER_NAME_PATTERN,
    Http,
    OAuth,
    ServerConfig,
    ServerName,
    Setting,
    Stdio,
)

DEFAULT_INIT_TIMEOUT = 60.0
DEFAULT_CONCURRENCY = 16
MOST_CONCURRENCY = 1024

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110 §5.1
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f]")
_PROTOCOLS = {  # as people write them, and as the model calls them
    "auto": "auto",
    "stdio": "stdio",
    "http": "http",
    "streamable-http": "http",
    "sse": "sse",
}


@dataclass(frozen=True, slots=True)
class Servers:
    """The entries by name, and the way to each in the document."""

    servers: Mapping[ServerName, ServerConfig]
    entries: Mapping[ServerName, Path]


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str | None
    name_place: Place
    place: Place
    path: Path


def read_servers(reading: Reading, root: Place, call_timeout: float) -> Servers:
    """Read ``mcpServers`` as list or map and VS Code's ``servers`` map.

    ``call_timeout`` is the limit, in seconds, of servers that set none.
    """
    servers: dict[ServerName, ServerConfig] = {}
    entries: dict[ServerName, Path] = {}
    taken: dict[str, tuple[str, Place]] = {}
    for entry in [*_entries(reading, root, "mcpServers"), *_map(reading, root, "servers")]:
        if entry.name is not None:
            _check_name(reading, entry, taken)
        if reading.object(entry.place) is None:
            continue
        transport = _transport(reading, entry.place)
        member = entry.place
        config = ServerConfig(
            name=ServerName(entry.name or ""),
            transport=transport,
            enabled=reading.boolean(reading.member(member, "enabled"), True),
            quarantined=reading.boolean(reading.member(member, "quarantined"), False),
            init_timeout=reading.duration(
                reading.member(member, "init_timeout"), DEFAULT_INIT_TIMEOUT
            ),
            call_timeout=reading.duration(reading.member(member, "call_timeout"), call_timeout),
            max_concurrent_requests=reading.integer(
                reading.member(member, "max_concurrent_requests"),
                DEFAULT_CONCURRENCY,
                1,
                MOST_CONCURRENCY,
            ),
            isolation=_isolation(reading, reading.member(member, "isolation")),
            enabled_tools=reading.texts(reading.member(member, "enabled_tools")),
            disabled_tools=reading.texts(reading.member(member, "disabled_tools")),
        )
        servers[config.name] = config
        entries[config.name] = entry.path
    return Servers(MappingProxyType(servers), MappingProxyType(entries))


def _entries(reading: Reading, root: Place, key: str) -> Iterator[_Entry]:
    place = reading.member(root, key)
    if place is None or isinstance(place.node.value, dict):
        yield from _map(reading, root, key)
        return
    if not isinstance(place.node.value, list):
        reading.wrong_type(place, 'a list, [{"name": ...}], or a map, {"NAME": {...}}, of servers')
        return
    for index, item in enumerate(reading.items(place)):
        if not isinstance(item.node.value, dict):
            yield _Entry(None, item, item, (key, index))
            continue
        name_place = reading.member(item, "name")
        name = reading.text(name_place)
        if name_place is None:
            reading.complain(f"{item.path}.name", "is missing: every server needs a name", item)
        yield _Entry(name, name_place or item, item, (key, index))


def _map(reading: Reading, root: Place, key: str) -> Iterator[_Entry]:
    place = reading.object(reading.member(root, key))
    if place is None:
        return
    for name, value in reading.members(place):
        yield _Entry(name, value, value, (key, name))


def _check_name(reading: Reading, entry: _Entry, taken: dict[str, tuple[str, Place]]) -> None:
    name = entry.name or ""
    path = entry.name_place.path
    if not SERVER_NAME_PATTERN.fullmatch(name) or not name.strip("."):
        message = (
            "a server's name is 1 to 64 of the letters A-Z and a-z, digits, '.', '_' and '-', "
            "and not only dots"
        )
        reading.complain(path, message, entry.name_place)
        return
    if name.lower() in taken:
        other, first = taken[name.lower()]
        where = f"{first.path} in line {reading.document.line(first.node.start)}"
        if other == name:
            message = f'the name "{name}" is taken by {where}: give one of them another name'
        else:
            message = (
                f'the name "{name}" differs from "{other}" ({where}) only in upper and lower '
                "case: give one of them another name"
            )
        reading.complain(path, message, entry.name_place)
    else:
        taken[name.lower()] = (name, entry.name_place)


def _transport(reading: Reading, entry: Place) -> Stdio | Http:
    command_place = _filled(reading, entry, "command")
    url_place = _filled(reading, entry, "url")
    protocol_place = _either(reading, entry, "protocol", "type")
    protocol = _protocol(reading, protocol_place)
    command, url = reading.text(command_place), reading.text(url_place)
    if command_place is not None and url_place is not None:
        message = 'has both "command" and "url": remove the one that is not meant'
        reading.complain(entry.path, message, entry)
    elif command_place is None and url_place is None:
        message = 'needs either "command" (a program to start) or "url" (a server to reach)'
        reading.complain(entry.path, message, entry)
    elif protocol_place is not None and command_place is not None and protocol in ("http", "sse"):
        message = 'a server with "command" speaks stdio: remove this, or give "url" instead'
        reading.complain(protocol_place.path, message, protocol_place)
    elif protocol_place is not None and url_place is not None and protocol == "stdio":
        message = 'a server with "url" cannot speak stdio: remove this, or give "command" instead'
        reading.complain(protocol_place.path, message, protocol_place)
    # everything is read whichever transport it is, so that all errors show at once
    stdio = Stdio(
        command=command or "",
        args=reading.texts(reading.member(entry, "args")),
        env=reading.variables(reading.member(entry, "env")),
        working_dir=reading.text(_either(reading, entry, "working_dir", "cwd")) or None,
    )
    headers = _headers(reading, entry)
    oauth = _oauth(reading, reading.object(reading.member(entry, "oauth")))
    if url is None:
        return stdio
    _check_url(reading, url_place, url)
    return Http(url=url, headers=headers, protocol=protocol or "auto", oauth=oauth)


def _either(reading: Reading, entry: Place, name: str, alias: str) -> Place | None:
    """Our key, or the one that other programs' files have in its place."""
    return reading.member(entry, name) or reading.member(entry, alias)


def _filled(reading: Reading, entry: Place, name: str) -> Place | None:
    """The member unless it is the empty string, which some programs write for absent."""
    place = reading.member(entry, name)
    return None if place is not None and place.node.value == "" else place


def _protocol(reading: Reading, place: Place | None) -> str | None:
    text = reading.text(place)
    if place is None or not text:
        return None
    if text not in _PROTOCOLS:
        reading.complain(place.path, f"must be one of {', '.join(_PROTOCOLS)}", place)
        return None
    return _PROTOCOLS[text]


def _isolation(reading: Reading, place: Place | None) -> str:
    text = reading.text(place)
    if text is None or text in ISOLATIONS:
        return text or ISOLATIONS[0]
    if place is not None:
        reading.complain(place.path, f"must be one of {', '.join(ISOLATIONS)}", place)
    return ISOLATIONS[0]


def _headers(reading: Reading, entry: Place) -> tuple[Setting, ...]:
    found = reading.settings(reading.member(entry, "headers"))
    for setting, place in found:
        if not _HEADER_NAME.fullmatch(setting.name):
            reading.complain(place.path, "is no name of an HTTP header", place)
        if "\r" in setting.value or "\n" in setting.value:
            reading.complain(place.path, "may not hold a line break", place)
    return tuple(setting for setting, _ in found)


def _oauth(reading: Reading, place: Place | None) -> OAuth | None:
    if place is None:
        return None
    return OAuth(
        client_id=reading.text(reading.member(place, "client_id")) or "",
        client_secret=reading.text(reading.member(place, "client_secret")) or "",
        scopes=reading.texts(reading.member(place, "scopes")),
    )


def _check_url(reading: Reading, place: Place | None, url: str) -> None:
    if place is None or "${" in url:
        return  # references are resolved when the server starts
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits or _UNPRINTABLE.search(url):
        message = 'expected a web address, like "https://example.com/mcp"'
        reading.complain(place.path, message, place)
