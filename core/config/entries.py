"""Server entries put into the config file's text, changed in it and taken out of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from core.config.edit import remove_value, set_value
from core.config.jsonc import Document, JsoncError, Path, Value, parse
from core.config.masking import StillMasked, unmasked
from core.errors import NotAsSeen
from core.model.config import Problem, ServerName
from core.model.intents import (
    AddServers,
    ChangeServer,
    FileIntent,
    PauseAll,
    RemoveServer,
    ReplaceConfig,
)


class Unfit(Exception):
    """The file does not allow the change; ``problem`` says why."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(path, message)


def edited(document: Document, entries: Mapping[ServerName, Path], edit: FileIntent) -> str:
    """The document's text after an edit; ``entries`` leads to each server's entry in it.

    New entries go where the others are, in the shape those have. Raises Unfit.
    """
    match edit:
        case AddServers(servers):
            text = document.text
            for name, members in servers:
                if name in entries:
                    raise Unfit("mcpServers", f"has a server named {name!r} already")
                text = _added(parse(text), name, members)
            return text
        case ChangeServer(name, members):
            return _merged(document.text, _entry(entries, name), members)
        case RemoveServer(name):
            return remove_value(document.text, _entry(entries, name))
        case PauseAll(True):
            return set_value(document.text, ("paused",), True)
        case PauseAll():
            return remove_value(document.text, ("paused",))
        case ReplaceConfig(text, seen):
            if digest_of(document.text) != seen:
                raise NotAsSeen("The config file has changed since you saw it. Look at it again.")
            return _unmasked(text, document.text)


def digest_of(text: str) -> str:
    """Names one content of the file, so that an edit can say which one it was made from."""
    return hashlib.sha256(text.encode()).hexdigest()


def _merged(text: str, path: Path, members: Mapping[str, object]) -> str:
    """As a JSON merge patch (RFC 7396): None takes out, objects are merged, the rest is set."""
    for key in [key for key, value in members.items() if value is None]:
        text = remove_value(text, (*path, key))
    for key, value in _plain(members).items():
        node = parse(text).find((*path, key))
        given = members[key]
        if isinstance(given, Mapping) and node is not None and isinstance(node.value, dict):
            text = _merged(text, (*path, key), given)
        else:
            text = set_value(text, (*path, key), value)
    return text


def _unmasked(text: str, present: str) -> str:
    try:
        return unmasked(text, present)
    except JsoncError as error:
        raise Unfit("", f"line {error.line}: {error.message}") from None
    except StillMasked as error:
        first = error.problems[0]
        raise Unfit(first.path, first.message) from None


def _entry(entries: Mapping[ServerName, Path], name: ServerName) -> Path:
    entry = entries.get(name)
    if entry is None:
        raise Unfit("mcpServers", f"has no server named {name!r} any more")
    return entry


def _added(document: Document, name: ServerName, members: Mapping[str, object]) -> str:
    value = _plain(members)
    listed = document.find(("mcpServers",))
    if listed is None and document.find(("servers",)) is not None:
        return set_value(document.text, ("servers", name), value)
    if listed is not None and isinstance(listed.value, list):
        whole: dict[str, Value] = {"name": name, **value}
        return set_value(document.text, ("mcpServers", len(listed.items)), whole)
    return set_value(document.text, ("mcpServers", name), value)


def _plain(members: Mapping[str, object]) -> dict[str, Value]:
    """The members that are there, as JSON has them. Raises Unfit."""
    try:
        present = {key: value for key, value in members.items() if value is not None}
        value = parse(json.dumps(present)).root.value
    except (TypeError, ValueError) as error:
        raise Unfit("mcpServers", f"an entry cannot be written as JSON: {error}") from error
    assert isinstance(value, dict)
    return value
