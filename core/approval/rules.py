"""Rules that find words made to mislead a model in what a server says of its tools.

They work offline and say what they found. They do not prove that a tool without a flag is
harmless: what a tool does is not in its words.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.approval.words import INVISIBLE, texts, visible
from core.model.tools import Flag

LONGEST_EVIDENCE = 160  # characters
MOST_FLAGS = 8  # per tool
MOST_SECRETS = 64  # words for secrets in one text
BEFORE, AFTER = 200, 160  # characters around one that are looked at
SHORTEST_PHRASE = 12  # characters
SHORTEST_ENCODED = 80  # characters of base64
LONGEST_READ = 16 * 1024  # characters of one text; what is longer is flagged for its length

_I = re.IGNORECASE | re.DOTALL

_USER = r"(?:the |your )?(?:user|human|person|operator|client)s?"
_SECRETS = (
    r"(?:~/\.ssh|\.ssh/|id_rsa|id_ed25519|\.aws/credentials|/etc/(?:passwd|shadow)|\.netrc|"
    r"\.git-credentials|\.kube/config|\.cursor/mcp\.json|mcp_config\.json|"
    r"claude_desktop_config\.json|\.npmrc|\.pypirc|\.env\b|private key|"
    r"api keys?\b|passwords?\b|"
    r"access tokens?\b|credentials\b|environment variables\b|system prompt|"
    r"(?:chat|conversation|message) history|(?:the )?(?:whole|entire|full) conversation)"
)

_NEGATIONS = ("not", "n't", "never", "without", "avoid")
_TELLING = ("tell", "inform", "mention", "notif", "reveal", "alert", "show", "disclos")
_GIVING = (
    *("pass", "send", "put", "include", "provide", "post", "upload", "forward", "attach", "append"),
    *("submit", "transmit", "supply", "place", "leak", "bcc", "exfiltrate"),
)
_SECRET_WORDS = (
    *("ssh", "id_rsa", "id_ed25519", "credential", "/etc/", "netrc", ".kube", "mcp", ".npmrc"),
    *("claude", ".pypirc", ".env", "private key", "api key", "password", "access token"),
    *("environment", "system prompt", "history", "conversation"),
)


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that no honest description needs.

    ``needs``: of each group at least one must stand somewhere in the tool's words, in lower case,
    before the slower pattern is tried.
    """

    rule: str
    needs: tuple[tuple[str, ...], ...]
    pattern: re.Pattern[str]
    near_secrets: bool = False  # tried only around words for what is secret


