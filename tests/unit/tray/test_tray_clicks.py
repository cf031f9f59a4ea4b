"""What clicks do: the right thing, and never fail without a word."""

from __future__ import annotations

import concurrent.futures
import sys
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from core.errors import EngineStopped
from core.model.config import Config, Problem, ServerConfig, ServerName, Stdio
from core.model.faults import RULES, Fault, FaultCode, FaultKind
from core.model.intents import ChangeServer, Intent, RestartServer, RestoreConfig, Shutdown
from core.model.status import ConfigProblem, Phase, ServerStatus
from tests.fakes.tray_engine import ENDPOINT, NOON, ScriptedEngine, status
from tests.fakes.tray_person import Computer, Person, RefusingEngine, broken_chores
from tests.unit.tray.test_tray_view import row
from tray_app import answers, text
from tray_app.actions import Verb, command_of
from tray_app.help import help_page
from tray_app.view import view_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a computer of shell scripts")

NAME = ServerName("a")
CONFIG = ServerConfig(name=NAME, transport=Stdio(command="server-a"))
PHASES = {
    FaultKind.TERMINAL: Phase.FAILED,
    FaultKind.AUTH: Phase.AUTH_REQUIRED,
    FaultKind.TRANSIENT: Phase.BACKOFF,
}


def failing(code: FaultCode) -> ServerStatus:
    phase = PHASES[RULES[code].kind]
    at = NOON if phase is Phase.BACKOFF else None
    return status(NAME, phase, fault=Fault(code, "It is broken."), retry_at=at)


def engine_with(one: ServerStatus, engine: type[ScriptedEngine] = ScriptedEngine) -> ScriptedEngine:
    made = engine([one])
    made.store.set_config(Config(servers=MappingProxyType({NAME: CONFIG})))
    return made


@pytest.fixture
def computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Computer:
    """A computer at which everything works, and the only one that this test sees."""
    made = Computer(tmp_path)
    monkeypatch.setenv("PATH", f"{made.path}:/usr/bin:/bin")
    monkeypatch.setenv("DISPLAY", ":none")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    made.program("xdg-mime", "exit 1")  # the usual editor is none that is known
    made.program("server-a", "")
    return made


# --- nothing fails without a word -------------------------------------------------------------

ROWS = {
    Verb.CONNECT: f"apps/cursor/{Verb.CONNECT}",
    Verb.DISCONNECT: f"apps/cursor/{Verb.DISCONNECT}",
    Verb.UNDO: f"apps/cursor/{Verb.UNDO}",
    Verb.SHOW_CHANGE: f"apps/cursor/{Verb.SHOW_CHANGE}",
    Verb.RETRY_ALL: f"attention/:EXIT_EARLY/{Verb.RETRY_ALL}=EXIT_EARLY",
    Verb.MORE_TIME: f"attention/a/{Verb.MORE_TIME}=180",
}
CANNOT_FAIL = {Verb.SNOOZE: "the tray itself remembers it"}


FAILED = (
    *(text.ACTION_FAILED, text.COPY_FAILED, text.REVIEW_FAILED, text.DASHBOARD_FAILED),
    text.SIGN_IN_FAILED,
)


