"""Implements ``core.ports.Doctor`` with one engine's, or one command's, knowledge."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from core.doctor.premises import Premises
from core.model.findings import Finding
from core.model.status import Snapshot
from core.ports import Keyring
from core.upstream.environment import SearchPath

Examine = Callable[[Premises, SearchPath, Keyring, Snapshot | None], Awaitable[tuple[Finding, ...]]]


@dataclass(frozen=True, slots=True)
class Doctor:
    """``search_path`` and ``keyring`` are those servers are started with: each is asked once."""

    premises: Premises
    search_path: SearchPath
    keyring: Keyring

    async def examine(self, snapshot: Snapshot | None) -> tuple[Finding, ...]:
        """What is as it should be, and what is not; None examines while no engine runs."""
        examine = await asyncio.to_thread(_examination)
        return await examine(self.premises, self.search_path, self.keyring, snapshot)

    async def bundle(self, snapshot: Snapshot | None) -> bytes:
        """A zip archive for a bug report, without secrets."""
        findings = await self.examine(snapshot)
        told = tuple(self.keyring.told())
        return await asyncio.to_thread(_bundle, self.premises, findings, snapshot, told)


def _examination() -> Examine:
    from core.doctor.examination import examine  # what it needs, no start needs

    return examine


def _bundle(
    premises: Premises,
    findings: tuple[Finding, ...],
    snapshot: Snapshot | None,
    told: tuple[str, ...],
) -> bytes:
    from core.doctor.bundle import bundle  # likewise

    return bundle(premises, findings, snapshot, told)
