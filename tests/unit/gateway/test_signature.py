"""Schemas in one line: what a model needs to call a tool, in few tokens."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.gateway.signature import signature

TABLE: list[tuple[Any, str]] = [
    ({}, ""),
    (5, ""),
    ({"properties": {"a": {"type": "string"}}, "required": ["a"]}, "a: string"),
    (
        {
            "properties": {"a": {"type": "integer", "default": 3}, "b": {"type": "boolean"}},
            "required": ["b"],
        },
        "b: boolean, a?: integer = 3",
    ),
    ({"properties": {"a": {"enum": ["x", 1]}}}, 'a?: "x"|1'),
    ({"properties": {"a": {"enum": [*range(20)]}}}, "a?: 0|1|2|3|4|5|6|7|…"),
    ({"properties": {"a": {"const": "x"}}}, 'a?: "x"'),
    ({"properties": {"a": {"type": ["string", "null"]}}}, "a?: string|null"),
    ({"properties": {"a": {"type": "array", "items": {"type": "number"}}}}, "a?: number[]"),
    (
        {"properties": {"a": {"type": "array", "items": {"type": ["number", "string"]}}}},
        "a?: (number|string)[]",
    ),
    (
        {
            "properties": {
                "a": {
                    "type": "object",
                    "properties": {"b": {"type": "string"}},
                    "required": ["b"],
                }
            }
        },
        "a?: {b: string}",
    ),
    (
        {"properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}}},
        "a?: string|null",
    ),
    (
        {"properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"enum": ["p"]}}},
        'a?: "p"',
    ),
    ({"properties": {"a": {"$ref": "https://example.com"}, "b": True}}, "a?: any, b?: any"),
    ({"properties": {"a": {"default": "x" * 100}}}, "a?: any"),
]


@pytest.mark.parametrize(("schema", "expected"), TABLE)
def test_schemas_in_one_line(schema: Any, expected: str) -> None:
    """Required arguments come first; types, choices and defaults are told as far as is short."""
    assert signature(schema) == expected


def test_a_schema_in_a_circle_ends() -> None:
    """What refers to itself is told to a certain depth."""
    properties = {"next": {"$ref": "#/$defs/node"}, "value": {"type": "integer"}}
    node = {"type": "object", "properties": properties}
    told = signature({"properties": {"node": {"$ref": "#/$defs/node"}}, "$defs": {"node": node}})
    assert told.startswith("node?: {next?: {next?: object, value?: integer}")
    many = signature({"properties": {f"p{number}": {} for number in range(100)}})
    assert many.endswith("… 76 more")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["properties", "type", "enum", "anyOf", "items", "$ref", "default", "a"]
            ),
            inner,
            max_size=4,
        )
    ),
)


@given(JSON)
def test_any_json_has_a_signature(schema: Any) -> None:
    """Whatever a server gives for a schema, the answer is a line of text."""
    assert "\n" not in signature(schema).replace("\\n", "")
