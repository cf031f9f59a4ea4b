"""Small edits to a JSON text that leave every other character of it as it was.

Comments, indentation, order, line ends and the byte order mark stay; new lines follow the
indentation around them. Nothing is added that strict JSON forbids, and a document without
trailing commas gets none.
"""

from __future__ import annotations

import json
import re

from core.config.jsonc import Document, Node, Path, Value, child, parse, skip_trivia, trivia

_NEWLINE = re.compile(r"\r\n|\n|\r")
_BLANKS = re.compile(r"[ \t]*")
_DEFAULT_UNIT = "  "


class PathError(ValueError):
    """The path does not fit the document: it leads through a value without such parts."""


def set_value(text: str, path: Path, value: Value) -> str:
    """The text with ``value`` at ``path``: replaced if there is one, else added at the end.

    Missing objects on the way are added. An index equal to a list's length appends to it.
    Raises JsoncError when the text is not JSON, PathError when the path does not fit it.
    """
    document = parse(text)
    node = document.root
    for depth, step in enumerate(path):
        below = child(node, step)
        if below is None:
            return _insert(document, node, step, _wrapped(path[depth + 1 :], value))
        node = below
    if _same(node.value, value):
        return text
    rendered = _render(document, value, _line_indent(text, node.start))
    return text[: node.start] + rendered + text[node.end :]


def remove_value(text: str, path: Path) -> str:
    """The text without the member or element at ``path``; unchanged if there is none.

    Comments are kept, even those about what was removed. Raises JsoncError when the text is
    not JSON, PathError for the empty path: a document cannot be without its value.
    """
    if not path:
        raise PathError("The whole document cannot be removed.")
    while True:
        document = parse(text)
        parent = document.find(path[:-1])
        if parent is None or child(parent, path[-1]) is None:
            return text
        text = _without(text, parent, path[-1])
        if isinstance(path[-1], int):
            return text
        # of members with the same name all go, or an earlier one would come to count


def _same(old: Value, new: Value) -> bool:
    """Equal as JSON, where 1, 1.0 and true are three different things."""
    return json.dumps(old) == json.dumps(new)


def _wrapped(path: Path, value: Value) -> Value:
    for step in reversed(path):
        if isinstance(step, str):
            value = {step: value}
        elif step == 0:
            value = [value]
        else:
            raise PathError(f"There is no list yet, so there is no element {step} to set.")
    return value


def _insert(document: Document, parent: Node, step: str | int, value: Value) -> str:
    _check_fits(parent, step)
    text = document.text
    label = f"{json.dumps(step, ensure_ascii=False)}: " if isinstance(step, str) else ""
    spans = _spans(parent)
    spread = _NEWLINE.search(text, parent.start, parent.end) is not None
    nested = isinstance(step, str) or isinstance(value, dict | list)
    outer = _line_indent(text, parent.start)
    if not spread and (spans or not nested or not _is_spread(document)):
        added = label + _render(document, value, outer)
        if not spans:
            return _with(text, parent.end - 1, added)
        end = spans[-1][1]
        comma = _comma_after(text, end)
        if comma is None:
            return _with(text, end, f", {added}")
        return _with(text, comma + 1, f" {added},")

    newline = _newline(text)
    remarks = [at for at in trivia(text, parent.start + 1) if text[at[0]] == "/"]
    neighbours = [*spans[:1], *remarks]
    if neighbours and _begins_line(text, neighbours[0][0]):
        indent = _line_indent(text, neighbours[0][0])
    else:
        indent = outer + _unit(document)
    added = newline + indent + label + _render(document, value, indent)
    if not spread:
        return _with(text, parent.end - 1, added + newline + outer)
    if not spans:
        return _with(text, remarks[-1][1] if remarks else parent.start + 1, added)
    end = spans[-1][1]
    comma = _comma_after(text, end)
    if comma is None:
        at = _end_of_remarks(text, end)
        return _with(_with(text, at, added), end, ",")
    return _with(text, _end_of_remarks(text, comma + 1), added + ",")


