"""``mcpproxy-tray doctor`` on the real program: running and not, well and ill, and its report."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import socket
import stat
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.fakes import faultsrv
from tests.program import KEY, Home, Json, program

pytestmark = pytest.mark.timeout(240)


def entry(*mode: str, **settings: object) -> Json:
    command, *args = faultsrv.command(*(mode or ("ok",)))
    return {"command": command, "args": args, **settings}


async def doctor(home: Home, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Its exit code and what it found."""
    code, out, _ = await home.command("doctor", "--json", *arguments)
    data: dict[str, Any] = json.loads(out)
    assert data["wrong"] == sum(each["level"] in ("warning", "error") for each in data["findings"])
    assert code == (1 if data["wrong"] else 0)
    return code, data


def found(data: dict[str, Any], check: str, server: str | None = None) -> dict[str, Any]:
    (finding,) = (
        each for each in data["findings"] if each["check"] == check and each["server"] == server
    )
    result: dict[str, Any] = finding
    return result


async def test_before_the_first_start_nothing_is_wrong_and_nothing_is_made(home: Home) -> None:
    """It looks, and leaves no file behind."""
    code, data = await doctor(home)
    assert code == 0
    assert "not running" in found(data, "engine")["what"]
    assert found(data, "config")["level"] == "note"
    assert list(home.directory.iterdir()) == []


