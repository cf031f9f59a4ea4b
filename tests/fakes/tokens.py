"""A ``core.ports.TokenStore`` that keeps nothing longer than it lives."""

from __future__ import annotations

from core.errors import NotKept


class MemoryTokens:
    """``texts`` is what is kept; once ``full``, nothing more is taken."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.full = False

    async def get(self, name: str) -> str | None:
        return self.texts.get(name)

    async def put(self, name: str, text: str) -> None:
        if self.full:
            raise NotKept("There is no room.")
        self.texts[name] = text

    async def delete(self, name: str) -> None:
        self.texts.pop(name, None)
