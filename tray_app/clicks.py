"""What a click asks for, done: requests go to the engine, chores are done here; nothing fails
without a word.

A success is told where a person would not see it otherwise.
"""

from __future__ import annotations

import concurrent.futures
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeGuard

from core.errors import McpProxyError
from core.model.config import ServerConfig, ServerName, Stdio
from core.model.intents import (
    Intent,
    RestartServer,
    RetryNow,
    ServerIntent,
    SetEnabled,
    allowed,
)
from core.model.status import Snapshot
from core.model.switches import switched
from tray_app import answers, desktop, text
from tray_app.actions import (
    CheckUpdates,
    ConnectApp,
    CopyEndpoint,
    CopyReport,
    CopySignIn,
    CopyUpdate,
    ImportServers,
    OpenConfig,
    OpenDashboard,
    OpenData,
    OpenHelp,
    OpenLog,
    OpenLogs,
    OpenReview,
    PutOffUpdate,
    RestartAll,
    SaveReport,
    SetTool,
    ShowChange,
    ShowImport,
    ShowProblems,
    ShowProgram,
    SignIn,
    Snooze,
    StartAtLogin,
    UndoConnect,
    command_of,
)
from tray_app.chores import Chores
from tray_app.desktop import DesktopFailure

BACKGROUND = "desktop"
"""What threads are called that do something on this computer."""

log = logging.getLogger(__name__)


class Asking(Protocol):
    """As much of an engine as a click needs, from any thread."""

    @property
    def snapshot(self) -> Snapshot: ...
    def submit(self, intent: Intent) -> concurrent.futures.Future[int]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """How the person is told; ``post`` brings work to the UI thread, where the others belong."""

    post: Callable[[Callable[[], None]], None]
    notify: Callable[[str, str], None]  # title and body
    snooze: Callable[[int], None]  # minutes
    look: Callable[[], None]  # at what other programs' files say now
    waits_for: Callable[[Iterable[ServerName]], None]  # a person had these servers started
    forgets: Callable[[ServerName], None]  # it will not be started after all


