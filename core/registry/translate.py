"""A registry's entry in the words of our config file. Pure.

Only what is pinned to one version is offered, and only what says all that will run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from urllib.parse import urlsplit

from core.model.config import SERVER_NAME_PATTERN
from core.model.registry import Offer, Way
from core.registry.document import Argument, Listed, Package, Remote
from core.registry.values import VARIABLE, Unusable, Values, plain

DELETED, DEPRECATED = "deleted", "deprecated"

_PUBLISHED = re.compile(r"[A-Za-z0-9.-]{1,100}/[A-Za-z0-9._-]{1,100}")  # server.schema.json
_VERSION = re.compile(r"v?[0-9][A-Za-z0-9.+!_-]{0,99}")
_NAMES = {
    "npm": re.compile(r"(?:@[a-z0-9~][a-z0-9._~-]*/)?[A-Za-z0-9~][A-Za-z0-9._~-]*"),
    "pypi": re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*"),
    "oci": re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]*"),
}
_RUNNERS = {"npm": ("npx", "bunx"), "pypi": ("uvx",), "oci": ("docker", "podman")}
_ALWAYS = {"npx": ("-y",), "docker": ("run", "-i", "--rm"), "podman": ("run", "-i", "--rm")}
_TAGGED = re.compile(r":(?!latest$)[A-Za-z0-9_][A-Za-z0-9_.-]*$|@sha256:[0-9a-f]{64}$")
_PROTOCOLS = {"streamable-http": "http", "sse": "sse"}
_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, §5.6.2


def offer(listed: Listed) -> Offer | None:
    """None for what was taken out of the registry, or has no name that one may have."""
    server, official = listed.server, listed.meta.official
    if official.status == DELETED or not official.is_latest:
        return None
    if not _PUBLISHED.fullmatch(server.name):
        return None
    called = local_name(server.name)
    ways, unusable = [], []
    for package in server.packages:
        try:
            ways.append(_package(package, called))
        except Unusable as why:
            unusable.append(f"{package.registry_type[:40]}: {why}.")
    for remote in server.remotes:
        try:
            ways.append(_remote(remote, called))
        except Unusable as why:
            unusable.append(f"{remote.type[:40]}: {why}.")
    warning = ""
    if official.status == DEPRECATED:
        said = plain(official.status_message)
        warning = f"Deprecated by its publisher{f': {said}' if said else '.'}"
    return Offer(
        name=server.name,
        called=called,
        version=plain(server.version),
        description=plain(server.description),
        ways=tuple(ways),
        unusable=tuple(unusable),
        warning=warning,
    )


def local_name(name: str) -> str:
    """What a server could be called here: the last part of its name."""
    last = re.sub(r"[^A-Za-z0-9._-]+", "-", name.rpartition("/")[2]).strip("-.")[:64]
    return last if SERVER_NAME_PATTERN.fullmatch(last) else "server"


def _package(package: Package, called: str) -> Way:
    kind = package.registry_type
    if kind not in _RUNNERS:
        raise Unusable("packages of this kind cannot be started by MCP Proxy Tray")
    if package.transport.type != "stdio":
        raise Unusable("it wants to be started by hand and reached by URL")
    runner = package.runtime_hint or _RUNNERS[kind][0]
    if runner not in _RUNNERS[kind]:
        raise Unusable(f"it wants to be run by {runner[:40]!r}, not by {_RUNNERS[kind][0]}")
    what = _pinned(package)
    values = Values(called)
    env = {
        named.name: value
        for named in package.environment_variables
        if (value := values.setting(named, own_name=True)) is not None
    }
    always = list(_ALWAYS.get(runner, ()))
    own = _arguments(package.runtime_arguments, values, flags=True)
    if kind == "oci":
        own = _without_secrets(own, env)
    args = always + [each for each in own if each not in always and each != "--yes"]
    if kind == "oci":
        args += [part for name in env for part in ("-e", name)]
    args += [what, *_arguments(package.package_arguments, values, flags=False)]
    entry: dict[str, object] = {"command": runner, "args": args}
    if env:
        entry["env"] = env
    return Way(kind, entry, shlex.join([runner, *args]), tuple(values.needs))


def _pinned(package: Package) -> str:
    """Package and version in the words of what runs it."""
    kind, what, version = package.registry_type, package.identifier, package.version
    if not _NAMES[kind].fullmatch(what):
        raise Unusable(f"{what[:60]!r} is no name of a package")
    if kind == "oci":
        host = package.registry_base_url.partition("://")[2].strip("/")
        if host and _NAMES[kind].fullmatch(host) and not what.startswith(f"{host}/"):
            what = f"{host}/{what}"
        if _TAGGED.search(what):
            return what
        what = what.removesuffix(":latest")
        separator = ":"
    else:
        separator = "@"
    if not _VERSION.fullmatch(version):
        raise Unusable("it names no single version")
    return f"{what}{separator}{version}"


def _arguments(arguments: Iterable[Argument], values: Values, *, flags: bool) -> list[str]:
    """``flags``: a name without a value is meant as it stands, even if it is not required."""
    found: list[str] = []
    for each in arguments:
        if each.type != "named":
            called = each.value_hint or each.name or "argument"
            value = values.value(each, called)
            found += [] if value is None else [value]
            continue
        name = values.text(each.name, {})
        if not name:
            raise Unusable("it has an option without a name")
        takes_value = (
            each.value is not None
            or each.default is not None
            or bool(each.value_hint or each.is_secret or each.variables)
            or each.format in ("string", "number", "filepath")
        )
        if not takes_value:
            found += [name] if flags or each.is_required else []
            continue
        value = values.value(each, each.value_hint or name)
        found += [] if value is None else [name, value]
    return found


def _without_secrets(arguments: list[str], env: dict[str, str]) -> list[str]:
    """Variables of a container that are references, moved to where other users cannot see them."""
    kept: list[str] = []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        option = bool(kept) and kept[-1] in ("-e", "--env") and equals == "="
        if option and VARIABLE.fullmatch(name) and "${" in value:
            env[name] = value
            kept.pop()
        else:
            kept.append(argument)
    return kept


def _remote(remote: Remote, called: str) -> Way:
    if remote.type not in _PROTOCOLS:
        raise Unusable("servers of this kind cannot be reached")
    values = Values(called)
    url = values.text(remote.url, remote.variables)
    if _scheme(url) != "https":
        raise Unusable("its address is not https on one certain host")
    headers: dict[str, str] = {}
    for named in remote.headers:
        if not _HEADER.fullmatch(named.name):
            raise Unusable(f"{named.name[:60]!r} is no name of a header")
        value = values.setting(named, own_name=False)
        if value is not None:
            headers[named.name] = value
    entry: dict[str, object] = {"url": url, "protocol": _PROTOCOLS[remote.type]}
    if headers:
        entry["headers"] = headers
    return Way(remote.type, entry, url, tuple(values.needs))


def _scheme(url: str) -> str:
    """The scheme of an address with a host that is no reference, else nothing."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return ""
    return parts.scheme if host and "$" not in parts.netloc and "@" not in parts.netloc else ""
