"""The examination: every finding, in the order in which a person would look."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

from core.config.file import ConfigFile
from core.config.tokens import SIGN_INS, kept_where
from core.doctor import servers, surroundings
from core.doctor.log_errors import newest_errors
from core.doctor.premises import Premises
from core.errors import ConfigError, ListenError, McpProxyError
from core.model.config import Config, Listen
from core.model.findings import Finding, Gravity
from core.model.status import Snapshot
from core.ports import Keyring
from core.telemetry.logfile import tail
from core.telemetry.logging import MAIN_LOG
from core.upstream.environment import SHELL_LIMIT, SearchPath
from core.upstream.values import values_for
from core.web.serve import bind_tcp

LOG_LINES = 2000
LOG_BYTES = 512 * 1024


async def examine(
    premises: Premises, search_path: SearchPath, keyring: Keyring, snapshot: Snapshot | None
) -> tuple[Finding, ...]:
    """Everything examined. ``snapshot`` is the running engine's; None when none runs.

    Changes nothing: no file is made or corrected. Takes as long as the login shell to tell its
    PATH, unless it was asked before, and without an engine as long as the keyring.
    """
    path = await search_path.get()
    on_path = _search_path(premises, path, search_path.shell_answered)
    config: Config | None
    if snapshot is not None:
        config, about_config = snapshot.config, list(_config_in_use(premises, snapshot))
        about = [servers.running(snapshot.servers[name]) for name in sorted(snapshot.servers)]
    else:
        config, about_config = await asyncio.to_thread(_config_on_disk, premises)
        about = await _startable(config or Config(), premises, keyring, path)
    return await asyncio.to_thread(
        _examine, premises, snapshot, config, about_config, [on_path, *about]
    )


async def _startable(
    config: Config, premises: Premises, keyring: Keyring, path: str
) -> list[Finding]:
    policy = config.environment
    findings = []
    for name in sorted(config.servers):
        server = config.servers[name]
        texts = server.texts(policy) if server.enabled else ()
        values = await values_for(texts, premises.environ, keyring)
        findings.append(await asyncio.to_thread(servers.startable, server, policy, values, path))
    return findings


def _examine(
    premises: Premises,
    snapshot: Snapshot | None,
    config: Config | None,
    about_config: list[Finding],
    about_servers: list[Finding],
) -> tuple[Finding, ...]:
    listed = config if config is not None else Config()
    findings = [surroundings.versions(premises.version), *about_config]
    if config is not None:
        findings += _api_key(config)
    findings.append(_endpoint(snapshot) if snapshot is not None else _port(listed.listen))
    findings += surroundings.directory("data", premises.data_dir)
    findings += surroundings.directory("logs", premises.log_dir)
    if snapshot is not None:
        findings.append(_storage(snapshot))
    findings += _sign_ins(premises.data_dir / SIGN_INS)
    findings += surroundings.descriptors(len(listed.servers))
    findings += about_servers
    findings.append(_main_log(premises.log_dir / MAIN_LOG))
    return tuple(findings)


def _config_in_use(premises: Premises, snapshot: Snapshot) -> Iterator[Finding]:
    if snapshot.config_problem is None:
        yield _good_config(premises.config_file, snapshot.config)
        return
    yield Finding(
        check="config",
        level=Gravity.WARNING,
        what=f"{snapshot.config_problem.file} has a mistake; the last good settings are used.",
        why="\n".join(map(str, snapshot.config_problem.problems)),
        fix="Correct the file; saving it is enough.",
    )


def _config_on_disk(premises: Premises) -> tuple[Config | None, list[Finding]]:
    file = premises.config_file
    try:
        config = ConfigFile(file, premises.overrides).examine()
    except ConfigError as error:
        why = "\n".join(map(str, error.problems))
        fix = "Correct the file; the program does not start with it."
        return None, [_bad_config(f"{file} cannot be used.", why, fix)]
    except McpProxyError as error:
        what, _, fix = str(error).partition(". ")
        return None, [_bad_config(f"{what}.", "", fix)]
    if config is None:
        return None, [
            Finding(
                check="config",
                level=Gravity.NOTE,
                what=f"There is no config file {file} yet.",
                why="The first start makes one, with a small example server.",
            )
        ]
    return config, [_good_config(file, config)]


def _bad_config(what: str, why: str, fix: str) -> Finding:
    return Finding(check="config", level=Gravity.ERROR, what=what, why=why, fix=fix)


def _good_config(file: Path, config: Config) -> Finding:
    count = len(config.servers)
    return Finding(
        check="config",
        level=Gravity.OK,
        what=f"{file} is valid.",
        why=f"It names {count} server{'' if count == 1 else 's'}.",
    )


def _api_key(config: Config) -> Iterator[Finding]:
    if not config.api_key:
        yield Finding(
            check="api_key",
            level=Gravity.WARNING,
            what="api_key is empty.",
            why="Every program on this machine can control the servers.",
            fix="Remove api_key from the config file: the next start makes a new one.",
        )


def _endpoint(snapshot: Snapshot) -> Finding:
    if snapshot.endpoint is None:
        return Finding(check="port", level=Gravity.NOTE, what="The endpoint is not open yet.")
    return Finding(
        check="port", level=Gravity.OK, what=f"AI clients connect to {snapshot.endpoint}"
    )


def _port(listen: Listen) -> Finding:
    """Listen for a moment as a start would."""
    try:
        bind_tcp(listen).close()
    except ListenError as error:
        what, _, fix = str(error).partition(". ")
        return Finding(check="port", level=Gravity.ERROR, what=f"{what}.", fix=fix)
    place = listen if listen.port else f"Any free port of {listen.host}"
    return Finding(check="port", level=Gravity.OK, what=f"{place} can be listened on.")


def _storage(snapshot: Snapshot) -> Finding:
    if not snapshot.storage_problem:
        what = "Approvals and history are kept."
        return Finding(check="storage", level=Gravity.OK, what=what)
    what, _, why = snapshot.storage_problem.partition(": ")
    why, _, fix = why.rpartition(". ")
    return Finding(check="storage", level=Gravity.WARNING, what=f"{what}.", why=why, fix=fix)


def _sign_ins(file: Path) -> Iterator[Finding]:
    """Where what proves who the person is at their servers is kept, if there is anything."""
    in_keyring, in_file = kept_where(file)
    if in_keyring:
        what = f"The keyring keeps you signed in to {', '.join(in_keyring)}."
        yield Finding(check="sign_ins", level=Gravity.OK, what=what)
    if in_file:
        yield Finding(
            check="sign_ins",
            level=Gravity.OK,
            what=f"{file} keeps you signed in to {', '.join(in_file)}.",
            why="Only you can read it. There is no keyring, or it took nothing at that time.",
        )


def _search_path(premises: Premises, path: str, shell_answered: bool) -> Finding:
    shell = premises.environ.get("SHELL", "")
    searched = f"Searched: {path}"
    if shell_answered or sys.platform == "win32":
        what = "Commands are searched as in your terminal."
        return Finding(check="path", level=Gravity.OK, what=what, why=searched)
    if not shell:
        return Finding(
            check="path",
            level=Gravity.NOTE,
            what="No login shell was asked for its PATH, because SHELL is not set.",
            why=searched,
            fix="Where a command is not found, give its full path.",
        )
    return Finding(
        check="path",
        level=Gravity.WARNING,
        what=f"Your login shell {shell} did not tell its PATH within {SHELL_LIMIT:g} s.",
        why=f"Commands that only a terminal finds may be missing. {searched}",
        fix=f"Find what keeps `{shell} -ilc true` from ending, or give commands by full path.",
    )


def _main_log(path: Path) -> Finding:
    try:
        lines = tail(path, LOG_LINES, LOG_BYTES)
    except OSError as error:
        return Finding(
            check="main_log",
            level=Gravity.WARNING,
            what=f"{path} cannot be read.",
            why=f"{error.strerror or error}.",
            fix=f"Make {path} readable for you.",
        )
    errors = newest_errors(lines)
    if not errors:
        return Finding(check="main_log", level=Gravity.OK, what=f"No errors in {path}.")
    return Finding(
        check="main_log",
        level=Gravity.NOTE,
        what=f"The newest errors in {path}:",
        why="\n".join(errors),
    )
