"""Reconciling: carrying out the plan makes the running what is wanted, and does no more."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from core.lifecycle.reconcile import Plan, plan
from core.model.config import ServerConfig, ServerName, Setting, Stdio
from tests.unit.lifecycle.samples import CONFIGS

NAMES = [ServerName(name) for name in ("a", "b", "c", "d", "e")]
WORLDS = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(CONFIGS)).map(
    lambda chosen: {name: replace(config, name=name) for name, config in chosen.items()}
)
Servers = dict[ServerName, ServerConfig]


def carried_out(running: Servers, todo: Plan) -> Servers:
    after = dict(running)
    for name in todo.remove:
        del after[name]
    for config in todo.update:
        assert config.name in after
        after[config.name] = config
    for config in todo.start:
        assert config.name not in after
        after[config.name] = config
    return after


@given(WORLDS, WORLDS)
def test_reaches_what_is_wanted(desired: Servers, running: Servers) -> None:
    """After the plan the running are the wanted ones, and the next plan is empty."""
    after = carried_out(running, plan(desired, running))
    assert after == desired
    assert plan(desired, after).empty
    assert plan(desired, after) == Plan()


@given(WORLDS, WORLDS)
def test_touches_only_what_differs(desired: Servers, running: Servers) -> None:
    """A server whose entry is equal is in no part of the plan, others in exactly one."""
    todo = plan(desired, running)
    touched = [*(c.name for c in todo.start), *(c.name for c in todo.update), *todo.remove]
    assert len(touched) == len(set(touched))
    differing = {name for name in NAMES if desired.get(name) != running.get(name)}
    assert set(touched) == differing
    assert todo.empty == (not differing)


@given(WORLDS, WORLDS)
def test_order(desired: Servers, running: Servers) -> None:
    """New servers start in the order of the file; removals go in reverse of the running."""
    todo = plan(desired, running)
    assert [c.name for c in todo.start] == [name for name in desired if name not in running]
    assert list(todo.remove) == [name for name in reversed(running) if name not in desired]


def test_every_field_counts() -> None:
    """The whole entry is compared: arguments, environment, directory, limits, flags."""
    name = ServerName("a")
    old = ServerConfig(name=name, transport=Stdio(command="x"))
    for new in (
        replace(old, transport=Stdio(command="x", args=("1",))),
        replace(old, transport=Stdio(command="x", env=(Setting("A", "1"),))),
        replace(old, transport=Stdio(command="x", working_dir="/")),
        replace(old, enabled=False),
        replace(old, quarantined=True),
        replace(old, init_timeout=1.0),
        replace(old, call_timeout=1.0),
        replace(old, max_concurrent_requests=1),
    ):
        assert plan({name: new}, {name: old}) == Plan(update=(new,))
