"""AI clients' files over REST, on the real program and with the homes of nine clients."""

from __future__ import annotations

from tests.program import Home, program
from tests.unit.clients.homes import FILES, furnish


async def test_a_client_is_connected_as_previewed_and_brought_back_to_the_byte(home: Home) -> None:
    """Preview, connect, undo; a hash of another moment is refused and nothing is written."""
    furnish(home.directory)
    home.configure({})
    file = home.directory / FILES["cursor"][0]
    before = file.read_bytes()
    async with program(home) as running:
        states = (await running.get("/api/v1/connect"))["clients"]
        assert {each["id"] for each in states} >= set(FILES)
        path = "/api/v1/connect/cursor"
        seen = await running.get(f"{path}/preview")
        assert running.endpoint in seen["diff"]
        file.write_bytes(before + b"\n")
        answer = await running.http.post(f"{path}?hash={seen['hash']}")
        assert answer.status_code == 409
        assert file.read_bytes() == before + b"\n"
        file.write_bytes(before)
        assert (await running.http.post(path)).status_code == 409
        done = await running.post(f"{path}?hash={seen['hash']}")
        assert done["state"] == "connected"
        seen = await running.get(f"{path}/preview?deed=undo")
        done = await running.post(f"{path}/undo?hash={seen['hash']}")
        assert done["state"] == "not connected"
        assert file.read_bytes() == before
        seen = await running.get(f"{path}/preview?deed=connect")
        await running.post(f"{path}?hash={seen['hash']}")
        seen = await running.get(f"{path}/preview?deed=disconnect")
        answer = await running.http.delete(f"{path}?hash={seen['hash']}")
        assert answer.json()["data"]["state"] == "not connected"
        assert file.read_bytes() == before


async def test_a_clients_servers_are_taken_over_and_wait(home: Home) -> None:
    """What could be had is listed with what could not and why; taking over asks for approval."""
    furnish(home.directory)
    home.configure({})
    async with program(home) as running:
        found = await running.get("/api/v1/import/claude-code")
        outcomes = {each["name"]: each["outcome"] for each in found["servers"]}
        assert outcomes == {"git": "import", "linear": "import"}
        assert found["servers"][0]["secrets"] == ["GIT_TOKEN"]
        await running.post("/api/v1/import/claude-code")
        world = await running.until(lambda world: {"git", "linear"} <= set(world["servers"]))
        assert all(each["quarantined"] for each in world["servers"].values())
        answer = await running.http.post("/api/v1/import/claude-code")
        assert answer.status_code == 409
        assert "nothing to take over" in answer.json()["error"]["message"]


async def test_bad_requests_are_told_in_a_sentence(home: Home) -> None:
    """Unknown clients, deeds and texts; what a text names is shown, and nothing is added."""
    home.configure({})
    async with program(home) as running:
        for method, path, status in (
            ("GET", "/api/v1/connect/netscape/preview", 404),
            ("POST", "/api/v1/connect/netscape?hash=x", 404),
            ("GET", "/api/v1/connect/cursor/preview?deed=x", 400),
            ("GET", "/api/v1/connect/cursor/preview?deed=undo", 409),
            ("GET", "/api/v1/import/netscape", 404),
        ):
            answer = await running.http.request(method, path)
            assert answer.status_code == status, path
            assert answer.json()["error"]["message"].endswith("."), path
        assert (await running.get("/api/v1/import/cursor"))["servers"] == []
        bad = await running.http.post("/api/v1/import/text", json={"text": "{"})
        assert bad.status_code == 409
        good = await running.http.post("/api/v1/import/text", json={"text": "sh -c 'x | y'"})
        (offered,) = good.json()["data"]["servers"]
        assert offered["entry"] == {"command": "sh", "args": ["-c", "x | y"]}
        assert offered["doubts"][0]["grave"] is True
        assert (await running.get("/api/v1/servers"))["servers"] == []
