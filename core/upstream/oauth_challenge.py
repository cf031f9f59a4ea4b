"""What a server asks for when it refuses: the ``WWW-Authenticate`` header, read; pure.

RFC 9110, §11.6.1; of its schemes only Bearer (RFC 6750, §3) is ours, with what RFC 9728, §5.1 adds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST_SCOPES = 100

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # RFC 9110, §5.6.2
_SCHEME = re.compile(_TOKEN)
_PARAMETER = re.compile(rf'({_TOKEN})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))')
_ESCAPED = re.compile(r"\\(.)")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,256}")  # RFC 6749, §3.3; the length is ours


@dataclass(frozen=True, slots=True)
class Challenge:
    """``resource_metadata`` is where the server describes itself, empty where it does not say."""

    resource_metadata: str = ""
    scopes: tuple[str, ...] = ()
    error: str = ""

    @property
    def wants_more(self) -> bool:
        """Whether who asks is known, and lacks a permission (RFC 6750, §3.1)."""
        return self.error == "insufficient_scope"


def challenge_in(header: bytes) -> Challenge:
    """The first value of each parameter of the Bearer challenges in a header, however broken."""
    text = header.decode("latin-1")
    found: dict[str, str] = {}
    scheme = ""
    at = 0
    while at < len(text):
        if parameter := _PARAMETER.match(text, at):
            name, quoted, plain = parameter.groups()
            value = plain if quoted is None else _ESCAPED.sub(r"\1", quoted)
            if scheme == "bearer":
                found.setdefault(name.lower(), value)
            at = parameter.end()
        elif word := _SCHEME.match(text, at):
            scheme = word[0].lower()
            at = word.end()
        else:
            at += 1
    return Challenge(
        found.get("resource_metadata", ""),
        scopes_in(found.get("scope", "")),
        found.get("error", ""),
    )


def scopes_in(text: str) -> tuple[str, ...]:
    """The scopes of a list with spaces between, each once; what can be no scope is left out."""
    known = dict.fromkeys(each for each in text.split() if _SCOPE.fullmatch(each))
    return tuple(known)[:MOST_SCOPES]
