"""The start of the real program: what it does not need before its endpoint answers."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.program import PROGRAM, ROOT, START_LIMIT, Home

# Each costs a start some milliseconds, and comes when somebody asks for what it does.
LATER = {
    "PIL": "a tray on macOS and Windows",
    "core.clients.connecting": "the config files of AI clients",
    "core.doctor.bundle": "a report",
    "core.doctor.examination": "the doctor",
    "core.registry.client": "published servers",
    "core.search.bm25": "the first tools there are",
    "core.upstream.http_open": "the first server by URL",
    "cryptography": "what the keyring's library needs",
    "dbus_fast": "a tray",
    "http.client": "requests of ours, none of which is due",
    "httpx": "the first server by URL, or a command that asks the program",
    "keyring": "the first server that refers to a secret in it",
    "prometheus_client": "the first scrape",
    "psutil": "what servers use, at the first scrape",
    "pystray": "a tray",
    "tray_app.actions": "a tray",
}


async def test_a_start_imports_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    """When the address is printed, none of what costs time and comes later has been imported."""
    home = Home(tmp_path)
    home.configure({})
    told = tmp_path / "imported"
    with told.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *PROGRAM,
            "serve",
            *home.flags,
            env={**home.environ, "PYTHONPROFILEIMPORTTIME": "1"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=file,
        )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_LIMIT):
            assert b"http://" in await process.stdout.readline()
    finally:
        process.terminate()
        await process.communicate()
    imported = {line.rpartition("|")[2].strip() for line in told.read_text().splitlines()}
    assert {"core.app", "core.web.serve", "sqlite3"} <= imported
    assert imported & LATER.keys() == set()


async def test_a_tray_on_linux_imports_no_more_than_it_shows() -> None:
    """Its icons are drawn already, and it asks the engine without a big HTTP client."""
    code = (
        "import sys, tray_app.main, tray_app.chores; from tray_app import pystray_shell; "
        "pystray_shell.linux(str, str, None); print(*sys.modules)"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(process.communicate(), START_LIMIT)
    imported = set(out.decode().split())
    assert {"tray_app.sni_icon", "dbus_fast"} <= imported
    assert imported & {"PIL", "httpx", "tomllib", "yaml", "core.app"} == set()
