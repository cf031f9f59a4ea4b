"""The JSON shapes: complete, and without a secret."""

from __future__ import annotations

from datetime import UTC, datetime
from types import MappingProxyType

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.config import Config, Http, Problem, ServerConfig, ServerName, Setting, Stdio
from core.model.faults import Fault, FaultCode
from core.model.masks import masked_url
from core.model.notices import Notice, NoticeCode, Severity
from core.model.status import (
    AdminState,
    ConfigProblem,
    Health,
    Level,
    Peer,
    Phase,
    ServerStatus,
    Snapshot,
)
from core.model.tools import Tool
from core.web import wire

AT = datetime(2026, 11, 23, 10, 0, 0, 250000, tzinfo=UTC)
NAME = ServerName("git")


def decoded(shape: msgspec.Struct) -> object:
    return msgspec.json.decode(msgspec.json.encode(shape))


def status(phase: Phase = Phase.READY, *, rev: int = 7, name: ServerName = NAME) -> ServerStatus:
    fault = Fault(FaultCode.CRASHED, "git ended with exit status 3.", "last line")
    return ServerStatus(
        name=name,
        phase=phase,
        health=Health(level=Level.HEALTHY, admin_state=AdminState.ENABLED, summary="Ready"),
        since=AT,
        rev=rev,
        attempt=2,
        retry_at=AT if phase is Phase.BACKOFF else None,
        fault=fault if phase is Phase.BACKOFF else None,
        peer=Peer(
            name="git",
            version="1",
            protocol_version="2025-11-25",
            pid=42,
            tools=(Tool("commit", b"{}"),),
        )
        if phase is Phase.READY
        else None,
    )


def config(*entries: ServerConfig) -> Config:
    return Config(revision=3, servers=MappingProxyType({each.name: each for each in entries}))


def test_a_ready_server() -> None:
    """Every field a client may rely on, by name and in its JSON form."""
    entry = ServerConfig(
        name=NAME,
        transport=Stdio(
            command="uvx",
            args=("mcp-server-git", "https://u:pw@host/x?token=abc"),
            env=(Setting("TOKEN", "s3cret"),),
            working_dir="/repo",
        ),
    )
    assert decoded(wire.server_json(status(), config(entry))) == {
        "name": "git",
        "kind": "stdio",
        "status": "ready",
        "since": "2026-11-23T10:00:00.250000Z",
        "health": {
            "level": "healthy",
            "admin_state": "enabled",
            "summary": "Ready",
            "detail": "",
            "action": "",
        },
        "quarantined": False,
        "tool_count": 1,
        "pid": 42,
        "attempt": 2,
        "retry_at": None,
        "fault": None,
        "peer": {
            "name": "git",
            "version": "1",
            "protocol_version": "2025-11-25",
            "prompt_count": 0,
            "resource_count": 0,
        },
        "review": {"hash": "", "hold": "", "pending": [], "changed": []},
        "may": ["restart", "disable"],
        "rev": 7,
        "enabled": True,
        "enabled_tools": [],
        "disabled_tools": [],
        "protocol": "stdio",
        "command": "uvx",
        "args": ["mcp-server-git", "https://***@host/x?token=***"],
        "env": {"TOKEN": "***"},
        "working_dir": "/repo",
        "url": None,
        "headers": {},
    }


def test_a_server_in_backoff() -> None:
    """The fault and the time of the next try are there, the peer is not."""
    shown = wire.status_json(status(Phase.BACKOFF))
    assert decoded(shown)["fault"] == {
        "code": "CRASHED",
        "kind": "transient",
        "message": "git ended with exit status 3.",
        "detail": "last line",
        "action": "restart",
    }
    assert decoded(shown)["retry_at"] == "2026-11-23T10:00:00.250000Z"
    assert decoded(shown)["peer"] is None


