"""One fault, one code and one set of words, wherever a person or a program meets it."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from core.model.config import ServerConfig, ServerName, Stdio
from core.model.faults import RULES, Action, Fault, FaultCode, FaultKind
from core.model.status import Phase, Snapshot
from core.ports import Link
from tests.fakes.clock import FakeClock
from tests.fakes.website import LIMIT, Servers, config_of, website
from tray_app import doctor, report
from tray_app.actions import (
    CopySignIn,
    OpenConfig,
    OpenHelp,
    OpenLog,
    ShowProgram,
    SignIn,
    command_of,
)
from tray_app.help import help_page
from tray_app.row import Row
from tray_app.view import view_of

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "faults"
VARIABLES = (
    *("DOCKER_HOST", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"),
    *("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
)
SECTIONS = ("Usual causes", "What to do", "What the program does by itself")


def name_of(code: FaultCode) -> ServerName:
    return ServerName(code.lower())


def sentence(code: FaultCode) -> str:
    return f"The sentence about {name_of(code)}."


class Failing(Servers):
    """Every server fails at once with the fault it is named after."""

    async def __call__(self, config: ServerConfig, link: Link) -> Fault | None:
        code = FaultCode(config.name.upper())
        return Fault(code, sentence(code))


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    """The page comes with the program and is found by the code alone."""
    assert {path.stem for path in PAGES.iterdir()} == set(FaultCode)
    assert all(help_page(code).is_file() for code in FaultCode)


@pytest.mark.parametrize("code", FaultCode)
def test_a_page_says_what_it_means_why_and_what_to_do(code: FaultCode) -> None:
    """Short, in the same order everywhere, and it names no code that does not exist."""
    text = help_page(code).read_text(encoding="utf-8")
    title, rest = text.split("\n\n", 1)
    assert re.fullmatch(rf"# {code}: [^\n]+", title)
    assert not rest.startswith("#"), "what it means comes first"
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == list(SECTIONS)
    assert len(text.split()) < 250
    named = set(re.findall(r"\b[A-Z]{3,}(?:_[A-Z]+)+\b", text)) - set(FaultCode)
    assert named <= {"API_KEY", *VARIABLES}


def test_every_code_has_a_rule() -> None:
    """Nothing is left to chance: what follows from each code is written down."""
    assert set(RULES) == set(FaultCode)
    assert all(rule.action is not Action.NONE for rule in RULES.values())


async def test_tray_rest_command_line_log_and_metric_say_the_same(tmp_path: Path) -> None:
    """For every code there is, over the real engine and its real interface."""
    configured = (
        ServerConfig(name=name_of(code), transport=Stdio(command="prog")) for code in FaultCode
    )
    servers = Failing(broken={name_of(code) for code in FaultCode})
    # The clock stands still, so nothing is tried again while we look.
    async with website(
        tmp_path, config_of(*configured), servers=servers, clock=FakeClock()
    ) as site:
        snapshot = await site.engine.until(
            lambda now: all(each.fault is not None for each in now.servers.values()), LIMIT
        )
        async with site.client() as client:
            rest = (await client.get("/api/v1/servers")).json()["data"]
            found = (await client.get("/api/v1/diagnostics")).json()["data"]
            metrics = (await client.get("/metrics")).text
    log = tmp_path / "logs" / "main.log"
    await asyncio.to_thread(check, snapshot, rest, found, log, metrics)


def check(
    snapshot: Snapshot, rest: dict[str, Any], found: dict[str, Any], log_file: Path, metrics: str
) -> None:
    log = log_file.read_text()
    for code in FaultCode:
        check_rest(code, rest)
        check_command_line(code, rest, found)
        check_tray(code, snapshot)
        check_log_and_metric(code, log, metrics)


def check_rest(code: FaultCode, data: dict[str, Any]) -> None:
    (entry,) = (each for each in data["servers"] if each["name"] == name_of(code))
    assert entry["fault"]["code"] == code
    assert entry["fault"]["message"] == entry["health"]["detail"] == sentence(code)
    assert entry["fault"]["action"] == entry["health"]["action"] == RULES[code].action
    phase = {
        FaultKind.TERMINAL: Phase.FAILED,
        FaultKind.AUTH: Phase.AUTH_REQUIRED,
        FaultKind.TRANSIENT: Phase.BACKOFF,
    }
    assert entry["status"] == phase[RULES[code].kind]


def check_command_line(code: FaultCode, listed: dict[str, Any], diagnosed: dict[str, Any]) -> None:
    lines = report.servers(listed).splitlines()
    (line,) = (each for each in lines if each.startswith(f"{name_of(code)} "))
    assert sentence(code) in line
    assert line.endswith(f"[{code}]")
    (finding,) = (each for each in diagnosed["findings"] if each["server"] == name_of(code))
    assert (finding["code"], finding["why"]) == (code, sentence(code))
    told = doctor.words(diagnosed)
    assert f"{code} is explained in {help_page(code)}" in told
    assert sentence(code) in told


def check_tray(code: FaultCode, snapshot: Snapshot) -> None:
    """The problem's line has the words; the menu below it begins with what to do."""
    name = name_of(code)
    only = MappingProxyType({name: snapshot.servers[name]})
    view = view_of(Snapshot(boot="b", engine=snapshot.engine, endpoint="x", servers=only))
    (line,) = (row for row in view.menu if row.id == f"attention/{name}")
    assert sentence(code) in line.label
    assert sentence(code) in view.tooltip
    first = line.rows[0]
    match RULES[code].action:
        case Action.RESTART:
            assert first.label in ("Restart", "Retry now")
        case Action.VIEW_LOGS:
            assert command_of(first.id) == OpenLog(name)
        case Action.CONFIGURE if code in (FaultCode.SPAWN_EACCES, FaultCode.SPAWN_ENOEXEC):
            assert command_of(first.id) == ShowProgram(name)
        case Action.CONFIGURE:
            assert command_of(first.id) == OpenConfig()
        case Action.LOGIN:
            assert command_of(first.id) == SignIn(name)
            assert command_of(line.rows[1].id) == CopySignIn(name)
        case action:
            assert action is Action.SET_SECRET
            assert command_of(first.id) == OpenHelp(name)
    assert OpenHelp(name) in [command_of(row.id) for row in line.rows]
    assert is_named(code, line.rows)


def is_named(code: FaultCode, rows: tuple[Row, ...]) -> bool:
    """A person can look the code up, or is told what to do in so many words."""
    labels = [row.label for row in rows]
    return f"What {code} means" in labels or "How to give the missing value" in labels


def check_log_and_metric(code: FaultCode, log: str, metrics: str) -> None:
    (line,) = (each for each in log.splitlines() if f"server={name_of(code)} code=" in each)
    assert f'code={code} why="{sentence(code)}"' in line
    (series,) = (
        each
        for each in metrics.splitlines()
        if each.startswith("mcpproxy_actor_failures_total{")
        and f'"{name_of(code)}"' in each
        and not each.endswith(" 0.0")
    )
    assert f'error_type="{code}"' in series
