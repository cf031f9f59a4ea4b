"""What exactly to start for a server: every reference resolved, the program found."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.model.config import EnvironmentPolicy, Stdio
from core.model.faults import Fault
from core.upstream import classify
from core.upstream.environment import child_environment, secrets_of
from core.upstream.ownership import VARIABLE
from core.upstream.values import Values, resolve


@dataclass(frozen=True, slots=True)
class Launch:
    """A command line, never a shell line; ``secrets`` must not be shown or logged."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    working_dir: str | None
    secrets: tuple[str, ...] = field(repr=False)

    def marked(self, mark: str) -> Launch:
        """The same with a mark that tells whose process it is."""
        return replace(self, env={**self.env, VARIABLE: mark})


def prepare(
    transport: Stdio, policy: EnvironmentPolicy, values: Values, path: str
) -> Launch | Fault:
    """Resolve and check everything that can be checked before starting; reads the disk.

    Raises MissingSecret.
    """
    working_dir = transport.working_dir
    if working_dir is not None:
        working_dir = str(_expanded(resolve(working_dir, values)))
        if not Path(working_dir).is_dir() or not os.access(working_dir, os.X_OK):
            return classify.no_working_dir(working_dir)
    launch = Launch(
        argv=tuple(resolve(part, values) for part in (transport.command, *transport.args)),
        env=child_environment(transport, policy, values, path),
        working_dir=working_dir,
        secrets=secrets_of(
            (*policy.custom_vars, *transport.env), (transport.command, *transport.args), values
        ),
    )
    return _located(launch)


def _located(launch: Launch) -> Launch | Fault:
    command = launch.argv[0]
    path = launch.env["PATH"]
    if os.sep in command or (os.altsep is not None and os.altsep in command):
        # A path, not a name: taken from the working directory, as a shell there would
        program = Path(launch.working_dir or ".", _expanded(command))
        if not program.exists():
            return classify.command_not_found(command, str(program.absolute()))
        if not program.is_file() or not os.access(program, os.X_OK):
            return classify.not_executable(command)
        found = str(program.absolute())
    else:
        found = shutil.which(command, path=path) or ""
        if not found:
            return classify.command_not_found(command, path)
    return replace(launch, argv=(found, *launch.argv[1:]))


def _expanded(path: str) -> Path:
    """With ``~`` put in full; as it is when it names nobody's home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)
