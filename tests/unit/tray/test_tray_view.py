"""What the tray shows for which world: situation by situation, and for any world at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, timedelta, timezone
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.config import Config, Problem, ServerConfig, ServerName, Stdio
from core.model.faults import Fault, FaultCode
from core.model.intents import RestartServer, RestoreConfig, SetEnabled, allowed
from core.model.status import (
    ConfigProblem,
    EnginePhase,
    Phase,
    ServerStatus,
    Snapshot,
)
from tests.fakes.tray_engine import ENDPOINT, NOON, status
from tray_app.actions import Verb, command_of
from tray_app.menu import ATTENTION_LIMIT
from tray_app.row import GROUP_SIZE, Row
from tray_app.view import IconState, TrayView, view_of

MISSING = Fault(FaultCode.SPAWN_ENOENT, '"npx" was not found.')
SECRET = Fault(FaultCode.MISSING_SECRET, "API_KEY has no value.")
BROKEN_FILE = ConfigProblem("/home/me/mcp_config.json", (Problem("mcpServers[0].url", "bad", 3),))


def world(
    *servers: ServerStatus,
    engine: EnginePhase = EnginePhase.RUNNING,
    endpoint: str | None = ENDPOINT,
    problem: ConfigProblem | None = None,
) -> Snapshot:
    return Snapshot(
        boot="b",
        engine=engine,
        endpoint=endpoint,
        config_problem=problem,
        servers=MappingProxyType({each.name: each for each in servers}),
    )


def walk(rows: Iterable[Row]) -> Iterator[Row]:
    for row in rows:
        yield row
        yield from walk(row.rows)


def row(view: TrayView, id_: str) -> Row:
    return next(each for each in walk(view.menu) if each.id == id_)


def ids(rows: Iterable[Row]) -> list[str]:
    return [each.id for each in rows]


SITUATIONS = [
    ("nothing configured", world(), "no servers configured", IconState.OK),
    ("engine starting", world(engine=EnginePhase.STARTING), "starting", IconState.STARTING),
    (
        "engine stopping",
        world(status("a"), engine=EnginePhase.STOPPING),
        "stopping",
        IconState.STARTING,
    ),
    (
        "endpoint not up",
        world(status("a"), endpoint=None),
        "AI clients cannot connect",
        IconState.OFFLINE,
    ),
    ("all ready", world(status("a"), status("b")), "2 of 2 ready", IconState.OK),
    (
        "first attempt",
        world(status("a"), status("b", Phase.CONNECTING)),
        "1 of 2 ready, 1 connecting",
        IconState.STARTING,
    ),
    (
        "later attempt",
        world(status("a"), status("b", Phase.CONNECTING, attempt=2)),
        "1 of 2 ready, 1 connecting",
        IconState.ATTENTION,
    ),
    (
        "waiting to retry",
        world(status("a"), status("b", Phase.BACKOFF, retry_at=NOON)),
        "1 of 2 ready, 1 waiting to try again",
        IconState.ATTENTION,
    ),
    (
        "given up",
        world(status("a"), status("b", Phase.FAILED, fault=MISSING)),
        "1 of 2 ready, 1 stopped",
        IconState.ERROR,
    ),
    (
        "sign-in needed",
        world(status("a"), status("b", Phase.AUTH_REQUIRED)),
        "1 of 2 ready, 1 needs sign-in",
        IconState.ATTENTION,
    ),
    (
        "two sign-ins needed",
        world(status("a", Phase.AUTH_REQUIRED), status("b", Phase.AUTH_REQUIRED)),
        "0 of 2 ready, 2 need sign-in",
        IconState.ATTENTION,
    ),
    (
        "value missing is calm",
        world(status("a", Phase.FAILED, fault=SECRET)),
        "0 of 1 ready, 1 stopped",
        IconState.ATTENTION,
    ),
    (
        "waits for approval",
        world(status("a", quarantined=True)),
        "0 of 1 ready, 1 needs approval",
        IconState.ATTENTION,
    ),
    (
        "all disabled",
        world(status("a", Phase.DISABLED), status("b", Phase.DISABLED)),
        "all 2 servers are disabled",
        IconState.PAUSED,
    ),
    (
        "the only one disabled",
        world(status("a", Phase.DISABLED)),
        "its only server is disabled",
        IconState.PAUSED,
    ),
    (
        "some disabled",
        world(status("a"), status("b", Phase.DISABLED)),
        "1 of 1 ready, 1 disabled",
        IconState.OK,
    ),
    (
        "one stopping",
        world(status("a"), status("b", Phase.STOPPING)),
        "1 of 2 ready, 1 stopping",
        IconState.OK,
    ),
    (
        "file not applied",
        world(status("a"), problem=BROKEN_FILE),
        "1 of 1 ready",
        IconState.ATTENTION,
    ),
    (
        "worst wins",
        world(
            status("a", Phase.FAILED, fault=MISSING),
            status("b", Phase.AUTH_REQUIRED),
            status("c", Phase.CONNECTING),
            status("d", Phase.DISABLED),
            status("e", Phase.BACKOFF, retry_at=NOON),
            status("f"),
        ),
        "1 of 5 ready, 1 stopped, 1 needs sign-in, 1 waiting to try again, 1 connecting, "
        "1 disabled",
        IconState.ERROR,
    ),
]


@pytest.mark.parametrize(
    ("snapshot", "headline", "icon"),
    [each[1:] for each in SITUATIONS],
    ids=[each[0] for each in SITUATIONS],
)
def test_headline_and_icon(snapshot: Snapshot, headline: str, icon: IconState) -> None:
    """Each situation has its words in title and menu header, and its icon."""
    view = view_of(snapshot)
    assert view.title == f"MCP Proxy - {headline}"
    assert view.menu[0] == Row("header", view.title, enabled=False)
    assert view.icon is icon


def test_problem_row_names_server_cause_and_time() -> None:
    """A waiting server's row says what happened and, on the person's clock, when it goes on."""
    fault = Fault(FaultCode.CRASHED, "Ended with exit status 3.")
    retry = NOON + timedelta(minutes=3, seconds=27)
    waiting = status("db", Phase.BACKOFF, fault=fault, retry_at=retry)
    view = view_of(world(waiting), zone=timezone(timedelta(hours=2)))
    words = "db - Waiting to try again, next try 14:03:27: Ended with exit status 3."
    assert row(view, "attention/db").label == words
    assert view.tooltip == words
    assert row(view, "servers/db").label == "db - Waiting to try again, next try 14:03:27"


def test_healthy_world_has_no_attention_section() -> None:
    """Nothing is said to need attention when nothing does."""
    view = view_of(world(status("a"), status("b", Phase.DISABLED)))
    assert ids(view.menu) == [
        "header",
        "separator-servers",
        "servers",
        "calls",
        "separator-tools",
        ":add-server",
        ":open-dashboard",
        ":open-config",
        ":copy-endpoint",
        ":pause",
        "snooze",
        "diagnostics",
        "separator-end",
        ":quit",
    ]
    assert view.tooltip == ""


@pytest.mark.parametrize(
    ("fault", "phase", "first"),
    [
        (MISSING, Phase.FAILED, "Open the config file"),
        (SECRET, Phase.FAILED, "How to give the missing value"),
        (Fault(FaultCode.INTERNAL, "A bug."), Phase.FAILED, "Restart"),
        (Fault(FaultCode.CRASHED, "Ended."), Phase.BACKOFF, "Retry now"),
        (Fault(FaultCode.EXIT_EARLY, "Ended early."), Phase.BACKOFF, "View log"),
        (Fault(FaultCode.CRASH_LOOP, "Gave up."), Phase.FAILED, "View log"),
    ],
)
def test_problem_row_begins_with_the_next_step(fault: Fault, phase: Phase, first: str) -> None:
    """The first entry below a problem is the one that its fault calls for."""
    at = NOON if phase is Phase.BACKOFF else None
    view = view_of(world(status("a", phase, fault=fault, retry_at=at)))
    assert row(view, "attention/a").rows[0].label == first


def test_config_problem_is_a_line_that_opens_the_file() -> None:
    """A rejected edit is told with its place, and the file can be opened from there."""
    view = view_of(world(problem=BROKEN_FILE))
    line = row(view, "config")
    assert "mcpServers[0].url: bad (line 3)" in line.label
    assert [each.label for each in line.rows] == [
        "Open the config file at line 3",
        "Restore the last good settings",
    ]
    assert command_of(line.rows[1].id) == RestoreConfig()


def test_many_problems_are_cut_and_counted() -> None:
    """The top of the menu holds a few problems and says how many more there are."""
    failed = [status(f"s{n:02}", Phase.FAILED, fault=MISSING) for n in range(ATTENTION_LIMIT + 3)]
    view = view_of(world(*failed))
    assert len([each for each in ids(view.menu) if each.startswith("attention/")]) == (
        ATTENTION_LIMIT
    )
    assert row(view, "attention-more").label == "and 3 more under Servers"


def test_f29_many_servers_are_grouped() -> None:
    """No submenu holds more servers than fit; groups are named by their first and last."""
    many = [status(f"s{n:03}") for n in range(2 * GROUP_SIZE + 1)]
    groups = row(view_of(world(*many)), "servers").rows
    assert [group.label for group in groups] == [
        "s000 to s024 (25)",
        "s025 to s049 (25)",
        "s050 to s050 (1)",
    ]
    assert sum(len(group.rows) for group in groups) == len(many)


def test_servers_are_sorted_without_regard_to_case() -> None:
    """Names are in the order a person looks for them."""
    view = view_of(world(status("beta"), status("Alpha"), status("alpha"), status("Gamma")))
    assert [each.id for each in row(view, "servers").rows] == [
        "servers/Alpha",
        "servers/alpha",
        "servers/beta",
        "servers/Gamma",
    ]


@pytest.mark.parametrize("phase", list(Phase))
def test_verbs_are_greyed_as_the_core_allows(phase: Phase) -> None:
    """Restart and Enable or Disable can be clicked exactly when the intents make sense."""
    one = status("a", phase, retry_at=NOON if phase is Phase.BACKOFF else None)
    rows = {each.id: each for each in row(view_of(world(one)), "servers/a").rows}
    switch = Verb.ENABLE if phase is Phase.DISABLED else Verb.DISABLE
    assert rows[f"servers/a/{Verb.RESTART}"].enabled == (RestartServer in allowed(one))
    assert rows[f"servers/a/{switch}"].enabled == (SetEnabled in allowed(one))
    assert rows[f"servers/a/{Verb.VIEW_LOG}"].enabled


@pytest.mark.parametrize(
    ("running", "label"),
    [(0, "Quit"), (1, "Quit (stops 1 server)"), (3, "Quit (stops 3 servers)")],
)
def test_quit_says_what_it_stops(running: int, label: str) -> None:
    """The count is of servers that run, not of those configured."""
    servers = [status(f"s{n}") for n in range(running)]
    view = view_of(world(*servers, status("off", Phase.DISABLED)))
    assert view.menu[-1] == Row(":quit", label)


def test_copying_needs_an_endpoint() -> None:
    """The endpoint cannot be copied before there is one."""
    assert row(view_of(world()), ":copy-endpoint").enabled
    assert not row(view_of(world(endpoint=None)), ":copy-endpoint").enabled


def test_long_words_stay_on_one_short_line() -> None:
    """A fault's long, many-lined message neither widens nor breaks the menu."""
    fault = Fault(FaultCode.CRASHED, "line\n" * 200)
    label = row(view_of(world(status("a", Phase.FAILED, fault=fault))), "attention/a").label
    assert "\n" not in label
    assert len(label) <= 100
    assert label.endswith("…")


