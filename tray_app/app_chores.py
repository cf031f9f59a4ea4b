"""What the tray does with AI clients' files; everything here blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tray_app import answers, text
from tray_app.local import App, Importable
from tray_app.pages import show_page

if TYPE_CHECKING:
    from core.clients.connecting import ClientState, Connections, Plan
    from core.clients.desk import Desk


@dataclass(frozen=True, slots=True)
class AppChores:
    """All raise McpProxyError or DesktopFailure, whose ``str()`` is a sentence for a person.

    ``desk`` gives what can be done, at the engine's present address; pages go to ``page_dir``.
    """

    desk: Callable[[], Desk]
    page_dir: Path

    def apps(self) -> tuple[App, ...]:
        """The clients that are here."""
        from core.clients.connecting import State

        connections = self.desk().connections()
        return tuple(
            _app(state, connections)
            for state in connections.states()
            if state.state is not State.ABSENT
        )

    def importable(self) -> tuple[Importable, ...]:
        """Clients that have servers which are not ours yet."""
        from core.clients.candidates import Outcome

        counted = (
            (each, sum(one.outcome is Outcome.IMPORT for one in each.candidates))
            for each in self.desk().sources()
        )
        return tuple(
            Importable(each.client.id, each.client.title, count) for each, count in counted if count
        )

    def connect(self, client: str, connected: bool) -> str:
        """Put our entry into a client's file or take it out; what was done, as a sentence."""
        connections = self.desk().connections()
        plan = _plan(connections, client, connected)
        connections.carry_out(plan)
        return text.client_changed(plan.client.title, connected, str(plan.file))

    def undo(self, client: str) -> str:
        """Bring a client's file back to the byte; what was done, as a sentence."""
        from core.clients.catalogue import BY_ID

        connections = self.desk().connections()
        plan = connections.undo(BY_ID[client])
        connections.carry_out(plan)
        return text.client_restored(plan.client.title, str(plan.file))

    def show_change(self, client: str) -> None:
        """Show what the next click would do to a client's file."""
        from core.clients.catalogue import BY_ID
        from core.clients.connecting import State

        connections = self.desk().connections()
        connected = connections.state(BY_ID[client]).state is State.CONNECTED
        show_page(
            self.page_dir,
            f"preview-{client}.txt",
            "\n".join(_previews(connections, client, connected)),
        )

    def take_over(self, client: str) -> str:
        """Take over what one client has, or all have (""); what was done, as a sentence."""
        from core.secrets.drawer import Drawer

        desk = self.desk()
        # All are looked at in any case: what two have counts as the first one's.
        found = [each for each in desk.sources() if client in ("", each.client.id)]
        return text.taken_over(desk.take_over_as_can_be(found, Drawer(desk.config_file)))

    def show_import(self) -> None:
        """Show what would be taken over, and why the rest would not."""
        from tray_app.client_commands import found_words

        found = found_words(self.desk().sources(), to_keyring=True) or answers.NOTHING_TO_IMPORT
        show_page(self.page_dir, "preview-import.txt", f"{answers.IMPORT_PAGE}\n{found}\n")


def _app(state: ClientState, connections: Connections) -> App:
    from core.clients.connecting import ClientProblem, State

    undoable = False
    if state.state is State.CONNECTED:
        with suppress(ClientProblem):
            connections.undo(state.client)
            undoable = True
    return App(
        id=state.client.id,
        title=state.client.title,
        connected=state.state is State.CONNECTED,
        lost=state.state is State.REMOVED,
        undoable=undoable,
        unreadable=state.why,
    )


def _plan(connections: Connections, client: str, connected: bool) -> Plan:
    from core.clients.catalogue import BY_ID

    row = BY_ID[client]
    return connections.connect(row) if connected else connections.disconnect(row)


def _previews(connections: Connections, client: str, connected: bool) -> Iterator[str]:
    from core.clients.connecting import ClientProblem

    plan = _plan(connections, client, not connected)
    title, file = plan.client.title, str(plan.file)
    yield answers.preview(title, file, plan.diff, text.DISCONNECT if connected else text.CONNECT)
    if connected:
        with suppress(ClientProblem):  # changed since, or not by us
            yield answers.preview(title, file, connections.undo(plan.client).diff, text.UNDO)
