"""Names and URIs of many servers' things side by side: unique, stable, and led back.

A name depends on the server's and the thing's own name alone, so it stays what it is whatever
other servers come and go.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

LONGEST = 60  # characters: clients allow 64, and put something before
JOINT = "__"

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")  # what every client and model provider allows in a name
_HASH_LENGTH = 12  # characters of 5 bits
_HASHED = re.compile(rf".*{JOINT}[a-z2-7]{{{_HASH_LENGTH}}}")
_UNUSUAL = re.compile(r"[^A-Za-z0-9_-]")


def joined(server: str, name: str) -> str:
    """``server__name``, or a shortened form that ends in a hash of both.

    Two pairs never share a name, short of a collision of 60 bits of SHA-256: the first form
    splits at its first ``__`` in one way only, and never looks like the second.
    """
    plain = f"{server}{JOINT}{name}"
    if _PLAIN.fullmatch(plain) and len(plain) <= LONGEST and split(plain) == (server, name):
        return plain
    digest = hashlib.sha256(f"{len(server)}:{server}{name}".encode(errors="surrogatepass"))
    suffix = base64.b32encode(digest.digest())[:_HASH_LENGTH].decode().lower()
    return f"{_UNUSUAL.sub('_', plain)[: LONGEST - len(JOINT) - _HASH_LENGTH]}{JOINT}{suffix}"


def split(plain: str) -> tuple[str, str] | None:
    """The server and the name of a name that was not shortened; None if it was, or is none."""
    server, joint, name = plain.partition(JOINT)
    if not (server and joint and name) or _HASHED.fullmatch(plain):
        return None
    return server, name


ADDRESSED = "mcpproxy://s/"
"""How the URI of a resource begins that has to say whose it is: then server, ``/``, its own URI."""


def addressed(server: str, uri: str) -> str:
    """A URI that says whose it is. Server names hold no ``/``."""
    return f"{ADDRESSED}{server}/{uri}"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A resource template (RFC 6570) as far as is needed to tell whose a URI is."""

    server: str
    template: str
    before: str = field(init=False)  # the first expression
    after: str = field(init=False)  # the last

    def __post_init__(self) -> None:
        object.__setattr__(self, "before", self.template.partition("{")[0])
        object.__setattr__(
            self, "after", self.template.rpartition("}")[2] if "{" in self.template else ""
        )

    def fits(self, uri: str) -> bool:
        """Whether the URI may come of it; expressions are taken to become anything."""
        return (
            len(uri) >= len(self.before) + len(self.after)
            and uri.startswith(self.before)
            and uri.endswith(self.after)
        )

    def overlaps(self, other: Pattern) -> bool:
        """Whether a URI could come of both."""
        shorter, longer = sorted((self.before, other.before), key=len)
        return longer.startswith(shorter)


class Uris:
    """Whose each URI is; a server's own URI is left as it is unless it would lead elsewhere."""

    def __init__(
        self,
        resources: Iterable[tuple[str, str]],
        templates: Iterable[tuple[str, str]],
        servers: Iterable[str],
    ) -> None:
        """Take pairs of server and URI, and of server and template; the first owner is it.

        ``servers`` are all that have resources: when there is one, every unknown URI is its.
        """
        self._owners: Mapping[str, str] = {uri: server for server, uri in reversed([*resources])}
        self._patterns = [Pattern(server, template) for server, template in templates]
        # The most particular first, then in the order given.
        self._by_length = sorted(self._patterns, key=lambda pattern: -len(pattern.before))
        self._servers = frozenset(servers) | {each.server for each in self._patterns}
        self._servers |= frozenset(self._owners.values())

    def owner(self, uri: str) -> tuple[str, str] | None:
        """The server that has it, and the URI by which that server knows it."""
        if uri.startswith(ADDRESSED):
            server, slash, own = uri.removeprefix(ADDRESSED).partition("/")
            return (server, own) if slash and own and server in self._servers else None
        server = self._owners.get(uri, "")
        if not server:
            fitting = (each.server for each in self._by_length if each.fits(uri))
            server = next(fitting, "")
        if not server and len(self._servers) == 1:
            (server,) = self._servers
        return (server, uri) if server else None

    def shown(self, server: str, uri: str) -> str:
        """What clients are told instead of a server's own URI: itself wherever possible."""
        return uri if self.owner(uri) == (server, uri) else addressed(server, uri)

    def shown_template(self, server: str, template: str) -> str:
        """Likewise of a template: itself unless something of another server's could be meant."""
        pattern = Pattern(server, template)
        unclear = (
            template.startswith(ADDRESSED)
            or any(each.server != server and pattern.overlaps(each) for each in self._patterns)
            or any(owner != server and pattern.fits(uri) for uri, owner in self._owners.items())
        )
        return addressed(server, template) if unclear else template

    def template_owner(self, template: str) -> tuple[str, str] | None:
        """The server whose template it is as shown, and as that server knows it."""
        if template.startswith(ADDRESSED):
            return self.owner(template)
        for pattern in self._patterns:
            if pattern.template == template:
                return pattern.server, template
        return self.owner(template)
