"""Input schemas in one line, as models read them with the fewest tokens.

``path: string, limit?: integer = 10, mode?: "fast"|"slow"``: a question mark for what may be
left out. What the line cannot say is left to the full schema.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

DEEPEST = 2  # levels of objects that are written out
CHOICES = 8  # of an enumeration that are written out
LONGEST_DEFAULT = 24  # characters
PARAMETERS = 24  # that are written out


def signature(schema: object, depth: int = 0, root: object = None) -> str:
    """The parameters of an input schema, as ``name: type``; empty when there are none."""
    if not isinstance(schema, Mapping):
        return ""
    root = schema if root is None else root
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return ""
    required = schema.get("required")
    needed = set(filter(_is_text, required)) if isinstance(required, list) else set()
    # What must be given comes first; otherwise the schema's order.
    names = sorted(properties, key=lambda name: name not in needed)
    told = [
        _parameter(name, properties[name], name in needed, depth, root)
        for name in names[:PARAMETERS]
    ]
    if len(names) > PARAMETERS:
        told.append(f"… {len(names) - PARAMETERS} more")
    return ", ".join(told)


def _parameter(name: str, schema: object, needed: bool, depth: int, root: object) -> str:
    told = f"{name}{'' if needed else '?'}: {_kind(schema, depth, root)}"
    if isinstance(schema, Mapping) and schema.get("default") is not None:
        default = msgspec.json.encode(schema["default"]).decode()
        if len(default) <= LONGEST_DEFAULT:
            told += f" = {default}"
    return told


def _kind(schema: object, depth: int, root: object) -> str:
    schema = _followed(schema, root)
    if not isinstance(schema, Mapping):
        return "any"
    if isinstance(choices := schema.get("enum"), list) and choices:
        told = "|".join(msgspec.json.encode(choice).decode() for choice in choices[:CHOICES])
        return f"{told}|…" if len(choices) > CHOICES else told
    if "const" in schema:
        return msgspec.json.encode(schema["const"]).decode()
    for form in ("anyOf", "oneOf"):
        if isinstance(options := schema.get(form), list) and depth <= DEEPEST:
            kinds = dict.fromkeys(_kind(option, depth + 1, root) for option in options[:CHOICES])
            return "|".join(kinds)
    match schema.get("type"):
        case "array":
            of = _kind(schema.get("items"), depth + 1, root) if depth <= DEEPEST else "any"
            return f"({of})[]" if "|" in of else f"{of}[]"
        case "object" if depth < DEEPEST and "properties" in schema:
            return f"{{{signature(schema, depth + 1, root)}}}"
        case str(kind):
            return kind
        case list(several_kinds):
            return "|".join(filter(_is_text, several_kinds)) or "any"
        case _:
            return "object" if "properties" in schema else "any"


def _followed(schema: object, root: object) -> object:
    """What a reference within the same schema points at; one step, so that cycles end."""
    if not isinstance(schema, Mapping) or not isinstance(ref := schema.get("$ref"), str):
        return schema
    place = root
    for step in ref.removeprefix("#").split("/")[1:]:
        if not isinstance(place, Mapping) or step not in place:
            return None
        place = place[step]
    return place if ref.startswith("#/") else None


def _is_text(value: object) -> bool:
    return isinstance(value, str)