def _check_fits(parent: Node, step: str | int) -> None:
    match parent.value, step:
        case dict(), str():
            return
        case list(), int() if step == len(parent.items):
            return
        case list(), int():
            raise PathError(f"A list of {len(parent.items)} elements has no element {step}.")
    kind = "name" if isinstance(step, str) else "index"
    raise PathError(f"The value has no parts, so none of the {kind} {step!r} can be set.")


def _without(text: str, parent: Node, step: str | int) -> str:
    spans = _spans(parent)
    if isinstance(step, str):
        index = max(i for i, member in enumerate(parent.members) if member.name == step)
    else:
        index = step
    start, end = spans[index]
    comma = _comma_after(text, end)
    if comma is not None and comma > end:
        text = text[:comma] + text[comma + 1 :]
    elif comma is not None:
        end += 1
    text = _cut(text, start, end)
    if comma is None and index > 0:
        before = _comma_after(text, spans[index - 1][1])
        assert before is not None  # something followed it
        text = text[:before] + text[before + 1 :]
    return text


def _cut(text: str, start: int, end: int) -> str:
    """Remove a span, and its line if nothing else is on it, else the blanks it leaves."""
    first = _line_start(text, start)
    after = _blanks_end(text, end)
    newline = _NEWLINE.match(text, after)
    alone = _begins_line(text, start)
    if alone and newline is not None:
        return text[:first] + text[newline.end() :]
    if alone or text[end - 1 : end] == ",":
        return text[:start] + text[after:]
    return text[:start].rstrip(" \t") + text[end:]


def _with(text: str, at: int, added: str) -> str:
    return text[:at] + added + text[at:]


def _spans(node: Node) -> list[tuple[int, int]]:
    """First and last offset of each member or element."""
    if node.members:
        return [(member.start, member.node.end) for member in node.members]
    return [(item.start, item.end) for item in node.items]


def _comma_after(text: str, at: int) -> int | None:
    at = skip_trivia(text, at)
    return at if text.startswith(",", at) else None


def _end_of_remarks(text: str, at: int) -> int:
    """Past the comments that begin on the line of ``at``: they belong to what is before."""
    end = at
    for start, stop in trivia(text, at):
        if text[start] == "/":
            end = stop
        elif _NEWLINE.search(text, start, stop):
            break
    return end


def _line_start(text: str, at: int) -> int:
    return max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1


def _blanks_end(text: str, at: int) -> int:
    blanks = _BLANKS.match(text, at)
    assert blanks is not None  # the pattern matches the empty string
    return blanks.end()


def _begins_line(text: str, at: int) -> bool:
    first = _line_start(text, at)
    return first > 0 and _blanks_end(text, first) == at


def _line_indent(text: str, at: int) -> str:
    first = _line_start(text, at)
    return text[first : _blanks_end(text, first)]


def _is_spread(document: Document) -> bool:
    """Whether the document's outermost value takes more than one line."""
    return _NEWLINE.search(document.text, document.root.start, document.root.end) is not None


def _newline(text: str) -> str:
    match = _NEWLINE.search(text)
    return match[0] if match is not None else "\n"


def _unit(document: Document) -> str:
    """One step of indentation, as the outermost value shows it."""
    text, root = document.text, document.root
    outer = _line_indent(text, root.start)
    for start, _ in _spans(root):
        inner = _line_indent(text, start)
        if _begins_line(text, start) and inner.startswith(outer) and inner != outer:
            return inner[len(outer) :]
    return _DEFAULT_UNIT


def _render(document: Document, value: Value, indent: str) -> str:
    if not _is_spread(document):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    return _spread(value, indent, _unit(document), _newline(document.text))


def _spread(value: Value, indent: str, unit: str, newline: str) -> str:
    """One member a line; lists of plain values stay on one."""
    inner = indent + unit
    match value:
        case dict() if value:
            lines = [
                f"{inner}{json.dumps(name, ensure_ascii=False)}: "
                f"{_spread(part, inner, unit, newline)}"
                for name, part in value.items()
            ]
            return "{" + newline + f",{newline}".join(lines) + newline + indent + "}"
        case list() if any(isinstance(part, dict | list) for part in value):
            lines = [inner + _spread(part, inner, unit, newline) for part in value]
            return "[" + newline + f",{newline}".join(lines) + newline + indent + "]"
        case _:
            return json.dumps(value, ensure_ascii=False, allow_nan=False)
