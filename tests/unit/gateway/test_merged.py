"""Lists of several servers as one, results led back, and instructions within bounds."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.gateway.guidance import LONGEST, composed
from core.gateway.merged import Merged, Part
from core.gateway.relabelling import prompt_result, resource_result, tool_result
from core.model.tools import Tool


def raw(**members: Any) -> bytes:
    return json.dumps(members).encode()


def tool(name: str, **more: Any) -> Tool:
    return Tool(name, raw(name=name, **more))


def names(listing: bytes, member: str) -> list[str]:
    key = {"resources": "uri", "resourceTemplates": "uriTemplate"}.get(member, "name")
    return [entry[key] for entry in json.loads(listing)[member]]


def test_lists_are_in_order_and_entries_as_they_were() -> None:
    """Servers come by name, their entries as they list them; only the name is another."""
    odd = b'{"vendor": 1.50, "name":"x", "_meta":{"ui":{"resourceUri":7}}}'
    merged = Merged([Part("b", (Tool("x", odd),)), Part("a", (tool("z"), tool("y", title="Y")))])
    listing, route = merged.tools
    assert names(listing, "tools") == ["a__z", "a__y", "b__x"]
    assert route["a__y"] == ("a", "y")
    assert b'"vendor":1.50' in listing.replace(b": ", b":")
    assert Merged([]).tools[0] == b'{"tools":[]}'


def test_what_nobody_could_ask_for_is_left_out() -> None:
    """Entries without a name, or with one that stands twice, harm no other."""
    part = Part(
        "s",
        prompts=(b"5", raw(title="no name"), raw(name="p"), raw(name="p", title="again")),
        resources=(b"null", raw(name="no uri"), raw(uri="a://1", name="one")),
        templates=(raw(uriTemplate=5), raw(uriTemplate="a://{x}")),
        has_resources=True,
    )
    merged = Merged([part])
    assert names(merged.prompts[0], "prompts") == ["s__p"]
    assert names(merged.resources, "resources") == ["a://1"]
    assert names(merged.templates, "resourceTemplates") == ["a://{x}"]


NAMES = st.text(st.sampled_from("ab_.-/é"), min_size=1, max_size=40)
PARTS = st.lists(
    st.builds(
        lambda server, own: Part(server, tuple(tool(name) for name in own)),
        st.text(st.sampled_from("ab_.-"), min_size=1, max_size=30),
        st.lists(NAMES, max_size=5, unique=True),
    ),
    max_size=5,
    unique_by=lambda part: part.server,
)


@given(PARTS)
def test_every_listed_tool_leads_back(parts: list[Part]) -> None:
    """As many names as tools, each to its own server and name, always in the same order."""
    listing, route = Merged(parts).tools
    listed = names(listing, "tools")
    assert len(set(listed)) == len(listed) == sum(len(part.tools) for part in parts)
    assert {route[name] for name in listed} == {
        (part.server, each.name) for part in parts for each in part.tools
    }
    assert Merged(parts[::-1]).tools[0] == listing


def shown(uri: str) -> str:
    return f"new:{uri}" if uri.startswith("old") else uri


def test_only_uris_that_must_are_changed() -> None:
    """Without one, the bytes stay the same; with one, everything else stays as it was."""
    same = (
        b'{"content": [{"type":"text","text":"\\"uri\\""}]}',
        b'{"content":[{"type":"resource_link","uri":"fine://x"}], "n": 1.0}',
        b'{"content":[{"type":"text","uri":"old://x"}]}',
        b'{"content":5,"uri":1}',
        b'[{"uri":"old://x"}]',
    )
    for result in same:
        assert tool_result(result, shown) is result
    link = {"type": "resource_link", "uri": "old://x", "size": 7, "vendor": {"a": None}}
    embedded = {"type": "resource", "resource": {"uri": "old://y", "blob": "AA=="}}
    meta = {"ui": {"resourceUri": "old://z"}, "other": True}
    told = json.loads(tool_result(raw(content=[link, embedded], _meta=meta, isError=False), shown))
    assert told == {
        "content": [
            {**link, "uri": "new:old://x"},
            {"type": "resource", "resource": {"uri": "new:old://y", "blob": "AA=="}},
        ],
        "_meta": {"ui": {"resourceUri": "new:old://z"}, "other": True},
        "isError": False,
    }
    message = {"role": "user", "content": embedded}
    prompt = json.loads(prompt_result(raw(messages=[message]), shown))
    assert prompt["messages"][0]["content"]["resource"]["uri"] == "new:old://y"
    read = json.loads(resource_result(raw(contents=[{"uri": "old://q", "text": "t"}]), shown))
    assert read == {"contents": [{"uri": "new:old://q", "text": "t"}]}


def test_instructions_are_bounded() -> None:
    """However much the servers say of themselves, a client reads no more than so much."""
    parts = [Part(f"server{number}", instructions="x" * 5000) for number in range(50)]
    told = composed(parts, direct=False)
    assert len(told) <= LONGEST
    assert "## server0\n" in told
    assert "retrieve_tools" in told
    assert "retrieve_tools" not in composed(parts, direct=True)
    assert "Connected" not in composed([], direct=True)
