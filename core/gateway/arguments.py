"""Whether arguments fit a tool's input schema, found out before the server is asked.

A check that helps the model, not a judge: it refuses only what JSON Schema 2020-12 (and its
drafts since 6) surely refuses, and leaves everything else to the server. So there is nothing to
fetch (references outside the schema are left alone, as MCP demands), no regular expression of a
stranger's is run, and a schema that would take too long is not followed to its end.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

STEPS = 2_000  # subschemas looked at, a few milliseconds; then the rest is left to the server
DEEPEST = 64  # levels of nesting, of references too
TOLD = 5  # mistakes that are told at once

Json = Any
"""JSON of a stranger's: anything may be anywhere."""

_LEFT_TO_THE_SERVER = frozenset(
    [
        *("pattern", "patternProperties", "format", "contentEncoding", "contentMediaType"),
        *("contentSchema", "propertyNames", "contains", "minContains", "maxContains"),
        *("dependentSchemas", "dependencies", "unevaluatedItems", "unevaluatedProperties"),
        *("additionalItems", "uniqueItems", "$dynamicRef", "$recursiveRef", "extends", "disallow"),
        *("divisibleBy",),
    ]
)
_PLAIN = frozenset(
    [
        *("type", "properties", "required", "additionalProperties", "items", "prefixItems"),
        *("title", "description", "default", "examples", "$schema", "$defs", "definitions"),
    ]
)
"""Keywords that ``_kind``, ``_object`` and ``_array`` see to, and those that demand nothing."""
_LIMITS: Mapping[str, tuple[str, Callable[[Json, Json], bool]]] = {
    "minimum": ("at least", operator.ge),
    "maximum": ("at most", operator.le),
    "exclusiveMinimum": ("more than", operator.gt),
    "exclusiveMaximum": ("less than", operator.lt),
}
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "object": dict,
    "array": list,
    "null": type(None),
    "number": (int, float),
    "integer": (int, float),
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with one part of the arguments, for the model to mend."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path or 'arguments'} {self.message}"


class _TooMuch(Exception):
    """The schema takes more steps than a check is worth."""


def mistakes(schema: Json, arguments: Json, steps: int = STEPS) -> list[Mistake]:
    """What surely does not fit, the first few; empty when nothing is known to be wrong."""
    check = _Check(schema, steps)
    try:
        return check.look(schema, arguments, "", 0)[:TOLD]
    except (_TooMuch, RecursionError):
        return []


