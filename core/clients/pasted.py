"""What a person pastes to add a server: a command, an address, or settings of any known client."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import urlsplit

from core.clients.candidates import Candidate, Outcome, candidates
from core.clients.catalogue import CLIENTS
from core.clients.dialects import STANDARD, Dialect
from core.clients.formats import JSON, TOML, YAML, NotEditable, Values
from core.errors import McpProxyError

LONGEST = 256 * 1024  # characters
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)
_DESCRIBES_ONE = frozenset({"command", "cmd", "url", "serverUrl", "httpUrl", "uri"})
_LIKELY = re.compile(r"mcp|^@|/", re.IGNORECASE)
_WITH_VALUE = frozenset({"-e", "--env", "-s", "--scope", "-t", "--transport", "-H", "--header"})

_Table = tuple[Mapping[str, object], Dialect]


class Unreadable(McpProxyError):
    """The text says no server; ``str()`` tells why."""


def pasted(
    text: str,
    known: Mapping[str, object],
    endpoint: str,
    environ: Mapping[str, str],
    platform: str,
) -> list[Candidate]:
    """The servers that the text names, as ``candidates`` judges them. Raises Unreadable."""
    text = text.strip().removeprefix("\ufeff")
    if not text:
        raise Unreadable("Paste a command, an address, or the settings of an AI client.")
    if len(text) > LONGEST:
        raise Unreadable(f"That is too long: {LONGEST // 1024} KB at most can be read.")
    found: list[Candidate] = []
    for servers, dialect in _tables(text, platform):
        read = candidates(servers, dialect, known, endpoint, environ)
        # The dialect in which the most can be understood is the one it is written in.
        if not found or _understood(read) > _understood(found):
            found = read
    if not found:
        raise Unreadable("No server was found in that text.")
    return found


def _understood(found: list[Candidate]) -> int:
    return sum(each.outcome is not Outcome.UNSUPPORTED for each in found)


def _tables(text: str, platform: str) -> Iterator[_Table]:
    first = text.splitlines()[0].strip()
    if re.fullmatch(r"https?://\S+", text, re.IGNORECASE):
        yield {_host_name(text): {"url": text}}, STANDARD
    elif first.startswith(("{", '"', "//", "/*")) or re.match(r"\[\s*(\{|$)", first):
        yield from _in_document(_json(text))
    elif first.startswith("["):
        yield from _in_document(_read(TOML.read, text))
    elif first.endswith(":"):
        yield from _in_document(_read(YAML.read, text))
    else:
        yield _command(text, platform), STANDARD


def _json(text: str) -> Values:
    if text.startswith('"'):  # a member without the braces around it
        text = "{" + text.rstrip().rstrip(",") + "}"
    if text.startswith("["):
        text = '{"mcpServers": ' + text + "}"
    return _read(JSON.read, text)


def _read(read: Callable[[str], Values], text: str) -> Values:
    try:
        return read(text)
    except NotEditable as error:
        raise Unreadable(f"That cannot be read: {error}.") from None


def _in_document(document: Values) -> Iterator[_Table]:
    """Every table of servers that one of the known clients would find there."""
    if document.keys() & _DESCRIBES_ONE:
        for dialect in _DIALECTS:
            yield {_name_of(document): document}, dialect
        return
    found = False
    for client in CLIENTS:
        table = document.get(client.key)
        if isinstance(table, dict) and isinstance(table.get("servers"), dict):
            table = table["servers"]  # VS Code's settings.json: "mcp": {"servers": {…}}
        if isinstance(table, list):
            named = [each for each in table if isinstance(each, dict)]
            table = {str(each.get("name") or _name_of(each)): each for each in named}
        if isinstance(table, dict) and table:
            found = True
            yield _named(table), client.dialect
    if not found and document and all(isinstance(each, dict) for each in document.values()):
        for dialect in _DIALECTS:
            yield _named(document), dialect


def _named(table: Mapping[str, object]) -> Mapping[str, object]:
    """YAML has names that are no texts."""
    return {str(name): entry for name, entry in table.items()}


_DIALECTS = tuple({id(each): each for each in (STANDARD, *(c.dialect for c in CLIENTS))}.values())
"""Each once."""


def _command(text: str, platform: str) -> Mapping[str, object]:
    """A line as a person would type it, split into words as a shell does and never given to one."""
    lexer = shlex.shlex(re.sub(r"\\\r?\n", " ", text.removeprefix("$ ")), posix=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    if platform == "win32":
        lexer.escape = ""
    try:
        words = list(lexer)
    except ValueError as error:
        raise Unreadable(f"That cannot be read as a command: {error}.") from None
    name, words = _without_client(words)
    env = {}
    while words and _ASSIGNMENT.fullmatch(words[0]):
        label, _, value = words.pop(0).partition("=")
        env[label] = value
    if not words:
        raise Unreadable("There is no command in that line.")
    entry: dict[str, object] = {"command": words[0], "args": words[1:]}
    if env:
        entry["env"] = env
    return {name or _name_of(entry): entry}


def _without_client(words: list[str]) -> tuple[str, list[str]]:
    """``claude mcp add NAME -e KEY=VALUE -- COMMAND``, as many servers tell people to type."""
    if words[1:3] != ["mcp", "add"]:
        return "", words
    if "--" not in words[3:]:
        raise Unreadable("Paste only the command or the address of the server itself.")
    at = words.index("--", 3)
    names, env, option = [], [], ""
    for word in words[3:at]:
        if option:
            env += [word] if option in ("-e", "--env") else []
            option = ""
        elif word in _WITH_VALUE:
            option = word
        elif not word.startswith("-"):
            names.append(word)
    return (names[0] if names else ""), [*env, *words[at + 1 :]]


def _name_of(entry: Mapping[str, object]) -> str:
    """A name for an entry that has none."""
    url = next((entry[key] for key in ("url", "serverUrl", "httpUrl", "uri") if entry.get(key)), "")
    if url:
        return _host_name(str(url))
    command, args = entry.get("command") or entry.get("cmd"), entry.get("args")
    argv = [*map(str, command)] if isinstance(command, list) else [str(command)]
    argv += [*map(str, args)] if isinstance(args, list) else []
    plain = [word for word in argv[1:] if not word.startswith(("-", "/", "~", "."))]
    likely = [word for word in plain if _LIKELY.search(word)]
    word = (likely or plain or argv)[0]
    base = re.split(r"[/\\]", word.rstrip("/\\"))[-1]
    return re.sub(r"(.)@.*$|\.(py|js|ts|exe|cmd|sh)$|:[\w.-]+$", r"\1", base) or "server"


def _host_name(url: str) -> str:
    try:
        host = urlsplit(url).hostname or "server"
    except ValueError:
        return "server"
    return re.sub(r"^(www|mcp|api)\.", "", host)
