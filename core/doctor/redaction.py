"""Taking secrets out of text that leaves this machine: by value in every spelling, and by look.

By value, because a secret is what the config file and the environment say it is. By look as
well, because a server may print a secret that it got elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, quote_plus, unquote

from core.telemetry.logline import visible

MASK = "***"
SHORTEST = 6  # characters; shorter values would blot out ordinary words
_SHORTEST_PART = 8  # of what is found within a value: words, parts of a URL

_FOR_URLS = {ord("+"): "-", ord("/"): "_"}

_STAMP = r"(?:\d{4}-\d\d-\d\dT\S+Z )?"
_BREAK = re.compile(rf"\r?\n{_STAMP}[ \t]*")
_MAY_BREAK = rf"(?:\r?\n{_STAMP}[ \t]*)?"

# Each repetition that may be tried from many places is bounded: a log line may be one long word.
_LOOKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"(?i)\b([\w.-]{0,40}(?:api[_-]?key|token|secret|passw(?:or)?d|credential)[\w.-]{0,40}"
            r"|authorization|cookie)([\"']?\s*[:=]\s*[\"']?)(?:(?:bearer|basic)\s+)?[^\s\"',;&]+"
        ),
        rf"\1\2{MASK}",
    ),
    (re.compile(r"(?i)\b(bearer|basic)(\s+)[^\s\"',;]+"), rf"\1\2{MASK}"),
    (
        re.compile(
            r"\b(?:(?:sk|pk|rk|gh[opsu]|ghr|github_pat|glpat|xox[abeprs]|npm|hf)[-_]"
            r"|AKIA|ASIA|AIza)[-\w]{10,}"
        ),
        MASK,
    ),
    (re.compile(r"\beyJ[-\w]{8,2000}\.[-\w]+\.[-\w]*"), MASK),  # JSON Web Tokens (RFC 7519)
    (re.compile(r"(\b[a-z][a-z0-9+.-]{0,20}://)[^\s/@]+@"), rf"\1{MASK}@"),
)


Index = Mapping[str, tuple[str, ...]]
"""Texts by their first ``SHORTEST`` characters, so that one walk finds any number of them."""


@dataclass(frozen=True, slots=True, repr=False)
class Redaction:
    """What to take out; made once, used on many texts."""

    spellings: Index
    values: Index

    def __call__(self, text: str) -> str:
        text = _masked(text, _found(self.spellings, text))
        if "\n" in text:
            flat = _BREAK.sub("", text)
            # Whole no more, so each of them is broken over lines.
            for value in {flat[start:end] for start, end in _found(self.values, flat)}:
                text = re.sub(_MAY_BREAK.join(map(re.escape, value)), MASK, text)
        for look, instead in _LOOKS:
            text = look.sub(instead, text)
        return text


def redaction(secrets: Iterable[str]) -> Redaction:
    """Takes out the values, what is within them, and every spelling of each."""
    values = {part for secret in secrets for part in _parts(secret) if len(part) >= SHORTEST}
    return Redaction(
        _index({spelling for value in values for spelling in _spellings(value)}), _index(values)
    )


def _index(texts: Iterable[str]) -> Index:
    index: dict[str, tuple[str, ...]] = {}
    for text in sorted(texts, key=len, reverse=True):
        index[text[:SHORTEST]] = (*index.get(text[:SHORTEST], ()), text)
    return index


def _found(index: Index, text: str) -> Iterator[tuple[int, int]]:
    """Where the longest of the texts stand, from each place at which one begins."""
    for start in range(len(text) - SHORTEST + 1):
        for candidate in index.get(text[start : start + SHORTEST], ()):
            if text.startswith(candidate, start):
                yield start, start + len(candidate)
                break


def _masked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Spans that touch become one mask, so that nothing of either is left."""
    pieces: list[str] = []
    shown = 0
    for start, end in spans:
        if start > shown or not pieces:
            pieces += (text[shown:start], MASK)
        shown = max(shown, end)
    return "".join((*pieces, text[shown:]))


def _parts(secret: str) -> Iterator[str]:
    """The value, and what of it may turn up alone: after "Bearer", in a URL, behind "="."""
    yield secret
    words = re.split(r"[\s/?&#@=:,;\"'|]+", secret)
    for word in words:
        if len(word) >= _SHORTEST_PART:
            yield word
            yield unquote(word)
    if secret.startswith("-") and not secret.startswith("--"):
        yield secret[2:]  # -pSECRET


def _spellings(value: str) -> Iterator[str]:
    yield value
    yield visible(value)  # as our logs write it
    for spelt in (quote(value), quote(value, safe=""), quote_plus(value)):
        yield spelt
        yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), spelt)
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield json.dumps(value)[1:-1].replace("/", "\\/")
    raw = value.encode(errors="surrogatepass")
    yield binascii.hexlify(raw).decode()
    yield binascii.hexlify(raw).decode().upper()
    yield from _base64(raw)


def _base64(raw: bytes) -> Iterator[str]:
    """What of the value shows in base64, wherever in a longer text it began (RFC 4648 §4, §5)."""
    whole = base64.b64encode(raw).decode().rstrip("=")
    yield whole
    yield whole.translate(_FOR_URLS)
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw).decode()
        first = -(-before * 8 // 6)
        last = (before + len(raw)) * 8 // 6
        core = encoded[first:last]
        if len(core) >= SHORTEST:
            yield core
            yield core.translate(_FOR_URLS)
