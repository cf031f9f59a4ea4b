"""Editing JSON text: the value changes as asked, and nothing else changes at all."""

from __future__ import annotations

import copy
import json
import random
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.config.edit import PathError, remove_value, set_value
from core.config.jsonc import BOM, JsoncError, Path, Value, parse
from tests.unit.config.test_config_jsonc import TEXT, VALUES, write

CONTAINERS = st.one_of(
    st.lists(VALUES, max_size=4), st.dictionaries(TEXT, VALUES, min_size=1, max_size=4)
)
SEEDS = st.integers(0, 2**32)
SAMPLE = """\
{
    // where it answers
    "listen": "127.0.0.1:0", // any port

    "mcpServers": {
        "one": {"command": "a", "args": []}, /* first */
        "two": {
            "command": "b" // no comma here
        } // last
    }
}
"""


def paths(value: Value) -> list[Path]:
    """Every path that leads to a part of the value, except the empty one."""
    match value:
        case dict():
            parts: list[tuple[str | int, Value]] = list(value.items())
        case list():
            parts = list(enumerate(value))
        case _:
            parts = []
    return [(step, *rest) for step, part in parts for rest in [(), *paths(part)]]


def changed(value: Value, path: Path, new: Value) -> Value:
    """What the value is after setting one part of it."""
    if not path:
        return new
    result = copy.copy(value)
    step, rest = path[0], path[1:]
    match result, step:
        case dict(), str():
            result[step] = changed(result.get(step, {}), rest, new)
        case list(), int() if step == len(result):
            result.append(changed({}, rest, new))
        case list(), int():
            result[step] = changed(result[step], rest, new)
    return result


def without(value: Value, path: Path) -> Value:
    """What the value is after removing one part of it."""
    result = copy.deepcopy(value)
    parent: Value = result
    for step in path[:-1]:
        match parent, step:
            case dict(), str():
                parent = parent[step]
            case list(), int():
                parent = parent[step]
    match parent, path[-1]:
        case dict(), str() as name:
            del parent[name]
        case list(), int() as index:
            del parent[index]
    return result


def same(text: str, value: Value) -> bool:
    """Whether the text is that value, with 1, 1.0 and true kept apart, in the same order."""
    return json.dumps(parse(text).root.value) == json.dumps(value)


def is_within(part: str, whole: str) -> bool:
    """Whether all characters of the part stand in the whole in that order."""
    rest = iter(whole)
    return all(character in rest for character in part)


@given(CONTAINERS, SEEDS, VALUES, st.booleans())
def test_replacing_touches_only_the_value(value: Value, seed: int, new: Value, bom: bool) -> None:
    """Edit then parse equals parse then edit, and the text around the value is identical."""
    draw = random.Random(seed)
    text = (BOM if bom else "") + write(value, draw) + "// end"
    every = paths(value)
    assume(every)
    path = draw.choice(every)
    node = parse(text).find(path)
    assert node is not None
    edited = set_value(text, path, new)
    assert same(edited, changed(value, path, new))
    assert edited.startswith(text[: node.start])
    assert edited.endswith(text[node.end :])


@given(CONTAINERS, SEEDS, VALUES, TEXT)
def test_inserting_only_adds(value: Value, seed: int, new: Value, name: str) -> None:
    """A new member or element comes last, and every character of the old text is still there."""
    draw = random.Random(seed)
    text = write(value, draw)
    parent_path = draw.choice([(), *paths(value)])
    parent = parse(text).find(parent_path)
    assert parent is not None
    assume(isinstance(parent.value, list | dict))
    assume(all(member.name != name for member in parent.members))
    path = (*parent_path, name if isinstance(parent.value, dict) else len(parent.items))
    edited = set_value(text, path, new)
    assert same(edited, changed(value, path, new))
    assert is_within(text, edited)


@given(CONTAINERS, SEEDS)
def test_removing_only_takes_away(value: Value, seed: int) -> None:
    """What is removed is gone, what is left was there, and the comments around it stay."""
    draw = random.Random(seed)
    text = write(value, draw)
    every = paths(value)
    assume(every)
    path = draw.choice(every)
    parent = parse(text).find(path[:-1])
    node = parse(text).find(path)
    assert parent is not None
    assert node is not None
    start = next((m.start for m in parent.members if m.node == node), node.start)
    edited = remove_value(text, path)
    assert same(edited, without(value, path))
    assert is_within(edited, text)
    kept = text[:start] + text[node.end :]
    for comment in ('// note, "x": {', "/* a, } */", "/**/"):
        assert edited.count(comment) == kept.count(comment)


@given(CONTAINERS, SEEDS, TEXT, VALUES)
def test_strict_json_stays_strict(value: Value, seed: int, name: str, new: Value) -> None:
    """Setting and removing leave nothing in a plain JSON file that strict readers refuse."""
    draw = random.Random(seed)
    text = json.dumps(value, indent=draw.choice([None, 2, "\t"]))
    step = len(value) if isinstance(value, list) else name
    edited = set_value(text, (step,), new)
    assert json.loads(edited) == changed(value, (step,), new)
    assert json.loads(remove_value(edited, (step,))) == without(
        changed(value, (step,), new), (step,)
    )


