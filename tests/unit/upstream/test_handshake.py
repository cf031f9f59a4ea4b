"""Hand-shake and lists over a wire that a test holds in its hand."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.protocol.calls import CallTimeout, ConnectionLost
from core.upstream.handshake import BadHandshake, Own, list_everything, shake_hands, tools_of
from core.upstream.multiplexer import Multiplexer
from core.upstream.pending import Limits, Lines
from core.upstream.stateless import Stamp

STAMP = Stamp("9")

HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"tools": {"listChanged": True}, "resources": {}, "prompts": "odd"},
    "serverInfo": {"name": "s", "version": "1"},
    "instructions": "Be kind.",
}


class Wire:
    """Answers each request from a table of replies by method, several of them in turn."""

    def __init__(self, **replies: list[dict[str, Any]]) -> None:
        self.sent: list[dict[str, Any]] = []
        self.odd: list[str] = []
        self._replies = {name.replace("_", "/"): list(them) for name, them in replies.items()}
        self.session = Multiplexer(
            Lines(self._write),
            limits=lambda: Limits(16, 30.0),
            violation=lambda kind, what: self.odd.append(kind),
            notified=lambda method, params: None,
            hung=lambda hangs: None,
        )

    def _write(self, line: bytes) -> None:
        message = json.loads(line)
        self.sent.append(message)
        if "id" in message:
            replies = self._replies.get(message["method"], [{"result": {}}])
            reply = replies.pop(0) if len(replies) > 1 else replies[0]
            answer = json.dumps({"jsonrpc": "2.0", "id": message["id"], **reply}).encode()
            asyncio.get_running_loop().call_soon(self.session.received, answer)

    def note(self, kind: str, what: str) -> None:
        self.odd.append(kind)


async def test_what_a_server_says_of_itself_is_kept() -> None:
    """Version, capabilities, information and instructions, as bytes; then it is told so."""
    wire = Wire(initialize=[{"result": HELLO}])
    introduction = await shake_hands(wire.session, Own("9"))
    assert (introduction.name, introduction.version) == ("s", "1")
    hello = wire.session.hello
    assert hello.protocol_version == "2025-06-18"
    assert json.loads(hello.capabilities) == HELLO["capabilities"]
    assert json.loads(hello.instructions) == "Be kind."
    assert hello.declares == {"tools", "resources", "prompts"}
    assert hello.promises_list_changed == {"tools"}
    first, second = wire.sent
    assert first["params"]["protocolVersion"] == "2025-11-25"
    assert first["params"]["clientInfo"] == {"name": "mcpproxy-tray", "version": "9"}
    assert second == {"jsonrpc": "2.0", "method": "notifications/initialized"}


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ({"error": {"code": -1, "message": "no"}}, "refused"),
        ({"result": {**HELLO, "protocolVersion": "2099-01-01"}}, "2099-01-01"),
        ({"result": {**HELLO, "serverInfo": 3}}, "malformed"),
        ({"result": []}, "malformed"),
    ],
)
async def test_other_answers_are_no_hand_shake(reply: dict[str, Any], words: str) -> None:
    """The words tell what it was, and nothing more is sent."""
    wire = Wire(initialize=[reply])
    with pytest.raises(BadHandshake, match=words):
        await shake_hands(wire.session, Own("9"))
    assert len(wire.sent) == 1


async def shaken(**replies: list[dict[str, Any]]) -> Wire:
    wire = Wire(initialize=[{"result": HELLO}], **replies)
    await shake_hands(wire.session, Own("9"))
    wire.sent.clear()
    return wire


def page(*names: str, after: object = None) -> dict[str, Any]:
    result: dict[str, Any] = {"tools": [{"name": name} for name in names]}
    return {"result": {**result, "nextCursor": after} if after is not None else result}


@settings(max_examples=40)
@given(pages=st.lists(st.lists(st.text(min_size=1, max_size=4), max_size=4), min_size=1))
def test_all_pages_make_one_list(pages: list[list[str]]) -> None:
    """Whatever the pages, the entries arrive in order, and each cursor is sent back as it was."""

    async def play() -> None:
        last = len(pages) - 1
        replies = [
            page(*names, after={"page": number} if number < last else None)
            for number, names in enumerate(pages)
        ]
        wire = await shaken(tools_list=replies)
        catalogue = await list_everything(wire.session, STAMP, wire.note, frozenset({"tools"}))
        listed = [json.loads(entry)["name"] for entry in catalogue.tools]
        assert listed == [name for names in pages for name in names]
        cursors = [message.get("params", {}).get("cursor") for message in wire.sent]
        assert cursors == [None, *({"page": number} for number in range(last))]
        assert wire.odd == []

    asyncio.run(play())


async def test_only_what_is_declared_and_wanted_is_asked_for() -> None:
    """The rest stays as it was known."""
    wire = await shaken(tools_list=[page("a"), page("b")])
    wire.session.catalogue = await list_everything(wire.session, STAMP, wire.note)
    assert {message["method"] for message in wire.sent} == {
        "tools/list",
        "prompts/list",
        "resources/list",
        "resources/templates/list",
    }
    wire.sent.clear()
    again = await list_everything(wire.session, STAMP, wire.note, frozenset({"prompts"}))
    assert [message["method"] for message in wire.sent] == ["prompts/list"]
    assert again.tools == wire.session.catalogue.tools


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ({"error": {"code": -32601, "message": "no such method"}}, "list_refused"),
        ({"result": {"tools": {}}}, "list_malformed"),
        ({"result": [1]}, "list_malformed"),
        (page("a", after="same"), "list_endless"),
    ],
)
async def test_a_list_that_ends_strangely_is_said_and_no_fault(
    reply: dict[str, Any], kind: str
) -> None:
    """What was read until then counts; the server is usable."""
    wire = await shaken(tools_list=[reply])
    await list_everything(wire.session, STAMP, wire.note, frozenset({"tools"}))
    assert wire.odd == [kind]


async def test_a_connection_lost_while_listing() -> None:
    """Everyone who waits learns it, and whoever asks afterwards."""
    wire = await shaken()
    listing = asyncio.create_task(list_everything(wire.session, STAMP, wire.note))
    await asyncio.sleep(0)
    wire.session.lose()
    with pytest.raises(ConnectionLost):
        await listing
    with pytest.raises(ConnectionLost):
        wire.session.start("tools/list", b"")


async def test_a_request_that_is_not_answered_in_time_is_cancelled() -> None:
    """With the limit that held when it was asked."""
    sent: list[bytes] = []
    session = Multiplexer(
        Lines(sent.append),
        limits=lambda: Limits(1, 0.01),
        violation=lambda kind, what: None,
        notified=lambda method, params: None,
        hung=lambda hangs: None,
    )
    asked, waiting = session.start("tools/list", b""), session.start("ping", b"")
    for call in (asked, waiting):
        with pytest.raises(CallTimeout, match="no answer to"):
            await call.arrival()
    assert json.loads(sent[1])["method"] == "notifications/cancelled"
    assert len(sent) <= 4  # each request that was sent, and its cancellation


def test_entries_without_a_usable_name_are_left_out() -> None:
    """They are said; a name that stands twice counts once; schemas of any shape are kept."""
    odd: list[str] = []
    entries = [
        {"name": "a", "description": "A", "inputSchema": {"properties": {"x": {}, "y": 1}}},
        {"name": "b", "inputSchema": [1]},
        {"name": "a"},
        {"name": ""},
        {"description": "nameless"},
        "text",
    ]
    raws = tuple(json.dumps(entry).encode() for entry in entries)
    tools = tools_of(raws, lambda kind, what: odd.append(kind))
    assert [(tool.name, tool.description, tool.parameters) for tool in tools] == [
        ("a", "A", ("x", "y")),
        ("b", "", ()),
    ]
    assert [tool.raw for tool in tools] == [*raws[:2]]
    assert odd == ["bad_tool"] * 4
