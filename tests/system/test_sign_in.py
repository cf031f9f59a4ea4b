"""Signing in to a real server behind a real authorization server, as a person does it."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.fakes.oauth_server import Guarded, browse, guarded
from tests.program import PROGRAM, Home, Json, RunningProgram, program

LIMIT = 60.0
CALL = {"name": "guarded:whoami", "args": {}}
CALLS = 50


@asynccontextmanager
async def command(home: Home, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """One command of the program that says something before it ends."""
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        *arguments,
        *home.flags,
        env=home.environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def sign_in(home: Home) -> tuple[int, str, str]:
    """``mcpproxy-tray login`` with a browser that follows the link it prints: exit code, output,
    and what the browser shows at the end."""
    async with asyncio.timeout(LIMIT), command(home, "login", "guarded") as login:
        assert login.stderr is not None
        assert login.stdout is not None
        assert b"open this link" in await login.stderr.readline()
        page = await browse((await login.stderr.readline()).decode().strip())
        out = await login.stdout.read()
        rest = (await login.stderr.read()).decode()
        return await login.wait(), out.decode() + rest, page.text


async def calls(running: RunningProgram, count: int) -> list[Json]:
    async def call() -> Json:
        answer = await running.http.post("/api/v1/tools/call", json=CALL, timeout=LIMIT)
        found: Json = answer.json()
        return found

    return await asyncio.gather(*(call() for _ in range(count)))


async def shown(running: RunningProgram, status: str, code: str = "") -> Json:
    """The server once it is so."""
    world = await running.until(
        lambda world: (
            world["servers"]["guarded"]["status"] == status
            and (world["servers"]["guarded"]["fault"] or {"code": ""})["code"] == code
        )
    )
    server: Json = world["servers"]["guarded"]
    return server


async def everything_said(home: Home, running: RunningProgram) -> str:
    """All that the program shows or writes down, but for the one file that keeps sign-ins."""
    parts = [
        (await running.http.get(path, timeout=LIMIT)).text
        for path in ("/api/v1/servers", "/api/v1/config", "/api/v1/diagnostics", "/metrics")
    ]
    bundle = await running.http.get("/api/v1/diagnostics/bundle", timeout=LIMIT)
    with zipfile.ZipFile(io.BytesIO(bundle.content)) as archive:
        parts += [archive.read(name).decode(errors="replace") for name in archive.namelist()]
    return "".join(parts) + await asyncio.to_thread(_written, home)


def _written(home: Home) -> str:
    files: Sequence[Path] = [
        path
        for path in home.directory.rglob("*")
        if path.is_file() and path.name != "sign-ins.json"
    ]
    return "".join(path.read_bytes().decode(errors="replace") for path in files)


async def test_a_person_signs_in_stays_in_and_signs_out(tmp_path: Path) -> None:
    """The whole journey (F31, F32): asked calmly, in by one command, renewed unseen in one go
    whoever calls, kept across a restart, asked again when it is over, and forgotten on request."""
    with guarded() as server:
        home = Home(tmp_path)
        home.configure({"guarded": {"url": server.url}}, quarantine_enabled=False)
        async with program(home) as running:
            await _is_asked_and_comes_in(home, running, server)
            await _is_renewed_unseen(home, running, server)
        async with program(home) as running:
            await shown(running, "ready")
            await _is_asked_again_when_it_is_over(home, running, server)
            await _is_forgotten(home, running, server)


async def _is_asked_and_comes_in(home: Home, running: RunningProgram, server: Guarded) -> None:
    asked = await shown(running, "auth_required", "LOGIN_NEEDED")
    assert asked["health"]["level"] == "degraded"
    assert asked["health"]["action"] == "login"
    assert not server.provider.clients, "nothing begins by itself"
    server.provider.denies = True
    code, said, page = await sign_in(home)
    assert code == 1
    assert "was told not to let us in" in said
    assert "You are not signed in" in page
    await shown(running, "auth_required", "LOGIN_NEEDED")
    server.provider.denies = False
    code, said, page = await sign_in(home)
    assert (code, said) == (0, "guarded: Ready, 1 tool\n")
    assert "You are signed in to guarded" in page


async def _is_renewed_unseen(home: Home, running: RunningProgram, server: Guarded) -> None:
    server.provider.forget_access()
    answers = await calls(running, CALLS)
    assert all("a friend" in json.dumps(answer["data"]) for answer in answers)
    assert server.provider.renewed == 1
    kept = home.directory / "data" / "sign-ins.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    said = await everything_said(home, running)
    assert "keeps you signed in to guarded" in said
    assert [secret for secret in server.provider.secret if secret in said] == []


async def _is_asked_again_when_it_is_over(
    home: Home, running: RunningProgram, server: Guarded
) -> None:
    server.provider.ended = True
    server.provider.forget_access()
    (answer,) = await calls(running, 1)
    assert "sign in again" in json.dumps(answer)
    again = await shown(running, "auth_required", "REAUTH_NEEDED")
    assert again["health"]["action"] == "login"
    server.provider.ended = False
    assert (await sign_in(home))[0] == 0
    await shown(running, "ready")


async def _is_forgotten(home: Home, running: RunningProgram, server: Guarded) -> None:
    code, out, _ = await home.command("logout", "guarded")
    assert (code, out) == (0, "You are signed out of guarded.\n")
    await shown(running, "auth_required", "LOGIN_NEEDED")
    assert (home.directory / "data" / "sign-ins.json").read_text() == "{}"
    code, _, error = await home.command("logout", "guarded")
    assert (code, error) == (1, "mcpproxy-tray: Nobody is signed in to guarded.\n")
    code, _, error = await home.command("login", "nobody")
    assert code == 1
    assert "There is no server named 'nobody'" in error
    said = await everything_said(home, running)
    assert [secret for secret in server.provider.secret if secret in said] == []
