"""F54, F55 and F58: the disk full, read-only or failing, and log files that others take away."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.faults import storage
from tests.faults.conftest import SceneMaker
from tests.faults.invariants import eventually, metric
from tests.faults.scene import Json, Scene, entry, scene
from tests.faults.storage import DiskHome
from tests.faults.test_faults_config import is_well, sees, stands
from tests.mcp_http import RawClient
from tests.pace import within

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("nothing_left")]

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ")
BACK = within(5.0)  # seconds after which space that is there again is used (R9)


def disk_home(tmp_path: Path, script: str) -> DiskHome:
    """A home on a disk of its own."""
    storage.needs_namespaces()
    directory = tmp_path / "home"
    directory.mkdir(mode=0o700)
    return DiskHome(directory, script, hidden=script.startswith(storage.SMALL))


@asynccontextmanager
async def on_disk(tmp_path: Path, script: str) -> AsyncIterator[tuple[Scene, DiskHome]]:
    """The program on a disk of its own, with a server more than the bystander."""
    home = disk_home(tmp_path, script)
    async with scene(home) as play:
        home.pid = play.pid
        play.configure({"steady": entry()})
        await play.ready("steady")
        yield play, home


async def lost_lines(play: Scene) -> float:
    """How many log lines the disk has not taken so far."""
    return metric(await play.metrics(), "mcpproxy_log_lines_dropped_total")


async def chatter(play: Scene, text: str, times: int) -> None:
    """Let a server write lines on stderr, which the program logs."""
    client = RawClient(play.running.http, "/mcp/s/steady")
    await client.open()
    reply = await play.ledger.call(client, "stderr", text=f"{text}\n", times=times)
    assert "result" in reply, reply


async def chatter_until_lost(play: Scene, text: str, count: int) -> None:
    """Let a server write lines that the disk does not take until so many are counted."""
    async with asyncio.timeout(BACK):
        while await lost_lines(play) < count:
            await chatter(play, text, 50)


async def until_so(condition: Callable[[], object], limit: float = BACK) -> None:
    """Wait until the log's own thread has done its work, which it does not tell."""
    left = await eventually(lambda: [] if condition() else ["not so"], limit)
    assert left == []


async def switch(play: Scene, query: str = "") -> Json:
    """Ask for the server to be disabled; status and error, if any."""
    answer = await play.running.http.post(f"/api/v1/servers/steady/disable{query}")
    return {"status": answer.status_code, **(answer.json().get("error") or {})}


def names(home: DiskHome) -> set[str]:
    return {path.name for path in home.seen.iterdir()}


async def test_f54_on_a_full_disk_all_goes_on_and_only_what_needs_space_fails(
    tmp_path: Path,
) -> None:
    """A switch is refused in words with the file whole, log lines are counted and not half there,
    servers serve; as soon as there is space again both work, without a restart."""
    async with on_disk(tmp_path, storage.SMALL) as (play, home):
        before = play.world
        await chatter(play, "before", 1)
        log = home.seen / "data" / "logs" / "server-steady.log"
        await until_so(lambda: log.exists() and "before" in log.read_text())
        config, present = home.read(), names(home)
        filler = home.seen / "filler"
        storage.fill(filler)

        refused = await switch(play)
        assert (refused["status"], refused["code"]) == (500, "config_not_written")
        assert f"{home.config_file} cannot be written: No space left" in refused["message"]
        assert "Free some space" in refused["message"]
        assert home.read() == config
        assert names(home) == present | {"filler"}
        await chatter_until_lost(play, "x" * 200, 1)
        await stands(play, before)

        filler.unlink()
        began = time.monotonic()
        assert (await switch(play, "?wait=disabled"))["status"] == 200
        assert '"enabled": false' in home.read()
        await play.running.post("/api/v1/servers/steady/enable?wait=ready")
        await chatter(play, "after", 1)
        await until_so(lambda: log.read_text().endswith(" after\n"))
        assert time.monotonic() - began < BACK
        told = {STAMP.sub("", line, count=1) for line in log.read_text().splitlines()}
        assert told <= {"before", "x" * 200, "after"}


async def test_f54_a_full_disk_keeps_nobody_from_starting(tmp_path: Path) -> None:
    """With a config file there already, servers come up and serve without a byte of space."""
    home = disk_home(tmp_path, storage.SMALL + storage.FILLED)
    async with scene(home) as play:
        home.pid = play.pid
        assert is_well(play.world)
        assert (home.seen / "filler").exists()
        assert (await play.ledger.call(await play.client("canary")))["result"]
        await play.leave_alone()  # with space again it would open its database


async def test_f54_a_first_start_on_a_full_disk_says_what_is_missing(tmp_path: Path) -> None:
    """Without a config file there is nothing to run with: one sentence, and no traceback."""
    home = disk_home(tmp_path, storage.SMALL + storage.FILLED)
    code, said = await home.try_to_start()
    assert code == 4
    assert str(home.config_file) in said
    assert "no space left on device" in said
    assert "Traceback" not in said


