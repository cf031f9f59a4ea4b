"""The list of servers is what it would be without remembering anything."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from core.model.config import Config, ServerConfig, ServerName, Stdio
from core.model.status import Phase, Snapshot
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
    encoded, servers, entries = EncodedServers(), {}, {}
    for number, (name, step) in enumerate(steps):
        match step:
            case "change":
                phase = list(Phase)[number % len(Phase)]
                servers[name] = status(phase, rev=number, name=name)
            case "remove":
                servers.pop(name, None)
            case "edit":
                entries[name] = ServerConfig(name=name, transport=Stdio(command=f"run{number}"))
            case _:
                entries.pop(name, None)
        config = Config(revision=number, servers=MappingProxyType(dict(entries)))
        snapshot = Snapshot(
            boot="b", seq=number, servers=MappingProxyType(dict(servers)), config=config
        )
        fresh = [msgspec.json.encode(wire.server_json(each, config)) for each in servers.values()]
        assert [bytes(raw) for raw in encoded.all(snapshot)] == fresh


def test_a_server_that_stays_as_it_is_is_encoded_once() -> None:
    """The very same bytes are given again, while its neighbour changes."""
    still, moving = status(name=NAMES[0]), status(name=NAMES[1])
    encoded = EncodedServers()

    def listed(rev: int) -> list[msgspec.Raw]:
        servers = {still.name: still, moving.name: replace(moving, rev=rev)}
        return list(encoded.all(Snapshot(boot="b", servers=MappingProxyType(servers))))

    first, second = listed(8), listed(9)
    assert first[0] is second[0]
    assert first[1] is not second[1]
