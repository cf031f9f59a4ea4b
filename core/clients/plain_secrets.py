"""The secrets that stand in an entry in plain text, and the entry with references instead.

What is a secret is judged by its name (of a variable, a header, an option, a part of an address)
or by its own look. One word too many in the keyring does no harm: the entry works alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from core.clients.dialects import Entry
from core.model.masks import MASK
from core.model.references import KEYRING, Reference

_NAMED = re.compile(r"key|token|secret|passw|authorization|credential|cookie", re.IGNORECASE)
_LOOKS = re.compile(
    r"\b(?:(?:sk|pk|rk|gh[opsu]|ghr|github_pat|glpat|xox[abeprs]|npm|hf)[-_]|AKIA|ASIA|AIza)"
    r"[-\w]{10,}|\beyJ[-\w]{8,2000}\.[-\w]+\.[-\w]*"
)
# What may be named like a secret and is none: a number, a switch, a place.
_HARMLESS = re.compile(
    r"\d{0,9}|true|false|yes|no|on|off|none|[~.]{0,2}/.*|[a-z]:\\.*", re.IGNORECASE | re.DOTALL
)
_SCHEME = re.compile(r"(?:(?:bearer|basic|token)\s+)?", re.IGNORECASE)
_LOGIN = re.compile(r"://[^\s/@:?#]*:([^\s/@]+)@")
_QUERY = re.compile(r"[?&]([^\s=&#]+)=([^\s&#]+)")
_ASSIGNMENT = re.compile(r"-{0,2}([A-Za-z][\w.-]*)=")
_HEADER = re.compile(r"([A-Za-z][\w-]*):\s*")
_OPTION = re.compile(r"--?([A-Za-z][\w-]*)")
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 128  # characters of a secret's name

Place = tuple[str, str | int]
"""A member of the entry, and the key or index of a text in it; ``("url", 0)`` is the address."""


@dataclass(frozen=True, slots=True)
class PlainSecret:
    """A part of one text of an entry; ``name`` is what it is called there."""

    place: Place
    name: str
    start: int
    end: int
    value: str = field(repr=False)


def plain_secrets(entry: Entry) -> tuple[PlainSecret, ...]:
    """In the order of the entry. A text that refers to something already holds none."""
    return tuple(
        PlainSecret(place, name, start, end, text[start:end])
        for place, text, spans in _texts(entry)
        if "${" not in text
        for name, start, end in _apart(spans)
        if not _HARMLESS.fullmatch(text, start, end)
    )


def moved(server: str, entry: Entry, kept: Mapping[str, str]) -> tuple[Entry, Mapping[str, str]]:
    """The entry with references to what was plain, and what the keyring has to take for that.

    ``kept`` is what it has, by name. The same value under the same name is kept once, for any
    number of servers; nothing there is given another value.
    """
    taken = dict(kept)

    def reference_to(secret: PlainSecret) -> str:
        name = _name_for(server, secret, taken)
        taken[name] = secret.value
        return str(Reference(KEYRING, name))

    new = _replaced(entry, reference_to)
    return new, {name: value for name, value in taken.items() if name not in kept}


def masked_entry(entry: Entry) -> Entry:
    """The entry as it may be shown: without its secrets, and without the values of variables and
    headers, whose looks may deceive."""
    shown = _replaced(entry, lambda _: MASK)
    for member in ("env", "headers"):
        table = shown.get(member)
        if isinstance(table, dict):
            shown[member] = dict.fromkeys(table, MASK)
    return shown


def _replaced(entry: Entry, instead: Callable[[PlainSecret], str]) -> dict[str, object]:
    new = {name: list(value) if isinstance(value, list) else value for name, value in entry.items()}
    for secret in reversed(plain_secrets(entry)):  # from the end, so that places stay true
        _put(new, secret, instead(secret))
    return new


def _put(entry: dict[str, object], secret: PlainSecret, reference: str) -> None:
    member, key = secret.place
    inner = entry[member]
    if isinstance(inner, str):
        entry[member] = inner[: secret.start] + reference + inner[secret.end :]
    elif isinstance(inner, list):
        assert isinstance(key, int)
        inner[key] = inner[key][: secret.start] + reference + inner[key][secret.end :]
    elif isinstance(inner, dict):
        text = str(inner[key])
        entry[member] = {**inner, key: text[: secret.start] + reference + text[secret.end :]}


def _name_for(server: str, secret: PlainSecret, taken: Mapping[str, str]) -> str:
    called = _UNFIT.sub("-", secret.name).strip("-") or "secret"
    for name, value in taken.items():
        if value == secret.value and name.endswith(f".{called}"):
            return name
    base = f"{server}.{called}"[:_LONGEST]
    name, number = base, 2
    while name in taken:
        suffix = f"-{number}"
        name = base[: _LONGEST - len(suffix)] + suffix
        number += 1
    return name


# --- where secrets stand ----------------------------------------------------------------------

Span = tuple[str, int, int]
"""What a part of a text is called, and where it begins and ends."""


def _texts(entry: Entry) -> Iterator[tuple[Place, str, Iterable[Span]]]:
    """Every text that may hold a secret, and what in it may be one."""
    for member in ("env", "headers"):
        table = entry.get(member)
        for key, value in table.items() if isinstance(table, dict) else ():
            text = str(value)
            yield (member, key), text, _in_value(key, text, 0)
    if url := entry.get("url"):
        yield ("url", 0), str(url), _in_text("url", str(url), 0)
    args = entry.get("args")
    before = ""
    for index, argument in enumerate(args if isinstance(args, list) else ()):
        text = str(argument)
        yield ("args", index), text, _in_argument(f"argument-{index + 1}", before, text)
        before = text


def _in_argument(called: str, before: str, text: str) -> Iterator[Span]:
    option = _OPTION.fullmatch(before)
    if assigned := _ASSIGNMENT.match(text):
        yield from _in_value(assigned[1], text, assigned.end())
    elif option and "header" in option[1].lower() and (header := _HEADER.match(text)):
        yield from _in_value(header[1], text, header.end())
    elif option and not text.startswith("-"):
        yield from _in_value(option[1], text, 0)
    else:
        yield from _in_text(called, text, 0)


def _in_value(name: str, text: str, start: int) -> Iterator[Span]:
    """In what has a name: all of it, if the name says so, but for the scheme before it."""
    if _NAMED.search(name) and "://" not in text:
        scheme = _SCHEME.match(text, start)
        yield name, scheme.end() if scheme else start, len(text)
    else:
        yield from _in_text(name, text, start)


def _in_text(name: str, text: str, start: int) -> Iterator[Span]:
    """In what may be an address, or be a secret by its look."""
    for login in _LOGIN.finditer(text, start):
        yield "password", *login.span(1)
    for query in _QUERY.finditer(text, start):
        if _NAMED.search(query[1]):
            yield query[1], *query.span(2)
    for look in _LOOKS.finditer(text, start):
        yield name, *look.span()


def _apart(spans: Iterable[Span]) -> Iterator[Span]:
    """The spans without those that overlap an earlier or longer one."""
    until = 0
    for name, start, end in sorted(spans, key=lambda span: (span[1], -span[2])):
        if start >= until and start < end:
            yield name, start, end
            until = end
