"""The commands for AI clients' files, on the real program and with the homes of nine clients."""

from __future__ import annotations

import json

from tests.program import Home, program
from tests.unit.clients.homes import FILES, furnish


async def test_every_client_is_connected_and_brought_back_to_the_byte(home: Home) -> None:
    """Preview, connect, list, disconnect: with a running engine the entry has its address."""
    furnish(home.directory)
    home.configure({})
    before = {name: (home.directory / file).read_bytes() for name, (file, _) in FILES.items()}
    async with program(home) as running:
        for name in FILES:
            code, shown, told = await home.command("connect", name, "--dry-run")
            assert (code, told) == (0, "")
            assert "+" in shown
            code, _, told = await home.command("connect", name, "--yes")
            assert (code, told) == (0, "")
        code, listed, _ = await home.command("connect", "--json")
        states = {each["id"]: each["state"] for each in json.loads(listed)["clients"]}
        assert {states[name] for name in FILES} == {"connected"}
        cursor = json.loads((home.directory / FILES["cursor"][0]).read_text("utf-8-sig"))
        assert cursor["mcpServers"]["mcpproxy"] == {"url": running.endpoint}
        for name, (file, _) in FILES.items():
            code, _, told = await home.command("disconnect", name, "--yes")
            assert (code, told) == (0, "")
            assert (home.directory / file).read_bytes() == before[name]


async def test_servers_are_imported_and_wait_for_approval(home: Home) -> None:
    """The running engine takes them over at once, quarantined; the second time nothing is left."""
    furnish(home.directory)
    home.configure({})
    async with program(home) as running:
        code, shown, told = await home.command("import", "--dry-run")
        assert (code, told) == (0, "")
        assert "needs value" in shown
        assert "in plain text: GIT_TOKEN" in shown
        assert (await running.get("/api/v1/servers"))["servers"] == []
        code, done, told = await home.command("import", "--yes", "--json")
        assert (code, told) == (0, "")
        assert json.loads(done)["imported"] is True
        world = await running.until(lambda world: "My-Server" in world["servers"])
        assert {each["health"]["admin_state"] for each in world["servers"].values()} == {
            "quarantined"
        }
        code, again, _ = await home.command("import", "--yes")
        assert "nothing to take over" in again


async def test_without_anybody_to_ask_nothing_is_written(home: Home) -> None:
    """In a script the answer has to be on the command line; a wrong name lists the right ones."""
    furnish(home.directory)
    home.configure({}, listen="127.0.0.1:8099")
    file = home.directory / FILES["zed"][0]
    before = file.read_bytes()
    code, _, told = await home.command("connect", "zed")
    assert code == 2
    assert "--yes" in told
    code, _, told = await home.command("connect", "netscape")
    assert code == 2
    assert "claude-code" in told
    assert file.read_bytes() == before
    home.configure({})
    code, _, told = await home.command("connect", "zed", "--yes")
    assert code == 1
    assert "port" in told
    assert file.read_bytes() == before
