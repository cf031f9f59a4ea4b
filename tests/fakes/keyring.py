"""A vault in memory that can be locked, and one that never answers, for ``core.secrets``."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from core.errors import KeyringFailed
from core.secrets.keyring import Keyring
from core.secrets.vault import Vault


class MemoryVault(Vault):
    """Implements ``core.secrets.vault.Vault``; ``trouble`` is raised by whatever is asked."""

    def __init__(self, items: Mapping[str, str] | None = None) -> None:
        self.items = dict(items or {})
        self.trouble: KeyringFailed | None = None
        self.asked = 0

    def read(self, names: Collection[str]) -> Mapping[str, str]:
        self._ask()
        return {name: self.items[name] for name in names if name in self.items}

    def names(self) -> Collection[str]:
        self._ask()
        return frozenset(self.items)

    def write(self, items: Mapping[str, str]) -> None:
        self._ask()
        self.items.update(items)

    def delete(self, names: Collection[str]) -> None:
        self._ask()
        for name in names:
            self.items.pop(name, None)

    def _ask(self) -> None:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble


class HangingVault(MemoryVault):
    """Answers nobody until it is let go, as one does that waits for its password."""

    def __init__(self, items: Mapping[str, str] | None = None) -> None:
        super().__init__(items)
        self._free = threading.Event()

    def _ask(self) -> None:
        self._free.wait()
        super()._ask()

    def let_go(self) -> None:
        self._free.set()


@contextmanager
def hanging(items: Mapping[str, str] | None = None) -> Iterator[HangingVault]:
    """One that leaves no thread behind."""
    vault = HangingVault(items)
    try:
        yield vault
    finally:
        vault.let_go()


def keyring_of(**items: str) -> Keyring:
    """The product's keyring over a vault that answers at once."""
    return Keyring(MemoryVault(items))