names = st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True)


@st.composite
def statuses(draw: st.DrawFn, name: str) -> ServerStatus:
    phase = draw(st.sampled_from(Phase))
    code = draw(st.sampled_from(FaultCode))
    fault = Fault(code, draw(st.text(max_size=150)))
    has_fault = phase in (Phase.BACKOFF, Phase.FAILED, Phase.AUTH_REQUIRED)
    return status(
        name,
        phase,
        fault=fault if has_fault else None,
        attempt=draw(st.integers(0, 9)),
        retry_at=draw(st.datetimes(timezones=st.just(UTC))) if phase is Phase.BACKOFF else None,
        quarantined=draw(st.booleans()),
        enabled=draw(st.booleans()),
    )


@st.composite
def worlds(draw: st.DrawFn) -> Snapshot:
    chosen = draw(st.lists(names, unique=True, max_size=6))
    crowd = draw(st.sampled_from((0, 0, GROUP_SIZE, 3 * GROUP_SIZE)))
    listed = (
        *(draw(statuses(name)) for name in chosen),
        *(status(f"crowd.{number}") for number in range(crowd)),
    )
    configs = {
        each.name: ServerConfig(name=each.name, transport=Stdio(command="x")) for each in listed
    }
    made = world(
        *listed,
        engine=draw(st.sampled_from(EnginePhase)),
        endpoint=draw(st.sampled_from((None, ENDPOINT))),
        problem=draw(st.sampled_from((None, BROKEN_FILE))),
    )
    return replace(made, config=Config(servers=MappingProxyType(configs)))


