"""What the engine needs from the world, and the door it offers; Protocols only."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from core.model.activity import KeptCall, Usage, Wanted
from core.model.approvals import Judgement
from core.model.clients import ClientFile, Deed, Offered, OfferedBy, Preview
from core.model.config import Config, Problem, ServerConfig, ServerName
from core.model.faults import Fault
from core.model.findings import Finding
from core.model.intents import AddServers, FileIntent, Intent
from core.model.notices import Notice
from core.model.status import ConfigProblem, Peer, Snapshot
from core.model.tools import Tool
from core.protocol.annotations import Effect
from core.protocol.calls import Ask, Session

if TYPE_CHECKING:
    from core.model.registry import Offers


class Timer(Protocol):
    """A pending call that can be taken back."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """Time as a parameter. ``now`` is monotonic seconds; ``wall`` is UTC, for people."""

    def now(self) -> float: ...
    def wall(self) -> datetime: ...
    def slept(self) -> float:
        """Seconds the computer has slept so far, which ``now`` does not count."""

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer: ...


class Link(Protocol):
    """How a connection reports to its actor, and learns that it should end."""

    @property
    def closing(self) -> asyncio.Future[None]:
        """Done once the connection has to end; take care not to await it without a shield."""

    @property
    def config(self) -> ServerConfig:
        """The newest configuration; it differs only in what needs no other connection."""

    def fetching(self) -> None:
        """What is started is still being downloaded, so it gets more time to be ready."""

    def forcing(self) -> None:
        """It did not end when it was asked to, so it is made to."""

    def connected(self, session: Session, peer: Peer) -> None:
        """The hand-shake is done and the server can be called."""

    def peer_changed(self, peer: Peer) -> None:
        """The server's tools, prompts, resources or concerns are others now."""


Connector = Callable[[ServerConfig, Link], Awaitable[Fault | None]]
"""Open, hand-shake, serve and close one connection; returns why it ended (None: as asked)."""


class ConfigSource(Protocol):
    """The config file: the only writer of desired state."""

    async def load(self) -> Config:
        """Read and check the file, creating it if absent. Raises ConfigError."""

    async def watch(
        self, loaded: Callable[[Config], None], rejected: Callable[[ConfigProblem], None]
    ) -> None:
        """Report every later version of the file until cancelled."""

    async def restore(self) -> None:
        """Put the version in use where the file was deleted or cannot be used, and report it.

        What stood there is kept beside it. Changes nothing where the file is in order. Raises
        ConfigError when something else is in the way, ConfigNotWritten.
        """

    async def set_enabled(self, name: ServerName, enabled: bool) -> None:
        """Change one entry of the file and report the new version before returning.

        Raises ConfigError when the file as it stands on disk cannot be read, ConfigNotWritten
        when it cannot be written.
        """

    async def set_quarantined(self, name: ServerName, quarantined: bool) -> None:
        """Likewise."""

    async def edit(self, edit: FileIntent) -> None:
        """Change entries of the file and report the new version before returning.

        Raises as ``set_enabled``, and EditRefused when the file could not be used afterwards.
        """


@dataclass(frozen=True, slots=True)
class ConfigShown:
    """The config file's text with secrets masked, and the ``digest`` of what it really holds."""

    file: str
    text: str
    digest: str


class ConfigText(Protocol):
    """The config file as something to look at and to try out."""

    async def show(self) -> ConfigShown:
        """Raises ConfigError when the file cannot be used."""

    async def try_out(self, text: str) -> Sequence[Problem]:
        """Everything that would be wrong with the file if it had that text."""


class Approvals(Protocol):
    """What a person agreed to, kept across restarts; fails closed."""

    def judge(self, config: ServerConfig, tools: tuple[Tool, ...] | None) -> Judgement:
        """What may be used of a server now; ``tools`` is None while it is not connected.

        Never waits. Remembers what it sees of a server for the first time.
        """

    async def approve_tools(
        self, config: ServerConfig, tools: tuple[Tool, ...], seen: Mapping[str, str]
    ) -> None:
        """Agree to tools by name and hash, and keep it. Raises NotAsSeen, NotKept."""

    async def approve_server(
        self, config: ServerConfig, tools: tuple[Tool, ...] | None, seen: str
    ) -> None:
        """Agree to what the server runs and to all its tools. Raises NotAsSeen, NotKept."""

    async def release(self, config: ServerConfig, tools: tuple[Tool, ...] | None) -> None:
        """Agree to what the server runs, and to its tools as far as no rule speaks against them.

        Raises NotKept.
        """

    def on_change(self, changed: Callable[[ServerName | None], object]) -> None:
        """Tell whenever a judgement may be another, of one server or (None) of all."""