@pytest.mark.parametrize("verb", [verb for verb in Verb if verb not in CANNOT_FAIL])
def test_whatever_cannot_be_done_is_told_with_the_reason(
    verb: Verb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every verb of the menu, where the engine refuses everything and the computer is broken."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    engine = engine_with(failing(FaultCode.EXIT_EARLY), RefusingEngine)
    person = Person(engine, broken_chores(tmp_path))
    person.click(ROWS.get(verb, f"attention/a/{verb}"))
    ((title, reason),) = person.hears()
    assert title in FAILED
    assert len(reason.split()) >= 4
    assert reason != text.NOT_CARRIED_OUT, "that is what is said of a bug"
    assert person.waits_for == [], "nobody waits for what was refused"


@pytest.mark.parametrize("verb", [verb for verb in Verb if verb not in CANNOT_FAIL])
def test_from_afar_it_is_told_too(verb: Verb) -> None:
    """Without a computer of the engine's at hand, what needs one says so."""
    person = Person(engine_with(failing(FaultCode.EXIT_EARLY), RefusingEngine), None)
    person.click(ROWS.get(verb, f"attention/a/{verb}"))
    assert len(person.hears()) == 1


def test_an_engine_that_is_gone_is_told() -> None:
    """A request that cannot even be made is answered as well."""

    class Gone(ScriptedEngine):
        def submit(self, intent: Intent) -> concurrent.futures.Future[int]:
            raise EngineStopped("It has stopped.")

    person = Person(engine_with(status(NAME), Gone), None)
    person.click("servers/a/:restart")
    assert person.hears() == [(text.ACTION_FAILED, "It has stopped.")]


def test_restarting_all_tells_one_refusal() -> None:
    """Many servers, one click, one answer."""
    person = Person(RefusingEngine([status(name) for name in "abc"]), None)
    person.click("diagnostics/:restart-all")
    assert person.hears() == [(text.ACTION_FAILED, "The engine does not want to.")]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_in_a_chore_is_told_as_well(computer: Computer) -> None:
    """What nobody expected ends in a sentence, and in the log."""

    def bug(_name: str) -> str:
        raise ZeroDivisionError

    person = Person(engine_with(status(NAME)), replace(computer.chores(), review_of=bug))
    person.click("attention/a/:review")
    assert person.hears() == [(text.REVIEW_FAILED, text.NOT_CARRIED_OUT)]


# --- C.4: each fault, its first step, and what that does ---------------------------------------

CONFIG_FILE, LOG, PROGRAM, AGAIN, HELP = "config", "log", "program", "again", "help"
SIGN_IN = "sign in"
FIRST_STEPS = {
    FaultCode.SPAWN_ENOENT: CONFIG_FILE,
    FaultCode.SPAWN_EACCES: PROGRAM,
    FaultCode.SPAWN_ENOEXEC: PROGRAM,
    FaultCode.WORKING_DIR: CONFIG_FILE,
    FaultCode.RESOURCES: AGAIN,
    FaultCode.MISSING_SECRET: HELP,
    FaultCode.KEYRING_LOCKED: AGAIN,
    FaultCode.UNSUPPORTED: CONFIG_FILE,
    FaultCode.EXIT_EARLY: LOG,
    FaultCode.CRASHED: AGAIN,
    FaultCode.OUTPUT_CLOSED: AGAIN,
    FaultCode.DEP_DOCKER_DOWN: AGAIN,
    FaultCode.STDOUT_FLOOD: LOG,
    FaultCode.HANDSHAKE_TIMEOUT: LOG,
    FaultCode.HANDSHAKE_INVALID: LOG,
    FaultCode.DNS_FAILED: AGAIN,
    FaultCode.CONNECT_FAILED: AGAIN,
    FaultCode.TLS_FAILED: CONFIG_FILE,
    FaultCode.PROXY_MISCONFIG: CONFIG_FILE,
    FaultCode.AUTH_REQUIRED: CONFIG_FILE,
    FaultCode.LOGIN_NEEDED: SIGN_IN,
    FaultCode.REAUTH_NEEDED: SIGN_IN,
    FaultCode.FORBIDDEN: SIGN_IN,
    FaultCode.RATE_LIMITED: AGAIN,
    FaultCode.REDIRECTED: CONFIG_FILE,
    FaultCode.NOT_MCP: CONFIG_FILE,
    FaultCode.SERVER_ERROR: AGAIN,
    FaultCode.DISCONNECTED: AGAIN,
    FaultCode.CRASH_LOOP: LOG,
    FaultCode.INTERNAL: AGAIN,
}


@pytest.mark.parametrize("code", FaultCode)
def test_the_first_step_of_each_fault_has_its_effect(code: FaultCode, computer: Computer) -> None:
    """One problem row for each fault; its first entry is clicked, and has its effect."""
    engine = engine_with(failing(code))
    log = computer.log_dir / "server-a.log"
    log.touch()
    line = row(view_of(engine.snapshot), "attention/a")
    first = line.rows[0]
    assert first.enabled
    person = Person(engine, computer.chores())
    person.click(first.id)
    shown = {
        CONFIG_FILE: computer.config_file,
        LOG: log,
        PROGRAM: computer.path,
        HELP: help_page(code),
        SIGN_IN: "https://as.example/a",
    }
    step = FIRST_STEPS[code]
    if step == AGAIN:
        assert engine.asked == [RestartServer(NAME)]
        assert person.waits_for == [NAME]
    else:
        assert computer.opened() == [str(shown[step])]
        assert engine.asked == []
    assert person.hears() == []


def test_a_browser_that_cannot_open_is_done_without(computer: Computer) -> None:
    """The link is copied for another one; and why the first did not open is told."""
    engine = engine_with(failing(FaultCode.LOGIN_NEEDED))
    person = Person(engine, computer.chores())
    opens, copies, *_ = row(view_of(engine.snapshot), "attention/a").rows
    computer.program("xdg-open", "exit 3")
    person.click(opens.id)
    ((title, reason),) = person.hears()
    assert title == text.SIGN_IN_FAILED
    assert text.COPY_SIGN_IN in reason
    person.click(copies.id)
    assert computer.copied() == "https://as.example/a\n"
    assert person.hears() == [(text.APP, answers.SIGN_IN_COPIED)]


def test_an_internal_fault_can_be_reported_from_its_row(computer: Computer) -> None:
    """The report is on the clipboard, and that is said, as it cannot be seen."""
    engine = engine_with(failing(FaultCode.INTERNAL))
    rows = row(view_of(engine.snapshot), "attention/a").rows
    (copy,) = (each for each in rows if each.label == "Copy report")
    person = Person(engine, computer.chores())
    person.click(copy.id)
    assert computer.copied() == "1 thing is wrong.\n"
    assert person.hears() == [(text.APP, answers.REPORT_COPIED)]


@pytest.mark.parametrize(
    ("timeout", "label", "given"),
    [
        (60.0, "Give it 3 minutes to start", "180s"),
        (180.0, "Give it 10 minutes to start", "600s"),
        (600.0, None, None),
    ],
)
def test_a_server_that_did_not_answer_in_time_can_be_given_more(
    timeout: float, label: str | None, given: str | None
) -> None:
    """The row changes its entry, and there is none when it has long enough."""
    engine = engine_with(failing(FaultCode.HANDSHAKE_TIMEOUT))
    slow = replace(CONFIG, init_timeout=timeout)
    engine.store.set_config(Config(servers=MappingProxyType({NAME: slow})))
    found = [each for each in row(view_of(engine.snapshot), "attention/a").rows
             if each.label.startswith("Give it")]  # fmt: skip
    assert [each.label for each in found] == ([label] if label else [])
    if found:
        assert command_of(found[0].id) == ChangeServer(NAME, {"init_timeout": given})


def test_a_broken_config_file_is_opened_where_it_is_broken(computer: Computer) -> None:
    """In an editor that is known to take a line; else the file alone is opened."""
    engine = engine_with(status(NAME))
    engine.config_problem(
        ConfigProblem(str(computer.config_file), (Problem("listen", "is bad", 12),))
    )
    first, second = row(view_of(engine.snapshot), "config").rows
    assert first.label == "Open the config file at line 12"
    person = Person(engine, computer.chores())
    person.click(first.id)
    assert computer.opened() == [str(computer.config_file)]
    computer.program("xdg-mime", 'test "$3" = application/json && echo org.kde.kate.desktop')
    computer.program("kate", 'xdg-open "$*"')
    person.click(first.id)
    assert computer.opened()[1:] == [f"--line 12 {computer.config_file}"]
    person.click(second.id)
    assert engine.asked == [RestoreConfig()]


def test_a_broken_database_leads_to_where_it_is(computer: Computer) -> None:
    """Its problem row has one step too."""
    engine = engine_with(status(NAME))
    engine.store.set_storage_problem("the disk is full.")
    (show,) = row(view_of(engine.snapshot), "storage").rows
    Person(engine, computer.chores()).click(show.id)
    assert computer.opened() == [str(computer.data_dir)]


@pytest.mark.parametrize("code", [FaultCode.DEP_DOCKER_DOWN, FaultCode.DNS_FAILED])
def test_servers_with_one_cause_are_one_problem_with_one_step(code: FaultCode) -> None:
    """Each is still there below it; a server that has another fault is left alone."""
    other = replace(failing(FaultCode.CRASHED), name=ServerName("other"))
    two = [replace(failing(code), name=ServerName(name)) for name in ("a", "b")]
    engine = ScriptedEngine([*two, other])
    menu = view_of(engine.snapshot).menu
    problems = [each for each in menu if each.id.startswith("attention/")]
    assert [each.id for each in problems] == [f"attention/:{code}", "attention/other"]
    assert problems[0].label.startswith("2 servers wait: ")
    again, *each_of_them = problems[0].rows
    assert [each.id.rpartition("/")[2] for each in each_of_them] == ["a", "b"]
    Person(engine, None).click(again.id)
    assert engine.asked == [RestartServer(ServerName("a")), RestartServer(ServerName("b"))]
    alone = ScriptedEngine([two[0], other])
    assert row(view_of(alone.snapshot), "attention/a").rows[0].label == "Retry now"


# --- what is told of what worked ----------------------------------------------------------------


def test_what_cannot_be_seen_is_told(computer: Computer) -> None:
    """Copying shows nothing by itself, and a saved report is named."""
    person = Person(engine_with(status(NAME)), computer.chores())
    person.click(":copy-endpoint")
    assert computer.copied() == ENDPOINT + "\n"
    assert person.hears() == [(text.APP, f"{ENDPOINT} is on the clipboard.")]
    person.click("diagnostics/:save-report")
    (report,) = computer.log_dir.glob("*.zip")
    ((_, told),) = person.hears()
    assert str(report) in told
    assert computer.opened() == [str(computer.log_dir)]


def test_what_is_wrong_is_shown_as_a_page_for_nobody_else(computer: Computer) -> None:
    """It opens in a viewer of files."""
    person = Person(engine_with(status(NAME)), computer.chores())
    person.click("diagnostics/:show-problems")
    (page,) = computer.opened()
    assert Path(page).read_text() == "1 thing is wrong.\n"
    assert Path(page).stat().st_mode & 0o777 == 0o600


def test_starting_at_login_is_looked_at_again(computer: Computer) -> None:
    """The tick is drawn from the file, so it is read after the click."""
    person = Person(engine_with(status(NAME)), computer.chores())
    person.click(":start-at-login")
    assert (computer.home / ".config" / "autostart" / "mcpproxy-tray.desktop").exists()
    assert person.looks == 1
    assert person.hears() == [(text.APP, answers.STARTS_AT_LOGIN)]
    person.click(":not-at-login")
    assert not (computer.home / ".config" / "autostart" / "mcpproxy-tray.desktop").exists()
    assert (person.looks, person.hears()) == (2, [])


def test_all_are_restarted_but_those_that_cannot_be() -> None:
    """Disabled ones stay as they are."""
    engine = ScriptedEngine([status("a"), status("b", Phase.DISABLED), status("c")])
    person = Person(engine, None)
    person.click("diagnostics/:restart-all")
    assert engine.asked == [RestartServer(ServerName("a")), RestartServer(ServerName("c"))]
    assert person.waits_for == ["a", "c"]


def test_quitting_twice_asks_twice() -> None:
    """The engine takes the second for haste; its row says so."""
    engine = ScriptedEngine([status("a")])
    person = Person(engine, None)
    person.click(":quit")
    assert row(view_of(engine.snapshot), ":quit").label == "Quit now, without waiting"
    assert row(view_of(engine.snapshot), ":quit").enabled
    person.click(":quit")
    assert engine.asked == [Shutdown(), Shutdown()]
