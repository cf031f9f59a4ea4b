"""The keys of the config file, their defaults and the rules that hold between them.

Keys this version does not know are left alone: they may belong to a newer version or to
another program that reads the same file.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from urllib.parse import urlsplit

from core.config.fields import Place, Reading
from core.config.jsonc import Document, Path
from core.config.profiles import read_profiles
from core.config.servers import read_servers
from core.model.config import (
    Config,
    EnvironmentPolicy,
    Listen,
    Logging,
    Problem,
    ServerConfig,
    ServerName,
)

MOST_TOOLS = 1000
MOST_DAYS = 3650
MOST_MEGABYTES = 1024 * 1024
MOST_CHARACTERS = 10_000_000
ROUTING_MODES = ("retrieve_tools", "direct")
MOST_BACKUPS = 100
DEFAULT_CALL_TIMEOUT = 120.0

_DEFAULTS = Config()
_LEVELS = {  # as people write them, and as the standard library calls them
    "trace": "debug",
    "debug": "debug",
    "info": "info",
    "warn": "warning",
    "warning": "warning",
    "error": "error",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What environment and flags set, over the file; None leaves it to the file."""

    listen: str | None = None
    api_key: str | None = field(default=None, repr=False)
    log_level: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a document says; ``config`` is only fit for use when there are no problems.

    ``entries`` leads to each server's entry in the document, for editing it.
    """

    config: Config
    problems: tuple[Problem, ...]
    entries: Mapping[ServerName, Path]
    has_api_key: bool


def read(document: Document, overrides: Overrides) -> Outcome:
    """Check the whole document and note everything that is wrong with it (spec.md §4)."""
    reading = Reading(document)
    root = Place("", document.root)
    reading.object(root)
    reading.note_repetitions(root)

    key_place = reading.member(root, "api_key")
    key = reading.text(key_place)
    if overrides.api_key is not None:
        key = overrides.api_key
    auth_place = reading.member(root, "require_mcp_auth")
    auth = reading.boolean(auth_place, _DEFAULTS.require_mcp_auth)
    if auth and key == "":
        message = "needs a key to ask for, but api_key is empty: leave api_key out to get one"
        reading.complain("require_mcp_auth", message, auth_place)

    call_timeout = reading.duration(reading.member(root, "call_tool_timeout"), DEFAULT_CALL_TIMEOUT)
    observability = reading.object(reading.member(root, "observability"))
    metrics = reading.object(reading.member(observability, "metrics"))
    found = read_servers(reading, root, call_timeout)
    paused = _switch(reading, root, "paused")
    config = Config(
        servers=_all_disabled(found.servers) if paused else found.servers,
        paused=paused,
        listen=_listen(reading, reading.member(root, "listen"), overrides.listen, auth),
        api_key=key or "",
        require_mcp_auth=auth,
        tools_limit=reading.integer(
            reading.member(root, "tools_limit"), _DEFAULTS.tools_limit, 1, MOST_TOOLS
        ),
        tool_response_limit=reading.integer(
            reading.member(root, "tool_response_limit"),
            _DEFAULTS.tool_response_limit,
            0,
            MOST_CHARACTERS,
        ),
        search_model=reading.text(reading.member(root, "search_model")) or "",
        registry_url=_address(reading, reading.member(root, "registry_url"), _A_REGISTRY),
        update_url=_address(reading, reading.member(root, "update_url"), _A_RELEASE),
        routing_mode=_routing_mode(reading, reading.member(root, "routing_mode")),
        profiles=read_profiles(reading, reading.member(root, "profiles")),
        quarantine_enabled=_switch(reading, root, "quarantine_enabled"),
        read_only_mode=_switch(reading, root, "read_only_mode"),
        disable_management=_switch(reading, root, "disable_management"),
        allow_server_add=_switch(reading, root, "allow_server_add"),
        allow_server_remove=_switch(reading, root, "allow_server_remove"),
        activity_days=reading.integer(
            reading.member(root, "activity_retention_days"), _DEFAULTS.activity_days, 1, MOST_DAYS
        ),
        activity_megabytes=reading.integer(
            reading.member(root, "activity_max_size_mb"),
            _DEFAULTS.activity_megabytes,
            1,
            MOST_MEGABYTES,
        ),
        environment=_environment(reading, reading.object(reading.member(root, "environment"))),
        logging=_logging(
            reading, reading.object(reading.member(root, "logging")), overrides.log_level
        ),
        metrics_enabled=reading.boolean(
            reading.member(metrics, "enabled"), _DEFAULTS.metrics_enabled
        ),
        metrics_listen=_metrics_listen(reading, reading.member(metrics, "listen")),
    )
    problems = sorted(reading.problems, key=lambda problem: problem.line or 0)
    return Outcome(
        config=config,
        problems=tuple(problems),
        entries=found.entries,
        has_api_key=key_place is not None,
    )


def _all_disabled(servers: Mapping[ServerName, ServerConfig]) -> Mapping[ServerName, ServerConfig]:
    return MappingProxyType({name: replace(each, enabled=False) for name, each in servers.items()})


def _switch(reading: Reading, root: Place, name: str) -> bool:
    """One of the file's own switches, which the model calls by the same name."""
    default: bool = getattr(_DEFAULTS, name)
    return reading.boolean(reading.member(root, name), default)


