"""The config file's text without its secrets, and a text edited so with the secrets back in.

Comments are the person's own words and are shown as they are.
"""

from __future__ import annotations

from collections.abc import Iterator

from core.config.edit import set_value
from core.config.jsonc import Document, Node, Path, parse
from core.model.config import Problem
from core.model.masks import MASK, masked_url

_MASKED_VALUES = frozenset({"env", "headers", "custom_vars"})  # objects whose values are secrets
_MASKED = frozenset({"api_key", "client_secret"})


class StillMasked(Exception):
    """A mask stands where no value is known; carries where."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__()
        self.problems = tuple(problems)


def masked(text: str) -> str:
    """The text with masks in place of what may be secret. Raises JsoncError."""
    for path, value in list(_strings(parse(text).root, ())):
        shown = _shown(path, value)
        if shown != value:
            text = set_value(text, path, shown)
    return text


def unmasked(text: str, present: str) -> str:
    """The text with the ``present`` one's values wherever it still has their masks.

    Raises JsoncError, StillMasked.
    """
    new, old = parse(text), parse(present)
    problems = []
    for path, value in list(_strings(new.root, ())):
        if MASK not in value:
            continue
        before = old.find(_same_entry(new, old, path))
        kept = before.value if before is not None else None
        if isinstance(kept, str) and _shown(path, kept) == value:
            text = set_value(text, path, kept)
        elif _shown(path, value) == value:
            where = ".".join(map(str, path))
            problems.append(Problem(where, f"{MASK} stands for a value that is not known here"))
    if problems:
        raise StillMasked(problems)
    return text


def _strings(node: Node, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(node.value, str):
        yield path, node.value
    for member in node.members:
        yield from _strings(member.node, (*path, member.name))
    for index, item in enumerate(node.items):
        yield from _strings(item, (*path, index))


def _shown(path: Path, value: str) -> str:
    if path[-1] in _MASKED or (len(path) > 1 and path[-2] in _MASKED_VALUES):
        return MASK if value else value
    return masked_url(value)


def _same_entry(new: Document, old: Document, path: Path) -> Path:
    """Where the old document has the value: entries of a list are known by their names."""
    if len(path) < 3 or path[0] != "mcpServers" or not isinstance(path[1], int):
        return path
    name = new.find((*path[:2], "name"))
    entries = old.find(path[:1])
    for index in range(len(entries.items) if entries is not None else 0):
        named = old.find(("mcpServers", index, "name"))
        if named is not None and name is not None and named.value == name.value:
            return ("mcpServers", index, *path[2:])
    return ()  # a new entry: another's secrets are not for it