PHRASES = (
    Phrase(
        "hidden_instructions",
        (("<",),),
        re.compile(
            r"<\s?/?\s?(?:important|system|secret|hidden|instructions?|admin|critical|override)"
            r"[^<>\n]{0,40}>",
            _I,
        ),
    ),
    Phrase("hidden_instructions", (("<!--",),), re.compile(r"<!--(?:(?!<!--).){20,}?-->", _I)),
    Phrase(
        "hidden_instructions",
        (
            ("ignore", "disregard", "forget", "override"),
            ("instruction", "prompt", "rule", "guide"),
        ),
        re.compile(
            r"\b(?:ignore|disregard|forget|override)\b.{0,20}\b(?:previous|prior|earlier|above|"
            r"all other|your|system)\b.{0,20}\b(?:instructions?|prompts?|rules|guidelines)\b",
            _I,
        ),
    ),
    Phrase(
        "hidden_instructions",
        (
            _NEGATIONS,
            _TELLING,
            ("user", "human", "person", "operator", "client"),
        ),
        re.compile(
            r"\b(?:do not|don't|never|must not|without|avoid)\s+(?:tell|inform|mention|notify|"
            r"reveal|alert|show|telling|informing|mentioning|notifying|revealing|alerting|"
            rf"showing)\w*\b.{{0,40}}?\b{_USER}\b",
            _I,
        ),
    ),
    Phrase(
        "hidden_instructions",
        (
            _NEGATIONS,
            _TELLING,
        ),
        re.compile(
            r"\b(?:do not|don't|never)\s+(?:tell|mention|reveal|disclose)\b.{0,30}\b(?:this|these|"
            r"that you|it to anyone|to anyone)\b",
            _I,
        ),
    ),
    Phrase(
        "exfiltration",
        (
            _SECRET_WORDS,
            _GIVING,
        ),
        re.compile(
            r"\b(?:read|open|cat|load|access|fetch|collect|gather|extract|copy|include|append|"
            rf"retrieve|find)\b.{{0,60}}{_SECRETS}.{{0,120}}\b(?:pass|send|put|include|provide|"
            r"post|upload|forward|attach|append|submit|transmit|supply|place)\b",
            _I,
        ),
        near_secrets=True,
    ),
    Phrase(
        "exfiltration",
        (
            _SECRET_WORDS,
            _GIVING,
        ),
        re.compile(
            rf"\b(?:send|post|upload|forward|exfiltrate|transmit|leak|bcc)\b.{{0,60}}{_SECRETS}",
            _I,
        ),
        near_secrets=True,
    ),
    Phrase(
        "exfiltration",
        (
            _SECRET_WORDS,
            _GIVING,
        ),
        re.compile(
            rf"\b(?:pass|put|include|provide|append|attach)\b.{{0,40}}\bcontents?\b.{{0,40}}{_SECRETS}",
            _I,
        ),
        near_secrets=True,
    ),
    Phrase(
        "exfiltration",
        (
            _SECRET_WORDS,
            ("before", "prior", "when", "after"),
        ),
        re.compile(
            r"\b(?:before|prior to|when|whenever|after)\s+(?:using|calling|invoking|running)\b"
            rf".{{0,80}}\b(?:read|open|cat|load|fetch|collect)\b.{{0,60}}{_SECRETS}",
            _I,
        ),
        near_secrets=True,
    ),
    Phrase(
        "exfiltration",
        (
            ("also", "always", "secret", "silent", "quiet", "addition"),
            ("http", "@"),
        ),
        re.compile(
            r"\b(?:also|always|secretly|silently|quietly|additionally)\b.{0,40}\b(?:send|post|"
            r"forward|upload|bcc|cc|copy)\b.{0,80}(?:https?://|\S@\S)",
            _I,
        ),
    ),
    Phrase(
        "shadowing",
        (
            ("other", "any", "every", "all"),
            ("tool", "server"),
        ),
        re.compile(
            r"\b(?:when|whenever|before|after|if)\b.{0,60}\b(?:other|another|any|every|all)\s+"
            r"(?:\w+\s+)?(?:tools?|servers?)\b.{0,80}\b(?:must|always|instead|first|redirect|"
            r"change|replace)\b",
            _I,
        ),
    ),
    Phrase(
        "shadowing",
        (
            _NEGATIONS,
            ("other",),
            ("tool", "server"),
        ),
        re.compile(
            r"\b(?:do not|don't|never|must not)\s+(?:use|call|invoke|trust)\b.{0,30}\b"
            r"(?:any |the )?other\s+(?:\w+\s+)?(?:tools?|servers?)\b.{0,60}"
            r"\b(?:instead|always|only)\b",
            _I,
        ),
    ),
)

_SECRET = re.compile(_SECRETS, _I)
_SPACES = re.compile(r"\s+")
_BLANK = re.compile(r"[ \t\u00a0\u2000-\u200a\u3000]{80}|(?:\n[ \t\r]{0,79}){20}")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{80,}={0,2}")
_BETWEEN_LETTERS = re.compile(r"[A-Za-z0-9][\u200c\u200d][A-Za-z0-9]")
_OTHER_LETTERS = re.compile(r"[\u0370-\u03ff\u0400-\u04ff\u0530-\u058f\uff21-\uff5a]")
_LATIN = re.compile(r"[A-Za-z]")
_ORDER_WORDS = (
    *("instead", "place of", "rather", "not use", "n't use", "never", "not call", "replac"),
    *("overrid", "supersed"),
)
_ORDERS = (
    r"(?:instead of|in place of|rather than|do not use|don't use|never use|never call|"
    r"do not call|replaces|overrides|supersedes)"
)


