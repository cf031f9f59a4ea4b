"""What must be true of the program whatever was done to it, found from outside it.

The numbers are those of the invariants: I1 no process left, I2 nothing leaked, I3 one answer per
request, I4 bystanders served throughout, I5 one truth everywhere, I6 the right next step, I7 no
secret told, I8 well again by itself. Functions return what is wrong in words; none is none.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.pace import within

Json = dict[str, Any]

PROC = Path("/proc")
OWNER = "MCPPROXY_OWNER"
RUN = "FAULTS_RUN"  # the tests' own mark, in every server's environment beside the program's
SOON = within(5.0)  # seconds for what ends after its cause


@dataclass(frozen=True, slots=True)
class Found:
    """A process that still runs, and how it was started."""

    pid: int
    command: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command})"


def carriers(*marks: str) -> list[Found]:
    """Every process whose environment or command line has one of the marks (I1)."""
    wanted = [mark.encode() for mark in marks if mark]
    return [
        Found(pid, command.replace(b"\0", b" ").decode(errors="replace").strip()[:120])
        for pid, environment, command in _processes()
        if any(mark in environment or mark in command for mark in wanted)
    ]


def _processes() -> Iterator[tuple[int, bytes, bytes]]:
    for entry in PROC.iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            # A zombie has neither: it is not running.
            yield int(entry.name), (entry / "environ").read_bytes(), _command_line(entry)
        except OSError:
            continue  # ended meanwhile


def _command_line(entry: Path) -> bytes:
    return (entry / "cmdline").read_bytes()


def _children(task: Path) -> list[str]:
    """Pids of the children of one thread, which may have ended meanwhile."""
    try:
        return (task / "children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def reapers(program: int) -> list[int]:
    """The children of the program that end its servers when it was itself killed."""
    found = []
    for task in (PROC / str(program) / "task").iterdir():
        for child in _children(task):
            with suppress(OSError):
                if b"reaper" in _command_line(PROC / child):
                    found.append(int(child))
    return found


def command_lines_with(secrets: Iterable[str]) -> list[str]:
    """What ``ps`` shows of the secrets (I7)."""
    wanted = [secret.encode() for secret in secrets]
    return [
        f"command line of process {pid} tells a secret"
        for pid, _, command in _processes()
        if any(secret in command for secret in wanted)
    ]


def files_with(directory: Path, secrets: Iterable[str]) -> list[str]:
    """Files below a directory that hold one of the secrets (I7)."""
    wanted = [secret.encode() for secret in secrets]
    return [
        f"{path.relative_to(directory)} holds a secret"
        for path in sorted(directory.rglob("*"))
        if path.is_file() and any(secret in path.read_bytes() for secret in wanted)
    ]


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a process holds: open descriptors, threads, tasks of its loop, children (I2)."""

    files: int
    threads: int
    tasks: int
    children: int

    @classmethod
    def of(cls, pid: int, metrics: str) -> Footprint:
        """``metrics`` is a scrape made just before."""
        proc = PROC / str(pid)
        children = sum(len(_children(task)) for task in (proc / "task").iterdir())
        return cls(
            files=sum(1 for _ in (proc / "fd").iterdir()),
            threads=sum(1 for _ in (proc / "task").iterdir()),
            tasks=int(metric(metrics, "mcpproxy_tasks")),
            children=children,
        )

    def beyond(self, before: Footprint, spare_threads: int = 2) -> list[str]:
        """What is more than before. Pools of threads fill when they are first needed."""
        found = []
        for what in ("files", "threads", "tasks", "children"):
            then, now = getattr(before, what), getattr(self, what)
            if now > then + (spare_threads if what == "threads" else 0):
                found.append(f"{what}: {then} before, {now} after")
        return found


def samples(text: str, name: str) -> dict[tuple[tuple[str, str], ...], float]:
    """The samples of one metric by their labels."""
    return {
        tuple(sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def metric(text: str, name: str, **labels: str) -> float:
    """One sample; 0 where there is none yet."""
    return samples(text, name).get(tuple(sorted(labels.items())), 0.0)


def disagreements(rest: Iterable[Json], world: Json, metrics: str) -> list[str]:
    """Where REST, the event stream and the metrics of one moment differ (I5)."""
    found = []
    told = {server["name"]: server for server in rest}
    streamed = world["servers"]
    if set(told) != set(streamed):
        found.append(f"REST knows {sorted(told)}, the stream {sorted(streamed)}")
    for name in set(told) & set(streamed):
        for key, value in streamed[name].items():
            if told[name].get(key) != value:
                found.append(f"{name}.{key}: REST {told[name].get(key)!r}, stream {value!r}")
    ones = {
        (dict(labels)["server"], dict(labels)["state"])
        for labels, value in samples(metrics, "mcpproxy_server_state").items()
        if value == 1.0
    }
    expected = {(name, server["status"]) for name, server in told.items()}
    if ones != expected:
        found.append(f"metrics say {sorted(ones - expected)}, REST {sorted(expected - ones)}")
    tools = sum(server["tool_count"] for server in told.values())
    if metric(metrics, "mcpproxy_tools") != tools:
        found.append(f"metrics count {metric(metrics, 'mcpproxy_tools')} tools, REST {tools}")
    return found


async def eventually(look: Callable[[], list[str]], limit: float = SOON) -> list[str]:
    """What ``look`` still finds after ``limit`` seconds; empty as soon as it finds nothing.

    Another process does not tell when it closes a descriptor or ends, so it is looked at.
    """
    deadline = time.monotonic() + limit
    found = look()
    for pause in repeat(0.02):
        if not found or time.monotonic() > deadline:
            break
        await asyncio.sleep(pause)
        found = look()
    return found
