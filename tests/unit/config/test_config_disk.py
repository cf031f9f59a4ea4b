"""Replacing a file: all or nothing, with the old version kept, and never the wrong file."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from core.config import disk

OLD = b"old" * 5000
NEW = b"new" * 7000


def mode(path: Path) -> int:
    """The permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_is_private(tmp_path: Path) -> None:
    """Files are 0600 and directories 0700, whatever the umask allows."""
    path = tmp_path / "a" / "b" / "c.json"
    before = os.umask(0)
    try:
        disk.replace(path, NEW, expected=None)
    finally:
        os.umask(before)
    assert path.read_bytes() == NEW
    assert (mode(path), mode(path.parent), mode(path.parent.parent)) == (0o600, 0o700, 0o700)
    assert [entry.name for entry in path.parent.iterdir()] == ["c.json"]


def test_replacing_keeps_permissions_and_the_previous_version(tmp_path: Path) -> None:
    """The file's mode stays, the backup has it too, and nothing else is left behind."""
    path = tmp_path / "c.json"
    path.write_bytes(OLD)
    path.chmod(0o640)
    disk.replace(path, NEW, expected=OLD)
    backup = tmp_path / "c.json.bak"
    assert (path.read_bytes(), backup.read_bytes()) == (NEW, OLD)
    assert (mode(path), mode(backup)) == (0o640, 0o640)
    disk.replace(path, b"newer", expected=NEW)
    assert backup.read_bytes() == NEW
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["c.json", "c.json.bak"]


def test_links_stay_and_their_target_is_replaced(tmp_path: Path) -> None:
    """A link into a repository of settings stays a link; the backup lies beside the target."""
    (tmp_path / "real").mkdir()
    target = tmp_path / "real" / "target.json"
    target.write_bytes(OLD)
    (tmp_path / "inner").symlink_to(target)
    link = tmp_path / "link"
    link.symlink_to("inner")
    disk.replace(link, NEW, expected=OLD)
    assert link.is_symlink()
    assert target.read_bytes() == NEW
    assert (tmp_path / "real" / "target.json.bak").read_bytes() == OLD


def test_a_link_to_nothing_gets_its_target(tmp_path: Path) -> None:
    """The missing file is made where the link points."""
    (tmp_path / "link").symlink_to("dir/target")
    disk.replace(tmp_path / "link", NEW, expected=None)
    assert (tmp_path / "dir" / "target").read_bytes() == NEW


@pytest.mark.parametrize("expected", [b"something else", None])
def test_a_changed_file_is_not_overwritten(tmp_path: Path, expected: bytes | None) -> None:
    """Whoever wrote in the meantime wins, and nothing at all is touched."""
    path = tmp_path / "c.json"
    path.write_bytes(OLD)
    with pytest.raises(disk.ChangedOnDisk):
        disk.replace(path, NEW, expected=expected)
    assert path.read_bytes() == OLD
    assert [entry.name for entry in tmp_path.iterdir()] == ["c.json"]


def test_a_deleted_file_is_not_brought_back(tmp_path: Path) -> None:
    """A file that went away in the meantime counts as changed."""
    with pytest.raises(disk.ChangedOnDisk):
        disk.replace(tmp_path / "c.json", NEW, expected=OLD)
    assert list(tmp_path.iterdir()) == []


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    """Directories, pipes without a writer, sockets and devices are refused without waiting."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(disk.NotAFile, match="it is a directory"):
        disk.read(tmp_path)
    with pytest.raises(disk.NotAFile, match="it is a named pipe"):
        disk.read(tmp_path / "pipe")
    with pytest.raises(disk.NotAFile, match="it is a device"):
        disk.read(Path(os.devnull))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        with pytest.raises(OSError, match="No such device"):
            disk.read(tmp_path / "s")


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    """The limit is exact, and a huge file is not read to its end."""
    path = tmp_path / "c.json"
    path.write_bytes(b" " * disk.MAX_BYTES)
    assert len(disk.read(path)) == disk.MAX_BYTES
    with path.open("ab") as file:
        file.truncate(1 << 40)
    with pytest.raises(disk.NotAFile, match="larger than 4 MiB"):
        disk.read(path)


def test_what_killed_writes_left_goes_and_nothing_else(tmp_path: Path) -> None:
    """Old temporary files of this very file are removed; young ones and other names stay."""
    path = tmp_path / "c.json"
    link = tmp_path / "link.json"
    link.symlink_to(path)
    left = tmp_path / ".c.json.abc_12z9.tmp"
    young = tmp_path / ".c.json.aaaaaaaa.tmp"
    others = [".c.json.draft.tmp", ".d.json.abc_12z9.tmp", "c.json.abc_12z9.tmp", "c.json"]
    for name in (left.name, young.name, *others):
        (tmp_path / name).write_text("{")
    (tmp_path / ".c.json.directry.tmp").mkdir()
    for entry in tmp_path.iterdir():
        if entry != young:
            os.utime(entry, (1, 1))
    before = {entry.name for entry in tmp_path.iterdir()}
    disk.remove_leftovers(link)
    assert {entry.name for entry in tmp_path.iterdir()} == before - {left.name}
    disk.remove_leftovers(tmp_path / "no" / "such" / "directory.json")


WRITER = """
import os, signal, sys
from pathlib import Path
from core.config import disk

remaining = int(sys.argv[2])
watched = {"open", "os.rename", "os.chmod", "tempfile.mkstemp", "os.remove", "os.chown"}

def audit(event, args):
    global remaining
    if event in watched:
        remaining -= 1
        if remaining == 0:
            os.kill(os.getpid(), signal.SIGKILL)

path = Path(sys.argv[1])
old = disk.read(path)
sys.addaudithook(audit)
disk.replace(path, b"new" * 7000, expected=old)
"""


def test_killed_at_any_step_the_file_is_old_or_new(tmp_path: Path) -> None:
    """A process killed before each of its system calls in turn never leaves half a file."""
    path = tmp_path / "c.json"
    outcomes: list[bytes] = []
    for step in range(1, 100):
        path.write_bytes(OLD)
        done = subprocess.run([sys.executable, "-c", WRITER, path, str(step)], check=False)
        content = path.read_bytes()
        assert content in (OLD, NEW)
        outcomes.append(content)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
    assert outcomes[0] == OLD
    assert outcomes[-1] == NEW
    assert len(outcomes) > 5
    assert sorted(outcomes, key=lambda content: content == NEW) == outcomes
