"""``mcpproxy-tray dashboard`` prints a way in, to the engine here or to one by its address."""

from __future__ import annotations

import json

from tests.program import KEY, Home, RunningProgram, program


async def lets_in(running: RunningProgram, url: str) -> None:
    code = url.strip().removeprefix(f"{running.base}/ui/#code=")
    answer = await running.http.post("/api/v1/ui/visit", json={"code": code})
    assert answer.status_code == 201, answer.text


async def test_a_way_in_is_printed(home: Home) -> None:
    """For this user's engine, and with its key for any by its address; each works."""
    home.configure({})
    key_file = home.directory / "key"
    key_file.write_text(f"{KEY}\n")
    async with program(home) as running:
        code, out, told = await home.command("dashboard", "--print")
        assert (code, told) == (0, "")
        await lets_in(running, out)
        there = (running.endpoint, "--key-file", str(key_file))
        code, out, told = await home.command("dashboard", "--print", "--json", *there)
        assert (code, told) == (0, "")
        await lets_in(running, json.loads(out)["url"])


async def test_what_is_wrong_is_told_in_a_sentence(home: Home) -> None:
    """No engine, no key, nothing there, no address."""
    code, _, told = await home.command("dashboard", "--print")
    assert (code, "Start it with: mcpproxy-tray" in told) == (1, True)
    home.configure({})
    async with program(home) as running:
        code, _, told = await home.command("dashboard", "--print", running.base)
        assert (code, "api_key" in told) == (1, True)
    code, _, told = await home.command("dashboard", "--print", running.base)
    assert (code, "did not answer as an engine does" in told) == (1, True)
    code, _, told = await home.command("dashboard", "--print", "ftp://x")
    assert (code, "it wants an address such as" in told) == (2, True)
    assert "Traceback" not in told