async def test_a_stopped_programs_illnesses_are_named_with_cause_and_remedy(home: Home) -> None:
    """A missing command, a missing value, a port in use: each what, why and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        home.configure(
            {
                "fine": entry(),
                "gone": {"command": "no-such-program"},
                "open": {"command": "${env:NOT_SET_ANYWHERE}"},
                "off": {"command": "no-such-program", "enabled": False},
            },
            listen=f"127.0.0.1:{port}",
            api_key="",
        )
        code, data = await doctor(home)
    assert code == 1
    assert found(data, "server", "fine")["level"] == "ok"
    assert found(data, "server", "off")["level"] == "ok"
    gone = found(data, "server", "gone")
    assert (gone["level"], gone["code"]) == ("error", "SPAWN_ENOENT")
    assert "'no-such-program' was not found" in gone["why"]
    assert "config file" in gone["fix"]
    value = found(data, "server", "open")
    assert value["code"] == "MISSING_SECRET"
    assert "NOT_SET_ANYWHERE" in value["why"]
    busy = found(data, "port")
    assert busy["level"] == "error"
    assert f"Port {port} on 127.0.0.1" in busy["what"]
    assert "--listen" in busy["fix"]
    assert found(data, "api_key")["level"] == "warning"
    assert data["wrong"] == 4


async def test_a_broken_file_is_told_with_every_mistake_and_left_alone(home: Home) -> None:
    """Line and path of each, and not a byte of the file is changed."""
    text = '{"listen": 7,\n "mcpServers": {"a": {}}}\n'
    home.write(text)
    _, data = await doctor(home)
    broken = found(data, "config")
    assert broken["level"] == "error"
    assert "listen:" in broken["why"]
    assert "mcpServers.a" in broken["why"]
    assert "line 2" in broken["why"]
    assert home.config_file.read_text() == text


async def test_a_file_without_a_key_gets_none_from_looking(home: Home) -> None:
    """Only a start completes the file."""
    home.write('{"listen": "127.0.0.1:0"}')
    code, data = await doctor(home)
    assert code == 0
    assert found(data, "config")["level"] == "ok"
    assert home.config_file.read_text() == '{"listen": "127.0.0.1:0"}'


async def test_the_running_engine_is_asked_and_rest_says_the_same(home: Home) -> None:
    """What the engine knows is told in its words, by the command and by REST."""
    home.configure({"good": entry(), "gone": {"command": "no-such-program"}})
    async with program(home) as running:
        await running.ready("good")
        await running.until(lambda world: world["servers"]["gone"]["fault"] is not None)
        code, data = await doctor(home)
        rest = await running.get("/api/v1/diagnostics")
        home.write(home.config_file.read_text().replace('"listen"', '"listen": 1, "listen"'))
        await running.until(lambda world: world["config_problem"] is not None)
        _, edited = await doctor(home)
        _, words, _ = await home.command("doctor")
    assert code == 1
    assert found(data, "server", "good")["level"] == "ok"
    gone = found(data, "server", "gone")
    assert (gone["what"], gone["code"]) == ("gone: Stopped", "SPAWN_ENOENT")
    assert found(data, "port")["what"].endswith("/mcp")
    here_only = {"engine", "tray", "upgrade"}
    assert [each for each in data["findings"] if each["check"] not in here_only] == (
        rest["findings"]
    )
    assert found(edited, "config")["level"] == "warning"
    assert "last good settings" in found(edited, "config")["what"]
    assert re.search(r"^ERROR +gone: Stopped$", words, re.MULTILINE)
    page = re.search(r"SPAWN_ENOENT is explained in (.+)$", words, re.MULTILINE)
    assert page is not None
    assert Path(page[1]).is_file()
    assert words.endswith("2 things are wrong.\n")


async def test_errors_of_the_log_are_shown(home: Home) -> None:
    """The newest ones, without counting as wrong: they may be long over."""
    home.configure({})
    logs = home.directory / "data" / "logs"
    logs.mkdir(mode=0o700, parents=True)
    (logs.parent).chmod(0o700)
    (logs / "main.log").write_text("2026-11-23T12:00:00.000Z ERROR core.engine it broke\n")
    code, data = await doctor(home)
    assert code == 0
    assert "it broke" in found(data, "main_log")["why"]


async def test_a_report_that_cannot_be_written_is_told(home: Home) -> None:
    """In one sentence, with the exit code for permissions."""
    home.configure({})
    code, _, err = await home.command("doctor", "--bundle", "/nonexistent/report.zip")
    assert code == 5
    assert err.startswith("mcpproxy-tray: /nonexistent/report.zip cannot be written")


# --- no secret in the report (S28) ------------------------------------------------------------

# Made so that their spellings differ: characters that URLs, JSON and forms write otherwise.
SECRETS = [f's3cr3t{number:02}/"q+{chr(0xE0 + number)}~zZ' for number in range(19)] + [
    "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\nAASCBKcwggSjAgEAAoIBAQC7\n"
]


def broken_over_lines(secret: str) -> str:
    half = len(secret) // 2
    return f"{secret[:half]}\n2026-11-23T12:00:00.000Z {secret[half:]}"


ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "url": lambda secret: quote(secret, safe=""),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "json": lambda secret: json.dumps(secret)[1:-1],
    "two lines": broken_over_lines,
}


def planted(home: Home) -> Json:
    """A config file with a secret in every place that can hold one; returns its servers."""
    at = iter(SECRETS[:15])
    servers: Json = {
        "in-env": entry(env={"API_TOKEN": next(at), "HARMLESS": next(at)}),
        "in-args": entry("exit", "3", next(at)),
        "in-options": {"command": "nope", "args": [f"--key={next(at)}", "-p" + next(at)]},
        "in-url": {
            "url": f"https://{quote(next(at), safe='')}:{quote(next(at), safe='')}@example.com/"
            f"{quote(next(at), safe='')}?key={quote(next(at), safe='')}",
            "headers": {"Authorization": f"Bearer {quote(next(at), safe='')}"},
        },
        "in-unknown-keys": {
            **entry(),
            "oauth": {"client_secret": next(at)},
            "future": [{"deep": next(at)}],
        },
        "by-reference": entry(env={"PLAIN": "${env:PLANTED_FOR_A_SERVER}"}),
    }
    home.configure(
        servers,
        environment={"custom_vars": {"FOR_ALL": next(at)}},
        future_setting=next(at),
        another={"list": [next(at)]},
    )
    old = home.config_file.with_name("mcp_config.json.bak")
    old.write_text(json.dumps({"api_key": SECRETS[15], "mcpServers": {}}))
    return servers


@pytest.fixture
def ill_home(home: Home) -> Home:
    """Secrets everywhere, and logs in which each stands in every encoding."""
    planted(home)
    logs = home.directory / "data" / "logs"
    logs.mkdir(mode=0o700, parents=True)
    logs.parent.chmod(0o700)
    lines = [
        f"2026-11-23T12:00:00.000Z ERROR core.x leaked {encode(secret)} here\n"
        for secret in (*SECRETS, KEY)
        for encode in ENCODINGS.values()
    ]
    for name in ("main.log", "server-in-env.log"):
        (logs / name).write_text("".join(lines))
    return home


class WithSecrets(Home):
    """The same home in an environment that holds secrets of its own."""

    @property
    def environ(self) -> dict[str, str]:
        own = {
            "PLANTED_FOR_A_SERVER": SECRETS[16],
            "GITHUB_TOKEN": SECRETS[17],
            "DATABASE_PASSWORD": SECRETS[18],
            "SIGNING_KEY": SECRETS[19],
        }
        return {**super().environ, **own}


def left_in(packed: bytes) -> list[str]:
    """Every secret, in every encoding, that can still be found in any file of the archive."""
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    whole = "\n".join(texts.values())
    whole += "".join(str(json.loads(text)) for name, text in texts.items() if "json" in name)
    flat = re.sub(r"\n(?:\S+Z )?\s*", "", whole)
    return [
        f"{secret!r} as {how}"
        for secret in (*SECRETS, KEY)
        for how, encode in ENCODINGS.items()
        if encode(secret).rstrip("=") in whole or secret in flat
    ]


@pytest.mark.parametrize("running", [False, True], ids=["stopped", "running"])
async def test_no_secret_is_in_the_report(ill_home: Home, running: bool) -> None:
    """20 secrets and the key, each in 5 encodings, from 20 places: none is in any file."""
    home = WithSecrets(ill_home.directory)
    file = home.directory / "report.zip"
    if running:
        async with program(home) as engine:
            await engine.until(lambda world: world["servers"]["in-args"]["fault"] is not None)
            await engine.ready("in-env", "in-unknown-keys", "by-reference")
            await home.command("doctor", "--bundle", str(file))
    else:
        await home.command("doctor", "--bundle", str(file))
    packed = await asyncio.to_thread(file.read_bytes)
    assert left_in(packed) == []
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        names = set(archive.namelist())
        state = json.loads(archive.read("state.json"))
        outline = json.loads(archive.read("config.json"))
        log = archive.read("logs/main.log").decode()
    assert {
        *("README.txt", "findings.json", "versions.json", "state.json", "config.json"),
        *("logs/main.log", "logs/server-in-env.log"),
    } <= names
    assert (state is not None) is running
    assert outline["mcpServers"]["in-env"]["env"] == {"API_TOKEN": "***", "HARMLESS": "***"}
    assert "ERROR core.x leaked *** here" in log


async def test_the_search_for_secrets_finds_them(ill_home: Home) -> None:
    """The check above is worth something: an archive of the raw log fails it in every way."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        log = ill_home.directory / "data" / "logs" / "main.log"
        archive.writestr("main.log", log.read_text())
    assert len(left_in(packed.getvalue())) == (len(SECRETS) + 1) * len(ENCODINGS)


