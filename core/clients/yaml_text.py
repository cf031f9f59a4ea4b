"""Putting lines into a YAML mapping, and taking them out, without rewriting the rest."""

from __future__ import annotations

import yaml

from core.clients.formats import NotEditable, Values

_INDENT = 2


def added(text: str, key: str, name: str, entry: Values, newline: str) -> str:
    """The text with an entry at the end of the mapping ``key``. Raises NotEditable."""
    root = _root(text)
    found = _find(root, key) if root is not None else None
    if found is None:
        gap = "" if not text or text.endswith("\n") else newline
        return text + gap + _lines({key: {name: entry}}, 0, newline)
    label, value = found
    if isinstance(value, yaml.MappingNode) and value.value and not _in_braces(text, value):
        at = _end(text, value)
        gap = "" if text[:at].endswith("\n") else newline
        return text[:at] + gap + _lines({name: entry}, _column(value), newline) + text[at:]
    if isinstance(value, yaml.MappingNode) and value.value:
        raise NotEditable(f"{key} is written in braces: write one entry a line")
    if not isinstance(value, yaml.MappingNode) and not _is_null(value):
        raise NotEditable(f"{key} holds no servers by name")
    # ``key: {}`` or ``key:`` with nothing after it
    start, end = value.start_mark.index, value.end_mark.index
    inner = label.start_mark.column + _INDENT
    colon = text.index(":", label.end_mark.index) + 1
    rest = text[end:] if end > start else text[colon:]
    line_end = rest.find("\n") + 1 or len(rest)
    remark = rest[:line_end].rstrip("\r\n")
    body = _lines({name: entry}, inner, newline)
    return text[:colon] + remark.rstrip() + newline + body + rest[line_end:]


def removed(text: str, key: str, name: str) -> str:
    """The text without an entry that is in the mapping ``key``. Raises NotEditable."""
    root = _root(text)
    found = _find(root, key) if root is not None else None
    if found is None or not isinstance(found[1], yaml.MappingNode):
        raise NotEditable(f"{key} holds no servers by name")
    label, servers = found
    if _in_braces(text, servers):
        raise NotEditable(f"{key} is written in braces: write one entry a line")
    entry = _find(servers, name)
    if entry is None:
        return text
    start = text.rfind("\n", 0, entry[0].start_mark.index) + 1
    end = _end(text, entry[1])
    text = text[:start] + text[end:]
    if len(servers.value) == 1:
        colon = text.index(":", label.end_mark.index) + 1
        text = text[:colon] + " {}" + text[colon:]
    return text


def _root(text: str) -> yaml.MappingNode | None:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    return root if isinstance(root, yaml.MappingNode) else None


def _find(mapping: yaml.Node, key: str) -> tuple[yaml.Node, yaml.Node] | None:
    for label, value in mapping.value:
        if label.value == key:
            return label, value
    return None


def _in_braces(text: str, node: yaml.Node) -> bool:
    return text[node.start_mark.index] in "{["


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")


def _column(mapping: yaml.MappingNode) -> int:
    column: int = mapping.value[0][0].start_mark.column
    return column


def _end(text: str, node: yaml.Node) -> int:
    """The start of the line after the node's last one; a remark on that line belongs to it."""
    nested = isinstance(node, yaml.MappingNode | yaml.SequenceNode)
    if nested and node.value and not _in_braces(text, node):
        last = node.value[-1]
        return _end(text, last[1] if isinstance(last, tuple) else last)
    at: int = node.end_mark.index
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        return at - node.end_mark.column  # it ends where the next line begins
    newline = text.find("\n", at)
    return len(text) if newline < 0 else newline + 1


def _lines(value: Values, indent: int, newline: str) -> str:
    dumped = yaml.safe_dump(value, sort_keys=False, width=10**6)  # ASCII
    return "".join(f"{' ' * indent}{line}{newline}" for line in dumped.splitlines())