def test_an_http_server() -> None:
    """URL and headers are shown without what may be secret in them."""
    entry = ServerConfig(
        name=NAME,
        transport=Http(
            url="https://user:pw@api.example.com:8443/mcp?key=abc&x=",
            headers=(Setting("Authorization", "Bearer abc"),),
            protocol="sse",
        ),
        enabled=False,
    )
    shown = wire.server_json(status(), config(entry))
    assert shown.url == "https://***@api.example.com:8443/mcp?key=***&x=***"
    assert shown.headers == {"Authorization": "***"}
    assert (shown.protocol, shown.enabled, shown.command) == ("sse", False, None)


def test_a_server_no_longer_configured() -> None:
    """While a removed server stops, its status shows and its entry does not."""
    shown = wire.server_json(status(Phase.STOPPING), config())
    assert (shown.name, shown.enabled, shown.command, shown.env) == ("git", False, None, {})


SECRET = st.text("abcdefXYZ0189-_.~!$'()*", min_size=6, max_size=20).map(lambda t: f"SeCrEt{t}")


@given(
    user=SECRET, password=SECRET, value=SECRET, fragment=SECRET, path=st.sampled_from(["", "/mcp"])
)
def test_no_part_of_a_url_that_may_be_secret_survives(
    user: str, password: str, value: str, fragment: str, path: str
) -> None:
    """User, password, query values, bare queries and fragments are masked; the host is not."""
    for query in (f"a={value}&b", value):
        shown = masked_url(f"https://{user}:{password}@example.com{path}?{query}#{fragment}")
        assert "SeCrEt" not in shown.replace(f"{value}=***", "")
        assert shown.startswith(f"https://***@example.com{path}?")


@given(st.text(max_size=80))
def test_masking_never_fails(text: str) -> None:
    """Whatever people write as an argument, the list of servers still answers."""
    shown = masked_url(text)
    if "://" not in text:
        assert shown == text


@pytest.mark.parametrize("text", ["http://[::1", "x://a b/?=&&=", "://"])
def test_masking_of_broken_urls(text: str) -> None:
    """A URL that cannot be taken apart is not shown in parts."""
    assert isinstance(masked_url(text), str)


def test_a_delta_holds_what_changed_and_all_names() -> None:
    """Removals need no tombstones: whoever is not named is gone; without names nobody is."""
    old, new = status(rev=3), status(rev=9, name=ServerName("time"))
    snapshot = Snapshot(
        boot="b", seq=9, servers=MappingProxyType({old.name: old, new.name: new}), config=config()
    )
    notice = Notice(
        seq=8,
        at=AT,
        code=NoticeCode.CONFIG_REJECTED,
        severity=Severity.WARNING,
        args=(("why", "line 3"),),
    )
    assert wire.delta_json(snapshot, 3, [new], None).names is None
    delta = wire.delta_json(snapshot, 3, [new], snapshot.servers, (notice,), 2)
    assert [each.name for each in delta.servers] == ["time"]
    assert delta.names == ("git", "time")
    assert (delta.since, delta.seq, delta.dropped, delta.config_revision) == (3, 9, 2, 3)
    assert decoded(delta)["notices"] == [
        {
            "seq": 8,
            "at": "2026-11-23T10:00:00.250000Z",
            "code": "config_rejected",
            "severity": "warning",
            "server": None,
            "args": {"why": "line 3"},
        }
    ]


def test_a_config_problem_is_shown_with_paths_and_lines() -> None:
    """All errors at once, where they are."""
    problem = ConfigProblem("/c.json", (Problem("mcpServers[0].url", "is missing", 4),))
    snapshot = Snapshot(boot="b", config_problem=problem)
    assert decoded(wire.snapshot_json(snapshot))["config_problem"] == {
        "file": "/c.json",
        "problems": [{"path": "mcpServers[0].url", "message": "is missing", "line": 4}],
    }


def test_stats_count_every_phase() -> None:
    """All phases are present, so that a reader never has to guess what absence means."""
    ready, waiting = status(), status(Phase.BACKOFF, name=ServerName("x"))
    servers = MappingProxyType({each.name: each for each in (ready, waiting)})
    stats = wire.stats_json(Snapshot(boot="b", servers=servers))
    assert set(stats.states) == {phase.value for phase in Phase}
    assert (stats.total_servers, stats.connected_servers, stats.total_tools) == (2, 1, 1)
    assert stats.states["backoff"] == 1
