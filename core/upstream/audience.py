"""Who hears what a server tells of itself, and what the server is asked to tell."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import msgspec

from core.protocol.calls import Catalogue, Hello, Notify
from core.upstream.asks import Asks


def _nothing() -> None:
    """Nobody has to be told."""


class Audience(ABC):
    """The part of ``core.protocol.calls.Session`` that is not about calls."""

    asks: Asks  # what the server asks of us and of clients

    def __init__(self) -> None:
        self.hello = Hello("")
        self.catalogue = Catalogue()
        self.subscribed: set[str] = set()  # URIs of resources
        self.subscriptions_changed: Callable[[], None] = _nothing  # for the stateless era
        self._listeners: dict[object, Notify] = {}

    @property
    def questions_open(self) -> int:
        return self.asks.waiting

    @property
    def uses_roots(self) -> bool:
        return self.asks.roots_asked

    @property
    def asks_clients(self) -> bool:
        return self.asks.unattributed

    def listen(self, notify: Notify) -> Callable[[], None]:
        key = object()
        self._listeners[key] = notify
        return lambda: self._listeners.pop(key, None) and None

    def broadcast(self, method: str, params: bytes) -> None:
        """Pass a notification that belongs to no request on to everyone who listens."""
        for notify in tuple(self._listeners.values()):
            notify(method, params)

    def subscribe(self, uri: str) -> None:
        self.subscribed.add(uri)
        self._subscribe(uri, "resources/subscribe")

    def unsubscribe(self, uri: str) -> None:
        self.subscribed.discard(uri)
        self._subscribe(uri, "resources/unsubscribe")

    def subscribe_again(self) -> None:
        """The server has forgotten everything."""
        for uri in tuple(self.subscribed):
            self.subscribe(uri)

    def _subscribe(self, uri: str, method: str) -> None:
        if self.hello.stateless:
            self.subscriptions_changed()
        else:
            self._ask(method, msgspec.json.encode({"uri": uri}))

    @abstractmethod
    def _ask(self, method: str, params: bytes) -> None:
        """Send a request whose answer is of no interest."""
