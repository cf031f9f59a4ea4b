"""A server's tools in the menu: ticks that are true, and clicks that change one entry only."""

from __future__ import annotations

import json
from dataclasses import replace
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config.entries import edited
from core.config.jsonc import parse
from core.config.schema import Overrides, read
from core.model.config import Config, ServerConfig, ServerName, Stdio
from core.model.status import Peer, ServerStatus, Snapshot
from core.model.switches import switched
from core.model.tools import Tool
from tests.fakes.tray_engine import ScriptedEngine, status
from tests.fakes.tray_person import Person
from tests.unit.tray.test_tray_view import row, walk, world
from tray_app.actions import OpenDashboard, SetTool, command_of
from tray_app.row import GROUP_SIZE
from tray_app.tool_rows import MOST_ROWS
from tray_app.view import view_of

A = ServerName("a")


def listing(name: str, tools: list[str]) -> ServerStatus:
    peer = Peer(name=name, tools=tuple(Tool(tool, b"{}") for tool in tools))
    return replace(status(name), peer=peer)


def shown(*statuses: ServerStatus, **switches: tuple[str, ...]) -> Snapshot:
    servers = {
        each.name: ServerConfig(name=each.name, transport=Stdio(command="x"), **switches)
        for each in statuses
    }
    return replace(world(*statuses), config=Config(servers=MappingProxyType(servers)))


def test_each_tool_has_a_tick_and_the_submenu_says_how_many_are_offered() -> None:
    """By name, whatever order the server has; one that waits for approval says so."""
    one = listing("a", ["write", "Read", "admin"])
    review = replace(one.review, pending=("write",))
    one = replace(one, review=review, withheld=frozenset({"write"}))
    tools = row(view_of(shown(one, disabled_tools=("admin",))), "servers/a/:tools")
    assert tools.label == "Tools 1/3"
    assert [(each.label, each.checked) for each in tools.rows] == [
        ("admin", False),
        ("Read", True),
        ("write - waits for approval", True),
    ]


def test_a_server_without_tools_or_on_another_computer_has_none_to_switch() -> None:
    """The row stays where it is while a server is not ready; without a file there is none."""
    assert not row(view_of(shown(listing("a", []))), "servers/a/:tools").enabled
    afar = view_of(world(listing("a", ["x"])))
    assert not [each for each in walk(afar.menu) if ":tool" in each.id]


def test_many_tools_are_grouped_and_very_many_are_left_to_the_dashboard() -> None:
    """The menu stays of a size that panels fetch at once."""
    many = [f"t{number:03}" for number in range(GROUP_SIZE + 1)]
    groups = row(view_of(shown(listing("a", many))), "servers/a/:tools").rows
    assert [each.label for each in groups] == ["t000 to t024 (25)", "t025 to t025 (1)"]
    crowd = [listing(name, [f"t{number}" for number in range(MOST_ROWS)]) for name in "ab"]
    tools = row(view_of(shown(*crowd)), "servers/a/:tools")
    assert tools.label == f"Tools {MOST_ROWS}/{MOST_ROWS}"
    assert [command_of(each.id) for each in tools.rows] == [None, OpenDashboard("/servers/a")]


@given(st.text(min_size=1))
def test_a_click_means_the_tool_however_it_is_called(name: str) -> None:
    """Slashes, colons and signs of equality in a name steer nothing."""
    (tool,) = row(view_of(shown(listing("a", [name]))), "servers/a/:tools").rows
    assert command_of(tool.id) == SetTool(A, name, False)
    assert tool.label.isprintable()
    assert tool.label.strip()


@given(
    tool=st.sampled_from("pqr"),
    on=st.booleans(),
    enabled=st.lists(st.sampled_from("pqr"), unique=True),
    disabled=st.lists(st.sampled_from("pqr"), unique=True),
)
def test_switching_changes_that_tool_and_nothing_else(
    tool: str, on: bool, enabled: list[str], disabled: list[str]
) -> None:
    """Through the file and back: what the entry permits differs in one tool at most."""
    entry = {"command": "x", "enabled_tools": enabled, "disabled_tools": disabled}
    other = {"command": "y", "disabled_tools": ["p"]}
    text = json.dumps({"mcpServers": {"a": entry, "b": other}}, indent=2)
    document = parse(text)
    before = read(document, Overrides())
    after = read(
        parse(edited(document, before.entries, switched(before.config.servers[A], tool, on))),
        Overrides(),
    ).config.servers
    assert after[A].permits(tool) is on
    for each in set("pqrs") - {tool}:
        assert after[A].permits(each) == before.config.servers[A].permits(each)
    assert after[ServerName("b")] == before.config.servers[ServerName("b")]
    assert after[A].connection_key == before.config.servers[A].connection_key, "no new connection"


@pytest.mark.parametrize("on", [True, False])
def test_a_tick_asks_for_the_change_and_one_of_a_server_that_is_gone_says_so(on: bool) -> None:
    """The entry is taken from the file as it is active now."""
    engine = ScriptedEngine([listing("a", ["x"])])
    config = ServerConfig(name=A, transport=Stdio(command="x"), disabled_tools=("y",))
    engine.store.set_config(Config(servers=MappingProxyType({A: config})))
    person = Person(engine, None)
    person.click(f"servers/a/:tools/{':tool-on' if on else ':tool-off'}=x")
    assert engine.asked == [switched(config, "x", on)]
    engine.store.set_config(Config())
    person.click("servers/a/:tools/:tool-on=x")
    assert person.hears() == [("That did not work", "a is no longer in the config file.")]