def flags(name: str, raw: bytes, others: Mapping[str, str]) -> tuple[Flag, ...]:
    """What is suspicious in a tool's entry; ``others``: tools of other servers, with the server.

    At most ``MOST_FLAGS``, each rule once per place.
    """
    found: dict[tuple[str, str], Flag] = {}

    def note(rule: str, where: str, evidence: str) -> None:
        if len(found) < MOST_FLAGS:
            shown = visible(evidence[: 2 * LONGEST_EVIDENCE])[:LONGEST_EVIDENCE]
            found.setdefault((rule, where), Flag(rule, where, shown))

    _name(name, set(others.values()), note)
    read = texts(raw)
    everything = "\n".join(text for _, text in read).lower()
    phrases = [
        phrase
        for phrase in PHRASES
        if all(any(word in everything for word in group) for group in phrase.needs)
    ]
    for where, text in read:
        if len(text) > LONGEST_READ:
            note("too_long", where, f"{len(text)} characters: {text[:80]}")
            text = text[:LONGEST_READ]
        if not text.isprintable():
            _hidden_characters(where, text, note)
        if len(text) < SHORTEST_PHRASE:
            continue
        if _BLANK.search(text.strip()):
            note("off_screen", where, text.strip())
        folded = _SPACES.sub(" ", text) if phrases else ""
        for phrase in phrases:
            said = _said(phrase, folded)
            if said:
                note(phrase.rule, where, said)
        if len(text) >= SHORTEST_ENCODED:
            _encoded(where, text, note)
    if any(word in everything for word in _ORDER_WORDS):
        for where, text in read:
            _others(where, text[:LONGEST_READ], name, others, note)
    return tuple(found.values())


def _said(phrase: Phrase, text: str) -> str:
    """The passage that fits, or an empty string. The effort grows with the length of the text."""
    if not phrase.near_secrets:
        match = phrase.pattern.search(text)
        return _around(text, match) if match is not None else ""
    for number, secret in enumerate(_SECRET.finditer(text)):
        around = text[max(0, secret.start() - BEFORE) : secret.end() + AFTER]
        match = phrase.pattern.search(around)
        if match is not None:
            return _around(around, match)
        if number == MOST_SECRETS:
            return text  # nobody needs so many words for secrets
    return ""


_Note = Callable[[str, str, str], None]


def _name(name: str, servers: set[str], note: _Note) -> None:
    if _LATIN.search(name) and _OTHER_LETTERS.search(name):
        note("look_alike", "name", name.encode("ascii", "backslashreplace").decode())
    server, separator, _ = name.partition("__")
    if separator and server in servers:
        note("shadowing", "name", f"{name} looks like a tool of the server {server}")


def _hidden_characters(where: str, text: str, note: _Note) -> None:
    match = INVISIBLE.search(text) or _BETWEEN_LETTERS.search(text)
    if match is not None:
        note("invisible_characters", where, _around(text, match))


def _encoded(where: str, text: str, note: _Note) -> None:
    """Text in base64 is not meant to be read by a person."""
    for match in _BASE64.finditer(text):
        try:
            plain = base64.b64decode(match[0] + "=" * (-len(match[0]) % 4), validate=True)
            words = plain.decode("ascii")
        except (binascii.Error, UnicodeDecodeError):
            continue
        if words.isprintable() or words.replace("\n", " ").isprintable():
            note("encoded_text", where, words)


def _others(where: str, text: str, name: str, others: Mapping[str, str], note: _Note) -> None:
    """Orders about a tool of another server."""
    for match in _ORDER.finditer(text):
        other = match[1].rstrip(".-")
        if other != name and other in others and _DISTINCT.search(other):
            note("shadowing", where, f"{_around(text, match)} (a tool of {others[other]})")


_ORDER = re.compile(rf"\b{_ORDERS}\s+(?:the\s+|tool\s+|using\s+)*[`'\"]?([A-Za-z0-9_.-]{{4,}})", _I)
_DISTINCT = re.compile(r"[_-]|[a-z][A-Z]")  # a name that is no ordinary word


def _around(text: str, match: re.Match[str]) -> str:
    start = max(0, match.start() - 30)
    return " ".join(text[start : match.end() + 40].split(" "))
