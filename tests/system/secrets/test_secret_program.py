"""The whole program on a real keyring: from a reference to a server that has its secret."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import zipfile
from pathlib import Path

from core.secrets.keyring import LIMIT
from tests.fakes import faultsrv
from tests.pace import within
from tests.program import PROGRAM, Json, RunningProgram, program
from tests.system.secrets.conftest import Desk

VALUE = "planted-s3cret/value+1"
COMMAND, *ARGS = faultsrv.command("ok")


def entry(**env: str) -> Json:
    return {"command": COMMAND, "args": ARGS, "env": env}


async def phase(running: RunningProgram, name: str, wanted: str) -> Json:
    """The server, once it is in that phase."""
    world = await running.until(lambda world: world["servers"][name]["status"] == wanted)
    server: Json = world["servers"][name]
    return server


async def environment_of(running: RunningProgram, name: str) -> dict[str, str]:
    """What the server itself sees."""
    answer = await running.http.post("/api/v1/tools/call", json={"name": f"{name}:env"})
    told: dict[str, str] = answer.json()["data"]["result"]["structuredContent"]["env"]
    return told


def libraries_of(running: RunningProgram) -> set[str]:
    """Those of the keyring's libraries that cost memory, as the system sees them."""
    maps = Path(f"/proc/{running.process.pid}/maps").read_text()
    return {name for name in ("cryptography", "_cffi_backend") if name in maps}


async def test_a_server_gets_its_secret_as_soon_as_it_is_set(desk: Desk) -> None:
    """It says which is missing and how to give it, and starts by itself once it is given.

    Until a server refers to a secret, the program carries nothing of what reads secrets.
    """
    desk.configure({"plain": entry()})
    async with program(desk) as running:
        await phase(running, "plain", "ready")
        assert libraries_of(running) == set()
        desk.configure({"one": entry(TOKEN="<${keyring:one.TOKEN}>"), "plain": entry()})
        await running.until(lambda world: "one" in world["servers"])
        waiting = await phase(running, "one", "failed")
        assert waiting["fault"]["code"] == "MISSING_SECRET"
        assert "mcpproxy-tray secrets set one.TOKEN" in waiting["health"]["detail"]
        await phase(running, "plain", "ready")
        code, told, errors = await desk.command("secrets", "set", "one.TOKEN", piped=f"{VALUE}\n")
        assert (code, errors) == (0, "")
        assert "Tried again, unless they work: one" in told
        await phase(running, "one", "ready")
        assert (await environment_of(running, "one"))["TOKEN"] == f"<{VALUE}>"
        assert libraries_of(running) == {"cryptography", "_cffi_backend"}
        code, listed, _ = await desk.command("secrets", "list", "--json")
        assert json.loads(listed)["secrets"] == [
            {"name": "one.TOKEN", "has_value": True, "servers": ["one"]}
        ]
        code, told, _ = await desk.command("secrets", "delete", "one.TOKEN")
        assert (code, "will not start: one" in told) == (0, True)
        assert (await running.server("one"))["status"] == "ready"