@given(CONTAINERS, SEEDS)
def test_setting_what_is_there_changes_nothing(value: Value, seed: int) -> None:
    """An edit without an effect leaves even the comments inside the value."""
    draw = random.Random(seed)
    text = write(value, draw)
    for path in [(), *paths(value)]:
        node = parse(text).find(path)
        assert node is not None
        assert set_value(text, path, node.value) == text


@given(VALUES, st.sampled_from(["\n", "\r\n", "\r"]))
def test_added_lines_end_like_the_others(value: Value, end: str) -> None:
    """No edit mixes line ends."""
    text = SAMPLE.replace("\n", end)
    edited = set_value(text, ("mcpServers", "new"), value)
    assert set(re.findall(r"\r\n|\n|\r", edited)) == {end}


@pytest.mark.parametrize(
    ("path", "value", "before", "after"),
    [
        (("listen",), "::1", '"127.0.0.1:0"', '"::1"'),
        (("n",), 1, "    }\n}\n", '    },\n    "n": 1\n}\n'),
        (
            ("mcpServers", "one", "enabled"),
            False,
            '"args": []}',
            '"args": [], "enabled": false}',
        ),
        (
            ("mcpServers", "two", "enabled"),
            False,
            '"b" // no comma here\n',
            '"b", // no comma here\n            "enabled": false\n',
        ),
        (
            ("mcpServers", "three"),
            {"command": "c", "args": ["x", "y"], "env": {}},
            "        } // last\n",
            '        }, // last\n        "three": {\n            "command": "c",\n'
            '            "args": ["x", "y"],\n            "env": {}\n        }\n',
        ),
        (("mcpServers", "one", "args", 0), "-y", "[]", '["-y"]'),
    ],
)
def test_edits_read_as_a_person_would_write_them(
    path: Path, value: Value, before: str, after: str
) -> None:
    """Indentation, commas and comments end up where they belong."""
    assert set_value(SAMPLE, path, value) == SAMPLE.replace(before, after)


@pytest.mark.parametrize(
    ("text", "path", "after"),
    [
        ('{"a": 1, "b": 2, "c": 3}', ("a",), '{"b": 2, "c": 3}'),
        ('{"a": 1, "b": 2, "c": 3}', ("b",), '{"a": 1, "c": 3}'),
        ('{"a": 1, "b": 2, "c": 3}', ("c",), '{"a": 1, "b": 2}'),
        ('{"a": 1}', ("a",), "{}"),
        ('{\n  "a": 1,\n  "b": 2\n}', ("a",), '{\n  "b": 2\n}'),
        ('{\n  "a": 1,\n  "b": 2\n}', ("b",), '{\n  "a": 1\n}'),
        ('{\n  "a": 1, // one\n  "b": 2, // two\n}', ("b",), '{\n  "a": 1, // one\n  // two\n}'),
        ("[1, 2, 3]", (1,), "[1, 3]"),
        ('{"a": 1, "b": 2, "a": 3}', ("a",), '{"b": 2}'),
        ('{"a": 1}', ("x",), '{"a": 1}'),
        ('{"a": 1}', ("a", "b", "c"), '{"a": 1}'),
    ],
)
def test_removals_read_as_a_person_would_write_them(text: str, path: Path, after: str) -> None:
    """Commas and whole lines go with what is removed; what is not there is not missed."""
    assert remove_value(text, path) == after


@pytest.mark.parametrize(
    ("text", "path", "after"),
    [
        ("{}", ("a", "b"), '{"a": {"b": 1}}'),
        ("{\n}", ("a", "b"), '{\n  "a": {\n    "b": 1\n  }\n}'),
        ("{\n\t// none yet\n}", ("a",), '{\n\t// none yet\n\t"a": 1\n}'),
        ('{\n\t"x": {}\n}', ("x", "a"), '{\n\t"x": {\n\t\t"a": 1\n\t}\n}'),
        ('{\n  "x": [1,]\n}', ("x", 1), '{\n  "x": [1, 1,]\n}'),
        ("[]", (0, 0), "[[1]]"),
        ("null", (), "1"),
    ],
)
def test_missing_parts_on_the_way_are_added(text: str, path: Path, after: str) -> None:
    """Objects and lists that the path needs are made, in the document's own style."""
    assert set_value(text, path, 1) == after


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{"a": 1}', ("a", "b")),
        ('{"a": null}', ("a", "b")),
        ('{"a": {}}', ("a", 0)),
        ("[1]", ("a",)),
        ("[1]", (2,)),
        ("[1]", (-1,)),
        ("{}", ("a", 1)),
    ],
)
def test_a_path_that_does_not_fit_is_refused(text: str, path: Path) -> None:
    """Nothing is overwritten to make a path fit."""
    with pytest.raises(PathError):
        set_value(text, path, 1)


def test_only_valid_documents_are_edited() -> None:
    """A file with a mistake is not made worse, and a document keeps having a value."""
    with pytest.raises(JsoncError):
        set_value("{", ("a",), 1)
    with pytest.raises(JsoncError):
        remove_value("{", ("a",))
    with pytest.raises(PathError):
        remove_value("{}", ())
    with pytest.raises(ValueError, match="JSON"):
        set_value("{}", ("a",), float("nan"))
