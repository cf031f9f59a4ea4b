"""What to do so that the running servers become the wanted ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.model.config import ServerConfig, ServerName


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in the order to take them: new servers as wanted, removals in reverse."""

    start: tuple[ServerConfig, ...] = ()
    update: tuple[ServerConfig, ...] = ()
    remove: tuple[ServerName, ...] = ()

    @property
    def empty(self) -> bool:
        return not (self.start or self.update or self.remove)


def plan(
    desired: Mapping[ServerName, ServerConfig], running: Mapping[ServerName, ServerConfig]
) -> Plan:
    """Compare whole entries; carrying out the plan and planning again gives an empty plan."""
    return Plan(
        start=tuple(config for name, config in desired.items() if name not in running),
        update=tuple(
            config
            for name, config in desired.items()
            # The same object is equal; comparing the members of ten thousand takes its time.
            if name in running and running[name] is not config and running[name] != config
        ),
        remove=tuple(name for name in reversed(tuple(running)) if name not in desired),
    )
