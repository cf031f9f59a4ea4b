"""Reading JSON with comments: the right value, or where and why it is none."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config.jsonc import BOM, MAX_DEPTH, MAX_SIZE, JsoncError, Value, parse

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXT,
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
FILLERS = [
    "",
    "",
    "",
    " ",
    "\t",
    "\n",
    "\r\n",
    ' // note, "x": {\n',
    "/* a, } */",
    "/**/",
    "/*\n*/ ",
]


def write(value: Value, draw: random.Random, *, commas: bool = True) -> str:
    """Any of the ways to write a value, by the luck of the draw."""

    def gap() -> str:
        return "".join(draw.choice(FILLERS) for _ in range(draw.randint(0, 2)))

    def parts(written: list[str]) -> str:
        end = gap() + "," if written and commas and draw.random() < 0.3 else ""
        return ",".join(f"{gap()}{part}{gap()}" for part in written) + end + gap()

    def name(text: str) -> str:
        return json.dumps(text, ensure_ascii=draw.random() < 0.5)

    match value:
        case dict():
            members = [
                f"{name(key)}{gap()}:{gap()}{write(part, draw, commas=commas)}"
                for key, part in value.items()
            ]
            return "{" + parts(members) + "}"
        case list():
            return "[" + parts([write(part, draw, commas=commas) for part in value]) + "]"
        case str():
            return name(value)
        case _:
            return json.dumps(value)


@given(VALUES, st.integers(0, 2**32), st.booleans())
def test_every_spelling_of_a_value_is_read(value: Value, seed: int, bom: bool) -> None:
    """Comments, trailing commas, white space, escapes and a BOM change nothing in the value."""
    draw = random.Random(seed)
    text = (BOM if bom else "") + "/* first */" + write(value, draw) + " // last"
    document = parse(text)
    assert json.dumps(document.root.value) == json.dumps(value)


@given(VALUES, st.integers(0, 2**32))
def test_offsets_delimit_each_part(value: Value, seed: int) -> None:
    """The text between a node's offsets is that node's value, all the way down."""
    document = parse(write(value, random.Random(seed)))
    pending = [document.root]
    while pending:
        node = pending.pop()
        assert json.dumps(parse(document.text[node.start : node.end]).root.value) == json.dumps(
            node.value
        )
        pending += [*node.items, *(member.node for member in node.members)]


@given(st.text(alphabet='{}[]",:/*\\\n u0d8et1-. \ufeff', max_size=40))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    """Whatever the text is, the outcome is a value or a JsoncError inside the text."""
    line, column = 1, 1
    try:
        parse(text)
    except JsoncError as error:
        line, column = error.line, error.column
    assert 1 <= line <= text.count("\n") + 1
    assert 1 <= column <= len(text) + 1


@given(st.text(max_size=30))
def test_whatever_strict_json_accepts_is_accepted(text: str) -> None:
    """Our dialect contains JSON: what the standard library reads, we read the same."""
    try:
        expected = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    except (ValueError, pytest.fail.Exception):
        return
    assert parse(text).root.value == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1, column 1: expected a value, got the end of the document"),
        ("// only this", "line 1, column 13: expected a value, got the end of the document"),
        (BOM + "x", "line 1, column 1: expected a value, got 'x'"),
        ("{'a': 1}", "line 1, column 2: expected a name in double quotes or '}', got \"'\""),
        ("{\"a\": 'b'}", "line 1, column 7: expected a value in double quotes, got a single quote"),
        ('{\n  "a": 1\n  "b": 2\n}', "line 2, column 9: expected ',' or '}', got '\"'"),
        ("[1\r\n2]", "line 1, column 3: expected ',' or ']', got '2'"),
        ('{"a": True}', "line 1, column 7: expected a value, got 'True': write true"),
        ("[,]", "line 1, column 2: expected a value, got ','"),
        ("[1,,]", "line 1, column 4: expected a value, got ','"),
        ('{"a" 1}', "line 1, column 6: expected ':' after the name, got '1'"),
        ("{a: 1}", "line 1, column 2: expected a name in double quotes or '}', got 'a'"),
        ("[1]]", "line 1, column 4: expected the end of the document, got ']'"),
        ("\r/* never", "line 2, column 1: this comment has no end: expected '*/'"),
        ("/*/", "line 1, column 1: this comment has no end: expected '*/'"),
        ('"a', "line 1, column 1: this string has no end on its line: expected '\"'"),
        ('"a\nb"', "line 1, column 1: this string has no end on its line: expected '\"'"),
        ('"a\tb"', "line 1, column 3: a string may not hold a bare control character: '\\t'"),
        (r'"C:\dir"', r"line 1, column 4: no such escape: write '\\d' for a backslash"),
        (r'"\u12"', r"line 1, column 2: expected four hexadecimal digits after '\u'"),
        (r'"\ud800"', "line 1, column 2: half of a surrogate pair is no character"),
        (r'"\udc00\ud800"', "line 1, column 2: half of a surrogate pair is no character"),
        ("01", "line 1, column 1: '01' is no JSON number"),
        ("-", "line 1, column 1: '-' is no JSON number"),
        ("1.e5", "line 1, column 1: '1.e5' is no JSON number"),
        ("1e400", "line 1, column 1: this number is too large"),
        ("9" * 5000, "line 1, column 1: this number has too many digits"),
        ("NaN", "line 1, column 1: expected a value, got 'NaN'"),
    ],
)
def test_errors_name_place_and_cause(text: str, message: str) -> None:
    """A person can go to the place and see what to write there."""
    with pytest.raises(JsoncError) as caught:
        parse(text)
    assert str(caught.value) == message


def test_a_surrogate_pair_is_one_character() -> None:
    """Characters beyond the first plane may be written as two escapes."""
    assert parse(r'"\ud83d\ude00"').root.value == "\U0001f600"


def test_of_two_equal_names_the_last_counts() -> None:
    """As in JavaScript, and in what AI clients make of such a file."""
    document = parse('{"a": 1, "a": 2}')
    found = document.find(("a",))
    assert found is not None
    assert (found.value, document.root.value) == (2, {"a": 2})


def test_depth_is_bounded() -> None:
    """Deep nesting is refused in words, long before the interpreter's limit."""
    deepest = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert parse(deepest).root.end == len(deepest)
    with pytest.raises(JsoncError, match="nested more than 100 deep"):
        parse("[" * 100_000)
    with pytest.raises(JsoncError, match="nested more than 100 deep"):
        parse('{"a":' * 100_000)


def test_size_is_bounded() -> None:
    """An enormous document is refused without being read."""
    with pytest.raises(JsoncError, match="longer than"):
        parse(" " * (MAX_SIZE + 1))


def test_lines_are_counted_for_every_line_end() -> None:
    """LF, CR LF and a lone CR each begin a line."""
    document = parse("[\n1,\r\n2,\r3]")
    assert [document.line(item.start) for item in document.root.items] == [2, 3, 4]


@pytest.mark.parametrize("path", [("x",), ("a", "x"), ("a", 3), ("a", -1), (0,), ("a", 0, "y")])
def test_a_path_that_leads_nowhere_finds_nothing(path: tuple[str | int, ...]) -> None:
    """No path raises, whatever stands in its way."""
    assert parse('{"a": [1, 2]}').find(path) is None