async def test_a_value_is_typed_without_being_seen(desk: Desk) -> None:
    """In a terminal it is asked for, kept, and stands nowhere on the screen; nothing runs yet."""
    ours, theirs = os.openpty()
    process = await asyncio.create_subprocess_exec(
        *(*PROGRAM, "secrets", "set", "one.TOKEN", *desk.flags),
        env=desk.environ,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen = ""
    while chunk := await asyncio.to_thread(_read, ours):
        seen += chunk
        if seen.endswith("Value of one.TOKEN: "):
            os.write(ours, f"{VALUE}\n".encode())
    os.close(ours)
    assert await process.wait() == 0
    assert "one.TOKEN is in the keyring" in seen
    assert VALUE not in seen
    assert desk.keyring.items()["one.TOKEN"] == VALUE


def _read(terminal: int) -> str:
    """What a program writes on its terminal; empty once it has ended."""
    try:
        return os.read(terminal, 4096).decode()
    except OSError:  # the other side is closed (Linux, pty(7))
        return ""


async def test_a_secret_of_the_keyring_is_shown_nowhere(desk: Desk) -> None:
    """Not in what people, scripts and bug reports see, nor in any file, however it is spelt.

    The server does its worst: it prints all its variables, and its secret once more in base64.
    """
    spelt = base64.b64encode(VALUE.encode()).decode()
    told = f'env >&2; echo {spelt} >&2; echo "$0 $TOKEN" >&2; exit 3'
    keyring = "${keyring:shared}"
    desk.configure(
        {
            "one": {"command": "sh", "args": ["-c", told, keyring], "env": {"TOKEN": keyring}},
            "two": entry(HEADER=f"Bearer {keyring}"),
            "far": {
                "url": f"http://127.0.0.1:1/mcp?key={keyring}",
                "headers": {"Authorization": f"Bearer {keyring}"},
            },
        }
    )
    desk.keyring.put({"shared": VALUE})
    async with program(desk) as running:
        await phase(running, "two", "ready")
        failed = await phase(running, "one", "backoff")
        assert "***" in failed["health"]["detail"]
        await running.until(lambda world: world["servers"]["far"]["fault"] is not None)
        assert (await environment_of(running, "two"))["HEADER"] == f"Bearer {VALUE}"
        pages = [
            *("/api/v1/servers", "/api/v1/servers/one/logs", "/api/v1/config", "/metrics"),
            *("/api/v1/diagnostics", "/api/v1/activity", "/api/v1/status", "/api/v1/servers/far"),
        ]
        shown = [(await running.http.get(page)).text for page in pages]
        shown.append((await desk.command("secrets", "list", "--json"))[1])
        bundle = (await running.http.get("/api/v1/diagnostics/bundle")).content
    report = "".join(_texts_of(bundle))
    assert "one: " in report
    for text in (*shown, report):
        assert VALUE not in text
    assert spelt not in report
    for file in desk.directory.rglob("*"):
        if file.is_file():
            assert VALUE.encode() not in file.read_bytes(), file


def _texts_of(bundle: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        return [archive.read(name).decode() for name in archive.namelist()]


async def test_f74_a_locked_keyring_that_nobody_answers_holds_up_nobody_else(desk: Desk) -> None:
    """Five seconds, once, for the servers that need it; none for the others and for quitting."""
    secret = {name: entry(TOKEN="${keyring:shared}") for name in ("one", "two", "three")}
    desk.configure({**secret, "plain": entry()})
    desk.keyring.put({"shared": VALUE})
    desk.keyring.lock()
    with desk.keyring.mute():
        async with program(desk) as running:
            await phase(running, "plain", "ready")
            for name in secret:
                waited = await phase(running, name, "failed")
                assert waited["fault"]["code"] == "KEYRING_LOCKED"
                assert f"did not answer in {LIMIT:g} s" in waited["health"]["detail"]
            await running.post("/api/v1/servers/one/restart")
            again = await phase(running, "one", "failed")
            assert "still does not answer" in again["health"]["detail"]
            await running.post("/api/v1/servers/plain/restart?wait=ready")
            asked = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - asked < within(LIMIT)


async def test_f74_a_keyring_that_answers_after_all_brings_its_servers_back(desk: Desk) -> None:
    """Nobody has to do anything: what the keyring kept from starting starts when it answers."""
    desk.configure({"one": entry(TOKEN="${keyring:shared}")})
    desk.keyring.put({"shared": VALUE})
    async with program(desk) as running:
        with desk.keyring.hanging():
            await running.post("/api/v1/servers/one/restart")
            waited = await phase(running, "one", "failed")
            assert waited["fault"]["code"] == "KEYRING_LOCKED"
        await phase(running, "one", "ready")
        assert (await environment_of(running, "one"))["TOKEN"] == VALUE


async def test_f74_a_locked_keyring_says_so_and_nothing_is_lost(desk: Desk) -> None:
    """Its window cannot be shown here, which it takes for a no; unlocked, it works again."""
    code, _, told = await desk.command("secrets", "set", "one", piped="1")
    assert (code, told) == (0, "")
    desk.keyring.lock()
    for command in (("list",), ("set", "two"), ("delete", "one")):
        code, shown, told = await desk.command("secrets", *command, piped="2")
        assert (code, shown) == (1, "")
        assert told.startswith("mcpproxy-tray: The keyring is locked")
        assert "Traceback" not in told
    desk.keyring.unlock()
    assert (await desk.command("secrets", "list", "--json"))[1].count('"name"') == 1