@given(worlds())
def test_any_world_can_be_shown(snapshot: Snapshot) -> None:
    """Ids are unique in the menu, words unique among siblings, and clicks lead to their server."""
    view = view_of(snapshot, zone=UTC)
    all_rows = list(walk(view.menu))
    assert len({each.id for each in all_rows}) == len(all_rows)
    for siblings in (view.menu, *(each.rows for each in all_rows)):
        words = [each.label for each in siblings if not each.separator]
        assert len(set(words)) == len(words)
        assert all(words)
    for each in all_rows:
        command = command_of(each.id)
        clickable = not each.rows and not each.separator and each.enabled
        assert not clickable or command is not None, each.id
        if isinstance(command, RestartServer | SetEnabled):
            assert command.name in snapshot.servers


@given(worlds(), st.data())
def test_ids_stay_when_words_change(snapshot: Snapshot, data: st.DataObject) -> None:
    """Another state of a server moves no row of the server list and changes no id there."""
    if not snapshot.servers:
        return
    name = data.draw(st.sampled_from(sorted(snapshot.servers)))
    other = data.draw(statuses(name))
    servers = MappingProxyType({**snapshot.servers, ServerName(name): other})
    before, after = (
        view_of(snapshot, zone=UTC),
        view_of(replace(snapshot, servers=servers), zone=UTC),
    )

    def submenus(view: TrayView) -> list[str]:
        found = [each.id for each in walk(row(view, "servers").rows) if each.rows]
        return [each for each in found if "/:tools" not in each]  # known while it is ready

    assert submenus(before) == submenus(after)
