"""Where requests to a server go: its origin, and the proxy on the way, if there is one.

Proxies come from the variables that other programs know: ``HTTPS_PROXY``, ``HTTP_PROXY``,
``ALL_PROXY`` and ``NO_PROXY``, in capitals or not.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, quote, unquote, urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


class UnusableUrl(ValueError):
    """Nothing can be reached by this; ``str()`` says why."""


class UnusableProxy(ValueError):
    """A variable names a proxy that is none; ``str()`` says which."""


@dataclass(frozen=True, slots=True)
class Route:
    """The way to one origin (RFC 9110, §4.3.1)."""

    scheme: str
    host: str
    port: int
    proxy: tuple[str, int] | None = None
    proxy_login: str = field(default="", repr=False)

    @property
    def tls(self) -> bool:
        return self.scheme == "https"

    @property
    def target(self) -> tuple[str, int]:
        return self.host, self.port

    @property
    def authority(self) -> str:
        """What the ``Host`` header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.authority}"

    def path_of(self, url: str) -> str | None:
        """What to ask this origin for; None if the address is of another."""
        try:
            parts = urlsplit(url)
            port = parts.port or DEFAULT_PORTS.get(parts.scheme)
        except ValueError:
            return None
        if (parts.scheme, parts.hostname, port) != (self.scheme, self.host, self.port):
            return None
        path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
        query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
        return f"{path}?{query}" if query else path


def route_to(url: str, environ: Mapping[str, str]) -> tuple[Route, str]:
    """The route, and what to ask for there (path and query). Raises UnusableUrl or
    UnusableProxy."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UnusableUrl(f"{url!r} is no web address ({error})") from None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise UnusableUrl(f"{url!r} is no web address that begins with https:// or http://")
    host = _ascii(parts.hostname)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii() or any(ord(c) <= 0x20 or ord(c) == 0x7F for c in path):
        raise UnusableUrl(f"{url!r} has characters that have to be escaped (%20)")
    proxy = _proxy(parts.scheme, host, environ)
    if proxy is None:
        return Route(parts.scheme, host, port or DEFAULT_PORTS[parts.scheme]), path
    login = ""
    if proxy.username is not None:
        login = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    at = (_ascii(proxy.hostname or ""), proxy.port or 8080)
    return Route(parts.scheme, host, port or DEFAULT_PORTS[parts.scheme], at, login), path


def login_of(url: str) -> str:
    """``user:password`` where the address has it."""
    parts = urlsplit(url)
    if parts.username is None:
        return ""
    return f"{unquote(parts.username)}:{unquote(parts.password or '')}"


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _ascii(host: str) -> str:
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        raise UnusableUrl(f"{host!r} is no host name") from None


def _proxy(scheme: str, host: str, environ: Mapping[str, str]) -> SplitResult | None:
    """Raises UnusableProxy."""
    if is_loopback(host) or _exempt(host, _variable("no_proxy", environ)):
        return None
    named = _variable(f"{scheme}_proxy", environ) or _variable("all_proxy", environ)
    if not named:
        return None
    full = named if "://" in named else f"http://{named}"
    try:
        proxy = urlsplit(full)
        if proxy.scheme == "http" and proxy.hostname and proxy.port != 0:
            return proxy
    except ValueError:
        pass  # a port that is no number, for example
    variable = f"{scheme.upper()}_PROXY"
    raise UnusableProxy(
        f"the proxy named by {variable} (or ALL_PROXY) is not of the form http://host:port"
    )


def _variable(name: str, environ: Mapping[str, str]) -> str:
    # HTTP_PROXY in capitals is what a CGI script gets from a "Proxy" header; we are none.
    return environ.get(name) or environ.get(name.upper()) or ""


def _exempt(host: str, no_proxy: str) -> bool:
    """Whether ``NO_PROXY`` names the host, a domain above it, or a network it is in."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    for item in (part.strip().lower() for part in no_proxy.split(",")):
        if item == "*":
            return True
        if not item:
            continue
        if address is not None:
            try:
                if address in ipaddress.ip_network(item, strict=False):
                    return True
            except ValueError:
                pass
        domain = item.lstrip("*").lstrip(".")
        if host == domain or host.endswith(f".{domain}"):
            return True
    return False