async def test_f55_a_read_only_config_directory_refuses_switches_and_nothing_else(
    tmp_path: Path,
) -> None:
    """The reason is told, edits from outside still count, and once writable all works."""
    async with on_disk(tmp_path, storage.READ_ONLY) as (play, home):
        before = play.world
        config = home.read()
        refused = await switch(play)
        assert (refused["status"], refused["code"]) == (500, "config_not_written")
        assert "Read-only file system" in refused["message"]
        assert "Make it and its directory writable" in refused["message"]
        assert home.read() == config
        await stands(play, before)
        home.mount_again(".", "rw")
        assert (await switch(play, "?wait=disabled"))["status"] == 200


async def test_f55_logs_that_cannot_be_written_are_counted_and_resumed(tmp_path: Path) -> None:
    """A log directory that turns read-only costs its lines and nobody's time."""
    async with on_disk(tmp_path, storage.READ_ONLY) as (play, home):
        before = play.world
        home.mount_again("data/logs", "ro")
        await chatter_until_lost(play, "lost", 3)
        await stands(play, before)
        home.mount_again("data/logs", "rw")
        await chatter(play, "kept", 1)
        log = home.directory / "data" / "logs" / "server-steady.log"
        await until_so(lambda: log.exists() and log.read_text().endswith(" kept\n"))
        assert "lost" not in log.read_text()


async def test_f55_a_data_directory_that_is_not_ours_ends_the_start_in_one_sentence(
    tmp_path: Path,
) -> None:
    """It names the file, the reason and the fix, with the exit code for it."""
    home = disk_home(tmp_path, storage.READ_ONLY)
    home.configure({})
    home.script += 'mount -o remount,bind,ro "$0/data"\n'
    code, said = await home.try_to_start()
    assert code == 5
    assert f"{home.directory}/data" in said
    assert "Read-only file system" in said
    assert "--data-dir" in said
    assert "Traceback" not in said


UNREADABLE = [
    ("openat", "EACCES", "permission denied"),
    ("read", "EIO", "input/output error"),
]


async def test_f55_a_file_that_cannot_be_read_for_a_while_is_read_as_soon_as_it_can(
    scene: SceneMaker,
) -> None:
    """The error is told, the last good settings stay; when it has passed nobody need save again."""
    storage.needs_strace()
    async with scene({"steady": entry()}) as play:
        before = await play.ready()
        for number, (call, error, words) in enumerate(UNREADABLE, 1):
            changed = play.home.config_file.read_text().replace("{", f'{{"x{number}": 1,', 1)
            async with storage.struck(play.pid, call, f"error={error}", play.home.config_file):
                play.home.write(changed)
                await play.until(sees(words))
                await stands(play, before)
            await play.until(is_well)
            assert play.world["config_revision"] == before["config_revision"] + number
        await stands(play, before)


def _delete(log: Path) -> None:
    log.unlink()


def _rotate(log: Path) -> None:
    log.rename(log.with_suffix(".old"))


def _truncate(log: Path) -> None:
    log.write_text("")


def _delete_directory(log: Path) -> None:
    for file in log.parent.iterdir():
        file.unlink()
    log.parent.rmdir()


@pytest.mark.parametrize("take_away", [_delete, _rotate, _truncate, _delete_directory])
async def test_f58_a_log_that_is_taken_away_is_begun_anew_and_its_space_is_free(
    scene: SceneMaker, take_away: Callable[[Path], None]
) -> None:
    """The next line is in a new file of that name, and no descriptor holds the old one."""
    async with scene({"steady": entry()}) as play:
        await play.ready()
        log = play.home.directory / "data" / "logs" / "server-steady.log"
        await chatter(play, "first", 1)
        await until_so(lambda: log.exists() and log.read_text().endswith(" first\n"))
        take_away(log)
        await chatter(play, "second", 1)
        await until_so(lambda: log.exists() and log.read_text().endswith(" second\n"))
        assert len(log.read_text().splitlines()) == 1
        descriptors = Path(f"/proc/{play.pid}/fd")
        held = [each.readlink() for each in descriptors.iterdir() if each.is_symlink()]
        assert [target for target in held if target.parent == log.parent] == []
        data = await play.running.get("/api/v1/servers/steady/logs")
        assert [line[25:] for line in data["lines"]] == ["second"]
        assert await lost_lines(play) == 0


async def test_f58_a_log_replaced_by_a_pipe_or_a_link_stops_and_harms_nothing(
    scene: SceneMaker,
) -> None:
    """Neither is written through or waited for: its lines are counted, other logs go on."""
    async with scene({"steady": entry()}) as play:
        before = await play.ready()
        logs = play.home.directory / "data" / "logs"
        log = logs / "server-steady.log"
        victim = play.home.directory / "precious"
        victim.write_text("precious")
        for number, make in enumerate((lambda: os.mkfifo(log), lambda: log.symlink_to(victim)), 1):
            log.unlink(missing_ok=True)
            make()
            await chatter_until_lost(play, "lost", 100 * number)
            await stands(play, before)
        assert victim.read_text() == "precious"
        log.unlink()
        await chatter(play, "kept", 1)
        await until_so(lambda: log.exists() and log.read_text().endswith(" kept\n"))
