"""Headers that repeat the body: written so that they can be read, and compared strictly."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.protocol import headers
from core.protocol.headers import Mismatch, check, check_arguments, coded, decoded, marked, repeated

Fields = list[tuple[bytes, bytes]]


def fields(**values: str) -> Fields:
    return [(name.replace("_", "-").encode(), value.encode()) for name, value in values.items()]


@given(st.text())
def test_any_text_survives_a_header(text: str) -> None:
    """What is written is printable ASCII without spaces at its ends, and reads back the same."""
    header = coded(text)
    assert header.isascii()
    assert header.isprintable()
    assert header == header.strip()
    assert decoded(header.encode()) == text


@pytest.mark.parametrize("broken", ["=?base64?!?=", "=?base64?YR==?=", "=?base64?gA==?="])
def test_a_broken_coding_matches_nothing(broken: str) -> None:
    """No base64, not the canonical one, or no UTF-8."""
    assert decoded(broken.encode()) is None


OK = {"mcp_protocol_version": "v", "mcp_method": "tools/call", "mcp_name": "t"}
CALL = b'{"name":"t"}'


@pytest.mark.parametrize(
    "wrong",
    [
        {"mcp_protocol_version": "w"},
        {"mcp_method": "tools/list"},
        {"mcp_method": "Tools/call"},
        {"mcp_name": "T"},
        {"mcp_name": ""},
    ],
)
def test_headers_have_to_say_what_the_body_says(wrong: dict[str, str]) -> None:
    """Each of the three, and none of them twice; spaces around a value do not count."""
    check(fields(**OK), "tools/call", CALL, "v")
    check(fields(**{**OK, "mcp_name": " t\t"}), "tools/call", CALL, "v")
    with pytest.raises(Mismatch):
        check(fields(**{**OK, **wrong}), "tools/call", CALL, "v")
    for name in OK:
        left = {key: value for key, value in OK.items() if key != name}
        with pytest.raises(Mismatch):
            check(fields(**left), "tools/call", CALL, "v")
        with pytest.raises(Mismatch, match="twice"):
            check([*fields(**OK), *fields(**{name: OK[name]})], "tools/call", CALL, "v")


def test_a_method_without_a_name_needs_no_name_header() -> None:
    """And a body whose name is no text is the server's to judge."""
    left = fields(mcp_protocol_version="v", mcp_method="tools/list")
    check(left, "tools/list", b"{}", "v")
    check(fields(**OK), "tools/call", b'{"name":5}', "v")


def schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def header(name: object, kind: object = "string") -> dict[str, Any]:
    return {"type": kind, "x-mcp-header": name}


def test_marks_are_found_where_arguments_have_a_fixed_place() -> None:
    """At the top and inside objects; what is data, a default for example, marks nothing."""
    found = marked(
        schema(
            a=header("A"),
            deep=schema(b=header("B-b", "integer")),
            data={"type": "object", "default": header("C"), "enum": [header("D")]},
        )
    )
    assert found == {("a",): ("mcp-param-a", "string"), ("deep", "b"): ("mcp-param-b-b", "integer")}


@pytest.mark.parametrize(
    "bad",
    [
        header(""),
        header("a b"),
        header("a:b"),
        header(5),
        header("n", "number"),
        header("n", "array"),
        header("n", ["string"]),
        {"type": "array", "items": header("n")},
        {"anyOf": [header("n")]},
        {"$defs": {"x": header("n")}},
        header("OTHER"),
    ],
)
def test_one_bad_mark_spoils_the_tool(bad: dict[str, Any]) -> None:
    """No token, a kind that cannot be written, off the chain of properties, or used twice."""
    assert marked(schema(other=header("other"), bad=bad)) == {}


VALUES = st.text(max_size=8) | st.booleans() | st.integers(-(10**18), 10**18)


@given(st.dictionaries(st.sampled_from("abcd"), VALUES), st.sampled_from("abcd"))
def test_what_is_repeated_passes_and_a_change_does_not(
    arguments: dict[str, Any], changed: str
) -> None:
    """For any arguments: our own headers agree with them, and with no others."""
    kinds = {str: "string", bool: "boolean", int: "integer"}
    wanted = schema(**{name: header(name, kinds[type(v)]) for name, v in arguments.items()})
    sent = [(name.encode(), value.encode()) for name, value in repeated(wanted, arguments).items()]
    check_arguments(sent, wanted, arguments)
    if changed in arguments:
        for other in ({**arguments, changed: "else"}, {**arguments, changed: None}):
            if other[changed] != arguments[changed]:
                with pytest.raises(Mismatch):
                    check_arguments(sent, wanted, other)
        with pytest.raises(Mismatch, match="missing"):
            check_arguments([], wanted, arguments)
        with pytest.raises(Mismatch, match="twice"):
            check_arguments(sent * 2, wanted, arguments)


def test_a_whole_number_may_be_written_in_two_ways() -> None:
    """42 and 42.0 are the same integer; 42.5 and other texts are not."""
    wanted = schema(n=header("n", "integer"))
    for value in (42, 42.0):
        for said in ("42", "42.0", "42.00"):
            check_arguments(fields(mcp_param_n=said), wanted, {"n": value})
        for said in ("43", "42.5", "4.2e1", ""):
            with pytest.raises(Mismatch):
                check_arguments(fields(mcp_param_n=said), wanted, {"n": value})


def test_the_annotation_is_spelt_as_the_specification_does() -> None:
    """A constant that others search schemas for."""
    assert headers.ANNOTATION in json.dumps(schema(a=header("A")))
