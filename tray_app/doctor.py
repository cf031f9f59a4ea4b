"""``mcpproxy-tray doctor``: asks the engine that runs, or examines what there is without one."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import __version__
from core.errors import McpProxyError, PermissionProblem
from core.model.findings import Finding, Gravity
from tray_app.client import Client, Failed, Json, NotRunning
from tray_app.help import help_page

if TYPE_CHECKING:
    from core.app import Options
    from tray_app.autostart import Autostart

DIAGNOSTICS = "/api/v1/diagnostics"
BUNDLE = f"{DIAGNOSTICS}/bundle"

_MARKS = {"ok": "ok", "note": "note", "warning": "WARNING", "error": "ERROR"}
_INDENT = " " * 9


def examine(client: Client, options: Callable[[], Options]) -> Json:
    """What ``GET /api/v1/diagnostics`` answers, and what only this side can know."""
    from tray_app.autostart import here
    from tray_app.tray_host import tray_host

    found: list[Mapping[str, Any]]
    try:
        told = client.get(DIAGNOSTICS)
    except NotRunning:
        from core.app import diagnose

        found = [_plain(_NOT_RUNNING), *_findings(diagnose(options()))]
    except Failed as error:
        found = [_plain(_unwell(error))]
    else:
        found = [_plain(each) for each in _other_version(str(told["version"]))]
        found += _findings(told)
    found += [_plain(each) for each in tray_host(os.environ)]
    found += [_plain(each) for each in at_login(here(Path.home(), os.environ))]
    wrong = sum(each["level"] in (Gravity.WARNING, Gravity.ERROR) for each in found)
    return {"version": __version__, "wrong": wrong, "findings": found}


def write_bundle(client: Client, options: Callable[[], Options], file: Path) -> None:
    """Put a report without secrets into the file. Raises PermissionProblem."""
    try:
        packed = client.download(BUNDLE)
    except NotRunning:
        from core.app import report

        packed = report(options())
    try:
        _replace(file, packed)
    except OSError as error:
        raise PermissionProblem(
            f"{file} cannot be written: {error.strerror or error}. Name another file."
        ) from error


def words(data: Json) -> str:
    """One line for what is well, some more for what is not."""
    lines: list[str] = []
    for each in _findings(data):
        lines.append(f"{_MARKS[each['level']]:<9}{each['what']}")
        if each["level"] == Gravity.OK:
            continue
        lines += (f"{_INDENT}{line}" for line in str(each["why"]).splitlines())
        if each["fix"]:
            lines.append(f"{_INDENT}To do: {each['fix']}")
        if each["code"]:
            lines.append(f"{_INDENT}{each['code']} is explained in {help_page(each['code'])}")
    count = data["wrong"]
    things = "1 thing is" if count == 1 else f"{count} things are"
    lines.append("Nothing is wrong." if not count else f"{things} wrong.")
    return "\n".join(lines)


def short_report(data: Json) -> str:
    """What is wrong, and with which version on which system: fit to be pasted somewhere."""
    import platform

    where = f"{platform.platform()}, Python {platform.python_version()}"
    wrong = [each for each in data["findings"] if each["level"] != Gravity.OK]
    return f"MCP Proxy Tray {data['version']} on {where}\n\n{words({**data, 'findings': wrong})}"


def _findings(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(data["findings"])


def _plain(finding: Finding) -> Mapping[str, Any]:
    """As the REST interface writes findings."""
    return asdict(finding)


_NOT_RUNNING = Finding(
    check="engine",
    level=Gravity.NOTE,
    what="MCP Proxy Tray is not running.",
    why="Only what can be known without it was examined.",
    fix="Start it with: mcpproxy-tray",
)


def _unwell(error: McpProxyError) -> Finding:
    return Finding(
        check="engine",
        level=Gravity.ERROR,
        what="MCP Proxy Tray runs, but could not say how it is.",
        why=str(error),
        fix="Quit it and start it anew; main.log may say more.",
    )


def at_login(autostart: Autostart) -> Iterator[Finding]:
    """Nothing where it is off, which is what most people want."""
    if not autostart.is_on():
        return
    program = autostart.program()
    if program is None or shutil.which(program) is not None:
        what = f"It starts at login ({autostart.place})."
        yield Finding(check="autostart", level=Gravity.OK, what=what)
        return
    yield Finding(
        check="autostart",
        level=Gravity.WARNING,
        what=f"What is started at login is not there: {program}.",
        why=f"{autostart.place} names it. It was moved or uninstalled.",
        fix="Name this installation with: mcpproxy-tray autostart on. Or remove it: autostart off",
    )


def _other_version(running: str) -> list[Finding]:
    if running == __version__:
        return []
    return [
        Finding(
            check="upgrade",
            level=Gravity.WARNING,
            what=f"Version {running} runs, but {__version__} is installed.",
            why="The program was upgraded while it ran.",
            fix="Quit it and start it anew.",
        )
    ]


def _replace(file: Path, data: bytes) -> None:
    """Written in full or not at all, and for this user only."""
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.absolute().parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(data)
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def leave(data: Json) -> None:
    """End with 1 when something is wrong."""
    if data["wrong"]:
        sys.exit(1)
