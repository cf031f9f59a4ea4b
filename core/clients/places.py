"""Where a person's AI clients keep their config files, on each system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What decides where files are: home, environment and ``sys.platform``."""

    home: Path
    environ: Mapping[str, str]
    platform: str

    def path(self, template: str) -> Path | None:
        """The path a template of the catalogue means here, or None if it means none.

        It begins with ``~`` (home), ``@config`` (where the system keeps programs' settings) or
        ``$NAME`` (a variable; None where it is unset). ``linux:`` and the like before it limit
        it to that system.
        """
        system, separator, rest = template.partition(":")
        if separator and system in ("linux", "darwin", "win32"):
            if self.platform != system:
                return None
            template = rest
        head, _, tail = template.partition("/")
        if head.startswith("$"):
            value = self.environ.get(head[1:])
            return Path(value, tail) if value else None
        base = self.home if head == "~" else self._config
        return base / tail

    @property
    def _config(self) -> Path:
        match self.platform:
            case "darwin":
                return self.home / "Library" / "Application Support"
            case "win32":
                return Path(self.environ.get("APPDATA") or self.home / "AppData" / "Roaming")
            case _:
                return Path(self.environ.get("XDG_CONFIG_HOME") or self.home / ".config")


def existing(candidates: tuple[str, ...], surroundings: Surroundings) -> Path:
    """The first of a client's possible files that exists, else the first that may be made."""
    paths = [path for each in candidates if (path := surroundings.path(each)) is not None]
    return next((path for path in paths if path.is_file()), paths[0])


def installed(candidates: tuple[str, ...], surroundings: Surroundings) -> bool:
    """Whether the client seems to be here: its file, or the directory it lies in, exists.

    A directory that many programs share (home itself) tells nothing.
    """
    shared = {surroundings.home, surroundings.path("@config/")}
    for each in candidates:
        path = surroundings.path(each)
        if path is None:
            continue
        if path.is_file() or (path.parent not in shared and path.parent.is_dir()):
            return True
    return False
