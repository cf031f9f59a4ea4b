"""Arguments against schemas: what is refused is surely wrong, and told so that it can be mended."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.gateway.arguments import mistakes


def told(schema: Any, value: Any) -> list[str]:
    return [str(mistake) for mistake in mistakes(schema, value)]


def of(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


TABLE: list[tuple[Any, Any, list[str]]] = [
    ({"type": "object"}, [], ["arguments must be object, not []"]),
    (False, {}, ["arguments is not allowed"]),
    ({"required": ["a", 5], "properties": 5}, {}, ["a is missing"]),
    (of(a={"type": "integer"}), {"a": 1.0}, []),
    (of(a={"type": "integer"}), {"a": 1.5}, ["a must be integer, not 1.5"]),
    (of(a={"type": "integer"}), {"a": True}, ["a must be integer, not true"]),
    (of(a={"type": ["string", "null"]}), {"a": 3}, ["a must be string or null, not 3"]),
    (of(a={"type": "float"}), {"a": "x"}, []),  # no type there is; the server knows what it means
    (of(a={"enum": ["x", 1]}), {"a": True}, ['a must be one of "x", 1, not true']),
    (of(a={"enum": [[1, {"b": None}]]}), {"a": [1.0, {"b": None}]}, []),
    (of(a={"const": 0}), {"a": False}, ["a must be 0, not false"]),
    (of(a={"minimum": 3}), {"a": 2}, ["a must be at least 3, not 2"]),
    (of(a={"maximum": 3}), {"a": 4}, ["a must be at most 3, not 4"]),
    (of(a={"exclusiveMinimum": 3}), {"a": 3}, ["a must be more than 3, not 3"]),
    (of(a={"exclusiveMaximum": 3}), {"a": 3}, ["a must be less than 3, not 3"]),
    (of(a={"minimum": 3, "exclusiveMinimum": True}), {"a": 3}, []),  # draft 4
    (of(a={"multipleOf": 5}), {"a": 7}, ["a must be a multiple of 5, not 7"]),
    (of(a={"multipleOf": 0.1}), {"a": 0.75}, []),
    (of(a={"minLength": 2}), {"a": "ü"}, ["a must have at least 2 characters, not 1"]),
    (of(a={"maxItems": 1}), {"a": [1, 2]}, ["a must have at most 1 items, not 2"]),
    ({"minProperties": 1}, {}, ["arguments must have at least 1 members, not 0"]),
    (
        {"additionalProperties": False, "properties": {"b": {}}},
        {"a": 1},
        ["a is unknown; known: b"],
    ),
    ({"additionalProperties": {"type": "string"}}, {"a": 1}, ["a must be string, not 1"]),
    ({"additionalProperties": False, "patternProperties": {"^a": {}}}, {"a": 1}, []),
    ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, ['b is missing; "a" needs it']),
    (of(a={"items": {"type": "string"}}), {"a": ["x", 1]}, ["a[1] must be string, not 1"]),
    (of(a={"prefixItems": [{"const": 1}], "items": False}), {"a": [1, 2]}, ["a[1] is not allowed"]),
    (of(a={"items": [{"const": 1}]}), {"a": [2, 3]}, ["a[0] must be 1, not 2"]),
    (
        of(a={"anyOf": [{"type": "string"}, {"type": "null"}]}),
        {"a": 5},
        ["a must be string, not 5; or must be null, not 5"],
    ),
    (
        of(a={"anyOf": [{"type": "string"}, of(b={"type": "integer"})]}),
        {"a": {"b": "x"}},
        ['a.b must be integer, not "x"'],
    ),
    (
        {"oneOf": [{}, {"required": ["a"]}]},
        {"a": 1},
        ["arguments fits 2 of the forms of which it may fit only one"],
    ),
    ({"oneOf": [{"pattern": "x"}, {}]}, {}, []),  # whether it fits the first is not known
    ({"allOf": [{"required": ["a"]}, {"required": ["b"]}]}, {}, ["a is missing", "b is missing"]),
    ({"not": {"required": ["a"]}}, {"a": 1}, ["arguments has the form that is forbidden here"]),
    ({"not": {"patternProperties": {}}}, {"a": 1}, []),
    ({"if": {"required": ["a"]}, "then": {"required": ["b"]}}, {"a": 1}, ["b is missing"]),
    ({"if": {"required": ["a"]}, "else": {"required": ["b"]}}, {}, ["b is missing"]),
    ({"if": {"format": "uri"}, "then": False, "else": False}, {}, []),
    (
        {"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"required": ["c"]}}},
        {},
        ["c is missing"],
    ),
    ({"$ref": "https://example.com/schema"}, {}, []),
    ({"$ref": "#/nowhere"}, {}, []),
    (
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "definitions": {"x": {}},
            "$ref": "#/definitions/x",
            "required": ["a"],
        },
        {},
        [],
    ),
    ({"$ref": "#"}, {}, []),
    ({"allOf": [{"$ref": "#"}, {"required": ["a"]}]}, {}, []),
    (5, {}, []),
    ({"type": 5, "required": 5, "enum": 5, "anyOf": 5, "items": 5, "allOf": [5]}, {}, []),
]


@pytest.mark.parametrize(("schema", "value", "expected"), TABLE)
def test_mistakes_are_named(schema: Any, value: Any, expected: list[str]) -> None:
    """Each keyword refuses what it should, in words that say where and how to mend it."""
    assert told(schema, value) == expected


def test_a_schema_without_end_is_not_followed_to_its_end() -> None:
    """Doubling references and cycles cost a bounded number of steps, and refuse nothing."""
    doubling: dict[str, Any] = {"$defs": {"d0": {}}, "$ref": "#/$defs/d40"}
    for level in range(1, 41):
        twice = [{"$ref": f"#/$defs/d{level - 1}"}] * 2
        doubling["$defs"][f"d{level}"] = {"allOf": twice}
    assert told(doubling, {}) == []
    nested: Any = 1
    for _ in range(300):
        nested = [nested]
    tree = {"anyOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}]}
    assert told(tree, nested) == []
    assert told({"enum": [nested]}, nested) == []


KEYS = st.sampled_from(["a", "b"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, "", "a", "bb"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=2),
    max_leaves=6,
)
TYPES = st.sampled_from(["string", "number", "integer", "boolean", "null", "array", "object"])
SIZES = st.integers(0, 3)


def _one_of(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=3)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES | st.lists(TYPES, min_size=1, max_size=2, unique=True),
            "enum": st.lists(VALUES, min_size=1, max_size=3),
            "const": VALUES,
            "minimum": st.integers(-3, 3),
            "exclusiveMaximum": st.sampled_from([-1, 0.5, 2]),
            "multipleOf": st.sampled_from([1, 2, 0.5]),
            "minLength": SIZES,
            "maxLength": SIZES,
            "pattern": st.sampled_from(["^a", "b$"]),
            "minItems": SIZES,
            "maxItems": SIZES,
            "uniqueItems": st.booleans(),
            "items": inner,
            "prefixItems": several,
            "contains": inner,
            "minProperties": SIZES,
            "required": st.lists(KEYS, max_size=2, unique=True),
            "properties": st.dictionaries(KEYS, inner, max_size=2),
            "patternProperties": st.dictionaries(st.just("^a"), inner, max_size=1),
            "additionalProperties": inner,
            "propertyNames": inner,
            "dependentRequired": st.dictionaries(KEYS, st.lists(KEYS, max_size=1), max_size=1),
            "dependentSchemas": st.dictionaries(KEYS, inner, max_size=1),
            "unevaluatedProperties": inner,
            "allOf": several,
            "anyOf": several,
            "oneOf": several,
            "not": inner,
            "if": inner,
            "then": inner,
            "else": inner,
        },
    )


PLAIN = st.recursive(st.booleans() | st.just({}), _one_of, max_leaves=6)
REFERENCES = st.sampled_from([{"$ref": "#/$defs/x"}, {"$ref": "#/$defs/y", "type": "string"}])
SCHEMAS = st.recursive(st.booleans() | REFERENCES, _one_of, max_leaves=8)


@given(SCHEMAS, PLAIN, VALUES)
def test_nothing_is_refused_that_the_standard_accepts(schema: Any, x: Any, value: Any) -> None:
    """What the reference implementation of JSON Schema 2020-12 accepts passes here too."""
    if isinstance(schema, dict):
        schema = {**schema, "$defs": {"x": x, "y": {"type": ["string", "array", "object"]}}}
    if told(schema, value):
        fits = jsonschema.Draft202012Validator(schema).is_valid(value)
        assert not fits, json.dumps([schema, value])