async def test_without_a_readable_config_no_log_is_packed(ill_home: Home) -> None:
    """What is secret is then not known, so nothing that may hold it goes in."""
    await asyncio.to_thread(ill_home.write, "{ broken")
    file = ill_home.directory / "report.zip"
    code, _, _ = await ill_home.command("doctor", "--bundle", str(file))
    assert code == 1
    packed = await asyncio.to_thread(file.read_bytes)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert not [name for name in archive.namelist() if name.endswith(".log")]
        assert "left out" in archive.read("logs/README.txt").decode()


# --- an engine that is not well ---------------------------------------------------------------


@asynccontextmanager
async def engine_that_says(home: Home, answer: bytes) -> AsyncIterator[None]:
    """Something at the engine's socket that gives everyone the same answer."""

    async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    data = home.directory / "data"
    data.mkdir(mode=0o700)
    async with await asyncio.start_unix_server(answered, data / "mcpproxy.sock"):
        yield


async def test_an_engine_that_does_not_answer_is_a_finding(home: Home) -> None:
    """The doctor does not fail with the patient."""
    async with engine_that_says(home, b""):
        code, data = await doctor(home)
    assert code == 1
    assert found(data, "engine")["level"] == "error"
    assert "did not answer" in found(data, "engine")["why"]


async def test_another_version_than_the_installed_one_is_told(home: Home) -> None:
    """After an upgrade the old program runs on until it is started anew."""
    told = {"success": True, "data": {"version": "0.0.1", "wrong": 0, "findings": []}}
    body = json.dumps({**told, "error": None}).encode()
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    async with engine_that_says(home, answer):
        code, data = await doctor(home)
    assert code == 1
    assert found(data, "upgrade")["what"].startswith("Version 0.0.1 runs, but ")


async def test_what_a_server_says_cannot_steer_the_terminal(home: Home) -> None:
    """Escape sequences in its last words are written out, in every list of the command line."""
    home.configure({"rude": entry("exit", "127", "\x1b]0;owned\x07\x1b[2J")})
    async with program(home) as running:
        await running.until(lambda world: world["servers"]["rude"]["fault"] is not None)
        outputs = [
            await home.command(*call) for call in (("doctor",), ("servers", "list"), ("status",))
        ]
    assert all("\x1b" not in out + err and "\x07" not in out + err for _, out, err in outputs)
    assert "owned" in outputs[0][1]