class Cache(Protocol):
    """Keeps bytes by key for a while, across restarts too."""

    async def put(self, key: str, data: bytes, ttl: float) -> None:
        """``ttl`` is in seconds."""

    async def get(self, key: str) -> bytes | None:
        """None when the key is unknown or its time is over."""


class Journal(Protocol):
    """Takes down what agents did; never waits, and loses records rather than grow."""

    def record(self, server: str, tool: str, outcome: str, took: float, size: int) -> None:
        """A tool call has ended after ``took`` seconds with a result of ``size`` bytes."""


class Records(Protocol):
    """What is kept, for people to read. Methods raise StorageFailed."""

    async def approved(self, config: ServerConfig, tool: str) -> bytes | None:
        """The entry of a tool as somebody agreed to it."""

    async def calls(self, wanted: Wanted) -> Sequence[KeptCall]: ...
    async def usage(self) -> Sequence[Usage]:
        """By tool, most used first."""


class Batch(Protocol):
    """What a subscriber gets: the world now, what changed since last time, what happened."""

    @property
    def snapshot(self) -> Snapshot: ...
    @property
    def changed(self) -> frozenset[ServerName]: ...  # removed: those not in the snapshot
    @property
    def notices(self) -> tuple[Notice, ...]: ...
    @property
    def dropped(self) -> int: ...  # notices lost to the bound


class Subscription(Protocol):
    """One consumer's slot. ``take`` and ``close`` may be called from any thread."""

    def take(self) -> Batch | None:
        """Everything since the last take, or None when nothing is new.

        The first take holds the whole world. After ``closed`` is true nothing more comes.
        """

    def close(self) -> None: ...
    @property
    def closed(self) -> bool: ...


class Door(Protocol):
    """The engine as its driving sides see it: read the snapshot, subscribe, ask.

    Inside the engine thread. ``tray_app`` uses the same verbs of ``core.engine.thread``,
    whose ``submit`` gives a ``concurrent.futures.Future`` instead.
    """

    @property
    def snapshot(self) -> Snapshot: ...

    def subscribe(self, wake: Callable[[], object]) -> Subscription:
        """A new slot; ``wake`` is called once whenever it goes from empty to filled."""

    async def submit(self, intent: Intent) -> int:
        """Ask for something; returns the ``Snapshot.seq`` at which it was accepted.

        Raises IntentRefused or EngineStopped.
        """

    def notices_since(self, seq: int) -> tuple[tuple[Notice, ...], int]:
        """Notices with a later seq that are still kept, and how many were dropped."""

    async def until(self, condition: Callable[[Snapshot], bool], timeout: float | None) -> Snapshot:
        """Wait for a snapshot that fulfils the condition.

        Raises TimeoutError after ``timeout`` seconds, EngineStopped when the engine stops.
        """


class Sessions(Protocol):
    """The live conversations, for the data plane."""

    def get(self, name: str) -> Session | None: ...


@dataclass(frozen=True, slots=True)
class Held:
    """A conversation that one client has for itself; ``pid`` if it is a process of its own."""

    server: ServerName
    session: Session
    pid: int | None


class TokenStore(Protocol):
    """Keeps what proves who a person is at a server, one text for each; nobody else reads it."""

    async def get(self, name: str) -> str | None:
        """Raises KeyringFailed when it is there, but cannot be read now."""

    async def put(self, name: str, text: str) -> None:
        """Raises NotKept."""

    async def delete(self, name: str) -> None:
        """Of what is not there too. Raises NotKept."""