def parse_listen(text: str) -> Listen:
    """``HOST:PORT``; no host means this machine only. Raises ValueError saying what is wrong.

    An IPv6 address stands in brackets, as in ``[::1]:8080``.
    """
    host, colon, port_text = text.strip().rpartition(":")
    if not colon or not (port_text.isascii() and port_text.isdigit()) or int(port_text) > 65535:
        raise ValueError('expected HOST:PORT, like "127.0.0.1:8080"')
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if not _is_address(host):
            raise ValueError("there is no IPv6 address in the brackets")
    elif ":" in host:
        raise ValueError('an IPv6 address stands in brackets, like "[::1]:8080"')
    elif any(character.isspace() or character in "/@?#[]" for character in host):
        raise ValueError('expected HOST:PORT, like "127.0.0.1:8080", not a URL')
    return Listen(host or _DEFAULTS.listen.host, int(port_text))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address; an unknown name counts as reachable."""
    if host.lower() == "localhost":
        return True
    return _is_address(host) and ipaddress.ip_address(host).is_loopback


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _listen(reading: Reading, place: Place | None, override: str | None, auth: bool) -> Listen:
    text = reading.text(place) if place is not None else None
    source = ""
    if override is not None:
        text, place, source = override, None, " (as --listen or MCPPROXY_LISTEN says)"
    if text is None:
        return _DEFAULTS.listen
    try:
        listen = parse_listen(text)
    except ValueError as error:
        reading.complain("listen", f"{error}{source}", place)
        return _DEFAULTS.listen
    if not auth and not is_loopback(listen.host):
        message = (
            f"other machines can reach {listen.host}{source}: "
            'set "require_mcp_auth": true, or listen on 127.0.0.1'
        )
        reading.complain("listen", message, place)
    return listen


def _routing_mode(reading: Reading, place: Place | None) -> str:
    mode = reading.text(place)
    if place is None or mode is None:
        return _DEFAULTS.routing_mode
    if mode not in ROUTING_MODES:
        reading.complain(place.path, f"must be one of {', '.join(ROUTING_MODES)}", place)
        return _DEFAULTS.routing_mode
    return mode


_A_REGISTRY = 'a registry, like "https://registry.modelcontextprotocol.io"'
_A_RELEASE = 'a description of the newest release, like "https://example.com/latest.json"'


def _address(reading: Reading, place: Place | None, what: str) -> str:
    """Where somebody is asked, by https or on this computer; empty for nowhere."""
    url = reading.text(place)
    if place is None or not url:
        return ""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    plain = parts.scheme == "http" and is_loopback(host)
    whole = not (parts.query or parts.fragment or "@" in parts.netloc) and url.isprintable()
    if host and whole and (parts.scheme == "https" or plain):
        return url
    reading.complain(place.path, f"expected the https address of {what}", place)
    return ""


def _environment(reading: Reading, place: Place | None) -> EnvironmentPolicy:
    default = _DEFAULTS.environment
    custom = reading.variables(reading.member(place, "custom_vars"))
    return EnvironmentPolicy(
        inherit_system_safe=reading.boolean(
            reading.member(place, "inherit_system_safe"), default.inherit_system_safe
        ),
        allowed_system_vars=reading.texts(reading.member(place, "allowed_system_vars")),
        custom_vars=custom,
    )


def _logging(reading: Reading, place: Place | None, override: str | None) -> Logging:
    default = _DEFAULTS.logging
    level_place = reading.member(place, "level")
    level = reading.text(level_place)
    source = ""
    if override is not None:
        level, level_place, source = override, None, " (as --log-level or MCPPROXY_LOG_LEVEL says)"
    if level is not None and level.lower() not in _LEVELS:
        names = ", ".join(_LEVELS)
        reading.complain("logging.level", f"must be one of {names}{source}", level_place)
        level = None
    backups_place = reading.member(place, "max_backups")
    return Logging(
        level=_LEVELS[level.lower()] if level is not None else default.level,
        max_size=reading.size(reading.member(place, "max_size"), default.max_size),
        max_backups=reading.integer(backups_place, default.max_backups, 0, MOST_BACKUPS),
        json_format=reading.boolean(reading.member(place, "json_format"), default.json_format),
    )


def _metrics_listen(reading: Reading, place: Place | None) -> Listen | None:
    text = reading.text(place)
    if text is None:
        return None
    try:
        listen = parse_listen(text)
    except ValueError as error:
        reading.complain("observability.metrics.listen", str(error), place)
        return None
    if not is_loopback(listen.host):
        message = (
            f"other machines can reach {listen.host}, and this port asks for no key: "
            "listen on 127.0.0.1, or scrape /metrics of the main port with the api_key"
        )
        reading.complain("observability.metrics.listen", message, place)
    return listen
