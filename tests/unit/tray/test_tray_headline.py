"""One sentence for all faces: the tray's title, REST, the command line and systemd."""

from __future__ import annotations

from types import MappingProxyType

from hypothesis import given
from hypothesis import strategies as st

from core.model.config import ServerName
from core.model.headline import headline
from core.model.status import EnginePhase, Phase, Snapshot
from core.web.wire import stats_json
from tests.fakes.tray_engine import ENDPOINT, NOON, status
from tray_app import text
from tray_app.view import view_of

PHASES = st.lists(st.sampled_from(list(Phase)), max_size=8)
ENGINES = st.sampled_from(list(EnginePhase))


@given(PHASES, ENGINES, st.sampled_from([ENDPOINT, None]))
def test_the_tray_and_rest_say_the_same(
    phases: list[Phase], engine: EnginePhase, endpoint: str | None
) -> None:
    """Whatever the servers do; the numbers in it add up to all that are wanted."""
    servers = {}
    for number, phase in enumerate(phases):
        retry_at = NOON if phase is Phase.BACKOFF else None
        one = status(f"s{number}", phase, retry_at=retry_at)
        servers[ServerName(one.name)] = one
    world = Snapshot(boot="b", engine=engine, endpoint=endpoint, servers=MappingProxyType(servers))
    said = headline(world)
    assert stats_json(world).summary == said
    assert view_of(world).title == text.headline(said)
    if " of " in said:
        ready, _, rest = said.partition(" of ")
        wanted = int(rest.split()[0])
        others = [int(part.split()[0]) for part in said.split(", ")[1:]]
        disabled = phases.count(Phase.DISABLED)
        assert int(ready) == phases.count(Phase.READY)
        assert wanted == len(phases) - disabled
        assert int(ready) + sum(others) == len(phases)
