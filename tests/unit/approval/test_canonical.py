"""One name for what a model sees of a tool: what changes it, and what does not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.approval.canonical import launch_hash, tool_hash
from core.model.config import Http, ServerConfig, ServerName, Setting, Stdio

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
ENTRY = st.dictionaries(st.text(), JSON, max_size=6)


def shuffled(value: Any, data: st.DataObject) -> Any:
    """The same with the members of every object in another order."""
    if isinstance(value, dict):
        names = data.draw(st.permutations(list(value)))
        return {name: shuffled(value[name], data) for name in names}
    if isinstance(value, list):
        return [shuffled(item, data) for item in value]
    return value


@settings(max_examples=50)
@given(ENTRY, st.data())
def test_order_and_space_change_nothing(entry: dict[str, Any], data: st.DataObject) -> None:
    """Any order of members at any depth, any spacing and either way to escape is the same tool."""
    other = json.dumps(
        shuffled(entry, data),
        indent=data.draw(st.sampled_from([None, 2])),
        ensure_ascii=data.draw(st.booleans()),
    )
    assert tool_hash(json.dumps(entry).encode()) == tool_hash(other.encode(errors="surrogatepass"))


@settings(max_examples=50)
@given(ENTRY, ENTRY)
def test_another_value_is_another_tool(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Two entries have one hash only if they mean the same."""
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    hashes = {tool_hash(json.dumps(each).encode()) for each in (one, other)}
    assert (len(hashes) == 1) is same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"a": 1}', b'{"a": 1.0}'),
        (b'{"a": 1}', b'{"a": true}'),
        (b'{"a": "1"}', b'{"a": 1}'),
        (b'{"a": null}', b"{}"),
        (b'{"a": []}', b'{"a": {}}'),
        (b'{"a": [1, 2]}', b'{"a": [2, 1]}'),
        ('{"a": "Caf\u00e9"}'.encode(), '{"a": "Cafe\u0301"}'.encode()),
        (b'{"a": "x"}', b'{"a": "x "}'),
        (b'{"a": "x"}', b'{"b": "x"}'),
        (b'{"a": 1e400}', b'{"a": 1e500}'),
        (b'{"a": 1, "a": 2}', b'{"a": 2}'),
        (b'{"a": 1, "a": 2}', b'{"a": 3, "a": 2}'),
        (b"[" * 100_000, b"[" * 100_001),
        (b'{"a": ' + b"9" * 5000 + b"}", b'{"a": ' + b"8" * 5000 + b"}"),
    ],
)
def test_what_may_be_read_differently_is_different(one: bytes, other: bytes) -> None:
    """Types, order in lists, Unicode forms, and what two readers may not agree on all count."""
    assert tool_hash(one) != tool_hash(other)


@given(st.binary(max_size=64))
def test_any_bytes_have_a_name(raw: bytes) -> None:
    """Nothing a server sends makes the hash fail."""
    assert len(tool_hash(raw)) == 64


def config(transport: Stdio | Http, **more: Any) -> ServerConfig:
    return ServerConfig(name=ServerName("a"), transport=transport, **more)


BASE = Stdio(command="c", args=("x", "y"), env=(Setting("A", "1"),), working_dir="/w")


@pytest.mark.parametrize(
    "other",
    [
        Stdio(command="d", args=("x", "y"), env=(Setting("A", "1"),), working_dir="/w"),
        Stdio(command="c", args=("xy",), env=(Setting("A", "1"),), working_dir="/w"),
        Stdio(command="c", args=("x", "y"), env=(Setting("B", "1"),), working_dir="/w"),
        Stdio(command="c", args=("x", "y"), env=(), working_dir="/w"),
        Stdio(command="c", args=("x", "y"), env=(Setting("A", "1"),), working_dir="/v"),
        Http(url="https://c"),
    ],
)
def test_what_is_run_is_bound(other: Stdio | Http) -> None:
    """Command, arguments, names of settings, directory and kind of transport each count."""
    assert launch_hash(config(BASE)) != launch_hash(config(other))


def test_values_of_settings_and_limits_are_not_bound() -> None:
    """A new key or another time limit needs nobody's approval."""
    renewed = Stdio(command="c", args=("x", "y"), env=(Setting("A", "2"),), working_dir="/w")
    assert launch_hash(config(BASE)) == launch_hash(config(renewed, call_timeout=1.0))
    one = Http(url="https://c", headers=(Setting("Authorization", "a"),))
    other = Http(url="https://c", headers=(Setting("Authorization", "b"),))
    assert launch_hash(config(one)) == launch_hash(config(other))
