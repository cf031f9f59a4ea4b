"""The checks that every test runs under do notice what they are for."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import core
from tests import conftest
from tests.leaks import Traces, adopt_orphans, alive

PRETENDED_FILE = str(Path(core.__file__).with_name("pretended.py"))


async def test_our_code_may_not_block_a_running_loop(tmp_path: Path) -> None:
    """A blocking call below a frame of core raises, and is remembered if that is swallowed."""
    ours: dict[str, object] = {"os": os, "directory": str(tmp_path)}
    call = compile("os.listdir(directory)", PRETENDED_FILE, "exec")
    with pytest.raises(conftest.BlockedTheLoop, match=r"os\.listdir"):
        exec(call, ours)
    assert len(conftest._blocked) == 1
    conftest._blocked.clear()


async def test_our_code_may_block_a_thread_of_its_own(tmp_path: Path) -> None:
    """The same call in a worker thread is what the rule asks for, and passes."""
    ours: dict[str, object] = {"os": os, "directory": str(tmp_path)}
    call = compile("os.listdir(directory)", PRETENDED_FILE, "exec")
    await asyncio.to_thread(exec, call, ours)


async def test_others_may_block_the_loop(tmp_path: Path) -> None:
    """A test's own blocking call is not our concern."""
    assert list(tmp_path.iterdir()) == []


def test_a_thread_left_behind_is_named() -> None:
    """A thread that outlives the test is reported by its name until it ends."""
    before = Traces.now()
    finish = threading.Event()
    thread = threading.Thread(target=finish.wait, name="straggler")
    thread.start()
    assert before.left_since(patience=0) == ["thread straggler"]
    finish.set()
    thread.join()
    assert before.left_since() == []


def test_a_file_left_open_is_named(tmp_path: Path) -> None:
    """A file descriptor that outlives the test is reported with what it is of."""
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("this system has no /proc/self/fd to name file descriptors")
    before = Traces.now()
    with (tmp_path / "kept").open("w") as kept:
        assert before.left_since() == [f"file descriptor {kept.fileno()} of {tmp_path / 'kept'}"]
    assert before.left_since() == []


def test_an_orphaned_grandchild_is_found_and_ended() -> None:
    """A grandchild whose parent is gone is reported, and does not outlive the report."""
    if sys.platform != "linux":
        pytest.skip("only Linux lets a process adopt its orphaned descendants")
    grandchild = "import sys, subprocess as s; print(s.Popen([sys.executable, '-c', 'input()'], "
    grandchild += "stdin=0).pid, flush=True)"
    before = Traces.now()
    adopt_orphans(True)
    try:
        with subprocess.Popen(
            [sys.executable, "-c", grandchild], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as child:
            assert child.stdout is not None
            orphan = int(child.stdout.readline())
            child.wait(10)
            (words,) = before.left_since(patience=0)[:1]
            assert words.startswith(f"process {orphan} ")
            assert not alive(orphan) or os.waitpid(orphan, 0)
    finally:
        adopt_orphans(False)
    assert not alive(orphan)


async def test_nothing_left_accepts_a_tidy_test(nothing_left: None) -> None:
    """Work done in a thread of the loop's pool and a process waited for leave no trace."""
    await asyncio.to_thread(os.getpid)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    assert await process.wait() == 0