class Clicks:
    """Carries out what is clicked; ``chores`` is None when the engine is elsewhere.

    ``dashboard`` gives the address of a page of the engine's dashboard; it blocks.
    """

    def __init__(
        self,
        engine: Asking,
        chores: Chores | None,
        face: Face,
        dashboard: Callable[[str], str],
    ) -> None:
        self._engine = engine
        self._chores = chores
        self._face = face
        self._dashboard = dashboard

    def clicked(self, row_id: str) -> None:
        """Do what the row stands for; on the UI thread, which is not held up."""
        command = command_of(row_id)
        match command:
            case None:
                return
            case Snooze(minutes):
                self._face.snooze(minutes)
            case OpenLog(name):
                self._do(lambda chores: chores.open_log(name))
            case OpenLogs():
                self._do(Chores.open_logs)
            case OpenConfig(line):
                self._do(lambda chores: chores.open_config(line))
            case OpenData():
                self._do(Chores.open_data)
            case OpenDashboard(page):
                in_background(lambda: self._open_dashboard(page), self._face, text.DASHBOARD_FAILED)
            case OpenHelp(name):
                self._open_help(name)
            case OpenReview(name):
                self._do(lambda chores: chores.open_review(name), text.REVIEW_FAILED)
            case ShowProgram(name):
                self._show_program(name)
            case SetTool(name, tool, on):
                self._set_tool(name, tool, on)
            case RestartAll(code):
                self._restart_all(code)
            case CopyEndpoint():
                self._copy_endpoint()
            case SignIn(name):
                self._do(lambda chores: chores.sign_in(name), text.SIGN_IN_FAILED)
            case CopySignIn(name):
                self._tell(lambda chores: chores.copy_sign_in(name), text.SIGN_IN_FAILED)
            case ShowProblems():
                self._do(Chores.show_problems)
            case CopyReport():
                self._tell(Chores.copy_report)
            case SaveReport():
                self._tell(Chores.save_report)
            case ShowChange(client):
                self._do(lambda chores: chores.apps.show_change(client))
            case ConnectApp(client, connected):
                self._tell(lambda chores: chores.apps.connect(client, connected))
            case UndoConnect(client):
                self._tell(lambda chores: chores.apps.undo(client))
            case ShowImport():
                self._do(lambda chores: chores.apps.show_import())
            case ImportServers(client):
                self._tell(lambda chores: chores.apps.take_over(client))
            case CheckUpdates():
                self._tell(Chores.check_updates)
            case CopyUpdate():
                self._tell(Chores.copy_update)
            case PutOffUpdate(version):
                self._quietly(lambda chores: chores.put_off_update(version))
            case StartAtLogin(True):
                self._tell(Chores.start_at_login)
            case StartAtLogin():
                self._quietly(Chores.not_at_login)
            case _:
                self.submit(command)

    def submit(self, intent: Intent) -> None:
        """Ask the engine; a refusal is shown, as nothing else would follow the click."""
        self._submit([intent])

    # --- inside -------------------------------------------------------------------------------

    def _submit(self, intents: Iterable[Intent]) -> None:
        """Ask for several things at once; of several refusals one is told."""
        told = False

        def refused(intent: Intent, why: str) -> None:
            nonlocal told
            if _starts(intent):
                self._face.forgets(intent.name)
            if not told:
                self._face.notify(text.ACTION_FAILED, why)
            told = True

        def answered(intent: Intent, answer: concurrent.futures.Future[int]) -> None:
            why = _refusal(answer)
            if why is not None:
                self._face.post(lambda: refused(intent, why))

        intents = tuple(intents)
        self._face.waits_for(each.name for each in intents if _starts(each))
        for intent in intents:
            try:
                self._engine.submit(intent).add_done_callback(partial(answered, intent))
            except McpProxyError as refusal:
                refused(intent, str(refusal))

    def _restart_all(self, code: str) -> None:
        """Every server, or those whose fault has the code."""
        self._submit(
            RestartServer(each.name)
            for each in self._engine.snapshot.servers.values()
            if RestartServer in allowed(each)
            and (not code or (each.fault is not None and each.fault.code == code))
        )

    def _set_tool(self, name: ServerName, tool: str, on: bool) -> None:
        config = self._config(name)
        if config is None:
            self._face.notify(text.ACTION_FAILED, answers.no_longer_there(name))
        else:
            self.submit(switched(config, tool, on))

    def _show_program(self, name: ServerName) -> None:
        config = self._config(name)
        if config is None or not isinstance(config.transport, Stdio):
            self._face.notify(text.ACTION_FAILED, answers.no_longer_there(name))
        else:
            command = config.transport.command
            self._do(lambda chores: chores.show_program(command))

    def _config(self, name: ServerName) -> ServerConfig | None:
        return self._engine.snapshot.config.servers.get(name)

    def _open_dashboard(self, page: str) -> None:
        desktop.open_url(self._dashboard(page))

    def _open_help(self, name: ServerName) -> None:
        status = self._engine.snapshot.servers.get(name)
        if status is None or status.fault is None:
            self._face.notify(text.ACTION_FAILED, answers.fault_is_over(name))
        else:
            code = status.fault.code
            self._do(lambda chores: chores.open_help(code))

    def _copy_endpoint(self) -> None:
        url = self._engine.snapshot.endpoint
        if url is None:
            self._face.notify(text.COPY_FAILED, text.NO_ENDPOINT)
        else:
            self._tell(lambda chores: chores.copy_url(url), text.COPY_FAILED)

    def _quietly(self, work: Callable[[Chores], None]) -> None:
        """Do something that the menu shows once it has looked again."""

        def done(chores: Chores) -> None:
            work(chores)
            self._face.post(self._face.look)

        self._do(done)

    def _tell(self, work: Callable[[Chores], str], failed: str = text.ACTION_FAILED) -> None:
        """Do something whose success is not to be seen; what was done is told."""

        def done(chores: Chores) -> None:
            sentence = work(chores)
            self._face.post(lambda: self._face.notify(text.APP, sentence))
            self._face.post(self._face.look)

        self._do(done, failed)

    def _do(self, work: Callable[[Chores], object], failed: str = text.ACTION_FAILED) -> None:
        """Do something on this computer, which may take a while; say if it failed."""
        chores = self._chores
        if chores is None:
            self._face.notify(failed, text.ONLY_THERE)
        else:
            in_background(lambda: work(chores), self._face, failed)


def in_background(work: Callable[[], object], face: Face, failed: str) -> None:
    """Do something that blocks on a thread of its own; a failure is told under ``failed``."""

    def run() -> None:
        why: str | None = text.NOT_CARRIED_OUT  # a bug is told too, and goes on into the log
        try:
            work()
            why = None
        except (DesktopFailure, McpProxyError) as failure:
            why = str(failure)
        finally:
            if why is not None:
                sentence = why
                face.post(lambda: face.notify(failed, sentence))

    threading.Thread(target=run, name=BACKGROUND, daemon=True).start()


def _starts(intent: Intent) -> TypeGuard[ServerIntent]:
    match intent:
        case RestartServer() | RetryNow() | SetEnabled(_, True):
            return True
        case _:
            return False


def _refusal(answer: concurrent.futures.Future[int]) -> str | None:
    """Why the engine did not do it; None if it did, or has ended."""
    if answer.cancelled():
        return None
    error = answer.exception()
    if isinstance(error, McpProxyError):
        return str(error)
    if error is not None:
        log.error("an intent ended in an unexpected error", exc_info=error)
        return text.NOT_CARRIED_OUT
    return None
