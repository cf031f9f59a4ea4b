"""The list of servers is what it would be without remembering anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from core.model.chunked import Chunked
from core.model.config import Config, ServerConfig, ServerName, Stdio
from core.model.status import Phase, ServerStatus, Snapshot
from core.web import wire
from core.web.encoded import EncodedServers
from tests.unit.web.test_web_wire import status

NAMES = [ServerName(name) for name in ("a", "b", "c")]
STEPS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(["change", "remove", "edit", "forget"])),
    max_size=20,
)


@given(STEPS)
def test_what_is_remembered_is_what_is(steps: list[tuple[ServerName, str]]) -> None:
    """Servers that change, go and come back, entries edited or taken out: never the old bytes."""
    encoded, entries = EncodedServers(), {}
    servers = Chunked[ServerName, ServerStatus]()
    for number, (name, step) in enumerate(steps):
        match step:
            case "change":
                phase = list(Phase)[number % len(Phase)]
                servers = servers.put(name, status(phase, rev=number, name=name))
            case "remove":
                servers = servers.without(name)
            case "edit":
                entries[name] = ServerConfig(name=name, transport=Stdio(command=f"run{number}"))
            case _:
                entries.pop(name, None)
        config = Config(revision=number, servers=MappingProxyType(dict(entries)))
        snapshot = Snapshot(boot="b", seq=number, servers=servers, config=config)
        fresh = msgspec.json.encode([wire.server_json(each, config) for each in servers.values()])
        assert msgspec.json.encode(encoded.all(snapshot)) == fresh


Servers = Mapping[ServerName, ServerStatus]


def listed(
    encoded: EncodedServers, servers: Mapping[ServerName, ServerStatus]
) -> list[dict[str, object]]:
    raw = msgspec.json.encode(encoded.all(Snapshot(boot="b", servers=servers)))
    return msgspec.json.decode(raw, type=list[dict[str, object]])


def test_a_server_that_stays_as_it_is_is_encoded_once() -> None:
    """It is not looked at again while its neighbour changes: what it says meanwhile is not seen."""
    still, moving = status(name=NAMES[0]), status(name=NAMES[1])
    encoded = EncodedServers()
    servers = Chunked([(still.name, still), (moving.name, moving)])
    first = listed(encoded, servers)
    object.__setattr__(still, "rev", 99)
    servers = servers.put(moving.name, replace(moving, rev=100))
    second = listed(encoded, servers)
    assert second[0] == first[0]
    assert second[1]["rev"] == 100