class SignIns(Protocol):
    """Signing in to servers by URL, by way of a person's browser."""

    async def begin(self, config: ServerConfig) -> None:
        """Prepare a sign-in, or go on with the one that is prepared. Raises SignInFailed."""

    def link(self, name: ServerName) -> str:
        """What to open in the browser for the sign-in that is prepared; empty if none is."""

    async def over(self, name: ServerName) -> None:
        """Wait until the latest sign-in has come to its end. Raises SignInFailed if it failed."""

    async def forget(self, name: ServerName) -> bool:
        """Sign out; whether anybody was signed in. Raises NotKept."""

    def on_change(self, changed: Callable[[ServerName], object]) -> None:
        """Tell whenever somebody has signed in or out."""


class Privates(Protocol):
    """Conversations with a server that one client has for itself."""

    async def open(
        self, server: ServerName, capabilities: bytes, asked: Callable[[Ask], None]
    ) -> Session:
        """Another process or HTTP session of a server, which is told these capabilities (JSON).

        ``asked`` takes what the server asks outside any call. Raises ConnectionLost when it
        cannot be had, TooBusy when the server has as many as one may.
        """

    def held(self) -> Sequence[Held]:
        """All that are open now, for whoever counts them."""

    def close(self, session: Session) -> None:
        """End it; one that has ended is left alone."""


class Doctor(Protocol):
    """Examines the program and what is around it, changing nothing."""

    async def examine(self, snapshot: Snapshot) -> Sequence[Finding]:
        """What is as it should be, and what is wrong, why, and what to do."""

    async def bundle(self, snapshot: Snapshot) -> bytes:
        """A zip archive for a bug report, without secrets."""


class Keyring(Protocol):
    """Where the desktop keeps secrets."""

    async def read(self, names: Collection[str]) -> Mapping[str, str]:
        """The values of those of the names that have one; within seconds.

        Raises KeyringFailed.
        """

    async def everything(self) -> Mapping[str, str]:
        """All that was kept there for this program, by name. Raises KeyringFailed."""

    async def write(self, items: Mapping[str, str]) -> None:
        """Keep values under their names. Raises KeyringFailed."""

    async def delete(self, names: Collection[str]) -> None:
        """Take out those of the names that are there. Raises KeyringFailed."""

    def told(self) -> Collection[str]:
        """Every value that was read so far, so that none of them is shown."""


class FoundTool(Protocol):
    """One hit of a search."""

    @property
    def server(self) -> str: ...
    @property
    def tool(self) -> str: ...
    @property
    def score(self) -> float: ...


class ToolSearch(Protocol):
    """Finds tools by what they do, best first, among those given by server."""

    async def search(
        self,
        tools: Mapping[str, Sequence[Tool]],
        query: str,
        limit: int,
        effects: Container[Effect] = frozenset(Effect),
    ) -> Sequence[FoundTool]:
        """The best of ``tools`` that have one of the ``effects``."""

    @property
    def documents(self) -> int:
        """Tools that are indexed now."""

    def prepare(self, tools: Mapping[str, Sequence[Tool]]) -> None:
        """Learn which tools may soon be searched, all that there are; returns at once."""


class Registry(Protocol):
    """Published servers, to be looked for by words."""

    async def search(self, query: str, limit: int) -> Offers:
        """What the registry finds, in its order.

        Raises RegistryOff when the config file names no registry, RegistryFailed.
        """


class ClientFiles(Protocol):
    """The config files of AI clients on this computer; nothing is written that was not shown.

    Methods raise UnknownClient, and other McpProxyErrors when a file cannot be used.
    """

    async def clients(self) -> Sequence[ClientFile]:
        """Those that can be connected."""

    async def preview(self, client: str, deed: Deed) -> Preview: ...
    async def carry_out(self, client: str, deed: Deed, seen: str) -> ClientFile:
        """``seen`` is the hash of the preview of it; raises NotAsSeen if it is another now."""

    async def offered(self, client: str) -> OfferedBy | None:
        """What could be taken over from it; None if it has no file."""

    async def taking_over(self, client: str, to_keyring: bool) -> AddServers:
        """The intent that takes over all that can be; its secrets are in the keyring by then, if
        wanted. Raises also KeyringFailed."""

    async def read(self, text: str) -> Sequence[Offered]:
        """The servers that a text names: a command, an address or a client's settings."""
