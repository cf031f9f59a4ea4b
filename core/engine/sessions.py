"""The live conversations by server name, for the data plane to use without asking an actor."""

from __future__ import annotations

from core.model.config import ServerName
from core.protocol.calls import Session


class LiveSessions:
    """Written by actors only; an entry exists exactly while its server is READY."""

    def __init__(self) -> None:
        self._by_name: dict[str, Session] = {}

    def get(self, name: str) -> Session | None:
        return self._by_name.get(name)

    def put(self, name: ServerName, session: Session) -> None:
        self._by_name[name] = session

    def drop(self, name: ServerName) -> None:
        self._by_name.pop(name, None)