class _Check:
    def __init__(self, root: Json, steps: int) -> None:
        self._root = root
        self._left = steps
        self._unsure = 0  # constraints passed over so far
        said = root.get("$schema") if isinstance(root, dict) else None
        # Before 2019-09 nothing beside a reference counts (draft 7, section 8.3).
        self._lone_references = isinstance(said, str) and "/draft-0" in said

    def look(self, schema: Json, value: Json, path: str, depth: int) -> list[Mistake]:
        self._left -= 1
        if self._left < 0 or depth > DEEPEST:
            raise _TooMuch
        if schema is False:
            return [Mistake(path, "is not allowed")]
        if not isinstance(schema, dict):
            return []
        if schema.keys() <= _PLAIN:  # as most are, and then nothing else has to be looked for
            wrong = self._kind(schema, value, path)
            if wrong is not None:
                return [wrong]
            if isinstance(value, dict):
                return self._object(schema, value, path, depth)
            return self._array(schema, value, path, depth) if isinstance(value, list) else []
        if depth and "$id" in schema:
            self._unsure += 1  # its references count from elsewhere
            return []
        found: list[Mistake] = []
        if isinstance(reference := schema.get("$ref"), str):
            found += self._referred(reference, value, path, depth)
            if self._lone_references:
                return found
        if _LEFT_TO_THE_SERVER.intersection(schema):
            self._unsure += 1
        found += self._own(schema, value, path)
        if found:
            return found  # of a wrong type there is nothing more to say
        if isinstance(value, dict):
            found += self._object(schema, value, path, depth)
        elif isinstance(value, list):
            found += self._array(schema, value, path, depth)
        return found + self._combined(schema, value, path, depth)

    def _referred(self, reference: str, value: Json, path: str, depth: int) -> list[Mistake]:
        target = self._root if reference in ("#", "#/") else _at(self._root, reference)
        if target is None:
            self._unsure += 1
            return []
        if target is not self._root and isinstance(target, dict) and "$id" in target:
            self._unsure += 1
            return []
        return self.look(target, value, path, depth + 1)

    # --- one value ----------------------------------------------------------------------------

    def _own(self, schema: dict[str, Json], value: Json, path: str) -> list[Mistake]:
        wrong = self._kind(schema, value, path)
        if wrong is not None:
            return [wrong]
        if isinstance(choices := schema.get("enum"), list):
            self._left -= len(choices) // 16
            if not any(_same(value, choice) for choice in choices):
                told = ", ".join(_shown(choice) for choice in choices[:20])
                return [Mistake(path, f"must be one of {told}, not {_shown(value)}")]
        if "const" in schema and not _same(value, schema["const"]):
            return [Mistake(path, f"must be {_shown(schema['const'])}, not {_shown(value)}")]
        if isinstance(value, str):
            return self._bounds(schema, len(value), ("minLength", "maxLength"), path, "characters")
        if isinstance(value, list):
            return self._bounds(schema, len(value), ("minItems", "maxItems"), path, "items")
        if isinstance(value, dict):
            names = ("minProperties", "maxProperties")
            return self._bounds(schema, len(value), names, path, "members")
        if _is(value, "number"):
            return self._number(schema, value, path)
        return []

    def _kind(self, schema: dict[str, Json], value: Json, path: str) -> Mistake | None:
        kinds = schema.get("type")
        if isinstance(kinds, str):
            kinds = (kinds,)
        elif not isinstance(kinds, list):
            return None
        for kind in kinds:
            if not isinstance(kind, str) or kind not in _TYPES:
                self._unsure += 1
                return None
            if _is(value, kind):
                return None
        if not kinds:
            return None
        return Mistake(path, f"must be {' or '.join(kinds)}, not {_shown(value)}")

    def _bounds(
        self, schema: dict[str, Json], size: int, names: tuple[str, str], path: str, what: str
    ) -> list[Mistake]:
        least: Json = schema.get(names[0])
        most: Json = schema.get(names[1])
        if _is(least, "number") and size < least:
            return [Mistake(path, f"must have at least {least} {what}, not {size}")]
        if _is(most, "number") and size > most:
            return [Mistake(path, f"must have at most {most} {what}, not {size}")]
        return []

    def _number(self, schema: dict[str, Json], value: float, path: str) -> list[Mistake]:
        for name, (words, fits) in _LIMITS.items():
            limit: Json = schema.get(name)
            if _is(limit, "number") and not fits(value, limit):
                return [Mistake(path, f"must be {words} {limit}, not {_shown(value)}")]
            if isinstance(limit, bool):
                self._unsure += 1  # draft 4
        step = schema.get("multipleOf")
        if step is not None:
            if isinstance(step, int) and isinstance(value, int) and step > 0:
                if value % step:
                    return [Mistake(path, f"must be a multiple of {step}, not {_shown(value)}")]
            else:
                self._unsure += 1  # fractions are not exact
        return []

    # --- what is in it ------------------------------------------------------------------------

    def _object(
        self, schema: dict[str, Json], value: dict[str, Json], path: str, depth: int
    ) -> list[Mistake]:
        properties = schema.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        found = [
            Mistake(_member(path, name), "is missing")
            for name in _names(schema.get("required"))
            if name not in value
        ]
        needs = schema.get("dependentRequired")
        if isinstance(needs, dict):
            found += [
                Mistake(_member(path, name), f"is missing; {_shown(given)} needs it")
                for given in value
                for name in _names(needs.get(given))
                if name not in value
            ]
        rest = schema.get("additionalProperties", True)
        for name, member in value.items():
            if name in properties:
                found += self.look(properties[name], member, _member(path, name), depth + 1)
            elif "patternProperties" in schema:
                continue
            elif rest is False:
                known = ", ".join(list(properties)[:20]) or "nothing"
                found.append(Mistake(_member(path, name), f"is unknown; known: {known}"))
            elif rest is not True:
                found += self.look(rest, member, _member(path, name), depth + 1)
        return found

    def _array(
        self, schema: dict[str, Json], value: list[Json], path: str, depth: int
    ) -> list[Mistake]:
        items = schema.get("items", True)
        first = schema.get("prefixItems")
        if isinstance(items, list):  # before 2020-12
            first, items = items, True
        first = first if isinstance(first, list) else []
        found: list[Mistake] = []
        for index, item in enumerate(value):
            rule = first[index] if index < len(first) else items
            if rule is True:
                continue
            found += self.look(rule, item, f"{path}[{index}]", depth + 1)
            if len(found) >= TOLD:
                break
        return found

    # --- several schemas ----------------------------------------------------------------------

    def _combined(
        self, schema: dict[str, Json], value: Json, path: str, depth: int
    ) -> list[Mistake]:
        found: list[Mistake] = []
        for each in _schemas(schema.get("allOf")):
            found += self.look(each, value, path, depth + 1)
        if options := _schemas(schema.get("anyOf")):
            found += self._any(options, value, path, depth)
        if options := _schemas(schema.get("oneOf")):
            found += self._any(options, value, path, depth, just_one=True)
        if "not" in schema and self._fits(schema["not"], value, path, depth):
            found.append(Mistake(path, "has the form that is forbidden here"))
        if "if" in schema:
            fits = self._fits(schema["if"], value, path, depth)
            branch = schema.get("then") if fits else schema.get("else") if fits is False else None
            if branch is not None:
                found += self.look(branch, value, path, depth + 1)
        return found

    def _fits(self, schema: Json, value: Json, path: str, depth: int) -> bool | None:
        """Whether it surely does or surely does not; None when that is not known."""
        before = self._unsure
        if self.look(schema, value, path, depth + 1):
            return False
        return True if self._unsure == before else None

    def _any(
        self, options: list[Json], value: Json, path: str, depth: int, just_one: bool = False
    ) -> list[Mistake]:
        misfits: list[list[Mistake]] = []
        surely = 0
        for option in options:
            before = self._unsure
            found = self.look(option, value, path, depth + 1)
            if found:
                misfits.append(found)
            else:
                surely += self._unsure == before
        if just_one and surely > 1:
            return [Mistake(path, f"fits {surely} of the forms of which it may fit only one")]
        if len(misfits) < len(options):
            return []
        if all(len(found) == 1 and found[0].path == path for found in misfits):
            told = "; or ".join(dict.fromkeys(found[0].message for found in misfits))
            return [Mistake(path, told[:300])]
        # The form that was meant is the one with a mistake deep inside, or the fewest.
        return min(
            misfits, key=lambda found: (all(each.path == path for each in found), len(found))
        )


def _is(value: Json, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[kind])


def _same(one: Json, other: Json) -> bool:
    """JSON's equality, in which ``1`` is ``1.0`` but not ``true``."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    return bool(one == other)


def _schemas(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _names(value: Json) -> Iterable[str]:
    return (name for name in value if isinstance(name, str)) if isinstance(value, list) else ()


def _at(root: Json, reference: str) -> Json:
    """What a JSON pointer (RFC 6901) within the schema leads to, or None."""
    if not reference.startswith("#/") or "%" in reference:
        return None
    place = root
    for step in reference[2:].split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(place, dict) and name in place:
            place = place[name]
        elif isinstance(place, list) and name.isdecimal() and int(name) < len(place):
            place = place[int(name)]
        else:
            return None
    return place


def _member(path: str, name: str) -> str:
    shown = name[:60]
    return f"{path}.{shown}" if path else shown


def _shown(value: Json) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else f"{text[:60]}…"
